"""What a question is answered with: which place of what a tool answers, which items of its list, and in which words. A list is
read where things in it are named, as `things` does. Reads, writes nothing."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from msgspec import Struct, structs

from gateway.core.agree import content, explains
from gateway.core.asked import Asked, read_asked, said_so, topic
from gateway.core.english import words_of
from gateway.core.entities import stem, stems_of
from gateway.core.listing import Listing
from gateway.core.match import ALL, is_plural, match_things, read_things
from gateway.core.noun import named, split
from gateway.core.option import PAGES
from gateway.core.plan import Answer, Counts, Fits, Holds, Lists, Literal, Pick, Ref, Step, Tells
from gateway.core.pointer import escape, tokens
from gateway.core.reach import Place, place_of
from gateway.core.said import Said, is_used
from gateway.core.tool import Tool
from gateway.planners.base import Sight, Unseen
from gateway.planners.things import Looking, spans_of

PAGES_READ = 20
FIELDS_MAX = 60
LEVELS_MAX = 2
TIED_MAX = 3
SHOWN_MAX = 4
_IDS = named("id ids uuid sku slug guid")
_NAMES = named("name title label summary subject headline")
_STARTS = ("start", "starts", "begin", "date", "due", "at", "time", "when", "day")
# What is so of a thing, and what is so where that is not.
_OPPOSITE = {
    "unlocked": "locked", "off": "on", "disabled": "enabled", "inactive": "active", "read": "unread", "unread": "read",
    "closed": "open", "shut": "open", "opened": "open", "unavailable": "available", "undone": "done",
}  # fmt: skip
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
    def described(self) -> frozenset[str]:
        return stems_of(str(self.schema.get("description", ""))[:300])


class _Of(Struct, frozen=True):
    """What a tool answers, as a question looks at it: the list at `items`, None where it is one thing; its fields."""

    items: str | None
    fields: tuple[Field, ...]
    root: tuple[Field, ...]


class Replying:
    """The answers of one wish to be told something."""

    def __init__(self, said: Said, sight: Sight, looking: Looking) -> None:
        self._said = said
        self._sight = sight
        self._looking = looking
        self._asked = read_asked(said.told)

    async def reply(self, steps: tuple[Step, ...], tool: Tool) -> tuple[tuple[Step, ...], tuple[Answer, ...]]:
        """The steps as they have to be for the answers, and these: of each step that calls the tool."""
        kept: list[Step] = []
        answers: list[Answer] = []
        for step in steps:
            told: tuple[Step, tuple[Answer, ...]] = (step, ())
            if step.tool == tool.name:
                told = await self._replies(tool, step)
            kept.append(told[0])
            answers += told[1]
        return tuple(kept), tuple(answers)

    async def _replies(self, tool: Tool, step: Step) -> tuple[Step, tuple[Answer, ...]]:
        """The step as it has to be for them, and the answers; none where its document tells nothing of what it answers."""
        place = place_of(tool.output_schema)
        if not place.schemas or step.each is not None:
            return step, ()
        of = _of(place, self._stems())
        if of.items is None:
            return step, (self._of_thing(step, tool, of.fields),)
        if self._asked.kind == "count" and (total := self._total(of, tool, step)):
            return step, (Tells(Ref(step.name, total.pointer), self._topic()),)
        if (field := self._of_every(of, tool)) is not None:
            # Those that are not so have to come too.
            kept = {name: one for name, one in step.arguments.items() if split(name) != field.words}
            step = structs.replace(step, arguments=kept)
        if PAGES in tool.options and PAGES not in step.arguments:
            step = structs.replace(step, arguments={**step.arguments, PAGES: Literal(PAGES_READ)})
        where = (*await self._named(tool, step, of), *self._on_days(step, of))
        return step, (self._of_list(step, tool, of, where),)

    # Of one thing.

    def _of_thing(self, step: Step, tool: Tool, fields: Sequence[Field]) -> Answer:
        if self._asked.kind == "whether" and (state := self._state(fields, tool)) is not None:
            field, fits, words = state
            return self._holds(Ref(step.name, field.pointer), fits, words)
        return self._tells(Ref(step.name), "", self._meant(fields, tool))

    def _holds(self, value: Ref | Pick, fits: dict[str, Any], words: Sequence[str]) -> Answer:
        said = said_so(self._said.told, words)
        if said is None:
            asked = f"“{self._said.told.strip()[:200]}”"
            said = f"{asked} Yes.", f"{asked} No."
        return Holds(value, fits, *said)

    def _tells(self, value: Ref | Pick, at: str, fields: Sequence[Field]) -> Answer:
        """One field alone as its value, several with their names, none as the whole."""
        if len(fields) == 1 and not tokens(value.pointer):
            return Tells(structs.replace(value, pointer=f"{at}{fields[0].pointer}"), self._topic())
        return Tells(value, self._topic(), tuple(one.pointer for one in fields))

    # Of a list.

    def _of_list(self, step: Step, tool: Tool, of: _Of, where: tuple[Fits, ...]) -> Answer:
        items, asked, pointer = Ref(step.name, of.items or ""), self._asked, of.items or ""
        if asked.order is not None and (by := _compared(of.fields, asked)) is not None:
            order = "least" if asked.order == "next" and self._has_day() else asked.order
            meant = self._meant(of.fields, tool)
            shows = [one.pointer for one in meant] or _shows(of.fields, by)
            return Tells(Pick(step.name, pointer, "", where, by.pointer, order), self._topic(), tuple(shows))
        is_one = len(where) == 1 and "const" in where[0].fits
        if asked.kind == "whether" and (state := self._state(of.fields, tool)) is not None:
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
        elif is_one and asked.kind == "what":
            meant = self._meant(of.fields, tool)
            return self._tells(Pick(step.name, pointer, "", where), "", meant)
        elif asked.kind != "whether" and (state := self._state(of.fields, tool)) and not _is_asked_for(state[0], step):
            where = (*where, Fits(state[0].pointer, state[1]))
        if asked.kind == "count":
            return Counts(items, self._topic(), where)
        called = f"“{self._said.told.strip()[:200]}”"
        says, none = (f"{called} Yes", f"{called} No: there is none.")
        if asked.kind != "whether":
            says, none = self._topic(), f"{self._topic()}: there is none."
        return Lists(items, says, none, where, tuple(_shows(of.fields, None, self._meant(of.fields, tool))))

    def _of_every(self, of: _Of, tool: Tool) -> Field | None:
        """The field that says whether all are so, where that is what is asked."""
        state = self._state(of.fields, tool) if self._asked.kind == "whether" and _of_all(self._said.told) else None
        return state[0] if state is not None else None

    def _total(self, of: _Of, tool: Tool, step: Step) -> Field | None:
        """The field that says how many there are, where nothing but what the tool is asked with says which."""
        left = self._stems(spans_of(step.arguments)) - explains(tool) - self._asked.aside
        totals = [one for one in of.root if one.words[-1:] in (("total",), ("count",)) and "integer" in one.place.kinds]
        return totals[0] if totals and not left else None

    async def _named(self, tool: Tool, step: Step, of: _Of) -> tuple[Fits, ...]:
        """That an item is one of those which the words name."""
        key = next((one for one in of.fields if set(one.words[-1:]) & _IDS and len(tokens(one.pointer)) == 1), None)
        values = {name: one.value for name, one in step.arguments.items() if isinstance(one, Literal) and name != PAGES}
        open_ones = step.arguments.keys() - values.keys() - {PAGES}
        if key is None or open_ones or self._sight.look is None:
            return ()
        listing = Listing(tool, of.items or "", key.pointer, " ".join(key.words[:-1]))
        used = [*spans_of(step.arguments), *(one.span for one in self._said.entities if one.kind in _TIMELY)]
        said = self._stems(used) - self._asked.aside
        try:
            listed = await self._looking.things(listing, values)
            more = await self._beside(listing)
        except Unseen:
            return ()
        things = read_things(listed, key.pointer, more)
        fields = frozenset(stem(word) for one in of.fields for word in one.words)
        match = match_things(things, said, explains(tool) | (fields - _labels(things)))
        if not match.by or len(match.things) == len(things) or not match.things:
            return ()
        ids = [one.id for one in match.things]
        return (Fits(key.pointer, {"const": ids[0]} if len(ids) == 1 else {"enum": ids}),)

    async def _beside(self, listing: Listing) -> dict[Any, frozenset[str]]:
        more: dict[Any, frozenset[str]] = {}
        for other in listing.beside(self._sight.tools):
            try:
                for thing in read_things(await self._looking.things(other, {}), other.key):
                    more[thing.id] = thing.name
            except Unseen:
                continue
        return more

    def _on_days(self, step: Step, of: _Of) -> tuple[Fits, ...]:
        """That it is on the day that was said, where the tool was not asked for that day."""
        used = spans_of(step.arguments)
        days = [one for one in self._said.entities if one.kind == "date" and one.sure and not is_used(one.span, used)]
        field = _day_field(of.fields)
        if field is None or len(days) != 1:
            return ()
        return (Fits(field.pointer, {"pattern": f"^{days[0].value.isoformat()}"}),)

    def _has_day(self) -> bool:
        return any(one.kind in _TIMELY for one in self._said.entities)

    # Which fields.

    def _state(self, fields: Sequence[Field], tool: Tool) -> tuple[Field, dict[str, Any], tuple[str, ...]] | None:
        """The field that says whether it is so, what is so of it, and the words that say it."""
        told = [one.text for one in words_of(self._said.told)]
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
        said = self._stems() | self._asked.aside
        scored = [(self._score(one, said), one) for one in fields if not set(one.words[-1:]) & _IDS]
        best = max((score for score, _ in scored), default=0.0)
        found = [one for score, one in scored if score == best] if best > 0 else []
        return found if len(found) <= TIED_MAX else []

    def _score(self, field: Field, said: frozenset[str]) -> float:
        own = frozenset(stem(word) for word in field.words if len(word) > 1)
        by_name = 2.0 * len(own & said - _PLAIN)
        by_hint = 1.5 if set(field.words) & self._asked.hint else 0.0
        is_time = bool(field.place.formats & {"date", "date-time"})
        by_hint = max(by_hint, 1.5 if is_time and "start" in self._asked.hint else 0.0)
        first = 0.5 if by_hint and field.words[:1] and field.words[0] in {"start", "starts", "current"} else 0.0
        return by_name + by_hint + first + 1.0 * len(field.described & said - _PLAIN)

    def _stems(self, used: Sequence[Any] = ()) -> frozenset[str]:
        return frozenset(content(self._said.text, self._said.span, tuple(used)))

    def _topic(self) -> str:
        return topic(self._said.told)[:200] or "Answer"


_TIMELY = frozenset({"date", "time", "datetime", "range", "duration", "recurrence"})
_PLAIN = frozenset(stem(word) for word in named("id list all now"))


def _of(place: Place, said: frozenset[str]) -> _Of:
    """A list of things, or one thing: what has a name or an id of its own is one, whatever lists are in it."""
    if "array" in place.kinds:
        return _Of("", tuple(_fields(place.at("/-"))), ())
    root = tuple(_fields(place))
    lists = [one for one in root if "array" in one.place.kinds and "object" in one.place.at("/-").kinds]
    asked = [one for one in lists if frozenset(map(stem, one.words)) & said]
    is_thing = any(set(one.words[-1:]) & (_IDS | _NAMES) for one in root if len(tokens(one.pointer)) == 1)
    chosen = asked or ([] if is_thing else lists)
    if not chosen:
        return _Of(None, root, root)
    return _Of(chosen[0].pointer, tuple(_fields(chosen[0].place.at("/-"))), root)


def _fields(place: Place, before: str = "", words: tuple[str, ...] = (), level: int = 0) -> Iterator[Field]:
    """The fields of an object, and those within objects in it; money stays whole."""
    for name in place.names[:FIELDS_MAX]:
        at, own = f"{before}/{escape(name)}", (*words, *split(name))
        inner = place.at(f"/{escape(name)}")
        if inner.kinds - {"null"} == {"object"} and level < LEVELS_MAX and "currency" not in inner.names:
            yield from _fields(inner, at, own, level + 1)
        else:
            yield Field(at, own, inner)


def _compared(fields: Sequence[Field], asked: Asked) -> Field | None:
    """The field that things are compared by."""
    fitting = [
        one
        for one in fields
        if set(one.words) & asked.by or (one.place.formats & {"date", "date-time"} and "start" in asked.by)
    ]
    money = [one for one in fitting if "currency" in one.place.names]
    if money:
        amount = next((name for name in money[0].place.names if name != "currency"), None)
        return structs.replace(money[0], pointer=f"{money[0].pointer}/{escape(amount)}") if amount else None
    plain = [one for one in fitting if one.place.kinds & {"integer", "number", "string"}]
    return min(plain, key=lambda one: (not set(one.words[:1]) & set(_STARTS), len(tokens(one.pointer))), default=None)


def _day_field(fields: Sequence[Field]) -> Field | None:
    timely = [one for one in fields if one.place.formats & {"date", "date-time"} or set(one.words) & set(_STARTS)]
    timely = [one for one in timely if "string" in one.place.kinds]
    return min(timely, key=lambda one: not set(one.words[:1]) & set(_STARTS), default=None)


def _shows(fields: Sequence[Field], by: Field | None, meant: Sequence[Field] = ()) -> list[str]:
    """What an item is shown by: what it is called, and what was asked; where nothing was, what says most of it."""
    names = [one.pointer for one in fields if len(tokens(one.pointer)) == 1 and set(one.words[-1:]) & _NAMES][:1]
    if by is None and not meant:
        return []
    day = _day_field(fields)
    more = [one.pointer for one in (by, day, *meant) if one is not None]
    ends = [one.pointer for one in fields if set(one.words[:1]) & {"location", "place"}]
    return list(dict.fromkeys([*names, *more, *ends]))[: SHOWN_MAX + 1]


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
