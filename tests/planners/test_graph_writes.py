"""What a command may write, before the household: only what all of its words say, and to no thing that they leave out."""

from typing import Any

import pytest

from gateway.core.match import is_partial
from gateway.core.plan import Item, Literal, Ref, Span, Step, When
from gateway.core.planned import Ready
from tests.planners.test_graph import Asking, ask

__all__ = ["ask"]
pytestmark = pytest.mark.anyio


async def written(ask: Asking, text: str) -> list[Step]:
    """The steps that write; none where there is no plan."""
    planned = await ask(text)
    steps = planned.plan.steps if isinstance(planned, Ready) else ()
    return [one for one in steps if ask.tools[one.tool].effect != "read"]


def ids(steps: list[Step], name: str) -> list[Any]:
    sources = [one.arguments[name] for one in steps]
    return [one.value if isinstance(one, Literal) else "*" if isinstance(one, Item) else "?" for one in sources]


async def test_what_is_left_out_is_left_alone(ask: Asking) -> None:
    lamps = ids(await written(ask, "Turn off all the lights"), "light_id")
    assert lamps == ["*"]
    for text in (
        "Turn off all lights but the one in the kitchen", "Turn off the lights in every room except the kitchen",
        "Turn off all the lights that are not in the kitchen", "Turn off every light apart from the kitchen one",
    ):  # fmt: skip
        told = ids(await written(ask, text), "light_id")
        assert "light-4" not in told, text
        assert len(told) > 3, text


async def test_how_the_things_are_is_no_value_for_them(ask: Asking) -> None:
    for text in ("Archive all unread messages", "Archive the messages that are unread"):
        steps = await written(ask, text)
        assert all(set(one.arguments) == {"message_id", "folder"} for one in steps), text
        assert all(one.when is not None for one in steps), text
    dimmed = await written(ask, "Dim the lights that are on to 20 percent")
    assert dimmed
    assert all(set(one.arguments) == {"light_id", "brightness"} for one in dimmed)
    assert all(one.when is not None or "*" not in ids([one], "light_id") for one in dimmed)


async def test_what_leaves_open_how_many_or_how_much_writes_nothing(ask: Asking) -> None:
    for text in (
        "Turn off some lights in the living room", "Turn off most of the lights", "Turn off two of the lights",
        "Turn off the reading lamp or the desk lamp", "Turn off the newest lamp", "Turn them all off",
        "Put two more lemons into the basket", "Make the reading lamp as bright as the desk lamp",
        "Turn off the lights that are brighter than 50 percent", "Turn off the lights that nobody needs",
        "Turn the reading lamp down 20 percent", "Turn off all the lights unless it is dark",
    ):  # fmt: skip
        told = await written(ask, text)
        assert all(value == "?" for value in ids(told, "light_id" if told else "")), text


async def test_no_word_that_stands_for_another_becomes_a_value(ask: Asking) -> None:
    for text in ("Play something in the kitchen", "Play it in the kitchen"):
        for step in await written(ask, text):
            assert not any(
                isinstance(one, Literal) and one.value in ("something", "thing", "it")
                for one in step.arguments.values()
            )


SEVERAL: dict[str, list[dict[str, Any]]] = {
    "Put two lemons and three apples into the basket": [
        {"sku": "lemons", "quantity": 2}, {"sku": "apples", "quantity": 3}
    ],
    "Turn on the reading lamp and the desk lamp": [{"light_id": "light-2", "on": True}, {"light_id": "light-7", "on": True}],
    "Set the heating in the bedroom to 19 and the heating in the living room to 21": [{"target_c": 19}, {"target_c": 21}],
}  # fmt: skip


async def test_a_command_about_several_things_is_one_for_each(ask: Asking) -> None:
    for text, expected in SEVERAL.items():
        steps = await written(ask, text)
        told = [{name: one.value for name, one in step.arguments.items() if isinstance(one, Literal)} for step in steps]
        assert [
            {name: one.get(name) for name in wanted} for one, wanted in zip(told, expected, strict=True)
        ] == expected, text


async def test_a_room_and_a_number_are_asked_about_where_they_may_be_of_two_kinds(ask: Asking) -> None:
    for text in ("Set the kitchen to 20", "Set the hall to 50"):
        assert await written(ask, text) == [], text
    assert ids(await written(ask, "Set the bedroom to 19 degrees"), "target_c") == [19]


async def test_what_stands_before_the_things_tells_which_are_meant(ask: Asking) -> None:
    assert [one.when is not None for one in await written(ask, "Archive all the read messages")] == [True]
    for text in (
        "Archive the newest messages",
        "Dim the bright lights",
        "Turn off everything",
        "Turn off the two lights",
    ):
        assert await written(ask, text) == [], text


def test_an_answer_says_that_there_is_more_than_it_lists() -> None:
    for answer in ({"more": True}, {"paging": {"next": "c5"}}, {"total": 9}, {"nextPageToken": "x"}):
        assert is_partial({"items": [1, 2, 3], **answer}, 3), answer
    for answer in ({"more": False}, {"paging": {}}, {"total": 3}, {"next": None}, {"total": {"amount": 9}}):
        assert not is_partial({"items": [1, 2, 3], **answer}, 3), answer
    assert not is_partial([1, 2, 3], 3)


async def test_misspelt_words_are_put_right_where_each_can_be_one_word_alone(ask: Asking) -> None:
    text = "trun off the raeding lamp"
    planned = await ask(text)
    assert isinstance(planned, Ready)
    assert planned.plan.intent == text
    assert planned.plan.steps[0].arguments["light_id"] == Literal("light-2", Span(13, len(text)))
    assert "“trun” is read as “turn”." in planned.because
    assert any("“raeding” is read as “reading”" in one for one in planned.because)
    assert ids(await written(ask, "Turn off the rending lamp"), "light_id") == ["?"]
    assert await written(ask, "Turn off the redaing lamp in the gardn") == []


async def test_a_condition_is_read_when_it_comes_to_it(ask: Asking) -> None:
    for text, value in (
        ("If the back door is unlocked, lock it", False), ("If the front door isn't locked, lock it", False),
        ("Turn off the reading lamp if the front door is locked", True),
    ):  # fmt: skip
        steps = await written(ask, text)
        assert [one.when for one in steps] == [When(Ref("if", "/locked"), {"const": value})], text
    assert ids(await written(ask, "If the back door is unlocked, lock it"), "lock_id") == ["back-door"]
    for text in (
        "If it rains, turn off the reading lamp", "If the sun is up, turn off the reading lamp",
        "Lock the back door and turn off the reading lamp if the front door is locked",
        "If the back door is unlocked, lock it. Turn off the reading lamp.",
    ):  # fmt: skip
        assert await written(ask, text) == [], text


async def test_what_is_no_plain_amount_in_the_argument_s_own_unit_is_none(ask: Asking) -> None:
    assert ids(await written(ask, "Put 3 lemons into the basket"), "quantity") == [3]
    for amount in ("+3", "up to 3", "3 kg", "3 minutes", "half", "3 more", "3 percent"):
        told = ids(await written(ask, f"Put {amount} lemons into the basket"), "quantity")
        assert all(one == "?" for one in told), (amount, told)
