"""What is done to an audit log behind the gateway's back is found: a real database, changed by SQL."""

import asyncio
import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.audit_seal import FILE, SECRET, AuditSeal, signing_key, verify_log
from gateway.core.audit_chain import START, Checkpoint, Finding, Link, Verifier, next_digest, sign
from gateway.settings import AuditSettings, SettingsBroken
from gateway.stores.base import Store
from gateway.stores.sql import open_memory, open_sql
from tests.stores.conftest import EVERY_LINE, NOON, line

pytestmark = pytest.mark.anyio

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OURS = {KEY.public_key().public_bytes_raw()}


def seal(store: Store, now: datetime = NOON, key: Ed25519PrivateKey = KEY, **told: Any) -> AuditSeal:
    return AuditSeal(store, key, AuditSettings(**told), lambda: now)


@pytest.fixture
async def path(anyio_backend: str, tmp_path: Path) -> Path:
    """A database with ten lines, of which eight are signed, in two checkpoints."""
    path = tmp_path / "factotum.db"
    store = await open_sql(f"sqlite:///{path}")
    for count in (4, 4, 2):
        await store.append_audit([line(str(number)) for number in range(count)])
        if count == 4:
            await seal(store).sign()
    await store.close()
    return path


async def look(path: Path, keys: set[bytes] = OURS) -> list[tuple[int, str]]:
    store = await open_sql(f"sqlite:///{path}")
    verifier = Verifier(await store.checkpoints(), keys)
    found = [(one.sequence, one.damage) async for one in verify_log(store, verifier)]
    await store.close()
    return found


async def test_a_log_that_nobody_touched_is_whole(path: Path) -> None:
    assert await look(path) == []
    assert await look(path, set()) == [(4, "not signed by us"), (8, "not signed by us")]


REWRITTEN = """
UPDATE audit SET entry = CAST(replace(CAST(entry AS TEXT), '"k1"', '"k2"') AS BLOB) WHERE sequence = 3
"""
DONE: dict[str, tuple[str, list[tuple[int, str]]]] = {
    "a line is changed": (REWRITTEN, [(3, "changed")]),
    "a column is changed": ("UPDATE audit SET subject = 'bob' WHERE sequence = 5", [(5, "changed")]),
    "a line is made unreadable": ("UPDATE audit SET entry = x'00' WHERE sequence = 5", [(5, "changed")]),
    "a line is taken out": ("DELETE FROM audit WHERE sequence = 6", [(6, "missing")]),
    "the first line is taken out": ("DELETE FROM audit WHERE sequence = 1", [(1, "missing")]),
    "lines are taken out": ("DELETE FROM audit WHERE sequence IN (2, 3)", [(2, "missing")]),
    "the last line is taken out": ("DELETE FROM audit WHERE sequence = 10", [(10, "missing")]),
    "all lines are taken out": ("DELETE FROM audit", [(1, "missing")]),
    "all lines are taken out, and forgotten": (
        "DELETE FROM audit; UPDATE state SET audit_sequence = 0",
        [(1, "missing")],
    ),
    "the lines up to a checkpoint are taken out": ("DELETE FROM audit WHERE sequence <= 8", [(1, "missing")]),
    "the lines up to a checkpoint are taken out, as if let go": (
        "DELETE FROM audit WHERE sequence <= 8; UPDATE audit_checkpoint SET is_start = 1 WHERE sequence = 8",
        [(8, "not signed by us"), (1, "missing")],
    ),
    "two lines change places": (
        "UPDATE audit SET sequence = 99 WHERE sequence = 2; UPDATE audit SET sequence = 2 WHERE sequence = 3; "
        "UPDATE audit SET sequence = 3 WHERE sequence = 99",
        [(2, "changed"), (3, "changed"), (4, "changed")],
    ),
    "a line is put in": (
        "INSERT INTO audit SELECT 11, at, tenant, tool, subject, phase, entry, digest FROM audit WHERE sequence = 10",
        [(11, "changed")],
    ),
    "a checkpoint is changed": (
        "UPDATE audit_checkpoint SET at = at + 1 WHERE sequence = 4",
        [(4, "not signed by us")],
    ),
}


@pytest.mark.parametrize("what", DONE)
async def test_what_is_done_to_it_is_found(path: Path, what: str) -> None:
    script, found = DONE[what]
    with sqlite3.connect(path) as connection:
        connection.executescript(script)
    told = await look(path)
    assert told == found


async def test_a_whole_new_history_is_found_by_what_was_signed(path: Path) -> None:
    """The chain can be made anew by whoever can write; the signature cannot."""
    with sqlite3.connect(path) as connection:
        connection.execute(REWRITTEN)
        digest = START
        rows = connection.execute("SELECT sequence, entry FROM audit ORDER BY sequence").fetchall()
        for sequence, entry in rows:
            digest = next_digest(digest, sequence, entry)
            connection.execute("UPDATE audit SET entry = ?, digest = ? WHERE sequence = ?", (entry, digest, sequence))
        connection.execute("UPDATE state SET audit_digest = ?", (digest,))
    assert await look(path) == [(4, "another history"), (8, "another history")]
    forger = Ed25519PrivateKey.generate()
    store = await open_sql(f"sqlite:///{path}")
    await seal(store, key=forger).sign()
    await store.close()
    assert (10, "not signed by us") in await look(path)


async def test_lines_that_are_let_go_end_at_a_signed_line_and_the_rest_is_still_verified(path: Path) -> None:
    store = await open_sql(f"sqlite:///{path}")
    old = NOON + timedelta(days=1)
    await store.append_audit([line("new", at=old)])
    assert await seal(store, old + timedelta(days=6), retention_days=7).let_go() == 0
    assert await seal(store, old + timedelta(days=6), retention_days=6).let_go() == 8
    assert [one.sequence for one in await store.read_audit(EVERY_LINE)] == [9, 10, 11]
    await store.close()
    assert await look(path) == []


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_every_store_keeps_the_chain(tmp_path: Path, kind: str) -> None:
    store = await (open_memory() if kind == "memory" else open_sql(f"sqlite:///{tmp_path / 'x.db'}"))
    assert await seal(store).sign() is None
    await store.append_audit([line("1"), line("2", tool="\udc80")])
    sealing = seal(store)
    assert await sealing.sign() is not None
    assert await sealing.sign() is None
    await store.append_audit([line("3")])
    assert [link.sequence for link in await store.audit_links(1, 1)] == [2]
    verifier = Verifier(await store.checkpoints(), OURS)
    assert [one async for one in verify_log(store, verifier)] == []
    assert verifier.lines == 3
    later = seal(store, NOON + timedelta(days=400), retention_days=1)
    await later.sign()
    assert await later.let_go() == 3
    await store.append_audit([line("4")])
    verifier = Verifier(await store.checkpoints(), OURS)
    assert [one async for one in verify_log(store, verifier)] == []
    assert (await store.audit_tail()).sequence == 4
    await store.close()


def chain(lines: list[bytes]) -> list[Link]:
    links, digest = [], START
    for sequence, one in enumerate(lines, 1):
        digest = next_digest(digest, sequence, one)
        links.append(Link(sequence, one, digest))
    return links


@given(st.lists(st.binary(max_size=8), min_size=2, max_size=12), st.data())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.differing_executors])
def test_no_single_change_goes_unseen(lines: list[bytes], data: Any) -> None:
    links = chain(lines)
    signed = [sign(KEY, links[-1].sequence, links[-1].digest, NOON)]
    assert found(links, signed, len(links)) == []
    at = data.draw(st.integers(0, len(links) - 1))
    other = data.draw(st.integers(0, len(links) - 1).filter(lambda one: one != at))
    changed = [
        link if number != at else Link(link.sequence, link.line + b"x", link.digest)
        for number, link in enumerate(links)
    ]
    assert found(changed, signed, len(links))
    assert found([link for number, link in enumerate(links) if number != at], signed, len(links))
    moved = list(links)
    moved[at], moved[other] = (
        Link(links[at].sequence, links[other].line, links[other].digest),
        Link(links[other].sequence, links[at].line, links[at].digest),
    )
    assert found(moved, signed, len(links))


def found(links: list[Link], checkpoints: list[Checkpoint], last: int) -> list[Finding]:
    verifier = Verifier(checkpoints, OURS)
    return [*verifier.unsigned(), *(one for link in links for one in verifier.look(link)), *verifier.end(last)]


def test_the_key_is_made_once_for_its_owner_alone_and_a_secret_wins(tmp_path: Path) -> None:
    made = signing_key({}, tmp_path / "data")
    assert (tmp_path / "data" / FILE).stat().st_mode & 0o777 == 0o600
    assert [one.name for one in (tmp_path / "data").iterdir()] == [FILE]
    assert signing_key({}, tmp_path / "data").private_bytes_raw() == made.private_bytes_raw()
    pem = (tmp_path / "data" / FILE).read_text()
    assert signing_key({SECRET: pem}, tmp_path / "none").private_bytes_raw() == made.private_bytes_raw()
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("pem", ["", "no pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_a_key_that_is_none_stops_the_start(tmp_path: Path, pem: str) -> None:
    with pytest.raises(SettingsBroken, match=SECRET):
        signing_key({SECRET: pem}, tmp_path)


async def test_a_gateway_signs_what_others_left_unsigned_when_it_starts(
    opens: Callable[..., Any], tmp_path: Path
) -> None:
    store = await open_sql(f"sqlite:///{tmp_path / 'factotum.db'}")
    await store.append_audit([line("of a process that was killed")])
    async with opens(audit=AuditSettings(checkpoint_s=3_600)), asyncio.timeout(20):
        while not await store.checkpoints():  # noqa: ASYNC110 (until it has signed)
            await asyncio.sleep(0.01)
        await store.append_audit([line("of a command beside it")])
        beside = (await store.audit_tail()).sequence
        assert (await store.checkpoints())[-1].sequence < beside
    assert (await store.checkpoints())[-1].sequence == beside
    await store.close()


async def test_a_gateway_signs_its_log_when_it_stops(opens: Callable[..., Any], tmp_path: Path) -> None:
    async with opens() as door:
        token = await door.key("factotum:audit.read")
        assert (await door.post("/v1/tools/nothing:call", token)).status_code == 404
    key = signing_key({}, tmp_path).public_key().public_bytes_raw()
    store = await open_sql(f"sqlite:///{tmp_path / 'factotum.db'}")
    (checkpoint,) = await store.checkpoints()
    assert checkpoint.sequence == (await store.audit_tail()).sequence > 0
    verifier = Verifier([checkpoint], {key})
    assert [one async for one in verify_log(store, verifier)] == []
    await store.close()
