"""What a ranker is: it knows the text of tools and puts those that fit a query first. Knows no caller and no policy."""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from gateway.core.tool import Tool


class Ranked(Struct, frozen=True):
    """`score` orders the tools of one answer and means nothing across rankers. `matched` are words of the
    query that the tool has."""

    name: str
    score: float
    matched: tuple[str, ...] = ()


class Ranker(Protocol):
    """An index over the tools that one caller may see. Immutable: other tools get another index.

    INVARIANT: an index holds no tool that its caller may not see, so such a tool can neither appear in an answer
    nor weigh on the score of one that does.
    """

    def rank(self, query: str, limit: int) -> Sequence[Ranked]:
        """At most `limit` tools, best first; equal scores in the order of their names."""


class RankerFactory(Protocol):
    name: str

    def build(self, tools: Sequence[Tool]) -> Ranker:
        """Index these tools. Takes time in proportion to their number: call it off the event loop."""
