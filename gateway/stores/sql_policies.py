"""Which policies were in force when, in SQL."""

import zlib
from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from gateway.stores.base import POLICY_VERSIONS_MAX, PolicyVersion
from gateway.stores.schema import policy_versions
from gateway.stores.sql_lane import Row, SqlPart


class SqlPolicies(SqlPart):
    """A PolicyStore."""

    async def add_policy_version(self, version: PolicyVersion) -> bool:
        return await self._writer.run(_add, version)

    async def policy_versions(self, limit: int) -> Sequence[PolicyVersion]:
        return await self._reader.run(_read, limit)


_newest_first = sa.select(policy_versions).order_by(policy_versions.c.sequence.desc())


def _add(connection: sa.Connection, version: PolicyVersion) -> bool:
    newest = connection.execute(_newest_first.limit(1)).first()
    if newest is not None and (newest.version, newest.roles) == (version.version, version.roles):
        return False
    files = zlib.compress(msgspec.json.encode(version.files))
    told = {"version": version.version, "roles": version.roles, "at": version.at, "files": files}
    connection.execute(policy_versions.insert().values(**told))
    sequence = policy_versions.c.sequence
    kept = sa.select(sequence).order_by(sequence.desc()).limit(POLICY_VERSIONS_MAX)
    connection.execute(policy_versions.delete().where(sequence.not_in(kept)))
    return True


def _read(connection: sa.Connection, limit: int) -> list[PolicyVersion]:
    rows = connection.execute(_newest_first.limit(min(max(limit, 0), POLICY_VERSIONS_MAX)))
    return [_to_version(row) for row in rows]


def _to_version(row: Row) -> PolicyVersion:
    files = msgspec.json.decode(zlib.decompress(row.files), type=dict[str, str])
    return PolicyVersion(row.version, row.roles, row.at, files)
