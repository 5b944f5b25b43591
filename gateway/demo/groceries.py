"""The grocer: a catalogue, one basket, orders, and payment."""

from typing import Annotated, Literal

from litestar import Response, delete, get, post, put
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath
from msgspec import Meta, Struct, structs

from gateway.demo.service import AnyRequest, Money, Refused, answer, find, number, read

Quantity = Annotated[int, Meta(ge=1, le=99)]

SHELF = """
spaghetti|Spaghetti|500 g|159
tomatoes|Tomatoes|piece|45
basil|Basil|pot|229
parmesan|Parmesan|200 g|549
garlic|Garlic|bulb|79
red-wine|Red wine|bottle 0.75 l|899
white-wine|White wine|bottle 0.75 l|799
olive-oil|Olive oil|0.5 l|749
milk|Milk|1 l|129
oat-milk|Oat milk|1 l|199
butter|Butter|250 g|249
eggs|Eggs|10 pieces|329
bread|Bread|loaf|349
rolls|Rolls|6 pieces|199
cheese|Gouda|300 g|399
yoghurt|Yoghurt|500 g|149
apples|Apples|1 kg|299
bananas|Bananas|1 kg|189
oranges|Oranges|1 kg|279
lemons|Lemons|3 pieces|119
potatoes|Potatoes|2 kg|329
onions|Onions|1 kg|139
carrots|Carrots|1 kg|129
cucumber|Cucumber|piece|89
lettuce|Lettuce|head|149
rice|Rice|1 kg|279
flour|Flour|1 kg|99
sugar|Sugar|1 kg|119
salt|Salt|500 g|49
pepper|Pepper|50 g|249
coffee|Coffee|500 g|699
tea|Tea|25 bags|279
chocolate|Chocolate|100 g|169
biscuits|Biscuits|200 g|199
water|Water|6 x 1.5 l|299
beer|Beer|6 x 0.33 l|599
toilet-paper|Toilet paper|8 rolls|449
soap|Soap|piece|129
"""


class Product(Struct, frozen=True):
    sku: str
    name: str
    unit: str
    price: Money


class Item(Struct, frozen=True):
    sku: str
    quantity: int
    price: Money


class Basket(Struct, frozen=True):
    items: tuple[Item, ...]
    total: Money


class PutItem(Struct, frozen=True, forbid_unknown_fields=True):
    quantity: Quantity


class NewOrder(Struct, frozen=True, forbid_unknown_fields=True):
    deliver_on: Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    note: Annotated[str, Meta(max_length=200)] | None = None


class Order(Struct, frozen=True):
    id: str
    items: tuple[Item, ...]
    total: Money
    deliver_on: str
    state: Literal["open", "paid", "cancelled"] = "open"
    note: str | None = None


class Payment(Struct, frozen=True, forbid_unknown_fields=True):
    method: Literal["card", "invoice"]
    amount: Money


class GroceriesState:
    """The shelf, the basket, the orders, and which idempotency keys were seen."""

    def __init__(self) -> None:
        rows = (line.split("|") for line in SHELF.strip().splitlines())
        self.products = {sku: Product(sku, name, unit, Money(int(cents))) for sku, name, unit, cents in rows}
        self.basket: dict[str, int] = {}
        self.orders: dict[str, Order] = {}
        self.order_by_key: dict[str, str] = {}

    def filled(self) -> Basket:
        items = tuple(Item(sku, count, self.products[sku].price) for sku, count in sorted(self.basket.items()))
        return Basket(items, Money(sum(item.price.cents * item.quantity for item in items)))

    def order(self, new: NewOrder) -> Order:
        if not self.basket:
            raise Refused(409, "The basket is empty.")
        basket = self.filled()
        order = Order(f"ord-{len(self.orders) + 1}", basket.items, basket.total, new.deliver_on, note=new.note)
        self.orders[order.id] = order
        self.basket.clear()
        return order


def routes(state: GroceriesState) -> list[BaseRouteHandler]:
    @get("/products")
    async def search_products(request: AnyRequest) -> Response[bytes]:
        query = request.query_params.get("q", "").lower()
        found = [one for one in state.products.values() if query in f"{one.sku} {one.name}".lower()]
        limit, offset = number(request, "limit", 10, 1, 50), number(request, "offset", 0, 0, 10_000)
        return answer({"products": found[offset : offset + limit], "total": len(found)})

    @get("/products/{sku:str}")
    async def get_product(sku: FromPath[str]) -> Response[bytes]:
        return answer(find(state.products, sku, "product"))

    @get("/basket")
    async def get_basket() -> Response[bytes]:
        return answer(state.filled())

    @delete("/basket", status_code=204)
    async def clear_basket() -> None:
        state.basket.clear()

    @put("/basket/items/{sku:str}")
    async def put_item(request: AnyRequest, sku: FromPath[str]) -> Response[bytes]:
        find(state.products, sku, "product")
        state.basket[sku] = (await read(request, PutItem)).quantity
        return answer(state.filled())

    @delete("/basket/items/{sku:str}", status_code=204)
    async def remove_item(sku: FromPath[str]) -> None:
        find(state.basket, sku, "item in the basket")
        del state.basket[sku]

    @post("/orders", status_code=201)
    async def create_order(request: AnyRequest) -> Response[bytes]:
        key = request.headers.get("idempotency-key", "")
        if key and key in state.order_by_key:
            return answer(state.orders[state.order_by_key[key]], 201)
        order = state.order(await read(request, NewOrder))
        if key:
            state.order_by_key[key] = order.id
        return answer(order, 201)

    @get("/orders")
    async def list_orders() -> Response[bytes]:
        return answer(list(state.orders.values()))

    @get("/orders/{order_id:str}")
    async def get_order(order_id: FromPath[str]) -> Response[bytes]:
        return answer(find(state.orders, order_id, "order"))

    @post("/orders/{order_id:str}/cancel", status_code=200)
    async def cancel_order(order_id: FromPath[str]) -> Response[bytes]:
        return _settle(order_id, "cancelled")

    @post("/orders/{order_id:str}/payment", status_code=200)
    async def pay_order(request: AnyRequest, order_id: FromPath[str]) -> Response[bytes]:
        payment, order = await read(request, Payment), find(state.orders, order_id, "order")
        if payment.amount != order.total:
            raise Refused(
                422, f"The amount must be the order's total, {order.total.cents} cents {order.total.currency}."
            )
        return _settle(order_id, "paid")

    def _settle(order_id: str, becomes: Literal["paid", "cancelled"]) -> Response[bytes]:
        order = find(state.orders, order_id, "order")
        if order.state not in ("open", becomes):
            raise Refused(409, f"The order is {order.state} already.")
        state.orders[order_id] = structs.replace(order, state=becomes)
        return answer(state.orders[order_id])

    return [
        search_products, get_product, get_basket, clear_basket, put_item, remove_item, create_order, list_orders, get_order,
        cancel_order, pay_order,
    ]  # fmt: skip
