"""Fused ranking: by words and by meaning, put together by the places that each gives (reciprocal rank fusion).

A query with several wishes is ranked whole and wish by wish. Where the query's vector is late, the order is that of words alone,
and the answer says so. Tools whose vectors have not come yet are found by their words.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from hashlib import sha256

from msgspec import Struct, structs

from gateway.core.tool import Tool
from gateway.core.wishes import split_wishes
from gateway.rankers.base import Encoding, Filling, Part, Ranked, Ranking, Unfilled, Vector
from gateway.rankers.dense import DenseSegment, Missing, dense_segment, merge_dense, nearest
from gateway.rankers.lexical import QUERY_CHARACTERS_MAX, Bm25, Segment
from gateway.rankers.vector_table import VectorTable

MEANING = "meaning"
CANDIDATES = 100
QUERIES_KEPT_MAX = 1_000
# Cormack, Clarke and Buettcher have 60 for lists of a thousand; of short lists the first places matter more.
K = 10.0


class FusedSegment(Struct, frozen=True, eq=False):
    """The same tools twice: by words and by vectors. `missing` is what they are still without."""

    words: Segment
    vectors: DenseSegment
    missing: tuple[Missing, ...]


class Fused:
    """A Ranker by words and meaning. `made` is told of each new segment, whose vectors somebody else has to bring."""

    name = "fused"
    inline_tools_max = 0

    def __init__(self, encoder: Encoding, made: Callable[[Unfilled], None], deadline_s: float) -> None:
        self._lexical = Bm25()
        self._encoder = encoder
        self._table = VectorTable(encoder.width)
        self._known = _KnownQueries()
        self._made = made
        self._deadline_s = deadline_s

    def segment(self, tools: Sequence[Tool], api: str = "") -> FusedSegment:
        dense, missing = dense_segment(tools, api, self._encoder.name, self._table)
        self._made(missing)
        return FusedSegment(self._lexical.segment(tools, api), dense, (missing,))

    def merge(self, segments: Sequence[FusedSegment]) -> FusedSegment:
        words = self._lexical.merge([one.words for one in segments])
        dense = merge_dense([one.vectors for one in segments], self._table)
        return FusedSegment(words, dense, tuple(missing for one in segments for missing in one.missing))

    def filling(self, segment: FusedSegment) -> Filling:
        return Filling(segment.vectors.ready(), any(one.given_up for one in segment.missing))

    def rank(self, query: str, limit: int, parts: Sequence[Part[FusedSegment]]) -> Ranking:
        if limit < 1:
            return Ranking()
        query = query[:QUERY_CHARACTERS_MAX]
        if not query.strip():
            return Ranking()
        queries = [query, *split_wishes(query)]
        vectors = self._vectors_of(queries)
        if vectors is None:
            return Ranking(self._by_words(query, limit, parts), (MEANING,))
        count = max(limit, CANDIDATES)
        whole, *wishes = (self._rank(one, vector, count, parts) for one, vector in zip(queries, vectors, strict=True))
        return Ranking(add_wishes(whole, wishes)[:limit])

    def _by_words(self, query: str, limit: int, parts: Sequence[Part[FusedSegment]]) -> tuple[Ranked, ...]:
        return self._lexical.rank(query, limit, [Part(part.segment.words, part.seen) for part in parts]).tools

    def _rank(self, query: str, vector: Vector, count: int, parts: Sequence[Part[FusedSegment]]) -> tuple[Ranked, ...]:
        by_meaning = nearest(vector, count, [(part.segment.vectors, part.seen) for part in parts])
        return put_together(self._by_words(query, count, parts), MEANING, by_meaning)

    def _vectors_of(self, queries: Sequence[str]) -> list[Vector] | None:
        """A vector for each; None where they are late."""
        known = {query: vector for query in queries if (vector := self._known.get(query)) is not None}
        new = [query for query in queries if query not in known]
        told = self._encoder.encode_queries(new, self._deadline_s) if new else ()
        if told is None:
            return None
        for query, vector in zip(new, told, strict=True):
            known[query] = vector
            self._known.put(query, vector)
        return [known[query] for query in queries]


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


class _KnownQueries:
    """The vectors of the queries that were asked last. May be used from any thread."""

    def __init__(self) -> None:
        self._alone = threading.Lock()
        self._vectors: OrderedDict[bytes, Vector] = OrderedDict()

    def get(self, query: str) -> Vector | None:
        key = _digest(query)
        with self._alone:
            if key in self._vectors:
                self._vectors.move_to_end(key)
            return self._vectors.get(key)

    def put(self, query: str, vector: Vector) -> None:
        with self._alone:
            self._vectors[_digest(query)] = vector
            if len(self._vectors) > QUERIES_KEPT_MAX:
                self._vectors.popitem(last=False)


def _digest(query: str) -> bytes:
    return sha256(query.encode("utf-8", "replace")).digest()
