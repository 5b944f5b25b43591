"""How well tools are found: `python -m benchmarks.selection CORPUS [--encoder NAME=FOLDER ...] [--reranker NAME=FOLDER@VOTES ...]`.

A gateway takes in the tools of a corpus (gateway/training/corpus.py) as OpenAPI documents, one for each API, and is asked the
queries of the sources and vendors that no model is trained with, as a caller who may call all of them. By words alone, then with
each encoder, then with each reranker over the last encoder; `stock=FOLDER` of a model as it comes shows what training gave.

Figures: gateway/training/figures.py. Micro is over queries, macro over sources; behind a micro figure the interval that 95 of 100
resamples of the queries are in, and in how many of a thousand resamples it is above the line before.
"""

import argparse
import asyncio
import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from gateway.app import open_gateway
from gateway.core.catalog import all_scopes
from gateway.core.manifest import Manifest
from gateway.core.principal import OPERATOR, Principal
from gateway.edge.parts import Gateway
from gateway.fetch import Offered
from gateway.settings import FusedRanker, LexicalRanker, LocalReranker, MemoryStore, RankerSettings, Secrets, Settings
from gateway.telemetry import set_up_logging
from gateway.training.corpus import Corpus, Entry, Query, read_corpus, split
from gateway.training.figures import by_source, figures_of, interval, macro, micro, wins

FIGURES = ("ndcg@5", "ndcg@10", "recall@5", "recall@10", "recall@50", "all@10")
DEPTH = 50
PATIENCE_S = 600.0


def documents_of(corpus: Corpus) -> Iterator[tuple[str, bytes, dict[tuple[str, str], str]]]:
    """A name, an OpenAPI document, and the key of each tool by method and path, for each API."""
    apis: dict[str, list[Entry]] = {}
    for tool in corpus.tools.values():
        apis.setdefault(tool.group, []).append(tool)
    for number, tools in enumerate(apis.values()):
        paths: dict[str, dict[str, Any]] = {}
        keys: dict[tuple[str, str], str] = {}
        for at, tool in enumerate(tools):
            path = tool.path or f"/{at}"
            method = tool.method.lower() or "post"
            if method in paths.get(path, {}):
                path = f"{path.rstrip('/')}/{at}"
            paths.setdefault(path, {})[method] = operation_of(tool, path)
            keys[method, path] = tool.id
        told = {"openapi": "3.1.0", "info": {"title": tools[0].api, "version": "1"}, "paths": paths}
        yield f"a{number}", json.dumps(told).encode(), keys


def operation_of(tool: Entry, path: str) -> dict[str, Any]:
    parameters = [
        {
            "name": name,
            "in": "path" if f"{{{name}}}" in path else "query",
            "required": f"{{{name}}}" in path,
            "schema": {},
        }
        for name in dict.fromkeys(tool.arguments)
        if name
    ]
    named = {one["name"] for one in parameters}
    parameters += [
        {"name": name, "in": "path", "required": True, "schema": {}}
        for piece in path.split("{")[1:]
        if (name := piece.split("}")[0]) and name not in named
    ]
    said = {"summary": tool.summary} if tool.summary else {}
    answers = {"200": {"description": "Done"}}
    return {
        "operationId": tool.name,
        **said,
        "description": tool.description,
        "parameters": parameters,
        "responses": answers,
    }


async def answers(ranker: RankerSettings, corpus: Corpus, queries: Sequence[Query]) -> list[list[str]]:
    """The keys of the tools that each query finds, best first."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=folder, connectors_dir=f"{folder}/none", store=MemoryStore(), ranker=ranker)
        async with open_gateway(settings, Secrets({})) as gateway:
            keys: dict[tuple[str, str, str], str] = {}
            for name, document, known in documents_of(corpus):
                manifest = Manifest(name=name, base_url="https://api.example")
                await gateway.ingestion.add(OPERATOR, Offered(manifest, content=document))
                keys.update({(name, method, path): key for (method, path), key in known.items()})
            if len(gateway.published.current.catalog.tools) != len(corpus.tools):
                raise SystemExit("Not every tool was taken in: the figures would be those of another corpus.")
            await ready(gateway)
            scopes = all_scopes(gateway.published.current.catalog)
            principal = Principal("default", "bench", "bench", scopes=scopes)
            told = []
            for query in queries:
                answer = await gateway.discovery.search(principal, query.text, DEPTH, door="bench")
                if answer.late:
                    raise SystemExit(f"A stage was late: {answer.late}; its figures would be those of another.")
                tools = [one.tool for one in answer.found]
                told.append(
                    [keys[tool.connector, tool.operation.method.lower(), tool.operation.path] for tool in tools]
                )
            return told


async def ready(gateway: Gateway) -> None:
    """Until every tool has its vector, where the ranker has any."""
    async with asyncio.timeout(PATIENCE_S):
        while any(one.ready < one.tools for one in gateway.discovery.indexed(gateway.published.current.catalog)):  # noqa: ASYNC110
            await asyncio.sleep(0.5)


def chosen(queries: Sequence[Query], queries_max: int) -> list[Query]:
    """At most so many of each source, the same in every run."""
    told: list[Query] = []
    for source in sorted({one.source for one in queries}):
        own = [one for one in queries if one.source == source]
        told += Random(0).sample(own, min(queries_max, len(own)))
    return told


def tell(
    name: str, queries: Sequence[Query], found: Sequence[Sequence[str]], before: Sequence[float] | None
) -> list[float]:
    """Print what a ranker does. Gives nDCG@10 of each query."""
    sources = [one.source for one in queries]
    figures = [figures_of(keys, frozenset(one.relevant)) for one, keys in zip(queries, found, strict=True)]
    print(f"\n{name}")
    for figure in FIGURES:
        grouped = by_source(sources, [one[figure] for one in figures])
        low, high = interval(np.array([one[figure] for one in figures]))
        each = "  ".join(f"{source} {values.mean():.3f}" for source, values in grouped.items())
        print(
            f"  {figure:10} micro {micro(grouped):.3f} ({low:.3f} to {high:.3f})  macro {macro(grouped):.3f}   {each}"
        )
    own = [one["ndcg@10"] for one in figures]
    if before is not None:
        print(f"  ndcg@10 above the line before in {wins(np.array(own), np.array(before)):.3f} of the resamples")
    return own


async def measure(rankers: Sequence[tuple[str, RankerSettings]], corpus: Corpus, queries: Sequence[Query]) -> None:
    before = None
    for name, ranker in rankers:
        before = tell(name, queries, await answers(ranker, corpus, queries), before)


def pair(text: str) -> tuple[str, str]:
    name, _, folder = text.partition("=")
    if not folder:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=FOLDER")
    return name, folder


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--encoder", type=pair, action="append", default=[], metavar="NAME=FOLDER")
    parser.add_argument("--reranker", type=pair, action="append", default=[], metavar="NAME=FOLDER@VOTES")
    parser.add_argument("--candidates", type=int, default=20)
    parser.add_argument("--queries", type=int, default=300, metavar="N", help="At most so many of each source.")
    asked = parser.parse_args()
    set_up_logging("warning", "console")
    held = split(read_corpus(asked.corpus))[1]
    wanted = chosen(held.queries, asked.queries)
    tried: list[tuple[str, RankerSettings]] = [("by words", LexicalRanker())]
    tried += [(name, FusedRanker(folder, deadline_s=PATIENCE_S)) for name, folder in asked.encoder]
    for name, folder in asked.reranker:
        path, _, votes = folder.partition("@")
        model = LocalReranker(path, asked.candidates, float(votes or 1), PATIENCE_S)
        tried.append((name, FusedRanker(asked.encoder[-1][1], deadline_s=PATIENCE_S, reranker=model)))
    print(f"{len(held.tools)} tools, {len(wanted)} queries of {len({one.source for one in wanted})} sources")
    asyncio.run(measure(tried, held, wanted))
