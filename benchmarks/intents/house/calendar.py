"""One person's calendar. Times without an offset are the house's own, and all are kept in it."""

from datetime import datetime, timedelta
from typing import Any

from benchmarks.intents.house.backend import Asked, Refused, State, add, find, named, says


def moment(told: str, asked: Asked) -> datetime:
    try:
        at = datetime.fromisoformat(told)
    except ValueError as error:
        raise Refused(422, f"{told[:40]!r} is no date and time.") from error
    zone = asked.now.tzinfo
    return at.replace(tzinfo=zone) if at.tzinfo is None else at.astimezone(zone)


def _timed(asked: Asked, event: dict[str, Any], length: timedelta) -> dict[str, Any]:
    start = moment(event["start"]["dateTime"], asked)
    end = moment(event["end"]["dateTime"], asked) if "end" in event else start + length
    if end <= start:
        raise Refused(422, "An event must end after it starts.")
    return {**event, "start": {"dateTime": start.isoformat()}, "end": {"dateTime": end.isoformat()}}


def _list(state: State, asked: Asked) -> Any:
    first, last = asked.get("timeMin"), asked.get("timeMax")
    found = [
        one
        for one in named(state["events"])
        if (first is None or moment(one["end"]["dateTime"], asked) > moment(first, asked))
        and (last is None or moment(one["start"]["dateTime"], asked) < moment(last, asked))
        and says(asked.get("q"), one["summary"], one.get("location", ""), one.get("description", ""))
    ]
    found.sort(key=lambda one: moment(one["start"]["dateTime"], asked))
    return {"kind": "calendar#events", "items": found[: asked.get("maxResults")]}


def _patch(state: State, asked: Asked) -> Any:
    event = find(state["events"], asked.get("eventId"), "event")
    length = moment(event["end"]["dateTime"], asked) - moment(event["start"]["dateTime"], asked)
    kept = {key: value for key, value in event.items() if key != "end" or "start" not in asked.body}
    changed = _timed(asked, {**kept, **asked.body}, length)
    state["events"][asked.get("eventId")] = changed
    return {"id": asked.get("eventId"), **changed}


def _delete(state: State, asked: Asked) -> None:
    find(state["events"], asked.get("eventId"), "event")
    del state["events"][asked.get("eventId")]


HANDLERS = {
    "events.list": _list,
    "events.insert": lambda state, asked: add(state["events"], "ev", _timed(asked, asked.body, timedelta(hours=1))),
    "events.get": lambda state, asked: {
        "id": asked.get("eventId"),
        **find(state["events"], asked.get("eventId"), "event"),
    },
    "events.patch": _patch,
    "events.delete": _delete,
}
