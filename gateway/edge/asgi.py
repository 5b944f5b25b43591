"""Small shared pieces for raw ASGI endpoints: bounded bodies, cancellation, replies, Host and Origin.
Knows HTTP; knows no protocol on top of it, and no policy."""

import asyncio
import re
from collections.abc import AsyncGenerator, Collection, Coroutine
from contextlib import aclosing
from typing import Any, TypeVar

from litestar.types import HTTPScope, Receive, Send
from msgspec import Struct

from gateway.errors import BadRequest, TooLarge

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
HEADERS = "factotum.headers"
MCP_PATH = "/mcp"
A2A_PATH = "/a2a"
# HTTP and JSON, in place of JSON-RPC.
A2A_HTTP_PATH = f"{A2A_PATH}/v1"
# An event that is none: somebody is still there.
COMMENT = b": still here\n\n"
# Those that clients of OpenAI's chat know.
CHAT_PATHS = ("/v1/chat/", "/v1/models")

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^:\[\]/@\s]+)(?::\d{1,5})?")

_T = TypeVar("_T")


class Disconnected(Exception):
    """The client went away: there is nobody left to answer."""


class Reply(Struct, frozen=True):
    """A whole HTTP response. A body is JSON, or what `content_type` says; an empty one has no type."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    content_type: bytes = b"application/json"


class EventStream(Struct, frozen=True):
    """A response of server-sent events, each as it is on the wire, for as long as there are any."""

    events: AsyncGenerator[bytes]


async def send_events(receive: Receive, send: Send, stream: EventStream) -> None:
    """Until they end or the client goes away; then Disconnected is raised."""
    headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store"), (b"x-accel-buffering", b"no")]

    async def write() -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        async with aclosing(stream.events) as events:
            async for event in events:
                await send({"type": "http.response.body", "body": event, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    await until_disconnect(receive, write())


async def send_reply(send: Send, reply: Reply) -> None:
    headers = [(b"content-length", str(len(reply.body)).encode()), (b"cache-control", b"no-store"), *reply.headers]
    if reply.body:
        headers.insert(0, (b"content-type", reply.content_type))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body, "more_body": False})


def header_values(scope: HTTPScope, name: bytes) -> list[str]:
    """Every value of a header (name in lower case), without the white space around it that some servers leave."""
    return _index_headers(scope).get(name, [])


def _index_headers(scope: HTTPScope) -> dict[bytes, list[str]]:
    """All headers by name: read once for a request, and kept with it."""
    known: dict[bytes, list[str]] | None = scope.get(HEADERS)  # type: ignore[assignment]
    if known is None:
        known = {}
        for key, value in scope["headers"]:
            known.setdefault(key, []).append(value.decode("latin-1").strip(" \t"))
        scope[HEADERS] = known  # type: ignore[literal-required]
    return known


def is_mcp(path: str) -> bool:
    """Whether an MCP server is asked: that of all tools, or that of a toolset."""
    return path == MCP_PATH or path.startswith(f"{MCP_PATH}/")


def door_of(path: str) -> str:
    """What the audit log calls the door at a path."""
    if is_mcp(path):
        return "mcp"
    if path == A2A_PATH or path.startswith(f"{A2A_HTTP_PATH}/"):
        return "a2a"
    return "chat" if path.startswith(CHAT_PATHS) else "rest"


def address_of(scope: HTTPScope) -> str:
    """Where the request came from; "" where that is no address."""
    client = scope.get("client")
    return client[0] if client else ""


async def read_body(scope: HTTPScope, receive: Receive, *, bytes_max: int, timeout_s: float) -> bytes:
    """The whole body. Raises TooLarge, BadRequest where it comes too slowly, or Disconnected."""
    if any(_declared(value) > bytes_max for value in header_values(scope, b"content-length")):
        raise _too_large(bytes_max)
    try:
        async with asyncio.timeout(timeout_s):
            return await _receive_body(receive, bytes_max)
    except TimeoutError as error:
        raise BadRequest(f"The body did not arrive within {timeout_s:g} s; send it at once.") from error


async def _receive_body(receive: Receive, bytes_max: int) -> bytes:
    body = bytearray()
    while True:
        event = await receive()
        if event["type"] != "http.request":
            raise Disconnected
        body += event["body"]
        if len(body) > bytes_max:
            raise _too_large(bytes_max)
        if not event["more_body"]:
            return bytes(body)


def _declared(content_length: str) -> int:
    """A length that cannot be read counts as none: the bytes are counted as they come."""
    return int(content_length) if content_length.isascii() and content_length.isdigit() else 0


def _too_large(bytes_max: int) -> TooLarge:
    return TooLarge(f"The body is larger than {bytes_max} bytes; send less in one request.")


async def until_disconnect(receive: Receive, work: Coroutine[Any, Any, _T]) -> _T:
    """What `work` gives. It is cancelled as soon as the client goes away, and then Disconnected is raised.

    Call it after the body has been read: whatever comes next can only be the disconnect.
    """
    working = asyncio.current_task()
    assert working is not None
    gone = False

    async def watch() -> None:
        nonlocal gone
        await _wait_for_disconnect(receive)
        gone = True
        working.cancel()

    watching = asyncio.create_task(watch())
    try:
        return await work
    except asyncio.CancelledError:
        if gone and working.uncancel() == 0:
            raise Disconnected from None
        raise
    finally:
        watching.cancel()


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def host_allowed(scope: HTTPScope, allowed: Collection[str]) -> bool:
    """Whether the request names a host that we are: a loopback name, or one of `allowed`, with any port where `allowed`
    gives none. This is what stops DNS rebinding."""
    hosts = [value.lower() for value in header_values(scope, b"host")]
    if len(hosts) != 1 or (match := _HOST.fullmatch(hosts[0])) is None:
        return False
    return not LOOPBACK_HOSTS.union(map(str.lower, allowed)).isdisjoint({hosts[0], match[1]})


def origin_allowed(scope: HTTPScope, allowed: Collection[str]) -> bool:
    """Whether the page that sent the request, if a page did, is our own or one of `allowed`. Ask `host_allowed` first."""
    origins = [value.lower() for value in header_values(scope, b"origin")]
    if not origins:
        return True
    if len(origins) > 1:
        return False
    ours = {f"{scheme}://{host.lower()}" for scheme in ("http", "https") for host in header_values(scope, b"host")}
    return origins[0] in ours.union(map(str.lower, allowed))
