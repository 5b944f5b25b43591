"""The audit log in SQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from msgspec import structs

from gateway.core.audit import AuditEntry, clean, encode_line
from gateway.core.audit_chain import AuditTail, Checkpoint, Link, link_lines
from gateway.stores.base import AuditFilter
from gateway.stores.schema import audit, checkpoints, microseconds, state
from gateway.stores.sql_lane import INTEGER_MAX, Prepared, Row, SqlPart


class SqlAudit(SqlPart):
    """An AuditStore."""

    _tail: AuditTail | None = None

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


# Every call waits for these two.
_APPEND = Prepared(audit.insert())
_MOVE_TAIL = Prepared(
    state.update()
    .where(state.c.audit_sequence == sa.bindparam("old_sequence"), state.c.audit_digest == sa.bindparam("old_digest"))
    .values(audit_sequence=sa.bindparam("new_sequence"), audit_digest=sa.bindparam("new_digest"))
)
_TAIL = sa.select(state.c.audit_sequence, state.c.audit_digest)


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
    _APPEND.run(connection, [_row(entry, link) for entry, link in zip(entries, links, strict=True)])
    return AuditTail(links[-1].sequence, links[-1].digest)


def _move_tail(connection: sa.Connection, before: AuditTail, last: Link) -> bool:
    return _MOVE_TAIL.run(connection, [(last.sequence, last.digest, before.sequence, before.digest)]) == 1


def _row(entry: AuditEntry, link: Link) -> tuple[Any, ...]:
    """In the order of the table's columns."""
    found_by = microseconds(entry.at), clean(entry.tenant), clean(entry.tool), clean(entry.subject), entry.phase
    return (link.sequence, *found_by, link.line, link.digest)


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
