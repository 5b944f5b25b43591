"""Dense ranking: the vector of a query beside those of the tools. Knows meanings, as far as its model does.

Vectors come when they come: whoever has them fills in what is missing. A tool without one is not ranked here. Every vector is
compared.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from heapq import nlargest

import numpy as np
from msgspec import Struct

from gateway.core.tool import Tool
from gateway.core.tool_text import text_of_tool
from gateway.rankers.base import Mask, Matrix, Vector
from gateway.rankers.vector_table import Lease, Rows, VectorTable


class Missing:
    """The vectors that some texts of one API are still without. An Unfilled."""

    def __init__(self, texts: Sequence[str], model: str, table: VectorTable) -> None:
        keys = [sha256(f"{model}\n{text}".encode("utf-8", "replace")).digest() for text in texts]
        self._texts = dict(zip(keys, texts, strict=True))
        self._table = table
        self.lease = table.take(len(self._texts))
        self._rows = dict(zip(self._texts, self.lease.rows.tolist(), strict=True))
        self.rows = np.array([self._rows[key] for key in keys], np.int32)
        self.given_up = False

    def lacks(self) -> list[bytes]:
        """The keys of the vectors that are not there."""
        return list(self._texts)

    def text(self, key: bytes) -> str:
        """What that one is a vector of."""
        return self._texts[key]

    def put(self, keys: Sequence[bytes], vectors: Matrix) -> None:
        """[keys, width], each of unit length."""
        self._table.put(np.array([self._rows[key] for key in keys], np.int32), vectors)
        for key in keys:
            self._texts.pop(key, None)
        if not self._texts:
            self._rows = {}

    def give_up(self) -> None:
        """No more vectors will come."""
        self.given_up = True


class DenseSegment(Struct, frozen=True, eq=False):
    """Tools, and the row of each in the table. `leases` keep the rows theirs."""

    table: VectorTable
    names: tuple[str, ...]
    rows: Rows
    leases: tuple[Lease, ...]

    def ready(self) -> int:
        """How many of the tools have their vectors."""
        return int(self.table.there(self.rows).sum())

    def nearest(self, query: Vector, limit: int, seen: Mask | None) -> Iterable[tuple[float, str]]:
        """The `limit` tools that are seen and nearest to a query of unit length, by cosine, and those that equal the last."""
        there = self.table.there(self.rows)
        at = np.flatnonzero(there if seen is None else there & seen)
        scores = self.table.compare(query, self.rows[at])
        least = float(np.partition(scores, -limit)[-limit]) if len(scores) > limit else -np.inf
        return [(float(scores[one]), self.names[at[one]]) for one in np.flatnonzero(scores >= least)]


def dense_segment(tools: Sequence[Tool], api: str, model: str, table: VectorTable) -> tuple[DenseSegment, Missing]:
    """The segment of these tools of one API, without a vector yet."""
    missing = Missing([text_of_tool(tool, api) for tool in tools], model, table)
    return DenseSegment(table, tuple(tool.name for tool in tools), missing.rows, (missing.lease,)), missing


def merge_dense(segments: Sequence[DenseSegment], table: VectorTable) -> DenseSegment:
    """One segment of all their tools, one after the other."""
    return DenseSegment(
        table,
        tuple(name for one in segments for name in one.names),
        np.concatenate([np.zeros(0, np.int32), *(one.rows for one in segments)]),
        tuple(lease for one in segments for lease in one.leases),
    )


def nearest(query: Vector, limit: int, parts: Iterable[tuple[DenseSegment, Mask | None]]) -> list[str]:
    """The names of the tools that are nearest, the nearest first; equals in the order of their names."""
    found = [one for segment, seen in parts for one in segment.nearest(query, limit, seen)]
    return [name for _, name in nlargest(limit, sorted(found, key=lambda one: one[1]), key=lambda one: one[0])]
