"""Any arguments, any answer, any bytes at the door: by hypothesis through the front door, with a reader of the wire that we did
not write."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import unquote, urlsplit

import h11
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.core.http import HttpRequest, HttpResponse
from gateway.core.manifest import Limits
from gateway.errors import UpstreamFailed
from gateway.upstream import open_upstream
from tests.conftest import Door
from tests.test_hostile_calls import BASE, BREAKING, CLIMBING, DOCUMENT, HARMLESS
from tests.test_hostile_doors import served
from tests.test_upstream import LOOPBACK, once, peer
from tests.wire import Wire, open_wire

pytestmark = pytest.mark.anyio

PIECES = st.sampled_from(
    [
        *BREAKING,
        *CLIMBING,
        *HARMLESS,
        "",
        "a",
        "=",
        "&",
        ";",
        ",",
        "|",
        " ",
        "%",
        "%2",
        "--",
        '"',
        "\U0001f600",
    ]
)
TEXT = st.lists(PIECES, max_size=4).map("".join) | st.text(max_size=8)
LEAF = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
FILE = st.fixed_dictionaries(
    {"data": st.sampled_from(["", "aGk=", "x", "===="])}, optional={"filename": TEXT, "media_type": TEXT}
)
JSON = (
    st.recursive(
        LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=12
    )
    | FILE
)
LISTS, OBJECTS = st.lists(JSON, max_size=3), st.dictionaries(TEXT, JSON, max_size=3)
FIELDS = {"text": TEXT, "list": LISTS, "object": OBJECTS, "additional_properties": OBJECTS}
QUERY = ["form", "tight", "loose", "space", "pipe", "deep", "json"]
TOOLS = {item["operationId"]: (method, path) for path, one in DOCUMENT["paths"].items() for method, item in one.items()}
# What each tool takes, so that most of what is tried is sent.
TAKES: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    **{key: {"p": JSON} for key in ("simple", "label", "matrix", "labelEach", "matrixEach", "loose")},
    "two": {"p": TEXT, "q": TEXT},
    "query": dict.fromkeys(QUERY, JSON),
    "header": {"X-Text": TEXT, "X-Any": JSON, "X-Each": JSON},
    "cookie": {"form": JSON, "each": JSON},
    "hop": {},
    **dict.fromkeys(("json", "form", "xml"), FIELDS),
    "parts": {"text": TEXT, "file": FILE, "additional_properties": OBJECTS},
    "text": {"body": TEXT},
    "lines": {"body": LISTS},
    "bytes": {"body": FILE},
}
OPTIONS = {"_select": TEXT, "_pages_max": JSON, "_wait_s": JSON, "Host": TEXT, "nothing": JSON}


@st.composite
def calls(draw: Any) -> tuple[str, dict[str, Any]]:
    name = draw(st.sampled_from(sorted(TOOLS)))
    taken = TAKES[name]
    required = {key: taken[key] for key in ("p", "q", "body") if key in taken}
    others = {key: value for key, value in taken.items() if key not in required}
    wild = {} if draw(st.integers(0, 9)) else OPTIONS | dict.fromkeys(others, JSON)
    return name, draw(st.fixed_dictionaries(required, optional=others | wild))


def snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


@pytest.fixture
async def wire(anyio_backend: str) -> AsyncIterator[Wire]:
    async with open_wire() as one:
        yield one


@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(call=calls())
async def test_any_arguments_make_one_request_below_the_server_or_a_named_error(
    door: Door, wire: Wire, call: Any
) -> None:
    if "t" not in door.gateway.published.current.catalog.connectors:
        await door.add("t", DOCUMENT, wire.url + BASE, limits=Limits(timeout_s=20, retries_max=0))
        door.client.headers["authorization"] = f"Bearer {await door.key()}"
    name, arguments = call
    answer = await door.client.post(f"/v1/tools/t_{snake(name)}:call", content=json.dumps({"arguments": arguments}))
    sent = wire.take()
    if answer.status_code != 200:
        assert answer.status_code in (400, 404, 413, 422), (call, answer.text)
        assert answer.json()["detail"]
        assert sent == []
        return
    (seen,) = sent
    method, template = TOOLS[name]
    path, _, query = seen.target.partition("?")
    assert (seen.method, seen.header("host")) == (method.upper(), [urlsplit(wire.url).netloc])
    wanted = f"{BASE}{template}".split("/")
    told = path.split("/")
    assert len(told) == len(wanted)
    assert all(one == other for one, other in zip(told, wanted, strict=True) if "{" not in other)
    assert not any(unquote(one) in ("", ".", "..") for one in told[1:])
    assert name == "query" or not query
    assert {key for key, _ in seen.headers} <= {"host", "accept", "accept-encoding", "user-agent", "content-type", "content-length",
                                               "cookie", "x-text", "x-any", "x-each"}  # fmt: skip
    assert all(len(seen.header(key)) == 1 for key, _ in seen.headers)


LINES = st.sampled_from(
    [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 ", b"HTTP/1.0 500\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b"content-length: 3\r\n", b"content-length: ",
     b"transfer-encoding: chunked\r\n", b"content-encoding: gzip\r\n", b"content-encoding: br, zstd\r\n", b"content-type: \xff\r\n",
     b"content-type: text/event-stream\r\n", b"location: /x\r\n", b"location: http://[\r\n", b"HTTP/1.1 302 Found\r\n", b"\r\n", b"\r\n\r\n", b"3\r\nabc\r\n",
     b"0\r\n\r\n", b"abc", b"\0", b"\xff", b": ", b"connection: close\r\n", b"retry-after: 1e9\r\n", b"upgrade: h2c\r\nconnection: upgrade\r\n",
     b"HTTP/1.1 204 No\r\n", b"\x1f\x8b\x08", b"set-cookie: a=b; expires=x\r\n", b"HTTP/1.1 101 X\r\n"]
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(answer=st.lists(LINES | st.binary(max_size=8), max_size=8).map(b"".join), safe=st.booleans())
async def test_any_bytes_for_an_answer_are_one_or_a_named_error(anyio_backend: str, answer: bytes, safe: bool) -> None:
    told: dict[str, Any] = {"allow_addresses": LOOPBACK, "auth": None, "safe": safe, "connector": "x"}
    async with open_upstream() as upstream, peer(once(answer)) as one, asyncio.timeout(20):
        try:
            request = HttpRequest("GET" if safe else "POST", one.url + "/")
            response = await upstream.send(request, limits=Limits(timeout_s=0.2, retries_max=0), **told)
        except UpstreamFailed as error:
            assert "x " in error.detail  # noqa: PT017 (either is right)
        else:
            assert isinstance(response, HttpResponse)
            json.dumps(response.headers).encode()
        assert len(one.requests) == 1 or safe


@pytest.fixture
async def at(opens: Callable[..., Any]) -> AsyncIterator[tuple[int, str]]:
    async with served(opens) as (door, port):
        yield port, await door.key()


REQUESTS = st.sampled_from(
    [b"GET /v1/tools HTTP/1.1\r\n", b"POST /mcp HTTP/1.1\r\n", b"POST /v1/tools/x:call HTTP/1.1\r\n", b"POST /v1/tools:search HTTP/1.1\r\n",
     b"host: 127.0.0.1\r\n", b"host: \xff\r\n", b"authorization: Bearer KEY\r\n", b"authorization: Basic \xff\r\n", b"content-length: 2\r\n",
     b"transfer-encoding: chunked\r\n", b"content-type: \xff\r\n", b"origin: x\r\n", b"mcp-protocol-version: 2026-07-28\r\n", b"mcp-method: \xff\r\n",
     b"expect: 100-continue\r\n", b"upgrade: websocket\r\nconnection: upgrade\r\n", b"\r\n", b"{}", b"[]", b"2\r\n{}\r\n0\r\n\r\n", b"\0", b"%00", b"GET ",
     b"/v1/results/%ff?offset=x HTTP/1.1\r\n", b"/v1/audit?limit=\xff HTTP/1.1\r\n", b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}']
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sent=st.lists(REQUESTS | st.binary(max_size=8), min_size=1, max_size=9).map(b"".join))
async def test_any_bytes_at_the_door_are_answered_without_a_defect(at: tuple[int, str], sent: bytes) -> None:
    port, token = at
    async with asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent.replace(b"KEY", token.encode()))
        writer.write_eof()
        answer = await reader.read()
        writer.close()
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=[("host", "x")]))
    client.send(h11.EndOfMessage())
    client.receive_data(answer)
    first = client.next_event() if answer else None
    assert not isinstance(first, h11.Response) or first.status_code < 500, (sent, answer)
