"""Approvals through the front door: what waits, who may decide, and that a yes is for one exact call, once."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec import Raw

from gateway.approvals import PENDING_MAX
from gateway.core.approval import Approval, Unfit, say_no, say_yes
from gateway.core.principal import Principal
from gateway.core.quota import Quota
from gateway.edge.approvals import DECIDE
from gateway.settings import ApprovalSettings
from gateway.stores.sql import open_memory, open_sql
from tests.conftest import Backend, Door
from tests.edge.test_mcp_clients import client, served
from tests.test_call import LAMPS

pytestmark = pytest.mark.anyio

WRITE, READ = "/v1/tools/lamps_set_lamp:call", "/v1/tools/lamps_get_lamp:call"
SWITCH = {"arguments": {"id": "1", "on": True}}
POLICIES = """
@id("reads")
permit (principal, action in Action::"read", resource) when { context.in_scope };
@id("writes-need-a-yes")
@reason("A lamp is switched only with a yes.")
@needs_approval("%s")%s
permit (principal, action in Action::"write", resource) when { context.in_scope };
"""


@pytest.fixture
def asking(opens: Callable[..., Any], backend: Backend, tmp_path: Path) -> Callable[..., Any]:
    @asynccontextmanager
    async def opened(who: str = "", more: str = "", **settings: Any) -> AsyncIterator[Door]:
        folder = tmp_path / "policies"
        folder.mkdir()
        (folder / "ours.cedar").write_text(POLICIES % (who, more))
        async with opens(policies_dir=str(folder), **settings) as door:
            await door.add("lamps", LAMPS, backend.url)
            yield door

    return opened


async def asked_for(door: Door, token: str, body: dict[str, Any] = SWITCH) -> str:
    """The id of the approval that a call waits for."""
    answer = await door.post(WRITE, token, body)
    assert (answer.status_code, answer.json()["code"]) == (403, "approval_needed"), answer.text
    return str(answer.json()["approval"]["id"])


async def decide(door: Door, token: str, approval: str, how: str = "approve", **body: Any) -> tuple[int, Any]:
    answer = await door.post(f"/v1/approvals/{approval}/{how}", token, body)
    return answer.status_code, answer.json()


async def test_an_approved_call_is_sent_once_with_exactly_its_arguments(
    asking: Callable[..., Any], backend: Backend
) -> None:
    async with asking() as door:
        ada, owner = await door.key(), await door.key(DECIDE, subject="owner")
        assert (await door.post(READ, ada, {"arguments": {"id": "1"}})).status_code == 200
        waiting = await asked_for(door, ada)
        assert await asked_for(door, ada) == waiting
        shown = (await door.get("/v1/approvals?state=pending", owner)).json()["approvals"]
        assert [(one["id"], one["arguments"], one["subject"]) for one in shown] == [
            (waiting, {"id": "1", "on": True}, "ada")
        ]
        status, approved = await decide(door, owner, waiting)
        assert (status, approved["state"]) == (200, "approved")
        other = await asked_for(door, ada, {"arguments": {"id": "2", "on": True}})
        assert other != waiting
        before = len(backend.seen)
        answers = await asyncio.gather(*(door.post(WRITE, ada, SWITCH) for _ in range(5)))
        assert sorted(one.status_code for one in answers) == [200, 403, 403, 403, 403]
        assert len(backend.seen) == before + 1
        assert (await door.get(f"/v1/approvals/{waiting}", ada)).json()["state"] == "used"
        audit = (await door.get("/v1/audit", await door.key("factotum:audit.read"))).json()["lines"]
        assert [one["approval"] for one in audit if one["tool"] == "lamps_set_lamp" and one["phase"] == "done"] == [
            waiting
        ]
        assert [one["subject"] for one in audit if one["tool"] == "approvals.approved"] == ["owner"]


async def test_a_preview_needs_no_yes_and_what_cannot_be_sent_asks_for_none(
    asking: Callable[..., Any], backend: Backend
) -> None:
    async with asking(quotas=(Quota("one", calls=1, seconds=1_000, effect="write"),)) as door:
        ada, owner = await door.key(), await door.key(DECIDE, subject="owner")
        assert (await door.post(WRITE, ada, {**SWITCH, "dry_run": True})).status_code == 200
        assert (await door.post(WRITE, ada, {"arguments": {"id": "1"}})).status_code == 422
        assert (await door.get("/v1/approvals", owner)).json() == {"approvals": []}
        waiting = await asked_for(door, ada)
        await decide(door, owner, waiting)
        assert (await door.post(WRITE, ada, SWITCH)).status_code == 200
        stopped = await door.post(WRITE, ada, SWITCH)
        assert stopped.status_code == 429
        assert len(backend.seen) == 1


async def test_whoever_asked_can_never_decide_and_who_lacks_the_scope_neither(asking: Callable[..., Any]) -> None:
    async with asking() as door:
        every = await door.key("lamps:lamps.write", DECIDE)
        waiting = await asked_for(door, every)
        status, told = await decide(door, every, waiting)
        assert (status, "What asked for it cannot decide it" in told["detail"]) == (403, True)
        bob = await door.key("lamps:lamps.write", subject="bob")
        status, told = await decide(door, bob, waiting)
        assert (status, told["code"], told["scopes"]) == (403, "insufficient_scope", [DECIDE])
        assert (await door.get(f"/v1/approvals/{waiting}", bob)).status_code == 404
        assert (await door.get("/v1/approvals", bob)).json() == {"approvals": []}
        herself = await door.key(DECIDE)
        assert (await decide(door, herself, waiting))[0] == 200


async def test_an_approval_of_another_tenant_is_not_there(asking: Callable[..., Any]) -> None:
    async with asking() as door:
        waiting = await asked_for(door, await door.key())
        other = await door.key(DECIDE, tenant="other")
        assert (await decide(door, other, waiting))[0] == 404
        assert (await door.get("/v1/approvals", other)).json() == {"approvals": []}
        stolen = await door.key(tenant="other")
        await decide(door, await door.key(DECIDE, subject="owner"), waiting)
        assert (await door.post(WRITE, stolen, SWITCH)).status_code == 403


async def test_another_caller_cannot_use_the_yes(asking: Callable[..., Any], backend: Backend) -> None:
    async with asking() as door:
        ada, owner = await door.key(), await door.key(DECIDE, subject="owner")
        await decide(door, owner, await asked_for(door, ada))
        assert (await door.post(WRITE, await door.key(), SWITCH)).status_code == 403
        assert (await door.post(WRITE, await door.key(subject="bob"), SWITCH)).status_code == 403
        assert backend.seen == []


async def test_a_tool_that_changed_since_needs_another_yes(asking: Callable[..., Any], backend: Backend) -> None:
    async with asking() as door:
        ada, owner = await door.key(), await door.key(DECIDE, subject="owner")
        waiting = await asked_for(door, ada)
        await decide(door, owner, waiting)
        await door.gateway.ingestion.remove(Principal("default", "x", "y"), "lamps")
        changed = {**LAMPS, "paths": {**LAMPS["paths"]}}
        path = changed["paths"]["/lamps/{id}"]
        changed["paths"]["/lamps/{id}"] = {**path, "put": {**path["put"], "description": "Burns the house down."}}
        await door.add("lamps", changed, backend.url)
        assert await asked_for(door, ada) != waiting


async def test_a_no_is_told_with_its_reason_and_stays(asking: Callable[..., Any]) -> None:
    async with asking() as door:
        ada, owner = await door.key(), await door.key(DECIDE, subject="owner")
        waiting = await asked_for(door, ada)
        assert (await decide(door, owner, waiting, "deny", reason="It is day."))[1]["state"] == "denied"
        answer = await door.post(WRITE, ada, SWITCH)
        assert (answer.status_code, "denied by owner: It is day." in answer.json()["detail"]) == (403, True)
        assert (await decide(door, owner, waiting))[0] == 409
        assert (await decide(door, owner, waiting, "deny", why="x"))[0] == 400


async def test_the_group_that_a_policy_names_has_to_say_yes(asking: Callable[..., Any]) -> None:
    async with asking("finance") as door:
        waiting = await asked_for(door, await door.key())
        nobody = await door.key(DECIDE, subject="nobody")
        status, told = await decide(door, nobody, waiting)
        assert (status, told["detail"]) == (403, "It is for finance to decide.")
        assert (await decide(door, nobody, waiting, "deny"))[0] == 403
        fay = await door.key(DECIDE, subject="fay", groups=("finance",))
        assert (await decide(door, fay, waiting))[1]["state"] == "approved"


async def test_with_four_eyes_nobody_decides_for_herself(asking: Callable[..., Any]) -> None:
    async with asking("", '\n@four_eyes("")') as door:
        ada, herself, bob = await door.key(), await door.key(DECIDE), await door.key(DECIDE, subject="bob")
        waiting = await asked_for(door, ada)
        assert (await decide(door, herself, waiting))[0] == 403
        assert (await decide(door, bob, waiting))[0] == 200


async def test_a_yes_that_is_not_used_in_time_is_none(asking: Callable[..., Any], backend: Backend) -> None:
    async with asking(approvals=ApprovalSettings(ttl_s=3.0)) as door:
        ada, owner = await door.key(), await door.key(DECIDE, subject="owner")
        waiting = await asked_for(door, ada)
        assert (await decide(door, owner, waiting))[0] == 200
        await asyncio.sleep(3.1)
        assert await asked_for(door, ada) != waiting
        assert (await door.get(f"/v1/approvals/{waiting}", owner)).json()["state"] == "expired"
        assert backend.seen == []


async def test_only_so_many_wait_for_one_caller(asking: Callable[..., Any]) -> None:
    async with asking() as door:
        ada = await door.key()
        for number in range(PENDING_MAX + 1):
            await asked_for(door, ada, {"arguments": {"id": str(number), "on": True}})
        full = await door.post(WRITE, ada, {"arguments": {"id": "more", "on": True}})
        assert (full.status_code, "wait already" in full.json()["detail"]) == (403, True)


async def test_a_model_is_told_what_it_waits_for(asking: Callable[..., Any]) -> None:
    async with asking("finance") as door, served(door) as url, client(url, await door.key(), "auto") as one:
        result = await one.call_tool("lamps_set_lamp", {"id": "1", "on": True})
        assert result.is_error
        assert "A lamp is switched only with a yes." in result.content[0].text
        assert "It waits for finance as approval" in result.content[0].text


NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
ASKED = Approval(
    "1", "digest", "red", "ada", "", "agent", "tool", "Tool", "lamps", "write", Raw(b"{}"), ("Why.",),
    ("finance", "safety"), False, NOON, NOON + timedelta(hours=1),
)  # fmt: skip


def test_two_groups_say_yes_one_after_the_other_and_one_no_is_enough() -> None:
    fay = Principal("red", "fay", "phone", groups=frozenset({"finance"}))
    sam = Principal("red", "sam", "phone", groups=frozenset({"safety"}))
    half = say_yes(ASKED, fay, NOON)
    assert (half.state, half.lacking) == ("pending", ("safety",))
    with pytest.raises(Unfit, match="safety"):
        say_yes(half, fay, NOON)
    assert say_yes(half, sam, NOON).state == "approved"
    assert say_no(half, fay, "no", NOON).state == "denied"
    with pytest.raises(Unfit, match="expired"):
        say_yes(half, sam, NOON + timedelta(hours=1))


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_every_store_gives_an_approval_to_one_call_alone(tmp_path: Path, kind: str) -> None:
    store = await (open_memory() if kind == "memory" else open_sql(f"sqlite:///{tmp_path / 'x.db'}"))
    await store.add_approval(ASKED)
    assert await store.use_approval("digest", NOON) is None
    whole = say_yes(ASKED, Principal("red", "b", "x", groups=frozenset(ASKED.groups)), NOON)
    assert await store.decide_approval(ASKED, whole)
    assert not await store.decide_approval(
        ASKED, say_no(ASKED, Principal("red", "c", "x", groups=frozenset({"safety"})), "", NOON)
    )
    assert await store.approvals("red", "approved", NOON, 10) == [whole]
    assert await store.approvals("red", "expired", NOON + timedelta(hours=2), 10) == [whole]
    assert list(await store.approvals("red", "approved", NOON + timedelta(hours=2), 10)) == []
    assert list(await store.approvals("blue", None, NOON, 10)) == []
    assert list(await store.approvals("red", None, NOON, 10, ("red", "", "bob", "agent"))) == []
    assert await store.use_approval("digest", NOON + timedelta(hours=1)) is None
    used = await asyncio.gather(*(store.use_approval("digest", NOON) for _ in range(8)))
    assert sum(one is not None for one in used) == 1
    found = await store.find_approval("1")
    assert found is not None
    assert found.state == "used"
    assert (await store.latest_approval("digest")) == found
    await store.close()


async def test_what_a_manifest_calls_secret_is_shown_to_nobody(asking: Callable[..., Any], backend: Backend) -> None:
    async with asking() as door:
        await door.add("vault", LAMPS, backend.url, secrets=["id"])
        ada, owner = await door.key(), await door.key(DECIDE, "factotum:audit.read", subject="owner")
        answer = await door.post("/v1/tools/vault_set_lamp:call", ada, {"arguments": {"id": "4711", "on": True}})
        shown = (await door.get(f"/v1/approvals/{answer.json()['approval']['id']}", owner)).json()
        assert shown["arguments"] == {"id": "[redacted]", "on": True}
        assert "4711" not in (await door.get("/v1/audit", owner)).text
