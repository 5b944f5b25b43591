"""REST for those who decide approvals, and for those who wait for them. Knows the wire; `gateway.approvals` decides nothing
that is not theirs."""

from typing import Annotated, Any

import msgspec
from litestar import Request, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, QueryParameter
from msgspec import Struct, structs

from gateway.core.approval import Approval, State
from gateway.core.principal import Principal
from gateway.core.roles import AdminAction, scope_of
from gateway.edge.allow import require
from gateway.edge.asgi import read_body
from gateway.edge.parts import Gateway
from gateway.errors import BadRequest, NotFound

DECIDE = scope_of("approvals.decide")
APPROVALS_MAX = 500

AnyRequest = Request[Any, Any, Any]


class ApprovalShown(Approval, frozen=True):
    """An approval as it is now."""


class ApprovalList(Struct, frozen=True):
    """The newest first."""

    approvals: tuple[ApprovalShown, ...]


class Denial(Struct, frozen=True, forbid_unknown_fields=True):
    """Why not: whoever asked is told."""

    reason: str = ""


def approval_routes(gateway: Gateway) -> list[HTTPRouteHandler]:
    """The handlers, bound to one gateway."""
    desk, approvals, roles = gateway.desk, gateway.approvals, gateway.roles

    def sees_all(principal: Principal) -> bool:
        either: tuple[AdminAction, ...] = ("approvals.read", "approvals.decide")
        return any(roles.allow_admin(principal, one).allowed for one in either)

    async def decider(request: AnyRequest) -> Principal:
        principal = await desk.principal(request.scope)
        require(roles, principal, "approvals.decide")
        return principal

    @get("/v1/approvals")
    async def list_approvals(
        request: AnyRequest,
        wanted: Annotated[State | None, QueryParameter(name="state")] = None,
        limit: FromQuery[int] = 100,
    ) -> ApprovalList:
        """All of the tenant for those who may see or decide them, and else one's own."""
        principal = await desk.principal(request.scope)
        owner = None if sees_all(principal) else principal.owner
        found = await approvals.list(principal.tenant, wanted, max(1, min(limit, APPROVALS_MAX)), owner)
        return ApprovalList(tuple(map(_shown, found)))

    @get("/v1/approvals/{name:str}")
    async def show_approval(request: AnyRequest, name: FromPath[str]) -> ApprovalShown:
        principal = await desk.principal(request.scope)
        found = await approvals.find(principal.tenant, name)
        if found.owner != principal.owner and not sees_all(principal):
            raise NotFound(f"There is no approval {name[:40]!r}.")
        return _shown(found)

    @post("/v1/approvals/{name:str}/approve", status_code=200)
    async def approve_call(request: AnyRequest, name: FromPath[str]) -> ApprovalShown:
        return _shown(await approvals.approve(await decider(request), name))

    @post("/v1/approvals/{name:str}/deny", status_code=200)
    async def deny_call(request: AnyRequest, name: FromPath[str]) -> ApprovalShown:
        principal, bounds = await decider(request), gateway.settings.http
        body = await read_body(
            request.scope, request.receive, bytes_max=bounds.body_bytes_max, timeout_s=bounds.body_timeout_s
        )
        denial = _decode(body) if body else Denial()
        return _shown(await approvals.deny(principal, name, denial.reason))

    return [list_approvals, show_approval, approve_call, deny_call]


def _shown(approval: Approval) -> ApprovalShown:
    return ApprovalShown(**structs.asdict(approval))


def _decode(body: bytes) -> Denial:
    try:
        return msgspec.json.decode(body, type=Denial)
    except msgspec.DecodeError as error:
        raise BadRequest('The body is {"reason": "..."}, or none.') from error
