"""What the gateway's own authorisation server keeps, in SQL: one table for all kinds of it."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
import sqlalchemy as sa

from gateway.core.authorization import Kept
from gateway.stores.base import RECORDS_MAX, R
from gateway.stores.schema import authorization_records as table
from gateway.stores.sql_lane import SqlPart


class SqlAuthorization(SqlPart):
    """An AuthorizationStore."""

    async def find_record(self, kind: type[R], key: str) -> R | None:
        return await self._reader.run(_find, kind, key)

    async def records(self, kind: type[R], owner: str | None = None, limit: int = RECORDS_MAX) -> Sequence[R]:
        return await self._reader.run(_read, kind, owner, limit)

    async def count_records(self, kind: type[Kept], owner: str | None = None) -> int:
        return await self._reader.run(_count, kind, owner)

    async def swap_record(self, before: R | None, after: R | None) -> bool:
        return await self._writer.run(_swap, before, after)

    async def drop_records(self, now: datetime) -> int:
        return await self._writer.run(_drop, now)


def _kind(of: type[Kept]) -> str:
    return str(of.__struct_config__.tag)


def _is(kind: type[Kept], key: str) -> sa.ColumnElement[bool]:
    return sa.and_(table.c.kind == _kind(kind), table.c.key == key)


def _find(connection: sa.Connection, kind: type[R], key: str) -> R | None:
    row = connection.execute(sa.select(table.c.record).where(_is(kind, key))).first()
    return msgspec.json.decode(row.record, type=kind) if row else None


def _of(kind: type[Kept], owner: str | None) -> sa.ColumnElement[bool]:
    mine = table.c.kind == _kind(kind)
    return mine if owner is None else sa.and_(mine, table.c.owner == owner)


def _read(connection: sa.Connection, kind: type[R], owner: str | None, limit: int) -> list[R]:
    query = (
        sa.select(table.c.record).where(_of(kind, owner)).order_by(table.c.key).limit(min(max(limit, 0), RECORDS_MAX))
    )
    return [msgspec.json.decode(row.record, type=kind) for row in connection.execute(query)]


def _count(connection: sa.Connection, kind: type[Kept], owner: str | None) -> int:
    return int(connection.execute(sa.select(sa.func.count()).select_from(table).where(_of(kind, owner))).scalar_one())


def _swap(connection: sa.Connection, before: Kept | None, after: Kept | None) -> bool:
    """One writer at a time: nothing comes between the look and the change."""
    one = before or after
    if one is None or _find(connection, type(one), one.key) != before:
        return False
    connection.execute(table.delete().where(_is(type(one), one.key)))
    if after is not None:
        connection.execute(
            table.insert().values(
                kind=_kind(type(after)),
                key=after.key,
                tenant=after.tenant,
                owner=after.owner,
                expires_at=after.expires_at,
                record=msgspec.json.encode(after),
            )
        )
    return True


def _drop(connection: sa.Connection, now: datetime) -> int:
    return connection.execute(table.delete().where(table.c.expires_at <= now)).rowcount
