"""Arguments against a schema: which one does not fit, and what was expected, never what was given."""

from typing import Any

import jsonschema_rs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from gateway.core.arguments import PROBLEMS_MAX, ArgumentProblem, Validator, check_arguments, compile_arguments


def validator(properties: Any = None, **more: Any) -> Validator:
    told = {"type": "object", "properties": properties or {}, "additionalProperties": False, **more}
    return compile_arguments(Raw(msgspec.json.encode(told)))


def problems(one: Validator, **arguments: Any) -> dict[str, str]:
    """What was expected, by pointer."""
    return {problem.pointer: problem.expected for problem in check_arguments(one, arguments)}


def test_arguments_that_fit_are_no_problem() -> None:
    one = validator(
        {"id": {"type": "string"}, "on": {"type": ["boolean", "null"]}, "n": {"type": "integer"}}, required=["id"]
    )
    assert check_arguments(one, {"id": "x", "on": None, "n": 2**80}) == ()
    assert check_arguments(one, {"id": "x", "n": 1.0}) == ()


SCHEMAS = [
    ({"type": "integer"}, "x", "expected an integer"),
    ({"type": ["string", "null"]}, 1, "expected null or a string"),
    ({"type": "integer", "minimum": 1}, 0, "expected a number of at least 1"),
    ({"maximum": 1.5}, 2, "expected a number of at most 1.5"),
    ({"exclusiveMinimum": 0}, 0, "expected a number above 0"),
    ({"exclusiveMaximum": 0}, 0, "expected a number below 0"),
    ({"multipleOf": 5}, 3, "expected a multiple of 5"),
    ({"minLength": 2}, "x", "expected text of at least 2 characters"),
    ({"maxLength": 2}, "xxx", "expected text of at most 2 characters"),
    ({"pattern": "^[a-z]+$"}, "A", "expected text that matches ^[a-z]+$"),
    ({"enum": ["on", "off", None]}, "x", 'expected one of "on", "off", null'),
    ({"enum": list(range(12))}, "x", "expected one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more"),
    ({"const": {"a": 1}}, "x", 'expected {"a":1}'),
    ({"minItems": 1}, [], "expected a list of at least 1 items"),
    ({"maxItems": 1}, [1, 2], "expected a list of at most 1 items"),
    ({"uniqueItems": True}, [1, 1], "expected a list whose items are all different"),
    ({"contains": {"const": 1}}, [2], "expected a list with an item that fits its schema"),
    ({"minProperties": 1}, {}, "expected an object of at least 1 members"),
    ({"maxProperties": 0}, {"a": 1}, "expected an object of at most 0 members"),
    ({"propertyNames": {"maxLength": 1}}, {"ab": 1}, "expected members with other names"),
    ({"not": {"type": "string"}}, "x", "expected something other than what its schema excludes"),
    (False, 1, "unknown; leave it out"),
    ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, [], "expected a string or an integer"),
    (
        {"oneOf": [{"type": "integer"}, {"type": "number"}]},
        1,
        "expected a value that fits only one of the alternatives of its schema",
    ),
    (
        {"anyOf": [{"minLength": 3}, {"pattern": "^a"}]},
        "x",
        "expected a value that fits one of the alternatives of its schema",
    ),
    ({"anyOf": [{"type": "string", "minLength": 3}, {"type": "null"}]}, "x", "expected text of at least 3 characters"),
]


@pytest.mark.parametrize(("schema", "value", "told"), SCHEMAS)
def test_what_was_expected_is_said_in_a_plain_sentence(schema: Any, value: Any, told: str) -> None:
    assert check_arguments(validator({"it": schema}), {"it": value}) == (ArgumentProblem("it", "/it", told),)


def test_a_missing_argument_is_named() -> None:
    assert check_arguments(validator({"id": {}}, required=["id"]), {}) == (ArgumentProblem("id", "/id", "required"),)


def test_what_an_optional_body_needs_together_is_named() -> None:
    assert problems(validator({"a": {}, "b": {}}, dependentRequired={"a": ["b"]}), a=1) == {"/b": "required"}


@pytest.mark.parametrize(
    ("name", "told"),
    [("roomid", "unknown; did you mean `room_id`?"), ("zzz", "unknown; leave it out")],
)
def test_an_unknown_argument_is_named_with_the_nearest_that_there_is(name: str, told: str) -> None:
    assert check_arguments(validator({"room_id": {}}), {name: 1}) == (ArgumentProblem(name, f"/{name}", told),)


def test_a_problem_deep_inside_has_a_json_pointer() -> None:
    items = {
        "type": "array",
        "items": {"type": "object", "properties": {"a/b~c": {"type": "string"}}, "required": ["x"]},
    }
    assert problems(validator({"list": items}), list=[{"x": 1}, {"a/b~c": 1}]) == {
        "/list/1/a~1b~0c": "expected a string",
        "/list/1/x": "required",
    }


CAT = {
    "type": "object",
    "properties": {"kind": {"const": "cat"}, "lives": {"type": "integer"}},
    "required": ["kind", "lives"],
}
DOG = {"type": "object", "properties": {"kind": {"const": "dog"}}, "required": ["kind"]}


def test_of_tagged_alternatives_the_one_that_was_meant_is_explained() -> None:
    one = validator({"pet": {"oneOf": [CAT, DOG]}})
    assert problems(one, pet={"kind": "cat", "lives": "nine"}) == {"/pet/lives": "expected an integer"}
    told = 'expected one of the alternatives of its schema, which are told apart by "cat", "dog"'
    assert problems(one, pet={"kind": "cow"}) == {"/pet": told}


def test_no_problem_repeats_the_value_that_was_given() -> None:
    for schema, _, _ in SCHEMAS:
        if isinstance(schema, dict):
            found = check_arguments(validator({"it": schema}), {"it": "s3cret-value", "other": "s3cret-value"})
            assert "s3cret" not in msgspec.json.encode(found).decode()


def test_there_are_at_most_so_many_problems_and_their_texts_are_bounded() -> None:
    found = check_arguments(validator(), {f"{'x' * 10_000}{index}": 1 for index in range(50)})
    assert len(found) == PROBLEMS_MAX
    assert len(msgspec.json.encode(found)) < 10_000


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"list": [0] * 200_000}, 1),
        ({"list": [[[0] * 500] * 20] * 20}, 1),
        ({str(index): 1 for index in range(200_000)}, PROBLEMS_MAX),
    ],
    ids=["items", "nested", "names"],
)
def test_of_a_flood_of_wrong_values_only_the_first_are_looked_for(arguments: Any, told: int) -> None:
    """All errors of 200,000 would take the library many seconds, on the event loop."""
    one = validator({"list": {"type": "array", "items": {"type": "string"}}})
    assert len(check_arguments(one, arguments)) == told


def test_formats_only_advise() -> None:
    assert check_arguments(validator({"at": {"type": "string", "format": "date-time"}}), {"at": "tomorrow"}) == ()


@pytest.mark.parametrize("reference", ["http://127.0.0.1:9/x.json", "file:///etc/hostname"])
def test_no_reference_is_ever_fetched(reference: str) -> None:
    with pytest.raises(jsonschema_rs.ValidationError, match="disabled"):
        validator({"x": {"$ref": reference}})


def test_a_pattern_that_backtracks_without_end_is_given_up() -> None:
    told = problems(validator({"x": {"pattern": "^(?!b)(a|a)*(?<!c)$"}}), x="a" * 60 + "!")
    assert told == {"/x": "expected simpler text: whether this matches its pattern takes too long to find out"}


@pytest.mark.parametrize("value", ["\ud800", {"\udfff": 1}, ["\ud800"]])
def test_what_is_no_text_is_a_problem_and_no_crash(value: Any) -> None:
    assert len(check_arguments(validator({"x": {"type": "integer"}}), {"x": value})) == 1


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters()), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from(["it", "pet", "list", "x"]) | st.text(st.characters()), ANY))
def test_whatever_is_given_it_fits_or_there_is_a_problem(arguments: dict[str, Any]) -> None:
    schemas = {
        "it": {"anyOf": [CAT, {"type": "string"}]},
        "pet": {"oneOf": [CAT, DOG]},
        "list": {"items": {"type": "integer"}},
    }
    found = check_arguments(validator(schemas), arguments)
    assert len(found) <= PROBLEMS_MAX
    assert all(problem.argument and problem.expected for problem in found)
    if found == ():
        assert arguments.keys() <= schemas.keys()
