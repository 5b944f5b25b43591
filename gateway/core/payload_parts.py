"""What the kinds of request body are made of: text in a charset, the bytes of a file argument. Knows no media type but by
its name."""

import binascii
from base64 import b64decode

from gateway.core.charset import UTF_8, charset_of
from gateway.core.media import is_media_type
from gateway.core.operation import Operation
from gateway.core.serialize import Unwritable


def text_bytes(text: str, media_type: str) -> bytes:
    """In the charset that the media type names, or in UTF-8."""
    charset = charset_of(media_type)
    try:
        return text.encode(charset)
    except UnicodeEncodeError as error:
        if charset == UTF_8:
            raise
        raise Unwritable(f"expected text that {charset} can write") from error


def file_arguments(operation: Operation) -> tuple[str, ...]:
    """The arguments that are files, or lists of them."""
    body = operation.body
    if body is None:
        return ()
    return (body.argument,) if body.binary else tuple(field.argument for field in body.fields if field.binary)


def file_of(value: object) -> tuple[bytes, str, str]:
    """The bytes, file name and media type of a file argument; its `data` is base64, or bytes where they came from a kept
    result. Raises Unwritable."""
    told = value if isinstance(value, dict) else {}
    data, filename, media_type = told.get("data"), told.get("filename", ""), told.get("media_type", "")
    if data is None and "resource" in told:
        raise Unwritable("expected the handle of a result that is at hand")
    if not isinstance(data, str | bytes) or not isinstance(filename, str) or not isinstance(media_type, str):
        raise Unwritable("expected a file: an object with `data` in base64")
    if media_type and not is_media_type(media_type):
        raise Unwritable("expected a media type such as `image/png`")
    try:
        return (data if isinstance(data, bytes) else b64decode(data, validate=True)), filename, media_type
    except (binascii.Error, ValueError) as error:
        raise Unwritable("expected `data` in base64, padded, without line breaks") from error
