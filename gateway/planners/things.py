"""Which things a wish is about: found by reading the tool that lists them, and told apart by the words. Reads, writes nothing."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from msgspec import Struct, structs

from gateway.core.accounted import accounts, words_given
from gateway.core.agree import calls, calls_itself, content, explains
from gateway.core.english import GRAVE, Word, words_of
from gateway.core.entities import stem, stems_of
from gateway.core.entity import Entity
from gateway.core.fill import Filled, ask_for
from gateway.core.limits import POINTING, Limits, words_within
from gateway.core.listing import Listing, lister_of
from gateway.core.match import (
    ALL,
    Match,
    Thing,
    fields_told,
    is_partial,
    is_plural,
    labels_of,
    list_at,
    match_things,
    on_day,
    read_things,
    values_in,
)
from gateway.core.narrow import capture, closest, narrow, words_of_limits
from gateway.core.noun import singular, split
from gateway.core.option import PAGES
from gateway.core.plan import Item, Literal, Ref, Slot, Source, Span, Step, When
from gateway.core.said import Said, is_used
from gateway.core.spelling import nearest
from gateway.core.tool import Tool
from gateway.core.wanted import QUERIES, TITLES, Wanted, wanted_of
from gateway.planners.base import Sight, Unseen
from gateway.planners.limited import attributes_of

UNLIMITED = Limits()
LOOKS_MAX = 20
LOOK_PAGES_MAX = 5
SINGLE_STEPS_MAX = 10
CHOICES_MAX = 20
NAMED_MAX = 8
TIMELY = frozenset(["date", "time", "datetime", "range", "duration", "recurrence"])
# What something is to be.
_AIMS = re.compile(r"\b(?:as|to|into)\s+(?:an?\s+|the\s+)?([a-z]+)")
_OF_DAY = re.compile(r"\b(?:from|on|of|due|for|since|by)\s*$", re.IGNORECASE)
_BY_DAY = re.compile(r"(?:on|by)\b", re.IGNORECASE)
# What no thing is called by.
NO_NAMES = frozenset(["quantity", "money", "url"])


# What is searched for by what it is called, whatever the argument is.
_PART_OF = re.compile(r"\b(?:part|words?|beginning) of (?:the|its|a) (?:name|title)\b", re.IGNORECASE)


class Resolved(Struct, frozen=True):
    """Where the id of a thing comes from: `before` are steps before, `each` the list that the call is made for; `many` are ids of
    calls of their own. `explained` are the stems that told it, `plain` those that any such thing goes by, `unknown` those that
    are in none, and `used` the days that told it; `is_called`: all that are meant are called by their names; `is_placed`:
    they are told by nothing, or by what they name (the room of a lamp);
    `is_elsewhere`: the list is of what the tool goes by, and not of what it is about; `nouns` are what its things are called.
    `problem` says why
    there is none, "" where there is one."""

    source: Source | None = None
    before: tuple[Step, ...] = ()
    each: Ref | None = None
    when: When | None = None
    many: tuple[Any, ...] = ()
    explained: frozenset[str] = frozenset()
    plain: frozenset[str] = frozenset()
    unknown: frozenset[str] = frozenset()
    used: tuple[Span, ...] = ()
    is_called: bool = False
    is_placed: bool = False
    is_elsewhere: bool = False
    nouns: frozenset[str] = frozenset()
    because: str = ""
    problem: str = ""
    looked_for: tuple[str, ...] = ()


class _Where(Struct, frozen=True):
    """By what some things of a list were told: the words by their stems, the stems that any of them goes by, those of other things
    by their ids, and whether each was named for itself (`the study and the hall`)."""

    telling: Mapping[str, str]
    plain: frozenset[str]
    more: Mapping[Any, frozenset[str]]
    is_row: bool


class Looking:
    """Reads for one plan: each once, LOOKS_MAX of them."""

    def __init__(self, sight: Sight) -> None:
        self._sight = sight
        self._seen: dict[str, Any] = {}

    async def things(self, listing: Listing, arguments: Mapping[str, Any]) -> list[Any]:
        """What a tool lists. Raises Unseen."""
        return list_at(await self._listed(listing, arguments), listing.items)

    async def has_more(self, listing: Listing, arguments: Mapping[str, Any]) -> bool:
        """Whether there are more of them than that. Raises Unseen."""
        answer = await self._listed(listing, arguments)
        return is_partial(answer, len(list_at(answer, listing.items)))

    async def _listed(self, listing: Listing, arguments: Mapping[str, Any]) -> Any:
        pages = {PAGES: LOOK_PAGES_MAX} if PAGES in listing.tool.options else {}
        return await self.look(listing.tool.name, {**arguments, **pages})

    async def look(self, name: str, arguments: Mapping[str, Any]) -> Any:
        """What a tool that reads answers. Raises Unseen."""
        key = f"{name} {sorted(arguments.items())}"
        if self._sight.look is None:
            raise Unseen("nothing can be looked up here")
        if key not in self._seen:
            if len(self._seen) >= LOOKS_MAX:
                raise Unseen(f"more than {LOOKS_MAX} lists would have to be read")
            self._seen[key] = await self._sight.look(name, arguments)
        return self._seen[key]


class Things:
    """The things of one wish; `name` is that of its step."""

    def __init__(self, said: Said, sight: Sight, looking: Looking, name: str) -> None:
        self._said = said
        self._sight = sight
        self._looking = looking
        self._name = name
        self._labels: list[str] = []

    async def find(self, tool: Tool, one: Wanted, filled: Filled, depth: int, limits: Limits = UNLIMITED) -> Resolved:
        """The id for an argument, by listing and by what was said, with what limits it."""
        listing = lister_of(tool, one, self._sight.tools)
        if listing is None or depth == 0 or self._sight.look is None:
            return Resolved(ask_for(one))
        of: dict[str, Source] = {}
        for needed in wanted_of(listing.tool):
            if needed.required and set(needed.words) & QUERIES:
                words = self._said.content(filled.used)
                plain = explains(tool) | explains(listing.tool)
                asked = " ".join(words[each] for each in words if each not in plain | {stem(self._said.verb)})
                if not asked:
                    return Resolved(ask_for(one))
                of[needed.name] = Literal(asked)
            elif needed.required:
                of[needed.name] = (await self.find(listing.tool, needed, filled, depth - 1)).source or ask_for(needed)
        if not all(isinstance(source, Literal) for source in of.values()):
            return Resolved(ask_for(one))
        try:
            values = {name: source.value for name, source in of.items() if isinstance(source, Literal)}
            listed = await self._looking.things(listing, values)
            more = await self._beside(listing)
        except Unseen as error:
            return Resolved(problem=f"{listing.tool.title}: {error}.", looked_for=(listing.tool.name,))
        things = read_things(listed, listing.key, more)
        timely = [each for each in self._said.entities if each.kind in TIMELY]
        days = [each for each in timely if each.kind == "date" and each.sure and not is_used(each.span, filled.used)]
        if self._said.writes:
            days = [each for each in days if self._is_theirs(each, listing)]
        every = frozenset(self._said.content())
        named = frozenset().union(*(thing.name for thing in things if not self._said.writes or thing.name <= every))
        apart = [each for each in self._said.entities if each.kind in TIMELY | NO_NAMES]
        apart = [each for each in apart if not set(content(self._said.text, each.span)) <= named]
        counts = [each.span for each in self._said.entities if each.kind == "number" and each.span in limits.days]
        spans = (*_values_said(filled), *(each.span for each in apart), *limits.spans, *counts)
        said = self._said.words(spans)
        plain = self._plain(tool, listing)
        alike = self._telling_none(tool, listing, things, plain) if self._said.writes else plain
        match = match_things(things, said, alike)
        if self._said.writes:
            fields = fields_told(match.things, match.by)
            match, plain = structs.replace(match, unknown=match.unknown - fields), plain | fields
        read, is_sure = self._misspelt(things, match.unknown)
        if read:
            said = frozenset(stem(word) for each in said for word in read.get(each, (each,)))
            match = match_things(things, said, alike)
            match = structs.replace(match, by=match.by | read.keys())
        if match.unknown and (asking := _query_of(listing.tool)):
            things, match = await self._searched(listing, values, asking, said, alike, more, things)
        is_row = False
        if (not match.things or match.unknown) and (sides := self._sides(things, spans, alike)):
            match, is_row = sides
        used: tuple[Span, ...] = ()
        telling = words_of_limits(self._said.text, limits)
        for day in days:
            if on_it := on_day(match.things, day.value.isoformat()):
                match, used = structs.replace(match, things=on_it), (*used, day.span)
                telling |= {each: each for each in stems_of(day.value.isoformat())}
        if self._said.writes:
            match = structs.replace(match, things=closest(match.things, match.by, self._said.content()))
        if limits.spans and match.things and not match.unknown:
            narrowed = narrow(self._said.text, limits, things, match.things, alike)
            used = (*used, *limits.spans)
            match = structs.replace(match, things=narrowed.things, unknown=frozenset(narrowed.unknown))
        is_many = self._said.writes and len(match.things) > 1 and self._means_all(tool, listing, match)
        if is_many and await self._looking.has_more(listing, values):
            return Resolved(problem=f"There are more than were listed by {listing.tool.name}; say which are meant.")
        used = (*used, *self._counts(match))
        telling |= {each: self._said.content().get(each, each) for each in match.by}
        where = _Where(telling, plain | alike, more, is_row)
        is_grave = tool.effect == "destructive" or self._said.verb in GRAVE
        asks = bool(read) and (not is_sure or (self._said.writes and is_grave))
        chosen = self._chosen(tool, one, listing, things, match, of, where, asks=asks)
        is_called = bool(match.things) and all(each.name and each.name <= every for each in match.things)
        if read and chosen.source is not None:
            told = self._said.content()
            because = " ".join(f"“{told[each]}” is read as “{' '.join(word)}”." for each, word in read.items())
            chosen = structs.replace(
                chosen,
                source=_asking_also(because, chosen.source),
                explained=chosen.explained | read.keys(),
                because=f"{because} {chosen.because}",
            )
        return structs.replace(
            chosen,
            plain=plain,
            used=used,
            is_called=is_called,
            is_placed=match.by <= frozenset().union(*more.values()),
            is_elsewhere=not _is_own(tool, listing),
            nouns=calls(listing.noun),
        )

    def _plain(self, tool: Tool, listing: Listing) -> frozenset[str]:
        """The words that any of the things may be called by; in a command, by names alone."""
        told = calls_itself if self._said.writes else explains
        own = told(tool) | told(listing.tool) | _plain_of(listing, self._sight.tools)
        return own | stems_of(f"{listing.noun} {tool.connector}") if self._said.writes else own

    def _misspelt(self, things: Sequence[Thing], unknown: frozenset[str]) -> tuple[dict[str, tuple[str, ...]], bool]:
        """What unknown words must be, by their stems: words that stand in these things or in what they name, or two in one. And
        whether that is sure, and no other letter stands in place of one."""
        texts = [value for one in things for value in one.values.values() if isinstance(value, str)] + self._labels
        words = [split(text) for text in texts]
        known = {word for each in words for word in each if len(word) > 2 and word.isalpha()}
        joined = {"".join(both): both for each in words for both in pairwise(each)}
        told = {one: word for one, word in self._said.content().items() if one in unknown}
        sure = {one: joined.get(word) or _one(nearest(word, known)) for one, word in told.items()}
        likely = {one: sure[one] or _one(nearest(word, known, likely=True)) for one, word in told.items()}
        return {one: read for one, read in likely.items() if read}, likely == sure

    def _telling_none(
        self, tool: Tool, listing: Listing, things: Sequence[Thing], plain: frozenset[str]
    ) -> frozenset[str]:
        """The words of a command that tell no thing apart: names, arguments, and what it is to be (`as done`); but not what stands
        in the things themselves, if it is not what they are called."""
        words = self._said.content()
        told = words_given(tool, [one.name for one in wanted_of(tool)])
        arguments = frozenset(each for each, word in words.items() if singular(word) in told)
        aims = frozenset(stem(one[1]) for one in _AIMS.finditer(self._said.told.lower()))
        nouns = calls(listing.noun) | stems_of(tool.connector) | _plain_of(listing, self._sight.tools)
        before = attributes_of(self._said, calls(listing.noun)) - nouns - arguments
        return (plain | accounts(tool) | arguments) - (values_in(things) - calls(listing.noun) - aims) - before

    def _sides(
        self, things: Sequence[Thing], spans: Sequence[Span], plain: frozenset[str]
    ) -> tuple[Match, bool] | None:
        """`In the study, the hall and the nursery`: what fits on each side of an `and`, and whether that is one thing each."""
        words = words_within(self._said.text, self._said.span)
        cuts = [at for at, one in enumerate(words) if one.text in {"and", ","} and not is_used(_span(one), spans)]
        if not any(words[at].text == "and" for at in cuts):
            return None
        ends = [self._said.span.start, *(words[at].end for at in cuts)]
        parts = [
            Span(*both) for both in zip(ends, [*(words[at].start for at in cuts), self._said.span.end], strict=True)
        ]
        told = [frozenset(content(self._said.text, one, tuple(spans))) - {stem(self._said.verb)} for one in parts]
        matches = [match_things(things, one, plain) for one in told if one - plain]
        if len(matches) < 2 or not all(one.things and one.by and not one.unknown for one in matches):
            return None
        both = tuple(thing for thing in things if any(thing in one.things for one in matches))
        is_row = all(len(one.things) == 1 for one in matches)
        return Match(both, frozenset().union(*(one.by for one in matches)), frozenset()), is_row

    async def _searched(
        self,
        listing: Listing,
        values: Mapping[str, Any],
        asking: str,
        said: frozenset[str],
        plain: frozenset[str],
        more: Mapping[Any, frozenset[str]],
        known: tuple[Thing, ...],
    ) -> tuple[tuple[Thing, ...], Match]:
        """What the tool finds by the words that are left."""
        words = self._said.content()
        query = " ".join(words[each] for each in words if each in said - plain)
        things: tuple[Thing, ...] = ()
        for asked in dict.fromkeys([query, *(singular(word) for word in query.split())]):
            try:
                listed = await self._looking.things(listing, {**values, asking: asked})
            except Unseen:
                break
            if things := read_things(listed, listing.key, more):
                break
        return things or known, match_things(things or known, said, plain)

    async def _beside(self, listing: Listing) -> dict[Any, frozenset[str]]:
        """What the things of a list name by id, told by the words of those: the room of a lamp."""
        more: dict[Any, frozenset[str]] = {}
        for other in listing.beside(self._sight.tools):
            try:
                for thing in read_things(await self._looking.things(other, {}), other.key):
                    more[thing.id] = thing.name
                    self._labels.append(thing.label)
            except Unseen:
                continue
        return more

    def _chosen(
        self,
        tool: Tool,
        one: Wanted,
        listing: Listing,
        things: Sequence[Thing],
        match: Match,
        of: Mapping[str, Source],
        where: _Where,
        *,
        asks: bool,
    ) -> Resolved:
        names = tuple(thing.label for thing in things[:CHOICES_MAX])
        what = listing.noun or " ".join(one.words)
        if not things:
            return Resolved(problem=f"There is no {what}.", looked_for=(listing.tool.name,))
        if match.unknown or not match.things:
            told = " ".join(self._said.content().get(each, each) for each in sorted(match.unknown)) or self._said.told
            return Resolved(
                unknown=match.unknown, looked_for=names, explained=match.by,
                problem=f"There is no {what} “{told}”; there {'are' if len(things) > 1 else 'is'} {_some(names)}.",
            )  # fmt: skip
        if len(match.things) == 1 and not asks:
            thing = match.things[0]
            literal = Literal(_as(one, thing.id), self._said.where(match.by) or self._said.span)
            return Resolved(literal, explained=match.by, because=f"The {what} “{thing.label}” is {thing.id}.")
        if not asks and (where.is_row or self._means_all(tool, listing, match)):
            if self._said.writes and not match.by and not _is_own(tool, listing):
                told = (
                    f"It does not say which {what} is meant; there {'are' if len(things) > 1 else 'is'} {_some(names)}."
                )
                return Resolved(problem=told, looked_for=names)
            return self._every(one, listing, things, match, of, where)
        offered = match.things[:CHOICES_MAX]
        called = labels_of(offered)
        choices = [{"const": _as(one, each.id), "title": label} for each, label in zip(offered, called, strict=True)]
        labels = ", ".join(called)
        kind = "string" if isinstance(_as(one, match.things[0].id), str) else "integer"
        question = f"Which {what}: {labels}?"[:1_000]
        return Resolved(Slot(question, {"type": kind, "anyOf": choices}), explained=match.by, because=question)

    def _is_theirs(self, day: Entity, listing: Listing) -> bool:
        """Whether a day says which things are meant, and not when it is to be done: `the mails from today`; of what takes place,
        one without such a word too, if it is not tonight."""
        before = self._said.text[: day.span.start]
        is_event = bool(calls(listing.noun) & calls("event")) and not day.unit
        return bool(_OF_DAY.search(before)) or bool(_BY_DAY.match(self._said.of(day.span))) or is_event

    def _counts(self, match: Match) -> Iterator[Span]:
        """A number that says how many there are: `the three tasks`, and `one of the lamps`, of which it is asked."""
        for one in self._said.entities:
            is_one = one.value == 1 and self._said.text[one.span.end :].lower().startswith(" of ")
            if one.kind == "number" and (is_one or one.value == len(match.things) > 1):
                yield one.span

    def _means_all(self, tool: Tool, listing: Listing, match: Match) -> bool:
        """Whether all that fit are meant: `all`, a plural, or each by its name. What destroys needs to be told which, or `all`."""
        words = [word.text for word in words_of(self._said.told)]
        is_one = any(both == ("one", "of") for both in pairwise(words))
        if self._said.writes and ("some" in words or is_one or (set(words) & POINTING and not match.by)):
            return False
        if "both" in words:
            return len(match.things) == 2
        if set(words) & ALL or ("and" in words and all(each.name <= match.by for each in match.things)):
            return True
        has_plural = any(is_plural(word) and stem(word) in explains(listing.tool) for word in words)
        return has_plural and (bool(match.by) or tool.effect != "destructive")

    def _every(
        self,
        one: Wanted,
        listing: Listing,
        things: Sequence[Thing],
        match: Match,
        of: Mapping[str, Source],
        where: _Where,
    ) -> Resolved:
        """All that fit: for each item of the list where one field tells them by what was said, else call by call."""
        labels = ", ".join(thing.label for thing in match.things)
        because = f"{len(match.things)} of {len(things)} fit: {labels}."
        name = f"{self._name}-list"
        is_all = len(match.things) == len(things) and not where.telling.keys() - where.plain
        field = None if is_all else capture(things, match.things, where.telling, where.plain, where.more)
        if is_all or field is not None:
            arguments = {**of, **({PAGES: Literal(LOOK_PAGES_MAX)} if PAGES in listing.tool.options else {})}
            return Resolved(
                Item(listing.key, as_text=listing.as_text),
                (Step(name, listing.tool.name, arguments),),
                Ref(name, listing.items),
                When(Item(field[0]), {"const": field[1]}) if field is not None else None,
                explained=match.by, because=because,
            )  # fmt: skip
        if len(match.things) > SINGLE_STEPS_MAX:
            return Resolved(problem=f"{because} That is more than {SINGLE_STEPS_MAX} at a time.")
        span = self._said.where(match.by) or self._said.span
        ids = tuple(_as(one, thing.id) for thing in match.things)
        return Resolved(Literal(ids[0], span), many=ids, explained=match.by, because=because)


def _asking_also(told: str, source: Source) -> Source:
    """A question that says before what was read otherwise."""
    is_slot = isinstance(source, Slot)
    return structs.replace(source, question=f"{told} {source.question}"[:1_000]) if is_slot else source  # type: ignore[union-attr]


def _one(word: str) -> tuple[str, ...]:
    return (word,) if word else ()


def _is_own(tool: Tool, listing: Listing) -> bool:
    """Whether the list is of what the tool is about (`/players` of `/players/{id}/pause`), and not of what it goes by."""
    listed = listing.tool.operation.path.partition(":")[0]
    return tool.operation.path.partition("/{")[0].rstrip("/") == listed.rstrip("/")


def _span(word: Word) -> Span:
    return Span(word.start, word.end)


def _values_said(filled: Filled) -> list[Span]:
    """The characters of values, but for those of titles: what is called so may be what is meant."""
    return spans_of({name: one for name, one in filled.arguments.items() if not set(split(name)) & (TITLES | QUERIES)})


def spans_of(sources: Mapping[str, Source]) -> list[Span]:
    return [one.span for one in sources.values() if isinstance(one, Literal) and one.span is not None]


def _plain_of(listing: Listing, tools: Mapping[str, Tool]) -> frozenset[str]:
    """The words that what its things name by id go by: `room`."""
    return frozenset().union(*(calls_itself(other.tool) for other in listing.beside(tools)))


def _query_of(tool: Tool) -> str:
    """The argument by which a tool that lists searches, "" where there is none."""
    searched = (one for one in wanted_of(tool) if set(one.words) & QUERIES or _PART_OF.search(one.description))
    return next((one.name for one in searched if "string" in one.kinds), "")


def _some(names: Sequence[str]) -> str:
    more = len(names) - NAMED_MAX
    return ", ".join(names[:NAMED_MAX]) + (f" and {more} more" if more > 0 else "")


def _as(one: Wanted, value: Any) -> Any:
    """The id as the argument takes it: a number as text where that is what it takes."""
    is_text = "string" in one.kinds or not one.kinds
    return str(value) if is_text and isinstance(value, int) and not isinstance(value, bool) else value
