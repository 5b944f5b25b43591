"""Sequences of JSON values on the wire as one JSON list: lines (NDJSON), records (RFC 7464), server-sent events."""

from collections.abc import Iterator

import msgspec
from msgspec import Raw

from gateway.core.charset import charset_of
from gateway.core.media import EVENT_STREAM, essence

RECORD_SEPARATOR = "\x1e"
ITEMS_MAX = 100_000
_JSON = msgspec.json.Decoder(Raw)


def read_sequence(body: bytes, content_type: str, *, cut: bool = False) -> bytes | None:
    """The values as an encoded list, each as it was written; events as `{"event", "data"}` where they have names. None
    where it is no such sequence. `cut`: the last value may be half, and is left out."""
    try:
        text = body.decode(charset_of(content_type, body))
    except UnicodeDecodeError:
        if not cut:
            return None
        text = body.decode(errors="ignore")
    if essence(content_type) == EVENT_STREAM:
        return _joined(list(_events(text, cut=cut)))
    pieces = [one for one in text.replace(RECORD_SEPARATOR, "\n").split("\n") if one.strip()]
    values = [one.encode() for one in pieces[:ITEMS_MAX]]
    if cut and values and not _is_json(values[-1]):
        values.pop()
    return _joined(values) if all(map(_is_json, values)) else None


def _events(text: str, *, cut: bool) -> Iterator[bytes]:
    """HTML section 9.2.6: fields of lines, an empty line ends an event; data that is no JSON is a text."""
    data: list[str] = []
    name = ""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for line in lines[:-1] if cut else [*lines, ""]:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            data.append(value)
        elif field == "event":
            name = value
        elif not line:
            if data:
                yield _event(name, "\n".join(data))
            data, name = [], ""


def _event(name: str, data: str) -> bytes:
    encoded = data.encode()
    value = encoded if _is_json(encoded) else msgspec.json.encode(data)
    return b'{"event":%s,"data":%s}' % (msgspec.json.encode(name), value) if name else value


def _joined(values: list[bytes]) -> bytes | None:
    return b"[" + b",".join(values[:ITEMS_MAX]) + b"]" if values else None


def _is_json(encoded: bytes) -> bool:
    try:
        _JSON.decode(encoded)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True
