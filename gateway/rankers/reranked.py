"""Reranked: the best of the fused order, read one by one beside the query by a model, whose order has votes then.

Where the model is late, or fails, the order is the other ranker's, and the answer says so.
"""

from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar

from msgspec import Struct, structs

from gateway.core.tool import Tool
from gateway.core.tool_text import text_of_tool
from gateway.rankers.base import Filling, Part, Ranked, Ranker, Ranking, Scoring
from gateway.rankers.fused import K

S = TypeVar("S")


class RerankedSegment(Struct, Generic[S], frozen=True, eq=False):
    """The other ranker's segment, and the tools themselves: where those of a name stand, and what the API of each is called."""

    first: S
    tools: tuple[Tool, ...]
    apis: tuple[str, ...]
    places: Mapping[str, Sequence[int]]


class Reranked(Generic[S]):
    """A Ranker: `first`, whose scores are fused places, finds `candidates` tools, and `scoring` reads them. `votes` is how much its
    order counts; those of words and of meaning count 1 each."""

    name = "reranked"
    inline_tools_max = 0

    def __init__(self, first: Ranker[S], scoring: Scoring, candidates: int, votes: float, deadline_s: float) -> None:
        self._first = first
        self._scoring = scoring
        self._candidates = candidates
        self._votes = votes
        self._deadline_s = deadline_s

    def segment(self, tools: Sequence[Tool], api: str = "") -> RerankedSegment[S]:
        return _segment(self._first.segment(tools, api), tuple(tools), (api,) * len(tools))

    def merge(self, segments: Sequence[RerankedSegment[S]]) -> RerankedSegment[S]:
        first = self._first.merge([one.first for one in segments])
        tools = tuple(tool for one in segments for tool in one.tools)
        return _segment(first, tools, tuple(api for one in segments for api in one.apis))

    def filling(self, segment: RerankedSegment[S]) -> Filling:
        return self._first.filling(segment.first)

    def rank(self, query: str, limit: int, parts: Sequence[Part[RerankedSegment[S]]]) -> Ranking:
        if limit < 1:
            return Ranking()
        count = max(limit, self._candidates)
        found = self._first.rank(query, count, [Part(part.segment.first, part.seen) for part in parts])
        read = [one.name for one in found.tools[: self._candidates]]
        if not read:
            return found
        scores = self._scoring.score(query, [_text(name, parts) for name in read], self._deadline_s)
        if scores is None:
            return Ranking(found.tools[:limit], (*found.late, self.name))
        by_score = sorted(zip(scores, read, strict=True), key=lambda one: (-one[0], one[1]))
        places = {name: place for place, (_, name) in enumerate(by_score, 1)}
        told = [
            _voted(one, self.name, places[one.name], self._votes) if one.name in places else one for one in found.tools
        ]
        return Ranking(tuple(sorted(told, key=lambda one: (-one.score, one.name))[:limit]), found.late)


def _voted(one: Ranked, stage: str, place: int, votes: float) -> Ranked:
    """What fusion would have said of it, with the model among those that it puts together."""
    score = round(one.score + votes / (K + place), 4)
    return structs.replace(one, score=score, places={**one.places, stage: place})


def _segment(first: S, tools: tuple[Tool, ...], apis: tuple[str, ...]) -> RerankedSegment[S]:
    places: dict[str, tuple[int, ...]] = {}
    for place, tool in enumerate(tools):
        places[tool.name] = (*places.get(tool.name, ()), place)
    return RerankedSegment(first, tools, apis, places)


def _text(name: str, parts: Sequence[Part[RerankedSegment[S]]]) -> str:
    """What the model reads of the tool of that name that is seen in one of these parts."""
    for part in parts:
        for place in part.segment.places.get(name, ()):
            if part.seen is None or part.seen[place]:
                return text_of_tool(part.segment.tools[place], part.segment.apis[place])
    raise KeyError(name)
