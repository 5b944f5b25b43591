"""Models that another process serves, for many gateways: vectors in OpenAI's form, scores in TEI's or Cohere's. Knows no tool.

Each request has its deadline, and is sent once: whoever has no answer in time goes without. A server that failed several times in a
row is left alone for a while (core/breaker.py). INVARIANT: what a server says is bounded in bytes, and used only as far as it is
as many finite numbers as were asked for.
"""

import ssl
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as Late
from typing import Literal, TypeVar

import httpx
import msgspec
import numpy as np
import structlog
from msgspec import Struct

from gateway.core import breaker as breakers
from gateway.errors import BadRequest
from gateway.rankers.base import Matrix, Unanswered, Vector

QUERY_CHARACTERS_MAX = 2_000
# Of a text: models of 512 tokens take it, where they would refuse more.
TEXT_CHARACTERS_MAX = 1_500
ANSWER_BYTES_MAX = 16 << 20
WIDTH_MAX = 8_192
AT_ONCE_MAX = 32
START_S = 10.0
# For the vectors of tools, which nobody waits for.
PATIENT_S = 30.0
REFUSALS = frozenset({400, 404, 405, 415, 422})

Form = Literal["tei", "cohere"]
T = TypeVar("T")

log = structlog.get_logger(__name__)


class _Refused(Unanswered):
    """The server answered with a status that says that it does not know what it was asked."""


class ModelServer:
    """One server. Whoever makes it closes it. `url` is what comes before `/v1/embeddings` or `/rerank`; `token` may be ""."""

    def __init__(self, url: str, token: str = "", clock: Callable[[], float] = time.monotonic) -> None:
        self.url = url.rstrip("/")
        self._clock = clock
        self._client = httpx.Client(
            follow_redirects=False,
            trust_env=False,
            verify=ssl.create_default_context(),
            headers={"accept-encoding": "identity", **({"authorization": f"Bearer {token}"} if token else {})},
            limits=httpx.Limits(max_connections=AT_ONCE_MAX, max_keepalive_connections=AT_ONCE_MAX),
        )
        # Beside whoever asks, so that a server that trickles cannot keep them past their deadline.
        self._threads = ThreadPoolExecutor(AT_ONCE_MAX, "models")
        self._breaker = breakers.Breaker()
        self._answered_at = float("-inf")
        self._one_at_a_time = threading.Lock()

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    def ask(self, path: str, body: object, read: Callable[[bytes], T], deadline_s: float) -> T:
        """What `read` makes of the answer. Raises Unanswered. Blocks."""
        with self._one_at_a_time:
            if breakers.wait_s(self._breaker, self._clock()):
                raise Unanswered
            self._breaker = breakers.sent(self._breaker)
        try:
            sent = self._threads.submit(self._post, path, msgspec.json.encode(body), max(deadline_s, 0.001))
            try:
                told = read(sent.result(deadline_s))
            finally:
                sent.cancel()
        except Exception as error:  # Whatever it is, the next one has to know.
            self._note_failure(error)
            if isinstance(error, Unanswered):
                raise
            raise Unanswered from error
        self._note_answer()
        return told

    def _post(self, path: str, body: bytes, deadline_s: float) -> bytes:
        until = time.monotonic() + deadline_s
        headers = {"content-type": "application/json"}
        with self._client.stream(
            "POST", self.url + path, content=body, headers=headers, timeout=deadline_s
        ) as response:
            if response.status_code in REFUSALS:
                raise _Refused(f"It answered {response.status_code}.")
            if response.status_code != 200 or response.headers.get("content-encoding", "identity") != "identity":
                raise Unanswered(f"It answered {response.status_code}, or something packed.")
            told = bytearray()
            for chunk in response.iter_raw():
                told += chunk
                if len(told) > ANSWER_BYTES_MAX or time.monotonic() > until:
                    raise Unanswered("It answered too much, or too slowly.")
            return bytes(told)

    def _note_answer(self) -> None:
        with self._one_at_a_time:
            self._answered_at = self._clock()
            if self._breaker.failures >= breakers.FAILURES_MAX:
                log.warning("a server of models answers again", url=self.url)
            self._breaker = breakers.answered(self._breaker)

    def _note_failure(self, error: Exception) -> None:
        with self._one_at_a_time:
            now = self._clock()
            if isinstance(error, Late | httpx.TimeoutException) and now < self._answered_at + breakers.COOLDOWN_S:
                # It answers others: it is busy, and not gone.
                self._breaker = breakers.abandoned(self._breaker)
                return
            self._breaker = breakers.failed(self._breaker, now)
            if self._breaker.failures == breakers.FAILURES_MAX:
                log.error("a server of models is left alone for a while", url=self.url, why=_why(error))


class _Embedded(Struct, frozen=True):
    index: int
    embedding: list[float]


class _Embeddings(Struct, frozen=True):
    data: list[_Embedded]


class RemoteEncoder:
    """An Encoding. Its name is that of the model, wherever it is served."""

    def __init__(self, server: ModelServer, model: str, width: int = 0) -> None:
        """`width` is asked where it is 0: raises BadRequest where the server does not tell. Blocks."""
        self._server = server
        self._model = model
        self.width = width or self._ask_width()
        self.name = f"{model} {self.width}"

    def close(self) -> None:
        self._server.close()

    def encode(self, texts: Sequence[str]) -> Matrix:
        return self._ask([text[:TEXT_CHARACTERS_MAX] for text in texts], PATIENT_S)

    def encode_queries(self, queries: Sequence[str], deadline_s: float) -> Sequence[Vector] | None:
        try:
            return list(self._ask([query[:QUERY_CHARACTERS_MAX] for query in queries], deadline_s))
        except Unanswered:
            return None

    def _ask(self, texts: Sequence[str], deadline_s: float) -> Matrix:
        def read(body: bytes) -> Matrix:
            vectors = _read_vectors(body, len(texts))
            if vectors.shape[1] != self.width:
                raise ValueError("vectors of another width")
            return vectors

        return self._server.ask("/v1/embeddings", self._body(texts), read, deadline_s)

    def _ask_width(self) -> int:
        try:
            vectors = self._server.ask(
                "/v1/embeddings", self._body(["a"]), lambda body: _read_vectors(body, 1), START_S
            )
        except Unanswered as error:
            self._server.close()
            raise BadRequest(
                f"{self._server.url}/v1/embeddings does not answer for the model {self._model!r}: {_why(error)}. Start it "
                "first, or set `width`, how many numbers a vector of it has."
            ) from error
        return int(vectors.shape[1])

    def _body(self, texts: Sequence[str]) -> object:
        return {"model": self._model, "input": [_plain(text) for text in texts], "encoding_format": "float"}


def _read_vectors(body: bytes, count: int) -> Matrix:
    """[count, width], each of unit length. Raises ValueError or msgspec's errors."""
    told = {one.index: one.embedding for one in msgspec.json.decode(body, type=_Embeddings).data}
    vectors = np.array([told.get(at, ()) for at in range(count)], np.float64)
    if len(told) != count or vectors.ndim != 2 or not 1 <= vectors.shape[1] <= WIDTH_MAX:
        raise ValueError("not as many vectors as were asked for, or of no width")
    with np.errstate(over="ignore"):
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or not lengths.all():
        raise ValueError("vectors of no direction")
    unit: Matrix = (vectors / lengths).astype(np.float32)
    return unit


class _TeiRank(Struct, frozen=True):
    index: int
    score: float


class _CohereRank(Struct, frozen=True):
    index: int
    relevance_score: float


class _CohereRanks(Struct, frozen=True):
    results: list[_CohereRank]


class RemoteScorer:
    """A Scoring. Of two wire forms it finds the one that its server speaks, unless told: the server refuses the other."""

    def __init__(self, server: ModelServer, model: str, form: Form | Literal["auto"] = "auto") -> None:
        """Asks where it has to find out, and goes on without an answer. Blocks."""
        self._server = server
        self.name = model
        self._forms: tuple[Form, ...] = ("tei", "cohere") if form == "auto" else (form,)
        for _ in self._forms[1:] * 2:
            if self.score("a", ["a"], START_S) is not None:
                break

    def close(self) -> None:
        self._server.close()

    def score(self, query: str, texts: Sequence[str], deadline_s: float) -> Sequence[float] | None:
        if not texts:
            return []
        forms = self._forms
        try:
            told = self._server.ask(
                "/rerank", self._body(query, texts, forms[0]), lambda body: _read_scores(body, len(texts)), deadline_s
            )
        except Unanswered as error:
            if isinstance(error, _Refused):
                self._forms = (*forms[1:], forms[0])
            return None
        self._forms = forms[:1]
        return told

    def _body(self, query: str, texts: Sequence[str], form: Form) -> object:
        said, read = _plain(query[:QUERY_CHARACTERS_MAX]), [_plain(text[:TEXT_CHARACTERS_MAX]) for text in texts]
        if form == "tei":
            return {"query": said, "texts": read, "raw_scores": True, "truncate": True}
        return {"model": self.name, "query": said, "documents": read, "top_n": len(read), "return_documents": False}


def _read_scores(body: bytes, count: int) -> list[float]:
    """In the order in which the texts were told. Raises ValueError or msgspec's errors."""
    ranks = msgspec.json.decode(body, type=list[_TeiRank] | _CohereRanks)
    told = (
        {one.index: one.relevance_score for one in ranks.results}
        if isinstance(ranks, _CohereRanks)
        else {one.index: one.score for one in ranks}
    )
    if told.keys() != set(range(count)) or not np.isfinite(list(told.values())).all():
        raise ValueError("not as many scores as were asked for")
    return [told[at] for at in range(count)]


def _plain(text: str) -> str:
    """Without the halves of characters that are none on the wire."""
    return text.encode("utf-8", "replace").decode()


def _why(error: BaseException) -> str:
    """In words of ours."""
    if isinstance(error, Unanswered) and error.__cause__ is not None:
        return _why(error.__cause__)
    match error:
        case httpx.ConnectError() | httpx.ConnectTimeout():
            return "no connection"
        case Late() | httpx.TimeoutException():
            return "late"
        case Unanswered():
            return str(error)
    return "an answer that is no use"
