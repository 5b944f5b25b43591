"""Proofs that whoever sends a token holds the key it is bound to: DPoP (RFC 9449), and client certificates (RFC 8705).
Knows no store of proofs seen: whether one is a replay is asked elsewhere."""

import hashlib
from base64 import urlsafe_b64encode
from typing import Any
from urllib.parse import urlsplit

from joserfc import jws
from joserfc.errors import JoseError
from msgspec import Struct

from gateway.core.access_token import Claims, Rejected, decode_json, decode_part, kind_of_algorithm
from gateway.core.issuer import ALGORITHMS
from gateway.core.key_set import kind_of_key, read_key

PROOF_CHARACTERS_MAX = 8_000
PROOF_AGE_S = 60.0
ID_CHARACTERS_MAX = 128
_PORTS = {"http": 80, "https": 443}


class Proof(Struct, frozen=True):
    """A proof that holds: `thumbprint` is that of its key (RFC 7638), `id` its own, which may not come again before `until`
    (seconds since the epoch)."""

    thumbprint: str
    id: str
    until: float


class Binding(Struct, frozen=True):
    """The key that a token is bound to: the thumbprint of a DPoP key (`jkt`), of a certificate (`x5t#S256`), or ""."""

    dpop: str = ""
    certificate: str = ""


def binding_of(claims: Claims) -> Binding:
    """Raises Rejected where the token is bound in a way that cannot be checked here: it is no bearer token then."""
    told = claims.get("cnf")
    if told is None:
        return Binding()
    if not isinstance(told, dict) or not told or told.keys() - {"jkt", "x5t#S256"}:
        raise Rejected("it is bound to a key in a way that cannot be checked here (`cnf`)")
    if not all(isinstance(value, str) and value for value in told.values()):
        raise Rejected("its `cnf` cannot be read")
    return Binding(told.get("jkt", ""), told.get("x5t#S256", ""))


def check_proof(proof: str, token: str, method: str, url: str, now: float) -> Proof:
    """A proof for this token, sent by this method to this URL (without query) at `now`. Raises Rejected."""
    if len(proof) > PROOF_CHARACTERS_MAX or proof.count(".") != 2:
        raise Rejected("the DPoP proof is no JWT")
    head = decode_part(proof.split(".")[0])
    algorithm = head.get("alg")
    if head.get("typ") != "dpop+jwt" or "crit" in head or algorithm not in ALGORITHMS:
        raise Rejected("the DPoP proof has a `typ` or `alg` that is not taken")
    key = read_key(head.get("jwk"))
    if key is None or kind_of_key(key) != kind_of_algorithm(algorithm):
        raise Rejected("the DPoP proof has no public key of its `alg`")
    try:
        claims = decode_json(jws.deserialize_compact(proof, key, algorithms=[algorithm]).payload)
    except (JoseError, ValueError):
        raise Rejected("the DPoP proof is not signed by its key") from None
    _check_claims(claims, token, method, url, now)
    return Proof(key.thumbprint(), claims["jti"], claims["iat"] + PROOF_AGE_S)


def _check_claims(claims: dict[str, Any], token: str, method: str, url: str, now: float) -> None:
    """What RFC 9449 section 4.3 asks of them."""
    made, proof_id = claims.get("iat"), claims.get("jti")
    if not isinstance(proof_id, str) or not 0 < len(proof_id) <= ID_CHARACTERS_MAX:
        raise Rejected("the DPoP proof has no `jti`")
    if not isinstance(made, int | float) or isinstance(made, bool) or not abs(now - made) <= PROOF_AGE_S:
        raise Rejected(f"the DPoP proof was not made within {PROOF_AGE_S:g} s of now")
    if claims.get("htm") != method or _plain_url(claims.get("htu")) != _plain_url(url):
        raise Rejected("the DPoP proof is for another request")
    if claims.get("ath") != sha256_of(token.encode()):
        raise Rejected("the DPoP proof is for another token")


def _plain_url(told: object) -> tuple[str, str, int | None, str] | None:
    """A URL without query and fragment, and with the port that is meant (RFC 3986 section 6.2.3); None where it is none."""
    try:
        url = urlsplit(told if isinstance(told, str) else "")
        return url.scheme, url.hostname or "", url.port or _PORTS.get(url.scheme), url.path or "/"
    except ValueError:
        return None


def sha256_of(content: bytes) -> str:
    """As it stands in `ath` and `x5t#S256`."""
    return urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
