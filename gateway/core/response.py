"""A backend's response as the result of a call: JSON exact, text as text, media as such, everything bounded."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from hashlib import sha256
from http import HTTPStatus
from typing import Any

import msgspec
from msgspec import Raw

from gateway.core.http import HttpResponse
from gateway.core.media import essence, family_of
from gateway.core.prose import cut, plain
from gateway.core.result import Blob, Content, Media, Result, Retry, Text
from gateway.core.tool import Tool

# Statuses after which the same call may work later (RFC 9110 section 15, RFC 6585, RFC 8470).
WORTH_RETRYING = frozenset({408, 425, 429, 500, 502, 503, 504})
# Types that a backend may send without meaning them: what parses as JSON is JSON.
GENERIC_TYPES = frozenset({"", "text/plain", "text/html", "application/octet-stream", "binary/octet-stream"})
PROBLEM_CHARACTERS_MAX = 1_000
RETRY_AFTER_S_MAX = 86_400.0


def read_response(tool: Tool, response: HttpResponse, result_bytes_max: int, now: datetime) -> Result:
    """What the caller gets. A status of 300 and more is an error of the backend, told first in words.

    Raises nothing: whatever a backend sends is an answer.
    """
    content, structured, truncated = _read_body(tool, response, result_bytes_max)
    if response.status < 300:
        return Result(content, structured, response.status, truncated=truncated)
    retry = _retry(response, now)
    told = Text(_say_error(response, retry, structured))
    return Result((told, *content), structured, response.status, is_error=True, truncated=truncated, retry=retry)


def _read_body(tool: Tool, response: HttpResponse, bytes_max: int) -> tuple[tuple[Content, ...], Raw, bool]:
    if not response.body:
        return (() if response.status >= 300 else (Text(f"Done: {_phrase(response.status)}, with no content."),)), Raw(b""), False
    kind = essence(response.header("content-type"))
    size, cut_short = len(response.body), response.truncated or len(response.body) > bytes_max
    text = _text(response) if _is_text(kind) or kind in GENERIC_TYPES else None
    if text is None:
        return _binary(tool, response, kind, size, cut_short=cut_short), Raw(b""), cut_short
    if cut_short:
        return (Text(_shorten(text, bytes_max, size, response.truncated)),), Raw(b""), True
    if (family_of(kind) == "json" or kind in GENERIC_TYPES) and (exact := _json(text)):
        return (Text(exact.decode()),), Raw(exact), False
    if kind.endswith("octet-stream"):
        return _binary(tool, response, kind, size, cut_short=False), Raw(b""), False
    note = "[labelled JSON, and is none]\n" if kind and family_of(kind) == "json" else ""
    return (Text(note + text),), Raw(b""), False


def _is_text(kind: str) -> bool:
    return family_of(kind) in ("json", "text", "xml", "form") or kind == "application/javascript"


def _text(response: HttpResponse) -> str | None:
    """The body as text in its charset (UTF-8 where none is named); None where it is plainly no text."""
    kind = response.header("content-type")
    named = re.search(r"charset\s*=\s*\"?([\w.:-]{1,40})", kind, re.IGNORECASE)
    if response.body.startswith(b"\xef\xbb\xbf"):
        return response.body[3:].decode("utf-8", "replace")
    try:
        return response.body.decode(named[1] if named else "utf-8")
    except (UnicodeDecodeError, LookupError, ValueError):
        if essence(kind) in GENERIC_TYPES and not essence(kind).startswith("text/"):
            return None
        return response.body.decode("utf-8", "replace")


def _json(text: str) -> bytes | None:
    """The text as the bytes of JSON, unchanged; None where it is none. Scalars count only as themselves, so that a plain
    word or number in a text/plain answer stays text."""
    try:
        encoded = text.strip().encode()
        if encoded[:1] in (b"{", b"["):
            msgspec.json.decode(encoded)
            return encoded
        value = msgspec.json.decode(encoded)
        return encoded if value is None or isinstance(value, bool | str | int | float) else None
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return None


def _binary(tool: Tool, response: HttpResponse, kind: str, size: int, *, cut_short: bool) -> tuple[Content, ...]:
    shown = kind or "application/octet-stream"
    if cut_short:
        more = "more than " if response.truncated else ""
        return (Text(f"[truncated: {more}{size} bytes of {shown} are above the limit and left out]"),)
    if kind.startswith(("image/", "audio/")):
        return (Media("image" if kind.startswith("image/") else "audio", kind, response.body),)
    digest = sha256(response.body).hexdigest()[:16]
    return (Blob(f"factotum://result/{tool.connector}/{digest}", shown, response.body),)


def _shorten(text: str, bytes_max: int, size: int, unfinished: bool) -> str:
    """The first part, cut at a line or a comma near the end, and what was left out."""
    head = text.encode()[:bytes_max].decode("utf-8", "ignore")
    at = max(head.rfind(mark, len(head) * 3 // 4) for mark in ("\n", "},", ",", " "))
    shown = head[: at + 1] if at > 0 else head
    more = "more than " if unfinished else ""
    return f"[truncated: showing the first {len(shown.encode())} of {more}{size} bytes]\n{shown}"


def _phrase(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _say_error(response: HttpResponse, retry: Retry, structured: Raw) -> str:
    if response.status < 400:
        where = plain(response.header("location"), PROBLEM_CHARACTERS_MAX)
        return f"The backend answered {_phrase(response.status)}" + (f" and points to {where}, which was not followed." if where else ".")
    said = cut(". ".join(_problem(structured)), PROBLEM_CHARACTERS_MAX) if structured else ""
    after = f" after {retry.after_s:g} s" if retry.after_s is not None else " later"
    advice = f"The same call may work{after}." if retry.worthwhile else "The same call will fail again."
    return f"The backend answered {_phrase(response.status)}{f': {said}' if said else ''}. {advice}"


def _problem(structured: Raw) -> Iterator[str]:
    """What an error document says, in the forms that are common (RFC 9457, and those of the large APIs)."""
    told: Any = msgspec.json.decode(structured)
    if not isinstance(told, dict):
        return
    for key in ("title", "error_description", "detail", "message", "error", "errors"):
        value = told.get(key)
        parts = value if isinstance(value, list) else [value]
        for part in parts[:5]:
            said = part.get("message") or part.get("detail") if isinstance(part, dict) else part
            if text := plain(said, PROBLEM_CHARACTERS_MAX):
                yield text.rstrip(".")


def _retry(response: HttpResponse, now: datetime) -> Retry:
    return Retry(response.status in WORTH_RETRYING, retry_after_s(response.header("retry-after"), now))


def retry_after_s(value: str, now: datetime) -> float | None:
    """Retry-After in seconds from now (RFC 9110 section 10.2.3), bounded; None where there is none that can be read."""
    if (seconds := retry_seconds(value)) is not None:
        return seconds
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max(0.0, (at - now).total_seconds()), RETRY_AFTER_S_MAX)


def retry_seconds(value: str) -> float | None:
    """Retry-After where it is a number of seconds, bounded."""
    return min(float(value[:9]), RETRY_AFTER_S_MAX) if value.isascii() and value.isdigit() else None
