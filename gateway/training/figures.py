"""How good an order of tools is. Every figure is a mean over queries, from 0 to 1; `macro` is the mean of the sources' means.

nDCG with binary gains; recall is the share of the relevant tools that are there; `all` whether every one of them is.
"""

from collections.abc import Mapping, Sequence
from math import log2

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
RESAMPLES = 1_000


def ndcg(ranked: Sequence[str], relevant: frozenset[str], depth: int) -> float:
    """Jarvelin and Kekalainen, 2002, with a gain of 1 for each relevant tool among the first `depth`."""
    gained = sum(1 / log2(place + 1) for place, one in enumerate(ranked[:depth], 1) if one in relevant)
    ideal = sum(1 / log2(place + 1) for place in range(1, min(len(relevant), depth) + 1))
    return gained / ideal


def recall(ranked: Sequence[str], relevant: frozenset[str], depth: int) -> float:
    return len(relevant.intersection(ranked[:depth])) / len(relevant)


def figures_of(ranked: Sequence[str], relevant: frozenset[str]) -> dict[str, float]:
    """All of them for one query."""
    told = {f"ndcg@{depth}": ndcg(ranked, relevant, depth) for depth in (5, 10)}
    told |= {f"recall@{depth}": recall(ranked, relevant, depth) for depth in (5, 10, 50)}
    return told | {"all@10": float(recall(ranked, relevant, 10) == 1)}


def by_source(sources: Sequence[str], values: Sequence[float]) -> dict[str, Floats]:
    """The values of each source's queries."""
    told: dict[str, list[float]] = {}
    for source, value in zip(sources, values, strict=True):
        told.setdefault(source, []).append(value)
    return {source: np.array(many) for source, many in sorted(told.items())}


def macro(values: Mapping[str, Floats]) -> float:
    return float(np.mean([many.mean() for many in values.values()]))


def micro(values: Mapping[str, Floats]) -> float:
    return float(np.concatenate([*values.values()]).mean())


def interval(values: Floats, seed: int = 0) -> tuple[float, float]:
    """Where the mean is in 95 of 100 resamples of the queries (percentile bootstrap; Efron, 1979)."""
    draws = np.random.default_rng(seed).integers(0, len(values), (RESAMPLES, len(values)))
    low, high = np.percentile(values[draws].mean(1), (2.5, 97.5))
    return float(low), float(high)


def wins(ours: Floats, theirs: Floats, seed: int = 0) -> float:
    """In which share of resamples of the same queries the mean of `ours` is the higher one (paired bootstrap; Koehn, 2004)."""
    draws = np.random.default_rng(seed).integers(0, len(ours), (RESAMPLES, len(ours)))
    return float(((ours - theirs)[draws].mean(1) > 0).mean())
