"""The addresses that parts of a document give themselves: `$id`, `$anchor`, `$dynamicAnchor` of schemas (JSON Schema 2020-12
section 8.2) and `$self` of a whole document (OAS 3.2 section 4.1.1). A file is looked through once, and only where it
can have any."""

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urldefrag

from msgspec import Struct

from gateway.core.document import Tree, join_uri
from gateway.core.pointer import escape

Json = dict[str, Any]

ADDRESSES_MAX = 10_000
VISITED_MAX = 5_000_000
# Of all pointers together: those of wide objects deep inside others are long, and many.
POINTER_CHARACTERS_MAX = 100_000_000

# What these hold is a value, and no schema.
LITERALS = frozenset({"example", "examples", "enum", "const", "default", "value", "dataValue"})
# Their members are called what the document likes.
MAPS = frozenset(
    {"properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "schemas", "responses"}
    | {"parameters", "requestBodies", "headers", "pathItems", "mediaTypes", "paths", "content", "webhooks", "callbacks"}
)


class Addresses(Struct, frozen=True):
    """Of one file. `bases`: what relative references start from, by the pointer of what it holds for, "" being all of the
    file. `anchors`: the pointer of each by its base and name. `dynamic`: pointer and name of each `$dynamicAnchor`.
    `references`: where each `$ref` and `$dynamicRef` stands, and what it says."""

    bases: Mapping[str, str]
    anchors: Mapping[tuple[str, str], str]
    dynamic: tuple[tuple[str, str], ...]
    references: tuple[tuple[str, str, bool], ...]

    def resource(self, pointer: str) -> str:
        """The pointer of the nearest schema around that has an `$id` of its own, or "" for the file."""
        while pointer and pointer not in self.bases:
            pointer = pointer[: pointer.rindex("/")]
        return pointer

    def base(self, pointer: str) -> str:
        return self.bases[self.resource(pointer)]


class Index:
    """The addresses in these files."""

    def __init__(self, trees: Mapping[str, Tree]) -> None:
        self._trees = trees
        self._bases: dict[str, Addresses | None] = {}
        self._every: dict[str, Addresses] = {}
        self._resources: dict[str, tuple[str, str]] | None = None

    def addressed(self, uri: str) -> Addresses | None:
        """Those of a file where it may have any; before OpenAPI 3.1 a document has none."""
        if uri not in self._bases:
            tree = self._trees[uri]
            self._bases[uri] = self.every(uri) if not _is_old(tree) and _has_addresses(tree) else None
        return self._bases[uri]

    def every(self, uri: str) -> Addresses:
        """Those of a file, whatever its version."""
        if uri not in self._every:
            self._every[uri] = _find_addresses(uri, self._trees[uri])
        return self._every[uri]

    def resource(self, uri: str) -> tuple[str, str] | None:
        """The file and the pointer of what calls itself so."""
        if self._resources is None:
            self._resources = {}
            for file in self._trees:
                addresses = self.addressed(file)
                for pointer, base in addresses.bases.items() if addresses else ():
                    self._resources.setdefault(base, (file, pointer))
        return self._resources.get(uri)


def _is_old(tree: Tree) -> bool:
    return "swagger" in tree or str(tree.get("openapi", "")).startswith("3.0")


def _has_addresses(tree: Tree) -> bool:
    """Whether a closer look may be worth its while."""
    waiting: list[Any] = [tree]
    visited = 0
    while waiting and visited < VISITED_MAX:
        node = waiting.pop()
        visited += 1
        if type(node) is dict:
            if "$id" in node or "$anchor" in node or "$dynamicAnchor" in node or "$self" in node:
                return True
            waiting += [one for one in node.values() if type(one) is dict or type(one) is list]
        else:
            waiting += [one for one in node if type(one) is dict or type(one) is list]
    return False


def _find_addresses(uri: str, tree: Tree) -> Addresses:
    told = tree.get("$self")
    bases = {"": urldefrag(join_uri(uri, told))[0] or uri if isinstance(told, str) else uri}
    anchors: dict[tuple[str, str], str] = {}
    dynamic: list[tuple[str, str]] = []
    references: list[tuple[str, str, bool]] = []
    for node, pointer, base in _objects(tree, bases):
        for name in _anchors(node):
            if len(anchors) < ADDRESSES_MAX:
                anchors.setdefault((base, name), pointer)
        if isinstance(node.get("$dynamicAnchor"), str) and len(dynamic) < ADDRESSES_MAX:
            dynamic.append((pointer, node["$dynamicAnchor"]))
        for keyword in ("$ref", "$dynamicRef"):
            if isinstance(node.get(keyword), str):
                references.append((pointer, node[keyword], keyword == "$dynamicRef"))
    return Addresses(bases, anchors, tuple(dynamic), tuple(references))


def _anchors(node: Json) -> Iterator[str]:
    """Up to 2019 an anchor was an `$id` that is only a fragment."""
    for name in (node.get("$anchor"), node.get("$dynamicAnchor")):
        if isinstance(name, str):
            yield name
    told = node.get("$id")
    if isinstance(told, str) and told[:1] == "#":
        yield told[1:]


def _objects(tree: Tree, bases: dict[str, str]) -> Iterator[tuple[Json, str, str]]:
    """Every object that is no value of somebody else's making, nearest to the root first, with its pointer and its base;
    the bases that it comes upon are put down. What YAML shares is come to once."""
    waiting: deque[tuple[Any, str, str, bool]] = deque([(tree, "", bases[""], False)])
    seen: set[int] = set()
    characters_left = POINTER_CHARACTERS_MAX
    while waiting and len(seen) < VISITED_MAX and characters_left > 0:
        node, pointer, base, is_map = waiting.popleft()
        if id(node) in seen:
            continue
        seen.add(id(node))
        characters_left -= len(pointer) * len(node)
        if isinstance(node, dict) and not is_map:
            base = _own_base(node, pointer, base, bases)
            yield node, pointer, base
        members = node.items() if isinstance(node, dict) else enumerate(node)
        waiting += [
            (one, f"{pointer}/{escape(str(key))}", base, not is_map and key in MAPS)
            for key, one in members
            if isinstance(one, dict | list) and (is_map or key not in LITERALS)
        ]


def _own_base(node: Json, pointer: str, base: str, bases: dict[str, str]) -> str:
    told = node.get("$id")
    if not isinstance(told, str) or told.startswith("#") or len(bases) >= ADDRESSES_MAX:
        return base
    own = urldefrag(join_uri(base, told))[0]
    if own:
        bases[pointer] = own
    return own or base
