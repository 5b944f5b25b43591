"""Every door on one ASGI app: MCP, which is the hot one, straight; everything else through Litestar."""

from contextlib import suppress
from typing import cast

import msgspec
import structlog
from litestar import Litestar, Request, Response, get
from litestar.exceptions import HTTPException
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from gateway import __version__
from gateway.edge.a2a.card import CARD_PATH, AgentCard
from gateway.edge.a2a.http import HttpDoor
from gateway.edge.a2a.rpc import RpcDoor
from gateway.edge.a2a.tasks import AgentTasks
from gateway.edge.admin import admin_routes
from gateway.edge.approval_page import PATH as APPROVALS
from gateway.edge.approval_page import ApprovalPage
from gateway.edge.approvals import approval_routes
from gateway.edge.asgi import A2A_HTTP_PATH, A2A_PATH, Disconnected, Reply, is_mcp, send_reply
from gateway.edge.authorization import AuthorizationDoor
from gateway.edge.browser import Browser
from gateway.edge.chat import chat_routes
from gateway.edge.grants import grant_routes
from gateway.edge.intents import intent_routes
from gateway.edge.issuer_sign_in import IssuerDoor
from gateway.edge.me import me_routes
from gateway.edge.memory import memory_routes
from gateway.edge.openapi import openapi_document
from gateway.edge.parts import Gateway
from gateway.edge.policies import policy_routes
from gateway.edge.problem import MEDIA_TYPE, problem
from gateway.edge.recipes import recipe_routes
from gateway.edge.rejected import note_error, own_hosts, require_own_host, require_own_page
from gateway.edge.sign_in import WELL_KNOWN, ProtectedResource
from gateway.edge.standing import standing_routes
from gateway.edge.tools import tool_routes
from gateway.edge.toolsets import toolset_routes
from gateway.errors import BadRequest, Forbidden, GatewayError, NotFound

# Asked by whoever runs the process, at its address: they answer to any name, and tell nothing.
PROBES = ("/healthz", "/readyz")

log = structlog.get_logger(__name__)

AnyRequest = Request[object, object, object]  # type: ignore[type-var]


def doors(gateway: Gateway, mcp: ASGIApp) -> ASGIApp:
    """The app of one gateway. It opens and closes nothing. MCP goes past Litestar's routing: 7 % of a call's time."""
    rest = _rest_app(gateway)
    browser, sign_ins = _sign_in_doors(gateway)
    at, settings = {path: door for door in sign_ins for path in door.paths}, gateway.settings
    approvals = ApprovalPage(gateway, browser)
    card = AgentCard(gateway, __version__)
    tasks = AgentTasks(gateway)
    rpc, agents = RpcDoor(gateway, tasks, card), HttpDoor(gateway, tasks, card)
    hosts, origins = own_hosts(settings.host, settings.http), settings.http.allowed_origins

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        path, asked = scope["path"], cast(HTTPScope, scope)
        if is_mcp(path) or path in PROBES:
            await (rest if path in PROBES else mcp)(scope, receive, send)
            return
        try:
            require_own_host(asked, hosts)
            if path not in at and not path.startswith(WELL_KNOWN) and path != CARD_PATH:
                # Those say themselves which pages may ask them.
                require_own_page(asked, origins)
        except Forbidden as error:
            note_error(gateway.rejections, asked, error)
            await send_reply(send, problem(error, gateway.desk.challenge))
            return
        if path.startswith(WELL_KNOWN):
            await send_reply(send, _metadata(gateway.desk.resource, asked))
        elif path in at:
            with suppress(Disconnected):
                await send_reply(send, await at[path](asked, receive))
        elif path == A2A_PATH and settings.a2a.enabled:
            await rpc(scope, receive, send)
        elif path.startswith(f"{A2A_HTTP_PATH}/") and settings.a2a.enabled:
            await agents(scope, receive, send)
        elif path == CARD_PATH and settings.a2a.enabled:
            await send_reply(send, card.reply(asked))
        elif path.startswith(APPROVALS):
            with suppress(Disconnected):
                await send_reply(send, await approvals(asked, receive))
        else:
            await rest(scope, receive, send)

    return app


def _sign_in_doors(gateway: Gateway) -> tuple[Browser | None, list[AuthorizationDoor | IssuerDoor]]:
    """Who is signed in at a browser, None where nobody can be, and where people sign in."""
    server, visits, settings = gateway.authorization, gateway.visits, gateway.settings
    if server is not None:
        own = AuthorizationDoor(server, gateway.rejections, settings.http, settings.host, visits)
        others = [] if visits is None else [IssuerDoor(visits, own.browser, gateway.rejections, is_alone=False)]
        return own.browser, [own, *others]
    if visits is None:
        return None, []
    names = (settings.host, *settings.http.allowed_hosts)
    browser = Browser(None, gateway.desk.resource.origin, names, visits)
    return browser, [IssuerDoor(visits, browser, gateway.rejections, is_alone=True)]


def _rest_app(gateway: Gateway) -> Litestar:
    own_document = msgspec.json.encode(openapi_document())

    @get("/openapi.json", media_type="application/json")
    async def own_openapi() -> bytes:
        return own_document

    def tell_error(request: AnyRequest, error: GatewayError) -> Response[bytes]:
        note_error(gateway.rejections, request.scope, error)
        reply = problem(error, gateway.desk.seen_by(request.scope).challenge)
        headers = {name.decode(): value.decode() for name, value in reply.headers}
        return Response(reply.body, status_code=reply.status, headers=headers, media_type=MEDIA_TYPE.decode())

    def tell_http_error(request: AnyRequest, error: HTTPException) -> Response[bytes]:
        kind = NotFound if error.status_code == 404 else BadRequest
        if error.status_code < 500:
            note_error(gateway.rejections, request.scope, kind("There is nothing here that answers to that."))
        return _tell_http_error(error)

    def tell_nothing(request: AnyRequest, error: Exception) -> Response[bytes]:
        """A defect of ours: the log has it, the caller is told no more than that."""
        log.error("a request failed for a reason of our own", path=request.url.path, exc_info=error)
        return tell_error(request, GatewayError("Something went wrong in the gateway; its log says what."))

    return Litestar(
        route_handlers=[
            own_openapi,
            *tool_routes(gateway),
            *toolset_routes(gateway),
            *me_routes(gateway),
            *admin_routes(gateway),
            *approval_routes(gateway),
            *grant_routes(gateway),
            *intent_routes(gateway),
            *standing_routes(gateway),
            *memory_routes(gateway),
            *recipe_routes(gateway),
            *policy_routes(gateway),
            *([chat_routes(gateway)] if gateway.settings.chat.enabled else []),
        ],
        exception_handlers={GatewayError: tell_error, HTTPException: tell_http_error, Exception: tell_nothing},
        request_max_body_size=gateway.settings.documents.bytes_max,
        openapi_config=None,
        logging_config=None,
        debug=False,
    )


def _metadata(resource: ProtectedResource, scope: HTTPScope) -> Reply:
    """RFC 9728, for anybody: web pages too may learn where to sign in."""
    document = resource.seen_by(scope).metadata(scope["path"]) if scope["method"] in ("GET", "HEAD") else None
    if document is None:
        return Reply(404)
    return Reply(200, document, ((b"access-control-allow-origin", b"*"),))


def _tell_http_error(error: HTTPException) -> Response[bytes]:
    """What Litestar itself refuses: an unknown path, a method, a parameter that does not fit."""
    status = error.status_code
    code = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}.get(status, "bad_request")
    told = {
        "type": "about:blank",
        "title": "Request refused",
        "status": status,
        "code": code if status < 500 else "internal_error",
        "detail": error.detail,
    }
    return Response(msgspec.json.encode(told), status_code=error.status_code, media_type=MEDIA_TYPE.decode())
