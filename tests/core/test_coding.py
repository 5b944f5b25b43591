"""Content codings that are stacked, renamed, broken, unknown or bombs."""

import gzip
import zlib

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.coding import CODINGS_MAX, Miscoded, Uncoded, codings_of, undo_codings, zstd

MAX = 10_000
TEXT = b"a text, " * 50


def raw_deflate(data: bytes) -> bytes:
    one = zlib.compressobj(wbits=-15)
    return one.compress(data) + one.flush()


CODERS = {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress, "zstd": zstd.compress}


@pytest.mark.parametrize(
    ("values", "codings"),
    [
        ([], ()),
        ([""], ()),
        (["identity"], ()),
        (["gzip, BR"], ("gzip", "br")),
        (["gzip", " br ,zstd"], ("gzip", "br", "zstd")),
        (["x-gzip"], ("gzip",)),
    ],
)
def test_codings_are_listed_as_they_were_applied(values: list[str], codings: tuple[str, ...]) -> None:
    assert codings_of(values) == codings


@given(st.binary(max_size=500), st.lists(st.sampled_from(sorted(CODERS)), max_size=CODINGS_MAX))
def test_stacked_codings_are_undone_from_the_outermost(data: bytes, codings: list[str]) -> None:
    body = data
    for coding in codings:
        body = CODERS[coding](body)
    assert undo_codings(body, tuple(codings), MAX) == Uncoded(data)


def test_deflate_is_both_of_what_servers_mean_by_it() -> None:
    assert undo_codings(zlib.compress(TEXT), ("deflate",), MAX).body == TEXT
    assert undo_codings(raw_deflate(TEXT), ("deflate",), MAX).body == TEXT


def test_a_gzip_of_many_members_is_all_of_them() -> None:
    assert undo_codings(gzip.compress(b"a") + gzip.compress(b"b") + b"\0\0", ("gzip",), MAX) == Uncoded(b"ab")


def test_a_coding_that_is_not_known_is_left_and_named() -> None:
    assert undo_codings(gzip.compress(TEXT), ("compress", "gzip"), MAX) == Uncoded(TEXT, False, ("compress",))
    assert undo_codings(TEXT, ("gzip", "dcz"), MAX) == Uncoded(TEXT, False, ("gzip", "dcz"))
    assert undo_codings(TEXT, ("gzip",) * (CODINGS_MAX + 1), MAX).left == ("gzip",) * (CODINGS_MAX + 1)


@pytest.mark.parametrize("coding", sorted(CODERS))
def test_no_more_than_the_bound_comes_out(coding: str) -> None:
    bomb = CODERS[coding](bytes(50_000_000))
    assert undo_codings(bomb, (coding,), MAX) == Uncoded(bytes(MAX), True)
    inner = CODERS[coding](CODERS[coding](bytes(1_000_000)))
    assert undo_codings(inner, (coding, coding), MAX) == Uncoded(bytes(MAX), True)


@pytest.mark.parametrize("coding", sorted(CODERS))
def test_what_is_not_in_the_coding_it_names_is_an_error(coding: str) -> None:
    whole = CODERS[coding](TEXT)
    for broken in (b"\xffnothing of the kind", whole[: len(whole) // 2]):
        with pytest.raises(Miscoded) as caught:
            undo_codings(broken, (coding,), MAX)
        assert caught.value.coding == coding


@pytest.mark.parametrize("coding", ["gzip", "deflate", "zstd", "br"])
def test_of_a_body_that_was_cut_the_first_part_comes_out(coding: str) -> None:
    data = bytes(range(256)) * 200
    whole = CODERS[coding](data)
    body, cut, left = undo_codings(whole[: len(whole) - 4], (coding,), 1_000_000, cut=True)
    assert (data.startswith(body), cut, left) == (True, True, ())
