"""Words through the front door: planned, asked about, carried out; and `factotum ask`, as a person types it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.core.catalog import all_scopes
from gateway.core.principal import OPERATOR
from gateway.demo.household import NAMES, Household, open_household
from gateway.demo.run import SECRET_NAME, offer
from gateway.settings import IntentSettings
from tests.conftest import Door, open_door
from tests.edge.test_a2a import agent, task
from tests.edge.test_mcp_approvals import client
from tests.edge.test_mcp_clients import served
from tests.edge.test_mcp_intents import call
from tests.pseudo_terminal import typing
from tests.remote.test_login import Terminal, terminal

__all__ = ["terminal"]  # A fixture.

pytestmark = pytest.mark.anyio

SECRET = "s"


@pytest.fixture
async def household(anyio_backend: str) -> AsyncIterator[Household]:
    async with open_household(date(2026, 3, 4), SECRET) as one:
        yield one


@asynccontextmanager
async def at_home(household: Household, folder: Path, **settings: Any) -> AsyncIterator[Door]:
    async with open_door(folder, secrets={SECRET_NAME: SECRET}, **settings) as one:
        for name in NAMES:
            await one.gateway.ingestion.add(OPERATOR, offer(name, household.urls[name]))
        yield one


@pytest.fixture
async def door(household: Household, tmp_path: Path) -> AsyncIterator[Door]:
    async with at_home(household, tmp_path / "data") as one:
        yield one


@pytest.fixture
async def token(door: Door) -> str:
    return await door.key(*all_scopes(door.gateway.published.current.catalog))


READING_LAMP = {"intent": "Turn off the reading lamp", "wait_s": 20}


async def yes_to(door: Door, token: str, run: dict[str, Any], said: str = "approve", **body: Any) -> dict[str, Any]:
    """Another client says it, and the run comes to its end."""
    decides = await door.key("factotum:approvals.decide")
    decided = await door.post(f"/v1/approvals/{run['approval']['id']}/{said}", decides, body)
    assert decided.status_code == 200, decided.text
    return dict((await door.post(f"/v1/intents/{run['id']}/inputs", token, {"wait_s": 20})).json())


async def test_words_are_planned_and_what_they_write_waits_for_a_yes(
    door: Door, token: str, household: Household
) -> None:
    lights = household.state.home.lights
    response = await door.post("/v1/intents", token, READING_LAMP)
    assert (response.status_code, response.json()["state"], lights["light-2"].on) == (201, "needs_approval", True)
    assert "“Turn off the reading lamp”: a person says whether they mean this" in response.json()["detail"]
    own = await door.post(f"/v1/approvals/{response.json()['approval']['id']}/approve", token)
    assert (own.status_code, lights["light-2"].on) == (403, True)
    assert (await yes_to(door, token, response.json()))["state"] == "done"
    assert (lights["light-2"].on, lights["light-1"].on) == (False, True)


LIVING_ROOM = {"intent": "Turn off all lights in the living room and lock the back door", "wait_s": 20}


async def test_a_yes_to_the_plan_is_one_to_all_that_its_words_write(
    door: Door, token: str, household: Household
) -> None:
    run = (await door.post("/v1/intents", token, LIVING_ROOM)).json()
    decides = await door.key("factotum:approvals.decide")
    shown = (await door.get(f"/v1/approvals/{run['approval']['id']}", decides)).json()
    assert shown["plan"]["run"] == run["id"]
    assert [one.partition("(")[0] for one in shown["plan"]["writes"]] == ["home_set_light", "home_lock_door"]
    done = await yes_to(door, token, run, whole_plan=True)
    assert (done["state"], household.state.home.locks["back-door"].locked) == ("done", True)
    assert [one.on for one in household.state.home.lights.values() if one.room == "living-room"] == [False] * 3
    waiting = (await door.get("/v1/approvals", decides)).json()["approvals"]
    assert [(one["id"], one["state"]) for one in waiting] == [(run["approval"]["id"], "used")]


async def test_a_yes_to_one_plan_is_none_to_another_that_begins_with_the_same_call(
    door: Door, token: str, household: Household
) -> None:
    first = (await door.post("/v1/intents", token, READING_LAMP)).json()
    longer = {"intent": "Turn off the reading lamp and unlock the front door", "wait_s": 20}
    second = (await door.post("/v1/intents", token, longer)).json()
    assert second["approval"]["id"] != first["approval"]["id"]
    assert (await yes_to(door, token, first, whole_plan=True))["state"] == "done"
    second = (await door.post(f"/v1/intents/{second['id']}/inputs", token, {"wait_s": 20})).json()
    assert (second["state"], household.state.home.locks["front-door"].locked) == ("needs_approval", True)


async def test_a_yes_that_comes_too_late_lets_nothing_else_through(
    door: Door, token: str, household: Household
) -> None:
    first = (await door.post("/v1/intents", token, READING_LAMP)).json()
    await door.post(f"/v1/intents/{first['id']}/cancel", token)
    decides = await door.key("factotum:approvals.decide")
    assert (await door.post(f"/v1/approvals/{first['approval']['id']}/approve", decides)).status_code == 200
    again = (await door.post("/v1/intents", token, READING_LAMP)).json()
    assert (again["state"], household.state.home.lights["light-2"].on) == ("needs_approval", True)


async def test_a_no_is_to_what_was_said_then_and_not_for_ever(door: Door, token: str, household: Household) -> None:
    first = (await door.post("/v1/intents", token, READING_LAMP)).json()
    assert (await yes_to(door, token, first, "deny"))["state"] == "rejected"
    again = (await door.post("/v1/intents", token, READING_LAMP)).json()
    assert again["state"] == "needs_approval"
    assert (await yes_to(door, token, again))["state"] == "done"
    assert household.state.home.lights["light-2"].on is False


async def test_a_yes_to_a_plan_is_none_to_what_a_policy_wants_a_yes_for(household: Household, tmp_path: Path) -> None:
    async with at_home(household, tmp_path, policy_packs=("destructive-needs-approval",)) as door:
        token = await door.key(*all_scopes(door.gateway.published.current.catalog))
        words = {"intent": "Lock the back door and delete the message from Jonas", "wait_s": 20}
        run = (await door.post("/v1/intents", token, words)).json()
        mails = len(household.state.mail.messages)
        run = await yes_to(door, token, run, whole_plan=True)
        assert (run["state"], household.state.home.locks["back-door"].locked) == ("needs_approval", True)
        owner = await door.key("factotum:approvals.decide")
        waiting = (await door.get(f"/v1/approvals/{run['approval']['id']}", owner)).json()
        assert (waiting["plan"], waiting["groups"], len(household.state.mail.messages)) == (None, ["the owner"], mails)
        refused = await door.post(f"/v1/approvals/{waiting['id']}/approve", owner, {"whole_plan": True})
        assert refused.status_code == 400


async def test_a_yes_to_a_plan_gives_no_grant(door: Door, token: str) -> None:
    run = (await door.post("/v1/intents", token, READING_LAMP)).json()
    decides = await door.key("factotum:approvals.decide")
    terms = {"uses_max": 5, "expires_at": (datetime.now(UTC) + timedelta(days=1)).isoformat()}
    body = {"whole_plan": True, "grant": terms}
    assert (await door.post(f"/v1/approvals/{run['approval']['id']}/approve", decides, body)).status_code == 400


async def test_a_no_to_what_words_would_write_leaves_it(door: Door, token: str, household: Household) -> None:
    run = (await door.post("/v1/intents", token, READING_LAMP)).json()
    told = await yes_to(door, token, run, "deny", reason="I meant the other one.")
    assert (told["state"], household.state.home.lights["light-2"].on) == ("rejected", True)
    assert "I meant the other one." in told["detail"]


async def test_a_grant_is_a_yes_to_what_words_write(door: Door, token: str, household: Household) -> None:
    first = (await door.post("/v1/intents", token, READING_LAMP)).json()
    terms = {"uses_max": 5, "expires_at": (datetime.now(UTC) + timedelta(days=1)).isoformat(), "arguments": {}}
    assert (await yes_to(door, token, first, grant=terms))["state"] == "done"
    other = {"intent": "Turn off the desk lamp", "wait_s": 20}
    assert (await door.post("/v1/intents", token, other)).json()["state"] == "done"
    assert household.state.home.lights["light-7"].on is False


async def test_a_plan_that_was_looked_at_is_nobody_s_words_any_more(
    door: Door, token: str, household: Household
) -> None:
    plan = (await door.post("/v1/intents:plan", token, {"intent": READING_LAMP["intent"]})).json()["planned"]["plan"]
    assert (await door.post("/v1/intents", token, {"plan": plan, "wait_s": 20})).json()["state"] == "done"
    assert household.state.home.lights["light-2"].on is False


async def test_words_need_no_yes_where_the_settings_say_so(household: Household, tmp_path: Path) -> None:
    async with at_home(household, tmp_path, intents=IntentSettings(words_need_yes=False)) as door:
        token = await door.key(*all_scopes(door.gateway.published.current.catalog))
        assert (await door.post("/v1/intents", token, READING_LAMP)).json()["state"] == "done"
    assert household.state.home.lights["light-2"].on is False


async def test_a_plan_of_words_is_shown_and_nothing_is_written(door: Door, token: str, household: Household) -> None:
    response = await door.post("/v1/intents:plan", token, {"intent": "Turn off all lights in the living room"})
    told = response.json()
    assert (response.status_code, told["planned"]["kind"], told["writes"]) == (200, "plan", ["s1"])
    assert told["planned"]["because"][1:]
    assert household.state.home.lights["light-1"].on is True
    assert (await door.get("/v1/intents", token)).json() == {"intents": []}


async def test_a_question_reads_and_turns_nothing_off(door: Door, token: str, household: Household) -> None:
    body = {"intent": "Did you turn off the lights?", "wait_s": 20}
    shown = (await door.post("/v1/intents", token, body)).json()
    assert (shown["state"], [one["tool"] for one in shown["steps"]]) == ("done", ["home_list_lights"])
    assert "“Reading lamp”" in shown["answers"][0]["text"]
    assert household.state.home.lights["light-1"].on is True


async def test_a_question_is_answered_in_a_sentence_with_what_it_was_read_from(door: Door, token: str) -> None:
    shown = (await door.post("/v1/intents", token, {"intent": "Is the back door locked?", "wait_s": 20})).json()
    (answer,) = shown["answers"]
    assert (answer["text"], answer["certainty"]) == ("The back door is not locked.", "read")
    told = (await door.get(f"/v1/intents/{shown['id']}/explanation", token)).json()
    assert told["sentences"][0] == answer
    events = (await door.get(f"/v1/intents/{shown['id']}/events", token)).text
    assert [f"id: {row}\nevent: called\n" in events for row in answer["rows"]] == [True]
    assert answer["tools"] == [one["tool"] for one in shown["steps"]]


async def test_what_was_done_is_told_in_brief_whole_or_with_its_evidence(door: Door, token: str) -> None:
    body = {"plan": {"intent": "x", "steps": [
        {"name": "look", "tool": "home_list_lights"},
        {"name": "lock", "tool": "home_lock_door", "arguments": {"lock_id": {"kind": "literal", "value": "back-door"}}},
    ]}, "wait_s": 20}  # fmt: skip
    run = (await door.post("/v1/intents", token, body)).json()

    async def told(level: str) -> dict[str, Any]:
        response = await door.get(f"/v1/intents/{run['id']}/explanation{level}", token)
        assert response.status_code == 200, response.text
        return dict(response.json())

    whole, brief, evidence = await told(""), await told("?level=brief"), await told("?level=evidence")
    assert [one["text"].partition(":")[0] for one in whole["sentences"]] == ["look", "lock"]
    assert brief["sentences"] == whole["sentences"][1:]
    assert evidence["sentences"] == whole["sentences"]
    named = sorted({row for one in whole["sentences"] for row in one["rows"]})
    assert ([one["sequence"] for one in evidence["rows"]], "rows" in whole) == (named, False)
    assert [one["kind"] for one in evidence["rows"]] == ["called", "sending", "called"]
    assert (await door.get(f"/v1/intents/{run['id']}/explanation?level=loud", token)).status_code == 400


async def test_in_brief_a_question_is_its_answer(door: Door, token: str) -> None:
    run = (await door.post("/v1/intents", token, {"intent": "Is the back door locked?", "wait_s": 20})).json()
    told = (await door.get(f"/v1/intents/{run['id']}/explanation?level=brief", token)).json()
    assert [one["text"] for one in told["sentences"]] == ["The back door is not locked."]


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_question_is_answered_over_mcp(door: Door, token: str, mode: str) -> None:
    async with served(door) as url, client(url, token, mode, None) as one:
        told = await call(one, "fulfil_intent", intent="Is the front door locked?")
        assert (told["sentences"][0]["text"], told["sentences"][0]["certainty"]) == (
            "The front door is locked.",
            "read",
        )


async def test_a_question_is_answered_over_a2a(door: Door, token: str) -> None:
    async with agent(door, token) as one:
        done = await task(one, "Is the front door locked?")
        assert done.artifacts[1].parts[0].text == "The front door is locked."


async def test_what_is_not_sure_is_asked_with_its_choices_and_the_answer_goes_on(
    door: Door, token: str, household: Household
) -> None:
    body = {"intent": "Turn off the lamp in the living room", "wait_s": 20}
    shown = (await door.post("/v1/intents", token, body)).json()
    assert shown["state"] == "needs_input"
    (question,) = shown["questions"]
    assert [one["title"] for one in question["schema"]["anyOf"]] == ["Ceiling lamp", "Reading lamp", "Shelf strip"]
    answer = {"values": {question["key"]: "light-1"}, "wait_s": 20}
    shown = (await door.post(f"/v1/intents/{shown['id']}/inputs", token, answer)).json()
    shown = await yes_to(door, token, shown)
    assert (shown["state"], household.state.home.lights["light-1"].on) == ("done", False)


GOAL = {"goal": "home_set_light", "known": {"room": "living-room", "on": False}}


async def test_a_tool_and_what_is_known_are_planned_with_no_words(door: Door, token: str, household: Household) -> None:
    planned = (await door.post("/v1/intents:plan", token, GOAL)).json()
    assert (planned["planned"]["kind"], planned["writes"]) == ("plan", ["goal"])
    shown = (await door.post("/v1/intents", token, {**GOAL, "wait_s": 20})).json()
    assert (shown["state"], [one["tool"] for one in shown["steps"]]) == ("done", ["home_list_lights", "home_set_light"])
    lights = household.state.home.lights.values()
    assert [one.on for one in lights if one.room == "living-room"] == [False] * 3
    assert any(one.on for one in lights if one.room != "living-room")


async def test_a_goal_over_mcp_asks_what_is_not_known(door: Door, token: str, household: Household) -> None:
    async with served(door) as url, client(url, token, "auto", None) as one:
        told = await call(one, "fulfil_intent", goal="home_set_light", known={"light_id": "light-1", "on": False})
        assert (told["state"], household.state.home.lights["light-1"].on) == ("done", False)
        told = await call(one, "fulfil_intent", goal="home_set_light", known={"on": True})
        assert (told["state"], [each["key"] for each in told["questions"]]) == ("needs_input", ["goal/light_id"])


@pytest.mark.parametrize(
    ("goal", "said"),
    [
        ({"goal": "home_fly"}, "home_fly"),
        ({"goal": "home_set_light", "known": {"colour": "red"}}, "colour"),
        ({"goal": "home_set_light", "known": {"light_id": "light-1", "on": "maybe"}}, "does not fit"),
    ],
)
async def test_a_goal_of_which_no_plan_comes_is_refused(
    door: Door, token: str, goal: dict[str, object], said: str
) -> None:
    response = await door.post("/v1/intents", token, goal)
    assert (response.status_code, response.json()["code"]) == (422, "not_planned")
    assert said in response.json()["detail"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("Turn off the lamp in the garden", "garden"),
        ("Don't turn off the lamp", "nothing to be done"),
        ("", "characters"),
    ],
)
async def test_where_no_plan_comes_of_words_it_is_said_why(door: Door, token: str, words: str, said: str) -> None:
    response = await door.post("/v1/intents", token, {"intent": words})
    told = response.json()
    assert (response.status_code, told["code"], told["planned"]["kind"]) == (422, "not_planned", "impossible")
    assert said in told["detail"]


async def test_a_zone_or_a_locale_that_is_none_is_refused(door: Door, token: str) -> None:
    response = await door.post("/v1/intents:plan", token, {"intent": "x", "zone": "Moon/Sea"})
    assert (response.status_code, "Moon/Sea" in response.json()["detail"]) == (400, True)
    response = await door.post("/v1/intents:plan", token, {"intent": "x", "locale": "en; drop"})
    assert response.status_code == 400


async def test_a_person_asks_in_the_terminal_at_a_gateway(
    door: Door, token: str, household: Household, terminal: Terminal
) -> None:
    async with served(door) as url:
        at = url.removesuffix("/mcp")
        await terminal.run("login", at, "--key", said=token + "\n")
        where = {"FACTOTUM_GATEWAY": at}
        code, said, wrong = await terminal.run("ask", "is", "the", "front", "door", "locked?", **where)
        assert (code, "The front door is locked. (home_get_lock, read)" in said) == (0, True), wrong
        code, said, wrong = await terminal.run("ask", "turn off the reading lamp", **where)
        assert (code, "--yes says that it may" in wrong) == (1, True), wrong
        assert household.state.home.lights["light-2"].on is True
        code, said, wrong = await terminal.run(
            "ask", "--preview", "turn off the reading lamp and lock the back door", **where
        )
        assert (code, household.state.home.lights["light-2"].on) == (0, True), wrong
        assert f's1 (1): PATCH {household.urls["home"]}/lights/light-2  {{"on":false}}' in said
        assert (
            f"s2 (1): POST {household.urls['home']}/locks/back-door/lock\n  home_unlock_door would take it back."
            in said
        )
        code, said, wrong = await terminal.run("ask", "--yes", "turn off the reading lamp", **where)
        assert (code, household.state.home.lights["light-2"].on) == (0, False), wrong
        assert 's1  home_set_light(light_id = "light-2", on = false)' in said
        assert "[verified]" in said
        code, said, wrong = await terminal.run("ask", "--yes", "turn off the garden lamp", **where)
        assert (code, "There is no light" in wrong) == (1, True), wrong


async def test_a_person_asks_in_the_terminal_where_the_store_is(
    household: Household, terminal: Terminal, tmp_path: Path
) -> None:
    async with open_door(tmp_path / ".factotum", secrets={SECRET_NAME: SECRET}) as door:
        for name in NAMES:
            await door.gateway.ingestion.add(OPERATOR, offer(name, household.urls[name]))
    secret = {"FACTOTUM_SECRET_DEMO_HOUSEHOLD": SECRET}
    code, said, wrong = await terminal.run("ask", "--yes", "lights off in the living room", **secret)
    assert code == 0, wrong
    assert (
        's1  home_set_light(light_id = item/id, on = false), for each of s1-list where {"const":"living-room"}' in said
    )
    assert {one.id for one in household.state.home.lights.values() if one.on} == {"light-4", "light-7"}
    backwards = "create an event called Yoga on 2030-12-05 from 19:30 to 18:00"
    code, said, wrong = await terminal.run("ask", "--yes", backwards, **secret)
    assert (code, said.count("\ns1: The backend answered 422")) == (1, 1), said + wrong
    code, said, wrong = await terminal.run("ask", "--yes", "turn off the lamp in the living room", **secret)
    assert (code, "Which light: Ceiling lamp, Reading lamp, Shelf strip?" in said) == (0, True), wrong


async def test_at_a_terminal_it_asks_before_it_changes_anything_and_which_of_several_is_meant(
    household: Household, terminal: Terminal, tmp_path: Path
) -> None:
    async with open_door(tmp_path / ".factotum", secrets={SECRET_NAME: SECRET}) as door:
        for name in NAMES:
            await door.gateway.ingestion.add(OPERATOR, offer(name, household.urls[name]))
    secret, lights = {"FACTOTUM_SECRET_DEMO_HOUSEHOLD": SECRET}, household.state.home.lights
    words = ("ask", "turn off the lamp in the living room")
    async with typing(terminal, *words, **secret) as person:
        await person.asked("Shall this be done? [y/N]", "n")
        assert (await person.end())[0] == 1
    assert lights["light-2"].on is True
    async with typing(terminal, *words, **secret) as person:
        await person.asked("Shall this be done? [y/N]", "y")
        await person.asked("2  Reading lamp", "")
        await person.asked("Which light: Ceiling lamp, Reading lamp, Shelf strip?", "9")
        await person.asked("Which light: Ceiling lamp, Reading lamp, Shelf strip?", "the reading one")
        await person.asked("Which light: Ceiling lamp, Reading lamp, Shelf strip?", "reading lamp")
        status, printed = await person.end()
    assert (status, lights["light-2"].on, lights["light-1"].on) == (0, False, True), printed
    assert "[verified]" in printed
    async with typing(terminal, "ask", "buy milk", **secret) as person:
        await person.asked("Shall this be done? [y/N]", "y")
        await person.asked("On which day shall it be delivered", "tomorrow")
        await person.asked("On which day shall it be delivered", "2026-12-03")
        await person.asked("How do you want to pay?", "Card")
        status, printed = await person.end()
    assert (status, [one.deliver_on for one in household.state.groceries.orders.values()]) == (0, ["2026-12-03"]), (
        printed
    )


async def test_what_is_no_day_answers_no_question_for_one(door: Door, token: str, household: Household) -> None:
    asks = (await door.post("/v1/intents", token, {"intent": "buy milk", "wait_s": 20})).json()
    assert asks["state"] == "needs_input"
    for said in ("tomorrow", "20261203", "2026-13-01"):
        values = {"s1-order/deliver_on": said, "s1-pay/method": "card"}
        wrong = await door.post(f"/v1/intents/{asks['id']}/inputs", token, {"values": values})
        assert wrong.status_code == 422
        assert wrong.json()["problems"] == [
            {
                "argument": "s1-order/deliver_on",
                "pointer": "",
                "expected": "a day as year-month-day, such as 2026-12-01",
            }
        ]
    assert household.state.groceries.basket == {}
    values = {"s1-order/deliver_on": "2026-12-03", "s1-pay/method": "card"}
    told = (await door.post(f"/v1/intents/{asks['id']}/inputs", token, {"values": values, "wait_s": 20})).json()
    assert told["state"] == "needs_approval"


async def test_a_question_is_answered_in_a_chat_and_a_wish_waits_there_for_a_yes(
    door: Door, token: str, household: Household
) -> None:
    async def say(words: str) -> tuple[str, dict[str, object]]:
        body = {"model": "factotum", "messages": [{"role": "user", "content": words}]}
        told = (await door.post("/v1/chat/completions", token, body)).json()
        return told["choices"][0]["message"]["content"], told["factotum"]

    text, sources = await say("Is the front door locked?")
    assert (text.splitlines()[0], sources["state"]) == ("The front door is locked. (home_get_lock; row 2)", "done")
    text, sources = await say("Turn off the reading lamp")
    assert (sources["state"], household.state.home.lights["light-2"].on) == ("needs_approval", True)
    assert '- home_set_light(light_id = "light-2", on = false)' in text
