"""A request body from arguments: JSON, forms, multipart, XML, sequences, text, bytes. Pure; the media type decides."""

from base64 import b64encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus

from gateway.core.media import URLENCODED, essence, family_of
from gateway.core.operation import Body, Field, Style
from gateway.core.payload_multipart import write_multipart
from gateway.core.payload_parts import file_of, text_bytes
from gateway.core.serialize import UNWRITABLE, Unbuildable, Unwritable, as_json, in_query, scalar, unbuildable
from gateway.core.xml_write import write_xml

_ABSENT = object()


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


def form_field(
    name: str,
    value: object,
    style: Style = "form",
    *,
    explode: bool = True,
    allow_reserved: bool = False,
    content_type: str = "",
    styled: bool = False,
) -> str:
    """`name=value&...` of a urlencoded form, spaces as `+`; "" where there is nothing to send. An object is JSON unless
    its encoding states a style (OAS 3.1 sections 4.8.14.4 and 4.8.15)."""
    if ("json" in content_type and not styled) or (
        isinstance(value, dict) and not styled and style == "form" and explode
    ):
        return f"{quote_plus(name)}={quote_plus(as_json(value))}"
    return in_query(name, value, style, explode=explode, allow_reserved=allow_reserved).replace("%20", "+")


def _whole(body: Body, value: object) -> tuple[str, bytes]:
    """A body that is one argument."""
    if body.binary:
        data, _, media_type = file_of(value)
        data = b64encode(data) if body.encoded else data
        return (media_type or "application/octet-stream" if "*" in body.media_type else body.media_type), data
    family = family_of(body.media_type)
    if body.xml is not None:
        return body.media_type, write_xml(body.xml, value)
    if body.sequential:
        return body.media_type, _sequence(body.media_type, value)
    if family == "json":
        return body.media_type, as_json(value)
    if family == "multipart" and not isinstance(value, dict):
        raise Unwritable("expected an object: a form has names")
    if family in ("form", "multipart") and isinstance(value, dict):
        return _of_fields(body, [(Field(body.argument, name), member) for name, member in value.items()], {})
    return body.media_type, text_bytes(scalar(value), body.media_type)


def _assembled(body: Body, arguments: Mapping[str, object]) -> tuple[str, bytes] | None:
    """A body whose properties are arguments of their own."""
    given = _given(body, arguments)
    if not given and not body.required:
        return None
    try:
        return _of_fields(body, given, arguments)
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
        _of_fields(body, [(field, value)], {})
    except UNWRITABLE:
        return False
    return True


def _of_fields(body: Body, given: list[tuple[Field, Any]], arguments: Mapping[str, object]) -> tuple[str, bytes]:
    if body.xml is not None:
        return body.media_type, write_xml(body.xml, {field.name: value for field, value in given})
    match family_of(body.media_type):
        case "form":
            return URLENCODED, "&".join(filter(None, (_form_field(field, value) for field, value in given))).encode()
        case "multipart":
            return write_multipart(given, arguments)
        case _:
            return body.media_type, as_json({field.name: value for field, value in given})


def _form_field(field: Field, value: object) -> str:
    if value is None:
        return ""
    if field.xml is not None:
        return f"{quote_plus(field.name)}={quote_plus(write_xml(field.xml, value))}"
    return form_field(
        field.name,
        value,
        field.style,
        explode=field.explode,
        allow_reserved=field.allow_reserved,
        content_type=field.content_type,
        styled=field.styled,
    )


def _sequence(media_type: str, value: object) -> bytes:
    """One JSON value a line; those of a JSON text sequence begin with a record separator (RFC 7464 section 2.2)."""
    mark = b"\x1e" if essence(media_type) == "application/json-seq" else b""
    return b"".join(mark + as_json(item) + b"\n" for item in (value if isinstance(value, list) else [value]))
