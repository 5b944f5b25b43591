"""Who calls. A principal holds what was proven at the edge; nothing in it is taken from a request body."""

from typing import Literal

from msgspec import Struct

# Tenant, issuer, subject and client.
Owner = tuple[str, str, str, str]
# Tenant, issuer and subject.
Person = tuple[str, str, str]
Method = Literal["api_key", "oauth", "local"]

DEFAULT_TENANT = "default"
"""The installation's own tenant: that of whoever runs the gateway."""


class Principal(Struct, frozen=True):
    """The caller: whose tenant, which subject, through which client, with which scopes.

    `issuer` is the authorisation server that vouches for the subject, "" for the gateway itself: the same name means
    somebody else where another vouches for it. `actors` act for the subject (RFC 8693 section 4.1), the nearest first.

    INVARIANT: an empty set of scopes may do nothing.
    """

    tenant: str
    subject: str
    client: str
    scopes: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    method: Method = "api_key"
    issuer: str = ""
    actors: tuple[str, ...] = ()

    @property
    def owner(self) -> Owner:
        """Who owns what a call leaves behind: the same person through the same client, vouched for by the same issuer."""
        return self.tenant, self.issuer, self.subject, self.client

    @property
    def person(self) -> Person:
        """The person, through whichever client."""
        return self.tenant, self.issuer, self.subject


OPERATOR = Principal(tenant=DEFAULT_TENANT, subject="operator", client="cli", method="local")
"""Whoever owns the store and works on it directly. Has no scopes until somebody gives it some."""

SCHEDULE = Principal(tenant=DEFAULT_TENANT, subject="schedule", client="gateway", method="local")
"""The gateway itself, where it does what a manifest says that it should do by the clock."""
