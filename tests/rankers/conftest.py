"""A model for the tests: of BERT's shape, tiny, with random weights. It knows nothing, and always knows the same."""

from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import Lowercase
from tokenizers.pre_tokenizers import BertPreTokenizer

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


def make_model(folder: Path, name: str = "tiny", seed: int = 7) -> Path:
    torch.manual_seed(seed)
    vocabulary = {word: number for number, word in enumerate(["[PAD]", "[UNK]", *WORDS])}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = Lowercase()
    tokenizer.pre_tokenizer = BertPreTokenizer()
    shape = Shape(vocabulary=len(vocabulary), layers=2, width=32, heads=4, inner=64, positions=64, tokens_max=32)
    save_model(folder, Model(name, shape), Bert(shape), tokenizer)
    return folder


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("model"))
