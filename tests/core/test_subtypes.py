"""What a discriminator chooses among is offered as a choice, told apart by its values; nothing else is lost by it."""

import json
from typing import Any

import jsonschema_rs
import pytest

from gateway.core.catalog import Connector
from gateway.core.compile import compile_document
from gateway.core.manifest import Manifest
from gateway.core.references import Documents
from gateway.core.subtypes import SUBTYPES_MAX

BASE = "https://docs.example/"
MAIN = BASE + "main.yaml"


def ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def compiled(schema: Any, schemas: Any, kind: str = "application/json", **others: Any) -> Connector:
    body = {"required": True, "content": {kind: {"schema": schema}}}
    tree = {"openapi": "3.0.3", "paths": {"/a": {"post": {"requestBody": body}}}, "components": {"schemas": schemas}}
    files = {BASE + name + ".yaml": one for name, one in others.items()}
    connector = compile_document(Manifest(name="x"), Documents(MAIN, {MAIN: tree, **files}), "digest")
    assert connector.refusals == ()
    return connector


def checker(schema: Any, schemas: Any, **others: Any) -> tuple[jsonschema_rs.Draft202012Validator, Any]:
    told = json.loads(bytes(compiled(schema, schemas, **others).tools[0].input_schema))
    assert jsonschema_rs.meta.is_valid(told)
    return jsonschema_rs.Draft202012Validator(told), told


def made_of(base: str, **properties: Any) -> dict[str, Any]:
    return {"allOf": [ref(base), {"type": "object", "properties": properties, "required": list(properties)}]}


PET = {
    "type": "object",
    "description": "An animal.",
    "required": ["petType"],
    "discriminator": {"propertyName": "petType", "mapping": {"cat": "#/components/schemas/Cat", "dog": "Dog"}},
    "properties": {"petType": {"type": "string"}, "name": {"type": "string"}},
}
PETS = {"Pet": PET, "Cat": made_of("Pet", claws={"type": "integer"}), "Dog": made_of("Pet", barks={"type": "boolean"})}
CAT, DOG = {"petType": "cat", "claws": 18}, {"petType": "dog", "barks": True}


def test_a_body_of_a_base_type_is_one_of_its_subtypes_told_apart_by_their_names() -> None:
    check, told = checker(ref("Pet"), PETS)
    assert told["required"] == ["body"]
    for value in (CAT, DOG, {**CAT, "name": "Tom"}, {"petType": "lizard", "name": "Liz"}):
        assert check.is_valid({"body": value}), value
    for value in ({"petType": "cat"}, {"petType": "cat", "barks": True}, {**DOG, "barks": "loudly"}, {"claws": 1}):
        assert not check.is_valid({"body": value}), value
    choice = told["$defs"]["Pet"]
    assert choice["description"] == "An animal. Told apart by petType."
    assert [one["properties"]["petType"] for one in choice["anyOf"]] == [
        {"const": "cat"},
        {"const": "dog"},
        {"not": {"enum": ["cat", "dog"]}},
    ]


@pytest.mark.parametrize(
    "discriminator",
    [
        {"propertyName": "petType"},
        "petType",
        {"propertyName": "petType", "mapping": {}},
        {"propertyName": "petType", "mapping": {"Cat": "Cat"}},
        {"propertyName": "petType", "mapping": {"x": "#/nowhere", "y": 5}},
        {"propertyName": "petType", "mapping": "none"},
    ],
)
def test_without_a_mapping_a_subtype_goes_by_its_own_name(discriminator: Any) -> None:
    check, _ = checker(ref("Pet"), {**PETS, "Pet": {**PET, "discriminator": discriminator}})
    assert check.is_valid({"body": {**CAT, "petType": "Cat"}})
    assert check.is_valid({"body": {**DOG, "petType": "Dog"}})
    assert not check.is_valid({"body": {**DOG, "petType": "Cat"}})


def test_a_property_of_a_base_type_is_the_same_choice_and_the_answer_stays_as_it_is() -> None:
    owner = {"type": "object", "properties": {"pet": ref("Pet"), "all": {"type": "array", "items": ref("Pet")}}}
    wrapped = {"type": "object", "properties": {"pet": {"allOf": [ref("Pet")], "description": "Mine."}}}
    for schema in (owner, wrapped):
        check, told = checker(schema, PETS)
        assert "pet" in told["properties"]
        assert check.is_valid({"pet": CAT})
        assert not check.is_valid({"pet": {"petType": "cat", "barks": True}})
    check, _ = checker(owner, PETS)
    assert not check.is_valid({"all": [CAT, {"petType": "dog"}]})


def test_subtypes_of_subtypes_are_chosen_among_too() -> None:
    siamese = made_of("Cat", voice={"type": "string"})
    check, _ = checker(ref("Pet"), {**PETS, "Siamese": siamese})
    assert check.is_valid({"body": {**CAT, "petType": "Siamese", "voice": "loud"}})
    assert not check.is_valid({"body": {**CAT, "petType": "Siamese"}})


def test_a_base_that_knows_its_values_takes_no_others() -> None:
    properties = {**PET["properties"], "petType": {"type": "string", "enum": ["cat", "dog"]}}  # type: ignore[dict-item]
    check, told = checker(ref("Pet"), {**PETS, "Pet": {**PET, "properties": properties}})
    assert len(told["$defs"]["Pet"]["anyOf"]) == 2
    assert not check.is_valid({"body": {"petType": "lizard"}})


def test_a_form_keeps_the_properties_of_the_base_as_its_fields() -> None:
    [tool] = compiled(ref("Pet"), PETS, "application/x-www-form-urlencoded").tools
    assert tool.operation.body is not None
    assert [one.name for one in tool.operation.body.fields] == ["petType", "name"]


def test_a_base_without_subtypes_is_its_own_properties() -> None:
    [tool] = compiled(ref("Pet"), {"Pet": {**PET, "discriminator": {"propertyName": "petType"}}}).tools
    assert tool.operation.body is not None
    assert [one.name for one in tool.operation.body.fields] == ["petType", "name"]


ONE_OF = {
    "oneOf": [ref("Cat"), ref("Dog")],
    "discriminator": {"propertyName": "petType", "mapping": {"cat": ref("Cat")["$ref"], "tom": "Cat", "dog": "Dog"}},
}
FLAT_CAT = {"type": "object", "properties": {"petType": {"type": "string"}, "claws": {"type": "integer"}}}
FLAT_DOG = {"type": "object", "properties": {"petType": {"type": "string"}, "barks": {"type": "boolean"}}}


def test_alternatives_have_the_values_that_choose_them() -> None:
    check, told = checker(ONE_OF, {"Cat": FLAT_CAT, "Dog": FLAT_DOG})
    body = told["properties"]["body"]
    assert body["description"] == "Told apart by petType."
    assert [one["properties"]["petType"] for one in body["anyOf"]] == [{"enum": ["cat", "tom"]}, {"const": "dog"}]
    assert check.is_valid({"body": {"petType": "tom", "claws": 1}})
    assert not check.is_valid({"body": {"petType": "dog", "barks": "x"}})


@pytest.mark.parametrize(
    ("cat", "discriminator", "told"),
    [
        # Without a mapping the name of the schema chooses, unless the schema itself says otherwise.
        ({"kind": {"type": "string"}}, {}, {"const": "Cat"}),
        ({"kind": {"type": "string", "enum": ["system"]}}, {}, {"const": "system"}),
        ({"kind": {"type": "string", "enum": ["a", "b"]}}, {}, None),
        ({"kind": {"enum": ["Cat", "b"]}}, {}, {"const": "Cat"}),
        ({"kind": {"type": "integer"}}, {"mapping": {"1": "Cat"}}, {"const": 1}),
        ({"kind": {"type": "boolean"}}, {"mapping": {"true": "Cat"}}, {"const": True}),
        ({"kind": {"type": "integer"}}, {"mapping": {"one": "Cat"}}, None),
        ({"kind": {"type": "string"}}, {"mapping": {"cat": "Cat"}, "defaultMapping": "Cat"}, None),
        ({}, {"mapping": {"cat": "Cat"}}, {"const": "cat"}),
    ],
)
def test_no_value_is_asked_for_that_the_alternative_would_not_take(cat: Any, discriminator: Any, told: Any) -> None:
    schema = {"oneOf": [ref("Cat")], "discriminator": {"propertyName": "kind", **discriminator}}
    _, schema = checker(schema, {"Cat": {"type": "object", "properties": {**cat, "deep": {"type": "object"}}}})
    assert schema["properties"]["body"]["anyOf"][0].get("properties", {}).get("kind") == told


def test_an_alternative_that_may_not_have_the_property_is_left_as_it_is() -> None:
    closed = {"type": "object", "properties": {"a": {}}, "additionalProperties": False}
    check, _ = checker({"oneOf": [ref("A")], "discriminator": {"propertyName": "kind"}}, {"A": closed})
    assert check.is_valid({"body": {"a": 1}})


def test_alternatives_made_of_the_schema_that_names_them_are_no_circle() -> None:
    """A common slip: the base has a `oneOf` of what is made of it by `allOf`."""
    pet = {**PET, "oneOf": [ref("Cat"), ref("Dog")]}
    check, _ = checker(ref("Pet"), {**PETS, "Pet": pet})
    assert check.is_valid({"body": CAT})
    assert not check.is_valid({"body": {"petType": "cat", "barks": True}})


def test_subtypes_in_other_files_are_found_by_the_mapping_and_by_what_they_are_made_of() -> None:
    base = {**PET, "discriminator": {"propertyName": "petType", "mapping": {"cat": "cat.yaml"}}}
    cat = {"allOf": [{"$ref": "pet.yaml"}, {"required": ["claws"], "properties": {"claws": {"type": "integer"}}}]}
    dog = {"allOf": [{"$ref": "pet.yaml"}, {"required": ["barks"], "properties": {"barks": {"type": "boolean"}}}]}
    check, _ = checker({"$ref": "pet.yaml"}, {}, pet=base, cat=cat, dog=dog)
    assert check.is_valid({"body": CAT})
    assert check.is_valid({"body": DOG})
    assert not check.is_valid({"body": {"petType": "cat"}})
    assert not check.is_valid({"body": {"petType": "dog"}})


def test_more_subtypes_than_can_be_shown_can_all_be_sent() -> None:
    count = SUBTYPES_MAX + 20
    many = {f"Kind{index}": made_of("Pet", **{f"p{index}": {"type": "integer"}}) for index in range(count)}
    schemas = {"Pet": {**PET, "discriminator": {"propertyName": "petType"}}, **many}
    check, told = checker(ref("Pet"), schemas)
    assert len(told["$defs"]["Pet"]["anyOf"]) == SUBTYPES_MAX + 1
    assert check.is_valid({"body": {"petType": f"Kind{count - 1}", f"p{count - 1}": 1}})


@pytest.mark.parametrize(
    "schemas",
    [
        {"Pet": {**PET, "discriminator": {"propertyName": "petType", "mapping": {"pet": "Pet"}}}},
        {"Pet": {**PET, "allOf": [ref("Pet")]}},
        {"Pet": {**PET, "allOf": [ref("Cat")]}, "Cat": {**PET, "allOf": [ref("Pet")]}},
        {"Pet": {**PET, "discriminator": {"propertyName": ["petType"], "mapping": []}}},
        {"Pet": {**PET, "discriminator": 5}},
        {"Pet": {**PET, "oneOf": "x"}, "Cat": ref("Pet")},
    ],
)
def test_circles_and_nonsense_make_a_tool_all_the_same(schemas: Any) -> None:
    check, told = checker({"type": "object", "properties": {"pet": ref("Pet")}}, schemas)
    assert check.is_valid({"pet": {"petType": "pet", "name": "x"}}), told
