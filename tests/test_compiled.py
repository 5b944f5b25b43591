"""What was compiled once is not compiled again at the next start, and a file that is not what it should be costs nothing."""

import json
import struct
from collections.abc import Callable
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import structs

from gateway.compiled import CompiledFiles, Kept, KeptHead
from gateway.core.manifest import Manifest
from gateway.core.principal import OPERATOR
from gateway.fetch import Offered
from gateway.settings import MemoryStore
from tests.conftest import Door, open_door

pytestmark = pytest.mark.anyio

PETS: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Pets", "version": "2"},
    "servers": [{"url": "https://pets.example"}],
    "paths": {
        f"/{one}": {"post": {"operationId": f"make_{one}", "requestBody": {"content": {"application/json": {"schema": {
            "type": "object", "properties": {"name": {"type": "string"}, "of": {"$ref": "#/components/schemas/Of"}},
        }}}}, "responses": {"200": {"description": "It"}}}}
        for one in ("ape", "dog")
    },
    "components": {"schemas": {"Of": {"type": "object", "properties": {"of": {"$ref": "#/components/schemas/Of"}}}}},
}  # fmt: skip


def told(door: Door) -> list[Any]:
    """All that is served, as bytes."""
    catalog = door.gateway.published.current.catalog
    return [
        (tool.name, bytes(tool.input_schema), bytes(tool.compact), tool.description, tool.operation)
        for tool in catalog.tools.values()
    ]


def file_of(tmp_path: Path, name: str = "pets") -> Path:
    return tmp_path / "compiled" / f"{name}.compiled"


async def add(door: Door, **more: Any) -> list[Any]:
    await door.add("pets", PETS, "https://pets.example", **more)
    return told(door)


async def test_what_has_not_changed_is_not_compiled_again(opens: Callable[..., Any], tmp_path: Path) -> None:
    async with opens() as door:
        first = await add(door)
    before = file_of(tmp_path).stat()
    for _ in range(2):
        async with opens() as door:
            assert told(door) == first
    assert file_of(tmp_path).stat().st_ino == before.st_ino
    assert before.st_mode & 0o077 == 0


async def test_what_is_kept_is_what_is_served(opens: Callable[..., Any], tmp_path: Path) -> None:
    """Shown by what nobody would do: the file says that it was compiled of this, and it was compiled of something else."""
    async with opens() as door:
        await add(door)
    async with open_door(tmp_path / "elsewhere") as door:
        await door.add("pets", {**PETS, "paths": {"/cat": {"get": {"operationId": "cat"}}}}, "https://pets.example")
    files = CompiledFiles(tmp_path / "compiled")
    pets, other = await files.find("pets"), await CompiledFiles(tmp_path / "elsewhere" / "compiled").find("pets")
    assert pets is not None
    assert other is not None
    await files.put("pets", Kept(pets.head, other.pieces))
    async with opens() as door:
        assert [name for name, *_ in told(door)] == ["pets_cat"]


def flip(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def forged(*frames: bytes) -> Callable[[bytes], bytes]:
    """With a digest that fits."""
    body = b"".join(struct.pack(">Q", len(one)) + one for one in frames)
    return lambda data: data[: data.index(b"\n") + 1] + sha256(body).digest() + body


@pytest.mark.parametrize(
    "damage",
    [
        flip,
        lambda data: data[:-1],
        lambda data: data[:60],
        lambda data: b"",
        lambda data: b"\x80\x04\x95 something else",
        lambda data: data + b"\0",
        forged(msgspec.json.encode(KeptHead("another key", ("upload:/openapi",), True)), b"x"),
        forged(b"{}"),
        forged(),
    ],
)
async def test_a_file_that_is_not_what_it_should_be_is_made_again(
    opens: Callable[..., Any], tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    async with opens() as door:
        first = await add(door)
    path, files = file_of(tmp_path), CompiledFiles(tmp_path / "compiled")
    good = await files.find("pets")
    path.write_bytes(damage(path.read_bytes()))
    async with opens() as door:
        assert told(door) == first
    again = await files.find("pets")
    assert good is not None
    assert again is not None
    assert (again.head.key, again.pieces) == (good.head.key, good.pieces)


@pytest.mark.parametrize("pieces", [(), (b"no zlib",), (b"x\x9c\x03\x00\x00\x00\x00\x01",)])
async def test_pieces_that_cannot_be_read_are_made_again(
    opens: Callable[..., Any], tmp_path: Path, pieces: tuple[bytes, ...]
) -> None:
    async with opens() as door:
        first = await add(door)
    files = CompiledFiles(tmp_path / "compiled")
    kept = await files.find("pets")
    assert kept is not None
    for wrong in (pieces, kept.pieces[:-1], (*kept.pieces, kept.pieces[-1])):
        await files.put("pets", structs.replace(kept, pieces=wrong))
        async with opens() as door:
            assert told(door) == first
        again = await files.find("pets")
        assert again is not None
        assert again.pieces == kept.pieces


async def test_other_code_compiles_again(
    opens: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opens() as door:
        first = await add(door)
    before = file_of(tmp_path).read_bytes()
    monkeypatch.setattr("gateway.compiled._code", lambda: "a later version")
    async with opens() as door:
        assert told(door) == first
    assert file_of(tmp_path).read_bytes() != before


async def test_a_manifest_that_changes_is_compiled_again(opens: Callable[..., Any], tmp_path: Path) -> None:
    async with opens() as door:
        await add(door)
        manifest = structs.replace(door.gateway.published.current.catalog.connectors["pets"].manifest, prefix="zoo")
        offered = Offered(manifest, content=json.dumps(PETS).encode())
        await door.gateway.ingestion.add(OPERATOR, offered, replace=True)
    async with opens() as door:
        assert [name for name, *_ in told(door)] == ["zoo_make_ape", "zoo_make_dog"]


async def test_what_is_taken_out_leaves_no_file(opens: Callable[..., Any], tmp_path: Path) -> None:
    async with opens() as door:
        await add(door)
        file_of(tmp_path, "left-over").write_bytes(file_of(tmp_path).read_bytes())
        await door.gateway.ingestion.remove(OPERATOR, "pets")
        assert not file_of(tmp_path).exists()
    async with opens() as door:
        assert list((tmp_path / "compiled").iterdir()) == []


async def test_a_store_that_nothing_outlives_leaves_no_file(opens: Callable[..., Any], tmp_path: Path) -> None:
    async with opens(store=MemoryStore()) as door:
        await add(door)
    assert not (tmp_path / "compiled").exists()


async def test_a_folder_that_cannot_be_written_costs_nothing_but_time(
    opens: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "compiled").write_text("a file is in the way")
    async with opens() as door:
        first = await add(door)
    async with opens() as door:
        assert told(door) == first
        await door.gateway.ingestion.remove(OPERATOR, "pets")


def write_folder(tmp_path: Path, **files: Any) -> None:
    folder = tmp_path / "connectors" / "pets"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "connector.yaml").write_text("name: pets\ndocument: openapi.json\noverlays: [ours.json]\n")
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))


async def test_a_connector_of_the_folder_is_compiled_again_when_one_of_its_files_changes(
    opens: Callable[..., Any], tmp_path: Path
) -> None:
    entry = {**PETS, "paths": {"/a": {"$ref": "parts.json"}, "/b": {"get": {"operationId": "own"}}}}
    overlay: dict[str, Any] = {"overlay": "1.0.0", "info": {"title": "Ours", "version": "1"}}
    renames = {"target": "$.paths['/b'].get", "update": {"x-factotum": {"description": "Ours."}}}
    write_folder(tmp_path, openapi=entry, parts={"get": {"operationId": "one"}}, ours={**overlay, "actions": [renames]})
    seen = []
    for change in ({}, {}, {"parts": {"get": {"operationId": "two"}}}, {"ours": {**overlay, "actions": []}}):
        write_folder(tmp_path, **change)
        async with opens() as door:
            (name, *_), (_, *_, description, _) = sorted(told(door), key=lambda one: one[0].endswith("own"))
        seen.append((name, description == "Ours.", file_of(tmp_path).stat().st_ino))
    assert [one[:2] for one in seen] == [
        ("pets_one", True),
        ("pets_one", True),
        ("pets_two", True),
        ("pets_two", False),
    ]
    assert [one[2] == other[2] for one, other in pairwise(seen)] == [True, False, False]


async def test_a_file_that_could_not_be_read_is_looked_for_at_the_next_start(
    opens: Callable[..., Any], tmp_path: Path
) -> None:
    overlay = {"overlay": "1.0.0", "info": {"title": "Ours", "version": "1"}, "actions": []}
    write_folder(tmp_path, openapi={**PETS, "paths": {"/a": {"$ref": "parts.json"}}}, ours=overlay)
    async with opens() as door:
        assert told(door) == []
    write_folder(tmp_path, parts={"get": {"operationId": "one"}})
    async with opens() as door:
        assert [name for name, *_ in told(door)] == ["pets_one"]


async def test_a_document_of_a_url_is_fetched_once_and_not_compiled_again(
    opens: Callable[..., Any], tmp_path: Path, backend: Any
) -> None:
    folder = tmp_path / "connectors" / "pets"
    folder.mkdir(parents=True)
    manifest = Manifest(name="pets", document=f"{backend.url}/openapi.json", allow_addresses=("127.0.0.0/8",))
    (folder / "connector.yaml").write_text(msgspec.json.encode(manifest).decode())
    entry = {**PETS, "paths": {"/a": {"$ref": "parts.json"}}}
    backend.answers["GET /openapi.json"] = (200, "application/json", json.dumps(entry).encode())
    backend.answers["GET /parts.json"] = (200, "application/json", b'{"get": {"operationId": "one"}}')
    for answer, wanted in (("one", "one"), ("one", "one"), ("two", "two")):
        backend.seen.clear()
        backend.answers["GET /parts.json"] = (
            200,
            "application/json",
            b'{"get": {"operationId": "%s"}}' % answer.encode(),
        )
        async with opens() as door:
            assert [name for name, *_ in told(door)] == [f"pets_{wanted}"]
        assert sorted(one.target for one in backend.seen) == ["/openapi.json", "/parts.json"]
