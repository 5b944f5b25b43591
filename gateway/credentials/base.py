"""How the credential for a principal at a backend is found, and how it signs. Knows no backend."""

from abc import abstractmethod
from collections.abc import Generator
from typing import Protocol

import httpx
from msgspec import Struct

from gateway.core.http import HttpRequest
from gateway.core.manifest import Manifest
from gateway.core.principal import Principal


class OneStep(httpx.Auth):
    """A scheme that signs once and looks at no answer: most do, and then no httpx.Request has to be made."""

    @abstractmethod
    def sign(self, request: HttpRequest) -> HttpRequest:
        """The request with its credential."""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        headers = tuple(request.headers.multi_items())
        signed = self.sign(HttpRequest(request.method, str(request.url), headers))
        request.url, request.headers = httpx.URL(signed.url), httpx.Headers(list(signed.headers))
        yield request


class Credential(Struct, frozen=True):
    """`auth` signs a request (None: the backend asks for nothing). `identity` says, without any secret, who we are
    to the backend; it is written to the audit log. `secrets` are what must never appear in any text that leaves the gateway."""

    auth: httpx.Auth | None
    identity: str
    secrets: tuple[str, ...] = ()


class Credentials(Protocol):
    async def connect(self, principal: Principal, manifest: Manifest) -> Credential:
        """The credential of this principal at this backend. Raises CredentialMissing."""
