"""Words over the demo's household, through the front door: what comes of a run that looks after its writes and takes them back."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from gateway.core.catalog import all_scopes
from gateway.core.principal import OPERATOR
from gateway.demo.household import NAMES, Household, open_household
from gateway.demo.run import SECRET_NAME, offer
from gateway.edge.approvals import DECIDE
from gateway.settings import IntentSettings
from tests.conftest import Door, open_door

pytestmark = pytest.mark.anyio

SECRET = "s"
Json = dict[str, Any]


@pytest.fixture
async def household(anyio_backend: str) -> AsyncIterator[Household]:
    async with open_household(date(2026, 3, 4), SECRET) as one:
        yield one


@pytest.fixture
async def door(household: Household, tmp_path: Path) -> AsyncIterator[Door]:
    free = IntentSettings(words_need_yes=False)
    async with open_door(tmp_path / "data", secrets={SECRET_NAME: SECRET}, intents=free, follow_s=0.02) as one:
        for name in NAMES:
            await one.gateway.ingestion.add(OPERATOR, offer(name, household.urls[name]))
        yield one


@pytest.fixture
async def token(door: Door) -> str:
    return await door.key(*all_scopes(door.gateway.published.current.catalog))


async def say(door: Door, token: str, words: str) -> Json:
    response = await door.post("/v1/intents", token, {"intent": words, "wait_s": 20})
    assert response.status_code == 201, response.text
    told: Json = response.json()
    return told


async def test_a_reply_is_looked_for_at_its_own_id_and_sent_once(door: Door, household: Household, token: str) -> None:
    run = await say(door, token, "reply to Jonas that red wine is fine")
    assert (run["state"], run["detail"]) == ("done", "")
    (reply,) = [one for one in household.state.mail.messages.values() if one.in_reply_to]
    assert (reply.to, reply.text) == (("jonas@example.org",), "red wine is fine")
    told = (await door.get(f"/v1/intents/{run['id']}/explanation", token)).json()["sentences"]
    assert told[-1]["certainty"] == "verified"


async def test_what_would_stop_halfway_is_asked_before_anything_is_switched(
    door: Door, household: Household, token: str
) -> None:
    before = {one.id: one.on for one in household.state.home.lights.values()}
    run = await say(door, token, "turn all lights off and all lights on")
    assert (run["state"], [one["key"] for one in run["questions"]]) == ("needs_input", ["budget"])
    assert {one.id: one.on for one in household.state.home.lights.values()} == before


async def undo(door: Door, token: str, run: Json) -> Json:
    assert (await door.post(f"/v1/intents/{run['id']}/undo", token)).status_code == 200
    return await rests(door, token, run)


async def rests(door: Door, token: str, run: Json, *but: str) -> Json:
    async with asyncio.timeout(20):
        while True:
            told: Json = (await door.get(f"/v1/intents/{run['id']}", token)).json()
            if told["state"] not in ("compensating", *but):
                return told
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("decided", ["approve", "deny"])
async def test_a_door_that_may_have_been_locked_before_is_unlocked_only_with_a_yes(
    door: Door, household: Household, token: str, decided: str
) -> None:
    front = household.state.home.locks["front-door"]
    assert front.locked
    run = await say(door, token, "lock the front door")
    assert run["state"] == "done"
    back = await undo(door, token, run)
    assert back["state"] == "needs_approval"
    assert household.state.home.locks["front-door"].locked
    approval = (await door.get(f"/v1/approvals/{back['approval']['id']}", token)).json()
    assert approval["tool"] == "home_unlock_door"
    owner = await door.key(DECIDE, subject="owner")
    assert (await door.post(f"/v1/approvals/{approval['id']}/{decided}", owner)).status_code == 200
    told = await rests(door, token, run, "needs_approval")
    assert household.state.home.locks["front-door"].locked is (decided == "deny")
    assert told["state"] == ("compensated" if decided == "approve" else "failed")


async def test_what_a_run_of_words_made_is_taken_back_without_a_further_yes(
    household: Household, tmp_path: Path
) -> None:
    """Its write waited for one: `words_need_yes` is as it is by default."""
    async with open_door(tmp_path / "data", secrets={SECRET_NAME: SECRET}, follow_s=0.02) as door:
        await door.gateway.ingestion.add(OPERATOR, offer("calendar", household.urls["calendar"]))
        token, owner = await door.key(), await door.key(DECIDE, subject="owner")
        before = set(household.state.calendar.events)
        run = await say(door, token, "add an event called Tea on 2026-03-05 from 16:00 to 17:00")
        assert run["state"] == "needs_approval", run
        await door.post(f"/v1/approvals/{run['approval']['id']}/approve", owner)
        assert (await rests(door, token, run, "needs_approval", "running", "verifying"))["state"] == "done"
        assert len(set(household.state.calendar.events) - before) == 1
        assert (await undo(door, token, run))["state"] == "compensated"
        assert set(household.state.calendar.events) == before
