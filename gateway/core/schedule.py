"""Times at which something happens again and again: a cron expression in a time zone. Knows no clock."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError
from msgspec import Meta, Struct

FIELDS = 5


class Cron(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="cron"):
    """Minute, hour, day of the month, month, day of the week, as Debian's cron has them, in a time zone of the IANA database.
    A time that a clock that is put forward leaves out comes at the first that it shows after it; one that it shows twice
    comes the first time. What is said in every hour (`*`, `*/2`) goes by the time that has passed."""

    expression: Annotated[str, Meta(min_length=9, max_length=200)]
    zone: Annotated[str, Meta(min_length=1, max_length=64)] = "UTC"


class Unschedulable(Exception):
    """Why there are no such times, as a sentence."""


def slots_after(cron: Cron, at: datetime) -> Iterator[datetime]:
    """The times after one, in UTC, each once and in order; they may end. Raises Unschedulable."""
    if len(cron.expression.split()) != FIELDS:
        raise Unschedulable(
            "A cron expression has five fields: minute, hour, day of the month, month, day of the week."
        )
    try:
        zone = ZoneInfo(cron.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Unschedulable(f"There is no time zone {cron.zone!r}; one is such as Europe/Berlin.") from error
    try:
        times = CronSim(cron.expression, at.astimezone(zone))
    except CronSimError as error:
        raise Unschedulable(f"{error}: {cron.expression!r} is no cron expression.") from error
    return _in_order(times, at)


def _in_order(times: CronSim, last: datetime) -> Iterator[datetime]:
    """Two times of a day that is short may fall together."""
    for one in times:
        told = one.astimezone(UTC)
        if told > last:
            last = told
            yield told


def next_slot(cron: Cron, after: datetime) -> datetime | None:
    """The first after a time, in UTC; None where there is none within 50 years. Raises Unschedulable."""
    return next(slots_after(cron, after), None)
