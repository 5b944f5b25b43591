"""What a policy may read: the Cedar schema, generic for all tools and typed for those that some policy names; and arguments
as Cedar values of those types. Values in, values out."""

import json
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec
from msgspec import Struct

from gateway.core.tool import Tool

LEVELS_MAX = 4
ATTRIBUTES_MAX = 500
DECIMAL_PLACES = 4
LONG_MIN, LONG_MAX = -(2**63), 2**63 - 1
# Cedar's decimal is a 64-bit integer of ten-thousandths.
DECIMAL_MAX = Decimal(LONG_MAX).scaleb(-DECIMAL_PLACES)

# INVARIANT: policies/factotum.cedarschema is this text; a test holds it.
GENERIC = """\
// What every policy may rely on. An action of its own for each tool is a member of the action of its effect:
// `action in Action::"write"` is every tool that writes, `action == Action::"home_set_light"` is that tool alone.
entity Tenant;
entity Group in [Tenant];
entity Agent in [Group, Tenant] = {
  tenant: String,
  subject: String,
  client: String,
  method: String,
  scopes: Set<String>,
  groups: Set<String>,
};
entity Connector;
entity Tool in [Connector] = {
  connector: String,
  effect: String,
  deprecated: Bool,
};

// `now` is seconds since 1970; `hour` is 0 to 23 and `weekday` 1 (Monday) to 7, both in UTC. `in_scope`: the caller holds
// the scopes that the tool needs. `door` is how the call came in: "mcp", "rest" or "cli".
type Facts = {
  now: Long,
  hour: Long,
  weekday: Long,
  door: String,
  in_scope: Bool,
};

action "read" appliesTo { principal: [Agent], resource: [Tool], context: Facts };
action "write" appliesTo { principal: [Agent], resource: [Tool], context: Facts };
// What is destructive is a write too: whoever forbids writing forbids destroying.
action "destructive" in ["write"] appliesTo { principal: [Agent], resource: [Tool], context: Facts };
"""
FACTS = "now: Long, hour: Long, weekday: Long, door: String, in_scope: Bool"


class Kind(Struct, frozen=True):
    """A Cedar type: `String`, `Long`, `Bool`, `decimal`, `Set` (of `item`) or `Record` (of `members`)."""

    name: str
    item: "Kind | None" = None
    members: tuple[tuple[str, "Kind", bool], ...] = ()


class Unrepresentable(Exception):
    """An argument that Cedar cannot hold exactly, so that no policy can be trusted to judge it."""

    def __init__(self, argument: str) -> None:
        super().__init__(argument)
        self.argument = argument


def schema_text(named: Iterable[Tool]) -> str:
    """The schema for policies that name these tools: the generic part, and an action with typed arguments for each."""
    return GENERIC + "".join(_action(tool) for tool in named)


def argument_kinds(tool: Tool) -> Kind:
    """The types of a tool's arguments, as far as Cedar has one for them; what it has none for, no policy can read."""
    schema = msgspec.json.decode(tool.input_schema)
    return _record(schema, schema.get("$defs", {}), LEVELS_MAX)


def to_cedar(value: object, kind: Kind, argument: str = "arguments") -> Any:
    """A JSON value as Cedar's JSON form of that type. Members that the type does not have are left out, and so is null.
    Raises Unrepresentable where a value is there and cannot be said exactly."""
    match kind.name, value:
        case "Record", dict():
            return {
                name: to_cedar(value[name], member, name if argument == "arguments" else argument)
                for name, member, _ in kind.members
                if value.get(name) is not None
            }
        case "Set", list() if kind.item is not None:
            return [to_cedar(item, kind.item, argument) for item in value]
        case "String", str() if value.isprintable() or value.isascii() or _encodable(value):
            return value
        case "Bool", bool():
            return value
        case "Long", int() if not isinstance(value, bool) and LONG_MIN <= value <= LONG_MAX:
            return value
        case "Long", float() if value.is_integer() and LONG_MIN <= value <= LONG_MAX:
            return int(value)
        case "decimal", int() | float() if not isinstance(value, bool):
            return {"__extn": {"fn": "decimal", "arg": _decimal(value, argument)}}
        case _:
            raise Unrepresentable(argument)


def _decimal(value: float, argument: str) -> str:
    """Four places at most. More cannot be rounded without letting somebody slip under one limit or over another."""
    try:
        exact = Decimal(repr(value))
        scaled = exact.quantize(Decimal(1).scaleb(-DECIMAL_PLACES))
    except InvalidOperation as error:
        raise Unrepresentable(argument) from error
    if scaled != exact or abs(exact) > DECIMAL_MAX:
        raise Unrepresentable(argument)
    return f"{scaled:f}"


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _action(tool: Tool) -> str:
    arguments = _say(argument_kinds(tool))
    context = f"{{ {FACTS}, arguments: {arguments} }}"
    return (
        f'action {json.dumps(tool.name)} in ["{tool.effect}"] appliesTo '
        f"{{ principal: [Agent], resource: [Tool], context: {context} }};\n"
    )


def _say(kind: Kind) -> str:
    match kind:
        case Kind(name="Set", item=Kind() as item):
            return f"Set<{_say(item)}>"
        case Kind(name="Record", members=members):
            told = (f"{json.dumps(name)}{'' if required else '?'}: {_say(one)}" for name, one, required in members)
            return "{ " + ", ".join(told) + " }"
        case _:
            return kind.name


_SCALARS = {"string": Kind("String"), "integer": Kind("Long"), "boolean": Kind("Bool"), "number": Kind("decimal")}


def _kind(schema: Any, definitions: Mapping[str, Any], left: int) -> Kind | None:
    """The Cedar type of a schema, where it has one."""
    if isinstance(schema, dict) and isinstance(schema.get("$ref"), str):
        schema = definitions.get(schema["$ref"].removeprefix("#/$defs/"))
    if not isinstance(schema, dict) or left == 0:
        return None
    declared = schema.get("type")
    kinds = [one for one in (declared if isinstance(declared, list) else [declared]) if one != "null"]
    if len(kinds) != 1:
        return None
    if kinds[0] == "array":
        item = _kind(schema.get("items"), definitions, left - 1)
        return Kind("Set", item=item) if item is not None else None
    if kinds[0] == "object":
        return _record(schema, definitions, left - 1)
    return _SCALARS.get(str(kinds[0]))


def _record(schema: Mapping[str, Any], definitions: Mapping[str, Any], left: int) -> Kind:
    members = []
    for name, one in list(schema.get("properties", {}).items())[:ATTRIBUTES_MAX]:
        kind = _kind(one, definitions, left)
        if kind is not None and name.isprintable():
            nullable = isinstance(one, dict) and isinstance(one.get("type"), list) and "null" in one["type"]
            members.append((name, kind, name in schema.get("required", ()) and not nullable))
    return Kind("Record", members=tuple(members))
