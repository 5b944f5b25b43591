"""The household: the five services as real servers on loopback, and what they hold, so that an effect can be seen."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import date
from pathlib import Path

from msgspec import Struct

from gateway.demo import calendar, groceries, home, mail, weather
from gateway.demo.service import service
from gateway.serve import bind, serving_app
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
    async with AsyncExitStack() as running:
        urls = {}
        for name, app in apps.items():
            listening = running.enter_context(bind("127.0.0.1", 0))
            urls[name] = await running.enter_async_context(serving_app(app, listening))
        yield Household(urls, state)


def folder_of(name: str) -> Path:
    """Where a service's connector lies."""
    return shipped("connectors") / f"demo-{name}"


def document_of(name: str) -> Path:
    (found,) = folder_of(name).glob("openapi.*")
    return found
