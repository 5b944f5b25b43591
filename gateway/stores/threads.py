"""Threads that carry out what an event loop asks of them, in the order in which it asks. Knows no database.

A thread pool of the standard library makes two futures of each piece of work, with locks of their own: as much processor time
as a small commit takes.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

T = TypeVar("T")


class Threads:
    """At most `most` of them, each started when those there are have enough to do. Whoever made them closes them."""

    def __init__(self, most: int, name: str) -> None:
        self._most = most
        self._name = name
        self._asked: SimpleQueue[tuple[asyncio.Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._unfinished = 0
        self._started: list[Thread] = []
        self._closed = False

    def run(self, work: Callable[[], T]) -> "asyncio.Future[T]":
        """What the work will have returned, or raised. Work that is cancelled before its turn is left out; what has begun is
        carried out. Raises RuntimeError after `close`."""
        if self._closed:
            raise RuntimeError("the threads are closed")
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._asked.put((future, work))
        self._unfinished += 1
        if len(self._started) < min(self._unfinished, self._most):
            thread = Thread(target=self._serve, name=f"{self._name}_{len(self._started)}", daemon=True)
            self._started.append(thread)
            thread.start()
        return future

    async def close(self) -> None:
        """Take no more, and return when all that was asked for is done."""
        self._closed = True
        for _ in self._started:
            self._asked.put(None)
        for thread in self._started:
            await asyncio.to_thread(thread.join)

    def _serve(self) -> None:
        for future, work in iter(self._asked.get, None):
            result = error = None
            try:
                if not future.cancelled():
                    result = work()
            except BaseException as caught:
                error = caught
            with suppress(RuntimeError):  # Its loop is closed, so that nobody waits for it.
                future.get_loop().call_soon_threadsafe(self._settle, future, result, error)
            del future, work, result, error  # Nothing of it is held until the next one comes.

    def _settle(self, future: "asyncio.Future[T]", result: T, error: BaseException | None) -> None:
        self._unfinished -= 1
        if future.cancelled():
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
