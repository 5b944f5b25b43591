"""A backend that reads what arrives with h11, which we did not write: what it cannot read as HTTP is kept as broken, and so
is what follows a request without having been asked for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import h11


@dataclass(frozen=True)
class Request:
    """One request as h11 read it. Header names are lower-case; values are the bytes of the wire as Latin-1."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]


@dataclass
class Wire:
    """What arrived. Every request is answered with `answer`, whole bytes of a response."""

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    answer: bytes = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\r\n{"ok":true}'

    def take(self) -> list[Request]:
        """The requests so far, which are forgotten."""
        assert self.broken == []
        taken, self.requests = self.requests, []
        return taken


@asynccontextmanager
async def open_wire() -> AsyncIterator[Wire]:
    wire = Wire()
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await _read(wire, reader, writer)
        except h11.RemoteProtocolError as error:
            wire.broken.append(str(error))
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    wire.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield wire
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _read(wire: Wire, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=8 << 20)
    head, body = None, b""
    while True:
        event = connection.next_event()
        match event:
            case h11.NEED_DATA:
                data = await reader.read(1 << 16)
                connection.receive_data(data)
                if not data and connection.their_state is h11.IDLE:
                    return
            case h11.Request():
                head, body = event, b""
            case h11.Data():
                body += bytes(event.data)
            case h11.EndOfMessage():
                assert head is not None
                headers = tuple((name.decode(), value.decode("latin-1")) for name, value in head.headers)
                wire.requests.append(Request(head.method.decode(), head.target.decode("ascii"), headers, body))
                if connection.trailing_data[0]:
                    wire.broken.append("more bytes than one request")
                # The answer is written by hand; h11 is told of one, so that it reads on.
                connection.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
                connection.send(h11.EndOfMessage())
                connection.start_next_cycle()
                writer.write(wire.answer)
                await writer.drain()
            case _:
                return
