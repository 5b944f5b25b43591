"""A request body from arguments: JSON, forms, multipart, text, bytes. Pure; the media type decides."""

import binascii
from base64 import b64decode
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import quote_plus

import msgspec

from gateway.core.media import MULTIPART, URLENCODED, family_of
from gateway.core.operation import Body, Field
from gateway.core.serialize import RESERVED_KEPT, Unbuildable, deep_pairs, in_query, scalar

_ABSENT = object()


def build_body(body: Body, arguments: Mapping[str, object]) -> tuple[str, bytes] | None:
    """The Content-Type and the bytes; None where the body is optional and no argument of it was given.
    Raises Unbuildable."""
    if body.argument:
        value = arguments.get(body.argument, _ABSENT)
        if value is _ABSENT:
            return _empty(body)
        return _whole(body, value)
    given = list(_given(body, arguments))
    if not given and not body.required:
        return None
    try:
        return _of_fields(body, given)
    except UnicodeEncodeError as error:
        raise Unbuildable("body", "expected text without lone surrogates") from error


def _empty(body: Body) -> None:
    if body.required:
        raise Unbuildable(body.argument, "required")


def _given(body: Body, arguments: Mapping[str, object]) -> Iterator[tuple[Field, Any]]:
    """The fields that have a value, in the caller's order, and the members of the extra object behind them."""
    by_argument = {field.argument: field for field in body.fields}
    for argument, value in arguments.items():
        if argument in by_argument:
            yield by_argument[argument], value
    extra = arguments.get(body.extra) if body.extra else None
    if isinstance(extra, dict):
        names = {field.name for field in body.fields}
        for name, value in extra.items():
            if name in names:
                raise Unbuildable(body.extra, f"expected names that are no argument of their own; {name[:40]!r} is")
            yield Field(argument=body.extra, name=name), value


def _whole(body: Body, value: object) -> tuple[str, bytes]:
    """A body that is one argument."""
    if body.binary:
        data, _, media_type = _file(body.argument, value)
        return (media_type or "application/octet-stream" if "*" in body.media_type else body.media_type), data
    family = family_of(body.media_type)
    try:
        if family in ("form", "multipart") and isinstance(value, dict):
            return _of_fields(body, [(Field(body.argument, name), member) for name, member in value.items()])
        return body.media_type, msgspec.json.encode(value) if family == "json" else scalar(value).encode()
    except UnicodeEncodeError as error:
        raise Unbuildable(body.argument, "expected text without lone surrogates") from error


def _of_fields(body: Body, given: list[tuple[Field, Any]]) -> tuple[str, bytes]:
    match family_of(body.media_type):
        case "form":
            return URLENCODED, "&".join(filter(None, (_form_field(field, value) for field, value in given))).encode()
        case "multipart":
            return _multipart(given)
        case _:
            return body.media_type, msgspec.json.encode({field.name: value for field, value in given})


def _form_field(field: Field, value: object) -> str:
    """`name=value`, spaces as `+`. An object is JSON unless its encoding says deepObject or explode: false
    (OAS 3.1 section 4.8.15)."""
    if field.style == "deepObject" and isinstance(value, dict | list):
        return "&".join(f"{quote_plus(key)}={quote_plus(text)}" for key, text in deep_pairs(field.name, value))
    as_json = (isinstance(value, dict) and field.explode) or "json" in field.content_type
    if isinstance(value, dict | list) and not as_json:
        told = in_query(field.name, value, field.style, explode=field.explode, allow_reserved=field.allow_reserved)
        return told.replace("%20", "+") if field.style != "spaceDelimited" else told
    safe = RESERVED_KEPT if field.allow_reserved else ""
    return "" if value is None else f"{quote_plus(field.name)}={quote_plus(scalar(value), safe)}"


def _multipart(given: list[tuple[Field, Any]]) -> tuple[str, bytes]:
    """RFC 7578. The boundary is made from the parts, so the same arguments give the same bytes."""
    parts = [part for field, value in given for part in _parts(field, value)]
    boundary = "factotum-" + sha256(b"".join(parts)).hexdigest()[:32]
    mark = b"--" + boundary.encode()
    lines = b"".join(mark + b"\r\n" + part + b"\r\n" for part in parts)
    return f"{MULTIPART}; boundary={boundary}", lines + mark + b"--\r\n"


def _parts(field: Field, value: Any) -> Iterator[bytes]:
    if value is None:
        return
    if isinstance(value, list) and (field.binary or not any(isinstance(item, dict | list) for item in value)):
        for item in value:
            yield from _parts(field, item)
        return
    if field.binary:
        data, filename, media_type = _file(field.argument, value)
        yield _part(field.name, data, media_type or field.content_type or "application/octet-stream", filename or "file")
        return
    kind = field.content_type or ("application/json" if isinstance(value, dict | list) else "")
    yield _part(field.name, scalar(value).encode(), kind if "*" not in kind else "", None)


def _part(name: str, data: bytes, media_type: str, filename: str | None) -> bytes:
    head = f'Content-Disposition: form-data; name="{_quoted(name)}"'
    if filename is not None:
        head += f'; filename="{_quoted(filename)}"'
    if media_type:
        head += f"\r\nContent-Type: {media_type}"
    return head.encode() + b"\r\n\r\n" + data


def _quoted(text: str) -> str:
    """As browsers do (RFC 7578 section 4.2, HTML section 4.10.21.8): the three that would end the value are encoded."""
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _file(argument: str, value: object) -> tuple[bytes, str, str]:
    """The bytes, file name and media type of a file argument."""
    told = value if isinstance(value, dict) else {}
    data, filename, media_type = told.get("data"), told.get("filename", ""), told.get("media_type", "")
    if not isinstance(data, str) or not isinstance(filename, str) or not isinstance(media_type, str):
        raise Unbuildable(argument, "expected a file: an object with `data` in base64")
    if any(character in media_type for character in "\r\n\0"):
        raise Unbuildable(argument, "expected a media type on one line")
    try:
        return b64decode(data, validate=True), filename, media_type
    except (binascii.Error, ValueError) as error:
        raise Unbuildable(argument, "expected `data` in base64") from error
