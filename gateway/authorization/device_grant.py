"""Devices without a browser (RFC 8628), on Authlib: a device waits while somebody types its code in elsewhere."""

from datetime import timedelta
from typing import Any

from authlib.consts import default_json_headers
from authlib.oauth2.rfc6749.errors import InvalidGrantError, InvalidScopeError, UnauthorizedClientError
from authlib.oauth2.rfc8628 import DeviceAuthorizationEndpoint, DeviceCodeGrant
from msgspec import structs

from gateway.authorization.families import Issued
from gateway.authorization.grants import METHODS, Caller, OAuthServer, Request
from gateway.authorization.token import digest_of
from gateway.core.authorization import DEVICE_CODE, REFRESH_TOKEN, DeviceRequest, User
from gateway.core.roles import OWN_SCOPES, may_be_scope

PAGE = "/device"
INTERVAL_S = 5.0
SLOWER_S = 5.0
OWN = ", ".join(OWN_SCOPES)


def user_code_digest(told: str) -> str:
    """However somebody types it: small letters, spaces, no dash."""
    return digest_of("".join(one for one in told.upper() if one.isalnum()))


class DeviceEndpoint(DeviceAuthorizationEndpoint):
    """A code for the device, and one for a person: eight letters of twenty, which are counted where they are tried."""

    CLIENT_AUTH_METHODS = METHODS
    server: OAuthServer

    def create_endpoint_response(self, request: Request) -> tuple[int, dict[str, Any], Any]:
        client: Caller = self.authenticate_client(request)
        if not client.check_grant_type(DEVICE_CODE):
            raise UnauthorizedClientError("The client did not register for the device grant.")
        asked = frozenset(request.asked("scope").split()) - {"offline_access"}
        if asked and not any(map(may_be_scope, asked)):
            raise InvalidScopeError(
                f"None of what was asked for is a scope: they are called connector:name, such as home:read, or {OWN}."
            )
        code, user_code = self.generate_device_code(), self.generate_user_code()
        kept = self._keep(client, request, code, user_code)
        page = f"{self.server.parts.issuer.issuer}{PAGE}"
        told = {
            "device_code": code,
            "user_code": user_code,
            "verification_uri": page,
            "verification_uri_complete": f"{page}?user_code={user_code}",
            "expires_in": int(self.server.parts.settings.device_s),
            "interval": int(kept.interval_s),
        }
        return 200, told, default_json_headers

    def _keep(self, client: Caller, request: Request, code: str, user_code: str) -> DeviceRequest:
        parts = self.server.parts
        kept = DeviceRequest(
            tenant="default",
            expires_at=parts.clock() + timedelta(seconds=parts.settings.device_s),
            digest=digest_of(code),
            user_code=user_code_digest(user_code),
            client=client.get_client_id(),
            asked=frozenset(request.asked("scope").split()),
            resource=self.server.target(request.asked("resource")),
            interval_s=INTERVAL_S,
        )
        self.server.ask(parts.store.swap_record(None, kept))
        return kept


class Device:
    """A waiting device, as Authlib asks about it."""

    def __init__(self, kept: DeviceRequest, *, is_over: bool) -> None:
        self.kept = kept
        self._is_over = is_over

    def get_client_id(self) -> str:
        return self.kept.client

    def get_scope(self) -> str:
        return " ".join(sorted(self.kept.scopes))

    def get_user_code(self) -> str:
        """What it is found by."""
        return self.kept.digest

    def is_expired(self) -> bool:
        return self._is_over


class DeviceGrant(DeviceCodeGrant):
    """Tokens, once, for a device that somebody said yes to."""

    TOKEN_ENDPOINT_AUTH_METHODS = METHODS
    request: Request
    server: OAuthServer

    def query_device_credential(self, device_code: str) -> Device | None:
        parts = self.server.parts
        kept = self.server.ask(parts.store.find_record(DeviceRequest, digest_of(device_code)))
        if kept is None:
            return None
        self.server.target(self.request.asked("resource"), kept.resource)
        return Device(kept, is_over=kept.is_over(parts.clock()))

    def query_user_grant(self, user_code: str) -> tuple[User, bool] | None:
        return self.server.ask(self._answer(user_code))

    async def _answer(self, digest: str) -> tuple[User, bool] | None:
        parts = self.server.parts
        kept = await parts.store.find_record(DeviceRequest, digest)
        if kept is None or kept.state == "pending":
            return None
        user = await parts.users.find(kept.user)
        if user is None or kept.state == "used":
            raise InvalidGrantError("The device code was used before, or nobody stands behind it any more.")
        return user, kept.state == "approved"

    def should_slow_down(self, credential: Device) -> bool:
        parts, kept = self.server.parts, credential.kept
        now = parts.clock()
        soon = kept.polled_at is not None and now - kept.polled_at < timedelta(seconds=kept.interval_s)
        slower = kept.interval_s + (SLOWER_S if soon else 0.0)
        self.server.ask(parts.store.swap_record(kept, structs.replace(kept, polled_at=now, interval_s=slower)))
        return soon

    def generate_token(self, user: User, **more: Any) -> dict[str, Any]:
        return self.server.ask(self._issue(user, self.request.credential.kept.digest)).told()

    async def _issue(self, user: User, digest: str) -> Issued:
        parts, client = self.server.parts, self.request.client.client
        kept = await parts.store.find_record(DeviceRequest, digest)
        approved = kept is not None and kept.state == "approved"
        if kept is None or not approved or not await parts.store.swap_record(kept, structs.replace(kept, state="used")):
            raise InvalidGrantError("The device code was used before.")
        family = parts.families.new_family(
            tenant=user.tenant,
            kind="user",
            subject=user.name,
            client=client.id,
            scopes=kept.scopes,
            resource=kept.resource,
        )
        await parts.families.begin(family)
        await parts.clients.used(client)
        return await parts.families.issue(family, family.scopes, refreshable=REFRESH_TOKEN in client.grants)
