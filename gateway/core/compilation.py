"""One document on its way in: its files one after another, then all of it compiled. Fetches nothing."""

import re

from msgspec import structs

from gateway.core.catalog import Connector
from gateway.core.compile import compile_document
from gateway.core.document import DocumentBroken, Tree, external_references, parse_document
from gateway.core.manifest import Manifest
from gateway.core.references import Documents

RESERVED_NAMES = frozenset({"factotum"})
_NAME = re.compile(r"^[a-z][a-z0-9-]{0,31}$")


class Compilation:
    """Takes the entry file first. A manifest without a name takes one from the document's title."""

    def __init__(self, manifest: Manifest, entry: str) -> None:
        self._manifest = manifest
        self._entry = entry
        self._trees: dict[str, Tree] = {}
        self._overlays: list[tuple[str, Tree]] = []
        self._bytes_read = 0

    def take(self, uri: str, data: bytes) -> tuple[str, ...]:
        """Parse one file; the URIs of the files that it refers to. Raises DocumentBroken."""
        tree = self._trees[uri] = parse_document(data, uri)
        self._bytes_read += len(data)
        return tuple(sorted(external_references(tree, uri)))

    def take_overlay(self, uri: str, data: bytes) -> tuple[str, ...]:
        """Parse one overlay, in the order in which they are applied; the URIs of the files that what it adds refers to.
        Raises DocumentBroken."""
        tree = parse_document(data, uri)
        self._bytes_read += len(data)
        self._overlays.append((uri, tree))
        return tuple(sorted(external_references(tree, self._entry)))

    def finish(self, digest: str) -> Connector:
        """Everything compiled. Raises DocumentBroken."""
        manifest = structs.replace(self._manifest, name=self._name())
        return compile_document(manifest, Documents(self._entry, self._trees, self._bytes_read), digest, self._overlays)

    def _name(self) -> str:
        name = self._manifest.name or _name_from_title(self._trees[self._entry])
        if why := refuse_name(name):
            raise DocumentBroken(f"its title makes no name: {why}", "/info/title")
        return name


def refuse_name(name: str) -> str:
    """Why this cannot be the name of a connector; "" where it can."""
    if _NAME.match(name) and name not in RESERVED_NAMES:
        return ""
    return (
        f"{name[:64]!r} cannot be the name of a connector: it takes 1 to 32 lower-case letters, digits and dashes, "
        f"starts with a letter, and is not {' or '.join(sorted(RESERVED_NAMES))}."
    )


def _name_from_title(tree: Tree) -> str:
    info = tree.get("info")
    title = str(info.get("title", "")) if isinstance(info, dict) else ""
    words = re.findall(r"[a-z0-9]+", title.lower())
    kept = [word for word in words if word not in ("api", "openapi", "swagger", "rest", "the", "v1", "v2", "v3")]
    return "-".join(kept)[:32].strip("-").lstrip("0123456789-") or "connector"
