"""Examples of a document reach whoever calls where they fit their schema, are small and hide nothing."""

import json
from typing import Any

import jsonschema_rs
import pytest

from gateway.core.compile import compile_document
from gateway.core.examples import EXAMPLE_BYTES_MAX, OWN_EXAMPLE_BYTES_MAX
from gateway.core.manifest import Manifest
from gateway.core.references import Documents

URI = "https://docs.example/api.json"


def arguments(operation: Any, kind: str = "openapi", *, compact: bool = False, **root: Any) -> dict[str, Any]:
    version = "3.2.0" if kind == "openapi" else "2.0"
    tree = {kind: version, "paths": {"/a": {"post": operation}}, **root}
    [tool] = compile_document(Manifest(name="x"), Documents(URI, {URI: tree}), "digest").tools
    told = json.loads(bytes(tool.compact if compact else tool.input_schema))
    assert jsonschema_rs.meta.is_valid(told)
    properties: dict[str, Any] = told["properties"]
    return properties


def query(**parameter: Any) -> dict[str, Any]:
    return {"parameters": [{"name": "q", "in": "query", **parameter}]}


def body(schema: Any, **media: Any) -> dict[str, Any]:
    return {"requestBody": {"content": {"application/json": {"schema": schema, **media}}}}


TEXT = {"type": "string"}
POINT = {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"], "additionalProperties": False}


@pytest.mark.parametrize(
    ("parameter", "told"),
    [
        ({"schema": TEXT, "example": "abc"}, ["abc"]),
        ({"schema": {**TEXT, "example": "abc"}}, ["abc"]),
        ({"schema": {**TEXT, "examples": ["abc", "def", "ghi"]}}, ["abc", "def"]),
        ({"schema": {**TEXT, "example": "own"}, "example": "nearer"}, ["nearer"]),
        ({"schema": TEXT, "examples": {"a": {"value": "abc"}, "b": {"summary": "no value"}}}, ["abc"]),
        ({"schema": TEXT, "examples": {"a": {"dataValue": "abc", "serializedValue": "q=abc"}}}, ["abc"]),
        ({"schema": TEXT, "examples": {"a": {"$ref": "#/components/examples/E"}}}, ["kept elsewhere"]),
        ({"schema": TEXT, "examples": {"a": {"$ref": "#/nowhere"}, "b": {"value": "abc"}}}, ["abc"]),
        ({"content": {"application/json": {"schema": POINT, "example": {"x": 1}}}}, [{"x": 1}]),
        ({"content": {"application/json": {"schema": POINT, "examples": {"a": {"serializedValue": '{"x":1}'}}}}}, [{"x": 1}]),
        # What it means as a value of the type.
        ({"schema": {"type": "integer"}, "example": "5"}, [5]),
        ({"schema": {"type": "array", "items": {"type": "integer"}}, "example": [1, 2]}, [[1, 2]]),
        # What does not fit is left out.
        ({"schema": {"type": "integer"}, "example": "five"}, None),
        ({"schema": {"type": "integer", "maximum": 3}, "example": 4}, None),
        ({"schema": {**TEXT, "pattern": "^a"}, "examples": {"a": {"value": "b"}, "b": {"value": "ab"}}}, ["ab"]),
        ({"schema": POINT, "example": {"x": "one"}}, None),
        ({"schema": POINT, "example": {}}, None),
        ({"schema": POINT, "example": {"x": 1, "y": 2}}, None),
        ({"schema": {"anyOf": [POINT, {"type": "null"}]}, "example": {"x": 1}}, [{"x": 1}]),
        ({"schema": {"allOf": [POINT]}, "example": {"x": "one"}}, None),
        # So is what says nothing more, what is large, and what hides something or could pass for more than a value.
        ({"schema": {**TEXT, "enum": ["a", "b"]}, "example": "a"}, None),
        ({"schema": {"type": "boolean"}, "example": True}, None),
        ({"schema": {**TEXT, "format": "date-time"}, "example": "2020-01-01T00:00:00Z"}, None),
        ({"schema": {**TEXT, "format": "password"}, "example": "hunter2"}, None),
        ({"schema": {**TEXT, "default": "x"}, "example": "abc"}, None),
        ({"schema": TEXT, "example": "x" * (EXAMPLE_BYTES_MAX + 1)}, None),
        ({"schema": {**TEXT, "example": "x" * (OWN_EXAMPLE_BYTES_MAX + 1)}}, None),
        ({"schema": TEXT, "example": "two\nlines"}, None),
        ({"schema": TEXT, "example": "hid\u200bden"}, None),
        ({"schema": TEXT, "example": ""}, None),
        ({"schema": TEXT, "example": None, "examples": None}, None),
        ({"schema": TEXT, "examples": ["abc"]}, None),
        ({"schema": TEXT, "examples": {"a": "abc"}}, None),
        ({"schema": {**TEXT, "example": {"a": 1}, "examples": {"a": 1}}}, None),
    ],
)  # fmt: skip
def test_an_example_is_shown_where_it_helps(parameter: Any, told: Any) -> None:
    components = {"examples": {"E": {"value": "kept elsewhere"}}}
    shown = arguments(query(**parameter), components=components)["q"]
    assert shown.get("examples") == told


def test_an_example_of_a_body_is_shared_out_to_its_properties() -> None:
    schema = {
        "type": "object",
        "properties": {"a": TEXT, "b": {"type": "integer"}, "c": {"$ref": "#/components/schemas/P"}},
    }
    example = {"a": "abc", "b": "not a number", "c": {"x": 1}, "d": "unknown"}
    shown = arguments(body(schema, example=example), components={"schemas": {"P": POINT}})
    assert shown["a"]["examples"] == ["abc"]
    assert "examples" not in shown["b"]
    assert shown["c"] == {"$ref": "#/$defs/P", "examples": [{"x": 1}]}


def test_an_example_of_a_body_that_is_one_argument_is_that_of_the_argument() -> None:
    shown = arguments(body({"type": "array", "items": POINT}, examples={"one": {"value": [{"x": 1}]}}))
    assert shown["body"]["examples"] == [[{"x": 1}]]


def test_swagger_says_examples_in_its_own_words() -> None:
    operation = {"parameters": [{"name": "q", "in": "query", "type": "string", "x-example": "abc"}]}
    assert arguments(operation, "swagger", host="a.example")["q"]["examples"] == ["abc"]


def test_examples_of_arguments_are_in_the_list_of_tools_and_those_deeper_are_not() -> None:
    inner = {"type": "object", "properties": {"deep": {**TEXT, "example": "abc"}, **{f"p{i}": TEXT for i in range(9)}}}
    schema = {
        "type": "object",
        "properties": {"a": {**TEXT, "example": "abc"}, "c": {"$ref": "#/components/schemas/I"}},
    }
    told = arguments(body(schema), compact=True, components={"schemas": {"I": inner}})
    assert told["a"]["examples"] == ["abc"]
    assert json.dumps(told).count("examples") == 1


def test_an_answer_has_no_examples() -> None:
    answer = {
        "200": {
            "content": {
                "application/json": {"schema": {"type": "object", "properties": {"a": {**TEXT, "example": "x"}}}}
            }
        }
    }
    tree = {"openapi": "3.1.0", "paths": {"/a": {"get": {"responses": answer}}}}
    [tool] = compile_document(Manifest(name="x"), Documents(URI, {URI: tree}), "digest").tools
    assert "examples" not in bytes(tool.output_schema).decode()
