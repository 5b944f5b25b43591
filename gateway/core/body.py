"""The request body: which media type, and which arguments make it up (OAS 3.1 sections 4.8.13 to 4.8.15).

Of several media types the first that the manifest or the operation prefers is taken; else JSON, urlencoded form,
multipart form, XML, bytes, text, in that order; `application/json` before its relatives, and a name before a range.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, structs

from gateway.core import swagger
from gateway.core.contents import contents_of
from gateway.core.examples import examples_of, told_examples, with_examples
from gateway.core.extension_read import read_argument
from gateway.core.inputs import Inputs, described
from gateway.core.keywords import is_flag, required_names, says_required
from gateway.core.media import EVENT_STREAM, SEQUENTIAL_TYPES, essence, family_of, is_media_type
from gateway.core.operation import Body, Field, PartHeader, Style
from gateway.core.parameters import HEADER_NAME, OF_SWAGGER, STYLES
from gateway.core.pointer import escape
from gateway.core.prose import HINT_CHARACTERS_MAX, plain
from gateway.core.references import At, Malformed
from gateway.core.serialize import scalar
from gateway.core.source import Source
from gateway.core.work import COPIED_A_STEP
from gateway.core.xml_body import plan_xml

FILE: dict[str, Any] = {
    "type": "object",
    "description": "A file: its bytes in base64, or the handle of a result that is one, and what it is called.",
    "properties": {
        "data": {"type": "string", "contentEncoding": "base64"},
        "resource": {"type": "string", "description": "factotum://results/... of an earlier result."},
        "filename": {"type": "string"},
        "media_type": {"type": "string"},
    },
    "anyOf": [{"required": ["data"]}, {"required": ["resource"]}],
    "additionalProperties": False,
}
ALL_OF_PARTS_MAX = 200
_STRUCTURE = frozenset({"properties", "items", "allOf", "oneOf", "anyOf", "additionalProperties", "xml"})


class _Flat(Struct):
    """The properties of an object body that may be arguments of their own, and the names of those that only responses
    carry."""

    properties: dict[str, At]
    required: list[str]
    extra: At | None = None
    hidden: tuple[str, ...] = ()


def compile_body(source: Source, operation: At, declared: list[At], inputs: Inputs, told: str = "") -> Body | None:
    """The body, its arguments added to the inputs; None where the operation takes none. `told` is the media type that
    it shall have, where it may. Raises Malformed."""
    at = _request_body(source, operation, declared)
    if at is None:
        return None
    required = at.value.get("required") is True
    offered = contents_of(source, at)
    if not offered:
        source.note("body-dropped", at, "it names no media type, so no body is sent.")
        return None
    media_type = _preferred(source, offered, told)
    if not required and _has_nothing(source, offered[media_type].get("schema")):
        return None
    family = family_of(media_type)
    try:
        return _compile(source, media_type, family, offered[media_type], at, inputs, required=required)
    except Malformed as error:
        if required or error.reason != "unsupported-body":
            raise
        source.note("body-dropped", at, f"the body is optional, and cannot be written: {error.detail}")
        return None


# What is written where a document says `*/*` or `text/*`; the media type of a file comes with the file.
_WRITTEN = {"json": "application/json", "text": "text/plain"}
_ORDER = ("json", "form", "multipart", "xml", "binary", "text")


def _preferred(source: Source, offered: Mapping[str, At], told: str) -> str:
    wanted = [essence(one) for one in (told, *source.manifest.media_types)]
    listed = [one for one in offered if essence(one) in wanted]
    if listed:
        return min(listed, key=lambda one: wanted.index(essence(one)))
    schemas = {kind: media.get("schema") for kind, media in offered.items()}
    files = {kind for kind, schema in schemas.items() if schema is not None and _is_file(source, schema, lists=0)}
    return min(offered, key=lambda one: _preference(one, is_file=one in files))


def _preference(media_type: str, *, is_file: bool) -> tuple[int, bool, bool, str]:
    """The less the sooner. A file goes as whatever it is, where the document takes anything."""
    if is_file and family_of(media_type) != "multipart":
        return (_ORDER.index("binary"), False, "*" not in media_type, media_type)
    return (
        _ORDER.index(family_of(media_type)),
        essence(media_type) != "application/json",
        "*" in media_type,
        media_type,
    )


def _request_body(source: Source, operation: At, declared: list[At]) -> At | None:
    bodies = [one for one in declared if one.value["in"] == "body"]
    left_out = [*bodies[1:], *(one for one in declared if bodies and one.value["in"] == "formData")]
    for one in left_out:
        source.note("parameter-dropped", one, "there is another body, and only one is sent.")
    if source.is_swagger:
        return swagger.request_body(operation, declared, source.inherited(operation, "consumes"))
    body = operation.get("requestBody")
    if body is None and any(one.value["in"] in OF_SWAGGER for one in declared):
        return swagger.request_body(operation, declared, source.inherited(operation, "consumes"))
    return source.with_flags(source.settle(body), ("required",)) if body is not None else None


def _compile(
    source: Source, media_type: str, family: str, media: At, at: At, inputs: Inputs, *, required: bool
) -> Body:
    schema = media.get("schema")
    is_file = schema is not None and _is_file(source, schema, lists=int(family == "multipart"))
    if is_file and family not in ("form", "multipart"):
        family = "binary"
    wire_type = _WRITTEN.get(family, media_type) if "*" in media_type else media_type
    text = plain(at.value.get("description"), HINT_CHARACTERS_MAX)
    if family == "binary":
        argument = inputs.add("body", "body", described(FILE, text), required=required)
        encoded = schema is not None and is_file and _is_base64(source, schema)
        return Body(wire_type, required, argument=argument, binary=True, encoded=encoded)
    if essence(media_type) in SEQUENTIAL_TYPES - {EVENT_STREAM}:
        argument = inputs.add("body", "body", described(_sequence_schema(source, media), text), required=required)
        return Body(wire_type, required, argument=argument, sequential=True)
    if family == "multipart" and schema is not None and (is_file or _is_single(source, schema)):
        return _one_part(source, wire_type, schema, text, inputs, required=required, is_file=is_file)
    is_choice = family == "json" and schema is not None and source.schemas.is_choice(schema)
    flat = flatten(source, schema) if schema is not None and family != "text" and not is_choice else None
    plan = plan_xml(source, schema) if family == "xml" and schema is not None and not _is_text(source, schema) else None
    body = _compile_plain(source, wire_type, family, media, flat, text, inputs, required=required)
    return structs.replace(body, xml=plan)


def _compile_plain(
    source: Source,
    wire_type: str,
    family: str,
    media: At,
    flat: _Flat | None,
    text: str,
    inputs: Inputs,
    *,
    required: bool,
) -> Body:
    """One argument for the whole body, or one for each of its properties."""
    schema = media.get("schema")
    if flat is None:
        converted = source.schemas.convert(schema, "input") if schema is not None else True
        converted = {"type": "string"} if family in ("text", "xml") and converted is True else converted
        if family != "xml":
            examples = told_examples(media, source.followed)
            converted = with_examples(converted, examples, source.schemas.definition_of("input"))
        argument = inputs.add("body", "body", described(converted, text), required=required)
        return Body(wire_type, required, argument=argument)
    return _fields(source, wire_type, family, media, flat, inputs, required=required)


def _one_part(
    source: Source, media_type: str, schema: At, text: str, inputs: Inputs, *, required: bool, is_file: bool
) -> Body:
    """A form needs names, and this one has none: its one part is called by what it is."""
    name = "file" if is_file else "body"
    source.note("part-named", schema, f"what the parts of the form are called is not told; `{name}` is taken.")
    shown = _file_schema(source, schema) if is_file else source.schemas.convert(schema, "input")
    argument = inputs.add(name, "body", described(shown, text), required=required)
    return Body(media_type, required, fields=(Field(argument, name, binary=is_file),))


def _fields(
    source: Source, media_type: str, family: str, media: At, flat: _Flat, inputs: Inputs, *, required: bool
) -> Body:
    encodings = _encodings(source, media)
    all_required = frozenset(flat.required)
    examples = told_examples(media, source.followed)
    look_up = source.schemas.definition_of("input")
    fields = []
    for name, member in flat.properties.items():
        told = read_argument(source, member, required=name in all_required)
        if told.hide:
            continue
        binary = family == "multipart" and _is_file(source, member)
        schema = _file_schema(source, member) if binary else source.schemas.convert(member, "input")
        if examples and not binary:
            schema = with_examples(schema, examples_of(name, examples), look_up)
        text = plain(told.description, HINT_CHARACTERS_MAX)
        inputs.mark(name, told.sink)
        is_required = name in all_required
        argument = inputs.add(name, "body", described(schema, text), required=is_required, if_any=not required)
        encoding = encodings.get(name)
        field = _field(argument, name, encoding.value if encoding is not None else None, binary=binary)
        headers: tuple[PartHeader, ...] = ()
        if family == "multipart":
            headers = _part_headers(source, field, encoding, inputs, required=required and is_required)
        is_xml = family_of(field.content_type) == "xml" and not binary and not _is_text(source, member)
        plan = plan_xml(source, member) if is_xml else None
        encoded = binary and _is_base64(source, member)
        fields.append(structs.replace(field, headers=headers, xml=plan, encoded=encoded))
    extra = ""
    if flat.extra is not None:
        values = {"type": "object", "additionalProperties": source.schemas.convert(flat.extra, "input")}
        if flat.hidden:
            values["properties"] = dict.fromkeys(flat.hidden, False)
        extra = inputs.add("additional_properties", "body", values, required=False)
    if not required:
        sent = {one.argument for one in inputs.defaults}
        needed = [field.argument for field in fields if field.name in all_required and field.argument not in sent]
        inputs.require_together([*(field.argument for field in fields), *filter(None, [extra])], needed)
    return Body(media_type, required, fields=tuple(fields), extra=extra)


def _encodings(source: Source, media: At) -> dict[str, At]:
    """How each part is written, by its name; what cannot be read is left aside."""
    return {
        name: source.with_flags(one, ("explode", "allowReserved"))
        for name, one in _objects(source, media, "encoding").items()
    }


def _objects(source: Source, at: At | None, key: str) -> dict[str, At]:
    """The objects of a map of an encoding, by reference too; those that are none are left out, which is noted."""
    told = at.get(key) if at is not None else None
    group = source.followed(told)
    if told is None or group is None:
        return {}
    if not isinstance(group.value, dict):
        source.note("encoding-dropped", told, f"`{key}` is no map of objects by name.")
        return {}
    found = {}
    for name in group.value:
        one = source.followed(group.child(name))
        if one is not None and isinstance(one.value, dict):
            found[name] = one
        else:
            source.note("encoding-dropped", group.child(name), "an object belongs here.")
    return found


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
        styled=bool(told.keys() & {"style", "explode", "allowReserved"}),
    )


def _part_headers(
    source: Source, field: Field, encoding: At | None, inputs: Inputs, *, required: bool
) -> tuple[PartHeader, ...]:
    """The headers of one part (OAS 3.1 section 4.8.15): one that can have a single value is sent with it, any other is
    an argument, which a part that is optional asks for where it is given. Content-Type is not among them."""
    found = []
    for header, told in _objects(source, encoding, "headers").items():
        if header.lower() in ("content-type", "content-disposition") or not HEADER_NAME.fullmatch(header):
            continue
        told = source.with_flags(told, ("required",))
        schema = told.get("schema")
        converted = source.schemas.convert(schema, "input") if schema else {"type": "string"}
        fixed = _single_value(converted)
        if fixed is not None:
            found.append(PartHeader(header, value=fixed))
        else:
            hinted = described(converted, plain(told.value.get("description"), HINT_CHARACTERS_MAX))
            is_required = told.value.get("required") is True
            argument = inputs.add(f"{field.name}_{header}", "header", hinted, required=is_required and required)
            if is_required and not required:
                inputs.require_together([field.argument], [argument])
            found.append(PartHeader(header, argument=argument))
    return tuple(found)


def _single_value(schema: Any) -> str | None:
    """The text of the one value that a schema allows; None where it allows others."""
    told = schema if isinstance(schema, dict) else {}
    values = [told["const"]] if "const" in told else told.get("enum", [])
    return scalar(values[0]) if len(values) == 1 and isinstance(values[0], str | int | float) else None


def _sequence_schema(source: Source, media: At) -> Any:
    """A list of values: the schema where it is one, else a list of what it, or OAS 3.2's `itemSchema`, describes."""
    schema, item = media.get("schema"), media.get("itemSchema")
    converted = source.schemas.convert(schema, "input") if schema is not None else True
    settled = source.documents.resolve(schema).value if schema is not None else None
    if isinstance(settled, dict) and settled.get("type") == "array":
        return converted
    return {"type": "array", "items": source.schemas.convert(item, "input") if item is not None else converted}


def _has_nothing(source: Source, at: At | None) -> bool:
    """An object that names its properties, and names none: some generators write it where there is no body."""
    try:
        value = source.documents.resolve(at).value if at is not None else None
    except Malformed:
        return False
    if not isinstance(value, dict) or value.get("properties") != {}:
        return False
    return not value.get("additionalProperties") and value.keys() <= {"type", "properties", "additionalProperties"}


def _is_text(source: Source, at: At) -> bool:
    """Whether a body of this schema is written as it comes: a text, or what has no schema to speak of."""
    value = source.documents.resolve(at).value
    kind = value.get("type", "" if value.keys() & _STRUCTURE else "string") if isinstance(value, dict) else "string"
    return bool(kind == "string")


def _is_single(source: Source, at: At) -> bool:
    """Whether this is plainly one value, or a list, and no object of parts."""
    value = source.documents.resolve(at).value
    return isinstance(value, dict) and value.get("type") in ("string", "integer", "number", "boolean", "array")


def _is_file(source: Source, at: At, lists: int = 1) -> bool:
    """A binary string, or a list of them (OAS 3.0.4 section 4.7.14.2; OAS 3.1 section 4.8.14.3)."""
    try:
        settled = source.documents.resolve(at)
    except Malformed:
        return False
    value = settled.value
    if not isinstance(value, dict):
        return False
    if value.get("type") == "array":
        return (
            lists > 0 and isinstance(value.get("items"), dict) and _is_file(source, settled.child("items"), lists - 1)
        )
    media_type = value.get("contentMediaType")
    has_bytes = isinstance(media_type, str) and family_of(media_type) == "binary"
    return value.get("type") == "file" or (
        value.get("type", "string") == "string" and (has_bytes or value.get("format") == "binary")
    )


def _is_base64(source: Source, at: At) -> bool:
    """Whether a file, or each of a list of them, goes as text in base64: as of OpenAPI 3.1, where its schema says so."""
    settled = source.documents.resolve(at)
    if settled.value.get("type") == "array":
        settled = source.documents.resolve(settled.child("items"))
    return bool(settled.value.get("contentEncoding") == "base64")


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
        for part in _parts(source, waiting.pop(0)):
            parts += 1
            if not _is_object(part.value) or parts > ALL_OF_PARTS_MAX:
                return None
            _take(source, part, flat)
            waiting += [part.child("allOf").child(index) for index in range(len(_listed(part.value, "allOf")))]
    shown = {name: one for name, one in flat.properties.items() if not source.schemas.hidden(one, "input")}
    for name in dict.fromkeys(flat.required) if shown else ():
        if name not in flat.properties:
            source.note(
                "property-added", at, f"it requires `{name[:60]}`, of which it says nothing; any value is taken."
            )
            shown[name] = At({}, at.uri, f"{at.pointer}/required/{escape(name)}")
    hidden = tuple(name for name in flat.properties if name not in shown)
    return _Flat(shown, flat.required, flat.extra, hidden) if shown else None


def _parts(source: Source, at: At) -> list[At]:
    try:
        return source.schemas.parts(source.documents.enter(at))
    except Malformed:
        return [at._replace(value=None)]


def _is_object(value: Any) -> bool:
    """Whether a schema can be read as properties beside others; what only says which are required is left aside."""
    kind = value.get("type", "object") if isinstance(value, dict) else None
    if "object" not in kind if isinstance(kind, list) else kind != "object":
        return False
    return "patternProperties" not in value and not any(
        _has_shape(one) for key in ("anyOf", "oneOf") for one in _listed(value, key)
    )


def _take(source: Source, part: At, flat: _Flat) -> None:
    """Add what one part says; a property that an earlier part has stays as that has it."""
    members = source.schemas.properties(part)
    source.work.spend(len(members) + len(flat.properties) // COPIED_A_STEP + len(_listed(part.value, "required")))
    flat.properties = {**members, **flat.properties}
    flat.required += required_names(part.value.get("required"))
    flat.required += [name for name, one in members.items() if says_required(one.value)]
    others = part.value.get("additionalProperties")
    if flat.extra is None and (is_flag(others) or isinstance(others, dict)):
        flat.extra = part.child("additionalProperties")


def _listed(value: dict[str, Any], key: str) -> list[Any]:
    listed = value.get(key)
    return listed if isinstance(listed, list) else []


def _has_shape(schema: Any) -> bool:
    """Whether an alternative says more than which properties are required."""
    return not isinstance(schema, dict) or bool(schema.keys() - {"required", "description", "title"})
