"""The question gate: whether a text is a command, in the person's own words. Only a command may write; a question, a wish to be
told something, and whatever is not plainly a command may read.

English. It errs to one side: a command that it does not know is asked back, and what is no command never passes as one.
INVARIANT: without a verb of `english.ACTS`, or a thing that has states named with one, no text is a command.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Literal

from msgspec import Struct

from gateway.core.english import (
    ABOUT_OBJECTS,
    ACTS,
    ALSO_THINGS,
    ASKING,
    CASES,
    COMMUNICATING,
    COPULAS,
    GERUNDS,
    GREETINGS,
    LEADS,
    LOOKS,
    MODALS,
    MOSTLY_OTHER,
    NEGATIONS,
    OF_THINGS,
    PARTICIPLES,
    PARTICLES,
    REFUSED_MODALS,
    STATES,
    SUBJECTS,
    SUBORDINATES,
    THINGS_WITH_STATES,
    Word,
    words_of,
)
from gateway.core.plan import Span

CLAUSES_MAX = 12
# So much of what stands behind a joint tells whether a wish begins there.
LOOKED_CHARACTERS_MAX = 200
ELLIPSIS_WORDS_MAX = 12
COPULA_WITHIN = 4
LEAD_WORDS_MAX = 6
# What stands behind a comma at the end and makes a command of a question mark.
TAGS = frozenset({("please",), ("ok",), ("okay",), ("alright",), *((modal, "you") for modal in MODALS)})

Kind = Literal["command", "question", "refusal", "neither"]

_QUOTED = re.compile(r"\"[^\"]*\"|“[^”]*”|«[^»]*»|(?<!\w)'[^']*'(?!\w)|‘[^’]*’")
_JOINED = re.compile(
    r"\s*,?\s*\b(?:and\s+then|but(?:\s+instead)?)\s+|\s*,\s*(?:and|then)\s+|\s+and\s+|\s*,\s*|\s+then\s+",
    re.IGNORECASE,
)
# What leaves things as they are.
LEAVES = frozenset({"leave", "keep", "spare", "skip"})
_BUT = re.compile(r"\bbut\s+(?:instead\s+)?$", re.IGNORECASE)
_SENTENCE = re.compile(r"[.!?;]+(?=\s|$)|\n+")


class Mood(Struct, frozen=True):
    """What a clause is; a refusal says what is not to be done. `verb` is the verb of a command in its plain form, "" where a state
    alone is named, and `span` where the command stands in the text that was read; `reason` is a sentence for people."""

    kind: Kind
    reason: str
    verb: str = ""
    span: Span | None = None


class Clause(Struct, frozen=True):
    """One wish of a text: which characters of it, and how it is meant."""

    span: Span
    mood: Mood


def read_clauses(text: str) -> tuple[Clause, ...]:
    """The wishes of a text in order, at most CLAUSES_MAX; no word is left out but those between them. What follows on a question,
    a refusal or a report within a sentence is no command, whatever its own words are; after a refusal, behind a `but`, it is."""
    found: list[Clause] = []
    for start, end in _sentences(text):
        found += _clauses(text, start, end)
    return tuple(found[:CLAUSES_MAX])


def read_mood(text: str) -> Mood:
    """How one clause is meant, by its words alone."""
    words = words_of(text)
    is_asked = text.rstrip().endswith("?")
    at = _past_greetings(words)
    if at == len(words):
        return Mood("neither", "It says nothing that could be done.")
    return _by_form(words, at, is_asked=is_asked)


def _by_form(words: Sequence[Word], at: int, *, is_asked: bool) -> Mood:
    first = words[at].text
    if first in ASKING or first in REFUSED_MODALS or (first == "have" and is_asked):
        return Mood("question", f"It begins as a question does: {first}.")
    if _refuses(words, at):
        return Mood("refusal", "It says what is not to be done.")
    if first in MODALS:
        return _after_modal(words, at)
    if first == "do":
        return _after_do(words, at, is_asked=is_asked)
    if (wanted := _wanted(words, at)) is not None:
        return wanted if not is_asked else Mood("question", "It ends with a question mark.")
    if first in {"let's", "lets"} and at + 1 < len(words):
        at += 1
    if is_asked and not _has_tag(words):
        return Mood("question", "It ends with a question mark.")
    comma = next((place for place in range(at + 1, len(words)) if words[place].text == ","), 0)
    if comma and _is_lead(words[at:comma]) and (found := _imperative(words, comma + 1)):
        return found
    return _imperative(words, at) or _state(words, at) or Mood("neither", "It has no command in words that I know.")


def _past_greetings(words: Sequence[Word]) -> int:
    at = 0
    while at < len(words) and (words[at].text in GREETINGS or words[at].text in {",", "!", "-", "–", "."}):
        at += 1
    if [one.text for one in words[at : at + 3]] == ["go", "ahead", "and"]:
        at += 3
    return at


def _refuses(words: Sequence[Word], at: int) -> bool:
    """Whether the command would be not to do something: `don't turn`, `can you not turn`, `I do not want`."""
    told = [one.text for one in words[at:]]
    return bool(set(told[:1]) & NEGATIONS) or any(
        word in NEGATIONS for word in told[: 4 if told[0] in MODALS | {"do", "i", "we", "i'd"} else 2]
    )


def _after_modal(words: Sequence[Word], at: int) -> Mood:
    """`Can you (please) turn ...`, `would you mind turning ...`; of anybody else it is a question."""
    rest = at + 2
    if at + 1 >= len(words) or words[at + 1].text != "you":
        return Mood("question", "It asks what can be done, and by whom.")
    while rest < len(words) and words[rest].text in {"please", "kindly", "just", "also", "then", "now", ",", "quickly"}:
        rest += 1
    for polite in (["be", "so", "kind", "as", "to"], ["be", "so", "good", "as", "to"], ["be", "kind", "enough", "to"]):
        if [one.text for one in words[rest : rest + len(polite)]] == polite:
            rest += len(polite)
    if rest + 1 < len(words) and words[rest].text == "mind" and (verb := GERUNDS.get(words[rest + 1].text)):
        return Mood("command", "It asks me to do it.", verb, Span(words[at].start, words[rest + 1].end))
    found = _imperative(words, rest)
    return found or Mood("question", "It asks what I can do.")


def _after_do(words: Sequence[Word], at: int, *, is_asked: bool) -> Mood:
    """`Do turn it off`, and not `do you turn it off`."""
    found = None if is_asked else _imperative(words, at + 1)
    return found or Mood("question", "It begins as a question does: do.")


def _wanted(words: Sequence[Word], at: int) -> Mood | None:
    """`I want you to turn ...`, `I'd like to order ...`, `I want the heating at 19`."""
    told = [one.text for one in words[at : at + 5]]
    if told[:2] in (["i", "want"], ["we", "want"], ["i'd", "like"], ["we'd", "like"]):
        rest = at + 2
    elif told[:3] in (["i", "would", "like"], ["we", "would", "like"]):
        rest = at + 3
    elif told[:3] == ["i", "need", "you"]:
        rest = at + 2
    elif told[:1] in (["i"], ["we"], ["i'd"], ["we'd"]):
        return Mood("neither", "It tells something.")
    else:
        return None
    following = [one.text for one in words[rest : rest + 2]]
    if following == ["you", "to"]:
        return _imperative(words, rest + 2) or Mood("neither", "It wants something that I do not know how to do.")
    if following[:1] == ["to"]:
        found = _imperative(words, rest + 1)
        return found or Mood("neither", "It wants something that I do not know how to do.")
    return (
        _state(words, rest)
        or _done(words)
        or Mood("neither", "It wants something, and does not say what is to be done.")
    )


def _imperative(words: Sequence[Word], at: int) -> Mood | None:
    """What a verb at this place says; None where there is none."""
    if at >= len(words):
        return None
    verb, following = words[at].text, [one.text for one in words[at + 1 :]]
    after = following[0] if following else ""
    if verb in LOOKS or (
        verb in {"tell", "give", "send", "let"} and after in {"me", "us"} and _is_to_know(verb, following)
    ):
        return Mood("question", "It asks to be told something.")
    if (verb == "make" and after == "sure") or verb in {"ensure", "check"}:
        return Mood("question", "It asks to see that something is so.")
    if verb not in ACTS or not _stands_as_verb(verb, following):
        return None
    if after in GERUNDS and verb in {"stop", "quit", "keep"}:
        return Mood("refusal", "It says what is not to be done, or to be done on and on.")
    return Mood("command", f"It tells me to {verb}.", verb, Span(words[at].start, words[at].end))


def _is_to_know(verb: str, following: Sequence[str]) -> bool:
    return verb != "let" or following[1:2] in (["know"], ["see"], ["hear"])


def _stands_as_verb(verb: str, following: Sequence[str]) -> bool:
    """Whether a word that may be something else too is a verb before these words."""
    after = following[0] if following else ""
    if verb in MOSTLY_OTHER and after not in ABOUT_OBJECTS | PARTICLES:
        return False
    if verb in ALSO_THINGS | MOSTLY_OTHER and after in OF_THINGS | SUBJECTS:
        return False
    for word in following[:COPULA_WITHIN]:
        if word in SUBORDINATES or word in SUBJECTS or word in {",", ":", '"', "“"}:
            break
        if word in COPULAS:
            return False
    return after != ":" or verb in COMMUNICATING


def _state(words: Sequence[Word], at: int) -> Mood | None:
    """`(The kitchen) lights off`, `heating to 19`: a thing that has states, and one of them."""
    told = words[at : at + ELLIPSIS_WORDS_MAX]
    if any(one.text in COPULAS | ASKING | NEGATIONS | SUBJECTS for one in told):
        return None
    for place, one in enumerate(told[:6]):
        if one.text in SUBORDINATES - {"to"} or one.text in ACTS - THINGS_WITH_STATES:
            return None
        rest = told[place + 1 : place + 3]
        if one.text not in THINGS_WITH_STATES or not rest:
            continue
        is_value = rest[0].text in {"to", "at"} and len(rest) > 1 and rest[1].text.isdigit()
        if is_value or (rest[0].text in STATES and (len(told) == place + 2 or told[place + 2].text not in OF_THINGS)):
            return Mood(
                "command",
                "It names a thing and the state that it is to have.",
                "",
                Span(one.start, rest[-is_value].end),
            )
    return None


def _done(words: Sequence[Word]) -> Mood | None:
    """`I'd like the blind opened`: what is to have been done, at the end."""
    told = [one for one in words if one.text not in {".", "!", "please", ","}]
    verb = PARTICIPLES.get(told[-1].text) if told else None
    if verb is None or {one.text for one in told} & (COPULAS | NEGATIONS | ASKING):
        return None
    return Mood("command", f"It wants it {told[-1].text}.", verb, Span(told[-1].start, told[-1].end))


def _has_tag(words: Sequence[Word]) -> bool:
    """`..., will you?`, `..., please?`, `..., ok?`"""
    last = max((place for place, one in enumerate(words) if one.text == ","), default=-1)
    return last > 0 and tuple(one.text for one in words[last + 1 :] if one.text != "?") in TAGS


def _is_tag(text: str) -> bool:
    return tuple(one.text for one in words_of(text) if one.text != "?") in TAGS


def _sentences(text: str) -> Iterator[tuple[int, int]]:
    """Where the sentences of a text are, with their last mark. Behind a colon, and within quotes, there is no end."""
    quoted = [one.span() for one in _QUOTED.finditer(text)]
    colon = re.search(r":(?=\s)", text)
    last = colon.start() if colon is not None else len(text)
    start = 0
    for mark in _SENTENCE.finditer(text):
        if mark.start() > last or any(begin < mark.start() < end for begin, end in quoted):
            continue
        yield from _trimmed(text, start, mark.end())
        start = mark.end()
    yield from _trimmed(text, start, len(text))


def _trimmed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    piece = text[start:end]
    if words_of(piece):
        left = len(piece) - len(piece.lstrip())
        yield start + left, start + len(piece.rstrip())


def _clauses(text: str, start: int, end: int) -> Iterator[Clause]:
    """The clauses of one sentence: cut where another command or question begins, and where nothing is told to anybody else."""
    sentence = text[start:end]
    quoted = [one.span() for one in _QUOTED.finditer(sentence)]
    cuts: list[tuple[int, int]] = []
    begin = 0
    for join in _JOINED.finditer(sentence):
        if join.start() < begin or any(left < join.start() < right for left, right in quoted):
            continue
        before, rest = sentence[begin : join.start()], sentence[join.end() : join.end() + LOOKED_CHARACTERS_MAX]
        following = read_mood(rest.rstrip("?!. "))
        if following.kind in {"neither", "refusal"} or _is_tag(rest) or _holds_on(before):
            continue
        # `All lights but leave the kitchen`: what is left as it is.
        if _BUT.search(join[0]) and following.verb in LEAVES | {""}:
            continue
        # `Turn on the lamp and the lights at 30 percent`: what has no verb of its own stands under the one before.
        if following.kind == "command" and not following.verb and read_mood(before).verb:
            continue
        cuts.append((begin, join.start()))
        begin = join.end()
    cuts.append((begin, len(sentence)))
    mood = _first_mood(sentence, cuts)
    is_other = False
    for index, (left, right) in enumerate(cuts):
        piece = sentence[left:right]
        is_other = is_other or (mood.kind == "refusal" and _BUT.search(sentence[:left]) is not None)
        if index and (is_other or _leads(sentence[: cuts[0][1]], mood)):
            told = read_mood(piece.rstrip("? ") if mood.kind == "command" else piece)
        else:
            told = mood if not index else Mood(mood.kind if mood.kind != "command" else "neither", mood.reason)
        yield Clause(Span(start + left, start + right), _moved(told, start + left))


def _first_mood(sentence: str, cuts: Sequence[tuple[int, int]]) -> Mood:
    """How the first clause is meant, with the question mark of the sentence."""
    return read_mood(sentence[: cuts[0][1]] + ("?" if sentence.rstrip().endswith("?") and len(cuts) > 1 else ""))


def _leads(first: str, mood: Mood) -> bool:
    """Whether what follows in the sentence stands beside this and not under it."""
    if mood.kind == "command":
        return True
    words = words_of(first)
    at = _past_greetings(words)
    is_plain_look = at < len(words) and words[at].text in LOOKS | {"tell", "give", "let"}
    told = [one.text for one in words]
    has_deed = any(word == "to" and after in ACTS | LOOKS for word, after in pairwise(told))
    is_under = has_deed or bool(set(told) & (SUBORDINATES - {"to"}))
    return mood.kind == "question" and is_plain_look and not is_under


def _holds_on(clause: str) -> bool:
    """Whether what follows belongs to it: it only says where or when, or ends in the midst of what is to be told to somebody."""
    words = words_of(clause)
    at = _past_greetings(words)
    if at == len(words) or _is_lead(words[at:]):
        return True
    told = {one.text for one in words}
    return bool(told & COMMUNICATING) and bool(told & (SUBORDINATES | {":"}))


def _is_lead(words: Sequence[Word]) -> bool:
    """`In the kitchen`, `tomorrow at 7`."""
    told = {one.text for one in words}
    is_plain = not told & (CASES | COPULAS | SUBORDINATES | SUBJECTS | NEGATIONS | (ACTS - THINGS_WITH_STATES))
    return words[0].text in LEADS and len(words) <= LEAD_WORDS_MAX and is_plain


def _moved(mood: Mood, by: int) -> Mood:
    span = mood.span
    return mood if span is None else Mood(mood.kind, mood.reason, mood.verb, Span(span.start + by, span.end + by))
