"""What a ranker has indexed of the catalog: a segment for each connector, made once and off the event loop, and put together
where there are many. Knows no caller: which tools one sees is handed in.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Generic, TypeVar

import numpy as np
import structlog
from msgspec import Struct

from gateway.core.catalog import Connector
from gateway.core.tool import Tool
from gateway.rankers.base import Filling, Part, Ranker, Ranking

# More segments than this are put together: every one costs a query a little for each of its words.
SEGMENTS_MAX = 8
SEGMENTS_KEPT_MAX = 4_000
MERGED_KEPT_MAX = 16

log = structlog.get_logger(__name__)

S = TypeVar("S")


def _any(tool: Tool) -> bool:
    return True


class Indexed(Struct, Generic[S], frozen=True, eq=False):
    """The tools of these connectors in one segment, connector after connector."""

    connectors: tuple[Connector, ...]
    segment: S

    @property
    def tools(self) -> Iterable[Tool]:
        """In the order in which they stand in the segment."""
        return (tool for connector in self.connectors for tool in connector.tools)

    def lacks(self, connectors: Iterable[Connector]) -> list[Connector]:
        """Those of these connectors that are not in it."""
        known = set(map(id, self.connectors))
        return [one for one in connectors if id(one) not in known]


class ToolIndex(Generic[S]):
    """The segments of one ranker, by the connectors as they are: one that changes is another connector."""

    def __init__(self, ranker: Ranker[S]) -> None:
        self.ranked_by = ranker.name
        self._ranker = ranker
        self._single: OrderedDict[int, Indexed[S]] = OrderedDict()
        self._merged: list[Indexed[S]] = []
        self._broken: dict[int, Connector] = {}
        self._one_at_a_time = asyncio.Lock()

    async def parts(
        self, connectors: Sequence[Connector], seen: Mapping[str, Tool], fits: Callable[[Tool], bool] = _any
    ) -> tuple[Part[S], ...]:
        """What there is of these connectors to rank, for somebody who sees these tools, and wants those alone that fit."""
        async with self._one_at_a_time:
            indexed = await self._cover(connectors)
        parts = await asyncio.to_thread(lambda: [_part(one, seen, fits) for one in indexed])
        return tuple(part for part in parts if part.seen is None or part.seen.any())

    async def index(self, connectors: Sequence[Connector]) -> None:
        """Make what there is none of yet. A connector that cannot be indexed is told of, and stops no other."""
        for one in connectors:
            try:
                async with self._one_at_a_time:
                    await self._index(one)
            except Exception as error:
                self._broken[id(one)] = one
                log.error("a connector cannot be indexed for search", connector=one.name, exc_info=error)

    def filling(self, connector: Connector) -> Filling:
        """How far it is. One that nobody has indexed yet has nothing."""
        known = self._single.get(id(connector))
        if known is None:
            return Filling(given_up=id(connector) in self._broken)
        return self._ranker.filling(known.segment)

    async def rank(self, query: str, limit: int, parts: Sequence[Part[S]], count: int) -> Ranking:
        """At most `limit` of the tools that are seen, which are so many, best first."""
        if count <= self._ranker.inline_tools_max:
            return self._ranker.rank(query, limit, parts)
        return await asyncio.to_thread(self._ranker.rank, query, limit, parts)

    async def order(self, query: str, tools: Sequence[Tool]) -> Ranking:
        """All of some tools that fit a query, best first; nothing of it is kept."""
        segment = await asyncio.to_thread(self._ranker.segment, tools)
        return await self.rank(query, len(tools), [Part(segment)], len(tools))

    async def _cover(self, connectors: Sequence[Connector]) -> list[Indexed[S]]:
        """Segments that hold every one of these connectors once; some may hold others too."""
        if len(connectors) <= SEGMENTS_MAX:
            return [await self._index(one) for one in connectors]
        merged = min(self._merged, key=lambda one: len(one.lacks(connectors)), default=None)
        if merged is None or len(merged.lacks(connectors)) > SEGMENTS_MAX or _is_stale(merged, connectors):
            merged = await self._merge(connectors)
        return [merged, *[await self._index(one) for one in merged.lacks(connectors)]]

    async def _index(self, connector: Connector) -> Indexed[S]:
        known = self._single.pop(id(connector), None)
        if known is None:
            known = Indexed(
                (connector,),
                await asyncio.to_thread(self._ranker.segment, connector.tools, connector.title or connector.name),
            )
        self._single[id(connector)] = known
        while len(self._single) > SEGMENTS_KEPT_MAX:
            self._single.popitem(last=False)
        return known

    async def _merge(self, connectors: Sequence[Connector]) -> Indexed[S]:
        single = [(await self._index(one)).segment for one in connectors]
        merged = Indexed(tuple(connectors), await asyncio.to_thread(self._ranker.merge, single))
        self._merged = [merged, *self._merged][:MERGED_KEPT_MAX]
        return merged


def _is_stale(merged: Indexed[S], connectors: Sequence[Connector]) -> bool:
    """Whether more than half of what it holds is somebody else's, or of yesterday."""
    wanted = set(map(id, connectors))
    return 2 * sum(id(one) in wanted for one in merged.connectors) < len(merged.connectors)


def _part(indexed: Indexed[S], seen: Mapping[str, Tool], fits: Callable[[Tool], bool]) -> Part[S]:
    """A tool is seen where the one that is seen by its name is that very tool."""
    mask = np.array([seen.get(tool.name) is tool and fits(tool) for tool in indexed.tools], np.bool_)
    return Part(indexed.segment, None if mask.all() else mask)
