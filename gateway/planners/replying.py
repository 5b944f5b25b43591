"""What a question is answered with: which place of what a tool answers, which items of its list, and in which words. A list is
read where things in it are named, as `things` does. Reads, writes nothing."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import dropwhile, pairwise
from typing import Any

from msgspec import Struct, structs

from gateway.core.agree import content, explains
from gateway.core.asked import MADE, Asked, Kind, read_asked, said_so, topic
from gateway.core.english import GREETINGS, LOOKS, words_of
from gateway.core.entities import stem, stems_of
from gateway.core.entity import Entity
from gateway.core.listing import Listing
from gateway.core.match import ALL, Match, Thing, is_plural, match_things, read_things, values_of
from gateway.core.noun import named, split
from gateway.core.option import PAGES
from gateway.core.plan import Answer, Counts, Fits, Holds, Lists, Literal, Pick, Ref, Span, Step, Tells
from gateway.core.pointer import escape, tokens
from gateway.core.question import read_mood
from gateway.core.reach import Place, place_of
from gateway.core.said import Said, is_used
from gateway.core.tool import Tool
from gateway.core.wanted import PAGING
from gateway.planners.base import Sight, Unseen
from gateway.planners.things import TIMELY, Looking, spans_of

PAGES_READ = 20
FIELDS_MAX = 60
LEVELS_MAX = 2
RANGE_DAYS_MAX = 31
_DAYS = ("date", "datetime", "range")
# What asks whether there is something at all.
ANYTHING = named("any some there anything anybody anyone something somebody someone")
_BEFORE = named("before until till to end max latest")
_UNTIL = named("until till end ends to expires expiry")
_SUMS = named("total sum balance")
# What asks for what somebody has, or was sent.
_HAVING = named("has have got get received write written wrote send sent")
# What an answer would have to look at all others for, and at another time.
_LIMITING = named("only alone")
_TO_COME = named("will would won't")
TIED_MAX = 3
SHOWN_MAX = 4
_IDS = named("id ids uuid sku slug guid")
_NAMES = named("name title label summary subject headline")
_COLOURS = named("colour color")
_STARTS = ("start", "starts", "begin", "date", "due", "at", "time", "when", "day")
# What is so of a thing, and what is so where that is not.
_OPPOSITE = {
    "unlocked": "locked", "off": "on", "disabled": "enabled", "inactive": "active", "read": "unread", "unread": "read",
    "closed": "open", "shut": "open", "opened": "open", "unavailable": "available", "undone": "done",
    "free": "busy",
}  # fmt: skip
UNCOVERED = "None that I was told of, and not of each of these days was I told."
_ON = named("on enabled active running")


class Field(Struct, frozen=True):
    """One field of a thing: where, what it is called, and what its schema says."""

    pointer: str
    words: tuple[str, ...]
    place: Place

    @property
    def schema(self) -> dict[str, Any]:
        return self.place.plain

    @property
    def items(self) -> dict[str, Any]:
        """What its schema says of its items, where it is a list."""
        return self.place.at("/-").plain if "array" in self.place.kinds else {}

    @property
    def is_amount(self) -> bool:
        """Whether it says how much there is of something."""
        return bool(self.place.kinds) and self.place.kinds <= {"integer", "number", "null"}

    @property
    def opposites(self) -> frozenset[str]:
        """The stems of what is so where that which it says is not."""
        return frozenset(stem(word) for word, turned in _OPPOSITE.items() if turned in self.words)

    @property
    def described(self) -> frozenset[str]:
        return stems_of(str(self.schema.get("description", ""))[:300])


class Answered(Struct, frozen=True):
    """What a tool answers, as a question looks at it: the list at `items`, None where it is one thing; its fields."""

    items: str | None
    fields: tuple[Field, ...]
    root: tuple[Field, ...]

    @property
    def day(self) -> Field | None:
        """The field that says when a thing is."""
        return _day_field(self.fields)


class Named(Struct, frozen=True):
    """That an item is one of those which words name, and the stems of these words."""

    where: tuple[Fits, ...] = ()
    by: frozenset[str] = frozenset()


class Source(Struct, frozen=True):
    """The one item that an answer is about, and the fields of such."""

    source: Pick
    fields: tuple[Field, ...]


class Replying:
    """The answers of one wish to be told something."""

    def __init__(self, said: Said, sight: Sight, looking: Looking) -> None:
        self._said = said
        self._sight = sight
        self._looking = looking
        self._asked = read_asked(said.told)
        self._unknown = self._unsure = ""
        self._naming: frozenset[str] = frozenset()

    def says_whether(self, tool: Tool) -> bool:
        """Whether a field of what the tool answers says if it is so."""
        of = answered_by(place_of(tool.output_schema), self._stems())
        return self._asked.kind == "whether" and self._state(of.fields, tool) is not None

    @property
    def needs_words(self) -> bool:
        """Whether it is answered by a word or a number, and a picture is no answer."""
        return self._asked.kind != "what"

    async def reply(self, steps: tuple[Step, ...], tool: Tool) -> tuple[tuple[Step, ...], tuple[Answer, ...]]:
        """The steps as they have to be for the answers, and these: of each step that calls the tool."""
        kept: list[Step] = []
        answers: list[Answer] = []
        for step in steps:
            if step.tool == tool.name:
                of = answered_by(place_of(tool.output_schema), self._stems())
                named_ones = await self.named(tool, step, of, self._stems(self._used(step)) - self._asked.aside)
                step, told, _ = await self.answers(tool, step, named_ones)
                answers += told
            kept.append(step)
        return tuple(kept), tuple(answers)

    async def answers(
        self, tool: Tool, step: Step, named_ones: Named, *, is_ordered: bool = True, unknown: str = ""
    ) -> tuple[Step, tuple[Answer, ...], Source | None]:
        """The step as it has to be for them, the answers, none where its document tells nothing of what it answers, and what they
        are about. `named_ones` are the items that are named; `is_ordered` not where `the first` is of another list.
        `unknown` are words that nothing explains: what was read is told then, and nothing is said to be so."""
        self._unknown, self._naming, where = unknown, named_ones.by, named_ones.where
        place = place_of(tool.output_schema)
        if not place.schemas or step.each is not None:
            return step, (), None
        of = answered_by(place, self._stems())
        if of.items is None:
            self._unsure = self._unsure_of(step, tool, of, is_passed_over=is_ordered and self._passes_over(step))
            return step, (self._told(self._of_thing(step, tool, of.fields)),), None
        hinted = [one for one in of.root if set(one.words) & self._asked.hint and "array" not in one.place.kinds]
        of_items = any(set(one.words) & self._asked.hint for one in of.fields)
        if hinted and not where and (not of_items or set(hinted[0].words) & _SUMS):
            return step, (self._told(self._tells(Ref(step.name), hinted[:1], of.root)),), None
        on_days = self.on_days(step, of)
        where = (*where, *on_days)
        is_passed_over = is_ordered and not on_days and self._passes_over(step)
        self._unsure = self._unsure_of(step, tool, of, is_passed_over=is_passed_over, is_ordered=is_ordered)
        if self._asked.kind == "count" and not where and (total := self._total(of, tool, step)):
            return step, (self._told(Tells(Ref(step.name, total.pointer), self._topic())),), None
        if (field := self._of_every(of, tool)) is not None:
            # Those that are not so have to come too.
            kept = {name: one for name, one in step.arguments.items() if split(name) != field.words}
            step = structs.replace(step, arguments=kept)
        if PAGES in tool.options and PAGES not in step.arguments:
            step = structs.replace(step, arguments={**step.arguments, PAGES: Literal(PAGES_READ)})
        answer = self._of_list(step, tool, of, where, is_ordered=is_ordered)
        if isinstance(answer, Lists) and self._claims("whether") and not await self._is_covered(step, tool, of):
            answer = structs.replace(answer, none=f"“{self._said.told.strip()[:200]}” {UNCOVERED}")
        value = answer.value if isinstance(answer, Holds | Tells) else None
        chosen = value if isinstance(value, Pick) else Pick(step.name, of.items, "", where)
        return step, (self._told(answer),), Source(structs.replace(chosen, pointer=""), of.fields)

    # What it is sure of.

    async def _is_covered(self, step: Step, tool: Tool, of: Answered) -> bool:
        """Whether what is so on a day that was said is told of each such day: a forecast of three days says nothing of a week."""
        days = {day for one in self._said.entities if one.kind in _DAYS for day in _days_of(one.value)}
        if not days or of.day is None or self._is_of_any() or self._state(of.fields, tool) is None:
            return True
        values = {name: one.value for name, one in step.arguments.items() if isinstance(one, Literal) and name != PAGES}
        if step.arguments.keys() - values.keys() - {PAGES}:
            return True
        told = [str(dict(values_of(one)).get(of.day.pointer)) for one in await self.items(tool, of, values)]
        return all(any(one.startswith(day.isoformat()) for one in told) for day in days)

    def _passes_over(self, step: Step) -> bool:
        """Whether a day was said that the tool is not asked for."""
        days = [one for one in self._said.entities if one.kind in _DAYS]
        return any(not is_used(one.span, spans_of(step.arguments)) for one in days)

    def _numbers_over(self, step: Step) -> list[str]:
        """The numbers that were said, and that the tool is not asked for: `are there 3 lights on?`."""
        numbers = [one for one in self._said.entities if one.kind in ("number", "quantity", "money")]
        timely = [one.span for one in self._said.entities if one.kind in TIMELY]
        # How many are listed at most does not say how many there are.
        used = (*spans_of({name: one for name, one in step.arguments.items() if name not in PAGING}), *timely)
        over = [one for one in numbers if not is_used(one.span, used)]
        return [self._said.of(one.span) for one in over if not set(content(self._said.text, one.span)) <= self._naming]

    def _unsure_of(
        self, step: Step, tool: Tool, of: Answered, *, is_passed_over: bool, is_ordered: bool = False
    ) -> str:
        """What is said before what was read, where that is no answer; "" where it is one."""
        asked, told = self._asked, [one.text for one in words_of(self._said.told)]
        every = (*of.fields, *of.root)
        if self._unknown:
            return f"I do not know what “{self._unknown[:80]}” means here"
        if is_passed_over:
            days = " ".join(self._said.of(one.span) for one in self._said.entities if one.kind in _DAYS)
            return f"I could not ask for “{days[:80]}”"
        if asked.asking and not any(self._is_hinted(one) for one in every):
            return f"I found nothing that says {asked.asking}"
        if is_ordered and asked.order in ("least", "greatest") and compared_by(of.fields, asked) is None:
            return "I found nothing to compare them by"
        is_counted = asked.kind != "what" or asked.asking == "how much"
        if is_counted and (over := [*_LIMITING & set(told), *self._numbers_over(step)]):
            return f"I did not look for “{' '.join(over)[:80]}”"
        if asked.kind == "whether" and set(told[:1]) & _TO_COME and of.day is None:
            return "I know only what is so now"
        if asked.kind == "whether" and "or" in told:
            return "It is one or the other"
        is_said = (
            asked.kind != "whether"
            or self._is_turned(of.items or "")
            or self._is_of_any()
            or self._state(of.fields, tool) is not None
        )
        return "" if is_said else "I found nothing that says whether it is so"

    def _is_hinted(self, field: Field) -> bool:
        """Whether a field is of what is asked for: `when`, and not when it was made known."""
        words = set(field.words)
        if words & _COLOURS or (words & MADE and not words & MADE & self._asked.hint):
            return False
        is_time = bool(field.place.formats & {"date", "date-time"})
        return bool(words & self._asked.hint) or (is_time and "start" in self._asked.hint)

    def _is_told_to(self) -> bool:
        """Whether it would be a command without its question mark."""
        return read_mood(self._said.told.rstrip("?!. ")).kind == "command"

    def _told(self, answer: Answer) -> Answer:
        """With what it is unsure of, and that nothing was done, where it may sound as if it was."""
        is_told_to = self._is_told_to()
        is_seen_to = {one.text for one in words_of(self._said.told)} & {"ensure", "sure"}
        before = "Nothing was changed. " if is_told_to or is_seen_to else ""
        if isinstance(answer, Holds):
            return structs.replace(answer, yes=f"{before}{answer.yes}", no=f"{before}{answer.no}")
        says = f"{self._unsure}; what I read" if self._unsure else "What I read" if is_told_to else answer.says
        if isinstance(answer, Lists):
            none = f"{self._unsure}; I read of none." if self._unsure else answer.none
            return structs.replace(answer, says=f"{before}{says}", none=f"{before}{none}")
        return structs.replace(answer, says=f"{before}{says}")

    # Of one thing.

    def _of_thing(self, step: Step, tool: Tool, fields: Sequence[Field]) -> Answer:
        if self._claims("whether") and (state := self._state(fields, tool)) is not None:
            field, fits, words = state
            return self._holds(Ref(step.name, field.pointer), fits, words)
        return self._tells(Ref(step.name), self._meant(fields, tool), fields)

    def _holds(self, value: Ref | Pick, fits: dict[str, Any], words: Sequence[str]) -> Answer:
        said = said_so(self._said.told, words)
        if said is None:
            asked = f"“{self._said.told.strip()[:200]}”"
            said = f"{asked} Yes.", f"{asked} No."
        return Holds(value, fits, *said)

    def _tells(self, value: Ref | Pick, fields: Sequence[Field], every: Sequence[Field]) -> Answer:
        """One field alone as its value, several with their names, none as the whole."""
        if len(fields) == 1 and not self._unsure and not self._is_told_to():
            return Tells(structs.replace(value, pointer=fields[0].pointer), self._topic())
        names = [one.pointer for one in every if fields and is_name(one)]
        return Tells(value, self._topic(), tuple(dict.fromkeys([*names[:1], *(one.pointer for one in fields)])))

    # Of a list.

    def _of_list(
        self, step: Step, tool: Tool, of: Answered, where: tuple[Fits, ...], *, is_ordered: bool = True
    ) -> Answer:
        items, asked, pointer = Ref(step.name, of.items or ""), self._asked, of.items or ""
        if is_ordered and asked.order is not None and (by := compared_by(of.fields, asked)) is not None:
            order = "least" if asked.order == "next" and self._has_day() else asked.order
            state = self._state(of.fields, tool)
            if state is not None and not _is_asked_for(state[0], step) and not set(state[2]) & _HAVING:
                where = (*where, Fits(state[0].pointer, state[1]))
            shows = _shows(of.fields, by, self._meant(of.fields, tool))
            return Tells(Pick(step.name, pointer, "", where, by.pointer, order), self._topic(), tuple(shows))
        is_one = len(where) == 1 and "const" in where[0].fits
        if self._claims("whether") and (state := self._state(of.fields, tool)) is not None:
            field, fits, words = state
            if is_one:
                return self._holds(Pick(step.name, pointer, field.pointer, where), fits, words)
            if _of_all(self._said.told):
                called = f"“{self._said.told.strip()[:200]}”"
                others = (*where, Fits(field.pointer, {"not": fits}))
                shown = tuple(_shows(of.fields, None, (field,)))
                return Lists(items, f"{called} No, not so", f"{called} Yes, all of them.", others, shown)
            if not _is_asked_for(field, step):
                where = (*where, Fits(field.pointer, fits))
        elif is_one and asked.kind != "count" and not self._is_of_any():
            meant = self._meant(of.fields, tool)
            return self._tells(Pick(step.name, pointer, "", where), meant, of.fields)
        elif asked.kind != "whether" and (state := self._state(of.fields, tool)) and not _is_asked_for(state[0], step):
            where = (*where, Fits(state[0].pointer, state[1]))
        if asked.kind == "count":
            return Counts(items, self._topic(), where)
        called = f"“{self._said.told.strip()[:200]}”"
        says, none = (f"{called} Yes", f"{called} No: there is none.")
        if self._is_turned(pointer):
            what = split(tokens(pointer)[-1])[-1]
            says, none = f"{called} What is {what}", f"{called} Nothing is {what}."
        elif not self._claims("whether") or not (self._is_of_any() or self._state(of.fields, tool)):
            says, none = self._topic(), f"{self._topic()}: there is none."
        return Lists(items, says, none, where, tuple(_shows(of.fields, None, self._meant(of.fields, tool))))

    def _is_turned(self, items: str) -> bool:
        """Whether what is listed is the opposite of what is asked: what is busy, for when somebody is free."""
        told, listed = {one.text for one in words_of(self._said.told)}, set(split(tokens(items)[-1]) if items else ())
        return any(_OPPOSITE.get(word) in listed for word in told)

    def _of_every(self, of: Answered, tool: Tool) -> Field | None:
        """The field that says whether all are so, where that is what is asked."""
        state = self._state(of.fields, tool) if self._claims("whether") and _of_all(self._said.told) else None
        return state[0] if state is not None else None

    def _is_of_any(self) -> bool:
        """Whether it asks if there is something at all: `do I have mail?`, and not `is the heating on?`."""
        told = {one.text for one in words_of(self._said.told)}
        return self._asked.kind == "whether" and bool(told & (ANYTHING | _HAVING))

    def _claims(self, kind: Kind) -> bool:
        """Whether that is asked, and nothing of it is passed over."""
        return self._asked.kind == kind and not self._unsure

    def _total(self, of: Answered, tool: Tool, step: Step) -> Field | None:
        """The field that says how many there are, where nothing but what the tool is asked with says which."""
        left = self._stems(spans_of(step.arguments)) - explains(tool) - self._asked.aside
        totals = [one for one in of.root if one.words[-1:] in (("total",), ("count",)) and "integer" in one.place.kinds]
        return totals[0] if totals and not left else None

    async def named(self, tool: Tool, step: Step, of: Answered, said: frozenset[str]) -> Named:
        """Which items the words name: those that they tell apart, by reading the list."""
        key = next((one for one in of.fields if set(one.words[-1:]) & _IDS and len(tokens(one.pointer)) == 1), None)
        values = {name: one.value for name, one in step.arguments.items() if isinstance(one, Literal) and name != PAGES}
        is_open = bool(step.arguments.keys() - values.keys() - {PAGES})
        if key is None or is_open or self._sight.look is None or of.items is None or not said:
            return Named()
        listing = Listing(tool, of.items, key.pointer, " ".join(key.words[:-1]))
        things = await self.listed(listing, values)
        fields = frozenset(stem(word) for one in of.fields for word in one.words)
        plain = explains(tool) | (fields - _labels(things))
        match = match_things(things, said, plain)
        if not match.things:
            match = self._of_each_side(things, said, plain) or match
        if not match.by or not match.things:
            return Named()
        if len(match.things) == len(things):
            return Named((), match.by)
        ids = [one.id for one in match.things]
        return Named((Fits(key.pointer, {"const": ids[0]} if len(ids) == 1 else {"enum": ids}),), match.by)

    def _of_each_side(self, things: Sequence[Thing], said: frozenset[str], plain: frozenset[str]) -> Match | None:
        """`In the study and the nursery`: what fits on each side of the `and`."""
        ends = [one for one in words_of(self._said.told) if one.text == "and"]
        starts = [self._said.span.start, *(self._said.span.start + one.end for one in ends)]
        stops = [*(self._said.span.start + one.start for one in ends), self._said.span.end]
        sides = [Span(*both) for both in zip(starts, stops, strict=True) if both[0] < both[1]]
        told = [frozenset(content(self._said.text, one)) & said for one in sides]
        matches = [match_things(things, one, plain) for one in told if one - plain]
        if len(matches) < 2 or not all(one.things and one.by and not one.unknown for one in matches):
            return None
        both = tuple(thing for thing in things if any(thing in one.things for one in matches))
        return Match(both, frozenset().union(*(one.by for one in matches)), frozenset())

    async def listed(self, listing: Listing, values: Mapping[str, Any] | None = None) -> tuple[Thing, ...]:
        """The things of a list, with the words of what they name by id; none where it cannot be read."""
        try:
            listed = await self._looking.things(listing, values or {})
            return read_things(listed, listing.key, await self._beside(listing))
        except Unseen:
            return ()

    async def items(self, tool: Tool, of: Answered, values: Mapping[str, Any]) -> list[Any]:
        """What a tool lists, asked with these; nothing where it cannot be read."""
        try:
            return await self._looking.things(Listing(tool, of.items or "", "", ""), values)
        except Unseen:
            return []

    def _used(self, step: Step) -> list[Span]:
        return [*spans_of(step.arguments), *(one.span for one in self._said.entities if one.kind in TIMELY)]

    async def _beside(self, listing: Listing) -> dict[Any, frozenset[str]]:
        more: dict[Any, frozenset[str]] = {}
        for other in listing.beside(self._sight.tools):
            try:
                for thing in read_things(await self._looking.things(other, {}), other.key):
                    more[thing.id] = thing.name
            except Unseen:
                continue
        return more

    def on_days(self, step: Step, of: Answered) -> tuple[Fits, ...]:
        """That it is on the days that were said, where the tool was not asked for just these."""
        timely = [one for one in self._said.entities if one.kind in _DAYS and one.sure and not _is_asked_on(one, step)]
        if of.day is None or len(timely) != 1:
            return ()
        days = [one.isoformat() for one in _days_of(timely[0].value)]
        told = days[0] if len(days) == 1 else f"({'|'.join(days)})"
        return (Fits(of.day.pointer, {"pattern": f"^{told}"}),) if days else ()

    def _has_day(self) -> bool:
        return any(one.kind in TIMELY for one in self._said.entities)

    # Which fields.

    def _state(self, fields: Sequence[Field], tool: Tool) -> tuple[Field, dict[str, Any], tuple[str, ...]] | None:
        """The field that says whether it is so, what is so of it, and the words that say it."""
        words = dropwhile(lambda one: one in GREETINGS | LOOKS, (one.text for one in words_of(self._said.told)))
        told = list(words)
        for field in fields:
            kinds = field.place.kinds - {"null"}
            for word in told:
                turned = _OPPOSITE.get(word, "")
                if kinds == {"boolean"} and (word in field.words or turned in field.words):
                    return field, {"const": word in field.words}, (word,)
                if kinds == {"boolean"} and word in {"on", "off"} and set(field.words) & _ON:
                    return field, {"const": word == "on"}, (word,)
        for field in fields:
            for value in field.schema.get("enum", ()):
                amount = next((one for one in fields if one.words[:1] == (value,) and one.is_amount), None)
                if amount is not None and value in told:
                    return amount, {"exclusiveMinimum": 0}, (value,)
                if isinstance(value, str) and value in told and stem(value) not in explains(tool) - {stem(value)}:
                    return field, {"const": value}, (value,)
        for field in fields:
            if field.words and field.words[0] in {"open", "opening"} and field.place.kinds <= {"integer", "number"}:
                for word in told:
                    if word in {"open", "opened", "closed", "shut"}:
                        is_open = word in {"open", "opened"}
                        return field, {"exclusiveMinimum": 0} if is_open else {"maximum": 0}, (word,)
        return None

    def _meant(self, fields: Sequence[Field], tool: Tool) -> list[Field]:
        """The fields that the words ask for, those that fit best, TIED_MAX of them; none where no words do."""
        said = (self._stems() | self._asked.aside) - self._naming
        scored = [(self._score(one, said), one) for one in fields if not set(one.words[-1:]) & _IDS]
        best = max((score for score, _ in scored), default=0.0)
        found = [one for score, one in scored if score == best] if best > 0 else []
        return found if len(found) <= TIED_MAX else []

    def _score(self, field: Field, said: frozenset[str]) -> float:
        own = frozenset(stem(word) for word in field.words if len(word) > 1)
        own |= {stem("temperature")} if field.words[-1:] in (("c",), ("celsius",)) else set()
        by_name = 2.0 * len(own & said - _PLAIN)
        by_hint = 1.5 if self._is_hinted(field) else 0.0
        first = 0.5 if by_hint and field.words[:1] and field.words[0] in {"start", "starts", "current"} else 0.0
        return by_name + by_hint + first + 1.0 * len(field.described & said - _PLAIN)

    def _stems(self, used: Sequence[Any] = ()) -> frozenset[str]:
        return frozenset(content(self._said.text, self._said.span, tuple(used)))

    def _topic(self) -> str:
        return topic(self._said.told)[:200] or "Answer"


_PLAIN = frozenset(stem(word) for word in named("id list all now"))


def answered_by(place: Place, said: frozenset[str]) -> Answered:
    """A list of things, or one thing: what has a name or an id of its own is one, whatever lists are in it."""
    if "array" in place.kinds:
        return Answered("", tuple(_fields(place.at("/-"))), ())
    root = tuple(_fields(place))
    lists = [one for one in root if "array" in one.place.kinds and "object" in one.place.at("/-").kinds]
    asked = [one for one in lists if frozenset(map(stem, one.words)) & said]
    is_thing = any(set(one.words[-1:]) & (_IDS | _NAMES) for one in root if len(tokens(one.pointer)) == 1)
    chosen = asked or ([] if is_thing else lists)
    if not chosen:
        return Answered(None, root, root)
    return Answered(chosen[0].pointer, tuple(_fields(chosen[0].place.at("/-"))), root)


def _fields(place: Place, before: str = "", words: tuple[str, ...] = (), level: int = 0) -> Iterator[Field]:
    """The fields of an object, and those within objects in it; money stays whole."""
    for name in place.names[:FIELDS_MAX]:
        at, own = f"{before}/{escape(name)}", (*words, *split(name))
        inner = place.at(f"/{escape(name)}")
        if inner.kinds - {"null"} == {"object"} and level < LEVELS_MAX and "currency" not in inner.names:
            yield from _fields(inner, at, own, level + 1)
        else:
            yield Field(at, own, inner)


def compared_by(fields: Sequence[Field], asked: Asked) -> Field | None:
    """The field that things are compared by."""
    fitting = [
        one
        for one in fields
        if not set(one.words) & _COLOURS
        and (set(one.words) & asked.by or (one.place.formats & {"date", "date-time"} and "start" in asked.by))
    ]
    money = [one for one in fitting if "currency" in one.place.names]
    if money:
        amount = next((name for name in money[0].place.names if name != "currency"), None)
        return structs.replace(money[0], pointer=f"{money[0].pointer}/{escape(amount)}") if amount else None
    plain = [one for one in fitting if one.place.kinds & {"integer", "number", "string"}]
    return min(plain, key=lambda one: (not set(one.words[:1]) & set(_STARTS), len(tokens(one.pointer))), default=None)


def _days_of(value: Any) -> list[date]:
    """The days of a day, a time or a range, RANGE_DAYS_MAX at most; none of a longer one."""
    match value:
        case datetime():
            return [value.date()]
        case date():
            return [value]
        case (date() as first, date() as last) if (last - first).days < RANGE_DAYS_MAX:
            return [first + timedelta(days=n) for n in range((last - first).days + 1)]
        case _:
            return []


def _day_field(fields: Sequence[Field]) -> Field | None:
    timely = [one for one in fields if one.place.formats & {"date", "date-time"} or set(one.words) & set(_STARTS)]
    timely = [one for one in timely if not set(one.words) & _UNTIL]
    timely = [one for one in timely if "string" in one.place.kinds and (one.words != ("time",) or one.place.formats)]
    return min(timely, key=lambda one: not set(one.words[:1]) & set(_STARTS), default=None)


def _shows(fields: Sequence[Field], by: Field | None, meant: Sequence[Field] = ()) -> list[str]:
    """What an item is shown by: what it is called, and what was asked; where nothing was, what says most of it."""
    names = [one.pointer for one in fields if is_name(one)][:1]
    if by is None and not meant:
        return []
    day = _day_field(fields)
    more = [_whole(one) for one in (by, day, *meant) if one is not None]
    ends = [one.pointer for one in fields if set(one.words[:1]) & {"location", "place"}]
    return list(dict.fromkeys([*names, *more, *ends]))[: SHOWN_MAX + 1]


def _whole(field: Field) -> str:
    """Of an amount the money."""
    is_amount = "currency" in field.place.names and split(tokens(field.pointer)[-1]) != field.words[-1:]
    return field.pointer.rpartition("/")[0] if is_amount else field.pointer


def is_name(one: Field) -> bool:
    return len(tokens(one.pointer)) == 1 and bool(set(one.words[-1:]) & _NAMES)


def _is_asked_on(one: Entity, step: Step) -> bool:
    """Whether the tool was asked for just these days; what is only before their end may be of others."""
    given = {name: source.span for name, source in step.arguments.items() if isinstance(source, Literal)}
    names = [name for name, span in given.items() if span is not None and is_used(span, [one.span])]
    return bool(names) and (bool(one.role) or any(not set(split(name)) & _BEFORE for name in names))


def _is_asked_for(field: Field, step: Step) -> bool:
    """Whether the tool was asked for just those already."""
    return any(split(name) == field.words for name in step.arguments)


def _of_all(clause: str) -> bool:
    """Whether it asks if all are so: `are the lights off?`, and not `is any light on?`."""
    told = [one.text for one in words_of(clause)]
    if set(told) & {"any", "some", "there", "anything", "anybody", "anyone", "something", "somebody", "someone"}:
        return False
    is_plain = any(one in {"the", "my", "our"} and is_plural(word) for one, word in pairwise(told))
    return is_plain or bool(set(told) & ALL)


def _labels(things: Sequence[Any]) -> frozenset[str]:
    return frozenset().union(*(one.name for one in things)) if things else frozenset()
