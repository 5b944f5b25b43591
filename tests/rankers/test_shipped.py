"""The models that come along: what they are, that they work as they are, and that they know what words do not say."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from gateway.rankers.serving import Encoder
from gateway.rankers.weights import Model, digest_of, load_model, load_reranker
from gateway.ranking import SHIPPED
from gateway.settings import FusedRanker, LocalReranker
from tests.conftest import Backend
from tests.test_call import LAMPS

pytestmark = pytest.mark.anyio

FOLDERS = sorted(SHIPPED.iterdir())
BYTES_MAX = 25_000_000


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda one: one.name)
def test_each_says_how_it_was_made_and_is_small_enough_to_come_along(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {
        "model.json",
        "tokenizer.json",
        "training.json",
        "weights.safetensors",
    }
    assert all(path.stat().st_size < BYTES_MAX for path in folder.iterdir())
    model = msgspec.json.decode((folder / "model.json").read_bytes(), type=Model)
    made = msgspec.json.decode((folder / "training.json").read_bytes())
    assert made["model"] == model.name
    assert made["held_sources"]
    card = (Path(__file__).parents[2] / "docs" / "models.md").read_text()
    assert model.name in card
    if model.kind == "encoder":
        assert digest_of(load_model(folder)[1].state_dict()) in model.name
    else:
        load_reranker(folder)


def test_the_encoder_knows_what_words_do_not_say() -> None:
    encoder = Encoder(SHIPPED / "encoder", "cpu")
    tools = ["Home: lamps_turn_off. Switch a lamp off (id)", "Bank: transfers_create. Send money to an account (amount, iban)",
             "Mail: messages_send. Send an e-mail (to, subject, body)", "Weather: forecast_get. The forecast of a place (city)"]  # fmt: skip
    wishes = ["make it dark in here", "transfer 50 euros to my sister", "will it rain tomorrow"]
    near = encoder.encode(wishes) @ encoder.encode(tools).T
    encoder.close()
    assert np.argmax(near, axis=1).tolist() == [0, 1, 3]


async def test_they_work_without_any_setting_but_their_kind(opens: Callable[..., Any], backend: Backend) -> None:
    told = FusedRanker(device="cpu", deadline_s=30, reranker=LocalReranker(deadline_s=30))
    async with opens(ranker=told) as door:
        await door.add("lamps", LAMPS, backend.url)
        found = (await door.post("/v1/tools:search", await door.key(), {"query": "show me a lamp"})).json()
        assert found["late"] == []
        assert found["tools"]
        assert all("reranked" in one["places"] for one in found["tools"])
