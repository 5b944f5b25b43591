"""Chains of calls: `python -m benchmarks.restbench FOLDER`, over RestBench (100 wishes of films with the calls that they need).

FOLDER has `tmdb.json`, the wishes (datasets/tmdb.json of RestGPT, the first 100), and `openapi.json`, the API's document; where
that is not at hand, `benchmarks.restbench_document` reads it back off a client that was generated of it. A path is right where it
is the same calls in the same order, whatever its arguments are called; `/trending/{}/{}` is any of `/trending`. The weights of
`restbench_chains` were chosen on the dev half (by a hash of the wish).

Reachable: each call of the answer has what it needs from one before. By relations: the same by `Tool.related` alone, which is all
that plans know. Goal given: the last call is known, and the rest is found; end to end: nothing is known, and any read may be the
goal (of more than 300, the first 20 of a search by words).
"""

import argparse
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from benchmarks.restbench_chains import Chain, Graph, Wish, plain_path, rank, words_of_path
from gateway.core.compile import compile_document
from gateway.core.entities import read_entities
from gateway.core.manifest import Manifest
from gateway.core.references import Documents
from gateway.core.tool import Tool
from gateway.rankers.base import Part
from gateway.rankers.lexical import Bm25

URI = "https://documents.example/openapi.json"
NOW = datetime(2023, 6, 1, tzinfo=UTC)
GOALS_MAX, FEW = 20, 300
AT = (1, 5)
HALVES = ("dev", "held")


def read_tools(path: Path) -> dict[str, Tool]:
    tree = json.loads(path.read_text(encoding="utf-8"))
    manifest = Manifest(name="films", base_url="https://api.example")
    return {one.name: one for one in compile_document(manifest, Documents(URI, {URI: tree}), "digest").tools}


def path_of(told: str) -> str:
    path = plain_path(told.strip().removeprefix("GET ").strip().removeprefix("/3"))
    return "/trending" if path.startswith("/trending") else path


def paths_of(chain: Chain) -> tuple[str, ...]:
    return tuple(path_of(one.operation.path) for one in chain)


def is_reachable(gold: Sequence[str], tools: Mapping[str, Tool], graph: Graph) -> bool:
    by_path: dict[str, list[Tool]] = {}
    for one in tools.values():
        if one.effect == "read":
            by_path.setdefault(path_of(one.operation.path), []).append(one)
    given: set[str] = set()
    for path in gold:
        steps = by_path.get(path, [])
        able = [one for one in steps if not graph.needs(one) or graph.needs(one) in given]
        if not able:
            return False
        given |= set().union(*(graph.gives(one) for one in able))
    return True


def is_related(gold: Sequence[str], tools: Mapping[str, Tool], graph: Graph) -> bool:
    """The same by the relations that the catalog has."""
    known: set[str] = set()
    for path in gold:
        steps = [one for one in tools.values() if one.effect == "read" and path_of(one.operation.path) == path]
        preceding = {each.earlier for one in steps if one.related for each in one.related.preceding}
        if not any(not graph.needs(one) for one in steps) and not preceding & known:
            return False
        known |= {one.name for one in steps}
    return True


def measure(folder: Path) -> dict[str, Counter[str]]:
    tools = read_tools(folder / "openapi.json")
    graph = Graph(tools)
    reads = [one for one in tools.values() if one.effect == "read"]
    seen = Counter(word for one in reads for word in words_of_path(one.operation.path))
    rarity = {word: math.log(1 + len(reads) / count) for word, count in seen.items()}
    ranker = Bm25()
    part = Part(ranker.segment(reads))
    counts: dict[str, Counter[str]] = {half: Counter() for half in HALVES}
    chains = {one.name: list(graph.chains(one)) for one in reads}
    wishes: list[dict[str, Any]] = json.loads((folder / "tmdb.json").read_text(encoding="utf-8"))
    for wish in wishes:
        text, gold = wish["query"], tuple(map(path_of, wish["solution"]))
        names = [one.span for one in read_entities(text, NOW, "en") if one.kind in {"name", "quoted"}]
        told = Wish(text, names, graph, rarity)
        count = counts[HALVES[sha256(text.encode()).digest()[0] % 2]]
        count["wishes"] += 1
        count["reachable"] += is_reachable(gold, tools, graph)
        count["by relations"] += is_related(gold, tools, graph)
        goals = [one for one in reads if path_of(one.operation.path) == gold[-1]]
        given = rank([chain for one in goals for chain in chains[one.name]], told)
        found = [tools[one.name] for one in ranker.rank(text, GOALS_MAX, [part]).tools] if len(reads) > FEW else reads
        whole = rank([chain for one in found for chain in chains[one.name]], told)
        for at in AT:
            count[f"goal given, at {at}"] += gold in _first(given, at)
            count[f"end to end, at {at}"] += gold in _first(whole, at)
    return counts


def _first(chains: Sequence[Chain], count: int) -> list[tuple[str, ...]]:
    return list(dict.fromkeys(map(paths_of, chains)))[:count]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.restbench")
    parser.add_argument("folder", type=Path, help="where tmdb.json and openapi.json are")
    counts = measure(parser.parse_args().folder)
    for name in counts["dev"]:
        print(f"{name:20} {'  '.join(f'{half} {count[name]}' for half, count in counts.items())}")


if __name__ == "__main__":
    main()
