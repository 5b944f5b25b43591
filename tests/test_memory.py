"""What is remembered of a person, through the front door: told, seen and deleted by them, and by nobody else."""

from collections.abc import AsyncIterator, Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from gateway.core.catalog import all_scopes
from gateway.core.fact import MEMORY_READ, MEMORY_WRITE
from gateway.core.principal import OPERATOR
from gateway.demo.household import NAMES, Household, open_household
from gateway.demo.run import SECRET_NAME, offer
from gateway.settings import IntentSettings, MemorySettings
from gateway.stores.base import AuditFilter
from tests.conftest import Door, open_door
from tests.edge.test_mcp_clients import served
from tests.remote.test_login import Terminal, terminal

__all__ = ["terminal"]  # A fixture.

pytestmark = pytest.mark.anyio

SECRET = "s"
Json = dict[str, Any]


@pytest.fixture
async def household(anyio_backend: str) -> AsyncIterator[Household]:
    async with open_household(date(2026, 3, 4), SECRET) as one:
        yield one


@pytest.fixture
async def door(household: Household, tmp_path: Path) -> AsyncIterator[Door]:
    free = IntentSettings(words_need_yes=False)
    async with open_door(tmp_path / "data", secrets={SECRET_NAME: SECRET}, intents=free) as one:
        for name in NAMES:
            await one.gateway.ingestion.add(OPERATOR, offer(name, household.urls[name]))
        yield one


@pytest.fixture
async def token(door: Door) -> str:
    return await door.key(*all_scopes(door.gateway.published.current.catalog), MEMORY_READ, MEMORY_WRITE)


async def facts(door: Door, token: str) -> list[Json]:
    response = await door.get("/v1/memory", token)
    assert response.status_code == 200, response.text
    told: list[Json] = response.json()["facts"]
    return told


async def remember(door: Door, token: str, words: str) -> Json:
    response = await door.post("/v1/memory", token, {"words": words})
    assert response.status_code == 201, response.text
    told: Json = response.json()
    return told


async def drop(door: Door, token: str, path: str) -> tuple[int, Json]:
    response = await door.client.delete(path, headers={"authorization": f"Bearer {token}"})
    return response.status_code, response.json()


async def test_a_fact_says_what_it_is_who_said_it_when_and_in_which_words(door: Door, token: str) -> None:
    told = await remember(door, token, "The den is the living room.")
    assert told["fact"] == {"kind": "alias", "words": "den", "means": "living room"}
    assert (told["subject"], told["said"], told["uses"]) == ("ada", "The den is the living room.", 0)
    assert told["client"]
    assert told["at"]
    assert await facts(door, token) == [told]


@pytest.mark.parametrize(
    "fact",
    [
        {"kind": "alias", "words": "my wife", "means": "anna@example.com"},
        {"kind": "default", "argument": "calendar", "value": "work", "connector": "calendar"},
        {"kind": "default", "argument": "guests", "value": 2},
        {"kind": "setting", "name": "units", "value": "metric"},
    ],
)
async def test_a_typed_fact_is_kept_as_it_is(door: Door, token: str, fact: Json) -> None:
    response = await door.post("/v1/memory", token, {"fact": fact})
    assert (response.status_code, response.json()["fact"]) == (201, fact)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"words": "buy milk"},
        {"words": "what is the den?"},
        {"words": "off is on"},
        {"fact": {"kind": "alias", "words": "den", "means": "two\nlines"}},
        {"fact": {"kind": "alias", "words": "den", "means": "li\u200bving"}},
        {"fact": {"kind": "alias", "words": "the den", "means": "den"}},
        {"fact": {"kind": "alias", "words": "d" * 61, "means": "x"}},
        {"fact": {"kind": "default", "argument": "_", "value": "x"}},
        {"fact": {"kind": "default", "argument": "city", "value": ["x"]}},
        {"fact": {"kind": "setting", "name": "zone", "value": "Moon/Sea"}},
        {"fact": {"kind": "setting", "name": "locale", "value": "en; drop"}},
        {"fact": {"kind": "setting", "name": "units", "value": "feet"}},
        {"fact": {"kind": "rule", "words": "x"}},
    ],
)
async def test_what_is_no_fact_is_refused_and_nothing_is_kept(door: Door, token: str, body: Json) -> None:
    assert (await door.post("/v1/memory", token, body)).status_code == 400
    assert await facts(door, token) == []


async def test_another_fact_about_the_same_takes_its_place_and_the_same_one_stays(door: Door, token: str) -> None:
    first = await remember(door, token, "my wife is anna@example.com")
    assert await remember(door, token, "remember that my wife is anna@example.com") == first
    second = await remember(door, token, "My wife is eva@example.com")
    assert await facts(door, token) == [second]
    assert second["id"] != first["id"]


async def test_facts_are_the_persons_through_every_client_and_nobody_elses(door: Door, token: str) -> None:
    one = await remember(door, token, "the den is the study")
    assert await facts(door, await door.key(MEMORY_READ)) == [one]
    other = await door.key(MEMORY_READ, MEMORY_WRITE, subject="bob")
    assert await facts(door, other) == []
    assert (await drop(door, other, f"/v1/memory/{one['id']}"))[0] == 404
    assert await drop(door, other, "/v1/memory") == (200, {"facts": 0})
    elsewhere = await door.key(MEMORY_READ, tenant="blue")
    assert await facts(door, elsewhere) == []
    assert await facts(door, token) == [one]


async def test_a_client_without_the_scope_neither_sees_nor_changes_anything(door: Door, token: str) -> None:
    one = await remember(door, token, "the den is the study")
    for key in (await door.key(), await door.key(role="owner")):
        response = await door.get("/v1/memory", key)
        assert (response.status_code, response.json()["scopes"]) == (403, [MEMORY_READ])
        response = await door.post("/v1/memory", key, {"words": "the den is the attic"})
        assert (response.status_code, response.json()["scopes"]) == (403, [MEMORY_WRITE])
    reads = await door.key(MEMORY_READ)
    assert (await door.post("/v1/memory", reads, {"words": "the den is the attic"})).status_code == 403
    assert (await drop(door, reads, f"/v1/memory/{one['id']}"))[0] == 403
    assert (await drop(door, reads, "/v1/memory"))[0] == 403
    assert await facts(door, token) == [one]


async def test_one_person_has_so_many_facts(opens: Callable[..., Any]) -> None:
    async with opens(memory=MemorySettings(facts_max=1)) as door:
        token = await door.key(MEMORY_READ, MEMORY_WRITE)
        await remember(door, token, "the den is the study")
        response = await door.post("/v1/memory", token, {"words": "the lair is the study"})
        assert (response.status_code, "memory.facts_max" in response.json()["detail"]) == (403, True)


async def test_what_is_forgotten_is_gone_and_the_audit_log_never_had_its_words(door: Door, token: str) -> None:
    one = await remember(door, token, "my wife is anna@example.com")
    await remember(door, token, "the den is the study")
    await remember(door, token, "my city is Oslo")
    assert await drop(door, token, f"/v1/memory/{one['id']}") == (200, {"facts": 1})
    assert (await drop(door, token, f"/v1/memory/{one['id']}"))[0] == 404
    assert [each["fact"]["kind"] for each in await facts(door, token)] == ["alias", "default"]
    assert await drop(door, token, "/v1/memory") == (200, {"facts": 2})
    assert await facts(door, token) == []
    lines = await door.gateway.store.read_audit(AuditFilter(tenant="default", limit=1_000))
    own = [line for line in lines if line.tool.startswith("memory.")]
    assert [line.tool for line in own] == ["memory.remembered"] * 3 + ["memory.forgotten"] * 2
    assert {line.subject for line in own} == {"ada"}
    told = b"".join(bytes(line.arguments) for line in own)
    assert one["id"].encode() in told
    assert not any(word in told for word in (b"anna", b"wife", b"den", b"study", b"Oslo"))


async def test_what_is_forgotten_is_not_left_in_the_file_of_the_store(tmp_path: Path) -> None:
    async with open_door(tmp_path / "data") as door:
        token = await door.key(MEMORY_READ, MEMORY_WRITE)
        await remember(door, token, "my wife is anna.unmistakable@example.com")
        assert await drop(door, token, "/v1/memory") == (200, {"facts": 1})
    kept = [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert any(path.suffix == ".db" for path in kept)
    assert [path for path in kept if b"anna.unmistakable" in path.read_bytes()] == []


async def test_a_person_has_it_remembered_looks_at_it_and_deletes_it_at_a_gateway(
    door: Door, token: str, terminal: Terminal
) -> None:
    async with served(door) as url:
        at = url.removesuffix("/mcp")
        await terminal.run("login", at, "--key", said=token + "\n")
        await tells_it_all(terminal, FACTOTUM_GATEWAY=at)


async def test_and_where_the_store_is(terminal: Terminal) -> None:
    await tells_it_all(terminal)


async def tells_it_all(terminal: Terminal, **where: str) -> None:
    code, said, wrong = await terminal.run("remember", "the", "den", "is", "the", "living", "room", **where)
    assert code == 0, wrong
    name = said.partition(":")[0]
    assert said == f"{name}: “den” is “living room”\n"
    code, said, wrong = await terminal.run("facts", **where)
    assert (code, name in said, "the den is the living room" in said) == (0, True, True), wrong
    code, said, wrong = await terminal.run("facts", "forget", **where)
    assert (code, "--all" in wrong) == (2, True)
    code, said, wrong = await terminal.run("facts", "forget", name, **where)
    assert (code, said) == (0, "1 deleted\n"), wrong
    code, said, wrong = await terminal.run("facts", "forget", "--all", **where)
    assert (code, said) == (0, "0 deleted\n"), wrong
    code, said, wrong = await terminal.run("facts", "list", **where)
    assert (code, name in said) == (0, False), wrong
    code, said, wrong = await terminal.run("remember", "buy", "milk", **where)
    assert (code, "no fact" in wrong) == (1, True)
