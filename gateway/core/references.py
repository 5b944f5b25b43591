"""Following `$ref`s over one document or many, one step at a time. Nothing is ever dereferenced wholesale."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote, urldefrag

from gateway.core.document import Tree, join_uri
from gateway.core.pointer import escape, tokens

CHAIN_MAX = 50
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")


class Malformed(Exception):
    """Something is not what the specification says it must be. It costs the operation that needs it, and no other."""

    def __init__(self, reason: str, place: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.place = place
        self.detail = detail


class At(NamedTuple):
    """A value and where it stands: the URI of its file and the JSON Pointer in it."""

    value: Any
    uri: str
    pointer: str

    def child(self, key: str | int) -> "At":
        """A member of this object or an item of this list, which must have it."""
        return At(self.value[key], self.uri, f"{self.pointer}/{escape(str(key))}")

    def get(self, key: str) -> "At | None":
        """A member of this object, or None where there is none or it is null."""
        return self.child(key) if isinstance(self.value, dict) and self.value.get(key) is not None else None


class Documents:
    """The entry document and the files that it refers to, by URI."""

    def __init__(self, entry: str, trees: Mapping[str, Tree]) -> None:
        self.entry = entry
        self.trees = trees
        self._found: dict[tuple[str, str], At] = {}
        # A pointer may lead through another $ref; those being followed now, so that none waits for itself.
        self._sought: set[tuple[str, str]] = set()

    @property
    def root(self) -> At:
        return At(self.trees[self.entry], self.entry, "")

    def place(self, at: At) -> str:
        """Where this is, for people: the pointer, after its file where that is not the entry."""
        return at.pointer if at.uri == self.entry else f"{at.uri}#{at.pointer}"

    def resolve(self, at: At) -> At:
        """Follow `$ref`s until there is none. Raises Malformed `unresolvable-reference` or `circular-reference`."""
        for _ in range(CHAIN_MAX):
            reference = at.value.get("$ref") if isinstance(at.value, dict) else None
            if not isinstance(reference, str):
                return at
            at = self.find(reference, at)
        raise self._circular(at)

    def find(self, reference: str, origin: At) -> At:
        """What one `$ref` names. Raises Malformed `unresolvable-reference`."""
        key = (origin.uri, reference)
        if key in self._found:
            return self._found[key]
        if key in self._sought or len(self._sought) > CHAIN_MAX:
            raise self._circular(origin)
        self._sought.add(key)
        try:
            found = self._found[key] = self._look_up(reference, origin)
        finally:
            self._sought.discard(key)
        return found

    def _look_up(self, reference: str, origin: At) -> At:
        uri, fragment = origin.uri, reference[1:]
        if not reference.startswith("#"):
            uri, fragment = urldefrag(join_uri(origin.uri, reference))
        if uri not in self.trees:
            raise self._unresolvable(reference, origin, "that file could not be read")
        at = At(self.trees[uri], uri, "")
        pointer = unquote(fragment)
        if pointer and not pointer.startswith("/"):
            return self._by_anchor(pointer, at, reference, origin)
        for token in tokens(pointer):
            at = self._step(at, token, reference, origin)
        return at

    def _step(self, at: At, token: str, reference: str, origin: At) -> At:
        if isinstance(at.value, dict) and isinstance(at.value.get("$ref"), str) and token not in at.value:
            at = self.resolve(at)
        if isinstance(at.value, dict) and token in at.value:
            return at.child(token)
        if isinstance(at.value, list) and _INDEX.fullmatch(token) and int(token) < len(at.value):
            return at.child(int(token))
        raise self._unresolvable(reference, origin, "there is nothing at that place")

    def _by_anchor(self, name: str, root: At, reference: str, origin: At) -> At:
        """`#name`: the schema of `components` that has this `$anchor`, or that is called so in sloppy documents."""
        components = root.value.get("components") if isinstance(root.value, dict) else None
        schemas = components.get("schemas") if isinstance(components, dict) else None
        for key, schema in (schemas if isinstance(schemas, dict) else {}).items():
            if key == name or (isinstance(schema, dict) and schema.get("$anchor") == name):
                return At(schema, root.uri, f"/components/schemas/{escape(key)}")
        raise self._unresolvable(reference, origin, "no schema has that anchor")

    def _circular(self, at: At) -> Malformed:
        return Malformed("circular-reference", self.place(at), "its $refs lead in a circle.")

    def _unresolvable(self, reference: str, origin: At, why: str) -> Malformed:
        detail = f"$ref {reference[:200]!r} leads nowhere: {why}."
        return Malformed("unresolvable-reference", self.place(origin), detail)
