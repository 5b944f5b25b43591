"""The exact request: where each argument goes, and that no value can go anywhere else."""

import io
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from openapi_core import OpenAPI
from openapi_core.contrib.werkzeug import WerkzeugOpenAPIRequest
from werkzeug.wrappers import Request

from gateway.core.compile import compile_document
from gateway.core.http import HttpRequest
from gateway.core.manifest import Manifest
from gateway.core.operation import Body, Field, Operation, Parameter
from gateway.core.references import Documents
from gateway.core.request import Unbuildable, build_request

SERVER = "https://api.example/v1"


def operation(
    *parameters: Parameter, path: str = "/things", server: str = SERVER, body: Body | None = None
) -> Operation:
    return Operation("x", "POST", path, server, "/paths/x", parameters=parameters, body=body)


def in_path(name: str = "id", **more: Any) -> Parameter:
    return Parameter(name, name, "path", **{"required": True, "style": "simple", "explode": False, **more})


def url(one: Operation, **arguments: object) -> str:
    return build_request(one, arguments).url


def header(request: HttpRequest, name: str) -> str | None:
    return dict(request.headers).get(name)


def refusal(one: Operation, **arguments: object) -> str:
    """The argument that was refused."""
    with pytest.raises(Unbuildable) as caught:
        build_request(one, arguments)
    return caught.value.argument


def test_every_argument_goes_to_its_place() -> None:
    one = operation(
        in_path(),
        Parameter("limit", "page[limit]", "query"),
        Parameter("trace", "X-Trace", "header", style="simple", explode=False),
        Parameter("session", "sid", "cookie"),
        Parameter("theme", "theme", "cookie", style="cookie"),
        path="/things/{id}/parts",
        body=Body("application/json", fields=(Field("name", "name"), Field("limit_2", "limit"))),
    )
    arguments = {"id": "a b", "limit": 5, "trace": True, "session": "x=y", "theme": "x=y", "name": "é", "limit_2": None}
    assert build_request(one, arguments) == HttpRequest(
        "POST",
        "https://api.example/v1/things/a%20b/parts?page%5Blimit%5D=5",
        (
            ("Accept", "application/json, */*;q=0.5"),
            ("X-Trace", "true"),
            ("Cookie", "sid=x%3Dy; theme=x=y"),
            ("Content-Type", "application/json"),
        ),
        '{"name":"é","limit":null}'.encode(),
    )


@pytest.mark.parametrize(
    ("server", "path", "told"),
    [
        ("https://api.example", "/a", "https://api.example/a?q=1"),
        ("https://api.example/base/", "/a", "https://api.example/base/a?q=1"),
        ("https://api.example/base?key=v", "/a", "https://api.example/base/a?key=v&q=1"),
        ("https://api.example", "/a?action=x", "https://api.example/a?action=x&q=1"),
        ("https://api.example", "/files/1#rename", "https://api.example/files/1?q=1"),
        ("https://api.example", "/a b/é", "https://api.example/a%20b/%C3%A9?q=1"),
        ("https://api.example/ a", "/x:go;v=1", "https://api.example/%20a/x:go;v=1?q=1"),
    ],
)
def test_server_path_and_query_are_merged_into_one_url(server: str, path: str, told: str) -> None:
    assert url(operation(Parameter("q", "q", "query"), path=path, server=server), q=1) == told


def test_a_path_is_filled_once_whatever_the_values_look_like() -> None:
    one = operation(in_path("a"), in_path("b"), path="/{a}/{b}/{a}.json")
    assert url(one, a="{b}", b="{a}%7Ba%7D") == f"{SERVER}/%7Bb%7D/%7Ba%7D%257Ba%257D/%7Bb%7D.json"


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("a/b", "a%2Fb"),
        ("a?b#c", "a%3Fb%23c"),
        ("a%2Fb", "a%252Fb"),
        ("a;b=c", "a%3Bb%3Dc"),
        ("a\\b\r\n", "a%5Cb%0D%0A"),
        ("...", "..."),
        ("a..b", "a..b"),
        (".well-known", ".well-known"),
        ("é", "%C3%A9"),
        (["a", "b,c"], "a,b%2Cc"),
        ({"k": 1}, "k,1"),
        (10**30, "1" + "0" * 30),
        (True, "true"),
    ],
)
def test_a_path_value_stays_within_its_segment(value: object, told: str) -> None:
    assert url(operation(in_path(), path="/things/{id}"), id=value) == f"{SERVER}/things/{told}"


@pytest.mark.parametrize(
    "value", ["", ".", "..", None, [], {}, [""], "../admin", "a/../b", "x\\..\\y", "..\\", "\ud800"]
)
def test_a_path_value_that_is_nothing_or_would_climb_is_refused_by_name(value: object) -> None:
    assert refusal(operation(in_path(), path="/things/{id}"), id=value) == "id"


@pytest.mark.parametrize(
    ("path", "style", "value"),
    [
        ("/{id}", "label", ""),
        ("/{id}", "label", "."),
        ("/.{id}", "simple", "."),
        ("/%2E{id}", "simple", "."),
        ("/{id};v=1", "simple", ".."),
        ("/.{id};v=1", "simple", "."),
        ("/{id}/a?x=1", "simple", ".."),
    ],
)
def test_a_dot_segment_is_refused_however_it_is_put_together(path: str, style: Any, value: str) -> None:
    assert refusal(operation(in_path(style=style), path="/x" + path), id=value) == "id"


def test_two_values_that_make_a_dot_segment_together_are_refused() -> None:
    assert refusal(operation(in_path("a"), in_path("b"), path="/{a}{b}/c"), a=".", b=".") in ("a", "b")


def test_a_missing_path_value_is_refused_and_never_left_as_a_placeholder() -> None:
    assert refusal(operation(in_path(required=False), path="/things/{id}")) == "id"


def test_a_path_value_with_a_media_type_is_written_as_that() -> None:
    one = operation(in_path(media_type="application/json"), path="/things/{id}")
    assert url(one, id={"a": "/"}) == f"{SERVER}/things/%7B%22a%22%3A%22%2F%22%7D"
    assert url(one, id=None) == f"{SERVER}/things/null"


def test_a_label_and_a_matrix_path_are_written_in_their_styles() -> None:
    one = operation(in_path("a", style="label", explode=True), in_path("b", style="matrix"), path="/x{a}/y{b}")
    assert url(one, a=["p", "q"], b=[1, 2]) == f"{SERVER}/x.p.q/y;b=1,2"


@pytest.mark.parametrize(
    ("parameter", "value", "told"),
    [
        (Parameter("q", "q", "query"), None, ""),
        (Parameter("q", "q", "query"), "", "?q="),
        (Parameter("q", "q", "query"), [], ""),
        (Parameter("q", "$filter", "query", allow_reserved=True), "a/b eq 'c'", "?%24filter=a/b%20eq%20'c'"),
        (
            Parameter("q", "q", "query", media_type="application/json"),
            {"a": [1, None]},
            "?q=%7B%22a%22%3A%5B1%2Cnull%5D%7D",
        ),
        (Parameter("q", "q", "query", media_type="application/json"), "a", "?q=%22a%22"),
        (Parameter("q", "q", "query", media_type="application/json"), None, "?q=null"),
        (Parameter("q", "q", "query", media_type="text/plain"), "a b", "?q=a%20b"),
        (
            Parameter("q", "q", "querystring", media_type="application/x-www-form-urlencoded"),
            {"a": "b c", "d": [1, 2], "e": {"f": 1}},
            "?a=b+c&d=1&d=2&e=%7B%22f%22%3A1%7D",
        ),
        (Parameter("q", "q", "querystring", media_type="application/json"), {"a": 1}, "?%7B%22a%22%3A1%7D"),
        (Parameter("q", "q", "querystring", media_type="text/plain"), "a=b", "?a%3Db"),
    ],
)
def test_a_query_value_is_written_by_its_kind(parameter: Parameter, value: object, told: str) -> None:
    assert url(operation(parameter), q=value) == f"{SERVER}/things{told}"


def test_a_required_list_that_is_empty_is_refused_since_leaving_it_out_would_ask_for_everything() -> None:
    assert refusal(operation(Parameter("ids", "ids", "query", required=True)), ids=[]) == "ids"
    assert refusal(operation(Parameter("ids", "ids", "query", required=True)), ids=None) == "ids"
    assert refusal(operation(Parameter("ids", "ids", "query", required=True))) == "ids"


@pytest.mark.parametrize(
    "value", ["a\r\nX-Evil: 1", "a\nb", "a\0b", "\x1b[0m", "a\x85b", "Ā", "\u2028", ["ok", "a\nb"], {"a\r": 1}]
)
def test_a_header_value_that_could_become_two_headers_is_refused_by_name(value: object) -> None:
    one = operation(Parameter("h", "X-Note", "header", style="simple", explode=False))
    assert refusal(one, h=value) == "h"


@pytest.mark.parametrize(
    ("media_type", "value", "told"),
    [
        ("", " é ", "é"),
        ("", "", ""),
        ("", 7, "7"),
        ("", [1, "a b"], "1,a b"),
        ("", [], None),
        ("", None, None),
        ("application/json", {"a": None}, '{"a":null}'),
    ],
)
def test_a_header_value_is_one_line(media_type: str, value: object, told: str | None) -> None:
    one = operation(Parameter("h", "X-Note", "header", style="simple", explode=False, media_type=media_type))
    assert header(build_request(one, {"h": value}), "X-Note") == told


@pytest.mark.parametrize(
    "name", ["Host", "Content-Length", "transfer-encoding", "Authorization", "Content-Type", "Connection"]
)
def test_a_header_of_the_connection_or_the_credential_is_never_an_argument(name: str) -> None:
    request = build_request(operation(Parameter("h", name, "header", style="simple")), {"h": "evil"})
    assert request.headers == (("Accept", "application/json, */*;q=0.5"),)


def test_a_member_that_cannot_be_the_name_of_a_cookie_is_refused() -> None:
    assert refusal(operation(Parameter("c", "c", "cookie", style="cookie")), c={"a; b": 1}) == "c"


def test_a_name_that_is_no_token_cannot_be_that_of_a_header_or_a_cookie() -> None:
    assert refusal(operation(Parameter("h", "X-A: 1\r\nX-B", "header", style="simple")), h="x") == "h"
    assert refusal(operation(Parameter("c", "a=b; c", "cookie")), c="x") == "c"


@pytest.mark.parametrize(
    ("more", "value", "told"),
    [
        ({}, "a b;c", "c=a%20b%3Bc"),
        ({}, ["a", "b"], "c=a; c=b"),
        ({"explode": False}, ["a", "b"], "c=a,b"),
        ({}, {"x": 1, "y": 2}, "x=1; y=2"),
        ({"style": "cookie"}, {"x": "1%"}, "x=1%"),
        ({"media_type": "text/plain"}, "a%20b", "c=a%20b"),
        ({"media_type": "application/json"}, {"x": 1}, "c=%7B%22x%22%3A1%7D"),
        ({}, [], None),
    ],
)
def test_cookies_are_one_header(more: Any, value: object, told: str | None) -> None:
    assert header(build_request(operation(Parameter("c", "c", "cookie", **more)), {"c": value}), "Cookie") == told


@pytest.mark.parametrize("location", ["path", "query", "header", "cookie"])
@pytest.mark.parametrize("value", ["\udc80", float("nan"), float("inf")])
def test_what_has_no_form_on_the_wire_is_refused_by_name(location: Any, value: object) -> None:
    assert refusal(operation(Parameter("it", "it", location, style="simple"), path="/{it}"), it=value) == "it"


WILD = st.text(st.characters(), max_size=40)  # lone surrogates among them


@given(WILD, WILD, WILD, WILD)
def test_no_value_leaves_its_place(segment: str, query: str, heading: str, cookie: str) -> None:
    one = operation(
        in_path("p"),
        Parameter("q", "q", "query"),
        Parameter("h", "X-H", "header", style="simple"),
        Parameter("c", "c", "cookie"),
        path="/things/{p}/end",
    )
    try:
        request = build_request(one, {"p": segment, "q": query, "h": heading, "c": cookie})
    except Unbuildable:
        return
    assert request.url.isascii()
    assert request.url.isprintable()
    parts = urlsplit(request.url)
    assert (parts.scheme, parts.netloc, parts.fragment) == ("https", "api.example", "")
    *before, last, end = parts.path.split("/")
    assert (before, unquote(last), end) == (["", "v1", "things"], segment, "end")
    assert last not in (".", "..", "")
    assert parse_qsl(parts.query, keep_blank_values=True) == [("q", query)]
    assert all(not set(value) & set("\r\n\0") for _, value in request.headers)
    assert header(request, "X-H") == heading.strip(" \t")
    assert unquote((header(request, "Cookie") or "").removeprefix("c=")) == cookie


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | WILD,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WILD, inner, max_size=4),
    max_leaves=10,
)


@given(
    st.sampled_from(["simple", "label", "matrix"]),
    st.sampled_from(["form", "spaceDelimited", "pipeDelimited", "deepObject", "tabDelimited"]),
    st.booleans(),
    st.booleans(),
    JSON,
    JSON,
)
def test_whatever_the_style_the_url_stays_under_the_server(
    path_style: Any, query_style: Any, explode: bool, reserved: bool, segment: Any, query: Any
) -> None:
    one = operation(
        in_path("p", style=path_style, explode=explode),
        Parameter("q", "q", "query", style=query_style, explode=explode, allow_reserved=reserved),
        path="/things/{p}/end",
    )
    try:
        told = url(one, p=segment, q=query)
    except Unbuildable:
        assume(False)
    parts = urlsplit(told)
    assert told.isascii()
    assert told.isprintable()
    assert " " not in told
    assert parts.netloc == "api.example"
    assert parts.path.startswith("/v1/things/")
    assert parts.path.endswith("/end")
    assert parts.path.count("/") == 4
    assert parts.fragment == ""


# openapi-core, as a reader that is not ours, decodes the request and gives the arguments back. It has no say on label,
# matrix (it wants them in the template, `{;color}`) and spaceDelimited (it looks for `%20` after decoding).

STRINGS = {"type": "array", "items": {"type": "string"}}
NUMBERS = {"type": "array", "items": {"type": "integer"}}
POINT = {"type": "object", "properties": {"x": {"type": "integer"}, "y": {"type": "integer"}}}
JUDGED = [
    ("query", {}, {"type": "string"}, "a b&c=d+é"),
    ("query", {}, {"type": "integer"}, 2**60),
    ("query", {}, {"type": "boolean"}, False),
    ("query", {}, {"type": "number"}, 1.5),
    ("query", {}, STRINGS, ["a,b", "c d"]),
    ("query", {"explode": False}, STRINGS, ["a", "c d"]),
    ("query", {"style": "pipeDelimited", "explode": False}, STRINGS, ["a", "b c"]),
    ("query", {"style": "deepObject", "explode": True}, POINT, {"x": 1, "y": -2}),
    ("query", {"style": "form", "explode": True}, NUMBERS, [1, 2]),
    ("query", {"explode": False}, POINT, {"x": 1, "y": -2}),
    ("query", {"content": True}, POINT, {"x": 1}),
    ("path", {}, {"type": "string"}, "a b:é"),
    ("path", {}, STRINGS, ["a", "b"]),
    ("path", {}, POINT, {"x": 1, "y": 2}),
    ("header", {}, {"type": "integer"}, 7),
    ("header", {}, STRINGS, ["a", "b"]),
    ("header", {}, POINT, {"x": 1, "y": 2}),
    ("cookie", {}, {"type": "string"}, "abc"),
]


def document(where: str, told: dict[str, Any], schema: Any) -> dict[str, Any]:
    parameter: dict[str, Any] = {"name": "color", "in": where, "required": True, **told}
    parameter |= (
        {"content": {"application/json": {"schema": schema}}} if parameter.get("content") else {"schema": schema}
    )
    return {
        "openapi": "3.1.0",
        "info": {"title": "t", "version": "1"},
        "servers": [{"url": SERVER}],
        "paths": {
            f"/a/{'{color}' if where == 'path' else 'b'}": {
                "get": {"parameters": [parameter], "responses": {"200": {"description": "ok"}}}
            }
        },
    }


def received(request: HttpRequest) -> Request:
    """As a WSGI server hands it on."""
    parts = urlsplit(request.url)
    given = {name.upper().replace("-", "_"): value for name, value in request.headers}
    environ: dict[str, Any] = {f"HTTP_{name}": value for name, value in given.items()}
    environ |= {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(parts.path).encode().decode("latin-1"),
        "QUERY_STRING": parts.query,
        "SERVER_NAME": parts.hostname,
        "SERVER_PORT": "443",
        "wsgi.url_scheme": "https",
        "wsgi.input": io.BytesIO(request.content),
        "CONTENT_LENGTH": str(len(request.content)),
        "CONTENT_TYPE": given.get("CONTENT_TYPE", ""),
    }
    return Request(environ)


@pytest.mark.parametrize(("where", "told", "schema", "value"), JUDGED)
def test_another_reader_decodes_what_was_meant(where: str, told: dict[str, Any], schema: Any, value: Any) -> None:
    tree = document(where, told, schema)
    connector = compile_document(Manifest(name="x"), Documents("https://d.example/", {"https://d.example/": tree}), "d")
    request = build_request(connector.tools[0].operation, {"color": value})
    judged = OpenAPI.from_dict(tree).unmarshal_request(WerkzeugOpenAPIRequest(received(request)))
    assert judged.errors == []
    assert getattr(judged.parameters, where)["color"] == value
