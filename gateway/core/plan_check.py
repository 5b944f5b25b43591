"""Whether a plan holds, before anything is called: every tool, every argument, every reference. Values that are there are checked
as a call checks them; for those that will come, their types are."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from gateway.core.arguments import ArgumentProblem, Validator, check_arguments, compile_arguments
from gateway.core.constraint import Unclear, read_constraints
from gateway.core.default import with_defaults
from gateway.core.idempotency import key_argument
from gateway.core.option import PAGES, RESERVED, take_options
from gateway.core.plan import (
    NESTING_MAX,
    SOURCES_MAX,
    STEPS_MAX,
    Circular,
    Default,
    Item,
    Leaf,
    Literal,
    Moment,
    Pick,
    Plan,
    Ref,
    Slot,
    Source,
    Span,
    Step,
    Verify,
    fill,
    in_order,
    leaves,
    needed_by,
    nesting,
)
from gateway.core.reach import ALL, NUMBERS, Kinds, Place, misfit, place_of
from gateway.core.tell_check import answer_problems, find_picked, read_from, shape_problems
from gateway.core.tool import Tool

PLAN_PROBLEMS_MAX = 50

NOWHERE, ANYTHING = Place((), {}), Place((True,), {})
_TEXT = Place(({"type": "string"},), {})


class PlanProblem(Struct, frozen=True):
    """What is wrong: in which step ("" is the plan), at which argument (a JSON Pointer; "" is the step), and what would do."""

    step: str
    argument: str
    detail: str


def check_plan(plan: Plan, tools: Mapping[str, Tool], loose: Collection[str] = ()) -> tuple[PlanProblem, ...]:
    """Everything that is wrong, PLAN_PROBLEMS_MAX at most; () where the plan holds. `tools` are those that the caller may
    call. `loose` are the connectors whose answers may have what their documents do not declare."""
    if not 1 <= len(plan.steps) <= STEPS_MAX:
        return (PlanProblem("", "", f"a plan has 1 to {STEPS_MAX} steps; this one has {len(plan.steps)}"),)
    found = tuple(_steps_alone(plan))
    if found:
        return found[:PLAN_PROBLEMS_MAX]
    try:
        steps = in_order(plan)
    except Circular as error:
        told = f"these steps wait for each other, or for one that does: {', '.join(error.steps)}"
        return (PlanProblem(error.steps[0], "", told),)
    checking = _Checking(plan, tools, loose)
    problems = (*(problem for step in steps for problem in checking.problems(step)), *checking.answers())
    return problems[:PLAN_PROBLEMS_MAX]


def _steps_alone(plan: Plan) -> Iterator[PlanProblem]:
    """What can be told without any tool."""
    names = Counter(step.name for step in plan.steps)
    count = sum(1 for step in plan.steps for one in _sources(step) for _ in leaves(one))
    if count > SOURCES_MAX:
        yield PlanProblem("", "", f"a plan has at most {SOURCES_MAX} sources of arguments; this one has {count}")
        return
    yield from (PlanProblem(name, "", detail) for name, detail in shape_problems(plan))
    for step in plan.steps:
        if names[step.name] > 1:
            yield PlanProblem(step.name, "", "two steps have this name")
        if any(nesting(one) > NESTING_MAX for one in _sources(step)):
            yield PlanProblem(step.name, "", f"its arguments nest deeper than {NESTING_MAX} levels")
        for missing in sorted(needed_by(step) - names.keys()):
            yield PlanProblem(step.name, "", f"it refers to {missing}, and there is no such step")


def _sources(step: Step) -> tuple[Mapping[str, Source], ...]:
    verify = step.told_verify
    return (step.arguments, verify.arguments, verify.shows) if verify is not None else (step.arguments,)


class _Checking:
    """One plan and what its steps answer; steps come in order."""

    def __init__(self, plan: Plan, tools: Mapping[str, Tool], loose: Collection[str]) -> None:
        self._plan = plan
        self._tools = tools
        self._loose = loose
        self._steps = {step.name: step for step in plan.steps}
        self._answers: dict[str, Place] = {}
        self._asked: dict[str, tuple[Validator, Place]] = {}

    def problems(self, step: Step) -> Iterator[PlanProblem]:
        tool = self._tools.get(step.tool)
        items = NOWHERE
        if step.each is not None:
            items, told = self._items(step.each)
            yield from (PlanProblem(step.name, "", f"`each`: {one}") for one in told)
        if step.when is not None:
            told = (*self._found(step.when.value, step, items)[1], *_unclear(step.when.fits))
            yield from (PlanProblem(step.name, "", f"`when`: {one}") for one in told)
        if tool is None:
            yield PlanProblem(step.name, "", f"there is no tool named {step.tool[:64]!r} that you may call")
            return
        for place, detail in self._arguments(step, tool, step.arguments, items):
            yield PlanProblem(step.name, place, detail)
        if step.told_verify is not None:
            for place, detail in self._verify(step, tool, step.told_verify, items):
                yield PlanProblem(step.name, place, f"`verify`: {detail}")

    def answers(self) -> Iterator[PlanProblem]:
        """What is wrong with what the plan answers."""
        for answer in self._plan.answers:
            step = self._steps[read_from(answer)]
            if step.tool in self._tools:
                for detail in answer_problems(answer, self._referred):
                    yield PlanProblem(step.name, "", f"an answer: {detail}")

    def _referred(self, leaf: Ref) -> tuple[Place, tuple[str, ...]]:
        return self._found(leaf, Step("", ""), NOWHERE)

    def _verify(self, step: Step, tool: Tool, verify: Verify, items: Place) -> Iterator[tuple[str, str]]:
        look = self._tools.get(verify.tool)
        if tool.effect == "read":
            yield "", "a step that reads has nothing to be verified"
        elif look is None:
            yield "", f"there is no tool named {verify.tool[:64]!r} that you may call"
        elif look.effect != "read":
            yield "", f"{look.name} does more than read"
        else:
            yield from self._arguments(step, look, verify.arguments, items, is_verify=True)
            yield from self._shows(step, look, verify, items)

    def _shows(self, step: Step, look: Tool, verify: Verify, items: Place) -> Iterator[tuple[str, str]]:
        if verify.gone and verify.shows:
            yield "", "what is gone shows nothing"
        answer = self._answer_of(look)
        for pointer in verify.shows:
            if not answer.at(pointer).schemas and look.connector not in self._loose:
                yield pointer, f"the answer of {look.name} declares nothing there"
        for place, leaf in leaves(verify.shows):
            if isinstance(leaf, Slot):
                yield place, "what has to be asked cannot be looked for; put it among the arguments of the step"
            elif isinstance(leaf, Pick):
                yield from ((place, one) for one in find_picked(leaf, self._referred)[1])
            elif isinstance(leaf, Ref | Item):
                yield from ((place, one) for one in self._found(leaf, step, items, is_verify=True)[1])

    def _arguments(
        self, step: Step, tool: Tool, sources: Mapping[str, Source], items: Place, *, is_verify: bool = False
    ) -> Iterator[tuple[str, str]]:
        """What is wrong with the arguments of one call: where, and what would do."""
        validator, asked = self._inputs(tool)
        yield from _options(tool, sources)
        sources = {name: one for name, one in sources.items() if name not in RESERVED}
        for place, leaf in leaves(sources):
            yield from ((place, one) for one in self._leaf(leaf, asked.at(place), step, items, is_verify=is_verify))
        yield from ((one.pointer, one.expected) for one in _misfits(tool, validator, sources))

    def _leaf(self, leaf: Leaf, asked: Place, step: Step, items: Place, *, is_verify: bool) -> Iterable[str]:
        match leaf:
            case Literal(span=Span(start=start, end=end)) if not start < end <= len(self._plan.intent):
                return (f"its span is not within the intent, which has {len(self._plan.intent)} characters",)
            case Literal() | Default():
                return ()
            case Slot() if is_verify:
                return ("what has to be asked cannot be looked for; put it among the arguments of the step",)
            case Slot(schema=schema):
                return _unaskable(schema, asked) if schema is not None else ()
            case Ref() | Item():
                found, told = self._found(leaf, step, items, is_verify=is_verify)
                return told or _unfitting(leaf, found, asked)
            case Moment():
                unfit = misfit(_TEXT, asked)
                return (f"expected {_say(asked.kinds)}, and a moment is a text",) if unfit is not None else ()
            case Pick():
                found, told = find_picked(leaf, self._referred)
                return told or _unfitting(leaf, found, asked)

    def _found(
        self, leaf: Ref | Item, step: Step, items: Place, *, is_verify: bool = False
    ) -> tuple[Place, tuple[str, ...]]:
        """What stands where a reference leads to, and why it leads nowhere."""
        if isinstance(leaf, Item):
            if step.each is None:
                return NOWHERE, ("there are no items: the step has no `each`",)
            root, loose, whose = items, self._is_loose(step.each.step), "an item"
        elif leaf.step == step.name and is_verify:
            tool = self._tools[step.tool]
            root, loose, whose = self._answer_of(tool), tool.connector in self._loose, "the answer of this step"
        else:
            root, loose, whose = self._answer(leaf.step), self._is_loose(leaf.step), f"the answer of {leaf.step}"
        found = root.at(leaf.pointer)
        if found.schemas or loose:
            return found if found.schemas else ANYTHING, ()
        if not root.schemas:
            return NOWHERE, (f"{whose} has no schema, so that nothing in it can be referred to",)
        return NOWHERE, (f"{whose} declares nothing at {leaf.pointer[:200]!r}",)

    def _items(self, each: Ref) -> tuple[Place, tuple[str, ...]]:
        found, told = self._found(each, Step("", ""), NOWHERE)
        if told:
            return NOWHERE, told
        if "array" not in found.kinds:
            return NOWHERE, (f"there is no list at {each.pointer[:200]!r} in the answer of {each.step}",)
        return found.at("/-"), ()

    def _is_loose(self, name: str) -> bool:
        tool = self._tools.get(self._steps[name].tool)
        return tool is not None and tool.connector in self._loose

    def _answer(self, name: str) -> Place:
        if name not in self._answers:
            step = self._steps[name]
            tool = self._tools.get(step.tool)
            one = self._answer_of(tool) if tool is not None else ANYTHING
            self._answers[name] = one.listed() if step.each is not None else one
        return self._answers[name]

    def _answer_of(self, tool: Tool) -> Place:
        return place_of(tool.output_schema)

    def _inputs(self, tool: Tool) -> tuple[Validator, Place]:
        if tool.name not in self._asked:
            schema = tool.input_schema
            self._asked[tool.name] = compile_arguments(schema), place_of(schema)
        return self._asked[tool.name]


def _options(tool: Tool, sources: Mapping[str, Source]) -> Iterator[tuple[str, str]]:
    """What is wrong with the options of a call: others than how many pages would change what its answer is."""
    for name in sorted(sources.keys() & RESERVED):
        source = sources[name]
        if name != PAGES or name not in tool.options:
            yield f"/{name}", "this option cannot be part of a plan"
        elif not isinstance(source, Literal | Default):
            yield f"/{name}", "expected a value: options are not looked up"
        else:
            try:
                take_options({name: source.value})
            except msgspec.ValidationError as error:
                yield f"/{name}", str(error)[:200]


def _misfits(tool: Tool, validator: Validator, sources: Mapping[str, Source]) -> tuple[ArgumentProblem, ...]:
    """What is wrong with the arguments, whatever will stand where there is no value yet."""
    open_at = [place for place, leaf in leaves(sources) if isinstance(leaf, Ref | Item | Pick | Moment | Slot)]
    around = {place[:end] for place in open_at for end in range(len(place)) if place[end] == "/"}
    key = key_argument(tool)

    def counts(problem: ArgumentProblem) -> bool:
        if problem.expected == "required":
            return problem.pointer != f"/{key}" and problem.pointer not in open_at
        if problem.expected.startswith("unknown"):
            return True
        return problem.pointer not in around and not any(
            problem.pointer == place or problem.pointer.startswith(f"{place}/") for place in open_at
        )

    told = with_defaults(tool.operation, fill(sources, _value_of))
    return check_arguments(validator, told, counts)


def _value_of(place: str, leaf: Leaf) -> object:
    return leaf.value if isinstance(leaf, Literal | Default) else None


def _unfitting(leaf: Ref | Item | Pick, found: Place, asked: Place) -> tuple[str, ...]:
    """Why what will come does not fit, by its type. What may be null may be something else, and is looked at when it comes."""
    if leaf.as_text and found.kinds != ALL and found.kinds & NUMBERS:
        found = Place(({"type": sorted(found.kinds - NUMBERS | {"string"})},), {})
    unfit = misfit(found, asked)
    if unfit is None:
        return ()
    place, coming, wanted = unfit
    where = f" at {place[:200]!r}" if place else ""
    textual = not place and coming.kinds & NUMBERS and "string" in wanted.kinds
    advice = "; `as_text` makes a text of a number" if textual else ""
    return (f"expected {_say(wanted.kinds)}{where}, and {_say(coming.kinds - {'null'})} stands there{advice}",)


def _unaskable(schema: Mapping[str, Any], asked: Place) -> tuple[str, ...]:
    """Why a question cannot be asked with this schema, or its answer would not fit."""
    try:
        read_constraints({"properties": {"answer": dict(schema)}})
    except Unclear as error:
        return (f"the question cannot be asked so: {error}",)
    answered = Place((dict(schema),), {})
    if misfit(answered, asked) is None:
        return ()
    return (f"expected {_say(asked.kinds)}, and the question asks for {_say(answered.kinds)}",)


def _unclear(fits: Mapping[str, Any]) -> tuple[str, ...]:
    try:
        read_constraints({"properties": {"value": dict(fits)}})
    except Unclear as error:
        return (str(error),)
    return ()


def _say(kinds: Kinds) -> str:
    named = kinds - {"integer"} if kinds >= NUMBERS else kinds
    return " or ".join(sorted(named)) or "nothing"
