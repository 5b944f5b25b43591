"""Who calls. A principal holds what was proven at the edge; nothing in it is taken from a request body."""

from typing import Literal

from msgspec import Struct

Method = Literal["api_key", "local"]


class Principal(Struct, frozen=True):
    """The caller: whose tenant, which subject, through which client, with which scopes.

    INVARIANT: an empty set of scopes may do nothing.
    """

    tenant: str
    subject: str
    client: str
    scopes: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    method: Method = "api_key"


OPERATOR = Principal(tenant="default", subject="operator", client="cli", method="local")
"""Whoever owns the store and works on it directly. Has no scopes until somebody gives it some."""

SCHEDULE = Principal(tenant="default", subject="schedule", client="gateway", method="local")
"""The gateway itself, where it does what a manifest says that it should do by the clock."""
