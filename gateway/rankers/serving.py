"""An encoder that serves: texts of tools in batches, and queries as they come, several at once where they come at once.
Knows no tool."""

import queue
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as Late
from pathlib import Path

import numpy as np
import structlog
import torch

from gateway.errors import BadRequest
from gateway.rankers.base import Matrix, Vector
from gateway.rankers.encoder import mean_of, pad
from gateway.rankers.weights import load_model

QUERY_CHARACTERS_MAX = 2_000
TEXT_CHARACTERS_MAX = 4_000
QUERIES_AT_ONCE_MAX = 32
QUERIES_WAITING_MAX = 1_000
END_S = 10.0

log = structlog.get_logger(__name__)


class Encoder:
    """One model on one device. Whoever opens it closes it. `device`: `auto` takes a GPU where there is one."""

    def __init__(self, folder: Path, device: str = "auto") -> None:
        """Raises BadRequest where the folder holds no model, or there is no such device."""
        try:
            self.device = torch.device(_best_device() if device == "auto" else device)
            model, self._bert, self._tokenizer = load_model(folder, str(self.device))
        except (RuntimeError, AssertionError) as error:
            raise BadRequest(f"There is no device {device!r} here for the model.") from error
        self.name, self.width = model.name, model.shape.width
        self._alone = threading.Lock()
        self._waiting: queue.Queue[tuple[str, Future[Vector]] | None] = queue.Queue(QUERIES_WAITING_MAX)
        self._thread = threading.Thread(target=self._serve, name="encoder", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End what was begun, and take no more."""
        self._waiting.put(None)
        self._thread.join(END_S)

    def encode(self, texts: Sequence[str]) -> Matrix:
        """[texts, width], each of unit length. Takes time: call it off the event loop."""
        rows = [one.ids for one in self._tokenizer.encode_batch([text[:TEXT_CHARACTERS_MAX] for text in texts])]
        with self._alone, torch.inference_mode():
            ids, mask = (one.to(self.device) for one in pad(rows))
            vectors: Matrix = mean_of(self._bert(ids, mask), mask).float().cpu().numpy()
        return vectors

    def encode_query(self, query: str, deadline_s: float) -> Vector | None:
        """One vector, or None where it is not there in time. Blocks: call it off the event loop."""
        asked: Future[Vector] = Future()
        try:
            self._waiting.put_nowait((query[:QUERY_CHARACTERS_MAX].encode("utf-8", "replace").decode(), asked))
            return asked.result(deadline_s)
        except (queue.Full, Late):
            asked.cancel()
            return None
        except Exception as error:  # A device that is gone, or out of memory: words will do.
            log.warning("a query could not be encoded", exc_info=error)
            return None

    def _serve(self) -> None:
        while (first := self._waiting.get()) is not None:
            batch, ended = [first], False
            while len(batch) < QUERIES_AT_ONCE_MAX and not self._waiting.empty():
                one = self._waiting.get()
                if one is None:
                    ended = True
                    break
                batch.append(one)
            self._answer([one for one in batch if one[1].set_running_or_notify_cancel()])
            if ended:
                return

    def _answer(self, batch: Sequence[tuple[str, Future[Vector]]]) -> None:
        if not batch:
            return
        try:
            vectors = self.encode([query for query, _ in batch])
        except Exception as error:
            for _, asked in batch:
                asked.set_exception(error)
            return
        for (_, asked), vector in zip(batch, vectors, strict=True):
            asked.set_result(np.asarray(vector))


def _best_device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
