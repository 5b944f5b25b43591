"""Clients are told when their tools change: by `subscriptions/listen`, and by the GET stream of older eras."""

import asyncio
import copy
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import httpx2
import mcp
import pytest
from mcp.client.streamable_http import streamable_http_client

from gateway.serve import bind, serving
from tests.conftest import Backend, Door
from tests.test_call import LAMPS

pytestmark = pytest.mark.anyio

MODERN = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"


@asynccontextmanager
async def served(door: Door) -> AsyncIterator[str]:
    with bind("127.0.0.1", 0) as listening:
        async with serving(door.gateway, listening) as url:
            yield f"{url}/mcp"


async def events(response: httpx.Response) -> AsyncIterator[Any]:
    async for line in response.aiter_lines():
        if line.startswith("data: "):
            yield json.loads(line[6:])


def listen(token: str, wanted: Any) -> dict[str, Any]:
    params = {"notifications": wanted, "_meta": MODERN}
    return {
        "method": "POST",
        "json": {"jsonrpc": "2.0", "id": "s1", "method": "subscriptions/listen", "params": params},
        "headers": {
            "authorization": f"Bearer {token}",
            "mcp-protocol-version": "2026-07-28",
            "mcp-method": "subscriptions/listen",
            "accept": "application/json, text/event-stream",
        },
    }


async def add(door: Door, backend: Backend, name: str) -> None:
    document = copy.deepcopy(LAMPS)
    document["info"]["title"] = name
    await door.add(name, document, backend.url)


async def test_a_subscriber_is_told_of_changes_it_can_see_and_of_no_others(door: Door, backend: Backend) -> None:
    await add(door, backend, "lamps")
    token = await door.key("lamps:lamps.read", "other:lamps.read")
    async with (
        served(door) as url,
        httpx.AsyncClient(timeout=10) as client,
        client.stream(url=url, **listen(token, {"toolsListChanged": True, "promptsListChanged": True})) as answer,
    ):
        assert answer.headers["content-type"] == "text/event-stream"
        stream = events(answer)
        agreed = await anext(stream)
        assert agreed == {
            "jsonrpc": "2.0",
            "method": "notifications/subscriptions/acknowledged",
            "params": {"_meta": {SUBSCRIPTION: "s1"}, "notifications": {"toolsListChanged": True}},
        }
        await add(door, backend, "unseen")
        await add(door, backend, "other")
        told = await anext(stream)
        assert told["method"] == "notifications/tools/list_changed"
        assert told["params"] == {"_meta": {SUBSCRIPTION: "s1"}}
        door.gateway.published.stop()
        ended = [event async for event in stream]
    assert ended == [
        {"jsonrpc": "2.0", "id": "s1", "result": {"resultType": "complete", "_meta": {SUBSCRIPTION: "s1"}}}
    ]


async def test_a_subscriber_to_nothing_is_told_nothing(door: Door, backend: Backend) -> None:
    await add(door, backend, "lamps")
    token = await door.key("lamps:lamps.read", "other:lamps.read")
    async with served(door) as url, httpx.AsyncClient(timeout=10) as client:  # noqa: SIM117
        async with client.stream(url=url, **listen(token, {})) as answer:
            stream = events(answer)
            assert (await anext(stream))["params"]["notifications"] == {}
            await add(door, backend, "other")
            door.gateway.published.stop()
            assert [event.get("method") async for event in stream] == [None]


async def test_the_get_stream_of_older_eras_tells_too(door: Door, backend: Backend) -> None:
    await add(door, backend, "lamps")
    token = await door.key("lamps:lamps.read", "other:lamps.read")
    headers = {"authorization": f"Bearer {token}", "accept": "text/event-stream", "mcp-protocol-version": "2025-11-25"}
    async with served(door) as url, httpx.AsyncClient(timeout=10) as client:
        async with client.stream("GET", url, headers=headers) as answer:
            stream = events(answer)
            waiting = asyncio.ensure_future(anext(stream))
            await add(door, backend, "other")
            assert await waiting == {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}
        assert (await client.get(url, headers={**headers, "authorization": ""})).status_code == 401
        assert (await client.get(url, headers={**headers, "accept": "text/html"})).status_code == 405
        assert (await client.get(url, headers={**headers, "mcp-protocol-version": "2026-07-28"})).status_code == 405


async def test_a_client_that_goes_away_leaves_no_stream_behind(door: Door, backend: Backend) -> None:
    await add(door, backend, "lamps")
    token = await door.key()
    before = len(asyncio.all_tasks())
    async with served(door) as url, httpx.AsyncClient(timeout=10) as client:  # noqa: SIM117
        async with client.stream(url=url, **listen(token, {"toolsListChanged": True})) as answer:
            await anext(events(answer))
    assert len(asyncio.all_tasks()) <= before


async def test_the_server_stops_at_once_though_streams_are_open(door: Door, backend: Backend) -> None:
    await add(door, backend, "lamps")
    token = await door.key()
    async with httpx.AsyncClient(timeout=10) as client, asyncio.timeout(8):
        async with served(door) as url:
            request = client.build_request(url=url, **listen(token, {"toolsListChanged": True}))
            answer = await client.send(request, stream=True)
            assert "acknowledged" in (await anext(events(answer)))["method"]
        await answer.aclose()


async def test_the_official_client_hears_of_changes(door: Door, backend: Backend) -> None:
    await add(door, backend, "lamps")
    token = await door.key("lamps:lamps.read", "other:lamps.read")
    async with (
        served(door) as url,
        httpx2.AsyncClient(headers={"authorization": f"Bearer {token}"}) as http,
        mcp.Client(streamable_http_client(url, http_client=http), mode="2026-07-28") as client,
        asyncio.timeout(10),
    ):
        before = {tool.name for tool in (await client.list_tools()).tools}
        async with client.listen(tools_list_changed=True) as subscription:
            await add(door, backend, "other")
            await anext(subscription)
        assert {tool.name for tool in (await client.list_tools()).tools} - before == {"other_get_lamp"}
