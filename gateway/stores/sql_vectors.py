"""Vectors of texts in SQL."""

from collections.abc import Collection, Mapping

import sqlalchemy as sa

from gateway.stores.schema import vectors
from gateway.stores.sql_lane import SqlPart

# A statement takes so many parameters in every database.
KEYS_AT_ONCE = 500


class SqlVectors(SqlPart):
    """A VectorStore."""

    async def vectors(self, keys: Collection[bytes]) -> Mapping[bytes, bytes]:
        return await self._reader.run(_read_vectors, list(keys))

    async def put_vectors(self, told: Mapping[bytes, bytes]) -> None:
        if told:
            await self._writer.run(_put_vectors, told)


def _read_vectors(connection: sa.Connection, keys: list[bytes]) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    for start in range(0, len(keys), KEYS_AT_ONCE):
        query = sa.select(vectors.c.key, vectors.c.vector).where(vectors.c.key.in_(keys[start : start + KEYS_AT_ONCE]))
        found.update((row.key, row.vector) for row in connection.execute(query))
    return found


def _put_vectors(connection: sa.Connection, told: Mapping[bytes, bytes]) -> None:
    known = _read_vectors(connection, list(told))
    rows = [{"key": key, "vector": vector} for key, vector in told.items() if key not in known]
    if rows:
        connection.execute(vectors.insert(), rows)
