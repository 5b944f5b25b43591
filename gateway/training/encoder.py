"""How an encoder learns which tools a wish is near to: each query beside its own tool, the other tools of the batch, and one rival
of each tool (InfoNCE; van den Oord and others, 2018). A rival is what is truly confused: another tool of the same API, or one
that has the words of the query.

What a model learns of tools, it partly forgets of language: the weights that are kept are a mean of those that were learnt and
those that it began with.
"""

import random
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from msgspec import Struct
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from gateway.rankers.encoder import Bert, mean_of, pad
from gateway.training.corpus import Corpus, rivals_of
from gateway.training.loop import Pace, train
from gateway.training.noise import misspell

CHUNK = 32
# Half of the rivals are siblings; the others have the query's words, but not most of them: those may be right, too.
SIBLINGS = 0.5
ALIKE_FROM, ALIKE_TO = 4, 40


class EncoderRecipe(Struct, frozen=True, forbid_unknown_fields=True):
    """`queries_max`: of each source, at most so many queries in an epoch, so that a large source does not drown the others.
    `kept`: the share of what was learnt in the weights that are kept."""

    pace: Pace = Pace()
    epochs: int = 1
    batch: int = 64
    tokens_max: int = 64
    temperature: float = 0.05
    queries_max: int = 2_600
    pairs_max: int = 13_000
    misspelt: float = 0.1
    kept: float = 0.8


class Example(Struct, frozen=True):
    """A wish beside the text of one tool that fits, and texts of which one is its rival. `right`: the texts that are not to be
    taken for wrong ones."""

    query: str
    text: str
    right: frozenset[str]
    rivals: Sequence[str]


def examples_of(corpus: Corpus, alike: Sequence[Sequence[str]], recipe: EncoderRecipe, epoch: int) -> list[Example]:
    """What one epoch goes through, in its order. `alike`: for each query, the texts of tools that have its words."""
    drawn = random.Random(f"{recipe.pace.seed} {epoch}")
    siblings = _siblings(corpus)
    by_source: dict[str, list[int]] = {}
    for place, query in enumerate(corpus.queries):
        by_source.setdefault(query.source, []).append(place)
    told: list[Example] = []
    for places in by_source.values():
        for place in drawn.sample(places, min(len(places), recipe.queries_max)):
            query = corpus.queries[place]
            right = [corpus.tools[key] for key in query.relevant]
            one = drawn.choice(right)
            said = misspell(query.text, drawn) if drawn.random() < recipe.misspelt else query.text
            rivals = siblings[one.group] if drawn.random() < SIBLINGS else alike[place]
            told.append(Example(said, one.text, frozenset(each.text for each in right), rivals))
    for pair in drawn.sample(corpus.pairs, min(len(corpus.pairs), recipe.pairs_max)):
        told.append(Example(pair.query, pair.text, frozenset({pair.text}), siblings[f"oas:{pair.group}"]))
    drawn.shuffle(told)
    return told


def train_encoder(
    bert: Bert,
    tokenizer: Tokenizer,
    corpus: Corpus,
    recipe: EncoderRecipe,
    checkpoint: Path,
    tell: Callable[[int, int, float], None],
) -> None:
    """Teach `bert` in place. `tell` is told the step, how many there are, and the loss."""
    began = {name: value.clone() for name, value in bert.state_dict().items()}
    bert.words.weight.requires_grad_(False)
    tokenizer.enable_truncation(recipe.tokens_max)
    alike = [[one.text for one in many] for many in rivals_of(corpus, ALIKE_FROM, ALIKE_TO)]
    epochs = [examples_of(corpus, alike, recipe, epoch) for epoch in range(recipe.epochs)]
    steps_an_epoch = len(epochs[0]) // recipe.batch
    steps = steps_an_epoch * recipe.epochs

    def loss_of(step: int) -> Tensor:
        epoch, at = divmod(step, steps_an_epoch)
        batch = epochs[epoch][at * recipe.batch : (at + 1) * recipe.batch]
        drawn = random.Random(f"{recipe.pace.seed} {epoch} {at}")
        texts = [one.text for one in batch]
        texts += [drawn.choice(one.rivals) for one in batch if one.rivals]
        with torch.autocast(bert.words.weight.device.type, torch.bfloat16):
            queries = _vectors(bert, tokenizer, [one.query for one in batch])
            tools = _vectors(bert, tokenizer, texts)
        scores = (queries.float() @ tools.float().T) / recipe.temperature
        return functional.cross_entropy(*_told_apart(scores, batch, texts))

    train(bert, steps, loss_of, recipe.pace, checkpoint, lambda step, loss: tell(step, steps, loss))
    learnt = bert.state_dict()
    bert.load_state_dict({name: recipe.kept * learnt[name] + (1 - recipe.kept) * began[name] for name in began})


def _told_apart(scores: Tensor, batch: Sequence[Example], texts: Sequence[str]) -> tuple[Tensor, Tensor]:
    """The scores without those of other right texts, and where each query's own text stands."""
    own = range(len(batch))
    left_out = torch.tensor([[text in batch[row].right and at != row for at, text in enumerate(texts)] for row in own])
    return scores.masked_fill(left_out.to(scores.device), -torch.inf), torch.tensor([*own], device=scores.device)


def _siblings(corpus: Corpus) -> dict[str, list[str]]:
    """The texts of the tools of each API."""
    told: dict[str, list[str]] = {}
    for one in corpus.tools.values():
        told.setdefault(one.group, []).append(one.text)
    for pair in corpus.pairs:
        told.setdefault(f"oas:{pair.group}", []).append(pair.text)
    return told


def _vectors(bert: Bert, tokenizer: Tokenizer, texts: Sequence[str]) -> Tensor:
    """[texts, width]. Texts of like length go together, so that little is spent on padding."""
    rows = [one.ids for one in tokenizer.encode_batch(list(texts))]
    order = sorted(range(len(rows)), key=lambda place: len(rows[place]))
    parts = []
    for start in range(0, len(order), CHUNK):
        chunk = [rows[place] for place in order[start : start + CHUNK]]
        ids, mask = (one.to(bert.words.weight.device) for one in pad(chunk))
        parts.append(mean_of(bert(ids, mask), mask))
    return torch.cat(parts)[torch.argsort(torch.tensor(order))]
