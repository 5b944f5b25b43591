"""A backend that counts what it does, for the tests of intents: orders are made, read, changed and dropped."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

ORDER = {
    "type": "object",
    "properties": {"id": {"type": "integer"}, "item": {"type": "string"}, "count": {"type": "integer"}},
    "required": ["id", "item"],
}
ORDERS = {"type": "object", "properties": {"orders": {"type": "array", "items": ORDER}}, "required": ["orders"]}
NEW = {
    "type": "object",
    "properties": {"item": {"type": "string"}, "count": {"type": "integer"}},
    "required": ["item"],
    "additionalProperties": False,
}
CHANGE = {**NEW, "required": []}
ID = {"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}
KEY = {"name": "Idempotency-Key", "in": "header", "required": True, "schema": {"type": "string"}}


def _operation(name: str, answer: Json | None, body: Json | None = None, *parameters: Json) -> Json:
    told: Json = {"operationId": name, "parameters": list(parameters), "responses": {"200": {"description": "ok"}}}
    if answer is not None:
        told["responses"]["200"]["content"] = {"application/json": {"schema": answer}}
    if body is not None:
        told["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return told


DOCUMENT: Json = {
    "openapi": "3.1.0",
    "info": {"title": "Shop", "version": "1"},
    "paths": {
        "/orders": {"get": _operation("orders", ORDERS), "post": _operation("make", ORDER, NEW)},
        "/orders/{id}": {
            "get": _operation("order", ORDER, None, ID),
            "patch": _operation("change", ORDER, CHANGE, ID),
            "delete": _operation("drop", None, None, ID),
        },
        "/keyed": {"post": _operation("keyed", ORDER, NEW, KEY)},
        "/notes": {"post": _operation("note", None, NEW)},
    },
}


@dataclass
class Shop:
    """`mode`: it `works`, `lies` (answers and does nothing), or `dies` (does it and answers nothing). Every write is counted
    by what it wrote, in `writes`. `busy`: what it answers first, with Retry-After `rest_s`. `slow_s`: how long it takes to answer a write, `slow_reads_s` a read."""

    orders: dict[int, Json] = field(default_factory=dict)
    writes: list[str] = field(default_factory=list)
    keys: dict[str, Json] = field(default_factory=dict)
    mode: str = "works"
    busy: list[int] = field(default_factory=list)
    rest_s: int = 1
    slow_s: float = 0.0
    slow_reads_s: float = 0.0
    url: str = ""
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""
        while (event := await receive())["type"] == "http.request":
            body += event["body"]
            if not event["more_body"]:
                break
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        is_write = scope["method"] != "GET"
        mode = self.mode if is_write else "works"
        if self.busy:
            rest = [(b"retry-after", str(self.rest_s).encode())]
            await send({"type": "http.response.start", "status": self.busy.pop(0), "headers": rest})
            await send({"type": "http.response.body", "body": b""})
            return
        status, answer = self._answer(scope["method"], scope["path"], headers, json.loads(body or b"null"), mode)
        self.arrived.set()
        await asyncio.sleep(self.slow_s if is_write else self.slow_reads_s)
        if mode == "dies":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"99")]})
            raise ConnectionError("it dies between effect and answer")
        told = b"" if answer is None else json.dumps(answer).encode()
        kind = [(b"content-type", b"application/json")] if told else []
        await send({"type": "http.response.start", "status": status, "headers": kind})
        await send({"type": "http.response.body", "body": told})

    def _answer(self, method: str, path: str, headers: Any, body: Any, mode: str) -> tuple[int, Any]:
        _, kind, *rest = path.split("/")
        number = int(rest[0]) if rest else 0
        match method, kind, bool(rest):
            case "GET", "orders", False:
                return 200, {"orders": list(self.orders.values())}
            case _, "orders", True if number not in self.orders:
                return 404, {"detail": "there is no such order"}
            case "GET", "orders", True:
                return 200, self.orders[number]
            case "POST", "orders" | "notes", False:
                made = {"id": len(self.orders) + 1, **body}
                self._effect(f"make {body['item']}", mode, lambda: self.orders.update({made["id"]: made}))
                return 200, made
            case "POST", "keyed", False:
                key = headers["idempotency-key"]
                if key not in self.keys:
                    made = {"id": len(self.orders) + 1, **body}
                    self._effect(f"make {body['item']}", mode, lambda: self.orders.update({made["id"]: made}))
                    self.keys[key] = made
                return 200, self.keys[key]
            case "PATCH", "orders", True:
                changed = {**self.orders[number], **body}
                self._effect(f"change {number}", mode, lambda: self.orders.update({number: changed}))
                return 200, changed
            case "DELETE", "orders", True:
                self._effect(f"drop {number}", mode, lambda: self.orders.pop(number))
                return 204, None
        return 404, None

    def _effect(self, told: str, mode: str, work: Any) -> None:
        self.writes.append(told)
        if mode != "lies":
            work()
