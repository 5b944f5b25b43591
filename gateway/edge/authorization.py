"""The wire of the gateway's own authorisation server: OAuth endpoints that answer with JSON (RFC 6749, 7009, 7591, 8414), and
the pages at which people sign in and say yes. Knows the wire; `gateway.authorization` decides."""

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

import msgspec
import structlog
from litestar.types import HTTPScope, Receive

from gateway.authorization.form import BadParameters, OAuthForm, read_parameters
from gateway.authorization.grants import Answer
from gateway.authorization.logins import SignedIn, check_form_token, form_token
from gateway.authorization.server import PATHS, AuthorizationServer, DeviceOffer, Offer
from gateway.authorization.token import new_token
from gateway.authorization.visits import Visitor, Visits
from gateway.core.client_metadata import ClientRefused
from gateway.core.redirect_uri import form_target, shown_target
from gateway.edge.asgi import Disconnected, Reply, address_of, header_values, origin_allowed, read_body
from gateway.edge.browser import LOGIN, LOGOUT, Browser, is_for_visitors, local_path, path_of
from gateway.edge.page import message, page, see_other
from gateway.edge.problem import retry_after
from gateway.edge.rejected import OWN_DOOR, note_error, note_sign_in
from gateway.errors import (
    BadRequest,
    Forbidden,
    GatewayError,
    OriginRefused,
    QuotaReached,
    Unauthenticated,
    http_status,
)
from gateway.rejections import Rejections
from gateway.settings import HttpSettings

METADATA = "/.well-known/oauth-authorization-server"
DEVICE = "/device"
USER_CODE_CHARACTERS_MAX = 40
SCOPES_TOLD = 50
CHOOSE = "Choose at least one of these, or do not allow it."
BODY_BYTES_MAX = 64 << 10
BODY_TIMEOUT_S = 10.0
# Where clients look who take the resource's path for a part of the issuer.
METADATA_PATHS = (METADATA, f"{METADATA}/mcp", f"{METADATA}/v1")

log = structlog.get_logger(__name__)

Endpoint = Callable[[HTTPScope, Receive], Awaitable[Reply]]
Asked = Callable[[OAuthForm], Awaitable[Answer]]


class AuthorizationDoor:
    """Every path of the authorisation server."""

    def __init__(
        self,
        server: AuthorizationServer,
        rejections: Rejections,
        http: HttpSettings,
        host: str,
        visits: Visits | None = None,
    ) -> None:
        self._server = server
        self._rejections = rejections
        self._origins = http.allowed_origins
        self.browser = Browser(server.logins, server.origin, (host, *http.allowed_hosts), visits)
        self._json: dict[tuple[str, str], Endpoint] = {
            ("POST", PATHS["token_endpoint"]): self._token,
            ("POST", PATHS["revocation_endpoint"]): self._revoke,
            ("POST", PATHS["registration_endpoint"]): self._register,
            ("POST", PATHS["device_authorization_endpoint"]): self._device,
            ("GET", PATHS["jwks_uri"]): self._keys,
            **{("GET", path): self._metadata for path in METADATA_PATHS},
        }
        self._pages: dict[tuple[str, str], Endpoint] = {
            ("GET", PATHS["authorization_endpoint"]): self._ask,
            ("POST", PATHS["authorization_endpoint"]): self._decide,
            ("GET", DEVICE): self._show_device,
            ("POST", DEVICE): self._decide_device,
            ("GET", LOGIN): self._show_login,
            ("POST", LOGIN): self._sign_in,
            ("POST", LOGOUT): self._sign_out,
        }
        self.paths = frozenset(path for _, path in (*self._json, *self._pages))

    async def __call__(self, scope: HTTPScope, receive: Receive) -> Reply:
        """The answer at one of `paths`."""
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        asked = (method, scope["path"])
        if asked in self._pages:
            return await self._page(self._pages[asked], scope, receive)
        if asked in self._json:
            return await self._told(self._json[asked], scope, receive)
        known = sorted(one for one, path in (*self._json, *self._pages) if path == scope["path"])
        if method == "OPTIONS" and any(path == scope["path"] for _, path in self._json):
            return Reply(204, b"", self._cors(scope))
        return Reply(405, b"", ((b"allow", ", ".join(known).encode()),))

    def _note(self, scope: HTTPScope, error: GatewayError) -> None:
        note_error(self._rejections, scope, error, OWN_DOOR)

    # What programs ask.

    async def _told(self, endpoint: Endpoint, scope: HTTPScope, receive: Receive) -> Reply:
        try:
            if scope["method"] == "POST":
                self._check_request(scope)
            reply = await endpoint(scope, receive)
        except BadParameters as error:
            self._note(scope, BadRequest(str(error)))
            reply = _oauth_error(400, "invalid_request", str(error))
        except ClientRefused as error:
            self._note(scope, BadRequest(str(error)))
            reply = _oauth_error(400, error.code, str(error))
        except GatewayError as error:
            self._note(scope, error)
            reply = _oauth_error(http_status(error), _code(error), error.detail, error)
        except Exception as error:
            reply = _oauth_error(500, "server_error", _defect(scope, error))
        return msgspec.structs.replace(reply, headers=(*reply.headers, *self._cors(scope)))

    def _check_request(self, scope: HTTPScope) -> None:
        self.browser.check_host(scope)
        if not origin_allowed(scope, self._origins):
            raise OriginRefused("The page that sent this is not allowed to; see http.allowed_origins.")

    def _cors(self, scope: HTTPScope) -> tuple[tuple[bytes, bytes], ...]:
        """Anybody's page may read what is public; the rest is for the pages that `allowed_origins` names."""
        origins = header_values(scope, b"origin")
        if scope["path"] in METADATA_PATHS or scope["path"] == PATHS["jwks_uri"]:
            allowed = "*"
        elif len(origins) == 1 and origin_allowed(scope, self._origins):
            allowed = origins[0]
        else:
            return ()
        return (
            (b"access-control-allow-origin", allowed.encode("latin-1")),
            (b"access-control-allow-methods", b"GET, POST"),
            (b"access-control-allow-headers", b"authorization, content-type, mcp-protocol-version"),
            (b"vary", b"origin"),
        )

    async def _metadata(self, scope: HTTPScope, receive: Receive) -> Reply:
        return Reply(200, self._server.metadata())

    async def _keys(self, scope: HTTPScope, receive: Receive) -> Reply:
        return Reply(200, self._server.key_set())

    async def _token(self, scope: HTTPScope, receive: Receive) -> Reply:
        return await self._answer(self._server.token, scope, receive)

    async def _revoke(self, scope: HTTPScope, receive: Receive) -> Reply:
        return await self._answer(self._server.revoke, scope, receive)

    async def _device(self, scope: HTTPScope, receive: Receive) -> Reply:
        return await self._answer(self._server.device, scope, receive)

    async def _answer(self, asked: Asked, scope: HTTPScope, receive: Receive) -> Reply:
        form = await self._read(scope, receive)
        answer = await asked(form)
        if answer.body.get("error") == "invalid_client":
            await self._note_client(scope, form)
        challenge = ((b"www-authenticate", answer.challenge.encode()),) if answer.challenge else ()
        return Reply(answer.status, msgspec.json.encode(answer.body), ((b"pragma", b"no-cache"), *challenge))

    async def _note_client(self, scope: HTTPScope, form: OAuthForm) -> None:
        name, secret = form.proof()
        known = name if name and await self._server.clients.find(name) is not None else ""
        error = Unauthenticated("The client is none that there is, or did not prove itself.", "invalid_client")
        note_sign_in(self._rejections, scope, error, credential=secret or ("" if known else name), name=known)

    async def _register(self, scope: HTTPScope, receive: Receive) -> Reply:
        body = await read_body(scope, receive, bytes_max=BODY_BYTES_MAX, timeout_s=BODY_TIMEOUT_S)
        client, secret = await self._server.clients.register(body, address_of(scope))
        told: dict[str, Any] = {
            "client_id": client.id,
            "client_id_issued_at": int(client.created_at.timestamp()),
            "client_name": client.name,
            "redirect_uris": client.redirect_uris,
            "grant_types": client.grants,
            "response_types": ["code"] if client.redirect_uris else [],
            "token_endpoint_auth_method": client.method,
        }
        if secret:
            told |= {"client_secret": secret, "client_secret_expires_at": 0}
        return Reply(201, msgspec.json.encode(told))

    async def _read(self, scope: HTTPScope, receive: Receive) -> OAuthForm:
        """Raises BadParameters, BadRequest or TooLarge."""
        body = await read_body(scope, receive, bytes_max=BODY_BYTES_MAX, timeout_s=BODY_TIMEOUT_S)
        headers = header_values(scope, b"authorization")
        try:
            text = body.decode()
        except UnicodeError:
            raise BadParameters("The body is no form.") from None
        return OAuthForm.of("POST", self._server.origin + scope["path"], read_parameters(text), headers)

    # What people see.

    async def _page(self, endpoint: Endpoint, scope: HTTPScope, receive: Receive) -> Reply:
        try:
            self.browser.check_request(scope)
            return await endpoint(scope, receive)
        except BadParameters as error:
            self._note(scope, BadRequest(str(error)))
            return message("This request cannot be read", str(error))
        except ClientRefused as error:
            self._note(scope, BadRequest(str(error)))
            return message("This program cannot sign you in", str(error))
        except GatewayError as error:
            self._note(scope, error)
            return _later(message(error.title, error.detail, http_status(error)), error)
        except Exception as error:
            return message("Something went wrong", _defect(scope, error), 500)

    async def _show_login(self, scope: HTTPScope, receive: Receive) -> Reply:
        target = local_path(_query(scope).get("next", LOGIN))
        signed_in = await self.browser.anyone(scope)
        if signed_in is None or (isinstance(signed_in, Visitor) and not is_for_visitors(target)):
            return self._login_page(scope, target)
        if target != LOGIN:
            return see_other(target)
        return page("signed_in", user=signed_in.name, form_token=self.browser.form_token(signed_in, LOGOUT))

    def _login_page(self, scope: HTTPScope, target: str, name: str = "", problem: str = "", status: int = 200) -> Reply:
        """Its form is bound to a cookie of its own, so that nobody is signed in by another site's form."""
        cookie = self.browser.cookie(scope, "form") or new_token()
        return page(
            "login",
            status,
            sends_to=_where_this_may_end(target),
            cookies=(self.browser.keep("form", cookie),),
            form_token=form_token(cookie, _login_purpose(target)),
            next=target,
            name=name,
            problem=problem,
            origin=self._server.origin,
            ways=self.browser.ways(target),
        )

    async def _sign_in(self, scope: HTTPScope, receive: Receive) -> Reply:
        form = await self.browser.read_form(scope, receive)
        target, name = local_path(form.get("next")), form.get("name")[:100]
        check_form_token(self.browser.cookie(scope, "form"), _login_purpose(target), form.get("form_token"))
        try:
            cookie = await self._server.logins.sign_in(name, form.get("password"), address_of(scope))
        except (Unauthenticated, QuotaReached) as error:
            known = await self._server.logins.known_name(name)
            note_sign_in(self._rejections, scope, error, credential="" if known else name, name=known)
            return _later(self._login_page(scope, target, name, error.detail, http_status(error)), error)
        return see_other(target, (self.browser.keep("login", cookie), self.browser.forget("form")))

    async def _sign_out(self, scope: HTTPScope, receive: Receive) -> Reply:
        form, signed_in = await self.browser.read_form(scope, receive), await self.browser.anyone(scope)
        if signed_in is not None:
            self.browser.check_form(form, signed_in, LOGOUT)
            await self.browser.sign_out(signed_in)
        return see_other(LOGIN, (self.browser.forget("login"),))

    async def _ask(self, scope: HTTPScope, receive: Receive) -> Reply:
        """A client sent somebody here. Who it is comes first: nothing is fetched, nor answered, for nobody."""
        query = scope["query_string"].decode("latin-1")
        form = self._request(query)
        signed_in = await self.browser.who(scope)
        if signed_in is None:
            return self.browser.to_login(path_of(scope))
        offer = await self._server.offer(form, signed_in)
        if isinstance(offer, Answer):
            return _sent_back(offer)
        if offer.is_agreed:
            return _sent_back(await self._server.decide(offer, signed_in, frozenset(offer.scopes)))
        return self._consent_page(offer, signed_in)

    async def _show_device(self, scope: HTTPScope, receive: Receive) -> Reply:
        signed_in = await self.browser.who(scope)
        if signed_in is None:
            return self.browser.to_login(path_of(scope))
        return self._device_page(signed_in, _query(scope).get("user_code", ""))

    def _device_page(self, signed_in: SignedIn, user_code: str, problem: str = "", status: int = 200) -> Reply:
        token = self.browser.form_token(signed_in, DEVICE)
        code = user_code[:USER_CODE_CHARACTERS_MAX]
        return page("device", status, user=signed_in.user.name, form_token=token, user_code=code, problem=problem)

    async def _decide_device(self, scope: HTTPScope, receive: Receive) -> Reply:
        """First the code, then the yes to what the device with that code asks for."""
        form, signed_in = await self.browser.read_form(scope, receive), await self.browser.who(scope)
        if signed_in is None:
            return self.browser.to_login(DEVICE)
        user_code, decision = form.get("request") or form.get("user_code"), form.get("decision")
        self.browser.check_form(form, signed_in, _consent_purpose(user_code) if decision else DEVICE)
        offer = await self._server.device_offer(user_code, signed_in)
        if offer is None:
            return self._device_page(signed_in, user_code, "No device waits with this code; see that it is right.", 404)
        if not offer.scopes:
            await self._server.device_decide(offer, signed_in, frozenset())
            return message("The device was turned away", _none_held(offer, signed_in), 403)
        chosen = frozenset(form.all("scope")) if decision == "allow" else frozenset()
        if not decision or (decision == "allow" and not chosen & frozenset(offer.scopes)):
            return self._device_consent_page(offer, signed_in, user_code, CHOOSE if decision else "")
        if not await self._server.device_decide(offer, signed_in, chosen):
            return message("Somebody answered already", "Start again on the device.", 409)
        if chosen:
            return message("The device is signed in", "Go back to it; you can close this page.", 200)
        return message("The device was turned away", "You can close this page.", 200)

    def _device_consent_page(self, offer: DeviceOffer, signed_in: SignedIn, user_code: str, problem: str) -> Reply:
        return page(
            "consent",
            client=offer.client.name,
            user=signed_in.user.name,
            target="",
            origin_note="Go on only if you have the device with you, and started this on it yourself.",
            action=DEVICE,
            form_token=self.browser.form_token(signed_in, _consent_purpose(user_code)),
            request=user_code,
            scopes=_told_scopes(offer),
            problem=problem,
        )

    def _request(self, query: str) -> OAuthForm:
        return OAuthForm("GET", self._server.origin + PATHS["authorization_endpoint"], read_parameters(query))

    def _consent_page(self, offer: Offer, signed_in: SignedIn, problem: str = "") -> Reply:
        request = urlencode(offer.form.values)
        return page(
            "consent",
            sends_to=form_target(offer.redirect_uri),
            client=offer.client.name,
            user=signed_in.user.name,
            target=shown_target(offer.redirect_uri),
            origin_note=_told_of(offer),
            action=PATHS["authorization_endpoint"],
            form_token=self.browser.form_token(signed_in, _consent_purpose(request)),
            request=request,
            scopes=_told_scopes(offer),
            problem=problem,
        )

    async def _decide(self, scope: HTTPScope, receive: Receive) -> Reply:
        form, signed_in = await self.browser.read_form(scope, receive), await self.browser.who(scope)
        if signed_in is None:
            return self.browser.to_login(LOGIN)
        request = form.get("request")
        self.browser.check_form(form, signed_in, _consent_purpose(request))
        offer = await self._server.offer(self._request(request), signed_in)
        if isinstance(offer, Answer):
            return _sent_back(offer)
        allowed = form.get("decision") == "allow"
        chosen = frozenset(form.all("scope")) if allowed else frozenset()
        if allowed and not chosen:
            return self._consent_page(offer, signed_in, CHOOSE)
        return _sent_back(await self._server.decide(offer, signed_in, chosen))


def _defect(scope: HTTPScope, error: Exception) -> str:
    """A defect of ours: the log has it, nobody else is told more than that."""
    if isinstance(error, Disconnected):
        raise error
    log.error("a request failed for a reason of our own", path=scope["path"], exc_info=error)
    return "Something went wrong in the gateway; its log says what."


def _query(scope: HTTPScope) -> dict[str, str]:
    return read_parameters(scope["query_string"].decode("latin-1"))


def _login_purpose(target: str) -> str:
    return f"sign in {target}"


def _consent_purpose(request: str) -> str:
    """A yes is good for exactly the request that was shown."""
    return f"consent {hashlib.sha256(request.encode(errors='replace')).hexdigest()}"


def _told_scopes(offer: Offer | DeviceOffer) -> list[dict[str, Any]]:
    return [{"name": one, "ticked": one in offer.ticked, "writes": one in offer.writing} for one in offer.scopes]


def _none_held(offer: DeviceOffer, signed_in: SignedIn) -> str:
    asked, held = (", ".join(sorted(one)[:SCOPES_TOLD]) for one in (offer.request.asked, signed_in.principal.scopes))
    return f"It asks for {asked or 'all'}, and you hold none of that. You hold: {held or 'no scopes'}. Start again on the device."


def _told_of(offer: Offer) -> str:
    match offer.client.kind:
        case "document":
            return f"It says so itself, at {offer.client.id}"
        case "operator":
            return "The operator of this gateway added it."
        case _:
            return "It gave that name itself, and nobody checked it: allow only what you have just started."


def _where_this_may_end(target: str) -> str:
    """Where the answer to the sign-in form may lead in the end: back to the client that sent the person here."""
    _, _, query = target.partition("?")
    try:
        return form_target(read_parameters(query).get("redirect_uri", ""))
    except BadParameters:
        return ""


def _sent_back(answer: Answer) -> Reply:
    """To the client, or a page where nobody can be sent back."""
    if answer.location:
        return see_other(answer.location, status=302)
    told = str(answer.body.get("error_description") or answer.body.get("error") or "The request is not good.")
    return message("This program cannot sign you in", told, answer.status if answer.status >= 400 else 400)


def _code(error: GatewayError) -> str:
    if isinstance(error, QuotaReached):
        return "temporarily_unavailable"
    return "invalid_request" if isinstance(error, BadRequest | Forbidden) else "server_error"


def _oauth_error(status: int, code: str, detail: str, error: GatewayError | None = None) -> Reply:
    return _later(Reply(status, msgspec.json.encode({"error": code, "error_description": detail})), error)


def _later(reply: Reply, error: GatewayError | None) -> Reply:
    """The same, which says when to try again where it was too often."""
    if not isinstance(error, QuotaReached):
        return reply
    return msgspec.structs.replace(reply, headers=(*reply.headers, retry_after(error.retry_after_s)))
