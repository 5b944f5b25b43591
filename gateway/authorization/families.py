"""Tokens: those of one sign-in are a family, and end together. What an access token says is looked up, so that a family that
was revoked, or a person who was removed, is refused within the time for which a good token is believed.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct, structs

from gateway.authorization.lines import Lines
from gateway.authorization.signing import Signer
from gateway.authorization.token import digest_of, new_token
from gateway.authorization.users import Users
from gateway.core.access_token import Claims, Rejected
from gateway.core.authorization import AuthorizationCode, Client, RefreshToken, TokenFamily
from gateway.core.principal import Principal
from gateway.core.roles import is_reserved
from gateway.core.scope import with_implied
from gateway.published import Published
from gateway.settings import AuthorizationServerSettings
from gateway.stores.base import AuthorizationStore

# For how long after its end a code is remembered, so that it is seen to come again.
CODE_REMEMBERED_S = 3_600.0
# More than clocks may differ by (core.access_token).
AFTER_S = 60.0
REVOKE_TRIES_MAX = 5


class Issued(Struct, frozen=True):
    """What a client gets (RFC 6749 section 5.1)."""

    access_token: str
    expires_in: int
    scope: str
    refresh_token: str = ""

    def told(self) -> dict[str, Any]:
        told: dict[str, Any] = {
            "access_token": self.access_token,
            "token_type": "Bearer",
            "expires_in": self.expires_in,
        }
        told["scope"] = self.scope
        return told | ({"refresh_token": self.refresh_token} if self.refresh_token else {})


class Families:
    """All that was given by one authorisation server, which is `issuer` to those who read its tokens."""

    def __init__(
        self,
        store: AuthorizationStore,
        users: Users,
        published: Published,
        lines: Lines,
        signer: Signer,
        settings: AuthorizationServerSettings,
        issuer: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._users = users
        self._published = published
        self._lines = lines
        self._signer = signer
        self._settings = settings
        self._issuer = issuer
        self._clock = clock

    def new_family(self, *, refreshable: bool = True, **told: Any) -> TokenFamily:
        """One that is not kept yet; `told` are its fields. One without refresh tokens ends with its access token."""
        access_end = self._clock() + timedelta(seconds=self._settings.access_token_s + AFTER_S)
        now = self._clock()
        until = self.refresh_end(now) if refreshable else access_end
        return TokenFamily(id=new_token(), created_at=now, expires_at=until, **told)

    async def begin(self, family: TokenFamily) -> None:
        await self._store.swap_record(None, family)
        await self._lines.write(
            principal_of_family(family),
            "tokens.begun",
            scopes=tuple(sorted(family.scopes)),
            resource=family.resource,
        )

    async def issue(self, family: TokenFamily, scopes: frozenset[str], *, refreshable: bool) -> Issued:
        """An access token, and a refresh token where the client may have one."""
        now = self._clock()
        told, lives_s = " ".join(sorted(scopes)), int(min(self._settings.access_token_s, self._left_s(family)))
        claims = {
            "iss": self._issuer,
            "sub": family.subject,
            "aud": family.resource,
            "client_id": family.client,
            "scope": told,
            "iat": int(now.timestamp()),
            "exp": int(now.timestamp()) + lives_s,
            "jti": new_token(),
            "family": family.id,
        }
        refresh = await self._new_refresh_token(family) if refreshable else ""
        return Issued(self._signer.sign(claims), lives_s, told, refresh)

    async def _new_refresh_token(self, family: TokenFamily) -> str:
        token = new_token()
        kept = RefreshToken(
            tenant=family.tenant,
            expires_at=self.refresh_end(family.created_at),
            digest=digest_of(token),
            family=family.id,
        )
        await self._store.swap_record(None, kept)
        return token

    def refresh_end(self, begun: datetime) -> datetime:
        """When a refresh token ends that is given now, of a sign-in that was begun then."""
        last = begun + timedelta(seconds=self._settings.refresh_s_max)
        return min(last, self._clock() + timedelta(seconds=self._settings.refresh_token_s))

    def _left_s(self, family: TokenFamily) -> float:
        """Until all that came of the sign-in is over, whatever was said when it was given."""
        return self._settings.refresh_s_max - (self._clock() - family.created_at).total_seconds()

    async def find(self, family_id: str) -> TokenFamily | None:
        """One that is good."""
        family = await self._store.find_record(TokenFamily, family_id)
        good = family is not None and family.revoked_at is None and not family.is_over(self._clock())
        return family if good else None

    async def find_code(self, code: str) -> AuthorizationCode | None:
        """One that is good. One that was used revokes what came of it (RFC 9700 section 4.5)."""
        kept = await self._store.find_record(AuthorizationCode, digest_of(code))
        if kept is None:
            return None
        if kept.used:
            await self.revoke(kept.family, "a code was used twice")
            return None
        return kept if kept.good_until > self._clock() else None

    async def use_code(self, code: AuthorizationCode) -> bool:
        """False where somebody else did, whose tokens are revoked then."""
        if await self._store.swap_record(code, structs.replace(code, used=True)):
            return True
        await self.revoke(code.family, "a code was used twice")
        return False

    async def find_refresh_token(self, token: str, client: str) -> tuple[RefreshToken, TokenFamily] | None:
        """One of this client that is good, with its family. One that was used revokes the family (RFC 9700 section
        4.14.2)."""
        kept = await self._store.find_record(RefreshToken, digest_of(token))
        family = await self._store.find_record(TokenFamily, kept.family) if kept is not None else None
        if kept is None or family is None or family.client != client:
            return None
        if kept.used:
            await self.revoke(family.id, "a refresh token was used twice")
            return None
        over = kept.is_over(self._clock()) or family.is_over(self._clock()) or self._left_s(family) <= 0
        return None if over or family.revoked_at is not None else (kept, family)

    async def use_refresh_token(self, token: RefreshToken, family: TokenFamily) -> bool:
        """The family lives on with it. False where somebody else used it, and the family is revoked."""
        if not await self._store.swap_record(token, structs.replace(token, used=True)):
            await self.revoke(family.id, "a refresh token was used twice")
            return False
        return await self._store.swap_record(
            family, structs.replace(family, expires_at=self.refresh_end(family.created_at))
        )

    async def family_of(self, token: str) -> str:
        """The id of the family that a refresh token is of; "" where it is none."""
        kept = await self._store.find_record(RefreshToken, digest_of(token))
        return kept.family if kept is not None else ""

    async def revoke(self, family_id: str, why: str) -> bool:
        """True where it was good until now."""
        for _ in range(REVOKE_TRIES_MAX):
            family = await self._store.find_record(TokenFamily, family_id)
            if family is None or family.revoked_at is not None:
                return False
            if await self._store.swap_record(family, structs.replace(family, revoked_at=self._clock())):
                await self._lines.write(principal_of_family(family), "tokens.revoked", why=why)
                return True
        return False

    async def held(self, family: TokenFamily) -> tuple[frozenset[str], frozenset[str]] | None:
        """The scopes and groups that bound a family now; None where nobody stands behind it any more."""
        implied = self._published.current.catalog.implied
        client = await self._store.find_record(Client, family.client)
        if client is None:
            return None
        if family.kind == "client":
            return with_implied(client.scopes, implied), frozenset()
        if family.kind == "assertion":
            return family.scopes, family.groups
        user = await self._users.find(family.subject)
        # Somebody else may have the name by now.
        if user is None or user.tenant != family.tenant or user.created_at > family.created_at:
            return None
        return with_implied(user.scopes, implied), user.groups

    async def confirm(self, claims: Claims, principal: Principal) -> Principal:
        """Who a good token of ours speaks for, as it is now. Raises Rejected."""
        family = await self.find(str(claims.get("family")))
        if family is None or family.subject != principal.subject or family.client != principal.client:
            raise Rejected("it was revoked; sign in again")
        bounds = await self.held(family)
        if bounds is None:
            raise Rejected("whom it was given for is not known here any more")
        held, groups = bounds
        # A role is nothing that anybody was asked about: a client administers by scopes that were agreed to alone.
        plain = frozenset(group for group in groups if not is_reserved(group))
        return structs.replace(
            principal_of_family(family), scopes=principal.scopes & family.scopes & held, groups=plain
        )


def principal_of_family(family: TokenFamily) -> Principal:
    """Whom its tokens speak for, without scopes."""
    return Principal(
        tenant=family.tenant, subject=family.subject, client=family.client, method="oauth", issuer=family.issuer
    )
