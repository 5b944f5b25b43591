"""Names of collections and what they call one of their things; paths compared whatever their parameters are called."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.noun import is_plural, noun_of, singular, split
from gateway.core.route import STEPS_MAX, Route, read_route


@pytest.mark.parametrize(
    ("many", "one"),
    [
        ("orders", "order"), ("people", "person"), ("children", "child"), ("categories", "category"),
        ("addresses", "address"), ("address", "address"), ("boxes", "box"), ("branches", "branch"), ("caches", "cache"),
        ("status", "status"), ("statuses", "status"), ("analyses", "analysis"), ("analysis", "analysis"),
        ("databases", "database"), ("responses", "response"), ("series", "series"), ("news", "news"), ("sms", "sms"),
        ("dns", "dns"), ("movies", "movie"), ("keys", "key"), ("aliases", "alias"), ("indices", "index"),
        ("indexes", "index"), ("access", "access"), ("data", "data"), ("us", "us"), ("processes", "process"),
        ("buses", "bus"), ("houses", "house"), ("policies", "policy"), ("order", "order"), ("componentstatuses", "componentstatus"),
    ],
)  # fmt: skip
def test_one_of_many_is_named(many: str, one: str) -> None:
    assert singular(many) == one
    assert singular(one) == one


def test_a_name_is_split_into_words_and_the_last_is_one_of_many() -> None:
    assert split("orderId") == split("order-id") == split("order[id]") == split("Order_ID") == ("order", "id")
    assert split("日本") == split("") == ()
    assert noun_of("pull-requests") == noun_of("pullRequests") == ("pull", "request")
    assert noun_of("") == ()
    assert is_plural("orders")
    assert is_plural("salesOrders")
    assert not is_plural("settings-status")
    assert not is_plural("")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/orders", Route(("orders",))),
        ("/orders/", Route(("orders",))),
        ("/orders/{orderId}", Route(("orders", "{}"), ("orderId",))),
        ("/users/{id}/orders/{orderId}", Route(("users", "{}", "orders", "{}"), ("id", "orderId"))),
        ("/orders.json", Route(("orders",))),
        ("/orders/{id}.json", Route(("orders", "{}"), ("id",))),
        ("/orders/{id}.{format}", Route(("orders", "{}"), ("id",))),
        ("/orders/{id}:cancel", Route(("orders", "{}"), ("id",), "cancel")),
        ("/orders:batchGet", Route(("orders",), (), "batchGet")),
        ("/Orders('{id}')/Lines({line})", Route(("Orders", "{}", "Lines", "{}"), ("id", "line"))),
        ("/{+parent}/reports/{path*}", Route(("{}", "reports", "{}"), ("parent", "path"))),
        ("/compare/{base}...{head}", Route(("compare", "{base}...{head}"))),
        ("/o/{a:b}", Route(("o", "{}"), ("a:b",))),
        ("/", Route(())),
        ("", Route(())),
    ],
)
def test_a_path_is_taken_apart(path: str, expected: Route) -> None:
    assert read_route(path) == expected


def test_a_path_without_end_is_none() -> None:
    assert read_route("/a" * STEPS_MAX) is not None
    assert read_route("/a" * (STEPS_MAX + 1)) is None
    assert read_route("/" + "a" * 3_000) is None


@given(st.text("ab/{}:.()'+*json", max_size=40))
def test_any_path_is_taken_apart_with_a_name_for_each_parameter(path: str) -> None:
    route = read_route(path)
    assert route is not None
    assert route.steps.count("{}") == len(route.names)
