"""Intents, through the front door: a typed plan is checked, carried out, looked after, paused, taken back and told of."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from gateway.core.plan import STEPS_MAX
from gateway.core.quota import Quota
from gateway.core.toolset import Toolset
from gateway.edge.approvals import DECIDE
from gateway.serve import bind, serving_app, url_of
from gateway.settings import IntentSettings
from tests.conftest import Door, open_door
from tests.shop import DOCUMENT, Shop

pytestmark = pytest.mark.anyio

Json = dict[str, Any]


@pytest.fixture
async def shop(anyio_backend: str) -> AsyncIterator[Shop]:
    one = Shop()
    with bind("127.0.0.1", 0) as listening:
        async with serving_app(one, listening):
            one.url = url_of(listening)
            yield one


@pytest.fixture
async def token(door: Door, shop: Shop) -> str:
    await door.add("shop", DOCUMENT, shop.url, prefix="")
    return await door.key()


def literal(value: Any) -> Json:
    return {"kind": "literal", "value": value}


def ref(step: str, pointer: str = "", **more: Any) -> Json:
    return {"kind": "ref", "step": step, "pointer": pointer, **more}


def item(pointer: str) -> Json:
    return {"kind": "item", "pointer": pointer}


def step(name: str, tool: str, /, **arguments: Any) -> Json:
    told = {key.strip("_"): arguments.pop(key) for key in ("each_", "when_", "verify_") if key in arguments}
    return {"name": name, "tool": tool, "arguments": arguments, **told}


def plan(*steps: Json, **more: Any) -> Json:
    return {"intent": "order tea", "steps": steps, **more}


async def start(door: Door, token: str, *steps: Json, mode: str = "execute", **more: Any) -> Json:
    body = {"plan": plan(*steps, **more), "mode": mode, "wait_s": 20}
    response = await door.post("/v1/intents", token, body)
    assert response.status_code == 201, response.text
    told: Json = response.json()
    return told


async def post(door: Door, token: str, run: Json, what: str, body: Any = None, status: int = 200) -> Json:
    response = await door.post(f"/v1/intents/{run['id']}/{what}", token, body)
    assert response.status_code == status, response.text
    told: Json = response.json()
    return told


async def sentences(door: Door, token: str, run: Json) -> list[Json]:
    told = (await door.get(f"/v1/intents/{run['id']}/explanation", token)).json()["sentences"]
    kinds = {one["id"]: one for one in await events(door, token, run)}
    assert all(row in kinds for one in told for row in one["rows"]), "every sentence points at rows that there are"
    assert all(one["rows"] for one in told)
    return list(told)


async def events(door: Door, token: str, run: Json, after: int = 0) -> list[Json]:
    headers = {"authorization": f"Bearer {token}", "last-event-id": str(after)}
    text = (await door.client.get(f"/v1/intents/{run['id']}/events", headers=headers)).text
    found = []
    for block in filter(None, text.split("\n\n")):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if fields:
            found.append({"id": int(fields["id"]), "kind": fields["event"], **json.loads(fields["data"])})
    return found


TEA = step("tea", "make", item=literal("tea"), count=literal(2))


async def test_a_plan_is_carried_out_and_what_it_did_is_looked_after(door: Door, shop: Shop, token: str) -> None:
    run = await start(door, token, step("more", "change", id=ref("tea", "/id"), count=literal(3)), TEA)
    assert run["state"] == "done"
    assert shop.writes == ["make tea", "change 1"]
    assert shop.orders[1] == {"id": 1, "item": "tea", "count": 3}
    assert [(one["name"], one["calls"][0]["state"]) for one in run["steps"]] == [
        ("tea", "verified"),
        ("more", "verified"),
    ]
    told = await sentences(door, token, run)
    assert [one["certainty"] for one in told] == ["verified", "verified"]
    kinds = [one["kind"] for one in await events(door, token, run)]
    assert kinds == ["received", *["sending", "called", "verified"] * 2, "ended"]


async def test_events_go_on_after_the_last_that_was_seen(door: Door, token: str) -> None:
    run = await start(door, token, TEA)
    every = await events(door, token, run)
    assert [one["id"] for one in every] == [*range(1, run["sequence"] + 1)]
    assert await events(door, token, run, after=2) == every[2:]


async def test_each_item_of_a_list_is_carried_out_for_where_its_condition_is_met(
    door: Door, shop: Shop, token: str
) -> None:
    shop.orders = {n: {"id": n, "item": f"i{n}", "count": n} for n in (1, 2, 3)}
    run = await start(
        door,
        token,
        step("all", "orders"),
        step(
            "some",
            "change",
            each_=ref("all", "/orders"),
            when_={"value": item("/count"), "fits": {"minimum": 2}},
            id=item("/id"),
            item=literal("new"),
        ),
    )
    assert run["state"] == "done"
    assert shop.writes == ["change 2", "change 3"]
    assert [one["state"] for one in run["steps"][1]["calls"]] == ["skipped", "verified", "verified"]


async def test_what_refers_to_a_step_that_was_left_out_is_left_out_too(door: Door, shop: Shop, token: str) -> None:
    never = {"value": ref("all", "/orders/0"), "fits": {}}
    run = await start(
        door, token, step("all", "orders"), {**TEA, "when": never}, step("more", "change", id=ref("tea", "/id"))
    )
    assert (run["state"], shop.writes) == ("done", [])
    assert [one["calls"][0]["state"] for one in run["steps"]] == ["answered", "skipped", "skipped"]


async def test_a_plan_that_does_not_hold_is_refused_with_every_problem_and_nothing_is_called(
    door: Door, shop: Shop, token: str
) -> None:
    body = {"plan": plan(step("a", "make", item=literal(3)), step("b", "order", id=ref("a", "/nothing")))}
    response = await door.post("/v1/intents", token, body)
    assert (response.status_code, response.json()["code"]) == (422, "invalid_plan")
    assert response.json()["problems"] == [
        {"step": "a", "argument": "/item", "detail": "expected a string"},
        {"step": "b", "argument": "/id", "detail": "the answer of a declares nothing at '/nothing'"},
    ]
    assert shop.writes == []
    assert (await door.get("/v1/intents", token)).json() == {"intents": []}


async def test_words_of_which_no_plan_comes_are_answered_with_why(door: Door, token: str) -> None:
    response = await door.post("/v1/intents", token, {"intent": "fly to the moon"})
    assert (response.status_code, response.json()["code"]) == (422, "not_planned")
    assert response.json()["planned"]["kind"] == "impossible"


async def test_what_is_not_known_is_asked_and_the_answers_fill_the_arguments(
    door: Door, shop: Shop, token: str
) -> None:
    run = await start(door, token, step("tea", "make", item={"kind": "slot", "question": "Which tea?"}))
    assert (run["state"], shop.writes) == ("needs_input", [])
    assert run["questions"] == [{"key": "tea/item", "question": "Which tea?", "schema": {"type": "string"}}]
    wrong = await post(door, token, run, "inputs", {"values": {"tea/item": 3, "x": 1}}, 422)
    assert [one["argument"] for one in wrong["problems"]] == ["x", "tea/item"]
    done = await post(door, token, run, "inputs", {"values": {"tea/item": "green"}, "wait_s": 20})
    assert (done["state"], shop.writes) == ("done", ["make green"])


async def test_which_of_several_is_meant_is_asked(door: Door, shop: Shop, token: str) -> None:
    shop.orders = {n: {"id": n, "item": "tea"} for n in (1, 2)}
    run = await start(
        door, token, step("all", "orders"), step("less", "change", id=ref("all", "/orders/-/id"), count=literal(1))
    )
    assert (run["state"], run["questions"][0]["schema"]) == ("needs_input", {"enum": [1, 2]})
    done = await post(door, token, run, "inputs", {"values": {run["questions"][0]["key"]: 2}, "wait_s": 20})
    assert (done["state"], shop.writes) == ("done", ["change 2"])


async def test_a_preview_reads_and_shows_the_exact_writes_and_sends_none(door: Door, shop: Shop, token: str) -> None:
    shop.orders = {1: {"id": 1, "item": "tea", "count": 1}}
    run = await start(
        door,
        token,
        step("all", "orders"),
        step("more", "change", id=ref("all", "/orders/0/id"), count=literal(9)),
        TEA,
        step("then", "order", id=ref("tea", "/id")),
        mode="preview",
    )
    assert (run["state"], shop.writes) == ("done", [])
    _, more, tea, then = run["steps"]
    request = more["calls"][0]["request"]
    assert (request["method"], request["url"]) == ("PATCH", f"{shop.url}/orders/1")
    assert json.loads(request["body"]) == {"count": 9}
    assert more["arguments"][0] == {"place": "/id", "source": ref("all", "/orders/0/id")}
    assert (tea["calls"][0]["state"], tea["calls"][0]["undo"]) == ("previewed", "drop")
    assert (then["calls"][0]["state"], then["calls"][0]["detail"]) == ("skipped", "it needs what tea will answer")


async def test_a_backend_that_says_it_did_and_did_not_leaves_the_run_uncertain(
    door: Door, shop: Shop, token: str
) -> None:
    shop.mode = "lies"
    run = await start(door, token, TEA, step("more", "change", id=ref("tea", "/id"), count=literal(3)))
    assert run["state"] == "uncertain"
    assert shop.writes == ["make tea"]
    assert run["detail"] == "tea: order finds nothing there"
    assert {one["certainty"] for one in await sentences(door, token, run)} == {"uncertain"}
    shop.mode = "works"
    again = await post(door, token, run, "inputs", {"values": {run["questions"][0]["key"]: "again"}, "wait_s": 20})
    assert (again["state"], shop.writes) == ("done", ["make tea", "make tea", "change 1"])


async def test_what_a_plan_says_has_to_show_is_looked_for(door: Door, shop: Shop, token: str) -> None:
    shows = {"tool": "order", "arguments": {"id": ref("tea", "/id")}, "shows": {"/count": literal(3)}}
    run = await start(door, token, {**TEA, "verify": shows})
    assert (run["state"], run["detail"]) == ("uncertain", "tea: order does not show it at /count")
    assert (await start(door, token, {**TEA, "verify": None}))["steps"][0]["calls"][0]["state"] == "accepted"


async def test_a_write_without_an_answer_is_never_sent_again_unless_it_has_a_key(
    door: Door, shop: Shop, token: str
) -> None:
    shop.mode = "dies"
    run = await start(door, token, TEA)
    assert (run["state"], shop.writes) == ("uncertain", ["make tea"])
    happened = await post(door, token, run, "inputs", {"values": {"do:tea:0": "happened"}, "wait_s": 20})
    assert (happened["state"], shop.writes) == ("done", ["make tea"])
    keyed = await start(door, token, step("tea", "keyed", item=literal("mate")))
    assert (keyed["state"], shop.writes) == ("uncertain", ["make tea", "make mate"])
    assert [one["kind"] for one in await events(door, token, keyed)].count("sending") == 3


async def test_a_write_without_an_answer_that_a_look_shows_is_done(door: Door, shop: Shop, token: str) -> None:
    shop.orders = {1: {"id": 1, "item": "tea", "count": 1}}
    shop.mode = "dies"
    run = await start(door, token, step("more", "change", id=literal(1), count=literal(4)))
    assert (run["state"], shop.writes) == ("done", ["change 1"])
    assert run["steps"][0]["calls"][0]["state"] == "verified"


async def test_a_call_that_the_backend_refuses_ends_the_run(door: Door, shop: Shop, token: str) -> None:
    run = await start(door, token, step("more", "change", id=literal(7), count=literal(4)), TEA)
    assert (run["state"], shop.writes) == ("failed", [])
    assert "404" in run["detail"]


async def test_at_the_limit_of_its_budget_a_run_asks(door: Door, shop: Shop, token: str) -> None:
    two = (TEA, step("mate", "make", item=literal("mate")))
    run = await start(door, token, *two, budget={"calls_max": 2})
    assert (run["state"], shop.writes) == ("needs_input", ["make tea"])
    (question,) = run["questions"]
    assert (question["key"], question["schema"]["required"]) == ("budget", ["calls_max"])
    done = await post(door, token, run, "inputs", {"values": {"budget": {"calls_max": 9}}, "wait_s": 20})
    assert (done["state"], shop.writes) == ("done", ["make tea", "make mate"])
    assert done["spent"]["writes"] == 2


async def test_a_plan_of_more_writes_than_it_may_make_asks_before_the_first(door: Door, shop: Shop, token: str) -> None:
    shop.orders = {number: {"id": number, "item": "tea", "count": number} for number in range(1, 5)}
    listed = step("list", "orders")
    few = {"value": item("/count"), "fits": {"maximum": 3}}
    change = step("few", "change", each_=ref("list", "/orders"), when_=few, id=item("/id"), count=literal(0))
    run = await start(door, token, listed, change, TEA, budget={"writes_max": 3})
    assert (run["state"], shop.writes) == ("needs_input", [])
    (question,) = run["questions"]
    assert "It would make 4 writes, and none is made yet: the budget has writes_max = 3." in question["question"]
    await post(door, token, run, "inputs", {"values": {"budget": {"writes_max": 3}}}, 422)
    done = await post(door, token, run, "inputs", {"values": {"budget": {"writes_max": 4}}, "wait_s": 20})
    assert (done["state"], shop.writes) == ("done", ["change 1", "change 2", "change 3", "make tea"])


async def test_a_plan_of_more_writes_than_the_gateway_allows_makes_none(opens: Callable[..., Any], shop: Shop) -> None:
    async with opens(intents=IntentSettings(writes_max=1)) as door:
        await door.add("shop", DOCUMENT, shop.url, prefix="")
        run = await start(door, await door.key(), TEA, step("mate", "make", item=literal("mate")))
        assert (run["state"], shop.writes) == ("failed", [])
        assert "It would make 2 writes" in run["detail"]


async def test_what_was_done_is_taken_back_in_reverse(door: Door, shop: Shop, token: str) -> None:
    run = await start(door, token, TEA, step("mate", "make", item=literal("mate")))
    await post(door, token, run, "undo")
    back = (await door.client.get(f"/v1/intents/{run['id']}", headers={"authorization": f"Bearer {token}"})).json()
    assert back["state"] in ("compensating", "compensated")
    assert [one["kind"] for one in await events(door, token, run)][-1] == "ended"
    back = (await door.get(f"/v1/intents/{run['id']}", token)).json()
    assert (back["state"], shop.writes[2:], shop.orders) == ("compensated", ["drop 2", "drop 1"], {})
    assert all(one["calls"][0]["undone"] for one in back["steps"])
    await post(door, token, run, "undo", status=409)


async def test_what_nothing_takes_back_is_said(door: Door, shop: Shop, token: str) -> None:
    run = await start(door, token, TEA, step("note", "note", item=literal("n")))
    await post(door, token, run, "undo")
    await events(door, token, run)
    back = (await door.get(f"/v1/intents/{run['id']}", token)).json()
    assert (back["state"], back["detail"]) == ("failed", "Not everything was taken back: note.")
    assert shop.writes[-1] == "drop 1"


async def test_a_cancelled_run_makes_no_further_call(door: Door, shop: Shop, token: str) -> None:
    run = await start(door, token, step("tea", "make", item={"kind": "slot", "question": "Which tea?"}))
    assert (await post(door, token, run, "cancel"))["state"] == "cancelled"
    await post(door, token, run, "cancel", status=409)
    await post(door, token, run, "inputs", {"values": {"tea/item": "green"}}, 409)
    assert shop.writes == []


async def test_a_run_is_its_owners_alone(door: Door, shop: Shop, token: str) -> None:
    run = await start(door, token, TEA)
    other = await door.key()
    for path in ("", "/events", "/explanation"):
        assert (await door.get(f"/v1/intents/{run['id']}{path}", other)).status_code == 404
    for what in ("inputs", "cancel", "undo"):
        await post(door, other, run, what, status=404)
    assert (await door.get("/v1/intents", other)).json() == {"intents": []}
    assert [one["id"] for one in (await door.get("/v1/intents", token)).json()["intents"]] == [run["id"]]


async def test_the_same_key_begins_no_second_run(door: Door, shop: Shop, token: str) -> None:
    headers = {"authorization": f"Bearer {token}", "idempotency-key": "k-1"}
    body = {"plan": plan(TEA), "wait_s": 20}
    first, second = [await door.client.post("/v1/intents", json=body, headers=headers) for _ in range(2)]
    assert first.json()["id"] == second.json()["id"]
    assert shop.writes == ["make tea"]
    other = await door.client.post("/v1/intents", json={"plan": plan(TEA, budget={"calls_max": 3})}, headers=headers)
    assert other.status_code == 409


async def test_a_step_needs_the_scopes_that_a_call_needs(door: Door, shop: Shop, token: str) -> None:
    reader = await door.key("shop:read")
    response = await door.post("/v1/intents", reader, {"plan": plan(TEA)})
    assert response.json()["problems"] == [
        {"step": "tea", "argument": "", "detail": "there is no tool named 'make' that you may call"}
    ]


async def test_a_run_goes_on_with_the_scopes_of_whoever_answered_it_last(door: Door, token: str) -> None:
    run = await start(door, token, step("tea", "make", item={"kind": "slot", "question": "Which tea?"}))
    before = await door.gateway.runs.known(run["id"])
    assert before is not None
    wider = structs.replace(before.principal, scopes=before.principal.scopes | {"shop:more"})
    after = await door.gateway.intents.answer(wider, run["id"], {"tea/item": "green"})
    assert after.principal == wider


async def test_a_plan_of_a_thousand_steps_of_which_each_needs_the_one_before_is_carried_out(
    door: Door, shop: Shop, token: str
) -> None:
    shop.orders = {1: {"id": 1, "item": "tea", "count": 1}}
    chain = [step(f"s{n}", "order", id=ref(f"s{n - 1}", "/id")) for n in range(1, STEPS_MAX)]
    body = {"plan": plan(step("s0", "order", id=literal(1)), *chain, budget={"calls_max": STEPS_MAX}), "wait_s": 60}
    run = (await door.post("/v1/intents", token, body)).json()
    assert (run["state"], run["spent"]["calls"]) == ("done", STEPS_MAX)
    assert {one["calls"][0]["state"] for one in run["steps"]} == {"answered"}
    one_more = plan(*chain, step("a", "orders"), step("b", "orders"), step("s0", "order", id=literal(1)))
    refused = await door.post("/v1/intents", token, {"plan": one_more})
    assert refused.json()["problems"][0]["detail"] == "a plan has 1 to 1000 steps; this one has 1002"


async def test_an_intent_of_a_toolset_is_planned_and_carried_out_with_its_tools_alone(
    opens: Callable[..., Any], shop: Shop
) -> None:
    toolsets = {"few": Toolset(tools=("make", "orders"))}
    async with opens(toolsets=toolsets, follow_s=0.05) as door:
        await door.add("shop", DOCUMENT, shop.url, prefix="")
        token = await door.key()
        made = await door.post("/v1/intents", token, {"plan": plan(TEA), "toolset": "few", "wait_s": 20})
        run = made.json()
        assert (run["state"], run["steps"][0]["calls"][0]["state"]) == ("done", "accepted"), "order is none of them"
        other = {"plan": plan(step("x", "drop", id=literal(1))), "toolset": "few"}
        assert (await door.post("/v1/intents", token, other)).json()["code"] == "invalid_plan"
        assert (await door.post("/v1/intents", token, {**other, "toolset": "none"})).json()["code"] == "invalid_plan"
        words = {"intent": "drop the order 1", "toolset": "few"}
        told = (await door.post("/v1/intents", token, words)).json()
        assert (told["code"], shop.writes) == ("not_planned", ["make tea"])
        await post(door, token, run, "undo")
        assert (await at_the_end(door, token, run))["state"] == "failed"
        assert shop.writes == ["make tea"], "what takes it back is none of them either"


# What is busy.


async def test_a_backend_that_wants_a_call_later_is_waited_for_and_the_call_is_made_once(
    door: Door, shop: Shop, token: str
) -> None:
    shop.busy = [429]
    run = await start(door, token, TEA)
    assert (run["state"], shop.writes, run["spent"]["writes"]) == ("done", ["make tea"], 1)
    assert 0.9 < run["spent"]["paused_s"] < 1.1
    kinds = [one["kind"] for one in await events(door, token, run)]
    assert kinds == ["received", "sending", "paused", "sending", "called", "verified", "ended"]


async def test_a_read_waits_for_a_503_and_a_write_does_not_as_it_may_have_happened(
    door: Door, shop: Shop, token: str
) -> None:
    shop.busy = [503, 503]
    run = await start(door, token, step("all", "orders"))
    assert run["state"] == "done"
    shop.busy = [503]
    failed = await start(door, token, TEA)
    assert (failed["state"], shop.writes) == ("failed", [])


async def test_how_long_a_run_waits_is_told_survives_a_restart_and_is_bounded(tmp_path: Path, shop: Shop) -> None:
    now = [datetime(2026, 5, 1, 12, tzinfo=UTC)]
    told = {"clock": lambda: now[0], "follow_s": 0.02}
    async with open_door(tmp_path, **told) as door:
        await door.add("shop", DOCUMENT, shop.url, prefix="")
        token = await door.key()
        shop.busy, shop.rest_s = [429], 600
        body = {"plan": plan(TEA)}
        run = (await door.post("/v1/intents", token, body)).json()
        while run["state"] == "running" and not run["paused_until"]:
            run = (await door.get(f"/v1/intents/{run['id']}", token)).json()
        assert (run["state"], run["paused_until"]) == ("running", "2026-05-01T12:10:00Z")
        assert run["detail"].endswith("It is tried again at 2026-05-01 12:10:00 UTC.")
        told_of = (await door.get(f"/v1/intents/{run['id']}/explanation", token)).json()["sentences"]
        assert told_of[-1]["text"] == run["detail"]
    now[0] += timedelta(seconds=599)
    async with open_door(tmp_path, **told) as door:
        await asyncio.sleep(0.2)  # In which it would be sent, were it due.
        assert shop.writes == []
        now[0] += timedelta(seconds=1)
        assert (await at_the_end(door, token, run))["state"] == "done"
        assert shop.writes == ["make tea"]
        shop.busy, shop.rest_s = [429], 3_601
        failed = await start(door, token, TEA)
        assert (failed["state"], failed["spent"]["paused_s"]) == ("failed", 0)


async def test_a_run_that_nobody_answers_ends_and_makes_room(
    tmp_path: Path, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.runs.LEFT_AT_ONCE", 2)
    now = [datetime(2026, 5, 1, 12, tzinfo=UTC)]
    few = IntentSettings(open_max=5, waits_days=30)
    told = {"clock": lambda: now[0], "follow_s": 0.02, "intents": few}
    asks = step("tea", "make", item={"kind": "slot", "question": "Which tea?"})
    async with open_door(tmp_path, **told) as door:
        await door.add("shop", DOCUMENT, shop.url, prefix="")
        token = await door.key()
        old = [await start(door, token, asks) for _ in range(4)]
        now[0] += timedelta(days=1)
        fresh = await start(door, token, asks)
        assert (await door.post("/v1/intents", token, {"plan": plan(TEA)})).status_code == 403
    now[0] += timedelta(days=29, seconds=1)
    async with open_door(tmp_path, **told) as door:
        for one in old:
            left = await at_the_end(door, token, one)
            assert (left["state"], left["detail"]) == (
                "failed",
                "Nobody answered for 30 days what it waited for; begin it again.",
            )
        assert (await door.get(f"/v1/intents/{fresh['id']}", token)).json()["state"] == "needs_input"
        await post(door, token, old[0], "inputs", {"values": {"tea/item": "green"}}, 409)
        assert (await start(door, token, TEA))["state"] == "done"
    assert shop.writes == ["make tea"]


async def test_a_run_waits_for_a_quota(opens: Callable[..., Any], shop: Shop) -> None:
    quota = Quota("few", per=("tenant",), calls=1, seconds=1)
    async with opens(quotas=(quota,), follow_s=0.05) as door:
        await door.add("shop", DOCUMENT, shop.url, prefix="")
        run = await start(door, await door.key(), step("a", "orders"), step("b", "orders"))
        assert run["state"] == "done"
        assert run["spent"]["paused_s"] > 0.9


# With a person's yes.

POLICIES = """
@id("reads")
permit (principal, action in Action::"read", resource) when { context.in_scope };
@id("writes-need-a-yes")
@reason("An order is made only with a yes.")
@needs_approval("")
permit (principal, action in Action::"write", resource) when { context.in_scope };
"""


@pytest.fixture
async def asking(opens: Callable[..., Any], shop: Shop, tmp_path: Path) -> AsyncIterator[Door]:
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "ours.cedar").write_text(POLICIES)
    async with opens(policies_dir=str(folder), follow_s=0.05) as door:
        await door.add("shop", DOCUMENT, shop.url, prefix="")
        yield door


async def at_the_end(door: Door, token: str, run: Json) -> Json:
    """Its events end when it does."""
    async with asyncio.timeout(20):
        await events(door, token, run)
    told: Json = (await door.get(f"/v1/intents/{run['id']}", token)).json()
    return told


async def test_a_step_waits_for_a_yes_to_exactly_that_call_and_then_goes_on_by_itself(asking: Door, shop: Shop) -> None:
    ada, owner = await asking.key(), await asking.key(DECIDE, subject="owner")
    run = await start(asking, ada, TEA)
    assert (run["state"], shop.writes, "Call again" in run["detail"]) == ("needs_approval", [], False)
    approval = (await asking.get(f"/v1/approvals/{run['approval']['id']}", ada)).json()
    assert (approval["tool"], approval["arguments"]) == ("make", {"item": "tea", "count": 2})
    assert (await asking.post(f"/v1/approvals/{approval['id']}/approve", owner)).status_code == 200
    assert (await at_the_end(asking, ada, run))["state"] == "done"
    assert shop.writes == ["make tea"]
    assert (await asking.get(f"/v1/approvals/{approval['id']}", ada)).json()["state"] == "used"


async def test_a_no_ends_the_run_with_the_reason(asking: Door, shop: Shop) -> None:
    ada, owner = await asking.key(), await asking.key(DECIDE, subject="owner")
    run = await start(asking, ada, TEA)
    await asking.post(f"/v1/approvals/{run['approval']['id']}/deny", owner, {"reason": "too much tea"})
    told = await at_the_end(asking, ada, run)
    assert (told["state"], told["detail"], shop.writes) == ("rejected", "owner said no to tea: too much tea", [])


async def test_a_preview_asks_nobody_for_a_yes(asking: Door, shop: Shop) -> None:
    run = await start(asking, await asking.key(), TEA, mode="preview")
    assert (run["state"], run["steps"][0]["calls"][0]["state"], shop.writes) == ("done", "previewed", [])


async def test_every_step_has_its_lines_in_the_audit_log_as_a_call_of_an_intent(door: Door, token: str) -> None:
    await start(door, token, TEA)
    lines = (await door.get("/v1/audit?limit=20", token)).json()["lines"]
    made = [one for one in lines if one["tool"] == "make"]
    assert [(one["phase"], one["source"], one["intent"]) for one in made] == [
        ("sending", "intent", "order tea"),
        ("done", "intent", "order tea"),
    ]


async def test_what_is_cancelled_while_a_write_is_on_its_way_is_told_truly(door: Door, shop: Shop, token: str) -> None:
    shop.slow_s = 0.3
    response = await door.post("/v1/intents", token, {"plan": plan(TEA, step("mate", "make", item=literal("mate")))})
    run = response.json()
    await shop.arrived.wait()
    assert (await post(door, token, run, "cancel"))["state"] == "cancelled"
    for _ in range(200):
        call = (await door.get(f"/v1/intents/{run['id']}", token)).json()["steps"][0]["calls"][0]
        if call.get("status"):
            break
        await asyncio.sleep(0.02)  # The answer comes after the run was cancelled.
    assert (call["state"], shop.writes) == ("accepted", ["make tea"])


async def test_a_run_whose_key_is_revoked_makes_no_further_call(door: Door, shop: Shop, token: str) -> None:
    run = await start(
        door, token, step("tea", "make", item={"kind": "slot", "question": "Which tea?"}), TEA | {"name": "b"}
    )
    shop.slow_s = 0.3
    await post(door, token, run, "inputs", {"values": {"tea/item": "green"}})
    await shop.arrived.wait()
    (key,) = await door.gateway.store.keys()
    await door.gateway.store.revoke_key(key.id, datetime.now(UTC))
    for _ in range(200):
        told = await door.gateway.store.find_run(run["id"])
        if told is not None and told.state == "failed":
            break
        await asyncio.sleep(0.02)  # The write that is on its way comes to its end first.
    assert (told and told.state, shop.writes) == ("failed", ["make green"])
