"""What is left out of the audit log, of a dry run and of answers: secrets, file contents, excess. A value that is gone is
marked as gone."""

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

import msgspec
from msgspec import Raw, structs

from gateway.core.http import HttpRequest, HttpResponse

GONE = "[redacted]"
TEXT_CHARACTERS_MAX = 500
ITEMS_MAX = 50
LEVELS_MAX = 8
ARGUMENTS_BYTES_MAX = 16 << 10
SECRET_CHARACTERS_MIN = 4

_SECRET_NAME = re.compile(
    r"pass(word|wd|phrase|code)|secret|token|api[_-]?key|authorization|credential|private[_-]?key|cvv|cvc|"
    r"card[_-]?number|(^|[_.-])(pin|otp|pan|ssn|iban)($|[_.-])",
    re.IGNORECASE,
)
_SECRET_SHAPE = re.compile(
    r"eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"
    r"|(?i:bearer|basic)\s+[\w.~+/=-]{8,}"
    r"|\b(sk|pk|rk)[-_](live|test|proj|ant)?[-_]?[A-Za-z0-9_-]{16,}"
    r"|\bgh[pousr]_[A-Za-z0-9]{16,}|\bgithub_pat_\w{16,}|\bglpat-[\w-]{16,}"
    r"|\bxox[abprs]-[\w-]{8,}|\b(AKIA|ASIA)[A-Z0-9]{16}\b|\bAIza[\w-]{30,}|\bfct_[A-Za-z0-9]+_[A-Za-z0-9]{16,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|$)",
    re.DOTALL,
)
_SECRET_HEADER = re.compile(r"authorization|cookie|token|secret|api[_-]?key|x-auth", re.IGNORECASE)


def secret_names(input_schema: Raw) -> frozenset[str]:
    """The properties, at any level, that a schema marks as secret (`format: password`, `writeOnly`) or that are named so."""
    found: set[str] = set()
    _collect(msgspec.json.decode(input_schema), found)
    return frozenset(found)


def redact_arguments(arguments: Mapping[str, object], secrets: frozenset[str]) -> Raw:
    """JSON for the audit log, within ARGUMENTS_BYTES_MAX. `secrets` are the names from `secret_names`."""
    shown = {name: _redact(name, value, secrets, LEVELS_MAX) for name, value in list(arguments.items())[:ITEMS_MAX]}
    encoded = msgspec.json.encode(shown)
    if len(encoded) > ARGUMENTS_BYTES_MAX:
        encoded = msgspec.json.encode({"[too large to log]": sorted(name[:64] for name in shown)})
    return Raw(encoded)


def redact_request(request: HttpRequest, secrets: Iterable[str]) -> HttpRequest:
    """A request that may be shown: without the values of headers that carry credentials, and without these secrets."""
    known = tuple(secrets)
    headers = tuple(
        (name, GONE if _SECRET_HEADER.search(name) else conceal_text(value, known)) for name, value in request.headers
    )
    content = conceal_bytes(request.content, known)
    return HttpRequest(request.method, conceal_text(request.url, known), headers, content)


def conceal(response: HttpResponse, secrets: Iterable[str]) -> HttpResponse:
    """A response in which the gateway's own secrets, should the backend repeat them, are blotted out."""
    known = tuple(secrets)
    body = conceal_bytes(response.body, known)
    headers = tuple((name, conceal_text(value, known)) for name, value in response.headers) if known else response.headers
    return response if body is response.body and headers == response.headers else structs.replace(
        response, body=body, headers=headers
    )


def conceal_text(text: str, secrets: Iterable[str]) -> str:
    for form in _forms(secrets):
        text = text.replace(form, GONE)
    return text


def conceal_bytes(data: bytes, secrets: Iterable[str]) -> bytes:
    for form in _forms(secrets):
        if (encoded := form.encode()) in data:
            data = data.replace(encoded, GONE.encode())
    return data


def _forms(secrets: Iterable[str]) -> list[str]:
    """A secret as it is, and as URLs, forms and JSON write it. One shorter than SECRET_CHARACTERS_MIN would blot out
    half of any text, and is no secret."""
    kept = [secret for secret in secrets if len(secret) >= SECRET_CHARACTERS_MIN]
    return list(dict.fromkeys(
        form
        for secret in kept
        for form in (secret, quote(secret, ""), quote_plus(secret), msgspec.json.encode(secret).decode()[1:-1])
    ))  # fmt: skip


def _redact(name: str, value: Any, secrets: frozenset[str], left: int) -> Any:
    if name in secrets or (value is not None and not isinstance(value, bool) and _SECRET_NAME.search(name)):
        return GONE
    if isinstance(value, str):
        return _redact_text(value)
    if isinstance(value, dict):
        if left == 0:
            return "[deeper]"
        if isinstance(value.get("data"), str) and value.keys() <= {"data", "filename", "media_type"}:
            return {**value, "data": f"[{len(value['data']) * 3 // 4} bytes]"}
        return {key[:64]: _redact(key, member, secrets, left - 1) for key, member in list(value.items())[:ITEMS_MAX]}
    if isinstance(value, list):
        more = [f"[{len(value) - ITEMS_MAX} more]"] if len(value) > ITEMS_MAX else []
        return [_redact("", member, secrets, left - 1) if left else "[deeper]" for member in value[:ITEMS_MAX]] + more
    return value


def _redact_text(text: str) -> str:
    shown = text.encode("utf-8", "replace").decode() if not text.isascii() else text
    if len(shown) > 12:
        shown = _SECRET_SHAPE.sub(GONE, shown[: TEXT_CHARACTERS_MAX * 4])
    return shown if len(shown) <= TEXT_CHARACTERS_MAX else f"{shown[:TEXT_CHARACTERS_MAX]}[{len(text)} characters]"


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
