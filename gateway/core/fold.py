"""Converted schemas made smaller, without ever turning down what the whole schema would take."""

from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec

from gateway.core.pointer import escape
from gateway.core.prose import cut

Json = dict[str, Any]
# A schema and where it stands, to a smaller one.
Shrink: TypeAlias = Callable[[Any, str], Any]

SHORT_HINT_CHARACTERS = 160
SHORTEST_HINT_CHARACTERS = 80

MAPS = ("properties", "patternProperties", "dependentSchemas")
LISTS = ("allOf", "anyOf", "prefixItems")
# `not` is apart: an opened schema in it would turn down more.
ONE = ("items", "contains", "propertyNames", "additionalProperties")
NESTING = frozenset({"$ref", "$dynamicRef", "oneOf", "not", *MAPS, *LISTS, *ONE})
_LOST = NESTING | {"enum", "const"}


def rebuild(schema: Any, visit: Callable[[Any, str], Any]) -> Any:
    """A converted schema with each of its direct subschemas as `visit` gives it, which is told the step that leads to
    it (`/properties/name`)."""
    if not isinstance(schema, dict):
        return schema
    told: Json = {}
    for key, value in schema.items():
        if key in MAPS:
            told[key] = {name: visit(member, f"/{key}/{escape(name)}") for name, member in value.items()}
        elif key in LISTS:
            told[key] = [visit(member, f"/{key}/{index}") for index, member in enumerate(value)]
        else:
            told[key] = visit(value, f"/{key}") if key in ONE else value
    return told


def mentioned(schema: Any) -> set[str]:
    """The names of the definitions that a converted schema refers to."""
    found: set[str] = set()
    waiting = [schema]
    while waiting:
        node = waiting.pop()
        if not isinstance(node, dict):
            continue
        if "$ref" in node:
            found.add(node["$ref"].removeprefix("#/$defs/"))
        for key, value in node.items():
            if key in MAPS:
                waiting += value.values()
            elif key in LISTS:
                waiting += value
            elif key in ONE:
                waiting.append(value)
    return found


def opened(schema: Any, place: str) -> Any:
    """What stands for a schema that is left out: any value of its type, with a hint where to find the whole."""
    if not isinstance(schema, dict):
        return schema
    told: Json = {"type": schema["type"]} if "type" in schema else {}
    return {**told, "description": f"Folded; describe_tool opens {place}"} if schema.keys() & _LOST else told


def size(value: Any) -> int:
    """Encoded bytes; of what cannot be encoded, more than any limit."""
    try:
        return len(msgspec.json.encode(value))
    except (RecursionError, UnicodeEncodeError):
        return 1 << 40


def with_hints_of(characters_max: int) -> Shrink:
    """Every description cut to so many characters, and properties that are never sent left out."""

    def shorten(schema: Any, _: str = "") -> Any:
        told = rebuild(schema, shorten)
        if isinstance(told, dict) and False in told.get("properties", {}).values():
            told["properties"] = {name: one for name, one in told["properties"].items() if one is not False}
        if isinstance(told, dict) and len(told.get("description", "")) > characters_max:
            told["description"] = cut(told["description"], characters_max)
        if characters_max <= SHORTEST_HINT_CHARACTERS and isinstance(told, dict):
            # The shortest leave no room for examples.
            told.pop("examples", None)
        return told

    return shorten


def _as_it_is(schema: Any, _: str) -> Any:
    return schema


def _folded(levels: int) -> Shrink:
    """Whatever is deeper than so many levels is opened."""
    shorten = with_hints_of(SHORTEST_HINT_CHARACTERS)

    def fold(node: Any, place: str, left: int) -> Any:
        if left <= 0:
            return opened(node, place)
        return rebuild(node, lambda member, step: fold(member, place + step, left - 1))

    return lambda schema, place: fold(shorten(schema, place), place, levels)


def _names_only(schema: Any, _: str) -> Any:
    return rebuild(schema, lambda member, step: True)


def with_fewer_names(schema: Json, bytes_max: int) -> Json:
    """An object schema that names as many of its properties as fit, the required ones first, and takes others."""
    properties, required = schema["properties"], schema.get("required", [])
    ordered = [*required, *(name for name in properties if name not in required)]
    told: Json = {"type": "object", "properties": {}, "required": required}
    left = bytes_max - size(told) - SHORT_HINT_CHARACTERS
    for name in ordered:
        left -= size(name) + len(":true,")
        if left < 0:
            break
        told["properties"][name] = True
    told["description"] = f"{len(properties) - len(told['properties'])} more arguments: describe_tool shows them."
    return told


# From the whole schema to as little as keeps the names at its root.
SHRINKS: tuple[Shrink, ...] = (
    _as_it_is,
    with_hints_of(SHORTEST_HINT_CHARACTERS),
    *(_folded(levels) for levels in (6, 4, 3, 2, 1)),
    _names_only,
)
# The same for a list of tools, where every hint is short.
COMPACT_SHRINKS: tuple[Shrink, ...] = (with_hints_of(SHORT_HINT_CHARACTERS), *SHRINKS[1:])
