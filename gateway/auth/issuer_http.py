"""Asking an authorisation server: its metadata, its keys, its opinion of a token. Bounded in bytes and seconds; unpacks
nothing, follows no redirect, and speaks without TLS to loopback alone."""

import asyncio
from collections.abc import Collection, Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote_plus, urlsplit

import httpx
import msgspec

from gateway.errors import IssuerFailed

BYTES_MAX = 256 << 10
TIMEOUT_S = 5.0
REFUSALS = (400, 401)


class IssuerHttp:
    """One for all issuers of a gateway; whoever makes it closes it."""

    def __init__(self) -> None:
        self._client = httpx.AsyncClient(
            follow_redirects=False, trust_env=False, timeout=TIMEOUT_S, headers={"accept-encoding": "identity"}
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def get(self, url: str) -> bytes:
        """The body of a 200. Raises IssuerFailed."""
        return await self._ask("GET", url)

    async def post(self, url: str, form: Mapping[str, str], auth: tuple[str, str]) -> dict[str, Any]:
        """The JSON object that answers a form, sent with a client's id and secret (RFC 6749 section 2.3.1).
        Raises IssuerFailed."""
        name, secret = map(quote_plus, auth)
        return decode_object(await self._ask("POST", url, data=dict(form), auth=(name, secret)), url)

    async def redeem(self, url: str, form: Mapping[str, str], auth: tuple[str, str] | None) -> dict[str, Any]:
        """The JSON object by which a token endpoint answers, with an `error` where it refuses (RFC 6749 section 5.2). Raises
        IssuerFailed."""
        more = {} if auth is None else {"auth": tuple(map(quote_plus, auth))}
        return decode_object(await self._ask("POST", url, REFUSALS, data=dict(form), **more), url)

    async def _ask(self, method: str, url: str, also: Collection[int] = (), **more: Any) -> bytes:
        if not may_ask(url):
            raise IssuerFailed(f"{url} is not https, and no loopback address.")
        try:
            async with asyncio.timeout(TIMEOUT_S), self._client.stream(method, url, **more) as response:
                if response.status_code != 200 and response.status_code not in also:
                    raise IssuerFailed(f"{url} answered {response.status_code} and not 200.")
                return await _read(response, url)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError):
            raise IssuerFailed(f"{url} cannot be read.") from None


async def _read(response: httpx.Response, url: str) -> bytes:
    body = bytearray()
    if response.headers.get("content-encoding", "identity") != "identity":
        raise IssuerFailed(f"{url} answered with something packed, and was asked for it plain.")
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > BYTES_MAX:
            raise IssuerFailed(f"{url} answered with more than {BYTES_MAX} bytes.")
    return bytes(body)


def decode_object(body: bytes, url: str) -> dict[str, Any]:
    """Raises IssuerFailed."""
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise IssuerFailed(f"{url} did not answer with a JSON object.") from None


def may_ask(url: str) -> bool:
    """Whether it is https, or http to a loopback address."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme == "https":
        return bool(host)
    return parts.scheme == "http" and (host == "localhost" or _is_loopback(host))


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
