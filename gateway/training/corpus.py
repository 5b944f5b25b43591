"""What models of search are trained with and measured by: tools, queries with the tools that answer them, and operations of real
documents without queries. Knows the files; knows no model.

A corpus is a folder with `tools.jsonl.gz`, `queries.jsonl.gz` and `operations.jsonl.gz`. What a model is measured by is told apart
from what it is trained with by whole sources and whole vendors: on queries held out at random a model seems to gain ten times
what it does where it is a stranger.
"""

import gzip
from collections.abc import Callable, Iterator, Sequence, Set
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
from msgspec import Struct

from gateway.core.tool_text import tell_tool
from gateway.errors import BadRequest
from gateway.rankers.base import Matrix, Part
from gateway.rankers.fused import fuse
from gateway.rankers.lexical import Bm25, index_words

# Every one of these is measured alone; no model here has seen any of them.
HELD_SOURCES = frozenset({"bfcl-live", "bfcl-nonlive", "nestful-glaive", "nestful-sgd"})
# Of the vendors, one in so many is held out, with all that is asked of it.
HELD_VENDORS_EVERY = 4

T = TypeVar("T")


class Entry(Struct, frozen=True):
    """A tool: `group` is the API it is of, `text` what a model reads of it, `words` what it is found by; the rest as its document
    has it, with the names of its arguments."""

    id: str
    group: str
    text: str
    words: str
    api: str
    name: str
    method: str
    path: str
    summary: str
    description: str
    arguments: tuple[str, ...]


class Query(Struct, frozen=True):
    """A wish, and the ids of the tools that it needs."""

    source: str
    text: str
    relevant: tuple[str, ...]


class Pair(Struct, frozen=True):
    """What an operation is for, in its own document's words, and a text of it that lacks them."""

    group: str
    query: str
    text: str


class Corpus(Struct, frozen=True):
    """Tools by key, queries, and pairs made of operations."""

    tools: dict[str, Entry]
    queries: tuple[Query, ...]
    pairs: tuple[Pair, ...]


def read_corpus(folder: Path) -> Corpus:
    """Raises BadRequest where a file is not there or holds something else."""
    try:
        tools = {row.id: _entry(row) for row in _rows(folder / "tools.jsonl.gz", _Tool)}
        queries = tuple(
            Query(row.source, row.query, tuple(row.relevant)) for row in _rows(folder / "queries.jsonl.gz", _Query)
        )
        pairs = tuple(_pairs(_rows(folder / "operations.jsonl.gz", _Operation)))
    except (OSError, EOFError, msgspec.MsgspecError) as error:
        raise BadRequest(f"{folder} holds no corpus that can be read: {error}") from error
    return Corpus(tools, tuple(one for one in queries if all(key in tools for key in one.relevant)), pairs)


def is_held(query: Query, sources: Set[str] = HELD_SOURCES) -> bool:
    """Whether a query is for measuring alone."""
    return query.source in sources or any(_is_held_group(_vendor(key)) for key in query.relevant)


def split(corpus: Corpus, held_sources: Set[str] = HELD_SOURCES) -> tuple[Corpus, Corpus]:
    """What to train with, and what to measure by. The second has the tools of the sources of its queries alone."""
    held = tuple(one for one in corpus.queries if is_held(one, held_sources))
    sources = {_source(key) for one in held for key in one.relevant}
    measured = {
        key: tool
        for key, tool in corpus.tools.items()
        if _source(key) in sources and (not _vendor(key) or _is_held_group(_vendor(key)))
    }
    trained = {key: tool for key, tool in corpus.tools.items() if key not in measured}
    taught = tuple(
        one for one in corpus.queries if not is_held(one, held_sources) and all(key in trained for key in one.relevant)
    )
    pairs = tuple(one for one in corpus.pairs if not _is_held_group(one.group))
    return Corpus(trained, taught, pairs), Corpus(measured, held, ())


def _is_held_group(vendor: str) -> bool:
    return bool(vendor) and sha256(vendor.encode()).digest()[0] % HELD_VENDORS_EVERY == 0


def _source(key: str) -> str:
    return key.split(":", 1)[0]


def _vendor(key: str) -> str:
    """Of an operation of a real document; empty for other tools."""
    source, _, rest = key.partition(":")
    return rest.split(":", 1)[0] if source == "oas" else ""


class _Tool(Struct):
    id: str
    api: str
    name: str
    method: str
    path: str
    summary: str
    description: str
    params: list[dict[str, Any]]


class _Query(Struct):
    source: str
    query: str
    relevant: list[str]


class _Operation(Struct):
    vendor: str
    api: str
    name: str
    path: str
    summary: str
    description: str
    params: list[list[str]]


def _rows(path: Path, kind: type[T]) -> Iterator[T]:
    decoder = msgspec.json.Decoder(kind)
    with gzip.open(path) as lines:
        for line in lines:
            yield decoder.decode(line)


def _entry(row: _Tool) -> Entry:
    arguments = tuple(str(one.get("name", "")) for one in row.params)
    head = f"{row.name} {row.summary}"
    return Entry(
        row.id,
        f"{_source(row.id)}:{_vendor(row.id) or row.api}",
        tell_tool(row.api, row.name, row.summary, row.description, arguments),
        " ".join([row.api, head, head, row.description, row.path, *arguments]),
        *(row.api, row.name, row.method, row.path, row.summary, row.description, arguments),
    )


def _pairs(rows: Iterator[_Operation]) -> Iterator[Pair]:
    for row in rows:
        summary = row.summary.strip()
        if len(summary.split()) < 3 or summary.lower() == row.name.lower():
            continue
        said = "" if row.description.startswith(summary) else row.description
        arguments = [one[0] for one in row.params if one]
        yield Pair(row.vendor, summary, tell_tool(row.api, row.name, "", said, arguments))


def rivals_of(
    corpus: Corpus, first: int, last: int, encode: Callable[[Sequence[str]], Matrix] | None = None
) -> list[list[Entry]]:
    """For each query, the tools at these places (from 0 on) of the order by words, without those that are right; of the fused order
    where there is an encoder."""
    tools = [*corpus.tools.values()]
    names = [one.id for one in tools]
    lexical = Bm25()
    parts = [Part(index_words(names, [lexical.words(one.words) for one in tools]))]
    orders = [[one.name for one in lexical.rank(query.text, last, parts).tools] for query in corpus.queries]
    if encode is not None:
        vectors, queries = encode([one.text for one in tools]), encode([one.text for one in corpus.queries])
        for place, order in enumerate(orders):
            near = np.argsort(-(vectors @ queries[place]), kind="stable")[:last]
            scores = fuse([order, [names[at] for at in near]])
            orders[place] = sorted(scores, key=lambda name: (-scores[name], name))[:last]
    return [
        [corpus.tools[name] for name in order[first:] if name not in query.relevant]
        for query, order in zip(corpus.queries, orders, strict=True)
    ]
