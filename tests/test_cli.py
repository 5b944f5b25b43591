"""The command line, as a person types it: each command in a process of its own."""

import json
import os
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.rankers.conftest import make_model

DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "Shop API", "version": "1"},
    "servers": [{"url": "https://shop.example"}],
    "paths": {
        "/orders": {"get": {"operationId": "listOrders", "summary": "List the orders", "responses": {}}},
        "/orders/{id}": {"delete": {"operationId": "dropOrder", "responses": {}}, "post": 7},
    },
}


@pytest.fixture
def factotum(tmp_path: Path):
    """Run the command in a directory of its own; gives the finished process."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("FACTOTUM_")}

    def run(*args: str, **more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-W", "error", "-m", "gateway", *args]
        told = {**environ, "PYTHONPATH": str(Path(__file__).parent.parent), "COLUMNS": "200", **more}
        return subprocess.run(command, cwd=tmp_path, env=told, capture_output=True, text=True, timeout=60, check=False)

    return run


def test_from_a_file_to_a_previewed_call(factotum, tmp_path: Path) -> None:
    (tmp_path / "openapi.json").write_text(json.dumps(DOCUMENT))
    added = factotum("add", "openapi.json")
    assert (added.returncode, added.stdout.splitlines()[0]) == (0, "shop: 2 tools, 1 refusals"), added.stderr
    assert "factotum add --manifest shop/connector.yaml" in factotum("add", "shop/connector.yaml").stderr
    assert "shop_list_orders" in factotum("tools", "--connector", "shop").stdout
    assert "/paths/~1orders~1{id}/post" in factotum("refusals", "shop").stdout
    shown = factotum("show", "shop_drop_order").stdout
    assert "destructive" in shown
    assert "shop:write" in shown
    assert "shop_list_orders" in factotum("search", "list the orders").stdout
    narrowed = factotum("search", "orders", "--effect", "destructive", "--connector", "shop").stdout
    assert ("shop_drop_order" in narrowed, "shop_list_orders" in narrowed) == (True, False)
    lists = {"FACTOTUM_TOOLSETS__LISTS__TOOLS": "*_list_*"}
    narrowed = factotum("search", "orders", "--toolset", "lists", **lists).stdout
    assert ("shop_drop_order" in narrowed, "shop_list_orders" in narrowed) == (False, True)
    preview = factotum("call", "shop_drop_order", '{"id": "7"}', "--dry-run").stdout
    assert "DELETE https://shop.example/orders/7" in preview
    assert '"phase":"previewed"' in factotum("audit", "--json").stdout
    assert factotum("remove", "shop").returncode == 0
    assert "shop" not in factotum("connectors").stdout


def test_what_search_needs_is_worked_out_before_a_start_and_kept(factotum, tmp_path: Path) -> None:
    make_model(tmp_path / "tiny")
    fused = {"FACTOTUM_RANKER__KIND": "fused", "FACTOTUM_RANKER__MODEL": "tiny", "FACTOTUM_RANKER__DEVICE": "cpu"}
    (tmp_path / "openapi.json").write_text(json.dumps(DOCUMENT))
    factotum("add", "openapi.json")
    for _ in range(2):
        indexed = factotum("index", **fused)
        assert (indexed.returncode, indexed.stdout.splitlines()[1].split()) == (0, ["shop", "2", "2"]), indexed.stderr
        with sqlite3.connect(tmp_path / ".factotum" / "factotum.db") as connection:
            assert connection.execute("SELECT count(*) FROM vector").fetchone() == (2,)
    assert factotum("index").returncode == 0, "where words alone rank there is nothing to do"


def test_a_tenant_s_tools_are_listed_shown_searched_and_called_for_it_alone(factotum, tmp_path: Path) -> None:
    folder = tmp_path / "connectors" / "shop"
    folder.mkdir(parents=True)
    (folder / "openapi.json").write_text(json.dumps(DOCUMENT))
    (folder / "connector.yaml").write_text("name: shop\ndocument: openapi.json\ntenant: acme\n")
    for command in (
        ("tools", "--connector", "shop"),
        ("show", "shop_list_orders"),
        ("search", "list the orders"),
        ("call", "shop_list_orders", "--dry-run"),
    ):
        told = factotum(*command, "--tenant", "acme")
        assert (told.returncode, "shop_list_orders" in told.stdout or "/orders" in told.stdout) == (0, True), told
    assert "orders" not in factotum("tools").stdout
    unknown = factotum("call", "shop_list_orders", "--tenant", "nobody")
    assert (unknown.returncode, "There is no tenant 'nobody'; there are acme, default." in unknown.stderr) == (1, True)
    remote = factotum("--gateway", "http://127.0.0.1:1", "tools", "--tenant", "acme")
    assert (remote.returncode, "leave --tenant out" in remote.stderr) == (1, True), remote
    assert json.loads(factotum("audit", "--json").stdout)["tenant"] == "acme"


def test_the_audit_log_is_verified_exported_and_found_out_where_it_was_changed(factotum, tmp_path: Path) -> None:
    (tmp_path / "openapi.json").write_text(json.dumps(DOCUMENT))
    factotum("add", "openapi.json")
    factotum("call", "shop_drop_order", '{"id": "7"}', "--dry-run")
    verified = factotum("audit", "verify")
    assert (verified.returncode, verified.stdout) == (0, ""), verified.stderr
    assert "2 lines, signed up to line 2" in verified.stderr
    events = [json.loads(line) for line in factotum("audit", "export", "--format", "ocsf").stdout.splitlines()]
    assert [(one["class_uid"], one["type_uid"], one["status_id"]) for one in events] == [
        (6003, 600399, 1),
        (6003, 600304, 1),
    ]
    assert events[1]["api"] == {"operation": "shop_drop_order", "service": {"name": "shop"}}
    lines = [json.loads(line) for line in factotum("audit", "export", "--after", "1").stdout.splitlines()]
    assert [line["phase"] for line in lines] == ["previewed"]
    assert factotum("audit", "drop", "--days", "1").stdout == "0 lines are gone\n"
    with sqlite3.connect(tmp_path / ".factotum" / "factotum.db") as connection:
        connection.execute("DELETE FROM audit WHERE sequence = 1")
    verified = factotum("audit", "verify")
    assert (verified.returncode, verified.stdout.split(":")[:2]) == (1, ["line 1", " missing"])


def test_a_manifest_says_more_and_what_is_said_beside_it_wins(factotum, tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "openapi.json").write_text(json.dumps(DOCUMENT))
    (folder / "connector.yaml").write_text("name: shop\ndocument: openapi.json\nexclude: [{methods: [DELETE]}]\n")
    assert factotum("add", "--manifest", "shop/connector.yaml").stdout.startswith("shop: 1 tools")
    (tmp_path / "ours.yaml").write_text(
        "overlay: 1.0.0\nactions: [{target: $.paths.*.get, update: {x-factotum: {name: find}}}]\n"
    )
    again = ("--manifest", "shop/connector.yaml", "--overlay", "ours.yaml", "--prefix", "", "--replace")
    assert factotum("add", *again).returncode == 0
    assert factotum("tools").stdout.splitlines()[1].split()[0] == "find"


def test_a_manifest_that_is_not_there_is_a_clear_error(factotum) -> None:
    failed = factotum("add", "--manifest", "none.yaml")
    assert (failed.returncode, "none.yaml cannot be read" in failed.stderr) == (1, True)


def test_what_a_document_says_is_no_markup_and_acts_on_no_terminal(factotum, tmp_path: Path) -> None:
    bad = "[red]x[/nothing] :smile: \x1b[31m\u202e"
    paths = {f"/{bad}": {"post": 7, "get": {"summary": bad, "parameters": [{"name": bad, "in": "query"}]}}}
    (tmp_path / "bad.json").write_text(json.dumps({**DOCUMENT, "info": {"title": bad}, "paths": paths}))
    assert factotum("add", "bad.json", "--name", "bad").returncode == 0
    shown = [factotum(*args) for args in (("connectors",), ("tools",), ("refusals", "bad"), ("search", "x"))]
    shown += [factotum("show", "bad_get_red_x_nothing_smile_31m"), factotum("call", bad)]
    for run in shown:
        assert "[red]x[/nothing] :smile:" in run.stdout + run.stderr
        assert not {"\x1b", "\u202e"} & {*run.stdout, *run.stderr}


@pytest.mark.parametrize(
    ("manifest", "told"),
    [
        ("name: shop\na: &a [*a]", "line 2, column 8: an alias names nothing, or holds itself."),
        ("a: " + "[" * 100_000, "nested deeper"),
        ("name: !!python/object/apply:os.system [echo]", "Expected `str`"),
        (
            "x: &a0 [" + "1," * 100 + "]\n" + "\n".join(f"x{i}: &a{i + 1} [{f'*a{i},' * 100}]" for i in range(5)),
            "values",
        ),
        ("name: \x00", "a character that no YAML text may have"),
        ("#" * (4 << 20) + "\nname: shop", "larger than a manifest may be"),
    ],
)
def test_a_manifest_that_means_harm_is_refused_by_name(factotum, tmp_path: Path, manifest: str, told: str) -> None:
    (tmp_path / "connector.yaml").write_text(manifest)
    failed = factotum("add", "--manifest", "connector.yaml")
    assert (failed.returncode, told in failed.stderr, "Traceback" in failed.stderr) == (1, True, False), failed.stderr


def test_a_key_is_shown_once_listed_without_its_secret_and_revoked(factotum, tmp_path: Path) -> None:
    (tmp_path / "openapi.json").write_text(json.dumps(DOCUMENT))
    factotum("add", "openapi.json")
    made = factotum("keys", "create", "ada", "--scope", "shop:*", "--days", "7")
    token = made.stdout.strip()
    assert token.startswith("fct_"), made.stderr
    listed = factotum("keys", "list").stdout
    assert "shop:read shop:write" in listed
    assert token not in listed
    key = next(line.split()[0] for line in listed.splitlines() if " ada " in line)
    assert factotum("keys", "revoke", key).returncode == 0
    assert "revoked" in factotum("keys", "list").stdout
    assert factotum("keys", "revoke", key).returncode == 1


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("add", "nowhere.json"), "nowhere.json"),
        (("show", "nothing"), "factotum tools"),
        (("refusals", "nothing"), "factotum connectors"),
        (("remove", "nothing"), "nothing"),
        (("call", "nothing", "{"), "JSON"),
        (("call", "nothing"), "nothing"),
        (("keys", "create", "x", "--scope", "all"), "connector:scope"),
        (("keys", "create", "x", "--scope", "shop:*"), "factotum connectors"),
    ],
)
def test_what_goes_wrong_is_one_line_and_status_1(factotum, args: tuple[str, ...], told: str) -> None:
    run = factotum(*args)
    assert (run.returncode, run.stdout) == (1, "")
    assert told in run.stderr
    assert "Traceback" not in run.stderr


def test_a_setting_that_does_not_fit_stops_the_start(factotum) -> None:
    run = factotum("tools", FACTOTUM_PORT="many")
    assert run.returncode == 1
    assert "port" in run.stderr
    assert "Traceback" not in run.stderr


def test_the_policies_are_checked_with_their_case_tables(factotum, tmp_path: Path) -> None:
    fine = factotum("policy", "check", FACTOTUM_POLICY_PACKS="read-only-agents,business-hours")
    assert fine.returncode == 0, fine.stderr
    assert "read-only-agents.cedar: " in fine.stdout
    assert "cases hold" in fine.stdout
    assert "read-only-agents" in factotum("policy", "check", FACTOTUM_POLICY_PACKS="nonsense").stderr
    policies = tmp_path / "mine"
    policies.mkdir()
    (policies / "a.cedar").write_text('@id("a") permit (principal, action, resource);')
    table = "tools: [{name: t, connector: c, effect: read}]\ncases: [{name: nobody reads, tool: t, expect: deny}]\n"
    (policies / "a.cases.yaml").write_text(table)
    wrong = factotum("policy", "check", FACTOTUM_POLICIES_DIR="mine")
    assert (wrong.returncode, "nobody reads" in wrong.stdout) == (1, True)


def test_policies_are_explained_tried_on_the_log_and_kept_by_version(factotum, tmp_path: Path) -> None:
    (tmp_path / "openapi.json").write_text(json.dumps(DOCUMENT))
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "ours.cedar").write_text('@id("all") permit (principal, action, resource);')
    more = {"FACTOTUM_POLICIES_DIR": "policies"}
    assert factotum("add", "openapi.json", "--base-url", "http://127.0.0.1:9", **more).returncode == 0
    assert factotum("call", "shop_drop_order", '{"id": "7"}', "--dry-run", **more).returncode == 0
    (tmp_path / "new.cedar").write_text(
        '@id("none") forbid (principal, action == Action::"shop_drop_order", resource) when { principal.groups.isEmpty() };'
    )
    tried = factotum("policy", "simulate", "new.cedar", **more)
    assert tried.stdout.splitlines()[1].split()[:6] == [
        "shop_drop_order",
        "default/operator",
        "1",
        "allow",
        "deny",
        "none",
    ]
    assert "1 calls" in tried.stderr
    (tmp_path / "new.cedar").rename(tmp_path / "policies" / "new.cedar")
    asked = ("policy", "explain", "ada", "shop_drop_order", '{"id": "7"}')
    told = factotum(*asked, "--scope", "shop:*", "--group", "staff", **more)
    assert told.stdout.splitlines() == [
        "allow: The policy all (ours.cedar) permits it.",
        "  permit all (ours.cedar) decides",
        "  forbid none (new.cedar) does not apply. Not so: when { principal.groups.isEmpty() }.",
    ]
    assert factotum(*asked, **more).stdout.startswith("deny: shop_drop_order needs the scope shop:")
    for wrong in (("ada",), ("ada", "shop_drop_order", "[]"), ("ada", "shop_drop_order", "--at", "noon")):
        assert factotum("policy", "explain", *wrong, **more).returncode == 1
    versions = [line.split() for line in factotum("policy", "versions", **more).stdout.splitlines()[1:]]
    assert (len(versions), versions[0][-1]) == (2, "new.cedar")
    assert '@id("all")' in factotum("policy", "show", versions[1][0], **more).stdout
    assert factotum("policy", "show", versions[1][0], "--into", "old", **more).returncode == 0
    assert sorted(path.name for path in (tmp_path / "old").iterdir()) == ["ours.cedar", "roles.cedar"]
    assert "there already" in factotum("policy", "show", versions[1][0], "--into", "old", **more).stderr
    written = factotum("policy", "pack", "tenant-isolation", "--connector", "shop", "--tenant", "acme", **more)
    assert [Path(line).name for line in written.stdout.splitlines()] == [
        "tenants-of-shop.cases.yaml",
        "tenants-of-shop.cedar",
    ]
    assert "shop is not for your tenant." in factotum(*asked, "--scope", "shop:*", **more).stdout
    isolation = ("policy", "pack", "tenant-isolation", "--connector", "shop", "--tenant", "acme", "--into")
    assert factotum(*isolation, "packs/new").returncode == 0
    assert len(list((tmp_path / "packs" / "new").iterdir())) == 2
    assert "is no folder" in factotum(*isolation, "openapi.json").stderr
    for wrong in (("amount-limits", "--tool", "shop_drop_order", "--argument", "id", "--max", "5"), written.args[-5:]):
        assert factotum("policy", "pack", *wrong, **more).returncode == 1


@pytest.mark.parametrize("command", ["token", "logout"])
def test_a_login_is_asked_about_by_its_url_whatever_gateway_other_commands_ask(
    factotum, tmp_path: Path, command: str
) -> None:
    there = {"FACTOTUM_GATEWAY": "http://127.0.0.1:9", "XDG_CONFIG_HOME": str(tmp_path)}
    for url in ("http://127.0.0.1:9", "http://127.0.0.1:10"):
        assert f"Nobody is signed in at {url}" in factotum(command, url, **there).stderr


def test_the_published_schemas_are_what_the_code_says() -> None:
    from gateway.schemas import stale_schemas

    assert stale_schemas(Path(__file__).parent.parent / "schemas") == []


def test_a_call_that_needs_a_yes_is_approved_at_the_terminal(factotum, tmp_path: Path) -> None:
    (tmp_path / "openapi.json").write_text(json.dumps(DOCUMENT))
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "ours.cedar").write_text(
        '@id("ask") @needs_approval("owners") permit (principal, action, resource);'
    )
    more = {"FACTOTUM_POLICIES_DIR": "policies"}
    assert factotum("add", "openapi.json", "--base-url", "http://127.0.0.1:9", **more).returncode == 0
    asked = factotum("call", "shop_drop_order", '{"id": "7"}', **more)
    assert asked.returncode == 1
    assert "It waits for owners as approval" in asked.stderr
    waiting = factotum("approvals", **more).stdout.splitlines()
    assert waiting[1].split()[1:4] == ["operator", "shop_drop_order", '{"id":"7"}']
    approved = factotum("approvals", "approve", waiting[1].split()[0], **more)
    assert (approved.returncode, "is approved" in approved.stdout) == (0, True), approved.stderr
    sent = factotum("call", "shop_drop_order", '{"id": "7"}', **more)
    assert "Approval needed" not in sent.stderr
    assert "not one this connector may reach" in sent.stderr or "address" in sent.stderr
    assert factotum("approvals", "deny", "nothing", **more).returncode == 1


def test_a_standing_yes_is_given_looked_at_and_taken_back(factotum, tmp_path: Path) -> None:
    (tmp_path / "openapi.json").write_text(json.dumps(DOCUMENT))
    factotum("add", "openapi.json")
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "ours.cedar").write_text(
        '@id("asks") @reason("Orders are dropped with a yes.") @needs_approval("")\n'
        'permit (principal, action in Action::"write", resource) when { context.in_scope };\n'
    )
    ours = {"FACTOTUM_POLICIES_DIR": "policies"}
    waiting = factotum("call", "shop_drop_order", '{"id": "7"}', **ours)
    assert (waiting.returncode, "It waits for a person" in waiting.stderr) == (1, True)
    approval = factotum("approvals", **ours).stdout.splitlines()[1].split()[0]
    half = factotum("approvals", "approve", approval, "--until", "2099-01-01", **ours)
    assert (half.returncode, "say --grant-uses too" in half.stderr) == (1, True)
    far = factotum("approvals", "approve", approval, "--grant-uses", "3", "--until", "2099-01-01", **ours)
    assert (far.returncode, "approvals.grant_ttl_s_max" in far.stderr) == (1, True)
    soon = (datetime.now(UTC) + timedelta(days=3)).date().isoformat()
    both = factotum("approvals", "approve", approval, "--grant-uses", "3", "--until", soon, **ours)
    assert (both.returncode, "lets operator call shop_drop_order so again" in both.stdout) == (0, True), both.stderr
    told = ("grants", "add", "--for", "operator", "--client", "cli", "--tool", "shop_drop_order", "--uses", "2")
    wide = factotum(*told, "--until", soon, "--arguments", '{"properties": {"id": {"const": "8"}}}', **ours)
    assert wide.returncode == 0, wide.stderr
    wrong = factotum(*told, "--until", soon, "--arguments", "nothing", **ours)
    assert (wrong.returncode, "--arguments is a JSON Schema" in wrong.stderr) == (1, True)
    (lacking,) = factotum(*told, **ours).stderr.splitlines()
    assert lacking.startswith("factotum: A grant is bounded: say --until, --arguments too")
    gone = factotum(*told[:6], "--uses", "2", "--tool", "shop_gone", "--until", soon, "--arguments", "{}", **ours)
    assert "There is no tool named 'shop_gone'" in gone.stderr
    other = factotum(*told, "--until", soon, "--arguments", '{"properties": {"size": {"const": 1}}}', **ours)
    assert "has no argument 'size'; those that it has: id." in other.stderr
    nothing = factotum("call", "shop_gone", **ours)
    assert "`factotum search` finds those there are" in nothing.stderr
    shown = factotum("grants", **ours).stdout
    assert [word in shown for word in ("0 of 2", "0 of 3", "exactly those of its approval", '"const":"8"')] == [
        True
    ] * 4
    grant = shown.splitlines()[1].split()[0]
    assert factotum("grants", "revoke", grant, "--reason", "Enough.", **ours).stdout == f"{grant} is revoked\n"
    assert grant in factotum("grants", "list", "--state", "revoked", **ours).stdout
    assert grant not in factotum("grants", **ours).stdout
