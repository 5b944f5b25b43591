"""REST for intents: start one, look at it, follow it, answer it, cancel it, take it back. Knows the wire; `intent` acts."""

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import accumulate
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Stream
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from gateway.core.account import account, in_brief
from gateway.core.flow import Flow
from gateway.core.plan import Budget, Leaf, in_order, leaves
from gateway.core.planned import Comes, Planned, Ready
from gateway.core.run import Entry, Mode, Place, Progress, Question, Run, RunState, Spent, Standing, by_step
from gateway.core.tell import Sentence, tell
from gateway.core.tool import Tool
from gateway.edge.approvals import read_json
from gateway.edge.asgi import COMMENT, header_values
from gateway.edge.parts import Gateway
from gateway.edge.query import Limit, read_query
from gateway.edge.wanted import WAIT_S_MAX, Answers, IntentBody, Locale, Words, begin
from gateway.errors import BadRequest
from gateway.runs import Held

INTENTS_MAX = 500
QUIET_S = 15.0
# Beyond that the results of calls are in the events alone.
RESULTS_BYTES_MAX = 1 << 20

AnyRequest = Request[Any, Any, Any]
Level = Literal["brief", "full", "evidence"]


class WordsBody(Struct, frozen=True, forbid_unknown_fields=True):
    """An `intent` in words, or a `goal` with what is `known`, as in IntentBody."""

    intent: Words = ""
    goal: Annotated[str, Meta(max_length=200)] = ""
    known: dict[str, Any] = {}
    zone: str = ""
    locale: Locale = ""
    answers: Answers = ()


class PlannedShown(Struct, frozen=True):
    """What came of words: `plan` with the plan, `asks` with a question, `impossible` with a reason. `writes` are the names of the
    steps that do more than read."""

    planned: Planned
    writes: tuple[str, ...] = ()


class InputsBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Answers by the keys of the questions. Without any, a run that waited for a scope, a credential or a yes goes on."""

    values: dict[str, Any] = {}
    wait_s: Annotated[float, Meta(ge=0, le=WAIT_S_MAX)] = 0.0


class ArgumentShown(Struct, frozen=True):
    """Where one argument comes from: its JSON Pointer among the arguments, and its source as the plan has it."""

    place: str
    source: Leaf


class CallShown(Struct, frozen=True, omit_defaults=True):
    """One call of a step. `rows` are those of the journal. `result` is left out beyond RESULTS_BYTES_MAX in all: the events
    have it. `request` is what a preview shows: method, URL, headers and body, secrets redacted; `undo` is the tool that would take
    it back, "" where there is none."""

    iteration: int
    state: str
    rows: tuple[int, ...]
    status: int = 0
    detail: str = ""
    result: Raw | UnsetType = UNSET
    request: Raw | UnsetType = UNSET
    undo: str = ""
    undone: bool = False


class StepShown(Struct, frozen=True):
    name: str
    tool: str
    arguments: tuple[ArgumentShown, ...]
    calls: tuple[CallShown, ...]


class ApprovalAwaited(Struct, frozen=True):
    """The approval that a run waits for, and where people decide it, "" where the gateway has no address."""

    id: str
    url: str


class IntentSummary(Struct, frozen=True):
    id: str
    intent: str
    mode: Mode
    state: RunState
    created_at: datetime
    updated_at: datetime


class IntentList(Struct, frozen=True):
    """One's own, the newest first."""

    intents: tuple[IntentSummary, ...]


class IntentShown(IntentSummary, frozen=True):
    """`answers` are what was asked, as far as it has been read. `sequence` is that of the last event. `questions` are what is asked
    now. `paused_until`: a backend or a quota wants the next call then, and no sooner. `flows` are those of the plan that harm, so
    that their calls need a person's yes. `steps` are in the order in which they are carried out."""

    answers: tuple[Sentence, ...]
    sequence: int
    detail: str
    questions: tuple[Question, ...]
    approval: ApprovalAwaited | None
    budget: Budget
    spent: Spent
    flows: tuple[Flow, ...]
    paused_until: datetime | None
    steps: tuple[StepShown, ...]


class RowShown(Struct, frozen=True):
    """One row of the journal: its kind, and what it says."""

    sequence: int
    kind: str
    event: Raw


class IntentExplained(Struct, frozen=True, omit_defaults=True):
    """What there is to tell, each sentence with the rows of the journal that it comes from; of the level `evidence` those rows
    too."""

    id: str
    state: RunState
    sentences: tuple[Sentence, ...]
    rows: tuple[RowShown, ...] = ()


class ExplanationQuery(Struct, frozen=True):
    level: Level = "full"


class IntentQuery(Struct, frozen=True):
    limit: Limit = 100


def intent_routes(gateway: Gateway) -> list[HTTPRouteHandler]:
    """The handlers, bound to one gateway."""
    desk, intents, runs, planning = gateway.desk, gateway.intents, gateway.runs, gateway.planning

    async def shown(request: AnyRequest, run_id: str, wait_s: float = 0.0) -> IntentShown:
        principal = await desk.principal(request.scope)
        return show_run(await runs.wait(principal, run_id, wait_s))

    @post("/v1/intents:plan", status_code=200)
    async def plan_intent(request: AnyRequest) -> PlannedShown:
        principal = await desk.principal(request.scope)
        asked = await read_json(gateway, request, WordsBody)
        if asked.goal:
            planned = planning.of_goal(principal, asked.goal, asked.known)
        else:
            planned = await planning.plan(
                principal, asked.intent, "rest", zone=asked.zone, locale=asked.locale, told=asked.answers
            )
        return show_planned(planned, gateway.discovery.view(principal).tools)

    @post("/v1/intents", status_code=201)
    async def start_intent(request: AnyRequest) -> IntentShown:
        principal = await desk.principal(request.scope)
        asked = await read_json(gateway, request, IntentBody)
        key = next(iter(header_values(request.scope, b"idempotency-key")), "")
        run = await begin(intents, planning, principal, asked, "rest", key, asks=False)
        return await shown(request, run.id, asked.wait_s)

    @get("/v1/intents")
    async def list_intents(request: AnyRequest) -> IntentList:
        principal = await desk.principal(request.scope)
        limit = min(read_query(request.scope, IntentQuery).limit, INTENTS_MAX)
        return IntentList(tuple(map(summarise_run, await runs.list(principal, limit))))

    @get("/v1/intents/{name:str}")
    async def show_intent(request: AnyRequest, name: FromPath[str]) -> IntentShown:
        return await shown(request, name)

    @post("/v1/intents/{name:str}/inputs", status_code=200)
    async def answer_intent(request: AnyRequest, name: FromPath[str]) -> IntentShown:
        principal = await desk.principal(request.scope)
        told = await read_json(gateway, request, InputsBody)
        await intents.answer(principal, name, told.values)
        return await shown(request, name, told.wait_s)

    @post("/v1/intents/{name:str}/cancel", status_code=200)
    async def cancel_intent(request: AnyRequest, name: FromPath[str]) -> IntentShown:
        await intents.cancel(await desk.principal(request.scope), name)
        return await shown(request, name)

    @post("/v1/intents/{name:str}/undo", status_code=200)
    async def undo_intent(request: AnyRequest, name: FromPath[str]) -> IntentShown:
        await intents.undo(await desk.principal(request.scope), name)
        return await shown(request, name)

    @get("/v1/intents/{name:str}/explanation")
    async def explain_intent(request: AnyRequest, name: FromPath[str]) -> IntentExplained:
        principal = await desk.principal(request.scope)
        held = await runs.find(principal, name)
        entries = await runs.journal(principal, name)
        return show_explanation(held, entries, read_query(request.scope, ExplanationQuery).level)

    @get("/v1/intents/{name:str}/events")
    async def follow_intent(request: AnyRequest, name: FromPath[str]) -> Stream:
        principal = await desk.principal(request.scope)
        after = _last_seen(header_values(request.scope, b"last-event-id"))
        await runs.look_up(principal, name)

        async def events() -> AsyncGenerator[bytes]:
            async for entry in runs.follow(principal, name, after, QUIET_S):
                yield COMMENT if entry is None else _event(entry)

        return Stream(events(), media_type="text/event-stream", headers={"cache-control": "no-store"})

    return [
        plan_intent,
        start_intent,
        list_intents,
        show_intent,
        answer_intent,
        cancel_intent,
        undo_intent,
        explain_intent,
        follow_intent,
    ]


def _last_seen(told: list[str]) -> int:
    """The sequence that a client has seen last. Raises BadRequest."""
    value = told[0] if told else "0"
    if not value.isascii() or not value.isdigit() or len(value) > 15:
        raise BadRequest("Last-Event-ID is the id of an event: a number.")
    return int(value)


def show_explanation(held: Held, entries: Sequence[Entry], level: Level) -> IntentExplained:
    """As every door tells it: `brief` is what was asked and changed, `evidence` has the rows that it all comes from."""
    told = account(held.run, held.progress, entries)
    if level == "brief":
        told = in_brief(told)
    named = {row for one in told for row in one.rows} if level == "evidence" else set()
    rows = tuple(RowShown(one.sequence, kind, Raw(data)) for one in entries if one.sequence in named
                 for kind, data in [tell_event(one)])  # fmt: skip
    return IntentExplained(held.run.id, held.run.state, told, rows)


def tell_event(entry: Entry) -> tuple[str, bytes]:
    """Its kind, and what it says, as JSON."""
    told = msgspec.to_builtins(entry.event, builtin_types=(Raw,))
    kind: str = told.pop("kind")
    return kind, msgspec.json.encode({"at": entry.at, **told})


def _event(entry: Entry) -> bytes:
    """As it is on the wire (HTML Living Standard section 9.2)."""
    kind, data = tell_event(entry)
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (entry.sequence, kind.encode(), data)


def show_planned(planned: Planned, tools: Mapping[str, Tool]) -> PlannedShown:
    """What came of words, as every door shows it."""
    plan = planned.plan if isinstance(planned, Ready) else planned.standing.plan if isinstance(planned, Comes) else None
    steps = plan.steps if plan is not None else ()
    return PlannedShown(planned, tuple(one.name for one in steps if tools[one.tool].effect != "read"))


def summarise_run(run: Run) -> IntentSummary:
    return IntentSummary(run.id, run.plan.intent, run.mode, run.state, run.created_at, run.updated_at)


def show_run(held: Held, results_bytes_max: int = RESULTS_BYTES_MAX) -> IntentShown:
    """A run as every door shows it; results of so many bytes at most in all."""
    run, progress = held.run, held.progress
    waiting = progress.waiting if run.state == "needs_approval" else None
    few, places = _few_results(progress, results_bytes_max), by_step(progress)
    return IntentShown(
        run.id,
        run.plan.intent,
        run.mode,
        run.state,
        run.created_at,
        run.updated_at,
        answers=tell(run, progress),
        sequence=run.sequence,
        detail=progress.detail,
        questions=progress.questions,
        approval=ApprovalAwaited(waiting.approval, waiting.url) if waiting is not None else None,
        budget=progress.budget,
        spent=progress.spent,
        flows=progress.flows,
        paused_until=progress.paused.until if progress.paused is not None else None,
        steps=tuple(
            StepShown(
                step.name,
                step.tool,
                tuple(ArgumentShown(place, leaf) for place, leaf in leaves(step.arguments)),
                tuple(_calls(progress, places.get(step.name, ()), few)),
            )
            for step in in_order(run.plan)
        ),
    )


def _few_results(progress: Progress, bytes_max: int) -> frozenset[Place]:
    """The first calls, as long as their results are `bytes_max` at most in all."""
    sizes = {place: len(one.called.result) for place, one in progress.calls.items() if one.called is not None}
    sums = zip(sizes, accumulate(sizes.values()), strict=True)
    return frozenset(place for place, total in sums if total <= bytes_max)


def _calls(progress: Progress, places: Sequence[Place], few: frozenset[Place]) -> Iterator[CallShown]:
    for way, name, index in (place for place in places if place[0] == "do"):
        standing, back = progress.of(way, name, index), progress.of("undo", name, index)
        called, preview, is_few = standing.called, standing.previewed, (way, name, index) in few
        yield CallShown(
            iteration=index,
            state=_state(standing),
            rows=(*standing.rows, *back.rows),
            status=called.status if called is not None else 0,
            detail=_detail(standing),
            result=called.result if called is not None and is_few else UNSET,
            request=preview.request if preview is not None else UNSET,
            undo=preview.undo if preview is not None else "",
            undone=(back.called is not None and not back.called.is_error) or back.happened,
        )


def _state(standing: Standing) -> str:
    """`sent`, `answered`, `verified`, `accepted`, `failed`, `refused`, `skipped`, `previewed` or `uncertain`."""
    called, verified = standing.called, standing.verified
    if standing.skipped is not None:
        return "skipped"
    if standing.previewed is not None:
        return "previewed"
    if verified is not None and verified.shown:
        return "verified"
    if verified is not None and not standing.happened:
        return "uncertain"
    if standing.unanswered:
        return "sent"
    if called is not None:
        return "failed" if called.is_error else "answered" if called.effect == "read" else "accepted"
    return "accepted" if standing.happened else "refused"


def _detail(standing: Standing) -> str:
    told = (standing.skipped, standing.verified, standing.called, standing.refused)
    return next((one.detail for one in told if one is not None and one.detail), "")
