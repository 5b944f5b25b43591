"""Long JSON made shorter: still JSON, exact where it is kept, and honest about what is missing."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.shorten import shorten_json


def shorten(value: Any, bytes_max: int) -> tuple[Any, tuple[str, ...]]:
    told = shorten_json(json.dumps(value, separators=(",", ":")).encode(), bytes_max)
    assert told is not None
    assert len(told.encoded) <= bytes_max
    return json.loads(told.encoded), told.cuts


def test_the_end_of_the_longest_list_goes_first() -> None:
    value, cuts = shorten({"a": [1, 2], "b": {"items": list(range(1_000))}, "c": "kept"}, 500)
    assert value["a"] == [1, 2]
    assert value["c"] == "kept"
    kept = len(value["b"]["items"])
    assert value["b"]["items"] == list(range(kept))
    assert cuts == (f"/b/items: the first {kept} of 1000",)


def test_a_list_at_the_root_keeps_whole_items() -> None:
    value, cuts = shorten([{"id": index, "text": "x" * 50} for index in range(100)], 1_000)
    assert value == [{"id": index, "text": "x" * 50} for index in range(len(value))]
    assert cuts == (f"the list: the first {len(value)} of 100",)


def test_one_item_that_alone_is_too_long_is_cut_inside() -> None:
    value, cuts = shorten([{"id": 1, "text": "x" * 5_000}, {"id": 2}], 1_000)
    assert value[0]["id"] == 1
    assert value[0]["text"].endswith("…")
    assert [cut.partition(":")[0] for cut in cuts] == ["the list", "/0/text"]


def test_a_long_text_keeps_its_beginning() -> None:
    value, cuts = shorten({"log": "é" * 10_000, "id": 7}, 2_000)
    assert value["id"] == 7
    assert set(value["log"][:-1]) == {"é"}
    assert cuts[0].startswith("/log: the first ")


def test_numbers_that_are_kept_are_kept_exactly() -> None:
    exact = b'{"big":12345678901234567890123,"price":1.10,"rows":[' + b"1.50," * 500 + b"2]}"
    told = shorten_json(exact, 300)
    assert told is not None
    assert told.encoded.startswith(b'{"big":12345678901234567890123,"price":1.10,"rows":[1.50,1.50')


def test_many_small_members_lose_the_last_of_them() -> None:
    value, cuts = shorten({f"k{index}": index for index in range(1_000)}, 500)
    assert list(value)[:3] == ["k0", "k1", "k2"]
    assert cuts == (f"the object: the first {len(value)} of 1000 members",)


@pytest.mark.parametrize("exact", [b"1" * 5_000, b'"' + b"x" * 38 + b'"'])
def test_what_has_nothing_to_cut_is_left_to_others(exact: bytes) -> None:
    assert shorten_json(exact, 39) is None


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=400),
    lambda inner: st.lists(inner, max_size=30) | st.dictionaries(st.text(max_size=5), inner, max_size=30),
    max_leaves=60,
)


@given(VALUES, st.integers(1_000, 4_000))
def test_whatever_it_is_it_is_shorter_json_or_nothing(value: Any, bytes_max: int) -> None:
    exact = json.dumps(value).encode()
    told = shorten_json(exact, bytes_max)
    if told is not None:
        assert len(told.encoded) <= bytes_max
        json.loads(told.encoded)
        assert told.cuts or json.loads(told.encoded) == value
