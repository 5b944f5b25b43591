"""Which media types an operation is asked for, of those that its successes declare (RFC 9110 section 12.5.1). Reads no
document."""

from collections.abc import Iterable, Sequence
from typing import Any

from gateway.core.declared import Answer, of_type
from gateway.core.media import essence, family_of, is_media_type

ANY = "application/json, */*;q=0.5"
TYPES_MAX = 8
# What is not declared may come all the same: JSON in an error, and anything rather than a 406.
LAST = "*/*;q=0.1"
_PLAIN_JSON = frozenset({"application/json", "text/json"})


def accept_of(declared: Iterable[str]) -> str:
    """JSON first, then the others, both in the order in which they are declared."""
    kinds = list(dict.fromkeys(filter(None, map(_named, declared))))
    ordered = sorted(kinds, key=lambda kind: family_of(kind) != "json")[:TYPES_MAX]
    if not ordered:
        return ANY
    weighed = [kind if not index else f"{kind};q={1 - index / 10:g}" for index, kind in enumerate(ordered)]
    last = [LAST] if family_of(ordered[0]) == "json" else ["application/json;q=0.2", LAST]
    return ", ".join([*weighed, *last])


def choices_of(declared: Sequence[tuple[str, Any]]) -> tuple[str, ...]:
    """The types that a caller may want instead of each other, with the schema of each: those that say something else than
    JSON does, or all where there is none. () where there is no choice."""
    named = [(kind, schema) for told, schema in declared if (kind := _named(told)) and "*" not in kind]
    main = next(((kind, schema) for kind, schema in named if family_of(kind) == "json"), None)
    if main is not None:
        others = [kind for kind, schema in named if kind not in _PLAIN_JSON and (schema is None or schema != main[1])]
        kinds = list(dict.fromkeys([main[0], *others]))
    else:
        kinds = list(dict.fromkeys(kind for kind, _ in named))
    return tuple(kinds[:TYPES_MAX]) if len(kinds) > 1 else ()


def is_declared(media_type: str, answers: Sequence[Answer]) -> bool:
    """Whether a success may come as this type, by what is declared."""
    contents = [one for one in answers if one.media_type and (one.status.startswith("2") or one.status == "default")]
    return is_media_type(media_type) and "*" not in media_type and of_type(contents, media_type) is not None


def accept_only(media_type: str) -> str:
    """That type, and an error as JSON."""
    return f"{media_type}, application/json;q=0.2, {LAST}"


def _named(media_type: str) -> str:
    """The type as it can stand in Accept: a charset is none of its business; `*/*` stands there by itself, and ranges of
    suffixes (`application/*+json`) cannot."""
    kind, *parameters = (piece.strip() for piece in media_type.split(";"))
    kept = [one for one in parameters if one and not one.lower().startswith(("charset=", "q="))]
    return "" if kind == "*/*" or "*+" in kind or essence(kind) == "" else ";".join([kind, *kept])
