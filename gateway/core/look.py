"""Whether a write took place, by a tool that reads: what its answer has to show, and whether it does."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw, Struct

from gateway.core.found import bind, value_at
from gateway.core.pointer import escape
from gateway.core.reach import place_of
from gateway.core.tool import Tool

GONE = frozenset({404, 410})


class Look(Struct, frozen=True):
    """A call that reads, and what it shows where the write took place: these values at these pointers, or that it is `gone`."""

    tool: Tool
    arguments: Mapping[str, object]
    shows: Mapping[str, object] = {}
    gone: bool = False


def declared_look(tool: Tool, arguments: Mapping[str, object], result: Any, tools: Mapping[str, Tool]) -> Look | None:
    """The look that the document of a tool tells; None where it tells none, or one that would show nothing: that is there
    what was made, that what was deleted is gone, or what the call said of the fields that both have."""
    related = tool.related
    if related is None or related.verify is None:
        return None
    later = tools.get(related.verify.later)
    found = bind(related.verify, arguments, result)
    if later is None or later.connector != tool.connector or later.effect != "read" or found is None:
        return None
    if related.role == "delete":
        return Look(later, found, gone=True)
    shows = _said(tool, arguments, later)
    return Look(later, found, shows) if shows or related.role == "create" else None


def _said(tool: Tool, arguments: Mapping[str, object], later: Tool) -> dict[str, object]:
    """What the call said of fields that the answer of the look declares, as far as these are plain values."""
    body = tool.operation.body
    answer = place_of(later.output_schema)
    fields = {f"/{escape(one.name)}": arguments.get(one.argument) for one in body.fields} if body is not None else {}
    return {
        place: value
        for place, value in fields.items()
        if isinstance(value, str | bool | int | float) and answer.at(place).schemas
    }


def judge(look: Look, status: int, structured: Raw) -> tuple[bool | None, str]:
    """Whether an answer shows it, and why not; None where it tells nothing."""
    name = look.tool.name
    if status in GONE:
        return look.gone, "" if look.gone else f"{name} finds nothing there"
    if not 200 <= status < 300:
        return None, f"{name} answered {status}"
    if look.gone:
        return False, f"{name} still finds it"
    try:
        value = msgspec.json.decode(structured) if bytes(structured) else None
    except msgspec.DecodeError:
        return None, f"{name} did not answer JSON"
    differing = [place for place, wanted in look.shows.items() if not _shows(value, place, wanted)]
    return not differing, f"{name} does not show it at {', '.join(differing)[:200]}" if differing else ""


def _shows(value: Any, place: str, wanted: object) -> bool:
    try:
        found = value_at(value, place)
    except LookupError:
        return False
    return isinstance(found, bool) == isinstance(wanted, bool) and bool(found == wanted)
