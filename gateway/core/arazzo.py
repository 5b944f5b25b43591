"""What Arazzo's documents and ours have in common: runtime expressions, and what is ours alone (`x-factotum`). Knows no tool.

Sources: Arazzo 1.0.1 and 1.1.0, sections "Runtime Expressions" and "Specification Extensions".
"""

import re
from typing import Annotated, Any, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType

from gateway.core.plan import Answer, Budget, Plan, Ref, Slot, Source, Verify, When
from gateway.core.pointer import escape
from gateway.core.recipe import RecipeParameter

EXTENSION = "x-factotum"
# Every step is a success as any call is: by its status.
IS_SUCCESS = "$statusCode >= 200 && $statusCode < 300"

_STARTS = re.compile(
    r"\$(?:inputs|outputs|steps|workflows|sourceDescriptions|components|url|method|statusCode|request|response|message|self)\b"
)
_NAMES = r"((?:\.[A-Za-z0-9_-]+)*)"
_POINTER = r"(?:#((?:/.*)?))?"
_INPUT = re.compile(rf"\$inputs\.([A-Za-z0-9_-]+){_NAMES}{_POINTER}", re.DOTALL)
_STEP = re.compile(rf"\$steps\.([A-Za-z0-9_-]+)\.outputs\.([A-Za-z0-9_.-]+){_POINTER}", re.DOTALL)
_BODY = re.compile(rf"\$response\.body((?:\.[A-Za-z0-9_-]+|\[\d+\])*){_POINTER}", re.DOTALL)
_EMBEDDED = re.compile(r"\{(\$[^{}]+)\}")
_TOKEN = re.compile(r"[A-Za-z0-9_-]+")


class InInputs(Struct, frozen=True):
    """A place in one of the inputs of a workflow."""

    name: str
    pointer: str = ""


class InStep(Struct, frozen=True):
    """A place in an output of a step. Names of outputs may have dots in them, as places may: whoever knows the names looks."""

    step: str
    output: str
    pointer: str = ""


class InBody(Struct, frozen=True):
    """A place in the answer of the step itself."""

    pointer: str = ""


Expression: TypeAlias = InInputs | InStep | InBody


class Unsupported(Exception):
    """Why an expression is not read, as a sentence."""


class StepExtension(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What Arazzo cannot say of a step. By places among the arguments (JSON Pointers): `spans` of literals, the origins of
    `defaults`, `slots` whose question or schema is not that of their input, `shapes` that are put together from constants, and
    `arguments` that it has no word for."""

    each: Ref | None = None
    when: When | None = None
    verify: Verify | UnsetType | None = UNSET
    spans: dict[str, tuple[int, int]] = {}
    defaults: dict[str, str] = {}
    slots: dict[str, Slot] = {}
    shapes: tuple[str, ...] = ()
    arguments: dict[str, Source] = {}


class WorkflowExtension(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What Arazzo cannot say of a plan. `order` is that in which its steps are listed, where another is that of the calls."""

    intent: str = ""
    budget: Budget = Budget()
    answers: tuple[Answer, ...] = ()
    zone: str = ""
    words: tuple[str, ...] = ()
    parameters: tuple[RecipeParameter, ...] = ()
    order: tuple[str, ...] = ()


class SourceExtension(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which connector a document is known as."""

    connector: Annotated[str, Meta(max_length=64)] = ""


class Portable(Struct, frozen=True):
    """A plan or a recipe as it goes from one installation to another. `plan` has a Slot at each place of a parameter."""

    name: str
    plan: Plan
    description: str = ""
    words: tuple[str, ...] = ()
    parameters: tuple[RecipeParameter, ...] = ()


def says_expression(text: str) -> bool:
    """Whether a text is read as an expression, or as one with an expression in it. `$5 off` is none."""
    return bool(_STARTS.match(text)) or "{$" in text


def is_plain(value: Any) -> bool:
    """Whether a value can stand as a constant: no text in it would be read as an expression by anybody."""
    match value:
        case str():
            return not value.startswith("$") and "{$" not in value
        case dict():
            return all(is_plain(one) for one in value.values())
        case list() | tuple():
            return all(is_plain(one) for one in value)
        case _:
            return True


def read_expression(text: str) -> Expression:
    """Raises Unsupported."""
    if found := _INPUT.fullmatch(text):
        return InInputs(found[1], _pointer(found[2], found[3]))
    if found := _STEP.fullmatch(text):
        return InStep(found[1], found[2], found[3] or "")
    if found := _BODY.fullmatch(text):
        return InBody(_pointer(found[1], found[2]))
    raise Unsupported(f"the expression {text[:100]} is not read: only $inputs, $steps.*.outputs and $response.body are")


def embedded(text: str) -> str | None:
    """The expression that is all of a text, between braces; None where the text has none. Raises Unsupported."""
    if "{$" not in text:
        return None
    found = _EMBEDDED.fullmatch(text)
    if found is None:
        raise Unsupported(f"expressions within other text are not put together: {text[:100]}")
    return found[1]


def _pointer(names: str | None, pointer: str | None) -> str:
    """`.links[0].self` is written by many, and is a JSON Pointer to those who read it."""
    return "".join(f"/{escape(one)}" for one in _TOKEN.findall(names or "")) + (pointer or "")
