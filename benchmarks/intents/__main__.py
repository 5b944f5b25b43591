"""`python -m benchmarks.intents RUNNER`: how many of the cases it gets right, by kind and part."""

import argparse
import asyncio
from collections.abc import Sequence

from rich.console import Console

from benchmarks.intents.case import read_cases
from benchmarks.intents.house import open_house
from benchmarks.intents.judge import Verdict, judge_all, tables
from benchmarks.intents.runner import runner_named

IN_PROCESS = ("oracle", "nothing", "everything-on")
WIDTH = 110


async def measure(runner: str, part: str, kind: str) -> list[Verdict]:
    cases = [one for one in read_cases() if part in ("all", one.part) and kind in ("", one.kind)]
    async with open_house(served=runner not in IN_PROCESS) as house, runner_named(runner, house, cases) as run:
        return await judge_all(cases, run, house)


def explain(verdicts: Sequence[Verdict]) -> list[str]:
    """A line for each case of the dev part that is not right. Of those held out nothing is told but counts."""
    return [
        f"{one.case.id}: {one.run_state}; differs {', '.join(one.differs) or '-'}; wrong {', '.join(one.wrong) or '-'}; "
        f"asked {one.asked}, needless {one.needless}; said {one.said[:200]!r}"
        for one in verdicts
        if one.case.part == "dev" and not one.right
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.intents", description=__doc__)
    parser.add_argument("runner", help="oracle, nothing, everything-on, graph")
    parser.add_argument("--part", choices=("dev", "held", "all"), default="all")
    parser.add_argument("--kind", default="", help="only the cases of this kind")
    parser.add_argument(
        "--why", action="store_true", help="what is wrong with the cases of the dev part that are not right"
    )
    told = parser.parse_args()
    verdicts = asyncio.run(measure(told.runner, told.part, told.kind))
    console = Console(width=WIDTH)
    for table in tables(verdicts):
        console.print(table)
    for line in explain(verdicts) if told.why else ():
        print(line)


if __name__ == "__main__":
    main()
