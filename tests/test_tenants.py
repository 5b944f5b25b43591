"""Tenants, through the front door: to one of them, what belongs to another is not there."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from gateway.core.audit import AuditEntry
from gateway.core.manifest import BearerAuth, Manifest
from gateway.core.policy import Facts, load_policies
from gateway.core.policy_cases import CaseTable, CaseTool, table_catalog
from gateway.core.principal import OPERATOR, Principal
from gateway.core.tenancy import TenantPowers, exceeded
from gateway.errors import Conflict
from gateway.fetch import Offered
from gateway.settings import MemoryStore
from gateway.stores.base import AuditFilter
from tests.conftest import Backend, Door
from tests.core.test_policy import NOON
from tests.test_approvals import POLICIES

pytestmark = pytest.mark.anyio

ALL = ("crm:read", "crm:write", "none:read", "none:write", "mail:read", "mail:write")
POWERS = TenantPowers(allow_addresses=("127.0.0.0/8",))


def document(what: str = "customer", **more: Any) -> dict[str, Any]:
    return {
        "openapi": "3.1.0",
        "info": {"title": what, "version": "1"},
        "paths": {
            f"/{what}s": {
                "get": {"operationId": f"list-{what}s", "summary": f"List every {what}", "responses": {}},
                "post": {"operationId": f"add-{what}", "summary": f"Add a {what}", "responses": {}},
            },
            **more,
        },
    }


@pytest.fixture
def tenants(opens: Callable[..., Any], backend: Backend) -> Callable[..., Any]:
    """A gateway with a connector that all share, `mail`, and acme's own, `crm`."""

    @asynccontextmanager
    async def opened(**settings: Any) -> AsyncIterator[Door]:
        powers = {"acme": POWERS, "globex": POWERS}
        async with opens({"key": "s3cret-of-all"}, **{"store": MemoryStore(), "tenants": powers, **settings}) as door:
            await door.add("mail", document("letter"), backend.url)
            added = await add(door, await door.key(role="owner", tenant="acme"), "crm", backend.url)
            assert added.status_code == 201, added.text
            yield door

    return opened


async def add(door: Door, token: str, name: str, url: str, told: Any = None, **manifest: Any) -> Any:
    content = json.dumps(told or document())
    body = {"name": name, "base_url": url, "allow_addresses": ["127.0.0.0/8"], "content": content, **manifest}
    return await door.post("/v1/connectors", token, body)


async def ask(door: Door, token: str, method: str, path: str, body: Any = None) -> tuple[int, dict[str, str], bytes]:
    headers = {"authorization": f"Bearer {token}"}
    answer = await door.client.request(method, path, headers=headers, **({} if body is None else {"json": body}))
    return answer.status_code, dict(answer.headers), answer.content


async def mcp(door: Door, token: str, method: str, **params: Any) -> tuple[int, dict[str, str], bytes]:
    return await ask(door, token, "POST", "/mcp", {"jsonrpc": "2.0", "id": 1, "method": method, "params": params})


# Every way to ask for something by its name, of connectors and tools.
BY_NAME: dict[str, Callable[[Door, str, str], Any]] = {
    "show a connector": lambda door, token, name: ask(door, token, "GET", f"/v1/connectors/{name}"),
    "its versions": lambda door, token, name: ask(door, token, "GET", f"/v1/connectors/{name}/versions"),
    "refresh it": lambda door, token, name: ask(door, token, "POST", f"/v1/connectors/{name}/refresh"),
    "approve its tools": lambda door, token, name: ask(door, token, "POST", f"/v1/connectors/{name}/approve"),
    "remove it": lambda door, token, name: ask(door, token, "DELETE", f"/v1/connectors/{name}"),
    "search it": lambda door, token, name: ask(
        door, token, "POST", "/v1/tools:search", {"query": "list customers", "connectors": [name]}
    ),
    "list its tools": lambda door, token, name: ask(door, token, "GET", f"/v1/tools?connector={name}"),
    "show a tool": lambda door, token, name: ask(door, token, "GET", f"/v1/tools/{name}_list_customers"),
    "call a tool": lambda door, token, name: ask(door, token, "POST", f"/v1/tools/{name}_list_customers:call", {}),
    "preview a call": lambda door, token, name: ask(
        door, token, "POST", f"/v1/tools/{name}_list_customers:call", {"dry_run": True}
    ),
    "call it in a dialect": lambda door, token, name: ask(
        door, token, "POST", f"/v1/tools/{name}_list_customers:call", {"dialect": "openai-strict"}
    ),
    "call it over MCP": lambda door, token, name: mcp(door, token, "tools/call", name=f"{name}_list_customers"),
    "describe it over MCP": lambda door, token, name: mcp(
        door, token, "tools/call", name="describe_tool", arguments={"name": f"{name}_list_customers"}
    ),
    "call it through call_tool": lambda door, token, name: mcp(
        door, token, "tools/call", name="call_tool", arguments={"name": f"{name}_list_customers", "arguments": {}}
    ),
}


@pytest.mark.parametrize("what", BY_NAME)
async def test_what_belongs_to_another_tenant_is_answered_as_what_is_not_there(
    tenants: Callable[..., Any], backend: Backend, what: str
) -> None:
    async with tenants() as door:
        for token in (
            await door.key(*ALL, role="owner", tenant="globex"),
            await door.key(*ALL, role="owner"),
            await door.key(*ALL, tenant="globex"),
        ):
            status, headers, body = await BY_NAME[what](door, token, "crm")
            expected = await BY_NAME[what](door, token, "nil")
            told = (status, headers, body.replace(b"crm", b"nil"))
            assert told == expected
        assert backend.seen == []
        assert "crm" in door.gateway.ingestion.connectors


async def test_every_list_and_search_is_that_of_a_gateway_without_the_others(
    tenants: Callable[..., Any], backend: Backend
) -> None:
    async with tenants() as door:
        tokens = [await door.key(*ALL, role="owner", tenant=one) for one in ("acme", "globex", "default")]

        async def seen(token: str) -> list[bytes]:
            asked = [
                await ask(door, token, "GET", "/v1/connectors"),
                await ask(door, token, "GET", "/v1/tools"),
                await ask(door, token, "GET", "/v1/tools?format=openai"),
                await ask(door, token, "POST", "/v1/tools:search", {"query": "list every letter of a customer"}),
                await mcp(door, token, "tools/list"),
                await mcp(door, token, "tools/call", name="search_tools", arguments={"query": "add a customer letter"}),
            ]
            return [body for _, _, body in asked]

        before = [await seen(token) for token in tokens]
        assert all(b"crm" in one for one in before[0])
        assert b"crm" not in b"".join(before[1] + before[2])
        # Forty more of the words that rank: nothing that others see moves, the scores among it.
        paths = {
            f"/{n}": {"get": {"operationId": f"letter-{n}", "summary": "List a letter", "responses": {}}}
            for n in range(40)
        }
        await add(door, await door.key(role="owner", tenant="acme"), "post", backend.url, document("letter", **paths))
        assert [await seen(token) for token in tokens[1:]] == before[1:]
        assert await seen(tokens[0]) != before[0]


async def test_a_name_that_another_tenant_has_is_taken_and_no_more_is_told(
    tenants: Callable[..., Any], backend: Backend
) -> None:
    async with tenants() as door:
        for tenant in ("globex", "default"):
            token = await door.key(role="owner", tenant=tenant)
            answer = await add(door, token, "crm", backend.url)
            assert (answer.status_code, answer.json()["detail"]) == (409, "The name crm is taken; choose another name.")
            put = await ask(door, token, "PUT", "/v1/connectors/crm", {"content": json.dumps(document())})
            assert (put[0], json.loads(put[2])) == (409, answer.json())
        assert door.gateway.ingestion.connectors["crm"].manifest.tenant == "acme"


async def test_no_connector_takes_a_tool_from_another_tenant_or_from_all(
    tenants: Callable[..., Any], backend: Backend
) -> None:
    async with tenants() as door:
        globex = await door.key(role="owner", tenant="globex")
        # Its name sorts before those that it would take the tools of.
        added = await add(door, globex, "aaa", backend.url, document(), prefix="crm")
        assert len(added.json()["tools"]) == 2
        await add(door, globex, "aab", backend.url, document("letter"), prefix="mail")
        report = (await door.get("/v1/connectors/aab", globex)).json()
        assert (report["tools"], {one["reason"] for one in report["refusals"]}) == ([], {"name-taken"})
        assert "the connector mail has a tool" in report["refusals"][0]["detail"]
        acme = await door.key(*ALL, role="viewer", tenant="acme")
        assert (await door.get("/v1/connectors/crm", acme)).json()["refusals"] == []
        await door.post("/v1/tools/crm_list_customers:call", acme)
        await door.post("/v1/tools/crm_list_customers:call", await door.key("aaa:read", tenant="globex"))
        audit = (await door.get("/v1/audit?tool=crm_list_customers", acme)).json()["lines"]
        assert [line["connector"] for line in audit] == ["crm"]
        theirs = (
            await door.get("/v1/audit?tool=crm_list_customers", await door.key("factotum:audit.read", tenant="globex"))
        ).json()
        assert [line["connector"] for line in theirs["lines"]] == ["aaa"]


async def test_what_all_share_is_seen_by_all_and_changed_by_an_owner_of_the_installation(
    tenants: Callable[..., Any],
) -> None:
    async with tenants() as door:
        ways = [
            ("POST", "/v1/connectors/mail/approve", None),
            ("PUT", "/v1/connectors/mail", {"content": json.dumps(document("letter"))}),
            ("DELETE", "/v1/connectors/mail", None),
        ]
        strangers = [
            await door.key(role="owner", tenant="acme"),
            await door.key("factotum:connectors.write", "factotum:connectors.approve", tenant="acme"),
            await door.key(role="connector-developer"),
            await door.key(role="approver"),
        ]
        for way in ways:
            for token in strangers:
                status, _, body = await ask(door, token, *way)
                assert status == 403, way
                assert "factotum:owner" not in body.decode()
        status, _, body = await ask(door, strangers[2], *ways[1])
        assert (json.loads(body)["roles"], status) == (["owner"], 403)
        assert json.loads((await ask(door, strangers[0], *ways[1]))[2])["code"] == "not_allowed"
        for way in ways:
            assert (await ask(door, await door.key(role="owner"), *way))[0] in (200, 204), way


async def test_an_owner_of_the_installation_alone_adds_what_all_share(
    tenants: Callable[..., Any], backend: Backend
) -> None:
    async with tenants() as door:
        for role, tenant in (("owner", "acme"), ("connector-developer", "default")):
            token = await door.key(role=role, tenant=tenant)
            assert (await add(door, token, "news", backend.url, shared=True)).status_code == 403
        own = await door.key(role="connector-developer")
        assert (await add(door, own, "ours", backend.url, document("note"))).status_code == 201
        assert (await add(door, await door.key(role="owner"), "news", backend.url, shared=True)).status_code == 201
        listed = (await door.get("/v1/connectors", await door.key(role="viewer", tenant="globex"))).json()["connectors"]
        assert [(one["name"], one["tenant"]) for one in listed] == [("mail", ""), ("news", "")]
        elsewhere = await add(door, await door.key(role="owner", tenant="acme"), "x", backend.url, tenant="globex")
        assert (elsewhere.status_code, "leave `tenant` out" in elsewhere.text) == (400, True)


async def test_a_tenant_uses_no_secret_and_no_private_network_of_the_installation_that_it_was_not_given(
    opens: Callable[..., Any], backend: Backend
) -> None:
    powers = {"acme": TenantPowers(("acme-key",), ("127.0.0.0/8",))}
    async with opens(
        {"key": "s3cret-of-all", "acme-key": "s3cret-of-acme"}, store=MemoryStore(), tenants=powers
    ) as door:
        acme, globex = [await door.key(role="owner", tenant=one) for one in ("acme", "globex")]
        told = {"auth": {"kind": "bearer", "secret": "key"}}
        for token, more in (
            (acme, told),
            (globex, told),
            (globex, {"auth": {"kind": "bearer", "secret": "acme-key"}}),
            (globex, {}),
        ):
            refused = await add(door, token, "crm", backend.url, **more)
            assert refused.status_code == 400, more
            assert "may not" in refused.json()["detail"]
        told["auth"]["secret"] = "acme-key"
        assert (await add(door, acme, "crm", backend.url, **told)).status_code == 201
        await door.post("/v1/tools/crm_list_customers:call", await door.key("crm:read", tenant="acme"))
        assert backend.seen[0].headers["authorization"] == "Bearer s3cret-of-acme"
    assert exceeded(Manifest("x", tenant="default", auth=BearerAuth("key")), TenantPowers()) == ""


async def test_each_tenant_reads_of_the_administration_of_its_own_connectors(
    tenants: Callable[..., Any], backend: Backend
) -> None:
    async with tenants() as door:
        await door.gateway.ingestion.approve(OPERATOR, "crm")
        await door.gateway.ingestion.approve(OPERATOR, "mail")

        async def read(tenant: str) -> list[tuple[str, str, str]]:
            token = await door.key(role="viewer", tenant=tenant)
            lines = (await door.get("/v1/audit?phase=administered", token)).json()["lines"]
            return [(line["tool"], line["connector"], line["subject"]) for line in lines]

        assert await read("acme") == [("connectors.add", "crm", "ada"), ("connectors.approve", "crm", "operator")]
        assert await read("default") == [
            ("connectors.add", "mail", "operator"),
            ("connectors.approve", "mail", "operator"),
        ]
        assert await read("globex") == []


async def test_whose_a_connector_is_outlives_the_process_and_is_followed(
    opens: Callable[..., Any], backend: Backend, tmp_path: Path
) -> None:
    folder = tmp_path / "connectors" / "till"
    folder.mkdir(parents=True)
    (folder / "openapi.json").write_text(json.dumps(document("sale")))
    (folder / "connector.yaml").write_text(
        "name: till\ndocument: openapi.json\nbase_url: https://x.example\ntenant: globex\n"
    )
    settings = {"tenants": {"acme": POWERS}, "follow_s": 0.05}

    def seen(door: Door, tenant: str) -> list[str]:
        return list(door.gateway.published.of(tenant).catalog.connectors)

    async with opens(**settings) as first, opens(**settings) as other:
        await add(first, await first.key(role="owner", tenant="acme"), "crm", backend.url)
        while "crm" not in seen(other, "acme"):
            await other.gateway.published.next()
        assert (seen(other, "acme"), seen(other, "globex"), seen(other, "default")) == (["crm"], ["till"], [])
    # What its tenant may not use any more is not served, and its name is still taken.
    async with opens() as again:
        assert (seen(again, "acme"), seen(again, "globex"), seen(again, "default")) == ([], ["till"], [])
        problems = (await again.get("/v1/connectors", await again.key(role="viewer", tenant="acme"))).json()[
            "connectors"
        ]
        assert "may not reach the network" in problems[0]["problem"]
        assert (await again.get("/v1/connectors", await again.key(role="viewer"))).json()["connectors"] == []
        taken = await add(
            again, await again.key(role="owner", tenant="globex"), "crm", "https://x.example", allow_addresses=[]
        )
        assert taken.status_code == 409
        own = await add(
            again, await again.key(role="owner", tenant="globex"), "till", "https://x.example", allow_addresses=[]
        )
        assert (own.status_code, "connectors folder" in own.text) == (409, True)


async def test_another_process_that_was_first_keeps_the_name(opens: Callable[..., Any], backend: Backend) -> None:
    async with opens(follow_s=60) as first, opens(follow_s=60) as other:
        manifest = Manifest(name="crm", base_url=backend.url, tenant="acme")
        offered = Offered(manifest, content=json.dumps(document()).encode())
        await first.gateway.ingestion.add(OPERATOR, offered)
        stranger = Principal("globex", "eve", "x")
        theirs = structs.replace(offered, manifest=structs.replace(manifest, tenant="globex"))
        for replace in (False, True):
            with pytest.raises(Conflict, match="is taken"):
                await other.gateway.ingestion.add(stranger, theirs, replace=replace)


async def test_a_name_that_is_free_again_comes_without_its_history(
    opens: Callable[..., Any], backend: Backend, tmp_path: Path
) -> None:
    folder = tmp_path / "connectors" / "till"
    folder.mkdir(parents=True)
    (folder / "openapi.json").write_text(json.dumps(document("sale")))
    (folder / "connector.yaml").write_text(
        "name: till\ndocument: openapi.json\nbase_url: https://x.example\ntenant: acme\n"
    )
    async with opens() as first:
        assert len(await first.gateway.store.versions("till", 9)) == 1
    (folder / "connector.yaml").unlink()
    async with opens() as again:
        token = await again.key(role="owner", tenant="globex")
        assert (await add(again, token, "till", "https://y.example", allow_addresses=[])).status_code == 201
        versions = (await again.get("/v1/connectors/till/versions", token)).json()["versions"]
        assert [one["cause"] for one in versions] == ["added"]


async def test_a_policy_may_be_about_all_that_a_tenant_has() -> None:
    text = """
    @id("all") permit (principal, action, resource);
    @id("acme-is-read-only") forbid (principal, action in Action::"write", resource in Tenant::"acme");
    """
    tools = (
        CaseTool("crm_add", "crm", "write", tenant="acme"),
        CaseTool("crm_look", "crm", "read", tenant="acme"),
        CaseTool("acme_add", "acme", "write"),
    )
    book = load_policies({"x.cedar": text}, table_catalog(CaseTable((), tools)))
    facts = Facts(NOON, "mcp", True)
    said = {
        name: book.decide(Principal("acme", "a", "b"), tool, {}, facts).verdict for name, tool in book.tools.items()
    }
    assert said == {"acme_add": "allow", "crm_add": "deny", "crm_look": "allow"}


async def test_approvals_and_kept_results_are_found_by_no_other_tenant(
    tenants: Callable[..., Any], backend: Backend, tmp_path: Path
) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "ours.cedar").write_text(POLICIES % ("", ""))
    backend.answers["GET /customers"] = (200, "image/png", b"\x89PNG" + b"x" * 1_000)
    async with tenants(policies_dir=str(tmp_path / "policies")) as door:
        acme = await door.key(*ALL, tenant="acme")
        waiting = (await door.post("/v1/tools/crm_add_customer:call", acme)).json()["approval"]["id"]
        handle = (await door.post("/v1/tools/crm_list_customers:call", acme)).json()["handle"].rpartition("/")[2]
        told = {
            "tool": "crm_add_customer",
            "for": {"subject": "bob", "client": "x"},
            "arguments": {},
            "uses_max": 1,
            "expires_at": (datetime.now(UTC) + timedelta(hours=1)).isoformat(),
        }
        given = await door.post("/v1/grants", await door.key(role="approver", tenant="acme"), told)
        assert given.status_code == 201, given.text
        grant = given.json()["id"]
        eve = await door.key(*ALL, role="owner", tenant="globex")
        for method, path in (
            ("GET", "/v1/approvals/{}"), ("POST", "/v1/approvals/{}/approve"), ("POST", "/v1/approvals/{}/deny"), ("GET", "/v1/results/{}"),
            ("GET", "/v1/grants/{}"), ("POST", "/v1/grants/{}/approve"), ("POST", "/v1/grants/{}/revoke"),
        ):  # fmt: skip
            real = {"results": handle, "grants": grant}.get(path.split("/")[2], waiting)
            wrong = "0" * len(real)
            status, headers, body = await ask(door, eve, method, path.format(real))
            assert status == 404
            told = (status, headers, body.replace(real.encode(), wrong.encode()))
            assert told == await ask(door, eve, method, path.format(wrong)), path
        assert (await door.get("/v1/approvals", eve)).json() == {"approvals": []}
        assert (await door.get(f"/v1/approvals/{waiting}", acme)).json()["state"] == "pending"
        lines: list[AuditEntry] = list(await door.gateway.store.read_audit(AuditFilter("globex", limit=1_000)))
        assert all(line.tenant == "globex" for line in lines)
