"""REST for grants: given and taken back by those who decide approvals, looked at by those who have them. Knows the wire."""

from datetime import datetime
from typing import Any

from litestar import Request, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from msgspec import Raw, Struct

from gateway.core.approval import Yes
from gateway.core.grant import Budget, Grant, GrantState, NewGrant
from gateway.core.principal import Principal
from gateway.edge.allow import require
from gateway.edge.approvals import read_decider, read_json, sees_all
from gateway.edge.parts import Gateway
from gateway.edge.query import Limit, read_query
from gateway.errors import NotFound

GRANTS_SHOWN_MAX = 500

AnyRequest = Request[Any, Any, Any]


class GrantShown(Struct, frozen=True):
    """A grant as it is now. `exact`: it is for one call with exactly the arguments of its approval. `lacking` are the groups
    that have not said yes yet; `suspended` is why it covers nothing now, or not all that it did."""

    id: str
    state: GrantState
    tenant: str
    subject: str
    issuer: str
    client: str
    actors: tuple[str, ...]
    tool: str
    connector: str
    effect: str
    exact: bool
    arguments: Raw
    uses_max: int
    uses: int
    amount: Budget | None
    groups: tuple[str, ...]
    lacking: tuple[str, ...]
    four_eyes: bool
    given: tuple[Yes, ...]
    created_at: datetime
    expires_at: datetime
    approval: str
    suspended: str
    revoked_by: str
    reason: str


class GrantList(Struct, frozen=True):
    """The newest first."""

    grants: tuple[GrantShown, ...]


class GrantQuery(Struct, frozen=True):
    state: GrantState | None = None
    limit: Limit = 100


class Revocation(Struct, frozen=True, forbid_unknown_fields=True):
    """Why: whoever has it can read it."""

    reason: str = ""


def grant_routes(gateway: Gateway) -> list[HTTPRouteHandler]:
    """The handlers, bound to one gateway."""
    desk, grants = gateway.desk, gateway.grants

    def shown(grant: Grant) -> GrantShown:
        told = {name: getattr(grant, name) for name in GrantShown.__struct_fields__ if hasattr(grant, name)}
        return GrantShown(**told, exact=bool(grant.digest), suspended=grants.suspended(grant))

    async def find_seen(principal: Principal, name: str) -> Grant:
        found = await grants.find(principal.tenant, name)
        if found.owner != principal.owner and not sees_all(gateway.roles, principal):
            raise NotFound(f"There is no grant {name[:40]!r}.")
        return found

    @get("/v1/grants")
    async def list_grants(
        request: AnyRequest,
    ) -> GrantList:
        """All of the tenant for those who may give them, and else one's own."""
        principal = await desk.principal(request.scope)
        asked = read_query(request.scope, GrantQuery)
        owner = None if sees_all(gateway.roles, principal) else principal.owner
        found = await grants.list(principal.tenant, asked.state, min(asked.limit, GRANTS_SHOWN_MAX), owner)
        return GrantList(tuple(map(shown, found)))

    @post("/v1/grants", status_code=201)
    async def add_grant(request: AnyRequest) -> GrantShown:
        giver = await read_decider(gateway, request)
        return shown(await grants.add(giver, await read_json(gateway, request, NewGrant)))

    @get("/v1/grants/{name:str}")
    async def show_grant(request: AnyRequest, name: FromPath[str]) -> GrantShown:
        principal = await desk.principal(request.scope)
        return shown(await find_seen(principal, name))

    @post("/v1/grants/{name:str}/approve", status_code=200)
    async def approve_grant(request: AnyRequest, name: FromPath[str]) -> GrantShown:
        return shown(await grants.approve(await read_decider(gateway, request), name))

    @post("/v1/grants/{name:str}/revoke", status_code=200)
    async def revoke_grant(request: AnyRequest, name: FromPath[str]) -> GrantShown:
        """Whoever has one may give it up too: that takes power away from nobody else."""
        principal = await desk.principal(request.scope)
        if (await find_seen(principal, name)).owner != principal.owner:
            require(gateway.roles, principal, "approvals.decide")
        told = await read_json(gateway, request, Revocation)
        return shown(await grants.revoke(principal, name, told.reason))

    return [list_grants, add_grant, show_grant, approve_grant, revoke_grant]
