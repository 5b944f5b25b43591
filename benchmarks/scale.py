"""Large catalogs: `python benchmarks/scale.py [--connectors 5] [--operations 20000]`.

A gateway on its embedded defaults takes in so many connectors of so many operations each, made from the shapes of real
documents (parameters, bodies and answers that share components), while calls go on to a small backend. It prints how long
each took, the resident memory of the gateway's process for each tool, and the latency of calls with and without a document
being compiled. Garbage is collected before memory is read; the benchmark's own copies of the documents are dropped.
"""

import argparse
import asyncio
import gc
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from gateway.app import open_gateway
from gateway.call import Asked
from gateway.core.catalog import all_scopes
from gateway.core.manifest import Manifest
from gateway.core.principal import OPERATOR, Principal
from gateway.edge.parts import Gateway
from gateway.fetch import Offered
from gateway.serve import bind, serving_app, url_of
from gateway.settings import Secrets, Settings, SqliteStore
from gateway.telemetry import set_up_logging

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
    """Calls the small backend again and again, and keeps how long each call took."""

    def __init__(self, gateway: Gateway, principal: Principal) -> None:
        self.latencies: list[float] = []
        self._gateway, self._principal = gateway, principal

    async def run(self) -> None:
        while True:
            started = time.perf_counter()
            await self._gateway.calls.call(self._principal, Asked("ping", {}, "rest"))
            self.latencies.append((time.perf_counter() - started) * 1000)
            await asyncio.sleep(0.005)

    def take(self) -> str:
        told = sorted(self.latencies)
        self.latencies.clear()
        at = [told[min(len(told) - 1, int(len(told) * share))] for share in (0.5, 0.95, 0.99)]
        return f"p50 {at[0]:.1f} p95 {at[1]:.1f} p99 {at[2]:.1f} max {told[-1]:.1f} ms of {len(told)} calls"


async def measure(connectors: int, operations: int) -> None:
    with tempfile.TemporaryDirectory() as folder, bind("127.0.0.1", 0) as listening:
        settings = Settings(data_dir=folder, connectors_dir=f"{folder}/none", store=SqliteStore(durability="process"))
        async with serving_app(backend, listening), open_gateway(settings, Secrets({})) as gateway:
            content = json.dumps(PING).encode()
            ping = Manifest(name="ping", base_url=url_of(listening), allow_addresses=("127.0.0.0/8",))
            await gateway.ingestion.add(OPERATOR, Offered(ping, content=content))
            scopes = all_scopes(gateway.published.current.catalog)
            caller = Caller(gateway, Principal("default", "bench", "bench", scopes=scopes))
            calling = asyncio.create_task(caller.run())
            await asyncio.sleep(2)
            if calling.done():
                calling.result()
            print(f"calls alone              {caller.take()}")
            before, took = resident_mb(), []
            for number in range(connectors):
                document = make_document(number, operations)
                size = len(document) / 1e6
                await asyncio.sleep(0.05)
                caller.latencies.clear()
                started = time.perf_counter()
                await gateway.ingestion.add(OPERATOR, Offered(Manifest(name=f"api{number}"), content=document))
                took.append(time.perf_counter() - started)
                await asyncio.sleep(0.05)
                print(f"connector {number}: {size:.0f} MB in {took[-1]:.1f} s; calls meanwhile {caller.take()}")
                del document
            calling.cancel()
            tools = len(gateway.published.current.catalog.tools) - 1
            grown = resident_mb() - before
            print(f"tools                    {tools}")
            print(f"a connector              {statistics.median(took):.1f} s of {operations} operations (median)")
            print(f"resident memory          {grown:.0f} MB more, {grown * 1000 / tools:.2f} KB a tool")


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--connectors", type=int, default=5)
    asked.add_argument("--operations", type=int, default=20_000)
    told = asked.parse_args()
    set_up_logging("error", "console")
    asyncio.run(measure(told.connectors, told.operations))


if __name__ == "__main__":
    main()
