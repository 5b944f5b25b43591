"""The exact HTTP request of a call: pure, from a compiled operation and arguments. Sends nothing."""

import re
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import quote, unquote

import msgspec

from gateway.core.http import HttpRequest
from gateway.core.operation import Operation, Parameter
from gateway.core.payload import build_body
from gateway.core.serialize import Unbuildable, in_header, in_path, in_query, scalar

__all__ = ["Unbuildable", "build_request"]

TEMPLATES_MAX = 16_384
# What a path may hold as written (RFC 3986 section 3.3), and `?`, since some documents put a query into their paths.
_LITERAL = "/:@!$&'()*+,;=%~?"
_PLACEHOLDER = re.compile(r"\{([^{}/]*)\}")
_UNFIT_HEADER = re.compile(r"[^\t\x20-\x7e\x80-\xff]")
_UNFIT_COOKIE = re.compile(r"[^\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]")


def build_request(operation: Operation, arguments: Mapping[str, object]) -> HttpRequest:
    """One request. Arguments have been checked against the tool's schema, and are not trusted for that.

    Raises Unbuildable, which names the argument: a path value that is empty or would leave its segment, a header value
    that cannot stand in a header, a file that is no base64, text that is no Unicode.
    """
    values: dict[str, str] = {}
    query: list[str] = []
    headers: list[tuple[str, str]] = [("Accept", operation.accept)]
    cookies: list[str] = []
    for parameter in operation.parameters:
        value = arguments.get(parameter.argument)
        if value is None:
            if parameter.required:
                raise Unbuildable(parameter.argument, "required, and not null")
            continue
        try:
            match parameter.location:
                case "path":
                    values[parameter.name] = _path_value(parameter, value)
                case "query" | "querystring":
                    query.append(_query_text(parameter, value))
                case "header":
                    headers.append((parameter.name, _header_text(parameter, value)))
                case "cookie":
                    cookies.append(_cookie_text(parameter, value))
        except UnicodeEncodeError as error:
            raise Unbuildable(parameter.argument, "expected text without lone surrogates") from error
    if cookies:
        headers.append(("Cookie", "; ".join(filter(None, cookies))))
    content = b""
    if operation.body is not None and (built := build_body(operation.body, arguments)) is not None:
        headers.append(("Content-Type", built[0]))
        content = built[1]
    return HttpRequest(operation.method, _url(operation, values, query), tuple(headers), content)


def _url(operation: Operation, values: Mapping[str, str], query: list[str]) -> str:
    base, base_query = _split_server(operation.server)
    literals, names = _split_template(operation.path)
    path = literals[0] + "".join(values[name] + literal for name, literal in zip(names, literals[1:], strict=True))
    if names and "/." in path and not {".", ".."}.isdisjoint(path.split("/")):
        raise Unbuildable(operation.parameters[0].argument, "expected something other than a dot segment")
    url = base + path
    told = "&".join(filter(None, [base_query, *query]))
    if not told:
        return url
    return f"{url}{'&' if '?' in url else '?'}{told}"


@lru_cache(maxsize=TEMPLATES_MAX)
def _split_server(server: str) -> tuple[str, str]:
    base, _, query = server.partition("?")
    return base.rstrip("/"), query


@lru_cache(maxsize=TEMPLATES_MAX)
def _split_template(path: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The literal pieces, encoded where they must be, and the names between them."""
    pieces = _PLACEHOLDER.split(path)
    return tuple(quote(piece, _LITERAL) for piece in pieces[::2]), tuple(pieces[1::2])


def _path_value(parameter: Parameter, value: object) -> str:
    """INVARIANT: a value stays within its segment. `/`, `?` and `#` are encoded; a dot segment is refused, because every
    URL library on the way would follow it, encoded or not (RFC 3986 section 6.2.2.3)."""
    if parameter.media_type:
        text = quote(_content_text(parameter, value), "")
    else:
        text = in_path(parameter.name, value, parameter.style, explode=parameter.explode)
    if not text or (parameter.style == "label" and text == "."):
        raise Unbuildable(parameter.argument, "expected a value that is not empty, as it is a part of the path")
    if unquote(text) in (".", ".."):
        raise Unbuildable(parameter.argument, "expected something other than a dot segment")
    return text


def _query_text(parameter: Parameter, value: object) -> str:
    if parameter.location == "querystring":
        return _whole_query(parameter, value)
    if parameter.media_type:
        return f"{quote(parameter.name, '')}={quote(_content_text(parameter, value), '')}"
    return in_query(
        parameter.name, value, parameter.style, explode=parameter.explode, allow_reserved=parameter.allow_reserved
    )


def _whole_query(parameter: Parameter, value: object) -> str:
    """OAS 3.2, `in: querystring`: the whole query is one value, a form or text of its media type."""
    if isinstance(value, dict) and "json" not in parameter.media_type:
        return "&".join(filter(None, (in_query(name, one, "form", explode=True) for name, one in value.items())))
    return quote(_content_text(parameter, value), "")


def _header_text(parameter: Parameter, value: object) -> str:
    text = _content_text(parameter, value) if parameter.media_type else in_header(value, explode=parameter.explode)
    if _UNFIT_HEADER.search(text):
        raise Unbuildable(parameter.argument, "expected one line of Latin-1 text, as it is sent in a header")
    return text.strip(" \t")


def _cookie_text(parameter: Parameter, value: object) -> str:
    name = quote(parameter.name, "!#$&'*+^`|~")
    if parameter.media_type:
        return f"{name}={quote(_content_text(parameter, value), '')}"
    if parameter.style != "cookie":
        told = in_query(parameter.name, value, "form", explode=parameter.explode)
        return told.replace("&", "; ")
    items = value if isinstance(value, list) and parameter.explode else [value]
    texts = [in_header(item, explode=parameter.explode) for item in items]
    if any(_UNFIT_COOKIE.search(text) for text in texts):
        raise Unbuildable(parameter.argument, "expected text without spaces, quotes, commas or semicolons")
    return "; ".join(f"{name}={text}" for text in texts)


def _content_text(parameter: Parameter, value: object) -> str:
    """A `content` parameter: JSON, or the text itself where its media type is none of JSON."""
    if "json" not in parameter.media_type and isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode() if "json" in parameter.media_type else scalar(value)
