"""A part of a JSON answer, chosen by the caller with JMESPath, within bounds on work and size.

JMESPath rather than a list of JSON Pointers: it filters lists and renames fields in one line, models know it from the
tools they were trained on, and it has a specification with a conformance suite. It cannot loop, define functions or reach
beyond its input; what it can do is multiply its input, and that is counted.
"""

import warnings
from typing import Any

import msgspec
from jmespath import exceptions, parser, visitor
from msgspec import Raw

EXPRESSION_NODES_MAX = 500
STEPS_MAX = 500_000
TEXT_CHARACTERS_MAX = 16 << 20


class Unselectable(Exception):
    """An expression that cannot be read, or not be applied to this answer: a sentence for the caller."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class Selection:
    """A JMESPath expression, read once. Raises Unselectable."""

    def __init__(self, expression: str) -> None:
        try:
            with warnings.catch_warnings(action="ignore", category=PendingDeprecationWarning):
                self._tree: Any = parser.Parser().parse(expression).parsed
        except exceptions.LexerError as error:
            raise Unselectable(f"expected a JMESPath expression; column {error.lexer_position + 1} is none") from error
        except exceptions.ParseError as error:
            raise Unselectable(f"expected a JMESPath expression; column {error.lex_position + 1} is none") from error
        except (exceptions.JMESPathError, RecursionError, ValueError) as error:
            raise Unselectable("expected a JMESPath expression, such as items[].{id: id, name: name}") from error
        _require_few_nodes(self._tree)

    def apply(self, exact: bytes) -> Raw:
        """The chosen part of this JSON, encoded; `null` where there is nothing. Raises Unselectable."""
        try:
            chosen = _Counting().visit(self._tree, msgspec.json.decode(exact))
            _require_small(chosen)
            return Raw(msgspec.json.encode(chosen))
        except exceptions.UnknownFunctionError as error:
            raise Unselectable("it calls a function that JMESPath does not have") from error
        except exceptions.JMESPathTypeError as error:
            raise Unselectable(f"{error.function_name}() was given what it does not take") from error
        except (
            exceptions.JMESPathError,
            RecursionError,
            TypeError,
            ValueError,
            ArithmeticError,
            AttributeError,
        ) as error:
            raise Unselectable("it does not fit this answer") from error


class _Counting(visitor.TreeInterpreter):
    """The interpreter of the library, with its work counted."""

    def __init__(self) -> None:
        super().__init__()
        self._left = STEPS_MAX

    def visit(self, node: Any, *args: Any, **kwargs: Any) -> Any:
        found = super().visit(node, *args, **kwargs)
        self._left -= 1 + (len(found) // 16 if isinstance(found, list | dict) else 0)
        if self._left < 0 or (isinstance(found, str) and len(found) > TEXT_CHARACTERS_MAX):
            raise Unselectable("it takes too much work on this answer; choose less, or a simpler way")
        return found


def _require_few_nodes(tree: Any) -> None:
    waiting, count = [tree], 0
    while waiting:
        node = waiting.pop()
        count += 1
        if count > EXPRESSION_NODES_MAX:
            raise Unselectable(f"expected an expression of at most {EXPRESSION_NODES_MAX} parts")
        waiting += [child for child in node.get("children", ()) if isinstance(child, dict)]


def _require_small(chosen: Any) -> None:
    """An expression can name the same value many times: what it gives is counted as it would be written."""
    waiting, left = [chosen], STEPS_MAX
    while waiting:
        value = waiting.pop()
        left -= 1 + (len(value) // 1_000 if isinstance(value, str) else 0)
        if left < 0:
            raise Unselectable("it gives more than can be answered; choose less")
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
