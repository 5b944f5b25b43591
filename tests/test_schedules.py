"""Words that say when something comes again and again: proposed at every door, made a standing intent by a yes, and what each time
answered is told to whose it is."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.core.catalog import all_scopes
from gateway.core.principal import OPERATOR
from gateway.core.schedule import Cron, next_slot
from gateway.demo.household import NAMES, Household, open_household
from gateway.demo.run import SECRET_NAME, offer
from gateway.edge.approvals import DECIDE
from gateway.planners.again import Again, read_again, say_when
from gateway.planners.base import Wish
from tests.conftest import Door, open_door
from tests.edge.test_a2a import agent, task
from tests.edge.test_mcp_approvals import client
from tests.edge.test_mcp_clients import served
from tests.remote.test_login import Terminal, terminal
from tests.test_standing import Clock, came, until

__all__ = ["terminal"]  # A fixture.

pytestmark = pytest.mark.anyio

Json = dict[str, Any]
SECRET = "s"
WORDS = "every weekday at 7 tell me the weather and my first meeting"
# A Tuesday.
EVENING = datetime(2026, 3, 3, 20, 0, tzinfo=UTC)


@pytest.fixture
async def household(anyio_backend: str) -> AsyncIterator[Household]:
    async with open_household(date(2026, 3, 4), SECRET) as one:
        yield one


@pytest.fixture
def clock() -> Clock:
    one = Clock()
    one.now = EVENING
    return one


@pytest.fixture
async def door(household: Household, tmp_path: Path, clock: Clock) -> AsyncIterator[Door]:
    async with open_door(tmp_path / "data", secrets={SECRET_NAME: SECRET}, clock=clock, follow_s=0.02) as one:
        for name in NAMES:
            await one.gateway.ingestion.add(OPERATOR, offer(name, household.urls[name]))
        yield one


@pytest.fixture
async def token(door: Door) -> str:
    return await door.key(*all_scopes(door.gateway.published.current.catalog))


async def proposed(door: Door, token: str, words: str = WORDS, **more: Any) -> Json:
    response = await door.post("/v1/intents:plan", token, {"intent": words, **more})
    assert response.status_code == 200, response.text
    told: Json = response.json()
    return told


async def test_what_comes_again_and_again_is_proposed_with_its_plan_and_its_time(door: Door, token: str) -> None:
    shown = await proposed(door, token, zone="Europe/Berlin")
    planned = shown["planned"]
    assert (planned["kind"], planned["when"], shown["writes"]) == (
        "standing",
        "every weekday at 07:00, Europe/Berlin",
        [],
    )
    assert planned["standing"]["trigger"] == {"kind": "cron", "expression": "0 7 * * 1-5", "zone": "Europe/Berlin"}
    assert planned["standing"]["plan"]["intent"] == WORDS
    assert "“every weekday at 7” is taken as every weekday at 07:00." in planned["because"]
    assert (await door.get("/v1/standing-intents", token)).json() == {"standing_intents": []}


async def test_the_proposal_as_it_is_makes_it_one_and_each_time_tells_what_it_found(
    door: Door, token: str, clock: Clock
) -> None:
    standing = (await proposed(door, token))["planned"]["standing"]
    one = (await door.post("/v1/standing-intents", token, standing)).json()
    assert (one["state"], one["upcoming"][0]) == ("active", "2026-03-04T07:00:00Z")
    clock.now = datetime(2026, 3, 4, 7, 0, 1, tzinfo=UTC)
    told = await until(door, token, one, clock, came("done"))
    weather, meeting = told["past"][0]["answers"]
    assert weather["text"].startswith("The weather: temperature")
    assert meeting["text"] == "Your first meeting: “Dentist” (start Wednesday, 4 March 2026, 16:00)."
    assert (meeting["tools"], meeting["certainty"]) == (["calendar_list_events"], "read")
    clock.now += timedelta(days=1)
    told = await until(door, token, one, clock, came("done", "done"))
    assert "Review with Jonas" in told["past"][0]["answers"][1]["text"], "the next day has another first meeting"


async def test_today_is_the_day_of_each_time(door: Door, token: str, clock: Clock) -> None:
    words = "every day at 8:00 tell me what is on my calendar today"
    standing = (await proposed(door, token, words))["planned"]["standing"]
    one = (await door.post("/v1/standing-intents", token, standing)).json()
    for day, meeting in ((4, "Dentist"), (5, "Review with Jonas")):
        clock.now = datetime(2026, 3, day, 8, 0, 1, tzinfo=UTC)
        told = await until(door, token, one, clock, lambda told, count=day - 3: came(*["done"] * count)(told))  # type: ignore[misc]
        (answer,) = told["past"][0]["answers"]
        assert answer["text"].startswith(f"On your calendar today: “{meeting}”"), answer
        assert ";" not in answer["text"], "one meeting a day"


async def test_what_it_found_is_told_to_nobody_else(door: Door, token: str, clock: Clock) -> None:
    standing = (await proposed(door, token))["planned"]["standing"]
    one = (await door.post("/v1/standing-intents", token, standing)).json()
    clock.now = datetime(2026, 3, 4, 7, 0, 1, tzinfo=UTC)
    await until(door, token, one, clock, came("done"))
    decider = await door.key(DECIDE, subject="owner")
    seen = (await door.get(f"/v1/standing-intents/{one['id']}", decider)).json()
    assert [(slot["state"], slot["answers"]) for slot in seen["past"]] == [("done", [])]


async def test_words_that_come_again_begin_no_run_and_say_how_to_make_them_a_standing_intent(
    door: Door, token: str
) -> None:
    response = await door.post("/v1/intents", token, {"intent": WORDS})
    told = response.json()
    assert (response.status_code, told["code"], told["planned"]["kind"]) == (422, "not_planned", "standing")
    assert "POST /v1/standing-intents" in told["detail"]
    async with served(door) as url, client(url, token, "auto", None) as one:
        result = await one.call_tool("fulfil_intent", {"intent": WORDS})
        assert (result.is_error, "every weekday at 07:00" in result.content[0].text) == (True, True)
    async with agent(door, token) as other:
        with pytest.raises(Exception, match="every weekday at 07:00"):
            await task(other, WORDS)
    assert (await door.get("/v1/intents", token)).json() == {"intents": []}


async def test_what_changes_things_is_proposed_too_and_waits_for_a_yes_of_somebody_else(door: Door, token: str) -> None:
    shown = await proposed(door, token, "Each evening at 22:00 lock the back door")
    assert (shown["planned"]["when"], shown["writes"], shown["planned"]["writes"]) == (
        "every day at 22:00, UTC", ["s1"], True,
    )  # fmt: skip
    one = (await door.post("/v1/standing-intents", token, shown["planned"]["standing"])).json()
    assert one["state"] == "pending"


async def test_a_time_that_nobody_said_is_asked_for(door: Door, token: str) -> None:
    asks = (await proposed(door, token, "tell me the weather every day"))["planned"]
    assert (asks["kind"], asks["choices"][0]["label"]) == ("asks", "every day at 07:00")
    answers = [{"question": asks["question"], "answer": asks["choices"][0]["value"]}]
    shown = await proposed(door, token, "tell me the weather every day", answers=answers)
    assert shown["planned"]["when"] == "every day at 07:00, UTC"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("Set an alarm for 7:00 every weekday", "again and again"),
        ("every day at 8:00 and every Monday at 9:00 tell me the weather", "more than one time"),
        ("every day at 8:00 tell me what is on my calendar on Friday", "“Friday” would be the same"),
        ("every day at 8:00 turn on the lamp in the bathroom", "bathroom"),
        ("every day at 8:00 turn on the light", "Nobody is there to be asked"),
    ],
)
async def test_what_cannot_come_again_and_again_is_refused_with_a_sentence(
    door: Door, token: str, words: str, said: str
) -> None:
    planned = (await proposed(door, token, words))["planned"]
    assert (planned["kind"], said in planned["reason"]) == ("impossible", True), planned


async def test_a_person_says_it_in_the_terminal_and_reads_there_what_it_found(
    door: Door, token: str, terminal: Terminal, clock: Clock
) -> None:
    async with served(door) as url:
        at = url.removesuffix("/mcp")
        await terminal.run("login", at, "--key", said=token + "\n")
        where = {"FACTOTUM_GATEWAY": at}
        code, said, wrong = await terminal.run("ask", WORDS, **where)
        assert (code, "It would come every weekday at 07:00, UTC." in said, "--yes" in wrong) == (1, True, True)
        code, said, wrong = await terminal.run("ask", "--preview", WORDS, **where)
        assert (code, (await door.get("/v1/standing-intents", token)).json()) == (0, {"standing_intents": []})
        code, said, wrong = await terminal.run("ask", "--yes", WORDS, **where)
        assert (code, " is active" in said, "next at 2026-03-04 07:00" in said) == (0, True, True), wrong
        (one,) = (await door.get("/v1/standing-intents", token)).json()["standing_intents"]
        clock.now = datetime(2026, 3, 4, 7, 0, 1, tzinfo=UTC)
        await until(door, token, one, clock, came("done"))
        code, said, wrong = await terminal.run("standing", "show", one["id"], **where)
        assert "Your first meeting: “Dentist”" in said.replace("\n", " "), wrong


@pytest.mark.parametrize(
    ("words", "cron", "when", "rest"),
    [
        ("every weekday at 7:15 tell me the weather", "15 7 * * 1-5", "every weekday at 07:15", "tell me the weather"),
        ("Show me my tasks on Mondays at 8 am", "0 8 * * 1", "on Mondays at 08:00", "Show me my tasks"),
        ("Each morning at 7:30, tell me the news", "30 7 * * *", "every day at 07:30", "tell me the news"),
        ("daily at 18:30 list the lights", "30 18 * * *", "every day at 18:30", "list the lights"),
        ("every hour check the door", "0 * * * *", "every hour", "check the door"),
        ("every 2 hours check the door", "0 */2 * * *", "every 2 hours", "check the door"),
        ("every 15 minutes check the door", "*/15 * * * *", "every 15 minutes", "check the door"),
        ("at weekends at 9:00 tell me the weather", None, "", ""),
        ("tell me the weather", None, "", ""),
    ],
)
def test_when_it_comes_is_read_and_the_rest_keeps_its_place(words: str, cron: str | None, when: str, rest: str) -> None:
    again = read_again(Wish(words, EVENING, "en-GB"))
    if cron is None:
        assert again is None
        return
    assert isinstance(again, Again)
    assert (again.cron, say_when(again.cron), again.wish.text.strip()) == (cron, when, rest)
    assert words.index(rest) == again.wish.text.index(rest), "spans stay those of the words"
    assert next_slot(Cron(cron), EVENING) is not None
