"""Every answer that a document declares: which there are, which of them an answer is, and whether it fits."""

import json
from typing import Any

import msgspec
import pytest

from gateway.core.answer_check import ANSWER_BYTES_MAX, AnswerCheck
from gateway.core.answers import ANSWERS_MAX
from gateway.core.catalog import Connector
from gateway.core.compilation import Compilation
from gateway.core.declared import Answer, of_status, of_type
from gateway.core.http import HttpResponse
from gateway.core.manifest import Manifest
from gateway.core.tool import OTHER_ANSWERS_MAX, Tool
from gateway.core.wire import ConnectorReader, encode_connector

JSON_TYPE, EVENTS, LINES = "application/json", "text/event-stream", "application/x-ndjson"
WHOLE = {"type": "integer"}


def compile_responses(responses: Any, version: str = "3.1.0", method: str = "get", **more: Any) -> Connector:
    document = {
        "openapi": version,
        "info": {"title": "t", "version": "1"},
        "servers": [{"url": "https://api.example"}],
        "paths": {"/a": {method: {"operationId": "getA", "responses": responses}}},
        **more,
    }
    compilation = Compilation(Manifest(name="x"), "upload:x")
    compilation.take("upload:x", json.dumps(document).encode())
    return compilation.finish("digest")


def tool_of(responses: Any, version: str = "3.1.0", method: str = "get", **more: Any) -> Tool:
    [tool] = compile_responses(responses, version, method, **more).tools
    return tool


def content(**by_type: Any) -> dict[str, Any]:
    kinds = {
        "json": JSON_TYPE,
        "events": EVENTS,
        "lines": LINES,
        "csv": "text/csv",
        "problem": "application/problem+json",
    }
    return {"content": {kinds[name]: {"schema": schema} for name, schema in by_type.items()}}


def said(tool: Tool, body: bytes, kind: str = JSON_TYPE, status: int = 200, *, truncated: bool = False) -> list[str]:
    headers = (("content-type", kind),) if kind else ()
    return list(AnswerCheck(tool).notes(HttpResponse(status, headers, body, truncated)))


DOES_NOT_FIT = "The answer is not what its document says"


@pytest.mark.parametrize(
    ("status", "declared"), [(200, "200"), (201, "2XX"), (299, "2XX"), (404, "404"), (418, "default"), (302, "default")]
)
def test_the_most_exact_status_is_taken(status: int, declared: str) -> None:
    answers = [Answer(one) for one in ("default", "2XX", "200", "404")]
    assert [one.status for one in of_status(answers, status)] == [declared]


def test_a_status_that_nothing_declares_has_no_answer() -> None:
    assert of_status([Answer("200"), Answer("4XX")], 500) == ()


@pytest.mark.parametrize(
    ("sent", "declared"),
    [
        ("application/json", "application/json"),
        ("Application/JSON; charset=utf-8", "application/json"),
        ("application/json;v=2", "application/json;v=2"),
        ("application/json;v=3", "application/json"),
        ("application/vnd.x+json", "application/*+json"),
        ("application/xml", "application/*"),
        ("text/plain", "*/*"),
        ("", "*/*"),
    ],
)
def test_the_most_exact_media_type_is_taken(sent: str, declared: str) -> None:
    kinds = ("*/*", "application/*", "application/*+json", "application/json", "application/json;v=2")
    found = of_type([Answer("200", kind) for kind in kinds], sent)
    assert found is not None
    assert found.media_type == declared


@pytest.mark.parametrize(
    ("declared", "sent"),
    [("application/hal+json", JSON_TYPE), (JSON_TYPE, "application/vnd.api+json"), (JSON_TYPE, "text/json")],
)
def test_json_under_another_name_is_json_all_the_same(declared: str, sent: str) -> None:
    assert of_type([Answer("200", "text/csv"), Answer("200", declared)], sent) == Answer("200", declared)


def test_a_type_that_nothing_declares_has_no_answer() -> None:
    assert of_type([Answer("200", JSON_TYPE), Answer("200", "text/csv"), Answer("200")], "text/html") is None


def test_every_answer_is_declared_and_the_main_success_comes_first() -> None:
    tool = tool_of(
        {
            "default": {"description": "An error.", **content(problem={"type": "object", "required": ["title"]})},
            "404": {"description": "No such thing.", "content": {}},
            "200": {"description": "Found.", **content(csv={}, json=WHOLE, problem=WHOLE)},
            "2xx": content(json={"type": "string"}),
            "x-note": {},
            "OK": {},
        }
    )
    told = [(one.status, one.media_type, bytes(one.root), one.description) for one in tool.answers]
    assert told == [
        ("200", JSON_TYPE, b'{"type":"integer"}', "Found."),
        ("200", "text/csv", b"", "Found."),
        ("200", "application/problem+json", b'{"type":"integer"}', "Found."),
        ("2XX", JSON_TYPE, b'{"type":"string"}', ""),
        ("404", "", b"", "No such thing."),
        ("default", "application/problem+json", b'{"type":"object","required":["title"]}', "An error."),
    ]
    assert bytes(tool.outputs) == b'{"type":"integer"}'


def test_the_other_answers_are_told_in_short_and_open_in_full() -> None:
    names = {f"field_{index}": {"type": "string", "description": "x" * 100} for index in range(40)}
    error = {
        "type": "object",
        "properties": {"title": {"type": "string"}, "more": {"type": "object", "properties": names}},
    }
    tool = tool_of(
        {
            "200": content(json=WHOLE),
            "204": {"description": "Nothing."},
            "400": content(json={"$ref": "#/components/schemas/E"}),
        },
        components={"schemas": {"E": error}},
    )
    nothing, short = msgspec.to_builtins(tool.other_answers, builtin_types=(msgspec.Raw,))
    assert nothing == {"status": "204", "description": "Nothing."}
    assert (short["status"], short["mediaType"], short["at"]) == ("400", JSON_TYPE, "answers/2#")
    assert len(bytes(short["schema"])) <= 600
    folded = json.loads(bytes(short["schema"]))["properties"]["more"]
    assert folded == {"type": "object", "description": "Folded; describe_tool opens answers/2#/properties/more"}
    opened = tool.open_schema("answers/2#/properties/more")
    assert opened is not None
    assert json.loads(bytes(opened))["properties"].keys() == names.keys()
    for nowhere in ("answers/1#", "answers/9#", "answers/x#", "answers/-1#", "elsewhere#", "answers/2"):
        assert tool.open_schema(nowhere) is None


def test_what_many_operations_answer_alike_is_kept_once() -> None:
    paths = {
        f"/{name}": {"get": {"responses": {"200": content(json=WHOLE), "404": {"description": "None."}}}}
        for name in "ab"
    }
    connector = compile_responses({}, paths=paths)
    for one in (connector, reread(connector)):
        assert one.tools[0].answers[1] is one.tools[1].answers[1]


def reread(connector: Connector) -> Connector:
    head, *pieces = encode_connector(connector)
    reader = ConnectorReader(connector.manifest, head)
    for piece in pieces:
        reader.take(piece)
    return reader.connector()


def test_answers_are_the_same_where_another_process_compiled_them() -> None:
    connector = compile_responses({"200": content(json=WHOLE, csv={}), "default": content(problem={"type": "string"})})
    before, after = connector.tools[0].answers, reread(connector).tools[0].answers
    assert [(one.status, one.media_type, bytes(one.root)) for one in after] == [
        (one.status, one.media_type, bytes(one.root)) for one in before
    ]


def test_too_many_answers_are_cut_and_that_is_told() -> None:
    connector = compile_responses({str(status): {"description": "d"} for status in range(200, 280)})
    assert len(connector.tools[0].answers) == ANSWERS_MAX
    assert len(connector.tools[0].other_answers) == OTHER_ANSWERS_MAX
    assert [repair.reason for repair in connector.repairs] == ["answers-left-out"]


def test_a_media_type_that_is_a_reference_is_followed() -> None:
    tool = tool_of(
        {"200": {"content": {JSON_TYPE: {"$ref": "#/components/mediaTypes/Whole"}}}},
        "3.2.0",
        components={"mediaTypes": {"Whole": {"schema": WHOLE}}},
    )
    assert bytes(tool.outputs) == b'{"type":"integer"}'


@pytest.mark.parametrize(
    ("status", "kind", "body", "problem"),
    [
        (200, JSON_TYPE, b"1", ""),
        (200, JSON_TYPE, b'"x"', ": the whole: expected an integer."),
        (201, JSON_TYPE, b'"x"', ""),
        (201, JSON_TYPE, b"1", ": the whole: expected a string (by 2XX)."),
        (200, "application/hal+json", b'"x"', ": the whole: expected an integer."),
        (200, "text/csv", b"a,b", ""),
        (200, "", b"[]", ": the whole: expected an integer."),
        (200, "text/html", b"{}", ": the whole: expected an integer."),
        (200, "text/html", b"<p>", ": text/html came, where it declares application/json or text/csv."),
        (200, "image/png", b"\x89PNG", ": image/png came, where it declares application/json or text/csv."),
        (200, "", b"word", ""),
        (200, JSON_TYPE, b"", ": nothing came, where it declares application/json or text/csv."),
        (204, JSON_TYPE, b"", ""),
        (205, JSON_TYPE, b"", ""),
        (304, JSON_TYPE, b"", ""),
        (404, JSON_TYPE, b"1", ""),
        (200, JSON_TYPE, b"{broken", ": the whole: expected JSON."),
        (200, "application/json; charset=utf-16", '"x"'.encode("utf-16"), ": the whole: expected an integer."),
    ],
)
def test_an_answer_is_checked_by_its_status_and_media_type(status: int, kind: str, body: bytes, problem: str) -> None:
    responses = {
        "200": content(json=WHOLE, csv={}),
        "2XX": content(json={"type": "string"}),
        "404": content(json={"type": "null"}),
    }
    assert said(tool_of(responses), body, kind, status) == ([DOES_NOT_FIT + problem] if problem else [])


def test_a_success_that_is_not_declared_is_told() -> None:
    tool = tool_of({"200": content(json=WHOLE), "4XX": {}})
    assert said(tool, b"1", status=207) == [f"{DOES_NOT_FIT}: the status 207 came, where it declares 200 or 4XX."]
    assert said(tool_of({}), b"1", status=207) == []


def test_where_the_document_declares_no_content_any_is_let_be() -> None:
    assert said(tool_of({"200": {"description": "ok"}}), b'{"a":1}') == []


def test_the_answer_to_head_has_no_content_and_that_is_no_doubt() -> None:
    assert said(tool_of({"200": content(json=WHOLE)}, method="head"), b"") == []


def test_a_part_of_an_answer_is_not_judged_as_the_whole() -> None:
    assert said(tool_of({"200": content(json=WHOLE)}), b"[1", truncated=True) == []
    text = json.dumps("x" * ANSWER_BYTES_MAX).encode()
    assert said(tool_of({"200": content(json=WHOLE)}), text) == []


ITEM = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
NAMED = {"type": "object", "required": ["data"], "properties": {"event": {"const": "tick"}, "data": {"type": "string"}}}


@pytest.mark.parametrize(
    ("kind", "item", "body", "problem"),
    [
        (LINES, ITEM, b'{"n":1}\n{"n":2}\n', ""),
        (LINES, ITEM, b'{"n":1}\n{"n":"2"}\n', "/1/n: expected an integer"),
        ("application/json-seq", ITEM, b'\x1e{"n":1}\n\x1e{}\n', "/1/n: required"),
        (EVENTS, ITEM, b'data: {"n":1}\n\ndata: {"n":2}\n\n', ""),
        (EVENTS, ITEM, b'data: {"n":1}\n\ndata: [DONE]\n\n', ""),
        (EVENTS, ITEM, b'data: {"n":1}\n\ndata: {"n":null}\n\n', "/1/n: expected an integer"),
        (EVENTS, NAMED, b"event: tick\ndata: 1\n\nid: 7\nevent: tick\ndata: two\n\n", ""),
        (EVENTS, NAMED, b"event: tock\ndata: 1\n\n", '/0/event: expected "tick"; /0/data: expected a string'),
    ],
)
def test_a_stream_is_checked_item_by_item(kind: str, item: Any, body: bytes, problem: str) -> None:
    tool = tool_of({"200": {"content": {kind: {"itemSchema": item}}}}, "3.2.0")
    assert json.loads(bytes(tool.output_schema)) == {"type": "array", "items": item}
    told = said(tool, body, kind)
    assert sorted("".join(told).removeprefix(DOES_NOT_FIT + ": ").rstrip(".").split("; ")) == sorted(
        problem.split("; ")
    )
    assert said(tool, body + b"half", kind, truncated=True) == told


def test_a_long_stream_is_checked_as_far_as_the_bound_goes() -> None:
    tool = tool_of({"200": {"content": {LINES: {"itemSchema": ITEM}}}}, "3.2.0")
    fitting = b'{"n":1}\n' * (ANSWER_BYTES_MAX // 8 + 10)
    assert said(tool, fitting + b"{}\n", LINES) == []
    assert said(tool, b"{}\n" + fitting, LINES) == [f"{DOES_NOT_FIT}: /0/n: required."]


def test_json_is_the_main_answer_where_there_is_a_stream_too() -> None:
    responses = {"200": {"content": {EVENTS: {"itemSchema": ITEM}, JSON_TYPE: {"schema": WHOLE}}}}
    assert bytes(tool_of(responses, "3.2.0").outputs) == b'{"type":"integer"}'
    assert [one.media_type for one in tool_of(responses, "3.2.0").answers] == [JSON_TYPE, EVENTS]


def test_the_schema_of_a_whole_stream_counts_from_openapi_3_2_on() -> None:
    responses = {"200": content(lines={"type": "array", "maxItems": 1})}
    assert said(tool_of(responses, "3.2.0"), b"1\n2\n", LINES) != []
    assert said(tool_of(responses, "3.1.0"), b"1\n2\n", LINES) == []
