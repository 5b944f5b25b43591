"""What inbound authentication gives: a Principal, or an error that says how to sign in. Knows no wire and no policy."""

from typing import Protocol

from joserfc.jwk import Key
from msgspec import Struct

from gateway.core.principal import Principal
from gateway.errors import Unauthenticated

HOW = "send `Authorization: Bearer <key or token>`; `factotum keys create` makes a key"


class Presented(Struct, frozen=True):
    """What one request shows of who sends it: the values of its `Authorization` and `DPoP` headers as they came, its method
    and URL (without query, as its sender addressed it), and the SHA-256 of its client certificate, base64url, or ""."""

    authorization: tuple[str, ...] = ()
    dpop: tuple[str, ...] = ()
    method: str = ""
    url: str = ""
    certificate: str = ""

    def credential(self, characters_max: int) -> tuple[str, str]:
        """The scheme in lower case and the token (RFC 9110 section 11.4). Raises Unauthenticated."""
        if not any(value.strip() for value in self.authorization):
            raise Unauthenticated(f"Nothing says who you are: {HOW}.")
        value = self.authorization[0]
        parts = value.split() if len(value) <= characters_max and value.isascii() else []
        if len(self.authorization) > 1 or len(parts) != 2 or parts[0].lower() not in ("bearer", "dpop"):
            raise Unauthenticated(f"The Authorization header cannot be read; {HOW}.", "invalid_request")
        return parts[0].lower(), parts[1]


class Authenticator(Protocol):
    async def authenticate(self, presented: Presented, now: float) -> Principal:
        """The principal behind what was presented at `now` (seconds since the epoch).
        Raises Unauthenticated where there is none, or StoreFailed, or IssuerFailed."""


class KeySource(Protocol):
    async def keys(self, key_id: str) -> tuple[Key, ...]:
        """All keys of an issuer, where there is need to look anew because a token names this one. Raises IssuerFailed."""
