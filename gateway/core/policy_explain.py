"""Why a decision is what it is: each policy that was looked at, taken apart and put to Cedar piece by piece. Decides nothing.

What is said of a policy is in its author's words: no value of an argument and no text of Cedar's is in it.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import cedarpy
import msgspec
from cedarpy import pst
from msgspec import Struct

from gateway.core.policy_context import Facts, Unrepresentable, agent, tell_arguments, tell_entities, tell_facts
from gateway.core.policy_schema import FACTS, argument_kinds
from gateway.core.policy_text import Policy, cedar_set
from gateway.core.principal import Principal
from gateway.core.tool import Tool

LEVELS_BARED_MAX = 5
_ANY = pst.ScopeAny()
# Cedar writes every name in parentheses of its own; texts are passed over.
_BARE = re.compile(r'"(?:[^"\\]|\\.)*"|(?<![\w)])\((\w+(?:\.\w+)*)\)', re.DOTALL)


class Considered(Struct, frozen=True):
    """One policy that was looked at. `applies`: its scope and its conditions are met. Where it does not, `why` says what first
    was not; where that could not be evaluated, the call is denied. `needs_approval` is who has to say yes, None where nobody."""

    id: str
    file: str
    effect: Literal["permit", "forbid"]
    applies: bool
    why: str = ""
    needs_approval: str | None = None
    redact: tuple[str, ...] = ()


class _Piece(NamedTuple):
    """A part of a policy that has to hold, as a permit of its own, and what to say where it does not."""

    template: pst.Template
    otherwise: str


def explain_policies(
    policies: Sequence[Policy],
    principal: Principal,
    tool: Tool,
    arguments: Mapping[str, object],
    facts: Facts,
    owner: str = "",
) -> tuple[Considered, ...]:
    """What became of each of these. The arguments are those that fit the tool's input schema; `owner` is the tenant whose
    connector it is, "" where all share it."""
    pieces = {one.id: list(_pieces(one, number)) for number, one in enumerate(policies)}
    told = {one.id: _readable(one, tool, arguments) for one in policies}
    named = [piece.template for found in pieces.values() for piece in found]
    request = {
        "principal": agent(principal),
        "action": {"type": "Action", "id": tool.name},
        "resource": {"type": "Tool", "id": tool.name},
        "context": _context(policies, tool, arguments, facts, told),
    }
    answer = cedarpy.is_authorized(request, cedar_set(named), json.dumps(tell_entities(principal, tool, owner)))
    held, errors = set(answer.diagnostics.reasons), answer.diagnostics.errors
    failed = {
        one.id
        for one in named
        if any(error.startswith(f"error while evaluating policy `{one.id}`:") for error in errors)
    }
    return tuple(_judge(one, pieces[one.id], told[one.id], held, failed) for one in policies)


def _judge(policy: Policy, pieces: list[_Piece], unreadable: str, held: set[str], failed: set[str]) -> Considered:
    """The pieces in order, as Cedar takes them: what comes after one that does not hold is not looked at."""
    why = ""
    for number, piece in enumerate(pieces):
        if unreadable and number == _SCOPES:
            why = unreadable
        elif piece.template.id in failed:
            why = f"It could not be evaluated: {piece.otherwise}."
        elif piece.template.id not in held:
            why = f"Not so: {piece.otherwise}."
        if why:
            break
    annotations = policy.annotations
    asked = annotations.get("needs_approval")
    approver = (asked or "a person") if asked is not None else None
    return Considered(policy.id, policy.file, policy.template.effect, not why, why, approver, policy.redact)


_SCOPES = 3


def _pieces(policy: Policy, number: int) -> Iterator[_Piece]:
    """Its three scopes, and each condition by itself as far as `&&` parts it. Always more than _SCOPES."""
    told = policy.template
    parts = [
        ((told.principal, _ANY, _ANY), None),
        ((_ANY, told.action, _ANY), None),
        ((_ANY, _ANY, told.resource), None),
        *(((_ANY, _ANY, _ANY), clause) for clause in _conditions(told.clauses)),
    ]
    for index, ((principal, action, resource), clause) in enumerate([*parts, ((_ANY, _ANY, _ANY), None)]):
        clauses = () if clause is None else (clause,)
        template = pst.Template(f"{number}.{index}", "permit", principal, action, resource, clauses, {})
        yield _Piece(template, _say(template, index))


def _conditions(clauses: Iterable[pst.Clause]) -> Iterator[pst.Clause]:
    """`when { a && b }` is `when { a } when { b }`, and `unless { a || b }` likewise."""
    for clause in clauses:
        is_when = isinstance(clause, pst.When)
        for expression in _parted(clause.expr, "and" if is_when else "or"):
            yield pst.When(expression) if is_when else pst.Unless(expression)


def _parted(expression: Any, by: str) -> list[Any]:
    waiting, found = [expression], []
    while waiting:
        one = waiting.pop()
        if isinstance(one, pst.BinaryOp) and one.op == by:
            waiting += (one.right, one.left)
        else:
            found.append(one)
    return found


def _say(template: pst.Template, index: int) -> str:
    """A piece as Cedar writes it: `principal in Group::"acme/staff"`, `when { context.hour < 18 }`."""
    text = str(cedar_set([template])).strip().removesuffix(";")
    scope, _, clause = text.partition(") when {" if ") when {" in text else ") unless {")
    if index >= _SCOPES:
        how = "when" if ") when {" in text else "unless"
        return f"{how} {{{_without_parentheses(clause)}"
    return _scopes(scope)[index]


def _without_parentheses(text: str) -> str:
    """The names in it bare; each step of a path has parentheses of its own."""
    for _ in range(LEVELS_BARED_MAX):
        text = _BARE.sub(lambda found: found[1] or found[0], text)
    return text


def _scopes(text: str) -> list[str]:
    """`permit(principal, action in [...], resource`, at the commas that stand before `action` and `resource`."""
    inside = text.partition("(")[2].removesuffix(")")
    principal, _, rest = inside.partition(", action")
    action, _, resource = rest.rpartition(", resource")
    return [principal, f"action{action}", f"resource{resource}"]


def _readable(policy: Policy, tool: Tool, arguments: Mapping[str, object]) -> str:
    """ "" where Cedar can be told all that this policy reads of the arguments, else a sentence."""
    wanted = _arguments_read(policy)
    if not wanted or tool.name not in policy.actions:
        return ""
    try:
        tell_arguments(arguments, argument_kinds(tool), wanted)
    except Unrepresentable as error:
        return f"It reads the argument {error.argument}, whose value it cannot judge exactly, so the call is denied."
    return ""


def _context(
    policies: Iterable[Policy], tool: Tool, arguments: Mapping[str, object], facts: Facts, unreadable: Mapping[str, str]
) -> str:
    wanted = {
        name for one in policies if tool.name in one.actions and not unreadable[one.id] for name in _arguments_read(one)
    }
    told = tell_arguments(arguments, argument_kinds(tool), wanted) if wanted else {}
    return msgspec.json.encode(tell_facts(facts, FACTS) | {"arguments": told}).decode()


def _arguments_read(policy: Policy) -> set[str]:
    return {path[2] for path in policy.reads if path[:2] == ("context", "arguments") and len(path) > 2}
