"""The steps of a plan in words, for people: which tool, and where each argument is from."""

import msgspec

from gateway.core.fact import ORIGIN
from gateway.core.plan import Default, Item, Leaf, Literal, Pick, Ref, Slot, Step, leaves


def say_step(step: Step) -> str:
    """`home_set_light(light_id = item/id, on = false), for each of lamps where {...}`."""
    told = ", ".join(f"{place[1:]} = {_say(leaf)}" for place, leaf in leaves(step.arguments))
    each = f", for each of {step.each.step}" if step.each is not None else ""
    where = f" where {msgspec.json.encode(step.when.fits).decode()}" if step.when is not None else ""
    return f"{step.tool}({told}){each}{where}"


def _say(leaf: Leaf) -> str:
    match leaf:
        case Slot():
            return "?"
        case Ref(step=step, pointer=pointer):
            return f"{step}{pointer}"
        case Pick(step=step, items=items, pointer=pointer):
            return f"{step}{items}, one's {pointer[1:]}"
        case Item(pointer=pointer):
            return f"item{pointer}"
        case Default(value=value, origin=origin) if origin.startswith(ORIGIN):
            return f"{msgspec.json.encode(value).decode()} ({origin})"
        case Literal(value=value) | Default(value=value):
            return msgspec.json.encode(value).decode()
