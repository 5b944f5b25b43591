"""The key that signs access tokens: the secret `token-signing-key` (an EC P-256 private key in PEM), or a file in `data_dir`
that is made at the first start, for its owner alone.

To change it, move the old one to `token-signing-key-previous` (the secret, or the file): tokens that it signed are good
until they end.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key

from gateway.key_file import make_key_file
from gateway.settings import SettingsBroken

SECRET = "token-signing-key"  # noqa: S105 (the name of a secret)
PREVIOUS = f"{SECRET}-previous"
ALGORITHM: Literal["ES256"] = "ES256"
TYPE = "at+jwt"


class Signer:
    """Signs with the first key; what any of them signed is good."""

    def __init__(self, keys: tuple[ECKey, ...]) -> None:
        self.private = keys
        self.public = tuple(ECKey.import_key(_told(key)) for key in keys)

    def sign(self, claims: Mapping[str, Any]) -> str:
        """An access token (RFC 9068 section 2)."""
        header = {"alg": ALGORITHM, "typ": TYPE, "kid": self.private[0].kid}
        return jws.serialize_compact(header, msgspec.json.encode(claims), self.private[0], algorithms=[ALGORITHM])

    async def keys(self, key_id: str) -> tuple[Key, ...]:
        """All public keys, whichever is named."""
        return self.public

    def key_set(self) -> bytes:
        """The JWK Set (RFC 7517 section 5)."""
        return msgspec.json.encode({"keys": [key.as_dict(private=False) for key in self.public]})


def open_signer(secrets: Mapping[str, str], data_dir: Path) -> Signer:
    """With the key that there is, made where there is none. Raises SettingsBroken."""
    path, before = data_dir / f"{SECRET}.pem", data_dir / f"{PREVIOUS}.pem"
    try:
        if SECRET not in secrets and not path.exists():
            make_key_file(path, _new_key())
        keys = [_read(secrets.get(SECRET) or path.read_text())]
        if PREVIOUS in secrets or before.exists():
            keys.append(_read(secrets.get(PREVIOUS) or before.read_text()))
    except (OSError, ValueError, TypeError, JoseError) as error:
        raise SettingsBroken(
            f"A key that signs access tokens ({SECRET}, {PREVIOUS}, or {path}) cannot be read as an EC P-256 key in PEM."
        ) from error
    return Signer(tuple(keys))


def _new_key() -> bytes:
    return generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _read(pem: str) -> ECKey:
    """With its thumbprint as its id (RFC 7638). Raises ValueError where it is of another kind."""
    key = ECKey.import_key(pem)
    if key.curve_name != "P-256" or not key.is_private:
        raise ValueError
    return ECKey.import_key({**key.as_dict(private=True), "kid": key.thumbprint()})


def _told(key: ECKey) -> dict[str, Any]:
    return {**key.as_dict(private=False), "use": "sig", "alg": ALGORITHM}
