"""Access tokens that are JWTs (RFC 9068): by whom, for whom, until when, and bound to which key.

`peek` says whose keys to ask; `verify` believes nothing but what they signed. Neither fetches anything.
"""

from base64 import urlsafe_b64decode
from collections.abc import Collection, Iterable, Mapping
from typing import Any, TypeGuard

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import Key
from msgspec import Struct

from gateway.core.issuer import Issuer
from gateway.core.key_set import kind_of_key

TOKEN_CHARACTERS_MAX = 16_000
KEYS_TRIED_MAX = 8
SKEW_S = 30.0
# What an ID token has and an access token has not (OpenID Connect Core section 2).
_OF_ID_TOKENS = ("nonce", "at_hash", "c_hash")

Claims = Mapping[str, Any]


class Rejected(Exception):
    """A token that is not good here: why, as a sentence that may be told to whoever sent it."""


class Peeked(Struct, frozen=True):
    """What a token says of itself, unverified: `algorithm`, `type` and `key_id` of its header, and its `iss`."""

    algorithm: str
    type: str
    key_id: str
    issuer: str


def looks_like_jwt(token: str) -> bool:
    """Whether it has the three parts of a JWS (RFC 7515 section 7.1); anything else is opaque."""
    return token.count(".") == 2 and token.startswith("ey")


def peek(token: str) -> Peeked:
    """Enough to know whose keys to ask for; nothing in it may be believed. Raises Rejected."""
    if len(token) > TOKEN_CHARACTERS_MAX:
        raise Rejected(f"the token is longer than {TOKEN_CHARACTERS_MAX} characters")
    head, body = (decode_part(part) for part in token.split(".")[:2])
    if "crit" in head:
        raise Rejected("its header has `crit`, and none of that is understood here")
    return Peeked(_text(head, "alg"), _text(head, "typ"), _text(head, "kid"), _text(body, "iss"))


def decode_part(part: str) -> dict[str, Any]:
    """The JSON object in one part of a JWT. Raises Rejected."""
    try:
        return decode_json(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except ValueError:
        raise Rejected("it is no JWT") from None


def decode_json(body: bytes) -> dict[str, Any]:
    """A JSON object. Raises Rejected."""
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise Rejected("it is no JWT") from None


def _text(members: Mapping[str, Any], name: str) -> str:
    value = members.get(name, "")
    return value if isinstance(value, str) else ""


def verify(token: str, keys: Iterable[Key], issuer: Issuer, audiences: Collection[str], now: float) -> Claims:
    """The claims of a token of this issuer, for one of these audiences, good at `now` (seconds since the epoch) give or
    take SKEW_S. `keys` are the issuer's own. Raises Rejected."""
    said = peek(token)
    if _plain_type(said.type) not in map(_plain_type, issuer.types):
        raise Rejected(f"its `typ` is {said.type[:40]!r}, and an access token has {' or '.join(issuer.types)}")
    claims = signed_claims(token, keys, issuer)
    check_claims(claims, issuer, audiences, now)
    return claims


def signed_claims(token: str, keys: Iterable[Key], issuer: Issuer) -> Claims:
    """What the issuer signed; for whom it is, until when, and what it is, is yet to be checked. Raises Rejected."""
    said = peek(token)
    if said.algorithm not in issuer.algorithms:
        raise Rejected(f"its `alg` is {said.algorithm[:20]!r}, which is not taken from this issuer")
    return decode_json(_signed(token, said, keys))


def check_claims(claims: Claims, issuer: Issuer, audiences: Collection[str], now: float) -> None:
    """That they are of this issuer, for one of these audiences, good at `now`, and an access token's. Raises Rejected."""
    if claims.get("iss") != issuer.issuer:
        raise Rejected("it is another issuer's")
    _check_audience(claims, {*audiences, *issuer.audiences})
    check_times(claims, now)
    if any(name in claims for name in _OF_ID_TOKENS):
        raise Rejected("it is an ID token, and an access token is needed")


def _plain_type(told: str) -> str:
    """Without what may be left out (RFC 7515 section 4.1.9)."""
    return told.lower().removeprefix("application/")


def _signed(token: str, said: Peeked, keys: Iterable[Key]) -> bytes:
    """The payload, once one of the keys is found to have signed it."""
    fitting = [key for key in keys if _fits(key, said)]
    for key in fitting[:KEYS_TRIED_MAX]:
        try:
            return jws.deserialize_compact(token, key, algorithms=[said.algorithm]).payload
        except (JoseError, ValueError):
            continue
    raise Rejected("its signature is not of a key of its issuer")


def _fits(key: Key, said: Peeked) -> bool:
    """By the key's id where the token names one, and by what the key is for (RFC 7517 section 4)."""
    told = key.as_dict(private=False)
    named = not said.key_id or told.get("kid") == said.key_id
    return (
        named
        and told.get("alg", said.algorithm) == said.algorithm
        and kind_of_key(key) == kind_of_algorithm(said.algorithm)
    )


def kind_of_algorithm(algorithm: str) -> str:
    """The kind of key that it takes, as `kind_of_key` calls it."""
    curves = {"ES256": "EC P-256", "ES384": "EC P-384", "ES512": "EC P-521"}
    if algorithm in ("EdDSA", "Ed25519"):
        return "OKP Ed25519"
    return curves.get(algorithm, "RSA")


def audiences_of(claims: Claims) -> frozenset[str]:
    """Whom a token says that it is for."""
    told = claims.get("aud")
    named = [told] if isinstance(told, str) else told if isinstance(told, list) else []
    return frozenset(one for one in named if isinstance(one, str))


def _check_audience(claims: Claims, audiences: Collection[str]) -> None:
    if audiences_of(claims).isdisjoint(audiences):
        raise Rejected("its audience is another; ask for a token with this gateway's address as `resource`")


def check_times(claims: Claims, now: float) -> None:
    """That they have begun and have not ended, give or take SKEW_S. Raises Rejected."""
    until, since, made = (claims.get(name) for name in ("exp", "nbf", "iat"))
    if not _is_time(until):
        raise Rejected("it has no `exp`")
    if until <= now - SKEW_S:
        raise Rejected("it has expired")
    for time, name in ((since, "nbf"), (made, "iat")):
        if time is not None and (not _is_time(time) or time > now + SKEW_S):
            raise Rejected(f"its `{name}` is not in the past")


def _is_time(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e12
