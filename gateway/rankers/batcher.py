"""What many threads ask of one model at once, put together: rows of like length in one batch, and none whose asker has gone.
Knows no model, and not what its rows are.

What was begun is ended first, then what came last: where more is asked than the model can do, whoever has waited longest is the
nearest to giving up, and work for them would be lost.

A model that fails is left alone for REST_S: whoever asks meanwhile has no answer, at once, and it is logged once.
"""

import threading
import time
from collections.abc import Callable, Sequence, Sized
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as Late
from itertools import count
from typing import Generic, TypeVar

import structlog
from msgspec import Struct

from gateway.rankers.base import Unanswered, Unfit
from gateway.telemetry import ModelMetrics

ROWS_WAITING_MAX = 4_000
REST_S = 10.0
END_S = 10.0

log = structlog.get_logger(__name__)


# What a model reads of one text, as long as it has tokens; and what it says of it.
R = TypeVar("R", bound=Sized)
A = TypeVar("A")


class _Place(Struct, Generic[R, A], frozen=True, eq=False):
    """One row, and where its answer goes. `number`: its asker's, higher than that of any before."""

    row: R
    place: int
    asked: "_Asked[A]"
    number: int
    patient: bool

    @property
    def room(self) -> int:
        """The power of two that its tokens fit into. Rows that need the same room go together: none is twice as long as another."""
        return 1 << (len(self.row) - 1).bit_length() if len(self.row) else 0


class _Asked(Generic[A]):
    """The answers to one asker's rows, as far as they are there. INVARIANT: only the worker writes in it."""

    def __init__(self, rows: int) -> None:
        self.future: Future[list[A]] = Future()
        self.is_begun = False
        self._answers: dict[int, A] = {}
        self._count = rows

    def put(self, place: int, answer: A | None) -> None:
        if answer is None:
            self.fail(Unfit())
            return
        self._answers[place] = answer
        if len(self._answers) == self._count:
            answers = [self._answers[at] for at in range(self._count)]
            if self._is_awaited():
                self.future.set_result(answers)

    def fail(self, error: Exception) -> None:
        if self._is_awaited():
            self.future.set_exception(error)

    def _is_awaited(self) -> bool:
        """Whether nobody has answered it, nor its asker given it up, be it at this very moment."""
        return not self.future.done() and self.future.set_running_or_notify_cancel()


class Batcher(Generic[R, A]):
    """One worker, on a thread of its own, for one model. Whoever makes it closes it.

    `work` gives an answer for each row, None where it has none. A batch has `tokens_max` tokens at most, or one row.
    """

    def __init__(
        self, name: str, work: Callable[[Sequence[R]], Sequence[A | None]], tokens_max: int, metrics: ModelMetrics
    ) -> None:
        self.name = name
        self._work = work
        self.tokens_max = tokens_max
        self._metrics = metrics
        self._waiting: list[_Place[R, A]] = []
        self._changed = threading.Condition()
        self._numbers = count()
        self._closed = False
        self._rests_until = 0.0
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()

    @property
    def rests(self) -> bool:
        """Whether it has failed, and is left alone for now."""
        return time.monotonic() < self._rests_until

    def close(self) -> None:
        """End the batch that was begun; whatever waits is not answered."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(END_S)

    def ask(self, rows: Sequence[R], deadline_s: float) -> list[A] | None:
        """An answer for each row; None where they are not there in time. Blocks."""
        asked = self.begin(rows)
        try:
            return asked.result(deadline_s)
        except (Late, CancelledError, Unanswered, Unfit):
            asked.cancel()
            return None

    def begin(self, rows: Sequence[R], *, patient: bool = False) -> "Future[list[A]]":
        """The same for somebody who waits otherwise, and cancels it where they do no longer. The patient wait until nobody
        else does. Ends in Unanswered or Unfit where there is no answer."""
        asked: _Asked[A] = _Asked(len(rows))
        began = time.monotonic()
        asked.future.add_done_callback(lambda future: self._note(future, time.monotonic() - began))
        with self._changed:
            if not rows:
                asked.future.set_result([])
            elif self._closed or self.rests or not self._has_room(len(rows)):
                asked.future.set_exception(Unanswered())
            else:
                number = next(self._numbers)
                self._waiting += [_Place(row, place, asked, number, patient) for place, row in enumerate(rows)]
                self._metrics.waiting.labels(self.name).set(len(self._waiting))
                self._changed.notify()
        return asked.future

    def _note(self, future: "Future[list[A]]", seconds: float) -> None:
        self._metrics.seconds.labels(self.name).observe(seconds)
        if future.cancelled() or future.exception():
            self._metrics.late.labels(self.name).inc()

    def _has_room(self, more: int) -> bool:
        if len(self._waiting) + more > ROWS_WAITING_MAX:
            self._drop_what_nobody_awaits()
        return len(self._waiting) + more <= ROWS_WAITING_MAX

    def _drop_what_nobody_awaits(self) -> None:
        self._waiting = [one for one in self._waiting if not one.asked.future.done()]

    def _serve(self) -> None:
        while batch := self._next():
            self._metrics.batch.labels(self.name).observe(len(batch))
            try:
                answers = self._work([one.row for one in batch])
            except Exception as error:
                self._fail(batch, error)
                continue
            if self._rests_until:
                log.warning("a model of search answers again", model=self.name)
                self._rests_until = 0.0
            for one, answer in zip(batch, answers, strict=True):
                one.asked.put(one.place, answer)

    def _next(self) -> list[_Place[R, A]]:
        """The next batch, as soon as there is one; none once it is closed."""
        with self._changed:
            while not self._closed:
                self._drop_what_nobody_awaits()
                if self._waiting:
                    return self._take()
                self._metrics.waiting.labels(self.name).set(0)
                self._changed.wait()
            self._refuse(self._waiting)
            return []

    def _take(self) -> list[_Place[R, A]]:
        waiting = sorted(self._waiting, key=lambda one: (one.patient, not one.asked.is_begun, -one.number))
        first = waiting[0]
        alike = [one for one in waiting if (one.room, one.patient) == (first.room, first.patient)]
        batch = alike[: max(1, self.tokens_max // max(1, first.room))]
        for one in batch:
            one.asked.is_begun = True
        taken = set(map(id, batch))
        self._waiting = [one for one in self._waiting if id(one) not in taken]
        self._metrics.waiting.labels(self.name).set(len(self._waiting))
        return batch

    def _fail(self, batch: Sequence[_Place[R, A]], error: Exception) -> None:
        with self._changed:
            if not self._rests_until:
                log.error(
                    "a model of search has failed, and is left alone for a while", model=self.name, exc_info=error
                )
            self._rests_until = time.monotonic() + REST_S
            self._refuse([*batch, *self._waiting])
            self._waiting = []

    def _refuse(self, places: Sequence[_Place[R, A]]) -> None:
        for one in places:
            one.asked.fail(Unanswered())
