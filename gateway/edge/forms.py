"""Questions of an intent as a form that an MCP client shows a person, and what the person filled in, or said in words, as answers.
A form is flat: texts, numbers, yes or no, one of several texts; whatever else is asked is typed as JSON.

Source: MCP 2026-07-28, client/elicitation, Requested Schema.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from gateway.core.english import words_of
from gateway.core.numbers import read_numbers
from gateway.core.prose import cut
from gateway.core.run import Question

QUESTIONS_MAX = 50
TITLE_CHARACTERS_MAX = 200
SCHEMA_CHARACTERS_MAX = 1_000
# What stands beside the word that says which.
_NO_NAMES = frozenset({"the", "a", "an", "one", "please", "number", "option"})
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
    """What a person says to one question: a choice by its value, by what people call it or words of that which no other has, by
    its number or `the second one`; yes or no, a text as it is, anything else as JSON. What does not fit is for others to say."""
    told, schema, choices = words.strip(), question.schema, choices_of(question.schema)
    numbered = dict(enumerate((one for one, _ in choices), 1))
    for value, label in choices:
        if told.casefold() in (_text(value).casefold(), label.casefold()):
            return value
    if told.isascii() and told.isdigit() and int(told) in numbered:
        return numbered[int(told)]
    if (at := _place_of(told, choices)) is not None:
        return choices[at][0]
    if schema.get("type") == "boolean" and told.casefold() in YES | NO:
        return told.casefold() in YES
    return told if choices or schema.get("type") == "string" else _decoded(told)


def _place_of(told: str, choices: Sequence[tuple[Any, str]]) -> int | None:
    """Which of these is meant by an ordinal, or by words that stand in one label alone; None where none is plain."""
    words = {one.text for one in words_of(told) if one.text[0].isalnum()} - _NO_NAMES
    ordinals = [one for one in read_numbers(told, "en") if one.kind == "ordinal"]
    if len(words) == 1 and len(ordinals) == 1:
        return int(ordinals[0].value) - 1 if 0 < ordinals[0].value <= len(choices) else None
    found = [at for at, (_, label) in enumerate(choices) if words <= {one.text for one in words_of(label)}]
    return found[0] if words and len(found) == 1 else None


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
