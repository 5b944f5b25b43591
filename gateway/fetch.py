"""A connector's documents as they are read: the entry, then whatever it refers to, from the network, from files, or as they
came along; within bounds. What refers to what is the compiler's to say."""

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
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
from gateway.errors import BadRequest, DocumentRejected, GatewayError
from gateway.stores.base import StoredConnector, StoredDocument
from gateway.upstream import Fetched, Upstream

log = structlog.get_logger(__name__)


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
        first = await self._fetch(entry, entry, offered, self._bounds.bytes_max)
        assert first is not None, "only a fetch with a tag can find nothing new"
        files = {entry: first.content}
        kept = await self._compiled.find(offered.manifest.name)
        if kept is not None and kept.head.is_whole and kept.head.files[0] == entry:
            await self._read_known(kept.head.files[1:], files, offered, entry)
            digest = await asyncio.to_thread(_digest, files)
            connector = await _from_kept(kept, digest, offered.manifest)
            if connector is not None:
                document = StoredDocument(digest, entry, files, now, first.etag, first.modified)
                return Read(document, connector, is_whole=True)
        read = await self._read_rest(offered, entry, first, now, known="", had=files)
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
        first = await self._fetch(known.entry, known.entry, offered, self._bounds.bytes_max, *tags)
        return None if first is None else await self._read_rest(offered, known.entry, first, now, known=known.digest)

    async def _read_known(self, uris: Sequence[str], files: dict[str, bytes], offered: Offered, entry: str) -> None:
        """Read the files that it had beside its entry, as far as they can be read."""
        overlays = dict(enumerate_overlays(offered.manifest))
        for uri in uris:
            bytes_left = self._bounds.bytes_max - _size(files)
            try:
                if uri in overlays:
                    files[uri] = overlays[uri] or await self._read_overlay(uri, offered, bytes_left)
                else:
                    files[uri] = await self._read_one(uri, entry, offered, bytes_left)
            except GatewayError:
                return

    async def _read_rest(
        self,
        offered: Offered,
        entry: str,
        first: Fetched,
        now: datetime,
        *,
        known: str,
        had: Mapping[str, bytes] = MappingProxyType({}),
    ) -> Read | None:
        """What the entry refers to, and all of it compiled; None where its digest is the one that is known. `had` are files
        that were read just now."""
        async with self._compiler.compiling(offered.manifest, entry, len(first.content)) as compiling:
            files = {entry: first.content}
            waiting = list(await compiling.take(entry, first.content))
            for uri, overlay in enumerate_overlays(offered.manifest):
                bytes_left = self._bounds.bytes_max - _size(files)
                files[uri] = overlay or had.get(uri) or await self._read_overlay(uri, offered, bytes_left)
                waiting += await _take_overlay(compiling, uri, files[uri])
            left_out: set[str] = set()
            while waiting:
                uri = waiting.pop()
                if uri in files or uri in left_out:
                    continue
                try:
                    bytes_left = self._bounds.bytes_max - _size(files)
                    data = had.get(uri) or await self._read_one(uri, entry, offered, bytes_left)
                    waiting += await compiling.take(uri, data)
                    files[uri] = data
                except GatewayError:
                    left_out.add(uri)
                if len(files) + len(waiting) > self._bounds.files_max:
                    raise DocumentRejected(
                        f"it refers to more than {self._bounds.files_max} files (documents.files_max)."
                    )
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

    async def _read_one(self, uri: str, entry: str, offered: Offered, bytes_left: int) -> bytes:
        fetched = await self._fetch(uri, entry, offered, bytes_left)
        assert fetched is not None, "only a fetch with a tag can find nothing new"
        return fetched.content

    async def _read_overlay(self, uri: str, offered: Offered, bytes_left: int) -> bytes:
        """An overlay that the manifest names. Whoever wrote the manifest chose the file."""
        if uri.startswith("file:"):
            return await asyncio.to_thread(_read_path, Path(url2pathname(urlsplit(uri).path)), bytes_left)
        return await self._read_one(uri, "", offered, bytes_left)

    async def _fetch(
        self, uri: str, entry: str, offered: Offered, bytes_left: int, etag: str = "", modified: str = ""
    ) -> Fetched | None:
        """One file; None where it is still the one with this tag or of this date."""
        if offered.content is not None and uri == entry:
            return Fetched(_within(offered.content, bytes_left))
        if uri.startswith("file:"):
            return Fetched(await asyncio.to_thread(_read_file, uri, entry, bytes_left))
        return await self._upstream.fetch(
            uri,
            bytes_max=bytes_left,
            timeout_s=self._bounds.timeout_s,
            allow_addresses=offered.manifest.allow_addresses,
            etag=etag,
            modified=modified,
        )


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


def _size(files: Mapping[str, bytes]) -> int:
    return sum(map(len, files.values()))


def _digest(files: Mapping[str, bytes]) -> str:
    digest = sha256()
    for uri, data in sorted(files.items()):
        digest.update(f"{len(uri)} {uri} {len(data)} ".encode())
        digest.update(data)
    return digest.hexdigest()
