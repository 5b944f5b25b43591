"""Policies: which calls they allow, always with reasons. Loads Cedar texts against a catalog; reads no file.

A decision is deny unless a policy permits. A forbid beats every permit. A policy that fails to evaluate means deny,
because Cedar would skip it, a forbid too. Where a permit that applies is annotated `@needs_approval("who")`, the
decision is needs_approval, whatever other permits say: the annotation narrows, and no second permit widens it again. So does
`@obligation("redact:field")`: the answer is given without the fields that any permit that applies wants redacted.
"""

import json
from collections import OrderedDict
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, TypeVar

import cedarpy
import msgspec
from msgspec import Struct

from gateway.core.catalog import Catalog
from gateway.core.decision import Decision
from gateway.core.policy_check import check_policies
from gateway.core.policy_context import (
    Facts,
    Unrepresentable,
    agent,
    tell_arguments,
    tell_entities,
    tell_facts,
)
from gateway.core.policy_schema import EFFECTS, Kind, argument_kinds
from gateway.core.policy_slice import ANYBODY, ANYWHERE, Part, Slice, build_part, build_slice, names_of, shelve_policies
from gateway.core.policy_text import Policy, PolicyBroken, parse_policies
from gateway.core.principal import Principal
from gateway.core.tool import Tool

__all__ = ["Facts", "PolicyBook", "PolicyBroken", "load_policies"]

CACHED_MAX = 4_096
SLICES_MAX = 1_024
_T = TypeVar("_T")


class _Case(Struct, frozen=True):
    """What is the same for all calls of one tool by one caller."""

    request: Mapping[str, Any]
    entities: cedarpy.Entities
    steady: Part
    moving: Part | None


class _Answer(Struct, frozen=True):
    """What Cedar said of some policies: whether they allow, and which of them decided; and whether, and as far as is known
    which, could not be evaluated."""

    allowed: bool
    ids: tuple[str, ...]
    failed: bool = False
    failing: tuple[str, ...] = ()

    @property
    def weight(self) -> int:
        """Which of two counts: a forbid more than a permit, and either more than nothing."""
        return 1 if self.allowed else 2 if self.ids else 0


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
        self._shelves = shelve_policies(policies.values(), catalog)
        self._named = frozenset(who for who, _ in self._shelves) - {ANYBODY}
        self._kinds: dict[str, Kind] = {}
        self._slices: OrderedDict[object, Slice] = OrderedDict()
        self._moving: OrderedDict[object, Part] = OrderedDict()
        self._cases: OrderedDict[object, _Case] = OrderedDict()
        self._answers: OrderedDict[object, _Answer] = OrderedDict()
        self._decisions: OrderedDict[object, Decision] = OrderedDict()

    def decide(self, principal: Principal, tool: Tool, arguments: Mapping[str, object], facts: Facts) -> Decision:
        """Allow, deny or needs approval. Raises nothing: what cannot be judged is denied. The arguments are those that
        fit the tool's input schema; no reason repeats a value of theirs."""
        known = self.tools.get(tool.name)
        if (known is not tool and known != tool) or tool.name in EFFECTS:
            return Decision("deny", (f"The policies in force were not made for the tool {tool.name}.",))
        try:
            return self._decide(principal, tool, arguments, facts)
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
        return tuple(self._policies[one] for one in held.ids)

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

    def _decide(self, principal: Principal, tool: Tool, arguments: Mapping[str, object], facts: Facts) -> Decision:
        """Whether a policy holds depends on no other, so that what the steady ones say is kept, and only the others are
        asked again. For the same that Cedar would be told it says the same."""
        case = _cached(self._cases, (principal, tool.name), lambda: self._make_case(principal, tool))
        told = _encode(tell_facts(facts, case.steady.facts))
        answer = _cached(self._answers, (principal, tool.name, told), lambda: self._ask(case, case.steady, told))
        if case.moving is not None:
            moment = self._tell(case.moving, tool, arguments, facts)
            answer = _together(answer, self._ask(case, case.moving, moment))
        return _cached(self._decisions, (tool.name, answer), lambda: self._judged(answer, tool))

    def _make_case(self, principal: Principal, tool: Tool) -> _Case:
        held = self._slice(principal, tool.connector)
        moving = held.moving_at(tool.name)
        ids = tuple(one.id for one in moving)
        part = _cached(self._moving, ids, lambda: build_part(moving), SLICES_MAX) if moving else None
        request = {
            "principal": agent(principal),
            "action": {"type": "Action", "id": tool.name},
            "resource": {"type": "Tool", "id": tool.name},
        }
        entities = json.dumps(tell_entities(principal, tool, self._owners[tool.connector]))
        return _Case(request, cedarpy.Entities.from_json_str(entities), held.steady, part)

    def _tell(self, part: Part, tool: Tool, arguments: Mapping[str, object], facts: Facts) -> str:
        told = tell_facts(facts, part.facts)
        if part.arguments:
            told["arguments"] = tell_arguments(arguments, self._kinds_of(tool), part.arguments)
        return _encode(told)

    def _ask(self, case: _Case, part: Part, context: str) -> _Answer:
        """Cedar's own words repeat values, so only the names of policies are taken from them."""
        answer = cedarpy.is_authorized({**case.request, "context": context}, part.handle, case.entities)
        decision, errors = answer.decision, answer.diagnostics.errors
        starts = {one: f"error while evaluating policy `{one}`:" for one in part.ids} if errors else {}
        failing = tuple(one for one, start in starts.items() if any(error.startswith(start) for error in errors))
        failed = bool(errors) or decision == cedarpy.Decision.NoDecision
        ids = tuple(sorted(answer.diagnostics.reasons))
        return _Answer(decision == cedarpy.Decision.Allow, ids, failed, failing)

    def _judged(self, answer: _Answer, tool: Tool) -> Decision:
        if answer.failed:
            return self._failed(answer.failing, tool)
        ids = answer.ids
        if not ids:
            return Decision("deny", (f"No policy permits the action {tool.name} ({tool.effect}) here.",))
        reasons = tuple(self._reason(one) for one in ids)
        if not answer.allowed:
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

    def _failed(self, ids: tuple[str, ...], tool: Tool) -> Decision:
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

    def _slice(self, principal: Principal, connector: str) -> Slice:
        """Callers and connectors that no policy tells apart share one."""
        names = (ANYBODY, *sorted(self._named.intersection(names_of(principal)))) if self._named else (ANYBODY,)
        keys = tuple(key for who in names for key in ((who, ANYWHERE), (who, connector)) if key in self._shelves)
        policies = (one for key in keys for one in self._shelves[key])
        return _cached(self._slices, keys, lambda: build_slice(policies), SLICES_MAX)

    def _kinds_of(self, tool: Tool) -> Kind:
        if tool.name not in self._kinds:
            self._kinds[tool.name] = argument_kinds(tool)
        return self._kinds[tool.name]


def _together(one: _Answer, other: _Answer) -> _Answer:
    """What Cedar would have said of the policies of both."""
    weight = max(one.weight, other.weight)
    ids = tuple(sorted(name for answer in (one, other) if answer.weight == weight for name in answer.ids))
    return _Answer(weight == 1, ids, one.failed or other.failed, tuple(sorted((*one.failing, *other.failing))))


def _encode(context: Mapping[str, Any]) -> str:
    return str(msgspec.json.encode(context), "utf-8")


def _cached(cache: OrderedDict[object, _T], key: object, make: Callable[[], _T], most: int = CACHED_MAX) -> _T:
    """The value of this key, made where it is not there, and now the last that will be dropped."""
    value = cache.pop(key, None)
    if value is None:
        value = make()
    cache[key] = value
    if len(cache) > most:
        cache.popitem(last=False)
    return value
