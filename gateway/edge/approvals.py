"""REST for those who decide approvals, and for those who wait for them. Knows the wire; `gateway.approvals` decides nothing
that is not theirs."""

from typing import Any

import msgspec
from litestar import Request, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from msgspec import Struct, structs

from gateway.core.approval import Approval, State
from gateway.core.grant import Terms
from gateway.core.principal import Principal
from gateway.core.roles import AdminAction, RoleBook, scope_of
from gateway.edge.allow import require
from gateway.edge.asgi import read_body
from gateway.edge.parts import Gateway
from gateway.edge.query import Limit, read_query
from gateway.errors import BadRequest, NotFound

DECIDE = scope_of("approvals.decide")
APPROVALS_MAX = 500

AnyRequest = Request[Any, Any, Any]


class ApprovalShown(Approval, frozen=True):
    """An approval as it is now."""


class ApprovalList(Struct, frozen=True):
    """The newest first."""

    approvals: tuple[ApprovalShown, ...]


class ApprovalQuery(Struct, frozen=True):
    state: State | None = None
    limit: Limit = 100


class Consent(Struct, frozen=True, forbid_unknown_fields=True):
    """A yes to the call; with `grant` also to such calls in future, without `arguments` in it to the very same one; with
    `whole_plan` to all the writes of the `plan` that the approval shows."""

    grant: Terms | None = None
    whole_plan: bool = False


class Denial(Struct, frozen=True, forbid_unknown_fields=True):
    """Why not: whoever asked is told."""

    reason: str = ""


def approval_routes(gateway: Gateway) -> list[HTTPRouteHandler]:
    """The handlers, bound to one gateway."""
    desk, approvals = gateway.desk, gateway.approvals

    @get("/v1/approvals")
    async def list_approvals(
        request: AnyRequest,
    ) -> ApprovalList:
        """All of the tenant for those who may see or decide them, and else one's own."""
        principal = await desk.principal(request.scope)
        asked = read_query(request.scope, ApprovalQuery)
        owner = None if sees_all(gateway.roles, principal) else principal.owner
        found = await approvals.list(principal.tenant, asked.state, min(asked.limit, APPROVALS_MAX), owner)
        return ApprovalList(tuple(map(_shown, found)))

    @get("/v1/approvals/{name:str}")
    async def show_approval(request: AnyRequest, name: FromPath[str]) -> ApprovalShown:
        principal = await desk.principal(request.scope)
        found = await approvals.find(principal.tenant, name)
        if found.owner != principal.owner and not sees_all(gateway.roles, principal):
            raise NotFound(f"There is no approval {name[:40]!r}.")
        return _shown(found)

    @post("/v1/approvals/{name:str}/approve", status_code=200)
    async def approve_call(request: AnyRequest, name: FromPath[str]) -> ApprovalShown:
        approver = await read_decider(gateway, request)
        told = await read_json(gateway, request, Consent)
        return _shown(await approvals.approve(approver, name, told.grant, whole_plan=told.whole_plan))

    @post("/v1/approvals/{name:str}/deny", status_code=200)
    async def deny_call(request: AnyRequest, name: FromPath[str]) -> ApprovalShown:
        principal = await read_decider(gateway, request)
        told = await read_json(gateway, request, Denial)
        return _shown(await approvals.deny(principal, name, told.reason))

    return [list_approvals, show_approval, approve_call, deny_call]


def _shown(approval: Approval) -> ApprovalShown:
    return ApprovalShown(**structs.asdict(approval))


def sees_all(roles: RoleBook, principal: Principal) -> bool:
    """Whether a caller sees what waits for a yes, and what has one, of everybody in the tenant."""
    either: tuple[AdminAction, ...] = ("approvals.read", "approvals.decide")
    return any(roles.allow_admin(principal, one).allowed for one in either)


async def read_decider(gateway: Gateway, request: AnyRequest) -> Principal:
    """Who asks, and may decide. Raises AdminRefused."""
    principal = await gateway.desk.principal(request.scope)
    require(gateway.roles, principal, "approvals.decide")
    return principal


async def read_json(gateway: Gateway, request: AnyRequest, kind: type[Any]) -> Any:
    """The body, where there is one. Raises BadRequest."""
    bounds = gateway.settings.http
    body = await read_body(
        request.scope, request.receive, bytes_max=bounds.body_bytes_max, timeout_s=bounds.body_timeout_s
    )
    try:
        return msgspec.json.decode(body or b"{}", type=kind)
    except msgspec.ValidationError as error:
        # msgspec's text names the place and the type that was expected, and no value.
        raise BadRequest(f"The body does not fit: {error}. /openapi.json says what does.") from error
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise BadRequest("The body is not JSON.") from error
