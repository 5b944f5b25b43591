"""Events on their way to whoever is told: at least once, in order for each thing that they are about. The webhook, which is told of
approvals and grants and signs, is one receiver; others say where theirs go.

They wait in the store, so that a restart loses none; whichever process takes one has it for itself for a while. Nothing waits
for a receiver: no call, and no decision. Sends through the guard that every backend is behind, and follows nothing.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import structlog
from msgspec import Struct

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
TIMEOUT_S_MAX, LEASE_S = 60.0, 30.0


class Post(Struct, frozen=True):
    """One attempt: what is sent, in which lane, within `timeout_s`, to public addresses and these networks. What fails is tried
    again after `backoff_s`, then twice as long, and given up after `attempts_max`."""

    request: HttpRequest
    lane: str
    timeout_s: float
    backoff_s: float
    attempts_max: int
    allow_addresses: tuple[str, ...] = ()

    @property
    def limits(self) -> Limits:
        return Limits(
            timeout_s=self.timeout_s,
            connect_timeout_s=self.timeout_s,
            response_bytes_max=ANSWER_BYTES_MAX,
            retries_max=0,
            in_flight_max=AT_ONCE_MAX,
        )


# Where an event goes; None where nobody is to be told of it any more.
Address = Callable[[Outgoing], Awaitable[Post | None]]


class Webhook:
    """The receiver of approvals and grants. `key` signs."""

    def __init__(self, settings: WebhookSettings, key: bytes, clock: Callable[[], datetime]) -> None:
        self._settings = settings
        self._key = key
        self._clock = clock

    async def address(self, event: Outgoing) -> Post:
        told = self._settings
        signed = sign_event(self._key, event, int(self._clock().timestamp()))
        headers = (("content-type", "application/json"), *signed)
        request = HttpRequest("POST", told.url, headers, event.body)
        return Post(request, LANE, told.timeout_s, told.backoff_s, told.attempts_max, told.allow_addresses)


class Outbox:
    """Delivers what waits in the store to where `address` says."""

    def __init__(
        self,
        store: OutboxStore,
        upstream: Upstream,
        address: Address,
        *,
        clock: Callable[[], datetime],
        look_s: float,
        added: asyncio.Event,
    ) -> None:
        self._store = store
        self._upstream = upstream
        self._address = address
        self._clock = clock
        self._look_s = look_s
        self._added = added

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
        lease = now + timedelta(seconds=TIMEOUT_S_MAX + LEASE_S)
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
        post = await self._address(event)
        if post is None:
            await self._store.drop_event(event)
            return
        try:
            problem = await self._send(post)
        except UpstreamBusy as error:
            # It was not asked: that is no attempt.
            await self._postpone(event, error.retry_after_s or post.backoff_s)
            return
        except GatewayError as error:
            problem = error.title
        if not problem:
            await self._store.drop_event(event)
            return
        tried = failed_once_more(event)
        if tried.attempts >= post.attempts_max:
            log.error("an event was given up", event_id=event.id, about=event.about, problem=problem)
            await self._store.drop_event(event)
            return
        log.warning("an event was not taken", event_id=event.id, attempts=tried.attempts, problem=problem)
        spread = 0.5 + random.random()  # noqa: S311 (spreads attempts, guards nothing)
        await self._postpone(tried, wait_s(tried.attempts, post.backoff_s, BACKOFF_S_MAX) * spread)

    async def _send(self, post: Post) -> str:
        """What was wrong with the answer; "" where the receiver took it."""
        response = await self._upstream.send(
            post.request,
            connector=post.lane,
            limits=post.limits,
            allow_addresses=post.allow_addresses,
            auth=None,
            safe=False,
        )
        return "" if 200 <= response.status < 300 else f"it answered {response.status}"

    async def _postpone(self, event: Outgoing, seconds: float) -> None:
        await self._store.postpone_event(event, self._clock() + timedelta(seconds=seconds))
