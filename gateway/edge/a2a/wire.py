"""What A2A says, and how a run reads as a task. Shapes as in the JSON of its protocol buffers; knows no transport.

Source: A2A 1.0, specification section 4 and specification/a2a.proto.
"""

import base64
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from gateway.core.account import account
from gateway.core.run import Entry, Run, RunState
from gateway.edge.intents import show_run
from gateway.edge.jsonrpc import INVALID_PARAMS, Fault
from gateway.runs import Held

PAGE_TASKS = 50
PAGE_TASKS_MAX = 100
PARTS_MAX = 100
# Beyond it a double stands for several integers.
INTEGER_MAX = 1 << 53
# Beyond that, results of calls are in the gateway's own events alone.
RESULTS_BYTES_MAX = 1 << 20

TaskState = Literal[
    "TASK_STATE_SUBMITTED", "TASK_STATE_WORKING", "TASK_STATE_COMPLETED", "TASK_STATE_FAILED", "TASK_STATE_CANCELED",
    "TASK_STATE_INPUT_REQUIRED", "TASK_STATE_REJECTED", "TASK_STATE_AUTH_REQUIRED",
]  # fmt: skip

# What each state of a run can be here; an uncertain one asks, where somebody can tell what became of it.
STATES: dict[RunState, tuple[TaskState, ...]] = {
    "received": ("TASK_STATE_SUBMITTED",),
    "planning": ("TASK_STATE_WORKING",),
    "running": ("TASK_STATE_WORKING",),
    "verifying": ("TASK_STATE_WORKING",),
    "compensating": ("TASK_STATE_WORKING",),
    "needs_input": ("TASK_STATE_INPUT_REQUIRED",),
    "needs_auth": ("TASK_STATE_AUTH_REQUIRED",),
    "needs_approval": ("TASK_STATE_AUTH_REQUIRED",),
    "done": ("TASK_STATE_COMPLETED",),
    "failed": ("TASK_STATE_FAILED",),
    "cancelled": ("TASK_STATE_CANCELED",),
    "compensated": ("TASK_STATE_CANCELED",),
    "rejected": ("TASK_STATE_REJECTED",),
    "uncertain": ("TASK_STATE_INPUT_REQUIRED", "TASK_STATE_FAILED"),
}
ENDED_STATES: frozenset[TaskState] = frozenset(
    {"TASK_STATE_COMPLETED", "TASK_STATE_FAILED", "TASK_STATE_CANCELED", "TASK_STATE_REJECTED"}
)


class _Shape(Struct, frozen=True, rename="camel"):
    """Members that are not known are left alone, as protocol buffers do."""


class Part(_Shape, frozen=True):
    """`text`, `data`, or bytes or a URL, of which there are none here."""

    text: str | UnsetType = UNSET
    data: Any = UNSET
    raw: Raw | UnsetType = UNSET
    url: Raw | UnsetType = UNSET


class AgentMessage(_Shape, frozen=True):
    message_id: Annotated[str, Meta(min_length=1, max_length=190)]
    parts: Annotated[tuple[Part, ...], Meta(min_length=1, max_length=PARTS_MAX)]
    role: Literal["ROLE_USER"] = "ROLE_USER"
    context_id: Annotated[str, Meta(max_length=200)] = ""
    task_id: str = ""


_Visible = Annotated[str, Meta(pattern="^[\\x20-\\x7e]*$", max_length=4_000)]


class Authentication(_Shape, frozen=True):
    scheme: Annotated[str, Meta(pattern="^[A-Za-z0-9!#$%&'*+.^_`|~-]*$", max_length=50)] = ""
    credentials: _Visible = ""


class PushConfig(_Shape, frozen=True):
    """Whom a task tells."""

    url: Annotated[str, Meta(min_length=1, max_length=2_000)]
    id: Annotated[str, Meta(pattern="^[A-Za-z0-9_.-]*$", max_length=64)] = ""
    task_id: str = ""
    token: _Visible = ""
    authentication: Authentication | UnsetType = UNSET


class PushParams(_Shape, frozen=True):
    task_id: str
    id: str = ""


class SendConfiguration(_Shape, frozen=True):
    accepted_output_modes: tuple[str, ...] = ()
    task_push_notification_config: PushConfig | UnsetType = UNSET
    return_immediately: bool = False


class SendMessageParams(_Shape, frozen=True):
    message: AgentMessage
    configuration: SendConfiguration = SendConfiguration()


class TaskParams(_Shape, frozen=True):
    id: str


class ListTasksParams(_Shape, frozen=True):
    context_id: str = ""
    status: TaskState | Literal["", "TASK_STATE_UNSPECIFIED"] = ""
    page_size: Annotated[int, Meta(ge=1, le=PAGE_TASKS_MAX)] = PAGE_TASKS
    page_token: Annotated[str, Meta(max_length=500)] = ""
    status_timestamp_after: datetime | UnsetType = UNSET
    include_artifacts: bool = False


def text_of(message: AgentMessage) -> str:
    """The words of a message."""
    return "\n".join(part.text for part in message.parts if part.text is not UNSET)


def data_of(message: AgentMessage) -> dict[str, Any]:
    """The members of its data parts. Raises Fault where one is no object. Numbers there are those of protocol buffers, which know
    no integers: 2 comes as 2.0."""
    told: dict[str, Any] = {}
    for part in message.parts:
        if part.data is UNSET:
            continue
        if not isinstance(part.data, dict):
            raise Fault(INVALID_PARAMS, "A data part here is an object: with a `plan`, or with `values`.")
        told |= _whole(part.data)
    return told


def _whole(value: Any) -> Any:
    match value:
        case dict():
            return {key: _whole(one) for key, one in value.items()}
        case list():
            return [_whole(one) for one in value]
        case float() if value.is_integer() and abs(value) <= INTEGER_MAX:
            return int(value)
        case _:
            return value


def context_of(run: Run) -> str:
    """A task that was begun in no context is one of its own."""
    return run.context or run.id


def states_of(run: Run) -> tuple[TaskState, ...]:
    """What its state can be: one that had ended stays as it was, though what it did is taken back."""
    return STATES[run.ended_as or run.state]


def state_of(held: Held) -> TaskState:
    first, *other = states_of(held.run)
    return first if not other or (held.progress.questions and held.run.ended_as is None) else other[0]


def status_of(held: Held) -> dict[str, Any]:
    """A TaskStatus, with what is asked, or what went wrong, as a message."""
    run, shown = held.run, show_run(held, 0)
    told: dict[str, Any] = {
        "state": state_of(held),
        "timestamp": run.updated_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
    }
    since = f"What it did is being taken back since: {run.state}." if run.ended_as is not None else ""
    texts = [since, shown.detail, *(one.question for one in shown.questions)]
    parts: list[dict[str, Any]] = [{"text": one} for one in dict.fromkeys(filter(None, texts))]
    if shown.questions:
        parts.append({"data": {"questions": shown.questions}})
    if shown.approval is not None:
        parts.append({"data": {"approval": shown.approval}})
    if parts:
        told["message"] = {
            "messageId": f"{run.id}-{run.sequence}",
            "role": "ROLE_AGENT",
            "taskId": run.id,
            "contextId": context_of(run),
            "parts": parts,
        }
    return told


def task_of(held: Held, entries: Sequence[Entry] | None) -> dict[str, Any]:
    """A Task, with artifacts where its journal is given."""
    run = held.run
    told = {
        "id": run.id,
        "contextId": context_of(run),
        "status": status_of(held),
        "metadata": {"io.factotum/state": run.state, "io.factotum/mode": run.mode},
    }
    return told if entries is None else told | {"artifacts": artifacts_of(held, entries)}


def artifacts_of(held: Held, entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """The plan once there is one, and once it has ended what came of it: sentences with how sure each is, and what became of each
    call."""
    run = held.run
    plan = [{"artifactId": "plan", "name": "The plan", "parts": [{"data": run.plan}]}] if run.spoken is None else []
    if state_of(held) not in ENDED_STATES:
        return plan
    sentences = account(run, held.progress, entries)
    shown = show_run(held, RESULTS_BYTES_MAX)
    steps = [{"name": one.name, "tool": one.tool, "calls": one.calls} for one in shown.steps]
    texts = [{"text": one.text} for one in sentences]
    data = {"state": run.state, "sentences": sentences, "steps": steps}
    return [*plan, {"artifactId": "result", "name": "What came of it", "parts": [*texts, {"data": data}]}]


def page_of(runs: Sequence[Run], asked: ListTasksParams) -> tuple[Sequence[Run], str]:
    """A page of runs, which are the last changed first, and the token of the next one. Raises Fault."""
    if asked.page_token:
        after = _read_token(asked.page_token)
        runs = [run for run in runs if (run.updated_at, run.id) < after]
    page = runs[: asked.page_size]
    if len(runs) <= asked.page_size:
        return page, ""
    last = page[-1]
    return page, base64.urlsafe_b64encode(f"{last.updated_at.isoformat()} {last.id}".encode()).decode()


def _read_token(token: str) -> tuple[datetime, str]:
    try:
        at, _, run_id = base64.urlsafe_b64decode(token.encode()).decode().partition(" ")
        when = datetime.fromisoformat(at)
    except ValueError as error:
        raise Fault(INVALID_PARAMS, "That pageToken is none of ours; begin again without one.") from error
    if when.tzinfo is None:
        raise Fault(INVALID_PARAMS, "That pageToken is none of ours; begin again without one.")
    return when, run_id
