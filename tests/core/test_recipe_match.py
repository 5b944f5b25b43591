"""Words against recipes: what calls for one, what is told for its parameters, and what does neither."""

from datetime import UTC, datetime
from functools import cache
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.entities import read_entities
from gateway.core.plan import Literal, Plan, Slot, leaves
from gateway.core.recipe import NewRecipe, Recipe, Unpromotable, check_words, split_phrase, template_of, words_for
from gateway.core.recipe_match import called_for, near
from gateway.core.tool import Tool
from tests.core.test_compile import compile_tree
from tests.core.test_plan import operation

Json = dict[str, Any]
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
TEXT = {"type": "string"}
ORDER = {
    "type": "object",
    "properties": {
        "item": TEXT,
        "count": {"type": "integer"},
        "size": {"enum": ["small", "large"]},
        "day": {"type": "string", "format": "date"},
        "message": TEXT,
    },
}
PATHS = {
    "/orders": {"post": operation("order", None, ORDER), "get": operation("orders", {"type": "array", "items": ORDER})}
}


@cache
def tools() -> dict[str, Tool]:
    tree = {"openapi": "3.1.0", "info": {"title": "Shop", "version": "1"}, "paths": PATHS}
    return {one.name: one for one in compile_tree(tree, prefix="").tools}


def recipe(*words: str, tool: str = "order", name: str = "office", **fixed: Any) -> Recipe:
    """One whose parameters are those that its words tell."""
    told = {part: None for phrase in words for is_name, part in split_phrase(phrase) if is_name}
    arguments = {key: {"kind": "slot", "question": "?"} for key in told}
    arguments |= {key: {"kind": "literal", "value": value} for key, value in fixed.items()}
    steps = [{"name": "do", "tool": tool, "arguments": arguments}]
    wanted = {"name": name, "words": words, "parameters": [{"name": key, "places": [f"do/{key}"]} for key in told]}
    new, plan = msgspec.convert(wanted, NewRecipe), msgspec.convert({"intent": "x", "steps": steps}, Plan)
    check_words(new.words, new.parameters)
    made = template_of(plan, new.parameters)
    maker = ("red", "", "ada", "k")
    return Recipe("r1", name, maker, made, NOW, {}, "active", words=new.words, parameters=new.parameters)


def told(text: str, *recipes: Recipe) -> list[Json]:
    """What is told to each recipe that the words call for; what is not told is no part of it."""
    found = called_for(text, read_entities(text, NOW, "en-GB"), recipes, tools())
    assert all(one.plan.intent == text and one.plan.recipe == one.recipe.name for one in found)
    return [
        {place[1:]: leaf.value for place, leaf in leaves(one.plan.steps[0].arguments) if isinstance(leaf, Literal)}
        for one in found
    ]


CALLS: list[tuple[str, str, Json]] = [
    ("order {item} for the office", "Order coffee for the office", {"item": "coffee"}),
    ("order {item} for the office", "Hey, could you please order green tea for the office?", {"item": "green tea"}),
    ("order {item} for the office", "order “green tea, if there is any” for the office, please!",
     {"item": "green tea, if there is any"}),
    ("order {count} {item}", "order 3 green teas", {"count": 3, "item": "green teas"}),
    ("order a {size} coffee", "order a large coffee", {"size": "large"}),
    ("order coffee {day}", "order coffee tomorrow", {"day": "2026-05-02"}),
    ("good night", "Good night!", {}),
    ("say {message} to the shop", "say that we are late, if it rains, to the shop", {"message": "that we are late, if it rains"}),
]  # fmt: skip


@pytest.mark.parametrize(("phrase", "text", "expected"), CALLS, ids=[text[:40] for _, text, _ in CALLS])
def test_its_own_words_call_for_a_recipe_and_tell_its_parameters(phrase: str, text: str, expected: Json) -> None:
    assert told(text, recipe(phrase)) == [expected]


def test_what_is_told_says_where_in_the_words_it_stands() -> None:
    text = "order green tea for the office"
    (found,) = called_for(text, read_entities(text, NOW, "en"), [recipe("order {item} for the office")], tools())
    leaf = found.plan.steps[0].arguments["item"]
    assert isinstance(leaf, Literal)
    assert leaf.span is not None
    assert text[leaf.span.start : leaf.span.end] == leaf.value == "green tea"


CALLS_NOT: list[tuple[str, str]] = [
    ("order {item} for the office", "order coffee"),
    ("order {item} for the office", "order coffee for the office now and then"),
    ("order {item} for the office", "please do order coffee for the office"),
    ("order {item} for the office", "don't order coffee for the office"),
    ("order {item} for the office", "did you order coffee for the office"),
    ("order {item} for the office", "order coffee for the office?"),
    ("order {item} for the office", "order coffee every Monday for the office"),
    ("order {item} for the office", "order coffee if it rains for the office"),
    ("order {item} for the office", "order coffee but no milk for the office"),
    ("order {item} for the office", "order for the office"),
    ("order {count} coffees", "order some coffees"),
    ("order {count} coffees", "order 2.5 coffees"),
    ("order a {size} coffee", "order a huge coffee"),
    ("order coffee {day}", "order coffee whenever"),
    ("turn the shop off", "turn the shop on"),
    ("move it from {item} to {message}", "move it to a from b"),
    ("order the light", "order the lights"),
    ("good night", "night"),
    ("good night", "good night?"),
    ("tell {item} that {message}", "tell the team that won that lunch is ready"),
    ("order {item} {message}", "order green tea now"),
]


@pytest.mark.parametrize(("phrase", "text"), CALLS_NOT, ids=[text[:40] for _, text in CALLS_NOT])
def test_any_other_words_do_not(phrase: str, text: str) -> None:
    assert told(text, recipe(phrase)) == []


def test_a_question_calls_for_what_only_reads() -> None:
    assert told("what did we order?", recipe("what did we order", tool="orders")) == [{}]
    assert told("what did we order?", recipe("what did we order")) == []


def test_what_is_not_told_stays_a_question() -> None:
    one = recipe("order {item}", "order something")
    (found,) = called_for("order something", (), [one], tools())
    assert found.plan.steps[0].arguments == {"item": Slot("?")} or told("order something", one) == [
        {"item": "something"}
    ]


def test_the_words_that_say_more_are_meant_and_of_several_recipes_all_are_told() -> None:
    one = recipe("order {item}", "order {item} for {message}")
    assert told("order tea for Bob", one) == [{"item": "tea", "message": "Bob"}]
    assert len(told("order tea", recipe("order {item}"), recipe("order tea", name="tea"))) == 2


def test_a_recipe_is_near_where_it_has_every_word() -> None:
    one = recipe("order {item} for the office")
    assert near("the office order", [one]) == (one,)
    assert near("the office order, now", [one]) == ()
    assert near("", [one]) == ()


def test_the_words_of_an_intent_become_those_of_its_recipe() -> None:
    text = "Order tea for the tea room"
    argument = {"kind": "literal", "value": "tea", "span": {"start": 6, "end": 9}}
    plan = {"intent": text, "steps": [{"name": "do", "tool": "order", "arguments": {"item": argument}}]}
    new = msgspec.convert({"name": "a", "parameters": [{"name": "item", "places": ["do/item"]}]}, NewRecipe)
    assert words_for(msgspec.convert(plan, Plan), new.parameters) == ("Order {item} for the tea room",)


@given(st.text("orde{tm} ,.?x", max_size=60), st.text("orde tm,.?x", max_size=60))
def test_no_phrase_and_no_text_breaks_it(phrase: str, text: str) -> None:
    try:
        one = recipe(phrase)
    except (Unpromotable, msgspec.ValidationError):
        return
    for found in called_for(text, read_entities(text, NOW, "en"), [one], tools()):
        assert found.plan.intent == text
