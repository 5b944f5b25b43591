"""Whether a caller may do what a door of the gateway's own API offers: the one place that turns a decision into a refusal."""

from gateway.core.decision import Decision
from gateway.core.principal import Principal
from gateway.core.roles import AdminAction, AdminResource, RoleBook
from gateway.errors import AdminRefused


def require(
    roles: RoleBook, principal: Principal, action: AdminAction, resource: AdminResource | None = None
) -> Decision:
    """The decision, where it is allow. Raises AdminRefused, which says what would do."""
    decision = roles.allow_admin(principal, action, resource)
    if decision.allowed:
        return decision
    remedy = roles.remedy(principal, action, resource)
    would = [*(f"the scope {scope}" for scope in remedy.scopes), *(f"the role {role}" for role in remedy.roles)]
    told = f" {' or '.join(would)} would do: ask for a key that has it.".replace(" the", " The", 1) if would else ""
    raise AdminRefused(" ".join(decision.reasons) + told, action, remedy.scopes, remedy.roles)
