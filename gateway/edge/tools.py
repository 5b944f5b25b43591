"""REST for those who use tools: list, show, search, call. Knows the wire; `discover` and `call` do the work.

`POST /v1/tools/{name}:call` is served raw, beside MCP: it is the hot path. The rest are ordinary Litestar handlers.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, cast

import msgspec
from litestar import Request, Response, asgi, get, post
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath
from litestar.types import HTTPScope, Receive, Scope, Send
from msgspec import Meta, Raw, Struct, structs

from gateway.call import Asked
from gateway.core.dialect import Dialect, from_dialect, in_dialect
from gateway.core.option import ACCEPT, PAGES, SELECT, WAIT
from gateway.core.relation import Related
from gateway.core.result import Blob, Content, Media, Result, Retry, Text
from gateway.core.tool import Annotations, Effect, OtherAnswer, Tool
from gateway.core.toolset import narrow
from gateway.discover import INTENT_CHARACTERS_MAX, SEARCH_LIMIT_MAX, Found, View, put_first, say_missing
from gateway.edge.asgi import Disconnected, Reply, read_body, send_reply, until_disconnect
from gateway.edge.parts import Gateway
from gateway.edge.problem import problem
from gateway.edge.query import Position, read_query
from gateway.edge.rejected import note_error
from gateway.edge.related import ShownRelated, show_related
from gateway.edge.searching import Names, OneName, first_schemas
from gateway.errors import BadRequest, GatewayError, NotFound
from gateway.results import SCHEME

PAGE_TOOLS_MAX = 1_000
CALL = ":call"
NULL = Raw(b"null")

AnyRequest = Request[Any, Any, Any]


class ToolSummary(Struct, frozen=True):
    """`missing_scopes` are all that the tool needs where the caller lacks some of them, and asked to see it all the same."""

    name: str
    title: str
    connector: str
    effect: Effect
    description: str
    missing_scopes: tuple[str, ...] = ()


class ToolPage(Struct, frozen=True):
    """`next` is what to ask `after` for the page that follows; "" on the last."""

    tools: tuple[ToolSummary, ...]
    next: str


class ToolShown(Struct, frozen=True):
    """All there is to know about one tool. `scopes` are alternatives: every scope of one of them is needed.
    `output_schema` is that of a success, `other_answers` are what else its document declares, in short; `related` is how it
    follows on other tools that the caller may see, and they on it."""

    name: str
    title: str
    connector: str
    effect: Effect
    description: str
    input_schema: Raw
    output_schema: Raw
    other_answers: tuple[OtherAnswer, ...]
    annotations: Annotations
    scopes: tuple[tuple[str, ...], ...]
    operation: str
    tags: tuple[str, ...]
    deprecated: bool
    related: ShownRelated | None


class SchemaPart(Struct, frozen=True):
    """A folded part of a tool's schemas, opened."""

    name: str
    at: str
    part: Raw


class CallBody(Struct, frozen=True, forbid_unknown_fields=True):
    """`dry_run` shows the exact request, secrets redacted, and sends nothing. `select` is JMESPath over the answer,
    `pages_max` how many pages of a list to put together, `wait_s` how long to wait for what was only accepted,
    `accept` the media type to ask for.
    `dialect` is the one in which the tools were listed for the model that made the arguments."""

    arguments: dict[str, Any] = {}
    dry_run: bool = False
    select: str = ""
    pages_max: int = 1
    wait_s: float = 0.0
    accept: str = ""
    dialect: Dialect = "plain"

    @property
    def all_arguments(self) -> dict[str, Any]:
        """The arguments, and the options that were asked for under their names among arguments."""
        options = {
            SELECT: self.select or None,
            PAGES: self.pages_max,
            WAIT: self.wait_s or None,
            ACCEPT: self.accept or None,
        }
        asked = {name: value for name, value in options.items() if value is not None and (name, value) != (PAGES, 1)}
        return {**self.arguments, **asked}


class TextBlock(Struct, frozen=True, tag_field="type", tag="text"):
    text: str


class MediaBlock(Struct, frozen=True, tag_field="type", tag="media"):
    """An image or a sound; `data` is base64."""

    kind: Literal["image", "audio"]
    media_type: str
    data: bytes
    filename: str = ""


class BlobBlock(Struct, frozen=True, tag_field="type", tag="blob"):
    """Any other binary; `data` is base64."""

    uri: str
    media_type: str
    data: bytes
    filename: str = ""


class CallAnswer(Struct, frozen=True):
    """`structured` is the backend's JSON as it came, or what was selected or kept of it; null where it is not JSON.
    `status` is the backend's. `notes` say what was left out and how to go on; `handle` is where the whole is kept."""

    status: int
    is_error: bool
    truncated: bool
    content: tuple[TextBlock | MediaBlock | BlobBlock, ...]
    structured: Raw
    retry: Retry | None
    notes: tuple[str, ...] = ()
    handle: str = ""


class ListQuery(Struct, frozen=True):
    """What to list. `openai`, `openai-strict` and `gemini` give function definitions in the form of those providers. With
    `step_up` also what the caller could call with more scopes; with `intent` first what fits it."""

    connector: str = ""
    format: Literal["factotum", "openai", "openai-strict", "gemini"] = "factotum"
    after: str = ""
    limit: Annotated[int, Meta(ge=1, le=PAGE_TOOLS_MAX)] = 100
    step_up: bool = False
    intent: Annotated[str, Meta(max_length=INTENT_CHARACTERS_MAX)] = ""
    toolset: str = ""


class ShowQuery(Struct, frozen=True):
    """`at` is a folded part of the tool's schemas, as its hint names it, alone."""

    at: str | None = None


class ResultQuery(Struct, frozen=True):
    """Which part: JMESPath over the whole, or the byte to begin at."""

    select: str = ""
    offset: Position | None = None


class SearchBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What to find, among the tools of these connectors, with these effects and these tags, of this toolset; what is left out
    narrows nothing.
    The first `schemas` hits come with their input schemas, as far as these are not too long in all."""

    query: str
    limit: int = 10
    connectors: Names = ()
    effects: tuple[Effect, ...] = ()
    tags: Names = ()
    schemas: Annotated[int, Meta(ge=0, le=SEARCH_LIMIT_MAX)] = 0
    toolset: OneName = ""


class Hit(Struct, frozen=True):
    """`score` orders the hits of one answer. `matched` are the words of the query, stemmed, that the tool has; `places` is where
    each stage of the search has it, from 1 on."""

    name: str
    title: str
    connector: str
    effect: Effect
    description: str
    score: float
    matched: tuple[str, ...]
    places: dict[str, int] = {}
    input_schema: Raw | None = None


class SearchAnswer(Struct, frozen=True):
    """`late` are the stages of the search that were not there in time, or failed: the order is that of the others."""

    tools: tuple[Hit, ...]
    late: tuple[str, ...] = ()


def tool_routes(gateway: Gateway) -> list[BaseRouteHandler]:
    """The handlers, bound to one gateway."""
    http, desk = gateway.settings.http, gateway.desk

    async def list_tools(scope: HTTPScope) -> Reply:
        principal = await desk.principal(scope)
        asked = read_query(scope, ListQuery)
        toolset = gateway.discovery.toolset(principal, asked.toolset)
        view = gateway.discovery.view(principal, step_up=asked.step_up, toolset=toolset)
        chosen = [tool for tool in view.tools.values() if asked.connector in ("", tool.connector)]
        if asked.intent:
            among = narrow([asked.connector] if asked.connector else ())
            fitting = await gateway.discovery.fitting(
                principal, asked.intent, among, again=bool(asked.after), toolset=toolset
            )
            chosen = _from(put_first(fitting, chosen), asked.after)
        else:
            chosen = [tool for tool in chosen if tool.name > asked.after]
        shown = chosen[: asked.limit]
        if asked.format != "factotum":
            told = [_function(tool, asked.format, view.missing.get(tool.name, ())) for tool in shown]
            return Reply(200, msgspec.json.encode(told))
        following = shown[-1].name if len(chosen) > len(shown) else ""
        return Reply(200, msgspec.json.encode(ToolPage(tuple(_summary(tool, view) for tool in shown), following)))

    @post("/v1/tools:search", status_code=200)
    async def search_tools(request: AnyRequest) -> Response[bytes]:
        principal = await desk.principal(request.scope)
        body = await read_body(
            request.scope, request.receive, bytes_max=http.body_bytes_max, timeout_s=http.body_timeout_s
        )
        asked = _decode(body, SearchBody)
        within = gateway.discovery.toolset(principal, asked.toolset)
        among = narrow(asked.connectors, asked.effects, asked.tags, within=within)
        answer = await gateway.discovery.search(principal, asked.query, asked.limit, among, door="rest")
        schemas = first_schemas(answer.found, asked.schemas)
        return _json(SearchAnswer(tuple(_hit(one, schemas) for one in answer.found), answer.late))

    async def show_tool(scope: HTTPScope, name: str) -> Reply:
        principal = await desk.principal(scope)
        tool = gateway.discovery.describe(principal, name, "rest")
        at = read_query(scope, ShowQuery).at
        related = gateway.discovery.related(principal, tool)
        return Reply(200, msgspec.json.encode(_shown(tool, related) if at is None else _open(tool, at)))

    async def call_tool(scope: HTTPScope, receive: Receive, name: str) -> Reply:
        principal = await desk.principal(scope)
        body = await read_body(scope, receive, bytes_max=http.body_bytes_max, timeout_s=http.body_timeout_s)
        asked = _decode(body, CallBody) if body else CallBody()
        tool = gateway.discovery.view(principal).tools.get(name) if asked.dialect != "plain" else None
        if tool is not None:
            asked = structs.replace(asked, arguments=from_dialect(asked.arguments, tool.compact, asked.dialect))
        calling = gateway.calls.call(principal, Asked(name, asked.all_arguments, "rest", asked.dry_run))
        return Reply(200, msgspec.json.encode(_answer(await until_disconnect(receive, calling))))

    async def reply_to(scope: HTTPScope, receive: Receive) -> Reply:
        name = scope["path"].strip("/")
        match scope["method"]:
            case "GET" if not name:
                return await list_tools(scope)
            case "POST" if name.endswith(CALL):
                return await call_tool(scope, receive, name.removesuffix(CALL))
            case "GET" if not name.endswith(CALL):
                return await show_tool(scope, name)
            case _:
                return Reply(405, headers=((b"allow", b"POST" if name.endswith(CALL) else b"GET"),))

    @get("/v1/results/{name:str}")
    async def read_result(request: AnyRequest, name: FromPath[str]) -> Response[bytes]:
        principal = await desk.principal(request.scope)
        asked = read_query(request.scope, ResultQuery)
        result = gateway.results.read(principal, SCHEME + name, "rest", select=asked.select, offset=asked.offset)
        return _json(_answer(result))

    @asgi("/v1/tools", is_mount=True, copy_scope=True)
    async def tools_door(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            reply = await reply_to(cast(HTTPScope, scope), receive)
        except GatewayError as error:
            note_error(gateway.rejections, cast(HTTPScope, scope), error)
            reply = problem(error, desk.seen_by(cast(HTTPScope, scope)).challenge)
        except Disconnected:
            return
        await send_reply(send, reply)

    return [search_tools, read_result, tools_door]


def _from(tools: list[Tool], after: str) -> list[Tool]:
    """Those behind the one of that name. Raises BadRequest."""
    places = {tool.name: place for place, tool in enumerate(tools, 1)} | {"": 0}
    if after not in places:
        raise BadRequest("The query's `after` is none of this list; begin again without it.")
    return tools[places[after] :]


def _decode(body: bytes, kind: type[Any]) -> Any:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        # msgspec's text names the place and the type that was expected, and no value.
        raise BadRequest(f"The body does not fit: {error}. /openapi.json says what does.") from error
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise BadRequest("The body is not JSON.") from error


def _json(value: object) -> Response[bytes]:
    return Response(msgspec.json.encode(value), media_type="application/json")


def _told(tool: Tool) -> tuple[str, str, str, Effect, str]:
    return tool.name, tool.title, tool.connector, tool.effect, tool.description


def _hit(found: Found, schemas: Mapping[str, Raw]) -> Hit:
    tool = found.tool
    return Hit(*_told(tool), found.score, found.matched, dict(found.places), schemas.get(tool.name))


def _summary(tool: Tool, view: View) -> ToolSummary:
    return ToolSummary(*_told(tool), view.missing.get(tool.name, ()))


def _shown(tool: Tool, related: Related | None) -> ToolShown:
    return ToolShown(
        *_told(tool),
        input_schema=tool.open_schema("#") or tool.inputs,
        output_schema=tool.open_schema("output#") or NULL,
        other_answers=tool.other_answers,
        annotations=tool.annotations,
        scopes=tuple(tuple(sorted(alternative)) for alternative in tool.scopes),
        operation=tool.operation.key,
        tags=tool.tags,
        deprecated=tool.deprecated,
        related=show_related(related),
    )


def _open(tool: Tool, place: str) -> SchemaPart:
    part = tool.open_schema(place)
    if part is None:
        raise NotFound(f"{tool.name} has nothing at {place[:200]!r}; without `at`, its hints say where its parts are.")
    return SchemaPart(tool.name, place, part)


def _function(
    tool: Tool, form: Literal["openai", "openai-strict", "gemini"], missing: tuple[str, ...]
) -> dict[str, object]:
    schema = in_dialect(tool.compact, "plain" if form == "openai" else form).schema
    function: dict[str, object] = {
        "name": tool.name,
        "description": say_missing(missing) + tool.description,
        "parameters": schema,
    }
    if form == "gemini":
        return function
    return {"type": "function", "function": function | ({"strict": True} if form == "openai-strict" else {})}


def _answer(result: Result) -> CallAnswer:
    return CallAnswer(
        status=result.status,
        is_error=result.is_error,
        truncated=result.truncated,
        content=tuple(_block(one) for one in result.content),
        structured=result.structured or NULL,
        retry=result.retry,
        notes=result.notes,
        handle=result.handle,
    )


def _block(content: Content) -> TextBlock | MediaBlock | BlobBlock:
    match content:
        case Text(text=text):
            return TextBlock(text)
        case Media(kind=kind, media_type=media_type, data=data, filename=filename):
            return MediaBlock(kind, media_type, data, filename)
        case Blob(uri=uri, media_type=media_type, data=data, filename=filename):
            return BlobBlock(uri, media_type, data, filename)
