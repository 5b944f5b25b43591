"""Parameters: which of them are arguments, and how each goes on the wire (OAS 3.1 section 4.8.12)."""

import re
from typing import Any

from gateway.core import swagger
from gateway.core.contents import contents_of
from gateway.core.examples import told_examples, with_examples
from gateway.core.extension_read import read_argument
from gateway.core.inputs import Inputs, described
from gateway.core.media import URLENCODED, family_of
from gateway.core.mend import parameters_meant
from gateway.core.operation import Location, Parameter, Style
from gateway.core.prose import HINT_CHARACTERS_MAX, plain
from gateway.core.references import At, Malformed
from gateway.core.serialize import scalar
from gateway.core.source import Source

# OAS 3.1 section 4.8.12.1: header parameters of these names shall be ignored.
IGNORED_HEADERS = frozenset({"accept", "content-type", "authorization"})
# What the gateway itself writes about the message and the connection (RFC 9110 sections 7.2, 7.6.1, 8.6; RFC 6265).
TRANSPORT_HEADERS = frozenset(
    {
        "accept-encoding", "connection", "content-length", "cookie", "expect", "host", "keep-alive", "te", "trailer",
        "proxy-authorization", "proxy-connection", "transfer-encoding", "upgrade",
    }
)  # fmt: skip
LOCATIONS: tuple[Location, ...] = ("path", "query", "querystring", "header", "cookie")
OF_SWAGGER = ("body", "formData")
EVERYWHERE = (*LOCATIONS, *OF_SWAGGER)
FLAGS = ("required", "explode", "allowReserved", "allowEmptyValue", "deprecated")
STYLES: dict[Location, tuple[Style, ...]] = {
    "path": ("simple", "label", "matrix"),
    "query": ("form", "spaceDelimited", "pipeDelimited", "deepObject", "tabDelimited"),
    "querystring": ("form",),
    "header": ("simple",),
    "cookie": ("form", "cookie"),
}
_LIMITS_OF_TEXT = frozenset({"enum", "const", "pattern", "minLength", "allOf", "anyOf", "not"})
WIRE_NAME_CHARACTERS_MAX = 2_000
PARAMETER_STEPS = 50
# The `collectionFormat`s that Swagger 2.0 has there too.
SWAGGER_LISTS: tuple[Style, ...] = ("spaceDelimited", "pipeDelimited", "tabDelimited")
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
PLACEHOLDER = re.compile(r"\{([^{}/]*)\}")


def gather_parameters(source: Source, path: str, item: At, operation: At) -> list[At]:
    """The parameters of the path item and of the operation, resolved; the operation's win by name and location.
    Form fields and bodies of Swagger 2.0 are among them. Raises Malformed."""
    found: dict[tuple[str, str], At] = {}
    for level in (item, operation):
        for one in _declared(source, level):
            source.work.spend(PARAMETER_STEPS)
            settled = _mended(source, path, source.settle(one), one)
            name, where = settled.value["name"], settled.value["in"]
            found[where, name.lower() if where == "header" else name] = settled
    return list(found.values())


def _declared(source: Source, level: At) -> list[At]:
    """The parameters of one level, one by one. A reference may lead to several. Raises Malformed."""
    told = level.get("parameters")
    if told is None:
        return []
    at = source.documents.resolve(told)
    listed = parameters_meant(at)
    if listed is None:
        raise Malformed("malformed", source.documents.place(at), "a list belongs here.")
    if not isinstance(at.value, list) or len(listed) < len(at.value):
        source.note("wrong-type-repaired", at, "a list of parameters belongs here; its meaning is plain.")
    found: list[At] = []
    for one in listed:
        settled = source.documents.resolve(one)
        found += (parameters_meant(settled) or []) if isinstance(settled.value, list) else [one]
    return found


def _mended(source: Source, path: str, at: At, written: At) -> At:
    """A parameter whose name is text and whose place is one, where it plainly means one. Raises Malformed."""
    at = source.with_flags(at, FLAGS)
    name, where = at.value.get("name"), at.value.get("in")
    if isinstance(name, bool | int | float):
        name = scalar(name)
        source.note("wrong-type-repaired", at, "its `name` is no text.")
    if where is None and isinstance(name, str) and placeholder_of(name, path) is not None:
        where = "path"
    if not isinstance(name, str) or not isinstance(where, str) or not name:
        place = source.documents.place(written)
        raise Malformed("malformed-parameter", place, "a parameter needs a `name` and an `in`.")
    if len(name) > WIRE_NAME_CHARACTERS_MAX:
        told = f"its name is longer than {WIRE_NAME_CHARACTERS_MAX} characters."
        raise Malformed("malformed-parameter", source.documents.place(written), told)
    where = next((one for one in EVERYWHERE if one.lower() == where.strip().lower()), where)
    if where != at.value.get("in") or (where in OF_SWAGGER and not source.is_swagger):
        source.note("location-repaired", at, f"its place is not one of those there are; {where} is taken.")
    if (name, where) != (at.value.get("name"), at.value.get("in")):
        at = at._replace(value={**at.value, "name": name, "in": where})
    if where == "body" and "schema" not in at.value and "type" in at.value:
        source.note("wrong-type-repaired", at, "its schema stands beside its name.")
        at = at._replace(value={**at.value, "schema": swagger.schema_of(at.value)})
    return at


def compile_parameters(
    source: Source, path: str, declared: list[At], place: At, inputs: Inputs
) -> tuple[Parameter, ...]:
    """The parameters that are arguments, in the order path, query, header, cookie. Raises Malformed."""
    unknown = [one for one in declared if one.value["in"] not in EVERYWHERE]
    if unknown:
        where = str(unknown[0].value["in"])[:40]
        raise Malformed("unknown-location", source.documents.place(unknown[0]), f"no parameter can be in {where!r}.")
    offered = [one for one in declared if one.value["in"] in LOCATIONS and not _is_ignored(source, path, one)]
    told = [
        _compile(source, path, one, inputs) for one in sorted(offered, key=lambda one: LOCATIONS.index(one.value["in"]))
    ]
    named = {one.name for one in told if one.location == "path"}
    missing = [name for name in dict.fromkeys(PLACEHOLDER.findall(path)) if name not in named]
    for name in missing:
        detail = f"the path has {{{name}}} and no parameter of that name; a string is taken."
        source.note("path-parameter-added", place, detail)
        argument = inputs.add(name, "path", {"type": "string"}, required=True)
        told.append(Parameter(argument, name, "path", required=True, style="simple", explode=False))
    return tuple(told)


def _is_ignored(source: Source, path: str, at: At) -> bool:
    name, where = at.value["name"], at.value["in"]
    key = name.lower() if where == "header" else name
    if (where, key) in source.credential_parameters or (where == "header" and key in IGNORED_HEADERS):
        return True
    if where == "header" and key in TRANSPORT_HEADERS:
        source.note("transport-header", at, f"the gateway itself writes the header {name[:40]}.")
        return True
    if where == "path" and placeholder_of(name, path) is None:
        source.note("path-parameter-dropped", at, f"the path has no {{{name}}}.")
        return True
    return read_argument(source, at, required=where == "path" or at.value.get("required") is True).hide


def placeholder_of(name: str, path: str) -> str | None:
    """What stands between the braces for a parameter: its name, or that as in RFC 6570 (`{+name}`, `{name*}`)."""
    return next((one for one in PLACEHOLDER.findall(path) if name in (one, one.lstrip("+").rstrip("*"))), None)


def _compile(source: Source, path: str, at: At, inputs: Inputs) -> Parameter:
    has_own = bool(at.value.keys() & {"schema", "content"})
    is_old = source.is_swagger and not ("schema" in at.value and "type" not in at.value)
    is_old = is_old or ("type" in at.value and not has_own)
    value = swagger.parameter(at.value) if is_old else at.value
    name, where = value["name"], value["in"]
    if where == "header" and not HEADER_NAME.fullmatch(name):
        raise Malformed("malformed-parameter", source.documents.place(at), "its name cannot be that of a header.")
    if where == "path" and value.get("required") is not True:
        source.note("path-parameter-required", at, "a path parameter is always required.")
    required = where == "path" or value.get("required") is True
    schema, media_type, examples = _schema(source, At(value, at.uri, at.pointer))
    told = read_argument(source, at, required=required)
    text = plain(told.description or value.get("description"), HINT_CHARACTERS_MAX)
    inputs.mark(name, told.sink)
    style, explode = _style(source, value, at)
    allow_empty = where == "query" and not media_type and value.get("allowEmptyValue") is True
    if value.get("deprecated") is True and isinstance(schema, dict):
        schema = {**schema, "deprecated": True}
    schema = with_examples(schema, examples, source.schemas.definition_of("input"))
    shown = described(_or_empty(schema) if allow_empty else schema, text)
    return Parameter(
        argument=inputs.add(name, where, shown, required=required),
        name=(placeholder_of(name, path) or name) if where == "path" else name,
        location=where,
        required=required,
        style=style,
        explode=explode,
        allow_reserved=value.get("allowReserved") is True and (where == "query" or source.version.startswith("3.2")),
        media_type=media_type,
        allow_empty=allow_empty,
    )


def _or_empty(schema: Any) -> Any:
    """The schema, or an empty text in place of the value (OAS 3.1 section 4.8.12.2.1, `allowEmptyValue`)."""
    if not isinstance(schema, dict) or (schema.get("type") == "string" and not schema.keys() & _LIMITS_OF_TEXT):
        return schema
    return {"anyOf": [schema, {"const": ""}]}


def _schema(source: Source, at: At) -> tuple[Any, str, list[Any]]:
    """The schema of the value, the media type where it is a `content` parameter, and the examples."""
    examples = told_examples(at, source.followed)
    content = contents_of(source, at) if at.value.get("content") else {}
    if content:
        media_type = min(content, key=lambda kind: family_of(kind) != "json")
        schema = content[media_type].get("schema")
        examples += told_examples(content[media_type], source.followed)
        return (source.schemas.convert(schema, "input") if schema else True), media_type, examples
    schema = at.get("schema")
    media_type = URLENCODED if at.value["in"] == "querystring" else ""
    return (source.schemas.convert(schema, "input") if schema else {"type": "string"}), media_type, examples


def _style(source: Source, value: dict[str, Any], at: At) -> tuple[Style, bool]:
    where: Location = value["in"]
    allowed = STYLES[where] + (SWAGGER_LISTS if source.is_swagger and where in ("path", "header") else ())
    asked = value.get("style", allowed[0])
    style = next((one for one in allowed if one == asked), allowed[0])
    if style != asked:
        source.note("style-repaired", at, f"a {where} parameter has no such style; {style} is taken.")
    explode = value.get("explode")
    return style, explode if isinstance(explode, bool) else style in ("form", "deepObject", "cookie")
