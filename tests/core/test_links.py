"""Links: what a document says of which operation follows on which is kept, mended where it is plain, and else told as broken."""

import gzip
from pathlib import Path
from typing import Any

import pytest

from gateway.core.catalog import Connector
from gateway.core.compile import compile_document
from gateway.core.document import parse_document
from gateway.core.manifest import Filter, Manifest
from gateway.core.references import Documents
from gateway.core.relation import Binding, Relation
from gateway.core.wire import ConnectorReader, encode_connector

URI = "https://docs.example/openapi.json"
CORPUS = Path(__file__).parents[3] / "shared" / "specs"
THING = {"type": "object", "properties": {"id": {"type": "integer"}, "tag": {"type": "string"}, "key/1": {}}}


def operation(operation_id: str, answer: Any = None, links: Any = None, status: str = "200", **more: Any) -> Any:
    response: dict[str, Any] = {"description": "ok"}
    if answer is not None:
        response["content"] = {"application/json": {"schema": answer}}
    if links is not None:
        response["links"] = links
    return {"operationId": operation_id, "responses": {status: response}, **more}


def parameter(name: str, where: str = "path", kind: str = "string") -> dict[str, Any]:
    return {"name": name, "in": where, "required": where == "path", "schema": {"type": kind}}


def document(link: Any, *, answer: Any = THING, status: str = "200", **more: Any) -> dict[str, Any]:
    """POST /things?dry&trace=..., with a body, has one link. GET /things/{id} and PUT /things/{id}/note may follow."""
    body = {"type": "object", "properties": {"name": {"type": "string"}, "size": {"type": "integer"}}}
    asked = [parameter("dry", "query", "boolean"), parameter("X-Trace", "header")]
    note = {"type": "object", "properties": {"tag": {"type": "string"}, "text": {"type": "string"}}}
    return {
        "openapi": "3.1.0",
        "servers": [{"url": "https://api.example"}],
        "paths": {
            "/things": {
                "post": operation(
                    "addThing",
                    answer,
                    {"next": link},
                    status,
                    parameters=asked,
                    requestBody={"content": {"application/json": {"schema": body}}},
                )
            },
            "/things/{id}": {
                "get": operation("getThing", THING, parameters=[parameter("id"), parameter("Page-Size", "header")]),
            },
            "/things/{id}/note": {
                "put": operation(
                    "putNote",
                    parameters=[parameter("id", kind="integer")],
                    requestBody={"content": {"application/json": {"schema": note}}},
                ),
                "post": operation(
                    "sendNote",
                    parameters=[parameter("id", kind="integer")],
                    requestBody={"content": {"text/plain": {"schema": {"type": "string"}}}},
                ),
            },
        },
        **more,
    }


def compile_tree(tree: dict[str, Any], **manifest: Any) -> Connector:
    return compile_document(Manifest(name="x", **manifest), Documents(URI, {URI: tree}), "digest")


def links_of(connector: Connector, tool: str = "x_add_thing") -> tuple[Relation, ...]:
    related = next(one.related for one in connector.tools if one.name == tool)
    return tuple(one for one in related.following if one.kind == "link") if related is not None else ()


def bound(link: Any, **more: Any) -> dict[str, str]:
    """The bindings of the one link, which has no fault."""
    connector = compile_tree(document(link, **more))
    assert [one for one in connector.repairs if one.reason.startswith("link")] == []
    (relation,) = links_of(connector)
    return {one.argument: one.origin for one in relation.bindings}


def faults(link: Any, **more: Any) -> dict[str, str]:
    connector = compile_tree(document(link, **more))
    assert len(connector.tools) == 4
    told = [one for one in connector.repairs if one.reason.startswith("link")]
    assert {one.place for one in told} <= {"/paths/~1things/post/responses/200/links/next"}
    assert all(one.detail.endswith(".") and len(one.detail) < 500 for one in told)
    return {one.reason: one.detail for one in told}


# Where a link leads.


@pytest.mark.parametrize(
    "target",
    [
        {"operationId": "getThing"},
        {"operationRef": "#/paths/~1things~1{id}/get"},
        {"operationRef": "#/paths/~1things~1%7Bid%7D/get"},
        {"operationRef": f"{URI}#/paths/~1things~1%7Bid%7D/get"},
        {"operationRef": "openapi.json#/paths/~1things~1%7Bid%7D/get"},
    ],
)
def test_a_link_leads_to_the_tool_of_an_operation_by_its_id_or_its_place(target: dict[str, str]) -> None:
    connector = compile_tree(document({**target, "parameters": {"id": "$response.body#/tag"}}))
    assert links_of(connector) == (Relation("x_add_thing", "x_get_thing", "link", (Binding("id", "/tag"),)),)
    later = next(one for one in connector.tools if one.name == "x_get_thing")
    assert later.related is not None
    assert links_of(connector)[0] in later.related.preceding


def test_a_link_may_stand_among_the_components() -> None:
    components = {"links": {"Next": {"operationId": "getThing", "parameters": {"id": "$response.body#/tag"}}}}
    assert bound({"$ref": "#/components/links/Next"}, components=components) == {"id": "/tag"}


def test_a_link_from_a_path_item_in_another_file_leads_to_the_entry() -> None:
    other = "https://docs.example/others.json"
    link = {"operationRef": "openapi.json#/paths/~1things~1{id}/get", "parameters": {"id": "$response.body#/tag"}}
    tree = document({"operationId": "getThing"})
    tree["paths"]["/others"] = {"$ref": "others.json#/item"}
    item = {"item": {"post": operation("addOther", THING, {"next": link})}}
    connector = compile_document(Manifest(name="x"), Documents(URI, {URI: tree, other: item}), "digest")
    assert links_of(connector, "x_add_other") == (
        Relation("x_add_other", "x_get_thing", "link", (Binding("id", "/tag"),)),
    )


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ({"operationId": "nothing"}, "no operation has the id 'nothing'; left aside."),
        ({"operationRef": "#/paths/~1nothing/get"}, "leads to no operation"),
        ({"operationRef": "#/paths/~1things~1{id}/patch"}, "leads to no operation"),
        ({"operationRef": "https://elsewhere.example/openapi.json#/paths/~1a/get"}, "that is not read"),
        ({"operationRef": "http://[::1"}, "that is not read"),
        ({}, "it names no operation"),
        ({"operationId": 4}, "it names no operation"),
        ("getThing", "an object belongs here"),
        ({"$ref": "#/components/links/Nothing"}, "leads nowhere"),
        ({"operationId": "getThing", "server": {"url": "https://other.example"}}, "another than that"),
        ({"operationId": "getThing", "server": {"url": "ftp://api.example"}}, "no URL that can be called"),
    ],
)
def test_a_link_that_leads_nowhere_is_told_and_costs_no_tool(link: Any, said: str) -> None:
    assert said in faults(link)["link-broken"]
    assert links_of(compile_tree(document(link))) == ()


def test_a_link_may_name_the_server_of_its_operation() -> None:
    link = {"operationId": "getThing", "parameters": {"id": "a"}, "server": {"url": "https://api.example/"}}
    assert bound(link) == {"id": 'constant:"a"'}


def test_an_id_that_two_operations_have_leads_nowhere() -> None:
    tree = document({"operationId": "twice"})
    tree["paths"]["/a"] = {"get": operation("twice"), "put": operation("twice")}
    (repair,) = [one for one in compile_tree(tree).repairs if one.reason == "link-broken"]
    assert repair.detail == "2 operations have the id 'twice'; left aside."


def test_a_link_to_an_operation_that_nobody_wants_as_a_tool_is_no_fault() -> None:
    for link in ({"operationId": "getThing"}, {"operationRef": "#/paths/~1things~1{id}/get"}):
        connector = compile_tree(document(link), exclude=(Filter(operation_ids=("getThing",)),))
        assert links_of(connector) == ()
        assert connector.repairs == ()


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ({"operationId": "get_thing"}, "the operation 'getThing' is taken for 'get_thing'."),
        ({"operationRef": "#/paths//things/{id}/get"}, "GET /things/{id} is taken for"),
        ({"operationId": "getThing", "parameters": {"ID": "$response.body#/tag"}}, "the parameter 'id' is taken for 'ID'."),
        ({"operationId": "getThing", "parameters": {"id": "response.body.tag"}}, "'$response.body#/tag' is taken for"),
        ({"operationId": "getThing", "parameters": {"id": "$request.path.dry"}}, "dry is in the query, not in the path."),
        ({"operationId": "putNote", "parameters": {"text": "$response.body#/tag"}}, "text is a property of the body"),
    ],
)  # fmt: skip
def test_what_is_plainly_meant_is_mended_and_told(link: Any, said: str) -> None:
    assert said in faults(link)["link-repaired"]
    assert "link-broken" not in faults(link)
    assert len(links_of(compile_tree(document(link)))) == 1


def test_what_is_said_of_a_list_is_meant_of_each_item() -> None:
    link = {"operationId": "getThing", "parameters": {"id": "$response.body#/tag"}}
    many = {"type": "array", "items": THING}
    assert "the answer is a list" in faults(link, answer=many)["link-repaired"]
    assert links_of(compile_tree(document(link, answer=many)))[0].bindings == (Binding("id", "/-/tag"),)


# What a link gives.


@pytest.mark.parametrize(
    ("value", "origin"),
    [
        ("$response.body#/tag", "/tag"),
        ("$response.body#/key~11/deep", "/key~11/deep"),
        ("$response.body", ""),
        ("$response.header.Location", "headers:location"),
        ("$request.query.dry", "arguments:/dry"),
        ("$request.header.x-trace", "arguments:/X-Trace"),
        ("$request.body#/name", "arguments:/name"),
        ("$request.body#/name/first", "arguments:/name/first"),
        ("$url", "url:"),
        ("$method", 'constant:"POST"'),
        ("$statusCode", "constant:200"),
        ("open", 'constant:"open"'),
        (5, "constant:5"),
        ([True, None], "constant:[true,null]"),
        ("{$response.body#/tag}", "/tag"),
        ("n-{$response.body#/tag}/{$request.query.dry}", "template:n-{/tag}/{arguments:/dry}"),
    ],
)
def test_a_value_comes_from_where_its_expression_says(value: Any, origin: str) -> None:
    assert bound({"operationId": "getThing", "parameters": {"id": value}}) == {"id": origin}
    assert bound({"operationId": "getThing", "parameters": {"path.id": value}}) == {"id": origin}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("$response.nothing", "is no runtime expression"),
        ("$response.body#/nothing", "the answer has no /nothing"),
        ("$response.body#/tag/~9", "no JSON Pointer"),
        ("$request.path.id", "POST /things has no path parameter 'id'"),
        ("$request.body#/nothing", "the body of POST /things has no /nothing"),
        ("$request.body", "argument that is all of it"),
        ("{a}{$response.body#/tag}", "braces that hold no expression"),
        ("x" * 5_000, "longer than 4096 bytes"),
    ],
)
def test_a_value_that_comes_from_nowhere_is_left_aside_and_the_rest_stays(value: str, said: str) -> None:
    link = {"operationId": "getThing", "parameters": {"id": value, "Page-Size": "$response.body#/tag"}}
    assert f"id: {said}" in faults(link)["link-broken"] or said in faults(link)["link-broken"]
    (relation,) = links_of(compile_tree(document(link)))
    assert relation.bindings == (Binding("Page-Size", "/tag"),)
    link["parameters"] = {"id": value}
    assert links_of(compile_tree(document(link))) == ()


def test_an_unknown_parameter_is_left_aside() -> None:
    link = {"operationId": "getThing", "parameters": {"nothing": 1, "id": "a"}}
    assert faults(link) == {"link-broken": "nothing: GET /things/{id} has no such parameter; left aside."}
    assert faults({"operationId": "getThing", "parameters": [1]})["link-broken"].startswith("`parameters` is no object")


def test_the_status_of_a_range_is_not_known_beforehand() -> None:
    link = {"operationId": "getThing", "parameters": {"id": "$statusCode"}}
    connector = compile_tree(document(link, status="2XX"))
    assert [one.detail for one in connector.repairs] == ["id: the status is not known beforehand; left aside."]


def test_a_number_for_a_text_says_so() -> None:
    link = {"operationId": "getThing", "parameters": {"id": "$response.body#/id"}}
    assert links_of(compile_tree(document(link)))[0].bindings == (Binding("id", "/id", as_text=True),)
    link = {"operationId": "putNote", "parameters": {"id": "$response.body#/id"}}
    assert links_of(compile_tree(document(link)))[0].bindings == (Binding("id", "/id"),)


@pytest.mark.parametrize(
    ("target", "value", "expected"),
    [
        ("sendNote", "$response.body#/tag", {"body": "/tag"}),
        ("sendNote", "hello", {"body": 'constant:"hello"'}),
        ("putNote", {"text": "hello", "tag": 5}, {"text": 'constant:"hello"', "tag": "constant:5"}),
        ("putNote", "$response.body", {"tag": "/tag"}),
    ],
)
def test_a_request_body_is_given_whole_or_property_by_property(target: str, value: Any, expected: Any) -> None:
    assert bound({"operationId": target, "requestBody": value}) == expected


@pytest.mark.parametrize(
    ("target", "value", "said"),
    [
        ("getThing", {}, "GET /things/{id} takes no body"),
        ("putNote", {"nothing": 1}, "has no 'nothing'"),
        ("putNote", "hello", "its properties are not told"),
        ("putNote", 5, "its properties are not told"),
    ],
)
def test_a_request_body_that_does_not_fit_is_left_aside(target: str, value: Any, said: str) -> None:
    assert said in faults({"operationId": target, "requestBody": value})["link-broken"]


# What stands around.


def test_only_what_answers_a_success_is_followed() -> None:
    tree = document({"operationId": "getThing"})
    responses = tree["paths"]["/things"]["post"]["responses"]
    responses["404"] = {"description": "", "links": {"a": {"operationId": "nothing"}}}
    responses["201"] = {"description": "", "links": {"a": {"operationId": "putNote"}}}
    connector = compile_tree(tree)
    assert connector.repairs == ()
    assert [one.later for one in links_of(connector)] == ["x_get_thing", "x_put_note"]


def test_the_answer_of_a_link_is_that_of_its_own_status() -> None:
    tree = document({"operationId": "getThing", "parameters": {"id": "$response.body#/tag"}})
    responses = tree["paths"]["/things"]["post"]["responses"]
    made = {"type": "object", "properties": {"place": {"type": "integer"}}}
    links = {"made": {"operationId": "getThing", "parameters": {"id": "$response.body#/place"}}}
    responses["201"] = {"description": "", "content": {"application/json": {"schema": made}}, "links": links}
    connector = compile_tree(tree)
    assert connector.repairs == ()
    assert [one.bindings for one in links_of(connector)] == [(Binding("id", "/tag"),), (Binding("id", "/place", True),)]


def test_links_that_are_no_object_or_too_many_are_told() -> None:
    tree = document({})
    response = tree["paths"]["/things"]["post"]["responses"]["200"]
    response["links"] = ["getThing"]
    assert [one.detail for one in compile_tree(tree).repairs] == ["an object belongs here; left aside."]
    response["links"] = {str(number): {"operationId": "getThing", "parameters": {"id": number}} for number in range(70)}
    connector = compile_tree(tree)
    assert [one.detail for one in connector.repairs] == ["it has more than 50 links; the others are left aside."]
    assert len(links_of(connector)) == 30


def test_of_a_great_many_links_the_first_count_and_the_rest_is_told() -> None:
    tree = document({"operationId": "getThing", "parameters": {"id": "a"}})
    links = {str(number): {"operationId": "getThing", "parameters": {"id": number}} for number in range(50)}
    tree["components"] = {"responses": {"Many": {"description": "", "links": links}}}
    shared = {"responses": {"200": {"$ref": "#/components/responses/Many"}}}
    tree["paths"] |= {f"/more/{number}": {"get": shared} for number in range(150)}
    connector = compile_tree(tree)
    assert len(connector.tools) == 154
    assert {one.reason for one in connector.repairs} == {"link-broken"}
    assert {one.detail for one in connector.repairs} == {
        "the document has more than 5000 links; the others are left aside."
    }


def test_the_example_of_the_specification_is_followed_from_end_to_end() -> None:
    path = CORPUS / "OAI__OpenAPI-Specification__archive__schemas_v3.0_pass_link-example.yaml.gz"
    if not path.exists():
        pytest.skip("a test of real documents, which are not here")
    connector = compile_tree(parse_document(gzip.decompress(path.read_bytes()), URI), base_url="https://api.example")
    told = {
        (one.earlier, one.later): {binding.argument: binding.origin for binding in one.bindings}
        for tool in connector.tools
        for one in links_of(connector, tool.name)
    }
    assert told == {
        ("x_get_user_by_name", "x_get_repositories_by_owner"): {"username": "/username"},
        ("x_get_repositories_by_owner", "x_get_repository"): {"username": "/-/owner/username", "slug": "/-/slug"},
        ("x_get_repository", "x_get_pull_requests_by_repository"): {"username": "/owner/username", "slug": "/slug"},
        ("x_get_pull_requests_by_id", "x_merge_pull_request"): {
            "username": "/author/username",
            "slug": "/repository/slug",
            "pid": "/id",
        },
    }


def test_relations_are_the_same_after_the_way_from_one_process_to_another() -> None:
    connector = compile_tree(document({"operationId": "getThing", "parameters": {"id": "$response.body#/id"}}))
    head, *pieces = encode_connector(connector)
    reader = ConnectorReader(connector.manifest, head)
    for piece in pieces:
        reader.take(piece)
    read = reader.connector()
    assert [tool.related for tool in read.tools] == [tool.related for tool in connector.tools]
    sides = [one for tool in read.tools if tool.related for one in (*tool.related.following, *tool.related.preceding)]
    assert {id(one) for one in sides if one.kind == "link"} == {id(links_of(read)[0])}


# What x-factotum says.


def said(undo: Any) -> Connector:
    tree = document({"operationId": "getThing"})
    tree["paths"]["/things"]["post"]["x-factotum"] = {"undo": undo, "verify": undo}
    return compile_tree(tree)


@pytest.mark.parametrize("named", ["getThing", "GET /things/{id}"])
def test_what_takes_a_call_back_and_what_shows_it_is_told_in_x_factotum(named: str) -> None:
    connector = said({"operation": named, "arguments": {"id": "/id", "Page-Size": "arguments:/dry"}})
    expected = (Binding("id", "/id", as_text=True), Binding("Page-Size", "arguments:/dry"))
    related = next(one.related for one in connector.tools if one.name == "x_add_thing")
    assert related is not None
    assert related.undo == related.verify == Relation("x_add_thing", "x_get_thing", "told", expected)
    assert connector.repairs == ()


@pytest.mark.parametrize(
    ("undo", "said_of_it"),
    [
        ({"operation": "nothing"}, "'nothing' is no operation; left aside."),
        ({"operation": "getThing", "arguments": {"nothing": "/id"}}, "GET /things/{id} has no argument 'nothing'; left aside."),
    ],
)  # fmt: skip
def test_an_undo_that_leads_nowhere_is_told(undo: Any, said_of_it: str) -> None:
    connector = said(undo)
    place = "/paths/~1things/post/x-factotum"
    assert {(one.reason, one.place, one.detail) for one in connector.repairs} == {
        ("extension-broken", f"{place}/undo", said_of_it),
        ("extension-broken", f"{place}/verify", said_of_it),
    }
