"""Connectors: add, remove, look at what became of them and of their documents."""

from pathlib import Path
from typing import Any

import msgspec
import rich_click as click

from gateway.app import open_store
from gateway.cli.owner import open_here, settings_here
from gateway.cli.root import cli
from gateway.cli.terminal import asynchronous, out, table
from gateway.core.diff import Change
from gateway.core.manifest import BearerAuth, HeaderAuth, Manifest
from gateway.core.principal import OPERATOR
from gateway.errors import BadRequest, NotFound
from gateway.fetch import Offered
from gateway.ingest import MANIFEST_FILE, read_manifest
from gateway.stores.base import VERSIONS_MAX


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
    if Path(source).name == MANIFEST_FILE:
        raise BadRequest(f"{source} is a manifest: factotum add --manifest {source}")
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
    async with open_here() as gateway:
        connector = await gateway.ingestion.add(OPERATOR, offered, replace=replace)
    out.print(f"{connector.name}: {len(connector.tools)} tools, {len(connector.refusals)} refusals")
    if connector.refusals:
        out.print(f"factotum refusals {connector.name}   says which operations were refused, and why")


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


@cli.command()
@click.argument("name")
@asynchronous
async def remove(name: str) -> None:
    """Take a connector out."""
    async with open_here() as gateway:
        await gateway.ingestion.remove(OPERATOR, name)
    out.print(f"{name} is gone")


@cli.command()
@click.argument("name")
@asynchronous
async def refresh(name: str) -> None:
    """Look at a connector's document again, and say what changed."""
    async with open_here() as gateway:
        changes = await gateway.ingestion.refresh(OPERATOR, name)
        held = gateway.ingestion.connectors[name].held
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
    async with open_store(settings_here()) as store:
        found = await store.versions(name, versions)
    if not found:
        raise NotFound(f"Nothing is known of a connector named {name!r}; `factotum connectors` lists those there are.")
    for version in found:
        out.print(f"{version.at:%Y-%m-%d %H:%M} UTC  {version.cause}  {version.digest[:12]}", style="bold")
        _print_changes(version.changes)


def _print_changes(changes: tuple[Change, ...]) -> None:
    shown = table("tool", "change", "place", "detail")
    for change in changes:
        shown.add_row(change.tool, change.kind, change.place, change.detail)
    out.print(shown if changes else "Nothing changed.")


@cli.command()
@click.argument("name")
@click.argument("tools", nargs=-1)
@asynchronous
async def approve(name: str, tools: tuple[str, ...]) -> None:
    """Let held TOOLS of a connector go, or all of them."""
    async with open_here() as gateway:
        names = await gateway.ingestion.approve(OPERATOR, name, tools)
    out.print("\n".join(names) or "Nothing was held back.")


@cli.command()
@asynchronous
async def connectors() -> None:
    """List the connectors."""
    async with open_here() as gateway:
        editions, problems = gateway.published.editions, gateway.ingestion.problems
    shown = table("connector", "title", "tools", "held", "refusals", "repairs", "tenant", "problem")
    seen = {name: one for each in editions.every() for name, one in each.catalog.connectors.items()}
    for name, connector in sorted(seen.items()):
        counts = (len(connector.tools), len(connector.held), len(connector.refusals), len(connector.repairs))
        owner = connector.manifest.tenant or "(shared)"
        shown.add_row(name, connector.title, *map(str, counts), owner, problems.get(name, ""))
    for name in sorted(problems.keys() - seen.keys()):
        shown.add_row(name, "", "", "", "", "", "", problems[name])
    out.print(shown)


@cli.command()
@click.argument("connector")
@asynchronous
async def refusals(connector: str) -> None:
    """List what could not become a tool, with its place and reason, and what was repaired."""
    async with open_here() as gateway:
        found = gateway.published.editions.connector(connector)
    if found is None:
        raise NotFound(f"There is no connector named {connector!r}; `factotum connectors` lists those there are.")
    shown = table("operation", "reason", "place", "detail")
    for refusal in found.refusals:
        shown.add_row(refusal.operation, refusal.reason, refusal.place, refusal.detail)
    for repair in found.repairs:
        shown.add_row("(repaired)", repair.reason, repair.place, repair.detail)
    out.print(shown)
