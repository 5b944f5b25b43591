"""What an operation answers, as its document tells: which media types to ask for, every answer with the schema of its
JSON, whether it may answer before the work is done (OAS 3.1 sections 4.8.16 and 4.8.17). Reads no answer."""

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from msgspec import Raw, Struct

from gateway.core import swagger
from gateway.core.accept import ANY, accept_of, choices_of
from gateway.core.declared import NOTHING, STATUS, Answer
from gateway.core.media import SEQUENTIAL_TYPES, essence, family_of, is_media_type
from gateway.core.place import At, Malformed, Scope
from gateway.core.prose import plain
from gateway.core.source import Source
from gateway.core.tool import ANSWER_PLACE

ANSWERS_MAX = 60
HEADERS_MAX = 10
# What an answer tells by itself, what is a secret, and what nobody asks for.
HEADERS_LEFT_OUT = frozenset(
    {
        "content-type",
        "content-length",
        "content-encoding",
        "content-disposition",
        "content-language",
        "transfer-encoding",
    }
    | {
        "connection",
        "date",
        "server",
        "set-cookie",
        "vary",
        "cache-control",
        "expires",
        "link",
        "location",
        "retry-after",
    }
    | {"strict-transport-security", "pragma", "age", "via", "status"}
)
HEADERS_OF_SERVICE = re.compile("rate-?limit|request-?id|correlation|trace|^access-control-|^x-content-type|^x-frame")
DESCRIPTION_CHARACTERS_MAX = 120
# A success that has one of these says where to look for what comes of it (RFC 9110 section 15.3.3, Azure's guidelines).
DEFERRING_HEADERS = frozenset({"operation-location", "azure-asyncoperation"})
# A schema that says no more than that there is JSON is not worth its place.
_SAYS_NOTHING = (b"", b"{}", b'{"type":"object"}')


class Answers(Struct, frozen=True):
    """`accept` is the Accept header, and `choices` what may be asked for instead. `headers` are those that a caller may
    need, in lower case. `declared` are the answers, the main one first: JSON of the first success, or a stream of it;
    `schema` is the converted schema of that one, None where there is none worth showing. `defers`: work may be accepted
    and done later. `links`: a Link header is declared."""

    accept: str = ANY
    choices: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    schema: dict[str, Any] | None = None
    declared: tuple[Answer, ...] = ()
    defers: bool = False
    links: bool = False

    @property
    def root(self) -> Raw:
        """That of the schema of the main answer; empty where there is none."""
        return self.declared[0].root if self.declared else NOTHING


class _Content(Struct, frozen=True):
    """One media type of one response, not yet converted. `at` is its object, None where there is no content."""

    status: str
    description: str
    media_type: str = ""
    at: At | None = None


def compile_answers(source: Source, operation: At) -> Answers:
    """Total: a response that cannot be read costs its own schema, no more."""
    responses = source.followed(operation.get("responses"))
    if responses is None or not isinstance(responses.value, dict):
        return Answers()
    told: dict[str, At | None] = {}
    for key in responses.value:
        status = key if key == "default" else key.upper()
        if STATUS.fullmatch(status):
            told[status] = _settled(source, operation, responses.child(key))
    # `default` is what errors look like, unless it stands alone.
    wanted = sorted(status for status in told if status.startswith("2")) or ["default"]
    successes = [one for status in wanted if (one := told.get(status)) is not None]
    listed = [*(one for one in wanted if one in told), *sorted(told.keys() - set(wanted))]
    contents = [one for status in listed for one in _contents(source, status, told[status])]
    offered = [one for one in contents if one.status in wanted and one.media_type]
    headers = {name.lower() for success in successes for name in _headers(success)}
    schema, declared = _declared(source, responses, contents, wanted)
    return Answers(
        accept=accept_of(one.media_type for one in offered),
        choices=choices_of([(one.media_type, one.at.value.get("schema") if one.at else None) for one in offered]),
        headers=tuple(sorted(name for name in headers if _is_worth_telling(name)))[:HEADERS_MAX],
        schema=schema,
        declared=declared,
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


def _contents(source: Source, status: str, at: At | None) -> Iterator[_Content]:
    """The media types of a response; one that is none where it has no content."""
    if at is None:
        yield _Content(status, "")
        return
    description = plain(at.value.get("description"), DESCRIPTION_CHARACTERS_MAX)
    try:
        content = {kind: one for kind, one in source.members(at.get("content")).items() if is_media_type(kind)}
    except Malformed as error:
        source.note("response-dropped", at, error.detail)
        content = {}
    for kind, one in content.items():
        yield _Content(status, description, kind, _media_type_object(source, one))
    if not content:
        yield _Content(status, description)


def _media_type_object(source: Source, at: At) -> At | None:
    """None where there is none; as of OAS 3.2 it may be a reference."""
    try:
        return source.settle(at) if isinstance(at.value, dict) else None
    except Malformed as error:
        source.note("response-dropped", at, error.detail)
        return None


def _headers(at: At) -> list[str]:
    headers = at.value.get("headers")
    return [name for name in headers if isinstance(name, str)] if isinstance(headers, dict) else []


def _is_worth_telling(header: str) -> bool:
    """Whether a caller may need it: what belongs to the connection, the session or the limits of a service is not."""
    return header not in HEADERS_LEFT_OUT and not HEADERS_OF_SERVICE.search(header)


def _is_long_running(operation: At) -> bool:
    """Azure's documents say it so."""
    return operation.value.get("x-ms-long-running-operation") is True


def _declared(
    source: Source, responses: At, contents: list[_Content], wanted: list[str]
) -> tuple[dict[str, Any] | None, tuple[Answer, ...]]:
    """The converted schema of the main answer, and all answers with that one first."""
    if not contents:
        return None, ()
    main = max(contents, key=lambda one: (one.status in wanted, _says(source, one)))
    ordered = [main, *(one for one in contents if one is not main)]
    if len(ordered) > ANSWERS_MAX:
        source.note("answers-left-out", responses, f"it has more than {ANSWERS_MAX} answers; the others are let be.")
    schema: dict[str, Any] | None = None
    declared = []
    for index, one in enumerate(ordered[:ANSWERS_MAX]):
        converted, root = _encoded(source, one, ANSWER_PLACE.format(index) if index else "")
        schema = schema if index else converted
        declared.append(source.shared(Answer(one.status, one.media_type, root, one.description)))
    return schema, tuple(declared)


def _encoded(source: Source, one: _Content, place: str) -> tuple[dict[str, Any] | None, Raw]:
    """The converted schema of its JSON and the root of that. What another answer refers to has been converted before, and
    is the same wherever it stands, unless something in it had to be folded."""
    at = _schema_at(source, one)
    if at is None:
        return None, NOTHING
    is_stream = essence(one.media_type) in SEQUENTIAL_TYPES
    key = (*_meant(source, at), is_stream and one.at is not None and one.at.get("itemSchema") is not None)
    if key in source.roots:
        return source.roots[key]
    converted, root, is_whole = _convert(source, at, is_stream=key[-1]), NOTHING, True
    if converted is not None:
        root, is_whole = source.schemas.encode_root(converted, "output", place)
    if bytes(root) in _SAYS_NOTHING:
        converted, root = None, NOTHING
    if is_whole:
        source.roots[key] = (converted, root)
    return converted, root


def _meant(source: Source, at: At) -> tuple[str, str, Scope]:
    """Where a schema stands, or that which it is no more than a reference to."""
    if isinstance(at.value, dict) and at.value.keys() == {"$ref"} and isinstance(at.value["$ref"], str):
        with suppress(Malformed):
            at = source.documents.follow(at)
    return at.uri, at.pointer, at.scope


def _says(source: Source, one: _Content) -> int:
    """How much can be said of a content: JSON before a stream before anything else."""
    at = _schema_at(source, one)
    return 0 if at is None else 2 if family_of(one.media_type) == "json" else 1


def _schema_at(source: Source, one: _Content) -> At | None:
    """Where the schema of its JSON stands. Of a stream it is that of each item; `schema` is that of the whole only as of
    OAS 3.2 (section 4.14.4): documents before it mean one or the other."""
    if one.at is None:
        return None
    if essence(one.media_type) in SEQUENTIAL_TYPES:
        whole = one.at.get("schema") if source.version.startswith("3.2") else None
        return one.at.get("itemSchema") or whole
    return one.at.get("schema") if family_of(one.media_type) == "json" else None


def _convert(source: Source, at: At, *, is_stream: bool) -> dict[str, Any] | None:
    converted = source.schemas.convert(at, "output")
    if is_stream:
        converted = {"type": "array", "items": converted}
    return converted if isinstance(converted, dict) else None
