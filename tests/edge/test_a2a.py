"""A2A 1.0, through the official client: the card, tasks begun, followed, answered, cancelled and listed, and what is refused."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from a2a.client import A2ACardResolver, ClientConfig, create_client
from a2a.client.client import Client
from a2a.client.errors import A2AClientError
from a2a.types import a2a_pb2 as a2a
from a2a.utils import errors
from google.protobuf import json_format

from gateway.core.principal import OPERATOR
from gateway.edge.approvals import DECIDE
from gateway.settings import A2ASettings, HttpSettings
from tests.conftest import Door, open_door
from tests.edge.test_mcp_clients import served
from tests.shop import DOCUMENT, Shop
from tests.test_intent import POLICIES, TEA, Json, events, literal, plan, shop, step, token
from tests.test_rejections import lines

__all__ = ["shop", "token"]  # Fixtures.

pytestmark = pytest.mark.anyio

BINDINGS = pytest.mark.parametrize("binding", ["JSONRPC", "HTTP+JSON"])
WHICH = step("tea", "make", item={"kind": "slot", "question": "Which tea?"}, count=literal(2))
BOTH = step("tea", "make", item={"kind": "slot", "question": "Which tea?"}, count={"kind": "slot", "question": "Cups?"})


@asynccontextmanager
async def agent(
    door: Door, token: str, binding: str = "JSONRPC", *, streaming: bool = False, polling: bool = False
) -> AsyncIterator[Client]:
    """The client of an agent that was given the gateway's card."""
    async with (
        served(door) as url,
        httpx.AsyncClient(headers={"authorization": f"Bearer {token}"}, timeout=30) as http,
    ):
        card = await A2ACardResolver(http, url.removesuffix("/mcp")).get_agent_card()
        # The gateway listens at another port than its settings say.
        for one in card.supported_interfaces:
            one.url = url.removesuffix("/mcp") + urlsplit(one.url).path
        bindings = [binding]
        config = ClientConfig(
            httpx_client=http, streaming=streaming, polling=polling, supported_protocol_bindings=bindings
        )
        async with await create_client(card, config) as client:
            yield client


def message(*parts: Json | str, **more: Any) -> a2a.SendMessageRequest:
    told = [{"text": one} if isinstance(one, str) else {"data": one} for one in parts]
    body = {"message": {"messageId": more.pop("id", "m1"), "role": "ROLE_USER", "parts": told, **more}}
    return json_format.ParseDict(body, a2a.SendMessageRequest())


async def send(client: Client, request: a2a.SendMessageRequest) -> list[Any]:
    return [one async for one in client.send_message(request)]


async def task(client: Client, *parts: Json | str, **more: Any) -> a2a.Task:
    (answer,) = await send(client, message(*parts, **more))
    return answer.task


def state(one: Any) -> str:
    return a2a.TaskState.Name(one.status.state)


def data(one: a2a.Artifact | a2a.Message) -> Json:
    return json_format.MessageToDict(next(part for part in one.parts if part.HasField("data")).data)


@BINDINGS
async def test_the_card_says_where_and_how_and_the_extended_one_what_a_caller_can_reach(
    door: Door, shop: Shop, token: str, binding: str
) -> None:
    bare = await door.client.get("/.well-known/agent-card.json", headers={"origin": "https://any.example"})
    assert (bare.status_code, bare.headers["access-control-allow-origin"]) == (200, "*")
    assert [skill["id"] for skill in bare.json()["skills"]] == ["fulfil-intent"], "strangers learn of no service"
    async with agent(door, token, binding) as client:
        card = await client.get_extended_agent_card(a2a.GetExtendedAgentCardRequest())
    assert [skill.id for skill in card.skills] == ["fulfil-intent", "shop"]
    told = [(one.protocol_binding, one.protocol_version, urlsplit(one.url).path) for one in card.supported_interfaces]
    assert told == [("JSONRPC", "1.0", "/a2a"), ("HTTP+JSON", "1.0", "/a2a/v1")]
    assert card.security_schemes["bearer"].http_auth_security_scheme.scheme == "Bearer"


@BINDINGS
async def test_a_plan_is_a_task_that_ends_with_what_came_of_it(
    door: Door, shop: Shop, token: str, binding: str
) -> None:
    async with agent(door, token, binding) as client:
        done = await task(client, {"plan": plan(TEA)}, contextId="trip")
        assert (state(done), done.context_id, shop.writes) == ("TASK_STATE_COMPLETED", "trip", ["make tea"])
        assert shop.orders[1] == {"id": 1, "item": "tea", "count": 2}, "protocol buffers know no integers, backends do"
        told, result = done.artifacts
        assert (told.artifact_id, data(told)["steps"][0]["tool"]) == ("plan", "make")
        assert (result.artifact_id, result.parts[0].text) == ("result", "tea: done, and order shows it.")
        assert data(result)["steps"][0]["calls"][0]["result"]["item"] == "tea"
        again = await task(client, {"plan": plan(TEA)}, contextId="trip")
        assert (again.id, shop.writes) == (done.id, ["make tea"]), "the same messageId begins nothing again"
        shown = await task(client, {"plan": plan(TEA), "mode": "preview"}, id="m2")
        assert (data(shown.artifacts[1])["steps"][0]["calls"][0]["state"], len(shop.writes)) == ("previewed", 1)
        assert (await client.get_task(a2a.GetTaskRequest(id=done.id))).id == done.id
        rest = (await door.get(f"/v1/intents/{done.id}", token)).json()
        assert rest["state"] == "done", "a task is a run"


@BINDINGS
async def test_words_become_a_task_too(door: Door, shop: Shop, token: str, binding: str) -> None:
    shop.orders = {1: {"id": 1, "item": "tea"}}
    async with agent(door, token, binding) as client:
        done = await task(client, "show me the orders")
        assert (state(done), data(done.artifacts[0])["steps"][0]["tool"]) == ("TASK_STATE_COMPLETED", "orders")
        with pytest.raises(errors.InvalidParamsError, match="No plan came of it"):
            await task(client, "show me the orders every morning at 7:00", id="m2")
        await door.gateway.ingestion.remove(OPERATOR, "shop")
        again = await task(client, "show me the orders")
        assert again.id == done.id, "the same message needs no plan again"


@BINDINGS
async def test_what_is_asked_is_answered_by_a_message_in_words_or_by_keys(
    door: Door, shop: Shop, token: str, binding: str
) -> None:
    async with agent(door, token, binding) as client:
        waits = await task(client, {"plan": plan(WHICH)})
        assert (state(waits), waits.status.message.parts[0].text) == ("TASK_STATE_INPUT_REQUIRED", "Which tea?")
        done = await task(client, "green", taskId=waits.id, id="m2")
        assert (state(done), done.id, shop.writes) == ("TASK_STATE_COMPLETED", waits.id, ["make green"])
        both = await task(client, {"plan": plan(BOTH)}, id="m3")
        with pytest.raises(errors.InvalidParamsError, match="tea/count: required"):
            await task(client, "black", taskId=both.id, id="m4")
        done = await task(client, {"values": {"tea/item": "black", "tea/count": 3}}, taskId=both.id, id="m5")
        assert (state(done), shop.orders[2]["count"]) == ("TASK_STATE_COMPLETED", 3)
        with pytest.raises(errors.UnsupportedOperationError, match="has ended"):
            await task(client, "more", taskId=done.id, id="m6")
        other = await task(client, {"plan": plan(WHICH)}, id="m7")
        with pytest.raises(errors.InvalidParamsError, match="another context"):
            await task(client, "green", taskId=other.id, contextId="elsewhere", id="m8")


@BINDINGS
async def test_a_stream_begins_with_the_task_and_ends_with_it(door: Door, shop: Shop, token: str, binding: str) -> None:
    async with agent(door, token, binding, streaming=True) as client:
        first, *others = await send(client, message({"plan": plan(TEA)}))
        assert first.task.id
        kinds = [one.WhichOneof("payload") for one in others]
        assert kinds[-2:] == ["artifact_update", "status_update"]
        states = [state(one.status_update) for one in others if one.HasField("status_update")]
        assert (states[-1], states.count("TASK_STATE_COMPLETED")) == ("TASK_STATE_COMPLETED", 1)
        with pytest.raises(errors.UnsupportedOperationError, match="has ended"):
            [one async for one in client.subscribe(a2a.SubscribeToTaskRequest(id=first.task.id))]
        asked = await send(client, message({"plan": plan(WHICH)}, id="m2"))
        last = asked[-1].status_update if asked[-1].HasField("status_update") else asked[-1].task
        assert state(last) == "TASK_STATE_INPUT_REQUIRED", "what only a message answers ends the stream"


@pytest.fixture
async def asking(shop: Shop, tmp_path: Path) -> AsyncIterator[Door]:
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "ours.cedar").write_text(POLICIES)
    public = HttpSettings(public_url="https://gateway.example.com")
    async with open_door(tmp_path, policies_dir=str(folder), http=public, follow_s=0.05) as door:
        await door.add("shop", DOCUMENT, shop.url, prefix="")
        yield door


@BINDINGS
async def test_what_waits_for_a_yes_says_where_and_goes_on_by_itself(asking: Door, shop: Shop, binding: str) -> None:
    ada, owner = await asking.key(), await asking.key(DECIDE, subject="owner")
    async with agent(asking, ada, binding, streaming=True) as client:
        begun = await asking.post("/v1/intents", ada, {"plan": plan(TEA), "wait_s": 20})
        states = []
        async for one in client.subscribe(a2a.SubscribeToTaskRequest(id=begun.json()["id"])):
            if one.HasField("artifact_update"):
                continue
            told = one.task if one.HasField("task") else one.status_update
            states.append(state(told))
            if states == ["TASK_STATE_AUTH_REQUIRED"]:
                assert shop.writes == []
                approval = data(told.status.message)["approval"]
                assert approval["url"] == f"https://gateway.example.com/approvals/{approval['id']}"
                await asking.post(f"/v1/approvals/{approval['id']}/approve", owner)
    assert (states[-1], shop.writes) == ("TASK_STATE_COMPLETED", ["make tea"])


@BINDINGS
async def test_a_task_is_cancelled_once(door: Door, shop: Shop, token: str, binding: str) -> None:
    async with agent(door, token, binding, polling=True) as client:
        waits = await task(client, {"plan": plan(WHICH)})
        gone = await client.cancel_task(a2a.CancelTaskRequest(id=waits.id))
        assert (state(gone), shop.writes) == ("TASK_STATE_CANCELED", [])
        with pytest.raises(errors.TaskNotCancelableError):
            await client.cancel_task(a2a.CancelTaskRequest(id=waits.id))


@BINDINGS
async def test_tasks_are_listed_page_by_page_the_last_changed_first(door: Door, token: str, binding: str) -> None:
    async with agent(door, token, binding) as client:
        made = [(await task(client, {"plan": plan(WHICH)}, id=f"m{n}", contextId=f"c{n % 2}")).id for n in range(5)]
        await client.cancel_task(a2a.CancelTaskRequest(id=made[0]))
        listed, after = [], ""
        for _ in range(3):
            page = await client.list_tasks(a2a.ListTasksRequest(page_size=2, page_token=after))
            assert (page.total_size, page.page_size) == (5, 2)
            listed += page.tasks
            after = page.next_page_token
        assert ([one.id for one in listed], after) == ([made[0], *made[:0:-1]], "")
        assert not any(one.artifacts for one in listed)
        some = await client.list_tasks(a2a.ListTasksRequest(context_id="c1", include_artifacts=True))
        assert {one.context_id for one in some.tasks} == {"c1"}
        assert all(one.artifacts for one in some.tasks)
        over = await client.list_tasks(a2a.ListTasksRequest(status=a2a.TASK_STATE_CANCELED))
        assert [one.id for one in over.tasks] == [made[0]]
        with pytest.raises(errors.InvalidParamsError, match="pageToken"):
            await client.list_tasks(a2a.ListTasksRequest(page_token="nothing"))


@BINDINGS
async def test_another_s_task_is_not_found_and_that_is_on_record(door: Door, token: str, binding: str) -> None:
    async with agent(door, token, binding) as client:
        mine = await task(client, {"plan": plan(WHICH)})
    async with agent(door, await door.key(), binding, streaming=True) as client:
        for asked in (
            client.get_task(a2a.GetTaskRequest(id=mine.id)),
            client.cancel_task(a2a.CancelTaskRequest(id=mine.id)),
            send(client, message("green", taskId=mine.id)),
        ):
            with pytest.raises(errors.TaskNotFoundError):
                await asked
        with pytest.raises(errors.TaskNotFoundError):
            [one async for one in client.subscribe(a2a.SubscribeToTaskRequest(id=mine.id))]
        assert list((await client.list_tasks(a2a.ListTasksRequest())).tasks) == []
    rejected = [one for one in await lines(door) if one.phase == "rejected"]
    told = [(one.tool, one.door, json.loads(bytes(one.arguments))["code"]) for one in rejected]
    assert told == [("not-found", "a2a", "not_found")] * 4


@BINDINGS
async def test_a_task_that_has_ended_stays_so_though_what_it_did_is_taken_back(
    door: Door, shop: Shop, token: str, binding: str
) -> None:
    async with agent(door, token, binding, streaming=True) as client:
        first, *_ = await send(client, message({"plan": plan(TEA)}))
        task_id = first.task.id
        shop.slow_s = 1.0
        undoing = await door.post(f"/v1/intents/{task_id}/undo", token)
        assert undoing.json()["state"] == "compensating"
        meanwhile = await client.get_task(a2a.GetTaskRequest(id=task_id))
        assert state(meanwhile) == "TASK_STATE_COMPLETED"
        with pytest.raises(errors.TaskNotCancelableError):
            await client.cancel_task(a2a.CancelTaskRequest(id=task_id))
        again = await send(client, message({"plan": plan(TEA)}))
        assert [state(one.task) for one in again] == ["TASK_STATE_COMPLETED"], "and no stream begins anew"
        await events(door, token, {"id": task_id})  # To its end.
        after = await client.get_task(a2a.GetTaskRequest(id=task_id))
        assert (state(after), shop.writes) == ("TASK_STATE_COMPLETED", ["make tea", "drop 1"])
        assert json_format.MessageToDict(after.metadata)["io.factotum/state"] == "compensated"
        assert after.status.message.parts[0].text.endswith("since: compensated.")
        assert "Taking back tea: " in after.artifacts[-1].parts[1].text
        listed = await client.list_tasks(a2a.ListTasksRequest(status=a2a.TASK_STATE_COMPLETED))
        assert [one.id for one in listed.tasks] == [task_id]


async def rpc(door: Door, token: str, method: str, params: Any = None, **headers: str) -> httpx.Response:
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {} if params is None else params}
    told = {"a2a-version": "1.0", "authorization": f"Bearer {token}", **headers}
    return await door.client.post("/a2a", json=body, headers=told)


def hello(*parts: Json, **configuration: Any) -> Json:
    told = {"messageId": "m", "role": "ROLE_USER", "parts": [*parts]}
    return {"message": told, "configuration": configuration}


@pytest.mark.parametrize(
    ("method", "params", "headers", "code", "reason"),
    [
        ("message/send", {}, {}, -32601, "METHOD_NOT_FOUND"),
        ("GetTask", {"id": "x"}, {"a2a-version": ""}, -32009, "VERSION_NOT_SUPPORTED"),
        ("GetTask", {"id": "x"}, {"a2a-version": "0.3"}, -32009, "VERSION_NOT_SUPPORTED"),
        ("GetTask", {"id": "x"}, {"a2a-version": "1.0.3"}, -32001, "TASK_NOT_FOUND"),
        ("GetTask", {}, {}, -32602, "INVALID_PARAMS"),
        ("CreateTaskPushNotificationConfig", {}, {}, -32003, "PUSH_NOTIFICATION_NOT_SUPPORTED"),
        (
            "SendMessage",
            hello({"text": "x"}, taskPushNotificationConfig={"url": "https://x.example"}),
            {},
            -32003,
            "PUSH_NOTIFICATION_NOT_SUPPORTED",
        ),
        ("SendMessage", hello({"url": "https://x.example/a.png"}), {}, -32005, "CONTENT_TYPE_NOT_SUPPORTED"),
        (
            "SendMessage",
            hello({"text": "x"}, acceptedOutputModes=["image/png"]),
            {},
            -32005,
            "CONTENT_TYPE_NOT_SUPPORTED",
        ),
        ("SendMessage", hello(), {}, -32602, "INVALID_PARAMS"),
        ("SendMessage", hello({"data": 3}), {}, -32602, "INVALID_PARAMS"),
        ("SendMessage", hello({"data": {"plan": {"steps": 3}}}), {}, -32602, "BAD_REQUEST"),
        ("SendMessage", hello({"data": {"plan": plan(step("a", "none"))}}), {}, -32602, "INVALID_PLAN"),
    ],
)
async def test_what_is_refused_has_the_code_of_the_protocol_and_a_line(
    door: Door, token: str, method: str, params: Json, headers: dict[str, str], code: int, reason: str
) -> None:
    answer = await rpc(door, token, method, params, **headers)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["data"][0]["reason"]) == (200, code, reason)
    assert error["data"][0]["@type"] == "type.googleapis.com/google.rpc.ErrorInfo"
    assert [one.door for one in await lines(door) if one.phase == "rejected"] == ["a2a"]


async def test_who_is_nobody_is_told_how_to_sign_in(door: Door) -> None:
    answer = await rpc(door, "fct_none", "ListTasks")
    assert (answer.status_code, answer.headers["www-authenticate"].split()[0]) == (401, "Bearer")
    assert answer.json()["error"]["data"][0]["metadata"] == {"code": "invalid_token"}
    with pytest.raises(A2AClientError):
        async with agent(door, "fct_none") as client:
            await task(client, "hello")
    forged = await rpc(door, "fct_none", "ListTasks", origin="https://evil.example")
    assert (forged.status_code, forged.json()["code"]) == (403, "origin_refused")
    assert (await door.client.get("/a2a")).status_code == 405
    broken = await door.client.post("/a2a", content=b"{", headers={"authorization": f"Bearer {await door.key()}"})
    assert json.loads(broken.text)["error"]["code"] == -32700


async def test_a2a_can_be_left_out(opens: Callable[..., Any]) -> None:
    async with opens(a2a=A2ASettings(enabled=False)) as door:
        assert (await door.client.get("/.well-known/agent-card.json")).status_code == 404
        assert (await rpc(door, await door.key(), "ListTasks")).status_code == 404
        assert (await over_http(door, await door.key(), "GET", "/tasks")).status_code == 404


async def over_http(door: Door, token: str, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
    told = {"a2a-version": "1.0", "authorization": f"Bearer {token}", **headers}
    return await door.client.request(method, f"/a2a/v1{path}", json=body, headers=told)


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status", "name", "reason"),
    [
        ("POST", "/message/send", {}, {}, 404, "NOT_FOUND", "METHOD_NOT_FOUND"),
        ("PUT", "/tasks", {}, {}, 404, "NOT_FOUND", "METHOD_NOT_FOUND"),
        ("GET", "/tasks/x", None, {"a2a-version": "0.3"}, 400, "FAILED_PRECONDITION", "VERSION_NOT_SUPPORTED"),
        ("GET", "/tasks/x", None, {}, 404, "NOT_FOUND", "TASK_NOT_FOUND"),
        ("GET", "/tasks?pageSize=0", None, {}, 400, "INVALID_ARGUMENT", "INVALID_PARAMS"),
        ("GET", "/tasks?pageSize=%ff", None, {}, 400, "INVALID_ARGUMENT", "INVALID_PARAMS"),
        ("GET", "/tasks?" + "a=b&" * 50, None, {}, 400, "INVALID_ARGUMENT", "INVALID_PARAMS"),
        ("POST", "/message:send", hello(), {}, 400, "INVALID_ARGUMENT", "INVALID_PARAMS"),
        ("POST", "/message:stream", [], {}, 400, "INVALID_ARGUMENT", "INVALID_PARAMS"),
        (
            "POST",
            "/message:send",
            hello({"url": "https://x.example/a.png"}),
            {},
            *(400, "INVALID_ARGUMENT", "CONTENT_TYPE_NOT_SUPPORTED"),
        ),
        (
            "POST",
            "/message:send",
            hello({"data": {"plan": plan(step("a", "none"))}}),
            {},
            *(400, "INVALID_ARGUMENT", "INVALID_PARAMS"),
        ),
        (
            "GET",
            "/tasks/x/pushNotificationConfigs",
            None,
            {},
            *(400, "FAILED_PRECONDITION", "PUSH_NOTIFICATION_NOT_SUPPORTED"),
        ),
        ("GET", "/tasks", None, {"authorization": "Bearer fct_none"}, 401, "UNAUTHENTICATED", "INVALID_TOKEN"),
    ],
)
async def test_over_http_errors_have_the_statuses_and_names_of_the_protocol_and_a_line(
    door: Door,
    token: str,
    method: str,
    path: str,
    body: Any,
    headers: dict[str, str],
    status: int,
    name: str,
    reason: str,
) -> None:
    answer = await over_http(door, token, method, path, body, **headers)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["status"]) == (status, status, name)
    assert error["details"][0]["reason"] == reason
    assert [one.door for one in await lines(door) if one.phase == "rejected"] == ["a2a"]


async def test_over_http_a_task_has_the_media_type_of_the_protocol(door: Door, shop: Shop, token: str) -> None:
    body = hello({"data": {"plan": plan(TEA)}})
    done = await over_http(door, token, "POST", "/message:send", body)
    assert (done.status_code, done.headers["content-type"]) == (200, "application/a2a+json")
    assert done.json()["task"]["status"]["state"] == "TASK_STATE_COMPLETED"
    stream = await over_http(door, token, "POST", "/message:stream", body)
    assert (stream.headers["content-type"], stream.text[:14]) == ("text/event-stream", 'data: {"task":')
    broken = await over_http(door, token, "POST", "/message:send", body, **{"content-length": "9" * 18})
    assert (broken.status_code, broken.json()["error"]["status"]) == (413, "OUT_OF_RANGE")
