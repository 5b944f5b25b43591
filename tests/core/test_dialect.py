"""Input schemas in the dialects of model providers, and what their models send turned back."""

import json
import math
import random
import re
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from gateway.core.arguments import check_arguments, compile_arguments
from gateway.core.dialect import LOST_CHARACTERS_MAX, LOST_MAX, Dialect, Translated, from_dialect, in_dialect
from gateway.core.references import At, Documents
from gateway.core.schema import Schemas

BOTH: tuple[Dialect, ...] = ("openai-strict", "gemini")
TEXT = {"type": "string"}


def raw(schema: Any) -> Raw:
    return Raw(json.dumps(schema).encode())


def tool(required: Any = (), **properties: Any) -> dict[str, Any]:
    definitions = properties.pop("defs", None)
    told = {"type": "object", "properties": properties, "additionalProperties": False, "required": list(required)}
    return {**told, "$defs": definitions} if definitions else told


def translated(schema: Any, dialect: Dialect) -> tuple[Any, tuple[str, ...]]:
    result = in_dialect(raw(schema), dialect)
    told = json.loads(bytes(result.schema))
    RULES[dialect](told)
    return told, result.lost


def one(schema: Any, dialect: Dialect, *, required: bool = True, **definitions: Any) -> Any:
    """What becomes of one argument's schema."""
    wanted = tool(["a"] if required else [], a=schema, defs=definitions)
    return translated(wanted, dialect)[0]["properties"]["a"]


def back(schema: Any, sent: Any, dialect: Dialect = "openai-strict", required: Any = (), **definitions: Any) -> Any:
    return from_dialect(sent, raw(tool(required, **schema, defs=definitions)), dialect)


# The rules of the providers, written down a second time.

NAMES = r"[a-zA-Z0-9_.-]{1,64}"


def check_openai(schema: dict[str, Any]) -> None:
    assert jsonschema_rs.meta.is_valid(schema)
    assert schema["type"] == "object"
    assert "anyOf" not in schema
    definitions = schema.get("$defs", {})
    seen: list[dict[str, Any]] = []
    openai_node({key: value for key, value in schema.items() if key != "$defs"}, definitions, 0, seen)
    for name, definition in definitions.items():
        assert re.fullmatch(NAMES, name)
        openai_node(definition, definitions, 0, seen)
    names = [name for node in seen for name in node.get("properties", ())]
    values = [value for node in seen for value in node.get("enum", ())]
    assert len(names) <= 5_000
    assert len(values) <= 1_000
    assert sum(len(str(text)) for text in [*names, *definitions, *values]) <= 120_000
    for node in seen:
        large = node.get("enum", []) if len(node.get("enum", [])) > 250 else []
        assert sum(len(value) for value in large if isinstance(value, str)) <= 15_000


def openai_node(node: dict[str, Any], definitions: Any, level: int, seen: list[Any]) -> None:
    seen.append(node)
    if "$ref" in node:
        assert node.keys() == {"$ref"}
        assert node["$ref"].removeprefix("#/$defs/") in definitions
        return
    if "anyOf" in node:
        assert node.keys() <= {"anyOf", "description"}
        assert node["anyOf"]
        for branch in node["anyOf"]:
            openai_node(branch, definitions, level, seen)
        return
    kinds = set(node["type"] if isinstance(node["type"], list) else [node["type"]])
    assert kinds <= {"string", "number", "integer", "boolean", "object", "array", "null"}
    allowed = {"type", "description", "enum"}
    if "object" in kinds:
        assert (node["additionalProperties"], set(node["required"])) == (False, set(node["properties"]))
        allowed |= {"properties", "required", "additionalProperties"}
        for name, member in node["properties"].items():
            assert re.fullmatch(NAMES, name)
            openai_node(member, definitions, level + 1, seen)
    if "array" in kinds:
        allowed |= {"items", "minItems", "maxItems"}
        openai_node(node["items"], definitions, level + 1, seen)
    if kinds & {"object", "array"}:
        assert level < 10
    if "string" in kinds:
        allowed |= {"pattern", "format"}
        known = ("date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid")
        assert node.get("format", "date") in known
        assert not re.search(r"\(\?<?[=!]", node.get("pattern", ""))
    if kinds & {"number", "integer"}:
        allowed |= {"multipleOf", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}
    assert node.keys() <= allowed, node.keys() - allowed


def check_gemini(schema: dict[str, Any]) -> None:
    assert schema["type"] == "OBJECT"
    assert len(json.dumps(schema, separators=(",", ":"), ensure_ascii=False).encode()) <= 32 << 10
    gemini_node(schema, 0)


def gemini_node(node: dict[str, Any], level: int) -> None:
    if "anyOf" in node:
        assert node.keys() == {"anyOf"}
        assert node["anyOf"]
        for branch in node["anyOf"]:
            gemini_node(branch, level)
        return
    allowed = {"type", "description", "nullable"}
    assert node.get("nullable", True) is True
    match node["type"]:
        case "OBJECT":
            allowed |= {"properties", "required"}
            assert node["properties"] or level == 0
            assert set(node.get("required", ())) <= node["properties"].keys()
            for name, member in node["properties"].items():
                assert re.fullmatch(NAMES, name)
                gemini_node(member, level + 1)
        case "ARRAY":
            allowed |= {"items", "minItems", "maxItems"}
            gemini_node(node["items"], level + 1)
        case "STRING":
            allowed |= {"enum", "format", "minLength", "maxLength", "pattern"}
            assert node.get("format", "date-time") == "date-time"
            assert all(isinstance(value, str) and value for value in node.get("enum", ["a"]))
            assert node.get("enum") != []
        case "NUMBER":
            allowed |= {"format", "minimum", "maximum"}
            assert node.get("format", "float") in ("float", "double")
        case "INTEGER":
            allowed |= {"format", "minimum", "maximum"}
            assert node.get("format", "int32") in ("int32", "int64")
        case "BOOLEAN":
            pass
        case other:
            raise AssertionError(other)
    if node["type"] in ("OBJECT", "ARRAY"):
        assert level < 10
    assert node.keys() <= allowed, node.keys() - allowed


RULES = {"openai-strict": check_openai, "gemini": check_gemini}


# Values that a model may send.


class Unmatched(Exception):
    """No value was found."""


SAMPLES = (
    "",
    "a",
    "A",
    "0",
    "10",
    "abc",
    "a-b",
    "1.0",
    "2024-01-01",
    "12:00",
    "#000000",
    "a@b.example",
    "ab12cd34",
    "/a",
    "+15550100",
)


class Model:
    """Makes up arguments for a schema in a dialect, at random but always the same."""

    def __init__(self, schema: Any, seed: int) -> None:
        self.schema = schema
        self.random = random.Random(seed)

    def arguments(self) -> Any:
        return self.value(self.schema, 0)

    def value(self, node: Any, depth: int) -> Any:
        if depth > 40:
            raise Unmatched
        if "$ref" in node:
            return self.value(self.schema["$defs"][node["$ref"].removeprefix("#/$defs/")], depth + 1)
        if "anyOf" in node:
            return self.one_of(node["anyOf"], depth)
        kinds = node["type"] if isinstance(node["type"], list) else [node["type"]]
        if kinds == ["null"]:
            return None
        if "null" in kinds or node.get("nullable"):
            if depth > 6 or self.random.random() < 0.3:
                return None
            kinds = [kind for kind in kinds if kind != "null"]
        if "enum" in node:
            return self.random.choice([value for value in node["enum"] if value is not None])
        return getattr(self, kinds[0].lower())(node, depth)

    def one_of(self, branches: Any, depth: int) -> Any:
        if depth > 6 and {"type": "null"} in branches:
            return None
        for branch in self.random.sample(branches, len(branches)):
            try:
                return self.value(branch, depth + 1)
            except Unmatched:
                continue
        raise Unmatched

    def boolean(self, node: Any, depth: int) -> Any:
        return self.random.random() < 0.5

    def string(self, node: Any, depth: int) -> Any:
        words = node.get("description", "")
        if words.endswith("JSON text."):
            return (
                "{}"
                if words.endswith("{}, as JSON text.")
                else json.dumps(self.random.choice([None, 1, "a", [1], {"a": {}}]))
            )
        if words == "Null.":
            return "null"
        samples = [text * times for text in SAMPLES for times in (1, 3, 20)]
        fitting = [
            text for text in samples if jsonschema_rs.is_valid(rules(node, "pattern", "minLength", "maxLength"), text)
        ]
        if not fitting:
            raise Unmatched
        return self.random.choice(fitting)

    def integer(self, node: Any, depth: int) -> Any:
        number = self.number(node, depth)
        if not float(number).is_integer():
            raise Unmatched
        return int(number)

    def number(self, node: Any, depth: int) -> Any:
        low = max(node.get("minimum", -math.inf), node.get("exclusiveMinimum", -math.inf))
        start = low if low > -math.inf else min(node.get("maximum", 0), node.get("exclusiveMaximum", 0), 0)
        step = node.get("multipleOf", 1)
        tried = [0, 1, 2.5, 10, start, start + 1, start - 1, math.ceil(start / step) * step, (start // step + 1) * step]
        fitting = [number for number in tried if jsonschema_rs.is_valid(rules(node), number)]
        if not fitting:
            raise Unmatched
        return self.random.choice(fitting)

    def array(self, node: Any, depth: int) -> Any:
        least, most = node.get("minItems", 0), node.get("maxItems", 3)
        count = max(least, min(most, 0 if depth > 6 else self.random.randrange(3)))
        if count > 100 or least > most:
            raise Unmatched
        items = [self.value(node["items"], depth + 1) for _ in range(count)]
        if (
            node["items"].get("properties", {}).keys() == {"key", "value"}
            and len({str(one["key"]) for one in items}) < count
        ):
            raise Unmatched
        return items

    def object(self, node: Any, depth: int) -> Any:
        required = node.get("required", ())
        chosen = [name for name in node["properties"] if name in required or (depth < 6 and self.random.random() < 0.5)]
        told = {}
        for name in chosen:
            try:
                told[name] = self.value(node["properties"][name], depth + 1)
            except Unmatched:
                if name in required:
                    raise
        return told


BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")


def rules(node: Any, *keywords: str) -> Any:
    return {keyword: node[keyword] for keyword in keywords or BOUNDS if keyword in node}


def check(schema: Raw, dialect: Dialect, seeds: int) -> tuple[Translated, int]:
    """The rules hold; and where nothing is lost, whatever the model sends is what the tool takes. How many were tried."""
    result = in_dialect(schema, dialect)
    told = json.loads(bytes(result.schema))
    RULES[dialect](told)
    assert len(result.lost) <= LOST_MAX
    assert all(len(text) <= LOST_CHARACTERS_MAX for text in result.lost)
    if result.lost:
        return result, 0
    validator = compile_arguments(schema)
    tried = 0
    for seed in range(seeds):
        try:
            sent = Model(told, seed).arguments()
        except Unmatched:
            continue
        tried += 1
        turned = from_dialect(sent, schema, dialect)
        assert check_arguments(validator, turned) == (), (json.loads(bytes(schema)), told, sent, turned)
    return result, tried
