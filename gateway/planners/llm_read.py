"""What a language model submitted, made into a plan: decoded strictly, and every value marked with whose it is.

INVARIANT: a value is the person's only where their own words have it. A model cannot say so, nor choose how a write is verified,
nor what a run may use.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, structs

from gateway.core.entities import read_entities
from gateway.core.entity import Entity
from gateway.core.fact import ORIGIN, What, gives, value_of
from gateway.core.labels import is_said
from gateway.core.plan import (
    ANSWERS_MAX,
    MODEL,
    MODEL_SEEN,
    NESTING_MAX,
    SAYING_CHARACTERS_MAX,
    SOURCES_MAX,
    STEPS_MAX,
    Answer,
    Default,
    Leaf,
    Listed,
    Literal,
    Plan,
    Shape,
    Slot,
    Source,
    Span,
    Step,
    replace_leaves,
)
from gateway.core.planned import Choice
from gateway.core.pointer import escape
from gateway.core.prose import plain
from gateway.core.reach import Place, place_of
from gateway.core.tool import Tool
from gateway.planners.base import Wish
from gateway.planners.llm_prompt import ASK, CHOICES_MAX, FINISH, GIVE_UP, QUESTION_CHARACTERS_MAX, SUBMIT, facts_told
from gateway.planners.wire import ModelCall

DOCUMENT = "the document"
PROBLEM_CHARACTERS_MAX = 300
# Of one value, among the person's words.
PLACES_MAX = 20

# What a model says of an answer in its own words.
_SAID = ("says", "none", "yes", "no")

_Text = Annotated[str, Meta(min_length=1, max_length=20_000)]


class _Submitted(Struct, frozen=True, forbid_unknown_fields=True):
    steps: Annotated[tuple[Step, ...], Meta(min_length=1, max_length=STEPS_MAX)]
    answers: Annotated[tuple[Answer, ...], Meta(max_length=ANSWERS_MAX)] = ()
    why: Annotated[str, Meta(max_length=20_000)] = ""


class _Asked(Struct, frozen=True, forbid_unknown_fields=True):
    question: _Text
    choices: Annotated[tuple[_Text, ...], Meta(max_length=CHOICES_MAX)] = ()


class _GivenUp(Struct, frozen=True, forbid_unknown_fields=True):
    reason: _Text


class _Finished(Struct, frozen=True, forbid_unknown_fields=True):
    text: _Text


class Draft(Struct, frozen=True):
    """A plan that nobody has checked, and one sentence of the model's about it."""

    plan: Plan
    why: str


class Query(Struct, frozen=True):
    question: str
    choices: tuple[Choice, ...]


class GivenUp(Struct, frozen=True):
    reason: str


class Done(Struct, frozen=True):
    """What there is to say of what is done."""

    text: str


class Unreadable(Exception):
    """What was called, or said with it, is none of these. Its text is for the model."""


def read_call(
    call: ModelCall, wish: Wish, tools: Mapping[str, Tool], *, has_read: bool = False
) -> Draft | Query | GivenUp | Done:
    """`has_read`: whoever says it was shown what tools answered, so that no value of it is anybody's word, not even one that the
    person said: it may have been chosen by what was read. Raises Unreadable."""
    try:
        match call.name:
            case name if name == SUBMIT:
                told = msgspec.json.decode(call.arguments, type=_Submitted)
                plan = structs.replace(
                    _plan(told.steps, wish, tools, has_read), answers=tuple(map(_answer, told.answers))
                )
                return Draft(plan, plain(told.why, QUESTION_CHARACTERS_MAX))
            case name if name == ASK:
                asked = msgspec.json.decode(call.arguments, type=_Asked)
                labels = [plain(one, QUESTION_CHARACTERS_MAX) for one in asked.choices]
                choices = tuple(Choice(one, one) for one in labels if one)
                return Query(plain(asked.question, QUESTION_CHARACTERS_MAX), choices)
            case name if name == GIVE_UP:
                reason = msgspec.json.decode(call.arguments, type=_GivenUp).reason
                return GivenUp(plain(reason, QUESTION_CHARACTERS_MAX))
            case name if name == FINISH:
                text = msgspec.json.decode(call.arguments, type=_Finished).text
                return Done(plain(text, QUESTION_CHARACTERS_MAX))
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        # msgspec's text names the place and the type that was expected, and no value.
        raise Unreadable(str(error)[:PROBLEM_CHARACTERS_MAX]) from error
    raise Unreadable(f"there is no such function; call {SUBMIT}, {ASK} or {GIVE_UP}")


def _plan(steps: Sequence[Step], wish: Wish, tools: Mapping[str, Tool], has_read: bool) -> Plan:
    entities = read_entities(wish.text, wish.now, wish.locale)
    facts = {one.origin: one.what for one in facts_told(wish)}
    marked, left = [], iter(range(SOURCES_MAX))
    for step in steps:
        place = place_of(tools[step.tool].input_schema) if step.tool in tools else Place((), {})
        marking = _Marking(wish.text, entities, place, left, facts)
        arguments = {name: marking.source(f"/{escape(name)}", one, NESTING_MAX) for name, one in step.arguments.items()}
        if has_read:
            arguments = replace_leaves(arguments, _unvouched)
        marked.append(structs.replace(step, arguments=arguments, verify=UNSET))
    return Plan(wish.text, tuple(marked), zone=wish.zone)


def _answer(answer: Answer) -> Answer:
    """The words of a model, on one line each; values are said by what was read alone."""
    told = {name: plain(getattr(answer, name), SAYING_CHARACTERS_MAX) for name in _SAID if hasattr(answer, name)}
    if not all(told.values()):
        raise Unreadable("say every answer in words")
    return structs.replace(answer, **told)


def _unvouched(place: str, leaf: Leaf) -> Source:
    return Default(leaf.value, MODEL_SEEN) if isinstance(leaf, Literal | Default) else leaf


class _Marking:
    """The arguments of one step; `place` is the schema of all of them, `left` has one for each value that may be yet, and `facts`
    are those that the model was told of, by their origins."""

    def __init__(
        self,
        text: str,
        entities: Sequence[Entity],
        place: Place,
        left: Iterator[int],
        facts: Mapping[str, What],
    ) -> None:
        self._text = text
        self._entities = entities
        self._place = place
        self._left = left
        self._facts = facts

    def source(self, pointer: str, source: Source, levels: int) -> Source:
        if levels == 0:
            return source
        match source:
            case Shape(members=members):
                return Shape(
                    {name: self.source(f"{pointer}/{escape(name)}", one, levels - 1) for name, one in members.items()}
                )
            case Listed(items=items):
                return Listed(
                    tuple(self.source(f"{pointer}/{index}", one, levels - 1) for index, one in enumerate(items))
                )
            case Default(value=value, origin=origin) if origin.startswith(ORIGIN):
                return self._remembered(value, origin)
            case Literal(value=value) | Default(value=value):
                return self._value(pointer, value, levels)
            case Slot(question=question):
                # Without choices of the model's: what is asked so is answered by the person alone.
                return Slot(plain(question, QUESTION_CHARACTERS_MAX) or "What shall it be?")
            case _:
                return source

    def _remembered(self, value: Any, origin: str) -> Default:
        """A fact is referred to by its name; what it says is its own, whatever the model wrote there."""
        what = self._facts.get(origin)
        if what is None or next(self._left, None) is None:
            raise Unreadable(f"there is no fact {origin[:100]} that you were told of")
        return Default(value if gives(what, value) else value_of(what), origin)

    def _value(self, pointer: str, value: Any, levels: int) -> Source:
        match value:
            case dict() if value and levels > 1:
                return Shape(
                    {
                        str(key): self._value(f"{pointer}/{escape(str(key))}", one, levels - 1)
                        for key, one in value.items()
                    }
                )
            case list() if value and levels > 1:
                return Listed(
                    tuple(self._value(f"{pointer}/{index}", one, levels - 1) for index, one in enumerate(value))
                )
        if next(self._left, None) is None:
            raise Unreadable(f"a plan has at most {SOURCES_MAX} values")
        span = self._said(value)
        if span is not None:
            return Literal(value, span)
        return Default(value, DOCUMENT if self._is_offered(pointer, value) else MODEL)

    def _said(self, value: Any) -> Span | None:
        """Where the person's words have exactly this value, as words of their own, or name it (a number, a day, a time)."""
        if isinstance(value, str | int | float) and str(value).strip():
            span = next((one for one in _places(self._text, str(value)) if is_said(self._text, one, value)), None)
            if span is not None:
                return span
        return next((one.span for one in self._entities for told in _values(one) if _is_same(told, value)), None)

    def _is_offered(self, pointer: str, value: Any) -> bool:
        """Whether the schema has it as its default, or as one of few values."""
        schemas = [one for one in self._place.at(pointer).schemas if isinstance(one, dict)]
        offered = [one for schema in schemas for one in _offered(schema)]
        return any(_is_same(one, value) for one in offered)


def _places(text: str, words: str) -> Iterator[Span]:
    """Where these words stand, PLACES_MAX at most."""
    at = -1
    for _ in range(PLACES_MAX):
        if (at := text.find(words, at + 1)) < 0:
            return
        yield Span(at, at + len(words))


def _offered(schema: Mapping[str, Any]) -> Iterator[Any]:
    for keyword in ("default", "const"):
        if keyword in schema:
            yield schema[keyword]
    yield from schema.get("enum", ())


def _values(entity: Entity) -> Iterator[Any]:
    """What an entity may be written as, where it is sure."""
    if entity.sure and entity.kind not in ("range", "duration", "recurrence"):
        value = entity.value
        yield value.isoformat() if isinstance(value, date | datetime | time) else value
    if entity.sure and entity.kind == "time" and isinstance(entity.value, time):
        yield entity.value.isoformat("minutes")


def _is_same(one: Any, other: Any) -> bool:
    """Equal, and of one kind: `true` is no 1."""
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)
