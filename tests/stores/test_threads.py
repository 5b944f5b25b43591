"""Threads that work for an event loop."""

import asyncio
import threading

import pytest

from gateway.stores.threads import Threads


async def test_work_is_done_in_the_order_in_which_it_was_asked_for(anyio_backend: str) -> None:
    threads, done = Threads(1, "test"), list[int]()
    await asyncio.gather(*(threads.run(lambda number=number: done.append(number)) for number in range(100)))
    await threads.close()
    assert done == list(range(100))


async def test_what_work_returns_and_raises_reaches_who_asked(anyio_backend: str) -> None:
    threads = Threads(1, "test")
    with pytest.raises(ZeroDivisionError):
        await threads.run(lambda: 1 / 0)
    assert await threads.run(lambda: 7) == 7
    await threads.close()


async def test_no_more_threads_are_started_than_have_something_to_do(anyio_backend: str) -> None:
    threads, meeting = Threads(4, "test"), threading.Barrier(3)
    names = {await threads.run(lambda: threading.current_thread().name) for _ in range(10)}
    await asyncio.gather(*(threads.run(meeting.wait) for _ in range(3)))
    running = [one for one in threading.enumerate() if one.name.startswith("test_")]
    await threads.close()
    assert (names, len(running)) == ({"test_0"}, 3)


async def test_work_that_is_cancelled_before_its_turn_is_left_out(anyio_backend: str) -> None:
    threads, go_on, done = Threads(1, "test"), threading.Event(), list[str]()
    first = threads.run(go_on.wait)
    second = threads.run(lambda: done.append("second"))
    third = threads.run(lambda: done.append("third"))
    second.cancel()
    go_on.set()
    await asyncio.gather(first, third)
    await threads.close()
    assert done == ["third"]


async def test_closing_waits_for_what_was_asked_for_and_takes_no_more(anyio_backend: str) -> None:
    threads, go_on, done = Threads(1, "test"), threading.Event(), list[str]()
    threads.run(go_on.wait)
    threads.run(lambda: done.append("last"))
    closing = asyncio.create_task(threads.close())
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError):
        threads.run(lambda: None)
    go_on.set()
    await closing
    assert done == ["last"]


def test_a_thread_outlives_a_loop_that_is_gone_before_its_answer() -> None:
    threads, go_on = Threads(1, "test"), threading.Event()

    async def leave() -> None:
        threads.run(go_on.wait)

    async def come_back() -> int:
        go_on.set()
        return await threads.run(lambda: 7)

    asyncio.run(leave())
    assert asyncio.run(come_back()) == 7
