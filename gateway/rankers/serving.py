"""Models that serve: an encoder, and a reranker. What is asked at once goes through them together; what they cannot answer in time
is not answered. Knows no tool.

Where a GPU is gone the model goes on from its folder on the CPU, until the process ends.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import structlog
import tokenizers
import torch
from prometheus_client import CollectorRegistry
from torch import Tensor, nn

from gateway.errors import BadRequest
from gateway.rankers.base import Begun, Matrix, Unanswered, Vector
from gateway.rankers.batcher import Batcher
from gateway.rankers.cross import CrossEncoder, pad_pairs, read_pairs
from gateway.rankers.encoder import Bert, mean_of
from gateway.rankers.weights import Model, load_model, load_reranker
from gateway.telemetry import ModelMetrics

QUERY_CHARACTERS_MAX = 2_000
TEXT_CHARACTERS_MAX = 4_000
# How much goes through a model at once. A CPU is slower at more, and whoever comes next waits longer.
TOKENS_AT_ONCE_MAX = {"cpu": 256, "cuda": 65_536, "mps": 16_384}
WARM_UP_S = 60.0

log = structlog.get_logger(__name__)

N = TypeVar("N", bound=nn.Module)
Load = Callable[[Path, str], tuple[Model, N, tokenizers.Tokenizer]]


class _Placed(Generic[N]):
    """A model on a device, in the numbers that are fastest there. Used by one thread."""

    def __init__(self, folder: Path, load: Load[N], device: str) -> None:
        """Raises BadRequest where the folder holds no such model, or there is no such device."""
        self._folder = folder
        self._load = load
        try:
            self._put(torch.device(_best_device() if device == "auto" else device))
        except (RuntimeError, AssertionError) as error:
            raise BadRequest(f"There is no device {device!r} here for the model, or no room on it.") from error

    def _put(self, device: torch.device) -> None:
        self.device = device
        self.model, network, self.tokenizer = self._load(self._folder, "cpu")
        self.network = network.to(device, _precision(device))

    def run(self, ask: Callable[[N, torch.device], Tensor]) -> Matrix:
        """What `ask` has of the model."""
        try:
            with torch.inference_mode():
                told: Matrix = ask(self.network, self.device).float().cpu().numpy()
        except (RuntimeError, AssertionError) as error:
            if not isinstance(error, torch.OutOfMemoryError) and _is_gone(self.device):
                log.error("a GPU is gone; search goes on on the CPU", model=self.model.name)
                self._put(torch.device("cpu"))
            raise
        return told


class _Serving(Generic[N]):
    """A model and its worker. Whoever opens it closes it. `device`: `auto` takes a GPU where there is one."""

    def __init__(self, folder: Path, load: Load[N], device: str, metrics: ModelMetrics | None) -> None:
        """Raises BadRequest where the folder holds no such model, or there is no such device."""
        self._placed = _Placed(folder, load, device)
        self.name = self._placed.model.name
        self.tokens_max = self._placed.model.shape.tokens_max
        self._tokenizer = self._placed.tokenizer
        self._batcher: Batcher[tokenizers.Encoding, Any] = Batcher(
            self.name,
            self._answer,
            self._tokens_at_once(),
            metrics or ModelMetrics(CollectorRegistry()),
        )

    @property
    def device(self) -> torch.device:
        return self._placed.device

    @property
    def rests(self) -> bool:
        """Whether it has failed, and is left alone for now."""
        return self._batcher.rests

    def close(self) -> None:
        """End what was begun, and take no more."""
        self._batcher.close()

    def _answer(self, rows: Sequence[tokenizers.Encoding]) -> list[Any]:
        try:
            told = self._placed.run(lambda network, device: self._ask(network, *pad_pairs(rows, device)))
        finally:
            self._batcher.tokens_max = self._tokens_at_once()
        return [one if np.isfinite(one).all() else None for one in told]

    def _tokens_at_once(self) -> int:
        return TOKENS_AT_ONCE_MAX.get(self.device.type, TOKENS_AT_ONCE_MAX["cpu"])

    def _ask(self, network: N, ids: Tensor, mask: Tensor, kinds: Tensor) -> Tensor:
        """All: [rows, tokens]. An answer for each row."""
        raise NotImplementedError


class Encoder(_Serving[Bert]):
    """Vectors of texts. Texts of tools wait until no query does."""

    def __init__(self, folder: Path, device: str = "auto", metrics: ModelMetrics | None = None) -> None:
        super().__init__(folder, load_model, device, metrics)
        self.width = self._placed.model.shape.width
        self.encode_queries(["warm " * self.tokens_max], WARM_UP_S)

    def encode(self, texts: Sequence[str]) -> Matrix:
        try:
            return np.stack(self.begin(texts, patient=True).answers.result())
        except CancelledError as error:
            raise Unanswered from error

    def encode_queries(self, queries: Sequence[str], deadline_s: float) -> Sequence[Vector] | None:
        return self._batcher.ask(self._read([query[:QUERY_CHARACTERS_MAX] for query in queries]), deadline_s)

    def begin(self, texts: Sequence[str], *, patient: bool = False) -> Begun[Vector]:
        """The vectors of texts, for somebody who waits otherwise than in a thread; see `Batcher.begin`."""
        rows = self._read([text[:TEXT_CHARACTERS_MAX] for text in texts])
        return Begun(self._batcher.begin(rows, patient=patient), sum(map(len, rows)))

    def _read(self, texts: Sequence[str]) -> list[tokenizers.Encoding]:
        return list(self._tokenizer.encode_batch([_plain(text) for text in texts]))

    def _ask(self, network: Bert, ids: Tensor, mask: Tensor, kinds: Tensor) -> Tensor:
        return mean_of(network(ids, mask).float(), mask)


class Scorer(_Serving[CrossEncoder]):
    """Scores of texts beside a query."""

    def __init__(self, folder: Path, device: str = "auto", metrics: ModelMetrics | None = None) -> None:
        super().__init__(folder, load_reranker, device, metrics)
        self.score("warm", ["up " * self.tokens_max], WARM_UP_S)

    def score(self, query: str, texts: Sequence[str], deadline_s: float) -> Sequence[float] | None:
        began = time.monotonic()
        rows = self._read(query, texts)
        told = self._batcher.ask(rows, deadline_s - (time.monotonic() - began))
        return None if told is None else [float(one) for one in told]

    def begin(self, query: str, texts: Sequence[str]) -> Begun[float]:
        """The scores of texts, for somebody who waits otherwise than in a thread; see `Batcher.begin`."""
        rows = self._read(query, texts)
        return Begun(self._batcher.begin(rows), sum(map(len, rows)))

    def _read(self, query: str, texts: Sequence[str]) -> list[tokenizers.Encoding]:
        said = _plain(query[:QUERY_CHARACTERS_MAX])
        return read_pairs(self._tokenizer, [(said, _plain(text[:TEXT_CHARACTERS_MAX])) for text in texts])

    def _ask(self, network: CrossEncoder, ids: Tensor, mask: Tensor, kinds: Tensor) -> Tensor:
        scores: Tensor = network(ids, mask, kinds)
        return scores


def _plain(text: str) -> str:
    """Without the halves of characters that tokenizers refuse."""
    return text.encode("utf-8", "replace").decode()


def _is_gone(device: torch.device) -> bool:
    try:
        return torch.ones(1, device=device).item() != 1
    except (RuntimeError, AssertionError):
        return True


def _precision(device: torch.device) -> torch.dtype:
    """bfloat16 on a CPU that multiplies it: four times as fast as float32, and a vector stays within 0.0001 of its direction."""
    if device.type == "cuda":
        return torch.float16
    can = torch.cpu.get_capabilities() if device.type == "cpu" else {}
    return torch.bfloat16 if can.get("avx512_bf16") or can.get("amx_bf16") else torch.float32


def _best_device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
