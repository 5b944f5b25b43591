"""What a schema asks for, in the few forms that every model provider knows, and how deep it goes.

Between a tool's input schema and the dialect of a provider: `shaped` reads the one, the writers of dialects write the
other, and what a model sends is turned back by the same shapes. Writes no dialect, checks no values.
"""

import re
from collections.abc import Mapping
from itertools import islice
from typing import Any, NamedTuple, TypeAlias

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from gateway.core.conjunction import ANY_TYPE, ASSERTING, RULES_OF, Together, is_open, target_of, together, words_of
from gateway.core.fold import size
from gateway.core.pointer import escape
from gateway.core.prose import cut, plain

Json = dict[str, Any]

NAME = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
DEPTH_MAX = 60
ENUM_VALUES_MAX = 1_000
# Of an enum with more values than the first, all values together have at most so many characters.
LARGE_ENUM_VALUES, LARGE_ENUM_CHARACTERS_MAX = 250, 15_000
COUNT_MAX = 1 << 31
BRANCHES_MAX = 200
LISTED_CHARACTERS_MAX = 200
NAMES_LISTED_MAX = 50
DEFAULT_CHARACTERS_MAX = 60
JSON_TEXT = "JSON text"


class Text(Struct, frozen=True):
    """Any value, written as a string that holds JSON."""

    description: str = ""
    nullable: bool = False


class Scalar(Struct, frozen=True):
    """`kind`: string, number, integer, boolean, or null where nothing else is taken. `rules`: keywords that the dialect knows."""

    kind: str
    rules: Json = {}
    description: str = ""
    nullable: bool = False


class Sequence(Struct, frozen=True):
    items: "Shape"
    rules: Json = {}
    description: str = ""
    nullable: bool = False


class Record(Struct, frozen=True):
    members: "dict[str, Shape]"
    required: frozenset[str] = frozenset()
    description: str = ""
    nullable: bool = False


class Map(Struct, frozen=True):
    """An object of any keys, written as a list of objects of `key` and `value`."""

    value: "Shape"
    rules: Json = {}
    description: str = ""
    nullable: bool = False


class Union(Struct, frozen=True):
    branches: "tuple[Shape, ...]"
    description: str = ""
    nullable: bool = False


class Link(Struct, frozen=True):
    """A definition, by its name."""

    name: str
    description: str = ""
    nullable: bool = False


Shape: TypeAlias = Text | Scalar | Sequence | Record | Map | Union | Link


class Plan(Struct, frozen=True):
    """The shape of a tool's arguments. `is_whole`: they are one text, the only member of `root`, named WHOLE."""

    root: Record
    definitions: dict[str, Shape] = {}
    lost: tuple[str, ...] = ()
    is_whole: bool = False


WHOLE = "arguments"


class Rules(Struct, frozen=True):
    """What a dialect can say. `links`: it knows references; else definitions are put in place. `keywords` and `formats`
    by type; `listed` the types that may have an enum, `empty_text` whether "" may be in it; `empty_records` whether an
    object without properties is allowed. `shapes_max`: more than that cannot fit, so the work stops there."""

    links: bool
    keywords: Mapping[str, frozenset[str]]
    formats: Mapping[str, frozenset[str]]
    listed: frozenset[str]
    empty_text: bool
    empty_records: bool
    shapes_max: int


class Fold(NamedTuple):
    """How much is shown: objects and lists within one another, definitions away from the root, a definition put in place
    within itself, characters of a description, values of enums."""

    levels: int
    hops: int
    recursions: int
    hint: int
    enum_values: int


class TooLarge(Exception):
    """There are more shapes than the dialect has room for: the schema has to be folded further."""


class _Spot(NamedTuple):
    """Where: the pointer, how many schemas, containers and definitions around, and which definitions are open."""

    pointer: str
    depth: int = 0
    level: int = 0
    hops: int = 0
    within: tuple[str, ...] = ()

    def under(self, *steps: str, level: int = 0) -> "_Spot":
        pointer = "/".join([self.pointer, *map(escape, steps)])
        return self._replace(pointer=pointer, depth=self.depth + 1, level=self.level + level)


def shaped(schema: Any, rules: Rules, fold: Fold) -> Plan:
    """The shapes of a tool's input schema. A root that is no plain object is one text. Raises TooLarge."""
    shaper = _Shaper(schema.get("$defs", {}) if isinstance(schema, dict) else {}, rules, fold)
    root = shaper.root(schema)
    definitions = shaper.definitions() if root else {}
    return whole() if root is None else Plan(root, definitions, tuple(shaper.lost))


def whole() -> Plan:
    """All arguments as one text: what is left where nothing else can be said."""
    text = Text(f"All arguments of the tool, an object as {JSON_TEXT}.")
    return Plan(Record({WHOLE: text}, frozenset({WHOLE})), lost=("properties at ",), is_whole=True)


class _Shaper:
    def __init__(self, definitions: Mapping[str, Any], rules: Rules, fold: Fold) -> None:
        self._definitions = definitions
        self._rules = rules
        self._fold = fold
        self._hops: dict[str, int] = {}
        self._shapes_left = rules.shapes_max
        self._enum_values_left = fold.enum_values
        self.lost: dict[str, None] = {}

    def root(self, schema: Any) -> Record | None:
        spot = _Spot("")
        known = together(schema, self._definitions) if isinstance(schema, dict) else None
        if known is None or known.facts.get("type") != ["object"] or any(map(_asks_more, known.choices)):
            return None
        if "enum" in known.facts:
            return None
        odd = [keyword for keyword in ANY_TYPE if keyword in known.facts]
        odd += ["anyOf" for choice in known.choices if not any(map(is_open, choice))]
        for keyword in (*known.lost, *odd):
            self._lose(keyword, spot)
        if not known.facts.get("properties") and not known.facts.get("required"):
            self._kept("object", known.facts, spot)
            if known.facts.get("additionalProperties", False) is False:
                return Record({})
            return None
        shape = self._object(known.facts, spot) if self._fold.hint else self._names_only(known.facts, spot)
        return shape if isinstance(shape, Record) else None

    def _names_only(self, facts: Json, spot: _Spot) -> Record | None:
        """As little as keeps the arguments apart."""
        self._lose("nesting", spot)
        properties, required = facts.get("properties", {}), frozenset(facts.get("required", ()))
        if not all(map(NAME.fullmatch, [*properties, *required])) or not required <= properties.keys():
            return None
        return Record(dict.fromkeys(properties, Text()), required, f"Each argument is a string that holds {JSON_TEXT}.")

    def definitions(self) -> dict[str, Shape]:
        """Those that are linked to, nearest first."""
        told: dict[str, Shape] = {}
        while waiting := [name for name in self._hops if name not in told]:
            for name in waiting:
                spot = _Spot(f"/$defs/{escape(name)}", hops=self._hops[name], within=(name,))
                shape = self._shape(self._definitions[name], spot)
                if shape is None:
                    self._lose("type", spot)
                told[name] = shape or Text(f"No value fits; {JSON_TEXT}.")
        return told

    def _lose(self, keyword: str, spot: _Spot) -> None:
        self.lost[f"{keyword} at {spot.pointer}"] = None

    def _spend(self, shapes: int) -> None:
        self._shapes_left -= shapes
        if self._shapes_left < 0:
            raise TooLarge

    def _is_deep(self, name: str, spot: _Spot) -> bool:
        """Whether a definition stands within itself as often as it may."""
        return spot.within.count(name) >= self._fold.recursions

    def _shape(self, schema: Any, spot: _Spot) -> Shape | None:
        """None where no value fits."""
        self._spend(1)
        if is_open(schema):
            return self._text(schema if isinstance(schema, dict) else {}, "Any value")
        if name := target_of(schema):
            return self._definition(name, schema, spot)
        known = together(schema, self._definitions)
        if known is None:
            return None
        for keyword in known.lost:
            self._lose(keyword, spot)
        # What is put in place costs time, however little of it is shown.
        self._spend(len(known.names) + len(known.facts.get("properties", ())) // 8)
        if spot.depth > DEPTH_MAX or any(self._is_deep(name, spot) for name in known.names):
            return self._opened(known.facts, spot)
        return self._known(known, spot._replace(within=(*spot.within, *known.names)))

    def _known(self, known: Together, spot: _Spot) -> Shape | None:
        choices = [choice for choice in known.choices if _asks_more(choice)]
        facts = known.facts
        for choice in known.choices:
            if any(map(is_open, choice)):
                facts = {"description": next(filter(None, map(words_of, choice)), ""), **facts}
            elif choice not in choices:
                self._lose("anyOf", spot)
        return self._chosen(facts, choices, spot) if choices else self._typed(facts, spot)

    # References.

    def _definition(self, name: str, schema: Any, spot: _Spot) -> Shape | None:
        words = self._words(words_of(schema))
        seen = {name}
        while (following := target_of(self._definitions.get(name))) and following not in seen:
            name = following
            seen.add(name)
        if name not in self._definitions or following:
            self._lose("$ref", spot)
            return self._text({"description": words}, "Any value")
        if self._rules.links:
            return self._link(name, words, spot)
        if self._is_deep(name, spot) or len(spot.within) >= self._fold.hops:
            return self._opened(self._definitions[name], spot)
        inside = spot._replace(pointer=f"/$defs/{escape(name)}", depth=spot.depth + 1, within=(*spot.within, name))
        shape = self._shape(self._definitions[name], inside)
        return _with_words(shape, words) if shape else None

    def _link(self, name: str, words: str, spot: _Spot) -> Shape:
        if name not in self._hops and (spot.hops >= self._fold.hops or not NAME.fullmatch(name)):
            return self._opened(self._definitions[name], spot)
        self._hops.setdefault(name, spot.hops + 1)
        return Link(name, words)

    # Choices.

    def _chosen(self, facts: Json, choices: list[list[Any]], spot: _Spot) -> Shape | None:
        """One of several: what stands beside the choice is put into each of its schemas."""
        first, *others = choices
        if len(first) > BRANCHES_MAX:
            return self._opened(facts, spot)
        beside = {key: value for key, value in facts.items() if key in ASSERTING}
        rest = [beside] if beside and not self._implied(beside, first) else []
        rest += [{"anyOf": other} for other in others]
        schemas = [{"allOf": [*rest, one]} if rest else one for one in first]
        shapes = [self._shape(one, spot.under("anyOf", str(index))) for index, one in enumerate(schemas)]
        return self._union(shapes, self._description(facts), is_null=any(map(_is_null, schemas)))

    def _implied(self, beside: Json, schemas: list[Any]) -> bool:
        """Whether the types beside a choice say nothing that each of its schemas does not say."""
        return beside.keys() == {"type"} and all(
            isinstance(one := self._followed(schema), dict)
            and "type" in one
            and set([one["type"]] if isinstance(one["type"], str) else one["type"]) <= set(beside["type"])
            for schema in schemas
        )

    def _followed(self, schema: Any) -> Any:
        name = target_of(schema)
        return self._definitions.get(name) if name else schema

    def _union(self, shapes: list[Shape | None], description: str, *, is_null: bool) -> Shape | None:
        flat: list[Shape] = []
        for shape in shapes:
            if isinstance(shape, Union):
                flat += shape.branches
            elif shape not in (None, _NULL):
                flat.append(replace(shape, nullable=False))
        nullable = is_null or any(shape is not None and shape.nullable for shape in shapes)
        branches = [one for index, one in enumerate(flat) if one not in flat[:index]]
        if len(shapes) == 1 and shapes[0] not in (None, _NULL):
            return replace(_with_words(shapes[0], description), nullable=nullable)
        if len(branches) > 1:
            return Union(tuple(branches), description, nullable)
        if not branches:
            return _NULL if nullable else None
        return replace(_with_words(branches[0], description), nullable=nullable)

    # Types.

    def _typed(self, facts: Json, spot: _Spot) -> Shape | None:
        for keyword in ANY_TYPE:
            if keyword in facts:
                self._lose(keyword, spot)
        if any(isinstance(value, dict | list) for value in facts.get("enum", ())):
            self._lose("enum", spot)
            return self._text(facts, "Any value")
        kinds = _kinds(facts)
        if not kinds:
            return self._text(facts, "Any value")
        if "enum" in facts:
            kinds = [kind for kind in kinds if any(kind in kinds_of(value) for value in facts["enum"])]
        description = self._description(facts)
        several = len([kind for kind in kinds if kind != "null"]) > 1
        own = {key: value for key, value in facts.items() if key not in _WORDS} if several else facts
        shapes = [self._of(kind, own, spot) for kind in kinds if kind != "null"]
        is_null = "null" in kinds and None in facts.get("enum", (None,))
        return self._union(shapes, description if several else "", is_null=is_null)

    def _of(self, kind: str, facts: Json, spot: _Spot) -> Shape | None:
        match kind:
            case "array":
                return self._sequence(facts, spot)
            case "object":
                return self._object(facts, spot)
            case _:
                return self._scalar(kind, facts, spot)

    def _scalar(self, kind: str, facts: Json, spot: _Spot) -> Shape | None:
        rules = self._kept(kind, facts, spot)
        hints = [self._description(facts)]
        if "enum" in facts:
            values = [value for value in facts["enum"] if kind in kinds_of(value)]
            if not values:
                return None
            if self._can_list(kind, values):
                rules["enum"] = values
            else:
                self._lose("enum", spot)
                hints.append(_listing(values))
        if (form := facts.get("format")) in self._rules.formats.get(kind, ()):
            rules["format"] = form
        elif isinstance(form, str):
            hints.append(f"Format: {plain(form, 40)}.")
        return Scalar(kind, rules, self._words(" ".join(filter(None, hints))))

    def _can_list(self, kind: str, values: list[Any]) -> bool:
        characters = sum(len(str(value)) for value in values)
        if kind not in self._rules.listed or ("" in values and not self._rules.empty_text):
            return False
        if len(values) > LARGE_ENUM_VALUES and characters > LARGE_ENUM_CHARACTERS_MAX:
            return False
        # One is set aside for null.
        self._enum_values_left -= len(values) + 1
        if self._enum_values_left < 0:
            self._enum_values_left += len(values) + 1
            return False
        return True

    def _kept(self, kind: str, facts: Json, spot: _Spot) -> Json:
        """The rules for a type that the dialect knows; the others are lost."""
        kept: Json = {}
        for keyword in RULES_OF[kind]:
            if keyword not in facts or (keyword == "uniqueItems" and not facts[keyword]):
                continue
            if keyword in self._rules.keywords.get(kind, ()) and _is_usable(keyword, facts[keyword]):
                kept[keyword] = facts[keyword]
            else:
                self._lose(keyword, spot)
        return kept

    def _sequence(self, facts: Json, spot: _Spot) -> Shape:
        if spot.level >= self._fold.levels:
            return self._opened(facts, spot)
        items = facts.get("items", True)
        if "prefixItems" in facts:
            self._lose("prefixItems", spot)
            items = {"anyOf": [*facts["prefixItems"], *([items] if isinstance(items, dict) else [])]}
        shape = self._shape(items, spot.under("items", level=1))
        if shape is None:
            self._lose("items", spot)
        rules = self._kept("array", facts, spot)
        return Sequence(shape or Text(f"{JSON_TEXT}."), rules, self._description(facts))

    def _object(self, facts: Json, spot: _Spot) -> Shape | None:
        properties, further = dict(facts.get("properties", {})), facts.get("additionalProperties", True)
        required = facts.get("required", ())
        properties |= {name: further for name in required if name not in properties}
        if not properties:
            return self._keyed(facts, further, spot)
        if spot.level >= self._fold.levels or any(name in properties and not NAME.fullmatch(name) for name in required):
            return self._opened({**facts, "properties": properties}, spot)
        self._kept("object", facts, spot)
        if "additionalProperties" in facts and further is not False:
            self._lose("additionalProperties", spot)
        members: dict[str, Shape] = {}
        for name, schema in properties.items():
            inside = spot.under("properties", name, level=1)
            if not NAME.fullmatch(name):
                self._lose("properties", inside)
            elif (shape := self._shape(schema, inside)) is not None:
                members[name] = shape
            elif name in required:
                return None
        if not members:
            return self._opened(facts, spot)
        return Record(members, frozenset(required), self._description(facts))

    def _keyed(self, facts: Json, further: Any, spot: _Spot) -> Shape:
        """An object that names no properties: of any keys, or empty."""
        if further is False:
            self._kept("object", facts, spot)
            return (
                Record({}, description=self._description(facts))
                if self._rules.empty_records
                else self._text(facts, "{}")
            )
        if spot.level + 1 >= self._fold.levels:
            return self._opened(facts, spot)
        value = self._shape(further, spot.under("additionalProperties", level=2))
        if value is None:
            return self._keyed(facts, False, spot)
        counts = {key: facts[key] for key in ("minProperties", "maxProperties") if key in facts}
        self._kept("object", {key: one for key, one in facts.items() if key not in counts}, spot)
        named = {"minProperties": "minItems", "maxProperties": "maxItems"}
        rules = {named[key]: count for key, count in counts.items() if count <= COUNT_MAX}
        return Map(value, rules, self._description(facts))

    # Words.

    def _opened(self, facts: Any, spot: _Spot) -> Text:
        """What stands for a part that is left out, with the names of its properties to go by."""
        self._lose("nesting", spot)
        facts = facts if isinstance(facts, dict) else {}
        kinds = _kinds(facts)
        names = ", ".join(plain(name, 64) for name in islice(facts.get("properties", {}), NAMES_LISTED_MAX))
        what = "An object" if kinds == ["object"] else "A list" if kinds == ["array"] else "A value"
        return self._text(facts, f"{what} of {cut(names, LISTED_CHARACTERS_MAX)}" if names else what)

    def _text(self, facts: Json, what: str) -> Text:
        return Text(" ".join(filter(None, [self._description(facts), f"{what}, as {JSON_TEXT}."])))

    def _description(self, facts: Json) -> str:
        words = self._words(facts.get("description") or facts.get("title"))
        if facts.get("default") is None or size(facts["default"]) > DEFAULT_CHARACTERS_MAX:
            return words
        default = plain(msgspec.json.encode(facts["default"]).decode(), DEFAULT_CHARACTERS_MAX)
        return f"{words} Default: {default}.".strip()

    def _words(self, text: object) -> str:
        return plain(text, self._fold.hint)


def kinds_of(value: Any) -> frozenset[str]:
    """The types of a scalar; of 1.0 too that of an integer."""
    match value:
        case None:
            return frozenset({"null"})
        case bool():
            return frozenset({"boolean"})
        case str():
            return frozenset({"string"})
        case int() | float():
            return frozenset({"number", "integer"} if value == value // 1 else {"number"})
        case list():
            return frozenset({"array"})
        case _:
            return frozenset({"object"})


# What takes null alone.
_NULL = Scalar("null", nullable=True)
_WORDS = frozenset({"description", "title", "default"})
_IMPLIED = (
    ("object", frozenset({"properties", "required", "additionalProperties", *RULES_OF["object"]})),
    ("array", frozenset({"items", "prefixItems", *RULES_OF["array"]})),
    ("string", frozenset(RULES_OF["string"])),
    ("number", frozenset(RULES_OF["number"])),
)


def _kinds(facts: Json) -> list[str]:
    """The types that a value may have: as declared, or those of the listed values, or what the keywords are about."""
    declared = facts.get("type")
    if declared is not None:
        kinds = [declared] if isinstance(declared, str) else list(declared)
        return [kind for kind in kinds if kind != "integer" or "number" not in kinds]
    if "enum" in facts:
        every = [kinds_of(value) for value in facts["enum"]]
        kinds = ["number" if "number" in own else next(iter(own)) for own in every]
        return list(dict.fromkeys(kinds))
    return [kind for kind, keywords in _IMPLIED if facts.keys() & keywords]


def _with_words(shape: Shape, words: str) -> Shape:
    """The shape with other words, where there are any. A text still says that it is JSON."""
    if isinstance(shape, Text) and words:
        words = f"{words} {shape.description}".rstrip()
    return replace(shape, description=words or shape.description)


_REQUIREMENTS = frozenset({"required", "not", "if", "dependentRequired", "minProperties", "maxProperties"})


def _asks_more(choice: list[Any]) -> bool:
    """Whether a choice is about more than which properties there must be."""
    return not any(is_open(one) for one in choice) and not all(
        isinstance(one, dict) and (one.keys() & ASSERTING) <= _REQUIREMENTS for one in choice
    )


def _is_null(schema: Any) -> bool:
    return isinstance(schema, dict) and schema.get("type") in ("null", ["null"])


def _listing(values: list[Any]) -> str:
    shown = ", ".join(msgspec.json.encode(value).decode() for value in values[:50])
    return f"One of: {cut(shown, LISTED_CHARACTERS_MAX)}."


# Providers match in linear time: no looking around, no going back to a group.
_HARD_PATTERN = re.compile(r"\(\?(?!:)|\\[1-9kpPbBGZAz]|[*+?}]\+")


def _is_usable(keyword: str, value: Any) -> bool:
    if keyword == "pattern":
        return not _HARD_PATTERN.search(value)
    return isinstance(value, int | float) and (
        not keyword.endswith(("Items", "Length", "Properties")) or value <= COUNT_MAX
    )
