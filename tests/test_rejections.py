"""What is turned away at a door is told in the audit log, in bounds, and nobody waits for it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit import AuditLog
from gateway.core.audit import AuditEntry
from gateway.core.client_address import network_of
from gateway.core.principal import Principal
from gateway.rejections import SOURCES_MAX, Rejection, Rejections
from gateway.settings import AuditSettings, HttpSettings, MemoryStore
from gateway.stores.base import AuditFilter
from gateway.stores.sql import open_memory
from tests.auth.test_access_token import Trusting, proof, server, trusts
from tests.conftest import Door

pytestmark = pytest.mark.anyio

__all__ = ["server", "trusts"]

PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
WRONG_KEY = f"fct_{'0' * 16}_{'1' * 64}"


async def lines(door: Door) -> list[AuditEntry]:
    """All that is on record, once all that waits is written."""
    await asyncio.gather(*door.gateway.rejections._writing)
    return list(await door.gateway.store.read_audit(AuditFilter(None, limit=1_000)))


async def newest(door: Door) -> tuple[AuditEntry, dict[str, Any]]:
    line = (await lines(door))[-1]
    return line, json.loads(bytes(line.arguments))


@pytest.fixture
async def gateway(trusts: Callable[..., Any]) -> AsyncIterator[Trusting]:
    async with trusts() as one:
        yield one


async def test_every_sign_in_that_is_turned_away_is_on_record_and_tells_no_token(gateway: Trusting) -> None:
    token, server = gateway.server.token, gateway.server
    wrong: list[tuple[str, dict[str, str], str]] = [
        ("nothing", {}, "sign_in_needed"),
        ("bad key", {"authorization": f"Bearer {WRONG_KEY}"}, "invalid_token"),
        ("no token at all", {"authorization": "Bearer hunter2"}, "invalid_token"),
        ("another scheme", {"authorization": "Basic YWRhOmh1bnRlcjI="}, "invalid_request"),
        ("expired", {"authorization": f"Bearer {token(exp=1)}"}, "invalid_token"),
        ("for another", {"authorization": f"Bearer {token(aud='https://x.example')}"}, "invalid_token"),
        ("bad proof", {"authorization": f"DPoP {token(cnf={'jkt': 'x'})}", "dpop": proof("x")}, "invalid_dpop_proof"),
    ]
    for path in ("/v1/tools", "/v1/audit", "/v1/connectors/x", "/mcp"):
        for what, headers, code in wrong:
            before = len(await lines(gateway.door))
            answer = await gateway.door.client.request("POST" if path == "/mcp" else "GET", path, headers=headers)
            assert answer.status_code == 401, what
            line, told = await newest(gateway.door)
            assert len(await lines(gateway.door)) == before + 1, (path, what)
            assert (line.phase, line.tool, line.subject, line.client, line.status) == (
                "rejected",
                "sign-in",
                "",
                "",
                401,
            )
            assert (line.door, told["code"]) == ("mcp" if path == "/mcp" else "rest", code), what
            data = answer.json()
            assert (data.get("code") or data["error"]["data"]["code"]) == code
            assert told["address"] == "127.0.0.1"
            presented = headers.get("authorization", "").split()[-1:]
            assert ("credential" in told) == bool(presented)
            logged = json.dumps([bytes(line.arguments).decode(), *line.reasons])
            assert not any(part in logged for one in presented for part in (one, one[-12:], one[:12]))
        await _next_minute(gateway.door)
    assert server


async def _next_minute(door: Door) -> None:
    door.gateway.rejections._until = 0.0


async def test_the_same_credential_is_found_again_and_another_gateway_tells_it_otherwise(
    opens: Callable[..., Any], tmp_path: Any
) -> None:
    async def fingerprints(folder: str, *tokens: str) -> list[str]:
        found = []
        async with opens(store=MemoryStore()) as door:
            for token in tokens:
                await door.get("/v1/tools", token)
                found.append((await newest(door))[1]["credential"])
        return found

    first = await fingerprints("a", "hunter2", "hunter2", "hunter3")
    assert first[0] == first[1] != first[2]
    assert await fingerprints("a", "hunter2") == first[:1]
    (tmp_path / "audit-signing-key.pem").unlink()
    assert await fingerprints("b", "hunter2") != first[:1]


async def test_a_token_in_the_url_is_on_record_without_it(gateway: Trusting) -> None:
    token = gateway.server.token()
    for path in ("/mcp", "/v1/tools:search"):
        await gateway.door.client.post(f"{path}?access_token={token}")
        line, told = await newest(gateway.door)
        assert ("URL" in line.reasons[0], told["code"]) == (True, "invalid_request")
        assert token[-20:] not in str(line)
        assert len(told["credential"]) == 16


async def test_whoever_is_refused_to_administer_is_on_record_by_name(door: Door) -> None:
    token = await door.key("x:y", subject="eve", tenant="acme")
    for method, path, action in (
        ("GET", "/v1/audit", "audit.read"),
        ("POST", "/v1/connectors", "connectors.write"),
        ("POST", "/v1/approvals/x/approve", "approvals.decide"),
    ):
        await door.client.request(method, path, headers={"authorization": f"Bearer {token}"})
        line, told = await newest(door)
        assert (line.phase, line.verdict, line.tool, line.tenant, line.subject) == (
            "denied",
            "deny",
            action,
            "acme",
            "eve",
        )
        assert (told["code"], told["path"], line.status) == ("insufficient_scope", path, 403)
        assert "would do" in line.reasons[0]


FORGED = [
    {"host": "evil.example"},
    {"host": "127.0.0.1.evil.example"},
    {"host": "127.0.0.1@evil.example"},
    {"host": ""},
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"origin": "http://127.0.0.1.evil.example"},
]
EVERY_DOOR = [
    ("POST", "/mcp"), ("POST", "/a2a"), ("GET", "/a2a/v1/tasks"), ("POST", "/v1/chat/completions"), ("GET", "/v1/models"), ("GET", "/v1/tools"), ("POST", "/v1/tools/x:call"), ("POST", "/v1/tools:search"), ("GET", "/v1/results/x"),
    ("GET", "/v1/connectors"), ("POST", "/v1/connectors"), ("GET", "/v1/approvals"), ("POST", "/v1/grants"), ("GET", "/v1/audit"),
    ("GET", "/v1/me"), ("POST", "/v1/policies:explain"), ("GET", "/openapi.json"), ("GET", "/no/such/door"),
]  # fmt: skip


@pytest.mark.parametrize("forged", FORGED, ids=str)
async def test_no_door_answers_for_another_host_or_to_another_site(
    opens: Callable[..., Any], forged: dict[str, str]
) -> None:
    async with opens(store=MemoryStore(), audit=AuditSettings(rejected_per_minute=100)) as door:
        token = await door.key()
        what = "host" if "host" in forged else "origin"
        for method, path in EVERY_DOOR:
            headers = {"authorization": f"Bearer {token}", **forged}
            answer = await door.client.request(method, path, headers=headers)
            assert answer.status_code == 403, (method, path)
            told = answer.json()
            assert (told.get("code") or told["error"]["data"]["code"]) == f"{what}_refused"
            line, _ = await newest(door)
            assert (line.phase, line.tool, line.subject) == ("rejected", what, "")
        assert len(await lines(door)) == len(EVERY_DOOR)
        for probe in ("/healthz", "/readyz"):
            assert (await door.client.get(probe, headers=forged)).json() == {"status": "ok"}
        if what == "host":
            for path in ("/.well-known/oauth-protected-resource", "/.well-known/oauth-authorization-server", "/login"):
                assert (await door.client.get(path, headers=forged)).status_code == 403, path


async def test_names_and_pages_that_are_ours_are_answered(opens: Callable[..., Any]) -> None:
    http = HttpSettings(
        allowed_hosts=("inside.example",), allowed_origins=("https://page.example",), public_url="https://gw.example"
    )
    async with opens(store=MemoryStore(), http=http) as door:
        token = await door.key()
        for told in (
            {"host": "inside.example"}, {"host": "inside.example:8080"}, {"host": "gw.example"}, {"host": "GW.example"}, {"host": "localhost:1"},
            {"host": "[::1]:8080"}, {"origin": "https://page.example"}, {"host": "gw.example", "origin": "https://gw.example"},
        ):  # fmt: skip
            headers = {"authorization": f"Bearer {token}", **told}
            assert (await door.client.get("/v1/tools", headers=headers)).status_code == 200, told
            assert (await door.client.post("/mcp", headers=headers, json=PING)).status_code == 200, told


async def test_what_is_asked_for_by_a_name_that_there_is_not_has_its_line_once(door: Door) -> None:
    token = await door.key(role="owner", subject="eve")

    def tool(named: str, **arguments: Any) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": named, "arguments": arguments}}

    asked: list[tuple[str, str, Any]] = [
        ("GET", "/v1/connectors/nil", None), ("GET", "/v1/tools/nil", None), ("POST", "/v1/tools/nil:call", {}), ("GET", "/v1/results/nil", None),
        ("GET", "/v1/approvals/nil", None), ("POST", "/v1/connectors/nil/refresh", None), ("GET", "/v1/connectors/nil/versions", None),
        ("POST", "/mcp", tool("nil")), ("POST", "/mcp", tool("describe_tool", name="nil")), ("POST", "/mcp", tool("read_result", uri="nil")),
        ("POST", "/mcp", tool("describe_tool")), ("POST", "/v1/tools:search", {"nil": 1}), ("GET", "/v1/nil", None),
    ]  # fmt: skip
    for number, (method, path, body) in enumerate(asked, 1):
        await door.client.request(method, path, headers={"authorization": f"Bearer {token}"}, json=body)
        found = await lines(door)
        assert len(found) == number, (path, body)
        assert (found[-1].phase, found[-1].subject) == ("rejected", "" if path == "/v1/nil" else "eve")


async def test_what_is_no_message_at_the_mcp_door_has_a_line(door: Door) -> None:
    token = await door.key(subject="eve")
    headers = {"authorization": f"Bearer {token}"}
    odd = {"mcp-protocol-version": "1999-01-01"}
    asked = [
        (b"{", {}), (b"\xff", {}), (b"[" * 200 + b"]" * 200, {}), (b'{"jsonrpc":"1.0","id":1,"method":"ping"}', {}), (b"[]", {}),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}', {}), (b'{"jsonrpc":"2.0","id":1,"method":"ping"}', odd),
        (b"[{}]", {"mcp-protocol-version": "2025-03-26"}),
    ]  # fmt: skip
    for number, (body, more) in enumerate(asked, 1):
        answer = await door.client.post("/mcp", content=body, headers={**headers, **more})
        assert "error" in answer.text, body
        found = await lines(door)
        assert len(found) == number, body
        line, told = await newest(door)
        assert (line.phase, line.tool, line.door, line.subject, line.status, told["code"]) == (
            "rejected",
            "request",
            "mcp",
            "eve",
            400,
            "bad_request",
        )


async def test_a_flood_has_so_many_lines_and_one_that_counts_the_rest(opens: Callable[..., Any]) -> None:
    async with opens(store=MemoryStore(), audit=AuditSettings(rejected_per_minute=3)) as door:
        for number in range(50):
            assert (await door.get("/v1/tools", f"wrong-{number}")).status_code == 401
        assert len(await lines(door)) == 3
        await _next_minute(door)
        await door.get("/v1/audit", await door.key("x:y"))
        found = await lines(door)
        assert [line.tool for line in found] == ["sign-in"] * 4 + ["audit.read"]
        assert "47 more" in found[3].reasons[0]


def rejection(address: str, what: str = "sign-in", principal: Principal | None = None) -> Rejection:
    return Rejection(what, "rejected", "rest", 401, "x", "X", "X.", address, principal=principal)


async def _written(rejections: Rejections, log: AuditLog, store: Any) -> list[AuditEntry]:
    await rejections.close()
    await log.close()
    return list(await store.read_audit(AuditFilter(None, limit=10_000)))


async def test_however_many_addresses_and_callers_send_them_the_log_is_bounded() -> None:
    store = await open_memory()
    log = AuditLog(store)
    rejections = Rejections(log, per_minute=2, key=b"k", clock=lambda: datetime.now(UTC))
    for number in range(5_000):
        rejections.note(rejection(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"))
        rejections.note(rejection("", principal=Principal("acme", f"s{number}", "c")))
    found = await _written(rejections, log, store)
    assert len(found) <= 3 * (SOURCES_MAX + 2)
    assert sum("from many addresses" in line.reasons[0] for line in found) == 1


async def test_nobody_waits_for_a_line_while_the_store_is_slow() -> None:
    store, going = await open_memory(), asyncio.Event()

    class Slow:
        async def append_audit(self, entries: Any) -> None:
            await going.wait()
            await store.append_audit(entries)

    log = AuditLog(Slow(), queue_entries_max=5)  # type: ignore[arg-type]
    rejections = Rejections(log, per_minute=10_000, key=b"k", clock=lambda: datetime.now(UTC))
    for _ in range(3_000):
        rejections.note(rejection("10.0.0.1"))
    await asyncio.sleep(0)
    going.set()
    found = await _written(rejections, log, store)
    assert len(found) <= 1_001


@given(st.ip_addresses(v=6), st.integers(0, 2**64 - 1))
def test_a_host_cannot_be_many_by_having_many_addresses(address: Any, low: int) -> None:
    other = (int(address) >> 64 << 64) | low
    told, again = network_of(str(address)), network_of(str(type(address)(other)))
    if address.ipv4_mapped is None and type(address)(other).ipv4_mapped is None:
        assert told == again


@pytest.mark.parametrize(
    ("address", "network"),
    [("10.0.0.1", "10.0.0.1"), ("::ffff:10.0.0.1", "10.0.0.1"), ("", ""), ("unix", ""), ("1::5%eth0", "1::/64")],
)
def test_an_address_is_told_by_its_network(address: str, network: str) -> None:
    assert network_of(address) == network
