"""Runs: what a journal comes to, what comes next, and that no beginning of a journal ever leads to a second write."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from msgspec import Raw, structs

from gateway.core.account import account
from gateway.core.found import NotFoundThere, Several, as_text, bind, value_at
from gateway.core.look import Look, judge
from gateway.core.next_move import Ask, Bound, Check, Course, End, Make, Move, Rethink, Skip, next_move
from gateway.core.plan import ITEMS_MAX, STEPS_MAX, Budget, Item, Literal, Plan, Ref, Slot, Source, Step, When
from gateway.core.planned import Used
from gateway.core.principal import Principal
from gateway.core.reach import place_of
from gateway.core.relation import Binding, Relation
from gateway.core.run import (
    Answered,
    Asked,
    Called,
    Ended,
    Entry,
    Event,
    Paused,
    Progress,
    Received,
    Refused,
    Replanned,
    Run,
    Sending,
    Skipped,
    Thinking,
    Thought,
    Undoing,
    Verified,
    Waiting,
    read_settle,
    replay,
    settle_key,
    take_in,
    within,
)
from gateway.core.tool import Tool
from tests.core.test_compile import compile_tree
from tests.shop import DOCUMENT

NOON = datetime(2026, 8, 5, 12, tzinfo=UTC)
TOOLS: dict[str, Tool] = {one.name: one for one in compile_tree(DOCUMENT, prefix="").tools}
BOUND = Budget(1_000, 1_000, 1 << 20, 1_000.0)
OFTEN = Bound(BOUND, replans_max=1, turns_max=3)


def a_run(*steps: Step, **budget: Any) -> Run:
    return Run("r", Principal("red", "ada", "k"), Plan("", steps, Budget(**budget)), "execute", "rest", NOON, NOON)


def after(run: Run, *events: Event) -> Progress:
    return replay(run.plan, [Entry(n, NOON, one) for n, one in enumerate((Received(), *events), 1)], BOUND)


def move(run: Run, *events: Event, tools: dict[str, Tool] = TOOLS) -> Move:
    return next_move(run, after(run, *events), tools, OFTEN)


def called(step: str, result: Any, iteration: int = 0, tool: str = "orders", **more: Any) -> Called:
    effect = TOOLS[tool].effect
    told = {"status": 200, "bytes": 1, "elapsed_s": 0.1, "result": Raw(msgspec.json.encode(result)), **more}
    return Called(step, iteration, tool, effect, "d", **told)


def make(name: str = "tea", **arguments: Source) -> Step:
    return Step(name, "make", arguments or {"item": Literal("tea")})


ALL = Step("all", "orders")


# What comes next.


def test_what_comes_of_a_list_that_is_none_or_too_long_ends_the_run() -> None:
    run = a_run(ALL, Step("each", "order", {"id": Item("/id")}, each=Ref("all", "/orders")))
    for orders in ({"orders": None}, {}, {"orders": {}}):
        assert isinstance(move(run, called("all", orders)), End)
    many = move(run, called("all", {"orders": [{"id": 1}] * (ITEMS_MAX + 1)}))
    assert many == End("failed", f"each: all gave {ITEMS_MAX + 1} items, and a step takes {ITEMS_MAX} at most")
    assert move(run, called("all", {"orders": []})) == End("done")


def test_what_is_not_there_or_was_cut_ends_the_run_and_says_so() -> None:
    run = a_run(ALL, Step("one", "order", {"id": Ref("all", "/orders/0/id")}))
    assert move(run, called("all", {"orders": []})) == End(
        "failed", "one: what all answered has nothing at '/orders/0/id'"
    )
    cut = move(run, called("all", {"orders": [{"id": 1}]}, truncated=True))
    assert isinstance(cut, End)
    assert "too long to be referred to" in cut.detail


def test_a_tool_that_is_gone_ends_the_run() -> None:
    assert move(a_run(make()), tools={}) == End("failed", "make is not there any more, or you may not call it.")


def test_the_only_item_is_taken_and_of_several_it_is_asked_which() -> None:
    run = a_run(ALL, Step("one", "order", {"id": Ref("all", "/orders/-/id")}))
    only = move(run, called("all", {"orders": [{"id": 7}]}))
    assert isinstance(only, Make)
    assert only.arguments == {"id": 7}
    asked = move(run, called("all", {"orders": [{"id": 7}, {"id": 8}]}))
    assert isinstance(asked, Ask)
    assert (asked.questions[0].key, asked.questions[0].schema) == ("one/id", {"enum": [7, 8]})
    many = move(run, called("all", {"orders": [{"id": n} for n in range(51)]}))
    assert many == End("failed", "one: what all answered has more than 50 at '/orders/-/id'")


def test_all_questions_are_asked_before_anything_is_called() -> None:
    run = a_run(ALL, make(item=Slot("Which?"), count=Slot("How many?", {"type": "integer", "maximum": 3})))
    asked = move(run)
    assert isinstance(asked, Ask)
    assert [one.schema for one in asked.questions] == [{"type": "string"}, {"type": "integer", "maximum": 3}]
    assert isinstance(move(run, Asked(asked.questions), Answered({"tea/item": "x", "tea/count": 1})), Make)


def test_a_condition_on_what_is_not_there_is_not_met() -> None:
    run = a_run(
        ALL, Step("one", "make", {"item": Literal("x")}, when=When(Ref("all", "/orders/0/count"), {"minimum": 1}))
    )
    for orders, met in (([], False), ([{"count": 0}], False), ([{"count": "2"}], False), ([{"count": 2}], True)):
        found = move(run, called("all", {"orders": orders}))
        assert isinstance(found, Make if met else Skip), orders


@pytest.mark.parametrize(
    ("budget", "name"),
    [({"calls_max": 1}, "calls_max"), ({"bytes_max": 0}, "bytes_max"), ({"wall_s_max": 0.05}, "wall_s_max")],
)
def test_a_budget_is_asked_for_by_name_and_ends_the_run_where_it_can_be_no_more(budget: Any, name: str) -> None:
    run = a_run(ALL, Step("again", "orders"), **budget)
    asked = move(run, called("all", {"orders": []}))
    assert isinstance(asked, Ask)
    assert asked.questions[0].schema["required"] == [name]
    progress = after(run, called("all", {"orders": []}))
    stuck = next_move(run, progress, TOOLS, Bound(progress.budget))
    assert isinstance(stuck, End)
    assert name in stuck.detail


def test_a_no_rejects_and_any_other_refusal_fails() -> None:
    for code, state in (("denied_by_policy", "rejected"), ("approval_needed", "rejected"), ("backend_busy", "failed")):
        assert move(a_run(make()), Refused("tea", 0, "make", "why", code)) == End(state, "tea: why")  # type: ignore[arg-type]


def test_what_was_said_to_have_happened_and_nobody_saw_cannot_be_referred_to() -> None:
    run = a_run(make(), Step("one", "order", {"id": Ref("tea", "/id")}))
    found = move(run, Sending("tea", 0, "make", "d"), Answered({"do:tea:0": "happened"}))
    assert found == End("failed", "tea: nobody saw what it answered, and a later step needs it")


def test_a_question_has_the_definitions_of_its_schema_and_no_others() -> None:
    definitions = {"A": {"properties": {"b": {"$ref": "#/$defs/B"}}}, "B": {"$ref": "#/$defs/A"}, "C": {"type": "null"}}
    asked = {"type": "object", "properties": {"x": {"$ref": "#/$defs/A"}}, "$defs": definitions}
    schema = place_of(Raw(msgspec.json.encode(asked))).at("/x").schema
    assert schema == {"$ref": "#/$defs/A", "$defs": {"A": definitions["A"], "B": definitions["B"]}}


# However long a plan is.


class Counting(Progress):
    """Counts how often it is asked what became of a call."""

    asked = 0

    def of(self, way: Any, step: str, iteration: int) -> Any:
        Counting.asked += 1
        return super().of(way, step, iteration)


def test_the_thousandth_step_takes_no_more_work_than_the_first() -> None:
    steps = [ALL, *(Step(f"s{n}", "order", {"id": Ref("all", "/orders/0/id")}) for n in range(STEPS_MAX - 1))]
    run, progress = a_run(*steps), Counting(BOUND)
    course, counts = Course(run), []
    for number in range(STEPS_MAX):
        Counting.asked = 0
        found = course.next(progress, TOOLS, OFTEN)
        assert isinstance(found, Make)
        assert found.step == steps[number].name
        counts.append(Counting.asked)
        answer = {"orders": [{"id": 7}]} if number == 0 else {}
        take_in(progress, Entry(number + 2, NOON, called(found.step, answer, tool=found.tool.name)), BOUND)
    assert course.next(progress, TOOLS, OFTEN) == End("done")
    assert max(counts[2:]) <= 2


# No second write.


def carried_out(run: Run, answer: Callable[[Make | Check], Any]) -> Iterator[Event]:
    """A whole journal, as the gateway writes it."""
    events: list[Event] = []
    course = Course(run)
    while True:
        found = move(run, *events)
        assert course.next(after(run, *events), TOOLS, OFTEN) == found, "what goes on gives what a new one would"
        match found:
            case Make(tool=tool, step=step, iteration=iteration, way=way):
                sent = [Sending(step, iteration, tool.name, "d", way)] if tool.effect != "read" else []
                looked = "order" if tool.name == "make" and way == "do" else ""
                told = called(step, answer(found), iteration, tool.name, verify=looked, way=way)
                fresh: list[Event] = [*sent, told]
            case Check(step=step, iteration=iteration):
                fresh = [Verified(step, iteration, "order", True)]
            case Skip(way=way, step=step, iteration=iteration, detail=detail):
                fresh = [Skipped(step, iteration, detail, way)]
            case End(state=state):
                yield Ended(state)
                return
            case _:
                raise AssertionError(found)
        events += fresh
        yield from fresh


def test_no_beginning_of_a_journal_leads_to_a_second_write() -> None:
    run = a_run(
        ALL,
        Step("each", "change", {"id": Item("/id"), "count": Literal(1)}, each=Ref("all", "/orders")),
        make(),
        Step("keyed", "keyed", {"item": Literal("mate")}),
    )
    journal = list(carried_out(run, lambda found: {"orders": [{"id": 1}, {"id": 2}], "id": 9, "item": "tea"}))
    assert [one.step for one in journal if isinstance(one, Sending)] == ["each", "each", "tea", "keyed"]
    for count in range(len(journal)):
        found = move(run, *journal[:count])
        sent = {(one.step, one.iteration) for one in journal[:count] if isinstance(one, Sending)}
        if isinstance(found, Make) and found.tool.effect != "read":
            assert (found.step, found.iteration) not in sent or found.step == "keyed"
        if isinstance(journal[count], Called) and count and isinstance(journal[count - 1], Sending):
            expected = {"each": Check, "tea": End, "keyed": Make}[journal[count].step]  # type: ignore[union-attr]
            assert isinstance(found, expected)


def test_a_call_with_a_key_has_the_same_key_however_often_it_is_sent() -> None:
    run = a_run(Step("keyed", "keyed", {"item": Literal("mate")}))
    first, again = move(run), move(run, Sending("keyed", 0, "keyed", "d"))
    assert isinstance(first, Make)
    assert first == again
    given_up = move(run, *[Sending("keyed", 0, "keyed", "d")] * 3)
    assert isinstance(given_up, End)
    assert given_up.state == "uncertain"


def test_what_was_done_is_taken_back_in_reverse_and_what_cannot_be_is_named() -> None:
    run = a_run(make("a"), make("b"), Step("note", "note", {"item": Literal("n")}))
    journal = list(carried_out(run, lambda found: {"id": {"a": 1, "b": 2}.get(found.step, 3), "item": "tea"}))
    back = list(carried_out_back(run, journal))
    assert [(one.step, one.detail) for one in back if isinstance(one, Skipped)] == [("note", "nothing takes note back")]
    assert [(one.step, one.tool) for one in back if isinstance(one, Sending)] == [("b", "drop"), ("a", "drop")]
    assert move(run, *journal, *back) == End("failed", "Not everything was taken back: note.")
    killed = move(run, *journal, Undoing(), Skipped("note", 0, "", "undo"), Sending("b", 0, "drop", "d", "undo"))
    assert isinstance(killed, End)
    assert (killed.state, killed.questions[0].key) == ("uncertain", "undo:b:0")


def carried_out_back(run: Run, journal: list[Event]) -> Iterator[Event]:
    events: list[Event] = [Undoing()]
    course = Course(run)
    while not isinstance(found := move(run, *journal, *events), End):
        assert course.next(after(run, *journal, *events), TOOLS, OFTEN) == found
        match found:
            case Make(tool=tool, step=step, iteration=iteration):
                fresh = [Sending(step, iteration, tool.name, "d", "undo"), called(step, None, 0, tool.name, way="undo")]
                events += fresh
            case Skip(step=step, iteration=iteration, detail=detail):
                events.append(Skipped(step, iteration, detail, "undo"))
            case _:
                raise AssertionError(found)
    yield from events


# What a journal comes to.


def test_a_run_that_waits_says_for_what_until_it_goes_on() -> None:
    run = a_run(make())
    waits = Waiting("needs_approval", "tea", 0, "It waits for a yes.", approval="ap1")
    assert (after(run, waits).state, after(run, waits).waiting) == ("needs_approval", waits)
    assert (after(run, waits, Answered()).state, after(run, waits, Answered()).waiting) == ("running", None)
    (sentence,) = account(run, after(run, waits), [Entry(2, NOON, waits)])
    assert (sentence.text, sentence.rows) == ("It waits for a yes.", (2,))


def test_an_answer_raises_a_budget_as_far_as_the_gateway_allows() -> None:
    progress = after(a_run(make(), writes_max=1), Answered({"budget": {"writes_max": 5_000}}))
    assert progress.budget == within(Budget(writes_max=5_000), BOUND)
    assert progress.budget.writes_max == 1_000


def test_the_key_of_what_became_of_a_call_leads_back_to_it() -> None:
    assert read_settle(settle_key("undo", "a", 3)) == ("undo", "a", 3)
    assert [read_settle(key) for key in ("a/b", "do:a", "do:a:x", "redo:a:1")] == [None] * 4


def test_what_was_sent_and_not_answered_stays_so_where_the_next_try_finds_the_backend_busy() -> None:
    run = a_run(Step("keyed", "keyed", {"item": Literal("mate")}))
    sent, later = Sending("keyed", 0, "keyed", "d"), Paused("keyed", 0, NOON, "busy")
    assert not after(run, sent, later).of("do", "keyed", 0).unanswered
    assert after(run, sent, sent, later).of("do", "keyed", 0).unanswered


# Whose planner is asked while it goes on.


def test_a_planner_that_was_asked_when_its_process_was_killed_is_asked_again_and_what_was_reserved_stays_used() -> None:
    run = structs.replace(a_run(make(), Step("rest", "orders")), planning="again")
    lost = (Sending("tea", 0, "make", "d"), called("tea", {"id": 1}, tool="make", verify="order"))
    failed = (*lost, Verified("tea", 0, "order", False, "order finds nothing there"))
    assert isinstance(move(run, *failed), Rethink)
    killed = (*failed, Thinking("tea", 0, "why", Used(1_000, 0.5)))
    assert (after(run, *killed).state, after(run, *killed).spent.tokens) == ("planning", 1_000)
    assert isinstance(move(run, *killed), Rethink)
    settled = after(run, *killed, Thinking("tea", 0, "why", Used(1_000, 0.5)), Thought(Used(10, 0.25)))
    assert (settled.spent.tokens, settled.spent.money) == (1_010, 0.75)


def test_what_was_not_looked_for_or_has_no_planner_is_asked_about_as_ever() -> None:
    lost = (Sending("tea", 0, "make", "d"), called("tea", {"id": 1}, tool="make", verify="order"))
    for planning, shown in (("again", None), ("", False)):
        run = structs.replace(a_run(make()), planning=planning)
        found = move(run, *lost, Verified("tea", 0, "order", shown, "why"))
        assert isinstance(found, End)
        assert (found.state, found.questions[0].key) == ("uncertain", "do:tea:0")


def test_no_further_call_is_made_of_a_step_that_is_closed() -> None:
    run = structs.replace(a_run(make(), Step("rest", "orders")), planning="again")
    events = (
        Sending("tea", 0, "make", "d"),
        called("tea", {"id": 1}, tool="make", verify="order"),
        Verified("tea", 0, "order", False, "why"),
        Replanned(run.plan, closed=("tea",)),
    )
    found = move(run, *events)
    assert isinstance(found, Make)
    assert found.step == "rest"


# What stands in what came.


@pytest.mark.parametrize(
    ("pointer", "found"),
    [("", {"a": [{"b/c": 1}], "d": None}), ("/a/0/b~1c", 1), ("/a/-/b~1c", 1), ("/d", None)],
)
def test_a_value_is_found(pointer: str, found: Any) -> None:
    assert value_at({"a": [{"b/c": 1}], "d": None}, pointer) == found


@pytest.mark.parametrize("pointer", ["/b", "/a/1", "/a/x", "/d/e", "/a/99999999999"])
def test_what_is_not_there_is_not_found(pointer: str) -> None:
    with pytest.raises(NotFoundThere):
        value_at({"a": [1], "d": None}, pointer)


def test_of_several_all_are_told() -> None:
    with pytest.raises(Several) as raised:
        value_at({"a": [{"b": {"c/d": 1}}, {"b": {"c/d": 2}}]}, "/a/-/b/c~1d")
    assert raised.value.choices == [1, 2]


def test_a_number_as_text_is_as_it_is_written() -> None:
    assert [as_text(one) for one in (3, 1.5, True, None, "x")] == ["3", "1.5", True, None, "x"]


@pytest.mark.parametrize(
    ("origin", "found"),
    [
        ("/id", {"x": 7}),
        ("", {"x": {"id": 7}}),
        ("arguments:/name", {"x": "ada"}),
        ("constant:[1]", {"x": [1]}),
        ("template:{/id} of {arguments:/name}", {"x": "7 of ada"}),
        ("headers:location", None),
        ("url:", None),
        ("/none", None),
    ],
)
def test_arguments_are_bound_from_where_a_relation_says(origin: str, found: Any) -> None:
    relation = Relation("a", "b", "told", (Binding("x", origin),))
    assert bind(relation, {"name": "ada"}, {"id": 7}) == found


@pytest.mark.parametrize(
    ("look", "status", "answer", "shown"),
    [
        (Look(TOOLS["order"], {}), 200, b"{}", True),
        (Look(TOOLS["order"], {}), 404, b"", False),
        (Look(TOOLS["order"], {}), 500, b"", None),
        (Look(TOOLS["order"], {}, {"/a": 1}), 200, b'{"a": 1.0}', True),
        (Look(TOOLS["order"], {}, {"/a": 1}), 200, b'{"a": true}', False),
        (Look(TOOLS["order"], {}, {"/a": 1}), 200, b"{}", False),
        (Look(TOOLS["order"], {}, {"/a": 1}), 200, b"", False),
        (Look(TOOLS["order"], {}, {"/a": 1}), 200, b"no JSON", None),
        (Look(TOOLS["order"], {}, gone=True), 404, b"", True),
        (Look(TOOLS["order"], {}, gone=True), 410, b"", True),
        (Look(TOOLS["order"], {}, gone=True), 200, b"{}", False),
    ],
)
def test_a_look_shows_it_or_does_not_or_tells_nothing(
    look: Look, status: int, answer: bytes, shown: bool | None
) -> None:
    found, detail = judge(look, status, Raw(answer))
    assert found is shown
    assert bool(detail) == (shown is not True)
