"""Answers of many parts, taken apart byte for byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.http import HttpResponse
from gateway.core.parts import PARTS_MAX, read_parts

KIND = 'multipart/mixed; boundary="=_b 1"'
MARK = b"--=_b 1"


def parts(body: bytes, kind: str = KIND, *, truncated: bool = False) -> list[HttpResponse]:
    return list(read_parts(HttpResponse(200, (("content-type", kind),), body, truncated)))


@given(st.lists(st.binary(max_size=60).filter(lambda data: b"\n" + MARK not in data), min_size=1, max_size=5))
def test_every_part_comes_out_as_it_went_in(bodies: list[bytes]) -> None:
    whole = b"".join(MARK + b"\r\nX-N: 1\r\n\r\n" + body + b"\r\n" for body in bodies) + MARK + b"--\r\nepilogue"
    assert [(one.header("x-n"), one.body) for one in parts(b"preamble\r\n" + whole)] == [("1", body) for body in bodies]


@pytest.mark.parametrize("line", [b"\r\n", b"\n"])
def test_lines_may_end_either_way(line: bytes) -> None:
    body = line.join(
        [MARK, b"Content-Type: text/plain;", b" charset=utf-8", b"", b"a", MARK + b" ", b"", b"b", MARK + b"--"]
    )
    first, second = parts(body)
    assert (first.header("content-type"), first.body) == ("text/plain; charset=utf-8", b"a")
    assert (second.headers, second.body) == ((), b"b")


@pytest.mark.parametrize(
    ("encoding", "body", "meant"),
    [
        ("base64", b"aGVs\r\nbG8=", b"hello"),
        ("quoted-printable", b"h=C3=A9", "hé".encode()),
        ("base64", b"!", b""),
        ("8bit", b"\xff", b"\xff"),
    ],
)
def test_a_transfer_encoding_is_undone(encoding: str, body: bytes, meant: bytes) -> None:
    head = b"\r\nContent-Transfer-Encoding: " + encoding.encode() + b"\r\n\r\n"
    assert [one.body for one in parts(MARK + head + body + b"\r\n" + MARK + b"--")] == [meant]


def test_a_part_that_is_a_response_is_that_response() -> None:
    inner = b"HTTP/1.1 201 Created\r\nLocation: /x\r\n\r\n{}"
    (part,) = parts(MARK + b"\r\nContent-Type: application/http\r\n\r\n" + inner + b"\r\n" + MARK + b"--")
    assert (part.status, part.header("location"), part.body) == (201, "/x", b"{}")
    (part,) = parts(MARK + b"\r\nContent-Type: application/http\r\n\r\nGET / HTTP/1.1\r\n\r\n\r\n" + MARK + b"--")
    assert (part.status, part.header("content-type")) == (200, "application/http")


def test_the_last_part_of_what_is_not_whole_is_left_out() -> None:
    body = MARK + b"\r\n\r\na\r\n" + MARK + b"\r\n\r\nhal"
    assert [one.body for one in parts(body, truncated=True)] == [b"a"]
    assert [one.body for one in parts(body)] == [b"a", b"hal"]


def test_there_are_never_more_than_so_many_parts() -> None:
    assert len(parts((MARK + b"\r\n\r\na\r\n") * (PARTS_MAX + 50) + MARK + b"--")) == PARTS_MAX


@given(
    st.binary(max_size=300), st.sampled_from([KIND, "multipart/mixed", "multipart/mixed; boundary=\xff"]), st.booleans()
)
def test_whatever_comes_is_parts_or_none(body: bytes, kind: str, truncated: bool) -> None:
    assert len(parts(body, kind, truncated=truncated)) <= PARTS_MAX
