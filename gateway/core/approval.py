"""A person's yes to one exact call. An approval is bound to a digest of what was asked for: another argument, another caller,
a tool that has changed since, and the yes is none. Knows no clock and no store."""

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Literal

import msgspec
from msgspec import Raw, Struct, structs

from gateway.core.decision import Decision, PlanOf
from gateway.core.diff import fingerprint
from gateway.core.principal import Owner, Principal
from gateway.core.tool import Tool

State = Literal["pending", "approved", "denied", "used", "expired"]
# What a policy may say in place of a group, where whoever may decide approvals will do.
ANYBODY = frozenset({"", "anybody", "a person"})


class Yes(Struct, frozen=True):
    """One person's yes, for the groups that it counts for. `issuer` vouches for the person."""

    subject: str
    groups: tuple[str, ...]
    at: datetime
    issuer: str = ""


class Approval(Struct, frozen=True):
    """What is asked for, and what became of it.

    `arguments` are redacted, for people to look at; `digest` is over the real ones. `groups` are those of which each has to
    say yes; () is anybody who may decide. `four_eyes`: not the one for whom it is asked. `fingerprint` is of the tool as it
    was (core.diff). `grant` is the one that was given along with a yes. `plan` is the one that the call is a step of, where the
    yes is good for its run alone, and `whole_plan` that it is to all that it writes.
    """

    id: str
    digest: str
    tenant: str
    subject: str
    issuer: str
    client: str
    tool: str
    title: str
    connector: str
    effect: str
    arguments: Raw
    reasons: tuple[str, ...]
    groups: tuple[str, ...]
    four_eyes: bool
    created_at: datetime
    expires_at: datetime
    state: State = "pending"
    given: tuple[Yes, ...] = ()
    denied_by: str = ""
    reason: str = ""
    decided_at: datetime | None = None
    actors: tuple[str, ...] = ()
    fingerprint: str = ""
    grant: str = ""
    plan: PlanOf | None = None
    whole_plan: bool = False

    @property
    def owner(self) -> Owner:
        """Who asked, as `Principal.owner`."""
        return self.tenant, self.issuer, self.subject, self.client

    def at(self, now: datetime) -> "Approval":
        """As it is at a time: what nobody used before it ended has expired. What was once said to have does not come back."""
        over = self.state in ("pending", "approved") and now >= self.expires_at
        return structs.replace(self, state="expired") if over else self

    @property
    def lacking(self) -> tuple[str, ...]:
        """The groups that have not said yes yet."""
        said = {group for one in self.given for group in one.groups}
        return tuple(group for group in self.groups if group not in said)


class Unfit(Exception):
    """Who must not decide this, or can no longer: why, as a sentence."""


def digest_of(principal: Principal, tool: Tool, arguments: Mapping[str, object]) -> str:
    """What a yes is bound to: SHA-256 over who asks (for whom, through which client), the tool as it is, and the arguments."""
    asked = [*principal.owner, list(principal.actors), tool.name, tool.connector, fingerprint(tool), arguments]
    return sha256(msgspec.json.encode(asked, order="deterministic")).hexdigest()


def of_run(digest: str, run: str) -> str:
    """What a yes to the same call is bound to that is good for one run alone."""
    return sha256(msgspec.json.encode([digest, run])).hexdigest()


def groups_of(decision: Decision) -> tuple[str, ...]:
    """The groups that have to say yes."""
    return tuple(dict.fromkeys(who for who in decision.approvers if who not in ANYBODY))


def say_yes(approval: Approval, approver: Principal, now: datetime) -> Approval:
    """The approval with one yes more; approved where none is lacking. Raises Unfit."""
    _check(approval, approver, now)
    counts = tuple(group for group in approval.lacking if group in approver.groups)
    if approval.groups and not counts:
        raise Unfit(f"It is for {' and '.join(approval.lacking)} to decide.")
    given = (*approval.given, Yes(approver.subject, counts, now, approver.issuer))
    said = structs.replace(approval, given=given)
    return said if said.lacking else structs.replace(said, state="approved", decided_at=now)


def say_no(approval: Approval, approver: Principal, reason: str, now: datetime) -> Approval:
    """Denied, for a reason that the caller is told. One no is enough. Raises Unfit."""
    _check(approval, approver, now)
    if approval.groups and not approver.groups & set(approval.groups):
        raise Unfit(f"It is for {' and '.join(approval.groups)} to decide.")
    return structs.replace(approval, state="denied", denied_by=approver.subject, reason=reason, decided_at=now)


def _check(approval: Approval, approver: Principal, now: datetime) -> None:
    state = approval.at(now).state
    if state != "pending":
        raise Unfit(f"It is {state} already.")
    if approver.owner == approval.owner:
        raise Unfit("What asked for it cannot decide it: sign in yourself, through another client.")
    if approval.four_eyes and (approver.issuer, approver.subject) == (approval.issuer, approval.subject):
        raise Unfit("Somebody else has to decide it than the one for whom it is asked.")
