"""Real documents, all of them: every operation is accounted for, and everything that comes out is valid.

The documents are read where they lie, in ../shared/specs beside the project; without that folder they are skipped.
"""

import gzip
import json
import re
import tarfile
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest
import yaml

from gateway.core.catalog import Connector
from gateway.core.compile import compile_document
from gateway.core.document import external_references, parse_document
from gateway.core.manifest import Manifest
from gateway.core.operation import Body
from gateway.core.parameters import TRANSPORT_HEADERS
from gateway.core.pointer import escape
from gateway.core.references import Documents
from gateway.core.shelf import SCHEMA_BYTES_MAX
from gateway.core.tool import TOOL_NAME_PATTERN
from gateway.edge.mcp.lists import define

CORPUS = Path(__file__).parents[3] / "shared" / "specs"
BASE = "https://documents.example/"
METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace", "query"}

if not CORPUS.is_dir():
    pytest.skip(f"there is no folder {CORPUS} of real documents", allow_module_level=True)

ROWS = json.loads((CORPUS / "manifest.json").read_text())


def files_of(row: dict[str, Any]) -> dict[str, bytes]:
    """The files of one document by URI, its entry first."""
    path = CORPUS / row["file"]
    if not path.name.endswith(".tar.gz"):
        return {BASE + path.name.removesuffix(".gz"): gzip.decompress(path.read_bytes())}
    with tarfile.open(path) as archive:
        every = {BASE + m.name: archive.extractfile(m).read() for m in archive.getmembers() if m.isfile()}  # type: ignore[union-attr]
    entry = BASE + row["entry"]
    return {entry: every.pop(entry)} | every


@cache
def compiled(file: str) -> tuple[Connector, dict[str, Any], bytes]:
    """What became of a document, its entry as we read it, and the bytes of that. Once for all tests."""
    files = files_of(next(row for row in ROWS if row["file"] == file))
    entry = next(iter(files))
    trees, waiting = {}, [entry]
    while waiting:
        uri = waiting.pop()
        if uri in files and uri not in trees:
            trees[uri] = parse_document(files[uri], uri)
            waiting += external_references(trees[uri], uri)
    return compile_document(Manifest(name="corpus"), Documents(entry, trees), "digest"), trees[entry], files[entry]


def count_operations(entry: bytes) -> int | None:
    """By a plain walk with another YAML loader; None where path items stand elsewhere."""
    tree = (
        json.loads(entry)
        if entry.lstrip()[:1] == b"{"
        else yaml.load(entry, getattr(yaml, "CBaseLoader", yaml.BaseLoader))
    )
    items = [item for item in (tree.get("paths") or {}).values() if isinstance(item, dict)]
    return None if any("$ref" in item for item in items) else sum(len(METHODS & item.keys()) for item in items)


@pytest.mark.parametrize("row", ROWS, ids=[row["file"].rpartition("/")[2].partition(".")[0][:40] for row in ROWS])
def test_every_operation_is_a_valid_tool_or_a_named_refusal(row: dict[str, Any]) -> None:
    connector, _, entry = compiled(row["file"])
    found = len(connector.tools) + len(connector.refusals)
    counted = count_operations(entry)
    assert found == (counted if counted is not None else found) > 0
    assert found == (row["operations"] or found)
    assert all(refusal.place and refusal.reason and refusal.detail for refusal in connector.refusals)
    names = [tool.name for tool in connector.tools]
    assert len(set(names)) == len(names)
    for tool in connector.tools:
        assert re.fullmatch(TOOL_NAME_PATTERN, tool.name)
        assert tool.title
        assert tool.description
        assert all(tool.scopes)
        assert tool.scopes
        check_schema(bytes(tool.input_schema), SCHEMA_BYTES_MAX)
        check_schema(bytes(tool.compact), connector.manifest.limits.definition_bytes_max)
        assert len(msgspec.json.encode(define(tool, "plain"))) <= connector.manifest.limits.definition_bytes_max
        if bytes(tool.outputs):
            check_schema(bytes(tool.output_schema), SCHEMA_BYTES_MAX)
        properties = json.loads(bytes(tool.input_schema))["properties"]
        assert all(re.fullmatch(r"[a-zA-Z0-9_.-]{1,64}", name) for name in properties)
        assert arguments_of(tool) == properties.keys()


def arguments_of(tool: Any) -> set[str]:
    operation = tool.operation
    named = [one.argument for one in operation.parameters]
    if operation.body:
        named += [one.argument for one in operation.body.fields]
        named += [one for one in (operation.body.argument, operation.body.extra) if one]
    assert len(set(named)) == len(named)
    return set(named)


def check_schema(encoded: bytes, bytes_max: int) -> None:
    assert len(encoded) <= bytes_max
    schema = json.loads(encoded)
    assert jsonschema_rs.meta.is_valid(schema), encoded[:500]
    wanted = {part.partition(b'"')[0].decode() for part in encoded.split(b'"$ref":"#/$defs/')[1:]}
    assert wanted == wanted & schema.get("$defs", {}).keys()
    jsonschema_rs.Draft202012Validator(schema)


def test_nearly_all_operations_become_tools_and_nearly_all_inputs_survive() -> None:
    tools = refused = declared = kept = 0
    for row in ROWS:
        if row["file"].startswith("multi/"):
            continue
        connector, tree, _ = compiled(row["file"])
        tools += len(connector.tools)
        refused += len([one for one in connector.refusals if one.reason != "no-server"])
        there, lost = count_inputs(tree, connector)
        declared += there
        kept += there - lost
    print(f"{tools} tools, {refused} refused; {kept} of {declared} declared inputs survive")
    assert tools / (tools + refused) >= 0.995
    assert declared > 50_000
    assert kept / declared >= 0.999


def count_inputs(tree: Any, connector: Connector) -> tuple[int, int]:
    """Declared parameters and top-level properties of bodies, by a walk of its own; and how many of them no argument
    stands for. Credentials, the three ignored headers and readOnly properties are not inputs."""
    by_pointer = {tool.operation.pointer: tool.operation for tool in connector.tools}
    there = lost = 0
    for path, item in tree["paths"].items():
        for method, operation in item.items():
            compiled_one = by_pointer.get(f"/paths/{escape(path)}/{method}")
            if method not in METHODS or compiled_one is None:
                continue
            wanted = {(p["in"], p["name"]) for p in parameters(tree, item, operation)}
            wanted -= {
                (w, n) for w, n in wanted if w == "header" and n.lower() in ("authorization", "accept", "content-type")
            }
            wanted -= {(w, n) for w, n in wanted if w == "header" and n.lower() in TRANSPORT_HEADERS}
            wanted -= credentials(tree)
            wanted = {(w, n) for w, n in wanted if w != "path" or f"{{{n}}}" in path}
            given = {(p.location, p.name) for p in compiled_one.parameters}
            body = compiled_one.body
            has = {field.name for field in body.fields} if body else set()
            asked = set() if body is not None and body.argument else properties(tree, item, operation, body)
            there += len(wanted) + len(asked)
            lost += len({(w, n.lower()) for w, n in wanted} - {(w, n.lower()) for w, n in given}) + len(asked - has)
    return there, lost


def follow(tree: Any, node: Any) -> Any:
    while isinstance(node, dict) and isinstance(node.get("$ref"), str) and node["$ref"].startswith("#/"):
        found = tree
        for token in node["$ref"][2:].split("/"):
            found = found[token.replace("~1", "/").replace("~0", "~").replace("%7B", "{").replace("%7D", "}")]
        node = found
    return node


def parameters(tree: Any, item: Any, operation: Any) -> list[Any]:
    listed = [follow(tree, one) for one in [*(item.get("parameters") or []), *(operation.get("parameters") or [])]]
    return [one for one in listed if one.get("in") not in ("body", "formData")]


def credentials(tree: Any) -> set[tuple[str, str]]:
    schemes = {**(tree.get("components", {}).get("securitySchemes") or {}), **(tree.get("securityDefinitions") or {})}
    found = [follow(tree, one) for one in schemes.values()]
    return {(one["in"], one["name"]) for one in found if one.get("type") == "apiKey"}


def properties(tree: Any, item: Any, operation: Any, body: Body | None) -> set[str]:
    """What a body declares at its top, in the media type that was chosen: `allOf` counts, `readOnly` does not."""
    content = follow(tree, operation.get("requestBody") or {}).get("content") or {}
    media = content.get(body.media_type, content.get("")) if body else next(iter(content.values()), None)
    own = [follow(tree, one) for one in [*(item.get("parameters") or []), *(operation.get("parameters") or [])]]
    schemas = [(media or {}).get("schema"), *(one.get("schema") for one in own if one.get("in") == "body")]
    names = {one["name"] for one in own if one.get("in") == "formData"}
    while schemas:
        schema = follow(tree, schemas.pop() or {})
        members = (schema.get("properties") or {}).items() if isinstance(schema, dict) else ()
        names |= {name for name, one in members if not follow(tree, one).get("readOnly") and not one.get("readOnly")}
        schemas += schema.get("allOf") or [] if isinstance(schema, dict) else []
    return names
