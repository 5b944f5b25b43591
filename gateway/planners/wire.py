"""What is said to a language model and what it says, whichever provider's wire it goes over. A wire makes a request and reads the
answer; it sends nothing, and knows no plan.

INVARIANT: what a model said goes back to it as it came, or not at all: a turn that is `unfit` is never said again.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Protocol

import msgspec
from msgspec import Meta, Raw, Struct

Json = dict[str, Any]
Tokens = Annotated[int, Meta(ge=0)]


class Function(Struct, frozen=True):
    """Something that the model may call. `schema` is the JSON Schema of its arguments."""

    name: str
    description: str
    schema: Json


class ModelCall(Struct, frozen=True):
    """What the model called. `arguments` is the text of a JSON object, exactly as it came."""

    id: str
    name: str
    arguments: str


class Usage(Struct, frozen=True):
    """Tokens that the model read and wrote. `counted`: the provider said so, and nobody guessed."""

    read: int = 0
    written: int = 0
    counted: bool = True

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(self.read + other.read, self.written + other.written, self.counted and other.counted)


class Turn(Struct, frozen=True):
    """One answer. `message` is the provider's own, to be said again as it is; `unfit` says why it cannot be, "" where it can.
    `cut`: the limit of tokens came before its end; `declined`: the provider would not let the model answer. `usage` is None where
    the provider told none."""

    message: Json
    calls: tuple[ModelCall, ...] = ()
    unfit: str = ""
    cut: bool = False
    declined: bool = False
    usage: Usage | None = None


class Said(Struct, frozen=True):
    """What is said back to one call, as JSON."""

    call: ModelCall
    content: Raw
    is_error: bool = True


class Broken(Exception):
    """The stream is not what the wire is: it was cut, or says something else."""


class Reading(Protocol):
    """One answer on its way."""

    def take(self, data: bytes) -> None:
        """The data of one server-sent event. Raises Broken."""

    def turn(self) -> Turn:
        """The whole answer. Raises Broken where its end has not come."""


class Wire(Protocol):
    """How one family of providers is spoken to."""

    path: str

    def headers(self, token: str) -> dict[str, str]:
        """`token` may be ""."""

    def opening(self, system: str, text: str) -> list[Json]:
        """A conversation: what the operator says, and then the first words of the person's side."""

    def note(self, text: str) -> Json:
        """A message of the person's side."""

    def results(self, said: Sequence[Said]) -> list[Json]:
        """What was said to every call of the last turn."""

    def body(self, model: str, messages: Sequence[Json], functions: Sequence[Function], tokens_max: int) -> Json:
        """The whole request, streamed, in which the model has to call something."""

    def reading(self) -> Reading: ...


def read_event(data: bytes, kind: Callable[[bytes], Any]) -> Any:
    """The JSON of an event. Raises Broken."""
    try:
        return kind(data)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Broken("it says what nobody can read") from error


def why_unfit(calls: Sequence[ModelCall], *, cut: bool) -> str:
    """Why a turn with these calls cannot be said again, or answered; "" where it can."""
    if cut:
        return "it was cut off at the limit of tokens"
    ids = [one.id for one in calls]
    if not all(ids) or len({*ids}) < len(ids):
        return "its calls had no ids of their own"
    return "" if all(is_object(one.arguments) for one in calls) else "the arguments of a call were no JSON object"


def is_object(text: str) -> bool:
    try:
        return isinstance(msgspec.json.decode(text), dict)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return False
