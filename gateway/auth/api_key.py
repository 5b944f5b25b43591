"""API keys: `Authorization: Bearer fct_<key id>_<secret>` (RFC 6750 section 2.1). Knows no other way to sign in.

Only the SHA-256 of a token is kept. Its secret is 256 random bits, so that a plain hash cannot be guessed back. A token
is only ever looked up by that hash: how long that takes tells nothing that would help to find one, so that no
comparison here has to be in constant time.
"""

import hashlib
import re
from datetime import datetime

from msgspec import Struct

from gateway.auth.base import Presented
from gateway.core.principal import Principal
from gateway.errors import Unauthenticated
from gateway.stores.base import ApiKey, KeyStore

ID_BYTES = 8
SECRET_BYTES = 32
AUTHORIZATION_CHARACTERS_MAX = 256

_TOKEN = re.compile(r"fct_[0-9a-f]{16}_[0-9a-f]{64}")
_MAKE_ONE = "make one with `factotum keys create`"


def new_key(
    *,
    name: str,
    tenant: str,
    subject: str,
    scopes: frozenset[str],
    groups: frozenset[str],
    now: datetime,
    expires_at: datetime | None,
    random_bytes: bytes,
) -> tuple[str, ApiKey]:
    """A token, to be shown once, and the key to keep. `random_bytes` are at least 40 from a cryptographic source.

    Raises ValueError where they are fewer.
    """
    if len(random_bytes) < ID_BYTES + SECRET_BYTES:
        raise ValueError(f"A key takes {ID_BYTES + SECRET_BYTES} random bytes.")
    key_id = random_bytes[:ID_BYTES].hex()
    token = f"fct_{key_id}_{random_bytes[ID_BYTES : ID_BYTES + SECRET_BYTES].hex()}"
    return token, ApiKey(
        id=key_id,
        token_sha256=_digest(token),
        tenant=tenant,
        subject=subject,
        name=name,
        scopes=scopes,
        groups=groups,
        created_at=now,
        expires_at=expires_at,
    )


class _Known(Struct, frozen=True):
    """A principal, and the times (seconds since the epoch) between which it holds without asking the store."""

    principal: Principal
    since: float
    until: float


class ApiKeyAuthenticator:
    """An Authenticator over the keys of a store.

    A key that was found good holds for `cache_s`, never beyond its end: a revocation, by whichever process, takes
    effect within that time. Only good keys are remembered, `cache_entries_max` of them at most.
    """

    def __init__(self, store: KeyStore, *, cache_s: float = 1.0, cache_entries_max: int = 10_000) -> None:
        self._store = store
        self._cache_s = cache_s
        self._cache_entries_max = cache_entries_max
        self._known: dict[bytes, _Known] = {}

    async def authenticate(self, presented: Presented, now: float) -> Principal:
        """See `Authenticator`. The principal's client is the key's id."""
        scheme, token = presented.credential(AUTHORIZATION_CHARACTERS_MAX)
        if scheme != "bearer":
            raise Unauthenticated(f"An API key is sent as `Authorization: Bearer <key>`; {_MAKE_ONE}.", "invalid_token")
        digest = _digest(token)
        known = self._known.get(digest)
        if known is not None and known.since <= now < known.until:
            return known.principal
        if not _TOKEN.fullmatch(token):
            raise Unauthenticated(f"This is not an API key of this gateway; {_MAKE_ONE}.", "invalid_token")
        return await self._look_up(digest, now)

    async def _look_up(self, digest: bytes, now: float) -> Principal:
        self._known.pop(digest, None)
        key = await self._store.find_key(digest)
        if key is None:
            raise Unauthenticated(f"This key is not known here; {_MAKE_ONE}.", "invalid_token")
        until = _good_until(key, now)
        principal = Principal(key.tenant, key.subject, key.id, key.scopes, key.groups, "api_key")
        self._remember(digest, _Known(principal, now, min(until, now + self._cache_s)))
        return principal

    def _remember(self, digest: bytes, known: _Known) -> None:
        """The newest last, so that the first is the one to forget."""
        self._known[digest] = known
        if len(self._known) > self._cache_entries_max:
            del self._known[next(iter(self._known))]


def _good_until(key: ApiKey, now: float) -> float:
    """When the key ends, in seconds since the epoch. Raises Unauthenticated where it has ended."""
    if key.revoked_at is not None:
        raise Unauthenticated(f"This key was revoked on {key.revoked_at:%Y-%m-%d}; {_MAKE_ONE}.", "invalid_token")
    if key.expires_at is None:
        return float("inf")
    until = key.expires_at.timestamp()
    if until <= now:
        raise Unauthenticated(f"This key expired on {key.expires_at:%Y-%m-%d}; {_MAKE_ONE}.", "invalid_token")
    return until


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
