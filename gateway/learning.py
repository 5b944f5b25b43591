"""Searches on record, of the tenants that have said so: what search can learn from. Nobody waits for a line, and one that is
lost costs a lesson."""

import asyncio
from collections.abc import Callable, Collection, Iterable
from datetime import datetime

import structlog

from gateway.audit import AuditLog
from gateway.core.audit import AuditEntry
from gateway.core.lesson import note_of
from gateway.core.principal import Principal
from gateway.errors import StoreFailed

WRITES_MAX = 100

log = structlog.get_logger(__name__)


class Learning:
    """Whoever opens it closes it. `tenants` are those whose searches are put on record."""

    def __init__(self, audit: AuditLog, tenants: Collection[str], clock: Callable[[], datetime]) -> None:
        self._audit = audit
        self._tenants = frozenset(tenants)
        self._clock = clock
        self._writing: set[asyncio.Task[None]] = set()

    def note(self, principal: Principal, query: str, found: Iterable[str], door: str) -> None:
        """Put a search on record, where its tenant is one of those and there is room, and return at once."""
        if principal.tenant not in self._tenants or len(self._writing) >= WRITES_MAX:
            return
        line = AuditEntry(
            at=self._clock(),
            call_id="",
            phase="searched",
            door=door,
            tenant=principal.tenant,
            subject=principal.subject,
            client=principal.client,
            issuer=principal.issuer,
            actors=principal.actors,
            tool="search",
            effect="read",
            arguments=note_of(query, found),
        )
        task = asyncio.create_task(self._record(line))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def close(self) -> None:
        """Return when all is written."""
        await asyncio.gather(*self._writing)

    async def _record(self, line: AuditEntry) -> None:
        try:
            await self._audit.record(line)
        except StoreFailed as error:
            log.warning("a search could not be put on record", reason=error.detail)
