"""The REST door: every answer fits the gateway's own OpenAPI document, by the word of a validator that is not ours."""

import json
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openapi_core import OpenAPI
from openapi_core.configurations import Config
from openapi_core.testing import MockRequest, MockResponse

from gateway.edge.openapi import openapi_document
from gateway.stores.base import AuditFilter
from tests.conftest import Backend, Door

pytestmark = pytest.mark.anyio

NOTES: dict[str, Any] = {
    "openapi": "3.0.3",
    "info": {"title": "Notes", "version": "1"},
    "paths": {
        "/notes": {
            "get": {"operationId": "listNotes", "summary": "List notes", "responses": {"200": {"description": "ok"}}},
            "post": {
                "operationId": "addNote",
                "summary": "Write a note",
                "requestBody": {
                    "content": {
                        "application/json": {"schema": {"type": "object", "properties": {"text": {"type": "string"}}}}
                    }
                },
                "responses": {
                    "200": {"description": "ok"},
                    "4XX": {
                        "description": "No.",
                        "content": {"application/json": {"schema": {"type": "object", "required": ["why"]}}},
                    },
                },
            },
        },
        "/picture": {"get": {"operationId": "picture", "responses": {"200": {"description": "ok"}}}},
    },
}


@pytest.fixture
async def notes(door: Door, backend: Backend) -> Door:
    await door.add("notes", NOTES, backend.url)
    return door


def judge(answer: httpx.Response) -> None:
    """Fail unless request and answer are what the gateway's document says."""
    asked = answer.request
    request = MockRequest(
        "http://127.0.0.1",
        asked.method.lower(),
        asked.url.path,
        args=dict(asked.url.params),
        headers=dict(asked.headers),
        data=asked.content or None,
    )
    kind = answer.headers.get("content-type", "application/json").partition(";")[0]
    document = json.loads(json.dumps(openapi_document()))
    judge_of_all = OpenAPI.from_dict(
        document, config=Config(extra_media_type_deserializers={"application/problem+json": msgspec.json.decode})
    )
    judge_of_all.validate_response(
        request, MockResponse(answer.content, answer.status_code, dict(answer.headers), kind)
    )


async def test_every_answer_fits_the_published_document(notes: Door, backend: Backend) -> None:
    backend.answers["GET /picture"] = (200, "image/png", b"\x89PNG\r\n\x1a\n")
    token = await notes.key()
    exchanges = [
        await notes.get("/v1/tools", token),
        await notes.get("/v1/tools?format=openai", token),
        await notes.get("/v1/tools/notes_add_note", token),
        await notes.get("/v1/tools/nothing", token),
        await notes.post("/v1/tools/notes_add_note:call", token, {"arguments": {"text": "x"}}),
        await notes.post("/v1/tools/notes_add_note:call", token, {"arguments": {"text": 1}}),
        await notes.post("/v1/tools/notes_picture:call", token),
        await notes.post("/v1/tools:search", token, {"query": "write a note"}),
        await notes.get("/v1/connectors", token),
        await notes.get("/v1/connectors/notes", token),
        await notes.post("/v1/connectors", token, {"content": json.dumps(NOTES), "name": "copy"}),
        await notes.get("/v1/audit", token),
        await notes.get("/v1/audit", ""),
        await notes.get("/healthz", ""),
        await notes.get("/readyz", ""),
    ]
    for answer in exchanges:
        judge(answer)


async def test_the_gateway_can_read_its_own_document(notes: Door) -> None:
    document = (await notes.client.get("/openapi.json")).json()
    answer = await notes.post("/v1/connectors", await notes.key(), {"name": "self", "content": json.dumps(document),
                                                                     "base_url": "http://127.0.0.1:1"})  # fmt: skip
    assert answer.json()["refusals"] == []
    assert "self_call_tool" in answer.json()["tools"]


async def test_a_connector_has_its_document_from_one_place(notes: Door) -> None:
    both = {"name": "two", "document": "https://api.example/openapi.json", "content": "{}"}
    for method, path in (("POST", "/v1/connectors"), ("PUT", "/v1/connectors/two")):
        headers = {"authorization": f"Bearer {await notes.key()}"}
        answer = await notes.client.request(method, path, json=both, headers=headers)
        assert (answer.status_code, "which of the two" in answer.json()["detail"]) == (400, True)


async def test_a_list_is_paged_by_name(notes: Door) -> None:
    token = await notes.key()
    first = (await notes.get("/v1/tools?limit=2", token)).json()
    assert [tool["name"] for tool in first["tools"]] == ["notes_add_note", "notes_list_notes"]
    rest = (await notes.get(f"/v1/tools?after={first['next']}", token)).json()
    assert ([tool["name"] for tool in rest["tools"]], rest["next"]) == (["notes_picture"], "")


WRONG_QUERIES = [
    ("/v1/audit?limit=abc", "`limit` must be a whole number from 1 on"),
    ("/v1/audit?limit=0", "`limit` must be a whole number from 1 on"),
    ("/v1/audit?after=99999999999999999999", "`after` must be a whole number from 0 to 9223372036854775807"),
    ("/v1/audit?phase=gone", "`phase` must be one of administered, cancelled, denied, done,"),
    ("/v1/connectors/notes/versions?limit=-1", "`limit` must be a whole number from 1 on"),
    ("/v1/approvals?state=gone", "`state` must be one of approved, denied, expired, pending, used"),
    ("/v1/grants?limit=x", "`limit` must be a whole number from 1 on"),
    ("/v1/tools?limit=5000", "`limit` must be a whole number from 1 to 1000"),
    ("/v1/tools?step_up=maybe", "`step_up` must be true or false"),
    ("/v1/tools?format=yaml", "`format` must be one of factotum, gemini, openai, openai-strict"),
    ("/v1/results/x?offset=-1", "`offset` must be a whole number from 0"),
    ("/v1/audit?tool=%C3%A9&limit=\u0663", "`limit` must be a whole number from 1 on"),
    ("/v1/tools/notes_add_note?" + "a=1&" * 30, "more than 20 parameters"),
]


@pytest.mark.parametrize(("path", "told"), WRONG_QUERIES)
async def test_a_parameter_that_does_not_fit_is_named_with_what_would_to_those_alone_who_may_ask(
    notes: Door, path: str, told: str
) -> None:
    owner = await notes.key(role="owner")
    answer = await notes.get(path, await notes.key() if path.startswith("/v1/tools/") else owner)
    assert (answer.status_code, answer.json()["code"], told in answer.json()["detail"]) == (400, "bad_request", True), (
        answer.text
    )
    assert (await notes.get(path, "nobody")).status_code == 401
    if path.startswith(("/v1/audit", "/v1/connectors")):
        assert (await notes.get(path, await notes.key("x:y"))).status_code == 403


async def test_openai_definitions_have_the_names_and_schemas_of_the_tools(notes: Door) -> None:
    (first, *_) = (await notes.get("/v1/tools?format=openai", await notes.key())).json()
    assert (first["type"], first["function"]["name"]) == ("function", "notes_add_note")
    assert first["function"]["parameters"]["properties"] == {"text": {"type": "string"}}


async def test_a_search_finds_only_what_the_caller_may_call(notes: Door) -> None:
    body = {"query": "write a note or list notes"}
    every = (await notes.post("/v1/tools:search", await notes.key(), body)).json()["tools"]
    readable = (await notes.post("/v1/tools:search", await notes.key("notes:read"), body)).json()["tools"]
    assert {tool["name"] for tool in every} > {tool["name"] for tool in readable}
    assert "notes_add_note" not in {tool["name"] for tool in readable}


async def test_a_tool_that_the_caller_may_not_call_is_not_described(notes: Door) -> None:
    assert (await notes.get("/v1/tools/notes_add_note", await notes.key("notes:read"))).status_code == 404


async def test_what_else_a_tool_may_answer_is_told_and_opened(notes: Door) -> None:
    token = await notes.key()
    (other,) = (await notes.get("/v1/tools/notes_add_note", token)).json()["other_answers"]
    schema = {"type": "object", "required": ["why"]}
    assert other == {
        "status": "4XX",
        "mediaType": "application/json",
        "description": "No.",
        "at": "answers/1#",
        "schema": schema,
    }
    opened = await notes.get("/v1/tools/notes_add_note?at=answers/1%23", token)
    assert opened.json()["part"] == schema


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/tools/notes_add_note:call", b"{", 400),
        ("/v1/tools/notes_add_note:call", b'{"arguments": []}', 400),
        ("/v1/tools/notes_add_note:call", b'{"argumnets": {}}', 400),
        ("/v1/tools/notes_add_note:call", b'{"arguments":' + b"[" * 100_000, 400),
        ("/v1/tools/notes_add_note:call", b" " * (5 << 20), 413),
        ("/v1/tools:search", b'{"query": 1}', 400),
        ("/v1/connectors", b'{"name": "x", "colour": "red"}', 400),
        ("/v1/connectors", b"[1]", 400),
        ("/v1/nowhere", b"{}", 404),
        ("/v1/audit", b"{}", 405),
        ("/v1/tools/notes_add_note", b"{}", 405),
    ],
)
async def test_bad_input_is_a_problem_document_and_never_a_defect(
    notes: Door, path: str, body: bytes, status: int
) -> None:
    headers = {"authorization": f"Bearer {await notes.key()}", "content-type": "application/json"}
    answer = await notes.client.post(path, content=body, headers=headers)
    assert answer.status_code == status
    assert "Traceback" not in answer.text
    if status != 405:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["detail"]


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda deeper: st.lists(deeper, max_size=3) | st.dictionaries(st.text(max_size=8), deeper, max_size=3),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=200) | JSON.map(json.dumps).map(str.encode))
async def test_no_body_makes_a_defect(notes: Door, body: bytes) -> None:
    headers = {"authorization": f"Bearer {await notes.key()}"}
    for path in ("/v1/tools/notes_add_note:call", "/v1/tools:search", "/v1/connectors"):
        answer = await notes.client.post(path, content=body, headers=headers)
        assert answer.status_code < 500, (path, body, answer.text)


async def test_the_audit_log_shows_a_caller_only_its_own_tenant(notes: Door) -> None:
    await notes.post("/v1/tools/notes_list_notes:call", await notes.key(tenant="red"))
    await notes.post("/v1/tools/notes_list_notes:call", await notes.key(tenant="blue"))
    seen = (await notes.get("/v1/audit", await notes.key("factotum:audit.read", tenant="red"))).json()
    assert {line["tenant"] for line in seen["lines"]} == {"red"}
    every = await notes.gateway.store.read_audit(AuditFilter(tenant=None))
    assert {line.tenant for line in every} >= {"red", "blue"}
    assert seen["last"] == seen["lines"][-1]["sequence"]


def test_the_document_is_plain_json_and_names_every_struct_it_refers_to() -> None:
    text = msgspec.json.encode(openapi_document()).decode()
    names = json.loads(text)["components"]["schemas"].keys()
    wanted = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert wanted <= names
