"""A2A 1.0 over JSON-RPC: an agent hands an intent to the gateway as a task. Knows the wire; `intent` acts. A task is a run: its
caller's alone, another's is not found. Keeps nothing but open streams.

Source: A2A 1.0, specification sections 3 (operations), 8 (agent card) and 9 (JSON-RPC).
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec
import structlog
from litestar.types import HTTPScope, Receive, Scope, Send
from msgspec import UNSET, Raw

from gateway.core.principal import Principal
from gateway.core.run import MOVING, Mode
from gateway.edge.a2a_card import AgentCard
from gateway.edge.a2a_wire import (
    ENDED_STATES,
    STATES,
    ListTasksParams,
    SendMessageParams,
    TaskParams,
    artifacts_of,
    context_of,
    data_of,
    page_of,
    state_of,
    status_of,
    task_of,
    text_of,
)
from gateway.edge.asgi import (
    A2A_PATH,
    Disconnected,
    EventStream,
    Reply,
    header_values,
    read_body,
    send_events,
    send_reply,
    until_disconnect,
)
from gateway.edge.forms import read_words
from gateway.edge.intents import QUIET_S
from gateway.edge.jsonrpc import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    Fault,
    Message,
    check_body,
    decode_message,
    decode_params,
    encode_fault,
    encode_result,
    find_id,
)
from gateway.edge.parts import Gateway
from gateway.edge.rejected import note_error
from gateway.edge.wanted import IntentBody, begin, read_plan
from gateway.errors import (
    ArgumentsInvalid,
    BadRequest,
    Conflict,
    GatewayError,
    NotFound,
    PlanInvalid,
    ScopeMissing,
    Unauthenticated,
    code_of,
    http_status,
    jsonrpc_code,
)
from gateway.runs import Held

DOOR = "a2a"
VERSION = "1.0"
RUNS_MAX = 1_000
# How long a message that wants to wait for the end is kept waiting.
BLOCKING_S_MAX = 300.0
COMMENT = b": still here\n\n"

TASK_NOT_FOUND = -32001
TASK_NOT_CANCELABLE = -32002
PUSH_NOT_SUPPORTED = -32003
UNSUPPORTED_OPERATION = -32004
CONTENT_TYPE_NOT_SUPPORTED = -32005
VERSION_NOT_SUPPORTED = -32009
REASONS = {
    TASK_NOT_FOUND: "TASK_NOT_FOUND",
    TASK_NOT_CANCELABLE: "TASK_NOT_CANCELABLE",
    PUSH_NOT_SUPPORTED: "PUSH_NOTIFICATION_NOT_SUPPORTED",
    UNSUPPORTED_OPERATION: "UNSUPPORTED_OPERATION",
    CONTENT_TYPE_NOT_SUPPORTED: "CONTENT_TYPE_NOT_SUPPORTED",
    VERSION_NOT_SUPPORTED: "VERSION_NOT_SUPPORTED",
    METHOD_NOT_FOUND: "METHOD_NOT_FOUND",
    INVALID_REQUEST: "INVALID_REQUEST",
    INVALID_PARAMS: "INVALID_PARAMS",
}
_TYPES = "type.googleapis.com/google.rpc"
OUTPUT_MODES = frozenset({"text/plain", "application/json"})
# There is nothing of them here, and that is told by a code of its own (section 3.3.4).
PUSH_METHODS = frozenset(
    f"{verb}TaskPushNotificationConfig{s}" for verb in ("Create", "Get", "List", "Delete") for s in ("", "s")
)
STREAMS = frozenset({"SendStreamingMessage", "SubscribeToTask"})

log = structlog.get_logger(__name__)

_send_params = msgspec.json.Decoder(SendMessageParams)
_task_params = msgspec.json.Decoder(TaskParams)
_list_params = msgspec.json.Decoder(ListTasksParams)


class AgentDoor:
    """The endpoint at A2A_PATH, as a raw ASGI app."""

    def __init__(self, gateway: Gateway, card: AgentCard) -> None:
        self._gateway = gateway
        self._card = card
        self._intents = gateway.intents
        self._runs = gateway.runs
        self._planning = gateway.planning

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with suppress(Disconnected):
            reply = await self._reply(scope, receive)  # type: ignore[arg-type]
            if isinstance(reply, EventStream):
                await send_events(receive, send, reply)
            else:
                await send_reply(send, reply)

    async def _reply(self, scope: HTTPScope, receive: Receive) -> Reply | EventStream:
        """One HTTP response to one HTTP request, whatever came. Raises Disconnected."""
        body, message = b"", None
        http = self._gateway.settings.http
        try:
            if scope["method"] != "POST":
                return Reply(405, headers=((b"allow", b"POST"),))
            principal = await self._gateway.desk.principal(scope)
            body = await read_body(scope, receive, bytes_max=http.body_bytes_max, timeout_s=http.body_timeout_s)
            check_body(body, http.body_depth_max)
            message = decode_message(body)
            _check_version(scope)
            return await until_disconnect(receive, self._answer(scope, message, principal))
        except Fault as fault:
            note_error(self._gateway.rejections, scope, BadRequest(fault.text))
            return Reply(200, encode_fault(find_id(body), _told(fault)))
        except GatewayError as error:
            return self._tell(scope, error, find_id(body))
        except Disconnected:
            raise
        except Exception as error:
            log.error("a request failed for a reason of our own", method=message and message.method, exc_info=error)
            return Reply(
                200, encode_fault(find_id(body), Fault(INTERNAL_ERROR, "Something went wrong in the gateway."))
            )

    async def _answer(self, scope: HTTPScope, message: Message, principal: Principal) -> Reply | EventStream:
        if message.kind != "request" or message.id is UNSET:
            return Reply(202)
        if message.method not in STREAMS:
            return Reply(200, encode_result(message.id, await self._result(scope, message, principal)))
        if message.method == "SubscribeToTask":
            held = await self._find(principal, message)
            if state_of(held) in ENDED_STATES:
                raise Fault(UNSUPPORTED_OPERATION, f"The task has ended ({held.run.state}); GetTask shows it.")
        else:
            held = await self._send(principal, _read(message))
        return EventStream(self._follow(principal, message.id, held))

    async def _result(self, scope: HTTPScope, message: Message, principal: Principal) -> object:
        match message.method:
            case "SendMessage":
                asked = _read(message)
                held = await self._send(principal, asked)
                if not asked.configuration.return_immediately:
                    held = await self._runs.wait(principal, held.run.id, BLOCKING_S_MAX)
                return {"task": await self._task(held)}
            case "GetTask":
                return await self._task(await self._find(principal, message))
            case "ListTasks":
                return await self._list(principal, message)
            case "CancelTask":
                held = await self._find(principal, message)
                try:
                    await self._intents.cancel(principal, held.run.id)
                except Conflict as error:
                    raise Fault(TASK_NOT_CANCELABLE, error.detail) from error
                return await self._task(await self._runs.find(principal, held.run.id))
            case "GetExtendedAgentCard":
                return Raw(self._card.extended(scope, principal))
            case method if method in PUSH_METHODS:
                raise Fault(PUSH_NOT_SUPPORTED, "There are no push notifications here; subscribe to the task.")
            case _:
                raise Fault(METHOD_NOT_FOUND, "This agent has no such method.")

    # What is asked.

    async def _send(self, principal: Principal, asked: SendMessageParams) -> Held:
        """The run that a message begins, or goes on with. Raises Fault, and what `Intents` raises."""
        message, configuration = asked.message, asked.configuration
        if configuration.task_push_notification_config is not UNSET:
            raise Fault(PUSH_NOT_SUPPORTED, "There are no push notifications here; subscribe to the task.")
        if configuration.accepted_output_modes and OUTPUT_MODES.isdisjoint(configuration.accepted_output_modes):
            raise Fault(CONTENT_TYPE_NOT_SUPPORTED, "Answers here are text/plain and application/json.")
        if any(part.raw is not UNSET or part.url is not UNSET for part in message.parts):
            raise Fault(CONTENT_TYPE_NOT_SUPPORTED, "Parts here are text, or data.")
        if message.task_id:
            return await self._go_on(principal, asked)
        told = data_of(message)
        words, mode = text_of(message), _read_mode(told.get("mode", "execute"))
        plan = read_plan(told["plan"]) if "plan" in told else None
        key, wanted = f"{DOOR} {message.message_id}", IntentBody(plan, intent=words, mode=mode)
        run = await begin(self._intents, self._planning, principal, wanted, DOOR, key, context=message.context_id)
        return await self._runs.find(principal, run.id)

    async def _go_on(self, principal: Principal, asked: SendMessageParams) -> Held:
        """With what the message answers: values by the keys of the questions, or the text where one thing is asked."""
        message = asked.message
        held = await self._runs.find(principal, message.task_id)
        if message.context_id not in ("", context_of(held.run)):
            raise Fault(INVALID_PARAMS, "The task is of another context; leave contextId out, or send its own.")
        if state_of(held) in ENDED_STATES:
            raise Fault(UNSUPPORTED_OPERATION, f"The task has ended ({held.run.state}); send a message without taskId.")
        if held.run.state in MOVING:
            raise Fault(UNSUPPORTED_OPERATION, "The task asks nothing now; subscribe to it, or cancel it.")
        questions, values = held.progress.questions, data_of(message).get("values", {})
        if not isinstance(values, dict):
            raise Fault(INVALID_PARAMS, "`values` is an object: answers by the keys of the questions.")
        if not values and len(questions) == 1 and (words := text_of(message)):
            values = {questions[0].key: read_words(questions[0], words)}
        await self._intents.answer(principal, held.run.id, values)
        return await self._runs.find(principal, held.run.id)

    async def _find(self, principal: Principal, message: Message) -> Held:
        asked = decode_params(_task_params, message.params, "they take the id of a task")
        return await self._runs.find(principal, asked.id)

    # What is told.

    async def _task(self, held: Held, *, with_artifacts: bool = True) -> dict[str, Any]:
        entries = await self._runs.journal(held.run.principal, held.run.id) if with_artifacts else None
        return task_of(held, entries)

    async def _list(self, principal: Principal, message: Message) -> dict[str, Any]:
        asked = decode_params(_list_params, message.params, "ListTasks takes filters and a page")
        runs = [
            run
            for run in await self._runs.list(principal, RUNS_MAX)
            if asked.context_id in ("", context_of(run))
            and (asked.status == "" or asked.status in STATES[run.state])
            and (asked.status_timestamp_after is UNSET or run.updated_at > asked.status_timestamp_after)
        ]
        runs.sort(key=lambda run: (run.updated_at, run.id), reverse=True)
        page, following = page_of(runs, asked)
        held = [await self._runs.find(principal, run.id) for run in page]
        tasks = [
            await self._task(one, with_artifacts=asked.include_artifacts)
            for one in held
            if asked.status in ("", state_of(one))
        ]
        return {"tasks": tasks, "nextPageToken": following, "pageSize": asked.page_size, "totalSize": len(runs)}

    async def _follow(self, principal: Principal, message_id: str | int, held: Held) -> AsyncGenerator[bytes]:
        """The task as it is, and each change of its status, until it has ended or asks something that only another message
        answers."""
        task = await self._task(held)
        yield _event(message_id, {"task": task})
        last, shown = status_of(held), {one["artifactId"] for one in task["artifacts"]}
        if not _goes_on(held):
            return
        async for entry in self._runs.follow(principal, held.run.id, held.run.sequence, QUIET_S):
            if entry is None:
                yield COMMENT
                continue
            held = await self._runs.find(principal, held.run.id)
            status, ids = status_of(held), {"taskId": held.run.id, "contextId": context_of(held.run)}
            if {**status, "timestamp": ""} == {**last, "timestamp": ""}:
                continue
            last, entries = status, await self._runs.journal(principal, held.run.id)
            for artifact in artifacts_of(held, entries):
                if artifact["artifactId"] not in shown:
                    shown.add(artifact["artifactId"])
                    yield _event(message_id, {"artifactUpdate": {**ids, "artifact": artifact, "lastChunk": True}})
            yield _event(message_id, {"statusUpdate": {**ids, "status": status}})
            if not _goes_on(held):
                return

    def _tell(self, scope: HTTPScope, error: GatewayError, message_id: str | int | None) -> Reply:
        """An error of ours: 401 and 403 as HTTP has them, all else as JSON-RPC has it."""
        note_error(self._gateway.rejections, scope, error)
        desk = self._gateway.desk.seen_by(scope)
        headers: tuple[tuple[bytes, bytes], ...] = ()
        match error:
            case Unauthenticated(code=problem):
                headers = (desk.challenge(problem, door=A2A_PATH),)
            case ScopeMissing(scopes=scopes):
                headers = (desk.challenge("insufficient_scope", scopes, A2A_PATH),)
        fault = _told(Fault(_code_of(error), f"{error.title}: {error.detail}"), code_of(error), _violations(error))
        status = http_status(error)
        return Reply(status if status in (401, 403, 413, 429, 503) else 200, encode_fault(message_id, fault), headers)


def _code_of(error: GatewayError) -> int:
    match error:
        case NotFound():
            return TASK_NOT_FOUND
        case Conflict():
            return INVALID_PARAMS
        case _:
            return jsonrpc_code(error)


def _violations(error: GatewayError) -> list[dict[str, str]]:
    match error:
        case ArgumentsInvalid(problems=wrong):
            return [{"field": one.argument, "description": one.expected} for one in wrong]
        case PlanInvalid(problems=broken):
            return [{"field": f"{one.step}{one.argument}", "description": one.detail} for one in broken]
        case _:
            return []


def _goes_on(held: Held) -> bool:
    """Whether there is something to wait for without another message: what waits for a yes goes on by itself."""
    return held.run.state in MOVING or held.run.state in ("needs_approval", "needs_auth")


def _check_version(scope: HTTPScope) -> None:
    """Raises Fault. Without a header a client means 0.3 (section 3.6)."""
    told = header_values(scope, b"a2a-version")
    version = ".".join(told[0].split(".")[:2]) if told else ""
    if version != VERSION:
        raise Fault(VERSION_NOT_SUPPORTED, f"This agent speaks A2A {VERSION}; say so in the header A2A-Version.")


def _read(message: Message) -> SendMessageParams:
    return decode_params(_send_params, message.params, "a message has a messageId, a role and parts")


def _read_mode(told: object) -> Mode:
    match told:
        case "execute" | "preview":
            return told
        case _:
            raise Fault(INVALID_PARAMS, "`mode` is execute or preview.")


def _told(fault: Fault, code: str = "", violations: Sequence[Mapping[str, str]] = ()) -> Fault:
    """The same, with what programs read (google.rpc.ErrorInfo and BadRequest, section 9.5)."""
    reason = REASONS.get(fault.code, "INTERNAL_ERROR")
    if fault.code in (INVALID_REQUEST, INVALID_PARAMS) and code:
        reason = code.upper()
    told: dict[str, object] = {
        "@type": f"{_TYPES}.ErrorInfo",
        "reason": reason,
        "domain": "a2a-protocol.org",
        "metadata": {"code": code or reason.lower()},
    }
    more = [{"@type": f"{_TYPES}.BadRequest", "fieldViolations": violations}] if violations else []
    return Fault(fault.code, fault.text, [told, *more])


def _event(message_id: str | int, told: object) -> bytes:
    return b"data: " + encode_result(message_id, told) + b"\n\n"
