"""STORY  Standing intents: look which are due, claim their slots, start their runs, tell what became of them.

What is claimed, and what it comes to, is worked out by `core.standing` and written in one change of the store from the version
that was read; whoever comes second changes nothing. The run of a slot has an id that follows from the slot, so that to start it
again after a crash starts nothing.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import msgspec
import structlog
from msgspec import Raw, Struct, structs

from gateway.audit import AuditLog
from gateway.call import Asked, Calls
from gateway.core.arguments import check_arguments, compile_arguments
from gateway.core.audit import administered
from gateway.core.diff import fingerprint
from gateway.core.event import derive_key, is_signed
from gateway.core.flow import Flow
from gateway.core.found import value_at
from gateway.core.plan import Plan, leaves
from gateway.core.plan import Slot as Question
from gateway.core.principal import SCHEDULE, Owner, Principal
from gateway.core.result import Text
from gateway.core.run import ENDED, Run
from gateway.core.schedule import Unschedulable
from gateway.core.standing import (
    QUEUED_MAX,
    Hook,
    Looked,
    NewStanding,
    Outcome,
    Poll,
    Slot,
    SlotState,
    Standing,
    StandingTerms,
    advance,
    deliver,
    is_due,
    next_after,
    wake,
)
from gateway.core.tell import Sentence, tell
from gateway.core.tool import Tool
from gateway.discover import Discovery
from gateway.errors import (
    ArgumentsInvalid,
    BadRequest,
    Conflict,
    Forbidden,
    GatewayError,
    NotFound,
    StoreFailed,
    Unauthenticated,
)
from gateway.intent import Intents
from gateway.runs import Runs
from gateway.settings import StandingSettings
from gateway.stores.base import StandingStore

DUE_MAX = 32
SLOTS_SHOWN = 100
ANSWERED_SHOWN = 10
UPCOMING_SHOWN = 5
TRIES_MAX = 20
DELIVERY_CHARACTERS_MAX = 200
DELIVERED_SHOWN = 1_000

log = structlog.get_logger(__name__)


class Told(Struct, frozen=True):
    """A standing intent with its slots, the newest first, the next that will come, and the flows of its plan that harm, as its
    tools are now. `answers` are those of its newest runs, by their ids."""

    standing: Standing
    past: tuple[Slot, ...]
    upcoming: tuple[datetime, ...]
    flows: tuple[Flow, ...]
    answers: Mapping[str, tuple[Sentence, ...]] = {}


class Standings:
    """All standing intents of one gateway. `look_s`: seconds between two looks for those that are due."""

    def __init__(
        self,
        discovery: Discovery,
        calls: Calls,
        intents: Intents,
        runs: Runs,
        store: StandingStore,
        audit: AuditLog,
        settings: StandingSettings,
        *,
        look_s: float,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
        hook_root: bytes = b"",
    ) -> None:
        self._discovery = discovery
        self._calls = calls
        self._intents = intents
        self._runs = runs
        self._store = store
        self._audit = audit
        self._settings = settings
        self._look_s = look_s
        self._clock = clock
        self._new_id = new_id
        self._hook_root = hook_root
        self._wake = asyncio.Event()

    # What is asked of one.

    async def add(self, principal: Principal, wanted: NewStanding, door: str) -> Standing:
        """A new one: active where it only reads, and else once somebody else said yes to it. Raises PlanInvalid, BadRequest or
        Forbidden."""
        now, plan = self._clock(), wanted.plan
        await self._intents.check(principal, plan)
        if any(isinstance(leaf, Question) for step in plan.steps for _, leaf in leaves(step.arguments)):
            raise BadRequest("Nobody is there to be asked when it comes: a standing intent has no `slot`.")
        terms = _terms_of(wanted)
        if not now < terms.expires_at <= now + timedelta(seconds=self._settings.ttl_s_max):
            most = self._settings.ttl_s_max
            raise BadRequest(f"expires_at must be within {most:g} s from now (standing.ttl_s_max), and not before.")
        self._check_poll(principal, terms)
        held = await self._store.standings(principal.tenant, self._settings.open_max + SLOTS_SHOWN, principal.owner)
        if sum(one.state != "ended" for one in held) >= self._settings.open_max:
            raise Forbidden(f"{self._settings.open_max} standing intents of yours are there already; delete some.")
        tools = self._tools_of(principal, plan, terms)
        fresh = Standing(
            id=self._new_id(),
            principal=principal,
            plan=plan,
            terms=terms,
            door=door,
            created_at=now,
            fingerprints={one.name: fingerprint(one) for one in tools},
            state="pending",
            detail="It changes things: somebody else has to say yes to it.",
        )
        made = _woken(fresh, now)
        if any(one.effect != "read" for one in tools):
            made = fresh
        await self._store.write_standing(None, made)
        await self._record(principal, "created", made)
        self._wake.set()
        return made

    def _check_poll(self, principal: Principal, terms: StandingTerms) -> None:
        """Raises BadRequest or ArgumentsInvalid."""
        match terms.trigger:
            case Poll(tool=name, arguments=arguments):
                tool = self._discovery.view(principal).tools.get(name)
                if tool is None or tool.effect != "read":
                    raise BadRequest(f"There is no tool named {name[:64]!r} that you may call and that only reads.")
                if problems := check_arguments(compile_arguments(tool.input_schema), arguments):
                    raise ArgumentsInvalid(problems)

    def _tools_of(self, principal: Principal, plan: Plan, terms: StandingTerms) -> list[Tool]:
        """Those that it names, as they are now; those that are not there are left out."""
        names = [name for step in plan.steps for name in (step.tool, step.told_verify.tool if step.told_verify else "")]
        names += [terms.trigger.tool] if isinstance(terms.trigger, Poll) else []
        view = self._discovery.view(principal)
        return [view.tools[name] for name in dict.fromkeys(names) if name in view.tools]

    async def list(self, tenant: str, limit: int, owner: Owner | None = None) -> Sequence[Standing]:
        """Those of a tenant, or of one caller, the newest first."""
        return await self._store.standings(tenant, limit, owner)

    async def find(self, tenant: str, standing_id: str) -> Standing:
        """Raises NotFound."""
        found = await self._store.find_standing(standing_id)
        if found is None or found.principal.tenant != tenant:
            raise NotFound(f"There is no standing intent {standing_id[:40]!r}.")
        return found

    async def tell(self, one: Standing, to: Owner | None = None) -> Told:
        """What its runs have answered is told `to` nobody but whose they are."""
        upcoming: list[datetime] = []
        at = one.next_at if one.state == "active" else None
        while at is not None and at < one.terms.expires_at and len(upcoming) < UPCOMING_SHOWN:
            upcoming.append(at)
            at = next_after(one.terms.trigger, one.created_at, at)
        flows = await self._intents.flows_of(one.principal, one.plan)
        past = tuple(await self._store.slots(one.id, SLOTS_SHOWN))
        answers = await self._answers(past) if to == one.owner else {}
        return Told(one, past, tuple(upcoming), flows, answers)

    async def _answers(self, past: Sequence[Slot]) -> dict[str, tuple[Sentence, ...]]:
        """What the newest runs have answered."""
        told: dict[str, tuple[Sentence, ...]] = {}
        for run_id in [slot.run for slot in past if slot.run][:ANSWERED_SHOWN]:
            held = await self._runs.load(run_id)
            if held is not None and (sentences := tell(held.run, held.progress)):
                told[run_id] = sentences
        return told

    async def approve(self, by: Principal, standing_id: str) -> Standing:
        """A yes, by somebody else, to what it does with its tools as they are now. Raises NotFound, Forbidden, or Conflict where
        it waits for none."""

        def approved(one: Standing, now: datetime) -> Standing:
            if one.state not in ("pending", "suspended"):
                raise Conflict(f"It is {one.state}, and waits for no yes.")
            if by.owner == one.owner:
                raise Forbidden("What made it cannot say yes to it: sign in yourself, through another client.")
            tools = self._tools_of(one.principal, one.plan, one.terms)
            if lacking := one.fingerprints.keys() - {tool.name for tool in tools}:
                raise Conflict(f"There is no {sorted(lacking)[0]} any more that it may call; delete it.")
            prints = {tool.name: fingerprint(tool) for tool in tools}
            return _woken(one, now, fingerprints=prints, approved_by=by.subject)

        return await self._change(by, standing_id, "approved", approved)

    async def pause(self, by: Principal, standing_id: str) -> Standing:
        """No slot comes until it is resumed; a run that goes on goes on. Raises NotFound or Conflict."""

        def paused(one: Standing, now: datetime) -> Standing:
            if one.state != "active":
                raise Conflict(f"It is {one.state}.")
            return structs.replace(one, state="paused", detail=f"{by.subject} paused it.", due_at=now)

        return await self._change(by, standing_id, "paused", paused)

    async def resume(self, by: Principal, standing_id: str) -> Standing:
        """From now on: slots that would have come meanwhile are none. Raises NotFound or Conflict."""

        def resumed(one: Standing, now: datetime) -> Standing:
            if one.state != "paused":
                raise Conflict(f"It is {one.state}, and not paused.")
            return _woken(one, now)

        return await self._change(by, standing_id, "resumed", resumed)

    async def fire(self, by: Principal, standing_id: str, delivery: str) -> Slot:
        """The slot of a delivery of a person's own, the same however often it comes. Raises NotFound, BadRequest or Conflict."""
        found = await self.find(by.tenant, standing_id)
        if (found.principal.issuer, found.principal.subject) != (by.issuer, by.subject):
            raise NotFound(f"There is no standing intent {standing_id[:40]!r}.")
        return await self._deliver(standing_id, delivery)

    async def fire_signed(self, standing_id: str, headers: Mapping[str, str], body: bytes) -> Slot:
        """The same for whoever has the secret of its webhook (Standard Webhooks 1.0). Raises Unauthenticated and what `fire`
        raises."""
        delivery, at, signatures = (headers[f"webhook-{name}"] for name in ("id", "timestamp", "signature"))
        key = self.hook_key(standing_id)
        if key is None or not is_signed(key, delivery, at, signatures, body, self._clock().timestamp()):
            raise Unauthenticated("It is not signed with the secret of this webhook, or too long ago.")
        return await self._deliver(standing_id, delivery)

    def hook_key(self, standing_id: str) -> bytes | None:
        """What signs what is delivered to one; None where nobody signs."""
        return derive_key(self._hook_root, f"standing intent {standing_id}") if self._hook_root else None

    async def _deliver(self, standing_id: str, delivery: str) -> Slot:
        if not 0 < len(delivery) <= DELIVERY_CHARACTERS_MAX:
            raise BadRequest(f"A delivery has an id (webhook-id) of 1 to {DELIVERY_CHARACTERS_MAX} characters.")
        for _ in range(TRIES_MAX):
            one = await self._store.find_standing(standing_id)
            if one is None:
                raise NotFound(f"There is no standing intent {standing_id[:40]!r}.")
            if (at := await self._store.find_delivery(standing_id, delivery)) is not None:
                return await self._slot(one, at)
            if not isinstance(one.terms.trigger, Hook) or one.state != "active":
                raise Conflict(f"Nothing can be delivered to it: it is {one.state}, and comes by {_kind(one)}.")
            opened = await self._store.slots(one.id, QUEUED_MAX + 1, open_only=True)
            turn, at = deliver(one, sorted(opened, key=lambda slot: slot.at), self._clock(), look_s=self._look_s)
            if await self._store.write_standing(one, turn.standing, [*turn.slots.values()], delivery):
                self._wake.set()
                return turn.slots[at]
        raise Conflict("It changes all the time; try again.")

    async def _slot(self, one: Standing, at: datetime) -> Slot:
        """A slot that was delivered; of one that is too old to be looked for, that it was."""
        known = await self._store.slots(one.id, DELIVERED_SHOWN)
        return next(
            (slot for slot in known if slot.at == at), Slot(one.id, at, "skipped", at, detail="It came before.")
        )

    async def delete(self, by: Principal, standing_id: str) -> Standing:
        """It goes, and what is told of its slots; its runs stay. Raises NotFound."""
        for _ in range(TRIES_MAX):
            found = await self.find(by.tenant, standing_id)
            if await self._store.write_standing(found, None):
                await self._record(by, "deleted", found)
                return found
        raise Conflict("It changes all the time; try again.")

    async def _change(
        self, by: Principal, standing_id: str, what: str, decide: Callable[[Standing, datetime], Standing]
    ) -> Standing:
        for _ in range(TRIES_MAX):
            found = await self.find(by.tenant, standing_id)
            after = structs.replace(decide(found, self._clock()), version=found.version + 1)
            if await self._store.write_standing(found, after):
                await self._record(by, what, after)
                self._wake.set()
                return after
        raise Conflict("It changes all the time; try again.")

    async def _record(self, by: Principal, what: str, one: Standing) -> None:
        told = {"id": one.id, "for": one.principal.subject, "tools": sorted(one.fingerprints), "terms": one.terms}
        reasons = (one.detail,) if one.detail else ()
        arguments = Raw(msgspec.json.encode(told))
        line = administered(by, self._clock(), f"standing.{what}", arguments=arguments, reasons=reasons)
        await self._audit.record(structs.replace(line, source="standing intent", intent=one.plan.intent))

    # What comes by itself.

    async def keep_going(self) -> None:
        """Carry out what is due, until cancelled."""
        while True:
            self._wake.clear()
            try:
                await self.look()
            except StoreFailed as error:
                log.warning("standing intents that are due could not be looked for", problem=error.detail)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._look_s):
                    await self._wake.wait()

    async def look(self) -> None:
        """Look once at all that are due. Raises StoreFailed."""
        due = await self._store.due_standings(self._clock(), DUE_MAX)
        problems = await asyncio.gather(*map(self._turn, due), return_exceptions=True)
        for one, problem in zip(due, problems, strict=True):
            match problem:
                case StoreFailed() | asyncio.CancelledError():
                    raise problem
                case Exception():
                    log.error("a standing intent could not go on", standing=one.id, exc_info=problem)

    async def _turn(self, one: Standing) -> None:
        opened = sorted(await self._store.slots(one.id, QUEUED_MAX + 1, open_only=True), key=lambda slot: slot.at)
        changed = self._changed(one) if one.state == "active" else ""
        outcomes = {}
        for slot in opened:
            if slot.state == "running" and (outcome := await self._carry(one, slot, changed)) is not None:
                outcomes[slot.at] = outcome
        now, bounds = self._clock(), {"late_s": self._settings.late_s, "look_s": self._look_s}
        looked = await self._poll(one) if not changed and is_due(one, now) else None
        turn = advance(one, opened, outcomes, now, **bounds, changed=changed, looked=looked)
        if not await self._store.write_standing(one, turn.standing, [*turn.slots.values()]):
            return  # Somebody else was first, and has done it.
        if turn.standing.state != one.state:
            by = structs.replace(SCHEDULE, tenant=one.principal.tenant)
            await self._record(by, turn.standing.state, turn.standing)
        if any(slot.state == "running" for slot in turn.slots.values()):
            self._wake.set()

    async def _carry(self, one: Standing, slot: Slot, changed: str) -> Outcome | None:
        """What became of a slot; None while that is open. Its run is started where it is not there yet."""
        run = await self._runs.known(slot.run)
        if run is None and (one.state != "active" or changed):
            return Outcome("skipped", changed or f"It was {one.state}.")
        if run is None:
            try:
                run = await self._intents.fire(one, slot.run)
            except StoreFailed:
                raise
            except GatewayError as error:
                return Outcome("failed", error.detail)
        return await self._outcome(run) if run.state in ENDED else None

    async def _outcome(self, run: Run) -> Outcome:
        held = await self._runs.load(run.id)
        return Outcome(_STATES[run.state], held.progress.detail if held is not None else "")

    async def _poll(self, one: Standing) -> Looked | None:
        """What stands there now, as a digest. None where nothing is polled."""
        trigger, principal = one.terms.trigger, one.principal
        if not isinstance(trigger, Poll):
            return None
        if not await self._intents.is_still(principal):
            return Looked(problem="The key that it was made with is revoked, or has ended.")
        asked = Asked(trigger.tool, trigger.arguments, one.door, source="standing intent", intent=one.plan.intent)
        try:
            result = await self._calls.call(principal, asked)
        except StoreFailed:
            raise
        except GatewayError as error:
            return Looked(problem=error.detail)
        if result.is_error or result.truncated:
            told = next((part.text for part in result.content if isinstance(part, Text)), "")
            return Looked(problem=told if result.is_error else f"The answer of {trigger.tool} is too long.")
        try:
            value: Any = value_at(msgspec.json.decode(bytes(result.structured) or b"null"), trigger.pointer)
        except LookupError:
            value = None
        return Looked(sha256(msgspec.json.encode(value, order="deterministic")).hexdigest())

    def _changed(self, one: Standing) -> str:
        """Which of its tools are not what they were when somebody approved them, as a sentence; "" where all are."""
        tools = self._discovery.view(one.principal).tools
        for name, known in one.fingerprints.items():
            if name not in tools:
                return f"There is no tool {name} now that it may call; it waits for a yes to what it does."
            if fingerprint(tools[name]) != known:
                return f"{name} has changed since it was approved; it waits for a yes to what it does."
        return ""


_STATES: dict[str, SlotState] = {
    one: one for one in ("done", "failed", "rejected", "uncertain", "cancelled", "compensated")
}


def _kind(one: Standing) -> str:
    return str(one.terms.trigger.__struct_config__.tag)


def _woken(one: Standing, now: datetime, **changes: Any) -> Standing:
    """Raises BadRequest."""
    try:
        return wake(one, now, **changes)
    except Unschedulable as error:
        raise BadRequest(str(error)) from error


def _terms_of(wanted: NewStanding) -> StandingTerms:
    return StandingTerms(**_of(wanted, *StandingTerms.__struct_fields__))


def _of(one: Struct, *names: str) -> dict[str, Any]:
    return {name: getattr(one, name) for name in names}
