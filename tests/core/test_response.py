"""What a caller gets of a backend's answer: exact where it can be, bounded always, and honest about what is missing."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import Raw, structs

from gateway.core.http import HttpResponse
from gateway.core.operation import Operation
from gateway.core.project import Selection
from gateway.core.response import ERROR_BYTES_MAX, Reading, read_piece, read_response, retry_after_s, whole_text
from gateway.core.result import Blob, Media, Result, Retry, Text
from gateway.core.tool import Annotations, Effect, Tool

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
BYTES_MAX = 1_000
JSON_TYPE = "application/json"


def tool(effect: Effect = "read", *, idempotent: bool = False) -> Tool:
    return Tool(
        name="x_get",
        title="Get",
        description="Gets.",
        inputs=Raw(b"{}"),
        outputs=Raw(b""),
        compact=Raw(b"{}"),
        effect=effect,
        annotations=Annotations(effect == "read", effect == "destructive", idempotent),
        scopes=(frozenset({"x:read"}),),
        operation=Operation("shop", "GET", "/x", "https://api.example", "/paths/x"),
    )


def reading(bytes_max: int = BYTES_MAX, select: str = "") -> Reading:
    return Reading(bytes_max, bytes_max, NOW, Selection(select) if select else None)


def read(
    body: bytes, content_type: str = "", status: int = 200, one: Tool | None = None, select: str = "", **headers: str
) -> Result:
    told = {"content-type": content_type, **{name.replace("_", "-"): value for name, value in headers.items()}}
    response = HttpResponse(status, tuple((name, value) for name, value in told.items() if value), body)
    return read_response(one or tool(), response, reading(select=select))


def text(result: Result) -> str:
    return "\n".join(block.text for block in result.content if isinstance(block, Text))


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (JSON_TYPE, b'{"id":12345678901234567890123,"price":1.10,"a":null}'),
        ("application/json; charset=UTF-8", ' {"é": "\\u00e9"} \n'.encode()),
        ("application/problem+json", b"[]"),
        ("Application/HAL+JSON;v=1", b'{"a": 1}'),
        (JSON_TYPE, b'"ok"'),
        (JSON_TYPE, b"3"),
        (JSON_TYPE, b"null"),
        ("", b'{"a":1}'),
        ("text/plain", b"[1, 2]"),
        ("text/html; charset=utf-8", b'{"a":1}'),
        ("application/octet-stream", b'{"a":1}'),
        (JSON_TYPE, b'{"big": 1e999}'),
    ],
)
def test_json_reaches_the_caller_byte_for_byte(content_type: str, body: bytes) -> None:
    result = read(body, content_type)
    assert bytes(result.structured) == body
    assert result.content == (Text(body.decode()),)
    assert (result.status, result.is_error, result.truncated, result.retry) == (200, False, False, None)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json; charset=iso-8859-1", '{"a":"é"}'.encode("latin-1")),
        ("application/json; charset=utf-16", '{"a":"é"}'.encode("utf-16")),
        (JSON_TYPE, '{"a":"é"}'.encode("utf-8-sig")),
        (JSON_TYPE, '{"a":"é"}'.encode("utf-16")),
        (JSON_TYPE, '{"a":"é"}'.encode("utf-32")),
    ],
)
def test_json_in_another_charset_becomes_utf_8(content_type: str, body: bytes) -> None:
    assert bytes(read(body, content_type).structured) == '{"a":"é"}'.encode()


@pytest.mark.parametrize(
    "body", [b'{"a":NaN,}', b"{'a': 1}", b"<html>oops</html>", b'{"a":1} trailing', b"[" * 900, b"ok"]
)
def test_what_is_labelled_json_and_is_none_is_text_that_says_so(body: bytes) -> None:
    result = read(body, JSON_TYPE)
    assert (bytes(result.structured), result.is_error) == (b"", False)
    assert text(result) == f"[labelled as JSON, but not valid JSON]\n{body.decode()}"


def test_numbers_that_json_does_not_have_are_null_and_that_is_said() -> None:
    result = read(b'{"a":NaN,"b":[-Infinity,Infinity],"c":"NaN \\" Infinity","NaN":1.10}', JSON_TYPE)
    assert bytes(result.structured) == b'{"a":null,"b":[null,null],"c":"NaN \\" Infinity","NaN":1.10}'
    assert result.notes == ("It had NaN or Infinity, which are no JSON: null stands in their place.",)


def test_what_only_looks_for_numbers_that_json_does_not_have_takes_no_longer_than_it_is_long() -> None:
    assert text(read(b"[NaN," + b'"\\"' * 200_000, JSON_TYPE)).startswith("[NaN")


@pytest.mark.parametrize("content_type", ["text/plain", "", "text/html"])
@pytest.mark.parametrize("body", [b"hello", b"123", b'"quoted"', b"true"])
def test_a_plain_word_or_number_stays_text(content_type: str, body: bytes) -> None:
    assert read(body, content_type) == Result((Text(body.decode()),), status=200)


@pytest.mark.parametrize(
    ("content_type", "body", "told"),
    [
        ("text/plain; charset=iso-8859-1", b"\xe9", "é"),
        ('text/csv; charset="windows-1252"', b"\x80", "€"),
        ("text/plain", "é→".encode(), "é→"),
        ("text/plain", "é".encode("utf-8-sig"), "é"),
        ("text/plain", "é".encode("utf-16"), "é"),
        ("application/xml", b"<a/>", "<a/>"),
        ("image/svg+xml", b"<svg/>", "<svg/>"),
        ("text/event-stream", b"data: 1\n\ndata: 2\n\n", "[1,2]"),
        ("application/x-ndjson", b'{"a":1}\n{"a":2}\n', '[{"a":1},{"a":2}]'),
        ("application/x-ndjson", b'{"a":1}\noops\n', '{"a":1}\noops\n'),
        ("text/plain; charset=unicode_escape", b"\\u0041", "\\u0041"),
        ("text/plain; charset=cp9999", b"a", "a"),
        (
            "text/xml",
            b'<?xml version="1.0" encoding="ISO-8859-1"?><a>\xe9</a>',
            '<?xml version="1.0" encoding="ISO-8859-1"?><a>é</a>',
        ),
        (
            "application/xml;charset=utf-8",
            '<?xml version="1.0" encoding="ISO-8859-1"?>é'.encode(),
            '<?xml version="1.0" encoding="ISO-8859-1"?>é',
        ),
        ("text/html", b"<head><meta charset=windows-1252>\x80", "<head><meta charset=windows-1252>€"),
        ("text/xml", b'<?xml version="1.0" encoding="UTF-16"?>', '<?xml version="1.0" encoding="UTF-16"?>'),
    ],
)
def test_text_is_read_in_its_charset(content_type: str, body: bytes, told: str) -> None:
    assert read(body, content_type).content == (Text(told),)


def test_a_file_has_the_name_that_the_backend_gives_it() -> None:
    result = read(b"%PDF\0", "application/pdf", content_disposition="attachment; filename*=UTF-8''a%20%C3%A9.pdf")
    [blob] = result.content
    assert isinstance(blob, Blob)
    assert (blob.filename, result.notes) == ("a é.pdf", ("The file is named 'a é.pdf'.",))


def test_what_is_in_a_coding_that_is_not_known_is_a_file_and_says_so() -> None:
    response = HttpResponse(200, (("content-type", JSON_TYPE),), b'{"a":1}', coding="compress")
    result = read_response(tool(), response, reading())
    [blob] = result.content
    assert isinstance(blob, Blob)
    assert (blob.media_type, blob.data, bytes(result.structured)) == ("application/octet-stream", b'{"a":1}', b"")
    assert result.notes == ("It is in the content coding compress, which is not known here: it is as it came.",)
    assert (whole_text(response), read_piece(response, 0, 10).is_error) == (None, True)


def multipart(*parts: bytes) -> bytes:
    return b"".join(b"--b\r\n" + part + b"\r\n" for part in parts) + b"--b--\r\n"


MIXED = "multipart/mixed; boundary=b"


def test_the_parts_of_an_answer_are_each_what_they_are() -> None:
    body = multipart(
        b'Content-Type: application/json\r\n\r\n{"a":1.10}',
        b"Content-Type: text/plain\r\n\r\nhello",
        b"Content-Type: image/png\r\nContent-Disposition: inline; filename=x.png\r\n\r\n\x89PNG\r\n",
    )
    result = read(body, MIXED)
    assert result.content == (Text('{"a":1.10}'), Text("hello"), Media("image", "image/png", b"\x89PNG\r\n", "x.png"))
    assert [note for note in result.notes if note.startswith("Part ")] == [
        "Part 1 of 3: application/json.",
        "Part 2 of 3: text/plain.",
        "Part 3 of 3: image/png.",
    ]
    assert (bytes(result.structured), result.truncated) == (b"", False)


def test_parts_that_are_all_json_are_a_list_to_select_from() -> None:
    http = b"Content-Type: application/http\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\n\r\n"
    body = multipart(b'Content-Type: application/json\r\n\r\n{"id":12345678901234567890123}', http + b'{"id":2}')
    result = read(body, MIXED, select="[].id")
    assert bytes(result.structured) == b"[12345678901234567890123,2]"
    assert result.notes == ("Of 2 parts: part 2 was answered 404.",)


def test_the_parts_of_an_answer_share_its_bounds() -> None:
    part = b"Content-Type: text/plain\r\n\r\n" + b"x" * (BYTES_MAX // 2)
    file = b"Content-Type: application/pdf\r\n\r\n" + b"\0" * (BYTES_MAX - 1)
    result = read(multipart(part, part, part, file, file), MIXED)
    assert result.truncated
    assert len(text(result)) < BYTES_MAX + 200
    assert sum(len(one.data) for one in result.content if isinstance(one, Blob)) <= BYTES_MAX


@pytest.mark.parametrize("kind", ["multipart/mixed", "multipart/mixed; boundary=other"])
def test_parts_that_cannot_be_told_apart_are_a_file(kind: str) -> None:
    [blob] = read(multipart(b"\r\nx"), kind).content
    assert isinstance(blob, Blob)


def test_bytes_that_are_no_text_are_replaced_and_that_is_said() -> None:
    note, _, shown = text(read(b"a\xffb", "text/plain")).partition("\n")
    assert note == "[not all of this is valid utf-8: what is not is shown as \N{REPLACEMENT CHARACTER}]"
    assert shown == "a\N{REPLACEMENT CHARACTER}b"


def test_images_and_sounds_are_media_and_other_bytes_a_blob_with_an_address() -> None:
    assert read(b"\x89PNG", "image/png; q=1").content == (Media("image", "image/png", b"\x89PNG"),)
    assert read(b"ID3", "audio/mpeg").content == (Media("audio", "audio/mpeg", b"ID3"),)
    [blob] = read(b"%PDF\0", "application/pdf").content
    assert isinstance(blob, Blob)
    assert (blob.uri[:-16], blob.media_type, blob.data) == ("factotum://result/shop/", "application/pdf", b"%PDF\0")
    assert blob == read(b"%PDF\0", "application/pdf").content[0]


@pytest.mark.parametrize(
    ("content_type", "body"), [("application/octet-stream", b"plain"), ("", b"a\0b"), ("", b"\xff\xd8\xff")]
)
def test_bytes_without_a_telling_type_are_a_blob(content_type: str, body: bytes) -> None:
    [blob] = read(body, content_type).content
    assert isinstance(blob, Blob)
    assert (blob.media_type, blob.data) == ("application/octet-stream", body)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 205, 304])
def test_an_answer_without_content_says_so(status: int) -> None:
    result = read(b"", JSON_TYPE, status)
    assert result.is_error is False
    assert text(result).startswith(f"The backend answered {status} ")
    assert text(result).endswith(", with no content.")


def test_the_headers_that_a_document_declares_are_told() -> None:
    one = tool()
    one = structs.replace(one, operation=structs.replace(one.operation, headers=("etag", "x-total")))
    assert read(b"{}", JSON_TYPE, one=one, etag='W/"1"', x_total="3", x_other="4").notes == (
        'Headers: etag: W/"1"; x-total: 3.',
    )
    assert read(b"{}", JSON_TYPE, one=one, x_other="4").notes == ()
    assert read(b"{}", JSON_TYPE, 404, one=one, etag="1").notes == ()


def test_the_answer_to_head_is_its_headers() -> None:
    one = tool()
    one = structs.replace(one, operation=structs.replace(one.operation, method="HEAD"))
    result = read(b"", "image/png", one=one, content_length="7", set_cookie="secret", date="now")
    assert result.notes == ("Headers: content-type: image/png; content-length: 7.",)


def test_where_a_new_resource_is_reaches_the_caller_even_without_content() -> None:
    assert (
        text(read(b"", status=201, location="/things/7"))
        == "The backend answered 201 Created, with no content; location: /things/7"
    )


def test_json_above_the_limit_is_shorter_json_and_says_what_is_missing() -> None:
    body = json.dumps({"total": 200, "items": [{"name": f"item {index}"} for index in range(200)]}).encode()
    result = read(body, JSON_TYPE)
    shown = json.loads(bytes(result.structured))
    kept = len(shown["items"])
    assert shown == {"total": 200, "items": [{"name": f"item {index}"} for index in range(kept)]}
    assert BYTES_MAX * 3 // 4 <= len(bytes(result.structured)) <= BYTES_MAX
    assert result.truncated
    assert result.notes == (
        f"Cut from {len(body)} bytes to {len(bytes(result.structured))}; of /items: the first {kept} of 200.",
    )


def test_a_text_above_the_limit_is_cut_at_a_sensible_place_and_the_cut_is_told() -> None:
    body = "".join(f"line {index}\n" for index in range(200)).encode()
    result = read(body, "text/plain")
    assert body.decode().startswith(text(result))
    assert text(result).endswith("\n")
    assert BYTES_MAX * 3 // 4 <= len(text(result)) <= BYTES_MAX
    assert (bytes(result.structured), result.truncated) == (b"", True)
    assert result.notes == (f"Cut: this is the first {len(text(result))} of {len(body)} bytes.",)


def test_a_cut_falls_between_characters() -> None:
    assert text(read("é".encode() * BYTES_MAX, "text/plain")) == "é" * (BYTES_MAX // 2)
    assert text(read(b"x" + "é".encode() * BYTES_MAX, "text/plain")) == "x" + "é" * ((BYTES_MAX - 1) // 2)


def test_what_was_cut_can_be_read_to_its_end_piece_by_piece() -> None:
    body = "".join(f"Zeile {index}: é\n" for index in range(400)).encode()
    response = HttpResponse(200, (("content-type", "text/plain"),), body)
    pieces, offset = [], 0
    while offset < len(body):
        piece = read_piece(response, offset, BYTES_MAX)
        pieces.append(text(piece))
        offset += len(text(piece).encode())
        assert piece.truncated == (offset < len(body))
    assert "".join(pieces).encode() == body
    assert len(pieces) > 5
    assert read_piece(HttpResponse(200, (("content-type", "image/png"),), b"\x89PNG"), 0, 10).is_error


def test_a_later_piece_is_in_the_charset_of_the_whole() -> None:
    for body in ("aé→b".encode("utf-16"), "aé→b".encode("utf-16-be")):
        marked = body if body.startswith(b"\xff\xfe") else b"\xfe\xff" + body
        response = HttpResponse(200, (("content-type", "text/plain"),), marked)
        assert text(read_piece(response, 4, 6)) == "é→b"


def test_what_is_selected_is_all_that_is_given_and_the_limit_counts_that() -> None:
    body = json.dumps({"items": [{"id": index, "text": "x" * 500} for index in range(50)]}).encode()
    result = read(body, JSON_TYPE, select="items[?id>`47`].id")
    assert (bytes(result.structured), result.truncated, result.notes) == (b"[48,49]", False, ())


@pytest.mark.parametrize(
    ("select", "note"),
    [
        ("length(a)", "Nothing was selected: length() was given what it does not take."),
        ("nothing(a)", "Nothing was selected: it calls a function that JMESPath does not have."),
    ],
)
def test_what_cannot_be_selected_costs_nothing_of_the_answer(select: str, note: str) -> None:
    result = read(b'{"a": 1}', JSON_TYPE, select=select)
    assert (bytes(result.structured), result.notes) == (b'{"a": 1}', (note,))


def test_a_selection_of_what_is_no_json_is_told() -> None:
    assert read(b"hello", "text/plain", select="a").notes == (
        "The answer is not JSON, so nothing was selected from it.",
    )


def test_an_error_of_the_backend_is_told_whole_whatever_was_to_be_selected() -> None:
    result = read(b'{"detail": "no such room"}', JSON_TYPE, 404, select="name")
    assert "no such room" in text(result)
    assert json.loads(bytes(result.structured)) == {"detail": "no such room"}


def test_an_answer_that_was_not_read_to_its_end_is_never_taken_for_all_of_it() -> None:
    response = HttpResponse(200, (("content-type", JSON_TYPE),), b"[1, 2]", truncated=True)
    result = read_response(tool(), response, reading())
    assert (bytes(result.structured), result.truncated) == (b"", True)
    assert text(result) == "[1, 2]"
    assert result.notes == ("Cut: this is the first 6 of more than 6 bytes.",)


def test_a_stream_that_goes_on_gives_what_had_come() -> None:
    response = HttpResponse(200, (("content-type", "application/x-ndjson"),), b'{"a":1}\n{"a":2}\n{"a', truncated=True)
    result = read_response(tool(), response, reading())
    assert (json.loads(bytes(result.structured)), result.truncated) == ([{"a": 1}, {"a": 2}], True)
    assert result.notes == ("The backend went on sending: what had come by then is here.",)


@pytest.mark.parametrize(
    ("content_type", "shown"), [("image/png", "image/png"), ("application/octet-stream",) * 2, ("application/pdf",) * 2]
)
def test_binary_data_above_the_limit_is_left_out_whole(content_type: str, shown: str) -> None:
    result = read(b"\x89" * (BYTES_MAX + 1), content_type)
    assert result.content == (Text(f"[left out: 1001 bytes of {shown}, which is above the limit of 1000 bytes]"),)
    assert result.truncated


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"title": "No such lamp", "detail": "Lamp 7 is gone.", "type": "about:blank"}, "No such lamp. Lamp 7 is gone"),
        (
            {"title": "Invalid", "errors": [{"detail": "must be > 0", "pointer": "#/age"}]},
            "Invalid. #/age: must be > 0",
        ),
        ({"error": {"message": "bad key", "code": 7}}, "bad key"),
        ({"error": "invalid_grant", "error_description": "expired"}, "invalid_grant. expired"),
        (
            {"message": "Validation Failed", "errors": [{"field": "name", "message": "is taken"}]},
            "Validation Failed. name: is taken",
        ),
        ({"errors": ["one", "two"]}, "one. two"),
        ({"errors": {"name": ["is blank", "is short"]}}, "name: is blank. name: is short"),
        ({"detail": [{"loc": ["body", "age"], "msg": "field required"}]}, "body.age: field required"),
        ({"message": "twice", "error": "twice"}, "twice"),
        ({"message": "<b>no</b>\x1b[31m\u202e"}, "no [31m"),
        ("just text", "just text"),
        ({"data": {"message": "not an error document"}}, ""),
        ({"errors": [1, None, "", {"a": {"b": {"c": {"d": "too deep"}}}}]}, ""),
        ([], ""),
    ],
)
def test_what_an_error_document_says_comes_first(body: Any, told: str) -> None:
    result = read(json.dumps(body).encode(), JSON_TYPE, 404)
    head, *rest = result.content
    colon = f": {told}" if told else ""
    advice = "The same call will fail again: check the identifiers among the arguments."
    assert head == Text(f"The backend answered 404 Not Found{colon}. {advice}")
    assert rest == [Text(json.dumps(body))]
    assert json.loads(bytes(result.structured)) == body
    assert (result.is_error, result.status) == (True, 404)


def test_an_error_without_a_document_is_told_with_what_there_is() -> None:
    assert text(read(b"<h1>Oops</h1>", "text/html", 500)).endswith("\n<h1>Oops</h1>")
    assert read(b"", "", 599).content == (
        Text("The backend answered 599. The fault is the backend's; it may well fail again."),
    )


def test_the_words_of_an_error_are_bounded() -> None:
    body = json.dumps({"detail": "x " * 400_000}).encode()
    response = HttpResponse(400, (("content-type", JSON_TYPE),), body)
    result = read_response(tool(), response, reading(10_000_000))
    assert len(text(result)) < ERROR_BYTES_MAX + 2_000
    assert result.truncated
    assert "x x x" in result.content[0].text  # type: ignore[union-attr]


@pytest.mark.parametrize("status", [300, 301, 302, 307, 308])
def test_a_redirect_that_was_not_followed_says_where_it_points(status: int) -> None:
    result = read(b"", "", status, location="https://elsewhere.example/x")
    assert result.is_error
    assert "pointing to https://elsewhere.example/x. It was not followed." in text(result)


READ, PUT, POST = tool("read"), tool("write", idempotent=True), tool("write")


@pytest.mark.parametrize(
    ("status", "one", "worthwhile"),
    [
        *((status, one, True) for status in (425, 429, 503) for one in (READ, PUT, POST)),
        *((status, one, True) for status in (408, 502, 504) for one in (READ, PUT)),
        *((status, POST, False) for status in (408, 500, 502, 504)),
        *((status, one, False) for status in (400, 401, 403, 404, 409, 410, 422, 500, 501) for one in (READ, PUT)),
    ],
)
def test_whether_to_call_again_depends_on_what_may_have_happened(status: int, one: Tool, worthwhile: bool) -> None:
    result = read(b"", "", status, one)
    assert result.retry == Retry(worthwhile)
    looks = "It may have been carried out all the same: look before you call again."
    assert (looks in text(result)) == (one is POST and not worthwhile)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("99999999999999", 86_400.0),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90.0),
        (format_datetime(NOW - timedelta(days=1), usegmt=True), 0.0),
        ("Fri, 02 Jan 2026 05:04:35 +0200", 30.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("Fri, 99 Jan 2026 99:00:00 GMT", None),
        ("٣", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(value: str, seconds: float | None) -> None:
    assert retry_after_s(value, NOW) == seconds
    result = read(b"", "", 429, retry_after=value)
    assert result.retry == Retry(True, seconds)
    assert (f"after {seconds:g} s" if seconds is not None else "later") in text(result)


HEADER = st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=60)
TYPES = (
    st.sampled_from([JSON_TYPE, "text/plain", "text/html; charset=utf-16", "image/png", "application/octet-stream", ""])
    | HEADER
)
BODIES = st.binary(max_size=300) | st.text().map(str.encode) | st.recursive(
    st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
).map(lambda value: json.dumps(value).encode())  # fmt: skip


@example(200, JSON_TYPE, b'{"\\u0020":null}', 11, "", False)
@given(st.integers(200, 599), TYPES, BODIES, st.integers(1, 400), HEADER, st.booleans())
def test_whatever_a_backend_sends_is_a_bounded_answer(
    status: int, content_type: str, body: bytes, bytes_max: int, header: str, truncated: bool
) -> None:
    headers = (("content-type", content_type), ("retry-after", header), ("location", header))
    result = read_response(POST, HttpResponse(status, headers, body, truncated), reading(bytes_max))
    assert result.content
    assert result.is_error == (status >= 300 and status != 304)
    if result.structured:
        assert len(bytes(result.structured).decode()) <= max(bytes_max, len(body))
        json.loads(bytes(result.structured))
    is_too_long = bool(body) and (truncated or len(body) > bytes_max)
    if is_too_long and not result.truncated:  # Written shorter it fits, and is whole.
        assert len(bytes(result.structured)) <= bytes_max
        assert json.loads(bytes(result.structured)) == json.loads(body)
    else:
        assert result.truncated == is_too_long
    assert sum(len(one.data) for one in result.content if not isinstance(one, Text)) <= bytes_max


@given(HEADER)
def test_any_retry_after_is_seconds_or_nothing(value: str) -> None:
    seconds = retry_after_s(value, NOW)
    assert seconds is None or 0 <= seconds <= 86_400
