"""Arazzo documents as plans. What a plan cannot carry is refused, by its place and name; what it carries in another way is noted.

Source: Arazzo 1.0.1 and 1.1.0, section "Schema".
"""

import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any, TypeVar
from urllib.parse import unquote

import msgspec
from msgspec import UNSET, Struct, structs

from gateway.core import plan as plans
from gateway.core.arazzo import (
    InBody,
    InInputs,
    InStep,
    Portable,
    StepExtension,
    Unsupported,
    WorkflowExtension,
    embedded,
    read_expression,
)
from gateway.core.arazzo_arguments import StepArguments
from gateway.core.arazzo_document import (
    PROBLEMS_MAX,
    Action,
    ArazzoRefused,
    Document,
    Json,
    ParameterTold,
    Reusable,
    StepTold,
    WorkflowTold,
    unknown_fields,
)
from gateway.core.arazzo_write import path_pointer
from gateway.core.catalog import Connector
from gateway.core.plan import Plan, Ref, Slot, Source, Step
from gateway.core.pointer import escape, tokens
from gateway.core.recipe import RecipeParameter, ask_for
from gateway.core.tool import Tool

REFERENCES_MAX = 32
SUCCESSES, FAILURES = frozenset(range(200, 300)), 400

T = TypeVar("T", bound=Struct)

_NO_NAME = re.compile(r"[^A-Za-z0-9_-]+")
_COMPONENT = re.compile(r"\$components\.(parameters|successActions|failureActions)\.([A-Za-z0-9._-]+)")
_BY_NAME = re.compile(r"\$sourceDescriptions\.([A-Za-z0-9_-]+)\.(.+)", re.DOTALL)
_BY_PATH = re.compile(r"\{\$sourceDescriptions\.([A-Za-z0-9_-]+)\.url\}#(/.*)", re.DOTALL)
_STATUS = re.compile(r"\$statusCode\s*(==|!=|>=|<=|<|>)\s*(\d{3})")
_COMPARE: Mapping[str, Callable[[int, int], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
    "<": operator.lt,
    ">": operator.gt,
}


class Brought(Struct, frozen=True):
    """What came of a workflow, and what of it is done in another way than it says, as sentences."""

    portable: Portable
    notes: tuple[str, ...]


def read_arazzo(document: Document, workflow_id: str, connectors: Mapping[str, Connector]) -> Brought:
    """The plan of one workflow, "" being the only one. `connectors` are those that its sources are known as, by the names of the
    sources. Raises ArazzoRefused."""
    known = [one.workflow_id for one in document.workflows]
    if workflow_id not in known and (workflow_id or len(known) > 1):
        raise ArazzoRefused((f"say which workflow: {', '.join(known)[:500]}",))
    workflow = document.workflows[known.index(workflow_id) if workflow_id else 0]
    reading = _Reading(document, workflow, connectors)
    portable = reading.portable()
    if reading.problems:
        raise ArazzoRefused(tuple(dict.fromkeys(reading.problems))[:PROBLEMS_MAX])
    try:
        # What was put together here keeps within the bounds of what is sent.
        plan = msgspec.convert(msgspec.to_builtins(portable.plan), Plan)
    except msgspec.ValidationError as error:
        raise ArazzoRefused((f"no plan comes of it: {error}",)) from error
    return Brought(structs.replace(portable, plan=plan), tuple(dict.fromkeys(reading.notes)))


class _Reading:
    """One workflow. What is wrong is gathered, so that all of it is told at once."""

    def __init__(self, document: Document, workflow: WorkflowTold, connectors: Mapping[str, Connector]) -> None:
        self._document = document
        self._workflow = workflow
        self._connectors = connectors
        self._ours = workflow.extension if isinstance(workflow.extension, WorkflowExtension) else None
        self._names = {one.step_id: _named(one.step_id, "s") for one in workflow.steps}
        self._told = {one.step_id: one for one in workflow.steps}
        # What is asked, by name: the question, "" where there is none, and where it goes.
        self._asked: dict[str, tuple[str, list[str]]] = {}
        self._inputs: dict[InInputs, str] = {}
        self.problems: list[str] = []
        self.notes: list[str] = []

    def portable(self) -> Portable:
        workflow, ours = self._workflow, self._ours
        self._refuse_workflow()
        steps = [self._step(one) for one in workflow.steps]
        intent = (ours.intent if ours else "") or workflow.summary or workflow.description or workflow.workflow_id
        order = {name: place for place, name in enumerate(ours.order)} if ours else {}
        steps.sort(key=lambda one: order.get(one.name, len(order)) if order else 0)
        plan = Plan(intent[: plans.INTENT_CHARACTERS_MAX], tuple(steps))
        description = "" if workflow.description == intent else workflow.description
        if ours is None:
            parameters = tuple(RecipeParameter(name, tuple(at), told) for name, (told, at) in self._asked.items())
            return Portable(workflow.workflow_id, plan, description, (), parameters)
        budget = plan.budget if ours.budget == plan.budget else ours.budget
        plan = structs.replace(plan, budget=budget, answers=ours.answers, zone=ours.zone)
        return Portable(workflow.workflow_id, plan, description, ours.words, ours.parameters)

    # What a plan has no word for.

    def _refuse_workflow(self) -> None:
        workflow = self._workflow
        if workflow.depends_on:
            self._refuse(
                "dependsOn", f"other workflows come first ({', '.join(workflow.depends_on)[:200]}): not carried"
            )
        for name, told in (("successActions", workflow.success_actions), ("failureActions", workflow.failure_actions)):
            self._refuse_actions(name, told, is_last=False)
        if workflow.outputs:
            self.notes.append(
                "The outputs of the workflow are not put together: what each step answered is in its run."
            )
        if set(self._names.values()) != {*self._names} or len(set(self._names.values())) < len(self._names):
            self.notes.append("Steps have other names here, where theirs could not be names of steps.")
            self._names = _distinct(self._names)

    def _refuse_actions(self, place: str, told: Sequence[Json], *, is_last: bool) -> None:
        for one in told:
            action = self._reused(one, Action, place)
            if action is None:
                continue
            ends = action.type == "end" and not action.criteria
            if ends and (is_last or place.endswith(("onFailure", "failureActions"))):
                continue  # It would end there in any case.
            what = "ends the workflow early" if action.type == "end" else f"is a {action.type}"
            self._refuse(place, f"{action.name[:64]} {what}: not carried")

    def _refuse_step(self, one: StepTold, place: str) -> None:
        if one.workflow_id:
            self._refuse(place, f"it is another workflow ({one.workflow_id[:64]}): not carried")
        if one.channel_path or one.action or one.correlation_id:
            self._refuse(place, "it sends or receives messages (AsyncAPI): not carried")
        earlier = [each.step_id for each in self._workflow.steps[: [*self._told].index(one.step_id)]]
        if later := sorted(set(one.depends_on) - set(earlier)):
            self._refuse(f"{place}/dependsOn", f"{later[0][:64]} is no step before it")
        is_last = self._workflow.steps[-1] is one
        self._refuse_actions(f"{place}/onSuccess", one.on_success, is_last=is_last)
        self._refuse_actions(f"{place}/onFailure", one.on_failure, is_last=is_last)
        if one.timeout is not None:
            self.notes.append(f"{one.step_id}: its timeout is that of its connector, not {one.timeout} ms.")
        self._judge(one, f"{place}/successCriteria")

    def _judge(self, one: StepTold, place: str) -> None:
        """A call is a success by its status, 2xx: what looks at more, or takes a failure for a success, is not carried."""
        passed = frozenset(range(100, 600))
        for each in one.success_criteria:
            statuses = statuses_of(each.condition) if each.type == "simple" and not each.context else None
            if statuses is None:
                self._refuse(place, f"{each.condition[:80]!r} looks at more than the status: not carried")
                return
            passed &= statuses
        told = " and ".join(each.condition for each in one.success_criteria)[:80]
        if not passed & SUCCESSES or any(status >= FAILURES for status in passed if one.success_criteria):
            self._refuse(place, f"{told!r} takes for a success what is none of a call")
        elif not passed >= SUCCESSES:
            self.notes.append(f"{one.step_id}: any status from 200 to 299 is a success, not only {told!r}.")

    def _refuse(self, place: str, why: str) -> None:
        self.problems.append(f"{place}: {why}")

    # One step.

    def _step(self, one: StepTold) -> Step:
        place = f"steps/{one.step_id}"
        self._refuse_step(one, place)
        ours = one.extension if isinstance(one.extension, StepExtension) else StepExtension()
        tool = self._tool(one, place)
        if tool is None:
            return Step(self._names[one.step_id], "")
        reading = StepArguments(
            tool,
            ours,
            expression=lambda at, text: self._expression(one, at, text),
            refuse=lambda at, why: self._refuse(place + at, why),
            note=lambda what: self.notes.append(f"{one.step_id}: {what}."),
        )
        arguments = reading.read(self._parameters(one, place), one.request_body)
        return Step(self._names[one.step_id], tool.name, arguments, ours.each, ours.when, ours.verify)

    def _tool(self, one: StepTold, place: str) -> Tool | None:
        """The tool of its operation."""
        told = [bool(one.operation_id), bool(one.operation_path), bool(one.workflow_id), bool(one.channel_path)]
        if sum(told) != 1:
            self._refuse(place, "it has one of operationId, operationPath and workflowId")
            return None
        if one.operation_path:
            return self._by_path(one.operation_path, f"{place}/operationPath")
        return self._by_name(one.operation_id, f"{place}/operationId") if one.operation_id else None

    def _by_name(self, told: str, place: str) -> Tool | None:
        found = _BY_NAME.fullmatch(told)
        names = [found[1]] if found else [one.name for one in self._document.source_descriptions]
        wanted = found[2] if found else told
        if not self._are_known(names, place):
            return None
        tools = [
            tool
            for name in names
            for tool in (self._connectors[name].tools if name in self._connectors else ())
            if tool.operation.operation_id == wanted
        ]
        if len(tools) == 1:
            return tools[0]
        why = "is of several operations" if tools else "is no tool here"
        self._refuse(place, f"{wanted[:100]} of {', '.join(names)[:200]} {why}")
        return None

    def _by_path(self, told: str, place: str) -> Tool | None:
        found = _BY_PATH.fullmatch(told)
        if found is None:
            self._refuse(place, f"{told[:100]!r} names no operation of a source")
            return None
        pointer = unquote(found[2])
        if not self._are_known([found[1]], place):
            return None
        tools = [
            tool
            for tool in self._connectors[found[1]].tools
            if pointer in (path_pointer(tool.operation), tool.operation.pointer)
        ]
        if len(tools) == 1:
            return tools[0]
        self._refuse(place, f"{pointer[:100]} of {found[1]} is no tool here; a path goes on with its method")
        return None

    def _are_known(self, names: Sequence[str], place: str) -> bool:
        """Whether one of these sources is a connector here; what is not is told."""
        if any(name in self._connectors for name in names):
            return True
        told = ", ".join(names)[:200]
        self._refuse(place, f"no connector is known to be the source {told}: add one, or say in `sources` which it is")
        return False

    def _parameters(self, one: StepTold, place: str) -> list[ParameterTold]:
        """Those of the workflow and of the step, which count for more."""
        found: dict[tuple[str, str | None], ParameterTold] = {}
        for told in (*self._workflow.parameters, *one.parameters):
            parameter = self._reused(told, ParameterTold, f"{place}/parameters")
            if parameter is not None:
                found[parameter.name, parameter.where] = parameter
        return [*found.values()]

    def _reused(self, told: Json, kind: type[T], place: str) -> T | None:
        """An object, or that of the components that it refers to."""
        try:
            if "reference" not in told:
                self.problems += unknown_fields(told, kind, place)
                return msgspec.convert(told, kind)
            reusable = msgspec.convert(told, Reusable)
        except msgspec.ValidationError as error:
            self._refuse(place, f"{error}")
            return None
        found = _COMPONENT.fullmatch(reusable.reference)
        shelves: Json = {
            "parameters": self._document.components.parameters,
            "successActions": self._document.components.success_actions,
            "failureActions": self._document.components.failure_actions,
        }
        one = shelves[found[1]].get(found[2]) if found else None
        if not isinstance(one, kind):
            self._refuse(place, f"there is no {reusable.reference[:100]} here")
            return None
        if isinstance(one, ParameterTold) and reusable.value is not UNSET:
            replaced: Any = structs.replace(one, value=reusable.value)
            return replaced  # type: ignore[no-any-return]
        return one

    # What its arguments are.

    def _expression(self, one: StepTold, at: str, text: str) -> Source:
        place = f"steps/{one.step_id}{at}"
        try:
            inner = embedded(text)
            found = read_expression(inner or text)
        except Unsupported as error:
            self._refuse(place, str(error))
            return Slot("?")
        match found:
            case InStep():
                return self._ref(place, found, as_text=inner is not None)
            case InInputs():
                return self._slot(place, found, self._names[one.step_id] + at)
            case InBody():
                self._refuse(place, f"{text[:100]} is not known before the call: not carried")
                return Slot("?")

    def _slot(self, place: str, one: InInputs, at: str) -> Source:
        """What an input is: always the same, or asked."""
        schema = self._opened(self._workflow.inputs)
        for name in (one.name, *tokens(one.pointer)):
            inner = schema.get("properties")
            schema = self._opened(inner.get(name) if isinstance(inner, dict) else None)
            if not schema and name == one.name and not (isinstance(inner, dict) and name in inner):
                self._refuse(place, f"there is no input {one.name}")
        if "const" in schema and not one.pointer:
            return plans.Literal(schema["const"])
        told = schema.get("description")
        name = self._fresh(one)
        self._asked.setdefault(name, (told[:1_000] if isinstance(told, str) else "", []))[1].append(at)
        if "default" in schema:
            self.notes.append(f"The input {one.name} has a default; it is asked all the same.")
        return Slot(self._asked[name][0] or ask_for(name))

    def _fresh(self, one: InInputs) -> str:
        """The name of the parameter that an input is, or a place in it: another for each."""
        if one not in self._inputs:
            wanted = _named("_".join([one.name, *tokens(one.pointer)]), "input")
            self._inputs[one] = next(each for each in _numbered(wanted) if each not in self._inputs.values())
        return self._inputs[one]

    def _opened(self, schema: Any) -> Json:
        """A schema, or that of the components that it refers to."""
        for _ in range(REFERENCES_MAX):
            match schema:
                case {"$ref": str(reference)} if reference.startswith("#/components/inputs/"):
                    schema = self._document.components.inputs.get(tokens(reference.removeprefix("#"))[-1])
                case dict():
                    return schema
                case _:
                    break
        return {}

    def _ref(self, place: str, one: InStep, *, as_text: bool) -> Source:
        step = self._told.get(one.step)
        if step is None:
            self._refuse(place, f"there is no step {one.step}")
            return Slot("?")
        name = max((each for each in step.outputs if f"{one.output}.".startswith(f"{each}.")), key=len, default=None)
        if name is None:
            self._refuse(place, f"{one.step} has no output {one.output}")
            return Slot("?")
        rest = "".join(f"/{escape(each)}" for each in one.output[len(name) :].strip(".").split(".") if each)
        told = step.outputs[name]
        try:
            found = read_expression(told) if isinstance(told, str) else None
        except Unsupported as error:
            self._refuse(f"steps/{one.step}/outputs/{name}", str(error))
            return Slot("?")
        if not isinstance(found, InBody):
            self._refuse(f"steps/{one.step}/outputs/{name}", "it is no part of the answer's body: not carried")
            return Slot("?")
        return Ref(self._names[one.step], found.pointer + rest + one.pointer, as_text)


def _named(told: str, otherwise: str) -> str:
    """As steps and parameters are named."""
    name = _NO_NAME.sub("_", told)[:60]
    return name if name[:1].isalpha() and name.isascii() else f"{otherwise}_{name}"[:64]


def _numbered(name: str) -> Iterator[str]:
    yield name
    for number in count(2):
        yield f"{name[:58]}_{number}"


def _distinct(names: Mapping[str, str]) -> dict[str, str]:
    """The same names, each once."""
    told: dict[str, str] = {}
    for key, name in names.items():
        told[key] = next(one for one in _numbered(name) if one not in told.values())
    return told


def statuses_of(condition: str) -> frozenset[int] | None:
    """Those for which a condition holds that is of nothing else: comparisons, `&&` before `||`. None where it is of more."""
    passed: frozenset[int] = frozenset()
    for either in condition.strip().removeprefix("(").removesuffix(")").split("||"):
        every = frozenset(range(100, 600))
        for part in either.split("&&"):
            found = _STATUS.fullmatch(part.strip())
            if found is None:
                return None
            every &= frozenset(one for one in every if _COMPARE[found[1]](one, int(found[2])))
        passed |= every
    return passed
