"""What stands at a pointer into JSON, as far as its converted schema tells: through every alternative, every part of an `allOf`,
lists and maps. What no schema tells is nowhere; a schema that takes anything tells of its place and of nothing beneath it."""

from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema_rs
import msgspec
from msgspec import Raw, Struct

from gateway.core.arguments import BACKTRACKS_MAX
from gateway.core.faces import is_item
from gateway.core.fold import mentioned
from gateway.core.pattern import COMPILED_BYTES_MAX
from gateway.core.pointer import escape, tokens

PARTS_MAX = 500
LEVELS_MAX = 20

Kinds = frozenset[str]
ALL: Kinds = frozenset({"null", "boolean", "object", "array", "string", "integer", "number"})
NUMBERS: Kinds = frozenset({"integer", "number"})
_DEFINITION = "#/$defs/"


class Place(Struct, frozen=True):
    """One place: the schemas of which one holds for what stands there, and the definitions that these name."""

    schemas: tuple[Any, ...]
    definitions: Mapping[str, Any]

    def at(self, pointer: str) -> "Place":
        """The place beneath; without schemas where none tells of it."""
        schemas = self.schemas
        for step in tokens(pointer):
            schemas = tuple(found for one in self._parts(schemas) for found in _beneath(one, step))[:PARTS_MAX]
        return Place(schemas, self.definitions)

    def listed(self) -> "Place":
        """A list of such."""
        return Place(tuple({"type": "array", "items": one} for one in self.schemas), self.definitions)

    @property
    def kinds(self) -> Kinds:
        """The types that may stand there, integers apart from other numbers; none where there is nothing."""
        return frozenset(kind for one in self.schemas for kind in self._kinds(one, LEVELS_MAX))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the members that are told of there, in order."""
        return tuple(sorted({name for one in self._parts(self.schemas) for name in one.get("properties", {})}))

    @property
    def formats(self) -> frozenset[str]:
        """What any of the schemas says of the format of a text there."""
        told = (one.get("format") for one in self._parts(self.schemas))
        return frozenset(one for one in told if isinstance(one, str))

    @property
    def needed(self) -> frozenset[str]:
        """The names of the members without which nothing holds there."""
        return frozenset(name for one in self._parts(self.schemas) for name in one.get("required", ()))

    @property
    def plain(self) -> dict[str, Any]:
        """The one schema that holds there, where it is one and not put together from others; else one that says nothing."""
        parts = list(self._parts(self.schemas)) if len(self.schemas) == 1 else []
        one = parts[-1] if all("$ref" in part for part in parts[:-1]) and parts else {}
        return {} if one.keys() & {"allOf", "anyOf", "oneOf", "$ref"} else one

    @property
    def schema(self) -> dict[str, Any]:
        """All of it as one schema, with the definitions that it reaches."""
        whole: dict[str, Any] = {"anyOf": list(self.schemas)}
        if len(self.schemas) == 1:
            whole = dict(self.schemas[0]) if isinstance(self.schemas[0], dict) else {}
        whole.pop("$defs", None)
        reached: dict[str, Any] = {}
        waiting = [whole]
        while waiting:
            fresh = mentioned(waiting.pop()) - reached.keys()
            reached |= {name: self.definitions.get(name, True) for name in fresh}
            waiting += [reached[name] for name in sorted(fresh)]
        return whole | ({"$defs": reached} if reached else {})

    def _parts(self, schemas: tuple[Any, ...]) -> Iterator[dict[str, Any]]:
        """The schemas, what they refer to, and what they are put together from."""
        waiting = list(schemas)
        seen: set[int] = set()
        while waiting and len(seen) < PARTS_MAX:
            one = waiting.pop(0)
            if not isinstance(one, dict) or id(one) in seen:
                continue
            seen.add(id(one))
            yield one
            waiting += [*one.get("allOf", ()), *one.get("anyOf", ()), *one.get("oneOf", ())]
            if isinstance(one.get("$ref"), str):
                waiting.append(self._named(one["$ref"]))

    def _named(self, reference: str) -> Any:
        return self.definitions.get(reference.removeprefix(_DEFINITION))

    def _kinds(self, schema: Any, levels: int) -> Kinds:
        if not isinstance(schema, dict):
            return frozenset() if schema is False else ALL
        if levels == 0:
            return ALL
        told = _told(schema)
        for part in (*schema.get("allOf", ()), *([self._named(schema["$ref"])] if "$ref" in schema else ())):
            told &= self._kinds(part, levels - 1)
        for branches in (schema.get("anyOf"), schema.get("oneOf")):
            if branches:
                told &= frozenset(kind for one in branches for kind in self._kinds(one, levels - 1))
        return told


def misfit(coming: Place, asked: Place, levels: int = LEVELS_MAX) -> tuple[str, Place, Place] | None:
    """Where what comes from one place cannot stand in another, by its types and the names of its members, and what would stand
    there; None where it can, as far as both are told. What may be null may be something else."""
    found, wanted = coming.kinds - {"null"} or coming.kinds, asked.kinds
    if coming.kinds == ALL or not wanted or not found or levels == 0:
        return None
    if not found <= wanted:
        return "", coming, asked
    steps = ["-"] if "array" in found else []
    if "object" in found:
        given, taken = coming.plain.get("properties", {}), asked.plain.get("properties", {})
        extra = given.keys() - taken.keys() if asked.plain.get("additionalProperties") is False else set()
        lacking = set(asked.plain.get("required", ())) - given.keys() if coming.plain.get("properties") else set()
        for name in sorted(extra | lacking):
            return f"/{escape(name)}", coming.at(f"/{escape(name)}"), asked.at(f"/{escape(name)}")
        steps += [*given]
    for step in steps:
        place = f"/{escape(step)}"
        if inner := misfit(coming.at(place), asked.at(place), levels - 1):
            return place + inner[0], *inner[1:]
    return None


def place_of(schema: Raw) -> Place:
    """The root of an encoded schema with its definitions; nowhere where there is none."""
    if not bytes(schema):
        return Place((), {})
    whole = msgspec.json.decode(schema)
    return Place((whole,), whole.get("$defs", {}) if isinstance(whole, dict) else {})


def _told(schema: Mapping[str, Any]) -> Kinds:
    """The types that one schema lets stand, by what stands directly in it."""
    told = schema.get("type")
    if told is None:
        listed = [schema["const"]] if "const" in schema else schema.get("enum")
        if listed is not None:
            return frozenset(_kind_of(one) for one in listed)
        return frozenset({"object"}) if "properties" in schema else ALL
    named = {told} if isinstance(told, str) else set(told)
    return frozenset(named | NUMBERS) if "number" in named else frozenset(named)


def _kind_of(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def _beneath(schema: Mapping[str, Any], step: str) -> Iterator[Any]:
    """What one schema says of a member or an item."""
    properties = schema.get("properties", {})
    if step in properties:
        yield properties[step]
    elif matching := [one for pattern, one in schema.get("patternProperties", {}).items() if _matches(pattern, step)]:
        yield from matching
    elif schema.get("additionalProperties", False) is not False:
        yield schema["additionalProperties"]
    if is_item(step):
        yield from _items(schema, step)


def _items(schema: Mapping[str, Any], step: str) -> Iterator[Any]:
    """What one schema says of an item of a list; `-` may be any of them."""
    first = schema.get("prefixItems", [])
    if step.isdigit() and len(step) < 10 and int(step) < len(first):
        yield first[int(step)]
        return
    if step == "-":
        yield from first
    if schema.get("items", False) is not False:
        yield schema["items"]


def _matches(pattern: str, name: str) -> bool:
    bounded = jsonschema_rs.FancyRegexOptions(backtrack_limit=BACKTRACKS_MAX, size_limit=COMPILED_BYTES_MAX)
    try:
        checker = jsonschema_rs.Draft202012Validator({"pattern": pattern}, offline=True, pattern_options=bounded)
        return bool(checker.is_valid(name))
    except ValueError:
        return False
