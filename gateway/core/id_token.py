"""ID tokens (OpenID Connect Core section 2): who has just signed in at an issuer, told to the client that sent the person there.
Verified as access tokens are, and never taken for one."""

import hmac
from collections.abc import Iterable

from joserfc.jwk import Key

from gateway.core.access_token import Claims, Rejected, check_times, peek, signed_claims
from gateway.core.issuer import Issuer

# Some issuers tell no type.
TYPES = ("", "jwt")


def verify_id_token(token: str, keys: Iterable[Key], issuer: Issuer, client_id: str, nonce: str, now: float) -> Claims:
    """The claims of an ID token of this issuer for this client, made for the sign-in with this nonce, good at `now` (seconds
    since the epoch). `keys` are the issuer's own. Raises Rejected (section 3.1.3.7)."""
    if peek(token).type.lower() not in TYPES:
        raise Rejected("it is no ID token")
    claims = signed_claims(token, keys, issuer)
    if claims.get("iss") != issuer.issuer:
        raise Rejected("it is another issuer's")
    _check_client(claims, client_id)
    check_times(claims, now)
    if claims.get("iat") is None:
        raise Rejected("it has no `iat`")
    if not hmac.compare_digest(str(claims.get("nonce", "")).encode(errors="replace"), nonce.encode()):
        raise Rejected("it was made for another sign-in: its `nonce` is another")
    return claims


def _check_client(claims: Claims, client_id: str) -> None:
    """For this client alone, or for it among others where they say that it is the one that asked. Raises Rejected."""
    audience, asked_by = claims.get("aud"), claims.get("azp", client_id)
    if audience not in (client_id, [client_id]) and (
        not isinstance(audience, list) or client_id not in audience or "azp" not in claims
    ):
        raise Rejected("it is for another client")
    if asked_by != client_id:
        raise Rejected("it was given to another client")
