"""Grants in SQL."""

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
import sqlalchemy as sa

from gateway.core.event import Outgoing
from gateway.core.grant import Grant, GrantState, give_back, take
from gateway.core.principal import Owner
from gateway.stores.base import say_nothing
from gateway.stores.schema import grants
from gateway.stores.sql_lane import INTEGER_MAX, Row, SqlPart
from gateway.stores.sql_outbox import add_event


class SqlGrants(SqlPart):
    """A GrantStore."""

    async def add_grant(self, grant: Grant, event: Outgoing | None = None) -> None:
        await self._writer.run(_add_grant, grant, event)

    async def find_grant(self, grant_id: str) -> Grant | None:
        return await self._reader.run(_find_grant, grant_id)

    async def grants(
        self, tenant: str, state: GrantState | None, now: datetime, limit: int, owner: Owner | None = None
    ) -> Sequence[Grant]:
        return await self._reader.run(_read_grants, tenant, state, now, limit, owner)

    async def change_grant(self, before: Grant, after: Grant, event: Outgoing | None = None) -> bool:
        return await self._writer.run(_change_grant, before, after, event)

    async def use_grant(
        self, grant_id: str, amount: Decimal, now: datetime, tell: Callable[[Grant], Outgoing | None] = say_nothing
    ) -> Grant | None:
        return await self._writer.run(_use_grant, grant_id, amount, now, tell)

    async def give_back_use(self, grant_id: str, amount: Decimal) -> None:
        await self._writer.run(_give_back_use, grant_id, amount)


def _row_of(grant: Grant) -> dict[str, Any]:
    """What a grant is found by, and the grant."""
    return {name: getattr(grant, name) for name in ("id", "tenant", "state", "expires_at")} | {
        "owner": msgspec.json.encode(grant.owner),
        "entry": msgspec.json.encode(grant, order="deterministic"),
    }


def _to_grant(row: Row) -> Grant:
    return msgspec.json.decode(row.entry, type=Grant)


def _add_grant(connection: sa.Connection, grant: Grant, event: Outgoing | None) -> None:
    connection.execute(grants.insert().values(_row_of(grant)))
    add_event(connection, event)


def _find_grant(connection: sa.Connection, grant_id: str) -> Grant | None:
    row = connection.execute(sa.select(grants.c.entry).where(grants.c.id == grant_id)).first()
    return _to_grant(row) if row else None


def _read_grants(
    connection: sa.Connection, tenant: str, state: GrantState | None, now: datetime, limit: int, owner: Owner | None
) -> list[Grant]:
    query = sa.select(grants.c.entry).where(grants.c.tenant == tenant)
    over = sa.and_(grants.c.state.in_(("pending", "active")), grants.c.expires_at <= now)
    if state == "expired":
        query = query.where(sa.or_(grants.c.state == "expired", over))
    elif state is not None:
        query = query.where(grants.c.state == state, sa.not_(over))
    if owner is not None:
        query = query.where(grants.c.owner == msgspec.json.encode(owner))
    query = query.order_by(grants.c.number.desc()).limit(min(max(limit, 0), INTEGER_MAX))
    return [_to_grant(row) for row in connection.execute(query)]


def _locked(connection: sa.Connection, grant_id: str) -> Grant | None:
    """The grant, and until the end of the transaction nobody else's: SQLite has one writer at a time anyway."""
    row = connection.execute(sa.select(grants.c.entry).where(grants.c.id == grant_id).with_for_update()).first()
    return _to_grant(row) if row else None


def _put_grant(connection: sa.Connection, grant: Grant) -> None:
    connection.execute(grants.update().where(grants.c.id == grant.id).values(_row_of(grant)))


def _change_grant(connection: sa.Connection, before: Grant, after: Grant, event: Outgoing | None) -> bool:
    if _locked(connection, before.id) != before:
        return False
    _put_grant(connection, after)
    add_event(connection, event)
    return True


def _use_grant(
    connection: sa.Connection,
    grant_id: str,
    amount: Decimal,
    now: datetime,
    tell: Callable[[Grant], Outgoing | None],
) -> Grant | None:
    held = _locked(connection, grant_id)
    used = take(held, amount, now) if held else None
    if used is not None:
        _put_grant(connection, used)
        add_event(connection, tell(used))
    return used


def _give_back_use(connection: sa.Connection, grant_id: str, amount: Decimal) -> None:
    held = _locked(connection, grant_id)
    if held is not None:
        _put_grant(connection, give_back(held, amount))
