"""Lexical ranking: BM25 over stemmed words of a tool's name, title, description, path and arguments, and of its API's title.
Needs no model and no GPU. Knows words, not meanings.

Scores are worked out for each query, over the tools that its caller sees: how rare a word is and how long a text usually is
are theirs alone. An index of finished scores (bm25s) has them of everybody's tools, and is built anew with every tool.
"""

import re
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import nsmallest
from math import log1p
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import Stemmer

from gateway.core.tool import Tool
from gateway.rankers.base import Filling, Mask, Part, Ranked, Ranking

QUERY_CHARACTERS_MAX = 2_000
K1, B = 1.2, 0.75
# A word that is said again and again counts as often, and makes its text longer all the same: whoever repeats it loses by it.
REPEATS_MAX = 4

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_a-zA-Z]+")
_STOP_WORDS = frozenset(
    "a an and are as at be by for from in into is it of on or that the this to was which with "  # noqa: SIM905
    "i me my we our you your please can could would".split()
)

N = TypeVar("N", bound=np.generic)
Floats = npt.NDArray[np.float32]
Places = npt.NDArray[np.int32]
_NOWHERE = np.zeros(0, np.int32)
_NONE = np.zeros(0, np.float32)


class Segment:
    """Where each word stands: the places of the tools that have it, in order, and how often each has it."""

    def __init__(self, names: tuple[str, ...], lengths: Floats, postings: Mapping[str, tuple[Places, Floats]]) -> None:
        self.names = names
        self.lengths = lengths
        self._rows = {word: row for row, word in enumerate(postings)}
        self._starts = np.cumsum([0, *(len(places) for places, _ in postings.values())])
        self._places = np.concatenate([_NOWHERE, *(places for places, _ in postings.values())])
        self._counts = np.concatenate([_NONE, *(counts for _, counts in postings.values())])

    def postings(self) -> Iterator[tuple[str, tuple[Places, Floats]]]:
        for word in self._rows:
            yield word, self.find(word)

    def find(self, word: str, seen: Mask | None = None) -> tuple[Places, Floats]:
        """Where a word stands, as far as it is seen."""
        row = self._rows.get(word)
        if row is None:
            return _NOWHERE, _NONE
        span = slice(self._starts[row], self._starts[row + 1])
        places, counts = self._places[span], self._counts[span]
        if seen is None:
            return places, counts
        kept = seen[places]
        return places[kept], counts[kept]

    def have(self, word: str, places: Places) -> Mask:
        """Which of these places the word stands in."""
        standing, _ = self.find(word)
        at = np.searchsorted(standing, places)
        mask: Mask = np.append(standing, -1)[at] == places
        return mask


class Bm25:
    """A Ranker by words."""

    name = "lexical"
    inline_tools_max = 4_000

    def __init__(self) -> None:
        self._stem = Stemmer.Stemmer("english")

    def segment(self, tools: Sequence[Tool], api: str = "") -> Segment:
        return index_words([tool.name for tool in tools], (self.words(text_of(tool, api)) for tool in tools))

    def merge(self, segments: Sequence[Segment]) -> Segment:
        offsets = np.cumsum([0, *(len(one.names) for one in segments)], dtype=np.int32)
        found: dict[str, list[tuple[Places, Floats]]] = {}
        for offset, segment in zip(offsets, segments, strict=False):
            for word, (places, counts) in segment.postings():
                found.setdefault(word, []).append((places + offset, counts))
        return Segment(
            tuple(name for one in segments for name in one.names),
            np.concatenate([_NONE, *(one.lengths for one in segments)]),
            {word: (_join(one[0] for one in many), _join(one[1] for one in many)) for word, many in found.items()},
        )

    def filling(self, segment: Segment) -> Filling:
        return Filling(len(segment.names))

    def rank(self, query: str, limit: int, parts: Sequence[Part[Segment]]) -> Ranking:
        asked = sorted(set(self.words(query[:QUERY_CHARACTERS_MAX])))
        if not asked or limit < 1:
            return Ranking()
        scored = zip(parts, _score(asked, parts), strict=True)
        best = nsmallest(limit, (one for part, scores in scored for one in _best(part.segment, scores, limit)))
        return Ranking(
            tuple(
                Ranked(one.name, round(-one.cost, 4), matched, {self.name: place})
                for place, (one, matched) in enumerate(zip(best, _matched(asked, best), strict=True), 1)
            )
        )

    def words(self, text: str) -> list[str]:
        """The stems of the words of a text, in order; `homeListLights` has three."""
        words = [word.lower() for word in _WORD.findall(text)]
        return self._stem.stemWords([word for word in words if word not in _STOP_WORDS])  # type: ignore[no-any-return]


def index_words(names: Sequence[str], texts: Iterable[Sequence[str]], repeats_max: int = REPEATS_MAX) -> Segment:
    """The segment of tools whose words are these, of which each counts `repeats_max` times at most."""
    places: dict[str, array[int]] = {}
    counts: dict[str, array[float]] = {}
    lengths = array("f")
    for place, words in enumerate(texts):
        lengths.append(len(words))
        for word, count in Counter(words).items():
            places.setdefault(word, array("i")).append(place)
            counts.setdefault(word, array("f")).append(min(count, repeats_max))
    found = {word: (np.array(places[word], np.int32), np.array(counts[word], np.float32)) for word in places}
    return Segment(tuple(names), np.array(lengths, np.float32), found)


def _join(arrays: Iterable[npt.NDArray[N]]) -> npt.NDArray[N]:
    return np.concatenate([*arrays])


class _Candidate(NamedTuple):
    """Sorts the best first, and equals by name."""

    cost: float
    name: str
    place: int
    segment: Segment


def _matched(asked: Sequence[str], best: Sequence[_Candidate]) -> list[tuple[str, ...]]:
    """The words that each of these has."""
    segments = {id(one.segment): one.segment for one in best}
    matched: list[list[str]] = [[] for _ in best]
    for key, segment in segments.items():
        own = [number for number, one in enumerate(best) if id(one.segment) == key]
        places = np.array([best[number].place for number in own], np.int32)
        for word in asked:
            for number in np.flatnonzero(segment.have(word, places)):
                matched[own[number]].append(word)
    return [tuple(words) for words in matched]


def _score(asked: Sequence[str], parts: Sequence[Part[Segment]]) -> list[Floats]:
    """The score of each tool of each part; 0 for those that are not seen. BM25 as Lucene has it."""
    lengths = [part.segment.lengths if part.seen is None else part.segment.lengths[part.seen] for part in parts]
    count = sum(len(one) for one in lengths)
    usual = sum(float(one.sum()) for one in lengths) / max(count, 1)
    scores = [np.zeros(len(part.segment.names), np.float32) for part in parts]
    norms = [K1 * (1 - B + B * part.segment.lengths / max(usual, 1.0)) for part in parts]
    for word in asked:
        found = [part.segment.find(word, part.seen) for part in parts]
        having = sum(len(places) for places, _ in found)
        rarity = log1p((count - having + 0.5) / (having + 0.5))
        for score, norm, (places, counts) in zip(scores, norms, found, strict=True):
            score[places] += rarity * counts / (counts + norm[places])
    return scores


def _best(segment: Segment, scores: Floats, limit: int) -> Iterator[_Candidate]:
    """The `limit` best of a segment, and those that equal the last of them."""
    least = float(np.partition(scores, -limit)[-limit]) if len(scores) > limit else 0.0
    for place in np.flatnonzero(scores >= least if least > 0 else scores > 0):
        yield _Candidate(-float(scores[place]), segment.names[place], int(place), segment)


def text_of(tool: Tool, api: str = "") -> str:
    """The words a tool is found by: those of its API, too; those of its name and title count twice."""
    operation = tool.operation
    arguments = [parameter.argument for parameter in operation.parameters]
    arguments += [field.argument for field in operation.body.fields] if operation.body else []
    head = f"{tool.name} {tool.title}"
    return " ".join([api, head, head, tool.description, operation.path, *tool.tags, *arguments])
