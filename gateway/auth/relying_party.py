"""People who sign in at a browser through an issuer: the gateway as its client (OpenID Connect Core section 3.1, code with PKCE).
Sends people there and reads what they come back with; keeps nothing, and knows no cookie."""

import re
from collections.abc import Mapping
from typing import NoReturn

import structlog
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from msgspec import Struct

from gateway.auth.base import KeySource
from gateway.auth.issuer_http import IssuerHttp, may_ask
from gateway.auth.issuer_keys import Metadata
from gateway.core.access_token import Rejected, peek
from gateway.core.claims import name_shown, principal_of
from gateway.core.id_token import verify_id_token
from gateway.core.issuer import BrowserClient, Issuer
from gateway.core.principal import Principal
from gateway.errors import IssuerFailed, Unauthenticated

BROWSER = "browser"
# RFC 6749 section 4.1.2.1, and no text that the issuer chose.
_ERROR = re.compile(r"[a-z_]{1,40}")

log = structlog.get_logger(__name__)


class Attempt(Struct, frozen=True):
    """What binds an answer to the browser that was sent: `state` comes back with it, `nonce` in the ID token, and `verifier`
    redeems the code (RFC 7636)."""

    state: str
    nonce: str
    verifier: str


class Vouched(Struct, frozen=True):
    """Who signed in, as the issuer says, and what the person is called there, which is for showing alone."""

    principal: Principal
    name: str


class RelyingParty:
    """The gateway at one issuer. `redirect_uri` is where people come back to."""

    def __init__(
        self,
        issuer: Issuer,
        client: BrowserClient,
        secret: str,
        keys: KeySource,
        metadata: Metadata,
        http: IssuerHttp,
        redirect_uri: str,
    ) -> None:
        self.issuer = issuer
        self.client = client
        self._secret = secret
        self._keys = keys
        self._metadata = metadata
        self._http = http
        self._redirect_uri = redirect_uri

    async def begin(self, attempt: Attempt) -> str:
        """The URL at which the person signs in. Raises IssuerFailed."""
        url = await self._metadata.url("authorization_endpoint")
        if not may_ask(url):
            raise IssuerFailed(f"The authorization_endpoint of {self.issuer.issuer} is not https.")
        told: str = prepare_grant_uri(
            url,
            self.client.client_id,
            "code",
            redirect_uri=self._redirect_uri,
            scope=list(dict.fromkeys(("openid", *self.client.scopes))),
            state=attempt.state,
            nonce=attempt.nonce,
            code_challenge=create_s256_code_challenge(attempt.verifier),
            code_challenge_method="S256",
        )
        return told

    async def finish(self, told: Mapping[str, str], attempt: Attempt, now: float) -> Vouched:
        """Who came back with these parameters at `now` (seconds since the epoch). Raises Unauthenticated or IssuerFailed."""
        await self._check_sender(told)
        if "error" in told:
            why = told["error"] if _ERROR.fullmatch(told["error"]) else "it does not say why"
            raise Unauthenticated(f"{self.issuer.issuer} did not sign you in: {why}.", "sign_in_refused")
        token = await self._redeem(told.get("code", ""), attempt.verifier)
        try:
            keys = await self._keys.keys(peek(token).key_id)
            claims = verify_id_token(token, keys, self.issuer, self.client.client_id, attempt.nonce, now)
            principal = principal_of(claims, self.issuer, BROWSER)
        except Rejected as error:
            raise Unauthenticated(
                f"What {self.issuer.issuer} says of you is not good here: {error}.", "invalid_token"
            ) from None
        return Vouched(principal, name_shown(claims, principal.subject))

    async def _check_sender(self, told: Mapping[str, str]) -> None:
        """RFC 9207 section 2.4, so that no code of one issuer is taken to another."""
        lacking = "iss" not in told and await self._metadata.says("authorization_response_iss_parameter_supported")
        if lacking or told.get("iss", self.issuer.issuer) != self.issuer.issuer:
            raise Unauthenticated(f"This answer is not one of {self.issuer.issuer}, which was asked.", "wrong_issuer")

    async def _redeem(self, code: str, verifier: str) -> str:
        """The ID token."""
        if not code:
            raise Unauthenticated(f"{self.issuer.issuer} sent no code.", "invalid_code")
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri,
            "code_verifier": verifier,
        }
        auth = None
        if self._secret and self.client.method == "client_secret_basic":
            auth = (self.client.client_id, self._secret)
        else:
            form |= {"client_id": self.client.client_id} | ({"client_secret": self._secret} if self._secret else {})
        answer = await self._http.redeem(await self._metadata.url("token_endpoint"), form, auth)
        token = answer.get("id_token")
        if "error" in answer or not isinstance(token, str):
            self._refuse(answer.get("error"))
        return token

    def _refuse(self, error: object) -> NoReturn:
        if error == "invalid_grant":
            raise Unauthenticated(
                f"{self.issuer.issuer} does not take this code, which is good once and for a short while.",
                "invalid_code",
            )
        why = error if isinstance(error, str) and _ERROR.fullmatch(error) else "it gives no id_token"
        log.warning("an issuer refuses the gateway as a client", issuer=self.issuer.issuer, problem=why)
        raise IssuerFailed(
            f"{self.issuer.issuer} refuses this gateway: {why}. Whoever runs it sees to the setting browser."
        )
