"""What a text names that an argument may be filled with: numbers, units, money, days and times, addresses, quotes, names, what is
on or off, and the choices of a schema. English; every one with the characters that say it. Two may share characters (`at 19` is a
number and a time): whoever fills takes the one that its schema asks for.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache

import Stemmer

from gateway.core.dates import read_dates
from gateway.core.english import ACTS, ASKING, COPULAS, GREETINGS, LOOKS, MODALS, Word, words_of
from gateway.core.entity import Entity
from gateway.core.noun import named, split
from gateway.core.numbers import read_numbers
from gateway.core.plan import Span

TEXT_CHARACTERS_MAX = 4_000
ENTITIES_MAX = 200
NAME_WORDS_MAX = 5

_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}\b")
_URL = re.compile(r"\bhttps?://[^\s<>\"'”’)\]]{1,2000}(?<![.,;:!?])")
_QUOTES = re.compile(r"\"([^\"]+)\"|“([^”]+)”|«([^»]+)»|(?<!\w)'([^']+)'(?!\w)|‘([^’]+)’(?!\w)")
_IDENTIFIER = re.compile(
    r"(?<![\w@./-])(?:[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[A-Za-z]{1,20}[-_]\d{1,12}|#\d{1,12}"
    r"|(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[A-Za-z0-9]{6,40})(?![\w@-])"
)
_NAME = re.compile(r"(?<![\w°-])[^\W\d_][\w'’-]*")
_NO_NAMES = named(
    "i i'm i'd i'll monday tuesday wednesday thursday friday saturday sunday january february march april may june july"
    " august september october november december mon tue wed thu fri sat sun am pm ok tv wifi the a an my our in at on"
)
SWITCHED = {
    "on": True, "off": False, "enable": True, "enabled": True, "disable": False, "disabled": False, "activate": True,
    "deactivate": False, "true": True, "false": False, "yes": True, "no": False, "open": True, "opened": True,
    "closed": False, "locked": True, "unlocked": False, "read": True, "unread": True, "mute": True, "unmute": False,
    "muted": True, "active": True, "inactive": False, "available": True,
}  # fmt: skip
_BEFORE_ON = named(
    "turn switch power flip put be set is are was were that's which want lights light lamp lamps keep turned"
)
_AFTER_STATE = named(". , ! ? ; please and now then in at for to with again")

_STEMMER = Stemmer.Stemmer("english")
_WORDS_THAT_SAY_LITTLE = named("the a an of to for in on at and or my our your this that with from by is are it its")


def read_entities(text: str, now: datetime, locale: str) -> tuple[Entity, ...]:
    """All that the text names, in the order in which it stands there; ENTITIES_MAX at most, within TEXT_CHARACTERS_MAX. `now`
    has the zone in which the person speaks; `locale` is a language and, where it is known, a country: `en-GB`."""
    text = text[:TEXT_CHARACTERS_MAX]
    whole = [*_matched(text, _EMAIL, "email"), *_matched(text, _URL, "url"), *_quoted(text), *_identifiers(text)]
    parts = [*read_numbers(text, locale), *read_dates(text, now, locale), *_names(text), *_switched(text)]
    held = [one for one in parts if not any(_within(one.span, other.span) for other in whole)]
    found = sorted([*whole, *held], key=lambda one: (one.span.start, -one.span.end))
    return tuple(found[:ENTITIES_MAX])


def match_choice(
    choices: Sequence[object], text: str, aliases: Mapping[str, object] | None = None
) -> tuple[Entity, ...]:
    """Which of some values the text names, by their words and the stems of these; the longest match of the same words first."""
    words = words_of(text)
    stems = [stem(one.text) for one in words]
    found: list[tuple[int, Entity]] = []
    told = {str(one): one for one in choices if isinstance(one, str | int) and not isinstance(one, bool)}
    for spelled, value in (told | dict(aliases or {})).items():
        wanted = [stem(one) for one in split(spelled)] or [spelled.lower()]
        for at in range(len(stems) - len(wanted) + 1):
            if stems[at : at + len(wanted)] == wanted:
                span = Span(words[at].start, words[at + len(wanted) - 1].end)
                found.append((len(wanted), Entity("name", value, span)))
    longest: list[Entity] = []
    for _, one in sorted(found, key=lambda pair: (-pair[0], pair[1].span.start)):
        if not any(_within(one.span, other.span) for other in longest):
            longest.append(one)
    return tuple(longest)


@lru_cache(20_000)
def stem(word: str) -> str:
    return str(_STEMMER.stemWord(word.lower()))


def stems_of(text: str) -> frozenset[str]:
    """The stems of the words that say something."""
    words = (word for piece in text.split() for word in split(piece))
    return frozenset(stem(one) for one in words if one not in _WORDS_THAT_SAY_LITTLE)


def _within(inner: Span, outer: Span) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end


def _matched(text: str, pattern: re.Pattern[str], kind: str) -> Iterator[Entity]:
    for one in pattern.finditer(text):
        yield Entity("email" if kind == "email" else "url", one[0], Span(one.start(), one.end()))


def _quoted(text: str) -> Iterator[Entity]:
    for one in _QUOTES.finditer(text):
        inner = next(group for group in range(1, 6) if one[group] is not None)
        yield Entity("quoted", one[inner], Span(one.start(), one.end()))


def _identifiers(text: str) -> Iterator[Entity]:
    for one in _IDENTIFIER.finditer(text):
        if not re.fullmatch(r"\d+(?:am|pm|[a-z]{1,8})", one[0], re.IGNORECASE):
            yield Entity("identifier", one[0].lstrip("#"), Span(one.start(), one.end()))


def _names(text: str) -> Iterator[Entity]:
    """Runs of words with a capital; the first word of a sentence only where no verb or question word stands there."""
    run: list[re.Match[str]] = []
    for one in [*_NAME.finditer(text), None]:
        is_next = one is not None and bool(run) and text[run[-1].end() : one.start()] == " "
        is_name = one is not None and _is_name(text, one)
        if run and not (is_next and is_name and len(run) < NAME_WORDS_MAX):
            written = text[run[0].start() : run[-1].end()]
            yield Entity("name", re.sub(r"['’]s$", "", written), Span(run[0].start(), run[-1].end()))
            run = []
        if one is not None and is_name:
            run.append(one)


def _is_name(text: str, one: re.Match[str]) -> bool:
    word = one[0].lower().replace("’", "'")
    if not one[0][0].isupper() or word in _NO_NAMES:
        return False
    begins = not re.search(r"[^\s.!?;:\"“]\s*$", text[: one.start()])
    return not begins or word not in ACTS | LOOKS | ASKING | COPULAS | MODALS | GREETINGS | SWITCHED.keys()


def _switched(text: str) -> Iterator[Entity]:
    words = words_of(text)
    for at, one in enumerate(words):
        if one.text in SWITCHED and (
            one.text not in {"on", "off", "open", "no", "yes", "read"} or _is_state(words, at)
        ):
            yield Entity("boolean", SWITCHED[one.text], Span(one.start, one.end))


def _is_state(words: Sequence[Word], at: int) -> bool:
    """Whether `on` says that something is, and not where."""
    before = words[at - 1].text if at else ""
    after = words[at + 1].text if at + 1 < len(words) else "."
    if words[at].text in {"no", "yes", "read", "open"}:
        return before in {"is", "are", "to", "as", "be"} and after in _AFTER_STATE
    return before in _BEFORE_ON or after in _AFTER_STATE
