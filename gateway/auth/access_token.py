"""Access tokens of the issuers that the settings name: JWTs by their signature, others by asking (RFC 7662).

What was found good is remembered for a short while, never beyond the token's end: a key that its issuer takes back, or a
revoked token, is refused within that time. A token that is bound to a key is good only with a proof of that key.
"""

import hashlib
from collections.abc import Awaitable, Callable, Collection, Mapping

from msgspec import Struct, structs

from gateway.auth.base import KeySource, Presented
from gateway.auth.issuer_http import IssuerHttp
from gateway.auth.issuer_keys import IssuerKeys, KeyTimes, Metadata
from gateway.core.access_token import (
    SKEW_S,
    TOKEN_CHARACTERS_MAX,
    Claims,
    Rejected,
    audiences_of,
    check_claims,
    looks_like_jwt,
    peek,
    verify,
)
from gateway.core.claims import principal_of
from gateway.core.dpop import Binding, binding_of, check_proof
from gateway.core.issuer import Introspection, Issuer
from gateway.core.principal import Principal
from gateway.errors import IssuerFailed, Unauthenticated

CREDENTIAL_CHARACTERS_MAX = TOKEN_CHARACTERS_MAX + len("Bearer ")
CACHE_ENTRIES_MAX = 10_000
PROOFS_MAX = 100_000


class _Known(Struct, frozen=True):
    """Who a token speaks for, the key it is bound to, and the only addresses at which it is good, none being all of them;
    believed until a time (seconds since the epoch)."""

    principal: Principal
    binding: Binding
    only: frozenset[str]
    since: float
    until: float


Confirm = Callable[[Claims, Principal], Awaitable[Principal]]


async def _as_told(claims: Claims, principal: Principal) -> Principal:
    return principal


class OwnIssuer(Struct, frozen=True):
    """The gateway's own authorisation server: its keys are at hand, and `confirm` gives who a token speaks for as it is now.
    Raises Rejected."""

    issuer: Issuer
    keys: KeySource
    confirm: Confirm


class _Trusted(Struct, frozen=True):
    """One issuer, and how it is asked. Its metadata are None where there is no need to."""

    issuer: Issuer
    keys: KeySource
    metadata: Metadata | None = None
    confirm: Confirm = _as_told


class AccessTokens:
    """An Authenticator over the tokens of issuers. `audiences` are the gateway's own addresses; a token for one of
    `narrow_audiences` alone is good at that address and at no other. `secrets` are those of the clients as which it introspects;
    `clock` gives seconds that only grow."""

    def __init__(
        self,
        issuers: Collection[Issuer],
        audiences: Collection[str],
        narrow_audiences: Collection[str],
        secrets: Mapping[str, str],
        http: IssuerHttp,
        *,
        times: KeyTimes,
        cache_s: float,
        clock: Callable[[], float],
        own: OwnIssuer | None = None,
    ) -> None:
        self._trusted = {one.issuer: _trust(one, http, times, clock) for one in issuers}
        if own is not None:
            self._trusted[own.issuer.issuer] = _Trusted(own.issuer, own.keys, confirm=own.confirm)
        self._cache_s = cache_s
        self._opaque = next((one for one in self._trusted.values() if one.issuer.introspection), None)
        self._audiences = frozenset(audiences)
        self._narrow = frozenset(narrow_audiences)
        self._secrets = secrets
        self._http = http
        self._known: dict[bytes, _Known] = {}
        self._proofs = _SeenProofs()

    async def authenticate(self, presented: Presented, now: float) -> Principal:
        """See `Authenticator`."""
        scheme, token = presented.credential(CREDENTIAL_CHARACTERS_MAX)
        try:
            known = await self._look_up(token, now)
            if known.only and presented.url not in known.only:
                raise Rejected("it is for another address; ask for a token with this one's address as `resource`")
            self._check_binding(known.binding, scheme, token, presented, now)
        except Rejected as error:
            raise Unauthenticated(f"This access token is not good here: {error}.", "invalid_token") from None
        return known.principal

    async def _look_up(self, token: str, now: float) -> _Known:
        digest = hashlib.sha256(token.encode()).digest()
        known = self._known.get(digest)
        if known is not None and known.since <= now < known.until:
            return known
        self._known.pop(digest, None)
        known = await (self._verify(token, now) if looks_like_jwt(token) else self._introspect(token, now))
        self._known[digest] = known
        if len(self._known) > CACHE_ENTRIES_MAX:
            del self._known[next(iter(self._known))]
        return known

    async def _verify(self, token: str, now: float) -> _Known:
        said = peek(token)
        trusted = self._trusted.get(said.issuer)
        if trusted is None:
            raise Rejected("no issuer of that name is trusted here")
        claims = verify(
            token, await trusted.keys.keys(said.key_id), trusted.issuer, self._audiences | self._narrow, now
        )
        known = self._believe(claims, trusted.issuer, now, self._cache_s)
        return structs.replace(known, principal=await trusted.confirm(claims, known.principal))

    async def _introspect(self, token: str, now: float) -> _Known:
        """Ask the issuer that gives such tokens. Raises Rejected, or IssuerFailed."""
        if self._opaque is None or self._opaque.issuer.introspection is None:
            raise Rejected("it is neither a key of this gateway nor a JWT")
        issuer, how = self._opaque.issuer, self._opaque.issuer.introspection
        told = await self._ask(how, token)
        if told.get("active") is not True:
            raise Rejected("its issuer says that it is not active")
        # No subject: nobody's resources but the client's own (RFC 9068 section 2.2 says so of a JWT in words of its own).
        claims = {"iss": issuer.issuer, issuer.claims.subject: told.get("client_id"), **told}
        check_claims(claims, issuer, self._audiences | self._narrow, now)
        return self._believe(claims, issuer, now, how.cache_s)

    def _believe(self, claims: Claims, issuer: Issuer, now: float, cache_s: float) -> _Known:
        until = min(claims["exp"] + SKEW_S, now + cache_s)
        told = audiences_of(claims)
        only = frozenset() if told & (self._audiences | {*issuer.audiences}) else told & self._narrow
        return _Known(principal_of(claims, issuer), binding_of(claims), only, now, until)

    async def _ask(self, how: Introspection, token: str) -> Claims:
        assert self._opaque is not None
        assert self._opaque.metadata is not None
        secret = self._secrets.get(how.secret)
        if secret is None:
            raise IssuerFailed(f"There is no secret {how.secret}, with which tokens are to be introspected.")
        url = how.url or await self._opaque.metadata.url("introspection_endpoint")
        form = {"token": token, "token_type_hint": "access_token"}
        return await self._http.post(url, form, (how.client_id, secret))

    def _check_binding(self, binding: Binding, scheme: str, token: str, presented: Presented, now: float) -> None:
        """Raises Rejected, or Unauthenticated where the proof is not good."""
        if binding.certificate and binding.certificate != presented.certificate:
            raise Rejected("it is bound to a client certificate that was not presented")
        if not binding.dpop:
            if scheme == "dpop":
                raise Rejected("it is bound to no key, and is sent as `Bearer`")
            return
        if scheme != "dpop":
            raise Rejected("it is bound to a key, and is sent as `DPoP` with a proof")
        try:
            self._check_proof(binding, token, presented, now)
        except Rejected as error:
            raise Unauthenticated(f"{str(error)[0].upper()}{str(error)[1:]}.", "invalid_dpop_proof") from None

    def _check_proof(self, binding: Binding, token: str, presented: Presented, now: float) -> None:
        if len(presented.dpop) != 1:
            raise Rejected("one DPoP header is needed, with a proof")
        proof = check_proof(presented.dpop[0], token, presented.method, presented.url, now)
        if proof.thumbprint != binding.dpop:
            raise Rejected("the DPoP proof is of another key than that of the token")
        self._proofs.add(f"{proof.thumbprint} {proof.id}", proof.until, now)


def _trust(issuer: Issuer, http: IssuerHttp, times: KeyTimes, clock: Callable[[], float]) -> _Trusted:
    metadata = Metadata(issuer.issuer, http)
    return _Trusted(issuer, IssuerKeys(issuer, metadata, http, times, clock), metadata)


class _SeenProofs:
    """The proofs that may not come again: of this process, PROOFS_MAX at most."""

    def __init__(self) -> None:
        self._seen: dict[str, float] = {}

    def add(self, name: str, until: float, now: float) -> None:
        """Raises Rejected where it was seen before, or there is no room to remember it."""
        if self._seen.get(name, now) > now:
            raise Rejected("the DPoP proof was used before")
        if len(self._seen) >= PROOFS_MAX:
            self._seen = {one: end for one, end in self._seen.items() if end > now}
        if len(self._seen) >= PROOFS_MAX:
            raise Rejected("too many DPoP proofs came at once; try again in a minute")
        self._seen[name] = until
