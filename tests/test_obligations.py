"""Obligations through the front door: what a policy wants redacted reaches the caller in no way."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.core.manifest import Limits
from gateway.core.principal import OPERATOR
from tests.conftest import Backend, Door
from tests.edge.test_mcp_clients import client, served

pytestmark = pytest.mark.anyio

SECRET = "ada@example.org"
POLICIES = """
@id("everybody")
permit (principal, action, resource) when { context.in_scope };
@id("without-addresses")
@obligation("redact:customer.email, redact:iban")
permit (principal, action, resource)
when { context.in_scope && !principal.groups.contains("staff") };
"""
ORDERS: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Orders", "version": "1"},
    "paths": {
        "/orders": {
            "get": {
                "operationId": "listOrders",
                "parameters": [{"name": "page", "in": "query", "schema": {"type": "integer"}}],
                "responses": {"200": {"description": "Orders", "content": {"application/json": {"schema": {
                    "type": "object", "properties": {"orders": {"type": "array", "items": {"type": "object"}},
                                                     "iban": {"type": "integer"}}}}}}},
            },
            "post": {"operationId": "addOrder", "responses": {"202": {"description": "Accepted"}}},
        },
        "/export": {"get": {"operationId": "exportOrders", "responses": {"200": {"description": "CSV"}}}},
    },
}  # fmt: skip
ORDER = {"id": 7, "total": 1.10, "customer": {"email": SECRET, "name": "Ada"}, "iban": 12345678}


@pytest.fixture
def redacting(opens: Callable[..., Any], backend: Backend, tmp_path: Path) -> Callable[..., Any]:
    @asynccontextmanager
    async def opened(**limits: Any) -> AsyncIterator[Door]:
        folder = tmp_path / "policies"
        folder.mkdir()
        (folder / "ours.cedar").write_text(POLICIES)
        async with opens(policies_dir=str(folder)) as door:
            await door.add("shop", ORDERS, backend.url, limits=Limits(**limits))
            yield door

    return opened


def answers(backend: Backend, body: Any, kind: str = "application/json", path: str = "/orders") -> None:
    text = body if isinstance(body, str) else json.dumps(body)
    backend.answers[f"GET {path}"] = (200, kind, text.encode())


def assert_hidden(text: str) -> None:
    assert SECRET not in text
    assert "12345678" not in text


async def call(door: Door, token: str, tool: str = "shop_list_orders", **body: Any) -> dict[str, Any]:
    answer = await door.post(f"/v1/tools/{tool}:call", token, body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_the_fields_are_blotted_out_and_the_caller_is_told(
    redacting: Callable[..., Any], backend: Backend
) -> None:
    answers(backend, {"orders": [ORDER]})
    async with redacting() as door:
        told = await call(door, await door.key())
        assert told["structured"]["orders"] == [
            {"id": 7, "total": 1.1, "customer": {"email": "[redacted]", "name": "Ada"}, "iban": "[redacted]"}
        ]
        assert '"total": 1.1,' in told["content"][0]["text"]
        assert told["notes"][-1] == "A policy wants these fields redacted: customer.email, iban."
        assert_hidden(json.dumps(told))
        staff = await call(door, await door.key(groups=("staff",), subject="ben"))
        assert staff["structured"]["orders"] == [ORDER]


async def test_a_selection_a_filter_and_an_error_see_no_more(redacting: Callable[..., Any], backend: Backend) -> None:
    answers(backend, {"orders": [ORDER], "iban": 12345678})
    async with redacting() as door:
        token = await door.key()
        for select in ("orders[].customer.email", f"orders[?customer.email=='{SECRET}']", "iban", "to_string(@)"):
            told = await call(door, token, select=select)
            assert_hidden(json.dumps(told))
        assert (await call(door, token, select=f"orders[?customer.email=='{SECRET}']"))["structured"] == []
        backend.answers["GET /orders"] = (
            422,
            "application/problem+json",
            json.dumps({"title": "No", "detail": "Why not", "iban": 12345678}).encode(),
        )
        told = await call(door, token)
        assert told["is_error"]
        assert "Why not" in told["content"][0]["text"]
        assert_hidden(json.dumps(told))


async def test_what_is_kept_is_kept_without_the_fields(redacting: Callable[..., Any], backend: Backend) -> None:
    answers(backend, {"orders": [ORDER] * 200})
    async with redacting(result_bytes_max=2_000) as door:
        token = await door.key()
        told = await call(door, token)
        assert told["truncated"]
        name = told["handle"].rpartition("/")[2]
        pieces = [
            await door.get(f"/v1/results/{name}{query}", token)
            for query in ("", "?select=orders[].customer", "?offset=0", "?offset=1500", "?select=orders[0].iban")
        ]
        assert [one.status_code for one in pieces] == [200] * 5
        for piece in pieces:
            assert_hidden(piece.text)
        async with served(door) as url, client(url, token, "2026-07-28") as one:
            (content,) = (await one.read_resource(told["handle"])).contents
            assert '"name": "Ada"' in content.text
            assert_hidden(content.text)


FORBIDS = """
@id("closed") @reason("Orders are not for looking at now.")
forbid (principal, action == Action::"shop_list_orders", resource) when { context.arguments has page && context.arguments.page == 2 };
"""
LESS = """
@id("no-totals") @obligation("redact:total")
permit (principal, action, resource) when { context.in_scope };
"""


async def test_what_is_kept_is_judged_again_whenever_it_is_read(
    redacting: Callable[..., Any], backend: Backend, tmp_path: Path
) -> None:
    answers(backend, {"orders": [ORDER] * 200}, path="/orders?page=2")
    answers(backend, {"orders": [ORDER] * 200}, path="/orders?page=1")
    async with redacting(result_bytes_max=2_000) as door:
        token = await door.key()
        kept = [
            (await door.post("/v1/tools/shop_list_orders:call", token, {"arguments": {"page": page}})).json()["handle"]
            for page in (1, 2)
        ]
        reads = [f"/v1/results/{one.rpartition('/')[2]}?select=orders[0]" for one in kept]

        async def read() -> list[int]:
            return [(await door.get(one, token)).status_code for one in reads]

        async def now(policies: str) -> None:
            (tmp_path / "policies" / "ours.cedar").write_text(policies)
            for _ in range(2):
                await door.gateway.policy_watch.look()

        assert await read() == [200, 200]
        assert "1.1" in (await door.get(reads[1], token)).text
        await now(POLICIES + FORBIDS)
        assert await read() == [200, 403], "of the same tool, by the arguments of each call"
        assert (await door.get(reads[1], token)).json()["detail"] == "Orders are not for looking at now."
        async with served(door) as url, client(url, token, "2026-07-28") as one:
            told = await one.call_tool("read_result", {"uri": kept[1]})
            assert (told.is_error, "not for looking at now" in str(told.content)) == (True, True)
            with pytest.raises(Exception, match="not for looking at now"):
                await one.read_resource(kept[1])
        await now(POLICIES + LESS)
        less = await door.get(reads[1], token)
        assert (less.status_code, "1.1" in less.text, "[redacted]" in less.text) == (200, False, True)
        await door.gateway.ingestion.remove(OPERATOR, "shop")
        assert await read() == [200, 200]


@pytest.mark.parametrize("kind", ["application/x-ndjson", "text/event-stream"])
async def test_streams_are_redacted_value_by_value(redacting: Callable[..., Any], backend: Backend, kind: str) -> None:
    line = json.dumps(ORDER)
    plain = f"data: {SECRET}\n\n" if kind == "text/event-stream" else ""
    body = f"data: {line}\n\nevent: more\ndata: {line}\n\n{plain}" if plain else f"{line}\n{line}\n"
    answers(backend, body, kind)
    async with redacting() as door:
        told = await call(door, await door.key())
        assert '"name": "Ada"' in told["content"][0]["text"]
        assert len(told["structured"]) == (3 if plain else 2)
        assert_hidden(json.dumps(told))


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/csv", f"email,iban\n{SECRET},12345678\n"),
        ("application/xml", f"<order><iban>12345678</iban><email>{SECRET}</email></order>"),
        ("text/plain", SECRET),
        ("application/pdf", f"%PDF {SECRET}"),
        ("image/png", SECRET),
        ("application/json", '{"iban": 12345678, "customer"'),
    ],
)
async def test_an_answer_without_fields_is_not_handed_over_and_the_sentence_says_so(
    redacting: Callable[..., Any], backend: Backend, kind: str, body: str
) -> None:
    answers(backend, body, kind, "/export")
    async with redacting() as door:
        told = await call(door, await door.key(), "shop_export_orders")
        (block,) = told["content"]
        assert block["text"].startswith("[not handed over: a policy wants customer.email, iban redacted")
        assert_hidden(json.dumps(told))
        assert not told["handle"]
        staff = await call(door, await door.key(groups=("staff",), subject="ben"), "shop_export_orders")
        assert "not handed over" not in json.dumps(staff)


async def test_all_pages_of_a_list_are_redacted_before_they_are_put_together(
    redacting: Callable[..., Any], backend: Backend
) -> None:
    for page in (1, 2, 3):
        text = json.dumps({"orders": [{**ORDER, "id": page}] if page < 3 else []})
        backend.answers[f"GET /orders?page={page}"] = (200, "application/json", text.encode())
    async with redacting() as door:
        told = await call(door, await door.key(), arguments={"page": 1}, pages_max=5)
        assert [one["id"] for one in told["structured"]["orders"]] == [1, 2]
        assert_hidden(json.dumps(told))


async def test_what_accepted_work_comes_to_is_redacted_too(redacting: Callable[..., Any], backend: Backend) -> None:
    backend.answers["POST /orders"] = (202, "application/json", json.dumps({"status": "running"}).encode())
    backend.headers = ((b"location", b"/orders/7"), (b"retry-after", b"0"))
    answers(backend, {"status": "done", **ORDER}, path="/orders/7")
    async with redacting() as door:
        told = await call(door, await door.key(), "shop_add_order", wait_s=5)
        assert told["structured"]["customer"] == {"email": "[redacted]", "name": "Ada"}
        assert_hidden(json.dumps(told))


async def test_a_strict_connector_says_what_is_wrong_with_an_answer_and_not_what_is_in_it(
    redacting: Callable[..., Any], backend: Backend
) -> None:
    answers(backend, {"orders": [ORDER], "iban": "12345678"})
    async with redacting() as door:
        await door.add("strict", ORDERS, backend.url, answers="strict")
        answer = await door.post("/v1/tools/strict_list_orders:call", await door.key(), {})
        assert (answer.status_code, "/iban" in answer.text) == (502, True)
        assert_hidden(answer.text)


async def test_the_log_says_what_was_decided_and_nothing_of_the_answer(
    redacting: Callable[..., Any], backend: Backend
) -> None:
    answers(backend, {"orders": [ORDER]})
    async with redacting() as door:
        await call(door, await door.key())
        lines = (await door.get("/v1/audit?tool=shop_list_orders", await door.key("factotum:audit.read"))).json()[
            "lines"
        ]
        assert [one["policies"] for one in lines] == [["everybody", "without-addresses"]]
        assert_hidden(json.dumps(lines))
