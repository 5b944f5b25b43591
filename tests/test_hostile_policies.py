"""Policies that fail, clocks that jump, files that are half there: whatever happens, nobody gets more than before."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.edge.approvals import DECIDE
from gateway.settings import ApprovalSettings
from tests.conftest import Backend, Door, open_door
from tests.test_call import LAMPS

pytestmark = pytest.mark.anyio

SWITCH, SEE = "/v1/tools/lamps_set_lamp:call", "/v1/tools/lamps_get_lamp:call"
ON = {"arguments": {"id": "1", "on": True}}
ALL = '@id("all") permit (principal, action, resource) when { context.in_scope };'
OVERFLOWS = "when { context.now * 9223372036854775807 == 1 }"
MONDAY_NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = MONDAY_NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def under(backend: Backend, tmp_path: Path, clock: Clock) -> Callable[..., Any]:
    @asynccontextmanager
    async def opened(*policies: str, **settings: Any) -> AsyncIterator[Door]:
        folder = tmp_path / "policies"
        folder.mkdir()
        for number, text in enumerate(policies):
            (folder / f"p{number}.cedar").write_text(text)
        told = {"follow_s": 3_600.0, **settings}
        async with open_door(tmp_path, policies_dir=str(folder), clock=clock, **told) as door:
            await door.add("lamps", LAMPS, backend.url)
            yield door

    return opened


async def status(door: Door, token: str, path: str = SWITCH) -> int:
    return (await door.post(path, token, ON if path == SWITCH else {"arguments": {"id": "1"}})).status_code


@pytest.mark.parametrize("effect", ["permit", "forbid"])
async def test_a_policy_that_fails_denies_what_it_is_about_names_itself_and_costs_nothing_else(
    under: Callable[..., Any], backend: Backend, effect: str
) -> None:
    failing = f'@id("fails") {effect} (principal, action in Action::"write", resource) {OVERFLOWS};'
    async with under(ALL, failing) as door:
        token = await door.key()
        answer = await door.post(SWITCH, token, ON)
        assert (answer.status_code, "fails (p1.cedar)" in answer.json()["detail"]) == (403, True)
        assert await status(door, token, SEE) == 200
        assert [one.method for one in backend.seen] == ["GET"]


async def test_a_failing_policy_about_somebody_else_is_nobody_elses_trouble(under: Callable[..., Any]) -> None:
    failing = f'@id("fails") forbid (principal in Group::"default/guests", action, resource) {OVERFLOWS};'
    async with under(ALL, failing) as door:
        assert await status(door, await door.key()) == 200
        assert await status(door, await door.key(groups=("guests",), subject="eve")) == 403


async def test_a_clock_that_jumps_back_brings_back_the_hours_and_no_decision_of_other_hours(
    under: Callable[..., Any], clock: Clock
) -> None:
    evening = '@id("evening") forbid (principal, action in Action::"write", resource) when { context.hour >= 18 };'
    async with under(ALL, evening) as door:
        token = await door.key()
        told = []
        for hour in (12, 19, 12, 19, 18, 17):
            clock.now = MONDAY_NOON.replace(hour=hour)
            told.append(await status(door, token))
        assert told == [200, 403, 200, 403, 403, 200]


async def test_a_clock_that_jumps_back_gives_no_used_or_denied_approval_back(
    under: Callable[..., Any], clock: Clock, backend: Backend
) -> None:
    asks = '@id("asks") @needs_approval("") permit (principal, action in Action::"write", resource);'
    async with under(ALL, asks, approvals=ApprovalSettings(ttl_s=600)) as door:
        token, owner = await door.key(), await door.key(DECIDE, subject="owner")
        waiting = (await door.post(SWITCH, token, ON)).json()["approval"]["id"]
        assert (await door.post(f"/v1/approvals/{waiting}/approve", owner)).status_code == 200
        assert await status(door, token) == 200
        for jump in (timedelta(hours=-1), timedelta(days=-400), timedelta(hours=1)):
            clock.now = MONDAY_NOON + jump
            assert await status(door, token) == 403
        clock.now = MONDAY_NOON
        again = (await door.post(SWITCH, token, ON)).json()["approval"]["id"]
        assert again != waiting
        assert (await door.post(f"/v1/approvals/{again}/deny", owner, {"reason": "no"})).status_code == 200
        clock.now = MONDAY_NOON - timedelta(hours=2)
        refused = await door.post(SWITCH, token, ON)
        assert (refused.status_code, "was denied" in refused.json()["detail"]) == (403, True)
        assert len(backend.seen) == 1


async def test_a_clock_that_jumps_back_turns_no_version_round(
    under: Callable[..., Any], clock: Clock, tmp_path: Path
) -> None:
    shut = '@id("shut") forbid (principal, action, resource);'
    async with under(ALL) as door:
        token = await door.key()
        (tmp_path / "policies" / "shut.cedar").write_text(shut)
        clock.now = MONDAY_NOON - timedelta(days=30)
        for _ in range(2):
            await door.gateway.policy_watch.look()
        assert await status(door, token) == 403
        newest = (await door.gateway.store.policy_versions(1))[0]
        assert "shut.cedar" in newest.files
        assert newest.version == door.gateway.published.current.policies.version


async def test_a_claim_that_only_looks_like_one_that_a_rule_names_gives_nothing(under: Callable[..., Any]) -> None:
    staff = '@id("staff") permit (principal in Group::"default/staff", action, resource);'
    async with under(staff) as door:
        assert await status(door, await door.key(groups=("staff",))) == 200
        for number, group in enumerate(("Staff", "staff ", "default/staff", "ѕtaff", "staff/", 'staff"', "staff\0")):
            assert await status(door, await door.key(groups=(group,), subject=f"eve{number}")) == 403
        assert await status(door, await door.key(subject="staff")) == 403
        assert await status(door, await door.key(groups=("staff",), tenant="acme", subject="eve")) == 403


async def test_nothing_in_a_policy_file_reaches_beyond_it(under: Callable[..., Any], tmp_path: Path) -> None:
    """An edit that takes in a link to what is no policy is refused, and its text is in no answer."""
    (tmp_path / "secret").write_text("s3cret-file-text")
    async with under(ALL) as door:
        token = await door.key("factotum:policies.read", "lamps:lamps.write")
        (tmp_path / "policies" / "link.cedar").symlink_to(tmp_path / "secret")
        for _ in range(2):
            await door.gateway.policy_watch.look()
        told = await door.get("/v1/policies", token)
        assert told.json()["problem"]
        assert "s3cret-file-text" not in told.text
        assert await status(door, token) == 200
