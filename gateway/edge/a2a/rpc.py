"""A2A 1.0 over JSON-RPC: one endpoint. Knows the wire; `tasks` knows what agents may ask. Keeps nothing but open streams.

Source: A2A 1.0, specification section 9 (JSON-RPC).
"""

from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any

import msgspec
import structlog
from litestar.types import HTTPScope, Receive, Scope, Send
from msgspec import UNSET, Raw

from gateway.core.principal import Principal
from gateway.edge.a2a.card import AgentCard
from gateway.edge.a2a.faults import (
    REASONS,
    challenges,
    check_version,
    details,
    fault_of,
    violations_of,
)
from gateway.edge.a2a.tasks import AgentTasks
from gateway.edge.a2a.wire import ListTasksParams, PushConfig, PushParams, SendMessageParams, TaskParams
from gateway.edge.asgi import (
    COMMENT,
    Disconnected,
    EventStream,
    Reply,
    read_body,
    send_events,
    send_reply,
    until_disconnect,
)
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
from gateway.errors import BadRequest, GatewayError, code_of, http_status
from gateway.runs import Held

STREAMS = frozenset({"SendStreamingMessage", "SubscribeToTask"})
# What HTTP tells itself; all else is told within 200.
HTTP_STATUSES = frozenset({401, 403, 413, 429, 503})

log = structlog.get_logger(__name__)

_send_params = msgspec.json.Decoder(SendMessageParams)
_task_params = msgspec.json.Decoder(TaskParams)
_push_config = msgspec.json.Decoder(PushConfig)
_push_params = msgspec.json.Decoder(PushParams)
_list_params = msgspec.json.Decoder(ListTasksParams)


class RpcDoor:
    """The endpoint at A2A_PATH, as a raw ASGI app."""

    def __init__(self, gateway: Gateway, tasks: AgentTasks, card: AgentCard) -> None:
        self._gateway = gateway
        self._tasks = tasks
        self._card = card

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
            check_version(scope)
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
            held = await self._tasks.open(principal, _task_id(message))
        else:
            held = await self._tasks.send(principal, _message(message))
        return EventStream(self._follow(principal, message.id, held))

    async def _result(self, scope: HTTPScope, message: Message, principal: Principal) -> object:
        match message.method:
            case "SendMessage":
                return await self._tasks.sent(principal, _message(message))
            case "GetTask":
                return await self._tasks.task(await self._tasks.find(principal, _task_id(message)))
            case "ListTasks":
                asked = decode_params(_list_params, message.params, "ListTasks takes filters and a page")
                return await self._tasks.list(principal, asked)
            case "CancelTask":
                return await self._tasks.cancel(principal, _task_id(message))
            case "GetExtendedAgentCard":
                return Raw(self._card.extended(scope, principal))
            case str(method) if "TaskPushNotificationConfig" in method:
                return await self._push(method, message, principal)
            case _:
                raise Fault(METHOD_NOT_FOUND, "This agent has no such method.")

    async def _push(self, method: str, message: Message, principal: Principal) -> object:
        """Whom a task tells. That nobody is told anything here has a code of its own (section 3.3.4)."""
        pushing = self._tasks.pushing
        pushing.require()
        if method == "CreateTaskPushNotificationConfig":
            config = decode_params(_push_config, message.params, "a receiver has a taskId and a url")
            return await pushing.create(principal, config.task_id, pushing.check(config))
        asked = decode_params(_push_params, message.params, "they take a taskId and the id of a receiver")
        match method:
            case "GetTaskPushNotificationConfig":
                return await pushing.get(principal, asked)
            case "ListTaskPushNotificationConfigs":
                return await pushing.list(principal, asked.task_id)
            case "DeleteTaskPushNotificationConfig":
                return await pushing.delete(principal, asked)
            case _:
                raise Fault(METHOD_NOT_FOUND, "This agent has no such method.")

    async def _follow(self, principal: Principal, message_id: str | int, held: Held) -> AsyncGenerator[bytes]:
        async for told in self._tasks.follow(principal, held):
            yield COMMENT if told is None else b"data: " + encode_result(message_id, told) + b"\n\n"

    def _tell(self, scope: HTTPScope, error: GatewayError, message_id: str | int | None) -> Reply:
        """An error of ours: 401 and 403 as HTTP has them, all else as JSON-RPC has it."""
        note_error(self._gateway.rejections, scope, error)
        headers = challenges(self._gateway.desk.seen_by(scope), error)
        fault = _told(fault_of(error), code_of(error), violations_of(error))
        status = http_status(error)
        return Reply(status if status in HTTP_STATUSES else 200, encode_fault(message_id, fault), headers)


def _message(message: Message) -> SendMessageParams:
    return decode_params(_send_params, message.params, "a message has a messageId, a role and parts")


def _task_id(message: Message) -> str:
    return decode_params(_task_params, message.params, "they take the id of a task").id


def _told(fault: Fault, code: str = "", violations: list[dict[str, str]] | None = None) -> Fault:
    """The same, with what programs read (section 9.5)."""
    reason = REASONS.get(fault.code, "INTERNAL_ERROR")
    if fault.code in (INVALID_REQUEST, INVALID_PARAMS) and code:
        reason = code.upper()
    told: list[dict[str, Any]] = details(reason, code or reason.lower(), violations or ())
    return Fault(fault.code, fault.text, told)
