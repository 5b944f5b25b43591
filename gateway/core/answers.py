"""What an operation answers, as its document tells: which media types to ask for, the schema of its JSON, whether it may
answer before the work is done (OAS 3.1 sections 4.8.16 and 4.8.17). Reads no answer."""

from typing import Any

from msgspec import Raw, Struct

from gateway.core import swagger
from gateway.core.media import family_of, is_media_type
from gateway.core.references import At, Malformed
from gateway.core.source import Source

ANY = "application/json, */*;q=0.5"
OTHER_TYPES_MAX, JSON_TYPES_MAX = 5, 3
# A success that has one of these says where to look for what comes of it (RFC 9110 section 15.3.3, Azure's guidelines).
DEFERRING_HEADERS = frozenset({"operation-location", "azure-asyncoperation"})
# An output schema that says no more than that there is JSON is not worth its place.
_SAYS_NOTHING = (b"", b"{}", b'{"type":"object"}')


class Answers(Struct, frozen=True):
    """`accept` is the Accept header. `schema` is the converted schema of the JSON of the first success, None where there
    is none worth showing, and `root` the same, encoded. `defers`: work may be accepted and done later. `links`: a Link
    header is declared."""

    accept: str = ANY
    schema: dict[str, Any] | None = None
    root: Raw = Raw(b"")
    defers: bool = False
    links: bool = False


def compile_answers(source: Source, operation: At) -> Answers:
    """Total: a response that cannot be read costs its output schema, no more."""
    responses = operation.get("responses")
    if responses is None or not isinstance(responses.value, dict):
        return Answers()
    told = {status: _settled(source, operation, responses.child(status)) for status in responses.value}
    # `default` is what errors look like, unless it stands alone.
    wanted = sorted(status for status in told if status.startswith("2")) or ["default"]
    successes = [one for status in wanted if (one := told.get(status)) is not None]
    offered = [(kind, one.get("schema")) for success in successes for kind, one in _contents(source, success).items()]
    headers = {name.lower() for success in successes for name in _headers(success)}
    schema, root = _output(source, offered)
    return Answers(
        accept=_accept([kind for kind, _ in offered]),
        schema=schema,
        root=root,
        defers=told.get("202") is not None or bool(headers & DEFERRING_HEADERS) or _is_long_running(operation),
        links="link" in headers,
    )


def _settled(source: Source, operation: At, at: At) -> At | None:
    try:
        settled = source.settle(at)
    except Malformed as error:
        source.note("response-dropped", at, error.detail)
        return None
    if not source.is_swagger:
        return settled
    return settled._replace(value=swagger.response(settled.value, source.inherited(operation, "produces")))


def _contents(source: Source, at: At) -> dict[str, At]:
    """The media types of a response."""
    try:
        content = source.members(at.get("content")).items()
    except Malformed as error:
        source.note("response-dropped", at, error.detail)
        return {}
    return {kind: one for kind, one in content if isinstance(one.value, dict) and is_media_type(kind)}


def _headers(at: At) -> list[str]:
    headers = at.value.get("headers")
    return [name for name in headers if isinstance(name, str)] if isinstance(headers, dict) else []


def _is_long_running(operation: At) -> bool:
    """Azure's documents say it so."""
    return operation.value.get("x-ms-long-running-operation") is True


def _output(source: Source, offered: list[tuple[str, At | None]]) -> tuple[dict[str, Any] | None, Raw]:
    schema = next((one for kind, one in offered if one is not None and family_of(kind) == "json"), None)
    converted = source.schemas.convert(schema, "output") if schema is not None else None
    if not isinstance(converted, dict):
        return None, Raw(b"")
    encoded, _ = source.schemas.encode_root(converted, "output")
    return (None, Raw(b"")) if bytes(encoded) in _SAYS_NOTHING else (converted, encoded)


def _accept(kinds: list[str]) -> str:
    """JSON first, then what the responses declare, then anything."""
    declared = [kind for kind in dict.fromkeys(kinds) if "*" not in kind and ";" not in kind]
    others = [f"{kind};q=0.8" for kind in declared if family_of(kind) != "json"][:OTHER_TYPES_MAX]
    own = [kind for kind in declared if family_of(kind) == "json" and kind != "application/json"][:JSON_TYPES_MAX]
    return ", ".join(["application/json", *own, *others, "*/*;q=0.5"])
