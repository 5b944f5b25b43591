"""Media types, as far as they decide how a body is written or read."""

import re
from typing import Literal

URLENCODED, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"

MEDIA_TYPE_CHARACTERS_MAX = 200

Family = Literal["json", "form", "multipart", "xml", "text", "binary"]

EVENT_STREAM = "text/event-stream"
# One JSON value after another (OAS 3.2 section 4.14.4).
SEQUENTIAL_TYPES = frozenset(
    {EVENT_STREAM, "application/jsonl", "application/ndjson", "application/x-ndjson", "application/json-seq"}
    | {"application/x-jsonlines", "application/stream+json", "application/x-json-stream"}
)
_JSON = frozenset({"application/json", "text/json", "*/*", "application/*", ""})
_XML = frozenset({"application/xml", "text/xml"})
_TEXT = frozenset(
    {
        "application/graphql",
        "application/javascript",
        "application/jwt",
        "application/sql",
        "application/x-yaml",
        "application/yaml",
    }
)
_MEDIA_TYPE = re.compile(
    r"[a-zA-Z0-9!#$&^_.+*-]+/[a-zA-Z0-9!#$&^_.+*-]+"
    r"( *; *[a-zA-Z0-9!#$%&'*+.^_`|~-]+=([a-zA-Z0-9!#$%&'*+.^_`|~-]+|\"[a-zA-Z0-9 !#$%&'()*+,./:;<=>?@^_`{|}~-]*\"))*"
)


def is_media_type(text: object) -> bool:
    """Whether this can stand in a Content-Type or an Accept header (RFC 9110 section 8.3.1), wildcards too."""
    return isinstance(text, str) and len(text) <= MEDIA_TYPE_CHARACTERS_MAX and bool(_MEDIA_TYPE.fullmatch(text))


def essence(media_type: str) -> str:
    """`type/subtype` in lower case, without parameters."""
    return media_type.partition(";")[0].strip().lower()


def family_of(media_type: str) -> Family:
    """How a media type is written and read. A wildcard, and none at all, are taken for JSON."""
    kind = essence(media_type)
    if kind in SEQUENTIAL_TYPES:
        return "text"
    if kind in _JSON or kind.endswith("+json"):
        return "json"
    if kind in (URLENCODED, MULTIPART):
        return "form" if kind == URLENCODED else "multipart"
    if kind in _XML or kind.endswith("+xml"):
        return "xml"
    return "text" if kind.startswith("text/") or kind in _TEXT else "binary"
