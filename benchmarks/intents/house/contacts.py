"""The address book."""

from typing import Any

from benchmarks.intents.house.backend import Asked, State, add, find, says


def _full(key: str, card: dict[str, Any]) -> dict[str, Any]:
    return {"contactId": key, **card}


def _name(card: dict[str, Any]) -> str:
    return " ".join(filter(None, (card["name"].get("given"), card["name"].get("family"))))


def _search(state: State, asked: Asked) -> Any:
    found = [(key, one) for key, one in state["contacts"].items() if says(asked.body.get("text"), _name(one))]
    start = asked.body.get("page", 0) * 3
    summaries = [{"contactId": key, "displayName": _name(one)} for key, one in found[start : start + 3]]
    return {"contacts": summaries, "more": len(found) > start + 3}


def _card(state: State, asked: Asked) -> Any:
    return find(state["contacts"], asked.get("contactId"), "contact")


def _change(state: State, asked: Asked) -> Any:
    _card(state, asked).update(asked.body)
    return _full(asked.get("contactId"), _card(state, asked))


def _create(state: State, asked: Asked) -> Any:
    added = add(state["contacts"], "c-", asked.body)
    return _full(added.pop("id"), added)


def _delete(state: State, asked: Asked) -> None:
    _card(state, asked)
    del state["contacts"][asked.get("contactId")]


HANDLERS = {
    "searchContacts": _search,
    "createContact": _create,
    "getContact": lambda state, asked: _full(asked.get("contactId"), _card(state, asked)),
    "updateContact": _change,
    "deleteContact": _delete,
}
