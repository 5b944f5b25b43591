"""Models of search as a process of their own, on the one machine with a GPU, say."""

import os
from contextlib import ExitStack
from pathlib import Path

import rich_click as click
from prometheus_client import CollectorRegistry

from gateway.cli.owner import settings_here
from gateway.cli.root import cli
from gateway.cli.terminal import asynchronous, err
from gateway.edge.models import ModelBounds, ModelDoor
from gateway.errors import BadRequest
from gateway.ranking import OWN_RERANKERS, SHIPPED
from gateway.serve import bind, serve_app_forever, url_of
from gateway.settings import load_secrets
from gateway.telemetry import ModelMetrics

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
USUAL = ModelBounds()


@cli.group()
def rank() -> None:
    """Models of search."""


@rank.command("serve")
@click.option("--model", type=FOLDER, help="The folder of an encoder.")
@click.option("--reranker", type=FOLDER, help="The folder of a reranker.")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65_535), default=8090, show_default=True)
@click.option("--device", default="auto", show_default=True, help="`auto` takes a GPU where there is one.")
@click.option("--secret", default="", help="The name of the secret that has to be presented as a bearer token.")
@click.option(
    "--texts-max", type=click.IntRange(1, 4_000), default=USUAL.texts_max, show_default=True, help="In one request."
)
@click.option("--body-bytes-max", type=click.IntRange(1), default=USUAL.body_bytes_max, show_default=True)
@asynchronous
async def serve_models(
    model: Path | None,
    reranker: Path | None,
    host: str,
    port: int,
    device: str,
    secret: str,
    texts_max: int,
    body_bytes_max: int,
) -> None:
    """Serve an encoder, a reranker, or both, in the wire forms of OpenAI, TEI and Cohere, until interrupted. Where neither is
    named: the encoder and the full reranker that come along."""
    settings = settings_here(serves=True)
    if model is None and reranker is None:
        model, reranker = SHIPPED / "encoder", OWN_RERANKERS["full"]
    secrets = load_secrets(os.environ, settings)
    if secret and not secrets.get(secret):
        variable = f"FACTOTUM_SECRET_{secret.upper().replace('-', '_')}"
        raise BadRequest(f"There is no secret {secret!r}; set {variable}, or put it in secrets_dir.")
    try:
        from gateway.rankers.serving import Encoder, Scorer
    except ImportError as error:
        raise BadRequest("This needs torch: pip install 'factotum[neural]'.") from error
    registry = CollectorRegistry()
    metrics = ModelMetrics(registry)
    with ExitStack() as opened:
        listening = opened.enter_context(bind(host, port))
        encoder = Encoder(model, device, metrics) if model else None
        scorer = Scorer(reranker, device, metrics) if reranker else None
        models = [one for one in (encoder, scorer) if one is not None]
        for one in models:
            opened.callback(one.close)
        token = secrets[secret] if secret else ""
        door = ModelDoor(encoder, scorer, token, ModelBounds(body_bytes_max, texts_max), registry)
        names = " and ".join(one.name for one in models)
        err.print(f"Factotum serves {names} at {url_of(listening)}")
        await serve_app_forever(door, listening)
