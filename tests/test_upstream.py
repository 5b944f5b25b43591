"""The way out, against real servers that misbehave: bytes on loopback, written out by hand where a library would be too kind."""

import asyncio
import gzip
import random
import resource
import sys
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager
from typing import Any

import brotli
import httpx
import pytest

from gateway.core.http import HttpRequest, HttpResponse
from gateway.core.manifest import Limits
from gateway.credentials.static import AddQuery, SetHeader
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
from gateway.upstream import Upstream, open_upstream

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

pytestmark = pytest.mark.anyio

LOOPBACK = ("127.0.0.0/8",)
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"

Script = Callable[["Peer", asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Peer:
    """A server that does with each connection what its script says. `requests` are the heads and bodies it read."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.requests: list[bytes] = []
        self.connections = 0
        self.closed = asyncio.Event()
        self.url = ""

    async def read(self, reader: asyncio.StreamReader) -> bytes:
        """One request; b"" where the connection ended."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            self.closed.set()
            return b""
        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        self.requests.append(head + (await reader.readexactly(int(length)) if length else b""))
        return self.requests[-1]


@asynccontextmanager
async def peer(script: Script) -> AsyncIterator[Peer]:
    one = Peer(script)
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        one.connections += 1
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await one.script(one, reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            one.closed.set()
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    one.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield one
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def answering(*answers: bytes) -> Script:
    """Each request gets the next answer; the last one from then on."""
    left = list(answers)

    async def script(one: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await one.read(reader):
            writer.write(left.pop(0) if len(left) > 1 else left[0])
            await writer.drain()

    return script


def once(after: bytes, *, reset: bool = False) -> Script:
    """Read one request, send these bytes, and end the connection."""

    async def script(one: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await one.read(reader)
        writer.write(after)
        await writer.drain()
        if reset:
            writer.transport.abort()

    return script


async def hang(one: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read everything, answer nothing."""
    while await one.read(reader):
        pass


@pytest.fixture
async def upstream(anyio_backend: str) -> AsyncIterator[Upstream]:
    async with open_upstream(chance=random.Random(1)) as one:
        yield one


async def send(upstream: Upstream, url: str, method: str = "GET", **more: Any) -> HttpResponse:
    request = HttpRequest(method, url, more.pop("headers", ()), more.pop("content", b""))
    told: dict[str, Any] = {
        "connector": "peer",
        "limits": Limits(timeout_s=3, connect_timeout_s=1),
        "allow_addresses": LOOPBACK,
        "auth": None,
        "safe": method == "GET",
        **more,
    }
    return await upstream.send(request, **told)


async def test_the_request_goes_on_the_wire_exactly_as_it_was_built(upstream: Upstream) -> None:
    async with peer(answering(OK)) as one:
        url = one.url + "/a%2Fb/%7Bx%7D/ü".replace("ü", "%C3%BC") + "?q=a+b&r=%5B1%5D&e="
        answer = await send(
            upstream, url, "POST", headers=(("X-One", "1"), ("Content-Type", "text/x")), content=b"body"
        )
        assert (answer.status, answer.body, answer.header("content-length")) == (200, b"ok", "2")
        head, _, body = one.requests[0].partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        assert first == "POST /a%2Fb/%7Bx%7D/%C3%BC?q=a+b&r=%5B1%5D&e= HTTP/1.1"
        assert body == b"body"
        sent = {line.partition(":")[0].lower(): line.partition(": ")[2] for line in lines}
        assert (sent["x-one"], sent["content-type"], sent["content-length"]) == ("1", "text/x", "4")
        assert sent["user-agent"].startswith("factotum/")
        assert "cookie" not in sent


async def test_a_connection_is_kept_and_used_again(upstream: Upstream) -> None:
    async with peer(answering(OK)) as one:
        for _ in range(5):
            await send(upstream, one.url + "/")
        assert (one.connections, len(one.requests)) == (1, 5)


async def test_no_cookie_is_kept(upstream: Upstream) -> None:
    async with peer(answering(OK.replace(b"\r\n\r\n", b"\r\nset-cookie: a=1\r\n\r\n"))) as one:
        await send(upstream, one.url + "/")
        await send(upstream, one.url + "/")
        assert b"cookie" not in one.requests[1].lower()


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/",
        "http://localhost:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "http://127.1:{port}/",
        "http://2130706433:{port}/",
        "http://0x7f000001:{port}/",
        "http://0:{port}/",
        "http://169.254.169.254/latest/meta-data",
        "http://[fe80::1]/",
        "http://10.0.0.1/",
        "http://100.64.0.1/",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "http://user:secret@127.0.0.1:{port}/",
        "http:///nohost",
        "gopher://x",
        "not a url",
    ],
)
async def test_what_is_not_public_is_not_reached_unless_allowed(upstream: Upstream, url: str) -> None:
    async with peer(answering(OK)) as one:
        asked = url.format(port=one.url.rpartition(":")[2])
        with pytest.raises(UpstreamFailed) as caught:
            await send(upstream, asked, allow_addresses=())
        assert caught.value.may_have_happened is False
        assert one.connections == 0
        assert "secret" not in caught.value.detail


async def test_a_name_that_resolves_to_a_private_address_is_refused_by_name(upstream: Upstream) -> None:
    with pytest.raises(UpstreamForbidden, match=r"localhost.*allow_addresses"):
        await send(upstream, "http://localhost:1/", allow_addresses=("10.0.0.0/8",))


async def test_a_network_that_is_none_is_a_clear_error(upstream: Upstream) -> None:
    with pytest.raises(BadRequest, match=r"127\.0\.0\.0/99"):
        await send(upstream, "http://127.0.0.1/", allow_addresses=("127.0.0.0/99",))


def redirect(location: str, status: int = 302) -> bytes:
    return f"HTTP/1.1 {status} Moved\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n".encode()


async def test_a_read_follows_redirects_within_its_origin_with_its_credential(upstream: Upstream) -> None:
    async with peer(answering(redirect("/next?x=1"), OK)) as one:
        answer = await send(upstream, one.url + "/", auth=SetHeader("X-Key", "s3cret"))
        assert (answer.status, len(one.requests)) == (200, 2)
        assert one.requests[1].startswith(b"GET /next?x=1 ")
        assert all(b"s3cret" in request for request in one.requests)


async def test_a_credential_does_not_follow_to_another_origin(upstream: Upstream) -> None:
    async with peer(answering(OK)) as other, peer(answering(redirect(other.url + "/else"))) as one:
        headers = (("X-Mine", "private"), ("Accept", "text/x"))
        answer = await send(upstream, one.url + "/", auth=SetHeader("X-Key", "s3cret"), headers=headers)
        assert answer.status == 200
        assert b"s3cret" not in other.requests[0]
        assert b"private" not in other.requests[0]
        assert b"text/x" in other.requests[0]


@pytest.mark.parametrize("target", ["http://169.254.169.254/", "http://[::1]:1/", "file:///etc/passwd", "ftp://x/"])
async def test_a_redirect_to_where_nobody_may_go_is_not_followed(upstream: Upstream, target: str) -> None:
    async with peer(answering(redirect(target))) as one:
        with pytest.raises(UpstreamForbidden):
            await send(upstream, one.url + "/", allow_addresses=("127.0.0.1/32",))


async def test_a_write_is_never_redirected(upstream: Upstream) -> None:
    async with peer(answering(redirect("/again", 307))) as one:
        assert (await send(upstream, one.url + "/", "POST", content=b"x")).status == 307
        assert len(one.requests) == 1


async def test_a_circle_of_redirects_ends(upstream: Upstream) -> None:
    async with peer(answering(redirect("/"))) as one:
        answer = await send(upstream, one.url + "/", limits=Limits(timeout_s=3, redirects_max=4))
        assert (answer.status, len(one.requests)) == (302, 5)


async def test_a_backend_that_hangs_ends_in_time_and_its_connection_is_closed(upstream: Upstream) -> None:
    async with peer(hang) as one:
        started = time.monotonic()
        with pytest.raises(UpstreamTimeout) as caught:
            await send(upstream, one.url + "/", limits=Limits(timeout_s=0.3))
        assert time.monotonic() - started < 2
        assert caught.value.may_have_happened
        async with asyncio.timeout(2):
            await one.closed.wait()


async def test_a_backend_that_drips_ends_in_time(upstream: Upstream) -> None:
    async def drip(one: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await one.read(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)  # the drip itself

    async with peer(drip) as one:
        with pytest.raises(UpstreamTimeout):
            await send(upstream, one.url + "/", limits=Limits(timeout_s=0.3))


@pytest.mark.parametrize(
    "answer",
    [b"", b"\x00\xff\x17garbage\r\n\r\n", b"SSH-2.0-OpenSSH_9\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc",
     b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", b"HTTP/1.1 2x0 OK\r\n\r\n",
     b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
async def test_garbage_is_a_clear_error_and_a_write_is_not_sent_twice(
    upstream: Upstream, answer: bytes, method: str
) -> None:
    async with peer(once(answer)) as one:
        with pytest.raises(UpstreamBroken) as caught:
            await send(upstream, one.url + "/", method)
        assert caught.value.may_have_happened
        assert len(one.requests) == (2 if method == "GET" else 1)
        assert "peer" in caught.value.detail


@pytest.mark.parametrize("method", ["PUT", "DELETE", "POST"])
async def test_a_write_on_a_kept_connection_that_was_closed_is_not_sent_twice(upstream: Upstream, method: str) -> None:
    async def second_request_kills(one: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await one.read(reader)
        writer.write(OK)
        await one.read(reader)

    async with peer(second_request_kills) as one:
        await send(upstream, one.url + "/first")
        with pytest.raises(UpstreamBroken):
            await send(upstream, one.url + "/write", method)
        assert [request.split()[1] for request in one.requests] == [b"/first", b"/write"]


async def test_nothing_listens_and_the_call_did_not_happen(upstream: Upstream) -> None:
    async with peer(answering(OK)) as one:
        url = one.url
    with pytest.raises(UpstreamUnreachable) as caught:
        await send(upstream, url + "/", "POST")
    assert (caught.value.may_have_happened, caught.value.retry) == (False, True)


async def test_a_name_that_does_not_exist_is_unreachable(upstream: Upstream) -> None:
    with pytest.raises(UpstreamUnreachable):
        await send(upstream, "http://no-such-host.invalid/")


@pytest.mark.parametrize(("method", "sent"), [("GET", 2), ("POST", 1)])
async def test_a_read_is_tried_again_where_the_backend_is_briefly_away(
    upstream: Upstream, method: str, sent: int
) -> None:
    away = b"HTTP/1.1 503 Away\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n"
    async with peer(answering(away, OK)) as one:
        answer = await send(upstream, one.url + "/", method)
        assert (answer.status, len(one.requests)) == (200 if sent == 2 else 503, sent)


async def test_a_long_retry_after_is_handed_on_and_not_waited_for(upstream: Upstream) -> None:
    away = b"HTTP/1.1 503 Away\r\nretry-after: 60\r\ncontent-length: 0\r\n\r\n"
    async with peer(answering(away)) as one:
        answer = await send(upstream, one.url + "/")
        assert (answer.status, answer.header("retry-after"), len(one.requests)) == (503, "60", 1)


def coded(body: bytes, coding: str) -> bytes:
    head = f"HTTP/1.1 200 OK\r\ncontent-encoding: {coding}\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


@pytest.mark.parametrize(
    ("body", "coding", "told", "left"),
    [
        (brotli.compress(gzip.compress(b"text", mtime=0)), "gzip, br", b"text", ""),
        (zstd.compress(brotli.compress(b"text")), "br,zstd", b"text", ""),
        (gzip.compress(b"text", mtime=0), "x-gzip", b"text", ""),
        (gzip.compress(b"text", mtime=0), "GZIP", b"text", ""),
        (gzip.compress(b"text", mtime=0), "gzip, identity", b"text", ""),
        (zlib.compress(b"text"), "deflate", b"text", ""),
        (zlib.compress(b"text")[2:-4], "deflate", b"text", ""),
        (b"text", "compress", b"text", "compress"),
        (gzip.compress(b"text", mtime=0), "compress, gzip", b"text", "compress"),
        (b"text", "identity", b"text", ""),
    ],
)
async def test_content_codings_are_undone_and_one_that_is_not_known_is_named(
    upstream: Upstream, body: bytes, coding: str, told: bytes, left: str
) -> None:
    async with peer(answering(coded(body, coding))) as one:
        answer = await send(upstream, one.url + "/")
        assert (answer.body, answer.truncated, answer.coding) == (told, False, left)


async def test_a_stacked_bomb_comes_out_no_larger_than_the_bound(upstream: Upstream) -> None:
    bomb = gzip.compress(gzip.compress(bytes(20_000_000)))
    async with peer(answering(coded(bomb, "gzip, gzip"))) as one:
        answer = await send(upstream, one.url + "/", limits=Limits(timeout_s=3, response_bytes_max=50_000))
        assert (answer.body, answer.truncated) == (bytes(50_000), True)


async def test_an_answer_that_is_not_in_its_codings_is_a_clear_error(upstream: Upstream) -> None:
    async with peer(answering(coded(b"plain", "gzip, br"))) as one:
        with pytest.raises(UpstreamBroken, match="says that it is br, and is not"):
            await send(upstream, one.url + "/", "POST")


async def test_an_answer_without_end_is_read_to_the_bound_and_no_further(upstream: Upstream) -> None:
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"

    async def flood(one: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await one.read(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        for _ in range(16 * 1024):  # 1 GiB, if anybody read it
            writer.write(chunk)
            await writer.drain()

    async with peer(flood) as one:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        answer = await send(upstream, one.url + "/", limits=Limits(timeout_s=5, response_bytes_max=100_000))
        assert (len(answer.body), answer.truncated) == (100_000, True)
        async with asyncio.timeout(3):
            await one.closed.wait()
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10


CODINGS = {"gzip": lambda data: gzip.compress(data, 9), "br": brotli.compress, "zstd": zstd.compress}


@pytest.mark.parametrize("coding", CODINGS)
async def test_a_zip_bomb_is_read_to_the_bound_in_bounded_memory(upstream: Upstream, coding: str) -> None:
    bomb = CODINGS[coding](bytes(200 << 20))
    head = f"HTTP/1.1 200 OK\r\ncontent-encoding: {coding}\r\ncontent-length: {len(bomb)}\r\n\r\n".encode()
    async with peer(once(head + bomb)) as one:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        answer = await send(upstream, one.url + "/", limits=Limits(timeout_s=5, response_bytes_max=100_000))
        assert (len(answer.body), answer.truncated) == (100_000, True)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10


@pytest.mark.parametrize("coding", CODINGS)
async def test_compressed_answers_are_decoded(upstream: Upstream, coding: str) -> None:
    packed = CODINGS[coding](b'{"a":1}')
    head = f"HTTP/1.1 200 OK\r\ncontent-encoding: {coding}\r\ncontent-length: {len(packed)}\r\n\r\n".encode()
    async with peer(answering(head + packed)) as one:
        assert (await send(upstream, one.url + "/")).body == b'{"a":1}'
        assert coding.encode() in one.requests[0].lower()


async def test_headers_without_end_are_an_error(upstream: Upstream) -> None:
    async with peer(once(b"HTTP/1.1 200 OK\r\n" + b"x-a: b\r\n" * 10_000 + b"\r\n")) as one:
        with pytest.raises(UpstreamBroken):
            await send(upstream, one.url + "/", "POST")


async def test_a_body_above_the_limit_is_not_sent(upstream: Upstream) -> None:
    async with peer(answering(OK)) as one:
        with pytest.raises(TooLarge, match="request_bytes_max"):
            await send(upstream, one.url + "/", "POST", content=b"x" * 11, limits=Limits(request_bytes_max=10))
        assert one.connections == 0


async def test_more_calls_than_may_fly_and_wait_are_turned_away(upstream: Upstream) -> None:
    async with peer(hang) as one:
        limits = Limits(timeout_s=1, in_flight_max=2)
        calls = [asyncio.create_task(send(upstream, one.url + "/", "POST", limits=limits)) for _ in range(5)]
        done, waiting = await asyncio.wait(calls, timeout=0.5, return_when=asyncio.FIRST_COMPLETED)
        assert len(done) == 1
        assert isinstance(done.pop().exception(), UpstreamBusy)
        assert len(one.requests) <= 2
        for call in waiting:
            call.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def test_a_backend_that_keeps_failing_is_left_alone_and_tried_again_later(anyio_backend: str) -> None:
    now = 1_000.0
    async with open_upstream(clock=lambda: now) as upstream, peer(once(b"")) as one:
        for _ in range(5):
            with pytest.raises(UpstreamBroken):
                await send(upstream, one.url + "/", "POST")
        with pytest.raises(UpstreamBusy) as caught:
            await send(upstream, one.url + "/", "POST")
        assert (caught.value.may_have_happened, caught.value.retry_after_s, len(one.requests)) == (False, 10.0, 5)
        now += 11
        one.script = answering(OK)
        assert (await send(upstream, one.url + "/", "POST")).status == 200
        assert (await send(upstream, one.url + "/", "POST")).status == 200


async def test_one_backends_trouble_is_not_anothers(upstream: Upstream) -> None:
    async with peer(once(b"")) as bad, peer(answering(OK)) as good:
        for _ in range(5):
            with pytest.raises(UpstreamBroken):
                await send(upstream, bad.url + "/", "POST", connector="bad")
        assert (await send(upstream, good.url + "/", connector="good")).status == 200


async def test_an_error_status_does_not_open_the_breaker(upstream: Upstream) -> None:
    async with peer(answering(b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n")) as one:
        for _ in range(10):
            assert (await send(upstream, one.url + "/", "POST")).status == 500


async def test_a_caller_that_goes_away_ends_the_call(upstream: Upstream) -> None:
    async with peer(hang) as one:
        call = asyncio.create_task(send(upstream, one.url + "/", "POST"))
        while not one.requests:  # noqa: ASYNC110 (one turn of the loop at a time)
            await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        async with asyncio.timeout(2):
            await one.closed.wait()


class Challenge(httpx.Auth):
    """Asks once without, and again with what the answer told."""

    requires_response_body = True

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        response = yield request
        if response.status_code == 401:
            request.headers["authorization"] = f"Nonce {response.text}"
            yield request


async def test_a_scheme_of_two_steps_is_carried_through(upstream: Upstream) -> None:
    refused = b"HTTP/1.1 401 No\r\ncontent-length: 3\r\n\r\nabc"
    async with peer(answering(refused, OK)) as one:
        answer = await send(upstream, one.url + "/x?y=%2F", "POST", auth=Challenge(), content=b"body")
        assert (answer.status, len(one.requests)) == (200, 2)
        assert b"authorization: Nonce abc" in one.requests[1]
        assert one.requests[1].startswith(b"POST /x?y=%2F ")
        assert one.requests[1].endswith(b"body")


async def test_a_secret_in_the_query_leaves_the_rest_of_the_url_as_it_is(upstream: Upstream) -> None:
    async with peer(answering(OK)) as one:
        await send(upstream, one.url + "/x?a=%5B1%5D", auth=AddQuery("key", "s/1"))
        assert one.requests[0].startswith(b"GET /x?a=%5B1%5D&key=s%2F1 ")


async def test_a_document_is_fetched_and_asked_for_again_by_its_tag(upstream: Upstream) -> None:
    found = b'HTTP/1.1 200 OK\r\netag: "1"\r\ncontent-length: 2\r\n\r\n{}'
    answers = answering(found, b"HTTP/1.1 304 Same\r\n\r\n", found)
    async with peer(answers) as one, upstream.fetching(LOOPBACK) as source:
        told: dict[str, Any] = {"bytes_max": 100, "timeout_s": 3}
        fetched = await source.fetch(one.url + "/openapi.json", **told)
        assert fetched is not None
        assert (fetched.content, fetched.etag) == (b"{}", '"1"')
        assert await source.fetch(one.url + "/openapi.json", etag='"1"', **told) is None
        assert b'If-None-Match: "1"' in one.requests[1]
        with pytest.raises(TooLarge):
            await source.fetch(one.url + "/", **{**told, "bytes_max": 1})


async def test_a_document_that_is_not_there_says_so(upstream: Upstream) -> None:
    answer = answering(b"HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n")
    async with peer(answer) as one, upstream.fetching(LOOPBACK) as source:
        with pytest.raises(UpstreamFailed, match="404"):
            await source.fetch(one.url + "/", bytes_max=9, timeout_s=3)
