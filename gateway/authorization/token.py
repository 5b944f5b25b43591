"""Random values that are handed out once and kept as a hash."""

import hashlib
import hmac
import secrets

SECRET_BYTES = 32


def new_token() -> str:
    """256 random bits in characters that go anywhere."""
    return secrets.token_urlsafe(SECRET_BYTES)


def digest_of(token: str) -> str:
    """A plain hash is enough: nobody guesses back what is random."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def bound_to(secret: str, purpose: str) -> str:
    """A value that only who knows the secret can tell, good for one purpose."""
    return hmac.new(secret.encode(errors="replace"), purpose.encode(errors="replace"), hashlib.sha256).hexdigest()


def is_same(one: str, other: str) -> bool:
    """In a time that tells nothing of where they differ."""
    return hmac.compare_digest(one.encode(errors="replace"), other.encode(errors="replace"))
