"""Push notifications of A2A: whom a task's agent wants to be told, and what they are sent. Sends nothing itself: the outbox does.

Source: A2A 1.0, specification sections 3.1.7 to 3.1.10 and 4.3; 13.2 (what a receiver may be).
"""

from fnmatch import fnmatchcase
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec import UnsetType

from gateway.core.egress import parse_networks, refuse_url
from gateway.core.event import Outgoing
from gateway.core.http import HttpRequest
from gateway.core.notice import Listener, read_about
from gateway.core.principal import Principal
from gateway.core.run import Run
from gateway.edge.a2a.faults import PUSH_NOT_SUPPORTED, TASK_NOT_FOUND
from gateway.edge.a2a.wire import (
    ENDED_STATES,
    Authentication,
    PushConfig,
    PushParams,
    context_of,
    state_of,
    status_of,
    task_of,
)
from gateway.edge.jsonrpc import INVALID_PARAMS, Fault
from gateway.runs import Held, Runs
from gateway.settings import A2ASettings
from gateway.webhook import Post

LISTENERS_MAX = 10
TIMEOUT_S, BACKOFF_S, ATTEMPTS_MAX = 10.0, 5.0, 10
LANE = "the receivers of tasks"


class Pushing:
    """The operations, and what a receiver is sent. They raise Fault and NotFound."""

    def __init__(self, runs: Runs, settings: A2ASettings) -> None:
        self._runs = runs
        self._settings = settings
        self._networks = parse_networks(settings.push_allow_addresses)

    def require(self) -> None:
        """Raises Fault where nobody is told anything."""
        if not self._settings.push_hosts:
            raise Fault(PUSH_NOT_SUPPORTED, "There are no push notifications here; subscribe to the task.")

    def check(self, config: PushConfig) -> Listener:
        """Whom it names. Raises Fault where they may not be told."""
        self.require()
        why = refuse_url(config.url, self._networks)
        parts = urlsplit(config.url) if not why else None
        if parts is not None and parts.scheme != "https" and not self._networks:
            why = "it is not https"
        host = parts.hostname or "" if parts is not None else ""
        if not why and not any(fnmatchcase(host, one.lower()) for one in self._settings.push_hosts):
            why = f"{host[:100]} is none of the hosts that are told (a2a.push_hosts)"
        if why:
            raise Fault(INVALID_PARAMS, f"That URL cannot be told: {why}.")
        told = Authentication() if isinstance(config.authentication, UnsetType) else config.authentication
        # The same message again names the same one.
        listener_id = config.id or sha256(config.url.encode()).hexdigest()[:16]
        return Listener(listener_id, config.url, config.token, told.scheme, told.credentials)

    async def create(self, principal: Principal, task_id: str, listener: Listener) -> dict[str, Any]:
        def added(known: tuple[Listener, ...]) -> tuple[Listener, ...]:
            rest = tuple(one for one in known if one.id != listener.id)
            if len(rest) >= LISTENERS_MAX:
                raise Fault(INVALID_PARAMS, f"A task tells {LISTENERS_MAX} receivers at most; delete one.")
            return (*rest, listener)

        return _shown(await self._runs.listen(principal, task_id, added), listener)

    async def get(self, principal: Principal, asked: PushParams) -> dict[str, Any]:
        run = await self._runs.look_up(principal, asked.task_id)
        return _shown(run, _of(run, asked.id))

    async def list(self, principal: Principal, task_id: str) -> dict[str, Any]:
        run = await self._runs.look_up(principal, task_id)
        return {"configs": [_shown(run, one) for one in run.listeners]}

    async def delete(self, principal: Principal, asked: PushParams) -> dict[str, Any]:
        _of(await self._runs.look_up(principal, asked.task_id), asked.id)
        await self._runs.listen(
            principal, asked.task_id, lambda known: tuple(one for one in known if one.id != asked.id)
        )
        return {}

    async def address(self, event: Outgoing) -> Post | None:
        """How a task is now, for one receiver; None where it is told nothing any more."""
        about = read_about(event.about)
        held = await self._runs.load(about[0]) if about is not None else None
        listener = next((one for one in held.run.listeners if about and one.id == about[1]), None) if held else None
        if held is None or listener is None or not self._settings.push_hosts:
            return None
        body = msgspec.json.encode(await self._told(held))
        request = HttpRequest("POST", listener.url, _headers(listener), body)
        return Post(request, LANE, TIMEOUT_S, BACKOFF_S, ATTEMPTS_MAX, self._settings.push_allow_addresses)

    async def _told(self, held: Held) -> dict[str, Any]:
        """A StreamResponse: the task once it has ended, and else its status."""
        run = held.run
        if state_of(held) in ENDED_STATES:
            return {"task": task_of(held, await self._runs.journal(run.principal, run.id))}
        ids = {"taskId": run.id, "contextId": context_of(run)}
        return {"statusUpdate": {**ids, "status": status_of(held)}}


def _of(run: Run, listener_id: str) -> Listener:
    """Raises Fault."""
    found = next((one for one in run.listeners if one.id == listener_id), None)
    if found is None:
        raise Fault(TASK_NOT_FOUND, "The task tells no receiver of that id.")
    return found


def _headers(listener: Listener) -> tuple[tuple[str, str], ...]:
    token = (("x-a2a-notification-token", listener.token),) if listener.token else ()
    known = (("authorization", f"{listener.scheme} {listener.credentials}"),) if listener.credentials else ()
    return (("content-type", "application/a2a+json"), *token, *known)


def _shown(run: Run, listener: Listener) -> dict[str, Any]:
    """A TaskPushNotificationConfig, without what only its receiver is to know."""
    told: dict[str, Any] = {"id": listener.id, "taskId": run.id, "url": listener.url}
    return told | ({"authentication": {"scheme": listener.scheme}} if listener.scheme else {})
