"""Values that stand in one row with a value of a wish: `the weather in Berlin, Paris and Rome`, `the factorial of 5, 10 and 15`.
Pure; English."""

import re
from collections.abc import Iterator
from typing import Any

from gateway.core.plan import Literal, Span
from gateway.core.propose import STOPS, Ground, Heard

ROW_MAX = 10

_JOINT = r"(?:\s*,\s*(?:and\s+|or\s+)?|\s+(?:and|or|&)\s+)(?:the\s+)?"
_BEHIND = re.compile(_JOINT, re.IGNORECASE)
_BEFORE = re.compile(rf"{_JOINT}$", re.IGNORECASE)
Row = tuple[tuple[Any, Span], ...]


def row_of(ground: Ground, one: Literal) -> Row:
    """The values of the row that a value stands in, in order, with where each stands; none where it stands alone."""
    if one.span is None or isinstance(one.value, bool) or not isinstance(one.value, str | int | float):
        return ()
    heard = ground.texts if isinstance(one.value, str) else ground.numbers
    own = next((each for each in heard if each.span == one.span and each.value == one.value), None)
    if own is None:
        return ()
    behind, before = [*_onward(ground, own, heard)], [*_backward(ground, own, heard)]
    row = [*reversed(before), own, *behind]
    return tuple((each.value, each.span) for each in row) if 1 < len(row) <= ROW_MAX else ()


def _onward(ground: Ground, one: Heard, heard: tuple[Heard, ...]) -> Iterator[Heard]:
    while joint := _BEHIND.match(ground.text, one.span.end, ground.within.end):
        like = [each for each in heard if each.span.start == joint.end() and _is_like(ground, one, each)]
        if not like:
            return
        one = max(like, key=lambda each: each.span.end)
        yield one


def _backward(ground: Ground, one: Heard, heard: tuple[Heard, ...]) -> Iterator[Heard]:
    while joint := _BEFORE.search(ground.text, ground.within.start, one.span.start):
        like = [each for each in heard if each.span.end == joint.start() and _is_like(ground, one, each)]
        if not like:
            return
        one = min(like, key=lambda each: each.span.start)
        yield one


def _is_like(ground: Ground, one: Heard, other: Heard) -> bool:
    """Whether both are told alike: names beside names, quotes beside quotes, numbers of one unit; phrases as far as they go."""
    if one.kind != other.kind or one.unit != other.unit:
        return False
    if one.kind != "phrase":
        return True
    first, last = ground.place(other.span)
    around = [ground.words[at].text for at in (first - 1, last) if 0 <= at < len(ground.words)]
    is_whole = all(word in STOPS or not word[0].isalnum() for word in around)
    return is_whole and not any(ground.words[at].text in STOPS for at in range(first, last))
