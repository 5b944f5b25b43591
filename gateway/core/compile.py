"""A document to tools: every operation becomes a tool or a named refusal; a bad one never costs the rest."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import msgspec
from msgspec import Raw, Struct, structs

from gateway.core import swagger
from gateway.core.answers import Answers, compile_answers
from gateway.core.body import compile_body
from gateway.core.catalog import Connector
from gateway.core.choice import Choice
from gateway.core.contract import build_contract
from gateway.core.directory import Made
from gateway.core.document import DocumentBroken, Tree
from gateway.core.effect import annotations_of, effect_of
from gateway.core.extension import SINKS_MAX, Extension, Page
from gateway.core.extension_read import read_extension
from gateway.core.inputs import Inputs
from gateway.core.manifest import Manifest
from gateway.core.mend import security_meant, tags_meant
from gateway.core.naming import Identity, name_tools, words
from gateway.core.operation import Operation, Paging, Parameter
from gateway.core.option import offer_options
from gateway.core.overlay import apply_overlay
from gateway.core.paging import detect_paging, told_paging
from gateway.core.parameters import compile_parameters, gather_parameters
from gateway.core.prose import DESCRIPTION_CHARACTERS_MAX, cut, plain, shown
from gateway.core.references import At, Documents, Malformed
from gateway.core.relate import relate
from gateway.core.scope import Alternatives, scopes_of
from gateway.core.servers import server_list, server_of
from gateway.core.shelf import ROOT_BYTES_MAX
from gateway.core.source import REPAIRS_MAX, Source
from gateway.core.template_check import broken_templates
from gateway.core.tool import Effect, Refusal, Repair, Tool
from gateway.core.work import COPIED_A_STEP, WorkExceeded

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")
# What else a path item may have, and what shows that something is an operation.
_OF_PATH_ITEMS = frozenset(
    {*METHODS, "$ref", "summary", "description", "servers", "parameters", "additionalOperations"}
)
_OF_OPERATIONS = frozenset({"responses", "operationId", "requestBody"})
TITLE_CHARACTERS_MAX = 120
TAGS_MAX = 20
OPERATIONS_MAX = 100_000
PATH_CHARACTERS_MAX = 2_000
SURROGATE = re.compile(r"[\ud800-\udfff]")
# An operationId that is longer is none.
ID_CHARACTERS_MAX = 500
REFUSED_CHARACTERS_MAX = 300
# What one operation may take, without the schemas that it shares with others; what it may still take where others have
# taken all that the document may; and what each takes at least.
OPERATION_STEPS_MAX = 2_000_000
OPERATION_STEPS_GRANTED = 1_000
OPERATION_STEPS = 20
# To find out what the tools have to do with each other, and to put a strict contract together.
RELATIONS_STEPS_MAX = 10_000_000
SERVER_STEPS = 20
# Alternatives of a security requirement, of which the first count, and the scopes of one; one that has more is left out.
ALTERNATIVES_MAX, SCOPES_MAX = 50, 200
# What a tool's definition has beside its name, texts and arguments; and what is left to the arguments at the least.
DEFINITION_FRAME_BYTES = 300
COMPACT_BYTES_MIN = 1 << 10
METHOD_TOKEN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ-_")


class _Found(Struct, frozen=True):
    """An operation as it stands in the document."""

    identity: Identity
    item: At
    operation: At
    extension: Extension


def compile_document(
    manifest: Manifest, documents: Documents, digest: str, overlays: Sequence[tuple[str, Tree]] = ()
) -> Connector:
    """Everything that a document gives, once its overlays (where each is from, and what it says) are applied to its
    entry. Raises DocumentBroken where it is no OpenAPI document, or one of them no overlay."""
    documents, unapplied = _overlay(documents, overlays)
    source, choice = Source(manifest, documents), Choice(manifest)
    every = list(_operations(source))
    wanted = [one for one in every if _is_wanted(choice, one)]
    found = [one for one in wanted if isinstance(one, _Found)]
    refusals = [one for one in wanted if isinstance(one, Refusal)]
    made: list[Made] = []
    for name, one in zip(name_tools(manifest.tool_prefix, [one.identity for one in found]), found, strict=True):
        try:
            with source.work.part(OPERATION_STEPS_MAX, OPERATION_STEPS_GRANTED):
                made.append(Made(_compile(source, name, one), one.operation))
        except Malformed as error:
            refusals.append(_refusal(one.identity.method, one.identity.path, error))
        except WorkExceeded as error:
            refusals.append(_too_costly(source, one.identity.method, one.identity.path, one.operation, error))
    made, twice = _without_doubles(made)
    related = _related(source, made, every)
    shelves = source.schemas.shelves()
    tools = tuple(structs.replace(tool, shelves=shelves) for tool in related)
    told_answers = ((one.tool.name, one.at) for one in made)
    contract = _contract(source, told_answers) if manifest.answers == "strict" else b""
    info = source.root.value.get("info")
    told = info if isinstance(info, dict) else {}
    return Connector(
        manifest=manifest,
        digest=digest,
        title=manifest.title or plain(told.get("title"), TITLE_CHARACTERS_MAX),
        version=plain(str(told.get("version", "")), TITLE_CHARACTERS_MAX),
        tools=tools,
        refusals=(*refusals, *twice),
        repairs=(
            *unapplied,
            *choice.repairs(),
            *broken_templates(manifest, tools),
            *source.repairs.values(),
            *_mended_references(documents),
        ),
        left_out=len(every) - len(wanted),
        contract=contract,
    )


def _related(source: Source, made: list[Made], every: list[_Found | Refusal]) -> tuple[Tool, ...]:
    """The tools with what they have to do with each other, where that does not take too much."""
    try:
        with source.work.part(RELATIONS_STEPS_MAX, RELATIONS_STEPS_MAX):
            return relate(source, made, _names(every))
    except WorkExceeded as error:
        source.note("links-left-out", source.root, f"{error} What its tools have to do with each other is not known.")
        return tuple(one.tool for one in made)


def _contract(source: Source, answers: Iterable[tuple[str, At]]) -> bytes:
    try:
        with source.work.part(RELATIONS_STEPS_MAX, RELATIONS_STEPS_MAX):
            return build_contract(source, answers)
    except WorkExceeded as error:
        raise DocumentBroken(f"{error} So its answers cannot be strict.") from error


def _names(every: list[_Found | Refusal]) -> set[str]:
    """All that an operation of the document may be called, whether there is a tool of it or not."""
    found = [one.identity for one in every if isinstance(one, _Found)]
    names = {name for one in found for name in (one.operation_id, one.key)}
    return names | {one.operation for one in every if isinstance(one, Refusal)}


def _mended_references(documents: Documents) -> Iterator[Repair]:
    for place, detail in islice(documents.mended.items(), REPAIRS_MAX):
        yield Repair(place, "reference-repaired", detail)


def _overlay(documents: Documents, overlays: Sequence[tuple[str, Tree]]) -> tuple[Documents, list[Repair]]:
    if not overlays:
        return documents, []
    tree = documents.trees[documents.entry]
    repairs: list[Repair] = []
    for place, overlay in overlays:
        overlaid = apply_overlay(tree, overlay, place)
        tree = overlaid.tree
        repairs += overlaid.repairs
    return Documents(documents.entry, {**documents.trees, documents.entry: tree}, documents.bytes_read), repairs


def _is_wanted(choice: Choice, one: _Found | Refusal) -> bool:
    """Whether there shall be a tool of it. Of what is refused, no more than method and path are known."""
    if isinstance(one, _Found):
        return choice.takes(one.identity, one.operation.value.get("tags")) and not one.extension.hide
    method, _, path = one.operation.partition(" ")
    return choice.takes(Identity(method, path), [])


def _operations(source: Source) -> Iterator[_Found | Refusal]:
    count = 0
    for path, item in _paths(source).items():
        if path.startswith("x-") or item.value is None:
            continue
        try:
            with source.work.part(OPERATION_STEPS_MAX, OPERATION_STEPS_GRANTED):
                found = list(_of_path(source, path, item))
        except Malformed as error:
            found = [_refusal("*", path, error)]
        except WorkExceeded as error:
            found = [_too_costly(source, "*", path, item, error)]
        count += len(found)
        if count > OPERATIONS_MAX:
            raise DocumentBroken(f"it has more than {OPERATIONS_MAX} operations.", "/paths")
        yield from found


def _of_path(source: Source, path: str, item: At) -> Iterator[_Found | Refusal]:
    """Raises Malformed."""
    settled = _path_item(source, item)
    known: set[str] = set()
    for method, operation in _methods(source, settled):
        if method.upper() in known:
            place, detail = source.documents.place(operation), "that method is there already."
            yield _refusal(method, path, Malformed("repeated-operation", place, detail))
        else:
            known.add(method.upper())
            yield _found(source, path, method, settled, operation)


def _paths(source: Source) -> dict[str, At]:
    try:
        return source.members(source.settle(source.root.child("paths")))
    except (Malformed, WorkExceeded) as error:
        raise DocumentBroken("`paths` is no object.", "/paths") from error


def _methods(source: Source, item: At) -> Iterator[tuple[str, At]]:
    """The operations of a path item, those of other methods among them (OAS 3.2, `additionalOperations`)."""
    for method in METHODS:
        if method in item.value:
            yield method.upper(), item.child(method)
    for key, value in item.value.items():
        if key not in _OF_PATH_ITEMS and not key.startswith("x-") and isinstance(value, dict):
            yield from _odd_method(source, item, key)
    others = source.followed(item.get("additionalOperations"))
    if others is not None and isinstance(others.value, dict):
        for method in others.value:
            yield method, others.child(method)


def _odd_method(source: Source, item: At, key: str) -> Iterator[tuple[str, At]]:
    """A member of a path item that is none: a method in capitals, or one that only `additionalOperations` may have. What
    does not look like an operation is somebody's own."""
    method = key.strip().lower()
    if method in METHODS:
        if method not in item.value:
            source.note("method-repaired", item.child(key), f"{method} is taken.")
        yield method.upper(), item.child(key)
    elif not _OF_OPERATIONS.isdisjoint(item.value[key]):
        yield key, item.child(key)


def _path_item(source: Source, item: At) -> At:
    """A path item; what stands beside its `$ref` is a part of it where both are in one file (OAS 3.1 section 4.8.9)."""
    settled = source.settle(item)
    if settled is item or settled.uri != item.uri:
        return settled
    source.work.spend(1 + (len(settled.value) + len(item.value)) // COPIED_A_STEP)
    return settled._replace(value={**settled.value, **{key: one for key, one in item.value.items() if key != "$ref"}})


def _found(source: Source, path: str, method: str, item: At, operation: At) -> _Found | Refusal:
    place = source.documents.place(operation)
    if not method or not METHOD_TOKEN.issuperset(method.upper()) or method.upper() == "CONNECT":
        told = Malformed("unknown-method", place, "that cannot be a request method here.")
        return _refusal(method[:20], path, told)
    if len(path) > PATH_CHARACTERS_MAX:
        told = Malformed("malformed", place, f"its path is longer than {PATH_CHARACTERS_MAX} characters.")
        return _refusal(method, path, told)
    if SURROGATE.search(path):
        return _refusal(method, path, Malformed("malformed", place, "its path is no Unicode text."))
    try:
        source.work.spend(OPERATION_STEPS)
        settled = source.settle(operation)
    except Malformed as error:
        return _refusal(method, path, error)
    settled = _mended(source, settled)
    told_id = settled.value.get("operationId")
    rooted = path if path.startswith("/") else f"/{path}"
    extension = read_extension(source, item, settled)
    is_id = isinstance(told_id, str) and len(told_id) <= ID_CHARACTERS_MAX
    identity = Identity(method.upper(), rooted, told_id if is_id else "", extension.name)
    return _Found(identity, item, settled, extension)


def _refusal(method: str, path: str, error: Malformed) -> Refusal:
    return Refusal(shown(f"{method} {path}", REFUSED_CHARACTERS_MAX), error.place, error.reason, error.detail)


def _mended(source: Source, at: At) -> At:
    """The same operation, where what it says of itself is of the wrong kind and has a plain meaning."""
    at = source.with_flags(at, ("deprecated",))
    told: dict[str, Any] = {}
    own_id = at.value.get("operationId")
    if own_id is not None and not isinstance(own_id, str):
        told["operationId"] = str(own_id) if isinstance(own_id, int | float) and not isinstance(own_id, bool) else None
        source.note("operation-id-repaired", at.child("operationId"), "it is no text.")
    tags = at.value.get("tags")
    if tags is not None and (meant := source.meant(at, "tags", tags_meant)) != tags:
        told["tags"] = meant
    return at._replace(value={**at.value, **told}) if told else at


def _too_costly(source: Source, method: str, path: str, at: At, error: WorkExceeded) -> Refusal:
    return _refusal(method, path, Malformed("too-costly", source.documents.place(at), str(error)))


def _compile(source: Source, name: str, found: _Found) -> Tool:
    """One operation to one tool. Raises Malformed."""
    identity, at, told = found.identity, found.operation, found.extension
    effect = told.effect or effect_of(identity.method)
    path = identity.path.partition("#")[0]
    inputs = Inputs(source.schemas.definition_of("input"), source.documents.place(at))
    declared = gather_parameters(source, path, found.item, at)
    parameters = compile_parameters(source, path, declared, at, inputs)
    body = compile_body(source, at, declared, inputs, told.media_type)
    answers = compile_answers(source, at)
    paging = _paging(source, identity.method, told.page, parameters, inputs, answers)
    operation = Operation(
        connector=source.manifest.name,
        method=identity.method,
        path=path,
        server=_server(source, found),
        pointer=source.documents.place(at),
        operation_id=identity.operation_id,
        parameters=parameters,
        body=body,
        accept=answers.accept,
        choices=answers.choices,
        headers=answers.headers,
        paging=paging,
        defers=answers.defers or told.poll is not None,
        defaults=tuple(inputs.defaults),
    )
    summary = plain(at.value.get("summary") or found.item.value.get("summary"), TITLE_CHARACTERS_MAX)
    title = plain(told.title, TITLE_CHARACTERS_MAX) or summary
    title = title or shown(words(identity.operation_id) or identity.key, TITLE_CHARACTERS_MAX)
    deprecated = at.value.get("deprecated") is True
    description = _description(summary, at, found, deprecated=deprecated)
    options = offer_options(operation, answers=effect == "read" or bool(bytes(answers.root)))
    root, compact = _input(source, at, inputs, options, (name, title, description))
    return Tool(
        name=name,
        title=title,
        description=description,
        inputs=root,
        outputs=answers.root,
        answers=answers.declared,
        compact=compact,
        effect=effect,
        annotations=annotations_of(identity.method, told.effect),
        scopes=_scopes(source, at, effect, told),
        operation=operation,
        tags=_tags(at),
        deprecated=deprecated,
        extension=_extension(source, at, told, inputs),
    )


def _scopes(source: Source, at: At, effect: Effect, told: Extension) -> Alternatives:
    """Those that are said in so many words, or else the document's by the names that the manifest gives them."""
    manifest = source.manifest
    if told.scopes:
        return scopes_of(manifest.name, effect, [told.scopes])
    return scopes_of(manifest.name, effect, _security(source, at), manifest.scopes.names)


def _extension(source: Source, at: At, told: Extension, inputs: Inputs) -> Extension | None:
    """All that is said of the operation, by its arguments too; None where that is nothing."""
    if inputs.sinks:
        sinks = {**told.sink, **inputs.sinks}
        told = structs.replace(told, sink=dict(islice(sinks.items(), SINKS_MAX)))
        if len(sinks) > SINKS_MAX:
            source.note("extension-broken", at, f"it has more than {SINKS_MAX} sinks; the others are left aside.")
    return told if told != Extension() else None


def _input(
    source: Source, at: At, inputs: Inputs, options: Mapping[str, Any], beside: tuple[str, ...]
) -> tuple[Raw, Raw]:
    """The root of the input schema, and the compact form with the options, which has the room that the texts `beside` it
    leave. Raises Malformed."""
    root, is_whole = source.schemas.encode_root(inputs.schema({}), "input")
    room = source.manifest.limits.definition_bytes_max - DEFINITION_FRAME_BYTES - len(msgspec.json.encode(beside))
    compact = source.schemas.encode_compact(inputs.schema(options), max(room, COMPACT_BYTES_MIN))
    if not bytes(root):
        place = source.documents.place(at)
        raise Malformed("too-many-inputs", place, "the names of its inputs alone are too long a list.")
    if not is_whole:
        source.note("input-shortened", at, f"the root of its input schema is shortened to {ROOT_BYTES_MAX} bytes.")
    return root, compact


def _paging(
    source: Source,
    method: str,
    told: Page | None,
    parameters: tuple[Parameter, ...],
    inputs: Inputs,
    answers: Answers,
) -> Paging | None:
    """What the document tells, or else what a GET looks like: only what reads is gathered page by page."""
    if told is not None:
        return told_paging(told, inputs.names)
    if method != "GET":
        return None
    look_up = source.schemas.definition_of
    found = detect_paging(parameters, inputs.properties, answers.schema, look_up("input"), look_up("output"))
    return found or (Paging("link") if answers.links else None)


def _server(source: Source, found: _Found) -> str:
    root, own = source.root.value, server_list(source, found.operation)
    document = swagger.servers(root) if source.is_swagger else server_list(source, source.root)
    if source.is_swagger and found.operation.value.get("schemes"):
        own = swagger.servers({**root, "schemes": found.operation.value["schemes"]})
    levels = [own, server_list(source, found.item), document]
    source.work.spend(SERVER_STEPS * max(len(level or ()) for level in levels))
    return server_of(levels, source.root.uri, source.manifest.base_url, source.documents.place(found.operation))


def _description(summary: str, at: At, found: _Found, *, deprecated: bool) -> str:
    told = plain(found.extension.description, DESCRIPTION_CHARACTERS_MAX)
    text = told or plain(at.value.get("description") or found.item.value.get("description"), DESCRIPTION_CHARACTERS_MAX)
    parts = ["Deprecated."] if deprecated else []
    if summary and not told and not text.lower().startswith(summary.rstrip(".").lower()):
        parts.append(summary if summary[-1] in ".!?" else f"{summary}.")
    parts.append(text)
    whole = cut(" ".join(part for part in parts if part), DESCRIPTION_CHARACTERS_MAX)
    named = f"{found.identity.key} of {found.identity.operation_id or 'the API'}."
    return whole or shown(named, DESCRIPTION_CHARACTERS_MAX)


def _security(source: Source, at: At) -> list[list[str]]:
    """The scope or role names of each alternative, of all its schemes together."""
    level = at if at.value.get("security") is not None else source.root
    alternatives = [one for one in source.meant(level, "security", security_meant) or () if isinstance(one, dict)]
    if len(alternatives) > ALTERNATIVES_MAX or any(_count_scopes(one) > SCOPES_MAX for one in alternatives):
        detail = f"of more than {ALTERNATIVES_MAX} the first count, and none of more than {SCOPES_MAX} scopes."
        source.note("security-left-out", at, detail)
        alternatives = [one for one in alternatives[:ALTERNATIVES_MAX] if _count_scopes(one) <= SCOPES_MAX]
        if not alternatives:
            raise Malformed("too-costly", source.documents.place(at), "its scopes are too long a list.")
    source.work.spend(sum(map(_count_scopes, alternatives)))
    return [
        [
            scope
            for named in one.values()
            if isinstance(named, list)
            for scope in named
            if isinstance(scope, str) and scope
        ]
        for one in alternatives
    ]


def _count_scopes(alternative: dict[str, Any]) -> int:
    return len(alternative) + sum(len(named) for named in alternative.values() if isinstance(named, list))


def _tags(at: At) -> tuple[str, ...]:
    tags = at.value.get("tags")
    return tuple(plain(tag, 60) for tag in tags[:TAGS_MAX] if isinstance(tag, str)) if isinstance(tags, list) else ()


def _without_doubles(made: list[Made]) -> tuple[list[Made], list[Refusal]]:
    """Operations can only share a name where they share method and path too: the document says a thing twice."""
    kept: dict[str, Made] = {}
    lost = []
    for one in made:
        tool = one.tool
        if tool.name in kept:
            detail = f"{shown(kept[tool.name].tool.operation.key, REFUSED_CHARACTERS_MAX)} is there already."
            error = Malformed("repeated-operation", tool.operation.pointer, detail)
            lost.append(_refusal(tool.operation.method, tool.operation.path, error))
        else:
            kept[tool.name] = one
    return list(kept.values()), lost
