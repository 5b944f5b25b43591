"""A document's bytes to a tree of plain values, and the names of other files that it refers to. Knows no OpenAPI beyond
what tells an OpenAPI document from anything else."""

import re
from collections.abc import Iterator
from typing import Any, TypeAlias
from urllib.parse import urldefrag, urljoin

import msgspec
import yaml

Tree: TypeAlias = dict[str, Any]

DOCUMENT_BYTES_MAX = 64 << 20
DEPTH_MAX = 500
NODES_MAX = 20_000_000
TRAVERSED_MAX = 5_000_000

_Loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


class DocumentBroken(Exception):
    """The document as a whole cannot be read. `place` is `line 3, column 7`, a JSON Pointer, or ""."""

    def __init__(self, detail: str, place: str = "") -> None:
        super().__init__(f"{place}: {detail}" if place else detail)
        self.detail = detail
        self.place = place


def parse_document(data: bytes, name: str) -> Tree:
    """A tree of dicts with string keys, lists and scalars. JSON or YAML is told by the content, not by the name.

    YAML is read with the scalars of YAML 1.2 (core schema): no dates, no octals, and `on` and `yes` are strings.
    Raises DocumentBroken.
    """
    if len(data) > DOCUMENT_BYTES_MAX:
        raise DocumentBroken(f"it is larger than {DOCUMENT_BYTES_MAX} bytes.")
    text = _decode(data)
    if not text.strip():
        raise DocumentBroken("it is empty.")
    tree = _parse_json(text) if text.lstrip()[0] in "{[" else _parse_yaml(text)
    if not isinstance(tree, dict):
        raise DocumentBroken("it holds no object at its root; an OpenAPI document is one.")
    return tree


def require_openapi(tree: Tree) -> str:
    """The version of an entry document: `2.0`, `3.0.3`, ... Raises DocumentBroken where it is no OpenAPI document."""
    version = str(tree.get("openapi") or tree.get("swagger") or "")
    if not version:
        raise DocumentBroken("it is no OpenAPI document: it has neither `openapi` nor `swagger` at its root.")
    if not re.match(r"(2\.0|3\.[0-2])(\.|$|-)", version + ("" if "." in version else ".0")):
        raise DocumentBroken(f"OpenAPI {version[:20]} is not supported; 2.0, 3.0, 3.1 and 3.2 are.", "/openapi")
    if not isinstance(tree.get("paths", {}), dict):
        raise DocumentBroken("`paths` is no object.", "/paths")
    return version


def external_references(tree: Tree, base_uri: str) -> frozenset[str]:
    """The absolute URIs, without fragment, of the other files that `$ref`s in this tree name."""
    found = (urldefrag(join_uri(base_uri, reference))[0] for reference in _references(tree))
    return frozenset(uri for uri in found if uri and uri != base_uri)


def join_uri(base: str, reference: str) -> str:
    """Resolve a reference (RFC 3986 section 5); one that cannot be is "". `upload:` bases have no siblings."""
    try:
        return urljoin(base, reference)
    except ValueError:
        return ""


def _decode(data: bytes) -> str:
    """JSON may be UTF-8, -16 or -32 by its BOM; without one it is UTF-8 (RFC 8259 section 8.1)."""
    for mark, encoding in ((b"\xff\xfe\0\0", "utf-32"), (b"\0\0\xfe\xff", "utf-32"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            break
    else:
        encoding = "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DocumentBroken(f"it is not valid {encoding.removesuffix('-sig').upper()}.", f"line {line}") from error


def _parse_json(text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise DocumentBroken("it is not valid JSON.", _json_place(text, error)) from error
    except (RecursionError, UnicodeEncodeError) as error:
        raise DocumentBroken(f"it is nested deeper than {DEPTH_MAX} levels, or holds a lone surrogate.") from error


def _json_place(text: str, error: msgspec.DecodeError) -> str:
    at = re.search(r"byte (\d+)", str(error))
    before = text.encode("utf-8", "replace")[: int(at[1]) if at else None]
    line, newline = before.count(b"\n") + 1, before.rfind(b"\n")
    return f"line {line}, column {len(before) - newline}"


def _parse_yaml(text: str) -> object:
    """Compose with libyaml, then build our own values: a scalar comes as its text and the style it was written in."""
    loader = _Loader(text)
    try:
        return _Builder().build(loader.get_single_node())
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise DocumentBroken("it is not valid YAML.", place) from error
    except RecursionError as error:
        raise DocumentBroken(f"it is nested deeper than {DEPTH_MAX} levels.") from error
    finally:
        loader.dispose()


_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, object] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_DIGITS_MAX = 4_000


class _Builder:
    """Builds values from YAML nodes. An anchor's value is built once and shared, so aliases cost nothing; whoever walks
    the tree must bound its walk, as an alias bomb is small only as long as it is shared."""

    def __init__(self) -> None:
        self._built: dict[int, object] = {}
        self._open: set[int] = set()
        self._nodes = 0

    def build(self, node: Any, depth: int = 0) -> object:
        if node is None or isinstance(node, yaml.ScalarNode):
            return None if node is None else _scalar(node)
        if id(node) in self._built:
            return self._built[id(node)]
        self._enter(node, depth)
        value: object
        if isinstance(node, yaml.SequenceNode):
            value = [self.build(item, depth + 1) for item in node.value]
        else:
            value = self._mapping(node, depth)
        self._open.discard(id(node))
        self._built[id(node)] = value
        return value

    def _enter(self, node: Any, depth: int) -> None:
        self._nodes += len(node.value) + 1
        if depth > DEPTH_MAX or self._nodes > NODES_MAX:
            raise DocumentBroken(f"it is nested deeper than {DEPTH_MAX} levels or has too many values.", _line(node))
        if id(node) in self._open:
            raise DocumentBroken("an alias holds itself.", _line(node))
        self._open.add(id(node))

    def _mapping(self, node: Any, depth: int) -> dict[str, object]:
        built: dict[str, object] = {}
        for key_node, value_node in node.value:
            value = self.build(value_node, depth + 1)
            if not isinstance(key_node, yaml.ScalarNode):
                raise DocumentBroken("a key is no plain text.", _line(key_node))
            if key_node.value == "<<" and key_node.style is None and isinstance(value, dict):
                built = {**value, **built}
            else:
                built[key_node.value] = value
        return built


def _scalar(node: Any) -> object:
    text: str = node.value
    if node.style in ('"', "'", "|", ">") or node.tag == "tag:yaml.org,2002:str!":
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text) if len(text) <= _DIGITS_MAX else text
    return float(text) if _FLOAT.fullmatch(text) else text


def _line(node: Any) -> str:
    return f"line {node.start_mark.line + 1}, column {node.start_mark.column + 1}"


def _references(tree: Tree) -> Iterator[str]:
    """Every `$ref` that names another file. Shared values are looked at once."""
    waiting: list[object] = [tree]
    seen: set[int] = set()
    while waiting and len(seen) < TRAVERSED_MAX:
        node = waiting.pop()
        if not isinstance(node, dict | list) or id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, list):
            waiting += node
            continue
        reference = node.get("$ref")
        if isinstance(reference, str) and not reference.startswith("#"):
            yield reference
        waiting += node.values()
