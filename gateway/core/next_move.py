"""What a run does next: a function of its plan, the tools there are, and what its journal comes to. Acts on nothing."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct, structs

from gateway.core.constraint import read_constraints, within
from gateway.core.found import NotFoundThere, Several, as_text, bind, value_at
from gateway.core.idempotency import key_argument, key_of
from gateway.core.look import Look, declared_look
from gateway.core.pick import moment_of, pick
from gateway.core.plan import (
    ITEMS_MAX,
    Budget,
    Default,
    Item,
    Leaf,
    Literal,
    Moment,
    Pick,
    Ref,
    Slot,
    Step,
    fill,
    in_order,
    leaves,
)
from gateway.core.reach import place_of
from gateway.core.run import (
    BUDGET,
    Called,
    Progress,
    Question,
    Run,
    RunState,
    Standing,
    Verified,
    Way,
    settle_key,
)
from gateway.core.spoken import in_zone
from gateway.core.tool import Tool

SENDS_MAX = 3
CHOICES_MAX = 50
# A planning that would have fewer is not begun.
TOKENS_MIN = 1_000
# Of answers that later steps refer to, as long as they are kept decoded.
DECODED_BYTES_MAX = 4 << 20


class Rethink(Struct, frozen=True):
    """Ask the planner how to go on: after this call, which did not show; "" for the next step. `instead` where it does not know."""

    step: str
    iteration: int
    instead: "End"


class Ask(Struct, frozen=True):
    """Ask, and wait."""

    questions: tuple[Question, ...]


class PlanWords(Struct, frozen=True):
    """Make a plan of its words: without steps no plan holds."""


class Bound(Struct, frozen=True):
    """How far the budget of a run can be raised, how often the rest of it is planned again, and how many steps are said one by
    one."""

    budget: Budget
    replans_max: int = 0
    turns_max: int = 0


class Skip(Struct, frozen=True):
    """Leave this call out."""

    way: Way
    step: str
    iteration: int
    detail: str


class Make(Struct, frozen=True):
    """Make this call; of a preview, show the request of a write instead. `unsure`: why a person has to say yes to it, though it
    only takes something back; "" where nothing of the kind is to be said."""

    way: Way
    step: str
    iteration: int
    tool: Tool
    arguments: Mapping[str, object]
    unsure: str = ""


class Check(Struct, frozen=True):
    """Look after this call."""

    step: str
    iteration: int
    look: Look


class End(Struct, frozen=True):
    """It is over, or not known what happened: then these questions settle it."""

    state: RunState
    detail: str = ""
    questions: tuple[Question, ...] = ()


Move: TypeAlias = PlanWords | Rethink | Ask | Skip | Make | Check | End


class _Instead(Exception):
    """What is to be done instead of what was about to be worked out."""

    def __init__(self, move: Move) -> None:
        super().__init__()
        self.move = move


def next_move(run: Run, progress: Progress, tools: Mapping[str, Tool], bound: Bound) -> Move:
    """`tools` are those that the caller may call; `bound` is how far a budget can be raised, and how often its planner is asked."""
    return Course(run).next(progress, tools, bound)


class _Left(Exception):
    """It needs what a call that was left out would have answered: why that was."""


class Course:
    """The moves of one run while its journal grows, so that each takes no longer than the one before: steps that are done are not
    looked at again.

    INVARIANT: it gives what a new one would; a new one is made where the journal was read again, or the plan is another."""

    def __init__(self, run: Run) -> None:
        self.plan = plan = run.plan
        self._run_id = run.id
        self._planning = run.planning
        self._writes = run.mode == "execute"
        self._began = in_zone(run.created_at, plan.zone)
        self._order = in_order(plan)
        self.steps = {step.name: step for step in plan.steps}
        self._at = 0
        self._slots = [
            (step, place, leaf)
            for step in plan.steps
            for place, leaf in leaves(step.arguments)
            if isinstance(leaf, Slot)
        ]
        self._done: list[tuple[str, int]] | None = None
        self._progress = Progress(plan.budget)
        self._tools: Mapping[str, Tool] = {}
        self._bound = Bound(plan.budget)
        self._listed: dict[str, list[Any]] = {}
        self._answered: dict[str, Any] = {}
        self._answered_bytes = 0

    def next(self, progress: Progress, tools: Mapping[str, Tool], bound: Bound) -> Move:
        """What comes next; arguments as of `next_move`."""
        are_known, self._tools = tools is self._tools, tools
        self._progress, self._bound = progress, bound
        try:
            if progress.undoing:
                return self._undo()
            for step in () if are_known else self._order:
                self._tool(step.tool)
            return self._do()
        except _Instead as instead:
            return instead.move

    def look_after(self, progress: Progress, move: Make, called: Called) -> Look | None:
        """What will show that a call took place, now that it was answered; None where nothing will."""
        self._progress = progress
        return self._look(self.steps[move.step], move.iteration, move.tool, move.arguments, _decode(called))

    # Forwards.

    def _do(self) -> Move:
        """The first thing that is not done yet, of the first step that is not done."""
        if not self._order and self._planning != "steps":
            return PlanWords()
        if questions := tuple(self._open_slots()):
            return Ask(questions)
        while self._at < len(self._order):
            move = self._step(self._order[self._at])
            if move is not None:
                return move
            self._at += 1
        if self._planning == "steps":
            return self._rethink(
                "", 0, End("failed", f"It took {self._progress.turns} turns; say it in smaller parts.")
            )
        return End("done")

    def _rethink(self, step: str, index: int, instead: End) -> Move:
        """Ask the planner, as often and for as much as may be."""
        asked, most = self._progress.replans, self._bound.replans_max
        if self._planning == "steps":
            asked, most = self._progress.turns, self._bound.turns_max
        if not self._planning or asked >= most:
            return instead
        spent = self._progress.spent
        needed = {"tokens_max": spent.tokens + TOKENS_MIN, "money_max": spent.money}
        more = ask_more(self._progress, self._bound, needed)
        return instead if isinstance(more, End) and step else more or Rethink(step, index, instead)

    def _step(self, step: Step) -> Move | None:
        if step.name in self._progress.closed:
            return None
        tool = self._tool(step.tool)
        try:
            count = len(self._items(step)) if step.each is not None else 1
        except _Left as left:
            is_known = self._progress.of("do", step.name, 0).skipped is not None
            return None if is_known else Skip("do", step.name, 0, str(left))
        return next((move for index in range(count) if (move := self._call(step, index, tool)) is not None), None)

    def _call(self, step: Step, index: int, tool: Tool) -> Move | None:
        standing = self._progress.of("do", step.name, index)
        if standing.unanswered:
            return self._recover(step, index, tool, standing)
        if standing.refused is not None and not standing.settled:
            is_no = standing.refused.code in ("denied_by_policy", "approval_needed")
            return End("rejected" if is_no else "failed", f"{step.name}: {standing.refused.detail}")
        called = standing.called
        if called is not None and called.is_error:
            return End("failed", f"{step.name}: {called.detail}")
        if called is not None and called.verify and not standing.happened:
            return self._verify(step, index, tool, standing, called)
        if standing.settled:
            return None
        return self._make(step, index, tool)

    def _make(self, step: Step, index: int, tool: Tool) -> Move:
        try:
            if not self._fits(step, self._items(step)[index] if step.each is not None else None):
                return Skip("do", step.name, index, "its condition is not met")
            arguments = self._arguments(step, index, tool)
        except _Left as left:
            return Skip("do", step.name, index, str(left))
        return self._over_budget(tool) or Make("do", step.name, index, tool, arguments)

    def _verify(self, step: Step, index: int, tool: Tool, standing: Standing, called: Called) -> Move:
        if standing.verified is not None:
            return self._did_not_show(step, index, standing.verified, standing.verified.detail)
        arguments = self._arguments(step, index, tool)
        look = self._look(step, index, tool, arguments, _decode(called))
        if look is None:
            return self._uncertain("do", step.name, index, f"{called.verify} cannot be asked any more")
        return Check(step.name, index, look)

    def _recover(self, step: Step, index: int, tool: Tool, standing: Standing) -> Move:
        """A write that left, and nobody knows what became of it: sent again with its key, or looked after, or asked about."""
        arguments = self._arguments(step, index, tool)
        if key_argument(tool) in arguments and standing.sent < SENDS_MAX:
            return Make("do", step.name, index, tool, arguments)
        if standing.verified is None:
            look = self._look(step, index, tool, arguments, None)
            if look is not None:
                return Check(step.name, index, look)
        why = standing.verified.detail if standing.verified is not None else "nothing shows it"
        return self._did_not_show(step, index, standing.verified, f"{tool.name} was sent and not answered, and {why}")

    def _did_not_show(self, step: Step, index: int, verified: Verified | None, detail: str) -> Move:
        instead = self._uncertain("do", step.name, index, detail)
        looked = verified is not None and verified.shown is False
        return self._rethink(step.name, index, instead) if looked else instead

    def _uncertain(self, way: Way, step: str, index: int, detail: str) -> End:
        told = f"{step}: {detail}"
        question = f"{told}. Did it happen? `happened` goes on as if it did, `again` sends it once more."
        schema = {"enum": ["happened", "again"]}
        return End("uncertain", told, (Question(settle_key(way, step, index), question, schema),))

    def _look(self, step: Step, index: int, tool: Tool, arguments: Mapping[str, object], own: Any) -> Look | None:
        """`own` is what the call answered, None where nobody knows."""
        if tool.effect == "read" or step.verify is None:
            return None
        verify = step.told_verify
        if verify is None:
            return declared_look(tool, arguments, own, self._tools)

        def value_of(place: str, leaf: Leaf) -> object:
            if isinstance(leaf, Ref) and leaf.step == step.name:
                return _textual(leaf, value_at(own, leaf.pointer))
            return self._value(step, index, place, leaf)

        try:
            filled = fill(verify.arguments, value_of), fill(verify.shows, value_of)
        except LookupError:
            return None
        return Look(self._tool(verify.tool), *filled, verify.gone)

    # What the arguments are.

    def _arguments(self, step: Step, index: int, tool: Tool) -> dict[str, object]:
        arguments = fill(step.arguments, lambda place, leaf: self._value(step, index, place, leaf))
        key = key_argument(tool)
        if key and key not in arguments:
            arguments[key] = key_of(self._run_id, step.name, index, arguments)
        return arguments

    def _value(self, step: Step, index: int, place: str, leaf: Leaf) -> object:
        match leaf:
            case Literal(value=value) | Default(value=value):
                return value
            case Slot():
                return self._progress.answers[f"{step.name}{place}"]
            case Ref(step=name):
                return self._found(step, place, leaf, self._answer(name), f"what {name} answered")
            case Item():
                return self._found(step, place, leaf, self._items(step)[index], "the item")
            case Pick():
                return self._picked(step, place, leaf)
            case Moment():
                return moment_of(leaf, self._began)

    def _found(self, step: Step, place: str, leaf: Ref | Item, root: Any, whose: str) -> object:
        key = f"{step.name}{place}"
        if key in self._progress.answers:
            return self._progress.answers[key]
        try:
            return _textual(leaf, value_at(root, leaf.pointer))
        except Several as error:
            if step.each is not None or not place:
                raise _failed(step, f"{whose} has several at {leaf.pointer!r}") from error
            choices = [_textual(leaf, one) for one in error.choices]
            if len(choices) > CHOICES_MAX:
                raise _failed(step, f"{whose} has more than {CHOICES_MAX} at {leaf.pointer!r}") from error
            question = f"{step.name}: which one shall `{place[1:]}` be?"
            raise _Instead(Ask((Question(key, question, {"enum": choices}),))) from error
        except NotFoundThere as error:
            raise _failed(step, f"{whose} has nothing at {leaf.pointer!r}") from error

    def _picked(self, step: Step, place: str, leaf: Pick) -> object:
        """What stands in the item that is meant; what needs it is left out where there is none."""
        try:
            items = value_at(self._answer(leaf.step), leaf.items)
            one = pick(items, leaf, self._began) if isinstance(items, list) else None
        except LookupError:
            one = None
        if one is None:
            raise _Left(f"{leaf.step} gave none that is meant")
        return self._found(step, place, Ref(leaf.step, leaf.pointer, leaf.as_text), one, "the one that is meant")

    def _answer(self, name: str) -> Any:
        """What a step answered, of one with `each` all its answers."""
        if name not in self._answered:
            step = self.steps[name]
            indices = range(len(self._items(step))) if step.each is not None else [0]
            every = [self._one_answer(step, index, in_list=step.each is not None) for index in indices]
            self._make_room(sum(self._size(name, index) for index in indices))
            self._answered[name] = every if step.each is not None else every[0]
        return self._answered[name]

    def _size(self, name: str, index: int) -> int:
        called = self._progress.of("do", name, index).called
        return len(called.result) if called is not None else 0

    def _make_room(self, size: int) -> None:
        """Of what was decoded little is kept, so that many runs have room beside each other."""
        self._answered_bytes += size
        if self._answered_bytes > DECODED_BYTES_MAX:
            self._answered.clear()
            self._listed.clear()
            self._answered_bytes = size

    def _one_answer(self, step: Step, index: int, *, in_list: bool = False) -> Any:
        standing = self._progress.of("do", step.name, index)
        if standing.skipped is not None and in_list:
            return None
        if standing.skipped is not None:
            raise _Left(f"{step.name} was left out")
        if standing.previewed is not None:
            raise _Left(f"it needs what {step.name} will answer")
        if standing.called is None:
            raise _failed(step, "nobody saw what it answered, and a later step needs it")
        if standing.called.truncated:
            raise _failed(
                step, "its answer is too long to be referred to; raise limits.result_bytes_max of its connector"
            )
        return _decode(standing.called)

    def _items(self, step: Step) -> list[Any]:
        """What a step with `each` is carried out for."""
        if step.name not in self._listed:
            assert step.each is not None
            self._listed[step.name] = self._find_items(step, step.each)
        return self._listed[step.name]

    def _find_items(self, step: Step, each: Ref) -> list[Any]:
        try:
            found = value_at(self._answer(each.step), each.pointer)
        except LookupError as error:
            raise _failed(step, f"what {each.step} answered has no one list at {each.pointer!r}") from error
        if not isinstance(found, list):
            raise _failed(step, f"what {each.step} answered has no list at {each.pointer!r}")
        if len(found) > ITEMS_MAX:
            raise _failed(step, f"{each.step} gave {len(found)} items, and a step takes {ITEMS_MAX} at most")
        return found

    def _fits(self, step: Step, one: Any) -> bool:
        """Whether its condition is met, for this item of its list."""
        if step.when is None:
            return True
        leaf = step.when.value
        root = one if isinstance(leaf, Item) else self._answer(leaf.step)
        try:
            value = _textual(leaf, value_at(root, leaf.pointer))
        except LookupError:
            return False
        return within(
            read_constraints({"properties": {"value": step.when.fits}, "required": ["value"]}), {"value": value}
        )

    def _open_slots(self) -> Iterator[Question]:
        """What has to be asked and was not answered yet."""
        self._slots = [one for one in self._slots if f"{one[0].name}{one[1]}" not in self._progress.answers]
        for step, place, leaf in self._slots:
            asked = place_of(self._tool(step.tool).input_schema).at(place)
            yield Question(
                f"{step.name}{place}", leaf.question, leaf.schema if leaf.schema is not None else asked.schema
            )

    def _over_budget(self, tool: Tool) -> Move | None:
        """What to ask where the next call would be more than the run may use; the end where it cannot be raised."""
        spent = self._progress.spent
        used = {"calls_max": spent.calls + 1, "bytes_max": spent.bytes, "wall_s_max": spent.wall_s}
        if tool.effect != "read":
            used["writes_max"] = spent.writes + (1 if spent.writes or not self._writes else self._count_writes())
        return ask_more(self._progress, self._bound, used)

    def _count_writes(self) -> int:
        """How many writes the plan makes, as far as that is known before the first: it is begun only where it may be ended."""
        writes = (step for step in self._order if self._tool(step.tool).effect != "read")
        return max(sum(self._count(step) for step in writes if step.name not in self._progress.closed), 1)

    def _count(self, step: Step) -> int:
        """How often a step is carried out, as far as can be told."""
        try:
            if step.each is None:
                return int(self._progress.of("do", step.name, 0).skipped is None and self._fits(step, None))
            each = structs.replace(step.each, step=self._twin(step.each.step))
            return sum(self._fits(step, one) for one in self._find_items(step, each))
        except (_Left, _Instead):
            return 0

    def _twin(self, name: str) -> str:
        """The step itself where it was answered, else one that was and that asks the same: it likely has as many items."""
        step = self.steps[name]
        same = (one.name for one in self._order if (one.tool, one.arguments) == (step.tool, step.arguments))
        known = [one for one in same if self._progress.of("do", one, 0).called is not None]
        return name if name in known or not known else known[0]

    # Backwards.

    def _undo(self) -> Move:
        """The last thing that was done and is not taken back yet."""
        if self._done is None:
            sent = [(one.rows[-1], place) for place, one in self._progress.calls.items() if one.sending is not None]
            self._done = [(name, index) for _, (way, name, index) in sorted(sent) if way == "do"]
        while self._done:
            name, index = self._done[-1]
            move = self._take_back(self.steps[name], index, self._progress.of("do", name, index))
            if move is not None:
                return move
            self._done.pop()
        left = [
            name
            for (way, name, index), one in self._progress.calls.items()
            if way == "do" and one.sending is not None and self._stays(name, index, one)
        ]
        if left:
            return End("failed", f"Not everything was taken back: {', '.join(dict.fromkeys(reversed(left)))}.")
        return End("compensated")

    def _stays(self, name: str, index: int, standing: Standing) -> bool:
        """Whether what was done, or may have been, is not taken back."""
        back = self._progress.of("undo", name, index)
        has_failed = standing.called is not None and standing.called.is_error
        is_no = standing.refused is not None and standing.refused.happened == "no" and standing.called is None
        is_back = (back.called is not None and not back.called.is_error) or back.happened
        return not (has_failed or is_no or is_back)

    def _take_back(self, step: Step, index: int, standing: Standing) -> Move | None:
        back = self._progress.of("undo", step.name, index)
        tool = self._tool(step.tool)
        if not self._stays(step.name, index, standing) or back.called is not None or back.skipped is not None:
            return None
        if back.unanswered:
            return self._uncertain("undo", step.name, index, "what takes it back was sent and not answered")
        if back.refused is not None:
            return None
        relation = tool.related.undo if tool.related is not None else None
        later = self._tools.get(relation.later) if relation is not None else None
        if relation is None or later is None or later.connector != tool.connector:
            return Skip("undo", step.name, index, f"nothing takes {tool.name} back")
        own = _decode(standing.called) if standing.called is not None else None
        try:
            given = self._arguments(step, index, tool)
            found = bind(relation, given, own)
        except _Left:
            given, found = {}, None
        if found is None:
            return Skip("undo", step.name, index, f"it is not known what {later.name} has to be called with")
        key = key_argument(later)
        if key and key not in found:
            found[key] = key_of(self._run_id, f"undo {step.name}", index, found)
        unsure = ""
        if not any(one.is_answered and found.get(one.argument) not in given.values() for one in relation.bindings):
            unsure = f"It may have been so before: nothing tells whether {tool.name} changed anything that {later.name} takes back."
        return Make("undo", step.name, index, later, found, unsure)

    def _tool(self, name: str) -> Tool:
        if name not in self._tools:
            raise _Instead(End("failed", f"{name} is not there any more, or you may not call it."))
        return self._tools[name]


def ask_more(progress: Progress, bound: Bound, used: Mapping[str, float]) -> Ask | End | None:
    """What to ask where so much of parts of the budget is more than a run may use; the end where these cannot be raised."""
    budget, most = progress.budget, bound.budget
    over = [name for name, amount in used.items() if amount > getattr(budget, name)]
    if not over:
        return None
    told = ", ".join(f"{name} = {getattr(budget, name):g}" for name in over)
    why = f"The budget is used up: {told}."
    if "writes_max" in over and not progress.spent.writes:
        why = f"It would make {used['writes_max']:g} writes, and none is made yet: the budget has {told}."
    stuck = [name for name in over if getattr(budget, name) >= getattr(most, name)]
    stuck += [name for name in over if name == "writes_max" and used[name] > most.writes_max]
    if stuck:
        return End("failed", f"{why} The gateway allows no more.")
    raised = {
        name: {
            "type": "number" if name in ("wall_s_max", "money_max") else "integer",
            "minimum": used[name] if name == "writes_max" and name in over else getattr(budget, name),
            "maximum": getattr(most, name),
        }
        for name in used
    }
    schema = {"type": "object", "properties": raised, "required": over, "additionalProperties": False}
    return Ask((Question(BUDGET, f"{why} May it be more?", schema),))


def ask_for(progress: Progress, bound: Bound, name: str) -> Ask | None:
    """The question whether one part of the budget may be more; None where it cannot be."""
    more = ask_more(progress, bound, {name: getattr(progress.budget, name) + 1})
    return more if isinstance(more, Ask) else None


def _failed(step: Step, detail: str) -> _Instead:
    return _Instead(End("failed", f"{step.name}: {detail}"))


def _textual(leaf: Ref | Item, value: Any) -> Any:
    return as_text(value) if leaf.as_text else value


def _decode(called: Called) -> Any:
    return msgspec.json.decode(called.result)
