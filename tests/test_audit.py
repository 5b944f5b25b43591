"""The audit log: who goes on when, what is written together, and what comes of a failed store or a cancelled caller."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
import structlog

from gateway.audit import AuditLog
from gateway.core.audit import AuditEntry
from gateway.errors import StoreFailed
from gateway.stores.base import AuditFilter
from gateway.stores.sql import open_sql
from tests.stores.conftest import EVERY_LINE, line

pytestmark = pytest.mark.anyio


class SlowStore:
    """Keeps batches of lines. While its gate is shut a commit goes on and on; `arrived` says that one has begun."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.arrived = asyncio.Event()
        self.failure: Exception | None = None

    async def append_audit(self, entries: Sequence[AuditEntry]) -> None:
        self.arrived.set()
        await self.gate.wait()
        if self.failure:
            raise self.failure
        self.batches.append([entry.call_id for entry in entries])

    async def read_audit(self, wanted: AuditFilter) -> Sequence[AuditEntry]:
        return ()

    @property
    def written(self) -> list[str]:
        return [call_id for batch in self.batches for call_id in batch]


@pytest.fixture
def store(anyio_backend: str) -> SlowStore:
    return SlowStore()


async def start(audit: AuditLog, *call_ids: str) -> "list[asyncio.Task[None]]":
    """Begin to record, and give every task the time to come as far as it can."""
    tasks = [asyncio.create_task(audit.record(line(call_id))) for call_id in call_ids]
    for _ in range(5):
        await asyncio.sleep(0)
    return tasks


async def test_a_recorder_goes_on_only_when_its_line_is_committed(store: SlowStore) -> None:
    async with AuditLog(store) as audit:
        store.gate.clear()
        (recording,) = await start(audit, "1")
        await store.arrived.wait()
        assert not recording.done()
        store.gate.set()
        await recording
        assert store.written == ["1"]


async def test_an_idle_log_commits_each_line_at_once(store: SlowStore) -> None:
    async with AuditLog(store) as audit:
        for call_id in ("1", "2", "3"):
            await audit.record(line(call_id))
    assert store.batches == [["1"], ["2"], ["3"]]


async def test_lines_that_come_during_a_commit_go_together_in_the_next_in_order(store: SlowStore) -> None:
    async with AuditLog(store) as audit:
        store.gate.clear()
        tasks = await start(audit, "1")
        tasks += await start(audit, "2", "3")
        tasks += await start(audit, "4")
        store.gate.set()
        await asyncio.gather(*tasks)
    assert store.batches == [["1"], ["2", "3", "4"]]


async def test_a_full_queue_makes_recorders_wait_and_drops_nothing(store: SlowStore) -> None:
    async with AuditLog(store, queue_entries_max=3) as audit:
        store.gate.clear()
        tasks = await start(audit, *(str(number) for number in range(10)))
        store.gate.set()
        await asyncio.gather(*tasks)
    assert store.written == [str(number) for number in range(10)]
    assert max(map(len, store.batches)) <= 3


async def test_every_waiter_of_a_failed_commit_is_told_and_the_log_goes_on(store: SlowStore) -> None:
    async with AuditLog(store, queue_entries_max=3) as audit:
        store.gate.clear()
        store.failure = StoreFailed("The disk is full.")
        first = await start(audit, "1", "2", "3")
        store.gate.set()
        results = await asyncio.gather(*first, return_exceptions=True)
        assert [str(result) for result in results] == ["The disk is full."] * 3
        assert {type(result) for result in results} == {StoreFailed}
        assert len({id(result) for result in results}) == 3
        store.failure = None
        await asyncio.gather(*await start(audit, "4", "5", "6", "7"))
    assert store.written == ["4", "5", "6", "7"]


async def test_an_error_that_is_not_ours_is_told_without_its_text(store: SlowStore) -> None:
    async with AuditLog(store) as audit:
        store.failure = RuntimeError("secret detail")
        with pytest.raises(StoreFailed, match="could not be written") as caught:
            await audit.record(line("1"))
    assert "secret" not in caught.value.detail


async def test_the_line_of_a_cancelled_caller_is_written_all_the_same(store: SlowStore) -> None:
    async with AuditLog(store) as audit:
        store.gate.clear()
        written_now, queued = await start(audit, "1") + await start(audit, "2")
        written_now.cancel()
        queued.cancel()
        await asyncio.wait([written_now, queued])
        assert written_now.cancelled()
        assert queued.cancelled()
        store.gate.set()
    assert store.written == ["1", "2"]


async def test_the_line_of_a_caller_cancelled_while_it_waits_for_room_is_written_too(store: SlowStore) -> None:
    async with AuditLog(store, queue_entries_max=1) as audit:
        store.gate.clear()
        writing, waiting = await start(audit, "1", "2")
        waiting.cancel()
        await asyncio.wait([waiting])
        tasks = await start(audit, "3", "4")
        store.gate.set()
        await asyncio.gather(writing, *tasks)
    assert store.batches == [["1"], ["2"], ["3"], ["4"]]


async def test_a_line_that_is_lost_with_nobody_waiting_is_said_in_the_gateways_own_log(store: SlowStore) -> None:
    with structlog.testing.capture_logs() as logs:
        async with AuditLog(store) as audit:
            store.gate.clear()
            store.failure = StoreFailed("The disk is full.")
            (recording,) = await start(audit, "1")
            recording.cancel()
            await asyncio.wait([recording])
            store.gate.set()
    assert [(entry["log_level"], entry["call_id"]) for entry in logs] == [("error", "1")]


async def test_closing_writes_what_is_queued_and_what_waits_for_room(store: SlowStore) -> None:
    store.gate.clear()
    async with AuditLog(store, queue_entries_max=2) as audit:
        tasks = await start(audit, *"12345")
        store.gate.set()
    assert store.written == list("12345")
    await asyncio.gather(*tasks)


async def test_a_closed_log_takes_no_line(store: SlowStore) -> None:
    async with AuditLog(store) as audit:
        pass
    with pytest.raises(StoreFailed, match="closed"):
        await audit.record(line("1"))
    assert store.written == []


async def test_hundreds_who_record_at_once_find_their_lines_in_order_in_a_real_store(
    anyio_backend: str, tmp_path: Path
) -> None:
    store = await open_sql(f"sqlite:///{tmp_path / 'factotum.db'}")
    async with AuditLog(store, queue_entries_max=50) as audit:

        async def record(caller: int) -> None:
            for number in range(4):
                await audit.record(line(f"{caller}-{number}"))

        await asyncio.gather(*(record(caller) for caller in range(200)))
    lines = [entry.call_id for entry in await store.read_audit(EVERY_LINE)]
    await store.close()
    assert len(set(lines)) == 800
    for caller in range(200):
        assert [one for one in lines if one.startswith(f"{caller}-")] == [f"{caller}-{number}" for number in range(4)]
