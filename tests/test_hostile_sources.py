"""Servers of documents that mean harm: slow, endless, packed, leading away. Each ends within the bounds of its own connector,
says which one, and is nobody else's trouble."""

import asyncio
import gzip
import json
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from gateway.compiled import CompiledFiles
from gateway.compiler import IN_THREAD_BYTES_MAX, CompileBounds, Compiler
from gateway.core.manifest import Manifest
from gateway.errors import DocumentRejected, GatewayError, TooLarge, UpstreamFailed, UpstreamForbidden, UpstreamTimeout
from gateway.fetch import Bounds, DocumentReader, Offered, Read
from gateway.upstream import Upstream, open_upstream

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LOOPBACK = ("127.0.0.0/8",)
BOUNDS = Bounds(bytes_max=1 << 20, files_max=50, timeout_s=5, read_timeout_s=30)

Answer = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Server:
    """Answers by path; what it has no answer for is not found."""

    url: str = ""
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)


@asynccontextmanager
async def serving(**answers: Answer) -> AsyncIterator[Server]:
    one = Server()
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                path = head.split(b" ")[1].decode()
                one.asked.append(path)
                answer = one.answers.get(path, b"HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n")
                if callable(answer):
                    await answer(writer)
                else:
                    writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    one.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    one.answers = {f"/{name}": answer for name, answer in answers.items()}
    try:
        yield one
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def ok(body: bytes, *headers: str) -> bytes:
    lines = ["HTTP/1.1 200 OK", f"content-length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def found(location: str) -> bytes:
    return f"HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n".encode()


def document(*references: str, **more: Any) -> bytes:
    """One operation for each file that is referred to, and one that needs none."""
    paths = {
        f"/{index}": {"get": {"parameters": [{"$ref": f"{reference}#/P"}]}}
        for index, reference in enumerate(references)
    }
    tree = {"openapi": "3.1.0", "servers": [{"url": "https://a.example"}], "paths": {"/fine": {"get": {}}, **paths}}
    return json.dumps({**tree, **more}).encode()


PARAMETER = b'{"P": {"name": "p", "in": "query", "schema": {"type": "string"}}}'


async def forever(writer: asyncio.StreamWriter) -> None:
    """A body without end, as fast as it goes."""
    writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"1000\r\n" + b" " * 4_096 + b"\r\n")
        await writer.drain()


async def silent(writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def drip(writer: asyncio.StreamWriter) -> None:
    """A byte now and then: there is always something more."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.01)


@pytest.fixture
async def upstream(anyio_backend: str) -> AsyncIterator[Upstream]:
    async with open_upstream() as opened:
        yield opened


@pytest.fixture
def read(upstream: Upstream, tmp_path: Path) -> Callable[..., Awaitable[Read]]:
    """Reads a document from a URL, with bounds of the test's own."""

    async def one(url: str, *, allow: tuple[str, ...] = LOOPBACK, **bounds: Any) -> Read:
        told = {**{name: getattr(BOUNDS, name) for name in BOUNDS.__struct_fields__}, **bounds}
        compiler = Compiler(CompileBounds(timeout_s=60, memory_bytes_max=1 << 30))
        reader = DocumentReader(upstream, compiler, CompiledFiles(tmp_path), Bounds(**told))
        return await reader.read(Offered(Manifest(name="x", document=url, allow_addresses=allow)), NOW)

    return one


def keys(one: Read) -> set[str]:
    return {tool.operation.key for tool in one.connector.tools}


@pytest.mark.parametrize(
    ("answer", "bounds", "error", "said"),
    [
        (silent, {"timeout_s": 0.2}, UpstreamTimeout, "0.2 s"),
        (drip, {"timeout_s": 0.2}, UpstreamTimeout, "0.2 s"),
        (drip, {"read_timeout_s": 0.2}, UpstreamTimeout, "0.2 s"),
        (forever, {}, TooLarge, "1048576 bytes"),
        (ok(gzip.compress(b" " * (50 << 20)), "content-encoding: gzip"), {}, TooLarge, "1048576 bytes"),
        (ok(zlib.compress(gzip.compress(b" " * (50 << 20))), "content-encoding: gzip, deflate"), {}, TooLarge, "bytes"),
        (ok(b"not gzip", "content-encoding: gzip"), {}, UpstreamFailed, "no HTTP"),
        (b"\x00\xff" * 100, {}, UpstreamFailed, "no HTTP"),
        (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 100_000 + b"\r\n", {}, UpstreamFailed, "no HTTP"),
        (ok(b""), {}, DocumentRejected, "empty"),
        (ok(b"<html>"), {}, DocumentRejected, "no object"),
        (b"HTTP/1.1 204 No\r\n\r\n", {}, UpstreamFailed, "204"),
    ],
    ids=["silent", "drip", "drip-in-all", "endless", "gzip-bomb", "packed-twice", "no-gzip", "no-http", "headers", "empty", "html", "204"],
)  # fmt: skip
async def test_a_document_that_never_comes_or_never_ends_is_refused_by_name(
    read: Any, answer: Answer, bounds: Any, error: type[GatewayError], said: str
) -> None:
    async with serving(openapi=answer) as server:
        with pytest.raises(error, match=said):
            await read(f"{server.url}/openapi", **bounds)


@pytest.mark.parametrize(
    "location",
    ["/openapi", "file:///etc/passwd", "ftp://127.0.0.1/x", "http://", "http://a@127.0.0.1/", "\\\\a.example", "http://[", "//", "javascript:x"],
)  # fmt: skip
async def test_a_redirect_that_leads_in_a_circle_or_astray_ends(read: Any, location: str) -> None:
    async with serving(openapi=found(location)) as server:
        with pytest.raises((UpstreamFailed, UpstreamForbidden)):
            await read(f"{server.url}/openapi")
        assert len(server.asked) <= 4


@pytest.mark.parametrize(
    "host", ["127.0.0.2", "169.254.169.254", "10.0.0.1", "[::1]", "[::ffff:10.0.0.1]", "0.0.0.0", "2130706433"]
)
async def test_neither_redirects_nor_references_lead_to_addresses_that_were_not_allowed(read: Any, host: str) -> None:
    away = f"http://{host}:1/secret"
    async with serving(redirect=found(away)) as server:
        server.answers["/openapi"] = ok(document("redirect", away))
        one = await read(f"{server.url}/openapi", allow=("127.0.0.1/32",))
    assert keys(one) == {"GET /fine"}
    assert [(refusal.operation, refusal.reason) for refusal in one.connector.refusals] == [
        ("GET /0", "unresolvable-reference"),
        ("GET /1", "unresolvable-reference"),
    ]


async def test_a_file_that_cannot_be_had_costs_the_operations_that_need_it(read: Any) -> None:
    async with serving(good=ok(PARAMETER), endless=forever, silent=silent, html=ok(b"<html>"), none=ok(b"")) as server:
        server.answers["/openapi"] = ok(
            document("good", "endless", "silent", "html", "none", "missing", "file:///etc/passwd")
        )
        one = await read(f"{server.url}/openapi", timeout_s=0.3)
    assert keys(one) == {"GET /fine", "GET /0"}
    assert len(one.connector.refusals) == 6
    assert {refusal.reason for refusal in one.connector.refusals} == {"unresolvable-reference"}


async def test_many_files_that_each_take_their_time_are_stopped_in_all(read: Any) -> None:
    names = [f"f{index}" for index in range(40)]
    async with serving(**dict.fromkeys(names, silent)) as server:
        server.answers["/openapi"] = ok(document(*names))
        with pytest.raises(DocumentRejected, match=r"more than 0\.5 s \(documents\.read_timeout_s\)"):
            await read(f"{server.url}/openapi", timeout_s=0.1, read_timeout_s=0.5)
        assert len(server.asked) < 10


async def test_many_files_that_are_too_large_or_no_use_are_not_read_for_ever(read: Any) -> None:
    names = [f"f{index}" for index in range(40)]
    for answer in (forever, ok(b"[" + b" " * 200_000)):
        async with serving(**dict.fromkeys(names, answer)) as server:
            server.answers["/openapi"] = ok(document(*names))
            with pytest.raises(DocumentRejected, match=r"documents\.bytes_max"):
                await read(f"{server.url}/openapi")
            assert len(server.asked) < 20


async def test_files_that_come_to_more_than_is_allowed_leave_out_what_does_not_fit(read: Any) -> None:
    body = PARAMETER + b" " * 400_000
    async with serving(a=ok(body), b=ok(body), c=ok(body)) as server:
        server.answers["/openapi"] = ok(document("a", "b", "c"))
        one = await read(f"{server.url}/openapi")
    assert len(one.connector.tools) == 3
    assert [refusal.reason for refusal in one.connector.refusals] == ["unresolvable-reference"]


@pytest.mark.parametrize("there", [True, False])
async def test_files_that_each_name_the_next_end_at_their_number(read: Any, there: bool) -> None:
    names = [f"f{index}" for index in range(200)]
    async with serving() as server:
        for name, following in pairwise(names):
            missing = [f"{name}-missing{index}" for index in range(0 if there else 5)]
            more = {f"x{index}": {"$ref": one} for index, one in enumerate([following, *missing])}
            server.answers[f"/{name}"] = ok(json.dumps({**json.loads(PARAMETER), **more}).encode())
        server.answers["/openapi"] = ok(document("f0"))
        with pytest.raises(DocumentRejected, match=r"more than 50 files \(documents\.files_max\)"):
            await read(f"{server.url}/openapi")
        assert len(server.asked) <= 51


async def test_a_thousand_hosts_are_asked_for_no_longer_than_one_document_may_take(read: Any) -> None:
    hosts = [f"http://h{index}.invalid/x" for index in range(1_000)]
    async with serving() as server:
        server.answers["/openapi"] = ok(document(*hosts))
        with pytest.raises(DocumentRejected, match=r"documents\.files_max"):
            await read(f"{server.url}/openapi")
        with pytest.raises(DocumentRejected, match=r"documents\.read_timeout_s"):
            await read(f"{server.url}/openapi", files_max=2_000, read_timeout_s=1)


async def test_servers_that_fail_for_one_document_are_no_trouble_for_another(read: Any) -> None:
    gone = [f"http://127.0.0.1:1/{index}" for index in range(20)]
    async with serving(other=ok(document())) as server:
        server.answers["/openapi"] = ok(document(*gone))
        assert keys(await read(f"{server.url}/openapi")) == {"GET /fine"}
        assert keys(await read(f"{server.url}/other")) == {"GET /fine"}


async def test_small_entries_with_large_files_are_compiled_where_they_can_hurt_nobody(read: Any) -> None:
    large = json.loads(PARAMETER) | {"x": {"y": "z" * IN_THREAD_BYTES_MAX}}
    async with serving(large=ok(json.dumps(large).encode()), small=ok(PARAMETER)) as server:
        server.answers["/openapi"] = ok(document("small", "large", "small"))
        one = await read(f"{server.url}/openapi")
    assert len(one.connector.tools) == 4
    assert one.connector.refusals == ()
