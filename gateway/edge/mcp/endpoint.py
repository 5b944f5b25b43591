"""MCP over HTTP at one endpoint for each server, both eras: who may ask, how much, and in which era a request is meant.
Knows the transport; the eras know the methods. Keeps nothing between two requests but open streams."""

from collections.abc import Mapping
from contextlib import suppress
from typing import cast, get_args
from urllib.parse import parse_qs

import structlog
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send
from msgspec import UNSET, Raw, Struct

from gateway.core.dialect import Dialect
from gateway.core.principal import Principal
from gateway.core.toolset import Filter, Toolset
from gateway.discover import INTENT_CHARACTERS_MAX
from gateway.edge.asgi import (
    Disconnected,
    EventStream,
    Reply,
    header_values,
    read_body,
    send_events,
    send_reply,
    until_disconnect,
)
from gateway.edge.jsonrpc import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    Fault,
    Message,
    check_body,
    decode_batch,
    decode_message,
    encode_fault,
    encode_result,
    find_id,
)
from gateway.edge.mcp import legacy, modern
from gateway.edge.mcp.elicit import OPENS_URLS, Elicitation, new_session
from gateway.edge.mcp.legacy import Legacy
from gateway.edge.mcp.listen import Listening
from gateway.edge.mcp.lists import Asking
from gateway.edge.mcp.meta import RequestMeta, decode_meta
from gateway.edge.mcp.modern import Modern
from gateway.edge.mcp.resources import Resources
from gateway.edge.mcp.server import Server, no_server
from gateway.edge.mcp.tools import Toolbox
from gateway.edge.rejected import note_error, require_own_host, require_own_page
from gateway.edge.sign_in import SignInDesk
from gateway.errors import (
    BadRequest,
    GatewayError,
    NotFound,
    ScopeMissing,
    Unauthenticated,
    code_of,
    http_status,
    jsonrpc_code,
)
from gateway.rejections import Rejections

log = structlog.get_logger(__name__)

SESSION = b"mcp-session-id"
BATCH_MESSAGES_MAX = 50
DIALECTS: dict[str, Dialect] = {one: one for one in get_args(Dialect)}


class McpEndpointSettings(Struct, frozen=True):
    """`allowed_hosts` are Host values beyond loopback; `allowed_origins` the pages that may ask."""

    list_ttl_ms: int
    body_bytes_max: int
    body_depth_max: int
    body_timeout_s: float
    allowed_hosts: tuple[str, ...]
    allowed_origins: tuple[str, ...]
    version: str
    toolsets: Mapping[str, Toolset]


def mcp_endpoint(
    toolbox: Toolbox,
    resources: Resources,
    listening: Listening,
    elicitation: Elicitation,
    desk: SignInDesk,
    rejections: Rejections,
    settings: McpEndpointSettings,
) -> ASGIApp:
    """The server of all tools and those of the toolsets, each at its path, as a raw ASGI app."""

    def endpoint(server: Server) -> _Endpoint:
        return _Endpoint(toolbox, resources, listening, elicitation, desk, rejections, settings, server)

    version = settings.version
    servers = [Server(version), *(Server(version, name, toolset) for name, toolset in settings.toolsets.items())]
    endpoints = {server.door: endpoint(server) for server in servers}
    elsewhere = endpoint(no_server(version))

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        with suppress(Disconnected):
            reply = await endpoints.get(scope["path"], elsewhere).reply(cast(HTTPScope, scope), receive)
            if isinstance(reply, EventStream):
                await send_events(receive, send, reply)
            else:
                await send_reply(send, reply)

    return app


class _Endpoint:
    def __init__(
        self,
        toolbox: Toolbox,
        resources: Resources,
        listening: Listening,
        elicitation: Elicitation,
        desk: SignInDesk,
        rejections: Rejections,
        settings: McpEndpointSettings,
        server: Server,
    ) -> None:
        self._server = server
        self._plain = Asking(toolset=server.tools)
        self._rejections = rejections
        self._listening = listening
        self._desk = desk
        self._settings = settings
        self._legacy = Legacy(toolbox, resources, server)
        self._modern = Modern(toolbox, resources, elicitation, server, ttl_ms=settings.list_ttl_ms)

    async def reply(self, scope: HTTPScope, receive: Receive) -> Reply | EventStream:
        """One HTTP response to one HTTP request, whatever came. Raises Disconnected."""
        body = b""
        try:
            require_own_host(scope, self._settings.allowed_hosts)
            require_own_page(scope, self._settings.allowed_origins)
            if scope["method"] not in ("POST", "GET"):
                return Reply(405, headers=((b"allow", b"GET, POST"),))
            principal = await self._desk.principal(scope)
            if not self._server.is_seen(principal.tenant):
                raise NotFound("There is no toolset of that name; GET /v1/toolsets tells those that there are for you.")
            if scope["method"] == "GET":
                return self._stream(scope, principal)
            limits = self._settings
            body = await read_body(scope, receive, bytes_max=limits.body_bytes_max, timeout_s=limits.body_timeout_s)
            check_body(body, limits.body_depth_max)
            return await until_disconnect(receive, self._answer(scope, body, principal))
        except Fault as fault:
            return self._malformed(scope, body, fault)
        except GatewayError as error:
            return self._tell(scope, error, None)

    def _stream(self, scope: HTTPScope, principal: Principal) -> Reply | EventStream:
        """The GET stream, which only clients of the eras before 2026-07-28 ask for."""
        wanted = any("text/event-stream" in value for value in header_values(scope, b"accept"))
        if not wanted or header_values(scope, b"mcp-protocol-version") == [modern.VERSION]:
            return Reply(405, headers=((b"allow", b"POST"),))
        self._listening.require_room()
        return EventStream(self._listening.notifications(principal, self._asking(scope)))

    def _asking(self, scope: HTTPScope) -> Asking:
        return _read_asking(scope, self._plain.toolset) if scope["query_string"] else self._plain

    async def _answer(self, scope: HTTPScope, body: bytes, principal: Principal) -> Reply | EventStream:
        if body.lstrip()[:1] == b"[":
            return await self._answer_batch(scope, body, principal)
        message = decode_message(body)
        meta = decode_meta(message.params)
        if _is_modern(scope, meta):
            return await self._answer_modern(scope, message, meta, principal)
        return await self._answer_legacy(_legacy_version(scope), scope, message, meta, principal)

    async def _answer_modern(
        self, scope: HTTPScope, message: Message, meta: RequestMeta, principal: Principal
    ) -> Reply | EventStream:
        if message.kind != "request" or message.id is UNSET:
            return Reply(202) if message.kind == "notification" else _refuse(400, "No answer is awaited here.")
        try:
            if message.method == modern.LISTEN:
                params = self._modern.listen_params(scope, message, meta)
                self._listening.require_room()
                return EventStream(self._listening.subscription(principal, message.id, params, self._asking(scope)))
            result = await self._modern.result(scope, message, meta, principal, self._asking(scope))
            return Reply(200, encode_result(message.id, result))
        except Fault as fault:
            return Reply(modern.STATUS.get(fault.code, 200), encode_fault(message.id, fault))
        except GatewayError as error:
            return self._tell(scope, error, message)
        except Exception:
            return _own_defect(message, 500)

    async def _answer_legacy(
        self, version: str, scope: HTTPScope, message: Message, meta: RequestMeta, principal: Principal
    ) -> Reply:
        if message.kind != "request" or message.id is UNSET:
            return Reply(202)
        try:
            shows = version == legacy.NEWEST and _opens_urls(scope)
            result = await self._legacy.result(version, message, meta, principal, self._asking(scope), opens_urls=shows)
            session = new_session(message.params) if message.method == "initialize" else ""
            headers = ((SESSION, session.encode()),) if session else ()
            return Reply(200, encode_result(message.id, result), headers)
        except Fault as fault:
            return Reply(200, encode_fault(message.id, fault))
        except GatewayError as error:
            return self._tell(scope, error, message)
        except Exception:
            return _own_defect(message, 200)

    async def _answer_batch(self, scope: HTTPScope, body: bytes, principal: Principal) -> Reply:
        """A batch, which only 2025-03-26 has. Its messages are answered one after the other."""
        version = _legacy_version(scope)
        if version not in legacy.BATCHES:
            raise Fault(INVALID_REQUEST, f"Batches are of {legacy.ASSUMED} alone; send one message at a time.")
        members = decode_batch(body)
        if not members or len(members) > BATCH_MESSAGES_MAX:
            raise Fault(INVALID_REQUEST, f"A batch holds 1 to {BATCH_MESSAGES_MAX} messages.")
        replies = [await self._answer_member(version, scope, member, principal) for member in members]
        answers = [reply.body for reply in replies if reply.body]
        return Reply(200, b"[" + b",".join(answers) + b"]") if answers else Reply(202)

    async def _answer_member(self, version: str, scope: HTTPScope, member: Raw, principal: Principal) -> Reply:
        try:
            message = decode_message(member)
            if message.method == "initialize":
                raise Fault(INVALID_REQUEST, "initialize may not be in a batch.")
            return await self._answer_legacy(version, scope, message, decode_meta(message.params), principal)
        except Fault as fault:
            return self._malformed(scope, member, fault)

    def _malformed(self, scope: HTTPScope, body: bytes | Raw, fault: Fault) -> Reply:
        """What is no message of an era that we speak, or is not asked as one may."""
        note_error(self._rejections, scope, BadRequest(fault.text))
        return Reply(400, encode_fault(find_id(body), fault))

    def _tell(self, scope: HTTPScope, error: GatewayError, message: Message | None) -> Reply:
        """An error that is no tool's answer: its HTTP status, and the same in words in a JSON-RPC error."""
        note_error(self._rejections, scope, error)
        headers: tuple[tuple[bytes, bytes], ...] = ()
        data: dict[str, object] = {"code": code_of(error)}
        match error:
            case Unauthenticated(code=code):
                headers = (self._desk.seen_by(scope).challenge(code, door=self._server.door),)
            case ScopeMissing(scopes=scopes):
                headers = (self._desk.seen_by(scope).challenge("insufficient_scope", scopes, self._server.door),)
                data["scopes"] = scopes
        message_id = message.id if message is not None and message.id is not UNSET else None
        fault = Fault(jsonrpc_code(error), f"{error.title}: {error.detail}", data)
        return Reply(http_status(error), encode_fault(message_id, fault), headers)


def _is_modern(scope: HTTPScope, meta: RequestMeta) -> bool:
    """The era of a request is its own: what its `_meta` says, or else its version header."""
    return meta.protocol_version is not UNSET or header_values(scope, b"mcp-protocol-version") == [modern.VERSION]


def _legacy_version(scope: HTTPScope) -> str:
    values = header_values(scope, b"mcp-protocol-version")
    version = values[0] if values else legacy.ASSUMED
    if version not in legacy.VERSIONS:
        raise Fault(INVALID_REQUEST, f"MCP-Protocol-Version must be one of {', '.join(legacy.VERSIONS)}.")
    return version


def _opens_urls(scope: HTTPScope) -> bool:
    """Whether the request is of a session whose client said so."""
    return any(value.startswith(OPENS_URLS) for value in header_values(scope, SESSION))


def _read_asking(scope: HTTPScope, toolset: Filter) -> Asking:
    """`?tools=all`, `?dialect=openai-strict`, `?step_up=true`, `?intent=pay%20a%20bill`. Raises Fault."""
    asked = parse_qs(scope["query_string"].decode("latin-1"), max_num_fields=20)
    dialect = asked.get("dialect", ["plain"])[-1]
    if dialect not in DIALECTS:
        raise Fault(INVALID_PARAMS, f"dialect must be one of {', '.join(DIALECTS)}.")
    intent = asked.get("intent", [""])[-1]
    if len(intent) > INTENT_CHARACTERS_MAX:
        raise Fault(INVALID_PARAMS, f"intent must have at most {INTENT_CHARACTERS_MAX} characters.")
    return Asking(asked.get("tools") == ["all"], DIALECTS[dialect], asked.get("step_up") == ["true"], intent, toolset)


def _refuse(status: int, text: str) -> Reply:
    return Reply(status, encode_fault(None, Fault(INVALID_REQUEST, text)))


def _own_defect(message: Message, status: int) -> Reply:
    """A defect of ours: the log has it, the client is told no more than that."""
    log.exception("a request failed for a reason of our own", method=message.method)
    assert message.id is not UNSET
    return Reply(status, encode_fault(message.id, Fault(INTERNAL_ERROR, "Something went wrong in the gateway.")))
