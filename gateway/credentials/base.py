"""How the credential for a principal at a backend is found. Knows no backend."""

from typing import Protocol

import httpx
from msgspec import Struct

from gateway.core.manifest import Manifest
from gateway.core.principal import Principal


class Credential(Struct, frozen=True):
    """`auth` signs a request (None: the backend asks for nothing). `identity` says, without any secret, who we are
    to the backend; it is written to the audit log. `secrets` are what must never appear in any text that leaves the gateway."""

    auth: httpx.Auth | None
    identity: str
    secrets: tuple[str, ...] = ()


class Credentials(Protocol):
    async def connect(self, principal: Principal, manifest: Manifest) -> Credential:
        """The credential of this principal at this backend. Raises CredentialMissing."""
