"""The scripted server speaks both wires: the official SDKs read it as they read what they were made for."""

import json
from typing import Any

import anthropic
import openai
import pytest
from anthropic.types.message_create_params import MessageCreateParamsStreaming
from msgspec import Raw
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming
from pydantic import TypeAdapter

from gateway.planners.llm_prompt import FUNCTIONS
from gateway.planners.wire import Json, ModelCall, Said, Wire
from gateway.planners.wire_anthropic import AnthropicWire
from gateway.planners.wire_openai import OpenAiWire
from tests.planners.scripted import Answer, Call, Scripted

pytestmark = pytest.mark.anyio

TELL = Call("tell", '{"who": "Ada", "what": ["a", {"b": 1.5}], "when": null}', "call_a")
TALK = Answer((TELL,), text="I will tell Ada.", usage=(12, 34))
TOOL_SCHEMA = {"type": "object", "properties": {"who": {"type": "string"}}}


async def test_the_official_openai_sdk_reads_its_chat_completions(scripted: Scripted) -> None:
    scripted.plays(TALK)
    async with openai.AsyncOpenAI(base_url=f"{scripted.url}/v1", api_key="k3y", max_retries=0) as client:
        stream = client.chat.completions.stream(
            model="scripted-1",
            messages=[{"role": "user", "content": "Tell Ada."}],
            tools=[{"type": "function", "function": {"name": "tell", "parameters": TOOL_SCHEMA}}],
            stream_options={"include_usage": True},
        )
        async with stream as told:
            completion = await told.get_final_completion()
    message = completion.choices[0].message
    assert message.tool_calls is not None
    assert [(one.id, one.function.name, one.function.arguments) for one in message.tool_calls] == [
        (TELL.id, TELL.name, TELL.arguments)
    ]
    assert (message.content, completion.choices[0].finish_reason) == ("I will tell Ada.", "tool_calls")
    assert completion.usage is not None
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (12, 34)


async def test_the_official_anthropic_sdk_reads_its_messages(scripted: Scripted) -> None:
    scripted.plays(TALK)
    async with anthropic.AsyncAnthropic(base_url=scripted.url, api_key="k3y", max_retries=0) as client:
        stream = client.messages.stream(
            model="scripted-1",
            max_tokens=100,
            messages=[{"role": "user", "content": "Tell Ada."}],
            tools=[{"name": "tell", "input_schema": TOOL_SCHEMA}],
        )
        async with stream as told:
            message = await told.get_final_message()
    text, use = message.content
    assert (text.type, use.type) == ("text", "tool_use")
    assert text.type == "text"
    assert text.text == "I will tell Ada."
    assert use.type == "tool_use"
    assert (use.id, use.name, use.input) == (TELL.id, TELL.name, json.loads(TELL.arguments))
    assert (message.stop_reason, message.usage.input_tokens, message.usage.output_tokens) == ("tool_use", 12, 34)


def test_what_is_asked_is_what_the_sdks_would_ask() -> None:
    """Their types read the bodies of whole conversations: an answer, what was said to it, and another question."""
    said = Said(ModelCall("call_a", "tell", "{}"), Raw(b'{"not_taken":[]}'))
    function = {"name": "tell", "arguments": "{}"}
    kinds: list[tuple[Any, Wire, Json]] = [
        (
            CompletionCreateParamsStreaming,
            OpenAiWire(),
            {"role": "assistant", "tool_calls": [{"id": "call_a", "type": "function", "function": function}]},
        ),
        (
            MessageCreateParamsStreaming,
            AnthropicWire(),
            {"role": "assistant", "content": [{"type": "tool_use", "id": "call_a", "name": "tell", "input": {}}]},
        ),
    ]
    for kind, wire, message in kinds:
        messages = [*wire.opening("Plan.", "Tell Ada."), message, *wire.results([said]), wire.note("Well?")]
        body = wire.body("m", messages, FUNCTIONS, 100)
        told = TypeAdapter(kind).validate_python(body)
        assert body.keys() <= told.keys()
        assert len([*told["messages"]]) == len(body["messages"])
        assert len([*told["tools"]]) == len(FUNCTIONS)


async def test_the_sdks_take_its_failures_for_what_they_are(scripted: Scripted) -> None:
    scripted.plays(Answer(status=429, headers=(("retry-after", "7"),)), Answer(status=529), Answer(fails=True))
    async with openai.AsyncOpenAI(base_url=f"{scripted.url}/v1", api_key="k3y", max_retries=0) as client:
        with pytest.raises(openai.RateLimitError) as limited:
            await client.chat.completions.create(model="m", messages=[{"role": "user", "content": "?"}])
    assert limited.value.response.headers["retry-after"] == "7"
    async with anthropic.AsyncAnthropic(base_url=scripted.url, api_key="k3y", max_retries=0) as asked:
        with pytest.raises(anthropic.APIStatusError, check=lambda error: error.status_code == 529):
            await asked.messages.create(model="m", max_tokens=9, messages=[{"role": "user", "content": "?"}])
        stream = asked.messages.stream(model="m", max_tokens=9, messages=[{"role": "user", "content": "?"}])
        with pytest.raises(anthropic.APIStatusError, match="Overloaded"):
            async with stream as told:
                await told.get_final_message()
