"""Runs as they are kept: found for their owner, followed, and changed by one event at a time. Calls nothing; `intent` does."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta

import structlog
from msgspec import Struct, structs

from gateway.core.next_move import Course
from gateway.core.notice import Listener, notices
from gateway.core.principal import Principal
from gateway.core.run import (
    ENDED,
    LEFT_ALONE,
    MOVING,
    Agreed,
    Answered,
    Ended,
    Entry,
    Event,
    Listening,
    Planned,
    Progress,
    Replanned,
    Run,
    RunState,
    Undoing,
    replay,
    take_in,
)
from gateway.errors import Conflict, NotFound, StoreFailed
from gateway.published import Published
from gateway.settings import IntentSettings
from gateway.stores.base import RunStore

JOURNAL_MAX = 100_000
PAGE_EVENTS = 100
TRIES_MAX = 20
# Runs that are forgotten in one transaction, and seconds between two looks for more.
FORGOTTEN_AT_ONCE = 100
FORGET_S = 600.0
# Runs that nobody answered and that are ended before it is looked for more.
LEFT_AT_ONCE = 100

log = structlog.get_logger(__name__)


class Held(Struct):
    """A run as somebody knows it, what its journal comes to, and what comes next."""

    run: Run
    progress: Progress
    course: Course


class Overtaken(Conflict):
    """Something has happened to the run since."""

    def __init__(self) -> None:
        super().__init__("Something else happened to the run at the same time; look at it again.")


class Runs:
    """All runs of one store. `look_s`: seconds between two looks for what another process did; `noted` is called once there is
    something to tell a listener."""

    def __init__(
        self,
        store: RunStore,
        published: Published,
        settings: IntentSettings,
        *,
        look_s: float,
        clock: Callable[[], datetime],
        noted: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._noted = noted
        self._published = published
        self._settings = settings
        self._look_s = look_s
        self._clock = clock
        # Those that this process carries out, and those of them that wait for somebody: these are not kept from others.
        self._carried: set[str] = set()
        self._resting: set[str] = set()
        self._watches: dict[str, set[_Watch]] = {}

    async def begin(self, run: Run, *events: Event) -> bool:
        """With what has happened already. False where there is one of that id."""
        entries = [Entry(number, run.created_at, one) for number, one in enumerate(events, 1)]
        is_new = await self._store.write_run(None, run, entries)
        self._tell(run)
        return is_new

    async def count_open(self, principal: Principal, most: int) -> int:
        """How many of a caller's have not ended; `most` at most."""
        return len(await self._store.runs(principal.owner, most, open_only=True))

    async def known(self, run_id: str) -> Run | None:
        """Whosever it is."""
        return await self._store.find_run(run_id)

    async def look_up(self, principal: Principal, run_id: str) -> Run:
        """One of one's own. Raises NotFound."""
        run = await self._store.find_run(run_id)
        if run is None or run.owner != principal.owner:
            raise NotFound(f"There is no intent {run_id[:40]!r} of yours.")
        return run

    async def find(self, principal: Principal, run_id: str) -> Held:
        """One of one's own, and what it has come to. Raises NotFound."""
        return await self._replay(await self.look_up(principal, run_id))

    async def list(self, principal: Principal, limit: int) -> Sequence[Run]:
        """One's own, the newest first."""
        return await self._store.runs(principal.owner, limit)

    async def journal(self, principal: Principal, run_id: str, after: int = 0) -> Sequence[Entry]:
        """What happened after an event, oldest first. Raises NotFound."""
        await self.look_up(principal, run_id)
        return await self._store.journal(run_id, after, JOURNAL_MAX)

    async def follow(
        self, principal: Principal, run_id: str, after: int, quiet_s: float
    ) -> AsyncGenerator[Entry | None]:
        """What happened after an event, and what happens, to the end; None after `quiet_s` in which nothing did. Raises
        NotFound."""
        left_s = quiet_s
        with self._watch(run_id) as watch:
            while not self._published.stopped:
                watch.event.clear()
                run = await self.look_up(principal, run_id)
                entries = await self._store.journal(run_id, after, PAGE_EVENTS)
                for one in entries:
                    after = one.sequence
                    yield one
                if run.state in ENDED and run.sequence <= after:
                    return
                if not entries and not await watch.within(self._look_s):
                    left_s -= self._look_s
                    if left_s <= 0:
                        left_s = quiet_s
                        yield None

    async def wait(
        self, principal: Principal, run_id: str, seconds: float, states: Collection[RunState] = MOVING
    ) -> Held:
        """The run once it is in none of these states, or after so many seconds. Raises NotFound."""
        ends_at = asyncio.get_running_loop().time() + seconds
        with self._watch(run_id, states) as watch:
            while True:
                watch.event.clear()
                run = await self.look_up(principal, run_id)
                left = ends_at - asyncio.get_running_loop().time()
                if run.state not in states or left <= 0 or self._published.stopped:
                    return await self._replay(run)
                await watch.within(min(left, self._look_s))

    @contextmanager
    def _watch(self, run_id: str, dull: Collection[RunState] = ()) -> Iterator["_Watch"]:
        watch = _Watch(frozenset(dull))
        watches = self._watches.setdefault(run_id, set())
        watches.add(watch)
        try:
            yield watch
        finally:
            watches.discard(watch)
            if not watches and self._watches.get(run_id) is watches:
                del self._watches[run_id]

    async def load(self, run_id: str) -> Held | None:
        run = await self._store.find_run(run_id)
        return await self._replay(run) if run is not None else None

    async def _replay(self, run: Run) -> Held:
        entries = await self._store.journal(run.id, 0, JOURNAL_MAX)
        known = (one for one in entries if one.sequence <= run.sequence)
        return Held(run, replay(run.plan, known, self._settings.budget), Course(run))

    async def write(self, held: Held, event: Event, principal: Principal | None = None) -> None:
        """One event more; from then on for this principal, where one is named. Raises Overtaken."""
        now = self._clock()
        entry = Entry(held.run.sequence + 1, now, event)
        progress = structs.replace(held.progress, calls=dict(held.progress.calls), answers=dict(held.progress.answers))
        take_in(progress, entry, self._settings.budget)
        due = self._due_at(progress, now, is_new=isinstance(event, Answered | Agreed | Undoing))
        after = structs.replace(
            held.run,
            principal=principal or held.run.principal,
            state=progress.state,
            sequence=entry.sequence,
            updated_at=now,
            due_at=due,
        )
        if isinstance(event, Undoing) and not held.progress.questions:
            after = structs.replace(after, ended_as=held.run.state)
        if isinstance(event, Planned):
            after = structs.replace(after, plan=event.plan, vouched=event.vouched, spoken=None)
        if isinstance(event, Replanned):
            after = structs.replace(after, plan=event.plan, asks_yes=after.asks_yes or "words")
        if after.id in self._carried:
            goes_on = after.state in MOVING and progress.paused is None
            (self._resting.discard if goes_on else self._resting.add)(after.id)
        told = after.listeners if _is_news(held.run, after) else ()
        if not await self._store.write_run(held.run, after, [entry], notices(after, told)):
            raise Overtaken
        if told:
            self._noted()
        held.run, held.progress = after, progress
        if after.plan is not held.course.plan:
            held.course = Course(after)
        self._tell(after)

    async def listen(
        self, principal: Principal, run_id: str, change: Callable[[tuple[Listener, ...]], tuple[Listener, ...]]
    ) -> Run:
        """Have others told of it; those that are new are told how it is now. Raises NotFound, and what `change` raises."""
        for _ in range(TRIES_MAX):
            run = await self.look_up(principal, run_id)
            listeners = change(run.listeners)
            entry = Entry(run.sequence + 1, self._clock(), Listening(tuple(one.id for one in listeners)))
            after = structs.replace(run, sequence=entry.sequence, listeners=listeners)
            fresh = [one for one in listeners if one not in run.listeners]
            if await self._store.write_run(run, after, [entry], notices(after, fresh)):
                self._tell(after)
                self._noted()
                return after
        raise Overtaken

    async def note(self, held: Held, event: Event) -> None:
        """What has happened is written down, whatever else has happened meanwhile."""
        for _ in range(TRIES_MAX):
            try:
                await self.write(held, event)
                return
            except Overtaken:
                await self.renew(held)
        raise Overtaken

    async def renew(self, held: Held) -> None:
        """What it has come to by now."""
        fresh = await self.load(held.run.id)
        if fresh is not None:
            held.run, held.progress, held.course = fresh.run, fresh.progress, fresh.course

    async def postpone(self, held: Held) -> None:
        """Nothing has happened: look at it again a little later, or when it goes on."""
        self._resting.add(held.run.id)
        now = self._clock()
        later = structs.replace(held.run, due_at=self._due_at(held.progress, now, is_new=False))
        await self._store.write_run(held.run, later, ())

    async def claim(self, room: int) -> Sequence[str]:
        """Those that are due and this process alone carries out from now on, until they are let go."""
        now = self._clock()
        until = now + timedelta(seconds=self._settings.lease_s)
        due = await self._store.claim_runs(now, until, room, tuple(self._carried - self._resting))
        fresh = [one for one in due if one not in self._carried]
        self._carried.update(fresh)
        return fresh

    async def forget(self) -> None:
        """Let go of runs that ended long ago, a portion at a time, until cancelled."""
        if not self._settings.retention_days:
            return
        while True:
            try:
                before = self._clock() - timedelta(days=self._settings.retention_days)
                if await self._store.drop_runs(before, FORGOTTEN_AT_ONCE) == FORGOTTEN_AT_ONCE:
                    continue
            except StoreFailed as error:
                log.warning("runs that are over could not be forgotten", problem=error.detail)
            await asyncio.sleep(FORGET_S)

    async def leave(self) -> None:
        """End runs that nobody answered for long, a portion at a time, until cancelled."""
        while days := self._settings.waits_days:
            before = self._clock() - timedelta(days=days)
            try:
                left = await self._store.waiting_runs(before, LEFT_AT_ONCE)
                for run_id in left:
                    await self._leave(run_id, before)
                if len(left) == LEFT_AT_ONCE:
                    continue
            except StoreFailed as error:
                log.warning("runs that nobody answers could not be ended", problem=error.detail)
            await asyncio.sleep(FORGET_S)

    async def _leave(self, run_id: str, before: datetime) -> None:
        held = await self.load(run_id)
        if held is None or held.run.state not in LEFT_ALONE or held.run.updated_at >= before:
            return
        told = f"Nobody answered for {self._settings.waits_days} days what it waited for; begin it again."
        with suppress(Overtaken):
            await self.write(held, Ended("failed", told))

    def let_go(self, run_id: str) -> None:
        self._carried.discard(run_id)
        self._resting.discard(run_id)

    def is_paused(self, held: Held) -> bool:
        """Whether it is to go on later, and not yet."""
        return held.progress.paused is not None and self._clock() < held.progress.paused.until

    def _due_at(self, progress: Progress, now: datetime, *, is_new: bool) -> datetime | None:
        if progress.paused is not None:
            return max(progress.paused.until, now)
        if progress.state == "needs_approval":
            return now + timedelta(seconds=self._look_s)
        if progress.state in MOVING:
            return now if is_new else now + timedelta(seconds=self._settings.lease_s)
        return None

    def _tell(self, run: Run) -> None:
        for one in self._watches.get(run.id, ()):
            if run.state not in one.dull:
                one.event.set()


class _Watch:
    """Somebody who waits for what happens to a run; that it is still in one of the `dull` states wakes nobody."""

    def __init__(self, dull: frozenset[RunState]) -> None:
        self.dull = dull
        self.event = asyncio.Event()

    async def within(self, seconds: float) -> bool:
        """Whether it came in time."""
        try:
            async with asyncio.timeout(seconds):
                await self.event.wait()
        except TimeoutError:
            return False
        return True


def _is_news(before: Run, after: Run) -> bool:
    """Whether it goes on, waits or has ended, where it did not before. That it is taken back is none: it had ended."""
    if after.ended_as is not None or before.state == after.state:
        return False
    return not (before.state in MOVING and after.state in MOVING)
