"""The tools of one document by everything that the document may name their operations by."""

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import unquote, urldefrag

from msgspec import Struct

from gateway.core.document import join_uri
from gateway.core.naming import snake
from gateway.core.pointer import escape, tokens
from gateway.core.references import At
from gateway.core.source import Source
from gateway.core.tool import Tool


class Made(Struct, frozen=True):
    """A tool, and where its operation stands."""

    tool: Tool
    at: At


class Lost(Exception):
    """What a link says leads nowhere; `detail` says why."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class Directory:
    """`ids` are those of all operations: of those that become no tool too."""

    def __init__(self, source: Source, made: Sequence[Made], ids: Iterable[str]) -> None:
        self._trees = source.documents.trees
        self._ids = frozenset(ids)
        self._by_id: dict[str, list[Made]] = {}
        self._by_words: dict[str, list[Made]] = {}
        self._by_place: dict[tuple[str, str], Made] = {}
        self._by_key: dict[str, Made] = {}
        for one in made:
            operation = one.tool.operation
            self._by_id.setdefault(operation.operation_id, []).append(one)
            self._by_words.setdefault(snake(operation.operation_id), []).append(one)
            self._by_place[one.at.uri, one.at.pointer] = one
            # Where it is found in the entry, whatever file its path item refers to.
            self._by_place.setdefault((source.documents.entry, _pointer(operation.path, operation.method)), one)
            self._by_key.setdefault(operation.key, one)

    def by_id(self, told: str) -> tuple[Made | None, str]:
        """The tool of an operationId, and what was mended to find it. None where the operation is there and becomes no
        tool. Raises Lost."""
        found, mended = self._by_id.get(told, []), ""
        if not found and told in self._ids:
            return None, ""
        if not found and (found := self._by_words.get(snake(told), [])):
            mended = f"the operation {found[0].tool.operation.operation_id[:100]!r} is taken for {told[:100]!r}"
        if len(found) != 1:
            raise Lost(f"{len(found) or 'no'} operation{'s have' if found else ' has'} the id {told[:100]!r}")
        return found[0], mended

    def by_reference(self, reference: str, uri: str) -> tuple[Made | None, str]:
        """The same of an operationRef in a file of that URI: another URI, with a JSON Pointer. A path that is not escaped
        in it is plainly meant."""
        uri, fragment = urldefrag(join_uri(uri, reference)) if not reference.startswith("#") else (uri, reference[1:])
        pointer = unquote(fragment)
        if (found := self._by_place.get((uri, pointer))) is not None:
            return found, ""
        head, _, method = pointer.rpartition("/")
        if (found := self._by_place.get((uri, _pointer(head.removeprefix("/paths/"), method)))) is not None:
            return found, f"{found.tool.operation.key} is taken for {reference[:200]!r}"
        if uri not in self._trees:
            raise Lost(f"{reference[:200]!r} leads to a document that is not read")
        if not isinstance(_found_at(self._trees[uri], pointer), dict):
            raise Lost(f"{reference[:200]!r} leads to no operation")
        return None, ""

    def by_key(self, told: str) -> Made | None:
        """The same of what `x-factotum` names it by: an operationId or `METHOD /path`. Raises Lost."""
        found = self._by_id.get(told, [])
        if len(found) == 1 or told in self._by_key:
            return found[0] if len(found) == 1 else self._by_key[told]
        if found or told not in self._ids:
            raise Lost(f"{told[:100]!r} is {'more than one operation' if found else 'no operation'}")
        return None


def _pointer(path: str, method: str) -> str:
    return f"/paths/{escape(path)}/{method.lower()}"


def _found_at(tree: Any, pointer: str) -> Any:
    for step in tokens(pointer):
        tree = tree.get(step) if isinstance(tree, dict) else None
    return tree
