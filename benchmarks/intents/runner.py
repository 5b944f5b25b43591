"""What is measured: a runner takes a task, acts, talks to the person, and says how it ended. The runners that need no planner.

A runner of another kind is one function more and its name in `runner_named`.
"""

import re
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from copy import deepcopy
from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET, Struct

from benchmarks.intents.case import Approval, Ask, Asks, Case
from benchmarks.intents.house import House
from benchmarks.intents.oracle import carry_out
from gateway.core.principal import DEFAULT_TENANT, Principal

SUBJECT, CLIENT = "ada", "benchmark"
# A word as short as `at` or `to` says what a question is about as the name of an argument only.
ARGUMENT_ONLY = 2


class Choice(Struct, frozen=True):
    value: Any
    label: str


class Question(Struct, frozen=True):
    """What is asked of the person: in words, and the name of the argument that it is about, with the choices there are."""

    text: str
    argument: str = ""
    choices: tuple[Choice, ...] = ()


class Reply(Struct, frozen=True):
    """What the person answers: words, and the value for a form (UNSET where only words are known)."""

    text: str
    value: Any = UNSET


class Proposal(Struct, frozen=True):
    """What the person is asked to say yes to."""

    text: str
    tool: str = ""
    arguments: dict[str, Any] = {}


class Person:
    """Answers as the case says, and keeps what was asked and how the house stood at that time."""

    def __init__(self, case: Case, house: House) -> None:
        self._case, self._house = case, house
        self.questions: list[tuple[Question, Ask | None]] = []
        self.proposals: list[tuple[Proposal, dict[str, Any]]] = []

    async def answer(self, question: Question) -> Reply | None:
        """None where the person has nothing to say to it: the question was needless."""
        asks = self._case.expect.asks if isinstance(self._case.expect, Asks) else ()
        found = next((one for one in asks if _is_about(question, one)), None)
        self.questions.append((question, found))
        if found is None:
            return None
        for choice in question.choices:
            label = f"{msgspec.json.encode(choice.value).decode()} {choice.label}".casefold()
            if found.pick is not UNSET and found.pick.casefold() in label:
                return Reply(choice.label, choice.value)
        return Reply(found.says, found.value)

    async def approve(self, proposal: Proposal) -> bool:
        """Whether the person says yes."""
        self.proposals.append((proposal, deepcopy(self._house.state)))
        return self._case.expect.yes if isinstance(self._case.expect, Approval) else True


class Task(Struct, frozen=True):
    """Somebody's wish. Nothing in it tells what is expected."""

    text: str
    now: datetime
    principal: Principal
    house: House
    person: Person


class Happened(Struct, frozen=True):
    """How a run ended: its last state (a word of gateway intents: done, failed, rejected, needs_input, ...) and the answer."""

    state: str
    answer: str = ""


Runner = Callable[[Task], Awaitable[Happened]]


def task_of(case: Case, house: House, person: Person) -> Task:
    principal = Principal(
        tenant=DEFAULT_TENANT,
        subject=SUBJECT,
        client=CLIENT,
        scopes=frozenset(f"{name}:{what}" for name in house.backends for what in ("read", "write")),
    )
    return Task(case.text, datetime.fromisoformat(case.now), principal, house, person)


def oracle(cases: list[Case]) -> Runner:
    """Knows what is expected and does it by plain HTTP: what anybody could reach."""
    by_task = {(case.text, case.now): case for case in cases}

    async def run(task: Task) -> Happened:
        expect = by_task[task.text, task.now.isoformat()].expect
        if isinstance(expect, Asks):
            for one in expect.asks:
                await task.person.answer(Question(one.about[0], one.about[0]))
        if isinstance(expect, Approval):
            await carry_out(task.house, expect.before)
        approves = isinstance(expect, Approval) or (isinstance(expect, Asks) and expect.approval)
        if approves:
            await task.person.approve(Proposal(task.text))
        await carry_out(task.house, getattr(expect, "changes", {}))
        facts = [fact.any[0] for fact in getattr(expect, "answers", ())]
        impossible = type(expect).__name__ == "Impossible"
        return Happened(
            "failed" if impossible else "done", "; ".join(facts) or ("There is no way." if impossible else "")
        )

    return run


async def nothing(_: Task) -> Happened:
    """Does nothing and says nothing."""
    return Happened("done")


async def everything_on(task: Task) -> Happened:
    """Turns on every light there is, whatever was asked."""
    for light in await task.house.send("home", "GET", "/lights"):
        await task.house.send("home", "PATCH", f"/lights/{light['id']}", {"on": True})
    return Happened("done", "Everything is on.")


def runner_named(name: str, house: House, cases: list[Case]) -> AbstractAsyncContextManager[Runner]:
    """The runner of this name, open within the block: this is where one that needs a gateway starts it in front of the house.
    Raises LookupError."""
    match name:
        case "oracle":
            return nullcontext(oracle(cases))
        case "nothing":
            return nullcontext(nothing)
        case "everything-on":
            return nullcontext(everything_on)
        case "graph":
            from benchmarks.intents.graph import graph_runner

            return graph_runner(house)
    raise LookupError(f"There is no runner {name!r}: there are oracle, nothing, everything-on and graph.")


def _is_about(question: Question, ask: Ask) -> bool:
    argument = _words(question.argument)
    told = argument + _words(" ".join((question.text, *(one.label for one in question.choices))))
    return any(_words(word) in (argument if len(word) <= ARGUMENT_ONLY else told) for word in ask.about)


def _words(text: str) -> str:
    """The words of a text or a name in small letters, between spaces."""
    words = re.findall(r"[^\W_]+", re.sub(r"([a-z])([A-Z])", r"\1 \2", text).casefold())
    return f" {' '.join(words)} "
