"""How likely a proposal is the value of an argument: what speaks for it and against it, weighed by `core.fill_weights`. Pure.

The weights are those of logistic regressions that `python -m benchmarks.bfcl_train FOLDER` learns. The first weighs each proposal
by itself; `settle` gives every argument one value and no words to two; the second weighs how far what was chosen is ahead.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property

from msgspec import Struct

from gateway.core.entities import stem, stems_of
from gateway.core.fill_weights import PROPOSAL, SETTLED
from gateway.core.noun import named
from gateway.core.plan import Span
from gateway.core.propose import STOPS, Ground, Proposal, family_of, propose
from gateway.core.tool import Tool
from gateway.core.wanted import ENDS, PLACES, QUERIES, STARTS, TITLES, Wanted, options_of, units_of

NEAR_WORDS = 12
RIVALS_MAX = 6
# What an argument without a value counts, as a logit; and how many ways to share the words are tried.
NONE, TRIED_MAX = -5.0, 1_000
ROLES = {
    "start": STARTS | named("origin source pickup first min minimum lower initial base"),
    "end": ENDS | named("destination target dropoff last max maximum upper final"),
    "place": PLACES | named("country region state area province county zip airport station"),
    "person": named("person artist author director actor player user customer patient owner maker employee team company brand guest"
                    " starring cast member manufacturer doctor driver composer band"),
    "when": named("date day time year month week hour period duration deadline"),
    "title": TITLES | named("event movie film book song game album product item product"),
    "query": QUERIES | named("topic question about content text message"),
    "kind": named("type genre category style mode cuisine method format kind preference color colour class level status"),
    "unit": named("unit units currency"),
    "count": named("count number num limit amount quantity max size top n people guests passengers seats"),
    "id": named("id ids code key uuid number account identifier"),
}  # fmt: skip
BEFORE = named(
    "from to in at on for by of with about between and near using as called named is are = : titled than over under the a an me"
    " want need like '"
)
_FORM = re.compile(r"['\"]?city,? (?:and )?(?:state|country)|[A-Z]\w+, [A-Z]{2}\b", re.IGNORECASE)
_EXAMPLE = re.compile(r"(?:e\.g\.?|such as|for example|like|example)[:,]?\s*['\"(]?(.{1,40})", re.IGNORECASE)
IDS = named("id ids uuid number no code ip")
BREAKS = named("and or , ; . : ? !")
JOINTS = named("and to or vs versus with , &")
Features = Iterator[tuple[str, float]]


def _described(one: Wanted) -> frozenset[str]:
    """The stems of its name, and of its description without what that gives as examples."""
    told = re.split(r"\b(?:e\.g|such as|for example|default)", one.description, maxsplit=1, flags=re.IGNORECASE)[0]
    return stems_of(told) | {stem(word) for word in one.words if len(word) > 1}


def _base(one: Wanted) -> tuple[str, ...]:
    """The words of its name without what tells it from others that are called so: `color1`, `option_two`, `start_x`."""
    words = (word.rstrip("0123456789") for word in one.words)
    return tuple(
        word
        for word in words
        if word and word not in {"one", "two", "first", "second", "start", "end", "a", "b", "x", "y"}
    )


class Settled(Struct, frozen=True):
    """What an argument is to be, and how likely that is right."""

    argument: str
    proposal: Proposal
    sure: float


class Facts:
    """What is known of one argument beside the words of a wish."""

    def __init__(self, one: Wanted, every: Sequence[Wanted], tool: Tool) -> None:
        self.one, self.family = one, family_of(one)
        self.name = frozenset(stem(word) for word in one.words if len(word) > 1)
        self.letters = frozenset(word for word in one.words if len(word) == 1)
        self.description = _described(one) - self.name
        self.tool = stems_of(f"{tool.title} {tool.name}")
        self.units = units_of(one)
        self.options = options_of(one)
        self.roles = [role for role, words in ROLES.items() if words & set(one.words)] or ["none"]
        self.mates = [other for other in every if family_of(other) == self.family and other.required]
        self.rank = next((at for at, other in enumerate(self.mates) if other.name == one.name), -1)
        mates = [other for other in every if other.name != one.name and family_of(other) == self.family]
        self.distinct = _described(one).difference(*map(_described, mates))
        base = [other for other in every if _base(other) == _base(one) and family_of(other) == self.family]
        self.sibling = base.index(one) if len(base) > 1 and one in base else -1
        self.wants_form = bool(_FORM.search(one.description))
        found = _EXAMPLE.search(one.description)
        self.example = found[1] if found is not None else ""
        told = f"{one.name} {one.description}".lower()
        self.is_share = bool(re.search(r"decimal|fraction|between 0 and 1|0\.\d", told))
        self.is_percent = bool(re.search(r"percent|%", told))

    @cached_property
    def own(self) -> frozenset[str]:
        return self.name | self.description


def features(facts: Facts, proposal: Proposal, ground: Ground, kin: Sequence[Span]) -> Features:
    """What speaks for and against, by name; `kin` are where the values stand that are as good by their kind."""
    family = facts.family
    for name, value in _plain_features(facts, proposal, ground, kin):
        yield f"{family} {name}", value


def _plain_features(facts: Facts, proposal: Proposal, ground: Ground, kin: Sequence[Span]) -> Features:
    one, span = facts.one, proposal.span
    start, end = ground.place(span)
    yield "", 1.0
    yield f"is {proposal.kind}", 1.0
    yield "required", float(one.required)
    yield "match", proposal.match
    yield from _beside(facts, ground, start, end, kin)
    yield from _standing(facts, ground, span, start, end, kin)
    inside = frozenset(ground.stems[start:end])
    yield "says the tool", len(inside & facts.tool) / max(len(inside), 1)
    yield "says the name", len(inside & facts.name) / max(len(inside), 1)
    yield "says the description", len(inside & facts.description) / max(len(inside), 1)
    if facts.family == "number":
        yield from _of_number(facts, proposal)
    if facts.family == "text":
        yield from _of_text(facts, proposal, ground, start, end)
    if "id" in facts.roles:
        told = str(proposal.value)
        yield "digits for id", float(any(letter.isdigit() for letter in told))
        yield "blanks for id", float(" " in told)
        yield "begins with id", float(start < end and ground.words[start].text in IDS)
    if facts.family == "list":
        length = len(proposal.value)
        yield "length 1", float(length == 1)
        yield "length 2", float(length == 2)
        words = [len(str(each).split()) for each in proposal.value]
        yield "uneven", float(max(words, default=0) - min(words, default=0))
        yield "long items", float(max(words, default=0) > 3)


def _beside(facts: Facts, ground: Ground, start: int, end: int, kin: Sequence[Span]) -> Features:
    """Whether words of its name or its description stand before or behind, and how near."""
    stems, words = ground.stems, ground.words
    left = list(range(max(0, start - NEAR_WORDS), start))
    right = list(range(end, min(len(stems), end + NEAR_WORDS)))
    for told, own in (("name", facts.name), ("description", facts.description - facts.tool)):
        before = next((start - at for at in reversed(left) if stems[at] in own), 0)
        after = next((at - end + 1 for at in right if stems[at] in own), 0)
        yield f"{told} before", 1 / before if before else 0.0
        yield f"{told} behind", 1 / after if after else 0.0
        yield f"{told} just before", float(_next_stem(ground, reversed(left)) in own)
        yield f"{told} just behind", float(_next_stem(ground, right) in own)
    yield from _own_words(facts, ground, start, end, left, right, kin)
    near = {words[at].text for at in range(max(0, start - 2), start)}
    yield "letter before", float(bool(facts.letters & near))
    before_word = words[start - 1].text if start else "^"
    shown = (
        before_word if before_word in BEFORE else "^" if before_word == "^" else "," if before_word == "," else "other"
    )
    yield f"behind {shown}", 1.0
    for role in facts.roles:
        yield f"{role} behind {shown}", 1.0


def _next_stem(ground: Ground, places: Iterable[int]) -> str:
    """The first word on a side that says something, as far as nothing is joined there; "" where there is none."""
    for at in places:
        word = ground.words[at].text
        if word in BREAKS:
            break
        if word not in STOPS and word[0].isalnum():
            return ground.stems[at]
    return ""


def _own_words(
    facts: Facts, ground: Ground, start: int, end: int, left: Sequence[int], right: Sequence[int], kin: Sequence[Span]
) -> Features:
    """Whether words that speak of no other argument stand near, and no other value in between."""
    words = ground.words
    before = next((at for at in reversed(left) if ground.stems[at] in facts.distinct), -1)
    behind = next((at for at in right if ground.stems[at] in facts.distinct), -1)
    for told, at in (("before", before), ("behind", behind)):
        if at >= 0 and start < end:
            low, high = (
                (words[at].end, words[start].start) if told == "before" else (words[end - 1].end, words[at].start)
            )
            joined = sum(
                ground.words[place].text in BREAKS
                for place in (range(at, start) if told == "before" else range(end, at))
            )
            between = joined + sum(low <= each.start and each.end <= high for each in kin)
            yield f"its own word {told}", 1 / (1 + between)
            yield f"its own word {told}, none between", float(between == 0)


def _standing(facts: Facts, ground: Ground, span: Span, start: int, end: int, kin: Sequence[Span]) -> Features:
    """Where it stands among its like, and in the wish."""
    count, mates = len(kin), len(facts.mates)
    rank = next((at for at, each in enumerate(kin) if each == span), -1)
    yield "only one", float(count == 1)
    yield "only one for one", float(count == 1 and mates == 1)
    yield "in order", float(count == mates > 1 and rank == facts.rank)
    yield "out of order", float(count == mates > 1 and rank != facts.rank and facts.rank >= 0)
    yield "same rank", float(count != mates and rank == facts.rank)
    yield "few like it", 1 / max(count, 1)
    after = ground.words[end].text if end < len(ground.words) else ""
    before = ground.words[start - 1].text if start else ""
    if facts.sibling in (0, 1):
        which = "first" if facts.sibling == 0 else "second"
        yield f"{which} before a joint", float(after in JOINTS)
        yield f"{which} behind a joint", float(before in JOINTS)
    yield "before a capital", float(end < len(ground.words) and ground.text[ground.words[end].start].isupper())
    yield "last word", float(end >= len(ground.words) - 1)
    yield "first word", float(start == 0)


def _of_number(facts: Facts, proposal: Proposal) -> Features:
    unit = proposal.unit
    yield "its unit", float(bool(unit) and unit in facts.units)
    yield "unit in its words", float(bool(unit) and stem(unit) in facts.own)
    yield (
        "another unit",
        float(bool(unit) and bool(facts.units) and unit not in facts.units and proposal.kind != "converted"),
    )
    yield "unit for none", float(bool(unit) and not facts.units)
    yield "no unit for one", float(not unit and bool(facts.units))
    is_year = isinstance(proposal.value, int) and 1500 <= proposal.value <= 2100 and not unit
    yield "year for year", float(is_year and "year" in facts.one.words)
    yield "year for other", float(is_year and "year" not in facts.one.words)
    yield "no year for year", float(not is_year and "year" in facts.one.words)
    yield "money for amount", float(proposal.kind == "money" and "count" not in facts.roles)
    if proposal.kind == "hundredth" or unit == "percent":
        which = "hundredth" if proposal.kind == "hundredth" else "percent"
        yield f"{which} for share", float(facts.is_share)
        yield f"{which} for percent", float(facts.is_percent and not facts.is_share)
        yield f"{which} for neither", float(not facts.is_percent and not facts.is_share)
        yield f"{which} for whole", float("number" not in facts.one.kinds)


def _of_text(facts: Facts, proposal: Proposal, ground: Ground, start: int, end: int) -> Features:
    told, words = str(proposal.value), ground.words
    length = end - start
    yield f"of {min(length, 5)} words", 1.0
    for role in facts.roles:
        yield f"{role} is {proposal.kind}", 1.0
    capitals = [each[0].isupper() for each in told.split() if each[0].isalpha()]
    yield "capital", float(bool(capitals) and all(capitals))
    yield "one is capital", float(any(capitals) and not all(capitals))
    yield "goes on left", float(_goes_on(ground, start - 1))
    yield "goes on right", float(_goes_on(ground, end))
    yield (
        "splits a name left",
        float(start > 0 and _is_capital(ground, start - 1) and _is_capital(ground, start) and start > 1),
    )
    yield "splits a name right", float(end < len(words) and _is_capital(ground, end - 1) and _is_capital(ground, end))
    yield "has inner", float(any(words[at].text in STOPS for at in range(start, min(end, len(words)))))
    yield "lacks its form", float(facts.wants_form and "," not in told)
    yield "has its form", float(facts.wants_form and "," in told)
    yield "comma of no form", float(not facts.wants_form and "," in told)
    is_tail = start > 1 and words[start - 1].text in {"of", "the", "and"} and _is_capital(ground, start - 2)
    yield "tail of a name", float(is_tail and _is_capital(ground, start))
    is_head = end + 1 < len(words) and words[end].text in {"of", "the", "and"} and _is_capital(ground, end + 1)
    yield "head of a name", float(is_head and _is_capital(ground, end - 1))
    if facts.example:
        is_capital = facts.example[:1].isupper()
        yield "capital as the example", float(is_capital and any(capitals))
        yield "no capital, as the example", float(not is_capital and not any(capitals))
        yield "not as the example", float(is_capital != any(capitals))
        yield "digits as the example", float(bool(re.search(r"\d", facts.example)) == bool(re.search(r"\d", told)))
    yield "is an option's word", float(bool(facts.options) and told.lower() in {each.lower() for each in facts.options})
    yield "no option", float(len(facts.options) > 1 and told.lower() not in {each.lower() for each in facts.options})
    quotes = any(each.kind == "quoted" for each in ground.entities)
    yield "unquoted beside quotes", float(quotes and proposal.kind not in {"quoted", "quote"})


def _goes_on(ground: Ground, at: int) -> bool:
    """Whether a word that says something stands there, of the same phrase."""
    return 0 <= at < len(ground.words) and ground.words[at].text not in STOPS and ground.words[at].text[0].isalnum()


def _is_capital(ground: Ground, at: int) -> bool:
    return 0 <= at < len(ground.words) and ground.text[ground.words[at].start].isupper()


# What is chosen.


class Weighed(Struct, frozen=True):
    """One argument with its proposals, the likeliest first, as logits."""

    facts: Facts
    ranked: tuple[tuple[float, Proposal], ...]


def weigh(facts: Facts, ground: Ground) -> Weighed:
    proposals = list(propose(facts.one, ground))
    kin = kin_of(proposals)
    told = [(_sum(features(facts, each, ground, kin), PROPOSAL), each) for each in proposals]
    best: dict[str, tuple[float, Proposal]] = {}
    for logit, each in sorted(told, key=lambda pair: -pair[0]):
        best.setdefault(repr((each.value, each.span)), (logit, each))
    return Weighed(facts, tuple(best.values()))


def kin_of(proposals: Sequence[Proposal]) -> list[Span]:
    """Where values stand that are told as plainly: the widest of those that share characters."""
    plain = sorted({(one.span.start, -one.span.end) for one in proposals if one.kind != "phrase"})
    kin: list[Span] = []
    for start, end in plain:
        if not kin or start >= kin[-1].end:
            kin.append(Span(start, -end))
    return kin


def settle(weighed: Sequence[Weighed], taken: Sequence[Span] = ()) -> list[Settled]:
    """One value for each argument, so that together they are the likeliest and no words are used twice; the surest first."""
    tops = {one.facts.one.name: _free(one, taken) for one in weighed}
    by_name = {one.facts.one.name: one for one in weighed if tops[one.facts.one.name]}
    chosen = [
        Settled(name, proposal, _chance(_sum(settled_features(by_name[name], logit, proposal, tops), SETTLED)))
        for name, (logit, proposal) in _likeliest({name: tops[name] for name in by_name}).items()
    ]
    return sorted(chosen, key=lambda one: -one.sure)


def _free(one: Weighed, used: Sequence[Span]) -> list[tuple[float, Proposal]]:
    free = (pair for pair in one.ranked if pair[0] > NONE and not any(_overlap(pair[1].span, span) for span in used))
    return [pair for pair, _ in zip(free, range(RIVALS_MAX), strict=False)]


def _likeliest(tops: Mapping[str, Sequence[tuple[float, Proposal]]]) -> dict[str, tuple[float, Proposal]]:
    """The pairs whose logits add up to most, of so many that are tried; an argument without any counts as NONE."""
    names = sorted(tops, key=lambda name: -tops[name][0][0])
    best_left = [0.0]
    for name in reversed(names):
        best_left.append(best_left[-1] + max(NONE, tops[name][0][0]))
    best_left.reverse()
    best: tuple[float, dict[str, tuple[float, Proposal]]] = (-math.inf, {})
    tried = 0

    def search(at: int, total: float, chosen: dict[str, tuple[float, Proposal]]) -> None:
        nonlocal best, tried
        tried += 1
        if total + best_left[at] <= best[0] or tried > TRIED_MAX:
            return
        if at == len(names):
            best = (total, chosen)
            return
        for logit, proposal in tops[names[at]]:
            if not any(_overlap(proposal.span, other.span) for _, other in chosen.values()):
                search(at + 1, total + max(logit, NONE), {**chosen, names[at]: (logit, proposal)})
        search(at + 1, total + NONE - 0.01, chosen)

    search(0, 0.0, {})
    return best[1]


def settled_features(
    one: Weighed, logit: float, proposal: Proposal, tops: Mapping[str, Sequence[tuple[float, Proposal]]]
) -> Features:
    family, name = one.facts.family, one.facts.one.name
    others = [each for each, told in one.ranked if told.value != proposal.value]
    second = max(others, default=-6.0)
    wanted = [
        each
        for other, told in tops.items()
        if other != name
        for each, rival in told
        if _overlap(rival.span, proposal.span)
    ]
    clipped = max(-6.0, min(6.0, logit))
    yield "", 1.0
    yield family, 1.0
    yield "logit", clipped
    yield f"{family} logit", clipped
    yield "ahead", max(-4.0, min(6.0, logit - second))
    yield f"{family} ahead", max(-4.0, min(6.0, logit - second))
    yield "wanted elsewhere", max(-4.0, min(4.0, max(wanted, default=-4.0) - logit))
    yield "required", float(one.facts.one.required)
    yield "not the first", float(bool(one.ranked) and one.ranked[0][1].value != proposal.value)
    yield "none", float(not others)
    yield f"is {family} {proposal.kind}", 1.0
    yield "lacks its form", float(one.facts.wants_form and family == "text" and "," not in str(proposal.value))


def _sum(told: Features, weights: Mapping[str, float]) -> float:
    return sum(weights.get(name, 0.0) * value for name, value in told)


def _chance(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


def _overlap(one: Span, other: Span) -> bool:
    return one.start < other.end and other.start < one.end
