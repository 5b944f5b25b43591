"""What the webhook tells of approvals and grants, and how it is signed. Knows no clock, no store and no wire.

Source of the form and of the signature: Standard Webhooks 1.0 (standard-webhooks/standard-webhooks, spec/standard-webhooks.md).
"""

import base64
import binascii
import hmac
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any, Literal

import msgspec
from msgspec import Raw, Struct, structs

from gateway.core.approval import Approval
from gateway.core.grant import Grant

SECRET_PREFIX = "whsec_"  # noqa: S105 (the name of a prefix)
SECRET_BYTES_MIN, SECRET_BYTES_MAX = 24, 64
# Between what a sender's clock says and ours; and signatures of one delivery, of keys that follow each other.
TOLERANCE_S = 300.0
SIGNATURES_MAX = 10

EventType = Literal[
    "approval.requested", "approval.decided", "approval.expired",
    "grant.created", "grant.decided", "grant.used_up", "grant.revoked", "grant.expired",
]  # fmt: skip


class ApprovalTold(Struct, frozen=True):
    """An approval as it was then. `arguments` are redacted. `lacking` are the groups that had not said yes; `said_yes` are
    those who had. `url` is where people look at it, "" where the gateway has no public address."""

    id: str
    state: str
    tool: str
    title: str
    connector: str
    effect: str
    arguments: Raw
    reasons: tuple[str, ...]
    groups: tuple[str, ...]
    lacking: tuple[str, ...]
    four_eyes: bool
    tenant: str
    subject: str
    issuer: str
    client: str
    created_at: datetime
    expires_at: datetime
    said_yes: tuple[str, ...]
    denied_by: str
    reason: str
    grant: str
    url: str


class GrantTold(Struct, frozen=True):
    """A grant as it was then. `amount_total` and `amount_used` are "" where no amount is counted."""

    id: str
    state: str
    tool: str
    connector: str
    effect: str
    constraints: Raw
    uses_max: int
    uses: int
    amount_argument: str
    amount_total: str
    amount_used: str
    groups: tuple[str, ...]
    lacking: tuple[str, ...]
    tenant: str
    subject: str
    issuer: str
    client: str
    created_at: datetime
    expires_at: datetime
    said_yes: tuple[str, ...]
    revoked_by: str
    reason: str
    approval: str


class ApprovalEvent(Struct, frozen=True):
    """The body of one request of the webhook that is about an approval."""

    type: EventType
    timestamp: datetime
    data: ApprovalTold


class GrantEvent(Struct, frozen=True):
    """The body of one that is about a grant."""

    type: EventType
    timestamp: datetime
    data: GrantTold


class Outgoing(Struct, frozen=True):
    """An event on its way: `id` is the same however often it is sent, `about` is what it is told of, in order. `number` is
    given by the store; `attempts` are those that failed."""

    id: str
    about: str
    body: bytes
    at: datetime
    attempts: int = 0
    number: int = 0


def tell_approval(kind: EventType, approval: Approval, at: datetime, event_id: str, url: str) -> Outgoing:
    said = tuple(one.subject for one in approval.given)
    told = _taken(ApprovalTold, approval, said_yes=said, url=url)
    return Outgoing(event_id, approval.id, msgspec.json.encode(ApprovalEvent(kind, at, told)), at)


def tell_grant(kind: EventType, grant: Grant, at: datetime, event_id: str) -> Outgoing:
    budget = grant.amount
    told = _taken(
        GrantTold,
        grant,
        constraints=grant.arguments,
        amount_argument=budget.argument if budget else "",
        amount_total=_say(budget.total) if budget else "",
        amount_used=_say(budget.used) if budget else "",
        said_yes=tuple(one.subject for one in grant.given),
    )
    return Outgoing(event_id, grant.id, msgspec.json.encode(GrantEvent(kind, at, told)), at)


def _taken(kind: Any, source: Struct, **told: object) -> Any:
    """What of the one is called the same in the other, and what is told beside it."""
    own = {name: getattr(source, name) for name in kind.__struct_fields__ if name not in told}
    return kind(**own, **told)


def _say(amount: Decimal) -> str:
    return f"{amount:f}"


def read_secret(text: str) -> bytes:
    """The key that a secret stands for. Raises ValueError with a sentence."""
    try:
        key = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not text.startswith(SECRET_PREFIX) or not SECRET_BYTES_MIN <= len(key) <= SECRET_BYTES_MAX:
        raise ValueError(
            f"it must be {SECRET_PREFIX} and {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} random bytes in base64"
        )
    return key


def sign_event(key: bytes, event: Outgoing, seconds: int) -> tuple[tuple[str, str], ...]:
    """The headers of one attempt, made at a time in seconds since 1970."""
    return (
        ("webhook-id", event.id),
        ("webhook-timestamp", str(seconds)),
        ("webhook-signature", _sign(key, event.id, seconds, event.body)),
    )


def is_signed(key: bytes, event_id: str, timestamp: str, signatures: str, body: bytes, now_s: float) -> bool:
    """Whether one of several signatures is that of the key, made within TOLERANCE_S of now."""
    if not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > 12:
        return False
    expected = _sign(key, event_id, int(timestamp), body).encode()
    is_it = any(hmac.compare_digest(one.encode(), expected) for one in signatures.split()[:SIGNATURES_MAX])
    return is_it and abs(now_s - int(timestamp)) <= TOLERANCE_S


def derive_key(root: bytes, name: str) -> bytes:
    """The key of one of many, all of which follow from one."""
    return hmac.digest(root, name.encode(), sha256)


def write_secret(key: bytes) -> str:
    """As `read_secret` reads it."""
    return SECRET_PREFIX + base64.b64encode(key).decode()


def _sign(key: bytes, event_id: str, seconds: int, body: bytes) -> str:
    signed = b"%s.%d.%s" % (event_id.encode(), seconds, body)
    return f"v1,{base64.b64encode(hmac.digest(key, signed, sha256)).decode()}"


def failed_once_more(event: Outgoing) -> Outgoing:
    return structs.replace(event, attempts=event.attempts + 1)


def wait_s(attempts: int, first_s: float, most_s: float) -> float:
    """How long to wait after so many attempts that failed."""
    return float(min(first_s * 2.0 ** min(attempts - 1, 60), most_s))
