"""What a grant says of the arguments of a call: JSON Schema, as far as it can be misread in no direction but the narrow one.

A keyword that nobody checks would make a grant wider than whoever wrote it believes, so that any but those of the table is
refused, `format` and `$ref` among them. One that bounds values of one type (`maximum`) asks for that type too, which in plain
JSON Schema it does not: "1000" is no number of at most 50.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import jsonschema_rs
import msgspec
from msgspec import Raw

from gateway.core.arguments import PATTERN_BYTES_MAX, Validator, compile_arguments
from gateway.core.effort import LOOKS_MAX, weigh_patterns
from gateway.core.pattern import PATTERN_CHARACTERS_MAX, is_linear
from gateway.core.pointer import escape
from gateway.core.prose import plain

CONSTRAINT_BYTES_MAX = 16 << 10
CONSTRAINT_LEVELS_MAX = 16
COMPILED_MAX = 256
SHOWN_CHARACTERS_MAX = 60

ANY = Raw(b"{}")

# Which type each keyword is about; "" is any.
KEYWORDS: Mapping[str, str] = {
    **dict.fromkeys(("title", "description", "$comment"), ""),
    **dict.fromkeys(("type", "enum", "const", "allOf", "anyOf", "not"), ""),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"), "number"),
    **dict.fromkeys(("minLength", "maxLength", "pattern"), "string"),
    **dict.fromkeys(("items", "minItems", "maxItems", "uniqueItems"), "array"),
    **dict.fromkeys(("properties", "required", "additionalProperties", "minProperties", "maxProperties"), "object"),
}


class Unclear(Exception):
    """Constraints that cannot be held to: which, and what would do, as a sentence."""


def read_constraints(schema: Mapping[str, Any]) -> Raw:
    """The schema as it is held to, in its narrow sense. Raises Unclear."""
    narrow = Raw(msgspec.json.encode(_narrow(dict(schema), "", CONSTRAINT_LEVELS_MAX) | {"type": "object"}))
    if len(narrow) > CONSTRAINT_BYTES_MAX:
        raise Unclear(f"The constraints are larger than {CONSTRAINT_BYTES_MAX} bytes; say less of the arguments.")
    try:
        validator = _compile(bytes(narrow))
    except (jsonschema_rs.ValidationError, ValueError, TypeError, AttributeError) as error:
        raise Unclear("The constraints are no JSON Schema: a keyword has a value of another kind.") from error
    if validator.compiled is validator.surface or weigh_patterns(msgspec.json.decode(narrow)) > PATTERN_BYTES_MAX:
        raise Unclear("The constraints have too many or too large patterns; write fewer.")
    return narrow


def within(constraints: Raw, arguments: Mapping[str, object]) -> bool:
    """Whether arguments are within constraints; not, where to find that out takes too long."""
    validator = _compile(bytes(constraints))
    try:
        return validator.effort.fits(arguments, LOOKS_MAX) and bool(validator.compiled.is_valid(arguments))
    except (ValueError, RecursionError):
        return False


@lru_cache(maxsize=COMPILED_MAX)
def _compile(constraints: bytes) -> Validator:
    return compile_arguments(Raw(constraints))


def _narrow(schema: Any, place: str, levels: int, *, negated: bool = False) -> Any:
    """A schema with the types that its keywords are about. Under `not` a type more would let more through: there it stays."""
    if isinstance(schema, bool) and place:
        return schema
    if not isinstance(schema, dict):
        raise Unclear(f"The constraints have no schema at {_shown(place)}; write an object.")
    if levels == 0:
        raise Unclear(f"The constraints nest deeper than {CONSTRAINT_LEVELS_MAX} levels; write flatter ones.")
    told = {key: _part(key, one, f"{place}/{escape(key)}", levels - 1, negated) for key, one in schema.items()}
    kinds = list(dict.fromkeys(KEYWORDS[key] for key in told if KEYWORDS[key]))
    return told | {"type": kinds} if kinds and "type" not in told and not negated else told


def _part(key: str, value: Any, place: str, levels: int, negated: bool) -> Any:
    if key not in KEYWORDS:
        raise Unclear(f"{_shown(place)} is not checked, so that it would hold nobody back; write one of {_known()}.")
    match key, value:
        case "properties", dict():
            return {
                name: _narrow(one, f"{place}/{escape(name)}", levels, negated=negated) for name, one in value.items()
            }
        case "allOf" | "anyOf", [_, *_]:
            return [_narrow(one, f"{place}/{number}", levels, negated=negated) for number, one in enumerate(value)]
        case "items" | "additionalProperties", dict() | bool():
            return _narrow(value, place, levels, negated=negated)
        case "not", dict() | bool():
            return _narrow(value, place, levels, negated=True)
        case "pattern", str() if not is_linear(value[:PATTERN_CHARACTERS_MAX]) or len(value) > PATTERN_CHARACTERS_MAX:
            raise Unclear(f"{_shown(place)} is no pattern that can be matched in a bounded time; write a simpler one.")
        case (("properties" | "allOf" | "anyOf" | "items" | "additionalProperties" | "not"), _):
            raise Unclear(f"{_shown(place)} has a value of another kind than JSON Schema says.")
    return value


def _shown(place: str) -> str:
    return plain(place, SHOWN_CHARACTERS_MAX) or "their root"


def _known() -> str:
    return ", ".join(KEYWORDS)
