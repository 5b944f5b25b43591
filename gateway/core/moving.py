"""A plan that is carried out again and again: days that were told from the day on which it was said (`today`, `tomorrow`) are told
from the day of each run instead. Pure."""

import re
from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Any

from msgspec import structs

from gateway.core.entity import Entity
from gateway.core.plan import (
    Answer,
    Counts,
    Fits,
    Holds,
    Leaf,
    Lists,
    Literal,
    Moment,
    Pick,
    Plan,
    Source,
    Span,
    Step,
    Tells,
    replace_leaves,
)

_RELATIVE = re.compile(
    r"(?:today|tonight|tomorrow|yesterday|this\s+(?:morning|afternoon|evening)|(?:the\s+)?day\s+(?:after\s+tomorrow|before\s+yesterday))",
    re.IGNORECASE,
)  # fmt: skip
_DAY = re.compile(r"\^(\d{4}-\d\d-\d\d)")


class Fixed(Exception):
    """What would be the same each time: the words that say it."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


def is_relative(text: str, entity: Entity) -> bool:
    """Whether a day was told from the day on which it was said."""
    said = text[entity.span.start : entity.span.end]
    return entity.kind == "date" and entity.sure and _RELATIVE.fullmatch(said) is not None


def move(plan: Plan, days: Sequence[Entity], now: datetime) -> Plan:
    """The plan with the values of these days, said `now`, as moments. Raises Fixed where a value of theirs is none."""
    moving = _Moving(plan.intent, days, now.date())
    steps = tuple(moving.step(one) for one in plan.steps)
    return structs.replace(plan, steps=steps, answers=tuple(map(moving.answer, plan.answers)))


class _Moving:
    def __init__(self, text: str, days: Sequence[Entity], today: date) -> None:
        self._text = text
        self._days = days
        self._today = today

    def step(self, step: Step) -> Step:
        return structs.replace(step, arguments=replace_leaves(step.arguments, self._leaf))

    def answer(self, answer: Answer) -> Answer:
        match answer:
            case Counts() | Lists():
                return structs.replace(answer, where=self._where(answer.where))
            case Holds(value=Pick() as value) | Tells(value=Pick() as value):
                return structs.replace(answer, value=structs.replace(value, where=self._where(value.where)))
            case _:
                return answer

    def _leaf(self, _: str, leaf: Leaf) -> Source:
        match leaf:
            case Pick(where=where):
                return structs.replace(leaf, where=self._where(where))
            case Literal(value=value, span=Span() as span) if self._is_of_day(span):
                moment = self._moment(value)
                if moment is None:
                    raise Fixed(self._text[span.start : span.end])
                return moment
            case _:
                return leaf

    def _is_of_day(self, span: Span) -> bool:
        return any(one.span.start < span.end and span.start < one.span.end for one in self._days)

    def _moment(self, value: Any) -> Moment | None:
        """The moment that a day, its start or its end is; None where it is another time."""
        try:
            if len(value) == len("2026-03-04"):
                return Moment((date.fromisoformat(value) - self._today).days)
            then = datetime.fromisoformat(value)
        except (TypeError, ValueError):
            return None
        days = (then.date() - self._today).days
        if then.time() == time.min:
            return Moment(days, "start")
        return Moment(days, "end") if then.time() >= time(23, 59) else None

    def _where(self, where: Sequence[Fits]) -> tuple[Fits, ...]:
        return tuple(map(self._fits, where))

    def _fits(self, one: Fits) -> Fits:
        """What is on one of the days is on that day of each run."""
        found = _DAY.fullmatch(str(one.fits.get("pattern", ""))) if one.fits.keys() == {"pattern"} else None
        told = date.fromisoformat(found[1]) if found is not None else None
        if told is None or not any(each.value == told for each in self._days):
            return one
        return Fits(one.pointer, days=(told - self._today).days)
