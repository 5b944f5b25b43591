"""Those who look after policies: why a call is decided as it is, what other policies would have changed."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from gateway.core.audit import AuditEntry
from gateway.core.catalog import build_catalog
from gateway.core.policy import load_policies
from gateway.core.policy_replay import calls_in
from gateway.core.tenancy import TenantPowers
from gateway.published import Edition, Editions
from gateway.stores.base import AuditFilter
from tests.conftest import LOOPBACK, Backend, Door

pytestmark = pytest.mark.anyio

READ = "factotum:policies.read"
PAYMENTS: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Bank", "version": "1"},
    "paths": {
        "/payments": {
            "post": {
                "operationId": "pay",
                "requestBody": {"required": True, "content": {"application/json": {"schema": {
                    "type": "object",
                    "required": ["amount"],
                    "properties": {"amount": {"type": "number"}, "note": {"type": "string"},
                                   "pin": {"type": "string", "format": "password"}},
                }}}},
                "responses": {"200": {"description": "Paid"}},
            },
            "get": {"operationId": "listPayments", "responses": {"200": {"description": "Payments"}}},
        },
    },
}  # fmt: skip
POLICIES = """
@id("in-scope")
permit (principal, action, resource) when { context.in_scope };
@id("large-payments")
@needs_approval("the owner")
@obligation("redact:iban")
permit (principal, action == Action::"bank_pay", resource)
when { context.in_scope && context.arguments.amount.greaterThan(decimal("100.0")) };
@id("no-helpers")
@reason("Helpers do not pay.")
forbid (principal in Group::"default/helpers", action == Action::"bank_pay", resource);
@id("not-at-that-door")
forbid (principal, action in Action::"write", resource) when { context.door == "a2a" };
@id("elsewhere")
forbid (principal in Tenant::"elsewhere", action, resource);
"""
STRICTER = (
    POLICIES
    + '@id("small") forbid (principal, action == Action::"bank_pay", resource) '
    + 'unless { context.arguments.amount.lessThanOrEqual(decimal("10.0")) };'
)
ALL = '@id("all") permit (principal, action, resource);'


@pytest.fixture
def bank(opens: Callable[..., Any], backend: Backend, tmp_path: Path) -> Callable[..., Any]:
    @asynccontextmanager
    async def opened(**settings: Any) -> AsyncIterator[Door]:
        folder = tmp_path / "policies"
        folder.mkdir(exist_ok=True)
        (folder / "ours.cedar").write_text(POLICIES)
        async with opens(policies_dir=str(folder), **settings) as door:
            await door.add("bank", PAYMENTS, backend.url)
            yield door

    return opened


async def explain(door: Door, caller: dict[str, Any], arguments: dict[str, Any], /, **more: Any) -> dict[str, Any]:
    caller = {"subject": "ada", "scopes": ["bank:write"], **caller}
    told = {"tool": "bank_pay", "arguments": arguments, "at": "2026-01-05T12:00:00Z", "caller": caller, **more}
    answer = await door.post("/v1/policies:explain", await door.key(READ), told)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_an_explanation_says_what_decides_and_of_every_other_policy_why_it_does_not_apply(
    bank: Callable[..., Any], backend: Backend
) -> None:
    async with bank() as door:
        told = await explain(door, {}, {"amount": 250, "note": "s3cret note"})
        assert (told["verdict"], told["decided_by"], told["approvers"]) == (
            "needs_approval",
            ["in-scope", "large-payments"],
            ["the owner"],
        )
        assert (told["redact"], told["others"]) == (["iban"], 2)
        why = {one["id"]: one["why"] for one in told["policies"]}
        assert why == {
            "in-scope": "",
            "large-payments": "",
            "not-at-that-door": 'Not so: when { context.door == "a2a" }.',
        }
        told = await explain(door, {"groups": ["helpers"]}, {"amount": 5}, door="a2a")
        assert (told["verdict"], told["decided_by"]) == ("deny", ["no-helpers", "not-at-that-door"])
        why = {one["id"]: one["why"] for one in told["policies"]}
        assert why["large-payments"].startswith("Not so: when { context.arguments.amount.greaterThan(decimal(")
        assert not backend.seen


async def test_what_stops_a_call_before_the_policies_is_told_first(bank: Callable[..., Any]) -> None:
    async with bank() as door:
        told = await explain(door, {"scopes": []}, {"amount": 5})
        assert (told["verdict"], told["missing_scopes"], told["decided_by"]) == ("deny", ["bank:write"], [])
        assert "bank:write" in told["reasons"][0]
        assert [one["id"] for one in told["policies"] if one["applies"]] == ["in-scope"]
        told = await explain(door, {}, {"amount": "s3cret"})
        assert (told["verdict"], told["policies"]) == ("rejected", [])
        assert "s3cret" not in json.dumps(told)
        assert told["problems"][0].startswith("amount: ")


async def test_a_held_tool_is_explained_as_held(bank: Callable[..., Any]) -> None:
    async with bank() as door:
        current = door.gateway.published.current
        bank_as_it_is = current.catalog.connectors["bank"]
        catalog = build_catalog([structs.replace(bank_as_it_is, tools=(), held=bank_as_it_is.tools)])
        door.gateway.published.publish(
            Editions(Edition(catalog, load_policies({"a.cedar": POLICIES}, catalog), current.roles))
        )
        told = await explain(door, {}, {"amount": 5})
        assert (told["verdict"], told["held"]) == ("deny", True)
        assert "held back" in told["reasons"][0]


async def test_an_explanation_is_what_a_call_then_meets(bank: Callable[..., Any]) -> None:
    async with bank() as door:
        token = await door.key("bank:write", groups=("helpers",))
        (key,) = [one for one in await door.gateway.store.keys() if "helpers" in one.groups]
        body = {"tool": "bank_pay", "arguments": {"amount": 5}, "key": key.id}
        told = (await door.post("/v1/policies:explain", await door.key(READ), body)).json()
        answer = await door.post("/v1/tools/bank_pay:call", token, {"arguments": {"amount": 5}})
        assert answer.status_code == 403
        assert answer.json()["detail"].startswith("Helpers do not pay.")
        assert told["reasons"][0] == "Helpers do not pay."


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"tool": "bank_pay", "key": "none"}, 404),
        ({"tool": "bank_pay"}, 400),
        ({"tool": "bank_pay", "key": "x", "caller": {"subject": "ada"}}, 400),
        ({"tool": "bank_gone", "caller": {"subject": "ada"}}, 404),
        ({"tool": "bank_pay", "caller": {"subject": "ada", "tenant": "acme"}}, 400),
        ({"tool": "bank_pay", "caller": {"subject": "ada"}, "at": "yesterday"}, 400),
        ([], 400),
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(bank: Callable[..., Any], body: Any, status: int) -> None:
    async with bank() as door:
        assert (await door.post("/v1/policies:explain", await door.key(READ), body)).status_code == status


async def test_policies_are_read_under_a_scope_of_their_own_and_keys_of_other_tenants_are_none(
    bank: Callable[..., Any],
) -> None:
    async with bank() as door:
        await door.key("bank:write", tenant="acme", subject="eve")
        (key,) = [one for one in await door.gateway.store.keys() if one.tenant == "acme"]
        body = {"tool": "bank_pay", "key": key.id}
        assert (await door.post("/v1/policies:explain", await door.key(READ), body)).status_code == 404
        assert (await door.post("/v1/policies:explain", await door.key(READ, tenant="acme"), body)).status_code == 200
        for path in ("explain", "simulate"):
            answer = await door.post(f"/v1/policies:{path}", await door.key("bank:write"), {})
            assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")


async def calls(door: Door) -> None:
    """Ada pays 5 and 50 and is stopped at 500, a helper is refused, somebody lacks the scope, and all may look."""
    ada, helper = await door.key(), await door.key(subject="hal", groups=("helpers",))
    for amount in (5, 50, 50, 500):
        await door.post("/v1/tools/bank_pay:call", ada, {"arguments": {"amount": amount}})
    await door.post("/v1/tools/bank_pay:call", helper, {"arguments": {"amount": 5}})
    await door.post("/v1/tools/bank_pay:call", await door.key("x:y"), {"arguments": {"amount": 5}})
    await door.post("/v1/tools/bank_pay:call", ada, {"arguments": {"amount": "many"}})
    await door.post("/v1/tools/bank_list_payments:call", ada, {})


async def simulate(door: Door, text: str, **body: Any) -> dict[str, Any]:
    told = {"files": {"new.cedar": text}, **body}
    answer = await door.post("/v1/policies:simulate", await door.key(READ), told)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def changed(told: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [(one["tool"], one["subject"], one["before"], one["after"], one["calls"]) for one in told["changes"]]


async def test_a_simulation_says_which_calls_would_be_decided_otherwise(bank: Callable[..., Any]) -> None:
    async with bank() as door:
        await calls(door)
        same = await simulate(door, POLICIES)
        assert (same["calls"], same["same"], same["changes"], same["untold"]) == (6, 6, [], [])
        told = await simulate(door, STRICTER)
        assert (told["calls"], told["same"], told["untold"]) == (6, 3, [])
        assert changed(told) == [
            ("bank_pay", "ada", "allow", "deny", 2),
            ("bank_pay", "ada", "needs_approval", "deny", 1),
        ]
        assert told["changes"][0]["policies"] == ["small"]
        lines = (await door.get("/v1/audit?limit=1000", await door.key("factotum:audit.read"))).json()["lines"]
        (example,) = [
            one for one in lines if one["call_id"] == told["changes"][0]["call_id"] and one["phase"] == "done"
        ]
        assert example["arguments"] == {"amount": 50}
        told = await simulate(door, ALL)
        assert changed(told) == [
            ("bank_pay", "ada", "needs_approval", "allow", 1),
            ("bank_pay", "hal", "deny", "allow", 1),
        ]
        assert told["changes"][0]["redact_before"] == ["iban"]


async def test_fields_that_would_be_redacted_are_a_change_too(bank: Callable[..., Any]) -> None:
    async with bank() as door:
        await calls(door)
        told = await simulate(door, POLICIES.replace('@id("in-scope")', '@id("in-scope") @obligation("redact:iban")'))
        assert {(one["before"], one["after"]) for one in told["changes"]} == {("allow", "allow")}
        assert [one["redact"] for one in told["changes"]] == [["iban"]] * 2  # Paying, and looking.


async def test_what_the_log_does_not_say_is_never_guessed(bank: Callable[..., Any], backend: Backend) -> None:
    async with bank() as door:
        await calls(door)
        ada = await door.key()
        await door.post("/v1/tools/bank_pay:call", ada, {"arguments": {"amount": 5, "pin": "1234", "note": "x" * 600}})
        for name in ("pin", "note"):
            reads = f'when {{ context.arguments has {name} && context.arguments.{name} == "1234" }};'
            told = await simulate(
                door, POLICIES + f'@id("r") forbid (principal, action == Action::"bank_pay", resource) {reads}'
            )
            assert [(one["calls"], one["why"]) for one in told["untold"]] == [
                (1, f"The argument {name}, which a policy reads, is not in the log as it was.")
            ]
        await door.gateway.ingestion.remove(
            structs.replace(await door.gateway.policies.principal_of((await door.gateway.store.keys())[0].id)), "bank"
        )
        told = await simulate(door, ALL)
        assert {one["why"] for one in told["untold"]} == {"The tool is not there any more."}
        assert sum(one["calls"] for one in told["untold"]) == told["calls"] == 7


async def test_lines_from_before_groups_were_written_say_nothing_of_them(bank: Callable[..., Any]) -> None:
    async with bank() as door:
        await calls(door)
        lines = await door.gateway.store.read_audit(AuditFilter(None))
        old = [
            structs.replace(one, policy_version="", groups=(), scopes=(), method="", call_id=f"old-{one.call_id}")
            for one in lines
        ]
        await door.gateway.store.append_audit(old)
        told = await simulate(door, POLICIES)
        assert told["changes"] == []
        (gap,) = told["untold"]
        assert (gap["tool"], gap["calls"]) == ("bank_pay", 5)
        assert gap["why"] == "The line does not say what groups the caller had, which a policy reads."
        assert (await simulate(door, ALL))["untold"] == []


async def test_a_caller_with_too_many_scopes_to_log_cannot_be_told_where_a_policy_reads_them(
    bank: Callable[..., Any],
) -> None:
    async with bank() as door:
        token = await door.key("bank:write", *(f"bank:s{number}" for number in range(40)))
        await door.post("/v1/tools/bank_pay:call", token, {"arguments": {"amount": 5}})
        reads = '@id("s") forbid (principal, action, resource) when { principal.scopes.contains("bank:s1") };'
        assert "what scopes the caller had" in (await simulate(door, POLICIES + reads))["untold"][0]["why"]
        assert (await simulate(door, POLICIES))["same"] == 1


async def test_only_the_calls_of_ones_own_tenant_are_looked_at_and_only_those_of_the_time(
    bank: Callable[..., Any],
) -> None:
    async with bank() as door:
        await calls(door)
        acme = await door.key(READ, tenant="acme")
        answer = await door.post("/v1/policies:simulate", acme, {"files": {"a.cedar": ALL}})
        assert answer.json()["calls"] == 0
        assert (await simulate(door, ALL, since_days=1e-9))["calls"] == 0
        assert (await simulate(door, ALL, limit=1))["calls"] == 1


async def test_whoever_runs_the_gateway_looks_at_the_calls_of_all_tenants_each_with_its_own_tools(
    bank: Callable[..., Any], backend: Backend
) -> None:
    async with bank(tenants={"acme": TenantPowers(allow_addresses=LOOPBACK)}) as door:
        await door.add("vault", PAYMENTS, backend.url, tenant="acme")
        eve = await door.key("vault:write", tenant="acme", subject="eve")
        assert (await door.post("/v1/tools/vault_pay:call", eve, {"arguments": {"amount": 5}})).status_code == 200
        await door.post("/v1/tools/bank_pay:call", await door.key(), {"arguments": {"amount": 5}})
        shut = ALL + '@id("shut") forbid (principal, action, resource in Connector::"vault");'
        told = await door.gateway.policies.simulate({"a.cedar": shut}, timedelta(days=1))
        assert [(one.tenant, one.tool, one.after) for one in told.changes] == [("acme", "vault_pay", "deny")]
        assert (told.calls, told.untold) == (2, ())


async def test_new_policies_that_are_broken_are_said_to_be(bank: Callable[..., Any]) -> None:
    async with bank() as door:
        answer = await door.post("/v1/policies:simulate", await door.key(READ), {"files": {"a.cedar": "permit"}})
        assert answer.status_code == 400
        assert "a.cedar: from line 1" in answer.json()["detail"]


async def test_the_log_has_what_policies_were_told_of_a_caller_and_old_lines_stay_as_they_are(
    bank: Callable[..., Any],
) -> None:
    async with bank() as door:
        await calls(door)
        lines = await door.gateway.store.read_audit(AuditFilter(None, subject="hal"))
        (line,) = lines
        version = door.gateway.published.current.policies.version
        assert (line.groups, line.method, line.policy_version) == (("helpers",), "api_key", version)
        assert line.scopes == (
            "bank:read",
            "bank:write",
            "factotum:audit.read",
            "factotum:connectors.read",
            "factotum:connectors.write",
        )


def test_a_write_whose_end_is_not_in_the_log_counts_once() -> None:
    at = datetime(2026, 1, 5, tzinfo=UTC)
    sent = AuditEntry(at, "1", "sending", "mcp", "t", "s", "c", "x", verdict="allow")
    done = structs.replace(sent, phase="done")
    alone = structs.replace(sent, call_id="2")
    assert [(one.call_id, one.phase) for one in calls_in([sent, alone, done])] == [("2", "sending"), ("1", "done")]
