"""What is to be bought."""

from typing import Any

from benchmarks.intents.house.backend import Asked, State, add, find, named


def _add(state: State, asked: Asked) -> Any:
    return add(state["items"], "i", {"qty": 1, **asked.body, "done": False})


def _change(state: State, asked: Asked) -> Any:
    item = find(state["items"], asked.get("id"), "item")
    item.update(asked.body)
    return {"id": asked.get("id"), **item}


def _delete(state: State, asked: Asked) -> None:
    find(state["items"], asked.get("id"), "item")
    del state["items"][asked.get("id")]


HANDLERS = {
    "GET /items": lambda state, _: named(state["items"]),
    "POST /items": _add,
    "PATCH /items/{id}": _change,
    "DELETE /items/{id}": _delete,
}
