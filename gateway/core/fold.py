"""Converted schemas made smaller, without ever turning down what the whole schema would take."""

from collections.abc import Callable
from typing import Any

import msgspec

from gateway.core.prose import cut

Json = dict[str, Any]

SHORT_HINT_CHARACTERS = 80
SHORTENED = "Shortened here; any such value is taken."

MAPS = ("properties", "patternProperties", "dependentSchemas")
LISTS = ("allOf", "anyOf", "prefixItems")
# `not` is apart: an opened schema in it would turn down more.
ONE = ("items", "contains", "propertyNames", "additionalProperties")
NESTING = frozenset({"$ref", "oneOf", "not", *MAPS, *LISTS, *ONE})
_LOST = NESTING | {"enum", "const"}


def rebuild(schema: Any, visit: Callable[[Any], Any]) -> Any:
    """A converted schema with each of its direct subschemas as `visit` gives it."""
    if not isinstance(schema, dict):
        return schema
    told: Json = {}
    for key, value in schema.items():
        if key in MAPS:
            told[key] = {name: visit(member) for name, member in value.items()}
        elif key in LISTS:
            told[key] = [visit(member) for member in value]
        else:
            told[key] = visit(value) if key in ONE else value
    return told


def mentioned(schema: Any) -> set[str]:
    """The names of the definitions that a converted schema refers to."""
    found: set[str] = set()

    def visit(node: Any) -> Any:
        if isinstance(node, dict):
            if "$ref" in node:
                found.add(node["$ref"].removeprefix("#/$defs/"))
            for key, value in node.items():
                if key in MAPS:
                    for member in value.values():
                        visit(member)
                elif key in LISTS:
                    for member in value:
                        visit(member)
                elif key in ONE:
                    visit(value)

    visit(schema)
    return found


def opened(schema: Any) -> Any:
    """What stands for a schema that is left out: any value of its type, with a hint that says so."""
    if not isinstance(schema, dict):
        return schema
    told: Json = {"type": schema["type"]} if "type" in schema else {}
    return {**told, "description": SHORTENED} if schema.keys() & _LOST else told


def size(value: Any) -> int:
    """Encoded bytes; of what cannot be encoded, more than any limit."""
    try:
        return len(msgspec.json.encode(value))
    except (RecursionError, UnicodeEncodeError):
        return 1 << 40


def _as_it_is(schema: Json) -> Json:
    return schema


def _with_short_hints(schema: Any) -> Any:
    if not isinstance(schema, dict):
        return schema
    told = rebuild(schema, _with_short_hints)
    if "description" in told:
        told["description"] = cut(told["description"], SHORT_HINT_CHARACTERS)
    return told


def _folded(levels: int) -> Callable[[Json], Json]:
    """Whatever is deeper than so many levels is opened."""

    def fold(node: Any, left: int) -> Any:
        return rebuild(node, lambda member: fold(member, left - 1)) if left > 0 else opened(node)

    return lambda schema: fold(_with_short_hints(schema), levels)


def _names_only(schema: Json) -> Json:
    return rebuild(schema, lambda member: True)  # type: ignore[no-any-return]


# From the whole schema to as little as keeps the names at its root.
SHRINKS: tuple[Callable[[Json], Json], ...] = (
    _as_it_is,
    _with_short_hints,
    _folded(6),
    _folded(4),
    _folded(3),
    _folded(2),
    _folded(1),
    _names_only,
)
