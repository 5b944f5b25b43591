"""The JSON that an answer is, exact: by its type, by what it looks like where the type says nothing, as the list of the
values of a stream or of the parts of a message. Shortens and selects nothing."""

import re
from typing import NamedTuple

import msgspec
from msgspec import Raw

from gateway.core.charset import UTF_8, charset_of
from gateway.core.http import HttpResponse
from gateway.core.media import SEQUENTIAL_TYPES, essence, family_of
from gateway.core.parts import read_parts
from gateway.core.sequence import read_sequence

# Types that a backend may send without meaning them: what parses as an object or a list is JSON.
GENERIC_TYPES = frozenset({"", "text/plain", "text/html", "application/octet-stream", "binary/octet-stream"})
UNTOLD = "application/octet-stream"

_JSON = msgspec.json.Decoder(Raw)
# What no JSON has and many a library writes all the same; a text that holds such a word stays as it is.
_NO_NUMBER = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|$)|-?\b(?:NaN|Infinity)\b', re.DOTALL)
_NULLED = "It had NaN or Infinity, which are no JSON: null stands in their place."


class FoundJson(NamedTuple):
    """JSON in UTF-8, without a byte order mark, and what to say of how it was found."""

    exact: bytes
    notes: tuple[str, ...] = ()


def media_type_of(response: HttpResponse) -> str:
    """Its media type without parameters; that of any file where a content coding could not be undone."""
    return UNTOLD if response.coding else essence(response.header("content-type"))


def json_of(response: HttpResponse) -> bytes | None:
    """The JSON that an answer is, byte for byte; None where it is none, or is not here whole."""
    found = find_json(response)
    return found.exact if found is not None else None


def find_json(response: HttpResponse) -> FoundJson | None:
    """The same, with what to say of it."""
    kind = media_type_of(response)
    if response.coding:
        return None
    if kind in SEQUENTIAL_TYPES:
        return _found(read_sequence(response.body, response.header("content-type"), cut=response.truncated))
    if kind.startswith("multipart/"):
        return _of_parts(response)
    if response.truncated:
        return None
    if kind != "" and family_of(kind) == "json":
        return _labelled(response)
    return _found(_exact_json(response, labelled=False)) if kind in GENERIC_TYPES else None


def is_generic(content_type: str) -> bool:
    """Whether a backend may have sent this type without meaning it."""
    return essence(content_type) in GENERIC_TYPES


def _found(exact: bytes | None) -> FoundJson | None:
    return FoundJson(exact) if exact is not None else None


def _labelled(response: HttpResponse) -> FoundJson | None:
    exact = _exact_json(response, labelled=True)
    if exact is not None:
        return FoundJson(exact)
    if b"NaN" not in response.body and b"Infinity" not in response.body:
        return None
    mended = _NO_NUMBER.sub(lambda match: match[0] if match[0].startswith(b'"') else b"null", response.body)
    return FoundJson(mended, (_NULLED,)) if _is_json(mended) else None


def _of_parts(response: HttpResponse) -> FoundJson | None:
    """The list of the JSON of its parts, where every part is JSON or empty."""
    parts = read_parts(response)
    if any(essence(part.header("content-type")).startswith("multipart/") for part in parts):
        return None
    values = [json_of(part) if part.body else b"null" for part in parts]
    told = [value for value in values if value is not None]
    if not told or len(told) < len(values):
        return None
    answered = [f"part {index} was answered {one.status}" for index, one in enumerate(parts, 1) if one.status >= 300]
    notes = (f"Of {len(parts)} parts: {', '.join(answered)}.",) if answered else ()
    return FoundJson(b"[" + b",".join(told) + b"]", notes)


def _exact_json(response: HttpResponse, *, labelled: bool) -> bytes | None:
    """Where no type says that it is JSON, only an object or a list is taken for it, so that a plain word or number stays
    text."""
    body = response.body
    charset = charset_of(response.header("content-type"), body)
    try:
        exact = body if charset == UTF_8 and body.isascii() else body.decode(charset).encode()
    except UnicodeError:
        return None
    if not labelled and exact.lstrip()[:1] not in (b"{", b"["):
        return None
    return exact if _is_json(exact) else None


def _is_json(exact: bytes) -> bool:
    try:
        _JSON.decode(exact)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return False
    return True
