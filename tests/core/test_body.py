"""The corners of request bodies, from a document to the bytes: which media type, what is never sent, files, parts, XML."""

import json
from typing import Any

import pytest

from gateway.core.arguments import check_arguments, compile_arguments
from gateway.core.catalog import Connector
from gateway.core.compile import compile_document
from gateway.core.http import HttpRequest
from gateway.core.manifest import Manifest
from gateway.core.references import Documents
from gateway.core.request import Unbuildable, build_request
from gateway.core.tool import Tool

FORM, MULTIPART, JSON = "application/x-www-form-urlencoded", "multipart/form-data", "application/json"
BINARY = {"type": "string", "format": "binary"}
XML_PROLOGUE = b'<?xml version="1.0" encoding="UTF-8"?>\n'


def compiled(operation: Any, path: str = "/a", *, version: str = "3.0.4", server: str = "", **more: Any) -> Connector:
    tree = {
        "openapi": version,
        "info": {"title": "t", "version": "1"},
        "servers": [{"url": server or "https://api.example"}],
        "paths": {path: {"patch": {"responses": {"200": {"description": "ok"}}, **operation}}},
        "components": {"schemas": more.pop("schemas", {})},
    }
    manifest = Manifest(name="x", **more)
    return compile_document(manifest, Documents("https://d.example/", {"https://d.example/": tree}), "d")


def tool_of(schema: Any, kind: str = JSON, *, needed: bool = True, encoding: Any = None, **more: Any) -> Tool:
    media = {"schema": schema} | ({"encoding": encoding} if encoding else {})
    [tool] = compiled({"requestBody": {"required": needed, "content": {kind: media}}}, **more).tools
    return tool


def request(tool: Tool, **arguments: Any) -> HttpRequest:
    problems = check_arguments(compile_arguments(tool.input_schema), arguments)
    assert problems == ()
    return build_request(tool.operation, arguments)


def refused(tool: Tool, **arguments: Any) -> list[str]:
    return [one.pointer for one in check_arguments(compile_arguments(tool.input_schema), arguments)]


def an_object(*required: str, **properties: Any) -> Any:
    return {"type": "object", "properties": properties} | ({"required": list(required)} if required else {})


TEXT, NUMBER = {"type": "string"}, {"type": "integer"}


# What is sent, and what never is.


def test_what_only_responses_carry_is_never_sent_however_deep_it_stands() -> None:
    read_only = {"type": "string", "readOnly": True}
    inner = an_object("id", id=read_only, name=TEXT, secret={"type": "string", "writeOnly": True})
    base = an_object("created", created={"$ref": "#/components/schemas/Created"}, note=TEXT)
    schemas = {"Created": {"type": "string", "readOnly": True}, "Base": base, "Inner": inner}
    whole = {
        "allOf": [{"$ref": "#/components/schemas/Base"}],
        "properties": {
            "id": {"allOf": [read_only]},
            "one": {"$ref": "#/components/schemas/Inner"},
            "many": {"type": "array", "items": {"allOf": [{"$ref": "#/components/schemas/Inner"}]}},
        },
    }
    tool = tool_of(whole, schemas=schemas)
    assert set(json.loads(bytes(tool.input_schema))["properties"]) == {"note", "one", "many"}
    given = {"note": "n", "one": {"name": "a", "secret": "s"}, "many": [{"name": "b"}]}
    assert json.loads(request(tool, **given).content) == given
    assert refused(tool, id="x") == ["/id"]
    assert refused(tool, created="x") == ["/created"]
    assert refused(tool, one={"name": "a", "id": "x"}) == ["/one/id"]
    assert refused(tool, many=[{"id": "x"}]) == ["/many/0/id"]
    assert b"false" not in bytes(tool.compact).replace(b'"additionalProperties":false', b"")


def test_what_only_responses_carry_does_not_pass_as_one_of_the_others_either() -> None:
    tool = tool_of({**an_object(id={"readOnly": True}, name=TEXT), "additionalProperties": True})
    assert json.loads(request(tool, name="a", additional_properties={"b": 1}).content) == {"name": "a", "b": 1}
    assert refused(tool, name="a", additional_properties={"id": 1}) == ["/additional_properties/id"]


def test_a_default_within_a_body_is_left_to_the_server() -> None:
    tool = tool_of(an_object(o=an_object(a={"type": "string", "default": "x"}), b={"type": "integer", "default": 1}))
    assert request(tool, o={}).content == b'{"o":{}}'


def test_null_in_a_merge_patch_deletes_and_is_kept() -> None:
    tool = tool_of(an_object(a={"type": "string", "nullable": True}, b=TEXT), "application/merge-patch+json")
    told = request(tool, a=None)
    assert (dict(told.headers)["Content-Type"], told.content) == ("application/merge-patch+json", b'{"a":null}')


def test_what_a_body_requires_without_saying_what_it_is_can_be_given_all_the_same() -> None:
    operation = {"requestBody": {"required": True, "content": {FORM: {"schema": an_object("grant_type", token=TEXT)}}}}
    connector = compiled(operation)
    [tool] = connector.tools
    assert json.loads(bytes(tool.input_schema))["required"] == ["grant_type"]
    assert request(tool, grant_type="x", token="t").content == b"grant_type=x&token=t"
    assert [one.reason for one in connector.repairs] == ["property-added"]


# Which media type.

MEDIA = {
    "text/plain": {"schema": TEXT},
    MULTIPART: {"schema": an_object(a=TEXT)},
    "application/xml": {"schema": an_object(a=TEXT)},
    FORM: {"schema": an_object(a=TEXT)},
    "application/vnd.x+json": {"schema": an_object(a=TEXT)},
    JSON: {"schema": an_object(a=TEXT)},
}


@pytest.mark.parametrize(
    ("without", "told"),
    [
        ([], JSON),
        ([JSON], "application/vnd.x+json"),
        ([JSON, "application/vnd.x+json"], FORM),
        ([JSON, "application/vnd.x+json", FORM], MULTIPART),
        ([JSON, "application/vnd.x+json", FORM, MULTIPART], "application/xml"),
        ([JSON, "application/vnd.x+json", FORM, MULTIPART, "application/xml"], "text/plain"),
    ],
)
@pytest.mark.parametrize("backwards", [False, True])
def test_of_several_media_types_the_same_is_taken_whatever_their_order(
    without: list[str], told: str, backwards: bool
) -> None:
    kept = [kind for kind in MEDIA if kind not in without]
    content = {kind: MEDIA[kind] for kind in (reversed(kept) if backwards else kept)}
    [tool] = compiled({"requestBody": {"required": True, "content": content}}).tools
    assert tool.operation.body is not None
    assert tool.operation.body.media_type == told


@pytest.mark.parametrize("kind", MEDIA)
def test_a_connector_or_an_operation_chooses_another_media_type(kind: str) -> None:
    body = {"required": True, "content": MEDIA}
    for tool in (
        *compiled({"requestBody": body}, media_types=(kind,)).tools,
        *compiled({"requestBody": body, "x-factotum": {"media_type": kind}}).tools,
    ):
        told = request(tool, **({"body": "x"} if kind == "text/plain" else {"a": "x"}))
        assert dict(told.headers)["Content-Type"].partition(";")[0] == kind


# Forms.


def test_a_form_field_has_the_style_or_the_media_type_of_its_encoding() -> None:
    properties = {
        "list": {"type": "array", "items": TEXT},
        "deep": an_object(x=NUMBER, y=an_object(z=TEXT)),
        "json": {"type": "object"},
        "url": TEXT,
        "plain": TEXT,
        "xml": {**an_object(v=TEXT), "xml": {"name": "Value"}},
    }
    encoding = {
        "list": {"style": "pipeDelimited", "explode": False},
        "deep": {"style": "deepObject", "explode": True},
        "json": {"contentType": JSON},
        "url": {"allowReserved": True},
        "xml": {"contentType": "application/xml"},
    }
    tool = tool_of(an_object(**properties), FORM, encoding=encoding)
    told = request(
        tool,
        list=["a b", "c"],
        deep={"x": 1, "y": {"z": "ä"}},
        json={"k": [1, None]},
        url="https://a/?b=c",
        plain="https://a/?b=c",
        xml={"v": "1"},
    )
    assert told.content.decode().split("&") == [
        "list=a+b%7Cc",
        "deep%5Bx%5D=1",
        "deep%5By%5D%5Bz%5D=%C3%A4",
        "json=%7B%22k%22%3A%5B1%2Cnull%5D%7D",
        "url=https://a/?b=c",
        "plain=https%3A%2F%2Fa%2F%3Fb%3Dc",
        "xml=%3C%3Fxml+version%3D%221.0%22+encoding%3D%22UTF-8%22%3F%3E%0A%3CValue%3E%3Cv%3E1%3C%2Fv%3E%3C%2FValue%3E",
    ]


def parts_of(told: HttpRequest) -> list[tuple[str, str, bytes]]:
    """Name, Content-Type and content of each part."""
    found: list[tuple[str, str, bytes]] = []
    kind = dict(told.headers)["Content-Type"]
    boundary = kind.rpartition("=")[2].encode()
    for part in told.content.split(b"--" + boundary)[1:-1]:
        head, _, content = part.strip(b"\r\n").partition(b"\r\n\r\n")
        lines = dict(line.split(b": ", 1) for line in head.split(b"\r\n"))
        name = lines[b"Content-Disposition"].partition(b'name="')[2].partition(b'"')[0]
        found.append((name.decode(), lines.get(b"Content-Type", b"").decode(), content))
    return found


def test_a_part_has_the_media_type_of_its_encoding_and_is_written_as_that() -> None:
    properties = {
        "photos": {"type": "array", "items": BINARY},
        "meta": an_object(k=NUMBER),
        "address": {**an_object(city={**TEXT, "xml": {"attribute": True}}), "xml": {"name": "Address"}},
        "table": TEXT,
        "count": NUMBER,
        "code": {"type": "string", "format": "byte"},
    }
    encoding = {
        "photos": {"contentType": "image/png, image/jpeg"},
        "address": {"contentType": "application/xml; charset=utf-8"},
        "table": {"contentType": "text/csv"},
    }
    tool = tool_of(an_object(**properties), MULTIPART, encoding=encoding)
    photos = [{"data": "YQ==", "filename": "a.png"}, {"data": "Yg==", "media_type": "image/jpeg"}]
    told = request(tool, photos=photos, meta={"k": 1}, address={"city": "Köln"}, table="a,b", count=5, code="YQ==")
    assert parts_of(told) == [
        ("photos", "image/png", b"a"),
        ("photos", "image/jpeg", b"b"),
        ("meta", JSON, b'{"k":1}'),
        ("address", "application/xml; charset=utf-8", XML_PROLOGUE + '<Address city="Köln"/>'.encode()),
        ("table", "text/csv", b"a,b"),
        ("count", "", b"5"),
        ("code", "", b"YQ=="),
    ]


def test_a_required_header_of_a_part_is_asked_for_where_the_part_is_given() -> None:
    encoding = {"f": {"headers": {"X-Hash": {"required": True, "schema": TEXT}}}}
    tool = tool_of(an_object(f=BINARY, note=TEXT), MULTIPART, needed=False, encoding=encoding)
    assert refused(tool, f={"data": "YQ=="}) == ["/f_X-Hash"]
    assert b"X-Hash: h\r\n" in request(tool, f={"data": "YQ=="}, **{"f_X-Hash": "h"}).content
    assert b"X-Hash" not in request(tool, note="n").content


@pytest.mark.parametrize(
    ("schema", "argument", "value", "told"),
    [
        ({"type": "file"}, "file", {"data": "YQ=="}, ("file", "application/octet-stream", b"a")),
        (BINARY, "file", {"data": "YQ==", "media_type": "image/gif"}, ("file", "image/gif", b"a")),
        ({"type": "string"}, "body", "x", ("body", "", b"x")),
        ({"type": "array", "items": NUMBER}, "body", [1], ("body", "", b"1")),
    ],
)
def test_a_form_that_names_no_part_has_one_that_is_called_by_what_it_is(
    schema: Any, argument: str, value: Any, told: Any
) -> None:
    connector = compiled({"requestBody": {"required": True, "content": {MULTIPART: {"schema": schema}}}})
    [tool] = connector.tools
    assert parts_of(request(tool, **{argument: value})) == [told]
    assert [one.reason for one in connector.repairs] == ["part-named"]


def test_a_form_of_alternatives_takes_an_object_and_nothing_else() -> None:
    tool = tool_of({"oneOf": [an_object(a=TEXT), an_object(b=NUMBER), TEXT]}, MULTIPART)
    assert parts_of(request(tool, body={"b": 1})) == [("b", "", b"1")]
    with pytest.raises(Unbuildable, match="expected an object"):
        request(tool, body="x")


# Files.


@pytest.mark.parametrize("schema", [{"type": "file"}, BINARY])
def test_a_file_is_sent_as_its_bytes_whatever_the_media_type_calls_itself(schema: Any) -> None:
    content = {kind: {"schema": schema} for kind in (JSON, "application/xml", "text/csv")}
    [tool] = compiled({"requestBody": {"required": True, "content": content}}).tools
    assert request(tool, body={"data": "AP8="}).content == b"\0\xff"
    [tool] = compiled({"requestBody": {"required": True, "content": {**content, "*/*": {"schema": schema}}}}).tools
    told = request(tool, body={"data": "AP8=", "media_type": "image/png"})
    assert (dict(told.headers)["Content-Type"], told.content) == ("image/png", b"\0\xff")


def test_as_of_openapi_3_1_a_schema_says_whether_a_file_goes_as_bytes_or_as_text_in_base64() -> None:
    as_bytes, as_text = {"contentMediaType": "image/png"}, {"type": "string", "contentEncoding": "base64"}
    as_text_too = {**as_text, "contentMediaType": "image/png"}
    for schema, told in ((as_bytes, b"\0\xff"), (as_text_too, b"AP8=")):
        tool = tool_of(schema, "image/png", version="3.1.0")
        assert request(tool, body={"data": "AP8="}).content == told
        parts = an_object(a=schema, b={"type": "array", "items": schema})
        told_parts = parts_of(request(tool_of(parts, MULTIPART), a={"data": "AP8="}, b=[{"data": "AP8="}]))
        assert [content for _, _, content in told_parts] == [told, told]
    assert parts_of(request(tool_of(an_object(a=as_text), MULTIPART), a="AP8=")) == [("a", "", b"AP8=")]


def test_a_text_that_holds_json_is_no_file_and_a_list_of_files_may_stand_elsewhere() -> None:
    stringified = {"type": "string", "contentMediaType": "application/json"}
    schemas = {"Files": {"type": "array", "items": {"$ref": "#/components/schemas/File"}}, "File": BINARY}
    parts = an_object(a=stringified, b={"$ref": "#/components/schemas/Files"})
    told = request(tool_of(parts, MULTIPART, version="3.1.0", schemas=schemas), a='{"k":1}', b=[{"data": "YQ=="}])
    assert parts_of(told) == [("a", "", b'{"k":1}'), ("b", "application/octet-stream", b"a")]


def test_a_list_of_binary_texts_in_json_is_json_and_a_list_of_itself_has_an_end() -> None:
    assert request(tool_of({"type": "array", "items": BINARY}), body=["x"]).content == b'["x"]'
    endless = {"Endless": {"type": "array", "items": {"$ref": "#/components/schemas/Endless"}}}
    schema = {"$ref": "#/components/schemas/Endless"}
    assert request(tool_of(schema, schemas=endless), body=[[]]).content == b"[[]]"
    assert b'name="a"' in request(tool_of(an_object(a=schema), MULTIPART, schemas=endless), a=[[]]).content


# The rest of the request.


def test_the_query_of_a_server_stays_in_front_of_that_of_the_call() -> None:
    query = {"name": "q", "in": "query", "schema": TEXT}
    [tool] = compiled({"parameters": [query]}, server="https://api.example/base?tenant=1").tools
    assert request(tool, q="a b").url == "https://api.example/base/a?tenant=1&q=a%20b"
    assert request(tool).url == "https://api.example/base/a?tenant=1"


def test_a_path_value_of_several_segments_keeps_its_slashes_and_leads_nowhere_else() -> None:
    name = {"name": "parent", "in": "path", "required": True, "schema": TEXT}
    [tool] = compiled({"parameters": [name]}, path="/v3/{+parent}/links").tools
    assert request(tool, parent="accounts/1 2").url == "https://api.example/v3/accounts/1%202/links"
    assert request(tool, parent="a?b#c").url == "https://api.example/v3/a%3Fb%23c/links"
    for value in ("", "/", "a//b", "..", "a/../b", "a/.", "%2e%2e/b", "a%2F..%2Fb", "a\\..\\b", "%5C..", "/a", "a/"):
        with pytest.raises(Unbuildable) as caught:
            request(tool, parent=value)
        assert caught.value.argument == "parent"
