"""What carrying out a plan costs beside the plain calls, and many runs at once: `python -m benchmarks.executor [--rounds 3]`.

One backend in a process of its own, one gateway in this one with everything on (policies, audit log, journal on SQLite). For each
length, plain calls of one tool (`Calls.call`, one after another) and a plan with as many steps of the same tool and arguments
take turns in every round; the ratio is of medians. Reads, and writes without a look. Then `--runs` runs of `--steps` reads at
once, in a fresh process, so that its peak memory is theirs.
"""

import argparse
import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from benchmarks.call_path import DOCUMENT, GATEWAY_CORE, LOAD_CORE, running
from gateway.app import open_gateway
from gateway.call import Asked
from gateway.core.manifest import Limits, Manifest
from gateway.core.plan import Budget, Literal, Plan, Step
from gateway.core.principal import OPERATOR, Principal
from gateway.edge.parts import Gateway
from gateway.fetch import Offered
from gateway.serve import run
from gateway.settings import IntentSettings, Secrets, Settings, SqliteStore
from gateway.telemetry import set_up_logging

LENGTHS = (10, 100, 1_000)
CALLS = {
    "read": ("orders_get_order", {"order_id": 7, "expand": "lines"}),
    "write": ("orders_update_order", {"order_id": 7, "note": "call first", "count": 2}),
}
MANY = Budget(10_000, 10_000, 1 << 30, 3_600.0)
WAIT_S = 600.0
ADA = Principal("default", "ada", "bench", frozenset({"orders:read", "orders:write"}), method="local")
ANSWERED = {
    "type": "object",
    "properties": {"order_id": {"type": "integer"}, "state": {"type": "string"}},
}


@asynccontextmanager
async def opened(url: str, durability: str, running_max: int) -> AsyncIterator[Gateway]:
    set_up_logging("error", "json")
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            data_dir=folder,
            connectors_dir=folder,
            store=SqliteStore(durability=durability),
            intents=IntentSettings(
                MANY.calls_max, MANY.writes_max, MANY.bytes_max, running_max=running_max, open_max=10_000
            ),
        )
        async with open_gateway(settings, Secrets({})) as gateway:
            manifest = Manifest(
                name="orders", base_url=url, allow_addresses=("127.0.0.0/8",), limits=Limits(in_flight_max=256)
            )
            document = json.loads(json.dumps(DOCUMENT))
            for one in document["paths"]["/orders/{order_id}"].values():
                one["responses"]["200"]["content"] = {"application/json": {"schema": ANSWERED}}
            await gateway.ingestion.add(OPERATOR, Offered(manifest, content=json.dumps(document).encode()))
            yield gateway


def plan_of(kind: str, count: int) -> Plan:
    tool, arguments = CALLS[kind]
    told = {name: Literal(value) for name, value in arguments.items()}
    return Plan(f"{count} of {kind}", tuple(Step(f"s{n}", tool, told, verify=None) for n in range(count)), MANY)


async def carry_out(gateway: Gateway, plan: Plan) -> float:
    """Seconds from its beginning to its end."""
    started = time.perf_counter()
    begun = await gateway.intents.start(ADA, plan, "execute", "rest")
    held = await gateway.runs.wait(ADA, begun.id, WAIT_S)
    assert held.run.state == "done", (held.run.state, held.progress.detail)
    assert len(held.progress.calls) == len(plan.steps)
    return time.perf_counter() - started


async def call_plainly(gateway: Gateway, kind: str, count: int) -> None:
    tool, arguments = CALLS[kind]
    for _ in range(count):
        result = await gateway.calls.call(ADA, Asked(tool, arguments, "rest"))
        assert result.status == 200


async def compare(url: str, durability: str, rounds: int) -> None:
    print(
        f"{'steps':>6} {'of':<6} {'plain ms':>9} {'step ms':>9} {'ratio':>6} {'plain cpu':>10} {'step cpu':>9} {'ratio':>6}"
    )
    async with opened(url, durability, 32) as gateway:
        for kind in CALLS:
            await call_plainly(gateway, kind, 50)
            await carry_out(gateway, plan_of(kind, 20))
        for kind in CALLS:
            for length in LENGTHS:
                plain, step = [], []
                for _ in range(rounds):
                    plain.append(await timed(call_plainly(gateway, kind, length), length))
                    step.append(await timed(carry_out(gateway, plan_of(kind, length)), length))
                told = [tuple(map(statistics.median, zip(*rows, strict=True))) for rows in (plain, step)]
                (wall, cpu), (step_wall, step_cpu) = told
                print(
                    f"{length:>6} {kind:<6} {wall:>9.2f} {step_wall:>9.2f} {step_wall / wall:>6.2f} "
                    f"{cpu:>10.2f} {step_cpu:>9.2f} {step_cpu / cpu:>6.2f}",
                    flush=True,
                )


async def timed(work: Any, count: int) -> tuple[float, float]:
    """Milliseconds each, of the clock and of this process."""
    wall, cpu = time.perf_counter(), time.process_time()
    await work
    return (time.perf_counter() - wall) / count * 1e3, (time.process_time() - cpu) / count * 1e3


async def at_once(url: str, durability: str, runs: int, steps: int, running_max: int) -> None:
    async with opened(url, durability, running_max) as gateway:
        await carry_out(gateway, plan_of("read", 20))
        before = peak_mib()
        started = time.perf_counter()
        took = sorted(await asyncio.gather(*(carry_out(gateway, plan_of("read", steps)) for _ in range(runs))))
        wall = time.perf_counter() - started
        print(
            f"{runs} runs of {steps} reads, {running_max} going on at once: {runs / wall:.1f} runs/s, "
            f"{runs * steps / wall:.0f} steps/s, from start to end p50 {took[len(took) // 2]:.2f} s, "
            f"p95 {took[int(len(took) * 0.95)]:.2f} s; peak memory {peak_mib():.0f} MiB ({before:.0f} before)",
            flush=True,
        )


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--running-max", type=int, default=200)
    parser.add_argument("--durability", choices=["process", "power"], default="power")
    parser.add_argument("--compare", metavar="URL", help=argparse.SUPPRESS)
    parser.add_argument("--at-once", metavar="URL", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.compare:
        run(compare(asked.compare, asked.durability, asked.rounds))
    elif asked.at_once:
        run(at_once(asked.at_once, asked.durability, asked.runs, asked.steps, asked.running_max))
    else:
        with running(LOAD_CORE, "--serve-backend") as (backend, _):
            if (os.cpu_count() or 1) > 1:
                os.sched_setaffinity(0, {GATEWAY_CORE})
            again = [sys.executable, "-m", "benchmarks.executor", *sys.argv[1:]]
            for part in ("--compare", "--at-once"):
                subprocess.run([*again, part, backend["url"]], check=True)


if __name__ == "__main__":
    main()
