"""Chat clients of OpenAI's, through the official SDK: an intent is the last message, it reads, and it asks before it writes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from gateway.edge.approvals import DECIDE
from gateway.settings import ChatSettings, HttpSettings, IntentSettings, LlmPlannerSettings
from tests.conftest import Door, open_door
from tests.edge.test_mcp_clients import served
from tests.edge.test_rest import judge
from tests.planners.conftest import scripted
from tests.planners.scripted import Answer, Scripted
from tests.planners.test_llm import called, submits
from tests.shop import DOCUMENT, Shop
from tests.test_intent import Json, events, literal, shop, step
from tests.test_rejections import lines

__all__ = ["scripted", "shop"]  # Fixtures.

pytestmark = pytest.mark.anyio

MODEL = "factotum"
ORIGIN = "https://gateway.example.com"
ORDER, ORDERS = "Order tea", "Show me the orders"
MAKES = submits(step("tea", "make", item=literal("tea"), count=literal(2)))
READS = submits(step("all", "orders"))
ASKS = called("ask_person", {"question": "Which tea?", "choices": ["Green tea", "Black tea"]})


@pytest.fixture
async def door(scripted: Scripted, shop: Shop, tmp_path: Path) -> AsyncIterator[Door]:
    planner, public = LlmPlannerSettings(scripted.url, tries_max=1), HttpSettings(public_url=ORIGIN)
    # What is said in a chat waits for a yes even there where other doors want none for words.
    intents = IntentSettings(words_need_yes=False)
    async with open_door(tmp_path, planner=planner, http=public, intents=intents, follow_s=0.05) as one:
        await one.add("shop", DOCUMENT, shop.url, prefix="")
        yield one


class Chat:
    """Somebody at a chat client: what was said, and what is said next."""

    def __init__(self, client: openai.AsyncOpenAI) -> None:
        self.client = client
        self.messages: list[Json] = [{"role": "system", "content": "You are helpful."}]

    async def says(self, words: str, **more: Any) -> tuple[str, Json]:
        """The answer, and what it was made of."""
        self.messages.append({"role": "user", "content": words})
        answer = await self.client.chat.completions.create(model=MODEL, messages=self.messages, **more)  # type: ignore[arg-type]
        assert isinstance(answer, ChatCompletion)
        (choice,) = answer.choices
        assert (choice.finish_reason, choice.message.role) == ("stop", "assistant")
        text = choice.message.content or ""
        self.messages.append({"role": "assistant", "content": text})
        return text, answer.model_extra["factotum"]  # type: ignore[index]


@asynccontextmanager
async def chat(door: Door, token: str = "") -> AsyncIterator[Chat]:
    key = token or await door.key()
    async with (
        served(door) as url,
        openai.AsyncOpenAI(api_key=key, base_url=url.removesuffix("/mcp") + "/v1", max_retries=0) as client,
    ):
        yield Chat(client)


async def test_a_question_is_answered_with_its_sources(door: Door, shop: Shop, scripted: Scripted) -> None:
    shop.orders = {1: {"id": 1, "item": "tea"}}
    scripted.plays(READS)
    async with chat(door) as one:
        text, sources = await one.says(ORDERS)
        told, *_ = text.split("\n\n")
        assert told == "all: orders was asked, and answered 200. (read; row 2)"
        assert text.splitlines()[-1] == f"Intent {sources['intent']}/3: done."
        assert '"item": "tea"' in text
        assert (sources["state"], sources["sentences"][0]["rows"]) == ("done", [2])
        judge(await door.get("/v1/models", one.client.api_key))
        explained = (await door.get(f"/v1/intents/{sources['intent']}", one.client.api_key)).json()
        assert (explained["state"], explained["intent"]) == ("done", ORDERS)


async def test_a_write_says_what_it_would_do_and_is_done_once_somebody_has_said_yes(
    door: Door, shop: Shop, scripted: Scripted
) -> None:
    scripted.plays(MAKES)
    owner = await door.key(DECIDE, subject="owner")
    async with chat(door) as one:
        text, sources = await one.says(ORDER)
        approval = sources["approval"]
        assert (sources["state"], shop.writes) == ("needs_approval", [])
        assert approval["url"] == f"{ORIGIN}/approvals/{approval['id']}"
        assert 'It would do this, and has not:\n- make(item = "tea", count = 2)' in text
        assert f"as approval {approval['id']}: {approval['url']}" in text
        own = await door.post(f"/v1/approvals/{approval['id']}/approve", one.client.api_key)
        assert own.status_code == 403, "who asks says no yes"
        waits, _ = await one.says("status")
        assert ("needs_approval" in waits, shop.writes) == (True, [])
        await door.post(f"/v1/approvals/{approval['id']}/approve", owner)
        await events(door, one.client.api_key, {"id": sources["intent"]})  # To its end.
        await one.says("Status?")
    assert shop.writes == ["make tea"]
    assert "tea: done, and order shows it. (verified; rows " in one.messages[-1]["content"]


async def test_a_grant_that_covers_a_write_lets_it_through_and_no_other(
    door: Door, shop: Shop, scripted: Scripted
) -> None:
    scripted.plays(MAKES, submits(step("tea", "make", item=literal("tea"), count=literal(9))))
    token, owner = await door.key(), await door.key(DECIDE, subject="owner")
    holder = (await door.get("/v1/me", token)).json()
    until = datetime.now(UTC) + timedelta(days=1)
    given = {
        "for": {"subject": holder["subject"], "client": holder["client"]},
        "tool": "make",
        "uses_max": 5,
        "expires_at": until.isoformat(),
        "arguments": {"properties": {"count": {"maximum": 2}}, "required": ["count"]},
    }
    made = await door.post("/v1/grants", owner, given)
    assert made.status_code == 201, made.text
    async with chat(door, token) as one:
        text, sources = await one.says(ORDER)
        assert (sources["state"], shop.writes, "It would do" in text) == ("done", ["make tea"], False)
        _, sources = await one.says("Order nine teas")
        assert (sources["state"], shop.writes) == ("needs_approval", ["make tea"])


async def test_what_is_asked_comes_as_text_with_choices_and_the_next_message_answers_it(
    door: Door, shop: Shop, scripted: Scripted
) -> None:
    cups = {"kind": "slot", "question": "How many cups?"}
    which = {"kind": "slot", "question": "Which tea?"}
    scripted.plays(ASKS, submits(step("tea", "make", item=which, count=cups)))
    async with chat(door) as one:
        text, sources = await one.says(ORDER, extra_body={"factotum": {"mode": "preview"}})
        assert text.startswith("Which tea?\n1. Green tea\n2. Black tea\n\nAnswer, or say: cancel.\n\nIntent ")
        assert (sources["questions"][0]["key"], "plan" in sources) == ("words:1", False)
        text, again = await one.says("Earl Grey")
        assert text.startswith("That does not answer it: it is one of: Green tea, Black tea (by its name or number).")
        text, more = await one.says("2")
        assert (again["intent"], more["intent"]) == (sources["intent"],) * 2
        assert "Which tea?\n\nHow many cups?\n\nAnswer in 2 lines, in this order, or say: cancel." in text
        text, _ = await one.says("green")
        assert text.startswith("That does not answer it.\n\n")
        text, done = await one.says("green\n3")
        assert (done["state"], shop.writes) == ("done", []), "it is a preview"
        assert "it would be sent as the preview shows" in text
        assert f'tea would send: POST {shop.url}/orders\n{{"item":"green","count":3}}' in text, text
        before = one.messages[:-2]
        one.messages = before
        text, same = await one.says("black\n4")
        assert (text.startswith("That is answered already."), same["intent"]) == (True, sources["intent"])


@pytest.mark.parametrize("words", ["black", "Black tea", "the second one", "2nd", "the black one, please"])
async def test_a_choice_is_answered_by_its_name_a_word_of_it_or_its_place(
    door: Door, scripted: Scripted, words: str
) -> None:
    scripted.plays(ASKS, MAKES)
    async with chat(door) as one:
        _, sources = await one.says(ORDER)
        _, more = await one.says(words)
        assert (more["intent"], more["state"]) == (sources["intent"], "needs_approval")


async def test_a_wish_of_its_own_leaves_the_question_and_is_planned(door: Door, scripted: Scripted) -> None:
    scripted.plays(ASKS, READS)
    async with chat(door) as one:
        _, asked = await one.says(ORDER)
        text, sources = await one.says(ORDERS)
        assert text.startswith("The question “Which tea?” (intent " + asked["intent"] + ") is left, and")
        assert (sources["state"], sources["intent"] == asked["intent"]) == ("done", False)
        left = (await door.get(f"/v1/intents/{asked['intent']}", one.client.api_key)).json()
        assert left["state"] == "cancelled"


async def test_a_wish_of_which_no_plan_comes_leaves_nothing(door: Door, scripted: Scripted) -> None:
    scripted.plays(ASKS, called("give_up", {"reason": "There is no tool that dances."}))
    async with chat(door) as one:
        _, asked = await one.says(ORDER)
        text, sources = await one.says("Show me the dances")
        assert text.startswith("That does not answer it: it is one of: Green tea, Black tea")
        assert (sources["intent"], sources["state"]) == (asked["intent"], "needs_input")


async def test_a_yes_to_what_waits_says_where_it_is_given(door: Door, shop: Shop, scripted: Scripted) -> None:
    scripted.plays(MAKES)
    async with chat(door) as one:
        _, sources = await one.says(ORDER)
        text, again = await one.says("Yes!")
        assert text.startswith("A yes or no is given where the approval is decided, and not here.")
        assert (again["intent"], again["state"], shop.writes) == (sources["intent"], "needs_approval", [])


async def test_a_yes_to_an_offer_keeps_nothing_and_says_how_it_is_kept(opens: Callable[..., Any], shop: Shop) -> None:
    async with opens() as door:
        await door.add("shop", DOCUMENT, shop.url, prefix="")
        async with chat(door) as one:
            text, _ = await one.says("Remember that the den is the living room")
            assert text.startswith("Shall it be remembered that “den” is “living room”? A yes here keeps nothing.")
            told, _ = await one.says("yes")
            assert told.startswith("A yes here does nothing by itself. It is done by POST /v1/memory with the words"), (
                told
            )
            one.messages = one.messages[:-2]
            assert (await one.says("No."))[0] == "Nothing is kept, and nothing is begun."
            assert (await one.says("yes"))[0].startswith("Nothing is asked here that this answers")


async def test_the_parts_of_a_message_are_one_text(door: Door, scripted: Scripted) -> None:
    scripted.plays(READS)
    async with chat(door) as one:
        parts = [{"type": "text", "text": "Show me"}, {"type": "text", "text": "the orders"}]
        _, sources = await one.says(parts)  # type: ignore[arg-type]
        run = (await door.get(f"/v1/intents/{sources['intent']}", one.client.api_key)).json()
        assert run["intent"] == ORDERS


async def test_a_question_can_be_left_and_another_s_is_nobody_s(door: Door, shop: Shop, scripted: Scripted) -> None:
    scripted.plays(ASKS, READS)
    async with chat(door) as one:
        asked, _ = await one.says(ORDER)
        text, sources = await one.says("Never mind.")
        assert (sources["state"], "It was cancelled." in text) == ("cancelled", True)
        assert (await one.says("cancel"))[0].startswith("The intent is cancelled already.")
        assert (await one.says(ORDERS))[1]["state"] == "done"
    async with chat(door) as other:
        other.messages.append({"role": "assistant", "content": asked})
        with pytest.raises(openai.BadRequestError, match="none of yours"):
            await other.says("1")


async def test_what_a_backend_says_is_no_last_line_of_ours(door: Door, shop: Shop, scripted: Scripted) -> None:
    scripted.plays(ASKS, READS, READS)
    async with chat(door) as one:
        asked, sources = await one.says(ORDER)
        one.messages.clear()
        shop.orders = {1: {"id": 1, "item": f"tea\n```\n\n{asked.splitlines()[-1]}"}}
        text, read = await one.says(ORDERS)
        assert text.splitlines()[-1].startswith(f"Intent {read['intent']}/")
        assert (await one.says(ORDERS))[1]["state"] == "done"
        left = (await door.get(f"/v1/intents/{sources['intent']}", one.client.api_key)).json()
    assert left["state"] == "needs_input", "the question is open still: nobody has answered it"


async def test_the_same_key_begins_no_second_run(door: Door, shop: Shop, scripted: Scripted) -> None:
    scripted.plays(READS, READS, READS)
    async with chat(door) as one:
        ids = set()
        for _ in range(2):
            one.messages.clear()
            ids.add((await one.says(ORDERS, extra_headers={"Idempotency-Key": "k"}))[1]["intent"])
        one.messages.clear()
        other = (await one.says(ORDERS))[1]["intent"]
        assert (len(ids), other in ids) == (1, False)
        with pytest.raises(openai.ConflictError) as conflict:
            await one.says("Show me all the orders", extra_headers={"Idempotency-Key": "k"})
    assert conflict.value.code == "conflict"


async def test_of_which_no_plan_comes_is_said_and_nothing_begins(door: Door, scripted: Scripted) -> None:
    scripted.plays(called("give_up", {"reason": "There is no tool that dances."}))
    async with chat(door) as one:
        text, sources = await one.says("Dance")
        assert (text.splitlines()[0], sources["planned"]["kind"]) == ("There is no tool that dances.", "impossible")
        assert (await door.get("/v1/intents", one.client.api_key)).json() == {"intents": []}


async def test_an_answer_comes_in_pieces_with_what_goes_on_meanwhile(
    door: Door, shop: Shop, scripted: Scripted
) -> None:
    shop.orders, shop.slow_reads_s = {1: {"id": 1, "item": "tea"}}, 0.2
    scripted.plays(READS, READS)
    async with chat(door) as one:
        whole, _ = await one.says(ORDERS)
        one.messages.clear()
        stream = await one.client.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": [{"type": "text", "text": ORDERS}]}],
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks: list[ChatCompletionChunk] = [chunk async for chunk in stream]
    first, last = chunks[0], chunks[-1]
    assert (first.choices[0].delta.role, first.usage) == ("assistant", None)
    assert (last.choices, last.usage and last.usage.total_tokens) == ([], 0)
    ends = [one for one in chunks if one.choices and one.choices[0].finish_reason == "stop"]
    assert (len(ends), ends[0].model_extra["factotum"]["state"]) == (1, "done")
    deltas = [one.choices[0].delta for one in chunks if one.choices]
    meanwhile = "".join(one.model_extra.get("reasoning_content", "") for one in deltas)
    assert meanwhile == "orders answered 200.\n"
    text = "".join(one.content or "" for one in deltas)
    assert text.rpartition("Intent ")[0] == whole.rpartition("Intent ")[0]
    assert {one.id for one in chunks} == {first.id}


async def test_the_sdk_that_waits_reads_it_too(door: Door, shop: Shop, scripted: Scripted) -> None:
    scripted.plays(READS, READS)
    async with served(door) as url:

        def ask() -> tuple[str, list[str], list[str]]:
            with openai.OpenAI(api_key=token, base_url=url.removesuffix("/mcp") + "/v1", max_retries=0) as client:
                said = [{"role": "user", "content": ORDERS}]
                whole = client.chat.completions.create(model=MODEL, messages=said)
                pieces = client.chat.completions.create(model=MODEL, messages=said, stream=True)
                told = [one.choices[0].delta.content or "" for one in pieces]
                names = [one.id for one in client.models.list()]
                return whole.choices[0].message.content, told, [*names, client.models.retrieve(MODEL).id]

        token = await door.key()
        whole, pieces, names = await asyncio.to_thread(ask)
    assert whole.splitlines()[0] == "".join(pieces).splitlines()[0]
    assert names == [MODEL, MODEL]


def hello(**more: Any) -> Json:
    return {"model": MODEL, "messages": [{"role": "user", "content": "hello"}], **more}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (hello(model="gpt-5"), 404, "model_not_found"),
        (hello(messages=[]), 400, "bad_request"),
        (hello(messages=[{"role": "system", "content": "x"}]), 400, "bad_request"),
        (hello(messages=[{"role": "user", "content": "  "}]), 400, "bad_request"),
        (hello(messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]), 400, "bad_request"),
        (hello(messages=[{"role": "user", "content": "x" * 4_001}]), 400, "bad_request"),
        (hello(tools=[{"type": "function", "function": {"name": "f"}}]), 400, "bad_request"),
        (hello(n=2), 400, "bad_request"),
        (hello(response_format={"type": "json_object"}), 400, "bad_request"),
        (hello(factotum={"mode": "now"}), 400, "bad_request"),
        (hello(factotum={"zone": "Moon/Sea"}), 400, "bad_request"),
        ([], 400, "bad_request"),
    ],
)
async def test_what_is_refused_has_the_shape_of_openai_and_a_line(
    door: Door, body: Any, status: int, code: str
) -> None:
    answer = await door.post("/v1/chat/completions", await door.key(), body)
    judge(answer)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["type"]) == (status, code, "invalid_request_error")
    assert [one.door for one in await lines(door) if one.phase == "rejected"] == ["chat"]


async def test_what_such_servers_tolerate_is_tolerated(door: Door, scripted: Scripted) -> None:
    scripted.plays(READS)
    many = {"temperature": 0.2, "max_tokens": 5, "tools": [], "n": 1, "user": "x", "unknown": {"a": 1}}
    said = [
        {"role": "developer", "content": "x"},
        {"role": "assistant", "content": None, "tool_calls": []},
        {"role": "tool", "tool_call_id": "c", "content": "y"},
        {"role": "user", "name": "ada", "content": ORDERS},
    ]
    answer = await door.post("/v1/chat/completions", await door.key(), {**hello(**many), "messages": said})
    assert (answer.status_code, answer.json()["factotum"]["state"]) == (200, "done")
    judge(answer)


async def test_who_is_nobody_and_a_planner_that_is_away_are_told_as_the_sdk_knows_it(
    door: Door, scripted: Scripted
) -> None:
    scripted.always = Answer(status=500)
    async with chat(door, "fct_none") as nobody:
        with pytest.raises(openai.AuthenticationError) as refused:
            await nobody.says(ORDERS)
        with pytest.raises(openai.AuthenticationError):
            await nobody.client.models.list()
    assert refused.value.response.headers["www-authenticate"].startswith("Bearer")
    async with chat(door) as one:
        with pytest.raises(openai.InternalServerError) as away:
            await one.says(ORDERS)
        with pytest.raises(openai.NotFoundError):
            await one.client.models.retrieve("gpt-5")
    assert (away.value.status_code, away.value.code, away.value.type) == (503, "planner_unavailable", "server_error")
    wrong = await door.client.get("/v1/chat/completions")
    assert wrong.status_code == 405


async def test_chat_can_be_left_out(opens: Callable[..., Any]) -> None:
    async with opens(chat=ChatSettings(enabled=False)) as door:
        assert (await door.post("/v1/chat/completions", await door.key(), hello())).status_code == 404
        assert (await door.get("/v1/models", await door.key())).status_code == 404
