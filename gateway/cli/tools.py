"""Tools: list, show, search, call."""

import sys
from collections.abc import Collection, Iterable
from typing import get_args

import msgspec
import rich_click as click
from msgspec import Raw
from rich.table import Table

from gateway.call import Asked
from gateway.cli.login import remote_here
from gateway.cli.owner import open_here, operator
from gateway.cli.root import cli
from gateway.cli.terminal import asynchronous, err, out, table
from gateway.core.catalog import Catalog
from gateway.core.option import ACCEPT, PAGES, PAGES_MAX, SELECT, WAIT, WAIT_S_MAX
from gateway.core.principal import DEFAULT_TENANT
from gateway.core.result import Blob, Media, Result, Text
from gateway.core.tool import Effect, OtherAnswer, Tool
from gateway.core.toolset import narrow
from gateway.edge.related import say_related
from gateway.edge.tools import (
    PAGE_TOOLS_MAX,
    BlobBlock,
    CallAnswer,
    MediaBlock,
    SearchAnswer,
    SearchBody,
    TextBlock,
    ToolPage,
    ToolShown,
)
from gateway.errors import BadRequest, NotFound
from gateway.remote.gateway import RemoteGateway, segment

REMOTE_PAGES_MAX = 200

of_tenant = click.option(
    "--tenant", default=DEFAULT_TENANT, show_default=True, help="For which tenant; not with --gateway."
)


def remote_of(tenant: str) -> RemoteGateway | None:
    """The gateway that --gateway names, None for the store of this directory. Raises BadRequest."""
    remote = remote_here()
    if remote is not None and tenant != DEFAULT_TENANT:
        raise BadRequest("At another gateway you are of the tenant that you are signed in for; leave --tenant out.")
    return remote


@cli.command()
@click.option("--connector", default="", help="Only the tools of this connector.")
@of_tenant
@asynchronous
async def tools(connector: str, tenant: str) -> None:
    """List the tools."""
    if (remote := remote_of(tenant)) is not None:
        out.print(_listed(remote, connector))
        return
    async with open_here() as gateway:
        asking = await operator(gateway, tenant)
        catalog = gateway.published.of(asking.tenant).catalog
    shown = table("tool", "effect", "title", "scopes")
    for tool in _tools_of(catalog, connector):
        shown.add_row(tool.name, tool.effect, tool.title, _said(tool.scopes))
    out.print(shown)


def _listed(remote: RemoteGateway, connector: str) -> Table:
    """All pages of those that one may call there."""
    shown, after = table("tool", "effect", "title", "connector"), ""
    for _ in range(REMOTE_PAGES_MAX):
        page = remote.get("/v1/tools", ToolPage, connector=connector, limit=PAGE_TOOLS_MAX, after=after)
        for one in page.tools:
            shown.add_row(one.name, one.effect, one.title, one.connector)
        after = page.next
        if not after:
            break
    return shown


def _tools_of(catalog: Catalog, connector: str) -> list[Tool]:
    if connector and connector not in catalog.connectors:
        raise NotFound(f"There is no connector named {connector!r}; `factotum connectors` lists those there are.")
    chosen = catalog.connectors[connector].tools if connector else catalog.tools.values()
    return sorted(chosen, key=lambda tool: tool.name)


@cli.command()
@click.argument("tool")
@of_tenant
@asynchronous
async def show(tool: str, tenant: str) -> None:
    """Show one tool: what it does, what it takes, what it needs, and how it follows on others."""
    if (remote := remote_of(tenant)) is not None:
        told = remote.get(f"/v1/tools/{segment(tool)}", ToolShown)
        out.print(f"{told.name}  ({told.effect})  {told.operation}")
        _print_tool(told.description, told.scopes, (), told.input_schema, told.output_schema, told.other_answers)
        return
    async with open_here() as gateway:
        asking = await operator(gateway, tenant)
        found = gateway.published.of(asking.tenant).catalog.tools.get(tool)
        related = gateway.discovery.related(asking, found) if found is not None else None
    if found is None:
        raise NotFound(f"There is no tool named {tool!r}; `factotum tools` lists those there are.")
    out.print(f"{found.name}  ({found.effect})  {found.operation.key}")
    _print_tool(
        found.description,
        found.scopes,
        say_related(related),
        found.input_schema,
        found.output_schema,
        found.other_answers,
    )


def _print_tool(
    description: str,
    scopes: Iterable[Collection[str]],
    related: Iterable[str],
    inputs: Raw,
    output: Raw | None,
    other_answers: Iterable[OtherAnswer],
) -> None:
    out.print(description)
    out.print(f"scopes: {_said(scopes)}")
    for line in related:
        out.print(line)
    out.print("arguments:", msgspec.json.format(bytes(inputs), indent=2).decode())
    if output and bytes(output) != b"null":
        out.print("result:", msgspec.json.format(bytes(output), indent=2).decode())
    for one in other_answers:
        out.print(f"or {one.status} {one.media_type} {one.description}".rstrip())


def _said(scopes: Iterable[Collection[str]]) -> str:
    return " or ".join(" and ".join(sorted(alternative)) for alternative in scopes)


@cli.command()
@click.argument("query")
@click.option("--limit", type=int, default=10, show_default=True)
@click.option("--connector", "connectors", multiple=True, help="Only tools of this connector, or of several.")
@click.option(
    "--effect", "effects", multiple=True, type=click.Choice(get_args(Effect)), help="Only tools that do this."
)
@click.option("--tag", "tags", multiple=True, help="Only tools with this tag, or with one of several.")
@click.option("--toolset", default="", help="Only tools of this toolset.")
@of_tenant
@asynchronous
async def search(
    query: str,
    limit: int,
    connectors: tuple[str, ...],
    effects: tuple[Effect, ...],
    tags: tuple[str, ...],
    toolset: str,
    tenant: str,
) -> None:
    """Find the tools that fit a wish."""
    body = SearchBody(query, limit, connectors, effects, tags, toolset=toolset)
    shown = table("tool", "score", "title", "matched", "places")
    if (remote := remote_of(tenant)) is not None:
        hits = remote.post("/v1/tools:search", SearchAnswer, body)
        rows = [(hit.name, hit.score, hit.title, hit.matched, hit.places) for hit in hits.tools]
        late = hits.late
    else:
        async with open_here() as gateway:
            asking = await operator(gateway, tenant)
            among = narrow(connectors, effects, tags, within=gateway.discovery.toolset(asking, toolset))
            answer = await gateway.discovery.search(asking, query, limit, among, door="cli")
        rows = [(one.tool.name, one.score, one.tool.title, one.matched, dict(one.places)) for one in answer.found]
        late = answer.late
    for name, score, title, matched, places in rows:
        told = " ".join(f"{stage} {place}" for stage, place in places.items())
        shown.add_row(name, f"{score:.2f}", title, " ".join(matched), told)
    out.print(shown)
    if late:
        out.print(f"Not there in time: {', '.join(late)}. The order is that of the others.")


@cli.command()
@click.argument("tool")
@click.argument("arguments", default="{}")
@click.option("--dry-run", is_flag=True, help="Show the exact request, secrets redacted, and send nothing.")
@click.option("--select", default="", metavar="JMESPATH", help="Only this part of the answer's JSON.")
@click.option("--pages", type=click.IntRange(1, PAGES_MAX), default=1, help="Read so many pages and put them together.")
@click.option("--wait", type=click.FloatRange(0, WAIT_S_MAX), default=0.0, metavar="SECONDS", help="Wait for the end.")
@click.option("--accept", default="", metavar="TYPE", help="Ask for this media type.")
@of_tenant
@asynchronous
async def call(
    tool: str, arguments: str, dry_run: bool, select: str, pages: int, wait: float, accept: str, tenant: str
) -> None:
    """Call a tool with ARGUMENTS, a JSON object."""
    told = {SELECT: select, PAGES: pages if pages > 1 else None, WAIT: wait, ACCEPT: accept}
    asked = {**json_object(arguments), **{name: value for name, value in told.items() if value}}
    if (remote := remote_of(tenant)) is not None:
        body = {"arguments": asked, "dry_run": dry_run}
        answer = remote.post(f"/v1/tools/{segment(tool)}:call", CallAnswer, body)
        _print_answer(answer)
        sys.exit(1 if answer.is_error else 0)
    async with open_here() as gateway:
        result = await gateway.calls.call(await operator(gateway, tenant), Asked(tool, asked, "cli", dry_run))
    _print_result(result)
    if result.is_error:
        sys.exit(1)


def json_object(text: str, what: str = "ARGUMENTS") -> dict[str, object]:
    try:
        return msgspec.json.decode(text, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeError) as error:
        raise BadRequest(f'{what} must be one JSON object, such as \'{{"room": "kitchen"}}\'.') from error


def _print_result(result: Result) -> None:
    for block in result.content:
        match block:
            case Text(text=text):
                out.print(text)
            case Media(media_type=media_type, data=data) | Blob(media_type=media_type, data=data):
                out.print(f"[{media_type}, {len(data)} bytes]")
    for note in result.notes:
        err.print(note)


def _print_answer(answer: CallAnswer) -> None:
    for block in answer.content:
        match block:
            case TextBlock(text=text):
                out.print(text)
            case MediaBlock() | BlobBlock():
                out.print(f"[{block.media_type}, {len(block.data)} bytes]")
    for note in answer.notes:
        err.print(note)
