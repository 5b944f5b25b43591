"""What the words of a wish may give one argument. Where `core.fill` has rules for what is plain, here is all that could be meant:
numbers, days, names, quotes, phrases, lists of these, and the choices of a schema or a description. `core.weigh` says how likely
each is the one. Pure; English.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from functools import cached_property
from itertools import pairwise
from typing import Any

from msgspec import Struct

from gateway.core.english import ALIKE, EMPTY, SYNONYMS, Word, words_of
from gateway.core.entities import stem
from gateway.core.entity import Entity
from gateway.core.noun import named, split
from gateway.core.numbers import SECONDS
from gateway.core.plan import Span
from gateway.core.wanted import Wanted, meanings_of, options_of, order_of, units_of

PHRASE_WORDS_MAX = 6
HEARD_MAX = 150
LIST_ITEMS_MAX = 20
CHOICES_MAX = 200
DENIED_CHARACTERS = 60
DENYING = named("not no without exclude excluding disable never skip")

_NUMBER = re.compile(
    r"(?<![\w.^])(?P<digits>[-−+]?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|[-−+]?\.\d+)(?P<power>[eE][-+]?\d+)?"
    r"(?P<times>\s?(?:million|billion|thousand|[kKM](?!\w)))?(?P<percent>\s?%|\s?percent\b)?"
)
_TIMES = {"million": 1_000_000, "billion": 1_000_000_000, "thousand": 1_000, "k": 1_000, "m": 1_000_000}
_FORMULA = re.compile(
    r"(?<![\w.])(?:[A-Za-z]\s?=\s?)?[\w.()]*[\^*/+()²³-][\w.^*+/()²³-]*(?:\s[-+*/^]\s[\w.^*/()²³]+)*|(?<!\w)[\w.^*()]+(?:\s[-+*/^]\s[\w.^*/()²³]+)+"
)
# What is written as one, with marks in it: `personal_data`, `Foodnetwork.com`, `D.C.`, `C#`.
_TOKEN = re.compile(r"(?<!\S)[\"'(\[]?([^\s\"'(\[][^\s\"']*[^\w\s,;:!?.\"')\]][^\s\"')\],;]*\w?\.?)")
_LONG_QUOTE = re.compile(r"(?<!\w)'(.{2,1000})'(?!\w)|\"(.{2,1000})\"", re.DOTALL)
_BETWEEN = re.compile(r"\s*(?:,|;|&|\band\b|\bor\b|,\s*and\b|,\s*or\b)\s*", re.IGNORECASE)
# No phrase begins or ends with these; within one, INNER may stand.
STOPS = EMPTY | named(
    "between using versus vs per via during over under within without since until before after while because but not no"
    " given based through along across against such being having use used find calculate compute"
)
_ALIKE = {stem(word): frozenset(map(stem, group)) for group in (*ALIKE, *SYNONYMS) for word in group}
INNER = named("of and the for in on de la le a to with at by")


_BY = re.compile(r"\b(?:by|another|extra|additional|up|down)\s+(?:about\s+|an?\s+)?$", re.IGNORECASE)
_THAN = re.compile(
    r"\s+(?:more|less|warmer|cooler|colder|hotter|brighter|darker|dimmer|louder|quieter|higher|lower|later|earlier|longer"
    r"|shorter|faster|slower|up|down)\b",
    re.IGNORECASE,
)


class Heard(Struct, frozen=True):
    """One thing that a text names, and how it stands there."""

    kind: str
    value: Any
    span: Span
    unit: str = ""


class Proposal(Struct, frozen=True):
    """A value for an argument and the words that it is from; of a choice, how much of it was said."""

    value: Any
    kind: str
    span: Span
    unit: str = ""
    match: float = 1.0


class Ground:
    """The words of one wish, and all that stands there."""

    def __init__(self, text: str, within: Span, entities: Sequence[Entity]) -> None:
        self.text, self.within = text, within
        self.entities = tuple(one for one in entities if within.start <= one.span.start and one.span.end <= within.end)
        part = words_of(text[within.start : within.end])
        self.words = tuple(Word(one.text, one.start + within.start, one.end + within.start) for one in part)
        self.stems = tuple(stem(one.text) for one in self.words)
        self._starts = {one.start: at for at, one in enumerate(self.words)}

    @cached_property
    def numbers(self) -> tuple[Heard, ...]:
        found = [*_digits(self.text, self.within), *(_counted(one) for one in self.entities if one.kind in _COUNTED)]
        return _each_once(found)

    @cached_property
    def texts(self) -> tuple[Heard, ...]:
        found = [
            *_named(self.entities, self.text),
            *_formulas(self.text, self.within),
            *_tokens(self.text, self.within),
            *self._phrases(),
        ]
        return _each_once(found)

    def place(self, span: Span) -> tuple[int, int]:
        """Which words a span is of, from the first to behind the last."""
        first = next((at for at, one in enumerate(self.words) if one.end > span.start), len(self.words))
        last = next((at for at, one in enumerate(self.words) if one.start >= span.end), len(self.words))
        return first, last

    def of(self, span: Span) -> str:
        return self.text[span.start : span.end]

    def _phrases(self) -> Iterator[Heard]:
        """Runs of words within which nothing but INNER stands that says little."""
        words = self.words
        for start, one in enumerate(words):
            is_the = one.text == "the" and self.text[one.start].isupper() and start > 0
            if (one.text in STOPS and not is_the) or not one.text[0].isalnum():
                continue
            for end in range(start, min(start + PHRASE_WORDS_MAX, len(words))):
                last = words[end].text
                if not last[0].isalnum() and last not in {"-", "&", "'"}:
                    break
                if last in STOPS:
                    if last not in INNER:
                        break
                    continue
                if last[0].isalnum():
                    span = Span(one.start, words[end].end)
                    yield Heard("phrase", self.of(span), span)


def _each_once(found: Sequence[Heard]) -> tuple[Heard, ...]:
    told = {(one.span.start, one.span.end, str(one.value)): one for one in reversed(found)}
    return tuple(sorted(told.values(), key=lambda one: (one.span.start, -one.span.end))[:HEARD_MAX])


_COUNTED = frozenset(["number", "ordinal", "quantity", "money", "duration"])


def _counted(one: Entity) -> Heard:
    return Heard(one.kind, one.value, one.span, one.unit)


def _digits(text: str, within: Span) -> Iterator[Heard]:
    """Digits wherever they stand: `a=1`, `5C`, `1e-9`, `2.5 million`, `7%`."""
    for one in _NUMBER.finditer(text, within.start, within.end):
        written = one["digits"].replace(",", "").replace("−", "-") + (one["power"] or "")
        value = float(written) if set(written) & set(".eE") else int(written)
        if one["times"]:
            value *= _TIMES[one["times"].strip().lower()]
        span = Span(one.start(), one.end())
        if one["percent"]:
            yield Heard("quantity", value, span, "percent")
        else:
            yield Heard("digits", value, span)


def _named(entities: Sequence[Entity], text: str) -> Iterator[Heard]:
    for one in entities:
        if one.kind in {"name", "quoted", "identifier", "email", "url"}:
            yield Heard(one.kind, one.value, one.span)
        elif one.kind in {"date", "time", "datetime", "range"} or one.kind in _COUNTED:
            yield Heard(f"{one.kind} said", text[one.span.start : one.span.end], one.span)
    for one, other in pairwise([each for each in entities if each.kind == "name"]):
        between = text[one.span.end : other.span.start]
        if re.fullmatch(r",\s?|\s(?:of|and|the|of the|&|de|in)\s", between):
            span = Span(one.span.start, other.span.end)
            yield Heard("place" if "," in between else "names", text[span.start : span.end], span)


def _tokens(text: str, within: Span) -> Iterator[Heard]:
    for one in _TOKEN.finditer(text, within.start, within.end):
        yield Heard("token", one[1], Span(*one.span(1)))
    for one in _LONG_QUOTE.finditer(text, within.start, within.end):
        yield Heard("quote", one[1] or one[2], Span(one.start(), one.end()))


def _formulas(text: str, within: Span) -> Iterator[Heard]:
    for one in _FORMULA.finditer(text, within.start, within.end):
        told = one[0].strip(" .,?-")
        if len(told) > 2 and re.search(r"[\^*+/=²³]|\d[a-z]\b|\) ?\(", told):
            yield Heard("formula", told, Span(one.start(), one.start() + len(one[0].rstrip(" .,?-"))))


# Of one argument.


def family_of(one: Wanted) -> str:
    """How values for it are told: as one of some choices, yes or no, a number, a list, or a text; "" for what is none of these."""
    if one.schema.get("enum"):
        return "choice"
    if one.kinds == {"boolean"}:
        return "boolean"
    if one.kinds and one.kinds <= {"integer", "number"}:
        return "number"
    if "array" in one.kinds and "string" not in one.kinds:
        return "list"
    return "text" if "string" in one.kinds else ""


def propose(one: Wanted, ground: Ground) -> Iterator[Proposal]:
    match family_of(one):
        case "choice":
            choices = [each for each in one.schema["enum"] if each is not None]
            yield from _choices(choices, one, ground)
            if {"true", "false"} <= {str(each).lower() for each in choices}:
                yield from _yes_or_no(choices, one, ground)
        case "boolean":
            yield from _answers(one, ground)
        case "number":
            yield from _numbers(one, ground)
        case "list":
            yield from _lists(one, ground)
        case "text":
            yield from _texts(one, ground)


def _choices(choices: Sequence[Any], one: Wanted, ground: Ground) -> Iterator[Proposal]:
    """Those of which words were said, with how many of their words; numbers among them by what was counted, and codes by what
    the description says of them."""
    meant = meanings_of(one)
    counted = {each.value: each.span for each in reversed(ground.numbers)}
    for choice in choices[:CHOICES_MAX]:
        told = str(choice)
        if isinstance(choice, bool) or told.lower() in {"true", "false"}:
            continue
        number = int(told) if told.isascii() and told.isdigit() and len(told) < 10 else None
        if number in counted:
            yield Proposal(choice, "counted", counted[number])
        if (found := _said(split(told) or (told.lower(),), ground)) is not None:
            span, match, kind = found
            exact = kind == "run" and " ".join(ground.of(span).lower().split()) == " ".join(split(told))
            yield Proposal(choice, "exact" if exact else kind, span, match=match)
        elif told in meant and (found := _said(split(meant[told]), ground)) is not None:
            yield Proposal(choice, f"meant {found[2]}", found[0], match=found[1])


def _said(words: Sequence[str], ground: Ground) -> tuple[Span, float, str] | None:
    """Where words were said, how many of them, and whether all one after the other (`run`) or not (`part`)."""
    wanted = [stem(word) for word in words]
    alike = set(wanted) | _ALIKE.get(wanted[0], frozenset()) if len(wanted) == 1 else set(wanted)
    found = [at for at, each in enumerate(ground.stems) if each in alike]
    if not found:
        return None
    runs = [at for at in found if list(ground.stems[at : at + len(wanted)]) == wanted]
    at, length = (runs[0], len(wanted)) if runs else (found[0], 1)
    span = Span(ground.words[at].start, ground.words[at + length - 1].end)
    share = len({ground.stems[each] for each in found} & alike) / len(wanted)
    return span, min(share, 1.0), "run" if runs else "part"


def _answers(one: Wanted, ground: Ground) -> Iterator[Proposal]:
    """Yes where the words of its name were said, no where `without` or `not` stands before them."""
    for each in ground.entities:
        if each.kind == "boolean":
            yield Proposal(each.value, "state", each.span)
    wanted = {stem(word) for word in one.words if len(word) > 2} - _FLAGS
    told = {stem(word) for word in split(one.description) if len(word) > 3} - _FLAGS - wanted
    for stems, kind in ((wanted, "named"), (told, "told")):
        found = [at for at, each in enumerate(ground.stems) if each in stems]
        if not found:
            continue
        share = len({ground.stems[at] for at in found}) / len(stems)
        span = Span(ground.words[found[0]].start, ground.words[found[-1]].end)
        value = not is_denied(ground.text, span)
        yield Proposal(value, kind, span, match=share)


def is_denied(text: str, span: Span) -> bool:
    """Whether `not` or `without` stands before it, in the same part of the sentence."""
    part = re.split(r"[,.;:?!]|\bbut\b", text[max(0, span.start - DENIED_CHARACTERS) : span.start])[-1]
    return any(word.text in DENYING or word.text.endswith("n't") for word in words_of(part))


_FLAGS = frozenset(
    stem(word)
    for word in named("is include included including flag return show if whether true false default set should the")
)


def _yes_or_no(choices: Sequence[Any], one: Wanted, ground: Ground) -> Iterator[Proposal]:
    """`True` and `False` as they are written among choices."""
    written = {str(each).lower(): each for each in choices}
    for each in _answers(one, ground):
        yield Proposal(written[str(each.value).lower()], f"answer {each.kind}", each.span, match=each.match)


def _numbers(one: Wanted, ground: Ground) -> Iterator[Proposal]:
    for code, meaning in meanings_of(one).items():
        if code.isascii() and code.isdigit() and (found := _said(split(meaning), ground)) is not None:
            yield Proposal(int(code), f"meant {found[2]}", found[0], match=found[1])
    units = units_of(one)
    is_whole = "number" not in one.kinds
    for each in ground.numbers:
        if is_relative(ground.text, each.span):
            continue
        for value, kind in _as_numbers(each, units):
            whole = value == int(value)
            if not is_whole or whole:
                yield Proposal(int(value) if whole else value, kind, each.span, each.unit)


def is_relative(text: str, span: Span) -> bool:
    """Whether it says by how much, and not how much: `by 10`, `two degrees warmer`. That is no value of anything."""
    before, after = text[max(0, span.start - 20) : span.start], text[span.end : span.end + 20]
    return bool(_BY.search(before) or _THAN.match(after))


def _as_numbers(each: Heard, units: frozenset[str]) -> Iterator[tuple[float, str]]:
    yield each.value, each.kind
    if each.unit == "percent":
        yield round(each.value / 100, 10), "hundredth"
    seconds = each.value if each.kind == "duration" else SECONDS.get(each.unit, 0) * each.value
    if seconds and (same := [unit for unit in units if unit in SECONDS]) and each.unit not in units:
        yield seconds / SECONDS[same[0]], "converted"


def _texts(one: Wanted, ground: Ground) -> Iterator[Proposal]:
    for each in ground.texts:
        yield Proposal(each.value, each.kind, each.span, each.unit)
    order = order_of(one)
    for day in ground.entities:
        said = ground.of(day.span)
        if order and re.fullmatch(_digits_of(order), said):
            yield Proposal(said, "as told", day.span)
        elif day.kind in {"date", "datetime", "time", "range"}:
            for value, kind in _written(day, order):
                yield Proposal(value, kind, day.span)
    for choice in _choices([*options_of(one), *meanings_of(one)], one, ground):
        is_head = (
            choice.kind == "part"
            and "," in str(choice.value)
            and _said(split(str(choice.value).partition(",")[0]), ground)
        )
        if choice.kind.endswith("part") and not (is_head and is_head[2] == "run"):
            continue
        yield Proposal(choice.value, f"option {choice.kind}", choice.span, match=choice.match)


def _digits_of(order: str) -> str:
    """What is written in an order of strftime, as a pattern."""
    return re.sub(
        r"%[a-zA-Z]", lambda one: r"\\d{4}" if one[0] == "%Y" else r"\\d\\d", re.escape(order).replace(r"\%", "%")
    )


def _written(day: Entity, order: str) -> Iterator[tuple[str, str]]:
    values = day.value if day.kind == "range" else (day.value,)
    for value, kind in zip(values, ("first", "last"), strict=False):
        if isinstance(value, time):
            yield f"{value:%H:%M}", "hour"
        elif isinstance(value, date | datetime):
            told = (
                value.strftime(order)
                if order
                else value.date().isoformat()
                if isinstance(value, datetime)
                else value.isoformat()
            )
            yield told, f"{kind} day" if day.kind == "range" else "day"
            if isinstance(value, datetime):
                yield value.replace(tzinfo=None).isoformat(), "moment"


def _lists(one: Wanted, ground: Ground) -> Iterator[Proposal]:
    items = one.schema.get("items", {})
    kind = items.get("type") if isinstance(items, dict) else None
    if kind in {"integer", "number"}:
        yield from _number_lists(ground, is_whole=kind == "integer")
    elif kind == "string" or kind is None:
        yield from _text_lists(one, ground, items if isinstance(items, dict) else {})


def _number_lists(ground: Ground, *, is_whole: bool) -> Iterator[Proposal]:
    told: list[Heard] = []
    for each in ground.numbers:
        if each.kind not in {"duration", "ordinal"} and not (told and each.span.start < told[-1].span.end):
            told.append(each)
    runs: list[list[Heard]] = [[one] for one in told[:1]]
    for earlier, each in pairwise(told):
        if _BETWEEN.fullmatch(ground.text[earlier.span.end : each.span.start]):
            runs[-1].append(each)
        else:
            runs.append([each])
    if len(runs) > 1:
        yield from _number_list(told, "all", is_whole=is_whole)
    for run in runs:
        before, after = ground.text[: run[0].span.start].rstrip()[-1:], ground.text[run[-1].span.end :].lstrip()[:1]
        kind = "bracketed" if before in {"[", "("} and after in {"]", ")"} else "run" if len(run) > 1 else "one"
        yield from _number_list(run, kind, is_whole=is_whole)


def _number_list(run: Sequence[Heard], kind: str, *, is_whole: bool) -> Iterator[Proposal]:
    values = [one.value for one in run]
    if len(values) <= 1_000 and (not is_whole or all(value == int(value) for value in values)):
        told = [int(value) for value in values] if is_whole else values
        yield Proposal(told, kind, Span(run[0].span.start, run[-1].span.end))


def _text_lists(one: Wanted, ground: Ground, items: dict[str, Any]) -> Iterator[Proposal]:
    choices = items.get("enum") or options_of(one)
    said = [each for each in _choices(choices, one, ground) if not each.kind.endswith("part")]
    if said:
        span = Span(min(each.span.start for each in said), max(each.span.end for each in said))
        ordered = [each.value for each in sorted(said, key=lambda each: each.span.start)]
        yield Proposal(ordered, "choices" if items.get("enum") else "options", span, match=len(said) / len(choices))
    if items.get("enum"):
        return
    quoted = [each for each in ground.entities if each.kind == "quoted"]
    if len(quoted) > 1:
        yield Proposal([each.value for each in quoted], "quotes", Span(quoted[0].span.start, quoted[-1].span.end))
    for chain in _chains(ground):
        yield Proposal([ground.of(each).strip("\"'“”") for each in chain], "chain", Span(chain[0].start, chain[-1].end))
    for each in ground.texts:
        yield Proposal([each.value], f"one {each.kind}", each.span)


def _chains(ground: Ground) -> Iterator[list[Span]]:
    """`A, B and C`: what stands between commas and `and`, with as much of the first and the last as may belong to them."""
    words = ground.words
    joints = [at for at, one in enumerate(words) if one.text in {",", "and", "or", "&"}]
    groups: list[list[int]] = []
    for at in joints:
        if groups and at - groups[-1][-1] <= 5:
            groups[-1].append(at)
        else:
            groups.append([at])
    for group in groups:
        inner = [(a + 1, b) for a, b in pairwise(group) if b > a + 1]
        if len(inner) > LIST_ITEMS_MAX or any(words[at].text in STOPS - INNER for a, b in inner for at in range(a, b)):
            continue
        middle = [Span(words[a].start, words[b - 1].end) for a, b in inner]
        for first in _reaching(words, group[0] - 1, -1):
            for last in _reaching(words, group[-1] + 1, 1):
                yield [first, *middle, last]


def _reaching(words: Sequence[Word], at: int, step: int) -> Iterator[Span]:
    """One to four words from a place on, as far as no word says little."""
    for length in range(4):
        end = at + step * length
        if not 0 <= end < len(words) or words[end].text in STOPS or not words[end].text[0].isalnum():
            break
        yield Span(words[min(at, end)].start, words[max(at, end)].end)
