"""No schema makes a check stand still: what it takes is counted before it is done, and counted right."""

from typing import Any

import jsonschema_rs
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from gateway.core.arguments import PATTERN_BYTES_MAX, check_answer, check_arguments, compile_arguments
from gateway.core.effort import EXPLAINED_LOOKS_MAX, LOOKS_MAX, Effort, surface, weigh_patterns
from gateway.core.pattern import COMPILED_BYTES_MAX, LIGHT_BYTES_MAX, is_linear, weigh_pattern
from gateway.core.rings import components, count_ways
from gateway.core.work import Work

TEXT = {"type": "string"}


def defined(root: str, **definitions: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"a": refer(root)}, "$defs": definitions, "additionalProperties": False}


def refer(name: str) -> dict[str, str]:
    return {"$ref": f"#/$defs/{name}"}


def fan(levels: int, keyword: str) -> dict[str, Any]:
    """Each definition refers ten times to the next."""
    names = {f"S{level}": {keyword: [refer(f"S{level + 1}")] * 10} for level in range(levels)}
    return defined("S0", **names, **{f"S{levels}": {"type": "object"}})


def clique(count: int) -> dict[str, Any]:
    """Each definition refers to every other."""
    return defined(
        "A0",
        **{
            f"A{one}": {"allOf": [*(refer(f"A{other}") for other in range(count) if other != one), {"type": "integer"}]}
            for one in range(count)
        },
    )


def nested(levels: int, key: str = "n") -> dict[str, Any]:
    value: Any = 1
    for _ in range(levels):
        value = {key: value}
    return {"a": value}


EITHER = defined(
    "N",
    N={
        "anyOf": [
            {"properties": {"n": refer("N"), "x": TEXT}, "required": ["y"]},
            {"properties": {"n": refer("N")}, "required": ["z"]},
        ]
    },
)
KINDS = {f"K{one}": {"allOf": [refer("Base"), {"properties": {"k": {"const": one}}}]} for one in range(30)}
BASE = defined("Base", **KINDS, Base={"anyOf": [refer(name) for name in KINDS]})
TREE = defined("N", N={"properties": {"v": TEXT, "all": {"type": "array", "items": refer("N")}}})
JSON = defined("J", J={"anyOf": [TEXT, {"type": "array", "items": refer("J")}, {"additionalProperties": refer("J")}]})
PATTERNS = {"type": "object", "patternProperties": {f"^.*x{index}$": {} for index in range(1_000)}}
DOUBLED = defined(
    "S0",
    **{f"S{level}": {"allOf": [{"properties": {"n": refer(f"S{level + 1}")}}] * 10} for level in range(20)},
    S20={"type": "object"},
)


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (fan(20, "allOf"), {"a": {}}),
        (fan(20, "anyOf"), {"a": 1}),
        (fan(9, "allOf"), {"a": {}}),
        (clique(6), {"a": 1}),
        (clique(40), {"a": 1}),
        (EITHER, nested(60)),
        (DOUBLED, nested(15)),
        (PATTERNS, {f"k{index}": 1 for index in range(20_000)}),
        (defined("P", P={"items": {"pattern": "^(?=a)(a|a)*$"}}), {"a": ["a" * 30] * 1_000}),
        (defined("P", P={"items": {"enum": [[index] * 50 for index in range(1_000)]}}), {"a": [[1] * 50] * 1_000}),
        (defined("P", P={"propertyNames": {"pattern": "^(?=a)(a|a)*$"}}), {"a": {f"{'a' * 30}{index}": 1 for index in range(1_000)}}),
    ],
    ids=["fan", "any-fan", "short-fan", "clique", "large-clique", "either", "doubled", "patterns", "backtracking", "enum", "names"],
)  # fmt: skip
def test_what_would_take_for_ever_is_known_before_it_is_tried(schema: Any, value: Any) -> None:
    assert not Effort(schema).fits(value, LOOKS_MAX)
    # Checked all the same, as far as the surface goes: this test would not end otherwise.
    one = compile_arguments(Raw(msgspec.json.encode(schema)))
    assert check_arguments(one, value) == ()
    assert check_answer(one, msgspec.json.encode(value)) == ()


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (fan(3, "allOf"), {"a": {}}),
        (EITHER, nested(5)),
        (BASE, {"a": {"k": 29}}),
        (TREE, {"a": {"all": [{"v": "x"}] * 20_000}}),
        (JSON, {"a": [["x"] * 100] * 100}),
        (PATTERNS, {f"k{index}": 1 for index in range(1_000)}),
        (defined("P", P={"items": {"pattern": "^(?=a)a*$"}}), {"a": ["a" * 30] * 100}),
        (defined("P", P={"items": {"enum": ["x"] * 100}}), {"a": ["x"] * 10_000}),
        (defined("A", A=refer("B"), B={"anyOf": [refer("A"), TEXT]}), {"a": "x"}),
        (True, {}),
    ],
)
def test_what_real_documents_have_is_checked_in_full(schema: Any, value: Any) -> None:
    assert Effort(schema).fits(value, LOOKS_MAX)


def test_the_surface_still_finds_what_is_plainly_wrong() -> None:
    schema = fan(20, "allOf")
    schema["properties"]["b"] = {"type": "integer", "allOf": [refer("S0")]}
    one = compile_arguments(Raw(msgspec.json.encode({**schema, "required": ["b"]})))
    assert [problem.expected for problem in check_arguments(one, {"a": {}})] == ["required"]
    assert [problem.pointer for problem in check_arguments(one, {"a": {}, "b": "x"})] == ["/b"]
    assert [problem.pointer for problem in check_arguments(one, {"a": {}, "b": 1, "c": 1})] == ["/c"]


def test_an_error_that_takes_too_long_to_explain_is_told_and_no_more() -> None:
    """jsonschema-rs takes 5 s to list what is wrong here, and twice as much a level."""
    one = compile_arguments(Raw(msgspec.json.encode(EITHER)))
    assert Effort(EITHER).fits(nested(14), LOOKS_MAX)
    assert not Effort(EITHER).fits(nested(14), EXPLAINED_LOOKS_MAX)
    [problem] = check_arguments(one, nested(14))
    assert "takes too long" in problem.expected
    [problem] = check_arguments(one, nested(3))
    assert "alternatives" in problem.expected


def test_of_kinds_of_a_base_it_is_still_said_which_do_not_fit() -> None:
    [problem] = check_arguments(compile_arguments(Raw(msgspec.json.encode(BASE))), {"a": {"k": "none"}})
    assert "told apart by 0, 1" in problem.expected or "alternatives" in problem.expected


# Patterns.


@pytest.mark.parametrize(
    ("pattern", "bytes_max"),
    [
        ("^[a-z]{1,20}$", LIGHT_BYTES_MAX),
        ("^.{1,255}$", COMPILED_BYTES_MAX),
        ("(?<!a)b", LIGHT_BYTES_MAX),
        ("(a{1000}){1000}", 0),
        ("((a{100}){100}){100}", 0),
        (r"(\p{L}{100}){100}", 0),
        ("[a-z]{1,99999}", 0),
        ("(", 0),
        ("(a+)+$", LIGHT_BYTES_MAX),
    ],
)
def test_a_pattern_is_weighed_by_what_it_is_compiled_to(pattern: str, bytes_max: int) -> None:
    assert weigh_pattern(pattern) == bytes_max


@pytest.mark.parametrize(("pattern", "linear"), [("(a+)+$", True), ("(?=a)b", False), (r"(a)\1", False)])
def test_only_what_has_to_be_tried_way_by_way_is_not_linear(pattern: str, linear: bool) -> None:
    assert is_linear(pattern) is linear


def test_a_schema_of_more_patterns_than_there_is_room_for_is_checked_at_its_surface() -> None:
    many = {f"p{index}": {"type": "string", "pattern": f"^.{{1,{200 + index}}}$"} for index in range(20)}
    schema = {"type": "object", "properties": many, "required": ["p0"]}
    assert weigh_patterns(schema) > PATTERN_BYTES_MAX
    one = compile_arguments(Raw(msgspec.json.encode(schema)))
    assert check_arguments(one, {"p0": "x" * 1_000}) == ()
    assert [problem.pointer for problem in check_arguments(one, {"p0": 1})] == ["/p0"]


def test_a_schema_too_deep_for_the_library_is_checked_at_its_surface() -> None:
    schema: Any = TEXT
    for _ in range(300):
        schema = {"type": "object", "properties": {"a": schema}}
    one = compile_arguments(Raw(msgspec.json.encode(schema)))
    assert check_arguments(one, nested(299, "a")) == ()
    assert [problem.pointer for problem in check_arguments(one, {"a": 1})] == ["/a"]


# That the count is right: as many looks as a checker that goes through everything takes.

NAMES = st.sampled_from(["p", "q"])
SCHEMAS = st.recursive(
    st.sampled_from([{}, {"type": "string"}, {"enum": ["x"]}, refer("D0"), refer("D1"), refer("D2")]),
    lambda inner: st.one_of(
        st.fixed_dictionaries({"properties": st.dictionaries(NAMES, inner, max_size=2)}),
        st.fixed_dictionaries({"additionalProperties": inner}),
        st.fixed_dictionaries({"patternProperties": st.fixed_dictionaries({"": inner})}),
        st.fixed_dictionaries({"items": inner}),
        st.fixed_dictionaries({"prefixItems": st.lists(inner, min_size=1, max_size=2)}),
        st.fixed_dictionaries({"allOf": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"anyOf": st.lists(inner, min_size=1, max_size=3)}),
    ),
    max_leaves=6,
)
VALUES = st.recursive(
    st.sampled_from([1, "x", None]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["p", "q", "r"]), inner, max_size=3),
    max_leaves=8,
)


def looks(schema: Any, value: Any, definitions: Any) -> int:
    """By doing it: one for each schema at each value."""
    if not isinstance(schema, dict):
        return 0
    told = 1
    inner = [*schema.get("allOf", ()), *schema.get("anyOf", ())]
    if "$ref" in schema:
        inner.append(definitions[schema["$ref"].rpartition("/")[2]])
    told += sum(looks(one, value, definitions) for one in inner)
    if isinstance(value, dict):
        named = schema.get("properties", {})
        for name, member in value.items():
            at = [named[name]] if name in named else [schema.get("additionalProperties")]
            at += schema.get("patternProperties", {}).values()
            told += sum(looks(one, member, definitions) for one in at)
    if isinstance(value, list):
        placed = schema.get("prefixItems", ())
        for index, item in enumerate(value):
            at = [placed[index]] if index < len(placed) else [schema.get("items")]
            told += sum(looks(one, item, definitions) for one in at)
    return told


@settings(deadline=None, max_examples=200)
@given(st.lists(SCHEMAS, min_size=4, max_size=4), VALUES)
def test_no_fewer_looks_are_counted_than_it_takes(schemas: list[Any], value: Any) -> None:
    root, *others = schemas
    definitions = {f"D{index}": one for index, one in enumerate(others)}
    try:
        taken = looks(root, value, definitions)
    except RecursionError:
        return  # definitions that are nothing but each other
    effort = Effort({**root, "$defs": definitions})
    # Plain leaves are looked at with the schema that they stand in.
    assert not effort.fits(value, taken // 4 - 1)
    assert effort.fits(value, LOOKS_MAX)
    jsonschema_rs.Draft202012Validator(surface(root))


def test_rings_are_found_after_what_they_lead_to() -> None:
    edges = {"a": ["b", "d"], "b": ["c"], "c": ["b", "e"], "d": [], "e": ["e"], "f": ["a"]}
    found = [sorted(one) for one in components(edges)]
    assert found == [["e"], ["b", "c"], ["d"], ["a"], ["f"]]
    assert len(components({str(index): [str(index + 1)] for index in range(50_000)} | {"50000": []})) == 50_001


def test_ways_around_a_ring_are_counted() -> None:
    every = {one: [other for other in "abcd" if other != one] for one in "abcd"}
    assert count_ways(every, frozenset("abcd"), "a", Work(1_000)) == (16, 4)
