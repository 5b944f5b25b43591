"""JSONPath (RFC 9535) over a tree, by jsonpath-rfc9535, with its work bounded.

The package reads an expression and knows its rules. What could take for ever is done here: every value that a segment
looks at is a step of `Work`, in filters too; values compared as a whole cost as much as they hold; `match` and `search`
run in time linear in the text; and the list of what a query in a filter selects is never longer than FILTER_NODES_MAX.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, TypeAlias

from jsonpath_rfc9535 import JSONPathEnvironment, JSONPathNode, JSONPathNodeList, JSONPathQuery, Parser
from jsonpath_rfc9535.filter_expressions import (
    ComparisonExpression,
    Expression,
    FilterContext,
    FilterExpressionLiteral,
    FilterQuery,
)
from jsonpath_rfc9535.function_extensions import ExpressionType, FilterFunction
from jsonpath_rfc9535.segments import JSONPathChildSegment, JSONPathRecursiveDescentSegment, JSONPathSegment
from jsonpath_rfc9535.selectors import IndexSelector, JSONPathSelector, NameSelector
from jsonpath_rfc9535.tokens import TokenStream

from gateway.core.pattern import compile_pattern
from gateway.core.prose import plain
from gateway.core.work import Work, WorkExceeded

Location: TypeAlias = tuple[str | int, ...]

TARGET_CHARACTERS_MAX = 1_000
FILTER_NODES_MAX = 20_000
# A pattern may stand in the document. Each is compiled once, and kept.
PATTERN_STEPS = 20_000


class PathBroken(Exception):
    """It is no JSONPath, or one that asks for too much. Says so in a sentence."""


class Paths(JSONPathEnvironment):
    """Looks expressions up in trees, all of them within the same `Work`."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.parser_class = _Parser
        super().__init__()

    def setup_function_extensions(self) -> None:
        super().setup_function_extensions()
        self.function_extensions["match"] = _Regex(self.work, "^(?:", ")$")
        self.function_extensions["search"] = _Regex(self.work, "", "")

    def locate(self, expression: str, tree: Any, nodes_max: int) -> list[tuple[Location, Any]]:
        """Where everything stands that the expression selects, and what stands there; a node may be there twice.
        Raises PathBroken or WorkExceeded."""
        if len(expression) > TARGET_CHARACTERS_MAX:
            raise PathBroken(f"it is longer than {TARGET_CHARACTERS_MAX} characters.")
        try:
            nodes = list(islice(self.compile(expression).finditer(tree), nodes_max + 1))
        except (PathBroken, WorkExceeded):
            raise
        except Exception as error:  # whatever the package makes of foreign text: JSONPathError, RecursionError, others
            raise PathBroken(f"it is no JSONPath: {plain(str(error), 200) or type(error).__name__}.") from error
        if len(nodes) > nodes_max:
            raise PathBroken(f"it selects more than {nodes_max} nodes.")
        return [(node.location, node.value) for node in nodes]


class _Parser(Parser):
    """Puts the bounded kinds of segments, queries and comparisons in the place of the package's own."""

    env: Paths

    def parse_query(self, stream: TokenStream, *, in_filter: bool = False) -> Iterable[JSONPathSegment]:
        for segment in super().parse_query(stream, in_filter=in_filter):
            is_descent = isinstance(segment, JSONPathRecursiveDescentSegment)
            yield (_Descent if is_descent else _Child)(env=self.env, token=segment.token, selectors=segment.selectors)

    def parse_root_query(self, stream: TokenStream) -> Expression:
        return _held(super().parse_root_query(stream))

    def parse_relative_query(self, stream: TokenStream) -> Expression:
        return _held(super().parse_relative_query(stream))

    def parse_infix_expression(self, stream: TokenStream, left: Expression) -> Expression:
        told = super().parse_infix_expression(stream, left)
        if isinstance(told, ComparisonExpression):
            sides = (told.left, told.right)
            if not any(isinstance(side, FilterExpressionLiteral) for side in sides):
                told.left, told.right = (_Weighed(side, self.env.work) for side in sides)
        return told


class _Child(JSONPathChildSegment):
    """`.name`, `[...]`."""

    env: Paths

    def resolve(self, nodes: Iterable[JSONPathNode]) -> Iterator[JSONPathNode]:
        for node in nodes:
            yield from _select(self.selectors, node, self.env.work)


class _Descent(JSONPathRecursiveDescentSegment):
    """`..name`, `..[...]`: parents before their children, in the order of the document, to any depth."""

    env: Paths

    def resolve(self, nodes: Iterable[JSONPathNode]) -> Iterator[JSONPathNode]:
        for node in nodes:
            waiting = [node]
            while waiting:
                one = waiting.pop()
                yield from _select(self.selectors, one, self.env.work)
                self.env.work.spend(_width(one.value))
                waiting += reversed(list(_containers(one)))


class _Query(JSONPathQuery):
    """A query in a filter: the package holds the whole list of what it selects, once for every node that it tests."""

    def find(self, value: Any) -> JSONPathNodeList:
        nodes = JSONPathNodeList(islice(self.finditer(value), FILTER_NODES_MAX + 1))
        if len(nodes) > FILTER_NODES_MAX:
            raise PathBroken(f"a query in its filter selects more than {FILTER_NODES_MAX} nodes.")
        return nodes


class _Weighed(Expression):
    """One side of a comparison of two values of the document: objects and lists are compared as a whole."""

    def __init__(self, side: Expression, work: Work) -> None:
        super().__init__(side.token)
        self._side = side
        self._work = work

    def evaluate(self, context: FilterContext) -> object:
        value = self._side.evaluate(context)
        for one in value.values() if isinstance(value, JSONPathNodeList) else [value]:
            self._work.walk(one)
        return value


class _Regex(FilterFunction):
    """`match` and `search` (RFC 9535 sections 2.4.6 and 2.4.7). What is no pattern matches nothing."""

    arg_types: list[ExpressionType] = [ExpressionType.VALUE, ExpressionType.VALUE]  # noqa: RUF012 - as the package has it
    return_type = ExpressionType.LOGICAL

    def __init__(self, work: Work, before: str, behind: str) -> None:
        self._work = work
        self._before = before
        self._behind = behind
        self._compiled: dict[str, Callable[[str], bool] | None] = {}

    def __call__(self, text: object, pattern: object) -> bool:
        if not isinstance(text, str) or not isinstance(pattern, str):
            return False
        if pattern not in self._compiled:
            self._work.spend(PATTERN_STEPS)
            self._compiled[pattern] = compile_pattern(f"{self._before}{pattern}{self._behind}")
        self._work.spend(1 + len(text))
        found = self._compiled[pattern]
        return found is not None and found(text)


def _held(expression: Expression) -> Expression:
    if isinstance(expression, FilterQuery):
        expression.query = _Query(env=expression.query.env, segments=expression.query.segments)
    return expression


def _select(selectors: Iterable[JSONPathSelector], node: JSONPathNode, work: Work) -> Iterator[JSONPathNode]:
    for selector in selectors:
        is_single = isinstance(selector, NameSelector | IndexSelector)
        work.spend(1 if is_single else 1 + _width(node.value))
        yield from selector.resolve(node)


def _containers(node: JSONPathNode) -> Iterator[JSONPathNode]:
    value = node.value
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return (node.new_child(one, key, node) for key, one in pairs if isinstance(one, dict | list))


def _width(value: object) -> int:
    return len(value) if isinstance(value, dict | list) else 0
