"""What a gateway's own log and catalog give a head to learn from: lessons, as vectors and places. Knows the store and a model;
teaches nothing."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import numpy as np

from gateway.core.audit import AuditEntry
from gateway.core.catalog import Catalog, Connector
from gateway.core.lesson import Lesson, lessons_of
from gateway.core.tool_text import text_of_tool
from gateway.rankers.base import Encoding, Matrix, Part
from gateway.rankers.lexical import Bm25
from gateway.stores.base import AuditFilter, AuditStore
from gateway.training.head import DEPTH, Taught

LINES_AT_ONCE = 1_000
TEXTS_AT_ONCE = 64
TOOLS_MAX = 20_000


async def read_lessons(store: AuditStore, tenant: str) -> list[Lesson]:
    """Those of one tenant's log, oldest first."""
    return lessons_of([line async for line in _lines(store, tenant)])


async def _lines(store: AuditStore, tenant: str) -> AsyncIterator[AuditEntry]:
    after = 0
    while lines := await store.read_audit(AuditFilter(tenant, after, LINES_AT_ONCE)):
        for line in lines:
            yield line
        after = lines[-1].sequence


async def prepare(lessons: Sequence[Lesson], catalog: Catalog, encoder: Encoding) -> Taught:
    """Lessons of tools that are still there, beside the tools of a catalog: those of the connectors that the lessons are of, and of
    others as far as TOOLS_MAX. Raises Unanswered where the model does not answer."""
    named = {one.connector for one in lessons}
    connectors = sorted(catalog.connectors.values(), key=lambda one: (one.name not in named, one.name))
    tools = [(one, tool) for one in connectors for tool in one.tools][:TOOLS_MAX]
    places = {tool.name: place for place, (_, tool) in enumerate(tools)}
    kept = [one for one in lessons if one.tool in places]
    texts = [text_of_tool(tool, _title(one)) for one, tool in tools]
    lexical = Bm25()
    segments = [Part(lexical.segment(one.tools, _title(one))) for one in connectors]
    return Taught(
        queries=await _encode(encoder, [one.query for one in kept]),
        right=[places[one.tool] for one in kept],
        by_words=[
            [places[found.name] for found in lexical.rank(one.query, DEPTH, segments).tools if found.name in places]
            for one in kept
        ],
        tools=await _encode(encoder, texts),
        connectors=[one.name for one, _ in tools],
    )


def join(taught: Sequence[Taught]) -> Taught:
    """What several tenants teach, in one: each with the tools that it sees."""
    starts = np.cumsum([0, *(len(one.tools) for one in taught)])
    return Taught(
        queries=np.concatenate([one.queries for one in taught]),
        right=[int(start) + place for start, one in zip(starts, taught, strict=False) for place in one.right],
        by_words=[
            [int(start) + place for place in order]
            for start, one in zip(starts, taught, strict=False)
            for order in one.by_words
        ],
        tools=np.concatenate([one.tools for one in taught]),
        connectors=[name for one in taught for name in one.connectors],
    )


def _title(connector: Connector) -> str:
    return connector.title or connector.name


async def _encode(encoder: Encoding, texts: Sequence[str]) -> Matrix:
    """[texts, width]."""
    order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
    told = np.zeros((len(texts), encoder.width), np.float32)
    for start in range(0, len(order), TEXTS_AT_ONCE):
        chunk = order[start : start + TEXTS_AT_ONCE]
        told[chunk] = await asyncio.to_thread(encoder.encode, [texts[place] for place in chunk])
    return told
