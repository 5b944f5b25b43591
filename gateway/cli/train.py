"""Training of the models of search, from a corpus of tools and queries."""

import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import rich_click as click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from gateway.cli.owner import open_here, settings_here
from gateway.cli.root import cli
from gateway.cli.terminal import asynchronous, err, out
from gateway.edge.parts import Gateway
from gateway.errors import BadRequest
from gateway.rankers.base import Matrix
from gateway.rankers.head import Report, accept, roll_back
from gateway.ranking import encoder_of, heads_of
from gateway.settings import FusedRanker, Settings, load_secrets

if TYPE_CHECKING:
    from gateway.training.head import HeadRecipe
    from gateway.training.run import Record, Tell

R = TypeVar("R")

# Steps, where there is no terminal to show a bar on.
TELL_EVERY = 50

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
    run = _training("run")
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
    run = _training("run")
    task = run.Task(corpus, start, folder, name, run.held(hold), device)
    read = _read_recipe(recipe, run.RerankerRecipe)
    _show(lambda tell: run.make_reranker(task, read, near, layers, teacher, tell))


def _training(name: str) -> Any:
    """One of the modules that train."""
    try:
        return import_module(f"gateway.training.{name}")
    except ImportError as error:
        raise BadRequest("This needs torch: pip install 'factotum[neural]'.") from error


def _read_recipe(path: Path | None, kind: type[R]) -> R:
    try:
        return msgspec.json.decode(path.read_bytes() if path else b"{}", type=kind)
    except msgspec.MsgspecError as error:
        raise BadRequest(f"{path} is no recipe: {error}") from error


def _show(make: "Callable[[Tell], Record]") -> None:
    columns = BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("loss {task.fields[loss]:.3f}")
    with Progress(*columns, console=err) as progress:
        bar = progress.add_task("", loss=float("nan"), total=None)

        def tell(step: int, steps: int, loss: float) -> None:
            progress.update(bar, total=steps, completed=step, loss=loss)
            if not err.is_terminal and step % TELL_EVERY == 0:
                err.print(f"{step} of {steps} steps, loss {loss:.3f}")

        record = make(tell)
    out.print(f"{record.model}: {record.steps} steps, loss {record.loss}, {record.seconds:.0f} s on {record.device}")


@train.command()
@click.option("--recipe", type=FILE, help="A JSON file with what differs from the usual recipe.")
@click.option("--rollback", is_flag=True, help="Put the head before this one in force, or none.")
@asynchronous
async def head(recipe: Path | None, rollback: bool) -> None:
    """What search learns from this gateway's own log: queries of tenants that have said so, and the tools that they then called. It
    comes into force at the next start, and only if it finds the tools of connectors that it was not taught with better."""
    settings = settings_here()
    heads = heads_of(settings)
    if rollback:
        number = roll_back(heads)
        out.print(f"In force at the next start: {f'head {number}' if number else 'no head'}.")
        return
    if not isinstance(settings.ranker, FusedRanker):
        raise BadRequest("A head is for the vectors of `ranker: fused`, and this gateway ranks by words.")
    read = _read_recipe(recipe, _training("head").HeadRecipe)
    async with open_here() as gateway:
        matrix, report = await _learn(gateway, settings, settings.ranker, read)
    out.print(
        f"{report.lessons} lessons of {report.connectors} connectors; on connectors it was not taught with nDCG@10 "
        f"{report.before:.3f} without it, {report.after:.3f} with it, better in {report.wins:.3f} of the resamples."
    )
    if not report.accepted:
        out.print("It is not accepted: what is in force stays.")
        sys.exit(1)
    out.print(f"Head {accept(heads, matrix, report)} is in force from the next start on.")


async def _learn(
    gateway: Gateway, settings: Settings, ranker: FusedRanker, recipe: "HeadRecipe"
) -> tuple[Matrix, Report]:
    """Raises BadRequest where there is nothing to learn from."""
    teachers = [name for name, one in settings.tenants.items() if one.learn_from_searches]
    if not teachers:
        raise BadRequest("No tenant lets its searches be learnt from: `tenants: {NAME: {learn_from_searches: true}}`.")
    gathered, training = _training("lessons"), _training("head")
    lessons = [(name, await gathered.read_lessons(gateway.store, name)) for name in teachers]
    encoder = encoder_of(ranker, load_secrets(os.environ, settings))
    try:
        taught = [
            await gathered.prepare(own, gateway.published.of(name).catalog, encoder) for name, own in lessons if own
        ]
    finally:
        encoder.close()
    if not taught:
        raise BadRequest("There is nothing to learn from yet: no search was followed by a call of what it found.")
    with TemporaryDirectory() as scratch:
        told: tuple[Matrix, Report] = training.try_head(gathered.join(taught), encoder.name, recipe, Path(scratch))
    return told
