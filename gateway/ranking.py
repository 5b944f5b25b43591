"""How a search is ranked: settings to rankers, and to the models that they need. Names implementations, as app.py does.

Whoever opens a ranker closes it: `async with open_ranker(...) as ranker`.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from gateway.rankers.base import Encoding, Ranker, Scoring
from gateway.rankers.fused import Fused
from gateway.rankers.lexical import Bm25
from gateway.rankers.reranked import Reranked
from gateway.settings import FusedRanker, LexicalRanker, LocalReranker, RankerSettings, SettingsBroken
from gateway.stores.base import VectorStore
from gateway.vectors import Vectors


@asynccontextmanager
async def open_ranker(told: RankerSettings, store: VectorStore) -> AsyncIterator[Ranker[Any]]:
    """Raises SettingsBroken, or BadRequest where there is no such model."""
    match told:
        case LexicalRanker():
            yield Bm25()
        case FusedRanker():
            async with AsyncExitStack() as opened:
                encoder = _encoder(told)
                opened.callback(encoder.close)
                vectors = Vectors(encoder, store)
                opened.callback(asyncio.create_task(vectors.keep()).cancel)
                fused = Fused(encoder, vectors.add, told.deadline_s)
                if told.reranker is None:
                    yield fused
                    return
                scorer = _scorer(told.reranker, told.device)
                opened.callback(scorer.close)
                yield Reranked(fused, scorer, told.reranker.candidates, told.reranker.deadline_s)


def _encoder(told: FusedRanker) -> Encoding:
    try:
        from gateway.rankers.serving import Encoder  # torch takes seconds to import, and need not be installed.
    except ImportError as error:
        raise _no_torch("model") from error
    return Encoder(Path(told.model), told.device)


def _scorer(told: LocalReranker, device: str) -> Scoring:
    try:
        from gateway.rankers.serving import Scorer
    except ImportError as error:
        raise _no_torch("reranker") from error
    return Scorer(Path(told.model), device)


def _no_torch(setting: str) -> SettingsBroken:
    return SettingsBroken(
        f"ranker.{setting} needs torch: pip install 'factotum[neural]', or choose the ranker `lexical`."
    )
