"""Where documents are compiled: small ones in a thread, large ones in a process of their own, so that calls keep their
latency and a document that takes too much time or memory is refused by name."""

import asyncio
import os
import sys
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Protocol

import msgspec
import structlog
from msgspec import Struct, structs

from gateway.compile_worker import (
    FRAME_HEAD_BYTES,
    PROCESSOR_TIME_IS_OVER,
    Answer,
    Broken,
    Done,
    Finish,
    Question,
    Start,
    Take,
    Taken,
    frame_head,
    frame_length,
)
from gateway.core.catalog import Connector
from gateway.core.compilation import Compilation
from gateway.core.document import DocumentBroken
from gateway.core.manifest import Manifest
from gateway.core.wire import ConnectorReader, encode_connector
from gateway.errors import DocumentRejected

log = structlog.get_logger(__name__)

IN_THREAD_BYTES_MAX = 256 << 10
FRAME_BYTES_MAX = 64 << 20
COMPILED_BYTES_MAX = 256 << 20
TOO_LARGE = f"what it compiles to is larger than {COMPILED_BYTES_MAX} bytes, or a piece of it than {FRAME_BYTES_MAX}."
SLICE_BYTES = 256 << 10
END_S = 0.3
WAIT_FACTOR = 5
PAUSE_FACTOR = 2
# What a Python process needs to start and find its packages; nothing that could be a secret.
_ENVIRONMENT = ("PATH", "PYTHONPATH", "PYTHONHOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "SYSTEMROOT")


class Compiling(Protocol):
    """One document on its way in, the entry file first. Raises DocumentRejected."""

    async def take(self, uri: str, data: bytes, *, is_overlay: bool = False) -> tuple[str, ...]:
        """The URIs that a file, or an overlay, refers to."""

    async def finish(self, digest: str) -> "Compiled": ...


class Compiled(Struct, frozen=True):
    """A connector, and the same as bytes, as `core.wire` has it."""

    connector: Connector
    pieces: tuple[bytes, ...]


class CompileBounds(Struct, frozen=True):
    """What compiling one large document may take: seconds of processor time, bytes of memory; and how many there may be at
    once. The process gives way to calls, so on a busy machine it may take WAIT_FACTOR times as long by the clock."""

    timeout_s: float
    memory_bytes_max: int
    processes_max: int = 2


class Compiler:
    def __init__(self, bounds: CompileBounds) -> None:
        self._bounds = bounds
        self._turns = asyncio.Semaphore(bounds.processes_max)

    @asynccontextmanager
    async def compiling(self, manifest: Manifest, entry: str, entry_bytes: int) -> AsyncIterator[Compiling]:
        """For a document whose entry file has so many bytes; its other files count too, as they come."""
        async with AsyncExitStack() as opened:

            async def in_process() -> Compiling:
                await opened.enter_async_context(self._turns)
                return await opened.enter_async_context(_process(manifest, entry, self._bounds))

            small = entry_bytes <= IN_THREAD_BYTES_MAX
            yield _Growing(_InThread(manifest, entry), in_process) if small else await in_process()


class _Growing:
    """In a thread as long as the files are small together; then they go to a process, those taken before among them."""

    def __init__(self, compiling: Compiling, in_process: Callable[[], Awaitable[Compiling]]) -> None:
        self._compiling = compiling
        self._in_process = in_process
        self._taken: list[tuple[str, bytes, bool]] = []
        self._bytes_left = IN_THREAD_BYTES_MAX

    async def take(self, uri: str, data: bytes, *, is_overlay: bool = False) -> tuple[str, ...]:
        has_room, self._bytes_left = self._bytes_left >= 0, self._bytes_left - len(data)
        if has_room and self._bytes_left < 0 and self._taken:
            self._compiling = await self._in_process()
            for earlier, content, was_overlay in self._taken:
                await self._compiling.take(earlier, content, is_overlay=was_overlay)
        told = await self._compiling.take(uri, data, is_overlay=is_overlay)
        self._taken += [(uri, data, is_overlay)] if self._bytes_left >= 0 else []
        return told

    async def finish(self, digest: str) -> Compiled:
        return await self._compiling.finish(digest)


class _InThread:
    def __init__(self, manifest: Manifest, entry: str) -> None:
        self._manifest = manifest
        self._compilation = Compilation(manifest, entry)

    async def take(self, uri: str, data: bytes, *, is_overlay: bool = False) -> tuple[str, ...]:
        take = self._compilation.take_overlay if is_overlay else self._compilation.take
        try:
            return await asyncio.to_thread(take, uri, data)
        except DocumentBroken as error:
            raise DocumentRejected(error.detail, error.place) from error

    async def finish(self, digest: str) -> Compiled:
        try:
            pieces = await asyncio.to_thread(self._compile, digest)
        except DocumentBroken as error:
            raise DocumentRejected(error.detail, error.place) from error
        # Read back, it shares what is the same, and holds on to nothing of the document.
        return Compiled(await read_connector(self._manifest, pieces), pieces)

    def _compile(self, digest: str) -> tuple[bytes, ...]:
        return tuple(encode_connector(self._compilation.finish(digest)))


async def read_connector(manifest: Manifest, pieces: Sequence[bytes]) -> Connector:
    """What was encoded. Between two pieces calls have their turn. Raises what ConnectorReader does."""
    reader = ConnectorReader(manifest, pieces[0] if pieces else b"")
    if reader.pieces != len(pieces) - 1:
        raise ValueError("there are other pieces than the first one says")
    for piece in pieces[1:]:
        reader.take(piece)
        await asyncio.sleep(0)
    return reader.connector()


@asynccontextmanager
async def _process(manifest: Manifest, entry: str, bounds: CompileBounds) -> AsyncIterator["_InProcess"]:
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gateway.compile_worker",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
    )
    try:
        compiling = _InProcess(process, manifest, bounds)
        await compiling.start(entry)
        yield compiling
    finally:
        await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    """It ends by itself when its input does; what is still at work then is ended."""
    assert process.stdin is not None
    process.stdin.close()
    try:
        async with asyncio.timeout(END_S):
            await process.communicate()
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


class _InProcess:
    def __init__(self, process: asyncio.subprocess.Process, manifest: Manifest, bounds: CompileBounds) -> None:
        self._process = process
        self._manifest = manifest
        self._bounds = bounds
        self._left_s = bounds.timeout_s * WAIT_FACTOR

    async def start(self, entry: str) -> None:
        # A manifest as it is written has a name; here the document may still have to give one.
        named = structs.replace(self._manifest, name=self._manifest.name or "unnamed")
        bounds = self._bounds
        await self._send(Start(named, self._manifest.name, entry, bounds.memory_bytes_max, bounds.timeout_s))

    async def take(self, uri: str, data: bytes, *, is_overlay: bool = False) -> tuple[str, ...]:
        answer = await self._ask(Take(uri, is_overlay), data)
        assert isinstance(answer, Taken), "a file is taken or broken"
        return answer.references

    async def finish(self, digest: str) -> Compiled:
        answer = await self._ask(Finish(digest))
        assert isinstance(answer, Done), "a document is done or broken"
        try:
            pieces = [await self._read()]
            reader = ConnectorReader(self._manifest, pieces[0])
            while reader.pieces:
                pieces.append(await self._read())
                started = time.perf_counter()
                reader.take(pieces[-1])
                # Calls have most of the time, however slow the machine is just now.
                await asyncio.sleep((time.perf_counter() - started) * PAUSE_FACTOR)
                if sum(map(len, pieces)) > COMPILED_BYTES_MAX:
                    raise DocumentRejected(TOO_LARGE)
        except asyncio.IncompleteReadError as error:
            raise await self._died() from error
        except (ValueError, zlib.error) as error:
            raise DocumentRejected(TOO_LARGE) from error
        return Compiled(reader.connector(), tuple(pieces))

    async def _ask(self, question: Question, *frames: bytes) -> Answer:
        """Raises DocumentRejected where the document is broken, or takes more than it may."""
        started = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(self._left_s):
                await self._send(question, *frames)
                answer: Answer = msgspec.json.decode(await self._read(), type=Answer)
        except TimeoutError as error:
            raise self._too_long() from error
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise await self._died() from error
        self._left_s = max(0.0, self._left_s - (asyncio.get_running_loop().time() - started))
        if isinstance(answer, Broken):
            raise DocumentRejected(answer.detail, answer.place)
        return answer

    async def _died(self) -> DocumentRejected:
        """The process is gone: it was out of memory, or something is wrong that is ours to mend."""
        assert self._process.stderr is not None
        said = (await self._process.stderr.read()).decode("utf-8", "replace")
        ended = await self._process.wait()
        if ended == -PROCESSOR_TIME_IS_OVER:
            return self._too_long()
        # A library that gets no memory may end the process itself.
        if "MemoryError" not in said and ended >= 0:
            log.error("compiling failed", connector=self._manifest.name, said=said[-2_000:])
            return DocumentRejected("compiling it failed; the gateway's log has the reason.")
        bound = self._bounds.memory_bytes_max
        return DocumentRejected(f"it takes more than {bound} bytes of memory to compile (documents.memory_bytes_max).")

    def _too_long(self) -> DocumentRejected:
        return DocumentRejected(
            f"it takes more than {self._bounds.timeout_s:g} s to compile (documents.compile_timeout_s)."
        )

    async def _send(self, question: Question, *frames: bytes) -> None:
        """In slices, so that a large file is not copied at once while calls wait."""
        sink = self._process.stdin
        assert sink is not None
        for one in (msgspec.json.encode(question), *frames):
            sink.write(frame_head(one))
            for start in range(0, len(one), SLICE_BYTES):
                sink.write(one[start : start + SLICE_BYTES])
                await sink.drain()

    async def _read(self) -> bytes:
        assert self._process.stdout is not None
        length = frame_length(await self._process.stdout.readexactly(FRAME_HEAD_BYTES))
        if length > FRAME_BYTES_MAX:
            raise DocumentRejected(TOO_LARGE)
        return await self._process.stdout.readexactly(length)
