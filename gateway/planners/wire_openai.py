"""Chat completions as OpenAI has them, and vLLM, Ollama, llama.cpp and many others. Streamed; the last chunk has the usage."""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct

from gateway.planners.wire import Broken, Function, Json, ModelCall, Said, Tokens, Turn, Usage, read_event, why_unfit

INDEX_MAX = 100
# Of a delta: these come whole, and some servers say them again in every chunk. All other texts come in pieces.
_WHOLE = frozenset({"id", "type", "role", "name"})


class _Usage(Struct, frozen=True):
    prompt_tokens: Tokens = 0
    completion_tokens: Tokens = 0


class _Choice(Struct, frozen=True):
    delta: dict[str, Any] | None = None
    finish_reason: str | None = None
    index: int = 0


class _Chunk(Struct, frozen=True):
    choices: list[_Choice] = []
    usage: _Usage | None = None
    error: Any = None


class _Named(Struct, frozen=True):
    name: str = ""
    arguments: str = ""


class _Call(Struct, frozen=True):
    function: _Named
    id: str = ""


class _Message(Struct, frozen=True):
    tool_calls: list[_Call] | None = None
    refusal: str | None = None


_read_chunk = msgspec.json.Decoder(_Chunk).decode


class OpenAiWire:
    """A Wire. `tokens_field` is what the server calls the limit of what is written."""

    path = "/chat/completions"

    def __init__(self, tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens") -> None:
        self._tokens_field = tokens_field

    def headers(self, token: str) -> dict[str, str]:
        return {"authorization": f"Bearer {token}"} if token else {}

    def opening(self, system: str, text: str) -> list[Json]:
        return [{"role": "system", "content": system}, self.note(text)]

    def note(self, text: str) -> Json:
        return {"role": "user", "content": text}

    def results(self, said: Sequence[Said]) -> list[Json]:
        return [{"role": "tool", "tool_call_id": one.call.id, "content": bytes(one.content).decode()} for one in said]

    def body(self, model: str, messages: Sequence[Json], functions: Sequence[Function], tokens_max: int) -> Json:
        return {
            "model": model,
            "messages": messages,
            "tools": [
                {
                    "type": "function",
                    "function": {"name": one.name, "description": one.description, "parameters": one.schema},
                }
                for one in functions
            ],
            "tool_choice": "required",
            self._tokens_field: tokens_max,
            "stream": True,
            "stream_options": {"include_usage": True},
        }

    def reading(self) -> "OpenAiReading":
        return OpenAiReading()


class OpenAiReading:
    """A Reading: what the deltas come to, put together as the official SDK does."""

    def __init__(self) -> None:
        self._message: Json = {"role": "assistant"}
        self._finish: str | None = None
        self._usage: Usage | None = None

    def take(self, data: bytes) -> None:
        if data == b"[DONE]":
            return
        chunk = read_event(data, _read_chunk)
        if chunk.error is not None:
            raise Broken("it says in the middle that it failed")
        if chunk.usage is not None:
            self._usage = Usage(chunk.usage.prompt_tokens, chunk.usage.completion_tokens)
        for choice in chunk.choices[:1]:
            _put(self._message, choice.delta or {})
            self._finish = choice.finish_reason or self._finish

    def turn(self) -> Turn:
        if self._finish is None:
            raise Broken("it ended in the middle")
        if "tool_calls" in self._message:
            self._message.setdefault("content", None)
        try:
            told = msgspec.convert(self._message, _Message)
        except msgspec.ValidationError as error:
            raise Broken("its message has another shape") from error
        calls = tuple(ModelCall(one.id, one.function.name, one.function.arguments) for one in told.tool_calls or ())
        cut, declined = self._finish == "length", self._finish == "content_filter" or bool(told.refusal)
        return Turn(self._message, calls, why_unfit(calls, cut=cut), cut, declined, self._usage)


def _put(whole: Json, delta: Json) -> None:
    """A delta more. Raises Broken."""
    for key, value in delta.items():
        known = whole.get(key)
        match known, value:
            case _, None:
                whole.setdefault(key, None)
            case None, list():
                whole[key] = []
                _put_items(whole[key], value)
            case list(), list():
                _put_items(known, value)
            case None, dict():
                whole[key] = {}
                _put(whole[key], value)
            case dict(), dict():
                _put(known, value)
            case str(), str() if known and key not in _WHOLE:
                whole[key] = known + value
            case str(), str() if known:
                pass
            case _:
                whole[key] = value


def _put_items(whole: list[Any], delta: list[Any]) -> None:
    """Items say by their `index` which one goes on; without one, each stands for itself."""
    for one in delta:
        if not isinstance(one, dict):
            whole.append(one)
            continue
        index = one.get("index", len(whole))
        if not isinstance(index, int) or not 0 <= index <= min(len(whole), INDEX_MAX):
            raise Broken("its calls are in no order")
        if index == len(whole):
            whole.append({})
        if not isinstance(whole[index], dict):
            raise Broken("its message has another shape")
        _put(whole[index], {key: value for key, value in one.items() if key != "index"})
