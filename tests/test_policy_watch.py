"""Policies that are edited while the gateway runs: whole or not at all, and never a half-written file."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.core.policy import PolicyBroken
from gateway.core.principal import OPERATOR
from gateway.errors import BadRequest
from gateway.policy_files import FILE_BYTES_MAX
from gateway.stores.base import AuditFilter
from tests.conftest import Backend, Door
from tests.test_call import LAMPS

pytestmark = pytest.mark.anyio

READ = "factotum:policies.read"
SWITCH, SEE = "/v1/tools/lamps_set_lamp:call", "/v1/tools/lamps_get_lamp:call"
ON = {"arguments": {"id": "1", "on": True}}
ALL = '@id("all")\npermit (principal, action, resource) when { context.in_scope };\n'
NO_WRITES = (
    '@id("no-writes") @reason("Nothing is switched now.")\nforbid (principal, action in Action::"write", resource);\n'
)
TABLE = """
tools: [{name: home_look, connector: home, effect: read}, {name: home_set, connector: home, effect: write}]
cases:
  - {name: Nobody writes, tool: home_set, expect: deny, policies: [no-writes]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "policies"
    made.mkdir()
    (made / "ours.cedar").write_text(ALL)
    return made


@pytest.fixture
def watching(opens: Callable[..., Any], backend: Backend, folder: Path) -> Callable[..., Any]:
    """A gateway whose looks the test takes itself."""

    @asynccontextmanager
    async def opened(**settings: Any) -> AsyncIterator[Door]:
        async with opens(policies_dir=str(folder), **{"follow_s": 3_600.0, **settings}) as door:
            await door.add("lamps", LAMPS, backend.url)
            yield door

    return opened


def move(place: Path, to: Path) -> None:
    place.rename(to)


async def look(door: Door, times: int = 2) -> None:
    for _ in range(times):
        await door.gateway.policy_watch.look()


async def switch(door: Door, token: str) -> int:
    return (await door.post(SWITCH, token, ON)).status_code


async def shown(door: Door) -> dict[str, Any]:
    answer = await door.get("/v1/policies", await door.key(READ))
    assert answer.status_code == 200
    assert (await door.client.get("/readyz")).status_code == 200
    return dict(answer.json())


async def changes(door: Door) -> list[Any]:
    return [one.arguments for one in await door.gateway.store.read_audit(AuditFilter(None, tool="policies.changed"))]


async def test_an_edit_takes_effect_by_itself_within_the_time_of_following(
    watching: Callable[..., Any], folder: Path
) -> None:
    async with watching(follow_s=0.1) as door:
        token = await door.key()
        assert await switch(door, token) == 200
        (folder / "more.cedar").write_text(NO_WRITES)
        await asyncio.wait_for(door.gateway.published.next(), 5)
        assert await switch(door, token) == 403
        (folder / "more.cedar").unlink()
        await asyncio.wait_for(door.gateway.published.next(), 5)
        assert await switch(door, token) == 200


async def test_what_is_in_force_since_when_is_told_and_written_down(watching: Callable[..., Any], folder: Path) -> None:
    async with watching() as door:
        first = await shown(door)
        assert [one["name"] for one in first["files"]] == ["ours.cedar", "roles.cedar"]
        assert first["files"][0]["policies"] == ["all"]
        (folder / "more.cedar").write_text(NO_WRITES)
        await look(door)
        second = await shown(door)
        assert (second["problem"], second["since"] > first["since"]) == ("", True)
        assert second["version"] == door.gateway.published.current.policies.version != first["version"]
        (line,) = await changes(door)
        assert b'"files":["more.cedar"]' in bytes(line)
        versions = await door.gateway.store.policy_versions(10)
        assert [one.version for one in versions] == [second["version"], first["version"]]
        assert versions[0].files["more.cedar"] == NO_WRITES
        await look(door, 4)
        assert len(await door.gateway.store.policy_versions(10)) == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (NO_WRITES[:-3], "broken.cedar: from line 1"),
        ('@id("x") forbid (principal, action, resource) when { context.houre == 1 };', "did you mean 'hour'?"),
        (ALL, "its @id is taken by a policy in"),
        ('@id("x") @obligation("encrypt:a") permit (principal, action, resource);', "there is no obligation"),
        (
            '@id("x") forbid (principal, action == Action::"lamps_set_lamp", resource) when { context.arguments.on == 1 };',
            "Bool and Long are not compatible",
        ),
    ],
)
async def test_a_broken_edit_changes_nothing_is_told_and_its_mending_takes_effect(
    watching: Callable[..., Any], folder: Path, text: str, says: str
) -> None:
    async with watching() as door:
        token, before = await door.key(), await shown(door)
        (folder / "broken.cedar").write_text(text)
        await look(door, 3)
        told = await shown(door)
        assert says in told["problem"]
        assert told["problem_at"]
        assert (told["version"], told["since"]) == (before["version"], before["since"])
        assert await switch(door, token) == 200
        assert await changes(door) == []
        (folder / "broken.cedar").write_text(NO_WRITES)
        await look(door)
        told = await shown(door)
        assert (told["problem"], await switch(door, token)) == ("", 403)


async def test_an_edit_that_its_own_case_table_contradicts_is_refused(
    watching: Callable[..., Any], folder: Path
) -> None:
    (folder / "lock.cedar").write_text(NO_WRITES)
    (folder / "lock.cases.yaml").write_text(TABLE)
    async with watching() as door:
        token = await door.key()
        for emptied in ("", NO_WRITES.replace("write", "read")):
            (folder / "lock.cedar").write_text(emptied)
            await look(door)
            assert (await shown(door))["problem"].startswith(
                "A case came out otherwise than written: lock.cedar: Nobody"
            )
            assert await switch(door, token) == 403
        (folder / "lock.cedar").write_text(NO_WRITES)
        await look(door)
        assert (await shown(door))["problem"] == ""
        (folder / "lock.cases.yaml").write_text("cases: 7")
        await look(door)
        assert "lock.cases.yaml" in (await shown(door))["problem"]
        assert await switch(door, token) == 403


async def test_a_file_that_is_being_written_is_not_taken_until_it_rests(
    watching: Callable[..., Any], folder: Path
) -> None:
    whole = NO_WRITES + NO_WRITES.replace("no-writes", "no-reads").replace('"write"', '"read"')
    async with watching() as door:
        token, versions = await door.key(), door.gateway.store.policy_versions
        await look(door)
        for end in range(0, len(whole), 7):
            (folder / "slow.cedar").write_text(whole[:end])
            await look(door, 1)
            assert await switch(door, token) == 200
        (folder / "slow.cedar").write_text(whole)
        await look(door)
        assert len(await versions(10)) == 2
        assert [
            (await door.post(path, token, body)).status_code
            for path, body in ((SWITCH, ON), (SEE, {"arguments": {"id": "1"}}))
        ] == [403, 403]


async def test_an_edit_of_the_same_length_and_with_the_same_time_is_seen(
    watching: Callable[..., Any], folder: Path
) -> None:
    (folder / "more.cedar").write_text(NO_WRITES.replace('"write"', '"reads"'))
    async with watching() as door:
        token, before = await door.key(), (folder / "more.cedar").stat()
        await look(door)
        (folder / "more.cedar").write_text(NO_WRITES)
        os.utime(folder / "more.cedar", ns=(before.st_atime_ns, before.st_mtime_ns))
        await look(door)
        assert await switch(door, token) == 403


async def test_what_is_no_file_or_has_no_end_is_refused(watching: Callable[..., Any], folder: Path) -> None:
    async with watching() as door:
        os.mkfifo(folder / "pipe.cedar")
        await look(door)
        assert "pipe.cedar is no file of at most" in (await shown(door))["problem"]
        (folder / "pipe.cedar").unlink()
        (folder / "large.cedar").write_text("// " + "x" * FILE_BYTES_MAX)
        await look(door)
        assert "large.cedar is no file of at most" in (await shown(door))["problem"]


async def test_other_tenants_are_not_told_what_is_in_the_files_of_the_installation(
    watching: Callable[..., Any], folder: Path
) -> None:
    async with watching() as door:
        (folder / "secret-plan.cedar").write_text(
            '@id("plan") forbid (principal in Tenant::"umbrella", action, sauce);'
        )
        await look(door)
        told = await door.get("/v1/policies", await door.key(READ, tenant="acme"))
        assert told.json()["problem"] == "The newest edit is not in force."
        assert told.json()["version"] == door.gateway.published.current.policies.version
        assert "secret-plan" not in told.text
        assert "ours.cedar" not in told.text


async def test_a_folder_that_goes_away_takes_nothing_with_it(watching: Callable[..., Any], folder: Path) -> None:
    async with watching() as door:
        token = await door.key()
        await look(door)
        move(folder, folder.with_name("away"))
        await look(door)
        assert "is not a folder" in (await shown(door))["problem"]
        assert await switch(door, token) == 200
        move(folder.with_name("away"), folder)
        await look(door)
        assert (await shown(door))["problem"] == ""


async def test_what_did_not_fit_one_catalog_is_tried_on_the_next(
    watching: Callable[..., Any], folder: Path, backend: Backend
) -> None:
    fits_another = (
        '@id("x") forbid (principal, action == Action::"lamps_set_lamp", resource) when { context.arguments has pim };'
    )
    async with watching() as door:
        (folder / "more.cedar").write_text(fits_another)
        await look(door)
        assert "did you mean 'pin'?" in (await shown(door))["problem"]
        await door.gateway.ingestion.remove(OPERATOR, "lamps")
        await look(door, 1)
        assert (await shown(door))["problem"] == ""


async def test_roles_are_edited_in_the_same_way(watching: Callable[..., Any], folder: Path) -> None:
    async with watching() as door:
        token = await door.key(READ)
        assert (await door.get("/v1/policies", token)).status_code == 200
        (folder / "roles.cedar").write_text('@id("nobody") forbid (principal, action, resource);')
        await look(door)
        assert (await door.get("/v1/policies", token)).status_code == 403
        assert len(await changes(door)) == 1
        (folder / "roles.cedar").write_text("permit")
        await look(door)
        assert "gateway's own API are broken" in door.gateway.policy_watch.problem.detail  # type: ignore[union-attr]


async def test_a_call_under_way_ends_with_the_policies_that_it_began_with(
    watching: Callable[..., Any], folder: Path, backend: Backend
) -> None:
    async with watching() as door:
        token = await door.key()
        backend.held = True
        calling = asyncio.create_task(switch(door, token))
        await backend.arrived.wait()
        (folder / "more.cedar").write_text(NO_WRITES)
        await look(door)
        assert await switch(door, token) == 403
        calling.cancel()
        await asyncio.gather(calling, return_exceptions=True)
        lines = await door.gateway.store.read_audit(AuditFilter(None, tool="lamps_set_lamp"))
        began, refused, ended = lines
        assert began.policy_version == ended.policy_version != refused.policy_version


async def test_a_gateway_starts_with_no_policies_that_are_broken_or_contradict_their_table(
    watching: Callable[..., Any], folder: Path
) -> None:
    (folder / "lock.cedar").write_text(ALL.replace('"all"', '"lock"'))
    (folder / "lock.cases.yaml").write_text(TABLE)
    for text in (None, "permit"):
        if text:
            (folder / "lock.cedar").write_text(text)
        with pytest.raises((BadRequest, PolicyBroken)):
            async with watching():
                pass


async def test_a_restart_with_other_policies_is_a_change_and_one_with_the_same_is_none(
    watching: Callable[..., Any], opens: Callable[..., Any], folder: Path
) -> None:
    async with watching() as door:
        since = (await shown(door))["since"]
    for text, count in ((None, 0), (NO_WRITES, 1)):
        if text:
            (folder / "more.cedar").write_text(text)
        async with opens(policies_dir=str(folder)) as door:
            assert len(await changes(door)) == count
            assert ((await shown(door))["since"] == since) == (count == 0)
