"""Where an operation's requests go: operation, path item, document, in that order (OAS 3.1 section 4.8.5)."""

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urljoin, urlsplit, urlunsplit

from gateway.core.references import At, Malformed

_VARIABLE = re.compile(r"\{([^{}]*)\}")


def server_of(levels: Sequence[list[Any] | None], document_uri: str, base_url: str, place: str) -> str:
    """The absolute URL, variables filled in and without a trailing slash.

    `levels` are the server lists of the operation, its path item and the document; the nearest that has any counts.
    `base_url`, where it is set, takes the place of all of them. Raises Malformed `no-server`.
    """
    if base_url:
        return base_url.rstrip("/")
    listed = next((level for level in levels if level), [{"url": "/"}])
    for server in listed:
        url = _absolute(server, document_uri)
        if url:
            return url
    raise Malformed("no-server", place, "the document does not say where the service is; set `base_url` in the manifest.")


def _absolute(server: Any, document_uri: str) -> str:
    """One server's URL, or "" where it is none that can be called."""
    if not isinstance(server, dict) or not isinstance(server.get("url"), str):
        return ""
    try:
        joined = urljoin(document_uri, _fill(server["url"].strip(), server.get("variables")))
        parts = urlsplit(joined)
        usable = parts.scheme in ("http", "https") and parts.hostname and "{" not in joined and not parts.username
    except ValueError:
        return ""
    return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), parts.query, "")) if usable else ""


def _fill(url: str, variables: Any) -> str:
    """Variables by their defaults, or by the first value of their enum."""

    def value(match: re.Match[str]) -> str:
        variable = variables.get(match[1]) if isinstance(variables, dict) else None
        if not isinstance(variable, dict):
            return match[0]
        listed = variable.get("enum")
        default = variable.get("default", listed[0] if isinstance(listed, list) and listed else None)
        return str(default) if isinstance(default, str | int | float) else match[0]

    return _VARIABLE.sub(value, url)


def server_list(at: At) -> list[Any] | None:
    """The `servers` of a document, a path item or an operation, if it has any."""
    listed = at.value.get("servers")
    return listed if isinstance(listed, list) and listed else None
