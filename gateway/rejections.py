"""What was turned away at a door before any call began, in the audit log: bounded, and nobody waits for it. Decides nothing.

Whoever is turned away again and again gets so many lines a minute, and then one that says how many were left out. A credential
that was no good is told by a keyed hash of it: the same one can be found again, and nothing can be made of it.
"""

import asyncio
import hmac
import time
from collections.abc import Callable
from datetime import datetime

import msgspec
import structlog
from msgspec import Raw, Struct

from gateway.audit import AuditLog
from gateway.core.audit import AuditEntry, Phase
from gateway.core.client_address import network_of
from gateway.core.principal import DEFAULT_TENANT, Principal
from gateway.errors import StoreFailed

log = structlog.get_logger(__name__)

WINDOW_S = 60.0
# Beyond so many sources within one window, all further ones count as one.
SOURCES_MAX = 100
WRITES_MAX = 1_000
FINGERPRINT_CHARACTERS = 16

_Source = tuple[str, ...]


class Rejection(Struct, frozen=True):
    """One request that was turned away. `what` is what was wrong with it, or the operation that it was refused; `principal` is
    None where nobody was proven. `credential` is what was presented, and goes into the log as a keyed hash alone; `name` is
    that of a person or client that there is, who was named and not proven."""

    what: str
    phase: Phase
    door: str
    status: int
    code: str
    title: str
    detail: str
    address: str = ""
    method: str = ""
    path: str = ""
    principal: Principal | None = None
    credential: str = ""
    name: str = ""


class Rejections:
    """`per_minute` lines of each kind for each source: a caller who was proven, or else a client address. `key` makes the
    hashes; `clock` tells the time, `seconds` counts on."""

    def __init__(
        self,
        audit: AuditLog,
        *,
        per_minute: int,
        key: bytes,
        clock: Callable[[], datetime],
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._audit = audit
        self._per_minute = per_minute
        self._key = key
        self._clock = clock
        self._seconds = seconds
        self._counts: dict[_Source, int] = {}
        self._last: dict[_Source, Rejection] = {}
        self._until = 0.0
        self._writing: set[asyncio.Task[None]] = set()

    def note(self, rejection: Rejection) -> None:
        """Put it on record, if there is room for it, and return at once."""
        if self._seconds() >= self._until:
            self.flush()
            self._until = self._seconds() + WINDOW_S
        source = _source(rejection)
        if source not in self._counts and len(self._counts) >= SOURCES_MAX:
            source = (rejection.what, "", "others")
        self._counts[source] = self._counts.get(source, 0) + 1
        if self._counts[source] > self._per_minute or len(self._writing) >= WRITES_MAX:
            self._last[source] = rejection
        else:
            self._write(self._line(rejection))

    def flush(self) -> None:
        """Say how many were left out, and begin to count anew."""
        for source, last in self._last.items():
            left_out = max(self._counts[source] - self._per_minute, 1)
            where = " from many addresses" if source[-1] == "others" else ""
            told = msgspec.structs.replace(
                last,
                detail=f"{left_out} more{where} within a minute were left out.",
                credential="",
                name="",
                path="",
                method="",
            )
            self._write(self._line(told))
        self._counts.clear()
        self._last.clear()

    async def keep(self) -> None:
        """Say each minute what was left out, for ever. Cancel it to end it."""
        while True:
            await asyncio.sleep(WINDOW_S)
            if self._seconds() >= self._until:
                self.flush()

    async def close(self) -> None:
        """Return when all is written."""
        self.flush()
        await asyncio.gather(*self._writing)

    def _write(self, line: AuditEntry) -> None:
        task = asyncio.create_task(self._record(line))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _record(self, line: AuditEntry) -> None:
        try:
            await self._audit.record(line)
        except StoreFailed as error:
            log.warning("a rejection could not be put on record", what=line.tool, reason=error.detail)

    def _line(self, told: Rejection) -> AuditEntry:
        who = told.principal
        facts = {
            "code": told.code,
            "address": told.address,
            "method": told.method,
            "path": told.path,
            "name": told.name,
        }
        facts |= {"credential": self._fingerprint(told.credential)} if told.credential else {}
        return AuditEntry(
            at=self._clock(),
            call_id="",
            phase=told.phase,
            door=told.door,
            tenant=who.tenant if who is not None else DEFAULT_TENANT,
            subject=who.subject if who is not None else "",
            client=who.client if who is not None else "",
            issuer=who.issuer if who is not None else "",
            actors=who.actors if who is not None else (),
            tool=told.what,
            arguments=Raw(msgspec.json.encode({name: value for name, value in facts.items() if value})),
            verdict="deny" if told.phase == "denied" else "",
            reasons=(told.detail,),
            status=told.status,
            error=told.title,
        )

    def _fingerprint(self, credential: str) -> str:
        return hmac.digest(self._key, credential.encode("utf-8", "replace"), "sha256").hex()[:FINGERPRINT_CHARACTERS]


def _source(rejection: Rejection) -> _Source:
    if rejection.principal is not None:
        return rejection.what, *rejection.principal.owner
    return rejection.what, network_of(rejection.address)
