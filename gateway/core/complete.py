"""Typed intents: a tool and what is known, made a plan with no language at all. What is no argument of it is a field of the thing
that one of its arguments names; what nobody gives is asked."""

from collections.abc import Mapping
from typing import Any

from gateway.core.fill import ask_for
from gateway.core.listing import Listing, lister_of
from gateway.core.option import PAGES
from gateway.core.plan import Default, Item, Literal, Plan, Ref, Source, Step, When
from gateway.core.plan_check import check_plan
from gateway.core.planned import Impossible, Planned, Ready
from gateway.core.pointer import escape
from gateway.core.reach import place_of
from gateway.core.tool import Tool
from gateway.core.wanted import Wanted, names_thing, wanted_of

GOAL, LISTED = "goal", "list"
PAGES_READ = 5


def complete(goal: str, known: Mapping[str, Any], tools: Mapping[str, Tool]) -> Planned:
    """The plan that calls `goal` with what is `known`: for each thing that fits the known fields, where some name one. `tools` are
    those that the caller may call."""
    tool = tools.get(goal)
    if tool is None:
        return Impossible((), f"There is no tool named {goal[:64]!r} that you may call.")
    wanted = wanted_of(tool)
    arguments: dict[str, Source] = {one.name: Literal(known[one.name]) for one in wanted if one.name in known}
    fields = {name: value for name, value in known.items() if name not in arguments}
    steps: list[Step] = []
    each, when = None, None
    for one in wanted:
        if one.name in arguments or not one.required:
            continue
        listing = lister_of(tool, one, tools) if names_thing(one) and fields and each is None else None
        if listing is not None and (condition := _condition(listing, fields)) is not None:
            steps.append(Step(LISTED, listing.tool.name, _asked(listing)))
            arguments[one.name] = Item(listing.key, as_text=listing.as_text)
            each, when, fields = Ref(LISTED, listing.items), condition, {}
        else:
            arguments[one.name] = _default(one) or ask_for(one)
    if fields:
        return Impossible((), f"Nothing that {goal} takes is told by {', '.join(sorted(fields))}.")
    plan = Plan(goal, (*steps, Step(GOAL, goal, arguments, each, when)))
    problems = check_plan(plan, tools)
    if problems:
        return Impossible((), f"What is known does not fit {goal}.", tuple(one.detail for one in problems[:5]))
    return Ready((f"{goal}: {tool.title}.",), plan)


def _condition(listing: Listing, fields: Mapping[str, Any]) -> When | None:
    """That the fields are these, where each listed thing has them. One field can be a condition of a step, and no more."""
    ((name, value), *more) = fields.items()
    place = f"/{escape(name)}"
    declared = place_of(listing.tool.output_schema).at(f"{listing.items}/-{place}")
    is_plain = isinstance(value, str | int | float | bool)
    return When(Item(place), {"const": value}) if declared.schemas and is_plain and not more else None


def _asked(listing: Listing) -> dict[str, Source]:
    asked: dict[str, Source] = {one.name: ask_for(one) for one in wanted_of(listing.tool) if one.required}
    return asked | ({PAGES: Literal(PAGES_READ)} if PAGES in listing.tool.options else {})


def _default(one: Wanted) -> Default | None:
    return Default(one.schema["default"], "the document") if "default" in one.schema else None
