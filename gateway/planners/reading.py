"""Wishes to be told something, planned without a model: which tools read what is asked. A tool is judged by the words that it, the
fields that it answers and the things that it lists explain; what explains too few is not the answer. Reads, writes nothing."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from msgspec import Struct, structs

from gateway.core.agree import calls, calls_itself, choices_of, content, explains
from gateway.core.asked import read_asked
from gateway.core.english import COPULAS, SYNONYMS, words_of
from gateway.core.entities import stem, stems_of
from gateway.core.entity import Entity
from gateway.core.fill import Filled, ask_for, fill_arguments
from gateway.core.listing import Listing, lister_of
from gateway.core.match import is_plural
from gateway.core.noun import named, split
from gateway.core.option import PAGES
from gateway.core.plan import Answer, Literal, Pick, Slot, Source, Span, Step
from gateway.core.pointer import tokens
from gateway.core.question import Clause
from gateway.core.reach import place_of
from gateway.core.said import Said, is_used, is_within, said_of
from gateway.core.tool import Effect, Tool
from gateway.core.wanted import PLACES, QUERIES, Wanted, names_thing, wanted_of
from gateway.planners.base import Sight
from gateway.planners.replying import ANYTHING, Field, Named, Replying, answered_by, compared_by, is_name
from gateway.planners.things import TIMELY, Looking, Resolved, Things, spans_of

CANDIDATES_MAX = 50
FEW_TOOLS = 300
TRIED_MAX = 8
CHAIN_MAX = 3
PARTS_MAX = 4
# So much of the words may stay without explanation.
LEFT_MAX, LEFT_NAMED_MAX = 0.34, 0.5
# What a word counts that is of the tool's own name, names a thing, is one of its choices, of its fields, of its description.
OWN, THING, CHOICE, FIELD, DESCRIBED = 1.0, 1.0, 0.9, 0.7, 0.5
# What else counts for a tool: that its own name is said, and how much of its title; that it has the field that is asked for, or
# that things are compared by, or what they are called; that it is about now; how early a search finds it; that one thing is meant.
NAMED, AIMED, HINTED, COMPARED, CALLED, NOW, FOUND, SINGLE = 0.3, 0.3, 0.35, 0.5, 0.1, 0.15, 0.2, 0.25
# And against it: that it has no field of what is asked, that a day would be passed over, each step before it, each
# question, and that it lists other things.
UNHINTED, UNDATED, FURTHER, ASKED, OTHER = 0.5, 0.4, 0.3, 0.5, 0.3
READS: frozenset[Effect] = frozenset({"read"})
# What says nothing of what is asked.
_LITTLE = frozenset(
    stem(word)
    for word in named(
        "today now currently right there be like have having get got going come up make made set happen do know please tell read"
        " say says said write wrote written send sent need needs needed is are will am until one ones look looks about any"
        " anything something it this moment place where when time day write told it's use let most least recent expensive"
    )
)
_COLOURS = named("colour color")
_NOW = stems_of("current now")
_DAYS = ("date", "range", "datetime")
# Who wrote, wrote a message.
_WRITING = named("write wrote written writes send sent sends mailed emailed texted messaged")
_DOING = named("do does did has have")
_HOME = named("home here default")
_BACK = named("there then it")
_SAME = {stem(word): frozenset(stem(one) for one in group) for group in SYNONYMS for word in group}


class Read(Struct, frozen=True):
    """What a wish to be told something comes to; `last` is what it was told of, for what follows on it."""

    steps: tuple[Step, ...]
    because: tuple[str, ...]
    answers: tuple[Answer, ...]
    last: "Last | None" = None


class Last(Struct, frozen=True):
    """What was spoken of: which item of which step, the fields of such items, and the days that were said."""

    source: Pick
    fields: tuple[Field, ...]
    days: tuple[Entity, ...]


class _Try(Struct, frozen=True):
    """One tool for a wish: how well it fits, its own step, those before it, and the words that nothing explains."""

    tool: Tool
    score: float
    step: Step
    before: tuple[Step, ...] = ()
    because: tuple[str, ...] = ()
    named: Named = Named()
    left: frozenset[str] = frozenset()
    last: Last | None = None


class Reading:
    """One wish of a text; `name` begins the names of its steps, `last` is what was spoken of before; of a part of a wish, what
    is asked has to be said, or be what the tool `only` tells."""

    def __init__(
        self,
        said: Said,
        sight: Sight,
        looking: Looking,
        name: str,
        last: Last | None = None,
        *,
        is_part: bool = False,
        only: str = "",
    ) -> None:
        self._said = said
        self._sight = sight
        self._looking = looking
        self._name = name
        self._last = last
        self._is_part = is_part
        self._only = only
        self._asked = read_asked(said.told)
        self._replying = Replying(said, sight, looking)
        self._words = self._told()
        self._counted = _counted(said.told)

    async def plan(self) -> Read | None:
        """None where no tool is sure to answer it: as a whole, or its parts on each side of an `and`."""
        whole = await self._best()
        is_of_several = whole is not None and any("enum" in one.fits for one in whole.named.where)
        if whole is not None and not whole.left and not is_of_several:
            return await self._read(whole)
        found = await self._each(self._parts())
        if not found:
            return await self._read(whole) if whole is not None else None
        return Read(
            tuple(step for one in found for step in one.steps),
            tuple(line for one in found for line in one.because),
            tuple(answer for one in found for answer in one.answers),
            found[-1].last,
        )

    async def _each(self, parts: Sequence[Said]) -> list[Read]:
        """What each part comes to; one that says only of what (`and in Rome`) is of the tool of the one before. Empty, where one
        comes to nothing."""
        found: list[Read] = []
        for number, part in enumerate(parts, 1):
            name, last = f"{self._name}-{number}", found[-1].last if found else self._last
            one = await Reading(part, self._sight, self._looking, name, last, is_part=True).plan()
            if one is None and found:
                only = found[-1].steps[-1].tool
                one = await Reading(part, self._sight, self._looking, name, last, only=only).plan()
            if one is None:
                return []
            found.append(one)
        return found

    async def _best(self) -> _Try | None:
        names_one = any(letter.isalpha() for word in self._words for letter in word)
        told = {each.text for each in words_of(self._said.told)}
        is_of_time = self._asked.kind != "whether" or bool(told & ANYTHING)
        if not (names_one or self._asked.order or (self._days() and is_of_time)):
            return None  # It names nothing, and anything could be meant.
        kept: list[_Try] = []
        ranked = await self._ranked()
        for tool, base in ranked:
            # What cannot be better is not looked into: nothing is read for it.
            if any(not one.left and base + THING + SINGLE <= one.score for one in kept):
                break
            found = await self._try(tool, base)
            kept += [found] if found is not None and len(found.left) <= self._most(found) * len(self._words) else []
        kept = [one for one in kept if not self._passes_over(one.left) and self._has_topic(one)]
        best = max(kept, key=lambda one: one.score, default=None)
        return None if best is not None and self._is_elsewhere(best, [tool for tool, _ in ranked]) else best

    def _is_elsewhere(self, best: _Try, tools: Sequence[Tool]) -> bool:
        """Whether the words name another service than this is of: `on the shopping list`, and not the shop."""
        named = [tool for tool in tools if self._is_of(tool) > self._is_of(best.tool)]
        return any(tool.connector != best.tool.connector for tool in named)

    def _is_of(self, tool: Tool) -> frozenset[str]:
        """The words that are of the name of its service, as they stand there."""
        said = frozenset(one.text for one in words_of(self._said.told))
        return frozenset(split(tool.connector)) & said

    def _most(self, one: _Try) -> float:
        """How many of its words a wish may keep: more where it names a thing, and asks for what that has."""
        if self._said.clause.mood.kind == "neither" or self._only:
            return 0.0
        fields = answered_by(place_of(one.tool.output_schema), frozenset()).fields
        return LEFT_NAMED_MAX if one.named.where and self._hinted(fields) else LEFT_MAX

    def _has_topic(self, one: _Try) -> bool:
        """Whether a part says what is asked, and not only of what (`and in Rome`)."""
        told = _vocabulary(one.tool)
        return not self._is_part or any(told.get(each, 0.0) >= FIELD for each in self._words)

    def _passes_over(self, left: frozenset[str]) -> bool:
        """Whether a name is among the words that nothing explains."""
        names = [one for one in self._said.entities if one.kind in ("name", "quoted", "identifier", "email")]
        return any(frozenset(content(self._said.text, one.span)) & left for one in names)

    async def _read(self, one: _Try) -> Read:
        is_of_another = any(isinstance(each, Pick) for each in one.step.arguments.values())
        over = " ".join(word for each, word in self._said.content().items() if each in one.left)
        told = await self._replying.answers(one.tool, one.step, one.named, is_ordered=not is_of_another, unknown=over)
        step, answers, source = told
        because = [f"“{self._said.told}”: {self._said.clause.mood.reason}", f"{one.tool.name}: {one.tool.title}."]
        because += [*one.because, *([f"“{over}” told me nothing more."] if over else [])]
        last = Last(source.source, source.fields, self._days()) if source is not None else one.last or self._last
        return Read((*one.before, step), tuple(because), answers, last)

    def _parts(self) -> list[Said]:
        """The same wish for what stands on each side of an `and`: `tell me the weather and my first meeting`."""
        text, span = self._said.told, self._said.span
        cuts = [one for one in words_of(text) if one.text == "and"]
        if not cuts or len(cuts) >= PARTS_MAX or '"' in text or "“" in text:
            return []
        starts, ends = [0, *(one.end for one in cuts)], [*(one.start for one in cuts), len(text)]
        spans = [Span(span.start + start, span.start + end) for start, end in zip(starts, ends, strict=True)]
        spans = [trimmed for one in spans for trimmed in _trimmed(self._said.text, one)]
        mood = self._said.clause.mood
        parts = [said_of(self._said.text, Clause(one, mood), self._said.entities) for one in spans]
        days = [one for one in self._days() if is_within(one.span, spans[-1])] if spans else []
        if len(days) != 1 or len(self._days()) != 1:
            return parts
        # `In Rome and in Hamburg tomorrow`: a day behind all of them is that of each.
        is_last = not words_of(self._said.text[days[0].span.end : self._said.span.end].strip(" ?.!"))
        shared = [structs.replace(one, entities=(*one.entities, days[0])) for one in parts[:-1]]
        return [*shared, parts[-1]] if is_last else parts

    # Which tool.

    async def _ranked(self) -> list[tuple[Tool, float]]:
        """The tools that say of themselves, or of what they answer, what the words say; the best first."""
        tools = self._sight.tools
        if self._only:
            return [(tools[self._only], 0.0)]
        found = [name for name in await self._sight.search(self._said.told, CANDIDATES_MAX, READS) if name in tools]
        rest = sorted(name for name in tools if name not in found) if len(tools) <= FEW_TOOLS else []
        told = [(tools[name], FOUND / (place + 1)) for place, name in enumerate(found)]
        told += [(tools[name], 0.0) for name in rest]
        scored = [
            (tool, bonus + self._base(tool)) for tool, bonus in told if tool.effect == "read" and bytes(tool.outputs)
        ]
        return sorted(scored, key=lambda pair: -pair[1])[:TRIED_MAX]

    def _base(self, tool: Tool) -> float:
        told = _vocabulary(tool)
        count = max(len(self._words), 1)
        of = answered_by(place_of(tool.output_schema), self._said_stems())
        compares = self._asked.order is not None and of.items is not None and compared_by(of.fields, self._asked)
        score = sum(told.get(each, 0.0) for each in self._words) / count
        score += NAMED * any(told.get(each) == OWN for each in self._words)
        score += AIMED * len(self._words & calls_itself(tool)) / max(len(stems_of(tool.title)), 1)
        score += NOW * bool(not self._days() and stems_of(tool.title) & _NOW)
        score += CALLED * bool(not self._words and any(is_name(one) for one in of.fields))
        score += HINTED * self._hinted(of.fields) + COMPARED * bool(compares)
        score -= UNHINTED * (bool(self._asked.asking) and not self._hinted((*of.fields, *of.root)))
        if self._asked.order is not None and not compares and of.items is not None:
            score -= COMPARED
        return score - (ASKED if self._asked.kind == "count" and of.items is None else 0.0)

    def _hinted(self, fields: Sequence[Field]) -> bool:
        """Whether one of the fields is what is asked for."""
        return any(set(one.words) & self._asked.hint and not set(one.words) & _COLOURS for one in fields)

    async def _try(self, tool: Tool, base: float) -> _Try | None:
        """The tool with what the words and what is listed give it; None where it cannot be called with that."""
        entities = self._entities()
        filled = fill_arguments(tool, self._said.text, self._whole_span(entities), entities, {}, ())
        filled = self._without(filled, [name for name in filled.arguments if self._is_verb(filled.arguments[name])])
        quoted = [one.span for one in self._said.entities if one.kind == "quoted"]
        titles = [one.name for one in wanted_of(tool) if names_thing(one) and lister_of(tool, one, self._sight.tools)]
        filled = self._without(filled, [one for one in titles if _is_from(filled.arguments.get(one), quoted)])
        is_other = bool(self._counted) and self._counted not in _kinds(tool)
        is_other |= self._asked.kind == "whether" and not self._words & _kinds(tool)
        explained, because = set(self._explained_by(tool)), list[str]()
        score, last = base - OTHER * is_other, self._last
        if self._asked.kind != "what" and not answered_by(place_of(tool.output_schema), frozenset()).fields:
            return None
        if is_other and self._asked.kind == "count":
            return None
        filled = await self._without_empty_searches(tool, filled)
        if self._said.clause.mood.kind == "neither" and not self._is_name(filled):
            return None
        arguments, before = dict(filled.arguments), list[Step]()
        for one in wanted_of(tool):
            if not one.required or isinstance(arguments.get(one.name), Literal):
                continue
            given = await self._required(tool, one, filled, explained)
            if given is None:
                return None
            arguments[one.name] = given.source or ask_for(one)
            before += given.before
            explained |= given.explained
            because += [given.because] if given.because else []
            score += THING * len(given.explained & self._words) / max(len(self._words), 1)
            is_one = isinstance(given.source, Literal) and bool(given.explained & self._words)
            score += SINGLE * (is_one and (self._asked.kind == "what" or self._replying.says_whether(tool)))
            if isinstance(given.source, Pick) and given.before:
                of_before = answered_by(place_of(self._sight.tools[given.before[-1].tool].output_schema), frozenset())
                last = Last(structs.replace(given.source, pointer=""), of_before.fields, self._days())
            score -= ASKED * isinstance(arguments[one.name], Slot)
            filled = structs.replace(filled, used=(*filled.used, *given.used))
        step = Step(self._name, tool.name, arguments)
        of = answered_by(place_of(tool.output_schema), self._said_stems())
        named_ones = Named(by=frozenset(explained - self._explained_by(tool)))
        left = self._words - explained - _values(self._said, filled)
        if of.items is not None and not any(isinstance(one, Slot) for one in step.arguments.values()):
            named_ones = await self._replying.named(tool, step, of, left)
            score += THING * len(named_ones.by & left) / max(len(self._words), 1)
            left -= named_ones.by
        left |= self._undone(tool)
        days = [one for one in entities if one.kind in _DAYS and not _is_used(one, filled)]
        undated = [one for one in days if of.day is None or (of.items is None and not before)]
        score -= FURTHER * len(before) + UNDATED * bool(undated) + len(left) / max(len(self._words), 1)
        return _Try(tool, score, step, tuple(before), tuple(because), named_ones, frozenset(left), last)

    async def _without_empty_searches(self, tool: Tool, filled: Filled) -> Filled:
        """The same without words that are searched for where nothing is found by them."""
        of = answered_by(place_of(tool.output_schema), self._said_stems())
        searched = [name for name in filled.arguments if set(split(name)) & QUERIES]
        values = {name: one.value for name, one in filled.arguments.items() if isinstance(one, Literal)}
        if not searched or of.items is None or len(values) < len(filled.arguments):
            return filled
        if await self._replying.items(tool, of, values):
            return filled
        return self._without(filled, searched)

    def _without(self, filled: Filled, names: Sequence[str]) -> Filled:
        kept = {name: one for name, one in filled.arguments.items() if name not in names}
        return structs.replace(filled, arguments=kept, used=tuple(spans_of(kept))) if names else filled

    def _is_verb(self, source: Source) -> bool:
        """`Sent` is what somebody did, and no folder."""
        span = source.span if isinstance(source, Literal) else None
        return span is not None and self._said.of(span).lower() in _WRITING

    def _is_name(self, filled: Filled) -> bool:
        """Whether what is no question only names something: `my next meeting`."""
        counted = [one for one in self._said.entities if one.kind in ("number", "quantity", "money")]
        words = {one.text for one in words_of(self._said.told)}
        return not words & COPULAS and all(_is_used(one, filled) for one in counted)

    # What a required argument is.

    async def _required(self, tool: Tool, one: Wanted, filled: Filled, explained: set[str]) -> Resolved | None:
        """What gives it; None where nothing does that could be meant."""
        if names_thing(one) or lister_of(tool, one, self._sight.tools) is not None:
            return await self._id(tool, one, filled)
        if "string" not in one.kinds or "default" in one.schema:
            return Resolved()
        if set(one.words) & QUERIES:
            return await self._query(tool, one, filled, explained)
        if (back := self._back(one)) is not None:
            return back
        left = self._words - explained - _values(self._said, filled)
        chained = await self._chained(tool, one, left) if left else None
        return chained or Resolved(ask_for(one))

    async def _query(self, tool: Tool, one: Wanted, filled: Filled, explained: set[str]) -> Resolved | None:
        """The words that are left, where the tool finds something by them."""
        left = self._words - frozenset(_vocabulary(tool)) - _values(self._said, filled)
        of = answered_by(place_of(tool.output_schema), self._said_stems())
        values = {name: each.value for name, each in filled.arguments.items() if isinstance(each, Literal)}
        span = self._said.where(left)
        for asked in [self._said.of(span)] if span is not None and of.items is not None else []:
            if await self._replying.items(tool, of, {**values, one.name: asked}):
                return Resolved(Literal(asked, span), explained=left)
        return None

    async def _id(self, tool: Tool, one: Wanted, filled: Filled) -> Resolved | None:
        """The id of what the words name, of the one at an end of those that are listed, or of what is at home."""
        listing = lister_of(tool, one, self._sight.tools)
        is_ordered = listing is not None and self._asked.order is not None and _needs_nothing(listing.tool)
        if listing is not None and is_ordered and not self._compares(tool):
            return await self._at_the_end(tool, listing)
        fields = answered_by(place_of(tool.output_schema), frozenset()).fields
        aside = _LITTLE | self._asked.aside | frozenset(stem(word) for each in fields for word in each.words)
        things = Things(structs.replace(self._said, aside=aside), self._sight, self._looking, self._name)
        found = await things.find(tool, one, filled, CHAIN_MAX)
        if listing is not None and isinstance(found.source, Slot) and not found.explained & self._words:
            return await self._at_home(listing, one) or found
        if found.problem or found.source is None or found.each is not None or found.many:
            return None
        if isinstance(found.source, Literal) and not found.explained & self._words:
            return None  # There is but one, and nothing says that it is meant.
        return found

    def _compares(self, tool: Tool) -> bool:
        """Whether what it lists itself is compared."""
        of = answered_by(place_of(tool.output_schema), self._said_stems())
        return of.items is not None and compared_by(of.fields, self._asked) is not None

    async def _at_the_end(self, tool: Tool, listing: Listing) -> Resolved | None:
        """`What does the newest message say?`: a step that lists, and the one of them that is meant; None where the list itself has
        what is asked."""
        step = Step(f"{self._name}-list", listing.tool.name, _with_pages(listing.tool))
        of = answered_by(place_of(listing.tool.output_schema), self._said_stems())
        by = compared_by(of.fields, self._asked)
        shown = answered_by(place_of(tool.output_schema), self._said_stems())
        has_more = self._hinted(shown.fields) and not self._hinted(of.fields)
        if by is None or of.items is None or self._asked.order is None or not has_more:
            return None
        near = await self._replying.named(listing.tool, step, of, self._words - _vocabulary(listing.tool).keys())
        where = (*near.where, *self._replying.on_days(step, of))
        source = Pick(step.name, of.items, listing.key, where, by.pointer, self._order(), listing.as_text)
        return Resolved(source, (step,), explained=near.by | frozenset(_vocabulary(listing.tool)))

    async def _at_home(self, listing: Listing, one: Wanted) -> Resolved | None:
        """Of places and the like, where none is named, the one that is called home."""
        for thing in await self._replying.listed(listing):
            if thing.name and thing.name <= {stem(word) for word in _HOME}:
                because = f"No {listing.noun or one.name} was named, and “{thing.label}” is taken."
                return Resolved(Literal(thing.id), because=because)
        return None

    def _back(self, one: Wanted) -> Resolved | None:
        """`And what will the weather be there?`: what was spoken of before has it."""
        words = {each.text for each in words_of(self._said.told)}
        if self._last is None or not words & _BACK:
            return None
        field = _giving(one, self._last.fields)
        if field is None:
            return None
        return Resolved(structs.replace(self._last.source, pointer=field.pointer), because="That is where that is.")

    async def _chained(self, tool: Tool, one: Wanted, left: frozenset[str]) -> Resolved | None:
        """`The weather where my first meeting is`: another list has it, and its words are the ones that are left."""
        best: tuple[float, Resolved] | None = None
        for other in self._sight.tools.values():
            if other.effect != "read" or other.name == tool.name or not bytes(other.outputs):
                continue
            of = answered_by(place_of(other.output_schema), left)
            field = _giving(one, of.fields)
            if of.items is None or field is None or not _needs_nothing(other):
                continue
            own = {each for each in left if each in _vocabulary(other)}
            filled = fill_arguments(other, self._said.text, self._said.span, self._said.entities, {}, ())
            step = Step(f"{self._name}-from", other.name, {**_literals(filled), **_with_pages(other)})
            near = await self._replying.named(other, step, of, left - own)
            if not near.by and not any(_vocabulary(other)[each] == OWN for each in own):
                continue
            by = compared_by(of.fields, self._asked) if self._asked.order is not None else of.day
            where = (*near.where, *self._replying.on_days(step, of))
            source = Pick(step.name, of.items, field.pointer, where, by.pointer if by else None, self._order())
            score = len((own | near.by) & left) / len(left)
            if score == 1.0 and (best is None or score > best[0]):
                best = score, Resolved(source, (step,), explained=frozenset(own | near.by))
        return best[1] if best is not None else None

    def _order(self) -> Any:
        """Which end; `first` of a day that was said is the least of it."""
        order = self._asked.order or "least"
        return "least" if order == "next" and self._days() else order

    # Which words.

    def _told(self) -> frozenset[str]:
        """The words that something has to explain."""
        spans = [one.span for one in self._said.entities if one.kind in TIMELY | {"number", "quantity", "ordinal"}]
        written = {stem("message")} if {one.text for one in words_of(self._said.told)} & _WRITING else frozenset()
        has_deed = self._asked.kind == "whether" or {one.text for one in words_of(self._said.told)} & _DOING
        told = self._said.words(spans) if has_deed else frozenset(self._said.content(spans))
        return (told - self._asked.aside - _LITTLE) | written

    def _undone(self, tool: Tool) -> frozenset[str]:
        """The deeds that it asks of, and that nothing tells: of `did Mira cancel it?` no list says who did what."""
        if self._asked.kind != "whether" or self._replying.says_whether(tool):
            return frozenset()
        deeds = frozenset(self._said.content()) - self._said.words() - _LITTLE - self._asked.aside
        return frozenset(each for each in deeds if _vocabulary(tool).get(each, 0.0) <= DESCRIBED)

    def _said_stems(self) -> frozenset[str]:
        return frozenset(self._said.content()) | self._asked.aside

    def _explained_by(self, tool: Tool) -> frozenset[str]:
        """But for names, which a description has as examples alone."""
        told = _vocabulary(tool)
        names = [one.span for one in self._said.entities if one.kind == "name"]
        examples = {each for span in names for each in content(self._said.text, span) if told.get(each) == DESCRIBED}
        return self._words & told.keys() - examples

    def _days(self) -> tuple[Entity, ...]:
        return tuple(one for one in self._said.entities if one.kind in _DAYS)

    def _entities(self) -> tuple[Entity, ...]:
        """Those of the wish, and the days of what it follows on where it says none."""
        words = {each.text for each in words_of(self._said.told)}
        before = self._last.days if self._last is not None and words & _BACK and not self._days() else ()
        return (*before, *self._said.entities)

    def _whole_span(self, entities: Sequence[Entity]) -> Span:
        spans = [self._said.span, *(one.span for one in entities)]
        return Span(min(one.start for one in spans), max(one.end for one in spans))


def _counted(clause: str) -> str:
    """The stem of what is listed, where it stands behind `how many` or `which`, or one word further."""
    words = [one.text for one in words_of(clause)]
    after = [at for at, pair in enumerate(pairwise(words), 2) if pair == ("how", "many")]
    after += [at for at, word in enumerate(words, 1) if word == "which"]
    following = words[after[0] : after[0] + 2] if after else []
    return next((stem(one) for one in following if is_plural(one)), "")


def _vocabulary(tool: Tool) -> Mapping[str, float]:
    """What each word that the tool explains counts."""
    of = answered_by(place_of(tool.output_schema), frozenset())
    fields = frozenset(stem(word) for one in of.fields for word in one.words if len(word) > 1)
    fields = fields.union(*(one.opposites for one in of.fields))
    described = frozenset(each for one in of.fields for each in one.described)
    offered = [value for one in of.fields for value in (*one.schema.get("enum", ()), *one.items.get("enum", ()))]
    enums = choices_of(tool) | frozenset(stem(str(value)) for value in offered)
    own = calls_itself(tool) | stems_of(f"{tool.connector} {' '.join(tool.tags)}")
    told = dict.fromkeys(explains(tool) | described, DESCRIBED) | dict.fromkeys(_alike(fields), FIELD)
    return told | dict.fromkeys(enums, CHOICE) | dict.fromkeys(_alike(own), OWN)


def _kinds(tool: Tool) -> frozenset[str]:
    """What the things that it lists are called: as its list is, or as its title says first."""
    items = answered_by(place_of(tool.output_schema), frozenset()).items
    plural = next((one.text for one in words_of(tool.title) if is_plural(one.text)), "")
    return calls(f"{' '.join(split(tokens(items)[-1])) if items else ''} {plural}")


def _alike(stems: frozenset[str]) -> frozenset[str]:
    return stems.union(*(_SAME[one] for one in stems if one in _SAME))


def _giving(one: Wanted, fields: Sequence[Field]) -> Field | None:
    """The field of the same name as an argument; of places, any."""
    wanted = set(one.words) | (PLACES if set(one.words) & PLACES else set())
    fitting = [each for each in fields if set(each.words[-1:]) & wanted and each.place.kinds - {"null"} == {"string"}]
    return fitting[0] if fitting else None


def _literals(filled: Filled) -> dict[str, Source]:
    return {name: one for name, one in filled.arguments.items() if isinstance(one, Literal)}


def _needs_nothing(tool: Tool) -> bool:
    return not any(each.required for each in wanted_of(tool))


def _with_pages(tool: Tool) -> dict[str, Source]:
    return {PAGES: Literal(20)} if PAGES in tool.options else {}


def _values(said: Said, filled: Filled) -> frozenset[str]:
    """The words that arguments were filled from."""
    return frozenset(said.content()) - frozenset(said.content(spans_of(filled.arguments)))


def _is_from(source: Source | None, spans: Sequence[Span]) -> bool:
    return isinstance(source, Literal) and source.span is not None and is_used(source.span, spans)


def _is_used(one: Entity, filled: Filled) -> bool:
    return any(one.span.start < other.end and other.start < one.span.end for other in filled.used)


def _trimmed(text: str, span: Span) -> Iterator[Span]:
    piece = text[span.start : span.end]
    kept = piece.strip(" ,;")
    if kept:
        start = span.start + piece.index(kept)
        yield Span(start, start + len(kept))
