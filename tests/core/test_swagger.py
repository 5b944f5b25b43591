"""Swagger 2.0: its own spelling of servers, parameters, bodies and responses, and nothing lost by it."""

from typing import Any

import msgspec
import pytest

from gateway.core.catalog import Connector
from gateway.core.compile import compile_document
from gateway.core.manifest import Manifest
from gateway.core.operation import Field, Parameter
from gateway.core.references import Documents

HOSTED = {"swagger": "2.0", "host": "api.example", "basePath": "/v2/"}


def compiled(operation: dict[str, Any], uri: str = "https://docs.example/api.json", **root: Any) -> Connector:
    tree = {**HOSTED, "paths": {"/pets": {"post": operation}}, **root}
    return compile_document(Manifest(name="pets"), Documents(uri, {uri: tree}), "digest")


@pytest.mark.parametrize(
    ("root", "server"),
    [
        ({}, "https://api.example/v2"),
        ({"schemes": ["http"]}, "http://api.example/v2"),
        ({"schemes": ["http", "https", "ws"]}, "https://api.example/v2"),
        ({"host": None}, "https://docs.example/v2"),
        ({"host": None, "basePath": None}, "https://docs.example"),
    ],
)
def test_host_base_path_and_schemes_are_the_server(root: dict[str, Any], server: str) -> None:
    [tool] = compiled({}, **root).tools
    assert tool.operation.server == server


@pytest.mark.parametrize(
    ("collection", "style", "explode"),
    [
        (None, "form", False),
        ("csv", "form", False),
        ("ssv", "spaceDelimited", False),
        ("tsv", "tabDelimited", False),
        ("pipes", "pipeDelimited", False),
        ("multi", "form", True),
    ],
)
def test_a_collection_format_is_a_style(collection: str | None, style: str, explode: bool) -> None:
    listed = {
        "name": "ids",
        "in": "query",
        "type": "array",
        "items": {"type": "string"},
        "collectionFormat": collection,
    }
    [tool] = compiled({"parameters": [listed if collection else {**listed, "collectionFormat": "csv"}]}).tools
    assert tool.operation.parameters == (Parameter("ids", "ids", "query", style=style, explode=explode),)  # type: ignore[arg-type]


def test_a_body_parameter_is_the_body_and_its_properties_are_arguments() -> None:
    body = {"name": "pet", "in": "body", "required": True, "schema": {"$ref": "#/definitions/Pet"}}
    pet = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "id": {"readOnly": True}}}
    [tool] = compiled(
        {"parameters": [{"$ref": "#/parameters/Pet"}]}, parameters={"Pet": body}, definitions={"Pet": pet}
    ).tools
    assert tool.operation.body is not None
    assert tool.operation.body.media_type == "application/json"
    assert [field.name for field in tool.operation.body.fields] == ["name"]
    assert msgspec.json.decode(tool.input_schema)["required"] == ["name"]


def test_form_fields_are_one_form_and_a_file_makes_it_multipart() -> None:
    fields = [
        {"name": "photo", "in": "formData", "type": "file", "required": True},
        {"name": "tags", "in": "formData", "type": "array", "items": {"type": "string"}, "collectionFormat": "multi"},
    ]
    [tool] = compiled({"parameters": fields, "consumes": ["application/x-www-form-urlencoded"]}).tools
    body = tool.operation.body
    assert body is not None
    assert (body.media_type, body.required) == ("multipart/form-data", True)
    assert body.fields == (Field("photo", "photo", binary=True), Field("tags", "tags", explode=True, styled=True))
    assert msgspec.json.decode(tool.input_schema)["properties"]["photo"]["anyOf"][0] == {"required": ["data"]}


def test_operations_that_share_their_first_form_field_keep_their_own_others() -> None:
    shared = {"name": "a", "in": "formData", "type": "string"}
    tree = {
        **HOSTED,
        "parameters": {"A": shared},
        "paths": {
            f"/{kind}": {
                "post": {"parameters": [{"$ref": "#/parameters/A"}, {"name": "b", "in": "formData", "type": kind}]}
            }
            for kind in ("string", "integer")
        },
    }
    connector = compile_document(Manifest(name="x"), Documents("x", {"x": tree}), "digest")
    kinds = [msgspec.json.decode(tool.input_schema)["properties"]["b"]["type"] for tool in connector.tools]
    assert kinds == ["string", "integer"]


def test_what_is_produced_is_accepted_and_its_schema_is_the_output() -> None:
    answer = {"schema": {"type": "object", "properties": {"a": {"type": "string", "x-nullable": True}}}}
    [tool] = compiled({"produces": ["application/json", "text/csv"], "responses": {"200": answer}}).tools
    assert tool.operation.accept == "application/json, text/csv;q=0.9, */*;q=0.1"
    assert msgspec.json.decode(tool.output_schema)["properties"] == {"a": {"type": ["string", "null"]}}


def test_security_gives_scopes_and_the_key_is_no_argument() -> None:
    [tool] = compiled(
        {
            "security": [{"oauth": ["write:pets"]}],
            "parameters": [{"name": "api_key", "in": "header", "type": "string"}],
        },
        securityDefinitions={
            "oauth": {"type": "oauth2", "flow": "accessCode", "scopes": {"write:pets": "Write"}},
            "key": {"type": "apiKey", "name": "API_KEY", "in": "header"},
        },
    ).tools
    assert tool.scopes == (frozenset({"pets:write:pets"}),)
    assert tool.operation.parameters == ()


def test_a_refusal_points_into_the_document_as_it_was_written() -> None:
    [refusal] = compiled({"parameters": [{"$ref": "#/parameters/Missing"}]}).refusals
    assert (refusal.place, refusal.reason) == ("/paths/~1pets/post/parameters/0", "unresolvable-reference")


# Corners.


@pytest.mark.parametrize(
    ("root", "server", "is_repaired"),
    [
        ({"host": "https://api.example/v1", "basePath": "/b"}, "https://api.example/v1/b", True),
        ({"host": "http://api.example"}, "http://api.example/v2", True),
        ({"host": "api.example/"}, "https://api.example/v2", True),
        ({"basePath": "v1"}, "https://api.example/v1", True),
        ({"basePath": "/v1/"}, "https://api.example/v1", False),
        ({"schemes": "http"}, "http://api.example/v2", True),
        ({"schemes": ["HTTP"]}, "http://api.example/v2", False),
    ],
)
def test_a_host_and_a_base_path_are_never_taken_for_another_host(
    root: dict[str, Any], server: str, is_repaired: bool
) -> None:
    connector = compiled({}, **root)
    assert connector.tools[0].operation.server == server
    assert [repair.reason for repair in connector.repairs] == ["server-repaired"] * is_repaired


def test_an_operation_has_schemes_of_its_own() -> None:
    [tool] = compiled({"schemes": ["http"]}, schemes=["https"]).tools
    assert tool.operation.server == "http://api.example/v2"


BODY = {"name": "b", "in": "body", "description": "The pet.", "schema": {"type": "array", "items": {"type": "string"}}}


@pytest.mark.parametrize(
    ("own", "root", "kind"),
    [
        (None, ["application/xml", "application/json"], "application/json"),
        (["application/vnd.x+json"], ["application/xml"], "application/vnd.x+json"),
        ([], ["application/xml"], "application/json"),
        ("application/vnd.x+json", None, "application/vnd.x+json"),
        (["json"], None, "application/json"),
        (["application/x-www-form-urlencoded", "application/json"], None, "application/json"),
        (["application/x-www-form-urlencoded"], None, "application/x-www-form-urlencoded"),
    ],
)
def test_a_body_has_a_media_type_that_is_consumed(own: Any, root: Any, kind: str) -> None:
    schema = {"properties": {"a": {"type": "string"}}}
    told = {key: value for key, value in (("consumes", own),) if value is not None}
    [tool] = compiled({"parameters": [{**BODY, "schema": schema}], **told}, consumes=root).tools
    assert tool.operation.body is not None
    assert (tool.operation.body.media_type, [one.name for one in tool.operation.body.fields]) == (kind, ["a"])


def test_what_a_body_is_for_is_told() -> None:
    [tool] = compiled({"parameters": [BODY]}).tools
    assert msgspec.json.decode(tool.input_schema)["properties"]["body"]["description"] == "The pet."


@pytest.mark.parametrize(
    "other", [{"name": "f", "in": "formData", "type": "string"}, {"name": "c", "in": "body", "schema": {}}]
)
def test_what_cannot_be_sent_beside_a_body_is_left_out_by_name(other: dict[str, Any]) -> None:
    connector = compiled({"parameters": [BODY, other]})
    assert list(msgspec.json.decode(connector.tools[0].input_schema)["properties"]) == ["body"]
    assert [repair.reason for repair in connector.repairs] == ["parameter-dropped"]


def test_a_schema_is_found_beside_the_name_or_within() -> None:
    connector = compiled({"parameters": [{"name": "b", "in": "body", "type": "integer"}]})
    assert msgspec.json.decode(connector.tools[0].input_schema)["properties"] == {"body": {"type": "integer"}}
    connector = compiled({"parameters": [{"name": "q", "in": "query", "schema": {"type": "integer"}}]})
    assert msgspec.json.decode(connector.tools[0].input_schema)["properties"] == {"q": {"type": "integer"}}
