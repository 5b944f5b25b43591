"""A word that the gateway gives out to get back: whoever holds it can read it, and nobody else can make one. Knows no clock.

It is good for one purpose, bound to what it was given out for, until a time; it says nothing that decides by itself.
"""

import base64
import binascii
import hmac
from hashlib import sha256

import msgspec
from msgspec import Struct

KEY_BYTES = 32
SEALED_CHARACTERS_MAX = 1_000


class _Word(Struct, frozen=True, array_like=True):
    text: str
    until_s: int


class Seal:
    """Prints nothing of its key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def close(self, text: str, bound_to: object, until_s: int) -> str:
        """The word for a text. `bound_to` is anything that JSON can say; `until_s` is in seconds since 1970."""
        word = msgspec.json.encode(_Word(text, until_s))
        return f"{_encode(word)}.{_encode(self._mark(word, bound_to))}"

    def open(self, sealed: str, bound_to: object, now_s: float) -> str | None:
        """The text; None where it is none of ours, is bound to something else, or is over."""
        if len(sealed) > SEALED_CHARACTERS_MAX or not sealed.isascii():
            return None
        told, _, mark = sealed.partition(".")
        try:
            word, given = _decode(told), _decode(mark)
            if not hmac.compare_digest(given, self._mark(word, bound_to)):
                return None
            read = msgspec.json.decode(word, type=_Word)
        except (binascii.Error, ValueError):
            return None
        return read.text if now_s < read.until_s else None

    def _mark(self, word: bytes, bound_to: object) -> bytes:
        bound = sha256(msgspec.json.encode(bound_to, order="deterministic")).digest()
        return hmac.digest(self._key, bound + word, sha256)


def _encode(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode()


def _decode(value: str) -> bytes:
    return base64.b64decode(value, altchars=b"-_", validate=True)
