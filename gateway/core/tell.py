"""What a person asked, answered by what a run has read: a function of its plan and its journal. Asks nobody anything."""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct

from gateway.core.found import value_at
from gateway.core.noun import split
from gateway.core.paging import MEANINGS
from gateway.core.pick import fits_schema, fitting, pick
from gateway.core.plan import Answer, Counts, Holds, Lists, Pick, Ref, Tells
from gateway.core.prose import cut
from gateway.core.run import Progress, Run, Standing, by_step
from gateway.core.spoken import in_zone, say_thing, say_things, say_value

SENTENCE_CHARACTERS_MAX = 2_000

Certainty = Literal["read", "verified", "accepted", "uncertain", "not done", "remembered"]


class Sentence(Struct, frozen=True, omit_defaults=True):
    """`certainty`: it was read; a look shows it; the backend said that it took it, and nothing shows it; nobody knows whether
    it happened; it did not happen; the person had it remembered, and the plan was made with it. `tools` are those that an
    answer was read with."""

    text: str
    certainty: Certainty
    rows: tuple[int, ...]
    tools: tuple[str, ...] = ()


class _Unread(Exception):
    """It was not read, or not yet."""


def tell(run: Run, progress: Progress) -> tuple[Sentence, ...]:
    """A sentence for each answer of the plan whose steps have been read."""
    if not run.plan.answers:
        return ()
    telling = _Telling(run, progress)
    return tuple(sentence for one in run.plan.answers for sentence in telling.sentence(one))


class _Telling:
    def __init__(self, run: Run, progress: Progress) -> None:
        self._run = run
        self._progress = progress
        self._zone = run.plan.zone
        self._began = in_zone(run.created_at, run.plan.zone)
        self._steps = {step.name: step for step in run.plan.steps}
        self._places = by_step(progress)

    def sentence(self, answer: Answer) -> Iterator[Sentence]:
        """One; none where what it is about was not read."""
        source = answer.items if isinstance(answer, Counts | Lists) else answer.value
        calls = self._calls(source.step)
        if not calls or any(one.called is None or one.called.is_error for one in calls):
            return
        rows = tuple(row for one in calls for row in one.rows)
        tools = tuple(dict.fromkeys(one.called.tool for one in calls if one.called is not None))
        try:
            if any(one.called.truncated for one in calls if one.called is not None):
                raise _Unread("the answer is too long")
            text = self._say(answer)
        except _Unread as error:
            said = answer.yes.rstrip(".") if isinstance(answer, Holds) else answer.says
            yield Sentence(f"{said}: that is not known, for {error}.", "not done", rows, tools)
            return
        yield Sentence(cut(text, SENTENCE_CHARACTERS_MAX), "read", rows, tools)

    def _say(self, answer: Answer) -> str:
        match answer:
            case Holds(value=source, fits=fits, yes=yes, no=no):
                return yes if fits_schema(fits, self._value(source)) else no
            case Tells(value=Pick() as source, says=says) if self._picked(source) is None:
                return f"{says}: there is none."
            case Tells(value=source, says=says, shows=shows):
                value = self._value(source)
                told = say_thing(value, shows, self._zone) if shows else say_value(value, source.pointer, self._zone)
                return f"{says}: {told}."
            case Counts(items=items, where=where, says=says):
                most = "at least " if has_more(self._answer(items.step), self._list(items)) else ""
                return f"{says}: {most}{len(fitting(self._list(items), where, self._began))}."
            case Lists(items=items, where=where, shows=shows, says=says, none=none):
                things = fitting(self._list(items), where, self._began)
                return f"{says}: {say_things(things, shows, self._zone)}." if things else none

    def _value(self, source: Ref | Pick) -> Any:
        if isinstance(source, Ref):
            return self._found(self._answer(source.step), source.pointer)
        one = self._picked(source)
        if one is None:
            raise _Unread("there is none")
        return self._found(one, source.pointer)

    def _picked(self, source: Pick) -> Any:
        items = self._list(Ref(source.step, source.items))
        return pick(items, source, self._began)

    def _list(self, source: Ref) -> list[Any]:
        found = self._found(self._answer(source.step), source.pointer)
        if not isinstance(found, list):
            raise _Unread(f"{self._steps[source.step].tool} gave no list")
        return found

    def _found(self, root: Any, pointer: str) -> Any:
        try:
            return value_at(root, pointer)
        except LookupError as error:
            raise _Unread("the answer does not have it") from error

    def _answer(self, name: str) -> Any:
        told = [msgspec.json.decode(one.called.result) for one in self._calls(name) if one.called is not None]
        return told if self._steps[name].each is not None else told[0]

    def _calls(self, name: str) -> list[Standing]:
        """The calls of a step, but for those that were left out."""
        places = [place for place in self._places.get(name, ()) if place[0] == "do"]
        every = [self._progress.calls[place] for place in places]
        return [one for one in every if one.skipped is None]


def has_more(answer: Any, items: Sequence[Any]) -> bool:
    """Whether an answer says that there are more items than it has: a next page, or a larger total."""
    if not isinstance(answer, dict):
        return False
    fields = {
        **answer,
        **{name: one for inner in answer.values() if isinstance(inner, dict) for name, one in inner.items()},
    }
    for name, value in fields.items():
        words = "_".join(split(str(name)))
        meaning = next((one for one, (names, _) in MEANINGS.items() if words in names), None)
        is_next = meaning in ("cursor", "url") and isinstance(value, str) and value != ""
        is_larger = meaning == "total" and isinstance(value, int) and value > len(items)
        if is_next or is_larger or (meaning == "more" and value is True):
            return True
    return False
