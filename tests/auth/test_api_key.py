"""Signing in with an API key: which headers are good, for how long, and what the others are told."""

import os
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gateway.auth.api_key import ApiKeyAuthenticator, new_key
from gateway.auth.base import Presented
from gateway.core.principal import Principal
from gateway.errors import StoreFailed, Unauthenticated
from gateway.stores.base import ApiKey, Store
from gateway.stores.sql import open_memory

pytestmark = pytest.mark.anyio

NOON = datetime(2026, 8, 5, 12, tzinfo=UTC)
NOW = NOON.timestamp()


def make(random_bytes: bytes = bytes(range(40)), **other: Any) -> tuple[str, ApiKey]:
    told: dict[str, Any] = {"name": "laptop", "tenant": "red", "subject": "ada", "scopes": frozenset({"home:read"})}
    told |= {"groups": frozenset({"staff"}), "now": NOON, "expires_at": None}
    return new_key(random_bytes=random_bytes, **{**told, **other})


TOKEN, KEY = make()


def sent(authorization: str) -> Presented:
    return Presented((authorization,))


class CountedStore:
    """A store's keys, and how often one was looked up."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.asked = 0

    async def find_key(self, token_sha256: bytes) -> ApiKey | None:
        self.asked += 1
        return await self.store.find_key(token_sha256)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


@pytest.fixture
async def keys(anyio_backend: str) -> CountedStore:
    return CountedStore(await open_memory())


# Making one


def test_a_token_names_its_key_and_the_key_does_not_hold_the_secret() -> None:
    prefix, key_id, secret = TOKEN.split("_")
    assert (prefix, key_id, len(secret)) == ("fct", KEY.id, 64)
    kept = msgspec.json.encode(KEY)
    assert secret.encode() not in kept
    assert bytes.fromhex(secret) not in KEY.token_sha256


def test_other_random_bytes_make_another_token_and_too_few_make_none() -> None:
    assert make(os.urandom(48))[0] != make(os.urandom(48))[0]
    assert make(bytes(8) + os.urandom(32))[0] != make(bytes(8) + os.urandom(32))[0]
    with pytest.raises(ValueError, match="40 random bytes"):
        make(os.urandom(39))


# Signing in


@pytest.mark.parametrize(
    "header", ["Bearer {}", "bearer {}", "BEARER {}", "Bearer   {}", " Bearer {} \t", "Bearer\t{}"]
)
async def test_a_good_key_gives_the_principal_it_stands_for(keys: CountedStore, header: str) -> None:
    await keys.add_key(KEY)
    principal = await ApiKeyAuthenticator(keys).authenticate(sent(header.format(TOKEN)), NOW)
    assert principal == Principal("red", "ada", KEY.id, frozenset({"home:read"}), frozenset({"staff"}), "api_key")


@pytest.mark.parametrize(
    "header",
    [
        "",
        " ",
        "Bearer",
        "Bearer ",
        TOKEN,
        f"Basic {TOKEN}",
        f"Bearer {TOKEN} {TOKEN}",
        f"Bearer {TOKEN}0",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN.upper()}",
        f"Bearer x{TOKEN[1:]}",
        f"Bearer {TOKEN}\u00a0",
        f"Bearer {TOKEN[:-1]}\u0661",
        "Bearer \udc80",
        "Bearer " + "a" * 1_000_000,
        " " * 300 + f"Bearer {TOKEN}",
    ],
)
async def test_a_header_that_is_no_key_of_ours_is_refused_without_asking_the_store(
    keys: CountedStore, header: str
) -> None:
    await keys.add_key(KEY)
    with pytest.raises(Unauthenticated, match="factotum keys create") as caught:
        await ApiKeyAuthenticator(keys).authenticate(sent(header), NOW)
    assert keys.asked == 0
    assert TOKEN not in caught.value.detail


@given(header=st.text() | st.text().map(lambda token: f"Bearer {token}"))
@example("Bearer fct_")
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_whatever_a_header_holds_is_refused_and_nothing_worse(keys: CountedStore, header: str) -> None:
    with pytest.raises(Unauthenticated):
        await ApiKeyAuthenticator(keys).authenticate(sent(header), NOW)


async def test_an_unknown_key_is_told_the_same_whether_or_not_its_id_exists(keys: CountedStore) -> None:
    await keys.add_key(KEY)
    told = set()
    for token in (f"fct_{KEY.id}_{'0' * 64}", f"fct_{'0' * 16}_{'0' * 64}"):
        with pytest.raises(Unauthenticated) as caught:
            await ApiKeyAuthenticator(keys).authenticate(sent(f"Bearer {token}"), NOW)
        told.add(caught.value.detail)
    assert len(told) == 1


async def test_an_expired_key_is_told_when_it_expired_and_what_to_do(keys: CountedStore) -> None:
    token, key = make(expires_at=datetime(2026, 11, 2, tzinfo=UTC))
    await keys.add_key(key)
    authenticator = ApiKeyAuthenticator(keys)
    end = datetime(2026, 11, 2, tzinfo=UTC).timestamp()
    assert (await authenticator.authenticate(sent(f"Bearer {token}"), end - 5)).subject == "ada"
    with pytest.raises(Unauthenticated) as caught:
        await authenticator.authenticate(sent(f"Bearer {token}"), end)
    assert caught.value.detail == "This key expired on 2026-11-02; make one with `factotum keys create`."


async def test_a_revoked_key_is_told_so(keys: CountedStore) -> None:
    await keys.add_key(KEY)
    await keys.revoke_key(KEY.id, NOON)
    with pytest.raises(Unauthenticated, match="revoked on 2026-08-05"):
        await ApiKeyAuthenticator(keys).authenticate(sent(f"Bearer {TOKEN}"), NOW)


async def test_a_store_that_fails_is_not_taken_for_an_unknown_key(anyio_backend: str) -> None:
    class Broken(CountedStore):
        async def find_key(self, token_sha256: bytes) -> ApiKey | None:
            raise StoreFailed("The disk is full.")

    with pytest.raises(StoreFailed):
        await ApiKeyAuthenticator(Broken(await open_memory())).authenticate(sent(f"Bearer {TOKEN}"), NOW)


# What is remembered


async def test_a_key_in_use_is_looked_up_once_a_second(keys: CountedStore) -> None:
    await keys.add_key(KEY)
    authenticator = ApiKeyAuthenticator(keys)
    for tenths in range(25):
        await authenticator.authenticate(sent(f"Bearer {TOKEN}"), NOW + tenths / 10)
    assert keys.asked == 3


async def test_a_revocation_by_another_process_takes_effect_within_the_cache_time(keys: CountedStore) -> None:
    await keys.add_key(KEY)
    authenticator = ApiKeyAuthenticator(keys, cache_s=2.0)
    await authenticator.authenticate(sent(f"Bearer {TOKEN}"), NOW)
    await keys.revoke_key(KEY.id, NOON)
    assert await authenticator.authenticate(sent(f"Bearer {TOKEN}"), NOW + 1.9)
    with pytest.raises(Unauthenticated, match="revoked"):
        await authenticator.authenticate(sent(f"Bearer {TOKEN}"), NOW + 2.0)


async def test_what_is_remembered_never_outlives_the_key(keys: CountedStore) -> None:
    token, key = make(expires_at=NOON + timedelta(seconds=10))
    await keys.add_key(key)
    authenticator = ApiKeyAuthenticator(keys, cache_s=60)
    await authenticator.authenticate(sent(f"Bearer {token}"), NOW + 9)
    with pytest.raises(Unauthenticated, match="expired"):
        await authenticator.authenticate(sent(f"Bearer {token}"), NOW + 10)


async def test_a_clock_that_is_set_back_does_not_keep_a_revoked_key_alive(keys: CountedStore) -> None:
    await keys.add_key(KEY)
    authenticator = ApiKeyAuthenticator(keys)
    await authenticator.authenticate(sent(f"Bearer {TOKEN}"), NOW)
    await keys.revoke_key(KEY.id, NOON)
    with pytest.raises(Unauthenticated, match="revoked"):
        await authenticator.authenticate(sent(f"Bearer {TOKEN}"), NOW - timedelta(hours=1).total_seconds())


async def test_a_key_that_was_unknown_is_good_as_soon_as_it_is_made(keys: CountedStore) -> None:
    authenticator = ApiKeyAuthenticator(keys)
    with pytest.raises(Unauthenticated):
        await authenticator.authenticate(sent(f"Bearer {TOKEN}"), NOW)
    await keys.add_key(KEY)
    assert await authenticator.authenticate(sent(f"Bearer {TOKEN}"), NOW)


async def test_only_so_many_keys_are_remembered_and_the_oldest_is_forgotten_first(keys: CountedStore) -> None:
    tokens = []
    for number in range(3):
        token, key = make(bytes([number]) * 40)
        await keys.add_key(key)
        tokens.append(f"Bearer {token}")
    authenticator = ApiKeyAuthenticator(keys, cache_entries_max=2)
    for token in (*tokens, tokens[2], tokens[1], tokens[0]):
        await authenticator.authenticate(sent(token), NOW)
    assert keys.asked == 4


async def test_a_key_looked_up_again_is_the_newest_among_the_remembered(keys: CountedStore) -> None:
    first, second, third = (make(bytes([number]) * 40) for number in range(3))
    for _, key in (first, second, third):
        await keys.add_key(key)
    authenticator = ApiKeyAuthenticator(keys, cache_entries_max=2)
    for (token, _), seconds in ((first, 0.0), (second, 0.5), (first, 1.2), (third, 1.3), (first, 1.4)):
        await authenticator.authenticate(sent(f"Bearer {token}"), NOW + seconds)
    assert keys.asked == 4
