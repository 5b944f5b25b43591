"""Swagger 2.0 read as OpenAPI 3: each piece is turned when it is looked at, so places stay those of the document."""

from collections.abc import Iterator, Sequence
from typing import Any

from gateway.core.document import Tree
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
    """`schemes`, `host` and `basePath` as server objects; https first where both are offered."""
    base = root.get("basePath") if isinstance(root.get("basePath"), str) else ""
    host = root.get("host")
    if not isinstance(host, str) or not host:
        return [{"url": base or "/"}]
    schemes = [one for one in _texts(root.get("schemes")) if one in ("https", "http")] or ["https"]
    return [{"url": f"{scheme}://{host}{base}"} for scheme in sorted(schemes, reverse=True)]


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
            kinds = [kind for kind in _texts(consumes) if "form" not in kind] or ["application/json"]
            schema = one.value.get("schema", {})
            body = {"required": one.value.get("required"), "content": {kind: {"schema": schema} for kind in kinds}}
            return At(body, one.uri, one.pointer)
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
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
