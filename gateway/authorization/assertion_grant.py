"""Assertions of an identity provider for access tokens (draft-ietf-oauth-identity-assertion-authz-grant, "ID-JAG"), on Authlib:
an enterprise lets its people's clients in without asking each of them. Verified as access tokens are, by `core.access_token`.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from authlib.oauth2.drafts.id_jag import IDJAGGrant
from authlib.oauth2.rfc6749.errors import InvalidGrantError, InvalidScopeError
from msgspec import Struct, structs

from gateway.auth.base import KeySource
from gateway.authorization.families import Issued
from gateway.authorization.grants import METHODS, InvalidTargetError, OAuthServer, Request
from gateway.authorization.token import digest_of
from gateway.core.access_token import SKEW_S, Claims, Rejected, peek, verify
from gateway.core.authorization import UsedAssertion, may_give
from gateway.core.claims import principal_of
from gateway.core.issuer import Issuer
from gateway.core.principal import Principal
from gateway.core.scope import with_implied
from gateway.errors import IssuerFailed
from gateway.published import Published
from gateway.stores.base import AuthorizationStore

TYPE = "oauth-id-jag+jwt"
PROFILE = "urn:ietf:params:oauth:grant-profile:id-jag"
LIFE_S_MAX = 3_600.0


class Assertions:
    """What identity providers say. `trusted` are they, with their keys; `audience` is who they have to say it to."""

    def __init__(
        self,
        trusted: Mapping[str, tuple[Issuer, KeySource]],
        store: AuthorizationStore,
        published: Published,
        audience: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._trusted = {name: (_of_assertions(issuer), keys) for name, (issuer, keys) in trusted.items()}
        self._store = store
        self._published = published
        self._audience = audience
        self._clock = clock

    def __bool__(self) -> bool:
        return bool(self._trusted)

    async def verify(self, assertion: str) -> tuple[Claims, Principal]:
        """Its claims, and whom they speak for with all that they may have. Raises Rejected, or IssuerFailed."""
        said, now = peek(assertion), self._clock().timestamp()
        if said.issuer not in self._trusted:
            raise Rejected("no identity provider of that name is trusted here")
        issuer, keys = self._trusted[said.issuer]
        claims = verify(assertion, await keys.keys(said.key_id), issuer, (self._audience,), now)
        _check(claims, now)
        principal = principal_of(claims, issuer)
        held = with_implied(principal.scopes, self._published.current.catalog.implied)
        return claims, structs.replace(principal, scopes=held)

    async def use(self, claims: Claims) -> bool:
        """False where it was used before."""
        until = datetime.fromtimestamp(claims["exp"] + SKEW_S, UTC)
        used = UsedAssertion(tenant="default", expires_at=until, digest=digest_of(f"{claims['iss']} {claims['jti']}"))
        return await self._store.swap_record(None, used)


def _of_assertions(issuer: Issuer) -> Issuer:
    """The same, as it speaks in assertions: of their type, and to us alone."""
    return structs.replace(issuer, types=(TYPE,), audiences=())


def _check(claims: Claims, now: float) -> None:
    """What an assertion has and an access token need not have. Raises Rejected."""
    for name in ("jti", "client_id", "sub", "resource"):
        if not isinstance(claims.get(name), str) or not claims[name]:
            raise Rejected(f"it has no `{name}`")
    if "iat" not in claims or claims["exp"] > now + LIFE_S_MAX:
        raise Rejected(f"it has no `iat`, or is good for longer than {LIFE_S_MAX:g} s")
    if "cnf" in claims:
        raise Rejected("it is bound to a key, and such tokens are not given here")


class Asserted(Struct, frozen=True):
    """A verified assertion: whom it speaks for, and the resource that it is for."""

    principal: Principal
    resource: str


class AssertionGrant(IDJAGGrant):
    """Tokens for an assertion: for its resource, with what is asked for, of what it says."""

    TOKEN_ENDPOINT_AUTH_METHODS = METHODS[1:]
    request: Request
    server: "AssertionServer"

    def _process_assertion_claims(self, assertion: str) -> Claims:
        try:
            claims, principal = self.server.ask(self.server.assertions.verify(assertion))
        except Rejected as error:
            raise InvalidGrantError(_plain(f"This assertion is not good here: {error}.")) from None
        except IssuerFailed as error:
            raise InvalidGrantError(_plain(error.detail)) from None
        if claims["resource"] not in self.server.parts.resources:
            raise InvalidTargetError
        self.request.asserted = Asserted(
            principal, self.server.target(self.request.asked("resource"), claims["resource"])
        )
        return claims

    def check_jti(self, claims: Claims, jti: str) -> bool:
        return self.server.ask(self.server.assertions.use(claims))

    def _resolve_scope(self, claims: Claims) -> str:
        given = may_give(self.request.asked("scope").split(), self._asserted.principal.scopes)
        if not given:
            raise InvalidScopeError("The assertion gives none of these scopes.")
        return " ".join(sorted(given))

    def authenticate_user(self, subject: str) -> Principal:
        return self._asserted.principal

    def check_id_jag_permission(self, client: Any, user: Principal, scopes: list[str]) -> bool:
        """What it may do is said by its scopes."""
        return True

    def generate_token(self, scope: str, user: Principal, **more: Any) -> dict[str, Any]:
        return self.server.ask(self._issue(user, frozenset(scope.split()))).told()

    async def _issue(self, principal: Principal, given: frozenset[str]) -> Issued:
        families = self.server.parts.families
        family = families.new_family(
            tenant=principal.tenant,
            kind="assertion",
            refreshable=False,
            subject=principal.subject,
            client=self.request.client.get_client_id(),
            scopes=given,
            resource=self._asserted.resource,
            issuer=principal.issuer,
            groups=principal.groups,
        )
        await families.begin(family)
        return await families.issue(family, given, refreshable=False)

    @property
    def _asserted(self) -> Asserted:
        asserted = self.request.asserted
        assert isinstance(asserted, Asserted)
        return asserted


class AssertionServer(OAuthServer):
    """What the grant needs of its server."""

    assertions: Assertions


def _plain(text: str) -> str:
    """In characters that an error's description may have (RFC 6749 section 5.2)."""
    return "".join(one if " " <= one <= "~" and one not in '"\\' else "'" for one in text)
