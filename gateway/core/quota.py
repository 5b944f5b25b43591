"""How much may be used: of calls and bytes in a time, and of calls at once. One algorithm for all of it, a bucket that leaks:
what is used fills it, time empties it, and what would overflow waits. Knows no clock; `now` is handed in."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from gateway.core.principal import Principal
from gateway.core.tool import Effect, Tool

Whose = Literal["tenant", "principal", "client", "connector", "tool"]
Whole = Annotated[int, Meta(ge=0)]


class Quota(Struct, frozen=True, forbid_unknown_fields=True):
    """One limit, as an operator writes it.

    `per`: each tenant, each principal, ... (or each pair of several) has a bucket of its own; none is one for all.
    `tenant`, `group`, `connector`, `tool` and `effect` say which calls it is about; "" is any.
    `calls` and `bytes` (of requests and answers) in `seconds`, 0 being no limit; `burst` is how many calls may come at once
    (0: all of `calls`); `in_flight` is how many calls may be under way.
    """

    name: Annotated[str, Meta(min_length=1, max_length=64)]
    per: tuple[Whose, ...] = ()
    tenant: str = ""
    group: str = ""
    connector: str = ""
    tool: str = ""
    effect: Literal["", "read", "write", "destructive"] = ""
    calls: Whole = 0
    bytes: Whole = 0
    seconds: Annotated[float, Meta(gt=0, le=31 * 86_400)] = 60.0
    burst: Whole = 0
    in_flight: Whole = 0


class Bucket(Struct):
    """What is in it, and when that was so; `under_way` are calls that have not ended."""

    calls: float = 0.0
    bytes: float = 0.0
    at: float = 0.0
    under_way: int = 0


def key_of(quota: Quota, principal: Principal, tool: Tool) -> tuple[str, ...] | None:
    """Whose bucket a call fills; None where the quota is not about it."""
    about = (
        quota.tenant in ("", principal.tenant)
        and quota.connector in ("", tool.connector)
        and quota.tool in ("", tool.name)
        and (not quota.effect or _has_effect(tool.effect, quota.effect))
        and (not quota.group or quota.group in principal.groups)
    )
    return tuple(_whose(one, principal, tool) for one in quota.per) if about else None


def _has_effect(effect: Effect, wanted: str) -> bool:
    """What destroys writes too."""
    return effect == wanted or (effect, wanted) == ("destructive", "write")


def _whose(whose: Whose, principal: Principal, tool: Tool) -> str:
    match whose:
        case "tenant":
            return principal.tenant
        case "principal":
            return "\n".join((principal.tenant, principal.issuer, principal.subject))
        case "client":
            return "\n".join(principal.owner)
        case "connector":
            return tool.connector
        case "tool":
            return "\n".join((tool.connector, tool.name))


def wait_s(quota: Quota, bucket: Bucket, now: float) -> float:
    """Seconds until one more call may be made: 0 where it may be made now, infinity where that depends on the others."""
    if quota.in_flight and bucket.under_way >= quota.in_flight:
        return float("inf")
    leak(quota, bucket, now)
    calls = (bucket.calls + 1 - (quota.burst or quota.calls)) * quota.seconds / quota.calls if quota.calls else 0.0
    # Bytes are known when they have come: a bucket that is full of them, and more, takes no call.
    over = (bucket.bytes - quota.bytes) * quota.seconds / quota.bytes if quota.bytes else -1.0
    return max(calls, over if over > 0 else 0.0, 0.0)


def leak(quota: Quota, bucket: Bucket, now: float) -> None:
    """Let out what the time since has emptied. A clock that went back empties nothing."""
    passed = max(now - bucket.at, 0.0) / quota.seconds
    bucket.calls = max(bucket.calls - passed * quota.calls, 0.0)
    bucket.bytes = max(bucket.bytes - passed * quota.bytes, 0.0)
    bucket.at = now


def is_empty(bucket: Bucket) -> bool:
    """Whether it says no more than a new one."""
    return not (bucket.calls or bucket.bytes or bucket.under_way)
