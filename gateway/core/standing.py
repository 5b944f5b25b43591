"""A standing intent: a plan that is carried out again and again, under what was granted when it was made. Which of its slots
are carried out, when, and what became of each. Acts on nothing, and knows no clock and no store."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta, Struct, field, structs

from gateway.core.plan import Plan, Pointer
from gateway.core.principal import Owner, Principal
from gateway.core.schedule import Cron, next_slot

# At once, and waiting behind each other.
SLOTS_MAX = 100
QUEUED_MAX = 100
DETAIL_CHARACTERS_MAX = 500

StandingState = Literal["pending", "active", "paused", "suspended", "ended"]
SlotState = Literal[
    "queued", "running", "done", "failed", "rejected", "uncertain", "cancelled", "compensated", "skipped", "missed"
]
OPEN: frozenset[SlotState] = frozenset({"queued", "running"})
FAILURES: frozenset[SlotState] = frozenset({"failed", "rejected", "uncertain"})


class Poll(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="poll"):
    """Every so many seconds a tool that reads is called, and where what stands at `pointer` of its answer is another than the last
    time, the plan is carried out. The first look only remembers."""

    tool: str
    every_s: Annotated[int, Meta(ge=60, le=366 * 86_400)]
    arguments: dict[str, Any] = {}
    pointer: Pointer = ""


class Hook(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="webhook"):
    """Each time that somebody delivers to its address, once for each id of a delivery. What is delivered is read by nobody."""


Trigger: TypeAlias = Cron | Poll | Hook


class StandingTerms(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When, and within which bounds. `missed`: of the slots in which no gateway ran none, the last or all are carried out later.
    `overlap`: a slot that comes while the one before still goes on is skipped, or waits. Each slot comes up to `jitter_s` seconds
    later, always the same for the same slot. It is paused after `failures_max` failures in a row, and ends after `runs_max` runs
    or at `expires_at`."""

    trigger: Trigger
    expires_at: Annotated[datetime, Meta(tz=True)]
    missed: Literal["skip", "once", "all"] = "skip"
    overlap: Literal["skip", "queue"] = "skip"
    jitter_s: Annotated[int, Meta(ge=0, le=3_600)] = 0
    failures_max: Annotated[int, Meta(ge=1, le=100)] = 3
    runs_max: Annotated[int, Meta(ge=1, le=100_000)] = 1_000


class NewStanding(StandingTerms, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One that shall be: its plan, when, and within which bounds."""

    plan: Plan


class Standing(Struct, frozen=True):
    """As it is after `version` changes. `principal` is for whom, with the scopes that it had when it was made; `fingerprints` are
    those of its tools as they were approved, by name. `next_at` is the next slot, `due_at` when the gateway looks at it next.
    `failures` are those in a row; `seen` is a digest of what was polled last, `delivered_at` the slot that was delivered last."""

    id: str
    principal: Principal
    plan: Plan
    terms: StandingTerms
    door: str
    created_at: datetime
    fingerprints: dict[str, str]
    state: StandingState
    detail: str = ""
    next_at: datetime | None = None
    due_at: datetime | None = None
    version: int = 1
    failures: int = 0
    runs: int = 0
    seen: str = ""
    approved_by: str = ""
    delivered_at: datetime | None = None

    @property
    def owner(self) -> Owner:
        return self.principal.owner


class Slot(Struct, frozen=True):
    """One slot, and what became of it. INVARIANT: there is one of an intent and a time, and once it is not open it stays."""

    intent: str
    at: datetime
    state: SlotState
    changed_at: datetime
    run: str = ""
    detail: str = ""


class Outcome(Struct, frozen=True):
    """What became of the run of a slot."""

    state: SlotState
    detail: str = ""


class Looked(Struct, frozen=True):
    """What a poll found: a digest, or why it found nothing."""

    digest: str = ""
    problem: str = ""


class Turn(Struct):
    """What changes at once: the intent, and those of its slots that are new or other than they were."""

    standing: Standing
    slots: dict[datetime, Slot] = field(default_factory=dict)


def run_of(standing_id: str, at: datetime) -> str:
    """The id of the run of a slot: the same for whoever starts it."""
    return sha256(f"{standing_id} {at.astimezone(UTC).isoformat()}".encode()).hexdigest()[:24]


def next_after(trigger: Trigger, begun_at: datetime, after: datetime) -> datetime | None:
    """The first slot after a time; those of a poll are counted from when it was made. Raises Unschedulable."""
    if isinstance(trigger, Cron):
        return next_slot(trigger, after)
    if isinstance(trigger, Hook):
        return None
    passed = int((after - begun_at).total_seconds() // trigger.every_s)
    return begun_at + timedelta(seconds=trigger.every_s * (passed + 1))


def fires_at(standing: Standing, slot: datetime) -> datetime:
    """When a slot comes, with its jitter."""
    share = int.from_bytes(sha256(f"jitter {run_of(standing.id, slot)}".encode()).digest()[:4]) / 2**32
    return slot + timedelta(seconds=share * standing.terms.jitter_s)


def wake(standing: Standing, now: datetime, **changes: Any) -> Standing:
    """Active from now on: what came before is none of its slots. Raises Unschedulable."""
    upcoming = next_after(standing.terms.trigger, standing.created_at, now)
    told = {"state": "active", "detail": "", "failures": 0, "next_at": upcoming, "due_at": now, **changes}
    return structs.replace(standing, **told)


def is_due(standing: Standing, now: datetime) -> bool:
    """Whether a slot has come."""
    upcoming = standing.next_at
    is_within = upcoming is not None and upcoming < standing.terms.expires_at
    return standing.state == "active" and upcoming is not None and is_within and fires_at(standing, upcoming) <= now


def advance(
    standing: Standing,
    opened: Sequence[Slot],
    outcomes: Mapping[datetime, Outcome],
    now: datetime,
    *,
    late_s: float,
    look_s: float,
    changed: str = "",
    looked: Looked | None = None,
) -> Turn:
    """What comes next. `opened` are its open slots, oldest first; `outcomes` what became of those that ran; `changed` says which
    tools are not what they were. A slot that comes `late_s` after its time was missed. What was looked for comes with a poll
    that is due."""
    moving = _Moving(standing, opened, now)
    moving.settle(outcomes)
    moving.hold_back(changed)
    if isinstance(standing.terms.trigger, Poll):
        moving.take_poll(looked)
    elif isinstance(standing.terms.trigger, Cron):
        moving.take_slots(late_s)
    moving.start_next()
    return moving.end(look_s)


def deliver(standing: Standing, opened: Sequence[Slot], now: datetime, *, look_s: float) -> tuple[Turn, datetime]:
    """The slot of what is delivered now, which is carried out or waits behind the others, and when that is: each later than the
    one before."""
    last = standing.delivered_at
    at = now if last is None or now > last else last + timedelta(microseconds=1)
    moving = _Moving(structs.replace(standing, delivered_at=at), opened, now)
    moving.take(at)
    return moving.end(look_s), at


class _Moving:
    def __init__(self, standing: Standing, opened: Sequence[Slot], now: datetime) -> None:
        self._turn = Turn(standing)
        self._open = {one.at: one for one in opened}
        self._now = now

    @property
    def _one(self) -> Standing:
        return self._turn.standing

    def _change(self, **changes: Any) -> None:
        self._turn.standing = structs.replace(self._one, **changes)

    def _put(self, at: datetime, state: SlotState, detail: str = "") -> None:
        run = run_of(self._one.id, at) if state == "running" or at in self._open else ""
        run = run if state != "queued" else ""
        slot = Slot(self._one.id, at, state, self._now, run, detail[:DETAIL_CHARACTERS_MAX])
        self._turn.slots[at] = slot
        if state in OPEN:
            self._open[at] = slot
        else:
            self._open.pop(at, None)

    def settle(self, outcomes: Mapping[datetime, Outcome]) -> None:
        """What has ended is written down."""
        for at, outcome in sorted(outcomes.items()):
            self._put(at, outcome.state, outcome.detail)
            self._count(outcome.state)

    def _count(self, state: SlotState) -> None:
        if state in FAILURES:
            self._change(failures=self._one.failures + 1)
        elif state == "done":
            self._change(failures=0)

    def hold_back(self, changed: str) -> None:
        """What is active stays so only where its tools are as they were, and it has not failed too often."""
        if self._one.state == "active" and changed:
            self._change(state="suspended", detail=changed)
        if self._one.state == "active" and self._one.failures >= self._one.terms.failures_max:
            self._change(state="paused", detail=f"It failed {self._one.failures} times in a row.")
        if self._one.state != "active":
            for at in [one.at for one in self._open.values() if one.state == "queued"]:
                self._put(at, "skipped", f"It was {self._one.state}.")

    def take_slots(self, late_s: float) -> None:
        """The slots that have come: each is carried out, waits, or is told why not."""
        found: list[datetime] = []
        while len(found) < SLOTS_MAX and is_due(self._one, self._now) and self._one.next_at is not None:
            found.append(self._one.next_at)
            self._advance_to(self._one.next_at)
        for at in found:
            is_last = at == found[-1] and not is_due(self._one, self._now)
            if (self._now - fires_at(self._one, at)).total_seconds() <= late_s:
                self.take(at)
            elif self._one.terms.missed == "all":
                self._enqueue(at)
            elif self._one.terms.missed == "once" and is_last:
                self.take(at)
            else:
                self._put(at, "missed", "No gateway ran then.")

    def take_poll(self, looked: Looked | None) -> None:
        """What was polled: the slot is the last that has come."""
        if looked is None or not is_due(self._one, self._now) or self._one.next_at is None:
            return
        at, seen = self._one.next_at, self._one.seen
        self._advance_to(self._now)
        if looked.problem:
            self._put(at, "failed", looked.problem)
            self._count("failed")
            self.hold_back("")
            return
        self._change(seen=looked.digest)
        if seen and looked.digest != seen:
            self.take(at)

    def _advance_to(self, at: datetime) -> None:
        self._change(next_at=next_after(self._one.terms.trigger, self._one.created_at, at))

    def take(self, at: datetime) -> None:
        if self._open and self._one.terms.overlap == "skip":
            self._put(at, "skipped", "The one before still went on.")
        else:
            self._enqueue(at)

    def _enqueue(self, at: datetime) -> None:
        if len(self._open) < QUEUED_MAX:
            self._put(at, "queued")
        else:
            self._put(at, "skipped", f"{QUEUED_MAX} were waiting already.")

    def start_next(self) -> None:
        """The first that waits, where none goes on."""
        if any(one.state == "running" for one in self._open.values()):
            return
        waiting = sorted(self._open)
        if waiting and self._one.runs < self._one.terms.runs_max:
            self._change(runs=self._one.runs + 1)
            self._put(waiting[0], "running")
        elif waiting:
            for at in waiting:
                self._put(at, "skipped", "It has run as often as it may.")

    def end(self, look_s: float) -> Turn:
        """When it is looked at again; ended, where nothing comes any more."""
        one, upcoming = self._one, self._one.next_at
        has_next = upcoming is not None and upcoming < one.terms.expires_at and one.runs < one.terms.runs_max
        if isinstance(one.terms.trigger, Hook):
            upcoming = one.terms.expires_at
            has_next = self._now < upcoming and one.runs < one.terms.runs_max
        if one.state == "active" and not has_next and not self._open:
            self._change(
                state="ended", detail="It has run as often as it may." if upcoming else "There is no slot left."
            )
            if upcoming is not None and upcoming >= one.terms.expires_at and one.runs < one.terms.runs_max:
                self._change(detail="Its time is over.")
        is_new = any(slot.state in OPEN for slot in self._turn.slots.values())
        looks = [self._now if is_new else self._now + timedelta(seconds=look_s)] if self._open else []
        if one.state == "active" and has_next and upcoming is not None:
            looks.append(upcoming if isinstance(one.terms.trigger, Hook) else fires_at(one, upcoming))
        self._change(due_at=min(looks) if looks else None, version=one.version + 1)
        return self._turn
