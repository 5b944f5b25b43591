"""What every ranker promises, whichever it is."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import bm25s
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from gateway.core.operation import Operation
from gateway.core.tool import Annotations, Tool
from gateway.rankers.base import Part, Ranked, Ranker
from gateway.rankers.lexical import K1, REPEATS_MAX, B, Bm25, text_of

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


@pytest.fixture(params=[Bm25])
def ranker(request: pytest.FixtureRequest) -> Ranker[Any]:
    made: Ranker[Any] = request.param()
    return made


def rank(ranker: Ranker[Any], tools: Sequence[Tool], query: str, limit: int) -> Sequence[Ranked]:
    return ranker.rank(query, limit, [Part(ranker.segment(tools))]).tools


@pytest.mark.parametrize(
    ("query", "best"),
    [
        ("lock the front door", "home_lock_door"),
        ("send an email message to Mira", "mail_send_message"),
        ("listLights", "home_list_lights"),
        ("dimming a lamp", "home_set_light"),
    ],
)
def test_the_tool_that_fits_comes_first(ranker: Ranker[Any], query: str, best: str) -> None:
    assert rank(ranker, HOUSE, query, 3)[0].name == best


def test_the_answer_does_not_depend_on_the_order_of_the_tools(ranker: Ranker[Any]) -> None:
    query = "lights lamp door message"
    assert rank(ranker, HOUSE, query, 9) == rank(ranker, HOUSE[::-1], query, 9)


def test_equal_tools_come_in_the_order_of_their_names(ranker: Ranker[Any]) -> None:
    twins = [tool(f"home_{letter}", "Ring the bell") for letter in "cabd"]
    assert [one.name for one in rank(ranker, twins, "bell", 9)] == ["home_a", "home_b", "home_c", "home_d"]
    assert [one.name for one in rank(ranker, twins, "bell", 2)] == ["home_a", "home_b"]


def test_it_gives_no_more_than_asked_and_nothing_for_nothing(ranker: Ranker[Any]) -> None:
    assert len(rank(ranker, HOUSE, "lights door message", 2)) == 2
    for query in ("", "   ", "the of and", "zzzz", "\x00\ud83d", "☃" * 10_000):
        assert rank(ranker, HOUSE, query, 5) == ()
    assert rank(ranker, HOUSE, "lights", 0) == ()


def test_an_empty_catalog_finds_nothing(ranker: Ranker[Any]) -> None:
    assert rank(ranker, [], "anything", 5) == ()
    assert ranker.rank("anything", 5, []).tools == ()


def test_it_says_which_words_matched(ranker: Ranker[Any]) -> None:
    (first, *_) = rank(ranker, HOUSE, "lock the door please", 3)
    assert set(first.matched) == {"lock", "door"}


TEXTS = st.lists(st.sampled_from(["light", "lamp", "door", "lock", "room", "list", "set", "turn"]), max_size=6).map(
    " ".join
)
TOOLS = st.lists(TEXTS, max_size=12).map(lambda texts: [tool(f"t_{at:02}", text) for at, text in enumerate(texts)])


@given(TOOLS, st.data())
def test_segments_apart_or_put_together_rank_as_one(tools: list[Tool], data: st.DataObject) -> None:
    ranker, query = Bm25(), data.draw(TEXTS)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(tools)), max_size=3)))
    pieces = [tools[start:end] for start, end in pairwise([0, *cuts, len(tools)])]
    segments = [ranker.segment(piece) for piece in pieces]
    whole = rank(ranker, tools, query, 20)
    assert ranker.rank(query, 20, [Part(one) for one in segments]).tools == whole
    assert ranker.rank(query, 20, [Part(ranker.merge(segments))]).tools == whole


@given(TOOLS, st.data())
def test_what_is_not_seen_weighs_on_nothing(tools: list[Tool], data: st.DataObject) -> None:
    """As if it were not there: neither in the answer nor in the score of what is."""
    ranker, query = Bm25(), data.draw(TEXTS)
    seen = data.draw(st.lists(st.booleans(), min_size=len(tools), max_size=len(tools)))
    visible = [one for one, is_seen in zip(tools, seen, strict=True) if is_seen]
    masked = ranker.rank(query, 20, [Part(ranker.segment(tools), np.array(seen, np.bool_))]).tools
    assert masked == rank(ranker, visible, query, 20)


def but_few_times(words: Sequence[str]) -> list[str]:
    said = Counter[str]()
    told = []
    for word in words:
        said[word] += 1
        told.append(word if said[word] <= REPEATS_MAX else "(again)")
    return told


def test_a_tool_gains_nothing_by_saying_a_word_again_and_again(ranker: Ranker[Any]) -> None:
    honest = [tool(f"mail_{at}", "Send an email", "Sends an email to people.") for at in range(5)]
    stuffed = [
        tool("report_once", "Daily report", "send email"),
        tool("report_often", "Daily report", "send email " * 200),
    ]
    order = [one.name for one in rank(ranker, [*honest, *stuffed], "send an email", 9)]
    assert order.index("report_once") < order.index("report_often")
    assert order[:5] == [one.name for one in honest]


@given(TOOLS, TEXTS)
def test_scores_are_those_of_the_library_that_keeps_them_finished(tools: list[Tool], query: str) -> None:
    """bm25s, in Lucene's form: the same numbers, where every tool is seen and a word that is said too often counts as another."""
    ranker = Bm25()
    words = [but_few_times(ranker.words(text_of(one))) for one in tools]
    asked = sorted({word for word in ranker.words(query) if any(word in text for text in words)})
    if not asked:
        return
    theirs = bm25s.BM25(method="lucene", k1=K1, b=B)
    theirs.index(words, show_progress=False)
    scores = {one.name: float(score) for one, score in zip(tools, theirs.get_scores(asked), strict=True) if score > 0}
    ours = {one.name: one.score for one in rank(ranker, tools, query, 20)}
    assert ours == pytest.approx(scores, abs=1e-3)
