"""What is filled because it is likely, where no rule is plain: only ever sure enough for a read."""

from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec import structs

from gateway.core.entities import read_entities
from gateway.core.fill import SURE_TO_WRITE, fill_arguments
from gateway.core.plan import Literal, Slot, Span
from gateway.core.planned import Planned, Ready
from gateway.core.propose import Ground
from gateway.core.tool import Effect, Tool
from gateway.core.wanted import wanted_of
from gateway.core.weigh import Facts, settle, weigh
from gateway.planners.base import Sight, Wish
from gateway.planners.graph import GraphPlanner
from tests.core.test_compile import tool_of

NOW = datetime(2026, 3, 4, 10, 0, tzinfo=UTC)
Shapes = dict[str, dict[str, Any]]


def tool_with(title: str, shapes: Shapes, optional: tuple[str, ...] = ()) -> Tool:
    """A read."""
    schema = {"type": "object", "properties": shapes, "required": [one for one in shapes if one not in optional]}
    content = {"application/json": {"schema": schema}}
    told = {
        "operationId": "it",
        "summary": title,
        "requestBody": {"required": True, "content": content},
        "responses": {},
    }
    return structs.replace(tool_of(told), effect="read")


def filled(tool: Tool, text: str) -> dict[str, Any]:
    told = fill_arguments(tool, text, Span(0, len(text)), read_entities(text, NOW, "en"), least_sure=0.0)
    return {name: one.value if isinstance(one, Literal) else "ask" for name, one in told.arguments.items()}


NUMBER, TEXT = {"type": "number"}, {"type": "string"}
TRIANGLE = {
    "base": {**NUMBER, "description": "The base of the triangle."},
    "height": {**NUMBER, "description": "The height of the triangle."},
}
ROUTE = {
    "origin": {**TEXT, "description": "Where the journey starts."},
    "destination": {**TEXT, "description": "Where the journey ends."},
}


@pytest.mark.parametrize(
    ("title", "shapes", "text", "expected"),
    [
        ("Area of a triangle", TRIANGLE, "What is the area of a triangle with a height of 5 and a base of 10?",
         {"base": 10, "height": 5}),
        ("Directions", ROUTE, "Get directions from Sydney to Melbourne", {"origin": "Sydney", "destination": "Melbourne"}),
        ("Solve an equation", {"a": NUMBER, "b": NUMBER}, "Find the root of ax + b with a=2, b=-3", {"a": 2, "b": -3}),
        ("Mean of numbers", {"numbers": {"type": "array", "items": NUMBER}}, "What is the mean of 2, 4.5 and 6?",
         {"numbers": [2, 4.5, 6]}),
        ("Find providers", {"service": {"type": "integer", "description": "The service: 1 for cleaning, 2 for ironing."}},
         "Find somebody for ironing", {"service": 2}),
        ("Weather", {"city": TEXT}, "What is the weather in New York", {"city": "New York"}),
    ],
)  # fmt: skip
def test_a_read_takes_what_is_likely(title: str, shapes: Shapes, text: str, expected: dict[str, Any]) -> None:
    assert filled(tool_with(title, shapes), text) == expected


def test_a_write_asks_what_is_only_likely() -> None:
    tool = structs.replace(tool_with("Buy a ticket", ROUTE), effect="write")
    text = "Buy a ticket: Sydney, Melbourne"
    told = fill_arguments(tool, text, Span(0, len(text)), read_entities(text, NOW, "en"))
    assert all(isinstance(one, Slot) for one in told.arguments.values())
    assert all(sure < SURE_TO_WRITE for sure in told.sure.values())


def test_no_words_are_given_to_two_arguments() -> None:
    text = "Compare Apple and Samsung"
    shapes = {
        "company1": {**TEXT, "description": "The first company."},
        "company2": {**TEXT, "description": "The second company."},
    }
    tool = tool_with("Compare two companies", shapes)
    every, ground = wanted_of(tool), Ground(text, Span(0, len(text)), read_entities(text, NOW, "en"))
    settled = settle([weigh(Facts(one, every, tool), ground) for one in every])
    spans = sorted((one.proposal.span.start, one.proposal.span.end) for one in settled)
    assert len(spans) == 2
    assert spans[0][1] <= spans[1][0]


def test_what_is_denied_is_the_other_answer() -> None:
    tool = tool_with(
        "List people",
        {"include_tools": {"type": "boolean", "description": "Whether they are to be listed."}},
        ("include_tools",),
    )
    text = "List the people, I do not need their tools"
    assert filled(tool, text) == {"include_tools": False}


def test_a_day_is_written_as_the_description_says() -> None:
    tool = tool_with("Trains", {"day": {**TEXT, "description": "The day of the journey, as MM/DD/YYYY."}})
    assert filled(tool, "Trains on 14 April 2026") == {"day": "04/14/2026"}


def test_a_day_and_its_time_go_to_two_arguments() -> None:
    shapes = {
        "show_date": {**TEXT, "description": "The day of the show (YYYY-MM-DD)."},
        "show_time": {**TEXT, "description": "When it starts (HH:MM)."},
    }
    told = filled(tool_with("Find shows", shapes), "Find shows on 2026-06-15 at 14:00")
    assert told == {"show_date": "2026-06-15", "show_time": "14:00"}


async def plan(tool: Tool, text: str) -> Planned:
    async def search(told: str, limit: int, effects: frozenset[Effect]) -> list[str]:
        return [tool.name]

    return await GraphPlanner().plan(Wish(text, NOW), Sight({tool.name: tool}, search))


@pytest.mark.anyio
async def test_a_read_that_has_all_it_needs_passes_over_a_few_words() -> None:
    tool = tool_with("Calculate the area of a triangle", TRIANGLE)
    planned = await plan(tool, "What is the area of a triangle with a base of 10 units and a height of 5 units?")
    assert isinstance(planned, Ready)
    (step,) = planned.plan.steps
    values = {name: one.value for name, one in step.arguments.items() if isinstance(one, Literal)}
    assert values == {"base": 10, "height": 5}


@pytest.mark.anyio
async def test_a_read_that_would_pass_over_most_words_is_none() -> None:
    tool = tool_with("Calculate the area of a triangle", TRIANGLE)
    planned = await plan(
        tool, "Which area of Berlin has the best schools for a pupil of 10 years with a dog of 5 years?"
    )
    assert not isinstance(planned, Ready)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("title", "shapes", "text", "expected"),
    [
        (
            "Find the factorial of a number",
            {"number": {"type": "integer"}},
            "Find the factorial of 5, 10 and 15",
            [5, 10, 15],
        ),
        ("Get the weather of a city", {"city": TEXT}, "What is the weather in Berlin and Rome?", ["Berlin", "Rome"]),
        ("Get the weather of a city", {"city": TEXT}, "What is the weather in Berlin?", ["Berlin"]),
    ],
)
async def test_a_read_is_made_for_each_value_of_a_row(
    title: str, shapes: Shapes, text: str, expected: list[Any]
) -> None:
    planned = await plan(tool_with(title, shapes), text)
    assert isinstance(planned, Ready)
    told = [one.value for step in planned.plan.steps for one in step.arguments.values() if isinstance(one, Literal)]
    assert told == expected
