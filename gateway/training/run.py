"""Trainings from files to files: a corpus and a model that it begins with in, a model out, with a record of how it was made.

The record (`training.json`, beside the weights) has all that it takes to make the model again: the recipe with its seed, the
digests of the corpus, the model it began with, the sources that were held out, and where it ran.
"""

import time
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path

import msgspec
import numpy as np
import torch
from msgspec import Struct, structs
from tokenizers import Tokenizer
from torch import Tensor

from gateway.errors import BadRequest
from gateway.rankers.base import Matrix
from gateway.rankers.cross import CrossEncoder
from gateway.rankers.encoder import Bert, mean_of, pad
from gateway.rankers.weights import Model, digest_of, load_model, load_reranker, save_model
from gateway.training.corpus import HELD_SOURCES, Corpus, read_corpus, rivals_of, split
from gateway.training.encoder import EncoderRecipe, train_encoder
from gateway.training.reranker import RerankerRecipe, train_reranker

FILES = ("tools.jsonl.gz", "queries.jsonl.gz", "operations.jsonl.gz")
CHUNK = 64
HEAD_SPREAD = 0.02

Tell = Callable[[int, int, float], None]


class Record(Struct, frozen=True):
    """How a model was made. `loss` is the mean of the last tenth of the steps; `seconds` since the last start of the training."""

    model: str
    began_with: str
    taught_by: str
    recipe: EncoderRecipe | RerankerRecipe
    corpus: dict[str, str]
    held_sources: tuple[str, ...]
    queries: int
    pairs: int
    steps: int
    loss: float
    seconds: float
    device: str
    torch: str


class Task(Struct, frozen=True):
    """Where a training finds and leaves things. `start` is the folder of an encoder, or for a reranker of either kind."""

    corpus: Path
    start: Path
    out: Path
    name: str
    held_sources: frozenset[str]
    device: str = "cpu"

    @property
    def checkpoint(self) -> Path:
        return self.out / "checkpoint.pt"


def make_encoder(task: Task, recipe: EncoderRecipe, tell: Tell) -> Record:
    """Train an encoder. Raises BadRequest where the corpus or the model to begin with cannot be read."""
    known, bert, tokenizer = load_model(task.start, task.device)
    corpus = split(read_corpus(task.corpus), task.held_sources)[0]
    course = _Course(tell)
    train_encoder(bert, tokenizer, corpus, recipe, task.checkpoint, course.tell)
    return _keep(task, known, bert, tokenizer, course, corpus, recipe, "")


def make_reranker(
    task: Task, recipe: RerankerRecipe, encoder: Path, layers: int, teacher: Path | None, tell: Tell
) -> Record:
    """Train a reranker of so many layers, with the rivals that `encoder` finds. It begins with layers of `task.start`, evenly.
    Raises BadRequest as `make_encoder` does."""
    known, cross, tokenizer = _begin(task, layers)
    corpus = split(read_corpus(task.corpus), task.held_sources)[0]
    rivals = rivals_of(corpus, recipe.rivals_from, recipe.rivals_to, _encode_with(encoder, task.device))
    taught = load_reranker(teacher, task.device) if teacher else None
    course = _Course(tell)
    train_reranker(
        cross, tokenizer, corpus, rivals, recipe, task.checkpoint, course.tell, teacher=taught[1] if taught else None
    )
    known = structs.replace(
        known,
        shape=structs.replace(known.shape, layers=layers, tokens_max=min(recipe.tokens_max, known.shape.positions)),
    )
    return _keep(task, known, cross, tokenizer, course, corpus, recipe, taught[0].name if taught else "")


class _Course:
    """What a training has told so far."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._began = time.monotonic()
        self.losses: list[float] = []
        self.steps = 0

    def tell(self, step: int, steps: int, loss: float) -> None:
        self.steps = steps
        self.losses.append(loss)
        self._tell(step, steps, loss)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began


def _begin(task: Task, layers: int) -> tuple[Model, CrossEncoder, Tokenizer]:
    """A reranker that knows nothing yet of pairs, but what its layers knew."""
    try:
        known, deep, tokenizer = load_reranker(task.start, task.device)
    except BadRequest:
        known, bert, tokenizer = load_model(task.start, task.device)
        deep = CrossEncoder(known.shape).to(task.device)
        deep.bert.load_state_dict(bert.state_dict())
        torch.nn.init.normal_(deep.score.weight, std=HEAD_SPREAD)
        torch.nn.init.zeros_(deep.score.bias)
    if layers > known.shape.layers:
        raise BadRequest(f"{task.start} has {known.shape.layers} layers, which is fewer than {layers}.")
    deep.bert.layers = torch.nn.ModuleList(
        deep.bert.layers[int(place)] for place in np.linspace(0, known.shape.layers - 1, layers).round()
    )
    return known, deep, tokenizer


def _encode_with(folder: Path, device: str) -> Callable[[Sequence[str]], Matrix]:
    _, bert, tokenizer = load_model(folder, device)

    def encode(texts: Sequence[str]) -> Matrix:
        """Texts of like length together."""
        rows = [one.ids for one in tokenizer.encode_batch(list(texts))]
        order = sorted(range(len(rows)), key=lambda place: len(rows[place]))
        told = np.zeros((len(rows), len(bert.norm.weight)), np.float32)
        for start in range(0, len(order), CHUNK):
            places = order[start : start + CHUNK]
            ids, mask = (one.to(device) for one in pad([rows[place] for place in places]))
            with torch.inference_mode(), torch.autocast(torch.device(device).type, torch.bfloat16):
                vectors: Tensor = mean_of(bert(ids, mask).float(), mask)
            told[places] = vectors.cpu().numpy()
        return told

    return encode


def _keep(
    task: Task,
    known: Model,
    network: Bert | CrossEncoder,
    tokenizer: Tokenizer,
    course: _Course,
    corpus: Corpus,
    recipe: EncoderRecipe | RerankerRecipe,
    taught_by: str,
) -> Record:
    model = structs.replace(known, name=f"{task.name} {digest_of(network.state_dict())}")
    save_model(task.out, model, network.cpu(), tokenizer)
    last = course.losses[-max(1, len(course.losses) // 10) :] or [float("nan")]
    record = Record(
        model=model.name,
        began_with=known.name,
        taught_by=taught_by,
        recipe=recipe,
        corpus={name: sha256((task.corpus / name).read_bytes()).hexdigest() for name in FILES},
        held_sources=tuple(sorted(task.held_sources)),
        queries=len(corpus.queries),
        pairs=len(corpus.pairs),
        steps=course.steps,
        loss=round(float(np.mean(last)), 4),
        seconds=round(course.seconds, 1),
        device=task.device,
        torch=str(torch.__version__),
    )
    (task.out / "training.json").write_bytes(msgspec.json.format(msgspec.json.encode(record)))
    return record


def held(sources: Sequence[str]) -> frozenset[str]:
    """The sources to hold out: these, or the usual ones where none are named."""
    return frozenset(sources) or HELD_SOURCES
