"""What a plan of words holds to: nothing by chance, nothing left out, and a question where something is not plain."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.core.plan import Item
from gateway.core.planned import Ready
from tests.planners.test_graph import Asking, asking, told

pytestmark = pytest.mark.anyio


@pytest.fixture
async def ask(anyio_backend: str, tmp_path: Path) -> AsyncIterator[Asking]:
    async with asking(tmp_path) as one:
        yield one


async def test_things_are_told_by_a_field_only_where_the_words_say_its_value(ask: Asking) -> None:
    fields = {
        "turn off all the lights in the living room": ("/room", "living-room"),
        "turn off all the lights that are on": ("/on", True),
        "archive all unread mails": ("/read", False),
        "delete all the dentist events": ("/title", "Dentist"),
    }
    for text, (pointer, value) in fields.items():
        planned = await ask(text)
        assert isinstance(planned, Ready), text
        when = planned.plan.steps[-1].when
        assert when is not None, text
        assert (when.value, when.fits) == (Item(pointer), {"const": value}), text


async def test_what_things_have_in_common_by_chance_is_no_condition(ask: Asking) -> None:
    one_by_one = {
        "delete the mails from Mira and Jonas": ["msg-9", "msg-8"],
        "lights off except the ones in the kitchen and the study": [f"light-{at}" for at in (1, 2, 3, 5, 6)],
        "turn off all the lights in the living room that are on": ["light-1", "light-2"],
    }
    for text, ids in one_by_one.items():
        planned = await ask(text)
        assert isinstance(planned, Ready), text
        named = [values.get("light_id", values.get("message_id")) for _, values in told(planned.plan)]
        assert named == ids, text
        assert all(one.when is None and one.each is None for one in planned.plan.steps), text
