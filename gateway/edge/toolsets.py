"""REST for whoever wants to know which toolsets there are. Knows the wire, decides nothing."""

from typing import Any

from litestar import Request, get
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

from gateway.edge.parts import Gateway

AnyRequest = Request[Any, Any, Any]


class ToolsetShown(Struct, frozen=True):
    """One toolset that your tenant sees: how many of its `tools` you may call, and the path at which MCP serves it."""

    name: str
    description: str
    tools: int
    mcp: str


class ToolsetList(Struct, frozen=True):
    """In the order of their names."""

    toolsets: tuple[ToolsetShown, ...]


def toolset_routes(gateway: Gateway) -> list[HTTPRouteHandler]:
    """The handlers, bound to one gateway."""

    @get("/v1/toolsets")
    async def list_toolsets(request: AnyRequest) -> ToolsetList:
        principal = await gateway.desk.principal(request.scope)
        there = await gateway.discovery.toolsets(principal)
        return ToolsetList(
            tuple(ToolsetShown(one.name, one.description, one.tools, f"/mcp/{one.name}") for one in there)
        )

    return [list_toolsets]
