"""Which of the things that a tool listed a person means: their words against what stands in each thing. Guesses nothing: things
are told apart by words that are in one and not in another, and a word that is in none is told."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from gateway.core.entities import stem, stems_of
from gateway.core.noun import named, singular, split
from gateway.core.pointer import escape, tokens

THINGS_MAX = 500
FIELD_CHARACTERS_MAX = 200
FIELDS_MAX = 60
LEVELS_MAX = 3
# What a thing is called, by the last word of the field.
NAMES = named("name title label summary subject display caption headline")
MORE, TOTALS = named("more next"), named("total totals")
ALL = named("all every each both everything")


class Thing(Struct, frozen=True):
    """One thing: its id, what it is called, the stems of its name and of all that stands in it, and the plain values in it by
    pointer."""

    id: Any
    label: str
    name: frozenset[str]
    stems: frozenset[str]
    values: Mapping[str, Any]


class Match(Struct, frozen=True):
    """The things that fit, the stems by which they were told, and those that are in no thing."""

    things: tuple[Thing, ...]
    by: frozenset[str]
    unknown: frozenset[str]


def list_at(answer: Any, pointer: str) -> list[Any]:
    """The list that stands there; [] where there is none."""
    for step in tokens(pointer):
        answer = answer.get(step) if isinstance(answer, dict) else None
    return answer[:THINGS_MAX] if isinstance(answer, list) else []


def is_partial(answer: Any, listed: int) -> bool:
    """Whether an answer says that there is more than its list has: a further page, or a greater total."""
    told = dict(answer) if isinstance(answer, dict) else {}
    inner = [value for value in told.values() if isinstance(value, dict)]
    fields = [pair for one in (told, *inner) for pair in one.items()]
    has_next = any(value and set(split(name)) & MORE for name, value in fields if isinstance(value, bool | str))
    return has_next or any(
        type(value) is int and value > listed and set(split(name)) & TOTALS for name, value in fields
    )


def read_things(listed: Iterable[Any], key: str, more: Mapping[Any, frozenset[str]] | None = None) -> tuple[Thing, ...]:
    """The things of a list whose id stands at the pointer `key`. `more` are stems of other things by their ids: what names one of
    these has its words too."""
    found = []
    for one in listed:
        values = dict(values_of(one))
        identity = values.get(key)
        if identity is None:
            continue
        names = [str(value) for place, value in values.items() if _is_name(place) and value]
        label = names[0] if names else str(identity)
        beside = [
            stems for value in values.values() if isinstance(value, str) for stems in [(more or {}).get(value)] if stems
        ]
        own = frozenset(stem_of for place, value in values.items() for stem_of in stems_in(place, value))
        found.append(Thing(identity, label, stems_of(label), own.union(*beside), values))
    return tuple(found)


def match_things(things: Sequence[Thing], said: frozenset[str], plain: frozenset[str]) -> Match:
    """Those that the words say. `plain` are stems that any of them may be called by: alone they tell none apart."""
    exact = [one for one in things if one.name and one.name <= said and one.name - plain]
    if exact:
        longest = max(len(one.name) for one in exact)
        told = tuple(one for one in exact if len(one.name) == longest)
        by = frozenset().union(*(one.name for one in told))
        rest = said - plain - by
        narrowed = tuple(one for one in told if rest & one.stems == rest & frozenset().union(*(x.stems for x in told)))
        kept = narrowed or told
        return Match(kept, by | (rest & kept[0].stems), rest - frozenset().union(*(one.stems for one in kept)))
    everything = frozenset().union(*(one.stems for one in things)) if things else frozenset()
    telling = (said - plain) & everything
    fitting = tuple(one for one in things if telling <= one.stems)
    return Match(fitting, telling, said - plain - everything)


def labels_of(things: Sequence[Thing]) -> list[str]:
    """What each is called; of several with one name, or with none but its id, with the first value that tells them apart."""
    told = []
    for one in things:
        same = [
            other for other in things if other is not one and (other.label == one.label or one.label == str(one.id))
        ]
        values = ((place, value) for place, value in one.values.items() if isinstance(value, str) and value != one.id)
        apart = next((value for place, value in values if same and all(x.values.get(place) != value for x in same)), "")
        told.append(f"{one.label} ({str(apart)[:40]})" if apart else one.label)
    return told


def on_day(things: Sequence[Thing], day: str) -> tuple[Thing, ...]:
    """Those in which something is on a day, `2026-03-04`."""
    return tuple(one for one in things if any(str(value).startswith(day) for value in one.values.values()))


def fields_told(things: Sequence[Thing], by: frozenset[str]) -> frozenset[str]:
    """The stems of what the fields are called in which one of these words stands: `high` is of the `priority`."""
    fields = (place for one in things for place, value in one.values.items() if stems_in(place, value) & by)
    return frozenset(stem(word) for place in fields for word in split(tokens(place)[-1]))


def values_in(things: Sequence[Thing]) -> frozenset[str]:
    """The stems of the single words that stand in fields which are no names, and of what is true or false."""
    fields = [(place, value) for one in things for place, value in one.values.items() if not _is_name(place)]
    words = frozenset(value for _, value in fields if isinstance(value, str) and value.isalpha())
    states = frozenset(word for place, value in fields if isinstance(value, bool) for word in split(tokens(place)[-1]))
    return frozenset(stem(word) for word in words | states)


def is_plural(word: str) -> bool:
    return singular(word) != word


def is_same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)


def values_of(one: Any) -> Iterator[tuple[str, Any]]:
    """The plain values in it by pointer, within bounds; none within lists but texts."""
    waiting: list[tuple[str, Any, int]] = [("", one, 0)]
    count = 0
    while waiting and count < FIELDS_MAX:
        place, value, level = waiting.pop(0)
        if isinstance(value, dict) and level < LEVELS_MAX:
            waiting += [(f"{place}/{escape(str(name))}", inner, level + 1) for name, inner in value.items()]
        elif isinstance(value, str | bool | int | float) and place:
            count += 1
            yield place, value


def _is_name(place: str) -> bool:
    words = split(tokens(place)[-1])
    return bool(words) and words[-1] in NAMES


def stems_in(place: str, value: Any) -> frozenset[str]:
    """Of a text its own; of what is true the name of the field."""
    if isinstance(value, bool):
        return stems_of(tokens(place)[-1]) if value else frozenset()
    if isinstance(value, str):
        return stems_of(value[:FIELD_CHARACTERS_MAX])
    return frozenset([stem(str(value))])
