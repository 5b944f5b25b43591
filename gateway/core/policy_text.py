"""Cedar text as policies: each with its name, what its scope names, what it reads. Knows no catalog."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import cedarpy
from cedarpy import pst
from msgspec import Struct

from gateway.core.obligation import ObligationUnknown, parse_obligations

PLACE_TRIES_MAX = 20
ID_CHARACTERS_MAX = 64
_ID = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{ID_CHARACTERS_MAX - 1}}}")

# `context.arguments.amount` is ("context", "arguments", "amount").
Path = tuple[str, ...]


class PolicyBroken(Exception):
    """A policy that cannot be used. `place` is its id, `from line 7`, or "" for the file as a whole. For the operator
    who wrote it, so Cedar's own words are in `detail`."""

    def __init__(self, file: str, place: str, detail: str) -> None:
        super().__init__(f"{file}: {place}: {detail}" if place else f"{file}: {detail}")
        self.file = file
        self.place = place
        self.detail = detail


class Policy(Struct, frozen=True):
    """One policy. `actions` are the names of the actions in its scope, empty where it is about every one; `reads` is
    every path from a variable, such as `principal.groups`, that its conditions look at; `names` every entity in it;
    `redact` the fields of the answer that are blotted out where it permits."""

    id: str
    file: str
    template: pst.Template
    actions: frozenset[str]
    reads: frozenset[Path]
    names: frozenset[pst.EntityUid]
    redact: tuple[str, ...] = ()

    @property
    def annotations(self) -> Mapping[str, str]:
        return self.template.annotations

    @property
    def reads_arguments(self) -> bool:
        return any(path[:2] == ("context", "arguments") for path in self.reads)


def parse_policies(file: str, text: str) -> list[Policy]:
    """The policies of one file, in order. Raises PolicyBroken."""
    try:
        told = cedarpy.policies_to_pst(text)
    except ValueError as error:
        raise PolicyBroken(file, _place(text), f"{error}.") from error
    for template in told.templates.values():
        raise PolicyBroken(
            file, template.annotations.get("id", ""), "templates are not supported; write the policy out."
        )
    return [_read(file, one) for one in told.static_policies.values()]


def cedar_set(policies: Iterable[pst.Template]) -> cedarpy.PolicySet:
    """Parsed policies as a set to evaluate, each under its own id."""
    by_id = pst.FrozenMap({one.id: one for one in policies})
    return cedarpy.PolicySet.from_pst(pst.PolicySet(pst.FrozenMap(), by_id, ()))


def _read(file: str, told: pst.Template) -> Policy:
    name = told.annotations.get("id", "")
    if not name:
        raise PolicyBroken(file, "", 'every policy needs an @id("...") to be told by.')
    if not _ID.fullmatch(name):
        detail = f"an @id is at most {ID_CHARACTERS_MAX} letters, digits, dots, dashes and underscores."
        raise PolicyBroken(file, repr(name[:ID_CHARACTERS_MAX]), detail)
    if told.effect == "forbid" and "needs_approval" in told.annotations:
        raise PolicyBroken(file, name, "only a permit can need an approval, and this is a forbid.")
    if "four_eyes" in told.annotations and "needs_approval" not in told.annotations:
        raise PolicyBroken(file, name, "@four_eyes is about an approval, and this needs none.")
    redact = _obligations(file, name, told)
    actions = frozenset(uid.id for uid in _actions(told.action))
    named = pst.Template(
        name, told.effect, told.principal, told.action, told.resource, told.clauses, dict(told.annotations)
    )
    return Policy(name, file, named, actions, frozenset(_paths(told.clauses)), pst.entity_uids(told), redact)


def _obligations(file: str, name: str, told: pst.Template) -> tuple[str, ...]:
    """An obligation that is not understood is none that could be kept, so that the policy is broken."""
    text = told.annotations.get("obligation")
    if text is None:
        return ()
    if told.effect == "forbid":
        raise PolicyBroken(file, name, "only a permit can oblige to something, and this is a forbid.")
    try:
        return parse_obligations(text)
    except ObligationUnknown as error:
        raise PolicyBroken(file, name, str(error)) from error


def _actions(scope: pst.ActionConstraint) -> tuple[pst.EntityUid, ...]:
    match scope:
        case pst.ActionEq(entity):
            return (entity,)
        case pst.ActionIn(entities):
            return entities
        case _:
            return ()


def _paths(clauses: tuple[pst.Clause, ...]) -> Iterator[Path]:
    """An explicit stack: the tree is as deep as its author made it."""
    waiting: list[Any] = list(clauses)
    while waiting:
        node = waiting.pop()
        if path := _path(node):
            yield path
        elif isinstance(node, Mapping):
            waiting.extend(node.values())
        elif isinstance(node, tuple):
            waiting.extend(node)
        elif is_dataclass(node):
            waiting.extend(getattr(node, one.name) for one in fields(node))


def _path(node: object) -> Path:
    """The path that an expression is, () where it is something else."""
    steps: list[str] = []
    while isinstance(node, pst.GetAttr | pst.HasAttr):
        steps[:0] = [node.attr] if isinstance(node, pst.GetAttr) else node.attrs
        node = node.base
    return (node.name, *steps) if isinstance(node, pst.Var) else ()


def _place(text: str) -> str:
    """Where the policy that cannot be parsed begins: Cedar says what is wrong and not where."""
    lines = text.splitlines()
    start = tries = 0
    for end, line in enumerate(lines, 1):
        if not line.rstrip().endswith(";"):
            continue
        if _is_parsable("\n".join(lines[start:end])):
            start, tries = end, 0
        elif (tries := tries + 1) == PLACE_TRIES_MAX:
            break
    begun = next((number for number, line in enumerate(lines[start:], start + 1) if line.strip()), start + 1)
    return f"from line {begun}"


def _is_parsable(text: str) -> bool:
    try:
        cedarpy.policies_to_pst(text)
    except ValueError:
        return False
    return True
