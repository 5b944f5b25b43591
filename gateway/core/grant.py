"""A person's standing yes to a bounded class of calls: whose, of which tools as they are now, with which arguments, how often,
up to which amount in all, until when. Knows no clock and no store."""

import math
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

from msgspec import Meta, Raw, Struct, field, structs

from gateway.core.approval import Unfit, Yes, groups_of
from gateway.core.constraint import ANY, within
from gateway.core.decision import Decision
from gateway.core.diff import fingerprint
from gateway.core.pointer import tokens
from gateway.core.principal import Owner, Principal
from gateway.core.tool import Effect, Tool

GrantState = Literal["pending", "active", "used_up", "revoked", "expired"]

USES_MAX = 1_000_000
TOOLS_MAX = 1_000
GROUPS_MAX = 20
POINTER_CHARACTERS_MAX = 200
# An amount has so many digits before the point, and so many after it: sums of them are exact.
AMOUNT_MAX = Decimal(10**15)
PLACES_MAX = 9
# How far the clocks of two gateways may be apart: a grant is used from so long before it was made on, and not where a clock
# has gone back further.
CLOCKS_APART = timedelta(seconds=60)

_WRITTEN = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,9})?", re.ASCII)


class Budget(Struct, frozen=True):
    """An amount over all uses together. `argument` is the JSON Pointer of the argument that says how much one call takes."""

    argument: str
    total: Decimal
    used: Decimal = Decimal(0)


class Grant(Struct, frozen=True):
    """One standing yes, and what was used of it.

    It is for one `tool`, or for all tools of a `connector` with one `effect`, in either case as they were when it was given:
    `fingerprints`. `arguments` are constraints (core.constraint); `digest`, where there is one, is that of the only call it
    is for. `groups` are those of which each has to say yes before it is good, and whose yes it carries then; with `four_eyes`
    none of them may be the one for whom it is. `approval` is the one that it was given along with.
    """

    id: str
    tenant: str
    subject: str
    issuer: str
    client: str
    actors: tuple[str, ...]
    tool: str
    connector: str
    effect: str
    fingerprints: frozenset[str]
    groups: tuple[str, ...]
    created_at: datetime
    expires_at: datetime
    uses_max: int
    digest: str = ""
    arguments: Raw = ANY
    amount: Budget | None = None
    state: GrantState = "pending"
    given: tuple[Yes, ...] = ()
    four_eyes: bool = False
    uses: int = 0
    approval: str = ""
    revoked_by: str = ""
    reason: str = ""

    @property
    def owner(self) -> Owner:
        """Whose it is, as `Principal.owner`."""
        return self.tenant, self.issuer, self.subject, self.client

    @property
    def about(self) -> str:
        """What it is for, in words."""
        return self.tool or f"every {self.effect} of {self.connector}"

    def at(self, now: datetime) -> "Grant":
        """As it is at a time: what was not used up before it ended has expired."""
        over = self.state in ("pending", "active") and now >= self.expires_at
        return structs.replace(self, state="expired") if over else self

    @property
    def lacking(self) -> tuple[str, ...]:
        """The groups that have not said yes yet."""
        said = {group for one in self.given for group in one.groups}
        return tuple(group for group in self.groups if group not in said)


class Amount(Struct, frozen=True, forbid_unknown_fields=True):
    """How much all uses may take together: the JSON Pointer of the argument that says it of one call, and the total."""

    argument: Annotated[str, Meta(pattern="^/", max_length=POINTER_CHARACTERS_MAX)]
    total: Decimal


class Terms(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a grant is bounded by. `arguments` is a JSON Schema over the arguments (docs/approvals.md says which keywords);
    `{}` is any."""

    uses_max: Annotated[int, Meta(ge=1, le=USES_MAX)]
    expires_at: Annotated[datetime, Meta(tz=True)]
    arguments: dict[str, Any] | None = None
    amount: Amount | None = None


class Holder(Struct, frozen=True, forbid_unknown_fields=True):
    """For whom it is, and through which client: as `subject`, `client`, `issuer` and `actors` of an approval or of a line of
    the audit log say it."""

    subject: str
    client: str
    issuer: str = ""
    actors: tuple[str, ...] = ()


class NewGrant(Terms, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A grant to be given: for one tool, or for a connector and an effect. `groups` are those whose yes it shall carry."""

    holder: Holder = field(name="for")
    tool: str = ""
    connector: str = ""
    effect: Effect | None = None
    groups: Annotated[tuple[str, ...], Meta(max_length=GROUPS_MAX)] = ()


class Call(Struct, frozen=True):
    """A call that a policy wants a yes for. `digest` is what an approval of it would be bound to."""

    principal: Principal
    tool: Tool
    arguments: Mapping[str, object]
    digest: str
    decision: Decision


def is_about(grant: Grant, call: Call) -> bool:
    """Whether it is a grant of whoever calls, for this tool."""
    principal, tool = call.principal, call.tool
    is_tool = grant.tool == tool.name if grant.tool else grant.effect == tool.effect
    return (
        grant.owner == principal.owner
        and grant.actors == principal.actors
        and grant.connector == tool.connector
        and is_tool
    )


def why_not(grant: Grant, call: Call) -> str:
    """Why a grant that is about a call does not cover it, as the end of a sentence; "" where it does, as far as can be told
    without counting."""
    if fingerprint(call.tool) not in grant.fingerprints:
        return f"is suspended: {call.tool.name} has changed since it was given"
    if call.decision.exact and not grant.digest:
        return "is not for exactly this call, and what its arguments are made of asks for that"
    if not carries(grant, call.decision):
        return "does not carry every yes that this needs"
    if (grant.digest and grant.digest != call.digest) or not within(grant.arguments, call.arguments):
        return "is for other arguments"
    if grant.amount is not None and amount_of(call.arguments, grant.amount.argument) is None:
        return f"counts amounts, and {grant.amount.argument} is none that can be counted"
    return ""


def carries(grant: Grant, decision: Decision) -> bool:
    """Whether the yes of every group that a decision wants is in it. With four eyes only the yes of somebody else counts."""
    said = [one for one in grant.given if not decision.four_eyes or not is_own(grant, one.issuer, one.subject)]
    return bool(said) and {group for one in said for group in one.groups} >= set(groups_of(decision))


def is_own(grant: Grant, issuer: str, subject: str) -> bool:
    """Whether somebody is the one for whom it is."""
    return (issuer, subject) == (grant.issuer, grant.subject)


def amount_of(arguments: Mapping[str, object], pointer: str) -> Decimal | None:
    """What one call takes, exactly as it is written; None where there is none, or none that can be counted: it is negative,
    no number, too large or too fine, or in a list, where there may be more of them."""
    value: object = arguments
    for name in tokens(pointer):
        if not isinstance(value, Mapping) or name not in value:
            return None
        value = value[name]
    match value:
        case bool():
            return None
        case int() if 0 <= value < AMOUNT_MAX:
            return Decimal(value)
        case float() if math.isfinite(value) and 0 <= value < AMOUNT_MAX:
            exact = Decimal(repr(value))
            return exact if int(exact.as_tuple().exponent) >= -PLACES_MAX else None
        case str() if _WRITTEN.fullmatch(value):
            return Decimal(value)
    return None


def take(grant: Grant, amount: Decimal, now: datetime) -> Grant | None:
    """The grant with one use more; None where nothing, or not so much, is left of it."""
    if grant.at(now).state != "active" or now < grant.created_at - CLOCKS_APART:
        return None
    budget = grant.amount
    if budget is not None:
        budget = structs.replace(budget, used=budget.used + amount)
        if budget.used > budget.total:
            return None
    is_last = grant.uses + 1 >= grant.uses_max or (budget is not None and budget.used == budget.total)
    state: GrantState = "used_up" if is_last else "active"
    return structs.replace(grant, uses=grant.uses + 1, amount=budget, state=state)


def give_back(grant: Grant, amount: Decimal) -> Grant:
    """The grant without a use that came to nothing. What was revoked or has expired since stays so."""
    budget = grant.amount
    if budget is not None:
        budget = structs.replace(budget, used=max(budget.used - amount, Decimal(0)))
    state: GrantState = "active" if grant.state == "used_up" else grant.state
    return structs.replace(grant, uses=max(grant.uses - 1, 0), amount=budget, state=state)


def say_yes(grant: Grant, approver: Principal, now: datetime) -> Grant:
    """The grant with one yes more; active where none is lacking. Raises Unfit."""
    if grant.at(now).state != "pending":
        raise Unfit(f"It is {grant.at(now).state} already.")
    if approver.owner == grant.owner:
        raise Unfit("What it is for cannot grant it to itself: sign in yourself, through another client.")
    if grant.four_eyes and is_own(grant, approver.issuer, approver.subject):
        raise Unfit("Somebody else has to decide it than the one for whom it is asked.")
    counts = tuple(group for group in grant.lacking if group in approver.groups)
    if grant.groups and not counts:
        raise Unfit(f"It is for {' and '.join(grant.lacking)} to decide.")
    said = structs.replace(grant, given=(*grant.given, Yes(approver.subject, counts, now, approver.issuer)))
    return said if said.lacking else structs.replace(said, state="active")


def revoke(grant: Grant, by: Principal, reason: str, now: datetime) -> Grant:
    """The grant, good for nothing from now on. Raises Unfit where it was that already."""
    state = grant.at(now).state
    if state in ("revoked", "expired"):
        raise Unfit(f"It is {state} already.")
    return structs.replace(grant, state="revoked", revoked_by=by.subject, reason=reason)
