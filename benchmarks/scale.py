"""Large catalogs: `python benchmarks/scale.py [--connectors 5] [--operations 20000] [--shapes FOLDER]`.

A gateway on its embedded defaults takes in so many connectors of so many operations each, made like real documents
(parameters, bodies and answers that share components), while calls go on to a small backend. With `--shapes`, the
connectors are the real documents of a folder instead (`corpus.py`), again and again until there are as many tools.

It prints how long each took; the latency of calls alone and while a document is compiled, counted from when a call was due
(fifty a second), so that a stall counts for every call that it delays; the resident memory of the gateway's process for each
tool; the first search, the front of tools/list, and how long the next start takes with the store as it is. Garbage is
collected before memory is read; the benchmark's own copies of the documents are dropped.

Taken on two shared cores: 2.23 KB resident a tool at 100,000 tools of these shapes; calls p50 1.4, p99 5.1, longest 9 ms alone,
and 1.5, 9.1 and 30 while compiling; a document added in 14 s; front of tools/list 0.7 ms; next start 3.2 s; first search 46 ms,
with calls up to 0.2 s late meanwhile. With `--connectors 1 --operations 10000 --shapes ../shared/specs`: 12.5 KB at 10,118 tools of
real documents, of which 2 are the empty gateway's and 5 what compiling left behind; calls meanwhile p99 21, longest 28 ms.
"""

import argparse
import asyncio
import gc
import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import httpx
from corpus import read_corpus

from gateway.app import asgi_app, open_gateway
from gateway.call import Asked
from gateway.core.catalog import all_scopes
from gateway.core.manifest import Manifest
from gateway.core.principal import OPERATOR, Principal
from gateway.demo.run import make_key
from gateway.edge.parts import Gateway
from gateway.fetch import Offered
from gateway.serve import bind, prefer_calls, run, serving_app, url_of
from gateway.settings import Secrets, Settings, SqliteStore
from gateway.telemetry import set_up_logging

PACE_S = 0.02
WORDS = (
    *("order", "invoice", "customer", "device", "room", "sensor", "ticket", "project"),
    *("document", "user", "team", "report", "alert", "route", "asset"),
)


def make_document(number: int, operations: int) -> bytes:
    """One API: families of five operations over components that refer to one another."""
    schemas: dict[str, Any] = {}
    paths: dict[str, Any] = {}
    for family in range((operations + 4) // 5):
        word = WORDS[family % len(WORDS)]
        name = f"{word.title()}{family}"
        described = {"type": "string", "description": f"What the {word} is called by the people who work with it."}
        schemas[name] = {
            "type": "object",
            "required": ["name"],
            "properties": {
                "id": {"type": "string", "format": "uuid", "readOnly": True},
                "name": described,
                "state": {"type": "string", "enum": ["open", "held", "closed"]},
                "amount": {"type": "number", "minimum": 0},
                "labels": {"type": "array", "items": {"type": "string"}},
                "owner": {
                    "$ref": f"#/components/schemas/{WORDS[(family + 1) % len(WORDS)].title()}{max(0, family - 1)}"
                },
            },
        }
        if family == 0:
            schemas[name]["properties"]["owner"] = {"type": "string"}
        refer = {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}
        listed = {"type": "object", "properties": {"items": {"type": "array", "items": {"$ref": f"#/components/schemas/{name}"}},
                                                   "next_cursor": {"type": "string"}}}  # fmt: skip
        identity = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
        queries = [{"name": one, "in": "query", "schema": kind, "description": f"Only those whose {one} is this."}
                   for one, kind in (("cursor", {"type": "string"}), ("limit", {"type": "integer", "maximum": 100}),
                                     ("state", {"type": "string", "enum": ["open", "held", "closed"]}))]  # fmt: skip
        told = {"200": {"description": "ok", "content": refer}}
        text = f"Works with a {word} of the kind {family}, as the people of department {family % 97} keep them."
        paths[f"/{word}s{family}"] = {
            "get": {"operationId": f"list{name}s", "summary": f"List {word}s", "description": text, "parameters": queries,
                    "responses": {"200": {"description": "ok", "content": {"application/json": {"schema": listed}}}}},
            "post": {"operationId": f"create{name}", "summary": f"Create a {word}", "description": text,
                     "requestBody": {"required": True, "content": refer}, "responses": told},
        }  # fmt: skip
        paths[f"/{word}s{family}/{{id}}"] = {
            "parameters": [identity],
            "get": {"operationId": f"get{name}", "summary": f"Get a {word}", "description": text, "responses": told},
            "put": {"operationId": f"update{name}", "summary": f"Change a {word}", "description": text,
                    "requestBody": {"required": True, "content": refer}, "responses": told},
            "delete": {"operationId": f"delete{name}", "summary": f"Delete a {word}", "description": text,
                       "responses": {"204": {"description": "gone"}}},
        }  # fmt: skip
    tree = {"openapi": "3.1.0", "info": {"title": f"API {number}", "version": "1"}, "servers": [{"url": "https://api.example"}],
            "paths": paths, "components": {"schemas": schemas}}  # fmt: skip
    return json.dumps(tree).encode()


PING = {"openapi": "3.1.0", "info": {"title": "Ping", "version": "1"},
        "paths": {"/ping": {"get": {"operationId": "ping", "responses": {"200": {"description": "ok"}}}}}}  # fmt: skip


async def backend(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": b'{"ok":true}'})


def resident_mb() -> float:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 1e6


class Caller:
    """Calls the small backend at a steady pace, and keeps how long after it was due each call was done, in ms."""

    def __init__(self, gateway: Gateway, principal: Principal) -> None:
        self.latencies: list[float] = []
        self._gateway, self._principal, self._due = gateway, principal, time.perf_counter()

    async def run(self) -> None:
        while True:
            self._due += PACE_S
            await asyncio.sleep(max(0.0, self._due - time.perf_counter()))
            await self._gateway.calls.call(self._principal, Asked("ping", {}, "rest"))
            self.latencies.append((time.perf_counter() - self._due) * 1000)

    async def begin(self) -> None:
        """Forget what was, when no call is late any more: making a document holds everything up."""
        await asyncio.sleep(0.1)
        while time.perf_counter() - self._due > PACE_S:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        self.latencies.clear()

    def take(self) -> list[float]:
        told, self.latencies = sorted(self.latencies), []
        return told


def tell(latencies: list[float]) -> str:
    at = [latencies[min(len(latencies) - 1, int(len(latencies) * share))] for share in (0.5, 0.99)]
    return f"p50 {at[0]:.1f} p99 {at[1]:.1f} longest {latencies[-1]:.1f} ms of {len(latencies)} calls"


def made(connectors: int, operations: int) -> Iterator[tuple[str, bytes]]:
    for number in range(connectors):
        yield f"api{number}", make_document(number, operations)


def real(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Real documents of one file each, round after round without an end."""
    documents = [next(iter(files.values())) for _, files in read_corpus(folder) if len(files) == 1]
    for number, content in enumerate(cycle(documents)):
        yield f"real{number}", content


async def measure(documents: Iterator[tuple[str, bytes]], tools_max: int) -> None:
    with tempfile.TemporaryDirectory() as folder, bind("127.0.0.1", 0) as listening:
        settings = Settings(data_dir=folder, connectors_dir=f"{folder}/none", store=SqliteStore(durability="process"))
        async with serving_app(backend, listening):
            await fill(settings, documents, tools_max, url_of(listening))
            gc.unfreeze()
            gc.collect()
            started = time.perf_counter()
            async with open_gateway(settings, Secrets({})) as gateway:
                tools = len(gateway.published.current.catalog.tools)
                print(f"next start               {time.perf_counter() - started:.1f} s with {tools} tools")


async def fill(settings: Settings, documents: Iterator[tuple[str, bytes]], tools_max: int, url: str) -> None:
    async with open_gateway(settings, Secrets({})) as gateway:
        prefer_calls()
        content = json.dumps(PING).encode()
        ping = Manifest(name="ping", base_url=url, allow_addresses=("127.0.0.0/8",))
        await gateway.ingestion.add(OPERATOR, Offered(ping, content=content))
        scopes = all_scopes(gateway.published.current.catalog)
        caller = Caller(gateway, Principal("default", "bench", "bench", scopes=scopes))
        calling = asyncio.create_task(caller.run())
        await asyncio.sleep(5)
        if calling.done():
            calling.result()
        print(f"calls alone              {tell(caller.take())}")
        before = resident_mb()
        took = await add_all(gateway, documents, tools_max, caller)
        grown, tools = resident_mb() - before, len(gateway.published.current.catalog.tools) - 1
        print(f"tools                    {tools}")
        print(f"a connector              {statistics.median(took):.1f} s (median)")
        print(f"resident memory          {grown:.0f} MB more, {grown * 1000 / tools:.2f} KB a tool")
        await asyncio.sleep(1)  # Collecting garbage kept calls waiting, and they have come by now.
        caller.take()
        await look(gateway)
        print(f"calls meanwhile          {tell(caller.take())}")
        calling.cancel()


async def add_all(
    gateway: Gateway, documents: Iterator[tuple[str, bytes]], tools_max: int, caller: Caller
) -> list[float]:
    """Seconds of each. Real documents are many and small: they are told together."""
    took: list[float] = []
    together: list[float] = []
    for name, document in documents:
        await caller.begin()
        size, started = len(document) / 1e6, time.perf_counter()
        manifest = Manifest(name=name, base_url="https://api.example")
        await gateway.ingestion.add(OPERATOR, Offered(manifest, content=document))
        took.append(time.perf_counter() - started)
        await asyncio.sleep(0.5 if name.startswith("api") else 0.05)
        latencies = caller.take()
        together += latencies
        if name.startswith("api"):
            print(f"{name}: {size:.0f} MB in {took[-1]:.1f} s; calls meanwhile {tell(latencies)}")
        if len(gateway.published.current.catalog.tools) > tools_max:
            break
    print(f"calls while compiling    {tell(sorted(together))}")
    return took


async def look(gateway: Gateway) -> None:
    """The doors of somebody who may see everything."""
    token = await make_key(gateway, "bench", all_scopes(gateway.published.current.catalog))
    headers = {"authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=asgi_app(gateway)), base_url="http://127.0.0.1", headers=headers, timeout=100
    ) as client:
        for title in ("first front of tools/list", "later front of tools/list"):
            started = time.perf_counter()
            answer = await client.post("/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
            assert len(answer.json()["result"]["tools"]) < 10, answer.text
            print(f"{title:<25}{(time.perf_counter() - started) * 1000:.1f} ms")
        for title in ("first search", "later search"):
            started = time.perf_counter()
            answer = await client.post("/v1/tools:search", json={"query": "list the orders of a department"})
            assert answer.status_code == 200, answer.text
            print(f"{title:<25}{(time.perf_counter() - started) * 1000:.1f} ms")


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--connectors", type=int, default=5)
    asked.add_argument("--operations", type=int, default=20_000)
    asked.add_argument("--shapes", type=Path, metavar="FOLDER")
    told = asked.parse_args()
    tools = told.connectors * told.operations
    set_up_logging("error", "console")
    run(measure(real(told.shapes) if told.shapes else made(told.connectors, told.operations), tools))


if __name__ == "__main__":
    main()
