"""Lists of things as people write them."""

import pytest

from gateway.core.plan import Span
from gateway.core.portion import PORTIONS_MAX, TEXT_CHARACTERS_MAX, Portion, labelled, packs_of, read_portions


def told(text: str) -> list[tuple[str, int | None, float | None, str]]:
    return [(one.name, one.count, one.amount, one.unit) for one in read_portions(text, "en")]


@pytest.mark.parametrize(
    ("text", "portions"),
    [
        ("eggs", [("eggs", None, None, "")]),
        ("eggs and milk", [("eggs", None, None, ""), ("milk", None, None, "")]),
        ("two bottles of red wine", [("red wine", 2, None, "")]),
        ("a dozen eggs, some butter.", [("eggs", 12, None, ""), ("butter", None, None, "")]),
        ("spaghetti 500 g, tomatoes 6", [("spaghetti", None, 500.0, "gram"), ("tomatoes", 6, None, "")]),
        ("2 litres of milk; and bread", [("milk", None, 2.0, "litre"), ("bread", None, None, "")]),
        ("eggs\nbread", [("eggs", None, None, ""), ("bread", None, None, "")]),
        ("", []),
        (" , ;", []),
        ("500 g", []),
    ],
)
def test_a_list_is_read_thing_by_thing(text: str, portions: list[tuple[str, int | None, float | None, str]]) -> None:
    assert told(text) == portions


def test_a_portion_says_where_it_stands() -> None:
    text = "eggs and two bottles of milk"
    assert [text[one.span.start : one.span.end] for one in read_portions(text, "en")] == ["eggs", "two bottles of milk"]


def test_a_list_is_read_within_bounds() -> None:
    assert len(read_portions(",".join(f"thing {chr(97 + n % 26)}" for n in range(200)), "en")) == PORTIONS_MAX
    assert read_portions(" " * TEXT_CHARACTERS_MAX + "eggs", "en") == ()


@pytest.mark.parametrize(
    ("portion", "pack", "count"),
    [
        ((None, None, ""), "500 g", 1),
        ((6, None, ""), "piece", 6),
        ((2, None, ""), "bottle 0.75 l", 2),
        ((None, 500.0, "gram"), "500 g", 1),
        ((None, 501.0, "gram"), "500 g", 2),
        ((None, 3.0, "kilogram"), "500 g", 6),
        ((None, 2.0, "litre"), "1 l", 2),
        # Twelve eggs may be twelve boxes, or two.
        ((12, None, ""), "10 pieces", None),
        ((2, None, ""), "6 x 1.5 l", None),
        ((None, 9.0, "litre"), "6 x 1.5 l", None),
        ((None, 2.0, "litre"), "500 g", None),
        ((None, 2.0, "litre"), "piece", None),
        ((None, 0.0, "litre"), "1 l", None),
    ],
)
def test_how_many_packs_make_a_portion(
    portion: tuple[int | None, float | None, str], pack: str, count: int | None
) -> None:
    many, amount, unit = portion
    assert packs_of(Portion("x", Span(0, 1), many, amount, unit), pack, "en") == count


@pytest.mark.parametrize(
    ("thing", "found"),
    [
        ({"ingredients": ["eggs", "milk"]}, "eggs, milk"),
        ({"ingredients": "eggs"}, "eggs"),
        ({"shopping_ingredients": "eggs"}, "eggs"),
        ({"description": "At home.\nIngredients: eggs, milk\nBring wine"}, "eggs, milk"),
        ({"description": "ingredient: eggs"}, "eggs"),
        ({"description": "The ingredients are eggs"}, ""),
        ({"ingredients": 5}, ""),
        ({"other": ["eggs"]}, ""),
        ([], ""),
        ("Ingredients: eggs", ""),
    ],
)
def test_what_stands_under_a_label(thing: object, found: str) -> None:
    assert labelled(thing, "ingredients") == found
