"""What questions of words are answered with, before the household: the sentence that a person reads."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec import structs

from gateway.core.asked import read_asked, said_so, topic
from gateway.core.plan import Pick, Tells
from gateway.core.planned import Impossible, Ready
from gateway.core.tell import tell
from tests.planners.test_graph import Asking, asking

pytestmark = pytest.mark.anyio


@pytest.fixture
async def ask(anyio_backend: str, tmp_path: Path) -> AsyncIterator[Asking]:
    async with asking(tmp_path) as one:
        yield one


async def answers(ask: Asking, text: str) -> str:
    """The words are planned, carried out, and the answers said."""
    planned = await ask(text)
    assert isinstance(planned, Ready), planned
    me = structs.replace(ask.principal, method="local")
    run = await ask.gateway.intents.start(me, planned.plan, "execute", "rest")
    held = await ask.gateway.runs.wait(me, run.id, 20)
    assert held.run.state == "done"
    return " ".join(one.text for one in tell(held.run, held.progress))


SAID = {
    "Is the front door locked?": "The front door is locked.",
    "is the back door unlocked": "The back door is unlocked.",
    "Can you tell me if the back door is locked?": "The back door is not locked.",
    "Are all doors locked?": "“Are all doors locked?” No, not so: “Back door” (not locked).",
    "Did you turn off the lights?": "“Did you turn off the lights?” No, not so: “Ceiling lamp” (on); “Reading lamp” (on); "
    "“Kitchen spots” (on); “Desk lamp” (on).",
    "What is my first meeting tomorrow?": "Your first meeting tomorrow: “Review with Jonas” (start Thursday, 5 March 2026, "
    "10:00).",
    "What's the temperature in the living room and the bedroom?": "The temperature in the living room and the bedroom: "
    "“thermostat-1” (current 20.4 °C, room “living-room”, target 21.0 °C); “thermostat-2” (current 18.1 °C, room “bedroom”, target 18.0 °C).",
    "How many lights are on in the kitchen?": "“How many lights are on in the kitchen?”: 1.",
    "When is the dinner with Mira?": "The dinner with Mira: Saturday, 7 March 2026, 19:00.",
    "Where is the dinner?": "The dinner: “Home”.",
    "Is any door unlocked?": "“Is any door unlocked?” Yes: “Back door” (not locked, battery 35 %).",
    "What is the most expensive wine?": "The most expensive wine: “Red wine” (price 8.99 EUR).",
    "What does the newest mail say?": "“What does the newest mail say?”: “Saturday” (sent at Wednesday, 4 March 2026, 07:00, "
    "text “Shall I bring dessert on Saturday?”).",
    "Tell me my first meeting tomorrow and the temperature in the bedroom": "Your first meeting tomorrow: “Review with "
    "Jonas” (start Thursday, 5 March 2026, 10:00). The temperature in the bedroom: “thermostat-2” (current 18.1 °C, target "
    "18.0 °C).",
    "What's the weather in Rome and in Hamburg tomorrow?": "The weather in Rome: date Thursday, 5 March 2026, sky “rain”, high "
    "15 °C, low 10 °C, rain 10 mm, wind 2 km/h. In Hamburg tomorrow: date Thursday, 5 March 2026, sky “wind”, high 10 °C, low "
    "2 °C, rain 0 mm, wind 51 km/h.",
    "How much is my basket?": "“How much is my basket?”: 0.00 EUR.",
    "How many meetings do I have this week?": "“How many meetings do I have this week?”: 6.",
    "When is the dinner with Mira and Jonas?": "The dinner with Mira and Jonas: Saturday, 7 March 2026, 19:00.",
    "Will it rain tomorrow?": "“Will it rain tomorrow?” Yes: date Thursday, 5 March 2026, rain 5 mm.",
    "Will it rain next week?": "“Will it rain next week?” None that I was told of, and not of each of these days was I told.",
    "How many mails do I have?": "“How many mails do I have?”: 9.",
    "How many unread mails do I have?": "“How many unread mails do I have?”: 6.",
    "How much does milk cost?": "“How much does milk cost?”: 1.29 EUR.",
    "Which mails are from Mira?": "“Which mails are from Mira?”: “Saturday” (from “mira@example.org”, text “Shall I bring "
    "dessert on Saturday?”, sent at Wednesday, 4 March 2026, 07:00, folder “inbox”, not read).",
    "How many folders do I have?": "“How many folders do I have?”: 4.",
    "How warm is it in the living room?": "“How warm is it in the living room?”: “thermostat-1” (current 20.4 °C, room "
    "“living-room”).",
    "Which room is the coldest?": "“Which room is the coldest?”: “thermostat-2” (current 18.1 °C, room “bedroom”).",
}  # fmt: skip


UNKNOWN = {
    "Is the desk lamp dark?": "I do not know what “dark” means here; what I read: “Desk lamp” (colour temperature 5000 K, room "
    "“study”, on, brightness 90).",
    "Is the reading lamp brighter than the desk lamp?": "I do not know what “brighter” means here; what I read: “Desk lamp”",
    "Is the fridge door locked?": "I do not know what “fridge” means here; what I read: ",
    "Did Mira cancel the dinner?": "I do not know what “cancel” means here; what I read: “Dinner with Mira and Jonas”",
    "Is it raining?": "I found nothing that says whether it is so; what I read: ",
    "Is the back door locked or unlocked?": "It is one or the other; what I read: “Back door” (not locked).",
    "How old is Mira?": "I found nothing that says how old; what I read: ",
    "Are there 3 lights on?": "I did not look for “3”; what I read: ",
    "Do I have two meetings tomorrow?": "I did not look for “two”; what I read: “Review with Jonas”",
    "Is only the desk lamp on?": "I did not look for “only”; what I read: “Desk lamp”",
    "Will the front door be locked?": "I know only what is so now; what I read: “Front door” (locked).",
    "Was the front door locked?": "The front door is locked.",
    "How much are two bottles of red wine?": "I did not look for “two”; what I read: “Red wine”",
    "Why is the desk lamp on?": "I found nothing that says why; what I read: “Desk lamp”",
    "What is the cheapest lamp?": "I found nothing to compare them by; what I read: ",
    "When am I free tomorrow?": "“When am I free tomorrow?” What is busy: start Thursday, 5 March 2026, 10:00",
    "Lock the front door??": "Nothing was changed. What I read: “Front door” (locked).",
    "Make sure the back door is locked": "Nothing was changed. The back door is not locked.",
    "Please check that the front door is locked": "The front door is locked.",
    "Read me the latest mail": "The latest mail: “Saturday”",
    "Is there any light on": "“Is there any light on” Yes: “Ceiling lamp”",
    'What does the mail "Parcel" say?': "“What does the mail \"Parcel\" say?”: “I took a parcel for you. Ring any time after five.”.",
}  # fmt: skip


async def test_what_a_question_leaves_unknown_is_said_before_what_was_read(ask: Asking) -> None:
    for text, said in UNKNOWN.items():
        assert (await answers(ask, text)).startswith(said), text


async def test_a_question_that_names_nothing_is_told_what_can_be_asked(ask: Asking) -> None:
    for text in ("hello", "\U0001f642", "what is 2+2?", "what do you know about me?", "how much did I spend?"):
        planned = await ask(text)
        assert isinstance(planned, Impossible), text
        assert planned.reason.endswith("You can ask about: calendar, groceries, home, mail, weather."), text


async def test_when_something_is_is_not_when_a_mail_of_it_was_sent(ask: Asking) -> None:
    for text in ("When is the book due?", "When is the training?", "When is the school trip?"):
        assert isinstance(await ask(text), Impossible), text
    assert await answers(ask, "When did Mira write?") == "“When did Mira write?”: Wednesday, 4 March 2026, 07:00."


async def test_whether_there_is_some_is_asked_of_the_list_of_these(ask: Asking) -> None:
    for text in ("Do I have unread mail?", "Are there any unread mails?"):
        planned = await ask(text)
        assert isinstance(planned, Ready)
        assert [step.tool for step in planned.plan.steps] == ["mail_list_messages"]


async def test_when_it_rains_next_is_asked_of_the_days_on_which_it_rains(ask: Asking) -> None:
    planned = await ask("When does it rain next?")
    assert isinstance(planned, Ready)
    assert [step.tool for step in planned.plan.steps] == ["weather_get_forecast"]
    answer = planned.plan.answers[0]
    assert isinstance(answer, Tells)
    assert isinstance(answer.value, Pick)
    assert [(one.pointer, one.fits) for one in answer.value.where] == [("/rain_mm", {"exclusiveMinimum": 0})]


async def test_where_a_word_says_nothing_a_question_is_not_answered_with_something_else(ask: Asking) -> None:
    for text in ("Is the light in the garden on?", "When is the concert with Anna?", "What is the weather in Oslo?",
                 "What should I cook tonight?", "Who is the president of France?", "How many contacts do I have?",
                 "How much milk do I have?", "Is it warm in Rome?",
                 "Do I have time tomorrow?"):  # fmt: skip
        planned = await ask(text)
        assert not isinstance(planned, Ready), text


async def test_where_nothing_says_which_place_is_meant_home_is_and_that_is_said(ask: Asking) -> None:
    planned = await ask("What is the weather?")
    assert isinstance(planned, Ready)
    assert "No place was named, and “Home” is taken." in planned.because


async def test_a_question_is_answered_as_people_answer_it(ask: Asking) -> None:
    for text, said in SAID.items():
        assert await answers(ask, text) == said


@pytest.mark.parametrize(
    ("clause", "said"),
    [
        ("What's my next meeting?", "Your next meeting"),
        ("Please tell me the weather in Rome.", "The weather in Rome"),
        ("when is Mira's birthday", "Mira's birthday"),
        ("Which lights are on?", "“Which lights are on?”"),
        ("Which vegan recipes?", "Vegan recipes"),
        ("Where are our keys?", "Your keys"),
        ("What does it say?", "“What does it say?”"),
    ],
)
def test_an_answer_is_called_by_what_was_asked(clause: str, said: str) -> None:
    assert topic(clause) == said


@pytest.mark.parametrize(
    ("clause", "states", "said"),
    [
        ("Is the front door locked?", ("locked",), ("The front door is locked.", "The front door is not locked.")),
        ("tell me if my lamp is on", ("on",), ("Your lamp is on.", "Your lamp is not on.")),
        ("Isn't it closed?", ("closed",), ("It is closed.", "It is not closed.")),
        ("Am I late?", ("late",), None),
        ("Did you lock it?", ("lock",), None),
        ("Is it?", ("locked",), None),
        ("", (), None),
    ],
)
def test_a_question_whether_becomes_what_is_so_and_what_is_not(
    clause: str, states: tuple[str, ...], said: tuple[str, str] | None
) -> None:
    assert said_so(clause, states) == said


@pytest.mark.parametrize(
    ("clause", "kind", "order"),
    [
        ("How many lights are on?", "count", None),
        ("What is the cheapest rice?", "what", "least"),
        ("my most expensive order", "what", "greatest"),
        ("What do I have next week?", "what", None),
        ("What is next?", "what", "next"),
        ("Do I have mail?", "whether", None),
        ("Let me know whether it is on", "whether", None),
        ("the last message from Anna", "what", "greatest"),
        ("", "what", None),
    ],
)
def test_what_is_asked_is_read_from_the_words(clause: str, kind: str, order: str | None) -> None:
    asked = read_asked(clause)
    assert (asked.kind, asked.order) == (kind, order)
