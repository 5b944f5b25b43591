"""What a governed tool call costs beside the direct one: `python benchmarks/call_path.py [--seconds 3] [--rounds 3]`.

One backend (a bare ASGI app), one gateway with everything on (key, scopes, policies, audit log on SQLite), one load
generator that keeps 1, 16 or 64 calls in flight over as many connections and checks every answer. The gateway has a core
of its own where there are two. Direct, MCP and REST take turns in every round, so that a noisy machine is noisy for all.
`cpu us` is the processor time of the gateway (or, for `direct`, of the backend) a call: the number to trust.
"""

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from gateway.serve import bind, run, serve_forever, url_of

IN_FLIGHT = (1, 16, 64)
GATEWAY_CORE, LOAD_CORE = 0, 1
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "Orders", "version": "1"},
    "paths": {
        "/orders/{order_id}": {
            "post": {
                "operationId": "updateOrder",
                "summary": "Change an order",
                "parameters": [
                    {"name": "order_id", "in": "path", "required": True, "schema": {"type": "integer"}},
                    {"name": "notify", "in": "query", "schema": {"type": "boolean"}},
                ],
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "required": ["note"],
                                "properties": {"note": {"type": "string"}, "count": {"type": "integer", "minimum": 1}},
                            }
                        }
                    },
                },
                "responses": {"200": {"description": "The order"}},
            },
            "get": {
                "operationId": "getOrder",
                "summary": "Show an order",
                "parameters": [
                    {"name": "order_id", "in": "path", "required": True, "schema": {"type": "integer"}},
                    {"name": "expand", "in": "query", "schema": {"type": "string"}},
                ],
                "responses": {"200": {"description": "The order"}},
            },
        }
    },
}
ANSWER = json.dumps({"order_id": 7, "state": "packed", "lines": [{"sku": "lamp", "count": 2}] * 6}).encode()


# The two servers, each a process of its own


async def backend(scope: dict, receive, send) -> None:
    """Answers everything with the same order."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(ANSWER)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": ANSWER})


async def serve_backend(app=backend) -> None:
    import uvicorn

    listening = bind("127.0.0.1", 0)
    print(json.dumps({"url": url_of(listening)}), flush=True)
    config = uvicorn.Config(app, access_log=False, log_level="error", lifespan="off")
    await uvicorn.Server(config).serve(sockets=[listening])


async def serve_gateway(base_url: str, durability: str) -> None:
    from gateway.app import open_gateway
    from gateway.core.catalog import all_scopes
    from gateway.core.manifest import Limits, Manifest
    from gateway.core.principal import OPERATOR
    from gateway.demo.run import make_key
    from gateway.fetch import Offered
    from gateway.settings import Secrets, Settings, SqliteStore
    from gateway.telemetry import set_up_logging

    set_up_logging("error", "json")
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(port=0, data_dir=folder, connectors_dir=folder, store=SqliteStore(durability=durability))
        async with open_gateway(settings, Secrets({})) as gateway:
            limits = Limits(in_flight_max=256)
            manifest = Manifest(name="orders", base_url=base_url, allow_addresses=("127.0.0.0/8",), limits=limits)
            await gateway.ingestion.add(OPERATOR, Offered(manifest, content=json.dumps(DOCUMENT).encode()))
            token = await make_key(gateway, "bench", all_scopes(gateway.published.current.catalog))
            await serve_forever(gateway, lambda url: print(json.dumps({"url": url, "token": token}), flush=True))


@contextlib.contextmanager
def running(core: int, *args: str, module: str = "benchmarks.call_path"):
    """A server in a process of its own on one core; gives what it printed first, and its pid."""

    def pin() -> None:
        if (os.cpu_count() or 1) > 1:
            os.sched_setaffinity(0, {core})

    process = subprocess.Popen(
        [sys.executable, "-m", module, *args], stdout=subprocess.PIPE, preexec_fn=pin, cwd=Path(__file__).parent.parent
    )
    try:
        yield json.loads(process.stdout.readline()), process.pid
    finally:
        process.terminate()
        process.wait(20)


# The load


class Client(asyncio.Protocol):
    """One keep-alive connection that has one request on the wire at a time."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.buffer = b""
        self.answered: asyncio.Future[bytes] | None = None

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, _, body = self.buffer.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        if length and len(body) >= int(length):
            self.buffer = b""
            self.answered.set_result(head[9:12] + body)

    async def ask(self, request: bytes) -> bytes:
        self.answered = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await self.answered


async def load(url: str, requests: list[bytes], in_flight: int, seconds: float) -> list[float]:
    """Seconds of each call. Every answer is checked."""
    host, port = url.removeprefix("http://").split(":")
    loop = asyncio.get_running_loop()
    took: list[float] = []
    end = time.perf_counter() + seconds

    async def one(number: int) -> None:
        _, client = await loop.create_connection(Client, host, int(port))
        while time.perf_counter() < end:
            number += 1
            started = time.perf_counter()
            answer = await client.ask(requests[number % len(requests)])
            took.append(time.perf_counter() - started)
            if not answer.startswith(b"200") or b"packed" not in answer or b'"isError":true' in answer:
                raise SystemExit(f"a wrong answer: {answer[:300]!r}")
        client.transport.close()

    await asyncio.gather(*(one(number) for number in range(in_flight)))
    return took


def http(method: str, path: str, headers: dict[str, str], body: bytes) -> bytes:
    sent = {"host": "127.0.0.1", "content-type": "application/json", "content-length": str(len(body)), **headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body


def mcp_requests(token: str, tool: str, arguments: dict) -> list[bytes]:
    version = "2026-07-28"
    meta = {
        "io.modelcontextprotocol/protocolVersion": version,
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
    }
    headers = {
        "authorization": f"Bearer {token}",
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": version,
        "mcp-method": "tools/call",
        "mcp-name": tool,
    }
    return [
        http("POST", "/mcp", headers, json.dumps({
            "jsonrpc": "2.0", "id": number, "method": "tools/call",
            "params": {"name": tool, "arguments": {**arguments, "order_id": number}, "_meta": meta},
        }).encode())
        for number in range(50)
    ]  # fmt: skip


def rest_requests(token: str, tool: str, arguments: dict) -> list[bytes]:
    headers = {"authorization": f"Bearer {token}"}
    return [
        http("POST", f"/v1/tools/{tool}:call", headers,
             json.dumps({"arguments": {**arguments, "order_id": number}}).encode())
        for number in range(50)
    ]  # fmt: skip


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND


def measure(seconds: float, rounds: int, durability: str) -> list[dict]:
    rows: dict[tuple, list[dict]] = {}
    with (
        running(LOAD_CORE, "--serve-backend") as (direct, direct_pid),
        running(GATEWAY_CORE, "--serve-gateway", direct["url"], "--durability", durability) as (ours, our_pid),
    ):
        if (os.cpu_count() or 1) > 1:
            os.sched_setaffinity(0, {LOAD_CORE})
        read, write = {"expand": "lines"}, {"note": "call first", "notify": True, "count": 2}
        body = json.dumps({"note": "call first", "count": 2}).encode()
        contestants = {
            "direct GET": (direct["url"], direct_pid, [http("GET", "/orders/7?expand=lines", {}, b"")]),
            "MCP read": (ours["url"], our_pid, mcp_requests(ours["token"], "orders_get_order", read)),
            "REST read": (ours["url"], our_pid, rest_requests(ours["token"], "orders_get_order", read)),
            "direct POST": (direct["url"], direct_pid, [http("POST", "/orders/7?notify=true", {}, body)]),
            "MCP write": (ours["url"], our_pid, mcp_requests(ours["token"], "orders_update_order", write)),
        }
        for url, _, requests in contestants.values():
            run(load(url, requests, 16, 1.0))
        for in_flight in IN_FLIGHT:
            for _ in range(rounds):
                for name, (url, pid, requests) in contestants.items():
                    before, started = cpu_seconds(pid), time.perf_counter()
                    took = sorted(run(load(url, requests, in_flight, seconds)))
                    rows.setdefault((name, in_flight), []).append({
                        "calls_a_second": len(took) / (time.perf_counter() - started),
                        "cpu_us": (cpu_seconds(pid) - before) / len(took) * 1e6,
                        "p50_ms": took[len(took) // 2] * 1e3,
                        "p99_ms": took[int(len(took) * 0.99)] * 1e3,
                    })  # fmt: skip
    return [
        {"call": name, "in_flight": in_flight, **{key: statistics.median(r[key] for r in many) for key in many[0]}}
        for (name, in_flight), many in rows.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--durability", choices=["process", "power"], default="power")
    parser.add_argument("--serve-backend", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--serve-gateway", metavar="URL", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve_backend:
        run(serve_backend())
    elif asked.serve_gateway:
        run(serve_gateway(asked.serve_gateway, asked.durability))
    else:
        print(
            f"{'call':<12} {'in flight':>9} {'calls/s':>8} {'p50 ms':>8} {'p99 ms':>8} {'cpu us':>8} {'calls/cpu-s':>11}"
        )
        for row in measure(asked.seconds, asked.rounds, asked.durability):
            print(
                f"{row['call']:<12} {row['in_flight']:>9} {row['calls_a_second']:>8.0f} {row['p50_ms']:>8.2f} "
                f"{row['p99_ms']:>8.2f} {row['cpu_us']:>8.0f} {1e6 / row['cpu_us']:>11.0f}"
            )


if __name__ == "__main__":
    main()
