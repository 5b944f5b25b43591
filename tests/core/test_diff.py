"""What changed between two versions of a connector: nothing is missed, and nothing is called harmless that is not."""

import copy
import json
import random
from typing import Any

import pytest

from benchmarks.corpus import CORPUS, read_corpus, read_documents
from gateway.core.catalog import Connector
from gateway.core.compile import compile_document
from gateway.core.diff import diff_connectors, fingerprint
from gateway.core.manifest import Manifest
from gateway.core.references import Documents

TEXT, NUMBER = {"type": "string"}, {"type": "integer"}


def connector(operation: Any, path: str = "/a", method: str = "post", **root: Any) -> Connector:
    told = {"openapi": "3.1.0", "servers": [{"url": "https://x.example"}], "paths": {path: {method: operation}}, **root}
    return compile_document(Manifest(name="x", prefix=""), Documents("main", {"main": copy.deepcopy(told)}), "digest")


def body(schema: Any) -> dict[str, Any]:
    return {"operationId": "do", "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def an_object(*required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


def kinds(before: Connector, after: Connector) -> list[tuple[str, str]]:
    return [(change.kind, change.place) for change in diff_connectors(before, after)]


A = an_object(a=TEXT)


@pytest.mark.parametrize(
    ("before", "after", "there", "back"),
    [
        (A, an_object(a=TEXT, b=TEXT), [("widened", "/b")], [("narrowed", "/b")]),
        (A, an_object("b", a=TEXT, b=TEXT), [("required", "/b")], [("narrowed", "/b")]),
        (A, an_object("a", a=TEXT), [("required", "/a")], [("widened", "/a")]),
        (an_object(a=TEXT), an_object(a={"type": ["string", "null"]}), [("widened", "/a")], [("narrowed", "/a")]),
        (an_object(a=TEXT), an_object(a={}), [("widened", "/a")], [("narrowed", "/a")]),
        (an_object(a=NUMBER), an_object(a={"type": "number"}), [("widened", "/a")], [("narrowed", "/a")]),
        (an_object(a=TEXT), an_object(a=NUMBER), [("narrowed", "/a"), ("widened", "/a")], [("narrowed", "/a"), ("widened", "/a")]),
        (an_object(a={"enum": ["x"]}), an_object(a={"enum": ["x", "y"]}), [("widened", "/a")], [("narrowed", "/a")]),
        (an_object(a=TEXT), an_object(a={**TEXT, "maxLength": 3}), [("narrowed", "/a")], [("widened", "/a")]),
        (an_object(a={**NUMBER, "minimum": 1}), an_object(a={**NUMBER, "minimum": 0}), [("widened", "/a")], [("narrowed", "/a")]),
        (an_object(a=TEXT), an_object(a={**TEXT, "pattern": "^a"}), [("narrowed", "/a")], [("widened", "/a")]),
        (an_object(a={**TEXT, "pattern": "^b"}), an_object(a={**TEXT, "pattern": "^a"}), [("narrowed", "/a")], [("narrowed", "/a")]),
        (an_object(a=TEXT), an_object(a={**TEXT, "description": "Now with words."}), [("description", "/a")], [("description", "/a")]),
        (
            an_object(a={"type": "array", "items": TEXT}),
            an_object(a={"type": "array", "items": {**TEXT, "minLength": 1}}),
            [("narrowed", "/a/-")],
            [("widened", "/a/-")],
        ),
        (
            an_object(a={"type": "object", "additionalProperties": False}),
            an_object(a={"type": "object", "additionalProperties": TEXT}),
            [("widened", "/a")],
            [("narrowed", "/a")],
        ),
        (
            an_object(a={"anyOf": [TEXT, NUMBER]}),
            an_object(a={"anyOf": [TEXT, NUMBER, {"type": "boolean"}]}),
            [("widened", "/a")],
            [("narrowed", "/a")],
        ),
        (
            an_object(a={"anyOf": [TEXT, {"type": "array"}]}),
            an_object(a={"anyOf": [TEXT, {"type": "array", "minItems": 1}]}),
            [("narrowed", "/a")],
            [("widened", "/a")],
        ),
    ],
)  # fmt: skip
def test_what_is_taken_now_and_what_is_not(before: Any, after: Any, there: Any, back: Any) -> None:
    one, other = connector(body(before)), connector(body(after))
    assert kinds(one, other) == there
    assert kinds(other, one) == back
    assert fingerprint(one.tools[0]) != fingerprint(other.tools[0])


def test_a_change_in_a_shared_component_shows_in_every_tool_that_reaches_it_and_circles_end() -> None:
    def version(tag: Any) -> Connector:
        node = an_object(tag=tag, next={"$ref": "#/components/schemas/Node"})
        return connector(
            body(an_object(n={"$ref": "#/components/schemas/Node"})), components={"schemas": {"Node": node}}
        )

    changes = kinds(version(TEXT), version({**TEXT, "maxLength": 5}))
    assert changes == [("narrowed", "/n/tag")]
    assert kinds(version(TEXT), version(TEXT)) == []


SCOPED = {"operationId": "do", "security": [{"oauth": ["a"]}]}


@pytest.mark.parametrize(
    ("before", "after", "kind", "detail"),
    [
        (SCOPED, {**SCOPED, "security": [{"oauth": ["a", "b"]}]}, "scopes", "it needs x:a and x:b now, and needed x:a."),
        (SCOPED, {**SCOPED, "deprecated": True}, "description", "its title or description is another."),
        (SCOPED, {**SCOPED, "summary": "Send all money"}, "description", "its title or description is another."),
        (SCOPED, {**SCOPED, "operationId": "other"}, "renamed", "POST /a was called do."),
        (
            SCOPED,
            {**SCOPED, "servers": [{"url": "https://evil.example"}]},
            "request",
            "the request is another: POST https://evil.example/a.",
        ),
        (
            {**SCOPED, "parameters": [{"name": "q", "in": "query", "schema": {"type": "array"}}]},
            {**SCOPED, "parameters": [{"name": "q", "in": "query", "schema": {"type": "array"}, "explode": False}]},
            "request",
            "the request is another: POST https://x.example/a.",
        ),
        (
            SCOPED,
            {**SCOPED, "responses": {"200": {"content": {"application/json": {"schema": A}}}}},
            "result",
            "what it answers is another.",
        ),
    ],
)  # fmt: skip
def test_what_else_changes_is_told(before: Any, after: Any, kind: str, detail: str) -> None:
    one, other = connector(before), connector(after)
    assert (kind, detail) in [(change.kind, change.detail) for change in diff_connectors(one, other)]
    assert (fingerprint(one.tools[0]) == fingerprint(other.tools[0])) is (kind == "result")


def test_tools_that_come_and_go_are_told() -> None:
    one, other = connector({"operationId": "do"}), connector({"operationId": "undo"}, path="/b", method="delete")
    assert [(change.tool, change.kind) for change in diff_connectors(one, other)] == [
        ("do", "removed"),
        ("undo", "added"),
    ]


def test_the_order_of_a_document_changes_nothing() -> None:
    schema = an_object("a", a={**TEXT, "description": "x", "maxLength": 3}, b={"enum": ["x", "y"]})
    turned = json.loads(json.dumps(schema, sort_keys=True))
    turned["properties"] = dict(reversed(turned["properties"].items()))
    one, other = connector(body(schema)), connector(body(turned))
    assert kinds(one, other) == []
    assert fingerprint(one.tools[0]) == fingerprint(other.tools[0])


# Real documents, changed at random.


@pytest.mark.skipif(not CORPUS.is_dir(), reason="../shared/specs is not there: nothing of real documents is tested")
@pytest.mark.parametrize("seed", range(12))
def test_no_random_edit_that_an_approver_would_see_goes_untold(seed: int) -> None:
    chance = random.Random(seed)
    files = dict(read_corpus(CORPUS))
    names = sorted(name for name in files if len(next(iter(files[name].values()))) < 60_000 and "multi" not in name)
    documents = read_documents(files[chance.choice(names)])
    before = compile_document(Manifest(name="x", base_url="https://x.example"), documents, "1")
    assert diff_connectors(before, before) == ()
    prints = {tool.name: fingerprint(tool) for tool in before.tools}
    for _ in range(25):
        tree = copy.deepcopy(documents.trees[documents.entry])
        edit(tree, chance)
        after = compile_document(before.manifest, Documents(documents.entry, {documents.entry: tree}), "2")
        changed = {tool.name for tool in after.tools if prints.get(tool.name) != fingerprint(tool)} | (
            prints.keys() - {tool.name for tool in after.tools}
        )
        told = {change.tool for change in diff_connectors(before, after)}
        renamed = {tool.operation.key for tool in after.tools}
        gone = {tool.name for tool in before.tools if tool.name not in told and tool.operation.key in renamed}
        assert changed - gone <= told


def edit(tree: Any, chance: random.Random) -> None:
    """Change one value somewhere in the paths or the components."""
    places: list[tuple[Any, Any]] = []
    waiting = [tree.get("paths"), tree.get("components"), tree.get("definitions")]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict | list):
            places += [(node, key) for key in (node if isinstance(node, dict) else range(len(node)))]
            waiting += node.values() if isinstance(node, dict) else node
    node, key = chance.choice(places)
    value = node[key]
    match value:
        case bool():
            node[key] = not value
        case int() | float():
            node[key] = value + 1
        case str():
            node[key] = chance.choice([value + "x", "integer", "string", ""])
        case _ if isinstance(node, dict):
            del node[key]
