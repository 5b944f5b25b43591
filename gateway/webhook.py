"""The webhook: events of approvals and grants on their way to one receiver, signed, at least once, in order for each of them.

They wait in the store, so that a restart loses none; whichever process takes one has it for itself for a while. Nothing waits
for a receiver: no call, and no decision. Sends to one URL, through the guard that every backend is behind, and follows nothing.
"""

import asyncio
import random
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from gateway.core.event import Outgoing, failed_once_more, sign_event, wait_s
from gateway.core.http import HttpRequest
from gateway.core.manifest import Limits
from gateway.errors import GatewayError, StoreFailed, UpstreamBusy
from gateway.settings import WebhookSettings
from gateway.stores.base import OutboxStore
from gateway.upstream import Upstream

log = structlog.get_logger(__name__)

# A connector's name has no space in it: this lane is nobody else's.
LANE = "the webhook's receiver"
AT_ONCE_MAX = 8
ANSWER_BYTES_MAX = 64 << 10
BACKOFF_S_MAX = 3_600.0
# Beyond the time that an attempt may take, an event is another process's to try.
LEASE_S = 30.0


class Webhook:
    """Delivers. `key` signs."""

    def __init__(
        self,
        store: OutboxStore,
        upstream: Upstream,
        settings: WebhookSettings,
        key: bytes,
        *,
        clock: Callable[[], datetime],
        look_s: float,
    ) -> None:
        self._store = store
        self._upstream = upstream
        self._settings = settings
        self._key = key
        self._clock = clock
        self._look_s = look_s
        self._added = asyncio.Event()
        self._limits = Limits(
            timeout_s=settings.timeout_s,
            connect_timeout_s=settings.timeout_s,
            response_bytes_max=ANSWER_BYTES_MAX,
            retries_max=0,
            in_flight_max=AT_ONCE_MAX,
        )

    def wake(self) -> None:
        """There is an event more."""
        self._added.set()

    async def run(self) -> None:
        """Never returns. A store that fails is asked again the next time."""
        while True:
            self._added.clear()
            try:
                while await self.deliver():
                    pass
            except StoreFailed as error:
                log.warning("events could not be taken from the store", problem=error.detail)
            try:
                async with asyncio.timeout(self._look_s):
                    await self._added.wait()
            except TimeoutError:
                continue

    async def deliver(self) -> int:
        """Try what is due, at most AT_ONCE_MAX at once, and of each approval and grant only what comes next. How many."""
        now = self._clock()
        lease = now + timedelta(seconds=self._settings.timeout_s + LEASE_S)
        taken = await self._store.claim_events(now, lease, AT_ONCE_MAX)
        try:
            await asyncio.gather(*map(self._try, taken))
        except asyncio.CancelledError:
            # The gateway stops, or a command has done what it had to: another process need not wait for the lease to end.
            for event in taken:
                await self._store.postpone_event(event, now)
            raise
        return len(taken)

    async def _try(self, event: Outgoing) -> None:
        try:
            problem = await self._send(event)
        except UpstreamBusy as error:
            # It was not asked: that is no attempt.
            await self._postpone(event, error.retry_after_s or self._settings.backoff_s)
            return
        except GatewayError as error:
            problem = error.title
        if not problem:
            await self._store.drop_event(event)
            return
        tried = failed_once_more(event)
        if tried.attempts >= self._settings.attempts_max:
            log.error("an event was given up", event_id=event.id, about=event.about, problem=problem)
            await self._store.drop_event(event)
            return
        log.warning("an event was not taken", event_id=event.id, attempts=tried.attempts, problem=problem)
        spread = 0.5 + random.random()  # noqa: S311 (spreads attempts, guards nothing)
        await self._postpone(tried, wait_s(tried.attempts, self._settings.backoff_s, BACKOFF_S_MAX) * spread)

    async def _send(self, event: Outgoing) -> str:
        """What was wrong with the answer; "" where the receiver took it."""
        signed = sign_event(self._key, event, int(self._clock().timestamp()))
        response = await self._upstream.send(
            HttpRequest("POST", self._settings.url, (("content-type", "application/json"), *signed), event.body),
            connector=LANE,
            limits=self._limits,
            allow_addresses=self._settings.allow_addresses,
            auth=None,
            safe=False,
        )
        return "" if 200 <= response.status < 300 else f"it answered {response.status}"

    async def _postpone(self, event: Outgoing, seconds: float) -> None:
        await self._store.postpone_event(event, self._clock() + timedelta(seconds=seconds))
