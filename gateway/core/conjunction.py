"""What all parts of one schema say together: `allOf` and `$ref` merged away, where that can be done exactly.

Reads valid JSON Schema 2020-12 whose references point into `$defs`. Never turns down more than the parts do: what two
parts say differently and no single keyword can say is told as lost. Looks at one level only: what lies beneath keeps
its own `allOf`, put together anew where two parts have the same property.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from msgspec import Struct

Json = dict[str, Any]

REFERENCE = "#/$defs/"
PARTS_MAX = 200
_STRINGS = ("minLength", "maxLength", "pattern")
_NUMBERS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
_ARRAYS = ("minItems", "maxItems", "uniqueItems", "contains", "minContains", "maxContains", "unevaluatedItems")
_OBJECTS = (
    "minProperties", "maxProperties", "propertyNames", "dependentRequired", "dependentSchemas", "unevaluatedProperties",
    "patternProperties",
)  # fmt: skip
# The keywords that count for values of a type, beside those that say what the type is made of.
RULES_OF = {
    "string": _STRINGS, "number": _NUMBERS, "integer": _NUMBERS, "boolean": (), "null": (), "array": _ARRAYS,
    "object": _OBJECTS,
}  # fmt: skip
ANY_TYPE = ("not", "if", "$dynamicRef")
_PARTS = ("properties", "required", "additionalProperties", "items", "prefixItems")
ASSERTING = frozenset(
    {"type", "enum", "const", "allOf", "anyOf", "oneOf", "$ref", *ANY_TYPE, *_PARTS}.union(*RULES_OF.values())
)


class Together(Struct, frozen=True):
    """`facts`: one schema without `allOf`, `$ref`, `const`, `anyOf`, `oneOf`. `choices`: each a list of which one schema
    must hold as well. `names`: the definitions that are merged in. `lost`: the keywords that could not be merged."""

    facts: Json
    choices: tuple[list[Any], ...] = ()
    names: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()


def is_open(schema: Any) -> bool:
    """Whether any value fits: nothing is asserted."""
    return schema is True or (isinstance(schema, dict) and not schema.keys() & ASSERTING)


def target_of(schema: Any) -> str:
    """The name of the definition that a schema is, with nothing but words beside the reference; else ""."""
    if not isinstance(schema, dict):
        return ""
    says = schema.keys() & ASSERTING
    if says == {"$ref"} and schema["$ref"].startswith(REFERENCE):
        return str(schema["$ref"].removeprefix(REFERENCE))
    members = [one for one in schema["allOf"] if not is_open(one)] if says == {"allOf"} else []
    return target_of(members[0]) if len(members) == 1 else ""


def words_of(schema: Any) -> str:
    """What a schema that is one definition says about its use there: its own words, or those beside it in `allOf`."""
    if not isinstance(schema, dict):
        return ""
    beside = [one["description"] for one in schema.get("allOf", ()) if isinstance(one, dict) and "description" in one]
    return str(schema.get("description") or next(iter(beside), ""))


def together(schema: Any, definitions: Mapping[str, Any]) -> Together | None:
    """One schema of all parts. None where no value can fit."""
    facts: Json = {}
    choices: list[list[Any]] = []
    lost: list[str] = []
    names: dict[str, None] = {}
    for count, part in enumerate(_parts(schema, definitions, names, lost)):
        if count >= PARTS_MAX:
            lost.append("allOf")
            break
        if part is False or ("not" in part and is_open(part["not"])):
            return None
        choices += [part[keyword] for keyword in ("anyOf", "oneOf") if keyword in part]
        lost += ["oneOf"] if len(part.get("oneOf", ())) > 1 else []
        _merge(facts, _prepared(part), lost)
    if facts.get("type") == [] or facts.get("enum") == []:
        return None
    return Together(facts, tuple(choices), tuple(names), tuple(dict.fromkeys(lost)))


def _parts(schema: Any, definitions: Mapping[str, Any], names: dict[str, None], lost: list[str]) -> Iterator[Any]:
    """Each schema that must hold, without its `allOf` and `$ref`; a definition once."""
    if not isinstance(schema, dict):
        yield {} if schema is True else False
        return
    yield {key: value for key, value in schema.items() if key not in ("allOf", "$ref")}
    name = schema.get("$ref", REFERENCE).removeprefix(REFERENCE)
    if name and name not in definitions:
        lost.append("$ref")
    elif name and name not in names:
        names[name] = None
        yield from _parts(definitions[name], definitions, names, lost)
    for member in schema.get("allOf", ()):
        yield from _parts(member, definitions, names, lost)


def _prepared(part: Json) -> Json:
    """A part in the few keywords that are merged: types as a list, `const` as `enum`, patterns as further properties."""
    told = {key: value for key, value in part.items() if key not in ("const", "anyOf", "oneOf")}
    if "const" in part:
        told["enum"] = [one for one in part.get("enum", [part["const"]]) if same(one, part["const"])]
    if isinstance(part.get("type"), str):
        told["type"] = [part["type"]]
    patterns = list(part.get("patternProperties", {}).values())
    if patterns and not part.get("additionalProperties"):
        told["additionalProperties"] = patterns[0] if len(patterns) == 1 else {"anyOf": patterns}
    return told


def same(one: Any, other: Any) -> bool:
    """Equal as JSON: 1 is 1.0, and neither is true."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    return bool(one == other)


def _types(one: list[str], other: list[str]) -> list[str]:
    """The types in both; an integer is a number."""
    wide = [{*kinds, "integer"} if "number" in kinds else set(kinds) for kinds in (one, other)]
    shared = [kind for kind in dict.fromkeys([*one, *other]) if kind in wide[0] and kind in wide[1]]
    return [kind for kind in shared if kind != "integer" or "number" not in shared]


def _shared(one: list[Any], other: list[Any]) -> list[Any]:
    """The values in both; objects and lists are not compared."""
    known = {(isinstance(value, bool), value) for value in other if not isinstance(value, dict | list)}
    return [value for value in one if isinstance(value, dict | list) or (isinstance(value, bool), value) in known]


_MERGED: dict[str, Callable[[Any, Any], Any]] = {
    "type": _types,
    "enum": _shared,
    "required": lambda one, other: list(dict.fromkeys([*one, *other])),
    "uniqueItems": lambda one, other: one or other,
    "description": lambda one, other: one or other,
    **dict.fromkeys(("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"), max),
    **dict.fromkeys(("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"), min),
}


def _merge(facts: Json, part: Json, lost: list[str]) -> None:
    if "properties" in facts or "properties" in part:
        facts["properties"] = _properties(facts, part)
    for key, value in part.items():
        if key == "properties":
            continue
        if key not in facts:
            facts[key] = value
        elif key in _MERGED:
            facts[key] = _MERGED[key](facts[key], value)
        elif key in ("items", "additionalProperties", "propertyNames"):
            facts[key] = both(facts[key], value)
        elif key in ASSERTING and not same(facts[key], value):
            lost.append(key)


def _properties(facts: Json, part: Json) -> Json:
    """The properties of both: one that only one of them names is further to the other (2020-12 core, 10.3.2)."""
    ones, others = facts.get("properties", {}), part.get("properties", {})
    further, further_other = facts.get("additionalProperties", True), part.get("additionalProperties", True)
    if not ones and further in (True, {}):
        return others  # type: ignore[no-any-return]
    return {
        name: both(ones.get(name, further), others.get(name, further_other)) for name in dict.fromkeys([*ones, *others])
    }


def both(one: Any, other: Any) -> Any:
    """A schema that takes what both take."""
    if one is False or other is False:
        return False
    if one is True or one == {} or one is other:
        return other
    return one if other is True or other == {} or same(one, other) else {"allOf": [one, other]}
