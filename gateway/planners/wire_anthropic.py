"""The Messages API of Anthropic, version 2023-06-01. Streamed: blocks begin, go on and stop, each by its index."""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from gateway.planners.wire import (
    Broken,
    Function,
    Json,
    ModelCall,
    Said,
    Tokens,
    Turn,
    Usage,
    is_object,
    read_event,
    why_unfit,
)

VERSION = "2023-06-01"
BLOCKS_MAX = 200
# Which text of a block each kind of delta goes on with. (Citations are for documents, of which it is given none.)
_PIECES = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}


class _Usage(Struct, frozen=True):
    input_tokens: Tokens | None = None
    output_tokens: Tokens | None = None
    cache_creation_input_tokens: Tokens | None = None
    cache_read_input_tokens: Tokens | None = None


class _Message(Struct, frozen=True):
    usage: _Usage | None = None


class _Event(Struct, frozen=True):
    """Any event; what it has depends on its type."""

    type: str
    index: int = 0
    message: _Message | None = None
    content_block: dict[str, Any] = {}
    delta: dict[str, Any] = {}
    usage: _Usage | None = None


class _Use(Struct, frozen=True):
    id: str
    name: str


_read_event = msgspec.json.Decoder(_Event).decode


class AnthropicWire:
    """A Wire."""

    path = "/messages"

    def headers(self, token: str) -> dict[str, str]:
        return {"anthropic-version": VERSION, **({"x-api-key": token} if token else {})}

    def opening(self, system: str, text: str) -> list[Json]:
        return [{"role": "system", "content": system}, self.note(text)]

    def note(self, text: str) -> Json:
        return {"role": "user", "content": text}

    def results(self, said: Sequence[Said]) -> list[Json]:
        blocks = [
            {
                "type": "tool_result",
                "tool_use_id": one.call.id,
                "content": bytes(one.content).decode(),
                "is_error": one.is_error,
            }
            for one in said
        ]
        return [{"role": "user", "content": blocks}]

    def body(self, model: str, messages: Sequence[Json], functions: Sequence[Function], tokens_max: int) -> Json:
        system, *rest = messages
        return {
            "model": model,
            "max_tokens": tokens_max,
            "system": system["content"],
            "messages": rest,
            "tools": [
                {"name": one.name, "description": one.description, "input_schema": one.schema} for one in functions
            ],
            "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
            "stream": True,
        }

    def reading(self) -> "AnthropicReading":
        return AnthropicReading()


class AnthropicReading:
    """A Reading."""

    def __init__(self) -> None:
        self._blocks: list[Json] = []
        self._inputs: dict[int, str] = {}
        self._usage: _Usage | None = None
        self._written: int | None = None
        self._stop: str | None = None
        self._ended = False

    def take(self, data: bytes) -> None:
        event = read_event(data, _read_event)
        match event.type:
            case "message_start":
                self._usage = event.message.usage if event.message is not None else None
            case "content_block_start" if event.index == len(self._blocks) < BLOCKS_MAX:
                self._blocks.append(event.content_block)
            case "content_block_delta" if event.index < len(self._blocks):
                self._put(event.index, event.delta)
            case "message_delta":
                self._stop = event.delta.get("stop_reason") or self._stop
                self._written = event.usage.output_tokens if event.usage is not None else self._written
            case "message_stop":
                self._ended = True
            case "error":
                raise Broken("it says in the middle that it failed")
            case "content_block_start" | "content_block_delta":
                raise Broken("its blocks are in no order")
            case _:
                pass  # `ping`, and what is yet to come: the versioning of the API says that there may be more.

    def _put(self, index: int, delta: Json) -> None:
        match delta:
            case {"type": "input_json_delta", "partial_json": str(piece)}:
                self._inputs[index] = self._inputs.get(index, "") + piece
            case {"type": str(kind), **rest} if kind in _PIECES:
                self._blocks[index] = _longer(self._blocks[index], _PIECES[kind], rest)
            case _:
                pass

    def turn(self) -> Turn:
        if not self._ended or self._stop is None:
            raise Broken("it ended in the middle")
        calls = tuple(self._call(index, one) for index, one in enumerate(self._blocks) if one.get("type") == "tool_use")
        cut = self._stop in ("max_tokens", "model_context_window_exceeded")
        unfit = why_unfit(calls, cut=cut) or ("" if self._blocks else "it said nothing")
        message = {"role": "assistant", "content": self._blocks}
        return Turn(message, calls, unfit, cut, self._stop == "refusal", self._used())

    def _call(self, index: int, block: Json) -> ModelCall:
        """Its input stands in the block once it is whole (an object that is left out is an empty one)."""
        try:
            use = msgspec.convert(block, _Use)
        except msgspec.ValidationError as error:
            raise Broken("its blocks have another shape") from error
        text = self._inputs.get(index) or msgspec.json.encode(block.get("input") or {}).decode()
        if is_object(text):
            block["input"] = msgspec.json.decode(text)
        return ModelCall(use.id, use.name, text)

    def _used(self) -> Usage | None:
        told = self._usage
        if told is None or told.input_tokens is None or self._written is None:
            return None
        cached = (told.cache_creation_input_tokens or 0) + (told.cache_read_input_tokens or 0)
        return Usage(told.input_tokens + cached, self._written)


def _longer(block: Json, field: str, delta: Json) -> Json:
    match block.get(field) or "", delta.get(field):
        case str(known), str(piece):
            return {**block, field: known + piece}
    raise Broken("its blocks have another shape")
