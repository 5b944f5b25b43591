"""Runtime expressions: where a value of a link comes from (OAS 3.1 section 4.8.20.4, with its ABNF). Evaluates nothing."""

import re
from typing import Literal

from msgspec import Struct

From = Literal["url", "method", "statusCode", "request", "response"]
Part = Literal["", "header", "query", "path", "body"]

TEXT_CHARACTERS_MAX = 2_000
PARTS_MAX = 20

_WHOLE: dict[str, From] = {"$url": "url", "$method": "method", "$statusCode": "statusCode"}
_SOURCE = re.compile(r"\$(request|response)\.(?:(header|query|path)\.(.+)|body(?:#(.*))?)", re.DOTALL)
_POINTER = re.compile(r"(/([^/~]|~[01])*)*")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# Braces with an expression in them; other braces are text.
_EMBEDDED = re.compile(r"\{(\$[^{}]*)\}")
_LOOKS_LIKE_ONE = re.compile(r"\$(url$|method$|statusCode$|request\b|response\b)")
# What is written where an expression is meant: no dollar, or something else in place of `#/`.
_NEARLY = re.compile(r"\$?(request|response)\.(?:body(?:(#|/|\.)(.*))?|(header|query|path)\.(.+))", re.DOTALL)


class ExpressionBroken(Exception):
    """It is no runtime expression; `detail` says why."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class Expression(Struct, frozen=True):
    """`$request.path.id` is `of` the request, its `part` path, its `name` id. Of a body the name is a JSON Pointer."""

    of: From
    part: Part = ""
    name: str = ""


def parse_expression(text: str) -> Expression:
    """One expression, as the ABNF has it. Raises ExpressionBroken."""
    if text in _WHOLE:
        return Expression(_WHOLE[text])
    match = _SOURCE.fullmatch(text) if len(text) <= TEXT_CHARACTERS_MAX else None
    if match is None:
        raise ExpressionBroken(f"{text[:100]!r} is no runtime expression")
    of: From = "request" if match[1] == "request" else "response"
    if match[2] is None:
        pointer = match[4] or ""
        if not _POINTER.fullmatch(pointer):
            raise ExpressionBroken(f"what follows `#` in {text[:100]!r} is no JSON Pointer")
        return Expression(of, "body", pointer)
    part: Part = "header" if match[2] == "header" else "query" if match[2] == "query" else "path"
    if of == "response" and part != "header":
        raise ExpressionBroken(f"{text[:100]!r}: a response has no {part}")
    if part == "header" and not _TOKEN.fullmatch(match[3]):
        raise ExpressionBroken(f"{text[:100]!r}: that cannot be the name of a header")
    return Expression(of, part, match[3])


def parse_value(text: str) -> tuple[str | Expression, ...]:
    """A text that may be an expression, or have some in braces: its parts in order. Raises ExpressionBroken."""
    if _LOOKS_LIKE_ONE.match(text):
        return (parse_expression(text),)
    parts = _EMBEDDED.split(text)
    if len(parts) > 2 * PARTS_MAX:
        raise ExpressionBroken(f"it has more than {PARTS_MAX} expressions")
    # Between two texts there is always an expression.
    told = [parse_expression(part) if index % 2 else part for index, part in enumerate(parts)]
    return tuple(part for part in told if part != "") or ("",)


def mend_value(text: str) -> str:
    """The expression that is plainly meant by what is none (`response.body.id`, `$response.body#id`); the text as it is
    where it is one, or where nothing is plain."""
    match = _NEARLY.fullmatch(text) if len(text) <= TEXT_CHARACTERS_MAX else None
    if match is None or _is_expression(text):
        return text
    of, mark, rest, part, name = match.groups()
    if part:
        return f"${of}.{part}.{name}"
    steps = (rest or "").lstrip("/")
    if mark == ".":
        steps = steps.replace(".", "/")
    return f"${of}.body#/{steps}" if steps else f"${of}.body"


def _is_expression(text: str) -> bool:
    try:
        parse_expression(text)
    except ExpressionBroken:
        return False
    return True
