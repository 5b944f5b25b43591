"""Lists of things as people write them: `spaghetti 500 g, 6 tomatoes, basil and two bottles of red wine`. English; pure."""

import re
from collections.abc import Iterator
from math import ceil
from typing import Any

from msgspec import Struct

from gateway.core.entity import Entity
from gateway.core.noun import named, singular, split
from gateway.core.numbers import read_numbers
from gateway.core.plan import Span

PORTIONS_MAX = 40
TEXT_CHARACTERS_MAX = 2_000
# So much of one unit is one of the other.
_ALIKE = {"kilogram": ("gram", 1_000), "litre": ("millilitre", 1_000)}
_APART = re.compile(r"\s*[,;\n•]\s*(?:and\s+)?|\s+and\s+")
_LITTLE = named(
    "a an the some of x bottle bottles bag bags pack packs packet packets piece pieces can cans tin tins box boxes jar jars"
)


class Portion(Struct, frozen=True):
    """One thing of a list and how much of it: a number of them, or an amount of a unit; neither where nothing is said. `span` is
    where it stands in the text that was read."""

    name: str
    span: Span
    count: int | None = None
    amount: float | None = None
    unit: str = ""


def read_portions(text: str, locale: str) -> tuple[Portion, ...]:
    """The things of a list, PORTIONS_MAX at most, within TEXT_CHARACTERS_MAX; what has no name is left out."""
    text = text[:TEXT_CHARACTERS_MAX].rstrip(" .!")
    return tuple(one for one in _portions(text, locale) if one.name)[:PORTIONS_MAX]


def packs_of(portion: Portion, pack: str, locale: str) -> int | None:
    """How many packs make a portion, rounded up; one where no amount is said. None where pack and portion cannot be compared: how
    many is to be asked."""
    sizes = [one for one in read_numbers(pack, locale) if one.kind in {"number", "quantity"}]
    size = sizes[0] if len(sizes) == 1 else None
    if portion.count is None and portion.amount is None:
        return 1
    if portion.count is not None:
        # `Two` of what comes ten in a box may be two boxes.
        return portion.count if not any(one.kind == "number" for one in sizes) else None
    if size is None or size.kind != "quantity":
        return None
    wanted, held = _in_small(portion.amount or 0, portion.unit), _in_small(float(size.value), size.unit)
    return ceil(wanted[0] / held[0]) if wanted[1] == held[1] and wanted[0] > 0 and held[0] > 0 else None


def labelled(thing: Any, label: str) -> str:
    """What stands in a thing under a label: in a field of that name, or behind `Label:` in one of its texts, to the end of the
    line. "" where there is none."""
    fields = thing if isinstance(thing, dict) else {}
    wanted = {label.lower(), singular(label.lower())}
    for name, value in fields.items():
        if {*split(str(name))[-1:]} & wanted or {singular(one) for one in split(str(name))[-1:]} & wanted:
            told = value if isinstance(value, str) else ", ".join(map(str, value)) if isinstance(value, list) else ""
            if told:
                return told
    behind = re.compile(
        rf"\b(?:{'|'.join(map(re.escape, sorted(wanted, key=len, reverse=True)))})\s*:\s*([^\n]+)", re.IGNORECASE
    )
    texts = (value for value in fields.values() if isinstance(value, str))
    return next((found[1] for text in texts if (found := behind.search(text))), "")


def _portions(text: str, locale: str) -> Iterator[Portion]:
    start = 0
    for mark in [*_APART.finditer(text), None]:
        end = mark.start() if mark is not None else len(text)
        yield _portion(text[start:end], start, locale)
        start = mark.end() if mark is not None else end


def _portion(piece: str, at: int, locale: str) -> Portion:
    told = [one for one in read_numbers(piece, locale) if one.kind in {"number", "quantity"}]
    much: Entity | None = told[0] if len(told) == 1 else None
    rest = piece if much is None else piece[: much.span.start] + " " + piece[much.span.end :]
    words = rest.split()
    while words and words[0].lower() in _LITTLE:
        words.pop(0)
    while words and words[-1].lower() in _LITTLE:
        words.pop()
    name = " ".join(words).strip(" .:()")
    span = Span(at, at + max(len(piece), 1))
    if much is None:
        return Portion(name, span)
    if much.kind == "quantity":
        return Portion(name, span, amount=float(much.value), unit=much.unit)
    is_whole = float(much.value).is_integer() and much.value > 0
    return Portion(name, span, count=int(much.value)) if is_whole else Portion(name, span, amount=float(much.value))


def _in_small(amount: float, unit: str) -> tuple[float, str]:
    small, factor = _ALIKE.get(unit, (unit, 1))
    return amount * factor, small
