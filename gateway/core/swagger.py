"""Swagger 2.0 read as OpenAPI 3: each piece is turned when it is looked at, so places stay those of the document."""

from collections.abc import Iterator, Sequence
from typing import Any

from gateway.core.document import Tree
from gateway.core.media import is_media_type
from gateway.core.references import At

Json = dict[str, Any]

# collectionFormat -> style, explode (Swagger 2.0, Parameter Object).
COLLECTIONS = {
    "csv": ("", False),
    "ssv": ("spaceDelimited", False),
    "tsv": ("tabDelimited", False),
    "pipes": ("pipeDelimited", False),
    "multi": ("form", True),
}
NOT_SCHEMA = frozenset({"name", "in", "required", "collectionFormat", "allowEmptyValue", "x-example"})


def servers(root: Tree) -> list[Json]:
    """`schemes`, `host` and `basePath` as server objects; https first where both are offered. A host that is a whole URL
    says its own scheme and the start of its path."""
    told = root.get("basePath")
    base = f"/{told.strip().lstrip('/')}" if isinstance(told, str) and told.strip() else ""
    host = root.get("host")
    if not isinstance(host, str) or not host.strip():
        return [{"url": base or "/"}]
    own, mark, rest = host.strip().rpartition("://")
    offered = [own.lower()] if mark else [one.lower() for one in _texts(root.get("schemes"))]
    schemes = [one for one in offered if one in ("https", "http")] or ["https"]
    return [{"url": f"{scheme}://{rest.rstrip('/')}{base}"} for scheme in sorted(schemes, reverse=True)]


def odd_places(root: Tree) -> list[str]:
    """Which of `host`, `basePath` and `schemes` are written otherwise than they should be."""
    host, base = root.get("host"), root.get("basePath")
    is_odd = {
        "host": isinstance(host, str) and "/" in host,
        "basePath": isinstance(base, str) and base != "" and not base.startswith("/"),
        "schemes": isinstance(root.get("schemes"), str),
    }
    return [key for key, odd in is_odd.items() if odd]


def parameter(value: Tree) -> Json:
    """A parameter that is not in the body: its schema stands beside its name."""
    told: Json = {
        key: value[key]
        for key in ("name", "in", "required", "description", "allowEmptyValue", "deprecated", "x-example")
        if key in value
    }
    told["schema"] = schema_of(value)
    style, explode = COLLECTIONS.get(str(value.get("collectionFormat", "csv")), ("", False))
    if value.get("type") == "array":
        told["explode"] = explode
        if style:
            told["style"] = style
    return told


def schema_of(value: Tree) -> Json:
    """The schema of a parameter or a form field."""
    return {key: member for key, member in value.items() if key not in NOT_SCHEMA}


def request_body(operation: At, parameters: Sequence[At], consumes: object) -> At | None:
    """The `body` parameter, or the form fields together, as a request body object; None where there are neither."""
    for one in parameters:
        if one.value.get("in") == "body":
            offered = [kind for kind in _texts(consumes) if is_media_type(kind)]
            kinds = [kind for kind in offered if "form" not in kind] or offered or ["application/json"]
            schema = one.value.get("schema", {})
            body = {key: one.value[key] for key in ("required", "description") if key in one.value}
            return At({**body, "content": {kind: {"schema": schema} for kind in kinds}}, one.uri, one.pointer)
    fields = [one for one in parameters if one.value.get("in") == "formData"]
    return _form(operation, fields, _texts(consumes)) if fields else None


def _form(operation: At, fields: Sequence[At], consumes: Sequence[str]) -> At:
    properties = {str(one.value.get("name")): schema_of(one.value) for one in fields}
    required = [str(one.value.get("name")) for one in fields if one.value.get("required") is True]
    encoding = dict(_encodings(fields))
    has_file = any(one.value.get("type") == "file" for one in fields)
    wanted = (
        "multipart/form-data"
        if has_file or consumes == ["multipart/form-data"]
        else "application/x-www-form-urlencoded"
    )
    schema = {"type": "object", "properties": properties, "required": required}
    content = {wanted: {"schema": schema, "encoding": encoding}}
    return At({"required": bool(required), "content": content}, operation.uri, f"{operation.pointer}/parameters")


def _encodings(fields: Sequence[At]) -> Iterator[tuple[str, Json]]:
    for one in fields:
        if one.value.get("type") == "array":
            style, explode = COLLECTIONS.get(str(one.value.get("collectionFormat", "csv")), ("", False))
            yield str(one.value.get("name")), {"style": style or "form", "explode": explode}


def response(value: Tree, produces: object) -> Json:
    """A response with its schema under each media type that the operation produces."""
    if "schema" not in value:
        return value
    kinds = _texts(produces) or ["application/json"]
    return {**value, "content": {kind: {"schema": value["schema"]} for kind in kinds}}


def _texts(value: object) -> list[str]:
    listed = value if isinstance(value, list) else [value]
    return [one for one in listed if isinstance(one, str)]
