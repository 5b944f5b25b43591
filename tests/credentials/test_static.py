"""Credentials of an operator: what each scheme adds, and that a secret is named and never shown."""

import asyncio

import httpx
import pytest

from gateway.core.http import HttpRequest
from gateway.core.manifest import Auth, BasicAuth, BearerAuth, HeaderAuth, Manifest, NoAuth, QueryAuth
from gateway.core.principal import OPERATOR
from gateway.credentials.base import OneStep
from gateway.credentials.static import StaticCredentials

pytestmark = pytest.mark.anyio

SECRET = "s3cret/+ü"
REQUEST = HttpRequest(
    "GET", "https://x.example/a%2Fb?q=1", (("Accept", "*/*"), ("authorization", "mine"), ("x-key", "mine"))
)
SCHEMES: list[tuple[Auth, str, str]] = [
    (BearerAuth("token"), "header authorization", f"Bearer {SECRET}"),
    (HeaderAuth("X-Key", "token"), "header x-key", SECRET),
    (QueryAuth("api key", "token"), "query", "api%20key=s3cret%2F%2B%C3%BC"),
    (BasicAuth("ada", "token"), "header authorization", "Basic YWRhOnMzY3JldC8rw7w="),
]


@pytest.mark.parametrize(("auth", "where", "value"), SCHEMES)
async def test_a_scheme_adds_its_secret_in_one_place_and_nothing_else(auth: Auth, where: str, value: str) -> None:
    credential = await StaticCredentials({"token": SECRET}).connect(OPERATOR, Manifest(name="x", auth=auth))
    assert isinstance(credential.auth, OneStep)
    signed = credential.auth.sign(REQUEST)
    if where == "query":
        assert signed.url == f"{REQUEST.url}&{value}"
        assert signed.headers == REQUEST.headers
    else:
        name = where.partition(" ")[2]
        assert [text for key, text in signed.headers if key.lower() == name] == [value]
        assert signed.url == REQUEST.url
        assert len(signed.headers) == len(REQUEST.headers)
    assert SECRET not in credential.identity
    assert SECRET in credential.secrets


@pytest.mark.parametrize("auth", [auth for auth, _, _ in SCHEMES if not isinstance(auth, BearerAuth | HeaderAuth)])
def test_a_scheme_is_an_httpx_auth_too(auth: Auth) -> None:
    found = StaticCredentials({"token": SECRET}).connect(OPERATOR, Manifest(name="x", auth=auth))
    credential = asyncio.run(found)
    assert credential.auth is not None
    seen: list[httpx.Request] = []
    transport = httpx.MockTransport(lambda request: (seen.append(request), httpx.Response(200))[1])
    with httpx.Client(transport=transport, auth=credential.auth) as client:
        client.get("https://x.example/a?q=1")
    signed = credential.auth.sign(HttpRequest("GET", "https://x.example/a?q=1"))  # type: ignore[attr-defined]
    assert str(seen[0].url) == str(httpx.URL(signed.url))
    assert {name: seen[0].headers[name] for name, _ in signed.headers} == dict(signed.headers)


async def test_no_scheme_needs_no_secret() -> None:
    credential = await StaticCredentials({}).connect(OPERATOR, Manifest(name="x", auth=NoAuth()))
    assert (credential.auth, credential.identity, credential.secrets) == (None, "anonymous", ())


@pytest.mark.parametrize(("auth", "where", "value"), SCHEMES)
async def test_a_missing_secret_is_named_with_how_to_set_it(auth: Auth, where: str, value: str) -> None:
    from gateway.errors import CredentialMissing

    for held in ({}, {"token": ""}):
        with pytest.raises(CredentialMissing, match="FACTOTUM_SECRET_TOKEN"):
            await StaticCredentials(held).connect(OPERATOR, Manifest(name="shop", auth=auth))
