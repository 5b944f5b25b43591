"""Vectors in memory, a row each, as whole numbers of eight bits: a quarter of what they are made of, and as fast to compare with
a query. Knows no tool.

Of 4,000 tools of real documents and 300 queries (all-MiniLM-L6-v2) 99.5 % of the ten nearest are the same as with the vectors
as they came, and the nearest always; `python benchmarks/search_scale.py --recall FOLDER` measures it.
"""

import threading
import weakref
from collections import deque
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from gateway.rankers.base import Mask, Matrix, Vector

Rows = npt.NDArray[np.int32]

N = TypeVar("N", bound=np.generic)

ROWS_MIN = 1_024
# What is widened at once stays in a core's cache.
BLOCK = 4_096
LEVELS = 127


class Lease:
    """Some rows of a table, until nobody holds this any more."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows


class VectorTable:
    """Vectors of one width and of unit length. May be used from any thread."""

    def __init__(self, width: int) -> None:
        self.width = width
        self._alone = threading.Lock()
        self._codes = np.zeros((ROWS_MIN, width), np.int8)
        self._steps = np.zeros(ROWS_MIN, np.float32)
        self._there: Mask = np.zeros(ROWS_MIN, np.bool_)
        self._used = 0
        self._free: list[int] = []
        # INVARIANT: who gives back takes no lock, as it may be the garbage collector in the midst of anything.
        self._returned: deque[Rows] = deque()

    def take(self, count: int) -> Lease:
        """Rows that hold nothing yet."""
        with self._alone:
            while self._returned:
                rows = self._returned.popleft()
                self._there[rows] = False
                self._free.extend(rows.tolist())
            again, self._free = self._free[:count], self._free[count:]
            new = range(self._used, self._used + count - len(again))
            while new.stop > len(self._there):
                self._codes, self._steps, self._there = _double(self._codes), _double(self._steps), _double(self._there)
            self._used = new.stop
        lease = Lease(np.array([*again, *new], np.int32))
        weakref.finalize(lease, self._returned.append, lease.rows)
        return lease

    def put(self, rows: Rows, vectors: Matrix) -> None:
        """[rows, width], in their places."""
        steps = np.maximum(np.abs(vectors).max(1), np.finfo(np.float32).tiny) / LEVELS
        with self._alone:
            self._codes[rows] = np.rint(vectors / steps[:, None])
            self._steps[rows] = steps
            self._there[rows] = True

    def there(self, rows: Rows) -> Mask:
        """Which of these rows have a vector."""
        mask: Mask = self._there[rows]
        return mask

    def compare(self, query: Vector, rows: Rows) -> Vector:
        """The products of a query and each of these rows."""
        codes, steps = self._codes, self._steps
        if 2 * len(rows) < self._used:
            return _products(codes[rows], query) * steps[rows]
        every: Vector = _products(codes[: self._used], query)[rows] * steps[rows]
        return every


def _products(codes: npt.NDArray[np.int8], query: Vector) -> Vector:
    """By one core: a product of matrices that BLAS shares out waits for the slowest core, and cores have other work."""
    products = np.empty(len(codes), np.float32)
    wide = np.empty((min(BLOCK, len(codes)), len(query)), np.float32)
    for start in range(0, len(codes), BLOCK):
        block = codes[start : start + BLOCK]
        np.copyto(wide[: len(block)], block)
        np.vecdot(wide[: len(block)], query, out=products[start : start + BLOCK])
    return products


def _double(array: npt.NDArray[N]) -> npt.NDArray[N]:
    grown = np.zeros((2 * len(array), *array.shape[1:]), array.dtype)
    grown[: len(array)] = array
    return grown
