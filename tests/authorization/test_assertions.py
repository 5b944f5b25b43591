"""Assertions of an identity provider for access tokens (ID-JAG): an enterprise lets its people's clients in."""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import httpx2
import mcp
import pytest
from joserfc.jwk import ECKey, RSAKey
from mcp.client.auth.extensions.identity_assertion import IdentityAssertionOAuthProvider
from mcp.client.streamable_http import streamable_http_client

from gateway.core.authorization import JWT_BEARER
from gateway.core.issuer import ClaimNames, Issuer
from gateway.serve import bind, serving_app, url_of
from tests.auth.test_access_token import Server
from tests.authorization.conftest import Served, Serves
from tests.authorization.test_clients import added
from tests.authorization.test_mcp_client import Kept

pytestmark = pytest.mark.anyio

KEY, OTHER = RSAKey.generate_key(2048, {"kid": "first"}), RSAKey.generate_key(2048, {"kid": "first"})
HEAD = {"typ": "oauth-id-jag+jwt"}


@dataclass(frozen=True)
class Trusting:
    """A gateway that takes assertions of an identity provider, and a client that has them."""

    served: Served
    provider: Server
    client: str
    secret: str

    def assertion(self, key: RSAKey | ECKey = KEY, header: dict[str, Any] | None = None, **claims: Any) -> str:
        now = int(time.time())
        told = {
            "aud": self.served.url,
            "client_id": self.client,
            "resource": f"{self.served.url}/mcp",
            "jti": f"{now} {claims}",
            **claims,
        }
        return self.provider.token(key, {**HEAD, **(header or {})}, **told)

    async def exchange(self, assertion: str, **more: str) -> httpx.Response:
        form = {"grant_type": JWT_BEARER, "assertion": assertion, **more}
        return await self.served.http.post("/oauth/token", data=form, auth=(self.client, self.secret))


@pytest.fixture
async def trusting(anyio_backend: str, serves: Serves) -> AsyncIterator[Trusting]:
    provider = Server(keys=[KEY])
    with bind("127.0.0.1", 0) as listening:
        provider.url = url_of(listening)
        told = Issuer(
            provider.url,
            audiences=("another",),
            claims=ClaimNames(groups=("groups",)),
            group_scopes={"electricians": ("lamps:write",)},
        )
        async with serving_app(provider, listening), serves(assertion_issuers=(told,)) as served:
            client, secret = await added(served)
            yield Trusting(served, provider, client, secret)


async def test_the_official_client_calls_with_an_assertion(trusting: Trusting) -> None:
    async def fetch(audience: str, resource: str) -> str:
        return trusting.assertion(aud=audience, resource=resource)

    url = trusting.served.url
    signing_in = IdentityAssertionOAuthProvider(f"{url}/mcp", Kept(), trusting.client, trusting.secret, url, fetch)
    async with (
        httpx2.AsyncClient(auth=signing_in) as http,
        mcp.Client(streamable_http_client(f"{url}/mcp", http_client=http), mode="auto") as client,
    ):
        assert not (await client.call_tool("lamps_list_lamps", {})).is_error
    line = next(line for line in await trusting.served.lines() if line["tool"] == "lamps_list_lamps")
    assert (line["subject"], line["issuer"], line["client"]) == ("ada", trusting.provider.url, trusting.client)


async def test_a_token_for_an_assertion_has_what_is_asked_for_of_what_it_says(trusting: Trusting) -> None:
    every = await trusting.exchange(trusting.assertion(groups=["electricians"]))
    assert (every.json()["scope"], "refresh_token" in every.json()) == ("lamps:read lamps:write", False)
    some = await trusting.exchange(trusting.assertion(jti="2"), scope="lamps:read lamps:write")
    assert some.json()["scope"] == "lamps:read"
    assert (await trusting.exchange(trusting.assertion(jti="3"), scope="lamps:write")).json()[
        "error"
    ] == "invalid_scope"
    metadata = (await trusting.served.http.get("/.well-known/oauth-authorization-server")).json()
    assert metadata["authorization_grant_profiles_supported"] == ["urn:ietf:params:oauth:grant-profile:id-jag"]


async def test_an_assertion_is_good_once(trusting: Trusting) -> None:
    assertion = trusting.assertion()
    assert [(await trusting.exchange(assertion)).status_code for _ in range(2)] == [200, 400]


@pytest.mark.parametrize(
    ("told", "error"),
    [
        ({"header": {"typ": "JWT"}}, "invalid_grant"),
        ({"header": {"typ": "at+jwt"}}, "invalid_grant"),
        ({"header": {"typ": 'x"\\'}}, "invalid_grant"),
        ({"key": OTHER}, "invalid_grant"),
        ({"iss": "https://elsewhere.example"}, "invalid_grant"),
        ({"aud": "https://elsewhere.example"}, "invalid_grant"),
        ({"aud": "another"}, "invalid_grant"),
        ({"client_id": "another"}, "invalid_grant"),
        ({"client_id": None}, "invalid_grant"),
        ({"sub": None}, "invalid_grant"),
        ({"jti": None}, "invalid_grant"),
        ({"iat": None}, "invalid_grant"),
        ({"exp": 1}, "invalid_grant"),
        ({"exp": int(time.time()) + 100_000}, "invalid_grant"),
        ({"cnf": {"jkt": "x"}}, "invalid_grant"),
        ({"resource": "https://elsewhere.example"}, "invalid_target"),
        ({"resource": None}, "invalid_grant"),
        ({"scope": ""}, "invalid_scope"),
    ],
)
async def test_what_is_not_said_to_us_of_this_client_for_this_resource_is_refused(
    trusting: Trusting, told: dict[str, Any], error: str
) -> None:
    answer = await trusting.exchange(trusting.assertion(**told))
    assert (answer.status_code, answer.json()["error"]) == (400, error), answer.text


async def test_an_assertion_is_no_access_token_and_not_for_a_client_without_a_secret(trusting: Trusting) -> None:
    served, assertion = trusting.served, trusting.assertion()
    assert (await served.ask(assertion)).status_code == 401
    public = (await served.register())["client_id"]
    answer = await served.token(grant_type=JWT_BEARER, assertion=trusting.assertion(client_id=public), client_id=public)
    assert answer.json()["error"] == "invalid_client"
    answer = await trusting.exchange(trusting.assertion(), resource=f"{served.url}/v1")
    assert answer.json()["error"] == "invalid_target"


async def test_where_no_provider_is_named_there_is_no_such_grant(served: Served) -> None:
    answer = await served.token(grant_type=JWT_BEARER, assertion="x")
    assert answer.json()["error"] == "unsupported_grant_type"
