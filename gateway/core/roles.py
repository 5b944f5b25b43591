"""Who may administer: the operations of the gateway's own API as Cedar actions, and roles as policies over them. Loads one Cedar
text; reads no file. Has nothing to do with tools, which `core.policy` decides about.

A role is a group named `factotum:<role>`. INVARIANT: whatever the policies say, nobody administers another tenant, and what
all tenants share is changed from the installation's own tenant alone.
"""

import json
import unicodedata
from collections.abc import Iterable
from hashlib import sha256
from typing import Any, Literal, get_args

import cedarpy
from msgspec import Struct, structs

from gateway.core.decision import Decision
from gateway.core.fact import MEMORY_READ, MEMORY_WRITE
from gateway.core.policy_text import Policy, PolicyBroken, cedar_set, parse_policies
from gateway.core.principal import DEFAULT_TENANT, Principal

ROLE_PREFIX = "factotum:"
ROLES = ("viewer", "connector-developer", "approver", "policy-admin", "owner")
AdminAction = Literal[
    "connectors.read", "connectors.write", "connectors.approve", "approvals.read", "approvals.decide", "audit.read",
    "policies.read", "policies.write", "keys.read", "keys.write", "users.read", "users.write",
]  # fmt: skip
ADMIN_ACTIONS: tuple[AdminAction, ...] = get_args(AdminAction)
READ = "read"

# INVARIANT: policies/roles.cedarschema is this text; a test holds it.
_SCHEMA_HEAD = """\
// What the policies about the gateway's own API may rely on: roles.cedar, which is about nothing else.
namespace Admin {
  // Agent::"<tenant>/<subject>", in the roles it holds and in its tenant. `scopes` and `groups` as they were proven.
  entity Role;
  entity Tenant;
  entity Agent in [Role, Tenant] = {
    tenant: String,
    subject: String,
    client: String,
    method: String,
    issuer: String,
    scopes: Set<String>,
    groups: Set<String>,
  };
  // In the tenant that it belongs to; one that all tenants share is in none, and `shared`.
  entity Connector in [Tenant] = {
    shared: Bool,
  };

  // `scope` is the scope that the operation is known by: "factotum:<action>".
  type Facts = { scope: String };

  // Every operation that only shows something.
  action "read" appliesTo { principal: [Agent], resource: [Tenant, Connector], context: Facts };
"""


class AdminResource(Struct, frozen=True):
    """What an operation is about: a tenant as a whole, or one connector, whose `tenant` is "" where all tenants share it."""

    tenant: str
    connector: str = ""

    @property
    def is_shared(self) -> bool:
        return bool(self.connector) and not self.tenant


class Remedy(Struct, frozen=True):
    """What would have to be held for the operation to be allowed: any one of these would do."""

    scopes: tuple[str, ...]
    roles: tuple[str, ...]


def scope_of(action: AdminAction) -> str:
    return f"factotum:{action}"


# Those over what is remembered of oneself come from no role: a client has them where its person gave it them.
OWN_SCOPES = (*(scope_of(one) for one in ADMIN_ACTIONS), MEMORY_READ, MEMORY_WRITE)


def may_be_scope(name: str) -> bool:
    """Whether a scope can have that name: `connector:name`, or one of the gateway's own. It says nothing of which connectors
    there are, which is not for everybody to know."""
    connector, colon, rest = name.partition(":")
    return name in OWN_SCOPES if connector == "factotum" else bool(connector and colon and rest)


def role_group(role: str) -> str:
    """The group that stands for a role."""
    return ROLE_PREFIX + role


def is_reserved(group: str) -> bool:
    """Whether a group is a role, or could be taken for one by whoever reads over case, white space and look-alike forms."""
    plain = "".join(unicodedata.normalize("NFKC", group).casefold().split())
    return "".join(one for one in plain if one.isprintable()).startswith(ROLE_PREFIX)


def schema_text() -> str:
    """The published Cedar schema."""
    applies = "appliesTo { principal: [Agent], resource: [Tenant, Connector], context: Facts };"
    group = {one: f' in ["{READ}"]' if _is_read(one) else "" for one in ADMIN_ACTIONS}
    lines = (f'  action "{one}"{group[one]} {applies}\n' for one in ADMIN_ACTIONS)
    return _SCHEMA_HEAD + "".join(lines) + "}\n"


def load_roles(file: str, text: str) -> "RoleBook":
    """The policies of this text. Raises PolicyBroken."""
    policies: dict[str, Policy] = {}
    for one in parse_policies(file, text):
        if one.id in policies:
            raise PolicyBroken(file, one.id, "its @id is taken by another policy of the file.")
        if "needs_approval" in one.annotations:
            raise PolicyBroken(file, one.id, "an operation of the gateway's own API waits for no approval.")
        policies[one.id] = one
    handle = cedar_set([one.template for one in policies.values()])
    result = cedarpy.validate_policies(str(handle), schema_text())
    for error in () if result else result.errors:
        raise PolicyBroken(file, result.id_annotations_by_policy_id.get(error.policy_id, ""), error.error)
    return RoleBook(policies, handle, sha256(text.encode()).hexdigest()[:16])


class RoleBook:
    """The policies over the gateway's own API. Immutable. `roles` are all that there are: those that ship, and those that the
    policies name."""

    def __init__(self, policies: dict[str, Policy], handle: cedarpy.PolicySet, version: str) -> None:
        self.version = version
        self._policies = policies
        self._handle = handle
        named = {uid.id for one in policies.values() for uid in one.names if str(uid.type) == "Admin::Role"}
        self.roles = (*ROLES, *sorted(named - set(ROLES)))

    def allow_admin(self, principal: Principal, action: AdminAction, resource: AdminResource | None = None) -> Decision:
        """Allow or deny. Without a resource it is about the caller's tenant. Raises nothing."""
        about = resource or AdminResource(principal.tenant)
        if about.tenant != principal.tenant and not about.is_shared:
            return Decision("deny", ("It belongs to another tenant.",))
        if about.is_shared and not _is_read(action) and principal.tenant != DEFAULT_TENANT:
            return Decision(
                "deny", ("All tenants share it, so it is changed from the installation's own tenant alone.",)
            )
        request = {
            "principal": _agent(principal),
            "action": _uid("Action", action),
            "resource": _resource(about),
            "context": json.dumps({"scope": scope_of(action)}),
        }
        try:
            answer = cedarpy.is_authorized(request, self._handle, json.dumps(_entities(principal, action, about)))
        except (ValueError, TypeError, OverflowError):
            return Decision("deny", ("This could not be put to the policies, so it is denied.",))
        if answer.diagnostics.errors or answer.decision == cedarpy.Decision.NoDecision:
            return Decision("deny", ("A policy of roles.cedar could not be evaluated, so it is denied.",))
        ids = tuple(sorted(answer.diagnostics.reasons))
        reasons = tuple(self._reason(one) for one in ids)
        if answer.allowed:
            return Decision("allow", reasons, ids)
        return Decision("deny", reasons or (f"Neither your scopes nor your roles allow {action}.",), ids)

    def remedy(self, principal: Principal, action: AdminAction, resource: AdminResource | None = None) -> Remedy:
        """What the caller lacks: the scope, if it alone would do, and the roles of which one would."""
        scoped = structs.replace(principal, scopes=principal.scopes | {scope_of(action)})
        roles = (role for role in self.roles if self.allow_admin(_with_role(principal, role), action, resource).allowed)
        scopes = (scope_of(action),) if self.allow_admin(scoped, action, resource).allowed else ()
        return Remedy(scopes, tuple(roles))

    def _reason(self, policy_id: str) -> str:
        policy = self._policies[policy_id]
        does = "permits" if policy.template.effect == "permit" else "forbids"
        return policy.annotations.get("reason") or f"The policy {policy.id} ({policy.file}) {does} it."


NO_ROLES = RoleBook({}, cedar_set(()), "")
"""No policies, so that nobody may administer."""


def roles_of(groups: Iterable[str]) -> list[str]:
    """The roles among groups, by their exact names."""
    return sorted(one.removeprefix(ROLE_PREFIX) for one in groups if one.startswith(ROLE_PREFIX))


def _with_role(principal: Principal, role: str) -> Principal:
    return structs.replace(principal, groups=principal.groups | {role_group(role)})


def _is_read(action: str) -> bool:
    return action.endswith(".read")


def _agent(principal: Principal) -> dict[str, str]:
    return _uid("Agent", f"{principal.tenant}/{principal.subject}")


def _resource(resource: AdminResource) -> dict[str, str]:
    return _uid("Connector", resource.connector) if resource.connector else _uid("Tenant", resource.tenant)


def _entities(principal: Principal, action: str, resource: AdminResource) -> list[dict[str, Any]]:
    tenant = _uid("Tenant", principal.tenant)
    roles = [_uid("Role", role) for role in roles_of(principal.groups)]
    told = {
        "tenant": principal.tenant,
        "subject": principal.subject,
        "client": principal.client,
        "method": principal.method,
        "issuer": principal.issuer,
        "scopes": sorted(principal.scopes),
        "groups": sorted(principal.groups),
    }
    connector = [_entity(_resource(resource), [] if resource.is_shared else [tenant], {"shared": resource.is_shared})]
    return [
        _entity(_agent(principal), [*roles, tenant], told),
        *map(_entity, roles),
        _entity(tenant),
        *(connector if resource.connector else ()),
        _entity(_uid("Action", action), [_uid("Action", READ)] if _is_read(action) else []),
    ]


def _uid(kind: str, name: str) -> dict[str, str]:
    return {"type": f"Admin::{kind}", "id": name}


def _entity(
    uid: dict[str, str], parents: list[dict[str, str]] | None = None, attributes: dict[str, Any] | None = None
) -> dict[str, Any]:
    return {"uid": uid, "attrs": attributes or {}, "parents": parents or []}
