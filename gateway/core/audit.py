"""One line of the audit log, and what is left out of it."""

from datetime import datetime
from typing import Literal

from msgspec import Raw, Struct, field

Phase = Literal[
    "sending", "done", "denied", "rejected", "failed", "uncertain", "cancelled", "previewed", "administered"
]


class AuditEntry(Struct, frozen=True, omit_defaults=True):
    """What happened to one call.

    A write has two lines with one `call_id`: `sending`, committed before the request leaves, and its end.
    A read has one, committed before its result is reported. `phase`:
    `done` the backend answered; `denied` scopes or a policy said no; `rejected` the arguments or the tool's name were wrong;
    `failed` no usable answer and nothing can have happened; `uncertain` no answer and a write may have happened;
    `cancelled` the caller went away; `previewed` a dry run; `administered` a change to the gateway itself.
    `arguments` are redacted JSON. `sequence` is given by the store.
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
    sequence: int = 0
