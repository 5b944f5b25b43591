"""How the tools of one document follow on one another: what the document says of it."""

from collections.abc import Iterable, Mapping, Sequence

from msgspec import structs

from gateway.core.directory import Made
from gateway.core.links import Told, read_links
from gateway.core.relation import Related, Relation
from gateway.core.source import Source
from gateway.core.tool import Tool

# Of more than these, the first count: what the document says goes first.
FOLLOWING_MAX = 30
PRECEDING_MAX = 20


def relate(source: Source, made: Sequence[Made], ids: Iterable[str]) -> tuple[Tool, ...]:
    """The tools, each with its relations. `ids` are operationIds and `METHOD /path` of all operations of the document."""
    told = read_links(source, made, ids)
    relations = [link for one in told.values() for link in one.links]
    following, preceding = _sides(relations)
    return tuple(_related(one.tool, told.get(one.tool.name, Told()), following, preceding) for one in made)


def _sides(relations: Iterable[Relation]) -> tuple[dict[str, list[Relation]], dict[str, list[Relation]]]:
    """The relations by the earlier tool, and by the later."""
    following: dict[str, list[Relation]] = {}
    preceding: dict[str, list[Relation]] = {}
    for one in relations:
        following.setdefault(one.earlier, []).append(one)
        preceding.setdefault(one.later, []).append(one)
    return following, preceding


def _related(
    tool: Tool, told: Told, following: Mapping[str, list[Relation]], preceding: Mapping[str, list[Relation]]
) -> Tool:
    related = Related(
        undo=told.undo,
        verify=told.verify,
        following=tuple(following.get(tool.name, ())[:FOLLOWING_MAX]),
        preceding=tuple(preceding.get(tool.name, ())[:PRECEDING_MAX]),
    )
    return structs.replace(tool, related=related) if related != Related() else tool
