"""What is turned away at a door, told to `gateway.rejections` once: what a call has put on record itself is not told again. Knows
the wire; decides nothing."""

from collections.abc import Collection
from urllib.parse import urlsplit

from litestar.types import HTTPScope

from gateway.core.audit import Phase
from gateway.core.principal import Principal
from gateway.edge.asgi import address_of, door_of, header_values, host_allowed, origin_allowed
from gateway.errors import (
    AdminRefused,
    Forbidden,
    GatewayError,
    HostRefused,
    NotFound,
    OriginRefused,
    Unauthenticated,
    code_of,
    http_status,
)
from gateway.rejections import Rejection, Rejections
from gateway.settings import HttpSettings

PRINCIPAL = "factotum.principal"
PATH_CHARACTERS_MAX = 200
# The gateway's own authorisation server.
OWN_DOOR = "oauth"
# The pages for people.
PAGE_DOOR = "page"


def own_hosts(host: str, http: HttpSettings) -> tuple[str, ...]:
    """The Host headers that are answered beyond loopback."""
    return tuple(one for one in (host, *http.allowed_hosts, urlsplit(http.public_url).netloc) if one)


def require_own_host(scope: HTTPScope, hosts: Collection[str]) -> None:
    """Raises HostRefused. Source: DNS rebinding, where a page gets a browser to take our address for its own."""
    if not host_allowed(scope, hosts):
        raise HostRefused("This server has another name; set http.allowed_hosts or http.public_url.")


def require_own_page(scope: HTTPScope, origins: Collection[str]) -> None:
    """Raises OriginRefused."""
    if not origin_allowed(scope, origins):
        raise OriginRefused("Pages of that origin may not ask here; set http.allowed_origins.")


def note_error(rejections: Rejections, scope: HTTPScope, error: GatewayError, door: str = "") -> None:
    """What this request was answered, where it is the request that was wrong and nobody has put it on record yet."""
    principal: Principal | None = scope.get(PRINCIPAL)  # type: ignore[assignment]
    _note(
        rejections,
        error,
        door=door or door_of(scope["path"]),
        principal=principal,
        address=address_of(scope),
        method=scope["method"][:16],
        # The URL of whoever is nobody yet may be anything, a secret among it.
        path=scope["path"][:PATH_CHARACTERS_MAX] if principal is not None else "",
        credential=_credential(scope) if isinstance(error, Unauthenticated) else "",
    )


def note_sign_in(
    rejections: Rejections, scope: HTTPScope, error: GatewayError, *, credential: str = "", name: str = ""
) -> None:
    """The same for somebody, or a program, that signs in at the gateway itself. `name` is that of a person or client that
    there is: whatever else was typed may be a password in the wrong field, and is a `credential`."""
    _note(
        rejections,
        error,
        door=OWN_DOOR,
        principal=None,
        address=address_of(scope),
        method=scope["method"][:16],
        credential=credential,
        name=name,
        what="sign-in",
    )


def note_refusal(rejections: Rejections, principal: Principal, error: GatewayError, door: str) -> None:
    """The same, for what a caller asked for within a request."""
    _note(rejections, error, door=door, principal=principal)


def _note(
    rejections: Rejections,
    error: GatewayError,
    *,
    door: str,
    principal: Principal | None,
    address: str = "",
    method: str = "",
    path: str = "",
    credential: str = "",
    name: str = "",
    what: str = "",
) -> None:
    status = http_status(error)
    if error.on_record or not 400 <= status < 500:
        return
    error.on_record = True
    kind, phase = _kind(error)
    rejections.note(
        Rejection(
            what=what or kind,
            phase=phase,
            door=door,
            status=status,
            code=code_of(error),
            title=error.title,
            detail=error.detail,
            address=address,
            method=method,
            path=path,
            principal=principal,
            credential=credential,
            name=name,
        )
    )


def _kind(error: GatewayError) -> tuple[str, Phase]:
    match error:
        case AdminRefused(action=action):
            return action, "denied"
        case HostRefused():
            return "host", "rejected"
        case OriginRefused():
            return "origin", "rejected"
        case Unauthenticated():
            return "sign-in", "rejected"
        case Forbidden():
            return "request", "denied"
        case NotFound():
            return "not-found", "rejected"
        case _:
            return "request", "rejected"


def _credential(scope: HTTPScope) -> str:
    """What was presented: the last word of a header, or what stands in the URL."""
    words = " ".join(header_values(scope, b"authorization")).split()
    return words[-1] if words else scope["query_string"].decode("latin-1").rpartition("access_token=")[2]
