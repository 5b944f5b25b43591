"""Examples that a document gives, as far as they help whoever calls: small, fit for their schema, and plain text. One that is
not is left out without a word: it costs nothing that could be sent."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jsonschema_rs
import msgspec

from gateway.core.fold import size
from gateway.core.keywords import fit_values
from gateway.core.place import At
from gateway.core.prose import plain

Json = dict[str, Any]
Lookup = Callable[[str], Any]
Follow = Callable[[At | None], At | None]

EXAMPLES_MAX = 2
EXAMPLE_BYTES_MAX = 300
# Of one that a schema gives for itself, which many tools may share.
OWN_EXAMPLE_BYTES_MAX = 100
_CANDIDATES_MAX = 10
_STEPS_MAX = 300
_BACKTRACKS_MAX = 10_000
_REFERENCE = "#/$defs/"
# Where one of these stands, an example says no more; a password needs none.
_SAYS_ENOUGH = frozenset({"enum", "const", "default", "examples"})
_KNOWN_FORMATS = frozenset({"date", "date-time", "uuid", "email", "password", "binary", "byte"})
_RULES = frozenset(
    {"pattern", "minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
    | {"minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties", "not"}
)


def told_examples(at: At, follow: Follow) -> list[Any]:
    """What a parameter or a media type gives: `example`, and the values of `examples` (OAS 3.2 section 4.19)."""
    told = [at.value[key] for key in ("example", "x-example") if at.value.get(key) is not None]
    group = follow(at.get("examples")) if at.value.get("examples") else None
    if group is not None and isinstance(group.value, dict):
        for name in list(group.value)[:_CANDIDATES_MAX]:
            one = follow(group.child(name))
            told += _of_example(one.value) if one is not None and isinstance(one.value, dict) else []
    return told


def _of_example(value: Mapping[str, Any]) -> list[Any]:
    for key in ("dataValue", "value"):
        if value.get(key) is not None:
            return [value[key]]
    serialized = value.get("serializedValue")
    if not isinstance(serialized, str) or len(serialized) > EXAMPLE_BYTES_MAX:
        return []
    try:
        return [msgspec.json.decode(serialized)]
    except (msgspec.DecodeError, UnicodeEncodeError):
        return [serialized]


def with_examples(schema: Any, values: Iterable[Any], look_up: Lookup) -> Any:
    """The schema with those of these that fit it, EXAMPLES_MAX at most; in place of what its own schema gives."""
    if not isinstance(schema, dict) or not values or not schema.keys().isdisjoint(_SAYS_ENOUGH - {"examples"}):
        return schema
    told = _usable(schema, list(values)[:_CANDIDATES_MAX], look_up)
    return {**schema, "examples": told} if told else schema


def with_own_examples(schema: Json, value: Json) -> Json:
    """A converted schema with what it gives as examples of itself, where these are no objects."""
    listed = value.get("examples")
    values = [value.get("example"), *(listed[:_CANDIDATES_MAX] if isinstance(listed, list) else ())]
    small = [one for one in values if one is not None and not isinstance(one, dict)]
    told: Json = with_examples(schema, [one for one in small if size(one) <= OWN_EXAMPLE_BYTES_MAX], lambda _: False)
    return told


def examples_of(member: str, values: Iterable[Any]) -> list[Any]:
    """What examples of a whole object say of one of its members."""
    objects = [one for one in values if isinstance(one, dict)]
    return [one[member] for one in objects if one.get(member) is not None]


def _usable(schema: Json, values: list[Any], look_up: Lookup) -> list[Any]:
    kind = schema.get("type")
    if kind == "boolean" or schema.get("format") in _KNOWN_FORMATS:
        return []
    kinds = [kind] if isinstance(kind, str) else kind or []
    told: list[Any] = []
    for value in fit_values(values, kinds):
        if value not in told and _is_fit_to_show(value) and _fits(value, schema, look_up, [_STEPS_MAX]):
            told.append(value)
    return told[:EXAMPLES_MAX]


def _is_fit_to_show(value: Any) -> bool:
    """Small, and nothing in it that hides from a reader or could be taken for more than text."""
    if size(value) > EXAMPLE_BYTES_MAX:
        return False
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str) and plain(one, EXAMPLE_BYTES_MAX) != one:
            return False
        if isinstance(one, dict):
            waiting += [*one, *one.values()]
        elif isinstance(one, list):
            waiting += one
    return value not in ("", [], {})


def _fits(value: Any, schema: Any, look_up: Lookup, left: list[int]) -> bool:
    """Whether a value fits a converted schema, within a number of steps."""
    left[0] -= 1
    if left[0] < 0 or isinstance(schema, bool):
        return schema is True and left[0] >= 0
    if "$ref" in schema and not _fits(value, look_up(schema["$ref"].removeprefix(_REFERENCE)), look_up, left):
        return False
    kinds = schema.get("type")
    if kinds is not None and fit_values([value], [kinds] if isinstance(kinds, str) else kinds) != [value]:
        return False
    if value not in schema.get("enum", [value]) or value != schema.get("const", value):
        return False
    if not all(_fits(value, one, look_up, left) for one in schema.get("allOf", ())):
        return False
    if "anyOf" in schema and not any(_fits(value, one, look_up, left) for one in schema["anyOf"]):
        return False
    rules = {key: schema[key] for key in _RULES & schema.keys()}
    if rules and not _is_valid(value, rules):
        return False
    if isinstance(value, dict):
        return _members_fit(value, schema, look_up, left)
    items = schema.get("items", True)
    return not isinstance(value, list) or all(_fits(one, items, look_up, left) for one in value)


def _members_fit(value: Json, schema: Json, look_up: Lookup, left: list[int]) -> bool:
    properties = schema.get("properties", {})
    others = True if "patternProperties" in schema else schema.get("additionalProperties", True)
    return all(name in value for name in schema.get("required", ())) and all(
        _fits(member, properties.get(name, others), look_up, left) for name, member in value.items()
    )


def _is_valid(value: Any, rules: Json) -> bool:
    bounded = jsonschema_rs.FancyRegexOptions(backtrack_limit=_BACKTRACKS_MAX)
    checked = jsonschema_rs.Draft202012Validator(rules, offline=True, pattern_options=bounded)
    try:
        return bool(checked.is_valid(value))
    except ValueError:
        return False
