"""Large documents are compiled in a process of their own: the same tools, bounded, and gone when it is done."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from gateway.compiler import IN_THREAD_BYTES_MAX, CompileBounds, Compiler
from gateway.core.catalog import Connector
from gateway.core.manifest import Manifest
from gateway.errors import DocumentRejected

pytestmark = pytest.mark.anyio

BOUNDS = CompileBounds(timeout_s=60, memory_bytes_max=1 << 30)
ENTRY = "https://docs.example/openapi.json"


def document(operations: int, **more: Any) -> bytes:
    pet = {"type": "object", "properties": {"name": {"type": "string"}, "tag": {"$ref": "#/components/schemas/Tag"}}}
    one = {
        "parameters": [{"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1}}],
        "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}}},
        "responses": {"200": {"content": {"application/json": {"schema": {"$ref": "other.json#/Answer"}}}}},
        "security": [{"oauth": ["pets.write"]}],
    }
    tree = {
        "openapi": "3.1.0",
        "info": {"title": "Pets of All Kinds API", "version": "1"},
        "servers": [{"url": "https://api.example"}],
        "paths": {
            f"/pets{number}": {"post": {**one, "operationId": f"post{number}"}, **({} if number else {"delete": {}})}
            for number in range(operations)
        },
        "components": {"schemas": {"Pet": pet, "Tag": {"type": "object", "properties": {"of": pet}}}},
        **more,
    }
    return json.dumps(tree).encode()


OTHER = b'{"Answer": {"type": "object", "properties": {"id": {"type": "integer"}, "more": {"$ref": "#/Answer"}}}}'


async def compiled(first: bytes, entry_bytes: int, bounds: CompileBounds = BOUNDS) -> Connector:
    async with Compiler(bounds).compiling(Manifest(name=""), ENTRY, entry_bytes) as compiling:
        assert await compiling.take(ENTRY, first) == ("https://docs.example/other.json",)
        assert await compiling.take("https://docs.example/other.json", OTHER) == ()
        return (await compiling.finish("digest")).connector


async def test_a_process_gives_what_a_thread_gives() -> None:
    first = document(450, paths_extra=None)
    here, there = await compiled(first, 1), await compiled(first, IN_THREAD_BYTES_MAX + 1)
    assert there.name == "pets-of-all-kinds"
    assert (there.manifest, there.digest, there.title, there.refusals, there.repairs) == (
        here.manifest,
        here.digest,
        here.title,
        here.refusals,
        here.repairs,
    )
    assert len(there.tools) == len(here.tools) == 451
    for one, other in zip(here.tools, there.tools, strict=True):
        assert (one.name, one.operation, one.scopes, one.description) == (
            other.name,
            other.operation,
            other.scopes,
            other.description,
        )
        assert bytes(one.input_schema) == bytes(other.input_schema)
        assert bytes(one.output_schema) == bytes(other.output_schema)
        assert bytes(one.compact) == bytes(other.compact)
    assert there.tools[0].shelves is there.tools[-1].shelves
    assert there.tools[0].compact is there.tools[-1].compact
    assert there.tools[0].operation.body is there.tools[-1].operation.body


@pytest.mark.parametrize(
    ("first", "place"),
    [
        (b"{broken", "line 2, column 1"),
        (b'{"openapi": "4.0", "paths": {}}', "/openapi"),
        (b"[]" * 200_000, "line 1, column 4"),
    ],
)
async def test_a_broken_document_is_refused_with_its_place(first: bytes, place: str) -> None:
    async with Compiler(BOUNDS).compiling(Manifest(name="x"), ENTRY, IN_THREAD_BYTES_MAX + 1) as compiling:
        with pytest.raises(DocumentRejected, match=place):
            await _all(compiling, first)


async def _all(compiling: Any, first: bytes) -> None:
    await compiling.take(ENTRY, first)
    await compiling.finish("digest")


async def test_a_document_that_takes_too_much_memory_is_refused_by_name() -> None:
    first = document(60_000)
    with pytest.raises(DocumentRejected, match=r"documents\.memory_bytes_max"):
        await compiled(first, len(first), CompileBounds(timeout_s=60, memory_bytes_max=150 << 20))


async def test_a_document_that_takes_too_long_is_refused_by_name_and_its_process_ends() -> None:
    first = document(20_000)
    before = children()
    with pytest.raises(DocumentRejected, match=r"documents\.compile_timeout_s"):
        await compiled(first, len(first), CompileBounds(timeout_s=0.5, memory_bytes_max=2 << 30))
    assert children() == before


async def test_many_small_files_go_to_a_process_when_they_are_large_together() -> None:
    refers = {f"/p{n}": {"$ref": f"p{n}.json"} for n in range(4)}
    entry = json.dumps({"openapi": "3.1.0", "info": {"title": "Many", "version": "1"}, "paths": refers}).encode()
    before, counted = children(), []
    async with Compiler(BOUNDS).compiling(
        Manifest(name="many", base_url="https://x.example"), ENTRY, len(entry)
    ) as one:
        uris = sorted(await one.take(ENTRY, entry))
        for uri in uris:
            with pytest.raises(DocumentRejected):
                await one.take(uri, b"{broken")
            text = "x" * (IN_THREAD_BYTES_MAX // 3)
            await one.take(uri, json.dumps({"get": {"operationId": uri[-7:-5], "description": text}}).encode())
            counted.append(len(children()) - len(before))
        connector = (await one.finish("digest")).connector
    assert counted == [0, 0, 1, 1]
    assert [tool.name for tool in connector.tools] == ["many_p0", "many_p1", "many_p2", "many_p3"]
    assert children() == before


async def test_no_more_documents_are_compiled_at_once_than_may_be() -> None:
    compiler = Compiler(structs.replace(BOUNDS, processes_max=1))
    first = document(3)
    inside, most = 0, 0

    async def one() -> None:
        nonlocal inside, most
        async with compiler.compiling(Manifest(name="x"), ENTRY, IN_THREAD_BYTES_MAX + 1) as compiling:
            inside += 1
            most = max(most, inside, len(children()))
            await compiling.take(ENTRY, first)
            await compiling.finish("digest")
            inside -= 1

    await asyncio.gather(*(one() for _ in range(3)))
    assert (most, inside) == (1, 0)


def children() -> list[str]:
    """The processes that this one started and that are still there (Linux)."""
    listed = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    return listed.read_text().split() if listed.exists() else []
