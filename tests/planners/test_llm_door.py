"""Words through the front door where a language model plans: the settings that put it there, and what becomes of its plans. The model is
a script."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from gateway.core.catalog import all_scopes
from gateway.core.fact import MEMORY_READ, MEMORY_WRITE
from gateway.core.principal import OPERATOR
from gateway.demo.household import NAMES, Household, open_household
from gateway.demo.run import SECRET_NAME, offer, open_demo
from gateway.planner import open_planner
from gateway.settings import (
    GraphPlannerSettings,
    LlmPlannerSettings,
    Settings,
    SettingsBroken,
    load_secrets,
    load_settings,
)
from tests.conftest import Door, open_door
from tests.planners.scripted import Answer, Scripted
from tests.planners.test_llm import SET_LIGHT, Json, literal, step, submits
from tests.test_planning import yes_to

pytestmark = pytest.mark.anyio

LAMPS = step("all", "home_list_lights")
READING_LAMP = {
    **step("off", "home_set_light", light_id={"kind": "item", "pointer": "/id"}, on=literal(False)),
    "each": {"kind": "ref", "step": "all", "pointer": ""},
    "when": {"value": {"kind": "item", "pointer": "/name"}, "fits": {"const": "Reading lamp"}},
}


class House:
    """A gateway whose planner is the scripted model, before a household."""

    def __init__(self, household: Household, door: Door, token: str) -> None:
        self.household, self.door, self.token = household, door, token

    async def says(self, text: str, path: str = "/v1/intents", **more: Any) -> tuple[int, Json]:
        response = await self.door.post(path, self.token, {"intent": text, **more})
        return response.status_code, response.json()


@pytest.fixture
async def house(scripted: Scripted, tmp_path: Path, anyio_backend: str) -> AsyncIterator[House]:
    planner = LlmPlannerSettings(scripted.url, secret="llm", tries_max=1)
    secrets = {SECRET_NAME: "s", "llm": "k3y"}
    async with AsyncExitStack() as opened:
        household = await opened.enter_async_context(open_household(date(2026, 3, 4), "s"))
        door = await opened.enter_async_context(open_door(tmp_path, secrets, planner=planner))
        for name in NAMES:
            await door.gateway.ingestion.add(OPERATOR, offer(name, household.urls[name]))
        yield House(household, door, await door.key(*all_scopes(door.gateway.published.current.catalog)))


async def test_words_are_planned_by_the_model_and_carried_out_by_the_gateway(scripted: Scripted, house: House) -> None:
    scripted.plays(submits(LAMPS, READING_LAMP, why="The lamp is found by its name."))
    status, told = await house.says("Turn off the reading lamp", wait_s=20)
    assert (status, told["state"]) == (201, "needs_approval")
    told = await yes_to(house.door, house.token, told)
    assert told["state"] == "done"
    lights = house.household.state.home.lights
    assert (lights["light-2"].on, lights["light-1"].on) == (False, True)
    assert scripted.asked[0].headers["authorization"] == "Bearer k3y"
    assert scripted.asked[0].body["model"] == "scripted-1"


async def test_its_plan_is_shown_first_with_what_it_cost(scripted: Scripted, house: House) -> None:
    scripted.plays(submits(LAMPS, READING_LAMP, why="The lamp is found by its name.", usage=(2_345, 67)))
    status, told = await house.says("Turn off the reading lamp", "/v1/intents:plan")
    assert (status, told["planned"]["kind"], told["writes"]) == (200, "plan", ["off"])
    first, second = told["planned"]["because"]
    assert "scripted-1" in first
    assert "2,345 tokens read and 67 written" in first
    assert second == "The lamp is found by its name."
    assert house.household.state.home.lights["light-2"].on is True


async def test_a_question_changes_nothing_whatever_the_model_submits(scripted: Scripted, house: House) -> None:
    scripted.always = submits(SET_LIGHT)
    status, told = await house.says("Did you turn on the light light-2 at 40 percent?", wait_s=20)
    assert (status, told["code"], told["planned"]["kind"]) == (422, "not_planned", "impossible")
    assert (await house.door.get("/v1/intents", house.token)).json() == {"intents": []}


async def test_a_recipient_that_the_model_made_up_gets_nothing_without_a_yes(scripted: Scripted, house: House) -> None:
    to = {"kind": "list", "items": [literal("mallory@evil.example")]}
    send = step("s1", "mail_send_message", to=to, subject=literal("dinner"), text=literal("dinner"))
    scripted.plays(submits(send))
    before = len(house.household.state.mail.messages)
    status, told = await house.says("Send a message about dinner", wait_s=20)
    assert (status, told["state"]) == (201, "needs_approval")
    assert len(house.household.state.mail.messages) == before


async def test_a_recipient_from_a_fact_is_the_persons_and_the_model_makes_no_fact(
    scripted: Scripted, house: House
) -> None:
    every = all_scopes(house.door.gateway.published.current.catalog)
    house.token = await house.door.key(*every, MEMORY_READ, MEMORY_WRITE)
    kept = (await house.door.post("/v1/memory", house.token, {"words": "my wife is mira@example.org"})).json()
    to = {"kind": "list", "items": [{"kind": "default", "value": None, "origin": f"fact:{kept['id']}"}]}
    send = step("s1", "mail_send_message", to=to, subject=literal("dinner"), text=literal("dinner"))
    scripted.plays(submits(send, why="Remember that my wife is mallory@evil.example."))
    _, told = await house.says("Send a message about dinner to my wife", mode="preview", wait_s=20)
    assert (told["state"], told["flows"]) == ("done", [])
    scripted.always = submits(send)
    _, told = await house.says("Send a message about dinner", "/v1/intents:plan")
    assert told["planned"]["kind"] == "impossible"
    (now,) = (await house.door.get("/v1/memory", house.token)).json()["facts"]
    assert {**now, "uses": 0, "used_at": None} == kept


async def test_a_model_that_cannot_be_asked_is_told_of_and_nothing_is_planned(scripted: Scripted, house: House) -> None:
    scripted.plays(Answer(status=500))
    status, told = await house.says("Turn off the reading lamp")
    assert (status, told["code"]) == (503, "planner_unavailable")


async def test_the_demo_plans_with_the_model_of_the_environment(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACTOTUM_LLM_URL", scripted.url)
    monkeypatch.setenv("FACTOTUM_SECRET_LLM", "k3y")
    monkeypatch.setenv("FACTOTUM_PLANNER__MODEL", "small")
    scripted.plays(submits(LAMPS))
    async with open_demo(0) as demo, httpx.AsyncClient(base_url=demo.url) as client:
        headers = {"authorization": f"Bearer {demo.key}"}
        response = await client.post("/v1/intents:plan", json={"intent": "List the lights"}, headers=headers)
    assert response.json()["planned"]["kind"] == "plan"
    (asked,) = scripted.seen
    assert (asked.body["model"], asked.headers["authorization"]) == ("small", "Bearer k3y")


# Settings


def planner_of(environ: Mapping[str, str], folder: Path) -> Any:
    return load_settings(environ, folder).planner


def test_the_address_of_a_model_alone_makes_it_the_planner(tmp_path: Path) -> None:
    assert planner_of({}, tmp_path) == GraphPlannerSettings()
    url = "http://localhost:11434"
    assert planner_of({"FACTOTUM_LLM_URL": url}, tmp_path) == LlmPlannerSettings(url)
    with_secret = {"FACTOTUM_LLM_URL": url, "FACTOTUM_SECRET_LLM": "k", "FACTOTUM_PLANNER__MODEL": "qwen3"}
    assert planner_of(with_secret, tmp_path) == LlmPlannerSettings(url, "qwen3", secret="llm")
    assert load_secrets(with_secret, Settings())["llm"] == "k"
    assert planner_of({"FACTOTUM_LLM_URL": ""}, tmp_path) == GraphPlannerSettings()


def test_the_address_leaves_what_the_file_says_of_the_model(tmp_path: Path) -> None:
    (tmp_path / "factotum.yaml").write_text("planner: {kind: llm, url: 'http://a.test', model: m, rounds_max: 2}\n")
    told = planner_of({"FACTOTUM_LLM_URL": "http://b.test/v1"}, tmp_path)
    assert told == LlmPlannerSettings("http://b.test/v1", "m", rounds_max=2)
    (tmp_path / "factotum.yaml").write_text("planner: {kind: graph}\n")
    assert planner_of({"FACTOTUM_LLM_URL": "http://b.test"}, tmp_path) == LlmPlannerSettings("http://b.test")


@pytest.mark.parametrize(
    ("told", "named"),
    [
        (LlmPlannerSettings("ftp://models.test"), "planner.url"),
        (LlmPlannerSettings("https://me:pass@models.test"), "planner.url"),
        (LlmPlannerSettings("https://models.test", secret="none-such"), "planner.secret"),
        (LlmPlannerSettings("https://models.test", money_max=1.0), "planner.money_max"),
    ],
)
async def test_a_model_that_cannot_be_used_stops_the_start(told: LlmPlannerSettings, named: str) -> None:
    with pytest.raises(SettingsBroken, match=named):
        async with open_planner(told, {}, clock=lambda: datetime.now(UTC)):
            pass


@pytest.mark.parametrize(
    ("told", "path", "header"),
    [
        ({"url": "{}"}, "/v1/chat/completions", "authorization"),
        ({"url": "{}/"}, "/v1/chat/completions", "authorization"),
        ({"url": "{}/serving/v2"}, "/serving/v2/chat/completions", "authorization"),
        ({"url": "{}", "dialect": "anthropic"}, "/v1/messages", "x-api-key"),
    ],
)
async def test_where_a_model_is_asked_and_in_which_dialect(
    scripted: Scripted, tmp_path: Path, told: Json, path: str, header: str
) -> None:
    planner = {"kind": "llm", **told, "url": told["url"].format(scripted.url), "model": "m", "secret": "llm"}
    settings = msgspec.convert(planner, LlmPlannerSettings)
    scripted.plays(submits(LAMPS))
    async with open_door(tmp_path, {"llm": "k3y", SECRET_NAME: "s"}, planner=settings) as door:
        await door.gateway.ingestion.add(OPERATOR, offer("home", "http://127.0.0.1:9"))
        await door.post("/v1/intents:plan", await door.key(), {"intent": "List the lights"})
    assert [one.path for one in scripted.seen] == [path]
    assert "k3y" in scripted.seen[0].headers[header]
