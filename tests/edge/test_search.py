"""Search through both doors: narrowed down exactly, and with the schemas that save a turn."""

from typing import Any

import msgspec
import pytest

from gateway.core.principal import OPERATOR
from gateway.edge.searching import SCHEMAS_BYTES_MAX
from tests.conftest import Backend, Door
from tests.edge.test_mcp_wire import request, send

pytestmark = pytest.mark.anyio


def document(title: str, *things: str, tag: str) -> dict[str, Any]:
    """With each thing one can be listed, made and removed."""
    answer = {"200": {"description": "ok"}}
    paths = {
        f"/{one}s": {
            "get": {"operationId": f"list-{one}s", "summary": f"List the {one}s", "tags": [tag], "responses": answer},
            "post": {
                "operationId": f"make-{one}",
                "summary": f"Make one {one}",
                "tags": ["Making"],
                "responses": answer,
            },
            "delete": {"operationId": f"drop-{one}s", "summary": f"Remove the {one}s", "responses": answer},
        }
        for one in things
    }
    return {"openapi": "3.1.0", "info": {"title": title, "version": "1"}, "paths": paths}


@pytest.fixture
async def shops(door: Door, backend: Backend) -> Door:
    await door.add("east", document("East", "order", "cart", tag="Orders"), backend.url)
    await door.add("west", document("West", "order", "parcel", tag="Post"), backend.url)
    return door


async def rest(door: Door, token: str, **asked: Any) -> list[dict[str, Any]]:
    answer = await door.post("/v1/tools:search", token, {"query": "list orders and parcels", "limit": 50, **asked})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["tools"]
    return found


async def over_mcp(door: Door, token: str, **asked: Any) -> Any:
    arguments = {"query": "list orders and parcels", "limit": 50, **asked}
    body = request("tools/call", {"name": "search_tools", "arguments": arguments})
    answer = await send(door, body, {"authorization": f"Bearer {token}", "mcp-protocol-version": "2025-11-25"})
    return answer.json()["result"]


@pytest.mark.parametrize(
    ("asked", "of"),
    [
        ({"connectors": ["east"]}, {"east"}),
        ({"effects": ["read"]}, {"list"}),
        ({"effects": ["write", "destructive"]}, {"make", "drop"}),
        ({"tags": ["orders", "nothing"]}, {"east_list"}),
        ({"connectors": ["west"], "effects": ["read"], "tags": ["POST"]}, {"west_list"}),
    ],
)
async def test_a_narrowed_search_finds_those_alone_and_both_doors_agree(
    shops: Door, asked: dict[str, Any], of: set[str]
) -> None:
    token = await shops.key()
    found = [one["name"] for one in await rest(shops, token, **asked)]
    told = (await over_mcp(shops, token, **asked))["structuredContent"]["tools"]
    assert found
    assert [one["name"] for one in told] == found
    assert {one for one in of for name in found if one in name} == of
    assert all(any(one in name for one in of) for name in found)


async def test_what_a_filter_leaves_out_weighs_on_no_score(shops: Door, backend: Backend) -> None:
    token = await shops.key()
    before = await rest(shops, token, connectors=["east"])
    await shops.add("north", document("North", *(f"order{n}" for n in range(30)), tag="Orders"), backend.url)
    again = await shops.key()
    assert await rest(shops, again, connectors=["east"]) == before
    await shops.gateway.ingestion.remove(OPERATOR, "west")
    assert await rest(shops, again, connectors=["east"]) == before


async def test_a_connector_that_one_may_not_see_is_answered_as_one_that_is_not_there(shops: Door) -> None:
    token = await shops.key("east:read")
    for ask in (rest, over_mcp):
        assert await ask(shops, token, connectors=["west"]) == await ask(shops, token, connectors=["nowhere"])
    assert await rest(shops, token, connectors=["west"]) == []


@pytest.mark.parametrize(
    "asked",
    [
        {"effects": ["explode"]},
        {"connectors": ["x"] * 101},
        {"tags": ["x" * 201]},
        {"connectors": "east"},
        {"schemas": -1},
        {"schemas": 51},
    ],
)
async def test_a_filter_that_does_not_fit_is_named(shops: Door, asked: dict[str, Any]) -> None:
    token = await shops.key()
    answer = await shops.post("/v1/tools:search", token, {"query": "orders", **asked})
    assert (answer.status_code, next(iter(asked)) in answer.json()["detail"]) == (400, True)
    told = await over_mcp(shops, token, **asked)
    assert (told["isError"], next(iter(asked)) in told["content"][0]["text"]) == (True, True)


async def test_the_first_hits_say_what_they_take_and_the_others_what_it_is_called(shops: Door) -> None:
    token = await shops.key()
    told = (await over_mcp(shops, token))["structuredContent"]["tools"]
    assert [("inputSchema" in one, "required" in one) for one in told[:4]] == [(True, False)] * 3 + [(False, True)]
    plain = (await over_mcp(shops, token, schemas=0))["structuredContent"]["tools"]
    assert not any("inputSchema" in one for one in plain)
    hits = await rest(shops, token, schemas=1)
    assert [one["input_schema"] is not None for one in hits[:2]] == [True, False]
    assert hits[0]["input_schema"] == told[0]["inputSchema"]
    assert all(one["input_schema"] is None for one in await rest(shops, token))


async def test_schemas_that_are_too_long_in_all_are_left_to_be_asked_for(door: Door, backend: Backend) -> None:
    answer = {"200": {"description": "ok"}}
    fields = [
        {"name": f"field{n}", "in": "query", "description": "word " * 30, "schema": {"type": "string"}}
        for n in range(30)
    ]
    paths = {
        f"/things/{n}": {"get": {"operationId": f"thing{n}", "parameters": fields, "responses": answer}}
        for n in range(20)
    }
    await door.add("long", {"openapi": "3.1.0", "info": {"title": "Long", "version": "1"}, "paths": paths}, backend.url)
    hits = await rest(door, await door.key(), query="thing", schemas=50)
    shown = [one["input_schema"] for one in hits if one["input_schema"]]
    assert 0 < len(shown) < len(hits) == 20
    assert sum(len(msgspec.json.encode(one)) for one in shown) <= SCHEMAS_BYTES_MAX
