"""What more scopes would give is shown to whoever asks for it, marked, and refused all the same."""

import json
from typing import Any

import pytest

from tests.conftest import Backend, Door
from tests.edge.test_mcp_clients import client, served
from tests.test_call import LAMPS

pytestmark = pytest.mark.anyio

READS, WRITES = "lamps:lamps.read", "lamps:lamps.write"
MODERN = {"mcp-protocol-version": "2026-07-28", "mcp-method": "tools/list"}
META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}


@pytest.fixture
async def lamps(door: Door, backend: Backend) -> Door:
    await door.add("lamps", LAMPS, backend.url)
    return door


def by_name(tools: list[dict[str, Any]]) -> dict[str, Any]:
    return {one["name"]: one for one in tools}


async def test_a_list_shows_what_more_scopes_would_give_only_to_whoever_asks(lamps: Door, backend: Backend) -> None:
    token = await lamps.key(READS)
    plain = (await lamps.get("/v1/tools", token)).json()["tools"]
    assert list(by_name(plain)) == ["lamps_get_lamp"]
    both = by_name((await lamps.get("/v1/tools?step_up=true", token)).json()["tools"])
    assert {name: one["missing_scopes"] for name, one in both.items()} == {
        "lamps_get_lamp": [],
        "lamps_set_lamp": [WRITES],
    }
    functions = (await lamps.get("/v1/tools?step_up=true&format=openai", token)).json()
    assert functions[1]["function"]["description"].startswith(f"You lack scopes for this: it needs {WRITES}.")
    assert "lack" not in functions[0]["function"]["description"]
    answer = await lamps.post("/v1/tools/lamps_set_lamp:call", token, {"arguments": {"id": "1", "on": True}})
    assert (answer.status_code, answer.json()["scopes"], backend.seen) == (403, [WRITES], [])
    found = (await lamps.post("/v1/tools:search", token, {"query": "switch a lamp"})).json()["tools"]
    assert list(by_name(found)) == ["lamps_get_lamp"]
    assert (await lamps.get("/v1/tools?step_up=maybe", token)).status_code == 400


async def test_over_mcp_it_is_marked_and_never_shared(lamps: Door, backend: Backend) -> None:
    token = await lamps.key(READS)
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": META}}

    async def listed(url: str) -> dict[str, Any]:
        headers = {**MODERN, "authorization": f"Bearer {token}"}
        return dict((await lamps.client.post(url, json=message, headers=headers)).json()["result"])

    assert "lamps_set_lamp" not in json.dumps(await listed("/mcp"))
    result = await listed("/mcp?step_up=true")
    tools = by_name(result["tools"])
    assert result["cacheScope"] == "private"
    assert tools["lamps_set_lamp"]["_meta"]["io.factotum/missingScopes"] == [WRITES]
    assert tools["lamps_set_lamp"]["description"].startswith(f"You lack scopes for this: it needs {WRITES}.")
    assert "io.factotum/missingScopes" not in tools["lamps_get_lamp"]["_meta"]
    assert "lamps_set_lamp" not in json.dumps(await listed("/mcp?step_up=false"))
    async with served(lamps) as url, client(f"{url}?step_up=true", token, "legacy") as one:
        assert "lamps_set_lamp" in [tool.name for tool in (await one.list_tools()).tools]
    assert backend.seen == []
