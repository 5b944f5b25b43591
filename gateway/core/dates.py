"""Dates, times, durations and recurrences in English, relative to a moment that is handed in.

Our own grammar, for what is misread is done wrongly: libraries that read dates take the `may` of "what may I do" for a month, the
`sat` of "sat by the desk" for a day, and `2 on Sunday` for the second of a month. This one reads less. What may mean two things
(`at 7`, `next Friday` on a Wednesday, `5/6/2026`) says so: `Entity.others`.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Any, TypeAlias

from msgspec import structs

from gateway.core.entity import Entity, EntityKind, Role
from gateway.core.numbers import SECONDS, SPELLED, spelled
from gateway.core.plan import Span

DAYS_MAX = 3_660
_DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
_MONTHS = [
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december",
]  # fmt: skip
_DAY = r"(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday)"
_SHORT_DAY = r"(?:mon|tues?|wed|thu(?:rs?)?|fri|sat|sun)\b\.?"
_MONTH = r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"  # noqa: E501
_COUNT = rf"(?:\d+(?:\.\d+)?|{SPELLED}|an?|a\s+couple\s+of)"
_UNIT = r"(?:seconds?|secs?|minutes?|mins?|hours?|hrs?|days?|weeks?|months?|years?)"
_LENGTH = (
    rf"(?:\d+(?:\.\d+)?[smh](?![\w])|{_COUNT}(?:\s+and\s+a\s+half)?[\s-]+{_UNIT}(?:\s+and\s+a\s+half)?|\d+{_UNIT})"
)
_SPAN = rf"(?:half\s+an\s+hour|{_LENGTH}(?:(?:\s+and)?\s+\d+[\s-]*(?:minutes|mins?|seconds|secs?)\b)?)"
_UNITS = {
    "s": "second", "sec": "second", "secs": "second", "m": "minute", "min": "minute", "mins": "minute", "h": "hour",
    "hr": "hour", "hrs": "hour",
}  # fmt: skip
_PARTS = {"morning": (0, 11), "noon": (12, 12), "afternoon": (12, 17), "evening": (17, 23), "night": (18, 23)}
# Where clocks count to twelve as people speak: of `at 7` nobody can tell which.
_TWELVE = frozenset(["en", ""])
# Where `10:00` is written so too for the evening.
_TWELVE_WRITTEN = frozenset(["US", "CA", "AU", "NZ", "PH", "IN"])
_MONTH_FIRST = frozenset(["US", "PH"])

# The kind of what is read, what it may mean, the likeliest first, and the part of the day.
Reading: TypeAlias = tuple[EntityKind, tuple[Any, ...], str]

_DATES: tuple[tuple[str, str], ...] = (
    ("iso", r"\b(?P<y>\d{4})-(?P<m>\d{2})-(?P<d>\d{2})\b"),
    ("slashed", r"(?<![\d/.])(?P<a>\d{1,2})(?P<sep>[/.])(?P<b>\d{1,2})(?P=sep)(?P<y>\d{4})(?![\d/])"),
    (
        "day_month",
        rf"\b(?:the\s+)?(?P<d>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?(?P<mon>{_MONTH})\b(?:,?\s+(?P<y>\d{{4}}))?",
    ),
    ("month_day", rf"\b(?P<mon>{_MONTH})\s+(?:the\s+)?(?P<d>\d{{1,2}})(?:st|nd|rd|th)?\b(?!:)(?:,?\s+(?P<y>\d{{4}}))?"),
    ("of_month", r"\b(?:on|by|until)\s+the\s+(?P<d>\d{1,2})(?:st|nd|rd|th)\b(?=\s*(?:$|[.,;!?]|at\b|from\b|and\b))"),
    (
        "near",
        r"\b(?:the\s+)?(?P<near>day\s+after\s+tomorrow|day\s+before\s+yesterday|today|tonight|tomorrow|yesterday)\b",
    ),
    ("near_part", r"\b(?P<this>this)\s+(?P<part>morning|afternoon|evening)\b"),
    ("of_week", rf"\b(?P<day>{_DAY})\s+(?:of\s+)?(?P<which>next|this)\s+week\b"),
    ("week_of", rf"\b(?P<which>next|this)\s+week(?:\s+on)?\s+(?P<day>{_DAY})\b"),
    ("weekday", rf"\b(?:(?P<which>next|this|last|coming)\s+)?(?P<day>{_DAY})\b(?!s)"),
    ("short", rf"\b(?P<which>next|this|last|on|by|until)\s+(?P<day>{_SHORT_DAY})"),
    ("ahead", rf"\b(?:in\s+(?P<ahead>{_SPAN})|(?P<from>{_SPAN})\s+from\s+now|(?P<ago>{_SPAN})\s+ago)\b"),
    ("period", r"\b(?P<which>next|this|last|the)\s+(?P<period>weekend|week|month|year)\b"),
)
_TIMES = re.compile(
    r"""(?P<at>\bat\s+|\bby\s+|\buntil\s+|\btill\s+|\bfrom\s+|\bto\s+|\baround\s+|\bbetween\s+|\band\s+|(?<=\d)\s*[-–]\s*)?
    (?:(?P<half>half\s+past|(?:a\s+)?quarter\s+past|(?:a\s+)?quarter\s+to|(?P<m2>\d{1,2}(?=\s+past)|five|ten|twenty)\s+(?:past|to))\s+
       (?P<h2>\d{1,2}|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)\b
     |\b(?P<noon>noon|midday|midnight)\b
     |(?P<h>(?<![\d.,:/-])\d{1,2}|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)
      (?:(?P<sep>[:.])(?P<m>[0-5]\d)(?![\d%]))?(?![\d:]))
    (?:\s*(?P<half_day>[ap]\.?m\b\.?|[ap]m\b)|\s*(?P<clock>o'?clock)\b)?
    (?:\s+in\s+the\s+(?P<part>morning|afternoon|evening)|\s+at\s+(?P<night>night))?""",
    re.IGNORECASE | re.VERBOSE,
)
_CLOCK = r"\d{1,2}(?:[:.][0-5]\d)?"
_HALF_DAY = r"[ap]\.?m\b\.?"
_FROM_TO = re.compile(
    rf"""(?P<from>\bfrom\s+|\bbetween\s+)?(?<![\d.,:/-])(?P<first>{_CLOCK})\s*(?P<first_half>{_HALF_DAY})?
    \s*(?:to|until|till|and|-|–)\s*(?P<last>{_CLOCK})(?![\d.:,]\d)\s*(?P<last_half>{_HALF_DAY})?""",
    re.IGNORECASE | re.VERBOSE,
)
_EVERY = re.compile(
    rf"""\b(?:every|each)\s+(?P<what>weekday|working\s+day|day|morning|evening|night|hour|weekend|{_DAY}|{_COUNT}\s+(?:minutes|hours))\b
      |\b(?P<plain>daily|hourly|weekly|on\s+weekdays|weekdays|on\s+weekends|on\s+(?P<days>{_DAY})s)\b""",
    re.IGNORECASE | re.VERBOSE,
)
_DURATION = re.compile(rf"\b{_SPAN}(?!\s+(?:ago|from\s+now))", re.IGNORECASE)
_ISO_MOMENT = re.compile(r"\b\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2})?(?:Z|[+-]\d{2}:\d{2})?")


def read_dates(text: str, now: datetime, locale: str) -> tuple[Entity, ...]:
    """What the text says of days and times, a day and a time beside it put together. `now` has the zone in which the person
    speaks. Durations that are part of something else (`in 20 minutes`) are left out."""
    moments = [
        Entity("datetime", _at(datetime.fromisoformat(one[0]), now), Span(one.start(), one.end()))
        for one in _ISO_MOMENT.finditer(text)
        if _is_moment(one[0])
    ]
    taken = list(moments)
    repeats = _free(_recurrences(text, now, locale), taken)
    days = _free(_days(text, now, locale), [*taken, *repeats])
    spells = _free(_from_to(text, locale), [*taken, *days, *repeats])
    times = [*spells, *_free(_times(text, locale), [*taken, *days, *repeats, *spells])]
    joined = _joined(text, _after_each_other(days), times, now)
    repeats, used = _repeated(text, repeats, times)
    joined = [one for one in joined if one.span not in used]
    lengths = _free(_durations(text), [*taken, *joined, *repeats])
    found = sorted([*moments, *joined, *repeats, *lengths], key=lambda one: one.span.start)
    return tuple(_with_roles(text, found))


def _with_roles(text: str, found: Sequence[Entity]) -> Iterator[Entity]:
    """`To Friday` ends something only where something began: `move it to Friday` does not."""
    has_begun = False
    for one in found:
        is_end = has_begun or re.search(r"\b(?:until|till|before)\s*$", text[: one.span.start], re.IGNORECASE)
        is_end = is_end or re.match(r"until|till|before|by", text[one.span.start :], re.IGNORECASE)
        has_begun = has_begun or one.role == "start"
        yield structs.replace(one, role="") if one.role == "end" and not is_end else one


def _free(found: Iterator[Entity], taken: Sequence[Entity]) -> list[Entity]:
    """Those that share no character with what was found before, of each other the first and longest."""
    kept: list[Entity] = []
    for one in sorted(found, key=lambda one: (one.span.start, -one.span.end)):
        if all(one.span.end <= other.span.start or one.span.start >= other.span.end for other in (*taken, *kept)):
            kept.append(one)
    return kept


def _days(text: str, now: datetime, locale: str) -> Iterator[Entity]:
    for kind, pattern in _DATES:
        for one in re.finditer(pattern, text, re.IGNORECASE):
            found = _day(kind, one, now, locale)
            if found is not None:
                told, values, unit = found
                yield Entity(
                    told, values[0], Span(one.start(), one.end()), unit, _role(text, one.start(), one[0]), values[1:]
                )


def _day(kind: str, one: re.Match[str], now: datetime, locale: str) -> Reading | None:
    today, told = now.date(), {name: value.lower() for name, value in one.groupdict().items() if value}
    match kind:
        case "iso":
            return _dated(told["y"], told["m"], told["d"])
        case "slashed":
            return _slashed(told, locale)
        case "day_month" | "month_day":
            if told["mon"] == "may" and "d" not in told:
                return None
            month = next(place for place, name in enumerate(_MONTHS, 1) if name.startswith(told["mon"][:3]))
            if "y" in told:
                return _dated(told["y"], str(month), told["d"])
            found = _dated(str(today.year), str(month), told["d"])
            return _dated(str(today.year + 1), str(month), told["d"]) if found and found[1][0] < today else found
        case "of_month":
            return _of_month(int(told["d"]), today)
        case "near":
            near = " ".join(told["near"].split())
            by = {"day after tomorrow": 2, "day before yesterday": -2, "tomorrow": 1, "yesterday": -1}.get(near, 0)
            return "date", (today + timedelta(days=by),), "evening" if near == "tonight" else ""
        case "near_part":
            return "date", (today,), told["part"]
        case "of_week" | "week_of":
            weekday = _DAYS.index(told["day"])
            by = 7 if told["which"] == "next" else 0
            return "date", (today + timedelta(days=weekday - today.weekday() + by),), ""
        case "weekday" | "short":
            return _weekday(told.get("which", ""), told["day"], today)
        case "ahead":
            return _ahead(told, now)
        case _:
            return _period(told["which"], told["period"], today)


def _dated(year: str, month: str, day: str) -> Reading | None:
    try:
        return "date", (date(int(year), int(month), int(day)),), ""
    except ValueError:
        return None


def _slashed(told: dict[str, str], locale: str) -> Reading | None:
    """Day and month in the order of the country; without one, of `5/6/2026` nobody can tell."""
    country = locale.partition("-")[2].upper()
    day_first, month_first = _dated(told["y"], told["b"], told["a"]), _dated(told["y"], told["a"], told["b"])
    if told["sep"] == "." or (country and country not in _MONTH_FIRST) or locale[:2].lower() not in _TWELVE:
        return day_first
    if country:
        return month_first
    if day_first and month_first and day_first != month_first:
        return "date", (*day_first[1], *month_first[1]), ""
    return day_first or month_first


def _of_month(day: int, today: date) -> Reading | None:
    """The next such day of a month, today among them."""
    for ahead in range(DAYS_MAX):
        if (found := today + timedelta(days=ahead)).day == day:
            return "date", (found,), ""
        if ahead > 62:
            break
    return None


def _weekday(which: str, day: str, today: date) -> Reading:
    """`Friday` is the one to come; of `next Friday`, within a week that still has one, nobody can tell."""
    weekday = next(place for place, name in enumerate(_DAYS) if name.startswith(day[:3]))
    ahead = (weekday - today.weekday()) % 7
    coming = today + timedelta(days=ahead or 7)
    in_this_week = today.weekday() + (ahead or 7) <= 6
    if which == "last":
        before = today - timedelta(days=(today.weekday() - weekday) % 7 or 7)
        is_plain = (today - before).days > today.weekday()
        return "date", (before,) if is_plain else (before, before - timedelta(days=7)), ""
    if which == "next" and in_this_week:
        return "date", (coming + timedelta(days=7), coming), ""
    if ahead == 0 and which not in {"next", "coming"}:
        return "date", (today, coming), ""
    return "date", (coming,), ""


def _ahead(told: dict[str, str], now: datetime) -> Reading | None:
    written = told.get("ahead") or told.get("from") or told["ago"]
    seconds = _seconds(written)
    if seconds is None or seconds > DAYS_MAX * 86_400:
        return None
    then = now + timedelta(seconds=-seconds if "ago" in told else seconds)
    if seconds % 86_400 == 0:
        return "date", (then.date(),), ""
    return "datetime", (then.replace(microsecond=0),), ""


def _period(which: str, period: str, today: date) -> Reading | None:
    by = {"next": 1, "last": -1}.get(which, 0)
    monday = today - timedelta(days=today.weekday())
    match period:
        case "week" if which != "the":
            first = monday + timedelta(days=7 * by)
            return "range", ((first, first + timedelta(days=6)),), ""
        case "weekend":
            saturday = monday + timedelta(days=5)
            near = (saturday, saturday + timedelta(days=1))
            later = (saturday + timedelta(days=7), saturday + timedelta(days=8))
            return (
                "range",
                {"next": (later, near), "last": ((saturday - timedelta(days=7), saturday - timedelta(days=6)),)}.get(
                    which, (near,)
                ),
                "",
            )
        case "month" if which != "the":
            month = today.year * 12 + today.month - 1 + by
            first, after = _first_of(month), _first_of(month + 1)
            return "range", ((first, after - timedelta(days=1)),), ""
        case "year" if which != "the":
            return "range", ((date(today.year + by, 1, 1), date(today.year + by, 12, 31)),), ""
        case _:
            return None


def _first_of(month: int) -> date:
    return date(month // 12, month % 12 + 1, 1)


def _times(text: str, locale: str) -> Iterator[Entity]:
    for one in _TIMES.finditer(text):
        told = {name: value.lower() for name, value in one.groupdict().items() if value}
        values = _time(told, locale)
        if not values:
            continue
        start = one.start() + (len(one["at"]) if one["at"] and one["at"].strip().lower() not in {"at"} else 0)
        end = one.start() + len(one[0].rstrip())
        yield Entity("time", values[0], Span(start, end), "", _role_of_word(told.get("at", "").strip()), values[1:])


def _from_to(text: str, locale: str) -> Iterator[Entity]:
    """`from 3 to 5 pm`, `10:00-11:30`: two times, where something says that they are times."""
    for one in _FROM_TO.finditer(text):
        is_time = one["first_half"] or one["last_half"] or (":" in one["first"] and ":" in one["last"])
        if not is_time:
            continue
        last = _clock(one["last"], one["last_half"] or one["first_half"], locale)
        first = _clock(one["first"], one["first_half"] or one["last_half"], locale)
        if first and last and first[0] >= last[0] and not one["first_half"]:
            first = _clock(one["first"], "am", locale)
        if first and last:
            yield Entity("time", first[0], Span(one.start("from") if one["from"] else one.start("first"), one.end("first")),
                         "", "start", first[1:])  # fmt: skip
            yield Entity(
                "time", last[0], Span(one.start("last"), one.start() + len(one[0].rstrip())), "", "end", last[1:]
            )


def _clock(written: str, half: str | None, locale: str) -> tuple[time, ...]:
    hour, _, minute = written.replace(".", ":").partition(":")
    told = (
        {"h": hour, "at": "at"}
        | ({"m": minute, "sep": ":"} if minute else {})
        | ({"half_day": half.lower()} if half else {})
    )
    return _time(told, locale)


def _time(told: dict[str, str], locale: str) -> tuple[time, ...]:
    """What a time may mean; none where it is no time: a number alone is one only behind `at`, or before `o'clock`."""
    if "noon" in told:
        return (time(0 if told["noon"] == "midnight" else 12),)
    if "half" in told:
        past = " ".join(told["half"].split())
        by = {"half past": 30, "quarter past": 15, "a quarter past": 15, "quarter to": -15, "a quarter to": -15}.get(
            past
        )
        if by is None:
            by = int(_number(told["m2"])) * (1 if past.endswith("past") else -1)
        hour, minute = divmod((_number(told["h2"]) * 60 + by) % 1_440, 60)
        written_full = False
    else:
        hour, minute = _number(told["h"]), int(told.get("m", "0"))
        written_full = "m" in told and (
            told["h"].startswith("0") or locale.partition("-")[2].upper() not in _TWELVE_WRITTEN
        )
        is_plain = "half_day" in told or "clock" in told or "part" in told or "night" in told or told.get("sep") == ":"
        if hour > 24 or not (is_plain or told.get("at", "").strip() == "at"):
            return ()
        if "m" in told and hour > 23:
            return ()
    if hour >= 24 or minute > 59:
        return ()
    return _in_half(hour, minute, told, locale, written_full=written_full)


def _in_half(hour: int, minute: int, told: dict[str, str], locale: str, *, written_full: bool) -> tuple[time, ...]:
    """The time, and twelve hours later where a clock counts to twelve and nothing says which half of the day."""
    half = told.get("half_day", "")[:1]
    part = told.get("part") or ("night" if "night" in told else "")
    if half:
        return (time(hour % 12 + (12 if half == "p" else 0), minute),) if 1 <= hour <= 12 else ()
    if part:
        first, last = _PARTS[part]
        fitting = [one for one in (hour % 24, (hour + 12) % 24) if first <= one <= last]
        return (time(fitting[0], minute),) if fitting else ()
    is_twelve = locale.partition("-")[0].lower() in _TWELVE
    if is_twelve and 1 <= hour <= 12 and not written_full:
        return time(hour, minute), time((hour + 12) % 24, minute)
    return (time(hour, minute),)


def _after_each_other(days: Sequence[Entity]) -> list[Entity]:
    """The same, but what a range ends with is no day before that with which it begins: `from Monday to Friday`."""
    told = list(days)
    for at, (first, last) in enumerate(pairwise(days)):
        if (first.kind, last.kind, last.role) != ("date", "date", "end") or first.role == "end":
            continue
        later = [one for one in (last.value, *last.others) if one > first.value]
        if not later and (first.value - last.value).days < 7:
            later = [last.value + timedelta(days=7)]
        if later:
            told[at + 1] = structs.replace(last, value=later[0], others=tuple(later[1:]))
    return told


def _joined(text: str, days: Sequence[Entity], times: Sequence[Entity], now: datetime) -> list[Entity]:
    """Days and times, a day and the time that stands beside it as one moment; the part of the day decides between two."""
    left = list(times)
    found: list[Entity] = []
    for day in days:
        beside = [one for one in left if day.kind == "date" and _is_beside(text, day.span, one.span)]
        partner = beside[0] if beside else None
        if partner is None:
            found.append(day)
            continue
        left.remove(partner)
        moments = tuple(
            datetime.combine(on, at, now.tzinfo)
            for on in (day.value, *day.others)
            for at in _in_part((partner.value, *partner.others), day.unit)
        )
        span = Span(min(day.span.start, partner.span.start), max(day.span.end, partner.span.end))
        found.append(Entity("datetime", moments[0], span, "", partner.role or day.role, moments[1:]))
        for other in [one for one in left if one.role == ("start" if partner.role == "end" else "end")][:1]:
            left.remove(other)
            within = tuple(datetime.combine(moments[0].date(), one, now.tzinfo) for one in (other.value, *other.others))
            found.append(Entity("datetime", within[0], other.span, "", other.role, within[1:]))
    return [*found, *left]


def _in_part(times: tuple[time, ...], part: str) -> tuple[time, ...]:
    if not part:
        return times
    first, last = _PARTS[part]
    return tuple(one for one in times if first <= one.hour <= last) or times


def _is_beside(text: str, one: Span, other: Span) -> bool:
    first, second = sorted((one, other), key=lambda span: span.start)
    between = text[first.end : second.start].lower().strip()
    return between in {"", ",", "at", "on", "by", "from", "to", "until", "till", "and", "-", "–", "between"}


def _recurrences(text: str, now: datetime, locale: str) -> Iterator[Entity]:
    for one in _EVERY.finditer(text):
        told = " ".join((one["what"] or one["plain"]).lower().split())
        if (cron := _cron(told)) is not None:
            yield Entity("recurrence", cron, Span(one.start(), one.end()))


def _cron(told: str) -> str | None:
    """Five fields of cron, with `M H` for a time that is not told yet."""
    told = told.removeprefix("on ")
    if told in {"weekday", "weekdays", "working day"}:
        return "M H * * 1-5"
    if told in {"weekend", "weekends"}:
        return "M H * * 0,6"
    if told in {"day", "daily", "morning", "evening", "night"}:
        return "M H * * *"
    if told in {"hour", "hourly"}:
        return "0 * * * *"
    if told.removesuffix("s") in _DAYS:
        return f"M H * * {(_DAYS.index(told.removesuffix('s')) + 1) % 7}"
    count, _, unit = told.rpartition(" ")
    every = _number(count) if count else 0
    if unit == "minutes" and 0 < every < 60 and 60 % every == 0:
        return f"*/{every} * * * *"
    return f"0 */{every} * * *" if unit == "hours" and 0 < every < 24 and 24 % every == 0 else None


def _repeated(text: str, repeats: Sequence[Entity], times: Sequence[Entity]) -> tuple[list[Entity], set[Span]]:
    """Recurrences with the time beside them, and the spans of the times that went into them. Without a time it is not sure
    when: they say so by having none to offer but midnight and noon."""
    found: list[Entity] = []
    used: set[Span] = set()
    for one in repeats:
        beside = next((at for at in times if "M H" in one.value and _is_beside(text, one.span, at.span)), None)
        if beside is not None:
            used.add(beside.span)
        said = text[one.span.start : one.span.end].lower()
        part = next((part for part in _PARTS if said.endswith(part)), "")
        options = _in_part((beside.value, *beside.others), part) if beside is not None else (time(0), time(12))
        values = tuple(one.value.replace("M H", f"{at.minute} {at.hour}") for at in options)
        values = values if "M H" in one.value else values[:1]
        span = one.span if beside is None else Span(
            min(one.span.start, beside.span.start), max(one.span.end, beside.span.end)
        )  # fmt: skip
        found.append(Entity("recurrence", values[0], span, "", "", values[1:]))
    return found, used


def _durations(text: str) -> Iterator[Entity]:
    for one in _DURATION.finditer(text):
        if (seconds := _seconds(one[0])) is not None:
            yield Entity("duration", seconds, Span(one.start(), one.end()))


def _seconds(written: str) -> int | float | None:
    """How long; None for months and years, which are of no one length."""
    told = " ".join(written.lower().replace("-", " ").split())
    if told == "half an hour":
        return 1_800
    both = re.fullmatch(r"(.+?)(?: and)? (\d+ ?(?:minutes|mins?|seconds|secs?))", told)
    if both is not None and re.search(r"[a-z]$", both[1]) and (parts := (_seconds(both[1]), _seconds(both[2]))):
        return None if parts[0] is None or parts[1] is None else parts[0] + parts[1]
    has_half = " and a half" in told
    match = re.fullmatch(rf"({_COUNT})\s*({_UNIT}|[smh])", told.replace(" and a half", "", 1), re.IGNORECASE)
    if match is None:
        return None
    name = _UNITS.get(match[2], match[2].removesuffix("s"))
    if name not in SECONDS:
        return None
    count = {"a": 1, "an": 1, "a couple of": 2}.get(match[1])
    number = count if count is not None else float(match[1]) if re.match(r"\d", match[1]) else spelled(match[1])
    seconds = (number + (0.5 if has_half else 0)) * SECONDS[name]
    return int(seconds) if seconds == int(seconds) else seconds


def _number(written: str) -> int:
    told = " ".join(written.lower().split())
    if told in {"a", "an"}:
        return 1
    return int(told) if told.isdigit() else spelled(told)


def _role(text: str, start: int, written: str) -> Role:
    before = re.search(r"(\w+|[-–])\s*$", text[:start])
    first = written.split()[0].lower() if written.split() else ""
    return _role_of_word(before[1].lower() if before else "") or _role_of_word(first)


def _role_of_word(word: str) -> Role:
    if word in {"from", "between", "since", "starting", "after"}:
        return "start"
    return "end" if word in {"to", "till", "until", "and", "-", "–", "before"} else ""


def _is_moment(written: str) -> bool:
    try:
        datetime.fromisoformat(written)
    except ValueError:
        return False
    return True


def _at(moment: datetime, now: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=now.tzinfo)
