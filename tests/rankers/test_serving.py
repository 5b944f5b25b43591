"""Models that serve: what is asked at once goes together, what is late is dropped, and a device that fails is left alone for a while."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from gateway.errors import BadRequest
from gateway.rankers import batcher as batchers
from gateway.rankers.base import Part, Unanswered, Unfit
from gateway.rankers.batcher import ROWS_WAITING_MAX, Batcher
from gateway.rankers.lexical import Bm25
from gateway.rankers.reranked import Reranked
from gateway.rankers.serving import Encoder, Scorer
from gateway.telemetry import ModelMetrics
from tests.rankers.conftest import WORDS
from tests.rankers.test_ranker_contract import HOUSE

TEXTS = ["list the lights", "lock the door of the room at home", "send one message to people", "turn a switch"]


class Held:
    """A model whose answer to a row is its length. It works on nothing before it is let go, and tells what it worked on."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.began, self.free = threading.Event(), threading.Event()

    def __call__(self, rows: Sequence[str]) -> Sequence[int]:
        self.batches.append(list(rows))
        self.began.set()
        assert self.free.wait(30)
        return [len(row) for row in rows]


@pytest.fixture
def held() -> Held:
    return Held()


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def batcher(held: Held, registry: CollectorRegistry) -> Iterator[Batcher[str, int]]:
    one = Batcher("held", held, 32, ModelMetrics(registry))
    first = one.begin(["first"])
    assert held.began.wait(30)
    yield one
    held.free.set()
    assert first.result(30) == [5]
    one.close()


@pytest.fixture
def scorer(reranker: Path) -> Iterator[Scorer]:
    one = Scorer(reranker, "cpu")
    yield one
    one.close()


def counted(registry: CollectorRegistry, name: str) -> float | None:
    return registry.get_sample_value(f"factotum_model_{name}", {"model": "held"})


# Batches


def test_what_comes_at_once_goes_together_with_what_is_of_like_length(held: Held, batcher: Batcher[str, int]) -> None:
    asked = [batcher.begin(["aaaaa", "b" * 9]), batcher.begin(["cc", "d" * 8])]
    held.free.set()
    assert [one.result(30) for one in asked] == [[5, 9], [2, 8]]
    assert held.batches == [["first"], ["cc"], ["d" * 8, "aaaaa"], ["b" * 9]]


def test_a_batch_has_no_more_tokens_than_said(held: Held, batcher: Batcher[str, int]) -> None:
    asked = batcher.begin(["aaaa"] * 9 + ["b" * 40] * 2)
    held.free.set()
    assert asked.result(30) == [4] * 9 + [40] * 2
    assert [len(batch) for batch in held.batches[1:]] == [8, 1, 1, 1]


def test_what_was_begun_is_ended_first_and_then_what_came_last() -> None:
    order: list[str] = []
    later: list[Future[list[int]]] = []

    def work(rows: Sequence[str]) -> Sequence[int]:
        order.append(rows[0][0])
        if order == ["a"]:
            later.extend(batcher.begin([letter * 32]) for letter in "bc")
        return [len(row) for row in rows]

    batcher: Batcher[str, int] = Batcher("begun", work, 32, metrics())
    batcher.begin(["a" * 32] * 3).result(30)
    assert [one.result(30) for one in later] == [[32], [32]]
    batcher.close()
    assert order == ["a", "a", "a", "c", "b"]


def test_the_patient_wait_until_nobody_else_does(held: Held, batcher: Batcher[str, int]) -> None:
    patient, other = batcher.begin(["aaaa"], patient=True), batcher.begin(["bbbb"])
    held.free.set()
    assert (patient.result(30), other.result(30)) == ([4], [4])
    assert held.batches[1:] == [["bbbb"], ["aaaa"]]


def test_what_is_late_is_not_answered_and_not_worked_on(
    held: Held, batcher: Batcher[str, int], registry: CollectorRegistry
) -> None:
    assert batcher.ask(["late"], 0.01) is None
    gone = batcher.begin(["gone"])
    gone.cancel()
    there = batcher.begin(["there"])
    held.free.set()
    assert there.result(30) == [5]
    assert held.batches == [["first"], ["there"]]
    assert counted(registry, "requests_late_total") == 2


def test_the_queue_is_bounded_and_what_nobody_awaits_makes_room(
    held: Held, batcher: Batcher[str, int], registry: CollectorRegistry
) -> None:
    full = batcher.begin(["row"] * ROWS_WAITING_MAX)
    assert counted(registry, "rows_waiting") == ROWS_WAITING_MAX
    assert batcher.ask(["one more"], 30) is None
    full.cancel()
    another = batcher.begin(["another"])
    held.free.set()
    assert another.result(30) == [7]
    assert counted(registry, "rows_waiting") == 0
    assert counted(registry, "batch_rows_sum") == 2


def test_closed_it_answers_nobody_and_keeps_nobody_waiting(held: Held, batcher: Batcher[str, int]) -> None:
    waiting = batcher.begin(["waiting"], patient=True)
    closing = threading.Thread(target=batcher.close)
    closing.start()
    held.free.set()
    closing.join(30)
    with pytest.raises(Unanswered):
        waiting.result(30)
    assert batcher.ask(["later"], 30) is None


def test_many_threads_have_their_own_answers() -> None:
    batcher: Batcher[str, int] = Batcher("busy", lambda rows: [len(row) for row in rows], 64, metrics())
    found: dict[int, list[int] | None] = {}

    def ask(number: int) -> None:
        found[number] = batcher.ask(["a" * (number % 17), "b" * number], 30)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    batcher.close()
    assert found == {number: [number % 17, number] for number in range(60)}


def metrics() -> ModelMetrics:
    return ModelMetrics(CollectorRegistry())


# The reranker


def test_a_text_has_the_same_score_alone_and_among_others(scorer: Scorer) -> None:
    together = scorer.score("lights", TEXTS, 30)
    assert together is not None
    for text, score in zip(TEXTS, together, strict=True):
        assert scorer.score("lights", [text], 30) == pytest.approx([score], abs=0.05)
    assert len(set(together)) == len(TEXTS)
    assert scorer.score("lights", [], 30) == []


@pytest.mark.parametrize("text", ["", "\x00", "\ud83d", "☃" * 100_000, "light " * 5_000])
def test_any_text_has_a_score(scorer: Scorer, text: str) -> None:
    assert np.isfinite(scorer.score(text, [text], 30) or [np.nan]).all()


def test_a_reranker_that_is_late_leaves_the_order_to_words(scorer: Scorer) -> None:
    ranker: Reranked[Any] = Reranked(Bm25(), scorer, 20, 1.0, 0.0)
    found = ranker.rank("list the lights", 3, [Part(ranker.segment(HOUSE))])
    assert found.late == ("reranked",)
    assert found.tools == Bm25().rank("list the lights", 3, [Part(Bm25().segment(HOUSE))]).tools


def test_a_folder_of_the_wrong_kind_is_named_with_what_it_holds(model: Path, reranker: Path) -> None:
    with pytest.raises(BadRequest, match="is a reranker, and an encoder is needed"):
        Encoder(reranker, "cpu")
    with pytest.raises(BadRequest, match="is an encoder, and a reranker is needed"):
        Scorer(model, "cpu")


# Devices that fail


class Full(torch.nn.Module):
    """The model, whose device has no room for as long as `full` says."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network, self.full, self.tried = network, True, 0

    def forward(self, *told: Any) -> torch.Tensor:
        self.tried += 1
        if self.full:
            raise torch.OutOfMemoryError("no room")
        answer: torch.Tensor = self.network(*told)
        return answer


ASKED: list[tuple[type[Encoder] | type[Scorer], Callable[[Any], Any]]] = [
    (Encoder, lambda one: (one.encode_queries(["list the lights"], 30) or [None])[0]),
    (Scorer, lambda one: one.score("list the lights", TEXTS, 30)),
]


@pytest.mark.parametrize(("kind", "ask"), ASKED)
def test_a_device_without_room_is_left_alone_and_tried_again_and_that_is_logged_once(
    model: Path,
    reranker: Path,
    kind: type[Encoder] | type[Scorer],
    ask: Callable[[Any], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batchers, "REST_S", 0.3)
    one = kind(model if kind is Encoder else reranker, "cpu")
    good = ask(one)
    full: Any = Full(one._placed.network)
    one._placed.network = full
    with capture_logs() as logs:
        assert [ask(one) for _ in range(3)] == [None] * 3
        assert (full.tried, one.rests) == (1, True)
        wait_until(lambda: not one.rests)
        assert ask(one) is None
        assert full.tried == 2
        full.full = False
        wait_until(lambda: not one.rests)
        assert ask(one) == pytest.approx(good)
        assert ask(one) == pytest.approx(good)
    assert [(line["log_level"], line["event"][:25]) for line in logs] == [
        ("error", "a model of search has fai"),
        ("warning", "a model of search answers"),
    ]
    one.close()


def test_a_text_whose_answer_is_no_number_has_none_and_costs_no_other_its_own(model: Path) -> None:
    encoder = Encoder(model, "cpu")
    with torch.no_grad():
        encoder._placed.network.words.weight[2 + WORDS.index("door")] = float("nan")
    began = encoder.begin(["lock the door", "list the light"])
    with pytest.raises(Unfit):
        began.answers.result(30)
    with pytest.raises(Unfit):
        encoder.encode(["lock the door"])
    assert encoder.encode_queries(["lock the door"], 30) is None
    assert encoder.encode_queries(["list the light"], 30) is not None
    assert not encoder.rests
    encoder.close()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here, and it is not gone")
@pytest.mark.parametrize(("kind", "ask"), ASKED)
def test_a_model_whose_gpu_is_gone_goes_on_on_the_cpu(
    model: Path,
    reranker: Path,
    kind: type[Encoder] | type[Scorer],
    ask: Callable[[Any], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batchers, "REST_S", 0.1)
    one = kind(model if kind is Encoder else reranker, "cpu")
    good = ask(one)
    one._placed.device = torch.device("cuda")
    one._batcher.tokens_max = 65_536
    with capture_logs() as logs:
        assert ask(one) is None
        wait_until(lambda: not one.rests)
        assert ask(one) == pytest.approx(good)
    assert [line["event"] for line in logs][:1] == ["a GPU is gone; search goes on on the CPU"]
    assert (one.device.type, one._batcher.tokens_max) == ("cpu", 256)
    one.close()


def wait_until(true: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not true():
        assert time.monotonic() < until
        time.sleep(0.02)
