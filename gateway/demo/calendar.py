"""The family's calendar: events, free and busy times, an export."""

from datetime import date, datetime, time, timedelta
from typing import Annotated

from litestar import Response, delete, get, patch, post
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath
from msgspec import UNSET, Meta, Struct, UnsetType

from gateway.demo.service import AnyRequest, Refused, answer, change, day, find, number, read

Title = Annotated[str, Meta(min_length=1, max_length=200)]
SATURDAY = 5


class Event(Struct, frozen=True):
    id: str
    title: str
    start: datetime
    end: datetime
    location: str | None = None
    description: str | None = None
    attendees: tuple[str, ...] = ()


class NewEvent(Struct, frozen=True, forbid_unknown_fields=True):
    title: Title
    start: datetime
    end: datetime
    location: str | None = None
    description: str | None = None
    attendees: tuple[str, ...] = ()


class EventChange(Struct, frozen=True, forbid_unknown_fields=True):
    """A merge patch (RFC 7396): what is left out stays, null clears."""

    title: Title | UnsetType = UNSET
    start: datetime | UnsetType = UNSET
    end: datetime | UnsetType = UNSET
    location: str | UnsetType | None = UNSET
    description: str | UnsetType | None = UNSET


class CalendarState:
    """Two weeks of events around a day."""

    def __init__(self, today: date) -> None:
        self.today = today
        self.events: dict[str, Event] = {}
        monday = today - timedelta(days=today.weekday())
        for week in (0, 7):
            for weekday, (title, hour) in enumerate(
                (
                    ("Planning meeting", 9),
                    ("Stand-up", 8),
                    ("Dentist", 16),
                    ("Review with Jonas", 10),
                    ("One to one with Mira", 11),
                )
            ):
                self._seed(monday + timedelta(days=week + weekday), title, hour)
        saturday = today + timedelta(days=(SATURDAY - today.weekday()) % 7)
        self._seed(
            saturday, "Dinner with Mira and Jonas", 19,
            "Ingredients: spaghetti 500 g, tomatoes 6, basil, parmesan, garlic, red wine 2",
        )  # fmt: skip

    def add(self, new: NewEvent) -> Event:
        if new.end <= new.start:
            raise Refused(422, "An event must end after it starts.")
        event = Event(
            f"evt-{len(self.events) + 1}", new.title, new.start, new.end, new.location, new.description, new.attendees
        )
        self.events[event.id] = event
        return event

    def _seed(self, on: date, title: str, hour: int, description: str | None = None) -> None:
        start = datetime.combine(on, time(hour))
        self.add(NewEvent(title, start, start + timedelta(hours=1), "Home" if description else None, description))

    def between(self, first: date, last: date) -> list[Event]:
        found = [one for one in self.events.values() if first <= one.start.date() <= last]
        return sorted(found, key=lambda one: (one.start.replace(tzinfo=None), one.id))


def routes(state: CalendarState) -> list[BaseRouteHandler]:
    def window(request: AnyRequest) -> list[Event]:
        first = day(request, "from", state.today)
        return state.between(first, day(request, "to", first + timedelta(days=14)))

    @get("/events")
    async def list_events(request: AnyRequest) -> Response[bytes]:
        query, limit = request.query_params.get("q", "").lower(), number(request, "limit", 20, 1, 100)
        found = [one for one in window(request) if query in f"{one.title} {one.description or ''}".lower()]
        start = number(request, "cursor", 0, 0, 100_000)
        after = start + limit
        return answer({"events": found[start:after], "next_cursor": str(after) if after < len(found) else None})

    @post("/events", status_code=201)
    async def create_event(request: AnyRequest) -> Response[bytes]:
        return answer(state.add(await read(request, NewEvent)), 201)

    @get("/events/{event_id:str}")
    async def get_event(event_id: FromPath[str]) -> Response[bytes]:
        return answer(find(state.events, event_id, "event"))

    @patch("/events/{event_id:str}")
    async def update_event(request: AnyRequest, event_id: FromPath[str]) -> Response[bytes]:
        changed = change(find(state.events, event_id, "event"), await read(request, EventChange))
        if changed.end.replace(tzinfo=None) <= changed.start.replace(tzinfo=None):
            raise Refused(422, "An event must end after it starts.")
        state.events[event_id] = changed
        return answer(changed)

    @delete("/events/{event_id:str}")
    async def delete_event(event_id: FromPath[str]) -> None:
        find(state.events, event_id, "event")
        del state.events[event_id]

    @get("/free-busy")
    async def free_busy(request: AnyRequest) -> Response[bytes]:
        return answer({"busy": [{"start": one.start, "end": one.end} for one in window(request)]})

    @get("/calendar.ics", media_type="text/calendar; charset=utf-8")
    async def export() -> str:
        lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//household//calendar//EN"]
        for one in state.events.values():
            lines += [
                "BEGIN:VEVENT",
                f"UID:{one.id}",
                f"DTSTART:{one.start:%Y%m%dT%H%M%S}",
                f"SUMMARY:{one.title}",
                "END:VEVENT",
            ]
        return "\r\n".join([*lines, "END:VCALENDAR", ""])

    return [list_events, create_event, get_event, update_event, delete_event, free_busy, export]
