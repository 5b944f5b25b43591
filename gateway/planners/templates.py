"""Wishes that a connector's sentence templates know: `order eggs and two bottles of milk`, or `order the ingredients for Saturday's
dinner from the calendar`, where what is wanted stands in another thing. Reads what it needs, writes nothing."""

import re
from collections.abc import Mapping
from typing import Any

from msgspec import Struct, structs

from gateway.core.entities import stems_of
from gateway.core.entity import Entity
from gateway.core.fill import fill_arguments
from gateway.core.found import NotFoundThere, value_at
from gateway.core.match import labels_of, list_at, match_things, read_things
from gateway.core.noun import singular
from gateway.core.plan import Literal, Slot, Source, Span, Step
from gateway.core.planned import Asks, Choice, Impossible, chosen
from gateway.core.portion import Portion, labelled, packs_of, read_portions
from gateway.core.question import Clause, Mood
from gateway.core.said import Said, said_of
from gateway.core.template import Template, ThingsTold, fits, steps_of
from gateway.core.tool import Tool
from gateway.core.wanted import names_thing, wanted_of
from gateway.planners.base import Sight, Unseen, Wish
from gateway.planners.things import CHOICES_MAX, Looking, Things

TRIED_MAX = 6
CHAIN_MAX = 3
SHOWN_MAX = 80
# `The ingredients for Saturday's dinner`: what stands under a label in another thing.
_UNDER = re.compile(
    r"(?:all\s+)?(?:the|my|our)\s+(?P<label>[a-z]+)\s+(?:for|of|from|in|on)\s+(?P<thing>.+)", re.I | re.S
)
_QUESTION = Mood("question", "It is looked for.")


class Templated(Struct, frozen=True):
    """What a template made of one wish."""

    steps: tuple[Step, ...]
    because: tuple[str, ...]


class Templates:
    """The sentence templates of the connectors that a caller may use, for one wish; `name` begins the names of its steps."""

    def __init__(self, said: Said, wish: Wish, sight: Sight, looking: Looking, name: str) -> None:
        self._said = said
        self._locale = wish.locale
        self._told_before = wish.told
        self._sight = sight
        self._looking = looking
        self._name = name

    async def plan(self) -> Templated | Asks | Impossible | None:
        """What the one template comes to that knows the wish; None where none does. Only a command has one."""
        command = self._said.clause.mood.span
        if not self._said.writes or command is None:
            return None
        told = self._said.of(Span(command.start, self._said.span.end))
        known = [(one, found) for one in self._sight.templates if (found := fits(one, told))]
        if len(known) > 1:
            return Impossible((), "More than one of your services would do this; say which.")
        if not known:
            return None
        template, (start, end) = known[0]
        try:
            return await self._planned(template, Span(command.start + start, command.start + end))
        except Unseen as error:
            return Impossible((), f"{error}.")

    async def _planned(self, template: Template, told: Span) -> Templated | Asks | Impossible:
        day = None if _UNDER.fullmatch(self._said.of(told)) else self._day(told)
        told = told if day is None else self._before(told, day)
        text, because = self._said.of(told), ""
        span: Span | None = told
        if under := _UNDER.fullmatch(text):
            thing = Span(told.start + under.start("thing"), told.start + under.end("thing"))
            found = await self._thing(thing)
            if isinstance(found, Asks | Impossible):
                return found
            text, span = labelled(found, under["label"]), None
            because = f"“{self._said.of(thing)}” says: {text[:SHOWN_MAX]}."
            if not text:
                return Impossible((), f"“{self._said.of(thing)}” does not say what “{under['label']}” are.")
        portions = read_portions(text, self._locale)
        if not portions:
            return Impossible((), f"“{text[:SHOWN_MAX]}” names nothing that I know.")
        made = [await self._told(template.things, one, span) for one in portions]
        problem = next((one for one in made if isinstance(one, str)), "")
        if problem:
            return Impossible((), problem)
        things = [one for one in made if not isinstance(one, str)]
        steps = steps_of(template, things, self._name)
        if day is not None and not (steps := self._on(day, steps)):
            return Impossible((), f"I could not be sure what is to be “{self._said.of(day.span)}”.")
        return Templated(steps, tuple(filter(None, (because, template.note))))

    def _day(self, told: Span) -> Entity | None:
        """The day at the end of the list, which is no part of a thing."""
        end = told.start + len(self._said.of(told).rstrip(" .!"))
        days = (one for one in self._said.entities if one.kind == "date" and one.sure)
        return next((one for one in days if one.span.end == end and one.span.start > told.start), None)

    def _before(self, told: Span, day: Entity) -> Span:
        before = self._said.of(Span(told.start, day.span.start))
        return Span(told.start, told.start + len(re.sub(r"[\s,]*(?:\b(?:for|on|by))?\s*$", "", before)))

    def _on(self, day: Entity, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        """The steps with the day in the one place that asks for one; none where there is no such place."""
        asked = [
            (step.name, one.name)
            for step in steps
            for one in wanted_of(self._sight.tools[step.tool])
            if one.schema.get("format") == "date" and isinstance(step.arguments.get(one.name), Slot)
        ]
        if len(asked) != 1:
            return ()
        (at, name), value = asked[0], Literal(day.value.isoformat(), day.span)
        return tuple(
            structs.replace(one, arguments={**one.arguments, name: value}) if one.name == at else one for one in steps
        )

    async def _thing(self, span: Span) -> dict[str, Any] | Asks | Impossible:
        """The one thing that these words name, as the tool that shows it gives it."""
        said = said_of(self._said.text, Clause(span, _QUESTION), self._said.entities)
        tried = 0
        for name in await self._sight.search(said.told, 50, frozenset({"read"})):
            tool = self._sight.tools.get(name)
            needed = [one for one in wanted_of(tool) if one.required] if tool is not None else []
            if tool is None or len(needed) != 1 or not names_thing(needed[0]) or tried == TRIED_MAX:
                continue
            tried += 1
            found = await self._shown(tool, said)
            if found is not None:
                return found
        return Impossible((), f"I found nothing of yours that is “{said.told}”.")

    async def _shown(self, tool: Tool, said: Said) -> dict[str, Any] | Asks | None:
        """What a tool shows of the thing; None where it is not plain that it shows it."""
        needed = next(one for one in wanted_of(tool) if one.required)
        nothing = fill_arguments(tool, said.text, Span(said.span.start, said.span.start), (), {}, (), None)
        found = await Things(said, self._sight, self._looking, self._name).find(tool, needed, nothing, CHAIN_MAX)
        days = [one.span for one in said.entities if one.kind == "date"]
        left = said.words(days) - found.explained - found.plain - stems_of(tool.connector)
        if found.unknown or left or not found.explained or set(days) - set(found.used):
            return None
        if isinstance(found.source, Slot):
            choices = (found.source.schema or {}).get("anyOf", ())
            asks = Asks((), found.source.question, tuple(Choice(one["const"], one["title"]) for one in choices))
            choice = chosen(asks, self._told_before)
            if choice is None:
                return asks
            value = choice.value
        elif isinstance(found.source, Literal) and not found.many:
            value = found.source.value
        else:
            return None
        shown = await self._looking.look(tool.name, {needed.name: value})
        return shown if isinstance(shown, dict) else None

    async def _told(self, told: ThingsTold, one: Portion, within: Span | None) -> Mapping[str, Source] | str:
        """A thing of the list and how many of it, or why it is not known which. `within` is where the person said the list, None
        where another service did."""
        listed: list[Any] = []
        for words in dict.fromkeys([one.name, " ".join(map(singular, one.name.split()))]):
            listed = list_at(await self._looking.look(told.tool, {told.query: words}), told.items)
            if listed:
                break
        things = read_things(listed, told.id)
        match = match_things(things, stems_of(one.name), frozenset())
        if not match.things or match.unknown:
            return f"There is no “{one.name}”."
        span = Span(within.start + one.span.start, within.start + one.span.end) if within is not None else None
        offered = match.things[:CHOICES_MAX]
        if len(offered) > 1:
            choices = [
                {"const": each.id, "title": label} for each, label in zip(offered, labels_of(offered), strict=True)
            ]
            question = f"Which {one.name}: {', '.join(labels_of(offered))}?"[:1_000]
            return {"/id": Slot(question, {"type": "string", "anyOf": choices}), "/count": self._asked(one.name, "")}
        pack = str(_at(listed, told, offered[0].id)) if told.pack else ""
        count = packs_of(one, pack, self._locale)
        many = Literal(count, span) if count is not None else self._asked(offered[0].label, pack)
        return {"/id": Literal(offered[0].id, span), "/count": many}

    def _asked(self, label: str, pack: str) -> Slot:
        return Slot(f"How many of “{label}”{f' ({pack})' if pack else ''}?")


def _at(listed: list[Any], told: ThingsTold, identity: Any) -> Any:
    """What one thing of the list says of its pack, "" where it says nothing."""
    one = next(each for each in listed if value_at(each, told.id) == identity)
    try:
        return value_at(one, told.pack)
    except NotFoundThere:
        return ""
