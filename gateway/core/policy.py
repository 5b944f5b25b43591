"""Policies: which calls they allow, always with reasons. Loads Cedar texts against a catalog; reads no file.

A decision is deny unless a policy permits. A forbid beats every permit. A policy that fails to evaluate means deny,
because Cedar would skip it, a forbid too. Where a permit that applies is annotated `@needs_approval("who")`, the
decision is needs_approval, whatever other permits say: the annotation narrows, and no second permit widens it again. So does
`@obligation("redact:field")`: the answer is given without the fields that any permit that applies wants redacted.
"""

import json
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any, TypeVar

import cedarpy
import msgspec
from cedarpy import pst
from msgspec import Struct

from gateway.core.catalog import Catalog
from gateway.core.decision import Decision
from gateway.core.policy_check import check_policies
from gateway.core.policy_context import (
    Facts,
    Unrepresentable,
    agent,
    memberships,
    tell_arguments,
    tell_entities,
    tell_facts,
)
from gateway.core.policy_schema import EFFECTS, FACTS, Kind, argument_kinds
from gateway.core.policy_text import Policy, PolicyBroken, cedar_set, parse_policies
from gateway.core.principal import Principal
from gateway.core.tool import Tool

__all__ = ["Facts", "PolicyBook", "PolicyBroken", "load_policies"]

CACHED_MAX = 4_096
SLICES_MAX = 1_024
_T = TypeVar("_T")

# What a scope confines a policy to: an entity of the principal by type and id, and a connector; ("", "") and "" are any.
_Who = tuple[str, str]
_Shelf = tuple[_Who, str]
ANYBODY, ANYWHERE = ("", ""), ""


class _Slice(Struct, frozen=True):
    """The policies that can matter for some callers at one connector, and what they read: of the facts, and of the
    arguments of each tool. What none of them reads is not put to Cedar."""

    policies: Any
    ids: frozenset[str]
    facts: frozenset[str]
    arguments: Mapping[str, frozenset[str]]


def load_policies(files: Mapping[str, str], catalog: Catalog) -> "PolicyBook":
    """All policies of these files (name -> Cedar text), checked against the catalog. Raises PolicyBroken.

    A policy about a tool or a connector that is not there is a warning: it matches nothing, and connectors come and go.
    """
    policies: dict[str, Policy] = {}
    for file, text in sorted(files.items()):
        for one in parse_policies(file, text):
            if one.id in policies:
                raise PolicyBroken(file, one.id, f"its @id is taken by a policy in {policies[one.id].file}.")
            policies[one.id] = one
    warnings = check_policies(list(policies.values()), catalog)
    digest = sha256(msgspec.json.encode(sorted(files.items()))).hexdigest()[:16]
    return PolicyBook(policies, catalog, warnings, digest)


class PolicyBook:
    """The policies in force over one catalog. Immutable: what it keeps beside them are caches.

    `version` is a digest of the files, `count` how many policies there are. `warnings` are sentences for the operator. `tools`
    are those of the catalog, the only ones that anything but a deny is decided about.
    """

    def __init__(
        self, policies: Mapping[str, Policy], catalog: Catalog, warnings: tuple[str, ...], version: str
    ) -> None:
        self.version = version
        self.warnings = warnings
        self._policies = policies
        self.count = len(policies)
        self.tools = catalog.tools
        self._owners = {name: one.manifest.tenant for name, one in catalog.connectors.items()}
        self._shelves = _sort(policies.values(), catalog)
        self._named = frozenset(who for who, _ in self._shelves) - {ANYBODY}
        self._slices: OrderedDict[object, _Slice] = OrderedDict()
        self._kinds: dict[str, Kind] = {}
        self._entities: OrderedDict[object, cedarpy.Entities] = OrderedDict()
        self._decisions: OrderedDict[object, Decision] = OrderedDict()

    def decide(self, principal: Principal, tool: Tool, arguments: Mapping[str, object], facts: Facts) -> Decision:
        """Allow, deny or needs approval. Raises nothing: what cannot be judged is denied. The arguments are those that
        fit the tool's input schema; no reason repeats a value of theirs."""
        known = self.tools.get(tool.name)
        if (known is not tool and known != tool) or tool.name in EFFECTS:
            return Decision("deny", (f"The policies in force were not made for the tool {tool.name}.",))
        try:
            return self._decide(self._slice(principal, tool.connector), principal, tool, arguments, facts)
        except Unrepresentable as error:
            return self._unjudgeable(tool, error.argument)
        except (ValueError, TypeError, OverflowError):
            return Decision("deny", (f"The call of {tool.name} could not be put to the policies, so it is denied.",))

    @property
    def files(self) -> dict[str, tuple[str, ...]]:
        """The policies by file."""
        found: dict[str, list[str]] = {}
        for one in self._policies.values():
            found.setdefault(one.file, []).append(one.id)
        return {file: tuple(ids) for file, ids in sorted(found.items())}

    def considered(self, principal: Principal, connector: str) -> tuple[Policy, ...]:
        """The policies that a call of this caller at this connector looks at, by id: the scopes of all others are about other
        callers or other connectors."""
        held = self._slice(principal, connector)
        return tuple(self._policies[one] for one in sorted(held.ids))

    def owner_of(self, connector: str) -> str:
        """The tenant whose connector it is, "" where all share it."""
        return self._owners.get(connector, "")

    def about(self, connector: str) -> tuple[Policy, ...]:
        """The policies that can matter at this connector for some caller, by id."""
        found = {
            one.id: one
            for (_, where), shelf in self._shelves.items()
            if where in (ANYWHERE, connector)
            for one in shelf
        }
        return tuple(found[name] for name in sorted(found))

    def _decide(
        self, held: _Slice, principal: Principal, tool: Tool, arguments: Mapping[str, object], facts: Facts
    ) -> Decision:
        context = tell_facts(facts, held.facts)
        wanted = held.arguments.get(tool.name)
        if wanted is not None:
            context["arguments"] = tell_arguments(arguments, self._kinds_of(tool), wanted)
        told = str(msgspec.json.encode(context), "utf-8")
        if wanted is not None or "now" in held.facts:
            return self._evaluate(held, principal, tool, told)
        # All that Cedar would see is in this key, and for the same it says the same.
        key = (principal, tool.name, told)
        return _cached(self._decisions, key, lambda: self._evaluate(held, principal, tool, told))

    def _evaluate(self, held: _Slice, principal: Principal, tool: Tool, context: str) -> Decision:
        request = {
            "principal": agent(principal),
            "action": {"type": "Action", "id": tool.name},
            "resource": {"type": "Tool", "id": tool.name},
            "context": context,
        }
        answer = cedarpy.is_authorized(request, held.policies, self._entities_of(principal, tool))
        if answer.diagnostics.errors or answer.decision == cedarpy.Decision.NoDecision:
            return self._failed(held, tool, answer.diagnostics.errors)
        return self._judged(tuple(sorted(answer.diagnostics.reasons)), tool, allowed=answer.allowed)

    def _judged(self, ids: tuple[str, ...], tool: Tool, *, allowed: bool) -> Decision:
        if not ids:
            return Decision("deny", (f"No policy permits the action {tool.name} ({tool.effect}) here.",))
        reasons = tuple(self._reason(one) for one in ids)
        if not allowed:
            return Decision("deny", reasons, ids)
        approvers = {one: self._policies[one].annotations.get("needs_approval") for one in ids}
        asked = {one: who or "a person" for one, who in approvers.items() if who is not None}
        redact = tuple(dict.fromkeys(field for one in ids for field in self._policies[one].redact))
        if not asked:
            return Decision("allow", reasons, ids, redact=redact)
        who = " and ".join(dict.fromkeys(asked.values()))
        reasons = (*map(self._reason, asked), f"It needs the approval of {who}.")
        four_eyes = any("four_eyes" in self._policies[one].annotations for one in asked)
        return Decision("needs_approval", reasons, ids, tuple(dict.fromkeys(asked.values())), four_eyes, redact)

    def _reason(self, policy_id: str) -> str:
        policy = self._policies[policy_id]
        does = "permits" if policy.template.effect == "permit" else "forbids"
        return policy.annotations.get("reason") or f"The policy {policy.id} ({policy.file}) {does} it."

    def _failed(self, held: _Slice, tool: Tool, errors: list[str]) -> Decision:
        """Cedar's own words repeat values, so only the name of the policy is taken from them."""
        starts = {one: f"error while evaluating policy `{one}`:" for one in sorted(held.ids)}
        ids = tuple(one for one, start in starts.items() if any(error.startswith(start) for error in errors))
        which = ", ".join(f"{one} ({self._policies[one].file})" for one in ids) or "one of them"
        return Decision(
            "deny", (f"{tool.name} is denied because a policy could not be evaluated for this call: {which}.",), ids
        )

    def _unjudgeable(self, tool: Tool, argument: str) -> Decision:
        reason = (
            f"A policy on {tool.name} depends on the argument {argument}, and can judge only plain text, "
            f"integers of 64 bits and numbers with at most four decimal places there."
        )
        ids = sorted(one.id for one in self._policies.values() if tool.name in one.actions and one.reads_arguments)
        return Decision("deny", (reason,), tuple(ids))

    def _slice(self, principal: Principal, connector: str) -> _Slice:
        """Callers and connectors that no policy tells apart share one."""
        names = (ANYBODY, *sorted(self._named.intersection(_memberships(principal)))) if self._named else (ANYBODY,)
        keys = tuple(key for who in names for key in ((who, ANYWHERE), (who, connector)) if key in self._shelves)
        return _cached(
            self._slices, keys, lambda: _build_slice([one for key in keys for one in self._shelves[key]]), SLICES_MAX
        )

    def _kinds_of(self, tool: Tool) -> Kind:
        if tool.name not in self._kinds:
            self._kinds[tool.name] = argument_kinds(tool)
        return self._kinds[tool.name]

    def _entities_of(self, principal: Principal, tool: Tool) -> cedarpy.Entities:
        def parse() -> cedarpy.Entities:
            return cedarpy.Entities.from_json_str(
                json.dumps(tell_entities(principal, tool, self._owners[tool.connector]))
            )

        return _cached(self._entities, (principal, tool.name), parse)


def _sort(policies: Iterable[Policy], catalog: Catalog) -> dict[_Shelf, list[Policy]]:
    """The policies by what their scopes confine them to. One on tools of several connectors stands on several shelves."""
    shelves: dict[_Shelf, list[Policy]] = {}
    for one in policies:
        connectors = _connectors(one, catalog)
        for name in (ANYWHERE,) if connectors is None else connectors:
            shelves.setdefault((_who(one), name), []).append(one)
    return shelves


def _who(policy: Policy) -> _Who:
    match policy.template.principal:
        case (
            pst.ScopeEq(pst.EntityUid() as uid)
            | pst.ScopeIn(pst.EntityUid() as uid)
            | pst.ScopeIsIn(_, pst.EntityUid() as uid)
        ):
            return str(uid.type), uid.id
    return ANYBODY


def _memberships(principal: Principal) -> Iterator[_Who]:
    """All that a principal is in, itself among it: what `principal in ...` holds for."""
    for uid in memberships(principal):
        yield uid["type"], uid["id"]


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


def _build_slice(policies: list[Policy]) -> _Slice:
    facts: set[str] = set()
    arguments: dict[str, frozenset[str]] = {}
    for one in policies:
        facts.update(path[1] for path in one.reads if path[0] == "context" and path[1] in FACTS)
        names = frozenset(path[2] for path in one.reads if path[:2] == ("context", "arguments"))
        for tool in one.actions if names else ():
            arguments[tool] = arguments.get(tool, frozenset()) | names
    handle = cedar_set([one.template for one in policies])
    return _Slice(handle, frozenset(one.id for one in policies), frozenset(facts), arguments)


def _cached(cache: OrderedDict[object, _T], key: object, make: Callable[[], _T], most: int = CACHED_MAX) -> _T:
    """The value of this key, made where it is not there, and now the last that will be dropped."""
    value = cache.pop(key, None)
    if value is None:
        value = make()
    cache[key] = value
    if len(cache) > most:
        cache.popitem(last=False)
    return value
