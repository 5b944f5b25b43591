"""The wishes in one query."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.wishes import WISHES_MAX, WORDS_MIN, split_wishes


@pytest.mark.parametrize(
    ("query", "wishes"),
    [
        ("lock the front door", ()),
        ("lock the door and turn", ()),
        ("Lock the front door, then send Mira a message.", ("Lock the front door", "send Mira a message.")),
        ("find a bus to Boston and buy me a ticket", ("find a bus to Boston", "buy me a ticket")),
        ("Turn off the lights. Set the heating to 19! Is the door locked?",
         ("Turn off the lights", "Set the heating to 19", "Is the door locked?")),
        ("get the news; and then play some music", ("get the news", "and then play some music")),
        ("the price of apples, pears and plums", ("the price of apples", "pears and plums")),
        ("version 1.2 of the document", ()),
        ("", ()),
    ],
)  # fmt: skip
def test_a_query_is_cut_where_a_wish_ends(query: str, wishes: tuple[str, ...]) -> None:
    assert split_wishes(query) == wishes


@given(st.text() | st.lists(st.sampled_from(["turn", "it", "on", " and ", ", ", ". ", "then", "\n"])).map(" ".join))
def test_every_wish_is_of_the_query_and_there_are_few(query: str) -> None:
    wishes = split_wishes(query)
    assert len(wishes) != 1
    assert len(wishes) <= WISHES_MAX
    for wish in wishes:
        assert wish in " ".join(query.split())
        assert len(wish.split()) >= WORDS_MIN


def test_a_huge_query_is_cut_in_no_time_that_anybody_would_notice() -> None:
    assert len(split_wishes("turn it on, and " * 100_000)) == WISHES_MAX
    assert split_wishes("," * 1_000_000 + " " * 1_000_000) == ()
