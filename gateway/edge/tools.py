"""REST for those who use tools: list, show, search, call. Knows the wire; `discover` and `call` do the work.

`POST /v1/tools/{name}:call` is served raw, beside MCP: it is the hot path. The rest are ordinary Litestar handlers.
"""

from datetime import datetime
from typing import Any, Literal

import msgspec
from litestar import Request, Response, asgi, get, post
from litestar.handlers import BaseRouteHandler
from litestar.params import FromQuery
from litestar.types import HTTPScope, Receive, Scope, Send
from msgspec import Raw, Struct

from gateway.call import Asked
from gateway.core.principal import Principal
from gateway.core.result import Blob, Content, Media, Result, Retry, Text
from gateway.core.tool import Annotations, Effect, Tool
from gateway.edge.asgi import Disconnected, Reply, header_values, read_body, send_reply, until_disconnect
from gateway.edge.parts import Gateway
from gateway.edge.problem import problem
from gateway.errors import BadRequest, GatewayError

PAGE_TOOLS_MAX = 1_000
CALL = ":call"

AnyRequest = Request[Any, Any, Any]


class ToolSummary(Struct, frozen=True):
    name: str
    title: str
    connector: str
    effect: Effect
    description: str


class ToolPage(Struct, frozen=True):
    """`next` is what to ask `after` for the page that follows; "" on the last."""

    tools: tuple[ToolSummary, ...]
    next: str


class ToolShown(Struct, frozen=True):
    """All there is to know about one tool. `scopes` are alternatives: every scope of one of them is needed."""

    name: str
    title: str
    connector: str
    effect: Effect
    description: str
    input_schema: Raw
    output_schema: Raw | None
    annotations: Annotations
    scopes: tuple[tuple[str, ...], ...]
    operation: str
    tags: tuple[str, ...]
    deprecated: bool


class CallBody(Struct, frozen=True, forbid_unknown_fields=True):
    """`dry_run` shows the exact request, secrets redacted, and sends nothing."""

    arguments: dict[str, Any] = {}
    dry_run: bool = False


class TextBlock(Struct, frozen=True, tag_field="type", tag="text"):
    text: str


class MediaBlock(Struct, frozen=True, tag_field="type", tag="media"):
    """An image or a sound; `data` is base64."""

    kind: Literal["image", "audio"]
    media_type: str
    data: bytes


class BlobBlock(Struct, frozen=True, tag_field="type", tag="blob"):
    """Any other binary; `data` is base64."""

    uri: str
    media_type: str
    data: bytes


class CallAnswer(Struct, frozen=True):
    """`structured` is the backend's JSON as it came; null where it is not JSON or was cut. `status` is the backend's."""

    status: int
    is_error: bool
    truncated: bool
    content: tuple[TextBlock | MediaBlock | BlobBlock, ...]
    structured: Raw | None
    retry: Retry | None


class SearchBody(Struct, frozen=True, forbid_unknown_fields=True):
    query: str
    limit: int = 10


class Hit(Struct, frozen=True):
    """`score` orders the hits of one answer. `matched` are the words of the query, stemmed, that the tool has."""

    name: str
    title: str
    connector: str
    effect: Effect
    description: str
    score: float
    matched: tuple[str, ...]


class SearchAnswer(Struct, frozen=True):
    tools: tuple[Hit, ...]


def tool_routes(gateway: Gateway) -> list[BaseRouteHandler]:
    """The handlers, bound to one gateway."""
    http = gateway.settings.http

    async def signed_in(authorization: str) -> Principal:
        return await gateway.authenticator.authenticate(authorization, datetime.now().timestamp())

    @get("/v1/tools")
    async def list_tools(
        request: AnyRequest,
        connector: FromQuery[str] = "",
        format: FromQuery[Literal["factotum", "openai"]] = "factotum",  # noqa: A002 (the wire's name)
        after: FromQuery[str] = "",
        limit: FromQuery[int] = 100,
    ) -> Response[bytes]:
        principal = await signed_in(request.headers.get("authorization", ""))
        seen = gateway.discovery.view(principal).tools
        chosen = [tool for tool in seen.values() if tool.name > after and connector in ("", tool.connector)]
        bound = max(1, min(limit, PAGE_TOOLS_MAX))
        if format == "openai":
            return _json(tuple(_openai(tool) for tool in chosen[:bound]))
        following = chosen[bound - 1].name if len(chosen) > bound else ""
        return _json(ToolPage(tuple(_summary(tool) for tool in chosen[:bound]), following))

    @post("/v1/tools:search", status_code=200)
    async def search_tools(request: AnyRequest) -> Response[bytes]:
        principal = await signed_in(request.headers.get("authorization", ""))
        asked = _decode(await request.body(), SearchBody)
        found = await gateway.discovery.search(principal, asked.query, asked.limit)
        return _json(SearchAnswer(tuple(Hit(*_told(one.tool), one.score, one.matched) for one in found)))

    async def show_tool(scope: HTTPScope, name: str) -> Reply:
        principal = await signed_in(_authorization(scope))
        return Reply(200, msgspec.json.encode(_shown(gateway.discovery.describe(principal, name))))

    async def call_tool(scope: HTTPScope, receive: Receive, name: str) -> Reply:
        principal = await signed_in(_authorization(scope))
        body = await read_body(scope, receive, bytes_max=http.body_bytes_max, timeout_s=http.body_timeout_s)
        asked = _decode(body, CallBody) if body else CallBody()
        calling = gateway.calls.call(principal, Asked(name, asked.arguments, "rest", asked.dry_run))
        return Reply(200, msgspec.json.encode(_answer(await until_disconnect(receive, calling))))

    async def reply_to(scope: HTTPScope, receive: Receive) -> Reply:
        name: str = scope["path_params"]["name"]
        match scope["method"]:
            case "POST" if name.endswith(CALL):
                return await call_tool(scope, receive, name.removesuffix(CALL))
            case "GET" if not name.endswith(CALL):
                return await show_tool(scope, name)
            case _:
                return Reply(405, headers=((b"allow", b"POST" if name.endswith(CALL) else b"GET"),))

    @asgi("/v1/tools/{name:str}", copy_scope=False)
    async def one_tool(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        try:
            reply = await reply_to(scope, receive)
        except GatewayError as error:
            reply = problem(error)
        except Disconnected:
            return
        await send_reply(send, reply)

    return [list_tools, search_tools, one_tool]


def _authorization(scope: HTTPScope) -> str:
    """The one Authorization header; several are as good as none."""
    values = header_values(scope, b"authorization")
    return values[0] if len(values) == 1 else ""


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


def _summary(tool: Tool) -> ToolSummary:
    return ToolSummary(*_told(tool))


def _shown(tool: Tool) -> ToolShown:
    return ToolShown(
        *_told(tool),
        input_schema=tool.input_schema,
        output_schema=tool.output_schema or None,
        annotations=tool.annotations,
        scopes=tuple(tuple(sorted(alternative)) for alternative in tool.scopes),
        operation=tool.operation.key,
        tags=tool.tags,
        deprecated=tool.deprecated,
    )


def _openai(tool: Tool) -> dict[str, object]:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.input_schema}
    return {"type": "function", "function": function}


def _answer(result: Result) -> CallAnswer:
    return CallAnswer(
        status=result.status,
        is_error=result.is_error,
        truncated=result.truncated,
        content=tuple(_block(one) for one in result.content),
        structured=result.structured or None,
        retry=result.retry,
    )


def _block(content: Content) -> TextBlock | MediaBlock | BlobBlock:
    match content:
        case Text(text=text):
            return TextBlock(text)
        case Media(kind=kind, media_type=media_type, data=data):
            return MediaBlock(kind, media_type, data)
        case Blob(uri=uri, media_type=media_type, data=data):
            return BlobBlock(uri, media_type, data)
