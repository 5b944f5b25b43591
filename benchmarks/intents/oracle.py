"""Changes carried out by the requests that the documents of the house offer, without any planner: what is expected can be
reached."""

from collections.abc import Mapping
from typing import Any

from benchmarks.intents.changes import NEW
from benchmarks.intents.house import House


def _concrete(value: Any) -> Any:
    """One value that fits: the first that may be, and a word where it may be anything."""
    match value:
        case {"$any": True}:
            return "anything"
        case {"$one_of": [first, *_]}:
            return _concrete(first)
        case {"$has": list(words)}:
            return " ".join(words)
        case dict():
            told = {key: _concrete(one) for key, one in value.items() if one != {"$any": True}}
            return {key: one for key, one in told.items() if one is not None or value[key] is None}
        case list():
            return [_concrete(one) for one in value]
    return value


async def carry_out(house: House, changes: Mapping[str, Mapping[str, Any]]) -> None:
    """Raises httpx.HTTPStatusError where a backend refuses, KeyError where there is no way to a change."""
    for name, by_collection in _concrete(dict(changes)).items():
        # The cart last: an order empties it.
        for collection, told in sorted(by_collection.items(), key=lambda one: one[0] == "cart"):
            for thing in told.get(NEW, ()):
                await _create(house, name, collection, thing)
            for key, change in told.items():
                if key != NEW:
                    await _change(house, name, collection, key, change)


async def _create(house: House, name: str, collection: str, thing: dict[str, Any]) -> None:
    match name, collection:
        case "mail", "messages" if "in_reply_to" in thing:
            await house.send("mail", "POST", f"/messages/{thing['in_reply_to']}/reply", {"body": thing["body"]})
        case "mail", "messages":
            await house.send("mail", "POST", "/messages", _only(thing, "to", "subject", "body"))
        case "shop", "orders":
            await _order(house, thing)
        case "calendar", "events":
            await house.send("calendar", "POST", "/calendars/primary/events", thing)
        case "shopping-list", "items":
            await house.send("shopping-list", "POST", "/items", _only(thing, "name", "qty", "unit"))
        case "tasks", "tasks":
            await house.send("tasks", "POST", "/v2/tasks", _only(thing, "title", "due", "priority", "project"))
        case "contacts", "contacts":
            await house.send("contacts", "POST", "/contacts", thing)
        case "clock", ("alarms" | "timers" | "reminders"):
            names = ("time", "days", "label", "seconds", "text", "at")
            await house.send("clock", "POST", f"/{collection}", _only(thing, *names))
        case _:
            raise KeyError(f"{name}/{collection}/+")


async def _change(house: House, name: str, collection: str, key: str, change: Any) -> None:
    paths = {
        ("home", "lights"): "/lights",
        ("home", "thermostats"): "/thermostats",
        ("home", "blinds"): "/blinds",
        ("calendar", "events"): "/calendars/primary/events",
        ("mail", "messages"): "/messages",
        ("shopping-list", "items"): "/items",
        ("tasks", "tasks"): "/v2/tasks",
        ("contacts", "contacts"): "/contacts",
        ("clock", "alarms"): "/alarms",
        ("clock", "timers"): "/timers",
        ("clock", "reminders"): "/reminders",
        ("shop", "cart"): "/cart/lines",
        ("recipes", "favourites"): "/favourites",
    }
    match name, collection, change:
        case "home", "locks", {"locked": bool(locked)}:
            await house.send("home", "POST", f"/locks/{key}/{'lock' if locked else 'unlock'}")
        case "music", "players", dict():
            await _play(house, key, change)
        case "shop", "orders", {"status": "paid"}:
            order = await house.send("shop", "GET", f"/orders/{key}")
            payment = {"amount": order["total"], "method": change["paid_by"]}
            await house.send("shop", "POST", f"/orders/{key}/payments", payment)
        case "shop", "orders", {"status": "cancelled"}:
            await house.send("shop", "POST", f"/orders/{key}/cancel")
        case "shop", "cart", int(quantity):
            await house.send("shop", "PUT", f"/cart/lines/{key}", {"quantity": quantity})
        case "recipes", "favourites", True:
            await house.send("recipes", "PUT", f"/favourites/{key}")
        case "tasks", "tasks", {"status": status}:
            await house.send("tasks", "POST", f"/v2/tasks/{key}/{'complete' if status == 'done' else 'reopen'}")
        case _, _, None:
            if key in house.state[name][collection]:
                await house.send(name, "DELETE", f"{paths[name, collection]}/{key}")
        case _:
            await house.send(name, "PATCH", f"{paths[name, collection]}/{key}", change)


async def _order(house: House, order: dict[str, Any]) -> None:
    cart = await house.send("shop", "GET", "/cart")
    for line in cart["lines"]:
        if line["sku"] not in order["lines"]:
            await house.send("shop", "DELETE", f"/cart/lines/{line['sku']}")
    for sku, quantity in order["lines"].items():
        await house.send("shop", "PUT", f"/cart/lines/{sku}", {"quantity": quantity})
    made = await house.send("shop", "POST", "/orders", {"delivery": order["delivery"]})
    if order["status"] == "paid":
        payment = {"amount": made["total"], "method": order["paid_by"]}
        await house.send("shop", "POST", f"/orders/{made['id']}/payments", payment)


async def _play(house: House, key: str, change: dict[str, Any]) -> None:
    if "volume" in change:
        await house.send("music", "PUT", f"/players/{key}/volume", {"level": change["volume"]})
    if "uri" in change:
        await house.send("music", "PUT", f"/players/{key}/play", {"uri": change["uri"]})
    elif "status" in change:
        await house.send("music", "PUT", f"/players/{key}/{'resume' if change['status'] == 'playing' else 'pause'}")


def _only(thing: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: thing[name] for name in names if name in thing}
