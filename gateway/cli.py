"""The command line: parse, call, print. No logic: what a command does stands in the stories.

Commands work on the store of `data_dir` directly, as its owner; a gateway that runs on the same store notices within
`follow_s`.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, get_args

import msgspec
import rich_click as click
from rich.console import Console
from rich.table import Table
from rich.text import Text as RichText

from gateway import __version__
from gateway.app import open_gateway, open_store
from gateway.approvals import Approvals
from gateway.audit import AuditLog
from gateway.audit_seal import AuditSeal, signing_key, verify_log
from gateway.auth.api_key import new_key
from gateway.call import Asked
from gateway.core.approval import State
from gateway.core.audit import AuditEntry
from gateway.core.audit_chain import Verifier
from gateway.core.catalog import Catalog, all_scopes
from gateway.core.diff import Change
from gateway.core.manifest import BearerAuth, HeaderAuth, Manifest
from gateway.core.ocsf import to_ocsf
from gateway.core.option import ACCEPT, PAGES, PAGES_MAX, SELECT, WAIT, WAIT_S_MAX
from gateway.core.principal import OPERATOR, Principal
from gateway.core.prose import visible
from gateway.core.result import Blob, Media, Result, Text
from gateway.core.scope import expand_scopes
from gateway.core.tool import Tool
from gateway.edge.parts import Gateway
from gateway.edge.related import say_related
from gateway.errors import BadRequest, GatewayError, NotFound
from gateway.fetch import Offered
from gateway.ingest import read_manifest
from gateway.policy_files import read_policies, run_tables
from gateway.serve import run, serve_forever
from gateway.settings import Settings, SettingsBroken, load_secrets, load_settings
from gateway.stores.base import VERSIONS_MAX, AuditFilter
from gateway.telemetry import set_up_logging

P = ParamSpec("P")
T = TypeVar("T")

APPROVALS_SHOWN = 200
FOLLOW_S = 0.5


class _Plain(Console):
    """Shows text as it is: what a document or a backend says is no markup, and acts on no terminal."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, highlight=False, soft_wrap=True, markup=False, emoji=False)

    def render_str(self, text: str, **options: Any) -> RichText:
        return super().render_str(visible(text), **options)


out, err = _Plain(), _Plain(stderr=True)


def main() -> None:
    """Run a command; an error of ours is one line on standard error and exit status 1."""
    try:
        cli(standalone_mode=True)
    except (GatewayError, SettingsBroken) as error:
        err.print(f"factotum: {error}", style="red")
        sys.exit(1)


def asynchronous(command: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """Run a coroutine as a click command."""

    @wraps(command)
    def command_line(*args: P.args, **kwargs: P.kwargs) -> T:
        return run(command(*args, **kwargs))

    return command_line


@click.group()
@click.version_option(__version__, prog_name="factotum")
def cli() -> None:
    """An agent gateway: OpenAPI documents in, governed agent tools out."""


# Run


@cli.command()
@asynchronous
async def serve() -> None:
    """Serve MCP at /mcp and REST at /v1 until interrupted."""
    settings = _settings(serves=True)
    async with open_gateway(settings, load_secrets(os.environ, settings)) as gateway:
        await serve_forever(gateway, lambda url: err.print(f"Factotum serves MCP at {url}/mcp and REST at {url}/v1"))


@cli.command()
@click.option("--once", is_flag=True, help="Take a short scripted tour through the front door, then exit 0 or 1.")
@click.option("--port", type=int, default=8080, show_default=True, help="Another is taken where this one is in use.")
def demo(once: bool, port: int) -> None:
    """Start the gateway with a household of five real services behind it."""
    from gateway.demo.run import run_demo

    set_up_logging("warning", "console")
    sys.exit(run(run_demo(port, once=once)))


# Connectors and tools


@cli.command()
@click.argument("source", default="")
@click.option(
    "--manifest", "manifest_file", metavar="FILE", default="", help="All of it in a file: see docs/connectors.md."
)
@click.option(
    "--name", default="", help="Lower-case letters, digits and dashes; from the document's title if left out."
)
@click.option("--base-url", default="", help="Where the service is, in place of the document's servers.")
@click.option("--prefix", default=None, help="How tool names begin; the connector's name if left out.")
@click.option("--bearer", metavar="SECRET", default="", help="Sign requests with this secret of the settings.")
@click.option("--header", metavar="NAME=SECRET", default="", help="Send a secret of the settings in this header.")
@click.option(
    "--overlay", "overlays", multiple=True, metavar="FILE|URL", help="Apply this overlay to the document first."
)
@click.option("--allow-address", multiple=True, metavar="CIDR", help="A network that is not public and may be reached.")
@click.option("--replace", is_flag=True, help="Take the place of a connector of the same name.")
@asynchronous
async def add(
    source: str,
    manifest_file: str,
    name: str,
    base_url: str,
    prefix: str | None,
    bearer: str,
    header: str,
    overlays: tuple[str, ...],
    allow_address: tuple[str, ...],
    replace: bool,
) -> None:
    """Add a connector from an OpenAPI document, SOURCE: a URL or a file. What is said here wins over a manifest."""
    path = Path(manifest_file)
    manifest, folder = (read_manifest(path), path.parent) if manifest_file else (Manifest(name=name), Path.cwd())
    said: dict[str, Any] = {
        "name": name,
        "document": _from_here(source),
        "base_url": base_url,
        "auth": _auth(bearer, header),
        "overlays": tuple(map(_from_here, overlays)),
        "allow_addresses": allow_address,
    }
    told = {key: value for key, value in said.items() if value} | ({} if prefix is None else {"prefix": prefix})
    offered = Offered(msgspec.structs.replace(manifest, **told), folder=folder)
    async with _gateway() as gateway:
        connector = await gateway.ingestion.add(OPERATOR, offered, replace=replace)
    out.print(f"{connector.name}: {len(connector.tools)} tools, {len(connector.refusals)} refusals")
    if connector.refusals:
        out.print(f"factotum refusals {connector.name}   says which operations were refused, and why")


@cli.command()
@click.argument("name")
@asynchronous
async def remove(name: str) -> None:
    """Take a connector out."""
    async with _gateway() as gateway:
        await gateway.ingestion.remove(OPERATOR, name)
    out.print(f"{name} is gone")


@cli.command()
@click.argument("name")
@asynchronous
async def refresh(name: str) -> None:
    """Look at a connector's document again, and say what changed."""
    async with _gateway() as gateway:
        changes = await gateway.ingestion.refresh(OPERATOR, name)
        held = gateway.published.current.catalog.connectors[name].held
    _print_changes(changes)
    if held:
        out.print(f"{len(held)} tools are held back: factotum approve {name} lets them go")


@cli.command()
@click.argument("name")
@click.option(
    "--versions", type=click.IntRange(1, VERSIONS_MAX), default=1, show_default=True, help="So many, the newest first."
)
@asynchronous
async def diff(name: str, versions: int) -> None:
    """Say what changed in a connector, and when."""
    async with open_store(_settings()) as store:
        found = await store.versions(name, versions)
    if not found:
        raise NotFound(f"Nothing is known of a connector named {name!r}; `factotum connectors` lists those there are.")
    for version in found:
        out.print(f"{version.at:%Y-%m-%d %H:%M} UTC  {version.cause}  {version.digest[:12]}", style="bold")
        _print_changes(version.changes)


@cli.command()
@click.argument("name")
@click.argument("tools", nargs=-1)
@asynchronous
async def approve(name: str, tools: tuple[str, ...]) -> None:
    """Let held TOOLS of a connector go, or all of them."""
    async with _gateway() as gateway:
        names = await gateway.ingestion.approve(OPERATOR, name, tools)
    out.print("\n".join(names) or "Nothing was held back.")


@cli.command()
@asynchronous
async def connectors() -> None:
    """List the connectors."""
    async with _gateway() as gateway:
        catalog, problems = gateway.published.current.catalog, gateway.ingestion.problems
    table = _table("connector", "title", "tools", "held", "refusals", "repairs", "problem")
    for connector in catalog.connectors.values():
        counts = (len(connector.tools), len(connector.held), len(connector.refusals), len(connector.repairs))
        table.add_row(connector.name, connector.title, *map(str, counts), problems.get(connector.name, ""))
    for name in sorted(problems.keys() - catalog.connectors.keys()):
        table.add_row(name, "", "", "", "", "", problems[name])
    out.print(table)


@cli.command()
@click.option("--connector", default="", help="Only the tools of this connector.")
@asynchronous
async def tools(connector: str) -> None:
    """List the tools."""
    async with _gateway() as gateway:
        catalog = gateway.published.current.catalog
    table = _table("tool", "effect", "title", "scopes")
    for tool in _tools_of(catalog, connector):
        table.add_row(tool.name, tool.effect, tool.title, _scopes(tool))
    out.print(table)


@cli.command()
@click.argument("tool")
@asynchronous
async def show(tool: str) -> None:
    """Show one tool: what it does, what it takes, what it needs, and how it follows on others."""
    async with _gateway() as gateway:
        found = gateway.published.current.catalog.tools.get(tool)
        related = gateway.discovery.related(_operator(gateway), found) if found is not None else None
    if found is None:
        raise NotFound(f"There is no tool named {tool!r}; `factotum tools` lists those there are.")
    out.print(f"{found.name}  ({found.effect})  {found.operation.key}")
    out.print(found.description)
    out.print(f"scopes: {_scopes(found)}")
    for line in say_related(related):
        out.print(line)
    out.print("arguments:", msgspec.json.format(bytes(found.input_schema), indent=2).decode())
    if found.output_schema:
        out.print("result:", msgspec.json.format(bytes(found.output_schema), indent=2).decode())
    for one in found.other_answers:
        out.print(f"or {one.status} {one.media_type} {one.description}".rstrip())


@cli.command()
@click.argument("connector")
@asynchronous
async def refusals(connector: str) -> None:
    """List what could not become a tool, with its place and reason, and what was repaired."""
    async with _gateway() as gateway:
        found = gateway.published.current.catalog.connectors.get(connector)
    if found is None:
        raise NotFound(f"There is no connector named {connector!r}; `factotum connectors` lists those there are.")
    table = _table("operation", "reason", "place", "detail")
    for refusal in found.refusals:
        table.add_row(refusal.operation, refusal.reason, refusal.place, refusal.detail)
    for repair in found.repairs:
        table.add_row("(repaired)", repair.reason, repair.place, repair.detail)
    out.print(table)


@cli.command()
@click.argument("query")
@click.option("--limit", type=int, default=10, show_default=True)
@asynchronous
async def search(query: str, limit: int) -> None:
    """Find the tools that fit a wish."""
    async with _gateway() as gateway:
        found = await gateway.discovery.search(_operator(gateway), query, limit)
    table = _table("tool", "score", "title", "matched")
    for one in found:
        table.add_row(one.tool.name, f"{one.score:.2f}", one.tool.title, " ".join(one.matched))
    out.print(table)


@cli.command()
@click.argument("tool")
@click.argument("arguments", default="{}")
@click.option("--dry-run", is_flag=True, help="Show the exact request, secrets redacted, and send nothing.")
@click.option("--select", default="", metavar="JMESPATH", help="Only this part of the answer's JSON.")
@click.option("--pages", type=click.IntRange(1, PAGES_MAX), default=1, help="Read so many pages and put them together.")
@click.option("--wait", type=click.FloatRange(0, WAIT_S_MAX), default=0.0, metavar="SECONDS", help="Wait for the end.")
@click.option("--accept", default="", metavar="TYPE", help="Ask for this media type.")
@asynchronous
async def call(tool: str, arguments: str, dry_run: bool, select: str, pages: int, wait: float, accept: str) -> None:
    """Call a tool with ARGUMENTS, a JSON object."""
    options = {SELECT: select or None, PAGES: pages, WAIT: wait, ACCEPT: accept or None}
    async with _gateway() as gateway:
        asked = Asked(tool, {**_json_object(arguments), **options}, "cli", dry_run)
        result = await gateway.calls.call(_operator(gateway), asked)
    _print_result(result)
    if result.is_error:
        sys.exit(1)


# Keys and the audit log


@cli.group()
def keys() -> None:
    """API keys: who may call, with which scopes, until when."""


@keys.command("create")
@click.argument("name")
@click.option(
    "--scope", "scopes", multiple=True, required=True, help="Repeatable. `home:*` is every scope home has now."
)
@click.option("--subject", default="", help="Whom the key stands for; its name if left out.")
@click.option("--tenant", default="default", show_default=True)
@click.option("--group", "groups", multiple=True, help="Repeatable: groups that policies may name.")
@click.option("--days", type=click.IntRange(1, 3650), default=90, show_default=True, help="How long it is good for.")
@asynchronous
async def create_key(
    name: str, scopes: tuple[str, ...], subject: str, tenant: str, groups: tuple[str, ...], days: int
) -> None:
    """Make a key. It is shown once, and only its hash is kept."""
    async with _gateway() as gateway:
        token, key = new_key(
            name=name,
            tenant=tenant,
            subject=subject or name,
            scopes=_granted(scopes, gateway.published.current.catalog),
            groups=frozenset(groups),
            now=_now(),
            expires_at=_now() + timedelta(days=days),
            random_bytes=os.urandom(48),
        )
        await gateway.store.add_key(key)
    out.print(token)
    err.print(
        f"Key {key.id}, good until {key.expires_at:%Y-%m-%d}, with {len(key.scopes)} scopes. It is not shown again."
    )


@keys.command("list")
@asynchronous
async def list_keys() -> None:
    """List the keys, without their secrets."""
    async with open_store(_settings()) as store:
        held = await store.keys()
    table = _table("key", "name", "tenant", "subject", "scopes", "state")
    for key in held:
        ended = key.revoked_at and f"revoked {key.revoked_at:%Y-%m-%d}"
        expired = key.expires_at and key.expires_at <= _now() and f"expired {key.expires_at:%Y-%m-%d}"
        state = ended or expired or (f"until {key.expires_at:%Y-%m-%d}" if key.expires_at else "no end")
        table.add_row(key.id, key.name, key.tenant, key.subject, " ".join(sorted(key.scopes)), state)
    out.print(table)


@keys.command("revoke")
@click.argument("key_id")
@asynchronous
async def revoke_key(key_id: str) -> None:
    """Revoke a key, at once and for good."""
    async with open_store(_settings()) as store:
        if not await store.revoke_key(key_id, _now()):
            raise NotFound(f"There is no key {key_id!r} that is not revoked already; `factotum keys list` lists them.")
    out.print(f"{key_id} is revoked")


@cli.group(invoke_without_command=True)
@click.option("--tenant", default="default", show_default=True)
@click.option("--state", type=click.Choice(get_args(State)), default="pending", show_default=True)
@click.pass_context
def approvals(context: click.Context, tenant: str, state: State) -> None:
    """Calls that wait for a person's yes."""
    context.obj = tenant
    if context.invoked_subcommand is None:
        run(_show_approvals(tenant, state))


async def _show_approvals(tenant: str, state: State) -> None:
    async with open_store(_settings()) as store:
        found = await store.approvals(tenant, state, _now(), APPROVALS_SHOWN)
    table = _table("approval", "for", "tool", "arguments", "needs", "until")
    for one in found:
        arguments = bytes(one.arguments).decode()
        table.add_row(
            one.id, one.subject, one.tool, arguments, " and ".join(one.lacking), f"{one.expires_at:%Y-%m-%d %H:%M}"
        )
    out.print(table)


@approvals.command("approve")
@click.argument("approval_id")
@click.pass_obj
@asynchronous
async def approve_call(tenant: str, approval_id: str) -> None:
    """Say yes to exactly that call, for everybody whose yes it needs: whoever owns the store may."""
    async with _approvals() as held:
        found = await held.find(tenant, approval_id)
        await held.approve(_owner(tenant, found.groups), approval_id)
    out.print(f"{approval_id} is approved: {found.tool} may be called once, with those arguments, for {found.subject}")


@approvals.command("deny")
@click.argument("approval_id")
@click.option("--reason", default="", help="Whoever asked is told.")
@click.pass_obj
@asynchronous
async def deny_call(tenant: str, approval_id: str, reason: str) -> None:
    """Say no."""
    async with _approvals() as held:
        found = await held.find(tenant, approval_id)
        await held.deny(_owner(tenant, found.groups), approval_id, reason)
    out.print(f"{approval_id} is denied")


@asynccontextmanager
async def _approvals() -> AsyncIterator[Approvals]:
    settings = _settings()
    async with open_store(settings) as store, AuditLog(store) as log:
        yield Approvals(store, log, ttl_s=settings.approvals.ttl_s, clock=_now, new_id=lambda: "")


def _owner(tenant: str, groups: tuple[str, ...]) -> Principal:
    return msgspec.structs.replace(OPERATOR, tenant=tenant, groups=frozenset(groups))


@cli.group(invoke_without_command=True)
@click.option("--follow", is_flag=True, help="Go on as lines come.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_context
def audit(context: click.Context, follow: bool, limit: int, as_json: bool) -> None:
    """Show the newest lines of the audit log; verify, export or shorten it by a command."""
    if context.invoked_subcommand is None:
        run(_show_audit(follow, limit, as_json))


async def _show_audit(follow: bool, limit: int, as_json: bool) -> None:
    show_line = _print_json if as_json else _print_line
    async with open_store(_settings()) as store:
        lines = await store.read_audit(AuditFilter(tenant=None, limit=limit))
        last = 0
        while True:
            for line in lines:
                show_line(line)
                last = line.sequence
            if not follow:
                return
            await asyncio.sleep(FOLLOW_S)
            lines = await store.read_audit(AuditFilter(tenant=None, after_sequence=last, limit=1_000))


@audit.command("verify")
@click.option(
    "--key", "more_keys", multiple=True, metavar="HEX", help="Another public key that has signed. Repeatable."
)
@asynchronous
async def verify_audit(more_keys: tuple[str, ...]) -> None:
    """Look whether any line was changed, taken out or moved; exit 1 where one was."""
    verifier_keys = {_public_key(), *map(_hex, more_keys)}
    async with open_store(_settings()) as store:
        verifier = Verifier(await store.checkpoints(), verifier_keys)
        findings = 0
        async for finding in verify_log(store, verifier):
            findings += 1
            out.print(f"line {finding.sequence}: {finding.damage}: {finding.detail}")
    signed = verifier.signed
    held = f"signed up to line {signed.sequence} on {signed.at:%Y-%m-%d %H:%M}" if signed else "no line is signed yet"
    err.print(
        f"{verifier.lines} lines, {held}; {findings or 'nothing'} wrong. The public key is {_public_key().hex()}."
    )
    if findings:
        sys.exit(1)


@audit.command("export")
@click.option("--format", "form", type=click.Choice(["ndjson", "ocsf"]), default="ndjson", show_default=True)
@click.option("--after", type=click.IntRange(0), default=0, show_default=True, help="Begin after this line.")
@click.option("--tenant", default=None, help="That tenant's lines alone.")
@asynchronous
async def export_audit(form: str, after: int, tenant: str | None) -> None:
    """Write the log to standard output, one JSON object a line."""
    async with open_store(_settings()) as store:
        while lines := await store.read_audit(AuditFilter(tenant=tenant, after_sequence=after, limit=1_000)):
            for line in lines:
                told = to_ocsf(line, __version__) if form == "ocsf" else line
                sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
            after = lines[-1].sequence


@audit.command("drop")
@click.option("--days", type=click.IntRange(1, 36_500), required=True, help="How old the lines are that go.")
@asynchronous
async def drop_audit(days: int) -> None:
    """Let old lines go, up to a signed one, so that the rest can still be verified. Export them first."""
    settings = _settings()
    key = signing_key(load_secrets(os.environ, settings), Path(settings.data_dir))
    async with open_store(settings) as store:
        gone = await AuditSeal(store, key, settings.audit, _now).drop(days)
    out.print(f"{gone} lines are gone")


def _public_key() -> bytes:
    settings = _settings()
    return signing_key(load_secrets(os.environ, settings), Path(settings.data_dir)).public_key().public_bytes_raw()


def _hex(told: str) -> bytes:
    try:
        return bytes.fromhex(told)
    except ValueError:
        raise BadRequest(f"{told!r} is no public key in hexadecimal digits.") from None


# Checks


@cli.command()
@click.option("--check", is_flag=True, help="Write nothing; fail where a file is not what the code says.")
def schemas(check: bool) -> None:
    """Write the JSON Schemas of what a user writes to schemas/."""
    from gateway.schemas import stale_schemas, write_schemas

    folder = Path("schemas")
    if not check:
        write_schemas(folder)
    elif stale := stale_schemas(folder):
        raise BadRequest(f"Run `factotum schemas`: {', '.join(stale)} in {folder} is not what the code says.")


@cli.group()
def policy() -> None:
    """Cedar policies."""


@policy.command("check")
@asynchronous
async def check_policies() -> None:
    """Validate the policies against the catalog, and run the case tables beside them."""
    settings = _settings()
    async with _gateway() as gateway:
        book = gateway.published.current.policies
    for warning in book.warnings:
        err.print(f"warning: {warning}")
    failed = 0
    for name, count, failures in run_tables(settings):
        out.print(f"{name}: {count - len(failures)} of {count} cases hold")
        for failure in failures:
            out.print(f"  {failure}")
        failed += len(failures)
    if failed:
        raise BadRequest(f"{failed} cases came out otherwise than written.")
    out.print(f"{', '.join(read_policies(settings))}: valid, version {book.version}")


# What the commands share


def _operator(gateway: Gateway) -> Principal:
    """The owner of the store, who may ask anything of the catalog as it is now."""
    return msgspec.structs.replace(OPERATOR, scopes=all_scopes(gateway.published.current.catalog))


def _granted(asked: tuple[str, ...], catalog: Catalog) -> frozenset[str]:
    try:
        return expand_scopes(asked, all_scopes(catalog))
    except ValueError as error:
        raise BadRequest(f"{error} `factotum connectors` lists the connectors.") from error


def _settings(*, serves: bool = False) -> Settings:
    """A command says itself what it did, so of the log it shows what is wrong; whoever serves shows all of it."""
    settings = load_settings(os.environ, Path.cwd())
    level = settings.log.level
    set_up_logging("warning" if level == "info" and not serves else level, settings.log.format)
    return settings


@asynccontextmanager
async def _gateway() -> AsyncIterator[Gateway]:
    settings = _settings()
    async with open_gateway(settings, load_secrets(os.environ, settings)) as gateway:
        yield gateway


def _now() -> datetime:
    return datetime.now(UTC)


def _from_here(place: str) -> str:
    """A URL as it is; a file from the working directory, wherever the manifest is."""
    return place if "://" in place or not place else str(Path(place).resolve())


def _auth(bearer: str, header: str) -> BearerAuth | HeaderAuth | None:
    name, _, secret = header.partition("=")
    if bearer:
        return BearerAuth(bearer)
    if name and secret:
        return HeaderAuth(name, secret)
    if header:
        raise BadRequest("--header takes NAME=SECRET, where SECRET is the name of a secret.")
    return None


def _json_object(text: str) -> dict[str, object]:
    try:
        return msgspec.json.decode(text, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeError) as error:
        raise BadRequest('ARGUMENTS must be one JSON object, such as \'{"room": "kitchen"}\'.') from error


def _tools_of(catalog: Catalog, connector: str) -> list[Tool]:
    if connector and connector not in catalog.connectors:
        raise NotFound(f"There is no connector named {connector!r}; `factotum connectors` lists those there are.")
    chosen = catalog.connectors[connector].tools if connector else catalog.tools.values()
    return sorted(chosen, key=lambda tool: tool.name)


def _scopes(tool: Tool) -> str:
    return " or ".join(" and ".join(sorted(alternative)) for alternative in tool.scopes)


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for index, column in enumerate(columns):
        # What stands first is a name, to be copied whole.
        table.add_column(column, overflow="fold", no_wrap=index == 0)
    return table


def _print_changes(changes: tuple[Change, ...]) -> None:
    table = _table("tool", "change", "place", "detail")
    for change in changes:
        table.add_row(change.tool, change.kind, change.place, change.detail)
    out.print(table if changes else "Nothing changed.")


def _print_result(result: Result) -> None:
    for block in result.content:
        match block:
            case Text(text=text):
                out.print(text)
            case Media(media_type=media_type, data=data) | Blob(media_type=media_type, data=data):
                out.print(f"[{media_type}, {len(data)} bytes]")
    for note in result.notes:
        err.print(note)


def _print_json(line: AuditEntry) -> None:
    out.print(msgspec.json.encode(line).decode())


def _print_line(line: AuditEntry) -> None:
    status = f" {line.status}" if line.status else ""
    reason = f"  {' '.join(line.reasons)}" if line.reasons and line.phase != "done" else ""
    out.print(
        f"{line.sequence:>6} {line.at:%H:%M:%S} {line.phase:<12} {line.tenant}/{line.subject} {line.tool}{status} "
        f"{line.latency_ms:.1f} ms {bytes(line.arguments).decode()}{reason}"
    )
