"""The only sender of bytes to backends: pool, limits, egress guard, redirects, retries, circuit breaker.

httpx gives the types of authentication; aiohttp's connector, asked directly, sends. Each connector has a lane of its own:
a pool that only reaches what the connector may reach, a bound on calls in flight, a breaker.
"""

import asyncio
import random
import re
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from io import BytesIO
from typing import Any, Literal
from urllib.parse import quote, urljoin, urlsplit

import aiohttp
import httpx
from aiohttp.abc import AbstractResolver, ResolveResult
from msgspec import Struct, structs
from yarl import URL

from gateway import __version__
from gateway.core import breaker as breakers
from gateway.core.coding import Miscoded, Uncoded, codings_of, undo_codings
from gateway.core.egress import Network, may_reach, parse_networks, refuse_url
from gateway.core.http import HttpRequest, HttpResponse
from gateway.core.manifest import Limits
from gateway.core.media import SEQUENTIAL_TYPES, essence
from gateway.core.response import retry_seconds
from gateway.core.rest import rest_s
from gateway.credentials.base import OneStep
from gateway.errors import (
    BadRequest,
    TooLarge,
    UpstreamBroken,
    UpstreamBusy,
    UpstreamFailed,
    UpstreamForbidden,
    UpstreamTimeout,
    UpstreamUnreachable,
)

USER_AGENT = f"factotum/{__version__}"
KEEP_ALIVE_S = 15.0
HEADER_BYTES_MAX = 64 << 10
REQUEST_HEAD_BYTES_MAX = 64 << 10
AUTH_STEPS_MAX = 5
BACKOFF_S = 0.05
RETRY_AFTER_S_MAX = 2.0
RETRIED_STATUSES = frozenset({502, 503, 504})
REDIRECTS = frozenset({301, 302, 303, 307, 308})
ORIGINS_MAX = 1_000
UNDONE_BY_AIOHTTP = frozenset({"gzip", "deflate", "br", "zstd"})
# What a URL may hold beside unreserved characters (RFC 3986 section 2.2), and one that is encoded already.
_IN_URLS = ":/?#[]@!$&'()*+,;=%"
# An origin, with whatever user name comes before its host (RFC 3986 section 3.2).
_ORIGIN = re.compile(r"[^:/?#]*://[^/?#]*")
DOCUMENT_TYPES = "application/json, application/yaml, text/yaml, */*;q=0.5"


class Fetched(Struct, frozen=True):
    """A document as fetched: its bytes, and the tag to ask with for a newer one."""

    content: bytes
    etag: str = ""
    modified: str = ""


@asynccontextmanager
async def open_upstream(
    *,
    clock: Callable[[], float] = time.monotonic,
    chance: random.Random | None = None,
    resolver: Callable[[], AbstractResolver] = aiohttp.ThreadedResolver,
) -> AsyncIterator["Upstream"]:
    """`resolver` opens what looks names up."""
    spread = chance or random.Random()  # noqa: S311 (spreads retries, guards nothing)
    upstream = Upstream(clock, spread, resolver)
    try:
        yield upstream
    finally:
        await upstream.close()


class Upstream:
    """All lanes. Opened and closed by `open_upstream`."""

    def __init__(
        self, clock: Callable[[], float], chance: random.Random, resolver: Callable[[], AbstractResolver]
    ) -> None:
        self._clock = clock
        self._chance = chance
        self._resolver = resolver
        self._lanes: dict[str, _Lane] = {}
        self._retired: list[_Lane] = []
        self._tls = ssl.create_default_context()

    async def send(
        self,
        request: HttpRequest,
        *,
        connector: str,
        limits: Limits,
        allow_addresses: tuple[str, ...],
        auth: httpx.Auth | None,
        safe: bool,
    ) -> HttpResponse:
        """The answer, whatever its status, read up to `limits.response_bytes_max`.

        Only what is `safe` (a read) is redirected, or sent again after it may have arrived. Anything is sent again, within
        `limits.retries_max` and `limits.timeout_s`, where no connection came about.
        Raises TooLarge or an UpstreamFailed, which says whether the call may have happened.
        """
        if len(request.content) > limits.request_bytes_max:
            raise TooLarge(f"The request's body is larger than {limits.request_bytes_max} bytes (request_bytes_max).")
        if _head_characters(request) > REQUEST_HEAD_BYTES_MAX:
            raise TooLarge(
                f"The request's URL and headers are larger than {REQUEST_HEAD_BYTES_MAX} bytes; give less in them."
            )
        lane = self._lane(connector, limits, allow_addresses)
        async with lane.place(self._clock()):
            try:
                async with asyncio.timeout(limits.timeout_s):
                    response = await self.attempt(lane, request, auth, safe=safe)
            except TimeoutError as error:
                lane.breaker = breakers.failed(lane.breaker, self._clock())
                detail = f"{connector} did not answer within {limits.timeout_s:g} s (timeout_s)."
                raise UpstreamTimeout(detail) from error
            except UpstreamForbidden:
                lane.breaker = breakers.abandoned(lane.breaker)
                raise
            except UpstreamFailed:
                lane.breaker = breakers.failed(lane.breaker, self._clock())
                raise
            except asyncio.CancelledError:
                lane.breaker = breakers.abandoned(lane.breaker)
                raise
        lane.breaker = breakers.answered(lane.breaker)
        if seconds := rest_s(response, datetime.now(UTC)):
            lane.breaker = breakers.told_to_rest(lane.breaker, seconds, self._clock())
        return response

    @asynccontextmanager
    async def fetching(self, allow_addresses: tuple[str, ...]) -> AsyncIterator["Fetching"]:
        """A way out of its own for the documents of one connector: what their servers do is nobody else's trouble, and
        nothing of it is left at the end."""
        lane = _Lane("The document's server", Limits(), allow_addresses, self._tls, self._resolver())
        try:
            yield Fetching(self, lane)
        finally:
            await lane.session.close()

    async def close(self) -> None:
        for lane in (*self._lanes.values(), *self._retired):
            await lane.session.close()
        # aiohttp closes its transports one turn of the loop later.
        await asyncio.sleep(0)

    async def attempt(
        self, lane: "_Lane", request: HttpRequest, auth: httpx.Auth | None, *, safe: bool
    ) -> HttpResponse:
        """Send, and send again where that can do no harm."""
        for attempt in range(lane.limits.retries_max + 1):
            last = attempt == lane.limits.retries_max
            try:
                response = await self._follow(lane, request, auth, safe=safe)
            except UpstreamFailed as error:
                harmless = error.retry and (safe or not error.may_have_happened)
                if last or not harmless:
                    raise
            else:
                after = retry_seconds(response.header("retry-after")) or 0.0
                if last or not safe or response.status not in RETRIED_STATUSES or after > RETRY_AFTER_S_MAX:
                    return response
                await asyncio.sleep(after)
            await asyncio.sleep(BACKOFF_S * 2**attempt * (0.5 + self._chance.random()))
        raise AssertionError("the last attempt returns or raises")

    async def _follow(
        self, lane: "_Lane", request: HttpRequest, auth: httpx.Auth | None, *, safe: bool
    ) -> HttpResponse:
        """Follow redirects of a read. Credentials go only to the origin that they were made for, and a redirect from
        https to http is not followed."""
        at, response = request, await self._sign_and_exchange(lane, request, auth)
        for _ in range(lane.limits.redirects_max if safe else 0):
            location = response.header("location")
            if response.status not in REDIRECTS or not location:
                return response
            target = _join(at.url, location)
            if not target or (at.url.startswith("https:") and not target.startswith("https:")):
                return response
            at = _redirected(at, target, response.status)
            same = _origin(target) == _origin(request.url)
            response = await self._sign_and_exchange(
                lane, at if same else _without_credentials(at), auth if same else None
            )
        return response

    async def _sign_and_exchange(self, lane: "_Lane", request: HttpRequest, auth: httpx.Auth | None) -> HttpResponse:
        if auth is None or isinstance(auth, OneStep):
            return await lane.exchange(auth.sign(request) if auth else request)
        unsigned = httpx.Request(request.method, request.url, headers=list(request.headers), content=request.content)
        flow = auth.async_auth_flow(unsigned)
        try:
            signed = await anext(flow)
            for _ in range(AUTH_STEPS_MAX):
                response = await lane.exchange(_from_httpx(signed))
                try:
                    signed = await flow.asend(_to_httpx(response, signed))
                except StopAsyncIteration:
                    return response
        finally:
            await flow.aclose()
        raise UpstreamBroken(
            f"Signing in at {lane.name} took more than {AUTH_STEPS_MAX} steps.", may_have_happened=False
        )

    def _lane(self, name: str, limits: Limits, allow_addresses: tuple[str, ...]) -> "_Lane":
        lane = self._lanes.get(name)
        if lane is None or lane.limits != limits or lane.allow_addresses != allow_addresses:
            if lane is not None:
                self._retired.append(lane)
            lane = self._lanes[name] = _Lane(name, limits, allow_addresses, self._tls, self._resolver())
        return lane


class Fetching:
    """Fetches documents, one after another, by `Upstream.fetching`."""

    def __init__(self, upstream: Upstream, lane: "_Lane") -> None:
        self._upstream = upstream
        self._lane = lane

    async def fetch(
        self,
        url: str,
        *,
        bytes_max: int,
        timeout_s: float,
        etag: str = "",
        modified: str = "",
        follow_redirects: bool = True,
    ) -> Fetched | None:
        """A document by URL, under the same guard as a call; None where it is still the one with this tag, or of this date.
        Raises TooLarge, or UpstreamFailed where it cannot be had."""
        limits = Limits(timeout_s=timeout_s, response_bytes_max=bytes_max)
        self._lane.limits = limits if follow_redirects else structs.replace(limits, redirects_max=0)
        conditions = (("If-None-Match", etag), ("If-Modified-Since", modified))
        headers = (("Accept", DOCUMENT_TYPES), *(one for one in conditions if one[1]))
        try:
            async with asyncio.timeout(timeout_s):
                response = await self._upstream.attempt(self._lane, HttpRequest("GET", url, headers), None, safe=True)
        except TimeoutError as error:
            raise UpstreamTimeout(f"The document's server did not answer within {timeout_s:.2g} s.") from error
        if response.status == 304 and (etag or modified):
            return None
        if response.status != 200:
            raise UpstreamFailed(f"The document's server answered {response.status}; see that the URL is right.")
        if response.truncated:
            raise TooLarge(f"The document is larger than {bytes_max} bytes.")
        return Fetched(response.body, response.header("etag"), response.header("last-modified"))


class _Lane:
    """One connector's way out."""

    def __init__(
        self,
        name: str,
        limits: Limits,
        allow_addresses: tuple[str, ...],
        tls: ssl.SSLContext,
        resolver: AbstractResolver,
    ) -> None:
        self.name = name
        self.limits = limits
        self.allow_addresses = allow_addresses
        self.breaker = breakers.Breaker()
        self._networks = _networks(allow_addresses)
        self._places = asyncio.Semaphore(limits.in_flight_max)
        self._waiting = 0
        self._judged: set[str] = set()
        connector = _Connector(
            resolver=_GuardedResolver(resolver, self._networks), ssl=tls, limit=0, keepalive_timeout=KEEP_ALIVE_S
        )
        self.session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, connect=limits.connect_timeout_s),
            headers={"User-Agent": USER_AGENT},
            skip_auto_headers=("Content-Type",),
            max_line_size=HEADER_BYTES_MAX,
            max_field_size=HEADER_BYTES_MAX,
        )
        # INVARIANT: what is sent again is decided in Upstream.attempt alone. aiohttp would send PUT and DELETE a second time
        # where a kept connection turns out to be closed; a test holds that it does not.
        self.session._retry_connection = False

    @asynccontextmanager
    async def place(self, now: float) -> AsyncIterator[None]:
        """One of `in_flight_max` places; as many callers may wait for one. Raises UpstreamBusy."""
        seconds = breakers.wait_s(self.breaker, now)
        if seconds:
            asked = now < self.breaker.rest_until
            why = "asked for fewer calls" if asked else f"has failed {self.breaker.failures} times in a row"
            detail = f"{self.name} {why} and is left alone for a while."
            raise UpstreamBusy(detail, retry_after_s=round(seconds, 1))
        if self._places.locked() and self._waiting >= self.limits.in_flight_max:
            raise UpstreamBusy(
                f"{self.name} has {self.limits.in_flight_max} calls in flight and as many waiting (in_flight_max)."
            )
        self._waiting += 1
        try:
            await self._places.acquire()
        finally:
            self._waiting -= 1
        try:
            self.breaker = breakers.sent(self.breaker)
            yield
        finally:
            self._places.release()

    def _guard(self, url: str) -> None:
        """Raises UpstreamForbidden. An origin is judged once: what a name resolves to is judged at each connection."""
        found = _ORIGIN.match(url)
        origin = found[0] if found else url
        if origin in self._judged:
            return
        if why := refuse_url(url, self._networks):
            raise _forbidden(url, why)
        if len(self._judged) < ORIGINS_MAX:
            self._judged.add(origin)

    async def exchange(self, request: HttpRequest) -> HttpResponse:
        """One request, one response. The URL goes on the wire as it was built."""
        self._guard(request.url)
        with _mapped(self.name, request.url):
            sending = self.session.request(
                request.method,
                URL(request.url, encoded=True),
                headers=list(request.headers),
                # A large body that is no file would be warned of, as if it were sent at once.
                data=BytesIO(request.content) if request.content else None,
                allow_redirects=False,
            )
            async with sending as answer:
                stream_s = self.limits.stream_timeout_s if _is_sequential(answer) else None
                body, truncated = await _read(answer, self.limits.response_bytes_max, stream_s)
                headers = tuple((name.lower(), _readable(value)) for name, value in answer.headers.items())
                body, truncated, left = _undo(answer, body, self.limits.response_bytes_max, truncated)
                return HttpResponse(answer.status, headers, body, truncated, ", ".join(left))


def _undo(answer: aiohttp.ClientResponse, body: bytes, bytes_max: int, cut: bool) -> Uncoded:
    """The body without those content codings that aiohttp leaves: it undoes one, where there is one alone."""
    codings = codings_of(answer.headers.getall("content-encoding", ()))
    is_done = answer.headers.get("content-encoding", "").lower() in UNDONE_BY_AIOHTTP
    if is_done or not codings or not body:
        return Uncoded(body, cut)
    try:
        return undo_codings(body, codings, bytes_max, cut=cut)
    except Miscoded as error:
        raise UpstreamBroken(f"What came says that it is {error.coding}, and is not.") from error


class _Connector(aiohttp.TCPConnector):
    """A pool whose connections are silent while nobody asks.

    INVARIANT: what a backend sends before it is asked is nobody's answer. aiohttp would give it to whoever asks next on
    that connection; a test holds that it does not.
    """

    async def _get(self, key: Any, traces: Any) -> Any:
        while True:
            kept: Any = await super()._get(key, traces)
            if kept is None or not kept.protocol.should_close:
                return kept
            kept.close()


def _is_sequential(answer: aiohttp.ClientResponse) -> bool:
    return essence(answer.headers.get("Content-Type", "")) in SEQUENTIAL_TYPES


def _readable(value: str) -> str:
    """The value of a header, with what is no UTF-8 replaced: aiohttp has it as lone surrogates."""
    return value if value.isascii() else value.encode(errors="surrogateescape").decode(errors="replace")


async def _read(answer: aiohttp.ClientResponse, bytes_max: int, stream_s: float | None) -> tuple[bytes, bool]:
    """The decoded body up to the bound, and of a stream what comes within `stream_s`. One that goes on costs its
    connection."""
    chunks: list[bytes] = []
    left = bytes_max
    try:
        async with asyncio.timeout(stream_s):
            async for chunk in answer.content.iter_any():
                chunks.append(chunk[:left])
                left -= len(chunk)
                if left < 0:
                    break
            else:
                return chunks[0] if len(chunks) == 1 else b"".join(chunks), False
    except TimeoutError:
        if stream_s is None or not chunks:
            raise
    answer.close()
    return b"".join(chunks), True


class _AddressRefused(OSError):
    """No address of a name is one that may be reached."""


class _GuardedResolver(AbstractResolver):
    """Resolves names and keeps only what may be reached. The connection goes to an address that came through here, so a
    name that changes its mind between two look-ups (DNS rebinding) gains nothing."""

    def __init__(self, resolver: AbstractResolver, networks: tuple[Network, ...]) -> None:
        self._networks = networks
        self._resolver = resolver

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        kept = [one for one in found if may_reach(one["host"], self._networks)]
        if not kept:
            raise _AddressRefused
        return kept

    async def close(self) -> None:
        await self._resolver.close()


@contextmanager
def _mapped(name: str, url: str) -> Any:
    """Foreign errors become ours, in our words; each says whether the request may have arrived."""
    try:
        yield
    except aiohttp.ConnectionTimeoutError as error:
        raise UpstreamUnreachable(f"No connection to {name} came about in time (connect_timeout_s).") from error
    except aiohttp.ClientConnectorError as error:
        if isinstance(error.os_error, _AddressRefused):
            raise _forbidden(url, "its address is not public") from error
        raise UpstreamUnreachable(
            f"No connection to {name} came about; see that it runs and base_url is right."
        ) from error
    except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) as error:
        raise _forbidden(url, "it is no URL that can be asked") from error
    except aiohttp.ClientSSLError as error:
        raise UpstreamUnreachable(f"No secure connection to {name} came about; see its certificate.") from error
    except (aiohttp.ClientError, ConnectionError, ValueError) as error:
        raise UpstreamBroken(f"{name} broke off, or sent what is no HTTP.") from error


def _head_characters(request: HttpRequest) -> int:
    return len(request.url) + sum(len(name) + len(value) for name, value in request.headers)


def _forbidden(url: str, why: str) -> UpstreamForbidden:
    try:
        host = urlsplit(url).hostname or "that place"
    except ValueError:
        host = "that place"
    detail = (
        f"{host[:100]} may not be reached: {why}. The manifest's allow_addresses permits a network that is not public."
    )
    return UpstreamForbidden(detail)


def _networks(allow_addresses: tuple[str, ...]) -> tuple[Network, ...]:
    try:
        return parse_networks(allow_addresses)
    except ValueError as error:
        raise BadRequest(f"allow_addresses: {error}") from error


def _join(url: str, location: str) -> str:
    """Where a redirect leads, without a fragment, and encoded where a URL cannot hold a character; "" where it is no URL."""
    try:
        target = urljoin(url, location).partition("#")[0]
        _origin(target)
    except ValueError:
        return ""
    return quote(target, _IN_URLS)


def _origin(url: str) -> tuple[Literal["http", "https"] | str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _redirected(request: HttpRequest, target: str, status: int) -> HttpRequest:
    """RFC 9110 section 15.4: 303 asks with GET and no body; the others keep method and body, as both are safe here."""
    if status != 303 or request.method == "HEAD":
        return structs.replace(request, url=target)
    headers = tuple(pair for pair in request.headers if not pair[0].lower().startswith("content-"))
    return HttpRequest("GET", target, headers)


def _without_credentials(request: HttpRequest) -> HttpRequest:
    kept = tuple(pair for pair in request.headers if pair[0].lower() in ("accept", "content-type"))
    return structs.replace(request, headers=kept)


def _from_httpx(request: httpx.Request) -> HttpRequest:
    dropped = ("host", "content-length", "transfer-encoding")
    headers = tuple(pair for pair in request.headers.multi_items() if pair[0] not in dropped)
    return HttpRequest(request.method, str(request.url), headers, request.content)


def _to_httpx(response: HttpResponse, request: httpx.Request) -> httpx.Response:
    dropped = ("content-encoding", "content-length", "transfer-encoding")
    headers = [pair for pair in response.headers if pair[0] not in dropped]
    return httpx.Response(response.status, headers=headers, content=response.body, request=request)
