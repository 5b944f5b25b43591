"""Every policy that ships does what the table beside it says, and so does every example of the README."""

import re
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from gateway.core.policy import load_policies
from gateway.core.policy_cases import CaseTable, run_cases, table_catalog
from gateway.core.policy_schema import GENERIC
from gateway.core.role_cases import RoleTable, run_role_cases
from gateway.core.roles import load_roles, schema_text
from gateway.core.yaml_tree import parse_yaml

POLICIES = Path(__file__).parents[2] / "policies"
ROLES = POLICIES / "roles.cedar"
FILES = sorted(set(POLICIES.rglob("*.cedar")) - {ROLES})


def read_table(text: str) -> CaseTable:
    return msgspec.convert(parse_yaml(text), CaseTable)


def failures(files: Mapping[str, str], table: CaseTable) -> list[str]:
    book = load_policies({**files, "also": table.also}, table_catalog(table))
    assert book.warnings == ()
    return [f"{one.case}: {one.detail}" for one in run_cases(book, table.cases)]


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_a_policy_that_ships_does_what_its_table_says(file: Path) -> None:
    table = read_table(file.with_suffix(".cases.yaml").read_text("utf-8"))
    beside = [(file.parent / name).resolve() for name in table.beside]
    assert failures({one.name: one.read_text("utf-8") for one in (file, *beside)}, table) == []


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_the_table_of_a_policy_has_a_case_that_each_of_its_policies_decides(file: Path) -> None:
    table = read_table(file.with_suffix(".cases.yaml").read_text("utf-8"))
    decided = {name for case in table.cases for name in case.policies or ()}
    assert set(re.findall(r'@id\("([^"]+)"\)', file.read_text("utf-8"))) <= decided


def test_the_readmes_policies_do_what_its_cases_say() -> None:
    text = (POLICIES / "README.md").read_text("utf-8")
    policies = "\n".join(re.findall(r"```cedar\n(.*?)```", text, re.DOTALL))
    (cases,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert failures({"README.md": policies}, read_table(cases)) == []


def test_the_published_schema_is_the_one_that_policies_are_checked_against() -> None:
    assert (POLICIES / "factotum.cedarschema").read_text("utf-8") == GENERIC


def test_the_packs_and_the_default_work_together_whatever_the_catalog() -> None:
    files = {file.name: file.read_text("utf-8") for file in FILES}
    book = load_policies(files, table_catalog(CaseTable(cases=())))
    assert book.warnings == ()


def test_a_case_that_comes_out_otherwise_says_what_was_decided_by_what_and_why() -> None:
    table = read_table(
        """
        tools: [{name: home_read, connector: home, effect: read}]
        cases:
          - {name: wrong verdict, tool: home_read, expect: deny}
          - {name: wrong policy, tool: home_read, expect: allow, policies: [other]}
          - {name: no such tool, tool: home_raed, expect: deny}
          - {name: a tool of its own, tool: {name: car_start, connector: car, effect: write}, expect: allow}
        """
    )
    policy = '@id("all") @reason("Everybody may.") permit (principal, action, resource);'
    assert failures({"all.cedar": policy}, table) == [
        "wrong verdict: expected deny, got allow by all: Everybody may.",
        "wrong policy: expected allow by other, got allow by all: Everybody may.",
        "no such tool: the table declares no tool named home_raed.",
    ]


@pytest.mark.parametrize(
    "case",
    [
        "{name: x, tool: t, expect: maybe}",
        "{name: x, tool: t, expect: deny, at: 2026-01-05T08:00:00}",
        "{name: x, tool: t, expect: deny, principle: {}}",
    ],
)
def test_a_misspelt_case_is_refused(case: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        read_table(f"cases: [{case}]")


def test_roles_do_what_their_table_says_and_each_policy_has_a_case() -> None:
    text = ROLES.read_text("utf-8")
    table = msgspec.convert(parse_yaml(ROLES.with_suffix(".cases.yaml").read_text("utf-8")), RoleTable)
    assert run_role_cases(load_roles(ROLES.name, text), table.cases) == ()
    decided = {name for case in table.cases for name in case.policies or ()}
    assert set(re.findall(r'@id\("([^"]+)"\)', text)) == decided


def test_the_published_schema_of_roles_is_the_one_that_they_are_checked_against() -> None:
    assert (POLICIES / "roles.cedarschema").read_text("utf-8") == schema_text()
