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
from gateway.core.compile import compile_document
from gateway.core.dialect import LOST_CHARACTERS_MAX, LOST_MAX, Dialect, Translated, from_dialect, in_dialect
from gateway.core.manifest import Manifest
from gateway.core.references import Documents

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


SIMPLE_RULES = (
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "pattern",
)  # fmt: skip


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
            return self.fitting([value for value in node["enum"] if value is not None], node)
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
        if words.endswith("{}, as JSON text."):
            return "{}"
        if words.endswith("JSON text."):
            return self.random.choice(["null", "1", '"a"', "[1]", '{"a": {}}'])
        return self.fitting([text * times for text in SAMPLES for times in (1, 3, 20)], node)

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
        return self.fitting(tried, node)

    def fitting(self, values: list[Any], node: Any) -> Any:
        rules = {keyword: node[keyword] for keyword in SIMPLE_RULES if keyword in node}
        fitting = [value for value in values if jsonschema_rs.is_valid(rules, value)]
        if not fitting:
            raise Unmatched
        return self.random.choice(fitting)

    def array(self, node: Any, depth: int) -> Any:
        least, most = node.get("minItems", 0), node.get("maxItems", 3)
        count = max(least, min(most, 0 if depth > 6 else self.random.randrange(3)))
        if count > 100 or least > most:
            raise Unmatched
        items = [self.value(node["items"], depth + 1) for _ in range(count)]
        is_map = node["items"].get("properties", {}).keys() == {"key", "value"}
        if is_map and len({str(one["key"]) for one in items}) < count:
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


# The rules, one at a time.

NULL = {"type": "null"}
JSON = {"type": "string", "description": "Any value, as JSON text."}
MAP = {"type": "object", "additionalProperties": TEXT}
ADDRESS = {"type": "object", "properties": {"city": TEXT}, "required": ["city"]}
CLOSED = {"type": "object", "properties": {"city": TEXT}, "required": ["city"], "additionalProperties": False}


def test_the_plain_dialect_is_the_schema_as_it_is():
    schema = raw(tool(a={"type": "object"}))
    assert in_dialect(schema, "plain") == Translated(schema)
    assert from_dialect({"a": None}, schema, "plain") == {"a": None}


@pytest.mark.parametrize(
    ("written", "strict"),
    [
        (TEXT, TEXT),
        ({"type": ["string", "null"]}, {"type": ["string", "null"]}),
        ({"type": ["string", "integer"]}, {"anyOf": [TEXT, {"type": "integer"}]}),
        ({"enum": ["a", 1, None]}, {"anyOf": [{"type": "string", "enum": ["a"]}, {"type": "number", "enum": [1]}, NULL]}),
        ({"const": "a"}, {"type": "string", "enum": ["a"]}),
        ({"type": "string", "format": "uuid"}, {"type": "string", "format": "uuid"}),
        ({"type": "string", "format": "uri"}, {"type": "string", "description": "Format: uri."}),
        ({"type": "integer", "default": 3}, {"type": "integer", "description": "Default: 3."}),
        ({"type": "string", "pattern": "^a+$", "minLength": 1}, {"type": "string", "pattern": "^a+$"}),
        ({"type": "string", "pattern": "^(?!a)"}, TEXT),
        ({"type": "number", "multipleOf": 2, "exclusiveMinimum": 1}, {"type": "number", "multipleOf": 2, "exclusiveMinimum": 1}),
        ({"type": "array", "minItems": 1, "items": TEXT}, {"type": "array", "minItems": 1, "items": TEXT}),
        ({"items": TEXT}, {"type": "array", "items": TEXT}),
        ({"prefixItems": [TEXT, {"type": "integer"}]}, {"type": "array", "items": {"anyOf": [TEXT, {"type": "integer"}]}}),
        (True, JSON),
        ({"type": "array"}, {"type": "array", "items": JSON}),
        (NULL, NULL),
        (ADDRESS, CLOSED),
        ({"allOf": [ADDRESS, {"description": "Where."}]}, {**CLOSED, "description": "Where."}),
        ({"oneOf": [TEXT, {"type": "integer"}]}, {"anyOf": [TEXT, {"type": "integer"}]}),
        ({"type": "object", "properties": {}, "additionalProperties": False}, {**CLOSED, "properties": {}, "required": []}),
    ],
)  # fmt: skip
def test_what_strict_function_calling_is_given(written: Any, strict: Any):
    assert one(written, "openai-strict") == strict


@pytest.mark.parametrize(
    ("written", "gemini"),
    [
        ({"type": ["integer", "null"]}, {"type": "INTEGER", "nullable": True}),
        ({"anyOf": [TEXT, NULL]}, {"type": "STRING", "nullable": True}),
        (
            {"type": ["string", "integer", "null"], "description": "Which."},
            {"anyOf": [{"type": "STRING", "description": "Which.", "nullable": True}, {"type": "INTEGER", "nullable": True}]},
        ),
        (NULL, {"type": "STRING", "enum": ["null"], "nullable": True}),
        ({"type": "string", "enum": ["a", "b"]}, {"type": "STRING", "enum": ["a", "b"]}),
        ({"const": "a"}, {"type": "STRING", "enum": ["a"]}),
        ({"type": "integer", "enum": [1, 2]}, {"type": "INTEGER", "description": "One of: 1, 2."}),
        ({"type": "string", "enum": ["", "a"]}, {"type": "STRING", "description": 'One of: "", "a".'}),
        ({"type": "string", "format": "email"}, {"type": "STRING", "description": "Format: email."}),
        ({"type": "string", "format": "date-time"}, {"type": "STRING", "format": "date-time"}),
        ({"type": "integer", "format": "int64", "minimum": 1}, {"type": "INTEGER", "format": "int64", "minimum": 1}),
        (ADDRESS, {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}, "required": ["city"]}),
        (
            {"type": "object", "properties": {}, "additionalProperties": False},
            {"type": "STRING", "description": "{}, as JSON text."},
        ),
    ],
)  # fmt: skip
def test_what_gemini_is_given(written: Any, gemini: Any):
    assert one(written, "gemini") == gemini


def test_an_optional_argument_is_null_in_strict_mode_and_then_left_out():
    assert one(TEXT, "openai-strict", required=False) == {"type": ["string", "null"]}
    assert one(ADDRESS, "openai-strict", required=False) == {"anyOf": [CLOSED, NULL]}
    nested = {"a": TEXT, "b": {"type": "object", "properties": {"c": TEXT, "d": {"type": "array", "items": ADDRESS}}}}
    assert back(nested, {"a": None, "b": {"c": None, "d": None}}) == {"b": {}}
    assert back(nested, {"a": "", "b": None}) == {"a": ""}


def test_an_optional_argument_that_takes_null_can_be_null_and_can_be_left_out():
    schema = {"a": {"type": ["string", "null"]}}
    written = one(schema["a"], "openai-strict", required=False)
    assert written == {"anyOf": [{"type": ["string", "null"]}, {"type": "string", "enum": ["(leave out)"]}]}
    assert back(schema, {"a": None}) == {"a": None}
    assert back(schema, {"a": "(leave out)"}) == {}
    assert back(schema, {"a": None}, "gemini") == {"a": None}
    assert back({"a": NULL}, {"a": "null"}, "gemini") == {"a": None}
    assert back({"a": {"$ref": "#/$defs/N"}}, {"a": None}, N={"anyOf": [ADDRESS, NULL]}) == {"a": None}


def test_null_for_a_required_argument_stays_for_the_check_to_tell():
    assert back({"a": TEXT}, {"a": None}, required=["a"]) == {"a": None}


def test_an_object_of_free_keys_is_a_list_of_pairs_and_turned_back():
    pair = {"type": "object", "properties": {"key": TEXT, "value": TEXT}, "required": ["key", "value"]}
    assert one(MAP, "openai-strict") == {"type": "array", "items": {**pair, "additionalProperties": False}}
    for dialect in BOTH:
        sent = {"a": [{"key": "x", "value": "1"}, {"key": "y", "value": "2"}]}
        assert back({"a": MAP}, sent, dialect) == {"a": {"x": "1", "y": "2"}}
        free = {"a": [{"key": "x", "value": "[1]"}, {"key": "y", "value": "words"}]}
        assert back({"a": {"type": "object"}}, free, dialect) == {"a": {"x": [1], "y": "words"}}
        assert back({"a": MAP}, {"a": {"x": "1"}}, dialect) == {"a": {"x": "1"}}


@pytest.mark.parametrize("dialect", BOTH)
def test_any_value_is_text_that_holds_json(dialect: Dialect):
    for sent, meant in (('{"b": 1}', {"b": 1}), ("null", None), ("words", "words"), ([1], [1]), ('{"b":', '{"b":')):
        assert back({"a": True}, {"a": sent}, dialect) == {"a": meant}


def test_objects_in_allof_are_one_object():
    base = {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]}
    written = one(
        {"allOf": [{"$ref": "#/$defs/Base"}, {"properties": {"id": {"minimum": 1}, "city": TEXT}}]},
        "openai-strict",
        Base=base,
    )
    assert written["properties"] == {"id": {"type": "integer", "minimum": 1}, "city": {"type": ["string", "null"]}}


def test_what_contradicts_itself_in_allof_is_left_open_and_told():
    schema = tool(a={"allOf": [{"type": "string", "pattern": "a"}, {"pattern": "b"}]})
    told, lost = translated(schema, "openai-strict")
    assert told["properties"]["a"] == {"type": ["string", "null"], "pattern": "a"}
    assert lost == ("pattern at /properties/a",)


def test_what_stands_beside_a_choice_is_put_into_each_of_its_objects():
    schema = {
        "type": "object",
        "properties": {"id": TEXT},
        "anyOf": [{"properties": {"a": TEXT}}, {"properties": {"b": TEXT}}],
    }
    written = one(schema, "openai-strict")
    assert [list(branch["properties"]) for branch in written["anyOf"]] == [["id", "a"], ["id", "b"]]


def test_a_choice_of_requirements_is_left_out_and_told():
    schema = tool(a={**ADDRESS, "anyOf": [{"required": ["city"]}, {"required": ["street"]}]})
    for dialect in BOTH:
        assert translated(schema, dialect)[1] == ("anyOf at /properties/a",)


NODE = {
    "type": "object",
    "properties": {"name": TEXT, "children": {"type": "array", "items": {"$ref": "#/$defs/Node"}}},
}


def test_recursion_stays_in_strict_mode_and_is_cut_for_gemini():
    schema = tool(["a"], a={"$ref": "#/$defs/Node"}, defs={"Node": NODE})
    strict, lost = translated(schema, "openai-strict")
    assert strict["properties"]["a"] == {"$ref": "#/$defs/Node"}
    assert lost == ()
    gemini, lost = translated(schema, "gemini")
    inner = gemini["properties"]["a"]["properties"]["children"]["items"]["properties"]["children"]["items"]
    assert inner == {"type": "STRING", "description": "An object of name, children, as JSON text."}
    assert lost == ("nesting at /$defs/Node/properties/children/items",)
    sent = {"a": {"children": [{"children": ['{"name": "x"}']}]}}
    assert from_dialect(sent, raw(schema), "gemini") == {"a": {"children": [{"children": [{"name": "x"}]}]}}


def test_a_reference_stands_alone_in_strict_mode_and_keeps_its_words():
    schema = {"$ref": "#/$defs/Node", "description": "The root."}
    written = one(schema, "openai-strict", Node=NODE)
    assert written == {"anyOf": [{"$ref": "#/$defs/Node"}], "description": "The root."}
    assert one(schema, "gemini", Node=NODE)["description"] == "The root."


@pytest.mark.parametrize("dialect", BOTH)
def test_a_name_that_the_provider_refuses_is_left_out_or_its_object_is_opened(dialect: Dialect):
    inner = {"type": "object", "properties": {"$ref": TEXT, "b": TEXT}}
    told, lost = translated(tool(a=inner), dialect)
    assert '"$ref":' not in json.dumps(told)
    assert lost == ("properties at /properties/a/properties/$ref",)
    told, lost = translated(tool(["a"], a={**inner, "required": ["$ref"]}), dialect)
    assert told["properties"]["a"]["description"] == "An object of $ref, b, as JSON text."
    assert back({"a": {**inner, "required": ["$ref"]}}, {"a": '{"$ref": "x"}'}, dialect) == {"a": {"$ref": "x"}}


@pytest.mark.parametrize("dialect", BOTH)
def test_what_is_nested_too_deeply_is_text(dialect: Dialect):
    schema: Any = TEXT
    for _ in range(12):
        schema = {"type": "object", "properties": {"a": schema}, "required": ["a"]}
    _, lost = translated(tool(["a"], a=schema), dialect)
    assert lost == ("nesting at " + "/properties/a" * 10,)
    sent: Any = '{"a": {"a": {"a": "end"}}}'
    for _ in range(10):
        sent = {"a": sent}
    turned = from_dialect(sent, raw(tool(["a"], a=schema)), dialect)
    assert json.dumps(turned).count('"a"') == 13


def test_large_enums_are_left_out_and_told():
    many = {"type": "string", "enum": [f"value {index}" for index in range(999)]}
    told, lost = translated(tool(a=many, b={"enum": ["x"]}), "openai-strict")
    assert len(told["properties"]["a"]["enum"]) == 1000
    assert lost == ("enum at /properties/b",)
    long = {"type": "string", "enum": ["x" * 60 + str(index) for index in range(251)]}
    assert translated(tool(a=long), "openai-strict")[1] == ("enum at /properties/a",)


@pytest.mark.parametrize("dialect", BOTH)
def test_a_schema_that_is_too_large_is_folded_until_it_fits(dialect: Dialect):
    part = {f"property_{index}": {"type": "string", "description": "word " * 20} for index in range(80)}
    wide = {f"part_{index}": {"type": "object", "properties": part} for index in range(80)}
    told, lost = translated(tool(**wide), dialect)
    assert told["properties"].keys() == wide.keys()
    assert len(lost) == LOST_MAX
    assert lost[-1].endswith(" more")


@pytest.mark.parametrize("dialect", BOTH)
@pytest.mark.parametrize(
    "schema",
    [True, {}, {"type": "string"}, {"type": "object", "additionalProperties": TEXT}, {"anyOf": [ADDRESS, MAP]}, tool(["$"], **{"$": TEXT})],
    ids=["anything", "empty", "string", "map", "choice", "name"],
)  # fmt: skip
def test_a_root_that_is_no_plain_object_is_one_argument_of_json(schema: Any, dialect: Dialect):
    told, lost = translated(schema, dialect)
    assert list(told["properties"]) == ["arguments"]
    assert lost == ("properties at ",)
    assert from_dialect({"arguments": '{"$": "x"}'}, raw(schema), dialect) == {"$": "x"}
    assert from_dialect({"arguments": "[1]"}, raw(schema), dialect) == {"arguments": [1]}


def test_a_tool_without_arguments_has_no_properties():
    assert translated(tool(), "openai-strict") == ({**CLOSED, "properties": {}, "required": []}, ())
    assert translated(tool(), "gemini") == ({"type": "OBJECT", "properties": {}}, ())


def test_a_value_of_a_choice_is_turned_back_as_the_schema_that_it_fits():
    tagged = [
        {"type": "object", "properties": {"kind": {"const": kind}, "data": data}, "required": ["kind", "data"]}
        for kind, data in (("plain", TEXT), ("map", MAP), ("any", True))
    ]
    schema = {"a": {"anyOf": [*tagged, {"type": "array", "items": MAP}, {"type": "integer"}]}}
    pairs = [{"key": "x", "value": "1"}]
    for sent, meant in (
        ({"kind": "plain", "data": "1"}, {"kind": "plain", "data": "1"}),
        ({"kind": "map", "data": pairs}, {"kind": "map", "data": {"x": "1"}}),
        ({"kind": "any", "data": "[1]"}, {"kind": "any", "data": [1]}),
        ([pairs, []], [{"x": "1"}, {}]),
        (5, 5),
        ("none of these", "none of these"),
    ):
        for dialect in BOTH:
            assert back(schema, {"a": sent}, dialect) == {"a": meant}


# Whatever the schema.

NAMED = st.sampled_from(["a", "b", "c", "key", "value", "arguments", "$ref", "x" * 65, "é"])
DEFINED = st.sampled_from([f"#/$defs/D{index}" for index in range(4)])
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 300), st.floats(-3, 3, width=16), st.sampled_from(["", "a", "b"])
)
COUNT = st.integers(0, 4)
JSON_VALUES = st.recursive(
    st.one_of(VALUES, st.sampled_from(["(leave out)", '{"a": 1}', "[", "9" * 400])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMED, inner, max_size=3),
    max_leaves=8,
)
KINDS = st.sampled_from(["string", "number", "integer", "boolean", "object", "array", "null"])
LEAVES = st.one_of(
    st.booleans(),
    st.fixed_dictionaries({"$ref": DEFINED}, optional={"description": st.just("words")}),
    st.fixed_dictionaries({"enum": st.lists(VALUES, max_size=4)}, optional={"type": KINDS}),
    st.fixed_dictionaries(
        {},
        optional={
            "type": KINDS | st.lists(KINDS, min_size=1, max_size=3, unique=True), "const": JSON_VALUES, "minLength": COUNT,
            "maxLength": COUNT, "pattern": st.sampled_from(["^a", "(?=b)", "[0-9]+"]), "minimum": st.integers(-2, 2),
            "exclusiveMaximum": st.integers(0, 5), "multipleOf": st.sampled_from([1, 0.5, 3]), "format": st.just("email"),
            "description": st.just("words"), "default": JSON_VALUES,
        },
    ),
)  # fmt: skip


def nest(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    members = st.dictionaries(NAMED, inner, max_size=3)
    several = st.lists(inner, min_size=1, max_size=3)
    return st.fixed_dictionaries(
        {},
        optional={
            "type": KINDS | st.just("object") | st.just(["array", "null"]), "properties": members, "items": inner,
            "required": st.lists(NAMED, max_size=2, unique=True), "additionalProperties": inner, "allOf": several,
            "anyOf": several, "oneOf": several, "prefixItems": several, "patternProperties": st.dictionaries(st.just("^a"), inner),
            "not": inner, "minItems": COUNT, "maxItems": COUNT, "minProperties": COUNT, "uniqueItems": st.booleans(),
            "propertyNames": inner, "contains": inner, "dependentRequired": st.just({"a": ["b"]}), "$ref": DEFINED,
        },
    )  # fmt: skip


SCHEMAS = st.recursive(LEAVES, nest, max_leaves=12)
DEFINITIONS = st.fixed_dictionaries({}, optional={f"D{index}": SCHEMAS for index in range(3)})
TOOLS = st.builds(
    lambda members, required, definitions: tool(required, **members, defs=definitions),
    st.dictionaries(st.sampled_from(["a", "b", "c"]), SCHEMAS, max_size=3),
    st.lists(st.sampled_from(["a", "b", "c"]), max_size=2, unique=True),
    DEFINITIONS,
)


@settings(max_examples=150, deadline=None)
@given(schema=TOOLS | SCHEMAS, dialect=st.sampled_from(BOTH))
def test_any_schema_is_translated_by_the_rules(schema: Any, dialect: Dialect):
    assert jsonschema_rs.meta.is_valid(schema)
    try:
        jsonschema_rs.Draft202012Validator(schema)
    except ValueError:
        # A reference that leads nowhere: there is nothing to compare with.
        translated(schema, dialect)
    else:
        check(raw(schema), dialect, 3)


@settings(max_examples=300, deadline=None)
@given(members=st.dictionaries(st.sampled_from(["a", "b", "c"]), SCHEMAS, max_size=3), definitions=DEFINITIONS)
def test_what_a_model_sends_for_any_document_is_what_the_tool_takes(members: Any, definitions: Any):
    body = json.loads(json.dumps(tool(members.keys() & {"a"}, **members)).replace("#/$defs/", "#/components/schemas/"))
    schemas = json.loads(json.dumps(definitions).replace("#/$defs/", "#/components/schemas/"))
    operation = {"requestBody": {"content": {"application/json": {"schema": body}}}, "responses": {}}
    document = {
        "openapi": "3.1.0", "info": {}, "servers": [{"url": "https://a.example"}], "paths": {"/a": {"put": operation}},
        "components": {"schemas": schemas},
    }  # fmt: skip
    connector = compile_document(Manifest(name="a"), Documents("main", {"main": document}), "digest")
    for compiled in connector.tools:
        for dialect in BOTH:
            check(compiled.input_schema, dialect, 3)


@settings(max_examples=200, deadline=None)
@given(schema=TOOLS, sent=st.dictionaries(NAMED, JSON_VALUES, max_size=4), dialect=st.sampled_from(BOTH))
def test_whatever_a_model_sends_is_turned_back_without_failing(schema: Any, sent: Any, dialect: Dialect):
    assert isinstance(from_dialect(sent, raw(schema), dialect), dict)
