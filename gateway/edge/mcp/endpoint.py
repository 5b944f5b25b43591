"""stub while others write"""
from msgspec import Struct
class McpEndpointSettings(Struct, frozen=True):
    list_tools_max: int
    page_tools_max: int
    list_ttl_ms: int
    body_bytes_max: int
    body_depth_max: int
    body_timeout_s: float
    allowed_hosts: tuple[str, ...]
    allowed_origins: tuple[str, ...]
    version: str
def mcp_endpoint(*a):
    async def app(scope, receive, send): ...
    return app
