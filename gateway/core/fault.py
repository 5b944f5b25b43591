"""What an error of a backend says, and whether the same call is worth another try. Knows no wire."""

from collections.abc import Iterator
from typing import Any

import msgspec

from gateway.core.prose import cut, plain
from gateway.core.result import Retry
from gateway.core.tool import Tool

PROBLEM_CHARACTERS_MAX = 1_000
PARTS_MAX = 5
LEVELS_MAX = 4

# The request was not taken up (RFC 9110 section 15.6.4, RFC 6585 section 4, RFC 8470 section 5.2): even a write may be
# sent again.
NOT_TAKEN_UP = frozenset({425, 429, 503})
# No answer came in time, here or behind the backend: a write may have been carried out all the same.
UNKNOWN_OUTCOME = frozenset({408, 502, 504})
_ADVICE = {
    400: "The same call will fail again: change the arguments.",
    401: "The backend did not accept the gateway's credential; the same call will fail again.",
    403: "The backend does not allow this with the gateway's credential; the same call will fail again.",
    404: "The same call will fail again: check the identifiers among the arguments.",
    409: "It conflicts with the present state: read that first.",
    410: "What this is about is gone; the same call will fail again.",
    422: "The same call will fail again: change the arguments.",
}


def advise(tool: Tool, status: int, after_s: float | None) -> tuple[Retry, str]:
    """Whether to call again, and a sentence for the caller. A write whose outcome is unknown is not to be sent again
    without a look, unless sending it twice is the same as once."""
    repeatable = tool.effect == "read" or tool.annotations.idempotent_hint
    if status in NOT_TAKEN_UP or (status in UNKNOWN_OUTCOME and repeatable):
        when = f"after {after_s:g} s" if after_s is not None else "later"
        return Retry(True, after_s), f"The same call may work {when}."
    if status in UNKNOWN_OUTCOME or (status >= 500 and not repeatable):
        return Retry(False, after_s), "It may have been carried out all the same: look before you call again."
    blame = "The same call will fail again." if status < 500 else "The fault is the backend's; it may well fail again."
    return Retry(False, after_s), _ADVICE.get(status, blame)


def describe_problem(body: bytes) -> str:
    """What an error document says, in one line, or "": a problem (RFC 9457 section 3), an OAuth error (RFC 6749
    section 5.2), `{error: {message}}`, `{message}`, `{errors: [...]}` and their like."""
    try:
        told = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return ""
    said: dict[str, None] = {}
    for text in _texts(told):
        said[text.rstrip(".")] = None
    return cut(". ".join(said), PROBLEM_CHARACTERS_MAX)


_KEYS = ("title", "error", "error_description", "detail", "message", "Message", "msg", "reason", "errors")
_PLACES = ("pointer", "field", "loc", "path", "parameter")


def _texts(told: Any, depth: int = 0) -> Iterator[str]:
    match told:
        case str() if text := plain(told, PROBLEM_CHARACTERS_MAX):
            yield text
        case list() if depth < LEVELS_MAX:
            for part in told[:PARTS_MAX]:
                yield from _texts(part, depth + 1)
        case dict() if depth < LEVELS_MAX:
            yield from _members(told, depth)


def _members(told: dict[str, Any], depth: int) -> Iterator[str]:
    """Of an object: the members that are for people, with the place that they speak of. An object that has none of them
    is one of fields with what is wrong with each: `{"errors": {"name": ["is blank"]}}`."""
    known = [key for key in _KEYS if key in told]
    if not known and depth:
        for name, member in list(told.items())[:PARTS_MAX]:
            yield from (f"{plain(name, 100)}: {text}" for text in _texts(member, depth + 1))
    places = (told.get(key) for key in _PLACES)
    place = next((plain(_place(one), 200) for one in places if one), "")
    for key in known:
        for text in _texts(told[key], depth + 1):
            yield f"{place}: {text}" if place and depth else text


def _place(told: Any) -> str:
    """FastAPI tells a path as a list."""
    return ".".join(str(step) for step in told[:10]) if isinstance(told, list) else told
