"""The steps of a plan in words, for people: which tool, and where each argument is from."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import structs

from gateway.core.fact import ORIGIN
from gateway.core.plan import Default, Item, Leaf, Literal, Moment, Pick, Plan, Ref, Slot, Step, leaves
from gateway.core.pointer import tokens
from gateway.core.redact import redact_arguments, secret_names
from gateway.core.tool import Tool

WRITES_SHOWN_MAX = 50


def say_writes(
    plan: Plan,
    tools: Mapping[str, Tool],
    secrets: Mapping[str, frozenset[str]],
    answers: Mapping[str, Any] | None = None,
) -> tuple[str, ...]:
    """The writes of a plan without what is secret, `secrets` being the names that are so by connector, and with the `answers`
    to what it asks, by their keys; () where these are more than WRITES_SHOWN_MAX, which nobody looks at."""
    writes = [step for step in plan.steps if step.tool in tools and tools[step.tool].effect != "read"]
    if len(writes) > WRITES_SHOWN_MAX:
        return ()
    named = {one.name: secret_names(one.input_schema) | secrets.get(one.connector, frozenset()) for one in tools.values()
             if any(step.tool == one.name for step in writes)}  # fmt: skip
    return tuple(say_step(step, named[step.tool], answers) for step in writes)


def say_step(step: Step, secrets: frozenset[str] | None = None, answers: Mapping[str, Any] | None = None) -> str:
    """`home_set_light(light_id = item/id, on = false), for each of lamps where {...}`; with `secrets`, the names of what is secret,
    as a log shows it."""
    sources = ((place, _answered(step, place, leaf, answers or {})) for place, leaf in leaves(step.arguments))
    told = ", ".join(f"{place[1:]} = {_say(_shown(place, leaf, secrets))}" for place, leaf in sources)
    each = f", for each of {step.each.step}" if step.each is not None else ""
    where = f" where {msgspec.json.encode(step.when.fits).decode()}" if step.when is not None else ""
    return f"{step.tool}({told}){each}{where}"


def _answered(step: Step, place: str, leaf: Leaf, answers: Mapping[str, Any]) -> Leaf:
    """The source, or what was answered to what it asks."""
    key = f"{step.name}{place}"
    return Literal(answers[key]) if isinstance(leaf, Slot) and key in answers else leaf


def _shown(place: str, leaf: Leaf, secrets: frozenset[str] | None) -> Leaf:
    """The source, with its value as a log shows it."""
    if secrets is None or not isinstance(leaf, Literal | Default):
        return leaf
    name = next((one for one in tokens(place) if one in secrets), tokens(place)[-1])
    shown = msgspec.json.decode(redact_arguments({name: leaf.value}, secrets))
    return structs.replace(leaf, value=shown.get(name))


def _say(leaf: Leaf) -> str:
    match leaf:
        case Slot():
            return "?"
        case Ref(step=step, pointer=pointer):
            return f"{step}{pointer}"
        case Moment(days=days, form=form):
            return f"the {form} of the day{f' {days:+} days' if days else ''}" if form != "now" else "the time then"
        case Pick(step=step, items=items, pointer=pointer):
            return f"{step}{items}, one's {pointer[1:]}"
        case Item(pointer=pointer):
            return f"item{pointer}"
        case Default(value=value, origin=origin) if origin.startswith(ORIGIN):
            return f"{msgspec.json.encode(value).decode()} ({origin})"
        case Literal(value=value) | Default(value=value):
            return msgspec.json.encode(value).decode()
