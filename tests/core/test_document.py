"""Reading a document: any honest spelling of it is read, and whatever is not is refused by name and place."""

import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.document import (
    DOCUMENT_BYTES_MAX,
    DocumentBroken,
    external_references,
    parse_document,
    require_openapi,
)

BOMB = b"a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + b"".join(
    b"a%d: &a%d [%s]\n" % (i, i, b",".join([b"*a%d" % (i - 1)] * 10)) for i in range(1, 10)
)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (b'{"a": {"b": [1, null]}}', {"a": {"b": [1, None]}}),
        (b"\xef\xbb\xbf{}", {}),
        ('{"a": "\u00e9"}'.encode("utf-16"), {"a": "\u00e9"}),
        ('{"a": 1}'.encode("utf-16-le"), {"a": 1}),
        ('{"a": 1}'.encode("utf-16-be"), {"a": 1}),
        (b"{a: 1,}", {"a": 1}),
        (b"{200: ok}", {"200": "ok"}),
        (b'{"a": 1, "a": 2}', {"a": 2}),
        (b"a: 1\na: 2", {"a": 2}),
        (b"on: yes\n200: off", {"on": "yes", "200": "off"}),
        (b"date: 2020-01-01\ntime: 12:30:00", {"date": "2020-01-01", "time": "12:30:00"}),
        (b"ten: 010\neight: 0o10\nsixteen: 0x10", {"ten": 10, "eight": 8, "sixteen": 16}),
        (b"a: 1.5e3\nb: .5\nc: 1e999\nd: .inf", {"a": 1500.0, "b": 0.5, "c": "1e999", "d": ".inf"}),
        (b"a: ~\nb:\nc: null\nd: 'null'", {"a": None, "b": None, "c": None, "d": "null"}),
        (b"a: true\nb: 'true'\nc: !!str 5", {"a": True, "b": "true", "c": "5"}),
        (b"a: &x {k: 1}\nb: *x", {"a": {"k": 1}, "b": {"k": 1}}),
        (b"a: &x {k: 1, l: 1}\nb: {<<: *x, l: 2}", {"a": {"k": 1, "l": 1}, "b": {"k": 1, "l": 2}}),
        (b"a: &x {k: 1}\nb: &y {k: 2, m: 3}\nc: {<<: [*x, *y]}", {
            "a": {"k": 1}, "b": {"k": 2, "m": 3}, "c": {"k": 1, "m": 3},
        }),
        (b"a: !custom {b: 1}", {"a": {"b": 1}}),
    ],
)  # fmt: skip
def test_what_a_document_says_is_read_whatever_its_spelling(written: bytes, read: object) -> None:
    assert parse_document(written, "any") == read


@pytest.mark.parametrize(
    ("written", "place", "said"),
    [
        (b"", "", "empty"),
        (b" \n", "", "empty"),
        (b"[1]", "", "no object"),
        (b"just text", "", "no object"),
        (b'{"a": [1}', "line 1, column 9", "JSON"),
        (b'{"a": "3.1.0",\n "b": }', "line 2, column 7", "JSON"),
        (b"{", "line 1, column 2", "JSON"),
        (b"{a: [1}", "line 1, column 7", "YAML"),
        (b'{\n  "a": "x\n', "line 2, column 10", "JSON"),
        (b"a: [1\nb: 2", "line 2, column 2", "YAML"),
        (b"a: 1\nb: \xff", "line 2", "UTF-8"),
        (b"a: \x00", "", "character"),
        (b"a: &a [*a]", "line 1, column 8", "holds itself"),
        (b"a: *b", "line 1, column 4", "names nothing"),
        (b"a: 1\n---\nb: 1", "line 2, column 1", "more than one"),
        (b"? [a]\n: 1", "line 1, column 3", "key"),
        (b"a: {<<: 1}", "line 1, column 9", "mapping"),
        (BOMB, "line 7, column 38", "aliases"),
        (b'{"a": ' + b"[" * 900 + b"]" * 900 + b"}", "", "deeper"),
        (b"[" * 200_000, "", "deeper"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(written: bytes, place: str, said: str) -> None:
    with pytest.raises(DocumentBroken) as broken:
        parse_document(written, "any")
    assert broken.value.place == place
    assert said in broken.value.detail


def test_yaml_that_nests_too_deeply_is_refused_where_it_does() -> None:
    # Which of the two sees it first, the reader of YAML or we, depends on the version of libyaml.
    with pytest.raises(DocumentBroken, match="deeper") as broken:
        parse_document(b"a: " + b"[" * 100_000 + b"]" * 100_000, "any")
    assert broken.value.place.startswith("line 1, column ")


def test_a_document_over_the_limit_is_refused_before_it_is_read() -> None:
    with pytest.raises(DocumentBroken, match="larger"):
        parse_document(b" " * (DOCUMENT_BYTES_MAX + 1), "any")


@pytest.mark.parametrize("version", ["2.0", 2.0, 2, "3.0.0", "3.0.4-rc1", 3.1, "3.1.1", "3.2.0"])
def test_every_version_from_swagger_2_to_openapi_3_2_is_an_openapi_document(version: object) -> None:
    keyword = "swagger" if str(version).startswith("2") else "openapi"
    assert require_openapi({keyword: version, "paths": {}}) == str(version)


@pytest.mark.parametrize(
    ("tree", "place"),
    [
        ({"paths": {}}, ""),
        ({"openapi": "4.0.0", "paths": {}}, "/openapi"),
        ({"openapi": "3.3.0", "paths": {}}, "/openapi"),
        ({"swagger": "1.2", "paths": {}}, "/swagger"),
        ({"openapi": {"a": 1}, "paths": {}}, "/openapi"),
        ({"openapi": "3.1.0", "webhooks": {}}, ""),
    ],
)
def test_anything_else_is_no_openapi_document(tree: dict[str, object], place: str) -> None:
    with pytest.raises(DocumentBroken) as broken:
        require_openapi(tree)
    assert broken.value.place == place


def test_the_other_files_that_a_document_refers_to_are_named_relative_to_it() -> None:
    tree = {
        "a": {"$ref": "./schemas/pet.yaml#/Pet"},
        "b": [{"$ref": "common.json"}, {"$ref": "../other.yaml#/a"}, {"$ref": "https://elsewhere.example/x.json#/y"}],
        "c": {"$ref": "#/a"},
        "example": {"$ref": "not-this.yaml"},
        "properties": {"example": {"$ref": "but-this.yaml"}, "$ref": "and-this.yaml"},
    }
    base = "https://docs.example/api/main.yaml"
    assert external_references(tree, base) == {
        "https://docs.example/api/schemas/pet.yaml",
        "https://docs.example/api/common.json",
        "https://docs.example/other.yaml",
        "https://elsewhere.example/x.json",
        "https://docs.example/api/but-this.yaml",
        "https://docs.example/api/and-this.yaml",
    }


@settings(deadline=None)
@given(st.binary(max_size=200) | st.text("{}[]:,-&*<!|>'\"# \nab1~", max_size=60).map(str.encode))
def test_no_bytes_do_anything_but_be_read_or_be_refused(data: bytes) -> None:
    tree: dict[str, object] = {}
    with contextlib.suppress(DocumentBroken):
        tree = parse_document(data, "any")
    assert all(isinstance(key, str) for key in tree)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=8), JSON, max_size=4))
def test_json_is_read_as_any_other_reader_reads_it(tree: dict[str, object]) -> None:
    assert parse_document(json.dumps(tree).encode(), "any") == tree
