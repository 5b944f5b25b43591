"""A server of language models that says what its script says, over real HTTP, on both wires. It is no model: what it answers says
nothing about how well any model plans. `test_scripted.py` has the official SDKs read it."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import chain, repeat
from typing import Any

from gateway.serve import bind, serving_app, url_of

Json = dict[str, Any]

STOPS = {"openai": {"calls": "tool_calls", "end": "stop", "length": "length", "declined": "content_filter"},
         "anthropic": {"calls": "tool_use", "end": "end_turn", "length": "max_tokens", "declined": "refusal"}}  # fmt: skip


@dataclass(frozen=True)
class Call:
    """`arguments` is said as it is, whether it is JSON or not."""

    name: str
    arguments: str = "{}"
    id: str = "call_1"


@dataclass(frozen=True)
class Answer:
    """One answer. `stop`: `calls`, `end`, `length` or `declined`; told by the calls where it is "". `cut`: how many bytes of the
    stream come before the connection breaks. `drip`: it comes a byte at a time; `endless`: and never ends. `fails`: after its
    beginning it says that it is overloaded. With another `status` than 200 it is an error."""

    calls: tuple[Call, ...] = ()
    text: str = ""
    stop: str = ""
    usage: tuple[int, int] | None = (1_000, 100)
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: str = "overloaded"
    cut: int | None = None
    drip: bool = False
    endless: bool = False
    fails: bool = False
    piece: int = 7

    @property
    def ended(self) -> str:
        return self.stop or ("calls" if self.calls else "end")


@dataclass(frozen=True)
class Request:
    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class Scripted:
    """`script` is answered in order; then `always`, or a failure."""

    url: str = ""
    script: list[Answer] = field(default_factory=list)
    always: Answer | None = None
    models: tuple[str, ...] = ("scripted-1",)
    seen: list[Request] = field(default_factory=list)
    left: asyncio.Event = field(default_factory=asyncio.Event)

    def plays(self, *answers: Answer) -> None:
        self.script += answers

    @property
    def asked(self) -> list[Request]:
        return [one for one in self.seen if not one.path.endswith("/models")]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while (event := await receive())["type"] == "http.request":
            body += event["body"]
            if not event["more_body"]:
                break
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.seen.append(Request(scope["path"], headers, json.loads(body) if body else None))
        if scope["path"].endswith("/models"):
            listed = {"object": "list", "data": [{"id": one, "object": "model"} for one in self.models]}
            await _send_whole(send, 200, json.dumps(listed).encode())
            return
        answer = self.script.pop(0) if self.script else self.always
        assert answer is not None, "it is asked more often than the script says"
        if answer.status != 200:
            await _send_whole(send, answer.status, answer.body.encode(), answer.headers)
            return
        events = anthropic_events(answer) if scope["path"].endswith("/messages") else openai_events(answer)
        await self._stream(answer, b"".join(events), receive, send)

    async def _stream(self, answer: Answer, stream: bytes, receive: Any, send: Any) -> None:
        head = [(b"content-type", b"text/event-stream"), *((k.encode(), v.encode()) for k, v in answer.headers)]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        gone = asyncio.create_task(receive())
        pieces = (stream[at : at + 1] for at in range(len(stream))) if answer.drip else iter((stream[: answer.cut],))
        for piece in chain(pieces, repeat(b":\n") if answer.endless else ()):
            if gone.done():
                self.left.set()
                return
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            if answer.endless:
                await asyncio.sleep(0.005)
        gone.cancel()
        if answer.cut is not None:
            raise ConnectionResetError("the script breaks the connection off here")
        await send({"type": "http.response.body", "body": b""})


async def _send_whole(send: Any, status: int, body: bytes, headers: tuple[tuple[str, str], ...] = ()) -> None:
    told = [(b"content-type", b"application/json"), *((k.encode(), v.encode()) for k, v in headers)]
    await send({"type": "http.response.start", "status": status, "headers": told})
    await send({"type": "http.response.body", "body": body})


def _pieces(answer: Answer, text: str) -> list[str]:
    return [text[at : at + answer.piece] for at in range(0, len(text), answer.piece)]


def openai_events(answer: Answer) -> Iterator[bytes]:
    """Chat completion chunks (platform.openai.com/docs/api-reference/chat-streaming)."""

    def chunk(choices: list[Json], **more: Any) -> bytes:
        told = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "scripted-1"}
        return b"data: " + json.dumps({**told, "choices": choices, **more}).encode() + b"\n\n"

    def delta(told: Json, finish: str | None = None) -> bytes:
        return chunk([{"index": 0, "delta": told, "finish_reason": finish}])

    yield delta({"role": "assistant", "content": None if answer.calls else ""})
    if answer.fails:
        yield b'data: {"error": {"message": "overloaded", "type": "server_error"}}\n\n'
        return
    for piece in _pieces(answer, answer.text):
        yield delta({"content": piece})
    for index, call in enumerate(answer.calls):
        function = {"name": call.name, "arguments": ""}
        yield delta({"tool_calls": [{"index": index, "id": call.id, "type": "function", "function": function}]})
        for piece in _pieces(answer, call.arguments):
            yield delta({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    yield delta({}, STOPS["openai"][answer.ended])
    if answer.usage is not None:
        read, written = answer.usage
        told = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
        yield chunk([], usage=told)
    yield b"data: [DONE]\n\n"


def anthropic_events(answer: Answer) -> Iterator[bytes]:
    """Events of the Messages API (docs.anthropic.com/en/api/messages-streaming)."""

    def event(kind: str, **more: Any) -> bytes:
        return f"event: {kind}\ndata: ".encode() + json.dumps({"type": kind, **more}).encode() + b"\n\n"

    read, written = answer.usage or (0, 0)
    usage = {} if answer.usage is None else {"usage": {"input_tokens": read, "output_tokens": 1}}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "content": [], "model": "scripted-1"}
    yield event("message_start", message={**message, "stop_reason": None, "stop_sequence": None, **usage})
    yield event("ping")
    if answer.fails:
        yield event("error", error={"type": "overloaded_error", "message": "Overloaded"})
        return
    blocks: list[tuple[Json, list[Json]]] = []
    if answer.text:
        deltas = [{"type": "text_delta", "text": piece} for piece in _pieces(answer, answer.text)]
        blocks.append(({"type": "text", "text": ""}, deltas))
    for call in answer.calls:
        deltas = [
            {"type": "input_json_delta", "partial_json": piece} for piece in ("", *_pieces(answer, call.arguments))
        ]
        blocks.append(({"type": "tool_use", "id": call.id, "name": call.name, "input": {}}, deltas))
    for index, (block, deltas) in enumerate(blocks):
        yield event("content_block_start", index=index, content_block=block)
        for one in deltas:
            yield event("content_block_delta", index=index, delta=one)
        yield event("content_block_stop", index=index)
    ended = {} if answer.usage is None else {"usage": {"output_tokens": written}}
    yield event(
        "message_delta", delta={"stop_reason": STOPS["anthropic"][answer.ended], "stop_sequence": None}, **ended
    )
    yield event("message_stop")


@asynccontextmanager
async def open_scripted() -> AsyncIterator[Scripted]:
    one = Scripted()
    with bind("127.0.0.1", 0) as listening:
        one.url = url_of(listening)
        async with serving_app(one, listening):
            yield one
