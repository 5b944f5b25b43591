"""Reranking: a model that has read the candidates has a say in their order, and is not waited for longer than said."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from gateway.core.tool import Tool
from gateway.rankers.base import Part, Ranking
from gateway.rankers.lexical import Bm25
from gateway.rankers.reranked import Reranked
from tests.rankers.test_ranker_contract import HOUSE


class Shortest:
    """Scores for want of a model: the shortest text fits best. Remembers what it read."""

    name = "shortest"

    def __init__(self, *, late: bool = False) -> None:
        self.late = late
        self.read: list[str] = []

    def score(self, query: str, texts: Sequence[str], deadline_s: float) -> Sequence[float] | None:
        self.read += texts
        return None if self.late else [-float(len(text)) for text in texts]

    def close(self) -> None:
        pass


def search(scoring: Shortest, tools: Sequence[Tool], query: str, limit: int, candidates: int = 20) -> Ranking:
    ranker: Reranked[Any] = Reranked(Bm25(), scoring, candidates, 2.0, 1.0)
    return ranker.rank(query, limit, [Part(ranker.segment(tools, "Home"))])


def test_what_the_model_says_has_its_votes_and_each_place_is_told() -> None:
    query = "lock the front door light"
    known = {one.name: one.score for one in Bm25().rank(query, 9, [Part(Bm25().segment(HOUSE, "Home"))]).tools}
    found = search(Shortest(), HOUSE, query, 3)
    for one in found.tools:
        assert set(one.places) == {"lexical", "reranked"}
        assert one.score == pytest.approx(known[one.name] + 2 / (10 + one.places["reranked"]), abs=1e-4)
    assert [one.score for one in found.tools] == sorted((one.score for one in found.tools), reverse=True)
    assert found.late == ()


def test_a_model_that_is_late_is_told_of_and_leaves_the_order_as_it_was() -> None:
    found = search(Shortest(late=True), HOUSE, "lock the front door light", 3)
    by_words = Bm25().rank("lock the front door light", 3, [Part(Bm25().segment(HOUSE, "Home"))])
    assert found.tools == by_words.tools
    assert found.late == ("reranked",)


def test_it_reads_the_candidates_alone_and_nothing_for_nothing() -> None:
    scoring = Shortest()
    assert len(search(scoring, HOUSE, "lights door message lamp", 4, candidates=2).tools) == 4
    assert len(scoring.read) == 2
    assert search(scoring, HOUSE, "zzzz", 4) == Ranking()
    assert len(scoring.read) == 2


def test_of_two_tools_of_one_name_it_reads_the_one_that_is_seen() -> None:
    scoring = Shortest()
    ranker: Reranked[Any] = Reranked(Bm25(), scoring, 5, 2.0, 1.0)
    one, other = (ranker.segment(HOUSE[:1], api) for api in ("Mine", "Theirs"))
    parts = [Part(one, np.array([False])), Part(other, np.array([True]))]
    found = ranker.rank(HOUSE[0].name, 5, parts)
    assert [one.name for one in found.tools] == [HOUSE[0].name]
    assert [text.split(":")[0] for text in scoring.read] == ["Theirs"]
    merged = Part(ranker.merge([one, other]), np.array([True, False]))
    scoring.read.clear()
    ranker.rank(HOUSE[0].name, 5, [merged])
    assert [text.split(":")[0] for text in scoring.read] == ["Mine"]
