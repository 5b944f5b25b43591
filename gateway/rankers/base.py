"""What a ranker is: it knows the text of tools and puts those that fit a query first. Knows no caller and no policy.

Tools are indexed in segments, one for each connector, so that a connector that comes or changes costs its own tools alone.
Which tools of a segment a caller may see is handed in with each query.

INVARIANT: a tool that may not be seen is in no answer, and weighs on the score of none.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from types import MappingProxyType
from typing import Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from gateway.core.tool import Tool

Mask = npt.NDArray[np.bool_]
Vector = npt.NDArray[np.float32]
Matrix = npt.NDArray[np.float32]
S = TypeVar("S")


class Ranked(Struct, frozen=True):
    """`score` orders the tools of one answer and means nothing across rankers. `matched` are words of the
    query that the tool has. `places`: where each stage that ranked it has it, from 1 on."""

    name: str
    score: float
    matched: tuple[str, ...] = ()
    places: Mapping[str, int] = MappingProxyType({})


class Ranking(Struct, frozen=True):
    """Tools, best first. `late` are the stages that were not there in time, or failed: the order is that of the others."""

    tools: tuple[Ranked, ...] = ()
    late: tuple[str, ...] = ()


class Part(Struct, Generic[S], frozen=True, eq=False):
    """One segment as one caller sees it. `seen` has an entry for each tool of the segment, in its order; None: all of them."""

    segment: S
    seen: Mask | None = None


class Filling(Struct, frozen=True):
    """How far a segment is: every stage of the ranking can rank so many of its tools. `given_up`: no more will come."""

    ready: int = 0
    given_up: bool = False


class Ranker(Protocol[S]):
    """One way to rank. `S` is what its segments are."""

    name: str
    # A ranking over more tools than this runs beside the event loop.
    inline_tools_max: int

    def segment(self, tools: Sequence[Tool], api: str = "") -> S:
        """Index these tools of one API, in this order. Takes time in proportion to their number: call it off the event loop."""

    def merge(self, segments: Sequence[S]) -> S:
        """One segment of all their tools, one after the other: a query costs less over one than over many."""

    def filling(self, segment: S) -> Filling:
        """How far it is: some stages need what comes only later."""

    def rank(self, query: str, limit: int, parts: Sequence[Part[S]]) -> Ranking:
        """At most `limit` of the tools that are seen, best first; equal scores in the order of their names."""


class Unanswered(Exception):
    """A model gives no answer now: it failed, is busy, away or closed. Later, perhaps."""


class Unfit(Exception):
    """A model has no answer to one of the texts, now or later."""


class Begun(Struct, Generic[S], frozen=True, eq=False):
    """What a model was asked: an answer for each text, in their order, as soon as they are there, or Unanswered, or Unfit. Whoever
    waits no more cancels it. `tokens`: how many it reads."""

    answers: "Future[list[S]]"
    tokens: int


class Encoding(Protocol):
    """What makes vectors of texts. `name` changes whenever its vectors do; `width` is how many numbers they have."""

    name: str
    width: int

    def encode(self, texts: Sequence[str]) -> Matrix:
        """[texts, width], each of unit length. Takes time: call it off the event loop. Raises Unanswered, or Unfit."""

    def encode_queries(self, queries: Sequence[str], deadline_s: float) -> Sequence[Vector] | None:
        """A vector for each; None where they are not there in time. Blocks: call it off the event loop."""

    def close(self) -> None:
        """End what was begun, and take no more."""


class Scoring(Protocol):
    """What tells how well each of some texts fits a query, having read both. `name` changes whenever its scores do."""

    name: str

    def score(self, query: str, texts: Sequence[str], deadline_s: float) -> Sequence[float] | None:
        """One number for each text, the higher the better; None where they are not there in time. Blocks: call it off
        the event loop."""

    def close(self) -> None:
        """End what was begun, and take no more."""


class Unfilled(Protocol):
    """Texts that are still without their vectors, each known by a key."""

    def lacks(self) -> list[bytes]:
        """The keys of those."""

    def text(self, key: bytes) -> str:
        """The text of one of them."""

    def put(self, keys: Sequence[bytes], vectors: Matrix) -> None:
        """[keys, width]: the vectors of these."""

    def give_up(self) -> None:
        """No more vectors will come."""
