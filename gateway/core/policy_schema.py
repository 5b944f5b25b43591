"""What a policy may read: the published Cedar schema, and on top of it an action with typed arguments for each tool
that some policy names. Types only: values are made in policy_context."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from gateway.core.tool import Tool

EFFECTS = ("read", "write", "destructive")
LEVELS_MAX = 4
ATTRIBUTES_MAX = 500

# INVARIANT: policies/factotum.cedarschema is this text, and AGENT, TOOL and FACTS are its attributes; tests hold it.
GENERIC = """\
// What every policy may rely on. Each tool is an action of its own, a member of the action of its effect:
// `action in Action::"write"` is every tool that writes, `action == Action::"home_set_light"` is that tool alone.
// A policy that names its tools like that may also read `context.arguments`, typed as the tool's input schema says.

// Agent::"<tenant>/<subject>", or Agent::"<tenant>|<issuer>/<subject>" where an authorisation server vouches for the
// subject; Group::"<tenant>/<group>", Tenant::"<tenant>". Before a slash, `%` is written %25, `/` %2F and `|` %7C.
// `method` is "api_key", "oauth" or "local"; `issuer` is "" where there is none. `actors` act for the subject.
entity Tenant;
entity Group in [Tenant];
entity Agent in [Group, Tenant] = {
  tenant: String,
  subject: String,
  client: String,
  method: String,
  issuer: String,
  actors: Set<String>,
  scopes: Set<String>,
  groups: Set<String>,
};

// Tool::"<tool name>" in Connector::"<connector name>" in Tenant::"<tenant>"; a connector that all tenants share is in none.
// `effect` is "read", "write" or "destructive".
entity Connector in [Tenant];
entity Tool in [Connector] = {
  connector: String,
  effect: String,
  deprecated: Bool,
  tags: Set<String>,
};

// `now` is milliseconds since 1970; `hour` is 0 to 23 and `weekday` 1 (Monday) to 7, both in UTC. `door` is how the
// call came in: "mcp", "rest" or "cli". `in_scope`: the caller holds the scopes that the tool needs.
// `source` is "call", or "intent" or "standing intent" where it is a step of one, whose words `intent` then are, and else "".
// `labels` are those of the data that the arguments are made of.
type Facts = {
  now: Long,
  hour: Long,
  weekday: Long,
  door: String,
  in_scope: Bool,
  source: String,
  intent: String,
  labels: Set<String>,
};

action "read" appliesTo { principal: [Agent], resource: [Tool], context: Facts };
action "write" appliesTo { principal: [Agent], resource: [Tool], context: Facts };
// What is destructive is a write too: whoever forbids writing forbids destroying.
action "destructive" in ["write"] appliesTo { principal: [Agent], resource: [Tool], context: Facts };
"""
AGENT = frozenset({"tenant", "subject", "client", "method", "issuer", "actors", "scopes", "groups"})
TOOL = frozenset({"connector", "effect", "deprecated", "tags"})
FACTS = frozenset({"now", "hour", "weekday", "door", "in_scope", "source", "intent", "labels"})
_FACTS = (
    "now: Long, hour: Long, weekday: Long, door: String, in_scope: Bool, source: String, intent: String, "
    "labels: Set<String>"
)


class Kind(Struct, frozen=True):
    """A Cedar type: `String`, `Long`, `Bool`, `decimal`, `Set` (of `item`) or `Record` (of `members`)."""

    name: str
    item: "Kind | None" = None
    members: Mapping[str, "Member"] = {}


class Member(Struct, frozen=True):
    """An attribute of a record. One that may be null is not required: null is no value to Cedar."""

    kind: Kind
    required: bool


def schema_text(named: Iterable[Tool], absent: Iterable[str] = ()) -> str:
    """The schema for policies that name these tools: the generic part, an action with typed arguments for each of them,
    and one with no arguments in place of each that is not there."""
    actions = [_action(tool.name, tool.effect, argument_kinds(tool)) for tool in named]
    return GENERIC + "".join(actions) + "".join(_action(name, "write", None) for name in absent)


def argument_kinds(tool: Tool) -> Kind:
    """The types of a tool's arguments, as far as Cedar has one for them; what it has none for, no policy can read.
    At most LEVELS_MAX levels deep and ATTRIBUTES_MAX attributes in all."""
    schema = msgspec.json.decode(tool.input_schema)
    return _Reader(schema.get("$defs", {})).record(schema, LEVELS_MAX)


def _action(name: str, effect: str, arguments: Kind | None) -> str:
    context = "Facts" if arguments is None else f"{{ {_FACTS}, arguments: {_say(arguments)} }}"
    applies = f"{{ principal: [Agent], resource: [Tool], context: {context} }}"
    return f'action {_quote(name)} in ["{effect}"] appliesTo {applies};\n'


def _say(kind: Kind) -> str:
    match kind:
        case Kind(name="Set", item=Kind() as item):
            return f"Set<{_say(item)}>"
        case Kind(name="Record", members=members):
            told = (f"{_quote(name)}{'' if one.required else '?'}: {_say(one.kind)}" for name, one in members.items())
            return "{ " + ", ".join(told) + " }"
        case _:
            return kind.name


def _quote(name: str) -> str:
    """A name as Cedar writes it. Only printable ones come here: Cedar's escapes of others are not those of JSON."""
    return json.dumps(name, ensure_ascii=False)


_SCALARS = {"string": Kind("String"), "integer": Kind("Long"), "boolean": Kind("Bool"), "number": Kind("decimal")}


class _Reader:
    """Reads the types of one input schema, within its allowance of attributes."""

    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self._definitions = definitions
        self._left = ATTRIBUTES_MAX

    def record(self, schema: Mapping[str, Any], levels: int) -> Kind:
        required = schema.get("required", ())
        members: dict[str, Member] = {}
        for name, one in schema.get("properties", {}).items():
            if not _is_sayable(name) or self._left <= 0:
                continue
            self._left -= 1
            kind, nullable = self._kind(one, levels)
            if kind is not None:
                members[name] = Member(kind, name in required and not nullable)
        return Kind("Record", members=members)

    def _kind(self, schema: Any, levels: int) -> tuple[Kind | None, bool]:
        """The Cedar type of a schema, None where it has none, and whether null fits too."""
        told, nullable = self._bare(schema)
        if not isinstance(told, dict) or levels == 0:
            return None, True
        declared = told.get("type")
        kinds = declared if isinstance(declared, list) else [declared]
        proper = [one for one in kinds if one != "null"]
        return (self._of_type(proper[0], told, levels) if len(proper) == 1 else None), nullable or "null" in kinds

    def _bare(self, schema: Any) -> tuple[Any, bool]:
        """What a schema comes down to that only refers to another, or offers null beside it; and whether null fits."""
        nullable = False
        for _ in range(LEVELS_MAX):
            match schema:
                case {"$ref": str() as name}:
                    schema = self._definitions.get(name.removeprefix("#/$defs/"))
                case {"allOf": [only]} if "type" not in schema:
                    schema = only
                case {"anyOf": [one, {"type": "null"}] | [{"type": "null"}, one]} if "type" not in schema:
                    schema, nullable = one, True
        return schema, nullable

    def _of_type(self, declared: str | None, schema: Mapping[str, Any], levels: int) -> Kind | None:
        match declared:
            case "object":
                return self.record(schema, levels - 1)
            case "array":
                item, nullable = self._kind(schema.get("items"), levels - 1)
                return None if item is None or nullable else Kind("Set", item=item)
            case str():
                return _SCALARS.get(declared)
            case _:
                return None


def _is_sayable(name: str) -> bool:
    """Names that start with `__` are Cedar's own: in a value, `__extn` and `__entity` mean something else to it."""
    return name.isprintable() and not name.startswith("__")
