"""The parameters of one OAuth request, read once: each of them given once, and of characters that RFC 6749 Appendix A allows."""

import re
from base64 import b64decode
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl, unquote

from msgspec import Struct

PARAMETERS_MAX = 40
VALUE_CHARACTERS_MAX = 20_000

# RFC 6749 Appendix A.3.
_RESPONSE_TYPE = re.compile(r"[A-Za-z0-9_ ]*")


class BadParameters(Exception):
    """They cannot be read: why, as a sentence."""


class OAuthForm(Struct, frozen=True):
    """`values` are those that are not empty; `authorization` is the header of that name."""

    method: str
    url: str
    values: Mapping[str, str]
    authorization: str = ""

    def get(self, name: str) -> str:
        return self.values.get(name, "")

    @classmethod
    def of(cls, method: str, url: str, values: Mapping[str, str], authorization: Sequence[str]) -> "OAuthForm":
        """With the headers by which a client proves who it is: one way alone (RFC 6749 section 2.3). Raises BadParameters."""
        if not authorization:
            return cls(method, url, values)
        client, _ = _read_basic(authorization)
        if "client_secret" in values or values.get("client_id", client) != client:
            raise BadParameters("The client says twice who it is; send the Authorization header alone.")
        return cls(method, url, values, authorization[0])

    def proof(self) -> tuple[str, str]:
        """The id and the secret that the client tells; "" for what it does not."""
        if self.authorization:
            return _read_basic([self.authorization])
        return self.get("client_id"), self.get("client_secret")


def _read_basic(authorization: Sequence[str]) -> tuple[str, str]:
    """A name and a secret. Raises BadParameters where it cannot be read (RFC 7617 section 2)."""
    scheme, _, told = authorization[0].partition(" ")
    try:
        if len(authorization) > 1 or scheme.lower() != "basic":
            raise ValueError
        name, _, secret = b64decode(told.strip(), validate=True).decode("ascii").partition(":")
    except ValueError:
        raise BadParameters(
            "The Authorization header cannot be read; a client sends `Basic` with its id and secret."
        ) from None
    return unquote(name), unquote(secret)


def read_parameters(text: str) -> dict[str, str]:
    """Those of a query or a form. `resource` may come twice where it says the same. Raises BadParameters."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=PARAMETERS_MAX, errors="strict")
    except (ValueError, UnicodeError):
        raise BadParameters("The parameters cannot be read as application/x-www-form-urlencoded.") from None
    values: dict[str, str] = {}
    for name, value in pairs:
        if values.setdefault(name, value) != value or (name != "resource" and value and _times(pairs, name) > 1):
            raise BadParameters("A parameter was given more than once.")
        if len(value) > VALUE_CHARACTERS_MAX or not (value.isascii() and value.isprintable()):
            raise BadParameters("A parameter is longer than any is, or has characters that none has.")
    if not _RESPONSE_TYPE.fullmatch(values.get("response_type", "")):
        raise BadParameters("The response_type has characters that none has.")
    return {name: value for name, value in values.items() if value}


def _times(pairs: list[tuple[str, str]], name: str) -> int:
    return sum(one == name for one, _ in pairs)
