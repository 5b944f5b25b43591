"""A circuit breaker as a value: what is known of a backend, and what follows from it. Knows no clock; `now` is handed in.

Only failures to connect or to answer count. A backend that answers, whatever the status, is there.
"""

from msgspec import Struct, structs

FAILURES_MAX = 5
COOLDOWN_S = 10.0


class Breaker(Struct, frozen=True):
    """`open_until`: nothing is sent before. `probing`: one call is on its way to see."""

    failures: int = 0
    open_until: float = 0.0
    probing: bool = False


def wait_s(breaker: Breaker, now: float) -> float:
    """Seconds until a call may be sent: 0 where it may be sent now."""
    if breaker.failures < FAILURES_MAX:
        return 0.0
    if now < breaker.open_until:
        return breaker.open_until - now
    return COOLDOWN_S if breaker.probing else 0.0


def sent(breaker: Breaker) -> Breaker:
    """A call is on its way."""
    return structs.replace(breaker, probing=True) if breaker.failures >= FAILURES_MAX else breaker


def answered(breaker: Breaker) -> Breaker:
    return Breaker() if breaker.failures or breaker.probing else breaker


def failed(breaker: Breaker, now: float) -> Breaker:
    return Breaker(breaker.failures + 1, now + COOLDOWN_S)


def abandoned(breaker: Breaker) -> Breaker:
    """The call was given up by its caller: it says nothing about the backend."""
    return structs.replace(breaker, probing=False) if breaker.probing else breaker
