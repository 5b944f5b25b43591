"""Credentials that an operator configured: one for the whole connector, its secret named in the manifest and kept in the
settings. Signs requests; knows no principal."""

from base64 import b64encode
from collections.abc import Mapping
from urllib.parse import quote

import httpx
from msgspec import structs

from gateway.core.http import HttpRequest
from gateway.core.manifest import Auth, BasicAuth, BearerAuth, HeaderAuth, Manifest, NoAuth, QueryAuth
from gateway.core.principal import Principal
from gateway.credentials.base import Credential, OneStep
from gateway.errors import CredentialMissing


class StaticCredentials:
    """Finds the secret that the manifest names."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._secrets = secrets

    async def connect(self, principal: Principal, manifest: Manifest) -> Credential:
        """The connector's own credential, whoever calls. Raises CredentialMissing, which names the secret."""
        if isinstance(manifest.auth, NoAuth):
            return Credential(None, "anonymous")
        name = manifest.auth.secret
        secret = self._secrets.get(name, "")
        if not secret:
            variable = f"FACTOTUM_SECRET_{name.upper().replace('-', '_')}"
            raise CredentialMissing(
                f"{manifest.name} needs the secret {name!r}; set {variable}, or put it in secrets_dir."
            )
        auth, shown = _sign_with(manifest.auth, secret)
        return Credential(auth, f"{manifest.auth.__struct_config__.tag}:{name}", (secret, *shown))


def _sign_with(auth: Auth, secret: str) -> tuple[httpx.Auth, tuple[str, ...]]:
    """The scheme, and in which other forms the secret goes on the wire."""
    match auth:
        case BearerAuth():
            return SetHeader("Authorization", f"Bearer {secret}"), ()
        case HeaderAuth(header=header):
            return SetHeader(header, secret), ()
        case BasicAuth(username=username):
            pair = b64encode(f"{username}:{secret}".encode()).decode()
            return SetHeader("Authorization", f"Basic {pair}"), (pair,)
        case QueryAuth(parameter=parameter):
            return AddQuery(parameter, secret), (quote(secret, ""),)
        case NoAuth():
            raise AssertionError("a connector without auth has no secret")


class SetHeader(OneStep):
    """The secret in one header, in place of any of that name."""

    def __init__(self, name: str, value: str) -> None:
        self._name = name
        self._value = value

    def sign(self, request: HttpRequest) -> HttpRequest:
        lower = self._name.lower()
        others = tuple(pair for pair in request.headers if pair[0].lower() != lower)
        return structs.replace(request, headers=(*others, (self._name, self._value)))


class AddQuery(OneStep):
    """The secret as one more query parameter, encoded; the rest of the URL stays as it was built."""

    def __init__(self, name: str, value: str) -> None:
        self._pair = f"{quote(name, '')}={quote(value, '')}"

    def sign(self, request: HttpRequest) -> HttpRequest:
        return structs.replace(request, url=f"{request.url}{'&' if '?' in request.url else '?'}{self._pair}")
