"""Questions of an intent as a form that an MCP client shows a person, and what the person filled in, or said in words, as answers.
A form is flat: texts, numbers, yes or no, one of several texts; whatever else is asked is typed as JSON.

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
YES, NO = frozenset({"yes", "y", "true"}), frozenset({"no", "n", "false"})
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


def read_words(question: Question, words: str) -> Any:
    """What a person says to one question: a choice by its value, by what people call it or by its number, yes or no, a text as it
    is, anything else as JSON. What does not fit is for others to say."""
    told, schema, choices = words.strip(), question.schema, choices_of(question.schema)
    numbered = dict(enumerate((one for one, _ in choices), 1))
    for value, label in choices:
        if told.casefold() in (_text(value).casefold(), label.casefold()):
            return value
    if told.isascii() and told.isdigit() and int(told) in numbered:
        return numbered[int(told)]
    if schema.get("type") == "boolean" and told.casefold() in YES | NO:
        return told.casefold() in YES
    return told if choices or schema.get("type") == "string" else _decoded(told)


def choices_of(schema: Mapping[str, Any]) -> tuple[tuple[Any, str], ...]:
    """The values that a question offers, each with what people call it; () where it offers none."""
    titled = schema.get("anyOf", ())
    if titled and all("const" in one for one in titled):
        return tuple((one["const"], str(one.get("title", _text(one["const"])))) for one in titled)
    return tuple((one, _text(one)) for one in schema.get("enum", ()))


def _field(schema: Mapping[str, Any]) -> dict[str, Any]:
    if "enum" in schema:
        return {"type": "string", "enum": [label for _, label in choices_of(schema)]}
    if choices := choices_of(schema):
        return {"type": "string", "oneOf": [{"const": _text(one), "title": label} for one, label in choices]}
    if not _is_flat(schema):
        return {"type": "string", "description": cut(f"As JSON that fits {_json(schema)}", SCHEMA_CHARACTERS_MAX)}
    told = {"type": schema["type"]} | {name: schema[name] for name in BOUNDS[schema["type"]] if name in schema}
    return told | ({"format": schema["format"]} if schema.get("format") in FORMATS else {})


def _is_flat(schema: Mapping[str, Any]) -> bool:
    return isinstance(schema.get("type"), str) and schema["type"] in BOUNDS


def _read(schema: Mapping[str, Any], value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if choices := choices_of(schema):
        return next((one for one, _ in choices if _text(one) == value), value)
    return value if _is_flat(schema) else _decoded(value)


def _decoded(text: str) -> Any:
    """What it says as JSON; itself where it is none."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return text


def _text(value: object) -> str:
    return value if isinstance(value, str) else _json(value)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
