"""The household: the five services as real servers on loopback, and what they hold, so that an effect can be seen."""

from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from datetime import date
from pathlib import Path

from msgspec import Struct

from gateway.demo import calendar, groceries, home, mail, weather
from gateway.demo.service import service
from gateway.serve import bind, serving_apps
from gateway.settings import shipped

NAMES = ("home", "calendar", "mail", "groceries", "weather")


class State(Struct, frozen=True):
    """What the services hold now."""

    home: home.HomeState
    calendar: calendar.CalendarState
    mail: mail.MailState
    groceries: groceries.GroceriesState
    weather: weather.WeatherState


class Household(Struct, frozen=True):
    """`urls` are the services' base URLs by name."""

    urls: dict[str, str]
    state: State


@asynccontextmanager
async def open_household(today: date, token: str) -> AsyncIterator[Household]:
    """Start all five on free ports. Each asks for the token: weather in X-Api-Key, the others as a bearer token."""
    state = State(
        home=home.HomeState(),
        calendar=calendar.CalendarState(today),
        mail=mail.MailState(today),
        groceries=groceries.GroceriesState(),
        weather=weather.WeatherState(today),
    )
    bearer = ("authorization", f"Bearer {token}")
    apps = {
        "home": service(home.routes(state.home), document_of("home"), bearer),
        "calendar": service(calendar.routes(state.calendar), document_of("calendar"), bearer),
        "mail": service(mail.routes(state.mail), document_of("mail"), bearer),
        "groceries": service(groceries.routes(state.groceries), document_of("groceries"), bearer),
        "weather": service(weather.routes(state.weather), document_of("weather"), ("x-api-key", token)),
    }
    with ExitStack() as open_sockets:
        listening = [open_sockets.enter_context(bind("127.0.0.1", 0)) for _ in apps]
        async with serving_apps(list(zip(apps.values(), listening, strict=True))) as urls:
            yield Household(dict(zip(apps, urls, strict=True)), state)


def folder_of(name: str) -> Path:
    """Where a service's connector lies."""
    return shipped("connectors") / f"demo-{name}"


def document_of(name: str) -> Path:
    (found,) = folder_of(name).glob("openapi.*")
    return found
