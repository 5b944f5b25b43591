"""A connector's documents as they are read: the entry, then whatever it refers to, from the network, from files, or as they
came along; within bounds. What refers to what is the compiler's to say."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import msgspec
import structlog
from msgspec import Struct, structs

from gateway.compiled import CompiledFiles, Kept, KeptHead, compiled_key
from gateway.compiler import Compiler, Compiling, read_connector
from gateway.core.catalog import Connector
from gateway.core.manifest import Manifest
from gateway.errors import BadRequest, DocumentRejected, GatewayError, TooLarge
from gateway.stores.base import StoredConnector, StoredDocument
from gateway.upstream import Fetched, Fetching, Upstream

log = structlog.get_logger(__name__)


class Bounds(Struct, frozen=True):
    """How much one connector's documents may take: all files together in bytes, files, seconds a fetch and in all."""

    bytes_max: int
    files_max: int
    timeout_s: float
    read_timeout_s: float


class Offered(Struct, frozen=True):
    """A connector as somebody offers it. A manifest without a name takes one from the document's title.

    `folder` is what a relative `document` starts from; None means that the offer came over a network, and that no file
    of ours may be read for it. `content` is the document itself, where it came along.
    """

    manifest: Manifest
    folder: Path | None = None
    content: bytes | None = None


class Read(Struct, frozen=True):
    """A document, and what it compiles to; `pieces` are that as bytes, () where they are kept already. `is_whole`: it refers
    to no file that could not be read, as far as is known."""

    document: StoredDocument
    connector: Connector
    pieces: tuple[bytes, ...] = ()
    is_whole: bool = False


class DocumentReader:
    """Reads documents within `bounds`, over the guarded way out, and gives each file to the compiler as it comes. What was
    compiled before, and is still the same, is not compiled again."""

    def __init__(self, upstream: Upstream, compiler: Compiler, compiled: CompiledFiles, bounds: Bounds) -> None:
        self._upstream = upstream
        self._compiler = compiler
        self._compiled = compiled
        self._bounds = bounds

    async def read(self, offered: Offered, now: datetime) -> Read:
        """The document's files, the entry first, then whatever it refers to, within bounds, and what they compile to. A
        file that is referred to and cannot be read is left out: the operations that need it will be refused by name.
        Raises DocumentRejected, BadRequest or UpstreamFailed."""
        entry = _entry_uri(offered)
        offered = structs.replace(offered, manifest=_with_whole_overlays(offered))
        async with self._reading(offered, entry) as reading:
            return await self._read(reading, now)

    async def _read(self, reading: "_Reading", now: datetime) -> Read:
        offered, entry = reading.offered, reading.entry
        first = await reading.fetch(entry)
        assert first is not None, "only a fetch with a tag can find nothing new"
        files = {entry: first.content}
        kept = await self._compiled.find(offered.manifest.name)
        if kept is not None and kept.head.is_whole and kept.head.files[0] == entry:
            await self._read_known(kept.head.files[1:], files, reading)
            digest = await asyncio.to_thread(_digest, files)
            connector = await _from_kept(kept, digest, offered.manifest)
            if connector is not None:
                document = StoredDocument(digest, entry, files, now, first.etag, first.modified)
                return Read(document, connector, is_whole=True)
        read = await self._read_rest(reading, first, now, known="", had=files)
        assert read is not None, "nothing was known that this could be the same as"
        return read

    async def keep(self, read: Read) -> None:
        """So that the next start need not compile it."""
        if read.pieces:
            document, manifest = read.document, read.connector.manifest
            key = await asyncio.to_thread(compiled_key, document.digest, manifest)
            files = (document.entry, *(uri for uri in document.files if uri != document.entry))
            await self._compiled.put(manifest.name, Kept(KeptHead(key, files, read.is_whole), read.pieces))

    async def forget(self, name: str) -> None:
        """There is no such connector any more."""
        await self._compiled.drop(name)

    async def forget_others(self, names: Collection[str]) -> None:
        """There are no connectors but these."""
        await self._compiled.keep_only(names)

    async def read_again(self, manifest: Manifest, known: StoredDocument, now: datetime) -> Read | None:
        """The same document as it is now; None where it has not changed. A single file is asked for by its tag or date.
        Raises DocumentRejected, BadRequest or UpstreamFailed."""
        if known.entry.startswith("upload:"):
            raise BadRequest(f"The document of {manifest.name} was sent along; send it anew to replace it.")
        offered = Offered(manifest)
        alone = len(known.files) == 1
        tags = (known.etag, known.modified) if alone else ("", "")
        async with self._reading(offered, known.entry) as reading:
            first = await reading.fetch(known.entry, *tags)
            return None if first is None else await self._read_rest(reading, first, now, known=known.digest)

    @asynccontextmanager
    async def _reading(self, offered: Offered, entry: str) -> AsyncIterator["_Reading"]:
        async with self._upstream.fetching(offered.manifest.allow_addresses) as source:
            yield _Reading(source, offered, entry, self._bounds)

    async def _read_known(self, uris: Sequence[str], files: dict[str, bytes], reading: "_Reading") -> None:
        """Read the files that it had beside its entry, as far as they can be read."""
        overlays = dict(enumerate_overlays(reading.offered.manifest))
        for uri in uris:
            try:
                files[uri] = (
                    (overlays[uri] or await reading.overlay(uri)) if uri in overlays else await reading.one(uri)
                )
            except GatewayError:
                return

    async def _read_rest(
        self,
        reading: "_Reading",
        first: Fetched,
        now: datetime,
        *,
        known: str,
        had: Mapping[str, bytes] = MappingProxyType({}),
    ) -> Read | None:
        """What the entry refers to, and all of it compiled; None where its digest is the one that is known. `had` are files
        that were read just now."""
        offered, entry = reading.offered, reading.entry
        async with self._compiler.compiling(offered.manifest, entry, len(first.content)) as compiling:
            files = {entry: first.content}
            waiting = dict.fromkeys(await compiling.take(entry, first.content))
            for uri, overlay in enumerate_overlays(offered.manifest):
                files[uri] = overlay or had.get(uri) or await reading.overlay(uri)
                waiting |= dict.fromkeys(await _take_overlay(compiling, uri, files[uri]))
            left_out: set[str] = set()
            while waiting:
                if len(files) + len(left_out) + len(waiting) > self._bounds.files_max:
                    raise DocumentRejected(
                        f"it refers to more than {self._bounds.files_max} files (documents.files_max)."
                    )
                uri, _ = waiting.popitem()
                if uri in files:
                    continue
                try:
                    data = had.get(uri) or await reading.one(uri)
                    referred = await compiling.take(uri, data)
                except _ReadEnough:
                    raise
                except GatewayError:
                    left_out.add(uri)
                    continue
                files[uri] = data
                reading.keep(data)
                waiting |= {one: None for one in referred if one not in files and one not in left_out}
            digest = await asyncio.to_thread(_digest, files)
            if digest == known:
                return None
            document = StoredDocument(digest, entry, files, now, first.etag, first.modified)
            compiled = await compiling.finish(digest)
            return Read(document, compiled.connector, compiled.pieces, not left_out)

    async def read_stored(self, stored: StoredConnector, load: Callable[[], Awaitable[StoredConnector]]) -> Read:
        """What the store has, compiled; `load` gives it with the files of its document, where it has to be compiled again.
        Raises DocumentRejected."""
        kept = await self._compiled.find(stored.manifest.name)
        if kept is not None:
            connector = await _from_kept(kept, stored.document.digest, stored.manifest)
            if connector is not None:
                document = structs.replace(stored.document, files=dict.fromkeys(kept.head.files, b""))
                return Read(document, connector)
        read = await self._compile_again(await load())
        await self.keep(read)
        return read

    async def _compile_again(self, stored: StoredConnector) -> Read:
        document = stored.document
        first = document.files[document.entry]
        async with self._compiler.compiling(stored.manifest, document.entry, len(first)) as compiling:
            overlays = [uri for uri, _ in enumerate_overlays(stored.manifest)]
            for uri, data in document.files.items():
                if uri not in overlays:
                    await compiling.take(uri, data)
            for uri in overlays:
                await _take_overlay(compiling, uri, document.files[uri])
            compiled = await compiling.finish(document.digest)
            return Read(document, compiled.connector, compiled.pieces)


class _ReadEnough(DocumentRejected):
    """No further file of this document is read."""


class _Reading:
    """One connector's documents on their way in, and what they may still take. What is read and then left out counts as
    well, up to as much again: nobody makes us read for ever."""

    def __init__(self, source: Fetching, offered: Offered, entry: str, bounds: Bounds) -> None:
        self.offered = offered
        self.entry = entry
        self._source = source
        self._bounds = bounds
        self._bytes_left = bounds.bytes_max
        self._traffic_left = 2 * bounds.bytes_max
        self._clock = asyncio.get_running_loop().time
        self._ends_at = self._clock() + bounds.read_timeout_s

    def keep(self, data: bytes) -> None:
        """It is one of the document's files."""
        self._bytes_left -= len(data)

    async def one(self, uri: str) -> bytes:
        """A file that is referred to. Raises DocumentRejected, TooLarge or UpstreamFailed."""
        fetched = await self.fetch(uri)
        assert fetched is not None, "only a fetch with a tag can find nothing new"
        return fetched.content

    async def overlay(self, uri: str) -> bytes:
        """An overlay that the manifest names. Whoever wrote the manifest chose the file."""
        if not uri.startswith("file:"):
            return await self.one(uri)
        data = await asyncio.to_thread(_read_path, Path(url2pathname(urlsplit(uri).path)), self._bytes_left)
        self.keep(data)
        return data

    async def fetch(self, uri: str, etag: str = "", modified: str = "") -> Fetched | None:
        """One file; None where it is still the one with this tag or of this date. Raises what `one` does."""
        bytes_left, seconds_left = min(self._bytes_left, self._traffic_left), self._ends_at - self._clock()
        if self.offered.content is not None and uri == self.entry:
            fetched: Fetched | None = Fetched(_within(self.offered.content, bytes_left))
        elif uri.startswith("file:"):
            fetched = Fetched(await asyncio.to_thread(_read_file, uri, self.entry, bytes_left))
        else:
            fetched = await self._fetch_url(uri, bytes_left, seconds_left, etag, modified)
        self._traffic_left -= len(fetched.content) if fetched else 0
        if uri == self.entry and fetched is not None:
            self.keep(fetched.content)
        return fetched

    async def _fetch_url(
        self, uri: str, bytes_left: int, seconds_left: float, etag: str, modified: str
    ) -> Fetched | None:
        if seconds_left <= 0:
            told = f"reading its files takes more than {self._bounds.read_timeout_s:g} s (documents.read_timeout_s)."
            raise _ReadEnough(told)
        if self._traffic_left <= 0:
            raise _ReadEnough("its files are larger than documents.bytes_max allows.")
        timeout_s = min(self._bounds.timeout_s, seconds_left)
        try:
            return await self._source.fetch(
                uri, bytes_max=max(bytes_left, 1), timeout_s=timeout_s, etag=etag, modified=modified
            )
        except TooLarge:
            self._traffic_left -= bytes_left
            raise


async def _from_kept(kept: Kept, digest: str, manifest: Manifest) -> Connector | None:
    """None where it was compiled of something else, or by other code, or cannot be read."""
    if await asyncio.to_thread(compiled_key, digest, manifest) != kept.head.key:
        return None
    try:
        connector = await read_connector(manifest, kept.pieces)
        return connector if connector.name == manifest.name else None
    except (ValueError, zlib.error) as error:
        log.warning("a compiled connector cannot be read", connector=manifest.name, kind=type(error).__name__)
        return None


async def _take_overlay(compiling: Compiling, uri: str, data: bytes) -> tuple[str, ...]:
    """The same as of any file; what is wrong is said of the overlay. Raises DocumentRejected."""
    try:
        return await compiling.take(uri, data, is_overlay=True)
    except DocumentRejected as error:
        raise DocumentRejected(f"the overlay {uri}: {error.detail}") from error


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


def enumerate_overlays(manifest: Manifest) -> Iterator[tuple[str, bytes]]:
    """Where each overlay is, and what it says where the manifest itself has it written out."""
    for index, overlay in enumerate(manifest.overlays):
        if isinstance(overlay, str):
            yield overlay, b""
        else:
            yield f"manifest:/overlays/{index}", msgspec.json.encode(overlay)


def _with_whole_overlays(offered: Offered) -> Manifest:
    """The manifest with its overlays by absolute URI, so that they are found wherever it is kept. Raises BadRequest."""

    def whole(overlay: str | dict[str, Any]) -> str | dict[str, Any]:
        if not isinstance(overlay, str) or _is_url(overlay):
            return overlay
        if offered.folder is None:
            raise BadRequest("An overlay must be an http or https URL here, or written out in `overlays`.")
        return (offered.folder / overlay).resolve().as_uri() if not overlay.startswith("file:") else overlay

    return structs.replace(offered.manifest, overlays=tuple(map(whole, offered.manifest.overlays)))


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
    return _read_path(path, bytes_left)


def _read_path(path: Path, bytes_left: int) -> bytes:
    try:
        with path.open("rb") as file:
            return _within(file.read(bytes_left + 1), bytes_left)
    except OSError as error:
        raise DocumentRejected(f"there is no readable file {path}.") from error


def _within(data: bytes, bytes_left: int) -> bytes:
    if len(data) > bytes_left:
        raise DocumentRejected("its files are larger than documents.bytes_max allows.")
    return data


def _digest(files: Mapping[str, bytes]) -> str:
    digest = sha256()
    for uri, data in sorted(files.items()):
        digest.update(f"{len(uri)} {uri} {len(data)} ".encode())
        digest.update(data)
    return digest.hexdigest()
