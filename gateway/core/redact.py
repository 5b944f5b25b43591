"""What is left out of the audit log, of a dry run and of answers: secrets, file contents, excess. What is gone is
marked as gone. Knows neither what is secret to a backend nor where its answer goes."""

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, quote_plus, unquote_plus

import msgspec
from msgspec import Raw, structs

from gateway.core.charset import charset_of
from gateway.core.http import HttpRequest, HttpResponse

GONE = "[redacted]"
TEXT_CHARACTERS_MAX = 500
NAME_CHARACTERS_MAX = 64
ITEMS_MAX = 50
LEVELS_MAX = 8
ARGUMENTS_BYTES_MAX = 16 << 10
NAMES_LOGGED_MAX = 20
SECRET_CHARACTERS_MIN = 4
_MORE, _TOO_LARGE = "[more]", "[too large to log]"
_SHAPED_CHARACTERS_MIN = 12
_LOOKED_AT_CHARACTERS_MAX = 4 * TEXT_CHARACTERS_MAX

# `max_tokens` and `page_token` are none; `pin` is, but not within `spin` or `pinned`.
_SECRET_NAME = re.compile(
    r"(?i:pass(word|wd|phrase|code)|secret|(?<!page)(?<!page_)token(?!s)|api[_-]?key|access[_-]?key|private[_-]?key|"
    r"authorization|credential|cookie|signature|security[_-]?code|card[_-]?(number|no\b|num)|account[_-]?number)|"
    r"(?:^|[_.-])(?i:pwd|pin|otp|mfa|pan|ssn|iban|cvv|cvc)\d?(?![a-z])|"
    r"(?<=[a-z])(?:Pwd|Pin|PIN|Otp|OTP|Pan|PAN|Ssn|SSN|Iban|IBAN|Cvv|CVV|Cvc|CVC)(?![a-z])"
)
# Every alternative begins where no letter stands before it, so that a long word is looked at once.
_SECRET_SHAPE = re.compile(
    r"(?<![\w.-])eyJ[\w-]{8,}\.[\w-]{8,}(\.[\w-]*)*"
    r"|\b(?i:bearer)\s+[\w.~+/-]{8,}=*|\b(?i:basic)\s+(?=[A-Za-z+/]*[0-9=])[\w+/]{8,}=*"
    r"|(?<![\w-])[sprk]k[-_][\w-]{16,}"
    r"|\bgh[pousr]_[A-Za-z0-9]{16,}|\bgithub_pat_\w{16,}|\bglpat-[\w-]{16,}"
    r"|\bxox[abeprs]-[\w-]{8,}|\b(AKIA|ASIA)[A-Z0-9]{16}\b|\bAIza[\w-]{30,}|\bfct_[A-Za-z0-9]+_[A-Za-z0-9]{16,}"
    r"|-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*",
    re.DOTALL,
)
# All that may stand in place of what was left out.
_MARK = re.compile(r"\[(?:redacted|deeper|\d+ (?:more|bytes|characters))\]")
_SECRET_HEADER = re.compile(r"authorization|cookie|token|secret|api[_-]?key|x-auth|signature|credential", re.IGNORECASE)


def secret_names(input_schema: Raw) -> frozenset[str]:
    """The properties, at any level, that a schema marks as secret: `format: password` or `writeOnly`. Work it out once
    for a tool. Names that look like secrets are found without it, in values that no schema describes too."""
    found: set[str] = set()
    _collect(msgspec.json.decode(input_schema), found)
    return frozenset(found)


def redact_arguments(arguments: Mapping[str, object], secrets: frozenset[str]) -> Raw:
    """JSON for the audit log, within ARGUMENTS_BYTES_MAX. `secrets` are the names from `secret_names`. Total: whatever
    the arguments are, there is a line for the log."""
    encoded = msgspec.json.encode(_redact_members(arguments, secrets, LEVELS_MAX))
    if len(encoded) > ARGUMENTS_BYTES_MAX:
        names = [_name(name) for name in list(arguments)[:NAMES_LOGGED_MAX]]
        encoded = msgspec.json.encode({_TOO_LARGE: names})
    return Raw(encoded)


def is_whole(value: Any) -> bool:
    """Whether nothing was left out of a value of redacted arguments. A text that only looks as if is taken for one that is not
    whole."""
    match value:
        case str():
            return not _MARK.search(value)
        case list():
            return all(map(is_whole, value))
        case dict():
            return _MORE not in value and all(map(is_whole, value.values()))
        case _:
            return True


def is_told(name: str, redacted: Mapping[str, object]) -> bool:
    """Whether redacted arguments say what the argument of that name was, or that there was none."""
    if name in redacted:
        return is_whole(redacted[name])
    return not ({_MORE, _TOO_LARGE} & redacted.keys()) and len(name) <= NAME_CHARACTERS_MAX


def redact_request(request: HttpRequest, secrets: Iterable[str]) -> HttpRequest:
    """A request that may be shown: without the values of headers and query parameters that carry credentials, and
    without these secrets anywhere."""
    forms = _forms(secrets)
    headers = tuple(
        (name, GONE if _SECRET_HEADER.search(name) else _conceal(value, forms)) for name, value in request.headers
    )
    url = _conceal(_redact_query(request.url), forms)
    return HttpRequest(request.method, url, headers, _conceal_bytes(request.content, forms))


def conceal(response: HttpResponse, secrets: Iterable[str]) -> HttpResponse:
    """A response in which the gateway's own secrets, should the backend repeat them, are blotted out."""
    forms = _forms(secrets)
    if not forms:
        return response
    body = response.body
    for codec in _codecs(response):
        body = _conceal_bytes(body, forms, codec)
    headers = tuple((name, _conceal(value, forms)) for name, value in response.headers)
    if body is response.body and headers == response.headers:
        return response
    return structs.replace(response, body=body, headers=headers)


def conceal_text(text: str, secrets: Iterable[str]) -> str:
    """A text without these secrets, as they are and as URLs, forms and JSON write them."""
    return _conceal(text, _forms(secrets))


def _conceal(text: str, forms: list[str]) -> str:
    for form in forms:
        text = text.replace(form, GONE)
    return text


def _codecs(response: HttpResponse) -> tuple[str, ...]:
    """How a text may be written in this body: in most charsets ASCII is ASCII."""
    charset = charset_of(response.header("content-type"), response.body)
    wide = charset[: len("utf-16")]
    return ("utf-8", f"{wide}-le", f"{wide}-be") if wide in ("utf-16", "utf-32") else ("utf-8",)


def _conceal_bytes(data: bytes, forms: list[str], codec: str = "utf-8") -> bytes:
    for form in forms:
        if (encoded := form.encode(codec)) in data:
            data = data.replace(encoded, GONE.encode(codec))
    return data


def _forms(secrets: Iterable[str]) -> list[str]:
    """Each secret in every form, the longest first, so that none leaves its end behind. One shorter than
    SECRET_CHARACTERS_MIN would blot out half of any text, and is no secret."""
    forms: dict[str, None] = {}
    for secret in secrets:
        if len(secret) >= SECRET_CHARACTERS_MIN:
            in_json = msgspec.json.encode(secret).decode()[1:-1]
            forms |= dict.fromkeys((secret, quote(secret), quote(secret, ""), quote_plus(secret), in_json))
    return sorted(forms, key=len, reverse=True)


def _redact_query(url: str) -> str:
    """The URL, without the values of query parameters with secret names."""
    base, mark, query = url.partition("?")
    return base + mark + "&".join(map(_redact_pair, query.split("&")))


def _redact_pair(pair: str) -> str:
    name, equals, _ = pair.partition("=")
    return f"{name}={GONE}" if equals and _SECRET_NAME.search(unquote_plus(name)) else pair


def _redact_members(value: Mapping[Any, Any], secrets: frozenset[str], left: int) -> dict[str, Any]:
    shown = {_name(key): _redact(key, member, secrets, left) for key, member in list(value.items())[:ITEMS_MAX]}
    if len(value) > ITEMS_MAX:
        shown[_MORE] = len(value) - ITEMS_MAX
    return shown


def _redact(name: str, value: Any, secrets: frozenset[str], left: int) -> Any:
    if value is None or isinstance(value, bool):
        return GONE if name in secrets and value is not None else value
    if name in secrets or _SECRET_NAME.search(name):
        return GONE
    if isinstance(value, str):
        return _redact_text(value)
    if isinstance(value, dict | list) and left == 0:
        return "[deeper]"
    if isinstance(value, dict):
        if _is_file(value):
            rest = {key: member for key, member in value.items() if key != "data"}
            return {"data": f"[{_decoded_bytes(value['data'])} bytes]", **_redact_members(rest, secrets, left - 1)}
        return _redact_members(value, secrets, left - 1)
    if isinstance(value, list):
        more = [f"[{len(value) - ITEMS_MAX} more]"] if len(value) > ITEMS_MAX else []
        return [_redact("", member, secrets, left - 1) for member in value[:ITEMS_MAX]] + more
    return value


def _is_file(value: dict[str, Any]) -> bool:
    return isinstance(value.get("data"), str) and value.keys() <= {"data", "filename", "media_type"}


def _decoded_bytes(base64: str) -> int:
    return len(base64) * 3 // 4 - base64[-2:].count("=")


def _name(name: str) -> str:
    return _writable(name[:NAME_CHARACTERS_MAX])


def _redact_text(text: str) -> str:
    shown = _writable(text[:_LOOKED_AT_CHARACTERS_MAX])
    if len(shown) >= _SHAPED_CHARACTERS_MIN:
        shown = _SECRET_SHAPE.sub(GONE, shown)
    return shown if len(text) <= TEXT_CHARACTERS_MAX else f"{shown[:TEXT_CHARACTERS_MAX]}[{len(text)} characters]"


def _writable(text: str) -> str:
    """Without lone surrogates, which JSON in UTF-8 cannot hold."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _collect(schema: Any, found: set[str]) -> None:
    if isinstance(schema, list):
        for item in schema:
            _collect(item, found)
    if not isinstance(schema, dict):
        return
    properties = schema.get("properties")
    for name, member in properties.items() if isinstance(properties, dict) else ():
        if isinstance(member, dict) and (member.get("format") == "password" or member.get("writeOnly") is True):
            found.add(name)
    for value in schema.values():
        _collect(value, found)
