"""The name of a file as servers write it, and never a path."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.disposition import FILENAME_CHARACTERS_MAX, filename_of


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("attachment; filename=report.pdf", "report.pdf"),
        ('attachment; filename="a report; final.pdf"', "a report; final.pdf"),
        (r'attachment; filename="a \"b\".pdf"', 'a "b".pdf'),
        ('inline;FileName = "x.txt" ; size=3', "x.txt"),
        ("attachment; filename=fallback.pdf; filename*=UTF-8''%E2%82%AC%20rates.pdf", "€ rates.pdf"),
        ("attachment; filename*=iso-8859-1'en'%A3.txt", "£.txt"),
        ("attachment; filename*=nonsense; filename=plain.txt", "plain.txt"),
        ("attachment; filename*=UTF-8''..%2F..%2Fetc%2Fpasswd", "passwd"),
        (r'attachment; filename="C:\\temp\\x.txt"', "x.txt"),
        ('attachment; filename=".."', ""),
        ('attachment; filename="a\u202egnp.exe\x07"', "agnp.exe"),
        ('attachment; filename="é.txt"', "é.txt"),
        ('attachment; filename="\udcc3\udca9.txt"', "é.txt"),
        ('attachment; filename="\udce9.txt"', "é.txt"),
        ("attachment", ""),
        ("", ""),
    ],
)
def test_the_name_is_the_last_part_of_what_the_header_gives(header: str, name: str) -> None:
    assert filename_of(header) == name


def test_the_media_type_may_name_the_file() -> None:
    assert filename_of("", 'application/pdf; name="x.pdf"') == "x.pdf"
    assert filename_of("attachment; filename=y.pdf", 'application/pdf; name="x.pdf"') == "y.pdf"


@given(st.text(max_size=400))
def test_whatever_is_given_the_name_is_short_and_no_path(header: str) -> None:
    name = filename_of(f"attachment; filename={header}")
    assert len(name) <= FILENAME_CHARACTERS_MAX
    assert not set(name) & set("/\\\0\r\n")
    assert name not in (".", "..")
