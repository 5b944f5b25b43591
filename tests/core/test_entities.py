"""Entities: what a text names, with the characters that say so, and what is not read into it."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.entities import match_choice, read_entities
from gateway.core.entity import Entity

ZONE = timezone(timedelta(hours=1))
# A Wednesday.
NOW = datetime(2026, 3, 4, 10, 0, tzinfo=ZONE)


def read(text: str, locale: str = "en") -> list[tuple[str, Any, str]]:
    return [(one.kind, one.value, text[one.span.start : one.span.end]) for one in read_entities(text, NOW, locale)]


def only(text: str, locale: str = "en") -> Entity:
    (found,) = read_entities(text, NOW, locale)
    return found


def at(day: int, hour: int, minute: int = 0, month: int = 3) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=ZONE)


@pytest.mark.parametrize(
    ("text", "value", "said"),
    [
        ("to nineteen", 19, "nineteen"),
        ("to 19.5", 19.5, "19.5"),
        ("two dozen eggs", 24, "two dozen"),
        ("half a dozen eggs", 6, "half a dozen"),
        ("by half", 0.5, "half"),
        ("twenty-one candles", 21, "twenty-one"),
        ("two hundred and five", 205, "two hundred and five"),
        ("three thousand four hundred", 3400, "three thousand four hundred"),
        ("1,234.50", 1234.5, "1,234.50"),
        ("to -5", -5, "-5"),
        ("one bottle", 1, "one"),
        ("one and a half tons", 1.5, "one and a half"),
    ],
)
def test_a_number_is_read(text: str, value: float, said: str) -> None:
    assert read(text) == [("number", value, said)]


@pytest.mark.parametrize(
    ("text", "kind", "value", "unit"),
    [
        ("20 %", "quantity", 20, "percent"),
        ("forty percent", "quantity", 40, "percent"),
        ("19.5°C", "quantity", 19.5, "celsius"),
        ("3kg", "quantity", 3, "kilogram"),
        ("500 g", "quantity", 500, "gram"),
        ("€5.50", "money", 5.5, "EUR"),
        ("12 euros", "money", 12, "EUR"),
        ("£3", "money", 3, "GBP"),
        ("$3", "money", 3, ""),
    ],
)
def test_a_number_has_its_unit(text: str, kind: str, value: float, unit: str) -> None:
    found = only(text)
    assert (found.kind, found.value, found.unit) == (kind, value, unit)


def test_a_locale_says_what_a_point_and_a_dollar_are() -> None:
    assert only("19,5", "de-DE").value == 19.5
    assert only("$3", "en-US").unit == "USD"


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("today", "date", date(2026, 3, 4)),
        ("tomorrow", "date", date(2026, 3, 5)),
        ("the day after tomorrow", "date", date(2026, 3, 6)),
        ("yesterday", "date", date(2026, 3, 3)),
        ("Friday", "date", date(2026, 3, 6)),
        ("on Mon", "date", date(2026, 3, 9)),
        ("5 March", "date", date(2026, 3, 5)),
        ("the 3rd of March", "date", date(2027, 3, 3)),
        ("March 5th, 2027", "date", date(2027, 3, 5)),
        ("2026-03-31", "date", date(2026, 3, 31)),
        ("31.12.2026", "date", date(2026, 12, 31)),
        ("13/6/2026", "date", date(2026, 6, 13)),
        ("on the 5th", "date", date(2026, 3, 5)),
        ("in 3 days", "date", date(2026, 3, 7)),
        ("two weeks ago", "date", date(2026, 2, 18)),
        ("at 7 pm", "time", time(19)),
        ("7:30 am", "time", time(7, 30)),
        ("at 19:30", "time", time(19, 30)),
        ("at noon", "time", time(12)),
        ("7 in the evening", "time", time(19)),
        ("tonight at 8", "datetime", at(4, 20)),
        ("tomorrow at 07:00", "datetime", at(5, 7)),
        ("at 7 pm on Friday", "datetime", at(6, 19)),
        ("Sunday at 19:30", "datetime", at(8, 19, 30)),
        ("in 20 minutes", "datetime", at(4, 10, 20)),
        ("in half an hour", "datetime", at(4, 10, 30)),
        ("2026-03-05T10:00", "datetime", at(5, 10)),
        ("next week", "range", (date(2026, 3, 9), date(2026, 3, 15))),
        ("the weekend", "range", (date(2026, 3, 7), date(2026, 3, 8))),
        ("this month", "range", (date(2026, 3, 1), date(2026, 3, 31))),
        ("an hour and a half", "duration", 5400),
        ("two hours", "duration", 7200),
        ("an hour and 30 minutes", "duration", 5400),
        ("a 90 second egg", "duration", 90),
        ("2h", "duration", 7200),
        ("every weekday at 07:00", "recurrence", "0 7 * * 1-5"),
        ("every Monday at 8 pm", "recurrence", "0 20 * * 1"),
        ("every 15 minutes", "recurrence", "*/15 * * * *"),
        ("daily at 19:30", "recurrence", "30 19 * * *"),
    ],
)
def test_a_day_or_time_is_read_and_sure(text: str, kind: str, value: Any) -> None:
    found = [one for one in read_entities(text, NOW, "en") if one.kind not in {"number", "quantity", "ordinal"}]
    assert [(one.kind, one.value, one.others) for one in found] == [(kind, value, ())]


@pytest.mark.parametrize(
    ("text", "locale", "values"),
    [
        ("tomorrow at 7", "en", [at(5, 7), at(5, 19)]),
        ("tomorrow at 10:00", "en-US", [at(5, 10), at(5, 22)]),
        ("half past three", "en", [time(3, 30), time(15, 30)]),
        ("next Friday", "en", [date(2026, 3, 13), date(2026, 3, 6)]),
        ("Wednesday", "en", [date(2026, 3, 4), date(2026, 3, 11)]),
        ("5/6/2026", "en", [date(2026, 6, 5), date(2026, 5, 6)]),
        ("every weekday at 7", "en", ["0 7 * * 1-5", "0 19 * * 1-5"]),
        ("every morning", "en", ["0 0 * * *", "0 12 * * *"]),
    ],
)
def test_what_may_mean_two_things_says_so(text: str, locale: str, values: list[Any]) -> None:
    found = [one for one in read_entities(text, NOW, locale) if one.kind not in {"number", "ordinal"}]
    assert [[one.value, *one.others] for one in found] == [values]


def test_a_country_and_another_language_decide() -> None:
    assert only("5/6/2026", "en-GB").value == date(2026, 6, 5)
    assert only("5/6/2026", "en-US").value == date(2026, 5, 6)
    assert ("datetime", at(5, 7), "tomorrow at 7") in read("tomorrow at 7", "de-DE")


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("tomorrow from 10:00 to 11:30", [("start", at(5, 10)), ("end", at(5, 11, 30))]),
        ("tomorrow 15:00-16:30", [("start", at(5, 15)), ("end", at(5, 16, 30))]),
        ("between 12 and 1 pm tomorrow", [("start", at(5, 12)), ("end", at(5, 13))]),
        ("from 3 to 5 pm", [("start", time(15)), ("end", time(17))]),
        ("from Monday to Friday", [("start", date(2026, 3, 9)), ("end", date(2026, 3, 13))]),
        ("move it to Friday", [("", date(2026, 3, 6))]),
        ("until Friday", [("end", date(2026, 3, 6))]),
    ],
)
def test_a_range_has_a_start_and_an_end(text: str, spans: list[Any]) -> None:
    found = [one for one in read_entities(text, NOW, "en") if one.kind in {"date", "time", "datetime"}]
    assert [(one.role, one.value) for one in found] == spans


@pytest.mark.parametrize(
    "text",
    [
        "what may I do",
        "sat by the desk",
        "the sun is out",
        "turn that one off the hook",
        "light A4",
        "version 1.2.3",
        "2026-02-30",
        "a call at 25:61",
        "march on",
        "on the table",
        "in a while",
        "mark it as read",
        "some afternoon",
        "",
    ],
)
def test_what_is_none_of_these_is_not_read(text: str) -> None:
    kinds = {one.kind for one in read_entities(text, NOW, "en")}
    assert not kinds & {"date", "time", "datetime", "range", "duration", "recurrence", "money", "number", "email"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Mail mira@home.example now", [("email", "mira@home.example", "mira@home.example")]),
        ("see https://x.example/a?b=1.", [("url", "https://x.example/a?b=1", "https://x.example/a?b=1")]),
        ('write "see you at 8"', [("quoted", "see you at 8", '"see you at 8"')]),
        ("play Miles Davis", [("name", "Miles Davis", "Miles Davis")]),
        ("Mira's message", [("name", "Mira", "Mira's")]),
        ("cancel evt-3", [("identifier", "evt-3", "evt-3")]),
        ("cancel order #7", [("identifier", "7", "#7")]),
        ("Turn the lamp on", [("boolean", True, "on")]),
        ("lights off please", [("boolean", False, "off")]),
        ("Which lights are on?", [("boolean", True, "on")]),
        ("disable it", [("boolean", False, "disable")]),
        ("the book on it", []),
    ],
)
def test_addresses_quotes_names_and_states(text: str, found: list[Any]) -> None:
    assert read(text) == found


def test_a_choice_is_found_by_its_words_and_their_stems() -> None:
    text = "Pay by invoices"
    (found,) = match_choice(["card", "invoice"], text)
    assert (found.value, text[found.span.start : found.span.end]) == ("invoice", "invoices")
    assert match_choice(["in_progress", "progress"], "what is in progress")[0].value == "in_progress"
    assert match_choice(["card"], "a cardigan") == ()


SAID = st.sampled_from(
    ["at", "7", "19:30", "pm", "tomorrow", "Friday", "next", "every", "weekday", "in", "20", "minutes", "half", "past", "three",
     "from", "to", "5/6/2026", "March", "the", "5th", "€", "%", "Mira", '"', "on", "off", "#7", "a", "dozen", "99999999999"]
)  # fmt: skip


@given(
    st.text(max_size=80) | st.lists(SAID, max_size=10).map(" ".join), st.sampled_from(["en", "en-US", "de", "", "x-y"])
)
def test_every_entity_is_of_the_text(text: str, locale: str) -> None:
    for one in read_entities(text, datetime(2026, 3, 4, tzinfo=UTC), locale):
        assert 0 <= one.span.start < one.span.end <= len(text)
        assert one.value not in one.others
