"""Every door on one ASGI app: MCP, which is the hot one, straight; everything else through Litestar."""

from contextlib import suppress
from typing import cast

import msgspec
import structlog
from litestar import Litestar, Request, Response, get
from litestar.exceptions import HTTPException
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from gateway.edge.admin import admin_routes
from gateway.edge.approvals import approval_routes
from gateway.edge.asgi import Disconnected, Reply, send_reply
from gateway.edge.authorization import AuthorizationDoor
from gateway.edge.grants import grant_routes
from gateway.edge.me import me_routes
from gateway.edge.openapi import openapi_document
from gateway.edge.parts import Gateway
from gateway.edge.policies import policy_routes
from gateway.edge.problem import MEDIA_TYPE, problem
from gateway.edge.sign_in import WELL_KNOWN, ProtectedResource
from gateway.edge.tools import tool_routes
from gateway.errors import GatewayError

MCP_PATH = "/mcp"

log = structlog.get_logger(__name__)

AnyRequest = Request[object, object, object]  # type: ignore[type-var]


def doors(gateway: Gateway, mcp: ASGIApp) -> ASGIApp:
    """The app of one gateway. It opens and closes nothing. MCP goes past Litestar's routing: 7 % of a call's time."""
    rest = _rest_app(gateway)
    server, settings = gateway.authorization, gateway.settings
    own = None if server is None else AuthorizationDoor(server, settings.http, settings.host)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == MCP_PATH:
            await mcp(scope, receive, send)
        elif scope["path"].startswith(WELL_KNOWN):
            await send_reply(send, _metadata(gateway.desk.resource, cast(HTTPScope, scope)))
        elif own is not None and scope["path"] in own.paths:
            with suppress(Disconnected):
                await send_reply(send, await own(cast(HTTPScope, scope), receive))
        else:
            await rest(scope, receive, send)

    return app


def _rest_app(gateway: Gateway) -> Litestar:
    own_document = msgspec.json.encode(openapi_document())

    @get("/openapi.json", media_type="application/json")
    async def own_openapi() -> bytes:
        return own_document

    def tell_error(request: AnyRequest, error: GatewayError) -> Response[bytes]:
        reply = problem(error, gateway.desk.challenge)
        headers = {name.decode(): value.decode() for name, value in reply.headers}
        return Response(reply.body, status_code=reply.status, headers=headers, media_type=MEDIA_TYPE.decode())

    def tell_nothing(request: AnyRequest, error: Exception) -> Response[bytes]:
        """A defect of ours: the log has it, the caller is told no more than that."""
        log.error("a request failed for a reason of our own", path=request.url.path, exc_info=error)
        return tell_error(request, GatewayError("Something went wrong in the gateway; its log says what."))

    return Litestar(
        route_handlers=[
            own_openapi,
            *tool_routes(gateway),
            *me_routes(gateway),
            *admin_routes(gateway),
            *approval_routes(gateway),
            *grant_routes(gateway),
            *policy_routes(gateway),
        ],
        exception_handlers={GatewayError: tell_error, HTTPException: _tell_http_error, Exception: tell_nothing},
        request_max_body_size=gateway.settings.documents.bytes_max,
        openapi_config=None,
        logging_config=None,
        debug=False,
    )


def _metadata(resource: ProtectedResource, scope: HTTPScope) -> Reply:
    """RFC 9728, for anybody: web pages too may learn where to sign in."""
    document = resource.metadata(scope["path"]) if scope["method"] in ("GET", "HEAD") else None
    if document is None:
        return Reply(404)
    return Reply(200, document, ((b"access-control-allow-origin", b"*"),))


def _tell_http_error(request: AnyRequest, error: HTTPException) -> Response[bytes]:
    """What Litestar itself refuses: an unknown path, a method, a parameter that does not fit."""
    told = {"type": "about:blank", "title": "Request refused", "status": error.status_code, "detail": error.detail}
    return Response(msgspec.json.encode(told), status_code=error.status_code, media_type=MEDIA_TYPE.decode())
