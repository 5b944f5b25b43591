"""Tools on the MCP wire: calls, those of the gateway's own tools among them, and results as content.
Knows both eras' forms; knows no transport and no policy."""

from typing import Any, Literal

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType, field

from gateway.call import Asked, Calls
from gateway.core.arguments import check_arguments, compile_arguments
from gateway.core.dialect import Dialect, from_dialect
from gateway.core.principal import Principal
from gateway.core.prose import cut
from gateway.core.relation import Related
from gateway.core.result import Blob, Content, Media, Result, Text
from gateway.core.tool import Tool
from gateway.core.toolset import EVERYTHING, Filter, narrow
from gateway.discover import Discovery, Found
from gateway.edge.jsonrpc import INVALID_PARAMS, Fault
from gateway.edge.mcp.intents import (
    FULFIL,
    INTENT_NAMES,
    INTENT_TOOLS,
    NO_MEANS,
    NOTHING,
    STATUS,
    Carried,
    IntentTools,
    Means,
)
from gateway.edge.mcp.lists import Asking, Lists
from gateway.edge.mcp.own import DESCRIBE, FRONT, READ, SCHEMAS_SHOWN, SEARCH
from gateway.edge.rejected import note_refusal
from gateway.edge.related import show_related
from gateway.edge.searching import first_schemas
from gateway.errors import (
    AnswerInvalid,
    ApprovalNeeded,
    ArgumentsInvalid,
    BadRequest,
    GatewayError,
    NotFound,
    QuotaReached,
    ScopeMissing,
    StoreFailed,
    UpstreamFailed,
)
from gateway.rejections import Rejections
from gateway.results import KeptResults

SHORT_CHARACTERS_MAX = 300

Structured = Literal["any", "objects", "none"]


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


_FRONT_NAMES = frozenset(one.name for one in (*FRONT, READ))
_OWN_ARGUMENTS = {one.name: compile_arguments(one.input_schema) for one in (*FRONT, READ, *INTENT_TOOLS)}


class Toolbox:
    """What tools/list and tools/call answer, in either era."""

    def __init__(
        self,
        calls: Calls,
        results: KeptResults,
        discovery: Discovery,
        rejections: Rejections,
        intents: IntentTools | None,
        *,
        list_tools_max: int,
        page_tools_max: int,
    ) -> None:
        self._calls = calls
        self._results = results
        self._discovery = discovery
        self._rejections = rejections
        self.intents = intents
        of_intents = INTENT_TOOLS if intents is not None else ()
        self.lists = Lists(discovery, of_intents, list_tools_max=list_tools_max, page_tools_max=page_tools_max)

    async def call(
        self,
        principal: Principal,
        params: CallParams,
        structured: Structured,
        asking: Asking,
        *,
        dry_run: bool,
        means: Means = NO_MEANS,
        carried: Carried | None = None,
    ) -> CallResult:
        """The result of tools/call. What a model can act on is a result with `isError`; raised are only Fault (there is no
        such tool), ScopeMissing, StoreFailed, and where the client can have a person asked InputNeeded, and ApprovalNeeded if it
        opens URLs and there is one to open."""
        try:
            if self.intents is not None and params.name in INTENT_NAMES and asking.toolset == EVERYTHING:
                told = _previewed(params) if dry_run else params
                return await self._call_intents(self.intents, principal, told, structured, means, carried)
            if params.name in _FRONT_NAMES:
                return await self._call_front(principal, params, structured, asking.toolset)
            asked = Asked(
                params.name,
                self._turned_back(principal, params, asking.dialect),
                "mcp",
                dry_run,
                toolset=asking.toolset,
            )
            return _told(await self._calls.call(principal, asked), structured)
        except NotFound as error:
            note_refusal(self._rejections, principal, error, "mcp")
            raise Fault(INVALID_PARAMS, error.detail) from error
        except (ScopeMissing, StoreFailed):
            raise
        except GatewayError as error:
            note_refusal(self._rejections, principal, error, "mcp")
            if means.urls and isinstance(error, ApprovalNeeded) and error.url and error.approval.state == "pending":
                raise
            return failed(_explain(error))

    async def _call_intents(
        self,
        intents: IntentTools,
        principal: Principal,
        params: CallParams,
        structured: Structured,
        means: Means,
        carried: Carried | None,
    ) -> CallResult:
        """One of the tools for intents. Where a client can carry nothing to its next request, it is told in words."""
        _check(params)
        means, carried = (NO_MEANS, NOTHING) if carried is None else (means, carried)
        try:
            told = await intents.call(principal, params.name, params.arguments, means, carried)
        except NotFound as error:  # Not of the tool, but of what its arguments name.
            note_refusal(self._rejections, principal, error, "mcp")
            return failed(_explain(error))
        return json_result(told, structured)

    def _turned_back(self, principal: Principal, params: CallParams, dialect: Dialect) -> dict[str, Any]:
        """The arguments as the tool itself has them."""
        tool = self._discovery.view(principal).tools.get(params.name) if dialect != "plain" else None
        return params.arguments if tool is None else from_dialect(params.arguments, tool.compact, dialect)

    async def _call_front(
        self, principal: Principal, params: CallParams, structured: Structured, toolset: Filter
    ) -> CallResult:
        """One of our own tools, at the server of a toolset."""
        asked = params.arguments
        _check(params)
        match params.name:
            case SEARCH.name:
                within = self._discovery.toolset(principal, asked.get("toolset", ""))
                among = narrow(*(asked.get(one, ()) for one in ("connectors", "effects", "tags")), within=within)
                answer = await self._discovery.search(
                    principal, asked["query"], int(asked.get("limit", 10)), among, door="mcp", toolset=toolset
                )
                schemas = first_schemas(answer.found, int(asked.get("schemas", SCHEMAS_SHOWN)))
                told = {"tools": [_summarise(one, schemas.get(one.tool.name)) for one in answer.found]}
                return json_result(told | ({"late": answer.late} if answer.late else {}), structured)
            case DESCRIBE.name:
                tool = self._discovery.describe(principal, asked["name"], "mcp", toolset)
                related = self._discovery.related(principal, tool, toolset)
                return json_result(_open(tool, asked["at"]) if "at" in asked else _describe(tool, related), structured)
            case READ.name:
                select, offset = asked.get("select", ""), int(asked["offset"]) if "offset" in asked else None
                return _told(
                    self._results.read(principal, asked["uri"], "mcp", select=select, offset=offset, toolset=toolset),
                    structured,
                )
            case _:
                call = Asked(
                    asked["name"], asked.get("arguments", {}), "mcp", asked.get("dry_run", False), toolset=toolset
                )
                return _told(await self._calls.call(principal, call), structured)


def _previewed(params: CallParams) -> CallParams:
    """The same, where nothing may be sent. Raises BadRequest."""
    if params.name not in (FULFIL.name, STATUS.name):
        raise BadRequest(f"{params.name} cannot be tried; fulfil_intent can, with the mode preview.")
    more = {"mode": "preview"} if params.name == FULFIL.name else {}
    return msgspec.structs.replace(params, arguments=params.arguments | more)


def _check(params: CallParams) -> None:
    """Whether the arguments fit one of our own tools. Raises ArgumentsInvalid."""
    problems = check_arguments(_OWN_ARGUMENTS[params.name], params.arguments)
    if problems:
        raise ArgumentsInvalid(problems)


def failed(text: str) -> CallResult:
    """A result that says to a model what went wrong."""
    return CallResult([{"type": "text", "text": text}], is_error=True)


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


def json_result(value: object, structured: Structured) -> CallResult:
    """A value as content, and as structured content where the era has it."""
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
