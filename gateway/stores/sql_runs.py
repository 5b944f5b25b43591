"""Runs and their journals, in SQL."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from msgspec import structs

from gateway.core.event import Outgoing
from gateway.core.plan import Plan
from gateway.core.principal import Owner
from gateway.core.run import ENDED, LEFT_ALONE, Entry, Event, Run
from gateway.core.standing import Slot
from gateway.stores.schema import (
    microseconds,
    run_entries,
    run_plans,
    runs,
    standing_deliveries,
    standing_slots,
)
from gateway.stores.sql_lane import INTEGER_MAX, Prepared, Row, SqlPart
from gateway.stores.sql_outbox import add_event

_NO_PLAN = Plan("", ())


class SqlRuns(SqlPart):
    """A RunStore."""

    async def write_run(
        self, before: Run | None, after: Run, entries: Sequence[Entry], notices: Sequence[Outgoing] = ()
    ) -> bool:
        return await self._writer.run(_write, before, after, entries, notices)

    async def find_run(self, run_id: str) -> Run | None:
        return await self._reader.run(_find, run_id)

    async def runs(self, owner: Owner, limit: int, *, open_only: bool = False) -> Sequence[Run]:
        return await self._reader.run(_list, owner, limit, open_only)

    async def journal(self, run_id: str, after: int, limit: int) -> Sequence[Entry]:
        return await self._reader.run(_journal, run_id, after, limit)

    async def drop_runs(self, before: datetime, limit: int) -> int:
        return await self._writer.run(_drop, before, limit)

    async def waiting_runs(self, before: datetime, limit: int) -> Sequence[str]:
        return await self._reader.run(_waiting, before, limit)

    async def claim_runs(self, now: datetime, until: datetime, limit: int, held: Collection[str] = ()) -> Sequence[str]:
        # Most looks find nothing, and need not wait for a writer.
        if not held and not await self._reader.run(_is_due, now):
            return ()
        return await self._writer.run(_claim, now, until, limit, tuple(held))


def _row_of(run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "tenant": run.principal.tenant,
        "owner": msgspec.json.encode(run.owner),
        "state": run.state,
        "sequence": run.sequence,
        "due_at": run.due_at,
        "updated_at": run.updated_at,
        "run": msgspec.json.encode(structs.replace(run, plan=_NO_PLAN)),
    }


def _to_run(row: Row) -> Run:
    """When it is due is kept apart: it changes without anything having happened. So is its plan, which is long and stays."""
    plan = msgspec.json.decode(row.plan, type=Plan)
    return structs.replace(msgspec.json.decode(row.run, type=Run), due_at=row.due_at, plan=plan)


# Every step of every run waits for these two.
_APPEND = Prepared(run_entries.insert())
_CHANGE = Prepared(
    runs.update()
    .where(
        runs.c.id == sa.bindparam("its_id"),
        runs.c.sequence == sa.bindparam("old_sequence"),
        runs.c.state == sa.bindparam("old_state"),
    )
    .values({name: sa.bindparam(f"new_{name}") for name in ("state", "sequence", "due_at", "run", "updated_at")})
)


def _write(
    connection: sa.Connection,
    before: Run | None,
    after: Run,
    entries: Sequence[Entry],
    notices: Sequence[Outgoing],
) -> bool:
    if before is None:
        if connection.execute(sa.select(runs.c.id).where(runs.c.id == after.id)).first() is not None:
            return False
        connection.execute(runs.insert().values(_row_of(after)))
        connection.execute(run_plans.insert().values(run=after.id, plan=msgspec.json.encode(after.plan)))
    else:
        row = _row_of(after)
        due_at = microseconds(after.due_at) if after.due_at is not None else None
        changed = after.state, after.sequence, due_at, row["run"], microseconds(after.updated_at)
        if _CHANGE.run(connection, [(*changed, before.id, before.sequence, before.state)]) != 1:
            return False
        if after.plan is not before.plan:
            its = run_plans.update().where(run_plans.c.run == after.id)
            connection.execute(its.values(plan=msgspec.json.encode(after.plan)))
    if entries:
        rows = [(after.id, one.sequence, microseconds(one.at), msgspec.json.encode(one.event)) for one in entries]
        _APPEND.run(connection, rows)
    for one in notices:
        add_event(connection, one)
    return True


_COLUMNS = sa.select(runs.c.run, runs.c.due_at, run_plans.c.plan).join(run_plans, run_plans.c.run == runs.c.id)


def _find(connection: sa.Connection, run_id: str) -> Run | None:
    row = connection.execute(_COLUMNS.where(runs.c.id == run_id)).first()
    return _to_run(row) if row else None


def _list(connection: sa.Connection, owner: Owner, limit: int, open_only: bool) -> list[Run]:
    query = _COLUMNS.where(runs.c.owner == msgspec.json.encode(owner))
    if open_only:
        query = query.where(runs.c.state.not_in(sorted(ENDED)))
    query = query.order_by(runs.c.number.desc()).limit(min(max(limit, 0), INTEGER_MAX))
    return [_to_run(row) for row in connection.execute(query)]


def _journal(connection: sa.Connection, run_id: str, after: int, limit: int) -> list[Entry]:
    wanted = sa.and_(run_entries.c.run == run_id, run_entries.c.sequence > after)
    query = sa.select(run_entries).where(wanted).order_by(run_entries.c.sequence).limit(limit)
    return [
        Entry(row.sequence, row.at, msgspec.json.decode(row.event, type=Event)) for row in connection.execute(query)
    ]


def _drop(connection: sa.Connection, before: datetime, limit: int) -> int:
    opened = connection.execute(sa.select(standing_slots.c.slot).where(standing_slots.c.is_open))
    kept = [msgspec.json.decode(row.slot, type=Slot).run for row in opened]
    over = sa.and_(runs.c.state.in_(sorted(ENDED)), runs.c.updated_at < before, runs.c.id.not_in(kept))
    gone = list(connection.execute(sa.select(runs.c.id).where(over).limit(limit)).scalars())
    for column in (run_entries.c.run, run_plans.c.run, runs.c.id):
        connection.execute(column.table.delete().where(column.in_(gone)))
    for table, is_over in ((standing_slots, ~standing_slots.c.is_open), (standing_deliveries, sa.true())):
        old = sa.select(table.c.intent, table.c.at).where(table.c.at < before, is_over).limit(limit)
        for intent, at in connection.execute(old).all():
            connection.execute(table.delete().where(table.c.intent == intent, table.c.at == at))
    return len(gone)


def _waiting(connection: sa.Connection, before: datetime, limit: int) -> list[str]:
    waits = sa.and_(runs.c.state.in_(sorted(LEFT_ALONE)), runs.c.updated_at < before)
    return list(
        connection.execute(sa.select(runs.c.id).where(waits).order_by(runs.c.updated_at).limit(limit)).scalars()
    )


def _is_due(connection: sa.Connection, now: datetime) -> bool:
    return connection.execute(sa.select(runs.c.id).where(runs.c.due_at <= now).limit(1)).first() is not None


def _claim(connection: sa.Connection, now: datetime, until: datetime, limit: int, held: tuple[str, ...]) -> list[str]:
    keeps = sa.and_(runs.c.id.in_(held), runs.c.due_at.is_not(None))
    connection.execute(runs.update().where(keeps).values(due_at=until))
    query = sa.select(runs.c.id).where(runs.c.due_at <= now).order_by(runs.c.due_at).limit(limit)
    found = [row.id for row in connection.execute(query.with_for_update(skip_locked=True))]
    if found:
        connection.execute(runs.update().where(runs.c.id.in_(found)).values(due_at=until))
    return found
