"""Wishes that come again and again, before another planner: `every weekday at 7 tell me the weather`. What is left without the
words that say when is planned as ever, and a standing intent of that is proposed; nothing is made one here.
"""

import re
from datetime import datetime, timedelta

from msgspec import Struct, structs

from gateway.core.entities import read_entities
from gateway.core.entity import Entity
from gateway.core.moving import Fixed, is_relative, move
from gateway.core.plan import Slot, leaves
from gateway.core.planned import Asks, Choice, Comes, Finished, Impossible, Planned, Ready, chosen
from gateway.core.question import read_clauses
from gateway.core.replan import SoFar
from gateway.core.schedule import Cron
from gateway.core.standing import NewStanding
from gateway.core.tool import Tool
from gateway.planners.base import Planner, Sight, Wish

EXPIRES_DAYS = 365
# Those that are offered where nobody said a time.
HOURS = (7, 12, 18, 21)
UTC_NAME = "UTC"
_DAYS = {
    "*": "every day", "1-5": "every weekday", "0,6": "at weekends", "0": "on Sundays", "1": "on Mondays",
    "2": "on Tuesdays", "3": "on Wednesdays", "4": "on Thursdays", "5": "on Fridays", "6": "on Saturdays",
}  # fmt: skip
# What a clock or a calendar repeats by itself.
_ITS_OWN = re.compile(r"\b(?:alarms?|remind(?:ers?)?|wake|events?|meetings?|appointments?|timers?)\b", re.IGNORECASE)
_TIMELY = ("date", "datetime", "range", "time")
_EDGES = re.compile(r"^[\s,;]*(?:and\s+)?|[\s,;]+$")


class Repeating:
    """A Planner that plans as another does, and proposes what is to come again and again."""

    def __init__(self, planner: Planner) -> None:
        self.name, self.reserves = planner.name, planner.reserves
        self.goes_on, self.by_steps = planner.goes_on, planner.by_steps
        self._planner = planner

    async def plan(self, wish: Wish, sight: Sight) -> Planned:
        match read_again(wish):
            case Again() as again:
                return proposed(await self._planner.plan(again.wish, sight), again, wish, sight)
            case Asks() as asks:
                return asks
            case told:
                planned = await self._planner.plan(wish, sight)
        if isinstance(planned, Impossible) and told is not None:
            return structs.replace(planned, reason=told.reason)
        return planned

    async def go_on(self, wish: Wish, sight: Sight, so_far: SoFar) -> Planned | Finished:
        return await self._planner.go_on(wish, sight, so_far)


class Again(Struct, frozen=True):
    """Five fields of cron, the wish without the words that say when, the days that it tells from today, and what was taken for
    granted."""

    cron: str
    wish: Wish
    days: tuple[Entity, ...] = ()
    because: tuple[str, ...] = ()


def read_again(wish: Wish) -> Again | Asks | Impossible | None:
    """When a wish comes again and again; which time is meant, where that is not plain; None where it does not."""
    entities = read_entities(wish.text, wish.now, wish.locale)
    repeats = [one for one in entities if one.kind == "recurrence"]
    if not repeats:
        return None
    one, said = repeats[0], wish.text[repeats[0].span.start : repeats[0].span.end]
    rest = wish.text[: one.span.start] + " " * len(said) + wish.text[one.span.end :]
    edge = _EDGES.match(rest)
    rest = " " * edge.end() + rest[edge.end() :] if edge else rest
    commands = [each for each in read_clauses(rest) if each.mood.kind == "command"]
    if commands and any(_ITS_OWN.search(rest[each.span.start : each.span.end]) for each in commands):
        return Impossible((), "It is to be done again and again, and I do such things once.")
    if len(repeats) > 1:
        return Impossible((), "It comes at more than one time; say them one by one.")
    kept = tuple(each for each in entities if each.kind in _TIMELY and each is not one)
    if fixed := [each for each in kept if not is_relative(wish.text, each)]:
        return _fixed(wish.text[fixed[0].span.start : fixed[0].span.end])
    shorter = structs.replace(wish, text=rest)
    if one.sure:
        return Again(one.value, shorter, kept)
    is_told = bool(re.search(r"\d|noon|midnight|past|o'clock", said))
    if is_told and not commands:
        return Again(one.value, shorter, kept, (f"“{said}” is taken as {say_when(one.value)}.",))
    asks = _asks_time(one, said, is_told=is_told)
    choice = chosen(asks, wish.told)
    return asks if choice is None else Again(str(choice.value), shorter, kept)


def _fixed(words: str) -> Impossible:
    return Impossible((), f"It comes again and again, and “{words}” would be the same each time; leave that out.")


def _asks_time(one: Entity, said: str, *, is_told: bool) -> Asks:
    """At what time, where nobody said it, or it may be two."""
    days = " ".join(one.value.split()[2:])
    crons = [one.value, *one.others] if is_told else [f"0 {hour} {days}" for hour in HOURS]
    return Asks((), f"At what time shall it come (“{said}”)?", tuple(Choice(each, say_when(each)) for each in crons))


def proposed(planned: Planned, again: Again, wish: Wish, sight: Sight) -> Planned:
    """What it is that comes again and again, once it is planned."""
    if not isinstance(planned, Ready):
        return planned
    try:
        plan = move(structs.replace(planned.plan, intent=wish.text), again.days, wish.now)
    except Fixed as error:
        return _fixed(error.words)
    asked = [leaf for step in plan.steps for _, leaf in leaves(step.arguments) if isinstance(leaf, Slot)]
    if asked:
        return Impossible(planned.because, f"Nobody is there to be asked when it comes: {asked[0].question}")
    zone = wish.zone or _zone_of(wish.now)
    when = f"{say_when(again.cron)}, {zone}"
    standing = NewStanding(
        plan=plan,
        trigger=Cron(again.cron, zone),
        expires_at=wish.now + timedelta(days=EXPIRES_DAYS),
        missed="once",
    )
    writes = any(_writes(sight.tools.get(step.tool)) for step in plan.steps)
    return Comes((*again.because, *planned.because), standing, when, writes=writes)


def say_when(cron: str) -> str:
    """`0 7 * * 1-5` is `every weekday at 07:00`."""
    minute, hour, _, _, days = cron.split()
    if minute.isdigit() and hour.isdigit():
        return f"{_DAYS.get(days, f'on days {days}')} at {int(hour):02}:{int(minute):02}"
    if hour.startswith("*/"):
        return f"every {hour[2:]} hours"
    return f"every {minute[2:]} minutes" if minute.startswith("*/") else "every hour"


def _writes(tool: Tool | None) -> bool:
    return tool is None or tool.effect != "read"


def _zone_of(now: datetime) -> str:
    """The name of the zone of a moment, where it has one."""
    return str(getattr(now.tzinfo, "key", UTC_NAME))
