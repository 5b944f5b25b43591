"""What other policies would have decided about calls that are in the audit log. Decides by the policies it is given, and
guesses nothing: where a line does not say what they read, it says so."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from gateway.core.audit import AuditEntry
from gateway.core.decision import Decision
from gateway.core.policy import PolicyBook
from gateway.core.policy_context import Facts
from gateway.core.policy_text import Policy
from gateway.core.principal import Principal
from gateway.core.redact import is_told
from gateway.core.tool import Tool

CHANGES_MAX = 1_000
DENIED_BY_POLICY = "Denied by policy"


class Change(Struct, frozen=True):
    """Calls of one tool by one subject that would be decided otherwise, in the same way: `before` and `after` are verdicts,
    `redact_before` and `redact` the fields that were and would be blotted out, `policies` those that would decide, `call_id` the
    newest of these calls."""

    tool: str
    tenant: str
    subject: str
    issuer: str
    before: str
    after: str
    policies: tuple[str, ...]
    calls: int
    call_id: str
    redact_before: tuple[str, ...] = ()
    redact: tuple[str, ...] = ()


class Untold(Struct, frozen=True):
    """Calls of one tool about which nothing can be said, and why."""

    tool: str
    why: str
    calls: int
    call_id: str


class Simulation(Struct, frozen=True):
    """What other policies would have changed. `calls` were decided by policies, `same` of them would be decided as they were;
    `oldest` and `newest` are when the first and the last of them began. The most frequent changes come first, at most
    CHANGES_MAX of them; `more` is how many calls the rest are."""

    calls: int
    same: int
    changes: tuple[Change, ...]
    untold: tuple[Untold, ...]
    oldest: datetime | None = None
    newest: datetime | None = None
    more: int = 0


def simulate(book_of: Callable[[str], PolicyBook], lines: Iterable[AuditEntry]) -> Simulation:
    """Replay the calls in these lines, oldest first, each with the policies as they are for its tenant."""
    changes: dict[tuple[Any, ...], list[Any]] = {}
    untold: dict[tuple[str, str], list[Any]] = {}
    calls = same = 0
    times: list[datetime] = []
    for line in calls_in(lines):
        calls += 1
        times.append(line.at)
        after = replay(book_of(line.tenant), line)
        if isinstance(after, str):
            _count(untold, (line.tool, after), line)
        elif (after.verdict, after.redact) == (line.verdict, line.redact):
            same += 1
        else:
            who = (line.tenant, line.subject, line.issuer)
            key = (line.tool, *who, line.verdict, after.verdict, after.policies, line.redact, after.redact)
            _count(changes, key, line)
    ordered = sorted(changes.items(), key=lambda one: (-one[1][0], one[0]))
    told = tuple(_change(key, *counted) for key, counted in ordered[:CHANGES_MAX])
    unknown = sorted(untold.items(), key=lambda one: (-one[1][0], one[0]))
    return Simulation(
        calls,
        same,
        told,
        tuple(Untold(*key, *counted) for key, counted in unknown[:CHANGES_MAX]),
        min(times, default=None),
        max(times, default=None),
        sum(counted[0] for _, counted in ordered[CHANGES_MAX:]),
    )


def calls_in(lines: Iterable[AuditEntry]) -> Iterator[AuditEntry]:
    """One line for each call that policies decided about: its end, or that it was sent where its end is not there."""
    ended: dict[str, AuditEntry] = {}
    for line in lines:
        if _was_judged(line) and (line.phase != "sending" or line.call_id not in ended):
            ended.pop(line.call_id, None)
            ended[line.call_id] = line
    yield from ended.values()


def replay(book: PolicyBook, line: AuditEntry) -> Decision | str:
    """What these policies decide about a call in the log; a sentence where that cannot be told."""
    tool = book.tools.get(line.tool)
    if tool is None:
        return "The tool is not there any more."
    policies = [one for one in book.about(tool.connector) if _concerns(one, tool)]
    arguments = msgspec.json.decode(line.arguments)
    for name in _claims_read(policies):
        if not line.policy_version or name in line.left_out:
            return f"The line does not say what {name} the caller had, which a policy reads."
    for name in sorted(_arguments_read(policies)):
        if not is_told(name, arguments):
            return f"The argument {name}, which a policy reads, is not in the log as it was."
    facts = Facts(line.at, line.door, True, line.source or "call", line.intent, frozenset(line.labels))  # type: ignore[arg-type]
    return book.decide(_principal(line), tool, arguments, facts)


def _was_judged(line: AuditEntry) -> bool:
    """Whether it came as far as the policies: what lacks a scope does not."""
    return line.verdict in ("allow", "needs_approval") or (line.verdict == "deny" and line.error == DENIED_BY_POLICY)


def _concerns(policy: Policy, tool: Tool) -> bool:
    """Whether it can matter to this tool, by the actions in its scope."""
    groups = {tool.effect, "write"} if tool.effect == "destructive" else {tool.effect}
    return not policy.actions or bool(policy.actions & {tool.name, *groups})


def _claims_read(policies: list[Policy]) -> list[str]:
    """Of what is not in every line, that which these policies read of the caller."""
    read = {path[1] for one in policies for path in one.reads if path[0] == "principal" and len(path) > 1}
    if any(str(uid.type) == "Group" for one in policies for uid in one.names):
        read.add("groups")
    return [name for name in ("groups", "scopes", "method") if name in read]


def _arguments_read(policies: list[Policy]) -> set[str]:
    return {path[2] for one in policies for path in one.reads if path[:2] == ("context", "arguments") and len(path) > 2}


def _principal(line: AuditEntry) -> Principal:
    return Principal(
        line.tenant,
        line.subject,
        line.client,
        frozenset(line.scopes),
        frozenset(line.groups),
        line.method or "api_key",  # type: ignore[arg-type]
        line.issuer,
        line.actors,
    )


def _count(counted: dict[Any, list[Any]], key: Any, line: AuditEntry) -> None:
    """Calls of this kind, and the newest of them."""
    known = counted.setdefault(key, [0, ""])
    known[0] += 1
    known[1] = line.call_id


def _change(key: tuple[Any, ...], calls: int, call_id: str) -> Change:
    tool, tenant, subject, issuer, before, after, policies, redact_before, redact = key
    return Change(tool, tenant, subject, issuer, before, after, policies, calls, call_id, redact_before, redact)
