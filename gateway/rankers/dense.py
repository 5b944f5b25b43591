"""Dense ranking: the vector of a query beside those of the tools. Knows meanings, as far as its model does.

Vectors come when they come: a segment says which it lacks, and whoever has them fills them in. A tool without one is not ranked
here. Exact: every vector is compared, in one product of matrices a segment.
"""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from heapq import nlargest

import numpy as np

from gateway.core.tool import Tool
from gateway.core.tool_text import text_of_tool
from gateway.rankers.base import Mask, Matrix, Vector


class DenseSegment:
    """The vectors of some tools, in order, as far as they are there. `texts` are what they are vectors of, by key."""

    def __init__(self, names: Sequence[str], texts: Sequence[str], model: str, width: int) -> None:
        self.names = tuple(names)
        self.keys = [sha256(f"{model}\n{text}".encode("utf-8", "replace")).digest() for text in texts]
        self._texts = dict(zip(self.keys, texts, strict=True))
        self._places: dict[bytes, list[int]] = {}
        for place, key in enumerate(self.keys):
            self._places.setdefault(key, []).append(place)
        self.vectors: Matrix = np.zeros((len(self.names), width), np.float32)
        self.there: Mask = np.zeros(len(self.names), np.bool_)
        self.given_up = False

    @property
    def texts(self) -> Mapping[bytes, str]:
        return self._texts

    def lacks(self) -> list[bytes]:
        """The keys of the vectors that are not there."""
        return [key for key, places in self._places.items() if not self.there[places[0]]]

    def put(self, key: bytes, vector: Vector) -> None:
        places = self._places[key]
        self.vectors[places] = vector
        self.there[places] = True
        self._texts.pop(key, None)

    def give_up(self) -> None:
        """No more vectors will come."""
        self.given_up = True

    def nearest(self, query: Vector, limit: int, seen: Mask | None) -> Iterable[tuple[float, str]]:
        """The `limit` tools that are seen and nearest to a query of unit length, by cosine, and those that equal the last."""
        ranked = self.there if seen is None else self.there & seen
        if not ranked.any():
            return ()
        scores = np.where(ranked, self.vectors @ query, -2.0)
        least = float(np.partition(scores, -limit)[-limit]) if len(scores) > limit else -2.0
        return [(float(scores[at]), self.names[at]) for at in np.flatnonzero((scores >= least) & ranked)]


def dense_segment(tools: Sequence[Tool], api: str, model: str, width: int) -> DenseSegment:
    """The segment of these tools of one API, without a vector yet."""
    return DenseSegment([tool.name for tool in tools], [text_of_tool(tool, api) for tool in tools], model, width)


def nearest(query: Vector, limit: int, parts: Iterable[tuple[DenseSegment, Mask | None]]) -> list[str]:
    """The names of the tools that are nearest, the nearest first; equals in the order of their names."""
    found = [one for segment, seen in parts for one in segment.nearest(query, limit, seen)]
    return [name for _, name in nlargest(limit, sorted(found, key=lambda one: one[1]), key=lambda one: one[0])]
