"""What `core.weigh` weighs with, learned of the dev half of the leaderboard: `python -m benchmarks.bfcl_train FOLDER`.

Writes gateway/core/fill_weights.py. Two logistic regressions, each by Newton's method with a squared penalty: of every
proposal whether its value is right, and, of five folds by the hash of the id that the first did not see, of what was settled.
"""

import argparse
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct

from benchmarks.bfcl import NOW, Item, read_items, tools_of
from benchmarks.bfcl_check import is_value
from gateway.core import weigh as weighing
from gateway.core.entities import read_entities
from gateway.core.plan import Span
from gateway.core.propose import Ground, Proposal, family_of, propose
from gateway.core.wanted import wanted_of
from gateway.core.weigh import Facts, features, kin_of, settled_features

CATEGORIES = ("simple_python", "multiple", "live_simple", "live_multiple")
FOLDS = 5
PENALTY, PENALTY_SETTLED = 3.0, 1.0
ROUNDS = 8
SEEN_MIN = 8
SMALL = 0.02
TARGET = Path("gateway/core/fill_weights.py")
FILE = '''"""What `core.weigh` weighs with. Made by `python -m benchmarks.bfcl_train FOLDER`; not written by hand."""


def _read(told: str) -> dict[str, float]:
    pairs = (one.strip().rpartition("=") for one in told.replace("\\n", " ").split(";"))
    return {name: float(weight) for name, _, weight in pairs}


PROPOSAL = _read(
    """
PROPOSALS
"""
)

SETTLED = _read(
    """
SETTLING
"""
)
'''
Row = dict[str, float]


class Case(Struct, frozen=True):
    """One argument of one item: what may be it, and which of it is right."""

    item: str
    facts: Facts
    proposals: tuple[Proposal, ...]
    rows: tuple[Row, ...]
    right: tuple[bool, ...]

    @property
    def fold(self) -> int:
        return sha256(f"fold {self.item}".encode()).digest()[0] % FOLDS


def cases_of(item: Item) -> Iterator[Case]:
    ((name, gold),) = item.answer[0].items()
    function = next(one for one in item.functions if one["name"] == name)
    tool = tools_of([function])[name]
    ground = Ground(item.text, Span(0, len(item.text)), read_entities(item.text, NOW, "en"))
    every = wanted_of(tool)
    for one in every:
        if family_of(one):
            facts = Facts(one, every, tool)
            proposals = tuple(propose(one, ground))
            kin = kin_of(proposals)
            rows = tuple(_row(features(facts, each, ground, kin)) for each in proposals)
            told = function["parameters"]["properties"][one.name]
            right = tuple(is_value(each.value, gold.get(one.name, []), told) for each in proposals)
            yield Case(item.id, facts, proposals, rows, right)


def _row(told: weighing.Features) -> Row:
    row: Row = {}
    for name, value in told:
        if value:
            row[name] = row.get(name, 0.0) + value
    return row


def learn(rows: Sequence[Row], right: Sequence[bool], penalty: float) -> dict[str, float]:
    """The weights by name."""
    seen = Counter(name for row in rows for name in row)
    names = sorted(name for name, count in seen.items() if count >= SEEN_MIN)
    places = {name: at for at, name in enumerate(names)}
    table = np.zeros((len(rows), len(names)))
    for at, row in enumerate(rows):
        for name, value in row.items():
            if name in places:
                table[at, places[name]] = value
    wanted = np.array(right, float)
    told = np.zeros(len(names))
    for _ in range(ROUNDS):
        chance = 1 / (1 + np.exp(-table @ told))
        gradient = table.T @ (chance - wanted) + penalty * told
        slope = chance * (1 - chance)
        told -= np.linalg.solve((table * slope[:, None]).T @ table + penalty * np.eye(len(names)), gradient)
    return {name: round(float(one), 2) for name, one in zip(names, told, strict=True) if abs(one) >= SMALL}


def learn_proposals(cases: Sequence[Case]) -> dict[str, float]:
    """For each family of arguments apart, for they share no weight."""
    told: dict[str, float] = {}
    for family in sorted({one.facts.family for one in cases}):
        pairs = [pair for one in cases if one.facts.family == family for pair in zip(one.rows, one.right, strict=True)]
        told |= learn([row for row, _ in pairs], [right for _, right in pairs], PENALTY)
    return told


def settled_rows(cases: Sequence[Case], proposal: dict[str, float]) -> Iterator[tuple[Row, bool]]:
    """What is settled of each item, by weights that did not see it."""
    by_item: dict[str, list[Case]] = {}
    for one in cases:
        by_item.setdefault(one.item, []).append(one)
    for group in by_item.values():
        weighed = []
        truth: dict[tuple[str, str], bool] = {}
        for one in group:
            ranked: dict[str, tuple[float, Proposal]] = {}
            scored = [
                (sum(proposal.get(n, 0.0) * v for n, v in row.items()), each)
                for row, each in zip(one.rows, one.proposals, strict=True)
            ]
            for logit, each in sorted(scored, key=lambda pair: -pair[0]):
                ranked.setdefault(repr((each.value, each.span)), (logit, each))
            for each, right in zip(one.proposals, one.right, strict=True):
                truth[one.facts.one.name, repr(each.value)] = right
            weighed.append(weighing.Weighed(one.facts, tuple(ranked.values())))
        seen: list[tuple[Row, str, Any]] = []

        def note(one: weighing.Weighed, logit: float, told: Proposal, tops: Any, seen: Any = seen) -> weighing.Features:
            found = list(settled_features(one, logit, told, tops))
            seen.append((_row(iter(found)), one.facts.one.name, told.value))
            return iter(found)

        weighing.settled_features, kept = note, weighing.settled_features  # type: ignore[assignment]
        try:
            weighing.settle(weighed)
        finally:
            weighing.settled_features = kept
        yield from ((row, truth[name, repr(value)]) for row, name, value in seen)


def told(weights: dict[str, float]) -> str:
    return textwrap.fill("; ".join(f"{name}={one:g}" for name, one in weights.items()), 120, break_on_hyphens=False)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bfcl_train")
    parser.add_argument("folder", type=Path, help="bfcl_eval/data")
    folder = parser.parse_args().folder
    items = [one for category in CATEGORIES for one in read_items(folder, category)]
    cases = [case for one in items if one.half == "dev" and len(one.answer) == 1 for case in cases_of(one)]
    settled: list[tuple[Row, bool]] = []
    for fold in range(FOLDS):
        apart = learn_proposals([one for one in cases if one.fold != fold])
        settled += settled_rows([one for one in cases if one.fold == fold], apart)
    second = learn([row for row, _ in settled], [right for _, right in settled], PENALTY_SETTLED)
    proposal = learn_proposals(cases)
    TARGET.write_text(FILE.replace("PROPOSALS", told(proposal)).replace("SETTLING", told(second)))
    print(f"{len(cases)} arguments, {len(proposal)} and {len(second)} weights")


if __name__ == "__main__":
    main()
