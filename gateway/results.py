"""Answers that were too long to give at once, or that are files: kept whole for a while, in memory, for the caller who got
them and nobody else, as long as that caller may make the call. Restarting forgets them."""

import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime

from msgspec import Struct, structs

from gateway.core.blot import blot_response
from gateway.core.http import HttpResponse
from gateway.core.policy_context import Facts
from gateway.core.principal import Owner, Principal
from gateway.core.project import Selection, Unselectable
from gateway.core.response import Reading, read_piece, read_response
from gateway.core.result import Result, with_handle
from gateway.core.tool import Tool
from gateway.core.toolset import EVERYTHING, Filter
from gateway.errors import BadRequest, NotFound
from gateway.judge import allow, require_scopes
from gateway.published import Published

SCHEME = "factotum://results/"
ID_BYTES = 18


class Called(Struct, frozen=True):
    """The call that an answer is of, as policies were told of it. `request_bytes` is about what its arguments take; `redact` are
    the fields that are blotted out of the answer already."""

    arguments: Mapping[str, object]
    facts: Facts
    request_bytes: int
    redact: tuple[str, ...]


class Kept(Struct, frozen=True):
    """One answer, the tool that gave it to which call, and within which bounds it is read. `owner` is who may read it,
    `until` the second at which it is gone; it counts for `bytes`."""

    owner: Owner
    tool: Tool
    called: Called
    response: HttpResponse
    reading: Reading
    until: float
    bytes: int


class KeptResults:
    """At most `bytes_max` in all, the oldest going first, each for `ttl_s`. `clock` tells the time, `seconds` counts on."""

    def __init__(
        self,
        published: Published,
        *,
        bytes_max: int,
        ttl_s: float,
        clock: Callable[[], datetime],
        seconds: Callable[[], float],
    ) -> None:
        self._published = published
        self._bytes_max = bytes_max
        self._ttl_s = ttl_s
        self._clock = clock
        self._seconds = seconds
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._bytes = 0

    def keep(self, principal: Principal, tool: Tool, called: Called, response: HttpResponse, reading: Reading) -> str:
        """Its handle, hard to guess; "" where it alone is larger than all that may be kept."""
        taken, until = len(response.body) + called.request_bytes, self._seconds() + self._ttl_s
        if taken > self._bytes_max:
            return ""
        handle = SCHEME + secrets.token_urlsafe(ID_BYTES)
        self._kept[handle] = Kept(principal.owner, tool, called, response, reading, until, taken)
        self._bytes += taken
        while self._bytes > self._bytes_max or self._is_over(next(iter(self._kept.values()))):
            self._forget(next(iter(self._kept)))
        return handle

    def find(self, principal: Principal, handle: str, door: str, toolset: Filter = EVERYTHING) -> Kept:
        """As much of it as the caller may have now. Raises NotFound where there is none, it is over, it is another's, or of a tool
        that the toolset does not take: which of these is not told; ScopeMissing or PolicyDenied where the call that gave it would
        be refused by now."""
        kept = self._kept.get(handle)
        if kept is not None and self._is_over(kept):
            self._forget(handle)
            kept = None
        if kept is None or kept.owner != principal.owner or not toolset.takes(kept.tool):
            raise NotFound(
                f"No result is kept as {handle[:120]!r}: results are kept for {self._ttl_s:g} s, for whoever got them. "
                "Call the tool again."
            )
        return self._judged(principal, kept, handle, door)

    def _judged(self, principal: Principal, kept: Kept, handle: str, door: str) -> Kept:
        """INVARIANT: nothing that is kept is given without this."""
        edition = self._published.of(principal.tenant)
        tool, called = edition.catalog.tools.get(kept.tool.name), kept.called
        if tool is None or tool.connector != kept.tool.connector:
            # No policy in force is made for a tool that is gone.
            require_scopes(principal, kept.tool)
            return kept
        require_scopes(principal, tool)
        facts = structs.replace(called.facts, now=self._clock(), door=door)
        decision = allow(edition.policies, principal, tool, called.arguments, facts)
        fields = tuple(one for one in decision.redact if one not in called.redact)
        if not fields:
            return kept
        # Policies want more redacted than when it was given: once for all who read it from now on.
        called = structs.replace(called, redact=(*called.redact, *fields))
        less = structs.replace(kept, called=called, response=blot_response(kept.response, fields))
        self._kept[handle] = less
        return less

    def read(
        self,
        principal: Principal,
        handle: str,
        door: str,
        *,
        select: str = "",
        offset: int | None = None,
        toolset: Filter = EVERYTHING,
    ) -> Result:
        """More of it: what is selected of its JSON, or a piece of its text from a byte on; else as much as fits again.
        Raises as `find`, or BadRequest where the expression is none."""
        kept = self.find(principal, handle, door, toolset)
        if offset is not None:
            return read_piece(kept.response, offset, kept.reading.result_bytes_max)
        try:
            reading = structs.replace(kept.reading, selection=Selection(select) if select else None)
        except Unselectable as error:
            raise BadRequest(f"select: {error.detail}.") from error
        return with_handle(read_response(kept.tool, kept.response, reading), handle)

    def handles(self, principal: Principal, toolset: Filter = EVERYTHING) -> list[tuple[str, Kept]]:
        """What is kept for this caller, of tools that the toolset takes, the newest first."""
        mine = [(handle, kept) for handle, kept in self._kept.items() if kept.owner == principal.owner]
        seen = [(handle, kept) for handle, kept in reversed(mine) if not self._is_over(kept)]
        return [(handle, kept) for handle, kept in seen if toolset.takes(kept.tool)]

    def _is_over(self, kept: Kept) -> bool:
        return self._seconds() >= kept.until

    def _forget(self, handle: str) -> None:
        self._bytes -= self._kept.pop(handle).bytes
