"""An error on the REST wire: RFC 9457 problem documents. Knows the wire, decides nothing."""

from collections.abc import Callable, Sequence
from math import ceil
from typing import Any

import msgspec

from gateway.core.approval import Approval
from gateway.edge.asgi import Reply
from gateway.errors import (
    AdminRefused,
    ApprovalNeeded,
    ArgumentsInvalid,
    GatewayError,
    NotPlanned,
    PlanInvalid,
    QuotaReached,
    ScopeMissing,
    Unauthenticated,
    UpstreamFailed,
    code_of,
    http_status,
)

Challenge = Callable[[str, Sequence[str]], tuple[bytes, bytes]]

MEDIA_TYPE = b"application/problem+json"


def problem(error: GatewayError, challenge: Challenge) -> Reply:
    """The whole response; `challenge` makes a `WWW-Authenticate` header of an error code and scopes. What a
    caller may act on is a member of its own: `scopes`, `problems`, `planned`, `retry`,
    `retry_after_s`, `may_have_happened`, `code`."""
    status = http_status(error)
    told: dict[str, Any] = {
        "type": "about:blank",
        "title": error.title,
        "status": status,
        "code": code_of(error),
        "detail": error.detail,
    }
    headers: tuple[tuple[bytes, bytes], ...] = ()
    match error:
        case Unauthenticated():
            headers = (challenge(error.code, ()),)
        case AdminRefused(scopes=scopes, roles=roles):
            told |= {"scopes": scopes, "roles": roles}
            headers = (challenge("insufficient_scope", scopes),) if scopes else ()
        case ScopeMissing(scopes=scopes):
            told["scopes"] = scopes
            headers = (challenge("insufficient_scope", scopes),)
        case ApprovalNeeded(approval=approval, url=url):
            told["approval"] = told_approval(approval, url)
        case ArgumentsInvalid(problems=problems):
            told["problems"] = problems
        case PlanInvalid(problems=wrong):
            told["problems"] = wrong
        case NotPlanned(planned=planned):
            told["planned"] = planned
        case QuotaReached(retry_after_s=seconds):
            told |= {"retry": True, "may_have_happened": False, "retry_after_s": seconds}
        case UpstreamFailed():
            told |= {"retry": error.retry, "may_have_happened": error.may_have_happened}
            if error.retry_after_s is not None:
                told["retry_after_s"] = error.retry_after_s
    return Reply(status, msgspec.json.encode(told), (*headers, *retry_headers(error)), MEDIA_TYPE)


def told_approval(approval: Approval, url: str) -> dict[str, Any]:
    """For whoever asked: which approval to wait for, and where people decide it."""
    told = {"id": approval.id, "state": approval.state, "expires_at": approval.expires_at}
    return {**told, "url": url} if url else told


def retry_after(seconds: float) -> tuple[bytes, bytes]:
    """The header that says when to try again (RFC 9110 section 10.2.3)."""
    return b"retry-after", str(max(1, ceil(seconds))).encode()


def retry_headers(error: GatewayError) -> tuple[tuple[bytes, bytes], ...]:
    """The same, where an error says so."""
    match error:
        case QuotaReached(retry_after_s=seconds):
            return (retry_after(seconds),)
        case UpstreamFailed(retry_after_s=seconds) if seconds is not None:
            return (retry_after(seconds),)
        case _:
            return ()
