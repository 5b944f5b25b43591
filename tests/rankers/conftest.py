"""Models for the tests: of BERT's shape, tiny, with random weights. They know nothing, and always know the same."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import torch
from prometheus_client import CollectorRegistry
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import Lowercase
from tokenizers.pre_tokenizers import BertPreTokenizer

from gateway.edge.models import ModelBounds, ModelDoor
from gateway.rankers.cross import CrossEncoder
from gateway.rankers.encoder import Bert, Shape
from gateway.rankers.serving import Encoder, Scorer
from gateway.rankers.weights import Model, save_model
from gateway.serve import bind, serving_app
from gateway.telemetry import ModelMetrics

WORDS = [
    "light",
    "lights",
    "lamp",
    "lamps",
    "door",
    "list",
    "lock",
    "room",
    "send",
    "message",
    "one",
    "people",
    "home",
    "turn",
    "switch",
    "a",
    "the",
]


SHAPE = Shape(vocabulary=len(WORDS) + 2, layers=2, width=32, heads=4, inner=64, positions=64, tokens_max=32)


def make_model(folder: Path, name: str = "tiny", seed: int = 7, make: type[Bert] | type[CrossEncoder] = Bert) -> Path:
    torch.manual_seed(seed)
    vocabulary = {word: number for number, word in enumerate(["[PAD]", "[UNK]", *WORDS])}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = Lowercase()
    tokenizer.pre_tokenizer = BertPreTokenizer()
    save_model(folder, Model(name, SHAPE), make(SHAPE), tokenizer)
    return folder


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="session")
def reranker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("reranker"), "tiny reranker", make=CrossEncoder)


class Served:
    """Both models, and doors in front of them."""

    def __init__(self, model: Path, reranker: Path) -> None:
        self.registry = CollectorRegistry()
        metrics = ModelMetrics(self.registry)
        self.encoder, self.scorer = Encoder(model, "cpu", metrics), Scorer(reranker, "cpu", metrics)

    def close(self) -> None:
        self.encoder.close()
        self.scorer.close()

    @asynccontextmanager
    async def client(self, token: str = "", bounds: ModelBounds = ModelBounds()) -> AsyncIterator[httpx.AsyncClient]:  # noqa: B008
        door = ModelDoor(self.encoder, self.scorer, token, bounds, self.registry)
        with bind("127.0.0.1", 0) as listening:
            async with serving_app(door, listening) as url, httpx.AsyncClient(base_url=url, timeout=30) as client:
                yield client


@pytest.fixture(scope="module")
def served(model: Path, reranker: Path) -> Iterator[Served]:
    one = Served(model, reranker)
    yield one
    one.close()
