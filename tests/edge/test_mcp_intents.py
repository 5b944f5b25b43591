"""Intents over MCP, through the official client in both eras: handed over, asked about, answered, looked at, cancelled."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import httpx2
import mcp.types
import pytest
from mcp.client.extension import ClaimContext, ClientExtension, ResultClaim
from mcp.client.streamable_http import streamable_http_client
from pydantic import ConfigDict

from gateway.core.toolset import Toolset
from gateway.edge.approvals import DECIDE
from gateway.settings import HttpSettings, McpSettings
from tests.conftest import Door, open_door
from tests.edge.test_mcp_approvals import client
from tests.edge.test_mcp_clients import served
from tests.shop import DOCUMENT, Shop
from tests.test_intent import POLICIES, TEA, Json, literal, plan, ref, shop, step, token
from tests.test_rejections import lines

__all__ = ["shop", "token"]  # Fixtures.

pytestmark = pytest.mark.anyio

URL = "https://gateway.example.com/approvals/"
WHICH = step(
    "tea", "make", item={"kind": "slot", "question": "Which tea?"}, count={"kind": "slot", "question": "Cups?"}
)
ERAS = pytest.mark.parametrize("mode", ["auto", "legacy"])


@pytest.fixture
async def asking(shop: Shop, tmp_path: Path) -> AsyncIterator[Door]:
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "ours.cedar").write_text(POLICIES)
    public = HttpSettings(public_url="https://gateway.example.com")
    async with open_door(tmp_path, policies_dir=str(folder), http=public, follow_s=0.05) as door:
        await door.add("shop", DOCUMENT, shop.url, prefix="")
        yield door


async def call(one: mcp.Client, name: str, **arguments: Any) -> Json:
    result = await one.call_tool(name, arguments)
    assert not result.is_error, result.content
    told: Json = result.structured_content
    return told


@ERAS
async def test_a_plan_is_handed_over_looked_at_and_told_of(door: Door, shop: Shop, token: str, mode: str) -> None:
    async with served(door) as url, client(url, token, mode, None) as one:
        done = await call(one, "fulfil_intent", plan=plan(TEA), wait_s=20)
        assert (done["state"], shop.writes) == ("done", ["make tea"])
        assert [(s["text"], s["certainty"]) for s in done["sentences"]] == [
            ("tea: done, and order shows it.", "verified")
        ]
        assert done["steps"][0]["calls"][0]["result"] == {"id": 1, "item": "tea", "count": 2}
        assert await call(one, "intent_status", intent_id=done["intent_id"]) == done
        shown = await call(one, "fulfil_intent", plan=plan(TEA), mode="preview")
        assert shown["steps"][0]["calls"][0]["request"]["method"] == "POST"
        assert shop.writes == ["make tea"]
        same = [await call(one, "fulfil_intent", plan=plan(TEA), key="k") for _ in range(2)]
        assert (same[0]["intent_id"], len(shop.writes)) == (same[1]["intent_id"], 2)


@ERAS
async def test_a_client_without_forms_is_told_what_is_asked_and_answers_by_a_tool(
    door: Door, shop: Shop, token: str, mode: str
) -> None:
    async with served(door) as url, client(url, token, mode, None) as one:
        asked = await call(one, "fulfil_intent", plan=plan(WHICH))
        assert (asked["state"], [q["key"] for q in asked["questions"]]) == ("needs_input", ["tea/item", "tea/count"])
        assert "answer_intent" in asked["next"]
        wrong = await one.call_tool("answer_intent", {"intent_id": asked["intent_id"], "values": {"tea/item": 3}})
        assert (wrong.is_error, "tea/count: required" in wrong.content[0].text) == (True, True)
        values = {"tea/item": "green", "tea/count": 2}
        done = await call(one, "answer_intent", intent_id=asked["intent_id"], values=values)
        assert (done["state"], shop.writes) == ("done", ["make green"])
        again = await call(one, "fulfil_intent", plan=plan(WHICH))
        assert (await call(one, "cancel_intent", intent_id=again["intent_id"]))["state"] == "cancelled"
        over = await one.call_tool("cancel_intent", {"intent_id": again["intent_id"]})
        assert (over.is_error, "cancelled already" in over.content[0].text) == (True, True)


async def test_a_client_with_forms_shows_one_and_what_does_not_fit_is_asked_again(
    door: Door, shop: Shop, token: str
) -> None:
    shown: list[Any] = []
    answers: list[Json] = [{"tea/item": "green", "tea/count": 1.5}, {"tea/item": "green", "tea/count": 3}]

    async def asked(context: Any, params: Any) -> mcp.types.ElicitResult:
        shown.append(params)
        return mcp.types.ElicitResult(action="accept", content=answers[len(shown) - 1])

    async with served(door) as url, client(url, token, "auto", asked) as one:
        done = await call(one, "fulfil_intent", plan=plan(WHICH))
    assert (done["state"], shop.orders[1]) == ("done", {"id": 1, "item": "green", "count": 3})
    assert (shown[0].mode, shown[0].message) == ("form", "Which tea? Cups?")
    fields = shown[0].requested_schema["properties"]
    assert fields["tea/count"] == {"title": "Cups?", "type": "integer"}
    assert shown[1].message.startswith("tea/count: expected an integer"), shown[1].message
    assert len((await door.get("/v1/intents", token)).json()["intents"]) == 1, "the same call goes on with the same run"


async def test_one_of_several_is_chosen_in_a_form_and_whoever_declines_leaves_it_waiting(
    door: Door, shop: Shop, token: str
) -> None:
    shop.orders = {n: {"id": n, "item": "tea"} for n in (1, 2)}
    less = step("less", "change", id={"kind": "ref", "step": "all", "pointer": "/orders/-/id"}, count=literal(1))
    answers = iter(["decline", "accept"])

    async def asked(context: Any, params: Any) -> mcp.types.ElicitResult:
        ((key, field),) = params.requested_schema["properties"].items()
        assert field["enum"] == ["1", "2"]
        return mcp.types.ElicitResult(action=next(answers), content={key: "2"})

    async with served(door) as url, client(url, token, "auto", asked) as one:
        waits = await call(one, "fulfil_intent", plan=plan(step("all", "orders"), less))
        assert (waits["state"], shop.writes) == ("needs_input", [])
        done = await call(one, "intent_status", intent_id=waits["intent_id"])
    assert (done["state"], shop.writes) == ("done", ["change 2"])


async def test_the_page_of_an_approval_is_shown_and_that_it_was_is_no_yes(asking: Door, shop: Shop) -> None:
    ada, owner, shown = await asking.key(), await asking.key(DECIDE, subject="owner"), []

    async def asked(context: Any, params: Any) -> mcp.types.ElicitResult:
        shown.append(params.url)
        if len(shown) > 1:
            await asking.post(f"/v1/approvals/{params.url.removeprefix(URL)}/approve", owner)
        return mcp.types.ElicitResult(action="accept")

    async with served(asking) as url, client(url, ada, "auto", asked) as one:
        waits = await call(one, "fulfil_intent", plan=plan(TEA), wait_s=2)
        assert (waits["state"], shop.writes, shown) == ("needs_approval", [], [waits["approval"]["url"]])
        done = await call(one, "intent_status", intent_id=waits["intent_id"], wait_s=20)
    assert (done["state"], shop.writes, shown[0]) == ("done", ["make tea"], shown[1])


@ERAS
async def test_a_client_that_opens_no_urls_is_told_where_it_waits(asking: Door, shop: Shop, mode: str) -> None:
    async def nobody(context: Any, params: Any) -> mcp.types.ElicitResult:
        raise AssertionError("nobody is asked")

    callback = nobody if mode == "legacy" else None
    async with served(asking) as url, client(url, await asking.key(), mode, callback) as one:
        waits = await call(one, "fulfil_intent", plan=plan(TEA))
    assert (waits["state"], waits["approval"]["url"]) == ("needs_approval", URL + waits["approval"]["id"])


async def test_what_is_asked_by_one_run_is_carried_for_its_call_and_caller_alone(door: Door, token: str) -> None:
    arguments = {"plan": plan(WHICH)}
    state = (await on_the_wire(door, token, arguments))["result"]["requestState"]
    answers = {"answers": {"action": "accept", "content": {"tea/item": "a", "tea/count": 1}}}
    other = await door.key()
    for who, told in ((other, arguments), (token, {"plan": plan(TEA)})):
        refused = await on_the_wire(door, who, told, requestState=state, inputResponses=answers)
        assert refused["error"]["code"] == -32602
    wrong = await on_the_wire(door, token, arguments, requestState=state, inputResponses={"answers": 3})
    assert wrong["error"]["code"] == -32602
    done = await on_the_wire(door, token, arguments, requestState=state, inputResponses=answers)
    assert done["result"]["structuredContent"]["state"] == "done"
    late = await on_the_wire(door, token, arguments, requestState=state, inputResponses=answers)
    assert late["result"]["structuredContent"]["state"] == "done", "what was answered is not asked again"


async def test_another_s_is_not_found_and_that_is_on_record(door: Door, token: str) -> None:
    other = await door.key()
    async with served(door) as url:
        async with client(url, token, "auto", None) as one:
            mine = await call(one, "fulfil_intent", plan=plan(WHICH))
        async with client(url, other, "auto", None) as one:
            for name in ("intent_status", "answer_intent", "cancel_intent"):
                told = await one.call_tool(name, {"intent_id": mine["intent_id"]})
                assert (told.is_error, told.content[0].text.startswith("Not found: ")) == (True, True)
            words = await one.call_tool("fulfil_intent", {"plan": {"intent": "x", "steps": [{"name": 3}]}})
            assert (words.is_error, "$.steps[0].name" in words.content[0].text) == (True, True)
    rejected = [one for one in await lines(door) if one.phase == "rejected"]
    told = [(one.tool, one.door, json.loads(bytes(one.arguments))["code"]) for one in rejected]
    assert sorted(told) == [("not-found", "mcp", "not_found")] * 3 + [("request", "mcp", "bad_request")]


async def test_words_become_a_plan_and_what_cannot_is_said(door: Door, shop: Shop, token: str) -> None:
    shop.orders = {1: {"id": 1, "item": "tea"}}
    async with served(door) as url, client(url, token, "auto", None) as one:
        done = await call(one, "fulfil_intent", intent="show me the orders")
        assert (done["state"], done["steps"][0]["tool"], shop.writes) == ("done", "orders", [])
        refused = await one.call_tool("fulfil_intent", {"intent": "show me the orders every morning at 7:00"})
        assert (refused.is_error, refused.content[0].text.startswith("No plan came of it: ")) == (True, True)
        neither = await one.call_tool("fulfil_intent", {})
        assert neither.is_error


async def test_a_call_that_is_only_tried_sends_nothing(door: Door, shop: Shop, token: str) -> None:
    tried = {"io.factotum/dryRun": True}
    done = (await on_the_wire(door, token, {"plan": plan(TEA)}, meta=tried))["result"]["structuredContent"]
    assert (done["steps"][0]["calls"][0]["state"], shop.writes) == ("previewed", [])
    asked = {"intent_id": done["intent_id"]}
    refused = (await on_the_wire(door, token, asked, name="answer_intent", meta=tried))["result"]
    assert (refused["isError"], "cannot be tried" in refused["content"][0]["text"]) == (True, True)


async def test_at_the_server_of_a_toolset_there_are_none_for_what_they_call_is_of_no_toolset(
    opens: Callable[..., Any], shop: Shop
) -> None:
    async with opens(toolsets={"readers": Toolset(effects=("read",))}) as door:
        await door.add("shop", DOCUMENT, shop.url, prefix="")
        async with served(door) as url, client(f"{url}/readers", await door.key(), "auto", None) as one:
            assert [tool.name for tool in (await one.list_tools()).tools] == ["order", "orders", "read_result"]
            with pytest.raises(mcp.MCPError):
                await one.call_tool("fulfil_intent", {"plan": plan(TEA)})
        assert shop.writes == []


async def test_the_tools_for_intents_can_be_left_out(opens: Callable[..., Any], shop: Shop) -> None:
    async with opens(mcp=McpSettings(intent_tools=False)) as door:
        await door.add("shop", DOCUMENT, shop.url, prefix="")
        async with served(door) as url, client(url, await door.key(), "auto", None) as one:
            assert "fulfil_intent" not in [tool.name for tool in (await one.list_tools()).tools]
            with pytest.raises(mcp.MCPError):
                await one.call_tool("fulfil_intent", {"plan": plan(TEA)})


TASKS = "io.modelcontextprotocol/tasks"


class Task(mcp.types.Result):
    result_type: Literal["task"] = "task"
    task_id: str
    status: str


class GetTask(mcp.types.Request[dict[str, Any], Literal["tasks/get", "tasks/update", "tasks/cancel"]]):
    name_param = "taskId"
    method: Literal["tasks/get", "tasks/update", "tasks/cancel"] = "tasks/get"
    params: dict[str, Any]


class Told(mcp.types.Result):
    model_config = ConfigDict(extra="allow")


class Following(ClientExtension):
    """What the official client does with a task: asks for it until it has ended, and has `answers` for what it asks."""

    identifier = TASKS

    def __init__(self, *answers: Json) -> None:
        self.answers = [*answers]
        self.seen: list[str] = []

    def claims(self) -> list[ResultClaim[Task]]:
        return [ResultClaim(result_type="task", model=Task, resolve=self.resolve)]

    async def ask(self, session: Any, method: str, **params: Any) -> Json:
        request = GetTask(method=method, params=params)
        told: Json = (await session.send_request(request, Told)).model_dump(by_alias=True)
        return told

    async def resolve(self, begun: Task, context: ClaimContext) -> mcp.types.CallToolResult:
        self.seen.append(begun.status)
        for _ in range(200):
            told = await self.ask(context.session, "tasks/get", taskId=begun.task_id)
            if told["status"] != self.seen[-1]:
                self.seen.append(told["status"])
            if told["status"] == "completed":
                return mcp.types.CallToolResult.model_validate(told["result"])
            if told["status"] == "cancelled":
                return mcp.types.CallToolResult(content=[], is_error=True)
            if told["status"] == "input_required" and self.answers:
                ((key, request),) = told["inputRequests"].items()
                assert request["method"] == "elicitation/create"
                answer = {key: self.answers.pop(0)}
                await self.ask(context.session, "tasks/update", taskId=begun.task_id, inputResponses=answer)
            await asyncio.sleep(0.05)
        raise AssertionError(told)


@asynccontextmanager
async def follower(url: str, token: str, following: Following, asked: Any = None) -> AsyncIterator[mcp.Client]:
    async with (
        httpx2.AsyncClient(headers={"authorization": f"Bearer {token}"}) as http,
        mcp.Client(
            streamable_http_client(url, http_client=http),
            mode="auto",
            elicitation_callback=asked,
            extensions=[following],
        ) as one,
    ):
        yield one


async def test_an_intent_that_goes_on_is_a_task_for_a_client_that_follows_tasks(
    door: Door, shop: Shop, token: str
) -> None:
    shop.slow_s = 0.3
    following = Following()
    async with served(door) as url, follower(url, token, following) as one:
        done = await call(one, "fulfil_intent", plan=plan(TEA), wait_s=0)
    assert (done["state"], following.seen, shop.writes) == ("done", ["working", "completed"], ["make tea"])


async def test_a_task_asks_and_is_answered_and_whoever_declines_ends_it(door: Door, shop: Shop, token: str) -> None:
    async def nobody(context: Any, params: Any) -> mcp.types.ElicitResult:
        raise AssertionError("the task asks")

    # It begins with a read, so that it is a task before it asks.
    orders, less = step("all", "orders"), step("less", "change", id=ref("all", "/orders/-/id"), count=literal(1))
    shop.orders, shop.slow_reads_s = {n: {"id": n, "item": "tea"} for n in (1, 2)}, 0.3
    for answer, state, seen, writes in (
        ({"action": "accept", "content": {"less/id": "2"}}, "done", "completed", ["change 2"]),
        ({"action": "decline"}, None, "cancelled", ["change 2"]),
    ):
        following = Following(answer)
        async with served(door) as url, follower(url, token, following, nobody) as one:
            result = await one.call_tool("fulfil_intent", {"plan": plan(orders, less), "wait_s": 0})
        assert (result.is_error, following.seen[0], following.seen[-1]) == (state is None, "working", seen)
        assert "input_required" in following.seen
        assert shop.writes == writes


async def test_only_its_owner_and_a_client_that_says_so_follow_a_task(door: Door, token: str) -> None:
    run = (await door.post("/v1/intents", token, {"plan": plan(WHICH), "wait_s": 20})).json()
    for who, declares, code in (
        (token, False, -32021),
        (await door.key(), True, -32602),
    ):
        for method in ("tasks/get", "tasks/update", "tasks/cancel"):
            told = await on_the_wire(door, who, {}, method=method, name=run["id"], declares=declares)
            assert told["error"]["code"] == code, (method, told)
    gone = await on_the_wire(door, token, {}, method="tasks/cancel", name=run["id"], declares=True)
    assert gone["result"]["resultType"] == "complete"
    told = await on_the_wire(door, token, {}, method="tasks/get", name=run["id"], declares=True)
    assert (told["result"]["status"], told["result"]["ttlMs"]) == ("cancelled", None)


async def test_a_task_that_has_ended_stays_so_though_what_it_did_is_taken_back(
    door: Door, shop: Shop, token: str
) -> None:
    run = (await door.post("/v1/intents", token, {"plan": plan(TEA), "wait_s": 20})).json()
    shop.slow_s = 0.5
    undoing = await door.post(f"/v1/intents/{run['id']}/undo", token)
    assert undoing.json()["state"] == "compensating"
    told = await on_the_wire(door, token, {}, method="tasks/get", name=run["id"], declares=True)
    assert told["result"]["status"] == "completed"


async def on_the_wire(
    door: Door,
    token: str,
    arguments: Json,
    *,
    name: str = "fulfil_intent",
    meta: Json | None = None,
    method: str = "tools/call",
    declares: bool = False,
    **params: Any,
) -> Json:
    """One request as it is in 2026-07-28, by a client that shows forms."""
    told = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {
            "elicitation": {"form": {}},
            **({"extensions": {TASKS: {}}} if declares else {}),
        },
        **(meta or {}),
    }
    headers = {
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": method,
        "mcp-name": name,
        "authorization": f"Bearer {token}",
    }
    about = {"name": name, "arguments": arguments} if method == "tools/call" else {"taskId": name, "inputResponses": {}}
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**about, **params, "_meta": told}}
    answer: Json = (await door.client.post("/mcp", json=message, headers=headers)).json()
    return answer
