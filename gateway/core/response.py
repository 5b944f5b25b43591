"""A backend's response as the result of a call: JSON exact, text as text, media as such, everything bounded."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from hashlib import sha256
from http import HTTPStatus

from msgspec import Raw, Struct, structs

from gateway.core.disposition import filename_of
from gateway.core.fault import PROBLEM_CHARACTERS_MAX, advise, describe_problem
from gateway.core.http import HttpResponse
from gateway.core.media import essence, family_of
from gateway.core.parts import read_parts
from gateway.core.project import Selection, Unselectable
from gateway.core.prose import plain
from gateway.core.response_json import UNTOLD, FoundJson, find_json, json_of, media_type_of
from gateway.core.response_text import cut_text, is_text, piece_of, text_of
from gateway.core.result import Blob, Content, Media, Result, Retry, Text
from gateway.core.shorten import shorten_json
from gateway.core.tool import Tool

ERROR_BYTES_MAX = 16 << 10
RETRY_AFTER_S_MAX = 86_400.0
HEADERS_MAX, HEADER_CHARACTERS_MAX = 20, 300
UNTOLD_HEADERS = frozenset(
    {"connection", "date", "keep-alive", "server", "set-cookie", "transfer-encoding", "location"}
)
EMPTY = Raw(b"")


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
        notes = (*body.notes, *_say_headers(tool, response))
        return Result(content, body.structured, status, truncated=body.truncated, notes=notes)
    bound = min(reading.result_bytes_max, ERROR_BYTES_MAX)
    body = _read_body(tool, response, structs.replace(reading, result_bytes_max=bound, selection=None))
    retry = Retry(worthwhile=False)
    if status < 400:
        told = _say_redirect(response)
    else:
        after_s = retry_after_s(response.header("retry-after"), reading.now)
        retry, advice = advise(tool, status, after_s)
        said = describe_problem(json_of(response) or b"") if len(response.body) <= reading.result_bytes_max else ""
        told = f"The backend answered {_phrase(status)}{f': {said}' if said else ''}. {advice}"
    content = (Text(told), *body.content)
    return Result(content, body.structured, status, True, body.truncated, retry, body.notes)


def read_piece(response: HttpResponse, offset: int, bytes_max: int) -> Result:
    """A text, or JSON as text, from a byte of its body on; it says where the next piece begins. A file has no pieces."""
    if not is_text(response):
        return Result((Text("This is a file: it can only be given whole."),), is_error=True)
    size = len(response.body)
    text, ends = piece_of(response, offset, bytes_max)
    more = f"There are more: go on with offset = {ends}." if text and ends < size else "This is the end."
    return Result((Text(text),), truncated=ends < size, notes=(f"Bytes {offset} to {ends} of {size}.", more))


def whole_text(response: HttpResponse) -> str | None:
    """All of a body that is text, JSON among it; None where it is a file."""
    return text_of(response) if is_text(response) else None


def _read_body(tool: Tool, response: HttpResponse, reading: Reading) -> _Body:
    if not response.body:
        return _Body()
    found = find_json(response)
    if found is not None:
        return _json_body(found, reading, cut=response.truncated)
    kind = media_type_of(response)
    if kind.startswith("multipart/") and (parts := read_parts(response)):
        return _parts_body(tool, response, parts, reading)
    notes = ("The answer is not JSON, so nothing was selected from it.",) if reading.selection else ()
    if is_text(response):
        if response.truncated or len(response.body) > reading.result_bytes_max:
            return _cut(response, reading.result_bytes_max, notes)
        label = "[labelled as JSON, but not valid JSON]\n" if kind and family_of(kind) == "json" else ""
        return _Body((Text(label + text_of(response)),), notes=notes)
    notes = (*notes, *_say_file(response))
    if response.truncated or len(response.body) > reading.media_bytes_max:
        return _left_out(response, kind, reading.media_bytes_max, notes)
    return _Body((_binary(tool, response, kind),), notes=notes)


def _say_file(response: HttpResponse) -> tuple[str, ...]:
    name = _filename(response)
    told = (f"The file is named {name!r}.",) if name else ()
    coding = plain(response.coding, 100)
    return (
        (*told, f"It is in the content coding {coding}, which is not known here: it is as it came.") if coding else told
    )


def _filename(response: HttpResponse) -> str:
    return filename_of(response.header("content-disposition"), response.header("content-type"))


def _parts_body(tool: Tool, response: HttpResponse, parts: tuple[HttpResponse, ...], reading: Reading) -> _Body:
    """Every part as the answer that it is, within the bounds of the whole; parts within a part stay a file."""
    content: list[Content] = []
    notes = ["The backend went on sending: the parts that had come by then are here."] if response.truncated else []
    left, media_left, is_cut = reading.result_bytes_max, reading.media_bytes_max, response.truncated
    for index, part in enumerate(parts, 1):
        bounds = structs.replace(reading, result_bytes_max=left, media_bytes_max=media_left, selection=None)
        if essence(part.header("content-type")).startswith("multipart/"):
            part = structs.replace(part, headers=(("content-type", "application/octet-stream"),))
        body = _read_body(tool, part, bounds)
        status = f", answered {_phrase(part.status)}" if part.status != response.status else ""
        notes.append(f"Part {index} of {len(parts)}: {_say_part(part)}{status}.")
        content += body.content
        notes += body.notes
        left = max(0, left - sum(len(one.text.encode()) for one in body.content if isinstance(one, Text)))
        media_left = max(0, media_left - sum(len(one.data) for one in body.content if not isinstance(one, Text)))
        is_cut = is_cut or body.truncated
    if reading.selection is not None:
        notes.append("Not every part is JSON, so nothing was selected.")
    return _Body(tuple(content), EMPTY, is_cut, tuple(notes))


def _say_part(part: HttpResponse) -> str:
    return plain(media_type_of(part), 100) or "of no type" if part.body else "empty"


def _json_body(found: FoundJson, reading: Reading, *, cut: bool = False) -> _Body:
    """JSON, or what was selected of it; shortened to a smaller JSON where it is too long."""
    exact, notes = found
    if cut:
        notes = (*notes, "The backend went on sending: what had come by then is here.")
    if reading.selection is not None:
        try:
            exact = bytes(reading.selection.apply(exact))
        except Unselectable as error:
            notes = (*notes, f"Nothing was selected: {error.detail}.")
    if len(exact) <= reading.result_bytes_max:
        return _Body((Text(exact.decode()),), Raw(exact), cut, notes)
    shortened = shorten_json(exact, reading.result_bytes_max)
    if shortened is None:
        text = cut_text(exact.decode(), reading.result_bytes_max)
        return _Body((Text(text),), EMPTY, True, (*notes, _told_cut(len(text.encode()), f"{len(exact)} bytes")))
    if not shortened.cuts:
        return _Body((Text(shortened.encoded.decode()),), Raw(shortened.encoded), cut, notes)
    told = f"Cut from {len(exact)} bytes to {len(shortened.encoded)}; of {'; '.join(shortened.cuts)}."
    return _Body((Text(shortened.encoded.decode()),), Raw(shortened.encoded), True, (*notes, told))


def _binary(tool: Tool, response: HttpResponse, kind: str) -> Content:
    body, name = response.body, _filename(response)
    if kind.startswith("image/"):
        return Media("image", kind, body, name)
    if kind.startswith("audio/"):
        return Media("audio", kind, body, name)
    digest = sha256(body).hexdigest()[:16]
    return Blob(f"factotum://result/{tool.connector}/{digest}", kind or UNTOLD, body, name)


def _cut(response: HttpResponse, bytes_max: int, notes: tuple[str, ...]) -> _Body:
    """The first part of a text, and what was left out."""
    text = cut_text(text_of(response, bytes_max), bytes_max)
    size = f"{'more than ' if response.truncated else ''}{len(response.body)} bytes"
    return _Body((Text(text),), truncated=True, notes=(*notes, _told_cut(len(text.encode()), size)))


def _told_cut(shown: int, size: str) -> str:
    return f"Cut: this is the first {shown} of {size}."


def _left_out(response: HttpResponse, kind: str, bytes_max: int, notes: tuple[str, ...]) -> _Body:
    """Binary data is left out whole: a part of it is of no use."""
    size = f"{'more than ' if response.truncated else ''}{len(response.body)} bytes"
    shown = plain(kind, 100) or UNTOLD
    told = f"[left out: {size} of {shown}, which is above the limit of {bytes_max} bytes]"
    return _Body((Text(told),), truncated=True, notes=notes)


def _phrase(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _say_empty(response: HttpResponse) -> str:
    where = plain(response.header("location"), PROBLEM_CHARACTERS_MAX)
    located = f"; location: {where}" if where else "."
    return f"The backend answered {_phrase(response.status)}, with no content{located}"


def _say_headers(tool: Tool, response: HttpResponse) -> tuple[str, ...]:
    """The headers that the document declares; of the answer to HEAD, which is nothing else, all that say something."""
    is_head = tool.operation.method == "HEAD"
    wanted = (
        tool.operation.headers if not is_head else [name for name, _ in response.headers if name not in UNTOLD_HEADERS]
    )
    shown = [
        f"{plain(name, 60)}: {plain(value, HEADER_CHARACTERS_MAX)}"
        for name in dict.fromkeys(wanted)
        if (value := response.header(name))
    ]
    return (f"Headers: {'; '.join(shown[:HEADERS_MAX])}.",) if shown else ()


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
