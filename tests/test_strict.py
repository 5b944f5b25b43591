"""Strict answers, judged by openapi-core: what fails, what it says of it, and what becomes of the call."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from gateway.core.audit import AuditEntry
from gateway.core.manifest import BearerAuth, Limits
from gateway.stores.base import AuditFilter
from tests.conftest import Backend, Door

pytestmark = pytest.mark.anyio

LAMP = {
    "type": "object",
    "required": ["on"],
    "properties": {
        "on": {"type": "boolean"},
        "level": {"type": "integer", "nullable": True},
        "since": {"type": "string", "format": "date-time"},
        "near": {"$ref": "#/components/schemas/Lamp"},
    },
}
ANSWERS = {
    "200": {
        "description": "The lamp",
        "headers": {"X-Count": {"required": True, "schema": {"type": "integer"}}},
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/Lamp"}},
            "text/plain": {"schema": {"type": "string", "maxLength": 5}},
            "text/csv": {"schema": {"type": "string"}},
            "application/x-ndjson": {"itemSchema": {"$ref": "#/components/schemas/Lamp"}},
        },
    },
    "404": {"description": "None", "content": {"application/json": {"schema": {"type": "string"}}}},
}


def lamps_document(answers: Any = ANSWERS, version: str = "3.0.3") -> dict[str, Any]:
    plain = {
        "200": {"description": "ok", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Lamp"}}}}
    }
    item = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
    return {
        "openapi": version,
        "info": {"title": "Lamps", "version": "1"},
        "paths": {
            "/lamps/{id}": {
                "parameters": [item],
                "get": {"operationId": "getLamp", "responses": answers},
                "head": {"operationId": "headLamp", "responses": plain},
                "put": {"operationId": "setLamp", "responses": plain},
            }
        },
        "components": {"schemas": {"Lamp": LAMP}},
    }


async def open_lamps(door: Door, backend: Backend, document: Any = None, **manifest: Any) -> None:
    await door.add("lamps", document or lamps_document(), backend.url, answers="strict", **manifest)


async def call(door: Door, tool: str = "lamps_get_lamp", **more: Any) -> Any:
    return await door.post(f"/v1/tools/{tool}:call", await door.key(), {"arguments": {"id": "1"}, **more})


async def lines(door: Door) -> Sequence[AuditEntry]:
    every = await door.gateway.store.read_audit(AuditFilter(tenant=None))
    return [line for line in every if line.phase != "administered"]


NOT_SAID = "The answer of lamps is not what its document says: "


@pytest.mark.parametrize(
    ("kind", "body", "problem"),
    [
        ("application/json", b'{"on":true,"level":12345678901234567890123}', ""),
        ("application/json", b'{"on":true,"level":null,"near":{"on":false}}', ""),
        ("application/json; charset=utf-16", '{"on":true}'.encode("utf-16"), ""),
        ("application/json", b'{"on":"yes"}', "/on: expected a boolean"),
        ("application/json", b'{"near":{}}', "/near/on: required; /on: required"),
        ("application/json", b'{"on":true,"since":"yesterday"}', '/since: expected format "date-time"'),
        ("application/json", b"{broken", "the whole: expected JSON"),
        ("application/json", b"", "nothing came, where it declares application/json or text/plain or text/csv or application/x-ndjson"),
        ("text/plain", b"short", ""),
        ("text/plain; charset=latin-1", b"\xe9\xe9\xe9\xe9\xe9", ""),
        ("text/plain", b"too long", "the whole: expected maxLength 5"),
        ("text/csv", b"a,b", ""),
        ("text/html", b"<p>", "text/html came, where it declares application/json or text/plain or text/csv or application/x-ndjson"),
    ],
)  # fmt: skip
async def test_a_success_that_is_not_what_its_document_says_fails_and_says_where(
    door: Door, backend: Backend, kind: str, body: bytes, problem: str
) -> None:
    await open_lamps(door, backend)
    backend.answers["GET /lamps/1"] = (200, kind, body)
    backend.headers = ((b"x-count", b"3"),)
    answer = await call(door)
    if not problem:
        assert (answer.status_code, answer.json()["status"]) == (200, 200)
        assert answer.json()["notes"] == ["Headers: x-count: 3."]
        return
    told = answer.json()
    assert (answer.status_code, told["title"], told["retry"]) == (502, "Invalid answer", False)
    said = told["detail"].removeprefix(NOT_SAID).removesuffix(".")
    assert sorted(said.split("; ")) == sorted(problem.split("; "))
    assert len(backend.seen) == 1


@pytest.mark.parametrize(
    ("headers", "problem"),
    [
        ((), "the header X-Count is missing"),
        (((b"x-count", b"many"),), "the header X-Count: cannot be read as what it should be"),
    ],
)
async def test_the_headers_of_an_answer_count(door: Door, backend: Backend, headers: Any, problem: str) -> None:
    await open_lamps(door, backend)
    backend.answers["GET /lamps/1"] = (200, "application/json", b'{"on":true}')
    backend.headers = headers
    assert (await call(door)).json()["detail"] == f"{NOT_SAID}{problem}."


async def test_a_status_that_is_not_declared_fails(door: Door, backend: Backend) -> None:
    await open_lamps(door, backend)
    backend.answers["GET /lamps/1"] = (207, "application/json", b'{"on":true}')
    assert (await call(door)).json()["detail"] == f"{NOT_SAID}the status 207 came, where it declares 200 or 404."


@pytest.mark.parametrize("status", [404, 500])
async def test_an_error_of_the_backend_stays_its_error(door: Door, backend: Backend, status: int) -> None:
    await open_lamps(door, backend)
    backend.answers["GET /lamps/1"] = (status, "application/json", b'{"detail":"no such lamp"}')
    answer = (await call(door)).json()
    assert (answer["status"], answer["is_error"]) == (status, True)
    assert "no such lamp" in answer["content"][0]["text"]


async def test_the_answer_to_head_has_no_content(door: Door, backend: Backend) -> None:
    await open_lamps(door, backend)
    backend.answers["HEAD /lamps/1"] = (200, "application/json", b"")
    assert (await call(door, "lamps_head_lamp")).json()["status"] == 200


async def test_a_write_with_an_invalid_answer_was_carried_out_and_is_not_sent_again(
    door: Door, backend: Backend
) -> None:
    await open_lamps(door, backend, auth=BearerAuth("lamp-token"))
    backend.answers["PUT /lamps/1"] = (200, "application/json", b'{"on":true,"near":{"s3cret-lamp-token":1}}')
    answer = (await call(door, "lamps_set_lamp")).json()
    assert (answer["status"], answer["may_have_happened"], len(backend.seen)) == (502, True, 1)
    sending, done = await lines(door)
    assert (sending.phase, done.phase, done.status, done.error) == ("sending", "done", 200, "Invalid answer")
    assert "s3cret" not in json.dumps([answer, done.reasons])


async def test_what_came_is_not_in_the_error(door: Door, backend: Backend) -> None:
    await open_lamps(door, backend, auth=BearerAuth("lamp-token"))
    backend.answers["PUT /lamps/1"] = (200, "application/json", b'{"on":"s3cret-lamp-token","since":"private"}')
    detail = (await call(door, "lamps_set_lamp")).json()["detail"]
    assert detail == f"{NOT_SAID}/on: expected a boolean."
    backend.answers["PUT /lamps/1"] = (200, "application/json", b'{"on":true,"since":"private"}')
    assert "private" not in (await call(door, "lamps_set_lamp")).text


async def test_a_stream_is_judged_item_by_item(door: Door, backend: Backend) -> None:
    await open_lamps(door, backend, lamps_document(version="3.2.0"))
    backend.headers = ((b"x-count", b"3"),)
    backend.answers["GET /lamps/1"] = (200, "application/x-ndjson", b'{"on":true}\n{"on":false}\n')
    assert (await call(door)).json()["structured"] == [{"on": True}, {"on": False}]
    backend.answers["GET /lamps/1"] = (200, "application/x-ndjson", b'{"on":true}\n{"on":1}\n')
    assert (await call(door)).json()["detail"] == f"{NOT_SAID}/1/on: expected a boolean."


async def test_what_was_not_read_to_its_end_cannot_be_judged(door: Door, backend: Backend) -> None:
    await open_lamps(door, backend, limits=Limits(response_bytes_max=10))
    backend.answers["GET /lamps/1"] = (200, "application/json", b'{"on":true}   ')
    assert "no more than its first 10 bytes were read" in (await call(door)).json()["detail"]


async def test_where_openapi_core_cannot_judge_our_own_reading_does(door: Door, backend: Backend) -> None:
    answers = json.loads(json.dumps(ANSWERS))
    answers["200"]["content"]["application/json"]["schema"] = {"type": "nonsense", "required": ["on"]}
    await open_lamps(door, backend, lamps_document(answers))
    shown = (await door.get("/v1/connectors/lamps", await door.key())).json()
    assert "answers-by-own-reading" in [repair["reason"] for repair in shown["repairs"]]
    backend.answers["GET /lamps/1"] = (200, "application/json", b"{}")
    assert (await call(door)).json()["detail"] == f"{NOT_SAID}/on: required."
    backend.answers["GET /lamps/1"] = (200, "application/json", b"{broken")
    assert (await call(door)).json()["detail"] == f"{NOT_SAID}the whole: expected JSON."
    backend.answers["GET /lamps/1"] = (200, "application/json", b'{"on":true}')
    assert (await call(door)).json()["status"] == 200


async def test_a_page_that_is_not_what_its_document_says_ends_the_list(door: Door, backend: Backend) -> None:
    page = {
        "type": "object",
        "required": ["items"],
        "properties": {
            "items": {"type": "array", "items": {"type": "integer"}, "maxItems": 2},
            "next": {"type": "string"},
        },
    }
    cursor = {"name": "cursor", "in": "query", "schema": {"type": "string"}}
    answers = {"200": {"description": "ok", "content": {"application/json": {"schema": page}}}}
    document = {
        "openapi": "3.1.0",
        "info": {"title": "N", "version": "1"},
        "paths": {
            path: {"get": {"operationId": "list", "parameters": [cursor], "responses": answers}} for path in ["/n"]
        },
    }
    await door.add("n", document, backend.url, answers="strict")
    for query, body in (("", b'{"items":[1,2],"next":"b"}'), ("?cursor=b", b'{"items":[3,4],"next":"c"}')):
        backend.answers[f"GET /n{query}"] = (200, "application/json", body)
    backend.answers["GET /n?cursor=c"] = (200, "application/json", b'{"items":["x"],"next":"d"}')
    answer = (await door.post("/v1/tools/n_list:call", await door.key(), {"pages_max": 9})).json()
    assert answer["structured"]["items"] == [1, 2, 3, 4]
    assert answer["notes"][:2] == ["2 pages, 4 items.", "Reading on was stopped: page 3 could not be had."]
