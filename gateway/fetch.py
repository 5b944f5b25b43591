"""A connector's documents as they are read: the entry, then whatever it refers to, from the network, from files, or as they
came along; within bounds. What refers to what is the compiler's to say."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from msgspec import Struct

from gateway.compiler import Compiler
from gateway.core.catalog import Connector
from gateway.core.manifest import Manifest
from gateway.errors import BadRequest, DocumentRejected, GatewayError
from gateway.stores.base import StoredConnector, StoredDocument
from gateway.upstream import Upstream


class Bounds(Struct, frozen=True):
    """How much one connector's documents may take: all files together in bytes, files, seconds a fetch."""

    bytes_max: int
    files_max: int
    timeout_s: float


class Offered(Struct, frozen=True):
    """A connector as somebody offers it. A manifest without a name takes one from the document's title.

    `folder` is what a relative `document` starts from; None means that the offer came over a network, and that no file
    of ours may be read for it. `content` is the document itself, where it came along.
    """

    manifest: Manifest
    folder: Path | None = None
    content: bytes | None = None


class DocumentReader:
    """Reads documents within `bounds`, over the guarded way out, and gives each file to the compiler as it comes."""

    def __init__(self, upstream: Upstream, compiler: Compiler, bounds: Bounds) -> None:
        self._upstream = upstream
        self._compiler = compiler
        self._bounds = bounds

    async def read(self, offered: Offered, now: datetime) -> tuple[StoredDocument, Connector]:
        """The document's files, the entry first, then whatever it refers to, within bounds, and what they compile to. A
        file that is referred to and cannot be read is left out: the operations that need it will be refused by name.
        Raises DocumentRejected, BadRequest or UpstreamFailed."""
        entry = _entry_uri(offered)
        first = await self._read_one(entry, entry, offered, self._bounds.bytes_max)
        async with self._compiler.compiling(offered.manifest, entry, len(first)) as compiling:
            files = {entry: first}
            waiting = list(await compiling.take(entry, first))
            left_out: set[str] = set()
            while waiting:
                uri = waiting.pop()
                if uri in files or uri in left_out:
                    continue
                try:
                    data = await self._read_one(uri, entry, offered, self._bounds.bytes_max - _size(files))
                    waiting += await compiling.take(uri, data)
                    files[uri] = data
                except GatewayError:
                    left_out.add(uri)
                if len(files) + len(waiting) > self._bounds.files_max:
                    raise DocumentRejected(
                        f"it refers to more than {self._bounds.files_max} files (documents.files_max)."
                    )
            digest = _digest(files)
            return StoredDocument(digest, entry, files, now), await compiling.finish(digest)

    async def read_stored(self, stored: StoredConnector) -> Connector:
        """What was kept, compiled again. Raises DocumentRejected."""
        document = stored.document
        first = document.files[document.entry]
        async with self._compiler.compiling(stored.manifest, document.entry, len(first)) as compiling:
            for uri, data in document.files.items():
                await compiling.take(uri, data)
            return await compiling.finish(document.digest)

    async def _read_one(self, uri: str, entry: str, offered: Offered, bytes_left: int) -> bytes:
        if offered.content is not None and uri == entry:
            return _within(offered.content, bytes_left)
        if uri.startswith("file:"):
            return await asyncio.to_thread(_read_file, uri, entry, bytes_left)
        fetched = await self._upstream.fetch(
            uri,
            bytes_max=bytes_left,
            timeout_s=self._bounds.timeout_s,
            allow_addresses=offered.manifest.allow_addresses,
        )
        assert fetched is not None, "only a fetch with a tag can find nothing new"
        return fetched.content


def _entry_uri(offered: Offered) -> str:
    """Where the document is: a URL as it stands, a file's, or that of an upload. Raises BadRequest."""
    document = offered.manifest.document
    if _is_url(document):
        return document
    if offered.content is not None:
        return "upload:/openapi"
    if not document:
        raise BadRequest("A connector needs its document: a URL, or the document itself as `content`.")
    if offered.folder is None:
        raise BadRequest("`document` must be an http or https URL here; send a file's text as `content`.")
    return (offered.folder / document).resolve().as_uri()


def _is_url(document: str) -> bool:
    try:
        return urlsplit(document).scheme in ("http", "https")
    except ValueError as error:
        raise BadRequest("`document` is no URL.") from error


def _read_file(uri: str, entry: str, bytes_left: int) -> bytes:
    """A file at or below the folder of the entry file. Raises DocumentRejected."""
    path = Path(url2pathname(urlsplit(uri).path)).resolve()
    root = Path(url2pathname(urlsplit(entry).path)).parent
    if not entry.startswith("file:") or not path.is_relative_to(root):
        raise DocumentRejected(f"it refers to {path.name}, which is outside its folder.")
    try:
        with path.open("rb") as file:
            return _within(file.read(bytes_left + 1), bytes_left)
    except OSError as error:
        raise DocumentRejected(f"there is no readable file {path}.") from error


def _within(data: bytes, bytes_left: int) -> bytes:
    if len(data) > bytes_left:
        raise DocumentRejected("its files are larger than documents.bytes_max allows.")
    return data


def _size(files: Mapping[str, bytes]) -> int:
    return sum(map(len, files.values()))


def _digest(files: Mapping[str, bytes]) -> str:
    digest = sha256()
    for uri, data in sorted(files.items()):
        digest.update(f"{len(uri)} {uri} {len(data)} ".encode() + data)
    return digest.hexdigest()
