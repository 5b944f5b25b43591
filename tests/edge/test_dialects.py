"""Tools listed in a provider's dialect are called with what its models send."""

import json
from typing import Any

import pytest

from tests.conftest import Backend, Door

pytestmark = pytest.mark.anyio

BODY = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string"},
        "colour": {"type": "string", "enum": ["red", "blue"]},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}
DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Things", "version": "1"},
    "paths": {
        "/things": {
            "post": {
                "operationId": "make",
                "requestBody": {"required": True, "content": {"application/json": {"schema": BODY}}},
            }
        }
    },
}
SENT = {"name": "a", "colour": None, "labels": [{"key": "room", "value": "kitchen"}]}
MEANT = {"name": "a", "labels": {"room": "kitchen"}}


@pytest.fixture
async def things(door: Door, backend: Backend) -> Door:
    await door.add("things", DOCUMENT, backend.url)
    return door


async def test_openai_strict_over_rest(things: Door, backend: Backend) -> None:
    token = await things.key()
    [tool] = (await things.get("/v1/tools?format=openai-strict", token)).json()
    function = tool["function"]
    assert (function["name"], function["strict"]) == ("things_make", True)
    assert set(function["parameters"]["required"]) == {"name", "colour", "labels"}
    assert function["parameters"]["additionalProperties"] is False
    body = {"arguments": SENT, "dialect": "openai-strict"}
    answer = await things.post("/v1/tools/things_make:call", token, body)
    assert answer.status_code == 200, answer.text
    assert json.loads(backend.seen[0].body) == MEANT


async def test_gemini_over_rest(things: Door, backend: Backend) -> None:
    token = await things.key()
    [tool] = (await things.get("/v1/tools?format=gemini", token)).json()
    assert (tool["name"], tool["parameters"]["type"]) == ("things_make", "OBJECT")
    assert "$defs" not in json.dumps(tool)
    body = {"arguments": {**SENT, "colour": "red"}, "dialect": "gemini"}
    assert (await things.post("/v1/tools/things_make:call", token, body)).status_code == 200
    assert json.loads(backend.seen[0].body) == {**MEANT, "colour": "red"}


async def test_a_dialect_over_mcp_holds_for_lists_and_calls(things: Door, backend: Backend) -> None:
    headers = {"authorization": f"Bearer {await things.key()}", "mcp-protocol-version": "2025-11-25"}

    async def ask(method: str, params: Any, dialect: str) -> Any:
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        return (await things.client.post(f"/mcp?dialect={dialect}", json=message, headers=headers)).json()

    listed = (await ask("tools/list", {}, "openai-strict"))["result"]["tools"]
    assert set(listed[0]["inputSchema"]["required"]) == {"name", "colour", "labels"}
    assert set((await ask("tools/list", {}, "plain"))["result"]["tools"][0]["inputSchema"]["required"]) == {"name"}
    result = await ask("tools/call", {"name": "things_make", "arguments": SENT}, "openai-strict")
    assert "isError" not in result["result"], result
    assert json.loads(backend.seen[0].body) == MEANT
    assert (await ask("tools/list", {}, "klingon"))["error"]["code"] == -32602
