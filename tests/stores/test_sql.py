"""What the SQL store promises beyond the contract: its file, other processes, crashes, versions and damage."""

import asyncio
import os
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from gateway.core.audit import AuditEntry
from gateway.core.plan import Plan, Step
from gateway.core.principal import Principal
from gateway.core.run import Run
from gateway.errors import Conflict, StoreFailed
from gateway.stores.base import Store
from gateway.stores.schema import MIGRATIONS, SCHEMA, metadata, microseconds
from gateway.stores.sql import open_memory, open_sql
from gateway.stores.sqlite import open_sqlite_engines
from tests.stores.conftest import EVERY_LINE, connector, key, line

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def opened(path: Path, **settings: Any) -> AsyncIterator[Store]:
    store = await open_sql(f"sqlite:///{path}", **{"durability": "process", **settings})
    try:
        yield store
    finally:
        await store.close()


def sql(path: Path, statement: str) -> list[tuple[Any, ...]]:
    """Do something to the file behind the store's back."""
    with closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(statement).fetchall()


@pytest.fixture
def path(anyio_backend: str, tmp_path: Path) -> Path:
    return tmp_path / "data" / "factotum.db"


# The file


async def test_the_file_and_its_folder_are_for_their_owner_alone(path: Path) -> None:
    before = os.umask(0o022)
    try:
        async with opened(path) as store:
            await store.add_key(key())
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in [path.parent, *path.parent.iterdir()]}
    finally:
        os.umask(before)
    assert modes.pop("data") == 0o700
    assert len(modes) > 1
    assert set(modes.values()) == {0o600}


async def test_everything_is_there_when_it_is_opened_again(path: Path) -> None:
    async with opened(path) as store:
        await store.put_connector(connector("home", b"content"))
        await store.add_key(key())
        await store.append_audit([line("1")])
        generation = await store.generation()
    async with opened(path) as store:
        assert list(await store.connectors()) == [connector("home", b"content")]
        assert list(await store.keys()) == [key()]
        assert [entry.call_id for entry in await store.read_audit(EVERY_LINE)] == ["1"]
        assert await store.generation() == generation


async def test_a_document_is_kept_once_compressed_and_only_while_it_is_used(path: Path) -> None:
    async with opened(path) as store:
        content = b"paths: {}\n" * 10_000
        for name in ("home", "mail"):
            await store.put_connector(connector(name, content))
        ((size,),) = sql(path, "SELECT length(files) FROM document")
        assert size < len(content) / 50
        await store.delete_connector("home")
        assert sql(path, "SELECT count(*) FROM document") == [(1,)]
        await store.put_connector(connector("mail", b"another"))
        assert sql(path, "SELECT length(files) < 100 FROM document") == [(1,)]
        await store.delete_connector("mail")
        assert sql(path, "SELECT count(*) FROM document") == [(0,)]


async def test_a_sequence_is_never_given_twice(path: Path) -> None:
    async with opened(path) as store:
        await store.append_audit([line("1"), line("2")])
        last = (await store.read_audit(EVERY_LINE))[-1].sequence
        sql(path, "DELETE FROM audit")
        await store.append_audit([line("3")])
        assert (await store.read_audit(EVERY_LINE))[0].sequence > last


@pytest.mark.parametrize(("durability", "synchronous"), [("process", 1), ("power", 2)])
def test_durability_is_what_sqlite_is_told(path: Path, durability: Any, synchronous: int) -> None:
    writer, reader = open_sqlite_engines(f"sqlite:///{path}", durability, 1.0, 1)
    with writer.connect() as connection:
        told = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("synchronous", "journal_mode")]
    assert told == [synchronous, "wal"]
    writer.dispose()
    reader.dispose()


# Other processes


async def test_what_one_store_writes_another_on_the_same_file_reads(path: Path) -> None:
    async with opened(path) as one, opened(path) as other:
        before = await other.generation()
        await one.add_key(key())
        assert await other.generation() > before
        assert await other.revoke_key("k1", key().created_at)
        found = await one.find_key(key().token_sha256)
        assert found is not None
        assert found.revoked_at == key().created_at


async def test_two_stores_on_one_file_write_at_once_and_lose_nothing(path: Path) -> None:
    async with opened(path) as one, opened(path) as other:

        async def write(store: Store, writer: int) -> None:
            await store.append_audit([line(f"{writer}-{number}") for number in range(5)])
            await store.put_connector(connector(f"c{writer % 4}", b"%d" % writer))
            await store.append_audit([line(f"{writer}-{number}") for number in range(5, 10)])

        before = await one.generation()
        await asyncio.gather(*(write((one, other)[writer % 2], writer) for writer in range(20)))
        lines = await one.read_audit(EVERY_LINE)
        sequences = [entry.sequence for entry in lines]
        assert sequences == sorted(set(sequences))
        for writer in range(20):
            mine = [entry.call_id for entry in lines if entry.call_id.startswith(f"{writer}-")]
            assert mine == [f"{writer}-{number}" for number in range(10)]
        assert await other.generation() == before + 20
        assert sql(path, "SELECT count(*) FROM document") == [(4,)]


def child(code: str, *args: str) -> "subprocess.Popen[str]":
    """Another process of the same Python, which may say `ready` on its standard output."""
    start = "import asyncio, sys\nfrom gateway.stores.sql import open_sql\nfrom tests.stores.conftest import line\n"
    root = Path(__file__).parents[2]
    return subprocess.Popen([sys.executable, "-c", start + code, *args], stdout=subprocess.PIPE, text=True, cwd=root)


OPEN_AND_WRITE = """
async def main():
    store = await open_sql(sys.argv[1])
    await store.append_audit([line(sys.argv[2])])
    await store.close()
asyncio.run(main())
"""


async def test_processes_that_open_a_new_store_at_once_all_find_it_ready(path: Path) -> None:
    children = [child(OPEN_AND_WRITE, f"sqlite:///{path}", str(number)) for number in range(3)]
    ends = []
    for one in children:
        with one:
            ends.append(one.wait(60))
    assert ends == [0] * 3
    async with opened(path) as store:
        assert sorted(entry.call_id for entry in await store.read_audit(EVERY_LINE)) == ["0", "1", "2"]


RECORD_AND_HANG = """
from gateway.audit import AuditLog
async def main():
    store = await open_sql(sys.argv[1], durability="process")
    async with AuditLog(store) as audit:
        await asyncio.gather(*(audit.record(line(str(number))) for number in range(50)))
        print("ready", flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""


async def test_a_recorded_line_survives_the_kill_of_its_process(path: Path) -> None:
    with child(RECORD_AND_HANG, f"sqlite:///{path}") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGKILL)
    async with opened(path) as store:
        assert [entry.call_id for entry in await store.read_audit(EVERY_LINE)] == [str(number) for number in range(50)]


WRITE_UNTIL_FULL = """
import resource, signal
from gateway.errors import Conflict, StoreFailed
async def main():
    store = await open_sql(sys.argv[1], durability="process")
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_000_000, resource.RLIM_INFINITY))
    written = 0
    try:
        while True:
            await store.append_audit([line(str(written), error="e" * 5_000)])
            written += 1
    except StoreFailed as error:
        print(written, error.detail, flush=True)
asyncio.run(main())
"""


async def test_a_disk_that_takes_no_more_is_said_and_loses_nothing_that_was_committed(path: Path) -> None:
    with child(WRITE_UNTIL_FULL, f"sqlite:///{path}") as process:
        assert process.stdout is not None
        written, _, detail = process.stdout.readline().partition(" ")
    assert "disk" in detail
    assert int(written) > 10
    async with opened(path) as store:
        assert [entry.call_id for entry in await store.read_audit(EVERY_LINE)] == [str(n) for n in range(int(written))]


async def test_a_write_waits_for_another_process_and_then_says_that_it_is_busy(path: Path) -> None:
    async with opened(path, busy_timeout_s=0.05) as store:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreFailed, match="busy with another process"):
                await store.append_audit([line("1")])
            assert list(await store.read_audit(EVERY_LINE)) == []
            other.execute("ROLLBACK")
        await store.append_audit([line("2")])
        assert [entry.call_id for entry in await store.read_audit(EVERY_LINE)] == ["2"]


async def test_opening_a_new_store_waits_for_another_process_that_is_making_it(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        freed = asyncio.get_running_loop().call_later(0.2, other.execute, "ROLLBACK")
        async with opened(path) as store:
            assert freed.when() <= asyncio.get_running_loop().time()
            assert await store.ready()


# Versions and damage


def test_the_newest_migration_leaves_the_tables_that_the_queries_know(path: Path) -> None:
    asyncio.run(_open_and_close(path))
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [SCHEMA]


async def test_a_run_of_an_older_schema_is_as_it_was(path: Path) -> None:
    at = datetime(2026, 8, 5, 12, tzinfo=UTC)
    told = Run(
        "r1", Principal("red", "ada", "k1"), Plan("tea", (Step("a", "look"),)), "execute", "rest", at, at, "done", 3
    )
    engine = sa.create_engine(f"sqlite:///{path}")
    path.parent.mkdir()
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0012")
        row = ("r1", "red", b"[]", "done", 3, msgspec.json.encode(told))
        names = "id, tenant, owner, state, sequence, run"
        connection.exec_driver_sql(f"INSERT INTO run ({names}) VALUES (?, ?, ?, ?, ?, ?)", row)
    engine.dispose()
    async with opened(path) as store:
        assert await store.find_run("r1") == told
    assert sql(path, "SELECT updated_at FROM run") == [(microseconds(at),)]


async def _open_and_close(path: Path, *lines: AuditEntry) -> None:
    async with opened(path) as store:
        await store.append_audit(lines)
        await store.read_audit(EVERY_LINE)


async def test_a_database_of_a_newer_version_is_left_alone_and_says_so(path: Path) -> None:
    await _open_and_close(path)
    sql(path, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreFailed, match="A newer Factotum wrote the database: its schema is 9999"):
        await _open_and_close(path)
    assert sql(path, "SELECT version_num FROM alembic_version") == [("9999",)]


async def test_the_database_of_another_program_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    sql(path, "CREATE TABLE songs (title)")
    with pytest.raises(StoreFailed, match="not Factotum's"):
        await _open_and_close(path)
    assert sql(path, "SELECT name FROM sqlite_master") == [("songs",)]


def test_an_empty_file_becomes_a_database(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    asyncio.run(_open_and_close(path))
    assert sql(path, "SELECT generation FROM state") == [(0,)]


def test_a_file_that_is_no_database_is_said_to_be_none(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"These are not the bytes of a database. " * 200)
    with pytest.raises(StoreFailed, match="The file is not a database"):
        asyncio.run(_open_and_close(path))


def test_a_damaged_database_is_said_to_be_damaged(path: Path) -> None:
    asyncio.run(_open_and_close(path, *(line(str(number), error="e" * 500) for number in range(200))))
    content = bytearray(path.read_bytes())
    content[8192:] = os.urandom(len(content) - 8192)
    path.write_bytes(content)
    with pytest.raises(StoreFailed, match="damaged"):
        asyncio.run(_open_and_close(path, line("1")))


@pytest.mark.parametrize("column", ["manifest", "files"])
async def test_a_record_that_cannot_be_decoded_is_an_error_of_the_store(path: Path, column: str) -> None:
    async with opened(path) as store:
        await store.put_connector(connector("home"))
        sql(path, f"UPDATE {'connector' if column == 'manifest' else 'document'} SET {column} = x'7b00'")
        with pytest.raises(StoreFailed, match="A record in the database cannot be read"):
            await store.connectors()
        assert await store.ready()


async def test_a_place_that_cannot_be_written_is_said_at_once(path: Path) -> None:
    path.parent.write_text("a file where the folder should be")
    with pytest.raises(StoreFailed, match="cannot be made"):
        await _open_and_close(path)


def test_a_folder_in_the_place_of_the_file_is_said_at_once(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(StoreFailed, match="cannot be opened"):
        asyncio.run(_open_and_close(path))


@pytest.mark.parametrize(
    "url", ["", "factotum.db", "sqlite://", "sqlite:///:memory:", "postgresql://db/factotum", "x:///y"]
)
async def test_a_url_of_another_kind_is_refused(anyio_backend: str, url: str) -> None:
    with pytest.raises(StoreFailed, match="sqlite:///path"):
        await open_sql(url)


CALLS: dict[str, Callable[[Store], Any]] = {
    "connectors": lambda store: store.connectors(),
    "manifests": lambda store: store.manifests(),
    "put_connector": lambda store: store.put_connector(connector("home")),
    "delete_connector": lambda store: store.delete_connector("home"),
    "generation": lambda store: store.generation(),
    "add_key": lambda store: store.add_key(key()),
    "find_key": lambda store: store.find_key(b"0" * 32),
    "keys": lambda store: store.keys(),
    "revoke_key": lambda store: store.revoke_key("k1", key().created_at),
    "append_audit": lambda store: store.append_audit([line()]),
    "read_audit": lambda store: store.read_audit(EVERY_LINE),
}


@pytest.mark.parametrize("name", CALLS)
async def test_a_closed_store_says_so(path: Path, name: str) -> None:
    async with opened(path) as store:
        pass
    with pytest.raises(StoreFailed, match="closed"):
        await CALLS[name](store)
    assert not await store.ready()


async def test_lines_are_read_fast_from_a_long_log_by_each_filter(path: Path) -> None:
    """By the plan, not by the clock: each filter has an index that gives the lines in order."""
    await _open_and_close(path)
    for column in ("tenant", "tool", "subject"):
        query = f"SELECT entry FROM audit WHERE {column} = 'x' ORDER BY sequence DESC LIMIT 10"
        plan = " ".join(str(row[3]) for row in sql(path, f"EXPLAIN QUERY PLAN {query}"))
        assert f"audit_{column}" in plan
        assert "TEMP B-TREE" not in plan


async def test_a_store_in_memory_forgets_its_oldest_audit_lines_and_goes_on(anyio_backend: str) -> None:
    store = await open_memory(audit_lines_max=10)
    await store.append_audit([line(str(number)) for number in range(25)])
    kept = [entry.call_id for entry in await store.read_audit(EVERY_LINE)]
    await store.close()
    assert kept == [str(number) for number in range(15, 25)]


async def test_a_store_in_memory_keeps_what_it_has_when_a_write_fails(anyio_backend: str) -> None:
    store = await open_memory()
    await store.add_key(key("k1"))
    with pytest.raises(Conflict):
        await store.add_key(key("k1"))
    kept = [one.id for one in await store.keys()]
    await store.close()
    assert kept == ["k1"]
