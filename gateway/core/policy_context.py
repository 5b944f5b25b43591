"""What Cedar is told of one call: entities, facts and arguments, as Cedar's JSON. Judges nothing."""

import math
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from msgspec import Struct

from gateway.core.policy_schema import Kind
from gateway.core.principal import Principal
from gateway.core.tool import Tool

DECIMAL_PLACES = 4
LONG_MIN, LONG_MAX = -(2**63), 2**63 - 1
# Cedar's decimal is a 64-bit integer of ten-thousandths; a little less than all of it is used.
DECIMAL_MAX = LONG_MAX // 10**DECIMAL_PLACES
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

Json = dict[str, Any]


Source = Literal["call", "intent", "standing intent"]


class Facts(Struct, frozen=True):
    """What a policy may know beside who asks for what: when (aware), through which door, whether the scopes suffice; whether
    somebody calls, or a step of an intent does, and of which; and the labels of the data that the arguments are made of."""

    now: datetime
    door: str
    in_scope: bool
    source: Source = "call"
    intent: str = ""
    labels: frozenset[str] = frozenset()


class Unrepresentable(Exception):
    """A value that Cedar cannot hold exactly, so that no policy can be trusted to judge it: that of `argument`."""

    def __init__(self, argument: str = "") -> None:
        super().__init__(argument)
        self.argument = argument


def tell_facts(facts: Facts, wanted: Collection[str]) -> Json:
    """Those facts that are wanted."""
    return {name: tell(facts) for name, tell in _TELL.items() if name in wanted}


_TELL: Mapping[str, Callable[[Facts], object]] = {
    "now": lambda facts: (facts.now - _EPOCH) // _MILLISECOND,
    "hour": lambda facts: facts.now.astimezone(UTC).hour,
    "weekday": lambda facts: facts.now.astimezone(UTC).isoweekday(),
    "door": lambda facts: facts.door,
    "in_scope": lambda facts: facts.in_scope,
    "source": lambda facts: facts.source,
    "intent": lambda facts: facts.intent,
    "labels": lambda facts: sorted(facts.labels),
}


def tell_arguments(arguments: Mapping[str, object], kinds: Kind, wanted: Collection[str]) -> Json:
    """Those arguments that are wanted, are there and have a Cedar type. Null is as if it were not there.
    Raises Unrepresentable."""
    told: Json = {}
    for name, member in kinds.members.items():
        if name in wanted and arguments.get(name) is not None:
            try:
                told[name] = _tell(arguments[name], member.kind)
            except Unrepresentable as error:
                raise Unrepresentable(name) from error
    return told


def _tell(value: object, kind: Kind) -> object:
    match kind.name, value:
        case "Record", dict():
            present = ((name, one) for name, one in kind.members.items() if value.get(name) is not None)
            return {name: _tell(value[name], one.kind) for name, one in present}
        case "Set", list() if kind.item is not None:
            return [_tell(item, kind.item) for item in value]
        case "String", str() if _is_encodable(value):
            return value
        case "Bool", bool():
            return value
        case "Long", int() | float() if not isinstance(value, bool):
            return _long(value)
        case "decimal", int() | float() if not isinstance(value, bool):
            return {"__extn": {"fn": "decimal", "arg": _decimal(value)}}
        case _:
            raise Unrepresentable


def _long(value: float) -> int:
    """JSON Schema takes 5.0 for an integer (2020-12 section 4.2.3), and so do we."""
    if not LONG_MIN <= value <= LONG_MAX or value != int(value):
        raise Unrepresentable
    return int(value)


def _decimal(value: float) -> str:
    """Four places, and never rounded: whichever way it went, it would slip under one limit or over another."""
    if not math.isfinite(value) if isinstance(value, float) else abs(value) > DECIMAL_MAX:
        raise Unrepresentable
    exact = Decimal(repr(value))
    if abs(exact) > DECIMAL_MAX or int(exact.as_tuple().exponent) < -DECIMAL_PLACES:
        raise Unrepresentable
    return f"{exact:.{DECIMAL_PLACES}f}"


def _is_encodable(text: str) -> bool:
    """A lone surrogate is text to JSON and to Python, and none to Cedar."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def agent(principal: Principal) -> Json:
    """`Agent::"<tenant>/<subject>"`, and with `|<issuer>` after the tenant where there is one: a name is somebody else's
    where another vouches for it."""
    voucher = f"|{_escape(principal.issuer)}" if principal.issuer else ""
    return {"type": "Agent", "id": f"{_escape(principal.tenant)}{voucher}/{principal.subject}"}


def memberships(principal: Principal) -> list[Json]:
    """The caller, its groups and, last, its tenant: all that it is in."""
    tenant = _escape(principal.tenant)
    groups = ({"type": "Group", "id": f"{tenant}/{group}"} for group in sorted(principal.groups))
    return [agent(principal), *groups, {"type": "Tenant", "id": principal.tenant}]


def tell_entities(principal: Principal, tool: Tool, owner: str = "") -> list[Json]:
    """The caller with its groups and tenant, the tool with its connector and the tenant that owns it ("" where all share it),
    and the action with that of its effect."""
    caller, *groups, tenant = memberships(principal)
    connector = {"type": "Connector", "id": tool.connector}
    return [
        _entity(caller, [*groups, tenant], _agent_attributes(principal)),
        *(_entity(group, [tenant]) for group in groups),
        _entity(tenant),
        _entity({"type": "Tool", "id": tool.name}, [connector], _tool_attributes(tool)),
        _entity(connector, [{"type": "Tenant", "id": owner}] if owner else []),
        *([_entity({"type": "Tenant", "id": owner})] if owner not in ("", principal.tenant) else []),
        _entity({"type": "Action", "id": tool.name}, [{"type": "Action", "id": tool.effect}]),
        _entity({"type": "Action", "id": "destructive"}, [{"type": "Action", "id": "write"}]),
    ]


def _entity(uid: Json, parents: Collection[Json] = (), attributes: Json | None = None) -> Json:
    return {"uid": uid, "attrs": attributes or {}, "parents": list(parents)}


def _agent_attributes(principal: Principal) -> Json:
    return {
        "tenant": principal.tenant,
        "subject": principal.subject,
        "client": principal.client,
        "method": principal.method,
        "issuer": principal.issuer,
        "actors": sorted(set(principal.actors)),
        "scopes": sorted(principal.scopes),
        "groups": sorted(principal.groups),
    }


def _tool_attributes(tool: Tool) -> Json:
    return {
        "connector": tool.connector,
        "effect": tool.effect,
        "deprecated": tool.deprecated,
        "tags": sorted(set(tool.tags)),
    }


def _escape(name: str) -> str:
    """So that the tenant `a` with `b/c` in it is never the tenant `a/b` with `c` in it."""
    return name.replace("%", "%25").replace("/", "%2F").replace("|", "%7C")
