"""Fields of an answer blotted out, because a policy obliges to it. Every other byte of the JSON stays as it came; what is no
JSON cannot be told apart into fields, and is not handed over at all. Decides nothing."""

import re
from collections.abc import Collection, Iterator

import msgspec
from msgspec import structs

from gateway.core.http import HttpResponse, has_few_values
from gateway.core.media import EVENT_STREAM, SEQUENTIAL_TYPES
from gateway.core.redact import GONE
from gateway.core.response_json import find_json, media_type_of
from gateway.core.sequence import DONE

# JSON within a text within JSON; what is deeper is blotted out whole.
EMBEDDED_LEVELS_MAX = 4
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[{}\[\],:]', re.DOTALL)
_GONE = msgspec.json.encode(GONE)
_NOT_KEPT = frozenset({"content-type", "content-length", "content-encoding", "content-disposition"})
# A text may hold JSON only where it begins like this, white space and escapes aside.
_MAY_HOLD_JSON = re.compile(rb'"(?:\s|\\[nrtu])*[{\[\\]')

Path = tuple[bytes, ...]


def blot_response(response: HttpResponse, fields: Collection[str]) -> HttpResponse:
    """The answer without the values of these fields, as JSON, or as lines of it where it was a sequence; or a sentence in
    place of a body that has no fields to be told apart. Total: whatever the answer is."""
    if not fields or not response.body:
        return response
    found = find_json(response)
    if found is None:
        return _withheld(response, _why_not(response), fields)
    if not has_few_values(found.exact):
        return _withheld(response, "it has more values than may be read at once", fields)
    kind, blotted = media_type_of(response), blot_json(found.exact, fields)
    if kind in SEQUENTIAL_TYPES:
        blotted = b"\n".join(_lines(blotted, is_events=kind == EVENT_STREAM))
        kind = "application/x-ndjson"
    else:
        kind = "application/json"
    return structs.replace(response, headers=(("content-type", kind), *_kept(response)), body=blotted)


def blot_json(exact: bytes, fields: Collection[str]) -> bytes:
    """Valid JSON in UTF-8, with `"[redacted]"` in place of the value of every member that one of these fields is. Lists are
    walked through, and so is JSON within a text."""
    paths = [tuple(step.encode() for step in field.split(".")) for field in fields]
    return _blot(exact, paths, [], EMBEDDED_LEVELS_MAX)


def _blot(exact: bytes, paths: list[Path], above: list[bytes], levels: int) -> bytes:
    """`above` are the names that lead to it, where it stands in a text."""
    if b"\\" not in exact and not any(path[-1] in exact for path in paths):
        return exact
    pieces: list[bytes] = []
    copied = 0
    for start, end, instead in _places(exact, paths, above, levels):
        pieces += (exact[copied:start], instead)
        copied = end
    return b"".join((*pieces, exact[copied:]))


def _places(exact: bytes, paths: list[Path], above: list[bytes], levels: int) -> Iterator[tuple[int, int, bytes]]:
    """Where something else is to stand, and what. Not recursive: JSON is as deep as whoever sent it made it."""
    trail = list(above)  # Of every object that is open, the name of the member in which we are.
    depth, hidden_at, hidden_from = 0, -1, 0
    text: re.Match[bytes] | None = None  # The text that came last, until it is known for a name.
    for token in _TOKEN.finditer(exact):
        mark = token[0]
        match mark:
            case b":" if text is not None:
                trail[-1] = _name(text[0])
                text = None
                if hidden_at < 0 and _is_one_of(trail, paths):
                    hidden_at, hidden_from = depth, token.end()
            case b"{" | b"[":
                depth += 1
                trail += [b""] if mark == b"{" else []
            case b"," | b"}" | b"]":
                if hidden_at == depth and mark != b"]":
                    yield hidden_from, token.start(), _GONE
                    hidden_at = -1
                elif hidden_at < 0 and text is not None:
                    yield from _within(text, paths, trail, levels)
                text = None
                if mark != b",":
                    depth -= 1
                    del trail[len(trail) - (mark == b"}") :]
            case _:
                text = token
    if text is not None:
        yield from _within(text, paths, trail, levels)


def _name(quoted: bytes) -> bytes:
    """The name of a member, without its escapes."""
    return quoted[1:-1] if b"\\" not in quoted else msgspec.json.decode(quoted, type=str).encode()


def _is_one_of(trail: list[bytes], paths: list[Path]) -> bool:
    return any(trail[-1] == path[-1] and tuple(trail[-len(path) :]) == path for path in paths)


def _within(
    text: re.Match[bytes], paths: list[Path], above: list[bytes], levels: int
) -> Iterator[tuple[int, int, bytes]]:
    """A text that is itself JSON has fields too."""
    if not _MAY_HOLD_JSON.match(text[0]):
        return
    inner = msgspec.json.decode(text[0], type=str).encode()
    if inner.lstrip()[:1] not in (b"{", b"[", b'"') or not _is_json(inner):
        return
    blotted = _blot(inner, paths, above, levels - 1) if levels else None
    if blotted is None:
        yield *text.span(), _GONE
    elif blotted != inner:
        yield *text.span(), msgspec.json.encode(blotted.decode())


def _is_json(text: bytes) -> bool:
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return False
    return True


def _lines(encoded: bytes, *, is_events: bool) -> Iterator[bytes]:
    """The values of a sequence, one a line. What an event says in plain text has no fields to be told apart."""
    for value in msgspec.json.decode(encoded, type=list[msgspec.Raw]):
        exact = bytes(value)
        if is_events and exact[:1] == b'"' and exact != msgspec.json.encode(DONE):
            exact = _GONE
        elif is_events and exact[:1] == b"{":
            exact = _plain_data_gone(exact)
        # Between values white space means nothing, and within a text a line break is escaped.
        yield exact.replace(b"\n", b" ").replace(b"\r", b" ")


def _plain_data_gone(event: bytes) -> bytes:
    """An event with a name, without its data where that is plain text."""
    told = msgspec.json.decode(event, type=dict[str, msgspec.Raw])
    if told.keys() != {"event", "data"} or bytes(told["data"])[:1] != b'"':
        return event
    return msgspec.json.encode({**told, "data": GONE})


def _withheld(response: HttpResponse, why: str, fields: Collection[str]) -> HttpResponse:
    names = ", ".join(sorted(fields))
    told = f"[not handed over: a policy wants {names} redacted, and that cannot be done here: {why}]"
    headers = (("content-type", "text/plain; charset=utf-8"), *_kept(response))
    return structs.replace(response, headers=headers, body=told.encode(), truncated=False, coding="")


def _why_not(response: HttpResponse) -> str:
    if response.coding:
        return "the answer is in a content coding that is not known"
    return "not all of the answer is here" if response.truncated else "the answer is not JSON"


def _kept(response: HttpResponse) -> tuple[tuple[str, str], ...]:
    return tuple(header for header in response.headers if header[0] not in _NOT_KEPT)
