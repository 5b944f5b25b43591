"""Planning without a model: words against schemas, and the graph of who gives what to whom. Precise rather than bold: it asks, and
a write is never guessed.

For each wish of a text: is it a command? which tools go by its verb and its words? what do the words fill? which things are meant?
Things are found by reading the tool that lists them. What is left of the words then, and no tool and no thing explains, stops a
write: it would do something else than what was said.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, structs

from gateway.core.agree import SAME, agreement, calls_itself, content, explains, names_itself, shares_a_word
from gateway.core.english import ACTS, ALIKE, ALSO_THINGS, CONDITIONS, EXCEPTIONS, MOSTLY_OTHER, words_of
from gateway.core.entities import read_entities, stem, stems_of
from gateway.core.entity import Entity
from gateway.core.fill import QUERIES, TITLES, Filled, Wanted, ask_for, fill_arguments, names_thing, wanted_of
from gateway.core.listing import Listing, lister_of
from gateway.core.match import (
    ALL,
    Match,
    Thing,
    capture,
    is_plural,
    labels_of,
    list_at,
    match_things,
    on_day,
    read_things,
)
from gateway.core.noun import singular, split
from gateway.core.option import PAGES
from gateway.core.plan import INTENT_CHARACTERS_MAX, STEPS_MAX, Item, Literal, Plan, Ref, Slot, Source, Span, Step, When
from gateway.core.plan_check import check_plan
from gateway.core.planned import Asks, Choice, Impossible, Planned, Ready
from gateway.core.pointer import escape
from gateway.core.question import Clause, read_clauses
from gateway.core.reach import place_of
from gateway.core.tool import Effect, Tool
from gateway.planners.base import Sight, Unseen, Wish

CANDIDATES_MAX = 50
TRIED_MAX = 6
# Among so few tools those that go by the verb are looked at too, whatever their words.
FEW_TOOLS = 300
LOOKS_MAX = 20
LOOK_PAGES_MAX = 5
CHAIN_MAX = 3
SINGLE_STEPS_MAX = 10
CHOICES_MAX = 20
NAMED_MAX = 8
# Two tools closer than this are not told apart: which of them is meant is asked.
MARGIN = 0.12
# What it counts that the very thing was found; a read of one thing is nearer to a question than that of all.
THING_BONUS, READ_BONUS = 0.1, 0.8
# What fits so much worse than what will not do was not meant.
GAP = 0.8
OWN_FIELD = re.compile(r"(?:the|an?|its)\s+(?:\w+'s\s+)?(\w+)", re.IGNORECASE)
READS: frozenset[Effect] = frozenset({"read"})
WRITES: frozenset[Effect] = frozenset({"write", "destructive"})
DESTROYING = next(group for group in ALIKE if "delete" in group) | {"empty", "pay"}
TIMELY = frozenset(["date", "time", "datetime", "range", "duration", "recurrence"])
# What no thing is called by.
NO_NAMES = frozenset(["quantity", "money", "url"])
LEFT_OVER = frozenset(
    ["number", "quantity", "money", "date", "time", "datetime", "range", "duration", "recurrence", "email", "url", "quoted",
     "identifier"]
)  # fmt: skip


class GraphPlanner:
    """A Planner of words, schemas and relations."""

    name = "graph"

    async def plan(self, wish: Wish, sight: Sight) -> Planned:
        text = wish.text
        if not text.strip() or len(text) > INTENT_CHARACTERS_MAX:
            return Impossible((), f"A wish has 1 to {INTENT_CHARACTERS_MAX} characters.")
        entities = read_entities(text, wish.now, wish.locale)
        if (barred := _barred(text, entities)) is not None:
            return barred
        looking = _Looking(sight)
        steps: list[Step] = []
        because: list[str] = []
        for number, clause in enumerate(read_clauses(text), 1):
            planned = await _Planning(text, clause, entities, sight, looking, f"s{number}").plan()
            if not isinstance(planned, _Steps):
                return structs.replace(planned, because=(*because, *planned.because))
            steps += planned.steps
            because += planned.because
        if not steps or len(steps) > STEPS_MAX:
            return Impossible(tuple(because), "There is nothing in it that I could do.")
        plan = Plan(text, tuple(steps))
        problems = check_plan(plan, sight.tools, sight.loose)
        if problems:
            return Impossible(
                tuple(because), "What I made of it does not hold.", tuple(one.detail for one in problems[:5])
            )
        return Ready(tuple(because), plan)


class _Steps(Struct, frozen=True):
    """What one wish comes to."""

    steps: tuple[Step, ...]
    because: tuple[str, ...]


class _Try(Struct, frozen=True):
    """One tool tried for a wish: how well it fits, its steps, what is asked, and why it will not do ("" where it will)."""

    tool: Tool
    score: float
    steps: tuple[Step, ...] = ()
    because: tuple[str, ...] = ()
    asked: int = 0
    problem: str = ""
    looked_for: tuple[str, ...] = ()


class _Resolved(Struct, frozen=True):
    """Where the id of a thing comes from: `before` are steps before, `each` the list that the call is made for; `many` are ids of
    calls of their own. `explained` are the stems that told it, `plain` those that any
    such thing goes by, `unknown` those that are in none, and `used` the days that told it."""

    source: Source | None = None
    before: tuple[Step, ...] = ()
    each: Ref | None = None
    when: When | None = None
    many: tuple[Any, ...] = ()
    explained: frozenset[str] = frozenset()
    plain: frozenset[str] = frozenset()
    unknown: frozenset[str] = frozenset()
    used: tuple[Span, ...] = ()
    because: str = ""
    problem: str = ""
    looked_for: tuple[str, ...] = ()


class _Looking:
    """Reads for one plan: each once, LOOKS_MAX of them."""

    def __init__(self, sight: Sight) -> None:
        self._sight = sight
        self._seen: dict[str, Any] = {}

    async def things(self, listing: Listing, arguments: Mapping[str, Any]) -> list[Any]:
        """What a tool lists. Raises Unseen."""
        name, key = listing.tool.name, f"{listing.tool.name} {sorted(arguments.items())}"
        if self._sight.look is None:
            raise Unseen("nothing can be looked up here")
        if key not in self._seen:
            if len(self._seen) >= LOOKS_MAX:
                raise Unseen(f"more than {LOOKS_MAX} lists would have to be read")
            pages = {PAGES: LOOK_PAGES_MAX} if PAGES in listing.tool.options else {}
            self._seen[key] = await self._sight.look(name, {**arguments, **pages})
        return list_at(self._seen[key], listing.items)


class _Planning:
    """One wish of a text."""

    def __init__(
        self, text: str, clause: Clause, entities: Sequence[Entity], sight: Sight, looking: _Looking, name: str
    ) -> None:
        self._text = text
        self._clause = clause
        self._span = clause.span
        self._said = text[clause.span.start : clause.span.end]
        self._entities = [one for one in entities if _is_within(one.span, clause.span)]
        self._sight = sight
        self._looking = looking
        self._name = name

    @property
    def _writes(self) -> bool:
        return self._clause.mood.kind == "command"

    @property
    def _bonus(self) -> float:
        return THING_BONUS if self._writes else READ_BONUS

    async def plan(self) -> _Steps | Asks | Impossible:
        mood = self._clause.mood
        because = (f"“{self._said}”: {mood.reason}",)
        if mood.kind == "refusal":
            return Impossible(because, "There is nothing to be done.")
        if any(one.kind == "recurrence" for one in self._entities):
            return Impossible(because, "It is to be done again and again, and I do things once.")
        effects = WRITES if self._writes else READS
        ranked = self._ranked(await self._candidates(effects))
        tried: list[_Try] = []
        for tool, score in ranked[:TRIED_MAX]:
            # What cannot be better is not looked into: nothing is read for it.
            if any(not one.problem and score + self._bonus < one.score - MARGIN for one in tried):
                break
            tried.append(await self._try(tool, score))
        fitting = sorted((one for one in tried if not one.problem), key=lambda one: -one.score)
        highest = max((one.score for one in tried), default=0.0)
        if not fitting or highest - fitting[0].score > GAP:
            return self._nothing(tried, because)
        best, rest = fitting[0], fitting[1:]
        rivals = [one for one in rest if best.score - one.score < MARGIN and one.tool.effect != "read"]
        if rivals and self._writes:
            choices = tuple(Choice(one.tool.name, one.tool.title) for one in (best, *rivals))
            return Asks(because, f"Which of these is meant by “{self._said}”?", choices)
        return _Steps(best.steps, (*because, *best.because))

    def _nothing(self, tried: Sequence[_Try], because: tuple[str, ...]) -> Impossible:
        if tried:
            best = max(tried, key=lambda one: one.score)
            return Impossible(because, best.problem, best.looked_for)
        what = "does" if self._writes else "tells"
        return Impossible(because, f"I found no tool of yours that {what} “{self._said}”.")

    def _words(self, used: Sequence[Span] = ()) -> frozenset[str]:
        """The stems of what is said, but for the verb of a command, and for what a question asks whether it was done."""
        deeds = (
            {self._clause.mood.verb}
            if self._writes
            else (ACTS - ALSO_THINGS - MOSTLY_OTHER) | {"turn", "set", "switch"}
        )
        told = content(self._text, self._span, tuple(used))
        return frozenset(
            each for each, word in told.items() if word not in deeds and each != stem(self._clause.mood.verb)
        )

    # Which tool.

    async def _candidates(self, effects: frozenset[Effect]) -> list[Tool]:
        """The tools that fit by search; of few, all the others too."""
        tools = self._sight.tools
        found = [name for name in await self._sight.search(self._said, CANDIDATES_MAX, effects) if name in tools]
        if len(tools) <= FEW_TOOLS:
            found += sorted(name for name in tools if name not in found)
        return [tools[name] for name in found if tools[name].effect in effects]

    def _ranked(self, tools: Sequence[Tool]) -> list[tuple[Tool, float]]:
        """Those that go by the verb and share a word, the best first."""
        told = []
        for place, tool in enumerate(tools):
            score = self._fit(tool, place)
            if score is not None:
                told.append((tool, score))
        return sorted(told, key=lambda pair: -pair[1])

    def _fit(self, tool: Tool, place: int) -> float | None:
        mood = self._clause.mood
        verb = agreement(mood.verb, tool) if self._writes else 1.0
        if verb == 0 or (tool.effect == "destructive" and verb < SAME and mood.verb not in DESTROYING):
            return None
        words = self._words()
        known, own = words & explains(tool), words & calls_itself(tool)
        if not self._writes and not shares_a_word(words, tool):
            return None
        aim = len(own) / max(len(stems_of(tool.title)), 1)
        return (
            verb
            + 0.3 * aim
            + (0.6 * len(known) + 0.6 * len(own)) / max(len(words), 1)
            + (0.5 if self._writes else 1.5) / (place + 1)
        )

    # What its arguments are.

    async def _try(self, tool: Tool, score: float) -> _Try:
        wanted = wanted_of(tool)
        filled = self._fill(tool, {}, ())
        problem, resolved, ids = "", _Resolved(), dict[str, Source]()
        for one in wanted:
            source = filled.arguments.get(one.name)
            if not names_thing(one) or isinstance(source, Literal) or not (one.required and "array" not in one.kinds):
                continue
            found = await self._resolve(tool, one, filled, CHAIN_MAX)
            if resolved.source is not None and (found.each or found.many):
                found = structs.replace(found, problem="Two lists of things in one wish are more than I can plan.")
            resolved = _joined(resolved, found)
            problem = problem or found.problem
            if found.source is not None:
                ids[one.name] = found.source
                filled = self._fill(tool, ids, [each for each in _spans(ids) if each != self._span])
        if problem:
            return _Try(tool, score, problem=problem, looked_for=resolved.looked_for)
        filled, before = self._of_the_thing(tool, wanted, filled)
        resolved = structs.replace(resolved, before=(*resolved.before, *before))
        if self._writes and not self._is_named(tool, resolved):
            return _Try(tool, score - 0.5, problem=f"I found no tool of yours that does “{self._said}”.")
        left = self._left_over(tool, filled, resolved)
        if left and (self._writes or resolved.unknown):
            return _Try(tool, score - 0.3, problem=left)
        if self._writes and _changes_nothing(tool, wanted, filled):
            named = self._named_change(wanted)
            if named is not None:
                filled = structs.replace(
                    filled,
                    arguments={**filled.arguments, named.name: ask_for(named)},
                    asked=(*filled.asked, named.name),
                )
        if self._writes and _changes_nothing(tool, wanted, filled):
            return _Try(
                tool,
                score - 0.3,
                problem=f"It does not say what {tool.title[:1].lower()}{tool.title[1:]} is to change.",
            )
        if mood_is_open(self._clause) and left:
            return _Try(tool, score, problem="It is no command and no question that I understand.")
        if not self._writes:
            is_any = resolved.source is not None and not resolved.explained and not isinstance(resolved.source, Slot)
            score -= (
                0.3 * bool(left)
                + 0.3 * len(filled.asked)
                + 0.3 * isinstance(resolved.source, Slot)
                + 1.5 * bool(resolved.each or resolved.many or is_any)
            )
        steps = self._steps(tool, filled, resolved)
        told = (f"{tool.name}: {tool.title}.", *([resolved.because] if resolved.because else ()))
        return _Try(
            tool,
            score - 0.1 * len(filled.asked) + self._bonus * bool(resolved.explained),
            steps,
            told,
            len(filled.asked),
        )

    def _fill(self, tool: Tool, given: Mapping[str, Source], taken: Sequence[Span]) -> Filled:
        return fill_arguments(tool, self._text, self._span, self._entities, given, taken, self._clause.mood.span)

    def _of_the_thing(self, tool: Tool, wanted: Sequence[Wanted], filled: Filled) -> tuple[Filled, tuple[Step, ...]]:
        """What the document says is the thing's own (`The order's total.`), read from the tool that shows the thing."""
        family = tool.related.family if tool.related else None
        shown = (
            next((self._sight.tools.get(one.tool) for one in family.members if one.role == "get"), None)
            if family
            else None
        )
        needed = [one for one in wanted_of(shown) if one.required] if shown is not None else []
        ids = [filled.arguments.get(one.name) for one in needed]
        if shown is None or len(ids) != 1 or not isinstance(ids[0], Literal):
            return filled, ()
        name = f"{self._name}-shown"
        for one in wanted:
            field = OWN_FIELD.fullmatch(one.description.strip(" ."))
            at = f"/{escape(field[1])}" if field is not None else ""
            if one.name not in filled.asked or not at or not place_of(shown.output_schema).at(at).schemas:
                continue
            told = structs.replace(
                filled,
                arguments={**filled.arguments, one.name: Ref(name, at)},
                asked=tuple(each for each in filled.asked if each != one.name),
            )
            return told, (Step(name, shown.name, {needed[0].name: ids[0]}),)
        return filled, ()

    def _named_change(self, wanted: Sequence[Wanted]) -> Wanted | None:
        """The one optional argument that the wish names without a value: `change the due date`."""
        said = frozenset(content(self._text, self._span))
        named = [
            one for one in wanted if not one.required and said & {stem(word) for word in one.words if len(word) > 2}
        ]
        return named[0] if len(named) == 1 else None

    def _is_named(self, tool: Tool, resolved: _Resolved) -> bool:
        """Whether the words say what it is done to: by the tool's own name, or by that of a thing; where nothing is destroyed, its
        very verb will do."""
        mood = self._clause.mood
        words = frozenset(content(self._text, self._span)) | {stem(mood.verb)}
        is_same = agreement(mood.verb, tool) == SAME and tool.effect != "destructive"
        return is_same or bool(words & names_itself(tool)) or bool(resolved.explained)

    def _left_over(self, tool: Tool, filled: Filled, resolved: _Resolved) -> str:
        """A sentence where something was said that would be passed over; "" where there is nothing."""
        for one in self._entities:
            is_used = _is_used(one.span, (*filled.used, *resolved.used))
            words = set(content(self._text, one.span))
            is_explained = bool(words) and words <= resolved.explained
            is_state = one.kind == "boolean" and self._text[one.span.start : one.span.end].lower() in {"on", "off"}
            if not is_used and not is_explained and (one.kind in LEFT_OVER or (is_state and self._writes)):
                if one.kind == "ordinal":
                    continue
                return f"{tool.title} takes no “{self._text[one.span.start : one.span.end]}” that I could be sure of."
        mood = self._clause.mood
        words_left = content(self._text, self._span, (*filled.used, *resolved.used))
        unexplained = [
            word
            for stem_of, word in words_left.items()
            if stem_of not in explains(tool) | resolved.explained | resolved.plain | {stem(mood.verb)}
        ]
        return f"I do not know what “{' '.join(unexplained)}” means here." if unexplained else ""

    # Which things.

    async def _resolve(self, tool: Tool, one: Wanted, filled: Filled, depth: int) -> _Resolved:
        """The id for an argument, by listing and by what was said."""
        listing = lister_of(tool, one, self._sight.tools)
        if listing is None or depth == 0 or self._sight.look is None:
            return _Resolved(ask_for(one))
        of: dict[str, Source] = {}
        for needed in wanted_of(listing.tool):
            if needed.required and set(needed.words) & QUERIES:
                words = content(self._text, self._span, filled.used)
                plain = explains(tool) | explains(listing.tool)
                asked = " ".join(words[each] for each in words if each not in plain | {stem(self._clause.mood.verb)})
                if not asked:
                    return _Resolved(ask_for(one))
                of[needed.name] = Literal(asked)
            elif needed.required:
                of[needed.name] = (await self._resolve(listing.tool, needed, filled, depth - 1)).source or ask_for(
                    needed
                )
        if not all(isinstance(source, Literal) for source in of.values()):
            return _Resolved(ask_for(one))
        try:
            values = {name: source.value for name, source in of.items() if isinstance(source, Literal)}
            listed = await self._looking.things(listing, values)
            more = await self._beside(listing)
        except Unseen as error:
            return _Resolved(problem=f"{listing.tool.title}: {error}.", looked_for=(listing.tool.name,))
        things = read_things(listed, listing.key, more)
        timely = [each for each in self._entities if each.kind in TIMELY]
        days = [each for each in timely if each.kind == "date" and each.sure and not _is_used(each.span, filled.used)]
        named = frozenset().union(*(thing.name for thing in things))
        apart = [each for each in self._entities if each.kind in TIMELY | NO_NAMES]
        apart = [each for each in apart if not set(content(self._text, each.span)) <= named]
        spans = (*_values_said(filled), *(each.span for each in apart))
        said = self._words(spans)
        plain = explains(tool) | explains(listing.tool) | _plain_of(listing, self._sight.tools)
        match = match_things(things, said, plain)
        if match.unknown and (asking := _query_of(listing.tool)):
            things, match = await self._searched(listing, values, asking, said, plain, more, things)
        if not match.things and not match.unknown and (sides := self._sides(things, spans, plain)):
            match = sides
        used: tuple[Span, ...] = ()
        for day in days:
            if narrowed := on_day(match.things, day.value.isoformat()):
                match, used = structs.replace(match, things=narrowed), (*used, day.span)
        return structs.replace(self._chosen(one, listing, things, match, of), plain=plain, used=used)

    def _sides(self, things: Sequence[Thing], spans: Sequence[Span], plain: frozenset[str]) -> Match | None:
        """`In the study and the nursery`: what fits before the `and`, and what fits behind it."""
        for word in words_of(self._said):
            if word.text != "and":
                continue
            middle = self._span.start + word.start
            halves = (Span(self._span.start, middle), Span(middle, self._span.end))
            matches = [
                match_things(things, frozenset(content(self._text, half, tuple(spans))), plain) for half in halves
            ]
            if all(one.things and one.by for one in matches):
                both = tuple(thing for thing in things if any(thing in one.things for one in matches))
                return Match(both, matches[0].by | matches[1].by, frozenset())
        return None

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
        words = content(self._text, self._span)
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
            except Unseen:
                continue
        return more

    def _chosen(
        self, one: Wanted, listing: Listing, things: Sequence[Thing], match: Match, of: Mapping[str, Source]
    ) -> _Resolved:
        words = words_of(self._said)
        names = tuple(thing.label for thing in things[:CHOICES_MAX])
        what = listing.noun or " ".join(one.words)
        if not things:
            return _Resolved(problem=f"There is no {what}.", looked_for=(listing.tool.name,))
        if match.unknown or not match.things:
            told = (
                " ".join(content(self._text, self._span).get(each, each) for each in sorted(match.unknown))
                or self._said
            )
            return _Resolved(
                unknown=match.unknown, looked_for=names, explained=match.by,
                problem=f"There is no {what} “{told}”; there {'are' if len(things) > 1 else 'is'} {_some(names)}.",
            )  # fmt: skip
        if len(match.things) == 1:
            thing = match.things[0]
            literal = Literal(_as(one, thing.id), self._where(match.by) or self._span)
            return _Resolved(literal, explained=match.by, because=f"The {what} “{thing.label}” is {thing.id}.")
        are_listed = any(word.text == "and" for word in words) and all(each.name <= match.by for each in match.things)
        is_plural_wish = are_listed or any(
            word.text in ALL or (is_plural(word.text) and stem(word.text) in explains(listing.tool)) for word in words
        )
        if is_plural_wish:
            return self._every(one, listing, things, match, of)
        offered = match.things[:CHOICES_MAX]
        called = labels_of(offered)
        choices = [{"const": _as(one, each.id), "title": label} for each, label in zip(offered, called, strict=True)]
        labels = ", ".join(called)
        kind = "string" if isinstance(_as(one, match.things[0].id), str) else "integer"
        question = f"Which {what}: {labels}?"[:1_000]
        return _Resolved(Slot(question, {"type": kind, "anyOf": choices}), explained=match.by, because=question)

    def _every(
        self, one: Wanted, listing: Listing, things: Sequence[Thing], match: Match, of: Mapping[str, Source]
    ) -> _Resolved:
        """All that fit: for each item of the list where one field tells them, else call by call."""
        labels = ", ".join(thing.label for thing in match.things)
        because = f"{len(match.things)} of {len(things)} fit: {labels}."
        name = f"{self._name}-list"
        where = None if len(match.things) == len(things) else capture(things, match.things)
        if where is not None or len(match.things) == len(things):
            arguments = {**of, **({PAGES: Literal(LOOK_PAGES_MAX)} if PAGES in listing.tool.options else {})}
            return _Resolved(
                Item(listing.key, as_text=listing.as_text),
                (Step(name, listing.tool.name, arguments),),
                Ref(name, listing.items),
                When(Item(where[0]), {"const": where[1]}) if where is not None else None,
                explained=match.by, because=because,
            )  # fmt: skip
        if len(match.things) > SINGLE_STEPS_MAX:
            return _Resolved(problem=f"{because} That is more than {SINGLE_STEPS_MAX} at a time.")
        span = self._where(match.by) or self._span
        ids = tuple(_as(one, thing.id) for thing in match.things)
        return _Resolved(Literal(ids[0], span), many=ids, explained=match.by, because=because)

    def _where(self, stems: frozenset[str]) -> Span | None:
        """The characters that name a thing: from the first of its words to the last."""
        words = [one for one in words_of(self._said) if stem(one.text.removesuffix("'s")) in stems]
        if not words:
            return None
        return Span(self._span.start + words[0].start, self._span.start + words[-1].end)

    def _steps(self, tool: Tool, filled: Filled, resolved: _Resolved) -> tuple[Step, ...]:
        if not resolved.many:
            return (*resolved.before, Step(self._name, tool.name, filled.arguments, resolved.each, resolved.when))
        by = next(
            name for name, one in filled.arguments.items() if isinstance(one, Literal) and one.value == resolved.many[0]
        )
        span = filled.arguments[by].span  # type: ignore[union-attr]
        return tuple(
            Step(f"{self._name}-{place}", tool.name, {**filled.arguments, by: Literal(value, span)})
            for place, value in enumerate(resolved.many, 1)
        )


def mood_is_open(clause: Clause) -> bool:
    """Whether it is neither a command nor a question: then every word has to be plain."""
    return clause.mood.kind == "neither"


def _barred(text: str, entities: Sequence[Entity]) -> Impossible | None:
    """What a plan cannot carry: conditions, exceptions, and times to come."""
    for clause in read_clauses(text):
        told = text[clause.span.start : clause.span.end]
        words = [one.text for one in words_of(_before_content(_without(told, text, clause, entities)))]
        if clause.mood.kind != "command" and not (words and words[0] in {"if", "unless", "whenever", "until"}):
            continue
        if found := next((word for word in words if word in CONDITIONS), ""):
            return Impossible((), f"“{told}” depends on something (“{found}”), and I plan nothing that does.")
        if found := next((word for word in words if word in EXCEPTIONS), ""):
            return Impossible((), f"“{told}” leaves something out (“{found}”), and I could not be sure what.")
    return None


def _without(told: str, text: str, clause: Clause, entities: Sequence[Entity]) -> str:
    """A clause without its days and times: `the day after tomorrow` is no condition."""
    for one in entities:
        if one.kind in TIMELY and _is_within(one.span, clause.span):
            told = told.replace(text[one.span.start : one.span.end], "")
    return told


def _before_content(clause: str) -> str:
    """The words that are to the gateway, and not those that it passes on."""
    for mark in (":", " that ", " saying ", '"', "“", " to say "):
        clause = clause.partition(mark)[0]
    return clause


def _changes_nothing(tool: Tool, wanted: Sequence[Wanted], filled: Filled) -> bool:
    """Whether a change names what, and not how."""
    optional = [one.name for one in wanted if not one.required]
    role = tool.related.role if tool.related else ""
    is_change = (
        role in {"update", "replace"} and bool(optional) and all(names_thing(one) for one in wanted if one.required)
    )
    return is_change and not any(name in filled.arguments for name in optional)


def _values_said(filled: Filled) -> list[Span]:
    """The characters of values, but for those of titles: what is called so may be what is meant."""
    return _spans({name: one for name, one in filled.arguments.items() if not set(split(name)) & (TITLES | QUERIES)})


def _spans(sources: Mapping[str, Source]) -> list[Span]:
    return [one.span for one in sources.values() if isinstance(one, Literal) and one.span is not None]


def _joined(resolved: _Resolved, found: _Resolved) -> _Resolved:
    """Both: of one wish, one list at most."""
    first = resolved if resolved.each or resolved.many else found
    return structs.replace(
        first,
        source=found.source,
        explained=resolved.explained | found.explained,
        plain=resolved.plain | found.plain,
        used=(*resolved.used, *found.used),
        unknown=resolved.unknown | found.unknown,
        because=" ".join(filter(None, (resolved.because, found.because))),
        looked_for=(*resolved.looked_for, *found.looked_for),
    )


def _plain_of(listing: Listing, tools: Mapping[str, Tool]) -> frozenset[str]:
    """The words that what its things name by id go by: `room`."""
    return frozenset().union(*(calls_itself(other.tool) for other in listing.beside(tools)))


def _query_of(tool: Tool) -> str:
    """The argument by which a tool that lists searches, "" where there is none."""
    return next((one.name for one in wanted_of(tool) if set(one.words) & QUERIES and "string" in one.kinds), "")


def _some(names: Sequence[str]) -> str:
    more = len(names) - NAMED_MAX
    return ", ".join(names[:NAMED_MAX]) + (f" and {more} more" if more > 0 else "")


def _is_used(span: Span, used: Sequence[Span]) -> bool:
    return any(span.start < other.end and other.start < span.end for other in used)


def _is_within(inner: Span, outer: Span) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end


def _as(one: Wanted, value: Any) -> Any:
    """The id as the argument takes it: a number as text where that is what it takes."""
    is_text = "string" in one.kinds or not one.kinds
    return str(value) if is_text and isinstance(value, int) and not isinstance(value, bool) else value
