"""How much it takes to check a value against a schema, worked out before it is done: no document can make a call stand
still, however its schemas refer to each other.

What a checker does is counted in looks: one schema at one value. Definitions that name the next ones ten times each, twenty
of them in a row, come to more looks than there are seconds; so do alternatives that are nested within themselves. The
schema alone tells a bound for most; for the others the value is gone through with every pair of a schema and a value
counted once, whatever the number of ways that lead there.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any

import msgspec

from gateway.core.fold import LISTS, MAPS, NESTING, ONE
from gateway.core.pattern import is_linear, weigh_pattern
from gateway.core.rings import components, count_ways
from gateway.core.work import CHARACTERS_A_STEP, Work, WorkExceeded

# About a quarter of a second each: looks of a check, looks of one that has to tell what is wrong, pairs gone through here.
LOOKS_MAX = 5_000_000
EXPLAINED_LOOKS_MAX = 20_000
PAIRS_MAX = 30_000
# Looks at one value, up to which a check is no more than going through the values.
EVEN_LOOKS_MAX = 50
# Of schemas that have to be gone through with the value, so many are kept at hand.
KEPT_MAX = 16
# What goes into putting the definitions of one schema together and into its bound, and how often it is gone through for that.
STEPS_MAX = 500_000
BOUND_STEPS_MAX = 100_000
ROUNDS_MAX = 30
# A ring of no more schemas than that, such as a kind and the kinds of it, is gone around in few ways.
SHORT_RING = 3
# A pattern that has to be tried way by way takes as many looks as there are ways, up to its bound on these.
BACKTRACKED_LOOKS_MAX = 10_000
BACKTRACKED_CHARACTERS = 13

_MANY = 1 << 60
_IN_PLACE = ("allOf", "anyOf", "oneOf")
_DEFINITION = "#/$defs/"
# What has none of these is looked at once, with the schema that it stands in.
_LOOKING = NESTING | {"enum", "const", "pattern"}

# Schemas by identity, and how often each of them looks.
Counts = dict[int, int]


class _Whole:
    """All that looks at a value where one schema does: that one, and what it refers to or is put together from. `looks`
    are all of them; the others say who looks at the members and items of the value."""

    __slots__ = ("backtracks", "every", "items", "looks", "named", "names", "others", "placed")

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self.looks = 1 + _weigh_values(schema)
        self.backtracks = 0
        # What each name of a member is looked at with, without following it.
        self.names = len(schema.get("patternProperties", ())) + len(schema.get("required", ())) // 4
        self.named: dict[str, Counts] = {}
        self.every: Counts = {}
        self.others: Counts = {}
        self.items: Counts = {}
        self.placed: list[Counts] = []

    def add(self, other: "_Whole", work: Work, times: int = 1) -> None:
        work.spend(1 + len(other.named) + len(other.every) + len(other.others) + len(other.items) + len(other.placed))
        self.looks = min(self.looks + other.looks * times, _MANY)
        self.backtracks = min(self.backtracks + other.backtracks * times, _MANY)
        self.names = min(self.names + other.names * times, _MANY)
        for name, counts in other.named.items():
            _add(self.named.setdefault(name, {}), counts, times)
        _add(self.every, other.every, times)
        _add(self.others, other.others, times)
        _add(self.items, other.items, times)
        for index, counts in enumerate(other.placed):
            if index == len(self.placed):
                self.placed.append({})
            _add(self.placed[index], counts, times)

    def members(self) -> Iterable[Counts]:
        """Who may look at one member or one item, for each that there can be."""
        yield from (_sum(counts, self.every, self.others) for counts in self.named.values())
        yield _sum(self.every, self.others)
        yield from (_sum(counts, self.items) for counts in self.placed)
        yield self.items


class Effort:
    """Of one schema that is whole in itself. Where the schema alone tells enough, nothing of it is kept."""

    def __init__(self, schema: Any) -> None:
        self._bound = _Looks(schema).bound
        self._encoded = b"" if self.is_even else msgspec.json.encode(schema)

    @property
    def is_even(self) -> bool:
        """Whether what it takes grows with the value alone, so that the first error of a large one is soon found."""
        return self._bound <= EVEN_LOOKS_MAX

    def fits(self, value: Any, looks_max: int) -> bool:
        """Whether it takes no more looks than that to check this value."""
        most = looks_max // self._bound
        if most and _is_within(value, most):
            return True
        return not self.is_even and _looks_of(self._encoded).fits(value, looks_max)


@lru_cache(maxsize=KEPT_MAX)
def _looks_of(encoded: bytes) -> "_Looks":
    return _Looks(msgspec.json.decode(encoded))


class _Looks:
    """Who looks at what, by one schema. `bound`: as many looks as one value can be looked at with; _MANY where there is
    no end to it."""

    def __init__(self, schema: Any) -> None:
        self._schema = schema
        self._definitions = schema.get("$defs", {}) if isinstance(schema, dict) else {}
        self._wholes: dict[int, _Whole] = {}
        self._schemas: dict[int, Any] = {}
        # Schemas whose reference is one of a ring.
        self._cuts: set[int] = set()
        self._is_known = False
        self.bound = _MANY
        with suppress(WorkExceeded, RecursionError):
            self._put_definitions_together(Work(STEPS_MAX))
            self._is_known = True
            self.bound = self._work_out(Work(BOUND_STEPS_MAX))

    def fits(self, value: Any, looks_max: int) -> bool:
        """Every pair of a schema and a value counted once."""
        if not self._is_known:
            return False
        try:
            return _Count(self, Work(PAIRS_MAX)).looks(id(self._schema), value) <= looks_max
        except (WorkExceeded, RecursionError):
            return False

    # The schema.

    def whole(self, key: int, work: Work) -> _Whole:
        if key not in self._wholes:
            self._put_together(self._schemas[key], work)
        return self._wholes[key]

    def _work_out(self, work: Work) -> int:
        if not isinstance(self._schema, dict):
            return 1
        self._schemas[id(self._schema)] = self._schema
        keys, waiting = {id(self._schema)}, [id(self._schema)]
        edges: dict[int, tuple[int, int, list[Counts]]] = {}
        while waiting:
            key = waiting.pop()
            whole = self.whole(key, work)
            counts = [one for one in whole.members() if one]
            work.spend(sum(map(len, counts)))
            edges[key] = (whole.looks + whole.backtracks * BACKTRACKED_LOOKS_MAX, whole.names, counts)
            new = {child for one in counts for child in one} - keys
            keys |= new
            waiting += new
        return self._spread(edges, work)

    def _spread(self, edges: dict[int, tuple[int, int, list[Counts]]], work: Work) -> int:
        """The most looks at one value anywhere beneath: found where going through all once more changes nothing."""
        most = dict.fromkeys(edges, 0)
        for _ in range(ROUNDS_MAX):
            is_settled = True
            # What is beneath comes after what leads to it, for the most part.
            for key in reversed(edges):
                own, names, counts = edges[key]
                work.spend(1 + sum(map(len, counts)))
                inner = max((sum(times * most[child] for child, times in one.items()) for one in counts), default=0)
                looks = max(own, names + inner)
                if looks > LOOKS_MAX:
                    return _MANY
                if looks > most[key]:
                    most[key], is_settled = looks, False
            if is_settled:
                return max(most[id(self._schema)], 1)
        return _MANY

    def _put_definitions_together(self, work: Work) -> None:
        """All of them, after those that they refer to. Those that refer to each other in a ring are looked at together,
        as often as there are ways around it, and more often: a checker goes around more than once."""
        edges = {name: self._referred(one, work) for name, one in self._definitions.items()}
        for members in components(edges):
            inside = frozenset(members)
            is_ring = any(one in inside for name in members for one in edges[name])
            if is_ring:
                for name in members:
                    self._cut(self._definitions[name], inside)
            for name in members:
                self._put_together(self._definitions[name], work)
            if is_ring:
                self._join(members, edges, work)

    def _referred(self, schema: Any, work: Work) -> list[str]:
        """The definitions that look at the same value."""
        found = []
        for one in _in_place(schema):
            work.spend()
            name = _target(one)
            if name in self._definitions:
                found.append(name)
        return found

    def _cut(self, schema: Any, members: frozenset[str]) -> None:
        self._cuts |= {id(one) for one in _in_place(schema) if _target(one) in members}

    def _join(self, members: list[str], edges: Mapping[str, list[str]], work: Work) -> None:
        told = [count_ways(edges, frozenset(members), name, work) for name in members]
        times = max(ways if longest <= SHORT_RING else ways**4 for ways, longest in told)
        joined = _Whole({})
        for name in members:
            if isinstance(self._definitions[name], dict):
                joined.add(self._wholes[id(self._definitions[name])], work, times)
        for name in members:
            self._wholes[id(self._definitions[name])] = joined

    def _put_together(self, schema: Any, work: Work) -> None:
        """The whole of a schema, and of its parts."""
        if not isinstance(schema, dict) or id(schema) in self._wholes:
            return
        work.spend(1 + len(schema))
        whole = self._alone(schema)
        for part in self._parts(schema):
            self._put_together(part, work)
            whole.add(self._wholes[id(part)], work)
        self._wholes[id(schema)] = whole

    def _parts(self, schema: Any) -> Iterable[Any]:
        """The schemas that look at the same value."""
        yield from _inner(schema)
        target = self._definitions.get(_target(schema)) if id(schema) not in self._cuts else None
        if isinstance(target, dict):
            yield target

    def _alone(self, schema: Mapping[str, Any]) -> _Whole:
        """A schema without its parts."""
        whole = _Whole(schema)
        if "pattern" in schema and not is_linear(schema["pattern"]):
            whole.backtracks = 1
        whole.named = {name: self._once(one) for name, one in schema.get("properties", {}).items()}
        patterns = schema.get("patternProperties", {})
        for one in patterns.values():
            _add(whole.every, self._once(one))
        whole.names += sum(BACKTRACKED_LOOKS_MAX for pattern in patterns if not is_linear(pattern))
        if isinstance(schema.get("propertyNames"), dict):
            names = self._alone(schema["propertyNames"])
            whole.names += names.looks + names.backtracks * BACKTRACKED_LOOKS_MAX
        whole.others = self._once(schema.get("additionalProperties"))
        whole.items = _sum(self._once(schema.get("items")), self._once(schema.get("contains")))
        whole.placed = [self._once(one) for one in schema.get("prefixItems", ())]
        return whole

    def _once(self, schema: Any) -> Counts:
        if not isinstance(schema, dict) or _LOOKING.isdisjoint(schema):
            return {}
        self._schemas[id(schema)] = schema
        return {id(schema): 1}


class _Count:
    """Looks at one value, every pair counted once."""

    def __init__(self, schema: _Looks, work: Work) -> None:
        self._schema = schema
        self._work = work
        self._known: dict[tuple[int, int], int] = {}

    def looks(self, key: int, value: Any) -> int:
        pair = (key, id(value))
        if pair not in self._known:
            self._work.spend()
            self._known[pair] = self._count(self._schema.whole(key, self._work), value)
        return self._known[pair]

    def _count(self, whole: _Whole, value: Any) -> int:
        told = whole.looks
        if isinstance(value, str):
            ways = min(BACKTRACKED_LOOKS_MAX, 1 << min(len(value), BACKTRACKED_CHARACTERS + 1))
            told += whole.backtracks * ways + len(value) // CHARACTERS_A_STEP
        elif isinstance(value, Mapping):
            told += whole.names * len(value)
            for name, member in value.items():
                counts = [whole.named[name]] if name in whole.named else []
                told += sum(self._sum(one, member) for one in (*counts, whole.every, whole.others))
        elif isinstance(value, list):
            for index, item in enumerate(value):
                counts = [whole.placed[index]] if index < len(whole.placed) else []
                told += 1 + sum(self._sum(one, item) for one in (*counts, whole.items))
        return min(told, _MANY)

    def _sum(self, counts: Counts, value: Any) -> int:
        return min(sum(times * self.looks(key, value) for key, times in counts.items()), _MANY)


def _add(into: Counts, counts: Counts, times: int = 1) -> None:
    for key, count in counts.items():
        into[key] = min(into.get(key, 0) + count * times, _MANY)


def _target(schema: Mapping[str, Any]) -> str:
    reference = schema.get("$ref")
    return reference.removeprefix(_DEFINITION) if isinstance(reference, str) else ""


def _inner(schema: Mapping[str, Any]) -> Iterable[Any]:
    """The schemas in this one that look at the same value."""
    for keyword in _IN_PLACE:
        yield from (one for one in schema.get(keyword, ()) if isinstance(one, dict))
    if isinstance(schema.get("not"), dict):
        yield schema["not"]
    yield from (one for one in schema.get("dependentSchemas", {}).values() if isinstance(one, dict))


def _in_place(schema: Any) -> Iterable[Any]:
    """This one, and those in it that look at the same value."""
    waiting = [schema] if isinstance(schema, dict) else []
    while waiting:
        one = waiting.pop()
        yield one
        waiting += _inner(one)


def _sum(*several: Counts) -> Counts:
    told: Counts = {}
    for counts in several:
        _add(told, counts)
    return told


def _weigh_values(schema: Mapping[str, Any]) -> int:
    """What a value is compared with."""
    work = Work(_MANY)
    for keyword in ("enum", "const"):
        if keyword in schema:
            work.walk(schema[keyword])
    return work.spent // 4


def _is_within(value: Any, values_max: int) -> bool:
    """Whether a value holds no more values than that, long texts counted for what they are."""
    work = Work(values_max)
    try:
        work.walk(value)
    except WorkExceeded:
        return False
    return True


def surface(schema: Any) -> Any:
    """The schema as far as it can be checked whatever it is: which arguments there must be, and the type of each."""
    if not isinstance(schema, dict):
        return schema
    told = {key: schema[key] for key in ("type", "required", "dependentRequired") if key in schema}
    if "properties" in schema:
        told["properties"] = {name: _type_of(one) for name, one in schema["properties"].items()}
        if schema.get("additionalProperties") is False and "patternProperties" not in schema:
            told["additionalProperties"] = False
    return told


def _type_of(schema: Any) -> Any:
    return {key: schema[key] for key in ("type",) if key in schema} if isinstance(schema, dict) else schema


def weigh_patterns(schema: Any) -> int:
    """What its patterns take once they are compiled, in bytes; one that is there twice counts twice."""
    told = 0
    waiting = [schema]
    while waiting:
        node = waiting.pop()
        if not isinstance(node, dict):
            continue
        told += weigh_pattern(node["pattern"]) if isinstance(node.get("pattern"), str) else 0
        told += sum(map(weigh_pattern, node.get("patternProperties", ())))
        for key in (*MAPS, "$defs"):
            waiting += node.get(key, {}).values()
        for key in (*LISTS, "oneOf"):
            waiting += node.get(key, ())
        waiting += [node[key] for key in (*ONE, "not") if key in node]
    return told
