"""The agent-facing face of an operation."""

from typing import Any

from msgspec import Raw, Struct

from gateway.core.declared import NOTHING, Answer
from gateway.core.extension import Extension
from gateway.core.operation import Effect, Operation
from gateway.core.option import offer_options
from gateway.core.relation import Related
from gateway.core.shelf import NO_SHELVES, SCHEMA_BYTES_MAX, SHOWN_BYTES_MAX, Shelves, bundle, open_at

__all__ = ["TOOL_NAME_PATTERN", "Annotations", "Effect", "Refusal", "Repair", "Tool"]

OTHER_ANSWERS_MAX, OTHER_BYTES_MAX = 20, 600
ANSWER_PLACE = "answers/{}#"
TOOL_NAME_PATTERN = r"^[a-zA-Z0-9_-]{1,64}$"


class Annotations(Struct, frozen=True, gc=False, rename="camel"):
    """Hints for a client (MCP tool annotations). They inform; they never grant."""

    read_only_hint: bool
    destructive_hint: bool
    idempotent_hint: bool
    open_world_hint: bool = True


class OtherAnswer(Struct, frozen=True, gc=False, omit_defaults=True, rename="camel"):
    """An answer beside the main one, as it is shown: by status and media type, with its schema folded until it is short;
    `at` is the place that opens it."""

    status: str
    media_type: str = ""
    description: str = ""
    at: str = ""
    schema: Raw | None = None


class Tool(Struct, frozen=True, gc=False):
    """One tool.

    `inputs` and `outputs` are the roots of encoded JSON Schemas (2020-12), whose definitions stand on the `shelves` that
    all tools of a connector share; the root of the inputs is always an object schema. Empty `outputs` mean that the
    document declares none that is worth showing. `compact` is the input schema as lists show it, whole in itself, with
    the options of a call beside the arguments. `answers` are all that the document declares, the one of `outputs` first.
    `scopes` are alternatives: a caller needs every scope of at least one of them.
    `extension` is what its document says of it in `x-factotum`, and `related` how it follows on other tools of its
    connector and they on it; None where that is nothing.
    INVARIANT: `scopes` is never empty and no alternative is empty, so no tool is open to a caller without scopes.
    """

    name: str
    title: str
    description: str
    inputs: Raw
    outputs: Raw
    compact: Raw
    effect: Effect
    annotations: Annotations
    scopes: tuple[frozenset[str], ...]
    operation: Operation
    tags: tuple[str, ...] = ()
    deprecated: bool = False
    extension: Extension | None = None
    answers: tuple[Answer, ...] = ()
    related: Related | None = None
    shelves: Shelves = NO_SHELVES

    @property
    def input_schema(self) -> Raw:
        """The schema of the arguments with its definitions, within SCHEMA_BYTES_MAX: what a call is checked against."""
        return bundle(self.inputs, self.shelves.input, SCHEMA_BYTES_MAX)

    @property
    def output_schema(self) -> Raw:
        """The schema of the JSON that a success has, with its definitions, within SCHEMA_BYTES_MAX; or empty."""
        return bundle(self.outputs, self.shelves.output, SCHEMA_BYTES_MAX)

    @property
    def options(self) -> dict[str, Any]:
        """What may be asked of its answers, as schemas by name."""
        return offer_options(self.operation, answers=self.effect == "read" or bool(bytes(self.outputs)))

    @property
    def other_answers(self) -> tuple[OtherAnswer, ...]:
        """The answers beside the main one, in short; at most OTHER_ANSWERS_MAX."""
        told = []
        for index, one in enumerate(self.answers[1 : OTHER_ANSWERS_MAX + 1], 1):
            place = ANSWER_PLACE.format(index)
            shown = open_at(one.root, self.shelves.output, place, OTHER_BYTES_MAX) if bytes(one.root) else None
            told.append(OtherAnswer(one.status, one.media_type, one.description, place if shown else "", shown))
        return tuple(told)

    def open_schema(self, place: str) -> Raw | None:
        """The part of its schemas at a place, within SHOWN_BYTES_MAX: `#`, `output#` and `answers/1#` are the whole, a
        pointer behind them leads to what was folded. None where there is nothing."""
        where, mark, _ = place.partition("#")
        root, shelf = self._root(where), self.shelves.output if where else self.shelves.input
        return open_at(root, shelf, place, SHOWN_BYTES_MAX) if bytes(root) and mark else None

    def _root(self, where: str) -> Raw:
        if where in ("", "output"):
            return self.outputs if where else self.inputs
        index = where.removeprefix("answers/")
        is_one = index.isascii() and index.isdigit() and len(index) < 4 and int(index) < len(self.answers)
        return self.answers[int(index)].root if is_one else NOTHING

    @property
    def connector(self) -> str:
        return self.operation.connector


class Refusal(Struct, frozen=True, gc=False):
    """An operation, or part of one, that could not be compiled: where, which rule, and why in a sentence.

    `place` is a JSON Pointer into the document, prefixed by its file where there are several.
    `reason` is a stable identifier to count by (`unresolvable-reference`); `detail` is for people.
    """

    operation: str
    place: str
    reason: str
    detail: str


class Repair(Struct, frozen=True, gc=False):
    """Something in the document that broke a rule and whose intent was plain: what was done about it, and where."""

    place: str
    reason: str
    detail: str
