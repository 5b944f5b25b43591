"""Each toolset is an MCP server of its own, with real clients: what is not in it is not there."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import mcp
import pytest
from mcp.shared.exceptions import MCPError

from gateway.serve import bind, serving
from gateway.settings import McpSettings, MemoryStore
from tests.conftest import BESIDE, Backend, Door
from tests.edge.test_mcp_clients import MODES, client
from tests.edge.test_mcp_listen import events, listen
from tests.edge.test_search import document
from tests.edge.test_toolsets import EVERY, HAS, TOOLSETS

pytestmark = pytest.mark.anyio

LONG = json.dumps([{"order": number, "text": "long " * 20} for number in range(3_000)]).encode()


@pytest.fixture
async def shops(anyio_backend: str, opens: Callable[..., Any], backend: Backend) -> AsyncIterator[Door]:
    async with opens(store=MemoryStore(), toolsets=TOOLSETS) as door:
        await door.add("east", document("East", "order", "cart", tag="Orders"), backend.url, pinned=("east_make_cart",))
        await door.add("west", document("West", "order", "parcel", tag="Post"), backend.url)
        yield door


@pytest.fixture
async def url(shops: Door) -> AsyncIterator[str]:
    with bind("127.0.0.1", 0) as listening:
        async with serving(shops.gateway, listening) as one:
            yield f"{one}/mcp"


async def names(one: mcp.Client) -> set[str]:
    return {tool.name for tool in (await one.list_tools()).tools} - {*BESIDE}


def told(result: Any) -> Any:
    return json.loads(result.content[0].text)


@pytest.mark.parametrize("mode", MODES)
async def test_a_client_lists_and_calls_what_is_in_it(shops: Door, url: str, backend: Backend, mode: str) -> None:
    async with client(f"{url}/readers", await shops.key(), mode) as one:
        assert await names(one) == HAS["readers"]
        assert not (await one.call_tool("east_list_orders", {})).is_error
        assert not (await one.call_tool("call_tool", {"name": "west_list_orders"})).is_error
        assert [one.target for one in backend.seen] == ["/orders", "/orders"]
        described = told(await one.call_tool("describe_tool", {"name": "east_list_orders"}))
        assert described["name"] == "east_list_orders"
        related = {one["tool"] for one in described.get("related", {}).get("family", {}).get("members", ())}
        assert related <= HAS["readers"]


@pytest.mark.parametrize("mode", ["auto", "legacy"])  # Told one era, the client asks nothing of the server.
async def test_it_says_which_it_is(shops: Door, url: str, mode: str) -> None:
    async with client(f"{url}/readers", await shops.key(), mode) as one:
        assert one.server_info.name == "factotum-readers"
        assert one.server_info.title == "Factotum: readers"
        assert one.instructions is not None
        assert one.instructions.startswith("The toolset readers. What reads. ")
    async with client(url, await shops.key(), mode) as one:
        assert one.server_info.name == "factotum"


@pytest.mark.parametrize("mode", MODES)
async def test_a_tool_outside_is_answered_as_one_that_there_is_not(
    shops: Door, url: str, backend: Backend, mode: str
) -> None:
    async def refused(one: mcp.Client, tool: str, arguments: Any, name: str) -> str:
        with pytest.raises(MCPError) as raised:
            await one.call_tool(tool, arguments)
        return str(raised.value).replace(name, "NAME")

    async with client(f"{url}/readers", await shops.key(), mode) as one:
        for ask in (
            lambda name: refused(one, name, {}, name),
            lambda name: refused(one, "call_tool", {"name": name}, name),
            lambda name: refused(one, "call_tool", {"name": name, "dry_run": True}, name),
            lambda name: refused(one, "describe_tool", {"name": name}, name),
        ):
            assert await ask("east_make_order") == await ask("east_fly_order")
    assert backend.seen == []


@pytest.mark.parametrize("mode", MODES)
async def test_a_search_finds_what_is_in_it_and_what_else_it_names_narrows_further(
    shops: Door, url: str, mode: str
) -> None:
    async with client(f"{url}/orders", await shops.key(), mode) as one:

        async def found(**asked: Any) -> set[str]:
            wish = {"query": "list make remove orders carts parcels", "limit": 50, **asked}
            return {tool["name"] for tool in told(await one.call_tool("search_tools", wish))["tools"]}

        assert await found() == HAS["orders"]
        assert await found(connectors=["west"]) == {"west_list_orders", "west_make_order"}
        assert await found(toolset="readers") == HAS["orders"] & HAS["readers"]
        assert await found(toolset="acme-only") == await found(toolset="unheard-of") == set()


async def test_a_missing_scope_is_told_of_a_tool_that_is_in_it(shops: Door, url: str) -> None:
    async with client(f"{url}/orders", await shops.key("east:read"), "auto") as one:
        assert await names(one) == {"east_list_orders"}
        with pytest.raises(MCPError, match="east:write"):
            await one.call_tool("east_make_order", {})
        with pytest.raises(MCPError, match="There is no tool"):
            await one.call_tool("east_make_cart", {})
    async with client(f"{url}/orders?step_up=true", await shops.key("east:read"), "auto") as one:
        assert await names(one) == HAS["orders"]


async def test_another_tenants_toolset_is_answered_as_none_at_every_method(shops: Door) -> None:
    async def ask(method: str, name: str, tenant: str) -> tuple[int, bytes]:
        headers = {"authorization": f"Bearer {await shops.key(*EVERY, tenant=tenant)}"}
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
        answer = await shops.client.request(
            method, f"/mcp/{name}", headers=headers, **({"json": body} if method == "POST" else {})
        )
        return answer.status_code, answer.content

    for method in ("POST", "GET"):
        theirs = await ask(method, "acme-only", "default")
        assert theirs == await ask(method, "unheard-of", "default") == await ask(method, "readers/x", "default")
        assert theirs[0] == 404
        assert (await ask(method, "acme-only", "acme"))[0] == (200 if method == "POST" else 405)
    assert (await ask("POST", "", "default"))[0] == 404
    assert (await shops.client.post("/mcp/readers")).status_code == 401
    assert (await shops.client.post("/mcp/unheard-of")).status_code == 401
    assert (await shops.client.post("/mcp/readers", headers={"host": "evil.example"})).status_code == 403
    await asyncio.gather(*shops.gateway.rejections._writing)
    lines = (await shops.get("/v1/audit?phase=rejected&limit=100", await shops.key())).json()["lines"]
    assert {one["door"] for one in lines} == {"mcp"}


@pytest.mark.parametrize("mode", MODES)
async def test_pinned_tools_stand_beside_the_search_tools_where_they_are_in_it(
    opens: Callable[..., Any], backend: Backend, mode: str
) -> None:
    few = McpSettings(list_tools_max=1)
    pinned = ("east_make_cart", "east_list_orders")
    async with opens(store=MemoryStore(), toolsets=TOOLSETS, mcp=few) as door:
        await door.add("east", document("East", "order", "cart", tag="Orders"), backend.url, pinned=pinned)
        with bind("127.0.0.1", 0) as listening:
            async with serving(door.gateway, listening) as at:
                for path, shown in (
                    ("", pinned),
                    ("/readers", pinned[1:]),
                    ("/east-making", pinned[:1]),
                    ("/none", ()),
                ):
                    async with client(f"{at}/mcp{path}", await door.key(), mode) as one:
                        front = {"search_tools", "describe_tool", "call_tool"} if shown else set()
                        assert await names(one) == {*front, *shown}


async def test_lists_are_kept_for_each_server_and_turn_with_what_is_published(shops: Door, backend: Backend) -> None:
    token = await shops.key(*EVERY, "third:read", "third:write")

    async def page(path: str) -> bytes:
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
        answer = await shops.client.post(path, json=body, headers={"authorization": f"Bearer {token}"})
        assert answer.status_code == 200
        return answer.content

    first = {path: await page(path) for path in ("/mcp", "/mcp/readers", "/mcp/orders")}
    assert len(set(first.values())) == 3
    assert {path: await page(path) for path in first} == first
    await shops.add("third", document("Third", "thing", tag="Post"), backend.url)
    after = {path: await page(path) for path in first}
    assert [path for path in first if after[path] == first[path]] == ["/mcp/orders"]
    assert b"third_list_things" in after["/mcp/readers"]
    assert b"third_make_thing" not in after["/mcp/readers"]


@pytest.mark.parametrize("mode", MODES)
async def test_a_kept_result_is_read_at_the_servers_that_have_its_tool(
    shops: Door, url: str, backend: Backend, mode: str
) -> None:
    backend.answers["GET /orders"] = (200, "application/json", LONG)
    token = await shops.key()
    async with client(f"{url}/readers", token, mode) as one:
        await one.call_tool("east_list_orders", {})
        kept = [resource.uri for resource in (await one.list_resources()).resources]
        assert len(kept) == 1
        assert (await one.read_resource(kept[0])).contents
        assert told(await one.call_tool("read_result", {"uri": str(kept[0]), "select": "[7].order"})) == 7
    async with client(f"{url}/east-making", token, mode) as one:
        assert (await one.list_resources()).resources == []
        with pytest.raises(MCPError, match="No result is kept"):
            await one.read_resource(kept[0])
        with pytest.raises(MCPError, match="No result is kept"):
            await one.call_tool("read_result", {"uri": str(kept[0])})


async def test_a_subscriber_is_told_of_changes_to_its_toolset_alone(shops: Door, url: str, backend: Backend) -> None:
    token = await shops.key(*EVERY, "a:read", "a:write", "orders:read", "orders:write")
    asked = listen(token, {"toolsListChanged": True})
    async with httpx.AsyncClient(timeout=10) as http, http.stream(url=f"{url}/orders", **asked) as answer:
        stream = events(answer)
        await anext(stream)
        await shops.add("a", document("A", "thing", tag="Post"), backend.url)
        await shops.add("orders", document("Orders", "order", tag="Post"), backend.url)
        assert (await anext(stream))["method"] == "notifications/tools/list_changed"
        shops.gateway.published.stop()
        assert "result" in await anext(stream)
