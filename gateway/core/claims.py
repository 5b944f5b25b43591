"""Who an access token speaks for: its verified claims, through what its issuer is said to mean by them, as a principal.

What cannot be read gives nothing: no scope, no group. What has to be there and is not gives no principal at all.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gateway.core.access_token import Claims, Rejected
from gateway.core.issuer import Issuer
from gateway.core.pointer import tokens
from gateway.core.principal import Principal
from gateway.core.roles import is_reserved

ACTORS_MAX = 8
NAMES_MAX = 1_000
NAME_CHARACTERS_MAX = 255

# RFC 6749 section 3.3.
_SCOPE_TOKEN = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,255}")


def principal_of(claims: Claims, issuer: Issuer, client: str = "") -> Principal:
    """The principal that a token names; through `client`, or else the one that it names too. Raises Rejected."""
    names = issuer.claims
    client = client or next(filter(None, (_name(claims, place) for place in names.client)), "")
    subject = _name(claims, names.subject)
    if not subject or not client:
        lacking = names.subject if not subject else " or ".join(names.client)
        raise Rejected(f"it has no `{lacking}`")
    groups = _groups(_first(claims, names.groups), issuer)
    return Principal(
        tenant=_tenant(claims, issuer),
        subject=subject,
        client=client,
        scopes=_scopes(_first(claims, names.scopes), groups, issuer),
        groups=groups,
        method="oauth",
        issuer=issuer.issuer,
        actors=tuple(_actors(claims.get("act"))),
    )


def name_shown(claims: Claims, subject: str) -> str:
    """What a person is called where nothing but that is meant: whoever is at the issuer may choose it."""
    return next(filter(None, (_name(claims, place) for place in ("preferred_username", "email", "name"))), subject)


def _tenant(claims: Claims, issuer: Issuer) -> str:
    if not issuer.claims.tenant:
        return issuer.tenant
    told = _name(claims, issuer.claims.tenant)
    if told not in issuer.tenants:
        raise Rejected("its tenant is none of those that its issuer may speak for here")
    return issuer.tenants[told]


def _groups(told: Iterable[str], issuer: Issuer) -> frozenset[str]:
    """Those that a token names, none of which is a role, and those of the gateway that they are said to stand for."""
    own = [one for one in told if not is_reserved(one)]
    return frozenset((*own, *(group for one in own for group in issuer.group_names.get(one, ()))))


def _scopes(told: Iterable[str], groups: Iterable[str], issuer: Issuer) -> frozenset[str]:
    """Those that are scope-tokens, by the gateway's names, and those that the groups give."""
    named = (scope for one in told for scope in issuer.scope_names.get(one, (one,)))
    given = (scope for group in groups for scope in issuer.group_scopes.get(group, ()))
    return frozenset(scope for scope in (*named, *given) if _SCOPE_TOKEN.fullmatch(scope))


def _actors(told: object) -> Iterator[str]:
    """Who acts for the subject, the one who sent the token first (RFC 8693 section 4.1). Raises Rejected: a chain that
    cannot be read whole is no chain to judge by."""
    for _ in range(ACTORS_MAX):
        if told is None:
            return
        subject = told.get("sub") if isinstance(told, Mapping) else None
        if not isinstance(subject, str) or not _is_name(subject):
            raise Rejected("its `act` names no subject")
        yield subject
        told = told.get("act") if isinstance(told, Mapping) else None
    if told is not None:
        raise Rejected(f"its `act` is deeper than {ACTORS_MAX}")


def _first(claims: Claims, places: Iterable[str]) -> list[str]:
    """The names at the first of these places that is there: a list, or a text in which a space divides them."""
    for place in places:
        match _at(claims, place):
            case str() as text:
                return [one for one in text.split(" ")[:NAMES_MAX] if _is_name(one)]
            case list() as several:
                return [one for one in several[:NAMES_MAX] if isinstance(one, str) and _is_name(one)]
    return []


def _name(claims: Claims, place: str) -> str:
    """A name at a place; "" where there is none, or it is none."""
    value = _at(claims, place)
    return value if isinstance(value, str) and _is_name(value) else ""


def _is_name(text: str) -> bool:
    return 0 < len(text) <= NAME_CHARACTERS_MAX and text.isprintable()


def _at(claims: Claims, place: str) -> Any:
    """What is at a claim's name, or at a JSON Pointer into the claims."""
    if not place.startswith("/"):
        return claims.get(place)
    value: Any = claims
    for step in tokens(place):
        value = value.get(step) if isinstance(value, Mapping) else None
    return value
