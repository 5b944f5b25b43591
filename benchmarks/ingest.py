"""What becomes of real documents: `python benchmarks/ingest.py [FOLDER]` (by default ../shared/specs).

Every document of the folder (`manifest.json` names them) is parsed and compiled, one after the other, in one process.
Operations are counted by a plain walk of `paths` that shares no code with the compiler.
"""

import gzip
import json
import resource
import sys
import tarfile
import time
from collections import Counter
from pathlib import Path

from gateway.core.catalog import Connector
from gateway.core.compile import compile_document
from gateway.core.document import DocumentBroken, external_references, parse_document
from gateway.core.manifest import Manifest
from gateway.core.references import Documents

CORPUS = Path(__file__).parent.parent.parent / "shared" / "specs"
METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace", "query"}
BASE = "https://documents.example/"


def read(folder: Path) -> dict[str, dict[str, bytes]]:
    """The files of every document by URI, its entry first, under the document's name."""
    found = {}
    for row in json.loads((folder / "manifest.json").read_text()):
        path = folder / row["file"]
        if path.name.endswith(".tar.gz"):
            with tarfile.open(path) as archive:
                files = {m.name: archive.extractfile(m).read() for m in archive.getmembers() if m.isfile()}
            entry = row["entry"]
            found[row["file"]] = {BASE + entry: files.pop(entry)} | {BASE + name: data for name, data in files.items()}
        else:
            found[row["file"]] = {BASE + path.name.removesuffix(".gz"): gzip.decompress(path.read_bytes())}
    return found


def parse(files: dict[str, bytes]) -> Documents:
    """Parse the entry and whatever it refers to among these files."""
    entry, trees, waiting = next(iter(files)), {}, [next(iter(files))]
    while waiting:
        uri = waiting.pop()
        if uri in files and uri not in trees:
            trees[uri] = parse_document(files[uri], uri)
            waiting += external_references(trees[uri], uri)
    return Documents(entry, trees)


def count_operations(files: dict[str, bytes]) -> int | None:
    """By a plain walk of `paths`; None where path items stand in other files."""
    entry = next(iter(files.values()))
    tree = json.loads(entry) if entry.lstrip()[:1] == b"{" else _yaml(entry)
    items = [item for item in (tree.get("paths") or {}).values() if isinstance(item, dict)]
    if any("$ref" in item for item in items):
        return None
    return sum(1 for item in items for method in item if method in METHODS)


def _yaml(data: bytes) -> dict:
    import yaml

    return yaml.load(data, Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader))


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else CORPUS
    if not folder.is_dir():
        raise SystemExit(f"There is no folder {folder}: name one that holds documents and a manifest.json.")
    corpus = read(folder)
    rows, reasons, repairs, broken = [], Counter(), Counter(), {}
    for name, files in corpus.items():
        counted = count_operations(files)
        started = time.process_time()
        try:
            documents = parse(files)
            parsed = time.process_time()
            connector = compile_document(Manifest(name="corpus", base_url="https://api.example"), documents, "digest")
        except DocumentBroken as error:
            broken[name] = f"{error.place}: {error.detail}"
            continue
        rows.append((name, counted, connector, parsed - started, time.process_time() - parsed))
        reasons.update(refusal.reason for refusal in connector.refusals)
        repairs.update(repair.reason for repair in connector.repairs)
    report(rows, reasons, repairs, broken)


def report(
    rows: list[tuple[str, int | None, Connector, float, float]], reasons: Counter, repairs: Counter, broken: dict
) -> None:
    tools = sum(len(connector.tools) for _, _, connector, _, _ in rows)
    refused = sum(len(connector.refusals) for _, _, connector, _, _ in rows)
    parsing, compiling = sum(row[3] for row in rows), sum(row[4] for row in rows)
    slowest = max(rows, key=lambda row: row[3] + row[4])
    inputs = [len(bytes(tool.input_schema)) for _, _, connector, _, _ in rows for tool in connector.tools]
    outputs = [len(bytes(tool.output_schema)) for _, _, connector, _, _ in rows for tool in connector.tools]
    print(f"documents read       {len(rows)} of {len(rows) + len(broken)}")
    print(f"tools + refusals     {tools} + {refused}")
    for name, counted, connector, _, _ in rows:
        if counted is not None and counted != len(connector.tools) + len(connector.refusals):
            print(f"  NOT ACCOUNTED FOR  {name}: {counted} operations by a plain walk")
    print(f"become tools         {tools / (tools + refused):.2%}")
    print(f"parse, compile       {parsing:.1f} s, {compiling:.1f} s of CPU; {compiling / tools * 1000:.2f} ms a tool")
    print(f"slowest              {slowest[0]}: {slowest[3]:.1f} s parse, {slowest[4]:.1f} s compile")
    print(f"peak memory          {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB, all of them held")
    print(f"input schema bytes   mean {sum(inputs) / len(inputs):.0f}, largest {max(inputs)}")
    print(f"output schema bytes  mean {sum(outputs) / len(outputs):.0f}, largest {max(outputs)}")
    for title, counts in (("refusals", reasons), ("repairs", repairs)):
        print(f"{title} by reason")
        for reason, count in counts.most_common():
            print(f"  {count:>6}  {reason}")
    for name, why in broken.items():
        print(f"  broken: {name}: {why}")


if __name__ == "__main__":
    main()
