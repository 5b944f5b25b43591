"""What a ranker is: it knows the text of tools and puts those that fit a query first. Knows no caller and no policy.

Tools are indexed in segments, one for each connector, so that a connector that comes or changes costs its own tools alone.
Which tools of a segment a caller may see is handed in with each query.

INVARIANT: a tool that may not be seen is in no answer, and weighs on the score of none.
"""

from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from gateway.core.tool import Tool

Mask = npt.NDArray[np.bool_]
S = TypeVar("S")


class Ranked(Struct, frozen=True):
    """`score` orders the tools of one answer and means nothing across rankers. `matched` are words of the
    query that the tool has."""

    name: str
    score: float
    matched: tuple[str, ...] = ()


class Part(Struct, Generic[S], frozen=True, eq=False):
    """One segment as one caller sees it. `seen` has an entry for each tool of the segment, in its order; None: all of them."""

    segment: S
    seen: Mask | None = None


class Ranker(Protocol[S]):
    """One way to rank. `S` is what its segments are."""

    name: str

    def segment(self, tools: Sequence[Tool]) -> S:
        """Index these tools, in this order. Takes time in proportion to their number: call it off the event loop."""

    def merge(self, segments: Sequence[S]) -> S:
        """One segment of all their tools, one after the other: a query costs less over one than over many."""

    def rank(self, query: str, limit: int, parts: Sequence[Part[S]]) -> Sequence[Ranked]:
        """At most `limit` of the tools that are seen, best first; equal scores in the order of their names."""
