"""A store in one SQL database. Written in SQLAlchemy Core and portable types, so that another database is one more URL:
what only SQLite knows is in `sqlite.py`. Knows tables; knows nothing of what the records mean.

Writes go through one thread, in the order in which they were asked for, so that they never contend within a process;
reads go through a few threads of their own. Each piece of work is one transaction.
"""

import asyncio
import struct
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Concatenate, ParamSpec, TypeAlias, TypeVar

import msgspec
import sqlalchemy as sa
from msgspec import structs
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from gateway.core.approval import Approval, State
from gateway.core.audit import AuditEntry, clean, encode_line
from gateway.core.audit_chain import AuditTail, Checkpoint, Link, link_lines
from gateway.core.manifest import Manifest
from gateway.core.principal import Owner
from gateway.errors import Conflict, GatewayError, StoreFailed
from gateway.stores.base import (
    VERSIONS_MAX,
    ApiKey,
    AuditFilter,
    ConnectorVersion,
    Store,
    StoredConnector,
    StoredDocument,
)
from gateway.stores.schema import (
    api_keys,
    approvals,
    approved,
    audit,
    checkpoints,
    connectors,
    documents,
    migrate,
    state,
    versions,
)
from gateway.stores.sqlite import Durability, explain_sqlite, open_sqlite_engines

INTEGER_MAX = 2**63 - 1
# How a map and a byte string of any length begin in MessagePack.
_MAP, _FILE = 0xDF, 0xC6
_MAP_HEAD = _FILE_HEAD = struct.Struct(">BI")

P = ParamSpec("P")
T = TypeVar("T")
Row: TypeAlias = sa.Row[*tuple[Any, ...]]


async def open_sql(
    url: str, *, durability: Durability = "power", busy_timeout_s: float = 10.0, readers_max: int = 4
) -> Store:
    """Open `sqlite:///path`, made with its folder where it is missing, and bring its schema up to date.

    `durability` is what a committed write survives: `process`, the end of this process in any way, but a loss of power
    (or a crash of the operating system) may take the newest ones; `power`, that too, at the price of one flush of the
    disk a commit, and as far as the disk keeps its word. Neither leaves the database broken.
    `busy_timeout_s` is how long a write waits for another process's.
    Raises StoreFailed: the URL is not one of ours, or the file is unreadable, damaged, not ours or of a newer version.
    """
    writer, reader = open_sqlite_engines(url, durability, busy_timeout_s, readers_max)
    store = SqlStore(_Lane(writer, 1), _Lane(reader, readers_max))
    try:
        await store.migrate()
    except BaseException:
        await store.close()
        raise
    return store


class SqlStore:
    """A Store. `open_sql` opens one; whoever opened it closes it."""

    def __init__(self, writer: "_Lane", reader: "_Lane") -> None:
        self._writer = writer
        self._reader = reader
        self._tail: AuditTail | None = None

    async def migrate(self) -> None:
        await self._writer.run(migrate)

    async def ready(self) -> bool:
        try:
            await self.generation()
        except StoreFailed:
            return False
        return True

    async def close(self) -> None:
        """Finish what was begun, then let the database go."""
        await self._writer.close()
        await self._reader.close()

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

    async def add_key(self, key: ApiKey) -> None:
        await self._writer.run(_add_key, key)

    async def find_key(self, token_sha256: bytes) -> ApiKey | None:
        return await self._reader.run(_find_key, token_sha256)

    async def keys(self) -> Sequence[ApiKey]:
        return await self._reader.run(_read_keys)

    async def revoke_key(self, key_id: str, at: datetime) -> bool:
        return await self._writer.run(_revoke_key, key_id, at)

    async def append_audit(self, entries: Sequence[AuditEntry]) -> None:
        if entries:
            self._tail = await self._writer.run(_append_audit, entries, self._tail)

    async def read_audit(self, wanted: AuditFilter) -> Sequence[AuditEntry]:
        return await self._reader.run(_read_audit, wanted)

    async def audit_tail(self) -> AuditTail:
        return await self._reader.run(_read_tail)

    async def audit_links(self, after: int, limit: int) -> Sequence[Link]:
        return await self._reader.run(_read_links, after, limit)

    async def add_checkpoint(self, checkpoint: Checkpoint) -> None:
        await self._writer.run(_add_checkpoint, checkpoint)

    async def checkpoints(self) -> Sequence[Checkpoint]:
        return await self._reader.run(_read_checkpoints)

    async def old_checkpoint(self, before: datetime) -> Checkpoint | None:
        return await self._reader.run(_find_old_checkpoint, before)

    async def drop_audit(self, start: Checkpoint) -> int:
        return await self._writer.run(_drop_audit, start)

    async def add_approval(self, approval: Approval) -> None:
        await self._writer.run(_add_approval, approval)

    async def find_approval(self, approval_id: str) -> Approval | None:
        return await self._reader.run(_find_approval, approvals.c.id == approval_id)

    async def latest_approval(self, digest: str) -> Approval | None:
        return await self._reader.run(_find_approval, approvals.c.digest == digest)

    async def approvals(
        self, tenant: str, state: State | None, now: datetime, limit: int, owner: Owner | None = None
    ) -> Sequence[Approval]:
        return await self._reader.run(_read_approvals, tenant, state, now, limit, owner)

    async def decide_approval(self, before: Approval, after: Approval) -> bool:
        return await self._writer.run(_replace_approval, before, after)

    async def use_approval(self, digest: str, now: datetime) -> Approval | None:
        return await self._writer.run(_use_approval, digest, now)


class _Lane:
    """Threads, each with a connection when it needs one. Work that returns is committed; work that raises is undone."""

    def __init__(self, engine: sa.Engine, threads_max: int) -> None:
        self._engine = engine
        self._threads = ThreadPoolExecutor(threads_max, thread_name_prefix="store")
        self._kept: sa.Connection | None = None
        self._keeps = threads_max == 1

    @contextmanager
    def _begin(self) -> Iterator[sa.Connection]:
        """A transaction. A lane of one thread keeps its connection: a third less time a commit than asking the pool."""
        if not self._keeps:
            with self._engine.begin() as connection:
                yield connection
            return
        if self._kept is None:
            self._kept = self._engine.connect()
        try:
            with self._kept.begin():
                yield self._kept
        except SQLAlchemyError:
            self._kept.invalidate()
            self._kept.close()
            self._kept = None
            raise

    async def run(self, work: Callable[Concatenate[sa.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        def transact() -> T:
            try:
                with self._begin() as connection:
                    return work(connection, *args, **kwargs)
            except GatewayError:
                raise
            except Exception as error:
                raise StoreFailed(_explain(error)) from error

        try:
            running = asyncio.get_running_loop().run_in_executor(self._threads, transact)
        except RuntimeError as error:
            raise StoreFailed("The store is closed: the gateway is stopping.") from error
        return await running

    async def close(self) -> None:
        await asyncio.to_thread(self._threads.shutdown)
        if self._kept is not None:
            await asyncio.to_thread(self._kept.close)
        await asyncio.to_thread(self._engine.dispose)


# Connectors.


def _read_generation(connection: sa.Connection) -> int:
    return int(connection.execute(sa.select(state.c.generation)).scalar_one())


def _next_generation(connection: sa.Connection) -> None:
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
    _next_generation(connection)


def _delete_connector(connection: sa.Connection, name: str) -> bool:
    if not connection.execute(connectors.delete().where(connectors.c.name == name)).rowcount:
        return False
    connection.execute(versions.delete().where(versions.c.connector == name))
    connection.execute(approved.delete().where(approved.c.connector == name))
    _drop_unused_documents(connection)
    _next_generation(connection)
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


# Versions of connectors, and what was approved of them.


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
    _next_generation(connection)


# Keys.


def _add_key(connection: sa.Connection, key: ApiKey) -> None:
    row = structs.asdict(key) | {"scopes": sorted(key.scopes), "groups": sorted(key.groups)}
    try:
        connection.execute(api_keys.insert(), row)
    except IntegrityError as error:
        raise Conflict(f"There is a key {key.id} already; make another.") from error
    _next_generation(connection)


def _find_key(connection: sa.Connection, token_sha256: bytes) -> ApiKey | None:
    row = connection.execute(sa.select(api_keys).where(api_keys.c.token_sha256 == token_sha256)).first()
    return _to_key(row) if row else None


def _read_keys(connection: sa.Connection) -> list[ApiKey]:
    return [
        _to_key(row) for row in connection.execute(sa.select(api_keys).order_by(api_keys.c.created_at, api_keys.c.id))
    ]


def _revoke_key(connection: sa.Connection, key_id: str, at: datetime) -> bool:
    unrevoked = sa.and_(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None))
    if not connection.execute(api_keys.update().where(unrevoked).values(revoked_at=at)).rowcount:
        return False
    _next_generation(connection)
    return True


def _to_key(row: Row) -> ApiKey:
    return ApiKey(**{**row._mapping, "scopes": frozenset(row.scopes), "groups": frozenset(row.groups)})


# Approvals.


def _add_approval(connection: sa.Connection, approval: Approval) -> None:
    connection.execute(approvals.insert().values(_approval_row(approval)))


def _approval_row(approval: Approval) -> dict[str, Any]:
    """What an approval is found by, and the approval."""
    columns = ("id", "digest", "tenant", "state", "created_at", "expires_at")
    return {name: getattr(approval, name) for name in columns} | {
        "owner": msgspec.json.encode(approval.owner),
        "approval": msgspec.json.encode(approval),
    }


def _to_approval(row: Row) -> Approval:
    return msgspec.json.decode(row.approval, type=Approval)


def _find_approval(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> Approval | None:
    query = sa.select(approvals.c.approval).where(condition).order_by(approvals.c.number.desc()).limit(1)
    row = connection.execute(query).first()
    return _to_approval(row) if row else None


def _read_approvals(
    connection: sa.Connection, tenant: str, state: State | None, now: datetime, limit: int, owner: Owner | None
) -> list[Approval]:
    query = sa.select(approvals.c.approval).where(approvals.c.tenant == tenant)
    over = sa.and_(approvals.c.state.in_(("pending", "approved")), approvals.c.expires_at <= now)
    if state == "expired":
        query = query.where(over)
    elif state is not None:
        query = query.where(approvals.c.state == state, sa.not_(over))
    if owner is not None:
        query = query.where(approvals.c.owner == msgspec.json.encode(owner))
    query = query.order_by(approvals.c.number.desc()).limit(min(max(limit, 0), INTEGER_MAX))
    return [_to_approval(row) for row in connection.execute(query)]


def _replace_approval(connection: sa.Connection, before: Approval, after: Approval) -> bool:
    row = connection.execute(sa.select(approvals.c.approval).where(approvals.c.id == before.id)).first()
    if row is None or _to_approval(row) != before:
        return False
    connection.execute(approvals.update().where(approvals.c.id == before.id).values(_approval_row(after)))
    return True


def _use_approval(connection: sa.Connection, digest: str, now: datetime) -> Approval | None:
    """One writer at a time: nobody else takes it between the look and the change."""
    good = sa.and_(approvals.c.digest == digest, approvals.c.state == "approved", approvals.c.expires_at > now)
    row = connection.execute(sa.select(approvals.c.approval).where(good).limit(1)).first()
    if row is None:
        return None
    used = structs.replace(_to_approval(row), state="used")
    connection.execute(approvals.update().where(approvals.c.id == used.id).values(_approval_row(used)))
    return used


# The audit log.


# Made once: to put a statement together takes longer than to run it.
_TAIL = sa.select(state.c.audit_sequence, state.c.audit_digest)
_APPEND = audit.insert()
_MOVE_TAIL = (
    state.update()
    .where(state.c.audit_sequence == sa.bindparam("old_sequence"), state.c.audit_digest == sa.bindparam("old_digest"))
    .values(audit_sequence=sa.bindparam("new_sequence"), audit_digest=sa.bindparam("new_digest"))
)


def _append_audit(connection: sa.Connection, entries: Sequence[AuditEntry], known: AuditTail | None) -> AuditTail:
    """Link the lines to the end of the log, which is the one that is `known` unless another process wrote since; the new
    end. One writer at a time: a transaction that writes has the lock from its start on."""
    lines = [encode_line(entry) for entry in entries]
    before = known or _read_tail(connection)
    links = list(link_lines(before, lines))
    if not _move_tail(connection, before, links[-1]):
        before = _read_tail(connection)
        links = list(link_lines(before, lines))
        _move_tail(connection, before, links[-1])
    rows = [
        _columns(entry) | {"sequence": link.sequence, "entry": link.line, "digest": link.digest}
        for entry, link in zip(entries, links, strict=True)
    ]
    connection.execute(_APPEND, rows)
    return AuditTail(links[-1].sequence, links[-1].digest)


def _move_tail(connection: sa.Connection, before: AuditTail, last: Link) -> bool:
    told = {"old_sequence": before.sequence, "old_digest": before.digest}
    told |= {"new_sequence": last.sequence, "new_digest": last.digest}
    return connection.execute(_MOVE_TAIL, told).rowcount == 1


def _columns(entry: AuditEntry) -> dict[str, Any]:
    """What a line is found by."""
    return {
        "at": entry.at,
        "tenant": clean(entry.tenant),
        "tool": clean(entry.tool),
        "subject": clean(entry.subject),
        "phase": entry.phase,
    }


def _read_tail(connection: sa.Connection) -> AuditTail:
    return AuditTail(*connection.execute(_TAIL).one())


def _read_links(connection: sa.Connection, after: int, limit: int) -> list[Link]:
    query = sa.select(audit).where(audit.c.sequence > after).order_by(audit.c.sequence)
    return [_to_link(row) for row in connection.execute(query.limit(min(max(limit, 0), INTEGER_MAX)))]


def _to_link(row: Row) -> Link:
    try:
        told = _columns(msgspec.json.decode(row.entry, type=AuditEntry))
    except msgspec.MsgspecError:
        told = {}
    is_whole = told == {name: row._mapping[name] for name in told} and bool(told)
    return Link(row.sequence, row.entry if is_whole else b"", row.digest)


def _add_checkpoint(connection: sa.Connection, checkpoint: Checkpoint) -> None:
    known = sa.select(checkpoints.c.sequence).where(checkpoints.c.sequence == checkpoint.sequence)
    if not connection.execute(known).first():
        connection.execute(checkpoints.insert(), structs.asdict(checkpoint))


def _read_checkpoints(connection: sa.Connection) -> list[Checkpoint]:
    return [
        Checkpoint(**row._mapping)
        for row in connection.execute(sa.select(checkpoints).order_by(checkpoints.c.sequence))
    ]


def _find_old_checkpoint(connection: sa.Connection, before: datetime) -> Checkpoint | None:
    oldest = connection.execute(sa.select(sa.func.min(audit.c.sequence)).where(audit.c.at >= before)).scalar()
    query = sa.select(checkpoints).order_by(checkpoints.c.sequence.desc()).limit(1)
    row = connection.execute(query if oldest is None else query.where(checkpoints.c.sequence < oldest)).first()
    return Checkpoint(**row._mapping) if row else None


def _drop_audit(connection: sa.Connection, start: Checkpoint) -> int:
    connection.execute(checkpoints.delete().where(checkpoints.c.sequence <= start.sequence))
    connection.execute(checkpoints.insert(), structs.asdict(start))
    return connection.execute(audit.delete().where(audit.c.sequence <= start.sequence)).rowcount


def _read_audit(connection: sa.Connection, wanted: AuditFilter) -> list[AuditEntry]:
    query = sa.select(audit.c.sequence, audit.c.entry).where(*_conditions(wanted))
    query = query.limit(min(max(wanted.limit, 0), INTEGER_MAX))
    if wanted.after_sequence is None:
        return [_to_entry(row) for row in connection.execute(query.order_by(audit.c.sequence.desc()))][::-1]
    return [_to_entry(row) for row in connection.execute(query.order_by(audit.c.sequence))]


def _conditions(wanted: AuditFilter) -> list[sa.ColumnElement[bool]]:
    asked = {
        "tool": wanted.tool or None,
        "subject": wanted.subject or None,
        "phase": wanted.phase,
        "tenant": wanted.tenant,
    }
    found = [audit.c[name] == clean(value) for name, value in asked.items() if value is not None]
    if wanted.after_sequence is not None:
        found.append(audit.c.sequence > min(max(wanted.after_sequence, 0), INTEGER_MAX))
    return found


def _to_entry(row: Row) -> AuditEntry:
    return structs.replace(msgspec.json.decode(row.entry, type=AuditEntry), sequence=row.sequence)


def _explain(error: Exception) -> str:
    if isinstance(error, msgspec.MsgspecError | zlib.error):
        return "A record in the database cannot be read: it is damaged, or a newer Factotum wrote it."
    return explain_sqlite(error)
