"""Schemas of many tools over shared definitions: each definition is kept once for its connector, and a tool's schema is
put together from its root and what that reaches when somebody asks for it, within a bound. Converts nothing."""

import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Raw, Struct

from gateway.core.fold import SHRINKS, Shrink, mentioned
from gateway.core.pointer import tokens

# What a check may compile, what describe_tool shows at once, and what the root alone may take.
SCHEMA_BYTES_MAX = 256 << 10
SHOWN_BYTES_MAX = 32 << 10
ROOT_BYTES_MAX = 32 << 10

Direction = Literal["input", "output"]
# How a place in a tool's schemas begins.
PLACES: Mapping[Direction, str] = {"input": "#", "output": "output#"}

_MENTION = re.compile(rb'"\$ref":"#/\$defs/([a-zA-Z0-9_.-]+)"')
_ONLY_MENTION = re.compile(rb'\{"\$ref":"#/\$defs/([a-zA-Z0-9_.-]+)"\}')
_DEFINITION = "#/$defs/"


class Definition(Struct, frozen=True, gc=False):
    """One schema that others refer to by name: itself, what stands for it where it does not fit, and whom it names."""

    encoded: Raw
    stub: Raw
    references: tuple[str, ...] = ()

    def stub_bytes(self, name: str) -> int:
        """What the stub takes among `$defs`."""
        return len(bytes(self.stub)) + len(name) + 4


Shelf: TypeAlias = Mapping[str, Definition]
Lookup: TypeAlias = Callable[[str], Definition]


class Shelves:
    """The definitions of one connector, as requests see them and as responses do. Frozen by use."""

    __slots__ = ("input", "output")

    def __init__(self, given: Shelf, answered: Shelf) -> None:
        self.input = MappingProxyType(dict(given))
        self.output = MappingProxyType(dict(answered))


NO_SHELVES = Shelves({}, {})


def bundle(root: Raw, shelf: Shelf, bytes_max: int) -> Raw:
    """The schema with the definitions that it reaches, nearest first, in at most `bytes_max` bytes, or in as many as its
    root and stubs take. What does not fit is a stub: any value of its type is taken."""
    encoded = bytes(root)
    if (only := _ONLY_MENTION.fullmatch(encoded)) and (named := shelf.get(only[1].decode())) is not None:
        encoded = bytes(named.encoded) if bytes(named.encoded).startswith(b"{") else b"{}"
    names = {name for found in _MENTION.findall(encoded) if (name := found.decode()) in shelf}
    return with_definitions(encoded, gather(names, shelf.__getitem__, bytes_max - len(encoded)))


def gather(names: Iterable[str], look_up: Lookup, bytes_left: int) -> dict[str, Raw]:
    """The definitions that these names reach, level by level; those that do not fit are stubs. Room for the stubs of all
    that is mentioned is set aside first, so that no reference is ever left dangling."""
    level = sorted(names)
    bytes_left -= sum(look_up(name).stub_bytes(name) for name in level) + len('"$defs":{},')
    told: dict[str, Raw] = {}
    seen = set(level)
    while level:
        following: list[str] = []
        for name in level:
            known = look_up(name)
            new = [one for one in known.references if one not in seen]
            grown = len(bytes(known.encoded)) - len(bytes(known.stub))
            grown += sum(look_up(one).stub_bytes(one) for one in new)
            fits = grown <= bytes_left
            told[name] = known.encoded if fits else known.stub
            if fits:
                bytes_left -= grown
                seen.update(new)
                following += new
        level = sorted(following)
    return told


def with_definitions(encoded: bytes, definitions: Mapping[str, Raw]) -> Raw:
    """An encoded object schema with these `$defs`."""
    if not definitions:
        return Raw(encoded)
    members = b",".join(b'"%s":%s' % (name.encode(), bytes(one)) for name, one in definitions.items())
    return Raw(encoded[:-1] + (b"," if len(encoded) > 2 else b"") + b'"$defs":{' + members + b"}}")


def fit_root(
    schema: Any, place: str, look_up: Lookup, bytes_max: int, shrinks: tuple[Shrink, ...] = SHRINKS
) -> tuple[bytes, frozenset[str]] | None:
    """An object schema encoded so that it and the stubs of all that it names fit, with those names: whole, or with parts
    folded as little as will do; None where not even the names of its properties fit. `place` is where it stands."""
    for shrink in shrinks:
        smaller = shrink(schema, place)
        encoded = msgspec.json.encode(smaller)
        if len(encoded) > bytes_max:
            continue
        names = frozenset(mentioned(smaller))
        stubs = sum(look_up(name).stub_bytes(name) for name in names) + 20
        if len(encoded) + stubs <= bytes_max:
            return encoded, names
    return None


def open_at(root: Raw, shelf: Shelf, place: str, bytes_max: int) -> Raw | None:
    """The part of a schema at a place such as `#/properties/filter/items` or `output#/$defs/Filter`, through references,
    as a schema of its own within the bound; None where there is nothing."""
    node: Any = msgspec.json.decode(root)
    steps = tokens(place.partition("#")[2])
    if steps[:1] == ["$defs"]:
        node, steps = {"$ref": _DEFINITION + (steps[1] if len(steps) > 1 else "")}, steps[2:]
    for step in steps:
        node = _step(_followed(node, shelf), step)
    node = _followed(node, shelf)
    if not isinstance(node, dict):
        return Raw(b"true") if node is True else None
    fitted = fit_root(node, place, shelf.__getitem__, bytes_max)
    if fitted is None:
        return None
    encoded, names = fitted
    return with_definitions(encoded, gather(names, shelf.__getitem__, bytes_max - len(encoded)))


def _followed(node: Any, shelf: Shelf) -> Any:
    """What a reference names; one definition may be no more than another's name."""
    for _ in range(len(shelf) + 1):
        name = node.get("$ref", "").removeprefix(_DEFINITION) if isinstance(node, dict) else ""
        if not name:
            return node
        node = msgspec.json.decode(shelf[name].encoded) if name in shelf else None
    return None


def _step(node: Any, step: str) -> Any:
    if isinstance(node, dict):
        return node.get(step)
    return node[int(step)] if isinstance(node, list) and step.isdigit() and int(step) < len(node) else None
