"""A wish in other words: what a person calls things, put as they once said that these are called, and a plan of those words put
back into the person's own. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct, structs

from gateway.core.english import COMMUNICATING
from gateway.core.fact import Fact, value_of
from gateway.core.plan import INTENT_CHARACTERS_MAX, Default, Listed, Literal, Plan, Shape, Source, Span, Step
from gateway.core.question import read_clauses
from gateway.core.recall import Mention, mentions

MENTIONS_MAX = 20
# Behind these stands what is passed on, as it was said.
_PASSED_ON = re.compile(r":\s|\b(?:saying|says|to\s+say|with\s+the\s+(?:text|message|note|words))\b", re.IGNORECASE)
_TOLD_THAT = re.compile(r"\bthat\b", re.IGNORECASE)


class _Piece(Struct, frozen=True):
    """What stands in the new text (`at`) in place of what was said (`said`)."""

    at: Span
    said: Span
    fact: Fact


class Reworded(Struct, frozen=True):
    """`text` is that of a person, `said`, with what their aliases mean in place of these: the `pieces`, in order."""

    said: str
    text: str
    pieces: tuple[_Piece, ...] = ()

    @property
    def facts(self) -> tuple[Fact, ...]:
        return tuple({one.fact.id: one.fact for one in self.pieces}.values())

    def back(self, plan: Plan) -> Plan:
        """A plan of the new text as one of what was said: a value that is an alias is from its fact, a text that is passed on is as
        it was said, and any other value is from where it was."""
        return (
            structs.replace(plan, intent=self.said, steps=tuple(map(self._step, plan.steps))) if self.pieces else plan
        )

    def _step(self, step: Step) -> Step:
        return structs.replace(step, arguments=self._sources(step.arguments))

    def _sources(self, sources: Mapping[str, Source]) -> dict[str, Source]:
        return {name: self._source(one) for name, one in sources.items()}

    def _source(self, source: Source) -> Source:
        match source:
            case Shape(members=members):
                return Shape(self._sources(members))
            case Listed(items=items):
                return Listed(tuple(map(self._source, items)))
            case Literal(value=value, span=Span() as span):
                return self._literal(value, span)
            case _:
                return source

    def _literal(self, value: object, span: Span) -> Source:
        said = Span(self._place(span.start, is_end=False), self._place(span.end, is_end=True))
        met = [one for one in self.pieces if one.at.start < span.end and span.start < one.at.end]
        if len(met) == 1 and met[0].at == span and value == value_of(met[0].fact.what):
            return Default(value, met[0].fact.origin)
        if met and isinstance(value, list):
            return Listed(tuple(self._item(one, span) for one in value))
        if met and value == self.text[span.start : span.end]:
            return Literal(self.said[said.start : said.end], said)
        return Literal(value, said)

    def _item(self, value: object, within: Span) -> Source:
        """One of several values of a list, by where it stands in these characters."""
        at = self.text.find(value, within.start, within.end) if isinstance(value, str) and value else -1
        return self._source(Literal(value, Span(at, at + len(str(value))) if at >= 0 else within))

    def _place(self, place: int, *, is_end: bool) -> int:
        """A place of the new text among what was said; within a piece, the edge of what it stands for."""
        moved = 0
        for one in self.pieces:
            if place < one.at.end or (is_end and place == one.at.end):
                if one.at.start < place or (not is_end and one.at.start == place):
                    return one.said.end if is_end else one.said.start
                break
            moved = one.said.end - one.at.end
        return place + moved


def reword(text: str, facts: Sequence[Fact]) -> Reworded:
    """With no pieces where there are none, where they are too many, or where the wish would be another kind of wish: an alias
    commands nothing."""
    found, parts, pieces, end, length = [*_meant(text, facts)], list[str](), list[_Piece](), 0, 0
    for one in found[: MENTIONS_MAX + 1]:
        means = str(value_of(one.fact.what))
        parts += [text[end : one.span.start], means]
        start = length + one.span.start - end
        length, end = start + len(means), one.span.end
        pieces.append(_Piece(Span(start, length), one.span, one.fact))
    told = "".join([*parts, text[end:]])
    if not 0 < len(pieces) <= MENTIONS_MAX or len(told) > INTENT_CHARACTERS_MAX or _moods(told) != _moods(text):
        return Reworded(text, text)
    return Reworded(text, told, tuple(pieces))


def _meant(text: str, facts: Sequence[Fact]) -> Iterator[Mention]:
    """Those aliases that are not in what is passed on to somebody."""
    found = mentions(text, facts)
    passed = [*_passed_on(text)] if found else []
    return (one for one in found if not any(each.start <= one.span.start < each.end for each in passed))


def _passed_on(text: str) -> Iterator[Span]:
    for one in read_clauses(text):
        marks = (_PASSED_ON, _TOLD_THAT) if one.mood.verb in COMMUNICATING else (_PASSED_ON,)
        found = [mark.search(text, one.span.start, one.span.end) for mark in marks]
        yield from (Span(each.end(), one.span.end) for each in found if each is not None and each.end() < one.span.end)


def _moods(text: str) -> list[tuple[str, str]]:
    return [(one.mood.kind, one.mood.verb) for one in read_clauses(text)]
