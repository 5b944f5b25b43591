"""`x-factotum`: what a document says to the gateway is believed, key by key, and a bad key costs that key only."""

import re
from typing import Any

import jsonschema_rs
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.catalog import Connector
from gateway.core.compile import compile_document
from gateway.core.effect import annotations_of
from gateway.core.extension import SINKS_MAX, Extension, Follow, Page, Poll
from gateway.core.manifest import Manifest
from gateway.core.naming import Identity, name_tools
from gateway.core.references import Documents
from gateway.core.tool import Effect, Tool
from gateway.core.wire import ConnectorReader, encode_connector

URI = "https://docs.example/openapi.json"
KEY = "x-factotum"


def compile_tree(tree: dict[str, Any]) -> Connector:
    return compile_document(Manifest(name="x"), Documents(URI, {URI: {"openapi": "3.0.3", **tree}}), "digest")


# What may be named by what is said, and becomes no tool.
OTHERS = {
    "/orders/{id}": {
        "get": {"operationId": "getOrder", KEY: {"hide": True}},
        "delete": {"operationId": "deleteOrder", KEY: {"hide": True}},
    }
}


def compile_said(said: Any, item: Any = None, root: Any = None, **operation: Any) -> Connector:
    """A POST of which this is said, its path item, and its document."""
    told = {"operationId": "addOrder", "summary": "Add an order", "description": "It is added.", KEY: said}
    return compile_tree({"paths": {"/orders": {"post": told | operation, KEY: item}, **OTHERS}, KEY: root})


def tool_said(said: Any, item: Any = None, root: Any = None, **operation: Any) -> Tool:
    connector = compile_said(said, item, root, **operation)
    assert connector.repairs == ()
    assert connector.refusals == ()
    return connector.tools[0]


def repairs(connector: Connector) -> list[str]:
    assert {one.reason for one in connector.repairs} <= {"extension-broken"}
    assert all(one.detail.endswith(".") and len(one.detail) < 400 for one in connector.repairs)
    return [one.place for one in connector.repairs]


# What is said of an operation.


def test_an_operation_of_which_nothing_is_said_has_no_extension() -> None:
    assert tool_said(None).extension is None
    assert tool_said({}).extension is None
    assert tool_said({}, {}, {}).extension is None


@pytest.mark.parametrize(
    ("said", "field", "expected"),
    [
        ({"name": "buy"}, "name", "x_buy"),
        ({"name": "Buy it now!"}, "name", "x_buy_it_now"),
        ({"name": "x_buy"}, "name", "x_buy"),
        ({"name": "日本"}, "name", "x_add_order"),
        ({"title": "Buy"}, "title", "Buy"),
        ({"title": "<b>Buy</b>\u202e now"}, "title", "Buy now"),
        ({"description": "Buys it.\nAt once."}, "description", "Buys it. At once."),
        ({"description": "<script>Buys"}, "description", "Buys"),
        ({"effect": "read"}, "effect", "read"),
        ({"effect": "destructive"}, "effect", "destructive"),
        ({"scopes": ["buy"]}, "scopes", (frozenset({"x:buy"}),)),
        ({"scopes": ["buy", "pay"]}, "scopes", (frozenset({"x:buy", "x:pay"}),)),
        ({}, "title", "Add an order"),
        ({}, "description", "Add an order. It is added."),
        ({}, "scopes", (frozenset({"x:orders"}),)),
    ],
)
def test_what_is_said_takes_the_place_of_what_the_document_says(said: Any, field: str, expected: Any) -> None:
    tool = tool_said(said, security=[{"oauth": ["orders"]}])
    assert getattr(tool, field) == expected


def test_a_name_that_is_too_long_is_cut() -> None:
    assert re.fullmatch("x_a{55}_[0-9a-f]{6}", tool_said({"name": "a" * 80}).name)


def test_a_deprecated_operation_stays_one() -> None:
    assert tool_said({"description": "Buys."}, deprecated=True).description == "Deprecated. Buys."


@pytest.mark.parametrize(
    ("method", "told", "hints"),
    [
        ("POST", "read", (True, False, True)),
        ("POST", "destructive", (False, True, False)),
        ("POST", None, (False, False, False)),
        ("GET", "write", (False, False, False)),
        ("GET", "destructive", (False, True, False)),
        ("GET", None, (True, False, True)),
        ("PUT", "destructive", (False, True, True)),
        ("DELETE", "write", (False, False, True)),
    ],
)
def test_the_hints_follow_the_effect_that_is_told(method: str, told: Effect | None, hints: tuple[bool, ...]) -> None:
    got = annotations_of(method, told)
    assert (got.read_only_hint, got.destructive_hint, got.idempotent_hint) == hints


def test_the_default_scope_follows_the_effect_that_is_told() -> None:
    tool = tool_said({"effect": "read"})
    assert tool.scopes == (frozenset({"x:read"}),)
    assert tool.annotations == annotations_of("POST", "read")


def test_a_hidden_operation_is_neither_a_tool_nor_a_refusal() -> None:
    tree = {"paths": {"/a": {"get": {KEY: {"hide": True}}, "put": {}}, "/b": {KEY: {"hide": True}, "get": {"parameters": 5}, "put": {KEY: {"hide": False}}}}}  # fmt: skip
    connector = compile_tree(tree)
    assert [tool.name for tool in connector.tools] == ["x_put_a", "x_put_b"]
    assert (connector.refusals, connector.repairs, connector.left_out) == ((), (), 2)


WHOLE: dict[str, Any] = {
    "name": "buy",
    "title": "Buy",
    "description": "Buys.",
    "effect": "write",
    "scopes": ["buy"],
    "sink": {"to": "recipient", "callback": "url", "sum": "amount", "text": "body"},
    "undo": {"operation": "DELETE /orders/{id}", "arguments": {"id": "/id"}},
    "verify": {"operation": "getOrder", "arguments": {"id": "/id", "shop": "arguments:/shop"}},
    "page": {"kind": "cursor", "parameter": "cursor", "next": "/next", "items": "/items", "size": "limit"},
    "poll": {"operation": "getJob", "status": "/state", "done": ["ok", "failed"], "arguments": {"job": ""}},
    "media_type": "application/json",
}


def test_all_that_is_said_is_kept_with_the_tool() -> None:
    assert tool_said(WHOLE).extension == Extension(
        name="buy",
        title="Buy",
        description="Buys.",
        effect="write",
        scopes=("buy",),
        sink={"to": "recipient", "callback": "url", "sum": "amount", "text": "body"},
        undo=Follow("DELETE /orders/{id}", {"id": "/id"}),
        verify=Follow("getOrder", {"id": "/id", "shop": "arguments:/shop"}),
        page=Page("cursor", "cursor", "/next", "/items", "limit"),
        poll=Poll("getJob", "/state", ("ok", "failed"), {"job": ""}),
        media_type="application/json",
    )


def test_the_nearest_wins_key_by_key() -> None:
    tool = tool_said(
        {"title": "Mine", "sink": {"a": "url"}},
        {"title": "The path's", "effect": "read", "sink": {"b": "url"}},
        {"title": "The document's", "effect": "destructive", "scopes": ["all"], "page": {"kind": "none"}},
    )
    assert tool.extension == Extension(
        title="Mine", effect="read", scopes=("all",), sink={"a": "url"}, page=Page("none")
    )
    assert tool.title == "Mine"


def test_a_path_item_behind_a_reference_gives_its_defaults_too() -> None:
    tree = {
        "paths": {"/a": {"$ref": "#/components/pathItems/A"}, "/b": {"$ref": "#/components/pathItems/A", KEY: {"title": "B"}}},
        "components": {"pathItems": {"A": {"get": {}, KEY: {"title": "A"}}}},
    }  # fmt: skip
    assert [tool.title for tool in compile_tree(tree).tools] == ["A", "B"]


# A bad key costs that key only.


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", 5), ("name", None), ("name", "a" * 5_000), ("title", ["x"]), ("description", {}), ("effect", "harmless"), ("effect", "Read"),
        ("hide", "yes"), ("hide", 1), ("hide", None), ("scopes", []), ("scopes", "buy"), ("scopes", [""]), ("scopes", ["a b"]),
        ("scopes", ['a"']), ("scopes", [5]), ("sink", {"to": "sender"}), ("sink", []), ("sink", {str(n): "url" for n in range(201)}),
        ("undo", "deleteOrder"), ("undo", {}), ("undo", {"operation": ""}), ("undo", {"operation": "a", "more": 1}),
        ("undo", {"operation": "a", "arguments": {"id": "id"}}), ("undo", {"operation": "a", "arguments": {"id": "result:/id"}}),
        ("verify", {"operation": 5}), ("page", {}), ("page", {"kind": "scroll"}), ("page", {"kind": "cursor", "next": "next"}),
        ("poll", {"operation": "a", "status": "/s"}), ("poll", {"operation": "a", "status": "/s", "done": []}),
        ("media_type", 5), ("unknown", 1), ("Name", "buy"), ("", 1), ("a/b~c", 1),
    ],
)  # fmt: skip
def test_a_bad_key_is_named_and_the_others_hold(key: str, value: Any) -> None:
    connector = compile_said({**WHOLE, key: value})
    pointer = key.replace("~", "~0").replace("/", "~1")
    assert repairs(connector) == [f"/paths/~1orders/post/{KEY}/{pointer}"]
    [tool] = connector.tools
    good = {name: one for name, one in WHOLE.items() if name != key}
    assert tool.extension == msgspec.convert(good, Extension)


def test_where_a_key_is_bad_the_one_farther_away_holds() -> None:
    connector = compile_said({"scopes": []}, {"scopes": ["orders"]}, {"scopes": 5, "title": "All"})
    assert repairs(connector) == [f"/{KEY}/scopes", f"/paths/~1orders/post/{KEY}/scopes"]
    assert connector.tools[0].scopes == (frozenset({"x:orders"}),)
    assert connector.tools[0].title == "All"


def test_no_list_of_scopes_leaves_a_tool_open() -> None:
    connector = compile_said({"scopes": []})
    assert connector.tools[0].scopes == (frozenset({"x:write"}),)
    assert repairs(connector) == [f"/paths/~1orders/post/{KEY}/scopes"]


@pytest.mark.parametrize("said", [5, "text", [], [{}], True])
def test_what_is_no_object_says_nothing(said: Any) -> None:
    connector = compile_said(said)
    assert repairs(connector) == [f"/paths/~1orders/post/{KEY}"]
    assert connector.tools[0].extension is None


def test_a_list_of_unknown_keys_is_not_repeated_for_ever() -> None:
    connector = compile_tree(
        {KEY: {f"k{n}": n for n in range(10_000)}, "paths": {f"/{n}": {"get": {}} for n in range(50)}}
    )
    assert 1 <= len(connector.repairs) <= 20
    assert len(connector.tools) == 50


# Names.


def test_a_name_that_is_told_goes_before_an_id_that_reads_the_same() -> None:
    operations = [Identity("GET", "/a", "find"), Identity("GET", "/b", "other", "find"), Identity("GET", "/c", "third")]
    assert name_tools("x", operations) == ["x_get_a", "x_find", "x_third"]
    assert name_tools("x", operations[::-1]) == ["x_third", "x_find", "x_get_a"]


def test_a_name_that_is_told_twice_names_neither() -> None:
    operations = [
        Identity("GET", "/a", "one", "find"),
        Identity("GET", "/b", "", "find"),
        Identity("GET", "/c", "find"),
    ]
    assert name_tools("", operations) == ["one", "get_b", "get_c"]


def test_a_name_that_is_told_is_never_one_of_the_gateways_own() -> None:
    [name] = name_tools("", [Identity("GET", "/a", "", "call_tool")])
    assert name.startswith("call_tool_")


# Parameters and properties.


def parameter(name: str, said: Any, where: str = "query", **more: Any) -> dict[str, Any]:
    return {"name": name, "in": where, "schema": {"type": "string"}, "description": "Theirs.", KEY: said, **more}


def properties_of(tool: Tool) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.json.decode(tool.input_schema)["properties"]
    return told


def test_an_optional_parameter_that_is_hidden_is_no_argument() -> None:
    tool = tool_said(None, parameters=[parameter("a", {"hide": True}), parameter("b", {"hide": False})])
    assert list(properties_of(tool)) == ["b"]
    assert [one.name for one in tool.operation.parameters] == ["b"]
    assert tool.extension is None


@pytest.mark.parametrize("where", ["query", "header"])
def test_a_required_parameter_cannot_be_hidden(where: str) -> None:
    connector = compile_said(None, parameters=[parameter("a", {"hide": True}, where, required=True)])
    assert list(properties_of(connector.tools[0])) == ["a"]
    assert repairs(connector) == [f"/paths/~1orders/post/parameters/0/{KEY}"]


def test_a_path_parameter_cannot_be_hidden() -> None:
    operation = {"parameters": [parameter("id", {"hide": True}, "path", required=True)]}
    connector = compile_tree({"paths": {"/a/{id}": {"get": operation}}})
    assert list(properties_of(connector.tools[0])) == ["id"]
    assert repairs(connector) == [f"/paths/~1a~1{{id}}/get/parameters/0/{KEY}"]


def test_a_parameter_says_what_becomes_of_its_value() -> None:
    shared = [parameter("to[]", {"sink": "recipient", "description": "Whom."}), parameter("n", None)]
    tool = tool_said({"sink": {"to[]": "body", "sum": "amount"}}, parameters=shared)
    assert tool.extension == Extension(sink={"to[]": "recipient", "sum": "amount"})
    assert [one["description"] for one in properties_of(tool).values()] == ["Whom.", "Theirs."]


def sent(extension: Extension | None) -> Extension | None:
    """As another process reads it."""
    return msgspec.json.decode(msgspec.json.encode(extension), type=Extension | None)


def test_a_connector_keeps_what_was_said_and_left_out_on_its_way_to_another_process() -> None:
    connector = compile_tree({"paths": {"/a": {"get": {KEY: WHOLE}, "put": {KEY: {"hide": True}}}}})
    head, *pieces = encode_connector(connector)
    reader = ConnectorReader(connector.manifest, head)
    for piece in pieces:
        reader.take(piece)
    told = reader.connector()
    assert told.left_out == connector.left_out == 1
    assert [tool.extension for tool in told.tools] == [msgspec.convert(WHOLE, Extension)]


def test_any_number_of_sinks_still_makes_a_tool_that_another_process_reads() -> None:
    said = {"sink": {f"s{n}": "url" for n in range(SINKS_MAX)}}
    many = [parameter(f"p{n}" + "x" * 300, {"sink": "amount"}) for n in range(5)]
    connector = compile_said(said, parameters=many)
    assert repairs(connector) == ["/paths/~1orders/post"]
    extension = connector.tools[0].extension
    assert extension is not None
    assert len(extension.sink) == SINKS_MAX
    assert sent(extension) == extension


def test_a_bad_key_of_a_parameter_costs_that_key_only() -> None:
    said = {"sink": "sender", "description": "Whom.", "hide": "yes", "more": 1}
    connector = compile_said(None, parameters=[parameter("to", said)])
    place = f"/paths/~1orders/post/parameters/0/{KEY}"
    assert repairs(connector) == [f"{place}/sink", f"{place}/hide", f"{place}/more"]
    assert properties_of(connector.tools[0])["to"]["description"] == "Whom."


def test_a_property_of_the_body_says_the_same() -> None:
    schema = {
        "type": "object",
        "required": ["kept"],
        "properties": {
            "gone": {"type": "string", KEY: {"hide": True}},
            "kept": {"type": "string", KEY: {"hide": True}},
            "to": {"type": "string", "description": "Theirs.", KEY: {"sink": "url", "description": "Where to."}},
        },
    }
    connector = compile_said(None, requestBody={"required": True, "content": {"application/json": {"schema": schema}}})
    [tool] = connector.tools
    assert properties_of(tool) == {"kept": {"type": "string"}, "to": {"type": "string", "description": "Where to."}}
    assert tool.operation.body is not None
    assert [one.name for one in tool.operation.body.fields] == ["kept", "to"]
    assert tool.extension == Extension(sink={"to": "url"})
    assert [one.partition("schema")[2] for one in repairs(connector)] == [f"/properties/kept/{KEY}"]


def test_a_form_field_of_swagger_says_the_same() -> None:
    fields = [
        {"name": "a", "in": "formData", "type": "string", KEY: {"hide": True}},
        {"name": "b", "in": "formData", "type": "string", KEY: {"sink": "amount"}},
    ]
    tree = {"swagger": "2.0", "paths": {"/a": {"post": {"parameters": fields}}}}
    [tool] = compile_document(Manifest(name="x"), Documents(URI, {URI: tree}), "d").tools
    assert list(properties_of(tool)) == ["b"]
    assert tool.extension == Extension(sink={"b": "amount"})


# The media type of the body.


def test_the_media_type_that_is_told_is_compiled_where_there_is_one() -> None:
    body = {
        "content": {kind: {"schema": {"type": "string"}} for kind in ("application/json", "text/plain", "text/csv")}
    }
    tree = {"openapi": "3.0.3", "paths": {"/a": {
        "post": {"requestBody": body, KEY: {"media_type": "text/csv"}},
        "put": {"requestBody": body, KEY: {"media_type": "image/png"}},
    }}}  # fmt: skip
    manifest = Manifest(name="x", media_types=("text/plain",))
    bodies = [one.operation.body for one in compile_document(manifest, Documents(URI, {URI: tree}), "d").tools]
    assert {one.media_type for one in bodies if one} == {"text/csv", "text/plain"}
    assert len(bodies) == 2


# Whatever comes.

KEYS = st.sampled_from([*Extension.__struct_fields__, "operation", "arguments", "kind", "status", "done", "a/b"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(["read", "/a", "url", "cursor"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4) | KEYS, inner, max_size=3),
    max_leaves=6,
)
SAID = st.dictionaries(KEYS, VALUES, max_size=5) | VALUES
SCHEMA = jsonschema_rs.Draft202012Validator(msgspec.json.schema(Extension))


@settings(max_examples=300, deadline=None)
@given(operation=SAID, item=SAID, root=SAID, argument=SAID)
def test_whatever_is_said_there_is_one_tool_with_scopes_or_it_is_hidden(
    operation: Any, item: Any, root: Any, argument: Any
) -> None:
    before = repr((operation, item, root, argument))
    connector = compile_said(operation, item, root, parameters=[parameter("a", argument)])
    assert repr((operation, item, root, argument)) == before
    assert len(connector.tools) + connector.left_out == 1 + len(OTHERS["/orders/{id}"])
    assert connector.refusals == ()
    for tool in connector.tools:
        assert sent(tool.extension) == tool.extension
        assert tool.scopes
        assert all(tool.scopes)
        assert tool.effect in ("read", "write", "destructive")
        assert jsonschema_rs.meta.is_valid(msgspec.json.decode(tool.input_schema))
        repairs(connector)


@settings(max_examples=200, deadline=None)
@given(said=st.dictionaries(st.sampled_from(Extension.__struct_fields__), VALUES, max_size=4))
def test_what_fits_the_published_schema_is_taken_whole(said: dict[str, Any]) -> None:
    connector = compile_said({**said, "hide": False})
    if SCHEMA.is_valid(said):
        # An operation that is none fits the schema too.
        assert [place for place in repairs(connector) if not place.endswith(("/undo", "/verify"))] == []
