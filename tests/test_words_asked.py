"""Words of which planning has to know more first, through the front door: the question, its choices, and the answer that goes on."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import mcp
import mcp.types
import pytest

from gateway.settings import IntentSettings, LlmPlannerSettings
from tests.conftest import Door, open_door
from tests.edge.test_a2a import agent, data, state, task
from tests.edge.test_mcp_approvals import client
from tests.edge.test_mcp_clients import served
from tests.planners.conftest import scripted
from tests.planners.scripted import Answer, Scripted
from tests.planners.test_llm import called, submits
from tests.pseudo_terminal import typing
from tests.remote.test_login import Terminal, terminal
from tests.shop import DOCUMENT, Shop
from tests.test_intent import Json, events, shop, step

__all__ = ["scripted", "shop", "terminal"]  # Fixtures.

pytestmark = pytest.mark.anyio

WISH = "Order tea"
WHICH = "Which tea do you mean?"
ASKS = called("ask_person", {"question": WHICH, "choices": ["Green tea", "Black tea"]})
GREEN = submits(step("tea", "make", item={"kind": "literal", "value": "tea"}))


@asynccontextmanager
async def opened(scripted: Scripted, folder: Path) -> AsyncIterator[Door]:
    planner = LlmPlannerSettings(scripted.url, secret="llm")
    intents = IntentSettings(words_need_yes=False, lease_s=1.0)
    async with open_door(folder, {"llm": "k3y"}, planner=planner, intents=intents, follow_s=0.05) as one:
        yield one


@pytest.fixture
async def door(scripted: Scripted, shop: Shop, tmp_path: Path) -> AsyncIterator[Door]:
    async with opened(scripted, tmp_path) as one:
        await one.add("shop", DOCUMENT, shop.url, prefix="")
        yield one


@pytest.fixture
async def token(door: Door) -> str:
    return await door.key()


def told_of(scripted: Scripted) -> Json:
    """What the model was told that the person answered."""
    opening = scripted.asked[-1].body["messages"][1]["content"]
    return json.loads(opening.rpartition("the person answered: ")[2])


async def test_over_rest_nothing_begins_and_the_same_words_come_with_the_answer(
    door: Door, shop: Shop, token: str, scripted: Scripted
) -> None:
    scripted.plays(ASKS, GREEN, GREEN)
    asked = await door.post("/v1/intents", token, {"intent": WISH})
    planned = asked.json()["planned"]
    assert (asked.status_code, planned["kind"], planned["question"]) == (422, "asks", WHICH)
    assert [one["label"] for one in planned["choices"]] == ["Green tea", "Black tea"]
    assert (await door.get("/v1/intents", token)).json() == {"intents": []}
    answers = [{"question": WHICH, "answer": planned["choices"][0]["value"]}]
    plan = await door.post("/v1/intents:plan", token, {"intent": WISH, "answers": answers})
    assert plan.json()["planned"]["kind"] == "plan"
    done = await door.post("/v1/intents", token, {"intent": WISH, "answers": answers, "wait_s": 20})
    assert (done.json()["state"], shop.writes) == ("done", ["make tea"])
    assert told_of(scripted) == [{"question": WHICH, "answer": "Green tea"}]


async def test_over_mcp_it_is_a_form_whose_answer_goes_on_with_the_same_call(
    door: Door, shop: Shop, token: str, scripted: Scripted
) -> None:
    scripted.plays(ASKS, called("ask_person", {"question": "How many?"}), GREEN)
    shown: list[mcp.types.ElicitRequestFormParams] = []

    async def asked(context: object, params: mcp.types.ElicitRequestFormParams) -> mcp.types.ElicitResult:
        shown.append(params)
        ((key, field),) = params.requested_schema["properties"].items()
        return mcp.types.ElicitResult(
            action="accept", content={key: field["oneOf"][1]["const"] if "oneOf" in field else "2"}
        )

    async with served(door) as url, client(url, token, "auto", asked) as one:
        result = await one.call_tool("fulfil_intent", {"intent": WISH})
    assert (result.is_error, result.structured_content["state"], shop.writes) == (False, "done", ["make tea"])
    assert [one.message for one in shown] == [WHICH, "How many?"]
    assert shown[0].requested_schema["properties"]["words:1"]["oneOf"][0] == {
        "const": "Green tea",
        "title": "Green tea",
    }
    assert told_of(scripted) == [
        {"question": WHICH, "answer": "Black tea"},
        {"question": "How many?", "answer": "2"},
    ]
    assert len((await door.get("/v1/intents", token)).json()["intents"]) == 1


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_client_without_forms_is_told_the_question_and_answers_by_a_tool(
    door: Door, shop: Shop, token: str, scripted: Scripted, mode: str
) -> None:
    scripted.plays(ASKS, GREEN)
    async with served(door) as url, client(url, token, mode, None) as one:
        asked = (await one.call_tool("fulfil_intent", {"intent": WISH})).structured_content
        assert (asked["state"], asked["questions"][0]["question"]) == ("needs_input", WHICH)
        values = {asked["questions"][0]["key"]: "Green tea"}
        done = await one.call_tool("answer_intent", {"intent_id": asked["intent_id"], "values": values})
    assert (done.structured_content["state"], shop.writes) == ("done", ["make tea"])


async def test_over_a2a_the_task_waits_for_the_answer_and_is_the_same_then(
    door: Door, shop: Shop, token: str, scripted: Scripted
) -> None:
    scripted.plays(ASKS, GREEN)
    async with agent(door, token) as one:
        waits = await task(one, WISH, contextId="trip")
        assert (state(waits), list(waits.artifacts)) == ("TASK_STATE_INPUT_REQUIRED", [])
        assert waits.status.message.parts[0].text == WHICH
        (question,) = data(waits.status.message)["questions"]
        assert [one["const"] for one in question["schema"]["anyOf"]] == ["Green tea", "Black tea"]
        assert (await task(one, WISH, contextId="trip")).id == waits.id, "the same message asks nothing again"
        done = await task(one, "2", taskId=waits.id, id="m2")
        assert (state(done), done.id, shop.writes) == ("TASK_STATE_COMPLETED", waits.id, ["make tea"])
        assert data(done.artifacts[0])["steps"][0]["tool"] == "make"
    assert told_of(scripted) == [{"question": WHICH, "answer": "Black tea"}]


async def test_what_does_not_fit_is_refused_and_too_many_questions_end_it(
    door: Door, shop: Shop, token: str, scripted: Scripted
) -> None:
    scripted.plays(ASKS, *(called("ask_person", {"question": f"And {n}?"}) for n in range(5)))
    async with served(door) as url, client(url, token, "auto", None) as one:
        asked = (await one.call_tool("fulfil_intent", {"intent": WISH})).structured_content
        path = f"/v1/intents/{asked['intent_id']}"
        wrong = await door.post(f"{path}/inputs", token, {"values": {"words:1": "Earl Grey"}})
        assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid_arguments")
        shown = (await door.get(path, token)).json()
        for _ in range(5):
            (question,) = shown["questions"]
            values = {question["key"]: "Green tea"}
            shown = (await door.post(f"{path}/inputs", token, {"values": values, "wait_s": 20})).json()
        assert (shown["state"], shown["questions"], shop.writes) == ("failed", [], [])
        assert "5 questions" in shown["detail"]


@pytest.mark.parametrize(
    ("then", "detail"),
    [
        (called("give_up", {"reason": "There is no such tea."}), "There is no such tea."),
        (Answer(status=500), "The language model"),
    ],
)
async def test_where_no_plan_comes_of_the_answer_it_has_failed_and_says_why(
    door: Door, token: str, scripted: Scripted, then: Answer, detail: str
) -> None:
    scripted.plays(ASKS)
    scripted.always = then
    async with agent(door, token) as one:
        waits = await task(one, WISH)
        over = await task(one, "Green tea", taskId=waits.id, id="m2")
    assert (state(over), over.status.message.parts[0].text.startswith(detail)) == ("TASK_STATE_FAILED", True)


async def test_at_a_terminal_it_is_asked_and_planned_with_the_answer(
    door: Door, shop: Shop, token: str, scripted: Scripted, terminal: Terminal
) -> None:
    scripted.plays(ASKS, GREEN)
    async with served(door) as url:
        where = {"FACTOTUM_GATEWAY": url.removesuffix("/mcp")}
        await terminal.run("login", where["FACTOTUM_GATEWAY"], "--key", said=token + "\n")
        async with typing(terminal, "ask", "--yes", WISH, **where) as person:
            await person.asked("2  Black tea", "2")
            status, printed = await person.end()
    assert (status, WHICH in printed, shop.writes) == (0, True, ["make tea"]), printed
    assert told_of(scripted) == [{"question": WHICH, "answer": "Black tea"}]


async def test_a_gateway_that_ends_while_it_plans_goes_on_at_its_next_start(
    shop: Shop, scripted: Scripted, tmp_path: Path
) -> None:
    scripted.plays(ASKS, Answer(endless=True))
    async with opened(scripted, tmp_path) as door:
        await door.add("shop", DOCUMENT, shop.url, prefix="")
        token = await door.key()
        async with served(door) as url, client(url, token, "auto", None) as one:
            asked = (await one.call_tool("fulfil_intent", {"intent": WISH})).structured_content
            values = {asked["questions"][0]["key"]: "Green tea"}
            answered = await one.call_tool(
                "answer_intent", {"intent_id": asked["intent_id"], "values": values, "wait_s": 0}
            )
            assert answered.structured_content["state"] == "planning"
    scripted.always = GREEN
    async with opened(scripted, tmp_path) as again:
        told = await events(again, token, {"id": asked["intent_id"]})  # To its end.
        shown = (await again.get(f"/v1/intents/{asked['intent_id']}", token)).json()
    assert (shown["state"], shop.writes) == ("done", ["make tea"])
    assert [one["kind"] for one in told][:4] == ["received", "asked", "answered", "planned"]
