"""Whether a backend asks to be left alone, and for how long: Retry-After, and the rate limit headers in common use."""

from datetime import datetime

from gateway.core.http import HttpResponse
from gateway.core.response import retry_after_s

TOLD_WITHOUT_TIME_S = 1.0
# A reset that is larger is a time, in seconds since 1970, not a number of seconds from now.
_EPOCH_FROM = 1_000_000_000
_RESETS = ("ratelimit-reset", "x-ratelimit-reset", "x-rate-limit-reset")


def rest_s(response: HttpResponse, now: datetime) -> float:
    """Seconds for which nothing should be sent: of a 429, and of a 503 that has a Retry-After; 0 where it asks for none."""
    if response.status not in (429, 503):
        return 0.0
    told = retry_after_s(response.header("retry-after"), now)
    if told is not None or response.status == 503:
        return told or 0.0
    return next((seconds for name in _RESETS if (seconds := _reset_s(response.header(name), now))), TOLD_WITHOUT_TIME_S)


def _reset_s(value: str, now: datetime) -> float:
    try:
        told = float(value[:20])
    except ValueError:
        return 0.0
    seconds = told - now.timestamp() if told >= _EPOCH_FROM else told
    return seconds if 0 < seconds < float("inf") else 0.0
