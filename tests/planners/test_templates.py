"""Wishes that the grocer's own sentence knows, before the household: what is ordered, and what is asked or refused."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec import structs

from gateway.core.plan import Literal, Ref, Slot, leaves
from gateway.core.planned import Asks, Impossible, Ready
from tests.planners.test_graph import Asking, asking, told

pytestmark = pytest.mark.anyio

DINNER = "order the ingredients for Saturday's dinner from the calendar"
REST = [
    ("groceries_create_order", {"deliver_on": "?"}),
    ("groceries_pay_order", {"method": "?"}),
]


@pytest.fixture
async def ask(anyio_backend: str, tmp_path: Path) -> AsyncIterator[Asking]:
    async with asking(tmp_path) as one:
        yield one


def put(sku: str, quantity: int | str) -> tuple[str, dict[str, object]]:
    return ("groceries_put_basket_item", {"sku": sku, "quantity": quantity})


@pytest.mark.parametrize(
    ("wish", "basket"),
    [
        ("order eggs", [put("eggs", 1)]),
        ("Please order eggs and two bottles of milk.", [put("eggs", 1), put("milk", 2)]),
        ("buy 3 kg of potatoes and 750 g of spaghetti", [put("potatoes", 2), put("spaghetti", 2)]),
        ("Could you order eggs?", [put("eggs", 1)]),
        ("order 12 eggs", [put("eggs", "?")]),
        ("order wine", [put("?", "?")]),
        (
            DINNER,
            [
                put("spaghetti", 1), put("tomatoes", 6), put("basil", 1), put("parmesan", 1), put("garlic", 1),
                put("red-wine", 2),
            ],
        ),
    ],
)  # fmt: skip
async def test_what_is_named_is_put_into_the_basket_and_ordered(
    ask: Asking, wish: str, basket: list[tuple[str, dict[str, object]]]
) -> None:
    planned = await ask(wish)
    assert isinstance(planned, Ready), planned
    assert told(planned.plan) == [*basket, *REST]
    pay = planned.plan.steps[-1].arguments
    assert (pay["order_id"], pay["amount"]) == (Ref("s1-order", "/id"), Ref("s1-order", "/total"))


async def test_what_the_person_said_has_its_place_and_what_another_service_said_has_none(ask: Asking) -> None:
    said, read = await ask("order eggs"), await ask(DINNER)
    assert isinstance(said, Ready)
    assert isinstance(read, Ready)
    spans = [leaf.span for plan in (said.plan, read.plan) for step in plan.steps for _, leaf in leaves(step.arguments)
             if isinstance(leaf, Literal)]  # fmt: skip
    assert all(spans[:2])
    assert spans[2:] == [None] * 12
    assert any("spaghetti 500 g" in one for one in read.because)


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        ("order a unicorn", "There is no “unicorn”."),
        ("order eggs and a unicorn", "There is no “unicorn”."),
        ("order the ingredients for Sunday's dinner from the calendar", "nothing of yours that is “Sunday's dinner"),
        (
            "order the ingredients for Saturday's wedding from the calendar",
            "nothing of yours that is “Saturday's wedding",
        ),
        ("order the presents for Saturday's dinner from the calendar", "does not say what “presents” are"),
        ("order the ingredients for Saturday's dinner", "nothing of yours"),
    ],
)
async def test_what_is_not_there_is_not_ordered(ask: Asking, wish: str, reason: str) -> None:
    planned = await ask(wish)
    assert isinstance(planned, Impossible)
    assert reason in planned.reason


async def test_which_of_several_is_asked(ask: Asking) -> None:
    planned = await ask("order the ingredients for the dentist from the calendar")
    assert isinstance(planned, Asks)
    assert "Dentist" in planned.question
    assert len(planned.choices) > 1


@pytest.mark.parametrize(
    "wish", ["did you order eggs?", "don't order eggs", "who said order eggs?", "I will order eggs"]
)
async def test_what_is_no_command_orders_nothing(ask: Asking, wish: str) -> None:
    planned = await ask(wish)
    assert not isinstance(planned, Ready) or all(ask.tools[one.tool].effect == "read" for one in planned.plan.steps)


async def test_whoever_may_not_pay_has_no_such_sentence(tmp_path: Path) -> None:
    async with asking(tmp_path) as one:
        scopes = frozenset(scope for scope in one.principal.scopes if "payments" not in scope)
        assert len(scopes) < len(one.principal.scopes)
        one.principal = structs.replace(one.principal, scopes=scopes)
        planned = await one("order eggs")
        tools = {step.tool for step in planned.plan.steps} if isinstance(planned, Ready) else set()
        assert not tools & {"groceries_pay_order", "groceries_create_order"}


async def test_a_question_of_a_template_is_one_that_a_run_asks(ask: Asking) -> None:
    planned = await ask("order 12 eggs")
    assert isinstance(planned, Ready)
    asked = {
        leaf.question for step in planned.plan.steps for _, leaf in leaves(step.arguments) if isinstance(leaf, Slot)
    }
    assert "How many of “Eggs” (10 pieces)?" in asked
