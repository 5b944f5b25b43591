"""Which scopes a tool needs, and which a caller lacks."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.scope import expand_scopes, imply, missing_scopes, scopes_of, with_implied


@pytest.mark.parametrize(
    ("security", "alternatives"),
    [
        ([], [{"home:read"}]),
        ([[]], [{"home:read"}]),
        ([["a", "b"]], [{"home:a", "home:b"}]),
        ([["a"], ["b"]], [{"home:a"}, {"home:b"}]),
        ([["b"], ["a"], ["b"]], [{"home:a"}, {"home:b"}]),
        ([["a", "b"], ["a"]], [{"home:a"}]),
        ([["a"], []], [{"home:a"}, {"home:read"}]),
    ],
)
def test_scopes_are_alternatives_without_repeats_and_without_needless_ones(
    security: list[list[str]], alternatives: list[set[str]]
) -> None:
    assert list(scopes_of("home", "read", security)) == alternatives


@pytest.mark.parametrize(
    ("effect", "scope"), [("read", "home:read"), ("write", "home:write"), ("destructive", "home:write")]
)
def test_an_operation_whose_document_names_no_scope_still_needs_one(effect: str, scope: str) -> None:
    assert scopes_of("home", effect, []) == (frozenset({scope}),)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("held", "missing"),
    [
        ({"x:a", "x:b"}, ()),
        ({"x:c"}, ()),
        (set(), ("x:c",)),
        ({"x:a"}, ("x:a", "x:b")),
        ({"y:c"}, ("x:c",)),
    ],
)
def test_a_step_up_names_all_scopes_of_the_nearest_alternative(held: set[str], missing: tuple[str, ...]) -> None:
    assert missing_scopes((frozenset({"x:a", "x:b"}), frozenset({"x:c"})), held) == missing


SCOPES = st.sampled_from(["a", "b", "c", "d"])


@settings(deadline=None)
@given(st.lists(st.lists(SCOPES, max_size=3), max_size=4), st.sets(SCOPES.map("h:{}".format)))
def test_no_tool_is_open_to_all_and_whoever_gets_what_is_missing_may_call(
    security: list[list[str]], held: set[str]
) -> None:
    alternatives = scopes_of("h", "write", security)
    assert alternatives
    assert all(alternatives)
    assert missing_scopes(alternatives, frozenset())
    assert not missing_scopes(alternatives, held | set(missing_scopes(alternatives, held)))


def test_a_star_stands_for_the_scopes_that_are_known_now() -> None:
    known = frozenset({"home:read", "home:write", "work:read"})
    assert expand_scopes(["home:*", "work:read"], known) == known
    assert expand_scopes(["home:future"], known) == {"home:future"}


@pytest.mark.parametrize("asked", ["home", ":a", "home:", "nobody:*"])
def test_a_scope_that_can_mean_nothing_is_refused(asked: str) -> None:
    with pytest.raises(ValueError, match=r"scope"):
        expand_scopes([asked], frozenset({"home:read"}))


def test_a_scope_goes_by_the_name_that_it_is_given() -> None:
    names = {"https://auth.example/write": "orders.write"}
    assert scopes_of("shop", "write", [["https://auth.example/write", "x"]], names) == (
        frozenset({"shop:orders.write", "shop:x"}),
    )


def test_what_a_scope_implies_is_held_through_every_step_and_in_circles() -> None:
    implied = imply("shop", {"admin": ("write",), "write": ("read",), "a": ("b",), "b": ("a", "c")})
    assert with_implied(frozenset({"shop:admin", "other:x"}), implied) == {
        "shop:admin",
        "shop:write",
        "shop:read",
        "other:x",
    }
    assert with_implied(frozenset({"shop:a"}), implied) == with_implied(frozenset({"shop:b"}), implied) | {"shop:a"}
    held = frozenset({"shop:read", "admin", "other:admin"})
    assert with_implied(held, implied) == held


@given(st.dictionaries(st.text("abcd", min_size=1, max_size=1), st.lists(st.text("abcd", min_size=1, max_size=1))))
def test_holding_is_settled_and_never_takes_away(told: dict[str, list[str]]) -> None:
    implied = imply("shop", told)
    for scope in "abcd":
        held = frozenset({f"shop:{scope}"})
        wider = with_implied(held, implied)
        assert held <= wider
        assert with_implied(wider, implied) == wider
        assert all(one.startswith("shop:") for one in wider)
