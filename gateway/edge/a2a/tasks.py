"""What agents ask of tasks, in whichever binding: begun, answered, looked at, listed, followed, cancelled. A task is a run: its
caller's alone, another's is not found. Knows no transport and keeps nothing; `intent` acts.

Source: A2A 1.0, specification section 3.
"""

from collections.abc import AsyncGenerator
from typing import Any

from msgspec import UNSET, UnsetType

from gateway.core.notice import Listener
from gateway.core.principal import Principal
from gateway.core.run import MOVING, Mode
from gateway.edge.a2a.faults import (
    CONTENT_TYPE_NOT_SUPPORTED,
    TASK_NOT_CANCELABLE,
    UNSUPPORTED_OPERATION,
)
from gateway.edge.a2a.push import Pushing
from gateway.edge.a2a.wire import (
    ENDED_STATES,
    ListTasksParams,
    SendMessageParams,
    artifacts_of,
    context_of,
    data_of,
    page_of,
    state_of,
    states_of,
    status_of,
    task_of,
    text_of,
)
from gateway.edge.forms import read_words
from gateway.edge.intents import QUIET_S
from gateway.edge.jsonrpc import INVALID_PARAMS, Fault
from gateway.edge.parts import Gateway
from gateway.edge.wanted import IntentBody, begin, read_plan
from gateway.errors import Conflict
from gateway.runs import Held

DOOR = "a2a"
RUNS_MAX = 1_000
# How long a message that wants to wait for the end is kept waiting.
BLOCKING_S_MAX = 300.0
OUTPUT_MODES = frozenset({"text/plain", "application/json"})


class AgentTasks:
    """The operations. They raise Fault, NotFound, and what `Intents` raises."""

    def __init__(self, gateway: Gateway) -> None:
        self._intents = gateway.intents
        self._runs = gateway.runs
        self._planning = gateway.planning
        self.pushing = Pushing(gateway.runs, gateway.settings.a2a)

    # What is asked.

    async def send(self, principal: Principal, asked: SendMessageParams) -> Held:
        """The run that a message begins, or goes on with. Raises Fault, and what `Intents` raises."""
        message, configuration = asked.message, asked.configuration
        config = configuration.task_push_notification_config
        listener = self.pushing.check(config) if not isinstance(config, UnsetType) else None
        if configuration.accepted_output_modes and OUTPUT_MODES.isdisjoint(configuration.accepted_output_modes):
            raise Fault(CONTENT_TYPE_NOT_SUPPORTED, "Answers here are text/plain and application/json.")
        if any(part.raw is not UNSET or part.url is not UNSET for part in message.parts):
            raise Fault(CONTENT_TYPE_NOT_SUPPORTED, "Parts here are text, or data.")
        if message.task_id:
            held = await self._go_on(principal, asked)
            await self._listen(principal, held.run.id, listener)
            return held
        told = data_of(message)
        words, mode = text_of(message), _read_mode(told.get("mode", "execute"))
        plan = read_plan(told["plan"]) if "plan" in told else None
        key, wanted = f"{DOOR} {message.message_id}", IntentBody(plan, intent=words, mode=mode)
        run = await begin(self._intents, self._planning, principal, wanted, DOOR, key, context=message.context_id)
        await self._listen(principal, run.id, listener)
        return await self._runs.find(principal, run.id)

    async def _listen(self, principal: Principal, task_id: str, listener: Listener | None) -> None:
        if listener is not None:
            await self.pushing.create(principal, task_id, listener)

    async def sent(self, principal: Principal, asked: SendMessageParams) -> dict[str, Any]:
        """The task that a message is about, once it has ended or waits for somebody, or at once where that is wanted."""
        held = await self.send(principal, asked)
        if not asked.configuration.return_immediately:
            held = await self._runs.wait(principal, held.run.id, BLOCKING_S_MAX)
        return {"task": await self.task(held)}

    async def _go_on(self, principal: Principal, asked: SendMessageParams) -> Held:
        """With what the message answers: values by the keys of the questions, or the text where one thing is asked."""
        message = asked.message
        held = await self._runs.find(principal, message.task_id)
        if message.context_id not in ("", context_of(held.run)):
            raise Fault(INVALID_PARAMS, "The task is of another context; leave contextId out, or send its own.")
        if state_of(held) in ENDED_STATES:
            raise Fault(UNSUPPORTED_OPERATION, f"The task has ended ({held.run.state}); send a message without taskId.")
        if held.run.state in MOVING:
            raise Fault(UNSUPPORTED_OPERATION, "The task asks nothing now; subscribe to it, or cancel it.")
        questions, values = held.progress.questions, data_of(message).get("values", {})
        if not isinstance(values, dict):
            raise Fault(INVALID_PARAMS, "`values` is an object: answers by the keys of the questions.")
        if not values and len(questions) == 1 and (words := text_of(message)):
            values = {questions[0].key: read_words(questions[0], words)}
        await self._intents.answer(principal, held.run.id, values)
        return await self._runs.find(principal, held.run.id)

    async def find(self, principal: Principal, task_id: str) -> Held:
        return await self._runs.find(principal, task_id)

    async def open(self, principal: Principal, task_id: str) -> Held:
        """One that can be subscribed to."""
        held = await self._runs.find(principal, task_id)
        if state_of(held) in ENDED_STATES:
            raise Fault(UNSUPPORTED_OPERATION, f"The task has ended ({held.run.state}); GetTask shows it.")
        return held

    async def cancel(self, principal: Principal, task_id: str) -> dict[str, Any]:
        held = await self._runs.find(principal, task_id)
        if state_of(held) in ENDED_STATES:
            raise Fault(TASK_NOT_CANCELABLE, f"The task has ended ({held.run.state}).")
        try:
            await self._intents.cancel(principal, task_id)
        except Conflict as error:
            raise Fault(TASK_NOT_CANCELABLE, error.detail) from error
        return await self.task(await self._runs.find(principal, task_id))

    # What is told.

    async def task(self, held: Held, *, with_artifacts: bool = True) -> dict[str, Any]:
        entries = await self._runs.journal(held.run.principal, held.run.id) if with_artifacts else None
        return task_of(held, entries)

    async def list(self, principal: Principal, asked: ListTasksParams) -> dict[str, Any]:
        """A page of tasks, the last changed first. Raises Fault."""
        runs = [
            run
            for run in await self._runs.list(principal, RUNS_MAX)
            if asked.context_id in ("", context_of(run))
            and (asked.status == "" or asked.status in states_of(run))
            and (asked.status_timestamp_after is UNSET or run.updated_at > asked.status_timestamp_after)
        ]
        runs.sort(key=lambda run: (run.updated_at, run.id), reverse=True)
        page, following = page_of(runs, asked)
        held = [await self._runs.find(principal, run.id) for run in page]
        tasks = [
            await self.task(one, with_artifacts=asked.include_artifacts)
            for one in held
            if asked.status in ("", state_of(one))
        ]
        return {"tasks": tasks, "nextPageToken": following, "pageSize": asked.page_size, "totalSize": len(runs)}

    async def follow(self, principal: Principal, held: Held) -> AsyncGenerator[dict[str, Any] | None]:
        """The task as it is, and each change of its status, until it has ended or asks something that only another message
        answers; None now and then, while nothing happens."""
        task = await self.task(held)
        yield {"task": task}
        last, shown = status_of(held), {one["artifactId"] for one in task["artifacts"]}
        if not _goes_on(held):
            return
        async for entry in self._runs.follow(principal, held.run.id, held.run.sequence, QUIET_S):
            if entry is None:
                yield None
                continue
            held = await self._runs.find(principal, held.run.id)
            status, ids = status_of(held), {"taskId": held.run.id, "contextId": context_of(held.run)}
            if {**status, "timestamp": ""} == {**last, "timestamp": ""}:
                continue
            last, entries = status, await self._runs.journal(principal, held.run.id)
            for artifact in artifacts_of(held, entries):
                if artifact["artifactId"] not in shown:
                    shown.add(artifact["artifactId"])
                    yield {"artifactUpdate": {**ids, "artifact": artifact, "lastChunk": True}}
            yield {"statusUpdate": {**ids, "status": status}}
            if not _goes_on(held):
                return


def _goes_on(held: Held) -> bool:
    """Whether there is something to wait for without another message: what waits for a yes goes on by itself."""
    is_open = state_of(held) not in ENDED_STATES
    return is_open and (held.run.state in MOVING or held.run.state in ("needs_approval", "needs_auth"))


def _read_mode(told: object) -> Mode:
    match told:
        case "execute" | "preview":
            return told
        case _:
            raise Fault(INVALID_PARAMS, "`mode` is execute or preview.")
