"""What comes of a person's words: a plan, a question to them, or why there is none. Shapes only."""

from typing import Any, TypeAlias

from msgspec import Struct

from gateway.core.plan import Plan


class Choice(Struct, frozen=True):
    """One way to understand the wish: its value, and what people call it."""

    value: Any
    label: str


class _Planned(Struct, frozen=True, tag_field="kind", omit_defaults=True):
    """What came of a wish. `because` are sentences that say why: for people, in order."""

    because: tuple[str, ...]


class Ready(_Planned, frozen=True, tag="plan"):
    """A plan; what it does not know is a Slot, and is asked before anything is called."""

    plan: Plan


class Asks(_Planned, frozen=True, tag="asks"):
    """The person has to say more: a question, and the choices where there are some."""

    question: str
    choices: tuple[Choice, ...] = ()


class Impossible(_Planned, frozen=True, tag="impossible"):
    """It cannot be done with these tools, in one sentence, and what was looked for."""

    reason: str
    looked_for: tuple[str, ...] = ()


Planned: TypeAlias = Ready | Asks | Impossible
