"""The weather of a few places: made up from place and date, and always the same for them."""

from datetime import date, timedelta
from hashlib import sha256
from typing import Any

from litestar import Response, get
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath
from msgspec import Struct

from gateway.demo.picture import draw_rows
from gateway.demo.service import AnyRequest, Refused, answer, find, number

SKIES = ("sunny", "cloudy", "rain", "wind", "snow", "fog")
FIELDS = ("sky", "high_c", "low_c", "rain_mm", "wind_kmh")


class Place(Struct, frozen=True):
    id: str
    name: str
    latitude: float
    longitude: float


class WeatherState:
    def __init__(self, today: date) -> None:
        self.today = today
        places = (
            Place("home", "Home", 52.52, 13.4),
            Place("hamburg", "Hamburg", 53.55, 9.99),
            Place("rome", "Rome", 41.9, 12.5),
        )
        self.places = {place.id: place for place in places}

    def on(self, place: str, at: date) -> dict[str, Any]:
        """One day's weather."""
        find(self.places, place, "place")
        dice = sha256(f"{place} {at.isoformat()}".encode()).digest()
        high = dice[0] % 25 - 2
        values = (
            SKIES[dice[1] % len(SKIES)],
            high,
            high - dice[2] % 9,
            dice[3] % 12 if dice[1] % 6 in (2, 4) else 0,
            dice[4] % 60,
        )
        return {"date": at.isoformat(), **dict(zip(FIELDS, values, strict=True))}


def routes(state: WeatherState) -> list[BaseRouteHandler]:
    @get("/places")
    async def list_places(request: AnyRequest) -> Response[bytes]:
        query = request.query_params.get("q", "").lower()
        return answer([one for one in state.places.values() if query in one.name.lower()])

    @get("/places/{place:str}/current")
    async def current(place: FromPath[str]) -> Response[bytes]:
        told = state.on(place, state.today)
        return answer({"place": place, "sky": told["sky"], "temperature_c": (told["high_c"] + told["low_c"]) / 2})

    @get("/places/{place:str}/forecast")
    async def forecast(request: AnyRequest, place: FromPath[str]) -> Response[bytes]:
        fields = request.query_params.get("fields", ",".join(FIELDS)).split(",")
        if unknown := [one for one in fields if one not in FIELDS]:
            raise Refused(422, f"{unknown[0][:40]!r} is no field; there are {', '.join(FIELDS)}.")
        days = [state.on(place, state.today + timedelta(days=n)) for n in range(number(request, "days", 3, 1, 10))]
        return answer({"place": place, "days": [{key: one[key] for key in ("date", *fields)} for one in days]})

    @get("/places/{place:str}/alerts")
    async def alerts(place: FromPath[str]) -> Response[bytes]:
        windy = state.on(place, state.today)["wind_kmh"] > 45
        return answer([{"kind": "wind", "until": state.today.isoformat()}] if windy else [])

    @get("/places/{place:str}/report", media_type="text/plain; charset=utf-8")
    async def report(place: FromPath[str]) -> str:
        told = state.on(place, state.today)
        return f"{state.places[place].name}: {told['sky']}, {told['low_c']} to {told['high_c']} °C, wind {told['wind_kmh']} km/h."

    @get("/places/{place:str}/map", media_type="image/png")
    async def picture(place: FromPath[str]) -> bytes:
        days = [state.on(place, state.today + timedelta(days=n)) for n in range(10)]
        return draw_rows([(120 + 4 * max(0, one["high_c"]), 120, 200) for one in days])

    return [list_places, current, forecast, alerts, report, picture]
