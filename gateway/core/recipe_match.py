"""Which recipes some words call for, and what they tell for the parameters. English; pure.

Precise rather than bold: the words of a recipe stand in the text, all of them and in their order, and nothing else does but what
is told for its parameters. A recipe that writes is called for by no question, and by nothing that says what is not to be done.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from gateway.core.english import CONDITIONS, EXCEPTIONS, MODALS, SYNONYMS, Word, words_of
from gateway.core.entities import match_choice, stem
from gateway.core.entity import Entity
from gateway.core.fill import fill_arguments
from gateway.core.noun import split
from gateway.core.plan import Default, Leaf, Literal, Plan, Source, Span, leaves
from gateway.core.question import read_clauses
from gateway.core.recipe import Recipe, RecipeParameter, asked_by, instance, split_phrase
from gateway.core.tool import Tool
from gateway.core.wanted import BODIES, TITLES, Wanted, names_thing, wanted_of

# What one recipe may take to be looked at.
TRIES_MAX, WAYS_MAX = 2_000, 20
TOLD_WORDS_MAX = 8
TIMELY = frozenset({"date", "date-time", "time", "duration"})
_LATER = frozenset({"date", "time", "datetime", "range", "duration", "recurrence"})
_QUOTES = (('"', '"'), ("“", "”"), ("'", "'"), ("‘", "’"))
_POLITE = frozenset({"hey", "hi", "hello", "ok", "okay", "please", "kindly", "thanks"})
_SAME = {stem(word): frozenset(stem(one) for one in group) for group in SYNONYMS for word in group}


class Called(Struct, frozen=True):
    """A recipe that the words call for, by which of its own words, and the plan that comes of it. `named` are the parameters for
    which the words name a thing, and where: they are asked in the plan, until somebody has found the thing."""

    recipe: Recipe
    phrase: str
    plan: Plan
    given: Mapping[str, Literal] = {}
    named: Mapping[str, Span] = {}


class _Aligned(Struct, frozen=True):
    """Where a text tells the parameters of a phrase, and how many words of its own the phrase has."""

    spans: dict[str, Span]
    words: int


def called_for(
    text: str, entities: Sequence[Entity], recipes: Sequence[Recipe], tools: Mapping[str, Tool]
) -> tuple[Called, ...]:
    """The recipes whose words these are."""
    return tuple(found for one in recipes if (found := _called(text, entities, one, tools)))


def near(text: str, recipes: Sequence[Recipe]) -> tuple[Recipe, ...]:
    """Those that have every word of the text that says something among their own, or another word for it."""
    said = {stem(one.text) for one in words_of(text) if one.text.isalnum() and one.text not in _POLITE}
    return tuple(one for one in recipes if said and said <= _own_words(one))


def _own_words(recipe: Recipe) -> frozenset[str]:
    told = " ".join([recipe.name.replace("-", " ").replace("_", " "), recipe.description, *recipe.words])
    own = frozenset(stem(one.text) for one in words_of(told))
    return own.union(*(_SAME[one] for one in own if one in _SAME))


def _called(text: str, entities: Sequence[Entity], recipe: Recipe, tools: Mapping[str, Tool]) -> Called | None:
    """By the words of it that have the most of their own; None where two that have as many say something else."""
    if _writes(recipe, tools) and not _may_command(text):
        return None
    found: list[tuple[int, Called]] = []
    for phrase in recipe.words:
        for aligned in _alignments(text, phrase):
            told = _given(text, entities, recipe, aligned, tools)
            if told is not None:
                found.append((aligned.words, Called(recipe, phrase, instance(recipe, text, told[0]), *told)))
    most = max((words for words, _ in found), default=0)
    best = [one for words, one in found if words == most]
    return best[0] if best and all(_says_as(one, best[0]) for one in best) else None


def _says_as(one: Called, other: Called) -> bool:
    return (one.plan, one.named) == (other.plan, other.named)


def _writes(recipe: Recipe, tools: Mapping[str, Tool]) -> bool:
    return any(step.tool not in tools or tools[step.tool].effect != "read" for step in recipe.plan.steps)


def _may_command(text: str) -> bool:
    """A person said that these very words are a command: what a question or a refusal makes of them is none."""
    clauses = read_clauses(text)
    first = clauses[0].mood.kind if clauses else "neither"
    return first not in {"question", "refusal"} and (first == "command" or not text.rstrip().endswith("?"))


# Where the words stand.


def _alignments(text: str, phrase: str) -> Iterator[_Aligned]:
    """The ways in which the words of a phrase stand in the text; none where these are too many to look at."""
    words = _said(text)
    parts = [(is_name, part if is_name else _texts(_said(part))) for is_name, part in split_phrase(phrase)]
    parts = [one for one in parts if one[1]]
    if not words or not any(not is_name for is_name, _ in parts):
        return
    ways: list[dict[str, Span]] = []
    tries = [TRIES_MAX]
    _align(parts, words, 0, {}, ways, tries)
    own = sum(len(part) for is_name, part in parts if not is_name)
    for way in ways if tries[0] > 0 and len(ways) <= WAYS_MAX else ():
        yield _Aligned({name: _within(text, span) for name, span in way.items()}, own)


def _align(
    parts: Sequence[tuple[bool, Any]],
    words: Sequence[Word],
    at: int,
    told: dict[str, Span],
    ways: list[dict[str, Span]],
    tries: list[int],
) -> None:
    tries[0] -= 1
    if tries[0] <= 0 or len(ways) > WAYS_MAX:
        return
    if not parts:
        if at == len(words):
            ways.append(told)
        return
    (is_name, part), rest = parts[0], parts[1:]
    if not is_name:
        if _texts(words[at : at + len(part)]) == part:
            _align(rest, words, at + len(part), told, ways, tries)
        return
    for end in range(at + 1, len(words) + 1):
        _align(rest, words, end, {**told, part: Span(words[at].start, words[end - 1].end)}, ways, tries)


def _said(text: str) -> list[Word]:
    """The words of a text without marks, and without what is only polite at its ends."""
    words = [one for one in words_of(text) if any(letter.isalnum() for letter in one.text)]
    while words and words[0].text in _POLITE:
        words = words[1:]
    if len(words) > 2 and words[0].text in MODALS and words[1].text == "you":
        words = words[3:] if words[2].text in _POLITE else words[2:]
    while words and words[-1].text in _POLITE:
        words = words[:-1]
    return words


def _texts(words: Sequence[Word]) -> tuple[str, ...]:
    return tuple(one.text for one in words)


def _within(text: str, span: Span) -> Span:
    """Without quotes, where they stand around all of it."""
    before, after = text[: span.start], text[span.end :]
    is_quoted = any(before.endswith(opened) and after.startswith(closed) for opened, closed in _QUOTES)
    if is_quoted:
        return span
    # A mark that belongs to what is told: `C++`, `50 %`.
    marks = re.match(r"[^\s\w.,;:!?\"'”’]+", after)
    return Span(span.start, span.end + (marks.end() if marks else 0))


# What they tell.


def _given(
    text: str, entities: Sequence[Entity], recipe: Recipe, aligned: _Aligned, tools: Mapping[str, Tool]
) -> tuple[dict[str, Literal], dict[str, Span]] | None:
    """The values of the parameters, and where things are named for others; None where the words tell one that it cannot be."""
    told: dict[str, Literal] = {}
    named: dict[str, Span] = {}
    for one in recipe.parameters:
        if (span := aligned.spans.get(one.name)) is None:
            continue
        is_thing = thing_of(recipe, one, tools) is not None
        value = (_filled if is_thing else _value)(text, span, entities, recipe, one, tools)
        if value is not None:
            told[one.name] = value
        elif is_thing and _is_plain(text[span.start : span.end], span, entities, text, one):
            named[one.name] = span
        else:
            return None
    return told, named


def thing_of(recipe: Recipe, parameter: RecipeParameter, tools: Mapping[str, Tool]) -> tuple[Tool, Wanted] | None:
    """The tool and the argument that say which thing is meant, where the value of a parameter is the id of one."""
    name, _, pointer = parameter.places[0].partition("/")
    tool = next((tools[step.tool] for step in recipe.plan.steps if step.name == name and step.tool in tools), None)
    wanted = wanted_of(tool) if tool is not None else ()
    return next(((tool, one) for one in wanted if tool and one.name == pointer and names_thing(one)), None)


def _value(
    text: str,
    span: Span,
    entities: Sequence[Entity],
    recipe: Recipe,
    parameter: RecipeParameter,
    tools: Mapping[str, Tool],
) -> Literal | None:
    place, said = asked_by(recipe, parameter, tools), text[span.start : span.end]
    schema, kinds = place.plain, place.kinds - {"null"}
    if schema.get("enum"):
        named = match_choice(schema["enum"], said)
        is_one = len(named) == 1 and named[0].span == Span(0, len(said))
        return Literal(named[0].value, span) if is_one else None
    if kinds and kinds <= {"integer", "number"}:
        numbers = [one for one in entities if one.kind == "number" and one.span == span and one.sure]
        return Literal(numbers[0].value, span) if len(numbers) == 1 and _is_kind(numbers[0].value, kinds) else None
    if "string" in kinds and schema.get("format") not in TIMELY:
        return Literal(said, span) if _is_plain(said, span, entities, text, parameter) else None
    return _filled(text, span, entities, recipe, parameter, tools)


def _is_kind(value: Any, kinds: frozenset[str]) -> bool:
    return "number" in kinds or isinstance(value, int)


def _is_plain(said: str, span: Span, entities: Sequence[Entity], text: str, parameter: RecipeParameter) -> bool:
    """Whether a text is what is told, and no more: a message may say anything, and so may what stands in quotes; else it is short,
    and says no time, no condition and nothing that is left out."""
    is_message = bool({*split(parameter.name), *split(parameter.places[0].rpartition("/")[2])} & (BODIES | TITLES))
    quoted = any(text[: span.start].endswith(a) and text[span.end :].startswith(b) for a, b in _QUOTES)
    if is_message or quoted:
        return True
    words = {one.text for one in words_of(said)}
    is_later = any(one.kind in _LATER and one.span.start < span.end and span.start < one.span.end for one in entities)
    return len(words_of(said)) <= TOLD_WORDS_MAX and not words & (CONDITIONS | EXCEPTIONS) and not is_later


def _filled(
    text: str,
    span: Span,
    entities: Sequence[Entity],
    recipe: Recipe,
    parameter: RecipeParameter,
    tools: Mapping[str, Tool],
) -> Literal | None:
    """As an argument of its tool is filled, from these words alone and all of them."""
    name, _, pointer = parameter.places[0].partition("/")
    tool = next((tools[step.tool] for step in recipe.plan.steps if step.name == name and step.tool in tools), None)
    if tool is None:
        return None
    top = pointer.partition("/")[0]
    known: dict[str, Source] = {one.name: Default(None, "the recipe") for one in wanted_of(tool) if one.name != top}
    filled = fill_arguments(tool, text, span, entities, known)
    found: Leaf | None = dict(leaves(filled.arguments)).get(f"/{pointer}")
    is_whole = isinstance(found, Literal) and found.span is not None and found.span == span
    return found if is_whole and isinstance(found, Literal) else None
