"""A call through the front door: what reaches the backend, what does not, and what the audit log says of it."""

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from gateway.audit import AuditLog
from gateway.call import Asked, Calls
from gateway.core.audit import AuditEntry
from gateway.core.manifest import BearerAuth, Limits, ScopeRules
from gateway.core.principal import Principal
from gateway.errors import StoreFailed
from gateway.quotas import Quotas
from gateway.stores.base import AuditFilter
from tests.conftest import Backend, Door

pytestmark = pytest.mark.anyio

LAMPS: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Lamps", "version": "1"},
    "components": {
        "securitySchemes": {
            "oauth": {
                "type": "oauth2",
                "flows": {
                    "clientCredentials": {
                        "tokenUrl": "https://login.example/token",
                        "scopes": {"lamps.read": "See", "lamps.write": "Switch"},
                    }
                },
            }
        }
    },
    "paths": {
        "/lamps/{id}": {
            "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}],
            "get": {
                "operationId": "getLamp",
                "security": [{"oauth": ["lamps.read"]}],
                "responses": {"200": {"description": "The lamp"}},
            },
            "put": {
                "operationId": "setLamp",
                "security": [{"oauth": ["lamps.write"]}],
                "parameters": [{"name": "fade", "in": "query", "schema": {"type": "integer"}}],
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "required": ["on"],
                                "properties": {
                                    "on": {"type": "boolean"},
                                    "pin": {"type": "string", "format": "password"},
                                },
                            }
                        }
                    },
                },
                "responses": {"200": {"description": "The lamp"}},
            },
        }
    },
}


@pytest.fixture
async def lamps(door: Door, backend: Backend) -> Door:
    await door.add("lamps", LAMPS, backend.url, auth=BearerAuth("lamp-token"), limits=Limits(timeout_s=5))
    return door


async def call(door: Door, token: str, tool: str, arguments: dict[str, Any], **more: Any) -> Any:
    return await door.post(f"/v1/tools/{tool}:call", token, {"arguments": arguments, **more})


async def lines(door: Door) -> Sequence[AuditEntry]:
    every = await door.gateway.store.read_audit(AuditFilter(tenant=None))
    return [line for line in every if line.phase != "administered"]


async def test_a_call_sends_exactly_the_request_that_the_document_describes(lamps: Door, backend: Backend) -> None:
    answer = await call(lamps, await lamps.key(), "lamps_set_lamp", {"id": "desk/1", "fade": 3, "on": True})
    assert (answer.status_code, answer.json()["structured"]) == (200, {"ok": True})
    (seen,) = backend.seen
    assert (seen.method, seen.target, json.loads(seen.body)) == ("PUT", "/lamps/desk%2F1?fade=3", {"on": True})
    assert seen.headers["authorization"] == "Bearer s3cret-lamp-token"


async def test_a_missing_scope_stops_the_call_before_anything_is_sent(lamps: Door, backend: Backend) -> None:
    answer = await call(lamps, await lamps.key("lamps:lamps.read"), "lamps_set_lamp", {"id": "1", "on": True})
    assert (answer.status_code, answer.json()["scopes"], backend.seen) == (403, ["lamps:lamps.write"], [])
    assert 'scope="lamps:lamps.write"' in answer.headers["www-authenticate"]
    assert [(line.phase, line.verdict) for line in await lines(lamps)] == [("denied", "deny")]


async def test_a_scope_of_another_connector_with_the_same_name_does_not_do(lamps: Door, backend: Backend) -> None:
    answer = await call(lamps, await lamps.key("other:lamps.write"), "lamps_set_lamp", {"id": "1", "on": True})
    assert (answer.status_code, backend.seen) == (403, [])


async def test_who_holds_a_scope_holds_what_the_manifest_says_that_it_implies(door: Door, backend: Backend) -> None:
    rules = ScopeRules(names={"lamps.write": "control"}, implies={"control": ("lamps.read",), "admin": ("control",)})
    await door.add("lamps", LAMPS, backend.url, scopes=rules)
    read, write = "/v1/tools/lamps_get_lamp:call", "/v1/tools/lamps_set_lamp:call"
    admin, reader, old = (
        await door.key("lamps:admin"),
        await door.key("lamps:lamps.read"),
        await door.key("lamps:lamps.write"),
    )
    assert (await door.post(read, admin, {"arguments": {"id": "1"}})).status_code == 200
    assert (await door.post(write, admin, {"arguments": {"id": "1", "on": True}})).status_code == 200
    refused = await door.post(write, reader, {"arguments": {"id": "1", "on": True}})
    assert (refused.status_code, refused.json()["scopes"]) == (403, ["lamps:control"])
    assert (await door.post(write, old, {"arguments": {"id": "1", "on": True}})).status_code == 403


async def test_a_key_without_scopes_may_do_nothing(lamps: Door, backend: Backend) -> None:
    token = await lamps.key("nothing:at-all")
    assert (await call(lamps, token, "lamps_get_lamp", {"id": "1"})).status_code == 403
    assert (await lamps.get("/v1/tools", token)).json()["tools"] == []
    assert backend.seen == []


async def test_without_a_key_nothing_answers(lamps: Door, backend: Backend) -> None:
    for token in ("", "fct_no_such", "x" * 10_000):
        answer = await call(lamps, token, "lamps_get_lamp", {"id": "1"})
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
    assert backend.seen == []


async def test_wrong_arguments_are_named_with_what_was_expected(lamps: Door, backend: Backend) -> None:
    arguments = {"id": "1", "on": "very", "colour": "red"}
    answer = await call(lamps, await lamps.key(), "lamps_set_lamp", arguments)
    assert (answer.status_code, backend.seen) == (422, [])
    problems = {problem["argument"]: problem["expected"] for problem in answer.json()["problems"]}
    assert problems.keys() == {"on", "colour"}
    assert "boolean" in problems["on"]
    assert "very" not in answer.text
    assert [line.phase for line in await lines(lamps)] == ["rejected"]


async def test_an_unknown_tool_is_a_clear_error_and_a_line_in_the_log(lamps: Door) -> None:
    answer = await call(lamps, await lamps.key(), "lamps_explode", {})
    assert (answer.status_code, answer.json()["title"]) == (404, "Not found")
    assert [(line.phase, line.tool) for line in await lines(lamps)] == [("rejected", "lamps_explode")]


async def test_a_policy_that_forbids_is_final_and_says_why(
    opens: Callable[..., Any], backend: Backend, tmp_path: Path
) -> None:
    policies = tmp_path / "policies"
    policies.mkdir()
    (policies / "lamps.cedar").write_text(
        '@id("in-scope") permit (principal, action, resource) when { context.in_scope };\n'
        '@id("lamps-stay") @reason("Nobody switches lamps here.")\n'
        'forbid (principal, action in Action::"write", resource in Connector::"lamps");\n'
    )
    async with opens(policies_dir=str(policies)) as door:
        await door.add("lamps", LAMPS, backend.url)
        token = await door.key()
        answer = await call(door, token, "lamps_set_lamp", {"id": "1", "on": True})
        assert (answer.status_code, answer.json()["detail"]) == (403, "Nobody switches lamps here.")
        assert backend.seen == []
        assert (await call(door, token, "lamps_get_lamp", {"id": "1"})).status_code == 200
        denied, done = await lines(door)
        assert (denied.phase, denied.policies) == ("denied", ("lamps-stay",))
        assert (done.phase, done.policies) == ("done", ("in-scope",))


async def test_a_dry_run_shows_the_request_without_its_secret_and_sends_nothing(lamps: Door, backend: Backend) -> None:
    answer = await call(lamps, await lamps.key(), "lamps_set_lamp", {"id": "1", "on": False}, dry_run=True)
    shown = answer.json()["structured"]
    assert (shown["method"], shown["url"], shown["body"]) == ("PUT", f"{backend.url}/lamps/1", '{"on":false}')
    assert "authorization" in {name.lower() for name in shown["headers"]}
    assert "s3cret" not in answer.text
    assert backend.seen == []
    assert [line.phase for line in await lines(lamps)] == ["previewed"]


async def test_a_dry_run_needs_the_same_scopes_as_the_call(lamps: Door) -> None:
    token = await lamps.key("lamps:lamps.read")
    answer = await call(lamps, token, "lamps_set_lamp", {"id": "1", "on": True}, dry_run=True)
    assert answer.status_code == 403


async def test_a_secret_that_the_backend_sends_back_does_not_reach_the_caller(lamps: Door, backend: Backend) -> None:
    backend.answers["GET /lamps/1"] = (200, "application/json", b'{"you_sent":"Bearer s3cret-lamp-token"}')
    answer = await call(lamps, await lamps.key(), "lamps_get_lamp", {"id": "1"})
    assert answer.status_code == 200
    assert "you_sent" in answer.text
    assert "s3cret" not in answer.text


async def test_a_write_is_in_the_log_before_it_is_sent_and_again_with_its_end(lamps: Door, backend: Backend) -> None:
    await call(lamps, await lamps.key(subject="grace"), "lamps_set_lamp", {"id": "1", "on": True, "pin": "4711"})
    sending, done = await lines(lamps)
    assert (sending.phase, done.phase, sending.call_id == done.call_id) == ("sending", "done", True)
    assert (done.subject, done.door, done.effect, done.status, done.verdict) == ("grace", "rest", "write", 200, "allow")
    assert (done.request_bytes, done.response_bytes) == (len(backend.seen[0].body), len(b'{"ok":true}'))
    assert json.loads(bytes(done.arguments)) == {"id": "1", "on": True, "pin": "[redacted]"}
    assert "lamp-token" in done.identity
    assert "s3cret" not in done.identity


async def test_a_read_has_one_line(lamps: Door) -> None:
    await call(lamps, await lamps.key(), "lamps_get_lamp", {"id": "1"})
    assert [line.phase for line in await lines(lamps)] == ["done"]


async def test_an_error_of_the_backend_is_told_with_its_status_and_whether_to_retry(
    lamps: Door, backend: Backend
) -> None:
    told = b'{"title":"Lamp is hot","detail":"Wait a minute."}'
    backend.answers["PUT /lamps/1"] = (503, "application/problem+json", told)
    answer = (await call(lamps, await lamps.key(), "lamps_set_lamp", {"id": "1", "on": True})).json()
    assert (answer["is_error"], answer["status"], answer["retry"]["worthwhile"]) == (True, 503, True)
    assert "Lamp is hot" in answer["content"][0]["text"]
    assert len(backend.seen) == 1


async def test_an_answer_above_the_limit_is_cut_and_says_so(door: Door, backend: Backend) -> None:
    await door.add("lamps", LAMPS, backend.url, limits=Limits(result_bytes_max=100))
    backend.answers["GET /lamps/1"] = (200, "application/json", b'{"x":"' + b"y" * 1_000 + b'"}')
    answer = (await call(door, await door.key(), "lamps_get_lamp", {"id": "1"})).json()
    assert (answer["truncated"], answer["is_error"]) == (True, False)
    assert answer["structured"]["x"].startswith("yyyy")
    assert answer["notes"][0].startswith("Cut from 1008 bytes to ")


async def test_big_integers_come_through_exact(lamps: Door, backend: Backend) -> None:
    backend.answers["GET /lamps/1"] = (200, "application/json", b'{"id":12345678901234567890123,"x":1.10}')
    answer = await call(lamps, await lamps.key(), "lamps_get_lamp", {"id": "1"})
    assert b'"structured":{"id":12345678901234567890123,"x":1.10}' in answer.content


async def test_a_connector_without_its_secret_says_which_is_missing(
    opens: Callable[..., Any], backend: Backend
) -> None:
    async with opens() as door:
        await door.add("lamps", LAMPS, backend.url, auth=BearerAuth("lamp-token"))
        answer = await call(door, await door.key(), "lamps_get_lamp", {"id": "1"})
        assert (answer.status_code, backend.seen) == (503, [])
        assert "lamp-token" in answer.json()["detail"]


async def test_a_backend_on_a_private_address_is_not_reached_unless_the_manifest_allows_it(
    door: Door, backend: Backend
) -> None:
    await door.add("lamps", LAMPS, backend.url, allow_addresses=())
    answer = await call(door, await door.key(), "lamps_get_lamp", {"id": "1"})
    assert (answer.status_code, backend.seen) == (502, [])
    assert "allow_addresses" in answer.json()["detail"]


async def test_a_write_that_times_out_is_uncertain_and_says_so(door: Door, backend: Backend) -> None:
    await door.add("lamps", LAMPS, backend.url, limits=Limits(timeout_s=0.2))
    backend.held = True
    answer = await call(door, await door.key(), "lamps_set_lamp", {"id": "1", "on": True})
    assert (answer.status_code, answer.json()["may_have_happened"]) == (504, True)
    assert [line.phase for line in await lines(door)] == ["sending", "uncertain"]
    assert len(backend.seen) == 1


async def test_a_write_whose_caller_goes_away_is_cancelled_at_the_backend_and_logged_as_uncertain(
    lamps: Door, backend: Backend
) -> None:
    backend.held = True
    principal = Principal("default", "ada", "test", scopes=frozenset({"lamps:lamps.write"}))
    asked = Asked("lamps_set_lamp", {"id": "1", "on": True}, "rest")
    calling = asyncio.create_task(lamps.gateway.calls.call(principal, asked))
    await asyncio.wait_for(backend.arrived.wait(), 5)
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    await asyncio.wait_for(backend.left.wait(), 5)
    assert [line.phase for line in await lines(lamps)] == ["sending", "uncertain"]


class FullDisk:
    """A store that cannot take a line."""

    async def append_audit(self, entries: Sequence[AuditEntry]) -> None:
        raise StoreFailed("The disk is full.")

    async def read_audit(self, wanted: AuditFilter) -> Sequence[AuditEntry]:
        return ()


async def test_a_write_that_cannot_be_recorded_is_not_sent(lamps: Door, backend: Backend) -> None:
    parts = lamps.gateway
    async with AuditLog(FullDisk()) as audit:
        calls = Calls(
            parts.published,
            parts.calls._credentials,
            parts.calls._upstream,
            audit,
            parts.results,
            Quotas((), time.monotonic),
            parts.approvals,
            clock=parts.calls._clock,
            new_id=lambda: "1",
        )
        principal = Principal("default", "ada", "test", scopes=frozenset({"lamps:lamps.write"}))
        with pytest.raises(StoreFailed):
            await calls.call(principal, Asked("lamps_set_lamp", {"id": "1", "on": True}, "rest"))
    assert backend.seen == []


async def test_a_file_goes_on_under_the_name_that_its_service_gave_it(door: Door, backend: Backend) -> None:
    files = {
        "openapi": "3.1.0",
        "info": {"title": "Files", "version": "1"},
        "paths": {
            "/report": {
                "get": {"operationId": "getReport", "responses": {"200": {"content": {"application/pdf": {}}}}}
            },
            "/upload": {
                "post": {
                    "operationId": "upload",
                    "requestBody": {
                        "content": {
                            "multipart/form-data": {
                                "schema": {
                                    "type": "object",
                                    "properties": {"file": {"type": "string", "format": "binary"}},
                                }
                            }
                        }
                    },
                    "responses": {"200": {}},
                }
            },
        },
    }
    await door.add("files", files, backend.url)
    token = await door.key()
    backend.answers["GET /report"] = (200, 'application/pdf; name="Q1 é.pdf"', b"%PDF\0")
    answer = (await call(door, token, "files_get_report", {})).json()
    assert (answer["content"][0]["filename"], answer["notes"]) == ("Q1 é.pdf", ["The file is named 'Q1 é.pdf'."])
    await call(door, token, "files_upload", {"file": {"resource": answer["handle"]}})
    assert 'filename="Q1 é.pdf"'.encode() in backend.seen[-1].body


REPORT = {"type": "object", "properties": {"rows": {"type": "array", "items": {"type": "integer"}}}}


@pytest.fixture
async def reports(door: Door, backend: Backend) -> Door:
    kinds = {"application/json": REPORT, "text/csv": {"type": "string"}, "application/xml": REPORT}
    content = {"content": {kind: {"schema": schema} for kind, schema in kinds.items()}}
    document = {
        "openapi": "3.1.0",
        "info": {"title": "Reports", "version": "1"},
        "paths": {"/r": {"get": {"operationId": "getReport", "responses": {"200": {"description": "ok", **content}}}}},
    }
    await door.add("reports", document, backend.url)
    return door


async def test_of_several_media_types_one_can_be_asked_for(reports: Door, backend: Backend) -> None:
    token = await reports.key()
    shown = (await reports.get("/v1/tools?format=openai", token)).json()[0]["function"]["parameters"]["properties"]
    assert shown["_accept"]["enum"] == ["application/json", "text/csv"]
    backend.answers["GET /r"] = (200, "text/csv", b"a,b")
    told = (await call(reports, token, "reports_get_report", {"_accept": "text/csv"})).json()
    assert (told["content"][0]["text"], told["notes"]) == ("a,b", [])
    await call(reports, token, "reports_get_report", {}, accept="application/xml")
    await call(reports, token, "reports_get_report", {})
    assert [one.headers["accept"] for one in backend.seen] == [
        "text/csv, application/json;q=0.2, */*;q=0.1",
        "application/xml, application/json;q=0.2, */*;q=0.1",
        "application/json, text/csv;q=0.9, application/xml;q=0.8, */*;q=0.1",
    ]


@pytest.mark.parametrize("kind", ["image/png", "*/*", "text/csv\r\nX: 1", "text", "x" * 300])
async def test_a_media_type_that_is_not_declared_is_not_asked_for(reports: Door, backend: Backend, kind: str) -> None:
    answer = await call(reports, await reports.key(), "reports_get_report", {"_accept": kind})
    assert (answer.status_code, backend.seen) == (422, [])
    assert answer.json()["problems"][0]["argument"] == "_accept"


TYPED = {"type": "object", "required": ["on"], "properties": {"on": {"type": "boolean"}, "level": {"type": "integer"}}}


@pytest.mark.parametrize(
    ("body", "notes"),
    [
        (b'{"on":true,"level":3,"more":1}', []),
        (b'{"on":"yes","level":1.5}', ["/level: expected an integer", "/on: expected a boolean"]),
        (b"[]", ["the whole: expected an object"]),
        (b"{}", ["/on: required"]),
    ],
)
async def test_an_answer_that_is_not_what_its_document_says_is_given_with_a_note(
    door: Door, backend: Backend, body: bytes, notes: list[str]
) -> None:
    document = json.loads(json.dumps(LAMPS))
    document["paths"]["/lamps/{id}"]["get"]["responses"]["200"]["content"] = {"application/json": {"schema": TYPED}}
    await door.add("lamps", document, backend.url)
    backend.answers["GET /lamps/1"] = (200, "application/json", body)
    answer = (await call(door, await door.key(), "lamps_get_lamp", {"id": "1"})).json()
    assert (answer["is_error"], answer["structured"]) == (False, json.loads(body))
    told = [note.removeprefix("The answer is not what its document says: ") for note in answer["notes"]]
    assert sorted("".join(told).rstrip(".").split("; ")) == (notes or [""])


async def test_what_the_document_fixes_is_sent_without_being_asked_for_and_the_audit_log_has_it(
    door: Door, backend: Backend
) -> None:
    revision = {"name": "Revision", "in": "header", "required": True, "schema": {"type": "string", "default": "v7"}}
    document = {
        "openapi": "3.1.0",
        "info": {"title": "Revised", "version": "1"},
        "paths": {
            "/a": {"get": {"operationId": "a", "parameters": [revision], "responses": {"200": {"description": "a"}}}}
        },
    }
    await door.add("revised", document, backend.url)
    assert (await call(door, await door.key(), "revised_a", {})).status_code == 200
    assert backend.seen[0].headers["revision"] == "v7"
    assert json.loads(bytes((await lines(door))[-1].arguments)) == {"Revision": "v7"}
