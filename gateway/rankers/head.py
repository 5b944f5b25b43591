"""A head: what an installation has learnt of its own queries, as a matrix that a query's vector goes through. The vectors of tools
stay as they are, so that a head costs nothing to take or to leave. Needs no torch.

Heads lie in a folder, numbered; `current` says which one is in force, or none. What was accepted is never written over.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import structlog
from msgspec import Struct

from gateway.errors import BadRequest
from gateway.rankers.base import Encoding, Matrix, Vector

CURRENT = "current"
EPSILON = 1e-9

log = structlog.get_logger(__name__)


class Report(Struct, frozen=True):
    """How a head did on connectors that it was not taught with: the mean nDCG@10 of their queries `before` and `after`, and in
    which share of resamples of the queries it was the better (`wins`). `encoder` is whose vectors it is for."""

    encoder: str
    lessons: int
    connectors: int
    before: float
    after: float
    wins: float
    accepted: bool


class Headed:
    """An Encoding whose queries go through a head."""

    def __init__(self, encoder: Encoding, matrix: Matrix) -> None:
        self.name, self.width = encoder.name, encoder.width
        self._encoder = encoder
        self._matrix = matrix

    def encode(self, texts: Sequence[str]) -> Matrix:
        return self._encoder.encode(texts)

    def encode_queries(self, queries: Sequence[str], deadline_s: float) -> Sequence[Vector] | None:
        vectors = self._encoder.encode_queries(queries, deadline_s)
        return None if vectors is None else list(turn(np.stack(vectors), self._matrix))

    def close(self) -> None:
        self._encoder.close()


def turn(queries: Matrix, matrix: Matrix) -> Matrix:
    """[queries, width] through a head [width, width]: what it adds is added, and the length is 1 again."""
    turned = queries + queries @ matrix
    return turned / np.maximum(np.linalg.norm(turned, axis=1, keepdims=True), EPSILON)  # type: ignore[no-any-return]


def with_head(encoder: Encoding, folder: Path) -> Encoding:
    """The encoder with the head in force, or as it is where there is none. A head for another encoder's vectors, or that cannot be
    read, is left alone, and that is logged."""
    number = current(folder)
    if not number:
        return encoder
    try:
        report = msgspec.json.decode((folder / f"{number}.json").read_bytes(), type=Report)
        matrix = np.load(folder / f"{number}.npy", allow_pickle=False).astype(np.float32)
    except (OSError, ValueError, EOFError) as error:
        log.error("the head of search cannot be read, and is left out", head=number, reason=type(error).__name__)
        return encoder
    if (
        report.encoder != encoder.name
        or matrix.shape != (encoder.width, encoder.width)
        or not np.isfinite(matrix).all()
    ):
        log.warning("the head of search is for another model, and is left out", head=number, model=report.encoder)
        return encoder
    return Headed(encoder, matrix)


def current(folder: Path) -> int:
    """The number of the head in force; 0 is none."""
    try:
        return int((folder / CURRENT).read_text())
    except (OSError, ValueError):
        return 0


def accept(folder: Path, matrix: Matrix, report: Report) -> int:
    """Keep a head, and put it in force. Gives its number."""
    folder.mkdir(parents=True, exist_ok=True)
    number = max((int(path.stem) for path in folder.glob("*.npy") if path.stem.isdigit()), default=0) + 1
    np.save(folder / f"{number}.npy", matrix.astype(np.float16), allow_pickle=False)
    (folder / f"{number}.json").write_bytes(msgspec.json.format(msgspec.json.encode(report)))
    _put_in_force(folder, number)
    return number


def roll_back(folder: Path) -> int:
    """Put the head before the current one in force, or none. Gives its number. Raises BadRequest where there is none to leave."""
    number = current(folder)
    if not number:
        raise BadRequest("No head of search is in force: there is nothing to go back from.")
    before = max(
        (int(path.stem) for path in folder.glob("*.npy") if path.stem.isdigit() and int(path.stem) < number), default=0
    )
    _put_in_force(folder, before)
    return before


def _put_in_force(folder: Path, number: int) -> None:
    written = folder / f"{CURRENT}.part"
    written.write_text(str(number))
    written.replace(folder / CURRENT)
