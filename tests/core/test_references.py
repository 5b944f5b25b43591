"""Following `$ref`s: over files, through pointers, to an end or to a named refusal."""

import pytest

from gateway.core.references import CHAIN_MAX, At, Documents, Malformed

BASE = "https://docs.example/api/"
MAIN = BASE + "main.yaml"


def documents(**trees: object) -> Documents:
    return Documents(MAIN, {BASE + name.replace("__", "/") + ".yaml": tree for name, tree in trees.items()})  # type: ignore[misc]


def follow(known: Documents, reference: str, uri: str = MAIN) -> At:
    return known.resolve(At({"$ref": reference}, uri, "/here"))


def test_references_lead_over_files_relative_to_the_file_they_stand_in() -> None:
    known = documents(
        main={"x": 1},
        schemas__pet={"Pet": {"$ref": "owner.yaml#/Owner"}},
        schemas__owner={"Owner": {"type": "object"}},
    )
    found = follow(known, "./schemas/pet.yaml#/Pet")
    assert found == At({"type": "object"}, BASE + "schemas/owner.yaml", "/Owner")
    assert known.place(found) == f"{BASE}schemas/owner.yaml#/Owner"


def test_a_whole_file_can_be_referred_to() -> None:
    assert follow(documents(main={}, pet={"type": "object"}), "pet.yaml") == At(
        {"type": "object"}, BASE + "pet.yaml", ""
    )


@pytest.mark.parametrize(
    "reference",
    ["#/paths/~1a~1%7Bid%7D/get", "#/paths/~1a~1{id}/get", "main.yaml#/paths/~1a~1{id}/get", "#/alias/~1a~1{id}/get"],
)
def test_pointers_are_read_with_either_escape_and_through_other_references(reference: str) -> None:
    known = documents(main={"paths": {"/a/{id}": {"get": {"found": True}}}, "alias": {"$ref": "#/paths"}})
    assert follow(known, reference).value == {"found": True}


@pytest.mark.parametrize(("pointer", "value"), [("#/list/1", "b"), ("#/til~0de", 1), ("#/", 2)])
def test_pointers_lead_into_lists_and_to_odd_names(pointer: str, value: object) -> None:
    assert follow(documents(main={"list": ["a", "b"], "til~de": 1, "": 2}), pointer).value == value


def test_an_anchor_names_the_schema_that_has_it() -> None:
    known = documents(main={"components": {"schemas": {"Pet": {"$anchor": "pet"}, "Old": {}}}})
    assert follow(known, "#pet").pointer == "/components/schemas/Pet"
    assert follow(known, "#Old").pointer == "/components/schemas/Old"


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        ("#/nothing", "unresolvable-reference"),
        ("#/list/2", "unresolvable-reference"),
        ("#/list/01", "unresolvable-reference"),
        ("#/list/" + "9" * 5000, "unresolvable-reference"),
        ("missing.yaml#/a", "unresolvable-reference"),
        ("#anchor", "unresolvable-reference"),
        ("http://[broken", "unresolvable-reference"),
        ("#/self", "circular-reference"),
        ("#/ring/a", "circular-reference"),
        ("#/through/x/y", "circular-reference"),
        ("#/chain/0", "circular-reference"),
        ("#/nested/0/x", "circular-reference"),
    ],
)
def test_a_reference_that_leads_nowhere_or_in_a_circle_is_named_with_its_place(reference: str, reason: str) -> None:
    known = documents(
        main={
            "list": [1, 2],
            "self": {"$ref": "#/self"},
            "ring": {"a": {"$ref": "#/ring/b"}, "b": {"$ref": "#/ring/a"}},
            "through": {"$ref": "#/through/x"},
            "chain": [{"$ref": f"#/chain/{index + 1}"} for index in range(CHAIN_MAX + 1)] + [{}],
            "nested": [{"$ref": f"#/nested/{index + 1}/x"} for index in range(2_000)] + [{"x": 1}],
        }
    )
    with pytest.raises(Malformed) as malformed:
        follow(known, reference)
    assert malformed.value.reason == reason
    assert malformed.value.place.startswith("/")
    # A second look says the same.
    with pytest.raises(Malformed, match=malformed.value.detail[:5].replace("$", r"\$")):
        follow(known, reference)
