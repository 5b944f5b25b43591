"""Search in large catalogs: `python benchmarks/search_scale.py [--tools 1000 10000 100000] [--folder ../shared/specs]`.

The tools are those of real documents, again and again under other names until there are as many, a connector for each document.
The vectors are drawn at random (384 numbers, as an all-MiniLM-L6-v2 has), and a query's is at hand at once: this says how fast a
search is beside its model, and nothing of how good. Queries are titles of tools, of which three words were kept.

For each size and ranker it prints: how long a start takes until words find every tool, and until the vectors too are there, which
are read from SQLite (`first`: they are made, and put there); the resident memory that all this holds, where nothing else was let
go before it; what searches take one after the other, and how many a second are answered where sixteen are asked at a time. With
`--recall MODEL`, a folder of `factotum model`, it prints instead how many of the nearest tools are the same as with vectors that
are not rounded.

Taken on two shared cores, of which other work had more than one:
10,000 tools: by words p50 0.3, p95 1.9 ms, 2,772 a second, 0.7 KB a tool; fused p50 1.5, p95 6.2 ms, 492 a second, 1.4 KB a tool;
a start has all vectors after 0.6 s. 100,000: by words 1.6, 6.6 ms, 504 a second, 0.4 KB; fused 8.3, 9.2 ms, 124 a second, 1.3 KB;
a start 6.8 s, the words' too. Of the ten nearest 99.5 % are the same, of the nearest all (all-MiniLM-L6-v2, 4,000 tools).
"""

import argparse
import asyncio
import ctypes
import gc
import os
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
from corpus import CORPUS
from msgspec import structs
from relations import compile_all

from gateway.core.catalog import Connector
from gateway.core.tool_text import text_of_tool
from gateway.rankers.base import Matrix, Ranker, Vector
from gateway.rankers.fused import Fused
from gateway.rankers.lexical import Bm25
from gateway.rankers.serving import Encoder
from gateway.rankers.vector_table import VectorTable
from gateway.stores.sql import open_sql
from gateway.tool_index import ToolIndex
from gateway.vectors import Vectors

WIDTH = 384
QUERIES = 300
AT_ONCE = 16
SPEED_S = 4.0
RECALL_TOOLS = 4_000


def resident_mb() -> float:
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 1e6


class Random:
    """An Encoding: of every text some vector, at once."""

    name, width = "random", WIDTH

    def __init__(self) -> None:
        self._chance = np.random.default_rng(7)

    def encode(self, texts: Sequence[str]) -> Matrix:
        drawn = self._chance.standard_normal((len(texts), WIDTH), np.float32)
        return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)

    def encode_queries(self, queries: Sequence[str], deadline_s: float) -> Sequence[Vector]:
        return list(self.encode(queries))

    def close(self) -> None:
        """Nothing is open."""


def catalog_of(documents: Sequence[Connector], tools_max: int) -> list[Connector]:
    """Connectors with so many tools in all."""
    made: list[Connector] = []
    left = tools_max
    for number, one in enumerate(cycle(documents)):
        tools = tuple(structs.replace(tool, name=f"{tool.name[:55]}_{number}") for tool in one.tools[:left])
        made.append(structs.replace(one, tools=tools))
        left -= len(tools)
        if left <= 0:
            return made
    raise AssertionError


def queries_of(connectors: Sequence[Connector]) -> list[str]:
    dice = random.Random(7)
    titles = [tool.title.split() for one in connectors for tool in one.tools]
    return [" ".join(sorted(dice.sample(one, min(3, len(one))))) for one in dice.choices(titles, k=QUERIES)]


async def measure(name: str, ranker: Ranker[Any], connectors: Sequence[Connector]) -> None:
    before, started = resident_mb(), time.perf_counter()
    index, seen = ToolIndex(ranker), {tool.name: tool for one in connectors for tool in one.tools}
    await index.index(connectors)
    words_s = time.perf_counter() - started
    tools = sum(len(one.tools) for one in connectors)
    while sum(index.filling(one).ready for one in connectors) < tools:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    all_s = time.perf_counter() - started
    parts = await index.parts(connectors, seen)
    held = resident_mb() - before
    print(
        f"{len(seen):>7} {name:<8} words in {words_s:.1f} s, all in {all_s:.1f} s; {held:.0f} MB, "
        f"{held * 1000 / len(seen):.2f} KB a tool",
        flush=True,
    )
    queries, took = queries_of(connectors), []
    for query in queries:
        started = time.perf_counter()
        await index.rank(query, 10, parts, len(seen))
        took.append((time.perf_counter() - started) * 1000)
    took.sort()
    done, until = 0, time.perf_counter() + SPEED_S

    async def ask(own: Iterator[str]) -> None:
        nonlocal done
        while time.perf_counter() < until:
            await index.rank(next(own), 10, parts, len(seen))
            done += 1

    await asyncio.gather(*(ask(islice(cycle(queries), at, None)) for at in range(AT_ONCE)))
    at = [took[int(len(took) * share)] for share in (0.5, 0.95)]
    print(f"{'':>16} p50 {at[0]:.1f} p95 {at[1]:.1f} ms; {done / SPEED_S:.0f} searches a second", flush=True)


def measure_recall(folder: Path, documents: Sequence[Connector]) -> None:
    """How many of the nearest are the same with the vectors as they came and as the table has them."""
    encoder = Encoder(folder)
    tools = [(tool, one.title) for one in documents for tool in one.tools]
    random.Random(1).shuffle(tools)
    asked = encoder.encode([f"{tool.title} {api}" for tool, api in tools[:QUERIES]])
    texts = sorted({text_of_tool(tool, api) for tool, api in tools[:RECALL_TOOLS]}, key=len)
    vectors = np.concatenate([encoder.encode(texts[at : at + 32]) for at in range(0, len(texts), 32)])
    encoder.close()
    table = VectorTable(encoder.width)
    lease = table.take(len(vectors))
    table.put(lease.rows, vectors)
    for count in (1, 10, 100):
        same = [
            len({*np.argsort(-(vectors @ one))[:count]} & {*np.argsort(-table.compare(one, lease.rows))[:count]})
            for one in asked
        ]
        print(f"of the {count} nearest {100 * np.mean(same) / count:.1f} % are the same")


async def measure_all(documents: Sequence[Connector], sizes: Sequence[int], rankers: Sequence[str]) -> None:
    for size in sizes:
        connectors = catalog_of(documents, size)
        if "lexical" in rankers:
            await measure("lexical", Bm25(), connectors)
        if "fused" not in rankers:
            continue
        with tempfile.TemporaryDirectory() as folder:
            store = await open_sql(f"sqlite:///{folder}/vectors.db", durability="process")
            for name in ("(first)", "fused"):
                encoder = Random()
                vectors = Vectors(encoder, store)
                keeping = asyncio.create_task(vectors.keep())
                await measure(name, Fused(encoder, vectors.add, 30), connectors)
                keeping.cancel()
            await store.close()


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--tools", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    asked.add_argument("--rankers", nargs="+", default=["lexical", "fused"])
    asked.add_argument("--recall", type=Path, metavar="MODEL")
    asked.add_argument("--folder", type=Path, default=CORPUS)
    told = asked.parse_args()
    documents = [one for _, one in compile_all(told.folder, "") if one.tools]
    if told.recall:
        measure_recall(told.recall, documents)
        return
    asyncio.run(measure_all(documents, told.tools, told.rankers))


if __name__ == "__main__":
    main()
