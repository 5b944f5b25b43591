"""Arazzo 1.0 and 1.1 documents: their shapes, and whether one has them. Knows no plan.

Source: Arazzo 1.0.1 and 1.1.0, section "Schema".
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, field, structs

from gateway.core.arazzo import EXTENSION, SourceExtension, StepExtension, WorkflowExtension
from gateway.core.pointer import escape

PROBLEMS_MAX = 50
DEPTH_MAX = 100

Json = dict[str, Any]


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


class Info(Struct, frozen=True):
    """What a document is called."""

    title: str
    version: str
    summary: str = ""
    description: str = ""


class ParameterTold(Struct, frozen=True):
    """A value for a parameter of an operation."""

    name: str
    value: Any
    where: Literal["path", "query", "header", "cookie", "querystring"] | None = field(name="in", default=None)


class Reusable(Struct, frozen=True):
    """An object of the components, with another value."""

    reference: str
    value: Any = UNSET


class Replacement(Struct, frozen=True):
    """Another value at a place of a payload."""

    target: str
    value: Any
    selector: Any = field(name="targetSelectorType", default=UNSET)


class RequestBody(Struct, frozen=True, rename="camel"):
    """What is sent."""

    payload: Any = UNSET
    content_type: str = ""
    replacements: tuple[Replacement, ...] = ()


class Criterion(Struct, frozen=True):
    """What has to hold."""

    condition: str
    context: str = ""
    type: Any = "simple"


class Action(Struct, frozen=True, rename="camel"):
    """What is done after a success or a failure."""

    name: str
    type: Literal["end", "goto", "retry"]
    workflow_id: str = ""
    step_id: str = ""
    retry_after: float = 0
    retry_limit: int = 0
    criteria: tuple[Criterion, ...] = ()
    parameters: tuple[Any, ...] = ()


class StepTold(Struct, frozen=True, rename="camel"):
    """One step."""

    step_id: str
    description: str = ""
    operation_id: str = ""
    operation_path: str = ""
    workflow_id: str = ""
    channel_path: str = ""
    parameters: tuple[Json, ...] = ()
    request_body: RequestBody | None = None
    success_criteria: tuple[Criterion, ...] = ()
    on_success: tuple[Json, ...] = ()
    on_failure: tuple[Json, ...] = ()
    outputs: dict[str, Any] = {}
    timeout: int | None = None
    correlation_id: str = ""
    action: str = ""
    depends_on: tuple[str, ...] = ()
    extension: StepExtension | UnsetType = field(name=EXTENSION, default=UNSET)


class WorkflowTold(Struct, frozen=True, rename="camel"):
    """One workflow."""

    workflow_id: str
    steps: Annotated[tuple[StepTold, ...], Meta(min_length=1)]
    summary: str = ""
    description: str = ""
    inputs: Json = {}
    depends_on: tuple[str, ...] = ()
    success_actions: tuple[Json, ...] = ()
    failure_actions: tuple[Json, ...] = ()
    outputs: dict[str, Any] = {}
    parameters: tuple[Json, ...] = ()
    extension: WorkflowExtension | UnsetType = field(name=EXTENSION, default=UNSET)


class Components(Struct, frozen=True, rename="camel"):
    """What others refer to by name."""

    inputs: dict[str, Any] = {}
    parameters: dict[str, ParameterTold] = {}
    success_actions: dict[str, Action] = {}
    failure_actions: dict[str, Action] = {}


class Document(Struct, frozen=True, rename="camel"):
    """A document whose shape is right."""

    arazzo: Annotated[str, Meta(pattern=r"^1\.[01]\.\d+(-.+)?$")]
    info: Info
    source_descriptions: Annotated[tuple[SourceTold, ...], Meta(min_length=1)]
    workflows: Annotated[tuple[WorkflowTold, ...], Meta(min_length=1)]
    own_url: str = field(name="$self", default="")
    components: Components = Components()


_LISTED: Mapping[str, type[Struct]] = {
    "sourceDescriptions": SourceTold,
    "workflows": WorkflowTold,
    "steps": StepTold,
    "successCriteria": Criterion,
}
_SINGLE: Mapping[str, type[Struct]] = {"info": Info, "requestBody": RequestBody, "components": Components}


def read_document(tree: Json) -> Document:
    """Raises ArazzoRefused where its shape is not that of Arazzo 1.0 or 1.1."""
    if _is_deep(tree):
        raise ArazzoRefused((f"it is nested deeper than {DEPTH_MAX} levels",))
    try:
        document = msgspec.convert(tree, Document)
    except msgspec.ValidationError as error:
        # msgspec's text names the place and the type that was expected, and no value.
        raise ArazzoRefused((f"it is no Arazzo 1.0 or 1.1 document: {error}",)) from error
    problems = [*unknown_fields(tree, Document, ""), *_twice(document)]
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


def unknown_fields(tree: Any, kind: type[Struct], place: str) -> Iterator[str]:
    """Fields that Arazzo does not have, and that are no extensions."""
    known = {one.encode_name: one for one in structs.fields(kind)}
    for name in tree:
        if name not in known and not name.startswith("x-"):
            yield f"{place}/{escape(name)} is no field of Arazzo there"
    for name, each in _LISTED.items():
        for number, one in enumerate(tree.get(name, ()) if name in known else ()):
            yield from unknown_fields(one, each, f"{place}/{name}/{number}")
    for name, each in _SINGLE.items():
        if name in known and isinstance(tree.get(name), dict):
            yield from unknown_fields(tree[name], each, f"{place}/{name}")


def _twice(document: Document) -> Iterator[str]:
    for what, names in (
        ("sources", [one.name for one in document.source_descriptions]),
        ("workflows", [one.workflow_id for one in document.workflows]),
        *((f"steps of {one.workflow_id}", [each.step_id for each in one.steps]) for one in document.workflows),
    ):
        for name in sorted({one for one in names if names.count(one) > 1}):
            yield f"two {what} are named {name[:64]}"
