"""Standing intents: list them, look at one with its slots, say yes to it, pause it, let it go on, delete it."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import rich_click as click

from gateway.cli.grants import terminal
from gateway.cli.intents import print_answers
from gateway.cli.owner import open_here, operator
from gateway.cli.root import cli
from gateway.cli.terminal import asynchronous, out, table
from gateway.cli.tools import of_tenant, remote_of
from gateway.core.principal import Principal
from gateway.core.schedule import Cron
from gateway.core.standing import Hook, Poll, Standing
from gateway.edge.standing import StandingList, StandingShown, StandingSummary, show_standing, summarise_standing
from gateway.remote.gateway import segment
from gateway.standing import Standings

STANDINGS_SHOWN = 100
PATH = "/v1/standing-intents"

Change: TypeAlias = Callable[[Standings, Principal, str], Awaitable[Standing]]


@cli.group(invoke_without_command=True)
@click.pass_context
def standing(context: click.Context) -> None:
    """Intents that come by themselves."""
    if context.invoked_subcommand is None:
        context.invoke(list_standings)


@standing.command("list")
@of_tenant
@asynchronous
async def list_standings(tenant: str) -> None:
    """The newest first: all of the tenant here, at another gateway those that one may see."""
    if (remote := remote_of(tenant)) is not None:
        found = remote.get(PATH, StandingList, limit=STANDINGS_SHOWN).standing_intents
    else:
        async with open_here() as gateway:
            found = tuple(map(summarise_standing, await gateway.standings.list(tenant, STANDINGS_SHOWN)))
    shown = table("standing", "state", "for", "next", "runs", "wanted")
    for one in found:
        upcoming = f"{one.next_at:%Y-%m-%d %H:%M}" if one.next_at else ""
        shown.add_row(one.id, one.state, one.subject, upcoming, str(one.runs), one.intent)
    out.print(shown)


@standing.command("show")
@click.argument("name", metavar="STANDING")
@of_tenant
@asynchronous
async def show_one(name: str, tenant: str) -> None:
    """When it comes next, and what became of the slots before, in UTC; what the newest of them answered."""
    if (remote := remote_of(tenant)) is not None:
        _print(remote.get(f"{PATH}/{segment(name)}", StandingShown))
        return
    async with open_here() as gateway:
        found = await gateway.standings.find(tenant, name)
        me = await operator(gateway, tenant)
        _print(show_standing(await gateway.standings.tell(found, me.owner)))


@standing.command("approve")
@click.argument("name", metavar="STANDING")
@of_tenant
@asynchronous
async def approve_standing(name: str, tenant: str) -> None:
    """Say yes to what it does, with its tools as they are now."""
    await _change(name, tenant, "approve", Standings.approve)


@standing.command("pause")
@click.argument("name", metavar="STANDING")
@of_tenant
@asynchronous
async def pause_standing(name: str, tenant: str) -> None:
    """Let no slot come until it is resumed."""
    await _change(name, tenant, "pause", Standings.pause)


@standing.command("resume")
@click.argument("name", metavar="STANDING")
@of_tenant
@asynchronous
async def resume_standing(name: str, tenant: str) -> None:
    """Let slots come from now on; those that would have come meanwhile are none."""
    await _change(name, tenant, "resume", Standings.resume)


@standing.command("delete")
@click.argument("name", metavar="STANDING")
@of_tenant
@asynchronous
async def delete_standing(name: str, tenant: str) -> None:
    """Delete it, and what is told of its slots; its runs stay."""
    if (remote := remote_of(tenant)) is not None:
        told = remote.ask("DELETE", f"{PATH}/{segment(name)}", StandingSummary)
    else:
        async with open_here() as gateway:
            told = summarise_standing(await gateway.standings.delete(terminal(tenant), name))
    out.print(f"{told.id} is deleted")


async def _change(name: str, tenant: str, what: str, change: Change) -> None:
    if (remote := remote_of(tenant)) is not None:
        told: StandingSummary = remote.post(f"{PATH}/{segment(name)}/{what}", StandingShown)
    else:
        async with open_here() as gateway:
            told = summarise_standing(await change(gateway.standings, terminal(tenant), name))
    out.print(f"{told.id} is {told.state}" + (f": {told.detail}" if told.detail else ""))


def _print(shown: StandingShown) -> None:
    match shown.terms.trigger:
        case Cron(expression=expression, zone=zone):
            when = f"{expression} ({zone})"
        case Poll(tool=tool):
            when = f"{tool} shows another"
        case Hook():
            when = "when it is delivered to"
    out.print(f"{shown.id}  ({shown.state})  {shown.intent}")
    out.print(
        f"{when}, until {shown.terms.expires_at:%Y-%m-%d %H:%M}; for {shown.subject}, with {', '.join(shown.tools)}"
    )
    if shown.detail:
        out.print(shown.detail)
    for at in shown.upcoming:
        out.print(f"next: {at:%Y-%m-%d %H:%M}")
    slots = table("slot", "state", "intent", "why")
    for one in shown.past:
        slots.add_row(f"{one.at:%Y-%m-%d %H:%M}", one.state, one.intent, one.detail)
    if slots.row_count:
        out.print(slots)
    for one in shown.past:
        if one.answers:
            out.print(f"{one.at:%Y-%m-%d %H:%M}")
            print_answers(one.answers)
