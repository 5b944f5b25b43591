"""Standing intents: each slot is claimed once and comes to one end, whatever stops whoever carries it out, and wherever."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from gateway.core.plan import Plan, Step
from gateway.core.principal import Principal
from gateway.core.schedule import Cron, slots_after
from gateway.core.standing import (
    OPEN,
    QUEUED_MAX,
    Looked,
    Outcome,
    Poll,
    Slot,
    SlotState,
    Standing,
    StandingTerms,
    advance,
    fires_at,
    is_due,
    wake,
)

START = datetime(2026, 5, 1, 12, 0, 30, tzinfo=UTC)
LATE_S, LOOK_S = 30.0, 1.0
HOURLY = Cron("0 * * * *")


def standing(trigger: Any = HOURLY, **terms: Any) -> Standing:
    told = {"trigger": trigger, "expires_at": START + timedelta(days=365), **terms}
    ada = Principal("red", "ada", "k1")
    plan = Plan("", (Step("a", "look"),))
    made = Standing("s1", ada, plan, StandingTerms(**told), "rest", START, {"look": "f"}, "pending")
    return wake(made, START)


def hour(after: int) -> datetime:
    return datetime(2026, 5, 1, 12 + after, tzinfo=UTC)


class Kept:
    """A store: one change at a time, from what somebody knew. What is at its end stays."""

    def __init__(self, one: Standing) -> None:
        self.standing = one
        self.slots: dict[datetime, Slot] = {}
        self.runs: dict[str, SlotState | None] = {}
        self.starts: list[str] = []

    def write(self, before: Standing, after: Standing, slots: dict[datetime, Slot]) -> bool:
        if before.version != self.standing.version:
            return False
        for at, slot in slots.items():
            assert at not in self.slots or self.slots[at].state in OPEN, "what is at its end stays"
            self.slots[at] = slot
        self.standing = after
        return True

    @property
    def opened(self) -> list[Slot]:
        return [self.slots[at] for at in sorted(self.slots) if self.slots[at].state in OPEN]

    def states(self) -> list[str]:
        return [self.slots[at].state for at in sorted(self.slots)]


class Gone(Exception):
    """The process was killed."""


def turn(kept: Kept, now: datetime, check: Callable[[str], None] = lambda where: None, **more: Any) -> bool:
    """What a gateway does, and where it can be killed."""
    one, opened, outcomes = kept.standing, kept.opened, dict[datetime, Outcome]()
    check("read")
    for slot in opened:
        if slot.state != "running":
            continue
        if slot.run not in kept.runs:
            if one.state != "active":
                outcomes[slot.at] = Outcome("skipped")
                continue
            kept.runs[slot.run] = None
            kept.starts.append(slot.run)
            check("started")
        if (ended := kept.runs[slot.run]) is not None:
            outcomes[slot.at] = Outcome(ended)
    after = advance(one, opened, outcomes, now, late_s=LATE_S, look_s=LOOK_S, **more)
    check("worked out")
    is_written = kept.write(one, after.standing, after.slots)
    check("written")
    return is_written


def at_each(kept: Kept, *times: datetime) -> list[str]:
    for now in times:
        turn(kept, now)
    return kept.states()


def test_a_slot_runs_when_it_comes_and_the_next_is_told() -> None:
    kept = Kept(standing())
    assert at_each(kept, START) == []
    assert kept.standing.due_at == hour(1)
    assert at_each(kept, hour(1)) == ["running"]
    turn(kept, hour(1))
    kept.runs[kept.starts[0]] = "done"
    assert at_each(kept, hour(1) + timedelta(minutes=1)) == ["done"]
    assert kept.standing.due_at == kept.standing.next_at == hour(2)


@pytest.mark.parametrize(
    ("missed", "states"),
    [
        ("skip", ["missed", "missed", "missed"]),
        ("once", ["missed", "missed", "running"]),
        ("all", ["running", "queued", "queued"]),
    ],
)
def test_what_was_missed_is_told_and_carried_out_as_wanted(missed: Any, states: list[str]) -> None:
    assert at_each(Kept(standing(missed=missed)), hour(3) + timedelta(minutes=10)) == states


def test_a_slot_that_is_in_time_is_none_that_was_missed() -> None:
    assert at_each(Kept(standing(missed="once")), hour(3) + timedelta(seconds=5)) == ["missed", "missed", "running"]
    assert at_each(Kept(standing(missed="skip")), hour(3) + timedelta(seconds=5)) == ["missed", "missed", "running"]


@pytest.mark.parametrize(("overlap", "states"), [("skip", ["running", "skipped"]), ("queue", ["running", "queued"])])
def test_one_that_comes_while_the_one_before_goes_on_is_skipped_or_waits(overlap: Any, states: list[str]) -> None:
    kept = Kept(standing(overlap=overlap))
    assert at_each(kept, hour(1), hour(2)) == states
    kept.runs[kept.starts[0]] = "done"
    assert at_each(kept, hour(2))[1] == ("running" if overlap == "queue" else "skipped")


def test_no_more_wait_than_may() -> None:
    kept = Kept(standing(Cron("* * * * *"), overlap="queue"))
    at_each(kept, *(START + timedelta(seconds=30 + 60 * n) for n in range(QUEUED_MAX + 3)))
    assert kept.states().count("queued") + 1 == QUEUED_MAX
    assert kept.states().count("skipped") == 3


def test_after_so_many_failures_it_is_paused_and_what_waits_is_skipped() -> None:
    kept = Kept(standing(failures_max=2, overlap="queue"))
    at_each(kept, hour(1), hour(1), hour(2), hour(3))
    kept.runs[kept.starts[0]] = "failed"
    assert at_each(kept, hour(3), hour(3)) == ["failed", "running", "queued"]
    kept.runs[kept.starts[1]] = "uncertain"
    assert at_each(kept, hour(3), hour(4), hour(5)) == ["failed", "uncertain", "skipped"]
    assert (kept.standing.state, kept.standing.due_at) == ("paused", None)
    kept.standing = wake(kept.standing, hour(6))
    assert at_each(kept, hour(6), hour(7))[3:] == ["running"]


def test_a_success_forgets_the_failures_before_it() -> None:
    kept = Kept(standing(failures_max=2))
    for index, state in enumerate(["failed", "done", "failed", "done"], 1):
        at_each(kept, hour(index), hour(index))
        kept.runs[kept.starts[-1]] = state
        at_each(kept, hour(index))
    assert kept.standing.state == "active"


def test_tools_that_are_not_what_they_were_suspend_it() -> None:
    kept = Kept(standing())
    turn(kept, hour(1), changed="look has changed")
    assert (kept.standing.state, kept.standing.detail, kept.states()) == ("suspended", "look has changed", [])
    assert at_each(kept, hour(2)) == []


def test_it_ends_with_its_last_run_or_its_time() -> None:
    kept = Kept(standing(runs_max=1))
    at_each(kept, hour(1), hour(1))
    kept.runs[kept.starts[0]] = "done"
    assert at_each(kept, hour(1), hour(2)) == ["done"]
    assert (kept.standing.state, kept.standing.due_at) == ("ended", None)
    short = Kept(standing(expires_at=hour(2)))
    assert at_each(short, START, hour(1)) == ["running"]
    turn(short, hour(1))
    short.runs[short.starts[0]] = "done"
    assert at_each(short, hour(1), hour(3)) == ["done"]
    assert short.standing.state == "ended"


def test_jitter_is_the_same_for_the_same_slot_and_within_its_bound() -> None:
    one = standing(jitter_s=600)
    delays = [(fires_at(one, hour(n)) - hour(n)).total_seconds() for n in range(1, 9)]
    assert all(0 <= one < 600 for one in delays)
    assert len(set(delays)) == 8
    kept = Kept(one)
    assert at_each(kept, hour(1)) == []
    assert at_each(kept, fires_at(one, hour(1))) == ["running"]


POLL = Poll("look", 3600)


def test_a_poll_carries_out_what_it_is_for_where_it_finds_something_else() -> None:
    kept = Kept(standing(POLL))
    found = {1: "a", 2: "a", 3: "b", 4: "b"}
    for index, digest in found.items():
        now = START + timedelta(hours=index)
        assert is_due(kept.standing, now)
        turn(kept, now, looked=Looked(digest))
        assert not is_due(kept.standing, now)
    assert [*kept.slots] == [START + timedelta(hours=3)]


def test_a_poll_that_cannot_look_fails_and_is_paused_in_the_end() -> None:
    kept = Kept(standing(POLL, failures_max=2))
    for index in (1, 2, 3):
        turn(kept, START + timedelta(hours=index), looked=Looked(problem="it does not answer"))
    assert kept.states() == ["failed", "failed"]
    assert kept.standing.state == "paused"


# Whatever happens, wherever somebody is killed, and however many carry it out.

ENDS: list[SlotState] = ["done", "failed", "uncertain", "cancelled"]
ACTIONS = st.one_of(
    st.tuples(st.just("wait"), st.integers(1, 9_000)),
    st.tuples(st.just("turn"), st.sampled_from(["", "read", "started", "worked out", "written"])),
    st.tuples(st.just("two"), st.integers(0, 60)),
    st.tuples(st.just("end"), st.integers(0, 3)),
)


@settings(deadline=None)
@given(
    st.lists(ACTIONS, max_size=40),
    st.sampled_from(["skip", "once", "all"]),
    st.sampled_from(["skip", "queue"]),
    st.sampled_from([0, 400]),
)
def test_each_slot_has_one_end_and_runs_once_at_most_whoever_is_killed_and_where(
    actions: list[tuple[str, Any]], missed: Any, overlap: Any, jitter_s: int
) -> None:
    one = standing(Cron("*/20 * * * *"), missed=missed, overlap=overlap, jitter_s=jitter_s, failures_max=100)
    kept, now = Kept(one), START

    def killed_at(where: str) -> Callable[[str], None]:
        def check(here: str) -> None:
            if here == where:
                raise Gone

        return check

    for action, told in actions:
        match action:
            case "wait":
                now += timedelta(seconds=told)
            case "turn":
                try:
                    turn(kept, now, killed_at(told))
                except Gone:
                    continue
            case "two":
                # Another gateway is in between, whose clock is a little off.
                moment = now + timedelta(seconds=told)
                turn(
                    kept,
                    now,
                    lambda where, moment=moment: turn(kept, moment) and None if where == "worked out" else None,
                )
            case "end":
                for run in [run for run, state in kept.runs.items() if state is None]:
                    kept.runs[run] = ENDS[told]
    for _ in range(500):
        turn(kept, now)
        kept.runs.update({run: "done" for run, state in kept.runs.items() if state is None})
        if not kept.opened and not is_due(kept.standing, now):
            break
    came = takewhile(lambda at: fires_at(one, at) <= now, slots_after(HOURLY_THIRDS, START))
    assert {*came} <= kept.slots.keys()
    assert all(slot.state not in OPEN for slot in kept.slots.values())
    assert len(kept.starts) == len(set(kept.starts)) == len(kept.runs)
    ran = {slot.run for slot in kept.slots.values() if slot.state not in ("missed", "skipped")}
    assert ran == kept.runs.keys()
    assert structs.replace(kept.standing, version=1).runs == len(ran)


HOURLY_THIRDS = Cron("*/20 * * * *")
