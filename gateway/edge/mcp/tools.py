"""Tools on the MCP wire: pages of definitions, the three tools that stand for a large catalog, results as content.
Knows both eras' forms; knows no transport and no policy.

`outputSchema` is told by describe_tool and not by tools/list: clients check `structuredContent` against it and fail the
call, while backends often disobey their own documents, and an answer that was cut has none. A call must not fail for that.
"""

import base64
import binascii
from collections import OrderedDict
from typing import Any, Literal, get_args

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType, field

from gateway.call import Asked, Calls
from gateway.core.arguments import check_arguments, compile_arguments
from gateway.core.dialect import Dialect, from_dialect, in_dialect
from gateway.core.principal import Principal
from gateway.core.prose import cut
from gateway.core.relation import Related
from gateway.core.result import Blob, Content, Media, Result, Text
from gateway.core.tool import Annotations, Effect, Tool
from gateway.discover import SEARCH_LIMIT_MAX, Discovery, Found, View, narrow, say_missing
from gateway.edge.mcp.message import INVALID_PARAMS, Fault
from gateway.edge.rejected import note_refusal
from gateway.edge.related import show_related
from gateway.edge.searching import FILTER_CHARACTERS_MAX, FILTER_VALUES_MAX, first_schemas
from gateway.errors import (
    AnswerInvalid,
    ApprovalNeeded,
    ArgumentsInvalid,
    GatewayError,
    NotFound,
    QuotaReached,
    ScopeMissing,
    StoreFailed,
    UpstreamFailed,
)
from gateway.rejections import Rejections
from gateway.results import KeptResults

LISTS_CACHED_MAX = 64
SHORT_CHARACTERS_MAX = 300
# To describe one tool after a search is one more turn of a model; three schemas are some thousand tokens at most.
SCHEMAS_SHOWN = 3

Structured = Literal["any", "objects", "none"]
READ_ONLY = Annotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
ANYTHING = Annotations(read_only_hint=False, destructive_hint=True, idempotent_hint=False)


class Definition(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """One entry of tools/list. `_meta` carries the effect, which the hints can only approach, and the scopes that the caller
    lacks for it, where it is shown all the same."""

    name: str
    title: str
    description: str
    input_schema: Raw
    annotations: Annotations
    meta: dict[str, str | tuple[str, ...]] = field(name="_meta", default_factory=dict)


class Asking(Struct, frozen=True):
    """What the endpoint's query asks for: `every` tool in the list however many there are, the schemas in a dialect, and with
    `step_up` what the caller could call with more scopes."""

    every: bool = False
    dialect: Dialect = "plain"
    step_up: bool = False


class ListParams(Struct, frozen=True):
    cursor: str | UnsetType = UNSET


class CallParams(Struct, frozen=True):
    """`input_responses` and `request_state` come with the next request of a call that asked for something (2026-07-28)."""

    name: str
    arguments: dict[str, Any] = {}
    input_responses: dict[str, Raw] = field(name="inputResponses", default_factory=dict)
    request_state: str | UnsetType = field(name="requestState", default=UNSET)


class CallResult(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """A CallToolResult, without what belongs to one era."""

    content: list[dict[str, Any]]
    structured_content: Raw | UnsetType = UNSET
    is_error: bool = False


def _schema(properties: dict[str, Any], *required: str) -> Raw:
    told = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return Raw(msgspec.json.encode(told))


def _text(description: str) -> dict[str, Any]:
    return {"type": "string", "description": description}


def _any_of(description: str, kind: dict[str, Any]) -> dict[str, Any]:
    bounded = kind | ({"maxLength": FILTER_CHARACTERS_MAX} if "type" in kind else {})
    return {"type": "array", "items": bounded, "maxItems": FILTER_VALUES_MAX, "description": description}


SEARCH = Definition(
    "search_tools",
    "Search tools",
    "Finds the tools that fit what you want to do, best first, the first ones with what they take; describe_tool shows it of "
    "the others.",
    _schema(
        {
            "query": _text("What you want to do, in a few words."),
            "limit": {"type": "integer", "minimum": 1, "maximum": SEARCH_LIMIT_MAX, "default": 10},
            "connectors": _any_of("Only tools of these services.", {"type": "string"}),
            "effects": _any_of("Only tools that do this.", {"enum": [*get_args(Effect)]}),
            "tags": _any_of("Only tools with one of these tags.", {"type": "string"}),
            "schemas": {
                "type": "integer",
                "minimum": 0,
                "maximum": SEARCH_LIMIT_MAX,
                "default": SCHEMAS_SHOWN,
                "description": "How many of the first come with their input schemas.",
            },
        },
        "query",
    ),
    READ_ONLY,
)
DESCRIBE = Definition(
    "describe_tool",
    "Describe a tool",
    "Shows one tool in full: its arguments, its result, its effect, the scopes that it needs, and which tools give its "
    "arguments, can follow on it, take it back or show what it did.",
    _schema(
        {
            "name": _text("The tool's name, as search_tools gives it."),
            "at": _text("A folded part of its schemas, as its hint names it: #/$defs/Filter. Shows that part alone."),
        },
        "name",
    ),
    READ_ONLY,
)
CALL = Definition(
    "call_tool",
    "Call a tool",
    "Calls any tool by its name. Tools can be called directly by their names too.",
    _schema(
        {
            "name": _text("The tool's name."),
            "arguments": {"type": "object", "description": "As describe_tool shows them, options among them."},
            "dry_run": {"type": "boolean", "default": False, "description": "Show the request and send nothing."},
        },
        "name",
    ),
    ANYTHING,
)
READ = Definition(
    "read_result",
    "Read a kept result",
    "Gives more of an answer that was too long to give at once: what is selected of it, or the piece from a byte on.",
    _schema(
        {
            "uri": _text("Where it is kept, as the answer said: factotum://results/..."),
            "select": _text("JMESPath over the whole answer, where it is JSON: items[20:40].name"),
            "offset": {"type": "integer", "minimum": 0, "description": "The byte to begin at, for text."},
        },
        "uri",
    ),
    READ_ONLY,
)
# What stands for a catalog that is too large to list; `read_result` stands beside every list.
FRONT = (SEARCH, DESCRIBE, CALL)
OWN = (*FRONT, READ)
_FRONT_ARGUMENTS = {one.name: compile_arguments(one.input_schema) for one in OWN}


class Toolbox:
    """What tools/list and tools/call answer, in either era."""

    def __init__(
        self,
        calls: Calls,
        results: KeptResults,
        discovery: Discovery,
        rejections: Rejections,
        *,
        list_tools_max: int,
        page_tools_max: int,
    ) -> None:
        self._calls = calls
        self._results = results
        self._discovery = discovery
        self._rejections = rejections
        self._list_tools_max = list_tools_max
        self._page_tools_max = page_tools_max
        self._pages: OrderedDict[tuple[View, bool, Dialect], list[bytes]] = OrderedDict()

    def list_page(self, principal: Principal, cursor: str | UnsetType, asking: Asking) -> bytes:
        """One page, encoded: `"tools":[...]` and the next cursor, as the inside of an object. A caller who may see more
        than `list_tools_max` tools gets the three that stand for all, and the pinned ones, unless every one is asked for.
        Raises Fault where the cursor is none of ours."""
        view = self._discovery.view(principal, step_up=asking.step_up)
        key = (view, asking.every or len(view.tools) <= self._list_tools_max, asking.dialect)
        if key not in self._pages:
            self._pages[key] = list(self._encode_pages(view, asking.dialect, whole=key[1]))
            if len(self._pages) > LISTS_CACHED_MAX:
                self._pages.popitem(last=False)
        pages = self._pages[key]
        number = _read_cursor(cursor)
        if number >= len(pages):
            raise Fault(INVALID_PARAMS, "That cursor is none of this list; begin again without one.")
        return pages[number]

    def _encode_pages(self, view: View, dialect: Dialect, *, whole: bool) -> list[bytes]:
        shown = [
            define(tool, dialect, view.missing.get(tool.name, ()))
            for tool in (view.tools.values() if whole else view.pinned)
        ]
        listed = ([*shown, READ] if shown else []) if whole else [*OWN, *shown]
        size = self._page_tools_max
        pages = [listed[start : start + size] for start in range(0, len(listed), size)] or [[]]
        return [
            b'"tools":' + msgspec.json.encode(page) + (_next_cursor(number) if number < len(pages) else b"")
            for number, page in enumerate(pages, 1)
        ]

    async def call(
        self,
        principal: Principal,
        params: CallParams,
        structured: Structured,
        asking: Asking,
        *,
        dry_run: bool,
        opens_urls: bool = False,
    ) -> CallResult:
        """The result of tools/call. What a model can act on is a result with `isError`; raised are only Fault (there is no
        such tool), ScopeMissing, StoreFailed, and ApprovalNeeded where the client opens URLs and there is one to open."""
        try:
            if params.name in _FRONT_ARGUMENTS:
                return await self._call_front(principal, params, structured)
            asked = Asked(params.name, self._turned_back(principal, params, asking.dialect), "mcp", dry_run)
            return _told(await self._calls.call(principal, asked), structured)
        except NotFound as error:
            note_refusal(self._rejections, principal, error, "mcp")
            raise Fault(INVALID_PARAMS, error.detail) from error
        except (ScopeMissing, StoreFailed):
            raise
        except GatewayError as error:
            note_refusal(self._rejections, principal, error, "mcp")
            if opens_urls and isinstance(error, ApprovalNeeded) and error.url and error.approval.state == "pending":
                raise
            return failed(_explain(error))

    def _turned_back(self, principal: Principal, params: CallParams, dialect: Dialect) -> dict[str, Any]:
        """The arguments as the tool itself has them."""
        tool = self._discovery.view(principal).tools.get(params.name) if dialect != "plain" else None
        return params.arguments if tool is None else from_dialect(params.arguments, tool.compact, dialect)

    async def _call_front(self, principal: Principal, params: CallParams, structured: Structured) -> CallResult:
        """One of our own tools."""
        asked = params.arguments
        problems = check_arguments(_FRONT_ARGUMENTS[params.name], asked)
        if problems:
            raise ArgumentsInvalid(problems)
        match params.name:
            case SEARCH.name:
                among = narrow(*(asked.get(one, ()) for one in ("connectors", "effects", "tags")))
                answer = await self._discovery.search(principal, asked["query"], int(asked.get("limit", 10)), among)
                schemas = first_schemas(answer.found, int(asked.get("schemas", SCHEMAS_SHOWN)))
                told = {"tools": [_summarise(one, schemas.get(one.tool.name)) for one in answer.found]}
                return _json_result(told | ({"late": answer.late} if answer.late else {}), structured)
            case DESCRIBE.name:
                tool = self._discovery.describe(principal, asked["name"], "mcp")
                related = self._discovery.related(principal, tool)
                return _json_result(_open(tool, asked["at"]) if "at" in asked else _describe(tool, related), structured)
            case READ.name:
                select, offset = asked.get("select", ""), int(asked["offset"]) if "offset" in asked else None
                return _told(
                    self._results.read(principal, asked["uri"], "mcp", select=select, offset=offset), structured
                )
            case _:
                call = Asked(asked["name"], asked.get("arguments", {}), "mcp", asked.get("dry_run", False))
                return _told(await self._calls.call(principal, call), structured)


def failed(text: str) -> CallResult:
    """A result that says to a model what went wrong."""
    return CallResult([{"type": "text", "text": text}], is_error=True)


def define(tool: Tool, dialect: Dialect, missing: tuple[str, ...] = ()) -> Definition:
    """What a list shows of a tool; `missing` are the scopes that the caller lacks for it."""
    meta: dict[str, str | tuple[str, ...]] = {"io.factotum/effect": tool.effect}
    if missing:
        meta["io.factotum/missingScopes"] = missing
    schema = in_dialect(tool.compact, dialect).schema
    return Definition(tool.name, tool.title, say_missing(missing) + tool.description, schema, tool.annotations, meta)


def _summarise(found: Found, schema: Raw | None) -> dict[str, Any]:
    tool = found.tool
    return {
        "name": tool.name,
        "title": tool.title,
        "connector": tool.connector,
        "description": cut(tool.description, SHORT_CHARACTERS_MAX),
        "effect": tool.effect,
        **(_name_arguments(tool) if schema is None else {"inputSchema": schema}),
        "score": found.score,
        "why": {"matched": found.matched, "places": dict(found.places)},
    }


def _name_arguments(tool: Tool) -> dict[str, Any]:
    schema = msgspec.json.decode(tool.compact)
    required = schema.get("required", [])
    return {"required": required, "optional": [name for name in schema.get("properties", ()) if name not in required]}


def _describe(tool: Tool, related: Related | None) -> dict[str, Any]:
    told = {
        "name": tool.name,
        "title": tool.title,
        "description": tool.description,
        "inputSchema": tool.open_schema("#"),
        "annotations": tool.annotations,
        "effect": tool.effect,
        "tags": tool.tags,
        "scopes": [sorted(alternative) for alternative in tool.scopes],
        "request": tool.operation.key,
        "options": tool.options,
    }
    shown, others, relations = tool.open_schema("output#"), tool.other_answers, show_related(related)
    beside = {"outputSchema": shown, "otherAnswers": others, "related": relations}
    return told | {key: value for key, value in beside.items() if value}


def _open(tool: Tool, place: str) -> dict[str, Any]:
    shown = tool.open_schema(place)
    if shown is None:
        raise NotFound(
            f"{tool.name} has nothing at {place[:200]!r}; describe_tool without `at` shows where its parts are."
        )
    return {"name": tool.name, "at": place, "schema": shown}


def _json_result(value: object, structured: Structured) -> CallResult:
    encoded = msgspec.json.encode(value)
    shown = UNSET if structured == "none" else Raw(encoded)
    return CallResult([{"type": "text", "text": encoded.decode()}], shown)


def _told(result: Result, structured: Structured) -> CallResult:
    exact = bytes(result.structured)
    fits = structured == "any" or (structured == "objects" and exact[:1] == b"{")
    shown = result.structured if exact and fits else UNSET
    told = [*map(_block, result.content), *({"type": "text", "text": f"[{note}]"} for note in result.notes)]
    if result.truncated and result.handle and structured != "none":
        told.append({"type": "resource_link", "uri": result.handle, "name": "The whole result"})
    return CallResult(told, shown, result.is_error)


def _block(content: Content) -> dict[str, Any]:
    match content:
        case Text(text=text):
            return {"type": "text", "text": text}
        case Media(kind=kind, media_type=media_type, data=data):
            return {"type": kind, "data": data, "mimeType": media_type}
        case Blob(uri=uri, media_type=media_type, data=data):
            return {"type": "resource", "resource": {"uri": uri, "mimeType": media_type, "blob": data}}


def _explain(error: GatewayError) -> str:
    """For a model: what went wrong, and whether to try again."""
    told = f"{error.title}: {error.detail}"
    if isinstance(error, QuotaReached):
        return f"{told} Nothing has happened."
    if not isinstance(error, UpstreamFailed):
        return told
    if isinstance(error, AnswerInvalid):
        return f"{told} It was carried out: do not send it again."
    if error.may_have_happened:
        return f"{told} If this was a write, it may have happened: check before sending it again."
    after = f" after {error.retry_after_s:g} s" if error.retry_after_s is not None else " later"
    return f"{told} Nothing has happened. " + (f"It may work{after}." if error.retry else "It will fail again.")


def _next_cursor(number: int) -> bytes:
    return b',"nextCursor":"' + base64.urlsafe_b64encode(b"page:%d" % number) + b'"'


def _read_cursor(cursor: str | UnsetType) -> int:
    """The number of the page that a cursor stands for. Raises Fault."""
    if cursor is UNSET:
        return 0
    try:
        kind, _, number = base64.urlsafe_b64decode(cursor.encode()[:64]).partition(b":")
        if kind == b"page" and number.isdigit():
            return int(number)
    except (binascii.Error, ValueError):
        pass
    raise Fault(INVALID_PARAMS, "That cursor is none of this list; begin again without one.")
