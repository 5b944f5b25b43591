"""Path templates taken apart, so that they can be compared whatever their parameters are called. Matches no URL."""

import re

from msgspec import Struct

STEPS_MAX = 40
PATH_CHARACTERS_MAX = 2_000
# What stands for a parameter in a route.
ANY = "{}"

_PARAMETER = re.compile(r"\{[+]?([^{}/]*?)[*]?\}")
# `/orders.json`, `/orders/{id}.json`: how an answer is written says nothing of what it is.
_FORMAT = re.compile(r"\.(json|xml|\{format\})$")
# `/orders('{id}')` of OData, `/orders/{id}:cancel` of Google's guidelines.
_KEYED = re.compile(r"([A-Za-z_]\w*)\('?(\{[^{}/]+\})'?\)")
_VERB = re.compile(r"(.*[^:]):([A-Za-z]\w*)")


class Route(Struct, frozen=True):
    """`steps` are the segments, ANY for one that is a parameter; `names` are those parameters in order. `verb` is what stands
    behind a colon at the end."""

    steps: tuple[str, ...]
    names: tuple[str, ...] = ()
    verb: str = ""

    @property
    def is_item(self) -> bool:
        """Whether it is one thing of a collection."""
        return len(self.steps) > 1 and self.steps[-1] == ANY and is_literal(self.steps[-2])


def read_route(path: str) -> Route | None:
    """None where it is too long to be of use."""
    if len(path) > PATH_CHARACTERS_MAX:
        return None
    path = _FORMAT.sub("", path.rstrip("/"))
    verb = _VERB.fullmatch(path)
    # A parameter may have a colon in its name.
    if verb is not None and verb[1].count("{") == verb[1].count("}"):
        path = verb[1]
    segments = [one for whole in path.split("/") if whole for one in _segments(whole)]
    if len(segments) > STEPS_MAX:
        return None
    told = [_PARAMETER.fullmatch(segment) for segment in segments]
    steps = tuple(ANY if one else segment for segment, one in zip(segments, told, strict=True))
    has_verb = verb is not None and path == verb[1]
    return Route(steps, tuple(one[1] for one in told if one), verb[2] if verb is not None and has_verb else "")


def is_literal(step: str) -> bool:
    return "{" not in step


def _segments(segment: str) -> tuple[str, ...]:
    keyed = _KEYED.fullmatch(segment)
    return (keyed[1], keyed[2]) if keyed else (segment,)
