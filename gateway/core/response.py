"""A backend's response as the result of a call: JSON exact, text as text, media as such, everything bounded."""

import codecs
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from hashlib import sha256
from http import HTTPStatus

import msgspec
from msgspec import Raw

from gateway.core.charset import UTF_8, charset_of
from gateway.core.fault import PROBLEM_CHARACTERS_MAX, advise, describe_problem
from gateway.core.http import HttpResponse
from gateway.core.media import essence, family_of
from gateway.core.prose import plain
from gateway.core.result import Blob, Content, Media, Result, Retry, Text
from gateway.core.tool import Tool

# Types that a backend may send without meaning them: what parses as an object or a list is JSON.
GENERIC_TYPES = frozenset({"", "text/plain", "text/html", "application/octet-stream", "binary/octet-stream"})
ERROR_BYTES_MAX = 16 << 10
RETRY_AFTER_S_MAX = 86_400.0
EMPTY = Raw(b"")

_JSON = msgspec.json.Decoder(Raw)

Body = tuple[tuple[Content, ...], Raw, bool]


def read_response(tool: Tool, response: HttpResponse, result_bytes_max: int, now: datetime) -> Result:
    """What the caller gets: JSON as text and as `structured`, text, an image, a sound or a blob, within
    `result_bytes_max`. A status of 300 and more, but for 304, is an error of the backend: it is told in words, and then
    its body, within ERROR_BYTES_MAX as well. `now` is what a date in Retry-After is counted from.

    Raises nothing: whatever a backend sends is an answer.
    """
    status = response.status
    if status < 300 or status == HTTPStatus.NOT_MODIFIED:
        content, structured, truncated = _read_body(tool, response, result_bytes_max)
        return Result(content or (Text(_say_empty(response)),), structured, status, truncated=truncated)
    content, structured, truncated = _read_body(tool, response, min(result_bytes_max, ERROR_BYTES_MAX))
    retry = Retry(worthwhile=False)
    if status < 400:
        told = _say_redirect(response)
    else:
        after_s = retry_after_s(response.header("retry-after"), now)
        retry, advice = advise(tool, status, after_s)
        said = describe_problem(response.body) if len(response.body) <= result_bytes_max else ""
        told = f"The backend answered {_phrase(status)}{f': {said}' if said else ''}. {advice}"
    return Result((Text(told), *content), structured, status, is_error=True, truncated=truncated, retry=retry)


def _read_body(tool: Tool, response: HttpResponse, bytes_max: int) -> Body:
    """The content, the JSON, and whether something was left out."""
    if not response.body:
        return (), EMPTY, False
    content_type = response.header("content-type")
    kind = essence(content_type)
    is_json = kind != "" and family_of(kind) == "json"
    if response.truncated or len(response.body) > bytes_max:
        return _cut(response, content_type, kind, bytes_max), EMPTY, True
    if (is_json or kind in GENERIC_TYPES) and (exact := _exact_json(response.body, content_type, labelled=is_json)):
        return (Text(exact.decode()),), Raw(exact), False
    if _is_text(kind, response.body):
        note = "[labelled as JSON, but not valid JSON]\n" if is_json else ""
        return (Text(note + _decode(response.body, content_type)),), EMPTY, False
    return (_binary(tool, kind, response.body),), EMPTY, False


def _exact_json(body: bytes, content_type: str, *, labelled: bool) -> bytes | None:
    """The bytes of the JSON as they came, in UTF-8 and without a byte order mark; None where it is no JSON. Where no
    type says that it is, only an object or a list is taken for it, so that a plain word or number stays text."""
    charset = charset_of(content_type, body)
    try:
        exact = body if charset == UTF_8 and body.isascii() else body.decode(charset).encode()
        if not labelled and exact.lstrip()[:1] not in (b"{", b"["):
            return None
        _JSON.decode(exact)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return None
    return exact


def _is_text(kind: str, body: bytes) -> bool:
    """By its type; where there is none, by the body: UTF-8 without NUL is taken for text."""
    if kind:
        return family_of(kind) in ("json", "text", "xml", "form")
    try:
        codecs.getincrementaldecoder(UTF_8)().decode(body)
    except UnicodeDecodeError:
        return False
    return b"\0" not in body


def _decode(body: bytes, content_type: str, *, unfinished: bool = False) -> str:
    """The text; where bytes had to be replaced, it says so first. `unfinished`: half a character at the end is left
    out."""
    charset = charset_of(content_type, body)
    decoder = codecs.getincrementaldecoder(charset)
    try:
        return decoder().decode(body, not unfinished)
    except UnicodeDecodeError:
        text = decoder("replace").decode(body, not unfinished)
    return f"[not all of this is valid {charset}: what is not is shown as \N{REPLACEMENT CHARACTER}]\n{text}"


def _binary(tool: Tool, kind: str, body: bytes) -> Content:
    if kind.startswith("image/"):
        return Media("image", kind, body)
    if kind.startswith("audio/"):
        return Media("audio", kind, body)
    digest = sha256(body).hexdigest()[:16]
    return Blob(f"factotum://result/{tool.connector}/{digest}", kind or "application/octet-stream", body)


def _cut(response: HttpResponse, content_type: str, kind: str, bytes_max: int) -> tuple[Content, ...]:
    """The first part of a text, ending at a line, a member or a word where there is one near, and what was left out.
    Binary data is left out whole: a part of it is of no use."""
    size = f"{'more than ' if response.truncated else ''}{len(response.body)} bytes"
    head = response.body[:bytes_max]
    if not _is_text(kind, head):
        shown = plain(kind, 100) or "application/octet-stream"
        return (Text(f"[left out: {size} of {shown}, which is above the limit of {bytes_max} bytes]"),)
    text = _decode(head, content_type, unfinished=True)
    near = len(text) * 3 // 4
    at = next((at for mark in ("\n", "},", ",", " ") if (at := text.rfind(mark, near)) >= 0), len(text))
    text = text[: at + 1]
    return (Text(f"[truncated: showing first {len(text.encode())} of {size}]\n{text}"),)


def _phrase(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _say_empty(response: HttpResponse) -> str:
    where = plain(response.header("location"), PROBLEM_CHARACTERS_MAX)
    located = f"; location: {where}" if where else "."
    return f"The backend answered {_phrase(response.status)}, with no content{located}"


def _say_redirect(response: HttpResponse) -> str:
    where = plain(response.header("location"), PROBLEM_CHARACTERS_MAX)
    points = f", pointing to {where}" if where else ""
    return f"The backend answered {_phrase(response.status)}{points}. It was not followed."


def retry_after_s(value: str, now: datetime) -> float | None:
    """Retry-After in seconds from now (RFC 9110 section 10.2.3), bounded; None where there is none that can be read."""
    if (seconds := retry_seconds(value)) is not None:
        return seconds
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max(0.0, (at - now).total_seconds()), RETRY_AFTER_S_MAX)


def retry_seconds(value: str) -> float | None:
    """Retry-After where it is a number of seconds, bounded."""
    return min(float(value[:9]), RETRY_AFTER_S_MAX) if value.isascii() and value.isdigit() else None
