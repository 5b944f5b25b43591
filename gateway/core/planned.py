"""What comes of a person's words: a plan, a question to them, or why there is none. Shapes, and what an answer to such a question
is."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta, Struct

from gateway.core.fact import Alias, Preset, Setting
from gateway.core.plan import Plan
from gateway.core.standing import NewStanding

ANSWER_CHARACTERS_MAX = 1_000
# So many questions about one wish; whoever asks more does not understand it.
TOLD_MAX = 5


class Told(Struct, frozen=True, forbid_unknown_fields=True):
    """What a person answered to a question about their wish: the `question` as it was asked, and the value of the choice, or a
    text."""

    question: Annotated[str, Meta(max_length=4_000)]
    answer: Any


class Used(Struct, frozen=True, omit_defaults=True):
    """What a planning took: tokens that a language model read and wrote together, and money."""

    tokens: int = 0
    money: float = 0.0


class Choice(Struct, frozen=True):
    """One way to understand the wish: its value, and what people call it."""

    value: Any
    label: str


class _Planned(Struct, frozen=True, tag_field="kind", omit_defaults=True):
    """What came of a wish. `because` are sentences that say why: for people, in order. `used` is what a model took for it."""

    because: tuple[str, ...]


class Ready(_Planned, frozen=True, tag="plan"):
    """A plan; what it does not know is a Slot, and is asked before anything is called. `facts` are the ids of those that it was
    made with, and `remembered` what these say, for people."""

    plan: Plan
    facts: tuple[str, ...] = ()
    used: Used = Used()
    remembered: tuple[str, ...] = ()


class Asks(_Planned, frozen=True, tag="asks"):
    """The person has to say more: a question, and the choices where there are some."""

    question: str
    choices: tuple[Choice, ...] = ()
    used: Used = Used()


class Impossible(_Planned, frozen=True, tag="impossible"):
    """It cannot be done with these tools, in one sentence, and what was looked for. `short` names what of the budget was too
    little for it."""

    reason: str
    looked_for: tuple[str, ...] = ()
    short: Literal["", "tokens_max", "money_max"] = ""
    used: Used = Used()


class Finished(_Planned, frozen=True, tag="finished"):
    """Nothing is left to do; what there is to say, in the planner's words."""

    text: str
    used: Used = Used()


class Proposes(_Planned, frozen=True, tag="remember"):
    """The person wants something remembered: their `words`, and what these say. Nothing is kept until they say yes to it
    (`POST /v1/memory` with the words)."""

    words: str
    fact: Alias | Preset | Setting
    sentence: str
    used: Used = Used()


class Comes(_Planned, frozen=True, tag="standing"):
    """It is to come again and again: the `standing` intent that it would be, and when it comes, in words. Nothing comes until it is
    made one (`POST /v1/standing-intents` with `standing` as it is). `writes`: its plan does more than read."""

    standing: NewStanding
    when: str
    writes: bool = False
    used: Used = Used()


NoPlan: TypeAlias = Asks | Impossible | Proposes | Comes
Planned: TypeAlias = Ready | NoPlan


def chosen(asks: Asks, told: Sequence[Told]) -> Choice | None:
    """The choice that the person has made already; None where they were not asked this, or their answer is none of the choices."""
    answers = [one.answer for one in told if one.question == asks.question]
    return next((one for one in asks.choices if one.value in answers), None)


def answer_schema(asks: Asks) -> dict[str, Any]:
    """The JSON Schema that an answer has to fit."""
    if not asks.choices:
        return {"type": "string", "minLength": 1, "maxLength": ANSWER_CHARACTERS_MAX}
    return {"anyOf": [{"const": one.value, "title": one.label} for one in asks.choices]}
