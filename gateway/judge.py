"""Whether a caller may have something of a tool now: by scopes, then by policies. For a call, and again for an answer that was
kept. Knows no door; `core.policy` decides."""

from collections.abc import Mapping

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
    policies: PolicyBook, principal: Principal, tool: Tool, arguments: Mapping[str, object], facts: Facts
) -> Decision:
    """Allow, or needs approval. Raises PolicyDenied."""
    decision = policies.decide(principal, tool, arguments, facts)
    if decision.verdict == "deny":
        raise PolicyDenied(decision)
    return decision
