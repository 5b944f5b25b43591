"""Case tables of roles: what the policies over the gateway's own API decide, written down beside them. Reads no file."""

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct, structs

from gateway.core.policy_cases import CaseFailure, CasePrincipal
from gateway.core.principal import Principal
from gateway.core.roles import AdminAction, AdminResource, RoleBook, role_group


class RoleCase(Struct, frozen=True, forbid_unknown_fields=True):
    """One operation and what must be decided about it: on the caller's tenant as a whole, or on a connector of its `own` or one
    that is `shared`. `policies` are the ids of those that decide; None means that any may."""

    name: str
    action: AdminAction
    expect: Literal["allow", "deny"]
    roles: frozenset[str] = frozenset()
    principal: CasePrincipal = CasePrincipal()
    connector: Literal["", "own", "shared"] = ""
    policies: frozenset[str] | None = None


class RoleTable(Struct, frozen=True, forbid_unknown_fields=True):
    cases: tuple[RoleCase, ...]


def run_role_cases(book: RoleBook, cases: Iterable[RoleCase]) -> tuple[CaseFailure, ...]:
    """The cases that fail; () where the policies do what is written."""
    return tuple(failure for case in cases if (failure := _run(book, case)) is not None)


def _run(book: RoleBook, case: RoleCase) -> CaseFailure | None:
    told = structs.asdict(case.principal)
    principal = Principal(**told | {"groups": case.principal.groups | set(map(role_group, case.roles))})
    tenant = "" if case.connector == "shared" else principal.tenant
    decision = book.allow_admin(principal, case.action, AdminResource(tenant, "one" if case.connector else ""))
    decided = case.policies is None or case.policies == frozenset(decision.policies)
    if decision.verdict == case.expect and decided:
        return None
    wanted = case.expect if case.policies is None else f"{case.expect} by {', '.join(sorted(case.policies)) or 'none'}"
    got = f"{decision.verdict} by {', '.join(decision.policies) or 'none'}: {' '.join(decision.reasons)}"
    return CaseFailure(case.name, f"expected {wanted}, got {got}")
