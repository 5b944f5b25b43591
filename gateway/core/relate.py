"""How the tools of one document follow on one another: by what it says itself, by the paths of its resources, by names."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import structs

from gateway.core.directory import Made
from gateway.core.edges import Web
from gateway.core.family import Entry, Group, group_entries, place_entries
from gateway.core.links import Told, read_links
from gateway.core.noun import noun_of
from gateway.core.relation import Family, Related, Relation
from gateway.core.route import Route, is_literal, read_route
from gateway.core.source import Source
from gateway.core.thing_key import Fields, list_in
from gateway.core.tool import Tool
from gateway.core.undo import undo_of, verify_of

# Of more than these, the first count: what the document says, then what is nearest.
FOLLOWING_MAX = 30
PRECEDING_MAX = 20


def relate(source: Source, made: Sequence[Made], ids: Iterable[str]) -> tuple[Tool, ...]:
    """The tools, each with its relations. `ids` are operationIds and `METHOD /path` of all operations of the document."""
    told = read_links(source, made, ids)
    answers = Fields(source.schemas.definition_of("output"))
    entries = [_entry(one.tool, route, answers) for one in made if (route := read_route(one.tool.operation.path))]
    groups = group_entries(place_entries(entries))
    web = Web(entries, groups, source.schemas.definition_of("input"), answers)
    share = _Share()
    found = _families(web, groups, share)
    links = [link for one in told.values() for link in one.links]
    following, preceding = _sides(map(share, [*links, *(edge for entry in entries for edge in web.edges(entry))]))
    return tuple(
        _related(one.tool, told.get(one.tool.name, Told()), found.get(one.tool.name, Related()), following, preceding)
        for one in made
    )


class _Share:
    """One object for what is the same: many tools bind the same arguments, and one relation stands with both its tools."""

    def __init__(self) -> None:
        self._same: dict[Any, Any] = {}

    def __call__(self, one: Relation) -> Relation:
        bindings = tuple(self._same.setdefault(binding, binding) for binding in one.bindings)
        shared = structs.replace(one, bindings=self._same.setdefault(bindings, bindings))
        kept: Relation = self._same.setdefault(shared, shared)
        return kept


def _entry(tool: Tool, route: Route, answers: Fields) -> Entry:
    if not bytes(tool.outputs):
        return Entry(tool, route)
    answer = msgspec.json.decode(tool.outputs)
    last = route.steps[-1] if route.steps else ""
    is_list = answers.is_list(answer)
    has_list = is_list or (is_literal(last) and list_in(answers, answer, noun_of(last)) is not None)
    return Entry(tool, route, is_list, has_list)


def _families(web: Web, groups: Mapping[tuple[str, ...], Group], share: _Share) -> dict[str, Related]:
    """By the names of their tools: the family, the role, what takes a call back, what shows what it did."""
    found: dict[str, Related] = {}
    for group in groups.values():
        family: Family = group.frozen()
        for role, entry in group.entries:
            undo, verify = undo_of(web, group, role, entry), verify_of(web, group, role, entry)
            found[entry.tool.name] = Related(family, role, undo and share(undo), verify and share(verify))
    return found


def _sides(relations: Iterable[Relation]) -> tuple[dict[str, list[Relation]], dict[str, list[Relation]]]:
    """The relations by the earlier tool, and by the later. What a document says itself is not inferred once more."""
    following: dict[str, list[Relation]] = {}
    preceding: dict[str, list[Relation]] = {}
    seen: set[tuple[str, str, tuple[str, ...]]] = set()
    for one in relations:
        pair = (one.earlier, one.later, tuple(binding.argument for binding in one.bindings))
        if pair not in seen or one.kind == "link":
            seen.add(pair)
            following.setdefault(one.earlier, []).append(one)
            preceding.setdefault(one.later, []).append(one)
    return following, preceding


def _related(
    tool: Tool,
    told: Told,
    found: Related,
    following: Mapping[str, list[Relation]],
    preceding: Mapping[str, list[Relation]],
) -> Tool:
    related = structs.replace(
        found,
        undo=told.undo or found.undo,
        verify=told.verify or found.verify,
        following=tuple(following.get(tool.name, ())[:FOLLOWING_MAX]),
        preceding=tuple(preceding.get(tool.name, ())[:PRECEDING_MAX]),
    )
    return structs.replace(tool, related=related) if related != Related() else tool
