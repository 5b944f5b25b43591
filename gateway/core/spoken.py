"""How a value that a backend answered is said to a person: short, on one line, and texts in quotes, for they may say anything."""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from gateway.core.found import value_at
from gateway.core.match import NAMES, values_of
from gateway.core.noun import named, split
from gateway.core.pointer import tokens
from gateway.core.prose import plain

TEXT_CHARACTERS_MAX = 300
LABEL_CHARACTERS_MAX = 60
LISTED_MAX = 20
FIELDS_MAX = 8

# What the last word of a name says of the number that it names.
_UNITS = {
    "c": "°C", "celsius": "°C", "f": "°F", "percent": "%", "pct": "%", "kmh": "km/h", "mm": "mm", "km": "km", "kg": "kg",
    "minutes": "minutes", "minute": "minutes", "min": "minutes", "seconds": "seconds", "hours": "hours", "kelvin": "K", "k": "K",
}  # fmt: skip
_IDS = named("id ids uuid uid guid href url uri etag cursor")
# What says nothing behind the name of what it is in: `start/dateTime`.
_GENERAL = named("date time name value text display")
# What a thing is about, before all else that stands in it.
_FIRST = named("start starts begin from date due when condition state status total price amount temperature location")
_CENTS = named("cents minor pence")
# A text cannot end its own quotation, and go on as if it were the sentence.
_INNER_QUOTES = str.maketrans("“”„‟", '""""')
# A name that is no more than that: a sentence that stands where a name should is not said.
_LABEL = re.compile(rf"[\w$@./-]{{1,{LABEL_CHARACTERS_MAX}}}")


def say_value(value: Any, pointer: str, zone: str = "") -> str:
    """`pointer` is where it stands, for the last name there may tell a unit."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "yes" if value else "no"
        case int() | float():
            unit = _UNITS.get(_words(pointer)[-1], "") if _words(pointer) else ""
            return f"{msgspec.json.encode(value).decode()} {unit}".rstrip()
        case str():
            return say_time(value, zone) or f"“{plain(value, TEXT_CHARACTERS_MAX).translate(_INNER_QUOTES)}”"
        case list():
            told = [say_value(one, pointer, zone) for one in value[:LISTED_MAX]]
            return _listed(told, len(value), ", ") or "nothing"
        case _:
            return say_money(value) or say_thing(value, (), zone)


def say_thing(thing: Any, shows: Sequence[str] = (), zone: str = "") -> str:
    """What an object is called, and what else it `shows`: without any, its plain fields but for ids, FIELDS_MAX at most."""
    if not isinstance(thing, dict):
        return say_value(thing, "", zone)
    told = list(_shown(thing, shows) if shows else _plain_fields(thing))
    called = next((one for one in told if _is_name(one[0]) and isinstance(one[1], str)), None) or _identity(thing, told)
    rest = [_labelled(place, value, zone) for place, value in told if called is None or place != called[0]]
    if called is None:
        return ", ".join(rest) or "nothing"
    name = say_value(called[1], called[0])
    return f"{name} ({', '.join(rest)})" if rest else name


def say_things(things: Sequence[Any], shows: Sequence[str] = (), zone: str = "") -> str:
    """LISTED_MAX of them at most, and how many more there are."""
    return _listed([say_thing(one, shows, zone) for one in things[:LISTED_MAX]], len(things), "; ")


def say_money(value: Any) -> str:
    """An object of an amount and a currency; "" where it is none."""
    match value:
        case {"currency": str(currency), **rest} if len(rest) == 1 and len(currency) <= 8:
            ((name, amount),) = rest.items()
            if isinstance(amount, bool) or not isinstance(amount, int | float | str):
                return ""
            in_cents = not isinstance(amount, str) and bool(set(split(str(name))[-1:]) & _CENTS)
            told = f"{amount / 100:.2f}" if in_cents and not isinstance(amount, str) else str(amount)
            return f"{plain(told, 40)} {plain(currency, 8)}"
    return ""


def say_time(text: str, zone: str = "") -> str:
    """A day, or a day and a time, as people write it: in `zone` where the text says in which it is. "" where it is none."""
    if not text[:4].isdigit() or len(text) > 40:
        return ""
    try:
        if len(text) == len("2026-03-04"):
            return _day(date.fromisoformat(text))
        moment = datetime.fromisoformat(text)
    except ValueError:
        return ""
    moment = in_zone(moment, zone)
    return f"{_day(moment)}, {moment:%H:%M}"


def in_zone(moment: datetime, zone: str) -> datetime:
    """The moment as clocks of a zone show it; without one, or without an offset of its own, as it is."""
    if not zone or moment.tzinfo is None:
        return moment
    try:
        return moment.astimezone(ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError, OSError, OverflowError):
        return moment


def _day(one: date) -> str:
    return f"{one:%A}, {one.day} {one:%B %Y}"


def _shown(thing: dict[str, Any], shows: Iterable[str]) -> Iterator[tuple[str, Any]]:
    for place in shows:
        try:
            value = value_at(thing, place)
        except LookupError:
            continue
        if value is not None:
            yield place, value


def _plain_fields(thing: dict[str, Any]) -> list[tuple[str, Any]]:
    """The name first, then what a thing is about; money as one."""
    fields = [(f"/{name}", value) for name, value in thing.items() if say_money(value)]
    amounts = tuple(f"{place}/" for place, _ in fields)
    fields += [one for one in values_of(thing) if not one[0].startswith(amounts)] if amounts else [*values_of(thing)]
    kept = [one for one in fields if not set(_words(one[0])[-1:]) & _IDS and one[1] != "" and _LABEL.fullmatch(one[0])]
    return sorted(kept, key=lambda one: (not _is_name(one[0]), not set(_words(one[0])) & _FIRST))[:FIELDS_MAX]


def _identity(thing: dict[str, Any], told: Sequence[tuple[str, Any]]) -> tuple[str, Any] | None:
    """What a thing without a name goes by: its id, where that is no more than a word."""
    if not told:
        return None
    return next(
        ((f"/{name}", one) for name, one in thing.items() if split(name)[-1:] == ("id",) and str(one)[:1]), None
    )


def _labelled(place: str, value: Any, zone: str) -> str:
    """`starts Monday, ...`, `locked`, `not locked`."""
    label = label_of(place)
    if isinstance(value, bool):
        return label if value else f"not {label}"
    said = say_money(value) or say_value(value, place, zone)
    return f"{label} {said}".lstrip()


def label_of(place: str) -> str:
    """What a place is called: `/start/dateTime` is `start`, `/current_c` is `current`."""
    names = [split(one) for one in tokens(place) if not one.isdigit()]
    kept = [words for words in names if not set(words) <= _GENERAL] or names
    words = [word for one in kept for word in one]
    if len(words) > 1 and words[-1] in _UNITS:
        words = words[:-1]
    return " ".join(words)


def _is_name(place: str) -> bool:
    return len(tokens(place)) == 1 and bool(set(_words(place)[-1:]) & NAMES)


def _words(place: str) -> tuple[str, ...]:
    steps = tokens(place)
    return split(steps[-1]) if steps else ()


def _listed(told: list[str], count: int, mark: str) -> str:
    more = count - len(told)
    return mark.join(told) + (f"{mark}and {more} more" if more > 0 else "")
