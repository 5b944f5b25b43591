"""The MCP door with real clients: the official Python client in every mode, and the Inspector's command line in both eras."""

import asyncio
import base64
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import mcp
import pytest
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

from gateway.serve import bind, serving
from tests.conftest import BESIDE, NODE, Backend, Door
from tests.test_call import LAMPS

pytestmark = pytest.mark.anyio

INSPECTOR = NODE.parent / "mcp-inspector"
MODES = ["auto", "legacy", "2026-07-28"]
PNG = bytes.fromhex("89504e470d0a1a0a")


def numbered(count: int) -> dict[str, Any]:
    """A document with so many operations."""
    paths = {
        f"/things/{number}": {
            "get": {
                "operationId": f"getThing{number:03}",
                "summary": f"Show thing number {number}" + (" with the purple elephant" if number == 7 else ""),
                "parameters": [{"name": "colour", "in": "query", "required": True, "schema": {"type": "string"}}],
                "responses": {"200": {"description": "It"}, "404": {"description": "None"}},
            }
        }
        for number in range(count)
    }
    return {"openapi": "3.1.0", "info": {"title": "Things", "version": "1"}, "paths": paths}


@asynccontextmanager
async def served(door: Door) -> AsyncIterator[str]:
    with bind("127.0.0.1", 0) as listening:
        async with serving(door.gateway, listening) as url:
            yield f"{url}/mcp"


@asynccontextmanager
async def client(url: str, token: str, mode: str) -> AsyncIterator[mcp.Client]:
    async with (
        httpx2.AsyncClient(headers={"authorization": f"Bearer {token}"}) as http,
        mcp.Client(streamable_http_client(url, http_client=http), mode=mode) as one,
    ):
        yield one


@pytest.fixture
async def lamps(door: Door, backend: Backend) -> Door:
    await door.add("lamps", LAMPS, backend.url)
    return door


@pytest.mark.parametrize("mode", MODES)
async def test_the_official_client_lists_and_calls(lamps: Door, backend: Backend, mode: str) -> None:
    async with served(lamps) as url, client(url, await lamps.key(), mode) as one:
        tools = (await one.list_tools()).tools
        assert [tool.name for tool in tools] == ["lamps_get_lamp", "lamps_set_lamp", *BESIDE]
        assert tools[0].annotations is not None
        assert tools[0].annotations.read_only_hint is True
        result = await one.call_tool("lamps_set_lamp", {"id": "1", "on": True})
        assert (result.is_error, result.structured_content) == (False, {"ok": True})
        assert backend.seen[0].target == "/lamps/1"


@pytest.mark.parametrize("mode", MODES)
async def test_it_is_told_what_is_wrong_with_its_arguments_in_a_result(
    lamps: Door, backend: Backend, mode: str
) -> None:
    async with served(lamps) as url, client(url, await lamps.key(), mode) as one:
        result = await one.call_tool("lamps_set_lamp", {"id": "1", "onn": True})
        text = result.content[0].text
        assert result.is_error
        assert "did you mean `on`" in text
        assert backend.seen == []


@pytest.mark.parametrize("mode", MODES)
async def test_it_is_told_of_an_error_of_the_backend_in_a_result(lamps: Door, backend: Backend, mode: str) -> None:
    backend.answers["GET /lamps/1"] = (404, "application/problem+json", b'{"title":"No such lamp"}')
    async with served(lamps) as url, client(url, await lamps.key(), mode) as one:
        result = await one.call_tool("lamps_get_lamp", {"id": "1"})
        assert result.is_error
        assert "404 Not Found: No such lamp" in result.content[0].text


@pytest.mark.parametrize("mode", MODES)
async def test_an_agent_without_the_scope_sees_which_one_it_lacks(lamps: Door, backend: Backend, mode: str) -> None:
    async with served(lamps) as url, client(url, await lamps.key("lamps:lamps.read"), mode) as one:
        assert [tool.name for tool in (await one.list_tools()).tools] == ["lamps_get_lamp", *BESIDE]
        with pytest.raises(MCPError, match=r"lamps:lamps\.write"):
            await one.call_tool("lamps_set_lamp", {"id": "1", "on": True})
        assert backend.seen == []


@pytest.mark.parametrize("mode", MODES)
async def test_images_and_other_binary_come_as_such(lamps: Door, backend: Backend, mode: str) -> None:
    async with served(lamps) as url, client(url, await lamps.key(), mode) as one:
        for kind, sent in (("image/png", "image"), ("audio/wav", "audio"), ("application/zip", "resource")):
            backend.answers["GET /lamps/1"] = (200, kind, PNG)
            (block,) = (await one.call_tool("lamps_get_lamp", {"id": "1"})).content
            assert block.type == sent


@pytest.mark.parametrize("mode", MODES)
async def test_what_was_too_long_is_a_resource_of_whoever_got_it(lamps: Door, backend: Backend, mode: str) -> None:
    whole = json.dumps({"rows": list(range(30_000))}).encode()
    backend.answers["GET /lamps/1"] = (200, "application/json", whole)
    async with served(lamps) as url:
        async with client(url, await lamps.key(), mode) as one:
            assert (await one.list_resources()).resources == []
            result = await one.call_tool("lamps_get_lamp", {"id": "1"})
            link = result.content[-1]
            assert (link.type, len(result.content[0].text) < len(whole)) == ("resource_link", True)
            (listed,) = (await one.list_resources()).resources
            assert (str(listed.uri), listed.size) == (str(link.uri), len(whole))
            (content,) = (await one.read_resource(str(link.uri))).contents
            assert (content.mime_type, content.text.encode()) == ("application/json", whole)
        async with client(url, await lamps.key(subject="eve"), mode) as eve:
            assert (await eve.list_resources()).resources == []
            with pytest.raises(MCPError, match="No result is kept"):
                await eve.read_resource(str(link.uri))


@pytest.mark.parametrize("mode", MODES)
async def test_a_file_is_read_as_a_resource_too(lamps: Door, backend: Backend, mode: str) -> None:
    backend.answers["GET /lamps/1"] = (200, "application/zip", PNG)
    async with served(lamps) as url, client(url, await lamps.key(), mode) as one:
        (block,) = (await one.call_tool("lamps_get_lamp", {"id": "1"})).content
        (content,) = (await one.read_resource(str(block.resource.uri))).contents
        assert (content.mime_type, base64.b64decode(content.blob)) == ("application/zip", PNG)


@pytest.mark.parametrize("mode", MODES)
async def test_a_large_catalog_is_searched_described_and_called(door: Door, backend: Backend, mode: str) -> None:
    await door.add("things", numbered(60), backend.url, pinned=("things_get_thing003",))
    async with served(door) as url, client(url, await door.key(), mode) as one:
        names = [tool.name for tool in (await one.list_tools()).tools]
        assert names == ["search_tools", "describe_tool", "call_tool", *BESIDE, "things_get_thing003"]
        found = (await one.call_tool("search_tools", {"query": "purple elephant"})).structured_content
        (first,) = found["tools"]
        assert (first["name"], first["inputSchema"]["required"]) == ("things_get_thing007", ["colour"])
        shown = (await one.call_tool("describe_tool", {"name": "things_get_thing007"})).structured_content
        assert shown["inputSchema"]["required"] == ["colour"]
        assert shown["otherAnswers"] == [{"status": "404", "description": "None"}]
        call = {"name": "things_get_thing007", "arguments": {"colour": "red"}}
        assert (await one.call_tool("call_tool", call)).structured_content == {"ok": True}
        preview = (await one.call_tool("call_tool", {**call, "dry_run": True})).structured_content
        assert preview["url"] == f"{backend.url}/things/7?colour=red"
        assert (await one.call_tool("things_get_thing050", {"colour": "red"})).structured_content == {"ok": True}
        assert len(backend.seen) == 2


@pytest.mark.parametrize("mode", MODES)
async def test_a_list_of_all_tools_is_there_for_the_asking_page_by_page(
    opens: Callable[..., Any], backend: Backend, mode: str
) -> None:
    from gateway.settings import McpSettings

    async with opens(mcp=McpSettings(page_tools_max=25)) as door:
        await door.add("things", numbered(60), backend.url)
        async with served(door) as url, client(f"{url}?tools=all", await door.key(), mode) as one:
            names: list[str] = []
            cursor = None
            for _ in range(3):
                page = await one.list_tools(cursor=cursor)
                names += [tool.name for tool in page.tools]
                cursor = page.next_cursor
            assert (cursor, len(set(names))) == (None, 60 + len(BESIDE))


async def inspect(url: str, token: str, era: str, folder: Path, *args: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        str(NODE),
        str(INSPECTOR.resolve()),
        "--cli",
        url,
        "--transport",
        "http",
        "--header",
        f"Authorization: Bearer {token}",
        "--protocol-era",
        era,
        "--format",
        "json",
        *args,
        cwd=folder,
        env={**os.environ, "MCP_CATALOG_PATH": str(folder / "catalog.json"), "HOME": str(folder)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    return process.returncode or 0, out.decode() or err.decode()


@pytest.mark.node
@pytest.mark.parametrize("era", ["legacy", "modern"])
async def test_the_inspector_lists_lints_and_calls(lamps: Door, backend: Backend, era: str, tmp_path: Path) -> None:
    async with served(lamps) as url:
        token = await lamps.key()
        status, said = await inspect(url, token, era, tmp_path, "--method", "tools/list", "--strict")
        assert status == 0, said
        assert {tool["name"] for tool in json.loads(said)["result"]["tools"]} == {
            "lamps_get_lamp",
            "lamps_set_lamp",
            *BESIDE,
        }
        arguments = ["--tool-arg", "id=desk", "on=true"]
        status, said = await inspect(
            url, token, era, tmp_path, "--method", "tools/call", "--tool-name", "lamps_set_lamp", *arguments
        )
        assert status == 0, said
        assert json.loads(said)["result"]["structuredContent"] == {"ok": True}
        assert json.loads(backend.seen[-1].body) == {"on": True}
