"""Rooms, lights, heating, locks, blinds."""

from typing import Any

from benchmarks.intents.house.backend import Asked, State, find, named


def _set(kind: str, argument: str) -> Any:
    def change(state: State, asked: Asked) -> Any:
        thing = find(state[kind], asked.get(argument), kind.removesuffix("s"))
        thing.update(asked.body)
        return {"id": asked.get(argument), **thing}

    return change


def _list(kind: str) -> Any:
    def listed(state: State, asked: Asked) -> Any:
        room, on = asked.get("room"), asked.get("on")
        if room is not None:
            find(state["rooms"], room, "room")
        found = named(state[kind])
        return [one for one in found if room in (None, one.get("room")) and on in (None, one.get("on"))]

    return listed


def _get(kind: str, argument: str) -> Any:
    return lambda state, asked: {
        "id": asked.get(argument),
        **find(state[kind], asked.get(argument), kind.removesuffix("s")),
    }


def _turn(locked: bool) -> Any:
    def turn(state: State, asked: Asked) -> Any:
        door = find(state["locks"], asked.get("lockId"), "lock")
        door["locked"] = locked
        return {"id": asked.get("lockId"), **door}

    return turn


HANDLERS = {
    "listRooms": _list("rooms"),
    "listLights": _list("lights"),
    "getLight": _get("lights", "lightId"),
    "setLight": _set("lights", "lightId"),
    "listThermostats": _list("thermostats"),
    "setThermostat": _set("thermostats", "thermostatId"),
    "listLocks": _list("locks"),
    "getLock": _get("locks", "lockId"),
    "lockDoor": _turn(True),
    "unlockDoor": _turn(False),
    "listBlinds": _list("blinds"),
    "setBlind": _set("blinds", "blindId"),
}
