"""Runs whose planner is asked again while they go on: for the rest, where something did not show, and for each step, tool by tool.
The model is a script, so that nothing here says how well any plans."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.settings import IntentSettings, LlmPlannerSettings
from tests.conftest import Door, open_door
from tests.planners.conftest import scripted
from tests.planners.scripted import Scripted
from tests.planners.test_llm import called, submits
from tests.shop import DOCUMENT, Shop
from tests.test_intent import events, literal, post, ref, sentences, shop, step
from tests.test_planning import yes_to

pytestmark = pytest.mark.anyio

Json = dict[str, Any]
WORDS = "Make the order tea and note the order tea"
TEA = step("tea", "make", item=literal("tea"))
NOTE = step("note", "note", item=literal("tea"))
__all__ = ["scripted", "shop"]


@pytest.fixture
def opened(scripted: Scripted, shop: Shop, tmp_path: Path) -> Callable[..., Any]:
    @asynccontextmanager
    async def open_it(*, planner: Json | None = None, **intents: Any) -> AsyncIterator[tuple[Door, str]]:
        told = LlmPlannerSettings(scripted.url, tries_max=1, **(planner or {}))
        bounds = IntentSettings(words_need_yes=False, look_wait_s=0, **intents)
        async with open_door(tmp_path, planner=told, intents=bounds, follow_s=0.05) as door:
            await door.add("shop", DOCUMENT, shop.url, prefix="", replace=True)
            yield door, await door.key()

    return open_it


async def says(door: Door, token: str, words: str = WORDS, **more: Any) -> Json:
    response = await door.post("/v1/intents", token, {"intent": words, "wait_s": 20, **more})
    assert response.status_code == 201, response.text
    told: Json = response.json()
    return told


def told_model(scripted: Scripted, number: int) -> str:
    return json.dumps(scripted.asked[number].body["messages"])


async def test_where_a_write_does_not_show_the_rest_is_planned_again_and_each_of_its_writes_waits_for_a_yes(
    opened: Callable[..., Any], scripted: Scripted, shop: Shop
) -> None:
    shop.mode = "lies"
    again = submits(step("look", "orders"), step("last", "note", item=literal("tea")), why="The order is not there.")
    scripted.plays(submits(TEA, NOTE, usage=(900, 100)), again)
    async with opened() as (door, token):
        run = await says(door, token)
        assert (run["state"], shop.writes) == ("needs_approval", ["make tea"])
        assert [(one["name"], [call["state"] for call in one["calls"]]) for one in run["steps"]] == [
            ("tea", ["uncertain"]),
            ("look", ["answered"]),
            ("last", []),
        ]
        assert (run["spent"]["tokens"], run["budget"]) == (2_100, {})
        shop.mode = "works"
        done = await yes_to(door, token, run)
        assert (done["state"], shop.writes) == ("done", ["make tea", "make tea"])
        told = await events(door, token, run)
        kinds = [one["kind"] for one in told]
        assert kinds[:7] == ["received", "sending", "called", "verified", "thinking", "thought", "replanned"]
        (replanned,) = [one for one in told if one["kind"] == "replanned"]
        assert ([one["name"] for one in replanned["dropped"]], replanned["closed"]) == (["note"], ["tea"])
        assert "order finds nothing there" in told_model(scripted, 1)
        assert '\\"answer\\":{\\"id\\"' not in told_model(scripted, 1), "what was answered is not told"
        assert {one["certainty"] for one in await sentences(door, token, run)} == {"uncertain", "read", "accepted"}


async def test_the_rest_is_planned_again_so_often_and_no_more(
    opened: Callable[..., Any], scripted: Scripted, shop: Shop
) -> None:
    shop.mode = "lies"
    scripted.plays(submits(TEA, NOTE), submits(step("once", "make", item=literal("tea"))))
    async with opened() as (door, token):
        run = await says(door, token)
        rested = await yes_to(door, token, run)
        assert (rested["state"], len(scripted.asked)) == ("uncertain", 2)
        assert [one["key"] for one in rested["questions"]] == ["do:once:0"]


async def test_where_no_other_plan_comes_the_run_asks_as_it_would_have(
    opened: Callable[..., Any], scripted: Scripted, shop: Shop
) -> None:
    shop.mode = "lies"
    scripted.plays(submits(TEA, NOTE), called("give_up", {"reason": "Nothing is known of the order."}))
    async with opened() as (door, token):
        run = await says(door, token)
        assert (run["state"], [one["key"] for one in run["questions"]]) == ("uncertain", ["do:tea:0"])
        assert "No other plan came of it: Nothing is known of the order." in run["detail"]
        shop.mode = "works"
        done = await post(door, token, run, "inputs", {"values": {"do:tea:0": "happened"}, "wait_s": 20})
        assert (done["state"], shop.writes) == ("done", ["make tea", "make tea"])


async def test_no_plan_of_a_program_and_none_where_it_is_off_is_planned_again(
    opened: Callable[..., Any], scripted: Scripted, shop: Shop
) -> None:
    shop.mode = "lies"
    scripted.plays(submits(TEA))
    async with opened(replans_max=0) as (door, token):
        assert (await says(door, token))["state"] == "uncertain"
        body = {"plan": {"intent": WORDS, "steps": [TEA]}, "wait_s": 20}
        assert (await door.post("/v1/intents", token, body)).json()["state"] == "uncertain"
    assert len(scripted.asked) == 1


async def test_a_rest_that_does_not_hold_or_takes_up_names_again_is_told_to_the_model_and_none_of_it_is_carried_out(
    opened: Callable[..., Any], scripted: Scripted, shop: Shop
) -> None:
    shop.mode = "lies"
    wrong = [submits(TEA), submits(step("x", "drop", id=ref("tea", "/nothing"))), submits(step("y", "no_such"))]
    scripted.plays(submits(TEA, NOTE), *wrong, called("give_up", {"reason": "No."}))
    async with opened() as (door, token):
        run = await says(door, token)
        assert (run["state"], shop.writes) == ("uncertain", ["make tea"])
        assert "these names were given before: tea" in told_model(scripted, 2)
        assert "declares nothing" in told_model(scripted, 3)


async def test_at_the_limit_of_its_tokens_a_run_asks_before_its_planner_is(
    opened: Callable[..., Any], scripted: Scripted, shop: Shop
) -> None:
    shop.mode = "lies"
    scripted.plays(submits(TEA, NOTE, usage=(1_500, 100)))
    async with opened(tokens_max=2_000) as (door, token):
        run = await says(door, token)
        assert (run["state"], len(scripted.asked)) == ("uncertain", 1), (
            "it cannot be raised, so that the person is asked"
        )
    scripted.plays(submits(TEA, NOTE, usage=(499_500, 100)), called("give_up", {"reason": "No."}))
    async with opened() as (door, token):
        run = await says(door, token)
        assert (run["state"], run["questions"][0]["key"]) == ("needs_input", "budget")
        assert run["questions"][0]["schema"]["required"] == ["tokens_max"]
        values = {"values": {"budget": {"tokens_max": 600_000}}, "wait_s": 20}
        rested = await post(door, token, run, "inputs", values)
        assert (rested["state"], rested["budget"]["tokens_max"]) == ("uncertain", 600_000)
        assert "No other plan came of it" in rested["detail"]


async def test_money_is_reserved_and_what_it_took_counts(
    opened: Callable[..., Any], scripted: Scripted, shop: Shop
) -> None:
    shop.mode = "lies"
    prices = {"read_price": 1_000.0, "written_price": 1_000.0, "money_max": 50.0}
    scripted.plays(submits(TEA, NOTE, usage=(900, 100)), called("give_up", {"reason": "No."}, usage=(1_900, 100)))
    async with opened(planner=prices) as (door, token):
        run = await says(door, token)
        assert (run["spent"]["tokens"], run["spent"]["money"]) == (3_000, 3.0)
        told = {one["kind"]: one for one in await events(door, token, run)}
        assert told["thinking"]["reserved"]["money"] == 50.0
        assert told["thought"]["used"] == {"tokens": 2_000, "money": 2.0}


# Tool by tool.


BY_STEPS = {"tool_by_tool": True}


async def test_tool_by_tool_the_model_sees_what_was_answered_and_says_the_next_step_until_it_is_done(
    opened: Callable[..., Any], scripted: Scripted, shop: Shop
) -> None:
    shop.orders = {7: {"id": 7, "item": "tea", "count": 1}}
    scripted.plays(
        submits(step("all", "orders")),
        submits(step("more", "change", id=ref("all", "/orders/0/id"), count=literal(3))),
        called("finish", {"text": "There are three now."}),
    )
    async with opened(planner=BY_STEPS) as (door, token):
        run = await says(door, token, "Change the order tea", tool_by_tool=True)
        assert (run["state"], shop.writes) == ("needs_approval", [])
        done = await yes_to(door, token, run)
        assert (done["state"], done["detail"], shop.writes) == ("done", "There are three now.", ["change 7"])
        assert '\\"item\\": \\"tea\\"' in told_model(scripted, 1)
        assert done["spent"]["tokens"] == 3_300


async def test_tool_by_tool_no_value_is_anybodys_word_once_something_was_read_not_even_what_the_person_said(
    opened: Callable[..., Any], scripted: Scripted, shop: Shop
) -> None:
    scripted.plays(submits(step("all", "orders")), submits(step("tea", "make", item=literal("tea"))))
    async with opened(planner=BY_STEPS) as (door, token):
        run = await says(door, token, tool_by_tool=True)
        source = run["steps"][1]["arguments"][0]["source"]
        assert source == {"kind": "default", "value": "tea", "origin": "model that has read answers"}
        approval = (await door.get(f"/v1/approvals/{run['approval']['id']}", token)).json()
        assert approval["arguments"] == {"item": "tea"}


async def test_tool_by_tool_is_only_where_the_operator_lets_it_be_and_ends_after_its_turns(
    opened: Callable[..., Any], scripted: Scripted, shop: Shop
) -> None:
    async with opened() as (door, token):
        refused = await door.post("/v1/intents", token, {"intent": WORDS, "tool_by_tool": True})
        assert (refused.status_code, refused.json()["code"]) == (400, "bad_request")
    scripted.plays(submits(step("a", "orders")), submits(step("b", "orders")))
    async with opened(planner=BY_STEPS, turns_max=2) as (door, token):
        run = await says(door, token, "Show the orders", tool_by_tool=True)
        assert (run["state"], run["detail"]) == ("failed", "It took 2 turns; say it in smaller parts.")
