"""How well one tool fits one wish by its words: whether its verb is the person's, and which words it explains. Pure; English."""

import re
from itertools import pairwise

import msgspec

from gateway.core.english import ACTS, ALIKE, ALSO_THINGS, EMPTY, LOOKS, MEASURES, MOSTLY_OTHER, SYNONYMS, words_of
from gateway.core.entities import stem, stems_of
from gateway.core.noun import split
from gateway.core.plan import Span
from gateway.core.tool import Tool

# An example in a description is no word of the tool's own.
_CODE = re.compile(r"`[^`]*`|\b(?:such as|e\.g\.|for example)\s[^.;)]*", re.IGNORECASE)
SAME, ALIKE_ENOUGH = 1.0, 0.6
# What sets something that is there makes nothing, unless it says so.
_SETS = frozenset(["set", "open", "start"])
# What a role in a family is done by, among ALIKE.
_ROLES = {"create": "create", "delete": "delete", "update": "update", "replace": "update", "reply": "reply"}
SYNONYM_STEMS = {stem(word): frozenset(stem(one) for one in group) for group in SYNONYMS for word in group}


def verbs_of(tool: Tool) -> frozenset[str]:
    """The verbs that a tool goes by: the first word of its title, what stands behind `or` and commas there, and the first of
    its name; where none of these is one, the last of its name."""
    told = [one.text for one in words_of(tool.title)]
    leading = told[:1] + [word for before, word in pairwise(told) if before in {"or", ",", "and"}]
    own = split(tool.name.removeprefix(f"{tool.connector}_"))
    told = [verb for word in (*leading, *own[:1]) if (verb := _plain(word))]
    return frozenset(told or [verb for word in own[-1:] if (verb := _plain(word))])


def _plain(word: str) -> str:
    """The verb as a command has it: `creates` is `create`; "" where it is none."""
    return next((one for one in (word, word.removesuffix("s"), word.removesuffix("es")) if one in ACTS | LOOKS), "")


def agreement(verb: str, tool: Tool) -> float:
    """1 where the tool goes by the verb, less where by one that comes to the same, 0 where it does something else. A verb of ""
    is a state alone: what changes a thing fits it."""
    own = verbs_of(tool)
    role = tool.related.role if tool.related else ""
    if verb and (verb in own or verb == role):
        return SAME
    wanted = verb or "turn"
    done = own | ({_ROLES[role]} if role in _ROLES else set())
    making, *others = ALIKE
    makes = role not in {"update", "replace"} and wanted in making and done & (making - _SETS)
    if makes or any(wanted in group and done & group for group in others):
        return ALIKE_ENOUGH
    if verb and verb == _plain(next((one.text for one in words_of(tool.description)), "")):
        return ALIKE_ENOUGH
    # `Remind me` makes a reminder.
    names_it = "create" in done or any("create" in group and own & group for group in ALIKE)
    if verb and names_it and stem(verb) in stems_of(f"{tool.title} {tool.name}"):
        return ALIKE_ENOUGH
    return ALIKE_ENOUGH if verb and stem(verb) in choices_of(tool) else 0.0


def choices_of(tool: Tool) -> frozenset[str]:
    """The stems of what its arguments offer to choose from."""
    properties = msgspec.json.decode(tool.inputs).get("properties", {})
    listed = [one.get("enum", ()) for one in properties.values() if isinstance(one, dict)]
    return frozenset(stem(str(value)) for values in listed for value in values)


def explains(tool: Tool) -> frozenset[str]:
    """The stems of the words that it is described with, and of their synonyms."""
    properties = msgspec.json.decode(tool.inputs).get("properties", {})
    described = [
        _CODE.sub(" ", str(one.get("description", ""))) for one in properties.values() if isinstance(one, dict)
    ]
    noun = tool.related.family.noun if tool.related and tool.related.family else ""
    told = " ".join(
        [tool.name, tool.title, tool.description, *tool.tags, *properties, *described, noun, tool.connector]
    )
    own = stems_of(told)
    return own.union(*(SYNONYM_STEMS[one] for one in own if one in SYNONYM_STEMS))


def calls_itself(tool: Tool) -> frozenset[str]:
    """The stems of its name and title alone, and of their synonyms."""
    own = stems_of(f"{tool.name.removeprefix(f'{tool.connector}_')} {tool.title}")
    return own.union(*(SYNONYM_STEMS[one] for one in own if one in SYNONYM_STEMS))


def calls(noun: str) -> frozenset[str]:
    """The stems by which things of a kind are called."""
    own = stems_of(noun)
    return own.union(*(SYNONYM_STEMS[one] for one in own if one in SYNONYM_STEMS))


def shares_a_word(words: frozenset[str], tool: Tool) -> bool:
    """Whether one of the words is in its name or title, or is what its API is called."""
    return bool(words & (calls_itself(tool) | stems_of(tool.connector)))


def names_itself(tool: Tool) -> frozenset[str]:
    """The same without the verbs that it goes by, but for those that are the name of what it makes (`message`)."""
    return calls_itself(tool) - {stem(verb) for verb in verbs_of(tool) if verb not in ALSO_THINGS | MOSTLY_OTHER}


def content(text: str, within: Span, used: tuple[Span, ...] = ()) -> dict[str, str]:
    """The words that have to be explained, by their stems: those that say something, and are not part of what was used."""
    told: dict[str, str] = {}
    words = words_of(text[within.start : within.end])
    for one, following in zip(words, (*[each.text for each in words[1:]], ""), strict=True):
        start, end = one.start + within.start, one.end + within.start
        is_used = any(start < span.end and span.start < end for span in used)
        word = one.text.removesuffix("'s")
        is_measure = word in MEASURES and following == "of"
        if not is_used and not is_measure and word not in EMPTY and any(letter.isalnum() for letter in word):
            told.setdefault(stem(word), word)
    return told
