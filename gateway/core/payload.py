"""A request body from arguments: JSON, forms, multipart, text, bytes. Pure; the media type decides."""

import binascii
import re
from base64 import b64decode
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import quote_plus

from gateway.core.charset import UTF_8, charset_of
from gateway.core.media import MULTIPART, URLENCODED, family_of, is_media_type
from gateway.core.operation import Body, Field, Style
from gateway.core.serialize import UNWRITABLE, Unbuildable, Unwritable, as_json, in_query, scalar, unbuildable

_ABSENT = object()
_UNFIT_HEADER = re.compile(r"[^\t\x20-\x7e\xa0-\xff]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def build_body(body: Body, arguments: Mapping[str, object]) -> tuple[str, bytes] | None:
    """The Content-Type and the bytes; None where the body is optional and no argument of it was given.
    Raises Unbuildable."""
    if not body.argument:
        return _assembled(body, arguments)
    value = arguments.get(body.argument, _ABSENT)
    if value is not _ABSENT:
        try:
            return _whole(body, value)
        except UNWRITABLE as error:
            raise unbuildable(body.argument, error) from error
    if body.required:
        raise Unbuildable(body.argument, "required")
    return None


def header_value(text: str) -> str:
    """The text as the value of a header (RFC 9110 section 5.5). Raises Unwritable where it is no line of Latin-1."""
    if _UNFIT_HEADER.search(text):
        raise Unwritable("expected one line of Latin-1 text, as it is sent in a header")
    return text.strip(" \t")


def form_field(
    name: str,
    value: object,
    style: Style = "form",
    *,
    explode: bool = True,
    allow_reserved: bool = False,
    content_type: str = "",
) -> str:
    """`name=value&...` of a urlencoded form, spaces as `+`; "" where there is nothing to send. An object is JSON unless
    its encoding says deepObject or explode: false (OAS 3.1 sections 4.8.14.4 and 4.8.15)."""
    if "json" in content_type or (isinstance(value, dict) and style == "form" and explode):
        return f"{quote_plus(name)}={quote_plus(as_json(value))}"
    return in_query(name, value, style, explode=explode, allow_reserved=allow_reserved).replace("%20", "+")


def _whole(body: Body, value: object) -> tuple[str, bytes]:
    """A body that is one argument."""
    if body.binary:
        data, _, media_type = _file(value)
        return (media_type or "application/octet-stream" if "*" in body.media_type else body.media_type), data
    family = family_of(body.media_type)
    if family == "json":
        return body.media_type, as_json(value)
    if family in ("form", "multipart") and isinstance(value, dict):
        return _of_fields(body, [(Field(body.argument, name), member) for name, member in value.items()])
    return body.media_type, _text(scalar(value), body.media_type)


def _assembled(body: Body, arguments: Mapping[str, object]) -> tuple[str, bytes] | None:
    """A body whose properties are arguments of their own."""
    given = _given(body, arguments)
    if not given and not body.required:
        return None
    try:
        return _of_fields(body, given)
    except UNWRITABLE as error:
        raise unbuildable(_at_fault(body, given), error) from error


def _given(body: Body, arguments: Mapping[str, object]) -> list[tuple[Field, Any]]:
    """The fields that have a value, in the caller's order, and the members of the extra object behind them."""
    by_argument = {field.argument: field for field in body.fields}
    given = [(by_argument[argument], value) for argument, value in arguments.items() if argument in by_argument]
    extra = arguments.get(body.extra) if body.extra else None
    if not isinstance(extra, dict):
        return given
    taken = {field.name for field in body.fields} & extra.keys()
    if taken:
        raise Unbuildable(body.extra, f"expected no member that is an argument of its own; {min(taken)[:40]!r} is")
    return given + [(Field(argument=body.extra, name=name), value) for name, value in extra.items()]


def _at_fault(body: Body, given: list[tuple[Field, Any]]) -> str:
    """The argument whose value alone cannot be written either."""
    alone = (field.argument for field, value in given if not _is_writable(body, field, value))
    return next(alone, given[0][0].argument)


def _is_writable(body: Body, field: Field, value: object) -> bool:
    try:
        _of_fields(body, [(field, value)])
    except UNWRITABLE:
        return False
    return True


def _of_fields(body: Body, given: list[tuple[Field, Any]]) -> tuple[str, bytes]:
    match family_of(body.media_type):
        case "form":
            return URLENCODED, "&".join(filter(None, (_form_field(field, value) for field, value in given))).encode()
        case "multipart":
            return _multipart(given)
        case _:
            return body.media_type, as_json({field.name: value for field, value in given})


def _form_field(field: Field, value: object) -> str:
    if value is None:
        return ""
    return form_field(
        field.name,
        value,
        field.style,
        explode=field.explode,
        allow_reserved=field.allow_reserved,
        content_type=field.content_type,
    )


def _multipart(given: list[tuple[Field, Any]]) -> tuple[str, bytes]:
    """RFC 7578. The boundary is made from the parts, so the same arguments give the same bytes."""
    parts = [part for field, value in given for part in _parts(field, value)]
    boundary = "factotum-" + sha256(b"".join(parts)).hexdigest()[:32]
    mark = b"--" + boundary.encode()
    lines = b"".join(mark + b"\r\n" + part + b"\r\n" for part in parts)
    return f"{MULTIPART}; boundary={boundary}", lines + mark + b"--\r\n"


def _parts(field: Field, value: Any) -> Iterator[bytes]:
    """A list is one part for each item (OAS 3.1 section 4.8.14.5); null is no part."""
    for item in value if isinstance(value, list) else (value,):
        if item is None:
            continue
        if field.binary:
            data, filename, media_type = _file(item)
            kind = media_type or _told_type(field) or "application/octet-stream"
            yield _part(field.name, data, kind, filename or "file")
            continue
        kind = _told_type(field) or ("application/json" if isinstance(item, dict | list) else "")
        yield _part(field.name, as_json(item) if "json" in kind else _text(scalar(item), kind), kind, None)


def _told_type(field: Field) -> str:
    """The media type of a part as the document tells it, where it tells one and not a range of them."""
    return "" if "*" in field.content_type else field.content_type


def _part(name: str, data: bytes, media_type: str, filename: str | None) -> bytes:
    head = f'Content-Disposition: form-data; name="{_quoted(name)}"'
    if filename is not None:
        head += f'; filename="{_quoted(filename)}"'
    if media_type:
        head += f"\r\nContent-Type: {media_type}"
    return head.encode() + b"\r\n\r\n" + data


def _quoted(text: str) -> str:
    """As browsers do (RFC 7578 section 4.2, HTML section 4.10.21.8), for every character that could end the value."""
    return _CONTROL.sub(lambda match: f"%{ord(match[0]):02X}", text.replace('"', "%22"))


def _text(text: str, media_type: str) -> bytes:
    """In the charset that the media type names, or in UTF-8."""
    charset = charset_of(media_type)
    try:
        return text.encode(charset)
    except UnicodeEncodeError as error:
        if charset == UTF_8:
            raise
        raise Unwritable(f"expected text that {charset} can write") from error


def _file(value: object) -> tuple[bytes, str, str]:
    """The bytes, file name and media type of a file argument."""
    told = value if isinstance(value, dict) else {}
    data, filename, media_type = told.get("data"), told.get("filename", ""), told.get("media_type", "")
    if not isinstance(data, str) or not isinstance(filename, str) or not isinstance(media_type, str):
        raise Unwritable("expected a file: an object with `data` in base64")
    if media_type and not is_media_type(media_type):
        raise Unwritable("expected a media type such as `image/png`")
    try:
        return b64decode(data, validate=True), filename, media_type
    except (binascii.Error, ValueError) as error:
        raise Unwritable("expected `data` in base64, padded, without line breaks") from error
