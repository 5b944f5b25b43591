"""Serving one opened gateway with uvicorn until it is told to stop. Opens and closes nothing but the socket."""

import asyncio
import gc
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

import uvicorn
from litestar.types import ASGIApp

from gateway.app import asgi_app
from gateway.edge.connection import USUAL, ConnectionBounds, bounded
from gateway.edge.parts import Gateway
from gateway.errors import Conflict

T = TypeVar("T")

KEEP_ALIVE_S = 75
GC_ALLOCATIONS = 20_000
# How long a thread that does other work may keep calls waiting; Python's own choice is 5 ms.
SWITCH_S = 0.001
GRACE_S = 10
BACKLOG_CONNECTIONS = 2_048


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run to its end on uvloop, where there is one: 10 to 20 % less processor time a request."""
    with asyncio.Runner(loop_factory=_new_loop) as runner:
        return runner.run(main)


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


async def serve_forever(gateway: Gateway, started: Callable[[str], None]) -> None:
    """Serve at the settings' host and port until SIGINT or SIGTERM; `started` is told the URL. Raises Conflict where
    the port is taken."""
    prefer_calls()
    with bind(gateway.settings.host, gateway.settings.port) as listening:
        started(url_of(listening))
        await _Server(asgi_app(gateway), gateway.published.stop, _bounds(gateway)).serve(sockets=[listening])


async def serve_app_forever(app: ASGIApp, listening: socket.socket) -> None:
    """The same for any ASGI app, on a socket that is there."""
    prefer_calls()
    await _Server(app).serve(sockets=[listening])


def prefer_calls() -> None:
    """For a process that serves: what is there when serving begins stays, so that the collector need not look at it again
    and again, and threads give way soon."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_ALLOCATIONS, 20, 50)
    sys.setswitchinterval(SWITCH_S)


@asynccontextmanager
async def serving(gateway: Gateway, listening: socket.socket) -> AsyncIterator[str]:
    """Serve a gateway within a block, and leave signals to whoever owns the process. Gives the URL."""
    async with _running([(_Guest(asgi_app(gateway), gateway.published.stop, _bounds(gateway)), listening)]):
        yield url_of(listening)


@asynccontextmanager
async def serving_app(app: ASGIApp, listening: socket.socket) -> AsyncIterator[str]:
    """The same for any ASGI app."""
    async with serving_apps([(app, listening)]) as (url,):
        yield url


@asynccontextmanager
async def serving_apps(apps: Sequence[tuple[ASGIApp, socket.socket]]) -> AsyncIterator[list[str]]:
    """Several at once, each on a socket of its own. They stop together."""
    async with _running([(_Guest(app), listening) for app, listening in apps]):
        yield [url_of(listening) for _, listening in apps]


@asynccontextmanager
async def _running(servers: Sequence[tuple[uvicorn.Server, socket.socket]]) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(server.serve(sockets=[listening])) for server, listening in servers]
    try:
        yield
    finally:
        for server, _ in servers:
            server.should_exit = True
        await asyncio.gather(*tasks)


class _Server(uvicorn.Server):
    """A server that says so before it waits for open connections: streams would stay open for ever."""

    def __init__(
        self,
        app: ASGIApp,
        stopping: Callable[[], None] = lambda: None,
        bounds: ConnectionBounds = USUAL,
    ) -> None:
        super().__init__(_config(app, bounds))
        self._stopping = stopping

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._stopping()
        await super().shutdown(sockets)


class _Guest(_Server):
    """A server that leaves signals alone."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens at this address: whoever connects before the server runs is answered when it does. Raises
    Conflict where the address is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named, because asyncio turns Nagle's algorithm off only where it is: 40 ms a call otherwise.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(BACKLOG_CONNECTIONS)
    except OSError as error:
        listening.close()
        raise Conflict(f"Nothing can listen at {host}:{port}: it is in use or not ours; set FACTOTUM_PORT.") from error
    return listening


def url_of(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _bounds(gateway: Gateway) -> ConnectionBounds:
    http = gateway.settings.http
    return ConnectionBounds(http.connections_max, http.head_bytes_max, http.head_timeout_s)


def _config(app: ASGIApp, bounds: ConnectionBounds) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=bounded(bounds),
        # No door is a WebSocket: asked for one, it answers as if it had not been.
        ws="none",
        access_log=False,
        log_config=None,
        lifespan="off",
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG_CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
    )
