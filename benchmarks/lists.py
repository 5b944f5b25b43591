"""tools/list for a large catalog: `python benchmarks/lists.py [--tools 2000]`.

One process, the ASGI app called directly: the first list is encoded, every later one is sent as it is.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from typing import Any

import httpx

from gateway.app import asgi_app, open_gateway
from gateway.core.catalog import all_scopes
from gateway.core.manifest import Manifest
from gateway.core.principal import OPERATOR
from gateway.demo.run import make_key
from gateway.fetch import Offered
from gateway.settings import McpSettings, Secrets, Settings, SqliteStore
from gateway.telemetry import set_up_logging

REPEATS = 50


def document(count: int) -> bytes:
    fields = {f"field_{n}": {"type": "string", "description": f"The field number {n} of the thing."} for n in range(8)}
    schema = {"type": "object", "properties": fields, "required": ["field_0"]}
    body = {"required": True, "content": {"application/json": {"schema": schema}}}
    paths: dict[str, Any] = {
        f"/things/{n}": {
            "post": {"operationId": f"makeThing{n}", "summary": f"Make thing {n}", "requestBody": body, "responses": {}}
        }
        for n in range(count)
    }
    return json.dumps({"openapi": "3.1.0", "info": {"title": "Things", "version": "1"}, "paths": paths}).encode()


async def measure(count: int) -> None:
    set_up_logging("error", "json")
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            data_dir=folder,
            connectors_dir=folder,
            store=SqliteStore(durability="process"),
            mcp=McpSettings(page_tools_max=count + 10),
        )
        async with open_gateway(settings, Secrets({})) as gateway:
            started = time.perf_counter()
            manifest = Manifest(name="things", base_url="https://things.example")
            await gateway.ingestion.add(OPERATOR, Offered(manifest, content=document(count)))
            print(f"add a document of {count} operations   {time.perf_counter() - started:8.2f} s")
            token = await make_key(gateway, "bench", all_scopes(gateway.published.current.catalog))
            transport = httpx.ASGITransport(app=asgi_app(gateway))
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
                took = [await one_list(client, token, count) for _ in range(REPEATS)]
            print(f"first tools/list, encoded            {took[0] * 1e3:8.2f} ms")
            print(f"later tools/list, median of {len(took) - 1}       {statistics.median(took[1:]) * 1e3:8.2f} ms")


async def one_list(client: httpx.AsyncClient, token: str, count: int) -> float:
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    started = time.perf_counter()
    answer = await client.post("/mcp?tools=all", json=body, headers={"authorization": f"Bearer {token}"})
    took = time.perf_counter() - started
    if len(answer.json()["result"]["tools"]) != count + 1:  # and `read_result`
        raise SystemExit("not every tool was listed")
    return took


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tools", type=int, default=2_000)
    asyncio.run(measure(parser.parse_args().tools))
