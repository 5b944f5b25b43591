"""All that is SQLite's alone: its file, its pragmas, its locks, its errors. Knows no table."""

import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError

from gateway.errors import StoreFailed

WAL_TRIES_MAX = 20

Durability = Literal["process", "power"]

_SAYS = {
    sqlite3.SQLITE_BUSY: "The database is busy with another process's write; try again.",
    sqlite3.SQLITE_CANTOPEN: "The database cannot be opened; look at the permissions of its file and folder.",
    sqlite3.SQLITE_CORRUPT: "The database is damaged; restore it from a backup, or give the store another path.",
    sqlite3.SQLITE_FULL: "The disk is full; make room, then try again.",
    sqlite3.SQLITE_IOERR: "The database's disk cannot be read or written; look at the disk and the system's log.",
    sqlite3.SQLITE_NOTADB: "The file is not a database of Factotum's, or it is damaged; give the store another path.",
    sqlite3.SQLITE_PERM: "You may not write the database; look at the permissions of its file and folder.",
    sqlite3.SQLITE_READONLY: "You may not write the database; look at the permissions of its file and folder.",
}


def open_sqlite_engines(
    url: str, durability: Durability, busy_timeout_s: float, readers_max: int
) -> tuple[sa.Engine, sa.Engine]:
    """One that writes and one that reads, on a file that is there. Raises StoreFailed."""
    path = _path(url)
    _make_private(path)
    flush = {"process": "NORMAL", "power": "FULL"}[durability]  # https://www.sqlite.org/pragma.html#pragma_synchronous
    # A writer takes the lock when it begins: one that read first would fail where another wrote before it did.
    # What is deleted is overwritten (https://www.sqlite.org/pragma.html#pragma_secure_delete).
    pragmas = (f"synchronous = {flush}", "foreign_keys = ON", "secure_delete = ON")
    writer = _engine(path, "BEGIN IMMEDIATE", pragmas, busy_timeout_s, 1)
    reader = _engine(path, "BEGIN", ("query_only = ON",), busy_timeout_s, readers_max)
    return writer, reader


def open_sqlite_in_memory() -> sa.Engine:
    """One that reads and writes what nothing outlives."""
    engine = sa.create_engine("sqlite://", connect_args={"isolation_level": None, "check_same_thread": False})
    sa.event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA foreign_keys = ON"))
    sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    return engine


def explain_sqlite(error: Exception) -> str:
    """What to do about it, by its primary result code (https://www.sqlite.org/rescode.html)."""
    foreign = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(foreign, "sqlite_errorcode", 0) & 0xFF
    return _SAYS.get(code, "The database could not be read or written; look at its file, then try again.")


def _path(url: str) -> Path:
    try:
        parsed = sa.make_url(url)
    except ArgumentError as error:
        raise StoreFailed("The store's URL is no database URL; write sqlite:///path.") from error
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        raise StoreFailed("The store's URL is not of a kind known here; write sqlite:///path.")
    return Path(str(parsed.database))


def _make_private(path: Path) -> None:
    """Make the file and its folder for their owner alone. SQLite gives the files beside it the same mode.

    INVARIANT: a file that exists is not opened here: to close it would drop this process's SQLite locks on it
    (https://www.sqlite.org/howtocorrupt.html section 2.2).
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except (OSError, ValueError) as error:
        raise StoreFailed(f"{path} cannot be made; make sure that you may write to its folder.") from error


def _engine(path: Path, begin: str, pragmas: tuple[str, ...], busy_timeout_s: float, connections_max: int) -> sa.Engine:
    """An engine whose transactions begin when we say so: Python's module would begin one only before a write."""
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(path)),
        connect_args={"timeout": busy_timeout_s, "isolation_level": None},
        pool_size=connections_max,
        max_overflow=0,
    )

    def prepare(connection: Any, _: object) -> None:
        _switch_to_wal(connection)
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    sa.event.listen(engine, "connect", prepare)
    sa.event.listen(engine, "begin", lambda connection: connection.connection.dbapi_connection.execute(begin))
    return engine


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """Only a new file changes by it. Others may be at it too, and a switch, unlike a transaction, does not wait for its
    turn: where it fails, wait for that of an empty transaction, which also says what is wrong with a file."""
    for _ in range(WAL_TRIES_MAX):
        with suppress(sqlite3.OperationalError):
            connection.execute("PRAGMA journal_mode = WAL")
            return
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
    connection.execute("PRAGMA journal_mode = WAL")
