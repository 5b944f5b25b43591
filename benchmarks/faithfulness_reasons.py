"""Why a judge turned a request down: each class is a rule that looks for its own cause, in the document, in what was sent,
and in what the judge made of it. What no rule finds the cause of is `unexplained`.
"""

import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import quote
from xml.etree.ElementTree import Element

from jsonschema.exceptions import UnknownType, ValidationError
from openapi_core.casting.schemas.exceptions import CastError
from openapi_core.deserializing.exceptions import DeserializeError

from benchmarks.faithfulness_judge import Judge, Judged
from gateway.core.catalog import Connector
from gateway.core.fold import mentioned
from gateway.core.http import HttpRequest
from gateway.core.serialize import is_undefined
from gateway.core.tool import Tool

Json = dict[str, Any]

UNEXPLAINED = "unexplained"
IGNORED_HEADERS = frozenset({"accept", "content-type", "authorization"})
CONNECTION_HEADERS = frozenset(
    {
        "host",
        "content-length",
        "accept-encoding",
        "connection",
        "cookie",
        "expect",
        "te",
        "transfer-encoding",
        "upgrade",
    }
)
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
DELIMITED = ("spaceDelimited", "pipeDelimited", "tabDelimited")


class Case(NamedTuple):
    """One error of the judge: with its causes behind it, the parameter that it is about (None for the body), and the one
    schema that was not met, where it is about that."""

    judge: Judge
    judged: Judged
    connector: Connector
    tool: Tool
    arguments: Json
    request: HttpRequest
    error: Exception
    causes: tuple[str, ...]
    parameter: Json | None
    leaf: ValidationError | None

    @property
    def kind(self) -> str:
        """The media type of the body, without its parameters."""
        return self.judged.request.content_type.partition(";")[0].strip().lower()

    @property
    def location(self) -> str:
        return str(self.parameter.get("in")) if self.parameter else "body"

    @property
    def schema(self) -> Json:
        """That of the parameter."""
        return self.judge.resolve((self.parameter or {}).get("schema") or {})

    @property
    def sent(self) -> Any:
        """What the judge found of the parameter on the wire; None where nothing."""
        return (
            self.judged.request.parameters[self.location].get((self.parameter or {}).get("name", ""))
            if self.parameter
            else None
        )


def explain(
    judge: Judge, judged: Judged, connector: Connector, tool: Tool, arguments: Json, request: HttpRequest
) -> str:
    """The class of a rejection: that of its first error, and `unexplained` where any of its errors is."""
    found = [_explain(case) for case in _cases(judge, judged, connector, tool, arguments, request)]
    return UNEXPLAINED if UNEXPLAINED in found or not found else found[0]


def _explain(case: Case) -> str:
    found = next((name for name, holds in RULES.items() if holds(case)), UNEXPLAINED)
    return _explain_alternative(case) if found == UNEXPLAINED else found


def _explain_alternative(case: Case) -> str:
    """Of a value that fits no alternative: why it does not fit the one that was meant, which is one whose every error has
    its cause."""
    leaf = case.leaf
    if leaf is None or leaf.validator not in ("anyOf", "oneOf"):
        return UNEXPLAINED
    branches: dict[Any, list[str]] = {}
    for inner in leaf.context or ():
        branches.setdefault(inner.relative_schema_path[0], []).append(_explain(case._replace(leaf=inner)))
    return next((found[0] for found in branches.values() if UNEXPLAINED not in found), UNEXPLAINED)


def explain_crash(judge: Judge, error: Exception) -> str:
    """The class of an exception that the judge did not mean to raise."""
    if isinstance(error, UnknownType) and error.type not in _TYPES:
        return "document: a type that is none"
    if isinstance(error, AttributeError) and any(map(_refers_for_properties, judge.trees.values())):
        return "document: its properties are all behind one $ref"
    return UNEXPLAINED


def _refers_for_properties(tree: Any) -> bool:
    """Whether a `properties` has a `$ref` for a member, which is a text and no schema."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            properties = node.get("properties")
            if isinstance(properties, dict) and isinstance(properties.get("$ref"), str):
                return True
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node
    return False


def _cases(
    judge: Judge, judged: Judged, connector: Connector, tool: Tool, arguments: Json, request: HttpRequest
) -> Iterator[Case]:
    for error in judged.errors:
        causes, leaves, one = [], [], error
        while one is not None and len(causes) < 10:
            causes.append(type(one).__name__)
            leaves += [leaf for leaf in getattr(one, "schema_errors", ()) if isinstance(leaf, ValidationError)]
            one = one.__cause__
        name, where = getattr(error, "name", ""), getattr(error, "location", "")
        parameter = judge.parameter(tool.operation, name, where) if where else None
        for leaf in leaves or [None]:
            yield Case(judge, judged, connector, tool, arguments, request, error, tuple(causes), parameter, leaf)


# The rules. What the document says that no request could meet, or that it says twice.


def _ignored_header(case: Case) -> bool:
    """The specification has these ignored (OAS 3.1 section 4.8.12.1); the judge asks for them all the same."""
    return case.location == "header" and str(case.parameter["name"]).lower() in IGNORED_HEADERS


def _connection_header(case: Case) -> bool:
    return case.location == "header" and str(case.parameter["name"]).lower() in CONNECTION_HEADERS


def _credential(case: Case) -> bool:
    """What a security scheme sends is no argument: here a stand-in went out, which the parameter's schema turns down."""
    return case.parameter is not None and any(
        (where, name.lower()) == (case.location, str(case.parameter["name"]).lower())
        for where, name in case.judge.credentials
    )


def _not_in_path(case: Case) -> bool:
    name = (case.parameter or {}).get("name")
    return case.location == "path" and f"{{{name}}}" not in case.tool.operation.path.replace("{+", "{")


def _bad_default(case: Case) -> bool:
    """Nothing was sent, and the default of the document, which the judge then takes, does not fit its own schema."""
    leaf = case.leaf
    if leaf is None:
        return False
    if case.parameter is not None:
        return (
            case.sent is None
            and "default" in case.schema
            and leaf.instance in (case.schema["default"], *_listed(case.schema["default"]))
        )
    path = list(leaf.absolute_path)
    told = leaf.schema.get("default") if isinstance(leaf.schema, dict) else None
    return len(path) == 1 and path[0] not in _names_sent(case) and told == leaf.instance


def _enum_of_another_type(case: Case) -> bool:
    """No value of the schema's type is in its enum."""
    leaf = case.leaf
    if leaf is None or leaf.validator not in ("enum", "type") or not isinstance(leaf.schema, dict):
        return False
    kinds, values = _listed(leaf.schema.get("type")), leaf.schema.get("enum")
    if not kinds or not isinstance(values, list):
        return False
    return leaf.instance in [_text(one) for one in values] or not any(_is_of(one, kinds) for one in values)


def _enum_of_items(case: Case) -> bool:
    """A list whose enum has what its items may be."""
    leaf = case.leaf
    return (
        leaf is not None
        and leaf.validator == "enum"
        and isinstance(leaf.instance, list)
        and not any(isinstance(one, list) for one in leaf.validator_value)
    )


def _null_not_in_enum(case: Case) -> bool:
    """`nullable`, and an enum without null: OAS 3.0.3 took the one, 3.0.4 says that the other wins."""
    leaf = case.leaf
    if leaf is None or leaf.validator != "enum" or leaf.instance is not None or not isinstance(leaf.schema, dict):
        return False
    return (
        leaf.schema.get("nullable") is True or "null" in _listed(leaf.schema.get("type"))
    ) and None not in leaf.validator_value


def _read_only_whole(case: Case) -> bool:
    """`readOnly` where it has no meaning: on a parameter, which goes one way only, on a whole body, on the items of a list.
    A property that is readOnly is none of these: that one must not have been sent."""
    leaf = case.leaf
    if leaf is None or leaf.validator != "readOnly":
        return False
    holders = [step for step in leaf.absolute_schema_path if step in ("properties", "items", "additionalProperties")]
    return case.parameter is not None or not holders or holders[-1] != "properties"


def _several_alternatives(case: Case) -> bool:
    """`oneOf` whose schemas overlap: the value fits more than one of them."""
    leaf = case.leaf
    return leaf is not None and leaf.validator == "oneOf" and "is valid under each of" in leaf.message


def _unresolved_discriminator(case: Case) -> bool:
    """The value of a discriminator without a mapping names no schema, and nothing in the schema forbids it."""
    return case.leaf is not None and "could not be resolved" in case.leaf.message


def _other_alternative(case: Case) -> bool:
    """The value fits an alternative, and its discriminator names another one (the judge descends into that by name, and
    leaves the index of an alternative out of its path)."""
    leaf = case.leaf
    path = list(leaf.absolute_schema_path) if leaf is not None else []
    return any(
        step in ("anyOf", "oneOf") and not isinstance(following, int) for step, following in itertools.pairwise(path)
    )


def _alternatives_of_required(case: Case) -> bool:
    """`anyOf` schemas that say no more than which members there have to be: no root of a tool's schema can have these."""
    leaf = case.leaf
    if leaf is None or leaf.validator not in ("anyOf", "oneOf"):
        return False
    return all(
        isinstance(one, dict) and one.keys() <= {"required", "title", "description"} for one in leaf.validator_value
    )


def _nameless_media_type(case: Case) -> bool:
    return "MediaTypeNotFound" in case.causes and any(
        not kind.strip() for kind in case.judge.media_types(case.tool.operation)
    )


def _odd_path(case: Case) -> bool:
    """A path with characters that no URL has as they are."""
    path = case.tool.operation.path
    return "PathNotFound" in case.causes and quote(path, "/{}+:@!$&'()*,;=~%") != path


def _format_against_rules(case: Case) -> bool:
    """A format beside a pattern, an enum or a length that it cannot have together."""
    leaf = case.leaf
    rules = {"pattern", "minLength", "maxLength", "enum", "const"}
    return leaf is not None and leaf.validator == "format" and bool(rules & leaf.schema.keys())


# What the judge cannot read.


def _wide_path(case: Case) -> bool:
    """`{+name}` with a value of several segments."""
    wide = [one.argument for one in case.tool.operation.parameters if one.name.startswith("+")]
    return "PathNotFound" in case.causes and any("/" in str(case.arguments.get(name)) for name in wide)


def _undescribed_member(case: Case) -> bool:
    """A member of a form that is required and has no property: it was sent, and the judge reads properties alone."""
    leaf = case.leaf
    if leaf is None or leaf.validator != "required" or "form" not in case.kind:
        return False
    missing = {name for name in leaf.validator_value if name not in leaf.instance}
    return bool(missing) and missing <= _names_sent(case) and not missing & (leaf.schema.get("properties") or {}).keys()


def _inherited_read_only(case: Case) -> bool:
    """A required property is readOnly by what it refers to; it looks for that in the property alone, and misses it."""
    leaf = case.leaf
    if leaf is None or leaf.validator != "required":
        return False
    missing = [name for name in leaf.validator_value if name not in leaf.instance]
    properties = leaf.schema.get("properties") or {}
    return bool(missing) and all(_is_read_only(case.judge, properties.get(name)) for name in missing)


def _is_read_only(judge: Judge, schema: Any) -> bool:
    told = judge.resolve(schema)
    parts = told.get("allOf") or ()
    return isinstance(schema, dict) and (
        schema.get("readOnly") is True
        or told.get("readOnly") is True
        or any(_is_read_only(judge, one) for one in parts)
    )


def _time(case: Case) -> bool:
    """A time with its zone, as RFC 3339 has `full-time`; it takes times without one alone."""
    leaf = case.leaf
    return (
        leaf is not None
        and leaf.validator == "format"
        and leaf.validator_value == "time"
        and bool(_FULL_TIME.fullmatch(leaf.instance))
    )


_FULL_TIME = re.compile(r"[0-2]\d:[0-5]\d:[0-6]\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


def _untyped(case: Case) -> bool:
    """A parameter whose schema has no type: it takes the text of the wire for the value."""
    leaf = case.leaf
    if case.parameter is None or leaf is None or leaf.validator != "enum" or "type" in leaf.schema:
        return False
    return leaf.instance in [_text(one) for one in leaf.validator_value]


def _empty_value(case: Case) -> bool:
    """An empty text that the document allows, by `allowEmptyValue` or as a value of its schema."""
    if case.location != "query" or case.sent != "":
        return False
    allowed = case.parameter.get("allowEmptyValue") is True
    texts = "EmptyQueryParameterValue" in case.causes and ("" in case.schema.get("enum", [""]))
    return allowed or texts


def _style(case: Case) -> bool:
    """It reads deepObject of flat objects alone, delimited lists only where they are not exploded, and no exploded object
    in a form; in a list that is not exploded it takes an encoded comma for one that delimits."""
    if case.parameter is None:
        return False
    where = case.location
    style = case.parameter.get("style", "form" if where in ("query", "cookie") else "simple")
    if style == "deepObject" and _is_nested(case):
        return True
    if not {"DeserializeError", "CastError"} & set(case.causes):
        return False
    explode = case.parameter.get("explode", style == "form")
    kinds = _listed(case.schema.get("type"))
    if style == "deepObject":
        return kinds != ["object"] or not explode
    items = case.judge.resolve(case.schema.get("items") or {})
    if style == "form" and kinds == ["array"] and case.sent is not None and str(case.sent)[:1] == "{":
        return "object" in _kinds(case.judge, items)
    return (style in DELIMITED and explode) or ("object" in kinds and style == "form" and explode)


def _is_nested(case: Case) -> bool:
    name = case.parameter["name"]
    return any(key.startswith(f"{name}[") and key.count("[") > 1 for key in case.judged.request.parameters.query)


def _form_style(case: Case) -> bool:
    """The same within a form, whose objects it takes for `R,100` unless they have a style (OAS 3.0.4 says JSON). Which
    field it is about, the error says by its name or by the text that it could not turn into an object or a list."""
    if case.parameter is not None or case.kind not in FORMS:
        return False
    if case.leaf is not None:
        return isinstance(case.leaf.instance, str) and case.leaf.instance in _deep_texts(case)
    for one in _chain(case.error):
        if isinstance(one, CastError):
            texts = {json.dumps(value, separators=(",", ":"), ensure_ascii=False) for value in _inner(case.arguments)}
            return one.value in texts or one.value in _deep_texts(case)
        if isinstance(one, DeserializeError):
            field = _field(case, str(one.args[1]))
            if field is None:
                return False
            value = case.arguments[field.argument]
            kinds = _listed(case.judge.field(case.tool.operation, case.kind, field.name).get("type"))
            return kinds != ["object"] or not isinstance(value, dict) or _has_depth(value) or not field.styled
    return False


def _deep_texts(case: Case) -> set[str]:
    """What stands deeper than one level in a deepObject, which it takes for the member itself (`a[b][c]=x` for `a[b]=x`)."""
    fields = case.tool.operation.body.fields if case.tool.operation.body else ()
    values = [case.arguments.get(one.argument) for one in fields if one.style == "deepObject"]
    members = [one for value in values if isinstance(value, dict) for one in value.values()]
    return {_text(one) for member in members if isinstance(member, dict | list) for one in _inner(member)}


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _field(case: Case, name: str) -> Any:
    fields = case.tool.operation.body.fields if case.tool.operation.body else ()
    return next((one for one in fields if one.name == name and one.argument in case.arguments), None)


def _has_depth(value: Json) -> bool:
    return any(isinstance(one, dict | list) for one in value.values())


def _inner(value: Any) -> Iterator[Any]:
    yield value
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _inner(one)


def _kinds(judge: Judge, schema: Json) -> set[str]:
    """The types of a schema, of its parts and alternatives."""
    found = set(_listed(schema.get("type"))) | ({"object"} if "properties" in schema else set())
    for key in ("allOf", "anyOf", "oneOf"):
        for one in schema.get(key) or ():
            found |= _kinds(judge, judge.resolve(one))
    return found


def _multipart_part(case: Case) -> bool:
    """A part of a form is text or bytes to it; it reads no number, no truth value, no choice of types from that."""
    leaf = case.leaf
    return (
        case.parameter is None
        and case.kind == "multipart/form-data"
        and leaf is not None
        and isinstance(leaf.instance, str | bytes)
        and leaf.validator in ("type", "anyOf", "oneOf", "enum", "format")
    )


def _bytes_body(case: Case) -> bool:
    """A media type that it has no reader for: bytes, which no schema takes."""
    leaf = case.leaf
    return leaf is not None and not leaf.absolute_path and isinstance(leaf.instance, bytes)


def _xml_body(case: Case) -> bool:
    leaf = case.leaf
    return leaf is not None and isinstance(leaf.instance, Element)


def _text_form(case: Case) -> bool:
    """A form whose schema is a text: written as it came; the judge makes an object of it."""
    leaf = case.leaf
    return (
        leaf is not None
        and "form" in case.kind
        and not leaf.absolute_path
        and leaf.validator == "type"
        and leaf.instance == {}
    )


def _arithmetic(case: Case) -> bool:
    """It divides binary fractions; in decimals the number is a multiple."""
    leaf = case.leaf
    if leaf is None or leaf.validator != "multipleOf" or isinstance(leaf.instance, bool):
        return False
    return Decimal(str(leaf.instance)) % Decimal(str(leaf.validator_value)) == 0


def _server_variable(case: Case) -> bool:
    """A server with a variable that stands for more than one segment of a URL."""
    if "ServerNotFound" not in case.causes:
        return False
    servers = case.judge.servers(case.tool.operation)
    return any(
        "/" in str(variable.get("default")) for one in servers for variable in (one.get("variables") or {}).values()
    )


def _empty_member(case: Case) -> bool:
    """A required member of a form that is an object or a list with nothing in it, which has no form on the wire."""
    leaf = case.leaf
    if leaf is None or leaf.validator != "required" or case.kind not in FORMS:
        return False
    missing = [name for name in leaf.validator_value if name not in leaf.instance]
    fields = [_field(case, name) for name in missing]
    return bool(fields) and all(field is not None and is_undefined(case.arguments[field.argument]) for field in fields)


def _empty_form(case: Case) -> bool:
    """A form that has to be sent, and of whose values none has a form on the wire."""
    return (
        "MissingRequiredRequestBody" in case.causes
        and not case.request.content
        and "form" in dict(case.request.headers).get("Content-Type", "")
    )


# What is ours.


def _folded(case: Case) -> bool:
    """The argument at fault is folded in its tool's schema, which is too large to be whole: there any value is taken."""
    told = json.loads(bytes(case.tool.input_schema))
    shelf = case.tool.shelves.input
    given = told["properties"].get(_argument(case))
    shortened = {repair.place for repair in case.connector.repairs if repair.reason == "input-shortened"}
    if case.tool.operation.pointer in shortened and case.leaf is not None and isinstance(given, dict):
        # Of a scalar no more than the type is left, without a word.
        return given.keys() <= {"type", "description"} and case.leaf.validator not in given
    waiting, seen = [given], set[str]()
    while waiting:
        schema = waiting.pop()
        if schema is True or (isinstance(schema, dict) and str(schema.get("description")).startswith("Folded; ")):
            return True
        for name in mentioned(schema) - seen:
            seen.add(name)
            whole = json.loads(bytes(shelf[name].encoded)) if name in shelf else None
            if told.get("$defs", {}).get(name) != whole:
                return True
            waiting.append(whole)
    return False


def _argument(case: Case) -> str:
    """The argument that an error is about; "" where it is about the body as a whole."""
    if case.parameter is not None:
        named = (one for one in case.tool.operation.parameters if one.name.lstrip("+") == case.parameter["name"])
        return next((one.argument for one in named if one.location == case.location), "")
    body, path = case.tool.operation.body, list(case.leaf.absolute_path) if case.leaf is not None else []
    if body is None or body.argument:
        return body.argument if body is not None else ""
    return next((one.argument for one in body.fields if path and one.name == path[0]), "")


RULES: Mapping[str, Callable[[Case], bool]] = {
    "document: declares a header that the specification has ignored": _ignored_header,
    "document: declares a header that only the connection writes": _connection_header,
    "document: declares as a parameter what a security scheme sends": _credential,
    "document: has a path parameter that is not in its path": _not_in_path,
    "document: a default does not fit its own schema": _bad_default,
    "document: an enum has no value of its own type": _enum_of_another_type,
    "document: the enum of a list has its items": _enum_of_items,
    "document: nullable, with an enum that has no null": _null_not_in_enum,
    "document: readOnly on what is no property": _read_only_whole,
    "document: alternatives of a oneOf overlap": _several_alternatives,
    "document: a discriminator allows values that name no schema": _unresolved_discriminator,
    "document: a discriminator names another alternative than the value fits": _other_alternative,
    "document: a media type has no name": _nameless_media_type,
    "document: a path has characters that no URL has": _odd_path,
    "document: a format beside rules that it cannot meet": _format_against_rules,
    "document: a form whose schema is a text": _text_form,
    "judge: knows no path parameter of several segments": _wide_path,
    "judge: reads no member of a form that has no property": _undescribed_member,
    "judge: looks for readOnly in the property alone": _inherited_read_only,
    "judge: takes no time with a zone": _time,
    "judge: takes what has no type for text": _untyped,
    "judge: takes no empty value": _empty_value,
    "judge: reads this style only of simpler values": _style,
    "judge: reads this style in a form only of simpler values": _form_style,
    "judge: reads a part of a form as bare text or bytes": _multipart_part,
    "judge: has no reader for the media type": _bytes_body,
    "judge: reads XML into no value": _xml_body,
    "judge: multipleOf in binary fractions": _arithmetic,
    "judge: no server whose variable is more than a segment": _server_variable,
    "judge: an empty object in a form is none": _empty_member,
    "judge: a form of empty objects is none": _empty_form,
    "ours: alternatives of what is required are left to the server": _alternatives_of_required,
    "ours: a schema too large to be shown whole": _folded,
}


def _names_sent(case: Case) -> set[str]:
    body = case.tool.operation.body
    fields = {field.name for field in body.fields if field.argument in case.arguments} if body else set()
    whole = case.arguments.get(body.argument) if body and body.argument else None
    return fields | (set(whole) if isinstance(whole, dict) else set())


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


_TYPES = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": float,
    "array": list,
    "object": dict,
    "null": type(None),
}


def _is_of(value: Any, kinds: list[str]) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return any(
        is_number if kind in ("integer", "number") else isinstance(value, _TYPES.get(kind, object)) for kind in kinds
    )
