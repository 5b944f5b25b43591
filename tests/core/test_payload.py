"""The request body: JSON kept as given, forms and files as their readers expect them."""

import io
import json
from base64 import b64encode
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from python_multipart import create_form_parser
from werkzeug.formparser import MultiPartParser

from gateway.core.operation import Body, Field, PartHeader
from gateway.core.payload import build_body
from gateway.core.serialize import Unbuildable

FORM, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"


def built(body: Body, /, **arguments: object) -> tuple[str, bytes]:
    told = build_body(body, arguments)
    assert told is not None
    return told


def json_of(*fields: Field, extra: str = "", media_type: str = "application/json", **arguments: object) -> bytes:
    kind, data = built(Body(media_type, True, fields=fields, extra=extra), **arguments)
    assert kind == media_type
    return data


def form_of(*fields: Field, **arguments: object) -> str:
    kind, data = built(Body(FORM, True, fields=fields), **arguments)
    assert kind == FORM
    return data.decode()


def refusal(body: Body, /, **arguments: object) -> str:
    with pytest.raises(Unbuildable) as caught:
        build_body(body, arguments)
    return caught.value.argument


def file(data: bytes, **more: str) -> dict[str, str]:
    return {"data": b64encode(data).decode(), **more}


A, B = Field("a", "a"), Field("b_2", "b")


def test_json_keeps_nulls_integers_and_the_order_of_the_caller() -> None:
    assert json_of(A, B, b_2=None, a=2**63 + 1) == b'{"b":null,"a":9223372036854775809}'
    assert json_of(A, B, a={"z": 1, "y": [None, 0.1, "é"]}) == '{"a":{"z":1,"y":[null,0.1,"é"]}}'.encode()
    assert json_of(A, media_type="application/merge-patch+json", a=None) == b'{"a":null}'


def test_a_body_that_is_one_argument_is_sent_as_it_is() -> None:
    body = Body("application/json", True, argument="body")
    assert built(body, body=[1, {"a": None}]) == ("application/json", b'[1,{"a":null}]')
    assert built(body, body=None) == ("application/json", b"null")
    assert built(body, body="text") == ("application/json", b'"text"')


def test_an_optional_body_of_which_nothing_was_given_is_no_body() -> None:
    assert build_body(Body("application/json", fields=(A,), extra="more"), {"other": 1}) is None
    assert build_body(Body("application/json", fields=(A,), extra="more"), {"more": {}}) is None
    assert build_body(Body("application/json", argument="body"), {}) is None


def test_a_required_body_is_sent_even_where_all_its_members_are_optional() -> None:
    assert json_of(A) == b"{}"
    assert refusal(Body("application/json", True, argument="body")) == "body"


def test_additional_properties_are_members_beside_the_named_ones_and_cannot_take_their_place() -> None:
    assert json_of(A, extra="more", more={"x": 1, "y": None}, a=2) == b'{"a":2,"x":1,"y":null}'
    assert refusal(Body("application/json", True, fields=(A,), extra="more"), more={"a": 1}) == "more"


@pytest.mark.parametrize("value", [float("nan"), {"x": [float("inf"), None]}, "\ud800", {"\udfff": 1}])
@pytest.mark.parametrize("media_type", ["application/json", FORM, MULTIPART])
def test_what_cannot_be_written_is_refused_by_the_name_of_its_argument(media_type: str, value: object) -> None:
    assert refusal(Body(media_type, True, fields=(A, B)), a=1, b_2=value) == "b_2"
    assert refusal(Body(media_type, True, argument="whole"), whole={"x": value}) == "whole"


def test_nesting_without_end_is_refused_by_name() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    assert refusal(Body("application/json", True, argument="it"), it=deep) == "it"


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        (Field("v", "v"), "a b&c=d+é", "v=a+b%26c%3Dd%2B%C3%A9"),
        (Field("v", "a b"), True, "a+b=true"),
        (Field("v", "v"), "", "v="),
        (Field("v", "v"), None, ""),
        (Field("v", "v"), [], ""),
        (Field("v", "v"), ["a", 2, None], "v=a&v=2"),
        (Field("v", "v", explode=False), ["a b", "c,d"], "v=a+b,c%2Cd"),
        (Field("v", "v", style="spaceDelimited", explode=False), ["a", "b"], "v=a+b"),
        (Field("v", "v", style="pipeDelimited", explode=False), ["a", "b"], "v=a%7Cb"),
        (Field("v", "v", style="deepObject"), {"k": {"l": "x y"}, "m": [1]}, "v%5Bk%5D%5Bl%5D=x+y&v%5Bm%5D%5B0%5D=1"),
        (Field("v", "v"), {"k": "x y", "n": None}, "v=%7B%22k%22%3A%22x+y%22%2C%22n%22%3Anull%7D"),
        (Field("v", "v", explode=False), {"k": 1, "l": 2}, "v=k,1,l,2"),
        (Field("v", "v"), [{"k": 1}], "v=%7B%22k%22%3A1%7D"),
        (Field("v", "v", content_type="application/json"), ["a"], "v=%5B%22a%22%5D"),
        (Field("v", "v", content_type="application/json"), "f81d4fae", "v=%22f81d4fae%22"),
        (Field("v", "v", allow_reserved=True), "https://a/b?c=d&e", "v=https://a/b?c=d%26e"),
    ],
)
def test_a_form_field_is_written_by_its_encoding(field: Field, value: object, told: str) -> None:
    assert form_of(field, v=value) == told


def test_an_address_is_written_as_the_specification_shows() -> None:
    # OAS 3.1, "Support for x-www-form-urlencoded Request Bodies"; %3A and %2C mean the `:` and `,` there.
    address = {"streetAddress": "123 Example Dr.", "city": "Somewhere", "state": "CA", "zip": "99999+1234"}
    told = form_of(
        Field("id", "id"), Field("address", "address"), id="f81d4fae-7dec-11d0-a765-00a0c91e6bf6", address=address
    )
    shown = (
        "id=f81d4fae-7dec-11d0-a765-00a0c91e6bf6&address=%7B%22streetAddress%22:%22123+Example+Dr.%22,%22city%22:"
        "%22Somewhere%22,%22state%22:%22CA%22,%22zip%22:%2299999%2B1234%22%7D"
    )
    assert told.replace("%3A", ":").replace("%2C", ",") == shown


def parts_of(kind: str, data: bytes) -> list[tuple[str, str | None, bytes]]:
    """Name, file name and content of each part, as python-multipart reads them."""
    found: list[tuple[str, str | None, bytes]] = []

    def on_field(one: Any) -> None:
        found.append((one.field_name.decode(), None, one.value or b""))

    def on_file(one: Any) -> None:
        one.file_object.seek(0)
        found.append((one.field_name.decode(), one.file_name.decode(), one.file_object.read()))
        one.close()

    parser = create_form_parser({"Content-Type": kind.encode()}, on_field, on_file)
    parser.write(data)
    parser.finalize()
    return found


def test_a_multipart_body_is_written_as_rfc_7578_has_it() -> None:
    fields = (
        Field("doc", "document", binary=True),
        Field("meta", "meta"),
        Field("note", "note"),
        Field("tags", "tags"),
    )
    kind, data = built(
        Body(MULTIPART, True, fields=fields),
        doc=file(b"\0\xff%PDF", filename="a.pdf", media_type="application/pdf"),
        meta={"a": None},
        note="é",
        tags=["x", 2, None],
    )
    boundary = kind.removeprefix("multipart/form-data; boundary=")
    assert data.decode("latin-1").split(f"--{boundary}") == [
        "",
        "\r\nContent-Disposition: form-data; name=\"document\"; filename=\"a.pdf\"\r\n"
        "Content-Type: application/pdf\r\n\r\n\0\xff%PDF\r\n",
        "\r\nContent-Disposition: form-data; name=\"meta\"\r\nContent-Type: application/json\r\n\r\n{\"a\":null}\r\n",
        "\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\n\xc3\xa9\r\n",
        "\r\nContent-Disposition: form-data; name=\"tags\"\r\n\r\nx\r\n",
        "\r\nContent-Disposition: form-data; name=\"tags\"\r\n\r\n2\r\n",
        "--\r\n",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        (Field("v", "v"), [{"a": 1}, {"a": 2}], [("application/json", b'{"a":1}'), ("application/json", b'{"a":2}')]),
        (Field("v", "v", content_type="application/json"), "x", [("application/json", b'"x"')]),
        (Field("v", "v", content_type="text/csv"), "a,b", [("text/csv", b"a,b")]),
        (Field("v", "v", content_type="text/plain; charset=iso-8859-1"), "é", [("text/plain", b"\xe9")]),
        (Field("v", "v", content_type="image/*", binary=True), file(b"x"), [("application/octet-stream", b"x")]),
        (Field("v", "v", content_type="image/png", binary=True), file(b"x"), [("image/png", b"x")]),
        (
            Field("v", "v", binary=True),
            [file(b"x"), file(b"y", media_type="image/gif")],
            [("application/octet-stream", b"x"), ("image/gif", b"y")],
        ),
        (Field("v", "v"), None, []),
    ],
)
def test_a_part_has_the_media_type_that_is_told_or_fits(
    field: Field, value: object, told: list[tuple[str, bytes]]
) -> None:
    kind, data = built(Body(MULTIPART, True, fields=(field, A)), v=value, a="end")
    form, files = MultiPartParser().parse(io.BytesIO(data), kind.rpartition("=")[2].encode(), len(data))
    if field.binary:
        received = files.getlist("v")
        assert [(one.mimetype, one.read()) for one in received] == told
        for one in received:
            one.close()
    else:
        names = [(name, text) for name, _, text in parts_of(kind, data) if name == "v"]
        assert [text for _, text in names] == [text for _, text in told]
        assert all(f"Content-Type: {media_type}".encode() in data for media_type, _ in told)
    assert form["a"] == "end"


def test_the_same_arguments_give_the_same_bytes_and_others_another_boundary() -> None:
    body = Body(MULTIPART, True, fields=(A,))
    assert built(body, a="x") == built(body, a="x")
    assert built(body, a="x")[0] != built(body, a="y")[0]


@pytest.mark.parametrize("filename", ['a"; name="x', "a\r\nContent-Type: text/html\r\n\r\n", "é\0.txt", "a\\b", ""])
def test_a_file_name_cannot_break_out_of_its_header(filename: str) -> None:
    kind, data = built(
        Body(MULTIPART, True, fields=(Field("v", "v", binary=True),)), v=file(b"data", filename=filename)
    )
    assert data.count(b"\r\n\r\n") == 1
    [(name, shown, content)] = parts_of(kind, data)
    assert (name, content) == ("v", b"data")
    assert shown is not None
    assert not set(shown) & set('\r\n\0"')


@pytest.mark.parametrize(
    "value",
    [
        "text",
        None,
        {},
        {"data": 1},
        {"data": "not base64!"},
        {"data": "YQ"},
        {"data": "YQ==", "filename": 1},
        {"data": "YQ==", "media_type": "text/html\r\nX-Evil: 1"},
        {"data": "YQ==", "media_type": "nonsense"},
        {"data": "é"},
    ],
)
def test_what_is_no_file_is_refused_by_name(value: object) -> None:
    assert refusal(Body("application/pdf", True, argument="body", binary=True), body=value) == "body"
    if value is not None:
        assert refusal(Body(MULTIPART, True, fields=(Field("v", "v", binary=True),)), v=value) == "v"


@pytest.mark.parametrize(
    ("media_type", "value", "told"),
    [
        ("application/pdf", file(b"%PDF\0"), ("application/pdf", b"%PDF\0")),
        ("application/pdf", file(b"x", media_type="image/png"), ("application/pdf", b"x")),
        ("image/*", file(b"x", media_type="image/png"), ("image/png", b"x")),
        ("*/*", file(b"x"), ("application/octet-stream", b"x")),
    ],
)
def test_a_binary_body_is_the_bytes_of_the_file(media_type: str, value: object, told: tuple[str, bytes]) -> None:
    assert built(Body(media_type, True, argument="body", binary=True), body=value) == told


@pytest.mark.parametrize(
    ("media_type", "value", "told"),
    [
        ("text/plain", "é\r\n", "é\r\n".encode()),
        ("text/plain; charset=iso-8859-1", "é", b"\xe9"),
        ("text/plain; charset=utf-16le", "é", b"\xe9\0"),
        ("text/plain; charset=idna", "é", "é".encode()),
        ("text/plain; charset=cp9999", "é", "é".encode()),
        ("text/plain; charset=us-ascii", "é", "é".encode()),
        ("text/csv", 7, b"7"),
    ],
)
def test_a_text_body_is_the_text_in_the_charset_of_its_type(media_type: str, value: object, told: bytes) -> None:
    assert built(Body(media_type, True, argument="body"), body=value) == (media_type, told)


def test_text_that_the_charset_of_the_type_cannot_write_is_refused() -> None:
    assert refusal(Body("text/plain; charset=iso-8859-1", True, argument="body"), body="→") == "body"


WRITABLE = st.text(st.characters(exclude_categories=["Cs"]))
NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters='"\\%'), min_size=1)


@given(st.dictionaries(WRITABLE, WRITABLE, min_size=1))
def test_any_form_comes_back_from_another_reader(values: dict[str, str]) -> None:
    _, data = built(Body(FORM, True, argument="body"), body=values)
    assert dict(parse_qsl(data.decode(), keep_blank_values=True)) == values


@given(st.dictionaries(NAMES, st.tuples(st.binary(), NAMES), min_size=1, max_size=3), WRITABLE)
def test_any_file_and_any_text_come_back_from_another_reader(files: dict[str, tuple[bytes, str]], note: str) -> None:
    fields = [Field(f"f{index}", name, binary=True) for index, name in enumerate(files)]
    told = {f"f{index}": file(data, filename=name) for index, (data, name) in enumerate(files.values())}
    kind, data = built(Body(MULTIPART, True, fields=(*fields, A)), a=note, **told)
    expected = [("a", None, note.encode()), *((name, shown, content) for name, (content, shown) in files.items())]
    assert parts_of(kind, data) == expected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | WRITABLE,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WRITABLE, inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_any_json_comes_back_from_another_reader(value: Any) -> None:
    _, data = built(Body("application/json", True, argument="body"), body=value)
    assert json.loads(data) == value


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        (Field("a", "a"), {"x": 1, "y": "z"}, "a=%7B%22x%22%3A1%2C%22y%22%3A%22z%22%7D"),
        (Field("a", "a", styled=True), {"x": 1, "y": "z w"}, "x=1&y=z+w"),
        (Field("a", "a", styled=True, explode=False), {"x": 1, "y": "z"}, "a=x,1,y,z"),
        (Field("a", "a", styled=True, style="pipeDelimited", explode=False), ["b", "c"], "a=b%7Cc"),
        (Field("a", "a", styled=True, content_type="application/json"), {"x": 1}, "x=1"),
    ],
)
def test_a_style_that_the_document_states_wins_over_json(field: Field, value: object, told: str) -> None:
    assert form_of(field, a=value) == told


def test_the_headers_of_a_part_are_those_of_the_document_and_of_the_caller() -> None:
    headers = (
        PartHeader("X-Kind", value="photo"),
        PartHeader("X-Note", argument="a_X-Note"),
        PartHeader("X-No", argument="no"),
    )
    field = Field("a", "a", binary=True, headers=headers)
    _, data = built(Body(MULTIPART, True, fields=(field,)), **{"a": file(b"1"), "a_X-Note": "für dich"})
    head = data.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]
    assert head == [
        b'Content-Disposition: form-data; name="a"; filename="file"',
        b"Content-Type: application/octet-stream",
        b"X-Kind: photo",
        "X-Note: für dich".encode("latin-1"),
    ]


def test_a_part_header_cannot_break_out_of_its_line() -> None:
    field = Field("a", "a", headers=(PartHeader("X-Note", argument="note"),))
    assert refusal(Body(MULTIPART, True, fields=(field,)), a="x", note="1\r\nX-Evil: 1") == "a"


def test_a_styled_part_is_written_pair_by_pair_without_percent_encoding() -> None:
    field = Field("a", "a", styled=True, style="deepObject")
    kind, data = built(Body(MULTIPART, True, fields=(field,)), a={"x": "1 & 2", "y": [3]})
    assert parts_of(kind, data) == [("a[x]", None, b"1 & 2"), ("a[y][0]", None, b"3")]
    listed = Field("a", "a", styled=True, explode=False)
    assert parts_of(*built(Body(MULTIPART, True, fields=(listed,)), a=["b", "c"])) == [("a", None, b"b,c")]


@pytest.mark.parametrize(
    ("media_type", "told"),
    [
        ("application/x-ndjson", b'{"a":1}\n{"a":null}\n'),
        ("application/jsonl", b'{"a":1}\n{"a":null}\n'),
        ("application/json-seq", b'\x1e{"a":1}\n\x1e{"a":null}\n'),
    ],
)
def test_a_sequence_is_one_value_after_another(media_type: str, told: bytes) -> None:
    body = Body(media_type, True, argument="body", sequential=True)
    assert built(body, body=[{"a": 1}, {"a": None}]) == (media_type, told)
