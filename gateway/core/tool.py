"""The agent-facing face of an operation."""

from msgspec import Raw, Struct

from gateway.core.extension import Extension
from gateway.core.operation import Effect, Operation

__all__ = ["TOOL_NAME_PATTERN", "Annotations", "Effect", "Refusal", "Repair", "Tool"]

TOOL_NAME_PATTERN = r"^[a-zA-Z0-9_-]{1,64}$"


class Annotations(Struct, frozen=True, rename="camel"):
    """Hints for a client (MCP tool annotations). They inform; they never grant."""

    read_only_hint: bool
    destructive_hint: bool
    idempotent_hint: bool
    open_world_hint: bool = True


class Tool(Struct, frozen=True):
    """One tool.

    `input_schema` and `output_schema` are encoded JSON Schema 2020-12; the input schema is always an object schema.
    An empty `output_schema` means that the document declares none that is worth showing.
    `scopes` are alternatives: a caller needs every scope of at least one of them.
    `extension` is what its document says of it in `x-factotum`, None where that is nothing.
    INVARIANT: `scopes` is never empty and no alternative is empty, so no tool is open to a caller without scopes.
    """

    name: str
    title: str
    description: str
    input_schema: Raw
    output_schema: Raw
    effect: Effect
    annotations: Annotations
    scopes: tuple[frozenset[str], ...]
    operation: Operation
    tags: tuple[str, ...] = ()
    deprecated: bool = False
    extension: Extension | None = None

    @property
    def connector(self) -> str:
        return self.operation.connector


class Refusal(Struct, frozen=True):
    """An operation, or part of one, that could not be compiled: where, which rule, and why in a sentence.

    `place` is a JSON Pointer into the document, prefixed by its file where there are several.
    `reason` is a stable identifier to count by (`unresolvable-reference`); `detail` is for people.
    """

    operation: str
    place: str
    reason: str
    detail: str


class Repair(Struct, frozen=True):
    """Something in the document that broke a rule and whose intent was plain: what was done about it, and where."""

    place: str
    reason: str
    detail: str
