"""A gateway over REST, for whoever is signed in at it. Says what it answers; decides nothing."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
import msgspec
from msgspec import Struct

from gateway.auth.issuer_http import may_ask
from gateway.errors import BadRequest, Conflict, Forbidden, GatewayError, NotFound, Unauthenticated, UpstreamFailed
from gateway.remote.device import Device
from gateway.remote.logins import Logins

# A call may take as long as its backend may.
TIMEOUT_S = 600.0
# A token that ends within this is renewed before it is shown.
MARGIN_S = 30.0

T = TypeVar("T")


class Problem(Struct, frozen=True):
    """RFC 9457, as far as it is told to a person."""

    title: str = ""
    detail: str = ""


def token_of(url: str, logins: Logins, http: httpx.Client, clock: Callable[[], float] = time.time) -> str:
    """What to show the gateway at `url` now, renewed where that is over. Raises Unauthenticated."""
    login = logins.find(url)
    if login.expires_at - MARGIN_S > clock():
        return login.token
    with logins.changing() as kept:
        # Somebody else may have renewed it while this one waited for its turn.
        login = kept.get(url, login)
        if login.expires_at - MARGIN_S <= clock():
            login = kept[url] = Device(http, clock=clock).refresh(login)
    return login.token


class RemoteGateway:
    """One gateway at `url`; `token` gives what to show it."""

    def __init__(self, url: str, token: Callable[[], str], http: httpx.Client) -> None:
        self._url = url
        self._token = token
        self._http = http

    def get(self, path: str, kind: type[T], **query: str | int) -> T:
        """Raises what `ask` raises."""
        return self.ask("GET", path, kind, params={name: value for name, value in query.items() if value != ""})

    def post(self, path: str, kind: type[T], body: Mapping[str, object] | Struct | None = None) -> T:
        """Raises what `ask` raises."""
        return self.ask("POST", path, kind, **({} if body is None else {"content": msgspec.json.encode(body)}))

    def follow(self, path: str, after: int, last: int | None = None) -> Iterator[tuple[int, str, bytes]]:
        """Its server-sent events after one, each with its number, kind and data: to that of the number `last`, or else to
        their end. Raises what `ask` raises."""
        if last is not None and after >= last:
            return
        headers = {"authorization": f"Bearer {self._token()}", "last-event-id": str(after)}
        try:
            with self._http.stream("GET", self._url + path, headers=headers, timeout=TIMEOUT_S) as response:
                if response.status_code >= 300:
                    response.read()
                    raise _error(response)
                for event in _events(response.iter_lines()):
                    yield event
                    if event[0] == last:
                        return
        except httpx.HTTPError as error:
            raise UpstreamFailed(f"{self._url} broke off; ask again for what comes after the last event.") from error

    def ask(self, method: str, path: str, kind: type[T], **more: Any) -> T:
        """What it answers. Raises the error that it tells, as one of ours."""
        headers = {"authorization": f"Bearer {self._token()}", "accept": "application/json"}
        try:
            response = self._http.request(method, self._url + path, headers=headers, timeout=TIMEOUT_S, **more)
        except httpx.HTTPError as error:
            raise UpstreamFailed(f"{self._url} cannot be reached.") from error
        if response.status_code >= 300:
            raise _error(response)
        try:
            return msgspec.json.decode(response.content, type=kind)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise UpstreamFailed(f"{self._url} answers as no gateway of this version does.") from error


def _events(lines: Iterable[str]) -> Iterator[tuple[int, str, bytes]]:
    """As a gateway writes them: a number, a kind and one line of data each; comments stand between them."""
    fields: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        if name:
            fields[name] = value
        elif fields:
            yield int(fields["id"]), fields["event"], fields["data"].encode()
            fields = {}


def url_of_gateway(told: str) -> str:
    """The origin of a gateway as a person types it. Raises BadRequest."""
    url = told.rstrip("/").removesuffix("/mcp")
    if not may_ask(url):
        raise BadRequest(f"{told[:200]} is no gateway's URL: https://gateway.example.com, say; http to loopback alone.")
    return url


def segment(name: str) -> str:
    """A name as one segment of a path."""
    return quote(name, safe="")


def _error(response: httpx.Response) -> GatewayError:
    try:
        told = msgspec.json.decode(response.content, type=Problem)
    except (msgspec.MsgspecError, RecursionError):
        told = Problem()
    detail = told.detail or told.title or f"The gateway answered {response.status_code}."
    match response.status_code:
        case 401:
            return Unauthenticated(detail)
        case 403:
            return Forbidden(detail)
        case 404:
            return NotFound(detail)
        case 409:
            return Conflict(detail)
        case status if status < 500:
            return BadRequest(detail)
        case _:
            return UpstreamFailed(detail)
