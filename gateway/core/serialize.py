"""Values to text in the styles of OpenAPI (OAS 3.1 section 4.8.12.2, RFC 6570): one small function a style and a location.

What a style leaves open is settled here: null is left out; a list or an object inside another is written as JSON, except
in deepObject, whose lists have indexes (`a[b][0]=x`, as the `qs` of most servers reads them).
"""

from collections.abc import Iterator, Mapping
from urllib.parse import quote

import msgspec

from gateway.core.operation import Style

# allowReserved keeps these. `&`, `=`, `+`, `#`, `[` and `]` are encoded all the same: in a query they would mean something.
RESERVED_KEPT = ":/?@!$'()*,;"
EXACT_INTEGER_MAX = 2**53
DEEP_LEVELS_MAX = 32

Pairs = Iterator[tuple[str, str]]
_DELIMITERS: Mapping[Style, str] = {"spaceDelimited": "%20", "pipeDelimited": "%7C", "tabDelimited": "%09"}


class Unbuildable(Exception):
    """An argument whose value cannot be put on the wire: which, and what was expected of it."""

    def __init__(self, argument: str, expected: str) -> None:
        super().__init__(f"{argument}: {expected}")
        self.argument = argument
        self.expected = expected


def scalar(value: object) -> str:
    """One value as text, as JSON writes it: `true`, exact integers, `1e22`; a whole number without `.0`."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) <= EXACT_INTEGER_MAX:
        return str(int(value))
    return "" if value is None else msgspec.json.encode(value).decode()


def in_path(name: str, value: object, style: Style, *, explode: bool) -> str:
    """The text that takes the place of `{name}`: simple, label or matrix."""
    match style:
        case "label":
            return "." + _joined(value, "." if explode else ",", explode=explode)
        case "matrix":
            return _matrix(name, value, explode=explode)
        case _:
            return _joined(value, ",", explode=explode)


def in_header(value: object, *, explode: bool) -> str:
    """The simple style, without percent-encoding."""
    return _joined(value, ",", explode=explode, encode=str)


def in_query(name: str, value: object, style: Style, *, explode: bool, allow_reserved: bool = False) -> str:
    """`name=value&...`, percent-encoded; "" where there is nothing to send (null, an empty list or object)."""
    safe = RESERVED_KEPT if allow_reserved else ""
    if style == "deepObject" and isinstance(value, dict | list):
        return "&".join(f"{quote(key, '')}={quote(text, safe)}" for key, text in deep_pairs(name, value))
    if isinstance(value, list):
        return _listed(name, value, style, safe, explode=explode)
    if isinstance(value, dict):
        return _object(name, value, style, safe, explode=explode)
    return "" if value is None else f"{quote(name, '')}={quote(scalar(value), safe)}"


def deep_pairs(name: str, value: object, depth: int = 0) -> Pairs:
    """`name[key][...]` and the text of each leaf, not yet encoded."""
    if depth > DEEP_LEVELS_MAX:
        raise Unbuildable(name.partition("[")[0], f"expected at most {DEEP_LEVELS_MAX} levels")
    if isinstance(value, dict):
        for key, member in value.items():
            yield from deep_pairs(f"{name}[{key}]", member, depth + 1)
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from deep_pairs(f"{name}[{index}]", member, depth + 1)
    elif value is not None:
        yield name, scalar(value)


def _listed(name: str, value: list[object], style: Style, safe: str, *, explode: bool) -> str:
    texts = [quote(scalar(item), safe) for item in value if item is not None]
    key = quote(name, "")
    if explode:
        return "&".join(f"{key}={text}" for text in texts)
    return f"{key}={_DELIMITERS.get(style, ',').join(texts)}" if texts else ""


def _object(name: str, value: dict[str, object], style: Style, safe: str, *, explode: bool) -> str:
    members = [(quote(key, ""), quote(scalar(member), safe)) for key, member in value.items() if member is not None]
    if explode:
        return "&".join(f"{key}={text}" for key, text in members)
    flat = [text for member in members for text in member]
    return f"{quote(name, '')}={_DELIMITERS.get(style, ',').join(flat)}" if flat else ""


def _encoded(text: str) -> str:
    return quote(text, "")


def _joined(value: object, delimiter: str, *, explode: bool, encode: object = _encoded) -> str:
    put = encode if callable(encode) else _encoded
    if isinstance(value, list):
        return delimiter.join(put(scalar(item)) for item in value if item is not None)
    if isinstance(value, dict):
        between = "=" if explode else ","
        members = ((put(key), put(scalar(member))) for key, member in value.items() if member is not None)
        return delimiter.join(f"{key}{between}{text}" for key, text in members)
    return str(put(scalar(value)))


def _matrix(name: str, value: object, *, explode: bool) -> str:
    key = _encoded(name)
    if explode and isinstance(value, list):
        return "".join(f";{key}={_encoded(scalar(item))}" for item in value if item is not None)
    if explode and isinstance(value, dict):
        return "".join(f";{_encoded(one)}={_encoded(scalar(member))}" for one, member in value.items() if member is not None)
    text = _joined(value, ",", explode=False)
    return f";{key}={text}" if text else f";{key}"
