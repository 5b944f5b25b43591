"""A plan: what an intent comes to, as plain data. Steps, each one tool, and where every argument comes from. Shapes, and the
order of the steps; knows no tool and no run. `core.plan_check` says whether a plan holds."""

from collections.abc import Callable, Iterator, Mapping
from heapq import heappop, heappush
from typing import Annotated, Any, TypeAlias
from typing import Literal as OneOf

from msgspec import UNSET, Meta, Struct, UnsetType

from gateway.core.pointer import escape

STEPS_MAX = 1_000
NESTING_MAX = 32
SOURCES_MAX = 20_000
ITEMS_MAX = 100
INTENT_CHARACTERS_MAX = 4_000
ANSWERS_MAX = 20
SAYING_CHARACTERS_MAX = 300
RECIPE_CHARACTERS_MAX = 64
DAYS_MAX = 366
CALLS_MAX = 10_000
BYTES_MAX = 1 << 30
TOKENS_MAX = 100_000_000
MODEL = "model"
MODEL_SEEN = "model that has read answers"
MONEY_MAX = 1_000_000.0
WALL_S_MAX = 86_400.0

Days = Annotated[int, Meta(ge=-DAYS_MAX, le=DAYS_MAX)]
StepName = Annotated[str, Meta(pattern="^[a-zA-Z][a-zA-Z0-9_-]{0,63}$")]
Pointer = Annotated[str, Meta(pattern="^($|/)", max_length=500, description="A JSON Pointer (RFC 6901).")]
Words = Annotated[str, Meta(max_length=1_000)]
Saying = Annotated[str, Meta(min_length=1, max_length=SAYING_CHARACTERS_MAX)]


class _Part(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One part of a plan."""


class Span(_Part, frozen=True):
    """The characters of the intent from `start` to before `end`."""

    start: Annotated[int, Meta(ge=0)]
    end: Annotated[int, Meta(ge=1)]


class Literal(_Part, frozen=True, tag_field="kind", tag="literal"):
    """This value. `span` is where the person said it; without one, somebody else did."""

    value: Any
    span: Span | None = None


class Ref(_Part, frozen=True, tag_field="kind", tag="ref"):
    """What another step answered, at a place. Of a step with `each` the answer is the list of its answers. `as_text`: a number
    that is found there goes as text."""

    step: StepName
    pointer: Pointer = ""
    as_text: bool = False


class Item(_Part, frozen=True, tag_field="kind", tag="item"):
    """What stands at a place in the item that this call is for, in a step with `each`."""

    pointer: Pointer = ""
    as_text: bool = False


class Moment(_Part, frozen=True, tag_field="kind", tag="moment"):
    """So many days after the run began, in the zone of the plan: the `date`, the `start` or the `end` of that day, or that time of
    it (`now`), as RFC 3339 writes them."""

    days: Days = 0
    form: OneOf["date", "start", "end", "now"] = "date"


class Fits(_Part, frozen=True):
    """What stands at a place in an item `fits`, in the JSON Schema of grants; with `days`, it is on the day so many days after the
    run began."""

    pointer: Pointer
    fits: dict[str, Any] = {}
    days: Days | None = None


class Pick(_Part, frozen=True, tag_field="kind", tag="pick"):
    """What stands at `pointer` in one item of a list that a step answered: of those that fit `where`, the one whose `by` is the
    `least`, the `greatest`, or the `next`, which is the least that is not before the run began; without `by` the first.
    `as_text` as of a Ref."""

    step: StepName
    items: Pointer = ""
    pointer: Pointer = ""
    where: tuple[Fits, ...] = ()
    by: Pointer | None = None
    order: OneOf["least", "greatest", "next"] = "least"
    as_text: bool = False


class Slot(_Part, frozen=True, tag_field="kind", tag="slot"):
    """What has to be asked. Without a `schema` the answer has to fit that of the argument."""

    question: Annotated[str, Meta(min_length=1, max_length=1_000)]
    schema: dict[str, Any] | None = None


class Default(_Part, frozen=True, tag_field="kind", tag="default"):
    """A value that nobody said, and where it is from: the document, a fact that was remembered, or a MODEL, which is then
    nobody's word, whoever hands the plan in; of a MODEL_SEEN it may be anything that a step before it answered."""

    value: Any
    origin: Annotated[str, Meta(min_length=1, max_length=200)]


class Shape(_Part, frozen=True, tag_field="kind", tag="object"):
    """An object whose members have sources of their own."""

    members: dict[str, "Source"]


class Listed(_Part, frozen=True, tag_field="kind", tag="list"):
    """A list whose items have sources of their own."""

    items: tuple["Source", ...]


Leaf: TypeAlias = Literal | Ref | Item | Pick | Moment | Slot | Default
Source: TypeAlias = Literal | Ref | Item | Pick | Moment | Slot | Default | Shape | Listed


class When(_Part, frozen=True):
    """A step is carried out only where what stands there `fits`, in the JSON Schema of grants (docs/approvals.md). What is
    not there fits nothing."""

    value: Ref | Item
    fits: dict[str, Any]


class Verify(_Part, frozen=True):
    """A tool that reads, called once the step was, and what it has to show: at each pointer into its answer, this value; or
    that the thing is `gone`. A Ref to the step itself is to what the call answered that is looked after."""

    tool: str
    arguments: dict[str, Source] = {}
    shows: dict[Pointer, Source] = {}
    gone: bool = False


class Step(_Part, frozen=True):
    """Calls of one tool: one, or with `each` one for every item of a list that an earlier step answered. `verify` left out is
    what the tool's document tells (`Tool.related`), null is not at all."""

    name: StepName
    tool: str
    arguments: dict[str, Source] = {}
    each: Ref | None = None
    when: When | None = None
    verify: Verify | UnsetType | None = UNSET

    @property
    def told_verify(self) -> Verify | None:
        """What the plan itself says of verifying."""
        return self.verify if isinstance(self.verify, Verify) else None


class Holds(_Part, frozen=True, tag_field="kind", tag="holds"):
    """Whether what stands there `fits`: `yes` is said where it does, and else `no`."""

    value: Ref | Pick
    fits: dict[str, Any]
    yes: Saying
    no: Saying


class Tells(_Part, frozen=True, tag_field="kind", tag="tells"):
    """What stands there, behind what it is called; of an object what it `shows` alone, where that is told."""

    value: Ref | Pick
    says: Saying
    shows: tuple[Pointer, ...] = ()


class Counts(_Part, frozen=True, tag_field="kind", tag="counts"):
    """How many items of a list fit `where`, behind what they are called."""

    items: Ref
    says: Saying
    where: tuple[Fits, ...] = ()


class Lists(_Part, frozen=True, tag_field="kind", tag="lists"):
    """The items of a list that fit `where`, each by what it `shows`, behind what they are called; or what is said where there
    are `none`."""

    items: Ref
    says: Saying
    none: Saying
    where: tuple[Fits, ...] = ()
    shows: tuple[Pointer, ...] = ()


Answer: TypeAlias = Holds | Tells | Counts | Lists


class Budget(_Part, frozen=True):
    """What a run may use before it asks: calls and writes by number, bytes of requests and answers, seconds of calls, and
    of a language model that plans it tokens, and money in the currency of its prices."""

    calls_max: Annotated[int, Meta(ge=0, le=CALLS_MAX)] = 100
    writes_max: Annotated[int, Meta(ge=0, le=CALLS_MAX)] = 10
    bytes_max: Annotated[int, Meta(ge=0, le=BYTES_MAX)] = 32 << 20
    wall_s_max: Annotated[float, Meta(ge=0, le=WALL_S_MAX)] = 300.0
    tokens_max: Annotated[int, Meta(ge=0, le=TOKENS_MAX)] = 500_000
    money_max: Annotated[float, Meta(ge=0, le=MONEY_MAX)] = MONEY_MAX


class Plan(_Part, frozen=True):
    """`intent` is what the person wants, in their own words. Steps are carried out one at a time, in the order in which they
    stand here as far as each has what it refers to. `answers` are what the person asked, answered by what the steps read; `zone`
    is the time zone in which times are told, "" where they are told as they stand. `recipe` is the
    recipe of the person's that it is made from, "" where it is from none; a plan that only says so is refused."""

    intent: Annotated[str, Meta(max_length=INTENT_CHARACTERS_MAX)]
    steps: tuple[Step, ...]
    budget: Budget = Budget()
    answers: tuple[Answer, ...] = ()
    zone: Annotated[str, Meta(max_length=64)] = ""
    recipe: Annotated[str, Meta(max_length=RECIPE_CHARACTERS_MAX)] = ""


class Circular(Exception):
    """Steps that wait for each other: their names."""

    def __init__(self, steps: tuple[str, ...]) -> None:
        super().__init__()
        self.steps = steps


def in_order(plan: Plan) -> tuple[Step, ...]:
    """The steps, each after all that it refers to, and else as they are listed. Raises Circular."""
    places = {step.name: place for place, step in enumerate(plan.steps)}
    needs = [needed_by(step) & places.keys() for step in plan.steps]
    needed: dict[str, list[int]] = {}
    for place, names in enumerate(needs):
        for name in names:
            needed.setdefault(name, []).append(place)
    lacks = [len(names) for names in needs]
    ready = [place for place, count in enumerate(lacks) if not count]
    told: list[Step] = []
    while ready:
        step = plan.steps[heappop(ready)]
        told.append(step)
        for place in needed.get(step.name, ()):
            lacks[place] -= 1
            if not lacks[place]:
                heappush(ready, place)
    if len(told) < len(plan.steps):
        raise Circular(tuple(step.name for step, count in zip(plan.steps, lacks, strict=True) if count))
    return tuple(told)


def needed_by(step: Step) -> frozenset[str]:
    """The names of the steps that it refers to; its own among them only where that can never be."""
    verify = step.told_verify
    own = [source for _, source in leaves(step.arguments)]
    own += [step.each] if step.each is not None else []
    own += [step.when.value] if step.when is not None else []
    later = [source for _, source in (*leaves(verify.arguments), *leaves(verify.shows))] if verify else []
    named = {source.step for source in own if isinstance(source, Ref | Pick)}
    return frozenset(named | {one.step for one in later if isinstance(one, Ref | Pick) and one.step != step.name})


def leaves(sources: Mapping[str, Source]) -> Iterator[tuple[str, Leaf]]:
    """Every source that holds no others, by its JSON Pointer among the arguments."""
    waiting: list[tuple[str, Source]] = [(f"/{escape(name)}", one) for name, one in sources.items()]
    while waiting:
        place, source = waiting.pop(0)
        match source:
            case Shape(members=members):
                waiting[:0] = [(f"{place}/{escape(name)}", one) for name, one in members.items()]
            case Listed(items=items):
                waiting[:0] = [(f"{place}/{index}", one) for index, one in enumerate(items)]
            case _:
                yield place, source


def nesting(sources: Mapping[str, Source]) -> int:
    """How deep objects and lists stand in each other."""
    levels, row = 0, list(sources.values())
    while row := [
        inner
        for one in row
        for inner in (one.members.values() if isinstance(one, Shape) else one.items if isinstance(one, Listed) else ())
    ]:
        levels += 1
    return levels


def fill(sources: Mapping[str, Source], value_of: Callable[[str, Leaf], object]) -> dict[str, object]:
    """The arguments, with a value for each leaf, which is asked for by its pointer. NESTING_MAX levels at most."""

    def filled(place: str, source: Source) -> object:
        match source:
            case Shape(members=members):
                return {name: filled(f"{place}/{escape(name)}", one) for name, one in members.items()}
            case Listed(items=items):
                return [filled(f"{place}/{index}", one) for index, one in enumerate(items)]
            case _:
                return value_of(place, source)

    return {name: filled(f"/{escape(name)}", one) for name, one in sources.items()}


def replace_leaves(sources: Mapping[str, Source], instead: Callable[[str, Leaf], Source]) -> dict[str, Source]:
    """The same arguments with another source for each leaf, which is asked for by its pointer. NESTING_MAX levels at most."""

    def replaced(place: str, source: Source) -> Source:
        match source:
            case Shape(members=members):
                return Shape({name: replaced(f"{place}/{escape(name)}", one) for name, one in members.items()})
            case Listed(items=items):
                return Listed(tuple(replaced(f"{place}/{index}", one) for index, one in enumerate(items)))
            case _:
                return instead(place, source)

    return {name: replaced(f"/{escape(name)}", one) for name, one in sources.items()}
