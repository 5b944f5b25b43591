"""Hostile clients at the doors themselves: a real gateway on loopback, spoken to in bytes."""

import asyncio
import json
import resource
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import pytest

from gateway.core.manifest import Limits
from gateway.serve import bind, serving
from gateway.settings import HttpSettings
from tests.conftest import Backend, Door
from tests.test_call import LAMPS, lines
from tests.test_hostile_backends import DOCUMENT, http, routed
from tests.test_upstream import peer

pytestmark = pytest.mark.anyio

BOUNDS = HttpSettings(
    body_bytes_max=200_000, body_timeout_s=0.5, head_bytes_max=20_000, head_timeout_s=0.5, connections_max=6
)
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def served(opens: Callable[..., Any], bounds: HttpSettings = BOUNDS) -> AsyncIterator[tuple[Door, int]]:
    """A gateway that listens, and its port."""
    async with opens(http=bounds) as door:
        with bind("127.0.0.1", 0) as listening:
            async with serving(door.gateway, listening):
                yield door, listening.getsockname()[1]


async def answer_to(port: int, *pieces: bytes) -> bytes:
    """All that comes until the connection ends, which it does within a quarter of a minute or the test fails."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(15):
            try:
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
                return await reader.read()
            except ConnectionError:
                return b"(reset)"
    finally:
        writer.close()


def request(token: str, body: bytes = b"{}", path: str = "/v1/tools/lamps_get_lamp:call", **headers: str) -> bytes:
    told = {"host": "127.0.0.1", "authorization": f"Bearer {token}", "content_length": str(len(body)),
            "connection": "close", **headers}  # fmt: skip
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in told.items() if value != "none")
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode("latin-1") + body


async def test_who_never_finishes_a_head_is_shown_out(opens: Callable[..., Any]) -> None:
    async with served(opens) as (_, port):
        for start in (b"", b"G", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nhost: x\r\nx-a: ", b"\r\n\r\n\r\n"):
            assert (await answer_to(port, start)).startswith(b"HTTP/1.1 408 Request Timeout\r\n")


async def test_a_head_that_drips_ends_at_its_time(opens: Callable[..., Any]) -> None:
    async with served(opens) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\nx-a: ")
        async with asyncio.timeout(15):
            answer = asyncio.create_task(reader.read())
            while not answer.done():
                writer.write(b"y")
                await asyncio.sleep(0.02)  # the drip itself
        assert (await answer).startswith(b"HTTP/1.1 408 ")
        writer.close()


async def test_a_second_head_on_a_kept_connection_has_the_same_time(opens: Callable[..., Any]) -> None:
    async with served(opens) as (_, port):
        first = b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
        answer = await answer_to(port, first, first[:20])
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b"HTTP/1.1 408 " in answer


HEADS = {
    "one header": (b"GET / HTTP/1.1\r\nx-a: ", b"y" * 65_536),
    "headers": (b"GET / HTTP/1.1\r\n", b"x-a: y\r\n" * 8_000),
    "a name": (b"GET / HTTP/1.1\r\n", b"y" * 65_536),
    "a path": (b"GET /", b"y" * 65_536),
    "a query": (b"GET /?", b"y=&" * 20_000),
    "a method": (b"", b"G" * 65_536),
    "blank lines": (b"", b"\r\n" * 32_000),
    "trailers": (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n", b"x-a: y\r\n" * 8_000),
    "one trailer": (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx-a: ", b"y" * 65_536),
    "a chunk's extension": (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1;", b"y" * 65_536),
}


@pytest.mark.parametrize(("head", "piece"), HEADS.values(), ids=HEADS)
async def test_a_head_without_end_ends_within_bounds(opens: Callable[..., Any], head: bytes, piece: bytes) -> None:
    async with served(opens) as (_, port):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        taken = 0
        async with asyncio.timeout(20):
            try:
                writer.write(head)
                while taken < 64 << 20 and not reader.at_eof():
                    writer.write(piece)
                    await writer.drain()
                    taken += len(piece)
            except ConnectionError:
                pass
        writer.close()
        assert taken < 64 << 20
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 << 10
        assert (
            await answer_to(port, b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n")
        ).endswith(b'{"status":"ok"}')


async def test_connections_beyond_the_bound_are_turned_away_and_idle_ones_make_room(opens: Callable[..., Any]) -> None:
    ask = b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n"
    async with served(opens) as (_, port), AsyncExitStack() as held:
        idle: list[Connection] = []
        for _ in range(BOUNDS.connections_max):
            idle.append(await asyncio.open_connection("127.0.0.1", port))
            held.callback(idle[-1][1].close)
        await asyncio.sleep(0.1)  # until all are accepted
        assert (await answer_to(port)).startswith(b"HTTP/1.1 503 ")
        async with asyncio.timeout(10):
            assert all([await reader.read() for reader, _ in idle])
        assert (await answer_to(port, ask)).startswith(b"HTTP/1.1 200 ")


async def test_a_body_that_drips_or_never_ends_is_a_clear_error_at_every_door(opens: Callable[..., Any]) -> None:
    paths = [
        "/mcp",
        "/a2a",
        "/a2a/v1/message:send",
        "/v1/chat/completions",
        "/v1/tools/lamps_get_lamp:call",
        "/v1/tools:search",
        "/v1/connectors/x/approve",
    ]
    async with served(opens) as (door, port):
        await door.add("x", LAMPS, "https://x.example")
        token = await door.key("factotum:connectors.approve", "factotum:connectors.write")
        for path in paths:
            slow = await answer_to(port, request(token, b"{", path, content_length="1000"))
            assert b"within 0.5 s" in slow, (path, slow)
            chunked = request(token, b"", path, content_length="none", transfer_encoding="chunked")
            assert b"within 0.5 s" in await answer_to(port, chunked, b'5\r\n{"a":\r\n'), path
            large = await answer_to(port, request(token, b" " * 250_000, path))
            assert large == b"(reset)" or large.startswith(b"HTTP/1.1 413 "), (path, large[:200])
            assert (await answer_to(port, request(token, b"", path, content_length="9" * 18))).startswith(
                b"HTTP/1.1 413 "
            )


async def test_a_body_that_nobody_waits_for_any_more_ends_the_connection(opens: Callable[..., Any]) -> None:
    async with served(opens) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request("wrong", b"", content_length="none", transfer_encoding="chunked", connection="keep-alive"))
        async with asyncio.timeout(15):
            assert b" 401 " in await reader.readuntil(b"\r\n")
            with suppress(ConnectionError):
                while not reader.at_eof():
                    writer.write(b"5\r\nhello\r\n")
                    await writer.drain()
                    await asyncio.sleep(0.02)  # the drip itself
        writer.close()


BROKEN = [
    b"\0\0\0\0\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET http://[ HTTP/1.1\r\n\r\n", b"OPTIONS * HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n",
    b"CONNECT evil.example:80 HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n", b"GET /\xff HTTP/1.1\r\nconnection: close\r\n\r\n",
    b"GET /%ff%00/../.. HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n", b"GET http://127.0.0.1 HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n",
    b"POST /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 1\r\ncontent-length: 2\r\nconnection: close\r\n\r\nab",
    b"POST /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n0\r\n\r\nGET",
    b"POST /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\ntransfer-encoding: chunked, identity\r\nconnection: close\r\n\r\n",
    b"POST /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: -1\r\nconnection: close\r\n\r\n", b"POST /mcp HTTP/1.1\r\nhost : x\r\n\r\n",
    b"GET /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\nupgrade: websocket\r\nconnection: upgrade, close\r\nsec-websocket-key: x\r\nsec-websocket-version: 13\r\n\r\n",
    b"GET /v1/tools HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer \xff\xfe\r\nconnection: close\r\n\r\n",
    b"GET /v1/tools?" + b"a=b&" * 4_000 + b" HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
]  # fmt: skip


async def test_what_is_no_http_is_never_a_defect(opens: Callable[..., Any]) -> None:
    async with served(opens) as (_, port):
        for broken in BROKEN:
            try:
                answer = await answer_to(port, broken)
            except TimeoutError:
                pytest.fail(f"no end: {broken!r}")
            assert answer == b"(reset)" or 200 <= int(answer.split()[1]) < 500, (broken, answer[:200])
            assert b"Traceback" not in answer


async def test_types_and_charsets_of_a_body_make_no_defect(opens: Callable[..., Any], backend: Backend) -> None:
    bodies = [b'{"arguments":{"id":"1"}}', b"\xff\xfe{\0}\0", b'{"arguments":{"id":"\xff"}}', b"id=1", b"--x\r\n\r\n--x--", b"\x1f\x8b\x08\0", b"null", b'"', b"7"]  # fmt: skip
    kinds = ["application/json", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
             "application/json; charset=utf-16", "application/json; charset=nonsense", "x", ""]  # fmt: skip
    async with served(opens) as (door, port):
        await door.add("lamps", LAMPS, backend.url)
        token = await door.key()
        for path in (
            "/v1/tools/lamps_get_lamp:call",
            "/mcp",
            "/a2a",
            "/a2a/v1/message:send",
            "/v1/chat/completions",
            "/v1/tools:search",
            "/v1/connectors",
        ):
            for kind in kinds:
                for body in bodies:
                    for coding in ("identity", "gzip") if body[:1] == b"\x1f" else ("identity",):
                        told = request(token, body, path, content_type=kind, content_encoding=coding)
                        status = int((await answer_to(port, told)).split()[1])
                        assert status == 200 or 400 <= status < 500, (path, kind, body)
        assert all(seen.target == "/lamps/1" for seen in backend.seen)


async def test_a_page_of_another_site_and_another_name_of_ours_get_nothing(opens: Callable[..., Any]) -> None:
    async with served(opens) as (door, port):
        token = await door.key("x:y")
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"}).encode()
        for headers in ({"host": "evil.example"}, {"host": "127.0.0.1.evil.example"}, {"host": "127.0.0.1@evil.example"}, {"host": ""},
                        {"origin": "https://evil.example"}, {"origin": "null"}, {"origin": "http://127.0.0.1.evil.example"}):  # fmt: skip
            answer = await answer_to(port, request(token, body, "/mcp", **headers))
            assert answer.startswith((b"HTTP/1.1 403 ", b"HTTP/1.1 400 ")), (headers, answer)
        assert (await answer_to(port, request(token, body, "/mcp"))).startswith(b"HTTP/1.1 200 ")
        # A browser asks first, and is told nothing that would let a page go on.
        for path in (
            "/mcp",
            "/a2a",
            "/a2a/v1/message:send",
            "/v1/chat/completions",
            "/v1/tools/x:call",
            "/v1/tools:search",
            "/v1/connectors",
            "/openapi.json",
        ):
            asked = f"OPTIONS {path} HTTP/1.1\r\nhost: 127.0.0.1\r\norigin: https://evil.example\r\nconnection: close\r\naccess-control-request-method: POST\r\n\r\n"  # fmt: skip
            assert b"access-control" not in (await answer_to(port, asked.encode())).lower()


async def test_a_batch_is_bounded_in_messages_and_answered_in_order(
    opens: Callable[..., Any], backend: Backend
) -> None:
    async with served(opens) as (door, port):
        await door.add("lamps", LAMPS, backend.url)
        token = await door.key()
        params = {"name": "lamps_get_lamp", "arguments": {"id": "1"}}
        one = {"jsonrpc": "2.0", "method": "tools/call", "params": params}
        for count, status in ((50, b"200"), (51, b"400"), (1_000, b"400"), (0, b"400")):
            backend.seen.clear()
            body = json.dumps([{**one, "id": index} for index in range(count)]).encode()
            answer = await answer_to(port, request(token, body, "/mcp"))
            assert answer.split()[1] == status, (count, answer[:300])
            assert len(backend.seen) == (count if status == b"200" else 0)
        nested = json.dumps([[{**one, "id": 1}] * 50] * 50).encode()
        assert b'"result"' not in await answer_to(port, request(token, nested, "/mcp"))


@pytest.mark.parametrize("path", ["/v1/tools/lamps_set_lamp:call", "/mcp"])
async def test_a_client_that_goes_away_mid_write_leaves_its_true_end_in_the_log(
    opens: Callable[..., Any], backend: Backend, path: str
) -> None:
    async with served(opens) as (door, port):
        await door.add("lamps", LAMPS, backend.url, limits=Limits(timeout_s=20))
        backend.held = True
        arguments = {"id": "1", "on": True}
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call"}
        mcp = {**message, "params": {"name": "lamps_set_lamp", "arguments": arguments}}
        body = json.dumps(mcp if path == "/mcp" else {"arguments": arguments}).encode()
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request(await door.key(), body, path))
        await asyncio.wait_for(backend.arrived.wait(), 10)
        writer.transport.abort()
        await asyncio.wait_for(backend.left.wait(), 10)
        assert await settled(door, 2) == [("sending", 0), ("uncertain", 0)]


async def test_a_client_that_goes_away_while_accepted_work_is_waited_for_leaves_a_write_that_is_done(
    opens: Callable[..., Any],
) -> None:
    looked = asyncio.Event()

    def answer(target: str, count: int) -> bytes:
        if target == "/jobs":
            return http({"id": 1}, "202 Accepted", location="/jobs/1", retry_after="0")
        looked.set()
        return http({"status": "running"}, retry_after="60")

    async with served(opens) as (door, port), peer(routed(answer)) as one:
        await door.add("bad", DOCUMENT, one.url, limits=Limits(timeout_s=20))
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request(await door.key(), b'{"wait_s":200}', "/v1/tools/bad_start:call"))
        await asyncio.wait_for(looked.wait(), 10)
        writer.transport.abort()
        assert await settled(door, 2) == [("sending", 0), ("done", 202)]


async def settled(door: Door, count: int) -> list[tuple[str, int]]:
    """The lines of the log as soon as there are so many."""
    async with asyncio.timeout(10):
        while len(found := await lines(door)) < count:  # noqa: ASYNC110 (the store tells nobody)
            await asyncio.sleep(0.01)
    return [(line.phase, line.status) for line in found]
