"""Standing intents and their slots, in SQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from gateway.core.principal import Owner
from gateway.core.standing import OPEN, Slot, Standing
from gateway.stores.schema import standing_deliveries, standing_slots, standings
from gateway.stores.sql_lane import INTEGER_MAX, SqlPart


class SqlStanding(SqlPart):
    """A StandingStore."""

    async def write_standing(
        self, before: Standing | None, after: Standing | None, slots: Sequence[Slot] = (), delivery: str = ""
    ) -> bool:
        return await self._writer.run(_write, before, after, slots, delivery)

    async def find_delivery(self, standing_id: str, delivery: str) -> datetime | None:
        return await self._reader.run(_find_delivery, standing_id, delivery)

    async def find_standing(self, standing_id: str) -> Standing | None:
        found = await self._reader.run(_read, _ALL.where(standings.c.id == standing_id))
        return found[0] if found else None

    async def standings(self, tenant: str, limit: int, owner: Owner | None = None) -> Sequence[Standing]:
        query = _ALL.where(standings.c.tenant == tenant).order_by(standings.c.number.desc())
        if owner is not None:
            query = query.where(standings.c.owner == msgspec.json.encode(owner))
        return await self._reader.run(_read, query.limit(min(max(limit, 0), INTEGER_MAX)))

    async def due_standings(self, now: datetime, limit: int) -> Sequence[Standing]:
        query = _ALL.where(standings.c.due_at <= now).order_by(standings.c.due_at).limit(limit)
        return await self._reader.run(_read, query)

    async def slots(self, standing_id: str, limit: int, *, open_only: bool = False) -> Sequence[Slot]:
        return await self._reader.run(_slots, standing_id, limit, open_only)


_ALL = sa.select(standings.c.standing)


def _read(connection: sa.Connection, query: sa.Select[Any]) -> list[Standing]:
    return [msgspec.json.decode(row.standing, type=Standing) for row in connection.execute(query)]


def _write(
    connection: sa.Connection, before: Standing | None, after: Standing | None, slots: Sequence[Slot], delivery: str
) -> bool:
    if delivery and before is not None and _find_delivery(connection, before.id, delivery) is not None:
        return False
    if not _swap(connection, before, after):
        return False
    if delivery and slots:
        told = {"intent": slots[0].intent, "delivery": delivery, "at": slots[0].at}
        connection.execute(standing_deliveries.insert().values(told))
    for one in slots:
        told = {"is_open": one.state in OPEN, "slot": msgspec.json.encode(one)}
        there = sa.and_(standing_slots.c.intent == one.intent, standing_slots.c.at == one.at)
        if connection.execute(standing_slots.update().where(there).values(told)).rowcount == 0:
            connection.execute(standing_slots.insert().values(intent=one.intent, at=one.at, **told))
    return True


def _swap(connection: sa.Connection, before: Standing | None, after: Standing | None) -> bool:
    if before is None:
        if after is not None:
            connection.execute(standings.insert().values(_row_of(after)))
        return True
    same = sa.and_(standings.c.id == before.id, standings.c.version == before.version)
    if after is not None:
        return connection.execute(standings.update().where(same).values(_row_of(after))).rowcount == 1
    if connection.execute(standings.delete().where(same)).rowcount != 1:
        return False
    for table in (standing_slots, standing_deliveries):
        connection.execute(table.delete().where(table.c.intent == before.id))
    return True


def _find_delivery(connection: sa.Connection, standing_id: str, delivery: str) -> datetime | None:
    its = sa.and_(standing_deliveries.c.intent == standing_id, standing_deliveries.c.delivery == delivery)
    found: datetime | None = connection.execute(sa.select(standing_deliveries.c.at).where(its)).scalar()
    return found


def _row_of(one: Standing) -> dict[str, Any]:
    return {
        "id": one.id,
        "tenant": one.principal.tenant,
        "owner": msgspec.json.encode(one.owner),
        "version": one.version,
        "due_at": one.due_at,
        "standing": msgspec.json.encode(one),
    }


def _slots(connection: sa.Connection, standing_id: str, limit: int, open_only: bool) -> list[Slot]:
    query = sa.select(standing_slots.c.slot).where(standing_slots.c.intent == standing_id)
    if open_only:
        query = query.where(standing_slots.c.is_open)
    query = query.order_by(standing_slots.c.at.desc()).limit(limit)
    return [msgspec.json.decode(row.slot, type=Slot) for row in connection.execute(query)]
