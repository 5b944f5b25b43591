"""What is indexed of the catalog: the same answers as if all were indexed anew, at the price of what changed."""

import random
from collections.abc import Sequence

import pytest

from gateway.core.catalog import Connector
from gateway.core.manifest import Manifest
from gateway.core.tool import Tool
from gateway.rankers.base import Part
from gateway.rankers.lexical import Bm25, Segment
from gateway.tool_index import SEGMENTS_MAX, ToolIndex
from tests.rankers.test_ranker_contract import tool

pytestmark = pytest.mark.anyio

WORDS = ["light", "lamp", "door", "lock", "room", "list", "set", "turn", "open", "close", "window", "heat"]


class Counting(Bm25):
    """Says how many tools it had to index."""

    indexed = 0

    def segment(self, tools: Sequence[Tool], api: str = "") -> Segment:
        self.indexed += len(tools)
        return super().segment(tools, api)


def connector(number: int, chance: random.Random, tools: int = 5) -> Connector:
    name = f"c{number:02}"
    made = [
        tool(f"{name}_{at}", " ".join(chance.choices(WORDS, k=4)), " ".join(chance.choices(WORDS, k=6)))
        for at in range(tools)
    ]
    return Connector(Manifest(name), digest=name, tools=tuple(made))


def seen_of(connectors: Sequence[Connector]) -> dict[str, Tool]:
    return {one.name: one for each in connectors for one in each.tools}


def anew(connectors: Sequence[Connector], seen: dict[str, Tool], query: str) -> list[tuple[str, float]]:
    ranker = Bm25()
    tools = [one for each in connectors for one in each.tools if seen.get(one.name) is one]
    return [(one.name, one.score) for one in ranker.rank(query, 20, [Part(ranker.segment(tools))]).tools]


async def ask(
    index: ToolIndex[Segment], connectors: Sequence[Connector], seen: dict[str, Tool], query: str
) -> list[tuple[str, float]]:
    parts = await index.parts(connectors, seen)
    return [(one.name, one.score) for one in (await index.rank(query, 20, parts, len(seen))).tools]


@pytest.mark.parametrize("count", [1, SEGMENTS_MAX, 3 * SEGMENTS_MAX])
async def test_connectors_come_change_and_go_and_answers_are_those_of_an_index_made_anew(count: int) -> None:
    chance, ranker = random.Random(count), Counting()
    index = ToolIndex(ranker)
    connectors = [connector(number, chance) for number in range(count)]
    for turn in range(12):
        match turn % 3:
            case 0:
                connectors.append(connector(100 + turn, chance))
            case 1:
                connectors[chance.randrange(len(connectors))] = connector(200 + turn, chance)
            case 2 if len(connectors) > 1:
                del connectors[chance.randrange(len(connectors))]
        everything = seen_of(connectors)
        some = {name: one for name, one in everything.items() if chance.random() < 0.6}
        for seen in (everything, some):
            query = " ".join(chance.choices(WORDS, k=3))
            assert await ask(index, connectors, seen, query) == anew(connectors, seen, query)
    assert ranker.indexed == 5 * (count + 8), "each connector once, as it came"


async def test_what_one_tenant_has_never_shows_in_what_another_finds() -> None:
    chance, index = random.Random(5), ToolIndex(Bm25())
    shared = [connector(number, chance) for number in range(SEGMENTS_MAX)]
    for number in range(30, 50):
        own = [*shared, connector(number, chance)]
        seen = seen_of(own)
        assert await ask(index, own, seen, "light door") == anew(own, seen, "light door")
    assert await ask(index, shared, seen_of(shared), "light door") == anew(shared, seen_of(shared), "light door")


async def test_a_connector_that_cannot_be_indexed_stops_no_other() -> None:
    class Broken(Bm25):
        def segment(self, tools: Sequence[Tool], api: str = "") -> Segment:
            if tools[0].name.startswith("c01"):
                raise ValueError("a text that no ranker takes")
            return super().segment(tools, api)

    chance, index = random.Random(1), ToolIndex(Broken())
    connectors = [connector(number, chance) for number in range(3)]
    await index.index(connectors)
    rest = [connectors[0], connectors[2]]
    assert await ask(index, rest, seen_of(rest), "light") == anew(rest, seen_of(rest), "light")
