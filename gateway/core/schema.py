"""Any dialect of schema that documents use, as valid JSON Schema 2020-12: converted, repaired, pruned and bounded.

A schema is converted where it is used; what it refers to becomes a definition in `$defs`, converted once for each
direction and shared by all tools. Nothing here is ever stricter than the document: what cannot be said is left open,
and keywords that would turn down more when something beneath them is left open (`if`, `unevaluatedProperties`,
`maxContains`, and `not` over anything but plain facts) are not carried over.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec
from msgspec import Raw

from gateway.core.document import Tree
from gateway.core.examples import with_own_examples
from gateway.core.fold import (
    COMPACT_SHRINKS,
    NESTING,
    ONE,
    SHORTEST_HINT_CHARACTERS,
    mentioned,
    opened,
    size,
    with_fewer_names,
    with_hints_of,
)
from gateway.core.keywords import (
    ENUM_VALUES_MAX,
    FLAGS,
    TYPES,
    fit_enum,
    flag_word,
    is_flag,
    is_nullable,
    is_pattern,
    number_of,
    or_null,
    put_texts,
    required_names,
    says_required,
    types_of,
)
from gateway.core.mend import pattern_meant, properties_meant, schema_meant
from gateway.core.pattern import LIGHT_BYTES_MAX, weigh_pattern
from gateway.core.place import Scope
from gateway.core.prose import HINT_CHARACTERS_MAX, cut, plain
from gateway.core.references import CHAIN_MAX, At, Documents, Malformed, is_reference, pointer_steps
from gateway.core.shelf import (
    PLACES,
    ROOT_BYTES_MAX,
    Definition,
    Direction,
    Shelves,
    fit_root,
    gather,
    with_definitions,
)
from gateway.core.subtypes import Subtypes, tag_of
from gateway.core.work import WorkExceeded

Json = dict[str, Any]
Note = Callable[[str, At, str], None]

NESTING_MAX = 40
HIDING_PARTS_MAX = 20
LEAF_BYTES_MAX = 300
# What one schema takes to convert, beside its keywords, its members and a pattern.
OBJECT_STEPS = 20
PATTERN_STEPS, LARGE_PATTERN_STEPS = 50, 10_000
ENUM_VALUE_STEPS = 4
ENCODED_A_STEP = 10
APART_BYTES_MIN = 2 << 10

COUNTS = ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "minContains")
BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
MAPS_OF_SCHEMAS = frozenset({"patternProperties", "dependentSchemas", "dependentRequired"})
NUMBERS = frozenset({*BOUNDS, *COUNTS, "multipleOf"})
# `oneOf` as `anyOf`: a value that fits two of its schemas is the backend's to judge, and real documents overlap.
# A list of `items` is a tuple.
LISTED = (
    ("allOf", "allOf"),
    ("anyOf", "anyOf"),
    ("oneOf", "anyOf"),
    ("prefixItems", "prefixItems"),
    ("items", "prefixItems"),
)
ONE_ALONE = frozenset({"allOf", "anyOf", "oneOf"})
LISTS = frozenset(keyword for keyword, _ in LISTED)
ALTERNATIVES = ("oneOf", "anyOf")
# What may stand beside an `allOf` of one schema that is only another way to write a reference with words.
WRAPPING = frozenset({"allOf", "description", "title", "nullable", "x-nullable", "default", "example", "examples"})
WRAPPING |= {"deprecated", "readOnly", "writeOnly", "xml", "externalDocs"}
COMPONENT = re.compile(r"(/components/schemas/[^/]+|/definitions/[^/]+|/[^/]+)?")
TAG_CHARACTERS_MAX = 60
PLAIN_FACTS = frozenset({"type", "enum", "const", "required", "description", "title"})
SIBLINGS = frozenset({"description", "title", "default", "deprecated"})
# Beside a reference these turn nothing down.
SILENT = SIBLINGS | {"$ref", "$dynamicRef", "$id", "$schema", "$anchor", "$dynamicAnchor", "$defs", "$comment"}
SILENT |= {"nullable", "x-nullable", "example", "examples", "externalDocs", "readOnly", "writeOnly"}
_SHORTEN = with_hints_of(SHORTEST_HINT_CHARACTERS)


class Schemas:
    """Converts the schemas of one document. `note(reason, at, detail)` is told of every repair. `siblings_count`: what
    stands beside a `$ref` holds too, as of OpenAPI 3.1."""

    def __init__(self, documents: Documents, note: Note, *, siblings_count: bool = True) -> None:
        self._documents = documents
        self._work = documents.work
        self._note = note
        self._siblings_count = siblings_count
        self._subtypes = Subtypes(documents)
        self._names: dict[tuple[str, str, Scope, Direction, bool], str] = {}
        # Where each definition stands, and whether it is a base within what is made of it.
        self._origins: dict[tuple[Direction, str], tuple[At, bool]] = {}
        self._named: list[tuple[Direction, str]] = []
        self._definitions: dict[tuple[Direction, str], Definition] = {}
        self._decoded: dict[tuple[Direction, str], Any] = {}
        self._short: dict[str, Definition] = {}
        self._taken: dict[tuple[Direction, str], int] = {}
        self._shared: dict[tuple[str, str, Scope, Direction], Any] = {}

    def convert(self, at: At, direction: Direction) -> Any:
        """One schema in place: a dict, or True or False. References point into `$defs`. What stands outside `paths` may
        be used by any number of operations, and is converted once. Do not change what comes back."""
        at = self._documents.enter(at)
        if at.pointer.startswith("/paths/"):
            return self._convert(at, direction, 0)
        key = (at.uri, at.pointer, at.scope, direction)
        if key not in self._shared:
            self._shared[key] = self._convert(at, direction, 0)
        return self._shared[key]

    def encode_root(self, schema: Json, direction: Direction, place: str = "") -> tuple[Raw, bool]:
        """A schema without the definitions that it names, in at most ROOT_BYTES_MAX bytes, and whether it is whole; an
        empty one where not even the names of its properties fit. Of a larger one, properties become definitions. `place`
        is where it stands, if that is not where the main one does."""
        encoded_bytes = size(schema)
        self._work.spend(encoded_bytes // ENCODED_A_STEP)
        if encoded_bytes > ROOT_BYTES_MAX:
            schema = self._with_properties_apart(schema, direction)
            encoded_bytes = size(schema)
        place = place or PLACES[direction]
        fitted = fit_root(schema, place, lambda name: self._definition(direction, name), ROOT_BYTES_MAX)
        return (Raw(b""), False) if fitted is None else (Raw(fitted[0]), len(fitted[0]) == encoded_bytes)

    def encode_compact(self, schema: Json, bytes_max: int) -> Raw:
        """An input schema as a list of tools shows it: short hints, and folded until it fits in `bytes_max` bytes with
        the nearest of its definitions. Of too many arguments it names as many as fit, the required ones first."""
        self._work.spend(size(schema) // ENCODED_A_STEP)
        fitted = fit_root(schema, PLACES["input"], self._short_definition, bytes_max, COMPACT_SHRINKS)
        if fitted is None:
            return Raw(msgspec.json.encode(with_fewer_names(schema, bytes_max)))
        encoded, names = fitted
        return with_definitions(encoded, gather(names, self._short_definition, bytes_max - len(encoded)))

    def definition_of(self, direction: Direction) -> Callable[[str], Any]:
        """What looks up one converted definition by its name. Do not change what it gives."""

        def look_up(name: str) -> Any:
            key = (direction, name)
            if key not in self._decoded:
                self._decoded[key] = msgspec.json.decode(self._definition(direction, name).encoded)
            return self._decoded[key]

        return look_up

    def shelves(self) -> Shelves:
        """Every definition that was named so far, and all that these reach."""
        done = 0
        while waiting := self._named[done:]:
            done += len(waiting)
            for direction, name in sorted(waiting):
                self._definition(direction, name)
        told: dict[Direction, dict[str, Definition]] = {"input": {}, "output": {}}
        for (direction, name), definition in self._definitions.items():
            told[direction][name] = definition
        return Shelves(told["input"], told["output"])

    def properties(self, at: At) -> dict[str, At]:
        """The properties of a schema, by name. Some documents keep the whole map elsewhere, behind a `$ref`."""
        group = at.get("properties")
        if group is None or not isinstance(group.value, dict):
            listed = properties_meant(group) if group is not None else None
            if listed is not None and group is not None:
                self._note("wrong-type-repaired", group, "`properties` are a list; each has a name.")
            return listed or {}
        self._work.spend(len(group.value) * pointer_steps(group))
        if not isinstance(group.value.get("$ref"), str):
            return {name: group.child(name) for name in group.value}
        own = {name: group.child(name) for name in group.value if name != "$ref"}
        try:
            shared = self._documents.resolve(group)
        except Malformed as error:
            self._note(error.reason, group, error.detail)
            return own
        if not isinstance(shared.value, dict):
            return own
        self._work.spend(len(shared.value) * pointer_steps(shared))
        return {name: shared.child(name) for name in shared.value} | own

    def hidden(self, at: At, direction: Direction) -> bool:
        """Whether this direction never carries the property (OAS 3.0.4 section 4.7.24: readOnly, writeOnly)."""
        keyword = "readOnly" if direction == "input" else "writeOnly"
        waiting, seen = [at], 0
        while waiting and seen < HIDING_PARTS_MAX:
            one, seen = waiting.pop(), seen + 1
            if not isinstance(one.value, dict):
                continue
            if keyword in one.value and is_flag(one.value[keyword]):
                return True
            if is_reference(one.value):
                with suppress(Malformed):
                    waiting.append(self._documents.resolve(one))
            elif isinstance(one.value.get("allOf"), list):
                group = one.child("allOf")
                waiting += [group.child(index) for index in range(len(group.value))]
        return False

    # Definitions: named, converted on first use, put together within a bound.

    def _name(self, at: At, direction: Direction, *, is_part: bool) -> str:
        is_part = is_part and isinstance(at.value, dict) and "discriminator" in at.value
        key = (at.uri, at.pointer, at.scope, direction, is_part)
        if key not in self._names:
            last = at.pointer.rpartition("/")[2] or at.uri.rpartition("/")[2].partition(".")[0]
            name = self._names[key] = self._free_name(last, direction)
            self._origins[direction, name] = (at, is_part)
            self._named.append((direction, name))
        return self._names[key]

    def _free_name(self, wanted: str, direction: Direction) -> str:
        base = re.sub(r"[^a-zA-Z0-9_.-]+", "_", wanted)[:60] or "Schema"
        name, number = base, self._taken.get((direction, base), 1)
        while (direction, name) in self._origins or (direction, name) in self._definitions:
            number += 1
            name = f"{base}_{number}"
        self._taken[direction, base] = number
        return name

    def _definition(self, direction: Direction, name: str) -> Definition:
        key = (direction, name)
        if key not in self._definitions:
            at, is_part = self._origins[key]
            self._definitions[key] = _define(name, self._convert_shared(at, direction, is_part=is_part), direction)
        return self._definitions[key]

    def _convert_shared(self, at: At, direction: Direction, *, is_part: bool) -> Any:
        """What others use as well is no part of the operation that comes to it first."""
        try:
            with self._work.apart():
                return self._convert(at, direction, 1, is_part=is_part)
        except WorkExceeded as error:
            self._note("schema-opened", at, f"{error} Any value is taken.")
            return True

    def _with_properties_apart(self, schema: Json, direction: Direction) -> Json:
        """The same schema, its large properties as definitions of their own: so they can be folded, and opened."""
        told = {}
        for property_name, member in schema.get("properties", {}).items():
            if size(member) > APART_BYTES_MIN:
                name = self._free_name(property_name, direction)
                self._definitions[direction, name] = _define(name, member, direction)
                member = {"$ref": f"#/$defs/{name}"}
            told[property_name] = member
        return {**schema, "properties": told}

    def _short_definition(self, name: str) -> Definition:
        """One for requests, with short hints."""
        if name not in self._short:
            whole = msgspec.json.decode(self._definition("input", name).encoded)
            self._short[name] = _define(name, _SHORTEN(whole, ""), "input")
        return self._short[name]

    # One schema.

    def _convert(self, at: At, direction: Direction, depth: int, *, is_part: bool = False) -> Any:
        """`is_part`: it is one of those that another is made of by `allOf`, and stands there for its own rules alone."""
        value = at.value
        if isinstance(value, bool):
            return value
        if not isinstance(value, dict) or depth > NESTING_MAX:
            return self._no_schema(at, direction, depth)
        if is_reference(value):
            return self._reference(at, direction, depth, is_part=is_part)
        return self._object(at, direction, depth, is_part=is_part)

    def _no_schema(self, at: At, direction: Direction, depth: int) -> Any:
        """What stands where a schema belongs, as what it plainly means, or else as any value."""
        if isinstance(at.value, str) and (meant := schema_meant(at.value, TYPES)) is not None:
            self._note("wrong-type-repaired", at, "it is no schema, and its meaning is plain.")
            return self._convert(at._replace(value=meant), direction, depth)
        if (flag := flag_word(at.value)) is not None:
            self._note("flag-repaired", at, f"it is a word that means {str(flag).lower()}.")
            return flag
        self._note("schema-opened", at, "it is no schema, or nested too deeply; any value is taken.")
        return True

    def _reference(self, at: At, direction: Direction, depth: int, *, is_part: bool = False) -> Any:
        """A `$ref`, with what stands beside it: before 3.1 only what turns nothing down."""
        try:
            settled = self._target(at)
        except Malformed as error:
            self._note(error.reason, at, f"{error.detail} Any value is taken.")
            return True
        if isinstance(settled.value, bool):
            return settled.value
        kept = at.value.keys() - {"$ref", "$dynamicRef", "nullable", "x-nullable"}
        beside = {key: at.value[key] for key in at.value if key in kept and (self._siblings_count or key in SIBLINGS)}
        extra = self._object(at._replace(value=beside), direction, depth) if beside else {}
        pointed = self._leaf(settled, direction, depth)
        if pointed is None:
            pointed = {"$ref": f"#/$defs/{self._name(settled, direction, is_part=is_part)}"}
        told = {**pointed, **extra}
        return or_null(told) if is_nullable(at.value) else told

    def _target(self, at: At) -> At:
        """What a reference leads to: the first on its way that says more than where to look. Raises Malformed."""
        told: At | None = None
        for _ in range(CHAIN_MAX):
            at = self._documents.follow(at)
            if not is_reference(at.value):
                return told or at
            if told is None and self._says_more(at.value):
                told = at
        return self._documents.resolve(at)

    def _says_more(self, value: Tree) -> bool:
        """Whether what stands beside a reference is a rule."""
        return self._siblings_count and not value.keys() <= SILENT

    def parts(self, at: At) -> list[At]:
        """The schemas that together are this one: what stands beside its references, and where these end. Raises
        Malformed."""
        told: list[At] = []
        for _ in range(CHAIN_MAX):
            if not is_reference(at.value):
                return [*told, at]
            if self._says_more(at.value):
                beside = {key: one for key, one in at.value.items() if key not in ("$ref", "$dynamicRef")}
                told.append(at._replace(value=beside))
            at = self._documents.follow(at)
        return [*told, self._documents.resolve(at)]

    def _leaf(self, at: At, direction: Direction, depth: int) -> Json | None:
        """A small scalar is put in place of the reference to it: easier to read, and no longer."""
        if not isinstance(at.value, dict) or at.value.keys() & NESTING or "discriminator" in at.value:
            return None
        converted = self._object(at, direction, depth)
        return converted if size(converted) <= LEAF_BYTES_MAX else None

    def _object(self, at: At, direction: Direction, depth: int, *, is_part: bool = False) -> Json:
        at = self._with_flags(at)
        value: Tree = at.value
        told: Json = {}
        self._work.spend(OBJECT_STEPS + len(value))
        if not is_part and direction == "input" and self._is_base(at):
            told = self._choice(at, direction)
            return or_null(told) if is_nullable(value) else told
        self._types(value, told, at)
        put_texts(value, told)
        self._numbers(value, told, at)
        self._pattern(value, told, at)
        self._properties(at, told, direction, depth)
        for keyword in ONE:
            if keyword in value and not isinstance(value[keyword], list):
                told[keyword] = self._convert(at.child(keyword), direction, depth + 1)
        self._maps(at, told, direction, depth)
        self._lists(at, told, direction, depth, is_part=is_part)
        self._values(value, told, at)
        self._not(at, told, direction, depth)
        if direction == "input" and ("example" in value or "examples" in value):
            told = with_own_examples(told, value)
        return or_null(told) if is_nullable(value) else told

    def _with_flags(self, at: At) -> At:
        """The same, with whatever of its flags is a word as what that means."""
        if FLAGS.isdisjoint(at.value):
            return at
        odd = {key: meant for key in FLAGS & at.value.keys() if (meant := flag_word(at.value[key])) is not None}
        if not odd:
            return at
        self._note("flag-repaired", at, f"`{min(odd)}` has to be true or false, and is a word that means it.")
        return at._replace(value={**at.value, **odd})

    def _types(self, value: Tree, told: Json, at: At) -> None:
        kinds, is_plain = types_of(value.get("type"))
        if not is_plain:
            self._note("type-repaired", at, f"`type` names what is no type; {' or '.join(kinds) or 'any'} is taken.")
        if kinds:
            told["type"] = kinds[0] if len(kinds) == 1 else kinds

    def _numbers(self, value: Tree, told: Json, at: At) -> None:
        if NUMBERS.isdisjoint(value):
            return
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
        if isinstance(pattern, str) and self._is_pattern(meant := pattern_meant(pattern)):
            told["pattern"] = meant
            if meant != pattern:
                self._note("pattern-repaired", at, "`pattern` is one as a program's source has it.")
        elif pattern is not None:
            self._note("keyword-dropped", at, "`pattern` is no regular expression that can be checked here.")

    def _is_pattern(self, text: str) -> bool:
        self._work.spend(PATTERN_STEPS)
        if not is_pattern(text):
            self._work.spend(LARGE_PATTERN_STEPS)
            return False
        self._work.spend(LARGE_PATTERN_STEPS if weigh_pattern(text) > LIGHT_BYTES_MAX else 0)
        return True

    def _properties(self, at: At, told: Json, direction: Direction, depth: int) -> None:
        """Properties, with what the other direction alone sees left out, and which of them are required."""
        if "properties" not in at.value and "required" not in at.value:
            return
        members = self.properties(at)
        shown = {name: member for name, member in members.items() if not self.hidden(member, direction)}
        if "properties" in at.value:
            told["properties"] = {name: self._convert(member, direction, depth + 1) for name, member in shown.items()}
            if direction == "input" and at.value.get("additionalProperties") is not False:
                # What would pass as one of the others is never sent.
                told["properties"] |= {name: False for name in members if name not in shown}
        names = required_names(at.value.get("required"))
        names += [name for name, member in shown.items() if says_required(member.value)]
        required = [name for name in dict.fromkeys(names) if name in shown or name not in members]
        if required:
            told["required"] = required

    def _maps(self, at: At, told: Json, direction: Direction, depth: int) -> None:
        value = at.value
        if MAPS_OF_SCHEMAS.isdisjoint(value) and told.get("additionalProperties") is not False:
            return
        for keyword in ("patternProperties", "dependentSchemas"):
            if isinstance(value.get(keyword), dict):
                group = at.child(keyword)
                kept = [name for name in group.value if keyword != "patternProperties" or self._is_pattern(name)]
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

    def _lists(self, at: At, told: Json, direction: Direction, depth: int, *, is_part: bool) -> None:
        if LISTS.isdisjoint(at.value):
            return
        tag = tag_of(at.value) if direction == "input" and "discriminator" in at.value else ""
        for keyword, becomes in LISTED:
            listed = at.value.get(keyword)
            if is_part and tag and keyword in ALTERNATIVES and self._is_made_into(at, keyword):
                continue
            if isinstance(listed, dict) and listed and keyword in ONE_ALONE:
                self._note("wrong-type-repaired", at.child(keyword), "one schema stands where a list of them belongs.")
                converted = [self._convert(at.child(keyword), direction, depth + 1)]
            elif isinstance(listed, list) and listed:
                group = at.child(keyword)
                self._work.spend(len(listed) * pointer_steps(group))
                parts = keyword == "allOf" and not (len(listed) == 1 and self._only_wraps(at))
                converted = [self._convert(one, direction, depth + 1, is_part=parts) for one in _members(group)]
                if tag and keyword in ALTERNATIVES:
                    values = [self._subtypes.values(at, one) for one in _members(group)]
                    converted = [_tagged(one, tag, some) for one, some in zip(converted, values, strict=True)]
                    _hint(told, tag)
            else:
                continue
            if becomes in told:
                told["allOf"] = [*told.get("allOf", ()), {becomes: converted}]
            else:
                told[becomes] = converted

    # Discriminators.

    def is_choice(self, at: At) -> bool:
        """Whether a schema stands for one of several that its discriminator tells apart, and names none of them itself."""
        try:
            settled = self._documents.resolve(self._documents.enter(at))
        except Malformed:
            return False
        if not isinstance(settled.value, dict):
            return False
        listed = settled.value.get("allOf")
        if isinstance(listed, list) and len(listed) == 1 and self._only_wraps(settled):
            return self.is_choice(settled.child("allOf").child(0)) if is_reference(listed[0]) else False
        return self._is_base(settled)

    def _is_base(self, at: At) -> bool:
        value = at.value
        if "discriminator" not in value or not tag_of(value) or any(value.get(one) for one in ALTERNATIVES):
            return False
        return bool(self._subtypes.of(at))

    def _is_made_into(self, at: At, keyword: str) -> bool:
        """Whether alternatives are made of the schema that names them: within them it stands for its own rules."""
        group = at.get(keyword)
        if group is None or not isinstance(group.value, list):
            return False
        return any(self._subtypes.makes(at, one) for one in _members(group))

    def _only_wraps(self, at: At) -> bool:
        """Whether an `allOf` of one schema is that schema, with words beside it; a component is made of it."""
        return at.value.keys() <= WRAPPING and not COMPONENT.fullmatch(at.pointer)

    def _choice(self, at: At, direction: Direction) -> Json:
        """One of the subtypes of a base, or the base itself with another value of its discriminator."""
        tag = tag_of(at.value)
        found = self._subtypes.of(at)
        branches = [_tagged(self._pointed(one.at, direction), tag, one.values) for one in found]
        values = [value for one in found for value in one.values]
        if not values or not self._subtypes.closed(at, values):
            others = {"properties": {tag: {"not": {"enum": values}}}} if values else {}
            branches.append({**self._pointed(at, direction), **others})
        told: Json = {"anyOf": branches}
        if at.value.get("type") == "object":
            told = {"type": "object", **told}
        put_texts(at.value, told)
        told.pop("default", None)
        _hint(told, tag)
        return told

    def _pointed(self, at: At, direction: Direction) -> Json:
        return {"$ref": f"#/$defs/{self._name(at, direction, is_part=True)}"}

    def _values(self, value: Tree, told: Json, at: At) -> None:
        if "const" in value:
            told["const"] = value["const"]
        if "enum" not in value:
            return
        values = value["enum"]
        if isinstance(values, str | int | float) and values != "" and "," not in str(values):
            self._note("wrong-type-repaired", at, "`enum` is one value; that one is taken.")
            values = [values]
        if not isinstance(values, list) or not values or len(values) > ENUM_VALUES_MAX:
            self._note("keyword-dropped", at, f"`enum` is empty, no list, or has more than {ENUM_VALUES_MAX} values.")
            return
        self._work.spend(len(values) * ENUM_VALUE_STEPS)
        if not fit_enum(told, values):
            self._note("enum-repaired", at, "values of `enum` are not of the `type`; what they mean is taken.")

    def _not(self, at: At, told: Json, direction: Direction, depth: int) -> None:
        excluded = at.value.get("not")
        if isinstance(excluded, dict) and excluded and excluded.keys() <= PLAIN_FACTS and depth < NESTING_MAX:
            converted = self._object(at.child("not"), direction, depth + 1)
            if all(
                converted.get(keyword) == excluded.get(keyword) for keyword in PLAIN_FACTS - {"description", "title"}
            ):
                told["not"] = converted


def _members(group: At) -> list[At]:
    return [group.child(index) for index in range(len(group.value))]


def _tagged(schema: Any, tag: str, values: list[Any]) -> Any:
    """A schema whose discriminating property has one of these values, where any are known."""
    if not values or schema is False:
        return schema
    told: Json = schema if isinstance(schema, dict) else {}
    own = told.get("properties", {}).get(tag, {})
    only = {"const": values[0]} if len(values) == 1 else {"enum": values}
    kept = {key: one for key, one in own.items() if key not in ("enum", "const")} if isinstance(own, dict) else {}
    return {**told, "properties": {**told.get("properties", {}), tag: {**kept, **only}}}


def _hint(told: Json, tag: str) -> None:
    """Says by what the alternatives are told apart."""
    hint = f"Told apart by {plain(tag, TAG_CHARACTERS_MAX)}."
    said = cut(told.get("description", ""), HINT_CHARACTERS_MAX - len(hint) - 1)
    told["description"] = f"{said} {hint}".strip()


def _define(name: str, schema: Any, direction: Direction) -> Definition:
    return Definition(
        encoded=Raw(msgspec.json.encode(schema)),
        stub=Raw(msgspec.json.encode(opened(schema, f"{PLACES[direction]}/$defs/{name}"))),
        references=tuple(sorted(mentioned(schema))),
    )
