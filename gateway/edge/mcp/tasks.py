"""The Tasks extension of MCP 2026-07-28 for clients that declare it: an intent that goes on is a task, which is a run. Keeps
nothing; `intents` tells and `intent` acts.

Source: io.modelcontextprotocol/tasks, 2026-07-28.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Raw, Struct

from gateway.core.principal import Principal
from gateway.edge.forms import read_form
from gateway.edge.jsonrpc import INVALID_PARAMS, Fault
from gateway.edge.mcp.intents import ANSWERS, InputNeeded, IntentTools, Means, goes_on, read_answer, require_nobody
from gateway.edge.mcp.tools import json_result
from gateway.errors import ArgumentsInvalid, Conflict, NotFound
from gateway.runs import Held

POLL_MS = 1_000


class TaskParams(Struct, frozen=True):
    task_id: str = msgspec.field(name="taskId")


class UpdateParams(Struct, frozen=True):
    task_id: str = msgspec.field(name="taskId")
    input_responses: dict[str, Raw] = msgspec.field(name="inputResponses")


class Tasks:
    """What tasks/get, tasks/update and tasks/cancel answer. What had ended stays so, though what it did is taken back."""

    def __init__(self, tools: IntentTools) -> None:
        self._tools = tools

    async def get(self, principal: Principal, task_id: str, means: Means) -> dict[str, Any]:
        """A DetailedTask. Raises Fault where there is none of the caller's."""
        held = await self._find(principal, task_id)
        if held.run.ended_as is None:
            try:
                require_nobody(held, means)
            except InputNeeded as needed:
                requests = {_key(held, name): request for name, request in needed.requests.items()}
                return task_of(held, "input_required") | {"inputRequests": requests}
            if goes_on(held):
                return task_of(held, "working")
        if (held.run.ended_as or held.run.state) == "cancelled":
            return task_of(held, "cancelled")
        return task_of(held, "completed") | {"result": json_result(await self._tools.tell(held), "any")}

    async def update(self, principal: Principal, task_id: str, responses: Mapping[str, Raw]) -> None:
        """What a person answered; whoever does not want to answer ends it. What is not asked now is left alone. Raises Fault."""
        held = await self._find(principal, task_id)
        answer = read_answer(responses, _key(held, ANSWERS))
        if answer is None or not held.progress.questions:
            return
        if answer.action != "accept":
            await self.cancel(principal, task_id)
            return
        values = read_form(held.progress.questions, answer.content)
        try:
            await self._tools.intents.answer(principal, task_id, values)
        except ArgumentsInvalid as error:
            raise Fault(INVALID_PARAMS, f"{error.title}: {error.detail}") from error

    async def cancel(self, principal: Principal, task_id: str) -> None:
        """Raises Fault where there is none of the caller's; one that has ended stays as it is."""
        held = await self._find(principal, task_id)
        try:
            await self._tools.intents.cancel(principal, held.run.id)
        except Conflict:
            return

    async def _find(self, principal: Principal, task_id: str) -> Held:
        try:
            return await self._tools.runs.find(principal, task_id)
        except NotFound as error:
            raise Fault(INVALID_PARAMS, error.detail) from error


def task_of(held: Held, status: str) -> dict[str, Any]:
    """A Task. It is kept as long as its run is."""
    run, detail = held.run, held.progress.detail
    told = {
        "taskId": run.id,
        "status": status,
        "createdAt": _time(run.created_at),
        "lastUpdatedAt": _time(run.updated_at),
        "ttlMs": None,
        "pollIntervalMs": POLL_MS,
    }
    return told | {"statusMessage": detail or f"It is {run.state}."}


def _key(held: Held, name: str) -> str:
    """One of its own for each time that something is asked."""
    return f"{name}-{held.run.sequence}"


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
