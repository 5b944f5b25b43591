"""Whatever a backend answers, what reads it gives a value: pages, work that goes on, cuts, selections, results. By hypothesis,
over answers made of the names and values that these look for."""

import json
import resource
from contextlib import suppress
from typing import Any
from unicodedata import category
from urllib.parse import urlsplit

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.extension import Poll
from gateway.core.http import URL_CHARACTERS_MAX, HttpRequest, HttpResponse
from gateway.core.operation import Paging
from gateway.core.pages import NextPage, merge_pages, next_page, read_page
from gateway.core.polling import is_accepted, is_away, is_done, is_running, look_arguments, look_at
from gateway.core.project import Selection, Unselectable
from gateway.core.response import read_piece, read_response, whole_text
from gateway.core.shorten import shorten_json
from tests.core.test_response import reading, tool

REQUEST = HttpRequest("GET", "https://api.example:8443/base/v1/things?limit=5", (("Accept", "application/json"),))
URLS = ["https://api.example:8443/base/v1/things?page=2", "/other", "?x", "//evil.example/", "http://[", "file:///etc/passwd",
        "https://api.example/", "https://user@api.example:8443/", "https://API.example:8443/x", "https://api.example:8443:1/",
        "https://api.example:99999/", "\\\\evil\\", "javascript:x", "/" + "x" * 9_000, "/a b", "/\r\nx", "/\ud800", "\0", ""]  # fmt: skip
NAMES = ["items", "data", "next", "next_cursor", "nextPageToken", "has_more", "total", "total_pages", "links", "_links", "meta",
         "href", "url", "status", "state", "done", "id", "status_url", "location", "", "~1/", "a" * 300, "\u202e\x1b["]  # fmt: skip
TEXTS = st.sampled_from([*URLS[:-3], "running", "succeeded", "c1", "x" * 500, "\u2028\x1b[2J"]) | st.text(max_size=20)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
JSON = st.recursive(
    LEAVES,
    lambda deeper: (
        st.lists(deeper, max_size=4) | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=5), deeper, max_size=5)
    ),
    max_leaves=30,
)
ODD = st.sampled_from(
    [b"", b"[" * 5_000, b"[" * 2_000 + b"]" * 2_000, b'{"a":' * 2_000 + b"1" + b"}" * 2_000, b'{"items":[1,2,', b"9" * 5_000,
     b'{"items":[%s]}' % (b"9" * 5_000), b'{"items":[1e999],"next":1e999}', b'{"next":"\\ud800","items":[]}', b"\xff\xfe[\0]\0",
     b'\xef\xbb\xbf{"items":[1]}', b'{"items":[1],"items":[2]}', b'data: {"a":1}\n\ndata: x', b"\x1e{}\n\x1e[", b"null", b'"x"']
)  # fmt: skip
BODIES = JSON.map(json.dumps).map(str.encode) | ODD | st.binary(max_size=60)
KINDS = ["application/json", "text/plain", "text/event-stream", "application/x-ndjson", "application/json-seq", "", "x",
         "multipart/mixed; boundary=x", "text/html; charset=utf-16", "application/problem+json", "image/png", "a/\ufffd", ";"]  # fmt: skip
LINKS = st.tuples(st.sampled_from(URLS[:-3]), st.sampled_from(['rel="next"', "rel=prev", 'rel="', "rel", ";;", '="next"'])).map(
    lambda link: f"<{link[0]}>; {link[1]}"
)  # fmt: skip
HEADERS = st.lists(
    st.tuples(st.just("link"), st.lists(LINKS, max_size=3).map(", ".join))
    | st.tuples(st.sampled_from(["location", "operation-location", "content-location"]), st.sampled_from(URLS[:-3]))
    | st.tuples(st.sampled_from(["retry-after", "content-disposition"]), st.text(max_size=12))
    | st.tuples(st.just("content-type"), st.sampled_from(KINDS)),
    max_size=4,
).map(tuple)
RESPONSES = st.builds(
    HttpResponse, st.sampled_from([200, 201, 202, 204, 206, 302, 304, 400, 429, 500, 599, 999]), HEADERS, BODIES, st.booleans()
)  # fmt: skip
POINTERS = st.sampled_from(["", "/items", "/next", "/_links/next/href", "/a~1b", "nonsense", "/items/0"])
PAGINGS = st.builds(
    Paging,
    st.sampled_from(["cursor", "page", "offset", "next", "link"]),
    st.sampled_from(["", "page", "cursor"]),
    st.sampled_from(["", "limit"]),
    POINTERS,
    st.none() | POINTERS,
    st.integers(0, 1),
)
ARGUMENTS = st.dictionaries(st.sampled_from(["page", "cursor", "limit", "id"]), JSON, max_size=3)


def on_the_origin(url: str) -> bool:
    parts = urlsplit(url)
    plain = url.isascii() and url.isprintable() and " " not in url and len(url) <= URL_CHARACTERS_MAX
    return plain and (parts.scheme, parts.netloc.lower()) == ("https", "api.example:8443")


def is_plain(told: str) -> bool:
    """One line of bounded length, without what moves a cursor or turns text around."""
    kinds = {category(letter) for letter in told}
    return len(told) < 1_000 and not kinds & {"Cc", "Cs", "Zl", "Zp"} and not set("\u202e\u2066\u2069") & set(told)


@settings(deadline=None)
@given(PAGINGS, ARGUMENTS, RESPONSES)
def test_a_page_of_any_answer_leads_to_the_same_origin_or_nowhere(
    paging: Paging, arguments: dict[str, Any], response: HttpResponse
) -> None:
    page = read_page(paging, response)
    if page is None:
        return
    following = next_page(paging, arguments, REQUEST, response, page)
    assert following is None or isinstance(following, NextPage)
    assert following is None or not following.url or on_the_origin(following.url)
    merged = merge_pages([page, page])
    again = read_page(paging, HttpResponse(200, (), merged))
    assert again is not None
    assert (again.count, json.loads(b"[" + again.items + b"]")) == (
        page.count * 2,
        json.loads(b"[" + page.items + b"]") * 2,
    )


@settings(deadline=None)
@given(RESPONSES, ARGUMENTS, st.sampled_from(["/status", "/state/word", "", "x"]))
def test_any_answer_says_whether_work_goes_on_and_where_to_look(
    response: HttpResponse, arguments: dict[str, Any], pointer: str
) -> None:
    poll = Poll(operation="x", status=pointer, done=("done",), arguments={"id": "/id", "of": "arguments:/id"})
    assert {is_accepted(response), is_running(response), is_away(response), is_done(poll, response)} <= {True, False}
    url = look_at(REQUEST, response)
    assert not url or on_the_origin(url)
    found = look_arguments(poll, arguments, response)
    assert found is None or found.keys() == {"id", "of"}


@settings(deadline=None)
@given(JSON, st.integers(2, 3_000))
def test_any_json_that_is_shortened_is_json_and_fits(value: Any, bytes_max: int) -> None:
    exact = json.dumps(value).encode()
    shortened = shorten_json(exact, bytes_max)
    if shortened is None:
        return
    assert len(shortened.encoded) <= bytes_max
    assert type(json.loads(shortened.encoded)) is type(value)
    assert all(map(is_plain, shortened.cuts))


@settings(deadline=None)
@given(
    RESPONSES,
    st.sampled_from(["", "items", "items[].id", "@", "keys(@)", "to_string(@)", "sum(items)", "max_by(@, &id)"]),
)
def test_any_answer_is_a_result_that_can_be_told(response: HttpResponse, expression: str) -> None:
    result = read_response(tool("write"), response, reading(select=expression))
    msgspec.json.encode(result)
    assert result.content
    assert all(map(is_plain, result.notes))
    assert result.is_error == (response.status >= 300 and response.status != 304)
    msgspec.json.encode([whole_text(response), *(read_piece(response, offset, 50) for offset in (0, 1, 7, 10**18))])
    with suppress(Unselectable):
        json.loads(bytes(Selection(expression or "@").apply(response.body)))


def test_a_page_or_a_selection_of_millions_of_values_does_not_take_the_memory() -> None:
    """Eight megabytes of empty objects would take some hundred as values."""
    body = b'{"items":[' + b",".join([b"{}"] * 2_500_000) + b'],"next_cursor":"c"}'
    many = b"{" + b",".join(b'"k%d":0' % index for index in range(600_000)) + b"}"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert read_page(Paging("cursor", "cursor"), HttpResponse(200, (), body)) is None
    with pytest.raises(Unselectable, match="more values than may be read"):
        Selection("length(items)").apply(body)
    assert shorten_json(many, 50_000) is not None
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400 << 10
