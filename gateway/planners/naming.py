"""Which one thing some words of a text name, for an argument that takes its id: found as the things of a wish are. Reads, writes
nothing."""

from collections.abc import Sequence

from gateway.core.agree import content
from gateway.core.entity import Entity
from gateway.core.fill import Filled
from gateway.core.listing import lister_of
from gateway.core.plan import Literal, Slot, Span
from gateway.core.question import Clause, Mood
from gateway.core.said import said_of
from gateway.core.tool import Tool
from gateway.core.wanted import Wanted
from gateway.planners.base import Sight
from gateway.planners.things import Looking, Things

_NAMED = Mood("command", "It names a thing.")


async def find_named(
    sight: Sight, text: str, span: Span, entities: Sequence[Entity], tool: Tool, one: Wanted
) -> Literal | Slot | None:
    """Its id; a choice, where several fit; None where none does, where all are meant, or where no kind of thing is named and no
    thing itself (`the kitchen`, for a lamp in it)."""
    if lister_of(tool, one, sight.tools) is None:
        return None
    things = Things(said_of(text, Clause(span, _NAMED), entities), sight, Looking(sight), "named")
    found = await things.find(tool, one, Filled({}, {}, (), ()), 1)
    is_told = not found.is_placed or bool(found.nouns & frozenset(content(text, span)))
    if found.problem or found.each or found.many or not is_told:
        return None
    is_choice = isinstance(found.source, Slot) and found.source.schema is not None
    return found.source if isinstance(found.source, Literal) or (isinstance(found.source, Slot) and is_choice) else None
