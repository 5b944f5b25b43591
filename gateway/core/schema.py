"""Any dialect of schema that documents use, as valid JSON Schema 2020-12: converted, repaired, pruned and bounded.

A schema is converted where it is used; what it refers to becomes a definition in `$defs`, converted once for each
direction and shared by all tools. Nothing here is ever stricter than the document: what cannot be said is left open.
"""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Literal

import jsonschema_rs
import msgspec
from msgspec import Raw, Struct

from gateway.core.document import Tree
from gateway.core.prose import HINT_CHARACTERS_MAX, cut, plain
from gateway.core.references import At, Documents, Malformed

Direction = Literal["input", "output"]
Json = dict[str, Any]
Note = Callable[[str, At, str], None]

NESTING_MAX = 40
ENUM_VALUES_MAX = 1_000
PATTERN_CHARACTERS_MAX = 1_000
DEFAULT_BYTES_MAX = 500
SHORT_HINT_CHARACTERS = 80

TYPES = frozenset({"string", "number", "integer", "boolean", "array", "object", "null"})
# What documents write in `type` and mean one of the seven (Swagger's `file` among them).
MEANT = {
    "int": "integer", "int32": "integer", "int64": "integer", "long": "integer", "float": "number", "double": "number",
    "decimal": "number", "bool": "boolean", "str": "string", "text": "string", "date": "string", "datetime": "string",
    "date-time": "string", "uuid": "string", "file": "string", "list": "array", "map": "object", "hash": "object",
}  # fmt: skip
COUNTS = ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "minContains", "maxContains")
BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
ONE_SCHEMA = (
    "items", "contains", "not", "if", "then", "else", "propertyNames", "additionalProperties", "unevaluatedProperties",
    "unevaluatedItems",
)  # fmt: skip


class _Definition(Struct):
    """One converted component: the definitions that it refers to, and its encoded size."""

    schema: Any
    references: tuple[str, ...]
    size: int


class Schemas:
    """Converts the schemas of one document. `note(reason, at, detail)` is told of every repair."""

    def __init__(self, documents: Documents, note: Note) -> None:
        self._documents = documents
        self._note = note
        self._names: dict[tuple[str, str, Direction], str] = {}
        self._origins: dict[str, tuple[At, Direction]] = {}
        self._definitions: dict[str, _Definition] = {}

    def convert(self, at: At, direction: Direction, depth: int = 0) -> Any:
        """One schema in place: a dict, or True where anything goes. References point into `$defs`."""
        value = at.value
        if isinstance(value, bool):
            return value
        if not isinstance(value, dict) or depth > NESTING_MAX:
            self._note("schema-opened", at, "it is no schema, or nested too deeply; any value is taken.")
            return True
        if isinstance(value.get("$ref"), str):
            return self._reference(at, direction, depth)
        return self._convert_object(at, direction, depth)

    def definition(self, name: str) -> _Definition:
        """What a name in `$defs` stands for, converted on first use."""
        if name not in self._definitions:
            at, direction = self._origins[name]
            schema = self.convert(at, direction, 1)
            self._definitions[name] = _Definition(schema, tuple(sorted(_mentioned(schema))), _size(schema))
        return self._definitions[name]

    def bundle(self, schema: Json, bytes_max: int) -> Raw:
        """Encode a schema with the definitions that it reaches, nearest first, in at most `bytes_max` bytes. What does not
        fit is opened: a definition becomes one that takes any value, then descriptions go, then deep parts."""
        for shrink in _SHRINKS:
            smaller = shrink(schema)
            whole = self._with_definitions(smaller, bytes_max - _size(smaller))
            encoded = msgspec.json.encode(whole)
            if len(encoded) <= bytes_max:
                return Raw(encoded)
        return Raw(b'{"type":"object"}')

    def _with_definitions(self, schema: Json, bytes_left: int) -> Json:
        names, definitions = sorted(_mentioned(schema)), {}
        while names:
            following: set[str] = set()
            for name in names:
                known = self.definition(name)
                bytes_left -= known.size + len(name) + 4
                definitions[name] = known.schema if bytes_left > 0 else True
                following.update(known.references if bytes_left > 0 else ())
            names = sorted(following - definitions.keys())
        return {**schema, "$defs": definitions} if definitions else schema

    def _reference(self, at: At, direction: Direction, depth: int) -> Any:
        """A `$ref`, with what stands beside it: in 3.1 that counts too, in older documents only a text or `nullable`."""
        try:
            target = self._documents.find(at.value["$ref"], at)
            settled = self._documents.resolve(target)
        except Malformed as error:
            self._note(error.reason, at, f"{error.detail} Any value is taken.")
            return True
        pointed = self._leaf(settled, direction, depth) or {"$ref": f"#/$defs/{self._name(settled, direction)}"}
        beside = {key: value for key, value in at.value.items() if key != "$ref"}
        extra = self._convert_object(At(beside, at.uri, at.pointer), direction, depth) if beside else {}
        nullable = beside.get("nullable") is True
        return self._nullable({**pointed, **extra}) if nullable else {**pointed, **extra}

    def _leaf(self, at: At, direction: Direction, depth: int) -> Json | None:
        """A small scalar is put in place of the reference to it: easier to read, and no longer."""
        value = at.value
        if not isinstance(value, dict) or value.keys() & _NESTING_KEYWORDS:
            return None
        converted: Json = self._convert_object(at, direction, depth)
        return converted if _size(converted) <= HINT_CHARACTERS_MAX else None

    def _name(self, at: At, direction: Direction) -> str:
        key = (at.uri, at.pointer, direction)
        if key not in self._names:
            base = re.sub(r"[^a-zA-Z0-9_.-]+", "_", at.pointer.rpartition("/")[2] or "Root")[:60]
            name, number = base, 2
            while name in self._origins:
                name, number = f"{base}_{number}", number + 1
            self._names[key] = name
            self._origins[name] = (at, direction)
        return self._names[key]

    def _convert_object(self, at: At, direction: Direction, depth: int) -> Json:
        value: Tree = at.value
        told: Json = {}
        self._types(value, told, at)
        self._texts(value, told)
        self._numbers(value, told, at)
        self._enumeration(value, told, at)
        self._members(at, told, direction, depth)
        for keyword in ONE_SCHEMA:
            if keyword in value and not isinstance(value[keyword], list):
                told[keyword] = self.convert(at.child(keyword), direction, depth + 1)
        self._lists(at, told, direction, depth)
        return self._nullable(told) if value.get("nullable") is True and "$ref" not in value else told

    def _types(self, value: Tree, told: Json, at: At) -> None:
        declared = value.get("type")
        kinds = declared if isinstance(declared, list) else [declared] if declared is not None else []
        known = [kind if kind in TYPES else MEANT.get(str(kind).lower(), "") for kind in kinds if isinstance(kind, str)]
        kept = list(dict.fromkeys(kind for kind in known if kind))
        if kept != kinds:
            self._note("type-repaired", at, f"`type` names what is no type; {' or '.join(kept) or 'any'} is taken.")
        if kept and len(kept) == len(kinds):
            told["type"] = kept[0] if len(kept) == 1 else kept

    def _texts(self, value: Tree, told: Json) -> None:
        if text := plain(value.get("description") or value.get("title"), HINT_CHARACTERS_MAX):
            told["description"] = text
        if isinstance(value.get("format"), str) and len(value["format"]) <= SHORT_HINT_CHARACTERS:
            told["format"] = value["format"]
        for keyword in ("contentEncoding", "contentMediaType"):
            if isinstance(value.get(keyword), str):
                told[keyword] = value[keyword]
        for keyword in ("deprecated", "uniqueItems"):
            if value.get(keyword) is True:
                told[keyword] = True
        if value.get("default") is not None and _size(value["default"]) <= DEFAULT_BYTES_MAX:
            told["default"] = value["default"]

    def _numbers(self, value: Tree, told: Json, at: At) -> None:
        for keyword in (*BOUNDS, *COUNTS, "multipleOf"):
            if keyword not in value or isinstance(value[keyword], bool):
                continue
            number = _number(value[keyword], whole=keyword in COUNTS)
            if number is None or (keyword == "multipleOf" and number <= 0):
                self._note("keyword-dropped", at, f"`{keyword}` is no usable number.")
            else:
                told[keyword] = number
        for keyword, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
            if value.get(keyword) is True and bound in told:
                told[keyword] = told.pop(bound)
        pattern = value.get("pattern")
        if isinstance(pattern, str) and is_pattern(pattern):
            told["pattern"] = pattern
        elif pattern is not None:
            self._note("keyword-dropped", at, "`pattern` is no regular expression that can be checked here.")

    def _enumeration(self, value: Tree, told: Json, at: At) -> None:
        if "const" in value:
            told["const"] = value["const"]
        values = value.get("enum")
        if not isinstance(values, list) or not values or len(values) > ENUM_VALUES_MAX:
            if "enum" in value:
                self._note("keyword-dropped", at, f"`enum` is empty, no list, or has more than {ENUM_VALUES_MAX} values.")
            return
        told["enum"] = _distinct(values)

    def _members(self, at: At, told: Json, direction: Direction, depth: int) -> None:
        """Properties, with what the other direction alone sees left out, and which of them are required."""
        value = at.value
        required = _required_names(value.get("required"))
        if isinstance(value.get("properties"), dict):
            members = at.child("properties")
            told["properties"] = {}
            for name in members.value:
                member = members.child(name)
                if self.hidden(member, direction):
                    required = [one for one in required if one != name]
                    continue
                told["properties"][name] = self.convert(member, direction, depth + 1)
                if isinstance(member.value, dict) and member.value.get("required") is True:
                    required.append(name)
        if required:
            told["required"] = list(dict.fromkeys(required))
        for keyword in ("patternProperties", "dependentSchemas"):
            if isinstance(value.get(keyword), dict):
                group = at.child(keyword)
                kept = [name for name in group.value if keyword != "patternProperties" or is_pattern(name)]
                told[keyword] = {name: self.convert(group.child(name), direction, depth + 1) for name in kept}
        if isinstance(value.get("dependentRequired"), dict):
            told["dependentRequired"] = {
                name: _required_names(names) for name, names in value["dependentRequired"].items()
            }

    def _lists(self, at: At, told: Json, direction: Direction, depth: int) -> None:
        """`allOf`, `anyOf`, and `oneOf` as `anyOf`: a value that fits two of its schemas is the backend's to judge, and
        real documents overlap. A list of `items` is a tuple (`prefixItems`)."""
        for keyword, becomes in (("allOf", "allOf"), ("anyOf", "anyOf"), ("oneOf", "anyOf"), ("prefixItems", "prefixItems"), ("items", "prefixItems")):
            listed = at.value.get(keyword)
            if not isinstance(listed, list) or not listed:
                continue
            group = at.child(keyword)
            converted = [self.convert(group.child(index), direction, depth + 1) for index in range(len(listed))]
            if becomes in told:
                told["allOf"] = [*told.get("allOf", ()), {becomes: converted}]
            else:
                told[becomes] = converted

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

    def _nullable(self, told: Json) -> Json:
        """The same, or null."""
        kind = told.get("type")
        if kind is None or "$ref" in told or "allOf" in told or "anyOf" in told or "const" in told:
            return {"anyOf": [told, {"type": "null"}]}
        kinds = kind if isinstance(kind, list) else [kind]
        again = {**told, "type": [*kinds, "null"] if "null" not in kinds else kinds}
        if "enum" in told and None not in told["enum"]:
            again["enum"] = [*told["enum"], None]
        return again


_NESTING_KEYWORDS = frozenset(
    {"$ref", "properties", "allOf", "anyOf", "oneOf", "patternProperties", "prefixItems", "dependentSchemas", *ONE_SCHEMA}
)


@lru_cache(maxsize=4_096)
def is_pattern(text: str) -> bool:
    """Whether the checker of arguments can compile this regular expression."""
    if len(text) > PATTERN_CHARACTERS_MAX:
        return False
    try:
        jsonschema_rs.Draft202012Validator({"pattern": text})
    except ValueError:
        return False
    return True


_MAPS = ("properties", "patternProperties", "dependentSchemas")
_LISTS = ("allOf", "anyOf", "prefixItems")


def _rebuild(schema: Any, visit: Callable[[Any], Any]) -> Any:
    """A converted schema with each of its direct subschemas as `visit` gives it."""
    if not isinstance(schema, dict):
        return schema
    told: Json = {}
    for key, value in schema.items():
        if key in _MAPS:
            told[key] = {name: visit(member) for name, member in value.items()}
        elif key in _LISTS:
            told[key] = [visit(member) for member in value]
        else:
            told[key] = visit(value) if key in ONE_SCHEMA else value
    return told


def _mentioned(schema: Any) -> set[str]:
    """The names of the definitions that a converted schema refers to."""
    found: set[str] = set()

    def visit(node: Any) -> Any:
        if isinstance(node, dict) and "$ref" in node:
            found.add(node["$ref"].removeprefix("#/$defs/"))
        return _rebuild(node, visit)

    visit(schema)
    return found


def _required_names(value: object) -> list[str]:
    """`required` as a list of names; the boolean of older drafts, and anything else, is no list."""
    names = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return list(dict.fromkeys(name for name in names if isinstance(name, str)))


def _number(value: object, *, whole: bool) -> float | int | None:
    if isinstance(value, str):
        value = _from_text(value)
    if not isinstance(value, int | float) or value != value or abs(value) == float("inf"):
        return None
    if not whole:
        return value
    return int(value) if value >= 0 and value == int(value) else None


def _from_text(text: str) -> float | int | None:
    if re.fullmatch(r"[-+]?[0-9]{1,30}", text):
        return int(text)
    return float(text) if re.fullmatch(r"[-+]?[0-9]{1,30}(\.[0-9]{1,30})?([eE][-+]?[0-9]{1,3})?", text) else None


def _distinct(values: Iterable[Any]) -> list[Any]:
    """Without repeats; 1 and true are not the same."""
    seen: dict[bytes, Any] = {}
    for value in values:
        seen.setdefault(msgspec.json.encode(value), value)
    return list(seen.values())


def _size(value: Any) -> int:
    try:
        return len(msgspec.json.encode(value))
    except (RecursionError, UnicodeEncodeError, OverflowError):
        return 1 << 30


def _as_it_is(schema: Json) -> Json:
    return schema


def _with_short_hints(schema: Any) -> Any:
    if not isinstance(schema, dict):
        return schema
    told = _rebuild(schema, _with_short_hints)
    if "description" in told:
        told["description"] = cut(told["description"], SHORT_HINT_CHARACTERS)
    return told


def _folded(levels: int) -> Callable[[Json], Json]:
    """Schemas deeper than so many levels take any value of their type, and have no hint."""

    def fold(node: Any, left: int) -> Any:
        if left > 0 or not isinstance(node, dict):
            return _rebuild(node, lambda member: fold(member, left - 1))
        return {"type": node["type"]} if "type" in node else True

    return lambda schema: {**fold(_with_short_hints(schema), levels), "$comment": "Deeper parts are left open."}


_SHRINKS: tuple[Callable[[Json], Json], ...] = (
    _as_it_is,
    _with_short_hints,
    _folded(6),
    _folded(4),
    _folded(3),
    _folded(2),
    _folded(1),
)
