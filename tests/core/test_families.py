"""Families and edges: which tools are about one resource, whose answers give the arguments of whom, what takes a call back."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.catalog import Connector
from gateway.core.compile import compile_document
from gateway.core.manifest import Manifest
from gateway.core.references import Documents
from gateway.core.relate import FOLLOWING_MAX, PRECEDING_MAX
from gateway.core.relation import Related, Relation
from gateway.core.tool import Tool

URI = "https://docs.example/openapi.json"

Json = dict[str, Any]


def thing(**properties: Any) -> Json:
    return {"type": "object", "properties": {name: kind(one) for name, one in properties.items()}}


def kind(one: Any) -> Any:
    return {"type": one} if isinstance(one, str) else one


def many(item: Any) -> Json:
    return {"type": "array", "items": item}


ORDER = thing(id="string", total="number", customer_id="string")


def document(operations: dict[str, Any]) -> Json:
    """`METHOD /path?query!:type body=name:type -- Summary` to the schema of the answer. Path parameters are strings, but
    where they are written `{id:integer}`; a body is an object of these."""
    paths: Json = {}
    for written, answer in operations.items():
        line, _, summary = written.partition(" -- ")
        method, target, *body = line.split()
        path, _, query = target.partition("?")
        parameters = []
        plain = path
        for part in path.split("{")[1:]:
            name, _, kind_of = part.partition("}")[0].partition(":")
            plain = plain.replace("{" + part.partition("}")[0] + "}", "{" + name + "}")
            schema = {"type": kind_of or "string"}
            parameters.append({"name": name, "in": "path", "required": True, "schema": schema})
        for part in filter(None, query.split("&")):
            name, _, kind_of = part.partition(":")
            required, name = name.endswith("!"), name.rstrip("!")
            schema = {"type": kind_of or "string"}
            parameters.append({"name": name, "in": "query", "required": required, "schema": schema})
        response: Json = {"description": "ok"}
        if answer is not None:
            response["content"] = {"application/json": {"schema": answer}}
        one: Json = {"summary": summary, "parameters": parameters, "responses": {"200": response}}
        if body:
            fields = dict(part.partition(":")[::2] for part in body[0].removeprefix("body=").split(",") if part)
            schema = {
                "type": "object",
                "properties": {name: {"type": told or "string"} for name, told in fields.items()},
            }
            one["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
        paths.setdefault(plain, {})[method.lower()] = one
    return {"openapi": "3.1.0", "paths": paths}


def compile_operations(operations: dict[str, Any]) -> Connector:
    tree = document(operations)
    connector = compile_document(Manifest(name="x"), Documents(URI, {URI: tree}), "digest")
    assert connector.refusals == ()
    return connector


class Told:
    """What is known of each operation, by `METHOD /path`."""

    def __init__(self, operations: dict[str, Any]) -> None:
        self.tools = {tool.operation.key: tool for tool in compile_operations(operations).tools}
        self.keys = {tool.name: key for key, tool in self.tools.items()}

    def related(self, key: str) -> Related:
        return self.tools[key].related or Related()

    def role(self, key: str) -> tuple[str, str]:
        one = self.related(key)
        return (one.role, one.family.noun) if one.family else ("", "")

    def roles(self) -> dict[str, str]:
        return {key: self.related(key).role for key in self.tools}

    def edges(self, of: str = "") -> dict[tuple[str, str], dict[str, str]]:
        every = {edge for tool in self.tools.values() for edge in edges_of(tool)}
        return {self.ends(edge): bound(edge) for edge in every if of in ("", edge.kind)}

    def ends(self, edge: Relation) -> tuple[str, str]:
        return self.keys[edge.earlier], self.keys[edge.later]

    def undo(self, key: str) -> tuple[str, dict[str, str]] | None:
        one = self.related(key).undo
        return (self.keys[one.later], bound(one)) if one else None

    def verify(self, key: str) -> tuple[str, dict[str, str]] | None:
        one = self.related(key).verify
        return (self.keys[one.later], bound(one)) if one else None


def edges_of(tool: Tool) -> tuple[Relation, ...]:
    return (*tool.related.following, *tool.related.preceding) if tool.related else ()


def bound(relation: Relation) -> dict[str, str]:
    return {one.argument: one.origin for one in relation.bindings}


SHOP = {
    "GET /orders?status -- List orders": many(ORDER),
    "POST /orders body=total:number -- Create an order": ORDER,
    "GET /orders/{orderId} -- Get an order": ORDER,
    "PUT /orders/{orderId} body=total:number -- Replace an order": ORDER,
    "PATCH /orders/{orderId} body=total:number -- Change an order": ORDER,
    "DELETE /orders/{orderId} -- Delete an order": None,
    "POST /orders/{orderId}/cancel -- Cancel an order": None,
    "POST /orders/search body=text -- Search orders": many(ORDER),
    "GET /orders/{orderId}/lines -- List the lines of an order": many(thing(id="string")),
    "GET /orders/{orderId}/lines/{id} -- Get a line": thing(id="string"),
}


# Families.


def test_the_operations_on_one_resource_are_a_family_with_a_role_for_each() -> None:
    told = Told(SHOP)
    assert told.roles() == {
        "GET /orders": "list",
        "POST /orders": "create",
        "GET /orders/{orderId}": "get",
        "PUT /orders/{orderId}": "replace",
        "PATCH /orders/{orderId}": "update",
        "DELETE /orders/{orderId}": "delete",
        "POST /orders/{orderId}/cancel": "cancel",
        "POST /orders/search": "search",
        "GET /orders/{orderId}/lines": "list",
        "GET /orders/{orderId}/lines/{id}": "get",
    }
    family = told.related("GET /orders").family
    assert family is not None
    assert family is told.related("POST /orders/{orderId}/cancel").family
    assert (family.path, family.noun, len(family.members)) == ("/orders", "order", 8)
    lines = told.related("GET /orders/{orderId}/lines").family
    assert lines is not None
    assert (lines.path, lines.noun) == ("/orders/{}/lines", "line")


@pytest.mark.parametrize(
    ("operations", "key", "expected"),
    [
        # Stripe changes things by POST.
        ({"POST /v1/customers/{customer} body=name -- Update a customer": ORDER, "GET /v1/customers/{customer}": ORDER},
         "POST /v1/customers/{customer}", ("update", "customer")),
        ({"GET /charges/{id}": ORDER, "POST /charges/{id} body=a -- Send it": None}, "POST /charges/{id}", ("", "")),
        # Twilio's end in .json.
        ({"GET /Accounts/{Sid}.json": thing(sid="string"), "GET /Accounts.json": thing(accounts=many(thing(sid="string")))},
         "GET /Accounts.json", ("list", "account")),
        # Google's verbs, and GitHub's switches.
        ({"GET /orders/{id}": ORDER, "GET /orders": many(ORDER), "POST /orders/{id}:cancelNow": None},
         "POST /orders/{id}:cancelNow", ("cancel_now", "order")),
        ({"PUT /user/following/{username} -- Follow a user": None, "DELETE /user/following/{username}": None},
         "PUT /user/following/{username}", ("create", "following")),
        ({"PUT /members/{id} -- Convert a member": None, "DELETE /members/{id}": None}, "PUT /members/{id}", ("", "")),
        ({"PUT /tickets/{id} -- Update a ticket": None, "POST /tickets -- Create a ticket": ORDER}, "PUT /tickets/{id}", ("replace", "ticket")),
        ({"PUT /things/{id}/move body=to -- Move a thing": None, "GET /things/{id}": ORDER}, "PUT /things/{id}/move", ("move", "thing")),
        ({"PUT /folders/{id} body=to -- Moves an envelope to the folder": None, "GET /folders/{id}": ORDER}, "PUT /folders/{id}", ("", "")),
        ({"POST /servers/{id}/actions/poweroff": None, "GET /servers/{id}": ORDER, "GET /servers/{id}/actions/{action_id}": ORDER},
         "POST /servers/{id}/actions/poweroff", ("poweroff", "server")),
        # What there is one of.
        ({"GET /account/settings": ORDER, "PATCH /account/settings body=a": None}, "PATCH /account/settings", ("update", "setting")),
        ({"POST /repos/{id}/star -- Star it": None, "DELETE /repos/{id}/star": None}, "POST /repos/{id}/star", ("create", "star")),
        ({"GET /status": ORDER}, "GET /status", ("", "")),
        # What makes nothing.
        ({"POST /orders/ -- Search orders": many(ORDER), "GET /orders/{id}": ORDER}, "POST /orders/", ("", "")),
        ({"POST /orders -- Bulk create orders": many(ORDER), "GET /orders/{id}": ORDER}, "POST /orders", ("", "")),
        ({"POST /orders/validate body=a": None, "GET /orders/{id}": ORDER}, "POST /orders/validate", ("validate", "order")),
        ({"GET /orders/count": ORDER, "GET /orders/{id}": ORDER}, "GET /orders/count", ("count", "order")),
        ({"GET /pets/findByStatus?status": many(ORDER), "GET /pets/{petId}": ORDER}, "GET /pets/findByStatus", ("find_by_status", "pet")),
        # What picks no thing.
        ({"GET /nodes/{name}/proxy/{path}": None, "GET /nodes/{name}": ORDER}, "GET /nodes/{name}/proxy/{path}", ("", "")),
        ({"GET /actions/{id}/member/{field}": None, "GET /actions/{id}/member": None}, "GET /actions/{id}/member", ("", "")),
        ({"POST /users/update/{id} body=a -- Update a user": None}, "POST /users/update/{id}", ("", "")),
        ({"GET /orders/{status}": many(ORDER), "GET /orders": many(ORDER)}, "GET /orders/{status}", ("", "")),
        ({"GET /{a}/{b}": ORDER, "DELETE /{a}/{b}": None}, "GET /{a}/{b}", ("", "")),
    ],
)  # fmt: skip
def test_a_role_is_told_by_path_method_and_words(
    operations: dict[str, Any], key: str, expected: tuple[str, str]
) -> None:
    assert Told(operations).role(key) == expected


# Edges within a family and beneath it.


def test_who_lists_or_makes_things_gives_their_ids_to_whatever_is_done_to_one() -> None:
    edges = Told(SHOP).edges("family")
    one = ("GET /orders/{orderId}", "PUT /orders/{orderId}", "PATCH /orders/{orderId}", "DELETE /orders/{orderId}")
    beneath = ("POST /orders/{orderId}/cancel", "GET /orders/{orderId}/lines")
    expected = {("GET /orders", key): {"orderId": "/-/id"} for key in (*one, *beneath)}
    expected |= {("POST /orders", key): {"orderId": "/id"} for key in (*one, *beneath)}
    line = ("GET /orders/{orderId}/lines", "GET /orders/{orderId}/lines/{id}")
    expected[line] = {"orderId": "arguments:/orderId", "id": "/-/id"}
    assert edges == expected


@pytest.mark.parametrize(
    ("parameter", "listed", "origin"),
    [
        ("{id}", many(thing(id="string")), "/-/id"),
        ("{id}", many(thing(orderId="string")), "/-/orderId"),
        ("{order_id}", many(thing(id="string")), "/-/id"),
        ("{order_id}", many(thing(order_id="string", id="string")), "/-/order_id"),
        ("{orderUuid}", many(thing(uuid="string", id="string")), "/-/uuid"),
        ("{order}", many(thing(id="string")), "/-/id"),
        ("{order_number:integer}", many(thing(number="integer", id="integer")), "/-/number"),
        ("{oid}", many(thing(id="string")), "/-/id"),
        ("{shop_order_id}", many(thing(id="string")), None),
        ("{name}", many(thing(name="string")), "/-/name"),
        ("{name}", thing(items=many(thing(metadata=thing(name="string")))), "/items/-/metadata/name"),
        ("{id}", thing(orders=many(thing(id="string")), links=many(thing(id="string"))), "/orders/-/id"),
        ("{id}", thing(data=many(thing(id="string")), included=many(thing(id="string"))), "/data/-/id"),
        ("{id}", thing(data=thing(orders=many(thing(id="string")))), "/data/orders/-/id"),
        ("{id}", many(thing(order=thing(id="string"))), "/-/order/id"),
        # A number may be written as text where the name says it; not where it does not.
        ("{id}", many(thing(id="integer")), "/-/id"),
        ("{order}", many(thing(id="integer")), None),
        # What does not fit, or is not said.
        ("{id:integer}", many(thing(id="string")), None),
        ("{id}", many(thing(id="boolean")), None),
        ("{id}", many(thing(id=many("string"))), None),
        ("{id}", many(thing(id={"type": "string", "enum": ["a"]})), None),
        ("{id}", many(thing(id={"type": "string", "format": "date"}, orderId="string")), "/-/id"),
        ("{id}", many(thing(code="string")), None),
        ("{merchant_id}", many(thing(id="string")), None),
        ("{date}", many(thing(date="string")), None),
        ("{id}", thing(rows=many(thing(id="string")), columns=many(thing(id="string"))), "/rows/-/id"),
        ("{id}", thing(a=many(thing(id="string")), b=many(thing(id="string"))), None),
        ("{id}", None, None),
        ("{id}", {"type": "string"}, None),
    ],
)
def test_the_key_of_a_thing_is_found_where_its_name_says_it_and_its_type_fits(
    parameter: str, listed: Any, origin: str | None
) -> None:
    told = Told({"GET /orders": listed, f"DELETE /orders/{parameter}": None})
    found = [list(one.values()) for one in told.edges().values()]
    assert found == ([[origin]] if origin else [])


@pytest.mark.parametrize(
    ("made", "origin"),
    [
        (thing(id="string"), "/id"),
        (thing(order=thing(id="string")), "/order/id"),
        (thing(data=thing(id="string")), "/data/id"),
        (thing(id="string", result=thing(id="string")), "/result/id"),
        (thing(data=thing(order=thing(id="string"))), "/data/order/id"),
        (thing(metadata=thing(id="string")), "/metadata/id"),
        (many(thing(id="string")), None),
        (thing(job=thing(id="string")), None),
        (thing(status="string"), None),
    ],
)
def test_the_key_of_what_was_made_is_found_in_the_answer(made: Any, origin: str | None) -> None:
    told = Told({"POST /orders body=a -- Create an order": made, "DELETE /orders/{id} -- Delete an order": None})
    expected = ("DELETE /orders/{id}", {"id": origin}) if origin else None
    assert told.undo("POST /orders") == expected
    assert list(told.edges().values()) == ([{"id": origin}] if origin else [])


def test_a_parameter_may_be_called_after_all_of_its_path() -> None:
    told = Told({"GET /oauth/clients": many(thing(id="string")), "DELETE /oauth/clients/{oauth_client_id}": None})
    assert list(told.edges().values()) == [{"oauth_client_id": "/-/id"}]


def test_of_the_parts_of_a_schema_the_later_says_more_of_a_field() -> None:
    base = thing(data=many({"type": "object"}), errors=many("string"))
    told = Told({"GET /orders": {"allOf": [base, thing(data=many(thing(id="string")))]}, "DELETE /orders/{id}": None})
    assert list(told.edges().values()) == [{"id": "/data/-/id"}]


def test_a_number_that_is_wanted_as_text_says_so() -> None:
    told = Told({"GET /orders": many(thing(id="integer")), "DELETE /orders/{id}": None})
    (edge,) = told.related("GET /orders").following
    assert [one.as_text for one in edge.bindings] == [True]


def test_an_argument_that_takes_listed_values_only_is_given_none() -> None:
    tree = document({"GET /orders": many(thing(id="string")), "DELETE /orders/{id}": None})
    tree["paths"]["/orders/{id}"]["delete"]["parameters"][0]["schema"]["enum"] = ["a", "b"]
    tools = compile_document(Manifest(name="x"), Documents(URI, {URI: tree}), "digest").tools
    assert all(edges_of(tool) == () for tool in tools)


@pytest.mark.parametrize(
    ("listed", "wanted", "fits"),
    [
        ("uuid", "uuid", True),
        ("date", "uuid", False),
        ("", "uuid", True),
        ("int64", "uuid", True),
        ("uri", "email", False),
    ],
)
def test_a_value_of_another_format_is_given_to_nobody(listed: str, wanted: str, fits: bool) -> None:
    tree = document({"GET /orders": many(thing(id={"type": "string", "format": listed})), "DELETE /orders/{id}": None})
    tree["paths"]["/orders/{id}"]["delete"]["parameters"][0]["schema"]["format"] = wanted
    tools = compile_document(Manifest(name="x"), Documents(URI, {URI: tree}), "digest").tools
    assert any(edges_of(tool) for tool in tools) is fits


def test_what_stands_before_in_the_path_comes_from_the_arguments_of_the_earlier_call() -> None:
    told = Told(
        {
            "GET /users/{user}/orders": many(ORDER),
            "GET /users/{userId}/orders/{id}": ORDER,
            "POST /users/{uid}/orders/{id}/cancel": None,
        }
    )
    assert told.edges() == {
        ("GET /users/{user}/orders", "GET /users/{userId}/orders/{id}"): {"userId": "arguments:/user", "id": "/-/id"},
        ("GET /users/{user}/orders", "POST /users/{uid}/orders/{id}/cancel"): {"uid": "arguments:/user", "id": "/-/id"},
    }


# A definition that is too large to be put in place of the reference to it.
TASK = {"$ref": "#/components/schemas/Task"}
TASKS = {
    "GET /projects/{project}/tasks": many(TASK),
    "GET /projects/{project}/deleted-tasks": many(TASK),
    "GET /projects/{project}/notes": many(thing(id="string")),
    "GET /tasks/{taskId}": TASK,
    "PUT /tasks/{taskId} body=text": TASK,
}


def test_where_a_family_lists_nothing_whoever_lists_things_of_its_schema_gives_their_keys() -> None:
    tree = document(TASKS)
    tree["components"] = {"schemas": {"Task": thing(id="string", text="string")}}
    connector = compile_document(Manifest(name="x"), Documents(URI, {URI: tree}), "digest")
    keys = {tool.name: tool.operation.key for tool in connector.tools}
    edges = {edge for tool in connector.tools for edge in edges_of(tool)}
    assert {(keys[one.earlier], keys[one.later]): bound(one) for one in edges} == {
        ("GET /projects/{project}/tasks", "GET /tasks/{taskId}"): {"taskId": "/-/id"},
        ("GET /projects/{project}/tasks", "PUT /tasks/{taskId}"): {"taskId": "/-/id"},
    }


# Edges by names.

PEOPLE = {
    "GET /customers": many(thing(id="string")),
    "POST /customers body=name -- Create a customer": thing(id="string"),
    "GET /customers/{id}": thing(id="string"),
}


@pytest.mark.parametrize(
    ("target", "argument"),
    [
        ("GET /orders?customer_id", "customer_id"),
        ("GET /orders?customerId", "customerId"),
        ("POST /orders body=customer_id -- Create an order", "customer_id"),
    ],
)
def test_an_argument_that_names_a_thing_of_another_family_is_given_by_who_lists_or_makes_it(
    target: str, argument: str
) -> None:
    told = Told({**PEOPLE, target: None})
    key = target.partition("?")[0].partition(" body")[0]
    assert told.edges("name") == {
        ("GET /customers", key): {argument: "/-/id"},
        ("POST /customers", key): {argument: "/id"},
    }


@pytest.mark.parametrize(
    "target",
    [
        "GET /orders?id", "GET /orders?name", "GET /orders?customer", "GET /orders?customer_name", "GET /orders?customer_type",
        "GET /orders?customer_id:integer", "GET /orders?customer_id:boolean", "GET /orders?external_customer_id",
        "GET /customers/search?customer_id", "POST /customers/{id}/merge body=customer_id", "GET /orders?customer_ids:array",
    ],
)  # fmt: skip
def test_an_argument_that_does_not_plainly_name_a_thing_is_given_by_nobody(target: str) -> None:
    assert Told({**PEOPLE, target: None}).edges("name") == {}


@pytest.mark.parametrize(
    ("answer", "origin"),
    [
        (thing(id="string", customer_id="string"), "/customer_id"),
        (thing(customerId="string"), "/customerId"),
        (thing(customer=thing(id="string", name="string")), "/customer/id"),
        (thing(data=thing(customer_id="string")), "/data/customer_id"),
        (thing(customer="string"), None),
        (thing(customer_name="string", customer_type="string", customers=many(thing(id="string"))), None),
        (thing(customer_id=many("string")), None),
        (thing(customer=thing(name="string")), None),
    ],
)
def test_a_field_that_names_a_thing_of_another_family_leads_to_what_shows_it(answer: Any, origin: str | None) -> None:
    told = Told({**PEOPLE, "GET /invoices/{id}": answer, "GET /invoices": many(answer)})
    found = {ends: one for ends, one in told.edges("name").items() if ends[0] == "GET /invoices/{id}"}
    assert found == ({("GET /invoices/{id}", "GET /customers/{id}"): {"id": origin}} if origin else {})


def test_a_thing_is_called_by_its_name_alone_where_its_path_does_so() -> None:
    stripe = {
        "GET /v1/customers": thing(data=many(thing(id="string"))),
        "GET /v1/customers/{customer}": thing(id="string"),
        "GET /v1/charges?customer": thing(data=many(thing(id="string", customer="string", type="string"))),
    }
    assert Told(stripe).edges("name") == {
        ("GET /v1/customers", "GET /v1/charges"): {"customer": "/data/-/id"},
        ("GET /v1/charges", "GET /v1/customers/{customer}"): {"customer": "/data/-/customer"},
    }


def test_a_name_alone_means_the_id_of_a_thing_and_nothing_else_of_it() -> None:
    told = Told(
        {
            "GET /licenses": many(thing(license="string", name="string")),
            "GET /licenses/{license}": thing(license="string", name="string"),
            "GET /packages?license": many(thing(id="string", license="string")),
        }
    )
    assert told.edges("name") == {}
    assert set(told.edges("family")) == {("GET /licenses", "GET /licenses/{license}")}


def test_generic_names_lead_nowhere_even_where_a_collection_is_called_so() -> None:
    told = Told(
        {
            "GET /types": many(thing(id="string")),
            "GET /types/{type}": thing(id="string"),
            "GET /keys": many(thing(id="string")),
            "GET /keys/{key}": thing(id="string"),
            "GET /things?type&key_id&status&page&limit": many(thing(type="string", key_id="string", name="string")),
        }
    )
    assert told.edges("name") == {}


def test_of_families_with_one_name_the_nearest_is_meant_and_none_where_two_are_as_near() -> None:
    near = {
        "GET /v1/users": many(thing(id="string")), "GET /v1/users/{id}": thing(id="string"),
        "GET /v2/users": many(thing(id="string")), "GET /v2/users/{id}": thing(id="string"),
        "GET /v2/notes?user_id": None, "GET /notes?user_id": None,
    }  # fmt: skip
    assert set(Told(near).edges("name")) == {("GET /v2/users", "GET /v2/notes")}


def test_what_needs_more_than_the_answer_has_is_not_led_to() -> None:
    told = Told(
        {
            "GET /shops/{shop}/items": many(thing(id="string")),
            "GET /shops/{shop}/items/{id}": thing(id="string"),
            "GET /sales/{id}": thing(id="string", item_id="string"),
            "GET /shops/{s}/sales/{id}": thing(id="string", item_id="string"),
        }
    )
    assert told.edges("name") == {
        ("GET /shops/{s}/sales/{id}", "GET /shops/{shop}/items/{id}"): {"shop": "arguments:/s", "id": "/item_id"}
    }


# What takes a call back, and what shows what it did.


def test_what_was_made_is_taken_back_by_deleting_it_and_shown_by_getting_it() -> None:
    told = Told(SHOP)
    assert told.undo("POST /orders") == ("DELETE /orders/{orderId}", {"orderId": "/id"})
    assert told.verify("POST /orders") == ("GET /orders/{orderId}", {"orderId": "/id"})
    same = ("GET /orders/{orderId}", {"orderId": "arguments:/orderId"})
    assert {key: told.verify(key) for key in told.tools if told.verify(key)} == {
        "POST /orders": ("GET /orders/{orderId}", {"orderId": "/id"}),
        "PUT /orders/{orderId}": same,
        "PATCH /orders/{orderId}": same,
        "DELETE /orders/{orderId}": same,
        "POST /orders/{orderId}/cancel": same,
    }
    assert [key for key in told.tools if told.undo(key)] == ["POST /orders"]


def test_what_deletes_is_not_taken_back_and_what_needs_more_takes_nothing_back() -> None:
    told = Told(
        {
            "POST /orders body=a -- Create an order": ORDER,
            "DELETE /orders/{id}?reason! -- Delete an order": None,
            "GET /orders/{id}?shop!": ORDER,
        }
    )
    assert told.undo("POST /orders") is None
    assert told.verify("POST /orders") is None
    assert told.undo("DELETE /orders/{id}") is None


def test_a_switch_is_switched_back_by_its_own_arguments() -> None:
    told = Told(
        {
            "PUT /user/following/{username} -- Follow a user": None,
            "DELETE /user/following/{username}": None,
            "GET /user/following/{username}": None,
            "PUT /repos/{owner}/{repo}/alerts -- Enable alerts": None,
            "DELETE /repos/{owner}/{repo}/alerts": None,
        }
    )
    same = {"username": "arguments:/username"}
    assert told.undo("PUT /user/following/{username}") == ("DELETE /user/following/{username}", same)
    assert told.verify("DELETE /user/following/{username}") == ("GET /user/following/{username}", same)
    both = {"owner": "arguments:/owner", "repo": "arguments:/repo"}
    assert told.undo("PUT /repos/{owner}/{repo}/alerts") == ("DELETE /repos/{owner}/{repo}/alerts", both)


def test_what_can_be_written_in_several_ways_is_no_switch() -> None:
    told = Told(
        {
            "POST /nodes/{name}/proxy -- Connect to it": None,
            "PUT /nodes/{name}/proxy -- Connect to it": None,
            "DELETE /nodes/{name}/proxy -- Connect to it": None,
            "GET /nodes/{name}": ORDER,
        }
    )
    assert [key for key in told.tools if told.undo(key)] == []


def test_what_replaces_a_thing_is_not_taken_back_by_deleting_it() -> None:
    told = Told(
        {
            "PUT /notes/{id} body=text -- Create or replace a note": None,
            "PUT /tickets/{id} -- Update a ticket": None,
            "POST /tickets -- Create a ticket": None,
            "DELETE /notes/{id}": None,
            "DELETE /tickets/{id}": None,
        }
    )
    assert [key for key in told.tools if told.undo(key)] == []


def test_opposites_take_each_other_back() -> None:
    told = Told(
        {
            "GET /issues/{id}": ORDER,
            "POST /issues/{id}/lock -- Lock it": None,
            "POST /issues/{id}/unlock -- Unlock it": None,
            "POST /issues/{id}/archive -- Archive it": None,
            "POST /issues/{id}/unarchive?why! -- Unarchive it": None,
            "POST /issues/{id}/assign body=who -- Assign it": None,
            "POST /issues/{id}/unassign -- Unassign it": None,
        }
    )
    same = {"id": "arguments:/id"}
    assert told.undo("POST /issues/{id}/lock") == ("POST /issues/{id}/unlock", same)
    assert told.undo("POST /issues/{id}/unlock") == ("POST /issues/{id}/lock", same)
    assert told.undo("POST /issues/{id}/archive") is None
    assert told.undo("POST /issues/{id}/assign") == ("POST /issues/{id}/unassign", same)
    assert told.undo("POST /issues/{id}/unassign") is None


def test_what_both_calls_need_under_one_name_is_the_same_for_both() -> None:
    told = Told(
        {
            "POST /orders?account!&dry! body=a -- Create an order": ORDER,
            "DELETE /orders/{id}?account! -- Delete an order": None,
            "GET /orders/{id}?account!&view! -- Get an order": ORDER,
        }
    )
    assert told.undo("POST /orders") == ("DELETE /orders/{id}", {"id": "/id", "account": "arguments:/account"})
    assert told.verify("POST /orders") is None


def test_what_a_call_beneath_a_thing_says_is_looked_for_at_what_it_answers() -> None:
    ticket = thing(id="string", text="string", owner="string")
    told = Told(
        {
            "GET /tickets/{id}": ticket,
            "PATCH /tickets/{id} body=owner": ticket,
            "POST /tickets/{id}/answer body=text -- Answer it": ticket,
            "POST /tickets/{id}/forward body=text -- Forward it": None,
            "POST /tickets/{id}/bill body=text -- Bill it": thing(id="string", amount="number"),
            "POST /tickets/{id}/close -- Close it": None,
        }
    )
    same = ("GET /tickets/{id}", {"id": "arguments:/id"})
    assert {key: told.verify(key) for key in told.tools if told.verify(key)} == {
        "PATCH /tickets/{id}": same,
        "POST /tickets/{id}/answer": ("GET /tickets/{id}", {"id": "/id"}),
        "POST /tickets/{id}/close": same,
    }


@pytest.mark.parametrize("path", ["/emails", "/messages", "/payments"])
def test_what_was_sent_is_not_taken_back_by_deleting_what_is_kept_of_it(path: str) -> None:
    told = Told(
        {f"POST {path} body=a -- Create one": ORDER, f"DELETE {path}/{{id}}": None, f"GET {path}/{{id}}": ORDER}
    )
    assert told.undo(f"POST {path}") is None
    assert told.verify(f"POST {path}") is not None


def test_what_x_factotum_says_wins_over_what_is_inferred() -> None:
    tree = document(SHOP)
    said = {"operation": "POST /orders/{orderId}/cancel", "arguments": {"orderId": "/id"}}
    tree["paths"]["/orders"]["post"]["x-factotum"] = {"undo": said}
    tools = compile_document(Manifest(name="x"), Documents(URI, {URI: tree}), "digest").tools
    related = next(tool.related for tool in tools if tool.operation.key == "POST /orders")
    assert related is not None
    assert related.undo is not None
    assert (related.undo.kind, related.undo.later) == ("told", "x_post_orders_by_order_id_cancel")
    assert related.verify is not None
    assert related.verify.kind == "family"


# Bounds.


def test_a_tool_has_no_more_relations_than_a_bound_and_the_others_keep_theirs() -> None:
    operations: dict[str, Any] = dict(PEOPLE)
    operations |= {f"GET /reports{number}?customer_id": None for number in range(100)}
    told = Told(operations)
    assert len(told.related("GET /customers").following) == FOLLOWING_MAX
    assert all(len(told.related(f"GET /reports{number}").preceding) == 2 for number in range(100))
    fields = ",".join(f"customer_id{number}" for number in range(50))
    wide = Told({**PEOPLE, f"POST /wide body={fields},customer_id -- Make": None})
    assert all(len(wide.related(key).preceding) <= PRECEDING_MAX for key in wide.tools)


def test_what_a_great_many_families_are_called_tells_nothing() -> None:
    operations: dict[str, Any] = {f"GET /a{number}/users": many(thing(id="string")) for number in range(150)}
    operations |= {f"GET /a{number}/users/{{id}}": thing(id="string") for number in range(150)}
    told = Told({**operations, "GET /notes?user_id": None, "GET /a7/notes?user_id": None})
    assert told.edges("name") == {}
    few = {key: one for key, one in operations.items() if "/a7/" in key or "/a8/" in key}
    assert len(Told({**few, "GET /a7/notes?user_id": None}).edges("name")) == 1


def test_a_great_many_methods_on_one_path_cost_no_tool() -> None:
    tree = document(SHOP)
    others = {f"DO{'X' * number}": {"responses": {}} for number in range(300)}
    tree["paths"]["/orders"]["additionalOperations"] = others
    tools = compile_document(Manifest(name="x"), Documents(URI, {URI: tree}), "digest").tools
    assert len(tools) == len(SHOP) + 300


NAMES = st.sampled_from(
    ["orders", "{id}", "{order_id}", "users", "{user}", "cancel", "{}", "{path}", "日", "a:b", "x.json"]
)
SCHEMAS = st.recursive(
    st.sampled_from(["string", "integer", "boolean", None, {}, {"type": "string", "enum": ["a"]}]),
    lambda inner: st.dictionaries(st.sampled_from(["id", "order_id", "user", "data", "orders", "items"]), inner, max_size=3).map(
        lambda told: thing(**{name: one or {} for name, one in told.items()})
    )
    | inner.map(lambda one: many(kind(one) or {})),
    max_leaves=5,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(
        st.tuples(st.sampled_from(["get", "put", "post", "delete", "patch"]), st.lists(NAMES, max_size=5).map(tuple)),
        SCHEMAS,
        max_size=8,
    )
)
def test_whatever_the_paths_and_answers_are_every_relation_holds_together(drawn: dict[Any, Any]) -> None:
    paths: Json = {}
    for (method, steps), answer in drawn.items():
        content = {"application/json": {"schema": kind(answer) or {}}}
        paths.setdefault("/" + "/".join(steps), {})[method] = {"responses": {"200": {"content": content}}}
    tree = {"openapi": "3.1.0", "paths": paths}
    connector = compile_document(
        Manifest(name="x", base_url="https://a.example"), Documents(URI, {URI: tree}), "digest"
    )
    tools = {tool.name: tool for tool in connector.tools}
    for tool in connector.tools:
        related = tool.related or Related()
        assert all(edge.earlier == tool.name for edge in related.following)
        assert all(edge.later == tool.name for edge in related.preceding)
        assert related.family is None or any(one.tool == tool.name for one in related.family.members)
        assert not (tool.effect == "destructive" and related.undo)
        told = [one for one in (related.undo, related.verify) if one]
        for edge in (*related.following, *related.preceding, *told):
            schema = msgspec.json.decode(tools[edge.later].inputs)
            assert {one.argument for one in edge.bindings} <= set(schema["properties"])
        for edge in told:
            required = set(msgspec.json.decode(tools[edge.later].inputs).get("required", ()))
            assert required <= {one.argument for one in edge.bindings}
