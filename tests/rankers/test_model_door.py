"""Models behind a door of their own, on a real server: the wire forms of OpenAI, TEI and Cohere, their errors, and its bounds."""

import asyncio
import base64
import json
import threading
from collections.abc import AsyncIterator
from typing import Any

import httpx
import numpy as np
import pytest
from structlog.testing import capture_logs

from gateway.edge.models import ModelBounds
from tests.rankers.conftest import Served

pytestmark = pytest.mark.anyio

TEXTS = ["list the lights", "lock the door of the room at home", "send one message to people"]
TOKEN = "t0ken-of-the-models"


@pytest.fixture
async def client(served: Served) -> AsyncIterator[httpx.AsyncClient]:
    async with served.client() as client:
        yield client


async def ask(client: httpx.AsyncClient, path: str, body: Any, status: int = 200) -> Any:
    answer = await client.post(path, json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_embeddings_in_openais_form(served: Served, client: httpx.AsyncClient) -> None:
    expected = served.encoder.encode(TEXTS)
    told = await ask(client, "/v1/embeddings", {"input": TEXTS, "model": "tiny"})
    assert np.array([one["embedding"] for one in told["data"]]) == pytest.approx(expected, abs=1e-6)
    assert [(one["object"], one["index"]) for one in told["data"]] == [("embedding", at) for at in range(3)]
    assert (told["object"], told["model"]) == ("list", "tiny")
    assert told["usage"] == {"prompt_tokens": 16, "total_tokens": 16}
    told = await ask(client, "/v1/embeddings", {"input": TEXTS[0], "encoding_format": "base64"})
    packed = np.frombuffer(base64.b64decode(told["data"][0]["embedding"]), "<f4")
    assert packed == pytest.approx(expected[0], abs=0.02)


async def test_embeddings_in_teis_form(served: Served, client: httpx.AsyncClient) -> None:
    expected = served.encoder.encode(TEXTS)
    assert np.array(await ask(client, "/embed", {"inputs": TEXTS})) == pytest.approx(expected, abs=1e-6)
    assert np.array(await ask(client, "/embed", {"inputs": TEXTS[0]}))[0] == pytest.approx(expected[0], abs=0.02)


async def test_ranks_in_teis_form(served: Served, client: httpx.AsyncClient) -> None:
    scores = served.scorer.score("lights", TEXTS, 30)
    assert scores is not None
    best = sorted(range(3), key=lambda at: -scores[at])
    told = await ask(client, "/rerank", {"query": "lights", "texts": TEXTS, "raw_scores": True, "return_text": True})
    assert told == [{"index": at, "score": pytest.approx(scores[at]), "text": TEXTS[at]} for at in best]
    told = await ask(client, "/rerank", {"query": "lights", "texts": TEXTS, "truncate": True})
    assert told == [{"index": at, "score": pytest.approx(1 / (1 + np.exp(-scores[at])))} for at in best]


@pytest.mark.parametrize("path", ["/rerank", "/v1/rerank", "/v2/rerank"])
async def test_ranks_in_coheres_form(served: Served, client: httpx.AsyncClient, path: str) -> None:
    scores = served.scorer.score("lights", TEXTS, 30)
    assert scores is not None
    best = sorted(range(3), key=lambda at: -scores[at])
    documents = [TEXTS[0], {"text": TEXTS[1]}, TEXTS[2]]
    body = {"model": "tiny reranker", "query": "lights", "documents": documents, "top_n": 2, "return_documents": True}
    told = await ask(client, path, body)
    assert told["results"] == [
        {
            "index": at,
            "relevance_score": pytest.approx(1 / (1 + np.exp(-scores[at]))),
            "document": {"text": TEXTS[at]},
        }
        for at in best[:2]
    ]
    assert told["model"] == "tiny reranker"


OPENAI, TEI = "/v1/embeddings", "/rerank"


@pytest.mark.parametrize(
    ("path", "body", "status", "says"),
    [
        (OPENAI, {"input": 5}, 400, "`$.input`"),
        (OPENAI, {"input": []}, 400, "at least one"),
        (OPENAI, {"input": ["a"] * 9}, 413, "8 at most"),
        (OPENAI, {"input": "a", "model": "another"}, 404, "'tiny'"),
        (OPENAI, {"input": "a", "dimensions": 8}, 400, "32"),
        (OPENAI, {"input": "a" * 5_000}, 413, "4000 bytes"),
        (TEI, {"query": "a", "texts": ["a"] * 9}, 413, "8 at most"),
        (TEI, {"query": "a", "texts": []}, 400, "at least one"),
        (TEI, {"query": "a"}, 400, "either"),
        (TEI, {"query": "a", "texts": ["b"], "documents": ["b"]}, 400, "either"),
        (TEI, {"texts": ["a"]}, 400, "query"),
        ("/v2/rerank", {"query": "a", "documents": [7]}, 400, "documents"),
        ("/embed", {"inputs": "a", "normalize": False}, 400, "unit length"),
        ("/nowhere", {}, 404, "/v1/embeddings"),
    ],
)
async def test_what_cannot_be_answered_is_said_in_the_forms_own_words(
    served: Served, path: str, body: Any, status: int, says: str
) -> None:
    async with served.client(bounds=ModelBounds(body_bytes_max=4_000, texts_max=8)) as client:
        told = await ask(client, path, body, status)
    error = told["error"]
    assert says in (error["message"] if path == OPENAI else error)
    assert told.get("message", error) == error
    assert set(error if path == OPENAI else told) >= ({"message", "type", "code"} if path == OPENAI else {"error_type"})


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 3_000, b"\xff\xfe", b'{"query": "a", "texts": ["\\ud83d"]}'])
async def test_any_body_has_an_answer(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post("/rerank", content=body)
    assert answer.status_code in (200, 400)
    assert answer.json()


async def test_everything_but_its_health_needs_the_token_where_there_is_one(served: Served) -> None:
    async with served.client(TOKEN) as client:
        for told in ({}, {"authorization": "Bearer wrong"}, {"authorization": TOKEN}):
            for path in ("/info", "/metrics"):
                assert (await client.get(path, headers=told)).status_code == 401
            answer = await client.post("/v1/embeddings", headers=told, json={"input": "a"})
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
            assert answer.json()["error"]["message"]
        assert (await client.get("/health")).status_code == 200
        right = {"authorization": f"Bearer {TOKEN}"}
        assert (await client.post("/v1/embeddings", headers=right, json={"input": "a"})).status_code == 200


async def test_it_tells_what_it_is_and_how_it_does(client: httpx.AsyncClient) -> None:
    await ask(client, "/rerank", {"query": "lights", "texts": TEXTS})
    told = (await client.get("/info")).json()
    assert (told["model_id"], told["max_input_length"], told["max_client_batch_size"]) == ("tiny", 32, 1_000)
    assert (told["encoder"]["width"], told["reranker"]["model_id"]) == (32, "tiny reranker")
    told = (await client.get("/metrics")).text
    assert 'factotum_model_batch_rows_count{model="tiny reranker"}' in told
    assert 'factotum_model_rows_waiting{model="tiny reranker"} 0.0' in told


async def test_a_client_that_goes_away_leaves_no_work(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    batcher = served.scorer._batcher
    began, free, worked = threading.Event(), threading.Event(), []
    inner = batcher._work

    def work(rows: Any) -> Any:
        worked.append(len(rows))
        began.set()
        assert free.wait(30)
        return inner(rows)

    monkeypatch.setattr(batcher, "_work", work)
    with capture_logs() as logs:
        async with served.client() as client:
            first = asyncio.create_task(ask(client, "/rerank", {"query": "a", "texts": ["a"]}))
            assert await asyncio.to_thread(began.wait, 30)
            gone = asyncio.create_task(ask(client, "/rerank", {"query": "a", "texts": ["a"] * 7}))
            async with asyncio.timeout(30):
                while not batcher._waiting:  # noqa: ASYNC110 (the server's threads tell no loop)
                    await asyncio.sleep(0.01)
                waiting = batcher._waiting[0].asked.future
                gone.cancel()
                while not waiting.cancelled():  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            free.set()
            assert len(await first) == 1
            await ask(client, "/rerank", {"query": "a", "texts": ["a"] * 2})
    assert logs == []
    assert worked == [1, 2]


async def test_a_text_that_the_model_has_no_answer_to_is_refused(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served.encoder._batcher, "_work", lambda rows: [None] * len(rows))
    async with served.client() as client:
        told = await ask(client, "/v1/embeddings", {"input": "a"}, 400)
        assert "no answer" in told["error"]["message"]
        assert (await client.get("/health")).status_code == 200


async def test_a_model_that_fails_is_busy_and_not_healthy(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def work(rows: Any) -> Any:
        raise RuntimeError("no room")

    async with served.client() as client:
        with monkeypatch.context() as broken:
            broken.setattr(served.scorer._batcher, "_work", work)
            told = await ask(client, "/rerank", {"query": "a", "texts": ["a"]}, 503)
            assert told["error_type"] == "Overloaded"
            assert (await client.get("/health")).status_code == 503
        served.scorer._batcher._rests_until = 1e-9
        await ask(client, "/rerank", {"query": "a", "texts": ["a"]})
        assert (await client.get("/health")).status_code == 200


def test_an_answer_is_json_for_any_score() -> None:
    from gateway.edge.model_wire import Rerank, tell_rerank

    told = json.loads(tell_rerank(Rerank("a", documents=["b", "c"]), [1e9, -1e9], 2, "m"))
    assert [one["relevance_score"] for one in told["results"]] == [1.0, pytest.approx(0.0)]
