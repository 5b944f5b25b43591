"""Cron in time zones: what a clock that is put forward leaves out, and what it shows twice."""

from datetime import UTC, datetime
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.schedule import Cron, Unschedulable, next_slot, slots_after

BERLIN = ZoneInfo("Europe/Berlin")


def local(expression: str, after: str, count: int = 3) -> list[str]:
    """The next times in Berlin, by its clock and its distance from UTC."""
    at = datetime.fromisoformat(after).replace(tzinfo=BERLIN)
    found = islice(slots_after(Cron(expression, "Europe/Berlin"), at), count)
    return [one.astimezone(BERLIN).strftime("%d %H:%M %z") for one in found]


@pytest.mark.parametrize(
    ("expression", "after", "times"),
    [
        ("30 7 * * MON", "2026-03-24", ["30 07:30 +0200", "06 07:30 +0200", "13 07:30 +0200"]),
        # On 29 March 2026 the clock goes from 02:00 to 03:00.
        ("30 2 * * *", "2026-03-28", ["28 02:30 +0100", "29 03:00 +0200", "30 02:30 +0200"]),
        ("0 2,3 * * *", "2026-03-28T04:00", ["29 03:00 +0200", "30 02:00 +0200", "30 03:00 +0200"]),
        ("0 * * * *", "2026-03-29T00:30", ["29 01:00 +0100", "29 03:00 +0200", "29 04:00 +0200"]),
        # On 25 October 2026 it goes from 03:00 back to 02:00.
        ("30 2 * * *", "2026-10-24", ["24 02:30 +0200", "25 02:30 +0200", "26 02:30 +0100"]),
        ("0 * * * *", "2026-10-25T01:30", ["25 02:00 +0200", "25 02:00 +0100", "25 03:00 +0100"]),
        ("*/30 * * * *", "2026-10-25T02:10", ["25 02:30 +0200", "25 02:00 +0100", "25 02:30 +0100"]),
        ("0 0 29 2 *", "2026-03-01", ["29 00:00 +0100", "29 00:00 +0100", "29 00:00 +0100"]),
    ],
)
def test_times_are_those_of_the_clock_on_the_wall_and_none_is_left_out_or_comes_twice(
    expression: str, after: str, times: list[str]
) -> None:
    assert local(expression, after) == times


@pytest.mark.parametrize(
    ("expression", "zone", "why"),
    [
        ("* * * * * *", "UTC", "five fields"),
        ("61 * * * *", "UTC", "Bad minute"),
        ("* * * * nonsense", "UTC", "Bad day-of-week"),
        ("@daily", "UTC", "five fields"),
        ("0 0 31 2 *", "UTC", "Bad day-of-month"),
        ("* * * * *", "Mars/Base", "no time zone"),
        ("* * * * *", "../../etc/passwd", "no time zone"),
    ],
)
def test_what_is_no_schedule_is_refused_in_words(expression: str, zone: str, why: str) -> None:
    with pytest.raises(Unschedulable, match=why):
        next_slot(Cron(expression, zone), datetime(2026, 1, 1, tzinfo=UTC))


PARTS = ["*", "*/7", "0", "30", "0,30", "5-20/5"]


@given(
    st.sampled_from(PARTS),
    st.sampled_from(["*", "1", "2", "3", "*/2", "1,2,3"]),
    st.sampled_from(["UTC", "Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe", "Asia/Kathmandu"]),
    st.datetimes(datetime(2010, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)),
)
def test_times_rise_and_whoever_goes_on_from_one_finds_the_rest(
    minute: str, hour: str, zone: str, at: datetime
) -> None:
    cron = Cron(f"{minute} {hour} * * *", zone)
    found = list(islice(slots_after(cron, at), 20))
    assert found == sorted(set(found))
    assert found[0] > at
    assert list(islice(slots_after(cron, found[4]), 15)) == found[5:]
