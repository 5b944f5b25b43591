"""The runner that plans without a model: a gateway before the house, its graph planner, and its runs.

An answer is the sentences of its account: what was asked, answered, and what became of each call.
"""

import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from msgspec import structs

from benchmarks.intents.house import CONNECTORS, POLICY_PACKS, SECRETS, House
from benchmarks.intents.runner import Choice, Happened, Proposal, Question, Runner, Task
from gateway.app import open_gateway
from gateway.core.account import account
from gateway.core.manifest import Manifest
from gateway.core.planned import Asks, Comes, Impossible, Proposes, Ready
from gateway.core.principal import OPERATOR
from gateway.core.run import Question as RunQuestion
from gateway.edge.parts import Gateway
from gateway.fetch import Offered
from gateway.runs import Held
from gateway.settings import ApprovalSettings, MemoryStore, Secrets, Settings

ROUNDS_MAX = 10
WAIT_S = 20.0
ZONE = "Europe/Berlin"


@asynccontextmanager
async def graph_runner(house: House) -> AsyncIterator[Runner]:
    """Open while the gateway is. The house is served."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            store=MemoryStore(),
            data_dir=folder,
            connectors_dir=folder,
            policy_packs=POLICY_PACKS,
            approvals=ApprovalSettings(),
        )
        clock = _Clock()
        async with open_gateway(settings, Secrets(SECRETS), clock=clock) as gateway:
            for name, told in house.manifests().items():
                manifest = msgspec.convert(told, Manifest)
                await gateway.ingestion.add(OPERATOR, Offered(manifest, folder=CONNECTORS / name))

            async def run(task: Task) -> Happened:
                clock.set(task.now)
                principal = structs.replace(task.principal, method="local")
                return await _run(gateway, structs.replace(task, principal=principal))

            yield run


class _Clock:
    """Goes on from when a case begins."""

    def __init__(self) -> None:
        self.set(datetime.now(UTC))

    def set(self, now: datetime) -> None:
        self._now, self._since = now.astimezone(UTC), time.monotonic()

    def __call__(self) -> datetime:
        return self._now + timedelta(seconds=time.monotonic() - self._since)


async def _run(gateway: Gateway, task: Task) -> Happened:
    planned = await gateway.planning.plan(task.principal, task.text, "benchmark", zone=ZONE, now=task.now)
    match planned:
        case Impossible(reason=reason):
            return Happened("failed", reason)
        case Comes(when=when):
            return Happened("proposed", when)
        case Proposes(sentence=sentence):
            return Happened("proposed", sentence)
        case Asks(question=question, choices=choices):
            told = tuple(Choice(one.value, one.label) for one in choices)
            await task.person.answer(Question(question, "", told))
            return Happened("needs_input", question)
        case Ready(plan=plan):
            begun = await gateway.intents.start(task.principal, plan, "execute", "benchmark")
            return await _see_through(gateway, task, begun.id)


async def _see_through(gateway: Gateway, task: Task, run_id: str) -> Happened:
    """To its end, with the person's answers."""
    for _ in range(ROUNDS_MAX):
        held = await gateway.runs.wait(task.principal, run_id, WAIT_S)
        if held.run.state == "needs_input":
            values: dict[str, Any] = {}
            for question in held.progress.questions:
                reply = await task.person.answer(_question(question))
                if reply is None or reply.value is msgspec.UNSET:
                    return Happened("needs_input", question.question)
                values[question.key] = reply.value
            await gateway.intents.answer(task.principal, run_id, values)
        elif held.run.state == "needs_approval" and held.progress.waiting is not None:
            waiting = held.progress.waiting
            asked_for = await gateway.approvals.find(task.principal.tenant, waiting.approval)
            groups = frozenset(asked_for.groups)
            approver = structs.replace(task.principal, subject="somebody", client="page", groups=groups)
            if await task.person.approve(Proposal(waiting.detail, _tool(held, waiting.step))):
                await gateway.approvals.approve(approver, waiting.approval)
            else:
                await gateway.approvals.deny(approver, waiting.approval, "no")
            await gateway.intents.answer(task.principal, run_id, {})
        else:
            break
    entries = await gateway.runs.journal(task.principal, run_id)
    sentences = [one.text for one in account(held.run, held.progress, entries)]
    return Happened(held.run.state, "\n".join(sentences))


def _tool(held: Held, step: str) -> str:
    return next((one.tool for one in held.run.plan.steps if one.name == step), "")


def _question(asked: RunQuestion) -> Question:
    listed = [
        (one["const"], str(one.get("title", one["const"]))) for one in asked.schema.get("anyOf", ()) if "const" in one
    ]
    listed = listed or [(one, str(one)) for one in asked.schema.get("enum", ())]
    return Question(asked.question, asked.key.rpartition("/")[2], tuple(Choice(*pair) for pair in listed))
