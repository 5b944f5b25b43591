"""Whether each word of a command is accounted for: by the tool, by the thing that it is done to, or by an argument. What one of
its arguments could be told by explains nothing unless that argument is given. Pure; English."""

import re
from collections.abc import Collection, Mapping, Sequence

import msgspec

from gateway.core.agree import SYNONYM_STEMS, content
from gateway.core.entities import stems_of
from gateway.core.entity import Entity
from gateway.core.limits import CHOOSING, COMPARING, words_within
from gateway.core.noun import singular, split
from gateway.core.plan import Literal, Source, Span
from gateway.core.said import is_used
from gateway.core.tool import Tool

_WOULD = frozenset(["would", "i'd", "we'd", "you"])
_CODE = re.compile(r"`[^`]*`")


def accounts(tool: Tool) -> frozenset[str]:
    """The stems of the words that a tool explains by its name, title and description; and their synonyms."""
    noun = tool.related.family.noun if tool.related and tool.related.family else ""
    own = stems_of(" ".join([tool.name, tool.title, tool.description, *tool.tags, noun, tool.connector]))
    return own.union(*(SYNONYM_STEMS[one] for one in own if one in SYNONYM_STEMS))


def words_given(tool: Tool, given: Collection[str]) -> frozenset[str]:
    """The words themselves, not only their stems, that arguments which are given explain by their names and descriptions: the
    bright lights are not those with a `brightness`."""
    properties = msgspec.json.decode(tool.inputs).get("properties", {})
    told = [
        word
        for name, one in properties.items()
        if name in given and isinstance(one, dict)
        for word in (*split(name), *re.findall(r"[^\W\d_]+", _CODE.sub(" ", str(one.get("description", ""))).lower()))
    ]
    return frozenset(word for each in told for word in (each, singular(each)))


def texts_of(text: str, arguments: Mapping[str, Source]) -> list[Span]:
    """Where texts stand that are passed on as they were said."""
    told = [one for one in arguments.values() if isinstance(one, Literal) and one.span is not None]
    return [one.span for one in told if one.span and one.value == text[one.span.start : one.span.end].strip()]


def left_open(text: str, within: Span, texts: Sequence[Span]) -> str:
    """A word that says `more`, `like` or `or`: by how much, or that something is left open; "" where there is none."""
    words = [one for one in words_within(text, within) if not is_used(Span(one.start, one.end), texts)]
    told = [one.text for one in words]
    is_like = told.count("as") > 1
    for before, one, behind in zip(("", *told), told, (*told[1:], ""), strict=False):
        is_bare = (one == "right" and behind not in {"now", "away"}) or (one == "like" and before not in _WOULD)
        if one in COMPARING | CHOOSING or (is_like and one == "as") or is_bare:
            return one
    return ""


def holds_two(text: str, texts: Sequence[Span], times: Sequence[Entity]) -> bool:
    """Whether a text that would be passed on has another wish in it: `call mum, and in two hours to call Tom`."""
    inner = [one for one in times if is_used(one.span, texts)]
    return any(re.search(r"\b(?:and|then)\s+(?:at\s+|on\s+|in\s+)?$", text[: one.span.start]) for one in inner)


def left_over(
    text: str, within: Span, used: Sequence[Span], explained: frozenset[str], words: frozenset[str]
) -> tuple[str, ...]:
    """The words that nothing explains, neither these stems nor these words."""
    told = content(text, within, tuple(used))
    return tuple(word for stem_of, word in told.items() if stem_of not in explained and singular(word) not in words)
