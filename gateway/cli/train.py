"""Training of the models of search, from a corpus of tools and queries."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import rich_click as click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from gateway.cli.root import cli
from gateway.cli.terminal import err, out
from gateway.errors import BadRequest

if TYPE_CHECKING:
    from gateway.training.run import Record, Tell

R = TypeVar("R")

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@cli.group()
def train() -> None:
    """Train the models of search. A training that was stopped goes on from its last checkpoint."""


def _common(command: Callable[..., None]) -> Callable[..., None]:
    """What every training takes."""
    for option in (
        click.option("--device", default="cpu", show_default=True, help="cpu, cuda, mps."),
        click.option("--hold", multiple=True, metavar="SOURCE", help="Hold out these sources, not the usual ones."),
        click.option("--recipe", type=FILE, help="A JSON file with what differs from the usual recipe."),
        click.option("--name", required=True, help="What the model is called; a digest of its weights is added."),
        click.option(
            "--out", "folder", required=True, type=click.Path(path_type=Path), help="Where the model comes to lie."
        ),
        click.option("--start", required=True, type=FOLDER, help="The model to begin with."),
        click.argument("corpus", type=FOLDER),
    ):
        command = option(command)
    return command


@train.command()
@_common
def encoder(
    corpus: Path, start: Path, folder: Path, name: str, recipe: Path | None, hold: tuple[str, ...], device: str
) -> None:
    """An encoder, from CORPUS: wishes come near to the tools that fit them."""
    run = _training()
    task = run.Task(corpus, start, folder, name, run.held(hold), device)
    read = _read_recipe(recipe, run.EncoderRecipe)
    _show(lambda tell: run.make_encoder(task, read, tell))


@train.command()
@click.option(
    "--encoder", "near", required=True, type=FOLDER, help="Finds the tools that a query is to be told apart from."
)
@click.option("--layers", type=click.IntRange(1, 48), default=6, show_default=True)
@click.option("--teacher", type=FOLDER, help="A reranker whose say counts as much as what is known to be right.")
@_common
def reranker(
    corpus: Path,
    start: Path,
    folder: Path,
    name: str,
    recipe: Path | None,
    hold: tuple[str, ...],
    device: str,
    near: Path,
    layers: int,
    teacher: Path | None,
) -> None:
    """A reranker, from CORPUS: reads a query and a tool together, and says how well they fit."""
    run = _training()
    task = run.Task(corpus, start, folder, name, run.held(hold), device)
    read = _read_recipe(recipe, run.RerankerRecipe)
    _show(lambda tell: run.make_reranker(task, read, near, layers, teacher, tell))


def _training() -> Any:
    try:
        from gateway.training import run
    except ImportError as error:
        raise BadRequest("This needs torch: pip install 'factotum[neural]'.") from error
    return run


def _read_recipe(path: Path | None, kind: type[R]) -> R:
    try:
        return msgspec.json.decode(path.read_bytes() if path else b"{}", type=kind)
    except msgspec.MsgspecError as error:
        raise BadRequest(f"{path} is no recipe: {error}") from error


def _show(make: "Callable[[Tell], Record]") -> None:
    columns = BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("loss {task.fields[loss]:.3f}")
    with Progress(*columns, console=err) as progress:
        bar = progress.add_task("", loss=float("nan"), total=None)
        record = make(lambda step, steps, loss: progress.update(bar, total=steps, completed=step, loss=loss))
    out.print(f"{record.model}: {record.steps} steps, loss {record.loss}, {record.seconds:.0f} s on {record.device}")
