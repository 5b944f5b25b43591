"""Shapes as Gemini's function declarations demand them: a subset of the Schema Object of OpenAPI 3.0.

One type a schema, `nullable` beside it; no references; `enum` for strings alone and without ""; an object has
properties; where there is `anyOf`, nothing stands beside it.
"""

from typing import Any

from msgspec.structs import replace

from gateway.core.shape import Map, Plan, Record, Rules, Scalar, Sequence, Shape, Union

Json = dict[str, Any]

LEVELS_MAX = 10
SCHEMA_BYTES_MAX = 32 << 10

RULES = Rules(
    links=False,
    keywords={
        "string": frozenset({"minLength", "maxLength", "pattern"}),
        "number": frozenset({"minimum", "maximum"}),
        "integer": frozenset({"minimum", "maximum"}),
        "array": frozenset({"minItems", "maxItems"}),
    },
    # Others are refused by some models; they are told in words.
    formats={
        "string": frozenset({"date-time"}),
        "number": frozenset({"float", "double"}),
        "integer": frozenset({"int32", "int64"}),
    },
    listed=frozenset({"string"}),
    empty_text=False,
    empty_records=False,
    shapes_max=2_000,
)


def write(plan: Plan) -> Json:
    return _value(plan.root)


def fits(schema: Json, encoded_bytes: int) -> bool:
    return encoded_bytes <= SCHEMA_BYTES_MAX


def _value(shape: Shape) -> Json:
    told = _bare(shape)
    if isinstance(shape, Union):
        return told
    if shape.description:
        told["description"] = shape.description
    return {**told, "nullable": True} if shape.nullable else told


def _bare(shape: Shape) -> Json:
    """Without description and `nullable`."""
    match shape:
        case Scalar(kind="null"):
            return {"type": "STRING", "enum": ["null"]}
        case Scalar():
            return {"type": shape.kind.upper(), **shape.rules}
        case Sequence():
            return {"type": "ARRAY", "items": _value(shape.items), **shape.rules}
        case Map():
            pair = Record({"key": Scalar("string"), "value": shape.value}, frozenset({"key", "value"}))
            return {"type": "ARRAY", "items": _value(pair), **shape.rules}
        case Record():
            members = {name: _value(member) for name, member in shape.members.items()}
            required = [name for name in members if name in shape.required]
            return {"type": "OBJECT", "properties": members, **({"required": required} if required else {})}
        case Union():
            return {"anyOf": [_value(branch) for branch in _branches(shape)]}
        case _:
            return {"type": "STRING"}


def _branches(shape: Union) -> list[Shape]:
    """Each takes null where the whole does; the first says what is said of all."""
    first, *others = (replace(branch, nullable=shape.nullable) for branch in shape.branches)
    words = " ".join(filter(None, [shape.description, first.description]))
    return [replace(first, description=words), *others]
