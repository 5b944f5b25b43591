"""Recipes, in SQL."""

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from gateway.core.principal import Person
from gateway.core.recipe import Recipe
from gateway.stores.schema import recipes
from gateway.stores.sql_lane import INTEGER_MAX, SqlPart


class SqlRecipes(SqlPart):
    """A RecipeStore."""

    async def write_recipe(self, before: Recipe | None, after: Recipe | None) -> bool:
        return await self._writer.run(_write, before, after)

    async def find_recipe(self, recipe_id: str) -> Recipe | None:
        found = await self._reader.run(_read, _ALL.where(recipes.c.id == recipe_id))
        return found[0] if found else None

    async def recipes(self, tenant: str, limit: int, person: Person | None = None) -> Sequence[Recipe]:
        query = _ALL.where(recipes.c.tenant == tenant).order_by(recipes.c.name, recipes.c.number)
        if person is not None:
            query = query.where(recipes.c.person == msgspec.json.encode(person))
        return await self._reader.run(_read, query.limit(min(max(limit, 0), INTEGER_MAX)))


_ALL = sa.select(recipes.c.recipe)


def _read(connection: sa.Connection, query: sa.Select[Any]) -> list[Recipe]:
    return [msgspec.json.decode(row.recipe, type=Recipe) for row in connection.execute(query)]


def _write(connection: sa.Connection, before: Recipe | None, after: Recipe | None) -> bool:
    if before is None:
        return after is None or _insert(connection, after)
    same = sa.and_(recipes.c.id == before.id, recipes.c.version == before.version)
    change = recipes.delete() if after is None else recipes.update().values(_row_of(after))
    return connection.execute(change.where(same)).rowcount == 1


def _insert(connection: sa.Connection, one: Recipe) -> bool:
    row = _row_of(one)
    there = sa.and_(recipes.c.person == row["person"], recipes.c.name == one.name)
    if connection.execute(sa.select(recipes.c.id).where(there)).first() is not None:
        return False
    connection.execute(recipes.insert().values(row))
    return True


def _row_of(one: Recipe) -> dict[str, Any]:
    return {
        "id": one.id,
        "tenant": one.person[0],
        "person": msgspec.json.encode(one.person),
        "name": one.name,
        "version": one.version,
        "recipe": msgspec.json.encode(one),
    }
