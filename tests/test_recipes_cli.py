"""`factotum recipes`, as a person types it: each command in a process of its own, here and at another gateway."""

from pathlib import Path

import msgspec
import pytest

from gateway.core.catalog import all_scopes
from gateway.core.plan import Plan
from gateway.core.principal import OPERATOR
from gateway.edge.approvals import DECIDE
from tests.conftest import Door, open_door
from tests.edge.test_mcp_clients import served
from tests.remote.test_login import Terminal, terminal
from tests.shop import DOCUMENT, Shop
from tests.test_intent import plan, shop, start, token
from tests.test_recipes import WISH, ordered

__all__ = ["shop", "terminal", "token"]  # Fixtures.

pytestmark = pytest.mark.anyio


async def told(terminal: Terminal, *args: str, **environ: str) -> str:
    code, said, wrong = await terminal.run("recipes", *args, **environ)
    assert code == 0, wrong
    return said


async def promote(terminal: Terminal, run: str, **environ: str) -> str:
    named = ("--name", "office-tea", "--parameter", "tea/item=item")
    return await told(terminal, "promote", run, *named, **environ)


async def tells_it_all(terminal: Terminal, shop: Shop, **environ: str) -> None:
    listed = (await told(terminal, "list", **environ)).splitlines()[1]
    assert listed.split() == ["office-tea", "active", "item", "Order", "{item}", "for", "the", "office"]
    shown = await told(terminal, "show", "office-tea", **environ)
    assert "takes item, at tea/item: " in shown
    assert "tea  make(item = ?, count = 2)" in shown
    asked = ("run", "office-tea", '{"item": "coffee"}')
    code, said, wrong = await terminal.run("recipes", *asked, **environ)
    assert 'tea  make(item = "coffee", count = 2)' in said, said
    assert (code, "Nothing was done" in wrong, shop.writes) == (1, True, ["make tea"])
    assert "previewed" in await told(terminal, *asked, "--preview", **environ)
    assert "(done)  Order coffee for the office" in await told(terminal, *asked, "--yes", **environ)
    assert shop.writes == ["make tea", "make coffee"]
    exported = await told(terminal, "export", "office-tea", **environ)
    assert '"operationId": "$sourceDescriptions.shop.make"' in exported
    assert "x-factotum" not in await told(terminal, "export", "office-tea", "--plain", **environ)
    (terminal.home / "tea.json").write_text(exported)
    imported = await told(terminal, "import", "tea.json", "--name", "tea", "--source", "shop=shop", **environ)
    assert imported.startswith("tea  (pending)" if environ else "tea  (active)")
    assert await told(terminal, "delete", "office-tea", **environ) == "office-tea is deleted\n"
    assert "office-tea" not in await told(terminal, **environ)


async def test_a_recipe_is_promoted_shown_carried_out_and_deleted_where_the_store_is(
    shop: Shop, terminal: Terminal, tmp_path: Path
) -> None:
    async with open_door(tmp_path / ".factotum") as door:
        await door.add("shop", DOCUMENT, shop.url, prefix="")
        me = msgspec.structs.replace(OPERATOR, scopes=all_scopes(door.gateway.published.current.catalog))
        wanted = msgspec.convert(plan(ordered(), intent=WISH), Plan)
        run = await door.gateway.intents.start(me, wanted, "execute", "cli")
        assert (await door.gateway.runs.wait(me, run.id, 20)).run.state == "done"
    assert "office-tea  (active)" in await promote(terminal, run.id)
    await tells_it_all(terminal, shop)


async def test_and_at_another_gateway_where_somebody_says_yes_first(
    door: Door, shop: Shop, token: str, terminal: Terminal
) -> None:
    async with served(door) as url:
        at = url.removesuffix("/mcp")
        await terminal.run("login", at, "--key", said=token + "\n")
        run = await start(door, token, ordered(), intent=WISH)
        assert "office-tea  (pending)" in await promote(terminal, run["id"], FACTOTUM_GATEWAY=at)
        made = (await door.get("/v1/recipes/office-tea", token)).json()
        code, _, wrong = await terminal.run("recipes", "approve", "office-tea", FACTOTUM_GATEWAY=at)
        assert (code, "A person says yes to a recipe" in wrong) == (1, True)
        owner = await door.key(DECIDE, subject="owner")
        assert (await door.post(f"/v1/recipes/{made['id']}/approve", owner)).status_code == 200
        await tells_it_all(terminal, shop, FACTOTUM_GATEWAY=at)
