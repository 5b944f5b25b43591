"""Which codec a text on the wire is read and written with."""

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.charset import charset_of


@pytest.mark.parametrize(
    ("media_type", "data", "told"),
    [
        ("text/plain", b"", "utf-8"),
        ("text/plain; charset=UTF8", b"", "utf-8"),
        ("text/plain;charset=us-ascii", b"", "utf-8"),
        ('text/plain; format=flowed; charset="ISO-8859-1"', b"", "iso8859-1"),
        ("text/plain; charset=Shift_JIS", b"", "shift_jis"),
        ("text/plain; charset=windows-1252", b"", "cp1252"),
        ("text/plain; charset=iso-8859-1", b"\xef\xbb\xbfa", "utf-8-sig"),
        ("text/plain", b"\xff\xfea\0", "utf-16"),
        ("text/plain; charset=utf-16", b"a\0", "utf-16-le"),
        ("text/plain; charset=utf-16", b"", "utf-16"),
        ("text/plain", b"\xff\xfe\0\0", "utf-32"),
        ("text/plain; charset=idna", b"", "utf-8"),
        ("text/plain; charset=zlib", b"", "utf-8"),
        ("text/plain; charset=utf-7", b"", "utf-8"),
        ("text/plain; charset=cp9999", b"", "utf-8"),
        ("text/plain; x-charset=utf-16", b"", "utf-8"),
    ],
)
def test_a_mark_counts_more_than_the_type_and_an_unknown_charset_is_utf_8(
    media_type: str, data: bytes, told: str
) -> None:
    assert charset_of(media_type, data) == told


@given(st.text(), st.binary(max_size=8))
def test_there_is_always_a_codec_that_can_be_used(charset: str, data: bytes) -> None:
    assert codecs.getincrementaldecoder(charset_of(f"text/plain; charset={charset}", data))
