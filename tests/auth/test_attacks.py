"""What an attacker tries at sign-in beyond a wrong token: an issuer that means harm, floods, clocks that jump, foreign claims."""

import asyncio
import gzip
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.auth.access_token import CREDENTIAL_CHARACTERS_MAX
from gateway.auth.base import Presented
from gateway.auth.issuer_http import TIMEOUT_S
from gateway.core.access_token import Rejected
from gateway.core.claims import principal_of
from gateway.core.issuer import ClaimNames, Issuer
from gateway.core.roles import is_reserved
from gateway.errors import Unauthenticated
from gateway.serve import bind, serving_app, url_of
from gateway.settings import AuthSettings, HttpSettings, MemoryStore
from gateway.stores.base import AuditFilter
from tests.auth.test_access_token import LAMPS, PROVING, PUBLIC, RSA_KEY, Server, Trusting, proof, server
from tests.conftest import Backend

pytestmark = pytest.mark.anyio

__all__ = ["server"]


@dataclass
class Clock:
    """The time, as far as it is off."""

    off: timedelta = field(default_factory=timedelta)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.off


@pytest.fixture
def trusting(opens: Callable[..., Any], server: Server, backend: Backend) -> Callable[..., Any]:
    @asynccontextmanager
    async def opened(clock: Clock | None = None, **said: Any) -> AsyncIterator[Trusting]:
        auth = AuthSettings(issuers=(Issuer(server.url, **said),))
        async with opens(auth=auth, http=HttpSettings(public_url=PUBLIC), store=MemoryStore(), clock=clock) as door:
            await door.add("lamps", LAMPS, backend.url)
            yield Trusting(door, server)

    return opened


# Clocks


async def test_a_clock_that_jumps_forward_ends_tokens_and_keys_and_back_begins_none_early(
    trusting: Callable[..., Any],
) -> None:
    clock = Clock()
    async with trusting(clock) as gateway:
        token = gateway.server.token()
        key = await gateway.door.key("lamps:read", expires_at=datetime.now(UTC) + timedelta(minutes=5))
        seen = []
        for minutes in (0, 60, 0, -60, 0, 60 * 24 * 365, -60 * 24 * 365, 0):
            clock.off = timedelta(minutes=minutes)
            seen.append((minutes > -1 and minutes < 5, await gateway.is_let_in(token), await gateway.is_let_in(key)))
        # A key has no beginning: it is good until its end, whatever the time.
        assert all(good == token_in for good, token_in, _ in seen)
        assert [key_in for _, _, key_in in seen] == [True, False, True, True, True, False, True, True]


async def test_a_proof_that_was_used_is_used_whatever_the_clock_does(trusting: Callable[..., Any]) -> None:
    clock = Clock()
    async with trusting(clock) as gateway:
        token = gateway.server.token(cnf={"jkt": PROVING.thumbprint()})
        once = proof(token)
        assert (await gateway.ask(f"DPoP {token}", dpop=once)).status_code == 200
        for seconds in (0, 20, -20, 300, -300, 0):
            clock.off = timedelta(seconds=seconds)
            answer = await gateway.ask(f"DPoP {token}", dpop=once)
            assert answer.status_code == 401, seconds
        assert "used before" in answer.json()["detail"]


# An issuer that is down or means harm


@dataclass
class Hostile:
    """Answers for its keys as it is told to; `asked` are the paths it was asked for."""

    how: str
    other: str = ""
    url: str = ""
    asked: list[str] = field(default_factory=list)
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked.append(scope["path"])
        await receive()
        keys = json.dumps({"keys": [RSA_KEY.as_dict(private=False)]}).encode()
        status, headers, body = 200, [], keys
        match self.how:
            case "redirects":
                status, headers = 302, [(b"location", self.other.encode())]
            case "packs":
                headers, body = [(b"content-encoding", b"gzip")], gzip.compress(b" " * (64 << 20) + keys)
            case "packs little":
                headers, body = [(b"content-encoding", b"gzip")], gzip.compress(keys)
            case "is huge":
                body = b'{"keys": [' + b" " * (1 << 20) + b"]}"
            case "has too many":
                body = json.dumps({"keys": [{"kty": "RSA", "n": "x", "e": "AQAB"}] * 3_000}).encode()
            case "nests":
                body = b"[" * 200_000
        await send({"type": "http.response.start", "status": status, "headers": headers})
        if self.how == "drips":
            while (await _next(receive, 0.05))["type"] != "http.disconnect":
                await send({"type": "http.response.body", "body": b" ", "more_body": True})
            self.gone.set()
        elif self.how == "is silent":
            while (await receive())["type"] != "http.disconnect":
                pass
            self.gone.set()
        else:
            await send({"type": "http.response.body", "body": body})


async def _next(receive: Any, seconds: float) -> dict[str, Any]:
    try:
        return await asyncio.wait_for(receive(), seconds)  # type: ignore[no-any-return]
    except TimeoutError:
        return {"type": "nothing"}


@asynccontextmanager
async def hostile(how: str, other: str = "") -> AsyncIterator[Hostile]:
    one = Hostile(how, other)
    with bind("127.0.0.1", 0) as listening:
        one.url = url_of(listening)
        async with serving_app(one, listening):
            yield one


@pytest.mark.parametrize("how", ["redirects", "packs", "packs little", "is huge", "has too many", "nests"])
async def test_keys_that_come_in_a_harmful_way_are_no_keys(trusting: Callable[..., Any], how: str) -> None:
    async with hostile("good") as elsewhere, hostile(how, f"{elsewhere.url}/jwks") as issuer:
        async with trusting(keys_url=f"{issuer.url}/jwks") as gateway:
            for _ in range(3):
                answer = await gateway.ask(f"Bearer {gateway.server.token()}")
                assert answer.status_code in (401, 503), answer.text
                assert (answer.status_code == 401) == (how == "has too many")
            key = await gateway.door.key("lamps:read")
            assert await gateway.is_let_in(key)
        assert (len(issuer.asked), elsewhere.asked) == (1, [])


@pytest.mark.parametrize("how", ["drips", "is silent"])
async def test_an_issuer_that_does_not_end_keeps_nobody_else_waiting(trusting: Callable[..., Any], how: str) -> None:
    async with hostile(how) as issuer, trusting(keys_url=f"{issuer.url}/jwks") as gateway:
        key = await gateway.door.key("lamps:read")
        started = time.monotonic()
        waiting = asyncio.create_task(gateway.ask(f"Bearer {gateway.server.token()}"))
        while not issuer.asked:  # noqa: ASYNC110 (the issuer tells nobody)
            await asyncio.sleep(0.01)
        assert await gateway.is_let_in(key)
        assert not waiting.done()
        assert (await waiting).status_code == 503
        assert time.monotonic() - started < 2 * TIMEOUT_S
        await asyncio.wait_for(issuer.gone.wait(), 10)


# Floods


def forged(number: int, claims: dict[str, Any]) -> str:
    def part(told: dict[str, Any]) -> str:
        return urlsafe_b64encode(json.dumps(told).encode()).decode().rstrip("=")

    return f"{part({'alg': 'RS256', 'typ': 'at+jwt', 'kid': f'unknown-{number}'})}.{part(claims)}.{'A' * 342}"


async def test_a_flood_of_unknown_keys_costs_one_question_little_time_and_few_lines(
    trusting: Callable[..., Any],
) -> None:
    count = 2_000
    async with trusting() as gateway:
        good = gateway.server.token()
        assert await gateway.is_let_in(good)
        asked = len(gateway.server.asked)
        now = time.time()
        claims = {"iss": gateway.server.url, "sub": "a", "client_id": "b", "aud": PUBLIC, "iat": now, "exp": now + 60}
        tokens = [forged(number, claims) for number in range(count)]
        started = time.process_time()
        for begin in range(0, count, 100):
            answers = await asyncio.gather(*(gateway.ask(f"Bearer {one}") for one in tokens[begin : begin + 100]))
            assert {answer.status_code for answer in answers} == {401}
        flood = time.process_time() - started
        wrong = f"fct_{'0' * 16}_{'1' * 64}"
        started = time.process_time()
        for _ in range(0, count, 100):
            await asyncio.gather(*(gateway.ask(f"Bearer {wrong}") for _ in range(100)))
        assert flood < 4 * (time.process_time() - started)
        assert len(gateway.server.asked) - asked <= 1
        assert await gateway.is_let_in(good)
        await asyncio.sleep(0)
        lines = await gateway.door.gateway.store.read_audit(AuditFilter(None, limit=10_000))
        assert len([line for line in lines if line.tool == "sign-in"]) <= 11


# Foreign claims


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
ROLE = st.sampled_from(["factotum:owner", "Factotum:Owner", " factotum:owner", "factotum:\u200bowner", "staff", "ops"])
NAMES = ["sub", "client_id", "azp", "scope", "scp", "groups", "tenant", "act", "cnf", "iss", "roles"]
CLAIMS = st.dictionaries(st.sampled_from(NAMES), JSON | st.lists(ROLE, max_size=4) | ROLE, max_size=11)
TRUSTED = Issuer(
    "https://id.example",
    tenants={"a": "acme"},
    claims=ClaimNames(tenant="tenant"),
    group_names={"ops": ("factotum:approver",)},
    group_scopes={"staff": ("lamps:read",)},
)


@given(CLAIMS, st.booleans())
def test_whatever_claims_say_nobody_is_of_another_tenant_or_has_a_role_that_was_not_given(
    claims: dict[str, Any], named: bool
) -> None:
    told = {**claims, **({"sub": "ada", "client_id": "agent", "tenant": "a"} if named else {})}
    try:
        principal = principal_of(told, TRUSTED)
    except Rejected:
        return
    assert (principal.tenant, principal.method, principal.issuer) == ("acme", "oauth", TRUSTED.issuer)
    assert {one for one in principal.groups if is_reserved(one)} <= {"factotum:approver"}
    assert ("factotum:approver" in principal.groups) == ("ops" in principal.groups)
    assert all(scope.isascii() and " " not in scope for scope in principal.scopes)


@given(st.lists(st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=60), max_size=3))
def test_whatever_is_presented_is_a_good_token_or_401(values: list[str]) -> None:
    for told in (values, [f"Bearer {one}" for one in values]):
        try:
            scheme, token = Presented(tuple(told)).credential(CREDENTIAL_CHARACTERS_MAX)
        except Unauthenticated:
            continue
        assert scheme in ("bearer", "dpop")
        assert token.isascii()
        assert " " not in token
