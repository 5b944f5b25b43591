"""What callers have used, against what the settings allow: of this process, in memory. `core.quota` says how it is counted."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from msgspec import Struct

from gateway.core.principal import Principal
from gateway.core.quota import Bucket, Quota, is_empty, key_of, leak, wait_s
from gateway.core.tool import Tool
from gateway.errors import Forbidden, QuotaReached

BUCKETS_MAX = 100_000
# How soon to try again where that depends on calls that are under way.
BUSY_RETRY_S = 1.0


class Use(Struct):
    """One call under way. `bytes` are those of its requests and answers so far."""

    bytes: int = 0


class Quotas:
    """`clock` gives seconds that only grow."""

    def __init__(self, quotas: Sequence[Quota], clock: Callable[[], float]) -> None:
        self._quotas = tuple(quotas)
        self._clock = clock
        self._buckets: dict[tuple[int, tuple[str, ...]], Bucket] = {}

    @contextmanager
    def use(self, principal: Principal, tool: Tool) -> Iterator[Use]:
        """Count one call, and its bytes when it has ended. Raises QuotaReached, and then nothing is counted."""
        filled = [*self._fitting(principal, tool)] if self._quotas else []
        now = self._clock()
        for quota, bucket in filled:
            seconds = wait_s(quota, bucket, now)
            if seconds > 0:
                raise _reached(quota, seconds)
        use = Use()
        for _, bucket in filled:
            bucket.calls += 1
            bucket.under_way += 1
        try:
            yield use
        except Forbidden:  # Before anything was sent: it is no call.
            for _, bucket in filled:
                bucket.calls = max(bucket.calls - 1, 0.0)
            raise
        finally:
            for _, bucket in filled:
                bucket.under_way -= 1
                bucket.bytes += use.bytes

    def _fitting(self, principal: Principal, tool: Tool) -> Iterator[tuple[Quota, Bucket]]:
        for number, quota in enumerate(self._quotas):
            whose = key_of(quota, principal, tool)
            if whose is not None:
                yield quota, self._bucket((number, whose))

    def _bucket(self, key: tuple[int, tuple[str, ...]]) -> Bucket:
        """The newest used last, so that where there are too many the first go that say nothing, or that say the oldest."""
        bucket = self._buckets.pop(key, None) or Bucket(at=self._clock())
        if len(self._buckets) >= BUCKETS_MAX:
            self._forget()
        self._buckets[key] = bucket
        return bucket

    def _forget(self) -> None:
        now = self._clock()
        for (number, _), bucket in self._buckets.items():
            leak(self._quotas[number], bucket, now)
        self._buckets = {key: bucket for key, bucket in self._buckets.items() if not is_empty(bucket)}
        while len(self._buckets) >= BUCKETS_MAX:
            del self._buckets[next(iter(self._buckets))]


def _reached(quota: Quota, seconds: float) -> QuotaReached:
    if seconds == float("inf"):
        detail = f"{quota.in_flight} calls are under way, which is all that the quota {quota.name!r} allows at once."
        return QuotaReached(detail, BUSY_RETRY_S)
    return QuotaReached(f"The quota {quota.name!r} is used up; try again in {_said(seconds)}.", seconds)


def _said(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
