"""What is required and has a value in the document need not be given, and is sent; what is optional is left to the server."""

import json
from typing import Any

import pytest

from gateway.core.arguments import check_arguments, compile_arguments
from gateway.core.compile import compile_document
from gateway.core.http import HttpRequest
from gateway.core.manifest import Manifest
from gateway.core.references import Documents
from gateway.core.request import build_request
from gateway.core.tool import Tool

FORM = "application/x-www-form-urlencoded"


def compiled(*parameters: Any, path: str = "/a", body: Any = None, components: Any = None) -> Tool:
    operation: dict[str, Any] = {"parameters": list(parameters), "responses": {"200": {"description": "ok"}}}
    if body is not None:
        operation["requestBody"] = body
    tree = {
        "openapi": "3.1.0",
        "info": {"title": "t", "version": "1"},
        "servers": [{"url": "https://api.example"}],
        "paths": {path: {"post": operation}},
        "components": {"schemas": components or {}},
    }
    connector = compile_document(Manifest(name="x"), Documents("https://d.example/", {"https://d.example/": tree}), "d")
    [tool] = connector.tools
    return tool


def parameter(name: str, where: str, schema: Any, *, required: bool = True) -> dict[str, Any]:
    return {"name": name, "in": where, "required": required, "schema": schema}


def json_body(properties: Any, required: list[str], *, needed: bool = True, kind: str = "application/json") -> Any:
    schema = {"type": "object", "properties": properties, "required": required}
    return {"required": needed, "content": {kind: {"schema": schema}}}


def request(tool: Tool, **arguments: Any) -> HttpRequest:
    assert check_arguments(compile_arguments(tool.input_schema), arguments) == ()
    return build_request(tool.operation, arguments)


def required(tool: Tool) -> list[str]:
    told: list[str] = json.loads(bytes(tool.input_schema)).get("required", [])
    assert json.loads(bytes(tool.compact)).get("required", []) == told
    return told


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ({"type": "string", "default": "b"}, "v=b"),
        ({"const": 1}, "v=1"),
        ({"type": "string", "enum": ["only"]}, "v=only"),
        ({"type": "string", "enum": ["only"], "default": "other"}, "v=only"),
        ({"type": "string", "enum": ["a", "b"], "default": "b"}, "v=b"),
        ({"type": "boolean", "default": False}, "v=false"),
        ({"type": "integer", "default": 0}, "v=0"),
        ({"type": "array", "items": {"type": "string"}, "default": ["a", "b"]}, "v=a&v=b"),
        ({"$ref": "#/components/schemas/Kind"}, "v=one"),
        ({"allOf": [{"$ref": "#/components/schemas/Kind"}]}, "v=one"),
        ({"allOf": [{"$ref": "#/components/schemas/Size"}], "default": "l"}, "v=l"),
    ],
)
def test_a_required_parameter_with_a_value_in_the_document_need_not_be_given_and_is_sent(
    schema: Any, told: str
) -> None:
    kinds = {"Kind": {"type": "string", "enum": ["one"]}, "Size": {"type": "string", "enum": ["s", "l"]}}
    tool = compiled(parameter("v", "query", schema), components=kinds)
    assert required(tool) == []
    assert request(tool).url == f"https://api.example/a?{told}"


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string"},
        {"type": "string", "enum": ["a", "b"]},
        {"type": "string", "default": ["a"]},
        {"type": "string", "enum": ["a", "b"], "default": "c"},
        {"type": "integer", "maximum": 3, "default": 10},
        {"type": ["string", "null"], "default": None},
        {"type": "array", "default": []},
        {"allOf": [{"type": "string", "maxLength": 1}], "default": "long"},
    ],
)
def test_a_required_parameter_without_a_usable_value_has_to_be_given(schema: Any) -> None:
    assert required(compiled(parameter("v", "query", schema))) == ["v"]


def test_the_default_of_an_optional_parameter_or_member_is_never_sent() -> None:
    tool = compiled(
        parameter("v", "query", {"type": "string", "default": "b"}, required=False),
        parameter("X-V", "header", {"type": "string", "enum": ["b"]}, required=False),
        body=json_body(
            {"a": {"type": "string", "default": "x"}, "b": {"type": "object", "properties": {"c": {"default": 1}}}}, []
        ),
    )
    told = request(tool, b={})
    assert (told.url, told.content) == ("https://api.example/a", b'{"b":{}}')
    assert "X-V" not in dict(told.headers)


def test_a_caller_says_otherwise() -> None:
    tool = compiled(parameter("v", "query", {"type": "string", "default": "b"}))
    assert request(tool, v="c").url == "https://api.example/a?v=c"


def test_a_path_a_header_and_a_cookie_have_their_defaults_too() -> None:
    tool = compiled(
        parameter("version", "path", {"type": "string", "default": "v2"}),
        parameter("Revision", "header", {"type": "string", "default": "2025-01-01"}),
        parameter("c", "cookie", {"type": "integer", "default": 1}),
        path="/{version}/a",
    )
    told = request(tool)
    assert told.url == "https://api.example/v2/a"
    assert (dict(told.headers)["Revision"], dict(told.headers)["Cookie"]) == ("2025-01-01", "c=1")
    assert required(compiled(parameter("v", "path", {"type": "string", "default": ""}), path="/{v}")) == ["v"]


@pytest.mark.parametrize(
    ("kind", "told"), [("application/json", b'{"type":"card","amount":5}'), (FORM, b"type=card&amount=5")]
)
def test_a_required_member_of_a_body_has_its_default(kind: str, told: bytes) -> None:
    properties = {"type": {"type": "string", "enum": ["card"]}, "amount": {"type": "integer"}}
    tool = compiled(body=json_body(properties, ["type", "amount"], kind=kind))
    assert required(tool) == ["amount"]
    sent = request(tool, amount=5).content
    assert sorted(sent.strip(b"{}").split(b"," if b"{" in told else b"&")) == sorted(
        told.strip(b"{}").split(b"," if b"{" in told else b"&")
    )


def test_a_null_that_is_given_is_kept_in_json() -> None:
    tool = compiled(body=json_body({"a": {"type": ["string", "null"], "default": "x"}}, ["a"]))
    assert request(tool, a=None).content == b'{"a":null}'
    assert request(tool).content == b'{"a":"x"}'


def test_an_optional_body_has_its_defaults_only_where_something_of_it_is_given() -> None:
    properties = {"type": {"const": "card"}, "amount": {"type": "integer"}, "note": {"type": "string"}}
    tool = compiled(body=json_body(properties, ["type", "amount"], needed=False))
    assert request(tool).content == b""
    assert json.loads(request(tool, amount=5).content) == {"type": "card", "amount": 5}
    assert check_arguments(compile_arguments(tool.input_schema), {"note": "x"}) != ()
