"""What a plan of words holds to: nothing by chance, nothing left out, and a question where something is not plain."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.core.entities import read_entities
from gateway.core.plan import Item, Literal, Slot, Span
from gateway.core.planned import Asks, Impossible, Ready
from tests.planners.test_graph import NOW, Asking, asking, told

pytestmark = pytest.mark.anyio


@pytest.fixture
async def ask(anyio_backend: str, tmp_path: Path) -> AsyncIterator[Asking]:
    async with asking(tmp_path) as one:
        yield one


async def test_things_are_told_by_a_field_only_where_the_words_say_its_value(ask: Asking) -> None:
    fields = {
        "turn off all the lights in the living room": ("/room", "living-room"),
        "turn off all the lights that are on": ("/on", True),
        "archive all unread mails": ("/read", False),
        "delete all the dentist events": ("/title", "Dentist"),
    }
    for text, (pointer, value) in fields.items():
        planned = await ask(text)
        assert isinstance(planned, Ready), text
        when = planned.plan.steps[-1].when
        assert when is not None, text
        assert (when.value, when.fits) == (Item(pointer), {"const": value}), text


async def test_what_things_have_in_common_by_chance_is_no_condition(ask: Asking) -> None:
    one_by_one = {
        "delete the mails from Mira and Jonas": ["msg-9", "msg-8"],
        "lights off except the ones in the kitchen and the study": [f"light-{at}" for at in (1, 2, 3, 5, 6)],
        "turn off all the lights in the living room that are on": ["light-1", "light-2"],
    }
    for text, ids in one_by_one.items():
        planned = await ask(text)
        assert isinstance(planned, Ready), text
        named = [values.get("light_id", values.get("message_id")) for _, values in told(planned.plan)]
        assert named == ids, text
        assert all(one.when is None and one.each is None for one in planned.plan.steps), text


async def test_a_number_belongs_to_its_own_thing(ask: Asking) -> None:
    quantities = {
        "put six tomatoes and a pot of basil into the basket": [("tomatoes", 6), ("basil", "?")],
        "put a pot of basil and six tomatoes into the basket": [("basil", "?"), ("tomatoes", 6)],
        "put two lemons and 3 bottles of milk into the basket": [("lemons", 2), ("milk", 3)],
    }
    for text, expected in quantities.items():
        planned = await ask(text)
        assert isinstance(planned, Ready), text
        assert [(values["sku"], values["quantity"]) for _, values in told(planned.plan)] == expected, text
    planned = await ask("set the heating in the living room and the bedroom to 19")
    assert isinstance(planned, Ready)
    assert [values for _, values in told(planned.plan)] == [
        {"thermostat_id": "thermostat-1", "target_c": 19},
        {"thermostat_id": "thermostat-2", "target_c": 19},
    ]


async def test_what_is_not_to_be_done_is_told_and_what_is_set_against_it_is_done(ask: Asking) -> None:
    for text in (
        "please do not unlock the front door but lock the back door",
        "Don't unlock the front door, but lock the back door.",
        "Don't unlock the front door. Lock the back door.",
    ):
        planned = await ask(text)
        assert isinstance(planned, Ready), text
        assert told(planned.plan) == [("home_lock_door", {"lock_id": "back-door"})], text
        assert "what is not to be done" in planned.because[0], text


async def test_nothing_behind_a_refusal_is_passed_over(ask: Asking) -> None:
    planned = await ask("do not unlock the front door and lock the back door")
    assert isinstance(planned, Impossible)
    assert "whether “lock the back door” is to be done" in planned.reason
    planned = await ask("turn off all lights but turn on the desk lamp")
    assert isinstance(planned, Ready)
    assert told(planned.plan)[-1] == ("home_set_light", {"on": True, "light_id": "light-7"})
    planned = await ask("Did you unlock the front door, but lock the back door?")
    assert not isinstance(planned, Ready) or all(ask.tools[one.tool].effect == "read" for one in planned.plan.steps)


async def test_a_misspelt_name_of_what_is_opened_or_deleted_is_asked_about(ask: Asking) -> None:
    planned = await ask("unlock the font door")
    assert isinstance(planned, Ready)
    asked = planned.plan.steps[0].arguments["lock_id"]
    assert isinstance(asked, Slot)
    assert asked.question == "“font” is read as “front”. Which lock: Front door?"
    planned = await ask("lock the baack door")
    assert isinstance(planned, Ready)
    assert told(planned.plan) == [("home_lock_door", {"lock_id": "back-door"})]


async def test_a_number_out_of_bounds_says_what_it_may_be(ask: Asking) -> None:
    reasons = {
        "set the heating in the bedroom to 45": "“45” is out of bounds: target c is at least 5 and at most 30.",
        "set the desk lamp to brightness 150": "“150” is out of bounds: brightness is at least 0 and at most 100.",
    }
    for text, reason in reasons.items():
        planned = await ask(text)
        assert isinstance(planned, Impossible), text
        assert planned.reason == reason
    planned = await ask("make it warmer")
    assert isinstance(planned, Impossible)
    assert "I do not know what “it” is" in planned.reason


async def test_politeness_and_it_do_not_stand_in_the_way(ask: Asking) -> None:
    for text in (
        "Could you turn off the desk lamp, thanks!",
        "Turn off the desk lamp. Thank you very much",
        "actually turn off the desk lamp",
        "Actually, turn off the desk lamp",
    ):
        planned = await ask(text)
        assert isinstance(planned, Ready), text
        assert planned.plan.intent == text
        assert told(planned.plan) == [("home_set_light", {"on": False, "light_id": "light-7"})], text
    planned = await ask("turn off the desk lamp if it is on")
    assert isinstance(planned, Ready)
    assert [one.tool for one in planned.plan.steps] == ["home_get_light", "home_set_light"]
    assert planned.plan.steps[1].when is not None
    assert planned.plan.steps[1].when.fits == {"const": True}


async def test_a_day_behind_what_is_ordered_is_when_it_comes(ask: Asking) -> None:
    text = "order bread and butter for tomorrow"
    planned = await ask(text)
    assert isinstance(planned, Ready)
    assert told(planned.plan)[:3] == [
        ("groceries_put_basket_item", {"sku": "bread", "quantity": 1}),
        ("groceries_put_basket_item", {"sku": "butter", "quantity": 1}),
        ("groceries_create_order", {"deliver_on": "2026-03-05"}),
    ]
    assert planned.plan.steps[2].arguments["deliver_on"] == Literal(
        "2026-03-05", Span(text.index("tomorrow"), len(text))
    )


async def test_a_quote_is_passed_on_without_its_marks(ask: Asking) -> None:
    text = 'send "hello" to mira@home.example'
    planned = await ask(text)
    assert isinstance(planned, Ready)
    assert planned.plan.steps[0].arguments["subject"] == Literal("hello", Span(6, 11))


def test_a_time_of_an_evening_is_in_the_evening() -> None:
    hours = {"every evening at 10": "0 22 * * *", "every morning at 7": "0 7 * * *", "every night at 11": "0 23 * * *"}
    for text, cron in hours.items():
        (found,) = [one for one in read_entities(text, NOW, "en") if one.kind == "recurrence"]
        assert (found.value, found.others) == (cron, ()), text


async def test_of_two_settings_each_that_is_not_plain_is_asked_about(ask: Asking) -> None:
    planned = await ask("set the living room to 19 and the bedroom to 17")
    assert isinstance(planned, Asks)
    assert planned.question == "Which of these is meant by “set the living room to 19”?"
