"""Arguments against the schema of their tool: what does not fit, and what was expected, without repeating the value."""

import difflib
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from itertools import islice
from typing import Any

import jsonschema_rs
import msgspec
from msgspec import Raw, Struct

from gateway.core.effort import EXPLAINED_LOOKS_MAX, LOOKS_MAX, Effort, surface, weigh_patterns
from gateway.core.pattern import COMPILED_BYTES_MAX
from gateway.core.pointer import escape
from gateway.core.prose import cut, plain

PROBLEMS_MAX = 10
VALUES_SHOWN_MAX = 10
EXPECTED_CHARACTERS_MAX = 300
POINTER_CHARACTERS_MAX = 200
NAME_CHARACTERS_MAX = 64
# Above so many values all problems would take seconds to find, since the library finds every one before it tells the
# first: then one problem is told.
VALUES_MAX = 5_000
BACKTRACKS_MAX = 100_000
# What the patterns of one schema may take in memory, once compiled.
PATTERN_BYTES_MAX = 16 << 20
ANSWER_PROBLEMS_MAX = 3
LEVELS_MAX = 5


class ArgumentProblem(Struct, frozen=True):
    """One argument that does not fit. `argument` is its name, `pointer` the JSON Pointer into the arguments."""

    argument: str
    pointer: str
    expected: str


class Validator(Struct, frozen=True):
    """A compiled input schema, the names that it knows, and whether it takes no others. `effort` says what it takes to
    check a value, and `surface` is what is checked where that is too much."""

    compiled: Any
    surface: Any
    effort: Effort
    names: tuple[str, ...]
    closed: bool = False


def compile_arguments(input_schema: Raw) -> Validator:
    """Formats are not asserted: documents use them loosely (`date-time` without a zone, `uri` for a path), and a call
    must not fail here for what the backend would take. No reference leads outside the schema, and none is fetched. Of a
    schema that is too deep for the library, or has more patterns than there is room for, the surface is checked."""
    schema = msgspec.json.decode(input_schema)
    shallow = _compile(surface(schema))
    try:
        compiled = _compile(schema) if weigh_patterns(schema) <= PATTERN_BYTES_MAX else shallow
    except jsonschema_rs.ValidationError:
        raise
    except ValueError:
        compiled = shallow
    is_closed = schema.get("additionalProperties") is False
    return Validator(compiled, shallow, Effort(schema), tuple(schema.get("properties", ())), is_closed)


def _compile(schema: Any) -> Any:
    bounded = jsonschema_rs.FancyRegexOptions(backtrack_limit=BACKTRACKS_MAX, size_limit=COMPILED_BYTES_MAX)
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=False, offline=True, pattern_options=bounded)


def check_arguments(
    validator: Validator,
    arguments: Mapping[str, object],
    counts: Callable[[ArgumentProblem], bool] = lambda problem: True,
) -> tuple[ArgumentProblem, ...]:
    """At most PROBLEMS_MAX problems, of those that count; () where everything fits, as far as that can be found out with
    LOOKS_MAX looks."""
    try:
        if not validator.effort.fits(arguments, LOOKS_MAX):
            found = _problems(validator, validator.surface, arguments)
        elif validator.compiled.is_valid(arguments):
            return ()
        else:
            found = _problems(validator, validator.compiled, arguments)
        return tuple(islice(filter(counts, found), PROBLEMS_MAX))
    except (ValueError, RecursionError):
        # What is no JSON value at all: a lone surrogate, nesting without end.
        return (ArgumentProblem("arguments", "", "expected plain JSON values of bounded size"),)


def expected_day(schema: Mapping[str, Any], value: object) -> str:
    """What was expected, where a day is asked and the value is none; else nothing. Unlike the arguments of a program, what a person
    answers is held to it, for they can be asked again."""
    if schema.get("format") != "date" or not isinstance(value, str):
        return ""
    try:
        is_day = date.fromisoformat(value).isoformat() == value
    except ValueError:
        is_day = False
    return "" if is_day else "a day as year-month-day, such as 2026-12-01"


def check_answer(validator: Validator, body: bytes) -> tuple[ArgumentProblem, ...]:
    """Where the JSON of an answer does not fit the schema that its document tells; at most ANSWER_PROBLEMS_MAX places. What
    is no JSON, and what it would take more than LOOKS_MAX looks to check, is let be."""
    try:
        value = msgspec.json.decode(body)
        if not validator.effort.fits(value, LOOKS_MAX) or validator.compiled.is_valid(value):
            return ()
        errors = _errors(validator, validator.compiled, value)
        explained = (one for error in errors for one in _explain(error, validator, LEVELS_MAX))
        return tuple(islice(explained, ANSWER_PROBLEMS_MAX))
    except (msgspec.DecodeError, ValueError, RecursionError):
        return ()


def _problems(validator: Validator, compiled: Any, arguments: Mapping[str, object]) -> Iterator[ArgumentProblem]:
    known = frozenset(validator.names)
    unknown = [name for name in arguments if name not in known] if validator.closed else []
    if len(unknown) >= PROBLEMS_MAX:
        yield from (_problem([name], _unknown(name, validator)) for name in unknown)
    else:
        for error in _errors(validator, compiled, arguments):
            yield from _explain(error, validator, LEVELS_MAX)


def _errors(validator: Validator, compiled: Any, arguments: Any) -> Iterator[Any]:
    """All, where the library can find all in time; else the first, or those of the surface, or one that says so little."""
    if compiled is not validator.surface and not validator.effort.fits(arguments, EXPLAINED_LOOKS_MAX):
        if not validator.effort.is_even:
            found = list(_errors(validator, validator.surface, arguments))
            yield from found or [_Unexplained()]
            return
    elif _is_few(arguments):
        yield from compiled.iter_errors(arguments)
        return
    try:
        compiled.validate(arguments)
    except jsonschema_rs.ValidationError as error:
        yield error


class _UnexplainedKind(Struct, frozen=True):
    name: str = "unexplained"


class _Unexplained(Struct, frozen=True):
    """An error that the library is not asked to explain: it would take too long."""

    kind: _UnexplainedKind = _UnexplainedKind()
    instance_path: tuple[str, ...] = ()


def _is_few(arguments: object) -> bool:
    left = VALUES_MAX
    waiting: list[Any] = [arguments]
    while waiting and left > 0:
        value = waiting.pop()
        members = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
        left -= 1 + len(members)
        waiting += [member for member in islice(members, max(left, 0)) if isinstance(member, dict | list)]
    return left > 0


def _explain(error: Any, validator: Validator, levels: int) -> Iterator[ArgumentProblem]:
    path = [str(step) for step in error.instance_path]
    kind, keyword = error.kind, error.kind.name
    match keyword:
        case "required":
            yield _problem([*path, kind.property], "required")
        case "additionalProperties" | "unevaluatedProperties":
            for name in islice(kind.unexpected, PROBLEMS_MAX):
                yield _problem([*path, name], _unknown(name, validator) if not path else "unknown; leave it out")
        case "falseSchema":
            yield _problem(path, "unknown; leave it out")
        case "anyOf" | "oneOf":
            yield from _explain_alternatives(error, path, validator, levels)
        case _:
            yield _problem(path, _expected(kind, keyword))


def _explain_alternatives(error: Any, path: list[str], validator: Validator, levels: int) -> Iterator[ArgumentProblem]:
    """Where one alternative is plainly the one that was meant, because no other takes a value of that type or with that
    tag, what is wrong with that one; else what the alternatives are."""
    branches = error.kind.context
    if any(not branch for branch in branches):
        yield _problem(path, "expected a value that fits only one of the alternatives of its schema")
        return
    typed = [branch for branch in branches if not any(_is_here(one, error, "type") for one in branch)]
    tagged = [branch for branch in typed if not any(one.kind.name in ("const", "enum") for one in branch)]
    meant = typed if len(typed) == 1 else tagged
    if len(meant) == 1 and levels:
        for one in meant[0]:
            yield from _explain(one, validator, levels - 1)
        return
    yield _problem(path, _alternatives(error, typed))


def _alternatives(error: Any, typed: list[list[Any]]) -> str:
    """`typed` are the errors of those alternatives that take a value of that type."""
    if not typed:
        every = [one for branch in error.kind.context for one in branch if _is_here(one, error, "type")]
        return f"expected {_type(list(dict.fromkeys(kind for one in every for kind in one.kind.types)))}"
    tags = [_value(one.kind.expected_value) for branch in typed for one in branch if one.kind.name == "const"]
    if tags:
        shown = ", ".join(list(dict.fromkeys(tags))[:VALUES_SHOWN_MAX])
        return f"expected one of the alternatives of its schema, which are told apart by {shown}"
    return "expected a value that fits one of the alternatives of its schema"


def _is_here(one: Any, error: Any, keyword: str) -> bool:
    return one.kind.name == keyword and len(one.instance_path) == len(error.instance_path)


def _problem(path: list[str], expected: str) -> ArgumentProblem:
    pointer = "".join("/" + escape(step) for step in path)
    argument = plain(path[0], NAME_CHARACTERS_MAX) if path else ""
    shown = cut(expected, EXPECTED_CHARACTERS_MAX)
    return ArgumentProblem(argument or "arguments", pointer[:POINTER_CHARACTERS_MAX], shown)


def _unknown(name: str, validator: Validator) -> str:
    near = difflib.get_close_matches(name[:NAME_CHARACTERS_MAX], validator.names, 1)
    return f"unknown; did you mean `{near[0]}`?" if near else "unknown; leave it out"


def _expected(kind: Any, keyword: str) -> str:
    match keyword:
        case "type":
            return f"expected {_type(kind.types)}"
        case "enum":
            shown = ", ".join(_value(one) for one in kind.options[:VALUES_SHOWN_MAX])
            more = f" and {len(kind.options) - VALUES_SHOWN_MAX} more" if len(kind.options) > VALUES_SHOWN_MAX else ""
            return f"expected one of {shown}{more}"
        case "const":
            return f"expected {_value(kind.expected_value)}"
        case "pattern" if isinstance(kind, jsonschema_rs.ValidationErrorKind.Pattern):
            return f"expected text that matches {plain(kind.pattern, EXPECTED_CHARACTERS_MAX)}"
        case "pattern":
            return "expected simpler text: whether this matches its pattern takes too long to find out"
        case "multipleOf":
            return f"expected a multiple of {kind.multiple_of}"
        case _ if keyword in _LIMITS:
            return f"expected {_LIMITS[keyword].format(kind.limit)}"
        case _:
            return f"expected {_OTHERS.get(keyword, 'a value that fits its schema')}"


_LIMITS = {
    "minimum": "a number of at least {}",
    "maximum": "a number of at most {}",
    "exclusiveMinimum": "a number above {}",
    "exclusiveMaximum": "a number below {}",
    "minLength": "text of at least {} characters",
    "maxLength": "text of at most {} characters",
    "minItems": "a list of at least {} items",
    "maxItems": "a list of at most {} items",
    "minProperties": "an object of at least {} members",
    "maxProperties": "an object of at most {} members",
}
_OTHERS = {
    "uniqueItems": "a list whose items are all different",
    "contains": "a list with an item that fits its schema",
    "propertyNames": "members with other names",
    "not": "something other than what its schema excludes",
    "unexplained": "values that fit its schema; what does not fit takes too long to find out",
}


def _value(told: Any) -> str:
    return str(msgspec.json.encode(told), "utf-8")


def _type(kinds: list[str]) -> str:
    named = [kind if kind == "null" else f"{'an' if kind[0] in 'aeio' else 'a'} {kind}" for kind in kinds]
    return " or ".join(named)
