"""Models of search behind a door of their own, for many gateways to share: vectors and scores in the wire forms that are common.
Knows the wire; knows no tool and no caller, but for one token."""

import asyncio
from collections.abc import Callable, Sequence
from hmac import compare_digest
from typing import Protocol, TypeVar, cast

import msgspec
import structlog
from litestar.types import HTTPScope, Receive, Scope, Send
from msgspec import Struct
from prometheus_client import CollectorRegistry, generate_latest

from gateway import __version__
from gateway.edge.asgi import Disconnected, Reply, header_values, read_body, send_reply, until_disconnect
from gateway.edge.model_wire import (
    Embed,
    Embeddings,
    Rerank,
    as_list,
    decode,
    tell_embed,
    tell_embeddings,
    tell_error,
    tell_rerank,
)
from gateway.errors import BadRequest, GatewayError, ModelBusy, NotFound, Unauthenticated, http_status
from gateway.rankers.base import Begun, Unanswered, Unfit, Vector

# So few texts are a query, which somebody waits for; more are those of tools.
QUERIES_MAX = 8
BODY_TIMEOUT_S = 30.0
ANSWER_S = 60.0
METRICS = b"text/plain; version=0.0.4; charset=utf-8"

log = structlog.get_logger(__name__)

A = TypeVar("A")


class Model(Protocol):
    name: str
    tokens_max: int

    @property
    def rests(self) -> bool: ...


class Encodes(Model, Protocol):
    width: int

    def begin(self, texts: Sequence[str], *, patient: bool = False) -> Begun[Vector]: ...


class Scores(Model, Protocol):
    def begin(self, query: str, texts: Sequence[str]) -> Begun[float]: ...


class ModelBounds(Struct, frozen=True):
    """On one request."""

    body_bytes_max: int = 4 << 20
    texts_max: int = 1_000


class ModelDoor:
    """The ASGI app of an encoder, a reranker, or both. `token`: what has to be presented; "" where nothing has."""

    def __init__(
        self,
        encoder: Encodes | None,
        scorer: Scores | None,
        token: str,
        bounds: ModelBounds,
        registry: CollectorRegistry,
    ) -> None:
        self._encoder = encoder
        self._scorer = scorer
        self._token = token
        self._bounds = bounds
        self._registry = registry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = cast(HTTPScope, scope)
        try:
            reply = await self._reply(asked, receive)
        except Disconnected:
            return
        except GatewayError as error:
            reply = _refusal(error, scope["path"])
        except Exception as error:
            log.error("a request failed", path=scope["path"], exc_info=error)
            reply = _refusal(GatewayError("Something went wrong here; the log says what."), scope["path"])
        await send_reply(send, reply)

    async def _reply(self, scope: HTTPScope, receive: Receive) -> Reply:
        if (scope["method"], scope["path"]) == ("GET", "/health"):
            return Reply(503 if any(one.rests for one in self._models()) else 200)
        self._require_token(scope)
        match scope["method"], scope["path"]:
            case "GET", "/info":
                return Reply(200, self._info())
            case "GET", "/metrics":
                return Reply(200, generate_latest(self._registry), content_type=METRICS)
            case "POST", "/v1/embeddings":
                work = self._embeddings
            case "POST", "/embed":
                work = self._embed
            case "POST", "/rerank" | "/v1/rerank" | "/v2/rerank":
                work = self._rerank
            case _:
                raise NotFound("There are POST /v1/embeddings, /embed and /rerank, GET /health, /info and /metrics.")
        body = await read_body(scope, receive, bytes_max=self._bounds.body_bytes_max, timeout_s=BODY_TIMEOUT_S)
        return Reply(200, await until_disconnect(receive, work(body)))

    async def _embeddings(self, body: bytes) -> bytes:
        encoder, asked = self._require_encoder(), decode(body, Embeddings)
        _require_name(asked.model, encoder)
        if asked.dimensions not in (None, encoder.width):
            raise BadRequest(f"`dimensions` can be {encoder.width} alone.")
        vectors, tokens = await self._encode(encoder, asked.input)
        return tell_embeddings(vectors, tokens, encoder.name, asked.encoding_format)

    async def _embed(self, body: bytes) -> bytes:
        encoder, asked = self._require_encoder(), decode(body, Embed)
        if not asked.normalize:
            raise BadRequest("Vectors are of unit length here; leave `normalize` out.")
        vectors, _ = await self._encode(encoder, asked.inputs)
        return tell_embed(vectors)

    async def _rerank(self, body: bytes) -> bytes:
        asked = decode(body, Rerank)
        if self._scorer is None:
            raise NotFound("There is no reranker here; start this with --reranker.")
        _require_name(asked.model, scorer := self._scorer)
        texts = as_list(asked.read(), self._bounds.texts_max)
        scores, tokens = await _answers(lambda: scorer.begin(asked.query, texts))
        return tell_rerank(asked, scores, tokens, scorer.name)

    async def _encode(self, encoder: Encodes, texts: str | list[str]) -> tuple[list[Vector], int]:
        told = as_list(texts, self._bounds.texts_max)
        return await _answers(lambda: encoder.begin(told, patient=len(told) > QUERIES_MAX))

    def _info(self) -> bytes:
        """In TEI's words, and more of each model."""
        models = self._models()
        told = {
            "model_id": models[0].name,
            "max_input_length": min(one.tokens_max for one in models),
            "max_client_batch_size": self._bounds.texts_max,
            "version": __version__,
            "encoder": self._encoder and {"model_id": self._encoder.name, "width": self._encoder.width},
            "reranker": self._scorer and {"model_id": self._scorer.name},
        }
        return msgspec.json.encode(told)

    def _models(self) -> list[Model]:
        return [one for one in (self._encoder, self._scorer) if one is not None]

    def _require_encoder(self) -> Encodes:
        if self._encoder is None:
            raise NotFound("There is no encoder here; start this with --model.")
        return self._encoder

    def _require_token(self, scope: HTTPScope) -> None:
        presented = " ".join(header_values(scope, b"authorization")).encode()
        if self._token and not compare_digest(presented, f"Bearer {self._token}".encode()):
            raise Unauthenticated(
                "This needs the header `Authorization: Bearer` with the token that it was started with."
            )


async def _answers(begin: Callable[[], Begun[A]]) -> tuple[list[A], int]:
    """What the model says, and how many tokens it read. Raises ModelBusy. Dropped where nobody waits any more."""
    begun = await asyncio.to_thread(begin)
    try:
        async with asyncio.timeout(ANSWER_S):
            return await asyncio.wrap_future(begun.answers), begun.tokens
    except Unfit as error:
        raise BadRequest("The model has no answer to one of these texts.") from error
    except (Unanswered, TimeoutError) as error:
        raise ModelBusy("The model gives no answer now; ask again in a while.") from error


def _require_name(asked: str, model: Model) -> None:
    """Whoever names a model means that one: its vectors are compared with no other's."""
    if asked not in ("", model.name, model.name.rpartition(" ")[0]):
        raise NotFound(f"The model here is {model.name!r}; name that, or none.")


def _refusal(error: GatewayError, path: str) -> Reply:
    headers = ((b"www-authenticate", b"Bearer"),) if isinstance(error, Unauthenticated) else ()
    return Reply(http_status(error), msgspec.json.encode(tell_error(error, path)), headers)
