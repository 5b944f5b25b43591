"""What a document says a required argument is, where the caller does not say (`const`, an `enum` of one value, `default`).

A server supplies the defaults of what is optional by itself, so these are never sent. Of what is required it supplies
none: then the value goes with the request, and the caller need not give it.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jsonschema_rs
import msgspec
from msgspec import Struct

from gateway.core.fold import NESTING
from gateway.core.operation import Operation

LOOKED_UP_MAX = 10


class _Nothing(Struct, frozen=True):
    """There is no such value."""


_NONE = _Nothing()


def default_of(schema: Any, location: str, look_up: Callable[[str], Any]) -> str:
    """The value for a required argument as JSON; "" where the schema tells none that could be sent."""
    value = _told(schema, look_up)
    is_empty = value in ([], {}) or (value == "" and location == "path")
    if isinstance(value, _Nothing) or (location != "body" and (value is None or is_empty)):
        return ""
    return msgspec.json.encode(value).decode()


def with_defaults(operation: Operation, arguments: Mapping[str, object]) -> Mapping[str, object]:
    """The arguments, and the values of the document for those that are not given; the same where there are none to add.
    Members of an optional body have theirs where any of the body is given."""
    missing = [one for one in operation.defaults if one.argument not in arguments]
    if any(one.of_body for one in missing) and not _has_body(operation, arguments):
        missing = [one for one in missing if not one.of_body]
    if not missing:
        return arguments
    return {**arguments, **{one.argument: msgspec.json.decode(one.value) for one in missing}}


def _has_body(operation: Operation, arguments: Mapping[str, object]) -> bool:
    body = operation.body
    if body is None or body.required:
        return body is not None
    return any(one in arguments for one in (body.argument, body.extra, *(field.argument for field in body.fields)))


def _told(schema: Any, look_up: Callable[[str], Any]) -> Any:
    """The one value that a schema allows, or its default where that fits it; through references and `allOf`."""
    waiting: list[Any] = [schema]
    facts: list[dict[str, Any]] = []
    while waiting and len(facts) < LOOKED_UP_MAX:
        part = waiting.pop(0)
        if not isinstance(part, dict):
            continue
        facts.append(part)
        waiting += part.get("allOf", ())
        if isinstance(part.get("$ref"), str):
            waiting.append(look_up(part["$ref"].rpartition("/")[2]))
    for part in facts:
        only = [part["const"]] if "const" in part else part.get("enum", ())
        if len(only) == 1:
            return only[0]
    value = next((part["default"] for part in facts if "default" in part), _NONE)
    return value if all(_fits(value, part) for part in facts) else _NONE


def _fits(value: Any, facts: Mapping[str, Any]) -> bool:
    """Whether a default is within the plain facts of its own schema: some are not."""
    if isinstance(value, _Nothing):
        return False
    plain = {key: one for key, one in facts.items() if key not in NESTING and key != "format"}
    return bool(jsonschema_rs.Draft202012Validator(plain, validate_formats=False, offline=True).is_valid(value))
