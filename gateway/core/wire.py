"""A compiled connector as bytes, in compressed pieces that are each quick to read, and back: what one process compiled,
another serves. The manifest is not among them. Knows no pipe and no file."""

import zlib
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, TypeVar

import msgspec
from msgspec import Raw, Struct, structs

from gateway.core.catalog import Connector
from gateway.core.declared import NOTHING, Answer
from gateway.core.manifest import Manifest
from gateway.core.operation import Body
from gateway.core.relation import Family, Member, Related, Relation
from gateway.core.shelf import Definition, Shelves
from gateway.core.tool import Tool

T = TypeVar("T")

# A millisecond or so of reading: all that a call may have to wait for each time that it waits.
TOOLS_A_PIECE = 25
DEFINITIONS_A_PIECE = 100
# What one piece may be when it is no longer compressed: it comes from a process that read a stranger's document.
PIECE_BYTES_MAX = 64 << 20
COMPRESSION = 1


class _Head(Struct, frozen=True):
    """All of a connector but its tools and their definitions, and how many pieces of each follow."""

    name: str
    rest: Raw
    input: int
    output: int
    tools: int


def encode_connector(connector: Connector) -> Iterator[bytes]:
    """The head, then the definitions, then the tools."""
    tools = connector.tools
    shelves = tools[0].shelves if tools else Shelves({}, {})
    inputs, outputs = list(_definition_pieces(shelves.input)), list(_definition_pieces(shelves.output))
    starts = range(0, len(tools), TOOLS_A_PIECE)
    rest = Raw(msgspec.json.encode(structs.replace(connector, tools=(), manifest=Manifest(name=connector.name))))
    yield _packed(_Head(connector.name, rest, len(inputs), len(outputs), len(starts)))
    yield from map(_packed, inputs + outputs)
    for start in starts:
        yield _packed([_filled(tool) for tool in tools[start : start + TOOLS_A_PIECE]])


class ConnectorReader:
    """Takes the pieces one by one. `pieces` is how many are still to come. Raises `zlib.error`, `msgspec.DecodeError` or
    ValueError where they are not what they should be."""

    def __init__(self, manifest: Manifest, head: bytes) -> None:
        told = msgspec.json.decode(_unpacked(head), type=_Head)
        self.pieces = told.input + told.output + told.tools
        self._rest = msgspec.json.decode(told.rest, type=Connector)
        self._manifest = structs.replace(manifest, name=told.name)
        self._given: dict[str, Definition] = {}
        self._answered: dict[str, Definition] = {}
        self._kinds = iter(("input",) * told.input + ("output",) * told.output + ("tools",) * told.tools)
        self._shelves: Shelves | None = None
        self._tools: list[Tool] = []
        self._same: dict[Any, Any] = {}

    def take(self, piece: bytes) -> None:
        kind, data = next(self._kinds), _unpacked(piece)
        self.pieces -= 1
        if kind == "tools":
            shelves = self._shelves = self._shelves or Shelves(self._given, self._answered)
            tools = msgspec.json.decode(data, type=list[Tool], dec_hook=lambda kind, _: shelves)
            self._tools += map(self._settle, tools)
            return
        told = msgspec.json.decode(data, type=dict[str, Definition])
        shelf = self._given if kind == "input" else self._answered
        shelf.update((self._shared(name), self._definition(one)) for name, one in told.items())

    def connector(self) -> Connector:
        return structs.replace(self._rest, manifest=self._manifest, tools=tuple(self._tools))

    def _definition(self, one: Definition) -> Definition:
        names = tuple(map(self._shared, one.references))
        return self._equal(
            (bytes(one.encoded), bytes(one.stub)),
            lambda: Definition(self._raw(one.encoded), self._raw(one.stub), names),
        )

    def _settle(self, tool: Tool) -> Tool:
        """The same tool, with what is the same in others shared, and no longer holding on to the piece it came in."""
        operation = structs.replace(
            tool.operation,
            connector=self._shared(tool.operation.connector),
            server=self._shared(tool.operation.server),
            path=self._shared(tool.operation.path),
            accept=self._shared(tool.operation.accept),
            choices=self._shared(tool.operation.choices),
            headers=self._shared(tool.operation.headers),
            parameters=self._shared(tuple(map(self._shared, tool.operation.parameters))),
            body=self._body(tool.operation.body),
        )
        return structs.replace(
            tool,
            name=self._shared(tool.name),
            title=self._shared(tool.title),
            description=self._shared(tool.description),
            inputs=self._raw(tool.inputs),
            outputs=NOTHING if bytes(tool.outputs) == b"null" else self._raw(tool.outputs),
            compact=self._raw(tool.compact),
            annotations=self._shared(tool.annotations),
            scopes=self._shared(tool.scopes),
            tags=self._shared(tool.tags),
            operation=operation,
            answers=tuple(map(self._answer, tool.answers)),
            related=self._related(tool.related),
        )

    def _answer(self, answer: Answer) -> Answer:
        key = (answer.status, answer.media_type, bytes(answer.root), answer.description)
        if key not in self._same:
            self._same[key] = structs.replace(answer, root=self._raw(answer.root) if bytes(answer.root) else NOTHING)
        same: Answer = self._same[key]
        return same

    def _body(self, body: Body | None) -> Body | None:
        if body is None:
            return None
        fields = self._shared(tuple(map(self._shared, body.fields)))
        shared: Body = self._shared(structs.replace(body, fields=fields))
        return shared

    def _raw(self, raw: Raw) -> Raw:
        data = bytes(raw)
        return self._equal(data, lambda: Raw(data))

    def _related(self, related: Related | None) -> Related | None:
        """One relation stands with the tools on both its sides, and many bind the same."""
        return related and Related(
            family=self._family(related.family),
            role=self._shared(related.role),
            undo=self._relation(related.undo),
            verify=self._relation(related.verify),
            following=tuple(map(self._relation, related.following)),
            preceding=tuple(map(self._relation, related.preceding)),
        )

    def _relation(self, one: Relation | None) -> Any:
        if one is None:
            return None
        names = self._shared(one.earlier), self._shared(one.later)
        bindings = self._shared(tuple(map(self._shared, one.bindings)))
        return self._shared(Relation(*names, one.kind, bindings))

    def _family(self, family: Family | None) -> Family | None:
        if family is None:
            return None
        members = tuple(Member(self._shared(one.role), self._shared(one.tool)) for one in family.members)
        shared: Family = self._shared(structs.replace(family, members=members))
        return shared

    def _shared(self, value: Any) -> Any:
        try:
            return self._same.setdefault(value, value)
        except TypeError:
            # A plan of XML is a mapping, and cannot be looked up.
            return value

    def _equal(self, key: Any, make: Callable[[], T]) -> T:
        if key not in self._same:
            self._same[key] = make()
        same: T = self._same[key]
        return same


def _filled(tool: Tool) -> Tool:
    """Nothing has no place in JSON, and no schema is null."""
    return tool if bytes(tool.outputs) else structs.replace(tool, outputs=Raw(b"null"))


def _definition_pieces(shelf: Mapping[str, Definition]) -> Iterator[dict[str, Definition]]:
    rest = iter(shelf.items())
    while piece := dict(islice(rest, DEFINITIONS_A_PIECE)):
        yield piece


def _packed(value: Any) -> bytes:
    return zlib.compress(msgspec.json.encode(value, enc_hook=_without_shelves), COMPRESSION)


def _unpacked(piece: bytes) -> bytes:
    """Raises ValueError where it is longer than a piece can be."""
    unpacker = zlib.decompressobj()
    data = unpacker.decompress(piece, PIECE_BYTES_MAX)
    if not unpacker.eof:
        raise ValueError("a piece is too large, or is cut off")
    return data


def _without_shelves(value: object) -> None:
    assert isinstance(value, Shelves), "nothing else in a tool needs help to be encoded"
