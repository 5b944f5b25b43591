"""How the graph planner fills arguments: `python -m benchmarks.bfcl FOLDER`, over the Berkeley Function-Calling Leaderboard.

FOLDER is `bfcl_eval/data` of the wheel that `pip download --no-deps bfcl-eval` gets (Apache-2.0; 2026.3.23 is what the figures are
of). Each function is compiled as an operation of a document is. The document of a function does not say whether it changes
anything: one that goes by a verb of doing (`book`, `send`) counts as a write, any other as a read. Nothing is looked up.

Each category is cut in two by a hash of the id: what the planner was made better with, and what was held back.

Plans: how many are right to the last argument (right), in how many the planner asks for what it lacks, and refuses;
`called` is where all of a plan is told, right or not. Filling: with
the right function given, as a read, how many of the calls come out right with all that the words may mean taken (filled right),
and, of all arguments that an answer needs or that were filled, sorted by how sure each is, the share that is right among the surest
25, 50 and 75 % (`-` where not that many are filled), and among all, where what is not filled is wrong. `sure to write`: of those
that are sure enough for a write, how many are right.
"""

import argparse
import asyncio
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from msgspec import Struct, structs
from rich.console import Console
from rich.table import Table

from benchmarks.bfcl_check import Call, is_right, is_value
from gateway.core.agree import verbs_of
from gateway.core.compile import compile_document
from gateway.core.english import ACTS
from gateway.core.entities import read_entities
from gateway.core.fill import SURE_TO_WRITE, Filled, fill_arguments
from gateway.core.manifest import Manifest
from gateway.core.plan import Default, Listed, Literal, Shape, Source, Span
from gateway.core.planned import Asks, Impossible, Planned, Ready
from gateway.core.references import Documents
from gateway.core.tool import Effect, Tool
from gateway.planners.base import Sight, Wish
from gateway.planners.graph import GraphPlanner
from gateway.rankers.base import Part
from gateway.rankers.lexical import Bm25

# When it is said: what has no year is of 2023 in the answers.
NOW = datetime(2023, 1, 2, 10, 0, tzinfo=UTC)
URI = "https://documents.example/openapi.json"
ANSWERED = (
    "simple_python", "multiple", "parallel", "parallel_multiple", "live_simple", "live_multiple", "live_parallel",
    "live_parallel_multiple",
)  # fmt: skip
IRRELEVANT = ("irrelevance", "live_irrelevance")
HALVES = ("dev", "held")
SHARES = (0.25, 0.5, 0.75)
TYPES = {"dict": "object", "float": "number", "tuple": "array", "any": None}
KEPT = ("description", "enum", "default", "format", "minimum", "maximum")


class Item(Struct, frozen=True):
    """A wish, the functions at hand, and the calls that are right; without `answer` none is."""

    id: str
    text: str
    functions: tuple[dict[str, Any], ...]
    answer: tuple[dict[str, Any], ...]

    @property
    def half(self) -> str:
        return HALVES[sha256(self.id.encode()).digest()[0] % 2]


class Argument(Struct, frozen=True):
    """One argument that an answer needs, or that was filled: how sure it is, 0 where it is not filled, and whether it is right."""

    sure: float
    right: bool


def read_items(folder: Path, category: str) -> list[Item]:
    answers: dict[str, list[dict[str, Any]]] = {}
    if (path := folder / "possible_answer" / f"BFCL_v4_{category}.json").exists():
        answers = {one["id"]: one["ground_truth"] for one in _rows(path)}
    return [
        Item(one["id"], _said(one["question"]), tuple(one["function"]), tuple(answers.get(one["id"], ())))
        for one in _rows(folder / f"BFCL_v4_{category}.json")
    ]


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    yield from map(json.loads, path.read_text(encoding="utf-8").splitlines())


def _said(turns: Sequence[Sequence[dict[str, str]]]) -> str:
    """What the person says last."""
    return [one["content"] for one in turns[0] if one["role"] == "user"][-1]


# A function as a tool.


def tools_of(functions: Sequence[dict[str, Any]]) -> dict[str, Tool]:
    """The tools by the names of their functions."""
    paths = {
        f"/{number}": {"post": {"operationId": one["name"], "summary": one["description"].partition(". ")[0],
                                "description": one["description"], **_body(one["parameters"]),
                                "responses": {"200": {"description": "ok"}}}}
        for number, one in enumerate(functions)
    }  # fmt: skip
    tree = {"openapi": "3.1.0", "info": {"title": "x", "version": "1"}, "paths": paths}
    tools = compile_document(Manifest(name="x"), Documents(URI, {URI: tree}), "digest").tools
    return {functions[int(tool.operation.path[1:])]["name"]: _with_effect(tool) for tool in tools}


def _with_effect(tool: Tool) -> Tool:
    effect: Effect = "write" if verbs_of(tool) & ACTS else "read"
    return structs.replace(tool, effect=effect)


def _body(parameters: dict[str, Any]) -> dict[str, Any]:
    if not parameters["properties"]:
        return {}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema_of(parameters)}}}}


def schema_of(told: dict[str, Any]) -> dict[str, Any]:
    kind = TYPES.get(told["type"], told["type"])
    schema = {name: told[name] for name in KEPT if name in told} | ({"type": kind} if kind else {})
    if "properties" in told:
        schema["properties"] = {name: schema_of(one) for name, one in told["properties"].items()}
        schema |= {"required": told.get("required", []), "additionalProperties": False}
    if "items" in told:
        schema["items"] = schema_of(told["items"])
    return schema


# What comes of it.


async def plan(item: Item, tools: dict[str, Tool]) -> Planned:
    by_name = {tool.name: tool for tool in tools.values()}
    ranker = Bm25()
    part = Part(ranker.segment(list(tools.values())))

    async def search(text: str, limit: int, effects: frozenset[Effect]) -> list[str]:
        found = [one.name for one in ranker.rank(text, limit, [part]).tools]
        return [name for name in found if by_name[name].effect in effects]

    return await GraphPlanner().plan(Wish(item.text, NOW), Sight(by_name, search))


def calls_of(planned: Planned, tools: dict[str, Tool]) -> list[Call] | None:
    """The calls of a plan; None where something is asked."""
    if not isinstance(planned, Ready):
        return None
    names = {tool.name: name for name, tool in tools.items()}
    calls = [(names[step.tool], values_of(step.arguments)) for step in planned.plan.steps]
    return None if any(one is None for _, one in calls) else [(name, one or {}) for name, one in calls]


def values_of(arguments: dict[str, Source]) -> dict[str, Any] | None:
    """The values; None where one is asked. What nobody said is left to the function."""
    values = {name: _value(one) for name, one in arguments.items() if not isinstance(one, Default)}
    return None if any(_is_open(one) for one in arguments.values()) else values


def _is_open(source: Source) -> bool:
    match source:
        case Shape(members=members):
            return any(map(_is_open, members.values()))
        case Listed(items=items):
            return any(map(_is_open, items))
        case _:
            return not isinstance(source, Literal | Default)


def _value(source: Source) -> Any:
    match source:
        case Literal(value=value) | Default(value=value):
            return value
        case Shape(members=members):
            return {name: _value(one) for name, one in members.items()}
        case Listed(items=items):
            return [_value(one) for one in items]
        case _:
            return None


def fill(item: Item, tool: Tool) -> Filled:
    """All that the words give, however unsure."""
    read = structs.replace(tool, effect="read")
    return fill_arguments(read, item.text, Span(0, len(item.text)), read_entities(item.text, NOW, "en"), least_sure=0.0)


def arguments_of(filled: Filled, wanted: dict[str, list[Any]], function: dict[str, Any]) -> Iterator[Argument]:
    """Of what is needed, and what is filled from the words."""
    for name, values in wanted.items():
        source = filled.arguments.get(name)
        if source is None or _is_open(source) or isinstance(source, Default):
            if "" not in values:
                yield Argument(0.0, right=False)
        else:
            sure = min(one for told, one in filled.sure.items() if told == name or told.startswith(f"{name}/"))
            yield Argument(sure, is_value(_value(source), values, function["parameters"]["properties"][name]))
    yield from (Argument(filled.sure[name], right=False) for name in filled.arguments if name not in wanted)


def measure(items: Sequence[Item]) -> tuple[Counter[str], list[Argument]]:
    count: Counter[str] = Counter()
    arguments: list[Argument] = []
    for item in items:
        tools = tools_of(item.functions)
        planned = asyncio.run(plan(item, tools))
        calls = calls_of(planned, tools)
        count["items"] += 1
        count["right"] += calls is not None and bool(item.answer) and is_right(calls, item.answer, item.functions)
        count["called"] += calls is not None
        count["asked"] += isinstance(planned, Asks) or (isinstance(planned, Ready) and calls is None)
        count["refused"] += isinstance(planned, Impossible)
        if len(item.answer) != 1:
            continue
        ((name, wanted),) = item.answer[0].items()
        function = next(one for one in item.functions if one["name"] == name)
        filled = fill(item, tools[name])
        arguments += arguments_of(filled, wanted, function)
        values = values_of(filled.arguments)
        count["filled"] += 1
        count["filled right"] += values is not None and is_right([(name, values)], item.answer, item.functions)
    return count, arguments


def curve(arguments: Sequence[Argument]) -> list[str]:
    """The share that is right among the surest so many; of less than that many filled ones, none."""
    ranked = sorted(arguments, key=lambda one: -one.sure)
    tops = [ranked[: round(len(ranked) * share)] for share in SHARES]
    told = [share_of(one.right for one in top) if top and top[-1].sure > 0 else "-" for top in tops]
    return [*told, share_of(one.right for one in arguments)]


def share_of(right: Iterable[bool]) -> str:
    told = list(right)
    return f"{sum(told) / len(told):.1%}" if told else "-"


def row(count: Counter[str], arguments: Sequence[Argument]) -> list[str]:
    shares = [f"{count[name] / max(count['items'], 1):.1%}" for name in ("right", "called", "asked", "refused")]
    filled = f"{count['filled right'] / count['filled']:.1%}" if count["filled"] else "-"
    sure = [one.right for one in arguments if one.sure >= SURE_TO_WRITE]
    return [
        str(count["items"]),
        *shares,
        filled,
        str(len(arguments)),
        *curve(arguments),
        f"{share_of(sure)} of {len(sure)}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bfcl")
    parser.add_argument("folder", type=Path, help="bfcl_eval/data")
    parser.add_argument("--half", choices=HALVES, default="", help="only this one")
    parser.add_argument("--only", default="", help="only this category")
    told = parser.parse_args()
    console = Console(width=150)
    for half in [told.half] if told.half else HALVES:
        surest = [*(f"{share:.0%}" for share in SHARES), "all"]
        table = Table("category", "items", "right", "called", "asked", "refused", "filled right", "arguments", *surest,
                      "sure to write", title=half)  # fmt: skip
        everything: list[Argument] = []
        for category in [told.only] if told.only else (*ANSWERED, *IRRELEVANT):
            items = [one for one in read_items(told.folder, category) if one.half == half]
            count, arguments = measure(items)
            table.add_row(category, *row(count, arguments))
            everything += arguments
        table.add_row("all", *row(Counter(), everything))
        console.print(table)


if __name__ == "__main__":
    main()
