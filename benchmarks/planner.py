"""How the graph planner chooses tools, and what its question gate lets through: `python -m benchmarks.planner FOLDER`.

FOLDER is a corpus of queries with the tools that they need (gateway/training/corpus.py); there are no gold arguments in it, so
that nothing is said of these: `benchmarks.intents` measures them. Each query is planned over all tools of its source's family, with
no reads: things are not looked up. Tools of a command count as writes and those of anything else as reads, for the corpus does not
say.

Planned: a plan came of it. Precision: of these, every tool of the plan is one that the query needs; whole: they are all that it
needs; first found: of the same queries, where the first tool of the search is needed. The gate: how the queries are meant, and,
with every tool a write, in how many a plan came of no command (none may).
"""

import argparse
import asyncio
import gzip
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec import structs
from rich.console import Console
from rich.table import Table

from gateway.core.compile import compile_document
from gateway.core.manifest import Manifest
from gateway.core.planned import Asks, Impossible, Planned, Ready
from gateway.core.question import read_clauses
from gateway.core.references import Documents
from gateway.core.tool import Effect, Tool
from gateway.planners.base import Sight, Wish
from gateway.planners.graph import GraphPlanner
from gateway.rankers.base import Part
from gateway.rankers.lexical import Bm25, Segment

FAMILIES = {"bfcl": ("bfcl-live", "bfcl-nonlive"), "nestful": ("nestful-glaive", "nestful-sgd")}
NOW = datetime(2026, 3, 4, 10, 0, tzinfo=UTC)
URI = "https://documents.example/openapi.json"
TYPES = {
    "dict": "object",
    "float": "number",
    "tuple": "array",
    "list": "array",
    "int": "integer",
    "bool": "boolean",
    "str": "string",
}
KNOWN = frozenset({"string", "integer", "number", "boolean", "array", "object"})


def rows(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def compile_tools(told: Sequence[dict[str, Any]]) -> dict[str, Tool]:
    """The tools by the ids of the corpus, all of one API."""
    paths = {
        f"/{number}": {"post": {"operationId": one["name"], "summary": one.get("summary") or "", "description":
                                one.get("description") or "", **body_of(one), "responses": {"200": {"description": "ok"}}}}
        for number, one in enumerate(told)
    }  # fmt: skip
    tree = {"openapi": "3.1.0", "info": {"title": "x", "version": "1"}, "paths": paths}
    tools = compile_document(Manifest(name="x"), Documents(URI, {URI: tree}), "digest").tools
    return {told[int(tool.operation.path[1:])]["id"]: tool for tool in tools}


def body_of(one: dict[str, Any]) -> dict[str, Any]:
    properties = {}
    for parameter in one.get("params", ()):
        kind = TYPES.get(str(parameter.get("type")), str(parameter.get("type")))
        properties[parameter["name"]] = {"description": str(parameter.get("desc") or "")} | (
            {"type": kind} if kind in KNOWN else {}
        )
    if not properties:
        return {}
    needed = [parameter["name"] for parameter in one["params"] if parameter.get("required")]
    schema = {"type": "object", "properties": properties, "required": needed, "additionalProperties": False}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def sight_of(tools: Sequence[Tool], segment: Segment, ranker: Bm25, effect: Effect) -> Sight:
    made = {tool.name: structs.replace(tool, effect=effect) for tool in tools}

    async def search(text: str, limit: int, effects: frozenset[Effect]) -> list[str]:
        found = ranker.rank(text, limit, [Part(segment)]).tools if effect in effects else ()
        return [one.name for one in found]

    return Sight(made, search)


def is_commanded(text: str) -> bool:
    return any(one.mood.kind == "command" for one in read_clauses(text))


async def measure(folder: Path, family: str, most: int) -> tuple[dict[str, Counter[str]], dict[str, Counter[str]]]:
    told = [one for one in rows(folder / "tools.jsonl.gz") if str(one["id"]).startswith(family)]
    ids = {tool.name: one for one, tool in compile_tools(told).items()}
    tools = list(compile_tools(told).values())
    ranker = Bm25()
    segment = ranker.segment(tools)
    sights = {effect: sight_of(tools, segment, ranker, effect) for effect in ("read", "write")}
    choices: dict[str, Counter[str]] = {source: Counter() for source in FAMILIES[family]}
    gates: dict[str, Counter[str]] = {source: Counter() for source in FAMILIES[family]}
    for query in rows(folder / "queries.jsonl.gz"):
        source, text = query["source"], query["query"]
        if source not in choices or choices[source]["queries"] >= most:
            continue
        commanded = is_commanded(text)
        planned = await GraphPlanner().plan(Wish(text, NOW), sights["write" if commanded else "read"])
        note(choices[source], planned, ids, set(query["relevant"]))
        first = ranker.rank(text, 1, [Part(segment)]).tools
        choices[source]["first"] += isinstance(planned, Ready) and {ids[one.name] for one in first} <= set(
            query["relevant"]
        )
        gates[source].update(f"{one.mood.kind}" for one in read_clauses(text)[:1])
        if not commanded:
            written = await GraphPlanner().plan(Wish(text, NOW), sights["write"])
            gates[source]["writes of no command"] += isinstance(written, Ready)
    return choices, gates


def note(count: Counter[str], planned: Planned, ids: dict[str, str], relevant: set[str]) -> None:
    count["queries"] += 1
    match planned:
        case Ready(plan=plan):
            chosen = {ids[step.tool] for step in plan.steps}
            count["planned"] += 1
            count["right"] += chosen <= relevant
            count["whole"] += chosen == relevant
        case Asks():
            count["asked"] += 1
        case Impossible():
            count["refused"] += 1


def print_tables(choices: dict[str, Counter[str]], gates: dict[str, Counter[str]]) -> None:
    console = Console(width=110)
    table = Table(
        "source", "queries", "planned", "precision", "first found", "whole", "asked", "refused", title="Choice of tools"
    )
    for source, one in choices.items():
        share = one["planned"] or 1
        planned = f"{one['planned'] / max(one['queries'], 1):.1%}"
        shares = (f"{one[name] / share:.1%}" for name in ("right", "first", "whole"))
        table.add_row(source, str(one["queries"]), planned, *shares, str(one["asked"]), str(one["refused"]))
    console.print(table)
    kinds = ("command", "question", "refusal", "neither", "writes of no command")
    table = Table("source", *kinds, title="The question gate, by the first clause")
    for source, one in gates.items():
        table.add_row(source, *(str(one[kind]) for kind in kinds))
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.planner")
    parser.add_argument("folder", type=Path, help="where tools.jsonl.gz and queries.jsonl.gz are")
    parser.add_argument("--most", type=int, default=300, help="so many queries of each source at most")
    told = parser.parse_args()
    for family in FAMILIES:
        print_tables(*asyncio.run(measure(told.folder, family, told.most)))


if __name__ == "__main__":
    main()
