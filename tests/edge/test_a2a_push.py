"""Push notifications of A2A, with real receivers and the official client: who is told what, and who never is."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from a2a.types import a2a_pb2 as a2a
from a2a.utils import errors
from structlog.testing import capture_logs

from gateway.settings import A2ASettings
from tests.conftest import LOOPBACK, Backend, Door, open_door
from tests.edge.test_a2a import BINDINGS, WHICH, agent, hello, message, over_http, rpc, send, task
from tests.shop import DOCUMENT, Shop
from tests.test_intent import TEA, Json, plan, shop
from tests.test_webhook import receiver

__all__ = ["receiver", "shop"]  # Fixtures.

pytestmark = pytest.mark.anyio


@pytest.fixture
def telling(shop: Shop, tmp_path: Path) -> Callable[..., Any]:
    @asynccontextmanager
    async def opened(*hosts: str, networks: tuple[str, ...] = LOOPBACK) -> AsyncIterator[Door]:
        told = A2ASettings(push_hosts=hosts, push_allow_addresses=networks)
        async with open_door(tmp_path, a2a=told, follow_s=0.05) as door:
            await door.add("shop", DOCUMENT, shop.url, prefix="")
            yield door

    return opened


async def until(receiver: Backend, state: str) -> list[Json]:
    """All that it was told, once it was told of this state."""
    while True:
        told = [json.loads(one.body) for one in receiver.seen]
        if any(one.get("task", one.get("statusUpdate"))["status"]["state"] == state for one in told):
            return told
        receiver.arrived.clear()
        async with asyncio.timeout(20):
            await receiver.arrived.wait()


def listens(receiver: Backend, task_id: str = "", **more: Any) -> a2a.TaskPushNotificationConfig:
    return a2a.TaskPushNotificationConfig(task_id=task_id, url=f"{receiver.url}/told", **more)


@BINDINGS
async def test_a_receiver_is_told_what_a_task_waits_for_and_how_it_ends(
    telling: Callable[..., Any], receiver: Backend, shop: Shop, binding: str
) -> None:
    secret = a2a.AuthenticationInfo(scheme="Bearer", credentials="s3cret")
    async with telling("127.0.0.1") as door, agent(door, await door.key(), binding) as client:
        asked = message({"plan": plan(WHICH)})
        asked.configuration.task_push_notification_config.CopyFrom(
            listens(receiver, token="t0ken", authentication=secret)
        )
        (answer,) = await send(client, asked)
        assert (await send(client, asked))[0].task.id == answer.task.id
        every = a2a.ListTaskPushNotificationConfigsRequest(task_id=answer.task.id)
        assert len((await client.list_task_push_notification_configs(every)).configs) == 1, "however often it is sent"
        waits = await until(receiver, "TASK_STATE_INPUT_REQUIRED")
        assert waits[-1]["statusUpdate"]["taskId"] == answer.task.id
        assert waits[-1]["statusUpdate"]["status"]["message"]["parts"][0] == {"text": "Which tea?"}
        await task(client, "green", taskId=answer.task.id, id="m2")
        told = await until(receiver, "TASK_STATE_COMPLETED")
    assert told[-1]["task"]["artifacts"][1]["parts"][0]["text"] == "tea: done, and order shows it."
    one = receiver.seen[-1]
    assert (one.method, one.target, one.headers["content-type"]) == ("POST", "/told", "application/a2a+json")
    assert (one.headers["x-a2a-notification-token"], one.headers["authorization"]) == ("t0ken", "Bearer s3cret")
    assert shop.writes == ["make green"]


@BINDINGS
async def test_receivers_are_named_looked_at_and_let_go_by_their_task_s_caller_alone(
    telling: Callable[..., Any], receiver: Backend, binding: str
) -> None:
    secret = a2a.AuthenticationInfo(scheme="Bearer", credentials="s3cret")
    async with telling("*") as door:
        async with agent(door, await door.key(), binding) as client:
            assert (
                await client.get_extended_agent_card(a2a.GetExtendedAgentCardRequest())
            ).capabilities.push_notifications
            waits = await task(client, {"plan": plan(WHICH)})
            made = await client.create_task_push_notification_config(
                listens(receiver, waits.id, id="mine", token="t0ken", authentication=secret)
            )
            assert (made.id, made.task_id, made.url) == ("mine", waits.id, f"{receiver.url}/told")
            assert (made.token, made.authentication.credentials) == ("", ""), "only its receiver is to know them"
            other = await client.create_task_push_notification_config(listens(receiver, waits.id))
            same = a2a.GetTaskPushNotificationConfigRequest(task_id=waits.id, id="mine")
            assert (await client.get_task_push_notification_config(same)).url == made.url
            every = a2a.ListTaskPushNotificationConfigsRequest(task_id=waits.id)
            listed = (await client.list_task_push_notification_configs(every)).configs
            assert [one.id for one in listed] == ["mine", other.id]
            for gone in ("mine", other.id):
                let_go = a2a.DeleteTaskPushNotificationConfigRequest(task_id=waits.id, id=gone)
                await client.delete_task_push_notification_config(let_go)
            with pytest.raises(errors.TaskNotFoundError):
                await client.get_task_push_notification_config(same)
            assert not (await client.list_task_push_notification_configs(every)).configs
            for n in range(10):
                await client.create_task_push_notification_config(listens(receiver, waits.id, id=f"r{n}"))
            with pytest.raises(errors.InvalidParamsError, match="at most"):
                await client.create_task_push_notification_config(listens(receiver, waits.id))
        async with agent(door, await door.key(), binding) as stranger:
            with pytest.raises(errors.TaskNotFoundError):
                await stranger.create_task_push_notification_config(listens(receiver, waits.id))
            with pytest.raises(errors.TaskNotFoundError):
                await stranger.list_task_push_notification_configs(every)


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"url": "https://elsewhere.example/x"}, "none of the hosts"),
        ({"url": "https://a.b.example.com.evil.example/x"}, "none of the hosts"),
        ({"url": "http://agent.example.com/x"}, "not https"),
        ({"url": "https://127.0.0.1/x"}, "not public"),
        ({"url": "https://[::1]/x"}, "not public"),
        ({"url": "https://169.254.169.254/latest"}, "not public"),
        ({"url": "https://me:secret@agent.example.com/x"}, "no user name"),
        ({"url": "ftp://agent.example.com/x"}, "http and https"),
        ({"url": ""}, "do not fit"),
        ({"url": "https://agent.example.com/x", "token": "a\r\nhost: b"}, "do not fit"),
        ({"url": "https://agent.example.com/x", "id": "../y"}, "do not fit"),
    ],
)
async def test_who_may_not_be_told_is_refused_by_name(
    telling: Callable[..., Any], config: dict[str, str], why: str
) -> None:
    async with telling("agent.example.com", "*.example.com", "127.*", "169.*", "::1", networks=()) as door:
        token = await door.key()
        begun = await rpc(
            door, token, "SendMessage", hello({"data": {"plan": plan(TEA)}}, taskPushNotificationConfig=config)
        )
        assert (begun.json()["error"]["code"], why in begun.json()["error"]["message"]) == (-32602, True)
        assert (await door.get("/v1/intents", token)).json() == {"intents": []}, "and nothing has begun"


async def test_a_name_that_leads_to_an_address_that_is_not_public_is_never_reached(
    telling: Callable[..., Any], receiver: Backend, shop: Shop
) -> None:
    with capture_logs() as logs:
        async with telling("*", networks=()) as door:
            url = receiver.url.replace("http://127.0.0.1", "https://localhost")
            asked = hello({"data": {"plan": plan(TEA)}}, taskPushNotificationConfig={"url": url})
            done = await over_http(door, await door.key(), "POST", "/message:send", asked)
            assert done.json()["task"]["status"]["state"] == "TASK_STATE_COMPLETED"
            async with asyncio.timeout(20):
                while not any(one["event"] == "an event was not taken" for one in logs):  # noqa: ASYNC110 (a log has no event)
                    await asyncio.sleep(0.05)
    problems = {one["problem"] for one in logs if one["event"] == "an event was not taken"}
    assert problems == {"Backend address not allowed"}
    assert receiver.seen == []


async def test_without_hosts_nobody_is_told_anything(telling: Callable[..., Any], receiver: Backend) -> None:
    async with telling() as door:
        token = await door.key()
        card = (await door.client.get("/.well-known/agent-card.json")).json()
        assert card["capabilities"]["pushNotifications"] is False
        told = await rpc(door, token, "CreateTaskPushNotificationConfig", {"taskId": "x", "url": receiver.url})
        assert told.json()["error"]["code"] == -32003
        over = await over_http(door, token, "POST", "/tasks/x/pushNotificationConfigs", {"url": receiver.url})
        assert over.json()["error"]["details"][0]["reason"] == "PUSH_NOTIFICATION_NOT_SUPPORTED"
