"""`If the back door is unlocked, lock it`: a command, and one thing that has to be so when it comes to it. The thing is read as a
step of the plan, and what is to be done waits on a field of it. Reads for the plan; writes nothing."""

import re
from collections.abc import Sequence
from typing import Any

from msgspec import Struct, structs

from gateway.core.agree import calls, content
from gateway.core.listing import Listing, lister_of
from gateway.core.match import Thing, is_same, match_things, read_things
from gateway.core.narrow import field_says
from gateway.core.plan import Literal, Plan, Ref, Slot, Source, Span, Step, When
from gateway.core.plan_check import check_plan
from gateway.core.planned import Impossible, Planned, Ready
from gateway.core.question import read_clauses
from gateway.core.reach import place_of
from gateway.core.tool import Tool
from gateway.core.wanted import names_thing, wanted_of
from gateway.planners.base import Sight, Unseen
from gateway.planners.things import Looking

STEP = "if"
_IS = r"(?P<what>[\w' -]+?)(?:'s|\s+(?:is|are))(?P<not>n't|\s+not)?\s+(?:(?:still|currently|already)\s+)?(?P<state>[a-z]+)"
_FIRST = re.compile(rf"(?:please\s+)?if\s+{_IS}\s*,\s*(?:then\s+)?(?P<main>\S.*)", re.IGNORECASE | re.DOTALL)
_LAST = re.compile(rf"(?P<main>\S.*?)\s+if\s+{_IS}\s*[.!]?\s*", re.IGNORECASE | re.DOTALL)


class Condition(Struct, frozen=True):
    """`what` has to be in the `state`, or not (`negated`), for `main`, the command; characters of the text."""

    what: Span
    state: str
    negated: bool
    main: Span


class _Found(Struct, frozen=True):
    tool: Tool
    argument: str
    thing: Thing
    place: str
    value: bool


def condition_of(text: str) -> Condition | None:
    """The condition of a text that has one, in words that are understood; None where it has none."""
    first = _FIRST.fullmatch(text.strip())
    found = first or _LAST.fullmatch(text.strip())
    if found is None or re.search(r"\bif\b|[.!?;]\s", found["main"], re.IGNORECASE):
        return None
    # `Lock the door and turn off the light if it is late`: whether the first of two is meant too, nobody can tell.
    if first is None and len(read_clauses(found["main"])) > 1:
        return None
    by = len(text) - len(text.lstrip())
    what, main = (Span(by + found.start(name), by + found.end(name)) for name in ("what", "main"))
    return Condition(what, found["state"].lower(), bool(found["not"]), main)


async def only_if(text: str, told: Condition, planned: Planned, sight: Sight) -> Planned:
    """The plan of the command, carried out only where the condition holds then."""
    if not isinstance(planned, Ready):
        return planned
    reason = f"I could not be sure how to find out whether “{text[told.what.start : told.what.end]}” is {told.state}."
    found = await _find(text, told, planned.plan, sight)
    if len(found) != 1:
        return Impossible(planned.because, reason)
    (one,) = found
    value = one.value is not told.negated
    read = Step(STEP, one.tool.name, {one.argument: Literal(one.thing.id, told.what)})
    steps = _on_it(planned.plan, one.thing, told)
    writes = [step for step in steps if sight.tools[step.tool].effect != "read"]
    if not writes or any(step.when is not None for step in writes):
        return Impossible(planned.because, reason)
    when = When(Ref(STEP, one.place), {"const": value})
    made = tuple(structs.replace(step, when=when) if step in writes else step for step in steps)
    plan = structs.replace(planned.plan, intent=text, steps=(read, *made))
    if check_plan(plan, sight.tools, sight.loose):
        return Impossible(planned.because, reason)
    because = f"Only if {one.thing.label} has {one.place[1:]} = {str(value).lower()} then."
    return structs.replace(planned, because=(*planned.because, because), plan=plan)


async def _find(text: str, told: Condition, plan: Plan, sight: Sight) -> list[_Found]:
    """The tools that show a thing of that name, or that of the command (`if it is on`), with a field that says whether it is so."""
    looking, found = Looking(sight), []
    said = frozenset(content(text, told.what))
    is_it = text[told.what.start : told.what.end].strip().lower() == "it"
    given = [one for step in plan.steps for one in step.arguments.values() if isinstance(one, Literal)]
    ids = [one.value for one in given] if is_it and len(plan.steps) == 1 else []
    for tool in sight.tools.values():
        needed = [one for one in wanted_of(tool) if one.required]
        if tool.effect != "read" or len(needed) != 1 or not names_thing(needed[0]):
            continue
        fields = place_of(tool.output_schema)
        told_by = {f"/{name}": field_says(f"/{name}", value=True, word=told.state) for name in fields.names}
        places = {
            at: value for at, value in told_by.items() if value is not None and fields.at(at).kinds == {"boolean"}
        }
        listing = lister_of(tool, needed[0], sight.tools) if len(places) == 1 else None
        thing = await _named(said, ids, listing, looking, sight) if listing is not None and (said or ids) else None
        if thing is not None:
            found += [_Found(tool, needed[0].name, thing, place, value) for place, value in places.items()]
    return found


async def _named(
    said: frozenset[str], ids: Sequence[Any], listing: Listing, looking: Looking, sight: Sight
) -> Thing | None:
    """The one thing of a list that goes by these words alone, or has one of these ids."""
    if any(one.required for one in wanted_of(listing.tool)):
        return None
    try:
        more: dict[Any, frozenset[str]] = {
            thing.id: thing.name
            for other in listing.beside(sight.tools)
            for thing in read_things(await looking.things(other, {}), other.key)
        }
        things = read_things(await looking.things(listing, {}), listing.key, more)
    except Unseen:
        return None
    if ids:
        return next((one for one in things if any(is_same(one.id, each) for each in ids)), None)
    match = match_things(things, said, calls(listing.noun))
    return match.things[0] if len(match.things) == 1 and match.by and not match.unknown else None


def _on_it(plan: Plan, thing: Thing, told: Condition) -> Sequence[Step]:
    """The steps, with `it` as the thing that the condition is about, where it is one of those that would be asked about."""

    def filled(source: Source) -> Source:
        offered = (source.schema or {}).get("anyOf", ()) if isinstance(source, Slot) else ()
        is_it = any(one.get("const") == thing.id for one in offered)
        return Literal(thing.id, told.what) if is_it else source

    words = content(plan.intent, told.main)
    is_pointing = bool(re.search(r"\b(?:it|them)\b", plan.intent[told.main.start : told.main.end], re.IGNORECASE))
    if not is_pointing or len(words) > 1:
        return plan.steps
    return [
        structs.replace(one, arguments={name: filled(source) for name, source in one.arguments.items()})
        for one in plan.steps
    ]
