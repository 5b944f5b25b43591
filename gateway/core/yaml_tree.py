"""YAML to plain values, one event at a time, with the scalars of YAML 1.2 (core schema). Knows no OpenAPI.

Events, because libyaml composes whole documents by recursion in C, which a few kilobytes of `[` bring down. Values are
built by an explicit stack here; depth, and size with every alias written out, are bounded while it grows.
"""

import re
from typing import Any

import yaml
from msgspec import Struct

from gateway.core.broken import DocumentBroken

DEPTH_MAX = 500
VALUES_MAX = 10_000_000
CHARACTERS_A_VALUE = 64
# Python writes no integer of more than 4,300 digits.
DIGITS_MAX = 4_000
BASED_DIGITS_MAX = 3_000

_Loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_STRING_TAG = "tag:yaml.org,2002:str"
_INTEGER = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, object] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip


def parse_yaml(text: str) -> object:
    """The one document in a YAML text: dicts with string keys (`200` is "200"), lists and scalars.

    Raises DocumentBroken.
    """
    builder = _Builder()
    try:
        for event in yaml.parse(text, Loader=_Loader):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        too_deep = "nesting depth" in (error.problem or "")  # libyaml has a bound of its own, and reads ahead
        detail = f"it is nested deeper than {DEPTH_MAX} levels." if too_deep else "it is not valid YAML."
        raise DocumentBroken(detail, place) from error
    except yaml.YAMLError as error:
        raise DocumentBroken("it is not valid YAML: it has a character that no YAML text may have.") from error
    return builder.root


class _Open(Struct):
    """A collection that has begun. `items` is a list, or the keys and values of a mapping in turn."""

    anchor: str | None
    is_mapping: bool
    values_before: int
    items: list[object]
    merges: list[dict[str, object]]


class _Builder:
    """Takes the events of one text. An alias shares the value of its anchor, and counts as if it were written out, so
    that an alias bomb is refused before anybody walks it."""

    def __init__(self) -> None:
        self.root: object = None
        self._documents = 0
        self._values = 0
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[object, int]] = {}

    def take(self, event: Any) -> None:
        match event:
            case yaml.ScalarEvent():
                weight = 1 + len(event.value) // CHARACTERS_A_VALUE
                self._count(weight, event)
                value = self._scalar(event)
                self._add(value, event)
                self._remember(event.anchor, event.value if value is _MERGE else value, weight)
            case yaml.AliasEvent():
                self._alias(event)
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                self._begin(event)
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                self._end(event)
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    raise DocumentBroken("it holds more than one YAML document.", _place(event))

    def _begin(self, event: Any) -> None:
        self._count(1, event)
        if len(self._open) >= DEPTH_MAX:
            raise DocumentBroken(f"it is nested deeper than {DEPTH_MAX} levels.", _place(event))
        self._refuse_as_key(event)
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        self._open.append(_Open(event.anchor, is_mapping, self._values - 1, [], []))
        # Until it has ended, an alias to it would hold itself; an older anchor of that name is gone.
        self._anchors.pop(event.anchor, None)

    def _end(self, event: Any) -> None:
        ended = self._open.pop()
        value: object = ended.items
        if ended.is_mapping:
            own: dict[str, object] = dict(zip(ended.items[::2], ended.items[1::2], strict=True))  # type: ignore[arg-type]
            value = {key: member for merged in reversed(ended.merges) for key, member in merged.items()} | own
        self._add(value, event)
        self._remember(ended.anchor, value, self._values - ended.values_before)

    def _alias(self, event: Any) -> None:
        if event.anchor not in self._anchors:
            raise DocumentBroken("an alias names nothing, or holds itself.", _place(event))
        value, values = self._anchors[event.anchor]
        self._count(values, event)
        if not isinstance(value, str):
            self._refuse_as_key(event)
        self._add(value, event)

    def _add(self, value: object, event: Any) -> None:
        """Put a value where it belongs: in the open list, as the next key or value of the open mapping, at the root."""
        if not self._open:
            self.root = value
            return
        into = self._open[-1]
        if into.is_mapping and len(into.items) % 2 and into.items[-1] is _MERGE:
            into.items.pop()
            for one in value if isinstance(value, list) else [value]:
                if not isinstance(one, dict):
                    raise DocumentBroken("`<<` takes a mapping or a list of mappings.", _place(event))
                into.merges.append(one)
        else:
            into.items.append(value)

    def _scalar(self, event: Any) -> object:
        if not self._expects_key():
            return _value(event)
        return _MERGE if event.value == "<<" and event.implicit[0] else event.value

    def _expects_key(self) -> bool:
        return bool(self._open) and self._open[-1].is_mapping and len(self._open[-1].items) % 2 == 0

    def _refuse_as_key(self, event: Any) -> None:
        if self._expects_key():
            raise DocumentBroken("a key is no plain text.", _place(event))

    def _remember(self, anchor: str | None, value: object, values: int) -> None:
        if anchor is not None:
            self._anchors[anchor] = (value, values)

    def _count(self, values: int, event: Any) -> None:
        self._values += values
        if self._values > VALUES_MAX:
            raise DocumentBroken(f"with its aliases written out it has more than {VALUES_MAX} values.", _place(event))


_MERGE = object()


def _value(event: Any) -> object:
    """A scalar by its text and style: what is quoted or tagged as a string is text."""
    text: str = event.value
    if not event.implicit[0] and (event.tag in (None, _STRING_TAG)):
        return text
    if text in _WORDS:
        return _WORDS[text]
    if len(text) > DIGITS_MAX:
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    if _BASED.fullmatch(text):
        return int(text, 0) if len(text) <= BASED_DIGITS_MAX else text
    number = float(text) if _FLOAT.fullmatch(text) else None
    return text if number is None or abs(number) == float("inf") else number


def _place(event: Any) -> str:
    return f"line {event.start_mark.line + 1}, column {event.start_mark.column + 1}"
