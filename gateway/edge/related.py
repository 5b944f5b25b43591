"""How doors tell what a tool is related to: the family that it is of, what takes it back, what shows what it did, what can
follow on it and what gives its arguments. Knows no wire; who may see what is told by `discover`."""

from collections.abc import Iterable

from msgspec import Struct

from gateway.core.relation import Kind, Member, Related, Relation

RELATIONS_SHOWN_MAX = 15


class ShownRelation(Struct, frozen=True):
    """Another tool, and where each argument of the later call comes from: a JSON Pointer into the answer of the earlier one,
    with `-` for an item of a list, or `arguments:` and one into its arguments; also `headers:`, `constant:`, `template:`
    and `url:`. `kind` is what says so: the document itself (`told`, `link`), the paths (`family`), or names."""

    tool: str
    kind: Kind
    arguments: dict[str, str]


class ShownFamily(Struct, frozen=True):
    """The tools of one resource. `noun` is what one of its things is called, `role` what this tool does with them."""

    noun: str
    path: str
    role: str
    members: tuple[Member, ...]


class ShownRelated(Struct, frozen=True, omit_defaults=True):
    """`undo` takes a call back, `verify` shows what it did; `following` can be called with its answer, and the answers of
    `preceding` give its arguments. `more` counts those that are not shown."""

    family: ShownFamily | None = None
    undo: ShownRelation | None = None
    verify: ShownRelation | None = None
    following: tuple[ShownRelation, ...] = ()
    preceding: tuple[ShownRelation, ...] = ()
    more: int = 0


def show_related(related: Related | None) -> ShownRelated | None:
    """None where there is nothing to tell."""
    if related is None:
        return None
    family, undo, verify = related.family, related.undo, related.verify
    shown = ShownRelated(
        family=ShownFamily(family.noun, family.path, related.role, family.members) if family is not None else None,
        undo=_shown(undo, undo.later) if undo is not None else None,
        verify=_shown(verify, verify.later) if verify is not None else None,
        following=_first((one, one.later) for one in related.following),
        preceding=_first((one, one.earlier) for one in related.preceding),
        more=sum(max(0, len(side) - RELATIONS_SHOWN_MAX) for side in (related.following, related.preceding)),
    )
    return shown if shown != ShownRelated() else None


def say_related(related: Related | None) -> list[str]:
    """The same as lines for people."""
    shown = show_related(related)
    if shown is None:
        return []
    lines = []
    if shown.family is not None:
        others = ", ".join(f"{one.role} {one.tool}" for one in shown.family.members)
        lines.append(f"{shown.family.role} of the family {shown.family.path}: {others}")
    one_each = [("taken back by", shown.undo), ("shown by", shown.verify)]
    several = [
        *(("can be followed by", one) for one in shown.following),
        *(("can follow on", one) for one in shown.preceding),
    ]
    lines += [_say(what, one) for what, one in [*one_each, *several] if one is not None]
    return [*lines, f"and {shown.more} more"] if shown.more else lines


def _first(relations: Iterable[tuple[Relation, str]]) -> tuple[ShownRelation, ...]:
    return tuple(_shown(one, other) for one, other in relations)[:RELATIONS_SHOWN_MAX]


def _shown(one: Relation, other: str) -> ShownRelation:
    return ShownRelation(other, one.kind, {binding.argument: binding.origin for binding in one.bindings})


def _say(what: str, one: ShownRelation) -> str:
    given = ", ".join(f"{argument} from {origin or 'the answer'}" for argument, origin in one.arguments.items())
    return f"{what} {one.tool}" + (f" ({given})" if given else "")
