"""Any dialect of schema that documents use, as valid JSON Schema 2020-12: converted, repaired, pruned and bounded.

A schema is converted where it is used; what it refers to becomes a definition in `$defs`, converted once for each
direction and shared by all tools. Nothing here is ever stricter than the document: what cannot be said is left open,
and keywords that would turn down more when something beneath them is left open (`if`, `unevaluatedProperties`,
`maxContains`, and `not` over anything but plain facts) are not carried over.
"""

import re
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import msgspec
from msgspec import Raw, Struct

from gateway.core.document import Tree
from gateway.core.fold import NESTING, ONE, SHRINKS, mentioned, opened, size
from gateway.core.keywords import (
    ENUM_VALUES_MAX,
    fit_enum,
    is_nullable,
    is_pattern,
    number_of,
    or_null,
    put_texts,
    required_names,
    says_required,
    types_of,
)
from gateway.core.references import At, Documents, Malformed

Direction = Literal["input", "output"]
Json = dict[str, Any]
Note = Callable[[str, At, str], None]

NESTING_MAX = 40
LEAF_BYTES_MAX = 300

COUNTS = ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "minContains")
BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
# `oneOf` as `anyOf`: a value that fits two of its schemas is the backend's to judge, and real documents overlap.
# A list of `items` is a tuple.
LISTED = (
    ("allOf", "allOf"),
    ("anyOf", "anyOf"),
    ("oneOf", "anyOf"),
    ("prefixItems", "prefixItems"),
    ("items", "prefixItems"),
)
PLAIN_FACTS = frozenset({"type", "enum", "const", "required", "description", "title"})
SIBLINGS = frozenset({"description", "title", "default", "deprecated"})


class Bundle(NamedTuple):
    """An encoded schema. `is_whole`: nothing was shortened to make it fit. Empty where nothing of it fits."""

    encoded: Raw
    is_whole: bool


class _Definition(Struct):
    """One converted component: its definitions' names, itself encoded, and what stands for it where it does not fit."""

    schema: Any
    references: tuple[str, ...]
    encoded: Raw
    stub: Raw


class Schemas:
    """Converts the schemas of one document. `note(reason, at, detail)` is told of every repair. `siblings_count`: what
    stands beside a `$ref` holds too, as of OpenAPI 3.1."""

    def __init__(self, documents: Documents, note: Note, *, siblings_count: bool = True) -> None:
        self._documents = documents
        self._note = note
        self._siblings_count = siblings_count
        self._names: dict[tuple[str, str, Direction], str] = {}
        self._origins: dict[tuple[Direction, str], At] = {}
        self._definitions: dict[tuple[Direction, str], _Definition] = {}
        self._shared: dict[tuple[str, str, Direction], Any] = {}
        self._bundles: dict[tuple[str, Direction, int], Bundle] = {}

    def convert(self, at: At, direction: Direction) -> Any:
        """One schema in place: a dict, or True or False. References point into `$defs`. What stands outside `paths` may
        be used by any number of operations, and is converted once. Do not change what comes back."""
        if at.pointer.startswith("/paths/"):
            return self._convert(at, direction, 0)
        key = (at.uri, at.pointer, direction)
        if key not in self._shared:
            self._shared[key] = self._convert(at, direction, 0)
        return self._shared[key]

    def bundle(self, schema: Json, direction: Direction, bytes_max: int) -> Bundle:
        """Encode a schema with the definitions that it reaches, nearest first, in at most `bytes_max` bytes. What does
        not fit is opened: a definition becomes any value of its type; then hints are cut, then deep parts opened."""
        if schema.keys() != {"$ref"}:
            return self._bundle(schema, direction, bytes_max)
        key = (schema["$ref"], direction, bytes_max)
        if key not in self._bundles:
            pointed = self._definition(direction, schema["$ref"].removeprefix("#/$defs/")).schema
            whole = pointed if isinstance(pointed, dict) else schema
            self._bundles[key] = self._bundle(whole, direction, bytes_max)
        return self._bundles[key]

    def properties(self, at: At) -> dict[str, At]:
        """The properties of a schema, by name. Some documents keep the whole map elsewhere, behind a `$ref`."""
        group = at.get("properties")
        if group is None or not isinstance(group.value, dict):
            return {}
        if not isinstance(group.value.get("$ref"), str):
            return {name: group.child(name) for name in group.value}
        own = {name: group.child(name) for name in group.value if name != "$ref"}
        try:
            shared = self._documents.resolve(group)
        except Malformed as error:
            self._note(error.reason, group, error.detail)
            return own
        return {name: shared.child(name) for name in shared.value} | own if isinstance(shared.value, dict) else own

    def hidden(self, at: At, direction: Direction) -> bool:
        """Whether this direction never carries the property (OAS 3.0.4 section 4.7.24: readOnly, writeOnly)."""
        keyword = "readOnly" if direction == "input" else "writeOnly"
        if not isinstance(at.value, dict):
            return False
        if at.value.get(keyword) is True or not isinstance(at.value.get("$ref"), str):
            return at.value.get(keyword) is True
        try:
            settled = self._documents.resolve(at)
        except Malformed:
            return False
        return isinstance(settled.value, dict) and settled.value.get(keyword) is True

    # Definitions: named, converted on first use, put together within a bound.

    def _name(self, at: At, direction: Direction) -> str:
        key = (at.uri, at.pointer, direction)
        if key not in self._names:
            last = at.pointer.rpartition("/")[2] or at.uri.rpartition("/")[2].partition(".")[0]
            base = re.sub(r"[^a-zA-Z0-9_.-]+", "_", last)[:60] or "Schema"
            name, number = base, 2
            while (direction, name) in self._origins:
                name, number = f"{base}_{number}", number + 1
            self._names[key] = name
            self._origins[direction, name] = at
        return self._names[key]

    def _definition(self, direction: Direction, name: str) -> _Definition:
        key = (direction, name)
        if key not in self._definitions:
            schema = self._convert(self._origins[key], direction, 1)
            self._definitions[key] = _Definition(
                schema=schema,
                references=tuple(sorted(mentioned(schema))),
                encoded=Raw(msgspec.json.encode(schema)),
                stub=Raw(msgspec.json.encode(opened(schema))),
            )
        return self._definitions[key]

    def _bundle(self, schema: Json, direction: Direction, bytes_max: int) -> Bundle:
        for shrink in SHRINKS:
            smaller = shrink(schema)
            definitions, is_whole = self._reached(smaller, direction, bytes_max - size(smaller))
            encoded = msgspec.json.encode({**smaller, "$defs": definitions} if definitions else smaller)
            if len(encoded) <= bytes_max:
                return Bundle(Raw(encoded), is_whole and smaller is schema)
        return Bundle(Raw(b""), False)

    def _reached(self, schema: Json, direction: Direction, bytes_left: int) -> tuple[dict[str, Raw], bool]:
        """The definitions that a schema reaches, level by level; those that do not fit are stubs. Room for the stubs of
        all that is mentioned is set aside first, so that no reference is ever left dangling."""

        def stub_size(name: str) -> int:
            return len(bytes(self._definition(direction, name).stub)) + len(name) + 4

        told: dict[str, Raw] = {}
        level = sorted(mentioned(schema))
        bytes_left -= sum(map(stub_size, level)) + len('"$defs":{},')
        is_whole = True
        seen = set(level)
        while level:
            following: list[str] = []
            for name in level:
                known = self._definition(direction, name)
                new = [one for one in known.references if one not in seen]
                grown = len(bytes(known.encoded)) - len(bytes(known.stub)) + sum(map(stub_size, new))
                fits = grown <= bytes_left
                told[name] = known.encoded if fits else known.stub
                if fits:
                    bytes_left -= grown
                    seen.update(new)
                    following += new
                is_whole = is_whole and fits
            level = sorted(following)
        return told, is_whole

    # One schema.

    def _convert(self, at: At, direction: Direction, depth: int) -> Any:
        value = at.value
        if isinstance(value, bool):
            return value
        if not isinstance(value, dict) or depth > NESTING_MAX:
            self._note("schema-opened", at, "it is no schema, or nested too deeply; any value is taken.")
            return True
        if isinstance(value.get("$ref"), str):
            return self._reference(at, direction, depth)
        return self._object(at, direction, depth)

    def _reference(self, at: At, direction: Direction, depth: int) -> Any:
        """A `$ref`, with what stands beside it: before 3.1 only what turns nothing down."""
        try:
            settled = self._documents.resolve(at)
        except Malformed as error:
            self._note(error.reason, at, f"{error.detail} Any value is taken.")
            return True
        if isinstance(settled.value, bool):
            return settled.value
        kept = at.value.keys() - {"$ref", "nullable", "x-nullable"}
        beside = {key: at.value[key] for key in at.value if key in kept and (self._siblings_count or key in SIBLINGS)}
        extra = self._object(at._replace(value=beside), direction, depth) if beside else {}
        pointed = self._leaf(settled, direction, depth)
        if pointed is None:
            pointed = {"$ref": f"#/$defs/{self._name(settled, direction)}"}
        told = {**pointed, **extra}
        return or_null(told) if is_nullable(at.value) else told

    def _leaf(self, at: At, direction: Direction, depth: int) -> Json | None:
        """A small scalar is put in place of the reference to it: easier to read, and no longer."""
        if not isinstance(at.value, dict) or at.value.keys() & NESTING:
            return None
        converted = self._object(at, direction, depth)
        return converted if size(converted) <= LEAF_BYTES_MAX else None

    def _object(self, at: At, direction: Direction, depth: int) -> Json:
        value: Tree = at.value
        told: Json = {}
        self._types(value, told, at)
        put_texts(value, told)
        self._numbers(value, told, at)
        self._pattern(value, told, at)
        self._properties(at, told, direction, depth)
        for keyword in ONE:
            if keyword in value and not isinstance(value[keyword], list):
                told[keyword] = self._convert(at.child(keyword), direction, depth + 1)
        self._maps(at, told, direction, depth)
        self._lists(at, told, direction, depth)
        self._values(value, told, at)
        self._not(at, told, direction, depth)
        return or_null(told) if is_nullable(value) else told

    def _types(self, value: Tree, told: Json, at: At) -> None:
        kinds, is_plain = types_of(value.get("type"))
        if not is_plain:
            self._note("type-repaired", at, f"`type` names what is no type; {' or '.join(kinds) or 'any'} is taken.")
        if kinds:
            told["type"] = kinds[0] if len(kinds) == 1 else kinds

    def _numbers(self, value: Tree, told: Json, at: At) -> None:
        for keyword in (*BOUNDS, *COUNTS, "multipleOf"):
            if keyword not in value or isinstance(value[keyword], bool):
                continue
            number = number_of(value[keyword], whole=keyword in COUNTS)
            if number is None or (keyword == "multipleOf" and number <= 0):
                self._note("keyword-dropped", at, f"`{keyword}` is no usable number.")
            else:
                told[keyword] = number
        for keyword, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
            if value.get(keyword) is True and bound in told:
                told[keyword] = told.pop(bound)

    def _pattern(self, value: Tree, told: Json, at: At) -> None:
        pattern = value.get("pattern")
        if isinstance(pattern, str) and is_pattern(pattern):
            told["pattern"] = pattern
        elif pattern is not None:
            self._note("keyword-dropped", at, "`pattern` is no regular expression that can be checked here.")

    def _properties(self, at: At, told: Json, direction: Direction, depth: int) -> None:
        """Properties, with what the other direction alone sees left out, and which of them are required."""
        members = self.properties(at)
        shown = {name: member for name, member in members.items() if not self.hidden(member, direction)}
        if "properties" in at.value:
            told["properties"] = {name: self._convert(member, direction, depth + 1) for name, member in shown.items()}
        names = required_names(at.value.get("required"))
        names += [name for name, member in shown.items() if says_required(member.value)]
        required = [name for name in dict.fromkeys(names) if name in shown or name not in members]
        if required:
            told["required"] = required

    def _maps(self, at: At, told: Json, direction: Direction, depth: int) -> None:
        value = at.value
        for keyword in ("patternProperties", "dependentSchemas"):
            if isinstance(value.get(keyword), dict):
                group = at.child(keyword)
                kept = [name for name in group.value if keyword != "patternProperties" or is_pattern(name)]
                told[keyword] = {name: self._convert(group.child(name), direction, depth + 1) for name in kept}
        if isinstance(value.get("dependentRequired"), dict):
            groups = value["dependentRequired"].items()
            told["dependentRequired"] = {name: required_names(names) for name, names in groups}
        if told.get("additionalProperties") is False and self._left_out(at, told, direction):
            del told["additionalProperties"]

    def _left_out(self, at: At, told: Json, direction: Direction) -> bool:
        """Whether properties may come that the converted schema does not name: those that match a pattern that was
        dropped, and in a response those that only requests should have."""
        patterns = len(told.get("patternProperties", ())) < len(at.value.get("patternProperties") or ())
        return patterns or (direction == "output" and len(told.get("properties", ())) < len(self.properties(at)))

    def _lists(self, at: At, told: Json, direction: Direction, depth: int) -> None:
        for keyword, becomes in LISTED:
            listed = at.value.get(keyword)
            if not isinstance(listed, list) or not listed:
                continue
            group = at.child(keyword)
            converted = [self._convert(group.child(index), direction, depth + 1) for index in range(len(listed))]
            if becomes in told:
                told["allOf"] = [*told.get("allOf", ()), {becomes: converted}]
            else:
                told[becomes] = converted

    def _values(self, value: Tree, told: Json, at: At) -> None:
        if "const" in value:
            told["const"] = value["const"]
        if "enum" not in value:
            return
        values = value["enum"]
        if not isinstance(values, list) or not values or len(values) > ENUM_VALUES_MAX:
            self._note("keyword-dropped", at, f"`enum` is empty, no list, or has more than {ENUM_VALUES_MAX} values.")
        elif not fit_enum(told, values):
            self._note("enum-repaired", at, "values of `enum` are not of the `type`; what they mean is taken.")

    def _not(self, at: At, told: Json, direction: Direction, depth: int) -> None:
        excluded = at.value.get("not")
        if isinstance(excluded, dict) and excluded and excluded.keys() <= PLAIN_FACTS and depth < NESTING_MAX:
            converted = self._object(at.child("not"), direction, depth + 1)
            if all(
                converted.get(keyword) == excluded.get(keyword) for keyword in PLAIN_FACTS - {"description", "title"}
            ):
                told["not"] = converted
