"""What a tool is related to, as the doors tell it: to a caller only what is about tools that this caller may see."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Backend, Door
from tests.edge.test_rest import judge

pytestmark = pytest.mark.anyio


def operation(
    answer: Any = None, *, scope: str = "", summary: str = "", body: bool = False, **more: Any
) -> dict[str, Any]:
    response: dict[str, Any] = {"description": "ok"}
    if answer is not None:
        response["content"] = {"application/json": {"schema": answer}}
    told: dict[str, Any] = {"summary": summary, "responses": {"200": response}, **more}
    if body:
        schema = {"type": "object", "properties": {"total": {"type": "number"}}}
        told["requestBody"] = {"content": {"application/json": {"schema": schema}}}
    return told | ({"security": [{"oauth": [scope]}]} if scope else {})


ORDER = {"type": "object", "properties": {"id": {"type": "string"}, "total": {"type": "number"}}}
OWN = {"name": "order_id", "in": "path", "required": True, "schema": {"type": "string"}}
SHOP: dict[str, Any] = {
    "openapi": "3.0.3",
    "info": {"title": "Shop", "version": "1"},
    "paths": {
        "/orders": {
            "get": operation({"type": "array", "items": ORDER}, scope="look", operationId="listOrders"),
            "post": operation(ORDER, scope="buy", operationId="addOrder", summary="Create an order", body=True),
        },
        "/orders/{order_id}": {
            "get": operation(ORDER, scope="look", operationId="getOrder", parameters=[OWN]),
            "delete": operation(scope="drop", operationId="dropOrder", parameters=[OWN]),
        },
    },
}
GIVEN = {"order_id": "/id"}


def relation(tool: str, arguments: dict[str, str], kind: str = "family") -> dict[str, Any]:
    return {"tool": tool, "kind": kind, "arguments": arguments}


WHOLE = {
    "family": {
        "noun": "order",
        "path": "/orders",
        "role": "create",
        "members": [
            {"role": "list", "tool": "shop_list_orders"},
            {"role": "create", "tool": "shop_add_order"},
            {"role": "get", "tool": "shop_get_order"},
            {"role": "delete", "tool": "shop_drop_order"},
        ],
    },
    "undo": relation("shop_drop_order", GIVEN),
    "verify": relation("shop_get_order", GIVEN),
    "following": [relation("shop_get_order", GIVEN), relation("shop_drop_order", GIVEN)],
}


@pytest.fixture
async def shop(door: Door, backend: Backend) -> Door:
    await door.add("shop", SHOP, backend.url)
    return door


async def described(door: Door, token: str, tool: str) -> Any:
    """What describe_tool of MCP tells."""
    asked = {"name": "describe_tool", "arguments": {"name": tool}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": asked}
    headers = {"authorization": f"Bearer {token}", "accept": "application/json, text/event-stream"}
    headers["mcp-protocol-version"] = "2025-06-18"
    answer = await door.client.post("/mcp", json=message, headers=headers)
    return answer.json()["result"]["structuredContent"]


async def test_both_doors_tell_what_a_tool_is_related_to(shop: Door) -> None:
    token = await shop.key()
    answer = await shop.get("/v1/tools/shop_add_order", token)
    judge(answer)
    assert answer.json()["related"] == WHOLE
    assert (await described(shop, token, "shop_add_order"))["related"] == WHOLE
    preceding = (await shop.get("/v1/tools/shop_get_order", token)).json()["related"]["preceding"]
    assert preceding == [relation("shop_list_orders", {"order_id": "/-/id"}), relation("shop_add_order", GIVEN)]


async def test_a_caller_is_told_only_of_tools_that_it_may_see(shop: Door) -> None:
    token = await shop.key("shop:buy", "shop:look")
    for told in (
        (await shop.get("/v1/tools/shop_add_order", token)).json()["related"],
        (await described(shop, token, "shop_add_order"))["related"],
    ):
        assert "shop_drop_order" not in json.dumps(told)
        assert "undo" not in told
        assert told["verify"] == WHOLE["verify"]
        assert [one["tool"] for one in told["family"]["members"]] == [
            "shop_list_orders",
            "shop_add_order",
            "shop_get_order",
        ]
    alone = (await shop.get("/v1/tools/shop_add_order", await shop.key("shop:buy"))).json()["related"]
    assert alone == {"family": {**WHOLE["family"], "members": [{"role": "create", "tool": "shop_add_order"}]}}


async def test_a_tool_of_another_connector_that_has_the_name_is_not_the_one_that_is_meant(
    shop: Door, backend: Backend
) -> None:
    """Of two connectors that claim a name, the first has it: the other's relations do not lead there."""
    other = {"openapi": "3.0.3", "paths": {"/a": {"get": operation(operationId="dropOrder")}}}
    await shop.add("earlier", other, backend.url, prefix="shop")
    told = (await shop.get("/v1/tools/shop_add_order", await shop.key())).json()["related"]
    assert "shop_drop_order" not in json.dumps(told)
    assert told["verify"] == WHOLE["verify"]


async def test_a_tool_without_relations_has_none(shop: Door, backend: Backend) -> None:
    await shop.add("lone", {"openapi": "3.0.3", "paths": {"/a": {"get": operation(operationId="a")}}}, backend.url)
    answer = await shop.get("/v1/tools/lone_a", await shop.key())
    judge(answer)
    assert answer.json()["related"] is None
    assert "related" not in await described(shop, await shop.key(), "lone_a")


async def test_of_many_relations_the_first_are_shown_and_the_others_counted(door: Door, backend: Backend) -> None:
    tree = json.loads(json.dumps(SHOP))
    for number in range(25):
        tree["paths"][f"/orders/{{order_id}}/do{number}"] = {"post": operation(parameters=[OWN], summary="Do it")}
    await door.add("shop", tree, backend.url)
    told = (await door.get("/v1/tools/shop_list_orders", await door.key())).json()["related"]
    assert (len(told["following"]), told["more"]) == (15, 12)


async def test_the_command_line_shows_the_same_in_words(tmp_path: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("FACTOTUM_")}
    told = {**environ, "PYTHONPATH": str(Path(__file__).parents[2]), "COLUMNS": "200"}
    (tmp_path / "openapi.json").write_text(json.dumps(SHOP))

    def factotum(*arguments: str) -> str:
        command = [sys.executable, "-W", "error", "-m", "gateway", *arguments]
        return subprocess.run(
            command, cwd=tmp_path, env=told, capture_output=True, text=True, timeout=60, check=True
        ).stdout

    factotum("add", "openapi.json", "--base-url", "https://shop.example")
    lines = factotum("show", "shop_add_order").splitlines()
    assert lines[3:8] == [
        "create of the family /orders: list shop_list_orders, create shop_add_order, get shop_get_order, delete shop_drop_order",
        "taken back by shop_drop_order (order_id from /id)",
        "shown by shop_get_order (order_id from /id)",
        "can be followed by shop_get_order (order_id from /id)",
        "can be followed by shop_drop_order (order_id from /id)",
    ]
    assert "can follow on shop_list_orders (order_id from /-/id)" in factotum("show", "shop_get_order").splitlines()
