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

from gateway.core.http import has_few_values

EXPRESSION_CHARACTERS_MAX = 2_000
EXPRESSION_NODES_MAX = 500
STEPS_MAX = 500_000
TEXT_CHARACTERS_MAX = 16 << 20
# So many items of a list, and so many characters of a text, take as long as one step.
ITEMS_A_STEP, CHARACTERS_A_STEP = 16, 256
# Functions that walk through all of what they are given, however often the same value is in it.
WALKING = frozenset({"to_string", "join", "contains", "sort", "max", "min"})


class Written(float):
    """A number of the answer that remembers how it was written: `1.10` and 30 digits come out as they went in."""

    __slots__ = ("text",)
    text: str


# The library tells types by the names of their classes.
Written.__name__ = "float"


def _written(text: str) -> Written:
    number = Written(text)
    number.text = text
    return number


def _text_of(value: object) -> Raw:
    if isinstance(value, Written):
        return Raw(value.text.encode())
    raise TypeError


_EXACT = msgspec.json.Decoder(float_hook=_written)
_AS_WRITTEN = msgspec.json.Encoder(enc_hook=_text_of)


class Unselectable(Exception):
    """An expression that cannot be read, or not be applied to this answer: a sentence for the caller."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class Selection:
    """A JMESPath expression, read once. Raises Unselectable."""

    def __init__(self, expression: str) -> None:
        if len(expression) > EXPRESSION_CHARACTERS_MAX:
            raise Unselectable(f"expected an expression of at most {EXPRESSION_CHARACTERS_MAX} characters")
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
        if not has_few_values(exact):
            raise Unselectable("it would have to look at more values than may be read at once")
        try:
            chosen = _Counting().visit(self._tree, _EXACT.decode(exact))
            _require_small(chosen)
            return Raw(_AS_WRITTEN.encode(chosen))
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
    """The interpreter of the library, with its work counted before it is done."""

    def __init__(self) -> None:
        super().__init__()
        self._left = STEPS_MAX

    def visit(self, node: Any, *args: Any, **kwargs: Any) -> Any:
        found = super().visit(node, *args, **kwargs)
        self._spend(1 + _size(found))
        return found

    def visit_function_expression(self, node: Any, value: Any) -> Any:
        given = [self.visit(child, value) for child in node["children"]]
        if node["value"] in WALKING:
            self._walk(given)
            if node["value"] == "join" and len(given) == 2 and isinstance(given[0], str) and isinstance(given[1], list):
                self._spend(len(given[0]) * len(given[1]) // CHARACTERS_A_STEP)
        return super().visit_function_expression(_knowing(node, *given), None)

    def visit_comparator(self, node: Any, value: Any) -> Any:
        left, right = (self.visit(child, value) for child in node["children"])
        if isinstance(left, list | dict) and isinstance(right, list | dict):
            self._walk([left, right])
        return super().visit_comparator(_knowing(node, left, right), None)

    def visit_flatten(self, node: Any, value: Any) -> Any:
        base = self.visit(node["children"][0], value)
        if isinstance(base, list):
            self._spend(sum(len(one) for one in base if isinstance(one, list)) // ITEMS_A_STEP)
        return super().visit_flatten(_knowing(node, base), None)

    def _walk(self, value: Any) -> None:
        waiting = [value]
        while waiting:
            one = waiting.pop()
            self._spend(1 + (len(one) // CHARACTERS_A_STEP if isinstance(one, str) else 0))
            waiting += one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()

    def _spend(self, steps: int) -> None:
        self._left -= steps
        if self._left < 0:
            raise Unselectable("it takes too much work on this answer; choose less, or a simpler way")


def _size(value: Any) -> int:
    if isinstance(value, str):
        return len(value) // CHARACTERS_A_STEP
    return len(value) // ITEMS_A_STEP if isinstance(value, list | dict) else 0


def _knowing(node: Any, *values: Any) -> Any:
    """The same node, whose children are values that are known."""
    return {**node, "children": [{"type": "literal", "value": one, "children": []} for one in values]}


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
    waiting, values, characters = [chosen], STEPS_MAX, TEXT_CHARACTERS_MAX
    while waiting:
        value = waiting.pop()
        values -= 1
        if isinstance(value, dict):
            characters -= sum(map(len, value))
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, str):
            characters -= len(value)
        if values < 0 or characters < 0:
            raise Unselectable("it gives more than can be answered; choose less")
