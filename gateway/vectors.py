"""The vectors of tools: kept in the store by what they are vectors of, and worked out where they are not there yet, beside the
event loop and batch by batch. Knows segments and an encoder; ranks nothing."""

import asyncio
from collections.abc import Sequence

import numpy as np
import structlog

from gateway.rankers.base import Encoding, Unanswered, Unfilled
from gateway.stores.base import VectorStore

BATCH = 32
READ_AT_ONCE = 1_000
AGAIN_S = 30.0

log = structlog.get_logger(__name__)


class Vectors:
    """Fills what segments lack. `add` may be called from any thread."""

    def __init__(self, encoder: Encoding, store: VectorStore) -> None:
        self._encoder = encoder
        self._store = store
        self._loop = asyncio.get_running_loop()
        self._waiting: asyncio.Queue[Unfilled] = asyncio.Queue()

    def add(self, segment: Unfilled) -> None:
        self._loop.call_soon_threadsafe(self._waiting.put_nowait, segment)

    async def keep(self) -> None:
        """Until it is cancelled. What cannot be encoded is tried again where that may help, and found by its words meanwhile."""
        while True:
            segment = await self._waiting.get()
            try:
                await self._fill(segment)
            except Unanswered:
                log.warning("the model of search is not there; vectors are made when it is", again_in_s=AGAIN_S)
                self._loop.call_later(AGAIN_S, self._waiting.put_nowait, segment)
            except Exception as error:
                segment.give_up()
                log.error("the vectors of a connector could not be made; words alone find its tools", exc_info=error)

    async def _fill(self, segment: Unfilled) -> None:
        lacking = segment.lacks()
        for start in range(0, len(lacking), READ_AT_ONCE):
            kept = await self._store.vectors(lacking[start : start + READ_AT_ONCE])
            if kept:
                told = np.frombuffer(b"".join(kept.values()), np.float16).astype(np.float32)
                segment.put(list(kept), told.reshape(len(kept), -1))
        lacking = sorted(segment.lacks(), key=lambda key: len(segment.text(key)))
        for start in range(0, len(lacking), BATCH):
            await self._encode(segment, lacking[start : start + BATCH])

    async def _encode(self, segment: Unfilled, keys: Sequence[bytes]) -> None:
        vectors = await asyncio.to_thread(self._encoder.encode, [segment.text(key) for key in keys])
        await self._store.put_vectors(
            {key: vector.astype(np.float16).tobytes() for key, vector in zip(keys, vectors, strict=True)}
        )
        segment.put(keys, vectors)
