"""How a search is ranked: settings to rankers, and to the models that they need. Names implementations, as app.py does.

Whoever opens a ranker closes it: `async with open_ranker(...) as ranker`.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from gateway.core.egress import may_be_asked
from gateway.rankers.base import Encoding, Ranker, Scoring
from gateway.rankers.fused import Fused
from gateway.rankers.head import with_head
from gateway.rankers.lexical import Bm25
from gateway.rankers.remote import ModelServer, RemoteEncoder, RemoteScorer
from gateway.rankers.reranked import Reranked
from gateway.settings import (
    FusedRanker,
    LexicalRanker,
    LocalReranker,
    RankerSettings,
    RemoteModel,
    RemoteReranker,
    Settings,
    SettingsBroken,
)
from gateway.stores.base import VectorStore
from gateway.vectors import Vectors

# The models that come along: docs/models.md.
SHIPPED = Path(__file__).parent / "rankers" / "models"
OWN_RERANKERS = {"": SHIPPED / "reranker", "full": SHIPPED / "reranker-full"}


@asynccontextmanager
async def open_ranker(
    told: RankerSettings, secrets: Mapping[str, str], store: VectorStore, heads: Path
) -> AsyncIterator[Ranker[Any]]:
    """`heads` is the folder of what was learnt here. Raises SettingsBroken, or BadRequest where there is no such model."""
    match told:
        case LexicalRanker():
            yield Bm25()
        case FusedRanker(reranker=reranker):
            async with AsyncExitStack() as opened:
                encoder = with_head(await asyncio.to_thread(encoder_of, told, secrets), heads)
                opened.callback(encoder.close)
                vectors = Vectors(encoder, store)
                opened.callback(asyncio.create_task(vectors.keep()).cancel)
                fused = Fused(encoder, vectors.add, told.deadline_s)
                if reranker is None:
                    yield fused
                    return
                scorer = await asyncio.to_thread(_scorer, reranker, told.device, secrets)
                opened.callback(scorer.close)
                yield Reranked(fused, scorer, reranker.candidates, reranker.votes, reranker.deadline_s)


def heads_of(settings: Settings) -> Path:
    """Where what search has learnt here lies."""
    return Path(settings.data_dir) / "search_heads"


def encoder_of(told: FusedRanker, secrets: Mapping[str, str]) -> Encoding:
    """Whoever opens it closes it. Raises SettingsBroken, or BadRequest where there is no such model."""
    match told.model:
        case RemoteModel(model=name, width=width) as remote:
            return RemoteEncoder(_server("model", remote, secrets), name, width)
        case folder:
            try:
                from gateway.rankers.serving import Encoder  # torch takes seconds to import, and need not be installed.
            except ImportError as error:
                raise _no_torch("model") from error
            return Encoder(Path(folder) if folder else SHIPPED / "encoder", told.device)


def _scorer(told: LocalReranker | RemoteReranker, device: str, secrets: Mapping[str, str]) -> Scoring:
    match told:
        case RemoteReranker(model=name, form=form):
            return RemoteScorer(_server("reranker", told, secrets), name, form)
        case LocalReranker(model=folder):
            try:
                from gateway.rankers.serving import Scorer
            except ImportError as error:
                raise _no_torch("reranker") from error
            return Scorer(OWN_RERANKERS.get(folder) or Path(folder), device)


def _server(setting: str, told: RemoteModel | RemoteReranker, secrets: Mapping[str, str]) -> ModelServer:
    if not may_be_asked(told.url):
        raise SettingsBroken(
            f"ranker.{setting}.url must be http or https with a host, and without a password, query or fragment."
        )
    if told.secret and not secrets.get(told.secret):
        raise SettingsBroken(f"ranker.{setting}.secret names {told.secret!r}, and there is no such secret.")
    return ModelServer(told.url, secrets[told.secret] if told.secret else "")


def _no_torch(setting: str) -> SettingsBroken:
    return SettingsBroken(
        f"ranker.{setting} needs torch: pip install 'factotum[neural]', or name a remote one, or choose `lexical`."
    )
