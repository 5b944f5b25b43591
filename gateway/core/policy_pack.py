"""Packs that have to be told what they are about: a limit on an argument of one tool, a connector for some tenants. Writes the
Cedar text and the case table that goes with it; reads and writes no file."""

import json
import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from typing import Any

from msgspec import Struct

from gateway.core.policy_context import DECIMAL_MAX, DECIMAL_PLACES, LONG_MAX, LONG_MIN
from gateway.core.policy_schema import Kind, argument_kinds
from gateway.core.policy_text import ID_CHARACTERS_MAX
from gateway.core.tool import Tool

OTHERS = '@id("others") permit (principal, action, resource);'
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NO_ID = re.compile(r"[^A-Za-z0-9._-]+")
# Above this a float no longer tells ten-thousandths apart.
_FINE_MAX = 10**10
# So many decimal digits survive a double (IEEE 754 binary64), which is what programs make of numbers in JSON.
_DIGITS_MAX = 15


class Unwritable(Exception):
    """What a pack was told makes no sense: a sentence that says what would."""


class Pack(Struct, frozen=True):
    """A policy file and the table beside it, without their endings in `name`."""

    name: str
    policy: str
    cases: str


def limit_amount(tool: Tool, argument: str, most: str, approver: str | None = None) -> Pack:
    """A limit on a number among a tool's arguments (`payment.amount`): above it, and where it is left out, the call is denied, or
    needs the approval of `approver` ("": whoever may decide). Raises Unwritable."""
    path = argument.split(".")
    if approver is not None and not approver.isprintable():
        raise Unwritable("Name the approvers in characters that can be printed.")
    kinds = _walk(argument_kinds(tool), path, tool.name)
    limit = _limit(most, kinds[-1][0])
    name = _id(f"amount-limit-{tool.name}-{argument}")
    said = f"{tool.name} may be called with {argument} up to {limit:f} only"
    scope = f'(principal, action == Action::"{tool.name}", resource)'
    within = " && ".join((*_guards(path, kinds), _compare(path, limit, kinds[-1][0])))
    if approver is None:
        policy = f"forbid {scope}\nunless {{ {within} }};"
        reason, over = f"{said}.", "deny"
    else:
        policy = f"permit {scope}\nwhen {{ context.in_scope }}\nunless {{ {within} }};"
        reason, over = f"{said}, unless a person says yes.", "needs_approval"
    asked = [f"@needs_approval({_quote(approver)})"] if approver is not None else []
    lines = [f'@id("{name}")', f"@reason({_quote(reason)})", *asked, policy]
    decided = [name] if approver is None else [name, "others"]
    above = limit + (1 if kinds[-1][0] == "Long" or abs(limit) > _FINE_MAX else Decimal("0.0001"))
    cases = [
        _case("At the limit the call goes through", tool, path, limit, "allow", ["others"]),
        _case("Above it, it does not", tool, path, above, over, decided),
    ]
    if not all(required for _, required in kinds):
        cases.append(_case("Nor where nobody says how much", tool, path, None, over, decided))
    return Pack(name, _policy_text(lines), _table(tool, path, kinds, cases))


def keep_to_tenants(connector: str, tenants: Sequence[str]) -> Pack:
    """A connector that all tenants share, for these tenants alone. Raises Unwritable."""
    if not tenants or not all(tenant and tenant.isprintable() for tenant in tenants):
        raise Unwritable("Name at least one tenant, in characters that can be printed.")
    name = _id(f"tenants-of-{connector}")
    named = ", ".join(f"Tenant::{_quote(tenant)}" for tenant in tenants)
    reason = f"{connector} is not for your tenant."
    policy = f'forbid (principal, action, resource in Connector::"{connector}")\nunless {{ principal in [{named}] }};'
    tool = {"name": "one_of_its_tools", "connector": connector, "effect": "read"}
    cases = [
        {"name": f"{tenant} may use it", "principal": {"tenant": tenant}, "expect": "allow", "policies": ["others"]}
        for tenant in tenants
    ]
    stranger = {"tenant": f"not-{'-'.join(tenants)}"}
    cases.append({"name": "Nobody else may", "principal": stranger, "expect": "deny", "policies": [name]})
    told = [json.dumps({**case, "tool": tool["name"]}, ensure_ascii=False) for case in cases]
    text = _policy_text([f'@id("{name}")', f"@reason({_quote(reason)})", policy])
    return Pack(name, text, _table_text([json.dumps(tool)], told))


def _walk(kind: Kind, path: Sequence[str], tool: str) -> list[tuple[str, bool]]:
    """The Cedar type of each step, and whether it has to be there."""
    found: list[tuple[str, bool]] = []
    for step in path:
        member = kind.members.get(step)
        if member is None:
            there = ", ".join(sorted(kind.members)[:20]) or "none"
            raise Unwritable(
                f"{tool} has no argument {'.'.join(path)} that a policy could read; at {step!r} there are {there}."
            )
        kind = member.kind
        found.append((kind.name, member.required))
    if found[-1][0] not in ("Long", "decimal"):
        raise Unwritable(f"The argument {'.'.join(path)} of {tool} is no number that a policy could compare.")
    return found


def _limit(told: str, kind: str) -> Decimal:
    try:
        limit = Decimal(told)
        exponent = int(limit.as_tuple().exponent)
    except (InvalidOperation, ValueError):
        raise Unwritable(f"{told!r} is no number.") from None
    if kind == "Long" and (limit != limit.to_integral_value() or not LONG_MIN <= limit < LONG_MAX):
        raise Unwritable("The argument is an integer, so its limit is an integer of 64 bits.")
    if kind == "decimal" and (exponent < -DECIMAL_PLACES or abs(limit) >= DECIMAL_MAX):
        raise Unwritable(f"A limit has at most {DECIMAL_PLACES} decimal places and is below {DECIMAL_MAX}.")
    if kind == "decimal" and len(limit.as_tuple().digits) > _DIGITS_MAX:
        raise Unwritable(f"A limit has at most {_DIGITS_MAX} digits: a number in JSON holds no more for sure.")
    return limit if kind == "decimal" else limit.to_integral_value()


def _guards(path: Sequence[str], kinds: Sequence[tuple[str, bool]]) -> list[str]:
    return [
        f"{_read(path[:depth])} has {_quote(step)}"
        for depth, (step, (_, required)) in enumerate(zip(path, kinds, strict=True))
        if not required
    ]


def _compare(path: Sequence[str], limit: Decimal, kind: str) -> str:
    """As Cedar compares: an integer, or a decimal, which has at least one place."""
    if kind == "Long":
        return f"{_read(path)} <= {limit:f}"
    places = f"{limit:f}"
    return f'{_read(path)}.lessThanOrEqual(decimal("{places if "." in places else places + ".0"}"))'


def _read(path: Sequence[str]) -> str:
    steps = (f".{step}" if _IDENTIFIER.fullmatch(step) else f"[{_quote(step)}]" for step in path)
    return "context.arguments" + "".join(steps)


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _id(text: str) -> str:
    """At most ID_CHARACTERS_MAX characters that an @id may have, and another for another text."""
    name = _NO_ID.sub("-", text)
    if name == text and len(name) <= ID_CHARACTERS_MAX:
        return name
    return f"{name[: ID_CHARACTERS_MAX - 9]}-{sha256(text.encode()).hexdigest()[:8]}"


def _policy_text(lines: Sequence[str]) -> str:
    return "// Written by `factotum policy pack`.\n" + "\n".join(lines) + "\n"


def _case(name: str, tool: Tool, path: Sequence[str], value: Decimal | None, expect: str, policies: list[str]) -> str:
    arguments = "{}" if value is None else f"{value:f}"
    for step in reversed(path) if value is not None else ():
        arguments = f"{{{_quote(step)}: {arguments}}}"
    told = json.dumps({"name": name, "tool": tool.name, "expect": expect, "policies": policies}, ensure_ascii=False)
    return f'{told[:-1]}, "arguments": {arguments}}}'


def _table(tool: Tool, path: Sequence[str], kinds: Sequence[tuple[str, bool]], cases: Sequence[str]) -> str:
    schema: dict[str, Any] = {"type": "integer" if kinds[-1][0] == "Long" else "number"}
    for step, (_, required) in list(zip(path, kinds, strict=True))[:0:-1]:
        schema = {"type": "object", "properties": {step: schema}, "required": [step] if required else []}
    told: dict[str, Any] = {"name": tool.name, "connector": tool.connector, "effect": tool.effect}
    told |= {"arguments": {path[0]: schema}, "required": [path[0]] if kinds[0][1] else []}
    return _table_text([json.dumps(told, ensure_ascii=False)], cases)


def _table_text(tools: Sequence[str], cases: Sequence[str]) -> str:
    lines = ["# Written by `factotum policy pack`.", f"also: {json.dumps(OTHERS)}", "tools:"]
    lines += [f"  - {tool}" for tool in tools]
    lines += ["cases:", *(f"  - {case}" for case in cases)]
    return "\n".join(lines) + "\n"
