"""Approvals: asked for where a policy wants a person's yes and no grant covers the call, decided by people, used once.
`core.approval` has the rules."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec
import structlog
from msgspec import Raw, Struct, structs

from gateway.audit import AuditLog
from gateway.core.approval import Approval, State, Unfit, digest_of, groups_of, of_run, say_no, say_yes
from gateway.core.audit import AuditEntry, administered
from gateway.core.decision import Decision
from gateway.core.diff import fingerprint
from gateway.core.grant import Call, Terms
from gateway.core.principal import Owner, Principal
from gateway.core.tool import Tool
from gateway.errors import ApprovalNeeded, BadRequest, Conflict, Forbidden, NotFound, StoreFailed
from gateway.events import Events
from gateway.grants import Grants, GrantUse
from gateway.stores.base import ApprovalStore, OutboxStore

log = structlog.get_logger(__name__)

PENDING_MAX = 100
OVERDUE_MAX = 200
REASON_CHARACTERS_MAX = 500
# What a caller does then; an intent goes on by itself.
CALL_AGAIN = " Call again with the same arguments once it is approved."


class Used(Struct, frozen=True):
    """What a call was let through by: the id of an approval, or of a grant and what was counted of it."""

    id: str
    grant: GrantUse | None = None


class Approvals:
    """`ttl_s`: seconds for which one is good, from when it is asked for to when it is used."""

    def __init__(
        self,
        store: ApprovalStore,
        grants: Grants,
        audit: AuditLog,
        events: Events,
        *,
        ttl_s: float,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._store = store
        self._grants = grants
        self._audit = audit
        self._events = events
        self._ttl_s = ttl_s
        self._clock = clock
        self._new_id = new_id

    async def use(
        self, principal: Principal, tool: Tool, arguments: Mapping[str, object], shown: Raw, decision: Decision
    ) -> Used:
        """The yes for a call: the approval of exactly this one, which is thereby used up, or a grant that covers it, of
        which one use is counted. Raises ApprovalNeeded where there is neither: an approval has been asked for then, once
        for the same call, however often that comes."""
        now = self._clock()
        digest = digest_of(principal, tool, arguments)
        asked = digest if decision.plan is None else of_run(digest, decision.plan.run)
        used = await self._store.use_approval(asked, now)
        if used is not None:
            return Used(used.id)
        latest = await self._store.latest_approval(asked)
        state = latest.at(now).state if latest is not None else ""
        no = (latest.decided_at or latest.expires_at) if latest is not None and state == "denied" else None
        granted = await self._grants.use(Call(principal, tool, arguments, digest, decision), no)
        if isinstance(granted, GrantUse):
            return Used(granted.grant, granted)
        if latest is None or state in ("used", "expired"):
            latest = await self._ask(principal, tool, asked, shown, decision, now)
        raise _needed(latest, granted, self._events.page_of(latest))

    async def give_back(self, used: Used) -> None:
        """For a call of which nothing has left: the use of a grant is not counted. An approval stays used."""
        if used.grant is not None:
            await self._grants.give_back(used.grant)

    async def _ask(
        self, principal: Principal, tool: Tool, digest: str, shown: Raw, decision: Decision, now: datetime
    ) -> Approval:
        waiting = await self._store.approvals(principal.tenant, "pending", now, PENDING_MAX + 1, principal.owner)
        if len(waiting) > PENDING_MAX:
            raise Forbidden(f"{PENDING_MAX} approvals wait already; wait until they are decided or expire.")
        approval = Approval(
            id=self._new_id(),
            digest=digest,
            tenant=principal.tenant,
            subject=principal.subject,
            issuer=principal.issuer,
            client=principal.client,
            tool=tool.name,
            title=tool.title,
            connector=tool.connector,
            effect=tool.effect,
            arguments=shown,
            reasons=decision.reasons,
            groups=groups_of(decision),
            four_eyes=decision.four_eyes,
            created_at=now,
            expires_at=now + timedelta(seconds=self._ttl_s),
            actors=principal.actors,
            fingerprint=fingerprint(tool),
            plan=decision.plan,
        )
        await self._store.add_approval(approval, self._events.of_approval("approval.requested", approval))
        self._events.added()
        return approval

    async def list(
        self, tenant: str, state: State | None, limit: int, owner: Owner | None = None
    ) -> Sequence[Approval]:
        """Those of a tenant, or of one caller, the newest first."""
        now = self._clock()
        return [one.at(now) for one in await self._store.approvals(tenant, state, now, limit, owner)]

    async def find(self, tenant: str, approval_id: str) -> Approval:
        """Raises NotFound."""
        found = await self._store.find_approval(approval_id)
        if found is None or found.tenant != tenant:
            raise NotFound(f"There is no approval {approval_id[:40]!r}.")
        return found.at(self._clock())

    async def approve(
        self, approver: Principal, approval_id: str, terms: Terms | None = None, *, whole_plan: bool = False
    ) -> Approval:
        """One yes; with `terms` to such calls in future too, by a grant; with `whole_plan` to every write of the plan that the
        call is a step of. Raises NotFound, Conflict where it is decided already, Forbidden where it is not theirs to give, or
        BadRequest where the terms do not hold, or there is no such plan."""
        if whole_plan:
            return await self._approve_plan(approver, approval_id, terms)
        if terms is None:
            return await self._decide(approver, approval_id, lambda one: say_yes(one, approver, self._clock()))
        grant = self._grants.along_with(await self.find(approver.tenant, approval_id), terms)
        decided = await self._decide(
            approver,
            approval_id,
            lambda one: structs.replace(say_yes(one, approver, self._clock()), grant=grant.id),
        )
        await self._grants.give(approver, grant)
        return decided

    async def _approve_plan(self, approver: Principal, approval_id: str, terms: Terms | None) -> Approval:
        found = await self.find(approver.tenant, approval_id)
        if found.plan is None or not found.plan.writes or terms is not None:
            raise BadRequest(
                "A yes to a whole plan is for a call that is a step of one made of words, and gives no grant."
            )
        return await self._decide(
            approver,
            approval_id,
            lambda one: structs.replace(say_yes(one, approver, self._clock()), whole_plan=True),
        )

    async def spend(self, approval: Approval) -> None:
        """Use up the yes to a whole plan: no other call goes through by it."""
        await self._store.use_approval(approval.digest, self._clock())

    async def deny(self, approver: Principal, approval_id: str, reason: str) -> Approval:
        """A no, with a reason for whoever asked. Raises the same."""
        told = reason[:REASON_CHARACTERS_MAX]
        return await self._decide(approver, approval_id, lambda one: say_no(one, approver, told, self._clock()))

    def why_no_yes(self, approver: Principal, approval: Approval) -> str:
        """Why theirs would not be taken, as a sentence; "" where it would be."""
        return _unfit(lambda: say_yes(approval, approver, self._clock()))

    def why_no_no(self, approver: Principal, approval: Approval) -> str:
        """The same."""
        return _unfit(lambda: say_no(approval, approver, "", self._clock()))

    async def _decide(self, approver: Principal, approval_id: str, decide: Callable[[Approval], Approval]) -> Approval:
        found = await self.find(approver.tenant, approval_id)
        try:
            decided = decide(found)
        except Unfit as error:
            raise (Conflict if found.state != "pending" else Forbidden)(str(error)) from error
        if not await self._store.decide_approval(found, decided, self._events.of_approval("approval.decided", decided)):
            raise Conflict("Somebody else decided at the same time; look at it again.")
        self._events.added()
        await self._audit.record(self._line(approver, decided))
        return decided

    async def expire(self, overdue: Sequence[Approval]) -> None:
        """Say of those that are over that they are: from then on no clock brings them back."""
        for one in overdue:
            ended = structs.replace(one, state="expired")
            await self._store.decide_approval(one, ended, self._events.of_approval("approval.expired", ended))
        self._events.added()

    def _line(self, approver: Principal, decided: Approval) -> AuditEntry:
        """Who said what, of which call."""
        said = "denied" if decided.state == "denied" else "approved"
        return administered(
            approver,
            self._clock(),
            f"approvals.{said}",
            connector=decided.connector,
            arguments=Raw(msgspec.json.encode(_told_of(decided))),
            reasons=(decided.reason,) if decided.reason else (),
            approval=decided.id,
        )


def _told_of(decided: Approval) -> dict[str, str]:
    """What the audit log says of a decision; of a yes to a whole plan the run that it is of."""
    told = {"tool": decided.tool, "for": decided.subject}
    plan = decided.plan if decided.whole_plan else None
    return told | ({"plan": plan.run} if plan is not None else {})


def _unfit(decide: Callable[[], Approval]) -> str:
    try:
        decide()
    except Unfit as error:
        return str(error)
    return ""


def _needed(approval: Approval, reasons: Sequence[str], url: str) -> ApprovalNeeded:
    """`reasons` are why grants do not cover it."""
    why = " ".join((*approval.reasons, *reasons))
    match approval.state:
        case "denied":
            because = f": {approval.reason}" if approval.reason else "."
            detail = f"The approval {approval.id} was denied by {approval.denied_by}{because}"
        case _:
            who = " and ".join(approval.lacking) or "a person"
            where = f", at {url}" if url else ""
            detail = (
                f"{why} It waits for {who} as approval {approval.id}{where}, until {approval.expires_at:%Y-%m-%d %H:%M} UTC."
                f"{CALL_AGAIN}"
            )
    return ApprovalNeeded(detail, approval, url)


async def keep_expiring(
    approvals: Approvals, grants: Grants, store: OutboxStore, clock: Callable[[], datetime], look_s: float
) -> None:
    """Never returns. A store that fails is asked again the next time."""
    while True:
        await asyncio.sleep(look_s)
        try:
            await expire_overdue(approvals, grants, store, clock())
        except StoreFailed as error:
            log.warning("what is over could not be looked for", problem=error.detail)


async def expire_overdue(approvals: Approvals, grants: Grants, store: OutboxStore, now: datetime) -> None:
    """Let every approval and grant expire that is over; the rest of more than OVERDUE_MAX the next time."""
    if overdue := await store.overdue_approvals(now, OVERDUE_MAX):
        await approvals.expire(overdue)
    if ended := await store.overdue_grants(now, OVERDUE_MAX):
        await grants.expire(ended)
