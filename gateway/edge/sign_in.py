"""How callers sign in, the same at every door: what a request presents, who that is, and what whoever is nobody yet is told
(RFC 6750, RFC 9728)."""

import re
from base64 import b64decode
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from litestar.types import HTTPScope
from msgspec import Struct, structs

from gateway.auth.base import Authenticator, Presented
from gateway.core.dpop import sha256_of
from gateway.core.issuer import ALGORITHMS
from gateway.core.principal import Principal
from gateway.core.scope import with_implied
from gateway.edge.asgi import A2A_PATH, MCP_PATH, header_values
from gateway.edge.rejected import PRINCIPAL
from gateway.errors import Unauthenticated
from gateway.published import Published

WELL_KNOWN = "/.well-known/oauth-protected-resource"
RESOURCE_PATHS = ("", MCP_PATH, "/v1", A2A_PATH)
SCOPES_CHARACTERS_MAX = 2_000
CERTIFICATE_CHARACTERS_MAX = 16_000

_SCOPE_TOKEN = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
_TOKEN_IN_QUERY = re.compile(rb"(?:^|&)access_token=")
_BYTE_SEQUENCE = re.compile(r":([A-Za-z0-9+/]+={0,2}):")


class ProtectedResource(Struct, frozen=True):
    """The gateway as OAuth clients see it (RFC 9728). `origin` is its public one; `issuers` are the authorisation servers
    whose tokens are good here, () where there are none; `scopes` are what a client should ask for first. `aliases` are other
    origins of the same: a client that came by one has to find that one told, or it goes no further. The servers of `toolsets`
    are resources of their own."""

    origin: str = ""
    issuers: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    toolsets: tuple[str, ...] = ()

    @property
    def audiences(self) -> tuple[str, ...]:
        """What a token may be meant for (RFC 8707): the gateway, or one of its doors."""
        return self._at_every_origin(RESOURCE_PATHS)

    @property
    def toolset_audiences(self) -> tuple[str, ...]:
        """Or the server of one toolset, where alone it is good then."""
        return self._at_every_origin(self._toolset_paths)

    @property
    def _toolset_paths(self) -> tuple[str, ...]:
        return tuple(f"{MCP_PATH}/{name}" for name in self.toolsets)

    def _at_every_origin(self, paths: Iterable[str]) -> tuple[str, ...]:
        return tuple(origin + path for origin in (self.origin, *self.aliases) for path in paths)

    def seen_by(self, scope: HTTPScope) -> "ProtectedResource":
        """The same, under the name by which this request came."""
        hosts = header_values(scope, b"host") if self.aliases else []
        origin = f"http://{hosts[0].lower()}" if len(hosts) == 1 else self.origin
        return structs.replace(self, origin=origin) if origin in self.aliases else self

    def metadata_url(self, door: str) -> str:
        """Where a client at this door learns of the authorisation servers; "" where there are none."""
        return f"{self.origin}{WELL_KNOWN}{door}" if self.issuers else ""

    def metadata(self, path: str) -> bytes | None:
        """The document at that well-known path; None where there is none."""
        door = path.removeprefix(WELL_KNOWN)
        if not self.issuers or door not in (*RESOURCE_PATHS, *self._toolset_paths):
            return None
        told: dict[str, Any] = {
            "resource": self.origin + door,
            "authorization_servers": self.issuers,
            "bearer_methods_supported": ["header"],
            "dpop_signing_alg_values_supported": ALGORITHMS,
            "resource_name": "Factotum",
        }
        return msgspec.json.encode(told | ({"scopes_supported": self.scopes} if self.scopes else {}))


class SignInDesk(Struct, frozen=True):
    """Who asks at any door. `certificate_header` is the header in which the proxy in front tells a client's certificate
    (RFC 9440); "" takes none, for whoever reaches the gateway directly could write it."""

    authenticator: Authenticator
    published: Published
    resource: ProtectedResource = ProtectedResource()
    certificate_header: str = ""
    clock: Callable[[], datetime] = datetime.now

    async def principal(self, scope: HTTPScope) -> Principal:
        """Who sent this request, with the scopes that its scopes imply. Raises Unauthenticated, StoreFailed or IssuerFailed."""
        if _TOKEN_IN_QUERY.search(scope["query_string"]):
            raise Unauthenticated(
                "A token is never sent in a URL, where logs keep it; send a header.", "invalid_request"
            )
        presented = Presented(
            authorization=tuple(header_values(scope, b"authorization")),
            dpop=tuple(header_values(scope, b"dpop")),
            method=scope["method"],
            url=self.resource.seen_by(scope).origin + _raw_path(scope),
            certificate=self._certificate(scope),
        )
        principal = await self.authenticator.authenticate(presented, self.clock().timestamp())
        scope[PRINCIPAL] = principal  # type: ignore[literal-required]
        held = with_implied(principal.scopes, self.published.of(principal.tenant).catalog.implied)
        return principal if held is principal.scopes else structs.replace(principal, scopes=held)

    def seen_by(self, scope: HTTPScope) -> "SignInDesk":
        """The same, under the name by which this request came."""
        resource = self.resource.seen_by(scope)
        return self if resource is self.resource else structs.replace(self, resource=resource)

    def challenge(self, error: str = "", scopes: Sequence[str] = (), door: str = "/v1") -> tuple[bytes, bytes]:
        """A `WWW-Authenticate` header (RFC 6750 section 3, RFC 9728 section 5.1): a bare `Bearer` where nothing was
        presented and there is nothing to tell, else with the error code, the scopes that would do, and where to learn
        more. Scopes that are no scope-token (RFC 6749 section 3.3) are left out, so that none can break the header."""
        scheme = "DPoP" if error == "invalid_dpop_proof" else "Bearer"
        attributes = [f'error="{error}"'] if error else []
        tokens = " ".join(scope for scope in scopes or self.resource.scopes if _SCOPE_TOKEN.fullmatch(scope))
        if tokens and len(tokens) <= SCOPES_CHARACTERS_MAX:
            attributes.append(f'scope="{tokens}"')
        if metadata := self.resource.metadata_url(door):
            attributes.append(f'resource_metadata="{metadata}"')
        if scheme == "DPoP":
            attributes.append(f'algs="{" ".join(ALGORITHMS)}"')
        return b"www-authenticate", " ".join([scheme, ", ".join(attributes)]).strip().encode()

    def _certificate(self, scope: HTTPScope) -> str:
        values = header_values(scope, self.certificate_header.lower().encode()) if self.certificate_header else []
        if len(values) != 1 or len(values[0]) > CERTIFICATE_CHARACTERS_MAX:
            return ""
        told = _BYTE_SEQUENCE.fullmatch(values[0])
        try:
            return sha256_of(b64decode(told[1], validate=True)) if told else ""
        except ValueError:
            return ""


def _raw_path(scope: HTTPScope) -> str:
    """The path as it was on the wire."""
    return (scope.get("raw_path") or scope["path"].encode()).decode("latin-1").partition("?")[0]
