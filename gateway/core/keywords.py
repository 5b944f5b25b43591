"""Single keywords of a schema, repaired: types, numbers, patterns, texts, enumerations. Follows no reference."""

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from gateway.core.fold import size
from gateway.core.mend import flag_meant
from gateway.core.pattern import weigh_pattern
from gateway.core.prose import HINT_CHARACTERS_MAX, plain

Json = dict[str, Any]

ENUM_VALUES_MAX = 1_000
PATTERN_CHARACTERS_MAX = 1_000
DEFAULT_BYTES_MAX = 500
# Larger numbers are no bounds that anybody means, and few readers of JSON take them.
NUMBER_MAX = 1e300
SHORT_TEXT_CHARACTERS_MAX = 80

FLAGS = frozenset(
    {
        "nullable",
        "x-nullable",
        "readOnly",
        "writeOnly",
        "deprecated",
        "uniqueItems",
        "exclusiveMinimum",
        "exclusiveMaximum",
    }
    | {"additionalProperties"}
)
TYPES = frozenset({"string", "number", "integer", "boolean", "array", "object", "null"})
# What documents write in `type` and mean one of the seven (Swagger's `file` among them).
MEANT = {
    "int": "integer", "int32": "integer", "int64": "integer", "long": "integer", "float": "number", "double": "number",
    "decimal": "number", "bool": "boolean", "str": "string", "text": "string", "date": "string", "datetime": "string",
    "date-time": "string", "uuid": "string", "file": "string", "list": "array", "map": "object", "hash": "object",
}  # fmt: skip


OTHER_TEXTS = frozenset({"format", "contentEncoding", "contentMediaType", "deprecated", "uniqueItems", "default"})


def types_of(declared: object) -> tuple[list[str], bool]:
    """The types that `type` names, and whether that is what it says. An unknown type among them opens them all."""
    if declared is None:
        return [], True
    if isinstance(declared, str) and declared in TYPES:
        return [declared], True
    listed = declared if isinstance(declared, list) else [declared]
    if isinstance(declared, str) and declared not in TYPES and re.search(r"[|,]", declared):
        listed = [one.strip() for one in re.split(r"[|,]", declared)]
        return types_of(listed)[0], False
    written = ["null" if kind is None else kind for kind in listed]
    known = [_type_meant(kind) for kind in written]
    kept = list(dict.fromkeys(kind for kind in known if kind))
    return (kept if all(known) else []), kept == written


def _type_meant(kind: object) -> str:
    if not isinstance(kind, str):
        return ""
    return kind if kind in TYPES else MEANT.get(kind.lower(), kind.lower() if kind.lower() in TYPES else "")


def number_of(value: object, *, whole: bool) -> float | int | None:
    """A number of at most NUMBER_MAX, also one that was written as text; a `whole` one is no less than 0."""
    if isinstance(value, str):
        value = _from_text(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= NUMBER_MAX:
        return None
    if not whole:
        return value
    return int(value) if value >= 0 and value == int(value) else None


def _from_text(text: str) -> float | int | None:
    if re.fullmatch(r"[-+]?[0-9]{1,30}", text):
        return int(text)
    if not re.fullmatch(r"[-+]?[0-9]{1,30}(\.[0-9]{1,30})?([eE][-+]?[0-9]{1,3})?", text):
        return None
    number = float(text)
    return number if abs(number) != float("inf") else None


def is_pattern(text: str) -> bool:
    """Whether the checker of arguments can compile this regular expression."""
    return len(text) <= PATTERN_CHARACTERS_MAX and weigh_pattern(text) > 0


def required_names(value: object) -> list[str]:
    """`required` as a list of names; the boolean of older drafts, and anything else, is no list."""
    names = [value] if isinstance(value, str) and value not in ("true", "false") else value
    return list(dict.fromkeys(name for name in names if isinstance(name, str))) if isinstance(names, list) else []


def fit_enum(told: Json, values: list[Any]) -> bool:
    """Put the values of an `enum` where they can hold: into the schema as values of its type, or into its `items` where
    it is an array. Whether they went in as they were written; values that cannot be of the type are left out."""
    kinds = _kinds(told.get("type"))
    listed = _distinct(values)
    fitting = _distinct(value for one in listed if (value := _value_meant(one, kinds)) is not _NOTHING)
    if fitting:
        told["enum"] = fitting
        return fitting == [one for one in listed if one is not None or None in fitting]
    items = told.get("items")
    if "array" in kinds and isinstance(items, dict) and not items.keys() & {"enum", "$ref"}:
        told["items"] = {**items}
        fit_enum(told["items"], listed)
    return False


_NOTHING = object()


def _value_meant(value: Any, kinds: frozenset[str]) -> Any:
    """A value of one of these types: itself, or what it means as text or as a number."""
    if not kinds or kinds & _kinds_of(value):
        return value
    if "string" in kinds and isinstance(value, bool | int | float):
        return msgspec.json.encode(value).decode()
    if kinds & {"number", "integer"} and isinstance(value, str):
        number = _from_text(value)
        if number is not None and kinds & _kinds_of(number):
            return number
    word = flag_word(value) if "boolean" in kinds else None
    return _NOTHING if word is None else word


def fit_values(values: Iterable[Any], kinds: Iterable[str]) -> list[Any]:
    """The values as one of these types has them; those that can be none are left out."""
    known = frozenset(kinds)
    return [meant for one in values if (meant := _value_meant(one, known)) is not _NOTHING]


def _kinds(declared: object) -> frozenset[str]:
    return frozenset(declared if isinstance(declared, list) else [declared] if isinstance(declared, str) else ())


def _kinds_of(value: object) -> frozenset[str]:
    match value:
        case None:
            return frozenset({"null"})
        case bool():
            return frozenset({"boolean"})
        case int():
            return frozenset({"integer", "number"})
        case float():
            return frozenset({"integer", "number"}) if value.is_integer() else frozenset({"number"})
        case str():
            return frozenset({"string"})
        case list():
            return frozenset({"array"})
        case _:
            return frozenset({"object"})


def _distinct(values: Iterable[Any]) -> list[Any]:
    """Without repeats; 1 and true are not the same."""
    seen: dict[bytes, Any] = {}
    for value in values:
        seen.setdefault(msgspec.json.encode(value), value)
    return list(seen.values())


def put_texts(value: Json, told: Json) -> None:
    """What a schema says beside its rules: its description, format, default."""
    if text := plain(value.get("description") or value.get("title"), HINT_CHARACTERS_MAX):
        told["description"] = text
    if OTHER_TEXTS.isdisjoint(value):
        return
    for keyword in ("format", "contentEncoding", "contentMediaType"):
        if isinstance(value.get(keyword), str) and len(value[keyword]) <= SHORT_TEXT_CHARACTERS_MAX:
            told[keyword] = value[keyword]
    for keyword in ("deprecated", "uniqueItems"):
        if value.get(keyword) is True:
            told[keyword] = True
    if value.get("default") is not None and size(value["default"]) <= DEFAULT_BYTES_MAX:
        meant = _value_meant(value["default"], _kinds(told.get("type")))
        if meant is not _NOTHING:
            told["default"] = meant


def is_flag(value: object) -> bool:
    """Whether this says yes."""
    return value is True or (value is not None and value is not False and flag_word(value) is True)


def flag_word(value: object) -> bool | None:
    """What a word means that stands where true or false belongs; a number is none, `exclusiveMinimum` may be one."""
    return flag_meant(value) if isinstance(value, str) and value.strip().isalpha() else None


def says_required(value: object) -> bool:
    """The boolean of the oldest drafts, in the property itself."""
    return isinstance(value, dict) and is_flag(value.get("required"))


def is_nullable(value: Json) -> bool:
    """`nullable` of OpenAPI 3.0, `x-nullable` of Swagger 2.0 documents."""
    own, older = value.get("nullable"), value.get("x-nullable")
    return (own is not None and is_flag(own)) or (older is not None and is_flag(older))


def or_null(told: Json) -> Json:
    """The same, or null."""
    kind = told.get("type")
    if kind is None or told.keys() & {"$ref", "allOf", "anyOf", "const", "not"}:
        return {"anyOf": [told, {"type": "null"}]}
    kinds = kind if isinstance(kind, list) else [kind]
    again = {**told, "type": [*kinds, "null"] if "null" not in kinds else kinds}
    if "enum" in told and None not in told["enum"]:
        again["enum"] = [*told["enum"], None]
    return again
