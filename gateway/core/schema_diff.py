"""What differs between two input schemas: what is taken now that was not, and what is turned down now that was taken.
Follows references side by side. Where it cannot tell, it says narrowed."""

from collections.abc import Iterator
from math import inf
from typing import Any, Literal, NamedTuple

import msgspec

from gateway.core.fold import rebuild
from gateway.core.pointer import escape
from gateway.core.work import CHARACTERS_A_STEP, Work, WorkExceeded

SchemaKind = Literal["widened", "narrowed", "required", "description"]
LEVELS_MAX = 30
PAIRS_MAX = 20_000
EXPANDED_LEVELS = 4
# For one tool, about a second.
STEPS_MAX = 200_000

_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "minContains")
_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties", "maxContains")
_RULES = ("pattern", "format", "multipleOf", "uniqueItems", "contentEncoding", "contentMediaType", "not", "contains")
_MORE_RULES = ("propertyNames", "patternProperties", "dependentSchemas", "dependentRequired", "if", "then", "else")
_TEXTS = ("description", "title", "default", "examples", "example", "deprecated", "readOnly", "writeOnly")
_DEFINITION = "#/$defs/"


class SchemaChange(NamedTuple):
    """One difference: what kind, at which pointer, in a sentence."""

    kind: SchemaKind
    place: str
    detail: str


def diff_schemas(before: Any, after: Any, work: Work | None = None) -> Iterator[SchemaChange]:
    """Both whole, with their `$defs`; nothing where they mean the same. `work` is what all comparisons of a connector may
    take; of one it is STEPS_MAX at most, and what is left undone is told."""
    work = work or Work(STEPS_MAX)
    comparison = _Comparison(before, after, work)
    try:
        with work.part(STEPS_MAX):
            yield from comparison.compare(before, after, "", 0)
    except WorkExceeded:
        yield _too_large("")


def _too_large(place: str) -> SchemaChange:
    return SchemaChange("narrowed", place, "it is too large to be compared in full.")


class _Comparison:
    def __init__(self, before: Any, after: Any, work: Work) -> None:
        self._work = work
        self._before = before.get("$defs", {}) if isinstance(before, dict) else {}
        self._after = after.get("$defs", {}) if isinstance(after, dict) else {}
        self._seen: set[tuple[str, str]] = set()
        self._left = PAIRS_MAX

    def compare(self, before: Any, after: Any, place: str, level: int) -> Iterator[SchemaChange]:
        names = (_named(before), _named(after))
        if any(names):
            if names in self._seen:
                return
            self._seen.add(names)
        before, after = _settled(before, self._before, self._work), _settled(after, self._after, self._work)
        self._left -= 1
        if level > LEVELS_MAX or self._left < 0:
            yield _too_large(place)
            return
        if before == after and not self._refers(before):
            return
        yield from _facts(before, after, place)
        yield from self._members(before, after, place, level)
        for key in ("items", "additionalProperties"):
            yield from self._inner(before.get(key, True), after.get(key, True), key, place, level)
        yield from self._alternatives(before, after, place, level)
        yield from self._listed(before, after, "allOf", place, level, more="narrowed")
        yield from self._listed(before, after, "prefixItems", place, level, more="narrowed")

    def _members(self, before: Any, after: Any, place: str, level: int) -> Iterator[SchemaChange]:
        was, now = before.get("properties", {}), after.get("properties", {})
        needed_before, needed = before.get("required", ()), after.get("required", ())
        for name in (*was, *(one for one in now if one not in was)):
            here = f"{place}/{escape(name)}"
            if name not in now:
                yield SchemaChange("narrowed", here, "it is gone.")
            elif name not in was:
                told = "it is new, and required." if name in needed else "it is new, and may be left out."
                yield SchemaChange("required" if name in needed else "widened", here, told)
            else:
                yield from self.compare(was[name], now[name], here, level + 1)
        for name in needed:
            if name not in needed_before and (name in was or name not in now):
                yield SchemaChange("required", f"{place}/{escape(name)}", "it is required now.")
        for name in needed_before:
            if name not in needed and name in now:
                yield SchemaChange("widened", f"{place}/{escape(name)}", "it may be left out now.")

    def _inner(self, before: Any, after: Any, key: str, place: str, level: int) -> Iterator[SchemaChange]:
        if before is not False and after is not False and (isinstance(before, dict) or isinstance(after, dict)):
            yield from self.compare(before, after, f"{place}/{'-' if key == 'items' else '*'}", level + 1)
        elif before != after:
            told = "other members are turned down now." if key != "items" else "no items are taken now."
            opened = "other members are taken now." if key != "items" else "items are taken now."
            yield SchemaChange("narrowed", place, told) if after is False else SchemaChange("widened", place, opened)

    def _alternatives(self, before: Any, after: Any, place: str, level: int) -> Iterator[SchemaChange]:
        if ("anyOf" in before) != ("anyOf" in after):
            kind: SchemaKind = "narrowed" if "anyOf" in after else "widened"
            yield SchemaChange(
                kind, place, "its alternatives are told now." if "anyOf" in after else "it has no alternatives now."
            )
            return
        yield from self._listed(before, after, "anyOf", place, level, more="widened")

    def _listed(
        self, before: Any, after: Any, key: str, place: str, level: int, *, more: SchemaKind
    ) -> Iterator[SchemaChange]:
        """Lists of schemas, without those that both have; one that is left on each side is taken for the same, changed."""
        was = {self._written(one, self._before): one for one in before.get(key, ())}
        now = {self._written(one, self._after): one for one in after.get(key, ())}
        gone = [one for text, one in was.items() if text not in now]
        new = [one for text, one in now.items() if text not in was]
        fewer: SchemaKind = "narrowed" if more == "widened" else "widened"
        if len(gone) == len(new) == 1:
            yield from self.compare(gone[0], new[0], place, level + 1)
        elif gone and new:
            yield SchemaChange("narrowed", place, f"{len(gone)} of its parts are others now.")
        elif gone:
            yield SchemaChange(fewer, place, f"{len(gone)} of its parts are gone.")
        elif new:
            yield SchemaChange(more, place, f"{len(new)} parts are new.")

    def _written(self, schema: Any, definitions: Any) -> bytes:
        """A schema as it would be written with its references followed a few levels, to be compared."""

        def expand(node: Any, left: int) -> Any:
            self._work.spend()
            if not isinstance(node, dict):
                return node
            whole = {key: value for key, value in node.items() if key != "$ref"}
            whole = _settled(node, definitions, self._work) if left else whole
            return rebuild(whole, lambda member, _: expand(member, max(0, left - 1)))

        return msgspec.json.encode(expand(schema, EXPANDED_LEVELS), order="deterministic")

    def _refers(self, schema: Any) -> bool:
        """Whether a reference stands anywhere in it: then being written the same is not being the same."""
        encoded = msgspec.json.encode(schema)
        self._work.spend(len(encoded) // CHARACTERS_A_STEP)
        return b'"$ref"' in encoded


def _facts(before: Any, after: Any, place: str) -> Iterator[SchemaChange]:
    """What a schema says without another schema."""
    yield from _values(_types(before), _types(after), place, "type")
    yield from _values(_enumerated(before), _enumerated(after), place, "value")
    for key in _LOWER:
        yield from _bound(key, before.get(key, -inf), after.get(key, -inf), place, narrower=1)
    for key in _UPPER:
        yield from _bound(key, before.get(key, inf), after.get(key, inf), place, narrower=-1)
    for key in (*_RULES, *_MORE_RULES):
        if before.get(key) != after.get(key):
            how = "gone" if key not in after else "another" if key in before else "new"
            yield SchemaChange("widened" if how == "gone" else "narrowed", place, f"`{key}` is {how}.")
    changed = [key for key in _TEXTS if before.get(key) != after.get(key)]
    if changed:
        yield SchemaChange(
            "description", place, f"its {' and '.join(changed)} {'is' if len(changed) == 1 else 'are'} another."
        )


def _values(
    before: frozenset[str] | None, after: frozenset[str] | None, place: str, noun: str
) -> Iterator[SchemaChange]:
    """None means any."""
    if before is None and after is not None:
        yield SchemaChange("narrowed", place, f"only some {noun}s are taken now.")
    elif before is not None and after is None:
        yield SchemaChange("widened", place, f"any {noun} is taken now.")
    elif before is not None and after is not None:
        if gone := sorted(before - after):
            yield SchemaChange("narrowed", place, f"the {noun}s {', '.join(gone)[:200]} are not taken any more.")
        if new := sorted(after - before):
            yield SchemaChange("widened", place, f"the {noun}s {', '.join(new)[:200]} are taken now.")


def _types(schema: Any) -> frozenset[str] | None:
    told = schema.get("type")
    if told is None:
        return None
    kinds = frozenset([told] if isinstance(told, str) else told)
    return kinds | {"integer"} if "number" in kinds else kinds


def _enumerated(schema: Any) -> frozenset[str] | None:
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    return (
        None
        if values is None
        else frozenset(msgspec.json.encode(one, order="deterministic").decode() for one in values)
    )


def _bound(key: str, before: Any, after: Any, place: str, *, narrower: int) -> Iterator[SchemaChange]:
    if before != after:
        kind: SchemaKind = "narrowed" if (after - before) * narrower > 0 else "widened"
        yield SchemaChange(kind, place, f"`{key}` is {_bound_text(after)} now, and was {_bound_text(before)}.")


def _bound_text(value: Any) -> str:
    return "not there" if abs(value) == inf else f"{value:g}"


def _named(schema: Any) -> str:
    return schema["$ref"] if isinstance(schema, dict) and "$ref" in schema else ""


def _settled(schema: Any, definitions: Any, work: Work) -> Any:
    """The schema as an object, what its reference leads to beneath what stands beside it."""
    for _ in range(len(definitions) + 1):
        if not (name := _named(schema)):
            break
        work.spend()
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        pointed = definitions.get(name.removeprefix(_DEFINITION), True)
        schema = {**pointed, **beside} if isinstance(pointed, dict) else beside or pointed
    if isinstance(schema, dict):
        return schema
    return {} if schema is not False else {"not": {}}
