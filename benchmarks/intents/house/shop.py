"""A grocer: products with prices, one cart, orders, payment. Amounts of money are decimal text, so that nothing is rounded."""

from decimal import Decimal
from typing import Any

from benchmarks.intents.house.backend import Asked, Refused, State, add, find, says


def _price(amount: Decimal) -> dict[str, str]:
    return {"amount": str(amount), "currency": "EUR"}


def _cart(state: State) -> dict[str, Any]:
    lines = [{"sku": sku, "name": state["products"][sku]["name"], "quantity": n} for sku, n in state["cart"].items()]
    total = sum(
        (Decimal(state["products"][sku]["price"]["amount"]) * n for sku, n in state["cart"].items()), Decimal("0.00")
    )
    return {"lines": lines, "total": _price(total)}


def _search(state: State, asked: Asked) -> Any:
    found = [
        {"sku": sku, **one}
        for sku, one in state["products"].items()
        if says(asked.get("q"), one["name"], one["category"]) and asked.get("category") in (None, one["category"])
    ]
    start = (asked.get("page") - 1) * asked.get("per_page")
    return {"products": found[start : start + asked.get("per_page")], "page": asked.get("page"), "total": len(found)}


def _put(state: State, asked: Asked) -> Any:
    find(state["products"], asked.get("sku"), "product")
    state["cart"][asked.get("sku")] = asked.body["quantity"]
    return _cart(state)


def _remove(state: State, asked: Asked) -> None:
    find(state["cart"], asked.get("sku"), "line in the cart")
    del state["cart"][asked.get("sku")]


def _order(state: State, asked: Asked) -> Any:
    if not state["cart"]:
        raise Refused(409, "The cart is empty.")
    if asked.body["delivery"]["date"] <= asked.now.date().isoformat():
        raise Refused(422, "We deliver from tomorrow on.")
    cart = _cart(state)
    state["cart"].clear()
    lines = {line["sku"]: line["quantity"] for line in cart["lines"]}
    return _told(add(state["orders"], "O-", {"lines": lines, "total": cart["total"], **asked.body, "status": "unpaid"}))


def _told(order: dict[str, Any]) -> dict[str, Any]:
    return {**order, "lines": [{"sku": sku, "quantity": count} for sku, count in order["lines"].items()]}


def _pay(state: State, asked: Asked) -> Any:
    order = find(state["orders"], asked.get("orderId"), "order")
    if order["status"] != "unpaid":
        raise Refused(409, f"The order is {order['status']}.")
    if Decimal(asked.body["amount"]["amount"]) != Decimal(order["total"]["amount"]):
        raise Refused(422, "The amount must be the order's total.")
    order.update(status="paid", paid_by=asked.body["method"])
    return _told({"id": asked.get("orderId"), **order})


def _cancel(state: State, asked: Asked) -> Any:
    order = find(state["orders"], asked.get("orderId"), "order")
    if order["status"] in ("delivered", "cancelled"):
        raise Refused(409, f"The order is {order['status']}.")
    order["status"] = "cancelled"
    return _told({"id": asked.get("orderId"), **order})


def _orders(state: State, asked: Asked) -> Any:
    found = [_told({"id": key, **one}) for key, one in state["orders"].items()]
    return {"orders": [one for one in found if asked.get("status") in (None, one["status"])]}


HANDLERS = {
    "searchProducts": _search,
    "getCart": lambda state, _: _cart(state),
    "putCartLine": _put,
    "removeCartLine": _remove,
    "createOrder": _order,
    "listOrders": _orders,
    "getOrder": lambda state, asked: _told(
        {"id": asked.get("orderId"), **find(state["orders"], asked.get("orderId"), "order")}
    ),
    "payOrder": _pay,
    "cancelOrder": _cancel,
}
