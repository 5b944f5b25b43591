"""What documents were compiled to, kept as files of the data folder, one a connector, so that a start compiles only what has
changed. Whatever is wrong with a file, it is as good as none: the document is compiled again. Knows no store."""

import asyncio
import os
import struct
from collections.abc import Collection, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path

import msgspec
import structlog
from msgspec import Struct

import gateway
from gateway import core
from gateway.core.manifest import Manifest

log = structlog.get_logger(__name__)

FILE_BYTES_MAX = 512 << 20

_MAGIC = b"factotum compiled 1\n"
_SUFFIX = ".compiled"
_LENGTH = struct.Struct(">Q")


class KeptHead(Struct, frozen=True):
    """`key` says of what it was compiled and by what. `files` are the URIs of the document, the entry first; `is_whole`: it
    refers to no other that could not be read."""

    key: str
    files: tuple[str, ...]
    is_whole: bool


class Kept(Struct, frozen=True):
    """`pieces` are what `core.wire` reads."""

    head: KeptHead
    pieces: tuple[bytes, ...]


class CompiledFiles:
    """`folder` None keeps nothing."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    async def find(self, name: str) -> Kept | None:
        """What is kept under the name of a connector; None where nothing is, or nothing that can be used."""
        return await asyncio.to_thread(_read, self._path(name)) if self._folder and name else None

    async def put(self, name: str, kept: Kept) -> None:
        """Keep it in place of what there is. Where that cannot be, the next start takes longer, and the log says why."""
        if self._folder:
            await asyncio.to_thread(_write, self._path(name), kept)

    async def drop(self, name: str) -> None:
        if self._folder:
            await asyncio.to_thread(_remove, self._path(name))

    async def keep_only(self, names: Collection[str]) -> None:
        """Drop those of all connectors but these."""
        if self._folder:
            await asyncio.to_thread(_remove_others, self._folder, frozenset(names))

    def _path(self, name: str) -> Path:
        """INVARIANT: the name of a connector is lower-case letters, digits and dashes."""
        assert self._folder is not None, "whoever asks has looked"
        return self._folder / f"{name}{_SUFFIX}"


def compiled_key(digest: str, manifest: Manifest) -> str:
    """Of a document's digest, all of its manifest, and the code that compiles."""
    told = msgspec.json.encode([digest, manifest, _code()], order="deterministic")
    return sha256(told).hexdigest()


@cache
def _code() -> str:
    """A digest of the core: whatever changes in it may change what a document becomes."""
    digest = sha256(f"{gateway.__version__} {msgspec.__version__}".encode())
    for path in sorted(Path(core.__path__[0]).glob("*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def _read(path: Path) -> Kept | None:
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size > FILE_BYTES_MAX or file.read(len(_MAGIC)) != _MAGIC:
                return None
            told, data = file.read(sha256().digest_size), file.read()
    except OSError:
        return None
    if sha256(data).digest() != told:
        log.warning("a compiled connector is damaged and is made again", file=path.name)
        return None
    try:
        head, *pieces = _frames(data)
        return Kept(msgspec.json.decode(head, type=KeptHead), tuple(pieces))
    except (ValueError, struct.error):
        # Whole, and yet not ours: msgspec's errors are ValueErrors, and so is a frame that is missing.
        return None


def _frames(data: bytes) -> list[bytes]:
    frames, start = [], 0
    while start < len(data):
        (length,) = _LENGTH.unpack_from(data, start)
        start += _LENGTH.size + length
        frames.append(data[start - length : start])
    return frames


def _write(path: Path, kept: Kept) -> None:
    frames: Sequence[bytes] = (msgspec.json.encode(kept.head), *kept.pieces)
    digest = sha256()
    for one in frames:
        digest.update(_LENGTH.pack(len(one)))
        digest.update(one)
    # Another process may be at it too: the name is its own until the whole takes the place of what there was.
    unfinished = path.with_suffix(f".{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(os.open(unfinished, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as file:
            file.write(_MAGIC + digest.digest())
            for one in frames:
                file.write(_LENGTH.pack(len(one)))
                file.write(one)
        unfinished.replace(path)
    except OSError as error:
        log.warning("a compiled connector cannot be kept", file=path.name, reason=error.strerror)
        _remove(unfinished)


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        log.warning("a compiled connector cannot be removed", file=path.name, reason=error.strerror)


def _remove_others(folder: Path, names: frozenset[str]) -> None:
    for path in folder.glob(f"*{_SUFFIX}"):
        if path.name.removesuffix(_SUFFIX) not in names:
            _remove(path)
