"""What a `$dynamicRef` means where it stands (JSON Schema 2020-12 section 8.2.3.2): the outermost of the schemas that were
gone through on the way that has a `$dynamicAnchor` of its name. A template (`Page`) is so filled by whoever refers to it.

The way is kept as a Scope: for each anchor's name the first that was met, and only of those names that something
further on asks for, so that whatever does not depend on the way is the same thing however it was come to. Beside what
has an `$id`, every component is a schema by itself.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from gateway.core.addresses import Addresses
from gateway.core.document import Tree
from gateway.core.place import At, Scope

# A schema that counts as one by itself: its file and its pointer.
Root: TypeAlias = tuple[str, str]

NAMES_MAX = 50
WAYS_MAX = 5_000
STEPS_MAX = 1_000_000
# There are more ways than WAYS_MAX: from here on nobody knows what a `$dynamicRef` means.
LOST: Scope = (("", "", ""),)

_COMPONENT = re.compile(r"/components/schemas/[^/]+|/definitions/[^/]+|(?:/[^/]+)*?/(?:schema|itemSchema)(?=/|$)")
_SCHEMA_KEYWORDS = frozenset(
    {"$id", "$schema", "$ref", "$defs", "type", "properties", "items", "allOf", "anyOf", "oneOf"}
)


class Ways:
    """The ways through these files. `find` gives the place of what a reference at a place names, None where there is
    nothing."""

    def __init__(
        self, trees: Mapping[str, Tree], files: Mapping[str, Addresses], find: Callable[[str, At], At | None]
    ) -> None:
        self._trees = trees
        self._files = files
        self._roots: dict[tuple[str, str], Root] = {}
        self._frames: dict[Root, dict[str, At]] = {}
        for uri, addresses in files.items():
            for pointer, name in addresses.dynamic:
                self._frames.setdefault(self._root(uri, pointer), {}).setdefault(name, At(None, uri, pointer))
        self._asked = self._asks(find)
        self._ways: set[tuple[Root, Scope]] = set()

    def enter(self, at: At, scope: Scope) -> At:
        """The same, as it is come to from where that scope is."""
        if scope == LOST:
            return at._replace(scope=LOST)
        root = self._root(at.uri, at.pointer)
        asked = self._asked.get(root, frozenset())
        met = {name: one for one in scope if (name := one[0]) in asked}
        for name, one in self._frames.get(root, {}).items():
            if name in asked:
                met.setdefault(name, (name, one.uri, one.pointer))
        told = tuple(sorted(met.values()))
        if told and (root, told) not in self._ways:
            if len(self._ways) >= WAYS_MAX:
                told = LOST
            self._ways.add((root, told))
        return at._replace(scope=told)

    def own_anchor(self, at: At, name: str) -> At | None:
        """The anchor of that name in the same schema."""
        return self._frames.get(self._root(at.uri, at.pointer), {}).get(name)

    def _root(self, uri: str, pointer: str) -> Root:
        key = (uri, pointer)
        if key not in self._roots:
            resource = self._files[uri].resource(pointer)
            component = _component(self._trees[uri], pointer)
            self._roots[key] = (uri, max(resource, component, key=len))
        return self._roots[key]

    def _asks(self, find: Callable[[str, At], At | None]) -> dict[Root, frozenset[str]]:
        """The names of the anchors that each schema, or what it refers to, asks for."""
        asked: dict[Root, set[str]] = {}
        referring: dict[Root, set[Root]] = {}
        for uri, addresses in self._files.items():
            for pointer, reference, is_dynamic in addresses.references:
                root = self._root(uri, pointer)
                if is_dynamic:
                    asked.setdefault(root, set()).add(reference.rpartition("#")[2])
                target = find(reference, At(None, uri, pointer))
                if target is not None:
                    referring.setdefault(self._root(target.uri, target.pointer), set()).add(root)
        self._refer_by_anchors(asked, referring)
        return _spread(asked, referring)

    def _refer_by_anchors(self, asked: Mapping[Root, Iterable[str]], referring: dict[Root, set[Root]]) -> None:
        """Whoever asks for an anchor may be given any of that name."""
        known: dict[str, set[Root]] = {}
        for root, names in asked.items():
            for name in names:
                known.setdefault(name, set()).add(root)
        for root, frame in self._frames.items():
            for name in frame:
                referring.setdefault(root, set()).update(known.get(name, ()))


def _component(tree: Tree, pointer: str) -> str:
    if "openapi" in tree or "swagger" in tree:
        found = _COMPONENT.match(pointer)
        return found[0] if found else pointer
    if not _SCHEMA_KEYWORDS.isdisjoint(tree):
        return ""
    # A file of schemas, side by side.
    return "/".join(pointer.split("/")[:2])


def _spread(asked: Mapping[Root, Iterable[str]], referring: Mapping[Root, set[Root]]) -> dict[Root, frozenset[str]]:
    """The same, with the names that are asked for further on; NAMES_MAX of them in all."""
    names = sorted({name for some in asked.values() for name in some})[:NAMES_MAX]
    told: dict[Root, set[str]] = {}
    steps = 0
    for name in names:
        waiting = [root for root, some in asked.items() if name in some]
        reached = set(waiting)
        while waiting and steps < STEPS_MAX:
            steps += 1
            new = referring.get(waiting.pop(), set()) - reached
            reached |= new
            waiting += new
        for root in reached:
            told.setdefault(root, set()).add(name)
    return {root: frozenset(some) for root, some in told.items()}
