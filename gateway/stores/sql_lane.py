"""Where SQL runs: lanes of threads, each piece of work one transaction. Knows no table."""

import asyncio
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Concatenate, ParamSpec, TypeAlias, TypeVar

import msgspec
import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from gateway.errors import GatewayError, StoreFailed
from gateway.stores.sqlite import explain_sqlite
from gateway.stores.threads import Threads

INTEGER_MAX = 2**63 - 1

P = ParamSpec("P")
T = TypeVar("T")
Row: TypeAlias = sa.Row[*tuple[Any, ...]]


class Lane:
    """Threads, each with a connection when it needs one. Work that returns is committed; work that raises is undone.
    `holds_all`: the connection is the database, and to let go of it would lose everything."""

    def __init__(self, engine: sa.Engine, threads_max: int, *, holds_all: bool = False) -> None:
        self._engine = engine
        self._holds_all = holds_all
        self._threads = Threads(threads_max, "store")
        self._kept: sa.Connection | None = None
        self._keeps = threads_max == 1

    @contextmanager
    def _begin(self) -> Iterator[sa.Connection]:
        """A transaction. A lane of one thread keeps its connection: a third less time a commit than asking the pool."""
        if not self._keeps:
            with self._engine.begin() as connection:
                yield connection
            return
        if self._kept is None:
            self._kept = self._engine.connect()
        try:
            with self._kept.begin():
                yield self._kept
        except (SQLAlchemyError, self._engine.dialect.loaded_dbapi.Error):
            if not self._holds_all:
                self._kept.invalidate()
                self._kept.close()
                self._kept = None
            raise

    async def run(self, work: Callable[Concatenate[sa.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        def transact() -> T:
            try:
                with self._begin() as connection:
                    return work(connection, *args, **kwargs)
            except GatewayError:
                raise
            except Exception as error:
                raise StoreFailed(_explain(error)) from error

        try:
            running = self._threads.run(transact)
        except RuntimeError as error:
            raise StoreFailed("The store is closed: the gateway is stopping.") from error
        return await running

    async def close(self) -> None:
        await self._threads.close()
        if self._kept is not None:
            await asyncio.to_thread(self._kept.close)
            self._kept = None
        await asyncio.to_thread(self._engine.dispose)


class SqlPart:
    """What one protocol of a store works with: the lane of writes, and that of reads."""

    def __init__(self, writer: Lane, reader: Lane) -> None:
        self._writer = writer
        self._reader = reader


class Prepared:
    """A statement that is put together once and handed to the driver's own cursor: to SQLAlchemy, running a small one is
    ten times the work that it is to the database. Values go as the driver takes them, past the types of the columns."""

    def __init__(self, statement: sa.Insert | sa.Update) -> None:
        self._statement = statement
        self._texts: dict[str, tuple[str, tuple[str, ...]]] = {}

    def run(self, connection: sa.Connection, rows: Sequence[tuple[Any, ...]]) -> int:
        """Once for each row, whose values come in the order of the statement's parameters; how many rows of the table
        that met."""
        text, names = self._texts.get(connection.dialect.name) or self._put_together(connection.dialect)
        cursor = connection.connection.cursor()
        try:
            cursor.executemany(text, [dict(zip(names, row, strict=True)) for row in rows] if names else rows)
            return int(cursor.rowcount)
        finally:
            cursor.close()

    def _put_together(self, dialect: sa.Dialect) -> tuple[str, tuple[str, ...]]:
        """Its text, and the names of its parameters where the driver takes them by name."""
        compiled = self._statement.compile(dialect=dialect)
        self._texts[dialect.name] = str(compiled), () if compiled.positional else tuple(compiled.params)
        return self._texts[dialect.name]


def _explain(error: Exception) -> str:
    if isinstance(error, msgspec.MsgspecError | zlib.error):
        return "A record in the database cannot be read: it is damaged, or a newer Factotum wrote it."
    return explain_sqlite(error)
