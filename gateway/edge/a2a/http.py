"""A2A 1.0 over HTTP and JSON: a path for each operation. Knows the wire; `tasks` knows what agents may ask. Keeps nothing but open
streams.

Source: A2A 1.0, specification section 11 (HTTP+JSON); errors are google.rpc.Status as JSON (AIP-193).
"""

import re
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import structlog
from litestar.types import HTTPScope, Receive, Scope, Send
from msgspec import Raw

from gateway.core.principal import Principal
from gateway.edge.a2a.card import AgentCard
from gateway.edge.a2a.faults import (
    CONTENT_TYPE_NOT_SUPPORTED,
    REASONS,
    TASK_NOT_FOUND,
    challenges,
    check_version,
    details,
    fault_of,
    violations_of,
)
from gateway.edge.a2a.tasks import AgentTasks
from gateway.edge.a2a.wire import ListTasksParams, PushConfig, PushParams, SendMessageParams
from gateway.edge.asgi import (
    A2A_HTTP_PATH,
    COMMENT,
    Disconnected,
    EventStream,
    Reply,
    read_body,
    send_events,
    send_reply,
    until_disconnect,
)
from gateway.edge.jsonrpc import INTERNAL_ERROR, INVALID_PARAMS, METHOD_NOT_FOUND, Fault, check_body, decode_params
from gateway.edge.parts import Gateway
from gateway.edge.problem import retry_headers
from gateway.edge.rejected import note_error
from gateway.errors import BadRequest, Conflict, GatewayError, NotFound, code_of, http_status
from gateway.runs import Held

MEDIA_TYPE = b"application/a2a+json"
QUERY_FIELDS_MAX = 20
# (method, path below A2A_HTTP_PATH): the operation; what is in brackets is the id of a task, and that of a receiver.
ROUTES = (
    ("POST", r"/message:send", "SendMessage"),
    ("POST", r"/message:stream", "SendStreamingMessage"),
    ("GET", r"/tasks", "ListTasks"),
    ("GET", r"/tasks/([^/:]+)", "GetTask"),
    ("POST", r"/tasks/([^/:]+):cancel", "CancelTask"),
    ("GET", r"/tasks/([^/:]+):subscribe", "SubscribeToTask"),
    ("POST", r"/tasks/([^/:]+):subscribe", "SubscribeToTask"),
    ("GET", r"/extendedAgentCard", "GetExtendedAgentCard"),
    ("POST", r"/tasks/([^/:]+)/pushNotificationConfigs", "CreateTaskPushNotificationConfig"),
    ("GET", r"/tasks/([^/:]+)/pushNotificationConfigs", "ListTaskPushNotificationConfigs"),
    ("GET", r"/tasks/([^/:]+)/pushNotificationConfigs/([^/]+)", "GetTaskPushNotificationConfig"),
    ("DELETE", r"/tasks/([^/:]+)/pushNotificationConfigs/([^/]+)", "DeleteTaskPushNotificationConfig"),
)
_ROUTES = tuple((method, re.compile(re.escape(A2A_HTTP_PATH) + path), name) for method, path, name in ROUTES)
# How each HTTP status is called (google.rpc.Code).
STATUS_NAMES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    413: "OUT_OF_RANGE",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
# What the protocol itself says of its errors, where that is not 400 and FAILED_PRECONDITION (section 5.4).
STATUSES = {
    TASK_NOT_FOUND: (404, "NOT_FOUND"),
    METHOD_NOT_FOUND: (404, "NOT_FOUND"),
    CONTENT_TYPE_NOT_SUPPORTED: (400, "INVALID_ARGUMENT"),
    INVALID_PARAMS: (400, "INVALID_ARGUMENT"),
    INTERNAL_ERROR: (500, "INTERNAL"),
}

log = structlog.get_logger(__name__)

_push_config = msgspec.json.Decoder(PushConfig)
_send_params = msgspec.json.Decoder(SendMessageParams)


class HttpDoor:
    """Everything below A2A_HTTP_PATH, as a raw ASGI app."""

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
        http = self._gateway.settings.http
        try:
            principal = await self._gateway.desk.principal(scope)
            body = await read_body(scope, receive, bytes_max=http.body_bytes_max, timeout_s=http.body_timeout_s)
            check_body(body, http.body_depth_max)
            check_version(scope)
            return await until_disconnect(receive, self._answer(scope, body, principal))
        except Fault as fault:
            note_error(self._gateway.rejections, scope, BadRequest(fault.text))
            return _tell_fault(fault)
        except GatewayError as error:
            note_error(self._gateway.rejections, scope, error)
            headers = challenges(self._gateway.desk.seen_by(scope), error)
            return _tell_error(error, (*headers, *retry_headers(error)))
        except Disconnected:
            raise
        except Exception as error:
            log.error("a request failed for a reason of our own", path=scope["path"], exc_info=error)
            return _tell_fault(Fault(INTERNAL_ERROR, "Something went wrong in the gateway."))

    async def _answer(self, scope: HTTPScope, body: bytes, principal: Principal) -> Reply | EventStream:
        operation, task_id, receiver = _route(scope)
        match operation:
            case "SendStreamingMessage":
                return EventStream(self._follow(principal, await self._tasks.send(principal, _message(body))))
            case "SubscribeToTask":
                return EventStream(self._follow(principal, await self._tasks.open(principal, task_id)))
            case "SendMessage":
                told: object = await self._tasks.sent(principal, _message(body))
            case "ListTasks":
                told = await self._tasks.list(principal, _listed(scope))
            case "GetTask":
                told = await self._tasks.task(await self._tasks.find(principal, task_id))
            case "CancelTask":
                told = await self._tasks.cancel(principal, task_id)
            case "GetExtendedAgentCard":
                told = Raw(self._card.extended(scope, principal))
            case _:
                told = await self._push(operation, body, principal, PushParams(task_id, receiver))
        return Reply(200, msgspec.json.encode(told), content_type=MEDIA_TYPE)

    async def _push(self, operation: str, body: bytes, principal: Principal, asked: PushParams) -> object:
        pushing = self._tasks.pushing
        pushing.require()
        match operation:
            case "CreateTaskPushNotificationConfig":
                config = decode_params(_push_config, Raw(body or b"{}"), "a receiver has a url")
                return await pushing.create(principal, asked.task_id, pushing.check(config))
            case "GetTaskPushNotificationConfig":
                return await pushing.get(principal, asked)
            case "ListTaskPushNotificationConfigs":
                return await pushing.list(principal, asked.task_id)
            case _:
                return await pushing.delete(principal, asked)

    async def _follow(self, principal: Principal, held: Held) -> AsyncGenerator[bytes]:
        async for told in self._tasks.follow(principal, held):
            yield COMMENT if told is None else b"data: " + msgspec.json.encode(told) + b"\n\n"


def _route(scope: HTTPScope) -> tuple[str, str, str]:
    """The operation, and the ids of a task and of a receiver, "" where it is about none. Raises Fault."""
    for method, path, operation in _ROUTES:
        if method == scope["method"] and (found := path.fullmatch(scope["path"])) is not None:
            task_id, receiver, *_ = (*found.groups(), "", "")
            return operation, task_id, receiver
    raise Fault(METHOD_NOT_FOUND, "This agent has no such operation.")


def _message(body: bytes) -> SendMessageParams:
    return decode_params(_send_params, Raw(body or b"{}"), "a message has a messageId, a role and parts")


def _listed(scope: HTTPScope) -> ListTasksParams:
    """Raises Fault."""
    try:
        told = parse_qsl(scope["query_string"].decode(), keep_blank_values=True, max_num_fields=QUERY_FIELDS_MAX)
        return msgspec.convert(dict(told), ListTasksParams, strict=False)
    except (ValueError, UnicodeDecodeError) as error:
        raise Fault(INVALID_PARAMS, "The query does not fit: it has filters and a page.") from error


def _tell_fault(fault: Fault) -> Reply:
    reason = REASONS.get(fault.code, "INVALID_REQUEST")
    status, name = STATUSES.get(fault.code, (400, "FAILED_PRECONDITION"))
    return _status(status, name, fault.text, details(reason, reason.lower()))


def _tell_error(error: GatewayError, headers: tuple[tuple[bytes, bytes], ...]) -> Reply:
    """What the protocol has a name for goes by that; whatever else went wrong by the gateway's own."""
    fault, code = fault_of(error), code_of(error)
    told = details(REASONS[fault.code], code, violations_of(error))
    if isinstance(error, BadRequest | Conflict | NotFound) and http_status(error) != 413:
        status, name = STATUSES.get(fault.code, (400, "INVALID_ARGUMENT"))
        return _status(status, name, fault.text, told, headers)
    status = http_status(error)
    return _status(status, STATUS_NAMES.get(status, "INTERNAL"), fault.text, details(code.upper(), code), headers)


def _status(
    status: int, name: str, text: str, told: list[dict[str, Any]], headers: tuple[tuple[bytes, bytes], ...] = ()
) -> Reply:
    body = msgspec.json.encode({"error": {"code": status, "status": name, "message": text, "details": told}})
    return Reply(status, body, headers)
