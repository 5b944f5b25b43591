"""A compiled connector as bytes, in pieces that are each quick to read, and back: what one process compiled, another serves.
The manifest is not among them. Knows no pipe."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from msgspec import Raw, Struct, structs

from gateway.core.catalog import Connector
from gateway.core.declared import NOTHING, Answer
from gateway.core.manifest import Manifest
from gateway.core.relation import Related, Relation
from gateway.core.shelf import Definition, Shelves
from gateway.core.tool import Tool

TOOLS_A_PIECE = 100


_NOTHING = Raw(b"")


class _Head(Struct, frozen=True):
    """All of a connector but its tools, and how many pieces of these follow."""

    name: str
    rest: Raw
    input: dict[str, Definition]
    output: dict[str, Definition]
    pieces: int


def encode_connector(connector: Connector) -> Iterator[bytes]:
    """The head, then the tools."""
    tools = connector.tools
    shelves = tools[0].shelves if tools else Shelves({}, {})
    starts = range(0, len(tools), TOOLS_A_PIECE)
    rest = structs.replace(connector, tools=(), manifest=Manifest(name=connector.name))
    encoded = msgspec.json.encode(rest)
    head = _Head(connector.name, Raw(encoded), dict(shelves.input), dict(shelves.output), len(starts))
    yield msgspec.json.encode(head)
    for start in starts:
        piece = [_filled(tool) for tool in tools[start : start + TOOLS_A_PIECE]]
        yield msgspec.json.encode(piece, enc_hook=_without_shelves)


class ConnectorReader:
    """Takes the pieces one by one. `pieces` is how many are still to come."""

    def __init__(self, manifest: Manifest, head: bytes) -> None:
        told = msgspec.json.decode(head, type=_Head)
        self.pieces = told.pieces
        self._rest = msgspec.json.decode(told.rest, type=Connector)
        self._manifest = structs.replace(manifest, name=told.name)
        self._shelves = Shelves(dict(_copied(told.input.items())), dict(_copied(told.output.items())))
        self._tools: list[Tool] = []
        self._same: dict[Any, Any] = {}

    def take(self, piece: bytes) -> None:
        tools = msgspec.json.decode(piece, type=list[Tool], dec_hook=lambda kind, _: self._shelves)
        self._tools += map(self._settle, tools)
        self.pieces -= 1

    def connector(self) -> Connector:
        return structs.replace(self._rest, manifest=self._manifest, tools=tuple(self._tools))

    def _settle(self, tool: Tool) -> Tool:
        """The same tool, with what is the same in others shared, and no longer holding on to the piece it came in."""
        operation = structs.replace(
            tool.operation,
            connector=self._shared(tool.operation.connector),
            server=self._shared(tool.operation.server),
            accept=self._shared(tool.operation.accept),
            choices=self._shared(tool.operation.choices),
            parameters=self._shared(tuple(map(self._shared, tool.operation.parameters))),
        )
        return structs.replace(
            tool,
            inputs=tool.inputs.copy(),
            outputs=_NOTHING if bytes(tool.outputs) == b"null" else tool.outputs.copy(),
            compact=tool.compact.copy(),
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
            self._same[key] = structs.replace(answer, root=answer.root.copy() if bytes(answer.root) else NOTHING)
        same: Answer = self._same[key]
        return same

    def _related(self, related: Related | None) -> Related | None:
        """One relation stands with the tools on both its sides, and many bind the same."""
        return related and Related(
            family=self._shared(related.family),
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
        return self._shared(Relation(*names, one.kind, self._shared(one.bindings)))

    def _shared(self, value: Any) -> Any:
        return self._same.setdefault(value, value)


def _filled(tool: Tool) -> Tool:
    """Nothing has no place in JSON, and no schema is null."""
    return tool if bytes(tool.outputs) else structs.replace(tool, outputs=Raw(b"null"))


def _copied(definitions: Iterable[tuple[str, Definition]]) -> Iterator[tuple[str, Definition]]:
    for name, one in definitions:
        yield name, Definition(one.encoded.copy(), one.stub.copy(), one.references)


def _without_shelves(value: object) -> None:
    assert isinstance(value, Shelves), "nothing else in a tool needs help to be encoded"
