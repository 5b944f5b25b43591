"""Signing in from a terminal: the device flow (RFC 8628), at whatever authorisation server a gateway names (RFC 9728).
Keeps nothing."""

import time
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
import msgspec
from msgspec import Struct

from gateway.auth.issuer_http import may_ask
from gateway.errors import BadRequest, Unauthenticated
from gateway.remote.logins import Login

GRANT = "urn:ietf:params:oauth:grant-type:device_code"
ANSWER_BYTES_MAX = 256 << 10
TIMEOUT_S = 30.0
WAIT_S_MAX = 1_800.0
INTERVAL_S = 5.0
SLOW_DOWN_S = 5.0

T = TypeVar("T", bound=Struct)


class Resource(Struct, frozen=True):
    """What a gateway says of itself (RFC 9728), as far as it matters here."""

    resource: str
    authorization_servers: tuple[str, ...] = ()


class Server(Struct, frozen=True):
    """What an authorisation server says of itself (RFC 8414)."""

    issuer: str
    token_endpoint: str
    device_authorization_endpoint: str = ""
    registration_endpoint: str = ""
    revocation_endpoint: str = ""


class Answer(Struct, frozen=True):
    """What may be wrong with an answer (RFC 6749 section 5.2)."""

    error: str = ""
    error_description: str = ""

    @property
    def why(self) -> str:
        return (self.error_description or self.error or "no reason is given").rstrip(".")


class Registered(Answer, frozen=True):
    client_id: str = ""


class Invitation(Answer, frozen=True):
    """Where a person goes to say yes, and what to type there; the code is in `verification_uri_complete` already."""

    device_code: str = ""
    user_code: str = ""
    verification_uri: str = ""
    verification_uri_complete: str = ""
    expires_in: float = 600.0
    interval: float = INTERVAL_S


class Tokens(Answer, frozen=True):
    access_token: str = ""
    refresh_token: str = ""
    expires_in: float = 300.0


class Device:
    """The flow. `sleep` waits so many seconds; `clock` gives seconds since the epoch."""

    def __init__(
        self,
        http: httpx.Client,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._http = http
        self._sleep = sleep
        self._clock = clock

    def sign_in(self, url: str, scopes: str, client_id: str, show: Callable[[Invitation], None]) -> Login:
        """Until the person said yes where `show` is told. Raises Unauthenticated, or BadRequest where there is no such way
        to sign in."""
        resource = self._look(f"{url}/.well-known/oauth-protected-resource", Resource)
        if resource is None or not resource.authorization_servers:
            raise BadRequest(
                f"{url} names no authorisation server: sign in with an API key, `factotum login {url} --key`."
            )
        server = self._find_server(resource.authorization_servers[0])
        if not server.device_authorization_endpoint:
            raise BadRequest(
                f"{server.issuer} has no device flow: sign in with an API key, `factotum login {url} --key`."
            )
        client = {"client_id": client_id or self._register(server), "resource": resource.resource}
        asked = client | ({"scope": scopes} if scopes else {})
        invitation = self._post(server.device_authorization_endpoint, asked, Invitation)
        if not invitation.device_code:
            raise Unauthenticated(f"{server.issuer} lets nobody sign in: {invitation.why}.")
        show(invitation)
        tokens = self._wait(server, client, invitation)
        known = Login("", token_url=server.token_endpoint, revocation_url=server.revocation_endpoint)
        return self._login(tokens, msgspec.structs.replace(known, **client))

    def refresh(self, login: Login) -> Login:
        """With another access token. Raises Unauthenticated."""
        client = {"client_id": login.client_id, "resource": login.resource}
        form = {"grant_type": "refresh_token", "refresh_token": login.refresh_token, **client}
        tokens = self._post(login.token_url, form, Tokens) if login.refresh_token else Answer("it cannot be renewed")
        if not isinstance(tokens, Tokens) or not tokens.access_token:
            raise Unauthenticated(f"The login is over: {tokens.why}. Sign in again with `factotum login`.")
        return self._login(tokens, login)

    def revoke(self, login: Login) -> None:
        """Tell the authorisation server that the login is over, where it wants to know (RFC 7009)."""
        if login.revocation_url:
            form = {"token": login.refresh_token or login.token, "client_id": login.client_id}
            self._ask("POST", login.revocation_url, data=form)

    def _login(self, tokens: Tokens, known: Login) -> Login:
        return msgspec.structs.replace(
            known,
            token=tokens.access_token,
            expires_at=self._clock() + tokens.expires_in,
            refresh_token=tokens.refresh_token or known.refresh_token,
        )

    def _find_server(self, issuer: str) -> Server:
        """RFC 8414 section 3.1, and OpenID Connect Discovery section 4.1."""
        parts = urlsplit(issuer)
        origin, path = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
        for place in (
            f"{origin}/.well-known/oauth-authorization-server{path}",
            f"{origin}/.well-known/openid-configuration{path}",
            f"{origin}{path}/.well-known/openid-configuration",
        ):
            server = self._look(place, Server)
            if server is not None:
                break
        else:
            raise BadRequest(f"{issuer[:200]} does not say how to sign in there.")
        if server.issuer != issuer:
            raise Unauthenticated(f"{place} speaks for {server.issuer[:200]} and not for {issuer[:200]}.")
        return server

    def _register(self, server: Server) -> str:
        """RFC 7591."""
        if not server.registration_endpoint:
            raise BadRequest(f"{server.issuer} takes known clients alone: name one with --client-id.")
        told = {
            "client_name": "factotum command line",
            "application_type": "native",
            "grant_types": [GRANT, "refresh_token"],
            "response_types": [],
            "redirect_uris": [],
            "token_endpoint_auth_method": "none",
        }
        answer = _decode(self._ask("POST", server.registration_endpoint, json=told), Registered)
        if not answer.client_id:
            raise Unauthenticated(f"{server.issuer} did not register the command line: {answer.why}.")
        return answer.client_id

    def _wait(self, server: Server, client: dict[str, str], invitation: Invitation) -> Tokens:
        """RFC 8628 section 3.5."""
        form = {"grant_type": GRANT, "device_code": invitation.device_code, **client}
        interval, left = max(invitation.interval, 1.0), min(invitation.expires_in, WAIT_S_MAX)
        while left > 0:
            self._sleep(interval)
            left -= interval
            tokens = self._post(server.token_endpoint, form, Tokens)
            if tokens.access_token:
                return tokens
            if tokens.error not in ("authorization_pending", "slow_down"):
                raise Unauthenticated(f"Nobody is signed in: {tokens.why}.")
            interval += SLOW_DOWN_S if tokens.error == "slow_down" else 0.0
        raise Unauthenticated("Nobody said yes in time; sign in again.")

    def _look(self, url: str, kind: type[T]) -> T | None:
        """What stands there; None where nothing does."""
        response = self._ask("GET", url)
        return _decode(response, kind) if response.status_code == 200 else None

    def _post(self, url: str, form: dict[str, str], kind: type[T]) -> T:
        return _decode(self._ask("POST", url, data=form), kind)

    def _ask(self, method: str, url: str, **more: Any) -> httpx.Response:
        """Follows no redirect, and speaks without TLS to loopback alone."""
        if not may_ask(url):
            raise BadRequest(f"{url[:200]} is not https, and no loopback address.")
        try:
            return self._http.request(method, url, timeout=TIMEOUT_S, **more)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise BadRequest(f"{url[:200]} cannot be reached.") from error


def _decode(response: httpx.Response, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(response.content[:ANSWER_BYTES_MAX], type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        told = f"{response.request.url} answered {response.status_code}"
        raise BadRequest(f"{told}, and not what it should.") from error
