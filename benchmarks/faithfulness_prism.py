"""The same question to another judge: `python -m benchmarks.faithfulness_prism [FOLDER] [--documents N] [--show CLASS]`.

Prism (@stoplight/prism-cli) serves a document on loopback and answers a request that does not fit it with an error. A
sample of the corpus is served so, one document at a time, and requests made as in `faithfulness.py` are sent to it as bytes.
Prism is told nothing of security, which is the gateway's to add. It looks at the request before it makes up an answer, so
what it says of its own answer (a response that does not fit its document, nothing it could make one of) is no rejection.

Taken on two shared x86-64 cores, Python 3.11, Prism 5.16.0 on Node.js 24.21, in 173 s: documents served 90 of 91; operations
with an accepted request 742 of 767 (96.74 %); requests accepted 1,476 of 1,534 (96.22 %); unexplained 0. Of the 58 that it
turned down, 30 have a path with `{+name}`, and 25 lack a header that the specification has ignored.

Once: `npm install --prefix benchmarks/node` (Prism, and the Node.js that it needs, at exact versions; about 300 MB).
"""

import argparse
import contextlib
import http.client
import json
import random
import socket
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from benchmarks.corpus import CORPUS, read_corpus, read_documents
from benchmarks.faithfulness_judge import Judge, Unjudgeable
from benchmarks.faithfulness_reasons import IGNORED_HEADERS, UNEXPLAINED
from benchmarks.faithfulness_swagger import METHODS
from benchmarks.generate import propose
from gateway.core.arguments import check_arguments, compile_arguments
from gateway.core.compile import compile_document
from gateway.core.http import HttpRequest
from gateway.core.manifest import Manifest
from gateway.core.references import Documents
from gateway.core.request import Unbuildable, build_request
from gateway.core.tool import Tool

BIN = Path(__file__).parent / "node" / "node_modules" / ".bin"
DOCUMENTS_MAX = 100
DOCUMENT_BYTES_MAX = 300_000
OPERATIONS_A_DOCUMENT_MAX = 15
SHARES = (0.0, 0.7)
START_S, ANSWER_S = 60, 20
ACCEPTED = "accepted"

Json = dict[str, Any]


class Case(NamedTuple):
    """One rejection: what Prism calls it, the problems that it names, and what was sent."""

    kind: str
    problems: list[Json]
    judge: Judge
    tool: Tool
    arguments: Json
    request: HttpRequest


@contextlib.contextmanager
def serving(tree: Json) -> Iterator[int]:
    """Prism with this document; gives its port. Raises OSError where it does not come up."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "openapi.json"
        file.write_text(json.dumps(tree))
        command = [BIN / "node", BIN / "prism", "mock", "--errors", "-h", "127.0.0.1", "-p", str(port), str(file)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _wait_for(port, process)
            yield port
        finally:
            process.terminate()
            process.wait(START_S)


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    ends_at = time.monotonic() + START_S
    while time.monotonic() < ends_at and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise OSError("it does not start with this document")


def without_security(tree: Json) -> Json:
    def plain(operation: Any) -> Any:
        kept = operation.items() if isinstance(operation, dict) else ()
        return {name: one for name, one in kept if name != "security"} if kept else operation

    def item(told: Any) -> Any:
        kept = told.items() if isinstance(told, dict) else ()
        return {name: plain(one) if name in METHODS else one for name, one in kept} if kept else told

    paths = {path: item(told) for path, told in tree["paths"].items()}
    return {name: one for name, one in tree.items() if name != "security"} | {"paths": paths}


def ask(port: int, tool: Tool, request: HttpRequest) -> tuple[str, list[Json]]:
    """ACCEPTED, or what Prism calls its error, and the problems of the request. Paths begin behind those of the server."""
    parts = urlsplit(request.url)
    target = parts.path[len(urlsplit(tool.operation.server).path.rstrip("/")) :]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_S)
    try:
        connection.putrequest(request.method, target + (f"?{parts.query}" if parts.query else ""))
        for name, value in (*request.headers, ("Content-Length", str(len(request.content)))):
            connection.putheader(name, value.encode("latin-1"))
        connection.endheaders(request.content or None)
        answer = connection.getresponse().read()
    finally:
        connection.close()
    try:
        told = json.loads(answer)
    except ValueError:
        return ACCEPTED, []
    kind = str(told.get("type")) if isinstance(told, dict) else ""
    if "stoplight.io/prism/errors#" not in kind:
        return ACCEPTED, []
    kind = kind.rpartition("#")[2]
    problems = [one for one in told.get("validation") or () if (one.get("location") or ["request"])[0] != "response"]
    is_of_answer = kind in OF_THE_ANSWER or (kind == "VIOLATIONS" and not problems)
    is_of_answer |= kind == "UNKNOWN" and str(told.get("title")).startswith("Cannot find serializer")
    return (ACCEPTED if is_of_answer else kind), problems or [{"title": told.get("title")}]


# Errors of Prism's own answer: what it cannot make one of.
OF_THE_ANSWER = frozenset({"NO_COMPLEX_OBJECT_TEXT", "NO_RESPONSE_DEFINED", "NOT_ACCEPTABLE", "NOT_FOUND"})


# Why it says no.


def _ignored_header(case: Case) -> bool:
    """The specification has these ignored (OAS 3.1 section 4.8.12.1)."""
    return all(
        one.get("location", [""])[0] == "header" and any(name in json.dumps(one).lower() for name in IGNORED_HEADERS)
        for one in case.problems
    )


def _wide_path(case: Case) -> bool:
    return case.kind == "NO_PATH_MATCHED_ERROR" and "{+" in case.tool.operation.path


def _list_of_one(case: Case) -> bool:
    """A form field that is a list of one item: Prism reads it as text, however the document has it."""
    return all(
        one.get("location", [""])[0] == "body"
        and one["code"] == "type"
        and isinstance(value := _value(case, one["location"][1:2]), list)
        and len(value) == 1
        for one in case.problems
    )


def _value(case: Case, location: list[str]) -> Any:
    fields = case.tool.operation.body.fields if case.tool.operation.body else ()
    return next((case.arguments.get(one.argument) for one in fields if [one.name] == location), None)


def _enum_of_items(case: Case) -> bool:
    """A list whose enum has what its items may be."""
    names = {one.name.lower(): one for one in case.tool.operation.parameters}
    for problem in case.problems:
        told = names.get(str(problem.get("location", [""])[-1]).lower())
        if told is None or problem["code"] != "enum":
            return False
        parameter = case.judge.parameter(case.tool.operation, told.name, told.location)
        schema = case.judge.resolve(parameter.get("schema") or parameter)
        if schema.get("type") != "array" or any(isinstance(one, list) for one in schema.get("enum") or ([],)):
            return False
    return True


def _bytes_as_base64(case: Case) -> bool:
    """A binary body whose schema is `format: byte`: sent as the bytes that it is, not as base64."""
    body = case.tool.operation.body
    return body is not None and body.binary and {one.get("code") for one in case.problems} <= {"pattern", "format"}


RULES: Mapping[str, Callable[[Case], bool]] = {
    "document: declares a header that the specification has ignored": _ignored_header,
    "document: the enum of a list has its items": _enum_of_items,
    "document: a binary body in base64": _bytes_as_base64,
    "judge: knows no path parameter of several segments": _wide_path,
    "judge: reads a list of one in a form as text": _list_of_one,
}


def judge_document(name: str, documents: Documents) -> Iterator[tuple[str, str, str]]:
    """The operation, what became of its request, and what Prism said. Raises OSError, Unjudgeable."""
    judge = Judge(documents.trees)
    tools = compile_document(Manifest(name="corpus"), documents, "").tools
    chosen = random.Random(name).sample(tools, min(OPERATIONS_A_DOCUMENT_MAX, len(tools)))
    with serving(without_security(documents.root.value)) as port:
        for tool in chosen:
            for share in SHARES:
                made = _request(tool, share)
                if made is None:
                    continue
                kind, problems = ask(port, tool, made[1])
                case = Case(kind, problems, judge, tool, *made)
                became = next((rule for rule, holds in RULES.items() if holds(case)), UNEXPLAINED)
                yield (
                    tool.operation.key,
                    ACCEPTED if kind == ACCEPTED else became,
                    f"{kind} {json.dumps(problems)} {made[1].url}",
                )


def _request(tool: Tool, share: float) -> tuple[Json, HttpRequest] | None:
    schema, validator = json.loads(bytes(tool.input_schema)), compile_arguments(tool.input_schema)
    chance = random.Random(f"{tool.name} {share}")
    arguments = propose(schema, lambda one: not check_arguments(validator, one), chance, share)
    try:
        return (arguments, build_request(tool.operation, arguments)) if arguments is not None else None
    except Unbuildable:
        return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=CORPUS)
    parser.add_argument("--documents", type=int, default=DOCUMENTS_MAX, help="how many, at most")
    parser.add_argument("--show", default="", help="print what Prism said of the classes whose name has this in it")
    told = parser.parse_args()
    if not (BIN / "prism").exists():
        raise SystemExit("Prism is not there: npm install --prefix benchmarks/node")
    corpus = {name: files for name, files in read_corpus(told.folder) if len(files) == 1}
    small = sorted(name for name, files in corpus.items() if len(next(iter(files.values()))) <= DOCUMENT_BYTES_MAX)
    chosen = sorted(random.Random(0).sample(small, min(told.documents, len(small))))
    started, judged, counts = time.monotonic(), 0, Counter[str]()
    operations: dict[str, set[str]] = {}
    for name in chosen:
        try:
            outcomes = list(judge_document(name, read_documents(corpus[name])))
        except (OSError, Unjudgeable) as error:
            print(f"not judged: {name}: {error}")
            continue
        judged += 1
        for operation, became, detail in outcomes:
            counts[became] += 1
            operations.setdefault(became, set()).add(f"{name} {operation}")
            if told.show and told.show in became:
                print(f"{name} {operation}: {became}: {detail[:500]}")
    report(judged, len(chosen), counts, operations)
    print(f"{time.monotonic() - started:.0f} s")


def report(judged: int, chosen: int, counts: "Counter[str]", operations: Mapping[str, set[str]]) -> None:
    sent, every = sum(counts.values()), set[str]().union(*operations.values())
    met = operations.get(ACCEPTED, set())
    print(f"documents served                     {judged} of {chosen}")
    print(f"operations with an accepted request  {len(met)} of {len(every)} ({len(met) / len(every):.2%})")
    print(f"requests accepted                    {counts[ACCEPTED]} of {sent} ({counts[ACCEPTED] / sent:.2%})")
    counts.setdefault(UNEXPLAINED, 0)
    for became, count in counts.most_common():
        if became != ACCEPTED:
            print(f"{count:>8}  {len(operations.get(became, ())):>10}  {became}")


if __name__ == "__main__":
    main()
