"""Misspelt words: which one word each must be, and that what may be two, or is a word of its own, stays."""

import pytest

from gateway.core.plan import Literal, Plan, Span, Step
from gateway.core.spelling import as_said, correct, distance, nearest

KNOWN = {"shopping", "list", "kitchen", "alarm", "door"}


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("trun off the lamp", "turn off the lamp"),
        ("turn of the kitchn spots", "turn off the kitchen spots"),
        ("ad honey to the shoping list", "add honey to the shopping list"),
        ("set teh alram", "set the alarm"),
        ("remnd me tommorow at 5pm", "remind me tomorrow at 5pm"),
        ("unlcok the dor pls", "unlock the door please"),
    ],
)
def test_a_word_that_must_be_one_known_word_is_read_as_it(said: str, read: str) -> None:
    assert correct(said, KNOWN)[0] == read


@pytest.mark.parametrize(
    "text",
    [
        "Sand the table", "Lick the lamp", "Bake a cake", "Wash the car", "Turn off the lamp", "Call Brian",
        "Send a mail that I am laet", "Create a task called 'Cal Tom'", "Add tomatos",
    ],
)  # fmt: skip
def test_a_word_of_its_own_a_name_and_what_is_passed_on_stay(text: str) -> None:
    assert correct(text, KNOWN) == (text, ())


def test_one_letter_in_place_of_another_is_only_likely() -> None:
    assert nearest("bitter", {"butter", "bread"}) == ""
    assert nearest("bitter", {"butter", "bread"}, likely=True) == "butter"
    assert nearest("bitter", {"butter", "batter"}, likely=True) == ""
    assert nearest("florr", {"floor", "lamp"}) == "floor"
    assert distance("unlcok", "unlock") == 1


def test_places_and_texts_are_as_they_were_said() -> None:
    text = "remnd teh Tom of tomatos"
    read, edits = correct(text, KNOWN)
    assert read == "remind the Tom of tomatos"
    start = read.index("tomatos")
    plan = Plan(read, (Step("s1", "t", {"what": Literal("tomatos", Span(start, len(read)))}),))
    told = as_said(plan, text, read, edits)
    assert told.intent == text
    assert told.steps[0].arguments["what"] == Literal("tomatos", Span(text.index("tomatos"), len(text)))
