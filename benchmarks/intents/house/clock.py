"""Alarms, timers and reminders."""

from datetime import timedelta
from typing import Any

from benchmarks.intents.house.backend import Asked, State, add, find, named
from benchmarks.intents.house.calendar import moment

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _tidy(alarm: dict[str, Any]) -> dict[str, Any]:
    return {**alarm, "days": sorted(set(alarm.get("days", ())), key=DAYS.index)}


def _delete(kind: str) -> Any:
    def delete(state: State, asked: Asked) -> None:
        find(state[kind], asked.get("id"), kind.removesuffix("s"))
        del state[kind][asked.get("id")]

    return delete


def _change(state: State, asked: Asked) -> Any:
    alarm = find(state["alarms"], asked.get("id"), "alarm")
    state["alarms"][asked.get("id")] = _tidy({**alarm, **asked.body})
    return {"id": asked.get("id"), **state["alarms"][asked.get("id")]}


def _time(state: State, asked: Asked) -> Any:
    ends = asked.now + timedelta(seconds=asked.body["seconds"])
    return add(state["timers"], "tm", {**asked.body, "ends": ends.isoformat()})


def _remind(state: State, asked: Asked) -> Any:
    return add(state["reminders"], "rm", {**asked.body, "at": moment(asked.body["at"], asked).isoformat()})


HANDLERS = {
    "GET /alarms": lambda state, _: named(state["alarms"]),
    "POST /alarms": lambda state, asked: add(state["alarms"], "al", _tidy({**asked.body, "enabled": True})),
    "PATCH /alarms/{id}": _change,
    "DELETE /alarms/{id}": _delete("alarms"),
    "GET /timers": lambda state, _: named(state["timers"]),
    "POST /timers": _time,
    "DELETE /timers/{id}": _delete("timers"),
    "GET /reminders": lambda state, _: named(state["reminders"]),
    "POST /reminders": _remind,
    "DELETE /reminders/{id}": _delete("reminders"),
}
