"""The keys of one issuer: found through its metadata, kept, and asked for again when they are old or a token names another.

However many tokens name keys that do not exist, the issuer is asked at most once in `floor_s`. While it cannot be reached,
the keys it last gave are good for `stale_s`.
"""

import asyncio
from collections.abc import Callable
from urllib.parse import urlsplit

import structlog
from joserfc.jwk import Key
from msgspec import Struct

from gateway.auth.issuer_http import IssuerHttp, decode_object
from gateway.core.issuer import Issuer
from gateway.core.key_set import BadKeySet, read_keys
from gateway.errors import IssuerFailed

log = structlog.get_logger(__name__)


class KeyTimes(Struct, frozen=True):
    """Seconds for which keys are used without asking again, between two times that an issuer is asked, and for which keys
    are good while it cannot be."""

    fresh_s: float = 300.0
    floor_s: float = 10.0
    stale_s: float = 3_600.0


class Metadata:
    """What an issuer says of itself (RFC 8414, OpenID Connect Discovery), asked for when it is first needed."""

    def __init__(self, issuer: str, http: IssuerHttp) -> None:
        self._issuer = issuer
        self._http = http
        self._told: dict[str, object] = {}

    async def url(self, member: str) -> str:
        """The URL that a member of the metadata has. Raises IssuerFailed."""
        value = await self._member(member)
        if not isinstance(value, str):
            raise IssuerFailed(f"The metadata of {self._issuer} has no {member}.")
        return value

    async def says(self, member: str) -> bool:
        """Whether a member of the metadata is true. Raises IssuerFailed."""
        return await self._member(member) is True

    async def _member(self, name: str) -> object:
        if not self._told:
            self._told = await self._ask()
        return self._told.get(name)

    def forget(self) -> None:
        """Ask again when something is needed next."""
        self._told = {}

    async def _ask(self) -> dict[str, object]:
        for url in metadata_urls(self._issuer):
            try:
                told = decode_object(await self._http.get(url), url)
            except IssuerFailed:
                continue
            if told.get("issuer") != self._issuer:
                raise IssuerFailed(f"{url} is the metadata of another issuer.")
            return told
        raise IssuerFailed(f"The metadata of {self._issuer} cannot be read.")


def metadata_urls(issuer: str) -> tuple[str, ...]:
    """Where an issuer's metadata may be: RFC 8414 section 3.1 and OpenID Connect Discovery section 4.1."""
    parts = urlsplit(issuer)
    origin, path = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
    inserted = (f"{origin}/.well-known/{name}{path}" for name in ("oauth-authorization-server", "openid-configuration"))
    return tuple(dict.fromkeys((*inserted, f"{origin}{path}/.well-known/openid-configuration")))


class IssuerKeys:
    """`clock` gives seconds that only grow."""

    def __init__(
        self, issuer: Issuer, metadata: Metadata, http: IssuerHttp, times: KeyTimes, clock: Callable[[], float]
    ) -> None:
        self._issuer = issuer
        self._times = times
        self._metadata = metadata
        self._http = http
        self._clock = clock
        self._keys: tuple[Key, ...] = ()
        self._read_at = self._asked_at = float("-inf")
        self._asking = asyncio.Lock()

    async def keys(self, key_id: str) -> tuple[Key, ...]:
        """All the issuer's keys, asked for anew where none has this id ("" for no id). Raises IssuerFailed."""
        stale = self._clock() - self._read_at > self._times.fresh_s
        if not self._has(key_id) or (stale and not self._asking.locked()):
            async with self._asking:
                await self._refresh(key_id)
        if self._clock() - self._read_at > self._times.stale_s:
            raise IssuerFailed(f"The keys of {self._issuer.issuer} cannot be read; try again later.")
        return self._keys

    def _has(self, key_id: str) -> bool:
        return any(not key_id or key.kid == key_id for key in self._keys)

    async def _refresh(self, key_id: str) -> None:
        """Where nobody did it while we waited, and it was not tried just now."""
        now = self._clock()
        current = self._has(key_id) and now - self._read_at <= self._times.fresh_s
        if current or now - self._asked_at < self._times.floor_s:
            return
        self._asked_at = now
        try:
            self._keys = read_keys(await self._http.get(self._issuer.keys_url or await self._metadata.url("jwks_uri")))
            self._read_at = self._clock()
        except (IssuerFailed, BadKeySet) as error:
            self._metadata.forget()
            log.warning("the keys of an issuer cannot be read", issuer=self._issuer.issuer, problem=str(error))
