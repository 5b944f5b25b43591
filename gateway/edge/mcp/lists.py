"""tools/list on the MCP wire, in either era: pages of definitions, encoded once for all who see the same.

`outputSchema` is told by describe_tool and not by tools/list: clients check `structuredContent` against it and fail the
call, while backends often disobey their own documents, and an answer that was cut has none. A call must not fail for that.
"""

import asyncio
import base64
from collections import OrderedDict
from collections.abc import Sequence
from typing import TypeVar

import msgspec
from msgspec import UNSET, Struct, UnsetType

from gateway.core.dialect import Dialect, in_dialect
from gateway.core.principal import Principal
from gateway.core.tool import Tool
from gateway.core.toolset import EVERYTHING, Filter
from gateway.discover import INTENT_CHARACTERS_MAX, Discovery, View, put_first, say_missing
from gateway.edge.jsonrpc import INVALID_PARAMS, Fault
from gateway.edge.mcp.own import FRONT, READ, Definition

LISTS_CACHED_MAX = 64
CURSOR_BYTES_MAX = 4 * INTENT_CHARACTERS_MAX + 20

Listed = Tool | Definition
P = TypeVar("P")


class Asking(Struct, frozen=True):
    """What the endpoint's query asks for: `every` tool in the list however many there are, the schemas in a dialect, with
    `step_up` what the caller could call with more scopes, and first what fits an intent. `toolset` is what its path is the server
    of."""

    every: bool = False
    dialect: Dialect = "plain"
    step_up: bool = False
    intent: str = ""
    toolset: Filter = EVERYTHING


class ListParams(Struct, frozen=True):
    cursor: str | UnsetType = UNSET


class Lists:
    """The pages of what each caller may see; `of_intents` are tools of our own that stand beside the list
    of all tools: what they call is of no toolset."""

    def __init__(
        self, discovery: Discovery, of_intents: Sequence[Definition], *, list_tools_max: int, page_tools_max: int
    ) -> None:
        self._discovery = discovery
        self._of_intents = of_intents
        self._list_tools_max = list_tools_max
        self._page_tools_max = page_tools_max
        self._encoded: OrderedDict[tuple[View, bool, Dialect], list[bytes]] = OrderedDict()

    async def page(self, principal: Principal, cursor: str | UnsetType, asking: Asking, intent: str = "") -> bytes:
        """One page, encoded: `"tools":[...]` and the next cursor, as the inside of an object. A caller who may see more
        than `list_tools_max` tools gets the three that stand for all, and the pinned ones, unless every one is asked for.
        What fits an intent, that of the request or else of the query, comes before all others, however many there are.
        Raises Fault where the cursor is none of ours."""
        view = self._discovery.view(principal, step_up=asking.step_up, toolset=asking.toolset)
        number, begun_for = _read_cursor(cursor)
        wanted = begun_for or intent or asking.intent
        if not wanted:
            return _numbered(self._pages_of(view, asking), number)
        fitting = await self._discovery.fitting(principal, wanted, again=number > 0, toolset=asking.toolset)
        pages = self._cut(self._listed(view, asking, fitting))
        tools, is_last = _numbered(pages, number), number + 1 == len(pages)
        return await asyncio.to_thread(_encode, tools, view, asking.dialect, b"" if is_last else _next(number, wanted))

    def _pages_of(self, view: View, asking: Asking) -> list[bytes]:
        key = (view, self._is_whole(view, asking), asking.dialect)
        if key not in self._encoded:
            pages = self._cut(self._listed(view, asking))
            last = len(pages) - 1
            self._encoded[key] = [
                _encode(page, view, asking.dialect, b"" if number == last else _next(number))
                for number, page in enumerate(pages)
            ]
            if len(self._encoded) > LISTS_CACHED_MAX:
                self._encoded.popitem(last=False)
        return self._encoded[key]

    def _is_whole(self, view: View, asking: Asking) -> bool:
        return asking.every or len(view.tools) <= self._list_tools_max

    def _listed(self, view: View, asking: Asking, first: Sequence[Tool] = ()) -> list[Listed]:
        beside = (READ, *(self._of_intents if asking.toolset == EVERYTHING else ()))
        if not self._is_whole(view, asking):
            return [*first, *FRONT, *beside, *put_first(first, view.pinned)[len(first) :]]
        return [*put_first(first, view.tools.values()), *beside] if view.tools else []

    def _cut(self, listed: Sequence[Listed]) -> list[Sequence[Listed]]:
        size = self._page_tools_max
        return [listed[start : start + size] for start in range(0, len(listed), size)] or [[]]


def define(tool: Tool, dialect: Dialect, missing: tuple[str, ...] = ()) -> Definition:
    """What a list shows of a tool; `missing` are the scopes that the caller lacks for it."""
    meta: dict[str, str | tuple[str, ...]] = {"io.factotum/effect": tool.effect}
    if missing:
        meta["io.factotum/missingScopes"] = missing
    schema = in_dialect(tool.compact, dialect).schema
    return Definition(tool.name, tool.title, say_missing(missing) + tool.description, schema, tool.annotations, meta)


def _encode(page: Sequence[Listed], view: View, dialect: Dialect, following: bytes) -> bytes:
    told = [
        one if isinstance(one, Definition) else define(one, dialect, view.missing.get(one.name, ())) for one in page
    ]
    return b'"tools":' + msgspec.json.encode(told) + following


def _next(number: int, intent: str = "") -> bytes:
    """The member that leads to the page after this one, and keeps the intent that the list was begun for."""
    return b',"nextCursor":"' + base64.urlsafe_b64encode(b"page:%d:%s" % (number + 1, intent.encode())) + b'"'


def _read_cursor(cursor: str | UnsetType) -> tuple[int, str]:
    """The number of the page that a cursor stands for, from 0 on, and the intent. Raises Fault."""
    if cursor is UNSET:
        return 0, ""
    try:
        kind, number, intent = base64.urlsafe_b64decode(cursor.encode()[:CURSOR_BYTES_MAX]).split(b":", 2)
        if kind == b"page" and number.isdigit() and len(number) < 10:
            return int(number), intent.decode()[:INTENT_CHARACTERS_MAX]
    except ValueError:  # Of base64, of UTF-8, or of how many parts there are.
        pass
    raise _not_ours()


def _numbered(pages: Sequence[P], number: int) -> P:
    if number >= len(pages):
        raise _not_ours()
    return pages[number]


def _not_ours() -> Fault:
    return Fault(INVALID_PARAMS, "That cursor is none of this list; begin again without one.")
