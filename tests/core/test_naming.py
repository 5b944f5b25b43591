"""Names of tools and arguments: readable, valid, distinct, and the same whatever the order of the document."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.naming import RESERVED, Distinct, Identity, name_argument, name_tools, snake
from gateway.core.tool import TOOL_NAME_PATTERN


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("listPets", "list_pets"),
        ("getHTTPResponse", "get_http_response"),
        ("listIDs", "list_ids"),
        ("getV2Users", "get_v2_users"),
        ("pets/list-all", "pets_list_all"),
        ("Pets.List", "pets_list"),
        ("json_schema_2020_12_tool", "json_schema_2020_12_tool"),
        ("Réservé", "reserve"),
        ("user's", "users"),
        ("日本", ""),
    ],
)
def test_ids_become_snake_case(text: str, named: str) -> None:
    assert snake(text) == named
    assert snake(named) == named


@pytest.mark.parametrize(
    ("prefix", "operation", "name"),
    [
        ("hue", Identity("GET", "/rooms", "getRooms"), "hue_get_rooms"),
        ("hue", Identity("GET", "/rooms/{id}/lights"), "hue_get_rooms_by_id_lights"),
        ("hue", Identity("GET", "/"), "hue_get"),
        ("hue", Identity("GET", "/rooms", "hue_rooms"), "hue_rooms"),
        ("hue", Identity("GET", "/rooms", "Hue"), "hue"),
        ("my-hue", Identity("GET", "/rooms", "myHueRooms"), "my_hue_rooms"),
        ("", Identity("GET", "/rooms", "getRooms"), "get_rooms"),
        ("", Identity("GET", "/日本", "日本"), "get"),
    ],
)
def test_a_tool_is_named_by_its_id_or_else_by_method_and_path(prefix: str, operation: Identity, name: str) -> None:
    assert name_tools(prefix, [operation]) == [name]


def test_operations_that_share_an_id_are_all_named_by_their_paths() -> None:
    operations = [Identity("GET", "/a", "get"), Identity("GET", "/b", "Get"), Identity("PUT", "/b", "put_b")]
    assert name_tools("x", operations) == ["x_get_a", "x_get_b", "x_put_b"]


def test_an_id_keeps_its_name_before_a_path_that_reads_the_same() -> None:
    names = name_tools("", [Identity("GET", "/a"), Identity("POST", "/x", "get_a")])
    assert names[1] == "get_a"
    assert re.fullmatch("get_a_[0-9a-f]{6}", names[0])


def test_paths_that_read_the_same_are_told_apart_by_a_hash_of_each() -> None:
    names = name_tools("", [Identity("GET", "/a-b"), Identity("GET", "/a_b")])
    assert len(set(names)) == 2
    assert all(re.fullmatch("get_a_b_[0-9a-f]{6}", name) for name in names)


@pytest.mark.parametrize("reserved", sorted(RESERVED))
def test_the_names_of_the_gateways_own_tools_are_never_given_away(reserved: str) -> None:
    [name] = name_tools("", [Identity("GET", "/a", reserved)])
    assert name != reserved
    assert name.startswith(reserved)


def test_a_long_name_is_cut_at_a_word_and_keeps_apart_from_its_like() -> None:
    names = name_tools("p", [Identity("GET", "/a", "very_" * 20 + end) for end in ("one", "two")])
    assert all(re.fullmatch("p(_very)+_[0-9a-f]{6}", name) and len(name) <= 64 for name in names)
    assert names[0] != names[1]


IDENTITIES = st.builds(
    Identity,
    st.sampled_from(["GET", "POST"]),
    st.sampled_from(["/a", "/a/{b}", "/a-b", "/a_b", "/"]) | st.text(max_size=80),
    st.sampled_from(["", "x", "X", "get_a", "call_tool"]) | st.text(max_size=80),
)


@settings(deadline=None)
@given(st.lists(IDENTITIES, max_size=8, unique_by=lambda one: one.key), st.sampled_from(["", "p", "my-api", "é" * 40]))
def test_names_are_valid_distinct_and_do_not_depend_on_the_order(operations: list[Identity], prefix: str) -> None:
    names = name_tools(prefix, operations)
    assert all(re.fullmatch(TOOL_NAME_PATTERN, name) for name in names)
    assert len(set(names)) == len(names)
    backwards = name_tools(prefix, operations[::-1])
    assert backwards[::-1] == names


@pytest.mark.parametrize(
    ("wire", "argument"),
    [
        ("limit", "limit"), ("_id", "_id"), ("a.b-c", "a.b-c"), ("filter[name]", "filter_name"), ("$top", "top"),
        ("@type", "type"), ("data[]", "data"), ("[]", "value"), ("", "value"), ("x" * 80, "x" * 64),
    ],
)  # fmt: skip
def test_wire_names_become_arguments(wire: str, argument: str) -> None:
    assert name_argument(wire) == argument


def test_arguments_of_one_name_are_told_apart_by_where_they_go_then_by_number() -> None:
    free = Distinct()
    given_names = [free.take("id", where) for where in ("path", "query", "query", "body")]
    assert given_names == ["id", "query_id", "query_id_2", "body_id"]
