"""The webhook, with a real receiver: every event comes, signed, in order, whatever the receiver does, and nobody waits for it."""

import asyncio
import base64
import hmac
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from gateway.approvals import expire_overdue
from gateway.core.event import Outgoing, read_secret, sign_event, wait_s
from gateway.edge.approvals import DECIDE
from gateway.serve import bind, serving_app, url_of
from gateway.settings import ApprovalSettings, HttpSettings, SettingsBroken, WebhookSettings
from gateway.stores.base import Store
from gateway.stores.sql import open_sql
from tests.conftest import LOOPBACK, Backend, Door, Seen, open_door
from tests.test_approvals import ASKED
from tests.test_grants import NOON, PAY, POLICIES, SHOP, UNTIL, Clock, grant, pay

pytestmark = pytest.mark.anyio

KEY = bytes(range(32))
SECRETS = {"hook": "whsec_" + base64.b64encode(KEY).decode()}
PUBLIC = HttpSettings(public_url="https://gateway.example.com")


@pytest.fixture
async def receiver(anyio_backend: str) -> AsyncIterator[Backend]:
    one = Backend()
    with bind("127.0.0.1", 0) as listening:
        one.url = url_of(listening)
        async with serving_app(one, listening):
            yield one


@pytest.fixture
def told(backend: Backend, receiver: Backend, tmp_path: Path) -> Callable[..., Any]:
    @asynccontextmanager
    async def opened(clock: Clock | None = None, *, is_new: bool = True, **webhook: Any) -> AsyncIterator[Door]:
        folder = tmp_path / "policies"
        folder.mkdir(exist_ok=True)
        (folder / "ours.cedar").write_text(POLICIES % ("", ""))
        settings = {"url": f"{receiver.url}/hook", "secret": "hook", "allow_addresses": LOOPBACK, "backoff_s": 0.05}
        approvals = ApprovalSettings(webhook=WebhookSettings(**{**settings, **webhook}))
        told = {"policies_dir": str(folder), "approvals": approvals, "http": PUBLIC, "follow_s": 0.05}
        async with open_door(tmp_path, SECRETS, clock, **told) as door:
            if is_new:
                await door.add("shop", SHOP, backend.url)
            yield door

    return opened


async def until(receiver: Backend, true: Callable[[], bool]) -> None:
    """Look again with each request that comes."""
    async with asyncio.timeout(20):
        while not true():
            receiver.arrived.clear()
            await receiver.arrived.wait()


def events(receiver: Backend) -> list[dict[str, Any]]:
    """What was taken, each event once, in the order in which it came first."""
    return [json.loads(one.body) for one in {one.headers["webhook-id"]: one for one in receiver.seen}.values()]


def check_signature(one: Seen) -> None:
    signed = f"{one.headers['webhook-id']}.{one.headers['webhook-timestamp']}.".encode() + one.body
    expected = base64.b64encode(hmac.new(KEY, signed, sha256).digest()).decode()
    assert one.headers["webhook-signature"] == f"v1,{expected}"
    assert (one.method, one.target, one.headers["content-type"]) == ("POST", "/hook", "application/json")


async def ask(door: Door, token: str, **arguments: Any) -> str:
    answer = await door.post(PAY, token, {"arguments": {"to": "bob", **arguments}})
    assert answer.json()["code"] == "approval_needed"
    return str(answer.json()["approval"]["id"])


async def test_what_becomes_of_approvals_and_grants_is_told_signed_and_redacted(
    told: Callable[..., Any], receiver: Backend
) -> None:
    async with told() as door:
        ada, owner = await door.key(), await door.key(DECIDE, subject="owner")
        first = await ask(door, ada, note="Bearer abcdefghijklmnopqrstuvwxyz0123456789")
        await door.post(f"/v1/approvals/{first}/deny", owner, {"reason": "No."})
        given = await grant(door, owner, ada, uses_max=1, amount={"argument": "/amount", "total": "0.50"})
        assert await pay(door, ada, amount=0.5) == 200
        other = await grant(door, owner, ada)
        await door.post(f"/v1/grants/{other['id']}/revoke", owner, {"reason": "Enough."})
        await until(receiver, lambda: len(events(receiver)) == 6)
        for one in receiver.seen:
            check_signature(one)
        by_id: dict[str, list[Any]] = {}
        for event in events(receiver):
            by_id.setdefault(event["data"]["id"], []).append(event)
        assert {name: [one["type"] for one in of] for name, of in by_id.items()} == {
            first: ["approval.requested", "approval.decided"],
            given["id"]: ["grant.created", "grant.used_up"],
            other["id"]: ["grant.created", "grant.revoked"],
        }
        asked, denied = (one["data"] for one in by_id[first])
        assert asked["url"] == f"https://gateway.example.com/approvals/{first}"
        assert (asked["tool"], asked["subject"], asked["state"]) == ("shop_pay", "ada", "pending")
        assert (denied["state"], denied["denied_by"], denied["reason"]) == ("denied", "owner", "No.")
        assert "abcdefghij" not in "".join(one.body.decode() for one in receiver.seen)
        used = by_id[given["id"]][1]["data"]
        assert (used["uses"], used["amount_used"], used["amount_total"]) == (1, "0.5", "0.50")


async def test_a_receiver_that_fails_gets_each_event_again_in_order_with_the_same_id(
    told: Callable[..., Any], receiver: Backend
) -> None:
    receiver.answers["POST /hook"] = (500, "text/plain", b"no")
    async with told() as door:
        ada, owner = await door.key(), await door.key(DECIDE, subject="owner")
        waiting = await ask(door, ada)
        await door.post(f"/v1/approvals/{waiting}/approve", owner)
        await until(receiver, lambda: len(receiver.seen) >= 3)
        assert [one["type"] for one in events(receiver)] == ["approval.requested"]
        receiver.answers.clear()
        await until(receiver, lambda: len(events(receiver)) == 2)
        assert [one["type"] for one in events(receiver)] == ["approval.requested", "approval.decided"]


async def test_a_receiver_that_fails_for_ever_is_given_up_event_by_event(
    told: Callable[..., Any], receiver: Backend
) -> None:
    receiver.answers["POST /hook"] = (500, "text/plain", b"no")
    async with told(attempts_max=2, backoff_s=0.01) as door:
        ada, owner = await door.key(), await door.key(DECIDE, subject="owner")
        waiting = await ask(door, ada)
        await door.post(f"/v1/approvals/{waiting}/approve", owner)
        await until(receiver, lambda: len(receiver.seen) == 4)
        assert [json.loads(one.body)["type"] for one in receiver.seen] == [
            "approval.requested", "approval.requested", "approval.decided", "approval.decided",
        ]  # fmt: skip


async def test_a_receiver_that_hangs_delays_no_call_and_no_decision(
    told: Callable[..., Any], receiver: Backend
) -> None:
    receiver.held = True
    async with told(timeout_s=30.0) as door:
        ada, owner = await door.key(), await door.key(DECIDE, subject="owner")
        waiting = await ask(door, ada)
        await receiver.arrived.wait()
        async with asyncio.timeout(10):
            await door.post(f"/v1/approvals/{waiting}/approve", owner)
            assert await pay(door, ada) == 200
            for number in range(20):
                await ask(door, ada, amount=number)


async def test_a_redirect_is_not_followed_to_wherever_it_leads(
    told: Callable[..., Any], receiver: Backend, backend: Backend
) -> None:
    receiver.answers["POST /hook"] = (307, "text/plain", b"")
    receiver.headers = ((b"location", f"{backend.url}/inside".encode()),)
    async with told(attempts_max=2, backoff_s=0.01) as door:
        await ask(door, await door.key())
        await until(receiver, lambda: len(receiver.seen) == 2)
        assert backend.seen == []


async def test_a_private_address_is_reached_only_where_the_settings_name_it(
    told: Callable[..., Any], receiver: Backend
) -> None:
    port = receiver.url.rpartition(":")[2]
    async with told(url=f"http://localhost:{port}/hook", allow_addresses=("10.0.0.0/8",), attempts_max=1) as door:
        await ask(door, await door.key())
        await asyncio.sleep(0.5)
        assert receiver.seen == []
        assert await door.gateway.store.claim_events(NOON + timedelta(days=9_999), NOON, 10) == ()


@pytest.mark.parametrize(
    ("webhook", "why"),
    [
        ({"url": "http://127.0.0.1/hook", "allow_addresses": ()}, "its address is not public"),
        ({"url": "http://hooks.example/x", "allow_addresses": ()}, "not https"),
        ({"url": "ftp://hooks.example/x"}, "only http and https"),
        ({"url": "https://user:pass@hooks.example/x"}, "no user name"),
        ({"secret": "other"}, "no such secret"),
        ({"secret": "plain"}, "whsec_"),
        ({"allow_addresses": ("here",)}, "no network"),
    ],
)
async def test_a_webhook_that_cannot_be_used_stops_the_start(tmp_path: Path, webhook: dict[str, Any], why: str) -> None:
    settings = {"url": "https://hooks.example/x", "secret": "hook", "allow_addresses": LOOPBACK}
    approvals = ApprovalSettings(webhook=WebhookSettings(**{**settings, **webhook}))
    with pytest.raises(SettingsBroken, match=why):
        async with open_door(tmp_path, {**SECRETS, "plain": "secret"}, approvals=approvals):
            pass


async def test_a_restart_loses_no_event(told: Callable[..., Any], receiver: Backend) -> None:
    receiver.answers["POST /hook"] = (503, "text/plain", b"later")
    async with told() as door:
        ada, owner = await door.key(), await door.key(DECIDE, subject="owner")
        waiting = await ask(door, ada)
        await door.post(f"/v1/approvals/{waiting}/approve", owner)
        await until(receiver, lambda: len(receiver.seen) >= 1)
    receiver.answers.clear()
    async with told(is_new=False):
        await until(receiver, lambda: len(events(receiver)) == 2)
    assert [one["type"] for one in events(receiver)] == ["approval.requested", "approval.decided"]


async def test_what_a_process_had_under_way_when_it_ended_is_another_ones_at_once(
    told: Callable[..., Any], receiver: Backend
) -> None:
    receiver.held = True
    async with told(timeout_s=60.0) as door:
        await ask(door, await door.key())
        await receiver.arrived.wait()
    receiver.held = False
    receiver.seen.clear()
    async with told(is_new=False):
        await until(receiver, lambda: len(events(receiver)) == 1)


async def test_what_has_expired_is_told_once_and_no_clock_brings_it_back(
    told: Callable[..., Any], receiver: Backend, backend: Backend
) -> None:
    clock = Clock()
    async with told(clock) as door:
        parts = door.gateway
        ada, owner = await door.key(), await door.key(DECIDE, subject="owner")
        waiting = await ask(door, ada)
        await door.post(f"/v1/approvals/{waiting}/approve", owner)
        given = await grant(door, owner, ada, expires_at=UNTIL)
        clock.now += timedelta(days=20)
        for _ in range(3):
            await expire_overdue(parts.approvals, parts.grants, parts.store, clock())
        await until(receiver, lambda: len(events(receiver)) == 5)
        clock.now -= timedelta(days=20)
        assert await pay(door, ada) == 403
        assert backend.seen == []
        kinds = [(one["type"], one["data"]["state"]) for one in events(receiver)]
        assert kinds.count(("approval.expired", "expired")) == 1
        assert kinds.count(("grant.expired", "expired")) == 1
        for path in (f"/v1/approvals/{waiting}", f"/v1/grants/{given['id']}"):
            assert (await door.get(path, owner)).json()["state"] == "expired"
        listed = (await door.get("/v1/approvals?state=expired", owner)).json()["approvals"]
        assert [one["id"] for one in listed] == [waiting]


async def test_two_processes_never_take_the_same_event_and_the_next_waits_for_the_first(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'x.db'}"
    stores: list[Store] = [await open_sql(url), await open_sql(url)]

    def event(number: int, about: str) -> Outgoing:
        return Outgoing(f"evt-{number}", about, b"{}", NOON)

    for number in range(6):
        one = structs.replace(ASKED, id=str(number), digest=str(number))
        await stores[0].add_approval(one, event(number, f"about-{number % 3}"))
    later = NOON + timedelta(seconds=60)
    claimed = await asyncio.gather(*(one.claim_events(NOON, later, 2) for one in stores * 3))
    assert sorted(one.id for several in claimed for one in several) == ["evt-0", "evt-1", "evt-2"]
    first = next(one for several in claimed for one in several if one.id == "evt-0")
    await stores[1].drop_event(first)
    (following,) = await stores[0].claim_events(NOON, later, 10)
    assert (following.id, following.about) == ("evt-3", "about-0")
    await stores[0].postpone_event(following, later)
    assert [one.id for one in await stores[0].claim_events(later, later, 10)] == ["evt-1", "evt-2", "evt-3"]
    for store in stores:
        await store.close()


def test_a_signature_is_that_of_the_published_example() -> None:
    key = read_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    event = Outgoing("msg_p5jXN8AQM9LWM0D4loKWxJek", "x", b'{"test": 2432232314}', NOON)
    assert dict(sign_event(key, event, 1614265330))["webhook-signature"] == (
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


def test_each_attempt_waits_twice_as_long_up_to_an_end() -> None:
    assert [wait_s(attempts, 5, 3_600) for attempts in (1, 2, 3, 11, 10_000)] == [5, 10, 20, 3_600, 3_600]
