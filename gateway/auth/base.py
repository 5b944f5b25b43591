"""What inbound authentication gives: a Principal, or an error that says how to sign in. Knows no wire and no policy."""

from typing import Protocol

from gateway.core.principal import Principal


class Authenticator(Protocol):
    async def authenticate(self, authorization: str, now: float) -> Principal:
        """The principal behind the value of an `Authorization` header at `now` (seconds since the epoch).
        Raises Unauthenticated where there is none, or StoreFailed."""
