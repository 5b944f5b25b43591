"""What a planner is: it makes a typed plan of what a person says, or says what it would have to know, or why it cannot. Acts never:
what it looks up for a plan are reads, by the way that any call goes.

INVARIANT: a plan that is given passes `core.plan_check.check_plan`, and has a write only where the person's own words command it.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from msgspec import Struct

from gateway.core.fact import Fact
from gateway.core.planned import Finished, Planned, Told, Used
from gateway.core.replan import SoFar
from gateway.core.template import Template
from gateway.core.tool import Effect, Tool

# At most so many tools that fit a text best, of those of one of these effects, by their names.
Search = Callable[[str, int, frozenset[Effect]], Awaitable[Sequence[str]]]
# The JSON that a tool which reads answers to arguments, None where it has none. Raises Unseen.
Look = Callable[[str, Mapping[str, object]], Awaitable[Any]]


class Unseen(Exception):
    """What would have to be looked up cannot be: no credential, a refusal, or no answer. Its text is a sentence for people."""


class Wish(Struct, frozen=True):
    """What a person says, when (with the zone in which they speak, and its name where it has one), and in which language and
    country (`en-GB`; `en` where the country is not known). `told` is what they answered when they were asked about it, and `facts`
    are those that they had remembered."""

    text: str
    now: datetime
    locale: str = "en"
    zone: str = ""
    told: tuple[Told, ...] = ()
    facts: tuple[Fact, ...] = ()


class Sight(Struct, frozen=True, eq=False):
    """What one caller may use: their tools by name, a search among them, and reads of them; without `look` nothing is read.
    `loose` are the connectors whose answers may have what their documents do not declare, and `templates` are of connectors all of
    whose tools in them the caller may use."""

    tools: Mapping[str, Tool]
    search: Search
    look: Look | None = None
    loose: frozenset[str] = frozenset()
    templates: tuple[Template, ...] = ()


class Planner(Protocol):
    """One way to plan. `reserves` is the most that one planning takes; `goes_on`: whether it can plan from where a run is, and
    `by_steps`: whether it may be shown what tools answered, and say one step at a time."""

    name: str
    reserves: Used
    goes_on: bool
    by_steps: bool

    async def go_on(self, wish: Wish, sight: Sight, so_far: SoFar) -> Planned | Finished:
        """The same from where a run is; the plan that is given begins with the steps of `so_far`."""

    async def plan(self, wish: Wish, sight: Sight) -> Planned:
        """What came of it. Raises nothing that the wish could cause."""
