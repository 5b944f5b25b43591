"""Which operations become tools: the filters of a manifest, and the media types that it prefers."""

import time
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.catalog import Connector
from gateway.core.choice import Choice, compile_glob
from gateway.core.compile import compile_document
from gateway.core.document import DocumentBroken
from gateway.core.manifest import Filter, Manifest
from gateway.core.naming import Identity
from gateway.core.references import Documents

URI = "https://docs.example/openapi.json"
SHOP: dict[str, Any] = {
    "openapi": "3.0.3",
    "paths": {
        "/orders": {
            "get": {"operationId": "listOrders", "tags": ["orders", "read"]},
            "post": {"operationId": "addOrder", "tags": ["orders"]},
        },
        "/orders/{id}": {"get": {"operationId": "getOrder", "tags": ["orders", "read"]}, "delete": {}},
        "/orders/{id}/lines": {"get": {"tags": ["lines"]}},
        "/stock": {"get": {"operationId": "stock", "tags": "no list"}, "put": "no object"},
        "/broken": ["no object"],
    },
}


def compile_shop(tree: dict[str, Any] = SHOP, overlays: Any = (), **manifest: Any) -> Connector:
    told = msgspec.convert({"name": "x", **manifest}, Manifest)
    return compile_document(told, Documents(URI, {URI: tree}), "digest", overlays)


def chosen(**manifest: Any) -> set[str]:
    connector = compile_shop(**manifest)
    assert not [one for one in connector.repairs if one.place.startswith("manifest")]
    assert len(connector.tools) + len(connector.refusals) + connector.left_out == 8
    return {tool.operation.key for tool in connector.tools} | {f"! {one.operation}" for one in connector.refusals}


ALL = {
    "GET /orders", "POST /orders", "GET /orders/{id}", "DELETE /orders/{id}", "GET /orders/{id}/lines", "GET /stock",
    "! PUT /stock", "! * /broken",
}  # fmt: skip


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        ([], [], ALL),
        ([{}], [], ALL),
        ([], [{}], set()),
        ([{"tags": ["lines"]}], [], {"GET /orders/{id}/lines"}),
        ([{"tags": ["lines", "read"]}], [], {"GET /orders/{id}/lines", "GET /orders", "GET /orders/{id}"}),
        ([{"tags": ["orders"], "methods": ["get"]}], [], {"GET /orders", "GET /orders/{id}"}),
        ([{"tags": ["lines"]}, {"operation_ids": ["stock"]}], [], {"GET /orders/{id}/lines", "GET /stock"}),
        ([{"methods": ["DELETE"]}], [], {"DELETE /orders/{id}"}),
        ([{"paths": ["/orders"]}], [], {"GET /orders", "POST /orders"}),
        ([{"paths": ["/orders/*"]}], [], {"GET /orders/{id}", "DELETE /orders/{id}"}),
        ([{"paths": ["/orders/**"]}], [], {"GET /orders/{id}", "DELETE /orders/{id}", "GET /orders/{id}/lines"}),
        ([{"paths": ["/orders/{id}", "/stock"]}], [], {"GET /orders/{id}", "DELETE /orders/{id}", "GET /stock", "! PUT /stock"}),
        ([], [{"paths": ["/**"], "methods": ["GET"]}], {"POST /orders", "DELETE /orders/{id}", "! PUT /stock", "! * /broken"}),
        ([], [{"paths": ["/broken"]}, {"paths": ["/stock"], "methods": ["PUT"]}], ALL - {"! * /broken", "! PUT /stock"}),
        ([{"tags": ["orders"]}], [{"tags": ["read"]}], {"POST /orders"}),
        ([{"paths": ["/orders*"]}], [{"operation_ids": ["addOrder"]}], {"GET /orders"}),
    ],
)  # fmt: skip
def test_filters_choose_the_operations(include: Any, exclude: Any, expected: set[str]) -> None:
    assert chosen(include=include, exclude=exclude) == expected


def test_a_filter_that_matches_nothing_is_named() -> None:
    connector = compile_shop(
        include=[{"tags": ["orders"]}, {"tags": ["Orders"]}, {"tags": ["lines"], "methods": ["PUT"]}],
        exclude=[{"paths": ["/order"]}, {"paths": ["/orders/*"]}],
    )
    unmatched = [(one.place, one.reason) for one in connector.repairs if one.reason == "filter-unmatched"]
    assert unmatched == [
        ("manifest#/include/1", "filter-unmatched"),
        ("manifest#/include/2", "filter-unmatched"),
        ("manifest#/exclude/0", "filter-unmatched"),
    ]
    assert {tool.operation.key for tool in connector.tools} == {"GET /orders", "POST /orders"}


def test_a_filter_with_an_unknown_field_is_no_filter() -> None:
    with pytest.raises(msgspec.ValidationError):
        compile_shop(include=[{"tag": ["orders"]}])


@pytest.mark.parametrize(
    ("glob", "path", "fits"),
    [
        ("/a", "/a", True), ("/a", "/a/", False), ("/a", "/A", False), ("a", "/a", False), ("/a", "/a/b", False),
        ("/a/*", "/a/b", True), ("/a/*", "/a/", True), ("/a/*", "/a", False), ("/a/*", "/a/b/c", False),
        ("/a/**", "/a/b/c", True), ("/a/**", "/a", False), ("/**/c", "/a/b/c", True), ("/**/c", "/a/b/c/d", False),
        ("**", "", True), ("**", "/a\nb", True), ("***", "/a/b", True), ("*", "a/b", False), ("/*/b/*", "/a/b/c", True),
        ("/a.b", "/a.b", True), ("/a.b", "/axb", False), ("/{id}", "/{id}", True), ("/[ab]", "/a", False),
        ("/$a^|b?", "/$a^|b?", True), ("/é/*", "/é/日", True), ("/a b", "/a b", True), ("/a-z", "/b-z", False),
        ("/v*/x", "/v1/x", True), ("**a*b", "xa/ab", True), ("/a\n", "/a\n", True), ("/a", "/a\n", False), ("/a#b&~", "/a#b&~", True),
    ],
)  # fmt: skip
def test_a_glob_fits_whole_paths(glob: str, path: str, fits: bool) -> None:
    assert compile_glob(glob)(path) is fits


@pytest.mark.parametrize("glob", ["/" + "*a" * 99, "/" + "**a" * 66, "*" * 200, "/" + "a" * 199, "/" + ".*" * 99])
def test_a_hostile_glob_costs_no_more_than_another(glob: str) -> None:
    matches = compile_glob(glob)
    begun = time.perf_counter()
    assert matches(glob.replace("*", "a"))
    assert not matches("/" + "a" * 20_000 + "/\n.b") or set(glob) == {"*"}
    assert time.perf_counter() - begun < 2


@settings(max_examples=300, deadline=None)
@given(path=st.text(max_size=12), other=st.text(max_size=6))
def test_a_path_fits_itself_and_its_beginning_with_stars(path: str, other: str) -> None:
    literal = path.replace("*", "")
    assert compile_glob(literal)(literal)
    try:
        (literal + other).encode()
    except UnicodeEncodeError:
        return
    assert compile_glob(f"{literal}**")(literal + other)
    assert compile_glob(f"{literal}*")(literal + other) is ("/" not in other)


WORDS = st.lists(st.sampled_from(["a", "b", "GET", "get", "/a", "/**"]), max_size=2).map(tuple)
FILTERS = st.lists(st.builds(Filter, tags=WORDS, paths=WORDS, methods=WORDS, operation_ids=WORDS), max_size=2).map(
    tuple
)


@settings(max_examples=200, deadline=None)
@given(
    include=FILTERS,
    exclude=FILTERS,
    identity=st.builds(Identity, st.sampled_from(["GET", "PUT"]), st.sampled_from(["/a", "/b/a"]), st.sampled_from("ab")),
    tags=st.lists(st.sampled_from(["a", "b"])) | st.none() | st.text() | st.lists(st.integers()),
)  # fmt: skip
def test_whatever_the_filters_an_exclusion_wins_and_no_include_means_all(
    include: Any, exclude: Any, identity: Identity, tags: Any
) -> None:
    takes = Choice(Manifest(name="x", include=include, exclude=exclude)).takes(identity, tags)
    wanted = Choice(Manifest(name="x", include=include)).takes(identity, tags)
    unwanted = bool(exclude) and Choice(Manifest(name="x", include=exclude)).takes(identity, tags)
    assert takes is (wanted and not unwanted)
    assert include or wanted


# The media type of a body.


@pytest.mark.parametrize(
    ("wanted", "offered", "media_type"),
    [
        ([], ["application/x-www-form-urlencoded", "application/json"], "application/json"),
        (["multipart/form-data"], ["application/json", "multipart/form-data"], "multipart/form-data"),
        (["text/csv", "Multipart/Form-Data"], ["application/json", "multipart/form-data"], "multipart/form-data"),
        (["text/plain", "application/json"], ["application/json", "text/plain"], "text/plain"),
        (["application/vnd.a+json"], ["application/json", "application/vnd.a+json; v=1"], "application/vnd.a+json; v=1"),
        (["text/xml"], ["text/xml", "application/json"], "text/xml"),
        (["image/png"], ["application/json"], "application/json"),
    ],
)  # fmt: skip
def test_the_manifest_says_which_media_type_is_best(wanted: list[str], offered: list[str], media_type: str) -> None:
    body = {"content": {kind: {"schema": {"type": "string"}} for kind in offered}}
    tree = {"openapi": "3.0.3", "paths": {"/a": {"post": {"requestBody": body}}}}
    [tool] = compile_shop(tree, media_types=wanted).tools
    assert tool.operation.body is not None
    assert tool.operation.body.media_type == media_type


# Overlays.


def test_overlays_are_applied_in_order_before_anything_is_compiled() -> None:
    overlays = [
        ("first.yaml", {"overlay": "1.0.0", "actions": [
            {"target": "$.paths['/stock']", "remove": True},
            {"target": "$.paths['/broken']", "remove": True},
            {"target": "$.paths['/orders'].get", "update": {"x-overlaid": 1}},
            {"target": "$.paths['/nowhere']", "remove": True},
        ]}),
        ("second.yaml", {"overlay": "1.1.0", "actions": [
            {"target": "$.paths.*[?@['x-overlaid']]", "update": {"operationId": "findOrders", "tags": ["lines"]}},
            {"target": "$"},
        ]}),
    ]  # fmt: skip
    connector = compile_shop(overlays=overlays, include=[{"tags": ["lines"]}])
    assert [tool.name for tool in connector.tools] == ["x_find_orders", "x_get_orders_by_id_lines"]
    assert connector.refusals == ()
    assert [(one.place, one.reason) for one in connector.repairs][:2] == [
        ("first.yaml#/actions/3", "overlay-unmatched"),
        ("second.yaml#/actions/1", "overlay-broken"),
    ]
    assert SHOP["paths"]["/orders"]["get"]["operationId"] == "listOrders"


def test_only_the_entry_is_overlaid() -> None:
    other = "https://docs.example/other.json"
    trees: dict[str, Any] = {
        URI: {"openapi": "3.0.3", "paths": {"/a": {"$ref": "other.json#/a"}}},
        other: {"a": {"get": {"operationId": "there"}}, "paths": {"/a": {}}},
    }
    overlay = {"overlay": "1.0.0", "actions": [{"target": "$.paths['/a']", "update": {"put": {"operationId": "here"}}}]}
    connector = compile_document(Manifest(name="x"), Documents(URI, trees), "d", [("o", overlay)])
    assert [tool.name for tool in connector.tools] == ["x_there"]
    assert trees[other]["paths"] == {"/a": {}}


@pytest.mark.parametrize(
    "overlay", [{"overlay": "1.0.0", "actions": [{"target": "$.paths", "remove": True}]}, {"openapi": "3.0.0"}]
)
def test_an_overlay_that_leaves_no_document_or_is_none_is_refused(overlay: Any) -> None:
    with pytest.raises(DocumentBroken):
        compile_shop(overlays=[("o", overlay)])
