"""Selections of tools: toolsets, which an operator names, and what one search or list is about. A selection only ever narrows
what somebody sees; it is never authority."""

import re
from collections.abc import Iterable
from fnmatch import translate
from functools import lru_cache
from typing import Annotated, Optional

from msgspec import Meta, Struct

from gateway.core.tool import Effect, Tool

VALUES_MAX = 100
NAME_PATTERN = r"^[a-z][a-z0-9-]{0,31}$"

Name = Annotated[str, Meta(min_length=1, max_length=200)]
Names = Annotated[tuple[Name, ...], Meta(max_length=VALUES_MAX)]
ToolPattern = Annotated[str, Meta(pattern=r"^[a-zA-Z0-9_*-]{1,64}$")]


class Filter(Struct, frozen=True):
    """The tools of one of these connectors that have one of these effects, one of these tags, in any case, and a name that one of
    these patterns fits, where `*` is any characters; and that another filter takes too. What is empty narrows nothing."""

    connectors: frozenset[str] = frozenset()
    effects: frozenset[Effect] = frozenset()
    tags: frozenset[str] = frozenset()
    tools: frozenset[str] = frozenset()
    within: Optional["Filter"] = None

    def takes(self, tool: Tool) -> bool:
        return (
            (not self.connectors or tool.connector in self.connectors)
            and (not self.effects or tool.effect in self.effects)
            and (not self.tags or not self.tags.isdisjoint(tag.casefold() for tag in tool.tags))
            and (not self.tools or _one_of(self.tools).match(tool.name) is not None)
            and (self.within is None or self.within.takes(tool))
        )


EVERYTHING = Filter()
# A pattern that is empty fits no name.
NOTHING = Filter(tools=frozenset({""}))


def narrow(
    connectors: Iterable[str] = (),
    effects: Iterable[Effect] = (),
    tags: Iterable[str] = (),
    tools: Iterable[str] = (),
    *,
    within: Filter = EVERYTHING,
) -> Filter:
    """The filter that these names make, for those that `within` takes."""
    folded = frozenset(tag.casefold() for tag in tags)
    return Filter(
        frozenset(connectors), frozenset(effects), folded, frozenset(tools), None if within == EVERYTHING else within
    )


@lru_cache(VALUES_MAX)
def _one_of(patterns: frozenset[str]) -> re.Pattern[str]:
    """One look at a name, however many patterns there are."""
    return re.compile("|".join(map(translate, sorted(patterns))))


class Toolset(Struct, frozen=True, forbid_unknown_fields=True):
    """As an operator writes it: of each list any one, of several lists all. `tools` are names, or patterns in which `*` is any
    characters. A list that is left out narrows nothing, but one has to be there. `tenants` are those that see it; left out:
    all."""

    description: Annotated[str, Meta(max_length=1_000)] = ""
    connectors: Names = ()
    effects: Annotated[tuple[Effect, ...], Meta(max_length=VALUES_MAX)] = ()
    tags: Names = ()
    tools: Annotated[tuple[ToolPattern, ...], Meta(max_length=VALUES_MAX)] = ()
    tenants: Names = ()

    def __post_init__(self) -> None:
        if self.filter == EVERYTHING:
            raise ValueError("A toolset names `connectors`, `effects`, `tags` or `tools`: without any it is all tools")

    @property
    def filter(self) -> Filter:
        """The tools that are in it."""
        return narrow(self.connectors, self.effects, self.tags, self.tools)

    def is_seen(self, tenant: str) -> bool:
        return not self.tenants or tenant in self.tenants
