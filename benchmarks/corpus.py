"""Real documents, read where they lie, and what they declare, counted by a walk of its own that shares nothing with the
compiler: the measure that every contestant of `ingest.py` is held against.

A corpus is a folder with a `manifest.json`: a list of `{"file": ..., "entry": ...}`, where a file is one gzipped document,
or a .tar.gz of many files of which `entry` is the first.
"""

import gzip
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urldefrag, urljoin

from gateway.core.document import external_references, parse_document
from gateway.core.references import Documents

CORPUS = Path(__file__).parent.parent.parent / "shared" / "specs"
BASE = "https://documents.example/"
METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace", "query"})
MEDIA_TYPES = ("json", "x-www-form-urlencoded", "multipart")
FOLLOWED_MAX = 50
# Never arguments: what the specification reserves (OAS 3.1 section 4.8.12.1), and what a connection writes by itself.
NO_INPUTS = frozenset({"authorization", "accept", "content-type", "host", "content-length", "connection", "cookie",
                       "accept-encoding", "expect", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade",
                       "proxy-authorization", "proxy-connection"})  # fmt: skip

Trees = dict[str, Any]


class Declared(NamedTuple):
    """One operation: its inputs as (location, name), header names in lower case; `body` are the top-level properties."""

    inputs: frozenset[tuple[str, str]]
    body: frozenset[str]


def read_corpus(folder: Path) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Each document's name, and its files by URI, the entry first. Raises SystemExit where there is no such folder."""
    if not (folder / "manifest.json").is_file():
        raise SystemExit(f"There is no {folder}/manifest.json: name a folder that holds documents and one.")
    for row in json.loads((folder / "manifest.json").read_text()):
        path = folder / row["file"]
        if not path.name.endswith(".tar.gz"):
            yield row["file"], {BASE + path.name.removesuffix(".gz"): gzip.decompress(path.read_bytes())}
            continue
        with tarfile.open(path) as archive:
            every = {BASE + one.name: archive.extractfile(one).read() for one in archive.getmembers() if one.isfile()}
        entry = BASE + row["entry"]
        yield row["file"], {entry: every.pop(entry)} | every


def read_documents(files: dict[str, bytes]) -> Documents:
    """As the compiler takes them, by our own parser: the entry, and what it refers to among these files."""
    entry = next(iter(files))
    trees, waiting = {}, [entry]
    while waiting:
        uri = waiting.pop()
        if uri in files and uri not in trees:
            trees[uri] = parse_document(files[uri], uri)
            waiting += external_references(trees[uri], uri)
    return Documents(entry, trees)


def parse_plainly(files: dict[str, bytes]) -> Trees:
    """Every file that can be read, by URI, with other parsers than ours (libyaml's strings only)."""
    import yaml

    trees: Trees = {}
    for uri, data in files.items():
        try:
            is_json = data.lstrip()[:1] == b"{"
            trees[uri] = json.loads(data) if is_json else yaml.load(data, getattr(yaml, "CBaseLoader", yaml.BaseLoader))
        except (ValueError, yaml.YAMLError):
            continue
    return trees


def declared_operations(trees: Trees) -> dict[str, Declared]:
    """What the entry, the first of these, declares, by `METHOD /path`."""
    entry, tree = next(iter(trees.items()))
    walk = _Walk(trees)
    hidden = walk.credentials(entry, tree)
    found: dict[str, Declared] = {}
    for path, told in (tree.get("paths") or {}).items():
        uri, item = walk.follow(entry, told)
        for method in METHODS & item.keys() if isinstance(item, dict) else ():
            there, operation = walk.follow(uri, item[method])
            if isinstance(operation, dict):
                listed = [*walk.listed(uri, item.get("parameters")), *walk.listed(there, operation.get("parameters"))]
                inputs = frozenset(walk.inputs(path, listed) - hidden)
                found[f"{method.upper()} {path}"] = Declared(inputs, frozenset(walk.body(there, operation, listed)))
    return found


class _Walk:
    """Follows `$ref`s through these files, one at a time."""

    def __init__(self, trees: Trees) -> None:
        self._trees = trees

    def follow(self, uri: str, node: Any) -> tuple[str, Any]:
        """What a node refers to, and the file in which that stands; {} where that leads nowhere."""
        for _ in range(FOLLOWED_MAX):
            if not isinstance(node, dict) or not isinstance(node.get("$ref"), str):
                return uri, node
            file, fragment = urldefrag(urljoin(uri, node["$ref"]))
            uri, node = file or uri, self._trees.get(file or uri)
            for token in unquote(fragment).split("/")[1:]:
                key = token.replace("~1", "/").replace("~0", "~")
                node = node.get(key) if isinstance(node, dict) else None
                uri, node = self.follow(uri, node)
        return uri, {}

    def listed(self, uri: str, parameters: Any) -> list[tuple[str, Any]]:
        found = [self.follow(uri, one) for one in parameters or [] if isinstance(parameters, list)]
        return [(file, one) for file, one in found if isinstance(one, dict) and one.get("name")]

    def inputs(self, path: str, listed: list[tuple[str, Any]]) -> set[tuple[str, str]]:
        """Parameters but for bodies; one of the path that the path does not have is none."""
        found = {
            _key(one["in"], str(one["name"])) for _, one in listed if one.get("in") not in (None, "body", "formData")
        }
        found -= {("header", name) for name in NO_INPUTS}
        return {(where, name) for where, name in found if where != "path" or f"{{{name}}}" in path}

    def credentials(self, uri: str, tree: Any) -> set[tuple[str, str]]:
        declared = {
            **((tree.get("components") or {}).get("securitySchemes") or {}),
            **(tree.get("securityDefinitions") or {}),
        }
        schemes = [self.follow(uri, one)[1] for one in declared.values()]
        return {
            _key(one["in"], one["name"]) for one in schemes if isinstance(one, dict) and one.get("type") == "apiKey"
        }

    def body(self, uri: str, operation: Any, listed: list[tuple[str, Any]]) -> set[str]:
        """Top-level properties of a body as JSON, else as a form, else as multipart; those of `allOf` too, not readOnly."""
        names = {str(one["name"]) for _, one in listed if one.get("in") == "formData"}
        waiting = [(file, one.get("schema")) for file, one in listed if one.get("in") == "body"]
        there, told = self.follow(uri, operation.get("requestBody"))
        content = (told.get("content") if isinstance(told, dict) else None) or {}
        chosen = next((one for kind in MEDIA_TYPES for name, one in content.items() if kind in name.lower()), None)
        waiting += [(there, chosen.get("schema"))] if isinstance(chosen, dict) else []
        for _ in range(FOLLOWED_MAX):
            if not waiting:
                break
            file, schema = self.follow(*waiting.pop())
            if isinstance(schema, dict):
                names |= {name for name, one in _members(schema) if not self._is_read_only(file, one)}
                waiting += [(file, one) for one in schema.get("allOf") or []]
        return names

    def _is_read_only(self, uri: str, node: Any) -> bool:
        return any(
            isinstance(one, dict) and one.get("readOnly") in (True, "true") for one in (node, self.follow(uri, node)[1])
        )


def _members(schema: Any) -> list[tuple[str, Any]]:
    properties = schema.get("properties")
    return list(properties.items()) if isinstance(properties, dict) else []


def _key(where: Any, name: str) -> tuple[str, str]:
    return str(where), name.lower() if where == "header" else name
