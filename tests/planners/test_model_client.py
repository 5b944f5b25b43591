"""Asking a language model: what comes over either wire, and what happens when it comes broken, late, too long or not at all. The
server follows a script: nothing here says how well a model plans."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from gateway.errors import PlannerFailed
from gateway.planners.model_client import Bounds, ModelClient, events
from gateway.planners.wire import Broken, Function, Said, Turn, Usage, Wire
from gateway.planners.wire_anthropic import AnthropicWire
from gateway.planners.wire_openai import OpenAiWire
from tests.planners.scripted import Answer, Call, Scripted, anthropic_events, openai_events

pytestmark = pytest.mark.anyio

WIRES: dict[str, Callable[[], Wire]] = {"openai": OpenAiWire, "anthropic": AnthropicWire}
TOKEN = "k3y-of-the-model"
TELL = Function("tell", "Tell somebody.", {"type": "object", "properties": {"who": {"type": "string"}}})
ADA = Answer((Call("tell", '{"who": "Ada \\u2764"}', "call_a"),), text="At once. ❤", usage=(12, 34))

Asks = Callable[..., Any]


@pytest.fixture(params=[*WIRES])
def wire(request: pytest.FixtureRequest) -> Wire:
    return WIRES[request.param]()


@pytest.fixture
async def ask(scripted: Scripted, wire: Wire) -> AsyncIterator[Asks]:
    """Asks once, of a client of its own."""
    async with AsyncExitStack() as opened:

        async def asked(
            *, seconds: float = 30.0, bytes_max: int = 1 << 20, tries: int = 3, model: str = "m", **more: Any
        ) -> Turn:
            made = ModelClient(
                wire,
                more.get("url", f"{scripted.url}/v1"),
                model,
                TOKEN,
                Bounds(bytes_max, tries),
                clock=lambda: datetime(2026, 11, 30, tzinfo=UTC),
                chance=lambda: 0.0,
            )
            opened.push_async_callback(made.close)
            until = asyncio.get_running_loop().time() + seconds
            return await made.ask(wire.opening("You are a test.", "Tell Ada."), [TELL], 100, until)

        yield asked


async def test_a_call_comes_as_the_model_made_it(scripted: Scripted, ask: Asks) -> None:
    scripted.plays(ADA)
    turn = await ask()
    assert [(one.id, one.name, one.arguments) for one in turn.calls] == [("call_a", "tell", '{"who": "Ada \\u2764"}')]
    assert (turn.unfit, turn.cut, turn.declined, turn.usage) == ("", False, False, Usage(12, 34))


async def test_what_a_model_said_goes_back_to_it_as_it_came(wire: Wire, ask: Asks, scripted: Scripted) -> None:
    scripted.plays(ADA)
    turn = await ask()
    (said,) = wire.results([Said(turn.calls[0], msgspec.Raw(b'{"ok":1}'))])
    if isinstance(wire, OpenAiWire):
        function = {"name": "tell", "arguments": '{"who": "Ada \\u2764"}'}
        calls = [{"id": "call_a", "type": "function", "function": function}]
        assert turn.message == {"role": "assistant", "content": "At once. ❤", "tool_calls": calls}
        assert said == {"role": "tool", "tool_call_id": "call_a", "content": '{"ok":1}'}
    else:
        use = {"type": "tool_use", "id": "call_a", "name": "tell", "input": {"who": "Ada ❤"}}
        assert turn.message == {"role": "assistant", "content": [{"type": "text", "text": "At once. ❤"}, use]}
        result = {"type": "tool_result", "tool_use_id": "call_a", "content": '{"ok":1}', "is_error": True}
        assert said == {"role": "user", "content": [result]}


def test_what_a_provider_adds_to_its_messages_is_kept() -> None:
    reading = OpenAiWire().reading()
    for delta in (
        {"role": "assistant", "reasoning_content": "Who "},
        {"reasoning_content": "is Ada?", "role": "assistant"},
    ):
        reading.take(msgspec.json.encode({"choices": [{"delta": delta}]}))
    more = {
        "index": 0,
        "id": "c",
        "function": {"name": "tell", "arguments": "{}"},
        "extra_content": {"signature": "s1"},
    }
    reading.take(msgspec.json.encode({"choices": [{"delta": {"tool_calls": [more]}, "finish_reason": "tool_calls"}]}))
    message = reading.turn().message
    assert message["reasoning_content"] == "Who is Ada?"
    assert message["role"] == "assistant"
    assert message["tool_calls"][0]["extra_content"] == {"signature": "s1"}
    told = AnthropicWire().reading()
    for event in (
        {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "thinking", "thinking": "", "signature": ""},
        },
        {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "Who?"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "s1"}},
        {"type": "something_new", "index": 9},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
        {"type": "message_stop"},
    ):
        told.take(msgspec.json.encode(event))
    assert told.turn().message["content"] == [{"type": "thinking", "thinking": "Who?", "signature": "s1"}]


async def test_the_key_goes_where_the_provider_wants_it_and_the_request_has_its_limit(
    scripted: Scripted, wire: Wire, ask: Asks
) -> None:
    scripted.plays(ADA)
    await ask()
    (asked,) = scripted.asked
    assert asked.body["stream"] is True
    assert asked.body["max_tokens"] == 100
    if isinstance(wire, OpenAiWire):
        assert (asked.path, asked.headers["authorization"]) == ("/v1/chat/completions", f"Bearer {TOKEN}")
    else:
        assert (asked.path, asked.headers["x-api-key"]) == ("/v1/messages", TOKEN)
        assert asked.headers["anthropic-version"] == "2023-06-01"


async def test_without_a_model_the_first_that_the_server_lists_is_asked(scripted: Scripted, ask: Asks) -> None:
    scripted.plays(ADA)
    await ask(model="")
    assert scripted.asked[0].body["model"] == "scripted-1"
    scripted.models = ()
    with pytest.raises(PlannerFailed, match=r"planner\.model"):
        await ask(model="")


@pytest.mark.parametrize("status", [429, 500, 503, 529])
async def test_a_busy_server_is_asked_again_when_it_says(scripted: Scripted, ask: Asks, status: int) -> None:
    scripted.plays(Answer(status=status, headers=(("retry-after", "0"),)), ADA)
    assert (await ask()).calls
    assert len(scripted.asked) == 2


async def test_a_server_that_wants_more_time_than_there_is_is_not_waited_for(scripted: Scripted, ask: Asks) -> None:
    scripted.plays(Answer(status=429, headers=(("retry-after", "3600"),)))
    async with asyncio.timeout(5):
        with pytest.raises(PlannerFailed, match="429"):
            await ask(seconds=30)
    assert len(scripted.asked) == 1


async def test_retries_have_an_end(scripted: Scripted, ask: Asks) -> None:
    scripted.always = Answer(status=529, headers=(("retry-after", "0"),))
    with pytest.raises(PlannerFailed, match="529"):
        await ask(tries=3)
    assert len(scripted.asked) == 3


@pytest.mark.parametrize(
    ("status", "told"), [(401, "secret"), (403, "secret"), (400, "400"), (404, "404"), (302, "302")]
)
async def test_what_will_not_get_better_is_not_asked_again_and_no_secret_is_told(
    scripted: Scripted, ask: Asks, status: int, told: str
) -> None:
    scripted.plays(Answer(status=status, body=f"no: {TOKEN}", headers=(("location", "http://127.0.0.1:1/"),)))
    with capture_logs() as logs, pytest.raises(PlannerFailed, match=told) as failed:
        await ask()
    assert len(scripted.asked) == 1
    assert "no:" not in str(failed.value)
    assert "no: [secret]" in str(logs)
    assert TOKEN not in str(logs)


@pytest.mark.parametrize("broken", [Answer(ADA.calls, cut=400), Answer(fails=True), Answer(ADA.calls, cut=0)])
async def test_a_stream_that_breaks_off_is_asked_for_again_and_what_it_cost_is_not_forgotten(
    scripted: Scripted, ask: Asks, broken: Answer
) -> None:
    scripted.plays(broken, ADA)
    turn = await ask()
    assert turn.calls[0].arguments == ADA.calls[0].arguments
    assert not turn.usage.counted
    assert turn.usage.read > 12


async def test_no_part_of_a_call_that_was_cut_off_is_taken(scripted: Scripted, ask: Asks) -> None:
    """Not even where what came is whole JSON."""
    scripted.plays(Answer((Call("tell", '{"who": "Ada"}'),), stop="length"))
    turn = await ask()
    assert turn.cut
    assert "limit of tokens" in turn.unfit


@pytest.mark.parametrize(
    "calls",
    [
        (Call("tell", '{"who": '),),
        (Call("tell", "[]"),),
        (Call("tell", "[" * 5_000),),
        (Call("tell", id="same"), Call("tell", id="same")),
        (Call("tell", id=""),),
    ],
    ids=["half", "no object", "deep", "the same ids", "no id"],
)
async def test_a_turn_that_cannot_be_said_again_says_so(scripted: Scripted, ask: Asks, calls: tuple[Call, ...]) -> None:
    scripted.plays(Answer(calls))
    assert (await ask()).unfit


async def test_usage_that_nobody_counted_is_guessed_and_said_to_be(scripted: Scripted, ask: Asks) -> None:
    scripted.plays(Answer(ADA.calls, usage=None))
    usage = (await ask()).usage
    assert not usage.counted
    assert usage.read > 0
    assert usage.written > 0


async def test_a_stream_of_single_bytes_says_the_same(scripted: Scripted, ask: Asks) -> None:
    scripted.plays(Answer(ADA.calls, drip=True, piece=1))
    assert (await ask()).calls[0].arguments == ADA.calls[0].arguments


async def test_a_stream_that_never_ends_is_left_at_the_deadline(scripted: Scripted, ask: Asks) -> None:
    scripted.plays(Answer(ADA.calls, cut=50, endless=True))
    with pytest.raises(PlannerFailed, match="in time"):
        await ask(seconds=0.3)
    async with asyncio.timeout(10):
        await scripted.left.wait()


async def test_an_answer_has_a_bound_of_bytes(scripted: Scripted, ask: Asks) -> None:
    scripted.plays(Answer(text="x" * 50_000, piece=10_000))
    with pytest.raises(PlannerFailed, match="20000 bytes"):
        await ask(bytes_max=20_000)


async def test_nobody_at_the_address_is_told_in_words_of_ours(ask: Asks) -> None:
    with pytest.raises(PlannerFailed, match="no connection"):
        await ask(url="http://127.0.0.1:9/v1", tries=1)


@given(st.binary(max_size=300) | st.sampled_from([*openai_events(ADA), *anthropic_events(ADA)]))
def test_whatever_comes_is_read_or_broken(data: bytes) -> None:
    for made in WIRES.values():
        reading = made().reading()
        try:
            reading.take(data)
            reading.turn()
        except Broken:
            pass


JSON = st.recursive(
    st.none() | st.integers(-2, 3) | st.text(max_size=3) | st.booleans(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["index", "id", "function", "name", "arguments", "type", "tool_calls", "delta", "text", "input"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.lists(JSON, max_size=4))
def test_whatever_shape_comes_is_read_or_broken(told: list[Any]) -> None:
    openai, anthropic = OpenAiWire().reading(), AnthropicWire().reading()
    try:
        for one in told:
            delta = one if isinstance(one, dict) else {"tool_calls": one}
            openai.take(msgspec.json.encode({"choices": [{"delta": delta, "finish_reason": "stop"}]}))
        openai.turn()
    except Broken:
        pass
    try:
        for one in told:
            block = {"type": "tool_use", **(one if isinstance(one, dict) else {})}
            anthropic.take(msgspec.json.encode({"type": "content_block_start", "index": 0, "content_block": block}))
            anthropic.take(msgspec.json.encode({"type": "content_block_delta", "index": 0, "delta": block}))
        anthropic.take(b'{"type":"message_delta","delta":{"stop_reason":"end_turn"}}')
        anthropic.take(b'{"type":"message_stop"}')
        anthropic.turn()
    except Broken:
        pass


@given(st.integers(1, 40), st.sampled_from([b"\n", b"\r\n"]))
async def test_events_are_the_same_however_they_are_cut(size: int, end: bytes) -> None:
    stream = b": hello\n\nevent: a\ndata: {1}\n\ndata:two\ndata: lines\nid: 3\n\ndata: never ended".replace(b"\n", end)

    async def chunks() -> AsyncIterator[bytes]:
        for at in range(0, len(stream), size):
            yield stream[at : at + size]

    assert [one async for one in events(chunks())] == [b"{1}", b"two\nlines"]


async def test_a_model_without_a_secret_is_shown_none(scripted: Scripted) -> None:
    for made in WIRES.values():
        client = ModelClient(made(), scripted.url, "m", "", Bounds(1 << 20, 1), clock=lambda: datetime.now(UTC))
        scripted.plays(ADA)
        await client.ask(made().opening("s", "t"), [TELL], 9, asyncio.get_running_loop().time() + 9)
        await client.close()
    assert not any({"authorization", "x-api-key"} & one.headers.keys() for one in scripted.asked)
