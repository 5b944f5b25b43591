"""Documents as people write them: what is of the wrong kind and has a plain meaning is taken for that, and told."""

import json
from typing import Any

import pytest

from gateway.core.catalog import Connector
from gateway.core.compile import compile_document
from gateway.core.document import parse_document
from gateway.core.manifest import Manifest
from gateway.core.mend import flag_meant, pattern_meant
from gateway.core.references import Documents

URI = "https://docs.example/api.json"


def compile_tree(paths: Any, **root: Any) -> Connector:
    tree = {"openapi": "3.1.0", "servers": [{"url": "https://s.example"}], "paths": paths, **root}
    return compile_document(Manifest(name="x"), Documents(URI, {URI: tree}), "digest")


def compile_one(operation: Any, path: str = "/a", **root: Any) -> Connector:
    connector = compile_tree({path: {"post": operation}}, **root)
    assert connector.refusals == ()
    return connector


def told(connector: Connector) -> Any:
    return json.loads(bytes(connector.tools[0].input_schema))


def reasons(connector: Connector) -> list[str]:
    return [repair.reason for repair in connector.repairs]


def query(**parameter: Any) -> dict[str, Any]:
    return {"parameters": [{"name": "q", "in": "query", **parameter}]}


def body(schema: Any, kind: str = "application/json", **media: Any) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {kind: {"schema": schema, **media}}}}


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        *((one, True) for one in (True, "true", " Yes ", "ON", "y", "1", 1)),
        *((one, False) for one in (False, "false", "No", "off", "0", 0)),
        *((one, None) for one in (None, "", "maybe", 2, 1.5, [], {}, ["true"])),
    ],
)
def test_a_word_for_true_or_false_is_a_flag(said: Any, meant: bool | None) -> None:
    assert flag_meant(said) is meant


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("/^a$/", "^a$"),
        ("/^a$/i", "(?i)^a$"),
        ("/^a/b$/g", "^a/b$"),
        ("/api/v1/", "/api/v1/"),
        ("^a$", "^a$"),
        ("/^a$/q", "/^a$/q"),
        ("/", "/"),
        ("", ""),
    ],
)
def test_a_pattern_loses_only_the_slashes_of_a_programs_source(written: str, meant: str) -> None:
    assert pattern_meant(written) == meant


@pytest.mark.parametrize(
    ("parameters", "names"),
    [
        ({"q": {"in": "query"}, "r": {"in": "query"}}, ["q", "r"]),
        ({"name": "q", "in": "query"}, ["q"]),
        ([None, {"name": "q", "in": "query"}], ["q"]),
        ({"q": {"$ref": "#/x/q"}}, ["q"]),
    ],
)
def test_parameters_by_name_or_alone_are_parameters(parameters: Any, names: list[str]) -> None:
    connector = compile_one({"parameters": parameters}, x={"q": {"name": "q", "in": "query"}})
    assert list(told(connector)["properties"]) == names
    assert reasons(connector) == ["wrong-type-repaired"]


@pytest.mark.parametrize(
    ("parameter", "where", "reason"),
    [
        ({"name": "id", "in": "Path"}, "path", "location-repaired"),
        ({"name": "id", "required": True}, "path", "location-repaired"),
        ({"name": "q", "in": " QUERY"}, "query", "location-repaired"),
        ({"name": 5, "in": "query"}, "query", "wrong-type-repaired"),
    ],
)
def test_a_parameter_whose_name_or_place_is_written_oddly_is_where_it_means_to_be(
    parameter: Any, where: str, reason: str
) -> None:
    connector = compile_one({"parameters": [parameter]}, "/a/{id}")
    [found] = [one for one in connector.tools[0].operation.parameters if one.name == str(parameter["name"])]
    assert found.location == where
    assert reason in reasons(connector)


@pytest.mark.parametrize(
    "parameter",
    [{"name": "q"}, {"name": "q", "in": None}, {"name": ["q"], "in": "query"}, {"in": "query"}, {"$ref": 5}],
)
def test_a_parameter_with_no_plain_place_or_name_is_refused_by_name(parameter: Any) -> None:
    [refusal] = compile_tree({"/a": {"post": {"parameters": [parameter]}}}).refusals
    assert (refusal.reason, refusal.place) == ("malformed-parameter", "/paths/~1a/post/parameters/0")


def test_places_of_swagger_in_openapi_3_are_the_request_body() -> None:
    whole = {"parameters": [{"name": "b", "in": "body", "schema": {"properties": {"a": {}}}}]}
    fields = {"parameters": [{"name": "a", "in": "formData", "type": "string"}]}
    for operation, kind in ((whole, "application/json"), (fields, "application/x-www-form-urlencoded")):
        connector = compile_one(operation)
        [tool] = connector.tools
        assert tool.operation.body is not None
        assert (tool.operation.body.media_type, [one.name for one in tool.operation.body.fields]) == (kind, ["a"])
        assert reasons(connector) == ["location-repaired"]


@pytest.mark.parametrize("word", ["true", "yes", 1])
def test_flags_are_read_wherever_they_stand(word: Any) -> None:
    operation = {
        **query(required=word, explode="false", schema={"type": "array"}),
        "deprecated": word,
        "requestBody": {"required": word, "content": {"application/json": {"schema": {"required": ["a"]}}}},
    }
    connector = compile_one(operation)
    [tool] = connector.tools
    [parameter] = tool.operation.parameters
    assert (parameter.required, parameter.explode, tool.deprecated) == (True, False, True)
    assert tool.operation.body is not None
    assert tool.operation.body.required
    assert reasons(connector) == ["flag-repaired"] * 4


def test_flags_of_schemas_are_read_as_words() -> None:
    members = {"a": {"readOnly": "true"}, "b": {"type": "string", "nullable": "yes"}, "c": {"required": "true"}}
    connector = compile_one(body({"properties": members}))
    assert told(connector)["properties"] == {"b": {"type": ["string", "null"]}, "c": {}}
    assert told(connector)["required"] == ["c"]
    assert reasons(connector) == ["flag-repaired"]


@pytest.mark.parametrize(
    ("schema", "meant", "reason"),
    [
        ("string", {"type": "string"}, "wrong-type-repaired"),
        ("#/x", {"type": "integer"}, "wrong-type-repaired"),
        ({"type": "array", "items": "string"}, {"type": "array", "items": {"type": "string"}}, "wrong-type-repaired"),
        ({"type": "string", "enum": "a"}, {"type": "string", "enum": ["a"]}, "wrong-type-repaired"),
        ({"type": "string", "enum": "a,b"}, {"type": "string"}, "keyword-dropped"),
        ({"type": "string|null"}, {"type": ["string", "null"]}, "type-repaired"),
        ({"type": "string", "pattern": "/^a$/i"}, {"type": "string", "pattern": "(?i)^a$"}, "pattern-repaired"),
        ({"minimum": 1, "exclusiveMinimum": "true"}, {"exclusiveMinimum": 1}, "flag-repaired"),
        ({"type": "array", "uniqueItems": "true"}, {"type": "array", "uniqueItems": True}, "flag-repaired"),
        ({"allOf": {"type": "string"}}, {"allOf": [{"type": "string"}]}, "wrong-type-repaired"),
        ({"additionalProperties": "false"}, {"additionalProperties": False}, "flag-repaired"),
        ({"type": "integer", "exclusiveMinimum": "1"}, {"type": "integer", "exclusiveMinimum": 1}, ""),
        ({"type": "integer", "default": "5"}, {"type": "integer", "default": 5}, ""),
        ({"type": "integer", "default": "five"}, {"type": "integer"}, ""),
    ],
)
def test_a_schema_of_the_wrong_kind_is_what_it_means(schema: Any, meant: Any, reason: str) -> None:
    connector = compile_one(query(schema=schema), x={"type": "integer"})
    assert told(connector)["properties"]["q"] == meant
    assert reasons(connector) == ([reason] if reason else [])


@pytest.mark.parametrize(
    "properties",
    [
        [{"name": "a", "type": "string"}, {"name": "b", "type": "integer", "required": True}],
        [{"a": {"type": "string"}}, {"b": {"type": "integer", "required": True}}],
    ],
)
def test_properties_in_a_list_are_properties(properties: Any) -> None:
    connector = compile_one(body({"type": "object", "properties": properties}))
    assert told(connector)["properties"] == {"a": {"type": "string"}, "b": {"type": "integer"}}
    assert told(connector)["required"] == ["b"]
    assert reasons(connector) == ["wrong-type-repaired"]


PET = {"type": "object", "properties": {"name": {"type": "string"}}}


@pytest.mark.parametrize(
    ("request_body", "reason"),
    [
        ({"schema": PET}, "media-type-repaired"),
        ({"content": {"schema": PET}}, "media-type-repaired"),
        ({"$ref": "#/components/schemas/Pet"}, "media-type-repaired"),
        ({"content": {"application/json": PET}}, "wrong-type-repaired"),
        ({"content": {"application/json": {"$ref": "#/components/schemas/Pet"}}}, "wrong-type-repaired"),
        ({"content": {"application/json": {"schema": "#/components/schemas/Pet"}}}, "wrong-type-repaired"),
        ({"content": {"": {"schema": PET}}}, "media-type-repaired"),
        ({"content": {"application/json": {"schema": {"$ref": "Pet"}}}}, "reference-repaired"),
        ({"content": {"application/json": {"schema": {"$ref": "#/definitions/Pet"}}}}, "reference-repaired"),
        ({"content": {"application/json": {"schema": {"$ref": "#components/schemas/Pet"}}}}, "reference-repaired"),
    ],
)
def test_a_schema_where_a_media_type_belongs_is_the_body(request_body: Any, reason: str) -> None:
    connector = compile_one({"requestBody": request_body}, components={"schemas": {"Pet": PET}})
    [tool] = connector.tools
    assert tool.operation.body is not None
    assert tool.operation.body.media_type == "application/json"
    schema = told(connector)
    assert "name" in schema["properties"] or schema["$defs"]["Pet"] == PET
    assert reasons(connector) == [reason]


@pytest.mark.parametrize("content", ["text/plain", ["text/plain"]])
def test_media_types_without_schemas_are_media_types(content: Any) -> None:
    connector = compile_one({"requestBody": {"content": content}})
    assert connector.tools[0].operation.body is not None
    assert connector.tools[0].operation.body.media_type == "text/plain"
    assert reasons(connector) == ["wrong-type-repaired"]


@pytest.mark.parametrize(
    ("servers", "url", "is_repaired"),
    [
        ({"url": "https://o.example"}, "https://o.example", True),
        ("https://o.example", "https://o.example", True),
        (["https://o.example"], "https://o.example", True),
        ({"live": {"url": "https://o.example"}}, "https://o.example", True),
        ({"$ref": "#/x/all"}, "https://o.example", False),
        ([{"$ref": "#/x/one"}], "https://o.example", False),
        ({}, "https://s.example", False),
        (5, "https://s.example", False),
    ],
)
def test_servers_are_found_however_they_are_written(servers: Any, url: str, is_repaired: bool) -> None:
    server = {"url": "https://o.example"}
    connector = compile_one({"servers": servers}, x={"all": [server], "one": server})
    assert connector.tools[0].operation.server == url
    assert reasons(connector) == ["wrong-type-repaired"] * is_repaired


@pytest.mark.parametrize(
    ("tags", "names"), [("pets", ("pets",)), ([{"name": "pets"}], ("pets",)), (["pets"], ("pets",))]
)
def test_tags_are_names(tags: Any, names: tuple[str, ...]) -> None:
    assert compile_one({"tags": tags}).tools[0].tags == names


def test_a_method_in_capitals_is_that_method_and_never_a_second_one() -> None:
    connector = compile_tree(
        {"/a": {"GET": {}, "Post": {}}, "/b": {"get": {}, "GET": {}}, "/c": {"purge": {"responses": {}}}}
    )
    assert [tool.operation.key for tool in connector.tools] == ["GET /a", "POST /a", "GET /b", "PURGE /c"]
    assert [(one.place, one.reason) for one in connector.refusals] == [("/paths/~1b/GET", "repeated-operation")]
    assert reasons(connector) == ["method-repaired", "method-repaired"]


def test_what_is_no_operation_in_a_path_item_is_let_be() -> None:
    connector = compile_tree(
        {"/a": {"get": {}, "notes": {"author": "me"}, "connect": {"responses": {}}, "x-y": {"responses": {}}}}
    )
    assert [tool.operation.key for tool in connector.tools] == ["GET /a"]
    assert [(one.operation, one.reason) for one in connector.refusals] == [("connect /a", "unknown-method")]


@pytest.mark.parametrize(("told_id", "name"), [(12, "x_12"), (["a"], "x_post_a"), (True, "x_post_a"), ("", "x_post_a")])
def test_an_operation_id_that_is_no_text_names_the_tool_only_where_it_can(told_id: Any, name: str) -> None:
    assert compile_one({"operationId": told_id}).tools[0].name == name


@pytest.mark.parametrize(
    "encoding", [["a"], {"a": "text/csv"}, {"a": {"headers": ["X"]}}, {"a": {"headers": {"X": {"$ref": "#/nowhere"}}}}]
)
def test_an_encoding_that_cannot_be_read_costs_no_more_than_itself(encoding: Any) -> None:
    connector = compile_one(body({"properties": {"a": {"type": "string"}}}, "multipart/form-data", encoding=encoding))
    assert list(told(connector)["properties"]) == ["a"]
    assert "encoding-dropped" in reasons(connector)


def test_nulls_are_as_if_they_were_not_there() -> None:
    operation = dict.fromkeys(["parameters", "requestBody", "responses", "tags", "security", "servers", "operationId"])
    connector = compile_one({**operation, "deprecated": None, "summary": None, "description": None})
    assert reasons(connector) == []
    assert connector.tools[0].operation.body is None


# References, wherever one may stand.


def test_every_kind_of_component_is_found_where_it_is_kept() -> None:
    operation = {
        "parameters": {"$ref": "#/x/parameters"},
        "requestBody": {"$ref": "#/components/requestBodies/R"},
        "responses": {"$ref": "#/x/responses"},
        "security": {"$ref": "#/x/security"},
        "tags": {"$ref": "#/x/tags"},
    }
    connector = compile_one(
        operation,
        openapi="3.2.0",
        x={
            "parameters": [{"$ref": "#/components/parameters/P"}, {"$ref": "#/x/several"}],
            "several": [{"name": "s", "in": "query"}, {"$ref": "#/components/parameters/C"}],
            "responses": {"200": {"$ref": "#/components/responses/A"}},
            "security": [{"o": ["a"]}],
            "tags": ["t"],
            "content": {"multipart/form-data": {"$ref": "#/components/mediaTypes/M"}},
            "encoding": {"a": {"$ref": "#/x/part"}},
            "part": {"contentType": "text/csv", "headers": {"$ref": "#/x/headers"}},
            "headers": {"X-H": {"$ref": "#/components/headers/H"}},
            "schemes": {"k": {"$ref": "#/x/key"}},
            "key": {"type": "apiKey", "in": "query", "name": "k"},
        },
        components={
            "parameters": {
                "P": {"name": "k", "in": "query"},
                "C": {
                    "name": "c",
                    "in": "query",
                    "content": {"application/json": {"$ref": "#/components/mediaTypes/J"}},
                },
            },
            "requestBodies": {"R": {"content": {"$ref": "#/x/content"}}},
            "mediaTypes": {
                "M": {"schema": {"properties": {"a": {"type": "string"}}}, "encoding": {"$ref": "#/x/encoding"}},
                "J": {"schema": {"type": "integer"}},
            },
            "headers": {"H": {"schema": {"type": "integer"}}},
            "responses": {"A": {"content": {"application/json": {"$ref": "#/components/mediaTypes/J"}}}},
            "securitySchemes": {"$ref": "#/x/schemes"},
        },
    )
    [tool] = connector.tools
    assert reasons(connector) == []
    # `k` is the key of a security scheme, and no argument.
    assert told(connector)["properties"] == {
        "s": {"type": "string"},
        "c": {"type": "integer"},
        "a": {"type": "string"},
        "a_X-H": {"type": "integer"},
    }
    assert tool.operation.body is not None
    assert tool.operation.body.fields[0].content_type == "text/csv"
    assert json.loads(bytes(tool.output_schema)) == {"type": "integer"}
    assert tool.scopes == (frozenset({"x:a"}),)
    assert tool.tags == ("t",)


def test_a_media_type_that_leads_nowhere_is_any_value_and_is_told() -> None:
    connector = compile_one({"requestBody": {"required": True, "content": {"application/json": {"$ref": "#/nowhere"}}}})
    assert told(connector)["properties"] == {"body": True}
    assert told(connector)["required"] == ["body"]
    assert reasons(connector) == ["unresolvable-reference"]


YAML = """
openapi: 3.1
servers: [{url: https://s.example}]
x-page: &page {in: query, schema: {type: integer}}
paths:
  /a:
    get:
      deprecated: yes
      parameters:
      - {name: on, in: query, schema: {type: string, enum: [yes, no, on, off, 12:30:45, 2020-01-01]}}
      - {name: no, in: query, required: yes, schema: {type: boolean, default: yes, enum: [yes, no]}}
      - {name: 2020-01-01, in: query, schema: {type: integer, enum: [010, 0o10], maximum: 9223372036854775807}}
      - {<<: *page, name: page}
      - {name: much, in: query, schema: {type: number, default: 1e400, maximum: 1e400}}
      responses:
        200: {content: {application/json: {schema: {required: [on, 1], properties: {on: {}, 1: {}, null: {}}}}}}
"""


def test_yaml_is_read_by_what_it_says_and_not_by_what_an_old_reader_takes_it_for() -> None:
    tree = parse_document(YAML.encode(), URI)
    [tool] = compile_document(Manifest(name="x"), Documents(URI, {URI: tree}), "digest").tools
    schema = json.loads(bytes(tool.input_schema))
    assert schema["properties"] == {
        "on": {"type": "string", "enum": ["yes", "no", "on", "off", "12:30:45", "2020-01-01"]},
        "no": {"type": "boolean", "default": True, "enum": [True, False]},
        "2020-01-01": {"type": "integer", "enum": [10, 8], "maximum": 9223372036854775807},
        "page": {"type": "integer"},
        "much": {"type": "number"},
    }
    assert tool.deprecated
    assert json.loads(bytes(tool.output_schema))["properties"].keys() == {"on", "1", "null"}


def test_a_querystring_without_a_media_type_is_a_form() -> None:
    operation = {"parameters": [{"name": "q", "in": "querystring", "schema": {"type": "object"}}]}
    [tool] = compile_one(operation, openapi="3.2.0").tools
    assert tool.operation.parameters[0].media_type == "application/x-www-form-urlencoded"
