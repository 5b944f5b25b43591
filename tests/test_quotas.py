"""Quotas through the front door: who is stopped, who is not, what they are told, and what the backend's own limits do."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from gateway.core.quota import Quota
from gateway.settings import MemoryStore
from tests.conftest import Backend, Door
from tests.edge.test_mcp_clients import client, served
from tests.test_call import LAMPS

pytestmark = pytest.mark.anyio

READ, WRITE = "/v1/tools/lamps_get_lamp:call", "/v1/tools/lamps_set_lamp:call"
LAMP = {"arguments": {"id": "1"}}
SWITCH = {"arguments": {"id": "1", "on": True}}


@pytest.fixture
def lamps(opens: Callable[..., Any], backend: Backend) -> Callable[..., Any]:
    @asynccontextmanager
    async def opened(*quotas: Quota) -> AsyncIterator[Door]:
        async with opens(quotas=quotas, store=MemoryStore()) as door:
            await door.add("lamps", LAMPS, backend.url)
            yield door

    return opened


async def test_a_person_who_used_it_up_is_stopped_and_told_when_to_come_again(
    lamps: Callable[..., Any], backend: Backend
) -> None:
    async with lamps(Quota("each person", per=("principal",), calls=2, seconds=1_000)) as door:
        ada, again, bob = await door.key(), await door.key(), await door.key(subject="bob")
        assert (await door.post(READ, ada, LAMP)).status_code == 200
        assert (await door.post(WRITE, again, SWITCH)).status_code == 200
        stopped = await door.post(READ, ada, LAMP)
        assert stopped.status_code == 429
        assert 490 <= int(stopped.headers["retry-after"]) <= 500
        told = stopped.json()
        assert (told["title"], told["may_have_happened"]) == ("Quota reached", False)
        assert "each person" in told["detail"]
        assert (await door.post(READ, bob, LAMP)).status_code == 200
        assert len(backend.seen) == 3
        audit = await door.get("/v1/audit?phase=denied", await door.key("factotum:audit.read"))
        assert [line["error"] for line in audit.json()["lines"]] == ["Quota reached"]
        preview = await door.post(READ, ada, {**LAMP, "dry_run": True})
        assert preview.status_code == 200


async def test_what_is_refused_for_another_reason_uses_nothing_up(lamps: Callable[..., Any]) -> None:
    async with lamps(Quota("all", calls=1, seconds=1_000)) as door:
        reader = await door.key("lamps:lamps.read")
        assert (await door.post(WRITE, reader, SWITCH)).status_code == 403
        assert (await door.post(READ, reader, {"arguments": {}})).status_code == 422
        assert (await door.post(READ, reader, LAMP)).status_code == 200
        assert (await door.post(READ, reader, LAMP)).status_code == 429


async def test_a_quota_that_is_reached_fills_no_other(lamps: Callable[..., Any]) -> None:
    quotas = (Quota("all", calls=2, seconds=1_000), Quota("writes", effect="write", calls=1, seconds=1_000))
    async with lamps(*quotas) as door:
        ada = await door.key()
        assert (await door.post(WRITE, ada, SWITCH)).status_code == 200
        assert (await door.post(WRITE, ada, SWITCH)).status_code == 429
        assert (await door.post(READ, ada, LAMP)).status_code == 200


async def test_so_many_calls_are_under_way_and_no_more(lamps: Callable[..., Any], backend: Backend) -> None:
    async with lamps(Quota("one by one", per=("connector",), in_flight=1)) as door:
        ada = await door.key()
        backend.held = True
        held = asyncio.create_task(door.post(READ, ada, LAMP))
        await asyncio.wait_for(backend.arrived.wait(), 10)
        stopped = await door.post(READ, ada, LAMP)
        assert (stopped.status_code, stopped.headers["retry-after"]) == (429, "1")
        held.cancel()
        await asyncio.wait_for(backend.left.wait(), 10)
        backend.held = False
        assert (await door.post(READ, ada, LAMP)).status_code == 200


async def test_bytes_are_counted_whatever_came_of_the_call(lamps: Callable[..., Any], backend: Backend) -> None:
    async with lamps(Quota("volume", bytes=1_000, seconds=1_000)) as door:
        ada = await door.key()
        backend.answers["GET /lamps/1"] = (500, "application/json", b'{"x":"' + b"a" * 2_000 + b'"}')
        assert (await door.post(READ, ada, LAMP)).status_code == 200
        stopped = await door.post(READ, ada, LAMP)
        assert stopped.status_code == 429
        assert int(stopped.headers["retry-after"]) > 1_000


async def test_a_model_is_told_in_a_result(lamps: Callable[..., Any]) -> None:
    async with lamps(Quota("all", calls=1, seconds=1_000)) as door, served(door) as url:
        token = await door.key()
        async with client(url, token, "auto") as one:
            assert not (await one.call_tool("lamps_get_lamp", {"id": "1"})).is_error
            result = await one.call_tool("lamps_get_lamp", {"id": "1"})
            assert result.is_error
            assert "try again in" in result.content[0].text
            assert "Nothing has happened" in result.content[0].text


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {"retry-after": "30"}, 30),
        (429, {"retry-after": "9999"}, 60),
        (429, {"x-ratelimit-reset": "20"}, 20),
        (503, {"retry-after": "30"}, 30),
        (503, {}, 0),
        (200, {"retry-after": "30"}, 0),
    ],
)
async def test_a_backend_that_asks_for_fewer_calls_is_left_alone(
    lamps: Callable[..., Any], backend: Backend, status: int, headers: dict[str, str], seconds: int
) -> None:
    async with lamps() as door:
        ada = await door.key()
        backend.answers["GET /lamps/1"] = (status, "application/json", b"{}")
        backend.headers = tuple((name.encode(), value.encode()) for name, value in headers.items())
        first: httpx.Response = await door.post(READ, ada, LAMP)
        assert first.json()["status"] == status
        seen = len(backend.seen)
        second = await door.post(WRITE, ada, SWITCH)
        if not seconds:
            assert second.status_code == 200
            return
        assert second.status_code == 503
        assert second.json()["may_have_happened"] is False
        assert seconds - 10 <= second.json()["retry_after_s"] <= seconds
        assert len(backend.seen) == seen
