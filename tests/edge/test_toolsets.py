"""Toolsets, through the front door: named selections that narrow what one sees, each an MCP server of its own."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.core.principal import Principal
from gateway.core.toolset import Toolset
from gateway.settings import MemoryStore, Settings, SettingsBroken, load_settings
from tests.conftest import Backend, Door
from tests.edge.test_search import document, over_mcp, rest

pytestmark = pytest.mark.anyio

EVERY = ("east:read", "east:write", "west:read", "west:write")
TOOLSETS = {
    "readers": Toolset("What reads.", effects=("read",)),
    "orders": Toolset("Orders, east and west.", tools=("*_list_orders", "*_make_order", "east_drop_orders")),
    "east-making": Toolset(connectors=("east",), tags=("MAKING",)),
    "acme-only": Toolset("For acme.", connectors=("west",), tenants=("acme",)),
    "none": Toolset(connectors=("gone",)),
}
HAS = {
    "readers": {"east_list_orders", "east_list_carts", "west_list_orders", "west_list_parcels"},
    "orders": {"east_list_orders", "west_list_orders", "east_make_order", "west_make_order", "east_drop_orders"},
    "east-making": {"east_make_order", "east_make_cart"},
    "none": set(),
}


@pytest.fixture
async def shops(anyio_backend: str, opens: Callable[..., Any], backend: Backend) -> AsyncIterator[Door]:
    async with opens(store=MemoryStore(), toolsets=TOOLSETS) as door:
        await door.add("east", document("East", "order", "cart", tag="Orders"), backend.url, pinned=("east_make_cart",))
        await door.add("west", document("West", "order", "parcel", tag="Post"), backend.url)
        yield door


async def listed(door: Door, token: str, query: str) -> set[str]:
    answer = await door.get(f"/v1/tools?limit=100&{query}", token)
    assert answer.status_code == 200, answer.text
    return {one["name"] for one in answer.json()["tools"]}


@pytest.mark.parametrize("name", HAS)
async def test_every_door_finds_the_tools_of_a_toolset_and_no_others(shops: Door, name: str) -> None:
    token = await shops.key()
    assert await listed(shops, token, f"toolset={name}") == HAS[name]
    wish = {"query": "list make remove one order cart parcel", "toolset": name}
    assert {one["name"] for one in await rest(shops, token, **wish)} == HAS[name]
    told = (await over_mcp(shops, token, **wish))["structuredContent"]
    assert {one["name"] for one in told["tools"]} == HAS[name]


async def test_a_toolset_gives_nothing_that_the_callers_scopes_do_not(shops: Door) -> None:
    token = await shops.key("east:read")
    assert await listed(shops, token, "toolset=orders") == {"east_list_orders"}
    assert await listed(shops, token, "toolset=orders&step_up=true") == HAS["orders"]


async def test_a_toolset_and_a_filter_narrow_together(shops: Door) -> None:
    token = await shops.key()
    assert await listed(shops, token, "toolset=orders&connector=west") == {"west_list_orders", "west_make_order"}
    found = await rest(shops, token, query="order", toolset="orders", connectors=["east"], effects=["read", "write"])
    assert {one["name"] for one in found} == {"east_list_orders", "east_make_order"}


async def test_an_intent_puts_first_what_fits_it_within_the_toolset_alone(shops: Door) -> None:
    answer = await shops.get("/v1/tools?toolset=east-making&intent=list%20orders", await shops.key())
    assert [one["name"] for one in answer.json()["tools"]] == ["east_make_order", "east_make_cart"]


@pytest.mark.parametrize("name", ["acme-only", "unheard-of"])
async def test_another_tenants_toolset_and_none_are_answered_alike_with_nothing(shops: Door, name: str) -> None:
    token = await shops.key()
    assert await listed(shops, token, f"toolset={name}") == set()
    assert await rest(shops, token, toolset=name) == []
    assert (await over_mcp(shops, token, toolset=name))["structuredContent"] == {"tools": []}
    theirs = await shops.key(*EVERY, tenant="acme")
    has = await listed(shops, theirs, "toolset=acme-only")
    assert {one.split("_")[0] for one in has} == {"west"}


async def test_a_tenant_is_told_of_its_toolsets_and_how_much_of_each_it_may_call(shops: Door) -> None:
    token = await shops.key(*EVERY, tenant="acme")
    told = (await shops.get("/v1/toolsets", token)).json()["toolsets"]
    assert [(one["name"], one["tools"]) for one in told] == [
        *(("acme-only", 6), ("east-making", 2), ("none", 0), ("orders", 5), ("readers", 4)),
    ]
    assert told[-1] == {"name": "readers", "description": "What reads.", "tools": 4, "mcp": "/mcp/readers"}
    told = (await shops.get("/v1/toolsets", await shops.key("east:read"))).json()["toolsets"]
    assert [(one["name"], one["tools"]) for one in told] == [
        *(("east-making", 0), ("none", 0), ("orders", 1), ("readers", 2)),
    ]
    assert (await shops.client.get("/v1/toolsets")).status_code == 401


async def test_a_view_is_the_same_for_the_same_scopes_and_toolset_until_something_changes(
    shops: Door, backend: Backend
) -> None:
    discovery, ada, bob = shops.gateway.discovery, *(Principal("default", one, "t", frozenset(EVERY)) for one in "ab")
    readers, orders = (discovery.toolset(ada, one) for one in ("readers", "orders"))
    seen = discovery.view(ada, toolset=readers)
    assert discovery.view(bob, toolset=readers) is seen
    assert len({id(discovery.view(ada)), id(seen), id(discovery.view(ada, toolset=orders))}) == 3
    assert [tool.name for tool in discovery.view(ada).pinned] == ["east_make_cart"]
    assert discovery.view(ada, toolset=readers).pinned == ()
    await shops.add("third", document("Third", "thing", tag="Post"), backend.url)
    assert discovery.view(ada, toolset=readers) is not seen


BROKEN = {
    "one that narrows nothing": ({"all": {"description": "Everything"}}, "names `connectors`, `effects`"),
    "a name that is no name": ({"All Of It": {"effects": ["read"]}}, "toolsets"),
    "an effect that there is not": ({"a": {"effects": ["reads"]}}, r"toolsets\[...\]\.effects"),
    "a field that there is not": ({"a": {"tool": ["x"]}}, "unknown field `tool`"),
    "a pattern that no name can fit": ({"a": {"tools": ["x y"]}}, r"toolsets\[...\]\.tools"),
    "too many patterns": ({"a": {"tools": ["x"] * 101}}, "length <= 100"),
    "too long a description": ({"a": {"tools": ["x"], "description": "x" * 1_001}}, "length <= 1000"),
    "too many": ({f"a{number}": {"tools": ["x"]} for number in range(101)}, "length <= 100"),
}


@pytest.mark.parametrize(("toolsets", "told"), BROKEN.values(), ids=BROKEN)
def test_a_toolset_that_does_not_fit_stops_the_start(tmp_path: Path, toolsets: Any, told: str) -> None:
    (tmp_path / "factotum.yaml").write_text(str({"toolsets": toolsets}))
    with pytest.raises(SettingsBroken, match=told):
        load_settings({}, tmp_path)


def test_a_toolset_can_be_named_in_the_environment(tmp_path: Path) -> None:
    environ = {"FACTOTUM_TOOLSETS__HOME__CONNECTORS": "hue,sonos", "FACTOTUM_TOOLSETS__HOME__EFFECTS": "read"}
    assert load_settings(environ, tmp_path) == Settings(
        toolsets={"home": Toolset(connectors=("hue", "sonos"), effects=("read",))}
    )
