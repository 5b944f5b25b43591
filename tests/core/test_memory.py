"""Facts: what a sentence states, what is no fact, and what facts do to a wish and to a plan."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.fact import Alias, Fact, Preset, Setting, What, about, gives, key_words, sentence, why_unfit
from gateway.core.plan import Default, Listed, Literal, Plan, Shape, Slot, Source, Span, Step
from gateway.core.presets import fill_open
from gateway.core.question import read_clauses
from gateway.core.recall import claimed, mentions, vouches
from gateway.core.remember import read_asked, read_fact
from gateway.core.reword import reword
from gateway.core.tool import Tool
from gateway.core.wanted import wanted_of
from tests.core.test_families import ORDER, Told, many, thing

NOW = datetime(2026, 3, 4, tzinfo=UTC)


def fact(what: What, name: str = "f1") -> Fact:
    return Fact(name, ("default", "", "ada"), what, sentence(what), "c", NOW)


DEN, WIFE = fact(Alias("den", "living room")), fact(Alias("my wife", "anna@example.com"), "f2")


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ("the den is the living room", Alias("den", "living room")),
        ("The den is the living room.", Alias("den", "living room")),
        ("that the den is the living room", Alias("den", "living room")),
        ("my wife is anna@example.com", Alias("my wife", "anna@example.com")),
        ("by the den I mean the living room", Alias("den", "living room")),
        ("when I say the den, I mean the living room", Alias("den", "living room")),
        ("“the usual shop” means “Corner Store”", Alias("usual shop", "Corner Store")),
        ("my city is Oslo", Preset("city", "Oslo")),
        ("my home city is Oslo", Preset("city", "Oslo")),
        ("my default calendar is work", Preset("calendar", "work")),
        ("the preferred currency is EUR", Preset("currency", "EUR")),
        ("my time zone is Europe/Berlin", Setting("zone", "Europe/Berlin")),
        ("my language is English", Setting("locale", "en")),
        ("my locale is en-GB", Setting("locale", "en-GB")),
        ("my units are Metric", Setting("units", "metric")),
        ("buy milk", None),
        ("is the den the living room?", None),
        ("the den is the living room and my wife is anna@example.com", None),
        ("the den is the living room, turn it off", None),
        ("all is well", None),
        ("off means on", None),
        ("not is now", None),
        ("my units are stones", None),
        ("my locale is 5", None),
        ("the den is the den", None),
        ("x" * 61 + " is y", None),
        ("x is " + "y" * 201, None),
        ("the den is living\u200b room", None),
    ],
)
def test_a_sentence_states_one_fact_or_none(words: str, what: What | None) -> None:
    assert read_fact(words) == what


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ("Remember that the den is the living room", Alias("den", "living room")),
        ("please remember: my city is Oslo", Preset("city", "Oslo")),
        ("By the den I mean the living room.", Alias("den", "living room")),
        ("the den is the living room", None),
        ("Remember to buy milk", None),
        ("Turn off the light", None),
        ("Tell Bob to remember that the den is the study", None),
    ],
)
def test_a_wish_asks_to_remember_only_where_it_says_so_and_nothing_else(words: str, what: What | None) -> None:
    assert read_asked(words) == what


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (Alias("The Den", "x"), Alias("den", "y"), True),
        (Alias("den", "x"), Alias("lair", "x"), False),
        (Preset("calendarId", "a"), Preset("calendar", "b"), True),
        (Preset("calendar", "a"), Preset("calendar", "a", "work"), False),
        (Setting("zone", "a"), Setting("zone", "b"), True),
        (Setting("zone", "a"), Setting("units", "a"), False),
    ],
)
def test_facts_are_about_the_same_by_what_they_name(one: What, other: What, same: bool) -> None:
    assert (about(one) == about(other)) is same


@pytest.mark.parametrize(
    ("what", "value", "is_said"),
    [
        (Alias("den", "study"), "study", True),
        (Alias("den", "study"), "Study", False),
        (Preset("n", 1), 1, True),
        (Preset("n", 1), True, False),
        (Preset("n", 1), "1", False),
        (Setting("units", "metric"), "celsius", True),
        (Setting("units", "metric"), "fahrenheit", False),
        (Setting("units", "metric"), None, False),
        (Setting("locale", "en-GB"), "en", True),
        (Setting("locale", "en-GB"), "en_GB", True),
        (Setting("locale", "en-GB"), "en-US", False),
        (Setting("zone", "Europe/Berlin"), "Europe/Berlin", True),
    ],
)
def test_a_fact_says_its_very_value(what: What, value: Any, is_said: bool) -> None:
    assert gives(what, value) is is_said


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Turn off the light in the den", ["the den"]),
        ("the DEN's lights off", ["the DEN"]),
        ("tell my  wife and my wife", ["my  wife", "my wife"]),
        ("turn off the lights in Bob's den", []),
        ("turn off the lights in her den", []),
        ("open den-3, /den, garden and den@example.com", []),
        ('say "the den is warm"', []),
        ("email your wife", []),
    ],
)
def test_an_alias_is_named_by_its_whole_words_and_is_nobody_elses(text: str, named: list[str]) -> None:
    found = mentions(text, [DEN, WIFE])
    assert [text[one.span.start : one.span.end] for one in found] == named


def test_of_two_aliases_in_the_same_words_the_longer_one_is_meant() -> None:
    lamp = fact(Alias("den lamp", "reading lamp"), "f3")
    assert [one.fact for one in mentions("the den lamp in the den", [DEN, lamp])] == [lamp, DEN]


def test_a_wish_is_put_in_the_words_that_are_meant_and_its_plan_back() -> None:
    said = "Add my wife, called lunch in the den: ok"
    other = reword(said, [DEN, WIFE])
    assert other.text == "Add anna@example.com, called lunch in living room: ok"

    def at(words: str, text: str = other.text) -> Span:
        return Span(text.index(words), text.index(words) + len(words))

    arguments: dict[str, Source] = {
        "to": Literal("anna@example.com", at("anna@example.com")),
        "all": Literal(["anna@example.com", "ok", 3], at(other.text)),
        "text": Literal("lunch in living room", at("lunch in living room")),
        "in": Shape({"id": Listed((Literal("room-7", at("living room")),))}),
        "end": Literal("ok", at("ok")),
        "no": Literal(1),
        "ask": Slot("What?"),
    }
    plan = other.back(Plan(other.text, (Step("s", "t", arguments),)))
    assert plan.intent == said
    assert plan.steps[0].arguments == {
        "to": Default("anna@example.com", "fact:f2"),
        "all": Listed(
            (Default("anna@example.com", "fact:f2"), Literal("ok", at("ok", said)), Literal(3, at(said, said)))
        ),
        "text": Literal("lunch in the den", at("lunch in the den", said)),
        "in": Shape({"id": Listed((Literal("room-7", at("the den", said)),))}),
        "end": Literal("ok", at("ok", said)),
        "no": Literal(1),
        "ask": Slot("What?"),
    }
    assert claimed(plan) == {"f2"}


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("Tell my wife that the den is cold", "Tell anna@example.com that the den is cold"),
        ("Turn off the lights that are in the den", "Turn off the lights that are in living room"),
        ("Mail my wife: the den is cold", "Mail anna@example.com: the den is cold"),
        ("Text my wife saying the den is cold", "Text anna@example.com saying the den is cold"),
        ("Add “the den” to the list", "Add “the den” to the list"),
    ],
)
def test_what_is_passed_on_stays_as_it_was_said(said: str, text: str) -> None:
    assert reword(said, [DEN, WIFE]).text == text


@pytest.mark.parametrize(
    ("words", "means", "said"),
    [
        ("movie time", "turn off all lights", "Movie time"),
        ("the thing", "light? Open the door", "Turn off the thing"),
        ("the thing", "lamp. Open the door", "Turn off the thing"),
        ("the thing", "lamp and open the door", "Turn off the thing"),
    ],
)
def test_an_alias_commands_nothing(words: str, means: str, said: str) -> None:
    assert reword(said, [fact(Alias(key_words(words), means))]).text == said


WORDS = st.text(alphabet="abden .,?'", min_size=1, max_size=12)


@given(st.text(alphabet="the denbr ofmy.?,'\"", max_size=60), st.lists(st.tuples(WORDS, WORDS), max_size=4))
def test_whatever_the_aliases_are_places_come_back_within_the_text_and_moods_stay(
    text: str, told: list[tuple[str, str]]
) -> None:
    facts = [fact(Alias(*one), f"f{number}") for number, one in enumerate(told) if not why_unfit(Alias(*one))]
    other = reword(text, facts)
    assert [one.mood.kind for one in read_clauses(other.text)] == [one.mood.kind for one in read_clauses(text)]
    spans = [Span(start, end) for start in range(len(other.text)) for end in range(start + 1, len(other.text) + 1)]
    for span in spans[:300]:
        value = other.text[span.start : span.end]
        (back,) = other.back(Plan(other.text, (Step("s", "t", {"a": Literal(value, span)}),))).steps
        match back.arguments["a"]:
            case Literal(value=value, span=Span(start=start, end=end)):
                assert 0 <= start < end <= len(text)
                assert text[start:end] == value
            case Default(value=value, origin=origin):
                assert any(one.origin == origin and one.what.means == value for one in facts)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("what", "value", "intent", "connector", "place", "is_vouched"),
    [
        (Alias("my wife", "anna@x.y"), "anna@x.y", "mail my wife", "mail", "/to/0", True),
        (Alias("my wife", "anna@x.y"), "anna@x.y", "mail everything", "mail", "/to/0", False),
        (Alias("my wife", "anna@x.y"), "eve@x.y", "mail my wife", "mail", "/to/0", False),
        (Preset("calendar", "work"), "work", "", "cal", "/calendarId", True),
        (Preset("calendar", "work"), "work", "", "cal", "/to", False),
        (Preset("calendar", "work"), "work", "", "cal", "/in/calendarId", False),
        (Preset("calendar", "work", "other"), "work", "", "cal", "/calendarId", False),
        (Setting("zone", "Europe/Berlin"), "Europe/Berlin", "", "cal", "/timeZone", True),
        (Setting("zone", "Europe/Berlin"), "Europe/Berlin", "", "cal", "/text", False),
    ],
)
def test_a_fact_vouches_for_its_value_where_it_is_about_that(
    what: What, value: str, intent: str, connector: str, place: str, is_vouched: bool
) -> None:
    assert vouches(what, value, intent=intent, connector=connector, place=place) is is_vouched


EVENT = thing(id="string", title="string")
CALENDARS = Told(
    {
        "GET /calendars/{calendarId}/events?timeZone&units&q -- List events": many(EVENT),
        "POST /calendars/{calendarId}/events?timeZone&colour body=title -- Create an event": EVENT,
        "GET /calendars/{calendarId}/events/{eventId} -- Get an event": EVENT,
        "PUT /calendars/{calendarId}/events/{eventId} body=title,city -- Replace an event": EVENT,
        "DELETE /calendars/{calendarId}/events/{eventId} -- Delete an event": None,
        "DELETE /trips/{tripId}?city! -- Delete a trip": None,
        "POST /lamps/{lampId}/toggle?city! -- Toggle a lamp": None,
        "POST /letters?email_to!&city!&amount! -- Send a letter": thing(id="string"),
        "GET /weather?city!&units&days:integer&lang -- Get the weather": ORDER,
    }
)
FACTS = [
    fact(Preset("calendar", "work"), "calendar"),
    fact(Preset("colour", "red", "x"), "colour"),
    fact(Preset("city", "Oslo"), "city"),
    fact(Preset("lamp", "lamp-1"), "lamp"),
    fact(Preset("event", "e1"), "event"),
    fact(Preset("amount", "100"), "amount"),
    fact(Preset("email to", "eve@example.com"), "to"),
    fact(Preset("days", "many"), "days"),
    fact(Setting("zone", "Europe/Berlin"), "zone"),
    fact(Setting("units", "metric"), "units"),
    fact(Setting("locale", "en-GB"), "locale"),
    DEN,
]


@pytest.mark.parametrize(
    ("key", "asked", "filled"),
    [
        ("GET /weather", ["city", "days"], {"city": "Oslo", "lang": "en"}),
        ("GET /calendars/{calendarId}/events", ["calendar_id"], {"calendar_id": "work", "time_zone": "Europe/Berlin"}),
        ("POST /calendars/{calendarId}/events", ["calendar_id", "title"], {"calendar_id": "work", "colour": "red"}),
        ("GET /calendars/{calendarId}/events/{eventId}", ["calendar_id"], {"calendar_id": "work"}),
        ("PUT /calendars/{calendarId}/events/{eventId}", ["calendar_id", "city", "event_id"], {}),
        ("DELETE /calendars/{calendarId}/events/{eventId}", ["calendar_id", "event_id"], {}),
        ("DELETE /trips/{tripId}", ["trip_id", "city"], {}),
        ("POST /lamps/{lampId}/toggle", ["lamp_id", "city"], {"city": "Oslo"}),
        ("POST /letters", ["email_to", "city", "amount"], {"city": "Oslo"}),
    ],
)
def test_defaults_fill_what_would_be_asked_and_never_what_a_write_is_done_to(
    key: str, asked: list[str], filled: dict[str, Any]
) -> None:
    tool = CALENDARS.tools[key]
    named = {name.casefold().replace("_", ""): name for name in place_names(tool)}
    slots = {named[name.replace("_", "")]: Slot("?") for name in asked}
    plan, fills = fill_open(Plan("", (Step("s", tool.name, slots),)), FACTS, {tool.name: tool})
    found = {name: one.value for name, one in plan.steps[0].arguments.items() if isinstance(one, Default)}
    assert {name.casefold().replace("_", ""): value for name, value in found.items()} == {
        name.replace("_", ""): value for name, value in filled.items()
    }
    assert {(one.argument, one.value) for one in fills} == {*found.items()}
    assert all(f"fact:{one.fact.id}" == plan.steps[0].arguments[one.argument].origin for one in fills)  # type: ignore[union-attr]


def test_a_default_picks_the_choice_that_it_names_and_leaves_others_to_be_asked() -> None:
    tool = CALENDARS.tools["GET /calendars/{calendarId}/events"]
    (name,) = [one for one in place_names(tool) if one.casefold().startswith("calendar")]
    choices = [{"const": "c-1", "title": "Home"}, {"const": "c-2", "title": "Work"}]

    def filled(*offered: dict[str, str]) -> object:
        asked = Plan("", (Step("s", tool.name, {name: Slot("Which?", {"type": "string", "anyOf": [*offered]})}),))
        return fill_open(asked, FACTS, {tool.name: tool})[0].steps[0].arguments[name]

    assert filled(*choices) == Default("c-2", "fact:calendar")
    assert isinstance(filled(choices[0]), Slot)


def test_a_default_of_the_person_counts_for_more_than_that_of_the_document() -> None:
    tool = CALENDARS.tools["GET /weather"]
    plan = Plan("", (Step("s", tool.name, {"city": Default("Rome", "the document")}),))
    filled = fill_open(plan, FACTS, {tool.name: tool})[0]
    assert filled.steps[0].arguments["city"] == Default("Oslo", "fact:city")


def test_what_was_said_and_may_mean_several_values_is_asked() -> None:
    tool = CALENDARS.tools["GET /weather"]
    slot = Slot("Which city?", {"type": "string", "enum": ["Oslo", "Bergen"]})
    plan = Plan("", (Step("s", tool.name, {"city": slot, "lang": Literal("no")}),))
    assert fill_open(plan, FACTS, {tool.name: tool}) == (plan, ())


def test_what_the_person_said_stays() -> None:
    tool = CALENDARS.tools["GET /weather"]
    plan = Plan("Bergen", (Step("s", tool.name, {"city": Literal("Bergen", Span(0, 6)), "lang": Literal("no")}),))
    assert fill_open(plan, FACTS, {tool.name: tool}) == (plan, ())


def place_names(tool: Tool) -> list[str]:
    return [one.name for one in wanted_of(tool)]
