"""What the operations of a document answer, in the document's own words: the part of it that openapi-core needs to judge
their answers, in one small OpenAPI document for the whole connector. Schemas are copied as they are written; references
lead to copies in `x-kept`, whichever file they led to. Judges nothing."""

import zlib
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct

from gateway.core.declared import STATUS
from gateway.core.media import essence, family_of
from gateway.core.place import At, Malformed
from gateway.core.source import Source

CONTRACT_BYTES_MAX = 16 << 20
LEVELS_MAX = 200
KEPT, BACKEND = "x-kept", "http://backend"
OWN_READING = "answers-by-own-reading"

# Keywords whose members have names of their own.
_MAPS = frozenset({"properties", "patternProperties", "dependentSchemas", "headers", "content"})
_VALUES = frozenset({"enum", "const", "default", "required"})
# What says nothing of a value, or names a place that a copy does not have.
_LEFT_OUT = frozenset(
    {"description", "title", "summary", "example", "examples", "externalDocs", "xml", "deprecated", "$comment"}
    | {"$id", "$anchor", "$defs", "definitions"}
)
_TEXTS = frozenset({"text/plain", "text/html"})

Json = dict[str, Any]


class Contract(Struct, frozen=True):
    """A contract taken apart: the responses of each tool, and the rest of the document, which all of them refer to."""

    responses: dict[str, Json]
    rest: Json

    def document_of(self, tool: str) -> Json:
        """The OpenAPI document of one operation, as `GET /`, whatever its method and path are."""
        return {**self.rest, "paths": {"/": {"get": {"responses": self.responses[tool]}}}}


def read_contract(contract: bytes) -> Contract:
    return msgspec.json.decode(zlib.decompress(contract), type=Contract)


def build_contract(source: Source, operations: Iterable[tuple[str, At]]) -> bytes:
    """For the operations of these tools. An operation whose answers openapi-core cannot judge is not in it, and that is
    noted: those are judged by our own reading. To be called when all schemas are converted, so that every repair is known."""
    if source.is_swagger:
        source.note(OWN_READING, source.root, "it is Swagger 2.0, which openapi-core does not read.")
        return b""
    copying = _Copying(source)
    responses: dict[str, Json] = {}
    for name, operation in operations:
        told = operation.get("responses")
        if told is None or not isinstance(told.value, dict):
            continue
        try:
            responses[name] = copying.responses(told)
        except Malformed as error:
            source.note(OWN_READING, operation, error.detail)
    rest: Json = {"openapi": source.version, "info": {"title": "", "version": ""}, "servers": [{"url": BACKEND}]}
    if isinstance(dialect := source.root.value.get("jsonSchemaDialect"), str):
        rest["jsonSchemaDialect"] = dialect
    rest |= {KEPT: copying.kept, "components": {"schemas": copying.named}}
    encoded = msgspec.json.encode(Contract(responses, rest))
    if len(encoded) > CONTRACT_BYTES_MAX:
        detail = f"what it says of answers takes more than {CONTRACT_BYTES_MAX} bytes."
        source.note(OWN_READING, source.root, detail)
        return b""
    return zlib.compress(encoded)


class _Copying:
    """Copies what is reached, each place once."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._repaired = {repair.place for repair in source.repairs.values()}
        self._names: dict[tuple[str, str], str] = {}
        self._waiting: list[At] = []
        self._broken: dict[str, Malformed] = {}
        self._reached: dict[str, set[str]] = {}
        self.kept: dict[str, Any] = {}
        # Schemas that a value may name without a mapping of its own.
        self.named: dict[str, Json] = {}

    def responses(self, at: At) -> Json:
        """Raises Malformed where something in it is not what it must be, was repaired, or cannot be said so."""
        mentioned: set[str] = set()
        told = {}
        for key in at.value:
            status = key if key == "default" else key.upper()
            if STATUS.fullmatch(status):
                told[status] = self._response(at.child(key), mentioned)
        self._keep_all()
        self._require_whole(mentioned)
        return told

    def _response(self, at: At, mentioned: set[str]) -> Json:
        self._refuse_repaired(at)
        settled = self._source.settle(at)
        self._refuse_repaired(settled)
        content = self._source.members(settled.get("content"))
        headers = self._source.members(settled.get("headers"))
        told: Json = {"description": ""}
        if content:
            told["content"] = {kind: self._content(kind, one, mentioned) for kind, one in content.items()}
        if headers:
            told["headers"] = {name: self._copy(one, mentioned) for name, one in headers.items() if _is_told(one)}
        return told

    def _content(self, kind: str, at: At, mentioned: set[str]) -> Json:
        """Of what is no JSON and no plain text nobody here can say whether it fits a schema."""
        settled = self._source.settle(at) if isinstance(at.value, dict) else at
        schema = settled.get("schema")
        is_judged = family_of(kind) == "json" or essence(kind) in _TEXTS
        return {"schema": self._copy(schema, mentioned)} if schema is not None and is_judged else {}

    def _copy(self, at: At, mentioned: set[str], levels: int = LEVELS_MAX) -> Any:
        """A value with its references led to the copies of what they name, which are to be kept."""
        value = at.value
        self._refuse_repaired(at)
        if levels == 0:
            raise Malformed(OWN_READING, self._source.documents.place(at), "it is nested too deeply.")
        if isinstance(value, list):
            return [self._copy(at.child(index), mentioned, levels - 1) for index in range(len(value))]
        if not isinstance(value, dict):
            return value
        told: Json = {}
        for key, member in value.items():
            if key == "$dynamicRef" or key == "$dynamicAnchor":
                raise Malformed(OWN_READING, self._source.documents.place(at), f"it has {key}.")
            if key == "$ref" and isinstance(member, str):
                told[key] = self._reference(member, at, mentioned)
            elif key in _VALUES:
                told[key] = member
            elif key in _MAPS and isinstance(member, dict):
                group = at.child(key)
                told[key] = {name: self._copy(group.child(name), mentioned, levels - 1) for name in member}
            elif key == "discriminator":
                self._discriminator(at.child(key), told, mentioned)
            elif key not in _LEFT_OUT and not key.startswith("x-"):
                told[key] = self._copy(at.child(key), mentioned, levels - 1)
        return told

    def _reference(self, reference: str, origin: At, mentioned: set[str]) -> str:
        found = self._source.documents.find(reference, origin)
        key = (found.uri, found.pointer)
        if key not in self._names:
            self._names[key] = str(len(self._names))
            self._waiting.append(found)
        mentioned.add(self._names[key])
        return f"#/{KEPT}/{self._names[key]}"

    def _discriminator(self, at: At, told: Json, mentioned: set[str]) -> None:
        """Only where it maps values to schemas: without a mapping real documents rarely mean the names of schemas, and
        the alternatives themselves say which of them fits. What its values may be without being mapped is named too."""
        mapping = at.value.get("mapping") if isinstance(at.value, dict) else None
        if not isinstance(mapping, dict) or not mapping or not isinstance(at.value.get("propertyName"), str):
            return
        mapped = {value: self._reference(_as_reference(name), at, mentioned) for value, name in mapping.items()}
        told["discriminator"] = {"propertyName": at.value["propertyName"], "mapping": mapped}
        for name in mapping.values():
            told_name = str(name).rpartition("/")[2]
            self.named.setdefault(told_name, {"$ref": self._reference(_as_reference(name), at, mentioned)})

    def _keep_all(self) -> None:
        while self._waiting:
            at = self._waiting.pop()
            name = self._names[at.uri, at.pointer]
            self._reached[name] = set()
            try:
                self.kept[name] = self._copy(at, self._reached[name])
            except Malformed as error:
                self._broken[name] = error
                self.kept[name] = True

    def _require_whole(self, names: set[str]) -> None:
        waiting, seen = list(names), set(names)
        while waiting:
            name = waiting.pop()
            if name in self._broken:
                raise self._broken[name]
            new = self._reached[name] - seen
            seen |= new
            waiting += new

    def _refuse_repaired(self, at: At) -> None:
        place = self._source.documents.place(at)
        if place in self._repaired:
            raise Malformed(OWN_READING, place, f"{place} had to be repaired.")


def _is_told(header: At) -> bool:
    return isinstance(header.value, dict) and bool(header.value.keys() & {"schema", "content", "$ref"})


def _as_reference(name: Any) -> str:
    """A mapping names a schema or where it is (OAS 3.1 section 4.8.25)."""
    text = str(name)
    is_name = text.replace("-", "").replace("_", "").replace(".", "").isalnum() and not text.endswith(
        (".json", ".yaml", ".yml")
    )
    return f"#/components/schemas/{text}" if is_name else text
