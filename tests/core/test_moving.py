"""Days that are told from today, in a plan that is carried out again and again."""

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from msgspec import structs

from gateway.core.entities import read_entities
from gateway.core.labels import Labels, Trust
from gateway.core.moving import Fixed, is_relative, move
from gateway.core.next_move import Bound, Make, next_move
from gateway.core.pick import fitting, moment_of
from gateway.core.plan import (
    Answer,
    Counts,
    Fits,
    Holds,
    Lists,
    Literal,
    Moment,
    Pick,
    Plan,
    Ref,
    Source,
    Span,
    Step,
    Tells,
)
from gateway.core.plan_check import check_plan
from tests.core.test_plan import ONE, PEOPLE
from tests.core.test_plan import TOOLS as PEOPLE_TOOLS
from tests.core.test_run import BOUND, TOOLS, a_run, after

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 3, 4, 23, 30, tzinfo=BERLIN)
TEXT = "tell me tomorrow"
SAID = Span(8, 16)
DAYS = [one for one in read_entities(TEXT, NOW, "en") if one.kind == "date"]
ON = Fits("/start", {"pattern": "^2026-03-05"})
MOVED = Fits("/start", days=1)


def moved(argument: Source, *answers: Answer) -> Plan:
    return move(Plan(TEXT, (Step("s", "t", {"a": argument}),), answers=answers), DAYS, NOW)


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2026-03-05", Moment(1)),
        ("2026-03-05T00:00:00+01:00", Moment(1, "start")),
        ("2026-03-06T00:00:00+01:00", Moment(2, "start")),
        ("2026-03-05T23:59:59+01:00", Moment(1, "end")),
    ],
)
def test_a_day_that_was_told_from_today_moves_with_each_run(value: str, moment: Moment) -> None:
    assert moved(Literal(value, SAID)).steps[0].arguments == {"a": moment}


@pytest.mark.parametrize("value", ["2026-03-05T15:00:00+01:00", "soon", 5])
def test_a_value_of_such_a_day_that_is_no_day_is_not_taken_for_one(value: Any) -> None:
    with pytest.raises(Fixed, match="tomorrow"):
        moved(Literal(value, SAID))


def test_other_values_stay_as_they_are() -> None:
    for source in (Literal("2026-03-05"), Literal("x", Span(0, 4)), Ref("s")):
        assert moved(source).steps[0].arguments == {"a": source}


def test_conditions_on_such_a_day_move_too() -> None:
    pick = Pick("s", where=(ON,))
    told = moved(pick, Counts(Ref("s"), "n", (ON,)), Lists(Ref("s"), "n", "none", (ON, Fits("/a", {"const": 1}))),
                 Tells(pick, "n"), Holds(pick, {}, "y", "n"), Tells(Ref("s"), "n"))  # fmt: skip
    picked = Pick("s", where=(MOVED,))
    assert told.steps[0].arguments == {"a": picked}
    assert told.answers == (
        Counts(Ref("s"), "n", (MOVED,)), Lists(Ref("s"), "n", "none", (MOVED, Fits("/a", {"const": 1}))),
        Tells(picked, "n"), Holds(picked, {}, "y", "n"), Tells(Ref("s"), "n"),
    )  # fmt: skip
    other = Counts(Ref("s"), "n", (Fits("/start", {"pattern": "^2026-03-09"}),))
    assert moved(pick, other).answers == (other,)


@pytest.mark.parametrize(
    ("text", "is_so"), [("tomorrow", True), ("today", True), ("on Friday", False), ("5 June", False)]
)
def test_which_days_are_told_from_today(text: str, is_so: bool) -> None:
    (one,) = [each for each in read_entities(text, NOW, "en-GB") if each.kind == "date"]
    assert is_relative(text, one) is is_so


@pytest.mark.parametrize(
    ("moment", "said"),
    [
        (Moment(), "2026-03-04"),
        (Moment(-1), "2026-03-03"),
        (Moment(1, "start"), "2026-03-05T00:00:00+01:00"),
        (Moment(0, "end"), "2026-03-04T23:59:59+01:00"),
        (Moment(30, "start"), "2026-04-03T00:00:00+02:00"),
        (Moment(0, "now"), "2026-03-04T23:30:00+01:00"),
    ],
)
def test_a_moment_is_told_from_when_the_run_began(moment: Moment, said: str) -> None:
    assert moment_of(moment, NOW) == said


def test_what_is_on_the_day_is_told_by_its_beginning() -> None:
    events = [{"start": "2026-03-05T09:00:00+01:00"}, {"start": "2026-03-06"}, {"end": "2026-03-05"}]
    assert fitting(events, (MOVED,), NOW) == events[:1]


def test_a_moment_is_an_argument_in_the_zone_of_the_plan() -> None:
    run = a_run(Step("tea", "make", {"item": Moment(0, "start")}))
    run = structs.replace(run, plan=structs.replace(run.plan, zone="Asia/Tokyo"))
    made = next_move(run, after(run), TOOLS, Bound(BOUND))
    assert isinstance(made, Make)
    assert made.arguments == {"item": "2026-08-05T00:00:00+09:00"}
    assert date.fromisoformat(moment_of(Moment(), NOW)) == NOW.date()


def test_a_moment_fits_where_a_text_does_and_nobody_has_to_vouch_for_it() -> None:
    assert check_plan(Plan("", (Step("all", "people", {"q": Moment()}),)), PEOPLE_TOOLS) == ()
    (problem,) = check_plan(Plan("", (Step("one", "person", {"id": Moment()}),)), PEOPLE_TOOLS)
    assert "a moment is a text" in problem.detail
    step = Step("all", "people", {"q": Moment()})
    labels = Labels(Plan("", (step, PEOPLE, ONE)), PEOPLE_TOOLS, Trust())
    assert labels.of(step, PEOPLE_TOOLS["people"], "/q", Moment()).integrity == "trusted"
