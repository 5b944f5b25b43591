"""The graph planner before the household: what people say, and the plan, the question or the refusal that comes of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from gateway.app import open_gateway
from gateway.core.catalog import all_scopes
from gateway.core.option import PAGES
from gateway.core.plan import Item, Literal, Plan, Slot, Span
from gateway.core.plan_check import check_plan
from gateway.core.planned import Asks, Impossible, Planned, Ready
from gateway.core.principal import OPERATOR, Principal
from gateway.demo.household import NAMES, open_household
from gateway.demo.run import SECRET_NAME, offer
from gateway.edge.parts import Gateway
from gateway.planners.graph import GraphPlanner
from gateway.planning import Planning
from gateway.settings import MemoryStore, Secrets, Settings
from gateway.stores.base import AuditFilter

pytestmark = pytest.mark.anyio

TODAY = date(2026, 3, 4)
NOW = datetime(2026, 3, 4, 10, 0, tzinfo=timezone(timedelta(hours=1)))


class Asking:
    """Somebody who speaks to a gateway before a household."""

    def __init__(self, gateway: Gateway, principal: Principal) -> None:
        self.tools = gateway.discovery.view(principal).tools
        self.gateway, self.principal = gateway, principal
        shelves = gateway.recipes, gateway.memory
        self._planning = Planning(gateway.discovery, gateway.calls, GraphPlanner(), *shelves, clock=lambda: NOW)

    async def __call__(self, text: str) -> Planned:
        return await self._planning.plan(self.principal, text, "rest", now=NOW)


@asynccontextmanager
async def asking(folder: Path, only: str = "") -> AsyncIterator[Asking]:
    """With all scopes, or those that have these words."""
    settings = Settings(store=MemoryStore(), data_dir=str(folder), connectors_dir=str(folder))
    async with open_household(TODAY, "t") as household, open_gateway(settings, Secrets({SECRET_NAME: "t"})) as gateway:
        for name in NAMES:
            await gateway.ingestion.add(OPERATOR, offer(name, household.urls[name]))
        scopes = frozenset(one for one in all_scopes(gateway.published.current.catalog) if only in one)
        yield Asking(gateway, Principal(tenant="default", subject="ada", client="test", scopes=scopes))


@pytest.fixture
async def ask(anyio_backend: str, tmp_path: Path) -> AsyncIterator[Asking]:
    async with asking(tmp_path) as one:
        yield one


def told(plan: Plan) -> list[tuple[str, dict[str, Any]]]:
    """Each step: its tool, and its arguments as values; `?` where one is asked, `*` where it is of each item."""
    steps = []
    for step in plan.steps:
        values: dict[str, Any] = {}
        for name, source in step.arguments.items():
            match source:
                case Slot():
                    values[name] = "?"
                case Item():
                    values[name] = "*"
                case Literal(value=value) if name != PAGES:
                    values[name] = value
        steps.append((step.tool, values))
    return steps


PLANS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "Turn off the reading lamp": [("home_set_light", {"on": False, "light_id": "light-2"})],
    "Turn on the light": [("home_set_light", {"on": True, "light_id": "?"})],
    "Turn on the light in the kitchen": [("home_set_light", {"on": True, "light_id": "light-4"})],
    "Turn off all the lights in the living room":
        [("home_list_lights", {}), ("home_set_light", {"on": False, "light_id": "*"})],
    "lights off in the living room": [("home_list_lights", {}), ("home_set_light", {"on": False, "light_id": "*"})],
    "Turn off all lights": [("home_list_lights", {}), ("home_set_light", {"on": False, "light_id": "*"})],
    "Turn off the desk lamp and the bedside lamp":
        [("home_set_light", {"on": False, "light_id": "light-6"}), ("home_set_light", {"on": False, "light_id": "light-7"})],
    "Dim the desk lamp to 20 percent": [("home_set_light", {"brightness": 20, "light_id": "light-7"})],
    "Is the front door locked?": [("home_get_lock", {"lock_id": "front-door"})],
    "Which lights are on?": [("home_list_lights", {"on": True})],
    "Did you turn off the lights?": [("home_list_lights", {})],
    "Lock the back door": [("home_lock_door", {"lock_id": "back-door"})],
    "Unlock the front door": [("home_unlock_door", {"lock_id": "front-door"})],
    "Set the heating in the bedroom to 19": [("home_set_thermostat", {"target_c": 19, "thermostat_id": "thermostat-2"})],
    "Set the living room to 21.5 degrees": [("home_set_thermostat", {"target_c": 21.5, "thermostat_id": "thermostat-1"})],
    "I want the heating at 19": [("home_set_thermostat", {"target_c": 19, "thermostat_id": "?"})],
    "Play jazz in the kitchen": [("home_play_music", {"what": "jazz", "speaker_id": "speaker-2"})],
    "What is on my calendar tomorrow?": [("calendar_list_events", {"from": "2026-03-05", "to": "2026-03-05"})],
    "Create an event called Yoga tomorrow from 18:00 to 19:00":
        [("calendar_create_event", {"title": "Yoga", "start": "2026-03-05T18:00:00", "end": "2026-03-05T19:00:00"})],
    "Delete the dentist": [("calendar_delete_event", {"event_id": "?"})],
    "Delete messages": [("mail_delete_message", {"message_id": "?"})],
    "Cancel the dinner with Mira": [("calendar_delete_event", {"event_id": "evt-11"})],
    "Mail mira@home.example that I am late":
        [("mail_send_message", {"to": ["mira@home.example"], "text": "I am late", "subject": "?"})],
    "Archive the message from Jonas": [("mail_update_message", {"folder": "archive", "message_id": "msg-8"})],
    "Put 3 bottles of milk into the basket": [("groceries_put_basket_item", {"quantity": 3, "sku": "milk"})],
    "Put two lemons into the basket and lock the back door":
        [("groceries_put_basket_item", {"quantity": 2, "sku": "lemons"}), ("home_lock_door", {"lock_id": "back-door"})],
    "Take the butter out of the basket": [("groceries_remove_basket_item", {"sku": "butter"})],
    "Clear the basket": [("groceries_clear_basket", {})],
    "Order what is in the basket for Saturday": [("groceries_create_order", {"deliver_on": "2026-03-07"})],
    "Pay order #3 by card": [("groceries_pay_order", {"method": "card", "order_id": "3", "amount": "?"})],
}  # fmt: skip

REFUSED = {
    "Turn off the lights in the garden": "There is no light “garden”",
    "Delete the yoga lesson": "There is no event “lesson yoga”",
    "What's the forecast for Oslo?": "There is no place “oslo”",
    "Turn off the desk lamp if it rains": "depends on something",
    "Turn off the lights except the one in the garden": "garden",
    "Turn on the desk lamp tomorrow at 19:00": "takes no “tomorrow at 19:00”",
    "Every weekday at 07:00, turn on the desk lamp": "again and again",
    "Don't turn off the desk lamp": "nothing to be done",
    "Delete everything": "does not say which",
    "Dim the desk lamp by 20 percent": "takes no “20 percent”",
    "Start the dishwasher": "dishwasher",
    "Set the living room to 45 degrees": "“45 degrees” is out of bounds",
    "": "1 to 4000 characters",
    "Make it sunny tomorrow": "",
}


async def test_what_people_say_becomes_plans_that_hold(ask: Asking) -> None:
    for text, expected in PLANS.items():
        planned = await ask(text)
        assert isinstance(planned, Ready), (text, planned)
        assert told(planned.plan) == expected, text
        assert check_plan(planned.plan, ask.tools) == ()
        assert planned.because[0].startswith("“")


async def test_what_cannot_be_done_says_why_and_what_there_is(ask: Asking) -> None:
    for text, reason in REFUSED.items():
        planned = await ask(text)
        assert isinstance(planned, Impossible), (text, planned)
        assert reason in planned.reason, text
    planned = await ask("Turn off the lights in the garden")
    assert isinstance(planned, Impossible)
    assert "Hall lamp" in planned.looked_for


async def test_no_question_plans_a_write(ask: Asking) -> None:
    for text in PLANS:
        for asked in (
            f"Did you {text[0].lower()}{text[1:]}?",
            f"Can I {text[0].lower()}{text[1:]}?",
            f"{text.rstrip('?')}?",
        ):
            planned = await ask(asked)
            if isinstance(planned, Ready):
                assert all(ask.tools[step.tool].effect == "read" for step in planned.plan.steps), asked


async def test_planning_reads_what_it_needs_and_no_more_and_the_audit_log_has_it(ask: Asking) -> None:
    planned = await ask("Turn off the reading lamp")
    assert isinstance(planned, Ready)
    page = await ask.gateway.store.read_audit(AuditFilter(tenant="default"))
    assert {one.tool for one in page if one.effect} == {"home_list_lights", "home_list_rooms"}


async def test_a_thing_that_was_looked_up_says_by_which_words(ask: Asking) -> None:
    text = "Please turn off the reading lamp"
    planned = await ask(text)
    assert isinstance(planned, Ready)
    found = planned.plan.steps[0].arguments["light_id"]
    assert found == Literal("light-2", Span(text.index("reading"), len(text)))


async def test_several_that_fit_are_a_choice_by_what_they_are_called(ask: Asking) -> None:
    planned = await ask("Turn on the lamp in the living room")
    assert isinstance(planned, Ready)
    slot = planned.plan.steps[0].arguments["light_id"]
    assert isinstance(slot, Slot)
    assert slot.question == "Which light: Ceiling lamp, Reading lamp, Shelf strip?"
    assert slot.schema is not None
    assert [one["const"] for one in slot.schema["anyOf"]] == ["light-1", "light-2", "light-3"]


async def test_all_of_some_are_told_by_a_field_and_stay_a_list(ask: Asking) -> None:
    planned = await ask("Turn off all the lights in the living room")
    assert isinstance(planned, Ready)
    step = planned.plan.steps[1]
    assert step.when is not None
    assert (step.when.value, step.when.fits) == (Item("/room"), {"const": "living-room"})


async def test_a_word_that_nothing_explains_stops_every_write(ask: Asking) -> None:
    for word in ("garden", "purple", "zeppelin", "attic", "submarine"):
        for text in (
            f"Turn off the {word} lamp", f"Turn on the reading lamp of the {word}", f"Unlock the {word} door",
            f"Set the heating in the {word} to 19", f"Delete the {word} event", f"Archive the {word} message",
            f"Put two {word} into the basket", f"Lock the front door and turn off the {word} light",
        ):  # fmt: skip
            assert isinstance(await ask(text), Impossible), text


async def test_more_wishes_than_are_read_are_refused_whole(ask: Asking) -> None:
    planned = await ask("Lock the back door. " * 20)
    assert isinstance(planned, Impossible)
    assert "more than 12 wishes" in planned.reason


async def test_only_what_the_caller_may_call_is_planned(tmp_path: Path) -> None:
    async with asking(tmp_path, only=":lights.read") as ask:
        assert isinstance(await ask("Turn off the reading lamp"), Impossible)
        assert isinstance(await ask("Which lights are on?"), Ready)


async def test_a_statement_writes_nothing(ask: Asking) -> None:
    for text in ("The reading lamp is off", "Reading lamp", "I want milk", "She said turn off the reading lamp"):
        planned = await ask(text)
        assert not isinstance(planned, Ready) or all(ask.tools[one.tool].effect == "read" for one in planned.plan.steps)
        assert not isinstance(planned, Asks)
