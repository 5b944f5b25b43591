"""Whether a caller may have something of a tool now: by scopes, then by policies. For a call, and again for an answer that was
kept. Knows no door; `core.policy` decides."""

from collections.abc import Mapping

from msgspec import structs

from gateway.core.decision import Decision
from gateway.core.policy import PolicyBook
from gateway.core.policy_context import Facts
from gateway.core.principal import Principal
from gateway.core.scope import missing_scopes
from gateway.core.tool import Tool
from gateway.errors import PolicyDenied, ScopeMissing


def require_scopes(principal: Principal, tool: Tool) -> None:
    """Raises ScopeMissing."""
    scopes = missing_scopes(tool.scopes, principal.scopes)
    if scopes:
        raise ScopeMissing(f"{tool.name} needs the scope {' and '.join(scopes)}; ask for a key that has it.", scopes)


def allow(
    policies: PolicyBook,
    principal: Principal,
    tool: Tool,
    arguments: Mapping[str, object],
    facts: Facts,
    flow: Decision | None = None,
) -> Decision:
    """Allow, or needs approval. `flow` is what there is to say of where the arguments come from: it is decided beside the
    policies, and the stricter holds. Raises PolicyDenied."""
    decision = policies.decide(principal, tool, arguments, facts)
    if flow is not None and decision.verdict != "deny":
        reasons = flow.reasons if decision.allowed else (*decision.reasons, *flow.reasons)
        plan = flow.plan if decision.allowed else None
        decision = structs.replace(decision, verdict=flow.verdict, reasons=reasons, exact=flow.exact, plan=plan)
    if decision.verdict == "deny":
        raise PolicyDenied(decision)
    return decision
