"""Typed intents: a goal and what is known, made a plan without any language."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.complete import GOAL, LISTED, complete
from gateway.core.plan import Item, Literal, Ref, Slot, When
from gateway.core.plan_check import check_plan
from gateway.core.planned import Impossible, Ready
from tests.household_tools import household_tools

TOOLS = household_tools()


def test_what_is_an_argument_is_given_and_the_rest_is_asked() -> None:
    planned = complete("home_set_light", {"on": False}, TOOLS)
    assert isinstance(planned, Ready)
    (step,) = planned.plan.steps
    assert step.arguments["on"] == Literal(False)
    assert isinstance(step.arguments["light_id"], Slot)


def test_a_field_of_the_thing_becomes_a_list_and_a_condition() -> None:
    planned = complete("home_set_light", {"on": False, "room": "kitchen"}, TOOLS)
    assert isinstance(planned, Ready)
    listing, goal = planned.plan.steps
    assert (listing.name, listing.tool, goal.name) == (LISTED, "home_list_lights", GOAL)
    assert (goal.each, goal.when) == (Ref(LISTED), When(Item("/room"), {"const": "kitchen"}))
    assert goal.arguments["light_id"] == Item("/id")


@pytest.mark.parametrize(
    ("goal", "known", "reason"),
    [
        ("home_burn_down", {}, "no tool named"),
        ("home_set_light", {"colour": "red"}, "told by colour"),
        ("home_set_light", {"light_id": "light-1", "brightness": 200}, "does not fit"),
        ("groceries_clear_basket", {"sku": "milk"}, "told by sku"),
    ],
)
def test_what_does_not_fit_is_told(goal: str, known: dict[str, Any], reason: str) -> None:
    planned = complete(goal, known, TOOLS)
    assert isinstance(planned, Impossible)
    assert reason in planned.reason


KNOWN = st.dictionaries(
    st.sampled_from(["on", "room", "name", "light_id", "title", "q", "from", "x", "place", "state", "locked"]),
    st.booleans() | st.integers(0, 50) | st.sampled_from(["kitchen", "a", "2026-03-04"]) | st.none() | st.lists(st.just("a")),
    max_size=4,
)  # fmt: skip


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(sorted(TOOLS)), KNOWN)
def test_a_plan_that_is_given_holds(goal: str, known: dict[str, Any]) -> None:
    planned = complete(goal, known, TOOLS)
    assert not isinstance(planned, Ready) or check_plan(planned.plan, TOOLS) == ()
