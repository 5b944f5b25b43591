"""Tools: list, show, search, call."""

import sys

import msgspec
import rich_click as click

from gateway.call import Asked
from gateway.cli.owner import open_here, operator
from gateway.cli.root import cli
from gateway.cli.terminal import asynchronous, err, out, table
from gateway.core.catalog import Catalog
from gateway.core.option import ACCEPT, PAGES, PAGES_MAX, SELECT, WAIT, WAIT_S_MAX
from gateway.core.result import Blob, Media, Result, Text
from gateway.core.tool import Tool
from gateway.edge.related import say_related
from gateway.errors import BadRequest, NotFound


@cli.command()
@click.option("--connector", default="", help="Only the tools of this connector.")
@asynchronous
async def tools(connector: str) -> None:
    """List the tools."""
    async with open_here() as gateway:
        catalog = gateway.published.current.catalog
    shown = table("tool", "effect", "title", "scopes")
    for tool in _tools_of(catalog, connector):
        shown.add_row(tool.name, tool.effect, tool.title, _scopes(tool))
    out.print(shown)


def _tools_of(catalog: Catalog, connector: str) -> list[Tool]:
    if connector and connector not in catalog.connectors:
        raise NotFound(f"There is no connector named {connector!r}; `factotum connectors` lists those there are.")
    chosen = catalog.connectors[connector].tools if connector else catalog.tools.values()
    return sorted(chosen, key=lambda tool: tool.name)


@cli.command()
@click.argument("tool")
@asynchronous
async def show(tool: str) -> None:
    """Show one tool: what it does, what it takes, what it needs, and how it follows on others."""
    async with open_here() as gateway:
        found = gateway.published.current.catalog.tools.get(tool)
        related = gateway.discovery.related(operator(gateway), found) if found is not None else None
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


def _scopes(tool: Tool) -> str:
    return " or ".join(" and ".join(sorted(alternative)) for alternative in tool.scopes)


@cli.command()
@click.argument("query")
@click.option("--limit", type=int, default=10, show_default=True)
@asynchronous
async def search(query: str, limit: int) -> None:
    """Find the tools that fit a wish."""
    async with open_here() as gateway:
        found = await gateway.discovery.search(operator(gateway), query, limit)
    shown = table("tool", "score", "title", "matched")
    for one in found:
        shown.add_row(one.tool.name, f"{one.score:.2f}", one.tool.title, " ".join(one.matched))
    out.print(shown)


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
    told = {SELECT: select, PAGES: pages if pages > 1 else None, WAIT: wait, ACCEPT: accept}
    options = {name: value for name, value in told.items() if value}
    async with open_here() as gateway:
        asked = Asked(tool, {**_json_object(arguments), **options}, "cli", dry_run)
        result = await gateway.calls.call(operator(gateway), asked)
    _print_result(result)
    if result.is_error:
        sys.exit(1)


def _json_object(text: str) -> dict[str, object]:
    try:
        return msgspec.json.decode(text, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeError) as error:
        raise BadRequest('ARGUMENTS must be one JSON object, such as \'{"room": "kitchen"}\'.') from error


def _print_result(result: Result) -> None:
    for block in result.content:
        match block:
            case Text(text=text):
                out.print(text)
            case Media(media_type=media_type, data=data) | Blob(media_type=media_type, data=data):
                out.print(f"[{media_type}, {len(data)} bytes]")
    for note in result.notes:
        err.print(note)
