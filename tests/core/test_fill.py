"""Filling: what of a tool's arguments the words of a wish give, and what is asked."""

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.core.arguments import check_arguments, compile_arguments
from gateway.core.entities import read_entities
from gateway.core.fill import SURE_TO_WRITE, Filled, fill_arguments
from gateway.core.plan import Default, Literal, Plan, Shape, Slot, Source, Span, Step
from gateway.core.plan_check import check_plan
from gateway.core.question import read_clauses
from gateway.core.tool import Tool
from gateway.core.wanted import names_thing, wanted_of
from tests.core.test_compile import tool_of
from tests.household_tools import household_tools

TOOLS = household_tools()
NOW = datetime(2026, 3, 4, 10, 0, tzinfo=timezone(timedelta(hours=1)))


def fill(tool: str, text: str) -> Filled:
    clauses = read_clauses(text)
    verb = clauses[0].mood.span if clauses else None
    return fill_arguments(TOOLS[tool], text, Span(0, len(text)), read_entities(text, NOW, "en"), verb=verb)


def values(filled: Filled) -> dict[str, Any]:
    """The values; of what is asked, the choices, or `ask`."""
    told: dict[str, Any] = {}
    for name, source in filled.arguments.items():
        if isinstance(source, Slot):
            told[name] = (source.schema or {}).get("enum", "ask")
        elif isinstance(source, Literal | Default):
            told[name] = source.value
    return told


@pytest.mark.parametrize(
    ("tool", "text", "expected"),
    [
        ("home_set_light", "Turn on light-1", {"light_id": "light-1", "on": True}),
        ("home_set_light", "switch light-1 off", {"light_id": "light-1", "on": False}),
        ("home_set_light", "Dim light-2 to 40 percent", {"light_id": "light-2", "brightness": 40}),
        ("home_set_light", "set light-2 to 40", {"light_id": "light-2", "brightness": 40}),
        ("home_set_light", "set the brightness of light-2 to forty", {"light_id": "light-2", "brightness": 40}),
        ("home_set_light", "make light-2 2700 kelvin", {"light_id": "light-2", "colour_temperature_k": 2700}),
        ("home_set_light", "dim light-2 to 140 percent", {"light_id": "light-2"}),
        ("home_set_thermostat", "set thermostat-1 to 19", {"thermostat_id": "thermostat-1", "target_c": 19}),
        ("home_set_thermostat", "set the thermostat to 19", {"thermostat_id": "ask", "target_c": 19}),
        ("home_set_thermostat", "set thermostat-1 to 66°F", {"thermostat_id": "thermostat-1", "target_c": 18.9}),
        ("home_set_thermostat", "set thermostat-1 to 45 degrees", {"thermostat_id": "thermostat-1", "target_c": "ask"}),
        ("calendar_create_event", "Create an event called Yoga tomorrow from 18:00 to 19:00",
         {"title": "Yoga", "start": "2026-03-05T18:00:00", "end": "2026-03-05T19:00:00"}),
        ("calendar_create_event", "Create an event called Yoga tomorrow at 18:00 for an hour",
         {"title": "Yoga", "start": "2026-03-05T18:00:00", "end": "2026-03-05T19:00:00"}),
        ("calendar_create_event", "Create an event called Yoga tomorrow at 7 for an hour",
         {"title": "Yoga", "start": ["2026-03-05T07:00:00", "2026-03-05T19:00:00"],
          "end": ["2026-03-05T08:00:00", "2026-03-05T20:00:00"]}),
        ("calendar_create_event", "Create an event on Friday", {"title": "ask", "start": "ask", "end": "ask"}),
        ("calendar_list_events", "What is on my calendar on Friday?", {"from": "2026-03-06", "to": "2026-03-06"}),
        ("calendar_list_events", "events from Monday to Friday", {"from": "2026-03-09", "to": "2026-03-13"}),
        ("calendar_list_events", "what is on next week", {"from": "2026-03-09", "to": "2026-03-15"}),
        ("mail_send_message", "Send mira@home.example a message with the subject Dinner saying I will be late",
         {"to": ["mira@home.example"], "subject": "Dinner", "text": "I will be late"}),
        ("mail_send_message", "Mail mira@home.example that I am late",
         {"to": ["mira@home.example"], "text": "I am late", "subject": "ask"}),
        ("mail_send_message", "Send a message", {"to": "ask", "subject": "ask", "text": "ask"}),
        ("mail_reply_to_message", "Reply to msg-2: see you at 8", {"message_id": "msg-2", "text": "see you at 8"}),
        ("mail_list_messages", "Which messages in the archive are unread?", {"folder": "archive", "unread": True}),
        ("mail_update_message", "move msg-3 to the archive", {"message_id": "msg-3", "folder": "archive"}),
        ("mail_update_message", "mark msg-3 as read", {"message_id": "msg-3", "read": True}),
        ("groceries_put_basket_item", "Put 3 of it into the basket", {"quantity": 3, "sku": "ask"}),
        ("groceries_create_order", "Order it for Saturday", {"deliver_on": "2026-03-07"}),
        ("groceries_create_order", "Order it for next Friday", {"deliver_on": ["2026-03-13", "2026-03-06"]}),
        ("groceries_pay_order", "Pay order #3 by card, €12.50",
         {"order_id": "3", "method": "card", "amount": {"cents": 1250, "currency": "EUR"}}),
        ("groceries_pay_order", "Pay order #3", {"order_id": "3", "method": "ask", "amount": "ask"}),
        ("weather_get_forecast", "forecast for the next 5 days", {"days": 5, "place": "ask"}),
        ("home_play_music", "play jazz in the kitchen", {"what": "jazz", "speaker_id": "ask"}),
        ("home_play_music", "play music", {"what": "ask", "speaker_id": "ask"}),
    ],
)  # fmt: skip
def test_what_is_said_is_filled_and_the_rest_is_asked(tool: str, text: str, expected: dict[str, Any]) -> None:
    assert values(fill(tool, text)) == expected


def test_a_literal_says_where_the_person_said_it() -> None:
    text = "Dim light-2 to 40 percent"
    told = {
        name: text[source.span.start : source.span.end]
        for name, source in fill("home_set_light", text).arguments.items()
        if isinstance(source, Literal) and source.span is not None
    }
    assert told == {"light_id": "light-2", "brightness": "40 percent"}


def test_an_id_is_told_from_other_texts() -> None:
    things = {one.name for tool in TOOLS.values() for one in wanted_of(tool) if names_thing(one)}
    assert {"light_id", "room", "sku", "place", "order_id"} <= things
    assert not things & {"title", "text", "what", "q", "on", "target_c", "from", "to"}


WORDS = st.sampled_from(
    ["turn", "on", "off", "light-1", "to", "40", "percent", "19.5", "tomorrow", "at", "7", "19:30", "for", "an hour", "called", "Yoga",
     "mira@home.example", "that", "I am late", '"Dinner"', "archive", "card", "€12", "#3", "next week", "from", "unread", "jazz"]
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=150)
@given(st.sampled_from(sorted(TOOLS)), st.lists(WORDS, max_size=9).map(" ".join) | st.text(max_size=40))
def test_what_is_filled_fits_and_no_words_count_twice(name: str, text: str) -> None:
    tool = TOOLS[name]
    filled = fill(name, text)
    given = {key: one.value for key, one in filled.arguments.items() if isinstance(one, Literal | Default)}
    assert not check_arguments(compile_arguments(tool.input_schema), given, lambda one: one.expected != "required")
    spans = [one.span for one in filled.arguments.values() if isinstance(one, Literal) and one.span is not None]
    shared = [(a, b) for a in spans for b in spans if a is not b and a.start < b.end and b.start < a.end]
    assert all(a == b for a, b in shared)
    if tool.effect != "read":
        assert all(
            filled.sure[key] >= SURE_TO_WRITE for key, one in filled.arguments.items() if isinstance(one, Literal)
        )
    if text:
        plan = Plan(text, (Step("one", tool.name, filled.arguments),))
        assert check_plan(plan, TOOLS) == ()


def test_a_required_argument_that_nobody_said_is_a_question_and_no_guess() -> None:
    tool: Tool = TOOLS["home_set_thermostat"]
    filled = fill(tool.name, "make it warmer")
    assert filled.asked == ("thermostat_id", "target_c")
    assert all(isinstance(one, Slot) for one in filled.arguments.values())


SHAPES = {
    "start": {
        "type": "object",
        "properties": {
            "date": {"type": "string", "format": "date"},
            "dateTime": {"type": "string", "format": "date-time"},
        },
    },
    "rings": {"type": "string", "description": "HH:MM, 24 hours", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"},
    "open_percent": {
        "type": "integer",
        "description": "0 is closed and 100 is fully open.",
        "minimum": 0,
        "maximum": 100,
    },
    "city": {"type": "string"},
    "delivery": {
        "type": "object",
        "required": ["day", "slot"],
        "properties": {
            "day": {"type": "string", "format": "date"},
            "slot": {"type": "string", "enum": ["morning", "evening"]},
        },
    },
    "text": {"type": "string"},
    "seconds": {"type": "integer", "minimum": 1},
    "price": {
        "type": "object",
        "required": ["amount", "currency"],
        "properties": {"amount": {"type": "string"}, "currency": {"type": "string"}},
    },
}


def tool_with(*names: str) -> Tool:
    schema = {"type": "object", "properties": {name: SHAPES[name] for name in names}, "required": list(names)}
    content = {"application/json": {"schema": schema}}
    return tool_of({"operationId": "make", "requestBody": {"required": True, "content": content}, "responses": {}})


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("start", "Move it to tomorrow at 19:00", {"dateTime": "2026-03-05T19:00:00+01:00"}),
        ("start", "Move it to tomorrow", {"date": "2026-03-05"}),
        ("rings", "Ring at 7:20", "07:20"),
        ("rings", "Ring at half past nine pm", "21:30"),
        ("open_percent", "Close it", 0),
        ("open_percent", "Open it", 100),
        ("open_percent", "Open it to 40 percent", 40),
        ("delivery", "Bring it on Saturday in the morning", {"day": "2026-03-07", "slot": "morning"}),
        ("text", "Remind me tomorrow at noon to call the bank", "call the bank"),
        ("text", "Remind me at ten to seven to call the bank", "call the bank"),
        ("open_percent", "Open it by 10", "ask"),
        ("open_percent", "Open it 10 percent more", "ask"),
        ("open_percent", "Move it 20 percent lower", "ask"),
        ("seconds", "Set a timer for an hour and 30 minutes", 5400),
        ("price", "Pay €12.50", {"amount": "12.50", "currency": "EUR"}),
    ],
)
def test_arguments_of_many_shapes_are_filled(name: str, text: str, expected: Any) -> None:
    tool = tool_with(name)
    filled = fill_arguments(tool, text, Span(0, len(text)), read_entities(text, NOW, "en"))
    told = plain(filled.arguments[name])
    assert ("ask" if isinstance(told, Slot) else told) == expected


def test_what_an_object_lacks_is_asked_and_what_it_has_stays() -> None:
    text = "Bring it on Saturday"
    filled = fill_arguments(tool_with("delivery"), text, Span(0, len(text)), read_entities(text, NOW, "en"))
    delivery = filled.arguments["delivery"]
    assert isinstance(delivery, Shape)
    assert isinstance(delivery.members["slot"], Slot)
    assert filled.asked == ("delivery/slot",)


def plain(source: Source) -> Any:
    if isinstance(source, Shape):
        return {name: plain(one) for name, one in source.members.items()}
    return source.value if isinstance(source, Literal) else source
