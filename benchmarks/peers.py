"""The same calls through FastMCP.from_openapi: `python benchmarks/peers.py --python PATH`, where PATH is a Python that has
fastmcp, uvicorn, uvloop and httptools (a virtual environment of its own: it brings other versions than ours).

Backend, document, load generator and cores are those of call_path.py; the two gateways take turns in every round. FastMCP
has no key, no scopes, no policies and no audit log on; ours has them all.
"""

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import call_path as ours

from gateway.serve import bind, run, url_of

SERVER = """
import json, sys, httpx2, uvicorn
from fastmcp import FastMCP
document, backend, port = json.loads(sys.argv[1]), sys.argv[2], int(sys.argv[3])
server = FastMCP.from_openapi(document, client=httpx2.AsyncClient(base_url=backend), name="orders")
app = server.http_app(path="/mcp", json_response=True, stateless_http=True)
uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", access_log=False)
"""
READY_S = 30


@contextlib.contextmanager
def fastmcp(python: str, backend: str) -> Iterator[tuple[str, int]]:
    """A FastMCP server on the gateway's core; gives its URL and pid."""
    with bind("127.0.0.1", 0) as probe:
        url = url_of(probe)
    document = ours.json.dumps({**ours.DOCUMENT, "servers": [{"url": backend}]})
    process = subprocess.Popen(
        [python, "-c", SERVER, document, backend, url.rpartition(":")[2]],
        preexec_fn=lambda: os.sched_setaffinity(0, {ours.GATEWAY_CORE}),
        stderr=subprocess.DEVNULL,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
    )
    try:
        wait_for(url)
        yield url, process.pid
    finally:
        process.terminate()
        process.wait(20)


def wait_for(url: str) -> None:
    """Return when the server takes connections. Raises SystemExit."""
    import socket

    host, port = url.removeprefix("http://").split(":")
    for _ in range(READY_S * 10):
        with contextlib.suppress(OSError), socket.create_connection((host, int(port)), 1):
            return
        time.sleep(0.1)
    raise SystemExit("FastMCP did not start; see that --python has it.")


def measure(python: str, seconds: float, rounds: int) -> None:
    arguments = {"expand": "lines"}
    with (
        ours.running(ours.LOAD_CORE, "--serve-backend") as (direct, _),
        ours.running(ours.GATEWAY_CORE, "--serve-gateway", direct["url"]) as (mine, my_pid),
        fastmcp(python, direct["url"]) as (theirs, their_pid),
    ):
        os.sched_setaffinity(0, {ours.LOAD_CORE})
        contestants = {
            "factotum": (mine["url"], my_pid, ours.mcp_requests(mine["token"], "orders_get_order", arguments)),
            "fastmcp": (theirs, their_pid, ours.mcp_requests("none", "getOrder", arguments)),
        }
        for url, _, requests in contestants.values():
            run(ours.load(url, requests, 4, 1.0))
        print(f"{'':<10} {'in flight':>9} {'calls/s':>8} {'p50 ms':>8} {'cpu us':>8} {'calls/cpu-s':>11}")
        for in_flight in ours.IN_FLIGHT:
            rows: dict[str, list[tuple[float, float, float]]] = {name: [] for name in contestants}
            for _ in range(rounds):
                for name, (url, pid, requests) in contestants.items():
                    before, started = ours.cpu_seconds(pid), time.perf_counter()
                    took = sorted(run(ours.load(url, requests, in_flight, seconds)))
                    rate = len(took) / (time.perf_counter() - started)
                    cpu = (ours.cpu_seconds(pid) - before) / len(took) * 1e6
                    rows[name].append((rate, took[len(took) // 2] * 1e3, cpu))
            for name, many in rows.items():
                rate, p50, cpu = (statistics.median(column) for column in zip(*many, strict=True))
                print(f"{name:<10} {in_flight:>9} {rate:>8.0f} {p50:>8.2f} {cpu:>8.0f} {1e6 / cpu:>11.0f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    measure(str(Path(asked.python)), asked.seconds, asked.rounds)
