"""Sequences of JSON values on the wire as one JSON list: lines (NDJSON), records (RFC 7464), server-sent events."""

from collections.abc import Iterator

import msgspec
from msgspec import Raw

from gateway.core.charset import charset_of
from gateway.core.media import EVENT_STREAM, essence

RECORD_SEPARATOR = "\x1e"
# What ends some streams of events, and is no value of them.
DONE = "[DONE]"
ITEMS_MAX = 100_000
_JSON = msgspec.json.Decoder(Raw)
_DONE = msgspec.json.encode(DONE)


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
        return _joined([_event(one) for one in _events(text, cut=cut)])
    pieces = [one for one in text.replace(RECORD_SEPARATOR, "\n").split("\n") if one.strip()]
    values = [one.encode() for one in pieces[:ITEMS_MAX]]
    if cut and values and not _is_json(values[-1]):
        values.pop()
    return _joined(values) if all(map(_is_json, values)) else None


def read_events(body: bytes, content_type: str, *, cut: bool = False) -> bytes | None:
    """Server-sent events as an encoded list of objects with the fields that they have, data as text, as OAS 3.2 describes
    them (section 4.14.4.4)."""
    text = body.decode(charset_of(content_type, body), "replace")
    return _joined([msgspec.json.encode(one) for one in _events(text, cut=cut) if one["data"] != DONE])


def leading(encoded: bytes, bytes_max: int) -> bytes:
    """The first values of an encoded stream, in at most so many bytes, without the mark of its end."""
    kept, left = [], bytes_max
    for item in msgspec.json.decode(encoded, type=list[Raw]):
        left -= len(bytes(item)) + 1
        if left < 0:
            break
        if bytes(item) != _DONE:
            kept.append(bytes(item))
    return b"[" + b",".join(kept) + b"]"


def _events(text: str, *, cut: bool) -> Iterator[dict[str, str | int]]:
    """HTML section 9.2.6: fields of lines, an empty line ends an event. An event without data is none."""
    data: list[str] = []
    fields: dict[str, str | int] = {}
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for line in lines[:-1] if cut else [*lines, ""]:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            data.append(value)
        elif field in ("event", "id"):
            fields[field] = value
        elif field == "retry" and value.isascii() and value.isdigit() and len(value) < 19:
            fields[field] = int(value)
        elif not line:
            if data:
                yield {**fields, "data": "\n".join(data)}
            data, fields = [], {}


def _event(event: dict[str, str | int]) -> bytes:
    """What an event says: its data, JSON or text, beside its name where it has one."""
    name, data = event.get("event", ""), str(event["data"])
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
