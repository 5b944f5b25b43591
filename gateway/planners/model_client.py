"""Asking a language model over HTTP: one streamed answer, within bounds of bytes and seconds, asked for again where that may
help. Knows no wire by name, and no plan. Sends nothing but to the address that the operator set; follows no redirect."""

import asyncio
import random
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime
from typing import Annotated, TypeVar

import httpx
import msgspec
import structlog
from msgspec import Meta, Struct

from gateway import __version__
from gateway.core.prose import plain
from gateway.core.response import retry_after_s
from gateway.errors import PlannerFailed
from gateway.planners.wire import Broken, Function, Json, Turn, Usage, Wire

AT_ONCE_MAX = 32
REFUSAL_BYTES_MAX = 16 << 10
MODELS_BYTES_MAX = 4 << 20
MODEL_CHARACTERS_MAX = 300
SAID_CHARACTERS_MAX = 300
BACKOFF_S = 0.5
# What may be better the next time; 529 is Anthropic's for being overloaded.
RETRIED = frozenset({408, 409, 429, 500, 502, 503, 504, 529})
# Where nobody counts tokens: so many bytes are one. English has about four, other languages and JSON fewer.
BYTES_A_TOKEN = 3

T = TypeVar("T")

log = structlog.get_logger(__name__)


class Bounds(Struct, frozen=True):
    """`answer_bytes_max` of one stream, and how often one answer is asked for."""

    answer_bytes_max: int
    tries_max: int


class _Model(Struct, frozen=True):
    id: Annotated[str, Meta(min_length=1, max_length=MODEL_CHARACTERS_MAX)]


class _Models(Struct, frozen=True):
    data: list[_Model]


class _Later(Exception):
    """There was no answer; there may be one after `wait_s`, None where the server did not say when."""

    def __init__(self, why: str, wait_s: float | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.wait_s = wait_s


class ModelClient:
    """One model of one server. Whoever makes it closes it. `url` is what comes before the path of the wire. `model` may be "":
    the first one that the server lists. `chance` gives numbers from 0 to 1, which spread what is asked again."""

    def __init__(
        self,
        wire: Wire,
        url: str,
        model: str,
        token: str,
        bounds: Bounds,
        *,
        clock: Callable[[], datetime],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.wire = wire
        self.model = model
        self._url = url.rstrip("/")
        self._token = token
        self._bounds = bounds
        self._clock = clock
        self._chance = chance
        self._http = httpx.AsyncClient(
            follow_redirects=False,
            trust_env=False,
            verify=ssl.create_default_context(),
            timeout=None,  # noqa: S113 (whoever asks has a deadline for it all)
            headers={
                "user-agent": f"factotum/{__version__}",
                "accept-encoding": "identity",
                "content-type": "application/json",
                **wire.headers(token),
            },
            limits=httpx.Limits(max_connections=AT_ONCE_MAX, max_keepalive_connections=AT_ONCE_MAX),
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def ask(self, messages: Sequence[Json], functions: Sequence[Function], tokens_max: int, until: float) -> Turn:
        """One turn, with its usage told or guessed, that of answers which broke off included. `until` is a time of the event loop.
        Raises PlannerFailed."""
        model = await self._find_model(until)
        body = msgspec.json.encode(self.wire.body(model, messages, functions, tokens_max))
        lost: list[Usage] = []
        turn: Turn = await self._persist(lambda: self._answer(body, lost), until)
        return msgspec.structs.replace(turn, usage=sum(lost, turn.usage or Usage()))

    async def _find_model(self, until: float) -> str:
        if not self.model:
            self.model = await self._persist(self._first_model, until)
        return self.model

    async def _persist(self, ask: Callable[[], Awaitable[T]], until: float) -> T:
        """Ask `tries_max` times, as long as there is time. Raises PlannerFailed."""
        why = ""
        for again in range(self._bounds.tries_max):
            try:
                async with asyncio.timeout_at(until):
                    return await ask()
            except TimeoutError:
                raise PlannerFailed("The language model gave no answer in time; try again, or later.") from None
            except _Later as later:
                why = later.why
                pause = BACKOFF_S * 2**again * (0.5 + self._chance())
                wait = later.wait_s if later.wait_s is not None else pause
            log.info("a language model is asked again", url=self._url, why=why, wait_s=wait)
            if again + 1 == self._bounds.tries_max or asyncio.get_running_loop().time() + wait >= until:
                break
            await asyncio.sleep(wait)
        raise PlannerFailed(f"The language model gives no answer: {why}. Try again later.")

    async def _first_model(self) -> str:
        async def read(response: httpx.Response) -> str:
            told = b"".join([chunk async for chunk in self._bounded(response, MODELS_BYTES_MAX)])
            try:
                return msgspec.json.decode(told, type=_Models).data[0].id
            except (msgspec.MsgspecError, ValueError, RecursionError, IndexError):
                raise PlannerFailed("The server of language models lists none; set `planner.model`.") from None

        return await self._send("GET", "/models", b"", read)

    async def _answer(self, body: bytes, lost: list[Usage]) -> Turn:
        async def read(response: httpx.Response) -> Turn:
            reading, size = self.wire.reading(), 0

            def guess() -> Usage:
                return Usage(len(body) // BYTES_A_TOKEN, size // BYTES_A_TOKEN, counted=False)

            try:
                async for data in events(self._bounded(response, self._bounds.answer_bytes_max)):
                    size += len(data)
                    reading.take(data)
                turn = reading.turn()
            except Broken as error:
                lost.append(guess())
                raise _Later(f"its answer is of no use, {error}") from error
            except httpx.RequestError:
                lost.append(guess())
                raise
            return msgspec.structs.replace(turn, usage=turn.usage or guess())

        turn: Turn = await self._send("POST", self.wire.path, body, read)
        return turn

    async def _send(self, method: str, path: str, body: bytes, read: Callable[[httpx.Response], Awaitable[T]]) -> T:
        """What `read` makes of a 200. Raises _Later, or PlannerFailed."""
        try:
            async with self._http.stream(method, self._url + path, content=body or None) as response:
                if response.status_code != 200:
                    await self._refused(response)
                return await read(response)
        except httpx.RequestError as error:
            raise _Later("there is no connection, or it broke") from error

    async def _refused(self, response: httpx.Response) -> None:
        """Raises _Later, or PlannerFailed. What the server says goes to the log alone, without the secret."""
        status = response.status_code
        said = b""
        async for chunk in response.aiter_raw():
            said += chunk
            if len(said) > REFUSAL_BYTES_MAX:
                break
        text = said.decode("utf-8", "replace")
        text = text.replace(self._token, "[secret]") if self._token else text
        log.warning("a language model was refused", url=self._url, status=status, said=plain(text, SAID_CHARACTERS_MAX))
        if status in RETRIED:
            raise _Later(f"its server answered {status}", _wait_s(response, self._clock()))
        if status in (401, 403):
            raise PlannerFailed("The server of the language model refuses the secret; an operator has to set it anew.")
        raise PlannerFailed(
            f"The server of the language model answered {status}; its operator's log says what it said."
        )

    async def _bounded(self, response: httpx.Response, bytes_max: int) -> AsyncIterator[bytes]:
        if response.headers.get("content-encoding", "identity") != "identity":
            raise PlannerFailed("The server of the language model packs its answers, and was asked for them plain.")
        size = 0
        async for chunk in response.aiter_raw():
            size += len(chunk)
            if size > bytes_max:
                raise PlannerFailed(f"The language model answered with more than {bytes_max} bytes.")
            yield chunk


async def events(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The data of each server-sent event (HTML Living Standard section 9.2.6); of one that is cut off there is none."""
    data: list[bytes] = []
    async for line in _lines(chunks):
        if line.startswith(b"data:"):
            data.append(line[5:].removeprefix(b" "))
        elif not line and data:
            yield b"\n".join(data)
            data = []


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Lines without their ends; a last one without an end is none."""
    rest = bytearray()
    async for chunk in chunks:
        start = len(rest)
        rest += chunk
        if rest.find(b"\n", start) < 0:
            continue
        *whole, last = rest.split(b"\n")
        for line in whole:
            yield bytes(line.removesuffix(b"\r"))
        rest = last


def _wait_s(response: httpx.Response, now: datetime) -> float | None:
    told = response.headers.get("retry-after", "")
    return retry_after_s(told, now) if told else None
