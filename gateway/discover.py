"""STORY  What a caller may see: list, describe, search. Calls nothing, and shows no tool whose scopes the caller lacks, but to
whoever asks to see what more scopes would give."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from msgspec import Struct

from gateway.core.catalog import Catalog
from gateway.core.principal import Principal
from gateway.core.relation import Related, seen_by
from gateway.core.scope import missing_scopes
from gateway.core.tool import Tool
from gateway.core.toolset import EVERYTHING, NOTHING, Filter, Toolset
from gateway.errors import ToolNotFound
from gateway.published import Published
from gateway.rankers.base import Part
from gateway.tool_index import ToolIndex

VIEWS_MAX = 64
SEARCH_LIMIT_MAX = 50
# How many tools a list puts first for an intent, and how long that may be.
INTENT_TOOLS_MAX = 20
INTENT_CHARACTERS_MAX = 500
NO_TOOLSETS: Mapping[str, Toolset] = MappingProxyType({})


class View(Struct, frozen=True, eq=False):
    """The tools that one set of scopes may call, and a toolset has, by name, in the order of their names, at one version of the
    catalog.

    `pinned` are those that their connector's manifest wants listed always. With step-up, the tools that the scopes do not
    suffice for are among them, and `missing` has all the scopes that each of these needs. Two views are the same view only if they
    are the same object: an edge may cache what it encodes under it.
    """

    catalog: Catalog
    tools: Mapping[str, Tool]
    pinned: tuple[Tool, ...]
    missing: Mapping[str, tuple[str, ...]] = MappingProxyType({})


class Found(Struct, frozen=True):
    """A tool that fits a query. `matched` are the words of the query that it has; `places`: where each stage has it, from 1 on."""

    tool: Tool
    score: float
    matched: tuple[str, ...]
    places: Mapping[str, int]


class Answer(Struct, frozen=True):
    """One answer to a search, best first. `late` are the stages that were not there in time."""

    found: tuple[Found, ...]
    late: tuple[str, ...]


class Indexed(Struct, frozen=True):
    """How much of one connector every stage of a search can find: `ready` of its `tools`. `given_up`: no more will be."""

    connector: str
    tools: int
    ready: int
    given_up: bool = False


class Choice(Struct, frozen=True):
    """A toolset, and how many of its tools the caller may call."""

    name: str
    description: str
    tools: int


# Told of every search: who, what, what was found, and at which door.
Heard = Callable[[Principal, str, Sequence[str], str], None]


class Discovery:
    """Looks at the catalog through the eyes of one caller."""

    def __init__(
        self, published: Published, index: ToolIndex[Any], heard: Heard, toolsets: Mapping[str, Toolset] = NO_TOOLSETS
    ) -> None:
        self._published = published
        self._toolsets = toolsets
        self.ranked_by = index.ranked_by
        self._index = index
        self._views: OrderedDict[tuple[str, frozenset[str], bool, Filter], View] = OrderedDict()
        self._parts: OrderedDict[View, tuple[Part[Any], ...]] = OrderedDict()
        self._fitting: OrderedDict[tuple[View, str, Filter], tuple[Tool, ...]] = OrderedDict()
        self._narrowed: OrderedDict[tuple[View, Filter], tuple[Part[Any], ...]] = OrderedDict()
        self._heard = heard

    def view(self, principal: Principal, *, step_up: bool = False, toolset: Filter = EVERYTHING) -> View:
        """Everything this caller may call, of what a toolset has; with `step_up` also what it could with more scopes. The same
        object for the same scopes and toolset until what the tenant sees changes."""
        catalog = self._published.of(principal.tenant).catalog
        key = (catalog.version, principal.scopes, step_up, toolset)
        if key not in self._views:
            self._views[key] = _look(catalog, principal.scopes, step_up, toolset)
            _forget_oldest(self._views)
        return self._views[key]

    def toolset(self, principal: Principal, name: str) -> Filter:
        """The tools of the toolset of that name, of all tools where it is "". One that is not there has none, nor has one that this
        caller's tenant does not see."""
        chosen = self._toolsets.get(name)
        if chosen is None or not chosen.is_seen(principal.tenant):
            return NOTHING if name else EVERYTHING
        return chosen.filter

    def view_of(self, principal: Principal, toolset: str) -> View:
        """The same as `view`, of the toolset of that name, of all tools where it is ""."""
        return self.view(principal, toolset=self.toolset(principal, toolset))

    async def toolsets(self, principal: Principal) -> tuple[Choice, ...]:
        """Those that this caller's tenant sees, in the order of their names."""
        seen = [(name, one) for name, one in sorted(self._toolsets.items()) if one.is_seen(principal.tenant)]
        tools = self.view(principal).tools.values()

        def count() -> tuple[Choice, ...]:
            return tuple(Choice(name, one.description, sum(map(one.filter.takes, tools))) for name, one in seen)

        return await asyncio.to_thread(count)

    def describe(self, principal: Principal, name: str, door: str, toolset: Filter = EVERYTHING) -> Tool:
        """One tool. Raises NotFound where there is none, or none that this caller may see."""
        tool = self.view(principal, toolset=toolset).tools.get(name)
        if tool is None:
            raise ToolNotFound(name, door)
        return tool

    def related(self, principal: Principal, tool: Tool, toolset: Filter = EVERYTHING) -> Related | None:
        """How a tool follows on others and they on it, as far as this caller may see these."""
        seen = self.view(principal, toolset=toolset).tools
        return tool.related and seen_by(tool.related, lambda name: is_of(seen.get(name), tool.connector))

    async def search(
        self,
        principal: Principal,
        query: str,
        limit: int = 10,
        among: Filter = EVERYTHING,
        *,
        door: str,
        toolset: Filter = EVERYTHING,
    ) -> Answer:
        """At most `limit` (and at most SEARCH_LIMIT_MAX) tools that fit the query, best first, as if there were none but those
        that the filter takes. `door` is where somebody asked."""
        answer = await self._search(self.view(principal, toolset=toolset), query, limit, among)
        self._heard(principal, query, [one.tool.name for one in answer.found], door)
        return answer

    async def _search(self, view: View, query: str, limit: int, among: Filter) -> Answer:
        parts = await (self._parts_of(view) if among == EVERYTHING else self._narrowed_parts(view, among))
        ranked = await self._index.rank(query, max(1, min(limit, SEARCH_LIMIT_MAX)), parts, len(view.tools))
        found = tuple(Found(view.tools[one.name], one.score, one.matched, one.places) for one in ranked.tools)
        return Answer(found, ranked.late)

    async def order(self, query: str, tools: Sequence[Tool]) -> Sequence[str]:
        """The names of those of some tools, of no catalog, that fit a query, best first."""
        return [one.name for one in (await self._index.order(query, tools)).tools]

    async def fitting(
        self,
        principal: Principal,
        intent: str,
        among: Filter = EVERYTHING,
        *,
        again: bool = False,
        toolset: Filter = EVERYTHING,
    ) -> tuple[Tool, ...]:
        """The INTENT_TOOLS_MAX tools that fit an intent best, to be put first in a list. `again`: as they were told last, for the
        pages that follow the first one."""
        view = self.view(principal, toolset=toolset)
        key = (view, intent, among)
        if not again or key not in self._fitting:
            answer = await self._search(view, intent, INTENT_TOOLS_MAX, among)
            self._fitting[key] = tuple(one.tool for one in answer.found)
            _forget_oldest(self._fitting)
        return self._fitting[key]

    def indexed(self, catalog: Catalog) -> tuple[Indexed, ...]:
        """How far each connector of a catalog is, in the order of their names."""
        fillings = [(one, self._index.filling(one)) for _, one in sorted(catalog.connectors.items())]
        return tuple(Indexed(one.name, len(one.tools), told.ready, told.given_up) for one, told in fillings)

    async def keep_indexed(self) -> None:
        """Index what is published before anybody searches it, until the gateway stops."""
        while not self._published.stopped:
            turned = asyncio.create_task(self._published.next())
            for edition in self._published.editions.every():
                await self._index.index(tuple(edition.catalog.connectors.values()))
            await turned

    async def _parts_of(self, view: View) -> tuple[Part[Any], ...]:
        if view not in self._parts:
            connectors = tuple(view.catalog.connectors.values())
            self._parts[view] = await self._index.parts(connectors, view.tools)
            _forget_oldest(self._parts)
        return self._parts[view]

    async def _narrowed_parts(self, view: View, among: Filter) -> tuple[Part[Any], ...]:
        if (view, among) not in self._narrowed:
            connectors = tuple(view.catalog.connectors.values())
            self._narrowed[view, among] = await self._index.parts(connectors, view.tools, among.takes)
            _forget_oldest(self._narrowed)
        return self._narrowed[view, among]


def say_missing(scopes: tuple[str, ...]) -> str:
    """The first words of the description of a tool that these scopes are lacked for; "" where none are."""
    return f"You lack scopes for this: it needs {' and '.join(scopes)}. " if scopes else ""


def put_first(first: Iterable[Tool], tools: Iterable[Tool]) -> list[Tool]:
    """All of these tools once, those first."""
    return [*{tool.name: tool for tool in (*first, *tools)}.values()]


def is_of(tool: Tool | None, connector: str) -> bool:
    """Whether it is a tool of that connector: of two that claim a name, one has it."""
    return tool is not None and tool.connector == connector


def _look(catalog: Catalog, scopes: frozenset[str], step_up: bool, toolset: Filter) -> View:
    # Most tools of a connector need the same.
    lacks = {needed: missing_scopes(needed, scopes) for needed in {tool.scopes for tool in catalog.tools.values()}}
    chosen = catalog.tools if toolset == EVERYTHING else _taken(toolset, catalog)
    seen = {name: tool for name, tool in chosen.items() if step_up or not lacks[tool.scopes]}
    missing = {name: lacks[tool.scopes] for name, tool in seen.items() if lacks[tool.scopes]}
    pinned = tuple(
        seen[name] for connector in catalog.connectors.values() for name in connector.manifest.pinned if name in seen
    )
    return View(catalog, seen, pinned, missing)


def _taken(toolset: Filter, catalog: Catalog) -> dict[str, Tool]:
    return {name: tool for name, tool in catalog.tools.items() if toolset.takes(tool)}


def _forget_oldest(cache: OrderedDict) -> None:  # type: ignore[type-arg]
    while len(cache) > VIEWS_MAX:
        cache.popitem(last=False)
