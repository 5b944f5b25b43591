"""Plans and recipes as Arazzo 1.0.1 documents. What Arazzo has no words for stands in `x-factotum`, so that nothing is lost on the
way there and back; without it, what would do something else is told, by name.

Source: Arazzo 1.0.1, section "Schema".
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from gateway.core.arazzo import EXTENSION, IS_SUCCESS, Portable, StepExtension, WorkflowExtension, is_plain
from gateway.core.catalog import Connector
from gateway.core.operation import Operation
from gateway.core.plan import (
    Budget,
    Default,
    Item,
    Leaf,
    Listed,
    Literal,
    Plan,
    Ref,
    Shape,
    Slot,
    Source,
    Step,
    in_order,
    leaves,
)
from gateway.core.pointer import escape, tokens
from gateway.core.reach import Place, place_of
from gateway.core.tool import Tool

VERSION = "1.0.1"
OUTPUT_CHARACTERS_MAX = 60

Json = dict[str, Any]

_NO_NAME = re.compile(r"[^A-Za-z0-9]+")


class Lossy(Exception):
    """What would be lost without `x-factotum`, as sentences."""

    def __init__(self, losses: tuple[str, ...]) -> None:
        super().__init__()
        self.losses = losses


def write_arazzo(
    one: Portable, tools: Mapping[str, Tool], connectors: Mapping[str, Connector], *, plain: bool = False
) -> Json:
    """The document of a plan that holds, with these tools. `plain`: without `x-factotum`. Raises Lossy where that would do
    something else."""
    writing = _Writing(one, tools)
    steps = [writing.step(step) for step in in_order(one.plan)]
    names = list(dict.fromkeys(tools[step.tool].connector for step in one.plan.steps))
    workflow: Json = {
        "workflowId": one.name,
        "summary": one.plan.intent or one.name,
        "description": one.description or one.plan.intent or one.name,
        "inputs": {"type": "object", "properties": writing.inputs, "required": list(writing.inputs)},
        "steps": steps,
    }
    workflow |= writing.extension()
    document: Json = {
        "arazzo": VERSION,
        "info": {
            "title": one.name,
            "summary": one.plan.intent or one.name,
            "description": one.description or one.plan.intent or one.name,
            "version": "1.0.0",
        },
        "sourceDescriptions": [_source(connectors[name]) for name in names],
        "workflows": [workflow],
    }
    if plain and (losses := tuple(_losses(one.plan, tools))):
        raise Lossy(losses)
    for part in (workflow, *steps, *document["sourceDescriptions"]) if plain else ():
        part.pop(EXTENSION, None)
    return document


def _source(connector: Connector) -> Json:
    """Without what a URL may have that is not for everybody."""
    told = urlsplit(connector.manifest.document)
    is_web = told.scheme in ("http", "https") and not told.query and told.username is None
    url = connector.manifest.document if is_web else f"./{connector.name}.openapi.json"
    return {"name": connector.name, "url": url, "type": "openapi", EXTENSION: {"connector": connector.name}}


class _Writing:
    """One plan. `inputs` are the schemas of what is told, by name."""

    def __init__(self, one: Portable, tools: Mapping[str, Tool]) -> None:
        self._one = one
        self._tools = tools
        self._named = {place: each.name for each in one.parameters for place in each.places}
        self._outputs = {step.name: _outputs_of(one.plan, step.name) for step in one.plan.steps}
        self.inputs: Json = {each.name: {} for each in one.parameters}
        self._questions: dict[str, str] = {}

    def extension(self) -> Json:
        plan = self._one.plan
        listed, called = [step.name for step in plan.steps], [step.name for step in in_order(plan)]
        told = WorkflowExtension(
            plan.intent,
            plan.budget,
            plan.answers,
            plan.zone,
            self._one.words,
            self._one.parameters,
            tuple(listed) if listed != called else (),
        )
        return {EXTENSION: msgspec.to_builtins(told)}

    def step(self, step: Step) -> Json:
        tool = self._tools[step.tool]
        told: Json = {"stepId": step.name, "description": tool.title or tool.name, **_operation(tool, self._tools)}
        writing = _Arguments(self, step, tool)
        told |= writing.write()
        told["successCriteria"] = [{"condition": IS_SUCCESS}]
        if outputs := self._outputs[step.name]:
            told["outputs"] = {name: _of_body(pointer) for pointer, name in outputs.items()}
        extension = msgspec.to_builtins(writing.extension())
        return told | ({EXTENSION: extension} if extension else {})

    def output(self, ref: Ref) -> str:
        return f"$steps.{ref.step}.outputs.{self._outputs[ref.step][ref.pointer]}"

    def asked(self, step: Step, place: str, slot: Slot, root: Place) -> tuple[str, bool]:
        """The name of the input that a slot is, and whether its question is that of the input."""
        name = self._named.get(step.name + place) or self._fresh(f"{step.name}_{_word(place)}")
        if not self.inputs.get(name):
            self.inputs[name] = _input_schema(root.at(place)) | {"description": slot.question}
            self._questions[name] = slot.question
        return name, slot == Slot(self._questions[name])

    def constant(self, value: Any) -> str:
        """The name of an input that is always the same: what would be read as an expression cannot stand as it is."""
        name = self._fresh("constant")
        self.inputs[name] = {"const": value, "default": value}
        return name

    def _fresh(self, name: str) -> str:
        return next(one for one in _numbered(name) if one not in self.inputs)


class _Arguments:
    """Those of one step: what Arazzo says of them, and what it does not."""

    def __init__(self, writing: _Writing, step: Step, tool: Tool) -> None:
        self._writing = writing
        self._step = step
        self._operation = tool.operation
        self._root = place_of(tool.input_schema)
        self._spans: dict[str, tuple[int, int]] = {}
        self._defaults: dict[str, str] = {}
        self._slots: dict[str, Slot] = {}
        self._shapes: list[str] = []
        self._other: dict[str, Source] = {}

    def extension(self) -> StepExtension:
        step = self._step
        return StepExtension(
            step.each,
            step.when,
            step.verify,
            self._spans,
            self._defaults,
            self._slots,
            tuple(self._shapes),
            self._other,
        )

    def write(self) -> Json:
        parameters: list[Json] = []
        payload: Any = None
        told: Json = {}
        for name, source in self._step.arguments.items():
            place = f"/{escape(name)}"
            match _where(self._operation, name):
                case ("body", ""):
                    payload, told = self._value(place, source), {"payload": None}
                case ("body", member) if payload is None or isinstance(payload, dict):
                    payload, told = {**(payload or {}), member: self._value(place, source)}, {"payload": None}
                case (("path" | "query" | "header" | "cookie") as where, wire) if not isinstance(source, Item):
                    parameters.append({"name": wire, "in": where, "value": self._value(place, source)})
                case _:
                    self._other[place] = source
        written: Json = {"parameters": parameters} if parameters else {}
        if told and self._operation.body is not None:
            media_type = self._operation.body.media_type
            written["requestBody"] = {"contentType": media_type, "payload": payload}
        return written

    def _value(self, place: str, source: Source) -> Any:
        match source:
            case Shape(members=members):
                value: Any = {key: self._value(f"{place}/{escape(key)}", one) for key, one in members.items()}
                self._shapes += [place] if is_plain(value) else []
                return value
            case Listed(items=items):
                listed = [self._value(f"{place}/{index}", one) for index, one in enumerate(items)]
                self._shapes += [place] if is_plain(listed) else []
                return listed
            case _:
                return self._leaf(place, source)

    def _leaf(self, place: str, leaf: Leaf) -> Any:
        match leaf:
            case Literal(value=value, span=span):
                if span is not None:
                    self._spans[place] = (span.start, span.end)
                return self._constant(value)
            case Default(value=value, origin=origin):
                self._defaults[place] = origin
                return self._constant(value)
            case Ref(as_text=as_text):
                expression = self._writing.output(leaf)
                return f"{{{expression}}}" if as_text else expression
            case Slot():
                name, is_same = self._writing.asked(self._step, place, leaf, self._root)
                if not is_same:
                    self._slots[place] = leaf
                return f"$inputs.{name}"
            case Item():
                self._other[place] = leaf
                return None

    def _constant(self, value: Any) -> Any:
        return value if is_plain(value) else f"$inputs.{self._writing.constant(value)}"


def _where(operation: Operation, name: str) -> tuple[str, str] | None:
    """Where an argument goes: the kind of place, and its name there, "" being the whole body. None where Arazzo has none."""
    for parameter in operation.parameters:
        if parameter.argument == name:
            return parameter.location, parameter.name
    body = operation.body
    if body is None:
        return None
    if body.argument and body.argument == name:
        return "body", ""
    return next((("body", one.name) for one in body.fields if one.argument == name), None)


def _operation(tool: Tool, tools: Mapping[str, Tool]) -> Json:
    operation = tool.operation
    same = [one for one in tools.values() if one.connector == tool.connector]
    name = operation.operation_id
    if name and not re.search(r"\s", name) and sum(one.operation.operation_id == name for one in same) == 1:
        return {"operationId": f"$sourceDescriptions.{tool.connector}.{name}"}
    return {"operationPath": f"{{$sourceDescriptions.{tool.connector}.url}}#{path_pointer(operation)}"}


def path_pointer(operation: Operation) -> str:
    """Where an operation stands in its document, by its path and method."""
    return f"/paths/{escape(operation.path)}/{operation.method.lower()}"


def _outputs_of(plan: Plan, name: str) -> dict[str, str]:
    """The outputs of a step by their pointers: what other steps take of its answer."""
    found: dict[str, str] = {}
    for step in plan.steps:
        for _, leaf in leaves(step.arguments):
            if isinstance(leaf, Ref) and leaf.step == name and leaf.pointer not in found:
                word = _word(leaf.pointer) or "body"
                found[leaf.pointer] = next(one for one in _numbered(word) if one not in found.values())
    return found


def _of_body(pointer: str) -> str:
    return "$response.body" + (f"#{pointer}" if pointer else "")


def _word(pointer: str) -> str:
    return _NO_NAME.sub("_", "_".join(tokens(pointer))).strip("_")[:OUTPUT_CHARACTERS_MAX]


def _numbered(name: str) -> Iterator[str]:
    yield name
    number = 1
    while True:
        number += 1
        yield f"{name}_{number}"


def _input_schema(place: Place) -> Json:
    """What the argument takes, where it can be told without the definitions of its document; else its types."""
    schema = place.schema
    told = msgspec.json.encode(schema)
    if "$defs" not in schema and b'"$ref"' not in told and b'"$id"' not in told and b'"$anchor"' not in told:
        return dict(schema)
    return {"type": sorted(place.kinds)} if place.kinds else {}


def _losses(plan: Plan, tools: Mapping[str, Tool]) -> Iterator[str]:
    """What a document without `x-factotum` would do otherwise, or not at all."""
    for step in plan.steps:
        if step.each is not None:
            yield f"{step.name} is carried out for each item of a list"
        if step.when is not None:
            yield f"{step.name} is carried out only where its condition is met"
        if step.verify is None or step.told_verify is not None:
            yield f"{step.name} says itself how it is looked after"
        for place, leaf in leaves(step.arguments):
            if isinstance(leaf, Item):
                yield f"{step.name}{place} is of an item of a list"
            elif isinstance(leaf, Ref) and "-" in tokens(leaf.pointer):
                yield f"{step.name}{place} is of the only item of a list, whichever that is"
        for name in step.arguments:
            if (where := _where(tools[step.tool].operation, name)) is None or where[0] == "querystring":
                yield f"{step.name}/{name} is an argument that Arazzo 1.0 has no place for"
    if plan.answers:
        yield "it answers a question with what its steps read"
    if plan.budget != Budget():
        yield "it has a budget of its own"
