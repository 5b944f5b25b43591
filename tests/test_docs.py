"""What the docs promise to tell in full, they do: every setting, limit, manifest field and option, and every reason for which
something is repaired or refused."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import rich_click as click

from gateway.cli.rank import serve_models
from gateway.core.extension import Extension
from gateway.core.issuer import BrowserClient, ClaimNames, Introspection, Issuer
from gateway.core.manifest import Filter, Limits, Manifest
from gateway.core.option import RESERVED
from gateway.core.toolset import Toolset
from gateway.settings import FusedRanker, LlmPlannerSettings, LocalReranker, RemoteModel, RemoteReranker, Settings

ROOT = Path(__file__).parent.parent
# Who gives a reason, and as which of the arguments.
GIVE_REASONS = {"note": 0, "_note": 0, "Malformed": 0, "Refusal": 2, "Repair": 1}
REASON = re.compile(r"[a-z]+(-[a-z0-9]+)*")


def told(page: str) -> str:
    return (ROOT / "docs" / page).read_text(encoding="utf-8")


def settings_of(kind: type, prefix: str = "") -> Iterator[tuple[str, object]]:
    for field in msgspec.structs.fields(kind):
        default = field.default
        if isinstance(default, msgspec.Struct) and field.name not in ("store", "ranker", "planner"):
            yield from settings_of(type(default), f"{prefix}{field.name}.")
        else:
            yield f"{prefix}{field.name}", default


@pytest.mark.parametrize(("name", "default"), list(settings_of(Settings)), ids=lambda value: str(value)[:40])
def test_every_setting_is_told_with_its_default(name: str, default: object) -> None:
    row = next((line for line in told("settings.md").splitlines() if line.startswith(f"| `{name}`")), "")
    assert row, f"docs/settings.md does not tell {name}"
    if isinstance(default, int | float) and not isinstance(default, bool):
        assert f"`{default:g}`" in row.replace(f"`{default}`", f"`{default:g}`")


@pytest.mark.parametrize("field", msgspec.structs.fields(LlmPlannerSettings), ids=lambda field: field.name)
def test_every_setting_of_a_language_model_is_told_with_its_default(field: msgspec.structs.FieldInfo) -> None:
    name, default = f"`planner.{field.name}`", field.default
    row = next((line for line in told("planning-llm.md").splitlines() if line.startswith("| ") and name in line), "")
    assert row, f"docs/planning-llm.md does not tell {name}"
    assert (
        not isinstance(default, int | float)
        or isinstance(default, bool)
        or f"`{default:g}`" in row.replace(f"`{default}`", f"`{default:g}`")
    )


@pytest.mark.parametrize("kind", [FusedRanker, LocalReranker, RemoteModel, RemoteReranker])
def test_every_setting_of_a_ranker_is_told(kind: type) -> None:
    pages = told("search.md") + told("settings.md")
    assert [name for name in kind.__struct_fields__ if not re.search(rf"\b{name}\b", pages)] == []


@pytest.mark.parametrize("option", serve_models.params, ids=lambda option: option.name)
def test_every_option_of_a_server_of_models_is_told_with_its_default(option: click.Option) -> None:
    row = next((line for line in told("search.md").splitlines() if re.match(rf"\|.*`{option.opts[0]}`", line)), "")
    assert row, f"docs/search.md does not tell {option.opts[0]}"
    assert not isinstance(option.default, int | str) or option.default == "" or f"`{option.default}`" in row


@pytest.mark.parametrize("field", msgspec.structs.fields(Limits), ids=lambda field: field.name)
def test_every_limit_of_a_connector_is_told_with_its_default(field: msgspec.structs.FieldInfo) -> None:
    row = next((line for line in told("connectors.md").splitlines() if line.startswith(f"| `{field.name}`")), "")
    assert row, f"docs/connectors.md does not tell {field.name}"
    assert row.split("|")[2].strip() == shown(field.name, field.default)


def shown(name: str, value: float) -> str:
    if "bytes" not in name:
        return f"{value:g}"
    return f"{value >> 20} MiB" if value % (1 << 20) == 0 else f"{value >> 10} KiB"


@pytest.mark.parametrize("field", Toolset.__struct_fields__)
def test_every_field_of_a_toolset_is_told(field: str) -> None:
    assert re.search(rf"^\| [^|]*`{field}`[^|]*\|", told("settings.md").partition("## Toolsets")[2], re.MULTILINE)


@pytest.mark.parametrize("kind", [Manifest, Filter, Extension])
def test_every_field_that_a_developer_writes_is_told(kind: type) -> None:
    page = told("connectors.md")
    missing = [name for name in kind.__struct_fields__ if not re.search(rf"\b{name}\b", page)]
    assert missing == []


@pytest.mark.parametrize("kind", [Issuer, ClaimNames, Introspection, BrowserClient])
def test_every_field_that_is_said_of_an_issuer_is_told(kind: type) -> None:
    page = told("sign-in.md")
    assert [name for name in kind.__struct_fields__ if not re.search(rf"\b{name}\b", page)] == []


def test_every_option_of_a_call_is_told() -> None:
    page = told("answers.md")
    assert [name for name in sorted(RESERVED) if f"`{name}`" not in page] == []


def reasons() -> set[str]:
    """Every reason that the compiler can give, read off its source."""
    found = set()
    for path in (ROOT / "gateway" / "core").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            told = node.args[GIVE_REASONS[name] :][:1] if name in GIVE_REASONS else []
            told += [keyword.value for keyword in node.keywords if keyword.arg == "reason"]
            found |= {one.value for one in told if isinstance(one, ast.Constant) and isinstance(one.value, str)}
    return {one for one in found if REASON.fullmatch(one)}


def test_every_reason_for_a_repair_or_a_refusal_is_told() -> None:
    assert len(reasons()) > 25
    page = told("documents.md")
    assert [one for one in sorted(reasons()) if f"| `{one}` |" not in page] == []
