"""What in a command limits which things are meant: clauses that say how they are (`that are on`), what is left out (`but the
kitchen`), and words by which nobody can tell which (`some`, `most`, `or`). Pure; English. Knows no thing."""

from collections.abc import Sequence

from msgspec import Struct

from gateway.core.english import COMMUNICATING, COPULAS, NEGATIONS, SUBJECTS, Word, words_of
from gateway.core.entity import Entity
from gateway.core.noun import named
from gateway.core.plan import Span
from gateway.core.question import LEAVES

# Behind these something is left out; behind a plain `but`, where all of something is meant before.
_BUT = (("except", "for"), ("except",), ("excluding",), ("apart", "from"), ("aside", "from"), ("other", "than"), ("save", "for"),
        ("but", "not", "for"), ("but", "not"), ("and", "not"), ("but", "for"), (",", "not"))  # fmt: skip
_PLAIN_BUT = named("all every each any everything everyone both whole entire")
_ARTICLES = named("the a an my our your his her their its these those")
_WHICH = named("that which who that's which's that're")
_HAS = named("have has with are is were was do does can will look seem need needs")
# What stands before a reduced clause: `lamps still on`.
_STILL = named("still currently left already")
_TURNED = named("turned switched put set")
# By how much from where it is now, or like what: no value that could be written.
COMPARING = named(
    "more less than much many fewer bit little slightly somewhat another extra additional further twice double triple previous"
    " usual same"
)
CHOOSING = named("or either")
# What stands for a thing that was named before, or that somebody points at.
POINTING = named("it them these those they")
# What is no name of anything.
NO_VALUES = named(
    "something anything someone somebody anyone everything nothing stuff thing things it that this them these those all some one"
    " ones more another same there here"
)


class Zone(Struct, frozen=True):
    """A clause that says how the things are that are meant; `negated` where it says how they are not."""

    span: Span
    negated: bool = False


class Limits(Struct, frozen=True):
    """The clauses `where`, and what is left out, `but`; `days` are those on which something is, and not those to which it is
    moved, and numbers of things."""

    where: tuple[Zone, ...] = ()
    but: tuple[Span, ...] = ()
    days: tuple[Span, ...] = ()

    @property
    def spans(self) -> tuple[Span, ...]:
        return (*(one.span for one in self.where), *self.but)


def read_limits(text: str, within: Span, verb: str, entities: Sequence[Entity]) -> Limits:
    """Those of one command. `entities` are what it names: a value behind `to` or `as` ends a clause."""
    if verb in COMMUNICATING:
        return Limits()
    words = words_within(text, within)
    end = next((at for at, one in enumerate(words) if one.text in {":", '"', "“"}), len(words))
    where: list[Zone] = []
    but: list[Span] = []
    at = 1
    while at < end:
        length, opens = _opening(words, at)
        if not opens:
            at += 1
            continue
        last = _close(words, at + length, end, entities)
        span = Span(words[at].start, words[last - 1].end)
        if opens == "but":
            but.append(span)
        else:
            where.append(Zone(span, any(one.text in NEGATIONS or one.text.endswith("n't") for one in words[at:last])))
        at = last
    return Limits(tuple(where), tuple(but))


def words_within(text: str, within: Span) -> tuple[Word, ...]:
    """The words of a part of a text, where they stand in the whole."""
    found = words_of(text[within.start : within.end])
    return tuple(Word(one.text, one.start + within.start, one.end + within.start) for one in found)


def _opening(words: Sequence[Word], at: int) -> tuple[int, str]:
    """How many words open a clause here, and which kind of one; (0, "") where none begins."""
    told = [one.text for one in words[at : at + 4]]
    before = [one.text for one in words[:at]]
    for opening in _BUT:
        if tuple(told[: len(opening)]) == opening:
            return len(opening), "but"
    if told[0] == "but" and set(before) & _PLAIN_BUT:
        return (2 if told[1:2] and told[1] in LEAVES else 1), "but"
    following = told[1] if len(told) > 1 else ""
    is_noun = before[-1].isalnum() and before[-1] not in _HAS
    is_told = following in COPULAS | SUBJECTS | _HAS | _STILL or following.endswith("n't") or "'" in told[0]
    if told[0] in _WHICH and is_noun and (is_told or (told[0] != "that" and bool(following))):
        return 1, "where"
    is_still = told[0] in _STILL and is_noun and before[-1] not in _PLAIN_BUT | _ARTICLES
    return (1, "where") if is_still else (0, "")


def _close(words: Sequence[Word], at: int, end: int, entities: Sequence[Entity]) -> int:
    """Behind which word a clause is over: before the value that is to be, a further clause, or a particle of the verb."""
    for place in range(at, end):
        following = words[place + 1] if place + 1 < end else None
        if words[place].text in {"to", "as"} and following is not None and _is_value(following, entities):
            return place
        if place > at and _opening(words, place)[1] == "but":
            return place
    while end > at + 1 and words[end - 1].text in {".", "!", ",", "please"}:
        end -= 1
    is_particle = (
        words[end - 1].text in {"on", "off", "up", "down"} and words[end - 2].text not in COPULAS | _STILL | _TURNED
    )
    return end - 1 if is_particle and end - 1 > at else end


def _is_value(word: Word, entities: Sequence[Entity]) -> bool:
    return any(one.span.start <= word.start < one.span.end for one in entities) or word.text not in {
        "the",
        "a",
        "an",
        "my",
    }
