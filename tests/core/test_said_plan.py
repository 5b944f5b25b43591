"""Plans in words, as a person sees them before a yes."""

from gateway.core.plan import Item, Literal, Plan, Ref, Slot, Step, When
from gateway.core.said_plan import WRITES_SHOWN_MAX, say_step, say_writes
from tests.household_tools import household_tools

TOOLS = household_tools()


def test_a_step_says_where_each_argument_is_from() -> None:
    step = Step(
        "off", "home_set_light", {"light_id": Item("/id"), "on": Literal(False), "brightness": Slot("How bright?")},
        Ref("lamps"), When(Item("/room"), {"const": "study"}),
    )  # fmt: skip
    assert say_step(step) == (
        'home_set_light(light_id = item/id, on = false, brightness = ?), for each of lamps where {"const":"study"}'
    )


def test_only_writes_are_told_and_no_secret_is() -> None:
    plan = Plan("x", (Step("a", "home_list_lights"), Step("b", "mail_send_message", {"text": Literal("4711")})))
    assert say_writes(plan, TOOLS, {}) == ('mail_send_message(text = "4711")',)
    assert say_writes(plan, TOOLS, {"mail": frozenset({"text"})}) == ('mail_send_message(text = "[redacted]")',)


def test_what_was_answered_stands_in_place_of_the_question() -> None:
    plan = Plan("x", (Step("b", "mail_send_message", {"text": Slot("What?"), "subject": Slot("About?")}),))
    assert say_writes(plan, TOOLS, {}, {"b/text": "hello"}) == ('mail_send_message(text = "hello", subject = ?)',)
    secrets = {"mail": frozenset({"text"})}
    assert say_writes(plan, TOOLS, secrets, {"b/text": "hello"}) == (
        'mail_send_message(text = "[redacted]", subject = ?)',
    )


def test_of_more_writes_than_anybody_looks_at_none_is_told() -> None:
    steps = tuple(Step(f"s{n}", "groceries_clear_basket") for n in range(WRITES_SHOWN_MAX + 1))
    assert say_writes(Plan("x", steps), TOOLS, {}) == ()
    assert len(say_writes(Plan("x", steps[1:]), TOOLS, {})) == WRITES_SHOWN_MAX
