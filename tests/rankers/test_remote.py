"""Models that another process serves: the same answers as beside the gateway, and none that keep a search waiting or lead it astray."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from gateway import vectors as keeping
from gateway.core.breaker import COOLDOWN_S, FAILURES_MAX
from gateway.core.egress import may_be_asked
from gateway.errors import BadRequest
from gateway.rankers.base import Unanswered
from gateway.rankers.fused import Fused
from gateway.rankers.remote import (
    ANSWER_BYTES_MAX,
    ModelServer,
    RemoteEncoder,
    RemoteScorer,
    _read_scores,
    _read_vectors,
)
from gateway.rankers.serving import Encoder
from gateway.serve import bind, serving_app
from gateway.settings import FusedRanker, RemoteModel, RemoteReranker, SettingsBroken
from gateway.stores.sql import open_memory
from gateway.vectors import Vectors
from tests.conftest import Backend
from tests.rankers.conftest import Served, make_model
from tests.rankers.test_ranker_contract import HOUSE
from tests.test_call import LAMPS
from tests.test_serve import running

pytestmark = pytest.mark.anyio

TEXTS = ["list the lights", "lock the door of the room at home", "send one message to people"]
TOKEN = "t0ken-of-the-models"
JSON = "application/json"


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def off_loop(call: Callable[..., Any], *args: Any) -> Awaitable[Any]:
    """Models are asked in threads, where a test's own loop serves them."""
    return asyncio.to_thread(call, *args)


def encode_query(encoder: Any, query: str, deadline_s: float) -> Any:
    told = encoder.encode_queries([query], deadline_s)
    return None if told is None else told[0]


# Against what `factotum rank serve` serves


async def test_vectors_from_afar_are_those_made_here(served: Served) -> None:
    async with served.client(TOKEN) as client:
        encoder = await off_loop(RemoteEncoder, ModelServer(f"{client.base_url}/", TOKEN), "tiny")
        assert (encoder.width, encoder.name) == (32, "tiny 32")
        assert await off_loop(encoder.encode, TEXTS) == pytest.approx(served.encoder.encode(TEXTS), abs=1e-6)
        vector = await off_loop(encode_query, encoder, TEXTS[0], 30)
        assert vector == pytest.approx(encode_query(served.encoder, TEXTS[0], 30), abs=1e-6)
        for query in ("\ud83d", "☃" * 100_000):
            assert await off_loop(encode_query, encoder, query, 30) is not None
        encoder.close()
        assert await off_loop(encode_query, encoder, TEXTS[0], 30) is None


@pytest.mark.parametrize("form", ["auto", "tei", "cohere"])
async def test_scores_from_afar_order_as_those_made_here_in_either_form(served: Served, form: Any) -> None:
    here = served.scorer.score("lights", TEXTS, 30)
    assert here is not None
    async with served.client() as client:
        scorer = await off_loop(RemoteScorer, ModelServer(str(client.base_url)), "tiny reranker", form)
        told = await off_loop(scorer.score, "lights", TEXTS, 30)
        assert list(np.argsort(told)) == list(np.argsort(here))
        if form != "cohere":
            assert told == pytest.approx(here, abs=1e-6)
        assert await off_loop(scorer.score, "lights", [], 30) == []
        scorer.close()


async def test_a_wrong_token_or_model_is_told_at_the_start(served: Served) -> None:
    async with served.client(TOKEN) as client:
        for server, name, says in (
            (ModelServer(str(client.base_url), "wrong"), "tiny", "401"),
            (ModelServer(str(client.base_url), TOKEN), "another", "404"),
        ):
            with pytest.raises(BadRequest, match=says):
                await off_loop(RemoteEncoder, server, name)


async def test_a_gateway_searches_with_models_of_another_process(
    opens: Callable[..., Any], backend: Backend, served: Served
) -> None:
    async with served.client(TOKEN) as client:
        url = str(client.base_url)
        told = FusedRanker(
            RemoteModel(url, "tiny", "models"),
            deadline_s=30,
            reranker=RemoteReranker(url, "tiny reranker", "models", deadline_s=30),
        )
        async with opens({"models": TOKEN}, ranker=told) as door:
            await door.add("lamps", LAMPS, backend.url)
            key = await door.key()
            async with asyncio.timeout(30):
                while not (await door.post("/v1/tools:search", key, {"query": "zzzz"})).json()["tools"]:  # noqa: ASYNC110 (as a client)
                    await asyncio.sleep(0.05)
            found = (await door.post("/v1/tools:search", key, {"query": "lamp"})).json()
            assert found["late"] == []
            assert found["tools"][0]["places"].keys() == {"lexical", "meaning", "reranked"}


@pytest.mark.parametrize(
    ("told", "says"),
    [
        (RemoteModel("http://127.0.0.1:1", "tiny", "models"), "ranker.model.secret names 'models'"),
        (RemoteModel("ftp://127.0.0.1", "tiny"), "ranker.model.url"),
    ],
)
async def test_a_remote_model_that_cannot_be_asked_stops_the_start(
    opens: Callable[..., Any], told: RemoteModel, says: str
) -> None:
    with pytest.raises(SettingsBroken, match=says):
        async with opens(ranker=FusedRanker(told)):
            pass


@pytest.mark.parametrize(
    ("url", "may"),
    [
        ("http://models:8080", True),
        ("https://models.example/v1", True),
        ("https://user:word@models.example", False),
        ("https://models.example?key=1", False),
        ("http://", False),
        ("http://models:99999", False),
        ("models:8080", False),
    ],
)
def test_a_url_says_where_and_nothing_else(url: str, may: bool) -> None:
    assert may_be_asked(url) is may


# A server that is gone, slow, or talks nonsense


def test_a_server_that_was_killed_costs_a_search_nothing_and_comes_back(tmp_path: Path, clock: Clock) -> None:
    make_model(tmp_path / "encoder")
    args = ("rank", "serve", "--model", "encoder", "--device", "cpu", "--port")
    with running(tmp_path, *args, "0", until=" at http") as (process, said):
        url = said.split()[-1]
        encoder = RemoteEncoder(ModelServer(url, clock=clock), "tiny")
        assert encode_query(encoder, "light", 30) is not None
        process.kill()
        process.wait(20)
    with capture_logs() as logs:
        began = time.monotonic()
        assert [encode_query(encoder, "light", 5) for _ in range(FAILURES_MAX + 3)] == [None] * (FAILURES_MAX + 3)
        with pytest.raises(Unanswered):
            encoder.encode(TEXTS)
        assert time.monotonic() - began < 5
        with running(tmp_path, *args, url.rpartition(":")[2], until=" at http"):
            assert encode_query(encoder, "light", 30) is None
            clock.now = COOLDOWN_S
            assert encode_query(encoder, "light", 30) is not None
            assert encoder.encode(TEXTS).shape == (3, 32)
    assert [(line["event"], line.get("why")) for line in logs] == [
        ("a server of models is left alone for a while", "no connection"),
        ("a server of models answers again", None),
    ]
    encoder.close()


def embedded(*vectors: Any, **more: Any) -> bytes:
    return json.dumps({"data": [{"index": at, "embedding": one} for at, one in enumerate(vectors)], **more}).encode()


GOOD = embedded([3.0, 0.0, 4.0], usage={"total_tokens": 1})


@pytest.fixture
async def encoder(backend: Backend, clock: Clock) -> Any:
    backend.answers["POST /v1/embeddings"] = (200, JSON, GOOD)
    one = await off_loop(RemoteEncoder, ModelServer(backend.url, clock=clock), "m")
    assert await off_loop(encode_query, one, "a", 30) == pytest.approx([0.6, 0.0, 0.8])
    yield one
    one.close()


NO_VECTORS = [
    (200, embedded([1.0, 0.0])),
    (200, embedded([0.0, 0.0, 0.0])),
    (200, embedded([float("nan"), 1.0, 1.0])),
    (200, embedded([1e300, 1e300, 1e300])),
    (200, embedded(["a", 1.0, 1.0])),
    (200, embedded()),
    (200, embedded([1.0, 0.0, 0.0], [1.0, 0.0, 0.0])),
    (200, embedded([[1.0, 0.0, 0.0]])),
    (200, b'{"data":[{"index":1,"embedding":[1,0,0]}]}'),
    (200, b"[" * 100_000),
    (200, b"\xff"),
    (200, b""),
    (200, GOOD + b" " * ANSWER_BYTES_MAX),
    (500, GOOD),
    (307, GOOD),
    (404, GOOD),
]


@pytest.mark.parametrize(("status", "body"), NO_VECTORS)
async def test_vectors_that_are_none_are_not_taken(
    encoder: RemoteEncoder, backend: Backend, status: int, body: bytes
) -> None:
    backend.answers["POST /v1/embeddings"] = (status, JSON, body)
    assert await off_loop(encode_query, encoder, "a", 30) is None
    with pytest.raises(Unanswered):
        await off_loop(encoder.encode, ["a"])
    backend.answers["POST /v1/embeddings"] = (200, JSON, GOOD)
    assert await off_loop(encode_query, encoder, "a", 30) is not None


async def test_an_answer_that_is_packed_is_not_unpacked(encoder: RemoteEncoder, backend: Backend) -> None:
    backend.headers = ((b"content-encoding", b"gzip"),)
    assert await off_loop(encode_query, encoder, "a", 30) is None


async def test_a_slow_server_is_waited_for_as_long_as_said_and_then_left_alone(
    encoder: RemoteEncoder, backend: Backend, clock: Clock
) -> None:
    backend.held = True
    # While it answers others it is busy, and not gone.
    for _ in range(FAILURES_MAX + 1):
        assert await off_loop(encode_query, encoder, "a", 0.01) is None
    clock.now = COOLDOWN_S
    count = len(backend.seen)
    began = time.monotonic()
    for _ in range(FAILURES_MAX):
        assert await off_loop(encode_query, encoder, "a", 0.1) is None
    assert FAILURES_MAX * 0.1 <= time.monotonic() - began < 5
    assert await off_loop(encode_query, encoder, "a", 30) is None
    assert len(backend.seen) <= count + FAILURES_MAX


async def test_a_server_that_trickles_is_not_waited_for() -> None:
    left = asyncio.Event()

    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        with suppress(ConnectionError):
            while True:
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.05)
        writer.close()
        left.set()

    server = await asyncio.start_server(trickle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    scorer = await off_loop(RemoteScorer, ModelServer(f"http://127.0.0.1:{port}"), "m", "tei")
    began = time.monotonic()
    assert await off_loop(scorer.score, "a", ["b"], 0.3) is None
    assert time.monotonic() - began < 3
    await asyncio.wait_for(left.wait(), 30)
    scorer.close()
    server.close()


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b'[{"index":0,"score":1.0}]',
        b'[{"index":0,"score":1.0},{"index":0,"score":1.0}]',
        b'[{"index":0,"score":1.0},{"index":2,"score":1.0}]',
        b'[{"index":0,"score":1.0},{"index":1,"score":1e999}]',
        b'[{"index":0,"score":1.0},{"index":1,"score":null}]',
        b'{"results":[{"index":0,"relevance_score":1.0}]}',
        b'{"results":7}',
        b'"no"',
    ],
)
async def test_scores_that_are_none_are_not_taken(backend: Backend, body: bytes) -> None:
    backend.answers["POST /rerank"] = (200, JSON, body)
    scorer = await off_loop(RemoteScorer, ModelServer(backend.url), "m", "tei")
    assert await off_loop(scorer.score, "a", ["b", "c"], 30) is None
    backend.answers["POST /rerank"] = (200, JSON, b'[{"index":1,"score":5},{"index":0,"score":-1.5}]')
    assert await off_loop(scorer.score, "a", ["b", "c"], 30) == [-1.5, 5.0]
    scorer.close()


NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers() | st.sampled_from(["", "1", None])
INDEXES = st.integers(-1, 3) | st.booleans()
RANK = st.fixed_dictionaries({"index": INDEXES, "score": NUMBERS, "relevance_score": NUMBERS})
EMBEDDED = st.fixed_dictionaries({"index": INDEXES, "embedding": st.lists(NUMBERS, max_size=3) | NUMBERS})


@given(st.lists(RANK, max_size=4) | st.fixed_dictionaries({"results": st.lists(RANK, max_size=4)}))
def test_whatever_a_server_says_scores_are_numbers_one_for_each_text(told: Any) -> None:
    with suppress(ValueError, msgspec.MsgspecError):
        scores = _read_scores(json.dumps(told).encode(), 2)
        assert (len(scores), np.isfinite(scores).all()) == (2, True)


@given(st.lists(EMBEDDED, max_size=4))
def test_whatever_a_server_says_vectors_are_of_unit_length_one_for_each_text(told: Any) -> None:
    with suppress(ValueError, msgspec.MsgspecError):
        vectors = _read_vectors(json.dumps({"data": told}).encode(), 2)
        assert vectors.shape[0] == 2
        assert np.linalg.norm(vectors, axis=1) == pytest.approx([1.0, 1.0])


@pytest.mark.parametrize(("spoken", "field"), [("tei", "texts"), ("cohere", "documents")])
async def test_of_two_forms_it_finds_the_one_that_is_spoken(spoken: str, field: str) -> None:
    """A server that refuses the other form, as vLLM and TEI do; it may come up after the gateway."""
    ranks = {
        "tei": [{"index": 0, "score": 0.5}],
        "cohere": {"id": "1", "results": [{"index": 0, "relevance_score": 0.5, "document": {"text": "b"}}]},
    }[spoken]
    asked: list[dict[str, Any]] = []
    here = False

    async def speak(scope: Any, receive: Any, send: Any) -> None:
        body = json.loads((await receive())["body"])
        asked.append(body)
        status = (200 if field in body else 422) if here else 500
        await send(
            {"type": "http.response.start", "status": status, "headers": [(b"content-type", b"application/json")]}
        )
        await send({"type": "http.response.body", "body": json.dumps(ranks).encode()})

    with bind("127.0.0.1", 0) as listening:
        async with serving_app(speak, listening) as url:
            scorer = await off_loop(RemoteScorer, ModelServer(url), "m")
            assert asked
            here = True
            told = [await off_loop(scorer.score, "a", ["b"], 30) for _ in range(3)]
            assert told[-2:] == [[0.5], [0.5]]
            scorer.close()
            asked.clear()
            at_start = await off_loop(RemoteScorer, ModelServer(url), "m")
            assert await off_loop(at_start.score, "a", ["b"], 30) == [0.5]
            assert [field in body for body in asked] == ([True, True] if spoken == "tei" else [False, True, True])
            at_start.close()


# Vectors that could not be made


async def test_vectors_that_could_not_be_made_are_tried_again(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "AGAIN_S", 0.05)
    inner = Encoder(model, "cpu")

    class Away:
        name, width, times = inner.name, inner.width, 0

        def encode(self, texts: Any) -> Any:
            self.times += 1
            if self.times < 3:
                raise Unanswered
            return inner.encode(texts)

        def encode_queries(self, queries: Any, deadline_s: float) -> None:
            return None

        def close(self) -> None:
            inner.close()

    store, away = await open_memory(), Away()
    vectors = Vectors(away, store)
    task = asyncio.create_task(vectors.keep())
    segment = Fused(away, vectors.add, 30).segment(HOUSE, "Home")
    async with asyncio.timeout(30):
        while segment.vectors.ready() < len(HOUSE):  # noqa: ASYNC110 (vectors come one by one)
            await asyncio.sleep(0.01)
    assert away.times == 3
    task.cancel()
    away.close()
    await store.close()
