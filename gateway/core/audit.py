"""One line of the audit log, and what is left out of it."""

from datetime import datetime
from typing import Any, Literal

import msgspec
from msgspec import Raw, Struct, field, structs

from gateway.core.principal import Principal

Phase = Literal[
    "sending", "done", "denied", "rejected", "failed", "uncertain", "cancelled", "previewed", "administered", "searched"
]

GROUPS_MAX, SCOPES_MAX = 64, 32


class AuditEntry(Struct, frozen=True, omit_defaults=True):
    """What happened to one call.

    A write has two lines with one `call_id`: `sending`, committed before the request leaves, and its end.
    A read has one, committed before its result is reported. `phase`:
    `done` the backend answered; `denied` scopes or a policy said no; `rejected` the arguments or the tool's name were wrong,
    or the request was turned away at the door; `failed` no usable answer and nothing can have happened; `uncertain` no answer
    and a write may have happened; `cancelled` the caller went away; `previewed` a dry run;
    `administered` a change to the gateway itself; `searched` a search of a tenant whose searches are learnt from.
    `arguments` are redacted JSON. `identity` is who reached the backend; `issuer` vouched for the subject, and `actors` act
    for it; `approval` is the approval or the grant (`g-...`) that was used. `sequence` is given by the store.

    What else policies were told of a call: `policy_version` is that of the policies that were in force ("" in lines from before it
    was written, which say nothing of the rest), `groups` and `scopes` those of the caller, sorted, `method` how it signed in;
    `left_out` are those of them that were more than is kept (GROUPS_MAX, SCOPES_MAX). `source`, `intent` and `labels` are where it
    came from; `redact` are the fields of the answer that were blotted out.
    """

    at: datetime
    call_id: str
    phase: Phase
    door: str
    tenant: str
    subject: str
    client: str
    tool: str
    connector: str = ""
    effect: str = ""
    arguments: Raw = field(default_factory=lambda: Raw(b"{}"))
    verdict: str = ""
    reasons: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    status: int = 0
    error: str = ""
    latency_ms: float = 0.0
    request_bytes: int = 0
    response_bytes: int = 0
    identity: str = ""
    issuer: str = ""
    actors: tuple[str, ...] = ()
    approval: str = ""
    sequence: int = 0
    policy_version: str = ""
    groups: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    method: str = ""
    left_out: tuple[str, ...] = ()
    source: str = ""
    intent: str = ""
    labels: tuple[str, ...] = ()
    redact: tuple[str, ...] = ()


def claims_of(principal: Principal) -> dict[str, Any]:
    """Those of the fields that say what policies were told of the caller, beside its name."""
    told: dict[str, Any] = {"method": principal.method}
    left_out = []
    for name, held, most in (("groups", principal.groups, GROUPS_MAX), ("scopes", principal.scopes, SCOPES_MAX)):
        if len(held) > most:
            left_out.append(name)
        elif held:
            told[name] = tuple(sorted(held))
    return told | {"left_out": tuple(left_out)} if left_out else told


def administered(principal: Principal, at: datetime, what: str, **told: Any) -> AuditEntry:
    """The line of a change to the gateway itself: who made it, when, and what it was; `told` are more of its fields."""
    return AuditEntry(
        at=at,
        call_id="",
        phase="administered",
        door=principal.method,
        tenant=principal.tenant,
        subject=principal.subject,
        client=principal.client,
        issuer=principal.issuer,
        actors=principal.actors,
        tool=what,
        **told,
    )


def encode_line(entry: AuditEntry) -> bytes:
    r"""A line as it is kept. No line is refused for what is in it: text that is not Unicode (a lone surrogate) has
    `\udc80` in its place."""
    try:
        return msgspec.json.encode(entry)
    except UnicodeEncodeError:
        cleaned = {name: clean(value) for name, value in structs.asdict(entry).items()}
        return msgspec.json.encode(AuditEntry(**cleaned))


def clean(value: Any) -> Any:
    r"""Text, or a tuple of texts, with `\udc80` in place of what is not Unicode; anything else as it is."""
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case tuple():
            return tuple(clean(item) for item in value)
    return value
