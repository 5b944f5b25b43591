"""Streams of JSON values: lines, records, events."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.sequence import read_sequence

NDJSON, RECORDS, EVENTS = "application/x-ndjson", "application/json-seq", "text/event-stream"


@pytest.mark.parametrize(
    ("media_type", "body", "meant"),
    [
        (NDJSON, b'{"a":1}\n{"a":2}\n', [{"a": 1}, {"a": 2}]),
        (NDJSON, b'1\r\n\r\n"x"', [1, "x"]),
        (NDJSON, b'{"a":1}\nnot json\n', None),
        (NDJSON, b"", None),
        (RECORDS, b'\x1e{"a":1}\n\x1e[2]\n', [{"a": 1}, [2]]),
        (EVENTS, b'data: {"a":1}\n\ndata: {"a":2}\n\n', [{"a": 1}, {"a": 2}]),
        (EVENTS, b"data: one\ndata: two\n\n", ["one\ntwo"]),
        (EVENTS, b": a comment\nevent: done\r\nid: 7\r\ndata: [1]\r\n\r\n", [{"event": "done", "data": [1]}]),
        (EVENTS, b'data:{"a":1}\n\ndata: [DONE]\n\n', [{"a": 1}, "[DONE]"]),
        (EVENTS, b"event: ping\n\ndata: 1", [1]),
    ],
)
def test_a_stream_is_a_list_of_its_values(media_type: str, body: bytes, meant: object) -> None:
    read = read_sequence(body, media_type)
    assert (None if read is None else json.loads(read)) == meant


def test_of_a_stream_that_was_cut_the_half_value_is_left_out() -> None:
    assert read_sequence(b'{"a":1}\n{"a', NDJSON, cut=True) == b'[{"a":1}]'
    assert read_sequence(b'{"a":1}\n{"a":2}', NDJSON, cut=True) == b'[{"a":1},{"a":2}]'
    assert read_sequence(b"data: 1\n\ndata: 2\n", EVENTS, cut=True) == b"[1]"
    assert read_sequence('data: "é'.encode()[:-1], EVENTS, cut=True) is None


def test_values_stay_as_they_were_written() -> None:
    assert (
        read_sequence(b'{"n":12345678901234567890123,"f":1.10}\n', NDJSON)
        == b'[{"n":12345678901234567890123,"f":1.10}]'
    )


@given(st.binary(max_size=200), st.sampled_from([NDJSON, RECORDS, EVENTS]), st.booleans())
def test_whatever_comes_is_a_list_or_nothing(body: bytes, media_type: str, cut: bool) -> None:
    read = read_sequence(body, media_type, cut=cut)
    assert read is None or isinstance(json.loads(read), list)
