"""A circuit breaker as a value: what is known of a backend, and what follows from it. Knows no clock; `now` is handed in.

Only failures to connect or to answer count. A backend that answers, whatever the status, is there.
"""

from msgspec import Struct, structs

FAILURES_MAX = 5
COOLDOWN_S = 10.0
REST_S_MAX = 60.0


class Breaker(Struct, frozen=True):
    """`open_until`: nothing is sent before. `probing`: one call is on its way to see. `rest_until`: the backend itself asked
    for nothing before."""

    failures: int = 0
    open_until: float = 0.0
    probing: bool = False
    rest_until: float = 0.0


def wait_s(breaker: Breaker, now: float) -> float:
    """Seconds until a call may be sent: 0 where it may be sent now."""
    if now < breaker.rest_until:
        return breaker.rest_until - now
    if breaker.failures < FAILURES_MAX:
        return 0.0
    if now < breaker.open_until:
        return breaker.open_until - now
    return COOLDOWN_S if breaker.probing else 0.0


def sent(breaker: Breaker) -> Breaker:
    """A call is on its way."""
    return structs.replace(breaker, probing=True) if breaker.failures >= FAILURES_MAX else breaker


def answered(breaker: Breaker) -> Breaker:
    return structs.replace(breaker, failures=0, probing=False) if breaker.failures or breaker.probing else breaker


def told_to_rest(breaker: Breaker, seconds: float, now: float) -> Breaker:
    """The backend said when it takes calls again: REST_S_MAX from now at most."""
    return structs.replace(breaker, rest_until=max(breaker.rest_until, now + min(seconds, REST_S_MAX)))


def failed(breaker: Breaker, now: float) -> Breaker:
    return Breaker(breaker.failures + 1, now + COOLDOWN_S, rest_until=breaker.rest_until)


def abandoned(breaker: Breaker) -> Breaker:
    """The call was given up by its caller: it says nothing about the backend."""
    return structs.replace(breaker, probing=False) if breaker.probing else breaker
