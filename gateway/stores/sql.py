"""A store in one SQL database. Written in SQLAlchemy Core and portable types, so that another database is one more URL:
what only SQLite knows is in `sqlite.py`. Puts the parts together: each protocol of `base.py` has a file of its own.

Writes go through one thread, in the order in which they were asked for, so that they never contend within a process;
reads go through a few threads of their own. Each piece of work is one transaction.
"""

from gateway.errors import StoreFailed
from gateway.stores.base import Store
from gateway.stores.schema import create, migrate
from gateway.stores.sql_approvals import SqlApprovals
from gateway.stores.sql_audit import SqlAudit
from gateway.stores.sql_authorization import SqlAuthorization
from gateway.stores.sql_connectors import SqlConnectors
from gateway.stores.sql_facts import SqlFacts
from gateway.stores.sql_grants import SqlGrants
from gateway.stores.sql_keys import SqlKeys
from gateway.stores.sql_lane import Lane
from gateway.stores.sql_outbox import SqlOutbox
from gateway.stores.sql_policies import SqlPolicies
from gateway.stores.sql_recipes import SqlRecipes
from gateway.stores.sql_runs import SqlRuns
from gateway.stores.sql_standing import SqlStanding
from gateway.stores.sql_vectors import SqlVectors
from gateway.stores.sqlite import Durability, open_sqlite_engines, open_sqlite_in_memory

AUDIT_LINES_MAX = 100_000


async def open_sql(
    url: str, *, durability: Durability = "power", busy_timeout_s: float = 10.0, readers_max: int = 4
) -> Store:
    """Open `sqlite:///path`, made with its folder where it is missing, and bring its schema up to date.

    `durability` is what a committed write survives: `process`, the end of this process in any way, but a loss of power
    (or a crash of the operating system) may take the newest ones; `power`, that too, at the price of one flush of the
    disk a commit, and as far as the disk keeps its word. Neither leaves the database broken.
    `busy_timeout_s` is how long a write waits for another process's.
    Raises StoreFailed: the URL is not one of ours, or the file is unreadable, damaged, not ours or of a newer version.
    """
    writer, reader = open_sqlite_engines(url, durability, busy_timeout_s, readers_max)
    store = SqlStore(Lane(writer, 1), Lane(reader, readers_max))
    try:
        await store.bring_up_to_date()
    except BaseException:
        await store.close()
        raise
    return store


async def open_memory(*, audit_lines_max: int = AUDIT_LINES_MAX) -> Store:
    """An empty store that ends with its process, and that no other process sees. Of the audit log it keeps the newest
    `audit_lines_max` lines, a thousandth of them more or less."""
    lane = Lane(open_sqlite_in_memory(), 1, holds_all=True)
    store = SqlStore(lane, lane)
    await lane.run(create, audit_lines_max)
    return store


class SqlStore(
    SqlConnectors,
    SqlKeys,
    SqlVectors,
    SqlAudit,
    SqlApprovals,
    SqlGrants,
    SqlAuthorization,
    SqlPolicies,
    SqlOutbox,
    SqlRuns,
    SqlStanding,
    SqlFacts,
    SqlRecipes,
):
    """A Store. `open_sql` and `open_memory` open one; whoever opened it closes it."""

    async def bring_up_to_date(self) -> None:
        await self._writer.run(migrate)

    async def ready(self) -> bool:
        try:
            await self.generation()
        except StoreFailed:
            return False
        return True

    async def close(self) -> None:
        """Finish what was begun, then let the database go."""
        await self._writer.close()
        await self._reader.close()
