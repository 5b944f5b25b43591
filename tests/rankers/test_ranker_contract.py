"""What every ranker promises, whichever it is."""

import pytest
from msgspec import Raw

from gateway.core.operation import Operation
from gateway.core.tool import Annotations, Tool
from gateway.rankers.base import RankerFactory
from gateway.rankers.lexical import LexicalRankers

HINTS = Annotations(True, False, True)


def tool(name: str, title: str, description: str = "", path: str = "/") -> Tool:
    operation = Operation("home", "GET", path, "https://home.example", "/paths/~1/get")
    scopes = (frozenset({"home:read"}),)
    return Tool(name, title, description, Raw(b"{}"), Raw(b""), Raw(b"{}"), "read", HINTS, scopes, operation)


HOUSE = [
    tool("home_set_light", "Switch a light", "Turns one lamp on or off, or dims it."),
    tool("home_list_lights", "List the lights", "All lamps with their rooms."),
    tool("home_lock_door", "Lock a door"),
    tool("mail_send_message", "Send a message", "Sends an e-mail to one or more people."),
]


@pytest.fixture(params=[LexicalRankers])
def rankers(request: pytest.FixtureRequest) -> RankerFactory:
    made: RankerFactory = request.param()
    return made


@pytest.mark.parametrize(
    ("query", "best"),
    [
        ("lock the front door", "home_lock_door"),
        ("send an email message to Mira", "mail_send_message"),
        ("listLights", "home_list_lights"),
        ("dimming a lamp", "home_set_light"),
    ],
)
def test_the_tool_that_fits_comes_first(rankers: RankerFactory, query: str, best: str) -> None:
    assert rankers.build(HOUSE).rank(query, 3)[0].name == best


def test_the_answer_does_not_depend_on_the_order_of_the_tools(rankers: RankerFactory) -> None:
    query = "lights lamp door message"
    assert rankers.build(HOUSE).rank(query, 9) == rankers.build(HOUSE[::-1]).rank(query, 9)


def test_equal_tools_come_in_the_order_of_their_names(rankers: RankerFactory) -> None:
    twins = [tool(f"home_{letter}", "Ring the bell") for letter in "cab"]
    assert [one.name for one in rankers.build(twins).rank("bell", 9)] == ["home_a", "home_b", "home_c"]


def test_it_gives_no_more_than_asked_and_nothing_for_nothing(rankers: RankerFactory) -> None:
    ranker = rankers.build(HOUSE)
    assert len(ranker.rank("lights door message", 2)) == 2
    for query in ("", "   ", "the of and", "zzzz", "\x00\ud83d", "☃" * 10_000):
        assert ranker.rank(query, 5) == ()
    assert ranker.rank("lights", 0) == ()


def test_an_empty_catalog_finds_nothing(rankers: RankerFactory) -> None:
    assert rankers.build([]).rank("anything", 5) == ()


def test_it_says_which_words_matched(rankers: RankerFactory) -> None:
    (first, *_) = rankers.build(HOUSE).rank("lock the door please", 3)
    assert set(first.matched) == {"lock", "door"}
