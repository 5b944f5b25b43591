"""A multipart/form-data body from fields (RFC 7578; OAS 3.1 sections 4.8.14.5 and 4.8.15). Pure."""

import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import unquote

from gateway.core.media import MULTIPART
from gateway.core.operation import Field
from gateway.core.payload_parts import file_of, text_bytes
from gateway.core.serialize import as_json, header_value, in_query, scalar
from gateway.core.xml_write import write_xml

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def write_multipart(given: list[tuple[Field, Any]], arguments: Mapping[str, object]) -> tuple[str, bytes]:
    """The Content-Type and the bytes. The boundary is made from the parts, so the same arguments give the same bytes.
    `arguments` have the values of part headers. Raises Unwritable."""
    parts = [part for field, value in given for part in _parts(field, value, arguments)]
    boundary = "factotum-" + sha256(b"".join(parts)).hexdigest()[:32]
    mark = b"--" + boundary.encode()
    lines = b"".join(mark + b"\r\n" + part + b"\r\n" for part in parts)
    return f"{MULTIPART}; boundary={boundary}", lines + mark + b"--\r\n"


def _parts(field: Field, value: Any, arguments: Mapping[str, object]) -> Iterator[bytes]:
    """A list is one part for each item (OAS 3.1 section 4.8.14.5); null is no part. What has a style is written as in a
    query, a part for each pair, without its percent-encoding."""
    headers = "".join(_headers(field, arguments))
    if field.styled and not field.binary and isinstance(value, list | dict):
        written = in_query(field.name, value, field.style, explode=field.explode)
        for pair in filter(None, written.split("&")):
            name, _, text = pair.partition("=")
            yield _part(unquote(name), unquote(text).encode(), "", headers)
        return
    for item in value if isinstance(value, list) else (value,):
        if item is None:
            continue
        if field.binary:
            data, filename, media_type = file_of(item)
            data = b64encode(data) if field.encoded else data
            kind = media_type or _told_type(field) or "application/octet-stream"
            yield _part(field.name, data, kind, headers, filename or "file")
            continue
        kind = _told_type(field) or ("application/json" if isinstance(item, dict | list) else "")
        if field.xml is not None:
            yield _part(field.name, write_xml(field.xml, item), kind, headers)
            continue
        yield _part(field.name, as_json(item) if "json" in kind else text_bytes(scalar(item), kind), kind, headers)


def _headers(field: Field, arguments: Mapping[str, object]) -> Iterator[str]:
    for header in field.headers:
        value = arguments.get(header.argument) if header.argument else header.value
        if value is not None:
            yield f"\r\n{header.name}: {header_value(scalar(value))}"


def _told_type(field: Field) -> str:
    """The media type of a part as the document tells it, where it tells one and not a range of them."""
    return "" if "*" in field.content_type else field.content_type


def _part(name: str, data: bytes, media_type: str, headers: str, filename: str | None = None) -> bytes:
    head = f'Content-Disposition: form-data; name="{_quoted(name)}"'
    if filename is not None:
        head += f'; filename="{_quoted(filename)}"'
    if media_type:
        head += f"\r\nContent-Type: {media_type}"
    return head.encode() + headers.encode("latin-1") + b"\r\n\r\n" + data


def _quoted(text: str) -> str:
    """As browsers do (RFC 7578 section 4.2, HTML section 4.10.21.8), for every character that could end the value."""
    return _CONTROL.sub(lambda match: f"%{ord(match[0]):02X}", text.replace('"', "%22"))
