"""What facts do in a plan: other words stand in for those of a person, defaults fill what nobody said, and whether a fact vouches
for a value. Pure; whose facts they are, and whether they are there still, is for whoever asks."""

import re
from collections.abc import Iterable, Iterator

from msgspec import Struct

from gateway.core.fact import ORIGIN, Alias, Fact, Preset, Setting, What, gives, key_words, name_words, setting_for
from gateway.core.plan import Default, Plan, Span, leaves
from gateway.core.pointer import tokens

# Behind these it is somebody else's: `Bob's wife`, `her den`.
_OTHERS = r"(?<!'s )(?<!’s )(?<!\bhis )(?<!\bher )(?<!\btheir )(?<!\byour )(?<!\bits )"
_QUOTED = re.compile(r"\"[^\"]*\"|“[^”]*”|«[^»]*»")


class Mention(Struct, frozen=True):
    """Where a text has the words of an alias, with the article before them."""

    span: Span
    fact: Fact


def mentions(text: str, facts: Iterable[Fact]) -> tuple[Mention, ...]:
    """Where the aliases stand in a text, the longest where two do, in order; not in what is quoted."""
    by_words = {key_words(one.what.words): one for one in facts if isinstance(one.what, Alias)}
    if not by_words:
        return ()
    quoted = [one.span() for one in _QUOTED.finditer(text)]
    found = _pattern_of(by_words).finditer(text)
    return tuple(
        Mention(Span(*one.span()), by_words[key_words(one["words"])])
        for one in found
        if not any(start < one.end() and one.start() < end for start, end in quoted)
    )


def vouches(what: What, value: object, *, intent: str, connector: str, place: str) -> bool:
    """Whether a fact says that this value stands there: at a JSON Pointer among the arguments of a tool of that connector. An
    alias says so only of an intent that has its words."""
    path = tokens(place)
    if not gives(what, value):
        return False
    match what:
        case Alias(words=words):
            return any(True for _ in _pattern_of([key_words(words)]).finditer(intent))
        case Preset(argument=argument, connector=of):
            return len(path) == 1 and name_words(path[0]) == name_words(argument) and of in ("", connector)
        case Setting(name=name):
            return len(path) == 1 and setting_for(path[0]) == name


def claimed(plan: Plan) -> frozenset[str]:
    """The ids of the facts that a plan says that values are from, whether they are or not."""
    return frozenset(_claims(plan))


def _claims(plan: Plan) -> Iterator[str]:
    for step in plan.steps:
        verify = step.told_verify
        sources = (step.arguments, verify.arguments, verify.shows) if verify is not None else (step.arguments,)
        for _, leaf in (one for each in sources for one in leaves(each)):
            if isinstance(leaf, Default) and leaf.origin.startswith(ORIGIN):
                yield leaf.origin.removeprefix(ORIGIN)


def _pattern_of(words: Iterable[str]) -> re.Pattern[str]:
    """Any of these, whole, with white space and apostrophes as they come."""
    longest = sorted(words, key=len, reverse=True)
    each = "|".join(re.escape(one).replace(r"\ ", r"\s+").replace("'", "['’]") for one in longest)
    return re.compile(rf"{_OTHERS}(?<![\w@./-])(?:(?:the|an?)\s+)?(?P<words>{each})(?![\w@/-])", re.IGNORECASE)
