"""Where an operation's requests go: operation, path item, document, in that order (OAS 3.1 section 4.8.5)."""

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from gateway.core.document import join_uri
from gateway.core.mend import servers_meant
from gateway.core.references import At, Malformed, is_reference
from gateway.core.source import Source

_HOST = re.compile(r"([a-zA-Z0-9._~-]+|\[[0-9a-fA-F:.]+\])(:[0-9]{1,5})?")
URL_CHARACTERS_MAX = 2_000
# Browsers and other readers leave out tabs and line ends, and take a backslash for a slash: then it is another host.
_ODD = re.compile(r"[\x00-\x1f\x7f\\]")
_VARIABLE = re.compile(r"\{([^{}]*)\}")


def server_of(levels: Sequence[list[Any] | None], document_uri: str, base_url: str, place: str) -> str:
    """The absolute URL, variables filled in and without a trailing slash.

    `levels` are the server lists of the operation, its path item and the document; the nearest that has any counts.
    `base_url`, where it is set, takes the place of the document's servers, and of any server that is not on its origin.
    Raises Malformed `no-server`.
    """
    base = _usable(base_url.strip()) if base_url else ""
    if base_url and not base:
        raise Malformed("no-server", place, "`base_url` in the manifest must be an absolute http or https URL.")
    listed = next((level for level in (levels[:-1] if base else levels) if level), [{"url": "/"}] if not base else [])
    urls = (_absolute(server, f"{base}/" if base else document_uri) for server in listed)
    url = next((url for url in urls if url and (not base or _origin(url) == _origin(base))), base)
    if not url:
        raise Malformed(
            "no-server", place, "the document does not say where the service is; set `base_url` in the manifest."
        )
    return url


def _absolute(server: Any, document_uri: str) -> str:
    """One server's URL, or "" where it is none that can be called."""
    if not isinstance(server, dict) or not isinstance(server.get("url"), str):
        return ""
    url = server["url"].strip()
    filled = _fill(url, server.get("variables")) if len(url) <= URL_CHARACTERS_MAX else url
    if len(filled) > URL_CHARACTERS_MAX or _ODD.search(filled):
        return ""
    return _usable(join_uri(document_uri, filled))


def _usable(url: str) -> str:
    """The URL without a fragment and a trailing slash; "" where it is no http URL, one that carries a password, or one that
    readers of URLs do not agree about."""
    if _ODD.search(url):
        return ""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.port != 0 and parts.username is None
    except ValueError:
        return ""
    if not usable or not _HOST.fullmatch(parts.netloc) or "{" in url:
        return ""
    path = quote(parts.path.rstrip("/"), "/%:@!$&'()*+,;=~")
    return urlunsplit((parts.scheme, parts.netloc, path, quote(parts.query, "/%:@!$&'()*+,;=~?"), ""))


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


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


def server_list(source: Source, at: At) -> list[Any] | None:
    """The `servers` of a document, a path item or an operation, if it has any."""
    listed = source.meant(at, "servers", servers_meant) if at.value.get("servers") else None
    return [_settled(source, at, one) for one in listed] if listed else None


def _settled(source: Source, at: At, server: Any) -> Any:
    if not is_reference(server):
        return server
    found = source.followed(at.child("servers")._replace(value=server))
    return found.value if found else None
