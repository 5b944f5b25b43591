"""Arazzo 1.0 and 1.1 documents as plans. What a plan cannot carry is refused, by its place and name; what it carries in another way
is noted.

Source: Arazzo 1.0.1 and 1.1.0, section "Schema".
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import unquote

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, field, structs

from gateway.core import plan as plans
from gateway.core.arazzo import (
    EXTENSION,
    InBody,
    InInputs,
    InStep,
    Portable,
    SourceExtension,
    StepExtension,
    Unsupported,
    WorkflowExtension,
    embedded,
    read_expression,
    says_expression,
)
from gateway.core.arazzo_write import path_pointer
from gateway.core.catalog import Connector
from gateway.core.operation import Body, Parameter
from gateway.core.plan import Default, Listed, Plan, Ref, Shape, Slot, Source, Span, Step
from gateway.core.pointer import escape, tokens
from gateway.core.recipe import RecipeParameter, ask_for
from gateway.core.tool import Tool

PROBLEMS_MAX = 50
DEPTH_MAX, REFERENCES_MAX = 100, 32

Json = dict[str, Any]
T = TypeVar("T", bound=Struct)

_NO_NAME = re.compile(r"[^A-Za-z0-9_-]+")
_COMPONENT = re.compile(r"\$components\.(parameters|successActions|failureActions)\.([A-Za-z0-9._-]+)")
_BY_NAME = re.compile(r"\$sourceDescriptions\.([A-Za-z0-9_-]+)\.(.+)", re.DOTALL)
_BY_PATH = re.compile(r"\{\$sourceDescriptions\.([A-Za-z0-9_-]+)\.url\}#(/.*)", re.DOTALL)
# All of it holds for every answer that a call takes for a success, or is a success among others.
_STATUS = re.compile(r"\$statusCode\s*(==|>=|<=|<|>)\s*(\d{3})")
_COMPARED = re.compile(r"\s*(?:\|\||&&)\s*")


class ArazzoRefused(Exception):
    """Why no plan comes of a document: sentences, each with its place."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__()
        self.problems = problems


class SourceTold(Struct, frozen=True):
    """A source description. `connector` is what it is known as here, where we wrote it."""

    name: Annotated[str, Meta(pattern="^[A-Za-z0-9_-]+$")]
    url: str
    type: Literal["openapi", "arazzo", "asyncapi"] = "openapi"
    extension: SourceExtension = field(name=EXTENSION, default_factory=SourceExtension)


class _Info(Struct, frozen=True):
    title: str
    version: str
    summary: str = ""
    description: str = ""


class _Parameter(Struct, frozen=True):
    name: str
    value: Any
    where: Literal["path", "query", "header", "cookie", "querystring"] | None = field(name="in", default=None)


class _Reusable(Struct, frozen=True):
    reference: str
    value: Any = UNSET


class _Replacement(Struct, frozen=True):
    target: str
    value: Any
    selector: Any = field(name="targetSelectorType", default=UNSET)


class _RequestBody(Struct, frozen=True, rename="camel"):
    payload: Any = UNSET
    content_type: str = ""
    replacements: tuple[_Replacement, ...] = ()


class _Criterion(Struct, frozen=True):
    condition: str
    context: str = ""
    type: Any = "simple"


class _Action(Struct, frozen=True, rename="camel"):
    name: str
    type: Literal["end", "goto", "retry"]
    workflow_id: str = ""
    step_id: str = ""
    retry_after: float = 0
    retry_limit: int = 0
    criteria: tuple[_Criterion, ...] = ()
    parameters: tuple[Any, ...] = ()


class _Step(Struct, frozen=True, rename="camel"):
    step_id: str
    description: str = ""
    operation_id: str = ""
    operation_path: str = ""
    workflow_id: str = ""
    channel_path: str = ""
    parameters: tuple[Json, ...] = ()
    request_body: _RequestBody | None = None
    success_criteria: tuple[_Criterion, ...] = ()
    on_success: tuple[Json, ...] = ()
    on_failure: tuple[Json, ...] = ()
    outputs: dict[str, Any] = {}
    timeout: int | None = None
    correlation_id: str = ""
    action: str = ""
    depends_on: tuple[str, ...] = ()
    extension: StepExtension | UnsetType = field(name=EXTENSION, default=UNSET)


class _Workflow(Struct, frozen=True, rename="camel"):
    workflow_id: str
    steps: Annotated[tuple[_Step, ...], Meta(min_length=1)]
    summary: str = ""
    description: str = ""
    inputs: Json = {}
    depends_on: tuple[str, ...] = ()
    success_actions: tuple[Json, ...] = ()
    failure_actions: tuple[Json, ...] = ()
    outputs: dict[str, Any] = {}
    parameters: tuple[Json, ...] = ()
    extension: WorkflowExtension | UnsetType = field(name=EXTENSION, default=UNSET)


class _Components(Struct, frozen=True, rename="camel"):
    inputs: dict[str, Any] = {}
    parameters: dict[str, _Parameter] = {}
    success_actions: dict[str, _Action] = {}
    failure_actions: dict[str, _Action] = {}


class Document(Struct, frozen=True, rename="camel"):
    """A document whose shape is right."""

    arazzo: Annotated[str, Meta(pattern=r"^1\.[01]\.\d+(-.+)?$")]
    info: _Info
    source_descriptions: Annotated[tuple[SourceTold, ...], Meta(min_length=1)]
    workflows: Annotated[tuple[_Workflow, ...], Meta(min_length=1)]
    own_url: str = field(name="$self", default="")
    components: _Components = _Components()


_LISTED: Mapping[str, type[Struct]] = {
    "sourceDescriptions": SourceTold,
    "workflows": _Workflow,
    "steps": _Step,
    "successCriteria": _Criterion,
}
_SINGLE: Mapping[str, type[Struct]] = {"info": _Info, "requestBody": _RequestBody, "components": _Components}


class Brought(Struct, frozen=True):
    """What came of a workflow, and what of it is done in another way than it says, as sentences."""

    portable: Portable
    notes: tuple[str, ...]


def read_document(tree: Json) -> Document:
    """Raises ArazzoRefused where its shape is not that of Arazzo 1.0 or 1.1."""
    if _is_deep(tree):
        raise ArazzoRefused((f"it is nested deeper than {DEPTH_MAX} levels",))
    try:
        document = msgspec.convert(tree, Document)
    except msgspec.ValidationError as error:
        # msgspec's text names the place and the type that was expected, and no value.
        raise ArazzoRefused((f"it is no Arazzo 1.0 or 1.1 document: {error}",)) from error
    problems = [*_unknown(tree, Document, ""), *_twice(document)]
    if problems:
        raise ArazzoRefused(tuple(problems[:PROBLEMS_MAX]))
    return document


def _is_deep(tree: Any) -> bool:
    row, levels = [tree], 0
    while row and levels <= DEPTH_MAX:
        levels += 1
        row = [
            inner
            for one in row
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
    return bool(row)


def _unknown(tree: Any, kind: type[Struct], place: str) -> Iterator[str]:
    """Fields that Arazzo does not have, and that are no extensions."""
    known = {one.encode_name: one for one in structs.fields(kind)}
    for name in tree:
        if name not in known and not name.startswith("x-"):
            yield f"{place}/{escape(name)} is no field of Arazzo there"
    for name, each in _LISTED.items():
        for number, one in enumerate(tree.get(name, ()) if name in known else ()):
            yield from _unknown(one, each, f"{place}/{name}/{number}")
    for name, each in _SINGLE.items():
        if name in known and isinstance(tree.get(name), dict):
            yield from _unknown(tree[name], each, f"{place}/{name}")


def _twice(document: Document) -> Iterator[str]:
    for what, names in (
        ("sources", [one.name for one in document.source_descriptions]),
        ("workflows", [one.workflow_id for one in document.workflows]),
        *((f"steps of {one.workflow_id}", [each.step_id for each in one.steps]) for one in document.workflows),
    ):
        for name in sorted({one for one in names if names.count(one) > 1}):
            yield f"two {what} are named {name[:64]}"


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

    def __init__(self, document: Document, workflow: _Workflow, connectors: Mapping[str, Connector]) -> None:
        self._document = document
        self._workflow = workflow
        self._connectors = connectors
        self._ours = workflow.extension if isinstance(workflow.extension, WorkflowExtension) else None
        self.steps = {one.step_id: _named(one.step_id, "s") for one in workflow.steps}
        self._told = {one.step_id: one for one in workflow.steps}
        # What is asked, by name: the question, "" where there is none, and where it goes.
        self._asked: dict[str, tuple[str, list[str]]] = {}
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
            self.refuse(
                "dependsOn", f"other workflows come first ({', '.join(workflow.depends_on)[:200]}): not carried"
            )
        for name, told in (("successActions", workflow.success_actions), ("failureActions", workflow.failure_actions)):
            self._refuse_actions(name, told, is_last=False)
        if workflow.outputs:
            self.notes.append(
                "The outputs of the workflow are not put together: what each step answered is in its run."
            )
        if set(self.steps.values()) != {*self.steps} or len(set(self.steps.values())) < len(self.steps):
            self.notes.append("Steps have other names here, where theirs could not be names of steps.")
            self.steps = _distinct(self.steps)

    def _refuse_actions(self, place: str, told: Sequence[Json], *, is_last: bool) -> None:
        for one in told:
            action = self._reused(one, _Action, place)
            if action is None:
                continue
            ends = action.type == "end" and not action.criteria
            if ends and (is_last or place.endswith(("onFailure", "failureActions"))):
                continue  # It would end there in any case.
            what = "ends the workflow early" if action.type == "end" else f"is a {action.type}"
            self.refuse(place, f"{action.name[:64]} {what}: not carried")

    def _refuse_step(self, one: _Step, place: str) -> None:
        if one.workflow_id:
            self.refuse(place, f"it is another workflow ({one.workflow_id[:64]}): not carried")
        if one.channel_path or one.action or one.correlation_id:
            self.refuse(place, "it sends or receives messages (AsyncAPI): not carried")
        earlier = [each.step_id for each in self._workflow.steps[: [*self._told].index(one.step_id)]]
        if later := sorted(set(one.depends_on) - set(earlier)):
            self.refuse(f"{place}/dependsOn", f"{later[0][:64]} is no step before it")
        is_last = self._workflow.steps[-1] is one
        self._refuse_actions(f"{place}/onSuccess", one.on_success, is_last=is_last)
        self._refuse_actions(f"{place}/onFailure", one.on_failure, is_last=is_last)
        if one.timeout is not None:
            self.notes.append(f"{one.step_id}: its timeout is that of its connector, not {one.timeout} ms.")
        for criterion in one.success_criteria:
            self._criterion(criterion, f"{place}/successCriteria", one.step_id)

    def _criterion(self, one: _Criterion, place: str, step: str) -> None:
        """A call is a success by its status (2xx); what looks at more than that is not carried."""
        parts = _COMPARED.split(one.condition.strip().strip("()"))
        told = [_STATUS.fullmatch(part.strip().strip("()")) for part in parts]
        if one.type != "simple" or one.context or not all(told):
            self.refuse(place, f"{one.condition[:80]!r} looks at more than the status: not carried")
            return
        statuses = [(found[1], int(found[2])) for found in told if found]
        if any(operator == "==" and not 200 <= status < 300 for operator, status in statuses):
            self.refuse(place, f"{one.condition[:80]!r} takes for a success what no call does")
        elif any(operator == "==" for operator, _ in statuses):
            self.notes.append(f"{step}: any status from 200 to 299 is a success, not only {one.condition[:80]!r}.")

    def refuse(self, place: str, why: str) -> None:
        self.problems.append(f"{place}: {why}")

    # One step.

    def _step(self, one: _Step) -> Step:
        place = f"steps/{one.step_id}"
        self._refuse_step(one, place)
        ours = one.extension if isinstance(one.extension, StepExtension) else StepExtension()
        tool = self._tool(one, place)
        if tool is None:
            return Step(self.steps[one.step_id], "")
        arguments = _Arguments(self, one, tool, ours, place).read()
        return Step(self.steps[one.step_id], tool.name, arguments, ours.each, ours.when, ours.verify)

    def _tool(self, one: _Step, place: str) -> Tool | None:
        """The tool of its operation."""
        told = [bool(one.operation_id), bool(one.operation_path), bool(one.workflow_id), bool(one.channel_path)]
        if sum(told) != 1:
            self.refuse(place, "it has one of operationId, operationPath and workflowId")
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
        self.refuse(place, f"{wanted[:100]} of {', '.join(names)[:200]} {why}")
        return None

    def _by_path(self, told: str, place: str) -> Tool | None:
        found = _BY_PATH.fullmatch(told)
        if found is None:
            self.refuse(place, f"{told[:100]!r} names no operation of a source")
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
        self.refuse(place, f"{pointer[:100]} of {found[1]} is no tool here; a path goes on with its method")
        return None

    def _are_known(self, names: Sequence[str], place: str) -> bool:
        """Whether one of these sources is a connector here; what is not is told."""
        if any(name in self._connectors for name in names):
            return True
        told = ", ".join(names)[:200]
        self.refuse(place, f"no connector is known to be the source {told}: add one, or say in `sources` which it is")
        return False

    def parameters(self, one: _Step, place: str) -> list[_Parameter]:
        """Those of the workflow and of the step, which count for more."""
        found: dict[tuple[str, str | None], _Parameter] = {}
        for told in (*self._workflow.parameters, *one.parameters):
            parameter = self._reused(told, _Parameter, f"{place}/parameters")
            if parameter is not None:
                found[parameter.name, parameter.where] = parameter
        return [*found.values()]

    def _reused(self, told: Json, kind: type[T], place: str) -> T | None:
        """An object, or that of the components that it refers to."""
        try:
            if "reference" not in told:
                self.problems += _unknown(told, kind, place)
                return msgspec.convert(told, kind)
            reusable = msgspec.convert(told, _Reusable)
        except msgspec.ValidationError as error:
            self.refuse(place, f"{error}")
            return None
        found = _COMPONENT.fullmatch(reusable.reference)
        shelves: Json = {
            "parameters": self._document.components.parameters,
            "successActions": self._document.components.success_actions,
            "failureActions": self._document.components.failure_actions,
        }
        one = shelves[found[1]].get(found[2]) if found else None
        if not isinstance(one, kind):
            self.refuse(place, f"there is no {reusable.reference[:100]} here")
            return None
        if isinstance(one, _Parameter) and reusable.value is not UNSET:
            replaced: Any = structs.replace(one, value=reusable.value)
            return replaced  # type: ignore[no-any-return]
        return one

    # Inputs.

    def slot(self, place: str, one: InInputs, at: str) -> Source:
        """What an input is: always the same, or asked."""
        schema = self._opened(self._workflow.inputs)
        for name in (one.name, *tokens(one.pointer)):
            inner = schema.get("properties")
            schema = self._opened(inner.get(name) if isinstance(inner, dict) else None)
            if not schema and name == one.name and not (isinstance(inner, dict) and name in inner):
                self.refuse(place, f"there is no input {one.name}")
        if "const" in schema and not one.pointer:
            return plans.Literal(schema["const"])
        name = _named("_".join([one.name, *tokens(one.pointer)]), "input")
        told = schema.get("description")
        self._asked.setdefault(name, (told[:1_000] if isinstance(told, str) else "", []))[1].append(at)
        if "default" in schema:
            self.notes.append(f"The input {one.name} has a default; it is asked all the same.")
        return Slot(self._asked[name][0] or ask_for(name))

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

    # Answers of other steps.

    def ref(self, place: str, one: InStep, *, as_text: bool) -> Source:
        step = self._told.get(one.step)
        if step is None:
            self.refuse(place, f"there is no step {one.step}")
            return Slot("?")
        name = max((each for each in step.outputs if f"{one.output}.".startswith(f"{each}.")), key=len, default=None)
        if name is None:
            self.refuse(place, f"{one.step} has no output {one.output}")
            return Slot("?")
        rest = "".join(f"/{escape(each)}" for each in one.output[len(name) :].strip(".").split(".") if each)
        told = step.outputs[name]
        try:
            found = read_expression(told) if isinstance(told, str) else None
        except Unsupported as error:
            self.refuse(f"steps/{one.step}/outputs/{name}", str(error))
            return Slot("?")
        if not isinstance(found, InBody):
            self.refuse(f"steps/{one.step}/outputs/{name}", "it is no part of the answer's body: not carried")
            return Slot("?")
        return Ref(self.steps[one.step], found.pointer + rest + one.pointer, as_text)


class _Arguments:
    """Those of one step."""

    def __init__(self, reading: _Reading, one: _Step, tool: Tool, ours: StepExtension, place: str) -> None:
        self._reading = reading
        self._one = one
        self._tool = tool
        self._ours = ours
        self._place = place

    def read(self) -> dict[str, Source]:
        told: dict[str, Source] = {}
        for parameter in self._reading.parameters(self._one, self._place):
            found = self._of(parameter)
            if found is not None:
                told[found.argument] = self._source(f"/{escape(found.argument)}", parameter.value)
        if self._one.request_body is not None:
            told |= self._body(self._one.request_body)
        # What stands nowhere in the document is added; what stands there as null was replaced above.
        alone = {tokens(place)[0]: one for place, one in self._ours.arguments.items() if len(tokens(place)) == 1}
        return told | {name: one for name, one in alone.items() if name not in told}

    def _of(self, one: _Parameter) -> Parameter | None:
        for known in self._tool.operation.parameters:
            is_named = known.name == one.name or (one.where == "header" and known.name.lower() == one.name.lower())
            if is_named and known.location == one.where:
                return known
        where = one.where or "in nothing"
        self._reading.refuse(
            f"{self._place}/parameters", f"{self._tool.name} takes no {where} parameter {one.name[:64]}"
        )
        return None

    def _body(self, told: _RequestBody) -> dict[str, Source]:
        body, place = self._tool.operation.body, f"{self._place}/requestBody"
        if body is None or told.payload is UNSET:
            self._reading.refuse(place, f"{self._tool.name} takes no such body")
            return {}
        if told.content_type and told.content_type.partition(";")[0].strip().lower() != body.media_type.lower():
            self._reading.notes.append(
                f"{self._one.step_id}: its body goes as {body.media_type}, not {told.content_type[:60]}."
            )
        payload = told.payload
        for one in told.replacements:
            payload = self._replaced(payload, one, place)
        if body.argument:
            return {body.argument: self._source(f"/{escape(body.argument)}", payload)}
        if not isinstance(payload, dict):
            self._reading.refuse(place, f"{self._tool.name} takes the members of its body, and not all of it as one")
            return {}
        return self._members(payload, body, place)

    def _members(self, payload: Json, body: Body, place: str) -> dict[str, Source]:
        fields = {one.name: one.argument for one in body.fields}
        told = {
            fields[name]: self._source(f"/{escape(fields[name])}", one)
            for name, one in payload.items()
            if name in fields
        }
        rest = {name: one for name, one in payload.items() if name not in fields}
        if rest and body.extra:
            at = f"/{escape(body.extra)}"
            told[body.extra] = Shape({name: self._source(f"{at}/{escape(name)}", one) for name, one in rest.items()})
        elif rest:
            self._reading.refuse(place, f"{self._tool.name} takes no {sorted(rest)[0][:64]} in its body")
        return told

    def _replaced(self, payload: Any, one: _Replacement, place: str) -> Any:
        """The payload with another value at a JSON Pointer."""
        steps = tokens(one.target)
        if not one.target.startswith("/") or one.selector is not UNSET:
            self._reading.refuse(f"{place}/replacements", f"{one.target[:80]!r} is no JSON Pointer: not carried")
            return payload
        try:
            return _put(payload, steps, one.value)
        except (LookupError, TypeError, ValueError):
            self._reading.refuse(f"{place}/replacements", f"there is nothing at {one.target[:80]!r} in the payload")
            return payload

    def _source(self, place: str, value: Any) -> Source:
        """The source of a value. A container that has no expression within is a constant, unless we wrote that it is none."""
        ours = self._ours
        if place in ours.arguments:
            return ours.arguments[place]
        match value:
            case str() if says_expression(value):
                return self._expression(place, value)
            case dict() if place in ours.shapes or _says(value):
                if value.keys() >= {"context", "selector", "type"}:
                    self._reading.refuse(f"{self._place}{place}", "a Selector Object is not carried")
                return Shape({name: self._source(f"{place}/{escape(name)}", one) for name, one in value.items()})
            case list() if place in ours.shapes or _says(value):
                return Listed(tuple(self._source(f"{place}/{index}", one) for index, one in enumerate(value)))
            case _:
                return self._constant(place, value)

    def _constant(self, place: str, value: Any) -> Source:
        ours = self._ours
        if place in ours.defaults:
            return Default(value, ours.defaults[place])
        span = Span(*ours.spans[place]) if place in ours.spans else None
        return plans.Literal(value, span)

    def _expression(self, place: str, text: str) -> Source:
        where = f"{self._place}{place}"
        try:
            inner = embedded(text)
            found = read_expression(inner or text)
        except Unsupported as error:
            self._reading.refuse(where, str(error))
            return Slot("?")
        match found:
            case InStep():
                return self._reading.ref(where, found, as_text=inner is not None)
            case InInputs():
                told = self._reading.slot(where, found, self._reading.steps[self._one.step_id] + place)
                if isinstance(told, plans.Literal):
                    return self._constant(place, told.value)
                return self._ours.slots.get(place, told)
            case _:
                self._reading.refuse(where, f"{text[:100]} is not known before the call: not carried")
                return Slot("?")


def _says(value: Any) -> bool:
    match value:
        case str():
            return says_expression(value)
        case dict():
            return any(map(_says, value.values()))
        case list():
            return any(map(_says, value))
        case _:
            return False


def _put(value: Any, steps: Sequence[str], new: Any) -> Any:
    if not steps:
        return new
    name, rest = steps[0], steps[1:]
    if isinstance(value, dict):
        return {**value, name: _put(value[name] if rest else None, rest, new)}
    if isinstance(value, list) and name.isdigit():
        return [_put(one, rest, new) if index == int(name) else one for index, one in enumerate(value)]
    raise TypeError


def _named(told: str, otherwise: str) -> str:
    """As steps and parameters are named."""
    name = _NO_NAME.sub("_", told)[:60]
    return name if name[:1].isalpha() and name.isascii() else f"{otherwise}_{name}"[:64]


def _distinct(names: Mapping[str, str]) -> dict[str, str]:
    """The same names, each once."""
    told: dict[str, str] = {}
    for key, name in names.items():
        number, one = 1, name
        while one in told.values():
            number += 1
            one = f"{name[:58]}_{number}"
        told[key] = one
    return told
