"""Misspelt words: the one known word that one must be, and the text as it is read then. Pure; English. It errs to one side: a word
that may be two, or is short and only alike, stays as it is, and what nothing explains stops a write as ever.
"""

import re
from collections.abc import Collection, Sequence

from msgspec import Struct, structs

from gateway.core import english
from gateway.core.english import ACTS, EMPTY, GERUNDS, LOOKS, words_of
from gateway.core.noun import named, singular
from gateway.core.plan import Listed, Literal, Plan, Shape, Source, Span, Step

EDITS_MAX = 10
# From so many letters on a word may have two mistakes, and may be asked about for one letter in place of another.
TWO_FROM, OTHER_FROM = 8, 5
_SHORT = {"pls": "please", "plz": "please", "tmrw": "tomorrow"}
_OF = re.compile(r"\b(?:turn|switch|power)\s+(of)\s+(?:the|all|my|our|every|both)\b", re.IGNORECASE)
_QUOTED = re.compile(r"\"[^\"]*\"|“[^”]*”|(?<!\w)'[^']*'(?!\w)")
# What a text goes over to what is passed on as it is.
_CONTENT = re.compile(r":\s|\b(?:that|saying|called|named|titled)\s", re.IGNORECASE)
_ENGLISH = (
    ACTS | LOOKS | EMPTY | frozenset(GERUNDS) | english.STATES | english.GREETINGS | english.ASKING | english.COPULAS
    | english.MODALS | english.CONDITIONS | english.EXCEPTIONS | english.THINGS_WITH_STATES | english.MEASURES
    | named(
        "monday tuesday wednesday thursday friday saturday sunday january february march april june july august september"
        " october november december today tomorrow yesterday tonight morning noon midday midnight afternoon evening night week"
        " weekend weekday month year hour minute second day percent degree degrees celsius fahrenheit kilo kilogram gram"
        " litre liter minutes hours seconds days weeks months half quarter one two three four five six seven eight nine ten"
        " eleven twelve fifteen twenty thirty forty fifty first third last next after before every again except without"
    )
)  # fmt: skip

# What no misspelt word is read as, but for a few.
_NEVER = english.GREETINGS | english.COPULAS | english.ASKING | english.MODALS | EMPTY
_SMALL = named("the and for with from all every everything please")


class Edit(Struct, frozen=True):
    """Characters of the text as it was said, and what they are read as."""

    span: Span
    read: str


def correct(text: str, known: Collection[str]) -> tuple[str, tuple[Edit, ...]]:
    """The text with its misspelt words put right, and what was changed; names, quotes, and what is to be passed on stay."""
    vocabulary = _ENGLISH | frozenset(known)
    wanted = (vocabulary - _NEVER) | _SMALL
    content = _CONTENT.search(text)
    end = content.start() if content else len(text)
    quoted = [one.span() for one in _QUOTED.finditer(text)]
    edits = [Edit(Span(one.start(1), one.end(1)), "off") for one in _OF.finditer(text)]
    for at, one in enumerate(words_of(text)):
        is_name = text[one.start].isupper() and at > 0 and not text.isupper()
        is_apart = one.end > end or any(start <= one.start < stop for start, stop in quoted)
        if is_name or is_apart or not one.text.isalpha() or one.text in vocabulary or singular(one.text) in vocabulary:
            continue
        if read := _SHORT.get(one.text) or nearest(one.text, wanted):
            edits.append(Edit(Span(one.start, one.end), read))
    edits = sorted(edits, key=lambda one: one.span.start)[:EDITS_MAX]
    read = text
    for edit in reversed(edits):
        read = f"{read[: edit.span.start]}{edit.read}{read[edit.span.end :]}"
    return read, tuple(edits)


def nearest(word: str, known: Collection[str], *, likely: bool = False) -> str:
    """The one known word that this must be: letters are missing, too many, doubled wrongly or have changed places; "" where none or
    several could be. `likely`: one that it may be, with another letter in place of one, so that it is to be asked about."""
    doubled = [one for one in known if one != word and _squeezed(one) == _squeezed(word)]
    if len(doubled) == 1:
        return doubled[0]
    if doubled or len(word) < 3:
        return ""
    most = 2 if len(word) >= TWO_FROM else 1
    told: list[tuple[int, str]] = []
    for one in known:
        begins = one[:1] == word[:1] or (one[:2] == word[1::-1] and one[2:] == word[2:])
        if abs(len(one) - len(word)) > most or not begins or len(one) < 3:
            continue
        mistakes, is_swap = distance(word, one), sorted(one) == sorted(word)
        is_other = len(one) == len(word) and not is_swap and not _doubles(word, one)
        fits = is_swap if len(word) == 3 else not is_other or (likely and len(word) >= OTHER_FROM)
        if mistakes <= most and fits:
            told.append((mistakes, one))
    least = min((mistakes for mistakes, _ in told), default=0)
    best = [one for mistakes, one in told if mistakes == least]
    return best[0] if len(best) == 1 else ""


def _doubles(word: str, wanted: str) -> bool:
    """Whether all that is wrong is that another letter is doubled: `florr`."""
    wrong = [at for at, letter in enumerate(word) if letter != wanted[at]]
    return len(wrong) == 1 and word[wrong[0]] in (word[wrong[0] - 1 : wrong[0]], word[wrong[0] + 1 : wrong[0] + 2])


def distance(one: str, other: str) -> int:
    """How many letters are missing, too many, other, or have changed places with the next (optimal string alignment)."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for at, letter in enumerate(one, 1):
        older, before, row = before, row, [at]
        for place, wanted in enumerate(other, 1):
            cost = min(before[place] + 1, row[place - 1] + 1, before[place - 1] + (letter != wanted))
            if at > 1 and place > 1 and letter == other[place - 2] and one[at - 2] == wanted:
                cost = min(cost, older[place - 2] + 1)
            row.append(cost)
    return row[-1]


def as_said(plan: Plan, text: str, read: str, edits: Sequence[Edit]) -> Plan:
    """The plan of a text that was read otherwise, with the places and the texts as they were said."""

    def back(place: int) -> int:
        shift = 0
        for edit in edits:
            start = edit.span.start + shift
            if place <= start:
                break
            if place < start + len(edit.read):
                return edit.span.end
            shift += len(edit.read) - (edit.span.end - edit.span.start)
        return place - shift

    def moved(source: Source) -> Source:
        match source:
            case Literal(value=value, span=Span(start=start, end=end)):
                own = Span(back(start), back(end))
                is_told = isinstance(value, str) and value == read[start:end].strip()
                return Literal(text[own.start : own.end].strip() if is_told else value, own)
            case Shape(members=members):
                return Shape({name: moved(one) for name, one in members.items()})
            case Listed(items=items):
                return Listed(tuple(moved(one) for one in items))
            case _:
                return source

    def step_of(step: Step) -> Step:
        return structs.replace(step, arguments={name: moved(one) for name, one in step.arguments.items()})

    return structs.replace(plan, intent=text, steps=tuple(step_of(one) for one in plan.steps))


def _squeezed(word: str) -> str:
    return re.sub(r"(.)\1+", r"\1", word)
