"""Ranking by words and meaning: the model is a stand-in that knows nothing, so these say nothing of how good a search is."""

import asyncio
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from safetensors.torch import save_file

from gateway.core.wishes import split_wishes
from gateway.errors import BadRequest
from gateway.rankers.base import Part, Unfilled, Vector
from gateway.rankers.dense import DenseSegment, Missing, nearest
from gateway.rankers.encoder import Bert, Shape
from gateway.rankers.fused import QUERIES_KEPT_MAX, Fused, add_wishes, fuse
from gateway.rankers.lexical import Bm25
from gateway.rankers.serving import Encoder
from gateway.rankers.vector_table import VectorTable
from gateway.rankers.weights import dequantize, import_hugging_face, load_model, quantize
from gateway.settings import FusedRanker, LocalReranker
from gateway.stores.sql import open_memory
from gateway.vectors import Vectors
from tests.conftest import Backend
from tests.rankers.conftest import make_model
from tests.rankers.test_ranker_contract import HOUSE, rank
from tests.test_call import LAMPS

pytestmark = pytest.mark.anyio

# Where the processor multiplies bfloat16, the models here have numbers of 8 bits.
ROUNDED = 0.02


@pytest.fixture
def encoder(model: Path) -> Any:
    one = Encoder(model, "cpu")
    yield one
    one.close()


def encode(encoder: Encoder, query: str) -> Vector:
    vectors = encoder.encode_queries([query], 30)
    assert vectors is not None
    return vectors[0]


def filled(encoder: Encoder) -> Callable[[Unfilled], None]:
    def fill(missing: Unfilled) -> None:
        for key in missing.lacks():
            missing.put([key], encoder.encode([missing.text(key)]))

    return fill


# The encoder


def test_a_text_has_the_same_vector_alone_and_among_longer_ones(encoder: Encoder) -> None:
    alone = encoder.encode(["turn the light"])
    among = encoder.encode(["turn the light", "send a message to one people " * 6])
    assert alone[0] == pytest.approx(among[0], abs=ROUNDED)
    assert np.linalg.norm(among, axis=1) == pytest.approx([1.0, 1.0], abs=1e-5)


def test_queries_that_come_at_once_are_answered_as_alone(encoder: Encoder) -> None:
    queries = [f"{one} the {two}" for one in ("turn", "lock", "list") for two in ("light", "door", "room", "lamps")]
    found: dict[str, Vector | None] = {}
    threads = [threading.Thread(target=lambda one=one: found.update({one: encode(encoder, one)})) for one in queries]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for query in queries:
        assert found[query] == pytest.approx(encoder.encode([query])[0], abs=ROUNDED)


@pytest.mark.parametrize("query", ["", "\x00", "\ud83d", "☃" * 100_000, "light " * 5_000])
def test_any_query_has_a_vector(encoder: Encoder, query: str) -> None:
    vector = encode(encoder, query)
    assert np.isfinite(vector).all()


def test_whole_numbers_keep_a_matrix_within_half_a_step() -> None:
    state = Bert(Shape(vocabulary=50, layers=1, width=32, heads=4, inner=64, positions=16)).state_dict()
    again = dequantize(quantize(state))
    assert again.keys() == state.keys()
    for name, value in state.items():
        step = value.abs().amax(-1, keepdim=True) / 127 if value.ndim == 2 else 1e-3
        assert ((again[name] - value).abs() <= 0.51 * step + 1e-3).all(), name


@pytest.mark.parametrize("broken", ["model.json", "weights.safetensors", "tokenizer.json"])
@pytest.mark.parametrize("content", [None, b"", b"{}", b"\xff" * 64])
def test_a_folder_that_holds_no_model_is_named(tmp_path: Path, broken: str, content: bytes | None) -> None:
    folder = make_model(tmp_path / "model")
    (folder / broken).unlink() if content is None else (folder / broken).write_bytes(content)
    with pytest.raises(BadRequest, match="model"):
        load_model(folder)


def test_a_tokenizer_that_tells_more_than_the_model_knows_is_refused(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "model")
    told = json.loads((folder / "tokenizer.json").read_text())
    told["model"]["vocab"]["one more"] = len(told["model"]["vocab"])
    (folder / "tokenizer.json").write_text(json.dumps(told))
    with pytest.raises(BadRequest, match="tells more"):
        load_model(folder)


def test_a_device_that_is_not_here_is_named(model: Path) -> None:
    with pytest.raises(BadRequest, match="nowhere"):
        Encoder(model, "nowhere")


def test_a_model_of_hugging_faces_shape_is_taken_over_with_the_same_vectors(tmp_path: Path, model: Path) -> None:
    _, bert, tokenizer = load_model(model)
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    save_file(as_hugging_face(bert), theirs / "model.safetensors")
    tokenizer.save(str(theirs / "tokenizer.json"))
    shape = {"vocab_size": len(bert.words.weight), "num_hidden_layers": 2, "hidden_size": 32, "num_attention_heads": 4}
    more = {"intermediate_size": 64, "max_position_embeddings": 64, "model_type": "bert"}
    (theirs / "config.json").write_text(json.dumps({**shape, **more}))
    import_hugging_face(theirs, tmp_path / "ours", "theirs", 32)
    one, other = Encoder(model, "cpu"), Encoder(tmp_path / "ours", "cpu")
    assert one.encode(["lock the door"])[0] == pytest.approx(other.encode(["lock the door"])[0], abs=0.02)
    assert other.name.startswith("theirs ")
    (theirs / "config.json").write_text(json.dumps({**shape, **more, "model_type": "gpt2"}))
    with pytest.raises(BadRequest, match="gpt2"):
        import_hugging_face(theirs, tmp_path / "ours", "theirs", 32)


def as_hugging_face(bert: Bert) -> dict[str, torch.Tensor]:
    state = bert.state_dict()
    told = {
        "embeddings.word_embeddings.weight": state["words.weight"],
        "embeddings.position_embeddings.weight": state["positions.weight"],
        "embeddings.token_type_embeddings.weight": state["kinds.weight"],
        "embeddings.LayerNorm.weight": state["norm.weight"],
        "embeddings.LayerNorm.bias": state["norm.bias"],
    }
    for layer in range(2):
        for kind in ("weight", "bias"):
            split = state[f"layers.{layer}.projection.{kind}"].chunk(3)
            for name, value in zip(("query", "key", "value"), split, strict=True):
                told[f"encoder.layer.{layer}.attention.self.{name}.{kind}"] = value.clone()
            for ours, name in (
                ("mixed", "attention.output.dense"),
                ("mixed_norm", "attention.output.LayerNorm"),
                ("inner", "intermediate.dense"),
                ("outer", "output.dense"),
                ("outer_norm", "output.LayerNorm"),
            ):
                told[f"encoder.layer.{layer}.{name}.{kind}"] = state[f"layers.{layer}.{ours}.{kind}"]
    return told


# Ranking


def test_words_and_meaning_are_put_together_by_their_places() -> None:
    assert fuse([["a", "b"], ["b", "c"]], k=10) == pytest.approx({"a": 1 / 11, "b": 1 / 12 + 1 / 11, "c": 1 / 12})


def test_what_words_do_not_find_meaning_may(encoder: Encoder) -> None:
    ranker = Fused(encoder, filled(encoder), deadline_s=30)
    assert rank(Bm25(), HOUSE, "zzzz", 3) == ()
    assert len(rank(ranker, HOUSE, "zzzz", 3)) == 3
    assert rank(ranker, HOUSE, "", 3) == ()


def test_before_its_vectors_come_and_where_a_query_is_late_the_order_is_that_of_words(encoder: Encoder) -> None:
    by_words = [one.name for one in rank(Bm25(), HOUSE, "list the lights", 3)]
    empty = Fused(encoder, lambda _: None, deadline_s=30)
    assert [one.name for one in rank(empty, HOUSE, "list the lights", 3)] == by_words
    late = Fused(encoder, filled(encoder), deadline_s=0.0)
    assert [one.name for one in rank(late, HOUSE, "list the lights", 3)] == by_words


@given(st.data())
def test_vectors_that_are_not_seen_or_not_there_are_in_no_answer(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 12))
    chance = np.random.default_rng(data.draw(st.integers(0, 9)))
    table = VectorTable(4)
    others = table.take(data.draw(st.integers(0, 30)))
    table.put(others.rows, chance.normal(size=(len(others.rows), 4)).astype(np.float32))
    missing = Missing([f"text {at}" for at in range(count)], "m", table)
    segment = DenseSegment(table, tuple(f"t{at:02}" for at in range(count)), missing.rows, (missing.lease,))
    there = [data.draw(st.booleans()) for _ in range(count)]
    for key, is_there in zip(missing.lacks(), there, strict=True):
        if is_there:
            missing.put([key], chance.normal(size=(1, 4)).astype(np.float32))
    seen = np.array([data.draw(st.booleans()) for _ in range(count)], np.bool_)
    query, limit = np.array([1, 0, 0, 0], np.float32), data.draw(st.integers(1, 12))
    products = table.compare(query, segment.rows)
    scores = {segment.names[at]: float(products[at]) for at in range(count) if there[at] and seen[at]}
    best = sorted(scores, key=lambda name: (-scores[name], name))[:limit]
    assert nearest(query, limit, [(segment, seen)]) == best


def test_a_query_that_was_asked_before_is_not_read_again_and_a_late_one_is(encoder: Encoder) -> None:
    class Once(Counting):
        asked = 0

        def encode_queries(self, queries: Any, deadline_s: float) -> Any:
            self.asked += 1
            return None if self.asked == 1 else super().encode_queries(queries, deadline_s)

    once = Once(encoder)
    ranker = Fused(once, filled(encoder), deadline_s=30)
    segment = ranker.segment(HOUSE)
    late, first, again = (ranker.rank("lock the lights", 4, [Part(segment)]) for _ in range(3))
    assert (late.late, first.late, once.asked) == (("meaning",), (), 2)
    assert first == again
    for number in range(QUERIES_KEPT_MAX):
        ranker.rank(f"door {number}", 1, [Part(segment)])
    ranker.rank("lock the lights", 4, [Part(segment)])
    assert once.asked == 2 + QUERIES_KEPT_MAX + 1, "only the newest are kept"


def test_segments_put_together_rank_as_one_with_what_is_seen_of_each(encoder: Encoder) -> None:
    ranker = Fused(encoder, filled(encoder), deadline_s=30)
    one, two = ranker.segment(HOUSE[:1], "Home"), ranker.segment(HOUSE[1:], "Home")
    whole = ranker.segment(HOUSE, "Home")
    for seen in (None, np.array([True, False, True, True])):
        expected = ranker.rank("lock the lights", 4, [Part(whole, seen)])
        assert ranker.rank("lock the lights", 4, [Part(ranker.merge([one, two]), seen)]) == expected


def test_a_query_of_two_wishes_finds_what_fits_either(encoder: Encoder) -> None:
    ranker = Fused(encoder, filled(encoder), 30)
    query = "lock the front door, then send an email message to Mira"
    found = rank(ranker, HOUSE, query, 2)
    assert {one.name for one in found} == {"home_lock_door", "mail_send_message"}
    one, other = (rank(ranker, HOUSE, wish, 9) for wish in split_wishes(query))
    parts = {each.name: max(each.score, twin.score) for each in one for twin in other if each.name == twin.name}
    whole = {each.name: each.score for each in add_wishes(rank(ranker, HOUSE, "zzzz", 9), ())}
    assert whole
    summed = add_wishes(rank(ranker, HOUSE, "zzzz", 9), (one, other))
    assert {each.name: each.score for each in summed} == {
        name: pytest.approx(whole[name] + parts[name], abs=2e-4) for name in whole
    }


# Vectors in the store, and the whole behind the front door


class Counting:
    """Says how many texts it had to encode."""

    def __init__(self, encoder: Encoder) -> None:
        self.name, self.width, self._encoder, self.texts = encoder.name, encoder.width, encoder, 0

    def encode(self, texts: Any) -> Any:
        self.texts += len(texts)
        return self._encoder.encode(texts)

    def encode_queries(self, queries: Any, deadline_s: float) -> Any:
        return self._encoder.encode_queries(queries, deadline_s)

    def close(self) -> None:
        """The fixture closes it."""


async def test_a_text_is_encoded_once_and_kept_for_the_next_start(encoder: Encoder) -> None:
    store, counting = await open_memory(), Counting(encoder)
    twins = [*HOUSE, structs.replace(HOUSE[0], inputs=HOUSE[0].inputs)]
    for _ in range(2):
        vectors = Vectors(counting, store)
        keeping = asyncio.create_task(vectors.keep())
        segment = Fused(counting, vectors.add, 30).segment(twins, "Home").vectors
        async with asyncio.timeout(30):
            while segment.ready() < len(twins):  # noqa: ASYNC110 (vectors come one by one)
                await asyncio.sleep(0.01)
        keeping.cancel()
        assert counting.texts == len(HOUSE)
    await store.close()


async def test_search_works_at_once_and_knows_meanings_when_the_vectors_are_there(
    opens: Callable[..., Any], backend: Backend, model: Path
) -> None:
    async with opens(ranker=FusedRanker(str(model), device="cpu", deadline_s=30)) as door:
        await door.add("lamps", LAMPS, backend.url)
        key, other = await door.key(), await door.key("other:read")
        first = await door.post("/v1/tools:search", key, {"query": "lamp"})
        assert [one["name"] for one in first.json()["tools"]][:1] == ["lamps_get_lamp"]
        async with asyncio.timeout(30):
            while not (await door.post("/v1/tools:search", key, {"query": "zzzz"})).json()["tools"]:  # noqa: ASYNC110 (as a client)
                await asyncio.sleep(0.05)
        assert (await door.post("/v1/tools:search", other, {"query": "zzzz"})).json()["tools"] == []


async def test_a_reranker_of_the_settings_reads_what_words_and_meaning_find(
    opens: Callable[..., Any], backend: Backend, model: Path, reranker: Path
) -> None:
    told = LocalReranker(str(reranker), candidates=2, deadline_s=30)
    async with opens(ranker=FusedRanker(str(model), device="cpu", deadline_s=30, reranker=told)) as door:
        await door.add("lamps", LAMPS, backend.url)
        found = (await door.post("/v1/tools:search", await door.key(), {"query": "lamp"})).json()
        assert found["late"] == []
        assert sum("reranked" in one["places"] for one in found["tools"]) == min(2, len(found["tools"])) > 0
    with pytest.raises(BadRequest, match="is an encoder, and a reranker is needed"):
        async with opens(ranker=FusedRanker(str(model), device="cpu", reranker=LocalReranker(str(model)))):
            pass


async def test_how_much_a_search_can_find_by_meaning_is_told_connector_by_connector(
    opens: Callable[..., Any], backend: Backend, model: Path
) -> None:
    async with opens(ranker=FusedRanker(str(model), device="cpu", deadline_s=30)) as door:
        await door.add("lamps", LAMPS, backend.url)
        await door.add("other", LAMPS, "https://lamps.example", tenant="acme", allow_addresses=())
        key, status = await door.key(role="viewer"), {}
        async with asyncio.timeout(30):
            while status.get("ready") != 2:
                status = (await door.get("/v1/search/status", key)).json()
        assert (status["ranker"], status["tools"]) == ("fused", 2)
        assert status["connectors"] == [{"connector": "lamps", "tools": 2, "ready": 2, "given_up": False}]
        assert (await door.get("/v1/search/status", await door.key("lamps:read"))).status_code == 403


async def test_of_a_text_that_no_model_takes_it_is_told_that_nothing_more_will_come(encoder: Encoder) -> None:
    class Refusing(Counting):
        def encode(self, texts: Any) -> Any:
            raise ValueError("a text that no model takes")

    store, refusing = await open_memory(), Refusing(encoder)
    vectors = Vectors(refusing, store)
    keeping = asyncio.create_task(vectors.keep())
    ranker = Fused(refusing, vectors.add, 30)
    segment = ranker.segment(HOUSE, "Home")
    async with asyncio.timeout(30):
        while not ranker.filling(segment).given_up:  # noqa: ASYNC110 (nobody tells)
            await asyncio.sleep(0.01)
    assert ranker.filling(segment).ready == 0
    keeping.cancel()
    await store.close()


async def test_a_ranker_without_its_model_stops_the_start_with_its_name(
    opens: Callable[..., Any], tmp_path: Path
) -> None:
    with pytest.raises(BadRequest, match="no-model"):
        async with opens(ranker=FusedRanker(str(tmp_path / "no-model"))):
            pass
