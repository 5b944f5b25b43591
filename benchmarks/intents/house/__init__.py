"""The house that the gold set is about: eleven backends, each with a document of another style, a manifest beside it (data
only), and a state that is a plain value.

| backend | its document |
|---|---|
| home | OpenAPI 3.1, good summaries, opaque ids that are found by listing |
| calendar | 3.0, bodies within bodies, RFC 3339 times |
| mail | 3.0, lists in pages by cursor and without bodies |
| shopping-list | 3.0, terse, no operationIds |
| shop | 3.1, pages by number, money, orders and payment |
| recipes | 3.0, ingredients within recipes |
| weather | 3.0, read only, the key in the query |
| music | 3.1, something to play is found by searching |
| tasks | 3.0, pages by offset, dates, enums |
| contacts | 3.0, search by POST, two people of one name |
| clock | Swagger 2.0, terse |

What needs a person's yes is what is destructive: deleting, and what the manifests' overlays say of unlocking, ordering,
paying and cancelling.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from benchmarks.intents.changes import apply
from benchmarks.intents.house import (
    calendar,
    clock,
    contacts,
    home,
    mail,
    music,
    recipes,
    shop,
    shopping_list,
    tasks,
    weather,
)
from benchmarks.intents.house.backend import SECRET, Backend, Handler, Request
from gateway.serve import bind, serving_apps

CONNECTORS = Path(__file__).parent / "connectors"
SECRETS = {"house": SECRET}
POLICY_PACKS = ("destructive-needs-approval",)
NOW = datetime.fromisoformat("2026-05-12T09:30:00+02:00")
HANDLERS: dict[str, Mapping[str, Handler]] = {
    "home": home.HANDLERS,
    "calendar": calendar.HANDLERS,
    "mail": mail.HANDLERS,
    "shopping-list": shopping_list.HANDLERS,
    "shop": shop.HANDLERS,
    "recipes": recipes.HANDLERS,
    "weather": weather.HANDLERS,
    "music": music.HANDLERS,
    "tasks": tasks.HANDLERS,
    "contacts": contacts.HANDLERS,
    "clock": clock.HANDLERS,
}


class House:
    """All backends. `urls` are their base URLs by name, where they are served."""

    def __init__(self) -> None:
        self.backends = {name: Backend(CONNECTORS / name, handlers) for name, handlers in HANDLERS.items()}
        self.urls: dict[str, str] = {}
        self.client = httpx.AsyncClient(
            mounts={f"all://{name}.house": httpx.ASGITransport(app=one) for name, one in self.backends.items()}
        )

    def start(self, before: Mapping[str, Any] | None = None, now: datetime = NOW) -> None:
        """Make the house as new, with these changes, at this time. What was asked of it before is forgotten."""
        for name, backend in self.backends.items():
            backend.start(apply(backend.seed, (before or {}).get(name, {})), now)

    @property
    def state(self) -> dict[str, Any]:
        """All that there is, by backend. A part of the house itself: copy what is to be kept."""
        return {name: backend.state for name, backend in self.backends.items()}

    def requests(self) -> list[Request]:
        """What was asked since the start, backend by backend."""
        return [request for backend in self.backends.values() for request in backend.requests]

    def manifests(self) -> dict[str, dict[str, Any]]:
        """The manifests with the base URLs where the backends are served now, which are on loopback."""
        return {
            name: {**backend.manifest, "base_url": self.urls[name], "allow_addresses": ["127.0.0.0/8"]}
            for name, backend in self.backends.items()
        }

    async def send(self, name: str, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Ask a backend without any gateway, signed in as its manifest says. Raises httpx.HTTPStatusError."""
        auth = self.backends[name].manifest.get("auth", {"kind": "none"})
        headers: dict[str, str] = {}
        match auth["kind"]:
            case "bearer":
                headers = {"authorization": f"Bearer {SECRET}"}
            case "header":
                headers = {auth["header"]: SECRET}
            case "query":
                query = {**query, auth["parameter"]: SECRET}
        basic = httpx.BasicAuth(auth["username"], SECRET) if auth["kind"] == "basic" else None
        answer = await self.client.request(
            method, f"http://{name}.house{path}", params=query, json=body, headers=headers, auth=basic
        )
        answer.raise_for_status()
        return answer.json() if answer.content else None


@asynccontextmanager
async def open_house(*, served: bool = False) -> AsyncIterator[House]:
    """The house in process, or `served` on loopback as well, each backend at a port of its own."""
    house = House()
    async with house.client:
        if not served:
            yield house
            return
        with ExitStack() as open_sockets:
            listening = [open_sockets.enter_context(bind("127.0.0.1", 0)) for _ in house.backends]
            async with serving_apps(list(zip(house.backends.values(), listening, strict=True))) as urls:
                house.urls = dict(zip(house.backends, urls, strict=True))
                yield house
