"""Shapes as OpenAI's strict function calling demands them (structured outputs, "Supported schemas").

The root is an object and no choice; every object has `additionalProperties: false` and names all its properties as
required; `$ref` into `$defs`, recursion, `anyOf` and `enum` are known; nothing stands beside a `$ref`.
"""

from collections.abc import Mapping
from typing import Any

from gateway.core.shape import ENUM_VALUES_MAX, Link, Map, Plan, Record, Rules, Scalar, Sequence, Shape, Text, Union

Json = dict[str, Any]

# The platform has said 5 earlier. A level is an object or a list; what a definition holds is counted from there.
LEVELS_MAX = 10
PROPERTIES_MAX = 5_000
# Names of properties and definitions, and values of enums, all together.
NAMED_CHARACTERS_MAX = 120_000
SCHEMA_BYTES_MAX = 128 << 10
# What a model sends for an optional property that takes null itself, to leave it out.
LEFT_OUT = "(leave out)"

_FORMATS = frozenset({"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"})
_BOUNDS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"})
RULES = Rules(
    links=True,
    keywords={
        "string": frozenset({"pattern"}),
        "number": _BOUNDS,
        "integer": _BOUNDS,
        "array": frozenset({"minItems", "maxItems"}),
    },
    formats={"string": _FORMATS},
    listed=frozenset({"string", "number", "integer", "boolean"}),
    empty_text=True,
    empty_records=True,
    shapes_max=5_000,
)

_NULL: Json = {"type": "null"}


def write(plan: Plan) -> Json:
    told = _value(plan.root, plan.definitions)
    if plan.definitions:
        told["$defs"] = {name: _value(shape, plan.definitions) for name, shape in plan.definitions.items()}
    return told


def fits(schema: Json, encoded_bytes: int) -> bool:
    """Whether a written schema is within what the platform takes as a whole."""
    names, values = _counted(schema)
    characters = sum(map(len, names)) + sum(len(str(value)) for value in values)
    own = len(names) - len(schema.get("$defs", ()))
    return (
        encoded_bytes <= SCHEMA_BYTES_MAX
        and own <= PROPERTIES_MAX
        and len(values) <= ENUM_VALUES_MAX
        and characters <= NAMED_CHARACTERS_MAX
    )


def takes_null(shape: Shape, definitions: Mapping[str, Shape]) -> bool:
    """Whether null is a value of the shape, for its own sake."""
    seen: set[str] = set()
    while isinstance(shape, Link) and not shape.nullable and shape.name not in seen:
        seen.add(shape.name)
        shape = definitions[shape.name]
    return shape.nullable


def _counted(schema: Json) -> tuple[list[str], list[Any]]:
    """All names of properties and definitions, and all values of enums."""
    names: list[str] = []
    values: list[Any] = []
    waiting: list[Json] = [schema]
    while waiting:
        one = waiting.pop()
        values += one.get("enum", ())
        for keyword in ("properties", "$defs"):
            names += one.get(keyword, ())
            waiting += one.get(keyword, {}).values()
        waiting += one.get("anyOf", ())
        waiting += [one["items"]] if "items" in one else []
    return names, values


def _member(shape: Shape, definitions: Mapping[str, Shape], *, required: bool) -> Json:
    """A property. An optional one is null where it is left out; one that takes null itself is then LEFT_OUT."""
    if required:
        return _value(shape, definitions)
    if takes_null(shape, definitions):
        return _with(shape, [_NULL] if shape.nullable else [], {"type": "string", "enum": [LEFT_OUT]}, definitions)
    return _with(shape, [_NULL], None, definitions)


def _value(shape: Shape, definitions: Mapping[str, Shape]) -> Json:
    return _with(shape, [_NULL] if shape.nullable else [], None, definitions)


def _with(shape: Shape, nulls: list[Json], marker: Json | None, definitions: Mapping[str, Shape]) -> Json:
    """A shape, or null, or the marker. A scalar takes null as one of its types."""
    told = _bare(shape, definitions)
    if told.get("type") == "null":
        nulls = []
    elif nulls and isinstance(shape, Scalar | Text):
        told = {**told, "type": [told["type"], "null"]}
        if "enum" in told:
            told["enum"] = [*told["enum"], None]
        nulls = []
    others = [*nulls, *([marker] if marker else [])]
    if others or (isinstance(shape, Link) and shape.description):
        branches = told["anyOf"] if isinstance(shape, Union) else [told]
        told = {"anyOf": [*branches, *others]}
    return {**told, "description": shape.description} if shape.description else told


def _bare(shape: Shape, definitions: Mapping[str, Shape]) -> Json:
    """Without description and null."""
    match shape:
        case Text():
            return {"type": "string"}
        case Scalar():
            return {"type": shape.kind, **shape.rules}
        case Sequence():
            return {"type": "array", "items": _value(shape.items, definitions), **shape.rules}
        case Map():
            pair = Record({"key": Scalar("string"), "value": shape.value}, frozenset({"key", "value"}))
            return {"type": "array", "items": _record(pair, definitions), **shape.rules}
        case Record():
            return _record(shape, definitions)
        case Union():
            return {"anyOf": [_value(branch, definitions) for branch in shape.branches]}
        case Link():
            return {"$ref": f"#/$defs/{shape.name}"}


def _record(shape: Record, definitions: Mapping[str, Shape]) -> Json:
    members = {
        name: _member(member, definitions, required=name in shape.required) for name, member in shape.members.items()
    }
    return {"type": "object", "properties": members, "required": list(members), "additionalProperties": False}
