"""Arguments made from a tool's own input schema: seeded, valid, from the barest to the fullest. Knows no document.

A small generator of JSON Schema 2020-12 as far as our input schemas use it: types, `enum`, `const`, `anyOf`, `allOf`,
`$ref`, bounds, `multipleOf`, patterns (walked as Python parses them), the formats that validators look at. What it makes is
a proposal: whoever uses it checks it against the schema (`propose` does), and another is made where it does not hold.
"""

import base64
import math
import random
import re
from collections.abc import Callable, Iterator
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

Json = dict[str, Any]

TRIES = 20
LEVELS_MAX = 30
OPTIONAL_LEVELS_MAX = 6
VALUES_MAX, VALUES_A_MEMBER_MIN = 250, 10
REPEATS_MAX = 3
PATTERN_TRIES = 40
WORDS = ("alpha", "Beta", "gamma7", "delta-x", "eps_1")
# What has to be encoded somewhere on the way.
HOSTILE = ("a b", "é→", "50%", "x&y=z", "q?r#s", "1+1", "x/y", "it's", '"q"', "a:b@c", "[i]", "%41")
FILE_MEMBERS = {"data", "resource", "filename", "media_type"}
TYPES = ("string", "integer", "number", "boolean", "array", "object", "null")
LISTS = ("array",)


class Unmakeable(Exception):
    """No value was found for a schema."""


def propose(schema: Json, fits: Callable[[Json], bool], chance: random.Random, share: float) -> Json | None:
    """Arguments that fit; `share` is how many of the optional ones are given. None where none were found in TRIES."""
    for _ in range(TRIES):
        try:
            made = Maker(schema, chance, share).value(schema, 0)
        except Unmakeable:
            continue
        if isinstance(made, dict) and fits(made):
            return made
    return None


class Maker:
    """One proposal."""

    def __init__(self, root: Json, chance: random.Random, share: float) -> None:
        self._definitions = root.get("$defs", {})
        self._chance = chance
        self._share = share
        self._left = VALUES_MAX

    def value(self, schema: Any, level: int) -> Any:
        if schema is False or level > LEVELS_MAX:
            raise Unmakeable
        self._left -= 1
        for facts in self._alternatives(schema, level):
            try:
                return self._of(facts, level)
            except Unmakeable:
                continue
        raise Unmakeable

    def _alternatives(self, schema: Any, level: int, seen: tuple[str, ...] = ()) -> Iterator[Json]:
        """The schema without `$ref`, `allOf` and `anyOf`: one set of plain facts for each way through its choices."""
        if schema is True:
            yield {}
            return
        if schema is False:
            return
        own = {key: one for key, one in schema.items() if key not in ("$ref", "allOf", "anyOf", "$defs")}
        parts = list(schema.get("allOf", ()))
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            if name in seen:
                return
            parts.append(self._definitions.get(name, True))
            seen = (*seen, name)
        choices = list(schema.get("anyOf", ()))
        self._chance.shuffle(choices)
        choices.sort(key=lambda one: isinstance(one, dict) and one.get("type") == "null")
        for chosen in choices or [True]:
            yield from self._all(own, [*parts, chosen], level, seen)

    def _all(self, facts: Json | None, parts: list[Any], level: int, seen: tuple[str, ...]) -> Iterator[Json]:
        if facts is None:
            return
        if not parts:
            yield facts
            return
        for one in self._alternatives(parts[0], level, seen):
            yield from self._all(_both(facts, one), parts[1:], level, seen)

    def _of(self, facts: Json, level: int) -> Any:
        if "const" in facts:
            return facts["const"]
        if "enum" in facts:
            return self._chance.choice(facts["enum"] or [None])
        told = facts.get("type")
        kinds = [told] if isinstance(told, str) else list(told or [self._implied(facts)])
        if len(kinds) > 1 and "null" in kinds and (level < 2 or self._chance.random() > 0.1):
            kinds.remove("null")
        kind = self._chance.choice(kinds)
        match kind:
            case "object":
                return self._object(facts, level)
            case "array":
                return self._array(facts, level)
            case "string":
                return self._string(facts)
            case "integer" | "number":
                return self._number(facts, kind)
            case "boolean":
                return self._chance.random() < 0.5
            case _:
                return None

    def _implied(self, facts: Json) -> str:
        if facts.keys() & {"properties", "required", "additionalProperties", "minProperties"}:
            return "object"
        if facts.keys() & {"items", "minItems", "prefixItems"}:
            return "array"
        return "number" if facts.keys() & {"minimum", "maximum", "multipleOf"} else "string"

    # Objects and lists.

    def _object(self, facts: Json, level: int) -> Json:
        properties = facts.get("properties", {})
        if properties.keys() >= FILE_MEMBERS and "data" in properties:
            return self._file()
        required = list(facts.get("required", ()))
        made: Json = {}
        budget = max(VALUES_A_MEMBER_MIN, VALUES_MAX // (len(properties) or 1))
        for name in required:
            self._left = budget if level == 0 else self._left
            made[name] = self.value(self._member(facts, name), level + 1)
        share = self._share if level <= OPTIONAL_LEVELS_MAX else 0
        fewest, most = facts.get("minProperties", 0), facts.get("maxProperties", math.inf)
        for name, schema in properties.items():
            self._left = budget if level == 0 else self._left
            wanted = self._chance.random() < share and self._left > 0
            if name in made or len(made) >= most or not (wanted or len(made) < fewest):
                continue
            try:
                made[name] = self.value(schema, level + 1)
            except Unmakeable:
                continue
        self._together(facts, made, level)
        others = facts.get("additionalProperties", True)
        while len(made) < fewest or (isinstance(others, dict) and not made and share and self._chance.random() < share):
            if others is False or len(made) >= most:
                raise Unmakeable
            names = facts.get("propertyNames", {"type": "string", "pattern": "^key[a-z0-9]{1,4}$"})
            made[str(self.value(names, level + 1))] = self.value(others, level + 1)
        return made

    def _member(self, facts: Json, name: str) -> Any:
        if name in facts.get("properties", {}):
            return facts["properties"][name]
        return facts.get("additionalProperties", True)

    def _together(self, facts: Json, made: Json, level: int) -> None:
        for _ in range(3):
            for name, needed in facts.get("dependentRequired", {}).items():
                for other in needed if name in made else ():
                    if other not in made:
                        made[other] = self.value(self._member(facts, other), level + 1)

    def _file(self) -> Json:
        data = base64.b64encode(f"file {self._chance.randrange(1000)}".encode()).decode()
        return {"data": data, "filename": "note.txt"}

    def _array(self, facts: Json, level: int) -> list[Any]:
        fewest, most = facts.get("minItems", 0), facts.get("maxItems", math.inf)
        wanted = 0 if level > OPTIONAL_LEVELS_MAX or self._left <= 0 else self._chance.choice((1, 1, 2))
        first = facts.get("prefixItems", [])
        count = int(max(fewest, min(most, max(wanted, len(first) if fewest else 0))))
        made: list[Any] = []
        for index in range(min(count, VALUES_MAX)):
            schema = first[index] if index < len(first) else facts.get("items", True)
            try:
                made.append(
                    self._another(schema, made, level) if facts.get("uniqueItems") else self.value(schema, level + 1)
                )
            except Unmakeable:
                if len(made) < fewest:
                    raise
                break
        return made

    def _another(self, schema: Any, made: list[Any], level: int) -> Any:
        for _ in range(TRIES):
            value = self.value(schema, level + 1)
            if value not in made:
                return value
        raise Unmakeable

    # Scalars.

    def _number(self, facts: Json, kind: str) -> int | float:
        low, high = facts.get("minimum", -math.inf), facts.get("maximum", math.inf)
        step = facts.get("multipleOf", 1 if kind == "integer" else 0)
        low = max(low, facts.get("exclusiveMinimum", -math.inf))
        high = min(high, facts.get("exclusiveMaximum", math.inf))
        if low == -math.inf and high == math.inf:
            low, high = 0, 100
        low = high - 100 if low == -math.inf else low
        high = low + 100 if high == math.inf else high
        if step:
            first, last = math.ceil(low / step), math.floor(high / step)
            first += first * step == facts.get("exclusiveMinimum")
            last -= last * step == facts.get("exclusiveMaximum")
            if first > last:
                raise Unmakeable
            return _tidy(self._chance.randint(first, last) * step, kind)
        if self._chance.random() < 0.5:
            first, last = math.floor(low) + 1, math.ceil(high) - 1
            if first <= last:
                return self._chance.randint(first, last)
        return low + (high - low) * self._chance.choice((0.25, 0.5, 0.75))

    def _string(self, facts: Json) -> str:
        shortest, longest = facts.get("minLength", 0), facts.get("maxLength", math.inf)
        for pattern in facts.get("pattern", ()):
            return self._matching(pattern, facts)
        known = FORMATS.get(facts.get("format", ""))
        if known is not None:
            text = known(self._chance)
            if shortest <= len(text) <= longest:
                return text
        if facts.get("contentEncoding") == "base64":
            return base64.b64encode(b"bytes").decode()
        text = self._chance.choice(HOSTILE if self._chance.random() < 0.2 else WORDS)
        if len(text) > longest:
            text = text[: int(longest)].strip() or "x"[: int(longest)]
        if len(text) < shortest:
            text += "".join(self._chance.choice("abcdefgh") for _ in range(int(shortest) - len(text)))
        return text

    def _matching(self, pattern: str, facts: Json) -> str:
        """Text that every pattern finds itself in, within the lengths."""
        shortest, longest = facts.get("minLength", 0), facts.get("maxLength", math.inf)
        try:
            tree = parser.parse(pattern)
            every = [re.compile(one) for one in facts["pattern"]]
        except (re.error, RecursionError, OverflowError) as error:
            raise Unmakeable from error
        known = FORMATS.get(facts.get("format", ""))
        for index in range(PATTERN_TRIES):
            text = known(self._chance) if known and index % 4 == 0 else "".join(self._walk(tree, index % 12))
            if not pattern.endswith("$") and len(text) < shortest:
                text += "a" * int(shortest - len(text))
            if shortest <= len(text) <= longest and all(one.search(text) for one in every):
                return text
        raise Unmakeable

    def _walk(self, tree: Any, more: int) -> Iterator[str]:
        """Text for one parsed pattern; `more` is how much longer than need be a repeat may be."""
        for kind, told in tree:
            if kind is op.LITERAL:
                yield chr(told)
            elif kind is op.NOT_LITERAL:
                yield "x" if told != ord("x") else "y"
            elif kind is op.ANY:
                yield "x"
            elif kind is op.IN:
                yield self._one_of(told)
            elif kind is op.BRANCH:
                yield from self._walk(self._chance.choice(told[1]), more)
            elif kind is op.SUBPATTERN:
                yield from self._walk(told[3], more)
            elif kind is op.ATOMIC_GROUP:
                yield from self._walk(told, more)
            elif kind in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
                low, high, inner = told
                for _ in range(self._chance.randint(low, int(min(high, low + max(more, REPEATS_MAX))))):
                    yield from self._walk(inner, more)

    def _one_of(self, members: Any) -> str:
        allowed = [one for one in _ASCII if _is_in(one, members)]
        if allowed:
            return self._chance.choice(allowed)
        first = next((told for kind, told in members if kind in (op.LITERAL, op.RANGE)), None)
        if first is None:
            raise Unmakeable
        return chr(first if isinstance(first, int) else first[0])


_ASCII = "abcxyzABCXYZ012789-_./:@ +%&=,;!?#$*()[]{}'\"~^|<>\\`"
_CATEGORIES = {
    op.CATEGORY_DIGIT: re.compile(r"\d"),
    op.CATEGORY_NOT_DIGIT: re.compile(r"\D"),
    op.CATEGORY_SPACE: re.compile(r"\s"),
    op.CATEGORY_NOT_SPACE: re.compile(r"\S"),
    op.CATEGORY_WORD: re.compile(r"\w"),
    op.CATEGORY_NOT_WORD: re.compile(r"\W"),
}


def _is_in(character: str, members: Any) -> bool:
    negated = bool(members) and members[0][0] is op.NEGATE
    code = ord(character)
    found = any(
        (kind is op.LITERAL and told == code)
        or (kind is op.RANGE and told[0] <= code <= told[1])
        or (kind is op.CATEGORY and bool(_CATEGORIES[told].match(character)))
        for kind, told in members
    )
    return found != negated


def _tidy(value: float, kind: str) -> int | float:
    return int(value) if kind == "integer" else round(value, 10)


def _both(one: Json, other: Json) -> Json | None:
    """Facts that hold together; None where they plainly cannot."""
    told = {**other, **one}
    if "pattern" in told:
        told["pattern"] = [*_listed(one.get("pattern")), *_listed(other.get("pattern"))]
    if "type" in one and "type" in other:
        told["type"] = _shared(one["type"], other["type"])
        if not told["type"]:
            return None
    if "enum" in one and "enum" in other:
        told["enum"] = [value for value in one["enum"] if value in other["enum"]]
        if not told["enum"]:
            return None
    for keyword in ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"):
        if keyword in one and keyword in other:
            told[keyword] = max(one[keyword], other[keyword])
    for keyword in ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"):
        if keyword in one and keyword in other:
            told[keyword] = min(one[keyword], other[keyword])
    if "required" in one or "required" in other:
        told["required"] = list(dict.fromkeys([*one.get("required", ()), *other.get("required", ())]))
    if "properties" in one and "properties" in other:
        mine, theirs = one["properties"], other["properties"]
        shared = {name: _and(mine[name], theirs[name]) for name in mine.keys() & theirs.keys()}
        told["properties"] = {**theirs, **mine, **shared}
    if "additionalProperties" in one and "additionalProperties" in other:
        told["additionalProperties"] = _and(one["additionalProperties"], other["additionalProperties"])
    if "items" in one and "items" in other:
        told["items"] = _and(one["items"], other["items"])
    return told


def _and(one: Any, other: Any) -> Any:
    if one is True or one == other:
        return other
    if other is True:
        return one
    return False if one is False or other is False else {"allOf": [one, other]}


def _listed(pattern: Any) -> list[str]:
    return [] if pattern is None else [pattern] if isinstance(pattern, str) else pattern


def _shared(one: Any, other: Any) -> Any:
    mine, theirs = ([kind] if isinstance(kind, str) else list(kind) for kind in (one, other))
    kept = [kind for kind in mine if kind in theirs or (kind == "integer" and "number" in theirs)]
    kept += ["integer"] if "integer" in theirs and "number" in mine and "integer" not in kept else []
    return kept[0] if len(kept) == 1 else kept


def _two(chance: random.Random, low: int, high: int) -> str:
    return f"{chance.randint(low, high):02}"


def _date(chance: random.Random) -> str:
    return f"{chance.randint(2000, 2030)}-{_two(chance, 1, 12)}-{_two(chance, 1, 28)}"


def _time(chance: random.Random) -> str:
    return f"{_two(chance, 0, 23)}:{_two(chance, 0, 59)}:{_two(chance, 0, 59)}Z"


def _hex(chance: random.Random, length: int) -> str:
    return "".join(chance.choice("0123456789abcdef") for _ in range(length))


def _uuid(chance: random.Random) -> str:
    return f"{_hex(chance, 8)}-{_hex(chance, 4)}-4{_hex(chance, 3)}-a{_hex(chance, 3)}-{_hex(chance, 12)}"


FORMATS: dict[str, Callable[[random.Random], str]] = {
    "date": _date,
    "date-time": lambda chance: f"{_date(chance)}T{_time(chance)}",
    "time": _time,
    "duration": lambda chance: f"P{chance.randint(1, 30)}D",
    "uuid": _uuid,
    "guid": _uuid,
    "email": lambda chance: f"ada{chance.randint(1, 99)}@example.org",
    "idn-email": lambda chance: f"ada{chance.randint(1, 99)}@example.org",
    "uri": lambda chance: f"https://example.org/a{chance.randint(1, 99)}?x=1",
    "url": lambda chance: f"https://example.org/a{chance.randint(1, 99)}",
    "uri-reference": lambda chance: f"/a/{chance.randint(1, 99)}",
    "hostname": lambda chance: f"host{chance.randint(1, 99)}.example.org",
    "ipv4": lambda chance: f"192.0.2.{chance.randint(1, 254)}",
    "ipv6": lambda chance: f"2001:db8::{_hex(chance, 3)}",
    "byte": lambda chance: base64.b64encode(f"bytes {chance.randint(1, 99)}".encode()).decode(),
    "json-pointer": lambda chance: f"/a/{chance.randint(1, 9)}",
    "regex": lambda chance: "^a+$",
}
