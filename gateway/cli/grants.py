"""Standing yeses to bounded classes of calls: list, add, revoke."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import msgspec
import rich_click as click

from gateway.app import open_decisions
from gateway.cli.owner import open_here, settings_here
from gateway.cli.root import cli
from gateway.cli.terminal import asynchronous, out, table
from gateway.core.grant import USES_MAX, Amount, Grant, GrantState, Holder, NewGrant, Terms
from gateway.core.operation import Effect
from gateway.core.principal import OPERATOR, Principal
from gateway.errors import BadRequest
from gateway.serve import run

GRANTS_SHOWN = 200

EXAMPLE = "--tool shop_pay --until 2026-12-31 --arguments '{}'"

Command = Callable[..., Any]


def until(command: Command) -> Command:
    """The option that says when a grant ends."""
    formats = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]
    option = click.option("--until", type=click.DateTime(formats), help="Until when, in UTC; a day counts whole.")
    return option(command)


def bounds(command: Command) -> Command:
    """The options that say which arguments a grant is for."""
    amount = click.option(
        "--amount", metavar="/ARGUMENT=TOTAL", help="How much of that argument, over all uses together."
    )
    arguments = click.option("--arguments", metavar="SCHEMA", help="A JSON Schema over the arguments; {} for any.")
    return arguments(amount(command))


@cli.group(invoke_without_command=True)
@click.option("--tenant", default="default", show_default=True)
@click.option("--state", type=click.Choice(get_args(GrantState)), default="active", show_default=True)
@click.pass_context
def grants(context: click.Context, tenant: str, state: GrantState) -> None:
    """Standing yeses to bounded classes of calls."""
    context.obj = tenant
    if context.invoked_subcommand is None:
        run(_show_grants(tenant, state))


@grants.command("list")
@click.option("--state", type=click.Choice(get_args(GrantState)), default="active", show_default=True)
@click.pass_obj
def list_grants(tenant: str, state: GrantState) -> None:
    """List them, the newest first."""
    run(_show_grants(tenant, state))


async def _show_grants(tenant: str, state: GrantState) -> None:
    async with open_decisions(settings_here()) as (_, held):
        found = await held.list(tenant, state, GRANTS_SHOWN)
    shown = table("grant", "for", "client", "of", "arguments", "uses", "amount", "needs", "until")
    for one in found:
        amount = f"{one.amount.used} of {one.amount.total}" if one.amount else ""
        arguments = "exactly those of its approval" if one.digest else bytes(one.arguments).decode()
        uses, ends = f"{one.uses} of {one.uses_max}", f"{one.expires_at:%Y-%m-%d %H:%M}"
        needs = " and ".join(one.lacking)
        shown.add_row(one.id, one.subject, one.client, one.about, arguments, uses, amount, needs, ends)
    out.print(shown)


@grants.command("add")
@click.option("--for", "subject", required=True, help="For whom: the subject, as the audit log names it.")
@click.option("--client", required=True, help="Through which client: a key's id, or the client of a token.")
@click.option("--issuer", default="", help="The authorisation server that vouches for the subject; none for keys.")
@click.option("--tool", default="", help="The tool; or else --connector and --effect.")
@click.option("--connector", default="")
@click.option("--effect", type=click.Choice(get_args(Effect)))
@click.option("--uses", type=click.IntRange(1, USES_MAX), required=True, help="How many calls.")
@click.option("--group", "groups", multiple=True, help="Repeatable: groups whose yes it carries.")
@until
@bounds
@click.pass_obj
@asynchronous
async def add_grant(
    tenant: str,
    subject: str,
    client: str,
    issuer: str,
    tool: str,
    connector: str,
    effect: Effect | None,
    uses: int,
    groups: tuple[str, ...],
    until: datetime | None,
    arguments: str | None,
    amount: str | None,
) -> None:
    """Say yes to so many calls of a tool, within bounds, for everybody whose yes they need: whoever owns the store may."""
    asked = {
        "--tool (or --connector and --effect)": tool or (connector and effect),
        "--until": until,
        "--arguments": arguments,
    }
    if lacking := [name for name, told in asked.items() if not told]:
        raise BadRequest(f"A grant is bounded: say {', '.join(lacking)} too, such as {EXAMPLE}.")
    terms = read_terms(uses, until, arguments, amount)
    wanted = NewGrant(
        uses_max=terms.uses_max,
        expires_at=terms.expires_at,
        arguments=terms.arguments,
        amount=terms.amount,
        holder=Holder(subject, client, issuer),
        tool=tool,
        connector=connector,
        effect=effect,
        groups=groups,
    )
    async with open_here() as gateway:
        given = await gateway.grants.add(terminal(tenant, groups), wanted)
    _say(given)


@grants.command("revoke")
@click.argument("grant_id")
@click.option("--reason", default="", help="Whoever has it can read it.")
@click.pass_obj
@asynchronous
async def revoke_grant(tenant: str, grant_id: str, reason: str) -> None:
    """Take one back: no call is let through by it from now on."""
    async with open_decisions(settings_here()) as (_, held):
        await held.revoke(terminal(tenant), grant_id, reason)
    out.print(f"{grant_id} is revoked")


def _say(given: Grant) -> None:
    out.print(
        f"{given.id} lets {given.subject} call {given.about} {given.uses_max} times, until {given.expires_at:%Y-%m-%d %H:%M} UTC"
    )


def read_terms(uses: int, until: datetime | None, arguments: str | None, amount: str | None) -> Terms:
    """What the options bound a grant by. Raises BadRequest."""
    if until is None:
        raise BadRequest("A grant ends some day: say --until, such as --until 2026-12-31.")
    is_day = until.time() == datetime.min.time()
    end = until.replace(tzinfo=UTC) + (timedelta(days=1) if is_day else timedelta(0))
    told: dict[str, Any] = {"uses_max": uses, "expires_at": end}
    try:
        if arguments is not None:
            told["arguments"] = msgspec.json.decode(arguments, type=dict[str, Any])
        if amount is not None:
            argument, _, total = amount.partition("=")
            told["amount"] = msgspec.convert({"argument": argument, "total": total}, Amount)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise BadRequest(
            '--arguments is a JSON Schema such as \'{"properties": {"amount": {"maximum": 50}}, "required": ["amount"]}\', '
            "--amount is such as /amount=200."
        ) from error
    return Terms(**told)


def terminal(tenant: str, groups: tuple[str, ...] = ()) -> Principal:
    """A person at the terminal: another client than that of `factotum call`."""
    return msgspec.structs.replace(OPERATOR, tenant=tenant, client="terminal", groups=frozenset(groups))
