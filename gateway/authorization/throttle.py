"""How often something may be tried: by a name and from an address, in a window of time. Of this process alone."""

from collections import OrderedDict
from collections.abc import Callable

from gateway.errors import QuotaReached

NAMES_MAX = 100_000


class Throttle:
    """`times_max` in `window_s` for each name. `clock` gives seconds that only grow."""

    def __init__(self, what: str, times_max: int, window_s: float, clock: Callable[[], float]) -> None:
        self._what = what
        self._times_max = times_max
        self._window_s = window_s
        self._clock = clock
        self._counts: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def check(self, name: str) -> None:
        """Raises QuotaReached where it has been tried too often."""
        times, since = self._counts.get(name, (0, 0.0))
        left = since + self._window_s - self._clock()
        if times >= self._times_max and left > 0:
            raise QuotaReached(f"There were too many {self._what}; try again in {max(1, round(left))} s.", left)

    def count(self, name: str) -> None:
        """It was tried once more. The names that were not heard of for longest are forgotten first."""
        times, since = self._counts.pop(name, (0, self._clock()))
        over = self._clock() - since >= self._window_s
        self._counts[name] = (1, self._clock()) if over else (times + 1, since)
        if len(self._counts) > NAMES_MAX:
            self._counts.popitem(last=False)

    def give_back(self, name: str) -> None:
        """One time that was counted was none."""
        times, since = self._counts.get(name, (0, 0.0))
        if times > 1:
            self._counts[name] = times - 1, since
        else:
            self.forget(name)

    def forget(self, name: str) -> None:
        self._counts.pop(name, None)
