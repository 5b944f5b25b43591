"""Arguments against the schema of their tool: what does not fit, and what was expected, without repeating the value."""

import difflib
from collections.abc import Mapping
from typing import Any

import jsonschema_rs
import msgspec
from msgspec import Raw, Struct

from gateway.core.prose import cut

PROBLEMS_MAX = 10
VALUES_SHOWN_MAX = 10
EXPECTED_CHARACTERS_MAX = 300


class ArgumentProblem(Struct, frozen=True):
    """One argument that does not fit. `argument` is its name, `pointer` the JSON Pointer into the arguments."""

    argument: str
    pointer: str
    expected: str


class Validator(Struct, frozen=True):
    """A compiled input schema, and the names that it knows."""

    compiled: Any
    names: tuple[str, ...]


def compile_arguments(input_schema: Raw) -> Validator:
    """Formats are not asserted: documents use them loosely (`date-time` without a zone, `uri` for a path), and a call must
    not fail here for what the backend would take. No reference leads outside the schema, and none is fetched."""
    schema = msgspec.json.decode(input_schema)
    compiled = jsonschema_rs.Draft202012Validator(schema, validate_formats=False)
    return Validator(compiled, tuple(schema.get("properties", ())))


def check_arguments(validator: Validator, arguments: Mapping[str, object]) -> tuple[ArgumentProblem, ...]:
    """At most PROBLEMS_MAX problems; () where everything fits."""
    try:
        if validator.compiled.is_valid(arguments):
            return ()
        found: list[ArgumentProblem] = []
        for error in validator.compiled.iter_errors(arguments):
            found += _explain(error, validator)
            if len(found) >= PROBLEMS_MAX:
                break
        return tuple(found[:PROBLEMS_MAX])
    except (ValueError, RecursionError):
        # What is no JSON value at all: a lone surrogate, an integer beyond all bounds, nesting without end.
        return (ArgumentProblem("arguments", "", "expected plain JSON values of bounded size"),)


def _explain(error: Any, validator: Validator) -> list[ArgumentProblem]:
    path = [str(step) for step in error.instance_path]
    kind, keyword = error.kind, error.kind.name
    if keyword == "required":
        return [_problem([*path, kind.property], "required")]
    if keyword == "additionalProperties":
        return [_problem([*path, name], _unknown(name, validator, at_top=not path)) for name in kind.unexpected]
    return [_problem(path, _expected(error.schema_path, kind, keyword))]


def _problem(path: list[str], expected: str) -> ArgumentProblem:
    pointer = "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in path)
    return ArgumentProblem(path[0][:64] if path else "arguments", pointer[:200], cut(expected, EXPECTED_CHARACTERS_MAX))


def _unknown(name: str, validator: Validator, *, at_top: bool) -> str:
    near = difflib.get_close_matches(name[:64], validator.names, 1) if at_top else []
    return f"unknown; did you mean `{near[0]}`?" if near else "unknown; leave it out"


def _expected(schema_path: list[str | int], kind: Any, keyword: str) -> str:
    match keyword:
        case "type":
            return f"expected {_type(kind.types)}"
        case "enum":
            shown = [msgspec.json.encode(one).decode() for one in kind.options[:VALUES_SHOWN_MAX]]
            more = f" and {len(kind.options) - VALUES_SHOWN_MAX} more" if len(kind.options) > VALUES_SHOWN_MAX else ""
            return f"expected one of {', '.join(shown)}{more}"
        case "const":
            return f"expected {msgspec.json.encode(kind.expected_value).decode()}"
        case "anyOf" | "oneOf":
            return "expected a value that fits one of the alternatives of its schema"
        case "pattern":
            return f"expected text that matches {kind.pattern}"
        case "dependentRequired":
            return "needs other arguments beside it; see the schema"
        case _:
            return f"expected {_LIMITS.get(keyword, 'a value that fits')} {_limit(kind)}".rstrip()


_LIMITS = {
    "minimum": "a number of at least",
    "maximum": "a number of at most",
    "exclusiveMinimum": "a number above",
    "exclusiveMaximum": "a number below",
    "multipleOf": "a multiple of",
    "minLength": "text of at least so many characters:",
    "maxLength": "text of at most so many characters:",
    "minItems": "at least so many items:",
    "maxItems": "at most so many items:",
    "minProperties": "at least so many members:",
    "maxProperties": "at most so many members:",
    "uniqueItems": "items that are all different",
    "not": "something other than what its schema excludes",
}


def _limit(kind: Any) -> str:
    limit = getattr(kind, "limit", getattr(kind, "multiple_of", None))
    return str(limit) if isinstance(limit, int | float) else ""


def _type(kinds: list[str]) -> str:
    named = [("an " if kind[0] in "aeio" else "a ") + kind if kind != "null" else "null" for kind in kinds]
    return " or ".join(named)
