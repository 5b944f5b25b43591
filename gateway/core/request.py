"""The exact HTTP request of a call: pure, from a compiled operation and arguments. Sends nothing."""

import re
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import quote, unquote

from gateway.core.default import with_defaults
from gateway.core.http import HttpRequest
from gateway.core.operation import Operation, Parameter
from gateway.core.payload import build_body, form_field
from gateway.core.serialize import (
    UNWRITABLE,
    Unbuildable,
    Unwritable,
    as_json,
    cookie_text,
    encode,
    encode_segments,
    header_value,
    in_cookie,
    in_header,
    in_path,
    in_query,
    is_token,
    scalar,
    unbuildable,
)

__all__ = ["Unbuildable", "build_request"]

TEMPLATES_MAX = 16_384
# Headers that belong to the connection, to the body as it is built here, or to the credential: a parameter of such a
# name is not sent (OAS 3.1 section 4.8.12.2.1 for three of them; RFC 9110 sections 7.2, 7.6.1 and 8.6 for the rest).
NEVER_SENT = frozenset({"accept", "authorization", "content-type"}) | frozenset(
    {"connection", "content-length", "expect", "host", "keep-alive", "proxy-authorization", "proxy-connection"}
    | {"te", "trailer", "transfer-encoding", "upgrade"}  # codespell:ignore te
)
# What a path and a query may hold as written (RFC 3986 sections 3.3 and 3.4). A `?` in a path template starts a query.
_WRITTEN = "/:@!$&'()*+,;=%~?"
_PLACEHOLDER = re.compile(r"\{([^{}/]*)\}")
# A segment that every URL library on the way would follow, encoded or not (RFC 3986 sections 5.2.4 and 6.2.2); servers
# that know path parameters ignore what follows a `;` when they look for it, encoded or not.
_DOT_SEGMENT = re.compile(r"(?:\.|%2[eE]){1,2}(?:;.*)?")
_CLIMBS = re.compile(r"(?:^|%2F|%5C)\.\.(?:%2F|%5C|%3B|$)")
_ABSENT = object()


def build_request(operation: Operation, arguments: Mapping[str, object]) -> HttpRequest:
    """One request. Arguments have been checked against the tool's schema, and are not trusted for that; what the document
    says of required ones that are not given is sent.

    Raises Unbuildable, which names the argument: a path value that is empty or would leave its segment, a header value
    that cannot stand in a header, a file that is no base64, text that is no Unicode.
    """
    arguments = with_defaults(operation, arguments)
    values: dict[str, str] = {}
    query: list[str] = []
    headers: list[tuple[str, str]] = [("Accept", operation.accept)]
    cookies: list[str] = []
    for parameter in operation.parameters:
        value = arguments.get(parameter.argument, _ABSENT)
        if value is _ABSENT or (value is None and "json" not in parameter.media_type):
            _miss(parameter)
            continue
        try:
            match parameter.location:
                case "path":
                    values[parameter.name] = _path_text(parameter, value)
                case "query" | "querystring":
                    query.append(_query_text(parameter, value))
                case "header":
                    headers += _headers(parameter, value)
                case _:
                    cookies += _cookies(parameter, value)
        except UNWRITABLE as error:
            raise unbuildable(parameter.argument, error) from error
    if cookies:
        headers.append(("Cookie", "; ".join(cookies)))
    content = b""
    if operation.body is not None and (built := build_body(operation.body, arguments)) is not None:
        headers.append(("Content-Type", built[0]))
        content = built[1]
    return HttpRequest(operation.method, _url(operation, values, query), tuple(headers), content)


def _miss(parameter: Parameter) -> None:
    if parameter.required or parameter.location == "path":
        raise Unbuildable(parameter.argument, "required, and not null")


def _url(operation: Operation, values: Mapping[str, str], query: list[str]) -> str:
    """INVARIANT: the URL begins with the server's, and no value leaves its segment of the path."""
    base, base_query = _split_server(operation.server)
    literals, names = _split_template(operation.path)
    path = literals[0]
    for name, literal in zip(names, literals[1:], strict=True):
        path += values.get(name, "") + literal
    if names:
        _refuse_dot_segments(operation, path)
    url = base + path
    told = "&".join(filter(None, (base_query, *query)))
    if not told:
        return url
    return f"{url}{'&' if '?' in url else '?'}{told}"


def _refuse_dot_segments(operation: Operation, path: str) -> None:
    """Values hold no `/`, so a segment of the path is made from the same segment of its template; but for those of
    several segments."""
    if "/." not in path and "/%2" not in path:
        return
    wide = [one.argument for one in operation.parameters if one.name.startswith("+") and one.location == "path"]
    if wide and any(map(_DOT_SEGMENT.fullmatch, path.split("/"))):
        raise Unbuildable(wide[0], "expected something other than `.` and `..`, which would change the path")
    for segment, template in zip(path.split("/"), operation.path.split("/"), strict=False):
        if _DOT_SEGMENT.fullmatch(segment) and (names := _PLACEHOLDER.findall(template)):
            at_fault = next((one.argument for one in operation.parameters if one.name in names), names[0])
            raise Unbuildable(at_fault, "expected something other than `.` and `..`, which would change the path")


@lru_cache(maxsize=TEMPLATES_MAX)
def _split_server(server: str) -> tuple[str, str]:
    base, _, query = server.partition("?")
    return quote(base.rstrip("/"), _WRITTEN + "[]"), quote(query, _WRITTEN)


@lru_cache(maxsize=TEMPLATES_MAX)
def _split_template(path: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The literal pieces, encoded where they must be, and the names between them. What follows a `#` tells operations
    on one path apart within the document (`/files/{id}#rename`) and is no part of the path."""
    pieces = _PLACEHOLDER.split(path.partition("#")[0])
    return tuple(quote(piece, _WRITTEN) for piece in pieces[::2]), tuple(pieces[1::2])


def _path_text(parameter: Parameter, value: object) -> str:
    if parameter.media_type:
        text = encode(_content(parameter, value))
    elif parameter.name.startswith("+"):
        return _segments(value)
    else:
        text = in_path(
            parameter.name, value, parameter.style, explode=parameter.explode, allow_reserved=parameter.allow_reserved
        )
    if not text:
        raise Unwritable("expected a value that is not empty, as it is a part of the path")
    told = encode(unquote(text)) if parameter.allow_reserved else text
    if ".." in told and _CLIMBS.search(told):
        raise Unwritable("expected something other than `..` between slashes, which would change the path")
    return text


def _segments(value: object) -> str:
    """`{+name}`, which Google's documents have from RFC 6570 section 3.2.3: a value of several segments, none of which
    leads elsewhere."""
    text = encode_segments(scalar(value))
    if any(part in ("", ".", "..") for part in re.split(r"[/\\]", unquote(text))):
        raise Unwritable("expected segments that are not empty and other than `.` and `..`, with `/` between them")
    return text


def _query_text(parameter: Parameter, value: object) -> str:
    if parameter.location == "querystring":
        return _whole_query(parameter, value)
    if parameter.media_type:
        return f"{encode(parameter.name)}={encode(_content(parameter, value))}"
    text = in_query(
        parameter.name, value, parameter.style, explode=parameter.explode, allow_reserved=parameter.allow_reserved
    )
    if not text and parameter.allow_empty:
        return f"{encode(parameter.name)}="
    if parameter.required and not text:
        raise Unwritable("expected at least one value, as it is required")
    return text


def _whole_query(parameter: Parameter, value: object) -> str:
    """OAS 3.2, `in: querystring`: the whole query is one value, a form or text of its media type."""
    if isinstance(value, dict) and "json" not in parameter.media_type:
        return "&".join(filter(None, (form_field(name, member) for name, member in value.items())))
    return encode(_content(parameter, value))


def _headers(parameter: Parameter, value: object) -> list[tuple[str, str]]:
    if parameter.name.lower() in NEVER_SENT:
        return []
    if not is_token(parameter.name):
        raise Unwritable("expected to be left out: its name in the document cannot be that of a header")
    text = (
        _content(parameter, value)
        if parameter.media_type
        else in_header(value, explode=parameter.explode, style=parameter.style)
    )
    if not text and isinstance(value, list | dict):
        return []
    return [(parameter.name, header_value(text))]


def _cookies(parameter: Parameter, value: object) -> list[str]:
    """`name=value`, one for each cookie. The form style percent-encodes, the cookie style and plain content do not
    (OAS 3.1 appendix D); pairs of an exploded value are cookies of their own."""
    if not is_token(parameter.name):
        raise Unwritable("expected to be left out: its name in the document cannot be that of a cookie")
    if parameter.media_type:
        text = _content(parameter, value)
        return [f"{parameter.name}={encode(text) if 'json' in parameter.media_type else cookie_text(text)}"]
    if parameter.style == "cookie":
        return [f"{name}={text}" for name, text in in_cookie(parameter.name, value, explode=parameter.explode)]
    reserved, explode = parameter.allow_reserved, parameter.explode
    written = in_query(parameter.name, value, "form", explode=explode, allow_reserved=reserved)
    if reserved:
        written = written.replace(";", "%3B")
    if explode and isinstance(value, dict):
        return list(filter(None, written.split("&")))
    return [f"{parameter.name}={pair.partition('=')[2]}" for pair in written.split("&") if pair]


def _content(parameter: Parameter, value: object) -> str:
    """A `content` parameter: JSON, or the text itself where its media type is none of JSON."""
    return as_json(value).decode() if "json" in parameter.media_type else scalar(value)
