"""A backend's response as the result of a call: JSON exact, text as text, media as such, everything bounded."""

import codecs
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from hashlib import sha256
from http import HTTPStatus

import msgspec
from msgspec import Raw, Struct, structs

from gateway.core.charset import UTF_8, charset_of
from gateway.core.fault import PROBLEM_CHARACTERS_MAX, advise, describe_problem
from gateway.core.http import HttpResponse
from gateway.core.media import SEQUENTIAL_TYPES, essence, family_of
from gateway.core.project import Selection, Unselectable
from gateway.core.prose import plain
from gateway.core.result import Blob, Content, Media, Result, Retry, Text
from gateway.core.sequence import read_sequence
from gateway.core.shorten import shorten_json
from gateway.core.tool import Tool

# Types that a backend may send without meaning them: what parses as an object or a list is JSON.
GENERIC_TYPES = frozenset({"", "text/plain", "text/html", "application/octet-stream", "binary/octet-stream"})
ERROR_BYTES_MAX = 16 << 10
RETRY_AFTER_S_MAX = 86_400.0
EMPTY = Raw(b"")

_JSON = msgspec.json.Decoder(Raw)


class Reading(Struct, frozen=True):
    """How to read an answer: within how many bytes as JSON or text and as a file, which part of its JSON, and the time
    that a date in Retry-After is counted from."""

    result_bytes_max: int
    media_bytes_max: int
    now: datetime
    selection: Selection | None = None


class _Body(Struct, frozen=True):
    """A body as it is given: content, JSON, whether something was left out, and what to say of it."""

    content: tuple[Content, ...] = ()
    structured: Raw = EMPTY
    truncated: bool = False
    notes: tuple[str, ...] = ()


def read_response(tool: Tool, response: HttpResponse, reading: Reading) -> Result:
    """What the caller gets: JSON as text and as `structured`, text, an image, a sound or a blob, within the bounds. A
    status of 300 and more, but for 304, is an error of the backend: it is told in words, and then its body, within
    ERROR_BYTES_MAX as well.

    Raises nothing: whatever a backend sends is an answer.
    """
    status = response.status
    if status < 300 or status == HTTPStatus.NOT_MODIFIED:
        body = _read_body(tool, response, reading)
        content = body.content or (Text(_say_empty(response)),)
        return Result(content, body.structured, status, truncated=body.truncated, notes=body.notes)
    bound = min(reading.result_bytes_max, ERROR_BYTES_MAX)
    body = _read_body(tool, response, structs.replace(reading, result_bytes_max=bound, selection=None))
    retry = Retry(worthwhile=False)
    if status < 400:
        told = _say_redirect(response)
    else:
        after_s = retry_after_s(response.header("retry-after"), reading.now)
        retry, advice = advise(tool, status, after_s)
        said = describe_problem(response.body) if len(response.body) <= reading.result_bytes_max else ""
        told = f"The backend answered {_phrase(status)}{f': {said}' if said else ''}. {advice}"
    content = (Text(told), *body.content)
    return Result(content, body.structured, status, True, body.truncated, retry, body.notes)


def read_piece(response: HttpResponse, offset: int, bytes_max: int) -> Result:
    """A text, or JSON as text, from a byte of its body on; it says where the next piece begins. A file has no pieces."""
    content_type = response.header("content-type")
    body, kind = response.body, essence(content_type)
    if not _is_text(kind, body[:1_000]):
        return Result((Text("This is a file: it can only be given whole."),), is_error=True)
    text = _cut_text(_decode(body[offset : offset + bytes_max], content_type, unfinished=True), bytes_max)
    # What is shown may be shorter than what was decoded, and takes as many bytes in the charset of the body.
    ends = offset + len(text.encode(charset_of(content_type, body), "replace"))
    more = f"There are more: go on with offset = {ends}." if text and ends < len(body) else "This is the end."
    return Result((Text(text),), truncated=ends < len(body), notes=(f"Bytes {offset} to {ends} of {len(body)}.", more))


def whole_text(response: HttpResponse) -> str | None:
    """All of a body that is text, JSON among it; None where it is a file."""
    content_type = response.header("content-type")
    is_text = _is_text(essence(content_type), response.body)
    return _decode(response.body, content_type, unfinished=response.truncated) if is_text else None


def json_of(response: HttpResponse) -> bytes | None:
    """The JSON that an answer is, byte for byte in UTF-8; of a stream, the list of its values. None where it is none, or
    is not here whole."""
    content_type = response.header("content-type")
    kind = essence(content_type)
    if kind in SEQUENTIAL_TYPES:
        return read_sequence(response.body, content_type, cut=response.truncated)
    is_json = kind != "" and family_of(kind) == "json"
    if response.truncated or not (is_json or kind in GENERIC_TYPES):
        return None
    return _exact_json(response.body, content_type, labelled=is_json)


def is_generic(content_type: str) -> bool:
    """Whether a backend may have sent this type without meaning it."""
    return essence(content_type) in GENERIC_TYPES


def _read_body(tool: Tool, response: HttpResponse, reading: Reading) -> _Body:
    if not response.body:
        return _Body()
    exact = json_of(response)
    if exact is not None:
        return _json_body(exact, reading, cut=response.truncated)
    content_type = response.header("content-type")
    kind = essence(content_type)
    is_json = kind != "" and family_of(kind) == "json"
    unselected = ("The answer is not JSON, so nothing was selected from it.",) if reading.selection else ()
    if _is_text(kind, response.body):
        if response.truncated or len(response.body) > reading.result_bytes_max:
            return _cut(response, content_type, reading.result_bytes_max, unselected)
        note = "[labelled as JSON, but not valid JSON]\n" if is_json else ""
        return _Body((Text(note + _decode(response.body, content_type)),), notes=unselected)
    if response.truncated or len(response.body) > reading.media_bytes_max:
        return _left_out(response, kind, reading.media_bytes_max)
    return _Body((_binary(tool, kind, response.body),), notes=unselected)


def _json_body(exact: bytes, reading: Reading, *, cut: bool = False) -> _Body:
    """JSON, or what was selected of it; shortened to a smaller JSON where it is too long."""
    notes: tuple[str, ...] = ("The backend went on sending: what had come by then is here.",) if cut else ()
    if reading.selection is not None:
        try:
            exact = bytes(reading.selection.apply(exact))
        except Unselectable as error:
            notes = (*notes, f"Nothing was selected: {error.detail}.")
    if len(exact) <= reading.result_bytes_max:
        return _Body((Text(exact.decode()),), Raw(exact), cut, notes)
    shortened = shorten_json(exact, reading.result_bytes_max)
    if shortened is None:
        text = _cut_text(exact.decode(), reading.result_bytes_max)
        return _Body((Text(text),), EMPTY, True, (*notes, _told_cut(len(text.encode()), f"{len(exact)} bytes")))
    if not shortened.cuts:
        return _Body((Text(shortened.encoded.decode()),), Raw(shortened.encoded), cut, notes)
    told = f"Cut from {len(exact)} bytes to {len(shortened.encoded)}; of {'; '.join(shortened.cuts)}."
    return _Body((Text(shortened.encoded.decode()),), Raw(shortened.encoded), True, (*notes, told))


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


def _cut(response: HttpResponse, content_type: str, bytes_max: int, notes: tuple[str, ...]) -> _Body:
    """The first part of a text, and what was left out."""
    text = _cut_text(_decode(response.body[:bytes_max], content_type, unfinished=True), bytes_max)
    size = f"{'more than ' if response.truncated else ''}{len(response.body)} bytes"
    return _Body((Text(text),), truncated=True, notes=(*notes, _told_cut(len(text.encode()), size)))


def _cut_text(text: str, bytes_max: int) -> str:
    """As much of a text as fits, ending at a line, a member or a word where there is one near."""
    head = text.encode("utf-8", "replace")[:bytes_max].decode(errors="ignore")
    near = len(head) * 3 // 4
    at = next((at for mark in ("\n", "},", ",", " ") if (at := head.rfind(mark, near)) >= 0), len(head))
    return head[: at + 1]


def _told_cut(shown: int, size: str) -> str:
    return f"Cut: this is the first {shown} of {size}."


def _left_out(response: HttpResponse, kind: str, bytes_max: int) -> _Body:
    """Binary data is left out whole: a part of it is of no use."""
    size = f"{'more than ' if response.truncated else ''}{len(response.body)} bytes"
    shown = plain(kind, 100) or "application/octet-stream"
    told = f"[left out: {size} of {shown}, which is above the limit of {bytes_max} bytes]"
    return _Body((Text(told),), truncated=True)


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
