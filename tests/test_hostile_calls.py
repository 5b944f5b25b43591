"""Hostile arguments through the front door: whatever a caller sends, the backend sees one request, of the kind that the
document describes, or none; and the caller is told by name what was wrong."""

import json
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator
from email import message_from_bytes
from email.policy import HTTP
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import pytest

from gateway.core.manifest import Limits
from gateway.core.principal import OPERATOR
from tests.conftest import Door
from tests.wire import Request, Wire, open_wire

pytestmark = pytest.mark.anyio

BASE = "/base/v1"
TEXT, NUMBER, ANYTHING = {"type": "string"}, {"type": "number"}, {}
LIST, OBJECT = {"type": "array"}, {"type": "object", "additionalProperties": True}
HOP_BY_HOP = ("Host", "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Upgrade", "TE", "Trailer",
              "Expect", "Proxy-Authorization", "Proxy-Connection", "Authorization", "Content-Type", "Accept")  # fmt: skip


def parameter(name: str, place: str, schema: Any = TEXT, **more: Any) -> dict[str, Any]:
    return {"name": name, "in": place, "schema": schema, "required": place == "path", **more}


def body(kind: str, schema: Any, **more: Any) -> dict[str, Any]:
    return {"required": True, "content": {kind: {"schema": schema, **more}}}


def operation(name: str, *parameters: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"operationId": name, "parameters": list(parameters), "responses": {}, **more}


FIELDS = {"type": "object", "properties": {"text": TEXT, "list": LIST, "object": OBJECT}, "additionalProperties": True}
FILES = {
    "type": "object",
    "properties": {"text": TEXT, "file": {"type": "string", "format": "binary"}},
    "additionalProperties": True,
}
DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Target", "version": "1"},
    "paths": {
        "/simple/{p}/end": {"get": operation("simple", parameter("p", "path", ANYTHING))},
        "/label/{p}/end": {"get": operation("label", parameter("p", "path", ANYTHING, style="label"))},
        "/matrix/{p}/end": {"get": operation("matrix", parameter("p", "path", ANYTHING, style="matrix"))},
        "/label-each/{p}/end": {
            "get": operation("labelEach", parameter("p", "path", ANYTHING, style="label", explode=True))
        },
        "/matrix-each/{p}/end": {
            "get": operation("matrixEach", parameter("p", "path", ANYTHING, style="matrix", explode=True))
        },
        "/loose/{p}/end": {"get": operation("loose", parameter("p", "path", ANYTHING, allowReserved=True))},
        "/two/{p}{q}/end": {"get": operation("two", parameter("p", "path"), parameter("q", "path"))},
        "/query": {
            "get": operation(
                "query",
                parameter("form", "query", ANYTHING),
                parameter("tight", "query", ANYTHING, explode=False),
                parameter("loose", "query", ANYTHING, allowReserved=True),
                parameter("space", "query", ANYTHING, style="spaceDelimited", explode=False),
                parameter("pipe", "query", ANYTHING, style="pipeDelimited", explode=False),
                parameter("deep", "query", ANYTHING, style="deepObject", explode=True),
                {"name": "json", "in": "query", "content": {"application/json": {"schema": ANYTHING}}},
            )
        },
        "/header": {
            "get": operation(
                "header",
                parameter("X-Text", "header"),
                parameter("X-Any", "header", ANYTHING),
                parameter("X-Each", "header", ANYTHING, explode=True),
            )
        },
        "/cookie": {
            "get": operation(
                "cookie",
                parameter("form", "cookie", ANYTHING, explode=False),
                parameter("each", "cookie", ANYTHING),
            )
        },
        "/hop": {"post": operation("hop", *(parameter(name, "header") for name in HOP_BY_HOP))},
        "/json": {"post": operation("json", requestBody=body("application/json", FIELDS))},
        "/form": {"post": operation("form", requestBody=body("application/x-www-form-urlencoded", FIELDS))},
        "/parts": {
            "post": operation(
                "parts",
                requestBody=body(
                    "multipart/form-data",
                    FILES,
                    encoding={"text": {"headers": {"X-Part": {"schema": TEXT}}}},
                ),
            )
        },
        "/xml": {"post": operation("xml", requestBody=body("application/xml", FIELDS))},
        "/text": {"post": operation("text", requestBody=body("text/plain", TEXT))},
        "/lines": {"post": operation("lines", requestBody=body("application/x-ndjson", LIST))},
        "/bytes": {"post": operation("bytes", requestBody=body("application/octet-stream", FILES["properties"]["file"]))},
    },
}  # fmt: skip


@pytest.fixture
async def wire(anyio_backend: str) -> AsyncIterator[Wire]:
    async with open_wire() as one:
        yield one


@pytest.fixture
async def target(door: Door, wire: Wire) -> Door:
    limits = Limits(timeout_s=20, retries_max=0, in_flight_max=4)
    await door.add("t", DOCUMENT, wire.url + BASE, limits=limits)
    return door


async def call(door: Door, tool: str, arguments: Any, **options: Any) -> Any:
    """The answer to a call over REST. `arguments` may be JSON text, for what no Python value stands for."""
    raw = arguments if isinstance(arguments, str) else json.dumps(arguments)
    more = "".join(f',"{name}":{json.dumps(value)}' for name, value in options.items())
    headers = {"authorization": f"Bearer {await door.key()}"}
    return await door.client.post(f"/v1/tools/t_{tool}:call", content=f'{{"arguments":{raw}{more}}}', headers=headers)


async def call_mcp(door: Door, tool: str, arguments: Any) -> Any:
    told = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": f"t_{tool}", "arguments": arguments}}
    return (await door.post("/mcp", await door.key(), told)).json()


def refused(answer: Any, argument: str) -> str:
    """What was expected of the argument that is named."""
    assert answer.status_code == 422, answer.text
    return str({one["argument"]: one["expected"] for one in answer.json()["problems"]}[argument])


def only(wire: Wire) -> Request:
    """The one request that arrived, below the server's path and with its own host."""
    (seen,) = wire.take()
    assert seen.target.startswith(BASE + "/")
    assert seen.header("host") == [urlsplit(wire.url).netloc]
    assert len(seen.header("content-length")) <= 1
    assert seen.header("transfer-encoding") == []
    return seen


BREAKING = ["a\r\nX-Evil: 1", "a\nb", "a\rb", "a\r\n folded", "a\r\n\tfolded", "a\0b", "\x0b", "\x7f", "\x85next",
            "a\u2028b", "a\u2029b", "\u010d\u010a", "\u560d\u560a"]  # fmt: skip


async def test_a_header_that_would_break_its_line_is_refused_by_name(target: Door, wire: Wire) -> None:
    for value in BREAKING:
        for arguments in ({"X-Text": value}, {"X-Any": [value]}, {"X-Any": {value: "x"}}, {"X-Each": {"a": value}}):
            (name,) = arguments
            assert "one line" in refused(await call(target, "header", arguments), name)
        answer = await call_mcp(target, "header", {"X-Text": value})
        assert answer["result"]["isError"]
        assert "one line" in answer["result"]["content"][0]["text"]
    assert wire.take() == []


async def test_a_cookie_stays_one_cookie(target: Door, wire: Wire) -> None:
    for value in [*BREAKING, "a; admin=1", 'a"b', "a,b", "%0d%0a", "a=b; Path=/"]:
        for arguments, name in (({"form": value}, "form"), ({"each": [value]}, "each"), ({"each": {value: "x"}}, None)):
            answer = await call(target, "cookie", arguments)
            assert answer.status_code == 200, answer.text
            (cookie,) = only(wire).header("cookie")
            key, _, text = cookie.partition("=")
            assert (unquote(key), unquote(text)) == ((name, value) if name else (value, "x"))
            assert ";" not in cookie


@pytest.mark.parametrize("name", ["form", "tight", "loose", "deep", "json"])
async def test_a_query_value_stays_one_value(target: Door, wire: Wire, name: str) -> None:
    for value in [*BREAKING, "&admin=1", "#x", "a=b", "%26admin=1", "+", "?", "a;b"]:
        for given in (value, [value], {"k": value}):
            answer = await call(target, "query", {name: given})
            assert answer.status_code == 200, answer.text
            ((key, told),) = parse_qsl(urlsplit(only(wire).target).query, keep_blank_values=True)
            assert key != "admin"
            if name == "json":
                assert json.loads(told) == given
            else:  # what is percent-encoded already stays as it is where reserved characters are allowed
                assert told.endswith(unquote(value) if name == "loose" else value)


CLIMBING = ["..", "../admin", "a/../../admin", "..\\admin", "a\\..\\b", "..;/admin", "a/..;x=1/b", "/..", "../", "\\.."]
HARMLESS = ["%2e%2e", "%2e%2e%2fadmin", "%252e%252e", "//evil.example/x", "/", "\\\\evil", "a//b", "...", "..a", "a..",
            "?x=1", "#x", "http://evil.example/", "\u2025", "\uff0e\uff0e/", "a\r\nHost: evil", "a\0b", "a b", "~",
            "@evil:80", ":80", "a;b=c", "{q}", "{p}"]  # fmt: skip
PATHS = ["simple", "label", "matrix", "loose", "label_each", "matrix_each"]


@pytest.mark.parametrize("tool", PATHS)
async def test_a_path_value_that_climbs_is_refused_by_name(target: Door, wire: Wire, tool: str) -> None:
    for value in CLIMBING:
        for given in (value, ["x", value]) if tool in ("simple", "loose") else (value,):
            answer = await call(target, tool, {"p": given})
            if answer.status_code == 200:  # a style or a list that puts something before the value, as in `;p=..`
                segment = _inner(only(wire))
                steps = unquote(segment).replace("\\", "/").split("/")
                assert steps[0] not in ("..", ".")
                assert not any(step.partition(";")[0] == ".." for step in steps[1:])
            else:
                assert "change the path" in refused(answer, "p")
                assert wire.take() == []
                assert tool in ("simple", "loose") or "/" in value or "\\" in value
    for empty in ("", [], [""], {}, None) if tool == "simple" else ():
        assert refused(await call(target, tool, {"p": empty}), "p")
    assert wire.take() == []


@pytest.mark.parametrize("tool", PATHS)
async def test_a_path_value_never_leaves_its_segment(target: Door, wire: Wire, tool: str) -> None:
    for value in HARMLESS:
        answer = await call(target, tool, {"p": value})
        assert answer.status_code == 200, answer.text
        assert unquote(_inner(only(wire))).endswith(value)


def _inner(seen: Request) -> str:
    """The segment between the first of the template and its last."""
    path, _, query = seen.target.partition("?")
    _, inner, last = path.removeprefix(BASE + "/").split("/")
    assert (last, query) == ("end", "")
    return inner


async def test_two_values_of_one_segment_do_not_climb_together(target: Door, wire: Wire) -> None:
    assert "change the path" in refused(await call(target, "two", {"p": ".", "q": "."}), "p")
    assert wire.take() == []


async def test_headers_of_the_connection_are_not_for_callers(target: Door, wire: Wire) -> None:
    shown = (await target.get("/v1/tools/t_hop", await target.key())).json()["input_schema"].get("properties", {})
    answer = await call(target, "hop", {name: "evil.example" for name in HOP_BY_HOP if name in shown})
    assert answer.status_code == 200, answer.text
    assert "evil" not in str(only(wire).headers)
    for name in HOP_BY_HOP:
        if name not in shown:
            assert "unknown" in refused(await call(target, "hop", {name: "x"}), name)


async def test_names_of_parts_and_files_do_not_break_their_headers(target: Door, wire: Wire) -> None:
    for value in [*BREAKING, 'a"; filename="evil', "a\r\n--factotum", "../../etc/passwd"]:
        file = {"data": "aGk=", "filename": value}
        answer = await call(target, "parts", {"text": value, "file": file, "additional_properties": {value: "x"}})
        assert answer.status_code == 200, answer.text
        parts = _parts(only(wire))
        assert [content for _, content in parts] == [value.encode(), b"hi", b"x"]
        assert all(one.keys() <= {"Content-Disposition", "Content-Type"} for one, _ in parts)
        named = [str(one["Content-Disposition"]) for one, _ in parts]
        assert named[0] == 'form-data; name="text"'
        assert named[1].startswith('form-data; name="file"; filename="')
        assert named[2].startswith('form-data; name="')
        assert [one.count('"') for one in named] == [2, 4, 2]


def _parts(seen: Request) -> list[tuple[dict[str, str], bytes]]:
    """The parts by the boundary that the header tells; heads by the standard library."""
    (kind,) = seen.header("content-type")
    mark = b"--" + kind.partition("boundary=")[2].encode()
    before, *pieces, after = seen.body.split(mark)
    assert (before, after) == (b"", b"--\r\n")
    heads = [piece.removeprefix(b"\r\n").removesuffix(b"\r\n").partition(b"\r\n\r\n") for piece in pieces]
    return [(dict(message_from_bytes(head, policy=HTTP).items()), content) for head, _, content in heads]


async def test_the_type_of_a_file_is_a_media_type_or_refused(target: Door, wire: Wire) -> None:
    kinds = ["a/b\r\nX: y", "a", "a/b/c", "a/b; x", "text/\0", "\u2028/x", "", "a/b;\r\n c=d", "x" * 10_000 + "/y"]
    for kind in kinds:
        answer = await call(target, "parts", {"file": {"data": "aGk=", "filename": "a", "media_type": kind}})
        if answer.status_code == 422:
            assert "media type" in refused(answer, "file")
            assert wire.take() == []
            continue
        ((head, content),) = _parts(only(wire))
        assert (content, head.keys() <= {"Content-Disposition", "Content-Type"}) == (b"hi", True)


async def test_a_file_that_is_no_base64_is_refused_by_name(target: Door, wire: Wire) -> None:
    for data in ["a", "====", "aGk", "aGk=\n", "aGk=x", "\u0434", "a" * 5, "-_-_", " aGk=", {"a": 1}, 7, None]:
        refused(await call(target, "parts", {"file": {"data": data}}), "file")
        refused(await call(target, "bytes", {"body": {"data": data}}), "body")
    for handle in [
        "factotum://results/../x",
        "file:///etc/passwd",
        "http://127.0.0.1/",
        "",
        "factotum://results/" * 9_000,
    ]:
        answer = await call(target, "bytes", {"body": {"resource": handle}})
        assert answer.status_code == 404, answer.text[:300]
        assert len(answer.text) < 1_000
    assert wire.take() == []


async def test_xml_says_what_was_given_or_nothing(target: Door, wire: Wire) -> None:
    for text in ["a\0b", "\x1b[31m", "\ufffe", "]]>", "<!DOCTYPE x>", "&e;", "<!--", "\r", "\u2028"]:
        answer = await call(target, "xml", {"text": text})
        if answer.status_code == 422:
            assert "control characters" in refused(answer, "text")
            assert wire.take() == []
        else:
            assert ET.fromstring(only(wire).body).findtext("text") == text
    for name in ("a b", "x><y", "1", "", "a:b c"):
        refused(await call(target, "xml", {"additional_properties": {name: "x"}}), "additional_properties")
    assert wire.take() == []


# JSON that no Python value stands for, or that two readers read differently.
ODD = {
    "a lone surrogate": '{"text":"\\ud800"}',
    "half a surrogate pair": '{"text":"\\udc00x"}',
    "not a number": '{"text":NaN}',
    "infinity": '{"object":{"a":-Infinity}}',
    "a number beyond doubles": '{"object":{"a":1e999}}',
    "an integer of a million digits": '{"object":{"a":%s}}' % ("9" * 1_000_000),
    "a comma too many": '{"text":"a",}',
    "a comment": '{"text":"a"/**/}',
    "single quotes": "{'text':'a'}",
    "a control character": '{"text":"a\nb"}',
    "ten thousand levels": '{"list":' + "[" * 10_000 + "]" * 10_000 + "}",
    "ten thousand levels of objects": '{"object":' + '{"a":' * 10_000 + "1" + "}" * 10_000 + "}",
}


async def test_json_that_is_none_is_a_clear_error(target: Door, wire: Wire) -> None:
    for name, raw in ODD.items():
        answer = await call(target, "json", raw)
        assert answer.status_code in (400, 422), (name, answer.text[:200])
        assert answer.headers["content-type"] == "application/problem+json"
        assert len(answer.json()["detail"]) < 500
    assert wire.take() == []


async def test_of_two_members_of_one_name_all_see_the_same(target: Door, wire: Wire) -> None:
    raw = '{"text":"first","text":"last","object":{"a":1,"a":2}}'
    assert (await call(target, "json", raw)).status_code == 200
    assert json.loads(only(wire).body) == {"text": "last", "object": {"a": 2}}
    lines = (await target.get("/v1/audit", await target.key())).json()["lines"]
    assert lines[-1]["arguments"] == {"text": "last", "object": {"a": 2}}


ANY_ARGUMENT = {"json": "object", "form": "object", "parts": "additional_properties", "xml": "object", "lines": "body",
                "query": "deep", "simple": "p", "header": "X-Any", "cookie": "each"}  # fmt: skip


async def test_deep_values_are_sent_or_refused_by_name(target: Door, wire: Wire) -> None:
    for levels in (40, 60, 200, 900, 5_000):
        deep = '{"a":[' * (levels // 2) + "1" + "]}" * (levels // 2)
        for tool, argument in ANY_ARGUMENT.items():
            answer = await call(target, tool, f'{{"{argument}":{f"[{deep}]" if tool == "lines" else deep}}}')
            if answer.status_code == 200:
                only(wire)
                continue
            assert answer.status_code in (400, 422), answer.text[:300]
            assert "level" in answer.json()["detail"] or "nest" in answer.json()["detail"] or levels > 900
            assert wire.take() == []


async def test_giant_numbers_are_exact_or_refused(target: Door, wire: Wire) -> None:
    for value in (10**30, -(10**4000), 10**300, 1e300, 5e-324, -0.0, 2**53 + 1, 1.5):
        for tool, argument in ANY_ARGUMENT.items():
            given = {"object": {"n": value}, "additional_properties": {"n": value}, "body": [value]}.get(
                argument, value
            )
            answer = await call(target, tool, json.dumps({argument: given}))
            assert answer.status_code == 200, answer.text[:300]
            seen = only(wire)
            if isinstance(value, int):
                assert str(value) in unquote(seen.target) + str(seen.headers) + seen.body.decode()


async def test_names_that_mean_something_to_a_language_are_only_names(target: Door, wire: Wire) -> None:
    for name in ("__proto__", "constructor", "__class__", "prototype", "__dict__", "toString", ""):
        given = {"object": {name: {name: "x"}}, "additional_properties": {name: "y"}}
        assert (await call(target, "json", given)).status_code == 200
        assert json.loads(only(wire).body) == {"object": {name: {name: "x"}}, name: "y"}
        assert "unknown" in refused(await call(target, "query", {name: "x"}), name or "arguments")


async def test_a_request_line_without_measure_is_refused_by_name(target: Door, wire: Wire) -> None:
    for tool, argument in (
        ("query", "form"),
        ("query", "tight"),
        ("query", "deep"),
        ("simple", "p"),
        ("header", "X-Any"),
    ):
        for value in (["x" * 5] * 100_000, "x" * 1_000_000):
            answer = await call(target, tool, {argument: value})
            assert answer.status_code == 413, answer.text[:300]
            assert "65536 bytes" in answer.json()["detail"]
    assert wire.take() == []


async def test_a_hundred_thousand_items_arrive_whole(target: Door, wire: Wire) -> None:
    for tool in ("json", "form", "parts", "xml"):
        items = (
            {"additional_properties": {"list": list(range(100_000))}}
            if tool == "parts"
            else {"list": list(range(100_000))}
        )
        answer = await call(target, tool, items)
        assert answer.status_code == 200, answer.text[:300]
        assert only(wire).body.count(b"99999") == 1


async def test_an_option_that_cannot_be_is_refused_by_name_before_anything_is_sent(target: Door, wire: Wire) -> None:
    for name, values in {
        "_pages_max": (0, -1, 101, 10**30, 1.5, "2", [], {}, True),
        "_wait_s": (-1, 301, 1e308, 10**400, "1", [], True),
        "_select": (1, [], {}, "a" * 2_001, "[", "a\0", "\u2028", "!" * 1_900, "`" + "[" * 1_900 + "`", "(" * 1_900),
    }.items():
        for value in values:
            answer = await call(target, "json", json.dumps({"text": "x", name: value}))
            if answer.status_code != 400:  # a number beyond doubles is no JSON for us
                assert name in refused(answer, name) or "JMESPath" in answer.text or "at most" in answer.text, value
            assert len(answer.text) < 1_000
    for body in ('{"pages_max":"many"}', '{"wait_s":-1}', '{"wait_s":1e999}', '{"select":[]}', '{"dialect":"klingon"}'):
        headers = {"authorization": f"Bearer {await target.key()}"}
        answer = await target.client.post("/v1/tools/t_json:call", content=body, headers=headers)
        assert answer.status_code in (400, 422)
    assert wire.take() == []


BOMBS = [
    "|".join(["[@,@]"] * 60) + "|to_string(@)",
    "|".join(["[@,@]"] * 100),
    "|".join(["[@,@]"] * 40) + "|[@ == `[[1]]`, to_string(@)]",
]


async def test_an_expression_that_explodes_costs_only_its_own_selection(target: Door, wire: Wire) -> None:
    """A write has happened by then: its answer is given whole, with a note."""
    told = json.dumps({"text": "x" * 60_000}).encode()
    wire.answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (
        len(told),
        told,
    )
    for bomb in BOMBS:
        answer = (await call(target, "json", {"text": "x"}, select=bomb)).json()
        assert (answer["is_error"], answer["structured"]) == (False, json.loads(told))
        assert answer["notes"][0].startswith("Nothing was selected: it ")
        only(wire)


async def kept(door: Door, wire: Wire, token: str) -> str:
    """The handle of an answer that was too long to give at once."""
    told = json.dumps([{"id": index, "text": "x" * 90} for index in range(1_000)]).encode()
    wire.answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (
        len(told),
        told,
    )
    answer = (await door.post("/v1/tools/t_query:call", token, {})).json()
    assert answer["handle"].startswith("factotum://results/")
    return str(answer["handle"])


async def test_a_kept_result_is_nobody_elses_and_its_name_leads_nowhere_else(target: Door, wire: Wire) -> None:
    token = await target.key()
    handle = await kept(target, wire, token)
    name = handle.removeprefix("factotum://results/")
    others = [await target.key(subject="eve"), await target.key(tenant="other")]
    read = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "read_result"}}
    assert (await target.get(f"/v1/results/{name}?select=length(@)", token)).json()["structured"] == 1_000
    for other in others:
        assert (await target.get(f"/v1/results/{name}", other)).status_code == 404
        read["params"] = {"name": "read_result", "arguments": {"uri": handle}}
        assert "No result is kept" in (await target.post("/mcp", other, read)).text
        read["params"] = {"name": "t_bytes", "arguments": {"body": {"resource": handle}}}
        assert "No result is kept" in (await target.post("/mcp", other, read)).text
        listed = await target.post("/mcp", other, {"jsonrpc": "2.0", "id": 1, "method": "resources/list"})
        assert listed.json()["result"]["resources"] == []
    for guess in (name[:-1], name + "a", name.swapcase(), "..%2Faudit", "%2e%2e%2f", "%00", "a/b", "'",
                  "x" * 5_000, "%E2%80%A8", "{name}"):  # fmt: skip
        answer = await target.get(f"/v1/results/{guess}", token)
        assert answer.status_code in (400, 404), answer.text[:200]
        assert len(answer.text) < 1_000
    for query in ("offset=-1", "offset=x", "offset=1.5", "offset=" + "9" * 5_000, "select=[", "select=" + "a" * 2_001,
                  "select=" + quote(BOMBS[0] + "!" * 1_900)):  # fmt: skip
        answer = await target.get(f"/v1/results/{name}?{query}", token)
        assert answer.status_code == 400, answer.text[:200]
    assert (await target.get(f"/v1/results/{name}?offset={10**18}", token)).json()["content"] == [
        {"type": "text", "text": ""}
    ]
    told = (await target.get(f"/v1/results/{name}?select={quote(BOMBS[0])}", token)).json()["notes"]
    assert told[0].startswith("Nothing was selected: it ")


async def test_a_kept_result_of_a_connector_that_is_gone_is_still_its_callers_and_only_theirs(
    target: Door, wire: Wire
) -> None:
    token, other = await target.key(), await target.key(subject="eve")
    handle = await kept(target, wire, token)
    await target.gateway.ingestion.remove(OPERATOR, "t")
    path = "/v1/results/" + handle.removeprefix("factotum://results/")
    assert (await target.get(f"{path}?select=[0].id", token)).json()["structured"] == 0
    assert (await target.get(path, other)).status_code == 404
