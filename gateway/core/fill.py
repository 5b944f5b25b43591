"""The arguments of one tool from the words of one wish. What is sure is filled, what is required and unsure becomes a question,
what is optional and unsure is left out; no words give two arguments, unless one day is both ends of a range.

Pure, and no language model: names, types, formats, units, bounds and choices of the schema against what the text names
(`core.entities`). Rules say what is plain; what is left is proposed (`core.propose`), weighed and shared out (`core.weigh`).
`SURE_TO_WRITE` and `SURE_TO_READ` are how sure a value has to be.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from msgspec import Struct

from gateway.core.arguments import Validator, check_arguments, compile_arguments
from gateway.core.english import words_of
from gateway.core.entities import match_choice, stem, stems_of
from gateway.core.entity import Entity, Role
from gateway.core.limits import CHOOSING, COMPARING, NO_VALUES
from gateway.core.noun import named, split
from gateway.core.numbers import SECONDS, SPELLED
from gateway.core.plan import Default, Literal, Shape, Slot, Source, Span
from gateway.core.propose import Ground, family_of, is_denied, is_relative
from gateway.core.tool import Tool
from gateway.core.wanted import (
    ADDRESSES,
    AMOUNTS,
    BODIES,
    COUNTS,
    DAYS,
    ENDS,
    LINKS,
    PAGING,
    PLACES,
    QUERIES,
    STARTS,
    STATEFUL,
    TITLES,
    Wanted,
    meanings_of,
    members_of,
    names_thing,
    order_of,
    units_of,
    wanted_of,
)
from gateway.core.weigh import Facts, Settled, settle, weigh

SURE_TO_WRITE, SURE_TO_READ = 0.95, 0.6
# From here on a rule is plain enough to be taken before what is weighed.
PLAIN = 0.95
OPTIONAL_MAX, WEIGHED_MAX = 16, 24
# How values of these are written is for rules to say.
RULED = frozenset(
    ["date", "date-time", "time", "duration", "email", "idn-email", "uri", "url", "iri", "uuid", "byte", "binary"]
)
IDS = frozenset(["identifier", "quoted", "digits", "number", "email", "token"])
QUESTION_CHARACTERS_MAX = 300

# How units are written short.
_UNIT_SHORT = {
    "kilogram": ("kg",), "gram": ("g",), "litre": ("l", "L"), "millilitre": ("ml",), "pieces": ("pcs", "pc"),
    "piece": ("pcs", "pc"), "packs": ("pkg",), "packets": ("pack",),
}  # fmt: skip
_TELLS = re.compile(
    r"\b(?:that|(?:saying|says|to\s+say)(?:\s+that)?|with\s+the\s+(?:text|message|note|words))\b\s*:?\s*|:\s+",
    re.IGNORECASE,
)
# What one is to be reminded of: `to call the bank`, and not `ten to seven`.
_TO_DO = re.compile(rf"\bto\s+(?!\d|(?:{SPELLED})\b)", re.IGNORECASE)
_CALLED = re.compile(
    r"\b(?:called|named|titled|entitled|with\s+the\s+(?:title|subject|name)|subject)\b\s*:?\s*", re.IGNORECASE
)
_ABOUT = re.compile(r"\b(?:about|for|containing|mentioning|with)\s+", re.IGNORECASE)
_PHRASE_END = re.compile(
    r"[.,;!?]|\s+(?:in|on|at|to|from|with|for|by|and|until|tomorrow|today|tonight|please|next|this|every|of|into|as|saying|that)\b|$",
    re.IGNORECASE,
)


_DESCRIBED = re.compile(r"\b(\d+(?:\.\d+)?)\s+(?:is|means|=)\s+(?:fully\s+|completely\s+|all\s+)?([a-z]+)")
_ISO = re.compile(r"\d{4}-\d\d-\d\d|iso|local time|yyyy", re.IGNORECASE)
_CLOCK = re.compile(r"\bhh:mm|\d\d:\d\d|24[- ]hour", re.IGNORECASE)


class Offer(Struct, frozen=True):
    """A value for an argument, how sure it is, from 0 to 1, and the words that it is taken from."""

    argument: str
    value: Any
    sure: float
    span: Span
    others: tuple[Any, ...] = ()


class Filled(Struct, frozen=True):
    """`arguments` for the call, how `sure` each is, the names of the `asked` ones, which are Slots, and the characters `used`."""

    arguments: dict[str, Source]
    sure: dict[str, float]
    asked: tuple[str, ...]
    used: tuple[Span, ...]

    @property
    def least(self) -> float:
        """How sure the least sure of its arguments is; 1 where it needs none."""
        return min(self.sure.values(), default=1.0)


_NAMES = frozenset(["name", "quoted", "identifier", "boolean", "email", "url"])
_VAGUE = named("few several about around between minimum maximum max min least most minus plus")
_WARMTH = named("temperature temp target degrees heat heating")
# `Put up to 20`, and not `turn it up to 20`.
_UP_TO = re.compile(
    r"(?:\bto|\bat|^\W*(?:add|put|set|make|order|buy))\s+(?:up\s+to|at\s+(?:least|most))\s+$", re.IGNORECASE
)


def fill_arguments(
    tool: Tool,
    text: str,
    within: Span,
    entities: Sequence[Entity],
    given: Mapping[str, Source] | None = None,
    taken: Collection[Span] = (),
    verb: Span | None = None,
    least_sure: float | None = None,
) -> Filled:
    """The arguments of one tool from the characters `within` of a text. `given` are those that are known already, `taken` the
    characters that they come from, and `verb` those of a command's verb. `least_sure` is how sure a value that has to be given
    must be, where that is not for the tool's effect to say."""
    arguments: dict[str, Source] = dict(given or {})
    sure = dict.fromkeys(arguments, 1.0)
    used = list(taken)
    threshold = SURE_TO_READ if tool.effect == "read" else SURE_TO_WRITE
    needed = {one.name for one in wanted_of(tool) if one.required} if least_sure is not None else frozenset[str]()
    tops = [one for one in wanted_of(tool) if one.name not in arguments]
    wanted = [leaf for one in tops for leaf in members_of(one)]
    validator = compile_arguments(tool.input_schema)
    offers = [one for each in wanted for one in _offers(each, wanted, text, within, entities)]
    if verb is not None:
        behind = Span(verb.end, max(verb.end, within.end))
        counted = _count_offers(wanted, text, behind, entities)
        offers += counted
        offers += _object_offers(wanted, tool, text, behind, [one.span for one in counted], entities)
    doubtful: dict[str, Offer] = {}

    def take(one: Offer) -> None:
        is_shared = any(_overlaps(one.span, span) for span in used) and not _is_both_ends(one, arguments)
        if one.argument in arguments or is_shared or not _fits(validator, one):
            return
        if tool.effect != "read" and (_goes_to(one, text) or _is_no_amount(one, wanted, text, entities)):
            return
        enough = least_sure if least_sure is not None and one.argument in needed else threshold
        if one.others or one.sure < enough:
            doubtful.setdefault(one.argument, one)
            return
        arguments[one.argument], sure[one.argument] = _unquoted(one, text), one.sure
        used.append(one.span)

    for one in sorted(offers, key=lambda one: -one.sure):
        if one.sure >= PLAIN:
            take(one)
    left = [each for each in wanted if each.name not in arguments and each.name not in doubtful]
    ground = Ground(text, within, entities)
    for one in _likely(tool, wanted, left, ground, (*used, *([verb] if verb else ()))):
        take(one)
    asked = []
    for each in wanted:
        doubt = doubtful.get(each.name)
        if each.name in arguments or not (each.required or doubt is not None or _is_begun(each, arguments)):
            continue
        if doubt is not None and any(_overlaps(doubt.span, span) for span in used):
            doubt = None
        is_choice = doubt is not None and bool(doubt.others) and doubt.sure >= threshold
        if each.required and doubt is None and "default" in each.schema:
            arguments[each.name], sure[each.name] = Default(each.schema["default"], "the document"), 1.0
        elif each.required or is_choice or _is_begun(each, arguments):
            arguments[each.name], sure[each.name] = ask_for(each, doubt), doubt.sure if doubt else 0.0
            asked.append(each.name)
            used += [doubt.span] if doubt is not None and is_choice else []
    shaped = _shaped(arguments)
    for each in tops:
        if each.required and each.name not in shaped:
            shaped[each.name], sure[each.name] = ask_for(each), 0.0
            asked.append(each.name)
    return Filled(shaped, sure, tuple(asked), tuple(used))


def _likely(
    tool: Tool, wanted: Sequence[Wanted], left: Sequence[Wanted], ground: Ground, taken: Sequence[Span]
) -> Iterator[Offer]:
    """What is likely meant where nothing says so plainly, by all that speaks for it."""
    weighed = [weigh(Facts(one, wanted, tool), ground) for one in _worth_a_look(tool, left, ground)]
    for told in settle(weighed, taken):
        if not _is_thing(told, wanted):
            yield Offer(told.argument, told.proposal.value, told.sure, told.proposal.span)


def _worth_a_look(tool: Tool, left: Sequence[Wanted], ground: Ground) -> list[Wanted]:
    """The required ones; of a read the optional ones too, and of many of these those whose words were said."""
    stems = frozenset(ground.stems)
    optional = [one for one in left if not one.required and tool.effect == "read"]
    if len(optional) > OPTIONAL_MAX:
        optional = [one for one in optional if stems & {stem(word) for word in one.words if len(word) > 2}]
    required = [one for one in left if one.required]
    looked = [one for one in [*required, *optional[:OPTIONAL_MAX]] if one.schema.get("format") not in RULED]
    return [one for one in looked if family_of(one)][:WEIGHED_MAX]


def _is_thing(told: Settled, wanted: Sequence[Wanted]) -> bool:
    """Whether it says which thing is meant by words, and not by an id."""
    one = next(each for each in wanted if each.name == told.argument)
    return names_thing(one) and (told.proposal.kind not in IDS or " " in str(told.proposal.value))


def _is_begun(one: Wanted, arguments: Mapping[str, Source]) -> bool:
    """Whether it is a member that its object needs, and another member is given."""
    top, _, name = one.name.partition("/")
    return bool(name) and one.needed and any(given.startswith(f"{top}/") for given in arguments)


def _shaped(arguments: Mapping[str, Source]) -> dict[str, Source]:
    """With members within their objects."""
    shaped: dict[str, Source] = {}
    inner: dict[str, dict[str, Source]] = {}
    for name, source in arguments.items():
        top, _, member = name.partition("/")
        if member:
            inner.setdefault(top, {})[member] = source
        else:
            shaped[name] = source
    return shaped | {top: Shape(members) for top, members in inner.items()}


def ask_for(wanted: Wanted, doubt: Offer | None = None) -> Slot:
    """The question for an argument; where its words may mean several values, the choice of these."""
    name = " ".join(wanted.words)
    told = f" ({wanted.description.rstrip('.')})" if wanted.description else ""
    if doubt is not None and doubt.others:
        values = [doubt.value, *doubt.others]
        if all(isinstance(one, str) for one in values):
            listed = " or ".join(str(one) for one in values)
            return Slot(f"Which {name}: {listed}?"[:QUESTION_CHARACTERS_MAX], {"type": "string", "enum": values})
    return Slot(f"What shall the {name} be?{told}"[:QUESTION_CHARACTERS_MAX])


def _offers(
    one: Wanted, every: Sequence[Wanted], text: str, within: Span, entities: Sequence[Entity]
) -> Iterator[Offer]:
    inside = [each for each in entities if within.start <= each.span.start and each.span.end <= within.end]
    if "array" in one.kinds and "string" not in one.kinds:
        yield from _list_offer(one, text, within, inside)
        return
    yield from _scalar_offers(one, every, text, within, inside)


def _scalar_offers(
    one: Wanted, every: Sequence[Wanted], text: str, within: Span, inside: Sequence[Entity]
) -> Iterator[Offer]:
    if one.schema.get("enum"):
        yield from _choice_offers(one, text, within)
    elif one.kinds == {"boolean"}:
        yield from _boolean_offers(one, every, text, within, inside)
    elif one.kinds and one.kinds <= {"integer", "number"}:
        yield from _number_offers(one, every, text, within, inside)
    elif "object" in one.kinds:
        yield from _money_offers(one, inside)
    elif "string" in one.kinds:
        yield from _string_offers(one, every, text, within, inside)


def _choice_offers(one: Wanted, text: str, within: Span) -> Iterator[Offer]:
    """A choice that is named by its own word; by another form of it, it is one only where it has to be given. What is denied is
    none, and neither a number nor `all` is plain: they may be of something else."""
    found = match_choice(one.schema["enum"], text[within.start : within.end])
    found = tuple(each for each in found if not is_denied(text, _moved(each.span, within)))
    exact = [each for each in found if _said(text, _moved(each.span, within)) == " ".join(split(str(each.value)))]
    named_once = exact if len(exact) == 1 else found if len(found) == 1 else []
    for each in named_once:
        is_plain = each in exact and not re.fullmatch(r"\d+|all|any|none", str(each.value), re.IGNORECASE)
        yield Offer(one.name, each.value, 0.95 if is_plain else 0.7 + 0.1 * one.required, _moved(each.span, within))


def _boolean_offers(
    one: Wanted, every: Sequence[Wanted], text: str, within: Span, inside: Sequence[Entity]
) -> Iterator[Offer]:
    words = set(one.words)
    for each in inside:
        if each.kind != "boolean":
            continue
        said = _said(text, each.span)
        if words & STATEFUL and said in {
            "on",
            "off",
            "enable",
            "disable",
            "activate",
            "deactivate",
            "enabled",
            "disabled",
        }:
            yield Offer(one.name, each.value, 0.95, each.span)
        elif words & {said, said.removeprefix("un"), f"un{said}"}:
            yield Offer(one.name, said in words, PLAIN if len(words) == 1 else 0.7, each.span)
        elif one.required and sum("boolean" in other.kinds for other in every) == 1:
            yield Offer(one.name, each.value, 0.7, each.span)
    for found in match_choice([one.name], text[within.start : within.end]):
        span = _moved(found.span, within)
        is_other = bool(words & STATEFUL) or any(_overlaps(span, each.span) for each in inside)
        if not is_other and not is_denied(text, span):
            yield Offer(one.name, value=True, sure=PLAIN, span=span)


def _number_offers(
    one: Wanted, every: Sequence[Wanted], text: str, within: Span, inside: Sequence[Entity]
) -> Iterator[Offer]:
    is_whole = "number" not in one.kinds
    rivals = [other for other in every if other.kinds and other.kinds <= {"integer", "number"} and other is not one]
    is_only = _is_only_number(text, within, inside) and not (names_thing(one) or meanings_of(one))
    for each in inside:
        value = None if is_relative(text, each.span) else _converted(one, each)
        if value is None or (is_whole and value != int(value)):
            continue
        value = int(value) if is_whole or value == int(value) else value
        if not _is_within(one.schema, value):
            continue
        fitting = [other for other in rivals if _is_within(other.schema, value) and not set(other.words) & PAGING]
        is_street = bool(re.match(r"\s+[A-Z]", text[each.span.end :]))
        sure = _sure_of_number(one, each, fitting, text, within, is_only=is_only and not is_street)
        yield Offer(one.name, value, sure, each.span)
    if not any(each.kind in {"number", "quantity"} for each in inside):
        yield from _described_offers(one, text, within)


def _described_offers(one: Wanted, text: str, within: Span) -> Iterator[Offer]:
    """`0 is closed and 100 is fully open`: the number that the description has for a word of the wish."""
    for word in words_of(text[within.start : within.end]):
        for value, told in _DESCRIBED.findall(one.description):
            if stem(told) == stem(word.text) and _is_within(one.schema, float(value)):
                span = Span(within.start + word.start, within.start + word.end)
                yield Offer(one.name, _as_number(float(value)), PLAIN, span)


def _sure_of_number(
    one: Wanted, each: Entity, rivals: Sequence[Wanted], text: str, within: Span, *, is_only: bool
) -> float:
    """By its unit, or its name beside it; else as the only one that it can be. Among other numbers that is not plain."""
    is_degrees = each.unit == "degree" and bool(units_of(one) & {"celsius", "fahrenheit"})
    if each.kind == "quantity" and (
        is_degrees or each.unit in units_of(one) or stem(each.unit) in {stem(word) for word in one.words}
    ):
        return 0.95 if not any(each.unit in units_of(other) for other in rivals) else 0.8
    if each.kind in {"money", "duration"}:
        return PLAIN
    if units_of(one) & SECONDS.keys():
        return 0.5
    near = text[max(within.start, each.span.start - 40) : min(within.end, each.span.end + 20)]
    if {stem(word) for word in one.words if len(word) > 1} & stems_of(near):
        return PLAIN if is_only else 0.8
    if set(one.words) & PAGING:
        return 0.3
    if one.required:
        return PLAIN if is_only and not any(other.required for other in rivals) else 0.5
    before = text[within.start : each.span.start].rstrip().lower()
    return PLAIN if is_only and not rivals and re.search(r"\b(?:to|at)$", before) else 0.5


def _is_only_number(text: str, within: Span, inside: Sequence[Entity]) -> bool:
    """Whether there are no digits but those of one number, and of what is a day, a name or an address."""
    others = [each.span for each in inside if each.kind not in {"number", "quantity", "ordinal", "money"}]
    counted = [each.span for each in inside if each.kind in {"number", "quantity", "ordinal", "money"}]
    counted = [each for each in counted if not any(_overlaps(each, other) for other in others)]
    loose = [Span(*found.span()) for found in re.finditer(r"\d+", text[: within.end]) if found.start() >= within.start]
    return len(counted) <= 1 and all(any(_overlaps(each, span) for span in (*others, *counted)) for each in loose)


def _converted(one: Wanted, each: Entity) -> float | int | None:
    """The number that an entity is in the argument's own unit; None where it cannot be one."""
    units = units_of(one)
    if each.kind == "number":
        return _as_number(each.value)
    if each.kind == "quantity":
        number = _as_number(each.value)
        if each.unit in units or (each.unit == "degree" and (units & {"celsius", "fahrenheit"} or not units)):
            return number
        if {each.unit, *units} >= {"fahrenheit", "celsius"} and each.unit != "celsius":
            return round((number - 32) / 1.8, 1)
        same = [unit for unit in units if unit in SECONDS]
        if each.unit in SECONDS and same:
            return _as_number(number * SECONDS[each.unit] / SECONDS[same[0]])
        return None if units else number
    if each.kind == "duration" and (same := [unit for unit in units if unit in SECONDS]):
        return _as_number(each.value / SECONDS[same[0]])
    if each.kind == "money" and set(one.words) & AMOUNTS:
        return round(each.value * 100) if "cents" in one.words else _as_number(each.value)
    return None


def _as_number(value: Any) -> float | int:
    return int(value) if value == int(value) else float(value)


def out_of_bounds(one: Wanted, each: Entity) -> str:
    """What a number may be, where an argument takes such a number and this one is too little or too much; "" elsewhere."""
    value = _converted(one, each) if one.kinds and one.kinds <= {"integer", "number"} else None
    if value is None or _is_within(one.schema, value):
        return ""
    low, high = one.schema.get("minimum"), one.schema.get("maximum")
    bounds = [f"{word} {bound}" for word, bound in (("at least", low), ("at most", high)) if bound is not None]
    return f"{' '.join(one.words)} is {' and '.join(bounds)}"


def _is_within(schema: Mapping[str, Any], value: float) -> bool:
    low, high = schema.get("minimum", float("-inf")), schema.get("maximum", float("inf"))
    return bool(low <= value <= high)


def _money_offers(one: Wanted, inside: Sequence[Entity]) -> Iterator[Offer]:
    """An object of an amount and a currency."""
    names = set(one.schema.get("properties", {}))
    for each in inside:
        if each.kind != "money" or "currency" not in names or not each.unit:
            continue
        amount = next((name for name in ("cents", "minor", "amount", "value") if name in names), None)
        if amount is not None:
            number = round(each.value * 100) if amount in {"cents", "minor"} else each.value
            if one.place.at(f"/{amount}").kinds == {"string"}:
                number = f"{each.value:.2f}"
            yield Offer(one.name, {amount: number, "currency": each.unit}, PLAIN, each.span)


def _list_offer(one: Wanted, text: str, within: Span, inside: Sequence[Entity]) -> Iterator[Offer]:
    items = one.schema.get("items", {})
    if not isinstance(items, dict):
        return
    is_address = items.get("format") == "email" or bool(set(one.words) & ADDRESSES)
    if is_address:
        found = [each for each in inside if each.kind == "email"]
    elif items.get("enum"):
        told = match_choice(items["enum"], text[within.start : within.end])
        found = [Entity("name", each.value, _moved(each.span, within)) for each in told]
    else:
        found = []
    if found:
        span = Span(min(each.span.start for each in found), max(each.span.end for each in found))
        yield Offer(one.name, [each.value for each in found], PLAIN if is_address else 0.8, span)


def _string_offers(
    one: Wanted, every: Sequence[Wanted], text: str, within: Span, inside: Sequence[Entity]
) -> Iterator[Offer]:
    words, form = set(one.words), one.schema.get("format", "")
    if form in {"email", "idn-email"} or (not form and words & ADDRESSES):
        yield from (Offer(one.name, each.value, 0.95, each.span) for each in inside if each.kind == "email")
    if form in {"uri", "url", "iri"} or (not form and words & LINKS):
        yield from (Offer(one.name, each.value, 0.95, each.span) for each in inside if each.kind == "url")
    if form in {"date", "date-time", "time"} or (not form and _is_when(one)):
        yield from _day_offers(one, every, inside)
    elif not form or form == "uuid":
        yield from _identifier_offers(one, inside)
        if not names_thing(one):
            yield from _text_offers(one, every, text, within, inside)


def _is_when(one: Wanted) -> bool:
    is_named = bool(set(one.words) & DAYS) and not set(one.words) & {"zone", "timezone", "id"}
    is_told = bool(_ISO.search(one.description))
    return _is_clock(one) or (is_named and (is_told or bool(set(one.words) & named("date start end deadline due"))))


def _day_offers(one: Wanted, every: Sequence[Wanted], inside: Sequence[Entity]) -> Iterator[Offer]:
    role: Role = "end" if set(one.words) & ENDS else "start" if set(one.words) & STARTS else ""
    partner = any(set(other.words) & (STARTS if role == "end" else ENDS) for other in every if other is not one)
    timely = [each for each in inside if each.kind in {"date", "datetime", "range", "time"}]
    is_told = bool(one.schema.get("format")) or _is_clock(one) or any(_ISO.search(each.description) for each in every)
    days = sum(each.kind != "time" for each in timely)
    is_plain = is_told and days <= max(1, sum(map(_is_day, every)), bool(partner) * 2)
    for each in timely:
        if each.kind == "range":
            value = each.value[1] if role == "end" else each.value[0]
            written = _written(one, every, value) if role else None
        elif (role and each.role not in {"", role}) or (partner and _is_no_end(one, each, role)):
            continue
        else:
            written = _written(one, every, each.value)
        if written is not None:
            others = tuple(
                told
                for each_other in each.others
                if each.kind != "range" and (told := _written(one, every, each_other))
            )
            yield Offer(one.name, written, PLAIN if len(timely) <= 2 and is_plain else 0.7, each.span, others)
    starting = [each for each in timely if each.kind == "datetime" and each.role != "end"]
    lasting = [each for each in inside if each.kind == "duration"]
    if role == "end" and len(starting) == len(lasting) == 1:
        ends = [start + timedelta(seconds=lasting[0].value) for start in (starting[0].value, *starting[0].others)]
        options = [value for end in ends if (value := _written(one, every, end)) is not None]
        if options:
            yield Offer(one.name, options[0], PLAIN, lasting[0].span, tuple(options[1:]))


def _is_clock(one: Wanted) -> bool:
    """Whether it takes a time of day, in hours and minutes."""
    pattern, examples = str(one.schema.get("pattern", "")), one.schema.get("examples", [one.schema.get("example", "")])
    is_told = _CLOCK.search(f"{one.description} {examples}") or ("[0-5]" in pattern and ":" in pattern)
    is_moment = "%H" in order_of(one) or re.search(r"\dT\d", f"{one.description} {examples}")
    return not one.schema.get("format") and bool(is_told) and not is_moment


def _is_no_end(one: Wanted, each: Entity, role: Role) -> bool:
    """What is not said to end anything, but for a day, which ends itself."""
    return role == "end" and not each.role and not (each.kind == "date" and one.schema.get("format") == "date")


def _is_day(one: Wanted) -> bool:
    """Whether it takes a day without an hour."""
    told = f"{' '.join(one.words)} {one.description}"
    is_told = bool(_ISO.search(one.description) or order_of(one)) and not re.search(
        r"\dT\d|time|hh", told, re.IGNORECASE
    )
    return one.schema.get("format") == "date" or (not one.schema.get("format") and not _is_clock(one) and is_told)


def _written(one: Wanted, every: Sequence[Wanted], value: date | datetime | time) -> str | None:
    """As the schema has it written; None where a day or an hour would have to be made up, or would be lost."""
    form, order = one.schema.get("format", ""), order_of(one) or "%Y-%m-%d"
    others = [other for other in every if other is not one]
    if isinstance(value, time):
        return value.isoformat() if form == "time" else f"{value:%H:%M}" if _is_clock(one) else None
    if isinstance(value, datetime):
        if _is_clock(one):
            return f"{value:%H:%M}" if any(map(_is_day, others)) else None
        if _is_day(one):
            return value.strftime(order) if any(map(_is_clock, others)) else None
        if "%H" in order and not form:
            return value.strftime(order)
        is_local = not form and any("local time" in other.description.lower() for other in every)
        return (value.replace(tzinfo=None) if is_local else value).isoformat()
    asks_hours = form == "date-time" or (not form and bool(re.search(r"\dT\d|time", one.description) or "%H" in order))
    return None if asks_hours or form == "time" else value.isoformat() if form else value.strftime(order)


def _is_no_amount(offer: Offer, wanted: Sequence[Wanted], text: str, entities: Sequence[Entity]) -> bool:
    """Whether it is a number that says how much more (`+2`), a bound, a part of something, or of a unit not its own."""
    one = next((each for each in wanted if each.name == offer.argument), None)
    found = [each for each in entities if each.span == offer.span and each.kind in {"number", "quantity"}]
    if one is None or not found or not one.kinds <= {"integer", "number"}:
        return False
    told, before = text[offer.span.start : offer.span.end].lower(), text[: offer.span.start]
    if told.startswith("+") or re.fullmatch(r"(?:a\s+)?half", told) or _UP_TO.search(before):
        return True
    unit = next((each.unit for each in found if each.kind == "quantity"), "")
    is_theirs = unit in units_of(one) or stem(unit) in {stem(word) for word in one.words}
    is_percent = unit == "percent" and one.schema.get("maximum") == 100
    is_degree = unit == "degree" and bool(set(one.words) & _WARMTH)
    return bool(unit) and not units_of(one) and not (is_theirs or is_percent or is_degree)


def _goes_to(offer: Offer, text: str) -> bool:
    """`Rename it to Berlin`: where something is is behind `in` and `at`; what it becomes is behind `to`."""
    is_place = bool(set(split(offer.argument)) & PLACES - ADDRESSES)
    return is_place and bool(re.search(r"\b(?:to|for|of)\s+$", text[: offer.span.start], re.IGNORECASE))


def _identifier_offers(one: Wanted, inside: Sequence[Entity]) -> Iterator[Offer]:
    if not set(one.words) & {"id", "number", "code", "reference", "key", "sku", "uuid"}:
        return
    found = [each for each in inside if each.kind == "identifier"]
    for each in found:
        yield Offer(one.name, each.value, PLAIN if len(found) == 1 else 0.6, each.span)


def _text_offers(
    one: Wanted, every: Sequence[Wanted], text: str, within: Span, inside: Sequence[Entity]
) -> Iterator[Offer]:
    words = set(one.words)
    texts = [other for other in every if "string" in other.kinds and set(other.words) & (BODIES | TITLES | QUERIES)]
    if words & BODIES:
        yield from _behind(one, _TELLS, text, within, to_end=True, sure=PLAIN)
    if re.match(r"\W*(?:please\s+)?remind\b", text[within.start : within.end], re.IGNORECASE) and words & (
        BODIES | TITLES
    ):
        yield from _behind(one, _TO_DO, text, within, to_end=True, sure=PLAIN)
    if words & TITLES or words & QUERIES:
        yield from _behind(one, _CALLED, text, within, to_end=False, sure=PLAIN)
    if words & QUERIES:
        yield from _behind(one, _ABOUT, text, within, to_end=False, sure=0.7)
    marker = re.compile(rf"\b(?:{'|'.join(re.escape(word) for word in one.words)})\b\s*(?:to|:|=|is)\s+", re.IGNORECASE)
    yield from _behind(one, marker, text, within, to_end=False, sure=0.85)
    quoted = [each for each in inside if each.kind == "quoted"]
    if words & (BODIES | TITLES | QUERIES):
        for each in quoted:
            is_only = len(quoted) == 1 and (len(texts) == 1 or sum(other.required for other in texts) <= one.required)
            yield Offer(one.name, each.value, PLAIN if is_only else 0.6, each.span)


def _object_offers(
    wanted: Sequence[Wanted],
    tool: Tool,
    text: str,
    rest: Span,
    counted: Sequence[Span],
    entities: Sequence[Entity],
) -> Iterator[Offer]:
    """`play jazz`: what the verb is about, for the one text that a tool needs and nothing else gives; behind how many of it."""
    needed = [one for one in wanted if one.required and one.kinds == {"string"} and _is_plain_text(one)]
    found = re.match(r"\s*(?:me\s+)?(?:(?:some|the|an?|my|for)\b)?\s*", text[rest.start : rest.end], re.IGNORECASE)
    start = rest.start + (found.end() if found else 0)
    for one in sorted(counted, key=lambda each: each.start):
        if start == one.start:
            more = re.match(r"\s*(?:of\b)?\s*", text[one.end : rest.end], re.IGNORECASE)
            start = one.end + (more.end() if more else 0)
    end = start + _phrase_end(text[start : rest.end])
    phrase = text[start:end].strip()
    is_name = tool.effect == "read" or not _tells_more(phrase, Span(start, end), entities)
    is_named = bool(phrase) and phrase.lower() not in NO_VALUES and is_name
    if len(needed) == 1 and is_named and not stems_of(phrase) & stems_of(f"{tool.title} {tool.name}"):
        yield Offer(needed[0].name, phrase, PLAIN, Span(start, end))


def _tells_more(phrase: str, span: Span, entities: Sequence[Entity]) -> bool:
    """Whether a phrase has a number, a day, or a word for how much in it, so that it is no name."""
    inner = [one for one in entities if one.kind not in _NAMES and _overlaps(one.span, span)]
    has_digit = any(letter.isdigit() for letter in phrase)
    return has_digit or bool(inner) or any(one.text in COMPARING | CHOOSING | _VAGUE for one in words_of(phrase))


def _count_offers(wanted: Sequence[Wanted], text: str, within: Span, entities: Sequence[Entity]) -> list[Offer]:
    """`2 litres of milk`: how many, and of which unit, each for an argument of its own, where there are both."""
    counts = [one for one in wanted if set(one.words) & COUNTS and one.kinds <= {"integer", "number"} and one.kinds]
    units = [one for one in wanted if set(one.words[-1:]) & named("unit units") and one.schema.get("enum")]
    found = []
    for each in entities:
        is_first = within.start <= each.span.start and not text[within.start : each.span.start].strip()
        if len(counts) != 1 or len(units) != 1 or not is_first or each.kind not in {"number", "quantity"}:
            continue
        told = text[each.span.start : each.span.end]
        behind = re.match(r"\s+([a-z]+)\s+of\b", text[each.span.end : within.end], re.IGNORECASE)
        word = re.search(r"[^\W\d_]+$", told) if each.kind == "quantity" else None
        number_end = each.span.start + len(told[: word.start()].rstrip()) if word else each.span.end
        unit = _unit_of(units[0], each.unit if word else behind[1].lower() if behind else "")
        if unit and word:
            found.append(Offer(units[0].name, unit, PLAIN, Span(each.span.start + word.start(), each.span.end)))
        elif unit and behind:
            found.append(
                Offer(units[0].name, unit, PLAIN, Span(each.span.end + behind.start(1), each.span.end + behind.end(1)))
            )
        if unit or each.kind == "number":
            found.append(Offer(counts[0].name, _as_number(each.value), PLAIN, Span(each.span.start, number_end)))
    return found


def _unit_of(one: Wanted, told: str) -> str:
    """What the argument calls a unit; "" where it has no such."""
    known = {str(value) for value in one.schema["enum"]}
    names = (told, told.removesuffix("s"), *_UNIT_SHORT.get(told, ()))
    return next((name for name in names if name and name in known), "")


def _is_plain_text(one: Wanted) -> bool:
    is_other = bool(set(one.words) & (BODIES | ADDRESSES | LINKS | DAYS)) or one.schema.keys() & {
        "format",
        "enum",
        "pattern",
    }
    return not is_other and not names_thing(one)


def _behind(
    one: Wanted, marker: re.Pattern[str], text: str, within: Span, *, to_end: bool, sure: float
) -> Iterator[Offer]:
    """What stands behind a word that says what it is: a quote, else the rest of the wish, or as far as a phrase goes."""
    found = marker.search(text, within.start, within.end)
    if found is None:
        return
    rest = text[found.end() : within.end]
    quoted = re.match(r"[\"“']([^\"”']+)[\"”']", rest)
    if quoted is not None:
        yield Offer(one.name, quoted[1], 0.95, Span(found.end(), found.end() + quoted.end()))
        return
    end = len(rest.rstrip(" .!?")) if to_end else _phrase_end(rest)
    if value := rest[:end].strip():
        yield Offer(one.name, value, sure, Span(found.end(), found.end() + end))


def _phrase_end(rest: str) -> int:
    found = _PHRASE_END.search(rest)
    return found.start() if found is not None else len(rest)


def _fits(validator: Validator, offer: Offer) -> bool:
    """Whether the schema takes the value, and all that it may be instead."""
    top, _, member = offer.argument.partition("/")
    for value in (offer.value, *offer.others):
        told = {top: {member: value} if member else value}
        problems = check_arguments(validator, told, lambda one: one.expected != "required")
        if any(one.pointer.startswith(f"/{top}") for one in problems):
            return False
    return True


def _is_both_ends(offer: Offer, arguments: Mapping[str, Source]) -> bool:
    """`events on Friday`: one day, from which and to which. `On Friday at 7`: a day, and a time of it."""
    mates = [one.value for one in arguments.values() if isinstance(one, Literal) and one.span == offer.span]
    values = [one for one in (offer.value, *mates) if isinstance(one, str)]
    days = [one for one in values if re.fullmatch(r"\d{1,4}([-/.])\d\d\1\d{2,4}", one)]
    clocks = [one for one in values if re.fullmatch(r"\d\d:\d\d", one)]
    return len(mates) == 1 and len(days) + len(clocks) == 2 and len(days) > 0


def _said(text: str, span: Span) -> str:
    return " ".join(text[span.start : span.end].lower().split())


def _unquoted(one: Offer, text: str) -> Literal:
    """The value, without the marks that a text stands between."""
    said = text[one.span.start : one.span.end]
    is_quoted = (
        one.value == said and len(said) > 2 and said[0] + said[-1] in {'""', "“”"} and not set(said[1:-1]) & {*'"“”'}
    )
    return (
        Literal(said[1:-1], Span(one.span.start + 1, one.span.end - 1)) if is_quoted else Literal(one.value, one.span)
    )


def _moved(span: Span, within: Span) -> Span:
    return Span(span.start + within.start, span.end + within.start)


def _overlaps(one: Span, other: Span) -> bool:
    return one.start < other.end and other.start < one.end
