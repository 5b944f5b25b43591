"""How a head learns from an installation's own calls, and whether it may come into force: connectors are left out by turns, and
what was learnt from the others has to find their tools better than no head does, in nearly every resample of the queries.

The matrix is small in rank and begins at nothing: with few lessons it says little.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from msgspec import Struct
from torch import Tensor, nn
from torch.nn import functional

from gateway.rankers.base import Matrix
from gateway.rankers.fused import fuse
from gateway.rankers.head import Report, turn
from gateway.training.figures import ndcg, wins
from gateway.training.loop import Pace, train

DEPTH = 100


class HeadRecipe(Struct, frozen=True, forbid_unknown_fields=True):
    """`lessons_min` and `connectors_min`: with fewer, none is accepted. `wins_min`: the share of resamples in which a head has to
    be the better. `wrong`: with how many other tools each right one is compared."""

    pace: Pace = Pace(rate=1e-3, weight_decay=0.05, warm_up_steps=10, checkpoint_every=1_000_000)
    steps: int = 200
    batch: int = 64
    rank: int = 16
    wrong: int = 1_000
    temperature: float = 0.05
    folds: int = 5
    lessons_min: int = 50
    connectors_min: int = 3
    wins_min: float = 0.95


class Taught(Struct, frozen=True, eq=False):
    """Lessons as numbers: the vector of each query, the place of its tool among `tools`, and the order that words give it (places
    of tools). `connectors`: whose each tool is."""

    queries: Matrix
    right: Sequence[int]
    by_words: Sequence[Sequence[int]]
    tools: Matrix
    connectors: Sequence[str]


class Head(nn.Module):
    """[width, width], of small rank."""

    def __init__(self, width: int, rank: int) -> None:
        super().__init__()
        self.down = nn.Linear(width, rank, bias=False)
        self.up = nn.Linear(rank, width, bias=False)
        nn.init.zeros_(self.up.weight)

    def forward(self, queries: Tensor) -> Tensor:
        return functional.normalize(queries + self.up(self.down(queries)), dim=-1)

    def matrix(self) -> Matrix:
        told: Matrix = (self.up.weight @ self.down.weight).T.detach().numpy()
        return told


def try_head(taught: Taught, encoder: str, recipe: HeadRecipe, scratch: Path) -> tuple[Matrix, Report]:
    """A head of all lessons, and how heads that were taught without a connector did on its queries."""
    owners = [taught.connectors[place] for place in taught.right]
    folds = {owner: place % recipe.folds for place, owner in enumerate(sorted(set(owners)))}
    before, after = [], []
    for fold in sorted(set(folds.values())):
        out = [at for at, owner in enumerate(owners) if folds[owner] == fold]
        kept = [at for at, owner in enumerate(owners) if folds[owner] != fold]
        if not kept:
            continue
        matrix = _teach(taught, kept, recipe, scratch / f"fold{fold}.pt")
        before += _judge(taught, out, np.zeros_like(matrix))
        after += _judge(taught, out, matrix)
    ours, theirs = np.array(after), np.array(before)
    won = wins(ours, theirs) if len(ours) else 0.0
    counted = len(owners) >= recipe.lessons_min and len(set(owners)) >= recipe.connectors_min
    report = Report(
        encoder,
        lessons=len(owners),
        connectors=len(set(owners)),
        before=round(float(theirs.mean()), 4) if len(theirs) else 0.0,
        after=round(float(ours.mean()), 4) if len(ours) else 0.0,
        wins=won,
        accepted=counted and won >= recipe.wins_min,
    )
    return _teach(taught, range(len(owners)), recipe, scratch / "whole.pt"), report


def _teach(taught: Taught, lessons: Sequence[int], recipe: HeadRecipe, checkpoint: Path) -> Matrix:
    torch.manual_seed(recipe.pace.seed)
    head = Head(taught.tools.shape[1], recipe.rank)
    queries, tools = torch.from_numpy(taught.queries), torch.from_numpy(taught.tools)
    right = torch.tensor(taught.right)

    def loss_of(step: int) -> Tensor:
        drawn = np.random.default_rng((recipe.pace.seed, step))
        batch = torch.tensor(drawn.choice(np.array(lessons), min(recipe.batch, len(lessons)), replace=False))
        others = torch.tensor(drawn.choice(len(tools), min(recipe.wrong, len(tools)), replace=False))
        own, turned = right[batch], head(queries[batch])
        scores = torch.cat([(turned * tools[own]).sum(1, keepdim=True), turned @ tools[others].T], 1)
        same = torch.cat([torch.zeros(len(own), 1, dtype=torch.bool), own[:, None] == others[None]], 1)
        return functional.cross_entropy(
            scores.masked_fill(same, -torch.inf) / recipe.temperature, torch.zeros(len(own), dtype=torch.long)
        )

    train(head, recipe.steps, loss_of, recipe.pace, checkpoint, lambda step, loss: None)
    return head.matrix()


def _judge(taught: Taught, lessons: Sequence[int], matrix: Matrix) -> list[float]:
    """nDCG@10 of each lesson's query, as words and vectors together order the tools."""
    told = []
    for at in lessons:
        scores = taught.tools @ turn(taught.queries[at : at + 1], matrix)[0]
        near = [str(place) for place in np.argsort(-scores, kind="stable")[:DEPTH]]
        fused = fuse([[str(place) for place in taught.by_words[at]], near])
        ranked = sorted(fused, key=lambda name: (-fused[name], int(name)))
        told.append(ndcg(ranked, frozenset({str(taught.right[at])}), 10))
    return told
