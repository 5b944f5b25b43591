"""The process that compiles one large document: `python -m gateway.compile_worker`, spoken to over its standard input and
output by `gateway.compiler`, and gone when it is done. It has no secret, opens no file and no connection, and may take only
so much memory, so that a document can hurt nobody but itself."""

import gc
import math
import os
import struct
import sys
from typing import Any, BinaryIO

import msgspec
from msgspec import Struct, structs

from gateway.core.compilation import Compilation
from gateway.core.document import DocumentBroken
from gateway.core.manifest import Manifest
from gateway.core.wire import encode_connector

# Calls go first.
NICENESS = 5
GC_ALLOCATIONS = 100_000
# SIGXCPU, where there is one (getrlimit(2)).
PROCESSOR_TIME_IS_OVER = 24
_LENGTH = struct.Struct(">Q")


class Start(Struct, frozen=True, tag=True):
    manifest: Manifest
    name: str
    entry: str
    memory_bytes_max: int
    timeout_s: float


class Take(Struct, frozen=True, tag=True):
    """The file's bytes follow as a frame of their own."""

    uri: str
    is_overlay: bool = False


class Finish(Struct, frozen=True, tag=True):
    digest: str


class Taken(Struct, frozen=True, tag=True):
    references: tuple[str, ...]


class Broken(Struct, frozen=True, tag=True):
    detail: str
    place: str


class Done(Struct, frozen=True, tag=True):
    """The connector follows, in so many frames."""

    frames: int


Question = Start | Take | Finish
Answer = Taken | Broken | Done


def frame_head(data: bytes) -> bytes:
    """What stands before the data of a frame."""
    return _LENGTH.pack(len(data))


def frame_length(head: bytes) -> int:
    return int(_LENGTH.unpack(head)[0])


FRAME_HEAD_BYTES = _LENGTH.size


def collect_seldom() -> None:
    """Almost nothing that a compilation makes is garbage before its end: to look for some took a sixth of the time."""
    gc.set_threshold(GC_ALLOCATIONS, 50, 100)


def main() -> None:
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    start = msgspec.json.decode(_read(source), type=Start)
    _bound(start.memory_bytes_max, math.ceil(start.timeout_s))
    collect_seldom()
    compilation = Compilation(structs.replace(start.manifest, name=start.name), start.entry)
    while question := _read(source):
        frames = _answer(compilation, msgspec.json.decode(question, type=Take | Finish), source)
        for one in frames:
            sink.write(frame_head(one))
            sink.write(one)
        sink.flush()


def _bound(memory_bytes_max: int, processor_s: int) -> None:
    """As far as the platform can."""
    if sys.platform != "win32":
        import resource

        os.nice(NICENESS)
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes_max, memory_bytes_max))
        resource.setrlimit(resource.RLIMIT_CPU, (processor_s, processor_s + 1))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _answer(compilation: Compilation, question: Take | Finish, source: BinaryIO) -> list[bytes]:
    try:
        match question:
            case Take(uri=uri, is_overlay=is_overlay):
                take = compilation.take_overlay if is_overlay else compilation.take
                return [_encode(Taken(take(uri, _read(source))))]
            case Finish(digest=digest):
                pieces = list(encode_connector(compilation.finish(digest)))
                return [_encode(Done(len(pieces))), *pieces]
    except DocumentBroken as error:
        return [_encode(Broken(error.detail, error.place))]


def _read(source: BinaryIO) -> bytes:
    """One frame; b"" at the end."""
    head = source.read(FRAME_HEAD_BYTES)
    return source.read(frame_length(head)) if len(head) == FRAME_HEAD_BYTES else b""


def _encode(value: Any) -> bytes:
    return msgspec.json.encode(value)


if __name__ == "__main__":
    main()
