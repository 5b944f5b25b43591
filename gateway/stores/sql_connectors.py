"""Connectors, their versions, and what was approved of them, in SQL."""

import asyncio
import struct
import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec
import sqlalchemy as sa
from msgspec import structs

from gateway.core.manifest import Manifest
from gateway.stores.base import VERSIONS_MAX, ConnectorVersion, StoredConnector, StoredDocument
from gateway.stores.schema import approved, connectors, documents, state, versions
from gateway.stores.sql_lane import Row, SqlPart

# How a map and a byte string of any length begin in MessagePack.
_MAP, _FILE = 0xDF, 0xC6
_MAP_HEAD = _FILE_HEAD = struct.Struct(">BI")


class SqlConnectors(SqlPart):
    """A ConnectorStore."""

    async def manifests(self) -> Sequence[StoredConnector]:
        return await self._reader.run(_read_manifests)

    async def connectors(self, names: Collection[str] | None = None) -> Sequence[StoredConnector]:
        return await self._reader.run(_read_connectors, names)

    async def put_connector(self, connector: StoredConnector) -> None:
        packed = await asyncio.to_thread(_pack, connector.document.files)  # Elsewhere than in the one lane of writes.
        await self._writer.run(_put_connector, connector, packed)

    async def delete_connector(self, name: str) -> bool:
        return await self._writer.run(_delete_connector, name)

    async def add_version(self, version: ConnectorVersion) -> None:
        await self._writer.run(_add_version, version)

    async def versions(self, connector: str, limit: int) -> Sequence[ConnectorVersion]:
        return await self._reader.run(_read_versions, connector, limit)

    async def approved(self, connector: str) -> frozenset[str] | None:
        return await self._reader.run(_read_approved, connector)

    async def put_approved(self, connector: str, fingerprints: frozenset[str]) -> None:
        await self._writer.run(_put_approved, connector, fingerprints)

    async def generation(self) -> int:
        return await self._reader.run(_read_generation)


def _read_generation(connection: sa.Connection) -> int:
    return int(connection.execute(sa.select(state.c.generation)).scalar_one())


def next_generation(connection: sa.Connection) -> None:
    connection.execute(state.update().values(generation=state.c.generation + 1))


def _read_manifests(connection: sa.Connection) -> list[StoredConnector]:
    query = sa.select(connectors, documents.c.entry).join_from(connectors, documents)
    return _by_name(_to_connector(row, row.entry, {}) for row in connection.execute(query))


def _read_connectors(connection: sa.Connection, names: Collection[str] | None) -> list[StoredConnector]:
    query = sa.select(connectors, documents.c.entry, documents.c.files).join_from(connectors, documents)
    if names is not None:
        query = query.where(connectors.c.name.in_(sorted(names)))
    return _by_name(_to_connector(row, row.entry, _unpack(row.files)) for row in connection.execute(query))


def _by_name(found: Iterable[StoredConnector]) -> list[StoredConnector]:
    return sorted(found, key=lambda one: one.manifest.name)  # Here, as databases differ in their collations.


def _to_connector(row: Row, entry: str, files: Mapping[str, bytes]) -> StoredConnector:
    document = StoredDocument(row.digest, entry, files, row.fetched_at, row.etag, row.modified)
    return StoredConnector(msgspec.json.decode(row.manifest, type=Manifest), document, row.updated_at, row.from_folder)


def _put_connector(connection: sa.Connection, connector: StoredConnector, packed: bytes) -> None:
    document = connector.document
    if not connection.execute(sa.select(documents.c.digest).where(documents.c.digest == document.digest)).first():
        connection.execute(documents.insert().values(digest=document.digest, entry=document.entry, files=packed))
    connection.execute(connectors.delete().where(connectors.c.name == connector.manifest.name))
    connection.execute(
        connectors.insert().values(
            name=connector.manifest.name,
            manifest=msgspec.json.encode(connector.manifest),
            digest=document.digest,
            etag=document.etag,
            fetched_at=document.fetched_at,
            updated_at=connector.updated_at,
            modified=document.modified,
            from_folder=connector.from_folder,
        )
    )
    _drop_unused_documents(connection)
    next_generation(connection)


def _delete_connector(connection: sa.Connection, name: str) -> bool:
    if not connection.execute(connectors.delete().where(connectors.c.name == name)).rowcount:
        return False
    connection.execute(versions.delete().where(versions.c.connector == name))
    connection.execute(approved.delete().where(approved.c.connector == name))
    _drop_unused_documents(connection)
    next_generation(connection)
    return True


def _drop_unused_documents(connection: sa.Connection) -> None:
    connection.execute(documents.delete().where(documents.c.digest.not_in(sa.select(connectors.c.digest))))


def _pack(files: Mapping[str, bytes]) -> bytes:
    """Compressed MessagePack, file by file: the whole is never copied while everything else waits."""
    packer = zlib.compressobj()
    packed = [packer.compress(_MAP_HEAD.pack(_MAP, len(files)))]
    for uri, data in files.items():
        packed += [packer.compress(msgspec.msgpack.encode(uri) + _FILE_HEAD.pack(_FILE, len(data)))]
        packed += [packer.compress(data)]
    return b"".join((*packed, packer.flush()))


def _unpack(packed: bytes) -> dict[str, bytes]:
    return msgspec.msgpack.decode(zlib.decompress(packed), type=dict[str, bytes])


def _add_version(connection: sa.Connection, version: ConnectorVersion) -> None:
    encoded = zlib.compress(msgspec.json.encode(version))
    connection.execute(versions.insert().values(connector=version.connector, at=version.at, version=encoded))
    mine = versions.c.connector == version.connector
    kept = sa.select(versions.c.sequence).where(mine).order_by(versions.c.sequence.desc()).limit(VERSIONS_MAX)
    connection.execute(versions.delete().where(mine, versions.c.sequence.not_in(kept)))


def _read_versions(connection: sa.Connection, connector: str, limit: int) -> list[ConnectorVersion]:
    query = sa.select(versions).where(versions.c.connector == connector).order_by(versions.c.sequence.desc())
    return [_to_version(row) for row in connection.execute(query.limit(min(max(limit, 0), VERSIONS_MAX)))]


def _to_version(row: Row) -> ConnectorVersion:
    version = msgspec.json.decode(zlib.decompress(row.version), type=ConnectorVersion)
    return structs.replace(version, sequence=row.sequence)


def _read_approved(connection: sa.Connection, connector: str) -> frozenset[str] | None:
    row = connection.execute(sa.select(approved.c.fingerprints).where(approved.c.connector == connector)).first()
    return msgspec.msgpack.decode(zlib.decompress(row.fingerprints), type=frozenset[str]) if row else None


def _put_approved(connection: sa.Connection, connector: str, fingerprints: frozenset[str]) -> None:
    packed = zlib.compress(msgspec.msgpack.encode(sorted(fingerprints)))
    connection.execute(approved.delete().where(approved.c.connector == connector))
    connection.execute(approved.insert().values(connector=connector, fingerprints=packed))
    next_generation(connection)
