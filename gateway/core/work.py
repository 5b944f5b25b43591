"""A bound on work that somebody else asks for: counted in steps, so that it ends at the same place every time.

A step is about a microsecond: one value looked at, or as much as that costs.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

CHARACTERS_A_STEP = 1_000
# Members of an object or a list that is copied.
COPIED_A_STEP = 16


class WorkExceeded(Exception):
    """There was more to do than was allowed."""


class Work:
    """What may still be done."""

    def __init__(self, steps_max: int) -> None:
        self.steps_max = steps_max
        self._left = steps_max
        self._kept = 0
        self._allowed = steps_max

    @property
    def spent(self) -> int:
        return self.steps_max - self._left

    def spend(self, steps: int = 1) -> None:
        """Before they are taken. Raises WorkExceeded, and ever again once nothing is left."""
        self._left -= steps
        if self._left < self._kept:
            self._left = self._kept
            raise WorkExceeded(f"it takes more than {self._allowed} steps.")

    @contextmanager
    def part(self, steps_max: int, granted: int = 0) -> Iterator[None]:
        """Within: no more than so many steps, however many are left for what comes behind; and so many are `granted` where
        what came before has left fewer."""
        self._left = max(self._left, self._kept + granted)
        kept, allowed = self._kept, self._allowed
        if self._left - steps_max > kept:
            self._kept, self._allowed = self._left - steps_max, steps_max
        try:
            yield
        finally:
            self._kept, self._allowed = kept, allowed

    @contextmanager
    def apart(self) -> Iterator[None]:
        """Within: steps that are not counted to the part that is being done."""
        kept, allowed, left = self._kept, self._allowed, self._left
        self._kept, self._allowed = 0, self.steps_max
        try:
            yield
        finally:
            self._kept, self._allowed = max(0, kept - (left - self._left)), allowed

    def walk(self, value: object) -> tuple[int, int]:
        """How many values there are in this one, itself among them and shared ones each time, and on how many levels.
        Raises WorkExceeded."""
        values = levels = 0
        level = [value]
        while level:
            self.spend(sum(_steps(one) for one in level))
            values, levels = values + len(level), levels + 1
            level = [child for one in level for child in children(one)]
        return values, levels


def children(value: object) -> Iterable[object]:
    """The members of an object, the items of a list, nothing of anything else."""
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _steps(value: object) -> int:
    return 1 + (len(value) // CHARACTERS_A_STEP if isinstance(value, str) else 0)
