"""What a command leaves open, and which things have the words themselves."""

import pytest

from gateway.core.accounted import holds_two, left_open
from gateway.core.entities import stem, stems_of
from gateway.core.entity import Entity
from gateway.core.match import Thing
from gateway.core.narrow import closest
from gateway.core.plan import Span


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("Turn off the desk lamp or the hall light", "or"),
        ("Put two more lemons into the basket", "more"),
        ("Make it as bright as the desk lamp", "as"),
        ("Archive the mails like yesterday", "like"),
        ("Turn off the right lamp", "right"),
        ("I would like the lamp off right now", ""),
        ("Mark it as done", ""),
    ],
)
def test_a_word_that_leaves_open_what_is_meant_is_told(text: str, word: str) -> None:
    assert left_open(text, Span(0, len(text)), []) == word


def test_what_is_passed_on_leaves_nothing_open_but_may_hold_two_wishes() -> None:
    text = "Remind me at 5 to buy milk or juice"
    assert left_open(text, Span(0, len(text)), [Span(15, len(text))]) == ""
    two = "Remind me at 5 to call mum and at 6 to call Tom"
    at = Span(two.index("at 6"), two.index("at 6") + 4)
    assert holds_two(two, [Span(18, len(two))], [Entity("time", "18:00", at)])
    assert not holds_two(text, [Span(15, len(text))], [Entity("time", "17:00", Span(10, 14))])


def test_books_are_no_booking() -> None:
    things = [
        Thing(key, label, stems_of(label), stems_of(label), {"/id": key, "/subject": label})
        for key, label in (("1", "Two books are due"), ("2", "Your booking in Rome"))
    ]
    by = frozenset([stem("books")])
    assert [one.id for one in closest(things, by, {stem("books"): "books"})] == ["1"]
    assert [one.id for one in closest(things[1:], by, {stem("books"): "books"})] == ["2"]
