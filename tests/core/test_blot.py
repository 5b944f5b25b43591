"""Fields of an answer blotted out: never a value of theirs, and nothing else."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.blot import EMBEDDED_LEVELS_MAX, blot_json, blot_response
from gateway.core.http import HttpResponse
from gateway.core.response_json import json_of

SECRET = "s3cret-value"


@pytest.mark.parametrize(
    ("fields", "before", "after"),
    [
        ("email", '{"email": "x" , "a": 1.10}', '{"email":"[redacted]", "a": 1.10}'),
        ("email", '[{"email":1},[{"email":{"a":[2]}}]]', '[{"email":"[redacted]"},[{"email":"[redacted]"}]]'),
        ("email", '{"em\\u0061il":1,"email":2,"email":3}', None),
        ("email", '{"emailx":1,"xemail":2,"Email":3,"a":"email"}', '{"emailx":1,"xemail":2,"Email":3,"a":"email"}'),
        ("customer.email", '{"a":{"customer":[{"email":1}]},"email":2}', '{"a":{"customer":[{"email":"[redacted]"}]},"email":2}'),
        ("customer.email", '{"customer":{"x":{"email":1}}}', '{"customer":{"x":{"email":1}}}'),
        ("größe", '{"gr\\u00f6\\u00dfe":1,"größe":2}', None),
        ("b", '{"n":-0,"e":1E400,"i":123456789012345678901234567890,"b":null}', '{"n":-0,"e":1E400,"i":123456789012345678901234567890,"b":"[redacted]"}'),
        ("email", '{"a":"{\\"email\\": 1, \\"b\\": 2}"}', '{"a":"{\\"email\\":\\"[redacted]\\", \\"b\\": 2}"}'),
        ("customer.email", '{"customer":"{\\"email\\":1}"}', '{"customer":"{\\"email\\":\\"[redacted]\\"}"}'),
        ("email", '{"a":"{email: 1}"}', '{"a":"{email: 1}"}'),
        ("email", '"email"', '"email"'),
        ("email", "[]", "[]"),
        ("a", '{"a":{"a":[{"a":1}]},"b":[]}', '{"a":"[redacted]","b":[]}'),
    ],
)  # fmt: skip
def test_a_field_is_blotted_out_and_every_other_byte_stays(fields: str, before: str, after: str | None) -> None:
    blotted = blot_json(before.encode(), fields.split(",")).decode()
    if after is None:
        assert set(json.loads(blotted).values()) == {"[redacted]"}
        assert blotted.count("[redacted]") == before.count(":")
    else:
        assert blotted == after


def test_json_within_texts_within_texts_is_looked_into_and_beyond_that_nothing_is_shown() -> None:
    text = json.dumps({"email": SECRET, "b": "kept"})
    for level in range(EMBEDDED_LEVELS_MAX + 3):
        blotted = blot_json(text.encode(), ["email"]).decode()
        assert SECRET not in blotted
        assert ("kept" in blotted) == (level <= EMBEDDED_LEVELS_MAX)
        text = json.dumps({"in": text})


def test_a_thousand_levels_are_no_trouble() -> None:
    deep = b'{"a":[' * 400 + b'{"email":"%s"}' % SECRET.encode() + b"]}" * 400
    assert blot_json(deep, ["a.email"]) == deep.replace(SECRET.encode(), b"[redacted]")


LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
NAMES = st.sampled_from(["email", "customer", "a", 'e"', "e\\mail"]) | st.text(max_size=4)


def values(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    def inner(one: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        nested = one.map(lambda value: json.dumps(value))
        return st.lists(one, max_size=4) | st.dictionaries(NAMES, one, max_size=4) | nested

    return st.recursive(leaves, inner, max_leaves=12)


def blotted_by_hand(value: Any, field: list[str], trail: tuple[str, ...] = ()) -> Any:
    """The same again, decoded: slow, plain, and written otherwise."""
    if isinstance(value, dict):
        told = {}
        for name, one in value.items():
            here = (*trail, name)
            told[name] = "[redacted]" if list(here[-len(field) :]) == field else blotted_by_hand(one, field, here)
        return told
    if isinstance(value, list):
        return [blotted_by_hand(one, field, trail) for one in value]
    if isinstance(value, str) and value.lstrip(" \t\r\n")[:1] in ("{", "[", '"') and value:
        try:
            inner = json.loads(value, parse_constant=lambda _: 1 / 0)
        except (ValueError, ZeroDivisionError):
            return value
        return ("json", blotted_by_hand(inner, field, trail))
    return value


def opened(value: Any) -> Any:
    return blotted_by_hand(value, ["\0 no such field"])


@settings(max_examples=400, deadline=None)
@given(values(LEAVES), st.sampled_from(["email", "customer.email", "a", "a.a", "customer.a.email"]), st.booleans())
def test_whatever_the_json_exactly_the_field_is_gone(value: Any, field: str, ascii_only: bool) -> None:
    encoded = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    blotted = json.loads(blot_json(encoded, [field]))
    assert opened(blotted) == blotted_by_hand(value, field.split("."))


@settings(max_examples=200, deadline=None)
@given(values(st.just(SECRET)), st.data())
def test_no_value_of_a_field_ever_comes_through_in_any_kind_of_answer(value: Any, data: st.DataObject) -> None:
    body = json.dumps({"customer": [{"email": value}]}).encode()
    kind, text = data.draw(
        st.sampled_from(
            [
                ("application/json", body),
                ("text/html", body),
                ("", body),
                ("application/problem+json", body),
                ("application/json; charset=utf-16", body.decode().encode("utf-16")),
                ("application/x-ndjson", body + b"\n" + body),
                ("application/json-seq", b"\x1e" + body + b"\n"),
                ("text/event-stream", b"event: x\ndata: " + body + b"\n\ndata: " + body + b"\n\n"),
                ("text/event-stream", b"event: x\ndata: plain " + SECRET.encode() + b"\n\ndata: {}\n\n"),
                ("text/event-stream", b"data: " + body[:20] + b"\n\ndata: " + SECRET.encode() + body[20:] + b"\n\n"),
                ("multipart/mixed; boundary=b", b"--b\r\ncontent-type: application/json\r\n\r\n" + body + b"\r\n--b--"),
                ("multipart/mixed; boundary=b", b"--b\r\ncontent-type: text/csv\r\n\r\n" + body + b"\r\n--b--"),
                ("text/csv", body),
                ("application/xml", b"<email>" + body + b"</email>"),
                ("image/png", body),
                ("application/json", body[:-1]),
            ]
        )
    )
    coding, cut = data.draw(st.sampled_from(["", "", "", "zstd"])), data.draw(st.booleans())
    response = HttpResponse(200, (("content-type", kind),), text, cut, coding)
    shown = blot_response(response, ["email"])
    assert SECRET.encode() not in shown.body.replace(b"\0", b"")
    assert not shown.coding


@pytest.mark.parametrize("kind", ["text/csv", "application/xml", "image/png", "text/plain", "application/json"])
def test_what_has_no_fields_to_be_told_apart_is_not_handed_over_and_the_sentence_says_why(kind: str) -> None:
    response = HttpResponse(200, (("content-type", kind), ("content-disposition", "x"), ("etag", "1")), b"email\nbob")
    shown = blot_response(response, ["email"])
    assert shown.body.startswith(b"[not handed over: a policy wants email redacted")
    assert shown.headers == (("content-type", "text/plain; charset=utf-8"), ("etag", "1"))


def test_without_fields_or_without_a_body_an_answer_is_as_it_came() -> None:
    csv = HttpResponse(200, (("content-type", "text/csv"),), b"a")
    assert blot_response(csv, ()) is csv
    assert blot_response(HttpResponse(204), ["a"]) == HttpResponse(204)


def test_more_values_than_may_be_read_at_once_are_not_handed_over() -> None:
    many = HttpResponse(200, (("content-type", "application/json"),), b"[" + b"0," * 1_000_001 + b"0]")
    assert b"more values than may be read at once" in blot_response(many, ["a"]).body


def test_a_stream_stays_a_list_of_its_values_and_keeps_the_mark_of_its_end() -> None:
    events = b'event: a\ndata: {"email":1,\ndata: "b":2}\n\ndata: plain\n\nevent: c\ndata: plain\n\ndata: [DONE]\n\n'
    shown = blot_response(HttpResponse(200, (("content-type", "text/event-stream"),), events), ["email"])
    assert json.loads(json_of(shown) or b"") == [
        {"event": "a", "data": {"email": "[redacted]", "b": 2}},
        "[redacted]",
        {"event": "c", "data": "[redacted]"},
        "[DONE]",
    ]
