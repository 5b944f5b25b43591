"""Models for the tests: of BERT's shape, tiny, with random weights. They know nothing, and always know the same."""

from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import Lowercase
from tokenizers.pre_tokenizers import BertPreTokenizer

from gateway.rankers.cross import CrossEncoder
from gateway.rankers.encoder import Bert, Shape
from gateway.rankers.weights import Model, save_model

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
