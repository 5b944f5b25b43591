"""Which tools of a connector are held back until somebody approves them. Pure; who approves is told elsewhere."""

from msgspec import structs

from gateway.core.catalog import Connector
from gateway.core.diff import fingerprint
from gateway.core.tool import Tool


def all_tools(connector: Connector) -> tuple[Tool, ...]:
    """Those that are served, and those that are held."""
    return (*connector.tools, *connector.held)


def fingerprints_of(connector: Connector) -> frozenset[str]:
    return frozenset(map(fingerprint, all_tools(connector)))


def hold_back(connector: Connector, approved: frozenset[str]) -> Connector:
    """The same connector, with every tool that its manifest wants approved, and that is not, among the held ones."""
    quarantine = connector.manifest.quarantine

    def is_held(tool: Tool) -> bool:
        wanted = quarantine == "all" or (quarantine == "writes" and tool.effect != "read")
        return wanted and fingerprint(tool) not in approved

    every = all_tools(connector)
    held = tuple(tool for tool in every if is_held(tool)) if quarantine != "none" else ()
    names = {tool.name for tool in held}
    return structs.replace(connector, tools=tuple(tool for tool in every if tool.name not in names), held=held)
