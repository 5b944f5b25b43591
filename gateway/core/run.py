"""A run: one durable execution of a plan, and its journal, from which everything about it follows. Shapes, and what a journal
comes to; knows no store and no clock."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta, Raw, Struct, field, structs

from gateway.core.flow import Flow
from gateway.core.notice import Listener
from gateway.core.operation import Effect
from gateway.core.plan import Budget, Plan, Step
from gateway.core.planned import Asks, Told, Used, answer_schema
from gateway.core.principal import Owner, Principal

RunState = Literal[
    "received", "planning", "needs_input", "needs_auth", "needs_approval", "running", "verifying", "done", "failed",
    "cancelled", "rejected", "uncertain", "compensating", "compensated",
]  # fmt: skip
Mode = Literal["preview", "execute"]
Way = Literal["do", "undo"]
AsksYes = Literal["", "door", "words"]
Planning = Literal["", "again", "steps"]

# Those in which the gateway goes on by itself; `needs_approval` is looked at now and then.
MOVING: frozenset[RunState] = frozenset({"received", "planning", "running", "verifying", "compensating"})
ASKING: frozenset[RunState] = frozenset({"needs_input", "needs_auth", "needs_approval"})
ENDED: frozenset[RunState] = frozenset({"done", "failed", "cancelled", "rejected", "uncertain", "compensated"})

# Those in which it waits for somebody for as long as they take: a yes that is waited for has an end of its own.
LEFT_ALONE: frozenset[RunState] = frozenset({"needs_input", "needs_auth"})

BUDGET = "budget"
# The keys of questions about words that are no plan yet begin so.
WORDS = "words:"
NULL = Raw(b"null")
NOTHING = Used()


class Spoken(Struct, frozen=True):
    """How words were said of which no plan came yet: the time zone and the language, as `planning` takes them."""

    zone: str = ""
    locale: str = ""


class Run(Struct, frozen=True):
    """As it is after the event `sequence` of its journal. `principal` is for whom each call is made, with the scopes that it had
    when it began. `due_at` is when the gateway looks at it next, None where it waits for somebody. `context` is by what whoever
    began it puts runs together, "" where it does not. `standing` is the standing intent that it is a slot of, "" where somebody
    began it. `vouched` are the places (`step/argument`) of values that the person said yes to with a recipe. `spoken` is there as
    long as its plan is words alone, without steps. With `asks_yes` each of its writes waits for a person's yes, whatever policies
    say: because of the door that it came through, or because its plan was made of words and nobody has looked at it. `planning`:
    what its planner is asked while it goes on: nothing, `again` for a plan of the rest where something did not show, or for each of
    its `steps`. `toolset` is the one that its tools are of, ""
    of all. `ended_as` is the state in which it had ended for good before it was taken back, None where it was not.
    `listeners` are told each time that it begins to go on, to wait, or ends."""

    id: str
    principal: Principal
    plan: Plan
    mode: Mode
    door: str
    created_at: datetime
    updated_at: datetime
    state: RunState = "received"
    sequence: int = 0
    due_at: datetime | None = None
    context: str = ""
    standing: str = ""
    vouched: tuple[str, ...] = ()
    spoken: Spoken | None = None
    asks_yes: AsksYes = ""
    ended_as: RunState | None = None
    listeners: tuple[Listener, ...] = ()
    planning: Planning = ""
    toolset: str = ""

    @property
    def owner(self) -> Owner:
        return self.principal.owner


class _Event(Struct, frozen=True, tag_field="kind", omit_defaults=True):
    """One thing that happened."""


class Received(_Event, frozen=True, tag="received"):
    """The run began. `flows` are those of its plan that harm, so that each needs a person's yes; `used` is what planning took, and
    `remembered` what the facts say that it was planned with."""

    flows: tuple[Flow, ...] = ()
    used: Used = Used()
    remembered: tuple[str, ...] = ()


class Question(Struct, frozen=True, omit_defaults=True):
    """What is asked, under the `key` by which it is answered, and the JSON Schema that the answer has to fit."""

    key: str
    question: str
    schema: dict[str, Any]


class Asked(_Event, frozen=True, tag="asked"):
    """The run waits for answers."""

    questions: tuple[Question, ...]


class Answered(_Event, frozen=True, tag="answered"):
    """Somebody answered, or said that it can go on."""

    values: dict[str, Any] = {}


class Agreed(_Event, frozen=True, tag="agreed"):
    """A person said yes to the plan as it is, by that approval: that it was made of words needs no further yes."""

    approval: str


class Planned(_Event, frozen=True, tag="planned"):
    """Words became a plan, once what was asked about them was answered. `flows` and `remembered` are as those of Received,
    `vouched` as those of Run."""

    plan: Plan
    flows: tuple[Flow, ...] = ()
    vouched: tuple[str, ...] = ()
    remembered: tuple[str, ...] = ()


class Waiting(_Event, frozen=True, tag="waiting"):
    """The next call lacks a credential, a scope, or a person's yes: the approval of that id, decided at `url`."""

    state: Literal["needs_auth", "needs_approval"]
    step: str
    iteration: int
    detail: str
    way: Way = "do"
    approval: str = ""
    url: str = ""


class Thinking(_Event, frozen=True, tag="thinking"):
    """The planner is asked how to go on: after this call, "" where it says each step by itself. `reserved` counts as used until
    it is known what it took."""

    step: str
    iteration: int
    detail: str
    reserved: Used = Used()


class Thought(_Event, frozen=True, tag="thought"):
    """What it took, in place of what was reserved for it."""

    used: Used = Used()


class Replanned(_Event, frozen=True, tag="replanned"):
    """The rest of the plan is another one: `plan` begins with the steps of the one before that were carried out, whether or not
    that went well; of those that are `closed` no further call is made. `dropped` are the steps that are no longer in it."""

    plan: Plan
    flows: tuple[Flow, ...] = ()
    because: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()
    dropped: tuple[Step, ...] = ()


class Paused(_Event, frozen=True, tag="paused"):
    """The backend, or a quota, wants the next call, or the look after one, later; nothing has happened by it. It is made again by
    itself, not before `until`."""

    step: str
    iteration: int
    until: datetime
    detail: str
    way: Way = "do"
    look: bool = False


class Sending(_Event, frozen=True, tag="sending"):
    """A write is about to leave: written before it does. `digest` is the SHA-256 of the arguments."""

    step: str
    iteration: int
    tool: str
    digest: str
    way: Way = "do"


class Called(_Event, frozen=True, tag="called"):
    """The backend answered. `result` is its JSON, null where it gave none; `verify` names the tool that will look after it."""

    step: str
    iteration: int
    tool: str
    effect: Effect
    digest: str
    status: int
    bytes: int
    elapsed_s: float
    result: Raw = NULL
    truncated: bool = False
    is_error: bool = False
    detail: str = ""
    verify: str = ""
    way: Way = "do"


class Refused(_Event, frozen=True, tag="refused"):
    """There was no answer. `happened`: whether the backend may have carried it out."""

    step: str
    iteration: int
    tool: str
    detail: str
    code: str
    happened: Literal["no", "unknown"] = "no"
    way: Way = "do"


class Skipped(_Event, frozen=True, tag="skipped"):
    """A call that is not made, and why."""

    step: str
    iteration: int
    detail: str
    way: Way = "do"


class Previewed(_Event, frozen=True, tag="previewed"):
    """What would be sent, secrets redacted; `undo` names the tool that would take it back, "" where there is none."""

    step: str
    iteration: int
    tool: str
    request: Raw
    undo: str = ""


class Verified(_Event, frozen=True, tag="verified"):
    """What a look after a write came to. `shown` null: it could not be looked."""

    step: str
    iteration: int
    tool: str
    shown: bool | None
    detail: str = ""


class Undoing(_Event, frozen=True, tag="undoing"):
    """What was done is taken back from here on, the last first."""


class Listening(_Event, frozen=True, tag="listening"):
    """Those with these ids are told from here on."""

    listeners: tuple[str, ...] = ()


class Ended(_Event, frozen=True, tag="ended"):
    """Nothing more is done, unless somebody answers the questions of a run that is uncertain."""

    state: RunState
    detail: str = ""
    questions: tuple[Question, ...] = ()


Event: TypeAlias = (
    Received
    | Asked
    | Answered
    | Agreed
    | Planned
    | Waiting
    | Thinking
    | Thought
    | Replanned
    | Paused
    | Sending
    | Called
    | Refused
    | Skipped
    | Previewed
    | Verified
    | Undoing
    | Listening
    | Ended
)


class Entry(Struct, frozen=True):
    """One row of a journal. Sequences begin at 1 and have no gaps."""

    sequence: Annotated[int, Meta(ge=1)]
    at: datetime
    event: Event


class Standing(Struct, frozen=True):
    """What became of one call so far: how often it was `sent`, that somebody said it `happened`, and the rows that tell of it."""

    sending: Sending | None = None
    called: Called | None = None
    refused: Refused | None = None
    skipped: Skipped | None = None
    verified: Verified | None = None
    previewed: Previewed | None = None
    happened: bool = False
    sent: int = 0
    rows: tuple[int, ...] = ()

    @property
    def unanswered(self) -> bool:
        """A write left, and nobody knows what became of it."""
        if self.called is not None or self.happened or self.skipped is not None:
            return False
        return self.sending is not None and (self.refused is None or self.refused.happened == "unknown")

    @property
    def settled(self) -> bool:
        """Whether nothing more is to be done about it, but for looking after it."""
        return self.called is not None or self.skipped is not None or self.previewed is not None or self.happened


class Spent(Struct, frozen=True):
    """What a run has used of its budget; `paused_s` are the seconds that it waited because backends were busy."""

    calls: int = 0
    writes: int = 0
    bytes: int = 0
    wall_s: float = 0.0
    paused_s: float = 0.0
    tokens: int = 0
    money: float = 0.0

    def after(self, used: Used, reserved: Used = NOTHING) -> "Spent":
        """With what a planning took, in place of what was reserved."""
        tokens, money = self.tokens + used.tokens - reserved.tokens, self.money + used.money - reserved.money
        return structs.replace(self, tokens=tokens, money=money)


Place: TypeAlias = tuple[Way, str, int]


class Progress(Struct):
    """All that a journal comes to."""

    budget: Budget
    state: RunState = "received"
    detail: str = ""
    calls: dict[Place, Standing] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    told: tuple[Told, ...] = ()
    questions: tuple[Question, ...] = ()
    waiting: Waiting | None = None
    paused: Paused | None = None
    closed: frozenset[str] = frozenset()
    replans: int = 0
    turns: int = 0
    reserved: Used = Used()
    spent: Spent = Spent()
    flows: tuple[Flow, ...] = ()
    undoing: bool = False
    agreed: bool = False

    def of(self, way: Way, step: str, iteration: int) -> Standing:
        return self.calls.get((way, step, iteration), Standing())


def by_step(progress: Progress) -> dict[str, list[Place]]:
    """The places of all calls, those of each step in order, the way there first."""
    told: dict[str, list[Place]] = {}
    for place in sorted(progress.calls):
        told.setdefault(place[1], []).append(place)
    return told


def replay(plan: Plan, entries: Iterable[Entry], budget_max: Budget) -> Progress:
    """What the journal comes to."""
    progress = Progress(within(plan.budget, budget_max))
    for entry in entries:
        take_in(progress, entry, budget_max)
    return progress


def take_in(progress: Progress, entry: Entry, budget_max: Budget) -> None:
    """One event more."""
    event = entry.event
    if progress.paused is not None:
        progress.paused, progress.detail = None, ""
    match event:
        case Received(flows=flows, used=used):
            progress.state, progress.flows, progress.spent = "running", flows, progress.spent.after(used)
        case Thinking(detail=detail, reserved=reserved):
            progress.state, progress.detail, progress.turns = "planning", detail, progress.turns + 1
            progress.spent, progress.reserved = progress.spent.after(reserved), reserved
        case Thought(used=used):
            progress.spent, progress.reserved = progress.spent.after(used, progress.reserved), Used()
        case Replanned(flows=flows, closed=closed):
            progress.state, progress.detail, progress.flows = "running", "", flows
            progress.agreed = False
            progress.closed, progress.replans = progress.closed.union(closed), progress.replans + 1
        case Asked(questions=questions):
            progress.state, progress.questions = "needs_input", questions
        case Answered(values=values):
            _answer(progress, values, budget_max)
        case Agreed():
            progress.agreed = True
            _answer(progress, {}, budget_max)
        case Planned(plan=plan, flows=flows):
            progress.state, progress.flows, progress.agreed = "running", flows, False
            progress.budget = within(plan.budget, budget_max)
        case Waiting(state=state, detail=detail):
            progress.state, progress.detail, progress.waiting = state, detail, event
        case Paused():
            _pause(progress, entry.at, event)
        case Listening():
            pass
        case Undoing():
            progress.state, progress.undoing, progress.detail, progress.questions = "compensating", True, "", ()
        case Ended(state=state, detail=detail, questions=questions):
            progress.state, progress.detail, progress.questions = state, detail, questions
        case _:
            _note_call(progress, entry.sequence, event)


def _answer(progress: Progress, values: Mapping[str, Any], budget_max: Budget) -> None:
    """An answer about a call whose end nobody knows settles it; any other is kept under its key."""
    told = tuple(Told(one.question, values[one.key]) for one in progress.questions if one.key.startswith(WORDS))
    progress.told += told
    for key, value in values.items():
        if key.startswith(WORDS):
            continue
        if key == BUDGET:
            progress.budget = within(structs.replace(progress.budget, **value), budget_max)
            continue
        place = read_settle(key)
        if place is None:
            progress.answers[key] = value
        elif value == "happened":
            progress.calls[place] = structs.replace(progress.of(*place), happened=True)
        else:
            progress.calls.pop(place, None)
    progress.questions, progress.waiting, progress.detail = (), None, ""
    moving: RunState = "planning" if told else "running"
    progress.state = "compensating" if progress.undoing else moving


def _pause(progress: Progress, at: datetime, event: Paused) -> None:
    """The call that was just tried is as if it never was; what was sent before it, and not answered, stays so."""
    place, spent = (event.way, event.step, event.iteration), progress.spent
    known = progress.of(*place)
    if not event.look and known.sending is not None:
        earlier = known.sending if known.sent > 1 else None
        progress.calls[place] = structs.replace(known, sending=earlier, refused=None, sent=known.sent - 1)
        spent = structs.replace(spent, writes=spent.writes - 1)
    waited = max((event.until - at).total_seconds(), 0.0)
    progress.spent = structs.replace(spent, paused_s=spent.paused_s + waited)
    if progress.state not in ENDED:
        progress.paused, progress.detail = event, event.detail
        progress.state = "compensating" if progress.undoing else "running"


def _note_call(
    progress: Progress, sequence: int, event: Sending | Called | Refused | Skipped | Previewed | Verified
) -> None:
    way: Way = "do" if isinstance(event, Previewed | Verified) else event.way
    place = (way, event.step, event.iteration)
    known, spent = progress.of(*place), progress.spent
    moving: RunState = "compensating" if progress.undoing else "running"
    match event:
        case Sending():
            known = structs.replace(known, sending=event, refused=None, sent=known.sent + 1)
            progress.spent = structs.replace(spent, calls=spent.calls + 1, writes=spent.writes + 1)
        case Called():
            known = structs.replace(known, called=event)
            reads = 0 if known.sending is not None else 1
            moving = "verifying" if event.verify else moving
            progress.spent = structs.replace(
                spent,
                calls=spent.calls + reads,
                bytes=spent.bytes + event.bytes,
                wall_s=spent.wall_s + event.elapsed_s,
            )
        case Refused():
            known = structs.replace(known, refused=event)
        case Skipped():
            known = structs.replace(known, skipped=event)
        case Previewed():
            known = structs.replace(known, previewed=event)
        case Verified():
            known = structs.replace(known, verified=event, happened=known.happened or event.shown is True)
            progress.spent = structs.replace(spent, calls=spent.calls + 1)
    progress.calls[place] = structs.replace(known, rows=(*known.rows, sequence))
    if progress.state not in ENDED:
        progress.state, progress.waiting = moving, None


def within(budget: Budget, bound: Budget) -> Budget:
    """A budget, in no part more than another."""
    told = structs.asdict(budget)
    return Budget(**{name: min(value, getattr(bound, name)) for name, value in told.items()})


def about_words(asks: Asks, number: int) -> Question:
    """The question that planning asks, the one of this number."""
    return Question(f"{WORDS}{number}", asks.question, answer_schema(asks))


def settle_key(way: Way, step: str, iteration: int) -> str:
    """The key of the question what became of a call."""
    return f"{way}:{step}:{iteration}"


def read_settle(key: str) -> Place | None:
    match key.split(":"):
        case ["do" | "undo" as way, step, iteration] if iteration.isdigit():
            return ("do" if way == "do" else "undo"), step, int(iteration)
        case _:
            return None
