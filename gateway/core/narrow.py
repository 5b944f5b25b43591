"""Which of some things are left of those that a command names, by what limits it (`core.limits`): the ones that are on, all but
one. A word that no thing could be told by is handed back: then nobody knows which are meant. Pure; English."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from gateway.core.english import COPULAS, NEGATIONS, Word
from gateway.core.entities import stem
from gateway.core.limits import Limits, Zone, words_within
from gateway.core.match import Thing, is_same, match_things, stems_in
from gateway.core.noun import named, singular, split
from gateway.core.numbers import SPELLED
from gateway.core.plan import Span
from gateway.core.pointer import tokens
from gateway.core.wanted import STATEFUL

_GRAMMAR = COPULAS | NEGATIONS | named(
    "that which who that's which's that're the a an my our your his her their i we you they it there one ones of in at with"
    " from for and now still currently left already yet be been being turned switched set marked put except excluding apart"
    " aside other than save but not leave keep spare skip alone untouched , . ! please"
)  # fmt: skip
_BEHIND_A_STATE = named("in at and or , . ! ; of when right now already please")
_SWITCHES = {"on": True, "off": False}


class Narrowed(Struct, frozen=True):
    """The things that are left, or the words by which none could be told."""

    things: tuple[Thing, ...] = ()
    unknown: tuple[str, ...] = ()


def narrow(
    text: str, limits: Limits, things: Sequence[Thing], chosen: Sequence[Thing], plain: frozenset[str]
) -> Narrowed:
    """Those of the `chosen` that the limits leave, of all `things`. `plain` are stems that any of them may be called by."""
    left = tuple(chosen)
    for zone in limits.where:
        fitting = _fitting(text, zone, things, plain)
        if fitting.unknown:
            return fitting
        left = tuple(one for one in left if (one in fitting.things) is not zone.negated)
    for span in limits.but:
        apart = _named(text, span, things, plain)
        if apart.unknown:
            return apart
        left = tuple(one for one in left if one not in apart.things)
    return Narrowed(left)


def _fitting(text: str, zone: Zone, things: Sequence[Thing], plain: frozenset[str]) -> Narrowed:
    """The things of which all of the clause is so."""
    tests: list[list[bool | None]] = []
    for word in _telling(words_within(text, zone.span)):
        told = [says(one, word, things) for one in things]
        if any(one is not None for one in told):
            tests.append(told)
        elif stem(word) not in plain:
            return Narrowed(unknown=(word,))
    if not tests:
        return Narrowed(unknown=(text[zone.span.start : zone.span.end],))
    return Narrowed(tuple(one for at, one in enumerate(things) if all(told[at] for told in tests)))


def _named(text: str, span: Span, things: Sequence[Thing], plain: frozenset[str]) -> Narrowed:
    """The things that are named there, each side of an `and` for itself."""
    found: list[Thing] = []
    for part in _parts(words_within(text, span)):
        words = {stem(word): word for word in _telling(part)}
        match = match_things(things, frozenset(words), plain)
        is_count = bool(words) and all(re.fullmatch(rf"\d+|{SPELLED}", word) for word in words.values())
        if is_count or match.unknown or not match.by or not match.things:
            told = tuple(words[one] for one in sorted(match.unknown)) or (text[span.start : span.end],)
            return Narrowed(unknown=told)
        found += match.things
    return Narrowed(tuple(found)) if found else Narrowed(unknown=(text[span.start : span.end],))


def _parts(words: Sequence[Word]) -> Iterator[Sequence[Word]]:
    start = 0
    for at, one in enumerate(words):
        if one.text in {"and", ",", "or", "nor"}:
            if any(True for _ in _telling(words[start:at])):
                yield words[start:at]
            start = at + 1
    yield words[start:]


def _telling(words: Sequence[Word]) -> Iterator[str]:
    """The words that say how a thing is, or what it is called."""
    for at, one in enumerate(words):
        following = words[at + 1].text if at + 1 < len(words) else "."
        word = one.text.removesuffix("'s")
        is_place = word in _SWITCHES and following not in _BEHIND_A_STATE
        if (
            not is_place
            and word not in _GRAMMAR
            and not word.endswith("n't")
            and any(letter.isalnum() for letter in word)
        ):
            yield word


def words_of_limits(text: str, limits: Limits) -> dict[str, str]:
    """The words by which the clauses say how the things are, by their stems."""
    told = (word for zone in limits.where for word in _telling(words_within(text, zone.span)))
    return {stem(word): word for word in told}


def capture(
    things: Sequence[Thing],
    chosen: Sequence[Thing],
    said: Mapping[str, str],
    plain: frozenset[str],
    more: Mapping[Any, frozenset[str]],
) -> tuple[str, Any] | None:
    """A field, by its pointer, and its value, that all the chosen have and none of the others, and that is just what was `said`
    (words by their stems): whatever else the chosen have in common is chance. `plain` are stems that any of them may be called by,
    `more` those of other things by their ids. None where there is none."""
    others = [one for one in things if one not in chosen]
    for place, value in chosen[0].values.items() if chosen else ():
        is_theirs = isinstance(value, str | bool | int) and all(is_same(one.values.get(place), value) for one in chosen)
        is_apart = is_theirs and not any(is_same(one.values.get(place), value) for one in others)
        if is_apart and any(_is_just(told, frozenset(said), plain) for told in _told_by(place, value, said, more)):
            return place, value
    return None


def _is_just(told: frozenset[str], said: frozenset[str], plain: frozenset[str]) -> bool:
    return bool(told & said) and told <= said | plain and said - plain <= told


def _told_by(
    place: str, value: Any, said: Mapping[str, str], more: Mapping[Any, frozenset[str]]
) -> Iterator[frozenset[str]]:
    """The stems by which a value is told: its own, those of what it names by its id, and the words that ask whether it is so."""
    yield frozenset(each for each, word in said.items() if field_says(place, value, word) is not None)
    if not isinstance(value, bool):
        yield stems_in(place, value)
        yield more.get(value, frozenset())


def closest(things: Sequence[Thing], by: frozenset[str], told: Mapping[str, str]) -> tuple[Thing, ...]:
    """Those in which the words themselves stand, where there are any: books are no booking, for all that they share a stem."""
    words = {one: {told[one], singular(told[one])} for one in by if one in told}
    fitting = tuple(one for one in things if all(_has(one, stem_of, each) for stem_of, each in words.items()))
    return fitting or tuple(things)


def _has(thing: Thing, stem_of: str, words: Collection[str]) -> bool:
    own = {
        word
        for value in thing.values.values()
        if isinstance(value, str)
        for word in re.findall(r"[^\W_]+", value.lower())
    }
    is_there = any(word in words or singular(word) in words for word in own)
    # What it has by the name of another thing stands in none of its values.
    return is_there or not any(stem(word) == stem_of for word in own)


def says(thing: Thing, word: str, things: Sequence[Thing]) -> bool | None:
    """Whether a thing is what a word says; None where no field of such things tells."""
    told = [found for place, value in thing.values.items() if (found := field_says(place, value, word)) is not None]
    if told:
        return any(told)
    if word in _SWITCHES:
        return None
    return stem(word) in thing.stems if any(stem(word) in one.stems for one in things) else None


def field_says(place: str, value: Any, word: str) -> bool | None:
    """What a field that is true or false, or that may be `off`, says of a word."""
    words = set(split(tokens(place)[-1]))
    if word in _SWITCHES and isinstance(value, str) and value.lower() == word:
        return True
    if not isinstance(value, bool):
        return None
    if word in _SWITCHES:
        return value is _SWITCHES[word] if words & STATEFUL else None
    if word in words:
        return value
    return not value if f"un{word}" in words or word.removeprefix("un") in words or _is_off(word, words) else None


def _is_off(word: str, words: set[str]) -> bool:
    return word.startswith("dis") and f"en{word.removeprefix('dis')}" in words
