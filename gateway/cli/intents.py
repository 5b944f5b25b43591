"""Intents: list them, look at one, answer what it asks, cancel it, take it back, have it told, follow it."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import get_args

import msgspec
import rich_click as click
from msgspec import Raw, Struct

from gateway.cli.owner import open_here, operator
from gateway.cli.root import cli
from gateway.cli.terminal import asynchronous, out, table
from gateway.cli.tools import json_object, of_tenant, remote_of
from gateway.core.principal import Principal
from gateway.core.tell import Sentence
from gateway.edge.intents import (
    QUIET_S,
    CallShown,
    IntentExplained,
    IntentList,
    IntentShown,
    Level,
    show_explanation,
    show_run,
    summarise_run,
    tell_event,
)
from gateway.edge.parts import Gateway
from gateway.edge.wanted import WAIT_S_MAX
from gateway.remote.gateway import segment

INTENTS_SHOWN = 100

in_json = click.option("--json", "as_json", is_flag=True, help="As REST has it.")
waiting = click.option(
    "--wait",
    type=click.FloatRange(0, WAIT_S_MAX),
    default=WAIT_S_MAX,
    show_default=True,
    metavar="SECONDS",
    help="Until it rests or has ended, so long at most. Without --gateway it goes on only as long.",
)


@asynccontextmanager
async def _here(tenant: str, *, carries_out: bool = False) -> AsyncIterator[tuple[Gateway, Principal]]:
    async with open_here(carries_out=carries_out) as gateway:
        yield gateway, await operator(gateway, tenant)


@cli.group(invoke_without_command=True)
@click.pass_context
def intents(context: click.Context) -> None:
    """What was wanted, and what came of it: one's own alone."""
    if context.invoked_subcommand is None:
        context.invoke(list_intents)


@intents.command("list")
@of_tenant
@asynchronous
async def list_intents(tenant: str) -> None:
    """The newest first."""
    if (remote := remote_of(tenant)) is not None:
        found = remote.get("/v1/intents", IntentList, limit=INTENTS_SHOWN).intents
    else:
        async with _here(tenant) as (gateway, me):
            found = tuple(map(summarise_run, await gateway.runs.list(me, INTENTS_SHOWN)))
    shown = table("intent", "state", "mode", "changed", "wanted")
    for one in found:
        shown.add_row(one.id, one.state, one.mode, f"{one.updated_at:%Y-%m-%d %H:%M}", one.intent)
    out.print(shown)


@intents.command("show")
@click.argument("intent")
@in_json
@of_tenant
@asynchronous
async def show_intent(intent: str, as_json: bool, tenant: str) -> None:
    """Its steps and calls, what it asks and what it has used."""
    if (remote := remote_of(tenant)) is not None:
        shown = remote.get(f"/v1/intents/{segment(intent)}", IntentShown)
    else:
        async with _here(tenant) as (gateway, me):
            shown = show_run(await gateway.runs.find(me, intent))
    _print_json(shown) if as_json else print_intent(shown)


@intents.command("answer")
@click.argument("intent")
@click.argument("values", default="{}")
@waiting
@of_tenant
@asynchronous
async def answer_intent(intent: str, values: str, wait: float, tenant: str) -> None:
    """Answer what it asks with VALUES, a JSON object by the keys of its questions; without any, let one go on that waited for
    a scope, a credential or a yes."""
    told = json_object(values, "VALUES")
    if (remote := remote_of(tenant)) is not None:
        body = {"values": told, "wait_s": wait}
        print_intent(remote.post(f"/v1/intents/{segment(intent)}/inputs", IntentShown, body))
        return
    async with _here(tenant, carries_out=True) as (gateway, me):
        await gateway.intents.answer(me, intent, told)
        print_intent(show_run(await gateway.runs.wait(me, intent, wait)))


@intents.command("cancel")
@click.argument("intent")
@of_tenant
@asynchronous
async def cancel_intent(intent: str, tenant: str) -> None:
    """Make no further call; what has left has left."""
    if (remote := remote_of(tenant)) is not None:
        print_intent(remote.post(f"/v1/intents/{segment(intent)}/cancel", IntentShown))
        return
    async with _here(tenant) as (gateway, me):
        await gateway.intents.cancel(me, intent)
        print_intent(show_run(await gateway.runs.find(me, intent)))


@intents.command("undo")
@click.argument("intent")
@waiting
@of_tenant
@asynchronous
async def undo_intent(intent: str, wait: float, tenant: str) -> None:
    """Take back what it did, the last first."""
    if (remote := remote_of(tenant)) is not None:
        path = f"/v1/intents/{segment(intent)}"
        remote.post(f"{path}/undo", IntentShown)
        print_intent(remote.get(path, IntentShown))
        return
    async with _here(tenant, carries_out=True) as (gateway, me):
        await gateway.intents.undo(me, intent)
        print_intent(show_run(await gateway.runs.wait(me, intent, wait)))


@intents.command("explain")
@click.argument("intent")
@click.option(
    "--level", type=click.Choice(get_args(Level)), default="full", show_default=True, help="How much is told."
)
@in_json
@of_tenant
@asynchronous
async def explain_intent(intent: str, level: Level, as_json: bool, tenant: str) -> None:
    """Sentences, each with how sure it is and the events that it comes from.

    `brief` leaves out what was read on the way, `evidence` shows the events too."""
    if (remote := remote_of(tenant)) is not None:
        told = remote.get(f"/v1/intents/{segment(intent)}/explanation", IntentExplained, level=level)
    else:
        async with _here(tenant) as (gateway, me):
            held = await gateway.runs.find(me, intent)
            entries = await gateway.runs.journal(me, intent)
        told = show_explanation(held, entries, level)
    if as_json:
        _print_json(told)
        return
    for one in told.sentences:
        tools = f"{', '.join(one.tools)}; " if one.tools else ""
        out.print(f"{one.text}  [{tools}{one.certainty}; {', '.join(map(str, one.rows))}]")
    for row in told.rows:
        out.print(f"  {row.sequence}  {row.kind}  {bytes(row.event).decode()}", markup=False)
    out.print(f"It is {told.state}.")


@intents.command("events")
@click.argument("intent")
@click.option("--after", type=click.IntRange(min=0), default=0, show_default=True, help="From the one after this on.")
@click.option("--follow", is_flag=True, help="Those to come too, until it has ended.")
@of_tenant
@asynchronous
async def follow_intent(intent: str, after: int, follow: bool, tenant: str) -> None:
    """Its journal: one line for each event, with its number, its kind and what it says, as JSON."""
    if (remote := remote_of(tenant)) is not None:
        path = f"/v1/intents/{segment(intent)}"
        last = None if follow else remote.get(path, IntentShown).sequence
        for number, kind, data in remote.follow(f"{path}/events", after, last):
            _print_event(number, kind, data)
        return
    async with _here(tenant) as (gateway, me):
        if not follow:
            for entry in await gateway.runs.journal(me, intent, after):
                _print_event(entry.sequence, *tell_event(entry))
            return
        async for one in gateway.runs.follow(me, intent, after, QUIET_S):
            if one is not None:
                _print_event(one.sequence, *tell_event(one))


def _print_event(number: int, kind: str, data: bytes) -> None:
    out.print(f"{number} {kind} {data.decode()}")


def _print_json(told: Struct) -> None:
    out.print(msgspec.json.format(msgspec.json.encode(told), indent=2).decode())


def print_answers(sentences: Iterable[Sentence]) -> None:
    """What was asked, with the tools that it was read with, and what the person had remembered for it."""
    for one in sentences:
        if one.certainty == "remembered":
            out.print(one.text)
        if one.tools:
            out.print(f"{one.text} ({', '.join(one.tools)}, {one.certainty})")


def _print_preview(step: str, call: CallShown) -> None:
    """The request that would be sent, but its headers, which `intents show --json` has."""
    if not isinstance(call.request, Raw):
        return
    request = msgspec.json.decode(call.request)
    out.print(
        f"{step} ({call.iteration + 1}): {request['method']} {request['url']}  {request.get('body') or ''}".rstrip()
    )
    if call.undo:
        out.print(f"  {call.undo} would take it back.")


def print_intent(shown: IntentShown) -> None:
    """For a person: its state, each call with what became of it, what it asks, and where a yes is given."""
    out.print(f"{shown.id}  ({shown.state})  {shown.intent}")
    if shown.detail:
        out.print(shown.detail)
    calls = table("step", "tool", "item", "state", "answer")
    for step in shown.steps:
        for one in step.calls:
            calls.add_row(step.name, step.tool, str(one.iteration + 1), one.state, one.detail or str(one.status or ""))
    if calls.row_count:
        out.print(calls)
    for step in shown.steps:
        for one in step.calls:
            _print_preview(step.name, one)
    for question in shown.questions:
        out.print(f"{question.key}: {question.question}  {msgspec.json.encode(question.schema).decode()}")
    if shown.questions:
        out.print(f"factotum intents answer {shown.id} '{{\"{shown.questions[0].key}\": ...}}'")
    if shown.approval is not None:
        out.print(f"factotum approvals approve {shown.approval.id}  {shown.approval.url}".rstrip())
