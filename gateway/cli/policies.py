"""Policies: why a call is decided as it is, and what others would have changed."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import rich_click as click

from gateway.app import open_store
from gateway.cli.checks import policy
from gateway.cli.owner import open_here, settings_here
from gateway.cli.terminal import asynchronous, err, out, table
from gateway.core.catalog import all_scopes
from gateway.core.policy_pack import Pack, Unwritable, keep_to_tenants, limit_amount
from gateway.core.policy_replay import Simulation
from gateway.core.principal import Principal
from gateway.core.scope import expand_scopes
from gateway.edge.parts import Gateway
from gateway.errors import BadRequest, Conflict, NotFound
from gateway.policies import LINES_MAX, Explanation, Question
from gateway.policy_files import read_others, write_pack
from gateway.stores.base import POLICY_VERSIONS_MAX

_SPAN = re.compile(r"(\d{1,4})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@policy.command("explain")
@click.argument("words", nargs=-1, metavar="[PRINCIPAL] TOOL [ARGUMENTS]")
@click.option("--key", default="", metavar="KEY_ID", help="Whoever has this API key, in place of PRINCIPAL.")
@click.option("--group", "groups", multiple=True, help="Repeatable: a group of the principal.")
@click.option("--scope", "scopes", multiple=True, help="Repeatable: a scope of the principal, or `home:*`.")
@click.option("--tenant", default="default", show_default=True)
@click.option("--issuer", default="", help="The authorisation server that vouches for the principal.")
@click.option("--at", default=None, metavar="TIME", help="When, such as 2026-01-05T23:30:00Z; now if left out.")
@click.option("--door", default="mcp", show_default=True)
@click.option("--source", type=click.Choice(["call", "intent", "standing intent"]), default="call", show_default=True)
@click.option("--label", "labels", multiple=True, help="Repeatable: a label of the data in the arguments.")
@click.option("--json", "as_json", is_flag=True, help="The whole as JSON.")
@asynchronous
async def explain_call(
    words: tuple[str, ...],
    key: str,
    groups: tuple[str, ...],
    scopes: tuple[str, ...],
    tenant: str,
    issuer: str,
    at: str | None,
    door: str,
    source: Any,
    labels: tuple[str, ...],
    as_json: bool,
) -> None:
    """Say how a call would be decided, and why. ARGUMENTS are JSON; the call is not made."""
    who, tool, arguments = _words(words, has_key=bool(key))
    asked = Question(tool, arguments, _time(at), door, source, "", frozenset(labels))
    async with open_here() as gateway:
        if key:
            principal = await gateway.policies.principal_of(key)
        else:
            held = _expanded(scopes, gateway, tenant)
            method = "oauth" if issuer else "api_key"
            principal = Principal(tenant, who, "cli", held, frozenset(groups), method, issuer)  # type: ignore[arg-type]
        explanation = gateway.policies.explain(principal, asked)
    if as_json:
        out.print(msgspec.json.encode(explanation).decode())
    else:
        _print_explanation(explanation)


def _words(words: tuple[str, ...], *, has_key: bool) -> tuple[str, str, dict[str, Any]]:
    who, rest = ("", words) if has_key else (words[0] if words else "", words[1:])
    if len(rest) not in (1, 2):
        wanted = "TOOL [ARGUMENTS]" if has_key else "PRINCIPAL TOOL [ARGUMENTS]"
        raise BadRequest(f"Say {wanted}: factotum policy explain ada home_list_lights '{{}}'.")
    try:
        return who, rest[0], msgspec.json.decode(rest[1] if len(rest) == 2 else "{}", type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise BadRequest("The arguments are a JSON object, such as '{\"amount\": 60}'.") from error


def _time(told: str | None) -> datetime | None:
    try:
        at = datetime.fromisoformat(told) if told else None
    except ValueError:
        at = None
    if told and (at is None or at.tzinfo is None):
        raise BadRequest(f"{told!r} is no time with a zone; write 2026-01-05T23:30:00Z.")
    return at


def _expanded(scopes: tuple[str, ...], gateway: Gateway, tenant: str) -> frozenset[str]:
    try:
        return expand_scopes(scopes, all_scopes(gateway.published.of(tenant).catalog))
    except ValueError as error:
        raise BadRequest(str(error)) from error


def _print_explanation(told: Explanation) -> None:
    out.print(f"{told.verdict}: {' '.join(told.reasons)}")
    for problem in told.problems:
        out.print(f"  {problem}")
    if told.approvers:
        out.print(f"approval of: {', '.join(told.approvers)}{' (four eyes)' if told.four_eyes else ''}")
    if told.redact:
        out.print(f"redacted from the answer: {', '.join(told.redact)}")
    for one in told.policies:
        mark = "decides" if one.id in told.decided_by else "applies" if one.applies else "does not apply"
        out.print(f"  {one.effect} {one.id} ({one.file}) {mark}{f'. {one.why}' if one.why else ''}")
    if told.others:
        out.print(f"About other callers or other connectors: {told.others}.")
    if told.policies and not told.decided_by and (told.missing_scopes or told.held):
        out.print("The policies were not asked: this is what they would say.")


@policy.command("simulate")
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--since", default="7d", show_default=True, help="How far to look back: 30m, 12h, 7d, 4w.")
@click.option("--limit", type=click.IntRange(1, LINES_MAX), default=LINES_MAX, show_default=True, help="Newest lines.")
@click.option("--tenant", default=None, help="That tenant's calls alone.")
@click.option("--json", "as_json", is_flag=True, help="The whole as JSON.")
@asynchronous
async def simulate_policies(path: Path, since: str, limit: int, tenant: str | None, as_json: bool) -> None:
    """Say what other policies would have decided about the calls in the audit log. PATH is a folder in place of policies_dir, or
    one file in place of that of its name. Nothing is put in force."""
    span = _SPAN.fullmatch(since)
    if span is None:
        raise BadRequest(f"{since!r} is no time to look back; write 30m, 12h, 7d or 4w.")
    files = read_others(settings_here(), path)
    async with open_here() as gateway:
        back = timedelta(**{_UNITS[span[2]]: int(span[1])})
        simulation = await gateway.policies.simulate(files, back, limit, tenant)
    if as_json:
        out.print(msgspec.json.encode(simulation).decode())
    else:
        _print_simulation(simulation)


def _print_simulation(told: Simulation) -> None:
    if told.changes:
        shown = table("tool", "subject", "calls", "now", "then", "by", "such as")
        for one in told.changes:
            who = f"{one.tenant}/{one.subject}"
            before, after = _say(one.before, one.redact_before), _say(one.after, one.redact)
            shown.add_row(one.tool, who, str(one.calls), before, after, " ".join(one.policies), one.call_id)
        out.print(shown)
    if told.more:
        out.print(f"{told.more} calls more would change, each kind of them less often.")
    for gap in told.untold:
        out.print(f"{gap.tool}: {gap.calls} calls cannot be told, such as {gap.call_id}: {gap.why}")
    changed = told.more + sum(one.calls for one in told.changes)
    untold = sum(gap.calls for gap in told.untold)
    when = f" from {told.oldest:%Y-%m-%d %H:%M} to {told.newest:%Y-%m-%d %H:%M}" if told.oldest and told.newest else ""
    err.print(f"{told.calls} calls{when}: {told.same} as before, {changed} otherwise, {untold} cannot be told.")


def _say(verdict: str, redact: tuple[str, ...]) -> str:
    return f"{verdict} without {', '.join(redact)}" if redact else verdict


@policy.command("versions")
@click.option("--limit", type=click.IntRange(1, POLICY_VERSIONS_MAX), default=20, show_default=True)
@asynchronous
async def list_versions(limit: int) -> None:
    """Which policies were in force since when, the newest first."""
    async with open_store(settings_here()) as store:
        versions = await store.policy_versions(POLICY_VERSIONS_MAX)
    shown = table("version", "since", "roles", "changed")
    for one, before in zip(versions[:limit], [*versions[1:], None], strict=False):
        names = [] if before is None else _changed(before.files, one.files)
        shown.add_row(one.version, f"{one.at:%Y-%m-%d %H:%M:%S}", one.roles, " ".join(names))
    out.print(shown)


@policy.command("show")
@click.argument("version")
@click.option("--into", type=click.Path(path_type=Path), default=None, help="Write the files to this new folder.")
@asynchronous
async def show_version(version: str, into: Path | None) -> None:
    """Show the files of a version that was in force, the newest of that name."""
    async with open_store(settings_here()) as store:
        found = next((one for one in await store.policy_versions(POLICY_VERSIONS_MAX) if one.version == version), None)
    if found is None:
        raise NotFound(f"There is no version {version[:40]!r} among the newest {POLICY_VERSIONS_MAX}.")
    if into is not None:
        _write(into, found.files)
        return
    for name, text in sorted(found.files.items()):
        out.print(f"// {name}")
        out.print(text)


def _changed(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


def _write(folder: Path, files: Mapping[str, str]) -> None:
    """Names come from files that lay in one folder once, and are looked at all the same."""
    try:
        folder.mkdir(parents=True)
        for name, text in files.items():
            (folder / Path(name).name).write_text(text, encoding="utf-8")
    except FileExistsError as error:
        raise Conflict(f"{folder} is there already; name a folder that is not.") from error
    except OSError as error:
        raise BadRequest(f"{folder} cannot be written.") from error
    out.print(f"{len(files)} files are in {folder}")


@policy.group("pack")
def pack() -> None:
    """Write a policy, with its case table, that has to be told what it is about."""


@pack.command("amount-limits")
@click.option("--tool", "name", required=True)
@click.option("--argument", required=True, help="A number among its arguments, such as amount or payment.amount.")
@click.option("--max", "most", required=True, help="The most that goes through.")
@click.option("--approval", default=None, metavar="GROUP", help="Above it, ask these for a yes; without it, deny.")
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    default=None,
    help="The folder, made where it is not there; policies_dir if left out.",
)
@asynchronous
async def write_amount_limit(name: str, argument: str, most: str, approval: str | None, into: Path | None) -> None:
    """A limit on a number that a tool is called with."""
    async with open_here() as gateway:
        tools = {
            tool: one.catalog.tools[tool] for one in gateway.published.editions.every() for tool in one.catalog.tools
        }
    if name not in tools:
        raise NotFound(f"There is no tool named {name!r}; `factotum tools` lists those there are.")
    try:
        _write_pack(limit_amount(tools[name], argument, most, approval), into)
    except Unwritable as error:
        raise BadRequest(str(error)) from error


@pack.command("tenant-isolation")
@click.option("--connector", required=True, help="One that all tenants share.")
@click.option("--tenant", "tenants", multiple=True, required=True, help="Repeatable: who alone may use it.")
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    default=None,
    help="The folder, made where it is not there; policies_dir if left out.",
)
@asynchronous
async def write_tenants(connector: str, tenants: tuple[str, ...], into: Path | None) -> None:
    """A shared connector for some tenants alone."""
    async with open_here() as gateway:
        if gateway.published.editions.connector(connector) is None:
            raise NotFound(f"There is no connector named {connector!r}; `factotum connectors` lists those there are.")
    try:
        _write_pack(keep_to_tenants(connector, tenants), into)
    except Unwritable as error:
        raise BadRequest(str(error)) from error


def _write_pack(made: Pack, into: Path | None) -> None:
    folder = into or (Path(told) if (told := settings_here().policies_dir) else None)
    if folder is None:
        raise BadRequest("Say where to with --into, or set policies_dir: the shipped policies stay as they are.")
    if into is not None:
        try:
            into.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadRequest(f"{into} cannot be made, or is no folder.") from error
    for path in write_pack(made, folder):
        out.print(f"{path}")
