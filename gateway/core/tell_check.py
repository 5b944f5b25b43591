"""Whether what a plan answers can be read from what its steps answer: every place declared, every condition one that is held to."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gateway.core.constraint import Unclear, read_constraints
from gateway.core.plan import ANSWERS_MAX, Answer, Counts, Fits, Holds, Lists, Pick, Plan, Ref, Tells
from gateway.core.reach import Place

# Where a reference leads, and why it leads nowhere.
Found = Callable[[Ref], tuple[Place, tuple[str, ...]]]


def shape_problems(plan: Plan) -> Iterator[tuple[str, str]]:
    """What can be told without any tool: of which step ("" is the plan), and what would do."""
    names = {step.name for step in plan.steps}
    if len(plan.answers) > ANSWERS_MAX:
        yield "", f"a plan has at most {ANSWERS_MAX} answers; this one has {len(plan.answers)}"
    if plan.zone and not _is_zone(plan.zone):
        yield "", f"there is no time zone {plan.zone!r}; one is named like Europe/Berlin"
    for step in sorted({read_from(one) for one in plan.answers} - names):
        yield "", f"an answer is read from {step}, and there is no such step"


def answer_problems(answer: Answer, find: Found) -> Iterator[str]:
    """What is wrong with one, whose step is there."""
    match answer:
        case Holds(value=value, fits=fits):
            yield from _unclear(fits)
            yield from _one(value, (), find)
        case Tells(value=value, shows=shows):
            yield from _one(value, shows, find)
        case Counts(items=items, where=where):
            yield from _list(items, (), where, find)
        case Lists(items=items, where=where, shows=shows):
            yield from _list(items, shows, where, find)


def find_picked(value: Pick, find: Found) -> tuple[Place, tuple[str, ...]]:
    """Where a pick leads, and why it leads nowhere."""
    problems = tuple(_one(value, (), find))
    found, _ = find(Ref(value.step, value.items))
    return (found if _is_anything(found) else found.at(f"/-{value.pointer}")), problems


def read_from(answer: Answer) -> str:
    """The name of the step that it is read from."""
    return answer.items.step if isinstance(answer, Counts | Lists) else answer.value.step


def _one(value: Ref | Pick, shows: Sequence[str], find: Found) -> Iterator[str]:
    if isinstance(value, Ref):
        found, told = find(value)
        yield from told or _beneath(found, shows, "what it is read from")
        return
    by = [value.by] if value.by is not None else []
    places = (*by, value.pointer, *(f"{value.pointer}{one}" for one in shows))
    yield from _list(Ref(value.step, value.items), places, value.where, find)


def _list(items: Ref, places: Sequence[str], where: Sequence[Fits], find: Found) -> Iterator[str]:
    found, told = find(items)
    if told:
        yield from told
    elif "array" not in found.kinds:
        yield f"there is no list at {items.pointer[:200]!r}"
    else:
        items_of = found if _is_anything(found) else found.at("/-")
        yield from _beneath(items_of, (*places, *(one.pointer for one in where)), "an item")
    for one in where:
        yield from _unclear(one.fits)


def _beneath(found: Place, places: Sequence[str], whose: str) -> Iterator[str]:
    for place in places:
        if place and not _is_anything(found) and not found.at(place).schemas:
            yield f"nothing is declared at {place[:200]!r} in {whose}"


def _is_anything(found: Place) -> bool:
    """Whether its connector may answer what no document declares."""
    return found.schemas == (True,)


def _unclear(fits: Mapping[str, Any]) -> Iterator[str]:
    try:
        read_constraints({"properties": {"value": dict(fits)}})
    except Unclear as error:
        yield str(error)


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
