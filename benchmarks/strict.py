"""What strict answers cost and turn down: the examples of answers that real documents give, judged as if a backend had sent
them. `python benchmarks/strict.py [folder] [documents_max]`"""

import asyncio
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.corpus import CORPUS, read_corpus
from gateway.core.answer_check import AnswerCheck
from gateway.core.broken import DocumentBroken
from gateway.core.catalog import Connector
from gateway.core.compilation import Compilation
from gateway.core.contract import OWN_READING
from gateway.core.http import HttpResponse
from gateway.core.manifest import Manifest
from gateway.core.media import family_of
from gateway.core.pointer import tokens
from gateway.core.tool import Tool
from gateway.strict import StrictAnswers

EXAMPLES_A_DOCUMENT_MAX = 40


def compile_strictly(files: dict[str, bytes]) -> tuple[Connector, dict[str, Any]]:
    entry = next(iter(files))
    manifest = Manifest(name="corpus", base_url="https://backend.example", answers="strict")
    compilation = Compilation(manifest, entry)
    waiting, taken = [entry], set()
    while waiting:
        uri = waiting.pop()
        if uri in files and uri not in taken:
            taken.add(uri)
            waiting += compilation.take(uri, files[uri])
    return compilation.finish("digest"), compilation._trees[entry]


def examples(tool: Tool, tree: dict[str, Any]) -> Iterator[HttpResponse]:
    """The JSON examples of its successes, where its responses stand in the entry file."""
    node: Any = tree
    for step in tokens(tool.operation.pointer) if tool.operation.pointer.startswith("/") else ():
        node = node.get(step) if isinstance(node, dict) else None
    responses = node.get("responses") if isinstance(node, dict) else None
    for status, response in responses.items() if isinstance(responses, dict) else ():
        content = response.get("content") if isinstance(response, dict) else None
        if not (status.isdigit() and status.startswith("2") and isinstance(content, dict)):
            continue
        for kind, told in content.items():
            if family_of(kind) != "json" or "*" in kind or not isinstance(told, dict):
                continue
            named = told.get("examples") if isinstance(told.get("examples"), dict) else {}
            given = [one["value"] for one in named.values() if isinstance(one, dict) and "value" in one]
            for value in [*([told["example"]] if "example" in told else []), *given]:
                # Some documents write an example as text.
                body = value.encode() if isinstance(value, str) and value[:1] in "{[" else msgspec.json.encode(value)
                yield HttpResponse(int(status), (("content-type", kind),), body)


async def main(folder: Path, documents_max: int) -> None:
    counts: Counter[str] = Counter()
    first, later, own = [], [], []
    compiling = 0.0
    for number, (name, files) in enumerate(read_corpus(folder)):
        if number == documents_max:
            break
        started = time.process_time()
        try:
            connector, tree = compile_strictly(files)
        except DocumentBroken:
            continue
        compiling += time.process_time() - started
        counts["operations"] += len(connector.tools)
        counts["operations by own reading"] += sum(one.reason == OWN_READING for one in connector.repairs)
        strict, left = StrictAnswers(), EXAMPLES_A_DOCUMENT_MAX
        for tool in connector.tools:
            for response in examples(tool, tree):
                left -= 1
                if left < 0:
                    break
                check = AnswerCheck(tool)
                check.problem(response, bytes_max=len(response.body))
                started = time.perf_counter()
                loose = check.problem(response, bytes_max=len(response.body))
                own.append(time.perf_counter() - started)
                for times in (first, later):
                    started = time.perf_counter()
                    problem = await strict.problem(connector, tool, check, response)
                    times.append(time.perf_counter() - started)
                said = "by own reading" if loose else "by openapi-core" if problem else "by none"
                counts[f"examples turned down {said}"] += 1
                if problem and not loose:
                    print(f"{name[:40]:40}  {tool.operation.key[:50]:50}  {problem[:200]}")
    for what, count in sorted(counts.items()):
        print(f"{what:40} {count}")
    print(f"compiling, with contracts: {compiling:.1f} s CPU")
    for what, times in (("first", first), ("later", later), ("own reading", own)):
        cuts = statistics.quantiles([one * 1000 for one in times], n=20)
        print(f"{what:12} median {cuts[9]:.2f} ms, p95 {cuts[18]:.2f} ms, of {len(times)}")


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else CORPUS
    asyncio.run(main(folder, int(sys.argv[2]) if len(sys.argv) > 2 else 1_000))
