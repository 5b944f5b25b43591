"""Signing in at an authorisation server that we did not write: `oidc-provider`, which is certified for OpenID Connect."""

import asyncio
import re
import time
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import httpx2
import mcp
import pytest
from joserfc import jws
from joserfc.jwk import ECKey
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata, OAuthToken

from gateway.core.issuer import Introspection, Issuer
from gateway.serve import bind, serving, url_of
from gateway.settings import AuthSettings, HttpSettings, MemoryStore
from tests.auth.test_access_token import LAMPS
from tests.conftest import BESIDE, Backend, Door

pytestmark = [pytest.mark.anyio, pytest.mark.node]

REDIRECT = "http://127.0.0.1:1/callback"


@dataclass(frozen=True)
class Served:
    """A gateway that listens at `url` and trusts the issuer."""

    door: Door
    url: str
    issuer: str

    async def token(self, client: str, resource: str, scope: str = "lamps:read", **headers: str) -> httpx.Response:
        async with httpx.AsyncClient() as http:
            form = {"grant_type": "client_credentials", "resource": resource, "scope": scope}
            auth = (client, f"{client}-secret")
            return await http.post(f"{self.issuer}/token", data=form, auth=auth, headers=headers)

    async def ask(self, token: str, scheme: str = "Bearer", **headers: str) -> int:
        async with httpx.AsyncClient() as http:
            sent = {"authorization": f"{scheme} {token}", **headers}
            return (await http.get(f"{self.url}/v1/tools", headers=sent)).status_code


@pytest.fixture
async def served(opens: Callable[..., Any], issuer: str, backend: Backend) -> AsyncIterator[Served]:
    with bind("127.0.0.1", 0) as listening:
        url = url_of(listening)
        told = Issuer(issuer, introspection=Introspection("gateway", "introspection", cache_s=0))
        auth = AuthSettings(issuers=(told,), scopes=("lamps:read",), keys_floor_s=0)
        async with opens(
            {"introspection": "gateway-secret"}, auth=auth, http=HttpSettings(public_url=url), store=MemoryStore()
        ) as door:
            await door.add("lamps", LAMPS, backend.url)
            async with serving(door.gateway, listening):
                yield Served(door, url, issuer)


class Kept:
    """What the MCP client keeps of its sign-in."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None
        self.client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


class Person:
    """Ada in her browser: opens the page, signs in, consents, and comes back with a code."""

    def __init__(self) -> None:
        self.came_back: dict[str, list[str]] = {}

    async def open(self, url: str) -> None:
        async with httpx.AsyncClient() as browser:
            answer = await browser.get(url)
            for _ in range(12):
                if answer.is_redirect:
                    target = str(answer.next_request.url) if answer.next_request else ""
                    if target.startswith(REDIRECT):
                        self.came_back = parse_qs(urlsplit(target).query)
                        return
                    answer = await browser.get(target)
                else:
                    action = re.search(r'action="([^"]+)"', answer.text)
                    prompt = re.search(r'name="prompt" value="([^"]+)"', answer.text)
                    assert action is not None, answer.text
                    assert prompt is not None, answer.text
                    form = {"prompt": prompt[1], "login": "ada", "password": "whatever"}
                    answer = await browser.post(action[1], data=form)
        raise AssertionError(f"never came back: {answer.status_code} {answer.text[:500]}")

    async def code(self) -> AuthorizationCodeResult:
        return AuthorizationCodeResult(
            code=self.came_back["code"][0], state=self.came_back["state"][0], iss=self.came_back["iss"][0]
        )


async def test_the_official_client_signs_a_person_in_and_calls_for_her(served: Served) -> None:
    """The whole dance: 401, resource metadata, server metadata, registration, code with PKCE, token for this resource."""
    ada, kept = Person(), Kept()
    about = OAuthClientMetadata(client_name="test", redirect_uris=[REDIRECT], grant_types=["authorization_code"])  # type: ignore[list-item]
    signing_in = OAuthClientProvider(f"{served.url}/mcp", about, kept, ada.open, ada.code)
    async with (
        httpx2.AsyncClient(auth=signing_in) as http,
        mcp.Client(streamable_http_client(f"{served.url}/mcp", http_client=http), mode="auto") as client,
    ):
        assert [tool.name for tool in (await client.list_tools()).tools] == ["lamps_list_lamps", *BESIDE]
        assert not (await client.call_tool("lamps_list_lamps", {})).is_error
    audit = await served.door.get("/v1/audit", await served.door.key("factotum:audit.read"))
    line = next(line for line in audit.json()["lines"] if line["tool"] == "lamps_list_lamps")
    assert kept.client is not None
    assert (line["subject"], line["client"], line["phase"]) == ("ada", kept.client.client_id, "done")


async def test_an_agent_signs_in_for_itself(served: Served) -> None:
    for resource in (served.url, f"{served.url}/mcp", f"{served.url}/v1"):
        assert await served.ask((await served.token("agent", resource)).json()["access_token"]) == 200
    for resource in ("http://127.0.0.1:2", f"{served.url}/other"):
        assert await served.ask((await served.token("agent", resource)).json()["access_token"]) == 401


async def test_opaque_tokens_are_introspected_and_a_revoked_one_is_refused_at_once(served: Served) -> None:
    token = (await served.token("agent", f"{served.url}/opaque")).json()["access_token"]
    assert await served.ask(token) == 200
    async with httpx.AsyncClient() as http:
        auth = ("agent", "agent-secret")
        revoked = await http.post(f"{served.issuer}/token/revocation", data={"token": token}, auth=auth)
        assert revoked.status_code == 200
    assert await served.ask(token) == 401


KEY = ECKey.generate_key("P-256")


def proof(method: str, url: str, now: float, token: str = "") -> str:
    claims: dict[str, Any] = {"jti": str(uuid4()), "htm": method, "htu": url, "iat": int(now)}
    if token:
        claims["ath"] = urlsafe_b64encode(sha256(token.encode()).digest()).decode().rstrip("=")
    head = {"typ": "dpop+jwt", "alg": "ES256", "jwk": KEY.as_dict(private=False)}
    return jws.serialize_compact(head, httpx.Response(200, json=claims).content, KEY)


async def test_a_token_bound_by_dpop_needs_the_key_it_is_bound_to(served: Served) -> None:
    now = time.time()
    answer = await served.token("bound", served.url, DPoP=proof("POST", f"{served.issuer}/token", now))
    assert answer.json()["token_type"] == "DPoP", answer.text
    token = answer.json()["access_token"]
    good = proof("GET", f"{served.url}/v1/tools", now, token)
    assert await served.ask(token) == 401
    assert await served.ask(token, "DPoP", DPoP=proof("POST", f"{served.url}/v1/tools", now, token)) == 401
    assert await served.ask(token, "DPoP", DPoP=good) == 200
    assert await served.ask(token, "DPoP", DPoP=good) == 401


async def test_calls_go_on_while_the_issuer_changes_its_keys(served: Served) -> None:
    old = (await served.token("agent", served.url)).json()["access_token"]
    assert await served.ask(old) == 200
    for _ in range(3):
        async with httpx.AsyncClient() as http:
            assert (await http.post(f"{served.issuer}/rotate")).status_code == 204
        new = [(await served.token("agent", served.url)).json()["access_token"] for _ in range(4)]
        assert await asyncio.gather(*map(served.ask, new)) == [200] * 4
