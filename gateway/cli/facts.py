"""What is remembered of a person: `factotum remember`, and `factotum facts` to look at it and to delete it."""

import rich_click as click

from gateway.cli.owner import open_here, operator
from gateway.cli.root import cli
from gateway.cli.terminal import asynchronous, out, table
from gateway.cli.tools import of_tenant, remote_of
from gateway.edge.memory import FactList, FactShown, Forgotten, NewFact, keep_fact, show_fact
from gateway.remote.gateway import segment

PATH = "/v1/memory"


@cli.command()
@click.argument("words", nargs=-1, required=True)
@of_tenant
@asynchronous
async def remember(words: tuple[str, ...], tenant: str) -> None:
    """Have a fact remembered: "the den is the living room", "my wife is anna@example.com", "my city is Oslo",
    "my default calendar is work", "my time zone is Europe/Berlin"."""
    said = " ".join(words)
    if (remote := remote_of(tenant)) is not None:
        told = remote.post(PATH, FactShown, NewFact(said))
    else:
        async with open_here() as gateway:
            told = await keep_fact(gateway, await operator(gateway, tenant), NewFact(said), "cli")
    out.print(f"{told.id}: {told.sentence}")


@cli.group(invoke_without_command=True)
@click.pass_context
def facts(context: click.Context) -> None:
    """What you had the gateway remember."""
    if context.invoked_subcommand is None:
        context.invoke(list_facts)


@facts.command("list")
@of_tenant
@asynchronous
async def list_facts(tenant: str) -> None:
    """All of it, the oldest first, and how often plans were made with it."""
    if (remote := remote_of(tenant)) is not None:
        found = remote.get(PATH, FactList).facts
    else:
        async with open_here() as gateway:
            found = tuple(map(show_fact, await gateway.memory.list(await operator(gateway, tenant))))
    shown = table("fact", "remembered", "said", "through", "at", "uses", "last")
    for one in found:
        last = f"{one.used_at:%Y-%m-%d}" if one.used_at else ""
        shown.add_row(one.id, one.sentence, one.said, one.client, f"{one.at:%Y-%m-%d}", str(one.uses), last)
    out.print(shown)


@facts.command("forget")
@click.argument("name", metavar="FACT", default="")
@click.option("--all", "everything", is_flag=True, help="Delete all of it.")
@of_tenant
@asynchronous
async def forget(name: str, everything: bool, tenant: str) -> None:
    """Delete one fact, or all."""
    if bool(name) == everything:
        raise click.UsageError("Name one fact, or say --all.")
    if (remote := remote_of(tenant)) is not None:
        count = remote.ask("DELETE", PATH if everything else f"{PATH}/{segment(name)}", Forgotten).facts
    else:
        async with open_here() as gateway:
            me = await operator(gateway, tenant)
            if everything:
                count = await gateway.memory.forget_all(me)
            else:
                await gateway.memory.forget(me, name)
                count = 1
    out.print(f"{count} deleted")
