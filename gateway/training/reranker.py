"""How a reranker learns: each query with one tool that fits and others that do not, told apart in one list (softmax over the list).

The wrong ones are drawn from what the fusion of words and vectors finds for the query, but not from its very top: too much of
that is right, and only not labelled so.
"""

import random
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from msgspec import Struct
from tokenizers import Encoding, Tokenizer
from torch import Tensor
from torch.nn import functional

from gateway.rankers.cross import CrossEncoder, pad_pairs, read_pairs
from gateway.training.corpus import Corpus, Entry
from gateway.training.loop import Pace, train
from gateway.training.noise import misspell

CHUNK = 32


class RerankerRecipe(Struct, frozen=True, forbid_unknown_fields=True):
    """`candidates`: how long a list is, its right tool among them. `queries_max`: of each source, in an epoch. `taught`: how much
    of the loss is what a teacher would say of the list, where there is one (Hinton and others, 2015)."""

    pace: Pace = Pace()
    epochs: int = 1
    lists: int = 8
    candidates: int = 12
    tokens_max: int = 96
    queries_max: int = 2_000
    pairs_max: int = 2_000
    misspelt: float = 0.1
    rivals_from: int = 5
    rivals_to: int = 100
    taught: float = 0.5


class Choice(Struct, frozen=True):
    """A query, a text that fits, and texts that do not."""

    query: str
    text: str
    rivals: Sequence[str]


def choices_of(corpus: Corpus, rivals: Sequence[Sequence[Entry]], recipe: RerankerRecipe, epoch: int) -> list[Choice]:
    """What one epoch goes through, in its order. `rivals`: for each query, tools that seem to fit and do not."""
    drawn = random.Random(f"{recipe.pace.seed} {epoch}")
    by_source: dict[str, list[int]] = {}
    for place, query in enumerate(corpus.queries):
        if len(rivals[place]) >= recipe.candidates - 1:
            by_source.setdefault(query.source, []).append(place)
    told: list[Choice] = []
    for places in by_source.values():
        for place in drawn.sample(places, min(len(places), recipe.queries_max)):
            query = corpus.queries[place]
            said = misspell(query.text, drawn) if drawn.random() < recipe.misspelt else query.text
            right = corpus.tools[drawn.choice(query.relevant)].text
            wrong = [one.text for one in drawn.sample(rivals[place], recipe.candidates - 1)]
            told.append(Choice(said, right, wrong))
    told += _of_operations(corpus, recipe, drawn)
    drawn.shuffle(told)
    return told


def _of_operations(corpus: Corpus, recipe: RerankerRecipe, drawn: random.Random) -> list[Choice]:
    """Operations told from others of the same API by what their summary says."""
    apis: dict[str, list[str]] = {}
    for pair in corpus.pairs:
        apis.setdefault(pair.group, []).append(pair.text)
    wide = [pair for pair in corpus.pairs if len(apis[pair.group]) > recipe.candidates]
    told = []
    for pair in drawn.sample(wide, min(len(wide), recipe.pairs_max)):
        others = [text for text in apis[pair.group] if text != pair.text]
        if len(others) >= recipe.candidates - 1:
            told.append(Choice(pair.query, pair.text, drawn.sample(others, recipe.candidates - 1)))
    return told


def train_reranker(
    cross: CrossEncoder,
    tokenizer: Tokenizer,
    corpus: Corpus,
    rivals: Sequence[Sequence[Entry]],
    recipe: RerankerRecipe,
    checkpoint: Path,
    tell: Callable[[int, int, float], None],
    teacher: CrossEncoder | None = None,
) -> None:
    """Teach `cross` in place. `tell` is told the step, how many there are, and the loss."""
    cross.bert.words.weight.requires_grad_(False)
    tokenizer.enable_truncation(recipe.tokens_max)
    epochs = [choices_of(corpus, rivals, recipe, epoch) for epoch in range(recipe.epochs)]
    steps_an_epoch = len(epochs[0]) // recipe.lists
    steps = steps_an_epoch * recipe.epochs

    def loss_of(step: int) -> Tensor:
        epoch, at = divmod(step, steps_an_epoch)
        lists = epochs[epoch][at * recipe.lists : (at + 1) * recipe.lists]
        pairs = [(one.query, text) for one in lists for text in (one.text, *one.rivals)]
        rows = read_pairs(tokenizer, pairs)
        with torch.autocast(cross.score.weight.device.type, torch.bfloat16):
            scores = _scores(cross, rows).float().view(len(lists), recipe.candidates)
        first = torch.zeros(len(lists), dtype=torch.long, device=scores.device)
        gold = functional.cross_entropy(scores, first)
        if teacher is None:
            return gold
        with torch.no_grad(), torch.autocast(cross.score.weight.device.type, torch.bfloat16):
            wanted = _scores(teacher, rows).float().view_as(scores).softmax(1)
        return (1 - recipe.taught) * gold + recipe.taught * functional.cross_entropy(scores, wanted)

    train(cross, steps, loss_of, recipe.pace, checkpoint, lambda step, loss: tell(step, steps, loss))


def _scores(cross: CrossEncoder, rows: Sequence[Encoding]) -> Tensor:
    """[pairs]. Pairs of like length go together, so that little is spent on padding."""
    order = sorted(range(len(rows)), key=lambda place: len(rows[place].ids))
    device = cross.score.weight.device
    parts = [
        cross(*pad_pairs([rows[place] for place in order[start : start + CHUNK]], device))
        for start in range(0, len(order), CHUNK)
    ]
    return torch.cat(parts)[torch.argsort(torch.tensor(order, device=device))]
