"""The authorisation server as its doors use it: what a request asks for, what a person is asked, what a client gets.
Knows no wire."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Literal, cast

import msgspec
from authlib.common.urls import add_params_to_uri
from authlib.oauth2.rfc6749 import OAuth2Error
from msgspec import Struct

from gateway.authorization.assertion_grant import PROFILE, AssertionGrant, Assertions, AssertionServer
from gateway.authorization.clients import Clients
from gateway.authorization.device_grant import DeviceEndpoint, DeviceGrant, user_code_digest
from gateway.authorization.families import Families
from gateway.authorization.form import OAuthForm
from gateway.authorization.grants import METHODS, Answer, CodeGrant, Parts, Request
from gateway.authorization.lines import Lines, browser_principal
from gateway.authorization.logins import Logins, SignedIn
from gateway.authorization.throttle import Throttle
from gateway.authorization.users import Users
from gateway.core.authorization import (
    CLIENT_CREDENTIALS,
    GRANTS_OF_ANYBODY,
    JWT_BEARER,
    Client,
    Consent,
    DeviceRequest,
    may_give,
)
from gateway.core.catalog import Catalog, reading_scopes
from gateway.published import Published

DEVICES_MAX, DEVICES_WINDOW_S = 100, 60.0
ANSWER_TRIES_MAX = 5
ALL = "all"
PATHS = {
    "authorization_endpoint": "/oauth/authorize",
    "token_endpoint": "/oauth/token",
    "registration_endpoint": "/oauth/register",
    "revocation_endpoint": "/oauth/revoke",
    "device_authorization_endpoint": "/oauth/device_authorization",
    "jwks_uri": "/oauth/jwks",
}


class Offer(Struct, frozen=True):
    """What a person is asked: whether this client may have these scopes. `ticked` are those that are chosen already, `writing`
    those that change something; `is_agreed`: the person said yes to all of it before, and need not be asked."""

    form: OAuthForm
    client: Client
    redirect_uri: str
    scopes: tuple[str, ...]
    ticked: frozenset[str]
    writing: frozenset[str]
    is_agreed: bool


class DeviceOffer(Struct, frozen=True):
    """The same for a device that waits."""

    request: DeviceRequest
    client: Client
    scopes: tuple[str, ...]
    ticked: frozenset[str]
    writing: frozenset[str]


class AuthorizationServer:
    """One for a gateway. `origin` is its public address, and its name as an issuer."""

    def __init__(
        self,
        parts: Parts,
        logins: Logins,
        published: Published,
        lines: Lines,
        origin: str,
        assertions: Assertions,
        ticks: Callable[[], float],
    ) -> None:
        self.origin = origin
        self.logins = logins
        self.parts = parts
        self._published = published
        self._lines = lines
        self._oauth = AssertionServer(parts)
        self._oauth.assertions = assertions
        self._oauth.register_grant(DeviceGrant)
        self._oauth.register_endpoint(DeviceEndpoint)
        if assertions:
            self._oauth.register_grant(AssertionGrant)
        self._devices = Throttle("devices that ask", DEVICES_MAX, DEVICES_WINDOW_S, ticks)
        tries, window = parts.settings.login_attempts_max, parts.settings.login_window_s
        self._user_codes = Throttle("codes that are none", tries, window, ticks)

    @property
    def users(self) -> Users:
        return self.parts.users

    @property
    def clients(self) -> Clients:
        return self.parts.clients

    @property
    def families(self) -> Families:
        return self.parts.families

    def metadata(self) -> bytes:
        """RFC 8414."""
        told: dict[str, Any] = {"issuer": self.origin, **{name: self.origin + path for name, path in PATHS.items()}}
        told |= {
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": [*GRANTS_OF_ANYBODY, CLIENT_CREDENTIALS],
            "token_endpoint_auth_methods_supported": METHODS,
            "revocation_endpoint_auth_methods_supported": METHODS,
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
            "client_id_metadata_document_supported": True,
            "protected_resources": [self.parts.resources[0]],
        }
        if self._oauth.assertions:
            told["grant_types_supported"] = [*told["grant_types_supported"], JWT_BEARER]
            told["authorization_grant_profiles_supported"] = [PROFILE]
        return msgspec.json.encode(told)

    def key_set(self) -> bytes:
        return self.parts.signer.key_set()

    async def token(self, form: OAuthForm) -> Answer:
        """RFC 6749 section 3.2. Raises StoreFailed."""
        return await asyncio.to_thread(self._oauth.create_token_response, form)

    async def revoke(self, form: OAuthForm) -> Answer:
        """RFC 7009. Raises StoreFailed."""
        answer: Answer = await asyncio.to_thread(self._oauth.create_endpoint_response, "revocation", form)
        return answer

    async def device(self, form: OAuthForm) -> Answer:
        """RFC 8628 section 3.1. Raises QuotaReached or StoreFailed."""
        self._devices.check(ALL)
        self._devices.count(ALL)
        answer: Answer = await asyncio.to_thread(self._oauth.create_endpoint_response, "device_authorization", form)
        return answer

    async def device_offer(self, user_code: str, signed_in: SignedIn) -> DeviceOffer | None:
        """What the person who typed a code in is asked; None where no device waits with it. Raises QuotaReached where too
        many were tried."""
        self._user_codes.check(signed_in.user.name)
        found = await self.parts.store.records(DeviceRequest, user_code_digest(user_code))
        waiting = [one for one in found if one.state == "pending" and not one.is_over(self.parts.clock())]
        client = await self.parts.clients.find(waiting[0].client) if waiting else None
        if client is None:
            self._user_codes.count(signed_in.user.name)
            return None
        offered = may_give(waiting[0].asked, signed_in.principal.scopes)
        writing = offered - _reading(offered, self._published.current.catalog)
        ticked = offered if waiting[0].asked else offered - writing
        return DeviceOffer(waiting[0], client, tuple(sorted(offered)), ticked, writing)

    async def device_decide(self, offer: DeviceOffer, signed_in: SignedIn, chosen: frozenset[str]) -> bool:
        """The person's answer, to the device. False where another came first."""
        given, user = chosen & frozenset(offer.scopes), signed_in.user
        state: Literal["approved", "denied"] = "approved" if given else "denied"
        after = msgspec.structs.replace(offer.request, tenant=user.tenant, state=state, user=user.name, scopes=given)
        if not await self._answer_device(offer.request, after):
            return False
        what = "consent.given" if given else "consent.refused"
        told = {"client": offer.client.id, "name": offer.client.name, "door": "device"}
        await self._lines.write(browser_principal(user.tenant, user.name), what, scopes=tuple(sorted(given)), **told)
        return True

    async def _answer_device(self, before: DeviceRequest, after: DeviceRequest) -> bool:
        """Whatever the device asked meanwhile."""
        for _ in range(ANSWER_TRIES_MAX):
            if await self.parts.store.swap_record(before, after):
                return True
            now = await self.parts.store.find_record(DeviceRequest, before.key)
            if now is None or now.state != "pending":
                return False
            before = now
        return False

    async def offer(self, form: OAuthForm, signed_in: SignedIn) -> Offer | Answer:
        """What the person at the browser is asked, or the answer where the request is not good. Raises ClientRefused where
        the client's document is not."""
        await self.parts.clients.find_or_fetch(form.get("client_id"))
        grant = await asyncio.to_thread(self._judge, form)
        if isinstance(grant, Answer):
            return grant
        client: Client = grant.request.client.client
        asked = form.get("scope").split()
        offered = may_give(asked, signed_in.principal.scopes)
        if not offered:
            return self._with_issuer(_denied(form, "The person who signed in holds none of these scopes."))
        consent = await self.parts.store.find_record(Consent, f"{signed_in.user.name} {client.id}")
        agreed = consent.scopes if consent is not None and not consent.is_over(self.parts.clock()) else frozenset()
        writing = offered - _reading(offered, self._published.of(signed_in.user.tenant).catalog)
        return Offer(
            form=form,
            client=client,
            redirect_uri=form.get("redirect_uri"),
            scopes=tuple(sorted(offered)),
            ticked=offered if asked else offered - (writing - agreed),
            writing=writing,
            # A program on a machine cannot prove which it is: there the person is asked each time (RFC 8252 section 8.6).
            is_agreed=bool(asked)
            and offered <= agreed
            and form.get("redirect_uri").startswith("https://")
            and form.get("prompt") != "consent",
        )

    async def decide(self, offer: Offer, signed_in: SignedIn, chosen: frozenset[str]) -> Answer:
        """The person's answer: some of the scopes that were offered, or none."""
        given = chosen & frozenset(offer.scopes)
        by = browser_principal(signed_in.user.tenant, signed_in.user.name)
        if not given:
            await self._lines.write(by, "consent.refused", client=offer.client.id, name=offer.client.name)
            return self._with_issuer(_denied(offer.form, "The person said no."))
        if not offer.is_agreed:
            await self._remember(signed_in, offer.client, given)
            await self._lines.write(
                by, "consent.given", client=offer.client.id, name=offer.client.name, scopes=tuple(sorted(given))
            )
        return self._with_issuer(await asyncio.to_thread(self._give_code, offer.form, signed_in, given))

    async def _remember(self, signed_in: SignedIn, client: Client, given: frozenset[str]) -> None:
        user, store = signed_in.user, self.parts.store
        until = self.parts.clock() + timedelta(seconds=self.parts.settings.consent_s)
        consent = Consent(tenant=user.tenant, expires_at=until, user=user.name, client=client.id, scopes=given)
        await store.swap_record(await store.find_record(Consent, consent.key), consent)

    def _judge(self, form: OAuthForm) -> CodeGrant | Answer:
        """In a thread."""
        request = Request(form)
        try:
            return cast(CodeGrant, self._oauth.get_consent_grant(request))
        except OAuth2Error as error:
            error.state = form.get("state")
            return self._with_issuer(self._oauth.handle_error_response(request, error))

    def _give_code(self, form: OAuthForm, signed_in: SignedIn, given: frozenset[str]) -> Answer:
        """In a thread."""
        request = Request(form)
        request.scopes = given
        grant = self._oauth.get_authorization_grant(request)
        answer: Answer = self._oauth.create_authorization_response(request, grant_user=signed_in.user, grant=grant)
        return answer

    def _with_issuer(self, answer: Answer) -> Answer:
        """RFC 9207: whoever is sent back learns from whom."""
        if not answer.location:
            return answer
        return msgspec.structs.replace(answer, location=add_params_to_uri(answer.location, {"iss": self.origin}))


def _reading(scopes: frozenset[str], catalog: Catalog) -> frozenset[str]:
    """What is not known to read only may change something."""
    own = {one for one in scopes if one.startswith("factotum:") and one.endswith(".read")}
    return (reading_scopes(catalog) | own) & scopes


def _denied(form: OAuthForm, why: str) -> Answer:
    told = {"error": "access_denied", "error_description": why}
    if form.get("state"):
        told["state"] = form.get("state")
    return Answer(302, location=add_params_to_uri(form.get("redirect_uri"), told))
