"""A value of a document together with where it stands, and what is raised where it is not what it must be."""

from hashlib import sha256
from typing import Any, NamedTuple, TypeAlias

from gateway.core.pointer import escape

TOKEN_CHARACTERS_MAX = 200

# What `$dynamicRef`s mean from here on: the name of each anchor, the file and the pointer that it stands for.
Scope: TypeAlias = tuple[tuple[str, str, str], ...]


class Malformed(Exception):
    """Something is not what the specification says it must be. It costs the operation that needs it, and no other."""

    def __init__(self, reason: str, place: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.place = place
        self.detail = detail


def _token(key: str) -> str:
    """A key as one token of a pointer. Of a very long one a part and its digest, so that what stands beneath it does not
    repeat it whole, value for value."""
    if len(key) <= TOKEN_CHARACTERS_MAX:
        return escape(key) if "/" in key or "~" in key else key
    return f"{escape(key[:TOKEN_CHARACTERS_MAX])}…{sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"


class At(NamedTuple):
    """A value and where it stands: the URI of its file and the JSON Pointer in it. `scope` is how it was come to, as far
    as that counts."""

    value: Any
    uri: str
    pointer: str
    scope: Scope = ()

    def child(self, key: str | int) -> "At":
        """A member of this object or an item of this list, which must have it."""
        return At(self.value[key], self.uri, f"{self.pointer}/{_token(str(key))}", self.scope)

    def get(self, key: str) -> "At | None":
        """A member of this object, or None where there is none or it is null."""
        return self.child(key) if isinstance(self.value, dict) and self.value.get(key) is not None else None
