"""What a person had remembered, before and behind another planner: their own names for things are put in the words that these mean,
and what would be asked is filled by their defaults. A wish to remember something is proposed, and nothing is kept here."""

from collections.abc import Sequence

from msgspec import structs

from gateway.core.fact import Fact, sentence
from gateway.core.plan_check import check_plan
from gateway.core.planned import Finished, Impossible, Planned, Proposes, Ready
from gateway.core.presets import fill_open
from gateway.core.remember import read_asked
from gateway.core.replan import SoFar
from gateway.core.reword import reword
from gateway.planners.base import Planner, Sight, Wish


class Recalling:
    """A Planner that plans as another does, with the facts of the wish."""

    def __init__(self, planner: Planner) -> None:
        self.name, self.reserves = planner.name, planner.reserves
        self.goes_on, self.by_steps = planner.goes_on, planner.by_steps
        self._planner = planner

    async def plan(self, wish: Wish, sight: Sight) -> Planned:
        if (asked := read_asked(wish.text)) is not None:
            return Proposes(("It is to be remembered.",), wish.text, asked, sentence(asked))
        other = reword(wish.text, wish.facts)
        because = tuple(map(_say, other.facts))
        planned = await self._planner.plan(structs.replace(wish, text=other.text), sight)
        if not isinstance(planned, Ready):
            return structs.replace(planned, because=(*because, *planned.because))
        plan, fills = fill_open(other.back(planned.plan), wish.facts, sight.tools)
        told = tuple(f"{one.step}: {one.argument} is {one.value!r}. {_say(one.fact)}" for one in fills)
        because = (*because, *planned.because, *told)
        if (other.pieces or fills) and (problems := check_plan(plan, sight.tools, sight.loose)):
            details = tuple(one.detail for one in problems[:5])
            return Impossible(because, "What I made of it, with what I remember of you, does not hold.", details)
        return Ready(because, plan, _ids([*other.facts, *(one.fact for one in fills)]))

    async def go_on(self, wish: Wish, sight: Sight, so_far: SoFar) -> Planned | Finished:
        return await self._planner.go_on(wish, sight, so_far)


def _say(fact: Fact) -> str:
    told = sentence(fact.what)
    return f"{told[:1].upper()}{told[1:]}, as you had it remembered on {fact.at:%Y-%m-%d} ({fact.origin})."


def _ids(facts: Sequence[Fact]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.id for one in facts))
