"""Judges what a runner did, case by case, and counts it by kind and part.

| figure | what it is |
|---|---|
| state | the final state is exactly the expected one (after a no, or where nothing may change: the one before) |
| answer | every fact is in the answer; where it is impossible, the run has not ended as done and says something |
| asked | what had to be asked was asked, of questions and of approvals, and before an approval only what was allowed had changed |
| right | all three, no wrong write, and nothing needless asked |
| wrong writes | writes with an effect that is not of the expected final state: has to be 0 |
| needless | questions and approvals that the case does not call for, and questions put again |
"""

import asyncio
import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from copy import deepcopy
from datetime import datetime
from typing import Any

from msgspec import Struct
from rich.box import SIMPLE
from rich.table import Table

from benchmarks.intents.case import Approval, Asks, Case, Changes, Facts, Impossible, Unchanged
from benchmarks.intents.changes import MISSING, differences, effects, fits, wanted_at
from benchmarks.intents.house import House
from benchmarks.intents.house.backend import Write
from benchmarks.intents.runner import Happened, Person, Runner, task_of

CASE_S_MAX = 60.0
SPOKEN = re.compile(r"\d+(?:[.:,]\d+)*|[^\W\d_]+")


class Verdict(Struct, frozen=True):
    """One case as it went. `differs` are the places where the final state is another than expected, `wrong` the requests whose
    effect is not expected; `requests` counts what reached the backends; `run_state` is the runner's word for how it ended."""

    case: Case
    run_state: str
    said: str
    state: bool
    answer: bool
    asked: bool
    differs: tuple[str, ...]
    wrong: tuple[str, ...]
    needless: int
    requests: int
    seconds: float

    @property
    def right(self) -> bool:
        return self.state and self.answer and self.asked and not self.wrong and not self.needless


async def judge(case: Case, runner: Runner, house: House) -> Verdict:
    """Run one case in a house as new. A runner that raises or takes more than CASE_S_MAX has crashed: what it did counts."""
    house.start(case.before, datetime.fromisoformat(case.now))
    start, person, began = deepcopy(house.state), Person(case, house), time.perf_counter()
    try:
        happened = await asyncio.wait_for(runner(task_of(case, house, person)), CASE_S_MAX)
    except Exception as error:
        happened = Happened(f"crashed: {type(error).__name__}")
    seconds = time.perf_counter() - began
    differs = [_place(path) for path in differences(start, _full(_changes(case), start), house.state)]
    return Verdict(
        case=case,
        run_state=happened.state,
        said=happened.answer,
        state=not differs,
        answer=_answers(case, happened),
        asked=_asked(case, person, start),
        differs=tuple(differs),
        wrong=tuple(_wrong_writes(case, start, house)),
        needless=_needless(case, person),
        requests=len(house.requests()),
        seconds=seconds,
    )


async def judge_all(cases: Sequence[Case], runner: Runner, house: House) -> list[Verdict]:
    return [await judge(case, runner, house) for case in cases]


def tables(verdicts: Sequence[Verdict]) -> list[Table]:
    """How many cases of each kind are right, and why the others are not: one table for each part, and one for all."""
    parts = {part: [one for one in verdicts if one.case.part == part] for part in ("dev", "held")}
    return [_table(part, found) for part, found in {**parts, "all": list(verdicts)}.items() if found]


def _table(title: str, verdicts: list[Verdict]) -> Table:
    columns = ("kind", "cases", "right", "state", "answer", "asked", "wrong writes", "needless", "requests", "ms")
    table = Table(*columns, title=title, box=SIMPLE)
    by_kind: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        by_kind[verdict.case.kind].append(verdict)
    for kind, some in [*by_kind.items(), ("all", verdicts)]:
        sums: Counter[str] = Counter()
        for one in some:
            sums.update(right=+one.right, state=+one.state, answer=+one.answer, asked=+one.asked)
            sums.update(wrong=len(one.wrong), needless=one.needless, requests=one.requests)
        counts = (len(some), *(sums[name] for name in ("right", "state", "answer", "asked", "wrong", "needless")))
        each = (f"{sums['requests'] / len(some):.1f}", f"{1000 * sum(one.seconds for one in some) / len(some):.0f}")
        table.add_row(kind, *map(str, counts), *each)
    return table


def _changes(case: Case) -> Changes:
    return {} if isinstance(case.expect, Unchanged | Impossible) else case.expect.changes


def _full(changes: Changes, start: dict[str, Any]) -> dict[str, Any]:
    return {**{name: {} for name in start}, **changes}


def _place(path: Sequence[str]) -> str:
    return "/".join(path)


def _answers(case: Case, happened: Happened) -> bool:
    if isinstance(case.expect, Impossible):
        return happened.state not in ("done", "needs_input", "needs_approval") and bool(happened.answer.strip())
    facts: Facts = case.expect.answers
    said = _spoken(happened.answer)
    return all(
        any(_spoken(word) in said for word in fact.any) and not any(_spoken(word) in said for word in fact.never)
        for fact in facts
    )


def _spoken(text: str) -> str:
    """A text's words, numbers and times, each between spaces: 1.50 is a word of its own, and the same as 1,5."""
    return f" {' '.join(_plain(word) for word in SPOKEN.findall(text.casefold()))} "


def _plain(word: str) -> str:
    if ":" in word:
        return re.sub(r"^0(?=\d)|(?<=:\d\d):00$", "", word)
    return f"{float(word.replace(',', '.')):g}" if re.fullmatch(r"\d+([.,]\d+)?", word) else word


def _asked(case: Case, person: Person, start: dict[str, Any]) -> bool:
    expect = case.expect
    if isinstance(expect, Asks) and not {id(one) for one in expect.asks} <= {
        id(found) for _, found in person.questions
    }:
        return False
    if isinstance(expect, Approval):
        allowed = (_full({}, start), _full(expect.before, start))
        return bool(person.proposals) and any(
            not list(differences(start, one, person.proposals[0][1])) for one in allowed
        )
    return not (isinstance(expect, Asks) and expect.approval) or bool(person.proposals)


def _needless(case: Case, person: Person) -> int:
    expect = case.expect
    expected = {id(found) for _, found in person.questions if found is not None}
    approves = isinstance(expect, Approval) or (isinstance(expect, Asks) and expect.approval)
    return len(person.questions) - len(expected) + (0 if approves else len(person.proposals))


def _wrong_writes(case: Case, start: dict[str, Any], house: House) -> Iterator[str]:
    """The writes with an effect that is not of the expected final state. What came to be in the run is judged by what it is
    in the end, so that an order may be made and then paid."""
    changes, through = _changes(case), getattr(case.expect, "through", ())
    off = {path for path in differences(start, _full(changes, start), house.state) if path[-1] != "+"}
    for name, backend in house.backends.items():
        for write in backend.writes:
            if any(
                not _is_right(name, path, now, start, house, changes, through, off) for path, now in _effects(write)
            ):
                yield f"{name} {write.request.method} {write.request.path}"


def _effects(write: Write) -> Iterator[tuple[tuple[str, ...], Any]]:
    return effects(write.before, write.after)


def _is_right(
    name: str,
    path: tuple[str, ...],
    now: Any,
    start: dict[str, Any],
    house: House,
    changes: Changes,
    through: tuple[str, ...],
    off: set[tuple[str, ...]],
) -> bool:
    full = (name, *path)
    if any(f"{_place(full)}/".startswith(f"{place}/") for place in through):
        return True
    wanted = wanted_at(changes, full)
    if wanted is not MISSING:
        return fits(wanted, now)
    thing = full[:3]
    existed, is_there = (wanted_at(state, thing) is not MISSING for state in (start, house.state))
    return not existed and is_there and thing not in off
