"""Calls that wait for a person's yes: list, approve, deny."""

from collections.abc import Sequence
from datetime import datetime
from typing import get_args

import rich_click as click

from gateway.app import open_decisions, open_store
from gateway.cli.grants import bounds, read_terms, terminal, until
from gateway.cli.login import remote_here
from gateway.cli.owner import now, open_here, settings_here
from gateway.cli.root import cli
from gateway.cli.terminal import asynchronous, out, table
from gateway.core.approval import Approval, State
from gateway.core.grant import USES_MAX
from gateway.edge.approvals import ApprovalList, ApprovalShown
from gateway.errors import BadRequest
from gateway.remote.gateway import segment
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
    found: Sequence[Approval]
    if (remote := remote_here()) is not None:
        found = remote.get("/v1/approvals", ApprovalList, state=state, limit=APPROVALS_SHOWN).approvals
    else:
        async with open_store(settings_here()) as store:
            found = await store.approvals(tenant, state, now(), APPROVALS_SHOWN)
    shown = table("approval", "for", "tool", "arguments", "needs", "until")
    for one in found:
        arguments = bytes(one.arguments).decode()
        shown.add_row(
            one.id, one.subject, one.tool, arguments, " and ".join(one.lacking), f"{one.expires_at:%Y-%m-%d %H:%M}"
        )
    out.print(shown)
    for one in found:
        if one.plan is not None and one.plan.writes and one.state == "pending":
            out.print(f"{one.id} is of a plan, to all of which `approve --plan` says yes:")
            for write in one.plan.writes:
                out.print(f"  {write}", markup=False)


@approvals.command("approve")
@click.argument("approval_id")
@click.option("--grant-uses", type=click.IntRange(1, USES_MAX), help="Yes to so many such calls in future too.")
@click.option("--plan", "whole_plan", is_flag=True, help="Yes to every write of the plan that the call is a step of.")
@until
@bounds
@click.pass_obj
@asynchronous
async def approve_call(
    tenant: str,
    approval_id: str,
    whole_plan: bool,
    grant_uses: int | None,
    until: datetime | None,
    arguments: str | None,
    amount: str | None,
) -> None:
    """Say yes to exactly that call, for everybody whose yes it needs: whoever owns the store may. With --grant-uses and
    --until also to such calls in future: without --arguments, to the very same one."""
    if (remote := remote_here()) is not None:
        if grant_uses is not None:
            raise BadRequest("A grant for further uses is given where the store is.")
        body = {"whole_plan": True} if whole_plan else None
        one = remote.post(f"/v1/approvals/{segment(approval_id)}/approve", ApprovalShown, body)
        out.print(f"{one.id} is {one.state}" + (f": it waits for {' and '.join(one.lacking)}" if one.lacking else ""))
        return
    if grant_uses is None:
        if until or arguments or amount:
            raise BadRequest("--until, --arguments and --amount bound a grant; say --grant-uses too.")
        async with open_decisions(settings_here()) as (held, _):
            found = await held.find(tenant, approval_id)
            await held.approve(terminal(tenant, found.groups), approval_id, whole_plan=whole_plan)
        what = f"{found.tool} may be called once, with those arguments," if not whole_plan else "its plan may be done"
        out.print(f"{approval_id} is approved: {what} for {found.subject}")
        return
    if whole_plan:
        raise BadRequest("A yes to a whole plan gives no grant: say --plan or --grant-uses.")
    terms = read_terms(grant_uses, until, arguments, amount)
    async with open_here() as gateway:
        found = await gateway.approvals.find(tenant, approval_id)
        decided = await gateway.approvals.approve(terminal(tenant, found.groups), approval_id, terms)
    out.print(
        f"{approval_id} is approved, and the grant {decided.grant} lets {found.subject} call {found.tool} so again"
    )


@approvals.command("deny")
@click.argument("approval_id")
@click.option("--reason", default="", help="Whoever asked is told.")
@click.pass_obj
@asynchronous
async def deny_call(tenant: str, approval_id: str, reason: str) -> None:
    """Say no."""
    if (remote := remote_here()) is not None:
        remote.post(f"/v1/approvals/{segment(approval_id)}/deny", ApprovalShown, {"reason": reason})
        out.print(f"{approval_id} is denied")
        return
    async with open_decisions(settings_here()) as (held, _):
        found = await held.find(tenant, approval_id)
        await held.deny(terminal(tenant, found.groups), approval_id, reason)
    out.print(f"{approval_id} is denied")
