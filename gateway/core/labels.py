"""Labels of the values of a plan: how far whoever gave one is to be trusted, and which connectors it is from. Follows where
values come from; what may become of them is `core.flow`."""

import re
from collections.abc import Iterable, Mapping
from itertools import takewhile
from typing import Any, Literal

import msgspec
from msgspec import Struct

from gateway.core import plan as plans
from gateway.core.fact import ORIGIN, What
from gateway.core.plan import (
    MODEL,
    MODEL_SEEN,
    Default,
    Item,
    Leaf,
    Moment,
    Pick,
    Plan,
    Ref,
    Slot,
    Span,
    Step,
    leaves,
    needed_by,
)
from gateway.core.reach import Place, place_of
from gateway.core.recall import vouches
from gateway.core.tool import Tool

Integrity = Literal["user", "trusted", "untrusted"]
_LEAST_LAST: tuple[Integrity, ...] = ("user", "trusted", "untrusted")
# What may stand before and after a whole word, a whole address, or a whole URL.
_GOES_ON_BEFORE = re.compile(r"[\w@.+%/:#&=?~$!*'-]\Z")
_GOES_ON_AFTER = re.compile(r"[\w@+%/#&=~$*-]|[.:?!,;']+[^\s.:?!,;'\")\]]")


class Label(Struct, frozen=True):
    """`user`: the person said it, or chose it; `trusted`: a connector whose answers are trusted gave it, or the document of a
    tool; `untrusted`: anybody may have. `connectors`: whose answers are in it."""

    integrity: Integrity = "user"
    connectors: frozenset[str] = frozenset()


class Trust(Struct, frozen=True):
    """Whose answers are trusted, whether a person wrote the plan, the places (`step/argument`) of values that the person said yes
    to with a recipe of theirs, and the facts that they told, by their ids."""

    connectors: frozenset[str] = frozenset()
    is_person: bool = False
    vouched: frozenset[str] = frozenset()
    facts: Mapping[str, What] = {}


def join(labels: Iterable[Label]) -> Label:
    """That of a value made of several: trusted as the least of them, and from all of their connectors."""
    told = [Label(), *labels]
    integrity = max((one.integrity for one in told), key=_LEAST_LAST.index)
    return Label(integrity, frozenset().union(*(one.connectors for one in told)))


class Labels:
    """The labels of one plan. `tools` are those that there are now: what a tool answers that is not there is untrusted."""

    def __init__(self, plan: Plan, tools: Mapping[str, Tool], trust: Trust) -> None:
        self._intent = plan.intent
        self._steps = {step.name: step for step in plan.steps}
        self._tools = tools
        self._trust = trust
        self._answers: dict[str, Label] = {}
        self._inputs: dict[str, Place] = {}

    def of(self, step: Step, tool: Tool, place: str, leaf: Leaf) -> Label:
        """That of one argument of a tool, at a JSON Pointer among the arguments."""
        match leaf:
            case plans.Literal() | Default() if step.name + place in self._trust.vouched:
                return Label("user")
            case plans.Literal(value=value, span=Span() as span) if is_said(self._intent, span, value):
                return Label("user")
            case plans.Literal():
                return self._planned()
            case Default(origin=origin) if origin == MODEL_SEEN:
                return Label("untrusted", self._read_before(step))
            case Default(value=value, origin=origin):
                if self._is_remembered(tool, place, leaf):
                    return Label("user")
                if self._is_told(tool, place, value):
                    return Label("trusted")
                return Label("untrusted") if origin == MODEL or origin.startswith(ORIGIN) else self._planned()
            case Slot(schema=schema):
                return self._planned() if schema is not None and _offers(schema) else Label("user")
            case Moment():
                return Label("trusted")
            case Ref(step=name) | Pick(step=name):
                return self.answer(name)
            case Item():
                return self.answer(step.each.step) if step.each is not None else Label("untrusted")

    def answer(self, name: str) -> Label:
        """That of what a step answers: no better than what it was asked with, and from that too."""
        waiting = [(name, False)]
        while waiting:
            one, has_all = waiting.pop()
            step = self._steps.get(one)
            if step is not None and has_all:
                self._answers[one] = self._answer(step)
            elif one not in self._answers:
                self._answers[one] = Label("untrusted")  # So that a circle comes to an end.
                if step is not None:
                    waiting += [(one, True), *((before, False) for before in needed_by(step))]
        return self._answers[name]

    def asked_with(self, step: Step) -> Label:
        """That of all arguments of a step together, and of what decides for which items it is carried out."""
        tool = self._tools.get(step.tool)
        if tool is None:
            return Label("untrusted")
        each = [self.answer(step.each.step)] if step.each is not None else []
        return join([*each, *(self.of(step, tool, place, leaf) for place, leaf in leaves(step.arguments))])

    def _answer(self, step: Step) -> Label:
        tool = self._tools.get(step.tool)
        if tool is None:
            return Label("untrusted")
        integrity: Integrity = "trusted" if tool.connector in self._trust.connectors else "untrusted"
        return join([Label(integrity, frozenset({tool.connector})), self.asked_with(step)])

    def _read_before(self, step: Step) -> frozenset[str]:
        """The connectors of all steps that are listed before one: what they answered may be in whatever their reader says."""
        tools = (
            self._tools.get(one.tool) for one in takewhile(lambda one: one.name != step.name, self._steps.values())
        )
        return frozenset(tool.connector for tool in tools if tool is not None)

    def _planned(self) -> Label:
        """What whoever planned it put there."""
        return Label("user" if self._trust.is_person else "untrusted")

    def _is_remembered(self, tool: Tool, place: str, leaf: Default) -> bool:
        """Whether the person told the fact that it is said to be from, and that says this very value, here: anybody can write a
        plan that names one."""
        fact = self._trust.facts.get(leaf.origin.removeprefix(ORIGIN)) if leaf.origin.startswith(ORIGIN) else None
        where = {"intent": self._intent, "connector": tool.connector, "place": place}
        return fact is not None and vouches(fact, leaf.value, **where)

    def _is_told(self, tool: Tool, place: str, value: Any) -> bool:
        """Whether the document of the tool says that a value stands there where none is given: what a plan says of its
        defaults anybody can write."""
        if tool.name not in self._inputs:
            self._inputs[tool.name] = place_of(tool.input_schema)
        schema = self._inputs[tool.name].at(place).plain
        return any(key in schema and _same(schema[key], value) for key in ("default", "const"))


def is_said(intent: str, span: Span, value: Any) -> bool:
    """Whether a value stands in the person's words, whole, as it is: `ob@example.com` is not said where bob's address is."""
    words, before, after = intent[span.start : span.end], intent[: span.start], intent[span.end :]
    if _GOES_ON_BEFORE.search(before) or _GOES_ON_AFTER.match(after) or not words:
        return False
    if isinstance(value, str):
        return value == words
    return isinstance(value, int | float) and not isinstance(value, bool) and str(value) == words


def _offers(schema: Any) -> bool:
    """Whether a question comes with its answers: those are then of whoever asks it."""
    if isinstance(schema, dict):
        return bool(schema.keys() & {"const", "enum", "pattern", "default"}) or any(map(_offers, schema.values()))
    return isinstance(schema, list) and any(map(_offers, schema))


def _same(one: Any, other: Any) -> bool:
    """As JSON: true is no 1."""
    return msgspec.json.encode(one, order="deterministic") == msgspec.json.encode(other, order="deterministic")
