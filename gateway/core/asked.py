"""What a question asks: whether something is so, how many there are, which one, or what of it; and the words that an answer
begins with. English; knows no tool."""

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Literal

from msgspec import Struct

from gateway.core.english import ASKING, GREETINGS, words_of
from gateway.core.entities import stem
from gateway.core.noun import named
from gateway.core.wanted import AMOUNTS, DAYS, ENDS, PLACES, STARTS

SAID_CHARACTERS_MAX = 200

Kind = Literal["whether", "count", "what"]
Order = Literal["least", "greatest", "next"]

_WHETHER = named(
    "is are was were am isn't aren't wasn't does do did has have had doesn't don't didn't hasn't haven't should will would can"
    " could whether if"
)
_PREPOSITIONS = named("from to on at by before after until till since")
_TIMES = (STARTS | ENDS | DAYS | named("created updated received sent birthday published")) - _PREPOSITIONS
# When something was made known says nothing of when it is.
MADE = named("created updated received sent published")
_MAKING = MADE | named(
    "create update receive send write wrote written arrive arrived come came publish mailed posted changed got"
)
_LENGTHS = named("minutes minute duration seconds length hours time")
# Which fields things are compared by, and which end of them is meant.
SUPERLATIVES: Mapping[str, tuple[frozenset[str], Order]] = {
    **dict.fromkeys(named("first earliest soonest next"), (_TIMES, "next")),
    **dict.fromkeys(named("last latest newest"), (_TIMES, "greatest")),
    "oldest": (_TIMES, "least"),
    **dict.fromkeys(named("cheapest lowest-priced"), (AMOUNTS, "least")),
    **dict.fromkeys(named("dearest priciest"), (AMOUNTS, "greatest")),
    **dict.fromkeys(named("shortest quickest fastest"), (_LENGTHS, "least")),
    **dict.fromkeys(named("longest slowest"), (_LENGTHS, "greatest")),
    "brightest": (named("brightness"), "greatest"),
    **dict.fromkeys(named("dimmest darkest"), (named("brightness"), "least")),
    **dict.fromkeys(named("warmest hottest"), (named("temperature c celsius current high max"), "greatest")),
    **dict.fromkeys(named("coldest coolest"), (named("temperature c celsius current low min"), "least")),
    **dict.fromkeys(named("loudest"), (named("volume"), "greatest")),
    **dict.fromkeys(named("quietest"), (named("volume"), "least")),
    **dict.fromkeys(named("biggest largest"), (named("size total amount count"), "greatest")),
    **dict.fromkeys(named("smallest"), (named("size total amount count"), "least")),
}
_MOST: Mapping[str, tuple[frozenset[str], Order]] = {
    "most expensive": (AMOUNTS, "greatest"),
    "least expensive": (AMOUNTS, "least"),
    "most recent": (_TIMES, "greatest"),
    "most recently": (_TIMES, "greatest"),
}
_TEXTS = named("body text content message")
# What is asked of a thing by the word that the question begins with.
HINTS: Mapping[str, frozenset[str]] = {
    "when": _TIMES - MADE,
    "where": PLACES,
    "who": named("from sender author organizer organiser owner attendees assignee host"),
    "whom": named("to recipients attendees"),
    "how long": _LENGTHS,
    "how much": AMOUNTS,
    "how bright": named("brightness"),
    "how loud": named("volume"),
    "how warm": named("temperature c celsius current"),
    "how hot": named("temperature c celsius current"),
    "how cold": named("temperature c celsius current"),
    "how full": named("percent battery level"),
    "how old": named("age birthday born"),
    "what time": named("start time due departure date"),
    "until when": ENDS,
    "how far": named("percent open distance"),
    **dict.fromkeys(("say", "says", "write", "wrote", "written", "read", "summarise", "summarize"), _TEXTS),
    **dict.fromkeys(("need", "needs", "needed"), named("ingredients materials requirements items")),
}
# What asks to see that something is so.
_SEEING = named("check verify ensure sure")
_QUANTITIES = named("quantity stock left remaining percent level")
# Behind `how much` these ask for money.
_NO_QUANTITY = _WHETHER | named("money i we you it of for the my our a an that this")
_LEAD = re.compile(
    r"^(?:(?:please|hey|hi|ok|okay|and|so|now|then)\b,?\s*)*"
    r"(?:(?:can|could|would|will)\s+you\s+(?:please\s+)?)?"
    r"(?:(?:tell|show|give|read|send)\s+(?:me|us)\s+|let\s+(?:me|us)\s+know\s+|list\s+|show\s+|find\s+|read\s+|i\s+want\s+to\s+know\s+)?"
    r"(?:(?:what|who|where|when)(?:['’]s|['’]re|\s+is|\s+are|\s+was|\s+were|\s+will\s+be)\s+"
    r"(?=(?:the|my|our|your|his|her|their|an?|next|on|in|for)\b|(?-i:[A-Z]))|(?:what|which)\s+(?=\w))?",
    re.IGNORECASE,
)
# What was read is so now.
_NOW = {"is": "is", "are": "are", "was": "is", "were": "are"}
_TURNED = {
    "i": "you", "i'm": "you're", "my": "your", "mine": "yours", "me": "you", "we": "you", "our": "your", "us": "you",
    "your": "my", "am": "are",
}  # fmt: skip


class Asked(Struct, frozen=True):
    """`hint` are the words of fields that answer it; `by` those that things are compared by, and `order` which end is meant.
    `aside` are the stems of words that ask, and name nothing; `asking` is the question word, where one asks for a field."""

    kind: Kind
    hint: frozenset[str] = frozenset()
    by: frozenset[str] = frozenset()
    order: Order | None = None
    aside: frozenset[str] = frozenset()
    asking: str = ""


def read_asked(clause: str) -> Asked:
    """What one question asks, or a wish to be told something."""
    words = [one.text for one in words_of(_LEAD.sub("", clause, count=1) or clause)]
    whole = [one.text for one in words_of(clause)]
    told = [word for word in whole if word not in GREETINGS]
    by, order, used = _superlative(whole)
    pairs = [" ".join(pair) for pair in pairwise(whole)]
    asking = next((one for one in (*pairs, *whole) if one in HINTS), "")
    aside = frozenset(stem(word) for word in (*used, *asking.split(), *_SEEING, "how", "many", "much"))
    if {"how many", "number of"} & set(pairs) or (told and told[0] == "count"):
        return Asked("count", by=by, order=order, aside=aside | {stem("number"), stem("count")})
    if told and (
        told[0] in _WHETHER or (words and words[0] in {"whether", "if"}) or _reports(told) or "make sure" in pairs
    ):
        return Asked("whether", by=by, order=order, aside=aside)
    if (quantity := _quantity(whole)) or "why" in told[:2]:
        return Asked("what", quantity, by, order, aside, "how much" if quantity else "why")
    hint = HINTS.get(asking, frozenset()) | (MADE if asking == "when" and _MAKING & set(whole) else frozenset())
    is_asking = asking.partition(" ")[0] in ASKING | {"until"}
    return Asked("what", hint, by, order, aside, asking if is_asking else "")


def topic(clause: str) -> str:
    """What it is about, as an answer calls it: `my next meeting` is `Your next meeting`."""
    rest = _LEAD.sub("", clause.strip(), count=1).strip(" ?.!")
    first, _, following = rest.lower().partition(" ")
    is_asked = following.partition(" ")[0] in _WHETHER
    if (
        not rest
        or is_asked
        or first.partition("'")[0] in _WHETHER | {"what", "how", "is", "who", "where", "when", "until"}
    ):
        return f"“{clause.strip()[:SAID_CHARACTERS_MAX]}”"
    return _capital(turned(rest))


def turned(words: str) -> str:
    """The same, said to whoever said it."""
    told = re.sub(r"[\w'’]+", lambda one: _turn(one[0]), words)
    return " ".join(told.split())[:SAID_CHARACTERS_MAX]


def said_so(clause: str, states: Sequence[str]) -> tuple[str, str] | None:
    """`Is the front door locked?` as `The front door is locked.` and its opposite; None where it is of another form. `states`
    are the words that say the state."""
    found = re.match(
        r"^\W*(?:(?:please|hey|so|and)\W+)*(?:(?:can|could|would)\s+you\s+)?"
        r"(?:tell\s+me\s+|check\s+|see\s+|verify\s+|ensure\s+|make\s+sure\s+)?(?:if\s+|whether\s+|that\s+)?"
        r"(?P<rest>.+?)\W*$",
        clause.strip(),
        re.IGNORECASE | re.DOTALL,
    )
    words = re.findall(r"[\w'’-]+", found["rest"]) if found else []
    if {"or", "there"} & {word.lower() for word in words}:
        return None
    copula = next(
        (at for at, word in enumerate(words) if word.lower() in {"is", "are", "was", "were", "isn't", "aren't"}), None
    )
    at = next((at for at, word in enumerate(words) if word.lower() in states and at != copula), None)
    if copula is None or at is None or at < copula:
        return None
    is_asked = copula == 0
    thing = words[1:at] if is_asked else words[:copula]
    rest = words[at:] if is_asked else words[copula + 1 :]
    verb = _NOW[words[copula].lower().removesuffix("n't")]
    if not thing or not rest:
        return None
    name, state = _capital(turned(" ".join(thing))), turned(" ".join(rest))
    verb = "are" if name.startswith("You ") or name == "You" else verb
    return f"{name} {verb} {state}.", f"{name} {verb} not {state}."


def _superlative(words: Sequence[str]) -> tuple[frozenset[str], Order | None, tuple[str, ...]]:
    for before, word in pairwise(words):
        if (pair := f"{before} {word}") in _MOST:
            by, order = _MOST[pair]
            return by, order, (before, word)
    for at, word in enumerate(words):
        if word in SUPERLATIVES and not (
            word in {"next", "last"} and words[at + 1 : at + 2] and _is_time(words[at + 1])
        ):
            by, order = SUPERLATIVES[word]
            return by, order, (word,)
    return frozenset(), None, ()


def _quantity(words: Sequence[str]) -> frozenset[str]:
    """Fields of how much there is, where a thing stands behind `how much` (`how much milk do I have?`), and no verb; empty else."""
    at = next((at for at, pair in enumerate(pairwise(words)) if pair == ("how", "much")), None)
    what = words[at + 2 : at + 3] if at is not None else []
    return _QUANTITIES | set(what) if what and what[0].isalpha() and what[0] not in _NO_QUANTITY else frozenset()


def _is_time(word: str) -> bool:
    """`Next week` and `last Friday` are times."""
    return bool(re.match(r"(?:week|month|year|weekend|mon|tues|wednes|thurs|fri|satur|sun)", word))


def _reports(words: Sequence[str]) -> bool:
    """`Tell me whether ...`, `check that ...`, `make sure that ...`."""
    return any(word in {"whether", "if"} for word in words[:6]) or words[0] in _SEEING


def _turn(word: str) -> str:
    return _TURNED.get(word.lower().replace("’", "'"), word)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
