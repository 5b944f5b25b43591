"""STORY 3  One intent: check, execute, verify, answer.

Whatever planned it, a plan is checked before anything is called, and each of its steps goes through `Calls.call` as any other
call: it can do nothing that a plain call could not. A run is a function of its journal (`core.next_move`): whoever goes on with
one, after a wait or after this process was killed, reads the journal and does what comes next.
INVARIANT: before a write leaves, its journal has a row that says so; what has such a row and no answer is never sent again
without a key.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from time import perf_counter
from typing import Any

import msgspec
import structlog
from msgspec import Raw, structs

from gateway.approvals import CALL_AGAIN, Approvals
from gateway.call import Asked, Calls
from gateway.core.arguments import ArgumentProblem, check_arguments, compile_arguments, expected_day
from gateway.core.decision import PlanOf
from gateway.core.fact import What
from gateway.core.flow import Flow, Flows, contain, decide, planned_from, require_yes
from gateway.core.look import Look, judge
from gateway.core.next_move import Ask, Bound, Check, End, Make, PlanWords, Rethink, Skip, ask_for
from gateway.core.plan import Plan
from gateway.core.plan_check import PlanProblem, check_plan
from gateway.core.planned import TOLD_MAX, Asks, Comes, Finished, Impossible, Planned, Proposes, Ready, Used
from gateway.core.policy_context import Source as PolicySource
from gateway.core.principal import Principal
from gateway.core.recall import claimed
from gateway.core.replan import dropped
from gateway.core.result import Result, Text
from gateway.core.run import (
    ENDED,
    MOVING,
    NOTHING,
    NULL,
    Agreed,
    Answered,
    AsksYes,
    Called,
    Ended,
    Event,
    Mode,
    Paused,
    Previewed,
    Question,
    Received,
    Refused,
    Replanned,
    Run,
    Sending,
    Skipped,
    Spoken,
    Thinking,
    Thought,
    Undoing,
    Verified,
    Waiting,
    Way,
    about_words,
)
from gateway.core.run import Asked as AskedFor
from gateway.core.run import Planned as PlanMade
from gateway.core.run import Planning as Going
from gateway.core.said_plan import say_writes
from gateway.core.standing import Standing
from gateway.core.tool import Tool
from gateway.discover import Discovery, View
from gateway.errors import (
    AnswerInvalid,
    ApprovalNeeded,
    ArgumentsInvalid,
    BadRequest,
    Conflict,
    CredentialMissing,
    Forbidden,
    GatewayError,
    NotFound,
    NotPlanned,
    PlanInvalid,
    QuotaReached,
    ScopeMissing,
    StoreFailed,
    UpstreamBusy,
    UpstreamFailed,
    code_of,
)
from gateway.memory import Memory
from gateway.recipes import Recipes
from gateway.runs import TRIES_MAX, Held, Overtaken, Runs
from gateway.settings import IntentSettings
from gateway.stores.base import KeyStore

KEY_CHARACTERS_MAX = 200
DETAIL_CHARACTERS_MAX = 1_000
# The least that a run waits for a backend that is busy.
PAUSE_S_MIN = 1.0

log = structlog.get_logger(__name__)

# What comes of the words of a run, and of what was told when they were asked about.
PlanAgain = Callable[[Held], Awaitable[Planned]]
# How a run goes on from where it is, what did not show there, and what may be used for it.
GoOn = Callable[[Held, str, Used], Awaitable[Planned | Finished]]


class Intents:
    """All runs of one gateway. `look_s`: seconds between two looks for runs that are due."""

    def __init__(
        self,
        discovery: Discovery,
        calls: Calls,
        approvals: Approvals,
        runs: Runs,
        recipes: Recipes,
        memory: Memory,
        keys: KeyStore,
        settings: IntentSettings,
        plan_again: PlanAgain,
        go_on: GoOn,
        reserves: Used,
        *,
        look_s: float,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._discovery = discovery
        self._calls = calls
        self._approvals = approvals
        self._runs = runs
        self._recipes = recipes
        self._memory = memory
        self._keys = keys
        self._settings = settings
        self._plan_again = plan_again
        self._think = go_on
        self._reserves = reserves
        self._bound = Bound(settings.budget, settings.replans_max, settings.turns_max)
        self._look_s = look_s
        self._clock = clock
        self._new_id = new_id
        self._running: dict[str, asyncio.Task[None]] = {}
        self._flowing: dict[str, tuple[frozenset[str], View, Mapping[str, What], Flows]] = {}
        self._wake = asyncio.Event()
        self._is_full = False

    # What is asked of a run.

    async def start(
        self,
        principal: Principal,
        plan: Plan,
        mode: Mode,
        door: str,
        key: str = "",
        *,
        context: str = "",
        asks_yes: AsksYes = "",
        planning: Going = "",
        used: Used = NOTHING,
        remembered: tuple[str, ...] = (),
        toolset: str = "",
    ) -> Run:
        """A new run, which goes on by itself; with a `key` that was there before, the run that it began. Its planner `used` so much
        for it, with what was `remembered`, and is asked again as `planning` says. Raises PlanInvalid, or Conflict where the key
        began another plan, or Forbidden where too many are open."""
        run_id, now = self._id(principal, key), self._clock()
        fresh = Run(run_id, principal, plan, mode, door, now, now, "running", 1, now, context, asks_yes=asks_yes)
        known = await self._begin(structs.replace(fresh, planning=planning, toolset=toolset), used, remembered)
        if (known.plan, known.mode, known.toolset) != (plan, mode, toolset):
            raise Conflict("This Idempotency-Key began another plan; take a new one for this.")
        return known

    async def by_steps(
        self,
        principal: Principal,
        words: str,
        mode: Mode,
        door: str,
        key: str = "",
        *,
        spoken: Spoken,
        context: str = "",
        toolset: str = "",
    ) -> Run:
        """A new run of words, whose planner says each step once it has seen what the one before answered; each write waits for a
        person's yes. Raises as `start`."""
        run_id, now = self._id(principal, key), self._clock()
        fresh = Run(run_id, principal, Plan(words, ()), mode, door, now, now, "running", 1, now, context)
        fresh = structs.replace(fresh, planning="steps", spoken=spoken, asks_yes="words", toolset=toolset)
        await self._require_room(principal)
        if not await self._runs.begin(fresh, Received()):
            raise Conflict("This Idempotency-Key began something else; take a new one for this.")
        self._wake.set()
        return fresh

    async def ask(
        self,
        principal: Principal,
        words: str,
        asks: Asks,
        mode: Mode,
        door: str,
        key: str = "",
        *,
        spoken: Spoken,
        context: str = "",
        asks_yes: AsksYes = "",
        toolset: str = "",
    ) -> Run:
        """A new run of words that are no plan yet: it waits for the answer, and is planned then. Raises as `start`."""
        run_id, now = self._id(principal, key), self._clock()
        plan, question = Plan(words, ()), AskedFor((about_words(asks, 1),))
        fresh = Run(
            run_id,
            principal,
            plan,
            mode,
            door,
            now,
            now,
            "needs_input",
            2,
            None,
            context,
            spoken=spoken,
            asks_yes=asks_yes,
            toolset=toolset,
        )
        await self._require_room(principal)
        if not await self._runs.begin(fresh, Received(), question):
            raise Conflict("This Idempotency-Key began something else; take a new one for this.")
        return fresh

    def _id(self, principal: Principal, key: str) -> str:
        return _id_of(principal, key) if key else self._new_id()

    def yes_for(self, *, door: bool) -> AsksYes:
        """Why what is planned from words, through a `door` that may ask for it, needs a yes; "" where it needs none."""
        return "door" if door else "words" if self._settings.words_need_yes else ""

    async def begun(self, principal: Principal, key: str, words: str, mode: Mode, toolset: str = "") -> Run | None:
        """The run that a key began with these words, which need no plan again: another might come of them."""
        known = await self._runs.known(_id_of(principal, key)) if key else None
        is_it = known is not None and (known.plan.intent, known.mode, known.toolset) == (words, mode, toolset)
        return known if is_it else None

    async def fire(self, standing: Standing, run_id: str) -> Run:
        """The run of a slot of a standing intent, or the one that was there already. Raises PlanInvalid or Forbidden."""
        now, one = self._clock(), standing
        fresh = Run(run_id, one.principal, one.plan, "execute", one.door, now, now, "running", 1, now, standing=one.id)
        return await self._begin(fresh)

    async def _begin(self, fresh: Run, used: Used = NOTHING, remembered: tuple[str, ...] = ()) -> Run:
        known = await self._runs.known(fresh.id)
        if known is None:
            vouched = await self._recipes.vouched(fresh.principal, fresh.plan)
            flows = await self._check(fresh.principal, fresh.plan, vouched, fresh.toolset)
            await self._require_room(fresh.principal)
            fresh = structs.replace(fresh, vouched=vouched)
            if await self._runs.begin(fresh, Received(flows, used, remembered)):
                self._wake.set()
                return fresh
            known = await self._runs.known(fresh.id)
        return known or fresh

    async def check(self, principal: Principal, plan: Plan) -> tuple[Flow, ...]:
        """The flows that a person has to say yes to. Raises PlanInvalid, or Forbidden where too many are open."""
        flows = await self._check(principal, plan, await self._recipes.vouched(principal, plan))
        await self._require_room(principal)
        return flows

    async def _check(
        self, principal: Principal, plan: Plan, vouched: tuple[str, ...], toolset: str = ""
    ) -> tuple[Flow, ...]:
        view = self._discovery.view_of(principal, toolset)
        loose = [name for name, one in view.catalog.connectors.items() if one.manifest.undeclared_fields]
        problems = await asyncio.to_thread(check_plan, plan, view.tools, loose)
        if problems:
            raise PlanInvalid(problems)
        facts = await self._memory.told(principal, claimed(plan))
        flows = await asyncio.to_thread(self._flows(principal, plan, view, vouched, facts).all)
        if flows and self._settings.harmful_flows == "deny":
            raise PlanInvalid(tuple(PlanProblem(one.step, one.argument, one.detail) for one in flows))
        return flows

    async def _require_room(self, principal: Principal) -> None:
        most = self._settings.open_max
        if await self._runs.count_open(principal, most) >= most:
            raise Forbidden(f"{most} of your intents are open already; cancel some, or wait until they are done.")

    async def flows_of(self, principal: Principal, plan: Plan) -> tuple[Flow, ...]:
        """The flows of a plan that held once, as its tools, the recipe that it is from and what is remembered are now."""
        try:
            vouched = await self._recipes.vouched(principal, plan)
        except GatewayError:
            vouched = ()
        facts = await self._memory.told(principal, claimed(plan))
        return await asyncio.to_thread(
            self._flows(principal, plan, self._discovery.view(principal), vouched, facts).all
        )

    def _flows(
        self, principal: Principal, plan: Plan, view: View, vouched: tuple[str, ...], facts: Mapping[str, What]
    ) -> Flows:
        manifests = (one.manifest for one in view.catalog.connectors.values())
        is_person = self._settings.is_person(principal)
        told = contain(manifests, self._settings.flow_rules, is_person=is_person, vouched=vouched, facts=facts)
        return Flows(plan, view.tools, told)

    async def _flows_now(self, run: Run) -> Flows:
        """Those of a run that is carried out, as the tools, the manifests and what is remembered are now."""
        view = self._discovery.view_of(run.principal, run.toolset)
        known = self._flowing.get(run.id)
        claims = known[0] if known is not None else claimed(run.plan)
        facts = await self._memory.told(run.principal, claims)
        if known is None or known[1] is not view or known[2] != facts:
            flows = self._flows(run.principal, run.plan, view, run.vouched, facts)
            known = self._flowing[run.id] = claims, view, facts, flows
        return known[3]

    async def answer(self, principal: Principal, run_id: str, values: Mapping[str, Any]) -> Run:
        """Answer what is asked; with nothing, let one go on that waited: with the scopes that the caller has now. Raises
        NotFound, Conflict where nothing is asked, or ArgumentsInvalid."""

        async def answered(held: Held) -> Event:
            asking = held.run.state in ("needs_input", "needs_auth", "needs_approval")
            if not asking and not held.progress.questions:
                raise Conflict(f"Nothing is asked: the intent is {held.run.state}.")
            _check_answers(held.progress.questions, values)
            return await self._decided(held) or Answered(dict(values))

        return await self._change(principal, run_id, answered)

    async def cancel(self, principal: Principal, run_id: str) -> Run:
        """Make no further call. Raises NotFound, or Conflict where it has ended."""

        async def cancelled(held: Held) -> Event:
            if held.run.state in ENDED:
                raise Conflict(f"The intent is {held.run.state} already.")
            return Ended("cancelled", "It was cancelled.")

        return await self._change(principal, run_id, cancelled)

    async def undo(self, principal: Principal, run_id: str) -> Run:
        """Take back what was done, the last first. Raises NotFound, or Conflict where it goes on still, or there is nothing."""

        async def undoing(held: Held) -> Event:
            if held.run.state not in ENDED or held.run.state in ("compensated", "rejected"):
                raise Conflict(f"The intent is {held.run.state}; cancel it first, or let it come to its end.")
            if held.progress.undoing:
                raise Conflict("It was taken back as far as that could be done.")
            if not any(one.sending is not None for one in held.progress.calls.values()):
                raise Conflict("It has changed nothing, so that there is nothing to take back.")
            return Undoing()

        return await self._change(principal, run_id, undoing)

    async def _change(self, principal: Principal, run_id: str, decide: Callable[[Held], Awaitable[Event]]) -> Run:
        for _ in range(TRIES_MAX):
            held = await self._runs.find(principal, run_id)
            try:
                await self._runs.write(held, await decide(held), principal)
            except Overtaken:
                continue
            self._wake.set()
            return held.run
        raise Overtaken

    # Going on.

    async def keep_going(self) -> None:
        """Carry out what is due, until cancelled; then what is on its way is cut off, and goes on at the next start."""
        try:
            while True:
                self._wake.clear()
                await self._look()
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._look_s):
                        await self._wake.wait()
        finally:
            tasks = [*self._running.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _look(self) -> None:
        room = self._settings.running_max - len(self._running)
        try:
            due = await self._runs.claim(max(room, 0))
        except StoreFailed as error:
            log.warning("intents that are due could not be looked for", problem=error.detail)
            return
        self._is_full = len(due) >= room
        for run_id in due:
            self._running[run_id] = asyncio.create_task(self._carry(run_id))

    async def _carry(self, run_id: str) -> None:
        try:
            held = await self._runs.load(run_id)
            if held is not None:
                await self._go_on(held)
        except StoreFailed as error:
            log.warning("an intent could not go on; it will be tried again", run=run_id, problem=error.detail)
        finally:
            self._runs.let_go(run_id)
            self._running.pop(run_id, None)
            self._flowing.pop(run_id, None)
            if self._is_full:
                self._wake.set()

    async def _go_on(self, held: Held) -> None:
        """To the end, or until somebody is waited for."""
        while True:
            try:
                if held.run.state == "needs_approval" and not await self._is_decided(held):
                    return
                if held.run.state not in MOVING:
                    return
                if self._runs.is_paused(held):
                    await self._runs.postpone(held)
                    return
                await self._move(held)
            except Overtaken:
                await self._runs.renew(held)
            except StoreFailed:
                raise
            except Exception as error:
                log.error("an intent failed for a reason of our own", run=held.run.id, exc_info=error)
                is_unsure = any(one.unanswered for one in held.progress.calls.values())
                told = "Something went wrong in the gateway; its log says what."
                await self._runs.note(held, Ended("uncertain" if is_unsure else "failed", told))
                return

    async def _move(self, held: Held) -> None:
        tools = self._discovery.view_of(held.run.principal, held.run.toolset).tools
        move = held.course.next(held.progress, tools, self._bound)
        match move:
            case PlanWords():
                await self._runs.write(held, await self._plan(held))
            case Rethink():
                await self._rethink(held, move)
            case Ask(questions=questions):
                await self._runs.write(held, AskedFor(questions))
            case Skip(way=way, step=step, iteration=iteration, detail=detail):
                await self._runs.write(held, Skipped(step, iteration, detail, way))
            case Make() if not await self.is_still(held.run.principal):
                await self._runs.write(
                    held, Ended("failed", "The key that it was started with is revoked, or has ended.")
                )
            case Make() if held.run.mode == "preview" and move.tool.effect != "read":
                await self._preview(held, move)
            case Make():
                await self._make(held, move)
            case Check():
                await self._verify(held, move)
            case End(state=state, detail=detail, questions=questions):
                await self._runs.write(held, Ended(state, detail[:DETAIL_CHARACTERS_MAX], questions))

    async def _plan(self, held: Held) -> Event:
        """What comes of the words of a run, now that a question about them is answered."""
        told = held.progress.told
        try:
            planned = await self._plan_again(held)
            if isinstance(planned, Ready):
                vouched = await self._recipes.vouched(held.run.principal, planned.plan)
                flows = await self._check(held.run.principal, planned.plan, vouched, held.run.toolset)
                return PlanMade(planned.plan, flows, vouched, planned.remembered)
        except StoreFailed:
            raise
        except GatewayError as error:
            return Ended("failed", error.detail[:DETAIL_CHARACTERS_MAX])
        match planned:
            case Impossible() | Proposes() | Comes():
                return Ended("failed", NotPlanned(planned).detail[:DETAIL_CHARACTERS_MAX])
            case _ if len(told) >= TOLD_MAX:
                return Ended("failed", f"No plan came of it after {TOLD_MAX} questions; say it in other words.")
            case _:
                return AskedFor((about_words(planned, len(told) + 1),))

    async def _rethink(self, held: Held, move: Rethink) -> None:
        """Ask the planner how to go on. What it may use is reserved first, and settled then."""
        spent, budget, most = held.progress.spent, held.progress.budget, self._reserves
        room = Used(
            min(most.tokens, budget.tokens_max - spent.tokens),
            min(most.money, max(budget.money_max - spent.money, 0.0)),
        )
        await self._runs.write(
            held, Thinking(move.step, move.iteration, move.instead.detail if move.step else "", room)
        )
        try:
            told = await self._think(held, move.instead.detail if move.step else "", room)
            event = await self._thought(held, move, told)
        except StoreFailed:
            raise
        except GatewayError as error:
            told, event = Impossible((), error.detail, used=room), _left(move, error.detail)
        await self._runs.write(held, Thought(told.used))
        await self._runs.write(held, event)
        self._flowing.pop(held.run.id, None)

    async def _thought(self, held: Held, move: Rethink, told: Planned | Finished) -> Event:
        """What comes of it: another plan, which is checked as the first was, a question, or an end."""
        run, progress = held.run, held.progress
        match told:
            case Ready(plan=plan, because=because):
                flows = await self._check(run.principal, plan, run.vouched, run.toolset)
                closed = (move.step,) if move.step else ()
                return Replanned(plan, flows, because, closed, dropped(run.plan, plan))
            case Finished(text=text):
                return Ended("done", text[:DETAIL_CHARACTERS_MAX])
            case Impossible(short=short) if short and (more := ask_for(progress, self._bound, short)) is not None:
                return AskedFor(more.questions)
            case Impossible(reason=reason):
                return _left(move, reason)
            case Asks(question=question) if move.step or len(progress.told) >= TOLD_MAX:
                return _left(move, question)
            case Asks():
                return AskedFor((about_words(told, len(progress.told) + 1),))
            case _:
                return _left(move, "What is to be remembered is no step.")

    async def _make(self, held: Held, move: Make) -> None:
        """One call, and what came of it."""
        where, tool, digest = (move.step, move.iteration), move.tool, digest_of(move.arguments)

        async def before_write() -> None:
            await self._runs.write(held, Sending(*where, tool.name, digest, move.way))

        asked, started = await self._asked(held, move), perf_counter()
        try:
            result = await self._calls.call(held.run.principal, asked, before_write)
        except Overtaken:
            raise
        except GatewayError as error:
            told = self._paused(held, move, wait_s_of(error), error.detail)
            await self._runs.note(held, told or _told(error, move, digest, perf_counter() - started))
            return
        called = _called(result, move, digest, perf_counter() - started)
        if (told := self._paused(held, move, asked_s_of(result, tool), called.detail)) is not None:
            await self._runs.note(held, told)
            return
        look = None
        if move.way == "do" and tool.effect != "read" and not called.is_error:
            look = held.course.look_after(held.progress, move, called)
        await self._runs.note(held, structs.replace(called, verify=look.tool.name) if look is not None else called)

    def _paused(self, held: Held, move: Make | Check, wait_s: float | None, why: str) -> Paused | None:
        """That a call is made later, where it can be, and the run has not waited for too long already."""
        look = isinstance(move, Check)
        way: Way = "do" if isinstance(move, Check) else move.way
        left = self._settings.pause_s_max - held.progress.spent.paused_s
        if wait_s is None or max(wait_s, PAUSE_S_MIN) > left:
            return None
        until = self._clock() + timedelta(seconds=max(wait_s, PAUSE_S_MIN))
        told = f"{why[:DETAIL_CHARACTERS_MAX]} It is tried again at {until.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC."
        return Paused(move.step, move.iteration, until, told, way, look)

    async def _preview(self, held: Held, move: Make) -> None:
        """The request of a write as it would leave."""
        asked = await self._asked(held, move, dry_run=True)
        try:
            result = await self._calls.call(held.run.principal, asked)
        except GatewayError as error:
            await self._runs.note(held, _told(error, move, digest_of(move.arguments), 0.0))
            return
        related = move.tool.related
        undo = related.undo.later if related is not None and related.undo is not None else ""
        await self._runs.write(held, Previewed(move.step, move.iteration, move.tool.name, result.structured, undo))

    async def _verify(self, held: Held, move: Check) -> None:
        """Look until it shows, `looks_max` times."""
        shown: bool | None = None
        detail = ""
        for again in range(self._settings.looks_max):
            if again:
                await asyncio.sleep(self._settings.look_wait_s * 2 ** (again - 1))
            asked = await self._asked(held, move)
            try:
                result = await self._calls.call(held.run.principal, asked, _never)
            except GatewayError as error:
                if (paused := self._paused(held, move, wait_s_of(error), error.detail)) is not None:
                    await self._runs.note(held, paused)
                    return
                shown, detail = None, error.detail
                continue
            shown, detail = judge(move.look, result.status, result.structured)
            if shown:
                break
        told = Verified(move.step, move.iteration, move.look.tool.name, shown, detail[:DETAIL_CHARACTERS_MAX])
        await self._runs.note(held, told)

    async def _asked(self, held: Held, move: Make | Check, *, dry_run: bool = False) -> Asked:
        """The call of a move, with the labels of its arguments, and the decision that where they come from asks for."""
        run, flows = held.run, await self._flows_now(held.run)
        match move:
            case Make(way="do", tool=tool, arguments=arguments):
                judged = flows.of_step(move.step, tool)
            case Make(tool=tool, arguments=arguments):
                judged = flows.of_what_follows(move.step, tool)
            case Check(look=Look(tool=tool, arguments=arguments)):
                judged = flows.of_look(move.step, tool)
        flow = decide(judged.flows, self._settings.harmful_flows)
        if tool.effect != "read" and (why := _why_yes(held, move)):
            flow = require_yes(flow, why, self._plan_of(held, move))
        source: PolicySource = "standing intent" if run.standing else "intent"
        chosen = self._discovery.toolset(run.principal, run.toolset)
        return Asked(
            tool.name, arguments, run.door, dry_run, source, run.plan.intent, judged.labels, toolset=chosen, flow=flow
        )

    def _plan_of(self, held: Held, move: Make | Check) -> PlanOf:
        """The plan as a person may say yes to all of it, with what has been answered; to the call alone where the rest was planned
        again."""
        run = held.run
        if isinstance(move, Check) or move.way == "undo" or held.progress.replans:
            return PlanOf(run.id, ())
        view = self._discovery.view_of(run.principal, run.toolset)
        secrets = {name: frozenset(one.manifest.secrets) for name, one in view.catalog.connectors.items()}
        return PlanOf(run.id, say_writes(run.plan, view.tools, secrets, held.progress.answers))

    async def is_still(self, principal: Principal) -> bool:
        """Whether the key of a caller is good now. Of a token nobody can tell that any more."""
        if principal.method != "api_key":
            return True
        key = next((one for one in await self._keys.keys() if one.id == principal.client), None)
        if key is None or key.revoked_at is not None:
            return False
        return key.expires_at is None or self._clock() < key.expires_at

    async def _is_decided(self, held: Held) -> bool:
        """Whether the approval that a run waits for is decided; it goes on then, or has ended."""
        event = await self._decided(held)
        if event is None:
            await self._runs.postpone(held)
            return False
        await self._runs.write(held, event)
        return True

    async def _decided(self, held: Held) -> Event | None:
        """What becomes of a run that waits for an approval; None where that is not decided, or it waits for none."""
        waiting = held.progress.waiting
        if waiting is None or held.run.state != "needs_approval":
            return None
        try:
            approval = await self._approvals.find(held.run.principal.tenant, waiting.approval)
        except NotFound:
            return Answered()
        match approval.state:
            case "pending":
                return None
            case "denied" | "expired" if waiting.way == "undo":
                is_no = approval.state == "denied"
                why = f"{approval.denied_by} said no to taking it back" if is_no else "nobody decided in time"
                return Skipped(waiting.step, waiting.iteration, why, "undo")
            case "denied":
                why = f": {approval.reason}" if approval.reason else "."
                return Ended("rejected", f"{approval.denied_by} said no to {waiting.step}{why}")
            case "expired":
                return Ended("failed", f"Nobody decided in time whether {waiting.step} may be done.")
            case _ if approval.whole_plan:
                await self._approvals.spend(approval)
                return Agreed(approval.id)
            case _:
                return Answered()


def _left(move: Rethink, why: str) -> Ended:
    """The end of a run whose planner does not know how to go on."""
    detail = f"{move.instead.detail} No other plan came of it: {why}" if move.step else why
    return Ended(move.instead.state, detail[:DETAIL_CHARACTERS_MAX], move.instead.questions)


def _why_yes(held: Held, move: Make | Check) -> str:
    """Why a write needs a person's yes, whatever policies say; "" where it needs none. What is taken back is no plan of words,
    and no part of the plan that somebody said yes to: it needs one where it may be more than what the run did."""
    run = held.run
    if isinstance(move, Make) and move.unsure:
        return move.unsure
    if held.progress.agreed and isinstance(move, Make) and move.way == "do":
        return ""
    if run.asks_yes == "door":
        return f"It was asked for over {run.door}, where each change waits for a person's yes."
    is_planned = run.asks_yes == "words" and isinstance(move, Make) and move.way == "do"
    return planned_from(run.plan.intent) if is_planned else ""


def wait_s_of(error: GatewayError) -> float | None:
    """In how many seconds a call may work that did not happen; None where nobody told, or it may have happened."""
    match error:
        case QuotaReached(retry_after_s=seconds):
            return seconds
        case UpstreamBusy(may_have_happened=False, retry_after_s=seconds):
            return seconds if seconds is not None else PAUSE_S_MIN
        case _:
            return None


def asked_s_of(result: Result, tool: Tool) -> float | None:
    """In how many seconds a backend wants a call again that it did not take up. Of a write only a 429 is believed: a 503 may
    come from something in between."""
    is_sure = result.status == 429 or (result.status == 503 and tool.effect == "read")
    return result.retry.after_s if is_sure and result.retry is not None else None


async def _never() -> None:
    raise BadRequest("A look after a write must not write.")


def digest_of(arguments: Mapping[str, object]) -> str:
    return sha256(msgspec.json.encode(arguments, order="deterministic")).hexdigest()


def _id_of(principal: Principal, key: str) -> str:
    if len(key) > KEY_CHARACTERS_MAX:
        raise BadRequest(f"An Idempotency-Key has at most {KEY_CHARACTERS_MAX} characters.")
    return sha256(msgspec.json.encode([*principal.owner, key])).hexdigest()[:24]


def _called(result: Result, move: Make, digest: str, elapsed_s: float) -> Called:
    texts = [one.text for one in result.content if isinstance(one, Text)]
    told = bytes(result.structured)
    return Called(
        step=move.step,
        iteration=move.iteration,
        tool=move.tool.name,
        effect=move.tool.effect,
        digest=digest,
        status=result.status,
        bytes=len(msgspec.json.encode(move.arguments)) + (len(told) or sum(len(one.encode()) for one in texts)),
        elapsed_s=round(elapsed_s, 6),
        result=Raw(told) if told else NULL,
        truncated=result.truncated,
        is_error=result.is_error,
        detail=texts[0][:DETAIL_CHARACTERS_MAX] if result.is_error and texts else "",
        way=move.way,
    )


def _told(error: GatewayError, move: Make, digest: str, elapsed_s: float) -> Event:
    """What an error of a call comes to: the run waits, or nobody knows what happened, or it did not happen."""
    where, detail = (move.step, move.iteration), error.detail[:DETAIL_CHARACTERS_MAX]
    is_write = move.tool.effect != "read"
    match error:
        case ApprovalNeeded(approval=approval, url=url) if approval.state != "denied":
            waits = error.detail.removesuffix(CALL_AGAIN)[:DETAIL_CHARACTERS_MAX]
            return Waiting("needs_approval", *where, waits, move.way, approval.id, url)
        case ScopeMissing() | CredentialMissing():
            return Waiting("needs_auth", *where, detail, move.way)
        case AnswerInvalid() if is_write:
            told = Result(content=(Text(detail),), truncated=True)
            return structs.replace(_called(told, move, digest, elapsed_s), detail=detail)
        case UpstreamFailed(may_have_happened=True) if is_write:
            return Refused(*where, move.tool.name, detail, code_of(error), "unknown", move.way)
        case _:
            return Refused(*where, move.tool.name, detail, code_of(error), "no", move.way)


def _check_answers(questions: tuple[Question, ...], values: Mapping[str, Any]) -> None:
    """Raises ArgumentsInvalid where an answer is missing, is to nothing that is asked, or does not fit."""
    asked = {one.key: one for one in questions}
    problems = [ArgumentProblem(key, "", "nothing is asked by this key") for key in values.keys() - asked.keys()]
    for key, question in asked.items():
        if key not in values:
            problems.append(ArgumentProblem(key, "", "required"))
            continue
        definitions = question.schema.get("$defs", {})
        schema = {
            "properties": {"answer": {k: v for k, v in question.schema.items() if k != "$defs"}},
            "$defs": definitions,
        }
        validator = compile_arguments(Raw(msgspec.json.encode(schema)))
        found = check_arguments(validator, {"answer": values[key]})
        problems += [ArgumentProblem(key, one.pointer.removeprefix("/answer"), one.expected) for one in found]
        if not found and (expected := expected_day(question.schema, values[key])):
            problems.append(ArgumentProblem(key, "", expected))
    if problems:
        raise ArgumentsInvalid(tuple(problems))
