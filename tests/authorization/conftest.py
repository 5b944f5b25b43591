"""What the tests of the gateway's own authorisation server share: a gateway that listens, people, and their browsers."""

import asyncio
import re
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from gateway.core.principal import OPERATOR
from gateway.core.toolset import Toolset
from gateway.edge.parts import Gateway
from gateway.serve import bind, serving, url_of
from gateway.settings import AuthorizationServerSettings, AuthSettings, HttpSettings, MemoryStore
from tests.conftest import Backend, Door

PASSWORD = "correct horse battery"
REDIRECT = "http://127.0.0.1:1/callback"
ALL_SCOPES = frozenset({"lamps:read", "lamps:write", "factotum:audit.read"})
VERIFIER = "v" * 43

LAMPS = {
    "openapi": "3.1.0",
    "info": {"title": "Lamps", "version": "1"},
    "paths": {
        "/lamps": {
            "get": {"operationId": "listLamps", "responses": {"200": {"description": "all of them"}}},
            "post": {"operationId": "addLamp", "responses": {"201": {"description": "added"}}},
        }
    },
}


def challenge(verifier: str = VERIFIER) -> str:
    return urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")


class Ada:
    """A person at a browser: opens a page, signs in, ticks what she wants, and is sent back. She runs no script."""

    def __init__(self, http: httpx.AsyncClient, *, name: str = "ada", password: str = PASSWORD) -> None:
        self.http = http
        self.name = name
        self.password = password
        self.ticks: frozenset[str] | None = None
        self.says = "allow"
        self.seen: list[str] = []
        self.came_back: dict[str, str] = {}

    async def open(self, url: str) -> None:
        """Until she is sent back to the client."""
        answer = await self.http.get(url)
        for _ in range(8):
            if answer.is_redirect:
                target = answer.headers["location"]
                if not target.startswith("/"):
                    self.came_back = {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
                    return
                answer = await self.http.get(target)
            else:
                answer = await self.fill_in(answer)
        raise AssertionError(f"never came back: {answer.status_code} {answer.text}")

    async def fill_in(self, answer: httpx.Response) -> httpx.Response:
        self.seen.append(answer.text)
        assert answer.status_code == 200, answer.text
        action, fields = read_form(answer.text)
        if action == "/login":
            fields |= {"name": [self.name], "password": [self.password]}
        else:
            fields |= {"decision": [self.says]}
            if self.ticks is not None:
                fields["scope"] = sorted(self.ticks)
        return await self.post(action, fields)

    async def post(self, path: str, fields: Mapping[str, Any]) -> httpx.Response:
        return await self.http.post(path, data=dict(fields), headers={"origin": str(self.http.base_url).rstrip("/")})

    async def sign_in(self) -> httpx.Response:
        return await self.fill_in(await self.http.get("/login"))


def read_form(html: str) -> tuple[str, dict[str, list[str]]]:
    """Where a form goes, and what it sends as it is."""
    action = re.search(r'<form method="post" action="([^"]+)"', html)
    assert action is not None, html
    fields: dict[str, list[str]] = {}
    for tag in re.findall(r"<input[^>]*>", html):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        if name and value and ('type="checkbox"' not in tag or " checked" in tag):
            fields.setdefault(name[1], []).append(unescape(value[1]))
    return unescape(action[1]), fields


@dataclass(frozen=True)
class Served:
    """A gateway that listens at `url` and is its own authorisation server."""

    door: Door
    url: str
    http: httpx.AsyncClient
    browsers: list[httpx.AsyncClient] = field(default_factory=list)

    @property
    def gateway(self) -> Gateway:
        return self.door.gateway

    def person(self, *, at: str = "127.0.0.1", **told: Any) -> Ada:
        """Somebody with a browser of their own, at an address of loopback."""
        browser = httpx.AsyncClient(base_url=self.url, transport=httpx.AsyncHTTPTransport(local_address=at))
        self.browsers.append(browser)
        return Ada(browser, **told)

    async def add_user(self, name: str = "ada", scopes: frozenset[str] = ALL_SCOPES, **told: Any) -> None:
        assert self.gateway.authorization is not None
        users = self.gateway.authorization.users
        await users.add(
            OPERATOR, name, PASSWORD, told.pop("tenant", "default"), scopes, frozenset(told.pop("groups", ()))
        )

    async def register(self, *redirect_uris: str, **more: Any) -> dict[str, Any]:
        told = {"client_name": "A test", "redirect_uris": redirect_uris or [REDIRECT], **more}
        answer = await self.http.post("/oauth/register", json=told)
        assert answer.status_code == 201, answer.text
        registered: dict[str, Any] = answer.json()
        return registered

    def authorize(self, client_id: str, **more: str | None) -> str:
        told = {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": REDIRECT,
            "state": "some state",
            "code_challenge": challenge(),
            "code_challenge_method": "S256",
            "scope": "lamps:read",
            **more,
        }
        return "/oauth/authorize?" + urlencode({name: value for name, value in told.items() if value is not None})

    async def token(self, **form: str) -> httpx.Response:
        return await self.http.post("/oauth/token", data=form)

    async def redeem(self, client_id: str, code: str, **more: str) -> httpx.Response:
        told = {"client_id": client_id, "code": code, "redirect_uri": REDIRECT, "code_verifier": VERIFIER, **more}
        return await self.token(grant_type="authorization_code", **told)

    async def refresh(self, client_id: str, token: str, **more: str) -> httpx.Response:
        return await self.token(grant_type="refresh_token", client_id=client_id, refresh_token=token, **more)

    async def tokens(self, person: Ada | None = None, **more: str | None) -> tuple[str, dict[str, Any]]:
        """A client's id and what it got."""
        client = (await self.register(grant_types=["authorization_code", "refresh_token"]))["client_id"]
        who = person or self.person()
        await who.open(self.authorize(client, **more))
        assert "code" in who.came_back, who.came_back
        answer = await self.redeem(client, who.came_back["code"])
        assert answer.status_code == 200, answer.text
        return client, answer.json()

    async def ask(self, token: str, path: str = "/v1/tools") -> httpx.Response:
        return await self.http.get(path, headers={"authorization": f"Bearer {token}"})

    async def lines(self) -> list[dict[str, Any]]:
        """The audit log, once all that waits is written."""
        await asyncio.gather(*self.gateway.rejections._writing)
        answer = await self.ask(await self.door.key("factotum:audit.read"), "/v1/audit?limit=1000")
        found: list[dict[str, Any]] = answer.json()["lines"]
        return found


Serves = Callable[..., Any]


@pytest.fixture
def serves(opens: Callable[..., Any], backend: Backend) -> Serves:
    """Opens such a gateway with settings of the test's own: `async with serves(code_s=1) as served`."""

    @asynccontextmanager
    async def serve(
        *,
        secrets: Mapping[str, str] | None = None,
        auth: Mapping[str, Any] | None = None,
        clock: Callable[[], datetime] | None = None,
        toolsets: Mapping[str, Toolset] | None = None,
        **server: Any,
    ) -> AsyncIterator[Served]:
        with bind("127.0.0.1", 0) as listening:
            url = url_of(listening)
            told = AuthSettings(server=AuthorizationServerSettings(**server), **{"cache_s": 0.0, **(auth or {})})
            http_told = HttpSettings(public_url=url)
            more = {"store": MemoryStore(), "clock": clock, "toolsets": toolsets or {}}
            async with opens(secrets, auth=told, http=http_told, **more) as door:
                await door.add("lamps", LAMPS, backend.url)
                async with serving(door.gateway, listening), httpx.AsyncClient(base_url=url) as http:
                    served = Served(door, url, http)
                    yield served
                    for browser in served.browsers:
                        await browser.aclose()

    return serve


@pytest.fixture
async def served(anyio_backend: str, serves: Serves) -> AsyncIterator[Served]:
    async with serves() as one:
        await one.add_user()
        yield one
