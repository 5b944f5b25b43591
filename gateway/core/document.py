"""A document's bytes to a tree of plain values, and the names of other files that it refers to. Knows no OpenAPI beyond
what tells an OpenAPI document from anything else."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from math import inf
from typing import Any, TypeAlias
from urllib.parse import urldefrag, urljoin

import msgspec

from gateway.core.broken import DocumentBroken
from gateway.core.yaml_tree import DEPTH_MAX, DIGITS_MAX, parse_yaml

__all__ = ["DocumentBroken", "Tree", "external_references", "join_uri", "parse_document", "require_openapi"]

Tree: TypeAlias = dict[str, Any]

DOCUMENT_BYTES_MAX = 64 << 20
TRAVERSED_MAX = 5_000_000

_SUPPORTED = re.compile(r"(2\.0|3\.[0-2])(\.|$|-)")
# Braces may begin YAML too: then a bare key follows, or a comment.
_LOOKS_LIKE_JSON = re.compile(r'\s*(\{\s*("|\}|$)|\[)')
# What the `mapping` of a discriminator has that is no name of a schema.
_IS_FILE = re.compile(r"^[^#]+(/|#|\.(json|ya?ml)$)")
_EXAMPLES = frozenset({"example", "examples"})
_NEWLINE = b"\n"
_STARTS = (
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\0\0\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
    (b"{\0", "utf-16-le"),
    (b"\0{", "utf-16-be"),
)


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
    tree = _parse_json(text) if _LOOKS_LIKE_JSON.match(text) else parse_yaml(text)
    if not isinstance(tree, dict):
        raise DocumentBroken("it holds no object at its root; an OpenAPI document is one.")
    return tree


def require_openapi(tree: Tree) -> str:
    """The version of an entry document: `2.0`, `3.0.3`, ... Raises DocumentBroken where it is no OpenAPI document."""
    keyword = next((key for key in ("openapi", "swagger") if tree.get(key)), "")
    if not keyword:
        raise DocumentBroken("it is no OpenAPI document: it has neither `openapi` nor `swagger` at its root.")
    version = str(tree[keyword]).strip().lower().removeprefix("v")
    if not _SUPPORTED.match(version if "." in version else f"{version}.0"):
        raise DocumentBroken(f"OpenAPI {version[:20]} is not supported; 2.0, 3.0, 3.1 and 3.2 are.", f"/{keyword}")
    if tree.get("paths") is None:
        raise DocumentBroken("it has no `paths`, so there is no operation to make a tool of.")
    return version


def external_references(tree: Tree, base_uri: str) -> frozenset[str]:
    """The absolute URIs, without fragment, of the other files that references in this tree name. Where a schema's `$id`,
    or the `$self` of all of it, says that they start from elsewhere, so do they; and from the file as well."""
    told = tree.get("$self")
    own = join_uri(base_uri, told) if isinstance(told, str) else base_uri
    names = {urldefrag(own)[0]}
    found = {urldefrag(one)[0] for one in _references(tree, base_uri, own, names)}
    return frozenset(found - names - {"", base_uri})


def join_uri(base: str, reference: str) -> str:
    """Resolve a reference (RFC 3986 section 5); one that cannot be is "". `upload:` bases have no siblings."""
    try:
        return urljoin(base, reference)
    except ValueError:
        return ""


def _decode(data: bytes) -> str:
    """UTF-8, or UTF-16 or -32 by its mark, or UTF-16 JSON without one, told by its first brace (RFC 4627 section 3)."""
    encoding = next((name for start, name in _STARTS if data.startswith(start)), "utf-8-sig")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DocumentBroken(f"it is not valid {encoding[:6].strip('-').upper()}.", f"line {line}") from error


def _parse_json(text: str) -> object:
    try:
        tree: object = _decode_json(text)
    except (RecursionError, UnicodeEncodeError) as error:
        raise DocumentBroken(f"it is nested deeper than {DEPTH_MAX} levels, or holds a lone surrogate.") from error
    except msgspec.DecodeError as error:
        raise DocumentBroken("it is not valid JSON.", _json_place(text, error)) from error
    _require_depth(tree)
    return tree


def _decode_json(text: str) -> object:
    """Numbers that are out of range are the text that they are written as, here as in YAML."""
    try:
        return msgspec.json.decode(text)
    except msgspec.ValidationError:
        return json.loads(text, parse_int=_in_range(int), parse_float=_in_range(float))


def _in_range(kind: Callable[[str], int | float]) -> Callable[[str], int | float | str]:
    def read(text: str) -> int | float | str:
        number = kind(text) if len(text) <= DIGITS_MAX else inf
        return text if abs(number) == inf else number

    return read


def _json_place(text: str, error: msgspec.DecodeError) -> str:
    """Where msgspec stopped; it counts bytes, and says nothing where the text just ends."""
    at = re.search(r"byte (\d+)", str(error))
    before = text.encode("utf-8", "replace")[: int(at[1]) if at else None]
    last_line = before[before.rfind(b"\n") + 1 :]
    return f"line {before.count(_NEWLINE) + 1}, column {len(last_line.decode('utf-8', 'replace')) + 1}"


def _require_depth(tree: object) -> None:
    level = [tree]
    for _ in range(DEPTH_MAX):
        level = [child for node in level for child in _children(node) if isinstance(child, dict | list)]
        if not level:
            return
    raise DocumentBroken(f"it is nested deeper than {DEPTH_MAX} levels.")


def _children(node: object) -> Iterable[object]:
    if isinstance(node, dict):
        return node.values()
    return node if isinstance(node, list) else ()


def _references(tree: Tree, file: str, own: str, names: set[str]) -> Iterator[str]:
    """Every reference that leads out of this file, but for those in examples; `names` are added to: what parts of the
    file call themselves. Shared values are looked at once."""
    waiting: list[tuple[object, bool, str]] = [(tree, False, own)]
    seen: set[int] = set()
    while waiting and len(seen) < TRAVERSED_MAX:
        node, is_properties, base = waiting.pop()
        if not isinstance(node, dict | list) or id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, list):
            waiting += [(item, False, base) for item in node]
            continue
        if isinstance(node.get("$id"), str):
            base = join_uri(base, node["$id"]) or base
            names.add(urldefrag(base)[0])
        for reference in _outward(node):
            yield join_uri(base, reference)
            if base != file:
                yield join_uri(file, reference)
        # A property may well be called `example`.
        waiting += [
            (value, key == "properties", base) for key, value in node.items() if is_properties or key not in _EXAMPLES
        ]


def _outward(node: Tree) -> Iterator[str]:
    """What an object refers to in other files."""
    for keyword in ("$ref", "$dynamicRef"):
        reference = node.get(keyword)
        if isinstance(reference, str) and not reference.startswith("#"):
            yield reference
    discriminator = node.get("discriminator")
    if isinstance(discriminator, dict) and isinstance(discriminator.get("mapping"), dict):
        for reference in discriminator["mapping"].values():
            if isinstance(reference, str) and _IS_FILE.search(reference):
                yield reference
