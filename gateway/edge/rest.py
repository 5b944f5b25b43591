"""Every door on one ASGI app: REST on Litestar, with the raw endpoints (MCP, tool calls) mounted inside it."""

import msgspec
import structlog
from litestar import Litestar, Request, Response, asgi, get
from litestar.exceptions import HTTPException
from litestar.types import ASGIApp, Receive, Scope, Send

from gateway.edge.admin import admin_routes
from gateway.edge.openapi import openapi_document
from gateway.edge.parts import Gateway
from gateway.edge.problem import MEDIA_TYPE, problem
from gateway.edge.tools import tool_routes
from gateway.errors import GatewayError

log = structlog.get_logger(__name__)

AnyRequest = Request[object, object, object]  # type: ignore[type-var]


def rest_app(gateway: Gateway, mcp: ASGIApp) -> Litestar:
    """The app of one gateway. It opens and closes nothing."""
    own_document = msgspec.json.encode(openapi_document())

    @asgi("/mcp", copy_scope=False)
    async def mcp_door(scope: Scope, receive: Receive, send: Send) -> None:
        await mcp(scope, receive, send)

    @get("/openapi.json", media_type="application/json")
    async def own_openapi() -> bytes:
        return own_document

    return Litestar(
        route_handlers=[mcp_door, own_openapi, *tool_routes(gateway), *admin_routes(gateway)],
        exception_handlers={GatewayError: _tell_error, HTTPException: _tell_http_error, Exception: _tell_nothing},
        request_max_body_size=gateway.settings.documents.bytes_max,
        openapi_config=None,
        logging_config=None,
        debug=False,
    )


def _tell_error(request: AnyRequest, error: GatewayError) -> Response[bytes]:
    reply = problem(error)
    headers = {name.decode(): value.decode() for name, value in reply.headers}
    return Response(reply.body, status_code=reply.status, headers=headers, media_type=MEDIA_TYPE.decode())


def _tell_http_error(request: AnyRequest, error: HTTPException) -> Response[bytes]:
    """What Litestar itself refuses: an unknown path, a method, a parameter that does not fit."""
    told = {"type": "about:blank", "title": "Request refused", "status": error.status_code, "detail": error.detail}
    return Response(msgspec.json.encode(told), status_code=error.status_code, media_type=MEDIA_TYPE.decode())


def _tell_nothing(request: AnyRequest, error: Exception) -> Response[bytes]:
    """A defect of ours: the log has it, the caller is told no more than that."""
    log.error("a request failed for a reason of our own", path=request.url.path, exc_info=error)
    return _tell_error(request, GatewayError("Something went wrong in the gateway; its log says what."))
