"""Which policies can matter for a call: those whose scopes are about its caller and its connector. Evaluates nothing."""

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from cedarpy import pst
from msgspec import Struct

from gateway.core.catalog import Catalog
from gateway.core.policy_context import memberships
from gateway.core.policy_schema import EFFECTS, FACTS
from gateway.core.policy_text import Policy, cedar_set
from gateway.core.principal import Principal

# What a scope confines a policy to: an entity of the principal by type and id, and a connector; ("", "") and "" are any.
Who = tuple[str, str]
Shelf = tuple[Who, str]
ANYBODY, ANYWHERE = ("", ""), ""


class Part(Struct, frozen=True):
    """Policies that Cedar evaluates together, and what they read: of the facts, and of the arguments. What none of them
    reads is not put to Cedar."""

    handle: Any
    ids: tuple[str, ...]
    facts: frozenset[str]
    arguments: frozenset[str]


class Slice(Struct, frozen=True):
    """The policies that can matter for some callers at one connector. What the `steady` ones say stays as it is from call to
    call; the `moving` ones read the moment, or arguments of the tools that they name."""

    ids: tuple[str, ...]
    steady: Part
    moving: tuple[Policy, ...]

    def moving_at(self, tool: str) -> list[Policy]:
        """Those of the moving ones that can matter for a call of this tool."""
        return [one for one in self.moving if not one.reads_arguments or tool in one.actions]


def build_slice(policies: Iterable[Policy]) -> Slice:
    by_id = sorted(policies, key=lambda one: one.id)
    moves = {one.id: one.reads_arguments or ("context", "now") in one.reads for one in by_id}
    steady = build_part([one for one in by_id if not moves[one.id]])
    return Slice(tuple(moves), steady, tuple(one for one in by_id if moves[one.id]))


def build_part(policies: Collection[Policy]) -> Part:
    reads = {path for one in policies for path in one.reads if path[0] == "context"}
    return Part(
        cedar_set(one.template for one in policies),
        tuple(one.id for one in policies),
        frozenset(path[1] for path in reads if path[1] in FACTS),
        frozenset(path[2] for path in reads if path[1] == "arguments"),
    )


def names_of(principal: Principal) -> Iterator[Who]:
    """All that a principal is in, itself among it: what `principal in ...` holds for."""
    for uid in memberships(principal):
        yield uid["type"], uid["id"]


def shelve_policies(policies: Iterable[Policy], catalog: Catalog) -> dict[Shelf, list[Policy]]:
    """The policies by what their scopes confine them to. One on tools of several connectors stands on several shelves."""
    shelves: dict[Shelf, list[Policy]] = {}
    for one in policies:
        connectors = _connectors(one, catalog)
        for name in (ANYWHERE,) if connectors is None else connectors:
            shelves.setdefault((_who(one), name), []).append(one)
    return shelves


def _who(policy: Policy) -> Who:
    match policy.template.principal:
        case (
            pst.ScopeEq(pst.EntityUid() as uid)
            | pst.ScopeIn(pst.EntityUid() as uid)
            | pst.ScopeIsIn(_, pst.EntityUid() as uid)
        ):
            return str(uid.type), uid.id
    return ANYBODY


def _connectors(policy: Policy, catalog: Catalog) -> set[str] | None:
    """The connectors that a policy's scope confines it to, None where it does not."""
    by_action = None
    if policy.actions and not policy.actions & set(EFFECTS):
        by_action = {catalog.tools[name].connector for name in policy.actions if name in catalog.tools}
    by_resource = None
    match policy.template.resource:
        case (
            pst.ScopeEq(pst.EntityUid() as uid)
            | pst.ScopeIn(pst.EntityUid() as uid)
            | pst.ScopeIsIn(_, pst.EntityUid() as uid)
        ):
            by_resource = _within(uid, catalog)
    if by_action is None or by_resource is None:
        return by_resource if by_action is None else by_action
    return by_action & by_resource


def _within(uid: pst.EntityUid, catalog: Catalog) -> set[str]:
    """The connectors of a tool, of a tenant, or that one itself."""
    match str(uid.type):
        case "Tool":
            return {catalog.tools[uid.id].connector} if uid.id in catalog.tools else set()
        case "Tenant":
            return {name for name, one in catalog.connectors.items() if one.manifest.tenant == uid.id}
        case _:
            return {uid.id}
