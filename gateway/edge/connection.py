"""One connection of a client: how long the head of a request may take, how large it may be, how many connections there are.
Knows HTTP/1.1 as uvicorn reads it, and nothing of what is asked.

uvicorn bounds none of these: who sends nothing, or headers without end, before any key is looked at, would keep a
connection for ever and fill the memory.
"""

from asyncio import Transport
from asyncio.events import TimerHandle
from functools import partial
from typing import Any

from msgspec import Struct
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

BUSY = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class ConnectionBounds(Struct, frozen=True):
    """`head_bytes_max` is for the request line, the headers and the trailers of one request; `head_timeout_s` for the time
    until the first two are there, and for the rest of a body that nobody waits for any more."""

    connections_max: int = 4_000
    head_bytes_max: int = 64 << 10
    head_timeout_s: float = 10.0


USUAL = ConnectionBounds()


class _HeadTooLarge(Exception):
    """Ends the parsing of a request."""


class BoundedConnection(HttpToolsProtocol):
    """uvicorn's connection within bounds."""

    def __init__(self, *args: Any, bounds: ConnectionBounds, **more: Any) -> None:
        super().__init__(*args, **more)
        self._bounds = bounds
        self._deadline: TimerHandle | None = None
        self._head_bytes = 0
        self._unparsed_bytes = 0
        self._is_too_large = False
        self._is_in_head = False

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self._bounds.connections_max:
            self._end(BUSY)
        else:
            self._expect_head()

    def data_received(self, data: bytes) -> None:
        self._unparsed_bytes += len(data)
        super().data_received(data)
        if self._unparsed_bytes > self._bounds.head_bytes_max:
            self._end(TOO_LARGE)
        elif self.cycle is None or self.cycle.response_complete:
            self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        if self._is_too_large:
            self._end(TOO_LARGE)
        else:
            super().send_400_response(msg)

    # What the parser tells: every piece that it gives is bounded by its size or counted.

    def on_message_begin(self) -> None:
        self._unparsed_bytes = self._head_bytes = 0
        self._is_in_head = True
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value) + 4)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._stop_waiting()
        self._is_in_head = False
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._is_in_head:
            self._expect_head()

    def on_body(self, body: bytes) -> None:
        self._unparsed_bytes = 0
        super().on_body(body)

    def _count(self, size: int) -> None:
        self._unparsed_bytes = 0
        self._head_bytes += size
        if self._head_bytes > self._bounds.head_bytes_max:
            self._is_too_large = True
            raise _HeadTooLarge

    def _expect_head(self) -> None:
        if self._deadline is None and not self.transport.is_closing():
            self._deadline = self.loop.call_later(self._bounds.head_timeout_s, self._end, TOO_SLOW)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _end(self, answer: bytes) -> None:
        self._stop_waiting()
        if not self.transport.is_closing():
            self.transport.write(answer)
            self.transport.close()


def bounded(bounds: ConnectionBounds) -> Any:
    """The protocol as uvicorn's configuration takes it."""
    return partial(BoundedConnection, bounds=bounds)
