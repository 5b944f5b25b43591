"""A document to tools: every operation a tool or a named refusal, and each tool what its operation says."""

import re
from typing import Any

import jsonschema_rs
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.catalog import Connector
from gateway.core.compile import compile_document
from gateway.core.document import DocumentBroken
from gateway.core.manifest import HeaderAuth, Manifest
from gateway.core.operation import Body, Field, Parameter, PartHeader
from gateway.core.references import Documents
from gateway.core.tool import TOOL_NAME_PATTERN, Refusal, Tool

URI = "https://docs.example/api/openapi.json"


def compile_tree(tree: dict[str, Any], **manifest: Any) -> Connector:
    return compile_document(Manifest(name="x", **manifest), Documents(URI, {URI: tree}), "digest")


def compile_one(operation: Any, path: str = "/a", method: str = "post", **root: Any) -> Connector:
    return compile_tree({"openapi": "3.0.3", "paths": {path: {method: operation}}, **root})


def tool_of(operation: Any, path: str = "/a", method: str = "post", **root: Any) -> Tool:
    connector = compile_one(operation, path, method, **root)
    assert connector.refusals == ()
    return connector.tools[0]


def refusal_of(operation: Any, path: str = "/a", **root: Any) -> Refusal:
    connector = compile_one(operation, path, **root)
    assert connector.tools == ()
    return connector.refusals[0]


def inputs(tool: Tool) -> dict[str, Any]:
    schema: dict[str, Any] = msgspec.json.decode(tool.input_schema)
    return schema


def json_body(schema: Any, media_type: str = "application/json", **more: Any) -> dict[str, Any]:
    return {"requestBody": {"content": {media_type: {"schema": schema}}, **more}}


# The document as a whole.


@pytest.mark.parametrize(
    "tree", [{}, {"openapi": "3.0.0"}, {"openapi": "3.0.0", "paths": []}, {"openapi": "9", "paths": {}}]
)
def test_what_is_no_openapi_document_is_refused_as_a_whole(tree: dict[str, Any]) -> None:
    with pytest.raises(DocumentBroken):
        compile_tree(tree)


UNNAMEABLE = {"type": "object", "properties": {"a": {"type": "string", "xml": {"name": "1 < 2"}}}}


def test_one_bad_operation_never_costs_the_rest() -> None:
    connector = compile_tree(
        {
            "openapi": "3.1.0",
            "paths": {
                "/a": {"get": {"operationId": "good"}, "put": ["no object"], "post": None},
                "/b": [],
                "/c": {"$ref": "#/nowhere"},
                "/d": {"get": {"parameters": [{"name": [1], "in": "query"}]}},
                "/e": {"get": {"parameters": {"not": "a list"}}},
                "/f": {"get": {"parameters": [{"$ref": "#/nowhere"}]}},
                "/g": {"get": {"parameters": [{"name": "a", "in": "nowhere"}]}},
                "/h": {"post": {"requestBody": {"$ref": "#/nowhere"}}},
                "/i": {"post": json_body(UNNAMEABLE, "text/xml", required=True)},
                "/j": {"additionalOperations": {"CONNECT": {}, "PURGE": {}, "a b": {}}},
                "x-k": {"get": {}},
            },
        }
    )
    assert [tool.operation.key for tool in connector.tools] == ["GET /a", "PURGE /j"]
    assert {(one.operation, one.place, one.reason) for one in connector.refusals} == {
        ("PUT /a", "/paths/~1a/put", "malformed"),
        ("POST /a", "/paths/~1a/post", "malformed"),
        ("* /b", "/paths/~1b", "malformed"),
        ("* /c", "/paths/~1c", "unresolvable-reference"),
        ("GET /d", "/paths/~1d/get/parameters/0", "malformed-parameter"),
        ("GET /e", "/paths/~1e/get/parameters", "malformed"),
        ("GET /f", "/paths/~1f/get/parameters/0", "unresolvable-reference"),
        ("GET /g", "/paths/~1g/get/parameters/0", "unknown-location"),
        ("POST /h", "/paths/~1h/post/requestBody", "unresolvable-reference"),
        ("POST /i", "/paths/~1i/post/requestBody/content/text~1xml/schema/properties/a", "unsupported-body"),
        ("CONNECT /j", "/paths/~1j/additionalOperations/CONNECT", "unknown-method"),
        ("a b /j", "/paths/~1j/additionalOperations/a b", "unknown-method"),
    }
    assert all(one.detail.endswith(".") for one in connector.refusals)


def test_every_method_becomes_a_tool_and_webhooks_and_callbacks_do_not() -> None:
    methods = ["get", "put", "post", "delete", "options", "head", "patch", "trace", "query"]
    connector = compile_tree(
        {
            "openapi": "3.2.0",
            "paths": {"/a": {method: {"callbacks": {"c": {"/x": {"post": {}}}}} for method in methods}},
            "webhooks": {"w": {"post": {}}},
        }
    )
    assert [tool.operation.method for tool in connector.tools] == [method.upper() for method in methods]


def test_path_items_come_from_elsewhere_with_what_stands_beside_the_reference() -> None:
    tree = {
        "openapi": "3.1.0",
        "paths": {"/a": {"$ref": "#/components/pathItems/A", "put": {}}},
        "components": {"pathItems": {"A": {"get": {}}}},
    }
    assert [tool.operation.key for tool in compile_tree(tree).tools] == ["GET /a", "PUT /a"]


def test_a_document_of_many_files_names_the_file_of_a_refusal() -> None:
    trees: dict[str, Any] = {
        URI: {"openapi": "3.0.0", "paths": {"/a": {"$ref": "paths/a.yaml"}}},
        "https://docs.example/api/paths/a.yaml": {
            "get": {"parameters": [{"$ref": "../common.yaml#/Limit"}]},
            "put": {"parameters": [{"$ref": "../common.yaml#/Missing"}]},
        },
        "https://docs.example/api/common.yaml": {
            "Limit": {"name": "limit", "in": "query", "schema": {"type": "integer"}}
        },
    }
    connector = compile_document(Manifest(name="x"), Documents(URI, trees), "digest")
    assert [one.argument for one in connector.tools[0].operation.parameters] == ["limit"]
    assert connector.refusals[0].place == "https://docs.example/api/paths/a.yaml#/put/parameters/0"


# Servers.


@pytest.mark.parametrize(
    ("levels", "base_url", "server"),
    [
        ([None, None, None], "", "https://docs.example"),
        ([None, None, "https://api.example/v1/"], "", "https://api.example/v1"),
        ([None, "https://item.example", "https://api.example"], "", "https://item.example"),
        (["https://op.example", "https://item.example", "https://api.example"], "", "https://op.example"),
        ([None, None, "../v1"], "", "https://docs.example/v1"),
        ([None, None, "//api.example"], "", "https://api.example"),
        ([None, None, "https://api.example/v1?key=1"], "", "https://api.example/v1?key=1"),
        ([None, None, "https://api.example"], "http://localhost:8080/base/", "http://localhost:8080/base"),
        (
            ["https://op.example/v2", None, "https://api.example"],
            "http://localhost:8080/base",
            "http://localhost:8080/base",
        ),
        (["/v2", None, "https://api.example"], "http://localhost:8080/base", "http://localhost:8080/v2"),
        (["http://localhost:8080/v3", None, None], "http://localhost:8080/base", "http://localhost:8080/v3"),
    ],
)
def test_the_nearest_server_counts_and_a_base_url_replaces_the_documents_origin(
    levels: list[str | None], base_url: str, server: str
) -> None:
    own, item, document = ([{"url": url}] if url else [] for url in levels)
    tree = {"openapi": "3.0.0", "servers": document, "paths": {"/a": {"servers": item, "get": {"servers": own}}}}
    [tool] = compile_tree(tree, base_url=base_url).tools
    assert tool.operation.server == server


def test_server_variables_are_their_defaults() -> None:
    variables = {"region": {"default": "eu"}, "version": {"enum": ["v1", "v2"]}}
    servers = [{"url": "https://{region}.example/{version}", "variables": variables}]
    assert tool_of({}, servers=servers).operation.server == "https://eu.example/v1"


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://a.example",
        "https://{tenant}.example",
        "https://me:secret@a.example",
        "http://",
        "wss://a",
    ],
)
def test_an_operation_without_a_usable_server_is_refused_and_says_what_to_do(url: str) -> None:
    refusal = refusal_of({}, servers=[{"url": url}])
    assert refusal.reason == "no-server"
    assert "base_url" in refusal.detail


@pytest.mark.parametrize("base_url", ["file:///etc", "api.example", "https://a b.example"])
def test_a_base_url_that_is_no_http_url_makes_no_tool(base_url: str) -> None:
    [refusal] = compile_tree({"openapi": "3.0.0", "paths": {"/a": {"get": {}}}}, base_url=base_url).refusals
    assert refusal.reason == "no-server"


# Parameters.


@pytest.mark.parametrize(
    ("declared", "parameter"),
    [
        ({"in": "query"}, Parameter("p", "p", "query", style="form", explode=True)),
        ({"in": "query", "explode": False}, Parameter("p", "p", "query", style="form", explode=False)),
        ({"in": "query", "style": "pipeDelimited"}, Parameter("p", "p", "query", style="pipeDelimited", explode=False)),
        ({"in": "query", "style": "deepObject"}, Parameter("p", "p", "query", style="deepObject", explode=True)),
        ({"in": "query", "style": "matrix"}, Parameter("p", "p", "query", style="form", explode=True)),
        ({"in": "query", "style": ["form"]}, Parameter("p", "p", "query", style="form", explode=True)),
        ({"in": "query", "allowReserved": True}, Parameter("p", "p", "query", allow_reserved=True)),
        ({"in": "header"}, Parameter("p", "p", "header", style="simple", explode=False)),
        ({"in": "cookie"}, Parameter("p", "p", "cookie", style="form", explode=True)),
        ({"in": "cookie", "style": "cookie"}, Parameter("p", "p", "cookie", style="cookie", explode=True)),
        (
            {"in": "query", "content": {"text/plain": {}, "application/json": {}}},
            Parameter("p", "p", "query", media_type="application/json"),
        ),
        (
            {"in": "querystring", "content": {"application/json": {}}},
            Parameter("p", "p", "querystring", media_type="application/json"),
        ),
    ],
)  # fmt: skip
def test_a_parameter_goes_where_and_how_it_says_or_as_its_place_has_it(
    declared: dict[str, Any], parameter: Parameter
) -> None:
    assert tool_of({"parameters": [{"name": "p", **declared}]}).operation.parameters == (parameter,)


def test_the_operations_parameters_win_over_those_of_its_path() -> None:
    def limit(kind: str) -> dict[str, Any]:
        return {"name": "limit", "in": "query", "schema": {"type": kind}}

    tree = {
        "openapi": "3.0.0",
        "paths": {"/a": {"parameters": [limit("string")], "get": {"parameters": [limit("integer")]}, "put": {}}},
    }
    kinds = [inputs(tool)["properties"]["limit"]["type"] for tool in compile_tree(tree).tools]
    assert kinds == ["integer", "string"]


@pytest.mark.parametrize(
    "name", ["Authorization", "content-type", "ACCEPT", "Host", "Content-Length", "Cookie", "X-Key", "X-Ours"]
)
def test_headers_that_are_not_the_callers_to_set_are_no_arguments(name: str) -> None:
    tree = {
        "openapi": "3.0.0",
        "paths": {"/a": {"get": {"parameters": [{"name": name, "in": "header", "required": True, "schema": {}}]}}},
        "components": {"securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "x-key"}}},
    }
    [tool] = compile_tree(tree, auth=HeaderAuth(header="x-ours", secret="s")).tools
    assert inputs(tool) == {"type": "object", "properties": {}, "additionalProperties": False}
    assert tool.operation.parameters == ()


def test_the_path_has_exactly_the_parameters_of_its_template() -> None:
    connector = compile_one(
        {"parameters": [{"name": "id", "in": "path", "schema": {"type": "integer"}}, {"name": "gone", "in": "path"}]},
        path="/a/{id}/b/{other}",
    )
    [tool] = connector.tools
    assert inputs(tool)["required"] == ["id", "other"]
    assert {key: one["type"] for key, one in inputs(tool)["properties"].items()} == {"id": "integer", "other": "string"}
    assert {repair.reason for repair in connector.repairs} == {
        "path-parameter-required",
        "path-parameter-dropped",
        "path-parameter-added",
    }


def test_a_placeholder_as_rfc_6570_writes_it_is_the_parameter_of_its_name() -> None:
    tool = tool_of({"parameters": [{"name": "name", "in": "path", "description": "Whose."}]}, path="/v1/{+name}")
    assert [(one.argument, one.name) for one in tool.operation.parameters] == [("name", "+name")]
    assert inputs(tool)["properties"]["name"]["description"] == "Whose."


def test_a_fragment_in_a_path_only_tells_operations_apart() -> None:
    tree = {"openapi": "3.0.0", "paths": {"/a#one": {"post": {}}, "/a#two": {"post": {}}, "/b?c=d": {"post": {}}}}
    tools = compile_tree(tree).tools
    assert [tool.operation.path for tool in tools] == ["/a", "/a", "/b?c=d"]


def test_one_name_in_several_places_is_several_arguments() -> None:
    operation = {
        "parameters": [{"name": "id", "in": where} for where in ("cookie", "header", "query", "path")],
        **json_body({"type": "object", "properties": {"id": {}}}),
    }
    tool = tool_of(operation, path="/a/{id}")
    assert list(inputs(tool)["properties"]) == ["id", "query_id", "header_id", "cookie_id", "body_id"]
    assert tool.operation.body is not None
    assert tool.operation.body.fields[0].argument == "body_id"


# Bodies.


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (["text/plain", "application/json"], "application/json"),
        (["application/json; charset=utf-8", "application/json"], "application/json"),
        (["application/x-www-form-urlencoded", "application/vnd.x+json"], "application/vnd.x+json"),
        (["multipart/form-data", "application/x-www-form-urlencoded"], "application/x-www-form-urlencoded"),
        (["text/plain", "application/octet-stream"], "application/octet-stream"),
        (["application/xml", "text/plain", "application/octet-stream"], "application/xml"),
        (["application/xml", "application/json"], "application/json"),
        (["*/*"], "application/json"),
        ([""], "application/json"),
        (["text/*"], "text/plain"),
        (["image/*"], "image/*"),
        (["application/json\r\nX-Injected: 1", "text/plain"], "text/plain"),
    ],
)
def test_the_media_type_of_a_body_is_chosen_in_a_fixed_order(offered: list[str], chosen: str) -> None:
    tool = tool_of({"requestBody": {"content": {kind: {} for kind in offered}}})
    assert tool.operation.body is not None
    assert tool.operation.body.media_type == chosen


PET = {
    "type": "object",
    "required": ["name", "id"],
    "properties": {"id": {"type": "integer", "readOnly": True}, "name": {"type": "string"}, "tag": {"type": "string"}},
}


@pytest.mark.parametrize(
    "schema",
    [
        PET,
        {"$ref": "#/components/schemas/Pet"},
        {"allOf": [{"$ref": "#/components/schemas/Pet"}, {"description": "More."}]},
        {"allOf": [{"properties": PET["properties"]}, {"required": ["name"]}, {"anyOf": [{"required": ["tag"]}]}]},
        {"type": ["object", "null"], "properties": PET["properties"], "required": ["name"]},
    ],
)
def test_the_properties_of_an_object_body_are_arguments(schema: Any) -> None:
    tool = tool_of(json_body(schema, required=True), components={"schemas": {"Pet": PET}})
    assert tool.operation.body == Body("application/json", True, fields=(Field("name", "name"), Field("tag", "tag")))
    assert inputs(tool)["properties"].keys() == {"name", "tag"}
    assert inputs(tool)["required"] == ["name"]


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array", "items": {}},
        {"oneOf": [{"properties": {"a": {}}}, {"properties": {"b": {}}}], "properties": {"c": {}}},
        {"type": "string"},
        {"type": "object"},
        {"type": "object", "additionalProperties": {"type": "string"}},
        {"type": "object", "properties": {"id": {"readOnly": True}}},
        {"$ref": "#/nowhere"},
        True,
    ],
)
def test_any_other_body_is_one_argument(schema: Any) -> None:
    tool = tool_of(json_body(schema, required=True))
    assert tool.operation.body == Body("application/json", True, argument="body")
    assert inputs(tool)["required"] == ["body"]


@pytest.mark.parametrize(
    ("schema", "required", "has_body"),
    [
        ({"type": "object", "properties": {}}, False, False),
        ({"properties": {}, "additionalProperties": False}, False, False),
        ({"type": "object", "properties": {}}, True, True),
        ({"type": "object", "properties": {}, "additionalProperties": True}, False, True),
        ({"type": "object"}, False, True),
        ({"properties": {}, "anyOf": [{"required": ["a"]}]}, False, True),
    ],
)
def test_an_optional_object_that_names_no_properties_is_no_body(schema: Any, required: bool, has_body: bool) -> None:
    tool = tool_of(json_body(schema, "application/x-www-form-urlencoded", required=required))
    assert (tool.operation.body is not None) == has_body == ("body" in inputs(tool)["properties"])


def test_additional_properties_beside_named_ones_are_an_argument_of_their_own() -> None:
    tool = tool_of(json_body({"properties": {"a": {}}, "additionalProperties": {"type": "integer"}}))
    assert tool.operation.body is not None
    assert tool.operation.body.extra == "additional_properties"
    told = inputs(tool)["properties"]["additional_properties"]
    assert told == {"type": "object", "additionalProperties": {"type": "integer"}}


def test_an_optional_body_may_be_left_out_but_not_be_half_given() -> None:
    schema = {"properties": {"a": {}, "b": {}, "c": {}}, "required": ["a", "b"]}
    check = jsonschema_rs.Draft202012Validator(inputs(tool_of(json_body(schema))))
    assert check.is_valid({})
    assert check.is_valid({"a": 1, "b": 1})
    assert not any(check.is_valid(half) for half in ({"a": 1}, {"b": 1}, {"c": 1}, {"a": 1, "c": 1}, {"b": 1, "c": 1}))


def test_fields_of_a_form_say_how_they_are_written() -> None:
    schema = {
        "properties": {
            name: {"type": "string", "format": "binary"} if name == "file" else {} for name in ("a", "b", "file")
        }
    }
    encoding = {
        "a": {"style": "deepObject"},
        "b": {"contentType": "text/plain\r\nX-Injected: 1", "explode": False, "allowReserved": True},
        "file": {"contentType": "image/png, image/jpeg"},
    }
    tool = tool_of({"requestBody": {"content": {"multipart/form-data": {"schema": schema, "encoding": encoding}}}})
    assert tool.operation.body is not None
    assert tool.operation.body.fields == (
        Field("a", "a", style="deepObject", styled=True),
        Field("b", "b", explode=False, allow_reserved=True, styled=True),
        Field("file", "file", content_type="image/png", binary=True),
    )


@pytest.mark.parametrize(
    ("media_type", "schema", "is_file"),
    [
        ("multipart/form-data", {"type": "string", "format": "binary"}, True),
        ("multipart/form-data", {"type": "string", "contentMediaType": "image/png"}, True),
        ("multipart/form-data", {"type": "string"}, False),
        ("application/json", {"type": "string", "format": "binary"}, False),
    ],
)
def test_a_file_is_an_object_with_its_bytes_in_base64(media_type: str, schema: Any, is_file: bool) -> None:
    told = inputs(
        tool_of(json_body({"properties": {"f": schema, "fs": {"type": "array", "items": schema}}}, media_type))
    )
    assert ("data" in told["properties"]["f"].get("properties", ())) is is_file
    assert ("data" in told["properties"]["fs"]["items"].get("properties", ())) is is_file


def test_an_optional_body_that_cannot_be_written_is_left_out_and_told() -> None:
    connector = compile_one(json_body(UNNAMEABLE, "application/xml"))
    assert connector.tools[0].operation.body is None
    assert [repair.reason for repair in connector.repairs] == ["body-dropped"]


# Responses, texts, scopes.


def answers(**by_status: Any) -> dict[str, Any]:
    kinds = {
        status.strip("_"): {"content": {"application/json": {"schema": schema}}} for status, schema in by_status.items()
    }
    return {"responses": kinds}


@pytest.mark.parametrize(
    ("responses", "output"),
    [
        (answers(_201={"type": "string"}, _200={"type": "integer"}), {"type": "integer"}),
        (answers(_404={"type": "string"}, _2XX={"type": "array"}), {"type": "array"}),
        (answers(default={"type": "string"}), {"type": "string"}),
        ({"responses": {"204": {}, **answers(default={"type": "string"})["responses"]}}, None),
        (answers(_200={}), None),
        (answers(_200={"$ref": "#/nowhere"}), None),
        ({"responses": {"200": {"$ref": "#/nowhere"}}}, None),
        ({"responses": []}, None),
        ({}, None),
    ],
)
def test_the_output_schema_is_that_of_the_first_success(responses: dict[str, Any], output: Any) -> None:
    told = tool_of(responses).output_schema
    assert (msgspec.json.decode(told) if bytes(told) else None) == output


def test_the_schema_of_an_answer_stands_at_the_root_of_the_output_schema() -> None:
    told = tool_of(
        answers(_200={"$ref": "#/components/schemas/Pet"}), components={"schemas": {"Pet": PET}}
    ).output_schema
    assert msgspec.json.decode(told)["properties"].keys() == {"id", "name", "tag"}


@pytest.mark.parametrize(
    ("kinds", "accept"),
    [
        ([], "application/json, */*;q=0.5"),
        (["application/json"], "application/json, */*;q=0.1"),
        (["text/csv", "application/vnd.x+json"], "application/vnd.x+json, text/csv;q=0.9, */*;q=0.1"),
        (
            ["application/xml", "text/json", "application/json; charset=utf-8"],
            "text/json, application/json;q=0.9, application/xml;q=0.8, */*;q=0.1",
        ),
        (["application/json;v=2;q=0.3"], "application/json;v=2, */*;q=0.1"),
        (["image/png", "image/*"], "image/png, image/*;q=0.9, application/json;q=0.2, */*;q=0.1"),
        (["application/*+json", "*/*"], "application/json, */*;q=0.5"),
        (["text/x\r\nInjected: 1", "*/*"], "application/json, */*;q=0.5"),
        (
            [f"text/x{n}" for n in range(20)],
            ", ".join(["text/x0", *(f"text/x{n};q=0.{10 - n}" for n in range(1, 8))])
            + ", application/json;q=0.2, */*;q=0.1",
        ),
    ],
)
def test_json_is_preferred_then_what_the_document_declares(kinds: list[str], accept: str) -> None:
    assert tool_of({"responses": {"200": {"content": {kind: {} for kind in kinds}}}}).operation.accept == accept


def test_the_headers_of_successes_that_a_caller_may_need_are_known() -> None:
    told = {name: {} for name in ("ETag", "X-Total-Count", "X-RateLimit-Left", "Set-Cookie", "X-Request-Id", "Link")}
    tool = tool_of({"responses": {"200": {"headers": told}, "404": {"headers": {"X-Why": {}}}}})
    assert tool.operation.headers == ("etag", "x-total-count")


@pytest.mark.parametrize(
    ("texts", "title", "description"),
    [
        ({"summary": "List pets", "description": "All of them."}, "List pets", "List pets. All of them."),
        ({"summary": "List pets", "description": "List pets of a user."}, "List pets", "List pets of a user."),
        ({"summary": "<b>List</b>\n pets\u200b"}, "List pets", "List pets."),
        ({"description": "Use <token>.", "operationId": "listPets"}, "List pets", "Use <token>."),
        ({"summary": "Old", "deprecated": True}, "Old", "Deprecated. Old."),
        ({"operationId": "listPets"}, "List pets", "POST /a of listPets."),
        ({}, "POST /a", "POST /a of the API."),
        ({"summary": 1, "description": ["x"]}, "POST /a", "POST /a of the API."),
    ],
)
def test_a_tool_says_what_it_does_in_plain_text(texts: dict[str, Any], title: str, description: str) -> None:
    tool = tool_of(texts)
    assert (tool.title, tool.description) == (title, description)


def test_a_description_is_bounded() -> None:
    assert len(tool_of({"description": "word " * 1_000}).description) <= 1_000


@pytest.mark.parametrize(
    ("root", "own", "scopes"),
    [
        (None, None, [{"x:write"}]),
        ([{"o": ["a"]}], None, [{"x:a"}]),
        ([{"o": ["a"]}], [], [{"x:write"}]),
        ([{"o": ["a"]}], [{}], [{"x:write"}]),
        (None, [{"o": ["a", "b"], "key": []}], [{"x:a", "x:b"}]),
        (None, [{"o": ["a"]}, {"key": []}], [{"x:a"}, {"x:write"}]),
        (None, [{"o": "a"}, None, 3], [{"x:a"}]),
        (None, {"o": ["a"]}, [{"x:a"}]),
        (None, ["o"], [{"x:write"}]),
        (None, "none", [{"x:write"}]),
    ],
)
def test_security_requirements_are_scopes(root: Any, own: Any, scopes: list[set[str]]) -> None:
    told = {key: value for key, value in (("security", own),) if value is not None}
    assert list(tool_of(told, **({"security": root} if root else {})).scopes) == scopes


# Anything at all.

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    | st.sampled_from(["#/paths", "#/components/schemas/S", "#/nowhere", "query", "path", "object", "string", "/a"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from([
            "$ref", "get", "post", "parameters", "name", "in", "schema", "content", "requestBody", "required",
            "responses", "200", "default", "application/json", "multipart/form-data", "properties", "type",
            "items", "allOf", "security", "servers", "url", "variables", "summary", "operationId", "tags",
            "style", "explode", "encoding", "additionalOperations", "description", "readOnly", "S", "x", "GET", "headers",
            "discriminator", "propertyName", "mapping", "example", "examples", "value", "oneOf", "enum",
        ]),
        inner,
        max_size=5,
    ),
    max_leaves=25,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(JSON, JSON, JSON, st.sampled_from(["openapi", "swagger"]))
def test_no_document_does_anything_but_compile_or_be_refused(
    item: Any, operation: Any, component: Any, kind: str
) -> None:
    tree = {
        kind: "3.1.0" if kind == "openapi" else "2.0",
        "info": item,
        "host": "a.example",
        "paths": {
            "/a": item,
            "/b/{c}": {"get": operation, "post": {"parameters": operation}, "put": {"requestBody": item}},
        },
        "components": {"schemas": {"S": component}, "securitySchemes": component},
        "securityDefinitions": component,
        "security": component,
        "servers": item,
        "consumes": operation,
    }
    connector = compile_tree(tree)
    assert len(connector.tools) + len(connector.refusals) >= 3
    for tool in connector.tools:
        assert re.fullmatch(TOOL_NAME_PATTERN, tool.name)
        for encoded in (tool.input_schema, tool.output_schema):
            if bytes(encoded):
                assert jsonschema_rs.meta.is_valid(msgspec.json.decode(encoded))
                jsonschema_rs.Draft202012Validator(msgspec.json.decode(encoded))


# Bodies of other kinds.


def test_the_headers_of_a_part_become_arguments_or_are_sent_as_they_must_be() -> None:
    schema = {"properties": {"a": {"type": "string"}}}
    headers = {
        "X-Kind": {"schema": {"enum": ["photo"]}},
        "X-Note": {"required": True, "description": "What it shows.", "schema": {"type": "string"}},
        "Content-Type": {"schema": {"type": "string"}},
    }
    media = {"schema": schema, "encoding": {"a": {"headers": headers}}}
    tool = tool_of({"requestBody": {"content": {"multipart/form-data": media}}})
    assert tool.operation.body is not None
    assert tool.operation.body.fields[0].headers == (
        PartHeader("X-Kind", value="photo"),
        PartHeader("X-Note", argument="a_X-Note"),
    )
    told = inputs(tool)
    assert told["properties"]["a_X-Note"] == {"type": "string", "description": "What it shows."}
    assert "required" not in told
    assert told["dependentRequired"] == {"a": ["a_X-Note"]}
    needed = {"schema": {**schema, "required": ["a"]}, "encoding": {"a": {"headers": headers}}}
    body = {"required": True, "content": {"multipart/form-data": needed}}
    assert inputs(tool_of({"requestBody": body}))["required"] == ["a", "a_X-Note"]


@pytest.mark.parametrize(
    ("media", "schema"),
    [
        ({"schema": {"type": "array", "items": {"type": "integer"}}}, {"type": "array", "items": {"type": "integer"}}),
        ({"schema": {"type": "integer"}}, {"type": "array", "items": {"type": "integer"}}),
        ({"itemSchema": {"type": "integer"}}, {"type": "array", "items": {"type": "integer"}}),
        ({}, {"type": "array", "items": True}),
    ],
)
def test_a_body_of_lines_is_a_list_of_what_each_line_is(media: Any, schema: Any) -> None:
    tool = tool_of({"requestBody": {"content": {"application/x-ndjson": media}}})
    assert tool.operation.body == Body("application/x-ndjson", argument="body", sequential=True)
    assert inputs(tool)["properties"]["body"] == schema


def test_the_manifest_says_which_media_type_it_prefers() -> None:
    tree = {
        "openapi": "3.1.0",
        "servers": [{"url": "https://x.example"}],
        "paths": {"/a": {"post": {"requestBody": {"content": {"application/json": {}, "text/plain": {}, "a/b": {}}}}}},
    }
    manifest = Manifest(name="x", media_types=("image/png", "TEXT/plain", "application/json"))
    connector = compile_document(manifest, Documents("main", {"main": tree}), "digest")
    body = connector.tools[0].operation.body
    assert body is not None
    assert body.media_type == "text/plain"
