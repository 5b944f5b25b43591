"""API keys in SQL."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from msgspec import structs
from sqlalchemy.exc import IntegrityError

from gateway.errors import Conflict
from gateway.stores.base import ApiKey
from gateway.stores.schema import api_keys
from gateway.stores.sql_connectors import next_generation
from gateway.stores.sql_lane import Row, SqlPart


class SqlKeys(SqlPart):
    """A KeyStore."""

    async def add_key(self, key: ApiKey) -> None:
        await self._writer.run(_add_key, key)

    async def find_key(self, token_sha256: bytes) -> ApiKey | None:
        return await self._reader.run(_find_key, token_sha256)

    async def keys(self) -> Sequence[ApiKey]:
        return await self._reader.run(_read_keys)

    async def revoke_key(self, key_id: str, at: datetime) -> bool:
        return await self._writer.run(_revoke_key, key_id, at)


def _add_key(connection: sa.Connection, key: ApiKey) -> None:
    row = structs.asdict(key) | {"scopes": sorted(key.scopes), "groups": sorted(key.groups)}
    try:
        connection.execute(api_keys.insert(), row)
    except IntegrityError as error:
        raise Conflict(f"There is a key {key.id} already; make another.") from error
    next_generation(connection)


def _find_key(connection: sa.Connection, token_sha256: bytes) -> ApiKey | None:
    row = connection.execute(sa.select(api_keys).where(api_keys.c.token_sha256 == token_sha256)).first()
    return _to_key(row) if row else None


def _read_keys(connection: sa.Connection) -> list[ApiKey]:
    return [
        _to_key(row) for row in connection.execute(sa.select(api_keys).order_by(api_keys.c.created_at, api_keys.c.id))
    ]


def _revoke_key(connection: sa.Connection, key_id: str, at: datetime) -> bool:
    unrevoked = sa.and_(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None))
    if not connection.execute(api_keys.update().where(unrevoked).values(revoked_at=at)).rowcount:
        return False
    next_generation(connection)
    return True


def _to_key(row: Row) -> ApiKey:
    return ApiKey(**{**row._mapping, "scopes": frozenset(row.scopes), "groups": frozenset(row.groups)})
