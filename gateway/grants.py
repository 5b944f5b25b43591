"""Grants: given by people, used by calls that a policy wants a yes for, taken back. `core.grant` has the rules."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
from msgspec import Raw, Struct, structs

from gateway.audit import AuditLog
from gateway.core.approval import Approval, Unfit
from gateway.core.audit import AuditEntry, administered
from gateway.core.catalog import Catalog
from gateway.core.constraint import ANY, Unclear, read_constraints
from gateway.core.diff import fingerprint
from gateway.core.event import Outgoing
from gateway.core.grant import (
    AMOUNT_MAX,
    PLACES_MAX,
    TOOLS_MAX,
    Amount,
    Budget,
    Call,
    Grant,
    GrantState,
    NewGrant,
    Terms,
    amount_of,
    is_about,
    revoke,
    say_yes,
    why_not,
)
from gateway.core.pointer import tokens
from gateway.core.principal import Owner, Principal
from gateway.core.tool import Tool
from gateway.errors import BadRequest, Conflict, Forbidden, NotFound, StoreFailed
from gateway.events import Events
from gateway.published import Published
from gateway.stores.base import GrantStore

GRANTS_MAX = 100
REASONS_MAX = 3
REVOKE_TRIES_MAX = 100
REASON_CHARACTERS_MAX = 500
ARGUMENTS_SHOWN = 20
PREFIX = "g-"


class GrantUse(Struct, frozen=True):
    """One use that was counted, and what it took of the amount."""

    grant: str
    amount: Decimal


class Grants:
    """`ttl_s_max`: seconds for which one may be good at most."""

    def __init__(
        self,
        store: GrantStore,
        published: Published,
        audit: AuditLog,
        events: Events,
        *,
        ttl_s_max: float,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._store = store
        self._published = published
        self._audit = audit
        self._events = events
        self._ttl_s_max = ttl_s_max
        self._clock = clock
        self._new_id = new_id

    async def use(self, call: Call, since: datetime | None) -> GrantUse | tuple[str, ...]:
        """One use of a grant that covers the call, counted; or why those that are about it do not cover it, as sentences.
        Of two the one that ends first. `since`: only of those that were given after a no to this very call."""
        now = self._clock()
        held = await self._store.grants(call.principal.tenant, "active", now, GRANTS_MAX, call.principal.owner)
        about = [one for one in held if is_about(one, call) and (since is None or one.created_at > since)]
        reasons = []
        for grant in sorted(about, key=lambda one: (one.expires_at, one.id)):
            why = why_not(grant, call)
            if not why:
                used = await self._count(grant, call, now)
                if used is not None:
                    return used
                why = "has not so much left"
            reasons.append(f"The grant {grant.id} {why}.")
        return tuple(reasons[:REASONS_MAX])

    async def _count(self, grant: Grant, call: Call, now: datetime) -> GrantUse | None:
        amount = amount_of(call.arguments, grant.amount.argument) if grant.amount is not None else None
        taken = amount or Decimal(0)
        used = await self._store.use_grant(grant.id, taken, now, self._tell_if_last)
        if used is None:
            return None
        self._events.added()
        return GrantUse(grant.id, taken)

    def _tell_if_last(self, grant: Grant) -> Outgoing | None:
        return self._events.of_grant("grant.used_up", grant) if grant.state == "used_up" else None

    async def give_back(self, use: GrantUse) -> None:
        """For a call of which nothing has left. A store that fails now has counted one use too many."""
        try:
            await self._store.give_back_use(use.grant, use.amount)
        except StoreFailed:
            return

    async def list(
        self, tenant: str, state: GrantState | None, limit: int, owner: Owner | None = None
    ) -> Sequence[Grant]:
        """Those of a tenant, or of one caller, the newest first."""
        now = self._clock()
        return [one.at(now) for one in await self._store.grants(tenant, state, now, limit, owner)]

    async def find(self, tenant: str, grant_id: str) -> Grant:
        """Raises NotFound."""
        found = await self._store.find_grant(grant_id)
        if found is None or found.tenant != tenant:
            raise NotFound(f"There is no grant {grant_id[:40]!r}.")
        return found.at(self._clock())

    def suspended(self, grant: Grant) -> str:
        """Why a grant covers nothing, or not everything that it did, as a sentence: tools have changed since. "" otherwise."""
        catalog = self._published.of(grant.tenant).catalog
        if grant.tool:
            tool = catalog.tools.get(grant.tool)
            if tool is None or tool.connector != grant.connector:
                return f"There is no tool {grant.tool} of {grant.connector} now."
            return "" if fingerprint(tool) in grant.fingerprints else f"{grant.tool} has changed since it was given."
        connector = catalog.connectors.get(grant.connector)
        named = [one for one in (connector.tools if connector else ()) if one.effect == grant.effect]
        others = sorted(one.name for one in named if fingerprint(one) not in grant.fingerprints)
        return f"It does not cover what has changed or come since: {', '.join(others[:10])}." if others else ""

    async def add(self, giver: Principal, wanted: NewGrant) -> Grant:
        """A new grant with one yes. Raises BadRequest, NotFound, Forbidden or Conflict."""
        catalog, now = self._published.of(giver.tenant).catalog, self._clock()
        tools, end = _tools_of(catalog, wanted), self._end(wanted, now)
        if wanted.arguments is None:
            raise BadRequest("arguments is missing: a JSON Schema over the arguments, or {} for any.")
        prints = await asyncio.to_thread(lambda: frozenset(map(fingerprint, tools)))
        holder = wanted.holder
        grant = Grant(
            id=PREFIX + self._new_id(),
            tenant=giver.tenant,
            subject=holder.subject,
            issuer=holder.issuer,
            client=holder.client,
            actors=holder.actors,
            tool=wanted.tool,
            connector=tools[0].connector,
            effect=tools[0].effect,
            fingerprints=prints,
            groups=tuple(dict.fromkeys(wanted.groups)),
            created_at=now,
            expires_at=end,
            uses_max=wanted.uses_max,
            arguments=_constraints(wanted, tools[0] if wanted.tool else None),
            amount=_budget(wanted.amount, tools[0] if wanted.tool else None),
        )
        return await self.give(giver, grant)

    def along_with(self, approval: Approval, terms: Terms) -> Grant:
        """A grant of such calls as an approval is of, and with the yeses that it needs, but as yet with none. Without
        `arguments` it is for that very call alone. Raises BadRequest, NotFound or Conflict."""
        tool = self._published.of(approval.tenant).catalog.tools.get(approval.tool)
        if tool is None:
            raise NotFound(f"There is no tool {approval.tool!r} any more.")
        if fingerprint(tool) != approval.fingerprint:
            raise Conflict(f"{approval.tool} has changed since it was asked for; let it be asked for again.")
        now = self._clock()
        return Grant(
            id=PREFIX + self._new_id(),
            tenant=approval.tenant,
            subject=approval.subject,
            issuer=approval.issuer,
            client=approval.client,
            actors=approval.actors,
            tool=approval.tool,
            connector=approval.connector,
            effect=approval.effect,
            fingerprints=frozenset({approval.fingerprint}),
            groups=approval.groups,
            four_eyes=approval.four_eyes,
            created_at=now,
            expires_at=self._end(terms, now),
            uses_max=terms.uses_max,
            digest=approval.digest if terms.arguments is None else "",
            arguments=_constraints(terms, tool),
            amount=_budget(terms.amount, tool),
            approval=approval.id,
        )

    async def give(self, giver: Principal, grant: Grant) -> Grant:
        """Keep a grant, with its first yes. Raises Forbidden where that is not theirs to give, or Conflict where the caller
        has as many grants as may be."""
        held = await self._store.grants(grant.tenant, "active", self._clock(), GRANTS_MAX, grant.owner)
        if len(held) >= GRANTS_MAX:
            raise Conflict(f"{GRANTS_MAX} grants are in force for this caller already; revoke some.")
        try:
            given = say_yes(grant, giver, self._clock())
        except Unfit as error:
            raise Forbidden(str(error)) from error
        await self._store.add_grant(given, self._events.of_grant("grant.created", given))
        self._events.added()
        await self._audit.record(self._line(giver, "created", given))
        return given

    async def approve(self, approver: Principal, grant_id: str) -> Grant:
        """One yes more. Raises NotFound, Conflict where it needs none, or Forbidden where it is not theirs to give."""
        found = await self.find(approver.tenant, grant_id)
        try:
            decided = say_yes(found, approver, self._clock())
        except Unfit as error:
            raise (Conflict if found.state != "pending" else Forbidden)(str(error)) from error
        if not await self._store.change_grant(found, decided, self._events.of_grant("grant.decided", decided)):
            raise Conflict("Somebody else decided at the same time; look at it again.")
        self._events.added()
        await self._audit.record(self._line(approver, "approved", decided))
        return decided

    async def revoke(self, by: Principal, grant_id: str, reason: str) -> Grant:
        """Good for nothing from now on, whoever counts a use meanwhile. Raises NotFound, or Conflict where it was revoked or
        has expired already, or is used too fast to be taken back at once."""
        for _ in range(REVOKE_TRIES_MAX):
            found = await self.find(by.tenant, grant_id)
            try:
                ended = revoke(found, by, reason[:REASON_CHARACTERS_MAX], self._clock())
            except Unfit as error:
                raise Conflict(str(error)) from error
            if await self._store.change_grant(found, ended, self._events.of_grant("grant.revoked", ended)):
                self._events.added()
                await self._audit.record(self._line(by, "revoked", ended))
                return ended
        raise Conflict("It is being used so fast that it could not be revoked; try again.")

    async def expire(self, overdue: Sequence[Grant]) -> None:
        """Say of those that are over that they are: from then on no clock brings them back."""
        for one in overdue:
            ended = structs.replace(one, state="expired")
            await self._store.change_grant(one, ended, self._events.of_grant("grant.expired", ended))
        self._events.added()

    def _end(self, terms: Terms, now: datetime) -> datetime:
        end = terms.expires_at.astimezone(UTC)
        if not now < end <= now + timedelta(seconds=self._ttl_s_max):
            raise BadRequest(
                f"expires_at must be within {self._ttl_s_max:g} s from now (approvals.grant_ttl_s_max), and not before."
            )
        return end

    def _line(self, by: Principal, what: str, grant: Grant) -> AuditEntry:
        """Who did what, with which grant."""
        told: dict[str, object] = {"grant_for": grant.about, "for": grant.subject, "client": grant.client}
        told |= {"uses_max": grant.uses_max, "uses": grant.uses, "expires_at": grant.expires_at}
        told |= {"constraints": grant.arguments, "amount": grant.amount, "groups": grant.groups}
        return administered(
            by,
            self._clock(),
            f"grants.{what}",
            connector=grant.connector,
            effect=grant.effect,
            arguments=Raw(msgspec.json.encode(told)),
            reasons=(grant.reason,) if grant.reason else (),
            approval=grant.id,
        )


def _tools_of(catalog: Catalog, wanted: NewGrant) -> tuple[Tool, ...]:
    """The tools that a grant is asked for, as they are now; at least one. Raises BadRequest or NotFound."""
    if wanted.tool:
        tool = catalog.tools.get(wanted.tool)
        if wanted.connector or wanted.effect:
            raise BadRequest("A grant is for a tool, or for a connector and an effect; name one of the two.")
        if tool is None:
            raise NotFound(f"There is no tool named {wanted.tool[:80]!r}.")
        return (tool,)
    if not wanted.connector or wanted.effect is None:
        raise BadRequest("A grant is for a tool, or for a connector and an effect; name one of the two.")
    connector = catalog.connectors.get(wanted.connector)
    found = tuple(one for one in (connector.tools if connector else ()) if one.effect == wanted.effect)
    if not found:
        raise NotFound(f"There is no connector {wanted.connector[:80]!r} that has a tool which is a {wanted.effect}.")
    if len(found) > TOOLS_MAX:
        raise BadRequest(f"That is for {len(found)} tools, and {TOOLS_MAX} at most; name a tool.")
    return found


def _constraints(terms: Terms, tool: Tool | None) -> Raw:
    """Raises BadRequest, where an argument is meant that the tool does not have, too: that would hold nobody back."""
    if terms.arguments is None:
        return ANY
    try:
        constraints = read_constraints(terms.arguments)
    except Unclear as error:
        raise BadRequest(str(error)) from error
    for name in terms.arguments.get("properties", {}):
        _require_argument(tool, name)
    return constraints


def _budget(asked: Amount | None, tool: Tool | None) -> Budget | None:
    if asked is None:
        return None
    total = asked.total
    if not total.is_finite() or not 0 < total <= AMOUNT_MAX or int(total.as_tuple().exponent) < -PLACES_MAX:
        raise BadRequest(f"amount.total must be above 0, at most {AMOUNT_MAX}, with {PLACES_MAX} places at most.")
    _require_argument(tool, tokens(asked.argument)[0])
    return Budget(asked.argument, total)


def _require_argument(tool: Tool | None, name: str) -> None:
    schema = msgspec.json.decode(tool.inputs) if tool else {}
    if schema.get("additionalProperties") is False and name not in schema.get("properties", ()):
        known = ", ".join(sorted(schema.get("properties", ()))[:ARGUMENTS_SHOWN]) or "none"
        raise BadRequest(f"{tool.name if tool else ''} has no argument {name[:60]!r}; those that it has: {known}.")
