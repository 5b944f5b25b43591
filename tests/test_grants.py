"""Grants through the front door: a standing yes to a bounded class of calls lets through those, so often, so much, so long, of
that caller alone, and nothing else."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw, structs

from gateway.core.approval import Unfit
from gateway.core.constraint import KEYWORDS, Unclear, read_constraints, within
from gateway.core.decision import Decision
from gateway.core.grant import Budget, Grant, amount_of, carries, give_back, revoke, say_yes, take
from gateway.core.principal import Principal
from gateway.edge.approvals import DECIDE
from gateway.stores.base import Store
from gateway.stores.sql import open_memory, open_sql
from tests.conftest import Backend, Door, open_door

pytestmark = pytest.mark.anyio

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
SHOP: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Shop", "version": "1"},
    "paths": {
        "/payments": {
            "post": {
                "operationId": "pay",
                "summary": "Pay somebody",
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "required": ["to"],
                                "additionalProperties": False,
                                "properties": {"to": {"type": "string"}, "amount": {}, "note": {"type": "string"}},
                            }
                        }
                    },
                },
                "responses": {"200": {"description": "ok"}},
            },
            "delete": {"operationId": "drop", "summary": "Drop all", "responses": {"200": {"description": "ok"}}},
        },
        "/orders": {
            "post": {"operationId": "order", "summary": "Order", "responses": {"200": {"description": "ok"}}},
        },
    },
}
POLICIES = """
@id("writes-need-a-yes")
@reason("Money is paid only with a yes.")
@needs_approval("%s")%s
permit (principal, action in Action::"write", resource) when { context.in_scope };
@id("never")
@reason("Mallory is never paid.")
forbid (principal, action == Action::"shop_pay", resource) when { context.arguments.to == "mallory" };
"""
PAY, ORDER, DROP = "/v1/tools/shop_pay:call", "/v1/tools/shop_order:call", "/v1/tools/shop_drop:call"
UNTIL = "2026-12-10T00:00:00Z"
UP_TO_50 = {"properties": {"amount": {"maximum": 50}}, "required": ["amount"]}


@dataclass
class Clock:
    now: datetime = field(default_factory=lambda: NOON)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shop(backend: Backend, tmp_path: Path, clock: Clock) -> Callable[..., Any]:
    @asynccontextmanager
    async def opened(who: str = "", more: str = "", **settings: Any) -> AsyncIterator[Door]:
        folder = tmp_path / "policies"
        folder.mkdir(exist_ok=True)
        (folder / "ours.cedar").write_text(POLICIES % (who, more))
        async with open_door(tmp_path, policies_dir=str(folder), clock=clock, **settings) as door:
            await door.add("shop", SHOP, backend.url)
            yield door

    return opened


async def pay(door: Door, token: str, **arguments: Any) -> int:
    answer = await door.post(PAY, token, {"arguments": {"to": "bob", **arguments}})
    assert answer.status_code == 200 or answer.json()["code"] == "approval_needed", answer.text
    return answer.status_code


async def holder(door: Door, token: str) -> dict[str, Any]:
    """Who a key stands for, as an approval that it asks for says it."""
    key = await door.gateway.store.find_key(sha256(token.encode()).digest())
    assert key is not None
    return {"subject": key.subject, "client": key.id}


async def grant(door: Door, giver: str, token: str, **told: Any) -> dict[str, Any]:
    body = {"for": await holder(door, token), "tool": "shop_pay", "arguments": {}, "uses_max": 10, "expires_at": UNTIL}
    answer = await door.post("/v1/grants", giver, {**body, **told})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def shown(door: Door, token: str, one: dict[str, Any]) -> dict[str, Any]:
    return dict((await door.get(f"/v1/grants/{one['id']}", token)).json())


async def refused(door: Door, token: str, told: Any, path: str = "/v1/grants") -> tuple[int, str]:
    answer = await door.post(path, token, told)
    return answer.status_code, str(answer.json()["detail"])


async def test_a_grant_lets_calls_through_within_its_bounds_and_the_log_names_it(
    shop: Callable[..., Any], backend: Backend
) -> None:
    async with shop() as door:
        ada, owner = await door.key(), await door.key(DECIDE, subject="owner")
        assert await pay(door, ada, amount=20) == 403
        given = await grant(door, owner, ada, arguments=UP_TO_50, uses_max=2)
        assert (given["state"], given["id"][:2], given["given"][0]["subject"]) == ("active", "g-", "owner")
        assert await pay(door, ada, amount=51) == 403
        assert await pay(door, ada, amount=50) == 200
        assert await pay(door, ada, amount="50") == 403
        assert await pay(door, ada) == 403
        assert await pay(door, ada, amount=1.5) == 200
        assert await pay(door, ada, amount=1) == 403
        assert [json.loads(one.body)["amount"] for one in backend.seen] == [50, 1.5]
        now = await shown(door, ada, given)
        assert (now["state"], now["uses"]) == ("used_up", 2)
        lines = (await door.get("/v1/audit", await door.key("factotum:audit.read"))).json()["lines"]
        assert [one["approval"] for one in lines if one["phase"] in ("sending", "done")] == [given["id"]] * 4
        assert [(one["subject"], one["approval"]) for one in lines if one["tool"] == "grants.created"] == [
            ("owner", given["id"])
        ]


async def test_an_amount_is_counted_exactly_over_all_uses(shop: Callable[..., Any]) -> None:
    async with shop() as door:
        ada, owner = await door.key(), await door.key(DECIDE, subject="owner")
        given = await grant(door, owner, ada, uses_max=100, amount={"argument": "/amount", "total": "0.3"})
        assert [await pay(door, ada, amount=one) for one in (0.1, 0.2, 0.000000001)] == [200, 200, 403]
        now = await shown(door, ada, given)
        assert (now["state"], now["uses"], now["amount"]["used"]) == ("used_up", 2, "0.3")


@pytest.mark.parametrize(
    "amount",
    [
        -1,
        -0.01,
        1e300,
        10**30,
        True,
        None,
        "1e1",
        "NaN",
        "-5",
        " 5",
        "５",
        "5 EUR",
        [5],
        {"amount": 5},
        1e-12,
        "0x5",
        "",
    ],
)
async def test_what_is_no_amount_that_can_be_counted_needs_a_yes_of_its_own(
    shop: Callable[..., Any], backend: Backend, amount: Any
) -> None:
    async with shop() as door:
        ada, owner = await door.key(), await door.key(DECIDE, subject="owner")
        given = await grant(door, owner, ada, amount={"argument": "/amount", "total": 100})
        assert await pay(door, ada, amount=amount) == 403
        assert backend.seen == []
        assert await pay(door, ada, amount="5.25") == 200
        assert (await shown(door, ada, given))["amount"]["used"] == "5.25"


async def test_of_fifty_calls_at_once_no_more_go_through_than_were_granted(
    shop: Callable[..., Any], backend: Backend
) -> None:
    async with shop() as door:
        ada, owner = await door.key(), await door.key(DECIDE, subject="owner")
        await grant(door, owner, ada, uses_max=7)
        answers = await asyncio.gather(*(pay(door, ada, amount=number) for number in range(50)))
        assert (answers.count(200), len(backend.seen)) == (7, 7)
        await grant(door, owner, ada, uses_max=50, amount={"argument": "/amount", "total": 100})
        answers = await asyncio.gather(*(pay(door, ada, amount=30) for _ in range(50)))
        assert (answers.count(200), len(backend.seen)) == (3, 10)


async def test_a_grant_is_of_one_person_through_one_client_in_one_tenant(
    shop: Callable[..., Any], backend: Backend
) -> None:
    async with shop() as door:
        ada, owner = await door.key(), await door.key(DECIDE, subject="owner")
        given = await grant(door, owner, ada)
        hers = await door.key()
        for other in (await door.key(subject="bob"), hers, await door.key(tenant="other")):
            assert await pay(door, other, amount=1) == 403
            assert (await door.get(f"/v1/grants/{given['id']}", other)).status_code == 404
            assert (await door.get("/v1/grants", other)).json() == {"grants": []}
        assert backend.seen == []
        foreign = await door.key(DECIDE, tenant="other", subject="owner")
        assert (await door.get("/v1/grants", foreign)).json() == {"grants": []}
        for path in (f"/v1/grants/{given['id']}/revoke", f"/v1/grants/{given['id']}/approve"):
            assert (await door.post(path, foreign)).status_code == 404
        actor = {**await holder(door, hers), "actors": ["somebody"]}
        await grant(door, owner, hers, **{"for": actor})
        assert await pay(door, hers, amount=1) == 403
        assert await pay(door, ada, amount=1) == 200


async def test_the_client_that_asks_can_never_grant_itself(shop: Callable[..., Any], backend: Backend) -> None:
    async with shop() as door:
        every = await door.key("shop:write", DECIDE)
        body = {
            "for": await holder(door, every),
            "tool": "shop_pay",
            "arguments": {},
            "uses_max": 1,
            "expires_at": UNTIL,
        }
        status, told = await refused(door, every, body)
        assert (status, "cannot grant it to itself" in told) == (403, True)
        ada = await door.key()
        answer = await door.post("/v1/grants", ada, body)
        assert (answer.status_code, answer.json()["scopes"]) == (403, [DECIDE])
        waiting = (await door.post(PAY, every, {"arguments": {"to": "bob"}})).json()["approval"]["id"]
        terms = {"grant": {"uses_max": 5, "expires_at": UNTIL}}
        assert (await refused(door, every, terms, f"/v1/approvals/{waiting}/approve"))[0] == 403
        owner = await door.key(DECIDE, subject="owner")
        assert (await door.get("/v1/grants", owner)).json() == {"grants": []}
        assert (await door.get(f"/v1/approvals/{waiting}", owner)).json()["grant"] == ""
        assert backend.seen == []


async def test_a_tool_that_changed_suspends_its_grant_and_that_is_said(
    shop: Callable[..., Any], backend: Backend
) -> None:
    async with shop() as door:
        ada, owner = await door.key(), await door.key(DECIDE, subject="owner")
        given = await grant(door, owner, ada)
        wide = await grant(door, owner, ada, tool="", connector="shop", effect="write")
        assert await pay(door, ada, amount=1) == 200
        changed = json.loads(json.dumps(SHOP))
        changed["paths"]["/payments"]["post"]["summary"] = "Pay somebody twice"
        await door.gateway.ingestion.remove(Principal("default", "x", "y"), "shop")
        await door.add("shop", changed, backend.url)
        answer = await door.post(PAY, ada, {"arguments": {"to": "bob", "amount": 1}})
        assert answer.status_code == 403
        assert (
            f"The grant {given['id']} is suspended: shop_pay has changed since it was given." in answer.json()["detail"]
        )
        assert f"The grant {wide['id']} is suspended" in answer.json()["detail"]
        assert (await shown(door, owner, given))["suspended"] == "shop_pay has changed since it was given."
        assert "shop_pay" in (await shown(door, owner, wide))["suspended"]
        assert (await door.post(ORDER, ada)).status_code == 200


async def test_a_grant_of_a_connector_is_for_one_effect_and_for_what_was_there(
    shop: Callable[..., Any], backend: Backend
) -> None:
    async with shop() as door:
        ada, owner = await door.key(), await door.key(DECIDE, subject="owner")
        await grant(door, owner, ada, tool="", connector="shop", effect="write")
        assert await pay(door, ada) == 200
        assert (await door.post(ORDER, ada)).status_code == 200
        assert (await door.post(DROP, ada)).status_code == 403


async def test_a_revoked_grant_lets_nothing_through_whoever_is_using_it(
    shop: Callable[..., Any], backend: Backend
) -> None:
    async with shop() as door:
        ada, owner = await door.key(), await door.key(DECIDE, subject="owner")
        given = await grant(door, owner, ada, uses_max=1_000)
        using = [asyncio.create_task(pay(door, ada, amount=number)) for number in range(30)]
        await backend.arrived.wait()
        answer = await door.post(f"/v1/grants/{given['id']}/revoke", owner, {"reason": "Enough."})
        assert (answer.status_code, answer.json()["state"]) == (200, "revoked")
        sent = len(backend.seen)
        assert await pay(door, ada, amount=99) == 403
        through = (await asyncio.gather(*using)).count(200)
        now = await shown(door, ada, given)
        assert (now["reason"], now["revoked_by"], now["uses"]) == ("Enough.", "owner", through)
        assert through >= sent
        assert (await refused(door, owner, {}, f"/v1/grants/{given['id']}/revoke"))[0] == 409


async def test_who_has_a_grant_may_give_it_up_and_nobody_else_may_touch_it(shop: Callable[..., Any]) -> None:
    async with shop() as door:
        ada, owner = await door.key(), await door.key(DECIDE, subject="owner")
        given = await grant(door, owner, ada)
        bob = await door.key(subject="bob")
        assert (await door.post(f"/v1/grants/{given['id']}/revoke", bob)).status_code == 404
        assert (await door.post(f"/v1/grants/{given['id']}/revoke", ada)).json()["state"] == "revoked"
        assert (await door.post("/v1/grants/g-1/revoke", owner)).status_code == 404


async def test_a_grant_ends_and_no_clock_brings_it_back(shop: Callable[..., Any], clock: Clock) -> None:
    async with shop() as door:
        ada, owner = await door.key(), await door.key(DECIDE, subject="owner")
        end = (NOON + timedelta(hours=1)).isoformat()
        given = await grant(door, owner, ada, expires_at=end)
        clock.now = NOON - timedelta(days=1)
        assert await pay(door, ada) == 403
        clock.now = NOON + timedelta(minutes=59)
        assert await pay(door, ada) == 200
        clock.now = NOON + timedelta(hours=1)
        assert await pay(door, ada) == 403
        assert (await shown(door, ada, given))["state"] == "expired"


async def test_a_policy_that_forbids_beats_every_grant(shop: Callable[..., Any], backend: Backend) -> None:
    async with shop() as door:
        ada, owner = await door.key(), await door.key(DECIDE, subject="owner")
        given = await grant(door, owner, ada)
        answer = await door.post(PAY, ada, {"arguments": {"to": "mallory"}})
        assert (answer.status_code, answer.json()["title"]) == (403, "Denied by policy")
        assert (backend.seen, (await shown(door, ada, given))["uses"]) == ([], 0)


async def test_a_preview_and_what_cannot_be_sent_use_nothing(shop: Callable[..., Any], backend: Backend) -> None:
    async with shop() as door:
        ada, owner = await door.key(), await door.key(DECIDE, subject="owner")
        given = await grant(door, owner, ada)
        assert (await door.post(PAY, ada, {"arguments": {"to": "bob"}, "dry_run": True})).status_code == 200
        assert (await door.post(PAY, ada, {"arguments": {}})).status_code == 422
        assert (await shown(door, ada, given))["uses"] == 0


async def test_a_call_that_never_left_gives_its_use_back_and_one_that_may_have_does_not(
    shop: Callable[..., Any], backend: Backend
) -> None:
    async with shop() as door:
        ada, owner = await door.key(), await door.key(DECIDE, subject="owner")
        given = await grant(door, owner, ada, amount={"argument": "/amount", "total": 100})
        backend.held = True
        slow = asyncio.create_task(door.post(PAY, ada, {"arguments": {"to": "bob", "amount": 1}}))
        await backend.arrived.wait()
        slow.cancel()
        await asyncio.gather(slow, return_exceptions=True)
        assert (await shown(door, ada, given))["uses"] == 1
        await door.add("closed", SHOP, "http://127.0.0.1:9", prefix="closed")
        ada2 = await door.key()
        body = {
            "for": await holder(door, ada2),
            "tool": "closed_pay",
            "arguments": {},
            "uses_max": 1,
            "expires_at": UNTIL,
        }
        body |= {"amount": {"argument": "/amount", "total": 1}}
        away = (await door.post("/v1/grants", owner, body)).json()
        for _ in range(3):
            answer = await door.post("/v1/tools/closed_pay:call", ada2, {"arguments": {"to": "bob", "amount": 1}})
            assert (answer.status_code, answer.json()["may_have_happened"]) == (502, False), answer.text
        now = await shown(door, owner, away)
        assert (now["state"], now["uses"], now["amount"]["used"]) == ("active", 0, "0")


async def test_a_yes_can_be_to_the_same_call_again_and_to_no_other(shop: Callable[..., Any], backend: Backend) -> None:
    async with shop() as door:
        ada, owner = await door.key(), await door.key(DECIDE, subject="owner")
        asked = (await door.post(PAY, ada, {"arguments": {"to": "bob", "amount": 5}})).json()["approval"]["id"]
        terms = {"grant": {"uses_max": 2, "expires_at": UNTIL}}
        approved = (await door.post(f"/v1/approvals/{asked}/approve", owner, terms)).json()
        assert approved["state"] == "approved"
        given = await shown(door, owner, {"id": approved["grant"]})
        assert (given["exact"], given["approval"], given["tool"]) == (True, asked, "shop_pay")
        assert [await pay(door, ada, amount=5) for _ in range(4)] == [200, 200, 200, 403]
        assert await pay(door, ada, amount=4) == 403
        assert len(backend.seen) == 3
        assert (await refused(door, owner, terms, f"/v1/approvals/{asked}/approve"))[0] == 409


async def test_a_yes_can_be_to_such_calls_within_constraints(shop: Callable[..., Any]) -> None:
    async with shop() as door:
        ada, owner = await door.key(), await door.key(DECIDE, subject="owner")
        asked = (await door.post(PAY, ada, {"arguments": {"to": "bob", "amount": 500}})).json()["approval"]["id"]
        path = f"/v1/approvals/{asked}/approve"
        bad = {"grant": {"uses_max": 5, "expires_at": UNTIL, "arguments": {"properties": {"amuont": {"maximum": 5}}}}}
        status, told = await refused(door, owner, bad, path)
        assert (status, "no argument 'amuont'" in told) == (400, True)
        assert (await door.get(f"/v1/approvals/{asked}", owner)).json()["state"] == "pending"
        good = {"grant": {"uses_max": 5, "expires_at": UNTIL, "arguments": UP_TO_50}}
        assert (await door.post(path, owner, good)).status_code == 200
        assert [await pay(door, ada, amount=one) for one in (50, 500, 500)] == [200, 200, 403]


async def test_a_no_to_a_call_outlasts_the_grants_that_were_there(shop: Callable[..., Any], clock: Clock) -> None:
    async with shop() as door:
        ada, owner = await door.key(), await door.key(DECIDE, subject="owner")
        asked = (await door.post(PAY, ada, {"arguments": {"to": "bob", "amount": 5}})).json()["approval"]["id"]
        clock.now += timedelta(seconds=1)
        await grant(door, owner, ada)
        clock.now += timedelta(seconds=1)
        await door.post(f"/v1/approvals/{asked}/deny", owner, {"reason": "Not him."})
        assert [await pay(door, ada, amount=one) for one in (5, 6)] == [403, 200]
        clock.now += timedelta(seconds=1)
        await grant(door, owner, ada)
        assert await pay(door, ada, amount=5) == 200


async def test_a_grant_carries_the_yes_of_the_groups_that_gave_it(shop: Callable[..., Any]) -> None:
    async with shop("finance") as door:
        ada = await door.key()
        anybody = await door.key(DECIDE, subject="owner")
        await grant(door, anybody, ada)
        answer = await door.post(PAY, ada, {"arguments": {"to": "bob"}})
        assert "does not carry every yes that this needs" in answer.json()["detail"]
        fay = await door.key(DECIDE, subject="fay", groups=("finance",))
        sam = await door.key(DECIDE, subject="sam", groups=("safety",))
        both = await grant(door, fay, ada, groups=["finance", "safety"])
        assert (both["state"], both["lacking"]) == ("pending", ["safety"])
        assert await pay(door, ada) == 403
        assert (await refused(door, anybody, {}, f"/v1/grants/{both['id']}/approve"))[0] == 403
        assert (await refused(door, fay, {}, f"/v1/grants/{both['id']}/approve"))[0] == 403
        assert (await door.post(f"/v1/grants/{both['id']}/approve", sam)).json()["state"] == "active"
        assert await pay(door, ada) == 200
        assert (await refused(door, sam, {}, f"/v1/grants/{both['id']}/approve"))[0] == 409


async def test_with_four_eyes_ones_own_grant_does_not_count(shop: Callable[..., Any]) -> None:
    async with shop("", '\n@four_eyes("")') as door:
        ada, herself, bob = await door.key(), await door.key(DECIDE), await door.key(DECIDE, subject="bob")
        await grant(door, herself, ada)
        assert await pay(door, ada) == 403
        asked = (await door.post(PAY, ada, {"arguments": {"to": "bob"}})).json()["approval"]["id"]
        terms = {"grant": {"uses_max": 2, "expires_at": UNTIL}}
        assert (await refused(door, herself, terms, f"/v1/approvals/{asked}/approve"))[0] == 403
        await grant(door, bob, ada)
        assert await pay(door, ada) == 200


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"uses_max": 0}, "uses_max"),
        ({"uses_max": 10**9}, "uses_max"),
        ({"expires_at": "2026-11-30T11:00:00Z"}, "grant_ttl_s_max"),
        ({"expires_at": "2028-11-30T11:00:00Z"}, "grant_ttl_s_max"),
        ({"expires_at": "2026-12-01T11:00:00"}, "expires_at"),
        ({"expires_at": None}, "expires_at"),
        ({"arguments": None}, "{} for any"),
        ({"arguments": {"properties": {"amount": {"maxmum": 50}}}}, "maxmum is not checked"),
        ({"arguments": {"properties": {"amount": {"format": "x"}}}}, "format is not checked"),
        ({"arguments": {"$ref": "http://127.0.0.1/x"}}, "$ref is not checked"),
        ({"arguments": {"properties": {"amount": {"maximum": "x"}}}}, "no JSON Schema"),
        ({"arguments": {"properties": 5}}, "another kind"),
        ({"arguments": {"properties": {"to": {"pattern": "(a+)+(?=b)"}}}}, "simpler one"),
        ({"arguments": {"properties": {"to": {"pattern": "a" * 3_000}}}}, "simpler one"),
        ({"arguments": {"properties": {"to": {"enum": ["a" * 20_000]}}}}, "larger than"),
        ({"arguments": {"anyOf": []}}, "another kind"),
        ({"arguments": {"properties": {"other": {}}}}, "no argument 'other'"),
        ({"amount": {"argument": "/amount", "total": 0}}, "amount.total"),
        ({"amount": {"argument": "/amount", "total": "NaN"}}, "amount.total"),
        ({"amount": {"argument": "/amount", "total": "1e30"}}, "amount.total"),
        ({"amount": {"argument": "/amount", "total": "0.0000000001"}}, "amount.total"),
        ({"amount": {"argument": "amount", "total": 5}}, "amount.argument"),
        ({"amount": {"argument": "/other", "total": 5}}, "no argument 'other'"),
        ({"tool": "shop_steal"}, "no tool named"),
        ({"tool": ""}, "name one of the two"),
        ({"connector": "shop"}, "name one of the two"),
        ({"tool": "", "connector": "shop", "effect": "read"}, "which is a read"),
        ({"groups": ["x"] * 30}, "groups"),
        ({"uses": 5}, "unknown field"),
    ],
)
async def test_a_grant_that_would_not_hold_is_refused_with_what_to_do(
    shop: Callable[..., Any], told: dict[str, Any], why: str
) -> None:
    async with shop() as door:
        owner = await door.key(DECIDE, subject="owner")
        body = {"for": {"subject": "a", "client": "b"}, "tool": "shop_pay", "arguments": {}}
        status, detail = await refused(door, owner, {**body, "uses_max": 1, "expires_at": UNTIL, **told})
        assert (status in (400, 404), why in detail) == (True, True), detail
        assert (await door.get("/v1/grants", owner)).json() == {"grants": []}


# The rules themselves.


def test_a_keyword_about_one_type_asks_for_that_type_except_under_not() -> None:
    assert json.loads(bytes(read_constraints({"properties": {"amount": {"maximum": 50}}}))) == {
        "properties": {"amount": {"maximum": 50, "type": ["number"]}},
        "type": "object",
    }
    not_large = read_constraints({"properties": {"amount": {"not": {"minimum": 51}}}})
    assert not within(not_large, {"amount": 60})


@pytest.mark.parametrize("value", ["1000", True, None, [1], {"a": 1}, 50.000001, 1e300])
def test_what_is_no_number_is_not_a_number_of_at_most_fifty(value: Any) -> None:
    assert not within(read_constraints(UP_TO_50), {"amount": value})


def test_constraints_nest_only_so_deep() -> None:
    deep: dict[str, Any] = {}
    for _ in range(30):
        deep = {"properties": {"a": deep}}
    with pytest.raises(Unclear, match="nest deeper"):
        read_constraints(deep)


def test_what_takes_too_long_to_check_is_not_within() -> None:
    either = [{"properties": {"x": {"maximum": number}}} for number in range(100)]
    wide = read_constraints({"properties": {"list": {"items": {"anyOf": either}}}})
    assert within(wide, {"list": [{"x": 1}] * 100})
    assert not within(wide, {"list": [{"x": 1}] * 200_000})
    assert not within(read_constraints({"properties": {"a": {"pattern": "b"}}}), {"a": "b\ud800"})


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(KEYWORDS)), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(sorted(KEYWORDS)), JSON, max_size=5))
@settings(max_examples=300, deadline=None)
def test_whatever_somebody_writes_is_constraints_or_is_refused(schema: dict[str, Any]) -> None:
    try:
        read = read_constraints(schema)
    except Unclear:
        return
    assert within(read, {"amount": 5}) in (True, False)


@given(JSON)
@settings(max_examples=300, deadline=None)
def test_an_amount_is_counted_exactly_or_not_at_all(value: Any) -> None:
    counted = amount_of({"a": value}, "/a")
    assert counted is None or (counted.is_finite() and 0 <= counted < 10**15)
    assert amount_of({"a": [value]}, "/a/0") is None


GRANT = Grant(
    "g-1", "red", "ada", "", "agent", (), "pay", "shop", "write", frozenset({"f"}), (), NOON, NOON + timedelta(hours=1), 3,
    amount=Budget("/amount", Decimal(10)),
)  # fmt: skip
BOB = Principal("red", "bob", "phone")


@given(st.lists(st.tuples(st.booleans(), st.decimals(0, 6, places=2)), max_size=30))
@settings(deadline=None)
def test_never_more_is_used_than_was_granted_however_uses_come_back(steps: list[tuple[bool, Decimal]]) -> None:
    held, out = say_yes(GRANT, BOB, NOON), []
    for is_use, amount in steps:
        if is_use and (used := take(held, amount, NOON)) is not None:
            held = used
            out.append(amount)
        elif not is_use and out:
            held = give_back(held, out.pop())
        assert held.amount is not None
        assert (held.uses, held.amount.used) == (len(out), sum(out))
        assert held.uses <= 3
        assert held.amount.used <= 10


def test_what_was_revoked_stays_so_when_a_use_comes_back() -> None:
    used = take(say_yes(GRANT, BOB, NOON), Decimal(1), NOON)
    assert used is not None
    ended = revoke(used, BOB, "no", NOON)
    assert give_back(ended, Decimal(1)).state == "revoked"
    assert take(ended, Decimal(1), NOON) is None
    with pytest.raises(Unfit, match="revoked already"):
        revoke(ended, BOB, "no", NOON)


def test_the_same_name_vouched_for_by_another_issuer_is_somebody_else() -> None:
    wants = Decision("needs_approval", ("Why.",), four_eyes=True)
    own = say_yes(GRANT, Principal("red", "ada", "phone"), NOON)
    other = say_yes(GRANT, Principal("red", "ada", "phone", issuer="https://id.example"), NOON)
    assert (carries(own, wants), carries(other, wants), carries(GRANT, wants)) == (False, True, False)


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_every_store_counts_each_use_once(tmp_path: Path, kind: str) -> None:
    url = f"sqlite:///{tmp_path / 'x.db'}"
    stores: list[Store] = [await (open_memory() if kind == "memory" else open_sql(url))]
    if kind == "sqlite":
        stores.append(await open_sql(url))  # As another process has it.
    active = structs.replace(say_yes(GRANT, BOB, NOON), arguments=Raw(b'{"type":"object"}'))
    await stores[0].add_grant(active)
    assert await stores[-1].find_grant("g-1") == active
    assert list(await stores[0].grants("red", "active", NOON, 10, active.owner)) == [active]
    assert list(await stores[0].grants("red", "active", NOON, 10, ("red", "", "bob", "agent"))) == []
    assert list(await stores[0].grants("blue", None, NOON, 10)) == []
    over = NOON + timedelta(hours=2)
    assert list(await stores[0].grants("red", "expired", over, 10)) == [active]
    assert list(await stores[0].grants("red", "active", over, 10)) == []
    assert await stores[0].use_grant("g-1", Decimal(1), over) is None
    assert await stores[0].use_grant("g-2", Decimal(1), NOON) is None
    uses = await asyncio.gather(*(one.use_grant("g-1", Decimal(1), NOON) for one in stores * 10))
    assert sum(one is not None for one in uses) == 3
    await stores[0].give_back_use("g-1", Decimal(1))
    found = await stores[-1].find_grant("g-1")
    assert found is not None
    assert (found.state, found.uses, found.amount) == ("active", 2, Budget("/amount", Decimal(10), Decimal(2)))
    assert not await stores[0].change_grant(active, revoke(active, BOB, "", NOON))
    assert await stores[0].change_grant(found, revoke(found, BOB, "", NOON))
    assert await stores[-1].use_grant("g-1", Decimal(1), NOON) is None
    for store in stores:
        await store.close()
