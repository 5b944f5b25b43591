"""Fused ranking: by words and by meaning, put together by the places that each gives (reciprocal rank fusion).

A query with several wishes is ranked whole and wish by wish. Where the query's vector is late, the order is that of words alone,
and the answer says so. Tools whose vectors have not come yet are found by their words.
"""

from collections.abc import Callable, Sequence

import numpy as np
from msgspec import Struct, structs

from gateway.core.tool import Tool
from gateway.core.wishes import split_wishes
from gateway.rankers.base import Encoding, Filling, Mask, Part, Ranked, Ranking, Unfilled, Vector
from gateway.rankers.dense import DenseSegment, dense_segment, nearest
from gateway.rankers.lexical import Bm25, Segment

MEANING = "meaning"
CANDIDATES = 100
# Cormack, Clarke and Buettcher have 60 for lists of a thousand; of short lists the first places matter more.
K = 10.0


class FusedSegment(Struct, frozen=True, eq=False):
    """The same tools twice: by words, and by vectors in one segment or several, one after the other."""

    words: Segment
    vectors: tuple[DenseSegment, ...]


class Fused:
    """A Ranker by words and meaning. `made` is told of each new segment, whose vectors somebody else has to bring."""

    name = "fused"
    inline_tools_max = 0

    def __init__(self, encoder: Encoding, made: Callable[[Unfilled], None], deadline_s: float) -> None:
        self._lexical = Bm25()
        self._encoder = encoder
        self._made = made
        self._deadline_s = deadline_s

    def segment(self, tools: Sequence[Tool], api: str = "") -> FusedSegment:
        dense = dense_segment(tools, api, self._encoder.name, self._encoder.width)
        self._made(dense)
        return FusedSegment(self._lexical.segment(tools, api), (dense,))

    def merge(self, segments: Sequence[FusedSegment]) -> FusedSegment:
        words = self._lexical.merge([one.words for one in segments])
        return FusedSegment(words, tuple(dense for one in segments for dense in one.vectors))

    def filling(self, segment: FusedSegment) -> Filling:
        ready = sum(int(one.there.sum()) for one in segment.vectors)
        return Filling(ready, any(one.given_up for one in segment.vectors))

    def rank(self, query: str, limit: int, parts: Sequence[Part[FusedSegment]]) -> Ranking:
        if limit < 1:
            return Ranking()
        if not query.strip():
            return Ranking()
        queries = [query, *split_wishes(query)]
        vectors = self._encoder.encode_queries(queries, self._deadline_s)
        if vectors is None:
            return Ranking(self._by_words(query, limit, parts), (MEANING,))
        count = max(limit, CANDIDATES)
        whole, *wishes = (self._rank(one, vector, count, parts) for one, vector in zip(queries, vectors, strict=True))
        return Ranking(add_wishes(whole, wishes)[:limit])

    def _by_words(self, query: str, limit: int, parts: Sequence[Part[FusedSegment]]) -> tuple[Ranked, ...]:
        return self._lexical.rank(query, limit, [Part(part.segment.words, part.seen) for part in parts]).tools

    def _rank(self, query: str, vector: Vector, count: int, parts: Sequence[Part[FusedSegment]]) -> tuple[Ranked, ...]:
        by_meaning = nearest(vector, count, [piece for part in parts for piece in _pieces(part)])
        return put_together(self._by_words(query, count, parts), MEANING, by_meaning)


def add_wishes(whole: Sequence[Ranked], wishes: Sequence[Sequence[Ranked]]) -> tuple[Ranked, ...]:
    """The order of a query that has several wishes: what a tool scores for the whole of it, and for the wish that it fits best.
    Where it stands is told as the whole has it, or else that wish."""
    best: dict[str, Ranked] = {}
    for one in (each for wish in wishes for each in wish):
        if one.name not in best or one.score > best[one.name].score:
            best[one.name] = one
    known = {one.name: one for one in whole}
    scores = {name: sum(found[name].score for found in (known, best) if name in found) for name in {**known, **best}}
    names = sorted(scores, key=lambda name: (-scores[name], name))
    return tuple(structs.replace(known.get(name) or best[name], score=round(scores[name], 4)) for name in names)


def put_together(known: Sequence[Ranked], stage: str, ranking: Sequence[str]) -> tuple[Ranked, ...]:
    """The fused order of what is ranked already, and of what one more stage ranks."""
    by_name = {one.name: one for one in known}
    places = {name: place for place, name in enumerate(ranking, 1)}
    scores = fuse([[*by_name], ranking])
    told = []
    for name in sorted(scores, key=lambda name: (-scores[name], name)):
        before = by_name.get(name) or Ranked(name, 0.0)
        own = {stage: places[name]} if name in places else {}
        told.append(Ranked(name, round(scores[name], 4), before.matched, {**before.places, **own}))
    return tuple(told)


def fuse(rankings: Sequence[Sequence[str]], k: float = K) -> dict[str, float]:
    """The score of every name that some ranking has: the sum of 1 / (k + its place, from 1 on)."""
    scores: dict[str, float] = {}
    for ranking in rankings:
        for place, name in enumerate(ranking, 1):
            scores[name] = scores.get(name, 0.0) + 1 / (k + place)
    return scores


def _pieces(part: Part[FusedSegment]) -> list[tuple[DenseSegment, Mask | None]]:
    """The segments of vectors of a part, each with what of it is seen."""
    vectors = part.segment.vectors
    if part.seen is None:
        return [(one, None) for one in vectors]
    cuts = np.cumsum([len(one.names) for one in vectors])[:-1]
    return list(zip(vectors, np.split(part.seen, cuts), strict=True))
