"""`factotum intents`, as a person types it: each command in a process of its own, here and at another gateway."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.core.catalog import all_scopes
from gateway.core.plan import Plan
from gateway.core.principal import OPERATOR
from gateway.settings import IntentSettings
from tests.conftest import Door, open_door
from tests.edge.test_mcp_clients import served
from tests.remote.test_login import Terminal, terminal
from tests.shop import DOCUMENT, Shop
from tests.test_intent import literal, plan, shop, step, token

__all__ = ["shop", "terminal", "token"]  # Fixtures.

pytestmark = pytest.mark.anyio

TEA = step("tea", "make", item={"kind": "slot", "question": "Which tea?"}, count=literal(2))


async def test_an_intent_is_looked_at_answered_taken_back_and_told_where_the_store_is(
    shop: Shop, terminal: Terminal, tmp_path: Path
) -> None:
    async with open_door(tmp_path / ".factotum") as door:
        await door.add("shop", DOCUMENT, shop.url, prefix="")
        me = msgspec.structs.replace(OPERATOR, scopes=all_scopes(door.gateway.published.current.catalog))
        run = await door.gateway.intents.start(me, msgspec.convert(plan(TEA), Plan), "execute", "cli")
        assert (await door.gateway.runs.wait(me, run.id, 20)).run.state == "needs_input"
    await tells_it_all(terminal, run.id, shop)
    code, _, wrong = await terminal.run("intents", "cancel", run.id)
    assert (code, "factotum: The intent is compensated already." in wrong) == (1, True), wrong


async def test_a_command_that_only_looks_carries_nothing_out(shop: Shop, terminal: Terminal, tmp_path: Path) -> None:
    shop.slow_s = 3
    async with open_door(tmp_path / ".factotum", intents=IntentSettings(lease_s=1)) as door:
        await door.add("shop", DOCUMENT, shop.url, prefix="")
        me = msgspec.structs.replace(OPERATOR, scopes=all_scopes(door.gateway.published.current.catalog))
        tea = step("tea", "keyed", item=literal("tea"))
        run = await door.gateway.intents.start(me, msgspec.convert(plan(tea), Plan), "execute", "cli")
        await shop.arrived.wait()
    shop.slow_s, shop.writes = 0, []
    await asyncio.sleep(1.5)
    assert (await terminal.run("call", "orders"))[0] == 0
    code, said, wrong = await terminal.run("intents", "events", run.id)
    assert (code, [line.split()[1] for line in said.splitlines()]) == (0, ["received", "sending"]), wrong
    assert shop.writes == [], "what is due is for whoever stays to see its end"


async def test_and_at_another_gateway(door: Door, shop: Shop, token: str, terminal: Terminal) -> None:
    async with served(door) as url:
        at = url.removesuffix("/mcp")
        await terminal.run("login", at, "--key", said=token + "\n")
        run = (await door.post("/v1/intents", token, {"plan": plan(TEA), "wait_s": 20})).json()
        await tells_it_all(terminal, run["id"], shop, FACTOTUM_GATEWAY=at)
        code, _, wrong = await terminal.run("intents", "list", "--tenant", "acme", FACTOTUM_GATEWAY=at)
        assert (code, "leave --tenant out" in wrong) == (1, True), wrong
        other = await door.post("/v1/intents", await door.key(), {"plan": plan(TEA), "wait_s": 20})
        code, _, wrong = await terminal.run("intents", "show", other.json()["id"], FACTOTUM_GATEWAY=at)
        assert (code, "There is no intent" in wrong) == (1, True), "another's is not found"


async def tells_it_all(terminal: Terminal, intent: str, shop: Shop, **environ: str) -> None:
    async def told(*args: str) -> str:
        code, said, wrong = await terminal.run("intents", *args, **environ)
        assert code == 0, wrong
        return said

    listed = (await told("list")).splitlines()
    assert listed[1].split()[:3] == [intent, "needs_input", "execute"]
    assert 'tea/item: Which tea?  {"type":"string"}' in await told("show", intent)
    code, _, wrong = await terminal.run("intents", "answer", intent, "green", **environ)
    assert (code, "VALUES must be one JSON object" in wrong) == (1, True)
    answered = await told("answer", intent, '{"tea/item": "green"}')
    assert (answered.splitlines()[0].split()[1], shop.writes) == ("(done)", ["make green"])
    shown: dict[str, Any] = msgspec.json.decode(await told("show", intent, "--json"))
    assert shown["steps"][0]["calls"][0]["result"] == {"id": 1, "item": "green", "count": 2}
    kinds = [line.split()[:2] for line in (await told("events", intent, "--follow")).splitlines()]
    assert [kind for _, kind in kinds] == [
        "received",
        "asked",
        "answered",
        "sending",
        "called",
        "verified",
        "ended",
    ]
    assert [line.split()[:2] for line in (await told("events", intent, "--after", "5")).splitlines()] == kinds[5:]
    assert "tea: done, and order shows it.  [verified; 4, 5, 6]" in await told("explain", intent)
    evidence = [line.split()[:2] for line in (await told("explain", intent, "--level", "evidence")).splitlines()]
    assert evidence[1:-1] == [["4", "sending"], ["5", "called"], ["6", "verified"]]
    await told("undo", intent)
    await told("events", intent, "--follow")
    assert (shop.writes, "(compensated)" in await told("show", intent)) == (["make green", "drop 1"], True)
