"""The question gate: what may write, and what may only read."""

import re
from itertools import pairwise
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.english import ACTS, GERUNDS, PARTICIPLES, STATES, THINGS_WITH_STATES, words_of
from gateway.core.question import CLAUSES_MAX, read_clauses, read_mood

COMMANDS = """
Turn off the light.
turn off the lights in the living room
Turn the kitchen lights on please
please lock the front door
Lock the door!
Lock it
lock up
Hey, turn the heating down
ok factotum, play some jazz
Now stop the music
Can you turn on the light?
can you turn on the light
Could you please lock the door
Could you please lock the door?
Would you kindly send Mira a message?
Will you pay order 3?
Would you mind closing the garage?
Could you also, please, mute the speaker
I want the heating at 19
I'd like the lights off
I would like the bedroom lamp on
I want you to lock the back door
I'd like you to cancel order 7
I need you to send this to Jonas
I want to order milk
I'd like to book a table
We'd like to order two pizzas
lights off
Lights on, please
The kitchen lights off
heating to 19
thermostat at 21 in the bedroom
volume up
all lamps off
Turn off the lights, please?
Turn off the lights, will you?
Dim the reading lamp to 20 percent, could you?
Set the thermostat to 19.5 degrees
Order milk
Order two bottles of red wine
order 3 kg of potatoes
Cancel the dentist
Cancel my appointment on Friday
Send Mira an e-mail that I'm late
Tell Mira that dinner is ready
Text Jonas I am on my way
Message Mira that the door is open
Remind me to lock the door
Mail mira@example.com the report
Reply to Jonas: see you at eight
Delete the message from the bank
Delete event evt-3
Create an event tomorrow at 7 called Yoga
Add milk to the basket
Put two lemons into the basket
Book a flight to Oslo
Pay the invoice by card
Move the meeting to Friday
Mark the message as read
Schedule a call with Mira
Open the garage
Close all windows
Water the plants
Clear the basket
Do turn off the oven
Let's order the pizza
go ahead and pay it
Unlock the back door
Restart the server
Start the dishwasher
Give Mira access to the calendar
Turn the lights off and on
Make the living room warmer
Rename the playlist to Sunday
Just cancel it
Add 'Brunch' to the calendar
Would you be so kind as to turn off the hall light?
I'd like the bedroom blind opened
Complete all tasks
In the kitchen, turn on the light
Tomorrow at 7, turn on the heating
and then switch the fan off
""".strip().splitlines()

QUESTIONS = """
Is the light on?
is the light on
Are the doors locked?
Did you turn off the lights?
did you turn off the lights
Have you locked the door?
Can I turn on the heating?
can i turn on the heating
May I order milk?
Should I lock the door?
Shall we turn off the lights
Could we order a pizza?
Can the light be turned off
Can anyone turn off the light?
Can Mira unlock the door?
Will the heating turn on at 7?
Would that turn off the alarm?
Can't you turn it off?
Won't you lock the door?
Why don't you turn off the light?
How do I turn off the light?
How about turning off the light?
What happens if I turn off the light?
What turns the light off
Who turned off the light
When will you lock the door
Which lights are on
Where do I pay the order?
Do I need to lock the door?
Do the lights turn off by themselves?
Do you turn off the lights at night?
do you want to lock the door
Does it lock itself
Has Mira paid the invoice
Have the lights been turned off?
Have the lights turned off?
Am I late
What's on my calendar
Turn off the lights?
Lights on?
Order milk?
I want the lights off?
Tell me whether the door is locked
Tell me if you turned off the lights
Show me how to delete a message
Let me know when to lock the door
Give me the list of orders
Give us the weather for tomorrow
Send me to know if the door is open
List the lights
Find the order that I cancelled
Check whether the oven is off
Check that the door is locked
Make sure the door is locked
Get the status of order 3
Read my messages
Look up the price of milk
search for red wine
Can you tell me if the door is locked?
Could you show me the orders
Can you see who locked the door
Would you rather turn off the light?
Are you able to turn off the light
Can you believe he locked the door
Isn't the light off
How's the heating set
Shouldn't we turn off the heating
Is it time to water the plants
""".strip().splitlines()

NEITHERS = """
Don't turn off the light
don’t turn off the light
Do not lock the door
Never unlock the door
Please don't pay the order
please do not cancel it
Can you not turn off the lights
I don't want you to lock the door
I do not want the lights off
No lights off
The lights are off
The light is on
She said turn off the light
He told me to lock the door
I turned off the lights
I wanted to turn off the lights
I need to lock the door
I want milk
You should lock the door
Somebody must pay the order
Order status
Order 66 was cancelled
Order number 7 arrived
Orders
Open orders
Open windows
Light bulbs
Messages from Mira
Message from Mira
Mail from the bank
Book of the month
Play time is over
Text messages are broken
Turn is over
Cancellation
locked
Turning off the lights
Stop turning on the lights
Keep sending messages
"Turn off the light" is what she said
if it rains turn off the sprinkler
the meeting is off
day off
milk and eggs
Tomorrow
Good morning
please
thanks
to turn off the light
Report shows that the order shipped
Lock status
Not the kitchen
without turning off the light
Clean kitchen
Sounds good, turn off the light
Mira, turn off the light
In case it rains, close the windows
Update: the light is off
Set list for tonight
!!!
""".strip().splitlines()


@pytest.mark.parametrize("text", COMMANDS)
def test_a_command_is_one(text: str) -> None:
    mood = read_mood(text)
    assert mood.kind == "command", mood


@pytest.mark.parametrize("text", QUESTIONS)
def test_a_question_only_reads(text: str) -> None:
    mood = read_mood(text)
    assert mood.kind == "question", mood


@pytest.mark.parametrize("text", NEITHERS)
def test_what_is_not_plainly_a_command_is_none(text: str) -> None:
    mood = read_mood(text)
    assert mood.kind in {"neither", "refusal"}, mood
    assert (mood.kind == "refusal") == bool(
        re.match(r"(please )?(don.t|do not|never|not|without|can you not|no lights|i do)|stop|keep", text.lower())
    )


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("Lock the door", [("Lock the door", "command")]),
        ("Lock the door and the windows", [("Lock the door and the windows", "command")]),
        ("Lock the door, then turn off the lights.",
         [("Lock the door", "command"), ("turn off the lights.", "command")]),
        ("Can you lock the door and turn off the lights?",
         [("Can you lock the door", "command"), ("turn off the lights?", "command")]),
        ("Is the door locked? Then turn off the lights.",
         [("Is the door locked?", "question"), ("Then turn off the lights.", "command")]),
        ("Did you lock the door and turn off the lights",
         [("Did you lock the door", "question"), ("turn off the lights", "question")]),
        ("Is the door locked, and turn off the lights?",
         [("Is the door locked", "question"), ("turn off the lights?", "question")]),
        ("Don't lock the door and turn off the lights",
         [("Don't lock the door", "refusal"), ("turn off the lights", "refusal")]),
        ("He said lock the door and turn off the lights",
         [("He said lock the door", "neither"), ("turn off the lights", "neither")]),
        ("Tell me whether I should lock the door and turn off the lights",
         [("Tell me whether I should lock the door and turn off the lights", "question")]),
        ("See whether the door is locked and turn off the lights",
         [("See whether the door is locked", "question"), ("turn off the lights", "question")]),
        ("Find a bus from New York to Boston and buy a ticket",
         [("Find a bus from New York to Boston", "question"), ("buy a ticket", "command")]),
        ("Find somebody to lock the door and turn off the lights",
         [("Find somebody to lock the door", "question"), ("turn off the lights", "question")]),
        ("Show me the lights and turn off the radio",
         [("Show me the lights", "question"), ("turn off the radio", "command")]),
        ("Mail Mira that she should lock the door and turn off the lights",
         [("Mail Mira that she should lock the door and turn off the lights", "command")]),
        ("Remind me to lock the door and turn off the lights",
         [("Remind me to lock the door and turn off the lights", "command")]),
        ("Reply to Mira: I will come. Lock the door.", [("Reply to Mira: I will come. Lock the door.", "command")]),
        ('Mail Mira "Please come. Lock the door!" and turn off the lights',
         [('Mail Mira "Please come. Lock the door!"', "command"), ("turn off the lights", "command")]),
        ("In the kitchen, turn on the light and stop the music",
         [("In the kitchen, turn on the light", "command"), ("stop the music", "command")]),
        ("When I come home, turn on the light",
         [("When I come home", "question"), ("turn on the light", "question")]),
        ("lights off and lock the door", [("lights off", "command"), ("lock the door", "command")]),
        ("Turn off the lights, will you?", [("Turn off the lights, will you?", "command")]),
        ("Set it to 19.5. Play jazz", [("Set it to 19.5.", "command"), ("Play jazz", "command")]),
        ("", []),
    ],
)  # fmt: skip
def test_a_text_is_cut_into_its_wishes(text: str, clauses: list[tuple[str, str]]) -> None:
    assert [(text[one.span.start : one.span.end], one.mood.kind) for one in read_clauses(text)] == clauses


def test_a_command_says_its_verb_and_where_it_stands() -> None:
    text = "Is it cold? Could you please turn on the heating"
    mood = read_clauses(text)[1].mood
    assert mood.span is not None
    assert (mood.verb, text[mood.span.start : mood.span.end]) == ("turn", "turn")


def words_of_text(text: str) -> list[str]:
    return text.split()


FILLERS = st.sampled_from(
    words_of_text(
        "the a lights light door is are can could you i we please if that of to on off , . ? ! : \" ' and then don't not why"
        " yesterday kitchen milk seven would mind like want 19 turned locked closed orders she it heating"
    )
)
TEXTS = st.text(max_size=60) | st.lists(FILLERS, max_size=12).map(" ".join)


def has_imperative(text: str) -> bool:
    """As a reader sees it who knows nothing of how it is told: some verb is there, or a thing and its state."""
    words = {one.text for one in words_of(text)}
    has_state = bool(words & STATES) or bool(re.search(r"\b(to|at)\s+\d", text))
    return bool(words & (ACTS | set(PARTICIPLES)) or words & set(GERUNDS) or (words & THINGS_WITH_STATES and has_state))


@given(TEXTS)
def test_no_text_without_an_imperative_is_a_command(text: str) -> None:
    for clause in read_clauses(text):
        assert clause.mood.kind != "command" or has_imperative(text)


@given(st.sampled_from(["Did you", "Is it so that you", "Don't", "Why", "Can I", "How do I", "She said", "Never"]),
       st.sampled_from(COMMANDS))  # fmt: skip
def test_no_command_stays_one_behind_what_asks_or_refuses(before: str, command: str) -> None:
    assert read_mood(f"{before} {command}").kind != "command"


@given(TEXTS, st.sampled_from(["", " and ", ", ", ". "]), TEXTS)
def test_clauses_are_within_the_text_in_order_and_few(first: str, joint: str, second: str) -> None:
    text = first + joint + second
    clauses = read_clauses(text)
    assert len(clauses) <= CLAUSES_MAX
    spans = [one.span for one in clauses]
    assert all(0 <= one.start < one.end <= len(text) for one in spans)
    assert all(one.end <= other.start for one, other in pairwise(spans))
    for one in clauses:
        told = one.mood.span
        assert told is None or one.span.start <= told.start < told.end <= one.span.end


@pytest.mark.parametrize("text", ["x, " * 1_300, "lock it and " * 330, "x and " * 660, "Lock it. " * 440, "a" * 4_000])
def test_a_long_text_is_read_in_no_time(text: str) -> None:
    began = process_time()
    read_clauses(text)
    assert process_time() - began < 1
