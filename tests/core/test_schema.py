"""Schemas of every dialect as valid JSON Schema 2020-12: none is stricter than the document, none is too large."""

import json
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.references import At, Documents
from gateway.core.schema import Schemas
from gateway.core.shelf import Direction, bundle, open_at

NULL = {"type": "null"}


def converter(root: dict[str, Any], *, siblings_count: bool = True) -> tuple[Schemas, list[str]]:
    notes: list[str] = []
    known = Documents("main", {"main": root})
    return Schemas(
        known, lambda reason, at, detail: notes.append(f"{reason} {at.pointer}"), siblings_count=siblings_count
    ), notes


def convert(schema: Any, direction: Direction = "input", **components: Any) -> Any:
    schemas, _ = converter({"schema": schema, **components})
    return schemas.convert(At(schema, "main", "/schema"), direction)


def checked(encoded: bytes, bytes_max: int) -> Any:
    assert 0 < len(encoded) <= bytes_max
    told = json.loads(encoded)
    assert jsonschema_rs.meta.is_valid(told), encoded
    jsonschema_rs.Draft202012Validator(told)
    return told


def whole(schema: Any, direction: Direction = "input", bytes_max: int = 10_000, **components: Any) -> Any:
    """The schema with its definitions, as a call is checked against it."""
    schemas, _ = converter({"schema": schema, **components})
    root, _ = schemas.encode_root(schemas.convert(At(schema, "main", "/schema"), direction), direction)
    shelves = schemas.shelves()
    shelf = shelves.input if direction == "input" else shelves.output
    return checked(bytes(bundle(root, shelf, bytes_max)), bytes_max)


def compact(schema: Any, bytes_max: int, **components: Any) -> Any:
    """The schema as lists show it."""
    schemas, _ = converter({"schema": schema, **components})
    told = schemas.convert(At(schema, "main", "/schema"), "input")
    return checked(bytes(schemas.encode_compact(told, bytes_max)), bytes_max)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ({"type": "string", "nullable": True}, {"type": ["string", "null"]}),
        ({"type": "string", "x-nullable": True}, {"type": ["string", "null"]}),
        ({"type": "string", "nullable": True, "enum": ["a"]}, {"type": ["string", "null"], "enum": ["a", None]}),
        ({"nullable": True, "anyOf": [{"type": "string"}]}, {"anyOf": [{"anyOf": [{"type": "string"}]}, NULL]}),
        ({"type": ["string", None]}, {"type": ["string", "null"]}),
        ({"minimum": 1, "exclusiveMinimum": True}, {"exclusiveMinimum": 1}),
        ({"minimum": 1, "exclusiveMinimum": False}, {"minimum": 1}),
        ({"exclusiveMaximum": 3}, {"exclusiveMaximum": 3}),
        ({"minimum": "1", "maximum": "2.5", "maxLength": "7"}, {"minimum": 1, "maximum": 2.5, "maxLength": 7}),
        ({"minLength": -1, "maxItems": 1.5, "multipleOf": 0, "minimum": [1], "maximum": "much"}, {}),
        ({"type": "object", "required": True}, {"type": "object"}),
        ({"type": "object", "required": "name"}, {"type": "object", "required": ["name"]}),
        ({"required": ["a", "a", 1]}, {"required": ["a"]}),
        (
            {"properties": {"a": {"type": "string", "required": True}}},
            {"properties": {"a": {"type": "string"}}, "required": ["a"]},
        ),
        ({"enum": []}, {}),
        ({"enum": [1, True, 1.0, 1]}, {"enum": [1, True, 1.0]}),
        ({"type": "string", "enum": [1, True, "a"]}, {"type": "string", "enum": ["1", "true", "a"]}),
        ({"type": "integer", "enum": ["1", "x"]}, {"type": "integer", "enum": [1]}),
        ({"type": "string", "enum": [["a"]]}, {"type": "string"}),
        (
            {"type": "array", "items": {"type": "string"}, "enum": ["a", "b"]},
            {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}},
        ),
        ({"type": "file"}, {"type": "string"}),
        ({"type": "String"}, {"type": "string"}),
        ({"type": "whatever"}, {}),
        ({"type": ["string", "whatever"]}, {}),
        ({"pattern": "^[a-z]+$"}, {"pattern": "^[a-z]+$"}),
        ({"pattern": "["}, {}),
        ({"oneOf": [{"type": "string"}, {"type": "integer"}]}, {"anyOf": [{"type": "string"}, {"type": "integer"}]}),
        ({"oneOf": [], "anyOf": [], "allOf": []}, {}),
        ({"items": [{"type": "string"}]}, {"prefixItems": [{"type": "string"}]}),
        ({"discriminator": {"propertyName": "a"}, "xml": {}, "externalDocs": {}}, {}),
        ({"x-a": 1, "example": 1, "examples": [1, 2, 3]}, {"examples": [1, 2]}),
        ({"type": "string", "example": "a" * 200, "examples": "none"}, {"type": "string"}),
        ({"default": 1, "format": "int64", "type": "integer"}, {"type": "integer", "format": "int64", "default": 1}),
        ({"default": "x" * 1_000}, {}),
        ({"title": "A title"}, {"description": "A title"}),
        ({"description": "<p>Plain <b>text</b></p>\u200b"}, {"description": "Plain text"}),
        ({"if": {"type": "string"}, "then": {"maxLength": 1}}, {}),
        ({"properties": {}, "unevaluatedProperties": False}, {"properties": {}}),
        ({"not": {"type": "string"}}, {"not": {"type": "string"}}),
        ({"not": {"properties": {"a": {"pattern": "["}}}}, {}),
        ({"not": {"enum": []}}, {}),
        ({"patternProperties": {"[": {}}, "additionalProperties": False}, {"patternProperties": {}}),
        ({"additionalProperties": {"type": "string"}}, {"additionalProperties": {"type": "string"}}),
        ({"properties": {"a": None}}, {"properties": {"a": True}}),
        (True, True),
        ([], True),
        (None, True),
    ],
)  # fmt: skip
def test_every_dialect_becomes_what_it_means(written: Any, meant: Any) -> None:
    assert convert(written) == meant


def test_requests_have_no_read_only_and_responses_no_write_only_properties() -> None:
    schema = {
        "properties": {"id": {"readOnly": True}, "secret": {"writeOnly": True}, "name": {"$ref": "#/hidden"}},
        "required": ["id", "secret", "name"],
        "additionalProperties": False,
    }
    assert convert(schema, "input", hidden={"readOnly": True}) == {
        "properties": {"secret": {}},
        "required": ["secret"],
        "additionalProperties": False,
    }
    # A backend that sends what only requests should have is not turned down for it.
    assert convert(schema, "output", hidden={"writeOnly": True}) == {"properties": {"id": {}}, "required": ["id"]}


def test_small_scalars_are_put_in_place_and_larger_schemas_become_definitions() -> None:
    told = whole(
        {"properties": {"kind": {"$ref": "#/Kind"}, "pet": {"$ref": "#/Pet", "description": "Yours."}}},
        Kind={"type": "string", "enum": ["cat"]},
        Pet={"type": "object", "properties": {"name": {"type": "string"}}},
        Unused={"type": "object"},
    )
    assert told["properties"] == {
        "kind": {"type": "string", "enum": ["cat"]},
        "pet": {"$ref": "#/$defs/Pet", "description": "Yours."},
    }
    assert told["$defs"] == {"Pet": {"type": "object", "properties": {"name": {"type": "string"}}}}


@pytest.mark.parametrize(
    ("siblings_count", "told"),
    [
        (True, {"$ref": "#/$defs/Pet", "description": "One.", "maxProperties": 3}),
        (False, {"$ref": "#/$defs/Pet", "description": "One."}),
    ],
)
def test_what_stands_beside_a_reference_holds_from_3_1_on(siblings_count: bool, told: Any) -> None:
    schema = {"$ref": "#/Pet", "description": "One.", "maxProperties": 3}
    schemas, _ = converter({"Pet": {"properties": {}}}, siblings_count=siblings_count)
    assert schemas.convert(At(schema, "main", "/schema"), "input") == told


def test_a_reference_that_may_be_null_may_be_null() -> None:
    told = convert({"$ref": "#/Pet", "nullable": True}, Pet={"properties": {}})
    assert told == {"anyOf": [{"$ref": "#/$defs/Pet"}, NULL]}


def test_a_circle_of_schemas_stays_finite() -> None:
    node = {
        "type": "object",
        "properties": {"next": {"$ref": "#/Node"}, "all": {"type": "array", "items": {"$ref": "#/Node"}}},
    }
    told = whole({"$ref": "#/Node"}, "output", Node=node)
    assert told["type"] == "object"
    assert told["$defs"].keys() == {"Node"}
    jsonschema_rs.Draft202012Validator(told).validate({"next": {"next": {"all": []}}})


def test_definitions_that_refer_to_themselves_and_each_other_are_whole_when_they_fit() -> None:
    def node(*names: str) -> dict[str, Any]:
        return {"type": "object", "properties": {name: {"$ref": f"#/{name}"} for name in names}}

    told = whole({"properties": {"a": {"$ref": "#/A"}}}, A=node("B", "C"), B=node("A", "B", "C"), C=node("A", "C"))
    assert {name: list(one["properties"]) for name, one in told["$defs"].items()} == {
        "A": ["B", "C"],
        "B": ["A", "B", "C"],
        "C": ["A", "C"],
    }


def test_a_reference_that_leads_nowhere_is_any_value_and_is_told() -> None:
    schema = {"properties": {"a": {"$ref": "#/nothing"}, "b": {"$ref": "#/ring"}}}
    schemas, notes = converter({"ring": {"$ref": "#/ring"}})
    assert schemas.convert(At(schema, "main", "/s"), "input") == {"properties": {"a": True, "b": True}}
    assert notes == ["unresolvable-reference /s/properties/a", "circular-reference /s/properties/b"]


def test_properties_kept_elsewhere_are_found() -> None:
    told = convert({"properties": {"$ref": "#/shared", "b": {"type": "integer"}}}, shared={"a": {"type": "string"}})
    assert told == {"properties": {"a": {"type": "string"}, "b": {"type": "integer"}}}


def large(width: int, depth: int) -> dict[str, Any]:
    inner = large(width, depth - 1) if depth else {"type": "string", "description": "words " * 30, "enum": ["a", "b"]}
    return {"type": "object", "properties": {f"p{index}": inner for index in range(width)}, "required": ["p0"]}


def a_value(depth: int) -> dict[str, Any]:
    return {"p0": a_value(depth - 1) if depth else "a"}


@pytest.mark.parametrize("bytes_max", [200, 500, 2_000, 10_000, 100_000])
def test_a_schema_too_large_is_opened_from_its_depth_up_and_still_takes_what_it_took(bytes_max: int) -> None:
    told = compact(large(4, 4), bytes_max)
    assert told["properties"].keys() == {"p0", "p1", "p2", "p3"}
    assert jsonschema_rs.Draft202012Validator(told).is_valid(a_value(4))


def test_definitions_that_do_not_fit_are_any_value_of_their_type_and_say_so() -> None:
    components: Any = {name: {**large(5, 1), "title": name} for name in ("A", "B", "C")}
    components["A"]["properties"]["next"] = {"$ref": "#/B"}
    components["B"]["properties"]["next"] = {"$ref": "#/C"}
    told = whole({"properties": {"a": {"$ref": "#/A"}}}, bytes_max=12_000, **components)
    assert "properties" in told["$defs"]["A"]
    assert told["$defs"]["B"] == {"type": "object", "description": "Folded; describe_tool opens #/$defs/B"}
    assert "C" not in told["$defs"]


def test_a_definition_is_kept_once_for_all_the_tools_that_use_it() -> None:
    component = At({"$ref": "#/Pet"}, "main", "/components/x")
    schemas, _ = converter({"Pet": large(2, 1)})
    first, second = (schemas.encode_root(schemas.convert(component, "output"), "output")[0] for _ in range(2))
    assert bytes(first) == bytes(second) == b'{"$ref":"#/$defs/Pet"}'
    assert list(schemas.shelves().output) == ["Pet"]


def test_what_was_folded_can_be_opened_where_its_hint_says() -> None:
    folded = {"type": "object", "properties": {"a": {"$ref": "#/A"}, "deep": large(4, 4)}}
    schemas, _ = converter({"schema": folded, "A": large(5, 2)})
    converted = schemas.convert(At(folded, "main", "/schema"), "input")
    root, _ = schemas.encode_root(converted, "input")
    shelf = schemas.shelves().input
    shown = bytes(schemas.encode_compact(converted, 1_500))
    places = [part.partition(b'"')[0].decode() for part in shown.split(b"describe_tool opens ")[1:]]
    assert len(places) >= 2
    for place in places:
        opened = open_at(root, shelf, place, 4_000)
        assert opened is not None
        assert "properties" in checked(bytes(opened), 4_000), place
    assert open_at(root, shelf, "#/properties/nothing", 4_000) is None
    assert open_at(root, shelf, "#/$defs/nothing", 4_000) is None


def test_a_root_that_is_too_large_keeps_its_large_properties_as_definitions() -> None:
    schema = {"type": "object", "properties": {"big": large(5, 3), "small": {"type": "string"}}, "required": ["big"]}
    schemas, _ = converter({"schema": schema})
    root, is_whole = schemas.encode_root(schemas.convert(At(schema, "main", "/schema"), "input"), "input")
    assert is_whole
    assert json.loads(bytes(root))["properties"]["big"] == {"$ref": "#/$defs/big"}
    told = checked(bytes(bundle(root, schemas.shelves().input, 1 << 20)), 1 << 20)
    assert not jsonschema_rs.Draft202012Validator(told).is_valid({"big": 1})
    assert jsonschema_rs.Draft202012Validator(told).is_valid({"big": a_value(3)})


KEYWORDS = st.sampled_from(
    [
        "type",
        "properties",
        "required",
        "items",
        "allOf",
        "anyOf",
        "oneOf",
        "not",
        "enum",
        "const",
        "default",
        "nullable",
        "minimum",
        "exclusiveMinimum",
        "maxLength",
        "pattern",
        "patternProperties",
        "additionalProperties",
        "$ref",
        "readOnly",
        "writeOnly",
        "description",
        "format",
        "if",
        "prefixItems",
        "contains",
        "dependentRequired",
        "dependentSchemas",
        "propertyNames",
        "title",
        "multipleOf",
        "uniqueItems",
        "discriminator",
        "deprecated",
        "$id",
        "$anchor",
        "$dynamicRef",
        "$dynamicAnchor",
        "$defs",
    ]
)
REFERENCES = st.sampled_from(
    ["#/schema", "#/schema/properties/a", "#/other", "#/other/items", "#", "#/nowhere", "x.yaml", "#a", "a", "urn:a:b"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | REFERENCES
    | st.sampled_from(["string", "object", "array", "integer", "file", "[", "^a", ""]) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(KEYWORDS, inner, max_size=5)
    | st.fixed_dictionaries({"$dynamicAnchor": st.sampled_from(["a", "b"])}, optional={"$dynamicRef": st.just("#a")})
    | st.dictionaries(st.sampled_from(["a", "b", "$ref", "["]), inner, max_size=3),
    max_leaves=25,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(VALUES, VALUES, st.sampled_from(["input", "output"]), st.sampled_from([300, 20_000]))
def test_whatever_a_document_has_for_a_schema_a_valid_one_comes_out(
    schema: Any, other: Any, direction: Direction, bytes_max: int
) -> None:
    schemas, _ = converter({"schema": schema, "other": other})
    converted = schemas.convert(At(schema, "main", "/schema"), direction)
    told = {"type": "object", "properties": {"it": converted}}
    if direction == "input":
        checked(bytes(schemas.encode_compact(told, bytes_max)), bytes_max)
    root, _ = schemas.encode_root(told, direction)
    shelves = schemas.shelves()
    checked(bytes(bundle(root, shelves.input if direction == "input" else shelves.output, 60_000)), 60_000)


SOUND = st.recursive(
    st.sampled_from([
        {"type": "string"}, {"type": "integer", "minimum": 2}, {"enum": [1, "a"]}, {"type": "string", "pattern": "^a"},
        {"type": "boolean", "nullable": True}, {"not": {"type": "string"}}, {"type": "string", "maxLength": 2},
    ]),
    lambda inner: st.builds(lambda p, r: {"type": "object", "properties": p, "required": r},
                            st.dictionaries(st.sampled_from("ab"), inner), st.lists(st.sampled_from("ab"), unique=True))
    | st.builds(lambda i: {"type": "array", "items": i}, inner)
    | st.builds(lambda k, i: {k: i}, st.sampled_from(["anyOf", "oneOf", "allOf"]), st.lists(inner, min_size=1))
    | st.builds(lambda i: {"not": i}, inner),
    max_leaves=6,
)  # fmt: skip
INSTANCES = st.recursive(
    st.sampled_from([None, True, 1, 2, 3, "a", "ab", "abc", "b"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=2),
    max_leaves=4,
)


@settings(max_examples=300, deadline=None)
@given(SOUND, INSTANCES, st.sampled_from([120, 250, 20_000]))
def test_what_the_document_takes_is_never_turned_down(schema: Any, instance: Any, bytes_max: int) -> None:
    told = compact({"type": "object", "properties": {"it": schema}}, bytes_max)
    if jsonschema_rs.Draft202012Validator(schema).is_valid(instance):
        assert jsonschema_rs.Draft202012Validator(told).is_valid({"it": instance}), told
