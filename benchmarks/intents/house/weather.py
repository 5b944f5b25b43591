"""Weather now and by day. Nothing can be changed."""

from datetime import date, timedelta
from typing import Any

from benchmarks.intents.house.backend import Asked, Refused, State


def _place(state: State, asked: Asked) -> Any:
    for name, place in state["places"].items():
        if name.casefold() == asked.get("location").strip().casefold():
            return {"location": name, **place}
    raise Refused(404, "That location is unknown.")


def _now(state: State, asked: Asked) -> Any:
    place = _place(state, asked)
    return {"location": place["location"], "time": asked.now.isoformat(), **place["now"]}


def _daily(state: State, asked: Asked) -> Any:
    place, today = _place(state, asked), asked.now.date()
    first = date.fromisoformat(asked.get("date", today.isoformat()))
    if not today <= first <= today + timedelta(days=14):
        raise Refused(422, "There is a forecast for today and the next 14 days.")
    days = [first + timedelta(days=n) for n in range(asked.get("days"))]
    told = [(one.isoformat(), place["days"][one.toordinal() % len(place["days"])]) for one in days]
    return {"location": place["location"], "daily": [{"date": on, **day} for on, day in told]}


HANDLERS = {"currentConditions": _now, "dailyForecast": _daily}
