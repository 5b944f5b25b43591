"""Questions of an intent as a form that an MCP client shows a person, and what the person filled in as answers. A form is flat:
texts, numbers, yes or no, one of several texts; whatever else is asked is typed as JSON.

Source: MCP 2026-07-28, client/elicitation, Requested Schema.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from gateway.core.prose import cut
from gateway.core.run import Question

QUESTIONS_MAX = 50
TITLE_CHARACTERS_MAX = 200
SCHEMA_CHARACTERS_MAX = 1_000
FORMATS = frozenset({"email", "uri", "date", "date-time"})
# What a form may say of each type.
BOUNDS = {
    "string": ("minLength", "maxLength"),
    "integer": ("minimum", "maximum"),
    "number": ("minimum", "maximum"),
    "boolean": (),
}


def form_of(questions: Sequence[Question]) -> dict[str, Any]:
    """The `requestedSchema`."""
    fields = {one.key: {"title": cut(one.question, TITLE_CHARACTERS_MAX), **_field(one.schema)} for one in questions}
    return {"type": "object", "properties": fields, "required": [*fields]}


def read_form(questions: Sequence[Question], content: Mapping[str, Any]) -> dict[str, Any]:
    """The answers by the keys of their questions; what is missing or does not fit is for others to say."""
    schemas = {one.key: one.schema for one in questions}
    return {key: _read(schemas[key], value) for key, value in content.items() if key in schemas}


def _field(schema: Mapping[str, Any]) -> dict[str, Any]:
    if choices := schema.get("enum"):
        return {"type": "string", "enum": [one if isinstance(one, str) else _json(one) for one in choices]}
    if not _is_flat(schema):
        return {"type": "string", "description": cut(f"As JSON that fits {_json(schema)}", SCHEMA_CHARACTERS_MAX)}
    told = {"type": schema["type"]} | {name: schema[name] for name in BOUNDS[schema["type"]] if name in schema}
    return told | ({"format": schema["format"]} if schema.get("format") in FORMATS else {})


def _is_flat(schema: Mapping[str, Any]) -> bool:
    return isinstance(schema.get("type"), str) and schema["type"] in BOUNDS


def _read(schema: Mapping[str, Any], value: Any) -> Any:
    if not isinstance(value, str) or value in schema.get("enum", ()) or (_is_flat(schema) and "enum" not in schema):
        return value
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, RecursionError):
        return value


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
