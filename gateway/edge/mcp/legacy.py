"""MCP before 2026-07-28, without sessions: `initialize` is answered and forgotten, but for what the session's id says, and every
request stands alone.
Knows the methods of 2025-11-25, 2025-06-18 and 2025-03-26."""

import msgspec
from msgspec import Raw, Struct, UnsetType

from gateway.core.principal import Principal
from gateway.edge.jsonrpc import METHOD_NOT_FOUND, Fault, Message, decode_params
from gateway.edge.mcp.elicit import url_required
from gateway.edge.mcp.intents import Means
from gateway.edge.mcp.lists import Asking, ListParams
from gateway.edge.mcp.meta import RequestMeta
from gateway.edge.mcp.resources import ReadParams, Resources
from gateway.edge.mcp.server import Server
from gateway.edge.mcp.tools import CallParams, Structured, Toolbox
from gateway.errors import ApprovalNeeded

NEWEST = "2025-11-25"
# What a client that sends no version header speaks (MCP 2025-06-18, transports, Protocol Version Header).
ASSUMED = "2025-03-26"
# Whether structured content may be told: objects since 2025-06-18.
VERSIONS: dict[str, Structured] = {NEWEST: "objects", "2025-06-18": "objects", ASSUMED: "none"}
BATCHES = frozenset({ASSUMED})
UNKNOWN_RESOURCE = -32002


class InitializeParams(Struct, frozen=True):
    protocol_version: str | UnsetType = msgspec.field(default=msgspec.UNSET, name="protocolVersion")


_initialize_params = msgspec.json.Decoder(InitializeParams)
_list_params = msgspec.json.Decoder(ListParams)
_call_params = msgspec.json.Decoder(CallParams)
_read_params = msgspec.json.Decoder(ReadParams)


class Legacy:
    """Answers one request of these eras."""

    def __init__(self, toolbox: Toolbox, resources: Resources, server: Server) -> None:
        self._toolbox = toolbox
        self._resources = resources
        self._told = {
            "capabilities": {"tools": {"listChanged": True}, "resources": {}},
            "serverInfo": server.info,
            "instructions": server.instructions,
        }

    async def result(
        self,
        version: str,
        message: Message,
        meta: RequestMeta,
        principal: Principal,
        asking: Asking,
        *,
        opens_urls: bool = False,
    ) -> Raw:
        """The result, encoded. `opens_urls`: the client said so when it began its session. Raises Fault, ScopeMissing or
        StoreFailed."""
        match message.method:
            case "initialize":
                asked = decode_params(_initialize_params, message.params, "initialize takes a protocolVersion")
                spoken = asked.protocol_version if asked.protocol_version in VERSIONS else NEWEST
                return Raw(msgspec.json.encode({"protocolVersion": spoken, **self._told}))
            case "ping":
                return Raw(b"{}")
            case "tools/list":
                listing = decode_params(_list_params, message.params, "tools/list takes a cursor, or nothing")
                page = await self._toolbox.lists.page(principal, listing.cursor, asking, meta.intent)
                return Raw(b"{" + page + b"}")
            case "tools/call":
                call = decode_params(
                    _call_params, message.params, "tools/call takes a name, and arguments as an object"
                )
                try:
                    result = await self._toolbox.call(
                        principal, call, VERSIONS[version], asking, dry_run=meta.dry_run, means=Means(urls=opens_urls)
                    )
                except ApprovalNeeded as needed:
                    raise url_required(needed) from needed
                return Raw(msgspec.json.encode(result))
            case "resources/list":
                return Raw(msgspec.json.encode(self._resources.list_all(principal, asking.toolset)))
            case "resources/templates/list":
                return Raw(b'{"resourceTemplates":[]}')
            case "resources/read":
                read = decode_params(_read_params, message.params, "resources/read takes a uri")
                return Raw(msgspec.json.encode(self._resources.read(principal, read, UNKNOWN_RESOURCE, asking.toolset)))
            case _:
                raise Fault(METHOD_NOT_FOUND, "This server has no such method.")
