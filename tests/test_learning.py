"""What search learns from an installation's own log: only where the tenant said so, only from what was called, and only what helps."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from msgspec import structs

from gateway.cli import cli
from gateway.core.audit import AuditEntry, Phase
from gateway.core.lesson import LESSONS_A_SEARCH_MAX, WAIT, Lesson, lessons_of, note_of
from gateway.core.tenancy import TenantPowers
from gateway.errors import BadRequest
from gateway.rankers.base import Matrix
from gateway.rankers.head import Report, accept, current, roll_back, turn, with_head
from gateway.stores.base import AuditFilter
from gateway.training.head import HeadRecipe, Taught, try_head
from tests.conftest import Backend
from tests.rankers.conftest import make_model
from tests.test_call import LAMPS

pytestmark = pytest.mark.anyio

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
WIDTH = 24


def line(phase: Phase, after_s: float, tool: str = "search", **more: Any) -> AuditEntry:
    told = {
        "door": "rest",
        "tenant": "default",
        "subject": "mira",
        "client": "k",
        "connector": "lamps",
        "status": 200,
        **more,
    }
    return AuditEntry(at=START + timedelta(seconds=after_s), call_id="c", phase=phase, tool=tool, **told)


SEARCH = line("searched", 0, arguments=note_of("make it bright", ["lamps_turn_on", "lamps_list", "lamps_a", "lamps_b"]))


@pytest.mark.parametrize(
    ("lines", "tools"),
    [
        ([line("done", 1, "lamps_turn_on")], ["lamps_turn_on"]),
        ([line("done", 1, "lamps_turn_on"), line("done", 2, "lamps_turn_on")], ["lamps_turn_on"]),
        ([line("done", 1, "lamps_list"), line("done", 2, "lamps_turn_on")], ["lamps_list", "lamps_turn_on"]),
        ([line("done", WAIT.total_seconds() + 1, "lamps_turn_on")], []),
        ([line("done", 1, "lamps_other")], []),
        ([line("done", 1, "lamps_turn_on", subject="noor")], []),
        ([line("done", 1, "lamps_turn_on", tenant="acme")], []),
        ([line("done", 1, "lamps_turn_on", status=500)], []),
        ([line("denied", 1, "lamps_turn_on", status=0)], []),
        ([line("sending", 1, "lamps_turn_on", status=0)], []),
        ([line("uncertain", 1, "lamps_turn_on", status=0)], []),
    ],
)
def test_a_lesson_is_a_search_and_what_its_caller_then_called_and_got(
    lines: list[AuditEntry], tools: list[str]
) -> None:
    assert lessons_of([SEARCH, *lines]) == [Lesson("make it bright", tool, "lamps") for tool in tools]


def test_one_search_teaches_so_much_and_a_later_one_takes_its_place() -> None:
    many = [line("done", at, tool) for at, tool in enumerate(["lamps_turn_on", "lamps_list", "lamps_a", "lamps_b"], 1)]
    assert len(lessons_of([SEARCH, *many])) == LESSONS_A_SEARCH_MAX
    later = line("searched", 2, arguments=note_of("something else", ["lamps_b"]))
    assert lessons_of([SEARCH, later, line("done", 3, "lamps_turn_on"), line("done", 4, "lamps_b")]) == [
        Lesson("something else", "lamps_b", "lamps")
    ]


def test_no_secret_is_in_what_is_noted() -> None:
    noted = bytes(note_of("call it with Bearer abcdefghijklmnop123456", ["a"]))
    assert b"abcdefghijklmnop123456" not in noted
    assert lessons_of([line("searched", 0, arguments=note_of("light " * 10_000, ["a"] * 1_000)), line("done", 1, "a")])


# Through the front door


async def test_searches_are_on_record_of_the_tenants_that_said_so_alone(
    opens: Callable[..., Any], backend: Backend
) -> None:
    for powers, phases in (({}, []), ({"default": TenantPowers(learn_from_searches=True)}, ["searched"])):
        async with opens(tenants=powers) as door:
            if not phases:
                await door.add("lamps", LAMPS, backend.url)
            key = await door.key()
            found = (await door.post("/v1/tools:search", key, {"query": "lamp"})).json()["tools"]
            await door.post(f"/v1/tools/{found[0]['name']}:call", key, {"arguments": {"id": "a"}})
        async with opens(tenants=powers) as door:
            lines = await door.gateway.store.read_audit(AuditFilter("default", 0, 1_000))
            assert [one.phase for one in lines if one.phase == "searched"] == phases
            lessons = lessons_of(lines)
            assert [one.query for one in lessons] == ["lamp"] * len(phases)


# Heads


def taught(turned: bool, seed: int = 3) -> Taught:
    """Forty tools of eight connectors, and five queries of each: near their tool, but turned in a few directions in one way for all."""
    chance = np.random.default_rng(seed)
    tools = unit(chance.normal(size=(40, WIDTH)))
    mixed = (
        chance.normal(size=(WIDTH, 2)) @ chance.normal(size=(2, WIDTH)) * 0.25 if turned else np.zeros((WIDTH, WIDTH))
    )
    right = [place for place in range(40) for _ in range(5)]
    queries = unit(tools[right] + tools[right] @ mixed + 0.1 * chance.normal(size=(200, WIDTH)))
    orders = [list(chance.permutation(40)) for _ in right]
    return Taught(queries, right, orders, tools, [f"c{place // 5}" for place in range(40)])


def unit(vectors: Any) -> Matrix:
    told: Matrix = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return told


def test_a_head_that_finds_tools_of_strange_connectors_better_is_accepted(tmp_path: Path) -> None:
    matrix, report = try_head(taught(turned=True), "tiny", HeadRecipe(), tmp_path)
    assert report.accepted
    assert report.after > report.before + 0.02
    assert (report.lessons, report.connectors) == (200, 8)
    assert np.abs(matrix).max() > 0


def test_a_head_that_does_not_is_not(tmp_path: Path) -> None:
    _, report = try_head(taught(turned=False), "tiny", HeadRecipe(), tmp_path)
    assert not report.accepted
    few = structs.replace(
        taught(turned=True), right=taught(turned=True).right[:40], queries=taught(turned=True).queries[:40]
    )
    _, report = try_head(few, "tiny", HeadRecipe(), tmp_path / "few")
    assert not report.accepted


class Still:
    """An encoding of one vector."""

    name, width = "tiny", 3

    def encode(self, texts: Any) -> Any:
        return np.array([[1, 0, 0]] * len(texts), np.float32)

    def encode_queries(self, queries: Any, deadline_s: float) -> Any:
        return list(self.encode(queries))

    def close(self) -> None:
        pass


def report_of(encoder: str) -> Report:
    return Report(encoder, lessons=60, connectors=4, before=0.5, after=0.6, wins=0.99, accepted=True)


def test_queries_go_through_the_head_in_force_and_tools_do_not(tmp_path: Path) -> None:
    turning = np.array([[-1, 1, 0], [0, 0, 0], [0, 0, 0]], np.float32)
    assert with_head(Still(), tmp_path).encode_queries(["q"], 1)[0].tolist() == [1, 0, 0]  # type: ignore[index]
    assert accept(tmp_path, turning, report_of("tiny")) == 1
    headed = with_head(Still(), tmp_path)
    assert headed.encode_queries(["q"], 1)[0].tolist() == [0, 1, 0]  # type: ignore[index]
    assert headed.encode(["t"]).tolist() == [[1, 0, 0]]
    assert turn(np.zeros((1, 3), np.float32), turning).tolist() == [[0, 0, 0]]


def test_one_command_goes_back_and_nothing_accepted_is_written_over(tmp_path: Path) -> None:
    turning = np.eye(3, dtype=np.float32)
    assert [accept(tmp_path, turning * at, report_of("tiny")) for at in (1, 2)] == [1, 2]
    assert (roll_back(tmp_path), current(tmp_path)) == (1, 1)
    assert accept(tmp_path, turning, report_of("tiny")) == 3
    assert [roll_back(tmp_path) for _ in range(3)] == [2, 1, 0]
    with pytest.raises(BadRequest, match="nothing to go back from"):
        roll_back(tmp_path)


@pytest.mark.parametrize(
    "broken", ["another model", "another width", "no matrix", "not a number", "no report", "a number that is none"]
)
def test_a_head_that_does_not_fit_is_left_out(tmp_path: Path, broken: str) -> None:
    width = 4 if broken == "another width" else 3
    value = np.nan if broken == "not a number" else 1.0
    accept(
        tmp_path,
        np.full((width, width), value, np.float32),
        report_of("other" if broken == "another model" else "tiny"),
    )
    if broken == "no matrix":
        (tmp_path / "1.npy").write_bytes(b"\x93NUMPY")
    if broken == "no report":
        (tmp_path / "1.json").write_bytes(b"{}")
    if broken == "a number that is none":
        (tmp_path / "current").write_text("first")
    assert isinstance(with_head(Still(), tmp_path), Still)


def test_the_command_line_says_what_is_missing_and_goes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("FACTOTUM_")]:
        monkeypatch.delenv(name)

    def run(*asked: str) -> Any:
        return CliRunner().invoke(cli, ["train", "head", *asked])

    assert "ranks by words" in str(run().exception)
    monkeypatch.setenv("FACTOTUM_RANKER__KIND", "fused")
    monkeypatch.setenv("FACTOTUM_RANKER__MODEL", str(make_model(tmp_path / "model")))
    monkeypatch.setenv("FACTOTUM_RANKER__DEVICE", "cpu")
    assert "No tenant lets its searches be learnt from" in str(run().exception)
    monkeypatch.setenv("FACTOTUM_TENANTS__DEFAULT__LEARN_FROM_SEARCHES", "true")
    assert "nothing to learn from yet" in str(run().exception)
    assert "nothing to go back from" in str(run("--rollback").exception)
    accept(tmp_path / ".factotum" / "search_heads", np.eye(3, dtype=np.float32), report_of("tiny"))
    assert "no head" in run("--rollback").output
