"""What a person sees, and how a command runs: the two consoles, tables, coroutines as commands."""

import os
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from rich.console import Console
from rich.table import Table
from rich.text import Text as RichText

from gateway.core.prose import visible
from gateway.serve import run

P = ParamSpec("P")
T = TypeVar("T")

# What is read by another program is in lines as long as they are, within this.
PIPED_CHARACTERS = 1_000
# Columns of words that are short, and make no sense in pieces.
SHORT = frozenset({"effect", "score", "reason", "change", "state", "tools", "held", "refusals", "repairs", "until"})


class _Plain(Console):
    """Shows text as it is: what a document or a backend says is no markup, and acts on no terminal."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, highlight=False, soft_wrap=True, markup=False, emoji=False)
        if not self.is_terminal and "COLUMNS" not in os.environ:
            self.width = PIPED_CHARACTERS

    def render_str(self, text: str, **options: Any) -> RichText:
        return super().render_str(visible(text), **options)


out, err = _Plain(), _Plain(stderr=True)


def asynchronous(command: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """Run a coroutine as a click command."""

    @wraps(command)
    def command_line(*args: P.args, **kwargs: P.kwargs) -> T:
        return run(command(*args, **kwargs))

    return command_line


def table(*columns: str) -> Table:
    """An empty table. What stands first is a name, to be copied whole."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for index, column in enumerate(columns):
        made.add_column(column, overflow="fold", no_wrap=index == 0 or column in SHORT)
    return made
