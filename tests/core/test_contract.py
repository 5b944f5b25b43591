"""What a document says of its answers, taken out of it whole for another reader: references, files, what cannot be said."""

import json
from typing import Any

import pytest

from gateway.core.catalog import Connector
from gateway.core.compilation import Compilation
from gateway.core.contract import KEPT, OWN_READING, read_contract
from gateway.core.manifest import Manifest
from gateway.core.wire import ConnectorReader, encode_connector

JSON_TYPE = "application/json"


def answering(schema: Any, kind: str = JSON_TYPE) -> dict[str, Any]:
    return {"responses": {"200": {"description": "ok", "content": {kind: {"schema": schema}}}}}


def compile_strict(
    operations: dict[str, Any], version: str = "3.1.0", files: dict[str, Any] | None = None, **more: Any
) -> Connector:
    document = {
        "openapi": version,
        "info": {"title": "t", "version": "1"},
        "servers": [{"url": "https://api.example"}],
        "paths": {f"/{name}": {"get": {"operationId": name, **one}} for name, one in operations.items()},
        **more,
    }
    if version.startswith("2"):
        document["swagger"] = document.pop("openapi")
        document["host"] = "api.example"
    compilation = Compilation(Manifest(name="x", answers="strict"), "https://api.example/openapi.json")
    compilation.take("https://api.example/openapi.json", json.dumps(document).encode())
    for name, tree in (files or {}).items():
        compilation.take(f"https://api.example/{name}", json.dumps(tree).encode())
    return compilation.finish("digest")


def own(connector: Connector) -> list[tuple[str, str]]:
    """Where our own reading has to do, and why."""
    return [(repair.place, repair.detail) for repair in connector.repairs if repair.reason == OWN_READING]


def schema_of(connector: Connector, tool: str, kind: str = JSON_TYPE) -> Any:
    return read_contract(connector.contract).responses[tool]["200"]["content"][kind].get("schema")


def kept(connector: Connector) -> dict[str, Any]:
    found: dict[str, Any] = read_contract(connector.contract).rest[KEPT]
    return found


def test_a_schema_is_as_the_document_writes_it_but_for_its_words() -> None:
    schema = {
        "type": "object",
        "description": "words",
        "nullable": True,
        "exclusiveMinimum": True,
        "oneOf": [{"type": "string", "title": "t"}],
        "properties": {"description": {"type": "string", "example": 1}, "$ref": {"enum": [{"$ref": "#/x"}]}},
        "x-more": {"$ref": "#/nowhere"},
    }
    connector = compile_strict({"a": answering(schema)}, "3.0.3")
    assert own(connector) == []
    assert schema_of(connector, "x_a") == {
        "type": "object",
        "nullable": True,
        "exclusiveMinimum": True,
        "oneOf": [{"type": "string"}],
        "properties": {"description": {"type": "string"}, "$ref": {"enum": [{"$ref": "#/x"}]}},
    }


def test_what_two_operations_refer_to_is_kept_once_and_circles_are_no_matter() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/Node"}}}
    reference = {"$ref": "#/components/schemas/Node"}
    connector = compile_strict(
        {"a": answering(reference), "b": answering(reference)}, components={"schemas": {"Node": node, "Unused": {}}}
    )
    assert schema_of(connector, "x_a") == schema_of(connector, "x_b") == {"$ref": "#/x-kept/0"}
    assert kept(connector) == {"0": {"type": "object", "properties": {"next": {"$ref": "#/x-kept/0"}}}}


def test_references_lead_into_other_files_and_back() -> None:
    files = {
        "parts.json": {
            "Thing": {
                "properties": {"part": {"$ref": "#/Part"}, "owner": {"$ref": "openapi.json#/components/schemas/Owner"}}
            },
            "Part": {"type": "integer"},
        }
    }
    connector = compile_strict(
        {"a": answering({"$ref": "parts.json#/Thing"})},
        files=files,
        components={"schemas": {"Owner": {"type": "string"}}},
    )
    assert own(connector) == []
    thing = kept(connector)["0"]["properties"]
    names = [thing[name]["$ref"].rpartition("/")[2] for name in ("part", "owner")]
    assert [kept(connector)[name] for name in names] == [{"type": "integer"}, {"type": "string"}]


def test_a_response_a_header_and_an_anchor_may_be_references_too() -> None:
    components = {
        "responses": {
            "R": {"headers": {"X-N": {"$ref": "#/components/headers/N"}, "X-O": {"description": "no schema"}}}
        },
        "headers": {"N": {"required": True, "schema": {"$ref": "#anchored"}}},
        "schemas": {"A": {"$anchor": "anchored", "type": "integer"}},
    }
    connector = compile_strict(
        {"a": {"responses": {"2xx": {"$ref": "#/components/responses/R"}}}}, components=components
    )
    told = read_contract(connector.contract).responses["x_a"]
    assert told == {"2XX": {"description": "", "headers": {"X-N": {"$ref": "#/x-kept/0"}}}}
    assert kept(connector) == {"0": {"required": True, "schema": {"$ref": "#/x-kept/1"}}, "1": {"type": "integer"}}


def test_a_discriminator_counts_where_it_maps_values_to_schemas() -> None:
    pets = {name: {"type": "object", "properties": {"kind": {"const": name}}} for name in ("Cat", "Dog")}
    either = {"oneOf": [{"$ref": "#/components/schemas/Cat"}, {"$ref": "#/components/schemas/Dog"}]}
    told = {"propertyName": "kind", "mapping": {"cat": "Cat", "dog": "#/components/schemas/Dog"}}
    connector = compile_strict(
        {
            "a": answering({**either, "discriminator": told}),
            "b": answering({**either, "discriminator": {"propertyName": "kind"}}),
        },
        components={"schemas": pets},
    )
    assert schema_of(connector, "x_a")["discriminator"] == {
        "propertyName": "kind",
        "mapping": {"cat": "#/x-kept/0", "dog": "#/x-kept/1"},
    }
    assert "discriminator" not in schema_of(connector, "x_b")


@pytest.mark.parametrize("kind", ["application/xml", "text/csv", "application/x-ndjson", "image/png"])
def test_what_nobody_here_can_judge_has_no_schema(kind: str) -> None:
    assert schema_of(compile_strict({"a": answering({"type": "object"}, kind)}), "x_a", kind) is None


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ({"type": "nonsense"}, "had to be repaired"),
        ({"properties": {"a": {"items": "no schema"}}}, "had to be repaired"),
        ({"$ref": "#/components/schemas/None"}, "had to be repaired"),
        ({"$ref": "#/components/schemas/Broken"}, "had to be repaired"),
        ({"$ref": "#/components/schemas/Uses"}, "had to be repaired"),
    ],
)
def test_where_a_schema_had_to_be_repaired_our_own_reading_has_to_do(schema: Any, why: str) -> None:
    broken = {"type": "object", "properties": {"n": {"enum": []}}}
    uses = {"properties": {"b": {"$ref": "#/components/schemas/Broken"}}}
    connector = compile_strict(
        {"a": answering(schema), "b": answering({"type": "integer"})},
        components={"schemas": {"Broken": broken, "Uses": uses}},
    )
    [(place, detail)] = own(connector)
    assert place == "/paths/~1a/get"
    assert why in detail
    assert read_contract(connector.contract).responses.keys() == {"x_b"}


def test_swagger_is_left_to_our_own_reading() -> None:
    connector = compile_strict({"a": {"responses": {"200": {"description": "", "schema": {"type": "integer"}}}}}, "2.0")
    assert own(connector) == [("", "it is Swagger 2.0, which openapi-core does not read.")]
    assert connector.contract == b""


def test_only_strict_connectors_have_a_contract() -> None:
    compilation = Compilation(Manifest(name="x"), "upload:x")
    compilation.take(
        "upload:x", b'{"openapi": "3.1.0", "info": {}, "servers": [{"url": "https://a.example"}], "paths": {}}'
    )
    assert compilation.finish("d").contract == b""


def test_a_contract_is_the_same_where_another_process_compiled_it() -> None:
    connector = compile_strict({"a": answering({"type": "integer"})})
    head, *pieces = encode_connector(connector)
    reader = ConnectorReader(connector.manifest, head)
    for piece in pieces:
        reader.take(piece)
    assert reader.connector().contract == connector.contract != b""
