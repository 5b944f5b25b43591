"""Lines of the audit log that the authorisation server writes."""

from collections.abc import Callable
from datetime import datetime

import msgspec
from msgspec import Raw

from gateway.audit import AuditLog
from gateway.core.audit import administered
from gateway.core.principal import Principal

Told = str | tuple[str, ...]


class Lines:
    """Returns when a line is committed. Raises StoreFailed."""

    def __init__(self, audit: AuditLog, clock: Callable[[], datetime]) -> None:
        self._audit = audit
        self._clock = clock

    async def write(self, by: Principal, what: str, **told: Told) -> None:
        """That `by` did `what`, and more of it by name, without what is empty."""
        arguments = Raw(msgspec.json.encode({name: value for name, value in told.items() if value}))
        await self._audit.record(administered(by, self._clock(), what, arguments=arguments))


def browser_principal(tenant: str, user: str) -> Principal:
    """Somebody at a browser, who does without scopes here."""
    return Principal(tenant=tenant, subject=user, client="browser", method="oauth")
