"""What becomes of real documents: `python benchmarks/ingest.py [FOLDER] [--python PATH]`.

Every document of the corpus (`corpus.py`; by default ../shared/specs) is compiled, one after the other, in a process of its
own. With `--python`, an interpreter that has fastmcp (a virtual environment of its own: it brings other versions than
ours), the same is done with `FastMCP.from_openapi` in the same run. Each side tells what it made, in one form, and the same
code counts it: operations and declared inputs by a walk that shares nothing with either, schemas by the 2020-12
metaschema, references by following them.

A declared input survives where the tool has an argument that its own map sends under that name at that place. Processor
time is that of making tools of a parsed document; `parse` is ours alone (FastMCP is handed the tree). Peak memory is how
much more than before the first document the process came to take. A definition is name, description and schemas in compact
JSON: `full` has the whole input schema and the output schema, `listed` is what a list of tools gives an agent: for
Factotum the compact form without an output schema, for FastMCP all there is.

Taken with FastMCP 4.2.3 on two shared x86-64 cores, Python 3.11, in one run (Factotum, FastMCP): documents loaded 130 and
122 of 130; operations that become tools 100 % and 78.4 % of 10,736; declared inputs that survive 99.97 % and 75.6 % of
53,600; tools with a dangling reference 0 and 328; CPU to make a tool 1.03 and 3.43 ms (with parsing 1.30); slowest document
1.0 and 15.2 s; memory grown by 331 and 1,180 MB; bytes of a definition as listed 1,335 and 24,995 on average, 7,885 and
663,910 at most.
"""

import argparse
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
from corpus import CORPUS, Declared, declared_operations, parse_plainly, read_corpus
from msgspec import Raw, Struct, field

from gateway.compile_worker import collect_seldom
from gateway.core.catalog import Connector
from gateway.core.compilation import Compilation
from gateway.core.document import DocumentBroken, parse_document
from gateway.core.manifest import Manifest
from gateway.core.tool import TOOL_NAME_PATTERN, Tool

NAME = re.compile(TOOL_NAME_PATTERN)
NOTHING = Raw(b"null")
PAGE_KB = os.sysconf("SC_PAGESIZE") // 1024


class Made(Struct):
    """One tool: the operation it is of, its schemas, and each argument with where and as what it is sent."""

    operation: str
    name: str
    description: str
    input: Raw
    sends: list[tuple[str, str, str]]
    output: Raw = NOTHING
    listed: Raw = NOTHING


class Built(Struct):
    """What became of one document. `broken` says why nothing did."""

    document: str
    build_s: float
    peak_kb: int
    parse_s: float = 0.0
    tools: list[Made] = []
    refusals: list[str] = []
    repairs: list[str] = []
    broken: str = ""


# Our side.


def build_ours(folder: Path, lines: Path) -> None:
    """In a process of its own, set as the one in which the gateway compiles: compile everything, and tell it line by line."""
    collect_seldom()
    before = int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_KB
    with lines.open("wb") as file:
        for name, files in read_corpus(folder):
            built = _build(name, files)
            built.peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
            file.write(msgspec.json.encode(built) + b"\n")


def _build(name: str, files: dict[str, bytes]) -> Built:
    entry, started = next(iter(files)), time.process_time()
    compilation = Compilation(Manifest(name="corpus", base_url="https://api.example"), entry)
    try:
        waiting, taken = [entry], set()
        while waiting:
            uri = waiting.pop()
            if uri in files and uri not in taken:
                taken.add(uri)
                waiting += compilation.take(uri, files[uri])
        parsed = time.process_time()
        connector = compilation.finish("digest")
    except DocumentBroken as error:
        return Built(name, time.process_time() - started, 0, broken=f"{error.place}: {error.detail}")
    return _tell(Built(name, time.process_time() - parsed, 0, parsed - started), connector)


def _tell(built: Built, connector: Connector) -> Built:
    built.tools = list(map(_made, connector.tools))
    built.refusals = [one.reason for one in connector.refusals]
    built.repairs = [one.reason for one in connector.repairs]
    return built


def _made(tool: Tool) -> Made:
    operation = tool.operation
    sends = [(one.argument, one.location, one.name) for one in operation.parameters]
    if body := operation.body:
        sends += [(one.argument, "body", one.name) for one in body.fields]
        sends += [(one, "body", one) for one in (body.argument, body.extra) if one]
    output = tool.output_schema if bytes(tool.outputs) else NOTHING
    return Made(operation.key, tool.name, tool.description, tool.input_schema, sends, output, tool.compact)


# What both sides are counted by.


class Count(Struct):
    """The sums over all documents of one side."""

    documents: int = 0
    broken: list[str] = field(default_factory=list)
    operations: int = 0
    tools: int = 0
    declared: int = 0
    survived: int = 0
    invalid: int = 0
    dangling: int = 0
    bad_names: int = 0
    parse_s: float = 0.0
    build_s: float = 0.0
    peak_kb: int = 0
    slowest: tuple[float, str] = (0.0, "")
    refusals: Counter[str] = field(default_factory=Counter)
    repairs: Counter[str] = field(default_factory=Counter)
    full: list[int] = field(default_factory=list)
    listed: list[int] = field(default_factory=list)


def count(built: Built, operations: dict[str, Declared], total: Count) -> None:
    """Add what became of one document to the sums."""
    total.operations += len(operations)
    total.declared += sum(len(one.inputs) + len(one.body) for one in operations.values())
    total.build_s += built.build_s
    total.parse_s += built.parse_s
    total.peak_kb = max(total.peak_kb, built.peak_kb)
    total.slowest = max(total.slowest, (built.build_s, built.document))
    if built.broken:
        total.broken.append(f"{built.document}: {built.broken}")
        return
    total.documents += 1
    total.tools += len(built.tools)
    total.refusals.update(built.refusals)
    total.repairs.update(built.repairs)
    names = [tool.name for tool in built.tools]
    total.bad_names += len(names) - len({name for name in names if NAME.match(name)})
    for tool in built.tools:
        given, answered, listed = (msgspec.json.decode(one) for one in (tool.input, tool.output, tool.listed))
        schemas = [one for one in (given, answered, listed) if one is not None]
        total.invalid += not all(map(_is_valid, schemas))
        total.dangling += any(_dangles(schema, schema) for schema in schemas)
        total.survived += _survivors(tool, given, operations.get(tool.operation))
        head = len(msgspec.json.encode({"name": tool.name, "description": tool.description}))
        total.full.append(head + _bytes(given) + (_bytes(answered) if answered else 0))
        total.listed.append(head + _bytes(listed) if listed else total.full[-1])


def _survivors(tool: Made, schema: Any, declared: Declared | None) -> int:
    if declared is None:
        return 0
    offered = schema.get("properties", {})
    sent = {
        (where, name.lower() if where == "header" else name)
        for argument, where, name in tool.sends
        if argument in offered
    }
    body = {name for where, name in sent if where == "body"}
    # A body that is one argument takes all of its properties.
    is_whole = len(body) == 1 and not body & declared.body
    return len(declared.inputs & sent) + len(declared.body if is_whole else declared.body & body)


def _is_valid(schema: Any) -> bool:
    return bool(jsonschema_rs.meta.is_valid({**schema, "$schema": "https://json-schema.org/draft/2020-12/schema"}))


def _dangles(node: Any, root: Any) -> bool:
    """Whether some `$ref` in this schema leads nowhere within it."""
    waiting = [node]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if isinstance(one.get("$ref"), str) and not _leads_somewhere(one["$ref"], root):
                return True
            waiting += [
                value for key, value in one.items() if key not in ("enum", "const", "default", "examples", "example")
            ]
        elif isinstance(one, list):
            waiting += one
    return False


def _leads_somewhere(reference: str, root: Any) -> bool:
    node = root if reference.startswith("#") else None
    for token in reference[1:].split("/")[1:]:
        key = token.replace("~1", "/").replace("~0", "~")
        node = node.get(key) if isinstance(node, dict) else None
    return node is not None


def _bytes(schema: Any) -> int:
    return len(msgspec.json.encode(schema))


# The run.


def run_ours(corpus: Path, lines: Path) -> None:
    subprocess.run([sys.executable, __file__, str(corpus), "--build-ours", str(lines)], check=True)


def run_fastmcp(python: str, corpus: Path, lines: Path) -> None:
    """FastMCP is handed trees: documents as our parser reads them."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with tempfile.TemporaryDirectory() as trees:
        for name, files in read_corpus(corpus):
            uri, data = next(iter(files.items()))
            Path(trees, name.replace("/", "!")).write_bytes(msgspec.json.encode(parse_document(data, uri)))
        script = Path(__file__).with_name("ingest_fastmcp.py")
        subprocess.run([python, str(script), trees, str(lines)], check=True, env=environment)


def read_lines(lines: Path) -> Iterator[Built]:
    with lines.open("rb") as file:
        for line in file:
            yield msgspec.json.decode(line, type=Built)


def measure(corpus: Path, python: str) -> dict[str, Count]:
    declared = {
        name.replace("/", "!"): declared_operations(parse_plainly(files)) for name, files in read_corpus(corpus)
    }
    counts: dict[str, Count] = {}
    with tempfile.TemporaryDirectory() as folder:
        for side in ("factotum", *(["fastmcp"] if python else [])):
            lines, counts[side] = Path(folder, side), Count()
            run_ours(corpus, lines) if side == "factotum" else run_fastmcp(python, corpus, lines)
            for built in read_lines(lines):
                count(built, declared[built.document.replace("/", "!")], counts[side])
    return counts


def report(counts: dict[str, Count]) -> None:
    def row(title: str, tell: Any) -> None:
        print(f"{title:<42}" + "".join(f"{tell(one):>20}" for one in counts.values()))

    row("", lambda one: next(name for name, other in counts.items() if other is one))
    row("documents loaded", lambda one: f"{one.documents} of {one.documents + len(one.broken)}")
    row("operations that become tools", lambda one: f"{one.tools} of {one.operations}")
    row("", lambda one: f"{one.tools / one.operations:.2%}")
    row("declared inputs that survive", lambda one: f"{one.survived} of {one.declared}")
    row("", lambda one: f"{one.survived / one.declared:.2%}")
    row("tools with an invalid 2020-12 schema", lambda one: str(one.invalid))
    row("tools with a dangling $ref", lambda one: str(one.dangling))
    row("names invalid or twice", lambda one: str(one.bad_names))
    row("CPU to make tools, a tool", lambda one: f"{one.build_s / one.tools * 1000:.2f} ms")
    row("CPU to parse and make them, a tool", lambda one: f"{(one.parse_s + one.build_s) / one.tools * 1000:.2f} ms")
    row("slowest document", lambda one: f"{one.slowest[0]:.1f} s")
    row("peak memory, grown by", lambda one: f"{one.peak_kb / 1024:.0f} MB")
    for title, pick in (("full", lambda one: one.full), ("listed", lambda one: one.listed)):
        row(f"bytes a definition, {title}: mean", lambda one, pick=pick: f"{sum(pick(one)) / len(pick(one)):.0f}")
        row("    99 of 100 at most", lambda one, pick=pick: f"{sorted(pick(one))[int(len(pick(one)) * 0.99)]}")
        row("    largest", lambda one, pick=pick: f"{max(pick(one))}")
    for side, one in counts.items():
        for title, reasons in (("refusals", one.refusals), ("repairs", one.repairs)):
            for reason, many in reasons.most_common():
                print(f"{side} {title} {many:>6}  {reason}")
        for why in one.broken:
            print(f"{side} broken  {why}")
        print(f"{side} slowest {one.slowest[1]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", metavar="FOLDER", nargs="?", type=Path, default=CORPUS)
    parser.add_argument("--python", default="", help="a Python that has fastmcp")
    parser.add_argument("--build-ours", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.build_ours:
        build_ours(asked.corpus, asked.build_ours)
    else:
        report(measure(asked.corpus, asked.python))


if __name__ == "__main__":
    main()
