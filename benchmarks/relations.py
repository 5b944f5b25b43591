"""How the tools of real documents follow on one another: `python benchmarks/relations.py [FOLDER]` (by default ../shared/specs).

`--sample N --seed S` prints so many roles, edges, calls that take another back and that show what it did, drawn at random, to
be judged by hand; `--document NAME` looks at those whose names have that only. CPU is that of relating alone; memory is what
relations take in the catalog, each shared object once, without the tools' own names.

Taken on two shared x86-64 cores, Python 3.11, over 130 documents: 10,736 tools in 1,864 families, 6,545 of them with a role;
9,223 edges (7,104 by path, 2,115 by name, 4 by links) of 6,184 tools; 542 of 5,588 writes are taken back, 2,683 are shown;
0.18 ms CPU and 239 bytes a tool. One document of 20,000 operations takes 0.25 ms and 600 bytes a tool.

Judged by hand on samples that nothing was tuned on (`--sample 45 --seed 47`): roles 44 of 45 right, edges by path 45 of 45, by
name 44 of 45, taken back 45 of 45, shown 29 of 29 looked at. The wrong ones: `POST .../documents/strings`, which gets strings,
told as something done to documents; and the `sessionId` of a fraud check, told to be that of a checkout session.
"""

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct, structs

from benchmarks.corpus import CORPUS, read_corpus, read_documents
from gateway.core import compile as compiling
from gateway.core.catalog import Connector
from gateway.core.document import DocumentBroken
from gateway.core.manifest import Manifest
from gateway.core.relation import Related, Relation
from gateway.core.tool import Tool

ROLES = ("list", "get", "create", "update", "replace", "delete")


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("folder", nargs="?", type=Path, default=CORPUS)
    asked.add_argument("--sample", type=int, default=0)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--document", default="")
    options = asked.parse_args()
    spent = _time_relating()
    connectors = list(compile_all(options.folder, options.document))
    report(connectors, spent[0])
    if options.sample:
        show_sample(connectors, options.sample, random.Random(options.seed))


def compile_all(folder: Path, wanted: str) -> Iterator[tuple[str, Connector]]:
    for name, files in read_corpus(folder):
        if wanted not in name:
            continue
        try:
            documents = read_documents(files)
            manifest = Manifest(name="x", base_url="https://api.example")
            yield name, compiling.compile_document(manifest, documents, "digest")
        except DocumentBroken as error:
            print(f"broken: {name}: {error}")


def _time_relating() -> list[float]:
    """CPU seconds that relating takes, as they add up."""
    spent, relate = [0.0], compiling.relate

    def timed(*arguments: Any) -> tuple[Tool, ...]:
        started = time.process_time()
        tools = relate(*arguments)
        spent[0] += time.process_time() - started
        return tools

    compiling.relate = timed
    return spent


def report(connectors: list[tuple[str, Connector]], spent_s: float) -> None:
    every = [tool for _, connector in connectors for tool in connector.tools]
    related = [tool.related for tool in every if tool.related is not None]
    edges = {edge for one in related for edge in (*one.following, *one.preceding)}
    roles = Counter(one.role if one.role in ROLES else "other" for one in related if one.role)
    writes = sum(tool.effect != "read" for tool in every)
    linked = sum(bool(one.following or one.preceding) for one in related)
    print(f"tools                {len(every)}, {writes} of them writes")
    print(f"families             {len({id(one.family) for one in related if one.family})}")
    print(f"tools in a family    {sum(one.family is not None for one in related)}")
    print(f"roles                {', '.join(f'{role} {count}' for role, count in roles.most_common())}")
    print(f"edges                {dict(Counter(one.kind for one in edges))}, of {linked} tools")
    print(f"most of one tool     {max(len(one.following) + len(one.preceding) for one in related)}")
    print(f"taken back by        {sum(one.undo is not None for one in related)}")
    print(f"shown by             {sum(one.verify is not None for one in related)}")
    print(f"CPU                  {spent_s / len(every) * 1e3:.3f} ms a tool")
    print(f"memory               {size_of(related) / len(every):.0f} bytes a tool")


def size_of(values: Iterable[Any]) -> int:
    """What they take, with all that they hold, each thing once; a tool's own name is there anyway."""
    seen: set[int] = set()
    waiting, total = list(values), 0
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        total += sys.getsizeof(one)
        if isinstance(one, Struct):
            waiting += [
                value for field, value in structs.asdict(one).items() if field not in ("earlier", "later", "tool")
            ]
        elif isinstance(one, tuple):
            waiting += one
    return total


def show_sample(connectors: list[tuple[str, Connector]], count: int, dice: random.Random) -> None:
    keys = {(name, tool.name): tool.operation.key for name, connector in connectors for tool in connector.tools}
    rows = [(name, tool, tool.related) for name, connector in connectors for tool in connector.tools if tool.related]
    edges = [(name, edge) for name, _, one in rows for edge in {*one.following, *one.preceding}]
    kinds = sorted({edge.kind for _, edge in edges})

    def draw(title: str, lines: list[str]) -> None:
        print(f"\n{title}: {len(lines)}")
        for line in dice.sample(lines, min(count, len(lines))):
            print(f"  {line}")

    def say(name: str, one: Relation) -> str:
        bound = ", ".join(f"{binding.argument} <- {binding.origin}" for binding in one.bindings)
        return f"{name[:28]:28} {keys[name, one.earlier]}  =>  {keys[name, one.later]}   [{bound}]"

    def member(name: str, tool: Tool, one: Related) -> str:
        assert one.family is not None
        return f"{name[:28]:28} {tool.operation.key} ({tool.title[:40]}) is {one.role} of {one.family.noun} {one.family.path}"

    draw("roles", [member(*row) for row in rows if row[2].family])
    for kind in kinds:
        draw(f"edges by {kind}", sorted({say(name, edge) for name, edge in edges if edge.kind == kind}))
    draw("taken back", [say(name, one.undo) for name, _, one in rows if one.undo])
    draw("shown", [say(name, one.verify) for name, _, one in rows if one.verify])


if __name__ == "__main__":
    main()
