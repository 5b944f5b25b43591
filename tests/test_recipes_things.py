"""Recipes whose parameter says which thing is meant: what stands for it in words is found as the things of any wish are."""

from typing import Any

import pytest

from gateway.edge.approvals import DECIDE
from tests.conftest import Door
from tests.test_memory import door, household, token

__all__ = ["door", "household", "token"]  # Fixtures.

pytestmark = pytest.mark.anyio

Json = dict[str, Any]


@pytest.fixture
async def recipe(door: Door, token: str) -> Json:
    """`turn off the {lamp}`, made of a wish that was carried out."""
    body = {"intent": "turn off the reading lamp", "wait_s": 20}
    run = (await door.post("/v1/intents", token, body)).json()
    assert run["state"] == "done", run
    parameters = [{"name": "lamp", "places": ["s1/light_id"]}]
    body = {"name": "lamp-off", "parameters": parameters}
    made = (await door.post(f"/v1/intents/{run['id']}/promote", token, body)).json()
    told: Json = (await door.post(f"/v1/recipes/{made['id']}/approve", await door.key(DECIDE, subject="owner"))).json()
    assert (told["state"], told["words"]) == ("active", ["turn off the {lamp}"])
    return told


async def planned(door: Door, token: str, words: str) -> Json:
    told: Json = (await door.post("/v1/intents:plan", token, {"intent": words})).json()["planned"]
    return told


FOUND = [
    ("turn off the desk lamp", "light-7", (13, 22)),
    ("Please turn off the kitchen spots", "light-4", (20, 33)),
    ("turn off the bedside lamp", "light-6", (13, 25)),
]


@pytest.mark.parametrize(("words", "lamp", "span"), FOUND, ids=[words for words, _, _ in FOUND])
async def test_what_is_called_is_found_and_its_id_is_given(
    door: Door, token: str, recipe: Json, words: str, lamp: str, span: tuple[int, int]
) -> None:
    told = await planned(door, token, words)
    assert (told["kind"], told["plan"].get("recipe")) == ("plan", "lamp-off"), told
    source = told["plan"]["steps"][0]["arguments"]["light_id"]
    assert (source["kind"], source["value"]) == ("literal", lamp)
    assert (source["span"]["start"], source["span"]["end"]) == span


async def test_of_several_that_fit_one_is_asked(door: Door, token: str, recipe: Json) -> None:
    told = await planned(door, token, "turn off the lamp")
    assert told["plan"]["recipe"] == "lamp-off", told
    source = told["plan"]["steps"][0]["arguments"]["light_id"]
    assert source["kind"] == "slot"
    assert {"const": "light-7", "title": "Desk lamp"} in source["schema"]["anyOf"]


OTHERS = [
    "turn off the heating in the bedroom",
    "turn off the music in the kitchen",
    "turn off the reading lamp and the desk lamp",
    "turn off all lights",
    "turn off the light in the cellar",
    "turn off the fridge",
]


@pytest.mark.parametrize("words", OTHERS)
async def test_what_names_no_one_such_thing_is_planned_as_if_there_were_no_recipe(
    door: Door, token: str, recipe: Json, words: str
) -> None:
    told = await planned(door, token, words)
    assert told.get("plan", {}).get("recipe", "") == "", told
    response = await door.client.delete("/v1/recipes/lamp-off", headers={"authorization": f"Bearer {token}"})
    assert response.status_code == 200
    assert told == await planned(door, token, words)


async def test_it_is_carried_out_with_the_id_of_what_was_called(
    door: Door, token: str, recipe: Json, household: Any
) -> None:
    assert household.state.home.lights["light-7"].on is True
    body = {"intent": "turn off the desk lamp", "wait_s": 20}
    run = (await door.post("/v1/intents", token, body)).json()
    assert run["state"] == "done", run
    assert household.state.home.lights["light-7"].on is False
