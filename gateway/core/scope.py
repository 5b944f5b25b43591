"""Scopes: which ones a tool needs, and which a caller lacks. AND within an alternative, OR between alternatives."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from types import MappingProxyType

from gateway.core.tool import Effect

Alternatives = tuple[frozenset[str], ...]
Implied = Mapping[str, frozenset[str]]

_NO_NAMES: Mapping[str, str] = MappingProxyType({})


def default_scope(connector: str, effect: Effect) -> str:
    """The scope of an operation whose document names none."""
    return f"{connector}:read" if effect == "read" else f"{connector}:write"


def scopes_of(
    connector: str, effect: Effect, security: Sequence[Iterable[str]], names: Mapping[str, str] = _NO_NAMES
) -> Alternatives:
    """The alternatives of a tool, from those of its operation: the scope names of each security requirement (OAS 3.1
    section 4.8.30), all schemes of a requirement together; `names` are what some are called here. One that names none, and
    no requirement at all, means the default scope. Alternatives that ask for more than another are left out; none is ever
    empty."""
    default = frozenset({default_scope(connector, effect)})
    named = {
        frozenset(f"{connector}:{names.get(scope, scope)}" for scope in alternative) or default
        for alternative in security
    }
    asked = named or {default}
    least = [one for one in asked if not any(other < one for other in asked)]
    return tuple(sorted(least, key=sorted))


def missing_scopes(needed: Alternatives, held: AbstractSet[str]) -> tuple[str, ...]:
    """() where one alternative is held whole. Else all the scopes of the alternative that lacks the fewest: a step-up
    names everything the operation needs, held or not (RFC 6750 section 3.1)."""
    if any(alternative <= held for alternative in needed):
        return ()
    nearest = min(needed, key=lambda alternative: (len(alternative - held), sorted(alternative)))
    return tuple(sorted(nearest))


def imply(connector: str, told: Mapping[str, Iterable[str]]) -> dict[str, frozenset[str]]:
    """What each scope of a connector holds besides itself, through every step; in a circle all hold one another."""
    implied: dict[str, frozenset[str]] = {}
    for scope in told:
        reached, coming = {scope}, list(told[scope])
        while coming:
            one = coming.pop()
            if one not in reached:
                reached.add(one)
                coming += told.get(one, ())
        implied[f"{connector}:{scope}"] = frozenset(f"{connector}:{one}" for one in reached)
    return implied


def with_implied(held: frozenset[str], implied: Implied) -> frozenset[str]:
    """The scopes that are held, and those that they hold."""
    more = [implied[scope] for scope in held if scope in implied] if implied else []
    return held.union(*more) if more else held


def expand_scopes(asked: Iterable[str], known: AbstractSet[str]) -> frozenset[str]:
    """`home:*` becomes every known scope of home; one that comes later is not granted by it. Raises ValueError with a
    sentence for whoever asked."""
    granted: set[str] = set()
    for scope in asked:
        connector, _, rest = scope.partition(":")
        if not connector or not rest:
            raise ValueError(f"{scope!r} is no scope; write connector:scope, or connector:* for all it has now.")
        matched = {one for one in known if one.startswith(f"{connector}:")} if rest == "*" else {scope}
        if not matched:
            raise ValueError(f"No connector named {connector!r} has any scope.")
        granted |= matched
    return frozenset(granted)
