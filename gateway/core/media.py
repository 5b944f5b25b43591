"""Media types, as far as they decide how a body is written or read."""

from typing import Literal

URLENCODED, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"

Family = Literal["json", "form", "multipart", "xml", "text", "binary"]

_JSON = frozenset({"application/json", "text/json", "*/*", "application/*", ""})
_XML = frozenset({"application/xml", "text/xml"})
_TEXT = frozenset(
    {"application/x-ndjson", "application/jsonl", "application/graphql", "application/yaml", "application/x-yaml"}
)


def essence(media_type: str) -> str:
    """`type/subtype` in lower case, without parameters."""
    return media_type.partition(";")[0].strip().lower()


def family_of(media_type: str) -> Family:
    """How a media type is written and read. A wildcard, and none at all, are taken for JSON."""
    kind = essence(media_type)
    if kind in _JSON or kind.endswith("+json"):
        return "json"
    if kind in (URLENCODED, MULTIPART):
        return "form" if kind == URLENCODED else "multipart"
    if kind in _XML or kind.endswith("+xml"):
        return "xml"
    return "text" if kind.startswith("text/") or kind in _TEXT else "binary"
