"""Tenants and connectors: who sees which, and what a tenant's own connectors may use of what the installation has."""

from msgspec import Struct

from gateway.core.manifest import Manifest, NoAuth
from gateway.core.principal import DEFAULT_TENANT

# As the tenant of a connector: all tenants share it.
SHARED = ""


class TenantPowers(Struct, frozen=True, forbid_unknown_fields=True):
    """What connectors that a tenant brought itself may use: these `secrets`, by name, and these networks (CIDR) that are not
    public. INVARIANT: a tenant of which nothing is said may use none. `learn_from_searches`: whether its searches are put on
    record, for search to learn from (`factotum train head`)."""

    secrets: tuple[str, ...] = ()
    allow_addresses: tuple[str, ...] = ()
    learn_from_searches: bool = False


def is_seen(owner: str, tenant: str) -> bool:
    """Whether a tenant sees what belongs to `owner`: its own, and what all share."""
    return owner in (SHARED, tenant)


def exceeded(manifest: Manifest, powers: TenantPowers) -> str:
    """What a manifest wants that its tenant may not use, as a sentence; "" where there is nothing. What all share and what the
    installation's own tenant brings may use everything."""
    if manifest.tenant in (SHARED, DEFAULT_TENANT):
        return ""
    if not isinstance(manifest.auth, NoAuth) and manifest.auth.secret not in powers.secrets:
        return (
            f"Connectors of this tenant may not use the secret {manifest.auth.secret!r}; whoever runs the gateway can let them, "
            "in the setting `tenants`."
        )
    if refused := next((one for one in manifest.allow_addresses if one not in powers.allow_addresses), ""):
        return (
            f"Connectors of this tenant may not reach the network {refused!r}; whoever runs the gateway can let them, in the "
            "setting `tenants`."
        )
    return ""
