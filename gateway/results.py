"""Answers that were too long to give at once, or that are files: kept whole for a while, in memory, for the caller who got
them and nobody else. Restarting forgets them."""

import secrets
from collections import OrderedDict
from collections.abc import Callable

from msgspec import Struct, structs

from gateway.core.http import HttpResponse
from gateway.core.principal import Owner, Principal
from gateway.core.project import Selection, Unselectable
from gateway.core.response import Reading, read_piece, read_response
from gateway.core.result import Result, with_handle
from gateway.core.tool import Tool
from gateway.errors import BadRequest, NotFound

SCHEME = "factotum://results/"
ID_BYTES = 18


class Kept(Struct, frozen=True):
    """One answer, the tool that gave it, and within which bounds it is read. `owner` is who may read it, `until` the
    second at which it is gone."""

    owner: Owner
    tool: Tool
    response: HttpResponse
    reading: Reading
    until: float


class KeptResults:
    """At most `bytes_max` in all, the oldest going first, each for `ttl_s`. `clock` counts seconds."""

    def __init__(self, *, bytes_max: int, ttl_s: float, clock: Callable[[], float]) -> None:
        self._bytes_max = bytes_max
        self._ttl_s = ttl_s
        self._clock = clock
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._bytes = 0

    def keep(self, principal: Principal, tool: Tool, response: HttpResponse, reading: Reading) -> str:
        """Its handle, hard to guess; "" where it alone is larger than all that may be kept."""
        if len(response.body) > self._bytes_max:
            return ""
        handle = SCHEME + secrets.token_urlsafe(ID_BYTES)
        self._kept[handle] = Kept(principal.owner, tool, response, reading, self._clock() + self._ttl_s)
        self._bytes += len(response.body)
        while self._bytes > self._bytes_max or self._is_over(next(iter(self._kept.values()))):
            self._forget(next(iter(self._kept)))
        return handle

    def find(self, principal: Principal, handle: str) -> Kept:
        """Raises NotFound where there is none, it is over, or it is another's: which of these is not told."""
        kept = self._kept.get(handle)
        if kept is not None and self._is_over(kept):
            self._forget(handle)
            kept = None
        if kept is None or kept.owner != principal.owner:
            raise NotFound(
                f"No result is kept as {handle[:120]!r}: results are kept for {self._ttl_s:g} s, for whoever got them. "
                "Call the tool again."
            )
        return kept

    def read(self, principal: Principal, handle: str, *, select: str = "", offset: int | None = None) -> Result:
        """More of it: what is selected of its JSON, or a piece of its text from a byte on; else as much as fits again.
        Raises NotFound, or BadRequest where the expression is none."""
        kept = self.find(principal, handle)
        if offset is not None:
            return read_piece(kept.response, offset, kept.reading.result_bytes_max)
        try:
            reading = structs.replace(kept.reading, selection=Selection(select) if select else None)
        except Unselectable as error:
            raise BadRequest(f"select: {error.detail}.") from error
        return with_handle(read_response(kept.tool, kept.response, reading), handle)

    def handles(self, principal: Principal) -> list[tuple[str, Kept]]:
        """What is kept for this caller, the newest first."""
        mine = [(handle, kept) for handle, kept in self._kept.items() if kept.owner == principal.owner]
        return [(handle, kept) for handle, kept in reversed(mine) if not self._is_over(kept)]

    def _is_over(self, kept: Kept) -> bool:
        return self._clock() >= kept.until

    def _forget(self, handle: str) -> None:
        self._bytes -= len(self._kept.pop(handle).response.body)
