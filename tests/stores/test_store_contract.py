"""What every store promises, whichever it is."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Raw, structs

from gateway.core.audit import AuditEntry
from gateway.core.authorization import AuthorizationCode, Login, TokenFamily, User
from gateway.core.fact import Alias, Fact, What
from gateway.core.manifest import BearerAuth, Limits, Manifest
from gateway.core.notice import Listener, notices, read_about
from gateway.core.plan import Plan, Step
from gateway.core.principal import Principal
from gateway.core.recipe import Recipe, RecipeParameter
from gateway.core.run import Entry, Event, Received, Run, Skipped
from gateway.core.schedule import Cron
from gateway.core.standing import Slot, SlotState, Standing, StandingTerms
from gateway.errors import Conflict
from gateway.stores.base import (
    POLICY_VERSIONS_MAX,
    ApiKey,
    AuditFilter,
    PolicyVersion,
    Store,
    StoredConnector,
    StoredDocument,
)
from tests.stores.conftest import EVERY_LINE, NOON, connector, document, key, line

pytestmark = pytest.mark.anyio


async def call_ids(store: Store, **wanted: Any) -> list[str]:
    return [entry.call_id for entry in await store.read_audit(AuditFilter(**{"tenant": None, **wanted}))]


# Connectors


async def test_a_new_store_answers_and_is_empty(store: Store) -> None:
    assert await store.ready()
    assert (list(await store.connectors()), list(await store.keys())) == ([], [])
    assert list(await store.read_audit(EVERY_LINE)) == []


async def test_a_connector_comes_back_as_it_was_put_in(store: Store) -> None:
    manifest = Manifest("home", "https://home.example/api.json", auth=BearerAuth("token"), limits=Limits(timeout_s=5))
    files = {"https://home.example/api.json": b"{}", "https://home.example/parts.yaml": b"a: 1\n" * 1_000, "empty": b""}
    held = StoredDocument("d1", "https://home.example/api.json", files, NOON, etag='W/"7"')
    again = StoredConnector(manifest, held, NOON + timedelta(hours=1), from_folder=True)
    await store.put_connector(again)
    assert list(await store.connectors()) == [again]


async def test_connectors_are_listed_by_name(store: Store) -> None:
    for name in ("mail", "a-b", "home", "a1", "ab"):
        await store.put_connector(connector(name))
    assert [one.manifest.name for one in await store.connectors()] == ["a-b", "a1", "ab", "home", "mail"]


async def test_connectors_can_be_read_without_the_files_of_their_documents(store: Store) -> None:
    put = [connector("home", b"home"), connector("mail", b"mail", title="Mail")]
    for one in reversed(put):
        await store.put_connector(one)
    told = await store.manifests()
    assert [structs.replace(one, document=structs.replace(one.document, files={})) for one in put] == list(told)


async def test_only_the_connectors_that_are_asked_for_are_read(store: Store) -> None:
    for name in ("home", "mail", "car"):
        await store.put_connector(connector(name, name.encode()))
    found = await store.connectors(["mail", "car", "elsewhere"])
    assert list(found) == [connector("car", b"car"), connector("mail", b"mail")]
    assert list(await store.connectors([])) == []


async def test_a_connector_takes_the_place_of_one_of_the_same_name(store: Store) -> None:
    await store.put_connector(connector("home", b"old"))
    await store.put_connector(connector("mail", b"mail"))
    await store.put_connector(connector("home", b"new", title="Home"))
    assert list(await store.connectors()) == [connector("home", b"new", title="Home"), connector("mail", b"mail")]


async def test_connectors_that_share_a_document_keep_it_until_the_last_has_gone(store: Store) -> None:
    await store.put_connector(connector("home", b"shared"))
    await store.put_connector(connector("mail", b"shared"))
    assert await store.delete_connector("home")
    assert list(await store.connectors()) == [connector("mail", b"shared")]
    assert await store.delete_connector("mail")
    await store.put_connector(connector("home", b"shared"))
    assert list(await store.connectors()) == [connector("home", b"shared")]


async def test_connectors_that_share_a_document_may_have_fetched_it_at_different_times(store: Store) -> None:
    early = connector("home")
    late = structs.replace(early, manifest=Manifest("mail"), document=structs.replace(document(), etag="2"))
    late = structs.replace(late, document=structs.replace(late.document, fetched_at=NOON + timedelta(days=1)))
    await store.put_connector(early)
    await store.put_connector(late)
    assert list(await store.connectors()) == [early, late]


async def test_deleting_says_whether_there_was_one(store: Store) -> None:
    await store.put_connector(connector("home"))
    assert [await store.delete_connector("home"), await store.delete_connector("home")] == [True, False]
    assert list(await store.connectors()) == []


async def test_every_change_to_connectors_and_keys_raises_the_generation(store: Store) -> None:
    seen = [await store.generation()]

    async def after(change: Awaitable[object]) -> None:
        await change
        seen.append(await store.generation())

    await after(store.put_connector(connector("home")))
    await after(store.put_connector(connector("home")))
    await after(store.delete_connector("home"))
    await after(store.add_key(key()))
    await after(store.revoke_key("k1", NOON))
    assert all(later > earlier for earlier, later in pairwise(seen))


async def test_what_changes_nothing_leaves_the_generation(store: Store) -> None:
    await store.add_key(key())
    before = await store.generation()
    await store.delete_connector("home")
    await store.revoke_key("nobody", NOON)
    await store.append_audit([line()])
    with pytest.raises(Conflict):
        await store.add_key(key())
    assert await store.generation() == before


# Keys


async def test_a_key_is_found_by_the_hash_of_its_token_alone(store: Store) -> None:
    held = key(expires_at=NOON + timedelta(days=90))
    await store.add_key(held)
    assert await store.find_key(held.token_sha256) == held
    assert await store.find_key(b"\0" * 32) is None
    assert await store.find_key(held.token_sha256[:-1]) is None


async def test_keys_are_listed_oldest_first_with_the_expired_and_the_revoked(store: Store) -> None:
    young, old = key("a", created_at=NOON + timedelta(days=1)), key("b", expires_at=NOON - timedelta(days=1))
    await store.add_key(young)
    await store.add_key(old)
    await store.revoke_key("a", NOON)
    assert list(await store.keys()) == [old, structs.replace(young, revoked_at=NOON)]


async def test_a_key_is_revoked_once_and_keeps_its_first_time(store: Store) -> None:
    await store.add_key(key())
    assert await store.revoke_key("k1", NOON)
    assert not await store.revoke_key("k1", NOON + timedelta(days=1))
    assert not await store.revoke_key("k2", NOON)
    found = await store.find_key(key().token_sha256)
    assert found is not None
    assert found.revoked_at == NOON


@pytest.mark.parametrize("again", [key("k1", token_sha256=b"\1" * 32), key("k2", token_sha256=key("k1").token_sha256)])
async def test_a_key_whose_id_or_token_is_taken_is_refused(store: Store, again: ApiKey) -> None:
    await store.add_key(key("k1"))
    with pytest.raises(Conflict):
        await store.add_key(again)
    assert list(await store.keys()) == [key("k1")]


# The audit log


async def test_lines_come_back_oldest_first_with_rising_sequences(store: Store) -> None:
    await store.append_audit([line("1"), line("2", sequence=99)])
    await store.append_audit([])
    await store.append_audit([line("3")])
    lines = list(await store.read_audit(EVERY_LINE))
    assert [entry.call_id for entry in lines] == ["1", "2", "3"]
    sequences = [entry.sequence for entry in lines]
    assert sequences == sorted(set(sequences))
    assert sequences[0] > 0
    assert structs.replace(lines[0], sequence=0) == line("1")


async def test_without_a_place_to_start_from_the_newest_lines_are_read(store: Store) -> None:
    await store.append_audit([line(str(number)) for number in range(10)])
    assert await call_ids(store, limit=3) == ["7", "8", "9"]
    assert await call_ids(store, limit=0) == await call_ids(store, limit=-1) == []


async def test_a_reader_that_follows_misses_no_line_and_sees_none_twice(store: Store) -> None:
    await store.append_audit([line(str(number)) for number in range(10)])
    seen: list[str] = []
    last = 0
    while lines := await store.read_audit(AuditFilter(tenant=None, after_sequence=last, limit=3)):
        seen += [entry.call_id for entry in lines]
        last = lines[-1].sequence
    assert seen == [str(number) for number in range(10)]
    assert await call_ids(store, after_sequence=10**30) == []


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, ["1", "2", "3", "4"]),
        ({"tenant": "red"}, ["1", "2", "4"]),
        ({"tenant": "blue"}, ["3"]),
        ({"tenant": ""}, []),
        ({"tool": "look"}, ["1", "3", "4"]),
        ({"subject": "bob"}, ["2", "4"]),
        ({"phase": "denied"}, ["4"]),
        ({"tenant": "red", "tool": "look", "subject": "ada"}, ["1"]),
        ({"tenant": "red", "limit": 1}, ["4"]),
        ({"tool": "loo"}, []),
        ({"tool": "look' OR '1'='1"}, []),
    ],
)
async def test_lines_are_chosen_by_tenant_tool_subject_and_phase(
    store: Store, wanted: dict[str, Any], found: list[str]
) -> None:
    await store.append_audit([line("1"), line("2", tool="go", subject="bob"), line("3", tenant="blue")])
    await store.append_audit([line("4", subject="bob", phase="denied")])
    assert await call_ids(store, **wanted) == found


async def test_a_line_is_kept_whatever_text_is_in_it(store: Store) -> None:
    await store.append_audit([line("1", tool="a\udc80b", reasons=("\ud800",)), line("2", tool="nul\0")])
    assert await call_ids(store) == ["1", "2"]
    assert await call_ids(store, tool="a\udc80b") == ["1"]


async def test_many_who_write_at_once_lose_nothing(store: Store) -> None:
    async def write(writer: int) -> None:
        await store.append_audit([line(f"{writer}-{number}") for number in range(5)])
        await store.put_connector(connector(f"c{writer}", b"%d" % (writer % 3)))
        await store.add_key(key(f"k{writer}"))

    before = await store.generation()
    await asyncio.gather(*(write(writer) for writer in range(20)))
    assert sorted(await call_ids(store)) == sorted(f"{writer}-{number}" for writer in range(20) for number in range(5))
    assert (len(await store.connectors()), len(await store.keys())) == (20, 20)
    assert await store.generation() == before + 40


# What the gateway's own authorisation server keeps


def user(name: str = "ada", **other: Any) -> User:
    told: dict[str, Any] = {"tenant": "red", "password": "a hash", "created_at": NOON, **other}
    return User(name=name, **told)


def login(digest: str, owner: str = "ada", **other: Any) -> Login:
    return Login(tenant="red", digest=digest, user=owner, **other)


async def test_a_record_comes_back_as_it_was_put_in_and_is_new_once(store: Store) -> None:
    ada = user(scopes=frozenset({"a:read", "b:read", "c:read"}), groups=frozenset({"x", "y"}))
    assert await store.find_record(User, "ada") is None
    assert [await store.swap_record(None, ada), await store.swap_record(None, user())] == [True, False]
    assert await store.find_record(User, "ada") == ada


async def test_a_record_is_changed_only_from_what_it_is(store: Store) -> None:
    before, after = user(), user(disabled=True)
    await store.swap_record(None, before)
    assert await store.swap_record(before, after)
    assert not await store.swap_record(before, user(password="another"))
    assert not await store.swap_record(before, None)
    assert await store.find_record(User, "ada") == after
    assert await store.swap_record(after, None)
    assert await store.find_record(User, "ada") is None


async def test_of_many_who_use_a_code_at_once_one_does(store: Store) -> None:
    told: dict[str, Any] = {
        "user": "ada",
        "client": "c",
        "redirect_uri": "",
        "scopes": frozenset({"a", "b"}),
        "resource": "",
    }
    code = AuthorizationCode(tenant="red", digest="d", challenge="", family="f", good_until=NOON, **told)
    await store.swap_record(None, code)
    took = await asyncio.gather(*(store.swap_record(code, structs.replace(code, used=True)) for _ in range(8)))
    assert sorted(took) == [False] * 7 + [True]


async def test_records_of_one_kind_and_one_owner_are_found_together(store: Store) -> None:
    for one in (login("1"), login("2"), login("3", "bob"), user()):
        await store.swap_record(None, one)
    assert [one.digest for one in await store.records(Login, "ada")] == ["1", "2"]
    assert [one.digest for one in await store.records(Login)] == ["1", "2", "3"]
    assert [one.digest for one in await store.records(Login, limit=1)] == ["1"]
    assert [await store.count_records(Login), await store.count_records(Login, "bob")] == [3, 1]
    assert list(await store.records(TokenFamily)) == []


async def test_records_that_are_over_are_forgotten(store: Store) -> None:
    minute = timedelta(minutes=1)
    for one in (login("over", expires_at=NOON), login("good", expires_at=NOON + minute), user()):
        await store.swap_record(None, one)
    assert await store.drop_records(NOON) == 1
    assert [one.digest for one in await store.records(Login)] == ["good"]
    assert await store.find_record(User, "ada") is not None


# Round trips of whatever may come

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
instants = st.datetimes(datetime(1970, 1, 1), datetime(2999, 1, 1), timezones=st.just(UTC))
names = st.from_regex(r"[a-z][a-z0-9-]{0,31}", fullmatch=True)
manifests = st.builds(
    Manifest,
    name=names,
    document=text,
    description=text,
    prefix=st.none() | text,
    enabled=st.booleans(),
    auth=st.builds(BearerAuth, text),
    pinned=st.lists(text, max_size=3).map(tuple),
)
files = st.dictionaries(text, st.binary(max_size=64), min_size=1, max_size=3)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2**53) | text, lambda inner: st.lists(inner, max_size=3)
)
entries = st.builds(
    AuditEntry,
    at=instants,
    call_id=text,
    phase=st.sampled_from(["sending", "done", "uncertain"]),
    door=text,
    tenant=text,
    subject=text,
    client=text,
    tool=text,
    arguments=st.dictionaries(text, json_values, max_size=3).map(lambda value: Raw(msgspec.json.encode(value))),
    reasons=st.lists(text, max_size=2).map(tuple),
    status=st.integers(0, 599),
    latency_ms=st.floats(0, 1e9),
)
keys = st.builds(
    ApiKey,
    id=text,
    token_sha256=st.binary(min_size=32, max_size=32),
    tenant=text,
    subject=text,
    name=text,
    scopes=st.frozensets(text, max_size=3),
    groups=st.frozensets(text, max_size=3),
    created_at=instants,
    expires_at=st.none() | instants,
    revoked_at=st.none() | instants,
)


def stored(manifest: Manifest, held: dict[str, bytes], at: datetime, etag: str) -> StoredConnector:
    digest = sha256(msgspec.msgpack.encode(held)).hexdigest()
    return StoredConnector(manifest, StoredDocument(digest, next(iter(held)), held, at, etag), at)


@given(
    put=st.lists(
        st.builds(stored, manifests, files, instants, text), max_size=3, unique_by=lambda one: one.manifest.name
    ),
    added=keys,
    lines=st.lists(entries, max_size=3),
)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_put_in_comes_back_equal(
    opener: Callable[[Path], Awaitable[Store]], put: list[StoredConnector], added: ApiKey, lines: list[AuditEntry]
) -> None:
    async def round_trip(folder: Path) -> None:
        store = await opener(folder)
        for one in put:
            await store.put_connector(one)
        await store.add_key(added)
        await store.append_audit(lines)
        assert list(await store.connectors()) == sorted(put, key=lambda one: one.manifest.name)
        assert list(await store.keys()) == [await store.find_key(added.token_sha256)] == [added]
        assert [structs.replace(entry, sequence=0) for entry in await store.read_audit(EVERY_LINE)] == lines
        await store.close()

    with TemporaryDirectory() as folder:
        asyncio.run(round_trip(Path(folder)))


async def test_policy_versions_are_kept_newest_first_within_a_bound_and_none_twice_in_a_row(store: Store) -> None:
    def version(number: int, roles: str = "r") -> PolicyVersion:
        return PolicyVersion(f"v{number}", roles, NOON + timedelta(seconds=number), {"a.cedar": f"// {number}"})

    assert await store.policy_versions(5) == []
    assert await store.add_policy_version(version(1))
    assert not await store.add_policy_version(version(1))
    assert await store.add_policy_version(version(1, "other"))
    assert await store.add_policy_version(version(2))
    assert await store.add_policy_version(version(1))
    assert await store.policy_versions(3) == [version(1), version(2), version(1, "other")]
    for number in range(POLICY_VERSIONS_MAX + 5):
        await store.add_policy_version(version(number))
    kept = await store.policy_versions(1_000)
    assert (len(kept), kept[0].version) == (POLICY_VERSIONS_MAX, f"v{POLICY_VERSIONS_MAX + 4}")


# Runs


def a_run(run_id: str = "r1", **other: Any) -> Run:
    ada = Principal("red", "ada", "k1", frozenset({"home:read"}))
    told: dict[str, Any] = {"principal": ada, "plan": Plan("", (Step("a", "look"),)), "mode": "execute", "door": "rest"}
    return Run(id=run_id, **{**told, "created_at": NOON, "updated_at": NOON, **other})


def entry(sequence: int, event: Event | None = None) -> Entry:
    return Entry(sequence, NOON + timedelta(seconds=sequence), event or Skipped("a", sequence, "why"))


async def test_a_run_comes_back_as_it_was_with_its_journal_in_order(store: Store) -> None:
    first, later = a_run(sequence=1), a_run(sequence=3, state="running", due_at=NOON)
    assert await store.write_run(None, first, [entry(1, Received())])
    assert await store.write_run(first, later, [entry(2), entry(3)])
    assert await store.find_run("r1") == later
    assert await store.find_run("r2") is None
    assert list(await store.journal("r1", 0, 10)) == [entry(1, Received()), entry(2), entry(3)]
    assert [one.sequence for one in await store.journal("r1", 1, 1)] == [2]


async def test_what_is_to_be_told_of_a_run_is_kept_with_it_or_not_at_all(store: Store) -> None:
    listener = Listener("mine", "https://agent.example.com/told", "t0ken", "Bearer", "s3cret")
    first = a_run(sequence=1, listeners=(listener,))
    assert await store.write_run(None, first, [entry(1)], notices(first, first.listeners))
    assert not await store.write_run(None, first, [entry(1)], notices(a_run(sequence=9), first.listeners))
    (told,) = await store.claim_events(NOON, NOON + timedelta(minutes=1), 10)
    assert (read_about(told.about), told.body) == (("r1", "mine"), b"")
    assert await store.find_run("r1") == first
    assert "t0ken" not in repr(first)
    assert "s3cret" not in repr(first)


async def test_of_two_that_go_on_with_a_run_one_does_and_the_other_changes_nothing(store: Store) -> None:
    first = a_run(sequence=1)
    assert await store.write_run(None, first, [entry(1)])
    assert not await store.write_run(None, first, [entry(1)])
    taken = await asyncio.gather(
        *(store.write_run(first, a_run(sequence=2, state=state), [entry(2)]) for state in ("running", "cancelled"))
    )
    assert sorted(taken) == [False, True]
    assert len(await store.journal("r1", 0, 10)) == 2


async def test_a_run_may_have_another_plan_later(store: Store) -> None:
    first = a_run(sequence=1)
    later = structs.replace(a_run(sequence=2), plan=Plan("other", (Step("b", "look"),)))
    assert await store.write_run(None, first, [entry(1)])
    assert await store.write_run(first, later, [entry(2)])
    assert await store.find_run("r1") == later


async def test_runs_are_listed_for_their_owner_the_newest_first(store: Store) -> None:
    for name, state in (("r1", "done"), ("r2", "running"), ("r3", "needs_input")):
        await store.write_run(None, a_run(name, state=state), [])
    await store.write_run(None, a_run("r4", principal=Principal("red", "bob", "k1")), [])
    owner = a_run().owner
    assert [one.id for one in await store.runs(owner, 10)] == ["r3", "r2", "r1"]
    assert [one.id for one in await store.runs(owner, 10, open_only=True)] == ["r3", "r2"]
    assert [one.id for one in await store.runs(owner, 1)] == ["r3"]


async def test_a_run_that_is_due_is_claimed_by_one_alone_for_a_while(store: Store) -> None:
    later, last = NOON + timedelta(seconds=30), NOON + timedelta(seconds=60)
    await store.write_run(None, a_run("due", due_at=NOON), [])
    await store.write_run(None, a_run("waits"), [])
    claimed = await asyncio.gather(*(store.claim_runs(NOON, later, 10) for _ in range(3)))
    assert [one for found in claimed for one in found] == ["due"]
    assert list(await store.claim_runs(later - timedelta(seconds=1), last, 10)) == []
    assert list(await store.claim_runs(NOON, last, 10, held=["due", "waits"])) == []
    assert list(await store.claim_runs(later, last, 10)) == []
    assert list(await store.claim_runs(last, last, 10)) == ["due"]


# Standing intents


def a_standing(name: str = "s1", **other: Any) -> Standing:
    ada = Principal("red", "ada", "k1", frozenset({"home:read"}))
    terms = StandingTerms(trigger=Cron("0 * * * *", "Europe/Berlin"), expires_at=NOON + timedelta(days=9))
    told: dict[str, Any] = {"principal": ada, "plan": Plan("", (Step("a", "look"),)), "terms": terms, "door": "rest"}
    return Standing(name, **{**told, "created_at": NOON, "fingerprints": {"look": "f"}, "state": "active", **other})


def a_slot(hours: int, state: SlotState = "running") -> Slot:
    return Slot("s1", NOON + timedelta(hours=hours), state, NOON)


async def test_a_delivery_comes_once_and_is_found_again(store: Store) -> None:
    first, second, third = a_standing(), a_standing(version=2), a_standing(version=3)
    assert await store.write_standing(None, first)
    assert await store.write_standing(first, second, [a_slot(1)], "d")
    assert not await store.write_standing(second, third, [a_slot(2)], "d")
    assert await store.find_standing("s1") == second
    assert await store.find_delivery("s1", "d") == a_slot(1).at
    assert await store.find_delivery("s1", "e") is None
    assert await store.write_standing(second, None)
    assert await store.find_delivery("s1", "d") is None


async def test_runs_that_wait_for_somebody_are_found_by_how_long(store: Store) -> None:
    for number, state in enumerate(("needs_input", "needs_auth", "needs_approval", "running", "failed")):
        at = NOON - timedelta(minutes=number)
        await store.write_run(None, structs.replace(a_run(state, state=state), updated_at=at), [])
    assert list(await store.waiting_runs(NOON, 10)) == ["needs_auth"]
    later = NOON + timedelta(seconds=1)
    assert list(await store.waiting_runs(later, 10)) == ["needs_auth", "needs_input"]
    assert list(await store.waiting_runs(later, 1)) == ["needs_auth"]


async def test_runs_that_ended_before_a_time_go_so_many_at_once_but_for_one_whose_slot_is_open(store: Store) -> None:
    for number in range(4):
        await store.write_run(None, a_run(f"r{number}", state="done"), [entry(1)])
    await store.write_run(None, a_run("goes on", state="running"), [])
    await store.write_standing(None, a_standing(), [structs.replace(a_slot(1), run="r0")])
    later = NOON + timedelta(days=1)
    assert await store.drop_runs(NOON, 10) == 0
    assert [await store.drop_runs(later, 2), await store.drop_runs(later, 2)] == [2, 1]
    assert [one.id for one in await store.runs(a_run().owner, 10)] == ["goes on", "r0"]
    assert len(await store.journal("r1", 0, 10)) + len(await store.journal("r0", 0, 10)) == 1


async def test_a_standing_intent_and_its_slots_change_together_from_what_somebody_knew(store: Store) -> None:
    first, second = a_standing(), a_standing(version=2, state="paused")
    assert await store.write_standing(None, first, [a_slot(1)])
    assert await store.write_standing(first, second, [a_slot(1, "done"), a_slot(2)])
    assert not await store.write_standing(first, a_standing(version=2), [a_slot(3)])
    assert await store.find_standing("s1") == second
    assert await store.find_standing("s2") is None
    assert list(await store.slots("s1", 10)) == [a_slot(2), a_slot(1, "done")]
    assert list(await store.slots("s1", 10, open_only=True)) == [a_slot(2)]
    assert list(await store.slots("s1", 1)) == [a_slot(2)]


async def test_of_two_that_take_a_slot_one_does(store: Store) -> None:
    first = a_standing()
    await store.write_standing(None, first)
    told = await asyncio.gather(*(store.write_standing(first, a_standing(version=2), [a_slot(1)]) for _ in range(4)))
    assert sorted(told) == [False, False, False, True]


async def test_a_standing_intent_goes_with_its_slots(store: Store) -> None:
    first = a_standing()
    await store.write_standing(None, first, [a_slot(1)])
    assert not await store.write_standing(a_standing(version=9), None)
    assert await store.write_standing(first, None)
    assert (await store.find_standing("s1"), list(await store.slots("s1", 10))) == (None, [])


async def test_standing_intents_are_found_for_their_tenant_their_owner_and_when_they_are_due(store: Store) -> None:
    for index, due_at in enumerate([NOON + timedelta(hours=1), NOON, None]):
        await store.write_standing(None, a_standing(f"s{index}", due_at=due_at))
    await store.write_standing(None, a_standing("s9", principal=Principal("red", "bob", "k1")))
    assert [one.id for one in await store.standings("red", 10)] == ["s9", "s2", "s1", "s0"]
    assert [one.id for one in await store.standings("red", 2, a_standing().owner)] == ["s2", "s1"]
    assert list(await store.standings("blue", 10)) == []
    assert [one.id for one in await store.due_standings(NOON + timedelta(hours=2), 10)] == ["s1", "s0"]
    assert [one.id for one in await store.due_standings(NOON, 10)] == ["s1"]


# Facts


DEN = Alias("den", "living room")


def a_fact(name: str = "f1", what: What = DEN, **other: Any) -> Fact:
    return Fact(name, **{"person": ("red", "", "ada"), "what": what, "said": "x", "client": "k1", "at": NOON, **other})


async def test_facts_are_of_one_person_and_of_no_other(store: Store) -> None:
    mine, other = a_fact(), a_fact("f2", person=("red", "", "bob"))
    assert await store.put_fact(mine, 10, 10_000)
    assert await store.put_fact(other, 10, 10_000)
    assert [*await store.facts(mine.person)] == [mine]
    assert [*await store.facts(("blue", "", "ada"))] == []
    assert await store.drop_facts(mine.person, "f2") == 0
    assert [*await store.facts(other.person)] == [other]


async def test_a_fact_takes_the_place_of_one_about_the_same(store: Store) -> None:
    assert await store.put_fact(a_fact(), 1, 10_000)
    assert await store.put_fact(fresh := a_fact("f2", Alias("den", "study")), 1, 10_000)
    assert [*await store.facts(fresh.person)] == [fresh]


async def test_a_person_has_so_many_facts_and_bytes_of_them(store: Store) -> None:
    assert await store.put_fact(a_fact(), 1, 10_000)
    assert not await store.put_fact(a_fact("f2", Alias("lair", "study")), 1, 10_000)
    assert not await store.put_fact(a_fact("f2", Alias("lair", "study" * 20)), 10, 300)
    assert await store.put_fact(a_fact("f3", Alias("lair", "study"), person=("red", "", "bob")), 1, 10_000)
    assert [one.id for one in await store.facts(a_fact().person)] == ["f1"]


async def test_uses_of_facts_are_counted(store: Store) -> None:
    kept = a_fact()
    await store.put_fact(kept, 10, 10_000)
    await store.use_facts(kept.person, ["f1", "other"], NOON)
    await store.use_facts(("red", "", "bob"), ["f1"], NOON)
    await store.use_facts(kept.person, ["f1"], NOON + timedelta(hours=1))
    (used,) = await store.facts(kept.person)
    assert (used.uses, used.used_at, used.what) == (2, NOON + timedelta(hours=1), kept.what)


async def test_facts_are_deleted_one_by_one_or_all(store: Store) -> None:
    for number in range(4):
        await store.put_fact(a_fact(f"f{number}", Alias(f"den {number}", "x")), 10, 10_000)
    person = a_fact().person
    assert (await store.drop_facts(person, "f1"), await store.drop_facts(person, "f1")) == (1, 0)
    assert [one.id for one in await store.facts(person)] == ["f0", "f2", "f3"]
    assert await store.drop_facts(person) == 3
    assert [*await store.facts(person)] == []


# Recipes


def a_recipe(name: str = "tea", client: str = "k1", **other: Any) -> Recipe:
    maker = (other.pop("tenant", "red"), "", other.pop("subject", "ada"), client)
    told: dict[str, Any] = {"plan": Plan("tea", (Step("a", "make"),)), "created_at": NOON, "state": "active"}
    parameters = (RecipeParameter("item", ("a/item",)),)
    return Recipe(f"{client}-{name}", name, maker, fingerprints={"make": "f"}, parameters=parameters, **told, **other)


async def test_a_recipe_changes_from_what_somebody_knew_alone(store: Store) -> None:
    first, second = a_recipe(), a_recipe(version=2, own=True)
    assert await store.write_recipe(None, first)
    assert await store.write_recipe(first, second)
    assert not await store.write_recipe(first, a_recipe(version=2))
    assert not await store.write_recipe(first, None)
    assert await store.find_recipe(first.id) == second
    assert await store.write_recipe(second, None)
    assert await store.find_recipe(first.id) is None


async def test_a_person_has_one_recipe_of_a_name_through_whichever_client(store: Store) -> None:
    assert await store.write_recipe(None, a_recipe())
    assert not await store.write_recipe(None, a_recipe(client="k2"))
    assert await store.write_recipe(None, a_recipe(subject="bob", client="k3"))


async def test_recipes_are_found_for_their_tenant_and_their_person_by_name(store: Store) -> None:
    for one in (a_recipe("b"), a_recipe("a", "k2"), a_recipe("c", "k3", subject="bob"), a_recipe("d", tenant="blue")):
        await store.write_recipe(None, one)
    assert [one.name for one in await store.recipes("red", 10)] == ["a", "b", "c"]
    assert [one.name for one in await store.recipes("red", 10, ("red", "", "ada"))] == ["a", "b"]
    assert [one.name for one in await store.recipes("red", 1)] == ["a"]
    assert list(await store.recipes("green", 10)) == []
