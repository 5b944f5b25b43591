"""An endpoint that chat clients of OpenAI's know: the last message of the user is an intent. Knows the wire; `intent` acts. It
reads, and each write waits for a person's yes, or is what a grant covers. Keeps nothing between two turns: the conversation does.
"""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import msgspec
import structlog
from litestar import Request, Response, Router, get, post
from litestar.exceptions import HTTPException
from litestar.params import FromPath
from litestar.response import Stream as StreamResponse
from msgspec import UNSET, Struct

from gateway.core.account import account
from gateway.core.plan import INTENT_CHARACTERS_MAX
from gateway.core.principal import Principal
from gateway.core.run import MOVING, Run
from gateway.edge.approvals import read_json
from gateway.edge.asgi import COMMENT, header_values
from gateway.edge.chat_text import (
    CANCEL,
    GO_ON,
    NO,
    YES,
    Before,
    is_said,
    is_wish,
    read_before,
    read_said,
    tell_left,
    tell_progress,
    tell_run,
    tell_unplanned,
    tell_wrong,
    tell_yes,
)
from gateway.edge.chat_wire import (
    MODEL,
    ChatModel,
    ChatModels,
    ChatRequest,
    ChatSources,
    ModelMissing,
    Stream,
    Turn,
    fault_of,
    read_turn,
    whole,
)
from gateway.edge.intents import QUIET_S, ApprovalAwaited
from gateway.edge.parts import Gateway
from gateway.edge.problem import problem
from gateway.edge.rejected import note_error
from gateway.edge.wanted import IntentBody, begin
from gateway.errors import ArgumentsInvalid, BadRequest, Conflict, GatewayError, NotFound, NotPlanned
from gateway.runs import Held

DOOR = "chat"
# How long a turn waits for an intent that goes on by itself.
TURN_S_MAX = 300.0

AnyRequest = Request[Any, Any, Any]

log = structlog.get_logger(__name__)


class Progressed(Struct, frozen=True):
    """One event of the journal of an intent that goes on."""

    intent: str
    sequence: int
    event: str


class Answer(Struct, frozen=True):
    text: str
    sources: ChatSources


class Begun(Struct, frozen=True):
    """The run that a turn is about, as it was then; and what was wrong with what was said to it."""

    run: Run
    problem: str = ""


def chat_routes(gateway: Gateway) -> Router:
    """The handlers, bound to one gateway."""
    door = ChatDoor(gateway)

    @post("/chat/completions", status_code=200)
    async def complete_chat(request: AnyRequest) -> Response[bytes] | StreamResponse:
        return await door.answer(request)

    @get("/models")
    async def list_models(request: AnyRequest) -> ChatModels:
        await gateway.desk.principal(request.scope)
        return ChatModels()

    @get("/models/{name:str}")
    async def show_model(request: AnyRequest, name: FromPath[str]) -> ChatModel:
        await gateway.desk.principal(request.scope)
        if name != MODEL:
            raise ModelMissing(f"The model here is {MODEL!r}; there is no {name[:100]!r}.")
        return ChatModel()

    def tell_error(request: AnyRequest, error: GatewayError) -> Response[bytes]:
        note_error(gateway.rejections, request.scope, error)
        reply = problem(error, gateway.desk.seen_by(request.scope).challenge)
        headers = {name.decode(): value.decode() for name, value in reply.headers}
        body = msgspec.json.encode(fault_of(error))
        return Response(body, status_code=reply.status, headers=headers, media_type="application/json")

    def tell_http_error(request: AnyRequest, error: HTTPException) -> Response[bytes]:
        return tell_error(request, BadRequest("There is nothing here that answers to that."))

    def tell_nothing(request: AnyRequest, error: Exception) -> Response[bytes]:
        """A defect of ours: the log has it, the caller is told no more than that."""
        log.error("a request failed for a reason of our own", path=request.url.path, exc_info=error)
        return tell_error(request, GatewayError("Something went wrong in the gateway; its log says what."))

    return Router(
        "/v1",
        route_handlers=[complete_chat, list_models, show_model],
        exception_handlers={GatewayError: tell_error, HTTPException: tell_http_error, Exception: tell_nothing},
    )


class ChatDoor:
    """What POST /v1/chat/completions answers."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._intents = gateway.intents
        self._runs = gateway.runs

    async def answer(self, request: AnyRequest) -> Response[bytes] | StreamResponse:
        gateway = self._gateway
        principal = await gateway.desk.principal(request.scope)
        asked: ChatRequest = await read_json(gateway, request, ChatRequest)
        turn = read_turn(asked)
        key = next(iter(header_values(request.scope, b"idempotency-key")), "")
        begun = await self._begin(principal, asked, turn, key)
        created = int(gateway.desk.clock().timestamp())
        if not asked.stream:
            answer = begun if isinstance(begun, Answer) else await self._wait(principal, begun)
            return Response(whole(_id_of(answer), created, answer.text, answer.sources), media_type="application/json")
        stream = Stream(_id_of(begun), created, asked.includes_usage)
        return StreamResponse(
            self._stream(principal, begun, stream),
            media_type="text/event-stream",
            headers={"cache-control": "no-store", "x-accel-buffering": "no"},
        )

    # What is asked.

    async def _begin(self, principal: Principal, asked: ChatRequest, turn: Turn, key: str) -> Begun | Answer:
        """The run that a turn begins or goes on with; or the answer, where there is none."""
        before = read_before(turn.before)
        try:
            if before is not None and before.asked:
                return await self._reply(principal, before, asked, turn.words, key)
            if is_said(turn.words, YES | NO):
                return await self._say_yes(principal, before, turn)
            if before is not None and is_said(turn.words, CANCEL | GO_ON):
                return await self._look(principal, before, turn.words)
        except NotFound as error:
            raise BadRequest("The conversation is about an intent that is none of yours; begin another one.") from error
        return await self._plan(principal, asked, turn.words, key)

    async def _plan(self, principal: Principal, asked: ChatRequest, words: str, key: str) -> Begun | Answer:
        if len(words) > INTENT_CHARACTERS_MAX:
            raise BadRequest(f"A message that says what is wanted has {INTENT_CHARACTERS_MAX} characters at most.")
        more = asked.factotum
        wanted = IntentBody(intent=words, zone=more.zone, locale=more.locale, mode=more.mode)
        told = f"{DOOR} {key}" if key else ""
        try:
            run = await begin(self._intents, self._gateway.planning, principal, wanted, DOOR, told, asks_yes=True)
        except NotPlanned as error:
            return Answer(tell_unplanned(error), ChatSources(planned=error.planned))
        return Begun(run)

    async def _reply(
        self, principal: Principal, before: Before, asked: ChatRequest, words: str, key: str
    ) -> Begun | Answer:
        """What was asked is answered, once: a turn that comes again finds what became of it. What does not answer it, and is a wish
        of its own, leaves the question, where a plan comes of it."""
        held = await self._runs.find(principal, before.intent)
        if held.run.sequence != before.sequence:
            return Begun(held.run, "That is answered already.")
        if is_said(words, CANCEL):
            return await self._cancel(principal, held.run)
        try:
            said = read_said(held.progress.questions, words)
            return Begun(await self._intents.answer(principal, held.run.id, said))
        except ArgumentsInvalid as error:
            other = await self._plan(principal, asked, words, key) if is_wish(words) else None
            if not isinstance(other, Begun):
                return Begun(held.run, tell_wrong(error, held.progress.questions))
            if held.run.state == "needs_input":
                await self._cancel(principal, held.run)
            return Begun(other.run, tell_left(held.run, held.progress.questions))

    async def _say_yes(self, principal: Principal, before: Before | None, turn: Turn) -> Begun | Answer:
        """A yes or no that answers no question."""
        run = await self._runs.look_up(principal, before.intent) if before is not None else None
        if run is not None and run.state == "needs_approval":
            return Begun(run, "A yes or no is given where the approval is decided, and not here.")
        return Answer(tell_yes(turn.words, turn.before), ChatSources())

    async def _look(self, principal: Principal, before: Before, words: str) -> Begun:
        run = await self._runs.look_up(principal, before.intent)
        if is_said(words, CANCEL):
            return await self._cancel(principal, run)
        return Begun(await self._intents.answer(principal, run.id, {}) if run.state == "needs_auth" else run)

    async def _cancel(self, principal: Principal, run: Run) -> Begun:
        try:
            return Begun(await self._intents.cancel(principal, run.id))
        except Conflict as error:
            return Begun(run, error.detail)

    # What is told.

    async def _wait(self, principal: Principal, begun: Begun) -> Answer:
        held = await self._runs.wait(principal, begun.run.id, TURN_S_MAX)
        return await self._tell(principal, held, begun.problem)

    async def _tell(self, principal: Principal, held: Held, problem: str) -> Answer:
        run, waiting = held.run, held.progress.waiting
        entries = await self._runs.journal(principal, run.id)
        tools = self._gateway.discovery.view(principal).tools
        is_waiting = waiting is not None and run.state == "needs_approval"
        sources = ChatSources(
            intent=run.id,
            state=run.state,
            sequence=run.sequence,
            plan=run.plan if run.spoken is None else UNSET,
            sentences=account(run, held.progress, entries),
            questions=held.progress.questions,
            approval=ApprovalAwaited(waiting.approval, waiting.url) if waiting is not None and is_waiting else None,
        )
        return Answer(tell_run(held, entries, tools, problem), sources)

    async def _stream(self, principal: Principal, begun: Begun | Answer, stream: Stream) -> AsyncGenerator[bytes]:
        yield stream.begin()
        try:
            if isinstance(begun, Begun):
                async for event in self._progress(principal, begun, stream):
                    yield event
                begun = await self._tell(principal, await self._runs.find(principal, begun.run.id), begun.problem)
            for event in stream.answer(begun.text, begun.sources):
                yield event
        except GatewayError as error:
            yield stream.fault(error)

    async def _progress(self, principal: Principal, begun: Begun, stream: Stream) -> AsyncGenerator[bytes]:
        """What happens until it rests."""
        run, until = begun.run, asyncio.get_running_loop().time() + TURN_S_MAX
        if run.state not in MOVING:
            return
        async for entry in self._runs.follow(principal, run.id, run.sequence, QUIET_S):
            if asyncio.get_running_loop().time() > until:
                return
            if entry is None:
                yield COMMENT
                continue
            kind = entry.event.__struct_config__.tag
            yield stream.progress(tell_progress(entry), Progressed(run.id, entry.sequence, str(kind)))
            now = await self._runs.look_up(principal, run.id)
            if now.state not in MOVING and entry.sequence >= now.sequence:
                return


def _id_of(answer: Begun | Answer) -> str:
    run_id = answer.run.id if isinstance(answer, Begun) else answer.sources.intent
    return f"chatcmpl-{run_id or 'none'}"
