"""Models of search: bring one, and have it read the tools."""

import asyncio
import time
from pathlib import Path

import rich_click as click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from gateway.cli.login import remote_here
from gateway.cli.owner import open_here
from gateway.cli.root import cli
from gateway.cli.terminal import asynchronous, err, out, table
from gateway.edge.admin import SearchStatus, status_of
from gateway.errors import BadRequest, GatewayError

LOOK_S = 0.1
STALLED_S = 120.0


@cli.command("model")
@click.argument("source", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--name", default="", help="What vectors are told apart by; the name of SOURCE if left out.")
@click.option(
    "--tokens", type=click.IntRange(16, 512), default=128, show_default=True, help="How much of a text it reads."
)
def import_model(source: Path, folder: Path, name: str, tokens: int) -> None:
    """Make FOLDER from an encoder of BERT's shape as Hugging Face keeps it (all-MiniLM-L6-v2, say), for `ranker: fused`."""
    try:
        from gateway.rankers.weights import import_hugging_face
    except ImportError as error:
        raise BadRequest("This needs torch: pip install 'factotum[neural]'.") from error
    model = import_hugging_face(source, folder, name or source.resolve().name, tokens)
    shape = model.shape
    out.print(f"{folder}: {model.name}, {shape.layers} layers, {shape.width} numbers a text, {shape.tokens_max} tokens")


@cli.command()
@asynchronous
async def index() -> None:
    """Work out what `ranker: fused` needs of every tool now, and keep it, so that a start finds it there. At another gateway, which
    does so by itself: how far it is."""
    remote = remote_here()
    status = remote.get("/v1/search/status", SearchStatus) if remote is not None else await _index_here()
    shown = table("connector", "ready", "tools", "")
    for one in status.connectors:
        shown.add_row(
            one.connector, str(one.ready), str(one.tools), "given up: the log says why" if one.given_up else ""
        )
    out.print(shown)
    if remote is None and status.ready < status.tools:
        raise GatewayError("Not every tool could be read; the log says why.")


async def _index_here() -> SearchStatus:
    columns = BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    async with open_here() as gateway:
        catalogs = [edition.catalog for edition in gateway.published.editions.every()]
        with Progress(*columns, console=err) as progress:
            bar = progress.add_task("")
            ready, since = -1, time.monotonic()
            while True:
                status = status_of(gateway, *catalogs)
                progress.update(bar, total=status.tools, completed=status.ready)
                if status.ready > ready:
                    ready, since = status.ready, time.monotonic()
                is_done = all(one.ready == one.tools or one.given_up for one in status.connectors)
                if is_done or time.monotonic() - since > STALLED_S:
                    return status
                await asyncio.sleep(LOOK_S)
