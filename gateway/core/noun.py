"""Identifiers as words, and what a collection's name calls one of its things: `pull-requests` is of `pull_request`s."""

from functools import lru_cache

from gateway.core.naming import snake

CACHED_MAX = 20_000
NAME_CHARACTERS_MAX = 200
Words = tuple[str, ...]


def named(words: str) -> frozenset[str]:
    return frozenset(words.split())


_IRREGULAR = {
    "people": "person", "children": "child", "men": "man", "women": "woman", "indices": "index", "vertices": "vertex",
    "matrices": "matrix", "appendices": "appendix", "criteria": "criterion", "phenomena": "phenomenon",
    "statuses": "status", "aliases": "alias", "buses": "bus", "bonuses": "bonus", "campuses": "campus", "viruses": "virus",
    "analyses": "analysis", "crises": "crisis", "bases": "base", "movies": "movie",
    "cookies": "cookie", "ties": "tie", "caches": "cache", "niches": "niche", "heroes": "hero", "quizzes": "quiz",
    "lives": "life", "leaves": "leaf", "knives": "knife", "halves": "half", "shelves": "shelf", "lenses": "lens",
}  # fmt: skip
# What ends like a plural and is none, or is the same for one and for many.
_SAME = named(
    "news series species analytics sms dns https aws gps os css rss tls ios kubernetes sales goods always chaos canvas"
    " atlas bias alias gas lens plus previous various this us has is was as address access process business"
)


def split(name: str) -> Words:
    """`orderId`, `order-id`, `order[id]` -> (order, id). Of a very long name its beginning counts."""
    return _split(name[:NAME_CHARACTERS_MAX])


@lru_cache(CACHED_MAX)
def _split(name: str) -> Words:
    spelled = snake(name.replace("$", " ").replace("@", " "))
    return tuple(spelled.split("_")) if spelled else ()


@lru_cache(CACHED_MAX)
def singular(word: str) -> str:
    """One of what an English plural names; what is none stays as it is."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if word in _SAME or len(word) < 3 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies") and len(word) > 4:
        return f"{word[:-3]}y"
    return word[:-2] if word.endswith(("sses", "xes", "zzes", "shes", "ches", "statuses")) else word[:-1]


def noun_of(name: str) -> Words:
    """What one thing of a collection of that name is called."""
    return one_of(split(name))


def one_of(words: Words) -> Words:
    """The same words, the last for one of what it names."""
    return (*words[:-1], singular(words[-1])) if words else ()


def is_plural(name: str) -> bool:
    words = split(name)
    return bool(words) and singular(words[-1]) != words[-1]
