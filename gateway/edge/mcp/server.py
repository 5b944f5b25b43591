"""One MCP server: that of all tools, or that of a toolset. What it says of itself, and who sees it."""

from msgspec import Struct

from gateway.core.toolset import EVERYTHING, Filter, Toolset
from gateway.edge.asgi import MCP_PATH

INSTRUCTIONS = (
    "Tools here are operations of many services. Where tools/list shows search_tools, find a tool with it and look at it "
    "with describe_tool; every tool can be called by its name, or through call_tool."
)


class Server(Struct, frozen=True):
    """`name` is that of its toolset. One without a toolset is that of all tools."""

    version: str
    name: str = ""
    toolset: Toolset | None = None

    @property
    def door(self) -> str:
        """The path at which it is served."""
        return f"{MCP_PATH}/{self.name}" if self.name else MCP_PATH

    @property
    def tools(self) -> Filter:
        return EVERYTHING if self.toolset is None else self.toolset.filter

    @property
    def info(self) -> dict[str, str]:
        """`serverInfo`."""
        if not self.name:
            return {"name": "factotum", "title": "Factotum", "version": self.version}
        return {"name": f"factotum-{self.name}", "title": f"Factotum: {self.name}", "version": self.version}

    @property
    def instructions(self) -> str:
        if self.toolset is None:
            return INSTRUCTIONS
        return " ".join(filter(None, (f"The toolset {self.name}.", self.toolset.description, INSTRUCTIONS)))

    def is_seen(self, tenant: str) -> bool:
        return self.toolset is None or self.toolset.is_seen(tenant)


def no_server(version: str) -> Server:
    """What is where there is none: nobody sees it."""
    return Server(version, toolset=Toolset(tools=("",), tenants=("",)))
