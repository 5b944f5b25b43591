"""Which schemas a `discriminator` chooses among, and by which values (OAS 3.1 section 4.8.25, Swagger 2.0 Schema Object): those
that its `mapping` names, and those that are made of the base by `allOf`, each by its own name where no mapping says so.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from gateway.core.keywords import fit_values, types_of
from gateway.core.place import At, Malformed
from gateway.core.references import Documents, is_reference

SUBTYPES_MAX = 100
COMPONENTS_MAX = 50_000
PARTS_MAX = 50

_Place = tuple[str, str]


class Subtype(NamedTuple):
    """A schema that a discriminator chooses, and the values that choose it; none where these are not known."""

    at: At
    values: list[Any]


class Subtypes:
    """Of all discriminators of one document. What is made of what is looked up once."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._made_of: dict[_Place, list[At]] | None = None
        self._known: dict[_Place, tuple[Subtype, ...]] = {}

    def of(self, base: At) -> tuple[Subtype, ...]:
        """Those of a base that names no alternatives itself; SUBTYPES_MAX at most."""
        key = (base.uri, base.pointer)
        if key not in self._known:
            self._known[key] = tuple(self._find(base))
        return self._known[key]

    def values(self, base: At, branch: At) -> list[Any]:
        """The values that choose one of the alternatives that a schema with a discriminator names."""
        try:
            at = self._documents.resolve(branch)
        except Malformed:
            return []
        if _default(base.value) and self._is(base, _default(base.value), at):
            return []
        own = "" if at is branch else _name(at)
        return self._fitting(at, tag_of(base.value), self._mapped(base).get((at.uri, at.pointer), []), own)

    def makes(self, base: At, branch: At) -> bool:
        """Whether an alternative is itself made of the base by `allOf`: then the base stands in it for its own rules."""
        try:
            at = self._documents.resolve(branch)
        except Malformed:
            return False
        return any((one.uri, one.pointer) == (at.uri, at.pointer) for one in self._descendants(base))

    def closed(self, base: At, values: list[Any]) -> bool:
        """Whether the base itself takes no other values than these."""
        own = self._declared(base, tag_of(base.value))
        return own is not None and own.allowed is not None and all(one in values for one in own.allowed)

    def _find(self, base: At) -> Iterator[Subtype]:
        tag, mapped = tag_of(base.value), self._mapped(base)
        found: dict[_Place, At] = {}
        for one in (*(self._at(place) for place in mapped), *self._descendants(base)):
            if len(found) < SUBTYPES_MAX:
                found.setdefault((one.uri, one.pointer), one)
        found.pop((base.uri, base.pointer), None)
        for place, at in found.items():
            at = at._replace(scope=base.scope)
            yield Subtype(at, self._fitting(at, tag, mapped.get(place, []), _name(at)))

    def _mapped(self, base: At) -> dict[_Place, list[str]]:
        """The names of each schema in the mapping."""
        told: dict[_Place, list[str]] = {}
        for name, reference in _mapping(base.value).items():
            at = self._named(base, reference)
            if at is not None and len(told) < SUBTYPES_MAX:
                told.setdefault((at.uri, at.pointer), []).append(name)
        return told

    def _named(self, base: At, reference: Any) -> At | None:
        """The schema of a name or of a reference (the name first, OAS 3.1 section 4.8.25.3)."""
        if not isinstance(reference, str):
            return None
        names = [f"#/components/schemas/{reference}", f"#/definitions/{reference}"] if "/" not in reference else []
        for one in (*names, reference):
            try:
                return self._documents.resolve(base._replace(value={"$ref": one}))
            except Malformed:
                continue
        return None

    def _is(self, base: At, reference: str, at: At) -> bool:
        named = self._named(base, reference)
        return named is not None and (named.uri, named.pointer) == (at.uri, at.pointer)

    def _at(self, place: _Place) -> At:
        uri, pointer = place
        return self._documents.find(f"#{pointer}", At(None, uri, ""))

    def _descendants(self, base: At) -> list[At]:
        """All that is made of a schema by `allOf`, and of these in turn."""
        if self._made_of is None:
            self._made_of = self._look_up()
        found: dict[_Place, At] = {}
        waiting = [(base.uri, base.pointer)]
        while waiting and len(found) <= SUBTYPES_MAX:
            for one in self._made_of.get(waiting.pop(0), ()):
                if (place := (one.uri, one.pointer)) not in found:
                    found[place] = one
                    waiting.append(place)
        return list(found.values())

    def _look_up(self) -> dict[_Place, list[At]]:
        made: dict[_Place, list[At]] = {}
        for component in _components(self._documents):
            parts = component.child("allOf")
            for index, part in enumerate(parts.value):
                if not is_reference(part):
                    continue
                try:
                    target = self._documents.resolve(parts.child(index))
                except Malformed:
                    continue
                made.setdefault((target.uri, target.pointer), []).append(component)
        return made

    # Values.

    def _fitting(self, at: At, tag: str, mapped: list[str], own: str) -> list[Any]:
        """The values among these that the schema takes, as it takes them; where it takes few by itself, those."""
        declared = self._declared(at, tag)
        names = mapped or [one for one in (_extended(at.value), own) if one][:1]
        if declared is None:
            return []
        told = fit_values(names, declared.kinds)
        if declared.allowed is None:
            return told
        fitting = [one for one in told if one in declared.allowed]
        return fitting or (declared.allowed if len(declared.allowed) == 1 else [])

    def _declared(self, at: At, tag: str) -> "_Declared | None":
        """What a schema says of the discriminating property; None where it may have none."""
        told = _Declared([], None)
        waiting, parts = [at], 0
        while waiting and parts < PARTS_MAX:
            parts += 1
            try:
                part = self._documents.resolve(waiting.pop(0))
            except Malformed:
                continue
            if not isinstance(part.value, dict):
                continue
            properties = part.get("properties")
            own = properties.get(tag) if properties is not None else None
            if own is None and part.value.get("additionalProperties") is False:
                told = told._replace(is_closed=True)
            if own is not None:
                told = self._with(told._replace(is_declared=True), own)
            group = part.get("allOf")
            if group is not None and isinstance(group.value, list):
                waiting += [group.child(index) for index in range(len(group.value))]
        return None if told.is_closed and not told.is_declared else told

    def _with(self, told: "_Declared", at: At) -> "_Declared":
        try:
            value = self._documents.resolve(at).value
        except Malformed:
            return told
        if not isinstance(value, dict):
            return told
        listed = [value["const"]] if "const" in value else value.get("enum")
        kinds = types_of(value.get("type"))[0]
        if isinstance(listed, list) and listed and (told.allowed is None or len(listed) < len(told.allowed)):
            told = told._replace(allowed=listed)
        return told._replace(kinds=kinds) if kinds else told


class _Declared(NamedTuple):
    kinds: list[str]
    allowed: list[Any] | None
    is_declared: bool = False
    is_closed: bool = False


def tag_of(value: Mapping[str, Any]) -> str:
    """The property that a discriminator tells by, "" where there is none."""
    told = value.get("discriminator")
    name = told.get("propertyName") if isinstance(told, dict) else told
    return name if isinstance(name, str) else ""


def _mapping(value: Mapping[str, Any]) -> Mapping[str, Any]:
    told = value.get("discriminator")
    mapping = told.get("mapping") if isinstance(told, dict) else None
    return mapping if isinstance(mapping, dict) else {}


def _default(value: Mapping[str, Any]) -> str:
    """What is taken for a value that nothing else is for (OAS 3.2)."""
    told = value.get("discriminator")
    name = told.get("defaultMapping") if isinstance(told, dict) else None
    return name if isinstance(name, str) else ""


def _extended(value: Any) -> str:
    """What documents of Microsoft's say."""
    told = value.get("x-ms-discriminator-value") if isinstance(value, dict) else None
    return told if isinstance(told, str) else ""


def _name(at: At) -> str:
    """What a schema is called: as a component, or as its file."""
    if at.pointer:
        return at.pointer.rpartition("/")[2].replace("~1", "/").replace("~0", "~")
    return at.uri.rpartition("/")[2].partition(".")[0]


def _components(documents: Documents) -> Iterator[At]:
    """The schemas of all files that are made of others."""
    count = 0
    for uri, tree in documents.trees.items():
        root = At(tree, uri, "")
        components = root.get("components")
        groups = [root, root.get("definitions"), components.get("schemas") if components else None]
        candidates = [root] if "openapi" not in tree else []
        for group in groups:
            if group is not None and isinstance(group.value, dict):
                candidates += [group.child(name) for name, one in group.value.items() if isinstance(one, dict)]
        for at in candidates:
            count += 1
            if count > COMPONENTS_MAX:
                return
            if isinstance(at.value.get("allOf"), list):
                yield at
