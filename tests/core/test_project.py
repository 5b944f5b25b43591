"""Selecting from an answer: what JMESPath says, within bounds."""

import contextlib
import json
import resource
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


def test_numbers_come_out_as_they_went_in_and_count_as_numbers() -> None:
    body = b'{"a":[1.10,0.1234567890123456789012345,1e400,-0.0,12345678901234567890123],"b":1.50}'
    assert bytes(Selection("a").apply(body)) == b"[1.10,0.1234567890123456789012345,1e400,-0.0,12345678901234567890123]"
    assert bytes(Selection("{b: b, more: a[?@ > `1.05` && @ < `2`]}").apply(body)) == b'{"b":1.50,"more":[1.10]}'
    assert bytes(Selection("b == `1.5`").apply(body)) == b"true"
    assert bytes(Selection("sum([b, b])").apply(body)) == b"3.0"
    assert bytes(Selection("sort(a)[0]").apply(body)) == b"-0.0"


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
        "|".join(["[@,@]"] * 60) + "|to_string(@)",
        "|".join(["[@,@]"] * 40) + "|[?@ == `[[1],[2]]` || contains(@, `[[1]]`)]|to_string(@)",
        "[" + "|".join(["[@,@]"] * 40) + ",".join(["", *["to_string(@)"] * 50]) + "]|[0]|to_string(@)",
        "|".join(["[@,@]"] * 40) + "|{a: @, b: @}|[a,b]|[0] == [1]",
    ],
)
def test_an_expression_that_multiplies_its_input_is_stopped(expression: str) -> None:
    started = time.process_time()
    with pytest.raises(Unselectable):
        Selection(expression).apply(b'"0123456789"' if "join" in expression else b"[1,2,3]")
    assert time.process_time() - started < 10


def test_an_expression_of_too_many_characters_is_refused() -> None:
    with pytest.raises(Unselectable, match="at most 2000 characters"):
        Selection("a" * 2_001)


@pytest.mark.parametrize(
    "expression",
    [
        "join(text, items)",
        "items|[" + ",".join(["@"] * 200) + "]|[]|[" + ",".join(["@"] * 200) + "]|[]",
        "[" + ",".join(["to_string(@)"] * 90) + "]",
        "[" + ",".join(["text"] * 90) + "]",
        "[text, join('', [text, 'x'])]" + "|[@,@][]" * 16 + "|sort(@)",
        "|".join(["reverse(text)"] + ["reverse(@)"] * 200),
    ],
)
def test_an_expression_that_makes_much_of_a_long_answer_is_stopped_before_it_has_the_memory(expression: str) -> None:
    body = json.dumps({"text": "x" * 1_000_000, "items": [str(index) for index in range(100_000)]}).encode()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(Unselectable):
        Selection(expression).apply(body)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 << 10


def test_a_long_answer_may_be_looked_through_whole() -> None:
    body = json.dumps({"text": "x" * 4_000_000, "items": [{"id": index} for index in range(30_000)]}).encode()
    for expression, chosen in {
        "length(text)": 4_000_000,
        "items[?id == `7`].id": [7],
        "length(to_string(items))": len(json.dumps([{"id": index} for index in range(30_000)], separators=(",", ":"))),
        "max(items[].id)": 29_999,
        "starts_with(text, 'xx')": True,
    }.items():
        assert json.loads(bytes(Selection(expression).apply(body))) == chosen


@given(
    st.text(alphabet="abc[]{}.*?@|&`'\"(),:=<>!0123 ", max_size=40),
    st.sampled_from([b"{}", b"[[1],{}]", b'{"a":{"b":1}}']),
)
def test_any_expression_gives_json_or_a_sentence(expression: str, body: bytes) -> None:
    with contextlib.suppress(Unselectable):
        json.loads(bytes(Selection(expression).apply(body)))
