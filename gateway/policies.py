"""Policies as those who write them look at them: why a call is decided as it is, and what other policies would have changed.
Decides about no call."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct, structs

from gateway.core.arguments import check_arguments, compile_arguments
from gateway.core.catalog import Catalog
from gateway.core.default import with_defaults
from gateway.core.option import RESERVED
from gateway.core.policy import Facts, PolicyBroken, load_policies
from gateway.core.policy_context import Source
from gateway.core.policy_explain import Considered, explain_policies
from gateway.core.policy_replay import Simulation, simulate
from gateway.core.principal import Principal
from gateway.core.scope import missing_scopes, with_implied
from gateway.core.tool import Tool
from gateway.errors import BadRequest, NotFound
from gateway.published import Published
from gateway.stores.base import ApiKey, AuditFilter, Store

LINES_MAX = 20_000


class Question(Struct, frozen=True):
    """A call that nobody makes: who, which tool, with which arguments, when (None: now) and how."""

    tool: str
    arguments: Mapping[str, object] = {}
    at: datetime | None = None
    door: str = "mcp"
    source: Source = "call"
    intent: str = ""
    labels: frozenset[str] = frozenset()


class Explanation(Struct, frozen=True):
    """What would become of a call, and why. `verdict` is `rejected` where its arguments do not fit. `policies` were looked at,
    those that decide among them; `others` are about other callers or other connectors. `missing_scopes` and `held` (the tool
    waits for approval itself) stop a call before any policy: what policies would say is told all the same."""

    verdict: Literal["allow", "deny", "needs_approval", "rejected"]
    reasons: tuple[str, ...]
    decided_by: tuple[str, ...]
    policies: tuple[Considered, ...]
    others: int
    version: str
    missing_scopes: tuple[str, ...] = ()
    held: bool = False
    approvers: tuple[str, ...] = ()
    four_eyes: bool = False
    redact: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


class PolicyDesk:
    """What is asked of the policies in force, and of the log of what they decided."""

    def __init__(self, published: Published, store: Store, *, clock: Callable[[], datetime]) -> None:
        self._published = published
        self._store = store
        self._clock = clock

    async def principal_of(self, key_id: str, tenant: str | None = None) -> Principal:
        """Whom an API key stands for, whatever became of it. Raises NotFound; a key of another tenant is none."""
        found = next(
            (key for key in await self._store.keys() if key.id == key_id and tenant in (None, key.tenant)), None
        )
        if found is None:
            raise NotFound(f"There is no key {key_id[:40]!r}; `factotum keys list` lists them.")
        return _principal(found)

    def explain(self, principal: Principal, asked: Question) -> Explanation:
        """Sends nothing, asks for no approval and leaves no trace. Raises NotFound where there is no such tool."""
        edition = self._published.of(principal.tenant)
        tool, is_held = _find(edition.catalog, asked.tool)
        who = structs.replace(principal, scopes=with_implied(principal.scopes, edition.catalog.implied))
        missing = missing_scopes(tool.scopes, who.scopes)
        given = {name: value for name, value in asked.arguments.items() if name not in RESERVED}
        problems = check_arguments(compile_arguments(tool.input_schema), given)
        arguments = with_defaults(tool.operation, given)
        # Scopes that do not suffice stop a call before it comes to the policies.
        facts = Facts(asked.at or self._clock(), asked.door, True, asked.source, asked.intent, asked.labels)
        decision = edition.policies.decide(who, tool, arguments, facts)
        considered = edition.policies.considered(who, tool.connector)
        explanation = Explanation(
            verdict=decision.verdict,
            reasons=decision.reasons,
            decided_by=decision.policies,
            policies=()
            if problems or is_held
            else explain_policies(considered, who, tool, arguments, facts, edition.policies.owner_of(tool.connector)),
            others=edition.policies.count - len(considered),
            version=edition.policies.version,
            missing_scopes=missing,
            held=is_held,
            approvers=decision.approvers,
            four_eyes=decision.four_eyes,
            redact=decision.redact,
            problems=tuple(f"{one.argument}: {one.expected}" for one in problems),
        )
        return _stopped(explanation, tool)

    async def simulate(
        self, files: Mapping[str, str], since: timedelta, lines_max: int = LINES_MAX, tenant: str | None = None
    ) -> Simulation:
        """What these policies, all that would be in force, would have decided about the calls of that time, of one tenant or of
        all. Raises BadRequest where they are broken, or StoreFailed."""
        editions = self._published.editions
        seen = {name: one for name, one in editions.own.items() if tenant in (None, name)}
        try:
            shared = await asyncio.to_thread(load_policies, files, editions.shared.catalog)
            own = {name: await asyncio.to_thread(load_policies, files, one.catalog) for name, one in seen.items()}
        except PolicyBroken as error:
            raise BadRequest(f"These policies are broken: {error}") from error
        newest = await self._store.read_audit(AuditFilter(tenant, limit=min(lines_max, LINES_MAX)))
        first = self._clock() - since
        return await asyncio.to_thread(
            simulate, lambda name: own.get(name, shared), [line for line in newest if line.at >= first]
        )


def _find(catalog: Catalog, name: str) -> tuple[Tool, bool]:
    """The tool, and whether it is held back. Raises NotFound."""
    if name in catalog.tools:
        return catalog.tools[name], False
    held = (tool for one in catalog.connectors.values() for tool in one.held if tool.name == name)
    found = next(held, None)
    if found is None:
        raise NotFound(f"There is no tool named {name[:128]!r}.")
    return found, True


def _stopped(told: Explanation, tool: Tool) -> Explanation:
    """The same, where a call would not come as far as the policies."""
    if told.held:
        why = f"{tool.name} is held back until somebody approves it as it is now: `factotum connectors approve`."
    elif told.missing_scopes:
        why = f"{tool.name} needs the scope {' and '.join(told.missing_scopes)}."
    elif told.problems:
        return structs.replace(told, verdict="rejected", reasons=("The arguments do not fit the tool.",), decided_by=())
    else:
        return told
    return structs.replace(told, verdict="deny", reasons=(why,), decided_by=())


def _principal(key: ApiKey) -> Principal:
    """As signing in with it gives one."""
    return Principal(key.tenant, key.subject, key.id, key.scopes, key.groups, "api_key")
