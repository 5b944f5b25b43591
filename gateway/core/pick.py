"""Which items of a list are meant: by conditions, and the one at an end of them. Values in, values out."""

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import Any

from gateway.core.constraint import read_constraints, within
from gateway.core.found import value_at
from gateway.core.plan import Fits, Moment, Pick


def fitting(items: Sequence[Any], where: Sequence[Fits], now: datetime) -> list[Any]:
    """The items in which all of it holds; what is not there fits nothing. `now` is when the run began, in the zone of its plan."""
    return [one for one in items if all(_fits(one, each, now) for each in where)]


def moment_of(told: Moment, now: datetime) -> str:
    """What is meant by a moment, of a run that began `now`."""
    then = now + timedelta(days=told.days)
    match told.form:
        case "date":
            return then.date().isoformat()
        case "start":
            return datetime.combine(then.date(), time.min, now.tzinfo).isoformat()
        case "end":
            return datetime.combine(then.date(), time(23, 59, 59), now.tzinfo).isoformat()
        case "now":
            return then.isoformat(timespec="seconds")


def pick(items: Sequence[Any], told: Pick, now: datetime) -> Any:
    """The item that is meant, None where there is none. What is not there, or cannot be compared, is passed over."""
    kept = fitting(items, told.where, now)
    if told.by is None:
        return kept[0] if kept else None
    ranked = [(key, one) for one in kept if (key := _key(one, told.by, now)) is not None]
    if told.order == "next":
        ranked = [pair for pair in ranked if pair[0][0] == "time" and pair[0][1] >= now.timestamp()]
    if len({key[0] for key, _ in ranked}) != 1:
        return None
    chosen = max if told.order == "greatest" else min
    return chosen(ranked, key=lambda pair: pair[0])[1]


def fits_schema(fits: dict[str, Any], value: Any) -> bool:
    """Whether a value fits a JSON Schema of grants, which a checked plan has alone."""
    constraints = read_constraints({"properties": {"value": fits}, "required": ["value"]})
    return within(constraints, {"value": value})


def _fits(item: Any, one: Fits, now: datetime) -> bool:
    try:
        value = value_at(item, one.pointer)
    except LookupError:
        return False
    day = moment_of(Moment(one.days), now) if one.days is not None else ""
    return fits_schema(one.fits, value) and (not day or str(value).startswith(day))


def _key(item: Any, pointer: str, now: datetime) -> tuple[str, Any] | None:
    """What an item is compared by: numbers, times, else texts. A time without an offset is one of the zone of `now`."""
    try:
        value = value_at(item, pointer)
    except LookupError:
        return None
    match value:
        case bool():
            return None
        case int() | float():
            return "number", float(value)
        case str():
            return _moment(value, now) or _number(value) or ("text", value)
        case _:
            return None


def _number(text: str) -> tuple[str, Any] | None:
    try:
        return ("number", float(text)) if len(text) <= 30 else None
    except ValueError:
        return None


def _moment(text: str, now: datetime) -> tuple[str, Any] | None:
    try:
        found = datetime.fromisoformat(text) if text[:4].isdigit() and "-" in text else None
    except ValueError:
        return None
    if found is None:
        return None
    return "time", (found if found.tzinfo is not None else found.replace(tzinfo=now.tzinfo)).timestamp()
