"""The request body: which media type, and which arguments make it up (OAS 3.1 sections 4.8.13 to 4.8.15)."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from gateway.core import swagger
from gateway.core.extension_read import read_argument
from gateway.core.inputs import Inputs, described
from gateway.core.keywords import required_names
from gateway.core.media import essence, family_of, is_media_type
from gateway.core.operation import Body, Field, Style
from gateway.core.parameters import STYLES
from gateway.core.prose import HINT_CHARACTERS_MAX, plain
from gateway.core.references import At, Malformed
from gateway.core.source import Source

FILE: dict[str, Any] = {
    "type": "object",
    "description": "A file: its bytes in base64, and what it is called.",
    "properties": {
        "data": {"type": "string", "contentEncoding": "base64"},
        "filename": {"type": "string"},
        "media_type": {"type": "string"},
    },
    "required": ["data"],
    "additionalProperties": False,
}
ALL_OF_PARTS_MAX = 200


class _Flat(Struct):
    """The properties of an object body that may be arguments of their own."""

    properties: dict[str, At]
    required: list[str]
    extra: At | None = None


def compile_body(
    source: Source, operation: At, declared: list[At], inputs: Inputs, wanted: Sequence[str] = ()
) -> Body | None:
    """The body, its arguments added to the inputs; None where the operation takes none. Of several media types it is
    the first of `wanted` that there is, or else the one that is best written. Raises Malformed."""
    at = _request_body(source, operation, declared)
    if at is None:
        return None
    required = at.value.get("required") is True
    content = source.members(at.get("content"))
    offered = {kind: one for kind, one in content.items() if isinstance(one.value, dict) and is_media_type(kind)}
    nameless = content.get("")
    if not offered and nameless is not None and isinstance(nameless.value, dict):
        source.note("media-type-repaired", at, "its media type has no name; application/json is taken.")
        offered = {"application/json": nameless}
    if not offered:
        source.note("body-dropped", at, "it names no media type, so no body is sent.")
        return None
    media_type = min(offered, key=lambda kind: _preference(kind, wanted))
    family = family_of(media_type)
    if family == "xml" and not required:
        source.note("body-dropped", at, f"the body is optional, and {media_type} cannot be written yet.")
        return None
    if family == "xml":
        detail = f"a body of {media_type[:80]} cannot be written yet."
        raise Malformed("unsupported-body", source.documents.place(at), detail)
    return _compile(source, media_type, family, offered[media_type], at, inputs, required=required)


# What is written where a document says `*/*` or `text/*`; the media type of a file comes with the file.
_WRITTEN = {"json": "application/json", "text": "text/plain"}
_ORDER = ("json", "form", "multipart", "binary", "text", "xml")


def _preference(media_type: str, wanted: Sequence[str]) -> tuple[bool, int, int, bool, bool, str]:
    ranks = [rank for rank, one in enumerate(wanted) if essence(one) == essence(media_type)]
    return (
        family_of(media_type) == "xml",  # cannot be written yet
        min(ranks, default=len(wanted)),
        _ORDER.index(family_of(media_type)),
        essence(media_type) != "application/json",
        "*" in media_type,
        media_type,
    )


def _request_body(source: Source, operation: At, declared: list[At]) -> At | None:
    if source.is_swagger:
        return swagger.request_body(operation, declared, source.inherited(operation, "consumes"))
    body = operation.get("requestBody")
    return source.settle(body) if body is not None else None


def _compile(
    source: Source, media_type: str, family: str, media: At, at: At, inputs: Inputs, *, required: bool
) -> Body:
    schema = media.get("schema")
    if "*" in media_type and schema is not None and _is_file(source, schema):
        family = "binary"
    wire_type = _WRITTEN.get(family, media_type) if "*" in media_type else media_type
    text = plain(at.value.get("description"), HINT_CHARACTERS_MAX)
    if family == "binary":
        argument = inputs.add("body", "body", described(FILE, text), required=required)
        return Body(wire_type, required, argument=argument, binary=True)
    flat = flatten(source, schema) if schema is not None and family != "text" else None
    if flat is None:
        converted = source.schemas.convert(schema, "input") if schema is not None else True
        converted = {"type": "string"} if family == "text" and converted is True else converted
        argument = inputs.add("body", "body", described(converted, text), required=required)
        return Body(wire_type, required, argument=argument)
    return _fields(source, wire_type, family, media, flat, inputs, required=required)


def _fields(
    source: Source, media_type: str, family: str, media: At, flat: _Flat, inputs: Inputs, *, required: bool
) -> Body:
    encodings = media.value.get("encoding") if isinstance(media.value.get("encoding"), dict) else {}
    fields = []
    for name, member in flat.properties.items():
        told = read_argument(source, member, required=name in flat.required)
        if told.hide:
            continue
        binary = family == "multipart" and _is_file(source, member)
        schema = _file_schema(source, member) if binary else source.schemas.convert(member, "input")
        text = plain(told.description, HINT_CHARACTERS_MAX)
        inputs.mark(name, told.sink)
        argument = inputs.add(name, "body", described(schema, text), required=required and name in flat.required)
        fields.append(_field(argument, name, encodings.get(name), binary=binary))
    extra = ""
    if flat.extra is not None:
        values = {"type": "object", "additionalProperties": source.schemas.convert(flat.extra, "input")}
        extra = inputs.add("additional_properties", "body", values, required=False)
    if not required:
        needed = [field.argument for field in fields if field.name in flat.required]
        inputs.require_together([*(field.argument for field in fields), *filter(None, [extra])], needed)
    return Body(media_type, required, fields=tuple(fields), extra=extra)


def _field(argument: str, name: str, encoding: Any, *, binary: bool) -> Field:
    told = encoding if isinstance(encoding, dict) else {}
    content_type = str(told.get("contentType", "")).partition(",")[0].strip()
    known: Style = next((style for style in STYLES["query"] if style == told.get("style")), "form")
    explode = told.get("explode")
    return Field(
        argument=argument,
        name=name,
        content_type=content_type if is_media_type(content_type) else "",
        style=known,
        explode=explode if isinstance(explode, bool) else known in ("form", "deepObject"),
        allow_reserved=told.get("allowReserved") is True,
        binary=binary,
    )


def _is_file(source: Source, at: At) -> bool:
    """A binary string, or a list of them (OAS 3.0.4 section 4.7.14.2; OAS 3.1 section 4.8.14.3)."""
    try:
        value = source.documents.resolve(at).value
    except Malformed:
        return False
    if not isinstance(value, dict):
        return False
    items = at.child("items") if isinstance(at.value, dict) and isinstance(at.value.get("items"), dict) else None
    if value.get("type") == "array" and items is not None:
        return _is_file(source, items)
    binary = value.get("format") == "binary" or "contentMediaType" in value
    return value.get("type") == "file" or (value.get("type") == "string" and binary)


def _file_schema(source: Source, at: At) -> Any:
    value = source.documents.resolve(at).value
    text = plain(value.get("description"), HINT_CHARACTERS_MAX)
    return {"type": "array", "items": FILE} if value.get("type") == "array" else described(FILE, text)


def flatten(source: Source, at: At) -> _Flat | None:
    """The properties of an object schema, those of its `allOf` among them; None where it is not plainly an object with
    named properties, and so has to be one argument. What only responses carry is left out."""
    flat = _Flat({}, [])
    waiting, parts = [at], 0
    while waiting:
        parts += 1
        part = _object(source, waiting.pop(0))
        if part is None or parts > ALL_OF_PARTS_MAX:
            return None
        _take(source, part, flat)
        waiting += [part.child("allOf").child(index) for index in range(len(_listed(part.value, "allOf")))]
    shown = {name: one for name, one in flat.properties.items() if not source.schemas.hidden(one, "input")}
    return _Flat(shown, flat.required, flat.extra) if shown else None


def _object(source: Source, at: At) -> At | None:
    """The schema, where it can be read as properties beside others; what only says which are required is left aside."""
    try:
        at = source.documents.resolve(at)
    except Malformed:
        return None
    value = at.value
    kind = value.get("type", "object") if isinstance(value, dict) else None
    if "object" not in kind if isinstance(kind, list) else kind != "object":
        return None
    if "patternProperties" in value or any(
        _has_shape(one) for key in ("anyOf", "oneOf") for one in _listed(value, key)
    ):
        return None
    return at


def _take(source: Source, part: At, flat: _Flat) -> None:
    """Add what one part says; a property that an earlier part has stays as that has it."""
    members = source.schemas.properties(part)
    flat.properties = {**members, **flat.properties}
    flat.required += required_names(part.value.get("required"))
    flat.required += [
        name for name, one in members.items() if isinstance(one.value, dict) and one.value.get("required") is True
    ]
    others = part.value.get("additionalProperties")
    if flat.extra is None and (others is True or isinstance(others, dict)):
        flat.extra = part.child("additionalProperties")


def _listed(value: dict[str, Any], key: str) -> list[Any]:
    listed = value.get(key)
    return listed if isinstance(listed, list) else []


def _has_shape(schema: Any) -> bool:
    """Whether an alternative says more than which properties are required."""
    return not isinstance(schema, dict) or bool(schema.keys() - {"required", "description", "title"})
