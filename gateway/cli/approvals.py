"""Calls that wait for a person's yes: list, approve, deny."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import get_args

import msgspec
import rich_click as click

from gateway.app import open_store
from gateway.approvals import Approvals
from gateway.audit import AuditLog
from gateway.cli.owner import now, settings_here
from gateway.cli.root import cli
from gateway.cli.terminal import asynchronous, out, table
from gateway.core.approval import State
from gateway.core.principal import OPERATOR, Principal
from gateway.serve import run

APPROVALS_SHOWN = 200


@cli.group(invoke_without_command=True)
@click.option("--tenant", default="default", show_default=True)
@click.option("--state", type=click.Choice(get_args(State)), default="pending", show_default=True)
@click.pass_context
def approvals(context: click.Context, tenant: str, state: State) -> None:
    """Calls that wait for a person's yes."""
    context.obj = tenant
    if context.invoked_subcommand is None:
        run(_show_approvals(tenant, state))


async def _show_approvals(tenant: str, state: State) -> None:
    async with open_store(settings_here()) as store:
        found = await store.approvals(tenant, state, now(), APPROVALS_SHOWN)
    shown = table("approval", "for", "tool", "arguments", "needs", "until")
    for one in found:
        arguments = bytes(one.arguments).decode()
        shown.add_row(
            one.id, one.subject, one.tool, arguments, " and ".join(one.lacking), f"{one.expires_at:%Y-%m-%d %H:%M}"
        )
    out.print(shown)


@approvals.command("approve")
@click.argument("approval_id")
@click.pass_obj
@asynchronous
async def approve_call(tenant: str, approval_id: str) -> None:
    """Say yes to exactly that call, for everybody whose yes it needs: whoever owns the store may."""
    async with _approvals() as held:
        found = await held.find(tenant, approval_id)
        await held.approve(_owner(tenant, found.groups), approval_id)
    out.print(f"{approval_id} is approved: {found.tool} may be called once, with those arguments, for {found.subject}")


@approvals.command("deny")
@click.argument("approval_id")
@click.option("--reason", default="", help="Whoever asked is told.")
@click.pass_obj
@asynchronous
async def deny_call(tenant: str, approval_id: str, reason: str) -> None:
    """Say no."""
    async with _approvals() as held:
        found = await held.find(tenant, approval_id)
        await held.deny(_owner(tenant, found.groups), approval_id, reason)
    out.print(f"{approval_id} is denied")


@asynccontextmanager
async def _approvals() -> AsyncIterator[Approvals]:
    settings = settings_here()
    async with open_store(settings) as store, AuditLog(store) as log:
        yield Approvals(store, log, ttl_s=settings.approvals.ttl_s, clock=now, new_id=lambda: "")


def _owner(tenant: str, groups: tuple[str, ...]) -> Principal:
    """A person at the terminal: another client than that of `factotum call`."""
    return msgspec.structs.replace(OPERATOR, tenant=tenant, client="terminal", groups=frozenset(groups))
