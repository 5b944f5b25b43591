"""The OpenAPI document that a Python client of OpenAPI Generator was made from, read back off its code:
`python -m benchmarks.restbench_document CLIENT FILE`.

CLIENT is the package's folder (`tmdb_client` of the wheel that `pip download --no-deps tmdb-client==0.0.1` gets).
Nothing is run and nothing added: paths, methods, names on the wire, types, which are required, the texts that the code kept, and
the schemas of bodies and answers.
"""

import argparse
import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TYPES = {
    "StrictStr": "string", "str": "string", "StrictInt": "integer", "int": "integer", "StrictFloat": "number", "float": "number",
    "StrictBool": "boolean", "bool": "boolean", "datetime": "string", "date": "string",
}  # fmt: skip
FORMATS = {"date": "date", "datetime": "date-time"}
Json = dict[str, Any]


def read_client(client: Path) -> Json:
    models = {name: schema for path in sorted((client / "models").glob("*.py")) for name, schema in _models(path)}
    paths: Json = {}
    for path in sorted((client / "api").glob("*_api.py")):
        for route, method, operation in _operations(ast.parse(path.read_text(encoding="utf-8"))):
            paths.setdefault(route, {})[method] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": client.name, "version": "1"},
        "paths": paths,
        "components": {"schemas": models},
    }


def _models(path: Path) -> Iterator[tuple[str, Json]]:
    for one in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(one, ast.ClassDef) and any(getattr(base, "id", "") == "BaseModel" for base in one.bases):
            properties: Json = {}
            for field in one.body:
                if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and not _is_of_class(field):
                    properties[_alias(field.value) or field.target.id] = schema_of(field.annotation)
            yield one.name, {"type": "object", "properties": properties}


def _is_of_class(field: ast.AnnAssign) -> bool:
    return "ClassVar" in ast.dump(field.annotation)


def _alias(value: ast.expr | None) -> str:
    """The name on the wire, where it is another."""
    return str(_keywords(value).get("alias", "")) if isinstance(value, ast.Call) else ""


def _keywords(call: ast.Call) -> Json:
    return {one.arg: one.value.value for one in call.keywords if one.arg and isinstance(one.value, ast.Constant)}


def schema_of(told: ast.expr) -> Json:
    """What an annotation says."""
    match told:
        case ast.Name(id=name) if name in TYPES:
            return {"type": TYPES[name]} | ({"format": FORMATS[name]} if name in FORMATS else {})
        case ast.Name(id="Any" | "object"):
            return {}
        case ast.Name(id=name):
            return {"$ref": f"#/components/schemas/{name}"}
        case ast.Subscript(value=ast.Name(id="Optional"), slice=inner):
            return schema_of(inner)
        case ast.Subscript(value=ast.Name(id="List" | "Set"), slice=inner):
            return {"type": "array", "items": schema_of(inner)}
        case ast.Subscript(value=ast.Name(id="Union"), slice=ast.Tuple(elts=[first, *_])):
            return schema_of(first)
        case ast.Subscript(value=ast.Name(id="Annotated"), slice=ast.Tuple(elts=[inner, ast.Call() as field, *_])):
            description = _keywords(field).get("description")
            return schema_of(inner) | ({"description": description} if description else {})
        case ast.Subscript(value=ast.Name(id="Dict")):
            return {"type": "object"}
        case _:
            return {}


def _operations(module: ast.Module) -> Iterator[tuple[str, str, Json]]:
    methods = {one.name: one for outer in module.body if isinstance(outer, ast.ClassDef) for one in outer.body
               if isinstance(one, ast.FunctionDef)}  # fmt: skip
    for name, sender in methods.items():
        operation = name.removeprefix("_").removesuffix("_serialize")
        if name == f"_{operation}_serialize" and operation in methods:
            yield _operation(methods[operation], sender, operation)


def _operation(method: ast.FunctionDef, sender: ast.FunctionDef, name: str) -> tuple[str, str, Json]:
    sent = next(
        one
        for one in ast.walk(sender)
        if isinstance(one, ast.Call) and getattr(one.func, "attr", "") == "param_serialize"
    )
    told = _keywords(sent)
    wire = _wire(sender)
    title, _, rest = (ast.get_docstring(method) or "").partition("\n")
    description = rest.partition(":param")[0].strip()
    operation: Json = {"operationId": name.replace("_", "-"), "summary": title, "description": description}
    defaults = [None] * (len(method.args.args) - len(method.args.defaults)) + [*method.args.defaults]
    for one, default in zip(method.args.args, defaults, strict=True):
        if one.annotation is None or one.arg not in wire:
            continue
        schema = schema_of(one.annotation)
        place, written = wire[one.arg]
        if place == "body":
            operation["requestBody"] = {"content": {"application/json": {"schema": schema}}}
        else:
            parameter = {"name": written, "in": place, "required": default is None, "schema": schema}
            if "description" in schema:
                parameter["description"] = schema.pop("description")
            operation.setdefault("parameters", []).append(parameter)
    answer = schema_of(method.returns) if method.returns is not None else {}
    operation["responses"] = {"200": {"description": "", "content": {"application/json": {"schema": answer}}}}
    return str(told["resource_path"]), str(told["method"]).lower(), operation


def _wire(sender: ast.FunctionDef) -> dict[str, tuple[str, str]]:
    """By the name in Python: where each goes, and as what."""
    told: dict[str, tuple[str, str]] = {}
    for one in ast.walk(sender):
        match one:
            case ast.Assign(
                targets=[ast.Subscript(value=ast.Name(id="_path_params"), slice=ast.Constant(value=name))], value=value
            ):
                told[_argument(value)] = ("path", str(name))
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="_query_params"), attr="append"),
                args=[ast.Tuple(elts=[name, value])],
            ):
                if isinstance(name, ast.Constant):
                    told.setdefault(_argument(value), ("query", str(name.value)))
            case ast.Assign(targets=[ast.Name(id="_body_params")], value=ast.Name(id=value)):
                told[value] = ("body", "")
    return told


def _argument(value: ast.expr) -> str:
    return next((one.id for one in ast.walk(value) if isinstance(one, ast.Name)), "")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.restbench_document")
    parser.add_argument("client", type=Path, help="the package's folder")
    parser.add_argument("file", type=Path, help="the document to write")
    told = parser.parse_args()
    document = read_client(told.client)
    told.file.write_text(json.dumps(document, indent=1), encoding="utf-8")
    print(f"{sum(map(len, document['paths'].values()))} operations, {len(document['components']['schemas'])} schemas")


if __name__ == "__main__":
    main()
