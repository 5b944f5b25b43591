"""Which tools a toolset takes: of each list any one, of several lists all."""

from fnmatch import fnmatchcase
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.toolset import EVERYTHING, NOTHING, Toolset, narrow

LAMP: Any = SimpleNamespace(name="home_set_lamp", connector="home", effect="write", tags=("Lamps", "Rooms"))
WORDS = st.text("ab_*", min_size=1, max_size=6)


@pytest.mark.parametrize(
    ("told", "takes"),
    [
        ({"connectors": ("home", "shop")}, True),
        ({"connectors": ("Home",)}, False),
        ({"effects": ("read", "write")}, True),
        ({"effects": ("destructive",)}, False),
        ({"tags": ("LAMPS", "none")}, True),
        ({"tags": ("lamp",)}, False),
        ({"tools": ("home_*", "none")}, True),
        ({"tools": ("home_set",)}, False),
        ({"tools": ("set_lamp",)}, False),
        ({"tools": ("Home_*",)}, False),
        ({"tools": ("*",)}, True),
        ({"connectors": ("home",), "effects": ("write",), "tags": ("rooms",), "tools": ("*_lamp",)}, True),
        ({"connectors": ("home",), "effects": ("write",), "tags": ("rooms",), "tools": ("*_door",)}, False),
        ({"connectors": ("home",), "effects": ("read",), "tags": ("rooms",), "tools": ("*_lamp",)}, False),
    ],
)
def test_a_tool_is_taken_that_every_list_takes(told: dict[str, Any], takes: bool) -> None:
    chosen = Toolset(**told).filter
    assert chosen.takes(LAMP) == takes
    assert narrow(connectors=["home"], within=chosen).takes(LAMP) == takes
    assert not narrow(connectors=["shop"], within=chosen).takes(LAMP)
    assert (EVERYTHING.takes(LAMP), NOTHING.takes(LAMP)) == (True, False)


@given(st.frozensets(WORDS, min_size=1, max_size=4), st.text("ab_", min_size=1, max_size=6))
def test_many_patterns_are_looked_at_as_one_by_one(patterns: frozenset[str], name: str) -> None:
    tool: Any = SimpleNamespace(name=name, connector="", effect="read", tags=())
    assert narrow(tools=patterns).takes(tool) == any(fnmatchcase(name, one) for one in patterns)
