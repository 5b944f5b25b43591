"""MCP 2026-07-28: every request stands alone and says its version, in its body and in its headers. Knows the methods of
that era and their HTTP statuses. Source: MCP 2026-07-28, basic, transports, server/discover, server/tools."""

from typing import Any

import msgspec
from litestar.types import HTTPScope
from msgspec import UNSET, Raw

from gateway.core.principal import Principal
from gateway.edge.jsonrpc import (
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    Fault,
    Message,
    decode_params,
)
from gateway.edge.mcp.elicit import TASKS, Elicitation, is_declined, means_of
from gateway.edge.mcp.headers import HEADER_MISMATCH, check_routing, read_routing
from gateway.edge.mcp.intents import INTENT_NAMES, InputNeeded, Means, TaskBegun
from gateway.edge.mcp.listen import ListenParams
from gateway.edge.mcp.lists import Asking, ListParams
from gateway.edge.mcp.meta import RequestMeta
from gateway.edge.mcp.resources import ReadParams, Resources
from gateway.edge.mcp.server import Server
from gateway.edge.mcp.tasks import TaskParams, Tasks, UpdateParams, task_of
from gateway.edge.mcp.tools import CallParams, CallResult, Toolbox, failed
from gateway.errors import ApprovalNeeded

VERSION = "2026-07-28"
MISSING_CAPABILITY = -32021
UNSUPPORTED_VERSION = -32022
STATUS = {
    PARSE_ERROR: 400,
    INVALID_REQUEST: 400,
    INVALID_PARAMS: 400,
    METHOD_NOT_FOUND: 404,
    HEADER_MISMATCH: 400,
    MISSING_CAPABILITY: 400,
    UNSUPPORTED_VERSION: 400,
}
# Which member of the params the Mcp-Name header repeats.
NAMED_BY = {
    "tools/call": "name",
    "prompts/get": "name",
    "resources/read": "uri",
    **dict.fromkeys(("tasks/get", "tasks/update", "tasks/cancel"), "taskId"),
}

LISTEN = "subscriptions/listen"

_listen_params = msgspec.json.Decoder(ListenParams)
_list_params = msgspec.json.Decoder(ListParams)
_call_params = msgspec.json.Decoder(CallParams)
_read_params = msgspec.json.Decoder(ReadParams)
_task_params = msgspec.json.Decoder(TaskParams)
_update_params = msgspec.json.Decoder(UpdateParams)
_members = msgspec.json.Decoder(dict[str, Raw])


class Modern:
    """Answers one request of this era at one server; lists may be kept for `ttl_ms`."""

    def __init__(
        self,
        toolbox: Toolbox,
        resources: Resources,
        elicitation: Elicitation,
        server: Server,
        *,
        ttl_ms: int,
    ) -> None:
        self._toolbox = toolbox
        self._resources = resources
        self._elicitation = elicitation
        told_server = msgspec.json.encode({"io.modelcontextprotocol/serverInfo": server.info})
        self._head = b'{"resultType":"complete","_meta":' + told_server
        self._head_of_question = b'{"resultType":"input_required","_meta":' + told_server
        self._head_of_task = b'{"resultType":"task","_meta":' + told_server
        self._cached = b',"ttlMs":%d,"cacheScope":"private"' % ttl_ms
        self._passing = b',"ttlMs":0,"cacheScope":"private"'
        # What intents call is of no toolset.
        self._tasks = Tasks(toolbox.intents) if toolbox.intents is not None and server.toolset is None else None
        extensions: dict[str, object] = {"extensions": {TASKS: {}}} if self._tasks is not None else {}
        told = {
            "supportedVersions": [VERSION],
            "capabilities": {"tools": {"listChanged": True}, "resources": {}, **extensions},
            "instructions": server.instructions,
        }
        self._discovered = Raw(self._head + self._cached + b"," + msgspec.json.encode(told)[1:])

    async def result(
        self, scope: HTTPScope, message: Message, meta: RequestMeta, principal: Principal, asking: Asking
    ) -> Raw:
        """The result, encoded. Raises Fault, ScopeMissing or StoreFailed."""
        self._check(scope, message, meta)
        match message.method:
            case "server/discover":
                return self._discovered
            case "tools/list":
                asked = decode_params(_list_params, message.params, "tools/list takes a cursor, or nothing")
                page = await self._toolbox.lists.page(principal, asked.cursor, asking, meta.intent)
                # A client may keep a list by its parameters alone, without what `_meta` said.
                return Raw(self._head + (self._passing if meta.intent else self._cached) + b"," + page + b"}")
            case "tools/call":
                call = decode_params(
                    _call_params, message.params, "tools/call takes a name, and arguments as an object"
                )
                return await self._call(principal, call, asking, meta)
            case "resources/list":
                return self._fresh(self._resources.list_all(principal, asking.toolset))
            case "resources/templates/list":
                return self._fresh({"resourceTemplates": []})
            case "resources/read":
                read = decode_params(_read_params, message.params, "resources/read takes a uri")
                return self._fresh(self._resources.read(principal, read, INVALID_PARAMS, asking.toolset))
            case "tasks/get" | "tasks/update" | "tasks/cancel" if self._tasks is not None:
                return await self._task(self._tasks, principal, message, means_of(meta.client_capabilities))
            case _:
                raise Fault(METHOD_NOT_FOUND, "This server has no such method.")

    async def _task(self, tasks: Tasks, principal: Principal, message: Message, means: Means) -> Raw:
        if not means.tasks:
            data: dict[str, object] = {"requiredCapabilities": {"extensions": {TASKS: {}}}}
            raise Fault(MISSING_CAPABILITY, f"Only a client that declares {TASKS} follows tasks.", data)
        task_id = decode_params(_task_params, message.params, "they take a taskId").task_id
        match message.method:
            case "tasks/get":
                told = await tasks.get(principal, task_id, means)
                return Raw(self._head + b"," + msgspec.json.encode(told)[1:])
            case "tasks/update":
                asked = decode_params(_update_params, message.params, "tasks/update takes inputResponses, an object")
                await tasks.update(principal, task_id, asked.input_responses)
            case _:
                await tasks.cancel(principal, task_id)
        return Raw(self._head + b"}")

    async def _call(self, principal: Principal, call: CallParams, asking: Asking, meta: RequestMeta) -> Raw:
        """The result of a call, or what has to be asked of a person before it can go on."""
        means = means_of(meta.client_capabilities)
        carried = self._elicitation.carried(principal, call)
        if call.name not in INTENT_NAMES and is_declined(carried):
            return self._complete(failed("Nobody wanted to look at what waits for a yes, so nothing was sent."))
        try:
            result = await self._toolbox.call(
                principal, call, "any", asking, dry_run=meta.dry_run, means=means, carried=carried
            )
        except ApprovalNeeded as needed:
            return self._ask(self._elicitation.required(principal, call, needed))
        except InputNeeded as needed:
            return self._ask(self._elicitation.asked(principal, call, needed))
        except TaskBegun as begun:
            return Raw(self._head_of_task + b"," + msgspec.json.encode(task_of(begun.held, "working"))[1:])
        return self._complete(result)

    def _ask(self, told: dict[str, Any]) -> Raw:
        return Raw(self._head_of_question + b"," + msgspec.json.encode(told)[1:])

    def listen_params(self, scope: HTTPScope, message: Message, meta: RequestMeta) -> ListenParams:
        """What `subscriptions/listen` asks for. Raises Fault."""
        self._check(scope, message, meta)
        return decode_params(_listen_params, message.params, "subscriptions/listen takes notifications, an object")

    def _complete(self, result: CallResult) -> Raw:
        return Raw(self._head + b"," + msgspec.json.encode(result)[1:])

    def _fresh(self, told: dict[str, Any]) -> Raw:
        """What changes from one call to the next: it is not to be cached."""
        return Raw(self._head + self._passing + b"," + msgspec.json.encode(told)[1:])

    def _check(self, scope: HTTPScope, message: Message, meta: RequestMeta) -> None:
        """The version and the client's capabilities are there, and the headers say what the body says. Raises Fault."""
        version = _text(meta.protocol_version)
        if version is None:
            raise Fault(INVALID_PARAMS, "params._meta needs io.modelcontextprotocol/protocolVersion, a string.")
        if meta.client_capabilities is UNSET or not bytes(meta.client_capabilities).lstrip().startswith(b"{"):
            raise Fault(INVALID_PARAMS, "params._meta needs io.modelcontextprotocol/clientCapabilities, an object.")
        method = message.method if isinstance(message.method, str) else ""
        check_routing(read_routing(scope), version=version, method=method, name=_name(method, message.params))
        if version != VERSION:
            data = {"supported": [VERSION], "requested": version[:40]}
            raise Fault(UNSUPPORTED_VERSION, f"This server speaks {VERSION}, and older versions by `initialize`.", data)


def _name(method: str, params: Raw) -> str | None:
    """What the Mcp-Name header must say; None where the method names nothing. Raises Fault."""
    if method not in NAMED_BY:
        return None
    members = decode_params(_members, params, "params must be an object")
    name = _text(members.get(NAMED_BY[method], UNSET))
    if name is None:
        raise Fault(INVALID_PARAMS, f"{method} needs {NAMED_BY[method]}, a string.")
    return name


def _text(value: Raw | msgspec.UnsetType) -> str | None:
    try:
        return None if value is UNSET else msgspec.json.decode(value, type=str)
    except msgspec.DecodeError:
        return None
