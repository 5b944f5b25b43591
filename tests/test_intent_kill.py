"""A process that is killed while it carries out an intent: no write is made twice, none is lost, and what is told is true."""

import asyncio
import json
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.serve import bind, serving_app, url_of
from tests.shop import DOCUMENT, Shop
from tests.test_serve import environ, run

pytestmark = pytest.mark.anyio

# received, then for each of two writes sending, called, verified, then the end; before the two rows that follow an effect too.
POINTS = [*((row, "after") for row in range(1, 9)), (3, "before"), (6, "before")]
LEASE_S = "1"


@asynccontextmanager
async def serving(folder: Path, *args: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """`factotum serve`, or what the arguments name, and its URL."""
    command = [sys.executable, "-u", *(args or ("-m", "gateway", "serve"))]
    told = environ(FACTOTUM_INTENTS__LEASE_S=LEASE_S, FACTOTUM_INTENTS__LOOK_WAIT_S="0", FACTOTUM_FOLLOW_S="0.1")
    both = {"stdout": asyncio.subprocess.PIPE, "stderr": asyncio.subprocess.STDOUT}
    process = await asyncio.create_subprocess_exec(*command, cwd=folder, env=told, **both)
    assert process.stdout is not None
    said = ""
    try:
        while line := (await process.stdout.readline()).decode():
            said += line
            if found := re.search(r"serves MCP at (http://\S+)/mcp", line):
                yield process, found[1]
                return
        raise AssertionError(said)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def plan(name: str, number: int) -> dict[str, Any]:
    def literal(value: Any) -> dict[str, Any]:
        return {"kind": "literal", "value": value}

    steps = [
        {"name": "make", "tool": "make", "arguments": {"item": literal(name)}},
        {"name": "change", "tool": "change", "arguments": {"id": literal(number), "count": literal(7)}},
    ]
    return {"plan": {"intent": name, "steps": steps}}


async def at_rest(client: httpx.AsyncClient, run_id: str) -> dict[str, Any]:
    for _ in range(200):
        told: dict[str, Any] = (await client.get(f"/v1/intents/{run_id}")).json()
        if told["state"] not in ("running", "verifying", "compensating"):
            return told
        await asyncio.sleep(0.05)  # Another process is watched.
    raise AssertionError(told)


async def settle(client: httpx.AsyncClient, shop: Shop, name: str, number: int) -> set[str]:
    """Let a run come to its end, by answering truthfully what it asks; the states that it rested in."""
    states = set()
    effects = {"do:make:0": f"make {name}", "do:change:0": f"change {number}"}
    run_id = (await client.post("/v1/intents", json=plan(name, number), headers={"idempotency-key": name})).json()["id"]
    while True:
        told = await at_rest(client, run_id)
        states.add(told["state"])
        if told["state"] != "uncertain":
            return states
        (question,) = told["questions"]
        happened = effects[question["key"]] in shop.writes
        values = {question["key"]: "happened" if happened else "again"}
        assert (await client.post(f"/v1/intents/{run_id}/inputs", json={"values": values})).status_code == 200


async def open_shop(folder: Path, url: str) -> dict[str, str]:
    """The connector in its folder, and the headers of somebody who may use it."""
    there = folder / "connectors" / "shop"
    there.mkdir(parents=True)
    (there / "openapi.json").write_text(json.dumps(DOCUMENT))
    manifest = {"name": "shop", "document": "openapi.json", "base_url": url, "prefix": ""}
    (there / "connector.yaml").write_text(json.dumps({**manifest, "allow_addresses": ["127.0.0.0/8"]}))
    token = await asyncio.to_thread(run, folder, "keys", "create", "ada", "--scope", "shop:*")
    return {"authorization": f"Bearer {token}"}


async def test_a_process_killed_at_any_row_writes_nothing_twice_and_loses_nothing(
    anyio_backend: str, tmp_path: Path
) -> None:
    shop, states, done = Shop(), {}, []
    with bind("127.0.0.1", 0) as listening:
        async with serving_app(shop, listening):
            headers = await open_shop(tmp_path, url_of(listening))
            for number, (row, side) in enumerate([*POINTS, (0, "")], 1_000):
                name, wrapper = f"{row} {side}", str(Path(__file__).parent / "killed_serve.py")
                shop.orders[number] = {"id": number, "item": "tea", "count": 1}
                async with (
                    serving(tmp_path, wrapper, name, str(row), side) as (process, url),
                    httpx.AsyncClient(base_url=url, headers=headers, timeout=30) as client,
                ):
                    if done:
                        states[done[-1][0]] = await settle(client, shop, *done[-1])
                    if row == 0:
                        break
                    with suppress(httpx.TransportError):  # It may be killed before it answers.
                        await client.post("/v1/intents", json=plan(name, number), headers={"idempotency-key": name})
                    assert await asyncio.wait_for(process.wait(), 20) == -signal.SIGKILL
                    done.append((name, number))
    assert all("done" in one for one in states.values()), states
    every = [told for name, number in done for told in (f"make {name}", f"change {number}")]
    assert sorted(shop.writes) == sorted(every)
    # Where nothing shows whether a write happened, that is said, and asked; what can be seen is not.
    assert {name for name, one in states.items() if "uncertain" in one} == {"2 after", "3 before", "5 after"}


# Received, sending, called, verified, ended; then undoing, sending, called, ended.
BACKWARDS = [(6, "after"), (7, "after"), (8, "before"), (8, "after"), (9, "after")]


async def test_a_process_killed_while_it_takes_back_takes_nothing_back_twice_and_says_what_it_does_not_know(
    anyio_backend: str, tmp_path: Path
) -> None:
    shop, states, done = Shop(), {}, []
    with bind("127.0.0.1", 0) as listening:
        async with serving_app(shop, listening):
            headers = await open_shop(tmp_path, url_of(listening))
            for number, (row, side) in enumerate([*BACKWARDS, (0, "")], 1_000):
                shop.orders[number] = {"id": number, "item": "tea"}  # So that no two that are made have one id.
                name, wrapper = f"{row} {side}", str(Path(__file__).parent / "killed_serve.py")
                async with (
                    serving(tmp_path, wrapper, name, str(row), side) as (process, url),
                    httpx.AsyncClient(base_url=url, headers=headers, timeout=30) as client,
                ):
                    if done:
                        states[done[-1][0]] = await settle_back(client, shop, *done[-1])
                    if row == 0:
                        break
                    body = {
                        "plan": {**plan(name, 0)["plan"], "steps": plan(name, 0)["plan"]["steps"][:1]},
                        "wait_s": 20,
                    }
                    told = (await client.post("/v1/intents", json=body)).json()
                    assert told["state"] == "done", told
                    run_id = told["id"]
                    done.append((name, run_id, f"drop {len(shop.orders)}"))
                    with suppress(httpx.TransportError):  # It may be killed before it answers.
                        await client.post(f"/v1/intents/{run_id}/undo")
                    assert await asyncio.wait_for(process.wait(), 20) == -signal.SIGKILL
    assert all(one[-1] == "compensated" for one in states.values()), states
    assert min(shop.orders) == 1_000
    assert sorted(shop.writes) == sorted(told for name, _, drop in done for told in (f"make {name}", drop))
    assert {name for name, one in states.items() if "uncertain" in one} == {"7 after", "8 before"}


async def settle_back(client: httpx.AsyncClient, shop: Shop, name: str, run_id: str, drop: str) -> list[str]:
    """Let it come to its end, by answering truthfully what it asks; the states that it rested in."""
    states = []
    while True:
        told = await at_rest(client, run_id)
        states.append(told["state"])
        if told["state"] != "uncertain":
            return states
        assert [one["key"] for one in told["questions"]] == ["undo:make:0"]
        values = {"undo:make:0": "happened" if drop in shop.writes else "again"}
        assert (await client.post(f"/v1/intents/{run_id}/inputs", json={"values": values})).status_code == 200
