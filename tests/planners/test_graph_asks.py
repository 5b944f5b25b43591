"""Which of several tools is meant is asked, and the answer decides it: two doors, each with a lock of its own."""

from typing import Any

import pytest

from gateway.core.catalog import build_catalog
from gateway.core.compile import compile_document
from gateway.core.manifest import Manifest
from gateway.core.planned import Asks, Choice, Planned, Ready, Told
from gateway.core.references import Documents
from gateway.planners.base import Sight, Wish
from gateway.planners.graph import GraphPlanner
from tests.planners.test_graph import NOW

pytestmark = pytest.mark.anyio

URI = "https://documents.example/house.json"
WISH = "lock the door"
DOORS = (Choice("lock_back", "Lock the back door"), Choice("lock_front", "Lock the front door"))
OTHERS = ("air", "beam", "call", "dim", "echo", "fan")


def _post(name: str, title: str) -> dict[str, Any]:
    return {"post": {"operationId": name, "summary": title, "responses": {"204": {"description": "done"}}}}


def _sight() -> Sight:
    """Both doors stand behind other tools, so that no search puts one of them before the other."""
    posts = {f"/{one}": _post(one, f"{one.title()} something") for one in OTHERS}
    posts |= {"/back": _post("lock_back", DOORS[0].label), "/front": _post("lock_front", DOORS[1].label)}
    tree = {"openapi": "3.1.0", "info": {"title": "House", "version": "1"}, "paths": posts}
    manifest = Manifest(name="house", base_url="https://house.example", prefix="")
    tools = build_catalog([compile_document(manifest, Documents(URI, {URI: tree}), "digest")]).tools

    async def search(*_: object) -> list[str]:
        return []

    return Sight(tools, search)


async def plan(*told: Told) -> Planned:
    return await GraphPlanner().plan(Wish(WISH, NOW, told=told), _sight())


async def test_which_tool_is_meant_is_asked_and_the_answer_decides_it() -> None:
    asks = await plan()
    assert isinstance(asks, Asks), asks
    assert set(asks.choices) == set(DOORS)
    for one in DOORS:
        planned = await plan(Told(asks.question, one.value))
        assert isinstance(planned, Ready), planned
        assert [step.tool for step in planned.plan.steps] == [one.value]


@pytest.mark.parametrize(
    "told", [Told("Which of these is meant by “lock the door”?", "air"), Told("Which?", "lock_back")]
)
async def test_an_answer_that_is_none_of_the_choices_or_to_something_else_decides_nothing(told: Told) -> None:
    assert isinstance(await plan(told), Asks)
