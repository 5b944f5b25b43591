"""Who may administer, through the front door: every role at every door, and every way in which a role is not had."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.policy_text import PolicyBroken
from gateway.core.principal import Principal
from gateway.core.roles import ADMIN_ACTIONS, ROLES, AdminResource, is_reserved, load_roles, scope_of
from gateway.edge.openapi import openapi_document
from gateway.errors import BadRequest
from tests.auth.test_access_token import Trusting, server, trusts
from tests.conftest import Backend, Door
from tests.test_approvals import asked_for, asking
from tests.test_cli import factotum

pytestmark = pytest.mark.anyio

__all__ = ["asking", "factotum", "server", "trusts"]

SHIPPED = (Path(__file__).parent.parent / "policies" / "roles.cedar").read_text("utf-8")
# Each door of the gateway's own API, with the scope that opens it and the roles that do.
DOORS: dict[tuple[str, str], tuple[str, set[str]]] = {
    ("GET", "/v1/connectors"): ("connectors.read", set(ROLES)),
    ("GET", "/v1/connectors/none"): ("connectors.read", set(ROLES)),
    ("GET", "/v1/search/status"): ("connectors.read", set(ROLES)),
    ("GET", "/v1/connectors/none/versions"): ("connectors.read", set(ROLES)),
    ("POST", "/v1/connectors"): ("connectors.write", {"connector-developer", "owner"}),
    ("PUT", "/v1/connectors/none"): ("connectors.write", {"connector-developer", "owner"}),
    ("DELETE", "/v1/connectors/none"): ("connectors.write", {"connector-developer", "owner"}),
    ("POST", "/v1/connectors/none/refresh"): ("connectors.write", {"connector-developer", "owner"}),
    ("POST", "/v1/connectors/none/approve"): ("connectors.approve", {"approver", "owner"}),
    ("POST", "/v1/approvals/none/approve"): ("approvals.decide", {"approver", "owner"}),
    ("POST", "/v1/approvals/none/deny"): ("approvals.decide", {"approver", "owner"}),
    ("POST", "/v1/grants"): ("approvals.decide", {"approver", "owner"}),
    ("POST", "/v1/grants/none/approve"): ("approvals.decide", {"approver", "owner"}),
    ("POST", "/v1/standing-intents/none/approve"): ("approvals.decide", {"approver", "owner"}),
    ("GET", "/v1/policies"): ("policies.read", {"viewer", "connector-developer", "policy-admin", "owner"}),
    ("POST", "/v1/policies:explain"): ("policies.read", {"viewer", "connector-developer", "policy-admin", "owner"}),
    ("POST", "/v1/policies:simulate"): ("policies.read", {"viewer", "connector-developer", "policy-admin", "owner"}),
    ("GET", "/v1/audit"): ("audit.read", {"viewer", "policy-admin", "owner"}),
}


async def ask(door: Door, method: str, path: str, token: str) -> Any:
    return await door.client.request(method, path, headers={"authorization": f"Bearer {token}"})


async def test_every_role_opens_the_doors_that_it_should_and_no_other(door: Door) -> None:
    for role in ROLES:
        token = await door.key(role=role)
        opened = {one for one in DOORS if (await ask(door, *one, token)).status_code != 403}
        assert opened == {one for one, (_, roles) in DOORS.items() if role in roles}, role


def test_every_door_that_the_api_says_takes_a_scope_is_among_these() -> None:
    told = {
        (method.upper(), path.replace("{name}", "none"), operation["description"].split("`")[1])
        for path, ways in openapi_document()["paths"].items()
        for method, operation in ways.items()
        if "Needs the scope" in operation.get("description", "")
    }
    assert told == {(*door, scope_of(action)) for door, (action, _) in DOORS.items()}  # type: ignore[arg-type]


async def test_every_scope_opens_the_doors_that_it_should_and_no_other(door: Door) -> None:
    for action in ADMIN_ACTIONS:
        token = await door.key(scope_of(action))
        opened = {one for one in DOORS if (await ask(door, *one, token)).status_code != 403}
        assert opened == {one for one, (needed, _) in DOORS.items() if needed == action}, action


async def test_whoever_is_refused_learns_which_scope_and_which_roles_would_do(door: Door) -> None:
    token = await door.key("x:y")
    for (method, path), (action, roles) in DOORS.items():
        answer = await ask(door, method, path, token)
        told = answer.json()
        assert (answer.status_code, told["code"], told["scopes"]) == (403, "insufficient_scope", [scope_of(action)])
        assert set(told["roles"]) == roles
        assert f'error="insufficient_scope", scope="{scope_of(action)}"' in answer.headers["www-authenticate"]
        assert "would do" in told["detail"]


async def test_an_approver_and_a_viewer_see_what_waits_and_others_see_their_own(asking: Callable[..., Any]) -> None:
    async with asking() as door:
        waiting = await asked_for(door, await door.key())
        for role in ROLES:
            token = await door.key(role=role, subject=role)
            seen = [one["id"] for one in (await door.get("/v1/approvals", token)).json()["approvals"]]
            status = (await door.get(f"/v1/approvals/{waiting}", token)).status_code
            expected = ([waiting], 200) if role in ("viewer", "approver", "owner") else ([], 404)
            assert (seen, status) == expected, role


async def test_a_role_gives_no_tool(door: Door, backend: Backend) -> None:
    await door.add("lamps", LAMPS, backend.url)
    answer = await door.post("/v1/tools/lamps_list_lamps:call", await door.key(role="owner"))
    assert (answer.status_code, answer.json()["scopes"]) == (403, ["lamps:read"])


LAMPS: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Lamps", "version": "1"},
    "paths": {"/lamps": {"get": {"operationId": "listLamps", "responses": {"200": {"description": "ok"}}}}},
}


# Roles of people whom an authorisation server vouches for


SMUGGLED = [
    "factotum:owner", "Factotum:Owner", "FACTOTUM:OWNER", " factotum:owner", "factotum: owner", "factotum:owner ", "fac totum:owner",
    "factotum\u00a0:owner", "ｆactotum:owner", "factotum：owner", "factotum\u200b:owner", "factotum:\u2060owner",
]  # fmt: skip


async def test_a_token_has_a_role_by_a_mapping_and_in_no_other_way(trusts: Callable[..., Any]) -> None:
    said = {"group_names": {"ops-admins": ("factotum:owner", "operations"), "factotum:owner": ("factotum:owner",)}}
    async with trusts(**said) as gateway:
        assert (await gateway.door.get("/v1/audit", gateway.server.token(groups=["ops-admins"]))).status_code == 200
        for groups in ([one] for one in SMUGGLED):
            answer = await gateway.door.get("/v1/audit", gateway.server.token(groups=groups, jti=groups[0]))
            assert answer.status_code == 403, groups
        for groups in ("factotum:owner", "OPS-ADMINS", ["ops-admins "], [["ops-admins"]], {"ops-admins": True}):
            assert (await gateway.door.get("/v1/audit", gateway.server.token(groups=groups))).status_code == 403, groups
        for claims in (
            {"roles": ["owner"]},
            {"role": "factotum:owner"},
            {"factotum": "owner"},
            {"sub": "factotum:owner"},
        ):
            assert (await gateway.door.get("/v1/audit", gateway.server.token(**claims))).status_code == 403, claims


async def test_a_role_is_of_the_tenant_that_the_token_is_of(gateway_of_acme: Trusting) -> None:
    token = gateway_of_acme.server.token(groups=["ops"])
    page = (await gateway_of_acme.door.get("/v1/audit", token)).json()
    assert page["lines"] == []


@pytest.fixture
async def gateway_of_acme(trusts: Callable[..., Any]) -> Any:
    async with trusts(tenant="acme", group_names={"ops": ("factotum:owner",)}) as one:
        yield one


@given(st.text(max_size=30), st.text(" \t\u00a0\u200b\u2060\u3000", max_size=3), st.text(" \t\u200b", max_size=3))
def test_whatever_stands_around_it_a_role_is_known_for_one(role: str, before: str, within: str) -> None:
    assert is_reserved(f"{before}factotum{within}:{role}")
    assert is_reserved(f"{before}FacToTum{within}:{role}")


# An installation's own policies


OWN = """
@id("auditors-read")
permit (principal in Admin::Role::"auditor", action == Admin::Action::"audit.read", resource);
@id("anybody-may-look-at-acme")
permit (principal, action, resource);
"""


async def test_an_installation_may_have_roles_of_its_own_and_no_policy_crosses_a_tenant(
    opens: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "roles.cedar").write_text(OWN.split('@id("anybody')[0])
    async with opens(policies_dir=str(tmp_path / "own")) as door:
        assert door.gateway.roles.roles == (*ROLES, "auditor")
        assert (await door.get("/v1/audit", await door.key(role="auditor"))).status_code == 200
        assert (await door.get("/v1/audit", await door.key(role="owner"))).status_code == 403
        assert (await door.get("/v1/audit", await door.key("factotum:audit.read"))).json()["roles"] == ["auditor"]
    book = load_roles("roles.cedar", OWN)
    stranger = Principal("acme", "eve", "x")
    assert book.allow_admin(stranger, "connectors.write").allowed
    for resource in (AdminResource("globex"), AdminResource("globex", "crm"), AdminResource("", "shared")):
        assert not book.allow_admin(stranger, "connectors.write", resource).allowed, resource


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("permit (principal, action, resource);", "@id"),
        ('@id("x") permit (principal, action == Admin::Action::"connectors.look", resource);', "connectors.look"),
        ('@id("x") permit (principal in Group::"x", action, resource);', "Group"),
        ('@id("x") permit (principal, action, resource) when { principal.rolls.contains("x") };', "rolls"),
        ('@id("x") @needs_approval("y") permit (principal, action, resource);', "waits for no approval"),
        ('@id("x") permit (principal, action, resource); @id("x") permit (principal, action, resource);', "taken"),
        ('@id("x") permit (principal, action', "roles.cedar"),
    ],
)
async def test_a_broken_policy_over_the_gateway_stops_the_start_with_its_name(
    opens: Callable[..., Any], tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(PolicyBroken, match=r"roles\.cedar"):
        load_roles("roles.cedar", text)
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "roles.cedar").write_text(text)
    with pytest.raises(BadRequest, match=said):
        async with opens(policies_dir=str(tmp_path / "own")):
            pass


# The command line


def test_a_key_is_given_roles_by_name(factotum: Callable[..., Any], tmp_path: Path) -> None:
    made = factotum("keys", "create", "ops", "--role", "owner", "--role", "viewer")
    assert made.returncode == 0, made.stderr
    assert "the roles owner, viewer" in made.stderr
    assert "owner viewer" in factotum("keys", "list").stdout
    for wrong, said in (
        (("--role", "emperor"), "there are viewer, connector-developer, approver, policy-admin, owner"),
        (("--scope", "x:y", "--group", "factotum:owner"), "--role"),
        (("--scope", "x:y", "--group", "Factotum: owner"), "--role"),
        ((), "neither"),
        (("--role", "owner", "--tenant", ""), "tenant"),
    ):
        refused = factotum("keys", "create", "x", *wrong)
        assert refused.returncode != 0, wrong
        assert said in refused.stderr.replace("\n", " "), refused.stderr


def test_policy_check_checks_roles_too(factotum: Callable[..., Any], tmp_path: Path) -> None:
    checked = factotum("policy", "check")
    assert "roles.cedar: " in checked.stdout
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "roles.cedar").write_text(SHIPPED.replace('"audit.read"', '"audit.look"'))
    broken = factotum("policy", "check", FACTOTUM_POLICIES_DIR="own")
    assert broken.returncode != 0
    assert "audit.look" in broken.stderr
    (tmp_path / "own" / "roles.cedar").write_text(SHIPPED)
    (tmp_path / "own" / "roles.cases.yaml").write_text("cases: [{name: wrong, action: audit.read, expect: allow}]")
    failed = factotum("policy", "check", FACTOTUM_POLICIES_DIR="own")
    assert failed.returncode != 0
    assert "wrong: expected allow, got deny" in failed.stdout
