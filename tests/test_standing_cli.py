"""`factotum standing`, as a person types it: each command in a process of its own, here and at another gateway."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from gateway.core.catalog import all_scopes
from gateway.core.plan import Plan
from gateway.core.principal import OPERATOR
from gateway.core.schedule import Cron
from gateway.core.standing import NewStanding
from tests.conftest import Door, open_door
from tests.edge.test_mcp_clients import served
from tests.remote.test_login import Terminal, terminal
from tests.shop import DOCUMENT, Shop
from tests.test_intent import TEA, plan, shop, step, token

__all__ = ["shop", "terminal", "token"]  # Fixtures.

pytestmark = pytest.mark.anyio


async def test_a_standing_intent_is_looked_at_approved_paused_and_deleted_where_the_store_is(
    shop: Shop, terminal: Terminal, tmp_path: Path
) -> None:
    async with open_door(tmp_path / ".factotum") as door:
        await door.add("shop", DOCUMENT, shop.url, prefix="")
        me = msgspec.structs.replace(OPERATOR, scopes=all_scopes(door.gateway.published.current.catalog))
        wanted = NewStanding(
            trigger=Cron("0 7 * * *", "Europe/Berlin"),
            expires_at=datetime.now(UTC) + timedelta(days=30),
            plan=msgspec.convert(plan(TEA), Plan),
        )
        one = await door.gateway.standings.add(me, wanted, "cli")
    assert "pending" in await told(terminal, "show", one.id)
    assert await told(terminal, "approve", one.id) == f"{one.id} is active\n"
    await tells_it_all(terminal, one.id)


async def test_and_at_another_gateway(door: Door, token: str, terminal: Terminal) -> None:
    async with served(door) as url:
        at = url.removesuffix("/mcp")
        await terminal.run("login", at, "--key", said=token + "\n")
        trigger = {"kind": "cron", "expression": "0 7 * * *", "zone": "Europe/Berlin"}
        ends = (datetime.now(UTC) + timedelta(days=30)).isoformat()
        body = {"plan": plan(step("all", "orders")), "trigger": trigger, "expires_at": ends}
        one = (await door.post("/v1/standing-intents", token, body)).json()
        await tells_it_all(terminal, one["id"], FACTOTUM_GATEWAY=at)


async def told(terminal: Terminal, *args: str, **environ: str) -> str:
    code, said, wrong = await terminal.run("standing", *args, **environ)
    assert code == 0, wrong
    return said


async def tells_it_all(terminal: Terminal, one: str, **environ: str) -> None:
    assert (await told(terminal, "list", **environ)).splitlines()[1].split()[:2] == [one, "active"]
    shown = await told(terminal, "show", one, **environ)
    assert "0 7 * * * (Europe/Berlin), until " in shown
    assert shown.count("next: ") == 5
    assert "is paused: " in await told(terminal, "pause", one, **environ)
    assert await told(terminal, "resume", one, **environ) == f"{one} is active\n"
    assert await told(terminal, "delete", one, **environ) == f"{one} is deleted\n"
    assert one not in await told(terminal, "list", **environ)
    code, _, wrong = await terminal.run("standing", "show", one, **environ)
    assert (code, "There is no standing intent" in wrong) == (1, True)
