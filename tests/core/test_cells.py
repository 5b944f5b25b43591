"""Every cell of parameter serialisation, from a document to the bytes: style x explode x location x kind of value x
allowReserved x allowEmptyValue.

Where an RFC 6570 template says the same (OAS 3.1 appendix C), the `uritemplate` package expands it and is right. What no
template says stands in a table: the style examples of OAS 3.1.1 and 3.2, and what the specification leaves to us.
"""

import json
from typing import Any
from urllib.parse import unquote, unquote_plus, urlsplit

import pytest
from uritemplate import URITemplate

from gateway.core.arguments import check_arguments, compile_arguments
from gateway.core.compile import compile_document
from gateway.core.http import HttpRequest
from gateway.core.manifest import Manifest
from gateway.core.references import Documents
from gateway.core.request import Unbuildable, build_request
from gateway.core.tool import Tool

SERVER = "https://api.example/v1"
REFUSED = "refused"
# The values, by kind; members in the order of their names, in which `uritemplate` expands them.
SCALARS: dict[str, Any] = {
    "word": "blue",
    "true": True,
    "false": False,
    "zero": 0,
    "integer": -7,
    "big integer": 2**63 + 1,
    "number": 1.5,
    "space": "a b",
    "percent": "100%",
    "encoded already": "a%20b%2F",
    "general delimiters": ":/?#[]@",
    "other delimiters": "!$&'()*+,;=",
    "unreserved": "aZ09-._~",
    "quotes and braces": '"<>\\^`{|}',
    "unicode": "é → 𝄞",
    "control": "a\tb",
}
LISTS: dict[str, Any] = {
    "list": ["blue", "black", "brown"],
    "list of one": ["blue"],
    "list of others": [1, 1.5, True, False],
    "hostile list": ["a,b", "c&d=e", "100%", "é", "x/y?z#", ";", "a b|c"],
}
OBJECTS: dict[str, Any] = {
    "object": {"B": 150, "G": 200, "R": 100},
    "object of one": {"R": True},
    "hostile object": {"%": "100%", "a b": "c,d", "|": "a b|c", "é&=": "x/y?z#;"},
}
EMPTY: dict[str, Any] = {
    "empty text": "",
    "null": None,
    "empty list": [],
    "empty object": {},
    "list of null": [None],
    "object of null": {"a": None},
    "list with null": [None, "a", ""],
    "object with null": {"a": None, "b": ""},
}
NESTED: dict[str, Any] = {
    "list in list": [["a", 1], "b"],
    "object in list": [{"a": None}],
    "list in object": {"a": ["b", "c"]},
    "object in object": {"a": {"b": {"c": True}}},
    "objects in a list in an object": {"a": [{"b": 1}, {"b": 2}]},
}
SPACED = ["list", "list of one", "list of others", "object", "object of one"]


def compiled(where: str, told: dict[str, Any], name: str = "color", version: str = "3.2.0") -> Tool:
    parameter = {"name": name, "in": where, "schema": {}, "required": where == "path", **told}
    responses = {"200": {"description": "ok"}}
    path = f"/a/{{{name}}}/z" if where == "path" else "/a"
    tree = {
        "openapi": version,
        "info": {"title": "t", "version": "1"},
        "servers": [{"url": SERVER}],
        "paths": {path: {"get": {"parameters": [parameter], "responses": responses}}},
    }
    connector = compile_document(Manifest(name="x"), Documents("https://d.example/", {"https://d.example/": tree}), "d")
    assert not connector.repairs
    [tool] = connector.tools
    return tool


def sent(tool: Tool, value: object) -> str | None:
    """What stands on the wire for the one parameter: its part of the URL, or its header; None where there is nothing."""
    argument = tool.operation.parameters[0].argument
    assert check_arguments(compile_arguments(tool.input_schema), {argument: value}) == ()
    try:
        request = build_request(tool.operation, {argument: value})
    except Unbuildable as error:
        return REFUSED if error.argument == argument else error.argument
    return written(request, tool.operation.parameters[0].location)


def written(request: HttpRequest, where: str) -> str | None:
    if where in ("header", "cookie"):
        name = {"header": "color", "cookie": "Cookie"}[where]
        return dict(request.headers).get(name)
    parts = urlsplit(request.url)
    assert request.url.isascii()
    assert "#" not in request.url
    if where == "query":
        return parts.query if "?" in request.url else None
    return parts.path.removeprefix("/v1/a/").removesuffix("/z")


def every(tool: Tool, values: dict[str, Any]) -> dict[str, str | None]:
    return {kind: sent(tool, value) for kind, value in values.items()}


def texts(value: Any) -> Any:
    """As RFC 6570 has values: text, or lists and objects of text (OAS 3.1 section 4.8.12.2: as JSON writes it)."""
    if isinstance(value, list):
        return [texts(item) for item in value]
    if isinstance(value, dict):
        return {key: texts(member) for key, member in value.items()}
    return value if isinstance(value, str) else json.dumps(value)


def expanded(template: str, values: dict[str, Any]) -> dict[str, str]:
    return {kind: URITemplate(template).expand(color=texts(value)) for kind, value in values.items()}


# Where a template says the same.

PATHS = [
    ("simple", False, "{color}"),
    ("simple", True, "{color*}"),
    ("label", False, "{.color}"),
    ("label", True, "{.color*}"),
    ("matrix", False, "{;color}"),
    ("matrix", True, "{;color*}"),
]


@pytest.mark.parametrize(("style", "explode", "template"), PATHS)
def test_a_path_is_what_its_template_expands_to(style: str, explode: bool, template: str) -> None:
    values = SCALARS | LISTS | OBJECTS
    assert every(compiled("path", {"style": style, "explode": explode}), values) == expanded(template, values)


@pytest.mark.parametrize(
    ("style", "explode", "values"),
    [
        ("form", False, SCALARS | LISTS | OBJECTS),
        ("form", True, SCALARS | LISTS | OBJECTS),
        ("spaceDelimited", False, SCALARS),
        ("spaceDelimited", True, SCALARS | LISTS | OBJECTS),
        ("pipeDelimited", False, SCALARS),
        ("pipeDelimited", True, SCALARS | LISTS | OBJECTS),
        ("tabDelimited", False, SCALARS),
        ("tabDelimited", True, SCALARS | LISTS | OBJECTS),
        ("deepObject", False, SCALARS),
        ("deepObject", True, SCALARS),
    ],
)
def test_a_query_is_what_its_template_expands_to(style: str, explode: bool, values: dict[str, Any]) -> None:
    told = expanded("{?color*}" if explode else "{?color}", values)
    assert every(compiled("query", {"style": style, "explode": explode}), values) == {
        kind: text.removeprefix("?") for kind, text in told.items()
    }


@pytest.mark.parametrize("explode", [False, True])
def test_a_header_is_the_simple_template_without_its_percent_encoding(explode: bool) -> None:
    values = SCALARS | LISTS | OBJECTS
    told: dict[str, str] = {
        kind: unquote(text) for kind, text in expanded("{color*}" if explode else "{color}", values).items()
    }
    # No line of Latin-1, and values with the comma in them that stands between values.
    told |= {"unicode": REFUSED, "hostile list": REFUSED, "hostile object": REFUSED}
    assert every(compiled("header", {"explode": explode}), values) == told


@pytest.mark.parametrize("explode", [False, True])
def test_a_cookie_in_form_style_is_the_template_of_a_query_cookie_by_cookie(explode: bool) -> None:
    values = SCALARS | LISTS | OBJECTS
    told = expanded("{?color*}" if explode else "{?color}", values)
    shown = {kind: text.removeprefix("?").replace("&", "; ") for kind, text in told.items()}
    assert every(compiled("cookie", {"style": "form", "explode": explode}), values) == shown


ALLOWED = {kind: value for kind, value in SCALARS.items() if kind not in ("percent", "encoded already")}


def test_a_query_with_reserved_characters_is_the_template_but_for_what_a_query_would_take_for_its_own() -> None:
    tool = compiled("query", {"allowReserved": True})
    told = expanded("color={+color}", ALLOWED)
    for character in "&+#[]":
        told = {kind: text.replace(character, f"%{ord(character):02X}") for kind, text in told.items()}
    assert every(tool, ALLOWED) == told
    assert sent(tool, "100% of a%20b%2f") == "color=100%25%20of%20a%20b%2f"
    listed = compiled("query", {"allowReserved": True, "explode": False})
    assert sent(listed, ["a,b", "c:/?@d"]) == "color=a%2Cb,c:/?@d"
    assert sent(listed, {"a:b": "c:d"}) == "color=a:b,c:d"
    exploded = compiled("query", {"allowReserved": True, "explode": True})
    assert sent(exploded, ["a,b", "c&d"]) == "color=a,b&color=c%26d"


def test_a_path_with_reserved_characters_keeps_what_means_nothing_in_its_segment() -> None:
    tool = compiled("path", {"allowReserved": True})
    told = expanded("{+color}", ALLOWED)
    for character in "/?#[],;=":
        told = {kind: text.replace(character, f"%{ord(character):02X}") for kind, text in told.items()}
    assert every(tool, ALLOWED) == told
    assert sent(tool, "100% of a%20b") == "100%25%20of%20a%20b"
    assert sent(tool, ["a:b", "c,d"]) == "a:b,c%2Cd"
    assert sent(compiled("path", {"allowReserved": True, "style": "matrix"}), "a:b;c=d") == ";color=a:b%3Bc%3Dd"
    for climbing in ("..%2fadmin", "a%2f%2e%2e%2fb", "%2e%2e", "..%5Cx"):
        assert sent(tool, climbing) == REFUSED


def test_a_cookie_with_reserved_characters_keeps_what_ends_no_cookie() -> None:
    tool = compiled("cookie", {"style": "form", "allowReserved": True})
    assert sent(tool, "a:/?=b; c&d") == "color=a:/?=b%3B%20c%26d"


@pytest.mark.parametrize("where", ["path", "cookie"])
def test_before_openapi_3_2_reserved_characters_are_for_the_query_alone(where: str) -> None:
    tool = compiled(where, {"allowReserved": True, "style": "simple" if where == "path" else "form"}, version="3.1.0")
    assert (sent(tool, "a:b") or "").endswith("a%3Ab")


# What no template says: the examples of the specification, and what it leaves open.

OBJECT = OBJECTS["object"]
DELIMITED = [("spaceDelimited", "%20"), ("pipeDelimited", "%7C"), ("tabDelimited", "%09")]


@pytest.mark.parametrize(("style", "between"), DELIMITED)
def test_a_delimited_list_is_as_the_specification_shows(style: str, between: str) -> None:
    tool = compiled("query", {"style": style, "explode": False})
    told = {
        "list": f"color=blue{between}black{between}brown",
        "list of one": "color=blue",
        "list of others": f"color=1{between}1.5{between}true{between}false",
        "object": between.join(["color=B", "150", "G", "200", "R", "100"]),
        "object of one": f"color=R{between}true",
    }
    assert every(tool, {kind: (LISTS | OBJECTS)[kind] for kind in SPACED}) == told
    raw = unquote(between)
    assert sent(tool, [f"a{raw}b", "c"]) == REFUSED
    assert sent(tool, {f"a{raw}b": "c"}) == REFUSED
    assert sent(tool, ["a,b", "c&d"]) == f"color=a%2Cb{between}c%26d"


@pytest.mark.parametrize("explode", [False, True])
def test_a_deep_object_is_as_the_specification_shows_and_as_readers_have_it_below(explode: bool) -> None:
    tool = compiled("query", {"style": "deepObject", "explode": explode})
    told = {
        "object": "color[B]=150&color[G]=200&color[R]=100",
        "object of one": "color[R]=true",
        "list in object": "color[a][0]=b&color[a][1]=c",
        "object in object": "color[a][b][c]=true",
        "objects in a list in an object": "color[a][0][b]=1&color[a][1][b]=2",
        "list": "color[0]=blue&color[1]=black&color[2]=brown",
        "object in list": None,
        "list in list": "color[0][0]=a&color[0][1]=1&color[1]=b",
    }
    got = every(tool, {kind: (LISTS | OBJECTS | NESTED)[kind] for kind in told})
    assert {kind: text and unquote(text) for kind, text in got.items()} == told
    assert all("[" not in text and "]" not in text for text in got.values() if text)
    hostile = sent(tool, OBJECTS["hostile object"])
    shown = (
        "color%5B%25%5D=100%25&color%5Ba%20b%5D=c%2Cd&color%5B%7C%5D=a%20b%7Cc&color%5B%C3%A9%26%3D%5D=x%2Fy%3Fz%23%3B"
    )
    assert hostile == shown


@pytest.mark.parametrize(
    ("explode", "told"),
    [
        (
            False,
            {"list": "color=blue,black,brown", "object": "color=B,150,G,200,R,100", "object of one": "color=R,true"},
        ),
        (
            True,
            {
                "list": "color=blue; color=black; color=brown",
                "object": "B=150; G=200; R=100",
                "object of one": "R=true",
            },
        ),
    ],
)
def test_the_cookie_style_is_as_the_specification_shows_and_encodes_nothing(
    explode: bool, told: dict[str, str]
) -> None:
    tool = compiled("cookie", {"style": "cookie", "explode": explode})
    assert every(tool, {kind: (LISTS | OBJECTS)[kind] for kind in told}) == told
    kept = {
        "word": "blue",
        "true": "true",
        "zero": "0",
        "number": "1.5",
        "percent": "100%",
        "encoded already": "a%20b%2F",
    }
    assert every(tool, {kind: SCALARS[kind] for kind in kept}) == {kind: f"color={text}" for kind, text in kept.items()}
    refused = ("space", "other delimiters", "quotes and braces", "unicode", "control")
    assert every(tool, {kind: SCALARS[kind] for kind in refused}) == dict.fromkeys(refused, REFUSED)


# OAS 3.1.1, "Style Examples", column `empty`; RFC 6570 section 2.3 for what is undefined, and section 3.2.1 for null members.
NOTHING = [
    ("path", "simple", False, {"empty text": REFUSED, "list with null": "a,", "object with null": "b,"}),
    ("path", "simple", True, {"empty text": REFUSED, "list with null": "a,", "object with null": "b="}),
    ("path", "label", False, {"empty text": REFUSED, "list with null": ".a,", "object with null": ".b,"}),
    ("path", "label", True, {"empty text": REFUSED, "list with null": ".a.", "object with null": ".b="}),
    ("path", "matrix", False, {"empty text": ";color", "list with null": ";color=a,", "object with null": ";color=b,"}),
    ("path", "matrix", True, {"empty text": ";color", "list with null": ";color=a;color", "object with null": ";b"}),
    ("query", "form", False, {"empty text": "color=", "list with null": "color=a,", "object with null": "color=b,"}),
    ("query", "form", True, {"empty text": "color=", "list with null": "color=a&color=", "object with null": "b="}),
    (
        "query",
        "spaceDelimited",
        False,
        {"empty text": "color=", "list with null": "color=a%20", "object with null": "color=b%20"},
    ),
    (
        "query",
        "pipeDelimited",
        False,
        {"empty text": "color=", "list with null": "color=a%7C", "object with null": "color=b%7C"},
    ),
    (
        "query",
        "deepObject",
        True,
        {"empty text": "color=", "list with null": "color%5B1%5D=a&color%5B2%5D=", "object with null": "color%5Bb%5D="},
    ),
    ("header", "simple", False, {"empty text": "", "list with null": "a,", "object with null": "b,"}),
    ("header", "simple", True, {"empty text": "", "list with null": "a,", "object with null": "b="}),
    ("cookie", "form", False, {"empty text": "color=", "list with null": "color=a,", "object with null": "color=b,"}),
    ("cookie", "form", True, {"empty text": "color=", "list with null": "color=a; color=", "object with null": "b="}),
    ("cookie", "cookie", False, {"empty text": "color=", "list with null": "color=a,", "object with null": "color=b,"}),
    ("cookie", "cookie", True, {"empty text": "color=", "list with null": "color=a; color=", "object with null": "b="}),
]


@pytest.mark.parametrize(("where", "style", "explode", "told"), NOTHING)
def test_what_is_empty_is_sent_and_what_is_undefined_is_not(
    where: str, style: str, explode: bool, told: dict[str, str]
) -> None:
    undefined = ("null", "empty list", "empty object", "list of null", "object of null")
    expected = dict.fromkeys(undefined, REFUSED if where == "path" else None) | told
    assert every(compiled(where, {"style": style, "explode": explode}), EMPTY) == expected


@pytest.mark.parametrize(("where", "style", "explode", "_"), NOTHING)
def test_what_is_nested_is_json_where_no_style_has_a_form_for_it(where: str, style: str, explode: bool, _: Any) -> None:
    if style == "deepObject":
        return
    tool = compiled(where, {"style": style, "explode": explode})
    prefix = {"matrix": ";color=", "label": "."}.get(style, "" if where in ("path", "header") else "color=")
    one_more = ";a=" if style == "matrix" else ".a=" if style == "label" else "a="
    begins = one_more if explode else f"{prefix}a"
    listed, member = sent(tool, [{"a": None}]), sent(tool, {"a": {"b": 1}})
    if style == "cookie":
        assert (listed, member) == (REFUSED, REFUSED)  # a quote cannot stand in a cookie
        return
    assert unquote(listed or "") == prefix + '{"a":null}'
    told = unquote(member or "")
    assert told.startswith(begins)
    assert told.endswith('{"b":1}')


@pytest.mark.parametrize("style", ["form", "spaceDelimited", "pipeDelimited", "deepObject"])
@pytest.mark.parametrize("explode", [False, True])
def test_what_may_be_empty_is_sent_by_its_name_alone(style: str, explode: bool) -> None:
    told = {"style": style, "explode": explode, "allowEmptyValue": True, "schema": {"type": ["array", "object"]}}
    tool = compiled("query", told)
    empty = {kind: EMPTY[kind] for kind in ("empty text", "empty list", "empty object", "list of null")}
    assert every(tool, empty) == dict.fromkeys(empty, "color=")
    argument = tool.operation.parameters[0].argument
    assert build_request(tool.operation, {argument: None}).url == build_request(tool.operation, {}).url


def test_what_may_be_empty_takes_an_empty_text_whatever_its_type() -> None:
    for schema in ({"type": "boolean"}, {"type": "integer", "minimum": 1}, {"type": "string", "enum": ["a"]}):
        assert sent(compiled("query", {"allowEmptyValue": True, "schema": schema}), "") == "color="
        plain = compile_arguments(compiled("query", {"schema": schema}).input_schema)
        assert check_arguments(plain, {"color": ""}) != ()
    required = compiled("query", {"allowEmptyValue": True, "required": True, "schema": {"type": "array"}})
    assert sent(required, []) == "color="
    assert sent(compiled("query", {"required": True, "schema": {"type": "array"}}), []) == REFUSED


@pytest.mark.parametrize(
    ("where", "name", "told"),
    [
        ("query", "$top", "%24top=1"),
        ("query", "page[size]", "page%5Bsize%5D=1"),
        ("query", "a b", "a%20b=1"),
        ("query", "é", "%C3%A9=1"),
        ("query", "100%", "100%25=1"),
        ("query", "a&b=c#d", "a%26b%3Dc%23d=1"),
        ("cookie", "$x", "$x=1"),
        ("path", "a b", "1"),
    ],
)
def test_a_name_is_percent_encoded_as_a_value_is(where: str, name: str, told: str) -> None:
    assert sent(compiled(where, {}, name=name), 1) == told


@pytest.mark.parametrize("where", ["query", "path", "header", "cookie"])
def test_a_content_parameter_is_json_whatever_its_value(where: str) -> None:
    content = {"content": {"application/json": {"schema": {}}}, "schema": None}
    tool = compiled(where, {key: value for key, value in content.items() if value is not None} | {"schema": {}})
    begins = "color=" if where in ("query", "cookie") else ""
    for value in ("", None, True, 0, "é", [], {}, [1, None], {"a": {"b": "c d"}}):
        told = sent(tool, value)
        if where == "header" and isinstance(value, str) and not value.isascii():
            told = (told or "").encode("latin-1").decode("latin-1")
        assert json.loads(unquote((told or "").removeprefix(begins))) == value


# Swagger 2.0, `collectionFormat` of the Parameter Object: what stands between the items of a list.
BETWEEN = {"csv": ",", "ssv": " ", "tsv": "\t", "pipes": "|"}


@pytest.mark.parametrize("where", ["query", "path", "header", "formData"])
@pytest.mark.parametrize("told", [None, *BETWEEN])
def test_a_list_of_swagger_2_has_what_its_collection_format_says_between_its_items(
    where: str, told: str | None
) -> None:
    raw = BETWEEN[told or "csv"]
    listed = {"name": "color", "in": where, "type": "array", "items": {"type": "string"}, "required": True}
    parameter = listed | ({"collectionFormat": told} if told else {})
    path = "/a/{color}/z" if where == "path" else "/a"
    operation = {"parameters": [parameter], "responses": {"200": {"description": "ok"}}}
    tree = {"swagger": "2.0", "info": {"title": "t", "version": "1"}, "host": "api.example", "basePath": "/v1"}
    documents = Documents("https://d.example/", {"https://d.example/": {**tree, "paths": {path: {"post": operation}}}})
    connector = compile_document(Manifest(name="x"), documents, "d")
    assert not connector.repairs
    built = build_request(connector.tools[0].operation, {"color": ["a", "b/c"]})
    if where == "formData":
        assert unquote_plus(built.content.decode()) == f"color=a{raw}b/c"
    elif where == "header":
        assert written(built, where) == f"a{raw}b/c"
    else:
        prefix = "color=" if where == "query" else ""
        assert unquote(written(built, where) or "") == f"{prefix}a{raw}b/c"
        assert (written(built, where) or "").endswith("b%2Fc")
    if told not in (None, "csv") or where == "header":
        with pytest.raises(Unbuildable, match="stands between"):
            build_request(connector.tools[0].operation, {"color": [f"x{raw}y", "z"]})
