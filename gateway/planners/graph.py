"""Planning without a model: words against schemas, and the graph of who gives what to whom. Precise rather than bold: it asks, and
a write is never guessed.

For each wish of a text: is it a command? which tools go by its verb and its words? what do the words fill? which things are meant?
Things are found by reading the tool that lists them. What is left of the words then, and no tool and no thing explains, stops a
write: it would do something else than what was said.
"""

import re
from collections.abc import Mapping, Sequence

from msgspec import Struct, structs

from gateway.core.accounted import accounts, holds_two, left_open, left_over, texts_of, words_given
from gateway.core.agree import SAME, agreement, calls, calls_itself, content, explains, names_itself, shares_a_word
from gateway.core.english import ALIKE, CONDITIONS, EXCEPTIONS, SYNONYMS, words_of
from gateway.core.entities import read_entities, stem, stems_of
from gateway.core.entity import Entity
from gateway.core.fill import Filled, ask_for, fill_arguments, out_of_bounds
from gateway.core.limits import Limits, read_limits
from gateway.core.listing import lister_of
from gateway.core.match import ALL
from gateway.core.noun import split
from gateway.core.plan import (
    ANSWERS_MAX,
    INTENT_CHARACTERS_MAX,
    STEPS_MAX,
    Answer,
    Literal,
    Plan,
    Ref,
    Slot,
    Source,
    Span,
    Step,
    leaves,
)
from gateway.core.plan_check import check_plan
from gateway.core.planned import Asks, Choice, Impossible, Planned, Ready, Told, Used, chosen
from gateway.core.pointer import escape
from gateway.core.propose import Ground
from gateway.core.question import CLAUSES_MAX, Clause, read_clauses, read_mood
from gateway.core.reach import place_of
from gateway.core.replan import SoFar
from gateway.core.row import row_of
from gateway.core.said import DEEDS, Said, blanked, is_used, is_within, said_of
from gateway.core.spelling import as_said, correct
from gateway.core.spread import own_numbers, spread
from gateway.core.tool import Effect, Tool
from gateway.core.wanted import Wanted, names_thing, wanted_of
from gateway.planners.base import Sight, Wish
from gateway.planners.conditional import condition_of, only_if
from gateway.planners.limited import limits_of
from gateway.planners.reading import Last, Read, Reading
from gateway.planners.replying import Replying
from gateway.planners.templates import Templated, Templates
from gateway.planners.things import TIMELY, Looking, Resolved, Things, spans_of

CANDIDATES_MAX = 50
TRIED_MAX = 10
# Among so few tools those that go by the verb are looked at too, whatever their words.
FEW_TOOLS = 300
CHAIN_MAX = 3
# Two tools closer than this are not told apart: which of them is meant is asked.
MARGIN = 0.12
# What it counts that the very thing was found; a read of one thing is nearer to a question than that of all.
THING_BONUS, READ_BONUS = 0.1, 0.8
# What fits so much worse than what will not do was not meant.
GAP = 0.8
OWN_FIELD = re.compile(r"(?:the|an?|its)\s+(?:\w+'s\s+)?(\w+)", re.IGNORECASE)
# A number behind these is what something is to be.
_AIMED = re.compile(r"\b(?:to|at|is|=)\s+$", re.IGNORECASE)
# What was named before, or is pointed at, right behind the verb.
_POINTED = re.compile(r"\s*(it|them|this|that|these|those)\s+\w+\W*$", re.IGNORECASE)
# What is said to be polite, at the end.
_THANKS = re.compile(
    r"[,.!;–-]\s*(?:many\s+)?(?:thanks|thank\s+you|cheers)(?:\s+(?:a\s+lot|very\s+much|so\s+much))?\s*[.!]*\s*$", re.I
)
READS: frozenset[Effect] = frozenset({"read"})
WRITES: frozenset[Effect] = frozenset({"write", "destructive"})
DESTROYING = next(group for group in ALIKE if "delete" in group) | {"empty", "pay"}
MAKING = next(group for group in ALIKE if "create" in group)
CHANGING = next(group for group in ALIKE if "update" in group)
DEGREES = frozenset(["degree", "celsius", "fahrenheit", "kelvin"])
# Of the words of a read that has all that it needs, so many of all may say what its tool does not; and so many are its own.
PASSED_OVER, NAMED_MIN = 0.34, 1
FEW_ARGUMENTS = 5
# So many services are named to those who asked for none.
KNOWN_MAX = 12
LEFT_OVER = frozenset(
    ["number", "quantity", "money", "date", "time", "datetime", "range", "duration", "recurrence", "email", "url", "quoted",
     "identifier"]
)  # fmt: skip


class GraphPlanner:
    """A Planner of words, schemas and relations."""

    name = "graph"
    reserves = Used()
    goes_on = by_steps = False

    async def go_on(self, wish: Wish, sight: Sight, so_far: SoFar) -> Planned:
        return Impossible((), "Without a language model nothing is planned again.")

    async def plan(self, wish: Wish, sight: Sight) -> Planned:
        """As the words are said; where no command comes of them, as they are read with their misspelt words put right."""
        planned = await self._plan(wish, sight)
        if _writes(planned, sight) or isinstance(planned, Asks):
            return planned
        read, edits = correct(wish.text, _words_of_tools(sight.tools))
        other = await self._plan(structs.replace(wish, text=read), sight) if edits else planned
        if not isinstance(other, Ready) or not (_writes(other, sight) or isinstance(planned, Impossible)):
            return planned
        # A question is about things: what is near to a verb alone is some other word.
        if not _writes(other, sight) and any(edit.read in DEEDS for edit in edits):
            return planned
        told = tuple(f"“{wish.text[one.span.start : one.span.end]}” is read as “{one.read}”." for one in edits)
        return structs.replace(other, because=(*told, *other.because), plan=as_said(other.plan, wish.text, read, edits))

    async def _plan(self, wish: Wish, sight: Sight) -> Planned:
        text = wish.text
        if not text.strip() or len(text) > INTENT_CHARACTERS_MAX:
            return Impossible((), f"A wish has 1 to {INTENT_CHARACTERS_MAX} characters.")
        if polite := _THANKS.search(text):
            meant = await self._plan(structs.replace(wish, text=text[: polite.start()]), sight)
            if not isinstance(meant, Ready):
                return meant
            return structs.replace(meant, plan=structs.replace(meant.plan, intent=text))
        if (told := condition_of(text)) is not None:
            rest = blanked(text, (Span(0, told.main.start), Span(told.main.end, len(text))))
            return await only_if(text, told, await self._plan(structs.replace(wish, text=rest), sight), sight)
        entities = read_entities(text, wish.now, wish.locale)
        if (barred := _barred(text, entities)) is not None:
            return barred
        looking = Looking(sight)
        steps: list[Step] = []
        answers: list[Answer] = []
        because: list[str] = []
        last: Last | None = None
        clauses = read_clauses(text)
        if (held := _held_back(text, clauses)) is not None:
            return held
        if clauses and words_of(text[clauses[-1].span.end :].strip(".!?; \n")):
            return Impossible((), f"These are more than {CLAUSES_MAX} wishes; say fewer at a time.")
        for number, clause in enumerate(clauses, 1):
            said, name = said_of(text, clause, entities), f"s{number}"
            if clause.mood.kind == "refusal":
                because.append(f"“{said.shown}”: {clause.mood.reason}")
                continue
            if (read := await _read(said, sight, looking, name, last)) is not None:
                planned: _Steps | Asks | Impossible = _Steps(read.steps, read.because, read.answers)
                last = read.last
            else:
                planned = await _planned(said, wish, sight, looking, name)
            if not isinstance(planned, _Steps):
                return structs.replace(planned, because=(*because, *planned.because))
            steps += planned.steps
            answers += planned.answers
            because += planned.because
        if not steps or len(steps) > STEPS_MAX:
            return Impossible(tuple(because), "There is nothing in it that I could do.")
        plan = Plan(text, tuple(steps), answers=tuple(answers[:ANSWERS_MAX]), zone=wish.zone)
        problems = check_plan(plan, sight.tools, sight.loose)
        if problems:
            return Impossible(
                tuple(because), "What I made of it does not hold.", tuple(one.detail for one in problems[:5])
            )
        return Ready(tuple(because), plan)


def _writes(planned: Planned, sight: Sight) -> bool:
    return isinstance(planned, Ready) and any(sight.tools[one.tool].effect != "read" for one in planned.plan.steps)


def _words_of_tools(tools: Mapping[str, Tool]) -> frozenset[str]:
    """The words that few tools go by; of many, any misspelt word would be one of theirs."""
    if len(tools) > FEW_TOOLS:
        return frozenset()
    told = (
        f"{one.name} {one.title} {one.connector} {' '.join(each.name for each in wanted_of(one))}"
        for one in tools.values()
    )
    words = frozenset(word for text in told for piece in text.split() for word in split(piece))
    return words.union(*(group for group in SYNONYMS if group & words))


class _Steps(Struct, frozen=True):
    """What one wish comes to, and what is told of what was read."""

    steps: tuple[Step, ...]
    because: tuple[str, ...]
    answers: tuple[Answer, ...] = ()


async def _read(said: Said, sight: Sight, looking: Looking, name: str, last: Last | None) -> Read | None:
    """One wish to be told something; None where it is none, or no tool is sure to tell it."""
    is_read = said.clause.mood.kind in ("question", "neither")
    is_again = any(one.kind == "recurrence" for one in said.entities)
    return await Reading(said, sight, looking, name, last).plan() if is_read and not is_again else None


async def _planned(said: Said, wish: Wish, sight: Sight, looking: Looking, name: str) -> _Steps | Asks | Impossible:
    """One wish, by a connector's template where one knows it, else by the words of the tools."""
    templated = await Templates(said, wish, sight, looking, name).plan()
    if isinstance(templated, Templated):
        return _Steps(templated.steps, (f"“{said.told}”: {said.clause.mood.reason}", *templated.because))
    if isinstance(templated, Asks):
        return templated
    planned = await _Planning(said, sight, looking, name, wish.told).plan()
    own = own_numbers(said) if said.writes else ()
    if own and not isinstance(planned, Impossible) and not _is_one(planned, own):
        planned = await _each(said, sight, looking, name, wish.told, own) or Impossible(
            planned.because, f"I could not be sure to what “{said.of(own[0])}” belongs; say it one by one."
        )
    elif said.writes and (not isinstance(planned, _Steps) or _asks(planned)):
        planned = await _each(said, sight, looking, name, wish.told, own) or planned
    return planned if templated is None or isinstance(planned, _Steps) else templated


def _is_one(planned: _Steps | Asks, own: Sequence[Span]) -> bool:
    """Whether no number of one thing (`own`) goes to several, or is asked for though it was said."""
    if isinstance(planned, Asks) or len(planned.steps) == 1:
        return True
    told = [one.span for step in planned.steps for _, one in leaves(step.arguments) if isinstance(one, Literal)]
    return all(told.count(one) == 1 or not (told.count(one) or _asks(planned)) for one in own)


async def _each(
    said: Said, sight: Sight, looking: Looking, name: str, told: Sequence[Told], own: Sequence[Span]
) -> _Steps | Asks | None:
    """One command as several, one for each of its things, where each of these is plain, and all are done by the same tool. Where
    some have numbers of their `own`, others may be asked for theirs."""
    for reading in spread(said):
        parts: list[_Steps] = []
        for number, one in enumerate(reading, 1):
            planned = await _Planning(one, sight, looking, f"{name}-{number}", told).plan()
            if own and isinstance(planned, Asks):
                return planned
            if not isinstance(planned, _Steps) or (_asks(planned) and not own) or _is_torn(planned, said.text):
                break
            parts.append(planned)
        tools = {part.steps[-1].tool for part in parts}
        if len(parts) == len(reading) and len(tools) == 1:
            because = (
                f"“{said.shown}”: {said.clause.mood.reason}",
                *(each for part in parts for each in part.because[1:]),
            )
            return _Steps(tuple(step for part in parts for step in part.steps), because)
    return None


def _is_torn(planned: _Steps, text: str) -> bool:
    """Whether a text goes over what was left out of it."""
    told = [one.value for step in planned.steps for _, one in leaves(step.arguments) if isinstance(one, Literal)]
    return any(isinstance(one, str) and "  " in one and one not in text for one in told)


def _asks(planned: _Steps) -> bool:
    return any(isinstance(one, Slot) for step in planned.steps for _, one in leaves(step.arguments))


class _Try(Struct, frozen=True):
    """One tool tried for a wish: how well it fits, its steps, and why it will not do ("" where it will). `is_vague`: the words do
    not say what kind of thing is meant (`set the bedroom to 19`)."""

    tool: Tool
    score: float
    steps: tuple[Step, ...] = ()
    because: tuple[str, ...] = ()
    problem: str = ""
    looked_for: tuple[str, ...] = ()
    is_vague: bool = False
    is_list: bool = False


class _Planning:
    """One wish of a text."""

    def __init__(self, said: Said, sight: Sight, looking: Looking, name: str, told: Sequence[Told]) -> None:
        self._said = said
        self._told = told
        self._sight = sight
        self._things = Things(said, sight, looking, name)
        self._replying = Replying(said, sight, looking)
        self._name = name

    @property
    def _bonus(self) -> float:
        return THING_BONUS if self._said.writes else READ_BONUS

    @property
    def _behind_verb(self) -> Span:
        verb = self._said.clause.mood.span or self._said.span
        return Span(verb.end, self._said.span.end)

    async def plan(self) -> _Steps | Asks | Impossible:
        because = (f"“{self._said.shown}”: {self._said.clause.mood.reason}",)
        if any(one.kind == "recurrence" for one in self._said.entities):
            return Impossible(because, "It is to be done again and again, and I do things once.")
        effects = WRITES if self._said.writes else READS
        ranked = self._ranked(await self._candidates(effects))
        tried: list[_Try] = []
        for tool, score in ranked[:TRIED_MAX]:
            # What cannot be better is not looked into: nothing is read for it.
            if any(not (one.problem or one.is_vague) and score + self._bonus < one.score - MARGIN for one in tried):
                break
            tried.append(await self._try(tool, score))
        fitting = sorted((one for one in tried if not one.problem), key=lambda one: -one.score)
        highest = max((one.score for one in tried), default=0.0)
        if not fitting or highest - fitting[0].score > GAP:
            return self._nothing(tried, because)
        best, rest = fitting[0], fitting[1:]
        if best.is_vague and (best.score < highest or best.is_list):
            return self._nothing(tried, because)
        rivals = [one for one in rest if best.is_vague or best.score - one.score < MARGIN]
        if rivals and self._said.writes:
            choices = tuple(Choice(one.tool.name, one.tool.title) for one in (best, *rivals))
            asks = Asks(because, f"Which of these is meant by “{self._said.shown}”?", choices)
            choice = chosen(asks, self._told)
            if choice is None:
                return asks
            best = next(one for one in (best, *rivals) if one.tool.name == choice.value)
        if self._said.writes:
            return _Steps(best.steps, (*because, *best.because))
        steps, answers = await self._replying.reply(best.steps, best.tool)
        if not answers and self._replying.needs_words:
            return Impossible(because, f"{best.tool.title} does not say “{self._said.shown}”.")
        return _Steps(steps, (*because, *best.because), answers)

    def _nothing(self, tried: Sequence[_Try], because: tuple[str, ...]) -> Impossible:
        if tried:
            best = max(tried, key=lambda one: one.score)
            if self._said.writes and (it := _POINTED.match(self._said.of(self._behind_verb))) and best.problem:
                told = f"I do not know what “{it[1]}” is; say what is meant, and what it is to be."
                return Impossible(because, told, best.looked_for)
            if not best.problem:
                return Impossible(because, f"It does not say what is meant: {best.tool.title}?", best.looked_for)
            return Impossible(because, best.problem, best.looked_for)
        what = "does" if self._said.writes else "tells"
        known = ", ".join(sorted({one.connector for one in self._sight.tools.values()})[:KNOWN_MAX])
        more = f" You can ask about: {known}." if known else ""
        return Impossible(because, f"I found no tool of yours that {what} “{self._said.shown}”.{more}")

    # Which tool.

    async def _candidates(self, effects: frozenset[Effect]) -> list[Tool]:
        """The tools that fit by search; of few, all the others too."""
        tools = _of_named_api(self._said, self._sight.tools) if self._said.writes else self._sight.tools
        found = [name for name in await self._sight.search(self._said.told, CANDIDATES_MAX, effects) if name in tools]
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
        mood = self._said.clause.mood
        verb = agreement(mood.verb, tool) if self._said.writes else 1.0
        if verb == 0 or (tool.effect == "destructive" and verb < SAME and mood.verb not in DESTROYING):
            return None
        words = self._said.words()
        known, own = words & explains(tool), words & calls_itself(tool)
        if not self._said.writes and not shares_a_word(words, tool):
            return None
        aim = len(own) / max(len(stems_of(tool.title)), 1)
        found = (0.5 if self._said.writes else 1.5) / (place + 1)
        return verb + found + 0.3 * aim + 0.6 * (len(known) + len(own)) / max(len(words), 1)

    # What its arguments are.

    async def _try(self, tool: Tool, score: float) -> _Try:
        wanted = wanted_of(tool)
        limits = self._limits(tool, wanted)
        filled = self._fill(tool, {}, (), limits)
        problem, resolved, ids = "", Resolved(), dict[str, Source]()
        for one in wanted:
            source = filled.arguments.get(one.name)
            if not names_thing(one) or isinstance(source, Literal) or not (one.required and "array" not in one.kinds):
                continue
            found = await self._things.find(tool, one, filled, CHAIN_MAX, limits)
            if resolved.source is not None and (found.each or found.many):
                found = structs.replace(found, problem="Two lists of things in one wish are more than I can plan.")
            resolved = _joined(resolved, found)
            problem = problem or found.problem
            if found.source is not None:
                ids[one.name] = found.source
                filled = self._fill(tool, ids, [each for each in spans_of(ids) if each != self._said.span], limits)
        bounds = self._out_of_bounds(wanted, filled)
        if problem:
            return _Try(tool, score, problem=bounds or problem, looked_for=() if bounds else resolved.looked_for)
        filled, before = self._of_the_thing(tool, wanted, filled)
        resolved = structs.replace(resolved, before=(*resolved.before, *before))
        if self._said.writes and not self._is_named(tool, resolved):
            return _Try(tool, score - 0.5, problem=f"I found no tool of yours that does “{self._said.shown}”.")
        if self._said.writes and _changes_nothing(tool, wanted, filled):
            named = self._named_change(wanted)
            if named is not None:
                filled = structs.replace(
                    filled,
                    arguments={**filled.arguments, named.name: ask_for(named)},
                    asked=(*filled.asked, named.name),
                )
        if not self._said.writes and resolved.source is None:
            resolved = self._in_a_row(tool, filled, resolved)
        left = self._left_over(tool, filled, resolved)
        if left:
            return _Try(tool, score - 0.3, problem=bounds or left)
        if self._said.writes and _changes_nothing(tool, wanted, filled):
            return _Try(
                tool,
                score - 0.3,
                problem=f"It does not say what {tool.title[:1].lower()}{tool.title[1:]} is to change.",
            )
        if self._said.clause.mood.kind == "neither" and left:
            return _Try(tool, score, problem="It is no command and no question that I understand.")
        if not self._said.writes:
            is_any = resolved.source is not None and not resolved.explained and not isinstance(resolved.source, Slot)
            is_many = bool(resolved.each or resolved.many or is_any)
            score -= 0.3 * bool(left) + 0.4 * isinstance(resolved.source, Slot) + 1.5 * is_many
        is_vague = self._said.writes and self._is_vague(tool, filled, resolved)
        if is_vague and self._said.verb and self._said.verb not in CHANGING:
            return _Try(tool, score - 0.5, problem=f"I found no tool of yours that does “{self._said.shown}”.")
        steps = self._steps(tool, filled, resolved)
        told = (f"{tool.name}: {tool.title}.", *([resolved.because] if resolved.because else ()))
        score += self._bonus * bool(resolved.explained) - 0.1 * len(filled.asked)
        return _Try(
            tool,
            score,
            steps,
            told,
            is_vague=is_vague,
            is_list=bool(resolved.each or resolved.many) and not resolved.explained,
        )

    def _is_vague(self, tool: Tool, filled: Filled, resolved: Resolved) -> bool:
        """Whether a change names neither the kind of thing, nor the thing itself, nor what of it is to change, nor its unit."""
        verb = self._said.verb
        is_plain = bool(verb) and verb not in CHANGING and (agreement(verb, tool) == SAME or not resolved.is_placed)
        if resolved.source is None or resolved.is_called or is_plain:
            return False
        values = [one.span for one in self._said.entities if one.kind in {"number", "quantity", "ordinal", "range"}]
        words = self._said.words(values) | {stem(verb)}
        kinds = [
            lister_of(tool, one, self._sight.tools) for one in wanted_of(tool) if one.required and names_thing(one)
        ]
        places = frozenset().union(
            *(stems_of(each.noun) for one in kinds if one for each in one.beside(self._sight.tools))
        )
        given = [name for name, one in filled.arguments.items() if isinstance(one, Literal)]
        told = frozenset().union(*(calls(one.noun) for one in kinds if one)) | calls(
            f"{tool.connector} {' '.join(given)}"
        )
        told |= names_itself(tool) - {stem(verb)}
        has_unit = any(one.kind == "quantity" and one.unit in DEGREES for one in self._said.entities)
        return not (has_unit or words & (told - places))

    def _limits(self, tool: Tool, wanted: Sequence[Wanted]) -> Limits:
        """What limits the things that a command is done to; none where it is done to none."""
        listings = [lister_of(tool, one, self._sight.tools) for one in wanted if one.required and names_thing(one)]
        if not self._said.writes or not any(listings):
            return Limits()
        nouns = frozenset().union(*(calls(one.noun) for one in listings if one))
        fields = {
            name for one in listings if one for name in place_of(one.tool.output_schema).at(f"{one.items}/-").names
        }
        return limits_of(self._said, [one for one in wanted if one.name in fields], nouns)

    def _fill(self, tool: Tool, given: Mapping[str, Source], taken: Sequence[Span], limits: Limits) -> Filled:
        """What the words fill, but for those that say which things are meant."""
        said = self._said
        apart = (*limits.spans, *limits.days)
        entities = [one for one in said.entities if not is_used(one.span, apart)]
        return fill_arguments(tool, blanked(said.text, apart), said.span, entities, given, taken, said.clause.mood.span)

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
        said = frozenset(self._said.content())
        named = [
            one for one in wanted if not one.required and said & {stem(word) for word in one.words if len(word) > 2}
        ]
        return named[0] if len(named) == 1 else None

    def _is_named(self, tool: Tool, resolved: Resolved) -> bool:
        """Whether the words say what it is done to: by the tool's own name, or by that of a thing; where nothing is destroyed, its
        very verb will do."""
        mood = self._said.clause.mood
        words = frozenset(self._said.content()) | {stem(mood.verb)}
        if resolved.source is None and mood.verb in MAKING:
            return bool(words & (names_itself(tool) | stems_of(tool.connector)))
        if resolved.is_elsewhere and mood.verb in MAKING | CHANGING:
            return bool(words & (names_itself(tool) - resolved.nouns))
        is_same = agreement(mood.verb, tool) == SAME and tool.effect != "destructive"
        return is_same or bool(words & names_itself(tool)) or bool(resolved.explained)

    def _in_a_row(self, tool: Tool, filled: Filled, resolved: Resolved) -> Resolved:
        """`The weather in Berlin and Paris`: of a read, a call for each of the values that stand in one row."""
        ground = Ground(self._said.text, self._said.span, self._said.entities)
        for one in filled.arguments.values():
            row = row_of(ground, one) if isinstance(one, Literal) else ()
            others = [span for _, span in row if one.span != span]  # type: ignore[union-attr]
            is_free = not any(is_used(span, filled.used) for span in others)
            words = frozenset(word for span in others for word in content(self._said.text, span))
            if row and is_free and not words & explains(tool):
                return structs.replace(resolved, many=tuple(value for value, _ in row), used=(*resolved.used, *others))
        return resolved

    def _left_over(self, tool: Tool, filled: Filled, resolved: Resolved) -> str:
        """A sentence where something was said that would be passed over; "" where there is nothing."""
        for one in self._said.entities:
            is_taken = is_used(one.span, (*filled.used, *resolved.used))
            words = set(content(self._said.text, one.span))
            is_explained = bool(words) and words <= resolved.explained
            is_state = one.kind == "boolean" and self._said.of(one.span).lower() in {"on", "off"}
            if not is_taken and not is_explained and (one.kind in LEFT_OVER or (is_state and self._said.writes)):
                if one.kind == "ordinal" or self._counts_arguments(one, tool):
                    continue
                return f"{tool.title} takes no “{self._said.of(one.span)}” that I could be sure of."
        mood = self._said.clause.mood
        if self._said.writes:
            return self._unaccounted(tool, filled, resolved)
        words_left = self._said.content((*filled.used, *resolved.used))
        unexplained = [
            word
            for stem_of, word in words_left.items()
            if stem_of not in explains(tool) | resolved.explained | resolved.plain | {stem(mood.verb)}
        ]
        if not unexplained or self._is_plain_read(tool, filled, resolved, len(unexplained)):
            return ""
        return f"I do not know what “{' '.join(unexplained)}” means here."

    def _out_of_bounds(self, wanted: Sequence[Wanted], filled: Filled) -> str:
        """A sentence where a number to which something is to be set is more or less than any argument takes."""
        numbers = [one for one in self._said.entities if one.kind in {"number", "quantity"}]
        left = [one for one in numbers if not is_used(one.span, filled.used)]
        for one in left if self._said.writes else ():
            before = self._said.text[: one.span.start]
            words = frozenset(self._said.content())
            last = frozenset(stem(each.text) for each in words_of(before)[-1:])
            if not _AIMED.search(before) and not any(last & {stem(word) for word in each.words} for each in wanted):
                continue
            told = {each.name: out_of_bounds(each, one) for each in wanted if not names_thing(each)}
            named = [
                told[each.name] for each in wanted if told.get(each.name) and words & {stem(w) for w in each.words}
            ]
            if bounds := named or [each for each in told.values() if each]:
                return f"“{self._said.of(one.span)}” is out of bounds: {', '.join(bounds)}."
        return ""

    def _is_plain_read(self, tool: Tool, filled: Filled, resolved: Resolved, unexplained: int) -> bool:
        """Whether a read without things has all that it needs from words that say so, and most of the others are its own; not where
        what it lists can be looked at, for a word that is in none of that may name what is not there."""
        if self._sight.look is not None:
            return False
        words = self._said.words(filled.used)
        is_whole = bool(filled.arguments) and not filled.asked and resolved.source is None
        is_named = len(words & calls_itself(tool)) >= NAMED_MIN
        return is_whole and is_named and unexplained <= PASSED_OVER * (len(words) + len(filled.arguments))

    def _counts_arguments(self, one: Entity, tool: Tool) -> bool:
        """`Between two cities`: how many arguments there are, in a wish to be told something."""
        rest = words_of(self._said.text[one.span.end : self._said.span.end])
        is_few = one.kind == "number" and not self._said.of(one.span).isdigit() and one.value <= FEW_ARGUMENTS
        return not self._said.writes and is_few and bool(rest) and stem(rest[0].text) in explains(tool)

    def _unaccounted(self, tool: Tool, filled: Filled, resolved: Resolved) -> str:
        """A sentence where a word of a command is none of the tool's, of the thing's, or of an argument that is given."""
        said, used = self._said, (*filled.used, *resolved.used)
        texts = texts_of(said.text, filled.arguments)
        if found := left_open(said.text, said.span, texts):
            return f"“{found}” leaves open what exactly is meant."
        if holds_two(said.text, texts, [one for one in said.entities if one.kind in TIMELY]):
            return "These are two wishes; say them one by one."
        if resolved.source is None and (
            found := next((one.text for one in words_of(said.told) if one.text in ALL), "")
        ):
            return f"I do not know what “{found}” means here."
        explained = accounts(tool) | resolved.explained | resolved.plain | {stem(said.verb)}
        words = left_over(said.text, said.span, used, explained, words_given(tool, filled.arguments))
        return f"I do not know what “{' '.join(words)}” means here." if words else ""

    def _steps(self, tool: Tool, filled: Filled, resolved: Resolved) -> tuple[Step, ...]:
        if not resolved.many:
            return (*resolved.before, Step(self._name, tool.name, filled.arguments, resolved.each, resolved.when))
        by = next(
            name for name, one in filled.arguments.items() if isinstance(one, Literal) and one.value in resolved.many
        )
        span = filled.arguments[by].span  # type: ignore[union-attr]
        return tuple(
            Step(f"{self._name}-{place}", tool.name, {**filled.arguments, by: Literal(value, span)})
            for place, value in enumerate(resolved.many, 1)
        )


def _of_named_api(said: Said, tools: Mapping[str, Tool]) -> Mapping[str, Tool]:
    """Of an API that is called by its name of several words (`the shopping list`), its tools alone."""
    words = [one.text for one in words_of(said.told)]
    names = {one.connector for one in tools.values()}
    named = [name for name in names if len(told := split(name)) > 1 and any(
        tuple(words[at : at + len(told)]) == told for at in range(len(words))
    )]  # fmt: skip
    return {name: one for name, one in tools.items() if one.connector in named} if named else tools


def _barred(text: str, entities: Sequence[Entity]) -> Impossible | None:
    """What a plan cannot carry: conditions, exceptions, and times to come."""
    for clause in read_clauses(text):
        told = text[clause.span.start : clause.span.end]
        limits = read_limits(text, clause.span, clause.mood.verb, said_of(text, clause, entities).entities)
        plain = _without(told, text, clause, entities, limits)
        words = [one.text for one in words_of(_before_content(plain))]
        is_conditional = bool(words) and words[0] in {"if", "unless", "whenever", "until"} and words[1:2] != ["when"]
        if clause.mood.kind != "command" and not is_conditional:
            continue
        if found := next((word for word in words if word in CONDITIONS), ""):
            return Impossible((), f"“{told}” depends on something (“{found}”), and I plan nothing that does.")
        if found := next((word for word in words if word in EXCEPTIONS), ""):
            return Impossible((), f"“{told}” leaves something out (“{found}”), and I could not be sure what.")
    return None


def _held_back(text: str, clauses: Sequence[Clause]) -> Impossible | None:
    """Why nothing is done where something is not to be: there is nothing else, or it may be part of it."""
    refusals = [one for one in clauses if one.mood.kind == "refusal"]
    because = tuple(f"“{text[one.span.start : one.span.end]}”: {one.mood.reason}" for one in refusals)
    if not refusals:
        return None
    if under := next(
        (one for one in refusals if read_mood(text[one.span.start : one.span.end]).kind == "command"), None
    ):
        told = text[under.span.start : under.span.end].rstrip(" .!")
        return Impossible(because, f"I could not be sure whether “{told}” is to be done, or is not to be done either.")
    return Impossible(because, "There is nothing to be done.") if len(refusals) == len(clauses) else None


def _without(told: str, text: str, clause: Clause, entities: Sequence[Entity], limits: Limits) -> str:
    """A clause without its days and times (`the day after tomorrow` is no condition), and without what is read as limits."""
    for span in limits.spans:
        told = told.replace(text[span.start : span.end], " ")
    for one in entities:
        if one.kind in TIMELY and is_within(one.span, clause.span):
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


def _joined(resolved: Resolved, found: Resolved) -> Resolved:
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
