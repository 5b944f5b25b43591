"""The worst documents that may come in: `python benchmarks/worst.py [--mb 60] [--yaml-mb 19]`.

Each is compiled as a connector's is, in a process of its own under the limits of the default settings, and the benchmark
tells what became of it, how long it took, the most memory that its process had, and by how much this process grew: a
document may end its own process with a refusal by name, and nothing else.

Taken on two shared cores under a limit of 120 s and 2 GiB: a process had 757 MB for 59 MB of operations (over its time),
1,020 MB for one schema of 56 MB (refused), 618 MB for a chain of definitions of 48 MB (over its time), 2,010 MB for 60 MB of
empty objects (over its memory), 382 MB for 19 MB of operations in YAML (32,646 tools), 293 MB for 19 MB of empty objects in
YAML (over its time). The process of the gateway grew by 15 MB at most.
"""

import argparse
import asyncio
import json
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gateway.compiler import CompileBounds, Compiler
from gateway.core.manifest import Manifest
from gateway.errors import DocumentRejected
from gateway.settings import DocumentSettings

ENTRY = "upload:/openapi"
HEAD = {"openapi": "3.1.0", "info": {"title": "Worst", "version": "1"}, "servers": [{"url": "https://api.example"}]}


def operations(bytes_wanted: int) -> bytes:
    """As many operations as fit, each with a body of its own."""
    one = {"requestBody": {"content": {"application/json": {"schema": {"type": "object", "properties": {
        f"field_{n}": {"type": "string", "description": "What it is."} for n in range(8)}}}}}}  # fmt: skip
    count = bytes_wanted // (len(json.dumps(one)) + 60)
    return _document({f"/p{n}": {"post": {"operationId": f"make{n}", **one}} for n in range(min(count, 99_000))})


def one_schema(bytes_wanted: int) -> bytes:
    """One operation whose body has as many properties as fit."""
    properties = {f"property_{n}": {"type": "string"} for n in range(bytes_wanted // 42)}
    content = {"application/json": {"schema": {"type": "object", "properties": properties}}}
    return _document({"/a": {"post": {"requestBody": {"content": content}}}})


def definitions(bytes_wanted: int) -> bytes:
    """One operation, and a chain of schemas that refer to one another."""
    count = bytes_wanted // 120
    schemas = {f"S{n}": {"type": "object", "properties": {"next": {"$ref": f"#/components/schemas/S{n + 1}"}}}
               for n in range(count)}  # fmt: skip
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/S0"}}}
    return _document({"/a": {"post": {"requestBody": {"content": content}}}}, components={"schemas": schemas})


def empty_objects(bytes_wanted: int) -> bytes:
    """Twenty times its size in memory: objects of two bytes each."""
    head = _document({"/a": {"get": {}}})
    return head[:-1] + b',"x-more":[' + b"{}," * (bytes_wanted // 3) + b"{}]}"


def empty_yaml(bytes_wanted: int) -> bytes:
    head = b"openapi: 3.1.0\ninfo: {title: Worst, version: '1'}\npaths: {/a: {get: {}}}\nx-more: ["
    return head + b"{}, " * (bytes_wanted // 4) + b"{}]"


def yaml_operations(bytes_wanted: int) -> bytes:
    """Operations in block style."""
    head = "openapi: 3.1.0\ninfo: {title: Worst, version: '1'}\nservers: [{url: 'https://api.example'}]\npaths:\n"
    one = "  /p%d:\n    get:\n      operationId: get%d\n      parameters:\n" + "".join(
        f"        - name: field_{n}\n          in: query\n          schema:\n            type: string\n"
        for n in range(6)
    )
    return (head + "".join(one % (n, n) for n in range(bytes_wanted // len(one)))).encode()


def _document(paths: Any, **more: Any) -> bytes:
    return json.dumps({**HEAD, "paths": paths, **more}).encode()


async def compile_one(content: bytes) -> str:
    limits = DocumentSettings()
    compiler = Compiler(CompileBounds(limits.compile_timeout_s, limits.memory_bytes_max, limits.compiles_max))
    try:
        async with compiler.compiling(Manifest(name="worst"), ENTRY, len(content)) as compiling:
            await compiling.take(ENTRY, content)
            connector = (await compiling.finish("digest")).connector
            return f"{len(connector.tools)} tools, {len(connector.refusals)} refusals"
    except DocumentRejected as error:
        return f"rejected: {error.detail}"


def measure(title: str, make: Callable[[int], bytes], bytes_wanted: int) -> None:
    """In a process of its own, so that every peak is its own."""
    if child := os.fork():
        os.waitpid(child, 0)
        return
    content = make(bytes_wanted)
    before, started = resident_mb(), time.perf_counter()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    told = asyncio.run(compile_one(content))
    took = time.perf_counter() - started
    theirs = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(
        f"{title:<16} {len(content) / 1e6:>4.0f} MB {took:>6.1f} s, process {theirs:>5.0f} MB, "
        f"gateway +{resident_mb() - before:.0f} MB: {told}",
        flush=True,
    )
    os._exit(0)


def resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mb", type=int, default=60)
    parser.add_argument("--yaml-mb", type=int, default=19)
    asked = parser.parse_args()
    for make in (operations, one_schema, definitions, empty_objects):
        measure(f"JSON {make.__name__}", make, asked.mb * 1_000_000)
    for make in (yaml_operations, empty_yaml):
        measure(f"YAML {make.__name__}", make, asked.yaml_mb * 1_000_000)


if __name__ == "__main__":
    main()
