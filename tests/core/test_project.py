"""Selecting from an answer: what JMESPath says, within bounds."""

import contextlib
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.project import Selection, Unselectable

BODY = {
    "items": [{"id": 9007199254740993, "name": "a", "tags": ["x"]}, {"id": 2, "name": "b", "tags": []}],
    "next": None,
}


@pytest.mark.parametrize(
    ("expression", "chosen"),
    [
        ("items[].name", ["a", "b"]),
        ("items[?name=='b'] | [0].id", 2),
        ("items[].{n: name, first: tags[0]}", [{"n": "a", "first": "x"}, {"n": "b", "first": None}]),
        ("items[0].id", 9007199254740993),
        ("sort_by(items, &name)[-1].name", "b"),
        ("length(items)", 2),
        ("nothing.here", None),
        ("@", BODY),
    ],
)
def test_what_is_selected_is_what_jmespath_says(expression: str, chosen: object) -> None:
    assert json.loads(bytes(Selection(expression).apply(json.dumps(BODY).encode()))) == chosen


@pytest.mark.parametrize("expression", ["", "items[", "items[?", "a b", "$.items", "items[].{", "`", "a." * 3 + "["])
def test_what_is_no_expression_is_refused_before_anything_is_sent(expression: str) -> None:
    with pytest.raises(Unselectable, match="expected a JMESPath expression"):
        Selection(expression)


def test_an_expression_of_too_many_parts_is_refused() -> None:
    with pytest.raises(Unselectable, match="at most 500 parts"):
        Selection("[" + ",".join(["a"] * 600) + "]")


@pytest.mark.parametrize(
    "expression",
    [
        "|".join(["[@,@]"] * 100),
        "|".join(["[@,@][]"] * 60),
        "|".join(["join('', [@,@])"] * 60),
        "|".join(["{a: @, b: @}"] * 90),
        "[*].[@][] | " + "|".join(["[@,@][]"] * 40),
    ],
)
def test_an_expression_that_multiplies_its_input_is_stopped(expression: str) -> None:
    started = time.process_time()
    with pytest.raises(Unselectable):
        Selection(expression).apply(b'"0123456789"' if "join" in expression else b"[1,2,3]")
    assert time.process_time() - started < 10


@given(
    st.text(alphabet="abc[]{}.*?@|&`'\"(),:=<>!0123 ", max_size=40),
    st.sampled_from([b"{}", b"[[1],{}]", b'{"a":{"b":1}}']),
)
def test_any_expression_gives_json_or_a_sentence(expression: str, body: bytes) -> None:
    with contextlib.suppress(Unselectable):
        json.loads(bytes(Selection(expression).apply(body)))
