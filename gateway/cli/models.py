"""Models of search: bring one."""

from pathlib import Path

import rich_click as click

from gateway.cli.root import cli
from gateway.cli.terminal import out
from gateway.errors import BadRequest


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
