"""What people had the gateway remember, in SQL."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from msgspec import structs

from gateway.core.fact import Fact, about
from gateway.core.principal import Person
from gateway.stores.schema import facts
from gateway.stores.sql_lane import SqlPart


class SqlFacts(SqlPart):
    """A FactStore."""

    async def put_fact(self, fact: Fact, facts_max: int, bytes_max: int) -> bool:
        return await self._writer.run(_put, fact, facts_max, bytes_max)

    async def facts(self, person: Person) -> Sequence[Fact]:
        return await self._reader.run(_read, person)

    async def drop_facts(self, person: Person, fact_id: str | None = None) -> int:
        query = facts.delete().where(_of(person))
        if fact_id is not None:
            query = query.where(facts.c.id == fact_id)
        return await self._writer.run(lambda connection: connection.execute(query).rowcount)

    async def use_facts(self, person: Person, ids: Collection[str], at: datetime) -> None:
        there = sa.and_(_of(person), facts.c.id.in_(ids))
        query = facts.update().where(there).values(uses=facts.c.uses + 1, used_at=at)
        await self._writer.run(lambda connection: connection.execute(query).rowcount)


def _of(person: Person) -> sa.ColumnElement[bool]:
    return facts.c.person == msgspec.json.encode(person)


def _read(connection: sa.Connection, person: Person) -> list[Fact]:
    rows = connection.execute(
        sa.select(facts.c.fact, facts.c.uses, facts.c.used_at).where(_of(person)).order_by(facts.c.number)
    )
    return [
        structs.replace(msgspec.json.decode(row.fact, type=Fact), uses=row.uses, used_at=row.used_at) for row in rows
    ]


def _put(connection: sa.Connection, fact: Fact, facts_max: int, bytes_max: int) -> bool:
    told = msgspec.json.encode(structs.replace(fact, uses=0, used_at=None))
    others = sa.and_(_of(fact.person), facts.c.about != about(fact.what))
    count, size = connection.execute(
        sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(sa.func.length(facts.c.fact)), 0)).where(others)
    ).one()
    if count >= facts_max or size + len(told) > bytes_max:
        return False
    connection.execute(facts.delete().where(_of(fact.person), facts.c.about == about(fact.what)))
    row: dict[str, Any] = {"id": fact.id, "person": msgspec.json.encode(fact.person), "about": about(fact.what)}
    connection.execute(facts.insert().values(**row, fact=told, uses=fact.uses, used_at=fact.used_at))
    return True
