"""Following `$ref`s over one document or many, one step at a time. Nothing is ever dereferenced wholesale."""

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from urllib.parse import unquote, urldefrag

from gateway.core.addresses import Index
from gateway.core.document import Tree, join_uri
from gateway.core.dynamic import LOST, Ways
from gateway.core.place import At, Malformed
from gateway.core.pointer import escape, tokens
from gateway.core.prose import shown
from gateway.core.work import Work

__all__ = ["CHAIN_MAX", "At", "Documents", "Malformed", "is_reference", "pointer_steps"]

CHAIN_MAX = 50
PLACE_CHARACTERS_MAX = 1_000
# What compiling one document may take, in steps of about a microsecond: so many, and more for each byte of it.
STEPS_MAX = 5_000_000
STEPS_A_BYTE = 10
POINTER_CHARACTERS_A_STEP = 200
_OLD_PLACE = re.compile(r"#/(definitions|parameters|responses)/([^/]+)")
_NEW_PLACE = re.compile(r"#/components/(schemas|parameters|responses)/([^/]+)")
_BARE_NAME = re.compile(r"[a-zA-Z0-9_.-]+")
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")


def pointer_steps(at: At) -> int:
    """What each member or item of a value takes to look at, whose pointer begins with that of the value."""
    return 1 + len(at.pointer) // POINTER_CHARACTERS_A_STEP


class Documents:
    """The entry document and the files that it refers to, by URI."""

    def __init__(self, entry: str, trees: Mapping[str, Tree], bytes_read: int = 0) -> None:
        """`bytes_read`: of all files; a larger document may take more work."""
        self.work = Work(STEPS_MAX + bytes_read * STEPS_A_BYTE)
        self.bytes_read = bytes_read
        self.entry = entry
        self.trees = trees
        # What references mean that lead nowhere as they are written, by their places.
        self.mended: dict[str, str] = {}
        self._index = Index(trees)
        self._found: dict[tuple[str, str, str], At] = {}
        # A pointer may lead through another $ref; those being followed now, so that none waits for itself.
        self._sought: set[tuple[str, str, str]] = set()

    @property
    def root(self) -> At:
        return At(self.trees[self.entry], self.entry, "")

    def place(self, at: At) -> str:
        """Where this is, for people: the pointer, after its file where that is not the entry."""
        return shown(at.pointer if at.uri == self.entry else f"{at.uri}#{at.pointer}", PLACE_CHARACTERS_MAX)

    def resolve(self, at: At) -> At:
        """Follow `$ref`s until there is none. Raises Malformed `unresolvable-reference` or `circular-reference`."""
        for _ in range(CHAIN_MAX):
            if not is_reference(at.value):
                return at
            at = self.follow(at)
        raise self._circular(at)

    def follow(self, at: At) -> At:
        """What the `$ref` or `$dynamicRef` of an object names, one step. Raises Malformed."""
        self.work.spend()
        plain = at.value.get("$ref")
        found = self.find(plain, at) if isinstance(plain, str) else self._find_dynamic(at.value["$dynamicRef"], at)
        return self._ways.enter(found, at.scope) if self._ways else found

    def enter(self, at: At) -> At:
        """A schema as it is come to from outside, where that may count for what it means."""
        return self._ways.enter(at, at.scope) if self._ways else at

    def find(self, reference: str, origin: At) -> At:
        """What one `$ref` names. Raises Malformed `unresolvable-reference`."""
        addresses = self._index.addressed(origin.uri)
        key = (origin.uri, addresses.base(origin.pointer) if addresses else "", reference)
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
        """By its URI, resolved against the nearest base; what leads nowhere so is tried against the file, which is what
        many a document means."""
        try:
            return self._look_up_as_written(reference, origin)
        except Malformed:
            for meant in _meant(reference):
                if (found := self._found_or_none(meant, self.root)) is not None:
                    detail = f"$ref {reference[:200]!r} leads nowhere; {meant} is taken."
                    self.mended.setdefault(self.place(origin), detail)
                    return found
            raise

    def _look_up_as_written(self, reference: str, origin: At) -> At:
        fragment = unquote(reference.partition("#")[2])
        refused: Malformed | None = None
        for root in self._roots(reference, origin):
            try:
                return self._within(root, fragment, reference, origin)
            except Malformed as error:
                refused = error
        raise refused or self._unresolvable(reference, origin, "that file could not be read")

    def _roots(self, reference: str, origin: At) -> Iterator[At]:
        """The schemas or files that a reference may mean, the likeliest first."""
        addresses = self._index.addressed(origin.uri)
        resource = addresses.resource(origin.pointer) if addresses else ""
        if reference.startswith("#"):
            if resource:
                yield self._at(origin.uri, resource)
            yield self._at(origin.uri, "")
            return
        bases = [addresses.base(origin.pointer)] if addresses else []
        for base in dict.fromkeys([*bases, origin.uri]):
            uri = urldefrag(join_uri(base, reference))[0]
            known = (uri, "") if uri in self.trees else self._index.resource(uri)
            if known is not None:
                yield self._at(*known)

    def _at(self, uri: str, pointer: str) -> At:
        """What stands at a pointer that is known to lead somewhere."""
        at = At(self.trees[uri], uri, "")
        for key in tokens(pointer):
            at = at.child(int(key) if isinstance(at.value, list) else key)
        return at

    def _within(self, at: At, pointer: str, reference: str, origin: At) -> At:
        if pointer and not pointer.startswith("/"):
            return self._by_anchor(pointer, at, reference, origin)
        for token in tokens(pointer):
            self.work.spend(pointer_steps(at))
            at = self._step(at, token, reference, origin)
        return at

    def _step(self, at: At, token: str, reference: str, origin: At) -> At:
        for _ in range(CHAIN_MAX):
            if not is_reference(at.value) or token in at.value:
                break
            at = self.find(at.value["$ref"] if isinstance(at.value.get("$ref"), str) else at.value["$dynamicRef"], at)
        if isinstance(at.value, dict) and token in at.value:
            return at.child(token)
        if isinstance(at.value, list) and _INDEX.fullmatch(token) and int(token) < len(at.value):
            return at.child(int(token))
        raise self._unresolvable(reference, origin, "there is nothing at that place")

    def _by_anchor(self, name: str, root: At, reference: str, origin: At) -> At:
        """`#name`: the schema that has this anchor, or the component that is called so in sloppy documents."""
        addresses = self._index.every(root.uri)
        pointer = addresses.anchors.get((addresses.base(root.pointer), name))
        if pointer is not None:
            return self._at(root.uri, pointer)
        components = root.value.get("components") if isinstance(root.value, dict) else None
        schemas = components.get("schemas") if isinstance(components, dict) else None
        if isinstance(schemas, dict) and name in schemas:
            return At(schemas[name], root.uri, f"/components/schemas/{escape(name)}")
        raise self._unresolvable(reference, origin, "no schema has that anchor")

    # `$dynamicRef`.

    @cached_property
    def _ways(self) -> Ways | None:
        """None where no file has a `$dynamicAnchor`."""
        known = (self._index.addressed(uri) for uri in self.trees)
        if not any(one is not None and one.dynamic for one in known):
            return None
        return Ways(self.trees, {uri: self._index.every(uri) for uri in self.trees}, self._found_or_none)

    def _found_or_none(self, reference: str, origin: At) -> At | None:
        try:
            return self.find(reference, origin)
        except Malformed:
            return None

    def _find_dynamic(self, reference: str, origin: At) -> At:
        """A `$dynamicRef` whose anchor is no `$dynamicAnchor` is a `$ref`."""
        name = reference.rpartition("#")[2]
        if self._ways is None or (not name or name.startswith("/")):
            return self.find(reference, origin)
        if origin.scope == LOST:
            detail = "its $dynamicRefs mean too many different things."
            raise Malformed("schema-opened", self.place(origin), detail)
        own = self._ways.own_anchor(origin, name) if reference.startswith("#") else None
        met = next((self._at(uri, pointer) for one, uri, pointer in origin.scope if one == name), None)
        lexical = self._at(own.uri, own.pointer) if own else self._found_or_none(reference, origin)
        if lexical is None:
            return met or self.find(reference, origin)
        is_dynamic = isinstance(lexical.value, dict) and lexical.value.get("$dynamicAnchor") == name
        return met if met and is_dynamic else lexical

    def _circular(self, at: At) -> Malformed:
        return Malformed("circular-reference", self.place(at), "its $refs lead in a circle.")

    def _unresolvable(self, reference: str, origin: At, why: str) -> Malformed:
        detail = f"$ref {reference[:200]!r} leads nowhere: {why}."
        return Malformed("unresolvable-reference", self.place(origin), detail)


def _meant(reference: str) -> Iterator[str]:
    """What a reference that leads nowhere may have been meant to be: a pointer without its first slash, one of another
    version of OpenAPI, the bare name of a schema."""
    head, mark, fragment = reference.partition("#")
    if mark and "/" in fragment and not fragment.startswith("/"):
        yield f"{head}#/{fragment}"
    old = _OLD_PLACE.fullmatch(reference)
    if old is not None:
        yield f"#/components/{'schemas' if old[1] == 'definitions' else old[1]}/{old[2]}"
    new = _NEW_PLACE.fullmatch(reference)
    if new is not None:
        yield f"#/{'definitions' if new[1] == 'schemas' else new[1]}/{new[2]}"
    if _BARE_NAME.fullmatch(reference):
        yield f"#/components/schemas/{reference}"
        yield f"#/definitions/{reference}"


def is_reference(value: object) -> bool:
    """Whether an object stands for another: by `$ref`, or by `$dynamicRef` (JSON Schema 2020-12 section 8.2.3)."""
    if not isinstance(value, dict):
        return False
    if "$ref" in value and isinstance(value["$ref"], str):
        return True
    return "$dynamicRef" in value and isinstance(value["$dynamicRef"], str)
