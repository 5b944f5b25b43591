"""Lexical ranking: BM25 over stemmed words of a tool's name, title, description, path and arguments (bm25s).
Needs no model and no GPU. Knows words, not meanings."""

import re
from collections.abc import Sequence

import bm25s
import numpy as np
import Stemmer

from gateway.core.tool import Tool
from gateway.rankers.base import Ranked, Ranker

QUERY_CHARACTERS_MAX = 2_000

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_a-zA-Z]+")
_STOP_WORDS = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "by",
        "for",
        "from",
        "in",
        "into",
        "is",
        "it",
        "of",
        "on",
        "or",
        "that",
        "the",
        "this",
        "to",
        "was",
        "which",
        "with",
        "i",
        "me",
        "my",
        "we",
        "our",
        "you",
        "your",
        "please",
        "can",
        "could",
        "would",
    ]
)


class LexicalRankers:
    """Builds a BM25 index for each set of tools."""

    name = "lexical"

    def build(self, tools: Sequence[Tool]) -> Ranker:
        return _LexicalRanker(tools)


class _LexicalRanker:
    def __init__(self, tools: Sequence[Tool]) -> None:
        self._stem = Stemmer.Stemmer("english")
        ordered = sorted(tools, key=lambda tool: tool.name)
        self._names = [tool.name for tool in ordered]
        texts = [self._tokens(_text(tool)) for tool in ordered]
        self._words = [frozenset(words) for words in texts]
        self._vocabulary: frozenset[str] = frozenset().union(*self._words)
        self._index = bm25s.BM25(method="lucene", k1=1.2, b=0.75)
        if ordered:
            self._index.index(texts, show_progress=False)

    def rank(self, query: str, limit: int) -> Sequence[Ranked]:
        asked = self._vocabulary.intersection(self._tokens(query[:QUERY_CHARACTERS_MAX]))
        if not asked or limit < 1:
            return ()
        scores = self._index.get_scores(sorted(asked))
        best = np.argsort(-scores, kind="stable")[:limit]
        return tuple(
            Ranked(self._names[i], round(float(scores[i]), 4), tuple(sorted(asked.intersection(self._words[i]))))
            for i in best
            if scores[i] > 0
        )

    def _tokens(self, text: str) -> list[str]:
        words = [word.lower() for word in _WORD.findall(text)]
        return self._stem.stemWords([word for word in words if word not in _STOP_WORDS])  # type: ignore[no-any-return]


def _text(tool: Tool) -> str:
    """The words a tool is found by; those of its name and title count twice."""
    operation = tool.operation
    arguments = [parameter.argument for parameter in operation.parameters]
    arguments += [field.argument for field in operation.body.fields] if operation.body else []
    head = f"{tool.name} {tool.title}"
    return " ".join([head, head, tool.description, operation.path, *tool.tags, *arguments])
