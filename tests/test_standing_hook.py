"""Standing intents that come by webhook: whoever signs, or signs in, lets one come, once for each delivery; and what is forgotten."""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.edge.approvals import DECIDE
from gateway.settings import IntentSettings, SettingsBroken, StandingSettings
from tests.conftest import Door, open_door
from tests.shop import DOCUMENT, Shop
from tests.test_intent import TEA, plan, shop
from tests.test_standing import END, LOOK, Clock, add, came, change, clock, until

pytestmark = pytest.mark.anyio

Json = dict[str, Any]
ROOT = "whsec_" + base64.b64encode(b"r" * 32).decode()
HOOK = {"trigger": {"kind": "webhook"}, "expires_at": END}
__all__ = ["clock", "shop"]


@pytest.fixture
async def door(tmp_path: Path, shop: Shop, clock: Clock) -> AsyncIterator[Door]:
    standing = StandingSettings(hook_secret="hooks")
    async with open_door(tmp_path, {"hooks": ROOT}, clock=clock, follow_s=0.02, standing=standing) as opened:
        await opened.add("shop", DOCUMENT, shop.url, prefix="")
        yield opened


async def deliver(door: Door, one: Json, token: str = "", **headers: str) -> httpx.Response:
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    if token:
        told["authorization"] = f"Bearer {token}"
    return await door.client.post(f"/v1/standing-intents/{one['id']}/fire", headers=told)


async def sign(door: Door, one: Json, token: str, clock: Clock, delivery: str, body: str) -> tuple[str, dict[str, str]]:
    """As the standard has it signed (spec/standard-webhooks.md), with the secret that its owner is told."""
    told = (await door.get(f"/v1/standing-intents/{one['id']}/hook", token)).json()
    key, at = base64.b64decode(told["secret"].removeprefix("whsec_")), str(int(clock.now.timestamp()))
    signature = base64.b64encode(hmac.new(key, f"{delivery}.{at}.{body}".encode(), hashlib.sha256).digest()).decode()
    headers = {"webhook-id": delivery, "webhook-timestamp": at}
    return str(told["path"]), {**headers, "webhook-signature": f"v1a,other v1,{signature}"}


async def test_what_is_signed_lets_it_come_and_each_delivery_once(door: Door, shop: Shop, clock: Clock) -> None:
    token, owner = await door.key(), await door.key(DECIDE, subject="owner")
    one = await add(door, token, {"plan": plan(TEA), **HOOK})
    path, headers = await sign(door, one, token, clock, "msg_1", '{"order": "all the tea"}')
    early = await door.client.post(path, headers=headers, content='{"order": "all the tea"}')
    assert (early.status_code, shop.writes) == (409, []), "nobody has said yes to it"
    await change(door, owner, one, "approve")
    sent = [await door.client.post(path, headers=headers, content='{"order": "all the tea"}') for _ in range(3)]
    assert [one.status_code for one in sent] == [202] * 3
    assert len({one.json()["at"] for one in sent}) == 1
    told = await until(door, token, one, clock, came("done"))
    assert (shop.writes, told["runs"], told["upcoming"]) == (["make tea"], 1, [])
    again = await door.client.post(path, headers=headers, content='{"order": "all the tea"}')
    assert (again.status_code, again.json()["state"]) == (202, "done")


@pytest.mark.parametrize("wrong", ["body", "late", "signature", "id", "none"])
async def test_what_is_not_signed_so_is_turned_away(door: Door, clock: Clock, wrong: str) -> None:
    token = await door.key()
    one = await add(door, token, {"plan": plan(LOOK), **HOOK})
    path, headers = await sign(door, one, token, clock, "msg_1", "{}")
    match wrong:
        case "late":
            clock.now += timedelta(seconds=301)
        case "signature":
            headers["webhook-signature"] = "v1,bm8="
        case "id":
            headers["webhook-id"] = "msg_2"
        case "none":
            headers = {"webhook-id": "msg_1"}
    response = await door.client.post(path, headers=headers, content="[]" if wrong == "body" else "{}")
    assert response.status_code == 401
    assert (await door.get(f"/v1/standing-intents/{one['id']}", token)).json()["past"] == []


async def test_who_signs_in_as_the_person_delivers_too_and_nobody_else(door: Door, clock: Clock) -> None:
    token, other, eve = await door.key(), await door.key("shop:read"), await door.key(subject="eve")
    one = await add(door, token, {"plan": plan(LOOK), **HOOK})
    assert (await deliver(door, one, other)).status_code == 400, "a delivery has an id"
    assert (await deliver(door, one, eve, webhook_id="d")).status_code == 404
    assert (await door.get(f"/v1/standing-intents/{one['id']}/hook", other)).status_code == 404
    sent = await asyncio.gather(*(deliver(door, one, other, webhook_id="d") for _ in range(5)))
    assert {answer.status_code for answer in sent} == {202}
    assert len({answer.json()["at"] for answer in sent}) == 1
    await until(door, token, one, clock, came("done"))


async def test_what_is_delivered_while_it_goes_on_is_skipped_or_waits(door: Door, shop: Shop, clock: Clock) -> None:
    token = await door.key()
    shop.slow_reads_s = 0.2
    skips = await add(door, token, {"plan": plan(LOOK), **HOOK})
    waits = await add(door, token, {"plan": plan(LOOK), **HOOK, "overlap": "queue"})
    for one in (skips, waits):
        for number in range(3):
            assert (await deliver(door, one, token, webhook_id=f"d{number}")).status_code == 202
    await until(door, token, waits, clock, came("done", "done", "done"))
    await until(door, token, skips, clock, came("skipped", "skipped", "done"))


async def test_a_cron_takes_no_delivery_and_a_hook_ends_with_its_time(door: Door, clock: Clock) -> None:
    token = await door.key()
    cron = {"kind": "cron", "expression": "0 * * * *"}
    one = await add(door, token, {"plan": plan(LOOK), **HOOK, "trigger": cron})
    assert (await deliver(door, one, token, webhook_id="d")).status_code == 409
    short = {**HOOK, "expires_at": (clock.now + timedelta(hours=1)).isoformat()}
    ends = await add(door, token, {"plan": plan(LOOK), **short})
    clock.now += timedelta(hours=2)
    told = await until(door, token, ends, clock, lambda told: bool(told["state"] == "ended"))
    assert told["detail"] == "Its time is over."
    assert (await deliver(door, ends, token, webhook_id="d")).status_code == 409


async def test_a_secret_that_is_none_is_said_at_the_start(tmp_path: Path) -> None:
    for secrets in ({}, {"hooks": "whsec_short"}):
        with pytest.raises(SettingsBroken, match=r"standing\.hook_secret"):
            async with open_door(tmp_path, secrets, standing=StandingSettings(hook_secret="hooks")):
                pass


async def test_runs_that_ended_long_ago_are_let_go_with_their_journals_and_no_others(
    tmp_path: Path, shop: Shop, clock: Clock
) -> None:
    told = {"clock": clock, "follow_s": 0.02, "intents": IntentSettings(retention_days=10)}
    async with open_door(tmp_path, **told) as door:
        await door.add("shop", DOCUMENT, shop.url, prefix="")
        token = await door.key()
        body = {"plan": plan(TEA), "wait_s": 20}
        old = (await door.post("/v1/intents", token, body)).json()
        slot = {"kind": "slot", "question": "Which?"}
        asks = {"name": "a", "tool": "make", "arguments": {"item": slot}}
        waits = (await door.post("/v1/intents", token, {"plan": plan(asks)})).json()
        one = await add(door, token, {"plan": plan(LOOK), **HOOK})
        assert (await deliver(door, one, token, webhook_id="d")).status_code == 202
        await until(door, token, one, clock, came("done"))
        clock.now += timedelta(days=9)
        fresh = (await door.post("/v1/intents", token, body)).json()
    clock.now += timedelta(days=2)
    async with open_door(tmp_path, **told) as door:
        for _ in range(200):
            if (await door.get(f"/v1/intents/{old['id']}", token)).status_code == 404:
                break
            await asyncio.sleep(0.02)  # It is forgotten behind everything else.
        listed = {run["id"] for run in (await door.get("/v1/intents", token)).json()["intents"]}
        assert listed == {waits["id"], fresh["id"]}
        assert list(await door.gateway.store.journal(old["id"], 0, 10)) == []
        assert list(await door.gateway.store.journal(fresh["id"], 0, 10)) != []
        assert (await door.get(f"/v1/standing-intents/{one['id']}", token)).json()["past"] == []
        assert await door.gateway.store.find_delivery(one["id"], "d") is None
