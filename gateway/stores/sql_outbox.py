"""Events that wait to be told, in SQL."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
import sqlalchemy as sa

from gateway.core.approval import Approval
from gateway.core.event import Outgoing
from gateway.core.grant import Grant
from gateway.stores.schema import approvals, grants, outbox
from gateway.stores.sql_lane import Row, SqlPart


class SqlOutbox(SqlPart):
    """An OutboxStore."""

    async def claim_events(self, now: datetime, until: datetime, limit: int) -> Sequence[Outgoing]:
        # Most looks find nothing, and need not wait for a writer.
        return await self._writer.run(_claim, now, until, limit) if await self._reader.run(_is_due, now) else ()

    async def drop_event(self, event: Outgoing) -> None:
        await self._writer.run(_drop, event)

    async def postpone_event(self, event: Outgoing, until: datetime) -> None:
        await self._writer.run(_postpone, event, until)

    async def overdue_approvals(self, now: datetime, limit: int) -> Sequence[Approval]:
        return await self._reader.run(_overdue_approvals, now, limit)

    async def overdue_grants(self, now: datetime, limit: int) -> Sequence[Grant]:
        return await self._reader.run(_overdue_grants, now, limit)


def add_event(connection: sa.Connection, event: Outgoing | None) -> None:
    """Put one behind those that wait, in the transaction of what it tells of."""
    if event is not None:
        told = {"id": event.id, "about": event.about, "body": event.body, "at": event.at, "due_at": event.at}
        connection.execute(outbox.insert().values(**told, attempts=event.attempts))


_FIRST = sa.select(sa.func.min(outbox.c.number)).group_by(outbox.c.about)


def _is_due(connection: sa.Connection, now: datetime) -> bool:
    return connection.execute(sa.select(outbox.c.number).where(outbox.c.due_at <= now).limit(1)).first() is not None


def _claim(connection: sa.Connection, now: datetime, until: datetime, limit: int) -> list[Outgoing]:
    """Of each approval and grant the first alone: what comes after it waits."""
    due = sa.and_(outbox.c.due_at <= now, outbox.c.number.in_(_FIRST))
    query = sa.select(outbox).where(due).order_by(outbox.c.due_at, outbox.c.number).limit(limit)
    found = [_to_event(row) for row in connection.execute(query.with_for_update(skip_locked=True))]
    if found:
        taken = outbox.c.number.in_([one.number for one in found])
        connection.execute(outbox.update().where(taken).values(due_at=until))
    return found


def _to_event(row: Row) -> Outgoing:
    return Outgoing(row.id, row.about, row.body, row.at, row.attempts, row.number)


def _drop(connection: sa.Connection, event: Outgoing) -> None:
    connection.execute(outbox.delete().where(outbox.c.number == event.number))


def _postpone(connection: sa.Connection, event: Outgoing, until: datetime) -> None:
    changed = {"attempts": event.attempts, "due_at": until}
    connection.execute(outbox.update().where(outbox.c.number == event.number).values(**changed))


def _overdue_approvals(connection: sa.Connection, now: datetime, limit: int) -> list[Approval]:
    over = sa.and_(approvals.c.state.in_(("pending", "approved")), approvals.c.expires_at <= now)
    query = sa.select(approvals.c.approval).where(over).order_by(approvals.c.number).limit(limit)
    return [msgspec.json.decode(row.approval, type=Approval) for row in connection.execute(query)]


def _overdue_grants(connection: sa.Connection, now: datetime, limit: int) -> list[Grant]:
    over = sa.and_(grants.c.state.in_(("pending", "active")), grants.c.expires_at <= now)
    query = sa.select(grants.c.entry).where(over).order_by(grants.c.number).limit(limit)
    return [msgspec.json.decode(row.entry, type=Grant) for row in connection.execute(query)]
