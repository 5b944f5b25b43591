"""The MCP door on the wire: every rule of both eras as a table, over raw HTTP. The specification's own words name the rules."""

import asyncio
import base64
import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.serve import bind, serving
from gateway.stores.base import AuditFilter
from tests.conftest import BESIDE, Backend, Door
from tests.test_call import LAMPS

pytestmark = pytest.mark.anyio

MODERN = "2026-07-28"
META = {"io.modelcontextprotocol/protocolVersion": MODERN, "io.modelcontextprotocol/clientCapabilities": {}}
LEGACY = ("2025-11-25", "2025-06-18", "2025-03-26")


@pytest.fixture
async def lamps(door: Door, backend: Backend) -> Door:
    await door.add("lamps", LAMPS, backend.url)
    return door


async def send(
    door: Door, body: Any, headers: dict[str, str | None] | None = None, path: str = "/mcp"
) -> httpx.Response:
    """Post one body as it is; a header of None is left out."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    told = {"authorization": f"Bearer {await door.key()}", "content-type": "application/json", **(headers or {})}
    return await door.client.post(path, content=content, headers={k: v for k, v in told.items() if v is not None})


def request(method: str, params: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}, **more}


async def modern(
    door: Door, method: str, params: dict[str, Any] | None = None, *, meta: Any = META, **headers: str | None
) -> httpx.Response:
    told: dict[str, str | None] = {"mcp-protocol-version": MODERN, "mcp-method": method}
    name = (params or {}).get("name") or (params or {}).get("uri")
    told |= {"mcp-name": name} if isinstance(name, str) else {}
    told |= {key.replace("_", "-"): value for key, value in headers.items()}
    body = request(method, {**(params or {}), **({"_meta": meta} if meta is not None else {})})
    return await send(door, body, told)


def code(answer: httpx.Response) -> tuple[int, int]:
    return answer.status_code, answer.json()["error"]["code"]


async def test_discover_says_what_this_server_is(lamps: Door) -> None:
    answer = await modern(lamps, "server/discover")
    result = answer.json()["result"]
    assert (answer.status_code, result["supportedVersions"], result["capabilities"]) == (
        200,
        [MODERN],
        {"tools": {"listChanged": True}, "resources": {}, "extensions": {"io.modelcontextprotocol/tasks": {}}},
    )
    assert (result["resultType"], result["cacheScope"], result["ttlMs"] >= 0) == ("complete", "private", True)
    assert result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "factotum"


async def test_a_modern_list_says_how_long_and_for_whom_it_may_be_kept(lamps: Door) -> None:
    result = (await modern(lamps, "tools/list")).json()["result"]
    assert (result["resultType"], result["cacheScope"], result["ttlMs"]) == ("complete", "private", 60_000)
    assert [tool["name"] for tool in result["tools"]] == ["lamps_get_lamp", "lamps_set_lamp", *BESIDE]
    assert result["tools"][1]["_meta"] == {"io.factotum/effect": "write"}


@pytest.mark.parametrize("version", LEGACY)
async def test_a_legacy_list_has_nothing_of_the_modern_era(lamps: Door, version: str) -> None:
    result = (await send(lamps, request("tools/list"), {"mcp-protocol-version": version})).json()["result"]
    assert result.keys() == {"tools"}


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"mcp_method": None}, (400, -32020)),
        ({"mcp_method": "tools/list"}, (400, -32020)),
        ({"mcp_method": "Tools/Call"}, (400, -32020)),
        ({"mcp_name": None}, (400, -32020)),
        ({"mcp_name": "other"}, (400, -32020)),
        ({"mcp_name": "=?base64?!!?="}, (400, -32020)),
        ({"mcp_protocol_version": None}, (400, -32020)),
        ({"mcp_protocol_version": "2025-11-25"}, (400, -32020)),
    ],
)
async def test_headers_must_say_what_the_body_says(
    lamps: Door, backend: Backend, headers: dict[str, str | None], expected: tuple[int, int]
) -> None:
    answer = await modern(lamps, "tools/call", {"name": "lamps_get_lamp", "arguments": {"id": "1"}}, **headers)
    assert (code(answer), backend.seen) == (expected, [])


@pytest.mark.parametrize(
    "name", ["  lamps_get_lamp \t", "=?base64?" + base64.b64encode(b"lamps_get_lamp").decode() + "?="]
)
async def test_a_name_header_may_be_padded_or_encoded(lamps: Door, name: str) -> None:
    params = {"name": "lamps_get_lamp", "arguments": {"id": "1"}}
    assert (await modern(lamps, "tools/call", params, mcp_name=name)).status_code == 200


async def test_a_routing_header_that_comes_twice_is_refused(lamps: Door) -> None:
    headers = [
        ("authorization", f"Bearer {await lamps.key()}"),
        ("mcp-protocol-version", MODERN),
        ("mcp-method", "tools/list"),
        ("mcp-method", "tools/list"),
    ]
    body = json.dumps(request("tools/list", {"_meta": META})).encode()
    assert code(await lamps.client.post("/mcp", content=body, headers=headers)) == (400, -32020)


@pytest.mark.parametrize(
    "meta",
    [
        {},
        {"io.modelcontextprotocol/protocolVersion": MODERN},
        {"io.modelcontextprotocol/protocolVersion": 7, "io.modelcontextprotocol/clientCapabilities": {}},
        {"io.modelcontextprotocol/protocolVersion": MODERN, "io.modelcontextprotocol/clientCapabilities": []},
        [],
        None,
    ],
)
async def test_a_modern_request_without_its_meta_is_invalid(lamps: Door, meta: Any) -> None:
    assert code(await modern(lamps, "tools/list", meta=meta)) == (400, -32602)


async def test_a_version_that_is_not_spoken_is_told_which_are(lamps: Door) -> None:
    meta = {**META, "io.modelcontextprotocol/protocolVersion": "2099-01-01"}
    answer = await modern(lamps, "tools/list", meta=meta, mcp_protocol_version="2099-01-01")
    assert code(answer) == (400, -32022)
    assert answer.json()["error"]["data"] == {"supported": [MODERN], "requested": "2099-01-01"}


@pytest.mark.parametrize(
    "method",
    ["initialize", "ping", "logging/setLevel", "prompts/list", "x/y"],
)
async def test_a_method_that_is_not_of_the_modern_era_is_not_found(lamps: Door, method: str) -> None:
    assert code(await modern(lamps, method)) == (404, -32601)


@pytest.mark.parametrize("version", LEGACY)
async def test_a_method_that_is_not_there_is_a_legacy_error_at_200(lamps: Door, version: str) -> None:
    answer = await send(lamps, request("prompts/list"), {"mcp-protocol-version": version})
    assert code(answer) == (200, -32601)


@pytest.mark.parametrize(
    ("asked", "told"), [*((one, one) for one in LEGACY), ("2024-11-05", LEGACY[0]), ("x", LEGACY[0])]
)
async def test_initialize_echoes_a_version_it_knows_and_makes_no_session(lamps: Door, asked: str, told: str) -> None:
    params = {"protocolVersion": asked, "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    answer = await send(lamps, request("initialize", params))
    assert answer.json()["result"]["protocolVersion"] == told
    assert "mcp-session-id" not in answer.headers
    assert (await send(lamps, {"jsonrpc": "2.0", "method": "notifications/initialized"})).status_code == 202
    assert (await send(lamps, request("ping"))).json()["result"] == {}


async def test_a_version_header_that_is_not_known_is_refused(lamps: Door) -> None:
    assert (await send(lamps, request("tools/list"), {"mcp-protocol-version": "2020-01-01"})).status_code == 400


async def test_notifications_are_accepted_without_a_body_in_both_eras(lamps: Door) -> None:
    body = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {}}
    for told in (body, {**body, "params": {"_meta": META}}):
        answer = await send(lamps, told, {"mcp-protocol-version": MODERN} if "_meta" in told["params"] else None)
        assert (answer.status_code, answer.content) == (202, b"")


async def test_batches_are_of_2025_03_26_alone(lamps: Door) -> None:
    batch = [
        request("ping"),
        {"jsonrpc": "2.0", "method": "notifications/x"},
        {"jsonrpc": "2.0", "id": 9},
        request("no"),
    ]
    answers = (await send(lamps, batch)).json()
    assert [(one["id"], one.get("error", {}).get("code")) for one in answers] == [(1, None), (9, -32600), (1, -32601)]
    for version in ("2025-06-18", "2025-11-25", MODERN):
        assert (await send(lamps, batch, {"mcp-protocol-version": version})).status_code == 400
    assert (await send(lamps, [])).status_code == 400
    assert (await send(lamps, [request("ping")] * 51)).status_code == 400


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
async def test_only_post_is_served(lamps: Door, method: str) -> None:
    answer = await lamps.client.request(method, "/mcp", headers={"authorization": f"Bearer {await lamps.key()}"})
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST" if method == "GET" else "GET, POST")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"host": "evil.example"}, 403),
        ({"host": "evil.example", "origin": "http://evil.example"}, 403),
        ({"host": "localhost:8080", "origin": "http://localhost:8080"}, 200),
    ],
)
async def test_pages_of_elsewhere_and_names_that_are_not_ours_are_refused(
    lamps: Door, headers: dict[str, str | None], status: int
) -> None:
    assert (await send(lamps, request("ping"), headers)).status_code == status


async def test_without_a_key_nothing_is_said_but_how_to_sign_in(lamps: Door) -> None:
    for authorization in (None, "Bearer nonsense", "Basic eDp5"):
        answer = await send(lamps, request("tools/list"), {"authorization": authorization})
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
    nothing = await send(lamps, request("tools/list"), {"authorization": None})
    assert nothing.json()["error"]["message"].startswith(
        "Sign-in needed: Nothing says who you are: send `Authorization"
    )
    assert (await send(lamps, request("tools/list"), {"authorization": None}, "/mcp?access_token=x")).status_code == 401


async def test_a_missing_scope_is_a_403_that_names_it(lamps: Door, backend: Backend) -> None:
    token = await lamps.key("lamps:lamps.read")
    params = {"name": "lamps_set_lamp", "arguments": {"id": "1", "on": True}}
    answer = await modern(lamps, "tools/call", params, authorization=f"Bearer {token}")
    assert (answer.status_code, answer.json()["id"], backend.seen) == (403, 1, [])
    assert answer.json()["error"]["data"] == {"code": "insufficient_scope", "scopes": ["lamps:lamps.write"]}
    challenge = answer.headers["www-authenticate"]
    assert 'error="insufficient_scope"' in challenge
    assert 'scope="lamps:lamps.write"' in challenge


@pytest.mark.parametrize(
    ("version", "body", "expected"),
    [
        (MODERN, b'{"a":1}', {"a": 1}),
        (MODERN, b"[1]", [1]),
        ("2025-11-25", b'{"a":1}', {"a": 1}),
        ("2025-11-25", b"[1]", None),
        ("2025-03-26", b'{"a":1}', None),
    ],
)
async def test_structured_content_is_what_the_era_knows(
    lamps: Door, backend: Backend, version: str, body: bytes, expected: Any
) -> None:
    backend.answers["GET /lamps/1"] = (200, "application/json", body)
    params = {"name": "lamps_get_lamp", "arguments": {"id": "1"}}
    if version == MODERN:
        result = (await modern(lamps, "tools/call", params)).json()["result"]
    else:
        result = (await send(lamps, request("tools/call", params), {"mcp-protocol-version": version})).json()["result"]
    assert result.get("structuredContent") == expected
    assert result["content"] == [{"type": "text", "text": body.decode()}]


async def test_a_dry_run_can_be_asked_for_in_the_meta(lamps: Door, backend: Backend) -> None:
    params = {"name": "lamps_get_lamp", "arguments": {"id": "1"}}
    answer = await modern(lamps, "tools/call", params, meta={**META, "io.factotum/dryRun": True})
    assert answer.json()["result"]["structuredContent"]["method"] == "GET"
    assert backend.seen == []


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"name": "nothing"}, -32602),
        ({}, -32602),
        ({"name": 7}, -32602),
        ({"name": "lamps_get_lamp", "arguments": []}, -32602),
    ],
)
async def test_a_call_that_is_no_call_is_invalid(lamps: Door, params: dict[str, Any], expected: int) -> None:
    assert (await send(lamps, request("tools/call", params))).json()["error"]["code"] == expected
    assert (await modern(lamps, "tools/call", params)).json()["error"]["code"] == expected


@pytest.mark.parametrize("cursor", ["", "x", "cGFnZTo5", "cGFnZTotMQ==", "é", "A" * 10_000])
async def test_a_cursor_that_is_none_of_ours_is_invalid(lamps: Door, cursor: str) -> None:
    assert code(await modern(lamps, "tools/list", {"cursor": cursor})) == (400, -32602)


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        (b"{", 400, -32700),
        (b"", 400, -32700),
        (b"\xff\xfe", 400, -32700),
        (b'"hello"', 400, -32600),
        (b'{"jsonrpc":"1.0","id":1,"method":"ping"}', 400, -32600),
        (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', 400, -32600),
        (b'{"jsonrpc":"2.0","id":{},"method":"ping"}', 400, -32600),
        (b'{"jsonrpc":"2.0","id":1}', 400, -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":[1]}', 400, -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":' + b'{"a":' * 100 + b"1" + b"}" * 100 + b"}", 400, -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":' + b"[" * 500_000, 400, -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"' + b"x" * (5 << 20) + b'"}', 413, -32602),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","method":"ping"}', 200, None),
    ],
)
async def test_what_is_no_message_is_a_clear_error(lamps: Door, body: bytes, status: int, error: int | None) -> None:
    answer = await send(lamps, body)
    assert (answer.status_code, answer.json().get("error", {}).get("code")) == (status, error)
    assert "Traceback" not in answer.text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=12,
)
MESSAGES = st.fixed_dictionaries(
    {"jsonrpc": st.just("2.0")},
    optional={
        "id": JSON,
        "method": st.sampled_from(["tools/call", "tools/list", "initialize", "ping", "server/discover"])
        | st.text(max_size=9),
        "params": st.fixed_dictionaries({}, optional={"name": JSON, "arguments": JSON, "cursor": JSON, "_meta": JSON})
        | JSON,
    },
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=100) | JSON.map(json.dumps).map(str.encode) | MESSAGES.map(json.dumps).map(str.encode))
async def test_nothing_that_comes_makes_a_defect(lamps: Door, body: bytes) -> None:
    for headers in ({}, {"mcp-protocol-version": MODERN, "mcp-method": "tools/call", "mcp-name": "x"}):
        answer = await send(lamps, body, dict(headers))
        assert answer.status_code < 500, (body, answer.text)
        assert '"code":-32603' not in answer.text
        assert "Traceback" not in answer.text


async def test_a_client_that_goes_away_ends_its_call_at_the_backend(lamps: Door, backend: Backend) -> None:
    backend.held = True
    token = await lamps.key()
    body = json.dumps(request("tools/call", {"name": "lamps_set_lamp", "arguments": {"id": "1", "on": True}})).encode()
    head = (
        f"POST /mcp HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    with bind("127.0.0.1", 0) as listening:
        async with serving(lamps.gateway, listening), asyncio.timeout(10):
            _, writer = await asyncio.open_connection(*listening.getsockname())
            writer.write(head.encode() + body)
            await backend.arrived.wait()
            writer.close()
            await backend.left.wait()
            lines = ()
            while len(lines) < 2:
                lines = tuple(
                    one
                    for one in await lamps.gateway.store.read_audit(AuditFilter(None))
                    if one.phase != "administered"
                )
    assert [line.phase for line in lines] == ["sending", "uncertain"]
