"""Approvals in SQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from msgspec import structs

from gateway.core.approval import Approval, State
from gateway.core.event import Outgoing
from gateway.core.principal import Owner
from gateway.stores.schema import approvals
from gateway.stores.sql_lane import INTEGER_MAX, Row, SqlPart
from gateway.stores.sql_outbox import add_event


class SqlApprovals(SqlPart):
    """An ApprovalStore."""

    async def add_approval(self, approval: Approval, event: Outgoing | None = None) -> None:
        await self._writer.run(_add_approval, approval, event)

    async def find_approval(self, approval_id: str) -> Approval | None:
        return await self._reader.run(_find_approval, approvals.c.id == approval_id)

    async def latest_approval(self, digest: str) -> Approval | None:
        return await self._reader.run(_find_approval, approvals.c.digest == digest)

    async def approvals(
        self, tenant: str, state: State | None, now: datetime, limit: int, owner: Owner | None = None
    ) -> Sequence[Approval]:
        return await self._reader.run(_read_approvals, tenant, state, now, limit, owner)

    async def decide_approval(self, before: Approval, after: Approval, event: Outgoing | None = None) -> bool:
        return await self._writer.run(_replace_approval, before, after, event)

    async def use_approval(self, digest: str, now: datetime) -> Approval | None:
        return await self._writer.run(_use_approval, digest, now)


def _add_approval(connection: sa.Connection, approval: Approval, event: Outgoing | None) -> None:
    connection.execute(approvals.insert().values(_approval_row(approval)))
    add_event(connection, event)


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
        query = query.where(sa.or_(approvals.c.state == "expired", over))
    elif state is not None:
        query = query.where(approvals.c.state == state, sa.not_(over))
    if owner is not None:
        query = query.where(approvals.c.owner == msgspec.json.encode(owner))
    query = query.order_by(approvals.c.number.desc()).limit(min(max(limit, 0), INTEGER_MAX))
    return [_to_approval(row) for row in connection.execute(query)]


def _replace_approval(connection: sa.Connection, before: Approval, after: Approval, event: Outgoing | None) -> bool:
    row = connection.execute(sa.select(approvals.c.approval).where(approvals.c.id == before.id)).first()
    if row is None or _to_approval(row) != before:
        return False
    connection.execute(approvals.update().where(approvals.c.id == before.id).values(_approval_row(after)))
    add_event(connection, event)
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
