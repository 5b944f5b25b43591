"""Streams that tell a client when its list of tools has changed: `subscriptions/listen` of 2026-07-28, and the GET stream of
the eras before it. Each stream tells only what its own caller can see. Source: MCP 2026-07-28, basic/patterns/subscriptions;
MCP 2025-11-25, basic/transports."""

import asyncio
from collections.abc import AsyncGenerator

import msgspec
from msgspec import Raw, Struct, UnsetType, field

from gateway.core.principal import Principal
from gateway.discover import Discovery, View
from gateway.edge.jsonrpc import INTERNAL_ERROR, Fault, Id, encode_result
from gateway.edge.mcp.lists import Asking
from gateway.published import Published

STREAMS_MAX = 1_000
LIFETIME_S = 3_600.0
KEEP_ALIVE_S = 15.0
COMMENT = b": still here\n\n"
SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"


class Wanted(Struct, frozen=True):
    tools: bool | UnsetType | None = field(name="toolsListChanged", default=None)


class ListenParams(Struct, frozen=True):
    notifications: Wanted = Wanted()


class Listening:
    """All open streams. One that is open for LIFETIME_S ends in peace: its client asks again, and is looked at again."""

    def __init__(self, published: Published, discovery: Discovery) -> None:
        self._published = published
        self._discovery = discovery
        self._open = 0

    def require_room(self) -> None:
        """Raises Fault where STREAMS_MAX are open."""
        if self._open >= STREAMS_MAX:
            raise Fault(INTERNAL_ERROR, f"{STREAMS_MAX} streams are open; ask again later.")

    async def subscription(
        self, principal: Principal, message_id: Id, params: ListenParams, asking: Asking
    ) -> AsyncGenerator[bytes]:
        """The events of one `subscriptions/listen`: what is agreed to first, its result at the end."""
        meta = {"_meta": {SUBSCRIPTION: message_id}}
        agreed = {"toolsListChanged": True} if params.notifications.tools is True else {}
        yield _event("notifications/subscriptions/acknowledged", {**meta, "notifications": agreed})
        async for changed in self._changes(principal, asking):
            if not changed:
                yield COMMENT
            elif agreed:
                yield _event("notifications/tools/list_changed", meta)
        result = Raw(msgspec.json.encode({"resultType": "complete", **meta}))
        yield _framed(encode_result(message_id, result))

    async def notifications(self, principal: Principal, asking: Asking) -> AsyncGenerator[bytes]:
        """The events of one GET stream."""
        yield COMMENT
        async for changed in self._changes(principal, asking):
            yield _event("notifications/tools/list_changed", None) if changed else COMMENT

    async def _changes(self, principal: Principal, asking: Asking) -> AsyncGenerator[bool]:
        """True where the caller's tools are others now; False now and then, so that the connection stays."""
        self._open += 1
        try:
            ends_at = asyncio.get_running_loop().time() + LIFETIME_S
            seen = self._discovery.view(principal, step_up=asking.step_up, toolset=asking.toolset)
            while not self._published.stopped and asyncio.get_running_loop().time() < ends_at:
                try:
                    async with asyncio.timeout(KEEP_ALIVE_S):
                        await self._published.next()
                except TimeoutError:
                    yield False
                    continue
                now = self._discovery.view(principal, step_up=asking.step_up, toolset=asking.toolset)
                if not _same(seen, now):
                    yield True
                seen = now
        finally:
            self._open -= 1


def _same(one: View, other: View) -> bool:
    """Whether a list of one looks like a list of the other. Tools that did not change are the same objects."""
    return (
        one.tools.keys() == other.tools.keys()
        and one.missing == other.missing
        and all(tool is other.tools[name] or tool == other.tools[name] for name, tool in one.tools.items())
    )


def _event(method: str, params: object) -> bytes:
    told = {"jsonrpc": "2.0", "method": method, **({"params": params} if params is not None else {})}
    return _framed(msgspec.json.encode(told))


def _framed(data: bytes) -> bytes:
    return b"event: message\ndata: " + data + b"\n\n"
