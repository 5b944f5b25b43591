"""Intents as MCP tools: one is handed over, looked at, answered, cancelled. What has to be asked of a person is asked by the
means that the client has: a form, a page to open, else in words. Knows both eras' forms; `intent` acts."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from msgspec import Raw, Struct

from gateway.core.account import account
from gateway.core.fact import LOCALE
from gateway.core.plan import INTENT_CHARACTERS_MAX
from gateway.core.principal import Principal
from gateway.core.prose import cut
from gateway.core.run import MOVING, RunState
from gateway.edge.forms import QUESTIONS_MAX, form_of, read_form
from gateway.edge.intents import show_run
from gateway.edge.jsonrpc import INVALID_PARAMS, Fault
from gateway.edge.mcp.own import ANYTHING, READ_ONLY, Definition, schema_of, text
from gateway.edge.wanted import WAIT_S_MAX, IntentBody, begin, read_plan
from gateway.errors import ArgumentsInvalid
from gateway.intent import Intents
from gateway.planning import Planning
from gateway.runs import Held, Runs

WAIT_S = 20.0
# What a model is shown of results; REST and the events have more.
RESULTS_BYTES_MAX = 64 << 10
MESSAGE_CHARACTERS_MAX = 1_000
ANSWERS, APPROVAL = "answers", "approval"

_ID = text("The id that fulfil_intent gave.")
_WAIT = {"type": "number", "minimum": 0, "maximum": WAIT_S_MAX, "description": "Seconds to wait until it rests."}
_PLAN = (
    "Steps, each a call of one tool: {intent, steps: [{name, tool, arguments: {argument: source}}]}. A source is "
    '{"kind": "literal", "value": ...}; {"kind": "ref", "step": name, "pointer": JSON Pointer into its answer}; '
    '{"kind": "slot", "question": ...} for what has to be asked; or {"kind": "object", "members": {...}} and '
    '{"kind": "list", "items": [...]} of sources. A step with "each": ref is carried out for every item of that list, and '
    '{"kind": "item", "pointer": ...} is of the item. What the person asks is told by "answers": [{"kind": "tells", "says": words, '
    '"value": ref}, {"kind": "holds", "value": ref, "fits": JSON Schema, "yes": sentence, "no": sentence}, {"kind": "lists", '
    '"items": ref, "says": words, "none": sentence}, {"kind": "counts", "items": ref, "says": words}].'
)

FULFIL = Definition(
    "fulfil_intent",
    "Fulfil an intent",
    "Carries out what a person wants, across as many tools as it takes: checked as a whole first, each write done at most once "
    "and looked after. Gives an id, the state, what became of each call, and what has to be asked.",
    schema_of(
        {
            "intent": text("What is wanted, in the person's own words.") | {"maxLength": INTENT_CHARACTERS_MAX},
            "zone": text(
                "The time zone in which they speak: Europe/Berlin. Where it is not told, the one remembered, or UTC."
            ),
            "locale": text("The language in which they speak: en-GB.") | {"pattern": LOCALE, "maxLength": 35},
            "plan": {"type": "object", "description": _PLAN},
            "recipe": text(
                "In place of both, the name of one of the person's recipes; one that is none is told those there are."
            ),
            "arguments": {
                "type": "object",
                "description": "What the recipe's parameters are; those left out are asked.",
            },
            "goal": text("In place of both, the name of the tool that is to be called in the end."),
            "known": {
                "type": "object",
                "description": "With goal: its arguments by name, or fields of the thing that one of them names, such as "
                '{"room": "kitchen", "on": false}; what nobody gives is asked.',
            },
            "mode": {
                "enum": ["execute", "preview"],
                "default": "execute",
                "description": "preview makes the reads and shows the writes.",
            },
            "key": text("Of your own making: the same key with the same plan begins no second run."),
            "wait_s": _WAIT | {"default": WAIT_S},
        }
    ),
    ANYTHING,
)
STATUS = Definition(
    "intent_status",
    "Look at an intent",
    "How far an intent is: its state, what became of each call, what it asks.",
    schema_of({"intent_id": _ID, "wait_s": _WAIT | {"default": 0}}, "intent_id"),
    READ_ONLY,
)
ANSWER = Definition(
    "answer_intent",
    "Answer an intent",
    "Answers what an intent asks, by the keys of its questions, with what the person said. Without values it goes on where it "
    "waited for a scope or a credential.",
    schema_of(
        {
            "intent_id": _ID,
            "values": {"type": "object", "description": "Answers by the keys of the questions.", "default": {}},
            "wait_s": _WAIT | {"default": WAIT_S},
        },
        "intent_id",
    ),
    ANYTHING,
)
CANCEL = Definition(
    "cancel_intent",
    "Cancel an intent",
    "Makes no further call for an intent; what has left has left.",
    schema_of({"intent_id": _ID}, "intent_id"),
    msgspec.structs.replace(ANYTHING, destructive_hint=False, idempotent_hint=True),
)
INTENT_TOOLS = (FULFIL, STATUS, ANSWER, CANCEL)
_WANTED = ("intent", "zone", "locale", "mode", "recipe", "arguments", "goal", "known")
INTENT_NAMES = frozenset(one.name for one in INTENT_TOOLS)

_NEXT: dict[RunState, str] = {
    "needs_input": "Ask the person, and call answer_intent with a value for each key of `questions`.",
    "uncertain": "Ask the person what became of it, and call answer_intent with `happened` or `again`.",
    "needs_auth": "It lacks a scope or a credential; once that is there, call answer_intent without values.",
    "needs_approval": "A person has to say yes, at `approval.url` where there is one. It goes on by itself: call intent_status.",
}


class Means(Struct, frozen=True):
    """By what a client can have a person asked; and whether it follows `tasks`."""

    forms: bool = False
    urls: bool = False
    tasks: bool = False


class Carried(Struct, frozen=True):
    """What came back with a call that asked for something: `word` is what we told it to carry, "" where it asked nothing."""

    word: str = ""
    responses: Mapping[str, Raw] = {}


NO_MEANS, NOTHING = Means(), Carried()


class InputNeeded(Exception):
    """A person has to be asked, by elicitation: the requests by their names, and the word to carry."""

    def __init__(self, word: str, requests: dict[str, dict[str, Any]]) -> None:
        super().__init__(word)
        self.word = word
        self.requests = requests


class TaskBegun(Exception):
    """It goes on, and the client follows tasks."""

    def __init__(self, held: Held) -> None:
        super().__init__()
        self.held = held


class _Answer(Struct, frozen=True):
    action: Literal["accept", "decline", "cancel"]
    content: dict[str, Any] = {}


_answers = msgspec.json.Decoder(_Answer)


class IntentTools:
    """What the tools of INTENT_TOOLS answer."""

    def __init__(self, intents: Intents, runs: Runs, planning: Planning) -> None:
        self.intents = intents
        self.runs = runs
        self._planning = planning

    async def call(
        self, principal: Principal, name: str, asked: Mapping[str, Any], means: Means, carried: Carried
    ) -> dict[str, Any]:
        """The answer, to be encoded. `asked` fits the tool's schema. Raises InputNeeded, TaskBegun, Fault, and what `Intents`
        raises."""
        if carried.word:
            held = await self._go_on(principal, asked, means, carried)
        else:
            held = await self._look(principal, name, asked, means)
        if means.tasks and name == FULFIL.name and goes_on(held):
            raise TaskBegun(held)
        return await self.tell(held)

    async def _look(self, principal: Principal, name: str, asked: Mapping[str, Any], means: Means) -> Held:
        """The run that a call is about, once there is something to tell of it."""
        if name == CANCEL.name:
            await self.intents.cancel(principal, asked["intent_id"])
            return await self.runs.find(principal, asked["intent_id"])
        run_id, waits = await self._begin(principal, name, asked), MOVING
        if name == STATUS.name and not means.urls:
            waits = MOVING | {"needs_approval"}
        wait_s = float(asked.get("wait_s", 0 if name == STATUS.name else WAIT_S))
        held = await self.runs.wait(principal, run_id, wait_s, waits)
        require_nobody(held, means)
        return held

    async def _begin(self, principal: Principal, name: str, asked: Mapping[str, Any]) -> str:
        """The id of the run that the call is about."""
        if name == FULFIL.name:
            run = await begin(self.intents, self._planning, principal, _wanted(asked), "mcp", asked.get("key", ""))
            return run.id
        run_id: str = asked["intent_id"]
        if name == ANSWER.name:
            await self.intents.answer(principal, run_id, asked.get("values", {}))
        return run_id

    async def _go_on(self, principal: Principal, asked: Mapping[str, Any], means: Means, carried: Carried) -> Held:
        """With what a person answered, or whether a person looked at the page."""
        run_id, _, approval = carried.word.partition(" ")
        answer = read_answer(carried.responses, APPROVAL if approval else ANSWERS)
        held = await self.runs.find(principal, run_id)
        if answer is not None and answer.action != "accept":
            return held
        wait_s = float(asked.get("wait_s", WAIT_S))
        if approval:
            held = await self.runs.wait(principal, run_id, wait_s, MOVING | {"needs_approval"})
            waiting = held.progress.waiting
            is_same = waiting is not None and waiting.approval == approval and held.run.state == "needs_approval"
            if not is_same:
                require_nobody(held, means)
            return held
        questions = held.progress.questions
        if answer is not None and questions:
            try:
                await self.intents.answer(principal, run_id, read_form(questions, answer.content))
            except ArgumentsInvalid as error:
                require_nobody(held, means, f"{error.detail}.")
        held = await self.runs.wait(principal, run_id, wait_s)
        require_nobody(held, means)
        return held

    async def tell(self, held: Held) -> dict[str, Any]:
        run = held.run
        entries = await self.runs.journal(run.principal, run.id)
        shown = show_run(held, RESULTS_BYTES_MAX)
        is_asking = run.state != "uncertain" or shown.questions
        following = "It goes on: call intent_status." if run.state in MOVING else _NEXT.get(run.state, "")
        told = {
            "detail": shown.detail,
            "questions": shown.questions,
            "approval": shown.approval,
            "next": following if is_asking else "",
            "sentences": account(run, held.progress, entries),
            "steps": [{"name": one.name, "tool": one.tool, "calls": one.calls} for one in shown.steps if one.calls],
        }
        return {"intent_id": run.id, "state": run.state} | {key: value for key, value in told.items() if value}


def goes_on(held: Held) -> bool:
    """Whether it does so by itself."""
    return held.run.state in MOVING or held.run.state == "needs_approval"


def require_nobody(held: Held, means: Means, wrong: str = "") -> None:
    """Raises InputNeeded where a person is to be asked now, and the client has the means."""
    run, progress, questions = held.run, held.progress, held.progress.questions
    if means.forms and 0 < len(questions) <= QUESTIONS_MAX:
        message = cut(" ".join(filter(None, (wrong, *(one.question for one in questions)))), MESSAGE_CHARACTERS_MAX)
        form = {"mode": "form", "message": message, "requestedSchema": form_of(questions)}
        raise InputNeeded(run.id, {ANSWERS: {"method": "elicitation/create", "params": form}})
    waiting = progress.waiting
    if means.urls and waiting is not None and waiting.url and run.state == "needs_approval":
        page = {"mode": "url", "message": cut(waiting.detail, MESSAGE_CHARACTERS_MAX), "url": waiting.url}
        raise InputNeeded(f"{run.id} {waiting.approval}", {APPROVAL: {"method": "elicitation/create", "params": page}})


def _wanted(asked: Mapping[str, Any]) -> IntentBody:
    plan = read_plan(asked["plan"]) if "plan" in asked else None
    return IntentBody(plan, **{name: asked[name] for name in _WANTED if name in asked})


def read_answer(responses: Mapping[str, Raw], name: str) -> _Answer | None:
    """None where it did not come along. Raises Fault."""
    answer: Raw | None = responses.get(name)
    try:
        return None if answer is None else _answers.decode(answer)
    except msgspec.DecodeError as error:
        raise Fault(INVALID_PARAMS, f"inputResponses.{name} is an ElicitResult, with an action.") from error
