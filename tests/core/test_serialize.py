"""Values in the styles of OpenAPI: the specification's own table of examples, and what it leaves open."""

from typing import Any
from urllib.parse import parse_qsl, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.serialize import Unwritable, encode_reserved, in_cookie, in_header, in_path, in_query, scalar

STRING, ARRAY, OBJECT = "blue", ["blue", "black", "brown"], {"R": 100, "G": 200, "B": 150}

# OAS 3.1.1, "Style Examples" of the Parameter Object, for a parameter named `color`.
PATH = [
    ("matrix", False, ";color", ";color=blue", ";color=blue,black,brown", ";color=R,100,G,200,B,150"),
    ("matrix", True, ";color", ";color=blue", ";color=blue;color=black;color=brown", ";R=100;G=200;B=150"),
    ("label", False, ".", ".blue", ".blue,black,brown", ".R,100,G,200,B,150"),
    ("label", True, ".", ".blue", ".blue.black.brown", ".R=100.G=200.B=150"),
    ("simple", False, "", "blue", "blue,black,brown", "R,100,G,200,B,150"),
    ("simple", True, "", "blue", "blue,black,brown", "R=100,G=200,B=150"),
]
QUERY = [
    ("form", False, "color=", "color=blue", "color=blue,black,brown", "color=R,100,G,200,B,150"),
    ("form", True, "color=", "color=blue", "color=blue&color=black&color=brown", "R=100&G=200&B=150"),
    ("spaceDelimited", False, None, None, "color=blue%20black%20brown", "color=R%20100%20G%20200%20B%20150"),
    ("pipeDelimited", False, None, None, "color=blue%7Cblack%7Cbrown", "color=R%7C100%7CG%7C200%7CB%7C150"),
    ("deepObject", True, None, None, None, "color%5BR%5D=100&color%5BG%5D=200&color%5BB%5D=150"),
]


def cells(table: list[Any]) -> list[Any]:
    return [
        pytest.param(style, explode, value, told, id=f"{style}-{'explode' if explode else 'plain'}-{kind}")
        for style, explode, *row in table
        for kind, value, told in zip(
            ("empty", "string", "array", "object"), ("", STRING, ARRAY, OBJECT), row, strict=True
        )
        if told is not None
    ]


@pytest.mark.parametrize(("style", "explode", "value", "told"), cells(PATH))
def test_a_path_value_is_written_as_the_specification_shows(style: Any, explode: bool, value: Any, told: str) -> None:
    assert in_path("color", value, style, explode=explode) == told


@pytest.mark.parametrize(("style", "explode", "value", "told"), cells(QUERY))
def test_a_query_value_is_written_as_the_specification_shows(style: Any, explode: bool, value: Any, told: str) -> None:
    assert in_query("color", value, style, explode=explode) == told


@pytest.mark.parametrize(
    ("explode", "value", "told"),
    [
        (False, STRING, "blue"),
        (False, ARRAY, "blue,black,brown"),
        (False, OBJECT, "R,100,G,200,B,150"),
        (True, ARRAY, "blue,black,brown"),
        (True, OBJECT, "R=100,G=200,B=150"),
        (False, True, "true"),
        (False, 3, "3"),
        (False, "50% off; a,b", "50% off; a,b"),
    ],
)
def test_a_header_value_is_simple_and_not_percent_encoded(explode: bool, value: Any, told: str) -> None:
    assert in_header(value, explode=explode) == told


@pytest.mark.parametrize(
    ("explode", "value", "told"),
    [
        (False, "", [("color", "")]),
        (False, STRING, [("color", "blue")]),
        (False, ARRAY, [("color", "blue,black,brown")]),
        (False, OBJECT, [("color", "R,100,G,200,B,150")]),
        (True, ARRAY, [("color", "blue"), ("color", "black"), ("color", "brown")]),
        (True, OBJECT, [("R", "100"), ("G", "200"), ("B", "150")]),
        (False, "a%20b==", [("color", "a%20b==")]),
        (False, None, []),
    ],
)
def test_the_cookie_style_of_openapi_3_2_encodes_nothing(explode: bool, value: Any, told: Any) -> None:
    assert in_cookie("color", value, explode=explode) == told


@pytest.mark.parametrize("value", ["a b", 'a"b', "a;b", "a,b", "a\\b", "é", "a\r\nb", ["x", "a;b"], {"k": "a b"}])
def test_what_would_break_a_cookie_is_refused(value: Any) -> None:
    with pytest.raises(Unwritable):
        in_cookie("color", value, explode=False)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("text", "text"),
        (True, "true"),
        (False, "false"),
        (None, ""),
        (0, "0"),
        (9007199254740993, "9007199254740993"),
        (2**80, str(2**80)),
        (1.0, "1"),
        (-0.0, "0"),
        (1.5, "1.5"),
        (0.1, "0.1"),
        (1e22, "1e22"),
        (1e-7, "1e-7"),
        (float(2**53), "9007199254740992"),
        ([1, None], "[1,null]"),
        ({"b": 1, "a": "é"}, '{"b":1,"a":"é"}'),
    ],
)
def test_one_value_is_written_as_json_writes_it(value: Any, told: str) -> None:
    assert scalar(value) == told


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [float("-inf")], {"a": {"b": [float("nan"), None]}}])
def test_a_number_that_json_has_no_form_for_is_refused_and_never_sent_as_null(value: Any) -> None:
    with pytest.raises(Unwritable, match="finite"):
        scalar(value)


@pytest.mark.parametrize(
    ("style", "explode", "value", "told"),
    [
        ("form", True, None, ""),
        ("form", True, [], ""),
        ("form", False, [], ""),
        ("form", True, {}, ""),
        ("form", False, {}, ""),
        ("form", True, [None, "a"], "color=a"),
        ("form", False, [None, "a", ""], "color=a,"),
        ("form", True, {"a": None, "b": ""}, "b="),
        ("form", False, {"a": None, "b": 1}, "color=b,1"),
        ("form", False, ["a,b", "x&y", "100%", "a b"], "color=a%2Cb,x%26y,100%25,a%20b"),
        ("form", True, [{"a": [1]}, "b"], "color=%7B%22a%22%3A%5B1%5D%7D&color=b"),
        ("form", True, {"x&y": "a=b"}, "x%26y=a%3Db"),
        ("spaceDelimited", True, ARRAY, "color=blue&color=black&color=brown"),
        ("pipeDelimited", True, ["a", "b"], "color=a&color=b"),
        ("pipeDelimited", False, "blue", "color=blue"),
        ("tabDelimited", False, ARRAY, "color=blue%09black%09brown"),
        ("deepObject", True, "blue", "color=blue"),
        ("deepObject", False, {"R": 1}, "color%5BR%5D=1"),
        ("deepObject", True, {}, ""),
        ("deepObject", True, {"a": None, "b": []}, ""),
        ("deepObject", True, {"a": {"b": {"c": True}}}, "color%5Ba%5D%5Bb%5D%5Bc%5D=true"),
        ("deepObject", True, {"a": ["x", {"y": 1}]}, "color%5Ba%5D%5B0%5D=x&color%5Ba%5D%5B1%5D%5By%5D=1"),
        ("deepObject", True, ["x", "y"], "color%5B0%5D=x&color%5B1%5D=y"),
        ("deepObject", True, {"a]&b": "x=y#z"}, "color%5Ba%5D%26b%5D=x%3Dy%23z"),
    ],
)
def test_what_the_query_styles_leave_open_is_settled(style: Any, explode: bool, value: Any, told: str) -> None:
    assert in_query("color", value, style, explode=explode) == told


@pytest.mark.parametrize(
    ("style", "value"),
    [("spaceDelimited", ["New York"]), ("pipeDelimited", ["a|b", "c"]), ("tabDelimited", {"a": "x\ty"})],
)
def test_a_value_with_the_delimiter_in_it_is_refused_since_it_would_become_two(style: Any, value: Any) -> None:
    with pytest.raises(Unwritable, match="stands between"):
        in_query("color", value, style, explode=False)


@pytest.mark.parametrize(
    ("style", "explode", "value", "told"),
    [
        ("simple", False, [], ""),
        ("label", False, [], ""),
        ("matrix", True, {}, ""),
        ("matrix", False, [None], ""),
        ("matrix", True, ["", "a"], ";color;color=a"),
        ("matrix", True, {"a": "", "b": 1}, ";a;b=1"),
        ("simple", False, ["a,b", "c/d"], "a%2Cb,c%2Fd"),
        ("simple", True, {"a=b": "c;d"}, "a%3Db=c%3Bd"),
        ("simple", False, True, "true"),
        ("matrix", False, "a/b?c#d", ";color=a%2Fb%3Fc%23d"),
    ],
)
def test_what_the_path_styles_leave_open_is_settled(style: Any, explode: bool, value: Any, told: str) -> None:
    assert in_path("color", value, style, explode=explode) == told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a/b?c=d:e@f", "a/b?c=d:e@f"),
        ("2026-01-01T00:00:00+02:00", "2026-01-01T00:00:00%2B02:00"),
        ("a&b#c[d]", "a%26b%23c%5Bd%5D"),
        ("50% of %20 and %2f", "50%25%20of%20%20%20and%20%2f"),
        ("é", "%C3%A9"),
    ],
)
def test_reserved_expansion_keeps_what_means_nothing_in_a_query(text: str, told: str) -> None:
    assert encode_reserved(text) == told
    assert in_query("q", text, "form", explode=True, allow_reserved=True) == f"q={told}"


def test_a_comma_within_an_item_is_encoded_even_where_reserved_characters_are_allowed() -> None:
    assert in_query("q", ["a,b", "c:d"], "form", explode=False, allow_reserved=True) == "q=a%2Cb,c:d"


def test_nesting_without_end_is_refused() -> None:
    deep: Any = "x"
    for _ in range(100):
        deep = {"a": deep}
    with pytest.raises(Unwritable, match="levels"):
        in_query("q", deep, "deepObject", explode=True)


TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(TEXT, TEXT)
def test_any_text_comes_back_from_a_query_as_it_was(name: str, value: str) -> None:
    assert parse_qsl(in_query(name, value, "form", explode=True), keep_blank_values=True) == [(name, value)]


@given(st.lists(TEXT, min_size=1))
def test_any_list_comes_back_from_a_query_and_from_a_path(values: list[str]) -> None:
    exploded = in_query("q", values, "form", explode=True)
    assert [text for _, text in parse_qsl(exploded, keep_blank_values=True)] == values
    joined = in_query("q", values, "form", explode=False).removeprefix("q=")
    assert [unquote(text) for text in joined.split(",")] == values
    assert [unquote(text) for text in in_path("q", values, "simple", explode=False).split(",")] == values


@given(st.dictionaries(st.text(st.sampled_from("abc é&="), min_size=1), TEXT, min_size=1))
def test_any_flat_object_comes_back_from_deep_object(value: dict[str, str]) -> None:
    pairs = parse_qsl(in_query("q", value, "deepObject", explode=True), keep_blank_values=True)
    assert {name.removeprefix("q[").removesuffix("]"): text for name, text in pairs} == value
