"""The audit log: whoever records a line goes on when it is committed. Says nothing about what a line holds.

Group commit: lines that come while one commit runs go together in the next. An idle log commits at once.
"""

import asyncio
from contextvars import Context
from types import TracebackType
from typing import NamedTuple

import structlog

from gateway.core.audit import AuditEntry
from gateway.errors import StoreFailed
from gateway.stores.base import AuditStore

log = structlog.get_logger(__name__)


class _Line(NamedTuple):
    """A line and who waits for it. One without a place is of a caller that was cancelled while it waited for room."""

    entry: AuditEntry
    committed: "asyncio.Future[None]"
    has_place: bool


class AuditLog:
    """`async with AuditLog(store) as audit`: leaving writes what is still queued.

    `queue_entries_max` is how many lines may be queued or in the commit that runs; one more waits for room.
    """

    def __init__(self, store: AuditStore, *, queue_entries_max: int = 10_000) -> None:
        self._store = store
        self._places = asyncio.Semaphore(queue_entries_max)
        self._queue: list[_Line] = []
        self._uncommitted = 0
        self._writing: asyncio.Task[None] | None = None
        self._closed = False
        self._drained = asyncio.Event()

    async def __aenter__(self) -> "AuditLog":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def record(self, entry: AuditEntry) -> None:
        """Return when the entry is committed. Raises StoreFailed where it is not, or not for certain.

        A caller that is cancelled here leaves its entry behind: it is written all the same.
        """
        if self._closed:
            raise StoreFailed("The audit log is closed: the gateway is stopping.")
        self._uncommitted += 1
        try:
            await self._places.acquire()
        except asyncio.CancelledError:
            self._enqueue(entry, has_place=False).cancel()
            raise
        await self._enqueue(entry, has_place=True)

    async def close(self) -> None:
        """Take no more, and return when all that was taken is written or has failed."""
        self._closed = True
        if self._uncommitted:
            await self._drained.wait()

    def _enqueue(self, entry: AuditEntry, *, has_place: bool) -> "asyncio.Future[None]":
        committed = asyncio.get_running_loop().create_future()
        self._queue.append(_Line(entry, committed, has_place))
        if self._writing is None:
            # In a context of its own: the task outlives the call that happened to start it.
            self._writing = asyncio.create_task(self._write(), context=Context())
        return committed

    async def _write(self) -> None:
        while self._queue:
            batch, self._queue = self._queue, []
            error = await self._commit([line.entry for line in batch])
            for line in batch:
                self._settle(line, error)
        self._writing = None

    async def _commit(self, entries: list[AuditEntry]) -> Exception | None:
        try:
            await self._store.append_audit(entries)
        except Exception as error:
            return error
        return None

    def _settle(self, line: _Line, error: Exception | None) -> None:
        if line.has_place:
            self._places.release()
        if error is None:
            if not line.committed.done():
                line.committed.set_result(None)
        elif line.committed.done():
            log.error("audit line lost: nobody waited for it", call_id=line.entry.call_id, tool=line.entry.tool)
        else:
            line.committed.set_exception(_failure(error))
        self._uncommitted -= 1
        if self._closed and not self._uncommitted:
            self._drained.set()


def _failure(error: Exception) -> StoreFailed:
    """Each waiter raises an error of its own: one shared by many would grow a traceback with each."""
    detail = error.detail if isinstance(error, StoreFailed) else "The audit log could not be written; try again later."
    failure = StoreFailed(detail)
    failure.__cause__ = error
    return failure
