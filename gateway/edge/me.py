"""REST for whoever wants to know who they are here, and what they may do. Knows the wire, decides nothing."""

from typing import Any

from litestar import Request, get
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

from gateway.core.principal import Method
from gateway.core.roles import role_group, roles_of
from gateway.edge.parts import Gateway

AnyRequest = Request[Any, Any, Any]


class Me(Struct, frozen=True):
    """Who calls, as it was proven. `actors` act for the subject, the nearest first; `groups` are without those that stand for
    `roles`."""

    tenant: str
    subject: str
    client: str
    method: Method
    issuer: str
    actors: tuple[str, ...]
    groups: tuple[str, ...]
    roles: tuple[str, ...]
    scopes: tuple[str, ...]


def me_routes(gateway: Gateway) -> list[HTTPRouteHandler]:
    """The handlers, bound to one gateway."""

    @get("/v1/me")
    async def show_me(request: AnyRequest) -> Me:
        principal = await gateway.desk.principal(request.scope)
        roles = roles_of(principal.groups)
        return Me(
            tenant=principal.tenant,
            subject=principal.subject,
            client=principal.client,
            method=principal.method,
            issuer=principal.issuer,
            actors=principal.actors,
            groups=tuple(sorted(principal.groups - {role_group(role) for role in roles})),
            roles=tuple(roles),
            scopes=tuple(sorted(principal.scopes)),
        )

    return [show_me]
