"""Words over the demo's household, through the front door: what comes of a run that looks after its writes and takes them back."""

from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from gateway.core.catalog import all_scopes
from gateway.core.principal import OPERATOR
from gateway.demo.household import NAMES, Household, open_household
from gateway.demo.run import SECRET_NAME, offer
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
