"""The grants, on Authlib: it judges requests as the RFCs have it, and asks here for what is known and what shall be given.

Authlib is synchronous and the store is not: each request runs in a thread of its own, and what it asks comes back to the loop
(`Asking`). What is given is decided in `families.py`; nothing here knows how it is kept.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar, cast

from authlib.oauth2.rfc6749 import AuthorizationServer, OAuth2Error, OAuth2Request
from authlib.oauth2.rfc6749.errors import (
    InvalidClientError,
    InvalidGrantError,
    InvalidRequestError,
    InvalidScopeError,
)
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant, ClientCredentialsGrant, RefreshTokenGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from msgspec import Struct, structs

from gateway.authorization.clients import Clients
from gateway.authorization.families import CODE_REMEMBERED_S, Families, Issued
from gateway.authorization.form import OAuthForm
from gateway.authorization.signing import Signer
from gateway.authorization.token import digest_of, is_same
from gateway.authorization.users import Users
from gateway.core.access_token import Rejected, peek, verify
from gateway.core.authorization import (
    REFRESH_TOKEN,
    AuthorizationCode,
    Client,
    RefreshToken,
    TokenFamily,
    User,
    may_give,
)
from gateway.core.issuer import Issuer
from gateway.core.redirect_uri import redirect_uri_fits
from gateway.settings import AuthorizationServerSettings
from gateway.stores.base import AuthorizationStore

T = TypeVar("T")

METHODS = ("none", "client_secret_basic", "client_secret_post")
ASK_TIMEOUT_S = 30.0
NO_CLIENT = (
    "No client has this client_id, or it proves itself in another way: see that client_id and client_secret are right (factotum "
    "clients list tells the ids); a program that registered itself may have to register again."
)


class InvalidTargetError(OAuth2Error):
    """RFC 8707 section 2."""

    error = "invalid_target"
    description = "The resource is not one that tokens are given for here."


class Answer(Struct, frozen=True):
    """`body` is a JSON object; `location` is where a browser is sent, "" where it is not."""

    status: int
    body: dict[str, Any] = {}
    location: str = ""
    challenge: str = ""


class Parts(Struct, frozen=True):
    """What the grants ask. `resources` are what tokens may be for, the usual one first; `issuer` is who gives them."""

    store: AuthorizationStore
    users: Users
    clients: Clients
    families: Families
    signer: Signer
    settings: AuthorizationServerSettings
    issuer: Issuer
    resources: tuple[str, ...]
    clock: Callable[[], datetime]


class Asking:
    """What a thread asks the loop for, and waits."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()

    def __call__(self, question: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(question, self._loop).result(ASK_TIMEOUT_S)


class OAuthServer(AuthorizationServer):
    """Authlib's server over the parts."""

    def __init__(self, parts: Parts) -> None:
        super().__init__()
        self.parts = parts
        self.ask = Asking()
        self.register_grant(CodeGrant, [Pkce(required=True), Target()])
        self.register_grant(RefreshGrant)
        self.register_grant(OwnGrant)
        self.register_endpoint(Revocation)

    def query_client(self, client_id: str) -> "Caller | None":
        client = self.ask(self.parts.clients.find(client_id))
        return None if client is None else Caller(client)

    def authenticate_client(self, request: "Request", methods: Sequence[str], endpoint: str = "token") -> "Caller":
        """One answer to whoever is nobody, so that it does not tell which clients there are. Raises InvalidClientError."""
        try:
            return cast(Caller, super().authenticate_client(request, methods, endpoint))
        except InvalidClientError:
            raise InvalidClientError(NO_CLIENT, status_code=401) from None

    def save_token(self, token: dict[str, Any], request: OAuth2Request) -> None:
        """It was kept as it was made."""

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens."""

    def create_oauth2_request(self, request: "OAuthForm | Request") -> "Request":
        return request if isinstance(request, Request) else Request(request)

    def handle_response(self, status: int, body: Any, headers: list[tuple[str, str]]) -> Answer:
        told = dict(headers)
        answer = body if isinstance(body, dict) else {}
        return Answer(status, answer, told.get("Location", ""), told.get("WWW-Authenticate", ""))

    def target(self, asked: str, given: str = "") -> str:
        """The resource that a token is for. Raises InvalidTargetError."""
        if given:
            if asked and asked != given:
                raise InvalidTargetError
            return given
        if asked and asked not in self.parts.resources:
            raise InvalidTargetError
        return asked or self.parts.resources[0]


class Request(OAuth2Request):
    """One request, as Authlib reads it. `scopes` are what a person gave where one was asked; `asserted` is what an identity
    provider said."""

    def __init__(self, form: OAuthForm) -> None:
        headers = {"Authorization": form.authorization} if form.authorization else {}
        super().__init__(form.method, form.url, headers=headers)
        self.payload = BasicOAuth2Payload(dict(form.values))
        self.scopes: frozenset[str] = frozenset()
        self.asserted: Any = None

    @property
    def args(self) -> dict[str, str]:
        return cast("dict[str, str]", self.payload.data)

    form = args

    def asked(self, name: str) -> str:
        return str(self.payload.data.get(name) or "")


class Caller:
    """A client, as Authlib asks about it."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def get_client_id(self) -> str:
        return self.client.id

    def get_default_redirect_uri(self) -> None:
        """A client says where it wants people sent back to."""

    def get_allowed_scope(self, scope: str | None) -> str:
        return scope or ""

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri_fits(redirect_uri, self.client.redirect_uris)

    def check_client_secret(self, client_secret: str) -> bool:
        return bool(self.client.secret) and is_same(digest_of(client_secret), self.client.secret)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        """A secret may be told either way, whichever was registered (RFC 6749 section 2.3.1)."""
        return (method == "none") == (self.client.method == "none")

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code" and "authorization_code" in self.client.grants

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in self.client.grants


class Pkce(CodeChallenge):
    """With S256, always (RFC 9700 section 2.1.1)."""

    DEFAULT_CODE_CHALLENGE_METHOD = "S256"
    SUPPORTED_CODE_CHALLENGE_METHOD = ("S256",)

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        request: Request = grant.request
        if request.asked("code_challenge_method") != "S256" or len(request.asked("code_challenge")) != 43:
            raise InvalidRequestError("PKCE is needed: send code_challenge with code_challenge_method=S256.")
        super().validate_code_challenge(grant, redirect_uri)

    def get_authorization_code_challenge(self, authorization_code: "Code") -> str:
        return authorization_code.kept.challenge

    def get_authorization_code_challenge_method(self, authorization_code: "Code") -> str:
        return "S256"


class Target:
    """The resource of an authorization request is one of ours (RFC 8707 section 2.1)."""

    def __call__(self, grant: Any) -> None:
        grant.register_hook("after_validate_authorization_request_payload", self.check)

    def check(self, grant: Any, redirect_uri: str) -> None:
        grant.server.target(grant.request.asked("resource"))


class Code:
    """A code, as Authlib asks about it."""

    def __init__(self, kept: AuthorizationCode) -> None:
        self.kept = kept

    def get_redirect_uri(self) -> str:
        return self.kept.redirect_uri

    def get_scope(self) -> str:
        return " ".join(sorted(self.kept.scopes))


class CodeGrant(AuthorizationCodeGrant):
    """A code for a person's yes, and tokens for the code."""

    TOKEN_ENDPOINT_AUTH_METHODS = METHODS
    request: Request
    server: OAuthServer

    @staticmethod
    def validate_authorization_redirect_uri(request: Request, client: Caller) -> str:
        uri = request.asked("redirect_uri")
        if not client.check_redirect_uri(uri):
            raise InvalidRequestError("The redirect_uri is not one that this client registered, exactly.")
        return uri

    def save_authorization_code(self, code: str, request: Request) -> None:
        parts = self.server.parts
        user, now = cast(User, request.user), parts.clock()
        good_until = now + timedelta(seconds=parts.settings.code_s)
        family = parts.families.new_family(
            tenant=user.tenant,
            kind="user",
            subject=user.name,
            client=request.client.get_client_id(),
            scopes=request.scopes,
            resource=self.server.target(request.asked("resource")),
        )
        kept = AuthorizationCode(
            tenant=user.tenant,
            expires_at=good_until + timedelta(seconds=CODE_REMEMBERED_S),
            digest=digest_of(code),
            user=user.name,
            client=family.client,
            redirect_uri=request.asked("redirect_uri"),
            scopes=request.scopes,
            resource=family.resource,
            challenge=request.asked("code_challenge"),
            family=family.id,
            good_until=good_until,
        )
        self.server.ask(parts.store.swap_record(None, kept))

    def query_authorization_code(self, code: str, client: Caller) -> Code | None:
        kept = self.server.ask(self.server.parts.families.find_code(code))
        if kept is None or kept.client != client.get_client_id():
            return None
        self.server.target(self.request.asked("resource"), kept.resource)
        return Code(kept)

    def delete_authorization_code(self, authorization_code: Code) -> None:
        """It was used as the tokens were made, and is remembered so that it is seen to come again."""

    def authenticate_user(self, authorization_code: Code) -> User | None:
        return self.server.ask(self.server.parts.users.find(authorization_code.kept.user))

    def generate_token(self, user: User, scope: str, include_refresh_token: bool, **more: Any) -> dict[str, Any]:
        return self.server.ask(self._issue(self.request.authorization_code.kept, self.request.client.client))

    async def _issue(self, code: AuthorizationCode, client: Client) -> dict[str, Any]:
        families, now = self.server.parts.families, self.server.parts.clock()
        family = TokenFamily(
            tenant=code.tenant,
            expires_at=families.refresh_end(now),
            id=code.family,
            kind="user",
            subject=code.user,
            client=code.client,
            scopes=code.scopes,
            resource=code.resource,
            created_at=now,
        )
        await families.begin(family)
        if not await families.use_code(code):
            raise InvalidGrantError("The code was used before.")
        await self.server.parts.clients.used(client)
        return (await families.issue(family, family.scopes, refreshable=REFRESH_TOKEN in client.grants)).told()


class RefreshGrant(RefreshTokenGrant):
    """A new refresh token for an old one, always."""

    TOKEN_ENDPOINT_AUTH_METHODS = METHODS
    INCLUDE_NEW_REFRESH_TOKEN = True
    request: Request
    server: OAuthServer

    def authenticate_refresh_token(self, refresh_token: str) -> "Refresh | None":
        client = self.request.client.get_client_id()
        found = self.server.ask(self.server.parts.families.find_refresh_token(refresh_token, client))
        if found is None:
            return None
        self.server.target(self.request.asked("resource"), found[1].resource)
        return Refresh(*found)

    def authenticate_user(self, refresh_token: "Refresh") -> "Refresh":
        if self.server.ask(self.server.parts.families.held(refresh_token.family)) is None:
            raise InvalidGrantError("Whom it was given for is not known here any more.")
        return refresh_token

    def revoke_old_credential(self, refresh_token: "Refresh") -> None:
        """It was used as the new one was made."""

    def generate_token(self, user: "Refresh", scope: str, include_refresh_token: bool, **more: Any) -> dict[str, Any]:
        return self.server.ask(self._issue(user, frozenset(scope.split()) - {"offline_access"})).told()

    async def _issue(self, refresh: "Refresh", asked: frozenset[str]) -> Issued:
        families = self.server.parts.families
        held, _ = await families.held(refresh.family) or (frozenset(), frozenset())
        if not await families.use_refresh_token(refresh.kept, refresh.family):
            raise InvalidGrantError("The refresh token was used before.")
        await self.server.parts.clients.used(self.request.client.client)
        return await families.issue(refresh.family, asked & held, refreshable=True)


class Refresh:
    """A refresh token, as Authlib asks about it."""

    def __init__(self, kept: RefreshToken, family: TokenFamily) -> None:
        self.kept = kept
        self.family = family

    def check_client(self, client: Caller) -> bool:
        return self.family.client == client.get_client_id()

    def get_scope(self) -> str:
        return " ".join(sorted(self.family.scopes))


class OwnGrant(ClientCredentialsGrant):
    """A client that signs in for itself: what it asks for, of what the operator gave it."""

    TOKEN_ENDPOINT_AUTH_METHODS = METHODS[1:]
    request: Request
    server: OAuthServer

    def generate_token(self, scope: str | None = None, **more: Any) -> dict[str, Any]:
        return self.server.ask(self._issue(self.request.client.client, (scope or "").split())).told()

    async def _issue(self, client: Client, asked: list[str]) -> Issued:
        families = self.server.parts.families
        family = families.new_family(
            tenant=client.tenant,
            kind="client",
            refreshable=False,
            subject=client.id,
            client=client.id,
            scopes=client.scopes,
            resource=self.server.target(self.request.asked("resource")),
        )
        held, _ = await families.held(family) or (frozenset(), frozenset())
        given = may_give(asked, held)
        if not given:
            raise InvalidScopeError("The client holds none of these scopes.")
        family = structs.replace(family, scopes=given)
        await families.begin(family)
        return await families.issue(family, given, refreshable=False)


class Revocation(RevocationEndpoint):
    """Either token of a family ends all of it (RFC 7009)."""

    CLIENT_AUTH_METHODS = METHODS

    def query_token(self, token_string: str, token_type_hint: str | None) -> "Revocable | None":
        family = self.server.ask(self._family(token_string))
        return None if family is None else Revocable(family)

    async def _family(self, token: str) -> TokenFamily | None:
        families: Families = self.server.parts.families
        return await families.find(await families.family_of(token) or self._said(token))

    def _said(self, token: str) -> str:
        """The family that an access token of ours names; "" where it is none that is good."""
        parts: Parts = self.server.parts
        try:
            peek(token)
            claims = verify(token, parts.signer.public, parts.issuer, parts.resources, parts.clock().timestamp())
        except Rejected:
            return ""
        return str(claims.get("family"))

    def revoke_token(self, token: "Revocable", request: Request) -> None:
        self.server.ask(self.server.parts.families.revoke(token.family.id, "the client revoked it"))


class Revocable:
    """A token, as Authlib asks about it."""

    def __init__(self, family: TokenFamily) -> None:
        self.family = family

    def check_client(self, client: Caller) -> bool:
        return self.family.client == client.get_client_id()
