"""References by URI and by name: `$id`, `$anchor`, `$self`, and templates that whoever refers to them fills in."""

import json
from typing import Any

import jsonschema_rs
import pytest

from gateway.core.catalog import Connector
from gateway.core.compile import compile_document
from gateway.core.document import external_references
from gateway.core.dynamic import WAYS_MAX
from gateway.core.manifest import Manifest
from gateway.core.references import At, Documents, Malformed

BASE = "https://docs.example/api/"
MAIN = BASE + "main.yaml"


def documents(main: Any, **others: Any) -> Documents:
    files = {BASE + name + ".yaml": tree for name, tree in others.items()}
    return Documents(MAIN, {MAIN: {"openapi": "3.1.0", "paths": {}, **main}, **files})


def found(known: Documents, reference: str, pointer: str = "/here", uri: str = MAIN) -> str:
    at = known.resolve(At({"$ref": reference}, uri, pointer))
    return known.place(at)


def components(**schemas: Any) -> dict[str, Any]:
    return {"components": {"schemas": schemas}}


PET = {"$id": "https://ids.example/pets/pet", "$defs": {"Tag": {"$anchor": "tag"}}, "properties": {"x": {}}}


@pytest.mark.parametrize(
    ("reference", "place"),
    [
        ("https://ids.example/pets/pet", "/components/schemas/Pet"),
        ("https://ids.example/pets/pet#", "/components/schemas/Pet"),
        ("https://ids.example/pets/pet#/$defs/Tag", "/components/schemas/Pet/$defs/Tag"),
        ("https://ids.example/pets/pet#tag", "/components/schemas/Pet/$defs/Tag"),
        ("https://ids.example/owner", "/components/schemas/Pet/$defs/Owner"),
        ("#plain", "/components/schemas/Plain"),
        ("main.yaml#plain", "/components/schemas/Plain"),
        ("#/components/schemas/Pet/$defs/Tag", "/components/schemas/Pet/$defs/Tag"),
        ("urn:example:thing", f"{BASE}things.yaml#/Thing"),
    ],
)
def test_a_schema_is_found_by_the_address_that_it_gives_itself(reference: str, place: str) -> None:
    pet = {**PET, "$defs": {**PET["$defs"], "Owner": {"$id": "../owner"}}}
    known = documents(components(Pet=pet, Plain={"$anchor": "plain"}), things={"Thing": {"$id": "urn:example:thing"}})
    assert found(known, reference) == place


@pytest.mark.parametrize(
    ("reference", "place"),
    [
        ("#/$defs/Tag", "/components/schemas/Pet/$defs/Tag"),
        ("#tag", "/components/schemas/Pet/$defs/Tag"),
        ("owner", "/components/schemas/Owner"),
        ("#", "/components/schemas/Pet"),
        # What the specification would have lead nowhere means the file, as in so many documents.
        ("#/components/schemas/Owner", "/components/schemas/Owner"),
        ("other.yaml#/Beside", f"{BASE}other.yaml#/Beside"),
    ],
)
def test_a_reference_starts_from_the_nearest_id_around_it(reference: str, place: str) -> None:
    known = documents(components(Pet=PET, Owner={"$id": "https://ids.example/pets/owner"}), other={"Beside": {}})
    assert found(known, reference, "/components/schemas/Pet/properties/x") == place


def test_a_document_that_names_itself_is_referred_to_by_that_name() -> None:
    main = {"openapi": "3.2.0", "$self": "https://ids.example/v1/api", "a": {}}
    known = documents(main, shared={"$self": "https://ids.example/v1/shared", "b": {}})
    assert found(known, "https://ids.example/v1/api#/a") == "/a"
    assert found(known, "shared#/b") == f"{BASE}shared.yaml#/b"
    # The files as they lie beside one another are good as well.
    assert found(known, "shared.yaml#/b") == f"{BASE}shared.yaml#/b"


def test_no_anchor_and_no_id_is_taken_from_an_example() -> None:
    example = {"$id": "https://ids.example/x", "$anchor": "x"}
    known = documents(components(A={"example": example, "default": example, "enum": [example], "$anchor": "real"}))
    assert found(known, "#real") == "/components/schemas/A"
    for reference in ("#x", "https://ids.example/x"):
        with pytest.raises(Malformed):
            found(known, reference)


def test_a_property_called_like_a_keyword_is_a_property() -> None:
    properties = {"$id": {"type": "string", "$anchor": "the-id"}, "default": {"$anchor": "the-default"}}
    known = documents(components(A={"properties": properties}))
    assert found(known, "#the-id") == "/components/schemas/A/properties/$id"
    assert found(known, "#the-default") == "/components/schemas/A/properties/default"


def test_files_are_fetched_from_where_the_id_says_and_from_beside_the_file() -> None:
    tree = {
        "$self": "https://ids.example/v1/api",
        "a": {"$ref": "shared.yaml#/x"},
        "b": {"$id": "https://ids.example/other/schema", "items": {"$ref": "item"}, "not": {"$ref": "#/x"}},
        "c": {"$ref": "https://ids.example/other/schema"},
        "d": {"discriminator": {"propertyName": "t", "mapping": {"x": "Named", "y": "pets/dog.yaml", "z": "#/Cat"}}},
    }
    assert external_references(tree, MAIN) == {
        "https://ids.example/v1/shared.yaml",
        BASE + "shared.yaml",
        "https://ids.example/other/item",
        BASE + "item",
        "https://ids.example/v1/pets/dog.yaml",
        BASE + "pets/dog.yaml",
    }


# Templates.


def compile_answers(schemas: dict[str, Any], *answers: Any, **others: Any) -> Connector:
    """A document with one operation for each answer's schema."""
    paths = {
        f"/{index}": {"get": {"responses": {"200": {"content": {"application/json": {"schema": answer}}}}}}
        for index, answer in enumerate(answers)
    }
    known = documents({"paths": paths, "components": {"schemas": schemas}}, **others)
    return compile_document(Manifest(name="x"), known, "digest")


def takes(connector: Connector, index: int, value: Any) -> bool:
    schema = json.loads(bytes(connector.tools[index].output_schema))
    assert jsonschema_rs.meta.is_valid(schema)
    return jsonschema_rs.Draft202012Validator(schema).is_valid(value)


PAGE = {
    "type": "object",
    "required": ["items"],
    "properties": {"items": {"type": "array", "items": {"$dynamicRef": "#item"}}, "next": {"type": "string"}},
    "$defs": {"any": {"$dynamicAnchor": "item"}},
}
CAT = {"type": "object", "required": ["claws"], "properties": {"claws": {"type": "integer"}}}
DOG = {"type": "object", "required": ["barks"], "properties": {"barks": {"type": "boolean"}}}


def page_of(name: str, **more: Any) -> dict[str, Any]:
    item = {"$dynamicAnchor": "item", "$ref": f"#/components/schemas/{name}"}
    return {**more, "$ref": "#/components/schemas/Page", "$defs": {"mine": item}}


@pytest.mark.parametrize("ids", [True, False])
def test_a_template_is_filled_by_whoever_refers_to_it(ids: bool) -> None:
    def named(name: str, schema: Any) -> Any:
        return {"$id": f"https://ids.example/{name}", **schema} if ids else schema

    schemas = {
        "Page": named("page", PAGE),
        "Cats": named("cats", page_of("Cat")),
        "Dogs": named("dogs", page_of("Dog")),
        "Cat": CAT,
        "Dog": DOG,
    }
    wanted = [{"$ref": f"#/components/schemas/{name}"} for name in ("Cats", "Dogs", "Page")]
    connector = compile_answers(schemas, *wanted, page_of("Dog"))
    assert connector.repairs == ()
    cats, dogs = {"items": [{"claws": 18}]}, {"items": [{"barks": True}]}
    assert [takes(connector, index, cats) for index in range(4)] == [True, False, True, False]
    assert [takes(connector, index, dogs) for index in range(4)] == [False, True, True, True]


def test_what_does_not_depend_on_the_way_is_one_definition() -> None:
    schemas = {"Page": PAGE, "Cats": page_of("Cat"), "Dogs": page_of("Dog"), "Cat": CAT, "Dog": DOG, "Big": BIG}
    schemas["Cat"] = {**CAT, "properties": {**CAT["properties"], "big": {"$ref": "#/components/schemas/Big"}}}  # type: ignore[dict-item]
    schemas["Dog"] = {**DOG, "properties": {**DOG["properties"], "big": {"$ref": "#/components/schemas/Big"}}}  # type: ignore[dict-item]
    wanted = [{"$ref": f"#/components/schemas/{name}"} for name in ("Cats", "Dogs", "Big")]
    connector = compile_answers(schemas, *wanted)
    assert sorted(connector.tools[0].shelves.output) == ["Big", "Cat", "Dog", "Page", "Page_2"]


BIG = {"type": "object", "properties": {f"p{index}": {"type": "string"} for index in range(20)}}


def test_the_outermost_of_several_fillings_counts_and_recursion_keeps_it() -> None:
    tree = {
        "$id": "https://ids.example/tree",
        "$dynamicAnchor": "node",
        "type": "object",
        "properties": {"children": {"type": "array", "items": {"$dynamicRef": "#node"}}},
    }
    strict = {
        "$id": "https://ids.example/strict-tree",
        "$dynamicAnchor": "node",
        "$ref": "tree",
        "required": ["name"],
    }
    answers = [{"$ref": "https://ids.example/tree"}, {"$ref": "https://ids.example/strict-tree"}]
    connector = compile_answers({"Tree": tree, "Strict": strict}, *answers)
    named = {"name": "a", "children": [{"name": "b", "children": [{"name": "c"}]}]}
    unnamed = {"name": "a", "children": [{"name": "b", "children": [{"children": []}]}]}
    assert [takes(connector, index, named) for index in (0, 1)] == [True, True]
    assert [takes(connector, index, unnamed) for index in (0, 1)] == [True, False]


def test_a_template_in_another_file_is_filled_from_here() -> None:
    cats = {"$ref": "page.yaml", "$defs": {"x": {"$dynamicAnchor": "item", "$ref": "#/components/schemas/Cat"}}}
    connector = compile_answers({"Cats": cats, "Cat": CAT}, {"$ref": "#/components/schemas/Cats"}, page=PAGE)
    assert takes(connector, 0, {"items": [{"claws": 1}]})
    assert not takes(connector, 0, {"items": [{"barks": True}]})


def test_a_dynamic_reference_to_a_plain_anchor_is_a_plain_reference() -> None:
    schemas = {"A": {"properties": {"a": {"$dynamicRef": "#b"}}}, "B": {"$anchor": "b", "type": "string"}}
    connector = compile_answers(schemas, {"$ref": "#/components/schemas/A"})
    assert takes(connector, 0, {"a": "x"})
    assert not takes(connector, 0, {"a": 1})


def test_a_body_that_fills_a_template_is_arguments_of_their_own() -> None:
    body = {"$ref": "#/components/schemas/Page", "$defs": {"x": {"$dynamicAnchor": "item", "type": "integer"}}}
    main = {
        "paths": {"/a": {"post": {"requestBody": {"content": {"application/json": {"schema": body}}}}}},
        **components(Page=PAGE),
    }
    [tool] = compile_document(Manifest(name="x"), documents(main), "digest").tools
    properties = json.loads(bytes(tool.input_schema))["properties"]
    assert properties["items"] == {"type": "array", "items": {"type": "integer"}}


def test_what_stands_beside_a_reference_is_part_of_a_body_from_3_1_on() -> None:
    body = {"$ref": "#/components/schemas/More", "properties": {"own": {"type": "string"}}, "required": ["own"]}
    more = {"$ref": "#/components/schemas/Least", "properties": {"more": {"type": "integer"}}, "description": "More."}
    for version, names in (("3.1.0", {"own", "more", "least"}), ("3.0.3", {"least"})):
        main = {
            "openapi": version,
            "paths": {"/a": {"post": {"requestBody": {"content": {"application/json": {"schema": body}}}}}},
            **components(More=more, Least={"properties": {"least": {}}}),
        }
        [tool] = compile_document(Manifest(name="x"), documents(main), "digest").tools
        assert json.loads(bytes(tool.input_schema))["properties"].keys() == names


def test_a_reference_on_the_way_that_says_more_is_kept() -> None:
    schemas = {"More": {"$ref": "#/components/schemas/Least", "required": ["a"]}, "Least": {"type": "object"}}
    connector = compile_answers(schemas, {"$ref": "#/components/schemas/More"})
    assert takes(connector, 0, {"a": 1})
    assert not takes(connector, 0, {})


@pytest.mark.parametrize(
    "schemas",
    [
        {"A": {"$dynamicAnchor": "a", "$dynamicRef": "#a"}},
        {"A": {"$dynamicAnchor": "a", "required": ["x"], "$ref": "#/components/schemas/B"}, "B": {"$dynamicRef": "#a"}},
        {"A": {"$id": "a", "$ref": "b"}, "B": {"$id": "b", "$ref": "a", "required": ["x"]}},
        {"A": {"$dynamicRef": "#nothing"}},
        {"A": {"$dynamicRef": 7, "$dynamicAnchor": ["x"], "$id": {}, "$anchor": 1}},
        {"A": {"$ref": "http://[broken", "$id": "http://[broken"}},
    ],
)
def test_circles_and_nonsense_leave_the_schema_open(schemas: Any) -> None:
    connector = compile_answers(schemas, {"type": "object", "properties": {"a": {"$ref": "#/components/schemas/A"}}})
    assert takes(connector, 0, {"a": {"anything": 1}})


def test_more_ways_than_can_be_told_apart_leave_their_templates_open() -> None:
    """Each schema fills an anchor or leaves it be: every choice of them is another way to the last."""
    steps = 14
    schemas: dict[str, Any] = {
        f"{kind}{index}": {
            "properties": {
                one: {"$ref": f"#/components/schemas/{one}{index + 1}"} for one in ("A", "B") if index + 1 < steps
            },
            **({"$defs": {"x": {"$dynamicAnchor": f"n{index}", "type": "string"}}} if kind == "A" else {}),
        }
        for index in range(steps)
        for kind in ("A", "B")
    }
    last = {"properties": {f"p{index}": {"$dynamicRef": f"#n{index}"} for index in range(steps)}}
    schemas[f"A{steps - 1}"] = schemas[f"B{steps - 1}"] = last
    connector = compile_answers(schemas, {"$ref": "#/components/schemas/A0"})
    assert 2**steps > WAYS_MAX
    assert "schema-opened" in {repair.reason for repair in connector.repairs}
    assert len(connector.tools[0].shelves.output) < 3 * WAYS_MAX
    assert takes(connector, 0, {"A": {"B": {}}})
