"""Public keys as JSON (RFC 7517): those of a set that can be used to check a signature."""

from typing import Any

import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey, import_key

KEYS_MAX = 100
RSA_BITS_MIN, RSA_BITS_MAX = 2_048, 8_192
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


class BadKeySet(Exception):
    """What should be a JWK Set is none."""


def read_keys(body: bytes) -> tuple[Key, ...]:
    """The keys of a JWK Set that are public, large enough, and not for encryption; the others are left out, KEYS_MAX
    being looked at. Raises BadKeySet."""
    try:
        told = msgspec.json.decode(body, type=dict[str, Any]).get("keys")
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise BadKeySet("it is no JSON object") from None
    if not isinstance(told, list):
        raise BadKeySet("it has no list of `keys`")
    keys = (read_key(one) for one in told[:KEYS_MAX])
    return tuple(key for key in keys if key is not None)


def read_key(told: object) -> Key | None:
    """One public key, or None where it is none that a signature may be checked with."""
    if not isinstance(told, dict) or told.get("use", "sig") != "sig" or _PRIVATE & told.keys():
        return None
    if not _may_verify(told.get("key_ops")) or told.get("kty") not in ("RSA", "EC", "OKP"):
        return None
    try:
        key = import_key({name: value for name, value in told.items() if name != "key_ops"})
        return key if kind_of_key(key) else None
    except (JoseError, ValueError, TypeError, KeyError, OverflowError):
        return None


def _may_verify(operations: object) -> bool:
    return operations is None or (isinstance(operations, list) and "verify" in operations)


def kind_of_key(key: Key) -> str:
    """`RSA`, `EC P-256`, `OKP Ed25519`, ...; "" for one that is not used here, an RSA key out of bounds among them."""
    match key:
        case RSAKey():
            return "RSA" if RSA_BITS_MIN <= key.public_key.key_size <= RSA_BITS_MAX else ""
        case ECKey():
            return f"EC {key.curve_name}"
        case OKPKey():
            return f"OKP {key.curve_name}"
        case _:
            return ""
