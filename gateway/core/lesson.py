"""What an installation's own audit log teaches search: a query, and the tool that was then called and answered. Pure; reads lines.

A search and the calls that follow it are of one caller, not long after each other, and of tools that the search had found: what
somebody called without having searched for it says nothing of the query.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import NamedTuple

import msgspec
from msgspec import Raw, Struct

from gateway.core.audit import AuditEntry
from gateway.core.redact import redact_arguments

WAIT = timedelta(minutes=10)
LESSONS_A_SEARCH_MAX = 3
FOUND_MAX = 20


class Lesson(Struct, frozen=True):
    """A query, and a tool that it was answered with."""

    query: str
    tool: str
    connector: str


class Searched(Struct, frozen=True):
    """What a line of phase `searched` has as its arguments: the query, secrets left out, and the first tools that were found."""

    query: str
    found: tuple[str, ...]


def note_of(query: str, found: Iterable[str]) -> Raw:
    """The arguments of such a line."""
    return redact_arguments({"query": query, "found": list(found)[:FOUND_MAX]}, frozenset())


class _Caller(NamedTuple):
    tenant: str
    subject: str
    client: str


class _Open(NamedTuple):
    """A search that calls may still follow, and the tools that have."""

    entry: AuditEntry
    told: Searched
    taken: set[str]


def lessons_of(entries: Iterable[AuditEntry]) -> list[Lesson]:
    """Those of these lines, oldest first."""
    told: list[Lesson] = []
    searches: dict[_Caller, _Open] = {}
    for entry in entries:
        caller = _Caller(entry.tenant, entry.subject, entry.client)
        if entry.phase == "searched":
            searches[caller] = _Open(entry, msgspec.json.decode(entry.arguments, type=Searched), set())
            continue
        search = searches.get(caller)
        if search is not None and _follows(entry, search):
            search.taken.add(entry.tool)
            told.append(Lesson(search.told.query, entry.tool, entry.connector))
    return told


def _follows(entry: AuditEntry, search: _Open) -> bool:
    return (
        entry.phase == "done"
        and not entry.error
        and entry.status < 400
        and entry.at - search.entry.at <= WAIT
        and entry.tool in search.told.found
        and entry.tool not in search.taken
        and len(search.taken) < LESSONS_A_SEARCH_MAX
    )
