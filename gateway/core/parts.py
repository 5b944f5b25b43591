"""An answer of many parts taken apart (RFC 2046 section 5.1): each part is an answer of its own. A part that is itself an
HTTP response (`application/http`, the answer to a batch of requests) is that response."""

import binascii
import quopri
import re
from base64 import b64decode

from gateway.core.http import Headers, HttpResponse
from gateway.core.media import essence

PARTS_MAX = 100
HEADER_LINES_MAX = 50
_BOUNDARY = re.compile(r';\s*boundary\s*=\s*(?:"([^"]{1,200})"|([^\s;"]{1,200}))', re.IGNORECASE)
_STATUS = re.compile(rb"HTTP/\d(?:\.\d)? +([1-5]\d\d)(?: [^\r\n]*)?\r?\n")


def read_parts(response: HttpResponse) -> tuple[HttpResponse, ...]:
    """Its parts in order, at most PARTS_MAX; () where it has none that can be told apart. The last part of a body that is
    not here whole is left out."""
    named = _BOUNDARY.search(response.header("content-type"))
    if named is None:
        return ()
    mark = b"--" + (named[1] or named[2]).encode("utf-8", "replace")
    behind = response.body.partition(mark)[2][:20].lstrip(b" \t")
    line = b"\r\n" if behind.startswith(b"\r\n") else b"\n"
    pieces = (line + response.body).split(line + mark, PARTS_MAX + 1)[1:]
    ends = next((index for index, piece in enumerate(pieces) if piece.startswith(b"--")), None)
    whole = pieces[: -1 if ends is None and response.truncated else ends]
    return tuple(_part(piece, line, response.status) for piece in whole[:PARTS_MAX])


def _part(piece: bytes, line: bytes, status: int) -> HttpResponse:
    """What stands behind a boundary: the rest of its line, headers, an empty line, the body."""
    headers, body = _split(piece.partition(line)[2], line)
    part = HttpResponse(status, headers, _decoded(body, headers))
    if essence(part.header("content-type")) != "application/http" or not (first := _STATUS.match(part.body)):
        return part
    inner, body = _split(part.body[first.end() :], b"\r\n" if b"\r\n" in first[0] else b"\n")
    return HttpResponse(int(first[1]), inner, body)


def _split(text: bytes, line: bytes) -> tuple[Headers, bytes]:
    if text.startswith(line):
        return (), text[len(line) :]
    head, _, body = text.partition(line + line)
    unfolded = re.sub(rb"\r?\n[ \t]+", b" ", head).decode("utf-8", "replace")
    pairs = (one.partition(":") for one in unfolded.splitlines()[:HEADER_LINES_MAX])
    return tuple((name.strip().lower(), value.strip()) for name, mark, value in pairs if mark), body


def _decoded(body: bytes, headers: Headers) -> bytes:
    """Without its transfer encoding (RFC 2045 section 6), where that is one of those that change bytes."""
    encoding = next((value.lower() for name, value in headers if name == "content-transfer-encoding"), "")
    try:
        match encoding:
            case "base64":
                return b64decode(body)
            case "quoted-printable":
                return quopri.decodestring(body)
    except (binascii.Error, ValueError):
        pass
    return body
