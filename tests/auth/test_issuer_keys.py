"""When an issuer is asked for its keys: a real HTTP server, and a clock that the test moves."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from gateway.auth.issuer_http import IssuerHttp, may_ask
from gateway.auth.issuer_keys import IssuerKeys, KeyTimes, Metadata, metadata_urls
from gateway.core.issuer import Issuer
from gateway.errors import IssuerFailed
from tests.auth.test_access_token import OTHER_KEY, Server, server

pytestmark = pytest.mark.anyio

__all__ = ["server"]


@dataclass
class Asking:
    keys: IssuerKeys
    server: Server
    now: float = 1_000.0
    http: IssuerHttp = field(default_factory=IssuerHttp)

    async def ids(self, key_id: str) -> list[str | None]:
        return [key.kid for key in await self.keys.keys(key_id)]

    def times_asked(self) -> int:
        return self.server.asked.count("/jwks")


@pytest.fixture
async def asking(server: Server) -> AsyncIterator[Asking]:
    http = IssuerHttp()
    one = Asking(None, server, http=http)  # type: ignore[arg-type]
    issuer = Issuer(server.url)
    one.keys = IssuerKeys(issuer, Metadata(issuer.issuer, http), http, KeyTimes(300, 10, 3_600), lambda: one.now)
    yield one
    await http.close()


async def test_keys_are_asked_for_once_and_again_when_they_are_old(asking: Asking) -> None:
    assert await asking.ids("first") == ["first"]
    asking.now += 299
    assert await asking.ids("first") == ["first"]
    assert asking.times_asked() == 1
    asking.now += 2
    await asking.ids("first")
    assert asking.times_asked() == 2


async def test_a_new_key_is_found_when_a_token_names_it_but_not_more_often_than_the_floor(asking: Asking) -> None:
    await asking.ids("first")
    asking.server.keys = [OTHER_KEY]
    assert await asking.ids("other") == ["first"]
    asking.now += 11
    assert await asking.ids("other") == ["other"]
    for number in range(20):
        await asking.ids(f"unknown-{number}")
    assert asking.times_asked() == 2


async def test_the_last_keys_are_good_for_a_while_when_the_issuer_is_down(asking: Asking) -> None:
    await asking.ids("first")
    asking.server.status = 500
    asking.now += 3_000
    assert await asking.ids("first") == ["first"]
    asking.now += 700
    with pytest.raises(IssuerFailed):
        await asking.ids("first")
    asking.server.status = 200
    with pytest.raises(IssuerFailed):
        await asking.ids("first")
    asking.now += 11
    assert await asking.ids("first") == ["first"]


async def test_keys_that_move_are_found_where_the_metadata_says(asking: Asking) -> None:
    asking.server.metadata = {"jwks_uri": f"{asking.server.url}/gone"}
    with pytest.raises(IssuerFailed):
        await asking.ids("first")
    asking.server.metadata = {}
    asking.now += 11
    assert await asking.ids("first") == ["first"]


def test_metadata_is_looked_for_where_the_specifications_say() -> None:
    assert metadata_urls("https://id.example/realms/acme/") == (
        "https://id.example/.well-known/oauth-authorization-server/realms/acme",
        "https://id.example/.well-known/openid-configuration/realms/acme",
        "https://id.example/realms/acme/.well-known/openid-configuration",
    )


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://id.example", True),
        ("http://127.0.0.1:8080", True),
        ("http://[::1]/x", True),
        ("http://localhost", True),
        ("http://id.example", False),
        ("http://127.0.0.1.evil.example", False),
        ("file:///etc/passwd", False),
        ("https://", False),
        ("http://[", False),
    ],
)
def test_an_issuer_is_asked_over_tls_or_on_loopback(url: str, allowed: bool) -> None:
    assert may_ask(url) is allowed
