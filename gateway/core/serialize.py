"""Values to text in the styles of OpenAPI (OAS 3.1 section 4.8.12, RFC 6570): one function a place. Knows no request.

What the styles leave open is settled here:
- null is undefined, and left out, as RFC 6570 section 2.3 has it; so are a list and an object with nothing in them;
- a list or an object inside another is written as JSON, except in deepObject, whose lists have indexes (`a[b][0]=x`):
  the form that PHP, `qs` and Stripe read, and the only one in which a list of objects keeps its objects apart;
- `explode` with a delimited style repeats the name, as form does; deepObject is the same with and without it;
- where what stands between values would be taken for a part of one, and has no encoding, the value is refused;
- `allowReserved` of a path and of a cookie (OAS 3.2) keeps what means nothing there.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from math import isfinite
from urllib.parse import quote

import msgspec

from gateway.core.operation import Style

# allowReserved keeps these. `&`, `+`, `#`, `[` and `]` are encoded all the same: in a query they would mean something,
# and OAS 3.1 section 4.8.12.2.2 leaves that to us.
RESERVED_KEPT = ":/?@!$'()*,;="
# In a path a `/`, `?` or `#` would end its segment (OAS 3.2 section 4.12.2.2), and the others stand between values.
RESERVED_KEPT_IN_PATH = ":@!$&'()*+"
EXACT_INTEGER_MAX = 2**53
DEEP_LEVELS_MAX = 32

_IS_UNRESERVED = re.compile(r"[A-Za-z0-9_.~-]*").fullmatch
_IS_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch
_IS_COOKIE_TEXT = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*").fullmatch  # RFC 6265 section 4.1.1
_UNFIT_HEADER = re.compile(r"[^\t\x20-\x7e\xa0-\xff]")
_LONE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_DELIMITERS: Mapping[Style, tuple[str, str, str]] = {
    "spaceDelimited": (" ", "%20", "a space"),
    "pipeDelimited": ("|", "%7C", "`|`"),
    "tabDelimited": ("\t", "%09", "a tab"),
}

Encode = Callable[[str], str]


class Unbuildable(Exception):
    """An argument whose value cannot be put on the wire: which, and what was expected of it."""

    def __init__(self, argument: str, expected: str) -> None:
        super().__init__(f"{argument}: {expected}")
        self.argument = argument
        self.expected = expected


class Unwritable(Exception):
    """A value that has no form on the wire: what was expected. Whoever knows the argument makes it Unbuildable."""

    def __init__(self, expected: str) -> None:
        super().__init__(expected)
        self.expected = expected


# What writing a foreign value may raise: ours, a lone surrogate, nesting without end.
UNWRITABLE = (Unwritable, UnicodeEncodeError, RecursionError)


def unbuildable(argument: str, error: Exception) -> Unbuildable:
    """What an exception of UNWRITABLE means for an argument."""
    match error:
        case Unwritable(expected=expected):
            return Unbuildable(argument, expected)
        case UnicodeEncodeError():
            return Unbuildable(argument, "expected text without lone surrogates")
        case _:
            return Unbuildable(argument, "expected fewer levels of nesting")


def encode(text: str) -> str:
    """Percent-encoded, everything but the unreserved characters of RFC 3986 section 2.3."""
    return text if _IS_UNRESERVED(text) else quote(text, "")


def encode_reserved(text: str) -> str:
    """Reserved expansion (RFC 6570 section 3.2.3): RESERVED_KEPT and what is percent-encoded already stay as is."""
    return quote(_LONE_PERCENT.sub("%25", text), RESERVED_KEPT + "%")


def encode_reserved_in_path(text: str) -> str:
    """Reserved expansion as far as a path has room for it: RESERVED_KEPT_IN_PATH and what is percent-encoded stay."""
    return quote(_LONE_PERCENT.sub("%25", text), RESERVED_KEPT_IN_PATH + "%")


def encode_segments(text: str) -> str:
    """As `encode_reserved_in_path`, for several segments of a path: `/` and what else a path may hold stay too."""
    return quote(_LONE_PERCENT.sub("%25", text), RESERVED_KEPT_IN_PATH + "/,;=%")


def as_json(value: object) -> bytes:
    """JSON, compact, keys in the caller's order, integers exact. NaN and infinity, which msgspec would write as null,
    are refused."""
    encoded = msgspec.json.encode(value)
    if b"null" in encoded and not _is_finite(value):
        raise Unwritable("expected finite numbers")
    return encoded


def scalar(value: object) -> str:
    """One value as text, as JSON writes it: `true`, exact integers, `1e22`; a whole number without `.0`."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) <= EXACT_INTEGER_MAX:
        return str(int(value))
    return "" if value is None else as_json(value).decode()


def is_undefined(value: object) -> bool:
    """RFC 6570 section 2.3: nothing to send."""
    if isinstance(value, list):
        return all(item is None for item in value)
    if isinstance(value, dict):
        return all(member is None for member in value.values())
    return value is None


def in_path(name: str, value: object, style: Style, *, explode: bool, allow_reserved: bool = False) -> str:
    """The text that takes the place of `{name}`: simple, label or matrix, or a list of Swagger 2.0 with other delimiters;
    "" where the value is undefined."""
    if is_undefined(value):
        return ""
    put = encode_reserved_in_path if allow_reserved else encode
    match style:
        case "label":
            return "." + _joined(value, "." if explode else ",", explode=explode, put=put)
        case "matrix":
            return _matrix(encode(name), value, put, explode=explode)
        case "spaceDelimited" | "pipeDelimited" | "tabDelimited" if isinstance(value, list):
            return _delimited([scalar(item) for item in value if item is not None], style, put)
        case _:
            return _joined(value, ",", explode=explode, put=put)


def in_header(value: object, *, explode: bool, style: Style = "simple") -> str:
    """The simple style, or a list of Swagger 2.0 with other delimiters, without percent-encoding, which no reader of headers
    would undo (OAS 3.1 appendix D): so what stands between values cannot be in one of several. Raises Unwritable."""
    if style in _DELIMITERS and isinstance(value, list):
        texts = [scalar(item) for item in value if item is not None]
        _delimited(texts, style, str)
        return _DELIMITERS[style][0].join(texts)
    return _joined(value, ",", explode=explode, put=_header_item if isinstance(value, list | dict) else str)


def _header_item(text: str) -> str:
    if "," in text:
        raise Unwritable("expected values without a comma, which is what stands between them")
    return text


def header_value(text: str) -> str:
    """The text as the value of a header (RFC 9110 section 5.5). Raises Unwritable where it is no line of Latin-1."""
    if _UNFIT_HEADER.search(text):
        raise Unwritable("expected one line of Latin-1 text, as it is sent in a header")
    return text.strip(" \t")


def in_query(name: str, value: object, style: Style, *, explode: bool, allow_reserved: bool = False) -> str:
    """`name=value&...`, percent-encoded; "" where the value is undefined. The one of `form` is also for cookies."""
    put = encode_reserved if allow_reserved else encode
    if style == "deepObject" and isinstance(value, dict | list):
        return "&".join(f"{encode(key)}={put(text)}" for key, text in _deep_pairs(name, value))
    if isinstance(value, list):
        return _listed(encode(name), value, style, put, explode=explode)
    if isinstance(value, dict):
        return _object(encode(name), value, style, put, explode=explode)
    return "" if value is None else f"{encode(name)}={put(scalar(value))}"


def in_cookie(name: str, value: object, *, explode: bool) -> list[tuple[str, str]]:
    """The pairs of the `cookie` style of OAS 3.2, which percent-encodes nothing; a value that would need it is refused.
    [] where the value is undefined."""
    if is_undefined(value):
        return []
    if explode and isinstance(value, list):
        return [(name, cookie_text(scalar(item))) for item in value if item is not None]
    if explode and isinstance(value, dict):
        return [(_cookie_name(key), cookie_text(scalar(one))) for key, one in value.items() if one is not None]
    return [(name, _joined(value, ",", explode=False, put=cookie_text))]


def cookie_text(text: str) -> str:
    """The text, where it can be the value of a cookie as it is. Raises Unwritable."""
    if not _IS_COOKIE_TEXT(text):
        raise Unwritable("expected ASCII text without space, quote, comma, semicolon and backslash, as it is a cookie")
    return text


def _cookie_name(name: str) -> str:
    if not is_token(name):
        raise Unwritable("expected members with names that can be those of cookies")
    return name


def is_token(text: str) -> bool:
    """RFC 9110 section 5.6.2: what the name of a header or a cookie is made of."""
    return _IS_TOKEN(text) is not None


def _deep_pairs(name: str, value: object, depth: int = 0) -> Iterator[tuple[str, str]]:
    """`name[key][...]` and the text of each leaf, not yet encoded."""
    if depth > DEEP_LEVELS_MAX:
        raise Unwritable(f"expected at most {DEEP_LEVELS_MAX} levels")
    if isinstance(value, dict):
        for key, member in value.items():
            yield from _deep_pairs(f"{name}[{key}]", member, depth + 1)
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from _deep_pairs(f"{name}[{index}]", member, depth + 1)
    elif value is not None:
        yield name, scalar(value)


def _listed(key: str, value: list[object], style: Style, put: Encode, *, explode: bool) -> str:
    texts = [scalar(item) for item in value if item is not None]
    if explode:
        return "&".join(f"{key}={put(text)}" for text in texts)
    return f"{key}={_delimited(texts, style, put)}" if texts else ""


def _object(key: str, value: dict[str, object], style: Style, put: Encode, *, explode: bool) -> str:
    members = [(one, scalar(member)) for one, member in value.items() if member is not None]
    if explode:
        return "&".join(f"{encode(one)}={put(text)}" for one, text in members)
    return f"{key}={_delimited([text for member in members for text in member], style, put)}" if members else ""


def _delimited(texts: list[str], style: Style, put: Encode) -> str:
    """Joined by the delimiter of the style. A comma inside a value is always encoded; the other delimiters are encoded
    themselves, so that a value with one in it could not be told apart (OAS 3.1 appendix E), and is refused."""
    if style not in _DELIMITERS:
        return ",".join(put(text).replace(",", "%2C") for text in texts)
    raw, delimiter, said = _DELIMITERS[style]
    if any(raw in text for text in texts):
        raise Unwritable(f"expected values without {said}, which is what stands between them")
    return delimiter.join(map(put, texts))


def _joined(value: object, delimiter: str, *, explode: bool, put: Encode) -> str:
    if isinstance(value, list):
        return delimiter.join(put(scalar(item)) for item in value if item is not None)
    if isinstance(value, dict):
        between = "=" if explode else ","
        members = ((put(key), put(scalar(member))) for key, member in value.items() if member is not None)
        return delimiter.join(f"{key}{between}{text}" for key, text in members)
    return put(scalar(value))


def _matrix(key: str, value: object, put: Encode, *, explode: bool) -> str:
    """RFC 6570 section 3.2.7. A name stands alone, without `=`, where its value is empty."""
    if explode and isinstance(value, list):
        pairs = [(key, put(scalar(item))) for item in value if item is not None]
    elif explode and isinstance(value, dict):
        pairs = [(encode(one), put(scalar(member))) for one, member in value.items() if member is not None]
    else:
        pairs = [(key, _joined(value, ",", explode=False, put=put))]
    return "".join(f";{one}={text}" if text else f";{one}" for one, text in pairs)


def _is_finite(value: object) -> bool:
    if isinstance(value, dict):
        return all(map(_is_finite, value.values()))
    if isinstance(value, list):
        return all(map(_is_finite, value))
    return not isinstance(value, float) or isfinite(value)
