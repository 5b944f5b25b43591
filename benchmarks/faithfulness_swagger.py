"""Swagger 2.0 told as OpenAPI 3.0 by plain rules, for judges that know no other; shares nothing with the compiler."""

from typing import Any
from urllib.parse import unquote

Json = dict[str, Any]

METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace", "query"})
FOLLOWED_MAX = 50
_BESIDE = frozenset({"name", "in", "required", "description", "allowEmptyValue", "collectionFormat", "schema"})
_STYLES = {"ssv": "spaceDelimited", "tsv": "tabDelimited", "pipes": "pipeDelimited"}


def as_openapi3(tree: Json) -> Json:
    """Paths, parameters, bodies, definitions; responses and security requirements are left out."""
    shared = tree.get("parameters") or {}
    schemes = dict((tree.get("securityDefinitions") or {}).items())
    base = tree.get("basePath") or ""
    urls = [
        f"{scheme}://{tree['host']}{base}" for scheme in tree.get("schemes") or ["https", "http"] if tree.get("host")
    ]
    paths: Json = {}
    for path, item in tree["paths"].items():
        if path.startswith("x-") or not isinstance(item, dict):
            continue
        own = [_parameter_of(tree, one) for one in item.get("parameters") or ()]
        paths[path] = {
            m: _operation(tree, told, own) for m, told in item.items() if m in METHODS and isinstance(told, dict)
        }
    return {
        "openapi": "3.0.3",
        "info": tree.get("info") or {},
        "servers": [{"url": url} for url in urls] or [{"url": base or "/"}],
        "paths": paths,
        "components": {
            "schemas": _schema(tree.get("definitions") or {}),
            "securitySchemes": schemes,
            "x-parameters": shared,
        },
    }


def _parameter_of(tree: Json, one: Any) -> Json:
    told = follow(tree, one)
    return told if isinstance(told, dict) else {}


def _operation(tree: Json, told: Json, inherited: list[Json]) -> Json:
    own = [_parameter_of(tree, one) for one in told.get("parameters") or ()]
    named = {(one.get("in"), one.get("name")) for one in own}
    every = [*own, *(one for one in inherited if (one.get("in"), one.get("name")) not in named)]
    consumes = told.get("consumes", tree.get("consumes")) or []
    made: Json = {"parameters": [_parameter(one) for one in every if one.get("in") not in ("body", "formData")]}
    body = next((one for one in every if one.get("in") == "body"), None)
    fields = [one for one in every if one.get("in") == "formData"]
    if body is not None:
        kinds = [one for one in consumes if "form" not in one] or ["application/json"]
        schema = _schema(body.get("schema") or {})
        made["requestBody"] = {
            "required": body.get("required") is True,
            "content": {kind: {"schema": schema} for kind in kinds},
        }
    elif fields:
        kind = (
            "multipart/form-data"
            if "multipart/form-data" in consumes or _has_file(fields)
            else "application/x-www-form-urlencoded"
        )
        kinds = [kind, "application/x-www-form-urlencoded"] if not _has_file(fields) else [kind]
        schema = {"type": "object", "properties": {one["name"]: _plain(one) for one in fields}}
        needed = [one["name"] for one in fields if one.get("required") is True]
        schema |= {"required": needed} if needed else {}
        encoding = {one["name"]: _style(one) for one in fields if one.get("type") == "array"}
        content = {kind: {"schema": schema, "encoding": encoding} for kind in kinds}
        made["requestBody"] = {"required": bool(needed), "content": content}
    return made


def _has_file(fields: list[Json]) -> bool:
    return any(one.get("type") == "file" for one in fields)


def _parameter(one: Json) -> Json:
    kept = {key: one[key] for key in ("name", "in", "required", "allowEmptyValue") if key in one}
    style = _style(one) if one.get("type") == "array" else {}
    return {**kept, **style, "schema": _plain(one)} | ({"required": True} if one.get("in") == "path" else {})


def _style(one: Json) -> Json:
    told = one.get("collectionFormat", "csv")
    if told == "multi":
        return {"style": "form", "explode": True}
    usual = "form" if one.get("in") in ("query", "formData") else "simple"
    return {"style": _STYLES.get(told, usual), "explode": False}


def _plain(one: Json) -> Json:
    schema = _schema({key: value for key, value in one.items() if key not in _BESIDE})
    if schema.get("type") == "file":
        return {"type": "string", "format": "binary"}
    return schema


def _schema(node: Any) -> Any:
    if isinstance(node, list):
        return [_schema(one) for one in node]
    if not isinstance(node, dict):
        return node
    told = {key: _schema(one) for key, one in node.items() if key not in ("discriminator", "example", "x-nullable")}
    if isinstance(node.get("discriminator"), dict):
        told["discriminator"] = _schema(node["discriminator"])
    if isinstance(told.get("$ref"), str):
        told["$ref"] = (
            told["$ref"]
            .replace("#/definitions/", "#/components/schemas/")
            .replace("#/parameters/", "#/components/x-parameters/")
        )
    if node.get("x-nullable") is True:
        told["nullable"] = True
    return told


def follow(tree: Json, node: Any) -> Any:
    """What a local reference leads to; {} where that is nothing."""
    for _ in range(FOLLOWED_MAX):
        reference = node.get("$ref") if isinstance(node, dict) else None
        if not isinstance(reference, str) or not reference.startswith("#/"):
            return node
        node = tree
        for token in unquote(reference)[2:].split("/"):
            key = token.replace("~1", "/").replace("~0", "~")
            node = (
                node[int(key)]
                if isinstance(node, list) and key.isdigit()
                else node.get(key)
                if isinstance(node, dict)
                else None
            )
    return {}
