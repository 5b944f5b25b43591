"""Overlays: every rule of OpenAPI Overlay 1.0 and 1.1, nothing changed that is not named, and no hostile one hangs."""

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.document import DocumentBroken, parse_document
from gateway.core.jsonpath import FILTER_NODES_MAX, TARGET_CHARACTERS_MAX
from gateway.core.overlay import ACTIONS_MAX, MATCHES_MAX, STEPS_MAX, Overlaid, apply_overlay
from gateway.core.yaml_tree import DEPTH_MAX

Json = Any


def overlaid(tree: Json, *actions: Json, version: str = "1.0.0") -> Overlaid:
    before = repr((tree, actions))
    told = apply_overlay(tree, {"overlay": version, "info": {}, "actions": list(actions)}, "o.yaml")
    assert repr((tree, actions)) == before
    return told


def changed(tree: Json, *actions: Json, version: str = "1.0.0") -> Json:
    told = overlaid(tree, *actions, version=version)
    assert told.repairs == ()
    return told.tree


def trouble(tree: Json, *actions: Json, version: str = "1.0.0") -> list[tuple[str, str]]:
    return [(one.place, one.reason) for one in overlaid(tree, *actions, version=version).repairs]


# What the two versions say alike.


@pytest.mark.parametrize(
    ("tree", "action", "expected"),
    [
        ({"a": {"b": 1}}, {"target": "$.a", "update": {"c": 2}}, {"a": {"b": 1, "c": 2}}),
        ({"a": {"b": 1}}, {"target": "$.a", "update": {"b": "x"}}, {"a": {"b": "x"}}),
        ({"a": {"b": 1}}, {"target": "$", "update": {"a": {"c": 2}, "d": {}}}, {"a": {"b": 1, "c": 2}, "d": {}}),
        ({"a": {"b": {"c": {"d": 1}}}}, {"target": "$", "update": {"a": {"b": {"c": {"e": 2}}}}},
         {"a": {"b": {"c": {"d": 1, "e": 2}}}}),
        # arrays
        ({"a": [1]}, {"target": "$.a", "update": {"x": 1}}, {"a": [1, {"x": 1}]}),
        ({"a": [1]}, {"target": "$.a", "update": 2}, {"a": [1, 2]}),
        ({"a": [1]}, {"target": "$.a", "update": None}, {"a": [1, None]}),
        ({"a": [1]}, {"target": "$.a", "update": [2, 3]}, {"a": [1, 2, 3]}),
        ({"a": {"tags": ["x"]}}, {"target": "$.a", "update": {"tags": ["y"]}}, {"a": {"tags": ["x", "y"]}}),
        ({"a": {"b": [[1]]}}, {"target": "$.a.b[0]", "update": 2}, {"a": {"b": [[1, 2]]}}),
        # several nodes
        ({"p": {"a": {"g": {}}, "b": {"g": {"x": 0}}, "c": {}}}, {"target": "$.p.*.g", "update": {"x": 1}},
         {"p": {"a": {"g": {"x": 1}}, "b": {"g": {"x": 1}}, "c": {}}}),
        ({"a": {"b": {}}, "c": []}, {"target": "$.*", "update": {"x": 1}}, {"a": {"b": {}, "x": 1}, "c": [{"x": 1}]}),
        ({"a": {"b": {}}}, {"target": "$..*", "update": {"x": 1}}, {"a": {"b": {"x": 1}, "x": 1}}),
        ({"a": []}, {"target": "$['a','a']", "update": 1}, {"a": [1]}),
        # remove
        ({"a": {"b": {}, "c": 1}}, {"target": "$.a.b", "remove": True}, {"a": {"c": 1}}),
        ({"a": {"b": {}}}, {"target": "$.a.b", "remove": True, "update": {"x": 1}}, {"a": {}}),
        ({"a": {"b": {}}}, {"target": "$.a.b", "remove": False, "update": {"x": 1}}, {"a": {"b": {"x": 1}}}),
        ({"a": {"b": "text"}}, {"target": "$.a.b", "remove": True}, {"a": {}}),
        ({"a": [0, 1, 2, 3]}, {"target": "$.a[0,2]", "remove": True}, {"a": [1, 3]}),
        ({"a": [0, 1, 2, 3]}, {"target": "$.a[-1]", "remove": True}, {"a": [0, 1, 2]}),
        ({"a": ["x", "y", "x"]}, {"target": "$.a[?@ == 'x']", "remove": True}, {"a": ["y"]}),
        ({"a": [[1, 2], [3]]}, {"target": "$.a[*][0]", "remove": True}, {"a": [[2], []]}),
        ({"a": {"a": {"a": 1}}, "b": 2}, {"target": "$..a", "remove": True}, {"b": 2}),
        ({"p": [{"name": "x"}, {"name": "y"}]}, {"target": "$.p[?@.name == 'x']", "remove": True},
         {"p": [{"name": "y"}]}),
        # filters
        ({"p": {"a": {"g": {"x-t": ["paged"]}}, "b": {"g": {}}}}, {"target": "$.p[?@.g['x-t'][?@ == 'paged']].g", "update": {"n": 1}},
         {"p": {"a": {"g": {"x-t": ["paged"], "n": 1}}, "b": {"g": {}}}}),
        ({"a": [{"b": {"c": 1}}, {"b": {"c": 2}}], "k": {"c": 2}}, {"target": "$.a[?@.b == $.k]", "update": {"x": 1}},
         {"a": [{"b": {"c": 1}}, {"b": {"c": 2}, "x": 1}], "k": {"c": 2}}),
        ({"a": [{"n": "get"}, {"n": "go"}]}, {"target": "$.a[?match(@.n, 'g.t')]", "remove": True}, {"a": [{"n": "go"}]}),
        ({"a": [{"n": "get"}, {"n": "xgetx"}]}, {"target": "$.a[?match(@.n, 'g.t')]", "remove": True}, {"a": [{"n": "xgetx"}]}),
        ({"a": [{"n": "xgetx"}, {"n": 5}]}, {"target": "$.a[?search(@.n, 'g.t|p')]", "remove": True}, {"a": [{"n": 5}]}),
        ({"a": [{"n": "x"}, {"n": [1, 2]}]}, {"target": "$.a[?length(@.n) == 2 && count(@.n[*]) == 2]", "remove": True}, {"a": [{"n": "x"}]}),
        # our own rule: where there is null, anything may stand
        ({"a": {"tags": None}}, {"target": "$.a", "update": {"tags": ["y"]}}, {"a": {"tags": ["y"]}}),
        ({"a": {"b": 1}}, {"target": "$.a", "update": {"b": None}}, {"a": {"b": None}}),
    ],
)  # fmt: skip
def test_an_action_does_what_the_specification_says(tree: Json, action: Json, expected: Json) -> None:
    assert changed(tree, action) == expected
    assert changed(tree, action, version="1.1.0") == expected


def test_actions_follow_one_another() -> None:
    told = changed(
        {"servers": [{"url": "https://a"}], "a": [1, 2, 3]},
        {"target": "$.servers", "remove": True},
        {"target": "$", "update": {"servers": [{"url": "https://b"}]}},
        {"target": "$.servers[0]", "update": {"description": "there"}},
        {"target": "$.a[0]", "remove": True},
        {"target": "$.a[0]", "remove": True},
    )
    assert told == {"a": [3], "servers": [{"url": "https://b", "description": "there"}]}


# What 1.1 adds.


@pytest.mark.parametrize(
    ("tree", "actions", "expected"),
    [
        ({"a": {"g": {"x": 1}}, "b": {"d": {}}}, [{"target": "$.b", "copy": "$.a"}], {"a": {"g": {"x": 1}}, "b": {"d": {}, "g": {"x": 1}}}),
        ({"a": [1], "b": [2]}, [{"target": "$.b", "copy": "$.a"}], {"a": [1], "b": [2, 1]}),
        ({"a": 1, "b": [2]}, [{"target": "$.b", "copy": "$.a"}], {"a": 1, "b": [2, 1]}),
        ({"a": 1, "b": 2}, [{"target": "$.b", "copy": "$.a"}], {"a": 1, "b": 1}),
        ({"a": {"x": {}}}, [{"target": "$.a", "copy": "$"}], {"a": {"x": {}, "a": {"x": {}}}}),
        ({"p": {"/a": {"get": {}}}}, [
            {"target": "$.p", "update": {"/b": {}}}, {"target": "$.p['/b']", "copy": "$.p['/a']"},
            {"target": "$.p['/a']", "remove": True}, {"target": "$.p['/b'].get", "update": {"x": 1}},
        ], {"p": {"/b": {"get": {"x": 1}}}}),
        ({"a": {"b": "old"}}, [{"target": "$.a.b", "update": "new"}], {"a": {"b": "new"}}),
        ({"a": ["x", "y"]}, [{"target": "$.a[?@ == 'x']", "update": 1}], {"a": [1, "y"]}),
        ({"a": None}, [{"target": "$.a", "update": {"x": 1}}], {"a": {"x": 1}}),
    ],
)  # fmt: skip
def test_version_1_1_copies_and_replaces_plain_values(tree: Json, actions: list[Json], expected: Json) -> None:
    assert changed(tree, *actions, version="1.1.0") == expected


def test_what_was_copied_changes_apart_from_where_it_came_from() -> None:
    actions = [{"target": "$.b", "copy": "$.a"}, {"target": "$.b.c", "update": {"x": 1}}]
    assert changed({"a": {"c": {}}, "b": {}}, *actions, version="1.1.0") == {"a": {"c": {}}, "b": {"c": {"x": 1}}}


# What has no effect is said, and costs nothing else.


@pytest.mark.parametrize(
    "action",
    [
        "no object", None, {}, {"update": {}}, {"target": 5, "update": {}}, {"target": "$.a"}, {"target": "", "update": {}},
        {"target": "a", "update": {}}, {"target": "$.a[", "update": {}}, {"target": "$.a[?1]", "update": {}},
        {"target": "$.a[?unknown(@)]", "update": {}}, {"target": "$[999999999999999999]", "update": {}},
        {"target": "$[?@ == 1e999]", "update": {}}, {"target": "$['\\", "update": {}}, {"target": "$" + "[?(" * 300, "update": {}},
        {"target": "$" + ".a" * 600, "update": {}}, {"target": "$", "remove": True}, {"target": "$", "update": 5},
        {"target": "$", "update": []}, {"target": "$.a", "update": "text"}, {"target": "$.a", "update": None},
        {"target": "$.a", "update": {"b": {"x": 1}}}, {"target": "$.a", "update": {"c": 1}}, {"target": "$.a", "update": {"d": {}}},
        {"target": "$.a.b", "update": 2}, {"target": "$.n", "update": {}}, {"target": "$.a.*", "update": {}}, {"target": "$.a", "remove": "yes"},
        {"target": "$.a", "update": {}, "copy": "$"}, {"target": "$.a", "copy": 5}, {"target": "$.a", "copy": "$.nothing"},
        {"target": "$.a", "copy": "$.*"}, {"target": "$.a", "copy": "$["}, {"target": "$.a", "copy": "$.a.d"},
    ],
)  # fmt: skip
def test_a_broken_action_changes_nothing_and_the_others_go_on(action: Json) -> None:
    tree = {"a": {"b": 1, "c": {}, "d": []}, "n": None}
    told = overlaid(tree, {"target": "$.a.c", "update": {"x": 1}}, action, {"target": "$.a.c", "update": {"y": 2}})
    assert told.tree == {"a": {"b": 1, "c": {"x": 1, "y": 2}, "d": []}, "n": None}
    [repair] = told.repairs
    assert (repair.place, repair.reason) == ("o.yaml#/actions/1", "overlay-broken")
    assert repair.detail.endswith(".")
    assert len(repair.detail) < 400


def test_an_action_that_fits_only_some_of_its_targets_changes_none_of_them() -> None:
    tree = {"p": {"a": {"tags": ["x"]}, "b": {"tags": "y"}}}
    told = overlaid(tree, {"target": "$.p.*", "update": {"tags": ["z"]}})
    assert told.tree == tree
    assert "'tags'" in told.repairs[0].detail


@pytest.mark.parametrize("target", ["$.nothing", "$.a.b.c", "$.a[5]", "$..nothing", "$.a[?@.x]", "$.a['b']['c']"])
@pytest.mark.parametrize("rest", [{"update": {}}, {"remove": True}, {"copy": "$"}])
def test_an_action_that_matches_nothing_is_named(target: str, rest: Json) -> None:
    told = trouble({"a": {"b": 1}}, {"target": "$.a", "update": {}}, {"target": target, **rest})
    assert told == [("o.yaml#/actions/1", "overlay-unmatched")]


@pytest.mark.parametrize("version", ["1.0", "1.0.0", "1.0.1", "1.1.0", "1.1", 1.0, 1.1, "1.2.0", "1.0.0-rc1"])
def test_any_overlay_of_version_1_is_one(version: Json) -> None:
    told = apply_overlay({"a": {}}, {"overlay": version, "actions": [{"target": "$.a", "update": {"x": 1}}]}, "o")
    assert told == Overlaid({"a": {"x": 1}}, ())


@pytest.mark.parametrize(
    "overlay",
    [
        {}, {"actions": []}, {"overlay": "2.0.0", "actions": []}, {"overlay": 1, "actions": []}, {"overlay": "1.0.0"},
        {"overlay": None, "actions": []}, {"overlay": "1.0.0", "actions": {}}, {"overlay": "1.0.0", "actions": None},
        {"openapi": "3.1.0", "paths": {}}, {"overlay": "1.0.0", "actions": [{}] * (ACTIONS_MAX + 1)},
    ],
)  # fmt: skip
def test_what_is_no_overlay_is_refused_as_a_whole(overlay: Json) -> None:
    with pytest.raises(DocumentBroken) as raised:
        apply_overlay({"a": {}}, overlay, "o.yaml")
    assert raised.value.place.startswith("o.yaml")


# What is shared.


def test_a_value_that_aliases_share_changes_only_where_the_target_names_it() -> None:
    tree = parse_document(b"base: &b {x: {y: [1]}}\none: *b\ntwo: *b\n", "d")
    assert tree["one"] is tree["two"]
    told = changed(tree, {"target": "$.one.x", "update": {"z": 1}}, {"target": "$.one.x.y", "update": 2})
    assert told == {"base": {"x": {"y": [1]}}, "one": {"x": {"y": [1, 2], "z": 1}}, "two": {"x": {"y": [1]}}}
    assert changed(tree, {"target": "$.two.x", "remove": True})["one"] == {"x": {"y": [1]}}


def test_one_update_put_in_two_places_can_then_be_changed_in_one() -> None:
    told = changed(
        {"a": {}, "b": {}}, {"target": "$.*", "update": {"c": {"d": []}}}, {"target": "$.a.c.d", "update": 1}
    )
    assert told == {"a": {"c": {"d": [1]}}, "b": {"c": {"d": []}}}


def test_only_what_is_touched_is_copied() -> None:
    tree = {"paths": {"/a": {"get": {}}, "/b": {"get": {}}}, "components": {"schemas": {}}}
    told = changed(tree, {"target": "$.paths['/a'].get", "update": {"x": 1}})
    assert told["components"] is tree["components"]
    assert told["paths"]["/b"] is tree["paths"]["/b"]


# Bounds.


def wide(count: int) -> Json:
    return {"a": [{"n": "a" * 30, "i": index, "x": {"y": {"z": [1]}}} for index in range(count)]}


@pytest.mark.parametrize(
    "target",
    [
        "$..*..*..*..*..nothing",
        "$..[?@..*..*..*..nothing]",
        "$..[?$..*..nothing]",
        "$..[?$.a == $.a].nothing",
        "$" + "['a','a','a']" + "[*,*,*]" * 100 + ".nothing",
        "$..[?@" + "['x','x']['y','y']" * 40 + "]",
        "$" + "..[?@" * 20 + "..*" + "]" * 20,
        "$..[?search(@.n, '(a*)*b') || match(@.n, '(a|aa)+b')].nothing",
        "$..[?search(@.n, '((((a{0,9}){0,9}){0,9}){0,9}){0,9}b')].nothing",
        "$..[?count(@..*) > count($..*)].nothing",
    ],
)
def test_a_hostile_target_ends_in_seconds(target: str) -> None:
    actions = [{"target": "$.a[0]", "update": {"ok": 1}}, {"target": target, "update": {}}]
    begun = time.perf_counter()
    told = apply_overlay(wide(1_000), {"overlay": "1.0.0", "actions": actions}, "o", steps_max=STEPS_MAX // 10)
    assert time.perf_counter() - begun < 30
    assert [one.place for one in told.repairs] == ["o#/actions/1"]
    assert told.tree["a"][0]["ok"] == 1


def test_a_pattern_that_would_run_for_ever_elsewhere_costs_nothing_here() -> None:
    tree = {"a": [{"n": "a" * 5_000}, {"n": "a" * 5_000 + "b"}]}
    begun = time.perf_counter()
    told = changed(tree, {"target": "$.a[?match(@.n, '(a|a)*(a*)*b')]", "remove": True})
    assert time.perf_counter() - begun < 5
    assert told == {"a": [{"n": "a" * 5_000}]}


def test_values_compared_as_a_whole_cost_what_they_hold() -> None:
    tree = {"a": wide(2_000), "b": wide(2_000), "c": ["x" * 1_000] * 2_000}
    begun = time.perf_counter()
    action = {"target": "$..[?$.a == $.b].nothing", "update": {}}
    told = apply_overlay(tree, {"overlay": "1.0.0", "actions": [action]}, "o", steps_max=1_000_000)
    assert time.perf_counter() - begun < 20
    assert "steps" in told.repairs[0].detail


def test_an_addition_costs_what_it_holds_in_every_place() -> None:
    tree = {"a": [{} for _ in range(2_000)]}
    told = overlaid(tree, {"target": "$.a[*]", "update": {"x": list(range(6_000))}})
    assert told.tree is tree
    assert "steps" in told.repairs[0].detail


@pytest.mark.parametrize("pattern", ["(", "(?=a)", "a{1000}{1000}{1000}", "\ud800", "\\\\1"])
@pytest.mark.parametrize("text", ["a", "\ud800", "", 5, None, ["a"]])
def test_what_is_no_pattern_or_no_text_matches_nothing(pattern: str, text: Json) -> None:
    tree = {"a": [{"n": text, "p": pattern}]}
    told = trouble(tree, {"target": "$.a[?match(@.n, @.p) || search(@.n, @.p)]", "remove": True})
    assert told == [("o.yaml#/actions/0", "overlay-unmatched")]


def test_patterns_of_the_document_are_bounded_in_number() -> None:
    tree = {"a": [{"n": "a", "p": f"a{index}"} for index in range(5_000)]}
    assert "steps" in overlaid(tree, {"target": "$.a[?match(@.n, @.p)]", "remove": True}).repairs[0].detail


@pytest.mark.parametrize(
    ("tree", "target", "named"),
    [
        ({"a": [0] * (MATCHES_MAX + 1)}, "$.a[*]", str(MATCHES_MAX)),
        ({"a": [{"x": [0] * (FILTER_NODES_MAX + 1)}]}, "$.a[?@.x[*]]", str(FILTER_NODES_MAX)),
        ({"a": {}}, "$['" + "a" * TARGET_CHARACTERS_MAX + "']", str(TARGET_CHARACTERS_MAX)),
    ],
)
def test_a_bound_is_named_where_it_is_met(tree: Json, target: str, named: str) -> None:
    told = apply_overlay(tree, {"overlay": "1.0.0", "actions": [{"target": target, "remove": True}]}, "o")
    assert named in told.repairs[0].detail
    assert told.tree is tree


def test_doubling_a_document_over_and_over_is_stopped() -> None:
    twice = [{"target": "$", "update": {"b": {}, "c": {}}}]
    for _ in range(40):
        twice += [{"target": "$['b','c']", "copy": "$.a"}, {"target": "$.a", "update": {"l": {}, "r": {}}}]
        twice += [{"target": "$.a.l", "copy": "$.b"}, {"target": "$.a.r", "copy": "$.c"}]
    begun = time.perf_counter()
    told = overlaid({"a": {"x": [1, 2, 3]}}, *twice, version="1.1.0")
    assert time.perf_counter() - begun < 30
    assert any(str(STEPS_MAX) in one.detail for one in told.repairs)


def test_a_document_never_grows_deeper_than_any_document_may_be() -> None:
    deep: Json = {"$": "end"}
    for _ in range(DEPTH_MAX - 10):
        deep = {"a": deep}
    target = "$" + ".a" * 20
    assert changed({"a": deep}, {"target": "$..[?@['$']]", "update": {"b": 1}}, version="1.1.0")
    assert trouble({"a": deep}, {"target": target, "copy": "$.a"}, version="1.1.0")
    assert changed({"a": deep}, {"target": "$.a", "update": deep}) == {"a": deep}


# Whatever comes.

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["x", "y", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=12,
)
TREES = st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3)
TARGETS = st.lists(
    st.sampled_from([".a", ".b", "..*", ".*", "[0]", "[-1]", "[*]", "[?@.a]", "[?@ == 'x']", "..b", "[1:]", "['a','c']"]),
    max_size=4,
).map(lambda parts: "$" + "".join(parts))  # fmt: skip
ACTIONS = st.fixed_dictionaries(
    {"target": TARGETS | st.text(max_size=8)},
    optional={"update": VALUES, "remove": st.booleans(), "copy": TARGETS, "x": VALUES},
)


@settings(max_examples=300, deadline=None)
@given(tree=TREES, actions=st.lists(ACTIONS | VALUES, max_size=5), version=st.sampled_from(["1.0.0", "1.1.0"]))
def test_whatever_the_overlay_nothing_given_is_changed_and_nothing_crashes(
    tree: Json, actions: list[Json], version: str
) -> None:
    told = overlaid(tree, *actions, version=version)
    assert isinstance(told.tree, dict)
    assert len(told.repairs) <= len(actions)


@settings(max_examples=300, deadline=None)
@given(tree=TREES, target=st.text("$.@[]?*'\"ab0,:-()=&|!\\<>1e ", max_size=20))
def test_whatever_the_target_it_is_applied_or_named(tree: Json, target: str) -> None:
    overlaid(tree, {"target": f"${target}", "update": {"a": 1}})


@settings(max_examples=200, deadline=None)
@given(tree=TREES, target=TARGETS)
def test_after_a_removal_the_document_has_exactly_the_other_values(tree: Json, target: str) -> None:
    told = overlaid(tree, {"target": target, "remove": True})
    again = overlaid(told.tree, {"target": "$..*", "update": {}}, version="1.1.0")
    assert isinstance(again.tree, dict)
    if target.endswith((".a", "['a','c']", "..b", "..*", ".*", "[*]")) and not told.repairs:
        assert trouble(told.tree, {"target": target, "remove": True}) == [("o.yaml#/actions/0", "overlay-unmatched")]
