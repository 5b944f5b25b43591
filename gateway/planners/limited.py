"""What of a command's words is about which things, and not about what becomes of them: `archive all unread mails` makes none
unread. Reads nothing."""

import re
from collections.abc import Iterator, Sequence

from msgspec import structs

from gateway.core.english import COMMUNICATING, EMPTY, PARTICLES, Word
from gateway.core.entities import SWITCHED, match_choice, stem
from gateway.core.limits import Limits, Zone, read_limits, words_within
from gateway.core.noun import named, singular
from gateway.core.plan import Span
from gateway.core.said import Said, is_used
from gateway.core.wanted import Wanted

# So many words may stand between a word that says how a thing is and what the thing is called.
BETWEEN_MAX = 3
_WITHIN = re.compile(r"\b(?:in|from|of|under|with)\s+(?:the\s+|my\s+|our\s+|its\s+|an?\s+)?$", re.IGNORECASE)
# What comes before the day or the time to which something is moved; a time alone may begin so.
_TO = re.compile(r"\b(?:to|until|till|for|as|is|=|at)\s*$", re.IGNORECASE)
_AT = re.compile(r"(?:at|until|till|by)\b", re.IGNORECASE)
_PUTTING = named("put place file store save")
_TIMELY = frozenset({"date", "datetime", "range", "time"})


def limits_of(said: Said, wanted: Sequence[Wanted], nouns: frozenset[str]) -> Limits:
    """The limits of a command, with the values that stand before or behind the things' own name (`nouns`, stems) and so tell
    which are meant, and the days that are not those to which something is moved."""
    limits = read_limits(said.text, said.span, said.verb, said.entities)
    zones = [Zone(one) for one in _attributes(said, wanted, nouns) if not is_used(one, limits.spans)]
    words = words_within(said.text, said.span)
    numbers = [one.span for one in said.entities if one.kind == "number"]
    counts = [one for one in numbers if _is_before_noun([each for each in words if each.start >= one.end], nouns)]
    if said.verb in COMMUNICATING:
        return structs.replace(limits, where=(*limits.where, *zones), days=tuple(counts))
    days = [one.span for one in said.entities if one.kind in _TIMELY and not _TO.search(said.text[: one.span.start])]
    days = [one for one in days if not _AT.match(said.of(one))]
    return structs.replace(limits, where=(*limits.where, *zones), days=(*days, *counts))


def attributes_of(said: Said, nouns: frozenset[str]) -> frozenset[str]:
    """The stems of the words that stand right before what the things are called: `the newest mails`."""
    words = words_within(said.text, said.span)
    found = []
    for at, one in enumerate(words):
        for before in reversed(words[:at] if _is_noun(one, nouns) else ()):
            if before.text in EMPTY or not before.text.isalnum() or before.text == said.verb:
                break
            found.append(stem(before.text))
    return frozenset(found)


def _attributes(said: Said, wanted: Sequence[Wanted], nouns: frozenset[str]) -> Iterator[Span]:
    words = words_within(said.text, said.span)
    for span in _values(said, wanted):
        at = next((at for at, one in enumerate(words) if one.start == span.start), 0)
        is_particle = words[at].text in PARTICLES and words[at - 1].text == said.verb
        if at == 0 or is_particle or (stem(words[at].text) in nouns and words[at].text not in SWITCHED):
            continue
        behind = [one for one in words[at:] if one.start >= span.end]
        is_within = _WITHIN.search(said.text[: span.start]) and said.verb not in _PUTTING
        is_behind = is_within and any(_is_noun(one, nouns) for one in words[:at])
        if is_behind or _is_before_noun(behind, nouns):
            yield span


def _values(said: Said, wanted: Sequence[Wanted]) -> Iterator[Span]:
    """What may be a value: what is on or off, and the choices of the arguments."""
    yield from (one.span for one in said.entities if one.kind == "boolean")
    words = words_within(said.text, said.span)
    yield from (Span(one.start, one.end) for one in words if one.text in SWITCHED and one.text not in PARTICLES)
    for one in wanted:
        for choice in match_choice(one.schema.get("enum", ()), said.told):
            yield Span(choice.span.start + said.span.start, choice.span.end + said.span.start)


def _is_before_noun(behind: Sequence[Word], nouns: frozenset[str]) -> bool:
    for one in behind[:BETWEEN_MAX]:
        if _is_noun(one, nouns):
            return True
        if one.text in EMPTY or not one.text.isalnum():
            return False
    return False


def _is_noun(word: Word, nouns: frozenset[str]) -> bool:
    return stem(word.text) in nouns or stem(singular(word.text)) in nouns
