"""Policies: Cedar texts, validated against the catalog, and the decisions they give, always with reasons.

A decision is deny unless a policy permits; a forbid beats every permit; a policy that fails to evaluate means deny, because
Cedar would skip it, a forbid too. A permit annotated `@needs_approval("who")` makes of any allow a `needs_approval`.
"""

import json
from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

import cedarpy
import msgspec
from msgspec import Struct

from gateway.core.catalog import Catalog
from gateway.core.decision import Decision
from gateway.core.policy_schema import Kind, Unrepresentable, argument_kinds, schema_text, to_cedar
from gateway.core.principal import Principal
from gateway.core.tool import Tool

CACHED_MAX = 4_096
EFFECTS = ("read", "write", "destructive")

Json = dict[str, Any]


class PolicyBroken(Exception):
    """A policy that cannot be used: in which file, which one, and why. For the operator, so Cedar's own words are in it."""


class Facts(Struct, frozen=True):
    """What a policy may know beside who asks for what: when (UTC), through which door, and whether the scopes suffice."""

    now: datetime
    door: str
    in_scope: bool


class _Policy(Struct, frozen=True):
    """One policy as Cedar's JSON, and where it belongs: a connector, or "" for all."""

    id: str
    file: str
    told: Json
    connector: str
    tool: str
    reads_arguments: bool
    reads_now: bool

    @property
    def annotations(self) -> Mapping[str, str]:
        return self.told.get("annotations", {})  # type: ignore[no-any-return]


class _Slice(Struct, frozen=True):
    """The policies that can matter for one connector, parsed, and the tools whose arguments one of them reads."""

    policies: Any
    argument_readers: frozenset[str]
    reads_now: bool


def load_policies(files: Mapping[str, str], catalog: Catalog) -> "PolicyBook":
    """All policies of these files (name -> Cedar text), validated. Raises PolicyBroken.

    A policy on a tool or a connector that is not there is a warning: it matches nothing, and connectors come and go.
    """
    policies: dict[str, _Policy] = {}
    for file, text in sorted(files.items()):
        for one in _parse(file, text, catalog):
            if one.id in policies:
                raise PolicyBroken(f'{file}: @id("{one.id}") is taken by a policy in {policies[one.id].file}.')
            policies[one.id] = one
    absent = {one.id: f"{one.file}: {one.id} names {missing}, which is not there." for one in policies.values()
              if (missing := _missing(one, catalog))}  # fmt: skip
    _validate([one for one in policies.values() if one.id not in absent], catalog)
    digest = sha256(msgspec.json.encode(sorted(files.items()))).hexdigest()[:16]
    return PolicyBook(policies, tuple(absent.values()), digest)


class PolicyBook:
    """Immutable: what it keeps beside the policies are caches."""

    def __init__(self, policies: Mapping[str, _Policy], warnings: tuple[str, ...], version: str) -> None:
        self.warnings = warnings
        self.version = version
        self._policies = policies
        self._slices: dict[str, _Slice] = {}
        self._entities: OrderedDict[tuple[Principal, str], Any] = OrderedDict()
        self._decisions: OrderedDict[tuple[object, ...], Decision] = OrderedDict()
        self._kinds: dict[str, Kind] = {}

    def decide(self, principal: Principal, tool: Tool, arguments: Mapping[str, object], facts: Facts) -> Decision:
        """Allow, deny or needs approval. Raises nothing: what cannot be judged is denied."""
        held = self._slice(tool.connector)
        reads_arguments = tool.name in held.argument_readers
        if reads_arguments or held.reads_now:
            return self._evaluate(held, principal, tool, arguments, facts, reads_arguments=reads_arguments)
        # What Cedar sees is then all in this key, and it sees the same always: a decision is a pure function.
        key = (principal, tool.name, facts.now.hour, facts.now.isoweekday(), facts.door, facts.in_scope)
        known = self._decisions.get(key)
        if known is None:
            known = self._evaluate(held, principal, tool, arguments, facts, reads_arguments=False)
            _keep(self._decisions, key, known)
        return known

    def _evaluate(
        self,
        held: _Slice,
        principal: Principal,
        tool: Tool,
        arguments: Mapping[str, object],
        facts: Facts,
        *,
        reads_arguments: bool,
    ) -> Decision:
        try:
            context = self._context(tool, arguments, facts, with_arguments=reads_arguments)
        except Unrepresentable as error:
            return Decision(
                "deny", (f"The argument {error.argument} cannot be judged exactly by the policies in force.",)
            )
        request = {
            "principal": {"type": "Agent", "id": _agent(principal)},
            "action": {"type": "Action", "id": tool.name},
            "resource": {"type": "Tool", "id": tool.name},
            "context": context,
        }
        try:
            answer = cedarpy.is_authorized(request, held.policies, self._entities_of(principal, tool))
        except (ValueError, TypeError):
            return Decision("deny", ("The request could not be put to the policies.",))
        return self._decision(answer, tool)

    def _decision(self, answer: cedarpy.AuthzResult, tool: Tool) -> Decision:
        ids = tuple(sorted(answer.diagnostics.reasons))
        if answer.diagnostics.errors or answer.decision == cedarpy.Decision.NoDecision:
            return Decision(
                "deny", ("A policy could not be evaluated for this call, and then nothing is allowed.",), ids
            )
        if not answer.allowed:
            reasons = self._reasons(ids) or (f"No policy permits {tool.name} ({tool.effect}) here.",)
            return Decision("deny", reasons, ids)
        approvers = [one for one in ids if "needs_approval" in self._policies[one].annotations]
        if approvers:
            who = ", ".join(self._policies[one].annotations["needs_approval"] or "a person" for one in approvers)
            return Decision(
                "needs_approval", (*self._reasons(tuple(approvers)), f"It needs the approval of: {who}."), ids
            )
        return Decision("allow", self._reasons(ids), ids)

    def _reasons(self, ids: tuple[str, ...]) -> tuple[str, ...]:
        told = ((self._policies[one].annotations.get("reason"), self._policies[one]) for one in ids)
        return tuple(reason or f"The policy {policy.id} ({policy.file}) says so." for reason, policy in told)

    def _slice(self, connector: str) -> _Slice:
        if connector not in self._slices:
            mine = [one for one in self._policies.values() if one.connector in ("", connector)]
            parsed = cedarpy.PolicySet.from_json_str(_set({one.id: one.told for one in mine}))
            readers = frozenset(one.tool for one in mine if one.reads_arguments and one.tool)
            self._slices[connector] = _Slice(parsed, readers, any(one.reads_now for one in mine))
        return self._slices[connector]

    def _context(self, tool: Tool, arguments: Mapping[str, object], facts: Facts, *, with_arguments: bool) -> str:
        told: Json = {
            "now": int(facts.now.timestamp()),
            "hour": facts.now.hour,
            "weekday": facts.now.isoweekday(),
            "door": facts.door,
            "in_scope": facts.in_scope,
        }
        if with_arguments:
            if tool.name not in self._kinds:
                self._kinds[tool.name] = argument_kinds(tool)
            told["arguments"] = to_cedar(dict(arguments), self._kinds[tool.name])
        return msgspec.json.encode(told).decode()

    def _entities_of(self, principal: Principal, tool: Tool) -> Any:
        key = (principal, tool.name)
        known = self._entities.get(key)
        if known is None:
            known = cedarpy.Entities.from_json_str(json.dumps(_entities(principal, tool)))
            _keep(self._entities, key, known)
        return known


def _keep(cache: OrderedDict[Any, Any], key: object, value: object) -> None:
    cache[key] = value
    if len(cache) > CACHED_MAX:
        cache.popitem(last=False)


def _parse(file: str, text: str, catalog: Catalog) -> list[_Policy]:
    try:
        told = json.loads(cedarpy.policies_to_json_str(text))
    except ValueError as error:
        raise PolicyBroken(f"{file}: {error}") from error
    if told.get("templates"):
        raise PolicyBroken(f"{file}: templates are not supported; write the policy out.")
    return [_read(file, one, catalog) for one in told.get("staticPolicies", {}).values()]


def _read(file: str, told: Json, catalog: Catalog) -> _Policy:
    name = told.get("annotations", {}).get("id")
    if not name:
        raise PolicyBroken(f'{file}: every policy needs an @id("...") to be told by.')
    if told["effect"] == "forbid" and "needs_approval" in told["annotations"]:
        raise PolicyBroken(f"{file}: {name} is a forbid; only a permit can need an approval.")
    action, resource = _one(told["action"]), _one(told["resource"])
    tool = action["id"] if action and action["id"] not in EFFECTS else ""
    if resource and resource["type"] == "Tool":
        tool = tool or resource["id"]
    connector = resource["id"] if resource and resource["type"] == "Connector" else ""
    if tool and not connector:
        connector = catalog.tools[tool].connector if tool in catalog.tools else ""
    acts_on_one = tool if action and action["id"] == tool else ""
    conditions = json.dumps(told["conditions"])
    reads_arguments, reads_now = '"attr": "arguments"' in conditions, '"attr": "now"' in conditions
    return _Policy(name, file, told, connector, acts_on_one, reads_arguments, reads_now)


def _one(scope: Json) -> Json | None:
    """The entity that `==` or `in` names, where it is one; groups and tenants are no slices."""
    entity = scope.get("entity")
    return entity if scope.get("op") in ("==", "in") and isinstance(entity, dict) and "type" in entity else None


def _missing(policy: _Policy, catalog: Catalog) -> str:
    """What of the catalog a policy names that is not there; "" where all is."""
    actions = [policy.told["action"].get("entity"), *policy.told["action"].get("entities", ())]
    for one in actions:
        if one and one["id"] not in EFFECTS and one["id"] not in catalog.tools:
            return f"the tool {one['id']}"
    resource = _one(policy.told["resource"])
    if resource and resource["type"] == "Tool" and resource["id"] not in catalog.tools:
        return f"the tool {resource['id']}"
    if resource and resource["type"] == "Connector" and resource["id"] not in catalog.connectors:
        return f"the connector {resource['id']}"
    return ""


def _validate(policies: list[_Policy], catalog: Catalog) -> None:
    """Cedar's strict validation, against the generic schema and the tools that some policy names."""
    named = {one["id"] for policy in policies for one in _actions(policy)} - set(EFFECTS)
    schema = schema_text([catalog.tools[name] for name in sorted(named)])
    by_id = {one.id: one for one in policies}
    text = cedarpy.policies_from_json_str(_set({one.id: one.told for one in policies})) if policies else ""
    result = cedarpy.validate_policies(text, schema)
    for error in result.errors:
        name = result.id_annotations_by_policy_id.get(error.policy_id, error.policy_id)
        where = by_id[name].file if name in by_id else "policies"
        raise PolicyBroken(f"{where}: {name}: {error.error}")


def _actions(policy: _Policy) -> list[Json]:
    action = policy.told["action"]
    return [one for one in (action.get("entity"), *action.get("entities", ())) if one]


def _set(policies: Mapping[str, Json]) -> str:
    return json.dumps({"staticPolicies": policies, "templates": {}, "templateLinks": []})


def _agent(principal: Principal) -> str:
    return f"{principal.tenant}/{principal.subject}"


def _entities(principal: Principal, tool: Tool) -> list[Json]:
    tenant = {"type": "Tenant", "id": principal.tenant}
    groups = [{"type": "Group", "id": f"{principal.tenant}/{group}"} for group in sorted(principal.groups)]
    effects = [{"type": "Action", "id": tool.effect}, *([_WRITE] if tool.effect == "destructive" else [])]
    agent = {
        "tenant": principal.tenant,
        "subject": principal.subject,
        "client": principal.client,
        "method": principal.method,
        "scopes": sorted(principal.scopes),
        "groups": sorted(principal.groups),
    }
    resource = {"connector": tool.connector, "effect": tool.effect, "deprecated": tool.deprecated}
    return [
        {"uid": {"type": "Agent", "id": _agent(principal)}, "attrs": agent, "parents": [*groups, tenant]},
        *({"uid": group, "attrs": {}, "parents": [tenant]} for group in groups),
        {"uid": tenant, "attrs": {}, "parents": []},
        {"uid": {"type": "Tool", "id": tool.name}, "attrs": resource, "parents": [{"type": "Connector", "id": tool.connector}]},
        {"uid": {"type": "Connector", "id": tool.connector}, "attrs": {}, "parents": []},
        {"uid": {"type": "Action", "id": tool.name}, "attrs": {}, "parents": effects},
    ]  # fmt: skip


_WRITE = {"type": "Action", "id": "write"}
