"""A plan that goes on from where its run is: which steps stay, and what its planner is told became of them."""

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Raw, Struct, structs

from gateway.core.plan import Plan, Step
from gateway.core.planned import Used
from gateway.core.run import Progress, Run, Standing, by_step
from gateway.core.tell import Certainty

ANSWERS_BYTES_MAX = 32 << 10
ANSWER_BYTES_MAX = 8 << 10


class Became(Struct, frozen=True, omit_defaults=True):
    """What became of one call: whether it was `read`, is `verified`, was `accepted`, is `uncertain`, or was `not done`. `status`
    is the backend's, 0 where it did not answer. `shows` is what a look after it came to. `answer` is left out where the planner
    may not be told, or it is long."""

    step: str
    tool: str
    iteration: int
    became: Certainty
    status: int = 0
    shows: str = ""
    answer: Raw | None = None


class SoFar(Struct, frozen=True):
    """A run whose planner is asked how to go on. `plan` has the steps that stay. `failed` says what did not show, "" where nothing
    failed to. `room` is what may be used. `by_steps`: one step is wanted, by a planner that is shown what was answered."""

    plan: Plan
    calls: tuple[Became, ...]
    failed: str
    room: Used
    by_steps: bool = False

    @property
    def has_read(self) -> bool:
        """Whether the planner is shown anything that others wrote."""
        return any(one.answer is not None for one in self.calls)


def kept(plan: Plan, progress: Progress) -> Plan:
    """The steps that anything became of."""
    names = {name for way, name, _ in progress.calls if way == "do"}
    return structs.replace(plan, steps=tuple(one for one in plan.steps if one.name in names), answers=())


def dropped(before: Plan, after: Plan) -> tuple[Step, ...]:
    names = {one.name for one in after.steps}
    return tuple(one for one in before.steps if one.name not in names)


def what_became(run: Run, progress: Progress, *, answers: bool) -> tuple[Became, ...]:
    """What became of each call; `answers` with what was answered, the newest first as far as there is room."""
    found, left = [*_each(run, progress)], ANSWERS_BYTES_MAX if answers else 0
    for index in reversed(range(len(found))):
        called = progress.of("do", found[index].step, found[index].iteration).called
        size = len(called.result) if called is not None else 0
        if called is not None and size <= min(left, ANSWER_BYTES_MAX):
            left -= size
            found[index] = structs.replace(found[index], answer=called.result)
    return tuple(found)


def _each(run: Run, progress: Progress) -> Iterator[Became]:
    places = by_step(progress)
    for step in run.plan.steps:
        for way, name, index in places.get(step.name, ()):
            if way == "do":
                yield _one(step, index, progress.of(way, name, index))


def _one(step: Step, index: int, standing: Standing) -> Became:
    called, verified = standing.called, standing.verified
    status = called.status if called is not None else 0
    return Became(
        step.name, step.tool, index, _became(standing), status, verified.detail if verified is not None else ""
    )


def _became(standing: Standing) -> Certainty:
    called, verified = standing.called, standing.verified
    if verified is not None and verified.shown:
        return "verified"
    if standing.happened:
        return "accepted"
    if verified is not None or standing.unanswered:
        return "uncertain"
    if called is None or called.is_error:
        return "not done"
    return "read" if called.effect == "read" else "accepted"


def tell_calls(so_far: SoFar) -> dict[str, Any]:
    """As a planner is told, as data."""
    told: dict[str, Any] = {"calls": [msgspec.to_builtins(one, builtin_types=(Raw,)) for one in so_far.calls]}
    return {**told, "did_not_show": so_far.failed} if so_far.failed else told
